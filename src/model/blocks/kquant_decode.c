/* kquant_decode.c - super-blocks of 256: groups of 16 or 32 whose scales (and minima) are small integers times one
 * float16. Offsets of the fields are in docs/formats.md. */
#include "kquant.h"

/* Element i of the two low bits that Q2_K and Q3_K have in common. */
static inline int two_bits(const uint8_t *q, int i) { return q[32 * (i / 128) + i % 32] >> 2 * (i % 128 / 32) & 3; }

void wt_decode_q2_k(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 84, out += WT_SUPER) {
        const float d = wt_load_f16(p + 80), dmin = wt_load_f16(p + 82);
        for (int g = 0; g < 16; g++) {
            const float scale = d * (float)(p[g] & 15), low = dmin * (float)(p[g] >> 4);
            for (int i = 16 * g; i < 16 * g + 16; i++)
                out[i] = scale * (float)two_bits(p + 16, i) - low;
        }
    }
}

int wt_q3_k_scale(const uint8_t scales[12], int g)
{
    const int low = g < 8 ? scales[g] & 15 : scales[g - 8] >> 4;
    return (low | (scales[8 + g % 4] >> 2 * (g / 4) & 3) << 4) - 32;
}

void wt_decode_q3_k(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 110, out += WT_SUPER) {
        const float d = wt_load_f16(p + 108);
        for (int g = 0; g < 16; g++) {
            const float scale = d * (float)wt_q3_k_scale(p + 96, g);
            for (int i = 16 * g; i < 16 * g + 16; i++) {
                const int high = p[i % 32] >> i / 32 & 1;
                out[i] = scale * (float)(two_bits(p + 32, i) - (high ? 0 : 4));
            }
        }
    }
}

void wt_q4_k_pair(const uint8_t packed[12], int g, int *scale, int *low)
{
    if (g < 4) {
        *scale = packed[g] & 63;
        *low = packed[g + 4] & 63;
    } else {
        *scale = (packed[g + 4] & 15) | (packed[g - 4] >> 6) << 4;
        *low = packed[g + 4] >> 4 | (packed[g] >> 6) << 4;
    }
}

/* Q4_K, and Q5_K with its fifth bits. */
WT_INLINE void decode_45(const uint8_t *p, const uint8_t *fifth, const uint8_t *q, float *out)
{
    const float d = wt_load_f16(p), dmin = wt_load_f16(p + 2);
    for (int g = 0; g < 8; g++) {
        int scale = 0, low = 0;
        wt_q4_k_pair(p + 4, g, &scale, &low);
        const float s = d * (float)scale, m = dmin * (float)low;
        for (int k = 0; k < 32; k++) {
            const int nibble = q[32 * (g / 2) + k] >> 4 * (g % 2) & 15;
            out[32 * g + k] = s * (float)(nibble | (fifth ? (fifth[k] >> g & 1) << 4 : 0)) - m;
        }
    }
}

void wt_decode_q4_k(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 144, out += WT_SUPER)
        decode_45(p, NULL, p + 16, out);
}

void wt_decode_q5_k(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 176, out += WT_SUPER)
        decode_45(p, p + 16, p + 48, out);
}

void wt_decode_q6_k(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 210, out += WT_SUPER) {
        const float d = wt_load_f16(p + 208);
        for (int g = 0; g < 16; g++) {
            const float scale = d * (float)(int8_t)p[192 + g];
            for (int i = 16 * g; i < 16 * g + 16; i++) {
                const int half = i / 128, r = i % 128;
                const int low = p[64 * half + r % 64] >> 4 * (r / 64) & 15;
                const int high = p[128 + 32 * half + r % 32] >> 2 * (r / 32) & 3;
                out[i] = scale * (float)((low | high << 4) - 32);
            }
        }
    }
}
