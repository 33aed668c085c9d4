/* blame.c - why a model answers no numbers: which of its weights is broken. Asked only when that has happened. */
#include <math.h>
#include "model/blocks/blocks.h"
#include "run/generate/language.h"

/* The first element of a tensor that is no finite number; -1: none, or of a type that holds none. */
static wt_status find_broken(const wt_language *l, const wt_weight *w, int64_t *at, wt_err *err)
{
    const wt_block_codec *codec = wt_block_codec_get(w->dtype);
    const int64_t row = w->shape.rank ? w->shape.dim[w->shape.rank - 1] : 1;
    size_t bytes, n = (size_t)row;
    uint64_t rows = 1;
    *at = -1;
    if (!codec || row < 1 || !wt_dtype_bytes(w->dtype, (uint64_t)row, &bytes))
        return WT_OK;
    for (int i = 0; i + 1 < w->shape.rank; i++)
        rows *= (uint64_t)w->shape.dim[i];
    void *stored = wt_alloc(l->ctx, bytes, 1, err);
    float *values = wt_alloc(l->ctx, n, sizeof *values, err);
    wt_status st = stored && values ? WT_OK : WT_ENOMEM;
    for (uint64_t r = 0; r < rows && st == WT_OK && *at < 0; r++) {
        st = wt_weight_load(l->weights, w, r, 1, stored, err);
        if (st == WT_OK)
            codec->decode(stored, values, n);
        for (size_t i = 0; i < n && st == WT_OK && *at < 0; i++)
            if (!isfinite(values[i]))
                *at = (int64_t)(r * n + i);
    }
    wt_free(l->ctx, values);
    wt_free(l->ctx, stored);
    return st;
}

wt_status wt_language_blame(const wt_language *l, wt_err *err)
{
    for (size_t i = 0; i < wt_weights_count(l->weights); i++) {
        const wt_weight *w = wt_weights_at(l->weights, i);
        int64_t at;
        WT_TRY(find_broken(l, w, &at, err));
        if (at < 0)
            continue;
        wt_fail_at(err, WT_EVERDICT, w->source,
                   "the model answers NaN or infinity: element %lld of tensor %.*s is broken", (long long)at,
                   (int)w->name.len, w->name.data);
        wt_err_where(err, "%s", wt_weights_path(l->weights));
        wt_err_hint(err, "the file is damaged or was converted wrongly: get or make it again");
        return WT_EVERDICT;
    }
    wt_fail(err, WT_EVERDICT, "the model answers NaN or infinity, though all of its weights are numbers");
    wt_err_where(err, "%s", wt_weights_path(l->weights));
    wt_err_hint(err, "numbers overflow inside: a cache or weights of a wider type help");
    return WT_EVERDICT;
}
