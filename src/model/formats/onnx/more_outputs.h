/* more_outputs.h - an ONNX file with further values as outputs, for engines that hand out nothing else.
 *
 * Not by reading and writing the model, which would make another one of it: a message of protobuf may come in parts
 * that are merged, and lists grow by that. So the copy is the file's bytes, and behind them one more part of the graph
 * with nothing in it but outputs. */
#ifndef WT_ONNX_MORE_OUTPUTS_H
#define WT_ONNX_MORE_OUTPUTS_H
#include "base/base.h"
/* *out is from wt_alloc. */
wt_status wt_onnx_with_outputs(uint8_t **out, size_t *len, wt_context *ctx, const char *path, const char *const *names,
                               size_t n, wt_err *err);
/* Which of the names are results of nodes of the file's main graph, and no outputs of it yet. */
wt_status wt_onnx_makes(bool *made, wt_context *ctx, const char *path, const char *const *names, size_t n, wt_err *err);
#endif
