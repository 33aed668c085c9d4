/* fmath.h - exp, and what is made of it, in plain C that compilers turn into vector code.
 *
 * libm's expf is a call per element and keeps every loop around it scalar; this one is a polynomial and integer
 * arithmetic on the exponent, without branches. Error below 1.5 ULP over the whole range; overflow gives infinity,
 * underflow goes through denormals to zero, NaN stays NaN. Where accuracy near zero matters (expm1, tanh, log1p) rows
 * use libm. */
#ifndef WT_REF_FMATH_H
#define WT_REF_FMATH_H
#include "base/compiler.h"
#include <stdint.h>
#include <string.h>

WT_INLINE float wt_float_of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
WT_INLINE uint32_t wt_bits_of_float(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* exp(x) = 2^n * exp(r), |r| <= ln(2) / 2. Adding 1.5 * 2^23 rounds to an integer, which then is in the low bits: there
 * is no conversion that NaN could make undefined. ln(2) is split so that n * high part is exact. */
WT_INLINE float wt_exp_f32(float x)
{
    const float magic = 12582912.0f;
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    const float shifted = x * 1.44269504f + magic, n = shifted - magic;
    const float r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
    float p = 1.98412698e-4f; /* 1/7!, 1/6!, ... */
    p = p * r + 1.38888889e-3f;
    p = p * r + 8.33333333e-3f;
    p = p * r + 4.16666667e-2f;
    p = p * r + 1.66666667e-1f;
    p = p * r + 0.5f;
    p = 1.0f + (r + r * r * p);
    /* 2^n in two factors: n may be -150 .. 128, which one exponent field does not hold */
    const int32_t k = (int32_t)(wt_bits_of_float(shifted) - wt_bits_of_float(magic)), half = k >> 1;
    return p * wt_float_of_bits((uint32_t)(half + 127) << 23) * wt_float_of_bits((uint32_t)(k - half + 127) << 23);
}

WT_INLINE float wt_sigmoid_f32(float x) { return 1.0f / (1.0f + wt_exp_f32(-x)); }
#endif
