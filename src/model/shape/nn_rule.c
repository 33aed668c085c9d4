/* nn_rule.c - the questions of nn_rule.h, and matmul's shape, which three quantized operators share. */
#include "model/shape/nn_rule.h"

wt_shape wt_rule_unknown(int rank)
{
    wt_shape s = { .rank = rank };
    for (int i = 0; i < WT_MAX_RANK; i++)
        s.dim[i] = WT_DIM_ANY;
    return s;
}

wt_status wt_rule_need_rank(const wt_infer *c, size_t i, int min, int max, wt_err *err)
{
    const int rank = wt_rule_rank(wt_rule_in(c, i));
    if (rank < 0 || (rank >= min && rank <= max))
        return WT_OK;
    if (min == max)
        return wt_fail(err, WT_EFORMAT, "%s: input %zu has %d dimensions, expected %d", c->op_type, i, rank, min);
    return wt_fail(err, WT_EFORMAT, "%s: input %zu has %d dimensions, expected %d to %d", c->op_type, i, rank, min,
                   max);
}

wt_status wt_rule_need_dim(const wt_infer *c, size_t i, int axis, int64_t n, wt_err *err)
{
    const int64_t have = wt_rule_dim(wt_rule_in(c, i), axis);
    if (have < 0 || n < 0 || have == n)
        return WT_OK;
    return wt_fail(err, WT_EFORMAT, "%s: dimension %d of input %zu is %lld, expected %lld", c->op_type, axis, i,
                   (long long)have, (long long)n);
}

wt_status wt_rule_need_vector(const wt_infer *c, size_t i, int64_t n, wt_err *err)
{
    WT_TRY(wt_rule_need_rank(c, i, 1, 1, err));
    return wt_rule_need_dim(c, i, 0, n, err);
}

wt_status wt_rule_need_same_dtype(const wt_infer *c, size_t i, size_t j, wt_err *err)
{
    const wt_tensor *a = wt_rule_in(c, i), *b = wt_rule_in(c, j);
    if (!a || !b || !a->dtype || !b->dtype || a->dtype == b->dtype)
        return WT_OK;
    return wt_fail(err, WT_EFORMAT, "%s: input %zu is %s but input %zu is %s, expected the same element type",
                   c->op_type, i, wt_dtype_get(a->dtype)->name, j, wt_dtype_get(b->dtype)->name);
}

wt_status wt_rule_need_dtype(const wt_infer *c, size_t i, uint64_t set, wt_err *err)
{
    const wt_tensor *t = wt_rule_in(c, i);
    if (!t || !t->dtype || (set & WT_DTYPE_BIT(t->dtype)))
        return WT_OK;
    return wt_fail(err, WT_EFORMAT, "%s: input %zu may not be %s", c->op_type, i, wt_dtype_get(t->dtype)->name);
}

/* a without its last dimension and b without its last two, broadcast together. */
static wt_status batch_dims(const wt_shape *a, const wt_shape *b, wt_shape *out, wt_err *err)
{
    wt_shape left = *a, right = *b;
    left.rank = a->rank >= 2 ? a->rank - 2 : 0;
    right.rank = b->rank >= 2 ? b->rank - 2 : 0;
    return wt_shape_broadcast(&left, &right, out, err);
}

wt_status wt_rule_matmul(const char *op_type, const wt_shape *a, const wt_shape *b, wt_shape *out, wt_err *err)
{
    *out = wt_rule_unknown(-1);
    if (a->rank < 0 || b->rank < 0)
        return WT_OK;
    if (a->rank == 0 || b->rank == 0)
        return wt_fail(err, WT_EFORMAT, "%s: an operand is a scalar, expected at least one dimension", op_type);
    const int64_t inner = a->dim[a->rank - 1], other = b->dim[b->rank == 1 ? 0 : b->rank - 2];
    if (inner >= 0 && other >= 0 && inner != other)
        return wt_fail(err, WT_EFORMAT, "%s: inner dimensions differ: %lld and %lld", op_type, (long long)inner,
                       (long long)other);
    WT_TRY(batch_dims(a, b, out, err));
    if (a->rank >= 2)
        out->dim[out->rank++] = a->dim[a->rank - 2];
    if (b->rank >= 2)
        out->dim[out->rank++] = b->dim[b->rank - 1];
    return WT_OK;
}
