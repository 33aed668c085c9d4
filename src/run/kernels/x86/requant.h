/* requant.h - real numbers to codes, with exactly the result of dividing.
 *
 * The meaning (internal_ops.h) is rne(act(real) / y_scale) + y_zp. A division costs as much as a whole dot product of
 * 64 channels, and an activation made of polynomials is not libm's to the last bit. So the quotient is taken by the
 * reciprocal, and only where it comes so near to the middle between two codes that rounding could go the other way (one
 * vector in some hundred) it is taken as written. Results equal the portable rows bit for bit. */
#ifndef WT_X86_REQUANT_H
#define WT_X86_REQUANT_H
#include "run/kernels/x86/finish.h"
#include "run/kernels/x86/vmath.h"

/* Activations that v_act computes with the same operations as wt_act_apply. */
WT_INLINE bool act_is_exact(wt_act act)
{
    return act == WT_ACT_NONE || act == WT_ACT_RELU || act == WT_ACT_CLIP || act == WT_ACT_LEAKY ||
           act == WT_ACT_HARDSIGMOID || act == WT_ACT_HARDSWISH;
}

static WT_NOINLINE void act_exactly(wt_act_params act, float *x)
{
    for (int i = 0; i < VL; i++)
        x[i] = wt_act_apply(act, x[i]);
}

/* Codes as whole floats: act applied to x, divided, rounded, shifted by the zero point, clamped to [lo, hi]. */
WT_INLINE vf v_requant(const wt_finish *f, vf x, vf lo, vf hi)
{
    const vf inverse = vf_set(f->y_inverse), half = vf_set(0.5f - 2e-4f);
    vf y = v_act(f->act.act, x, vf_set(f->act.alpha), vf_set(f->act.beta));
    const vf t = vf_mul(y, inverse);
    vf q = vf_rint(t);
    /* what reciprocal and polynomials may be off: 2e-4 of a code, and 1e-6 of the argument for functions that cancel */
    const vf safe = vf_fnma(vf_abs(x), vf_set(f->y_inverse * 1e-6f), half);
    if (WT_UNLIKELY(vm_any(vf_ge(vf_abs(vf_sub(t, q)), safe)))) {
        if (!act_is_exact(f->act.act)) {
            float all[VL];
            vf_store(all, x);
            act_exactly(f->act, all);
            y = vf_load(all);
        }
        q = vf_rint(vf_div(y, vf_set(f->y_scale)));
    }
    return vf_min(hi, vf_max(lo, vf_add(q, vf_set(f->y_zp))));
}
WT_INLINE vf code_lo(wt_dtype t) { return vf_set(t == WT_I8 ? -128.0f : 0.0f); }
WT_INLINE vf code_hi(wt_dtype t) { return vf_set(t == WT_I8 ? 127.0f : 255.0f); }
#endif
