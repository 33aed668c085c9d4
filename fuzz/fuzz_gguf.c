/* fuzz_gguf.c - a GGUF file: read, every tensor's first row decoded, its graph built and inferred. */
#include <stdlib.h>
#include "fuzz.h"
#include "model/arch/arch.h"
#include "model/blocks/blocks.h"
#include "model/formats/gguf/gguf.h"

enum { MOST = 1 << 20, MOST_ROW = 1 << 16 };

static void decode_rows(const wt_weights *w, wt_err *err)
{
    static float x[MOST_ROW];
    static uint8_t row[4 * MOST_ROW];
    for (size_t i = 0; i < wt_weights_count(w); i++) {
        const wt_weight *t = wt_weights_at(w, i);
        const wt_block_codec *codec = wt_block_codec_get(t->dtype);
        const int64_t n = t->shape.dim[t->shape.rank - 1];
        if (wt_weights_find(w, t->name.data) != t)
            abort();
        if (codec && n <= MOST_ROW && wt_weight_load(w, t, 0, 1, row, err) == WT_OK)
            codec->decode(row, x, (size_t)n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wt_context *ctx = NULL;
    wt_weights *w = NULL;
    wt_graph *graph = NULL;
    wt_err err = { 0 };
    if (size > MOST || wt_context_open(&ctx, NULL, &err) != WT_OK)
        return 0;
    if (wt_gguf_read_bytes(&w, ctx, data, size, &err) == WT_OK) {
        decode_rows(w, &err);
        if (wt_arch_build(&graph, w, NULL, &err) == WT_OK)
            (void)wt_graph_infer(graph, &err);
        wt_graph_close(graph);
        wt_weights_close(w);
    }
    if (wt_context_memory_now(ctx) != 0)
        abort();
    wt_context_close(ctx);
    return 0;
}
