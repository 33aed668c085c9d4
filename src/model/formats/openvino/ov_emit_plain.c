/* ov_emit_plain.c - operators that work element by element, and reductions. */
#include <float.h>
#include "ov_emit.h"

static const wt_ov_write_row *row(const wt_ov_writer *w) { return wt_ov_write_row_of(w->node); }
static float attr_f(const wt_ov_writer *w, const char *name, float fallback)
{
    return wt_attr_float(&w->node->attrs, name, fallback);
}

static void unary(wt_ov_writer *w) { wt_ov_last(w, row(w)->type, row(w)->opset, wt_ov_arg(w, 0)); }

static void same(wt_ov_writer *w) { wt_ov_same(w, 0, wt_ov_arg(w, 0)); }

static void binary(wt_ov_writer *w)
{
    wt_ov_ref a = wt_ov_arg(w, 0), b = wt_ov_arg(w, 1);
    wt_ov_put(w, "auto_broadcast", "numpy");
    wt_ov_last(w, row(w)->type, row(w)->opset, a, b);
}

static void divide(wt_ov_writer *w)
{
    wt_ov_ref a = wt_ov_arg(w, 0), b = wt_ov_arg(w, 1);
    wt_ov_put(w, "auto_broadcast", "numpy");
    wt_ov_put_bool(w, "m_pythondiv", false);
    wt_ov_last(w, "Divide", 1, a, b);
}

static void mod(wt_ov_writer *w)
{
    wt_ov_ref a = wt_ov_arg(w, 0), b = wt_ov_arg(w, 1);
    wt_ov_put(w, "auto_broadcast", "numpy");
    wt_ov_last(w, wt_attr_int(&w->node->attrs, "fmod", 0) ? "Mod" : "FloorMod", 1, a, b);
}

/* The exponent may have another type, which OpenVINO's Power may not. */
static void power(wt_ov_writer *w)
{
    wt_ov_ref a = wt_ov_arg(w, 0), b = wt_ov_arg(w, 1);
    if (a && b)
        b = wt_ov_convert(w, b, a->dtype);
    wt_ov_put(w, "auto_broadcast", "numpy");
    wt_ov_last(w, "Power", 1, a, b);
}

static void chain(wt_ov_writer *w)
{
    const size_t n = w->node->n_in;
    wt_ov_ref sum = wt_ov_arg(w, 0);
    const bool mean = w->node->op->code == WT_OP_MEAN;
    for (size_t i = 1; i < n; i++) {
        wt_ov_ref next = wt_ov_arg(w, i);
        wt_ov_put(w, "auto_broadcast", "numpy");
        if (i + 1 == n && !mean) {
            wt_ov_last(w, row(w)->type, 1, sum, next);
            return;
        }
        sum = wt_ov_add(w, row(w)->type, 1, sum, next);
    }
    if (mean && sum) {
        wt_ov_ref count = wt_ov_lit_as(w, sum->dtype, (double)n);
        wt_ov_put(w, "auto_broadcast", "numpy");
        wt_ov_last(w, "Divide", 1, sum, count);
    } else {
        wt_ov_same(w, 0, sum);
    }
}

static void where(wt_ov_writer *w)
{
    wt_ov_ref c = wt_ov_arg(w, 0), a = wt_ov_arg(w, 1), b = wt_ov_arg(w, 2);
    wt_ov_put(w, "auto_broadcast", "numpy");
    wt_ov_last(w, "Select", 1, c, a, b);
}

static void cast(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    const wt_dtype to = wt_value_dtype(w->node->out[0]);
    const wt_tensor *stored = wt_ov_arg_data(w, 0);
    if (x && x->dtype == to) {
        wt_ov_same(w, 0, x);
        return;
    }
    wt_ov_put(w, "destination_type", "%s", wt_ov_element_type(to));
    wt_ov_last(w, "Convert", 1, x);
    if (stored && stored->dtype == WT_F16 && to == WT_F32)
        wt_ov_mark_decompression(w);
}

/* --- activations ---------------------------------------------------------------------------------------------------
 */
static bool bound(const wt_ov_writer *w, size_t i, double fallback, double *out)
{
    const wt_tensor *t = wt_ov_arg_data(w, i);
    *out = fallback;
    return !wt_ov_arg_value(w, i) || (t && wt_tensor_double(t, 0, out));
}

static void clip(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), lo = wt_ov_arg_value(w, 1) ? wt_ov_arg(w, 1) : NULL,
              hi = wt_ov_arg_value(w, 2) ? wt_ov_arg(w, 2) : NULL;
    double from, to;
    if (x && wt_dtype_is_float(x->dtype) && bound(w, 1, -(double)FLT_MAX, &from) && bound(w, 2, (double)FLT_MAX, &to) &&
        from <= to) {
        wt_ov_put_float(w, "min", from);
        wt_ov_put_float(w, "max", to);
        wt_ov_last(w, "Clamp", 1, x);
        return;
    }
    if (lo) {
        wt_ov_put(w, "auto_broadcast", "numpy");
        x = wt_ov_add(w, "Maximum", 1, x, lo);
    }
    if (hi) {
        wt_ov_put(w, "auto_broadcast", "numpy");
        wt_ov_last(w, "Minimum", 1, x, hi);
    } else {
        wt_ov_same(w, 0, x);
    }
}

static void elu(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    wt_ov_put_float(w, "alpha", (double)attr_f(w, "alpha", 1));
    wt_ov_last(w, "Elu", 1, x);
}

/* alpha * elu(x / alpha) */
static void celu(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    const double alpha = (double)attr_f(w, "alpha", 1);
    wt_ov_ref a = x ? wt_ov_lit_as(w, x->dtype, alpha) : NULL, y = wt_ov_add(w, "Divide", 1, x, a);
    wt_ov_put_float(w, "alpha", 1);
    y = wt_ov_add(w, "Elu", 1, y);
    wt_ov_last(w, "Multiply", 1, y, a);
}

static void hard_sigmoid(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    wt_ov_ref alpha = x ? wt_ov_lit_as(w, x->dtype, (double)attr_f(w, "alpha", 0.2f)) : NULL;
    wt_ov_ref beta = x ? wt_ov_lit_as(w, x->dtype, (double)attr_f(w, "beta", 0.5f)) : NULL;
    wt_ov_last(w, "HardSigmoid", 1, x, alpha, beta);
}

static void selu(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    wt_ov_ref alpha = x ? wt_ov_lit_as(w, x->dtype, (double)attr_f(w, "alpha", 1.67326319f)) : NULL;
    wt_ov_ref gamma = x ? wt_ov_lit_as(w, x->dtype, (double)attr_f(w, "gamma", 1.05070102f)) : NULL;
    wt_ov_last(w, "Selu", 1, x, alpha, gamma);
}

static void leaky_relu(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    wt_ov_ref slope = x ? wt_ov_lit_as(w, x->dtype, (double)attr_f(w, "alpha", 0.01f)) : NULL;
    wt_ov_last(w, "PReLU", 1, x, slope);
}

/* A vector of slopes goes with the last axis in ONNX, with the channels in OpenVINO. */
static void prelu(wt_ov_writer *w)
{
    const wt_value *slope = wt_ov_arg_value(w, 1);
    wt_ov_ref x = wt_ov_arg(w, 0), s = wt_ov_arg(w, 1);
    const int rank = wt_ov_arg_rank(w, 0);
    if (w->st == WT_OK && slope->type.shape.rank == 1 && rank > 1 && slope->type.shape.dim[0] != 1) {
        wt_shape shape = { .rank = rank };
        for (int i = 0; i < rank; i++)
            shape.dim[i] = i == rank - 1 ? slope->type.shape.dim[0] : 1;
        s = wt_ov_shaped(w, slope, &shape);
    }
    wt_ov_last(w, "PReLU", 1, x, s);
}

static void gelu(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    wt_ov_put(w, "approximation_mode", "%s", wt_attr_is(&w->node->attrs, "approximate", "tanh") ? "TANH" : "ERF");
    wt_ov_last(w, "Gelu", 7, x);
}

static void swish(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    const float alpha = attr_f(w, "alpha", 1);
    if (alpha == 1)
        wt_ov_last(w, "Swish", 4, x);
    else
        wt_ov_last(w, "Swish", 4, x, x ? wt_ov_lit_as(w, x->dtype, (double)alpha) : NULL);
}

static void reciprocal(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), one = x ? wt_ov_lit_as(w, x->dtype, 1) : NULL;
    wt_ov_put(w, "auto_broadcast", "numpy");
    wt_ov_last(w, "Divide", 1, one, x);
}

static void thresholded_relu(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), a = x ? wt_ov_lit_as(w, x->dtype, (double)attr_f(w, "alpha", 1)) : NULL;
    wt_ov_ref zero = x ? wt_ov_lit_as(w, x->dtype, 0) : NULL, above = wt_ov_add_as(w, "Greater", 1, WT_BOOL, x, a);
    wt_ov_last(w, "Select", 1, above, x, zero);
}

static void round_even(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    wt_ov_put(w, "mode", "half_to_even");
    wt_ov_last(w, "Round", 5, x);
}

static void is_inf(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    wt_ov_put_bool(w, "detect_negative", wt_attr_int(&w->node->attrs, "detect_negative", 1) != 0);
    wt_ov_put_bool(w, "detect_positive", wt_attr_int(&w->node->attrs, "detect_positive", 1) != 0);
    wt_ov_last(w, "IsInf", 10, x);
}

/* --- reductions ----------------------------------------------------------------------------------------------------
 */
static wt_ov_ref axes_of(wt_ov_writer *w)
{
    int64_t all[WT_MAX_RANK];
    if (wt_ov_arg_value(w, 1))
        return wt_ov_arg(w, 1);
    const int rank = wt_ov_arg_rank(w, 0);
    for (int i = 0; i < rank; i++)
        all[i] = i;
    return wt_ov_lit_ints(w, all, (size_t)rank);
}

static bool reduces_nothing(const wt_ov_writer *w)
{
    int64_t some[WT_MAX_RANK];
    size_t n = 0;
    const bool none = !wt_ov_arg_value(w, 1) || (wt_ov_arg_ints(w, 1, some, WT_MAX_RANK, &n) && n == 0);
    return none && wt_attr_int(&w->node->attrs, "noop_with_empty_axes", 0);
}

static void put_keep(wt_ov_writer *w)
{
    wt_ov_put_bool(w, "keep_dims", wt_attr_int(&w->node->attrs, "keepdims", 1) != 0);
}

static void reduce(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0);
    if (reduces_nothing(w)) {
        wt_ov_same(w, 0, x);
        return;
    }
    wt_ov_ref axes = axes_of(w);
    put_keep(w);
    wt_ov_last(w, row(w)->type, row(w)->opset, x, axes);
}

static void reduce_square(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), axes = axes_of(w), square = wt_ov_add(w, "Multiply", 1, x, x);
    if (reduces_nothing(w)) {
        wt_ov_same(w, 0, square);
        return;
    }
    put_keep(w);
    wt_ov_last(w, "ReduceSum", 1, square, axes);
}

static void reduce_log(wt_ov_writer *w)
{
    const bool exp = w->node->op->code == WT_OP_REDUCELOGSUMEXP;
    wt_ov_ref x = wt_ov_arg(w, 0), axes = axes_of(w);
    if (reduces_nothing(w))
        wt_ov_unable(w, "a reduction along no axis");
    if (exp)
        x = wt_ov_add(w, "Exp", 1, x);
    put_keep(w);
    x = wt_ov_add(w, "ReduceSum", 1, x, axes);
    wt_ov_last(w, "Log", 1, x);
}

const wt_ov_write_row wt_ov_write_plain[] = {
    { WT_OP_ABS, unary, "Abs", 1 },
    { WT_OP_ACOS, unary, "Acos", 1 },
    { WT_OP_ACOSH, unary, "Acosh", 4 },
    { WT_OP_ASIN, unary, "Asin", 1 },
    { WT_OP_ASINH, unary, "Asinh", 4 },
    { WT_OP_ATAN, unary, "Atan", 1 },
    { WT_OP_ATANH, unary, "Atanh", 4 },
    { WT_OP_CEIL, unary, "Ceiling", 1 },
    { WT_OP_COS, unary, "Cos", 1 },
    { WT_OP_COSH, unary, "Cosh", 1 },
    { WT_OP_ERF, unary, "Erf", 1 },
    { WT_OP_EXP, unary, "Exp", 1 },
    { WT_OP_FLOOR, unary, "Floor", 1 },
    { WT_OP_HARDSWISH, unary, "HSwish", 4 },
    { WT_OP_ISNAN, unary, "IsNaN", 10 },
    { WT_OP_LOG, unary, "Log", 1 },
    { WT_OP_MISH, unary, "Mish", 4 },
    { WT_OP_NEG, unary, "Negative", 1 },
    { WT_OP_NOT, unary, "LogicalNot", 1 },
    { WT_OP_BITWISENOT, unary, "BitwiseNot", 13 },
    { WT_OP_RELU, unary, "ReLU", 1 },
    { WT_OP_SIGMOID, unary, "Sigmoid", 1 },
    { WT_OP_SIGN, unary, "Sign", 1 },
    { WT_OP_SIN, unary, "Sin", 1 },
    { WT_OP_SINH, unary, "Sinh", 1 },
    { WT_OP_SOFTPLUS, unary, "SoftPlus", 4 },
    { WT_OP_SOFTSIGN, unary, "SoftSign", 9 },
    { WT_OP_SQRT, unary, "Sqrt", 1 },
    { WT_OP_TAN, unary, "Tan", 1 },
    { WT_OP_TANH, unary, "Tanh", 1 },
    { WT_OP_IDENTITY, same, NULL, 0 },
    { WT_OP_DROPOUT, same, NULL, 0 },
    { WT_OP_ADD, binary, "Add", 1 },
    { WT_OP_SUB, binary, "Subtract", 1 },
    { WT_OP_MUL, binary, "Multiply", 1 },
    { WT_OP_DIV, divide, NULL, 0 },
    { WT_OP_MOD, mod, NULL, 0 },
    { WT_OP_POW, power, NULL, 0 },
    { WT_OP_PRELU, prelu, NULL, 0 },
    { WT_OP_BITWISEAND, binary, "BitwiseAnd", 13 },
    { WT_OP_BITWISEOR, binary, "BitwiseOr", 13 },
    { WT_OP_BITWISEXOR, binary, "BitwiseXor", 13 },
    { WT_OP_EQUAL, binary, "Equal", 1 },
    { WT_OP_GREATER, binary, "Greater", 1 },
    { WT_OP_GREATEROREQUAL, binary, "GreaterEqual", 1 },
    { WT_OP_LESS, binary, "Less", 1 },
    { WT_OP_LESSOREQUAL, binary, "LessEqual", 1 },
    { WT_OP_AND, binary, "LogicalAnd", 1 },
    { WT_OP_OR, binary, "LogicalOr", 1 },
    { WT_OP_XOR, binary, "LogicalXor", 1 },
    { WT_OP_MAX, chain, "Maximum", 1 },
    { WT_OP_MIN, chain, "Minimum", 1 },
    { WT_OP_SUM, chain, "Add", 1 },
    { WT_OP_MEAN, chain, "Add", 1 },
    { WT_OP_WHERE, where, NULL, 0 },
    { WT_OP_CAST, cast, NULL, 0 },
    { WT_OP_CASTLIKE, binary, "ConvertLike", 1 },
    { WT_OP_CLIP, clip, NULL, 0 },
    { WT_OP_ELU, elu, NULL, 0 },
    { WT_OP_CELU, celu, NULL, 0 },
    { WT_OP_HARDSIGMOID, hard_sigmoid, NULL, 0 },
    { WT_OP_SELU, selu, NULL, 0 },
    { WT_OP_LEAKYRELU, leaky_relu, NULL, 0 },
    { WT_OP_GELU, gelu, NULL, 0 },
    { WT_OP_SWISH, swish, NULL, 0 },
    { WT_OP_RECIPROCAL, reciprocal, NULL, 0 },
    { WT_OP_THRESHOLDEDRELU, thresholded_relu, NULL, 0 },
    { WT_OP_ROUND, round_even, NULL, 0 },
    { WT_OP_ISINF, is_inf, NULL, 0 },
    { WT_OP_REDUCEL1, reduce, "ReduceL1", 4 },
    { WT_OP_REDUCEL2, reduce, "ReduceL2", 4 },
    { WT_OP_REDUCEMAX, reduce, "ReduceMax", 1 },
    { WT_OP_REDUCEMEAN, reduce, "ReduceMean", 1 },
    { WT_OP_REDUCEMIN, reduce, "ReduceMin", 1 },
    { WT_OP_REDUCEPROD, reduce, "ReduceProd", 1 },
    { WT_OP_REDUCESUM, reduce, "ReduceSum", 1 },
    { WT_OP_REDUCESUMSQUARE, reduce_square, NULL, 0 },
    { WT_OP_REDUCELOGSUM, reduce_log, NULL, 0 },
    { WT_OP_REDUCELOGSUMEXP, reduce_log, NULL, 0 },
    { WT_OP_UNKNOWN, NULL, NULL, 0 },
};
