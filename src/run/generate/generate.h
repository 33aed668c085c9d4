/* generate.h - text from any decoder: ours, or one that whoever calls has opened. */
#ifndef WT_GENERATE_H
#define WT_GENERATE_H
#include "run/engines/engine.h"
#include "whet/language.h"
/* wt_generate on this decoder (borrowed; NULL: our own engine). */
wt_status wt_generate_with(wt_result **out, wt_context *ctx, const char *model, const wt_generate_options *options,
                           wt_engine_decoder *foreign, wt_err *err);
#endif
