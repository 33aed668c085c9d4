/* cmd_embed.c - whet embed MODEL [TEXT...] */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "whet/language.h"

typedef struct args {
    const char *pooling;
    int no_normalize;
} args;

static const cli_option options[] = {
    { "pooling", 0, CLI_CHOICE, offsetof(args, pooling), "HOW", "how tokens become one vector (default: the model's)",
      "mean/cls/last" },
    CLI_ROW(args, no_normalize, "no-normalize", 0, CLI_FLAG, NULL, "leave the vectors as long as they are"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static void print(cli *c, const wt_result *r)
{
    (void)c;
    for (size_t i = 0; i < wt_result_count(r, "embeddings"); i++) {
        const size_t n = wt_result_count(r, "embeddings[%zu]", i);
        for (size_t j = 0; j < n; j++)
            printf("%s%.7g", j ? " " : "", wt_result_number(r, 0, "embeddings[%zu][%zu]", i, j));
        printf("\n");
    }
}

/* Cuts a text into its lines, in place; the caller frees the list. */
static const char **cut_lines(char *text, size_t *count)
{
    size_t n = 0, cap = 1;
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        cap++;
    const char **lines = malloc(cap * sizeof *lines);
    for (char *p = text; lines && *p;) {
        lines[n++] = p;
        p += strcspn(p, "\n");
        if (*p)
            *p++ = 0;
    }
    *count = n;
    return lines;
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_embed_options o = wt_embed_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    size_t n = c->n_inputs - 1;
    char *text = NULL;
    const char **lines = NULL;
    o.language.threads = c->common.threads;
    o.pooling = a->pooling;
    o.no_normalize = a->no_normalize;
    wt_status st = n ? WT_OK : cli_read_string(NULL, &text, &err);
    if (st == WT_OK && !n && !(lines = cut_lines(text, &n)))
        st = cli_error(&err, WT_ENOMEM, "standard input", "no memory for its lines", "");
    if (st == WT_OK)
        st = wt_embed(&result, c->ctx, c->inputs[0], lines ? lines : c->inputs + 1, n, &o, &err);
    free(text);
    free(lines);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_embed = {
    .name = "embed",
    .summary = "sentence embeddings: texts as vectors",
    .usage = "MODEL [TEXT...]",
    .details = "Without TEXT every line of standard input is one. Vectors are scaled to length one unless "
               "--no-normalize is given.",
    .options = options,
    .args_size = sizeof(args),
    .min_inputs = 1,
    .max_inputs = 4096,
    .run = run,
};
