/* nbits.c - ONNX Runtime's quantized products become Linear (run/internal_ops.h).
 *
 *   MatMulNBits(x, B, ...)       where a block format has exactly the matrix' values; its kernels round activations to
 * 8 bits, so a node that asks for more (accuracy_level 1 to 3) is left alone FusedMatMul(x, W)            W constant
 * [N, K], transB = 1, alpha = 1; or stored in 16 bits behind a Cast */
#include "model/shape/microsoft_shape.h"
#include "run/passes/pass.h"

static wt_status become_linear(wt_pass_ctx *pc, wt_node *n, wt_value *w, wt_value *bias, wt_err *err)
{
    n->attrs = (wt_attrs){ NULL, 0 };
    WT_TRY(wt_node_set_op(n, "whet", "Linear", err));
    WT_TRY(wt_node_set_input(n, 1, w, err));
    for (size_t i = 2; i < n->n_in; i++)
        WT_TRY(wt_node_set_input(n, i, NULL, err));
    n->n_in = 2;
    if (bias)
        WT_TRY(wt_node_set_input(n, 2, bias, err));
    pc->changes++;
    return wt_node_set_attr_int(n, "trans_b", 1, err);
}

/* The matrix of n, if all of it is known; false where a shape contradicts (the rule says so) or a part is computed. */
static bool read_matrix(const wt_node *n, wt_nbits *m)
{
    const wt_tensor *in[WT_NBITS_BIAS + 1];
    for (size_t i = 0; i < n->n_in && i <= WT_NBITS_BIAS; i++) {
        if (n->in[i] && i && (!wt_value_is_const(n->in[i]) || n->in[i]->quant))
            return false;
        in[i] = n->in[i] ? &n->in[i]->type : NULL;
    }
    const wt_infer c = { .op_type = n->op_type, .attrs = &n->attrs, .in = in, .n_in = n->n_in };
    return wt_matmul_nbits_read(&c, m, NULL) == WT_OK && m->codes && m->scales;
}

static wt_status block_matrix(wt_graph *graph, const wt_nbits *m, wt_dtype dtype, const char *name, wt_value **out,
                              wt_err *err)
{
    wt_tensor t = { .dtype = dtype, .shape = { .rank = 2, .dim = { (int64_t)m->n, (int64_t)m->k } } };
    if (!wt_tensor_size(&t, &t.bytes))
        return wt_fail(err, WT_ENOMEM, "the weight %s is too large", name);
    void *data = wt_arena_alloc(&graph->root->arena, t.bytes + 64, 1, err);
    if (!data)
        return WT_ENOMEM;
    wt_nbits_to_blocks(m, dtype, 0, m->n, data);
    t.data = data;
    WT_TRY(wt_graph_add_value(out, graph, NULL, err));
    return wt_graph_set_constant(*out, &t, err);
}

static wt_status from_nbits(wt_pass_ctx *pc, wt_node *n, wt_err *err)
{
    const int64_t accuracy = wt_attr_int(&n->attrs, "accuracy_level", 0);
    wt_value *bias = n->n_in > WT_NBITS_BIAS ? n->in[WT_NBITS_BIAS] : NULL, *w;
    wt_nbits m;
    if ((accuracy != 0 && accuracy != 4) || n->in[0]->type.dtype != WT_F32 || n->in[0]->quant ||
        (n->n_in > WT_NBITS_G_IDX && n->in[WT_NBITS_G_IDX]) || !read_matrix(n, &m))
        return WT_OK;
    const wt_dtype dtype = wt_nbits_bridge(&m);
    if (dtype == WT_DTYPE_NONE)
        return WT_OK;
    WT_TRY(block_matrix(n->graph, &m, dtype, n->in[WT_NBITS_B]->name, &w, err));
    return become_linear(pc, n, w, bias, err);
}

static wt_status from_fused(wt_pass_ctx *pc, wt_node *n, wt_err *err)
{
    wt_value *w = n->in[1];
    const wt_node *cast = w->producer;
    if (!wt_attr_int(&n->attrs, "transB", 0) || wt_attr_int(&n->attrs, "transA", 0) ||
        wt_attr_float(&n->attrs, "alpha", 1) != 1 || n->in[0]->type.dtype != WT_F32 || w->type.shape.rank != 2)
        return WT_OK;
    if (wt_node_is(cast, WT_OP_CAST) && w->type.dtype == WT_F32 && cast->in[0]->type.dtype == WT_F16)
        w = cast->in[0];
    return wt_value_is_const(w) && !w->quant ? become_linear(pc, n, w, NULL, err) : WT_OK;
}

wt_status wt_pass_nbits(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    for (wt_node *n = graph->first; n; n = n->next) {
        if (wt_node_is(n, WT_OP_MATMULNBITS))
            WT_TRY(from_nbits(pc, n, err));
        else if (wt_node_is(n, WT_OP_FUSEDMATMUL))
            WT_TRY(from_fused(pc, n, err));
    }
    return WT_OK;
}
