/* targets.c - target shapes that are computed from the shape of another value, where a dimension is a symbol.
 *
 *   Reshape(x [N, 6], Concat(Slice(Shape(y [N, 2, 3])), 2, 3))  ->  Reshape(x, [0, 2, 3])
 *   Expand(x [N, 6], Concat(Slice(Shape(y [N, 2, 3])), 6))      ->  Expand(x, [1, 1])
 * Exporters write the batch so. Once the target is a constant, the rules know the shape behind it before anything runs,
 * and what only keeps a shape can go. */
#include "run/passes/targets.h"

enum { DEEP = 16, DIMS_MAX = 2 * WT_MAX_RANK };

/* The elements of a vector of shapes: numbers, or symbols (below -1). */
typedef struct dims {
    int64_t v[DIMS_MAX];
    size_t n;
} dims;

static bool dims_of(const wt_value *v, dims *out, int depth);

static bool small_ints(const wt_value *v, dims *out)
{
    int64_t n;
    if (!wt_value_is_const(v) || v->quant || !wt_shape_count(&v->type.shape, &n) || n < 0 || n > DIMS_MAX)
        return false;
    out->n = (size_t)n;
    for (int64_t i = 0; i < n; i++)
        if (!wt_tensor_int(&v->type, i, &out->v[i]))
            return false;
    return true;
}

static bool of_shape(const wt_node *n, dims *out)
{
    const wt_shape *s = &n->in[0]->type.shape;
    if (s->rank < 0 || wt_attr_find(&n->attrs, "start") || wt_attr_find(&n->attrs, "end"))
        return false;
    out->n = (size_t)s->rank;
    memcpy(out->v, s->dim, out->n * sizeof out->v[0]);
    return true;
}

/* One stretch of a vector. */
static bool of_slice(const wt_node *n, dims *out, int depth)
{
    dims all, arg[4] = { { { 0 }, 0 } };
    for (size_t i = 0; i < 4; i++)
        if (i + 1 < n->n_in && n->in[i + 1] && (!small_ints(n->in[i + 1], &arg[i]) || arg[i].n != 1))
            return false;
    if (n->n_in < 3 || !dims_of(n->in[0], &all, depth) || arg[0].n != 1 || arg[1].n != 1 ||
        (arg[3].n && arg[3].v[0] != 1))
        return false;
    const int64_t count = (int64_t)all.n;
    int64_t start = arg[0].v[0], end = arg[1].v[0];
    start = start < -count ? 0 : start < 0 ? start + count : start > count ? count : start;
    end = end < -count ? 0 : end < 0 ? end + count : end > count ? count : end;
    out->n = end > start ? (size_t)(end - start) : 0;
    memcpy(out->v, all.v + start, out->n * sizeof out->v[0]);
    return true;
}

static bool of_gather(const wt_node *n, dims *out, int depth)
{
    dims all, at;
    if (!dims_of(n->in[0], &all, depth) || !small_ints(n->in[1], &at) || wt_attr_int(&n->attrs, "axis", 0))
        return false;
    out->n = at.n;
    for (size_t i = 0; i < at.n; i++) {
        const int64_t k = at.v[i] < 0 ? at.v[i] + (int64_t)all.n : at.v[i];
        if (k < 0 || k >= (int64_t)all.n)
            return false;
        out->v[i] = all.v[k];
    }
    return true;
}

static bool of_concat(const wt_node *n, dims *out, int depth)
{
    out->n = 0;
    for (size_t i = 0; i < n->n_in; i++) {
        dims part;
        if (!n->in[i] || !dims_of(n->in[i], &part, depth) || part.n > DIMS_MAX - out->n)
            return false;
        memcpy(out->v + out->n, part.v, part.n * sizeof part.v[0]);
        out->n += part.n;
    }
    return true;
}

static bool is_integer(const wt_value *v) { return v->type.dtype == WT_I64 || v->type.dtype == WT_I32; }

static bool dims_of(const wt_value *v, dims *out, int depth)
{
    const wt_node *n = v ? v->producer : NULL;
    if (v && v->type.shape.rank > 1)
        return false;
    if (!n)
        return small_ints(v, out);
    if (depth == DEEP || !n->op || !n->n_in || !n->in[0] || !is_integer(v))
        return false;
    depth++;
    switch (n->op->code) {
    case WT_OP_SHAPE: return of_shape(n, out);
    case WT_OP_SLICE: return of_slice(n, out, depth);
    case WT_OP_GATHER: return n->n_in > 1 && of_gather(n, out, depth);
    case WT_OP_CONCAT: return of_concat(n, out, depth);
    case WT_OP_CAST:
    case WT_OP_IDENTITY:
    case WT_OP_SQUEEZE:
    case WT_OP_UNSQUEEZE: return is_integer(n->in[0]) && dims_of(n->in[0], out, depth);
    default: return false;
    }
}

/* A symbol in the place that x has it in is 0 for Reshape; one elsewhere may be what -1 stands for. */
static bool reshape_target(const wt_shape *x, dims *d)
{
    size_t holes = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (d->v[i] == WT_DIM_ANY)
            return false;
        if (d->v[i] == 0)
            return false; /* written so, or an empty dimension */
        if (d->v[i] > 0)
            continue;
        const bool copied = (int)i < x->rank && x->dim[i] == d->v[i];
        d->v[i] = copied ? 0 : -1;
        holes += !copied;
    }
    return holes <= 1;
}

/* Nothing is stretched where the target repeats x or says 1. */
static bool expand_target(const wt_shape *x, dims *d)
{
    if (x->rank < 0 || d->n != (size_t)x->rank)
        return false;
    for (size_t i = 0; i < d->n; i++) {
        if (d->v[i] == WT_DIM_ANY || (d->v[i] != 1 && d->v[i] != x->dim[i]))
            return false;
        d->v[i] = 1;
    }
    return true;
}

wt_status wt_pass_settle_target(wt_pass_ctx *pc, wt_node *n, wt_err *err)
{
    dims d;
    wt_value *target;
    const bool reshape = wt_node_is(n, WT_OP_RESHAPE);
    if ((!reshape && !wt_node_is(n, WT_OP_EXPAND)) || n->n_in != 2 || !n->in[0] || !n->in[1] || !n->in[1]->producer ||
        wt_attr_int(&n->attrs, "allowzero", 0) || !dims_of(n->in[1], &d, 0))
        return WT_OK;
    if (!(reshape ? reshape_target : expand_target)(&n->in[0]->type.shape, &d))
        return WT_OK;
    WT_TRY(wt_graph_add_const_i64(&target, n->graph, NULL, d.v, d.n, false, err));
    WT_TRY(wt_node_set_input(n, 1, target, err));
    pc->changes++;
    return WT_OK;
}
