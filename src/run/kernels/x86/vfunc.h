/* vfunc.h - functions of one float32 on whole tensors. */
#ifndef WT_X86_VFUNC_H
#define WT_X86_VFUNC_H
#include "base/base.h"

/* y[i] = f(x[i]); x may be y. */
typedef void wt_vfunc_fn(const float *x, float *y, size_t n);
wt_vfunc_fn wt_vfunc_tanh_avx2, wt_vfunc_tanh_avx512;
#endif
