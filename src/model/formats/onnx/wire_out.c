#include "wire_out.h"

void wt_pb_out_init(wt_pb_out *out, wt_context *ctx, wt_err *err) { *out = (wt_pb_out){ .ctx = ctx, .err = err }; }

void wt_pb_out_write(wt_pb_out *out, wt_outfile *file, wt_buf *buf)
{
    out->file = file;
    out->buf = buf;
    out->pos = 0;
    out->next = 0;
    out->depth = 0;
}

void wt_pb_out_free(wt_pb_out *out) { wt_free(out->ctx, out->sizes); }

void wt_pb_out_fail(wt_pb_out *out, wt_status st)
{
    if (out->st == WT_OK)
        out->st = st;
}

void wt_pb_put_raw(wt_pb_out *out, const void *data, size_t len)
{
    if (out->st != WT_OK || !len)
        return;
    out->pos += len;
    if (out->file)
        wt_pb_out_fail(out, wt_outfile_write(out->file, data, len, out->err));
    else if (out->buf)
        wt_buf_add(out->buf, data, len);
}

static size_t encode(uint64_t v, uint8_t bytes[10])
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (uint8_t)(v | 0x80);
    bytes[n++] = (uint8_t)v;
    return n;
}

static void put_varint(wt_pb_out *out, uint64_t v)
{
    uint8_t bytes[10];
    const size_t n = encode(v, bytes);
    wt_pb_put_raw(out, bytes, n);
}

static void put_tag(wt_pb_out *out, uint32_t field, int wire)
{
    put_varint(out, (uint64_t)field << 3 | (unsigned)wire);
}

void wt_pb_put_header(wt_pb_out *out, uint32_t field, uint64_t len)
{
    put_tag(out, field, WT_PB_BYTES);
    put_varint(out, len);
}

void wt_pb_begin(wt_pb_out *out, uint32_t field)
{
    if (out->st != WT_OK)
        return;
    if (out->depth == WT_PB_OUT_DEPTH) {
        wt_pb_out_fail(out, wt_fail(out->err, WT_EUNSUPPORTED, "graphs nested too deep to be written"));
        return;
    }
    if (!wt_pb_out_measures(out)) {
        out->depth++;
        wt_pb_put_header(out, field, out->sizes[out->next++]);
        return;
    }
    wt_pb_out_fail(
        out, wt_grow(out->ctx, (void **)&out->sizes, &out->cap_sizes, out->n_sizes + 1, sizeof *out->sizes, out->err));
    if (out->st != WT_OK)
        return;
    out->open[out->depth].size = out->n_sizes++;
    out->open[out->depth].outer = out->pos;
    out->open[out->depth++].field = field;
    out->pos = 0;
}

void wt_pb_end(wt_pb_out *out)
{
    if (out->st != WT_OK)
        return;
    out->depth--;
    if (!wt_pb_out_measures(out))
        return;
    const uint64_t len = out->pos;
    out->sizes[out->open[out->depth].size] = len;
    out->pos = out->open[out->depth].outer;
    wt_pb_put_header(out, out->open[out->depth].field, len);
    out->pos += len;
}

void wt_pb_put_int(wt_pb_out *out, uint32_t field, int64_t value)
{
    put_tag(out, field, WT_PB_VARINT);
    put_varint(out, (uint64_t)value);
}

void wt_pb_put_float(wt_pb_out *out, uint32_t field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint8_t bytes[4] = { (uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16), (uint8_t)(bits >> 24) };
    put_tag(out, field, WT_PB_FIXED32);
    wt_pb_put_raw(out, bytes, sizeof bytes);
}

void wt_pb_put_bytes(wt_pb_out *out, uint32_t field, const void *bytes, size_t len)
{
    wt_pb_put_header(out, field, len);
    wt_pb_put_raw(out, bytes, len);
}

void wt_pb_put_text(wt_pb_out *out, uint32_t field, const char *text)
{
    wt_pb_put_bytes(out, field, text, strlen(text));
}
