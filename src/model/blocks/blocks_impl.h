/* blocks_impl.h - what the codecs of blocks.h share; for this folder alone.
 *
 * Arithmetic is float, in the order that the reference uses, without fused multiply-add (the tree is built with
 * -ffp-contract=off): that is what makes bytes and bits equal. */
#ifndef WT_BLOCKS_IMPL_H
#define WT_BLOCKS_IMPL_H
#include "model/blocks/blocks.h"

enum { WT_LEGACY = 32, WT_SUPER = 256 }; /* elements of a plain block, and of a super-block of K and IQ formats */

static inline uint16_t wt_load16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint32_t wt_load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline float wt_load_f16(const uint8_t *p) { return wt_f16_to_f32(wt_load16(p)); }
/* Stores f as float16; answers what was stored. */
static inline float wt_store_f16(uint8_t *p, float f)
{
    const uint16_t h = wt_f32_to_f16(f);
    memcpy(p, &h, sizeof h);
    return wt_f16_to_f32(h);
}

/* To nearest, ties to even, for |x| < 2^22; defined (and the same as the reference's) for all others too. */
static inline int wt_nearest(float x)
{
    const float shifted = x + 12582912.0f; /* 1.5 * 2^23: the sum's low mantissa bits are the integer */
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    return (bits & 0x007fffff) - 0x00400000;
}
/* Towards zero; 0 for what does not fit a signed byte (a group of subnormal numbers has an infinite 1 / d). */
static inline int wt_truncate8(float x) { return x > -129.0f && x < 128.0f ? (int)x : 0; }
static inline int wt_clamp_int(int v, int low, int high) { return v < low ? low : v > high ? high : v; }
/* The value of largest magnitude, with its sign; the first of equals. */
static inline float wt_extreme(const float *x, size_t n)
{
    float most = 0, value = 0;
    for (size_t i = 0; i < n; i++) {
        const float a = __builtin_fabsf(x[i]);
        if (a > most) {
            most = a;
            value = x[i];
        }
    }
    return value;
}

wt_block_decode_fn wt_decode_q4_0, wt_decode_q4_1, wt_decode_q5_0, wt_decode_q5_1, wt_decode_q8_0;
wt_block_decode_fn wt_decode_q2_k, wt_decode_q3_k, wt_decode_q4_k, wt_decode_q5_k, wt_decode_q6_k;
wt_block_decode_fn wt_decode_iq2_xxs, wt_decode_iq2_xs, wt_decode_iq2_s, wt_decode_iq3_xxs, wt_decode_iq3_s;
wt_block_decode_fn wt_decode_iq1_s, wt_decode_iq1_m, wt_decode_iq4_nl, wt_decode_iq4_xs;
wt_block_decode_fn wt_decode_mxfp4, wt_decode_nvfp4, wt_decode_tq1_0, wt_decode_tq2_0, wt_decode_q1_0, wt_decode_q2_0;
wt_block_decode_fn wt_decode_affine8;

wt_block_encode_fn wt_encode_q4_0, wt_encode_q4_1, wt_encode_q5_0, wt_encode_q5_1, wt_encode_q8_0;
wt_block_encode_fn wt_encode_q2_k, wt_encode_q3_k, wt_encode_q4_k, wt_encode_q5_k, wt_encode_q6_k;
wt_block_encode_fn wt_encode_iq4_nl, wt_encode_iq4_xs, wt_encode_mxfp4, wt_encode_nvfp4;
wt_block_encode_fn wt_encode_tq1_0, wt_encode_tq2_0, wt_encode_q1_0, wt_encode_q2_0;
#endif
