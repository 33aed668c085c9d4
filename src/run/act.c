/* act.c - the activations that Conv and Linear apply to what they store: parameters from attributes, and the reference.
 */
#include "run/kernel.h"
#include <math.h>

wt_act_params wt_act_from_attrs(const wt_attrs *attrs)
{
    const int64_t act = wt_attr_int(attrs, "act", WT_ACT_NONE);
    wt_act_params p = { .act = act > 0 && act < WT_ACT_COUNT ? (wt_act)act : WT_ACT_NONE };
    const float alpha = p.act == WT_ACT_LEAKY         ? 0.01f
                        : p.act == WT_ACT_HARDSWISH   ? 1.0f / 6.0f
                        : p.act == WT_ACT_HARDSIGMOID ? 0.2f
                        : p.act == WT_ACT_SILU        ? 1.0f
                        : p.act == WT_ACT_CLIP        ? -INFINITY
                                                      : 0.0f;
    const float beta = p.act == WT_ACT_HARDSIGMOID || p.act == WT_ACT_HARDSWISH ? 0.5f
                       : p.act == WT_ACT_CLIP                                   ? INFINITY
                                                                                : 0.0f;
    p.alpha = wt_attr_float(attrs, "act_alpha", alpha);
    p.beta = wt_attr_float(attrs, "act_beta", beta);
    return p;
}

wt_affine wt_affine_from_attrs(const wt_attrs *attrs)
{
    const wt_affine a = { .mul = wt_attr_float(attrs, "act_mul", 1), .add = wt_attr_float(attrs, "act_add", 0) };
    return (wt_affine){ a.mul != 1.0f || a.add != 0.0f, a.mul, a.add };
}

static float clamp01(float x) { return x < 0.0f ? 0.0f : x > 1.0f ? 1.0f : x; }
static float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

float wt_act_apply(wt_act_params a, float x)
{
    switch (a.act) {
    case WT_ACT_RELU: return x < 0.0f ? 0.0f : x;
    case WT_ACT_CLIP: x = x < a.alpha ? a.alpha : x; return x > a.beta ? a.beta : x;
    case WT_ACT_LEAKY: return x < 0.0f ? a.alpha * x : x;
    case WT_ACT_SIGMOID: return sigmoid(x);
    case WT_ACT_HARDSIGMOID: return clamp01(a.alpha * x + a.beta);
    case WT_ACT_HARDSWISH: return x * clamp01(a.alpha * x + a.beta);
    case WT_ACT_SILU: return x * sigmoid(a.alpha * x);
    case WT_ACT_TANH: return tanhf(x);
    case WT_ACT_GELU: return 0.5f * x * erfcf(x * -0.70710678f);
    case WT_ACT_GELU_TANH: return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
    case WT_ACT_NONE:
    case WT_ACT_COUNT: break;
    }
    return x;
}
