/* wire.h - reading the protobuf wire format in place: pure functions over bytes, no allocation, no schema.
 *
 * A message is a run of fields: varint(number << 3 | wire), then by wire: 0 a varint (7 bits a byte, low first, at most
 * 10 bytes), 1 eight bytes, 2 a varint length and that many bytes, 5 four bytes; little endian. A repeated number comes
 * packed (wire 2) or one field each, in any mixture: wt_pb_count() and wt_pb_varints() take both. Lengths are compared
 * with what is left of the enclosing message, so no field can leave its parent. Offsets in errors are bytes of the
 * file. */
#ifndef WT_ONNX_WIRE_H
#define WT_ONNX_WIRE_H
#include "base/base.h"

enum { WT_PB_VARINT = 0, WT_PB_FIXED64 = 1, WT_PB_BYTES = 2, WT_PB_FIXED32 = 5 };

/* A message that is being read, or was found: [pos, end). */
typedef struct wt_pb {
    const uint8_t *pos, *end;
    uint64_t offset; /* of pos in the file */
} wt_pb;

typedef struct wt_pb_field {
    uint32_t number;
    int wire;
    uint64_t offset;     /* of the field's content (of the tag for wire 0) in the file */
    uint64_t value;      /* wire 0, 1, 5 */
    const uint8_t *data; /* wire 2 */
    size_t len;
} wt_pb_field;

static inline wt_pb wt_pb_over(const uint8_t *data, size_t len, uint64_t offset)
{
    return (wt_pb){ data, data + len, offset };
}
static inline wt_pb wt_pb_sub(const wt_pb_field *f) { return wt_pb_over(f->data, f->len, f->offset); }
static inline size_t wt_pb_left(const wt_pb *pb) { return (size_t)(pb->end - pb->pos); }

/* The next field; false at the end, or with *st and err set when the bytes are malformed. */
bool wt_pb_next(wt_pb *pb, wt_pb_field *f, wt_status *st, wt_err *err);
/* WT_EFORMAT unless the field has the wire type that `what` ("NodeProto.name") is written with. */
wt_status wt_pb_expect(const wt_pb_field *f, int wire, const char *what, wt_err *err);
/* How many numbers this field holds; `wire` is that of one number (WT_PB_VARINT, WT_PB_FIXED32, WT_PB_FIXED64). */
wt_status wt_pb_count(const wt_pb_field *f, int wire, const char *what, size_t *count, wt_err *err);
/* The varints of a field that wt_pb_count() accepted, as integers of `size` bytes (1, 2, 4, 8) in `out`, which has room
 * for that many. False when one is not in [lo, hi] (as a signed number). */
bool wt_pb_varints(const wt_pb_field *f, void *out, size_t size, int64_t lo, int64_t hi);
#endif
