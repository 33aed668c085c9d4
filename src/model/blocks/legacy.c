/* legacy.c - blocks of 32 with one float16 scale (d), or scale and minimum (m).
 *
 *     Q4_0  d, 16 bytes of nibbles             x = (q - 8) d
 *     Q4_1  d, m, nibbles                      x = q d + m
 *     Q5_0  d, 32 high bits, nibbles           x = (q - 16) d
 *     Q5_1  d, m, high bits, nibbles           x = q d + m
 *     Q8_0  d, 32 signed bytes                 x = q d
 *     AFFINE8  d, m in float32, 32 bytes       x = q d + m; of no file: what codes of up to 8 bits with scales and
 *              offsets of any type become (model/packed.h)
 *
 * Byte j holds element j in its low nibble and element j + 16 in its high one. */
#include "block_search.h"
#include <math.h>

enum { HALF = WT_LEGACY / 2 };

/* Where the fields of one of the four nibble formats lie. */
typedef struct nibbles {
    size_t bytes, high; /* of a block; offset of the high bits, 0: none */
    int most;           /* largest code */
    bool has_minimum;
} nibbles;
static const nibbles q4_0 = { 18, 0, 15, false }, q4_1 = { 20, 0, 15, true };
static const nibbles q5_0 = { 22, 2, 31, false }, q5_1 = { 24, 4, 31, true };

WT_INLINE void decode(const nibbles f, const uint8_t *p, float *out, size_t n)
{
    const int zero = (f.most + 1) / 2;
    for (size_t i = 0; i < n; i += WT_LEGACY, p += f.bytes, out += WT_LEGACY) {
        const float d = wt_load_f16(p), m = f.has_minimum ? wt_load_f16(p + 2) : 0;
        const uint8_t *q = p + f.bytes - HALF;
        const uint32_t high = f.high ? wt_load32(p + f.high) : 0;
        for (unsigned j = 0; j < HALF; j++) {
            const int low_code = (q[j] & 15) | (int)(high >> j & 1) << 4;
            const int high_code = (q[j] >> 4) | (int)(high >> (j + HALF) & 1) << 4;
            if (f.has_minimum) {
                out[j] = (float)low_code * d + m;
                out[j + HALF] = (float)high_code * d + m;
            } else {
                out[j] = (float)(low_code - zero) * d;
                out[j + HALF] = (float)(high_code - zero) * d;
            }
        }
    }
}

void wt_decode_q4_0(const void *blocks, float *out, size_t n) { decode(q4_0, blocks, out, n); }
void wt_decode_q4_1(const void *blocks, float *out, size_t n) { decode(q4_1, blocks, out, n); }
void wt_decode_q5_0(const void *blocks, float *out, size_t n) { decode(q5_0, blocks, out, n); }
void wt_decode_q5_1(const void *blocks, float *out, size_t n) { decode(q5_1, blocks, out, n); }

void wt_decode_q8_0(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t i = 0; i < n; i += WT_LEGACY, p += 34, out += WT_LEGACY) {
        const float d = wt_load_f16(p);
        for (int j = 0; j < WT_LEGACY; j++)
            out[j] = (float)(int8_t)p[2 + j] * d;
    }
}

void wt_decode_affine8(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t i = 0; i < n; i += WT_LEGACY, p += 40, out += WT_LEGACY) {
        float d, m;
        memcpy(&d, p, sizeof d);
        memcpy(&m, p + 4, sizeof m);
        for (int j = 0; j < WT_LEGACY; j++)
            out[j] = (float)p[8 + j] * d + m;
    }
}

static void pack(const nibbles *f, const uint8_t *codes, uint8_t *p)
{
    uint8_t *q = p + f->bytes - HALF;
    uint32_t high = 0;
    for (unsigned j = 0; j < HALF; j++) {
        q[j] = (uint8_t)((codes[j] & 15) | (codes[j + HALF] & 15) << 4);
        high |= (uint32_t)(codes[j] >> 4) << j | (uint32_t)(codes[j + HALF] >> 4) << (j + HALF);
    }
    if (f->high)
        memcpy(p + f->high, &high, sizeof high);
}

/* The extreme value gets the code 0, so that its sign is the opposite of d's. */
static void encode_signed(const nibbles *f, const float *x, uint8_t *codes, uint8_t *p)
{
    const int half = (f->most + 1) / 2;
    const float d = wt_extreme(x, WT_LEGACY) / (float)-half, inverse = d != 0 ? 1 / d : 0;
    wt_store_f16(p, d);
    for (int j = 0; j < WT_LEGACY; j++) {
        const int q = wt_truncate8(x[j] * inverse + ((float)half + 0.5f));
        codes[j] = (uint8_t)(q < f->most ? q : f->most);
    }
}

static void encode_offset(const nibbles *f, const float *x, uint8_t *codes, uint8_t *p)
{
    float low = x[0], high = x[0];
    for (int j = 1; j < WT_LEGACY; j++) {
        low = x[j] < low ? x[j] : low;
        high = x[j] > high ? x[j] : high;
    }
    const float d = (high - low) / (float)f->most, inverse = d != 0 ? 1 / d : 0;
    wt_store_f16(p, d);
    wt_store_f16(p + 2, low);
    for (int j = 0; j < WT_LEGACY; j++) {
        const int q = wt_truncate8((x[j] - low) * inverse + 0.5f);
        codes[j] = (uint8_t)(q < f->most ? q : f->most);
    }
}

static void search(const nibbles *f, const float *x, const float *weights, uint8_t *codes, uint8_t *p)
{
    if (!f->has_minimum) {
        wt_store_f16(p, wt_search_signed(WT_LEGACY, (f->most + 1) / 2, x, weights, codes));
        return;
    }
    const wt_offset_search s = { .n = WT_LEGACY, .most = f->most, .from = -0.9f, .step = 0.05f, .steps = 36 };
    float low = 0;
    wt_store_f16(p, wt_search_offset(&s, x, weights, codes, &low));
    wt_store_f16(p + 2, -low);
}

static void encode(const nibbles *f, const float *x, uint8_t *p, size_t n, const float *importance)
{
    uint8_t codes[WT_LEGACY];
    float weights[WT_LEGACY], sum = 0;
    for (size_t i = 0; importance && i < n; i++)
        sum += x[i] * x[i];
    for (size_t i = 0; i < n; i += WT_LEGACY, x += WT_LEGACY, p += f->bytes) {
        for (size_t j = 0; importance && j < WT_LEGACY; j++)
            weights[j] = importance[i + j] * sqrtf(sum / (float)n + x[j] * x[j]);
        if (importance)
            search(f, x, weights, codes, p);
        else if (f->has_minimum)
            encode_offset(f, x, codes, p);
        else
            encode_signed(f, x, codes, p);
        pack(f, codes, p);
    }
}

void wt_encode_q4_0(const float *x, void *blocks, size_t n, const float *im) { encode(&q4_0, x, blocks, n, im); }
void wt_encode_q4_1(const float *x, void *blocks, size_t n, const float *im) { encode(&q4_1, x, blocks, n, im); }
void wt_encode_q5_0(const float *x, void *blocks, size_t n, const float *im) { encode(&q5_0, x, blocks, n, im); }
void wt_encode_q5_1(const float *x, void *blocks, size_t n, const float *im) { encode(&q5_1, x, blocks, n, im); }

void wt_encode_q8_0(const float *x, void *blocks, size_t n, const float *importance)
{
    (void)importance; /* eight bits leave nothing to choose */
    uint8_t *p = blocks;
    for (size_t i = 0; i < n; i += WT_LEGACY, x += WT_LEGACY, p += 34) {
        const float d = fabsf(wt_extreme(x, WT_LEGACY)) / 127.0f, inverse = d != 0 ? 1 / d : 0;
        wt_store_f16(p, d);
        for (int j = 0; j < WT_LEGACY; j++)
            p[2 + j] = (uint8_t)wt_truncate8(roundf(x[j] * inverse));
    }
}
