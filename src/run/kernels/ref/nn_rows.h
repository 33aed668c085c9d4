/* nn_rows.h - what the rows of networks, recurrences and quantized operators share beyond arithmetic (nn_ref.h). */
#ifndef WT_NN_ROWS_H
#define WT_NN_ROWS_H
#include "run/kernels/ref/nn_ref.h"

/* True when input (output) i is there with this element type; a NULL one, which a file may hold, is not. */
static inline bool wt_in_is(const wt_prep *p, size_t i, wt_dtype t) { return wt_has_in(p, i) && p->in[i]->dtype == t; }
static inline bool wt_out_is(const wt_prep *p, size_t i, wt_dtype t)
{
    return i < p->n_out && p->out[i] && p->out[i]->dtype == t;
}
static inline bool wt_has_out(const wt_prep *p, size_t i) { return i < p->n_out && p->out[i] != NULL; }
static inline bool wt_run_has(const wt_run *r, size_t i) { return i < r->n_in && r->in[i] != NULL; }
/* No output has an element: a run has nothing to do (whatever the other dims, which may be absurd, say). */
bool wt_run_is_empty(const wt_run *r);
/* All tensors row-major. */
bool wt_all_plain(const wt_prep *p);
/* Elements of a tensor whose shape is known. */
static inline size_t wt_count(const wt_tensor *t) { return (size_t)wt_shape_product(&t->shape, 0, t->shape.rank); }
/* Input i, if there, is a vector of n elements of type t. */
wt_status wt_prep_need_vector(const wt_prep *p, size_t i, wt_dtype t, int64_t n, wt_err *err);

/* Plans n * size bytes of scratch for each member, rounded up to 64 and never none (so that there is an address):
 * *each. */
wt_status wt_plan_scratch(wt_prep *p, size_t n, size_t size, size_t *each, wt_err *err);

/* Zeroes the lanes behind the last channel of a C16 tensor; each member its part. */
void wt_ref_zero_tail(wt_tensor *t, int tid, int nthreads);

/* --- half precision
 * ---------------------------------------------------------------------------------------------------- A row that takes
 * any F16 or BF16 case by converting to float32, running the best float32 row there is, and rounding the results: what
 * "fp16" means on a machine that computes in float32. */
bool wt_half_accepts(const wt_prep *p);
wt_status wt_half_prepare(wt_prep *p, wt_err *err);
wt_status wt_half_run(const wt_run *r, wt_err *err);
#define WT_HALF_ROW(row_name, code)                                                                                    \
    {                                                                                                                  \
        .name = row_name, .op = code, .accepts = wt_half_accepts, .prepare = wt_half_prepare, .run = wt_half_run       \
    }

/* --- tables
 * ------------------------------------------------------------------------------------------------------------ */
extern const wt_kernel wt_nn_conv_rows[], wt_nn_conv_transpose_rows[], wt_nn_deform_rows[], wt_nn_pool_rows[],
    wt_nn_roi_rows[];
extern const wt_kernel wt_nn_norm_rows[], wt_nn_norm_axis_rows[], wt_nn_attention_rows[], wt_nn_rotary_rows[],
    wt_rnn_rows[];
extern const wt_kernel wt_quant_linear_rows[], wt_quant_conv_rows[], wt_quant_matmul_rows[], wt_quant_pointwise_rows[];
extern const wt_kernel wt_ml_linear_rows[], wt_ml_tree_rows[], wt_ml_svm_rows[], wt_ml_encode_rows[];
#endif
