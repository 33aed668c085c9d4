/* compare_impl.h - what the files of the comparison share. */
#ifndef WT_COMPARE_IMPL_H
#define WT_COMPARE_IMPL_H
#include "measure/compare.h"
/* "int8", "int8 weights", "fp16", "float". */
const char *wt_node_precision(const wt_node *node);
/* The tensor (plain or C16, any type of floats) as n plain floats. */
wt_status wt_plain_floats(wt_context *ctx, const wt_tensor *t, float *out, size_t n, wt_err *err);
#endif
