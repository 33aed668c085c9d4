/* remote_decoder.h - a decoder of an engine of others, in a process of its own, with the functions of engine.h. */
#ifndef WT_REMOTE_DECODER_H
#define WT_REMOTE_DECODER_H
#include "run/engines/engine.h"
/* *out stays NULL where the engine is our own. `program`: as in wt_exec_options; context: tokens it has to keep. */
wt_status wt_remote_decoder_open(wt_engine_decoder **out, wt_context *ctx, const char *engine, const char *program,
                                 const char *model, int threads, int64_t context, wt_err *err);
void wt_remote_decoder_close(wt_engine_decoder *decoder); /* NULL is fine */
#endif
