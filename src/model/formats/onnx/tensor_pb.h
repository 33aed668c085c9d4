/* tensor_pb.h - lone TensorProto files (.pb), as the ONNX backend tests keep their inputs and outputs. */
#ifndef WT_ONNX_TENSOR_PB_H
#define WT_ONNX_TENSOR_PB_H
#include "model/tensor.h"

/* An owned tensor, free with wt_free(ctx, *out). A file with a SequenceProto or OptionalProto is WT_EUNSUPPORTED. */
wt_status wt_onnx_read_tensor(wt_tensor **out, wt_context *ctx, const char *path, wt_err *err);
wt_status wt_onnx_read_tensor_bytes(wt_tensor **out, wt_context *ctx, const void *bytes, size_t len, wt_err *err);
/* Refuses an existing path unless `force`; name may be NULL. */
wt_status wt_onnx_write_tensor(wt_context *ctx, const char *path, const wt_tensor *tensor, const char *name, bool force,
                               wt_err *err);
#endif
