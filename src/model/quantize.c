/* quantize.c - see quantize.h. Codes pass through a small int32 buffer, so that packing, widths and scales are each one
 * loop and one place. */
#include "model/quantize.h"

enum { CHUNK = 1024 /* a multiple of every block length */ };

bool wt_quant_range(wt_dtype dtype, int32_t *lo, int32_t *hi)
{
    switch (dtype) {
    case WT_U8: *lo = 0, *hi = UINT8_MAX; return true;
    case WT_I8: *lo = INT8_MIN, *hi = INT8_MAX; return true;
    case WT_U16: *lo = 0, *hi = UINT16_MAX; return true;
    case WT_I16: *lo = INT16_MIN, *hi = INT16_MAX; return true;
    case WT_I32: *lo = INT32_MIN, *hi = INT32_MAX; return true;
    case WT_U4: *lo = 0, *hi = 15; return true;
    case WT_I4: *lo = -8, *hi = 7; return true;
    case WT_U2: *lo = 0, *hi = 3; return true;
    case WT_I2: *lo = -2, *hi = 1; return true;
    default: return false;
    }
}

/* --- codes as they are stored
 * -------------------------------------------------------------------------------------------- */
static void store(const int32_t *codes, void *q, size_t n, wt_dtype dtype)
{
    uint8_t *u8 = q;
    const uint32_t block = wt_dtype_get(dtype)->block_len, bits = 8 / block;
    switch (wt_dtype_get(dtype)->block_bytes * (block == 1)) {
    case 1:
        for (size_t i = 0; i < n; i++)
            u8[i] = (uint8_t)codes[i];
        return;
    case 2:
        for (size_t i = 0; i < n; i++) {
            const uint16_t v = (uint16_t)codes[i];
            memcpy(u8 + 2 * i, &v, 2);
        }
        return;
    case 4: memcpy(q, codes, 4 * n); return;
    default: break;
    }
    for (size_t i = 0; i < n; i += block) {
        uint32_t byte = 0;
        for (uint32_t k = 0; k < block && i + k < n; k++)
            byte |= ((uint32_t)codes[i + k] & ((1u << bits) - 1)) << (k * bits);
        *u8++ = (uint8_t)byte;
    }
}

static void load(const void *q, int32_t *codes, size_t n, wt_dtype dtype)
{
    const uint8_t *u8 = q;
    const uint32_t block = wt_dtype_get(dtype)->block_len, bits = 8 / block;
    int32_t lo = 0, hi = 0;
    wt_quant_range(dtype, &lo, &hi);
    if (block == 1 && wt_dtype_get(dtype)->block_bytes == 4) {
        memcpy(codes, q, 4 * n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        int32_t v;
        if (block == 1 && wt_dtype_get(dtype)->block_bytes == 2)
            v = u8[2 * i] | u8[2 * i + 1] << 8;
        else
            v = (u8[i / block] >> (i % block * bits)) & ((1 << bits) - 1);
        codes[i] = v > hi ? v - 2 * (hi + 1) : v; /* signed types wrap */
    }
}

/* --- one scale
 * ------------------------------------------------------------------------------------------------------------- */
/* Up to 17 bits: clamped first, so adding and subtracting 1.5 * 2^23 rounds exactly, half to even. */
static void quantize_small(const uint8_t *x, int32_t *codes, size_t n, float scale, int32_t zp, int32_t lo, int32_t hi)
{
    const float magic = 12582912.0f, low = (float)(lo - zp), high = (float)(hi - zp);
    for (size_t i = 0; i < n; i++) {
        float v;
        memcpy(&v, x + 4 * i, 4);
        v /= scale;
        v = v != v ? 0 : v;
        v = v < low ? low : v;
        v = v > high ? high : v;
        v = (v + magic) - magic;
        codes[i] = (int32_t)v + zp;
    }
}

static void quantize_large(const uint8_t *x, int32_t *codes, size_t n, float scale, int32_t zp, int32_t lo, int32_t hi)
{
    const double magic = 6755399441055744.0, low = (double)lo - zp, high = (double)hi - zp; /* 1.5 * 2^52 */
    for (size_t i = 0; i < n; i++) {
        float f;
        memcpy(&f, x + 4 * i, 4);
        double v = (double)(f / scale);
        v = v != v ? 0 : v;
        v = v < low ? low : v > high ? high : v;
        v = (v + magic) - magic;
        codes[i] = (int32_t)((int64_t)v + zp);
    }
}

static void quantize_codes(const uint8_t *x, int32_t *codes, size_t n, float scale, int32_t zp, wt_dtype dtype)
{
    int32_t lo = 0, hi = 0;
    wt_quant_range(dtype, &lo, &hi);
    if (dtype == WT_I32)
        quantize_large(x, codes, n, scale, zp, lo, hi);
    else
        quantize_small(x, codes, n, scale, zp, lo, hi);
}

static void dequantize_codes(const int32_t *codes, float *x, size_t n, float scale, int32_t zp)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((int64_t)codes[i] - zp) * scale;
}

static size_t stored_bytes(wt_dtype dtype, size_t n)
{
    const wt_dtype_info *info = wt_dtype_get(dtype);
    return n / info->block_len * info->block_bytes;
}

void wt_quantize_f32(const void *x, void *q, size_t n, float scale, int32_t zero_point, wt_dtype dtype)
{
    int32_t codes[CHUNK];
    for (size_t i = 0; i < n; i += CHUNK) {
        const size_t k = n - i < CHUNK ? n - i : CHUNK;
        quantize_codes((const uint8_t *)x + 4 * i, codes, k, scale, zero_point, dtype);
        store(codes, (uint8_t *)q + stored_bytes(dtype, i), k, dtype);
    }
}

void wt_dequantize_f32(const void *q, float *x, size_t n, float scale, int32_t zero_point, wt_dtype dtype)
{
    int32_t codes[CHUNK];
    for (size_t i = 0; i < n; i += CHUNK) {
        const size_t k = n - i < CHUNK ? n - i : CHUNK;
        load((const uint8_t *)q + stored_bytes(dtype, i), codes, k, dtype);
        dequantize_codes(codes, x + i, k, scale, zero_point);
    }
}

/* --- many scales
 * ------------------------------------------------------------------------------------------------------------ */
/* The tensor as [outer, length of the axis, inner]. */
typedef struct strides {
    size_t axis, inner, blocks;
} strides;

static strides strides_of(const wt_quant *quant, const wt_shape *shape)
{
    strides s = { 1, 1, 1 };
    if (quant->axis < 0)
        return s;
    s.axis = (size_t)shape->dim[quant->axis];
    s.inner = (size_t)wt_shape_product(shape, quant->axis + 1, shape->rank);
    if (quant->block)
        s.blocks = (s.axis + (size_t)quant->block - 1) / (size_t)quant->block;
    return s;
}

/* Which scale element i has, and how many elements from i on share it. */
static size_t scale_at(const wt_quant *quant, const strides *s, size_t i, size_t *run)
{
    if (quant->axis < 0) {
        *run = SIZE_MAX;
        return 0;
    }
    const size_t k = i / s->inner % s->axis, at = i % s->inner;
    if (!quant->block) {
        *run = s->inner - at;
        return k;
    }
    const size_t block = (size_t)quant->block, end = (k / block + 1) * block;
    *run = s->inner > 1 ? 1 : (end < s->axis ? end : s->axis) - k;
    return (i / s->inner / s->axis * s->blocks + k / block) * s->inner + at;
}

void wt_quantize_part(const wt_quant *quant, const wt_shape *shape, const void *x, void *q, size_t first, size_t n)
{
    const strides s = strides_of(quant, shape);
    int32_t codes[CHUNK];
    for (size_t i = 0; i < n; i += CHUNK) {
        const size_t k = n - i < CHUNK ? n - i : CHUNK;
        for (size_t j = 0, run; j < k; j += run) {
            const size_t at = scale_at(quant, &s, first + i + j, &run);
            run = run < k - j ? run : k - j;
            quantize_codes((const uint8_t *)x + 4 * (i + j), codes + j, run, quant->scale[at], quant->zero_point[at],
                           quant->dtype);
        }
        store(codes, (uint8_t *)q + stored_bytes(quant->dtype, i), k, quant->dtype);
    }
}

void wt_dequantize_part(const wt_quant *quant, const wt_shape *shape, const void *q, float *x, size_t first, size_t n)
{
    const strides s = strides_of(quant, shape);
    int32_t codes[CHUNK];
    for (size_t i = 0; i < n; i += CHUNK) {
        const size_t k = n - i < CHUNK ? n - i : CHUNK;
        load((const uint8_t *)q + stored_bytes(quant->dtype, i), codes, k, quant->dtype);
        for (size_t j = 0, run; j < k; j += run) {
            const size_t at = scale_at(quant, &s, first + i + j, &run);
            run = run < k - j ? run : k - j;
            dequantize_codes(codes + j, x + i + j, run, quant->scale[at], quant->zero_point[at]);
        }
    }
}

wt_status wt_quant_check(const wt_quant *quant, const wt_shape *shape, wt_err *err)
{
    int32_t lo, hi;
    size_t want = 1;
    if (!wt_quant_range(quant->dtype, &lo, &hi))
        return wt_fail(err, WT_EFORMAT, "%s is no type to quantize to", wt_dtype_name(quant->dtype));
    if (quant->axis >= 0) {
        if (shape->rank >= 0 && (quant->axis >= shape->rank || quant->block < 0))
            return wt_fail(err, WT_EFORMAT, "quantization along axis %d of a tensor with %d dimensions", quant->axis,
                           shape->rank);
        if (quant->block && !wt_shape_known(shape))
            return wt_fail(err, WT_EFORMAT, "quantization in blocks of a tensor of unknown shape");
        const int64_t dim = shape->rank > quant->axis ? shape->dim[quant->axis] : WT_DIM_ANY;
        want = dim >= 0 ? (size_t)dim : quant->count;
        if (quant->block) {
            const strides s = strides_of(quant, shape);
            want = (size_t)wt_shape_product(shape, 0, quant->axis) * s.blocks * s.inner;
        }
    }
    if (quant->count != want)
        return wt_fail(err, WT_EFORMAT, "quantization has %zu scales, %zu are needed", quant->count, want);
    for (size_t i = 0; i < quant->count; i++)
        if (quant->zero_point[i] < lo || quant->zero_point[i] > hi)
            return wt_fail(err, WT_EFORMAT, "zero point %d is no %s", quant->zero_point[i],
                           wt_dtype_name(quant->dtype));
    return WT_OK;
}

static wt_status make(wt_tensor *out, wt_arena *arena, const wt_value *value, wt_dtype dtype, size_t *n, wt_err *err)
{
    int64_t count = 0;
    *out = value->type;
    out->dtype = dtype;
    if (!wt_shape_count(&out->shape, &count) || !wt_dtype_bytes(dtype, (uint64_t)count, &out->bytes))
        return wt_fail(err, WT_EFORMAT, "constant '%s' is larger than memory", value->name);
    WT_TRY(wt_quant_check(value->quant, &out->shape, err));
    out->data = wt_arena_alloc(arena, out->bytes ? out->bytes : 1, 1, err);
    *n = (size_t)count;
    return out->data ? WT_OK : WT_ENOMEM;
}

wt_status wt_quant_quantize(wt_tensor *out, wt_arena *arena, const wt_value *value, wt_err *err)
{
    size_t n = 0;
    if (value->type.dtype == value->quant->dtype) {
        *out = value->type;
        return WT_OK;
    }
    WT_TRY(make(out, arena, value, value->quant->dtype, &n, err));
    wt_quantize_part(value->quant, &out->shape, value->type.data, wt_tensor_mut(out), 0, n);
    return WT_OK;
}

wt_status wt_quant_dequantize(wt_tensor *out, wt_arena *arena, const wt_value *value, wt_err *err)
{
    size_t n = 0;
    WT_TRY(make(out, arena, value, WT_F32, &n, err));
    if (value->type.dtype == value->quant->dtype) {
        wt_dequantize_part(value->quant, &out->shape, value->type.data, wt_tensor_mut(out), 0, n);
        return WT_OK;
    }
    uint8_t codes[4 * CHUNK];
    for (size_t i = 0; i < n; i += CHUNK) {
        const size_t k = n - i < CHUNK ? n - i : CHUNK;
        wt_quantize_part(value->quant, &out->shape, (const uint8_t *)value->type.data + 4 * i, codes, i, k);
        wt_dequantize_part(value->quant, &out->shape, codes, (float *)wt_tensor_mut(out) + i, i, k);
    }
    return WT_OK;
}
