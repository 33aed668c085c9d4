/* ov_ops_plain.c - layers that work element by element, and reductions. */
#include "ov_ops.h"

static const char *to(const wt_ov_op *o) { return wt_ov_row_of(o->layer)->to; }

static void unary(wt_ov_op *o) { wt_ov_finish(o, to(o), wt_ov_in(o, 0)); }

static void check_broadcast(wt_ov_op *o)
{
    if (wt_ov_text_is(o, "auto_broadcast", "pdpd"))
        wt_ov_cannot(o, "auto_broadcast=\"pdpd\"");
}

static void binary(wt_ov_op *o)
{
    check_broadcast(o);
    wt_ov_finish(o, to(o), wt_ov_in(o, 0), wt_ov_in(o, 1));
}

static bool is_signed_int(const wt_value *v)
{
    const wt_dtype t = v ? wt_value_dtype(v) : WT_DTYPE_NONE;
    return t == WT_I8 || t == WT_I16 || t == WT_I32 || t == WT_I64;
}

/* Of integers OpenVINO rounds the quotient down where m_pythondiv says so, ONNX towards zero. */
static void divide(wt_ov_op *o)
{
    wt_value *a = wt_ov_in(o, 0), *b = wt_ov_in(o, 1);
    check_broadcast(o);
    if (is_signed_int(a) && wt_ov_bool(o, "m_pythondiv", true))
        a = wt_ov_emit(o, "Sub", a, wt_ov_emit(o, "Mod", a, b));
    wt_ov_finish(o, "Div", a, b);
}

static void mod(wt_ov_op *o)
{
    check_broadcast(o);
    wt_ov_set_int(o, "fmod", 1); /* the sign of the dividend */
    wt_ov_finish(o, "Mod", wt_ov_in(o, 0), wt_ov_in(o, 1));
}

static void floor_mod(wt_ov_op *o)
{
    wt_value *a = wt_ov_in(o, 0), *b = wt_ov_in(o, 1);
    check_broadcast(o);
    if (a && wt_dtype_is_float(wt_value_dtype(a))) {
        wt_value *whole = wt_ov_emit(o, "Floor", wt_ov_emit(o, "Div", a, b));
        wt_ov_finish(o, "Sub", a, wt_ov_emit(o, "Mul", whole, b));
    } else {
        wt_ov_finish(o, "Mod", a, b);
    }
}

static void not_equal(wt_ov_op *o)
{
    check_broadcast(o);
    wt_ov_finish(o, "Not", wt_ov_emit(o, "Equal", wt_ov_in(o, 0), wt_ov_in(o, 1)));
}

static void squared_difference(wt_ov_op *o)
{
    check_broadcast(o);
    wt_value *d = wt_ov_emit(o, "Sub", wt_ov_in(o, 0), wt_ov_in(o, 1));
    wt_ov_finish(o, "Mul", d, d);
}

static void select(wt_ov_op *o)
{
    check_broadcast(o);
    wt_ov_finish(o, "Where", wt_ov_in(o, 0), wt_ov_in(o, 1), wt_ov_in(o, 2));
}

static void convert(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0);
    const wt_dtype type = wt_ov_type(o, "destination_type", WT_DTYPE_NONE);
    if (o->st == WT_OK && type == WT_DTYPE_NONE)
        wt_ov_refuse(o, WT_EFORMAT, "destination_type is missing");
    if (o->st == WT_OK && wt_ov_is_nf4(o->layer->in[0].from)) {
        wt_ov_read_nf4(o, x, type);
        return;
    }
    if (o->st != WT_OK)
        return;
    if (wt_value_dtype(x) == type) {
        wt_ov_give(o, 0, x);
        return;
    }
    wt_ov_set_int(o, "to", wt_dtype_get(type)->onnx_code);
    wt_ov_finish(o, "Cast", x);
}

/* --- activations ---------------------------------------------------------------------------------------------------
 */
static void clamp(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0);
    const double lo = wt_ov_float(o, "min", 0), hi = wt_ov_float(o, "max", 0);
    wt_ov_finish(o, "Clip", x, wt_ov_scalar(o, x, lo), wt_ov_scalar(o, x, hi));
}

static void elu(wt_ov_op *o)
{
    wt_ov_set_float(o, "alpha", (float)wt_ov_float(o, "alpha", 1));
    wt_ov_finish(o, "Elu", wt_ov_in(o, 0));
}

static void hard_sigmoid(wt_ov_op *o)
{
    wt_ov_set_float(o, "alpha", (float)wt_ov_const_float(o, wt_ov_in(o, 1), "alpha"));
    wt_ov_set_float(o, "beta", (float)wt_ov_const_float(o, wt_ov_in(o, 2), "beta"));
    wt_ov_finish(o, "HardSigmoid", wt_ov_in(o, 0));
}

static void selu(wt_ov_op *o)
{
    wt_ov_set_float(o, "alpha", (float)wt_ov_const_float(o, wt_ov_in(o, 1), "alpha"));
    wt_ov_set_float(o, "gamma", (float)wt_ov_const_float(o, wt_ov_in(o, 2), "lambda"));
    wt_ov_finish(o, "Selu", wt_ov_in(o, 0));
}

/* HSigmoid: min(max(x + 3, 0), 6) / 6. */
static void hsigmoid(wt_ov_op *o)
{
    wt_ov_set_float(o, "alpha", 1.0f / 6);
    wt_ov_set_float(o, "beta", 0.5f);
    wt_ov_finish(o, "HardSigmoid", wt_ov_in(o, 0));
}

static void gelu(wt_ov_op *o)
{
    if (wt_ov_text_is(o, "approximation_mode", "tanh"))
        wt_ov_set_text(o, "approximate", "tanh");
    wt_ov_finish(o, "Gelu", wt_ov_in(o, 0));
}

/* x * sigmoid(beta * x), with the operators that every opset has. */
static void swish(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0), *beta = wt_ov_in(o, 1), *inner = x;
    if (beta && !(wt_ov_known(beta) && wt_ov_const_float(o, beta, "beta") == 1))
        inner = wt_ov_emit(o, "Mul", x, beta);
    wt_ov_finish(o, "Mul", x, wt_ov_emit(o, "Sigmoid", inner));
}

/* A vector of slopes goes with axis 1. */
static void prelu(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0), *slope = wt_ov_in(o, 1);
    const wt_tensor *t = wt_ov_known(slope);
    int64_t n = 0;
    double one = 0;
    if (t && wt_shape_count(&t->shape, &n) && n == 1 && wt_tensor_double(t, 0, &one)) {
        wt_ov_set_float(o, "alpha", (float)one);
        wt_ov_finish(o, "LeakyRelu", x);
        return;
    }
    if (wt_ov_need_rank(o, slope) == 1 && wt_ov_need_rank(o, x) > 2) {
        wt_shape shape = { .rank = x->type.shape.rank - 1, .dim = { -1 } };
        for (int i = 1; i < shape.rank; i++)
            shape.dim[i] = 1;
        if (slope->type.shape.dim[0] >= 0)
            shape.dim[0] = slope->type.shape.dim[0];
        slope = wt_ov_reshaped(o, slope, &shape);
    }
    wt_ov_finish(o, "PRelu", x, slope);
}

static void round_to(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0);
    if (!wt_ov_text_is(o, "mode", "half_away_from_zero")) {
        wt_ov_finish(o, "Round", x);
        return;
    }
    wt_value *up = wt_ov_emit(o, "Floor", wt_ov_emit(o, "Add", wt_ov_emit(o, "Abs", x), wt_ov_scalar(o, x, 0.5)));
    wt_ov_finish(o, "Mul", wt_ov_emit(o, "Sign", x), up);
}

static void is_inf(wt_ov_op *o)
{
    wt_ov_set_int(o, "detect_negative", wt_ov_bool(o, "detect_negative", true));
    wt_ov_set_int(o, "detect_positive", wt_ov_bool(o, "detect_positive", true));
    wt_ov_finish(o, "IsInf", wt_ov_in(o, 0));
}

static void is_finite(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0);
    wt_ov_finish(o, "Not", wt_ov_emit(o, "Or", wt_ov_emit(o, "IsNaN", x), wt_ov_emit(o, "IsInf", x)));
}

/* --- reductions ----------------------------------------------------------------------------------------------------
 */
static void set_reduce(wt_ov_op *o)
{
    wt_ov_set_int(o, "keepdims", wt_ov_bool(o, "keep_dims", false));
    wt_ov_set_int(o, "noop_with_empty_axes", 1);
}

static void reduce(wt_ov_op *o)
{
    wt_value *axes = wt_ov_as_vector(o, wt_ov_as_i64(o, wt_ov_in(o, 1)));
    set_reduce(o);
    wt_ov_finish(o, to(o), wt_ov_in(o, 0), axes);
}

static void reduce_logical(wt_ov_op *o)
{
    wt_value *axes = wt_ov_as_vector(o, wt_ov_as_i64(o, wt_ov_in(o, 1)));
    wt_value *numbers = wt_ov_cast(o, wt_ov_in(o, 0), WT_I32);
    set_reduce(o);
    wt_value *r = wt_ov_emit(o, to(o), numbers, axes);
    wt_ov_set_int(o, "to", wt_dtype_get(WT_BOOL)->onnx_code);
    wt_ov_finish(o, "Cast", r);
}

const wt_ov_row wt_ov_rows_plain[] = {
    { "Abs", unary, "Abs", 1 },
    { "Acos", unary, "Acos", 1 },
    { "Acosh", unary, "Acosh", 1 },
    { "Asin", unary, "Asin", 1 },
    { "Asinh", unary, "Asinh", 1 },
    { "Atan", unary, "Atan", 1 },
    { "Atanh", unary, "Atanh", 1 },
    { "Ceiling", unary, "Ceil", 1 },
    { "Cos", unary, "Cos", 1 },
    { "Cosh", unary, "Cosh", 1 },
    { "Erf", unary, "Erf", 1 },
    { "Exp", unary, "Exp", 1 },
    { "Floor", unary, "Floor", 1 },
    { "HSwish", unary, "HardSwish", 1 },
    { "IsNaN", unary, "IsNaN", 1 },
    { "Log", unary, "Log", 1 },
    { "LogicalNot", unary, "Not", 1 },
    { "BitwiseNot", unary, "BitwiseNot", 1 },
    { "Mish", unary, "Mish", 1 },
    { "Negative", unary, "Neg", 1 },
    { "ReLU", unary, "Relu", 1 },
    { "Sigmoid", unary, "Sigmoid", 1 },
    { "Sign", unary, "Sign", 1 },
    { "Sin", unary, "Sin", 1 },
    { "Sinh", unary, "Sinh", 1 },
    { "SoftPlus", unary, "Softplus", 1 },
    { "SoftSign", unary, "Softsign", 1 },
    { "Sqrt", unary, "Sqrt", 1 },
    { "Tan", unary, "Tan", 1 },
    { "Tanh", unary, "Tanh", 1 },
    { "Add", binary, "Add", 2 },
    { "Subtract", binary, "Sub", 2 },
    { "Multiply", wt_ov_read_multiply, "Mul", 2 },
    { "Divide", divide, NULL, 2 },
    { "Power", binary, "Pow", 2 },
    { "Maximum", binary, "Max", 2 },
    { "Minimum", binary, "Min", 2 },
    { "Mod", mod, NULL, 2 },
    { "FloorMod", floor_mod, NULL, 2 },
    { "SquaredDifference", squared_difference, NULL, 2 },
    { "Equal", binary, "Equal", 2 },
    { "NotEqual", not_equal, NULL, 2 },
    { "Greater", binary, "Greater", 2 },
    { "GreaterEqual", binary, "GreaterOrEqual", 2 },
    { "Less", binary, "Less", 2 },
    { "LessEqual", binary, "LessOrEqual", 2 },
    { "LogicalAnd", binary, "And", 2 },
    { "LogicalOr", binary, "Or", 2 },
    { "LogicalXor", binary, "Xor", 2 },
    { "BitwiseAnd", binary, "BitwiseAnd", 2 },
    { "BitwiseOr", binary, "BitwiseOr", 2 },
    { "BitwiseXor", binary, "BitwiseXor", 2 },
    { "Select", select, NULL, 3 },
    { "Convert", convert, NULL, 1 },
    { "ConvertLike", binary, "CastLike", 2 },
    { "Clamp", clamp, NULL, 1 },
    { "Elu", elu, NULL, 1 },
    { "HardSigmoid", hard_sigmoid, NULL, 3 },
    { "HSigmoid", hsigmoid, NULL, 1 },
    { "Selu", selu, NULL, 3 },
    { "Gelu", gelu, NULL, 1 },
    { "Swish", swish, NULL, 1 },
    { "PReLU", prelu, NULL, 2 },
    { "Round", round_to, NULL, 1 },
    { "IsInf", is_inf, NULL, 1 },
    { "IsFinite", is_finite, NULL, 1 },
    { "FakeQuantize", wt_ov_read_fake_quantize, NULL, 5 },
    { "ReduceL1", reduce, "ReduceL1", 2 },
    { "ReduceL2", reduce, "ReduceL2", 2 },
    { "ReduceMax", reduce, "ReduceMax", 2 },
    { "ReduceMean", reduce, "ReduceMean", 2 },
    { "ReduceMin", reduce, "ReduceMin", 2 },
    { "ReduceProd", reduce, "ReduceProd", 2 },
    { "ReduceSum", reduce, "ReduceSum", 2 },
    { "ReduceLogicalAnd", reduce_logical, "ReduceMin", 2 },
    { "ReduceLogicalOr", reduce_logical, "ReduceMax", 2 },
    { 0 },
};
