/* nbits.c - matrices of MatMulNBits as floats, and as block formats where those have the same values. */
#include "model/blocks/nbits.h"
#include <math.h>

static float number(const void *data, wt_dtype dtype, size_t i)
{
    float f;
    uint16_t h;
    if (dtype == WT_F32) {
        memcpy(&f, (const char *)data + i * sizeof f, sizeof f);
        return f;
    }
    memcpy(&h, (const char *)data + i * sizeof h, sizeof h);
    return dtype == WT_F16 ? wt_f16_to_f32(h) : wt_bf16_to_f32(h);
}

float wt_nbits_scale(const wt_nbits *m, size_t row, size_t block)
{
    return number(m->scales, m->scale_dtype, row * m->blocks + block);
}

float wt_nbits_zero(const wt_nbits *m, size_t row, size_t block)
{
    if (!m->zps)
        return (float)m->zero;
    if (m->zp_dtype != WT_U8)
        return number(m->zps, m->zp_dtype, row * m->blocks + block);
    const size_t bit = block * (size_t)m->bits;
    const int code = ((const uint8_t *)m->zps)[row * m->zp_row_bytes + bit / 8] >> bit % 8 & ((1 << m->bits) - 1);
    return (float)(m->is_signed ? code ^ 1 << (m->bits - 1) : code);
}

/* n codes from a whole byte on. */
static void spread(const uint8_t *codes, int bits, int flip, float zero, float scale, float *out, size_t n)
{
    size_t i = 0;
    if (bits == 8)
        for (; i < n; i++)
            out[i] = ((float)(codes[i] ^ flip) - zero) * scale;
    for (; bits == 4 && i + 2 <= n; i += 2) {
        out[i] = ((float)((codes[i / 2] & 15) ^ flip) - zero) * scale;
        out[i + 1] = ((float)((codes[i / 2] >> 4) ^ flip) - zero) * scale;
    }
    for (; i < n; i++)
        out[i] = ((float)((codes[i * (size_t)bits / 8] >> i * (size_t)bits % 8 & ((1 << bits) - 1)) ^ flip) - zero) *
                 scale;
}

void wt_nbits_row(const wt_nbits *m, size_t row, float *out)
{
    const int flip = m->is_signed ? 1 << (m->bits - 1) : 0;
    const uint8_t *codes = m->codes + row * m->row_bytes;
    for (size_t b = 0; b < m->blocks; b++) {
        const size_t at = b * m->block, n = at + m->block < m->k ? m->block : m->k - at;
        spread(codes + at * (size_t)m->bits / 8, m->bits, flip, wt_nbits_zero(m, row, b), wt_nbits_scale(m, row, b),
               out + at, n);
    }
}

/* --- the bridge ------------------------------------------------------------------------------------------------------
 * All the formats below have blocks of 32 and a scale of 16 bits, so larger blocks are several with the same scale. */
enum { BLOCK = 32 };

static bool is_half(float f) { return isfinite(f) && wt_f16_to_f32(wt_f32_to_f16(f)) == f; }

typedef struct findings {
    int low, high; /* of code - zero point */
    bool affine;   /* -zero point * scale is a half, too */
} findings;

/* False when a block's scale is no half or its zero point no integer. */
static bool look_at_block(const wt_nbits *m, size_t row, size_t b, findings *f)
{
    const float scale = wt_nbits_scale(m, row, b), zero = wt_nbits_zero(m, row, b);
    if (!is_half(scale) || zero != rintf(zero) || fabsf(zero) > 255)
        return false;
    f->affine = f->affine && is_half(-zero * scale);
    for (size_t i = b * m->block; i < (b + 1) * m->block; i++) {
        const int code = wt_nbits_code(m, row, i) - (int)zero;
        f->low = code < f->low ? code : f->low;
        f->high = code > f->high ? code : f->high;
    }
    return true;
}

wt_dtype wt_nbits_bridge(const wt_nbits *m)
{
    findings f = { .affine = m->bits <= 4 };
    if (m->block % BLOCK || m->k % m->block)
        return WT_DTYPE_NONE;
    for (size_t row = 0; row < m->n; row++)
        for (size_t b = 0; b < m->blocks; b++)
            if (!look_at_block(m, row, b, &f))
                return WT_DTYPE_NONE;
    if (f.low >= -8 && f.high <= 7)
        return WT_Q4_0;
    if (f.affine)
        return WT_Q4_1;
    return f.low >= -128 && f.high <= 127 ? WT_Q8_0 : WT_DTYPE_NONE;
}

static void put_half(uint8_t *to, float f)
{
    const uint16_t h = wt_f32_to_f16(f);
    memcpy(to, &h, sizeof h);
}

/* 32 codes of one block behind its numbers: two of a byte are 16 elements apart. */
static void put_nibbles(uint8_t *to, const int *code)
{
    for (int i = 0; i < BLOCK / 2; i++)
        to[i] = (uint8_t)(code[i] | code[i + BLOCK / 2] << 4);
}

void wt_nbits_to_blocks(const wt_nbits *m, wt_dtype to, size_t first, size_t n, void *out)
{
    const size_t bytes = wt_dtype_get(to)->block_bytes, per_row = m->k / BLOCK;
    for (size_t u = 0; u < n * per_row; u++) {
        const size_t row = first + u / per_row, at = u % per_row * BLOCK, b = at / m->block;
        const float scale = wt_nbits_scale(m, row, b), zero = wt_nbits_zero(m, row, b);
        uint8_t *block = (uint8_t *)out + u * bytes;
        int code[BLOCK];
        for (size_t i = 0; i < BLOCK; i++)
            code[i] = wt_nbits_code(m, row, at + i) - (to == WT_Q4_1 ? 0 : (int)zero) + (to == WT_Q4_0 ? 8 : 0);
        put_half(block, scale);
        if (to == WT_Q4_1)
            put_half(block + 2, -zero * scale);
        if (to != WT_Q8_0)
            put_nibbles(block + (to == WT_Q4_1 ? 4 : 2), code);
        for (int i = 0; to == WT_Q8_0 && i < BLOCK; i++)
            block[2 + i] = (uint8_t)(int8_t)code[i];
    }
}
