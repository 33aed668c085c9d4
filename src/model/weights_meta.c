/* weights_meta.c - keys as numbers and strings, whatever integer or float type a file chose. */
#include "model/weights.h"
#include <math.h>

size_t wt_meta_type_bytes(wt_meta_type type)
{
    switch (type) {
    case WT_META_U8:
    case WT_META_I8:
    case WT_META_BOOL: return 1;
    case WT_META_U16:
    case WT_META_I16: return 2;
    case WT_META_U32:
    case WT_META_I32:
    case WT_META_F32: return 4;
    case WT_META_U64:
    case WT_META_I64:
    case WT_META_F64: return 8;
    case WT_META_STRING:
    case WT_META_ARRAY: break;
    }
    return 0;
}

const char *wt_meta_type_name(wt_meta_type type)
{
    static const char *const names[] = { "u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                         "bool", "string", "array", "u64", "i64", "f64" };
    return (size_t)type < WT_ARRAY_LEN(names) ? names[type] : "?";
}

/* An element as an integer or a float: exactly one of them is set. */
static bool number_at(const wt_meta *meta, uint64_t i, int64_t *integer, double *real, bool *is_real)
{
    if (i >= meta->count)
        return false;
    const uint8_t *at = (const uint8_t *)meta->data + i * wt_meta_type_bytes(meta->type);
    union {
        uint8_t u8;
        int8_t i8;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
        float f32;
        double f64;
    } v = { 0 };
    *is_real = false;
    switch (meta->type) {
    case WT_META_BOOL:
    case WT_META_U8: *integer = *at; return true;
    case WT_META_I8: memcpy(&v.i8, at, 1), *integer = v.i8; return true;
    case WT_META_U16: memcpy(&v.u16, at, 2), *integer = v.u16; return true;
    case WT_META_I16: memcpy(&v.i16, at, 2), *integer = v.i16; return true;
    case WT_META_U32: memcpy(&v.u32, at, 4), *integer = v.u32; return true;
    case WT_META_I32: memcpy(&v.i32, at, 4), *integer = v.i32; return true;
    case WT_META_U64: memcpy(&v.u64, at, 8), *integer = (int64_t)v.u64; return v.u64 <= INT64_MAX;
    case WT_META_I64: memcpy(&v.i64, at, 8), *integer = v.i64; return true;
    case WT_META_F32: memcpy(&v.f32, at, 4), *real = v.f32, *is_real = true; return true;
    case WT_META_F64: memcpy(&v.f64, at, 8), *real = v.f64, *is_real = true; return true;
    case WT_META_STRING:
    case WT_META_ARRAY: break;
    }
    return false;
}

bool wt_meta_int_at(const wt_meta *meta, uint64_t i, int64_t *out)
{
    double real = 0;
    bool is_real = false;
    if (!number_at(meta, i, out, &real, &is_real))
        return false;
    if (!is_real)
        return true;
    if (!(real >= -0x1p53 && real <= 0x1p53) || real != floor(real))
        return false;
    *out = (int64_t)real;
    return true;
}

bool wt_meta_float_at(const wt_meta *meta, uint64_t i, double *out)
{
    int64_t integer = 0;
    bool is_real = false;
    if (!number_at(meta, i, &integer, out, &is_real))
        return false;
    if (!is_real)
        *out = (double)integer;
    return true;
}

static wt_status wrong(const wt_weights *w, const wt_meta *meta, const char *expected, wt_err *err)
{
    wt_fail_at(err, WT_EFORMAT, meta->source, "key '%.*s' is %s%s, expected %s", (int)meta->key.len, meta->key.data,
               meta->is_array ? "an array of " : "", wt_meta_type_name(meta->type), expected);
    wt_err_where(err, "%s", wt_weights_path(w));
    wt_err_hint(err, "the file was written by a tool that does not follow the format; convert the model again");
    return WT_EFORMAT;
}

wt_status wt_weights_int(const wt_weights *w, const char *key, int64_t fallback, int64_t *out, wt_err *err)
{
    const wt_meta *meta = wt_weights_meta(w, key);
    *out = fallback;
    if (!meta)
        return WT_OK;
    if (meta->is_array || meta->type == WT_META_BOOL || !wt_meta_int_at(meta, 0, out))
        return wrong(w, meta, "an integer", err);
    return WT_OK;
}

wt_status wt_weights_float(const wt_weights *w, const char *key, double fallback, double *out, wt_err *err)
{
    const wt_meta *meta = wt_weights_meta(w, key);
    *out = fallback;
    if (!meta)
        return WT_OK;
    if (meta->is_array || meta->type == WT_META_BOOL || !wt_meta_float_at(meta, 0, out))
        return wrong(w, meta, "a number", err);
    return WT_OK;
}

wt_status wt_weights_bool(const wt_weights *w, const char *key, bool fallback, bool *out, wt_err *err)
{
    const wt_meta *meta = wt_weights_meta(w, key);
    int64_t value = fallback;
    if (meta && (meta->is_array || !wt_meta_int_at(meta, 0, &value) || (value != 0 && value != 1)))
        return wrong(w, meta, "true or false", err);
    *out = value != 0;
    return WT_OK;
}

wt_status wt_weights_string(const wt_weights *w, const char *key, const char *fallback, wt_string *out, wt_err *err)
{
    const wt_meta *meta = wt_weights_meta(w, key);
    *out = (wt_string){ fallback, fallback ? strlen(fallback) : 0 };
    if (!meta)
        return WT_OK;
    if (meta->is_array || meta->type != WT_META_STRING)
        return wrong(w, meta, "a string", err);
    *out = meta->strings[0];
    return WT_OK;
}

/* --- setting ----------------------------------------------------------------------------------------------- */

wt_status wt_weights_set_int(wt_weights *w, const char *key, wt_meta_type type, int64_t value, wt_err *err)
{
    wt_meta meta = { .key = { key, strlen(key) }, .type = type, .count = 1 };
    const uint8_t u8 = (uint8_t)value;
    const uint16_t u16 = (uint16_t)value;
    const uint32_t u32 = (uint32_t)value;
    int64_t back = 0;
    switch (wt_meta_type_bytes(type)) {
    case 1: meta.data = &u8; break;
    case 2: meta.data = &u16; break;
    case 4: meta.data = &u32; break;
    default: meta.data = &value; break;
    }
    if (type == WT_META_F32 || type == WT_META_F64 || !wt_meta_type_bytes(type) || !wt_meta_int_at(&meta, 0, &back) ||
        back != value)
        return wt_fail(err, WT_EFORMAT, "key '%s': %lld is no %s", key, (long long)value, wt_meta_type_name(type));
    return wt_weights_set_meta(w, &meta, err);
}

wt_status wt_weights_set_float(wt_weights *w, const char *key, double value, wt_err *err)
{
    const float f = (float)value;
    return wt_weights_set_meta(
        w, &(wt_meta){ .key = { key, strlen(key) }, .type = WT_META_F32, .count = 1, .data = &f }, err);
}

wt_status wt_weights_set_string(wt_weights *w, const char *key, const char *value, wt_err *err)
{
    const wt_string s = { value, strlen(value) };
    return wt_weights_set_meta(
        w, &(wt_meta){ .key = { key, strlen(key) }, .type = WT_META_STRING, .count = 1, .strings = &s }, err);
}
