/* unary_float.c - functions of one real number, in float and double.
 *
 * One line per function: what it is in float and what it is in double. Half types come through the float form.
 * Functions with an exponential use the one of fmath.h in float, so that their loops vectorize on every machine. */
#include "run/kernels/ref/fmath.h"
#include "run/kernels/ref/unary.h"
#include <math.h>

/* FUNCTION(name, float expression, double expression) over x, with parameters a and b. */
#define LOOP(name, type, expression)                                                                                   \
    static void name(const void *vx, void *vy, size_t n, const wt_unary_args *args)                                    \
    {                                                                                                                  \
        const type *px = vx;                                                                                           \
        type *py = vy;                                                                                                 \
        const type a = (type)args->a, b = (type)args->b;                                                               \
        (void)a;                                                                                                       \
        (void)b;                                                                                                       \
        WT_IVDEP                                                                                                       \
        for (size_t i = 0; i < n; i++) {                                                                               \
            const type x = px[i];                                                                                      \
            py[i] = expression;                                                                                        \
        }                                                                                                              \
    }
#define FUNCTION(name, in_float, in_double) LOOP(name##_f32, float, in_float) LOOP(name##_f64, double, in_double)

static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
static double clamp01(double x) { return x < 0.0 ? 0.0 : x > 1.0 ? 1.0 : x; }
static double softplus(double x) { return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static float softplusf(float x) { return x > 0.0f ? x + log1pf(expf(-x)) : log1pf(expf(x)); }
#define CLAMP01F(v) ((v) < 0.0f ? 0.0f : (v) > 1.0f ? 1.0f : (v))

FUNCTION(abs, fabsf(x), fabs(x))
FUNCTION(acos, acosf(x), acos(x))
FUNCTION(acosh, acoshf(x), acosh(x))
FUNCTION(asin, asinf(x), asin(x))
FUNCTION(asinh, asinhf(x), asinh(x))
FUNCTION(atan, atanf(x), atan(x))
FUNCTION(atanh, atanhf(x), atanh(x))
FUNCTION(ceil, ceilf(x), ceil(x))
FUNCTION(celu, x > 0.0f ? x : a * expm1f(x / a), x > 0.0 ? x : a * expm1(x / a))
FUNCTION(cos, cosf(x), cos(x))
FUNCTION(cosh, coshf(x), cosh(x))
FUNCTION(elu, x > 0.0f ? x : a * expm1f(x), x > 0.0 ? x : a * expm1(x))
FUNCTION(erf, erff(x), erf(x))
FUNCTION(exp, wt_exp_f32(x), exp(x))
FUNCTION(floor, floorf(x), floor(x))
/* erfc, for 1 + erf would lose the left tail */
FUNCTION(gelu, 0.5f * x * erfcf(x * -0.70710678f), 0.5 * x * erfc(x * -0.70710678118654752))
FUNCTION(gelu_tanh, 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x))),
         0.5 * x * (1.0 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x))))
FUNCTION(hard_sigmoid, CLAMP01F(a *x + b), clamp01(a *x + b))
FUNCTION(hard_swish, x *CLAMP01F(x *(1.0f / 6.0f) + 0.5f), x *clamp01(x / 6.0 + 0.5))
FUNCTION(leaky_relu, x < 0.0f ? a * x : x, x < 0.0 ? a * x : x)
FUNCTION(log, logf(x), log(x))
FUNCTION(mish, x *tanhf(softplusf(x)), x *tanh(softplus(x)))
FUNCTION(neg, -x, -x)
FUNCTION(reciprocal, 1.0f / x, 1.0 / x)
FUNCTION(relu, x < 0.0f ? 0.0f : x, x < 0.0 ? 0.0 : x)
FUNCTION(round, nearbyintf(x), nearbyint(x))
FUNCTION(selu, x > 0.0f ? b * x : b * (a * expm1f(x)), x > 0.0 ? b * x : b * (a * expm1(x)))
FUNCTION(shrink, x<-b ? x + a : x> b ? x - a : 0.0f, x<-b ? x + a : x> b ? x - a : 0.0)
FUNCTION(sigmoid, wt_sigmoid_f32(x), sigmoid(x))
FUNCTION(sign, x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x, x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x)
FUNCTION(sin, sinf(x), sin(x))
FUNCTION(sinh, sinhf(x), sinh(x))
FUNCTION(softplus, softplusf(x), softplus(x))
FUNCTION(softsign, x / (1.0f + fabsf(x)), x / (1.0 + fabs(x)))
FUNCTION(sqrt, sqrtf(x), sqrt(x))
FUNCTION(swish, x *wt_sigmoid_f32(a *x), x *sigmoid(a *x))
FUNCTION(tan, tanf(x), tan(x))
FUNCTION(tanh, tanhf(x), tanh(x))
FUNCTION(thresholded_relu, x > a ? x : 0.0f, x > a ? x : 0.0)

#define FN(name) name##_f32, name##_f64
const wt_unary_def wt_unary_defs[] = {
    { .op = WT_OP_ABS, FN(abs), .keeps_zero = true },
    { .op = WT_OP_ACOS, FN(acos) },
    { .op = WT_OP_ACOSH, FN(acosh) },
    { .op = WT_OP_ASIN, FN(asin), .keeps_zero = true },
    { .op = WT_OP_ASINH, FN(asinh), .keeps_zero = true },
    { .op = WT_OP_ATAN, FN(atan), .keeps_zero = true },
    { .op = WT_OP_ATANH, FN(atanh), .keeps_zero = true },
    { .op = WT_OP_CEIL, FN(ceil), .keeps_zero = true },
    { .op = WT_OP_CELU, FN(celu), .a_name = "alpha", .a = 1.0f },
    { .op = WT_OP_COS, FN(cos) },
    { .op = WT_OP_COSH, FN(cosh) },
    { .op = WT_OP_ELU, FN(elu), .a_name = "alpha", .a = 1.0f },
    { .op = WT_OP_ERF, FN(erf), .keeps_zero = true },
    { .op = WT_OP_EXP, FN(exp) },
    { .op = WT_OP_FLOOR, FN(floor), .keeps_zero = true },
    { .op = WT_OP_GELU, FN(gelu), .keeps_zero = true },
    { .op = WT_OP_HARDSIGMOID, FN(hard_sigmoid), .a_name = "alpha", .b_name = "beta", .a = 0.2f, .b = 0.5f },
    { .op = WT_OP_HARDSWISH, FN(hard_swish), .keeps_zero = true },
    { .op = WT_OP_LEAKYRELU, FN(leaky_relu), .a_name = "alpha", .a = 0.01f },
    { .op = WT_OP_LOG, FN(log) },
    { .op = WT_OP_MISH, FN(mish), .keeps_zero = true },
    { .op = WT_OP_NEG, FN(neg), .keeps_zero = true },
    { .op = WT_OP_RECIPROCAL, FN(reciprocal) },
    { .op = WT_OP_RELU, FN(relu), .keeps_zero = true },
    { .op = WT_OP_ROUND, FN(round), .keeps_zero = true },
    { .op = WT_OP_SELU, FN(selu), .a_name = "alpha", .b_name = "gamma", .a = 1.67326319f, .b = 1.05070102f },
    { .op = WT_OP_SHRINK, FN(shrink), .a_name = "bias", .b_name = "lambd", .b = 0.5f },
    { .op = WT_OP_SIGMOID, FN(sigmoid) },
    { .op = WT_OP_SIGN, FN(sign), .keeps_zero = true },
    { .op = WT_OP_SIN, FN(sin), .keeps_zero = true },
    { .op = WT_OP_SINH, FN(sinh), .keeps_zero = true },
    { .op = WT_OP_SOFTPLUS, FN(softplus) },
    { .op = WT_OP_SOFTSIGN, FN(softsign), .keeps_zero = true },
    { .op = WT_OP_SQRT, FN(sqrt), .keeps_zero = true },
    { .op = WT_OP_SWISH, FN(swish), .a_name = "alpha", .a = 1.0f },
    { .op = WT_OP_TAN, FN(tan), .keeps_zero = true },
    { .op = WT_OP_TANH, FN(tanh), .keeps_zero = true },
    { .op = WT_OP_THRESHOLDEDRELU, FN(thresholded_relu), .a_name = "alpha", .a = 1.0f },
    /* the second form of Gelu: chosen by an attribute, not by the operator (unary.c) */
    { .op = WT_OP_UNKNOWN, FN(gelu_tanh), .keeps_zero = true },
};
