/* nn_rule.h - small questions that the shape rules of networks, recurrences and quantized operators ask.
 *
 * Every one works with what is not known yet: an unknown rank or dimension never contradicts anything. */
#ifndef WT_NN_RULE_H
#define WT_NN_RULE_H
#include "model/op.h"

/* Input i, or NULL when it is omitted or beyond the end. */
static inline const wt_tensor *wt_rule_in(const wt_infer *c, size_t i) { return i < c->n_in ? c->in[i] : NULL; }
static inline int wt_rule_rank(const wt_tensor *t) { return t ? t->shape.rank : -1; }
static inline int64_t wt_rule_dim(const wt_tensor *t, int axis)
{
    return t && t->shape.rank > axis ? t->shape.dim[axis] : WT_DIM_ANY;
}
/* Makes *dim the better known of both; false when both are known and differ. */
static inline bool wt_rule_join(int64_t *dim, int64_t other)
{
    if (*dim >= 0 && other >= 0)
        return *dim == other;
    if (*dim < 0 && (other >= 0 || *dim == WT_DIM_ANY))
        *dim = other;
    return true;
}
/* A shape of `rank` dimensions that are all unknown. */
wt_shape wt_rule_unknown(int rank);
/* The rank of input i, if known, is in [min, max]. */
wt_status wt_rule_need_rank(const wt_infer *c, size_t i, int min, int max, wt_err *err);
/* Dimension `axis` of input i, if known, is n (n < 0: nothing is asked). */
wt_status wt_rule_need_dim(const wt_infer *c, size_t i, int axis, int64_t n, wt_err *err);
/* Input i, if there, is one-dimensional with n elements. */
wt_status wt_rule_need_vector(const wt_infer *c, size_t i, int64_t n, wt_err *err);
/* Inputs i and j, if both are there and known, have the same element type. */
wt_status wt_rule_need_same_dtype(const wt_infer *c, size_t i, size_t j, wt_err *err);
/* Input i, if there and known, has an element type whose bit is in `set` (WT_DTYPE_BIT). */
#define WT_DTYPE_BIT(t) (UINT64_C(1) << (t))
#define WT_DTYPES_FLOAT (WT_DTYPE_BIT(WT_F32) | WT_DTYPE_BIT(WT_F16) | WT_DTYPE_BIT(WT_F64) | WT_DTYPE_BIT(WT_BF16))
#define WT_DTYPES_BYTE  (WT_DTYPE_BIT(WT_U8) | WT_DTYPE_BIT(WT_I8))
wt_status wt_rule_need_dtype(const wt_infer *c, size_t i, uint64_t set, wt_err *err);
/* numpy's matmul of two shapes (vectors included). */
wt_status wt_rule_matmul(const char *op_type, const wt_shape *a, const wt_shape *b, wt_shape *out, wt_err *err);
#endif
