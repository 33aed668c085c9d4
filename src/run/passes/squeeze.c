/* squeeze.c - an axis of one that exporters put around a convolution goes: a Squeeze rises to where the axis came from.
 *
 *   Squeeze(Conv(x [N, C, H, 1], w [O, C, K, 1]))  -> Conv(Squeeze(x), w [O, C, K])     TensorFlow's one-dimensional
 * Conv Squeeze(Transpose(x))                          -> Transpose(Squeeze(x)) Squeeze(Unsqueeze(x)), of the same axes
 * -> x Then what follows the convolution meets it with the same rank, and can go into it. */
#include "run/passes/pass.h"

/* The one axis that n removes, of a value of known rank; -1: something else. */
static int one_axis(const wt_node *n)
{
    int64_t axis, count;
    const wt_value *x = n->n_in ? n->in[0] : NULL, *axes = n->n_in > 1 ? n->in[1] : NULL;
    if (!x || x->type.shape.rank < 1 || !wt_value_is_const(axes) || !wt_shape_count(&axes->type.shape, &count) ||
        count != 1 || !wt_tensor_int(&axes->type, 0, &axis))
        return -1;
    const int rank = wt_node_is(n, WT_OP_UNSQUEEZE) ? x->type.shape.rank + 1 : x->type.shape.rank;
    return wt_axis(axis, rank, false);
}

static wt_status squeeze_of(wt_node *before, wt_value *x, int axis, wt_value **out, wt_err *err)
{
    const int64_t at = axis;
    wt_value *in[2] = { x };
    wt_node *node;
    WT_TRY(wt_graph_add_const_i64(&in[1], before->graph, NULL, &at, 1, false, err));
    WT_TRY(wt_graph_add_value(out, before->graph, NULL, err));
    WT_TRY(wt_graph_add_node(&node, before->graph, before, "", "Squeeze", "", in, 2, out, 1, NULL, err));
    return wt_node_infer(node, err);
}

static wt_status set_ints(wt_node *n, const char *name, const int64_t *v, size_t count, wt_err *err)
{
    int64_t *copy = wt_arena_alloc(&n->graph->root->arena, count + 1, sizeof *copy, err);
    if (!copy)
        return WT_ENOMEM;
    memcpy(copy, v, count * sizeof *copy);
    const wt_attr attr = { .name = name, .type = WT_ATTR_INTS, .count = count, .v.ints = copy };
    return wt_node_set_attr(n, &attr, err);
}

/* --- Conv
 * ------------------------------------------------------------------------------------------------------------ */
/* Takes element `at` of `period` out of a list of the Conv's; false when it is not `neutral`. */
static bool drop(const wt_node *n, const char *name, size_t at, size_t period, int64_t neutral, int64_t *out,
                 size_t *count)
{
    int64_t v[2 * WT_MAX_RANK];
    size_t kept = 0;
    const size_t all = wt_attr_ints(&n->attrs, name, v, WT_ARRAY_LEN(v));
    *count = 0;
    if (!all)
        return true;
    if (all > WT_ARRAY_LEN(v) || all % period)
        return false;
    for (size_t i = 0; i < all; i++)
        if (i % period != at)
            out[kept++] = v[i];
        else if (neutral >= 0 && v[i] != neutral)
            return false;
    *count = kept;
    return true;
}

static bool drops_axis(const wt_node *conv, int axis)
{
    const wt_value *x = conv->in[0], *w = conv->in[1];
    const wt_shape *s = &x->type.shape;
    if (!wt_value_is_const(w) || w->quant || w->type.shape.rank != s->rank || s->rank < 4 || axis < 2 ||
        s->dim[axis] != 1 || w->type.shape.dim[axis] != 1)
        return false;
    const wt_attr *pad = wt_attr_find(&conv->attrs, "auto_pad");
    return !pad || wt_attr_is(&conv->attrs, "auto_pad", "NOTSET") || wt_attr_is(&conv->attrs, "auto_pad", "VALID");
}

static wt_status lower_weights(wt_node *conv, int axis, wt_err *err)
{
    wt_value *v;
    wt_tensor t = conv->in[1]->type;
    t.shape.rank--;
    for (int i = axis; i < t.shape.rank; i++)
        t.shape.dim[i] = t.shape.dim[i + 1];
    WT_TRY(wt_graph_add_value(&v, conv->graph, NULL, err));
    WT_TRY(wt_graph_set_constant(v, &t, err));
    return wt_node_set_input(conv, 1, v, err);
}

static wt_status through_conv(wt_node *conv, int axis, bool *done, wt_err *err)
{
    static const struct {
        const char *name;
        int64_t neutral; /* -1: any */
    } lists[] = { { "pads", 0 }, { "kernel_shape", 1 }, { "strides", -1 }, { "dilations", -1 } };
    int64_t v[WT_ARRAY_LEN(lists)][2 * WT_MAX_RANK];
    size_t count[WT_ARRAY_LEN(lists)];
    wt_value *x;
    *done = false;
    if (!drops_axis(conv, axis))
        return WT_OK;
    const size_t period = (size_t)conv->in[0]->type.shape.rank - 2;
    for (size_t i = 0; i < WT_ARRAY_LEN(lists); i++)
        if (!drop(conv, lists[i].name, (size_t)axis - 2, period, lists[i].neutral, v[i], &count[i]))
            return WT_OK;
    WT_TRY(squeeze_of(conv, conv->in[0], axis, &x, err));
    WT_TRY(lower_weights(conv, axis, err));
    for (size_t i = 0; i < WT_ARRAY_LEN(lists); i++)
        if (count[i])
            WT_TRY(set_ints(conv, lists[i].name, v[i], count[i], err));
    *done = true;
    return wt_node_set_input(conv, 0, x, err);
}

/* --- Transpose
 * -------------------------------------------------------------------------------------------------------- */
static wt_status through_transpose(wt_node *n, int axis, bool *done, wt_err *err)
{
    int64_t perm[WT_MAX_RANK], kept[WT_MAX_RANK];
    size_t count = 0;
    wt_value *x;
    const size_t rank = wt_attr_ints(&n->attrs, "perm", perm, WT_MAX_RANK);
    *done = false;
    if (!rank || rank > WT_MAX_RANK || (int)rank != n->in[0]->type.shape.rank)
        return WT_OK;
    const int64_t source = perm[axis];
    for (size_t i = 0; i < rank; i++)
        if ((int)i != axis)
            kept[count++] = perm[i] - (perm[i] > source);
    WT_TRY(squeeze_of(n, n->in[0], (int)source, &x, err));
    WT_TRY(set_ints(n, "perm", kept, count, err));
    *done = true;
    return wt_node_set_input(n, 0, x, err);
}

/* Moves n above what makes its operand, as long as that is possible; *n is the new one. */
static wt_status rise(wt_pass_ctx *pc, wt_node **n, bool *done, wt_err *err)
{
    wt_value *y = (*n)->in[0];
    wt_node *before = y ? y->producer : NULL;
    const int axis = one_axis(*n);
    *done = false;
    if (!before || !before->op || axis < 0 || y->quant || (*n)->out[0]->quant || before->graph != (*n)->graph)
        return WT_OK;
    if (wt_node_is(before, WT_OP_UNSQUEEZE)) {
        if (one_axis(before) == axis && !(*n)->out[0]->is_output && !wt_pass_tapped(pc, (*n)->out[0])) {
            pc->changes++;
            return wt_value_replace((*n)->out[0], before->in[0], err);
        }
        return WT_OK;
    }
    if (!wt_pass_may_fuse(pc, y))
        return WT_OK;
    if (wt_node_is(before, WT_OP_CONV))
        WT_TRY(through_conv(before, axis, done, err));
    else if (wt_node_is(before, WT_OP_TRANSPOSE))
        WT_TRY(through_transpose(before, axis, done, err));
    if (!*done)
        return WT_OK;
    WT_TRY(wt_pass_take_over(pc, before, *n, err));
    WT_TRY(wt_node_infer(before, err));
    *n = before->in[0]->producer;
    return WT_OK;
}

wt_status wt_pass_squeeze(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    const size_t before = pc->changes;
    for (wt_node *n = graph->first, *next; n; n = next) {
        next = n->next;
        bool again = wt_node_is(n, WT_OP_SQUEEZE);
        while (again)
            WT_TRY(rise(pc, &n, &again, err));
    }
    /* Transpositions meet now that had an axis between them. */
    return pc->changes == before ? WT_OK : wt_pass_simplify(pc, graph, err);
}
