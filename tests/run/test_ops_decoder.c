/* test_ops_decoder.c - the operators of language models: cases worked out by hand, and what a hostile batch may say. */
#include <math.h>
#include "op_harness.h"
#include "run/kernel.h"

static void embedding(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_EMBEDDING);
    op_i32(&t, "3", (int32_t[]){ 2, 0, 2 });
    op_f32(&t, "3x2", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_float(&t, "scale", 2);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "3x2", (float[]){ 10, 12, 2, 4, 10, 12 });
    op_end(&t);
    op_begin(&t, WT_OP_EMBEDDING);
    op_i32(&t, "1", (int32_t[]){ 3 });
    op_f32(&t, "3x2", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_refused(&t, 1, WT_EFORMAT, "outside a vocabulary of 3");
    op_end(&t);
}

static void glu(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_GLU);
    op_f32(&t, "1x2", (float[]){ -1, 2 });
    op_f32(&t, "1x2", (float[]){ 10, 3 });
    op_int(&t, "act", WT_ACT_RELU);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x2", (float[]){ 0, 6 });
    op_end(&t);
    op_begin(&t, WT_OP_GLU);
    op_f32(&t, "1x4", (float[]){ 1, 2, 3, 4 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x2", (float[]){ 3, 8 });
    op_end(&t);
}

/* One head of four: pairs (0, 1), (2, 3) or (0, 2), (1, 3); frequencies 1 and base^-1/2. */
static void rope(void **state)
{
    const float c0 = cosf(2), s0 = sinf(2), c1 = cosf(0.2f), s1 = sinf(0.2f);
    op_test t;
    (void)state;
    for (int interleaved = 0; interleaved < 2; interleaved++) {
        op_begin(&t, WT_OP_ROPE);
        op_f32(&t, "1x4", (float[]){ 1, 2, 3, 4 });
        op_i32(&t, "1", (int32_t[]){ 2 });
        op_int(&t, "head_dim", 4);
        op_int(&t, "interleaved", interleaved);
        op_float(&t, "base", 100);
        op_run(&t, 1);
        if (interleaved)
            op_expect_f32(&t, 0, "1x4", (float[]){ c0 - 2 * s0, s0 + 2 * c0, 3 * c1 - 4 * s1, 3 * s1 + 4 * c1 });
        else
            op_expect_f32(&t, 0, "1x4", (float[]){ c0 - 3 * s0, 2 * c1 - 4 * s1, s0 + 3 * c0, 2 * s1 + 4 * c1 });
        op_end(&t);
    }
}

static void rope_scaled(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_ROPE); /* linear scaling, a divided frequency, numbers that do not turn */
    op_f32(&t, "1x6", (float[]){ 1, 0, 1, 0, 7, 8 });
    op_i32(&t, "1", (int32_t[]){ 4 });
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_int(&t, "head_dim", 6);
    op_int(&t, "dims", 4);
    op_int(&t, "interleaved", 1);
    op_float(&t, "base", 100);
    op_float(&t, "freq_scale", 0.5f);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x6", (float[]){ cosf(2), sinf(2), cosf(0.1f), sinf(0.1f), 7, 8 });
    op_end(&t);
    op_begin(&t, WT_OP_ROPE);
    op_f32(&t, "1x4", (float[]){ 1, 2, 3, 4 });
    op_i32(&t, "1", (int32_t[]){ 2 });
    op_int(&t, "head_dim", 3);
    op_refused(&t, 1, WT_EFORMAT, "cannot be turned");
    op_end(&t);
}

/* Three tokens, heads of two numbers, pages of two tokens in the order 1, 0. Keys are equal, so that a token's result
 * is the mean of the values that it sees. */
static void attention_begin(op_test *t, const int32_t *positions, const int32_t *slots, const int32_t *pages)
{
    op_begin(t, WT_OP_KVATTENTION);
    op_f32(t, "3x4", (float[]){ 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6 });
    op_f32(t, "3x2", (float[]){ 1, 1, 1, 1, 1, 1 });
    op_f32(t, "3x2", (float[]){ 3, 30, 6, 60, 9, 90 });
    op_f32(t, "2x1x2x2", (float[8]){ 0 });
    op_hide(t);
    op_f32(t, "2x1x2x2", (float[8]){ 0 });
    op_hide(t);
    op_i32(t, "3", positions);
    op_i32(t, "3", slots);
    op_i32(t, "3", (int32_t[]){ 0, 0, 0 });
    op_i32(t, "1x2", pages);
    op_int(t, "heads", 2);
    op_int(t, "kv_heads", 1);
}

static void attention(void **state)
{
    op_test t;
    (void)state;
    attention_begin(&t, (int32_t[]){ 0, 1, 2 }, (int32_t[]){ 2, 3, 0 }, (int32_t[]){ 1, 0 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "3x4", (float[]){ 3, 30, 3, 30, 4.5f, 45, 4.5f, 45, 6, 60, 6, 60 });
    op_end(&t);
    attention_begin(&t, (int32_t[]){ 0, 1, 2 }, (int32_t[]){ 2, 3, 0 }, (int32_t[]){ 1, 0 });
    op_int(&t, "window", 2);
    op_float(&t, "softcap", 3);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "3x4", (float[]){ 3, 30, 3, 30, 4.5f, 45, 4.5f, 45, 7.5f, 75, 7.5f, 75 });
    op_end(&t);
}

static void attention_refuses(void **state)
{
    op_test t;
    (void)state;
    attention_begin(&t, (int32_t[]){ 0, 1, 2 }, (int32_t[]){ 2, 3, 4 }, (int32_t[]){ 1, 0 });
    op_refused(&t, 1, WT_EUSAGE, "outside the cache");
    op_end(&t);
    attention_begin(&t, (int32_t[]){ 0, 1, 4 }, (int32_t[]){ 2, 3, 0 }, (int32_t[]){ 1, 0 });
    op_refused(&t, 1, WT_EUSAGE, "outside the cache");
    op_end(&t);
    attention_begin(&t, (int32_t[]){ 0, 1, 2 }, (int32_t[]){ 2, 3, 0 }, (int32_t[]){ 1, -1 });
    op_refused(&t, 1, WT_EUSAGE, "page 1 of sequence 0");
    op_end(&t);
}

/* Two experts of one hidden number: 2x and 10x, both with an up of x. */
static void experts(void **state)
{
    const float e = expf(1), heavy = e / (1 + e);
    op_test t;
    (void)state;
    for (int top = 1; top <= 2; top++) {
        op_begin(&t, WT_OP_EXPERTS);
        op_f32(&t, "1x1", (float[]){ 3 });
        op_f32(&t, "1x2", (float[]){ 0, 1 });
        op_f32(&t, "2x1x1", (float[]){ 1, 1 });
        op_f32(&t, "2x1x1", (float[]){ 1, 1 });
        op_f32(&t, "2x1x1", (float[]){ 2, 10 });
        op_int(&t, "top_k", top);
        op_int(&t, "normalize", 0);
        op_int(&t, "act", WT_ACT_RELU);
        op_run(&t, 1);
        op_expect_f32(&t, 0, "1x1", (float[]){ heavy * 90 + (top == 2 ? (1 - heavy) * 18 : 0) });
        op_end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(embedding), cmocka_unit_test(glu),
                                        cmocka_unit_test(rope),      cmocka_unit_test(rope_scaled),
                                        cmocka_unit_test(attention), cmocka_unit_test(attention_refuses),
                                        cmocka_unit_test(experts) };
    return wt_test_run("operators of language models", tests, WT_ARRAY_LEN(tests));
}
