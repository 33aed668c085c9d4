/* nn_norm.h - loads, stores and moments that the normalizations share, for float32 and float64. Sums are kept in eight
 * double lanes: exact enough for any length, and a compiler can vectorize them. */
#ifndef WT_NN_NORM_H
#define WT_NN_NORM_H
#include "run/kernels/ref/nn_rows.h"
#include <math.h>

typedef enum wt_real { WT_REAL_F32, WT_REAL_F64 } wt_real;
static inline wt_real wt_real_of(const wt_tensor *t) { return t->dtype == WT_F64 ? WT_REAL_F64 : WT_REAL_F32; }
static inline bool wt_is_real(const wt_tensor *t) { return t && (t->dtype == WT_F32 || t->dtype == WT_F64); }
WT_INLINE double wt_real_get(const void *p, wt_real t, size_t i)
{
    return t == WT_REAL_F64 ? ((const double *)p)[i] : (double)((const float *)p)[i];
}
WT_INLINE void wt_real_set(void *p, wt_real t, size_t i, double v)
{
    if (t == WT_REAL_F64)
        ((double *)p)[i] = v;
    else
        ((float *)p)[i] = (float)v;
}
static inline const void *wt_real_at(const void *p, wt_real t, size_t i)
{
    return (const char *)p + i * (t == WT_REAL_F64 ? sizeof(double) : sizeof(float));
}

/* Sum of (x[i] - center) and of its square, over n neighbours. */
typedef struct wt_sums {
    double sum, square;
} wt_sums;
wt_sums wt_ref_sums(const void *x, wt_real t, size_t n, double center);
typedef struct wt_moments {
    double mean, var; /* of the population */
} wt_moments;
/* Two passes: the variance does not suffer from a large mean. n == 0 gives zeros. */
wt_moments wt_ref_moments(const void *x, wt_real t, size_t n);
/* y[i] = x[i] * a + b */
void wt_ref_affine(const void *x, void *y, wt_real t, size_t n, double a, double b);
#endif
