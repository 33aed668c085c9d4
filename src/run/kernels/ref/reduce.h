/* reduce.h - what reductions do with values: fold them into one accumulator, or into a row of accumulators.
 *
 * Accumulators are doubles, or int64 for integers (which then wrap as their own type would); float rows are widened in
 * the loop, all other types before it. So every type has the same code, and sums of millions of floats are exact
 * enough. */
#ifndef WT_REF_REDUCE_H
#define WT_REF_REDUCE_H
#include "run/kernels/ref/types.h"

typedef enum wt_fold {
    WT_FOLD_SUM,
    WT_FOLD_ABS_SUM,
    WT_FOLD_SQUARE_SUM,
    WT_FOLD_PROD,
    WT_FOLD_MAX,
    WT_FOLD_MIN,
    WT_FOLD_EXP_SUM, /* of exp(x - shift) */
    WT_FOLD_COUNT
} wt_fold;

/* One accumulator: fold(acc, x[0..n)). */
typedef double wt_fold_row_f32_fn(double acc, const float *x, double shift, size_t n);
typedef double wt_fold_row_f64_fn(double acc, const double *x, double shift, size_t n);
typedef int64_t wt_fold_row_i64_fn(int64_t acc, const int64_t *x, size_t n);
/* A row of them: acc[i] = fold(acc[i], x[i]), i < n. */
typedef void wt_fold_each_f32_fn(double *acc, const float *x, const double *shift, size_t n);
typedef void wt_fold_each_f64_fn(double *acc, const double *x, const double *shift, size_t n);
typedef void wt_fold_each_i64_fn(int64_t *acc, const int64_t *x, size_t n);

/* Indexed by wt_fold; integers have no EXP_SUM. */
extern wt_fold_row_f32_fn *const wt_fold_row_f32[WT_FOLD_COUNT];
extern wt_fold_row_f64_fn *const wt_fold_row_f64[WT_FOLD_COUNT];
extern wt_fold_row_i64_fn *const wt_fold_row_i64[WT_FOLD_COUNT];
extern wt_fold_each_f32_fn *const wt_fold_each_f32[WT_FOLD_COUNT];
extern wt_fold_each_f64_fn *const wt_fold_each_f64[WT_FOLD_COUNT];
extern wt_fold_each_i64_fn *const wt_fold_each_i64[WT_FOLD_COUNT];
#endif
