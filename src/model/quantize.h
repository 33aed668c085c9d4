/* quantize.h - the one formula of quantization, which calibration, passes, kernels, writers and checks share:
 *
 *   q = saturate(round_half_even(x / scale) + zero_point)        (the division in float32; NaN gives zero_point)
 *   x = (q - zero_point) * scale                                 (the difference exact, then float32)
 *
 * These are ONNX's QuantizeLinear and DequantizeLinear, bit for bit as ONNX Runtime computes them. Types: U8, I8, U16,
 * I16, I32, and the packed U4, I4, U2, I2 (first element in the low bits). Floats may lie unaligned. */
#ifndef WT_QUANTIZE_H
#define WT_QUANTIZE_H
#include "model/graph.h"

/* False for a dtype that nothing is quantized to. */
bool wt_quant_range(wt_dtype dtype, int32_t *lo, int32_t *hi);
/* n elements with one scale; packed types from the first bits of q on, unused bits of the last byte become 0. */
void wt_quantize_f32(const void *x, void *q, size_t n, float scale, int32_t zero_point, wt_dtype dtype);
void wt_dequantize_f32(const void *q, float *x, size_t n, float scale, int32_t zero_point, wt_dtype dtype);

/* WT_EFORMAT unless axis, block and count fit a tensor of this shape, and zero points its dtype. */
wt_status wt_quant_check(const wt_quant *quant, const wt_shape *shape, wt_err *err);
/* Elements [first, first + n) of a tensor of known shape, in row-major order; x and q point at element `first`, which
 * is a multiple of the dtype's block length. For what is larger than one wants to hold at once. */
void wt_quantize_part(const wt_quant *quant, const wt_shape *shape, const void *x, void *q, size_t first, size_t n);
void wt_dequantize_part(const wt_quant *quant, const wt_shape *shape, const void *q, float *x, size_t first, size_t n);

/* The integers, and what consumers see, of a constant with a quant in either form (graph.h). Data that are there are
 * borrowed, others are made in the arena. */
wt_status wt_quant_quantize(wt_tensor *out, wt_arena *arena, const wt_value *value, wt_err *err);
wt_status wt_quant_dequantize(wt_tensor *out, wt_arena *arena, const wt_value *value, wt_err *err);
#endif
