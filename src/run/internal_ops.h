/* internal_ops.h - what the operators of domain "whet" mean. Passes of the native engine make them; kernels run them.
 *
 * Conv (ai.onnx) may carry, inside the engine only:
 *     attributes act, act_alpha, act_beta (kernel.h); in[3] = residual, same shape as the output, added BEFORE the
 * activation; attributes act_mul, act_add (1, 0): y = act(...) * act_mul + act_add (float products alone). x, residual
 * and y may have layout C16 (all of them, or x plain when it has few channels: first layer). Reorder(x): same values in
 * the layout of out[0] (plain <-> C16), any element size. Linear(x [..., K], w, bias?, residual?): y[..., N] = act(x .
 * w + bias + residual); w is a constant [K, N], or [N, K] when attribute trans_b is 1; w F32 or F16 (computed in F32).
 * QuantConv(x, w, bias?, residual?): x U8/I8 per tensor, w I8 [oc, ic/g, kh, kw] symmetric per output channel (or one
 * scale), bias I32 with scale sx*sw, zero point 0; residual U8/I8, added in real numbers before the activation. Output
 * U8/I8 (or F32 when out dtype is F32: then y = acc * sx*sw
 * [+ residual] and act). Scales and zero points are attributes, so that rows may fold them: x_scale (float), x_zp
 * (int), w_scale (floats), y_scale, y_zp, r_scale, r_zp; plus Conv's own attributes and act, act_alpha, act_beta
 * (applied to the real number before requantizing). y = clamp(rne(act(real) / y_scale) + y_zp), then table[y] where
 * there is an attribute table (as QuantUnary's; codes alone). Padding is the real number 0: x_zp in codes. The output's
 * element type is the attribute y_dtype (int, ONNX's code) where there is one, of every Quant operator; without it,
 * float32 when there is no y_scale, else x's type. QuantLinear(x, w, bias?, residual?): as QuantConv for [..., K] x [K,
 * N] (trans_b as in Linear), w_scale per N; a bias may be F32 and is then added in real numbers, after the sum is
 * multiplied and before the residual. QuantBinary(a, b): attribute "op" (string: Add, Mul, Sub), a_scale, a_zp,
 * b_scale, b_zp, y_scale, y_zp, act...; broadcast. QuantUnary(x): any unary function of a quantized value as a table of
 * 256: attributes "table" (tensor U8/I8 [256], indexed by the raw byte of x). QuantPool(x): AveragePool /
 * GlobalAveragePool on codes: attribute "op" and the pool's own; x_scale, x_zp, y_scale, y_zp. Everything that only
 * moves or selects (MaxPool, Concat, Slice, Transpose, Resize nearest, Gather, Pad,
 * ...) takes U8/I8 as it is. *
 * Language models (model/arch/arch.h names the graph's inputs):
 *
 * Linear: w may have any dtype of model/blocks/, [N, K] with trans_b 1 (blocks run along K).
 * Embedding(ids I32 [T], w [V, K] of any dtype of model/blocks/): y F32 [T, K] = row ids[t] of w, times attribute
 * "scale" (float, 1).
 * Rope(x [T, H*D], positions I32 [T], factors? F32 [dims/2]): rotates the first `dims` (int, D) numbers of every head.
 * Attributes direct (1: factors are the radians per position themselves), head_dim (D), dims, interleaved (1: pairs 2i,
 * 2i+1; 0: i, i + dims/2), base, freq_scale (1), ext_factor (0), attn_factor (1), beta_fast (32), beta_slow (1),
 * orig_ctx. Angle i: theta = pos * base^(-2i/dims) / factors[i]; interpolated = freq_scale * theta; with ext_factor !=
 * 0 YaRN's ramp between theta and interpolated, and attn_factor times 1 + 0.1 ln(1 / freq_scale). cos and sin are
 * multiplied by attn_factor. KvAttention(q [T, H*D], k [T, G*D], v [T, G*E], k_cache, v_cache, positions, slots,
 * owners, pages, sinks? F32 [H]): y F32 [T, H*E]. Every token's k and v go to the caches first (slots), then token t
 * looks at the keys 0..positions[t] of its sequence owners[t]; with "window" W > 0 only at those with positions[t] - j
 * < W. Attributes heads, kv_heads, scale, softcap (0: none; s = cap tanh(s / cap)), window, alibi (0: none; the largest
 * bias of ALiBi). Caches are written in place: their pages are run/kernels/kv.h's; this node is their only user.
 * Glu(gate [.., F], up [.., F]): act(gate)
 * * up; Glu(x [.., 2F]): gate is the first half (attribute "swap" 1: the second). Attribute act as Linear's. Experts(x
 * [T, K], scores [T, X], gate? [X, F, K], up [X, F, K], down [X, K, F], gate_bias?, up_bias?, down_bias?): the sum over
 * the chosen experts of weight * down(act(gate x) * up x). Attributes top_k, normalize (1: the chosen weights add up to
 * one), softmax (1: over all scores before choosing; 0: over the chosen), scale (of the weights, 1), act.
 */
#ifndef WT_INTERNAL_OPS_H
#define WT_INTERNAL_OPS_H
#include "run/kernel.h"
#endif
