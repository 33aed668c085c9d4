/* iq4.c - four bits into a table of 16 uneven values.
 *
 *     IQ4_NL  32 elements: d, nibbles as Q4_0           x = d v[q]
 *     IQ4_XS  256: d, high and low bits of eight 6-bit scales, nibbles; x = d (scale - 32) v[q] */
#include "block_search.h"
#include <math.h>

static const int8_t values[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };
enum { HALF = WT_LEGACY / 2, TRIES = 7 };

static void decode_32(const uint8_t *q, float d, float *out)
{
    for (int j = 0; j < HALF; j++) {
        out[j] = d * (float)values[q[j] & 15];
        out[j + HALF] = d * (float)values[q[j] >> 4];
    }
}

void wt_decode_iq4_nl(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_LEGACY, p += 18, out += WT_LEGACY)
        decode_32(p + 2, wt_load_f16(p), out);
}

void wt_decode_iq4_xs(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 136, out += WT_SUPER) {
        const float d = wt_load_f16(p);
        const unsigned high = wt_load16(p + 2);
        for (int k = 0; k < 8; k++) {
            const int scale = (p[4 + k / 2] >> 4 * (k & 1) & 15) | (int)(high >> 2 * k & 3) << 4;
            decode_32(p + 8 + HALF * k, d * (float)(scale - 32), out + WT_LEGACY * k);
        }
    }
}

/* Index of the nearest value; a tie takes the upper. */
static int nearest_value(float x)
{
    if (x <= (float)values[0])
        return 0;
    if (x >= (float)values[15])
        return 15;
    int low = 0, high = 15;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (x < (float)values[middle])
            high = middle;
        else
            low = middle;
    }
    return x - (float)values[low] < (float)values[high] - x ? low : high;
}

typedef struct fit {
    float qx, q2;
} fit;

static fit fit_with(const float *x, const float *weights, float inverse)
{
    fit f = { 0, 0 };
    for (int j = 0; j < WT_LEGACY; j++) {
        const float q = (float)values[nearest_value(inverse * x[j])];
        f.qx += weights[j] * q * x[j];
        f.q2 += weights[j] * q * q;
    }
    return f;
}

/* The scale of 32 elements: the best of candidates that put the extreme near either end of the table. */
static float search(const float *x, const float *weights)
{
    const float extreme = wt_extreme(x, WT_LEGACY);
    if (fabsf(extreme) < WT_GROUP_EPS)
        return 0;
    const float first = -extreme / (float)values[0];
    fit f = fit_with(x, weights, 1 / first);
    float d = f.qx / f.q2, best = d * f.qx;
    for (int t = -TRIES; t <= TRIES; t++) {
        f = fit_with(x, weights, (float)(t + values[0]) / extreme);
        if (f.q2 > 0 && f.qx * f.qx > best * f.q2) {
            d = f.qx / f.q2;
            best = d * f.qx;
        }
    }
    return d;
}

/* Scale of each 32 of n elements that count together. */
static void search_all(const float *x, const float *importance, int n, float *scales)
{
    float weights[WT_LEGACY], variance = 0;
    for (int i = 0; i < n; i++)
        variance += x[i] * x[i];
    variance *= 2.0f / (float)n;
    for (int i = 0; i < n / WT_LEGACY; i++, x += WT_LEGACY) {
        for (int j = 0; j < WT_LEGACY; j++)
            weights[j] = importance ? importance[WT_LEGACY * i + j] * sqrtf(variance + x[j] * x[j]) : x[j] * x[j];
        scales[i] = search(x, weights);
    }
}

static void pack_32(const float *x, float d, uint8_t *q)
{
    const float inverse = d != 0 ? 1 / d : 0;
    for (int j = 0; j < HALF; j++)
        q[j] = (uint8_t)(nearest_value(inverse * x[j]) | nearest_value(inverse * x[j + HALF]) << 4);
}

void wt_encode_iq4_nl(const float *x, void *blocks, size_t n, const float *importance)
{
    uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_LEGACY, p += 18, x += WT_LEGACY) {
        float scale = 0;
        search_all(x, importance ? importance + at : NULL, WT_LEGACY, &scale);
        wt_store_f16(p, scale);
        pack_32(x, scale, p + 2);
    }
}

void wt_encode_iq4_xs(const float *x, void *blocks, size_t n, const float *importance)
{
    uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 136, x += WT_SUPER) {
        float scales[8];
        search_all(x, importance ? importance + at : NULL, WT_SUPER, scales);
        const float d = -wt_extreme(scales, 8) / 32, inverse = d != 0 ? 1 / d : 0;
        unsigned high = 0;
        memset(p + 4, 0, 4);
        wt_store_f16(p, d);
        for (int k = 0; k < 8; k++) {
            const int scale = wt_clamp_int(wt_nearest(inverse * scales[k]), -32, 31);
            pack_32(x + WT_LEGACY * k, d * (float)scale, p + 8 + HALF * k); /* by d as it was, not as stored */
            p[4 + k / 2] |= (uint8_t)(((scale + 32) & 15) << 4 * (k & 1));
            high |= (unsigned)(scale + 32) >> 4 << 2 * k;
        }
        memcpy(p + 2, &(uint16_t){ (uint16_t)high }, 2);
    }
}
