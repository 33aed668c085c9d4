/* precision.c - which precision a graph computes in, as a whole and product by product.
 *
 * A file says it in many ways: quantized values of our IR, QuantizeLinear/DequantizeLinear nodes, operators that take
 * integers, halves as constants with or without a Cast. All are looked for; the lowest precision found is the class. */
#include "measure/compare_impl.h"

enum { FP32, FP16, INT8, INT4 };
static const char *const class_names[] = { "fp32", "fp16", "int8", "int4" };

typedef struct search {
    int lowest;
} search;

static int of_dtype(wt_dtype t)
{
    switch (t) {
    case WT_U4:
    case WT_I4:
    case WT_U2:
    case WT_I2:
    case WT_F4E2M1: return INT4;
    default: return INT8;
    }
}

static void meet(search *s, int precision)
{
    if (precision > s->lowest)
        s->lowest = precision;
}

/* Weights as halves; single numbers (an epsilon) do not make a model fp16. */
static bool half_weights(const wt_value *v)
{
    return wt_value_is_const(v) && (v->type.dtype == WT_F16 || v->type.dtype == WT_BF16) && v->type.bytes > 256;
}

static bool integer_op(const char *op)
{
    return !strncmp(op, "QLinear", 7) || !strcmp(op, "ConvInteger") || !strcmp(op, "MatMulInteger") ||
           !strcmp(op, "MatMulInteger16") || !strcmp(op, "DynamicQuantizeLinear") ||
           !strncmp(op, "DynamicQuantize", 15) || !strcmp(op, "QGemm") || !strcmp(op, "QAttention");
}

static wt_status look(void *arg, wt_node *n, wt_err *err)
{
    search *s = arg;
    (void)err;
    if (integer_op(n->op_type))
        meet(s, INT8);
    if (!strcmp(n->op_type, "MatMulNBits"))
        meet(s, INT4);
    for (size_t i = 0; i < n->n_in; i++) {
        const wt_value *v = n->in[i];
        if (!v)
            continue;
        if (v->quant)
            meet(s, of_dtype(v->quant->dtype));
        if (!strcmp(n->op_type, "DequantizeLinear") && i == 0)
            meet(s, of_dtype(v->type.dtype));
        if (half_weights(v))
            meet(s, FP16);
    }
    return WT_OK;
}

const char *wt_precision_class(const wt_graph *graph)
{
    search s = { FP32 };
    wt_graph_visit((wt_graph *)(uintptr_t)graph, look, &s, NULL); /* look() never fails and changes nothing */
    return class_names[s.lowest];
}

/* --- one node
 * ---------------------------------------------------------------------------------------------------------------- */

static bool quantized(const wt_value *v)
{
    return v->quant || (v->producer && !strcmp(v->producer->op_type, "DequantizeLinear"));
}

/* A constant, perhaps behind the DequantizeLinear or Cast that makes floats of it. */
static const wt_value *constant_behind(const wt_value *v)
{
    const wt_node *p = v->producer;
    if (p && p->n_in && p->in[0] && (!strcmp(p->op_type, "DequantizeLinear") || !strcmp(p->op_type, "Cast")))
        v = p->in[0];
    return wt_value_is_const(v) ? v : NULL;
}

/* The node whose result this one only finishes (an activation, a bias): kernels do both in one go. NULL: there is none.
 */
static const wt_node *finishes(const wt_node *n)
{
    const wt_value *only = NULL;
    if (!n->op || !(n->op->flags & (WT_OP_UNARY | WT_OP_BROADCAST)) || n->op->flags & WT_OP_VIEW)
        return NULL;
    for (size_t i = 0; i < n->n_in; i++) {
        if (!n->in[i] || constant_behind(n->in[i]))
            continue;
        if (only || quantized(n->in[i]))
            return NULL;
        only = n->in[i];
    }
    return only && only->graph == n->graph ? only->producer : NULL;
}

const char *wt_node_precision(const wt_node *n)
{
    bool weights = false, activations = false, floats = false, halves = false;
    for (const wt_node *p = finishes(n); p; p = finishes(n))
        n = p;
    if (integer_op(n->op_type))
        return class_names[INT8];
    for (size_t i = 0; i < n->n_in; i++) {
        const wt_value *v = n->in[i];
        if (!v)
            continue;
        const wt_value *constant = constant_behind(v);
        if (constant) {
            weights = weights || (i > 0 && quantized(v));
            halves = halves || half_weights(constant);
        } else if (quantized(v)) {
            activations = true;
        } else if (wt_dtype_is_float(v->type.dtype)) {
            floats = true;
        }
    }
    if (activations && !floats)
        return class_names[INT8];
    return weights ? "int8 weights" : halves ? class_names[FP16] : "float";
}
