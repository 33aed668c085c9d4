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

/* Codes, not yet rounded to whole numbers where that is safe to leave to the conversion: act applied to x, divided,
 * shifted by the zero point, clamped. */
WT_INLINE vf v_requant(const wt_finish *f, const wt_act act, vf x)
{
    vf y = v_act(act, x, vf_set(f->act.alpha), vf_set(f->act.beta));
    vf t = vf_mul(y, vf_set(f->y_inverse));
    /* what reciprocal and polynomials may be off: 2e-4 of a code, and 1e-6 of the argument for functions that cancel */
    const vf safe = vf_fnma(vf_abs(x), vf_set(f->y_inverse * 1e-6f), vf_set(0.5f - 2e-4f));
    if (WT_UNLIKELY(vm_any(vf_ge(vf_abs(vf_frac(t)), safe)))) {
        if (!act_is_exact(act)) {
            float all[VL];
            vf_store(all, x);
            act_exactly(f->act, all);
            y = vf_load(all);
        }
        t = vf_div(y, vf_set(f->y_scale));
    }
    return vf_min(vf_set(f->hi), vf_max(vf_set(f->lo), vf_add(vf_rint(t), vf_set(f->y_zp))));
}
#endif
