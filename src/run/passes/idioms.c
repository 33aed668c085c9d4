/* idioms.c - functions that exporters write out in primitives, recognised by their algebra, not by names.
 *
 *   clip(x + b, 0, c) / c             -> HardSigmoid(alpha = 1/c, beta = b/c)
 *   x * HardSigmoid(x; 1/6, 1/2)      -> HardSwish(x)      (and x * clip(x + 3, 0, 6) / 6 in any order)
 *   x * 0.5 * (1 + erf(x / sqrt 2))   -> Gelu(x)           (in any order)
 *   x * 0.5 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) -> Gelu(x), approximate = "tanh"
 *   (x - mean x) / sqrt(mean (x - mean x)^2 + eps) [* g] [+ b] over the last axis -> LayerNormalization
 * The results are operators of ai.onnx <= 20, so files may carry them. */
#include <math.h>
#include "run/passes/pass.h"

static bool close_to(float a, double b) { return fabs((double)a - b) <= 1e-4 * fabs(b); }

/* v is made by an operator `code` and may vanish into its user. */
static wt_node *inner(const wt_pass_ctx *pc, const wt_value *v, wt_opcode code)
{
    return v && v->producer && wt_node_is(v->producer, code) && wt_pass_may_fuse(pc, v) && !v->quant ? v->producer
                                                                                                     : NULL;
}

/* value = other (op) scalar */
static bool scalar_of(const wt_node *n, wt_opcode code, wt_value **other, float *c)
{
    int at;
    return wt_node_is(n, code) && wt_binary_scalar(n, other, c, &at) &&
           (at == 1 || code == WT_OP_ADD || code == WT_OP_MUL);
}

/* v = k * u for a constant k (through Mul or Div); u may be v itself with k 1. */
static float strip_factor(const wt_pass_ctx *pc, wt_value **v)
{
    float k = 1, c;
    wt_value *u;
    for (;;) {
        wt_node *n = inner(pc, *v, WT_OP_MUL);
        if (n && scalar_of(n, WT_OP_MUL, &u, &c)) {
            k *= c;
        } else if ((n = inner(pc, *v, WT_OP_DIV)) && scalar_of(n, WT_OP_DIV, &u, &c)) {
            k /= c;
        } else {
            return k;
        }
        *v = u;
    }
}

static bool clip_bounds(const wt_node *clip, float *lo, float *hi)
{
    return clip->n_in == 3 && clip->in[1] && clip->in[2] && wt_const_scalar(clip->in[1], lo) &&
           wt_const_scalar(clip->in[2], hi);
}

/* v = k * clip(x + b, 0, c): fills x, alpha, beta of k*c * HardSigmoid(x); also v = HardSigmoid itself. */
static bool hard_sigmoid_of(const wt_pass_ctx *pc, wt_value *v, wt_value **x, float *alpha, float *beta, float *factor)
{
    float lo, hi, b;
    *factor = strip_factor(pc, &v);
    wt_node *n = inner(pc, v, WT_OP_HARDSIGMOID);
    if (n) {
        *x = n->in[0];
        *alpha = wt_attr_float(&n->attrs, "alpha", 0.2f);
        *beta = wt_attr_float(&n->attrs, "beta", 0.5f);
        return true;
    }
    n = inner(pc, v, WT_OP_CLIP);
    if (!n || !clip_bounds(n, &lo, &hi) || lo != 0 || hi <= 0)
        return false;
    const wt_node *add = n->in[0]->producer;
    if (!add || !wt_pass_may_fuse(pc, n->in[0]) || n->in[0]->quant || !scalar_of(add, WT_OP_ADD, x, &b))
        return false;
    *alpha = 1 / hi;
    *beta = b / hi;
    *factor *= hi;
    return true;
}

/* Makes n the operator `op` of x alone. */
static wt_status become(wt_pass_ctx *pc, wt_node *n, const char *op, wt_value *x, wt_err *err)
{
    n->attrs = (wt_attrs){ NULL, 0 };
    WT_TRY(wt_node_set_op(n, "", op, err));
    WT_TRY(wt_node_set_input(n, 0, x, err));
    for (size_t i = 1; i < n->n_in; i++)
        WT_TRY(wt_node_set_input(n, i, NULL, err));
    n->n_in = 1;
    pc->changes++;
    return WT_OK;
}

/* k * x * HardSigmoid(x; 1/6, 1/2) with k = 1 in all. n is a Mul or Div at the top. */
static bool match_hard_swish(const wt_pass_ctx *pc, wt_node *n, wt_value **x)
{
    float outer = 1, c, alpha, beta, factor;
    wt_value *u;
    const wt_node *mul = n;
    if (scalar_of(n, WT_OP_DIV, &u, &c) || scalar_of(n, WT_OP_MUL, &u, &c)) {
        outer = wt_node_is(n, WT_OP_DIV) ? 1 / c : c;
        outer *= strip_factor(pc, &u);
        mul = inner(pc, u, WT_OP_MUL);
    }
    if (!wt_node_is(mul, WT_OP_MUL) || mul->n_in != 2)
        return false;
    for (int i = 0; i < 2; i++) {
        wt_value *v = mul->in[i];
        if (hard_sigmoid_of(pc, v, x, &alpha, &beta, &factor) && *x == mul->in[1 - i] && close_to(alpha, 1.0 / 6) &&
            close_to(beta, 0.5) && close_to(outer * factor, 1))
            return true;
    }
    return false;
}

static wt_status activation_node(wt_pass_ctx *pc, wt_node *n, wt_err *err)
{
    wt_value *x, *u;
    float alpha, beta, factor, c;
    if (match_hard_swish(pc, n, &x))
        return become(pc, n, "HardSwish", x, err);
    /* A scalar factor on a clip that brings it to 0..1. */
    if (!scalar_of(n, WT_OP_DIV, &u, &c) && !scalar_of(n, WT_OP_MUL, &u, &c))
        return WT_OK;
    if (wt_node_is(n, WT_OP_DIV))
        c = 1 / c;
    if (!inner(pc, u, WT_OP_CLIP) || !hard_sigmoid_of(pc, u, &x, &alpha, &beta, &factor) || !close_to(c * factor, 1))
        return WT_OK;
    WT_TRY(become(pc, n, "HardSigmoid", x, err));
    WT_TRY(wt_node_set_attr_float(n, "alpha", alpha, err));
    return wt_node_set_attr_float(n, "beta", beta, err);
}

static bool float_value(const wt_node *n)
{
    return n->n_out == 1 && n->out[0] && wt_dtype_is_float(n->out[0]->type.dtype);
}

wt_status wt_pass_activation_idioms(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    /* Twice: what the first walk made HardSigmoid, the second may make HardSwish. */
    for (int round = 0; round < 2; round++)
        for (wt_node *n = graph->first; n; n = n->next)
            if ((wt_node_is(n, WT_OP_MUL) || wt_node_is(n, WT_OP_DIV)) && float_value(n))
                WT_TRY(activation_node(pc, n, err));
    return WT_OK;
}

/* --- Gelu -----------------------------------------------------------------------------------------------------------
 */
/* v = 1 + erf(x / sqrt 2), maybe times a constant. */
static bool erf_part(const wt_pass_ctx *pc, wt_value *v, wt_value **x, float *factor)
{
    wt_value *u;
    float one, k;
    *factor = strip_factor(pc, &v);
    const wt_node *add = inner(pc, v, WT_OP_ADD);
    if (!add || !scalar_of(add, WT_OP_ADD, &u, &one) || one != 1)
        return false;
    const wt_node *erf = inner(pc, u, WT_OP_ERF);
    if (!erf)
        return false;
    u = erf->in[0];
    k = strip_factor(pc, &u);
    *x = u;
    return close_to(k, 0.70710678118654752);
}

/* v = k * x^n, written as products and powers: n, or 0 when it is something else. */
static int power_of(const wt_pass_ctx *pc, const wt_value *v, const wt_value *x, float *k, int depth)
{
    wt_value *u;
    float c;
    if (v == x)
        return 1;
    const wt_node *n = inner(pc, v, WT_OP_MUL);
    if (n && depth < 8) {
        if (scalar_of(n, WT_OP_MUL, &u, &c)) {
            *k *= c;
            return power_of(pc, u, x, k, depth + 1);
        }
        const int a = power_of(pc, n->in[0], x, k, depth + 1), b = power_of(pc, n->in[1], x, k, depth + 1);
        return a && b ? a + b : 0;
    }
    n = inner(pc, v, WT_OP_POW);
    return n && scalar_of(n, WT_OP_POW, &u, &c) && u == x && (c == 2 || c == 3) ? (int)c : 0;
}

/* v = 1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)), maybe times a constant. */
static bool tanh_part(const wt_pass_ctx *pc, wt_value *v, wt_value **x, float *factor)
{
    wt_value *u;
    float one;
    *factor = strip_factor(pc, &v);
    const wt_node *add = inner(pc, v, WT_OP_ADD);
    if (!add || !scalar_of(add, WT_OP_ADD, &u, &one) || one != 1)
        return false;
    const wt_node *tanh_node = inner(pc, u, WT_OP_TANH);
    if (!tanh_node)
        return false;
    u = tanh_node->in[0];
    const float k = strip_factor(pc, &u);
    add = inner(pc, u, WT_OP_ADD);
    for (int i = 0; add && add->n_in == 2 && close_to(k, 0.79788456080286536) && i < 2; i++) {
        float cubic = 1;
        *x = add->in[i];
        if (power_of(pc, add->in[1 - i], *x, &cubic, 0) == 3 && close_to(cubic, 0.044715))
            return true;
    }
    return false;
}

static bool match_gelu(const wt_pass_ctx *pc, const wt_node *n, wt_value **x, bool *by_tanh)
{
    float outer = 1, c, factor;
    wt_value *u;
    const wt_node *mul = n;
    if (scalar_of(n, WT_OP_MUL, &u, &c)) {
        outer = c * strip_factor(pc, &u);
        mul = inner(pc, u, WT_OP_MUL);
    }
    if (!wt_node_is(mul, WT_OP_MUL) || mul->n_in != 2)
        return false;
    for (int i = 0; i < 2; i++) {
        wt_value *other = mul->in[1 - i];
        *by_tanh = !erf_part(pc, mul->in[i], x, &factor);
        if (*by_tanh && !tanh_part(pc, mul->in[i], x, &factor))
            continue;
        if (other == *x)
            return close_to(outer * factor, 0.5);
        const float k = strip_factor(pc, &other);
        if (other == *x && close_to(k * outer * factor, 0.5))
            return true;
    }
    return false;
}

/* --- LayerNormalization
 * ------------------------------------------------------------------------------------------------ */
static bool reduces_last_axis(const wt_node *n)
{
    int64_t axis, count;
    const int rank = n->in[0]->type.shape.rank;
    if (rank < 1 || n->n_in < 2 || !wt_value_is_const(n->in[1]) || !wt_shape_count(&n->in[1]->type.shape, &count) ||
        count != 1 || !wt_attr_int(&n->attrs, "keepdims", 1) || !wt_tensor_int(&n->in[1]->type, 0, &axis))
        return false;
    return wt_axis(axis, rank, false) == rank - 1;
}

static bool is_square_of(const wt_node *n, const wt_value *v)
{
    wt_value *base;
    float two;
    if (wt_node_is(n, WT_OP_MUL) && n->in[0] == v && n->in[1] == v)
        return true;
    return scalar_of(n, WT_OP_POW, &base, &two) && two == 2 && base == v;
}

/* div = (x - mean x) / sqrt(mean((x - mean x)^2) + eps): fills x and eps. The difference may be computed once or twice.
 */
static bool match_norm(const wt_node *div, wt_value **x, float *eps)
{
    wt_value *u;
    const wt_node *sub = div->in[0]->producer, *root = div->in[1]->producer;
    if (!wt_node_is(sub, WT_OP_SUB) || !wt_node_is(root, WT_OP_SQRT))
        return false;
    const wt_node *mean = sub->in[1]->producer, *add = root->in[0]->producer;
    if (!wt_node_is(mean, WT_OP_REDUCEMEAN) || mean->in[0] != sub->in[0] || !reduces_last_axis(mean) ||
        !scalar_of(add, WT_OP_ADD, &u, eps))
        return false;
    const wt_node *var = u->producer;
    if (!wt_node_is(var, WT_OP_REDUCEMEAN) || !reduces_last_axis(var) || !var->in[0]->producer)
        return false;
    *x = sub->in[0];
    const wt_node *square = var->in[0]->producer;
    if (is_square_of(square, div->in[0]))
        return true;
    const wt_value *other = square->n_in ? square->in[0] : NULL; /* a second, equal difference */
    const wt_node *sub2 = other ? other->producer : NULL;
    return wt_node_is(sub2, WT_OP_SUB) && sub2->in[0] == *x && sub2->in[1] == sub->in[1] && is_square_of(square, other);
}

static bool last_axis_vector(const wt_value *v, const wt_value *x)
{
    const wt_shape *s = &x->type.shape;
    return wt_value_is_const(v) && !v->quant && v->type.dtype == x->type.dtype && v->type.shape.rank == 1 &&
           s->rank > 0 && s->dim[s->rank - 1] == v->type.shape.dim[0];
}

/* The only user of v, when it is `code` with a vector of the last axis as its other operand. */
static wt_node *vector_user(const wt_pass_ctx *pc, wt_value *v, const wt_value *x, wt_opcode code, wt_value **vec)
{
    if (!wt_pass_may_fuse(pc, v) || v->quant)
        return NULL;
    wt_node *n = v->uses[0].node;
    if (!wt_node_is(n, code) || n->n_in != 2)
        return NULL;
    *vec = n->in[n->in[0] == v ? 1 : 0];
    return last_axis_vector(*vec, x) ? n : NULL;
}

static wt_status layer_norm(wt_pass_ctx *pc, wt_node *div, wt_value *x, float eps, wt_err *err)
{
    wt_value *gamma = NULL, *beta = NULL;
    wt_node *mul = vector_user(pc, div->out[0], x, WT_OP_MUL, &gamma);
    wt_node *add = mul ? vector_user(pc, mul->out[0], x, WT_OP_ADD, &beta) : NULL;
    wt_node *top = add ? add : mul;
    if (!top)
        return WT_OK; /* a normalization without scale stays as it is: LayerNormalization requires one */
    WT_TRY(become(pc, top, "LayerNormalization", x, err));
    WT_TRY(wt_node_set_input(top, 1, gamma, err));
    if (add)
        WT_TRY(wt_node_set_input(top, 2, beta, err));
    WT_TRY(wt_node_set_attr_float(top, "epsilon", eps, err));
    return wt_node_set_attr_int(top, "axis", -1, err);
}

static wt_status gelu(wt_pass_ctx *pc, wt_node *n, wt_value *x, bool by_tanh, wt_err *err)
{
    const wt_attr how = { .name = "approximate", .type = WT_ATTR_STRING, .count = 1, .v.s = { "tanh", 4 } };
    WT_TRY(become(pc, n, "Gelu", x, err));
    return by_tanh ? wt_node_set_attr(n, &how, err) : WT_OK;
}

wt_status wt_pass_norm_idioms(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    for (wt_node *n = graph->first; n; n = n->next) {
        wt_value *x;
        float eps;
        bool by_tanh;
        if (wt_node_is(n, WT_OP_MUL) && float_value(n) && match_gelu(pc, n, &x, &by_tanh))
            WT_TRY(gelu(pc, n, x, by_tanh, err));
        else if (wt_node_is(n, WT_OP_DIV) && float_value(n) && n->in[0] && n->in[1] && match_norm(n, &x, &eps))
            WT_TRY(layer_norm(pc, n, x, eps, err));
    }
    return WT_OK;
}
