/* fuzz_openvino.c - an OpenVINO model: read, verified, inferred, written, read again.
 *
 * A file is the text of NAME.xml, a zero byte, and NAME.bin. What is read must verify; what is written must read back.
 */
#include <stdlib.h>
#include "fuzz.h"
#include "model/formats/openvino/openvino.h"

static void must(bool true_here)
{
    if (!true_here)
        abort();
}

static void round_trip(wt_context *ctx, const wt_graph *graph)
{
    wt_buf xml, bin;
    wt_err err = { 0 };
    wt_graph *again = NULL;
    wt_buf_init(&xml, ctx);
    wt_buf_init(&bin, ctx);
    wt_status st = wt_openvino_write_bytes(graph, &xml, &bin, &err);
    must(st != WT_EINTERNAL);
    if (st == WT_OK) {
        st = wt_openvino_read_bytes(&again, ctx, xml.data, xml.len, bin.data, bin.len, &err);
        must(st == WT_OK || st == WT_ENOMEM);
        must(st != WT_OK || (again->n_inputs == graph->n_inputs && again->n_outputs == graph->n_outputs));
        wt_graph_close(again);
    }
    wt_buf_free(&xml);
    wt_buf_free(&bin);
}

static void explore(wt_context *ctx, const uint8_t *data, size_t size)
{
    wt_graph *graph = NULL;
    wt_err err = { 0 };
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    const size_t xml = zero ? (size_t)(zero - data) : size, bin = zero ? size - xml - 1 : 0;
    if (wt_openvino_read_bytes(&graph, ctx, data, xml, bin ? zero + 1 : NULL, bin, &err) != WT_OK)
        return;
    must(wt_graph_verify(graph, WT_EINTERNAL, &err) == WT_OK);
    if (wt_graph_infer(graph, &err) == WT_OK) {
        must(wt_graph_verify(graph, WT_EINTERNAL, &err) == WT_OK);
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
