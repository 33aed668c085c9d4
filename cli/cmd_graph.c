/* cmd_graph.c - whet graph MODEL */
#include <string.h>
#include "commands.h"
#include "whet/run.h"

typedef struct args {
    int dot, list;
    const char *after;
} args;

static const cli_option options[] = {
    CLI_ROW(args, dot, "dot", 0, CLI_FLAG, NULL, "as a Graphviz file"),
    CLI_ROW(args, after, "after", 0, CLI_TEXT, "PASS", "as it is behind this pass of the engine, or 'all'"),
    CLI_ROW(args, list, "list-passes", 0, CLI_FLAG, NULL, "names of the passes, in their order"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static void json_text(const char *s)
{
    putchar('"');
    for (; *s; s++)
        if (*s == '"' || *s == '\\')
            printf("\\%c", *s);
        else
            putchar(*s);
    putchar('"');
}

static int list_passes(const cli *c)
{
    cli_table *t = cli_table_new(NULL);
    if (c->common.json)
        printf("{\"schema\":\"whet.graph/1\",\"passes\":[");
    for (size_t i = 0; wt_pass_name(i); i++) {
        if (!c->common.json) {
            cli_table_row(t, "%s\t%s", wt_pass_name(i), wt_pass_summary(i));
            continue;
        }
        printf("%s{\"name\":", i ? "," : "");
        json_text(wt_pass_name(i));
        printf(",\"summary\":");
        json_text(wt_pass_summary(i));
        putchar('}');
    }
    if (c->common.json)
        puts("]}");
    cli_table_print(t, stdout);
    return cli_flush();
}

static bool ends(const char *s, const char *suffix)
{
    const size_t n = strlen(s), k = strlen(suffix);
    return n >= k && !strcmp(s + n - k, suffix);
}

static wt_status to_stdout(void *user, const char *bytes, size_t len, wt_err *err)
{
    (void)user, (void)err;
    fwrite(bytes, 1, len, stdout); /* what could not be written shows when the output is flushed */
    return WT_OK;
}

static void print(cli *c, const wt_result *r)
{
    char size[32];
    if (wt_result_has(r, "file") && c->common.verbose)
        printf("%s: %s, %.0f nodes\n", wt_result_string(r, "", "file"),
               cli_bytes(wt_result_number(r, 0, "bytes"), size, sizeof size), wt_result_number(r, 0, "nodes"));
}

static int run(cli *c)
{
    const args *a = c->args;
    const char *out = c->common.output;
    wt_draw_options o = wt_draw_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    if (a->list)
        return list_passes(c);
    if (!c->n_inputs)
        return cli_usage(c, "not enough arguments: whet graph MODEL");
    o.exec = cli_exec(c);
    o.after = a->after;
    o.output = out;
    o.force = c->common.force;
    o.form = a->dot || (out && (ends(out, ".dot") || ends(out, ".gv"))) ? WT_PRINT_DOT
             : out && ends(out, ".svg")                                 ? WT_PRINT_SVG
                                                                        : WT_PRINT_TEXT;
    const wt_status st = wt_draw(&result, c->ctx, c->inputs[0], &o, c->common.json ? NULL : to_stdout, NULL, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_graph = {
    .name = "graph",
    .summary = "shows the graph of a model as text, Graphviz or SVG",
    .usage = "MODEL [--dot] [--after PASS] [-o FILE.svg]",
    .details = "-o FILE writes SVG where the name ends in .svg, Graphviz for .dot and .gv, else text. --after shows "
               "what the engine\n"
               "makes of the model.",
    .options = options,
    .args_size = sizeof(args),
    .max_inputs = 1,
    .run = run,
};
