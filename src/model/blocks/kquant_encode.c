/* kquant_encode.c - writing super-blocks: a search for each group, then one float16 for all its scales, then the
 * integers once more with the scales as they were stored. */
#include "block_search.h"
#include "kquant.h"
#include <math.h>

static float sum_of_squares(const float *x, int n)
{
    float sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

static float largest(const float *x, int n)
{
    float most = 0;
    for (int i = 0; i < n; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

/* weights = importance * sqrt(variance + x^2); answers their sum. */
static float weigh(const float *x, const float *importance, float variance, float *weights, int n)
{
    float sum = 0;
    for (int i = 0; i < n; i++) {
        weights[i] = importance[i] * sqrtf(variance + x[i] * x[i]);
        sum += weights[i];
    }
    return sum;
}

/* Codes with stored scale s and minimum m; a group whose scale is 0 keeps what the search found. */
static void requantize_offset(const float *x, uint8_t *codes, int n, int most, float s, float m)
{
    if (s == 0)
        return;
    for (int i = 0; i < n; i++)
        codes[i] = (uint8_t)wt_clamp_int(wt_nearest((x[i] + m) / s), 0, most);
}

static void requantize_signed(const float *x, uint8_t *codes, int n, int most, float s)
{
    if (s == 0)
        return;
    for (int i = 0; i < n; i++)
        codes[i] = (uint8_t)(wt_clamp_int(wt_nearest(x[i] / s), -most, most - 1) + most);
}

static void pack_two_bits(const uint8_t *codes, uint8_t *q)
{
    for (int half = 0; half < 2; half++)
        for (int k = 0; k < 32; k++) {
            const uint8_t *c = codes + 128 * half + k;
            q[32 * half + k] = (uint8_t)(c[0] | c[32] << 2 | c[64] << 4 | c[96] << 6);
        }
}

/* --- scales of the groups as integers of one float16 ------------------------------------------------------------ */

/* Without importance: proportional, the largest becoming `most`. Answers the float that is stored. */
static float plain_scales(const float *scales, int n, int most, uint8_t *codes)
{
    const float high = largest(scales, n), inverse = high > 0 ? (float)most / high : 0;
    for (int i = 0; i < n; i++)
        codes[i] = (uint8_t)wt_clamp_int(wt_nearest(inverse * scales[i]), 0, most);
    return high / (float)most;
}

typedef struct groups {
    int n, size, most, scale_most; /* groups, elements of each, largest codes */
    wt_offset_search plain, weighted;
    float variance_factor; /* with importance */
    bool mean_weights;     /* without: rms + |x|, not |x| */
} groups;

static void group_scales(const groups *g, const float *x, const float *importance, uint8_t *codes, uint8_t *scales,
                         uint8_t *lows, float d[2])
{
    float weights[32], found[16], low[16], sums[16];
    const float variance = importance ? g->variance_factor * sum_of_squares(x, WT_SUPER) / WT_SUPER : 0;
    for (int i = 0; i < g->n; i++) {
        const float *part = x + i * g->size;
        if (importance) {
            sums[i] = weigh(part, importance + i * g->size, variance, weights, g->size);
        } else {
            const float mean = g->mean_weights ? sqrtf(sum_of_squares(part, g->size) / (float)g->size) : 0;
            for (int k = 0; k < g->size; k++)
                weights[k] = mean + fabsf(part[k]);
        }
        found[i] = wt_search_offset(importance ? &g->weighted : &g->plain, part, weights, codes + i * g->size, &low[i]);
    }
    if (importance) {
        d[0] = wt_search_positive(g->n, g->scale_most, found, sums, scales);
        d[1] = wt_search_positive(g->n, g->scale_most, low, sums, lows);
    } else {
        d[0] = plain_scales(found, g->n, g->scale_most, scales);
        d[1] = plain_scales(low, g->n, g->scale_most, lows);
    }
}

/* --- Q2_K ------------------------------------------------------------------------------------------------------- */

void wt_encode_q2_k(const float *x, void *blocks, size_t n, const float *importance)
{
    static const groups g = { .n = 16,
                              .size = 16,
                              .most = 3,
                              .scale_most = 15,
                              .variance_factor = 1,
                              .plain = { 16, 3, -0.5f, 0.1f, 15, true },
                              .weighted = { 16, 3, -0.9f, 0.05f, 36, false } };
    uint8_t *p = blocks, codes[WT_SUPER], scales[16], lows[16];
    for (size_t at = 0; at < n; at += WT_SUPER, x += WT_SUPER, p += 84) {
        float d[2];
        group_scales(&g, x, importance ? importance + at : NULL, codes, scales, lows, d);
        const float scale = wt_store_f16(p + 80, d[0]), low = wt_store_f16(p + 82, d[1]);
        for (int i = 0; i < 16; i++) {
            p[i] = (uint8_t)(scales[i] | lows[i] << 4);
            requantize_offset(x + 16 * i, codes + 16 * i, 16, 3, scale * (float)scales[i], low * (float)lows[i]);
        }
        pack_two_bits(codes, p + 16);
    }
}

/* --- Q3_K ------------------------------------------------------------------------------------------------------- */

/* Scales as codes 0..63 (32 is zero); answers the float that is stored. */
static float q3_scales(const float *x, const float *importance, uint8_t *codes, uint8_t *scales)
{
    float weights[16], found[16], sums[16];
    const float variance = importance ? 2 * sum_of_squares(x, WT_SUPER) / WT_SUPER : 0;
    for (int i = 0; i < 16; i++) {
        if (importance) {
            sums[i] = weigh(x + 16 * i, importance + 16 * i, variance, weights, 16);
            found[i] = wt_search_signed(16, 4, x + 16 * i, weights, codes + 16 * i);
        } else {
            found[i] = wt_search_signed_descent(16, 4, x + 16 * i, codes + 16 * i);
        }
    }
    if (importance)
        return wt_search_signed(16, 32, found, sums, scales);
    const float extreme = wt_extreme(found, 16);
    if (extreme == 0) {
        memset(scales, 0, 16);
        return 0;
    }
    const float inverse = -32.0f / extreme;
    for (int i = 0; i < 16; i++)
        scales[i] = (uint8_t)(wt_clamp_int(wt_nearest(inverse * found[i]), -32, 31) + 32);
    return 1 / inverse;
}

static void pack_q3_scales(const uint8_t *scales, uint8_t *p)
{
    memset(p, 0, 12);
    for (int i = 0; i < 16; i++) {
        p[i % 8] |= (uint8_t)((scales[i] & 15) << 4 * (i / 8));
        p[8 + i % 4] |= (uint8_t)(scales[i] >> 4 << 2 * (i / 4));
    }
}

void wt_encode_q3_k(const float *x, void *blocks, size_t n, const float *importance)
{
    uint8_t *p = blocks, codes[WT_SUPER], scales[16];
    for (size_t at = 0; at < n; at += WT_SUPER, x += WT_SUPER, p += 110) {
        const float d = wt_store_f16(p + 108, q3_scales(x, importance ? importance + at : NULL, codes, scales));
        pack_q3_scales(scales, p + 96);
        for (int i = 0; i < 16; i++)
            requantize_signed(x + 16 * i, codes + 16 * i, 16, 4, d * (float)wt_q3_k_scale(p + 96, i));
        memset(p, 0, 32);
        for (int i = 0; i < WT_SUPER; i++) {
            p[i % 32] |= (uint8_t)(codes[i] >> 2 << i / 32);
            codes[i] &= 3;
        }
        pack_two_bits(codes, p + 32);
    }
}

/* --- Q4_K, Q5_K -------------------------------------------------------------------------------------------------- */

static void pack_pairs(const uint8_t *scales, const uint8_t *lows, uint8_t *p)
{
    memset(p, 0, 12);
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(scales[i] | scales[i + 4] >> 4 << 6);
        p[i + 4] = (uint8_t)(lows[i] | lows[i + 4] >> 4 << 6);
        p[i + 8] = (uint8_t)((scales[i + 4] & 15) | (lows[i + 4] & 15) << 4);
    }
}

/* Header (scales) of a block; codes are final afterwards. */
static void encode_45(const groups *g, const float *x, const float *importance, uint8_t *p, uint8_t *codes)
{
    uint8_t scales[8], lows[8];
    float d[2];
    group_scales(g, x, importance, codes, scales, lows, d);
    const float scale = wt_store_f16(p, d[0]), low = wt_store_f16(p + 2, d[1]);
    pack_pairs(scales, lows, p + 4);
    for (int i = 0; i < 8; i++)
        requantize_offset(x + 32 * i, codes + 32 * i, 32, g->most, scale * (float)scales[i], low * (float)lows[i]);
}

static void pack_nibbles(const uint8_t *codes, uint8_t *q)
{
    for (int part = 0; part < 4; part++)
        for (int k = 0; k < 32; k++)
            q[32 * part + k] = (uint8_t)((codes[64 * part + k] & 15) | (codes[64 * part + 32 + k] & 15) << 4);
}

void wt_encode_q4_k(const float *x, void *blocks, size_t n, const float *importance)
{
    static const groups g = { .n = 8,
                              .size = 32,
                              .most = 15,
                              .scale_most = 63,
                              .variance_factor = 2,
                              .mean_weights = true,
                              .plain = { 32, 15, -1.0f, 0.1f, 20, false },
                              .weighted = { 32, 15, -0.9f, 0.05f, 36, false } };
    uint8_t *p = blocks, codes[WT_SUPER];
    for (size_t at = 0; at < n; at += WT_SUPER, x += WT_SUPER, p += 144) {
        encode_45(&g, x, importance ? importance + at : NULL, p, codes);
        pack_nibbles(codes, p + 16);
    }
}

void wt_encode_q5_k(const float *x, void *blocks, size_t n, const float *importance)
{
    static const groups g = { .n = 8,
                              .size = 32,
                              .most = 31,
                              .scale_most = 63,
                              .variance_factor = 2,
                              .mean_weights = true,
                              .plain = { 32, 31, -0.5f, 0.1f, 15, false },
                              .weighted = { 32, 31, -0.9f, 0.05f, 36, false } };
    uint8_t *p = blocks, codes[WT_SUPER];
    for (size_t at = 0; at < n; at += WT_SUPER, x += WT_SUPER, p += 176) {
        encode_45(&g, x, importance ? importance + at : NULL, p, codes);
        memset(p + 16, 0, 32);
        for (int i = 0; i < WT_SUPER; i++)
            p[16 + i % 32] |= (uint8_t)(codes[i] >> 4 << i / 32);
        pack_nibbles(codes, p + 48);
    }
}

/* --- Q6_K -------------------------------------------------------------------------------------------------------- */

static void pack_q6(const uint8_t *codes, uint8_t *p)
{
    for (int half = 0; half < 2; half++) {
        const uint8_t *c = codes + 128 * half;
        for (int k = 0; k < 64; k++)
            p[64 * half + k] = (uint8_t)((c[k] & 15) | (c[k + 64] & 15) << 4);
        for (int k = 0; k < 32; k++)
            p[128 + 32 * half + k] = (uint8_t)(c[k] >> 4 | c[k + 32] >> 4 << 2 | c[k + 64] >> 4 << 4 |
                                               c[k + 96] >> 4 << 6);
    }
}

void wt_encode_q6_k(const float *x, void *blocks, size_t n, const float *importance)
{
    uint8_t *p = blocks, codes[WT_SUPER];
    for (size_t at = 0; at < n; at += WT_SUPER, x += WT_SUPER, p += 210) {
        float found[16];
        for (int i = 0; i < 16; i++)
            found[i] = wt_search_signed(16, 32, x + 16 * i, importance ? importance + at + 16 * i : NULL,
                                        codes + 16 * i);
        const float extreme = wt_extreme(found, 16);
        if (fabsf(extreme) < WT_GROUP_EPS) {
            memset(p, 0, 210);
            continue;
        }
        const float inverse = -128.0f / extreme, d = wt_store_f16(p + 208, 1 / inverse);
        for (int i = 0; i < 16; i++) {
            const int scale = wt_nearest(inverse * found[i]);
            p[192 + i] = (uint8_t)(int8_t)(scale < 127 ? scale : 127);
            requantize_signed(x + 16 * i, codes + 16 * i, 16, 32, d * (float)(int8_t)p[192 + i]);
        }
        pack_q6(codes, p);
    }
}
