/* iq_decode.c - super-blocks of 256 whose elements are points of a code book (iq_grids.h), with signs and scales.
 *
 *     IQ2_XXS  d; per 32: four 8-bit points, four 7-bit sign sets, a 4-bit scale
 *     IQ2_XS   d; per 8: 9-bit point, 7-bit sign set; per 16: a 4-bit scale
 *     IQ2_S    d; low bytes of 10-bit points, bytes of 8 signs, high bits, 4-bit scales per 16
 *     IQ3_XXS  d; per 4: 8-bit point; per 32: four 7-bit sign sets, a 4-bit scale
 *     IQ3_S    d; low bytes of 9-bit points, high bits, bytes of signs, 4-bit scales per 32
 *     IQ1_S    d; low bytes of 11-bit points; per 32: high bits, 3-bit scale, sign of a shift by 1/8
 *     IQ1_M    low bytes; per 16: high bits and shifts; 3-bit scales, d spread over their top nibbles */
#include "blocks_impl.h"
#include "iq_grids.h"

static const float two_bit_values[4] = { 8, 25, 43, 0 }, three_bit_values[8] = { 4, 12, 20, 28, 36, 44, 52, 62 };

/* Seven signs are stored, the eighth makes their number even. */
static unsigned even_signs(unsigned seven) { return seven | (unsigned)__builtin_parity(seven) << 7; }

static void put_eight(unsigned point, unsigned signs, float d, float *out)
{
    for (int k = 0; k < 8; k++) {
        const float v = d * two_bit_values[point >> 2 * k & 3];
        out[k] = signs >> k & 1 ? -v : v;
    }
}

void wt_decode_iq2_xxs(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 66) {
        const float d = wt_load_f16(p);
        for (int g = 0; g < 8; g++) {
            const uint8_t *q = p + 2 + 8 * g;
            const uint32_t rest = wt_load32(q + 4);
            const float scale = d * (0.5f + (float)(rest >> 28)) * 0.25f;
            for (int k = 0; k < 4; k++, out += 8)
                put_eight(wt_iq2_xxs_grid[q[k]], even_signs(rest >> 7 * k & 127), scale, out);
        }
    }
}

void wt_decode_iq2_xs(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 74) {
        const float d = wt_load_f16(p);
        for (int k = 0; k < 32; k++, out += 8) {
            const unsigned q = wt_load16(p + 2 + 2 * k), scale = p[66 + k / 4] >> 4 * (k / 2 % 2) & 15;
            put_eight(wt_iq2_xs_grid[q & 511], even_signs(q >> 9), d * (0.5f + (float)scale) * 0.25f, out);
        }
    }
}

void wt_decode_iq2_s(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 82) {
        const float d = wt_load_f16(p);
        for (int k = 0; k < 32; k++, out += 8) {
            const unsigned point = p[2 + k] | (p[66 + k / 4] >> 2 * (k % 4) & 3u) << 8;
            const unsigned scale = p[74 + k / 4] >> 4 * (k / 2 % 2) & 15;
            put_eight(wt_iq2_s_grid[point], p[34 + k], d * (0.5f + (float)scale) * 0.25f, out);
        }
    }
}

void wt_decode_iq3_xxs(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 98)
        for (int g = 0; g < 8; g++) {
            const uint32_t rest = wt_load32(p + 66 + 4 * g);
            const float scale = wt_load_f16(p) * (0.5f + (float)(rest >> 28)) * 0.5f;
            for (int k = 0; k < 8; k++, out += 4) {
                const unsigned point = wt_iq3_xxs_grid[p[2 + 8 * g + k]];
                const unsigned signs = even_signs(rest >> 7 * (k / 2) & 127) >> 4 * (k % 2);
                for (int i = 0; i < 4; i++) {
                    const float v = scale * three_bit_values[point >> 3 * i & 7];
                    out[i] = signs >> i & 1 ? -v : v;
                }
            }
        }
}

void wt_decode_iq3_s(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 110)
        for (int k = 0; k < 64; k++, out += 4) {
            const unsigned point = wt_iq3_s_grid[p[2 + k] | (p[66 + k / 8] >> k % 8 & 1u) << 8];
            const unsigned signs = p[74 + k / 2] >> 4 * (k % 2), scale = p[106 + k / 16] >> 4 * (k / 8 % 2) & 15;
            const float d = wt_load_f16(p) * (float)(1 + 2 * scale);
            for (int i = 0; i < 4; i++) {
                const float v = d * (float)(2 * (point >> 3 * i & 7) + 1);
                out[i] = signs >> i & 1 ? -v : v;
            }
        }
}

/* Eight elements of IQ1: -1, 0 or 1, all shifted by an eighth. */
static void put_ternary(unsigned point, float d, float shift, float *out)
{
    for (int k = 0; k < 8; k++)
        out[k] = d * ((float)(int)(point >> 2 * k & 3) - 1 + shift);
}

void wt_decode_iq1_s(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 50)
        for (int g = 0; g < 8; g++) {
            const unsigned high = wt_load16(p + 34 + 2 * g);
            const float d = wt_load_f16(p) * (float)(2 * (high >> 12 & 7) + 1), shift = high >> 15 ? -0.125f : 0.125f;
            for (int k = 0; k < 4; k++, out += 8)
                put_ternary(wt_iq1_grid[p[2 + 4 * g + k] | (high >> 3 * k & 7) << 8], d, shift, out);
        }
}

void wt_decode_iq1_m(const void *blocks, float *out, size_t n)
{
    const uint8_t *p = blocks;
    for (size_t at = 0; at < n; at += WT_SUPER, p += 56) {
        unsigned s[4], half = 0;
        for (int i = 0; i < 4; i++) {
            s[i] = wt_load16(p + 48 + 2 * i);
            half |= s[i] >> 12 << 4 * i;
        }
        for (int k = 0; k < 32; k++, out += 8) { /* a scale for each 16 */
            const unsigned scale = s[k / 8] >> 3 * (k / 2 % 4) & 7, high = p[32 + k / 2] >> 4 * (k % 2);
            const float d = wt_f16_to_f32((uint16_t)half) * (float)(2 * scale + 1);
            put_ternary(wt_iq1_grid[p[k] | (high & 7) << 8], d, high & 8 ? -0.125f : 0.125f, out);
        }
    }
}
