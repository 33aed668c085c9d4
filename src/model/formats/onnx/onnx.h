/* onnx.h - ONNX files: opset 7 to 28 in, opset 21 or newer out.
 *
 * Reading: wire.h walks the mapped file, read_*.c build the graph (weights stay views), functions are inlined, and
 * raise.h brings every node to the meaning of opset 21. Writing: write.c lowers quantized values to
 * QuantizeLinear/DequantizeLinear on a clone and streams it. */
#ifndef WT_ONNX_H
#define WT_ONNX_H
#include "base/str.h"
#include "model/format.h"

enum { WT_ONNX_MIN_OPSET = 7, WT_ONNX_MAX_OPSET = 28, WT_ONNX_OPSET = 21 /* whose meaning the IR has */ };

extern const wt_format wt_format_onnx;
wt_status wt_onnx_read(wt_graph **out, wt_context *ctx, const char *path, wt_err *err);
/* From memory, which is borrowed until the graph is closed. External data is looked for in `dir`; NULL refuses it. */
wt_status wt_onnx_read_bytes(wt_graph **out, wt_context *ctx, const void *bytes, size_t len, const char *dir,
                             wt_err *err);
wt_status wt_onnx_write(const wt_graph *graph, const char *path, const wt_write_options *options, wt_written *written,
                        wt_err *err);
/* The model's bytes in memory, all data inside. */
wt_status wt_onnx_write_bytes(const wt_graph *graph, wt_buf *out, wt_err *err);
#endif
