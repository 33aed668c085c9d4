/* simplify.c - removes what changes nothing: identities, views of the same shape, arithmetic with neutral constants,
 * pairs of transpositions, padding that a convolution can do itself. */
#include "run/passes/pass.h"

/* Lets in[from] take the place of out[0]. Refused where a name or a value of the interface would be lost. */
static wt_status bypass(wt_pass_ctx *pc, wt_node *n, size_t from, wt_err *err)
{
    wt_value *in = n->in[from], *out = n->out[0];
    if (out->quant || wt_pass_tapped(pc, out))
        return WT_OK;
    /* A result of the graph must be made by a node of its own graph, under its own name. */
    if (out->is_output && (!in->producer || in->is_output || in->graph != out->graph || wt_pass_tapped(pc, in)))
        return WT_OK;
    WT_TRY(wt_value_replace(out, in, err));
    pc->changes++;
    return WT_OK;
}

/* A symbol is the same number wherever it stands; WT_DIM_ANY is not. */
static bool same_type(const wt_value *a, const wt_value *b)
{
    const wt_shape *s = &a->type.shape;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] == WT_DIM_ANY)
            return false;
    return a->type.dtype == b->type.dtype && s->rank >= 0 && wt_shape_equal(s, &b->type.shape);
}

static bool perm_is_identity(const wt_node *n)
{
    int64_t perm[WT_MAX_RANK];
    const int rank = n->in[0]->type.shape.rank;
    const size_t count = wt_attr_ints(&n->attrs, "perm", perm, WT_MAX_RANK);
    if (!count)
        return rank == 0 || rank == 1;
    for (size_t i = 0; i < count && i < WT_MAX_RANK; i++)
        if (perm[i] != (int64_t)i)
            return false;
    return true;
}

static bool all_ints(const wt_value *v, int64_t value)
{
    int64_t n, x;
    if (!wt_value_is_const(v) || !wt_shape_count(&v->type.shape, &n))
        return false;
    for (int64_t i = 0; i < n; i++)
        if (!wt_tensor_int(&v->type, i, &x) || x != value)
            return false;
    return true;
}

/* x + 0, x - 0, x * 1, x / 1, x ^ 1: the index of x, or -1. */
static int neutral_operand(const wt_node *n)
{
    wt_value *other;
    float c;
    int at;
    if (!wt_binary_scalar(n, &other, &c, &at))
        return -1;
    switch (n->op->code) {
    case WT_OP_ADD: return c == 0 ? 1 - at : -1;
    case WT_OP_SUB: return c == 0 && at == 1 ? 0 : -1;
    case WT_OP_MUL: return c == 1 ? 1 - at : -1;
    case WT_OP_DIV:
    case WT_OP_POW: return c == 1 && at == 1 ? 0 : -1;
    default: return -1;
    }
}

/* Which input the node just hands on, or -1. */
static int handed_on(const wt_node *n)
{
    const wt_value *in = n->n_in ? n->in[0] : NULL, *out = n->n_out ? n->out[0] : NULL;
    if (!in || !out)
        return -1;
    switch (n->op->code) {
    case WT_OP_IDENTITY: return 0;
    case WT_OP_DROPOUT: {
        int64_t training = 0;
        const wt_value *mode = n->n_in > 2 ? n->in[2] : NULL;
        const bool off = !mode || (wt_value_is_const(mode) && wt_tensor_int(&mode->type, 0, &training) && !training);
        return off && (n->n_out < 2 || !n->out[1] || (!n->out[1]->n_uses && !n->out[1]->is_output)) ? 0 : -1;
    }
    case WT_OP_CAST:
    case WT_OP_RESHAPE:
    case WT_OP_EXPAND:
    case WT_OP_TILE:
    case WT_OP_FLATTEN: return same_type(in, out) ? 0 : -1;
    case WT_OP_SLICE: /* all of every axis, in steps of one */
        return same_type(in, out) && (n->n_in < 5 || !n->in[4] || all_ints(n->in[4], 1)) ? 0 : -1;
    case WT_OP_TRANSPOSE: return perm_is_identity(n) ? 0 : -1;
    case WT_OP_CONCAT:
    case WT_OP_SUM:
    case WT_OP_MAX:
    case WT_OP_MIN:
    case WT_OP_MEAN: return n->n_in == 1 ? 0 : -1;
    case WT_OP_PAD: return n->n_in > 1 && all_ints(n->in[1], 0) ? 0 : -1;
    case WT_OP_ADD:
    case WT_OP_SUB:
    case WT_OP_MUL:
    case WT_OP_DIV:
    case WT_OP_POW: return neutral_operand(n);
    default: return -1;
    }
}

/* Reshape(Reshape(x)), Reshape(Squeeze(x)), ...: the later one alone decides, if it copies no dimension of the earlier
 * or the dimension is known. */
static wt_status merge_views(wt_pass_ctx *pc, wt_node *n, wt_err *err)
{
    const wt_node *before = n->in[0] ? n->in[0]->producer : NULL;
    int64_t count, d;
    if (!before || !before->op || !(before->op->flags & WT_OP_VIEW) || before->graph != n->graph || n->in[0]->quant ||
        before->op->code == WT_OP_ZIPMAP || wt_pass_tapped(pc, n->in[0]))
        return WT_OK;
    wt_value *target = n->in[1];
    bool copies = false;
    if (!wt_value_is_const(target) || !wt_shape_count(&target->type.shape, &count))
        return WT_OK;
    for (int64_t i = 0; i < count; i++) {
        if (!wt_tensor_int(&target->type, i, &d))
            return WT_OK;
        copies |= d == 0;
    }
    const wt_shape *y = &n->out[0]->type.shape;
    if (copies && (!wt_shape_known(y) || wt_attr_int(&n->attrs, "allowzero", 0)))
        return WT_OK;
    if (copies) {
        WT_TRY(wt_graph_add_const_i64(&target, n->graph, NULL, y->dim, (size_t)y->rank, false, err));
        WT_TRY(wt_node_set_input(n, 1, target, err));
    }
    pc->changes++;
    return wt_node_set_input(n, 0, before->in[0], err);
}

static wt_status merge_transposes(wt_pass_ctx *pc, wt_node *n, wt_err *err)
{
    wt_node *before = n->in[0] ? n->in[0]->producer : NULL;
    int64_t a[WT_MAX_RANK], b[WT_MAX_RANK];
    int64_t *c;
    if (!wt_node_is(before, WT_OP_TRANSPOSE) || before->graph != n->graph || n->in[0]->quant ||
        wt_pass_tapped(pc, n->in[0]))
        return WT_OK;
    const size_t rank = wt_attr_ints(&before->attrs, "perm", a, WT_MAX_RANK);
    if (!rank || rank > WT_MAX_RANK || wt_attr_ints(&n->attrs, "perm", b, WT_MAX_RANK) != rank)
        return WT_OK;
    if (!(c = wt_arena_alloc(&n->graph->root->arena, rank, sizeof *c, err)))
        return WT_ENOMEM;
    for (size_t i = 0; i < rank; i++)
        c[i] = a[b[i]];
    const wt_attr perm = { .name = "perm", .type = WT_ATTR_INTS, .count = rank, .v.ints = c };
    WT_TRY(wt_node_set_attr(n, &perm, err));
    WT_TRY(wt_node_set_input(n, 0, before->in[0], err));
    pc->changes++;
    return perm_is_identity(n) ? bypass(pc, n, 0, err) : WT_OK;
}

/* Zero padding of the spatial axes in front of a convolution with explicit pads. */
static wt_status pad_into_conv(wt_pass_ctx *pc, wt_node *conv, wt_err *err)
{
    wt_node *pad = conv->in[0] ? conv->in[0]->producer : NULL;
    int64_t old[2 * WT_MAX_RANK] = { 0 }, extra[2 * WT_MAX_RANK], count;
    float zero = 0;
    if (!wt_node_is(pad, WT_OP_PAD) || !wt_pass_may_fuse(pc, conv->in[0]) || conv->in[0]->quant)
        return WT_OK;
    const wt_attr *mode = wt_attr_find(&pad->attrs, "mode"), *auto_pad = wt_attr_find(&conv->attrs, "auto_pad");
    const int rank = pad->in[0]->type.shape.rank;
    if ((mode && !wt_attr_is(&pad->attrs, "mode", "constant")) ||
        (auto_pad && !wt_attr_is(&conv->attrs, "auto_pad", "NOTSET") && !wt_attr_is(&conv->attrs, "auto_pad", "VALID")))
        return WT_OK;
    if (rank < 3 || (pad->n_in > 3 && pad->in[3]) || !wt_value_is_const(pad->in[1]) ||
        !wt_shape_count(&pad->in[1]->type.shape, &count) || count != 2 * rank)
        return WT_OK;
    if (pad->n_in > 2 && pad->in[2] && (!wt_const_scalar(pad->in[2], &zero) || zero != 0))
        return WT_OK;
    for (int i = 0; i < 2 * rank; i++)
        if (!wt_tensor_int(&pad->in[1]->type, i, &extra[i]) || extra[i] < 0 || (i % rank < 2 && extra[i]))
            return WT_OK;
    const size_t spatial = (size_t)rank - 2, have = wt_attr_ints(&conv->attrs, "pads", old, WT_ARRAY_LEN(old));
    if (have && have != 2 * spatial)
        return WT_OK;
    int64_t *sum = wt_arena_alloc(&conv->graph->root->arena, 2 * spatial, sizeof *sum, err);
    if (!sum)
        return WT_ENOMEM;
    for (size_t i = 0; i < 2 * spatial; i++)
        sum[i] = old[i] + extra[i < spatial ? 2 + i : 2 + i - spatial + (size_t)rank];
    const wt_attr pads = { .name = "pads", .type = WT_ATTR_INTS, .count = 2 * spatial, .v.ints = sum };
    const wt_attr notset = { .name = "auto_pad", .type = WT_ATTR_STRING, .count = 1, .v.s = { "NOTSET", 6 } };
    WT_TRY(wt_node_set_attr(conv, &pads, err));
    if (auto_pad)
        WT_TRY(wt_node_set_attr(conv, &notset, err));
    pc->changes++;
    return wt_node_set_input(conv, 0, pad->in[0], err);
}

static wt_status simplify_node(wt_pass_ctx *pc, wt_node *n, wt_err *err)
{
    const int from = handed_on(n);
    if (from >= 0) {
        const wt_value *in = n->in[from], *out = n->out[0];
        /* The neutral operand must not have broadcast the other. */
        if (!(n->op->flags & WT_OP_BROADCAST) ||
            (in->type.dtype == out->type.dtype && in->type.shape.rank == out->type.shape.rank &&
             in->type.shape.rank >= 0))
            return bypass(pc, n, (size_t)from, err);
    }
    switch (n->op->code) {
    case WT_OP_RESHAPE: return merge_views(pc, n, err);
    case WT_OP_TRANSPOSE: return merge_transposes(pc, n, err);
    case WT_OP_CONV: return pad_into_conv(pc, n, err);
    default: return WT_OK;
    }
}

static wt_status simplify_graph(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    for (wt_node *n = graph->first, *next; n; n = next) {
        next = n->next;
        if (!n->op || !n->n_out || !n->out[0])
            continue;
        WT_TRY(simplify_node(pc, n, err));
        for (size_t i = 0; i < n->attrs.count; i++)
            if (n->attrs.items[i].type == WT_ATTR_GRAPH)
                WT_TRY(simplify_graph(pc, n->attrs.items[i].v.graph, err));
    }
    return WT_OK;
}

wt_status wt_pass_simplify(wt_pass_ctx *pc, wt_graph *graph, wt_err *err) { return simplify_graph(pc, graph, err); }
