/* block_codes_avx2.c - the block formats of files as codes, scales and offsets. The layouts are those of model/blocks/.
 * Plain loops; the compiler makes them vectors. */
#include <immintrin.h>
#include "base/base.h"
#include "run/kernels/x86/blocks.h"

const int8_t wt_iq4_values[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };

static uint16_t u16_at(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static float half_at(const uint8_t *p) { return _cvtsh_ss(u16_at(p)); }

/* Halves of 16 bytes: the low ones first. */
static void nibbles(const uint8_t *q, uint8_t *code)
{
    for (int i = 0; i < 16; i++) {
        code[i] = q[i] & 15;
        code[i + 16] = q[i] >> 4;
    }
}
static void fifth_bits(const uint8_t *q, uint8_t *code)
{
    const uint32_t bits = (uint32_t)u16_at(q) | (uint32_t)u16_at(q + 2) << 16;
    for (int i = 0; i < 32; i++)
        code[i] |= (uint8_t)((bits >> i & 1) << 4);
}

static void read_q4_0(const void *block, wt_codes *out)
{
    const uint8_t *b = block;
    out->scale[0] = half_at(b);
    nibbles(b + 2, out->code);
}
static void read_q4_1(const void *block, wt_codes *out)
{
    const uint8_t *b = block;
    out->scale[0] = half_at(b);
    out->offset[0] = half_at(b + 2);
    nibbles(b + 4, out->code);
}
static void read_q5_0(const void *block, wt_codes *out)
{
    const uint8_t *b = block;
    out->scale[0] = half_at(b);
    nibbles(b + 6, out->code);
    fifth_bits(b + 2, out->code);
}
static void read_q5_1(const void *block, wt_codes *out)
{
    const uint8_t *b = block;
    out->scale[0] = half_at(b);
    out->offset[0] = half_at(b + 2);
    nibbles(b + 8, out->code);
    fifth_bits(b + 4, out->code);
}
static void read_q8_0(const void *block, wt_codes *out)
{
    const uint8_t *b = block;
    out->scale[0] = half_at(b);
    for (int i = 0; i < 32; i++)
        out->code[i] = b[2 + i] ^ 128;
}

static void read_affine8(const void *block, wt_codes *out)
{
    const uint8_t *b = block;
    memcpy(out->scale, b, sizeof out->scale[0]);
    memcpy(out->offset, b + 4, sizeof out->offset[0]);
    memcpy(out->code, b + 8, 32);
}

/* Eight pairs of 6 bits in 12 bytes: scale and minimum of each 32. */
static void scales_k4(const uint8_t *b, const uint8_t *s, wt_codes *out)
{
    const float d = half_at(b), dmin = half_at(b + 2);
    for (int j = 0; j < 8; j++) {
        const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
        const int min = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | s[j] >> 6 << 4;
        out->scale[j] = d * (float)scale;
        out->offset[j] = -dmin * (float)min;
    }
}
static void read_q4_k(const void *block, wt_codes *out)
{
    const uint8_t *b = block, *q = b + 16;
    scales_k4(b, b + 4, out);
    for (int c = 0; c < 4; c++, q += 32)
        for (int i = 0; i < 32; i++) {
            out->code[64 * c + i] = q[i] & 15;
            out->code[64 * c + 32 + i] = q[i] >> 4;
        }
}
static void read_q5_k(const void *block, wt_codes *out)
{
    const uint8_t *b = block, *high = b + 16, *q = b + 48;
    scales_k4(b, b + 4, out);
    for (int c = 0; c < 4; c++, q += 32)
        for (int i = 0; i < 32; i++) {
            out->code[64 * c + i] = (uint8_t)((q[i] & 15) | (high[i] >> (2 * c) & 1) << 4);
            out->code[64 * c + 32 + i] = (uint8_t)(q[i] >> 4 | (high[i] >> (2 * c + 1) & 1) << 4);
        }
}
static void read_q6_k(const void *block, wt_codes *out)
{
    const uint8_t *b = block, *low = b, *high = b + 128;
    const float d = half_at(b + 208);
    for (int i = 0; i < 16; i++)
        out->scale[i] = d * (float)(int8_t)b[192 + i];
    for (int h = 0; h < 2; h++, low += 64, high += 32)
        for (int i = 0; i < 32; i++) {
            uint8_t *to = out->code + 128 * h + i;
            to[0] = (uint8_t)((low[i] & 15) | (high[i] & 3) << 4);
            to[32] = (uint8_t)((low[i + 32] & 15) | (high[i] >> 2 & 3) << 4);
            to[64] = (uint8_t)(low[i] >> 4 | (high[i] >> 4 & 3) << 4);
            to[96] = (uint8_t)(low[i + 32] >> 4 | high[i] >> 6 << 4);
        }
}
static void read_q2_k(const void *block, wt_codes *out)
{
    const uint8_t *b = block, *q = b + 16;
    const float d = half_at(b + 80), dmin = half_at(b + 82);
    for (int i = 0; i < 16; i++) {
        out->scale[i] = d * (float)(b[i] & 15);
        out->offset[i] = -dmin * (float)(b[i] >> 4);
    }
    for (int i = 0; i < 256; i++)
        out->code[i] = q[i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3;
}
static void read_q3_k(const void *block, wt_codes *out)
{
    const uint8_t *b = block, *high = b, *q = b + 32, *s = b + 96;
    const float d = half_at(b + 108);
    for (int i = 0; i < 16; i++) {
        const int low = i < 8 ? s[i] & 15 : s[i - 8] >> 4, top = s[8 + i % 4] >> (i / 4 * 2) & 3;
        out->scale[i] = d * (float)((low | top << 4) - 32);
    }
    for (int i = 0; i < 256; i++)
        out->code[i] = (uint8_t)((q[i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3) | (high[i % 32] >> (i / 32) & 1)
                                                                                          << 2);
}

static void read_iq4_nl(const void *block, wt_codes *out) { read_q4_0(block, out); }
static void read_iq4_xs(const void *block, wt_codes *out)
{
    const uint8_t *b = block;
    const float d = half_at(b);
    const int high = u16_at(b + 2);
    for (int i = 0; i < 8; i++) {
        out->scale[i] = d * (float)(((b[4 + i / 2] >> (i % 2 * 4) & 15) | (high >> (2 * i) & 3) << 4) - 32);
        nibbles(b + 8 + 16 * i, out->code + 32 * i);
    }
}

static const wt_block_form forms[] = {
    { WT_Q8_0, WT_KIND_8, read_q8_0, 32, 34, 8, 128, 1, false },
    { WT_Q4_0, WT_KIND_4, read_q4_0, 32, 18, 4, 8, 1, false },
    { WT_Q4_1, WT_KIND_4_OFFSET, read_q4_1, 32, 20, 4, 0, 1, true },
    { WT_Q5_0, WT_KIND_5, read_q5_0, 32, 22, 5, 16, 1, false },
    { WT_Q5_1, WT_KIND_5_OFFSET, read_q5_1, 32, 24, 5, 0, 1, true },
    { WT_Q4_K, WT_KIND_4_OFFSET, read_q4_k, 256, 144, 4, 0, 1, true },
    { WT_Q5_K, WT_KIND_5_OFFSET, read_q5_k, 256, 176, 5, 0, 1, true },
    { WT_Q6_K, WT_KIND_6, read_q6_k, 256, 210, 6, 32, 2, false },
    { WT_Q3_K, WT_KIND_3, read_q3_k, 256, 110, 3, 4, 2, false },
    { WT_Q2_K, WT_KIND_2_OFFSET, read_q2_k, 256, 84, 2, 0, 2, true },
    { WT_IQ4_NL, WT_KIND_4_TABLE, read_iq4_nl, 32, 18, 4, 128, 1, false },
    { WT_IQ4_XS, WT_KIND_4_TABLE, read_iq4_xs, 256, 136, 4, 128, 1, false },
    { WT_AFFINE8, WT_KIND_8_OFFSET, read_affine8, 32, 40, 8, 0, 1, true },
};

const wt_block_form *wt_block_form_get(wt_dtype dtype)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(forms); i++)
        if (forms[i].dtype == dtype)
            return &forms[i];
    return NULL;
}
