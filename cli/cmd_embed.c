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

/* One text a line of standard input. */
static char **read_lines(size_t *count)
{
    char **lines = NULL, *line = NULL;
    size_t n = 0, cap = 0, size = 0;
    ssize_t len;
    while ((len = getline(&line, &size, stdin)) >= 0) {
        if (n == cap) {
            char **more = realloc(lines, (cap = cap ? 2 * cap : 64) * sizeof *lines);
            if (!more)
                break;
            lines = more;
        }
        if (len && line[len - 1] == '\n')
            line[len - 1] = 0;
        lines[n++] = line;
        line = NULL;
        size = 0;
    }
    free(line);
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
    char **lines = n ? NULL : read_lines(&n);
    o.language.threads = c->common.threads;
    o.pooling = a->pooling;
    o.no_normalize = a->no_normalize;
    const char *const *texts = lines ? (const char *const *)lines : c->inputs + 1;
    const wt_status st = wt_embed(&result, c->ctx, c->inputs[0], texts, n, &o, &err);
    for (size_t i = 0; lines && i < n; i++)
        free(lines[i]);
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
