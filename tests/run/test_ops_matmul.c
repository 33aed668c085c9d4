/* test_ops_matmul.c - products: MatMul, Gemm, Linear, Einsum. */
#include "op_harness.h"
#include <math.h>
#include <stdio.h>

/* Element [i, j] of the product of two plain matrices, in double. */
static double product_at(const wt_tensor *a, size_t a_row, size_t a_col, const wt_tensor *b, size_t b_row, size_t b_col,
                         size_t k, size_t i, size_t j)
{
    double sum = 0, x, y;
    for (size_t p = 0; p < k; p++) {
        wt_tensor_double(a, (int64_t)(i * a_row + p * a_col), &x);
        wt_tensor_double(b, (int64_t)(p * b_row + j * b_col), &y);
        sum += x * y;
    }
    return sum;
}

static void near(double have, double want, double bound)
{
    if (!(fabs(have - want) <= bound * (fabs(want) + 1)))
        fail_msg("%g, expected %g", have, want);
}

static void matmul_of_all_sizes(void **state)
{
    static const size_t sizes[][3] = { { 1, 1, 1 },    { 4, 8, 3 },    { 5, 9, 17 }, { 1, 70, 33 },
                                       { 3, 65, 130 }, { 70, 12, 40 }, { 2, 3, 0 },  { 130, 7, 5 } };
    static const wt_dtype types[] = { WT_F32, WT_F64, WT_F16, WT_BF16 };
    (void)state;
    for (size_t s = 0; s < WT_ARRAY_LEN(sizes); s++)
        for (size_t d = 0; d < WT_ARRAY_LEN(types); d++) {
            const size_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
            char a[32], b[32];
            double y;
            op_test t;
            snprintf(a, sizeof a, "%zux%zu", m, k);
            snprintf(b, sizeof b, "%zux%zu", k, n);
            op_begin(&t, WT_OP_MATMUL);
            op_random(&t, types[d], a, -1, 1, s);
            op_random(&t, types[d], b, -1, 1, s + 100);
            op_run(&t, 1);
            for (size_t i = 0; i < m; i++)
                for (size_t j = 0; j < n; j++) {
                    wt_tensor_double(&t.out[0], (int64_t)(i * n + j), &y);
                    near(y, product_at(&t.in[0], k, 1, &t.in[1], n, 1, k, i, j),
                         types[d] == WT_BF16  ? 8e-3
                         : types[d] == WT_F16 ? 1e-3
                                              : 2e-6);
                }
            op_end(&t);
        }
}

static void matmul_batches_and_vectors(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_MATMUL);
    op_f32(&t, "2x1x1x2", (float[]){ 1, 2, 3, 4 });
    op_f32(&t, "3x2x1", (float[]){ 1, 1, 2, 2, 3, 3 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x3x1x1", (float[]){ 3, 6, 9, 7, 14, 21 });
    op_end(&t);
    op_begin(&t, WT_OP_MATMUL);
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_f32(&t, "2x3", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "3", (float[]){ 9, 12, 15 });
    op_end(&t);
    op_begin(&t, WT_OP_MATMUL);
    op_i64(&t, "2", (int64_t[]){ 1, 2 });
    op_i64(&t, "2", (int64_t[]){ 3, INT64_MAX });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "scalar", (int64_t[]){ 1 });
    op_end(&t);
    op_begin(&t, WT_OP_MATMUL);
    op_random(&t, WT_F32, "2x3x40x50", -1, 1, 1);
    op_random(&t, WT_F32, "50x60", -1, 1, 2);
    op_run(&t, 1);
    assert_true(t.threaded);
    op_end(&t);
    op_begin(&t, WT_OP_MATMUL);
    op_random(&t, WT_F32, "1x4000", -1, 1, 1);
    op_random(&t, WT_F32, "4000x100", -1, 1, 2);
    op_run(&t, 1);
    assert_true(t.threaded);
    op_end(&t);
    op_begin(&t, WT_OP_MATMUL);
    op_f32(&t, "2x3", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_f32(&t, "2x3", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_refused(&t, 1, WT_EFORMAT, "inner dimensions differ");
    op_end(&t);
    op_begin(&t, WT_OP_MATMUL);
    op_f32(&t, "scalar", (float[]){ 1 });
    op_f32(&t, "1", (float[]){ 1 });
    op_refused(&t, 1, WT_EFORMAT, "scalar");
    op_end(&t);
}

static void gemm(void **state)
{
    static const char *const bias[] = { "13x21", "21", "13x1", "1", "scalar", NULL };
    static const wt_dtype types[] = { WT_F32, WT_F64, WT_F16 };
    (void)state;
    for (int variant = 0; variant < 4 * 6 * 3; variant++) {
        const bool ta = variant & 1, tb = variant & 2;
        const char *c = bias[variant / 4 % 6];
        const wt_dtype type = types[variant / 24];
        double y, add;
        op_test t;
        op_begin(&t, WT_OP_GEMM);
        op_int(&t, "transA", ta);
        op_int(&t, "transB", tb);
        op_float(&t, "alpha", 0.5f);
        op_float(&t, "beta", 2);
        op_random(&t, type, ta ? "19x13" : "13x19", -1, 1, 1);
        op_random(&t, type, tb ? "21x19" : "19x21", -1, 1, 2);
        if (c)
            op_random(&t, type, c, -1, 1, 3);
        op_run(&t, 1);
        for (size_t i = 0; i < 13; i++)
            for (size_t j = 0; j < 21; j++) {
                const size_t at = !c                     ? 0
                                  : variant / 4 % 6 == 0 ? i * 21 + j
                                  : variant / 4 % 6 == 1 ? j
                                  : variant / 4 % 6 == 2 ? i
                                                         : 0;
                add = 0;
                if (c)
                    wt_tensor_double(&t.in[2], (int64_t)at, &add);
                wt_tensor_double(&t.out[0], (int64_t)(i * 21 + j), &y);
                near(
                    y,
                    0.5 * product_at(&t.in[0], ta ? 1 : 19, ta ? 13 : 1, &t.in[1], tb ? 1 : 21, tb ? 19 : 1, 19, i, j) +
                        2 * add,
                    type == WT_F16 ? 2e-3 : 2e-6);
            }
        op_end(&t);
    }
    op_test t;
    op_begin(&t, WT_OP_GEMM);
    op_i32(&t, "1x2", (int32_t[]){ 3, 4 });
    op_i32(&t, "2x1", (int32_t[]){ 5, 6 });
    op_i32(&t, "scalar", (int32_t[]){ INT32_MAX });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I32, "1x1", (int32_t[]){ INT32_MIN + 38 });
    op_end(&t);
    op_begin(&t, WT_OP_GEMM);
    op_random(&t, WT_F32, "2x3", 0, 1, 1);
    op_random(&t, WT_F32, "3x4", 0, 1, 1);
    op_random(&t, WT_F32, "3", 0, 1, 1);
    op_refused(&t, 1, WT_EFORMAT, "do not broadcast");
    op_end(&t);
    op_begin(&t, WT_OP_GEMM);
    op_random(&t, WT_F32, "1x3", 0, 1, 1);
    op_random(&t, WT_F32, "3x4", 0, 1, 1);
    op_random(&t, WT_F32, "2x4", 0, 1, 1);
    op_refused(&t, 1, WT_EFORMAT, "C does not broadcast");
    op_end(&t);
    op_begin(&t, WT_OP_GEMM);
    op_int(&t, "transA", 1);
    op_random(&t, WT_F32, "100x70", 0, 1, 1);
    op_random(&t, WT_F32, "100x90", 0, 1, 1);
    op_run(&t, 1);
    assert_true(t.threaded);
    op_end(&t);
}

/* Every activation, both directions of the weights, floats and halves, few and many rows. */
static void linear(void **state)
{
    static const wt_dtype types[] = { WT_F32, WT_F16, WT_BF16 };
    (void)state;
    for (int variant = 0; variant < WT_ACT_COUNT * 3 * 2 * 2; variant++) {
        const int act = variant % WT_ACT_COUNT, rest = variant / WT_ACT_COUNT;
        const wt_dtype type = types[rest % 3];
        const bool tb = rest / 3 % 2, many = rest / 6;
        const size_t m = many ? 9 : 2;
        double y, bias, residual;
        op_test t;
        op_begin(&t, WT_OP_LINEAR);
        op_int(&t, "trans_b", tb);
        op_int(&t, "act", act);
        op_random(&t, WT_F32, many ? "3x3x33" : "1x2x33", -1, 1, 1);
        op_random(&t, type, tb ? "71x33" : "33x71", -1, 1, 2);
        op_random(&t, WT_F32, "71", -1, 1, 3);
        if (variant % 3)
            op_random(&t, WT_F32, many ? "3x3x71" : "1x2x71", -1, 1, 4);
        op_run(&t, 1);
        const wt_act_params params = wt_act_from_attrs(&(wt_attrs){ t.attrs, t.n_attrs });
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < 71; j++) {
                wt_tensor_double(&t.in[2], (int64_t)j, &bias);
                residual = 0;
                if (variant % 3)
                    wt_tensor_double(&t.in[3], (int64_t)(i * 71 + j), &residual);
                wt_tensor_double(&t.out[0], (int64_t)(i * 71 + j), &y);
                const double sum = product_at(&t.in[0], 33, 1, &t.in[1], tb ? 1 : 71, tb ? 33 : 1, 33, i, j) + bias +
                                   residual;
                near(y, (double)wt_act_apply(params, (float)sum), 3e-6);
            }
        op_end(&t);
    }
    op_test t;
    op_begin(&t, WT_OP_LINEAR);
    op_random(&t, WT_F32, "2x3", 0, 1, 1);
    op_random(&t, WT_F32, "3x4", 0, 1, 1);
    op_random(&t, WT_F32, "3", 0, 1, 1);
    op_refused(&t, 1, WT_EFORMAT, "expected 4");
    op_end(&t);
}

static void activations(void **state)
{
    static const struct {
        wt_act act;
        float alpha, beta, x, want;
    } cases[] = { { WT_ACT_NONE, 0, 0, -3, -3 },
                  { WT_ACT_RELU, 0, 0, -3, 0 },
                  { WT_ACT_CLIP, 0, 6, 7, 6 },
                  { WT_ACT_CLIP, -1, 6, -7, -1 },
                  { WT_ACT_LEAKY, 0.1f, 0, -3, -0.3f },
                  { WT_ACT_SIGMOID, 0, 0, 1, 0.731058579f },
                  { WT_ACT_HARDSIGMOID, 0.2f, 0.5f, 1, 0.7f },
                  { WT_ACT_HARDSWISH, 1.0f / 6, 0.5f, 1, 0.666666667f },
                  { WT_ACT_SILU, 1, 0, 2, 1.76159416f },
                  { WT_ACT_TANH, 0, 0, 1, 0.761594156f },
                  { WT_ACT_GELU, 0, 0, 1, 0.841344746f },
                  { WT_ACT_GELU_TANH, 0, 0, 1, 0.841191991f },
                  { WT_ACT_GELU, 0, 0, -5, -1.43325783e-6f } };
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        const wt_act_params p = { cases[i].act, cases[i].alpha, cases[i].beta };
        assert_true(fabsf(wt_act_apply(p, cases[i].x) - cases[i].want) <= 1e-6f * fabsf(cases[i].want));
    }
    const wt_attr bad[] = { { .name = "act", .type = WT_ATTR_INT, .count = 1, .v.i = 99 } };
    assert_int_equal(wt_act_from_attrs(&(wt_attrs){ bad, 1 }).act, WT_ACT_NONE);
}

static void einsum(void **state)
{
    static const struct {
        const char *equation, *a, *b, *shape;
    } products[] = { { "bij,bjk->bik", "2x3x4", "2x4x5", "2x3x5" },
                     { "bhqd,bhkd->bhqk", "2x3x4x5", "2x3x6x5", "2x3x4x6" },
                     { "ij,kj", "3x4", "5x4", "3x5" },
                     { "i,j->ij", "3", "4", "3x4" },
                     { "...ij,jk->...ik", "2x2x3x4", "4x5", "2x2x3x5" },
                     { "abc,cd->dab", "2x3x4", "4x5", "5x2x3" },
                     { "ij,ij->", "3x4", "3x4", "scalar" },
                     { " b i , b j -> b i j ", "2x3", "2x4", "2x3x4" } };
    op_test t;
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(products); i++) { /* the matrix product against the nested loops */
        op_begin(&t, WT_OP_EINSUM);
        op_text(&t, "equation", products[i].equation);
        op_random(&t, WT_F32, products[i].a, -1, 1, 1);
        op_random(&t, WT_F32, products[i].b, -1, 1, 2);
        op_run(&t, 1);
        const wt_tensor fast = t.out[0];
        op_expect_shape(&t, 0, WT_F32, products[i].shape);
        assert_string_equal(t.kernel, "einsum_f32_ref");
        t.only = "einsum_ref";
        op_run(&t, 1);
        op_expect_f32(&t, 0, products[i].shape, fast.data);
        op_end(&t);
    }
    op_begin(&t, WT_OP_EINSUM);
    op_text(&t, "equation", "ii->i");
    op_f32(&t, "2x2", (float[]){ 1, 2, 3, 4 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2", (float[]){ 1, 4 });
    op_end(&t);
    op_begin(&t, WT_OP_EINSUM);
    op_text(&t, "equation", "ij->ji");
    op_i64(&t, "1x2", (int64_t[]){ 1, 2 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "2x1", (int64_t[]){ 1, 2 });
    op_end(&t);
    op_begin(&t, WT_OP_EINSUM); /* summed over one operand alone, three operands, broadcasting */
    op_text(&t, "equation", "ik,kj,j->i");
    op_f32(&t, "2x2", (float[]){ 1, 2, 3, 4 });
    op_f32(&t, "2x1", (float[]){ 1, 1 });
    op_f32(&t, "3", (float[]){ 1, 2, 3 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2", (float[]){ 18, 42 });
    op_end(&t);
    op_begin(&t, WT_OP_EINSUM);
    op_text(&t, "equation", "abc,cd->dab");
    op_random(&t, WT_F32, "20x30x40", -1, 1, 1);
    op_random(&t, WT_F32, "40x50", -1, 1, 2);
    op_run(&t, 1);
    assert_true(t.threaded);
    op_end(&t);
    static const struct {
        const char *equation, *part;
    } bad[] = { { "ij,jk->ikz", "occurs in no input" },
                { "ij->i", "1 terms" },
                { "ij,jk,kl->il", "more terms" },
                { "i$,jk->i", "contains '$'" },
                { "ij,jk-ik", "without '>'" },
                { "ijk,jk->i", "3 labels" },
                { "ij,jk->ii", "repeats a label" },
                { "..ij,jk->ik", "stray dot" },
                { "ij,ik->ik", "elsewhere" },
                { "ij,jk->ik,", "goes on" },
                { "", "0 labels" } };
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++) {
        op_begin(&t, WT_OP_EINSUM);
        op_text(&t, "equation", bad[i].equation);
        op_random(&t, WT_F32, "2x3", -1, 1, 1);
        op_random(&t, WT_F32, "3x4", -1, 1, 1);
        op_refused(&t, 1, WT_EFORMAT, bad[i].part);
        op_end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matmul_of_all_sizes),
        cmocka_unit_test(matmul_batches_and_vectors),
        cmocka_unit_test(gemm),
        cmocka_unit_test(linear),
        cmocka_unit_test(activations),
        cmocka_unit_test(einsum),
    };
    return wt_test_run("products", tests, WT_ARRAY_LEN(tests));
}
