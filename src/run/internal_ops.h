/* internal_ops.h - what the operators of domain "whet" mean. Passes of the native engine make them; kernels run them.
 *
 * Conv (ai.onnx) may carry, inside the engine only:
 *     attributes act, act_alpha, act_beta (kernel.h); in[3] = residual, same shape as the output, added BEFORE the
 * activation. x, residual and y may have layout C16 (all of them, or x plain when it has few channels: first layer).
 * Reorder(x): same values in the layout of out[0] (plain <-> C16), any element size.
 * Linear(x [..., K], w, bias?, residual?): y[..., N] = act(x . w + bias + residual); w is a constant [K, N], or [N, K]
 * when attribute trans_b is 1; w F32 or F16 (computed in F32). QuantConv(x, w, bias?, residual?): x U8/I8 per tensor, w
 * I8 [oc, ic/g, kh, kw] symmetric per output channel (or one scale), bias I32 with scale sx*sw, zero point 0; residual
 * U8/I8, added in real numbers before the activation. Output U8/I8 (or F32 when out dtype is F32: then y = acc * sx*sw
 * [+ residual] and act). Scales and zero points are attributes, so that rows may fold them: x_scale (float), x_zp
 * (int), w_scale (floats), y_scale, y_zp, r_scale, r_zp; plus Conv's own attributes and act, act_alpha, act_beta
 * (applied to the real number before requantizing). y = clamp(rne(act(real) / y_scale) + y_zp). Padding is the real
 * number 0: x_zp in codes. The output's element type is the attribute y_dtype (int, ONNX's code) where there is one, of
 * every Quant operator; without it, float32 when there is no y_scale, else x's type. QuantLinear(x, w, bias?,
 * residual?): as QuantConv for [..., K] x [K, N] (trans_b as in Linear), w_scale per N. QuantBinary(a, b): attribute
 * "op" (string: Add, Mul, Sub), a_scale, a_zp, b_scale, b_zp, y_scale, y_zp, act...; broadcast. QuantUnary(x): any
 * unary function of a quantized value as a table of 256: attributes "table" (tensor U8/I8 [256], indexed by the raw
 * byte of x). QuantPool(x): AveragePool / GlobalAveragePool on codes: attribute "op" and the pool's own; x_scale, x_zp,
 * y_scale, y_zp. Everything that only moves or selects (MaxPool, Concat, Slice, Transpose, Resize nearest, Gather, Pad,
 * ...) takes U8/I8 as it is. */
#ifndef WT_INTERNAL_OPS_H
#define WT_INTERNAL_OPS_H
#include "run/kernel.h"
#endif
