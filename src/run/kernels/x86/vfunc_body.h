/* vfunc_body.h - the functions of vfunc.h, for the instruction set of the file that includes it. */
#include "run/kernels/x86/vfunc.h"
#include "run/kernels/x86/vmath.h"

void WT_VEC_NAME(wt_vfunc_tanh)(const float *x, float *y, size_t n)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        vf_store(y + i, v_tanh(vf_load(x + i)));
    if (i < n)
        vf_store_n(y + i, n - i, v_tanh(vf_load_n(x + i, n - i)));
}
