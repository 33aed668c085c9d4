/* fp4.c - four-bit floats (E2M1) with a scale of eight bits.
 *
 *     MXFP4  32 elements: E8M0, nibbles as Q4_0
 *     NVFP4  64: four UE4M3, one per 16; byte 8 s + j: element 16 s + j low, 16 s + j + 8 high
 *
 * The table holds doubled values, so the scales are halved. */
#include "blocks_impl.h"
#include <math.h>

static const int8_t values[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

/* 2^(e - 128); subnormal for 0 and 1. */
static float half_e8m0(uint8_t e)
{
    const uint32_t bits = e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Half the value of an unsigned E4M3: bias 7, no infinity; 0x7f counts as 0. */
static float half_ue4m3(uint8_t v)
{
    const int e = v >> 3 & 15, m = v & 7;
    if (v == 0 || v == 0x7f)
        return 0;
    return (e ? ldexpf(1 + (float)m / 8, e - 7) : ldexpf((float)m, -9)) * 0.5f;
}

static uint8_t to_ue4m3(float a)
{
    if (!(a > 0))
        return 0;
    a = a > 448 ? 448 : a;
    uint32_t bits;
    memcpy(&bits, &a, sizeof bits);
    const int e = (int)(bits >> 23) - 127 + 7;
    if (e <= 0) {
        const int m = (int)(a * 512 + 0.5f);
        return (uint8_t)(m > 7 ? 7 : m);
    }
    const int code = e * 8 + (int)(bits >> 20 & 7) + (int)(bits >> 19 & 1); /* half up; a carry raises the exponent */
    return (uint8_t)(e >= 15 || code >= 15 * 8 ? 0x7e : code);
}

static uint8_t nearest_value(float x, float d)
{
    int best = 0;
    float least = fabsf((float)values[0] * d - x);
    for (int i = 1; i < 16; i++) {
        const float error = fabsf((float)values[i] * d - x);
        if (error < least) {
            least = error;
            best = i;
        }
    }
    return (uint8_t)best;
}

static void decode_pairs(const uint8_t *q, float d, float *out, int half)
{
    for (int j = 0; j < half; j++) {
        out[j] = (float)values[q[j] & 15] * d;
        out[j + half] = (float)values[q[j] >> 4] * d;
    }
}

static void encode_pairs(const float *x, float d, uint8_t *q, int half)
{
    for (int j = 0; j < half; j++)
        q[j] = (uint8_t)(nearest_value(x[j], d) | nearest_value(x[j + half], d) << 4);
}

void wt_decode_mxfp4(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += 32, p += 17, out += 32)
        decode_pairs(p + 1, half_e8m0(p[0]), out, 16);
}

void wt_encode_mxfp4(const float *x, void *blocks, size_t n, const float *importance)
{
    (void)importance;
    uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += 32, p += 17, x += 32) {
        const float most = fabsf(wt_extreme(x, 32));
        const float e = most > 0 ? floorf(log2f(most)) - 2 + 127 : 0;
        p[0] = (uint8_t)(e > 0 ? (e < 254 ? e : 254) : 0);
        encode_pairs(x, half_e8m0(p[0]), p + 1, 16);
    }
}

void wt_decode_nvfp4(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += 64, p += 36, out += 64)
        for (int s = 0; s < 4; s++)
            decode_pairs(p + 4 + 8 * s, half_ue4m3(p[s]), out + 16 * s, 8);
}

void wt_encode_nvfp4(const float *x, void *blocks, size_t n, const float *importance)
{
    (void)importance;
    uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += 64, p += 36, x += 64)
        for (int s = 0; s < 4; s++) {
            p[s] = to_ue4m3(fabsf(wt_extreme(x + 16 * s, 16)) / 6.0f);
            encode_pairs(x + 16 * s, half_ue4m3(p[s]), p + 4 + 8 * s, 8);
        }
}
