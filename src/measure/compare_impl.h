/* compare_impl.h - what the files of the comparison share. */
#ifndef WT_COMPARE_IMPL_H
#define WT_COMPARE_IMPL_H
#include "measure/compare.h"
/* "int8", "int8 weights", "fp16", "float". */
const char *wt_node_precision(const wt_node *node);
/* wt_compare_layers, with copies of the reference's values that take at most so many bytes at once (but always one). */
wt_status wt_compare_layers_within(wt_layers *out, const wt_layer_side *reference, const wt_layer_side *candidate,
                                   wt_dataset *ds, uint64_t samples, size_t most_held, wt_err *err);
/* The tensor (plain or C16, any type of floats) as n plain floats. */
wt_status wt_plain_floats(wt_context *ctx, const wt_tensor *t, float *out, size_t n, wt_err *err);
#endif
