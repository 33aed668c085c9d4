/* quant_ref.h - scalar formulas of quantization, each written once. All round to nearest even in float32, as ONNX does. */
#ifndef WT_QUANT_REF_H
#define WT_QUANT_REF_H
#include "run/kernels/ref/nn_rows.h"
#include <math.h>

/* Clamps before converting: what does not fit, and NaN (to low), is defined. */
static inline int32_t wt_clamp_round(float v, float low, float high)
{
    v = rintf(v);
    return (int32_t)(v >= high ? high : v > low ? v : low);
}
static inline uint8_t wt_quantize_u8(float x, float scale, int32_t zero)
{
    return (uint8_t)wt_clamp_round(rintf(x / scale) + (float)zero, 0, 255);
}
static inline int8_t wt_quantize_i8(float x, float scale, int32_t zero)
{
    return (int8_t)wt_clamp_round(rintf(x / scale) + (float)zero, -128, 127);
}
/* Scale and zero point of uint8 for a range, which is widened to hold 0. */
static inline void wt_dynamic_scale(float low, float high, float *scale, int32_t *zero)
{
    low = low < 0 ? low : 0;
    high = high > 0 ? high : 0;
    *scale = high > low ? (high - low) / 255.0f : 1.0f;
    *zero = wt_clamp_round(-low / *scale, 0, 255);
}
/* Byte i of a U8 or I8 tensor. */
static inline int32_t wt_byte_at(const void *p, bool is_signed, size_t i)
{
    return is_signed ? ((const int8_t *)p)[i] : ((const uint8_t *)p)[i];
}
/* Sum of products, exact while n <= 32768 and |a|, |b| <= 255. */
int32_t wt_dot_i16(const int16_t *a, const int16_t *b, size_t n);
enum { WT_DOT_MAX = 32768 };
#endif
