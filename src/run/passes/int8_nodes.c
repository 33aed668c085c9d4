/* int8_nodes.c - the integer form of single nodes; what the operators mean: run/internal_ops.h. */
#include <math.h>
#include "model/quantize.h"
#include "run/native/eval.h"
#include "run/passes/int8.h"

static wt_status set_pair(wt_node *n, const char *scale, const char *zp, const wt_quant *q, wt_err *err)
{
    WT_TRY(wt_node_set_attr_float(n, scale, q->scale[0], err));
    return wt_node_set_attr_int(n, zp, q->zero_point[0], err);
}

/* --- Conv and Linear -------------------------------------------------------------------------------------------------
 */
typedef struct product {
    wt_value *x, *w, *bias, *residual;
    int64_t channels;
    int w_axis; /* of w along which output channels lie */
} product;

static bool symmetric_i8(const wt_quant *q, int axis, int64_t channels)
{
    if (q->dtype != WT_I8 || q->block || (q->count != 1 && (q->axis != axis || q->count != (size_t)channels)))
        return false;
    for (size_t i = 0; i < q->count; i++)
        if (q->zero_point[i] || !isfinite(q->scale[i]) || q->scale[i] <= 0)
            return false;
    return true;
}

static bool is_product(const wt_node *n, product *p)
{
    const bool conv = wt_node_is(n, WT_OP_CONV);
    if (!conv && !wt_node_is(n, WT_OP_LINEAR))
        return false;
    *p = (product){ n->in[0], n->in[1], n->n_in > 2 ? n->in[2] : NULL, n->n_in > 3 ? n->in[3] : NULL, 0, 0 };
    if (!wt_int8_activation(p->x) || !wt_value_is_const(p->w) || !p->w->quant)
        return false;
    const wt_shape *s = &p->w->type.shape;
    if (conv && s->rank != 3 && s->rank != 4)
        return false;
    p->w_axis = conv || wt_attr_int(&n->attrs, "trans_b", 0) ? 0 : 1;
    p->channels = s->dim[p->w_axis];
    if (!symmetric_i8(p->w->quant, p->w_axis, p->channels))
        return false;
    if (p->bias && (!wt_value_is_const(p->bias) || (p->bias->quant && p->bias->quant->dtype != WT_I32)))
        return false;
    return !p->residual || wt_int8_activation(p->residual);
}

static wt_status integer_weights(wt_int8 *ps, const product *p, wt_value **out, wt_err *err)
{
    wt_tensor t = p->w->type;
    if (t.dtype == WT_F32)
        WT_TRY(wt_quant_quantize(&t, &ps->graph->root->arena, p->w, err));
    WT_TRY(wt_graph_add_value(out, ps->graph, NULL, err));
    return wt_graph_set_constant(*out, &t, err);
}

static float w_scale(const product *p, int64_t c) { return p->w->quant->scale[p->w->quant->count == 1 ? 0 : c]; }

/* The file's int32 bias has exactly the scale that the accumulators have. */
static bool bias_as_stored(const product *p)
{
    const wt_quant *q = p->bias->quant;
    if (!q || p->bias->type.dtype != WT_I32 || p->bias->type.shape.rank != 1 ||
        (q->count != 1 && q->count != (size_t)p->channels))
        return false;
    for (int64_t c = 0; c < p->channels; c++) {
        const float want = p->x->quant->scale[0] * w_scale(p, c), got = q->scale[q->count == 1 ? 0 : c];
        if (fabsf(got - want) > 1e-6f * want || q->zero_point[q->count == 1 ? 0 : c])
            return false;
    }
    return p->bias->type.shape.dim[0] == p->channels;
}

/* The bias of a matrix product as real numbers, where the file has it so: the standard adds it to the product of the
 * dequantized operands, and other engines do so literally. A convolution's is rounded by all of them. */
static bool bias_stays_real(const wt_node *n, const product *p)
{
    return wt_node_is(n, WT_OP_LINEAR) && p->bias && !p->bias->quant && p->bias->type.dtype == WT_F32;
}

/* Bias as int32 with scale sx * sw, whatever form the file gave it. */
static wt_status integer_bias(wt_int8 *ps, const product *p, wt_value **out, wt_err *err)
{
    wt_tensor real = p->bias->type;
    if (bias_as_stored(p)) {
        WT_TRY(wt_graph_add_value(out, ps->graph, NULL, err));
        return wt_graph_set_constant(*out, &real, err);
    }
    int32_t *b = wt_arena_alloc(&ps->graph->root->arena, (size_t)p->channels, sizeof *b, err);
    if (!b)
        return WT_ENOMEM;
    if (p->bias->quant)
        WT_TRY(wt_quant_dequantize(&real, &ps->graph->root->arena, p->bias, err));
    int64_t count;
    if (!wt_shape_count(&real.shape, &count) || (count != p->channels && count != 1))
        return wt_fail(err, WT_EFORMAT, "bias '%s' has %lld numbers for %lld channels", p->bias->name, (long long)count,
                       (long long)p->channels);
    for (int64_t c = 0; c < p->channels; c++) {
        double v = 0;
        wt_tensor_double(&real, count == 1 ? 0 : c, &v);
        v = nearbyint(v / ((double)p->x->quant->scale[0] * (double)w_scale(p, c)));
        b[c] = (int32_t)(v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v);
    }
    const wt_tensor t = {
        .dtype = WT_I32, .shape = wt_shape_make(1, &p->channels), .data = b, .bytes = 4 * (size_t)p->channels
    };
    WT_TRY(wt_graph_add_value(out, ps->graph, NULL, err));
    return wt_graph_set_constant(*out, &t, err);
}

/* Products with scales so odd that a bias would not fit in 32 bits stay in float. */
static bool bias_fits(const product *p)
{
    if (!p->bias || p->bias->quant)
        return true;
    for (int64_t c = 0; c < p->channels; c++) {
        double v = 0;
        wt_tensor_double(&p->bias->type, c, &v);
        if (fabs(v / ((double)p->x->quant->scale[0] * (double)w_scale(p, c))) > 1e9)
            return false;
    }
    return true;
}

/* Activations with act(k x) = k act(x) for k > 0: they may be taken in units of the result's scale. */
static bool scales_through(wt_node *n)
{
    const int64_t act = wt_attr_int(&n->attrs, "act", WT_ACT_NONE);
    return act == WT_ACT_NONE || act == WT_ACT_RELU || act == WT_ACT_LEAKY || act == WT_ACT_CLIP;
}

/* One factor a channel takes accumulators to codes: (sx * sw) / sy in float32, rounded in this order, which is how
 * other engines do it: so codes are equal to the last bit. Said to the kernels as x_scale 1, w_scale that factor,
 * y_scale 1. */
static wt_status fold_scales(wt_int8 *ps, wt_node *n, const product *p, const wt_quant *yq, wt_err *err)
{
    const size_t count = p->w->quant->count;
    float *factor = wt_arena_alloc(&ps->graph->root->arena, count, sizeof *factor, err);
    if (!factor)
        return WT_ENOMEM;
    for (size_t i = 0; i < count; i++)
        factor[i] = p->x->quant->scale[0] * p->w->quant->scale[i] / yq->scale[0];
    const wt_attr scales = { .name = "w_scale", .type = WT_ATTR_FLOATS, .count = count, .v.floats = factor };
    WT_TRY(wt_node_set_attr(n, &scales, err));
    WT_TRY(wt_node_set_attr_float(n, "x_scale", 1, err));
    WT_TRY(wt_node_set_attr_float(n, "y_scale", 1, err));
    if (wt_attr_int(&n->attrs, "act", WT_ACT_NONE) != WT_ACT_CLIP)
        return WT_OK;
    WT_TRY(wt_node_set_attr_float(n, "act_alpha", wt_attr_float(&n->attrs, "act_alpha", 0) / yq->scale[0], err));
    return wt_node_set_attr_float(n, "act_beta", wt_attr_float(&n->attrs, "act_beta", 0) / yq->scale[0], err);
}

static wt_status lower_product(wt_int8 *ps, wt_node *n, const product *p, wt_err *err)
{
    wt_value *x, *w, *b = NULL, *r = NULL;
    const wt_quant *yq = wt_int8_activation(n->out[0]) ? n->out[0]->quant : NULL;
    const bool real_bias = bias_stays_real(n, p), fold = yq && !p->residual && !real_bias && scales_through(n);
    WT_TRY(wt_int8_codes(ps, p->x, n, &x, err));
    WT_TRY(integer_weights(ps, p, &w, err));
    if (p->bias && !real_bias)
        WT_TRY(integer_bias(ps, p, &b, err));
    if (p->residual)
        WT_TRY(wt_int8_codes(ps, p->residual, n, &r, err));
    const wt_attr scales = {
        .name = "w_scale", .type = WT_ATTR_FLOATS, .count = p->w->quant->count, .v.floats = p->w->quant->scale
    };
    WT_TRY(set_pair(n, "x_scale", "x_zp", p->x->quant, err));
    WT_TRY(wt_node_set_attr(n, &scales, err));
    if (p->residual)
        WT_TRY(set_pair(n, "r_scale", "r_zp", p->residual->quant, err));
    if (yq)
        WT_TRY(set_pair(n, "y_scale", "y_zp", yq, err));
    if (fold)
        WT_TRY(fold_scales(ps, n, p, yq, err));
    WT_TRY(wt_node_set_op(n, "whet", wt_node_is(n, WT_OP_CONV) ? "QuantConv" : "QuantLinear", err));
    WT_TRY(wt_node_set_input(n, 0, x, err));
    WT_TRY(wt_node_set_input(n, 1, w, err));
    if (b)
        WT_TRY(wt_node_set_input(n, 2, b, err));
    if (r)
        WT_TRY(wt_node_set_input(n, 3, r, err));
    return yq ? wt_int8_output(ps, n, yq, err) : WT_OK;
}

/* --- sums and products of two activations
 * --------------------------------------------------------------------------------- */
static bool is_binary(const wt_node *n)
{
    return (wt_node_is(n, WT_OP_ADD) || wt_node_is(n, WT_OP_MUL) || wt_node_is(n, WT_OP_SUB)) &&
           wt_int8_activation(n->in[0]) && wt_int8_activation(n->in[1]) && wt_int8_activation(n->out[0]);
}

static wt_status lower_binary(wt_int8 *ps, wt_node *n, wt_err *err)
{
    wt_value *a, *b;
    const wt_quant *yq = n->out[0]->quant;
    const wt_attr op = {
        .name = "op", .type = WT_ATTR_STRING, .count = 1, .v.s = { n->op->name, strlen(n->op->name) }
    };
    WT_TRY(set_pair(n, "a_scale", "a_zp", n->in[0]->quant, err));
    WT_TRY(set_pair(n, "b_scale", "b_zp", n->in[1]->quant, err));
    WT_TRY(set_pair(n, "y_scale", "y_zp", yq, err));
    WT_TRY(wt_node_set_attr(n, &op, err));
    WT_TRY(wt_int8_codes(ps, n->in[0], n, &a, err));
    WT_TRY(wt_int8_codes(ps, n->in[1], n, &b, err));
    WT_TRY(wt_node_set_op(n, "whet", "QuantBinary", err));
    WT_TRY(wt_node_set_input(n, 0, a, err));
    WT_TRY(wt_node_set_input(n, 1, b, err));
    return wt_int8_output(ps, n, yq, err);
}

/* --- functions of one activation: a table
 * ----------------------------------------------------------------------------------- */
enum { MAX_CHAIN = 8 };
typedef struct chain {
    wt_node *nodes[MAX_CHAIN]; /* from the last to the first */
    size_t x[MAX_CHAIN];       /* which input the function is of */
    size_t n;
    wt_value *from; /* quantized */
} chain;

/* n ends a chain of functions that begins at a quantized activation, and its result is quantized. */
static bool is_chain(const wt_pass_ctx *pc, wt_node *n, chain *c)
{
    *c = (chain){ .n = 0 };
    if (!wt_int8_activation(n->out[0]))
        return false;
    for (wt_node *at = n; c->n < MAX_CHAIN; at = c->from->producer) {
        size_t x;
        if (!at || !at->op || at->graph != n->graph || !wt_node_is_function(at, &x))
            return false;
        c->x[c->n] = x;
        c->nodes[c->n++] = at;
        c->from = at->in[x];
        if (wt_int8_activation(c->from))
            return true;
        if (!wt_pass_may_fuse(pc, c->from) || c->from->quant)
            return false;
    }
    return false;
}

bool wt_int8_starts_chain(const wt_pass_ctx *pc, wt_node *n)
{
    chain c;
    size_t x;
    for (int k = 0; k < MAX_CHAIN && n->op && wt_node_is_function(n, &x); k++) {
        const wt_value *y = n->out[0];
        if (wt_int8_activation(y))
            return is_chain(pc, n, &c) && c.n > 1;
        if (!wt_pass_may_fuse(pc, y) || y->quant)
            return false;
        n = y->uses[0].node;
    }
    return false;
}

static wt_status make_table(wt_int8 *ps, const chain *c, const wt_quant *yq, uint8_t *table, wt_err *err)
{
    const wt_quant *xq = c->from->quant;
    wt_arena tmp;
    float x[256];
    const int64_t len = 256;
    wt_tensor value = { .dtype = WT_F32, .shape = wt_shape_make(1, &len), .data = x, .bytes = sizeof x }, out;
    wt_status st = WT_OK;
    for (int i = 0; i < 256; i++)
        x[i] = (float)((xq->dtype == WT_I8 ? (int)(int8_t)i : i) - xq->zero_point[0]) * xq->scale[0];
    wt_arena_init(&tmp, ps->pc->ctx);
    /* The portable rows: a table is the same on every machine. */
    const wt_eval e = { ps->pc->ctx, 0, NULL, &tmp, 0 };
    for (size_t k = c->n; k-- > 0 && st == WT_OK;) {
        const wt_node *n = c->nodes[k];
        const wt_tensor *in[8];
        for (size_t i = 0; i < n->n_in && i < WT_ARRAY_LEN(in); i++)
            in[i] = i == c->x[k] ? &value : n->in[i] ? &n->in[i]->type : NULL;
        st = n->n_in <= WT_ARRAY_LEN(in) ? wt_eval_node(&e, n, in, &out, err) : WT_EUNSUPPORTED;
        value = out;
    }
    /* Constants shaped [1, 1, ...] may have added axes of length one: the elements are what counts. */
    if (st == WT_OK && value.bytes != sizeof x)
        st = wt_fail(err, WT_EINTERNAL, "a function of one value changed the number of elements");
    if (st == WT_OK)
        wt_quantize_f32(value.data, table, 256, yq->scale[0], yq->zero_point[0], yq->dtype);
    wt_arena_free(&tmp);
    return st;
}

/* The convolution that makes what the function is of, for nobody else: it can put the codes through the table as it
 * stores them. */
static wt_node *table_store(const wt_int8 *ps, const wt_node *n, const chain *c)
{
    const wt_value *x = c->from, *codes = x->id < ps->n ? ps->codes[x->id] : NULL;
    wt_node *conv = codes ? codes->producer : NULL;
    return wt_node_is(conv, WT_OP_QUANTCONV) && conv->graph == n->graph && !codes->n_uses &&
                   wt_pass_may_fuse(ps->pc, x) && !wt_attr_find(&conv->attrs, "table") &&
                   x->quant->dtype == n->out[0]->quant->dtype && wt_shape_equal(&x->type.shape, &n->out[0]->type.shape)
               ? conv
               : NULL;
}

static wt_status lower_chain(wt_int8 *ps, wt_node *n, const chain *c, wt_err *err)
{
    wt_value *x;
    wt_node *conv = table_store(ps, n, c);
    const wt_quant *yq = n->out[0]->quant;
    const int64_t len = 256;
    uint8_t *table = wt_arena_alloc(&ps->graph->root->arena, 256, 1, err);
    wt_tensor *t = table ? wt_arena_alloc(&ps->graph->root->arena, 1, sizeof *t, err) : NULL;
    if (!t)
        return WT_ENOMEM;
    WT_TRY(make_table(ps, c, yq, table, err));
    *t = (wt_tensor){ .dtype = yq->dtype, .shape = wt_shape_make(1, &len), .data = table, .bytes = 256 };
    const wt_attr attr = { .name = "table", .type = WT_ATTR_TENSOR, .count = 1, .v.tensor = t };
    if (conv) {
        WT_TRY(wt_node_set_attr(conv, &attr, err));
        WT_TRY(wt_int8_output(ps, n, yq, err));
        return wt_pass_take_over(ps->pc, conv, n, err);
    }
    WT_TRY(wt_int8_codes(ps, c->from, n, &x, err));
    n->attrs = (wt_attrs){ NULL, 0 };
    WT_TRY(wt_node_set_attr(n, &attr, err));
    WT_TRY(wt_node_set_op(n, "whet", "QuantUnary", err));
    WT_TRY(wt_node_set_input(n, 0, x, err));
    for (size_t i = 1; i < n->n_in; i++)
        WT_TRY(wt_node_set_input(n, i, NULL, err));
    n->n_in = 1;
    return wt_int8_output(ps, n, yq, err);
}

/* --- averages
 * --------------------------------------------------------------------------------------------------------------------
 */
static bool is_average(const wt_node *n)
{
    return (wt_node_is(n, WT_OP_AVERAGEPOOL) || wt_node_is(n, WT_OP_GLOBALAVERAGEPOOL)) &&
           wt_int8_activation(n->in[0]) && wt_int8_activation(n->out[0]);
}

static wt_status lower_average(wt_int8 *ps, wt_node *n, wt_err *err)
{
    wt_value *x;
    const wt_quant *yq = n->out[0]->quant;
    const wt_attr op = {
        .name = "op", .type = WT_ATTR_STRING, .count = 1, .v.s = { n->op->name, strlen(n->op->name) }
    };
    WT_TRY(set_pair(n, "x_scale", "x_zp", n->in[0]->quant, err));
    WT_TRY(set_pair(n, "y_scale", "y_zp", yq, err));
    WT_TRY(wt_node_set_attr(n, &op, err));
    WT_TRY(wt_int8_codes(ps, n->in[0], n, &x, err));
    WT_TRY(wt_node_set_op(n, "whet", "QuantPool", err));
    WT_TRY(wt_node_set_input(n, 0, x, err));
    return wt_int8_output(ps, n, yq, err);
}

/* --- what only moves
 * ---------------------------------------------------------------------------------------------------------------- */
/* With a Gather or a Concat, which move as well, but have more to look at than in[0]. */
static bool moves(const wt_node *n)
{
    return wt_node_moves_only(n) || ((wt_node_is(n, WT_OP_GATHER) || wt_node_is(n, WT_OP_CONCAT)) && n->n_out == 1);
}

static bool is_move(const wt_node *n)
{
    if (!moves(n) || !wt_int8_activation(n->in[0]) || n->out[0]->type.dtype != WT_F32)
        return false;
    const wt_quant *q = n->in[0]->quant;
    if (n->out[0]->quant && (!wt_int8_activation(n->out[0]) || !wt_int8_same(q, n->out[0]->quant)))
        return false;
    if (wt_node_is(n, WT_OP_CONCAT))
        for (size_t i = 1; i < n->n_in; i++)
            if (!wt_int8_activation(n->in[i]) || !wt_int8_same(q, n->in[i]->quant))
                return false;
    return true;
}

static wt_status lower_move(wt_int8 *ps, wt_node *n, wt_err *err)
{
    const wt_quant *q = n->in[0]->quant;
    const size_t operands = wt_node_is(n, WT_OP_CONCAT) ? n->n_in : 1;
    for (size_t i = 0; i < operands; i++) {
        wt_value *codes;
        WT_TRY(wt_int8_codes(ps, n->in[i], n, &codes, err));
        WT_TRY(wt_node_set_input(n, i, codes, err));
    }
    return wt_int8_output(ps, n, q, err);
}

wt_status wt_int8_lower(wt_int8 *ps, wt_node *n, bool *done, wt_err *err)
{
    product p;
    chain c;
    *done = true;
    if (!n->n_out || !n->out[0] || !n->n_in || !n->in[0])
        *done = false;
    else if (is_product(n, &p) && (bias_stays_real(n, &p) || bias_fits(&p)))
        return lower_product(ps, n, &p, err);
    else if (is_binary(n))
        return lower_binary(ps, n, err);
    else if (is_chain(ps->pc, n, &c))
        return lower_chain(ps, n, &c, err);
    else if (is_average(n))
        return lower_average(ps, n, err);
    else if (is_move(n))
        return lower_move(ps, n, err);
    else
        *done = false;
    return WT_OK;
}
