/* linear.c - products by a constant matrix, with their bias, become one operator: Linear (run/internal_ops.h).
 *
 *   MatMul(x, W)                 W constant, two-dimensional, F32; or stored as F16 behind a Cast
 *   Gemm(x, W, c?)               alpha = beta = 1, transA = 0
 *   Linear(x, W) + b             b a constant vector of the last axis */
#include "run/passes/pass.h"

/* W itself, or the halves it is widened from, if kernels can take it as it is stored. */
static wt_value *stored_matrix(wt_value *w)
{
    if (wt_value_is_const(w) && w->type.shape.rank == 2 && (w->type.dtype == WT_F32 || w->quant))
        return w;
    const wt_node *cast = w ? w->producer : NULL;
    if (wt_node_is(cast, WT_OP_CAST) && w->type.dtype == WT_F32 && wt_value_is_const(cast->in[0]) &&
        cast->in[0]->type.dtype == WT_F16 && w->type.shape.rank == 2)
        return cast->in[0];
    return NULL;
}

/* A constant bias of n numbers along the last axis, as a vector; a shape [1, n] is the same bytes. */
static wt_status bias_vector(wt_graph *graph, wt_value *b, int64_t n, wt_value **out, wt_err *err)
{
    int64_t count;
    *out = NULL;
    const bool floats = wt_value_is_const(b) && (b->type.dtype == WT_F32 || b->quant);
    if (!floats || !wt_shape_count(&b->type.shape, &count) || count != n || b->type.shape.rank < 1 ||
        b->type.shape.dim[b->type.shape.rank - 1] != n)
        return WT_OK;
    if (b->type.shape.rank == 1) {
        *out = b;
        return WT_OK;
    }
    if (b->quant)
        return WT_OK;
    wt_tensor t = b->type;
    t.shape = wt_shape_make(1, &n);
    WT_TRY(wt_graph_add_value(out, graph, NULL, err));
    return wt_graph_set_constant(*out, &t, err);
}

static wt_status become_linear(wt_pass_ctx *pc, wt_node *n, wt_value *w, wt_value *bias, bool trans_b, wt_err *err)
{
    n->attrs = (wt_attrs){ NULL, 0 };
    WT_TRY(wt_node_set_op(n, "whet", "Linear", err));
    WT_TRY(wt_node_set_input(n, 1, w, err));
    if (bias || n->n_in > 2)
        WT_TRY(wt_node_set_input(n, 2, bias, err));
    pc->changes++;
    return trans_b ? wt_node_set_attr_int(n, "trans_b", 1, err) : WT_OK;
}

static wt_status from_matmul(wt_pass_ctx *pc, wt_node *n, wt_err *err)
{
    wt_value *w = stored_matrix(n->in[1]);
    if (!w || !n->in[0] || n->in[0]->type.dtype != WT_F32 || n->in[0]->type.shape.rank < 1)
        return WT_OK;
    return become_linear(pc, n, w, NULL, false, err);
}

static wt_status from_gemm(wt_pass_ctx *pc, wt_node *n, wt_err *err)
{
    const bool trans = wt_attr_int(&n->attrs, "transB", 0) != 0;
    wt_value *w = stored_matrix(n->in[1]), *bias = NULL, *c = n->n_in > 2 ? n->in[2] : NULL;
    if (!w || n->in[0]->type.dtype != WT_F32 || wt_attr_int(&n->attrs, "transA", 0) ||
        wt_attr_float(&n->attrs, "alpha", 1) != 1 || (c && wt_attr_float(&n->attrs, "beta", 1) != 1))
        return WT_OK;
    if (c) {
        WT_TRY(bias_vector(n->graph, c, w->type.shape.dim[trans ? 0 : 1], &bias, err));
        if (!bias)
            return WT_OK;
    }
    return become_linear(pc, n, w, bias, trans, err);
}

/* Linear without bias, then Add of a constant vector. */
static wt_status take_bias(wt_pass_ctx *pc, wt_node *n, wt_err *err)
{
    wt_value *y = n->out[0], *bias;
    if ((n->n_in > 2 && n->in[2]) || !wt_pass_may_fuse(pc, y) || y->quant)
        return WT_OK;
    wt_node *add = y->uses[0].node;
    if (!wt_node_is(add, WT_OP_ADD) || add->in[0] == add->in[1])
        return WT_OK;
    const bool trans = wt_attr_int(&n->attrs, "trans_b", 0) != 0;
    wt_value *c = add->in[add->in[0] == y ? 1 : 0];
    if (!c || c->type.shape.rank > y->type.shape.rank)
        return WT_OK;
    WT_TRY(bias_vector(n->graph, c, n->in[1]->type.shape.dim[trans ? 0 : 1], &bias, err));
    if (!bias)
        return WT_OK;
    WT_TRY(wt_node_set_input(n, 2, bias, err));
    return wt_pass_take_over(pc, n, add, err);
}

wt_status wt_pass_linear(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    for (wt_node *n = graph->first; n; n = n->next) {
        if (wt_node_is(n, WT_OP_MATMUL))
            WT_TRY(from_matmul(pc, n, err));
        else if (wt_node_is(n, WT_OP_GEMM))
            WT_TRY(from_gemm(pc, n, err));
        if (wt_node_is(n, WT_OP_LINEAR))
            WT_TRY(take_bias(pc, n, err));
    }
    return WT_OK;
}
