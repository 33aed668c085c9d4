/* speaker.c - see speaker.h. */
#include "measure/worker/speaker.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/hash.h"
#include "run/generate/language.h"

wt_status wt_speaker_open(wt_speaker *s, wt_context *ctx, const char *model, int threads, int64_t room, wt_err *err)
{
    wt_language_options lo = wt_language_defaults();
    wt_decoder_options d = wt_decoder_defaults();
    lo.threads = threads;
    d.context = room;
    WT_TRY(wt_language_open(&s->language, ctx, model, &lo, err));
    WT_TRY(wt_decoder_open(&s->decoder, s->language, &d, err));
    WT_TRY(wt_seq_open(s->decoder, &s->seq, err));
    s->room = room;
    s->batch = wt_alloc(ctx, (size_t)room, sizeof *s->batch, err);
    return s->batch ? WT_OK : WT_ENOMEM;
}

void wt_speaker_close(wt_speaker *s, wt_context *ctx)
{
    wt_decoder_close(s->decoder);
    wt_language_close(s->language);
    if (ctx)
        wt_free(ctx, s->batch);
    *s = (wt_speaker){ 0 };
}

wt_status wt_speaker_run(wt_speaker *s, int64_t prompt, int64_t gen, uint64_t seed, double *prefill_s, double *decode_s,
                         wt_err *err)
{
    wt_language_info info;
    if (!s->decoder || prompt < 1 || gen < 0 || prompt + gen > s->room)
        return wt_fail(err, WT_EUSAGE, "%lld tokens and %lld more do not fit a context of %lld", (long long)prompt,
                       (long long)gen, (long long)s->room);
    wt_language_describe(s->language, &info);
    for (int64_t i = 0; i < prompt; i++)
        s->batch[i] = (wt_batch_token){ (int32_t)(wt_random(&seed) % (uint64_t)info.vocab), s->seq, i == prompt - 1 };
    WT_TRY(wt_seq_truncate(s->decoder, s->seq, 0, err));
    uint64_t began = wt_now_ns();
    WT_TRY(wt_decoder_run(s->decoder, s->batch, (size_t)prompt, err));
    *prefill_s = wt_seconds_since(began);
    began = wt_now_ns();
    for (int64_t i = 0; i < gen; i++) {
        const wt_batch_token next = { wt_likeliest(wt_decoder_output(s->decoder, 0), info.vocab), s->seq, true };
        WT_TRY(wt_decoder_run(s->decoder, &next, 1, err));
    }
    *decode_s = wt_seconds_since(began);
    return WT_OK;
}
