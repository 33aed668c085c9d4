/* fast_norm.c - LayerNormalization by the mean of squares, along any axis, as JAX writes it:
 *
 *   m = mean x, v = max(0, mean x^2 - m^2), y = (x - m) * (1 / sqrt(v + eps) * g) [+ b]
 *
 * Behind other axes than the last, x is turned there and back: two moves instead of nine walks over x. The operator
 * computes the variance from the differences, which is the same number with less rounding. */
#include <math.h>
#include "run/passes/pass.h"

typedef struct norm {
    const wt_pass_ctx *pc;
    wt_value *x;
    int axis;
    float epsilon;
    const wt_value *gain, *bias; /* bias may be NULL */
} norm;

static const wt_node *maker(const wt_value *v, wt_opcode code)
{
    return v && v->producer && wt_node_is(v->producer, code) && !v->quant ? v->producer : NULL;
}

/* What v shows in another shape. */
static wt_value *seen(wt_value *v)
{
    while (maker(v, WT_OP_RESHAPE) || maker(v, WT_OP_UNSQUEEZE) || maker(v, WT_OP_SQUEEZE))
        v = v->producer->in[0];
    return v;
}

static bool scalar_operand(const wt_node *n, wt_value **other, float *c)
{
    int at;
    return n && wt_binary_scalar(n, other, c, &at) && (at == 1 || !wt_node_is(n, WT_OP_DIV));
}

/* n reduces one axis of a known length: which; -1 otherwise. */
static int reduced_axis(const wt_node *n)
{
    int64_t axis, count;
    const wt_value *axes = n->n_in > 1 ? n->in[1] : NULL;
    const wt_shape *s = &n->in[0]->type.shape;
    if (s->rank < 1 || !wt_value_is_const(axes) || !wt_shape_count(&axes->type.shape, &count) || count != 1 ||
        !wt_tensor_int(&axes->type, 0, &axis))
        return -1;
    const int at = wt_axis(axis, s->rank, false);
    return at >= 0 && s->dim[at] > 0 ? at : -1;
}

/* v = mean of something along an axis: ReduceMean, or ReduceSum by its length. */
static wt_value *mean_of(wt_value *v, int *axis)
{
    float c;
    wt_value *u;
    const wt_node *n = maker(v, WT_OP_REDUCEMEAN);
    if (n) {
        *axis = reduced_axis(n);
        return *axis < 0 ? NULL : n->in[0];
    }
    const wt_node *mul = maker(v, WT_OP_MUL), *div = maker(v, WT_OP_DIV);
    if (!scalar_operand(mul ? mul : div, &u, &c))
        return NULL;
    n = maker(u, WT_OP_REDUCESUM);
    if (!n || (*axis = reduced_axis(n)) < 0)
        return NULL;
    const double length = (double)n->in[0]->type.shape.dim[*axis], k = mul ? (double)c : 1 / (double)c;
    return fabs(k * length - 1) < 1e-6 ? n->in[0] : NULL;
}

/* v = u * u */
static wt_value *square_of(wt_value *v)
{
    const wt_node *n = maker(v, WT_OP_MUL);
    return n && n->n_in == 2 && n->in[0] == n->in[1] ? n->in[0] : NULL;
}

static wt_value *not_below_zero(wt_value *v)
{
    float zero;
    wt_value *u;
    const wt_node *n = maker(v, WT_OP_MAX);
    if (n)
        return scalar_operand(n, &u, &zero) && zero == 0 ? u : v;
    n = maker(v, WT_OP_RELU);
    return n ? n->in[0] : v;
}

/* v = mean x^2 - m^2, where m is x's mean */
static bool is_variance(wt_value *v, const norm *n, const wt_value *mean)
{
    int axis;
    const wt_node *sub = maker(not_below_zero(seen(v)), WT_OP_SUB);
    if (!sub)
        return false;
    wt_value *squares = mean_of(seen(sub->in[0]), &axis), *low = square_of(seen(sub->in[1]));
    return squares && axis == n->axis && square_of(squares) == n->x && low && seen(low) == mean;
}

/* v has x's shape, but one along the axis. */
static bool fits(const wt_value *v, const norm *n)
{
    const wt_shape *x = &n->x->type.shape, *s = &v->type.shape;
    if (s->rank != x->rank)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (i == n->axis ? s->dim[i] != 1 : s->dim[i] != x->dim[i] || s->dim[i] == WT_DIM_ANY)
            return false;
    return true;
}

/* A constant along the axis alone. */
static bool along_axis(const wt_value *v, const norm *n)
{
    const wt_shape *x = &n->x->type.shape, *s = &v->type.shape;
    int64_t count;
    const int at = n->axis - (x->rank - s->rank);
    return wt_value_is_const(v) && !v->quant && v->type.dtype == WT_F32 && at >= 0 && wt_shape_count(s, &count) &&
           count == x->dim[n->axis] && s->dim[at] == count && s->rank <= x->rank;
}

/* v = 1 / sqrt(variance + eps) */
static wt_value *inverse_root(wt_value *v, float *epsilon)
{
    wt_value *u;
    float one;
    int at;
    const wt_node *n = maker(v, WT_OP_RECIPROCAL), *div = maker(v, WT_OP_DIV);
    if (div && wt_const_scalar(div->in[0], &one) && one == 1)
        n = div;
    if (!n)
        return NULL;
    const wt_node *root = maker(n->in[n == div ? 1 : 0], WT_OP_SQRT);
    const wt_node *add = root ? maker(root->in[0], WT_OP_ADD) : NULL;
    return add && wt_binary_scalar(add, &u, epsilon, &at) ? u : NULL;
}

/* mul = (x - m) * (r * g) */
static bool match(const wt_node *mul, norm *n)
{
    for (int i = 0; i < 2; i++) {
        const wt_node *sub = maker(mul->in[i], WT_OP_SUB), *scaled = maker(mul->in[1 - i], WT_OP_MUL);
        if (!sub || !scaled || scaled->n_in != 2)
            continue;
        wt_value *mean = seen(sub->in[1]);
        n->x = sub->in[0];
        if (mean_of(mean, &n->axis) != n->x || !fits(sub->in[1], n))
            continue;
        for (int k = 0; k < 2; k++) {
            wt_value *r = scaled->in[k], *v = inverse_root(r, &n->epsilon);
            n->gain = scaled->in[1 - k];
            if (v && along_axis(n->gain, n) && fits(r, n) && is_variance(v, n, mean))
                return true;
        }
    }
    return false;
}

static wt_status vector(wt_graph *g, const wt_value *c, wt_value **out, wt_err *err)
{
    int64_t count = 1;
    wt_tensor t = c->type;
    wt_shape_count(&t.shape, &count);
    t.shape = wt_shape_make(1, &count);
    WT_TRY(wt_graph_add_value(out, g, NULL, err));
    return wt_graph_set_constant(*out, &t, err);
}

/* x with its axis and its last one changed for each other. */
static wt_status turn(wt_node *before, wt_value *x, int axis, wt_value **out, wt_err *err)
{
    const size_t rank = (size_t)x->type.shape.rank;
    int64_t *perm = wt_arena_alloc(&before->graph->root->arena, rank, sizeof *perm, err);
    wt_node *node;
    if (!perm)
        return WT_ENOMEM;
    for (size_t i = 0; i < rank; i++)
        perm[i] = (int64_t)(i == (size_t)axis ? rank - 1 : i + 1 == rank ? (size_t)axis : i);
    const wt_attr attr = { .name = "perm", .type = WT_ATTR_INTS, .count = rank, .v.ints = perm };
    if (!*out)
        WT_TRY(wt_graph_add_value(out, before->graph, NULL, err));
    WT_TRY(wt_graph_add_node(&node, before->graph, before, "", "Transpose", "", &x, 1, out, 1, NULL, err));
    WT_TRY(wt_node_set_attr(node, &attr, err));
    return wt_node_infer(node, err);
}

/* top, the last node of the pattern, becomes the operator; what led to it is swept away. */
static wt_status become(wt_pass_ctx *pc, wt_node *top, const norm *n, wt_err *err)
{
    wt_value *in[3] = { n->x }, *turned = NULL, *y = top->out[0], *inner;
    const bool last = n->axis == n->x->type.shape.rank - 1;
    wt_node *next = top->next;
    if (!last)
        WT_TRY(turn(top, n->x, n->axis, &turned, err));
    in[0] = last ? n->x : turned;
    WT_TRY(vector(top->graph, n->gain, &in[1], err));
    if (n->bias)
        WT_TRY(vector(top->graph, n->bias, &in[2], err));
    top->attrs = (wt_attrs){ NULL, 0 };
    WT_TRY(wt_node_set_op(top, "", "LayerNormalization", err));
    for (size_t i = 0; i < 3; i++)
        if (in[i] || i < top->n_in)
            WT_TRY(wt_node_set_input(top, i, in[i], err));
    if (!n->bias)
        top->n_in = 2;
    WT_TRY(wt_node_set_attr_float(top, "epsilon", n->epsilon, err));
    WT_TRY(wt_node_set_attr_int(top, "axis", -1, err));
    pc->changes++;
    if (last)
        return wt_node_infer(top, err);
    WT_TRY(wt_graph_add_value(&inner, top->graph, NULL, err));
    WT_TRY(wt_node_set_output(top, 0, inner, err));
    WT_TRY(wt_node_infer(top, err));
    wt_node *back;
    const wt_attr *perm = wt_attr_find(&turned->producer->attrs, "perm");
    WT_TRY(wt_graph_add_node(&back, top->graph, next, "", "Transpose", "", &inner, 1, &y, 1, NULL, err));
    WT_TRY(wt_node_set_attr(back, perm, err));
    return wt_node_infer(back, err);
}

wt_status wt_pass_fast_norm(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    for (wt_node *mul = graph->first; mul; mul = mul->next) {
        norm n = { .pc = pc };
        if (!wt_node_is(mul, WT_OP_MUL) || mul->n_in != 2 || mul->out[0]->type.dtype != WT_F32 || !match(mul, &n))
            continue;
        wt_node *top = mul;
        wt_value *y = mul->out[0];
        if (wt_pass_may_fuse(pc, y) && !y->quant && wt_node_is(y->uses[0].node, WT_OP_ADD)) {
            wt_node *add = y->uses[0].node;
            n.bias = add->in[add->in[0] == y ? 1 : 0];
            if (add->in[0] != add->in[1] && along_axis(n.bias, &n))
                top = add;
            else
                n.bias = NULL;
        }
        if (!top->out[0]->quant)
            WT_TRY(become(pc, top, &n, err));
    }
    return WT_OK;
}
