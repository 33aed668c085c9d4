/* onnx_rewrite - reads ONNX files and writes them again, for the scripts that ask other engines whether they still mean
 * the same.
 *
 *     onnx_rewrite [--infer] [--absorb] [--f16] [--external]
 *
 * Pairs of lines on standard input: a file to read, a file to write. One line of answer a pair: "ok N", N being what
 * --absorb absorbed, or the error. */
#include <stdio.h>
#include "model/format.h"
#include "model/qdq.h"

typedef struct options {
    bool infer, absorb;
    wt_write_options write;
} options;

static wt_status rewrite(wt_context *ctx, const char *from, const char *to, const options *o, size_t *absorbed,
                         wt_err *err)
{
    wt_graph *graph = NULL;
    wt_status st = wt_model_read(&graph, ctx, from, err);
    *absorbed = 0;
    if (st == WT_OK && o->infer)
        st = wt_graph_infer(graph, err);
    if (st == WT_OK && o->absorb)
        st = wt_qdq_absorb(graph, absorbed, err);
    if (st == WT_OK)
        st = wt_format_by_name("onnx")->write(graph, to, &o->write, NULL, err);
    wt_graph_close(graph);
    return st;
}

static bool read_line(char *line, size_t size)
{
    if (!fgets(line, (int)size, stdin))
        return false;
    line[strcspn(line, "\n")] = '\0';
    return true;
}

int main(int argc, char **argv)
{
    options o = { .write.force = true };
    char from[4096], to[4096];
    wt_context *ctx = NULL;
    wt_err err = { 0 };
    for (int i = 1; i < argc; i++) {
        o.infer |= !strcmp(argv[i], "--infer");
        o.absorb |= !strcmp(argv[i], "--absorb");
        o.write.f16_weights |= !strcmp(argv[i], "--f16");
        if (!strcmp(argv[i], "--external"))
            o.write.external_threshold = 1;
    }
    if (wt_context_open(&ctx, NULL, &err) != WT_OK)
        return 1;
    while (read_line(from, sizeof from) && read_line(to, sizeof to)) {
        size_t absorbed = 0;
        const wt_status st = rewrite(ctx, from, to, &o, &absorbed, &err);
        if (st == WT_OK)
            printf("ok %zu\n", absorbed);
        else
            printf("%s: %s: %s\n", wt_status_name(st), err.where, err.message);
        fflush(stdout);
    }
    const bool leaked = wt_context_memory_now(ctx) != 0;
    wt_context_close(ctx);
    return leaked;
}
