/* speaker.c - see speaker.h. */
#include "measure/worker/speaker.h"
#include "base/clock.h"
#include "base/hash.h"
#include "run/generate/language.h"

wt_status wt_speaker_open(wt_speaker *s, wt_context *ctx, const wt_engine *engine, const char *model,
                          const wt_engine_options *options, wt_err *err)
{
    WT_TRY(engine->open_decoder(&s->decoder, ctx, model, options, err));
    s->room = options->context;
    s->tokens = wt_alloc(ctx, (size_t)s->room, sizeof *s->tokens, err);
    return s->tokens ? WT_OK : WT_ENOMEM;
}

void wt_speaker_close(wt_speaker *s, wt_context *ctx)
{
    if (s->decoder)
        s->decoder->engine->close_decoder(s->decoder);
    if (ctx)
        wt_free(ctx, s->tokens);
    *s = (wt_speaker){ 0 };
}

wt_status wt_speaker_run(wt_speaker *s, int64_t prompt, int64_t gen, uint64_t seed, double *prefill_s, double *decode_s,
                         wt_err *err)
{
    if (!s->decoder || prompt < 1 || gen < 0 || prompt + gen > s->room)
        return wt_fail(err, WT_EUSAGE, "%lld tokens and %lld more do not fit a context of %lld", (long long)prompt,
                       (long long)gen, (long long)s->room);
    wt_engine_decoder *d = s->decoder;
    const wt_engine *e = d->engine;
    for (int64_t i = 0; i < prompt; i++)
        s->tokens[i] = (int32_t)(wt_random(&seed) % (uint64_t)d->vocab);
    WT_TRY(e->rewind(d, 0, err));
    uint64_t began = wt_now_ns();
    WT_TRY(e->feed(d, s->tokens, (size_t)prompt, (size_t)prompt - 1, err));
    *prefill_s = wt_seconds_since(began);
    began = wt_now_ns();
    for (int64_t i = 0; i < gen; i++) {
        const float *logits = e->logits(d, 0);
        if (!logits)
            return wt_fail(err, WT_EINTERNAL, "%s gave no logits", e->name);
        const int32_t next = wt_likeliest(logits, d->vocab);
        WT_TRY(e->feed(d, &next, 1, 0, err));
    }
    *decode_s = wt_seconds_since(began);
    return WT_OK;
}
