/* fuse.c - what follows a convolution or a Linear moves into its store: an activation, or the sum with a tensor of the
 * same shape and then an activation, and a factor and a term behind that (a residual is added before the activation:
 * run/internal_ops.h). Each saves one pass over the activations, which is what elementwise operators cost. */
#include "run/passes/pass.h"

static wt_act_params activation_of(const wt_node *n)
{
    wt_act_params a = { WT_ACT_NONE, 0, 0 };
    switch (n->op ? n->op->code : WT_OP_UNKNOWN) {
    case WT_OP_RELU: a.act = WT_ACT_RELU; break;
    case WT_OP_LEAKYRELU: a = (wt_act_params){ WT_ACT_LEAKY, wt_attr_float(&n->attrs, "alpha", 0.01f), 0 }; break;
    case WT_OP_SIGMOID: a.act = WT_ACT_SIGMOID; break;
    case WT_OP_TANH: a.act = WT_ACT_TANH; break;
    case WT_OP_HARDSIGMOID:
        a = (wt_act_params){ WT_ACT_HARDSIGMOID, wt_attr_float(&n->attrs, "alpha", 0.2f),
                             wt_attr_float(&n->attrs, "beta", 0.5f) };
        break;
    case WT_OP_HARDSWISH: a = (wt_act_params){ WT_ACT_HARDSWISH, 1.0f / 6, 0.5f }; break;
    case WT_OP_SWISH: a = (wt_act_params){ WT_ACT_SILU, wt_attr_float(&n->attrs, "alpha", 1), 0 }; break;
    case WT_OP_GELU: a.act = wt_attr_is(&n->attrs, "approximate", "tanh") ? WT_ACT_GELU_TANH : WT_ACT_GELU; break;
    case WT_OP_CLIP: {
        float lo = -__FLT_MAX__, hi = __FLT_MAX__;
        const bool known = (n->n_in < 2 || !n->in[1] || wt_const_scalar(n->in[1], &lo)) &&
                           (n->n_in < 3 || !n->in[2] || wt_const_scalar(n->in[2], &hi));
        if (known)
            a = (wt_act_params){ WT_ACT_CLIP, lo, hi };
        break;
    }
    default: break;
    }
    return a;
}

static bool has_store(const wt_node *n) { return wt_node_is(n, WT_OP_CONV) || wt_node_is(n, WT_OP_LINEAR); }

/* x * sigmoid(x) */
static wt_status find_swish(wt_pass_ctx *pc, wt_node *mul, wt_err *err)
{
    if (!wt_node_is(mul, WT_OP_MUL) || mul->n_in != 2)
        return WT_OK;
    for (size_t i = 0; i < 2; i++) {
        wt_value *s = mul->in[i], *x = mul->in[1 - i];
        if (!s || !x || !s->producer || !wt_node_is(s->producer, WT_OP_SIGMOID) || s->producer->in[0] != x ||
            s->quant || !wt_pass_may_fuse(pc, s) || x->type.dtype != WT_F32)
            continue;
        mul->attrs = (wt_attrs){ NULL, 0 };
        WT_TRY(wt_node_set_op(mul, "", "Swish", err));
        WT_TRY(wt_node_set_input(mul, 0, x, err));
        WT_TRY(wt_node_set_input(mul, 1, NULL, err));
        mul->n_in = 1;
        pc->changes++;
        return WT_OK;
    }
    return WT_OK;
}

static wt_status put_activation(wt_node *n, wt_act_params a, wt_err *err)
{
    WT_TRY(wt_node_set_attr_int(n, "act", a.act, err));
    WT_TRY(wt_node_set_attr_float(n, "act_alpha", a.alpha, err));
    return wt_node_set_attr_float(n, "act_beta", a.beta, err);
}

static bool is_before(const wt_node *a, const wt_node *b)
{
    for (; a; a = a->next)
        if (a == b)
            return true;
    return false;
}

static wt_status take_residual(wt_pass_ctx *pc, wt_node *n, bool *done, wt_err *err)
{
    wt_value *y = n->out[0];
    *done = false;
    if (!wt_pass_may_fuse(pc, y) || y->quant || wt_attr_int(&n->attrs, "act", 0) || (n->n_in > 3 && n->in[3]))
        return WT_OK;
    wt_node *add = y->uses[0].node;
    if (!wt_node_is(add, WT_OP_ADD) || add->in[0] == add->in[1] || add->graph != n->graph || wt_pass_tapped(pc, y))
        return WT_OK;
    wt_value *r = add->in[add->in[0] == y ? 1 : 0];
    if (!r || wt_value_is_const(r) || r->type.dtype != WT_F32 || !wt_shape_known(&y->type.shape) ||
        !wt_shape_equal(&r->type.shape, &y->type.shape))
        return WT_OK;
    /* An integer product adds codes: a residual without a scale would keep it in float. */
    if (n->in[1] && n->in[1]->quant && n->in[0]->quant && (!r->quant || r->quant->count != 1))
        return WT_OK;
    /* The other term may be made later than n: then n moves down to where the sum was. If that term is itself a fusable
     * product, the later one takes the earlier one. */
    if (r->producer && r->producer->graph == n->graph && is_before(n, r->producer)) {
        if (has_store(r->producer) && wt_pass_may_fuse(pc, r) && !r->quant &&
            !wt_attr_int(&r->producer->attrs, "act", 0))
            return WT_OK;
        wt_node_move_before(n, add);
    }
    WT_TRY(wt_node_set_input(n, 3, r, err));
    *done = true;
    return wt_pass_take_over(pc, n, add, err);
}

static wt_status take_activation(wt_pass_ctx *pc, wt_node *n, bool *done, wt_err *err)
{
    wt_value *y = n->out[0];
    *done = false;
    if (!wt_pass_may_fuse(pc, y) || y->quant || wt_attr_int(&n->attrs, "act", 0))
        return WT_OK;
    wt_node *next = y->uses[0].node;
    const wt_act_params a = activation_of(next);
    if (a.act == WT_ACT_NONE || next->in[0] != y || next->graph != n->graph)
        return WT_OK;
    WT_TRY(put_activation(n, a, err));
    *done = true;
    return wt_pass_take_over(pc, n, next, err);
}

/* What follows the activation of a convolution as one factor and one term for all channels (learnable affine blocks). A
 * product that computes with integers has its own scale for that. */
static wt_status take_affine(wt_pass_ctx *pc, wt_node *n, bool *done, wt_err *err)
{
    wt_value *y = n->out[0], *x;
    float scalar, mul, add;
    int at;
    *done = false;
    if (!wt_node_is(n, WT_OP_CONV) || !wt_pass_may_fuse(pc, y) || y->quant || n->in[0]->quant ||
        !wt_attr_int(&n->attrs, "act", 0))
        return WT_OK;
    wt_node *next = y->uses[0].node;
    const bool times = wt_node_is(next, WT_OP_MUL);
    if ((!times && !wt_node_is(next, WT_OP_ADD)) || next->graph != n->graph ||
        !wt_binary_scalar(next, &x, &scalar, &at))
        return WT_OK;
    mul = wt_attr_float(&n->attrs, "act_mul", 1) * (times ? scalar : 1);
    add = times ? wt_attr_float(&n->attrs, "act_add", 0) * scalar : wt_attr_float(&n->attrs, "act_add", 0) + scalar;
    WT_TRY(wt_node_set_attr_float(n, "act_mul", mul, err));
    WT_TRY(wt_node_set_attr_float(n, "act_add", add, err));
    *done = true;
    return wt_pass_take_over(pc, n, next, err);
}

wt_status wt_pass_fuse_epilogue(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    bool done;
    for (wt_node *n = graph->first; n; n = n->next)
        WT_TRY(find_swish(pc, n, err));
    for (wt_node *n = graph->first, *next; n; n = next) {
        next = n->next;
        if (!has_store(n) || n->out[0]->type.dtype != WT_F32)
            continue;
        WT_TRY(take_residual(pc, n, &done, err));
        WT_TRY(take_activation(pc, n, &done, err));
        do
            WT_TRY(take_affine(pc, n, &done, err));
        while (done);
        if (n->next != next && n->prev) /* it moved: go on from its old place */
            next = next ? next : n->next;
    }
    return WT_OK;
}
