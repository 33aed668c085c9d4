/* test_kernels.c - all rows of the kernel tables against the truth, see kernel_check.h. */
#include <stdio.h>
#include "run/kernel_cases.h"
#include "support/test.h"

static void run(const char *name, kc_make *make)
{
    kc_totals t = { 0 };
    const kc_suite suite = { name, make };
    kc_run_suite(&suite, wt_kernel_tables, &t);
    print_message("%s: %zu cases, %zu runs, %zu failed\n", name, t.cases, t.runs, t.failures);
    assert_true(t.cases > 0 && t.runs > 0);
    assert_int_equal(t.failures, 0);
}
static void conv_f32(void **state)
{
    (void)state;
    run("conv f32", kc_make_conv_f32);
}

static void linear(void **state)
{
    (void)state;
    run("linear, gemm", kc_make_linear);
}
static void linear_block(void **state)
{
    (void)state;
    run("linear over blocks", kc_make_linear_block);
    run("MatMulNBits", kc_make_nbits);
}
static void kv_attention(void **state)
{
    (void)state;
    run("attention over caches", kc_make_kv_attention);
}
static void decoder(void **state)
{
    (void)state;
    run("rms norm, rope, glu", kc_make_decoder);
}
static void experts(void **state)
{
    (void)state;
    run("experts", kc_make_experts);
}
static void matmul(void **state)
{
    (void)state;
    run("matmul", kc_make_matmul);
}
static void quant_conv(void **state)
{
    (void)state;
    run("quantized conv", kc_make_quant_conv);
}
static void quant_linear(void **state)
{
    (void)state;
    run("quantized linear", kc_make_quant_linear);
}
static void reorder(void **state)
{
    (void)state;
    run("reorder", kc_make_reorder);
}
static void transpose(void **state)
{
    (void)state;
    run("transpose", kc_make_transpose);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv_f32),     cmocka_unit_test(linear),     cmocka_unit_test(linear_block),
        cmocka_unit_test(kv_attention), cmocka_unit_test(decoder),    cmocka_unit_test(experts),
        cmocka_unit_test(matmul),       cmocka_unit_test(quant_conv), cmocka_unit_test(quant_linear),
        cmocka_unit_test(reorder),      cmocka_unit_test(transpose),
    };
    return wt_test_run("kernels", tests, WT_ARRAY_LEN(tests));
}
