/* matmul.h - how MatMul's operands broadcast and how Gemm's lie, for the rows of all element types. */
#ifndef WT_REF_MATMUL_H
#define WT_REF_MATMUL_H
#include "run/kernel.h"

/* `count` products of [m, k] with [k, n]. */
typedef struct wt_batches {
    size_t m, n, k, count;
    int rank;
    size_t dim[WT_MAX_RANK], a_step[WT_MAX_RANK], b_step[WT_MAX_RANK]; /* elements */
} wt_batches;
wt_status wt_batches_init(wt_batches *b, const wt_prep *p, wt_err *err);
/* Where the operands of product i begin; its result begins at i * m * n. */
void wt_batch_at(const wt_batches *b, size_t i, size_t *a_at, size_t *b_at);

typedef struct wt_gemm {
    size_t m, n, k;
    size_t a_row, a_col, b_row, b_col, c_row, c_col; /* strides; of C 0 where it broadcasts */
    float alpha, beta;
} wt_gemm;
wt_status wt_gemm_read(const wt_prep *p, wt_gemm *g, wt_err *err);

/* Doubles and integers (matmul_any.c). */
bool wt_matmul_any_accepts(const wt_prep *p);
wt_status wt_matmul_any_prepare(wt_prep *p, wt_err *err);
wt_status wt_matmul_any_run(const wt_run *r, wt_err *err);
bool wt_gemm_any_accepts(const wt_prep *p);
wt_status wt_gemm_any_prepare(wt_prep *p, wt_err *err);
wt_status wt_gemm_any_run(const wt_run *r, wt_err *err);
#endif
