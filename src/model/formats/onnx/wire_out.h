/* wire_out.h - writing the protobuf wire format as a stream.
 *
 * A message is preceded by its length, so everything is written twice with the same calls: a first pass measures and
 * notes the length of each message in the order they begin, a second one takes the lengths from there and writes. Bytes
 * that are large or costly are announced (wt_pb_put_header) and then streamed in parts; while measuring they are only
 * counted. An error sticks: calls do nothing any more, wt_pb_out_status() says it. */
#ifndef WT_ONNX_WIRE_OUT_H
#define WT_ONNX_WIRE_OUT_H
#include "base/file.h"
#include "base/str.h"
#include "wire.h"

enum { WT_PB_OUT_DEPTH = 320 }; /* messages in messages: graphs in attributes in nodes in graphs */

typedef struct wt_pb_out {
    wt_context *ctx;
    wt_outfile *file; /* NULL while measuring */
    wt_buf *buf;      /* instead of a file: memory */
    uint64_t pos;     /* bytes so far; while measuring, of the innermost open message */
    uint64_t *sizes;
    size_t n_sizes, cap_sizes, next;
    struct {
        size_t size; /* its place in sizes */
        uint64_t outer;
        uint32_t field;
    } open[WT_PB_OUT_DEPTH];
    int depth;
    wt_status st;
    wt_err *err;
} wt_pb_out;

void wt_pb_out_init(wt_pb_out *out, wt_context *ctx, wt_err *err); /* measures */
/* Measured: now writes the same again. Exactly one of file and buf. */
void wt_pb_out_write(wt_pb_out *out, wt_outfile *file, wt_buf *buf);
void wt_pb_out_free(wt_pb_out *out);
static inline bool wt_pb_out_measures(const wt_pb_out *out) { return !out->file && !out->buf; }

void wt_pb_begin(wt_pb_out *out, uint32_t field);
void wt_pb_end(wt_pb_out *out);
void wt_pb_put_int(wt_pb_out *out, uint32_t field, int64_t value);
void wt_pb_put_float(wt_pb_out *out, uint32_t field, float value);
void wt_pb_put_bytes(wt_pb_out *out, uint32_t field, const void *bytes, size_t len);
void wt_pb_put_text(wt_pb_out *out, uint32_t field, const char *text);
/* A field of len bytes, which follow by wt_pb_put_raw (data NULL is fine while measuring). */
void wt_pb_put_header(wt_pb_out *out, uint32_t field, uint64_t len);
void wt_pb_put_raw(wt_pb_out *out, const void *data, size_t len);
/* Sets the sticking error. */
void wt_pb_out_fail(wt_pb_out *out, wt_status st);
#endif
