/* pass.c - the list of passes, in the engine's order, and what they share. */
#include "run/passes/pass.h"
#include "whet/run.h"

const wt_pass wt_passes[] = {
    { "qdq", "reads QuantizeLinear/DequantizeLinear pairs as properties of values", false, wt_pass_qdq },
    { "fold", "computes what depends on constants and known shapes alone", true, wt_pass_fold },
    { "simplify", "removes nodes that change nothing and merges views", true, wt_pass_simplify },
    { "norm-idioms", "recognises LayerNormalization and Gelu written as primitives", true, wt_pass_norm_idioms },
    { "fast-norm", "recognises LayerNormalization by the mean of squares, along any axis", true, wt_pass_fast_norm },
    { "activation-idioms", "recognises HardSwish, HardSigmoid, Swish written as primitives", true,
      wt_pass_activation_idioms },
    { "lookup", "products that select rows, and what follows them, become a table", true, wt_pass_lookup },
    { "squeeze", "an axis of one around a convolution goes", true, wt_pass_squeeze },
    { "batch-norm", "folds BatchNormalization, scales and biases into the convolution before", true,
      wt_pass_batch_norm },
    { "nbits", "weights of MatMulNBits that a block format has exactly become Linear over it", false, wt_pass_nbits },
    { "linear", "MatMul and Gemm by a constant, with their bias, become Linear", false, wt_pass_linear },
    { "fuse", "activations and residual sums go into the store of the operator before", false, wt_pass_fuse_epilogue },
    { "int8", "computes with the integers of quantized values", false, wt_pass_int8 },
    { "layout", "keeps images in blocks of 16 channels between convolutions", false, wt_pass_layout },
    { NULL, NULL, false, NULL },
};

const char *wt_pass_name(size_t index) { return index < WT_ARRAY_LEN(wt_passes) ? wt_passes[index].name : NULL; }

const char *wt_pass_summary(size_t index) { return index < WT_ARRAY_LEN(wt_passes) ? wt_passes[index].summary : NULL; }

static bool listed(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(name, list[i]))
            return true;
    return false;
}

static wt_status check_names(const char *last, const char *const *off, size_t n_off, wt_err *err)
{
    for (size_t i = 0; i <= n_off; i++) {
        const char *name = i < n_off ? off[i] : last;
        bool known = !name;
        for (const wt_pass *p = wt_passes; p->name && !known; p++)
            known = !strcmp(p->name, name);
        if (!known) {
            wt_status st = wt_fail(err, WT_EUSAGE, "there is no pass '%s'", name);
            wt_err_hint(err, "`whet graph --list-passes` prints their names");
            return st;
        }
    }
    return WT_OK;
}

wt_status wt_passes_run(wt_pass_ctx *pc, wt_graph *graph, bool portable_only, const char *last, const char *const *off,
                        size_t n_off, wt_err *err)
{
    WT_TRY(check_names(last, off, n_off, err));
    for (const wt_pass *p = wt_passes; p->name; p++) {
        const size_t before = pc->changes;
        if (listed(p->name, off, n_off) || (portable_only && !p->portable))
            continue;
        WT_TRY(wt_check_cancel(pc->ctx, err));
        WT_TRY(p->run(pc, graph, err));
        wt_graph_sweep(graph);
        wt_log(pc->ctx, WT_LOG_DEBUG, "pass %s: %zu changes, %zu nodes", p->name, pc->changes - before, graph->n_nodes);
#ifndef NDEBUG
        WT_TRY(wt_graph_verify(graph, WT_EINTERNAL, err));
#endif
        if (last && !strcmp(p->name, last))
            break;
    }
    return WT_OK;
}

bool wt_pass_tapped(const wt_pass_ctx *pc, const wt_value *v)
{
    return pc->n_taps && listed(v->name, pc->taps, pc->n_taps);
}

bool wt_pass_may_fuse(const wt_pass_ctx *pc, const wt_value *v)
{
    return wt_value_single_use(v) && !wt_pass_tapped(pc, v);
}

bool wt_const_scalar(const wt_value *v, float *out)
{
    int64_t n;
    double first, x;
    if (!wt_value_is_const(v) || v->quant || !wt_shape_count(&v->type.shape, &n) || n < 1 || n > 4096 ||
        !wt_tensor_double(&v->type, 0, &first))
        return false;
    for (int64_t i = 1; i < n; i++)
        if (!wt_tensor_double(&v->type, i, &x) || x != first)
            return false;
    *out = (float)first;
    return true;
}

bool wt_binary_scalar(const wt_node *n, wt_value **other, float *scalar, int *scalar_index)
{
    if (n->n_in != 2)
        return false;
    for (int i = 1; i >= 0; i--) {
        const wt_value *c = n->in[i];
        wt_value *o = n->in[1 - i];
        /* A constant of higher rank than the other operand would change the shape of the result. */
        if (!wt_const_scalar(c, scalar) || !o || o->type.shape.rank < c->type.shape.rank)
            continue;
        bool ones = true;
        for (int d = 0; d < c->type.shape.rank; d++)
            ones &= c->type.shape.dim[d] == 1;
        if (!ones)
            continue;
        *other = o;
        *scalar_index = i;
        return true;
    }
    return false;
}

wt_status wt_pass_take_over(wt_pass_ctx *pc, wt_node *n, wt_node *next, wt_err *err)
{
    wt_value *result = next->out[0], *placeholder;
    WT_TRY(wt_graph_add_value(&placeholder, next->graph, NULL, err));
    WT_TRY(wt_node_set_output(next, 0, placeholder, err));
    WT_TRY(wt_node_set_output(n, 0, result, err));
    wt_node_remove(next);
    pc->changes++;
    return WT_OK;
}

bool wt_node_is_function(const wt_node *n, size_t *x)
{
    wt_value *other;
    float scalar;
    int at;
    *x = 0;
    if (n->n_out != 1 || !n->out[0] || n->out[0]->type.dtype != WT_F32 || wt_node_is(n, WT_OP_CAST))
        return false;
    if (n->op->flags & WT_OP_BROADCAST) {
        if (!wt_binary_scalar(n, &other, &scalar, &at))
            return false;
        *x = (size_t)(1 - at);
        return true;
    }
    if (!(n->op->flags & WT_OP_UNARY))
        return false;
    for (size_t i = 1; i < n->n_in; i++)
        if (n->in[i] && !wt_value_is_const(n->in[i]))
            return false;
    return true;
}

bool wt_node_moves_only(const wt_node *n)
{
    switch (n->op->code) {
    case WT_OP_RESHAPE:
    case WT_OP_FLATTEN:
    case WT_OP_SQUEEZE:
    case WT_OP_UNSQUEEZE:
    case WT_OP_IDENTITY:
    case WT_OP_TRANSPOSE:
    case WT_OP_SLICE:
    case WT_OP_EXPAND:
    case WT_OP_TILE:
    case WT_OP_DEPTHTOSPACE:
    case WT_OP_SPACETODEPTH: return n->n_out == 1;
    case WT_OP_MAXPOOL: return n->n_out == 1 || !n->out[1];
    case WT_OP_RESIZE: return !wt_attr_find(&n->attrs, "mode") || wt_attr_is(&n->attrs, "mode", "nearest");
    default: return false;
    }
}
