/* npy.c - reading NumPy array files.
 *
 * The header is parsed as the small subset of Python that NumPy writes, by hand: a dictionary of strings, booleans and
 * tuples of integers. Anything else (structured types, pickled objects) is refused by name. Elements are copied out
 * row by row and swapped or transposed on the way, so that callers only ever see row-major arrays of this machine. */
#include "model/dataset/npy.h"
#include "base/file.h"

enum { MAGIC_LEN = 6, MAX_HEADER = 1 << 20 };

/* --- the dictionary ------------------------------------------------------------------------------------------------
 */

typedef struct scanner {
    const char *s; /* the dictionary's text */
    size_t len, at;
    uint64_t base; /* offset of s in the file */
} scanner;

static wt_status bad(const scanner *sc, wt_err *err, const char *what)
{
    return wt_fail_at(err, WT_EFORMAT, sc->base + sc->at, "npy header: %s", what);
}

static void skip_blank(scanner *sc)
{
    while (sc->at < sc->len && (sc->s[sc->at] == ' ' || sc->s[sc->at] == '\n' || sc->s[sc->at] == '\t'))
        sc->at++;
}

static bool take(scanner *sc, char c)
{
    skip_blank(sc);
    if (sc->at >= sc->len || sc->s[sc->at] != c)
        return false;
    sc->at++;
    return true;
}

static bool take_word(scanner *sc, const char *word)
{
    const size_t n = strlen(word);
    skip_blank(sc);
    if (sc->len - sc->at < n || memcmp(sc->s + sc->at, word, n) != 0)
        return false;
    sc->at += n;
    return true;
}

/* 'text' or "text", without escapes (NumPy writes none here). */
static wt_status take_string(scanner *sc, char *out, size_t size, wt_err *err)
{
    skip_blank(sc);
    const char quote = sc->at < sc->len ? sc->s[sc->at] : 0;
    if (quote != '\'' && quote != '"')
        return bad(sc, err, quote == '[' ? "structured element types are not supported" : "expected a string");
    size_t n = 0;
    for (sc->at++; sc->at < sc->len && sc->s[sc->at] != quote; sc->at++) {
        if (n + 1 >= size)
            return bad(sc, err, "a string is too long");
        out[n++] = sc->s[sc->at];
    }
    out[n] = 0;
    return take(sc, quote) ? WT_OK : bad(sc, err, "a string does not end");
}

static wt_status take_shape(scanner *sc, wt_shape *shape, wt_err *err)
{
    memset(shape, 0, sizeof *shape);
    if (!take(sc, '('))
        return bad(sc, err, "expected a shape such as (2, 3)");
    while (!take(sc, ')')) {
        int64_t dim = 0;
        size_t digits = 0;
        skip_blank(sc);
        for (; sc->at < sc->len && sc->s[sc->at] >= '0' && sc->s[sc->at] <= '9'; sc->at++, digits++)
            if (__builtin_mul_overflow(dim, 10, &dim) || __builtin_add_overflow(dim, sc->s[sc->at] - '0', &dim))
                return bad(sc, err, "a dimension is too large");
        if (digits == 0)
            return bad(sc, err, "a dimension is not a count");
        if (shape->rank == WT_MAX_RANK)
            return wt_fail_at(err, WT_EUNSUPPORTED, sc->base + sc->at, "npy header: more than %d dimensions",
                              (int)WT_MAX_RANK);
        shape->dim[shape->rank++] = dim;
        if (sc->at < sc->len && sc->s[sc->at] == 'L') /* Python 2 */
            sc->at++;
        if (!take(sc, ',')) {
            if (!take(sc, ')'))
                return bad(sc, err, "expected , or ) in the shape");
            break;
        }
    }
    return WT_OK;
}

/* --- the element type ------------------------------------------------------------------------------------------------
 */

static wt_status unsupported_descr(const scanner *sc, const char *descr, wt_err *err)
{
    wt_fail_at(err, WT_EUNSUPPORTED, sc->base + sc->at, "npy element type '%s' is not supported", descr);
    if (strchr(descr, 'O'))
        wt_err_hint(err, "it holds pickled Python objects, which are never loaded; save numbers with a plain dtype");
    else
        wt_err_hint(err, "convert it in NumPy first, for example with .astype(numpy.float32)");
    return WT_EUNSUPPORTED;
}

/* "<f4", ">i8", "|b1", "<U12", "|S5"; '=' and a missing order mean this machine's, which is little endian. */
static wt_status parse_descr(const scanner *sc, const char *descr, wt_npy *out, wt_err *err)
{
    const char *p = descr;
    const bool big = *p == '>';
    if (*p == '<' || *p == '>' || *p == '|' || *p == '=')
        p++;
    const char type = *p;
    size_t size = 0, digits = 0;
    if (type)
        p++;
    for (; *p >= '0' && *p <= '9' && digits < 9; p++, digits++)
        size = size * 10 + (size_t)(*p - '0');
    if (digits == 0 || size == 0 || *p) /* no bytes per element: any count would fit in any file */
        return unsupported_descr(sc, descr, err);
    if (type == 'S' || type == 'a' || type == 'U') {
        out->kind = type == 'U' ? WT_NPY_UTF32 : WT_NPY_BYTES;
        out->dtype = WT_STRING;
        out->item = type == 'U' ? size * 4 : size;
        out->swap = big && type == 'U';
        return WT_OK;
    }
    for (int d = 1; d < WT_DTYPE_COUNT; d++) {
        const wt_dtype_info *info = wt_dtype_get((wt_dtype)d);
        if (info->numpy[0] && info->numpy[1] == type && info->block_bytes == size) { /* numpy: order, letter, bytes */
            out->dtype = (wt_dtype)d;
            out->item = size;
            out->swap = big && size > 1;
            return WT_OK;
        }
    }
    return unsupported_descr(sc, descr, err);
}

/* --- the header
 * ---------------------------------------------------------------------------------------------------------- */

static wt_status parse_dictionary(scanner *sc, wt_npy *out, wt_err *err)
{
    bool have_descr = false, have_order = false, have_shape = false;
    if (!take(sc, '{'))
        return bad(sc, err, "expected a dictionary");
    while (!take(sc, '}')) {
        char key[32], descr[64];
        WT_TRY(take_string(sc, key, sizeof key, err));
        if (!take(sc, ':'))
            return bad(sc, err, "expected : after a key");
        if (!strcmp(key, "descr") && !have_descr) {
            have_descr = true;
            WT_TRY(take_string(sc, descr, sizeof descr, err));
            WT_TRY(parse_descr(sc, descr, out, err));
        } else if (!strcmp(key, "fortran_order") && !have_order) {
            have_order = true;
            out->fortran = take_word(sc, "True");
            if (!out->fortran && !take_word(sc, "False"))
                return bad(sc, err, "fortran_order is neither True nor False");
        } else if (!strcmp(key, "shape") && !have_shape) {
            have_shape = true;
            WT_TRY(take_shape(sc, &out->shape, err));
        } else {
            return bad(sc, err, "a key that is unknown or there twice");
        }
        if (!take(sc, ',')) {
            if (!take(sc, '}'))
                return bad(sc, err, "expected , or }");
            break;
        }
    }
    if (!have_descr || !have_order || !have_shape)
        return bad(sc, err, "descr, fortran_order or shape is missing");
    return WT_OK;
}

/* Bytes that the shape promises, against those that are there. */
static wt_status check_extent(wt_npy *npy, uint64_t total, wt_err *err)
{
    uint64_t count = 1, bytes;
    bool empty = false;
    for (int i = 0; i < npy->shape.rank; i++) {
        empty |= npy->shape.dim[i] == 0;
        if (npy->shape.dim[i] && __builtin_mul_overflow(count, (uint64_t)npy->shape.dim[i], &count))
            return wt_fail_at(err, WT_EFORMAT, 0, "npy header: the shape's element count overflows");
    }
    if (empty)
        count = 0;
    if (count > INT64_MAX || __builtin_mul_overflow(count, (uint64_t)npy->item, &bytes) || bytes > INT64_MAX)
        return wt_fail_at(err, WT_EFORMAT, 0, "npy header: the array's size overflows");
    const uint64_t there = total - npy->data_offset;
    if (bytes > there) {
        char text[160];
        wt_fail_at(err, WT_EFORMAT, npy->data_offset,
                   "npy header promises %llu bytes of elements (shape %s), but %llu follow", (unsigned long long)bytes,
                   wt_shape_text(&npy->shape, NULL, text, sizeof text), (unsigned long long)there);
        wt_err_hint(err, "the file is cut off or damaged: save it again");
        return WT_EFORMAT;
    }
    npy->count = count;
    npy->data_bytes = bytes;
    return WT_OK;
}

wt_status wt_npy_parse(wt_npy *out, const uint8_t *bytes, uint64_t have, uint64_t total, wt_err *err)
{
    memset(out, 0, sizeof *out);
    if (have < 10 || memcmp(bytes, "\x93NUMPY", MAGIC_LEN) != 0)
        return wt_fail_at(err, WT_EFORMAT, 0, "not a NumPy array file");
    const unsigned major = bytes[6], minor = bytes[7];
    if (major < 1 || major > 3 || minor != 0)
        return wt_fail_at(err, WT_EUNSUPPORTED, 6, "npy version %u.%u is not supported (1.0 to 3.0 are)", major, minor);
    const uint64_t prefix = major == 1 ? 10 : 12;
    if (have < prefix)
        return wt_fail_at(err, WT_EFORMAT, 8, "npy header is cut off");
    uint64_t len = bytes[8] | (uint64_t)bytes[9] << 8;
    if (major > 1)
        len |= (uint64_t)bytes[10] << 16 | (uint64_t)bytes[11] << 24;
    if (len > MAX_HEADER)
        return wt_fail_at(err, WT_EFORMAT, 8, "npy header of %llu bytes is longer than the %d allowed",
                          (unsigned long long)len, (int)MAX_HEADER);
    if (len > have - prefix || len > total - prefix)
        return wt_fail_at(err, WT_EFORMAT, 8, "npy header of %llu bytes does not fit in the file",
                          (unsigned long long)len);
    scanner sc = { .s = (const char *)bytes + prefix, .len = (size_t)len, .base = prefix };
    WT_TRY(parse_dictionary(&sc, out, err));
    skip_blank(&sc);
    if (sc.at != sc.len)
        return bad(&sc, err, "text after the dictionary");
    out->data_offset = prefix + len;
    return check_extent(out, total, err);
}

/* --- the elements
 * -------------------------------------------------------------------------------------------------------- */

uint64_t wt_npy_entry_bytes(const wt_npy *npy)
{
    const uint64_t rows = npy->shape.rank ? (uint64_t)npy->shape.dim[0] : 1;
    if (rows)
        return npy->data_bytes / rows;
    uint64_t bytes = npy->item; /* no rows: what one would have */
    for (int i = 1; i < npy->shape.rank; i++)
        if (__builtin_mul_overflow(bytes, (uint64_t)npy->shape.dim[i], &bytes))
            return UINT64_MAX;
    return bytes;
}

/* One run of n elements that lie `step` elements apart in src. */
static void copy_strided(uint8_t *dst, const uint8_t *src, uint64_t n, uint64_t step, size_t item)
{
    switch (item) {
    case 1:
        for (uint64_t i = 0; i < n; i++)
            dst[i] = src[i * step];
        break;
    case 4:
        for (uint64_t i = 0; i < n; i++)
            memcpy(dst + i * 4, src + i * step * 4, 4);
        break;
    default:
        for (uint64_t i = 0; i < n; i++)
            memcpy(dst + i * item, src + i * step * item, item);
    }
}

/* Fortran order: the first axis is contiguous. dst is filled in row-major order, a run of the last axis at a time. */
static void copy_fortran(const wt_npy *npy, const uint8_t *data, uint64_t first, uint64_t count, uint8_t *dst)
{
    const int rank = npy->shape.rank;
    uint64_t stride[WT_MAX_RANK], at[WT_MAX_RANK] = { 0 }, size[WT_MAX_RANK];
    uint64_t step = 1, runs = 1;
    for (int i = 0; i < rank; i++) {
        stride[i] = step;
        step *= (uint64_t)npy->shape.dim[i];
        size[i] = i ? (uint64_t)npy->shape.dim[i] : count;
        runs *= i < rank - 1 ? size[i] : 1;
    }
    const uint64_t run = size[rank - 1];
    if (run == 0)
        return;
    for (uint64_t r = 0; r < runs; r++) {
        uint64_t from = first;
        for (int i = 0; i < rank - 1; i++)
            from += at[i] * stride[i];
        copy_strided(dst, data + from * npy->item, run, stride[rank - 1], npy->item);
        dst += run * npy->item;
        for (int i = rank - 2; i >= 0 && ++at[i] == size[i]; i--)
            at[i] = 0;
    }
}

static void swap_in_place(uint8_t *p, uint64_t bytes, size_t unit)
{
    for (uint64_t i = 0; i + unit <= bytes; i += unit)
        for (size_t a = 0, b = unit - 1; a < b; a++, b--) {
            const uint8_t t = p[i + a];
            p[i + a] = p[i + b];
            p[i + b] = t;
        }
}

wt_status wt_npy_copy(const wt_npy *npy, const uint8_t *file, uint64_t first, uint64_t count, void *dst, wt_err *err)
{
    const uint64_t rows = npy->shape.rank ? (uint64_t)npy->shape.dim[0] : 1;
    if (npy->kind != WT_NPY_PLAIN)
        return wt_fail(err, WT_EUNSUPPORTED, "an array of strings has no numbers");
    if (first > rows || count > rows - first)
        return wt_fail(err, WT_EINTERNAL, "rows %llu + %llu of an array with %llu", (unsigned long long)first,
                       (unsigned long long)count, (unsigned long long)rows);
    if (npy->data_bytes == 0 || count == 0)
        return WT_OK;
    const uint64_t entry = wt_npy_entry_bytes(npy), bytes = entry * count;
    const uint8_t *data = file + npy->data_offset;
    if (npy->fortran && npy->shape.rank > 1)
        copy_fortran(npy, data, first, count, dst);
    else
        memcpy(dst, data + first * entry, (size_t)bytes);
    if (npy->swap)
        swap_in_place(dst, bytes, npy->dtype == WT_C64 || npy->dtype == WT_C128 ? npy->item / 2 : npy->item);
    if (npy->dtype == WT_BOOL) /* kernels rely on 0 and 1 */
        for (uint64_t i = 0; i < bytes; i++)
            ((uint8_t *)dst)[i] = ((uint8_t *)dst)[i] != 0;
    return WT_OK;
}

static size_t put_utf8(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    const int extra = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = { 0, 0xc0, 0xe0, 0xf0 };
    out[0] = (char)(lead[extra] | c >> (6 * extra));
    for (int i = 1; i <= extra; i++)
        out[i] = (char)(0x80 | (c >> (6 * (extra - i)) & 0x3f));
    return (size_t)extra + 1;
}

wt_status wt_npy_text(const wt_npy *npy, const uint8_t *file, uint64_t index, char *out, size_t *len, wt_err *err)
{
    *len = 0;
    out[0] = 0;
    if (npy->kind == WT_NPY_PLAIN || index >= npy->count)
        return wt_fail(err, WT_EINTERNAL, "element %llu is no string", (unsigned long long)index);
    const uint64_t offset = npy->data_offset + index * npy->item;
    const uint8_t *p = file + offset;
    size_t n = npy->item;
    if (npy->kind == WT_NPY_BYTES) {
        while (n && p[n - 1] == 0)
            n--;
        memcpy(out, p, n);
        out[ *len = n] = 0;
        return WT_OK;
    }
    size_t units = n / 4, w = 0;
    while (units && !(p[units * 4 - 1] | p[units * 4 - 2] | p[units * 4 - 3] | p[units * 4 - 4]))
        units--;
    for (size_t i = 0; i < units; i++) {
        const uint8_t *u = p + i * 4;
        const uint32_t c = npy->swap ? (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3]
                                     : (uint32_t)u[3] << 24 | (uint32_t)u[2] << 16 | (uint32_t)u[1] << 8 | u[0];
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || c == 0)
            return wt_fail_at(err, WT_EFORMAT, offset + i * 4, "0x%x is no character", c);
        w += put_utf8(c, out + w);
    }
    out[ *len = w] = 0;
    return WT_OK;
}

/* --- whole arrays
 * -------------------------------------------------------------------------------------------------------- */

static wt_status string_tensor(wt_tensor **out, wt_context *ctx, const wt_npy *npy, const uint8_t *file, wt_err *err)
{
    /* The clone of a tensor of views is what owns string bytes in one block; the views die here. */
    wt_status st = WT_ENOMEM;
    size_t room, bytes;
    char *text = NULL;
    if (wt_mul_overflows((size_t)npy->count, npy->item + 1, &room) || !wt_dtype_bytes(WT_STRING, npy->count, &bytes))
        return wt_fail(err, WT_ENOMEM, "the array of strings is too large");
    wt_string *views = wt_alloc(ctx, (size_t)npy->count, sizeof *views, err);
    if (!views || !(text = wt_alloc_raw(ctx, room, 1, err)))
        goto done;
    for (uint64_t i = 0; i < npy->count; i++) {
        views[i].data = text + i * (npy->item + 1);
        st = wt_npy_text(npy, file, i, text + i * (npy->item + 1), &views[i].len, err);
        if (st != WT_OK)
            goto done;
    }
    const wt_tensor t = { .dtype = WT_STRING, .shape = npy->shape, .data = views, .bytes = bytes };
    st = wt_tensor_clone(out, ctx, &t, err);
done:
    wt_free(ctx, text);
    wt_free(ctx, views);
    return st;
}

wt_status wt_npy_tensor(wt_tensor **out, wt_context *ctx, const wt_npy *npy, const uint8_t *file, wt_err *err)
{
    *out = NULL;
    if (npy->kind != WT_NPY_PLAIN) {
        if (npy->fortran && npy->shape.rank > 1)
            return wt_fail(err, WT_EUNSUPPORTED, "strings in Fortran order are not supported");
        return string_tensor(out, ctx, npy, file, err);
    }
    WT_TRY(wt_tensor_new(out, ctx, npy->dtype, &npy->shape, err));
    const uint64_t rows = npy->shape.rank ? (uint64_t)npy->shape.dim[0] : 1;
    const wt_status st = wt_npy_copy(npy, file, 0, rows, wt_tensor_mut(*out), err);
    if (st != WT_OK) {
        wt_free(ctx, *out);
        *out = NULL;
    }
    return st;
}

wt_status wt_npy_load(wt_tensor **out, wt_context *ctx, const char *path, wt_err *err)
{
    wt_map map;
    wt_npy npy;
    *out = NULL;
    WT_TRY(wt_map_open(&map, ctx, path, err));
    wt_status st = wt_npy_parse(&npy, map.data, map.size, map.size, err);
    if (st == WT_OK)
        st = wt_npy_tensor(out, ctx, &npy, map.data, err);
    if (st != WT_OK)
        wt_err_where(err, "%s", path);
    wt_map_close(&map);
    return st;
}
