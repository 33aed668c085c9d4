/* quant_ref.h - formulas of quantization, each written once, and what the quantized rows share. All round to nearest
 * even in float32, as ONNX does; NaN counts as 0. */
#ifndef WT_QUANT_REF_H
#define WT_QUANT_REF_H
#include "run/kernels/ref/nn_rows.h"
#include <math.h>

/* Clamps before converting: what does not fit is defined. */
static inline int32_t wt_clamp_round(float v, float low, float high)
{
    v = rintf(v);
    return (int32_t)(v >= high ? high : v > low ? v : low);
}
/* saturate(round(v) + zero), v in units of the scale. */
static inline int32_t wt_quantize_code(float v, int32_t zero, float low, float high)
{
    v = rintf(v);
    return wt_clamp_round((v == v ? v : 0) + (float)zero, low, high);
}
static inline uint8_t wt_quantize_u8(float x, float scale, int32_t zero)
{
    return (uint8_t)wt_quantize_code(x / scale, zero, 0, 255);
}
/* Scale and zero point of uint8 for a range, which is widened to hold 0. */
static inline void wt_dynamic_scale(float low, float high, float *scale, int32_t *zero)
{
    low = low < 0 ? low : 0;
    high = high > 0 ? high : 0;
    *scale = high > low ? (high - low) / 255.0f : 1.0f;
    *zero = wt_quantize_code(-low / *scale, 0, 0, 255);
}
/* Byte i of a U8 or I8 tensor. */
static inline int32_t wt_byte_at(const void *p, bool is_signed, size_t i)
{
    return is_signed ? ((const int8_t *)p)[i] : ((const uint8_t *)p)[i];
}
static inline bool wt_is_byte(wt_dtype t) { return t == WT_U8 || t == WT_I8; }
/* The zero point in[i] (element e of it, or its only one); 0 when omitted. */
int32_t wt_zero_at(const wt_run *r, size_t i, size_t e);

/* Sum of products of values in [-255, 255]: exact for any n. */
int64_t wt_dot_i16(const int16_t *a, const int16_t *b, size_t n);

/* How an exact sum becomes an output: real = (sum + bias) * factor, + residual, activation, requantized. */
typedef struct wt_requant {
    wt_dtype y; /* U8, I8, F32; I32: the sum itself */
    float y_scale;
    int32_t y_zero;
    bool folded; /* factor is divided by y_scale already (QLinearConv, QLinearMatMul) */
    wt_act_params act;
    wt_dtype r; /* residual: U8, I8 or NONE */
    float r_scale;
    int32_t r_zero;
} wt_requant;
static inline float wt_requant_residual(const wt_requant *q, const void *residual, size_t i)
{
    return (float)(wt_byte_at(residual, q->r == WT_I8, i) - q->r_zero) * q->r_scale;
}
/* Writes element i of y from a real number. */
void wt_requant_store(const wt_requant *q, float real, void *y, size_t i);

/* Attributes of the operators of domain "whet": a finite positive scale, a zero point that fits the type. prefix: "x",
 * "y", ... */
wt_status wt_quant_attrs(const wt_prep *p, const char *prefix, wt_dtype type, float *scale, int32_t *zero, wt_err *err);
/* The attribute "table", copied: 256 values of the output's type, by raw byte. */
wt_status wt_quant_table(const wt_prep *p, const uint8_t **out, wt_err *err);
/* Of every QuantUnary row: params become the table's 256 bytes. */
wt_status wt_quant_table_prepare(wt_prep *p, wt_err *err);
/* y_scale, y_zp, r_scale, r_zp, act for output 0 and residual in[3]. */
wt_status wt_requant_attrs(const wt_prep *p, wt_requant *q, wt_err *err);
/* w_scale: 1 or n finite values. */
wt_status wt_weight_scales(const wt_prep *p, size_t n, const float **scales, size_t *count, wt_err *err);
#endif
