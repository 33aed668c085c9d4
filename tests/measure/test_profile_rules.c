/* From times to conclusions: the ceilings that steps are held against, and each rule on both sides of its threshold. */
#include <math.h>
#include "measure/profile.h"
#include "support/test.h"

static const char *text_at(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* A machine on which nothing stands out: 10 ms in two steps, nothing known of their work. */
typedef struct bench {
    wt_profiled_step steps[2];
    wt_profiled p;
} bench;

static void set_up(bench *b)
{
    static const wt_profiled_step quiet = { .p = { .op = "Relu", .kernel = "relu_f32_avx2", .threads = 2 },
                                            .own_ms = 5 };
    *b = (bench){ .steps = { quiet, quiet } };
    b->p = (wt_profiled){ .steps = b->steps, .n = 2, .total_ms = 10, .threads = 2, .cores = 2, .cpus_used = 1 };
    b->p.roof = (wt_roof){ .read_gb_per_s = { 10, 20 },
                           .gflops = { [WT_PRECISION_F32] = { 50, 100 },
                                       [WT_PRECISION_I8] = { 200, 400 },
                                       [WT_PRECISION_BF16] = { 100, 200 } },
                           .cache_bytes = 8e6 };
    b->p.latency = (wt_summary){ .p50 = 10, .p99 = 11, .mean = 10, .stddev = 0.1, .runs = 20 };
    b->p.peak_rss = 10, b->p.usable_memory = 1000;
}

/* The first step takes this share of the time. */
static wt_profiled_step *first_takes(bench *b, double share)
{
    b->steps[0].own_ms = 10 * share;
    b->steps[1].own_ms = 10 - 10 * share;
    return &b->steps[0];
}

static void memory_bound(bench *b, double x)
{
    wt_profiled_step *s = first_takes(b, x);
    s->p.bytes = 15e6 * s->own_ms; /* 15 of 20 GB/s */
}
static void compute_bound(bench *b, double x)
{
    wt_profiled_step *s = first_takes(b, x);
    s->p.flops = 60e6 * s->own_ms;
}
static void alone(bench *b, double x) { first_takes(b, x)->p.threads = 1; }
static void reorder(bench *b, double x) { first_takes(b, x)->p.op = "Reorder"; }
static void portable(bench *b, double x) { first_takes(b, x)->p.kernel = "relu_f32_ref"; }
static void late(bench *b, double x) { first_takes(b, x)->p.kernel = "decided while running"; }
static void varying(bench *b, double x) { b->p.latency.stddev = x * b->p.latency.mean; }
static void full_memory(bench *b, double x) { b->p.peak_rss = (uint64_t)lround(x * (double)b->p.usable_memory); }
static void full_cpu(bench *b, double x) { b->p.cpus_used = x * b->p.cores; }

static const struct {
    const char *name;
    double threshold;
    void (*make)(bench *b, double x);
} rules[] = {
    { "memory bound", 0.4, memory_bound },
    { "compute bound", 0.5, compute_bound },
    { "low occupancy", 0.2, alone },
    { "layout conversions", 0.1, reorder },
    { "portable kernels", 0.3, portable },
    { "decided while running", 0.1, late },
    { "variance", 0.2, varying },
    { "memory", 0.9, full_memory },
    { "cpu", 0.8, full_cpu },
};

static json_t *look(bench *b)
{
    wt_profile_hold_against_roof(&b->p);
    json_t *list = wt_profile_bottlenecks(&b->p);
    assert_non_null(list);
    return list;
}

/* One cause at a time: over its threshold its rule alone speaks, and says what to do; below it none does. */
static void each_rule_at_its_threshold(void **state)
{
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(rules); i++) {
        bench b;
        set_up(&b);
        rules[i].make(&b, rules[i].threshold + 0.02);
        json_t *list = look(&b);
        const json_t *found = json_array_get(list, 0);
        if (json_array_size(list) != 1 || strcmp(text_at(found, "name"), rules[i].name) != 0)
            fail_msg("%s: %zu findings, the first is '%s'", rules[i].name, json_array_size(list),
                     text_at(found, "name"));
        assert_true(fabs(json_number_value(json_object_get(found, "threshold")) - rules[i].threshold) < 1e-9);
        assert_true(fabs(json_number_value(json_object_get(found, "share")) - rules[i].threshold - 0.02) < 1e-3);
        if (!text_at(found, "evidence")[0] || !text_at(found, "recommendation")[0])
            fail_msg("%s: nothing is said", rules[i].name);
        json_decref(list);
        set_up(&b);
        rules[i].make(&b, rules[i].threshold - 0.02);
        list = look(&b);
        if (json_array_size(list))
            fail_msg("%s: found below its threshold: %s", rules[i].name, text_at(json_array_get(list, 0), "name"));
        json_decref(list);
    }
}

static void all_at_once_the_heaviest_first(void **state)
{
    bench b;
    (void)state;
    set_up(&b);
    varying(&b, 0.3);
    full_memory(&b, 0.99);
    full_cpu(&b, 0.95);
    alone(&b, 0.5);
    json_t *list = look(&b);
    static const char *const order[] = { "memory", "cpu", "low occupancy", "variance" };
    assert_int_equal(json_array_size(list), 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(text_at(json_array_get(list, i), "name"), order[i]);
    json_decref(list);
    b.p = (wt_profiled){ .steps = b.steps }; /* nothing known: nothing said */
    list = look(&b);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
}

/* int8 is recommended where it would be faster, and not to who has it already. */
static void advice_on_arithmetic(void **state)
{
    bench b;
    (void)state;
    for (int precision = 0; precision < WT_PRECISION_COUNT; precision++) {
        set_up(&b);
        b.steps[0].precision = (wt_precision)precision;
        first_takes(&b, 0.9)->p.flops = 200e6 * 9;
        json_t *list = look(&b);
        const char *advice = text_at(json_array_get(list, 0), "recommendation");
        assert_string_equal(text_at(json_array_get(list, 0), "name"), "compute bound");
        assert_true(!strncmp(advice, "int8", 4) == (precision == WT_PRECISION_F32));
        json_decref(list);
    }
}

/* --- the roofline
 * ---------------------------------------------------------------------------------------------------------------- */
static void held_against(double flops, double bytes, wt_precision precision, int threads, double fraction,
                         wt_bound bound)
{
    bench b;
    set_up(&b);
    wt_profiled_step *s = &b.steps[0];
    s->own_ms = 1, s->p.flops = flops, s->p.bytes = bytes, s->p.threads = threads, s->precision = precision;
    wt_profile_hold_against_roof(&b.p);
    assert_true(fabs(s->fraction - fraction) < 1e-9);
    assert_int_equal(s->bound, bound);
}

static void each_precision_has_its_ceiling(void **state)
{
    (void)state;
    held_against(50e6, 1e6, WT_PRECISION_F32, 2, 0.5, WT_BOUND_COMPUTE); /* 50 of 100 GFLOP/s; 1 of 20 GB/s */
    held_against(50e6, 1e6, WT_PRECISION_F32, 1, 1.0, WT_BOUND_COMPUTE);
    held_against(50e6, 1e6, WT_PRECISION_BF16, 2, 0.25, WT_BOUND_COMPUTE);
    held_against(50e6, 1e6, WT_PRECISION_BF16, 1, 0.5, WT_BOUND_COMPUTE);
    held_against(50e6, 1e6, WT_PRECISION_I8, 2, 0.125, WT_BOUND_COMPUTE);
    held_against(50e6, 1e6, WT_PRECISION_I8, 1, 0.25, WT_BOUND_COMPUTE);
    held_against(50e6, 16e6, WT_PRECISION_F32, 2, 0.8, WT_BOUND_MEMORY);
    held_against(50e6, 16e6, WT_PRECISION_I8, 2, 0.8, WT_BOUND_MEMORY);
    held_against(500e6, 1e6, WT_PRECISION_F32, 2, 1.0, WT_BOUND_COMPUTE); /* faster than the peak: a clock was off */
}

static void what_is_not_known_is_no_ceiling(void **state)
{
    bench b;
    (void)state;
    set_up(&b);
    wt_profile_hold_against_roof(&b.p); /* steps without work */
    assert_true(isnan(b.steps[0].fraction) && b.steps[0].bound == WT_BOUND_UNKNOWN);
    b.steps[0] = (wt_profiled_step){ .p = { .op = "Conv", .kernel = "x", .flops = 1e6, .bytes = 2e6, .threads = 2 },
                                     .own_ms = 1 };
    b.p.roof = (wt_roof){ .read_gb_per_s = { 10, 20 } };
    wt_profile_hold_against_roof(&b.p); /* a tenth of the bandwidth, and no peak: neither explains the time */
    assert_true(fabs(b.steps[0].fraction - 0.1) < 1e-9 && b.steps[0].bound == WT_BOUND_UNKNOWN);
    b.steps[0].p.bytes = 18e6;
    wt_profile_hold_against_roof(&b.p);
    assert_true(b.steps[0].bound == WT_BOUND_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_at_its_threshold),
        cmocka_unit_test(all_at_once_the_heaviest_first),
        cmocka_unit_test(advice_on_arithmetic),
        cmocka_unit_test(each_precision_has_its_ceiling),
        cmocka_unit_test(what_is_not_known_is_no_ceiling),
    };
    return wt_test_run("profile rules", tests, WT_ARRAY_LEN(tests));
}
