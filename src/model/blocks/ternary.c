/* ternary.c - one to two bits: a sign, or -1, 0, 1, of one float16.
 *
 *     TQ1_0  256: five trits a byte (48 bytes), four trits a byte (4), d
 *     TQ2_0  256: two bits each, order as Q2_K, d          x = d (q - 1)
 *     Q1_0   128: d, one bit each                          x = d or -d
 *     Q2_0    64: d, two bits each, four neighbours a byte x = d (q - 1) */
#include "blocks_impl.h"
#include <math.h>

/* Where the trits of a TQ1_0 byte go: `bytes` of them from `at`, trit k to element first + byte + k * bytes. */
static const struct {
    uint8_t at, bytes, trits, first;
} runs[] = { { 0, 32, 5, 0 }, { 32, 16, 5, 160 }, { 48, 4, 4, 240 } };

void wt_decode_tq1_0(const void *blocks, float *out, size_t n)
{
    static const uint8_t powers[5] = { 1, 3, 9, 27, 81 };
    const uint8_t *p = blocks;
    for (size_t i = 0; i < n; i += WT_SUPER, p += 54, out += WT_SUPER) {
        const float d = wt_load_f16(p + 52);
        for (size_t r = 0; r < WT_ARRAY_LEN(runs); r++)
            for (int k = 0; k < runs[r].trits; k++)
                for (int b = 0; b < runs[r].bytes; b++) {
                    const uint8_t v = (uint8_t)(p[runs[r].at + b] * powers[k]); /* the trit is now in front */
                    out[runs[r].first + b + k * runs[r].bytes] = (float)((v * 3 >> 8) - 1) * d;
                }
    }
}

static int trit(float x) { return wt_truncate8(roundf(x)) + 1; }

void wt_encode_tq1_0(const float *x, void *blocks, size_t n, const float *importance)
{
    (void)importance;
    uint8_t *p = blocks;
    for (size_t i = 0; i < n; i += WT_SUPER, p += 54, x += WT_SUPER) {
        const float d = fabsf(wt_extreme(x, WT_SUPER)), inverse = d != 0 ? 1 / d : 0;
        wt_store_f16(p + 52, d);
        for (size_t r = 0; r < WT_ARRAY_LEN(runs); r++)
            for (int b = 0; b < runs[r].bytes; b++) {
                int v = 0;
                for (int k = 0; k < 5; k++)
                    v = 3 * v + (k < runs[r].trits ? trit(x[runs[r].first + b + k * runs[r].bytes] * inverse) : 0);
                p[runs[r].at + b] = (uint8_t)((v * 256 + 242) / 243); /* rounded up, so that decoding floors right */
            }
    }
}

void wt_decode_tq2_0(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 66, out += WT_SUPER) {
        const float d = wt_load_f16(p + 64);
        for (int i = 0; i < WT_SUPER; i++)
            out[i] = (float)((p[32 * (i / 128) + i % 32] >> 2 * (i % 128 / 32) & 3) - 1) * d;
    }
}

void wt_encode_tq2_0(const float *x, void *blocks, size_t n, const float *importance)
{
    (void)importance;
    uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 66, x += WT_SUPER) {
        const float d = fabsf(wt_extreme(x, WT_SUPER)), inverse = d != 0 ? 1 / d : 0;
        memset(p, 0, 64);
        for (int i = 0; i < WT_SUPER; i++)
            p[32 * (i / 128) + i % 32] |= (uint8_t)((trit(x[i] * inverse) & 3) << 2 * (i % 128 / 32));
        wt_store_f16(p + 64, d);
    }
}

void wt_decode_q1_0(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += 128, p += 18, out += 128) {
        const float d = wt_load_f16(p);
        for (int i = 0; i < 128; i++)
            out[i] = p[2 + i / 8] >> i % 8 & 1 ? d : -d;
    }
}

void wt_encode_q1_0(const float *x, void *blocks, size_t n, const float *importance)
{
    (void)importance;
    uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += 128, p += 18, x += 128) {
        float sum = 0;
        memset(p + 2, 0, 16);
        for (int i = 0; i < 128; i++) {
            sum += fabsf(x[i]);
            p[2 + i / 8] |= (uint8_t)((x[i] >= 0) << i % 8);
        }
        wt_store_f16(p, sum / 128);
    }
}

void wt_decode_q2_0(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += 64, p += 18, out += 64) {
        const float d = wt_load_f16(p);
        for (int i = 0; i < 64; i++)
            out[i] = (float)((p[2 + i / 4] >> 2 * (i % 4) & 3) - 1) * d;
    }
}

void wt_encode_q2_0(const float *x, void *blocks, size_t n, const float *importance)
{
    (void)importance;
    uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += 64, p += 18, x += 64) {
        const float d = fabsf(wt_extreme(x, 64)), inverse = d != 0 ? 1 / d : 0;
        memset(p + 2, 0, 16);
        for (int i = 0; i < 64; i++)
            p[2 + i / 4] |= (uint8_t)(wt_clamp_int(trit(x[i] * inverse), 0, 3) << 2 * (i % 4));
        wt_store_f16(p, d);
    }
}
