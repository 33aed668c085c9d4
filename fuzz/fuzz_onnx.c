/* fuzz_onnx.c - an ONNX file: read, verified, inferred, written.
 *
 * What is read must verify; what is written must read back as the same: writing that again gives the same bytes. */
#include <stdlib.h>
#include "fuzz.h"
#include "model/formats/onnx/onnx.h"
#include "model/qdq.h"

static void must(bool true_here)
{
    if (!true_here)
        abort();
}

static wt_graph *read_again(wt_context *ctx, const wt_buf *bytes)
{
    wt_graph *graph = NULL;
    wt_err err = { 0 };
    const wt_status st = wt_onnx_read_bytes(&graph, ctx, bytes->data, bytes->len, NULL, &err);
    must(st == WT_OK || st == WT_ENOMEM);
    return graph;
}

/* Inference as the file is read may know more the second time, when the first one's results are in the file: so what
 * must stay the same is the second and the third. */
static void round_trip(wt_context *ctx, const wt_graph *graph)
{
    wt_buf bytes[3];
    wt_err err = { 0 };
    wt_graph *again = NULL;
    for (int i = 0; i < 3; i++)
        wt_buf_init(&bytes[i], ctx);
    wt_status st = wt_onnx_write_bytes(graph, &bytes[0], &err);
    must(st == WT_OK || st == WT_ENOMEM || st == WT_EUNSUPPORTED || st == WT_EFORMAT);
    for (int i = 0; i < 2 && st == WT_OK; i++) {
        again = read_again(ctx, &bytes[i]);
        st = again ? wt_onnx_write_bytes(again, &bytes[i + 1], &err) : WT_ENOMEM;
        must(st == WT_OK || st == WT_ENOMEM);
        if (i)
            must(st != WT_OK || (bytes[1].len == bytes[2].len && !memcmp(bytes[1].data, bytes[2].data, bytes[1].len)));
        wt_graph_close(again);
    }
    for (int i = 0; i < 3; i++)
        wt_buf_free(&bytes[i]);
}

static void explore(wt_context *ctx, const uint8_t *data, size_t size)
{
    wt_graph *graph = NULL;
    wt_err err = { 0 };
    if (wt_onnx_read_bytes(&graph, ctx, data, size, NULL, &err) != WT_OK)
        return;
    must(wt_graph_verify(graph, WT_EINTERNAL, &err) == WT_OK);
    round_trip(ctx, graph);
    if (wt_graph_infer(graph, &err) == WT_OK) {
        must(wt_graph_verify(graph, WT_EINTERNAL, &err) == WT_OK);
        const wt_status st = wt_qdq_absorb(graph, NULL, &err);
        must(st == WT_OK || st == WT_ENOMEM);
        must(wt_graph_verify(graph, WT_EINTERNAL, &err) == WT_OK);
        if (st == WT_OK)
            round_trip(ctx, graph);
    }
    wt_graph_close(graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wt_context *ctx = NULL;
    wt_err err = { 0 };
    wt_context_options options = wt_context_defaults();
    options.memory_limit = 256 << 20;
    options.threads = 1;
    if (wt_context_open(&ctx, &options, &err) != WT_OK)
        return 0;
    explore(ctx, data, size);
    must(wt_context_memory_now(ctx) == 0);
    wt_context_close(ctx);
    return 0;
}
