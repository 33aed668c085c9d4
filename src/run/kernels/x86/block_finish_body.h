/* block_finish_body.h - see block_rows.h; made into a function by one small file for each instruction set. */
#include "run/kernels/x86/block_rows.h"
#include "run/kernels/x86/vmath.h"

WT_INLINE void block_finish(const wt_block_finish *f, const float *sum, size_t rows, size_t lanes, const float *bias,
                            const float *residual, float *y)
{
    const vf alpha = vf_set(f->act.alpha), beta = vf_set(f->act.beta);
    for (size_t r = 0; r < rows; r++, sum += WT_GROUP)
        for (size_t i = 0; i < lanes; i += VL) {
            const size_t n = lanes - i < VL ? lanes - i : VL;
            vf v = vf_load(sum + i);
            if (bias)
                v = vf_add(v, vf_load(bias + i));
            if (residual)
                v = vf_add(v, vf_load_n(residual + r * f->stride + i, n));
            if (f->act.act != WT_ACT_NONE)
                v = v_act(f->act.act, v, alpha, beta);
            vf_store_n(y + r * f->stride + i, n, v);
        }
}

void WT_VEC_NAME(wt_block_finish)(const wt_block_finish *f, const float *sum, size_t rows, size_t lanes,
                                  const float *bias, const float *residual, float *y)
{
    block_finish(f, sum, rows, lanes, bias, residual, y);
}
