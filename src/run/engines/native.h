/* native.h - what the two files of our own engine's row share: its decoders. */
#ifndef WT_NATIVE_H
#define WT_NATIVE_H
#include "run/engines/engine.h"
wt_status wt_native_open_decoder(wt_engine_decoder **out, wt_context *ctx, const char *path,
                                 const wt_engine_options *options, wt_err *err);
void wt_native_close_decoder(wt_engine_decoder *decoder);
wt_status wt_native_rewind(wt_engine_decoder *decoder, int64_t keep, wt_err *err);
wt_status wt_native_feed(wt_engine_decoder *decoder, const int32_t *tokens, size_t n, size_t wanted, wt_err *err);
const float *wt_native_logits(wt_engine_decoder *decoder, size_t index);
bool wt_native_decoder_memory(wt_engine_decoder *decoder, wt_plan_memory *out);
#endif
