/* batch_norm.c - whatever scales or shifts each channel behind a convolution goes into its weights and bias:
 * BatchNormalization, Mul, Div, Add and Sub by one number a channel. w' = w * s, b' = b * s + t. */
#include <math.h>
#include "run/passes/pass.h"

/* Channel c of a constant shaped [C], [C,1,1], [1,C,1,1] (or one number) behind a tensor of `rank`; false when it is
 * not. */
static bool per_channel(const wt_value *v, int rank, int64_t channels)
{
    int64_t n;
    const wt_shape *s = &v->type.shape;
    if (!wt_value_is_const(v) || v->quant || !wt_dtype_is_float(v->type.dtype) || !wt_shape_count(s, &n))
        return false;
    if (n == 1)
        return s->rank <= rank;
    const int axis = s->rank - (rank - 1); /* where broadcasting puts axis 1 of the tensor */
    return n == channels && axis >= 0 && axis < s->rank && s->dim[axis] == channels;
}

static double channel(const wt_value *v, int64_t c)
{
    int64_t n = 1;
    double x = 0;
    wt_shape_count(&v->type.shape, &n);
    wt_tensor_double(&v->type, n == 1 ? 0 : c, &x);
    return x;
}

typedef struct affine {
    double *scale, *shift; /* [channels] */
} affine;

static bool batch_norm_affine(const wt_node *n, int64_t channels, affine *a)
{
    const double eps = (double)wt_attr_float(&n->attrs, "epsilon", 1e-5f);
    if (wt_attr_int(&n->attrs, "training_mode", 0))
        return false;
    for (size_t i = 1; i < 5; i++) {
        int64_t count;
        if (!wt_value_is_const(n->in[i]) || !wt_shape_count(&n->in[i]->type.shape, &count) || count != channels)
            return false;
    }
    for (int64_t c = 0; c < channels; c++) {
        const double s = channel(n->in[1], c) / sqrt(channel(n->in[4], c) + eps);
        if (!isfinite(s))
            return false;
        a->scale[c] = s;
        a->shift[c] = channel(n->in[2], c) - channel(n->in[3], c) * s;
    }
    return true;
}

/* y = scale * x + shift per channel, where x is the convolution's result; false when n is nothing of the kind. */
static bool as_affine(const wt_node *n, const wt_value *x, int64_t channels, affine *a)
{
    if (wt_node_is(n, WT_OP_BATCHNORMALIZATION))
        return n->in[0] == x && batch_norm_affine(n, channels, a);
    if (n->n_in != 2)
        return false;
    const int at = n->in[0] == x ? 1 : 0;
    const wt_opcode code = n->op->code;
    const int rank = x->type.shape.rank;
    if (!n->in[at] || n->in[0] == n->in[1] || !per_channel(n->in[at], rank, channels) ||
        ((code == WT_OP_DIV || code == WT_OP_SUB) && at != 1))
        return false;
    for (int64_t c = 0; c < channels; c++) {
        const double v = channel(n->in[at], c);
        a->scale[c] = code == WT_OP_MUL ? v : code == WT_OP_DIV ? 1.0 / v : 1.0;
        a->shift[c] = code == WT_OP_ADD ? v : code == WT_OP_SUB ? -v : 0.0;
        if (!isfinite(a->scale[c]))
            return false;
    }
    return code == WT_OP_MUL || code == WT_OP_DIV || code == WT_OP_ADD || code == WT_OP_SUB;
}

static bool scales_nothing(const affine *a, int64_t channels)
{
    for (int64_t c = 0; c < channels; c++)
        if (a->scale[c] != 1.0)
            return false;
    return true;
}

/* Output channel of element i of the weights: Conv [oc, ic/g, ...], ConvTranspose [ic, oc/g, ...]. */
static int64_t weight_channel(const wt_node *conv, int64_t i)
{
    const wt_shape *s = &conv->in[1]->type.shape;
    const int64_t inner = wt_shape_product(s, 1, s->rank);
    if (wt_node_is(conv, WT_OP_CONV))
        return i / inner;
    const int64_t kernel = wt_shape_product(s, 2, s->rank), groups = wt_attr_int(&conv->attrs, "group", 1);
    return i / inner / (s->dim[0] / groups) * s->dim[1] + i % inner / kernel;
}

static wt_status new_weights(wt_node *conv, const affine *a, int64_t n, wt_err *err)
{
    wt_value *v;
    wt_tensor t = conv->in[1]->type;
    float *w = wt_arena_alloc(&conv->graph->root->arena, (size_t)n, sizeof *w, err);
    if (!w)
        return WT_ENOMEM;
    for (int64_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, (const char *)t.data + 4 * (size_t)i, sizeof x);
        w[i] = (float)((double)x * a->scale[weight_channel(conv, i)]);
    }
    wt_map_forget(conv->graph->root->ctx, conv->in[1]->type.data, conv->in[1]->type.bytes);
    t.data = w;
    t.bytes = 4 * (size_t)n;
    WT_TRY(wt_graph_add_value(&v, conv->graph, NULL, err));
    WT_TRY(wt_graph_set_constant(v, &t, err));
    return wt_node_set_input(conv, 1, v, err);
}

static wt_status new_bias(wt_node *conv, const affine *a, int64_t channels, wt_err *err)
{
    wt_value *v, *old = conv->n_in > 2 ? conv->in[2] : NULL;
    float *b = wt_arena_alloc(&conv->graph->root->arena, (size_t)channels, sizeof *b, err);
    if (!b)
        return WT_ENOMEM;
    for (int64_t c = 0; c < channels; c++)
        b[c] = (float)((old ? channel(old, c) : 0.0) * a->scale[c] + a->shift[c]);
    const wt_tensor t = {
        .dtype = WT_F32, .shape = wt_shape_make(1, &channels), .data = b, .bytes = 4 * (size_t)channels
    };
    WT_TRY(wt_graph_add_value(&v, conv->graph, NULL, err));
    WT_TRY(wt_graph_set_constant(v, &t, err));
    return wt_node_set_input(conv, 2, v, err);
}

static bool foldable_conv(const wt_pass_ctx *pc, const wt_node *conv, int64_t *channels, int64_t *n)
{
    if (!wt_node_is(conv, WT_OP_CONV) && !wt_node_is(conv, WT_OP_CONVTRANSPOSE))
        return false;
    const wt_value *w = conv->in[1], *b = conv->n_in > 2 ? conv->in[2] : NULL, *y = conv->out[0];
    if (!wt_value_is_const(w) || w->quant || w->type.dtype != WT_F32 || !wt_shape_count(&w->type.shape, n) || *n == 0 ||
        w->type.shape.rank < 3 || y->quant || (conv->n_in > 3 && conv->in[3]) || wt_attr_int(&conv->attrs, "act", 0))
        return false;
    if (b && (!wt_value_is_const(b) || b->quant || b->type.dtype != WT_F32))
        return false;
    const int64_t groups = wt_attr_int(&conv->attrs, "group", 1);
    *channels = wt_node_is(conv, WT_OP_CONV) ? w->type.shape.dim[0] : w->type.shape.dim[1] * groups;
    return y->type.shape.rank == w->type.shape.rank && wt_pass_may_fuse(pc, y);
}

static wt_status fold_into(wt_pass_ctx *pc, wt_node *conv, bool *again, wt_err *err)
{
    int64_t channels, n;
    *again = false;
    if (!foldable_conv(pc, conv, &channels, &n))
        return WT_OK;
    wt_node *next = conv->out[0]->uses[0].node;
    if (!next->op || !next->n_out || !next->out[0] || next->out[0]->type.shape.rank != conv->out[0]->type.shape.rank)
        return WT_OK;
    double *numbers = wt_alloc(pc->ctx, 2 * (size_t)channels, sizeof *numbers, err);
    if (!numbers)
        return WT_ENOMEM;
    const affine a = { numbers, numbers + channels };
    wt_status st = WT_OK;
    affine probe = a;
    if (as_affine(next, conv->out[0], channels, &probe)) {
        if (!scales_nothing(&a, channels))
            st = new_weights(conv, &a, n, err);
        if (st == WT_OK)
            st = new_bias(conv, &a, channels, err);
        if (st == WT_OK)
            st = wt_pass_take_over(pc, conv, next, err);
        *again = st == WT_OK;
    }
    wt_free(pc->ctx, numbers);
    return st;
}

wt_status wt_pass_batch_norm(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    for (wt_node *n = graph->first; n; n = n->next) {
        bool again = n->op && (n->op->code == WT_OP_CONV || n->op->code == WT_OP_CONVTRANSPOSE);
        while (again)
            WT_TRY(fold_into(pc, n, &again, err));
    }
    return WT_OK;
}
