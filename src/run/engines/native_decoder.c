/* native_decoder.c - our own language models as decoders of engine.h: one sequence. */
#include "run/engines/native.h"
#include "run/generate/language.h"

typedef struct native_decoder {
    wt_engine_decoder base;
    wt_language *language;
    wt_decoder *decoder;
    wt_seq seq;
    wt_batch_token *batch;
    size_t cap;
} native_decoder;

void wt_native_close_decoder(wt_engine_decoder *decoder)
{
    native_decoder *d = (native_decoder *)decoder;
    wt_decoder_close(d->decoder);
    wt_language_close(d->language);
    wt_free(d->base.ctx, d->batch);
    wt_free(d->base.ctx, d);
}

static wt_status build(native_decoder *d, const char *path, const wt_engine_options *o, wt_err *err)
{
    wt_language_options lo = wt_language_defaults();
    wt_decoder_options po = wt_decoder_defaults();
    lo.threads = o->threads;
    po.context = o->context;
    WT_TRY(wt_language_open(&d->language, d->base.ctx, path, &lo, err));
    WT_TRY(wt_decoder_open(&d->decoder, d->language, &po, err));
    WT_TRY(wt_seq_open(d->decoder, &d->seq, err));
    d->base.vocab = d->language->hp.vocab;
    d->base.context = o->context > 0 ? o->context : d->decoder->max_pages * WT_KV_PAGE;
    return WT_OK;
}

wt_status wt_native_open_decoder(wt_engine_decoder **out, wt_context *ctx, const char *path, const wt_engine_options *o,
                                 wt_err *err)
{
    native_decoder *d = wt_alloc(ctx, 1, sizeof *d, err);
    *out = NULL;
    if (!d)
        return WT_ENOMEM;
    d->base.engine = &wt_engine_native;
    d->base.ctx = ctx;
    memcpy(d->base.version, wt_version(), strlen(wt_version()) + 1);
    const wt_status st = build(d, path, o, err);
    if (st != WT_OK) {
        wt_native_close_decoder(&d->base);
        return st;
    }
    *out = &d->base;
    return WT_OK;
}

wt_status wt_native_rewind(wt_engine_decoder *decoder, int64_t keep, wt_err *err)
{
    native_decoder *d = (native_decoder *)decoder;
    return wt_seq_truncate(d->decoder, d->seq, keep, err);
}

wt_status wt_native_feed(wt_engine_decoder *decoder, const int32_t *tokens, size_t n, size_t wanted, wt_err *err)
{
    native_decoder *d = (native_decoder *)decoder;
    WT_TRY(wt_grow(d->base.ctx, (void **)&d->batch, &d->cap, n, sizeof *d->batch, err));
    for (size_t i = 0; i < n; i++)
        d->batch[i] = (wt_batch_token){ tokens[i], d->seq, i >= wanted };
    return wt_decoder_run(d->decoder, d->batch, n, err);
}

const float *wt_native_logits(wt_engine_decoder *decoder, size_t index)
{
    return wt_decoder_output(((native_decoder *)decoder)->decoder, index);
}

/* The caches are among what runs need. */
bool wt_native_decoder_memory(wt_engine_decoder *decoder, wt_plan_memory *out)
{
    const wt_decoder_memory m = wt_decoder_memory_use(((native_decoder *)decoder)->decoder);
    *out = (wt_plan_memory){ .weights_bytes = m.weights_bytes, .activation_bytes = m.kv_bytes + m.scratch_bytes };
    return true;
}
