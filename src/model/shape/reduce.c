/* reduce.c - rules of reductions, ArgMax, TopK, and of what selects by value: Unique, NonZero, Compress.
 *
 * The last three have a shape that only data decides: their rules count (select.h), which the kernels rely upon. */
#include "model/shape/select.h"
#include "model/shape/shape.h"
#include <inttypes.h>

wt_status wt_reduction_read(const wt_infer *c, int rank, wt_reduction *out, wt_err *err)
{
    wt_ints axes;
    *out = (wt_reduction){ .state = WT_KNOWN, .keepdims = wt_attr_int(c->attrs, "keepdims", 1) != 0 };
    WT_TRY(wt_infer_ints(c, 1, &axes, err));
    if (axes.state == WT_NOT_KNOWN && axes.count != 0) {
        out->state = WT_NOT_KNOWN;
        return WT_OK;
    }
    if (axes.count > 0)
        return rank < 0 ? WT_OK : wt_infer_axes(c, &axes, rank, &out->axes, err);
    out->identity = wt_attr_int(c->attrs, "noop_with_empty_axes", 0) != 0;
    if (!out->identity && rank > 0)
        out->axes = (1u << rank) - 1;
    return WT_OK;
}

static wt_shape reduced_shape(const wt_shape *x, const wt_reduction *r)
{
    wt_shape s = { .rank = 0 };
    for (int i = 0; i < x->rank; i++) {
        if (!(r->axes >> i & 1))
            s.dim[s.rank++] = x->dim[i];
        else if (r->keepdims)
            s.dim[s.rank++] = 1;
    }
    return s;
}

/* The product of a known vector is the one reduction that target shapes are computed with. */
static wt_status publish_reduction(wt_infer *c, const wt_reduction *r, wt_err *err)
{
    int64_t v[WT_SMALL_MAX], n, acc = 1;
    if (!c->arena || r->axes != 1 || wt_rule_shape(c, 0)->rank != 1 || !wt_infer_small(c, 0, v, &n))
        return WT_OK;
    if (strcmp(c->op_type, "ReduceProd") != 0)
        return WT_OK;
    for (int64_t k = 0; k < n; k++)
        if (__builtin_mul_overflow(acc, v[k], &acc))
            return WT_OK;
    return wt_infer_publish(c, 0, &acc, 1, err);
}

wt_status wt_infer_reduce(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_reduction r;
    WT_TRY(wt_reduction_read(c, x->rank, &r, err));
    wt_shape s = wt_rule_unknown(x->rank >= 0 && r.state == WT_NOT_KNOWN && r.keepdims ? x->rank : -1);
    if (x->rank >= 0 && r.state == WT_KNOWN)
        s = reduced_shape(x, &r);
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err));
    return r.state == WT_KNOWN ? publish_reduction(c, &r, err) : WT_OK;
}

wt_status wt_infer_arg(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_shape s = wt_rule_unknown(-1);
    int axis;
    if (x->rank >= 0) {
        WT_TRY(wt_infer_axis(c, "axis", 0, x->rank, false, &axis, err));
        if (x->dim[axis] == 0)
            return wt_infer_bad(c, err, "axis %d is empty: there is no extremum", axis);
        const wt_reduction r = { .state = WT_KNOWN,
                                 .axes = 1u << axis,
                                 .keepdims = wt_attr_int(c->attrs, "keepdims", 1) != 0 };
        s = reduced_shape(x, &r);
    }
    return wt_infer_set(c, 0, WT_I64, &s, err);
}

wt_status wt_infer_topk(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_shape s = *x;
    wt_known state;
    int64_t k;
    int axis;
    WT_TRY(wt_infer_int(c, 1, &state, &k, err));
    if (x->rank >= 0) {
        WT_TRY(wt_infer_axis(c, "axis", -1, x->rank, false, &axis, err));
        if (state == WT_KNOWN && (k < 0 || (x->dim[axis] >= 0 && k > x->dim[axis])))
            return wt_infer_bad(c, err, "k is %" PRId64 ", axis %d has %" PRId64 " elements", k, axis, x->dim[axis]);
        s.dim[axis] = state == WT_KNOWN ? k : WT_DIM_ANY;
    }
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err));
    return wt_infer_set(c, 1, WT_I64, &s, err);
}

wt_status wt_infer_unique(wt_infer *c, wt_err *err)
{
    const wt_tensor *x = wt_rule_in(c, 0);
    wt_unique u;
    int64_t n = WT_DIM_ANY, len = WT_DIM_ANY;
    WT_TRY(wt_unique_read(c, &u, err));
    if (x && x->data && c->arena && wt_shape_known(&x->shape))
        WT_TRY(wt_unique_count(c->arena->ctx, &u, x, &n, err));
    wt_shape first = wt_rule_unknown(u.flat ? 1 : x ? x->shape.rank : -1), vector = wt_rule_unknown(1);
    if (u.flat) {
        first.dim[0] = n;
        if (!x || !wt_shape_count(&x->shape, &len))
            len = WT_DIM_ANY;
    } else if (first.rank >= 0) {
        first = x->shape;
        len = first.dim[u.axis];
        first.dim[u.axis] = n;
    }
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), &first, err));
    for (size_t o = 1; o < 4; o++) {
        vector.dim[0] = o == 2 ? len : n;
        WT_TRY(wt_infer_set(c, o, WT_I64, &vector, err));
    }
    return WT_OK;
}

wt_status wt_infer_nonzero(wt_infer *c, wt_err *err)
{
    const wt_tensor *x = wt_rule_in(c, 0);
    wt_shape s = wt_rule_unknown(2);
    if (x && x->shape.rank >= 0)
        s.dim[0] = x->shape.rank;
    if (x && x->data && wt_shape_known(&x->shape))
        WT_TRY(wt_nonzero_count(x, &s.dim[1], err));
    return wt_infer_set(c, 0, WT_I64, &s, err);
}

wt_status wt_infer_compress(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    const wt_tensor *condition = wt_rule_in(c, 1);
    const bool flat = !wt_attr_find(c->attrs, "axis");
    wt_shape s = wt_rule_unknown(flat ? 1 : x->rank);
    int64_t limit = WT_DIM_ANY;
    int axis = 0;
    WT_TRY(wt_rule_need_rank(c, 1, 1, 1, err));
    if (!flat && x->rank >= 0) {
        WT_TRY(wt_infer_axis(c, "axis", 0, x->rank, false, &axis, err));
        s = *x;
        limit = x->dim[axis];
    } else if (flat && !wt_shape_count(x, &limit)) {
        limit = WT_DIM_ANY;
    }
    if (s.rank >= 0) {
        s.dim[axis] = WT_DIM_ANY;
        if (condition && condition->data && limit >= 0)
            WT_TRY(wt_compress_count(c, condition, limit, &s.dim[axis], err));
    }
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}
