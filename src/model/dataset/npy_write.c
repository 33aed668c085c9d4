/* npy_write.c - writing NumPy array files.
 *
 * Version 1.0 headers, little endian, row-major, the header padded so that the elements start at a multiple of 64 (what
 * NumPy does too, for whoever maps the file). Element types that NumPy lacks are widened to one that holds each value
 * exactly, a piece at a time, so that writing needs a buffer and not a second copy. */
#include "base/file.h"
#include "base/str.h"
#include "model/dataset/npy.h"

enum { PIECE = 1 << 16 };

wt_dtype wt_npy_stored_as(wt_dtype dtype)
{
    if (dtype == WT_STRING || dtype == WT_DTYPE_NONE)
        return WT_DTYPE_NONE;
    if (wt_dtype_get(dtype)->numpy[0])
        return dtype;
    switch (dtype) {
    case WT_I4:
    case WT_I2: return WT_I8;
    case WT_U4:
    case WT_U2: return WT_U8;
    default: return WT_F32; /* bfloat16 and the small floats */
    }
}

wt_status wt_npy_header(wt_buf *out, wt_dtype stored, size_t text_width, const wt_shape *shape, wt_err *err)
{
    const size_t start = out->len;
    wt_buf_add(out, "\x93NUMPY\x01\0\0\0", 10);
    if (stored == WT_DTYPE_NONE)
        wt_buf_printf(out, "{'descr': '<U%zu', ", text_width);
    else
        wt_buf_printf(out, "{'descr': '%s', ", wt_dtype_get(stored)->numpy);
    wt_buf_puts(out, "'fortran_order': False, 'shape': (");
    for (int i = 0; i < shape->rank; i++)
        wt_buf_printf(out, i + 1 < shape->rank || shape->rank == 1 ? "%lld," : "%lld", (long long)shape->dim[i]);
    wt_buf_puts(out, "), }");
    while ((out->len - start + 1) % 64 && !out->failed)
        wt_buf_puts(out, " ");
    wt_buf_puts(out, "\n");
    WT_TRY(wt_buf_status(out, err));
    const size_t len = out->len - start - 10; /* at most 8 dimensions: far below 65536 */
    out->data[start + 8] = (char)(len & 0xff);
    out->data[start + 9] = (char)(len >> 8);
    return WT_OK;
}

/* --- strings
 * ------------------------------------------------------------------------------------------------------------ */

/* Code points of well-formed UTF-8; NumPy has no other text. */
static wt_status count_points(const wt_string *s, size_t *points, wt_err *err)
{
    *points = 0;
    if (!wt_utf8_valid(s->data, s->len)) {
        wt_fail(err, WT_EUNSUPPORTED, "a string is not UTF-8 text without NUL, which NumPy cannot hold");
        wt_err_hint(err, "write this output in another format");
        return WT_EUNSUPPORTED;
    }
    for (size_t i = 0; i < s->len; i++)
        *points += ((uint8_t)s->data[i] & 0xc0) != 0x80;
    return WT_OK;
}

/* Appends one string as `width` little-endian UTF-32 units. */
static void put_utf32(wt_buf *out, const wt_string *s, size_t width)
{
    size_t at = 0;
    for (size_t i = 0; i < width; i++) {
        uint32_t c = 0;
        if (at < s->len) {
            const uint8_t lead = (uint8_t)s->data[at++];
            c = lead < 0x80 ? lead : lead < 0xe0 ? lead & 0x1fu : lead < 0xf0 ? lead & 0x0fu : lead & 0x07u;
            for (; at < s->len && ((uint8_t)s->data[at] & 0xc0) == 0x80; at++)
                c = c << 6 | ((uint8_t)s->data[at] & 0x3fu);
        }
        const uint8_t unit[4] = { (uint8_t)c, (uint8_t)(c >> 8), (uint8_t)(c >> 16), 0 };
        wt_buf_add(out, unit, 4);
    }
}

static wt_status emit_strings(wt_context *ctx, const wt_tensor *t, uint64_t count, wt_npy_sink *sink, void *user,
                              wt_err *err)
{
    const wt_string *strings = t->data;
    size_t width = 1, points; /* NumPy has no strings of width 0 */
    for (uint64_t i = 0; i < count; i++) {
        WT_TRY(count_points(&strings[i], &points, err));
        width = points > width ? points : width;
    }
    wt_buf buf;
    wt_buf_init(&buf, ctx);
    wt_status st = wt_npy_header(&buf, WT_DTYPE_NONE, width, &t->shape, err);
    for (uint64_t i = 0; i < count && st == WT_OK; i++) {
        put_utf32(&buf, &strings[i], width);
        if (buf.len < PIECE && i + 1 < count)
            continue;
        st = wt_buf_status(&buf, err);
        if (st == WT_OK)
            st = sink(user, buf.data, buf.len, err);
        buf.len = 0;
    }
    if (st == WT_OK && buf.len)
        st = sink(user, buf.data, buf.len, err);
    wt_buf_free(&buf);
    return st;
}

/* --- numbers
 * ------------------------------------------------------------------------------------------------------------- */

static wt_status emit_converted(const wt_tensor *t, wt_dtype stored, uint64_t count, wt_npy_sink *sink, void *user,
                                wt_err *err)
{
    enum { STEP = 1024 }; /* a multiple of every block length */
    float piece[STEP];    /* the widest of the stored types */
    const wt_dtype_info *from = wt_dtype_get(t->dtype);
    for (uint64_t i = 0; i < count; i += STEP) {
        const size_t n = (size_t)(count - i < STEP ? count - i : STEP);
        const uint8_t *src = (const uint8_t *)t->data + i / from->block_len * from->block_bytes;
        WT_TRY(wt_convert(src, t->dtype, piece, stored, n, false, err));
        WT_TRY(sink(user, piece, n * wt_dtype_get(stored)->block_bytes, err));
    }
    return WT_OK;
}

wt_status wt_npy_emit(wt_context *ctx, const wt_tensor *t, wt_npy_sink *sink, void *user, wt_err *err)
{
    int64_t count;
    size_t bytes;
    if (t->layout != WT_PLAIN || t->dtype == WT_DTYPE_NONE || !wt_shape_count(&t->shape, &count) ||
        !wt_tensor_size(t, &bytes) || (!t->data && bytes))
        return wt_fail(err, WT_EUSAGE, "only a plain tensor with data can be written");
    if (t->dtype == WT_STRING)
        return emit_strings(ctx, t, (uint64_t)count, sink, user, err);
    const wt_dtype stored = wt_npy_stored_as(t->dtype);
    wt_buf header;
    wt_buf_init(&header, ctx);
    wt_status st = wt_npy_header(&header, stored, 0, &t->shape, err);
    if (st == WT_OK)
        st = sink(user, header.data, header.len, err);
    wt_buf_free(&header);
    if (st == WT_OK && stored != t->dtype)
        return emit_converted(t, stored, (uint64_t)count, sink, user, err);
    for (size_t at = 0; at < bytes && st == WT_OK; at += PIECE)
        st = sink(user, (const uint8_t *)t->data + at, bytes - at < PIECE ? bytes - at : PIECE, err);
    return st;
}

static wt_status to_file(void *user, const void *bytes, size_t len, wt_err *err)
{
    return wt_outfile_write(user, bytes, len, err);
}

wt_status wt_npy_write(wt_context *ctx, const char *path, const wt_tensor *t, bool force, wt_err *err)
{
    wt_outfile *file = NULL;
    WT_TRY(wt_outfile_open(&file, ctx, path, force, err));
    const wt_status st = wt_npy_emit(ctx, t, to_file, file, err);
    if (st != WT_OK) {
        wt_err_where(err, "%s", path);
        wt_outfile_abort(file);
        return st;
    }
    return wt_outfile_commit(file, NULL, err);
}
