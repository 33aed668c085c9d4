/* test_ops_nn.c - convolution, pooling, normalization, attention: hand-checked cases, and what a hostile file may say.
 */
#include "op_harness.h"
#include <math.h>

static const float ramp[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static void conv_by_hand(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_CONV);
    op_f32(&t, "1x1x4x4", ramp);
    op_f32(&t, "1x1x3x3", (float[]){ 1, 1, 1, 1, 1, 1, 1, 1, 1 });
    op_ints(&t, "pads", (int64_t[]){ 1, 1, 1, 1 }, 4);
    op_ints(&t, "strides", (int64_t[]){ 2, 2 }, 2);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x1x2x2", (float[]){ 14, 30, 57, 99 });
    op_end(&t);
    op_begin(&t, WT_OP_CONV); /* groups, bias, one dimension, dilation */
    op_f32(&t, "1x2x5", (float[]){ 1, 2, 3, 4, 5, 10, 20, 30, 40, 50 });
    op_f32(&t, "2x1x2", (float[]){ 1, 1, 1, -1 });
    op_f32(&t, "2", (float[]){ 0.5f, 1 });
    op_int(&t, "group", 2);
    op_ints(&t, "dilations", (int64_t[]){ 2 }, 1);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x2x3", (float[]){ 4.5f, 6.5f, 8.5f, -19, -19, -19 });
    op_end(&t);
}

static void conv_epilogue_and_layouts(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_CONV);
    op_f32(&t, "1x1x2x2", (float[]){ 1, -2, 3, -4 });
    op_f32(&t, "1x1x1x1", (float[]){ 2 });
    op_omit(&t);
    op_f32(&t, "1x1x2x2", (float[]){ 1, 1, -10, 9 });
    op_int(&t, "act", WT_ACT_RELU);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x1x2x2", (float[]){ 3, 0, 0, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_CONV);
    op_random(&t, WT_F32, "2x19x7x9", -1, 1, 1);
    op_random(&t, WT_F32, "21x19x3x3", -1, 1, 2);
    op_random(&t, WT_F32, "21", -1, 1, 3);
    op_ints(&t, "pads", (int64_t[]){ 1, 0, 2, 1 }, 4);
    op_run(&t, 1);
    assert_true(t.threaded);
    op_end(&t);
}

static void conv_refuses(void **state)
{
    static const struct {
        const char *attr;
        int64_t v[4];
        size_t n;
        const char *part;
    } bad[] = { { "strides", { 0, 1 }, 2, "strides" },
                { "strides", { 1 }, 1, "has 1 values" },
                { "dilations", { INT64_MAX, 1 }, 2, "dilations" },
                { "pads", { -1, 0, 0, 0 }, 4, "pads" },
                { "kernel_shape", { 2, 3 }, 2, "kernel_shape" },
                { "dilations", { 100, 1 }, 2, "spans" } };
    op_test t;
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++) {
        op_begin(&t, WT_OP_CONV);
        op_f32(&t, "1x1x4x4", ramp);
        op_f32(&t, "1x1x3x3", ramp);
        op_ints(&t, bad[i].attr, bad[i].v, bad[i].n);
        op_refused(&t, 1, WT_EFORMAT, bad[i].part);
        op_end(&t);
    }
    op_begin(&t, WT_OP_CONV);
    op_f32(&t, "1x2x2x2", ramp);
    op_f32(&t, "3x1x1x1", ramp);
    op_int(&t, "group", 2);
    op_refused(&t, 1, WT_EFORMAT, "groups");
    op_end(&t);
    op_begin(&t, WT_OP_CONV);
    op_f32(&t, "1x1x2x2", ramp);
    op_f32(&t, "1x1x1x1", ramp);
    op_int(&t, "group", 0);
    op_refused(&t, 1, WT_EFORMAT, "group");
    op_end(&t);
}

static void conv_transpose(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_CONVTRANSPOSE);
    op_f32(&t, "1x1x2x2", (float[]){ 1, 2, 3, 4 });
    op_f32(&t, "1x1x2x2", (float[]){ 1, 10, 100, 1000 });
    op_f32(&t, "1", (float[]){ 0.5f });
    op_ints(&t, "strides", (int64_t[]){ 2, 2 }, 2);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x1x4x4",
                  (float[]){ 1.5f, 10.5f, 2.5f, 20.5f, 100.5f, 1000.5f, 200.5f, 2000.5f, 3.5f, 30.5f, 4.5f, 40.5f,
                             300.5f, 3000.5f, 400.5f, 4000.5f });
    op_end(&t);
    op_begin(&t, WT_OP_CONVTRANSPOSE); /* a stride the window does not fill: what it reaches, not stride times input */
    op_f32(&t, "1x1x3", (float[]){ 1, 2, 3 });
    op_f32(&t, "1x1x1", (float[]){ 2 });
    op_ints(&t, "strides", (int64_t[]){ 2 }, 1);
    op_text(&t, "auto_pad", "SAME_UPPER");
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x1x5", (float[]){ 2, 0, 4, 0, 6 });
    op_end(&t);
    op_begin(&t, WT_OP_CONVTRANSPOSE);
    op_f32(&t, "1x1x2", ramp);
    op_f32(&t, "1x1x2", ramp);
    op_ints(&t, "output_padding", (int64_t[]){ 1 }, 1);
    op_refused(&t, 1, WT_EFORMAT, "output_padding");
    op_end(&t);
}

static void pools(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_MAXPOOL); /* indices, row-major and column-major */
    op_f32(&t, "1x1x4x4", ramp);
    op_ints(&t, "kernel_shape", (int64_t[]){ 2, 2 }, 2);
    op_ints(&t, "strides", (int64_t[]){ 2, 2 }, 2);
    op_int(&t, "storage_order", 1);
    op_run(&t, 2);
    op_expect_f32(&t, 0, "1x1x2x2", (float[]){ 6, 8, 14, 16 });
    op_expect_i64(&t, 1, "1x1x2x2", (int64_t[]){ 5, 13, 7, 15 });
    op_end(&t);
    for (int include = 0; include < 2; include++) {
        op_begin(&t, WT_OP_AVERAGEPOOL);
        op_f32(&t, "1x1x2x2", (float[]){ 4, 8, 12, 16 });
        op_ints(&t, "kernel_shape", (int64_t[]){ 2, 2 }, 2);
        op_ints(&t, "pads", (int64_t[]){ 1, 1, 0, 0 }, 4);
        op_int(&t, "count_include_pad", include);
        op_run(&t, 1);
        op_expect_f32(&t, 0, "1x1x2x2", include ? (float[]){ 1, 3, 4, 10 } : (float[]){ 4, 6, 8, 10 });
        op_end(&t);
    }
    op_begin(&t, WT_OP_AVERAGEPOOL); /* rounding up, but no window that starts in the padding */
    op_f32(&t, "1x1x5", (float[]){ 1, 2, 3, 4, 5 });
    op_ints(&t, "kernel_shape", (int64_t[]){ 2 }, 1);
    op_ints(&t, "strides", (int64_t[]){ 2 }, 1);
    op_int(&t, "ceil_mode", 1);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x1x3", (float[]){ 1.5f, 3.5f, 5 });
    op_end(&t);
    op_begin(&t, WT_OP_GLOBALAVERAGEPOOL);
    op_random(&t, WT_F32, "2x19x3x5", -1, 1, 4);
    op_run(&t, 1);
    op_check_c16(&t);
    op_end(&t);
    op_begin(&t, WT_OP_MAXPOOL);
    op_random(&t, WT_F32, "2x19x7x5", -1, 1, 4);
    op_ints(&t, "kernel_shape", (int64_t[]){ 3, 2 }, 2);
    op_run(&t, 1);
    op_check_c16(&t);
    op_end(&t);
    op_begin(&t, WT_OP_MAXPOOL); /* an empty image, all padding, column-major: was a division by zero */
    op_f32(&t, "1x1x0x2", NULL);
    op_ints(&t, "kernel_shape", (int64_t[]){ 1, 1 }, 2);
    op_ints(&t, "pads", (int64_t[]){ 1, 0, 0, 0 }, 4);
    op_int(&t, "storage_order", 1);
    op_run(&t, 2);
    op_end(&t);
    op_begin(&t, WT_OP_MAXPOOL);
    op_f32(&t, "1x1x4x4", ramp);
    op_refused(&t, 1, WT_EFORMAT, "kernel_shape");
    op_end(&t);
}

static void norms(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_BATCHNORMALIZATION);
    op_f32(&t, "1x2x2", (float[]){ 1, 3, 10, 20 });
    op_f32(&t, "2", (float[]){ 2, 1 });
    op_f32(&t, "2", (float[]){ 1, 0 });
    op_f32(&t, "2", (float[]){ 1, 10 });
    op_f32(&t, "2", (float[]){ 4, 25 });
    op_float(&t, "epsilon", 0);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x2x2", (float[]){ 1, 3, 0, 2 });
    op_end(&t);
    op_begin(&t, WT_OP_LAYERNORMALIZATION);
    op_f32(&t, "2x2", (float[]){ 1, 3, -2, 2 });
    op_f32(&t, "2", (float[]){ 1, 10 });
    op_f32(&t, "2", (float[]){ 0, 1 });
    op_float(&t, "epsilon", 0);
    op_run(&t, 3);
    op_expect_f32(&t, 0, "2x2", (float[]){ -1, 11, -1, 11 });
    op_expect_f32(&t, 1, "2x1", (float[]){ 2, 0 });
    op_expect_f32(&t, 2, "2x1", (float[]){ 1, 0.5f });
    op_end(&t);
    op_begin(&t, WT_OP_LPNORMALIZATION); /* nothing divided by nothing is nothing */
    op_f32(&t, "2x2", (float[]){ 3, 4, 0, 0 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x2", (float[]){ 0.6f, 0.8f, 0, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_GROUPNORMALIZATION);
    op_f32(&t, "1x3x1", ramp);
    op_f32(&t, "3", ramp);
    op_f32(&t, "3", ramp);
    op_int(&t, "num_groups", 2);
    op_refused(&t, 1, WT_EFORMAT, "num_groups");
    op_end(&t);
    op_begin(&t, WT_OP_LRN);
    op_f32(&t, "1x2x1", ramp);
    op_int(&t, "size", 0);
    op_refused(&t, 1, WT_EFORMAT, "size");
    op_end(&t);
}

static void attention(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_ATTENTION); /* equal scores: the mean of the values seen; the first query sees one key */
    op_f32(&t, "1x1x2x1", (float[]){ 0, 0 });
    op_f32(&t, "1x1x2x1", (float[]){ 5, 7 });
    op_f32(&t, "1x1x2x1", (float[]){ 2, 4 });
    op_int(&t, "is_causal", 1);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x1x2x1", (float[]){ 2, 3 });
    op_end(&t);
    op_begin(&t, WT_OP_ATTENTION); /* a query that may see no key gives 0, not NaN */
    op_f32(&t, "1x1x1x1", (float[]){ 1 });
    op_f32(&t, "1x1x2x1", (float[]){ 5, 7 });
    op_f32(&t, "1x1x2x1", (float[]){ 2, 4 });
    op_bool(&t, "1x2", (uint8_t[]){ 0, 0 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x1x1x1", (float[]){ 0 });
    op_end(&t);
    op_begin(&t, WT_OP_ATTENTION);
    op_f32(&t, "1x3x1x1", ramp);
    op_f32(&t, "1x2x1x1", ramp);
    op_f32(&t, "1x2x1x1", ramp);
    op_refused(&t, 1, WT_EFORMAT, "query heads");
    op_end(&t);
    op_begin(&t, WT_OP_ROTARYEMBEDDING);
    op_f32(&t, "1x1x1x2", ramp);
    op_f32(&t, "2x1", ramp);
    op_f32(&t, "2x1", ramp);
    op_i64(&t, "1x1", (int64_t[]){ 2 });
    op_refused(&t, 1, WT_EFORMAT, "position_ids");
    op_end(&t);
}

static void regions(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_MAXROIPOOL);
    op_f32(&t, "1x1x4x4", ramp);
    op_f32(&t, "1x5", (float[]){ 0, 0, 0, 1, 3 });
    op_ints(&t, "pooled_shape", (int64_t[]){ 2, 1 }, 2);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x1x2x1", (float[]){ 6, 14 });
    op_end(&t);
    op_begin(&t, WT_OP_ROIALIGN);
    op_f32(&t, "1x1x4x4", ramp);
    op_f32(&t, "1x4", (float[]){ 0, 0, INFINITY, 3 });
    op_i64(&t, "1", (int64_t[]){ 0 });
    op_refused(&t, 1, WT_EFORMAT, "reasonable");
    op_end(&t);
    op_begin(&t, WT_OP_ROIALIGN);
    op_f32(&t, "1x1x4x4", ramp);
    op_f32(&t, "1x4", (float[]){ 0, 0, 3, 3 });
    op_i64(&t, "1", (int64_t[]){ 1 });
    op_refused(&t, 1, WT_EFORMAT, "image 1 of 1");
    op_end(&t);
    op_begin(&t, WT_OP_MAXUNPOOL);
    op_f32(&t, "1x1x1x1", ramp);
    op_i64(&t, "1x1x1x1", (int64_t[]){ 4 });
    op_ints(&t, "kernel_shape", (int64_t[]){ 2, 2 }, 2);
    op_refused(&t, 1, WT_EFORMAT, "index 0");
    op_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(conv_by_hand), cmocka_unit_test(conv_epilogue_and_layouts),
                                        cmocka_unit_test(conv_refuses), cmocka_unit_test(conv_transpose),
                                        cmocka_unit_test(pools),        cmocka_unit_test(norms),
                                        cmocka_unit_test(attention),    cmocka_unit_test(regions) };
    return wt_test_run("operators of networks", tests, WT_ARRAY_LEN(tests));
}
