/* test_ops_elementwise.c - functions of one value, arithmetic and comparisons over broadcast operands, Where, Clip,
 * Cast. */
#include "op_harness.h"
#include <math.h>

/* --- one input
 * --------------------------------------------------------------------------------------------------------- */
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return log1p(exp(x)); }
static double gelu(double x) { return 0.5 * x * (1 + erf(x / sqrt(2))); }
static double mish(double x) { return x * tanh(softplus(x)); }
static double silu(double x) { return x * sigmoid(x); }
static double softsign(double x) { return x / (1 + fabs(x)); }
static double reciprocal(double x) { return 1 / x; }
static double negative(double x) { return -x; }
static double relu(double x) { return x > 0 ? x : 0; }
static double sign(double x) { return (x > 0) - (x < 0); }
static double elu(double x) { return x > 0 ? x : expm1(x); }
static double selu(double x) { return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x)); }
static double hard_sigmoid(double x) { return fmin(fmax(0.2 * x + 0.5, 0), 1); }
static double hard_swish(double x) { return x * fmin(fmax(x / 6 + 0.5, 0), 1); }
static double leaky(double x) { return x < 0 ? 0.01 * x : x; }
static double shrink(double x) { return x < -0.5 || x > 0.5 ? x : 0; }
static double thresholded(double x) { return x > 1 ? x : 0; }

static const struct {
    wt_opcode op;
    double (*f)(double);
    double low, high;
} functions[] = {
    { WT_OP_ABS, fabs, -3, 3 },
    { WT_OP_ACOS, acos, -1, 1 },
    { WT_OP_ACOSH, acosh, 1, 9 },
    { WT_OP_ASIN, asin, -1, 1 },
    { WT_OP_ASINH, asinh, -9, 9 },
    { WT_OP_ATAN, atan, -9, 9 },
    { WT_OP_ATANH, atanh, -0.9, 0.9 },
    { WT_OP_CEIL, ceil, -3, 3 },
    { WT_OP_CELU, elu, -3, 3 },
    { WT_OP_COS, cos, -9, 9 },
    { WT_OP_COSH, cosh, -3, 3 },
    { WT_OP_ELU, elu, -3, 3 },
    { WT_OP_ERF, erf, -3, 3 },
    { WT_OP_EXP, exp, -20, 5 },
    { WT_OP_FLOOR, floor, -3, 3 },
    { WT_OP_GELU, gelu, -4, 4 },
    { WT_OP_HARDSIGMOID, hard_sigmoid, -4, 4 },
    { WT_OP_HARDSWISH, hard_swish, -5, 5 },
    { WT_OP_LEAKYRELU, leaky, -3, 3 },
    { WT_OP_LOG, log, 0.01, 9 },
    { WT_OP_MISH, mish, -4, 4 },
    { WT_OP_NEG, negative, -3, 3 },
    { WT_OP_RECIPROCAL, reciprocal, 0.1, 3 },
    { WT_OP_RELU, relu, -3, 3 },
    { WT_OP_ROUND, nearbyint, -4, 4 },
    { WT_OP_SELU, selu, -3, 3 },
    { WT_OP_SHRINK, shrink, -2, 2 },
    { WT_OP_SIGMOID, sigmoid, -9, 9 },
    { WT_OP_SIGN, sign, -1, 1 },
    { WT_OP_SIN, sin, -9, 9 },
    { WT_OP_SINH, sinh, -3, 3 },
    { WT_OP_SOFTPLUS, softplus, -9, 9 },
    { WT_OP_SOFTSIGN, softsign, -9, 9 },
    { WT_OP_SQRT, sqrt, 0, 9 },
    { WT_OP_SWISH, silu, -9, 9 },
    { WT_OP_TAN, tan, -1, 1 },
    { WT_OP_TANH, tanh, -4, 4 },
    { WT_OP_THRESHOLDEDRELU, thresholded, -3, 3 },
};

static void real_functions(void **state)
{
    (void)state;
    for (size_t k = 0; k < WT_ARRAY_LEN(functions); k++) {
        static const wt_dtype types[] = { WT_F32, WT_F64, WT_F16, WT_BF16 };
        for (size_t d = 0; d < WT_ARRAY_LEN(types); d++) {
            op_test t;
            double x, y;
            op_begin(&t, functions[k].op);
            op_random(&t, types[d], "5x7x31", functions[k].low, functions[k].high, k);
            op_run(&t, 1);
            for (int64_t i = 0; i < 5 * 7 * 31; i++) {
                assert_true(wt_tensor_double(&t.in[0], i, &x) && wt_tensor_double(&t.out[0], i, &y));
                const double want = functions[k].f(x), size = fabs(want) + 0.01;
                const double bound = types[d] == WT_F64   ? 1e-6 /* attributes are floats */
                                     : types[d] == WT_F32 ? 4e-6
                                     : types[d] == WT_F16 ? 1e-3
                                                          : 8e-3;
                if (!(fabs(y - want) <= bound * size))
                    fail_msg("%s(%g) is %g, expected %g", t.kernel, x, y, want);
            }
            op_end(&t);
        }
    }
}

static void real_functions_in_blocks(void **state)
{
    (void)state;
    for (size_t k = 0; k < WT_ARRAY_LEN(functions); k++) {
        op_test t;
        op_begin(&t, functions[k].op);
        op_random(&t, WT_F32, "2x21x3x5", functions[k].low, functions[k].high, k);
        op_check_c16(&t);
        op_end(&t);
    }
}

static void functions_split_over_threads(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_SIGMOID);
    op_random(&t, WT_F32, "3x50001", -5, 5, 1);
    op_run(&t, 1);
    assert_true(t.threaded);
    op_end(&t);
    op_begin(&t, WT_OP_EXP);
    op_random(&t, WT_F32, "2x17x64x64", -5, 5, 1);
    op_check_c16(&t);
    op_end(&t);
}

static void exponential_is_accurate(void **state)
{
    static const float special[] = { 0,     -0.0f, INFINITY, -INFINITY, NAN,     88.7f,
                                     88.8f, 1000,  -87.5f,   -100,      -103.9f, -1e30f };
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_EXP);
    op_f32(&t, "12", special);
    op_run(&t, 1);
    for (size_t i = 0; i < 12; i++) {
        const float want = expf(special[i]), have = op_at(&t, 0, i);
        assert_true(have == want || (isnan(have) && isnan(want)) || fabsf(have - want) <= 2e-7f * want + 1.2e-38f);
    }
    op_end(&t);
    op_begin(&t, WT_OP_EXP);
    op_random(&t, WT_F32, "60000", -87, 88, 3);
    op_run(&t, 1);
    for (size_t i = 0; i < 60000; i++) {
        const double want = exp((double)((const float *)t.in[0].data)[i]);
        assert_true(fabs((double)op_at(&t, 0, i) - want) <= 1.8e-7 * want);
    }
    op_end(&t);
}

static void functions_of_integers(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_ABS);
    op_i32(&t, "4", (int32_t[]){ -5, 5, 0, INT32_MIN });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I32, "4", (int32_t[]){ 5, 5, 0, INT32_MIN });
    op_end(&t);
    op_begin(&t, WT_OP_NEG);
    op_in(&t, WT_I8, "3", (int8_t[]){ 1, -128, 7 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I8, "3", (int8_t[]){ -1, -128, -7 });
    op_end(&t);
    op_begin(&t, WT_OP_SIGN);
    op_in(&t, WT_U16, "3", (uint16_t[]){ 0, 1, 65535 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_U16, "3", (uint16_t[]){ 0, 1, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_BITWISENOT);
    op_i64(&t, "2", (int64_t[]){ 0, 6 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "2", (int64_t[]){ -1, -7 });
    op_end(&t);
    op_begin(&t, WT_OP_NOT);
    op_bool(&t, "3", (uint8_t[]){ 0, 1, 7 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_BOOL, "3", (uint8_t[]){ 1, 0, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_SQRT);
    op_i64(&t, "1", (int64_t[]){ 4 });
    op_refused(&t, 1, WT_EUNSUPPORTED, "no row");
    op_end(&t);
}

static void attributes_of_functions(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_GELU);
    op_text(&t, "approximate", "tanh");
    op_f32(&t, "2", (float[]){ 1, -2 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2", (float[]){ 0.841192f, -0.0454023f });
    op_end(&t);
    op_begin(&t, WT_OP_CELU);
    op_float(&t, "alpha", 2);
    op_f32(&t, "2", (float[]){ 3, -2 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2", (float[]){ 3, -1.2642411f });
    op_end(&t);
    op_begin(&t, WT_OP_ISINF);
    op_int(&t, "detect_negative", 0);
    op_f32(&t, "4", (float[]){ INFINITY, -INFINITY, NAN, 0 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_BOOL, "4", (uint8_t[]){ 1, 0, 0, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_ISNAN);
    op_f64(&t, "2x1x1x2", (double[]){ INFINITY, NAN, 1, -NAN });
    op_run(&t, 1);
    op_expect(&t, 0, WT_BOOL, "2x1x1x2", (uint8_t[]){ 0, 1, 0, 1 });
    op_end(&t);
}

/* --- two inputs
 * -------------------------------------------------------------------------------------------------------- */
static void add_broadcasts(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_ADD);
    op_f32(&t, "2x3", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_f32(&t, "3", (float[]){ 10, 20, 30 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x3", (float[]){ 11, 22, 33, 14, 25, 36 });
    op_end(&t);
    op_begin(&t, WT_OP_SUB);
    op_f32(&t, "scalar", (float[]){ 1 });
    op_f32(&t, "2x1", (float[]){ 10, 20 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x1", (float[]){ -9, -19 });
    op_end(&t);
    op_begin(&t, WT_OP_MUL);
    op_f32(&t, "2x1x2x1", (float[]){ 1, 2, 3, 4 });
    op_f32(&t, "3x1x2", (float[]){ 1, 10, 2, 20, 3, 30 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x3x2x2",
                  (float[]){ 1, 10, 2, 20, 2, 20, 4, 40, 3, 30, 6, 60, 3, 30, 4, 40, 6, 60, 8, 80, 9, 90, 12, 120 });
    op_end(&t);
    op_begin(&t, WT_OP_ADD);
    op_f32(&t, "0x3", NULL);
    t.in[0].data = "";
    op_f32(&t, "1", (float[]){ 1 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "0x3", NULL);
    op_end(&t);
    op_begin(&t, WT_OP_ADD);
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_f32(&t, "3", (float[]){ 1, 2, 3 });
    op_refused(&t, 1, WT_EFORMAT, "do not broadcast");
    op_end(&t);
    op_begin(&t, WT_OP_ADD);
    op_f32(&t, "1", (float[]){ 1 });
    op_i64(&t, "1", (int64_t[]){ 1 });
    op_refused(&t, 1, WT_EFORMAT, "same element type");
    op_end(&t);
}

/* Every pair of shapes from a list that broadcasts, against index arithmetic. */
static void broadcasts_against_indices(void **state)
{
    static const char *const shapes[] = { "2x3x4x5", "1x3x1x1", "3x1x1",   "5", "4x1",    "2x1x4x1",
                                          "1x1x1x5", "scalar",  "2x3x1x5", "1", "1x1x1x1" };
    (void)state;
    for (size_t a = 0; a < WT_ARRAY_LEN(shapes); a++)
        for (size_t b = 0; b < WT_ARRAY_LEN(shapes); b++) {
            op_test t;
            op_begin(&t, WT_OP_SUB);
            op_random(&t, WT_F32, shapes[a], -1, 1, a);
            op_random(&t, WT_F32, shapes[b], -1, 1, 100 + b);
            op_run(&t, 1);
            const wt_shape *y = &t.out[0].shape;
            const size_t n = (size_t)wt_shape_product(y, 0, y->rank);
            for (size_t i = 0; i < n; i++) {
                float v[2];
                for (int k = 0; k < 2; k++) {
                    const wt_shape *s = &t.in[k].shape;
                    size_t rest = i, at = 0, step = 1;
                    for (int d = y->rank - 1; d >= 0; d--) {
                        const int own = d - (y->rank - s->rank);
                        const size_t pos = rest % (size_t)y->dim[d];
                        rest /= (size_t)y->dim[d];
                        if (own >= 0 && s->dim[own] > 1)
                            at += pos * step;
                        step *= own >= 0 ? (size_t)s->dim[own] : 1;
                    }
                    v[k] = ((const float *)t.in[k].data)[at];
                }
                assert_true(op_at(&t, 0, i) == v[0] - v[1]);
            }
            op_end(&t);
        }
}

static void arithmetic_in_blocks(void **state)
{
    static const char *const other[] = { "2x21x3x5", "1x21x1x1", "21x1x1", "scalar", "1", "1x21x3x5" };
    static const wt_opcode ops[] = { WT_OP_ADD, WT_OP_DIV, WT_OP_PRELU, WT_OP_POW };
    (void)state;
    for (size_t o = 0; o < WT_ARRAY_LEN(ops); o++)
        for (size_t k = 0; k < WT_ARRAY_LEN(other); k++) {
            op_test t;
            op_begin(&t, ops[o]);
            op_random(&t, WT_F32, "2x21x3x5", 0.5, 2, 1);
            op_random(&t, WT_F32, other[k], 0.5, 2, 2);
            op_check_c16(&t);
            op_end(&t);
        }
}

static void blocks_meet_blocks_of_one_pixel(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_MUL);
    op_random(&t, WT_F32, "2x21x3x5", -1, 1, 1);
    op_random(&t, WT_F32, "2x21x1x1", -1, 1, 2);
    op_run(&t, 1);
    const wt_tensor plain = t.out[0];
    const wt_tensor x = t.in[0], s = t.in[1];
    t.n_in = 1;
    op_c16(&t);
    t.n_in = 2;
    op_c16(&t);
    t.out_layout = WT_C16;
    op_run(&t, 1);
    for (size_t i = 0; i < 2 * 21 * 15; i++)
        assert_true(op_at(&t, 0, i) == ((const float *)plain.data)[i]);
    t.in[0] = x;
    t.in[1] = s;
    op_end(&t);
}

static void layouts_are_refused_where_they_do_not_fit(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_ADD);
    op_random(&t, WT_F32, "1x16x2x3", 0, 1, 1);
    op_c16(&t);
    op_random(&t, WT_F32, "2x3", 0, 1, 1);
    t.out_layout = WT_C16;
    op_refused(&t, 1, WT_EUNSUPPORTED, "no row");
    op_end(&t);
    op_begin(&t, WT_OP_SOFTMAX);
    op_random(&t, WT_F32, "1x16x2x3", 0, 1, 1);
    op_c16(&t);
    t.out_layout = WT_C16;
    op_refused(&t, 1, WT_EUNSUPPORTED, "no row");
    op_end(&t);
}

static void large_operands_are_split(void **state)
{
    static const char *const other[] = { "1x7x1x1", "scalar", "3x7x80x90", "90", "3x1x80x1" };
    (void)state;
    for (size_t k = 0; k < WT_ARRAY_LEN(other); k++) {
        op_test t;
        op_begin(&t, WT_OP_ADD);
        op_random(&t, WT_F32, "3x7x80x90", -1, 1, 1);
        op_random(&t, WT_F32, other[k], -1, 1, 2);
        op_run(&t, 1);
        assert_true(t.threaded);
        op_end(&t);
    }
}

static void integers_wrap_and_divide(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_ADD);
    op_i32(&t, "2", (int32_t[]){ INT32_MAX, INT32_MIN });
    op_i32(&t, "2", (int32_t[]){ 1, -1 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I32, "2", (int32_t[]){ INT32_MIN, INT32_MAX });
    op_end(&t);
    op_begin(&t, WT_OP_MUL);
    op_in(&t, WT_U16, "1", (uint16_t[]){ 65535 });
    op_in(&t, WT_U16, "1", (uint16_t[]){ 65535 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_U16, "1", (uint16_t[]){ 1 });
    op_end(&t);
    op_begin(&t, WT_OP_DIV);
    op_i64(&t, "5", (int64_t[]){ 7, -7, 5, INT64_MIN, INT64_MIN });
    op_i64(&t, "5", (int64_t[]){ 2, 2, 0, -1, 1 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "5", (int64_t[]){ 3, -3, 0, INT64_MIN, INT64_MIN });
    op_end(&t);
    op_begin(&t, WT_OP_MOD);
    op_i32(&t, "5", (int32_t[]){ -7, 7, 7, INT32_MIN, 3 });
    op_i32(&t, "5", (int32_t[]){ 3, -3, 3, -1, 0 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I32, "5", (int32_t[]){ 2, -2, 1, 0, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_MOD);
    op_int(&t, "fmod", 1);
    op_f32(&t, "2", (float[]){ -7, 5.5f });
    op_f32(&t, "2", (float[]){ 3, -2 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2", (float[]){ -1, 1.5f });
    op_end(&t);
    op_begin(&t, WT_OP_BITSHIFT);
    op_text(&t, "direction", "LEFT");
    op_u8(&t, "3", (uint8_t[]){ 1, 200, 3 });
    op_u8(&t, "3", (uint8_t[]){ 3, 1, 8 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_U8, "3", (uint8_t[]){ 8, 144, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_BITSHIFT);
    op_text(&t, "direction", "RIGHT");
    op_i32(&t, "4", (int32_t[]){ -8, 8, -1, -5 });
    op_i32(&t, "4", (int32_t[]){ 1, 1, 40, -1 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I32, "4", (int32_t[]){ -4, 4, -1, -1 });
    op_end(&t);
    op_begin(&t, WT_OP_BITWISEXOR);
    op_i64(&t, "2", (int64_t[]){ 5, -1 });
    op_i64(&t, "1", (int64_t[]){ 3 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "2", (int64_t[]){ 6, -4 });
    op_end(&t);
}

static void powers_of_mixed_types(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_POW);
    op_f32(&t, "4", (float[]){ 2, -3, 0.5f, 9 });
    op_f32(&t, "scalar", (float[]){ 2 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "4", (float[]){ 4, 9, 0.25f, 81 });
    op_end(&t);
    op_begin(&t, WT_OP_POW);
    op_i64(&t, "4", (int64_t[]){ 3, -1, 7, 2 });
    op_i64(&t, "4", (int64_t[]){ 4, -3, -1, 62 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "4", (int64_t[]){ 81, -1, 0, INT64_C(1) << 62 });
    op_end(&t);
    op_begin(&t, WT_OP_POW);
    op_i32(&t, "2", (int32_t[]){ 2, 9 });
    op_f32(&t, "1", (float[]){ 0.5f });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I32, "2", (int32_t[]){ 1, 3 });
    op_end(&t);
    op_begin(&t, WT_OP_POW);
    op_f32(&t, "2", (float[]){ 2, 9 });
    op_i64(&t, "2", (int64_t[]){ 3, -1 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2", (float[]){ 8, 0.11111111f });
    op_end(&t);
}

static void comparisons(void **state)
{
    const wt_string a[3] = { { "ab", 2 }, { "b", 1 }, { "", 0 } }, b[3] = { { "ab", 2 }, { "c", 1 }, { NULL, 0 } };
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_EQUAL);
    op_in(&t, WT_STRING, "3", a);
    op_in(&t, WT_STRING, "3", b);
    op_run(&t, 1);
    op_expect(&t, 0, WT_BOOL, "3", (uint8_t[]){ 1, 0, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_GREATEROREQUAL);
    op_f32(&t, "3", (float[]){ 1, NAN, 3 });
    op_f32(&t, "1", (float[]){ 1 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_BOOL, "3", (uint8_t[]){ 1, 0, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_LESS);
    op_in(&t, WT_F16, "2", (uint16_t[]){ 0x3c00, 0xbc00 });
    op_in(&t, WT_F16, "1", (uint16_t[]){ 0x0000 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_BOOL, "2", (uint8_t[]){ 0, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_XOR);
    op_bool(&t, "4", (uint8_t[]){ 0, 1, 2, 0 });
    op_bool(&t, "4", (uint8_t[]){ 0, 0, 1, 4 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_BOOL, "4", (uint8_t[]){ 0, 1, 0, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_AND);
    op_f32(&t, "1", (float[]){ 1 });
    op_f32(&t, "1", (float[]){ 1 });
    op_refused(&t, 1, WT_EUNSUPPORTED, "no row");
    op_end(&t);
}

static void many_operands(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_MEAN);
    op_f32(&t, "2x1", (float[]){ 3, 6 });
    op_f32(&t, "2", (float[]){ 0, 3 });
    op_f32(&t, "scalar", (float[]){ 3 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x2", (float[]){ 2, 3, 3, 4 });
    op_end(&t);
    op_begin(&t, WT_OP_MAX);
    op_f32(&t, "3", (float[]){ 1, NAN, 3 });
    op_f32(&t, "3", (float[]){ 2, 5, NAN });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "3", (float[]){ 2, NAN, NAN });
    op_end(&t);
    op_begin(&t, WT_OP_MIN);
    op_in(&t, WT_I8, "2", (int8_t[]){ 1, -2 });
    op_in(&t, WT_I8, "1", (int8_t[]){ -1 });
    op_in(&t, WT_I8, "2x1", (int8_t[]){ 0, -128 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I8, "2x2", (int8_t[]){ -1, -2, -128, -128 });
    op_end(&t);
    op_begin(&t, WT_OP_SUM);
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2", (float[]){ 1, 2 });
    op_end(&t);
    op_begin(&t, WT_OP_SUM);
    op_random(&t, WT_F32, "2x18x4x4", -1, 1, 1);
    op_random(&t, WT_F32, "2x18x4x4", -1, 1, 2);
    op_random(&t, WT_F32, "1x18x1x1", -1, 1, 3);
    op_check_c16(&t);
    op_end(&t);
}

static void where_chooses(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_WHERE);
    op_bool(&t, "2x1", (uint8_t[]){ 1, 0 });
    op_i64(&t, "3", (int64_t[]){ 1, 2, 3 });
    op_i64(&t, "scalar", (int64_t[]){ -1 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "2x3", (int64_t[]){ 1, 2, 3, -1, -1, -1 });
    op_end(&t);
    op_begin(&t, WT_OP_WHERE);
    op_bool(&t, "2", (uint8_t[]){ 1, 0 });
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_f32(&t, "2", (float[]){ 3, 4 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2", (float[]){ 1, 4 });
    op_end(&t);
    op_begin(&t, WT_OP_WHERE);
    op_i64(&t, "1", (int64_t[]){ 1 });
    op_f32(&t, "1", (float[]){ 1 });
    op_f32(&t, "1", (float[]){ 3 });
    op_refused(&t, 1, WT_EFORMAT, "expected bool");
    op_end(&t);
}

static void clip_bounds(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_CLIP);
    op_f32(&t, "5", (float[]){ -5, 0, 9, NAN, -INFINITY });
    op_omit(&t);
    op_f32(&t, "scalar", (float[]){ 6 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "5", (float[]){ -5, 0, 6, NAN, -INFINITY });
    op_end(&t);
    op_begin(&t, WT_OP_CLIP);
    op_in(&t, WT_I8, "3", (int8_t[]){ -128, 0, 127 });
    op_in(&t, WT_I8, "scalar", (int8_t[]){ -1 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I8, "3", (int8_t[]){ -1, 0, 127 });
    op_end(&t);
    op_begin(&t, WT_OP_CLIP); /* the upper bound wins where they cross */
    op_f32(&t, "2", (float[]){ 0, 9 });
    op_f32(&t, "scalar", (float[]){ 5 });
    op_f32(&t, "scalar", (float[]){ 1 });
    op_hide(&t);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2", (float[]){ 1, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_CLIP);
    op_random(&t, WT_F32, "2x21x3x5", -2, 2, 1);
    op_f32(&t, "scalar", (float[]){ 0.25f });
    op_check_c16(&t);
    op_end(&t);
}

/* --- Cast
 * --------------------------------------------------------------------------------------------------------------- */
static void cast_numbers(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_CAST);
    op_int(&t, "to", 6);
    op_f32(&t, "4", (float[]){ 1.9f, -1.9f, 3e9f, NAN });
    op_run(&t, 1);
    op_expect_shape(&t, 0, WT_I32, "4");
    assert_int_equal(((const int32_t *)t.out[0].data)[1], -1);
    op_end(&t);
    op_begin(&t, WT_OP_CAST);
    op_int(&t, "to", 22);
    op_random(&t, WT_I32, "513", -8, 8, 1);
    op_run(&t, 1);
    op_expect_shape(&t, 0, WT_I4, "513");
    op_end(&t);
    op_begin(&t, WT_OP_CAST);
    op_int(&t, "to", 1);
    op_random(&t, WT_F16, "3x60001", -8, 8, 1);
    op_run(&t, 1);
    assert_true(t.threaded);
    op_end(&t);
    op_begin(&t, WT_OP_CAST);
    op_int(&t, "to", 99);
    op_f32(&t, "1", (float[]){ 1 });
    op_refused(&t, 1, WT_EFORMAT, "no element type");
    op_end(&t);
    op_begin(&t, WT_OP_CASTLIKE);
    op_f32(&t, "2", (float[]){ 1.5f, 0 });
    op_bool(&t, "1", (uint8_t[]){ 1 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_BOOL, "2", (uint8_t[]){ 1, 0 });
    op_end(&t);
}

static void bits_keep_their_places(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_BITCAST);
    op_int(&t, "to", 6);
    op_f32(&t, "2", (float[]){ 1, -0.0f });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I32, "2", (int32_t[]){ 0x3f800000, INT32_MIN });
    op_end(&t);
    op_begin(&t, WT_OP_BITCAST);
    op_int(&t, "to", 7);
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_refused(&t, 1, WT_EFORMAT, "float32 cannot be read as int64: the widths differ");
    op_end(&t);
}

static void cast_text(void **state)
{
    static const char *const want[] = { "0.1", "-INF", "NaN", "1e+10", "3" };
    const wt_string text[4] = { { "1.5", 3 }, { "-7", 2 }, { "1e3", 3 }, { "9223372036854775807", 19 } };
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_CAST);
    op_int(&t, "to", 8);
    op_f32(&t, "5", (float[]){ 0.1f, -INFINITY, NAN, 1e10f, 3 });
    op_run(&t, 1);
    for (size_t i = 0; i < 5; i++) {
        const wt_string s = ((const wt_string *)t.out[0].data)[i];
        assert_int_equal(s.len, strlen(want[i]));
        assert_memory_equal(s.data, want[i], s.len);
    }
    op_end(&t);
    op_begin(&t, WT_OP_CAST);
    op_int(&t, "to", 11);
    op_in(&t, WT_STRING, "3", text);
    op_run(&t, 1);
    op_expect_f64(&t, 0, "3", (double[]){ 1.5, -7, 1000 });
    op_end(&t);
    op_begin(&t, WT_OP_CAST);
    op_int(&t, "to", 7);
    op_in(&t, WT_STRING, "2", text + 2);
    op_run(&t, 1);
    op_expect_i64(&t, 0, "2", (int64_t[]){ 1000, INT64_MAX });
    op_end(&t);
    op_begin(&t, WT_OP_CAST);
    op_int(&t, "to", 1);
    op_in(&t, WT_STRING, "1", &(wt_string){ "1.5 apples", 10 });
    op_refused(&t, 1, WT_EFORMAT, "no number");
    op_end(&t);
}

static void dropout_keeps_or_drops(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_DROPOUT);
    op_f32(&t, "3", (float[]){ 1, 2, 3 });
    op_run(&t, 2);
    op_expect_f32(&t, 0, "3", (float[]){ 1, 2, 3 });
    op_expect(&t, 1, WT_BOOL, "3", (uint8_t[]){ 1, 1, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_DROPOUT);
    op_random(&t, WT_F32, "1000", 1, 2, 1);
    op_f32(&t, "scalar", (float[]){ 0.25f });
    op_bool(&t, "scalar", (uint8_t[]){ 1 });
    op_run(&t, 2);
    int kept = 0;
    for (size_t i = 0; i < 1000; i++) {
        const bool keep = ((const uint8_t *)t.out[1].data)[i];
        kept += keep;
        assert_true(fabsf(op_at(&t, 0, i) - (keep ? ((const float *)t.in[0].data)[i] / 0.75f : 0)) < 1e-5f);
    }
    assert_in_range(kept, 690, 810);
    op_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_functions),
        cmocka_unit_test(real_functions_in_blocks),
        cmocka_unit_test(functions_split_over_threads),
        cmocka_unit_test(exponential_is_accurate),
        cmocka_unit_test(functions_of_integers),
        cmocka_unit_test(attributes_of_functions),
        cmocka_unit_test(add_broadcasts),
        cmocka_unit_test(broadcasts_against_indices),
        cmocka_unit_test(arithmetic_in_blocks),
        cmocka_unit_test(blocks_meet_blocks_of_one_pixel),
        cmocka_unit_test(layouts_are_refused_where_they_do_not_fit),
        cmocka_unit_test(large_operands_are_split),
        cmocka_unit_test(integers_wrap_and_divide),
        cmocka_unit_test(powers_of_mixed_types),
        cmocka_unit_test(comparisons),
        cmocka_unit_test(many_operands),
        cmocka_unit_test(where_chooses),
        cmocka_unit_test(clip_bounds),
        cmocka_unit_test(cast_numbers),
        cmocka_unit_test(bits_keep_their_places),
        cmocka_unit_test(cast_text),
        cmocka_unit_test(dropout_keeps_or_drops),
    };
    return wt_test_run("elementwise operators", tests, WT_ARRAY_LEN(tests));
}
