/* speaker.h - a worker's language model on any engine: a prompt of random tokens, then greedy ones, timed apart. */
#ifndef WT_SPEAKER_H
#define WT_SPEAKER_H
#include "run/engines/engine.h"

typedef struct wt_speaker {
    wt_engine_decoder *decoder;
    int32_t *tokens; /* [room] */
    int64_t room;    /* of the context */
} wt_speaker;
/* options->context is the room. */
wt_status wt_speaker_open(wt_speaker *s, wt_context *ctx, const wt_engine *engine, const char *model,
                          const wt_engine_options *options, wt_err *err);
void wt_speaker_close(wt_speaker *s, wt_context *ctx);
/* From an empty sequence: `prompt` tokens in passes, then `gen` one by one. */
wt_status wt_speaker_run(wt_speaker *s, int64_t prompt, int64_t gen, uint64_t seed, double *prefill_s, double *decode_s,
                         wt_err *err);
#endif
