/* speaker.h - a worker's language model: a prompt of random tokens, then greedy ones, timed apart. */
#ifndef WT_SPEAKER_H
#define WT_SPEAKER_H
#include <jansson.h>
#include "whet/language.h"

typedef struct wt_speaker {
    wt_language *language;
    wt_decoder *decoder;
    wt_seq seq;
    wt_batch_token *batch;
    int64_t room; /* tokens of the context */
} wt_speaker;
wt_status wt_speaker_open(wt_speaker *s, wt_context *ctx, const char *model, int threads, int64_t room, wt_err *err);
void wt_speaker_close(wt_speaker *s, wt_context *ctx);
/* From an empty sequence: `prompt` tokens in passes, then `gen` one by one. */
wt_status wt_speaker_run(wt_speaker *s, int64_t prompt, int64_t gen, uint64_t seed, double *prefill_s, double *decode_s,
                         wt_err *err);
#endif
