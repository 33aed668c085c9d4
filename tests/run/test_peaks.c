/* The loops that measure peaks add up what they say, and their results are held to what the context may use. */
#include <math.h>
#include "base/cpu.h"
#include "run/kernels/peak.h"
#include "run/peaks.h"
#include "support/test.h"

/* The operands are ones: a loop that leaves out, or a compiler that drops, one multiply-add counts too few. */
static void check_rows(const wt_peak_row *rows, uint32_t cpu)
{
    static const size_t rounds[] = { 0, 1, 2, 7, 1000 };
    for (; rows->isa; rows++)
        for (size_t i = 0; i < WT_ARRAY_LEN(rounds) && !(rows->need & ~cpu); i++)
            if (rows->run(rounds[i]) != (double)rounds[i] * rows->products)
                fail_msg("%s: %g products in %zu rounds of %d", rows->isa, rows->run(rounds[i]), rounds[i],
                         rows->products);
}

static void rows_count_their_products(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const uint32_t cpu = wt_context_cpu(ctx);
    check_rows(wt_peak_f32_rows, cpu);
    check_rows(wt_peak_i8_rows, cpu);
    check_rows(wt_peak_bf16_rows, cpu);
    wt_test_context_close(ctx);
}

static bool is_sound(const wt_peak *p)
{
    return p->isa ? p->one > 0 && p->all >= p->one && isfinite(p->all) : p->one == 0 && p->all == 0;
}

static void measured_by_what_may_be_used(void **state)
{
    (void)state;
    wt_peaks p;
    wt_err err = { 0 };
    wt_context_options o = wt_context_defaults();
    wt_context *ctx;
    o.threads = 2;
    wt_test_ok(wt_context_open(&ctx, &o, &err), &err);
    wt_test_ok(wt_measure_peaks(ctx, &p, &err), &err);
    assert_true(is_sound(&p.fp32) && is_sound(&p.int8) && is_sound(&p.bf16) && p.read_gb_per_s_all > 0);
    assert_true(p.fp32.isa && p.int8.isa && !p.bf16.isa == !(wt_context_cpu(ctx) & WT_CPU_AVX512BF16));
    wt_test_context_close(ctx);
    o.cpu_mask = wt_cpu_levels("c");
    o.threads = 1;
    wt_test_ok(wt_context_open(&ctx, &o, &err), &err);
    wt_test_ok(wt_measure_peaks(ctx, &p, &err), &err);
    assert_string_equal(p.fp32.isa, "c");
    assert_string_equal(p.int8.isa, "c");
    assert_true(p.fp32.all == p.fp32.one && is_sound(&p.bf16) && !p.bf16.isa);
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_count_their_products),
        cmocka_unit_test(measured_by_what_may_be_used),
    };
    return wt_test_run("peaks", tests, WT_ARRAY_LEN(tests));
}
