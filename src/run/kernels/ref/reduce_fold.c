/* reduce_fold.c - the loops of reductions. See reduce.h.
 *
 * A row has eight partial results, so that it becomes vector code although additions may not be reordered otherwise. */
#include "run/kernels/ref/reduce.h"
#include <math.h>

enum { LANES = 8 };

/* `step` makes of a value v what is folded, `join` folds b into a. */
#define REAL_LOOPS(name, type, step, join)                                                                             \
    static double row_##name##_##type(double acc, const type *x, double shift, size_t n)                               \
    {                                                                                                                  \
        double lane[LANES];                                                                                            \
        size_t i = 0;                                                                                                  \
        (void)shift;                                                                                                   \
        if (n >= 2 * LANES) {                                                                                          \
            for (size_t l = 0; l < LANES; l++) {                                                                       \
                const double v = (double)x[l];                                                                         \
                lane[l] = step;                                                                                        \
            }                                                                                                          \
            for (i = LANES; i + LANES <= n; i += LANES)                                                                \
                for (size_t l = 0; l < LANES; l++) {                                                                   \
                    const double v = (double)x[i + l], a = lane[l], b = step;                                          \
                    lane[l] = join;                                                                                    \
                }                                                                                                      \
            for (size_t l = 0; l < LANES; l++) {                                                                       \
                const double a = acc, b = lane[l];                                                                     \
                acc = join;                                                                                            \
            }                                                                                                          \
        }                                                                                                              \
        for (; i < n; i++) {                                                                                           \
            const double v = (double)x[i], a = acc, b = step;                                                          \
            acc = join;                                                                                                \
        }                                                                                                              \
        return acc;                                                                                                    \
    }                                                                                                                  \
    static void each_##name##_##type(double *acc, const type *x, const double *shifts, size_t n)                       \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                                               \
            const double v = (double)x[i], shift = shifts[i], a = acc[i], b = step;                                    \
            (void)shift;                                                                                               \
            acc[i] = join;                                                                                             \
        }                                                                                                              \
    }
/* Max and min keep a NaN once they meet one. */
#define MAX_JOIN (a > b || a != a ? a : b)
#define MIN_JOIN (a < b || a != a ? a : b)
#define REAL_FOLDS(type)                                                                                               \
    REAL_LOOPS(sum, type, v, a + b)                                                                                    \
    REAL_LOOPS(abs_sum, type, fabs(v), a + b)                                                                          \
    REAL_LOOPS(square_sum, type, v *v, a + b)                                                                          \
    REAL_LOOPS(prod, type, v, a *b)                                                                                    \
    REAL_LOOPS(max, type, v, MAX_JOIN)                                                                                 \
    REAL_LOOPS(min, type, v, MIN_JOIN)                                                                                 \
    REAL_LOOPS(exp_sum, type, exp(v - shift), a + b)
REAL_FOLDS(float)
REAL_FOLDS(double)

#define INT_LOOPS(name, join)                                                                                          \
    static int64_t row_##name##_i64(int64_t acc, const int64_t *x, size_t n)                                           \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                                               \
            const int64_t a = acc, b = x[i];                                                                           \
            acc = (int64_t)(join);                                                                                     \
        }                                                                                                              \
        return acc;                                                                                                    \
    }                                                                                                                  \
    static void each_##name##_i64(int64_t *acc, const int64_t *x, size_t n)                                            \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                                               \
            const int64_t a = acc[i], b = x[i];                                                                        \
            acc[i] = (int64_t)(join);                                                                                  \
        }                                                                                                              \
    }
INT_LOOPS(sum, (uint64_t)a + (uint64_t)b)
INT_LOOPS(abs_sum, (uint64_t)a + (b < 0 ? (uint64_t)0 - (uint64_t)b : (uint64_t)b))
INT_LOOPS(square_sum, (uint64_t)a + (uint64_t)b * (uint64_t)b)
INT_LOOPS(prod, (uint64_t)a *(uint64_t)b)
INT_LOOPS(max, a > b ? a : b)
INT_LOOPS(min, a < b ? a : b)

#define TABLE(kind, type)                                                                                              \
    {                                                                                                                  \
        [WT_FOLD_SUM] = kind##_sum_##type, [WT_FOLD_ABS_SUM] = kind##_abs_sum_##type,                                  \
        [WT_FOLD_SQUARE_SUM] = kind##_square_sum_##type, [WT_FOLD_PROD] = kind##_prod_##type,                          \
        [WT_FOLD_MAX] = kind##_max_##type, [WT_FOLD_MIN] = kind##_min_##type,                                          \
    }
#define REAL_TABLE(kind, type)                                                                                         \
    {                                                                                                                  \
        [WT_FOLD_SUM] = kind##_sum_##type, [WT_FOLD_ABS_SUM] = kind##_abs_sum_##type,                                  \
        [WT_FOLD_SQUARE_SUM] = kind##_square_sum_##type, [WT_FOLD_PROD] = kind##_prod_##type,                          \
        [WT_FOLD_MAX] = kind##_max_##type, [WT_FOLD_MIN] = kind##_min_##type,                                          \
        [WT_FOLD_EXP_SUM] = kind##_exp_sum_##type,                                                                     \
    }
wt_fold_row_f32_fn *const wt_fold_row_f32[WT_FOLD_COUNT] = REAL_TABLE(row, float);
wt_fold_row_f64_fn *const wt_fold_row_f64[WT_FOLD_COUNT] = REAL_TABLE(row, double);
wt_fold_row_i64_fn *const wt_fold_row_i64[WT_FOLD_COUNT] = TABLE(row, i64);
wt_fold_each_f32_fn *const wt_fold_each_f32[WT_FOLD_COUNT] = REAL_TABLE(each, float);
wt_fold_each_f64_fn *const wt_fold_each_f64[WT_FOLD_COUNT] = REAL_TABLE(each, double);
wt_fold_each_i64_fn *const wt_fold_each_i64[WT_FOLD_COUNT] = TABLE(each, i64);
