#include "wire.h"

enum { MAX_VARINT = 10, MAX_FIELD = (1 << 29) - 1 };

/* Bytes used, 0 when cut off, -1 when longer than 10 bytes. */
static int read_varint(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;
    for (int i = 0; i < MAX_VARINT; i++) {
        if (p + i == end)
            return 0;
        value |= (uint64_t)(p[i] & 0x7f) << (7 * i);
        if (!(p[i] & 0x80)) {
            *out = value;
            return i + 1;
        }
    }
    return -1;
}

static wt_status take_varint(wt_pb *pb, const char *what, uint64_t *out, wt_err *err)
{
    const int n = read_varint(pb->pos, pb->end, out);
    if (n == 0)
        return wt_fail_at(err, WT_EFORMAT, pb->offset, "the message ends inside %s", what);
    if (n < 0)
        return wt_fail_at(err, WT_EFORMAT, pb->offset, "%s is a number of more than %d bytes", what, MAX_VARINT);
    pb->pos += n;
    pb->offset += (uint64_t)n;
    return WT_OK;
}

static uint64_t read_fixed(const uint8_t *p, size_t n)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static wt_status take_content(wt_pb *pb, wt_pb_field *f, wt_err *err)
{
    uint64_t len = 0;
    switch (f->wire) {
    case WT_PB_VARINT: return take_varint(pb, "a number", &f->value, err);
    case WT_PB_BYTES: WT_TRY(take_varint(pb, "a length", &len, err)); break;
    case WT_PB_FIXED32: len = 4; break;
    case WT_PB_FIXED64: len = 8; break;
    default:
        return wt_fail_at(err, WT_EFORMAT, f->offset, "field %u has wire type %d, which ONNX files do not use",
                          (unsigned)f->number, f->wire);
    }
    if (len > wt_pb_left(pb))
        return wt_fail_at(err, WT_EFORMAT, pb->offset, "field %u has %llu bytes, but its message has only %zu left",
                          (unsigned)f->number, (unsigned long long)len, wt_pb_left(pb));
    f->offset = pb->offset;
    f->data = pb->pos;
    f->len = (size_t)len;
    if (f->wire != WT_PB_BYTES)
        f->value = read_fixed(pb->pos, (size_t)len);
    pb->pos += len;
    pb->offset += len;
    return WT_OK;
}

bool wt_pb_next(wt_pb *pb, wt_pb_field *f, wt_status *st, wt_err *err)
{
    if (*st != WT_OK || pb->pos == pb->end)
        return false;
    *f = (wt_pb_field){ .offset = pb->offset };
    uint64_t tag = 0;
    *st = take_varint(pb, "a field's tag", &tag, err);
    if (*st != WT_OK)
        return false;
    if (tag >> 3 == 0 || tag >> 3 > MAX_FIELD) {
        *st = wt_fail_at(err, WT_EFORMAT, f->offset, "there is no field %llu: these bytes are no protobuf message",
                         (unsigned long long)(tag >> 3));
        return false;
    }
    f->number = (uint32_t)(tag >> 3);
    f->wire = (int)(tag & 7);
    *st = take_content(pb, f, err);
    return *st == WT_OK;
}

wt_status wt_pb_expect(const wt_pb_field *f, int wire, const char *what, wt_err *err)
{
    if (f->wire == wire)
        return WT_OK;
    return wt_fail_at(err, WT_EFORMAT, f->offset, "%s has wire type %d, expected %d", what, f->wire, wire);
}

wt_status wt_pb_count(const wt_pb_field *f, int wire, const char *what, size_t *count, wt_err *err)
{
    *count = 1;
    if (f->wire == wire)
        return WT_OK;
    WT_TRY(wt_pb_expect(f, WT_PB_BYTES, what, err));
    if (wire != WT_PB_VARINT) {
        const size_t size = wire == WT_PB_FIXED32 ? 4 : 8;
        if (f->len % size)
            return wt_fail_at(err, WT_EFORMAT, f->offset, "%s: %zu packed bytes are no multiple of %zu", what, f->len,
                              size);
        *count = f->len / size;
        return WT_OK;
    }
    size_t n = 0, run = 0;
    for (size_t i = 0; i < f->len; i++) {
        if (++run > MAX_VARINT)
            return wt_fail_at(err, WT_EFORMAT, f->offset + i, "%s: a number of more than %d bytes", what, MAX_VARINT);
        if (!(f->data[i] & 0x80))
            n++, run = 0;
    }
    if (run)
        return wt_fail_at(err, WT_EFORMAT, f->offset + f->len, "%s ends inside a number", what);
    *count = n;
    return WT_OK;
}

bool wt_pb_varints(const wt_pb_field *f, void *out, size_t size, int64_t lo, int64_t hi)
{
    const uint8_t *p = f->data, *end = p ? p + f->len : NULL;
    uint8_t *to = out;
    uint64_t value = f->value;
    for (bool one = f->wire == WT_PB_VARINT; one || p < end; one = false, to += size) {
        if (!one) {
            const int n = read_varint(p, end, &value);
            if (n <= 0)
                return false;
            p += n;
        }
        if ((int64_t)value < lo || (int64_t)value > hi)
            return false;
        for (size_t i = 0; i < size; i++)
            to[i] = (uint8_t)(value >> (8 * i));
    }
    return true;
}
