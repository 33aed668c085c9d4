/* convert.c - between element types, with the meaning of ONNX Cast.
 *
 * Scalars of the small float formats are converted by integer arithmetic on their bits, so that results do not depend
 * on the rounding mode or on flushed denormals. Arrays go in chunks through one of four wide types (float, double,
 * int64, uint64): four decoders and four encoders instead of a function for every pair.
 *
 * Where C leaves a conversion undefined (a float that does not fit), the result is what x86 gives and ONNX Runtime and
 * numpy show there: to 32 bits and less, the low bits of an int32 that is INT32_MIN for NaN and what does not fit; to
 * uint32 and int64, the same with int64. Integers wrap. Float to 4 and 2 bits rounds half away from zero, then wraps.
 */
#include "model/tensor.h"
#include <math.h>

enum { CHUNK = 512 /* a multiple of 4: packed types start chunks on a byte */ };

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* A format of 1 sign bit, exponent and mantissa: how many mantissa bits, and the exponent's bias. */
typedef struct small_float {
    int mantissa, bias;
} small_float;

/* The code (without sign) nearest to the finite float with these magnitude bits, ties to even. It may exceed the
 * largest finite code: the caller decides what overflow means. float's own denormals are below half of every format's
 * smallest step and become 0. */
static uint32_t encode_magnitude(uint32_t magnitude, small_float t)
{
    const int exponent = (int)(magnitude >> 23) - 127 + t.bias;
    const uint32_t full = (magnitude & 0x7fffff) | 0x800000;
    const int shift = 23 - t.mantissa + (exponent > 0 ? 0 : 1 - exponent);
    if (magnitude < 0x800000 || shift > 24)
        return 0;
    const uint32_t rest = full & ((1u << shift) - 1), half = 1u << (shift - 1);
    uint32_t q = full >> shift;
    q += rest > half || (rest == half && (q & 1));
    return exponent > 0 ? ((uint32_t)(exponent - 1) << t.mantissa) + q : q;
}

static float decode_magnitude(uint32_t code, small_float t)
{
    const int exponent = (int)(code >> t.mantissa);
    const uint32_t mantissa = code & ((1u << t.mantissa) - 1);
    if (exponent == 0) { /* mantissa * 2^(1 - bias - bits), exact */
        const float step = float_of((uint32_t)(128 - t.bias - t.mantissa) << 23);
        return (float)mantissa * step;
    }
    return float_of((uint32_t)(exponent - t.bias + 127) << 23 | mantissa << (23 - t.mantissa));
}

static const small_float half_format = { 10, 15 };

float wt_f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, magnitude = h & 0x7fff;
    if (magnitude >= 0x7c00)
        return float_of(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
    return float_of(sign | bits_of(decode_magnitude(magnitude, half_format)));
}

uint16_t wt_f32_to_f16(float f)
{
    const uint32_t u = bits_of(f), sign = u >> 16 & 0x8000, magnitude = u & 0x7fffffff;
    uint32_t code;
    if (magnitude > 0x7f800000)
        code = 0x7e00 | (magnitude >> 13 & 0x3ff); /* NaN, quiet, payload kept */
    else if (magnitude >= 0x477ff000)              /* 65520 and above round to infinity */
        code = 0x7c00;
    else
        code = encode_magnitude(magnitude, half_format);
    return (uint16_t)(sign | code);
}

void wt_halves(const void *floats, void *halves, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float f;
        memcpy(&f, (const uint8_t *)floats + 4 * i, sizeof f);
        const uint16_t h = wt_f32_to_f16(f);
        memcpy((uint8_t *)halves + 2 * i, &h, sizeof h);
    }
}

uint16_t wt_f32_to_bf16(float f)
{
    const uint32_t u = bits_of(f);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* --- eight bits and fewer ------------------------------------------------------------------------------------ */
typedef struct f8_format {
    small_float t;
    uint32_t max;       /* largest finite code */
    bool infinite;      /* max + 1 is infinity */
    bool unsigned_zero; /* "fnuz": 0x80 is the only NaN, there is no -0 */
} f8_format;

static f8_format f8_get(wt_dtype dtype)
{
    switch (dtype) {
    case WT_F8E4M3FN: return (f8_format){ { 3, 7 }, 0x7e, false, false };
    case WT_F8E4M3FNUZ: return (f8_format){ { 3, 8 }, 0x7f, false, true };
    case WT_F8E5M2: return (f8_format){ { 2, 15 }, 0x7b, true, false };
    default: return (f8_format){ { 2, 16 }, 0x7f, false, true }; /* F8E5M2FNUZ */
    }
}

float wt_f8_to_f32(uint8_t v, wt_dtype dtype)
{
    if (dtype == WT_F8E8M0)
        return v == 0xff ? float_of(0x7fc00000) : v == 0 ? float_of(0x400000) : float_of((uint32_t)v << 23);
    const f8_format format = f8_get(dtype);
    const uint32_t sign = (uint32_t)(v & 0x80) << 24, code = v & 0x7f;
    if (format.unsigned_zero ? v == 0x80 : code > format.max)
        return float_of(sign | (format.infinite && code == format.max + 1 ? 0x7f800000 : 0x7fc00000));
    return float_of(sign | bits_of(decode_magnitude(code, format.t)));
}

/* A power of two, rounded up (the default of Cast's round_mode). */
static uint8_t encode_e8m0(uint32_t magnitude, bool saturate)
{
    const uint32_t exponent = magnitude >> 23, up = (magnitude & 0x7fffff) != 0;
    if (exponent == 0xff)
        return 0xff;
    return (uint8_t)(exponent == 0xfe && saturate ? exponent : exponent + up);
}

uint8_t wt_f32_to_f8(float f, wt_dtype dtype, bool saturate)
{
    const uint32_t u = bits_of(f), sign = u >> 24 & 0x80, magnitude = u & 0x7fffffff;
    if (dtype == WT_F8E8M0)
        return encode_e8m0(magnitude, saturate);
    const f8_format format = f8_get(dtype);
    const uint8_t nan = (uint8_t)(format.unsigned_zero ? 0x80 : 0x7f | sign);
    if (magnitude > 0x7f800000)
        return nan;
    uint32_t code = magnitude == 0x7f800000 ? format.max + 1 : encode_magnitude(magnitude, format.t);
    if (code > format.max) {
        if (!saturate && !format.infinite)
            return nan;
        code = saturate ? format.max : format.max + 1;
    }
    return (uint8_t)(code == 0 && format.unsigned_zero ? 0 : sign | code);
}

static const small_float f4_format = { 1, 1 };

float wt_f4_to_f32(uint8_t v)
{
    return float_of((uint32_t)(v & 8) << 28 | bits_of(decode_magnitude(v & 7, f4_format)));
}

/* There is no infinity, which becomes the largest value, and no NaN, which becomes -0. */
uint8_t wt_f32_to_f4(float f)
{
    const uint32_t u = bits_of(f), magnitude = u & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return 8;
    const uint32_t code = magnitude == 0x7f800000 ? 7 : encode_magnitude(magnitude, f4_format);
    return (uint8_t)((u >> 28 & 8) | (code > 7 ? 7 : code));
}

/* --- arrays --------------------------------------------------------------------------------------------------- */
typedef enum kind { NOT_NUMERIC, REAL, WIDE_REAL, SIGNED, UNSIGNED } kind;

typedef union chunk {
    float f[CHUNK];
    double d[CHUNK];
    int64_t i[CHUNK];
    uint64_t u[CHUNK];
} chunk;

static kind kind_of(wt_dtype t)
{
    switch (t) {
    case WT_F32:
    case WT_F16:
    case WT_BF16:
    case WT_F8E4M3FN:
    case WT_F8E4M3FNUZ:
    case WT_F8E5M2:
    case WT_F8E5M2FNUZ:
    case WT_F8E8M0:
    case WT_F4E2M1: return REAL;
    case WT_F64: return WIDE_REAL;
    case WT_U64: return UNSIGNED;
    case WT_BOOL:
    case WT_U8:
    case WT_I8:
    case WT_U16:
    case WT_I16:
    case WT_I32:
    case WT_U32:
    case WT_I64:
    case WT_U4:
    case WT_I4:
    case WT_U2:
    case WT_I2: return SIGNED;
    default: return NOT_NUMERIC;
    }
}

static unsigned packed_bits(wt_dtype t)
{
    return t == WT_U4 || t == WT_I4 || t == WT_F4E2M1 ? 4 : t == WT_U2 || t == WT_I2 ? 2 : 0;
}

static unsigned unpack(const uint8_t *src, size_t i, unsigned bits)
{
    const size_t bit = i * bits;
    return (unsigned)src[bit / 8] >> (bit % 8) & ((1u << bits) - 1);
}

#define DECODE(type, member, expression)                                                                               \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        type v;                                                                                                        \
        memcpy(&v, src + i * sizeof v, sizeof v);                                                                      \
        out->member[i] = expression;                                                                                   \
    }                                                                                                                  \
    break

/* n elements into the wide type of `from`; integers of all widths but uint64 into int64. */
static void decode(const uint8_t *src, wt_dtype from, size_t n, chunk *out)
{
    switch (from) {
    case WT_F32: memcpy(out->f, src, n * sizeof(float)); break;
    case WT_F64: memcpy(out->d, src, n * sizeof(double)); break;
    case WT_I64:
    case WT_U64: memcpy(out->i, src, n * sizeof(int64_t)); break;
    case WT_F16: DECODE(uint16_t, f, wt_f16_to_f32(v));
    case WT_BF16: DECODE(uint16_t, f, wt_bf16_to_f32(v));
    case WT_BOOL: DECODE(uint8_t, i, v != 0);
    case WT_U8: DECODE(uint8_t, i, v);
    case WT_I8: DECODE(int8_t, i, v);
    case WT_U16: DECODE(uint16_t, i, v);
    case WT_I16: DECODE(int16_t, i, v);
    case WT_U32: DECODE(uint32_t, i, v);
    case WT_I32: DECODE(int32_t, i, v);
    case WT_U4:
    case WT_U2:
        for (size_t i = 0; i < n; i++)
            out->i[i] = unpack(src, i, packed_bits(from));
        break;
    case WT_I4:
        for (size_t i = 0; i < n; i++)
            out->i[i] = (int64_t)(unpack(src, i, 4) ^ 8) - 8;
        break;
    case WT_I2:
        for (size_t i = 0; i < n; i++)
            out->i[i] = (int64_t)(unpack(src, i, 2) ^ 2) - 2;
        break;
    case WT_F4E2M1:
        for (size_t i = 0; i < n; i++)
            out->f[i] = wt_f4_to_f32((uint8_t)unpack(src, i, 4));
        break;
    default: DECODE(uint8_t, f, wt_f8_to_f32(v, from));
    }
}
#undef DECODE

static int64_t real_to_int(double v, double limit, int64_t smallest)
{
    return v > -limit - 1.0 && v < limit ? (int64_t)v : smallest;
}

static uint64_t real_to_u64(double v)
{
    if (v >= 0x1p63)
        return v < 0x1p64 ? (uint64_t)v : 0;
    return (uint64_t)(v >= -0x1p63 ? (int64_t)v : INT64_MIN); /* NaN: INT64_MIN */
}

/* The integer that a real becomes in a target of this type, before it is cut to the target's bits. */
static int64_t to_int(double v, wt_dtype to)
{
    switch (to) {
    case WT_BOOL: return v != 0.0; /* NaN is true */
    case WT_U64: return (int64_t)real_to_u64(v);
    case WT_I64:
    case WT_U32: return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN;
    case WT_U4:
    case WT_I4:
    case WT_U2:
    case WT_I2: return real_to_int(round(v), 0x1p31, INT32_MIN);
    default: return real_to_int(v, 0x1p31, INT32_MIN);
    }
}

/* From one wide type into that of the target. */
static const chunk *widen(const chunk *c, kind from, chunk *out, wt_dtype to, size_t n)
{
    const kind want = kind_of(to);
    const bool integers = (from == SIGNED || from == UNSIGNED) && (want == SIGNED || want == UNSIGNED);
    if (from == want || integers)
        return c; /* integers wrap: same bits */
    for (size_t i = 0; i < n; i++) {
        if (want == SIGNED || want == UNSIGNED)
            out->i[i] = to_int(from == REAL ? (double)c->f[i] : c->d[i], to);
        else if (want == WIDE_REAL)
            out->d[i] = from == REAL ? (double)c->f[i] : from == SIGNED ? (double)c->i[i] : (double)c->u[i];
        else
            out->f[i] = from == WIDE_REAL ? (float)c->d[i] : from == SIGNED ? (float)c->i[i] : (float)c->u[i];
    }
    return out;
}

#define ENCODE(type, expression)                                                                                       \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        const type v = (type)(expression);                                                                             \
        memcpy(dst + i * sizeof v, &v, sizeof v);                                                                      \
    }                                                                                                                  \
    break

static void encode_packed(const chunk *c, uint8_t *dst, wt_dtype to, size_t n)
{
    const unsigned bits = packed_bits(to), mask = (1u << bits) - 1;
    memset(dst, 0, (n * bits + 7) / 8);
    for (size_t i = 0; i < n; i++) {
        const unsigned v = to == WT_F4E2M1 ? wt_f32_to_f4(c->f[i]) : (unsigned)(uint64_t)c->i[i] & mask;
        dst[i * bits / 8] = (uint8_t)(dst[i * bits / 8] | v << (i * bits % 8));
    }
}

static void encode(const chunk *c, uint8_t *dst, wt_dtype to, size_t n, bool saturate)
{
    switch (to) {
    case WT_F32: memcpy(dst, c->f, n * sizeof(float)); break;
    case WT_F64: memcpy(dst, c->d, n * sizeof(double)); break;
    case WT_I64:
    case WT_U64: memcpy(dst, c->i, n * sizeof(int64_t)); break;
    case WT_F16: ENCODE(uint16_t, wt_f32_to_f16(c->f[i]));
    case WT_BF16: ENCODE(uint16_t, wt_f32_to_bf16(c->f[i]));
    case WT_BOOL: ENCODE(uint8_t, c->i[i] != 0);
    case WT_U8:
    case WT_I8: ENCODE(uint8_t, (uint64_t)c->i[i] & 0xff);
    case WT_U16:
    case WT_I16: ENCODE(uint16_t, (uint64_t)c->i[i] & 0xffff);
    case WT_U32:
    case WT_I32: ENCODE(uint32_t, (uint64_t)c->i[i] & 0xffffffff);
    case WT_U4:
    case WT_I4:
    case WT_U2:
    case WT_I2:
    case WT_F4E2M1: encode_packed(c, dst, to, n); break;
    default: ENCODE(uint8_t, wt_f32_to_f8(c->f[i], to, saturate));
    }
}
#undef ENCODE

wt_status wt_convert(const void *src, wt_dtype from, void *dst, wt_dtype to, size_t n, bool saturate, wt_err *err)
{
    const wt_dtype_info *a = wt_dtype_get(from), *b = wt_dtype_get(to);
    if (kind_of(from) == NOT_NUMERIC || kind_of(to) == NOT_NUMERIC)
        return wt_fail(err, WT_EUNSUPPORTED, "no conversion from %s to %s", a->name, b->name);
    for (size_t done = 0; done < n; done += CHUNK) {
        const size_t part = n - done < CHUNK ? n - done : CHUNK;
        const uint8_t *s = (const uint8_t *)src + done / a->block_len * a->block_bytes;
        uint8_t *d = (uint8_t *)dst + done / b->block_len * b->block_bytes;
        chunk c, wide;
        if (from == to && from != WT_BOOL) {
            memcpy(d, s, (part + a->block_len - 1) / a->block_len * a->block_bytes);
            continue;
        }
        decode(s, from, part, &c);
        encode(widen(&c, kind_of(from), &wide, to, part), d, to, part, saturate);
    }
    return WT_OK;
}
