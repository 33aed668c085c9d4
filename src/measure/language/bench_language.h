/* bench_language.h - language models side by side: tokens a second of prompts and of answers. */
#ifndef WT_BENCH_LANGUAGE_H
#define WT_BENCH_LANGUAGE_H
#include "whet/measure.h"
/* wt_bench when the models are language models. */
wt_status wt_bench_language(wt_result **out, wt_context *ctx, const wt_bench_options *options, wt_err *err);
#endif
