/* vmath.h - exp, sigmoid, tanh, erf and the activations made of them, on vectors.
 *
 * Relative error about 2e-7 where the result is not itself the difference of near numbers (the kernel tests hold
 * each to its bound). Polynomials are own minimax fits. NaN gives NaN, infinities give their limits. */
#ifndef WT_X86_VMATH_H
#define WT_X86_VMATH_H
#include "run/kernel.h"
#include "run/kernels/x86/vec.h"

/* e^x = 2^n e^r, |r| <= ln 2 / 2; ln 2 in two parts, the first with zeros at its end so that n times it is exact. */
WT_INLINE vf v_exp(vf x)
{
    const vf clamped = vf_min(vf_set(100.0f), vf_max(vf_set(-150.0f), x)); /* past both limits of float */
    const vf n = vf_rint(vf_mul(clamped, vf_set(1.44269504088896341f)));
    const vf r = vf_fnma(n, vf_set(-2.12194440e-4f), vf_fnma(n, vf_set(0.693359375f), clamped));
    vf p = vf_fma(vf_set(1.394121442e-3f), r, vf_set(8.363234811e-3f));
    p = vf_fma(p, r, vf_set(4.166637361e-2f));
    p = vf_fma(p, r, vf_set(1.666657627e-1f));
    p = vf_fma(p, r, vf_set(0.5f));
    p = vf_fma(p, vf_mul(r, r), r);
    return vf_scale(vf_add(p, vf_set(1.0f)), n);
}

WT_INLINE vf v_sigmoid(vf x) { return vf_div(vf_set(1.0f), vf_add(vf_set(1.0f), v_exp(vf_sub(vf_set(0.0f), x)))); }

/* An odd polynomial near zero, 1 - 2 / (e^2x + 1) elsewhere. */
WT_INLINE vf v_tanh(vf x)
{
    const vf a = vf_abs(x), u = vf_mul(x, x);
    vf p = vf_fma(vf_set(-6.062236615e-3f), u, vf_set(2.097501792e-2f));
    p = vf_fma(p, u, vf_set(-5.384669825e-2f));
    p = vf_fma(p, u, vf_set(1.333274692e-1f));
    p = vf_fma(p, u, vf_set(-3.333332837e-1f));
    const vf near = vf_fma(vf_mul(p, u), x, x);
    const vf far = vf_sub(vf_set(1.0f), vf_div(vf_set(2.0f), vf_add(v_exp(vf_add(a, a)), vf_set(1.0f))));
    return vf_copysign(vf_select(vf_lt(a, vf_set(0.625f)), near, far), x); /* of zero, too */
}

/* erf(|x|) for |x| < 1 as an odd polynomial; 1 - erf(|x|) beyond as e^-q, q a polynomial: good to its own last bits, so
 * that what is left of a Gelu far to the left is right too. */
WT_INLINE vf erf_near(vf a)
{
    const vf u = vf_mul(a, a);
    vf p = vf_fma(vf_set(7.889119297e-5f), u, vf_set(-8.020841051e-4f));
    p = vf_fma(p, u, vf_set(5.189535208e-3f));
    p = vf_fma(p, u, vf_set(-2.685444430e-2f));
    p = vf_fma(p, u, vf_set(1.128360033e-1f));
    p = vf_fma(p, u, vf_set(-3.761262596e-1f));
    return vf_mul(a, vf_fma(p, u, vf_set(1.128379107f)));
}
WT_INLINE vf erfc_far(vf a) /* 1 <= a */
{
    const vf z = vf_min(vf_set(5.6f), a);
    vf q = vf_fma(vf_set(1.134422156e-8f), z, vf_set(-2.787351434e-7f));
    q = vf_fma(q, z, vf_set(1.709190542e-6f));
    q = vf_fma(q, z, vf_set(2.024738569e-5f));
    q = vf_fma(q, z, vf_set(-4.593905178e-4f));
    q = vf_fma(q, z, vf_set(4.252016079e-3f));
    q = vf_fma(q, z, vf_set(-2.514353208e-2f));
    q = vf_fma(q, z, vf_set(1.079571098e-1f));
    q = vf_fma(q, z, vf_set(6.340318918e-1f));
    q = vf_fma(q, z, vf_set(1.128945708f));
    const vf e = v_exp(vf_sub(vf_set(0.0f), vf_mul(q, z)));
    return vf_select(vf_lt(a, vf_set(5.6f)), e, vf_set(0.0f));
}
WT_INLINE vf v_erf(vf x)
{
    const vf a = vf_abs(x);
    const vf far = vf_sub(vf_set(1.0f), erfc_far(a));
    const vf y = vf_copysign(vf_select(vf_lt(a, vf_set(1.0f)), erf_near(a), far), x);
    return vf_select(vf_nan(x), x, y);
}
/* x / 2 (1 + erf(x / sqrt 2)) */
WT_INLINE vf v_gelu(vf x)
{
    const vf z = vf_mul(vf_abs(x), vf_set(0.70710678118654752f)), one = vf_set(1.0f);
    const vf near = erf_near(z), tail = erfc_far(z);
    const vm inner = vf_lt(z, one);
    const vf right = vf_select(inner, vf_add(one, near), vf_sub(vf_set(2.0f), tail));
    const vf left = vf_select(inner, vf_sub(one, near), tail);
    return vf_mul(vf_mul(x, vf_set(0.5f)), vf_select(vf_lt(x, vf_set(0.0f)), left, right));
}
WT_INLINE vf v_gelu_tanh(vf x)
{
    const vf cube = vf_mul(vf_mul(x, x), x);
    const vf t = v_tanh(vf_mul(vf_set(0.79788456080286536f), vf_fma(vf_set(0.044715f), cube, x)));
    return vf_mul(vf_mul(x, vf_set(0.5f)), vf_add(vf_set(1.0f), t));
}
WT_INLINE vf v_hardsigmoid(vf x, vf alpha, vf beta)
{
    return vf_min(vf_set(1.0f), vf_max(vf_set(0.0f), vf_add(vf_mul(alpha, x), beta)));
}

/* One activation of kernel.h; act is the same for a whole loop, so the branch is predicted. */
WT_INLINE vf v_act(wt_act act, vf x, vf alpha, vf beta)
{
    switch (act) {
    case WT_ACT_RELU: return vf_max(vf_set(0.0f), x);
    case WT_ACT_CLIP: return vf_min(beta, vf_max(alpha, x));
    case WT_ACT_LEAKY: return vf_select(vf_lt(x, vf_set(0.0f)), vf_mul(alpha, x), x);
    case WT_ACT_SIGMOID: return v_sigmoid(x);
    case WT_ACT_HARDSIGMOID: return v_hardsigmoid(x, alpha, beta);
    case WT_ACT_HARDSWISH: return vf_mul(x, v_hardsigmoid(x, alpha, beta));
    case WT_ACT_SILU: return vf_mul(x, v_sigmoid(vf_mul(alpha, x)));
    case WT_ACT_TANH: return v_tanh(x);
    case WT_ACT_GELU: return v_gelu(x);
    case WT_ACT_GELU_TANH: return v_gelu_tanh(x);
    case WT_ACT_NONE:
    case WT_ACT_COUNT: break;
    }
    return x;
}
#endif
