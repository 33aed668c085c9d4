/* Contexts: options that grow, refusals, log, progress, cancelling, CPU levels, the seed. */
#include <signal.h>
#include <stdio.h>
#include "base/cpu.h"
#include "base/pool.h"
#include "support/test.h"

static void defaults(void **state)
{
    (void)state;
    wt_context *ctx;
    wt_err err;
    wt_test_ok(wt_context_open(&ctx, NULL, &err), &err);
    assert_int_equal(wt_context_threads(ctx), wt_cores_allowed());
    assert_int_equal(wt_context_cpu(ctx), wt_cpu_detect());
    assert_true(wt_context_seed(ctx) == 0);
    assert_true(wt_context_memory_now(ctx) == 0);
    assert_true(wt_budget_left(ctx) == UINT64_MAX);
    wt_context_close(ctx);
    wt_context_close(NULL);
}

static void refuses(const wt_context_options *options, const char *part)
{
    wt_context *ctx = (void *)options; /* junk: a failed open must clear it */
    wt_err err = { 0 };
    wt_test_refused(wt_context_open(&ctx, options, &err), WT_EUSAGE, &err, part);
    assert_null(ctx);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    wt_test_allocator a;
    wt_test_allocator_init(&a, -1);
    wt_context_options options = wt_context_defaults();
    options.size = 0;
    refuses(&options, "wt_context_defaults");
    options = wt_context_defaults();
    options.threads = -1;
    refuses(&options, "threads");
    options.threads = 100000;
    refuses(&options, "threads");
    options = wt_context_defaults();
    options.allocator = wt_test_allocator_of(&a);
    options.allocator.free = NULL;
    refuses(&options, "both");
}

static void a_longer_struct_is_taken_when_the_rest_is_zero(void **state)
{
    (void)state;
    struct {
        wt_context_options options;
        uint64_t later[2];
    } future = { .options = wt_context_defaults() };
    future.options.size = sizeof future;
    future.options.seed = 7;
    wt_context *ctx;
    wt_err err;
    wt_test_ok(wt_context_open(&ctx, &future.options, &err), &err);
    assert_true(wt_context_seed(ctx) == 7);
    wt_context_close(ctx);
    future.later[1] = 1;
    refuses(&future.options, "does not know");
}

static void cpu_mask_cuts_levels_off(void **state)
{
    (void)state;
    wt_context_options options = wt_context_defaults();
    wt_context *ctx;
    wt_err err;
    options.cpu_mask = wt_cpu_mask_parse("c");
    wt_test_ok(wt_context_open(&ctx, &options, &err), &err);
    assert_int_equal(wt_context_cpu(ctx), 0);
    wt_context_close(ctx);
    options.cpu_mask = wt_cpu_mask_parse("avx2");
    wt_test_ok(wt_context_open(&ctx, &options, &err), &err);
    assert_int_equal(wt_context_cpu(ctx), wt_cpu_detect() & (WT_CPU_SSE42 | WT_CPU_AVX2));
    wt_context_close(ctx);
}

typedef struct heard {
    int lines, steps;
    wt_log_level level;
    char last[2000];
    wt_progress progress;
} heard;

static void hear_line(void *user, wt_log_level level, const char *line)
{
    heard *h = user;
    h->lines++;
    h->level = level;
    snprintf(h->last, sizeof h->last, "%s", line);
}

static void hear_step(void *user, const wt_progress *progress)
{
    heard *h = user;
    h->steps++;
    h->progress = *progress;
}

static void log_and_progress_reach_the_caller(void **state)
{
    (void)state;
    static heard h;
    wt_context_options options = wt_context_defaults();
    options.log = hear_line;
    options.progress = hear_step;
    options.user = &h;
    wt_context *ctx;
    wt_err err;
    wt_test_ok(wt_context_open(&ctx, &options, &err), &err);
    wt_log(ctx, WT_LOG_WARN, "%s is %d", "x", 4);
    assert_int_equal(h.lines, 1);
    assert_int_equal(h.level, WT_LOG_WARN);
    assert_string_equal(h.last, "x is 4");
    char text[5000];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = 0;
    wt_log(ctx, WT_LOG_INFO, "%s", text); /* cut, not overrun */
    assert_true(strlen(h.last) > 500);
    wt_report_progress(ctx, "calibrate", "samples", 3, 10);
    assert_int_equal(h.steps, 1);
    assert_string_equal(h.progress.task, "calibrate");
    assert_true(h.progress.done == 3 && h.progress.total == 10);
    wt_context_close(ctx);
}

static wt_context *to_cancel;

static void on_signal(int number)
{
    (void)number;
    wt_context_cancel(to_cancel);
}

static void cancelling_from_a_signal(void **state)
{
    (void)state;
    wt_err err = { 0 };
    to_cancel = wt_test_context();
    wt_test_ok(wt_check_cancel(to_cancel, &err), &err);
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    wt_test_refused(wt_check_cancel(to_cancel, &err), WT_ECANCELLED, &err, NULL);
    assert_int_equal(wt_check_cancel(to_cancel, NULL), WT_ECANCELLED);
    signal(SIGUSR1, SIG_DFL);
    wt_test_context_close(to_cancel);
}

static void levels_by_name(void **state)
{
    (void)state;
    assert_int_equal(wt_cpu_mask_parse("c"), WT_CPU_C);
    assert_int_equal(wt_cpu_mask_parse("avx2"), WT_CPU_C | WT_CPU_SSE42 | WT_CPU_AVX2);
    assert_false(wt_cpu_mask_parse("avx512") &
                 (WT_CPU_AVX512VNNI | WT_CPU_AVXVNNI)); /* the level without dot products */
    assert_true(wt_cpu_mask_parse("avx512vnni") & WT_CPU_AVX512VNNI);
    assert_true(wt_cpu_mask_parse("i8mm") & WT_CPU_DOTPROD);
    assert_int_equal(wt_cpu_mask_parse("AVX2"), 0);
    assert_int_equal(wt_cpu_mask_parse("avx"), 0);
    assert_int_equal(wt_cpu_mask_parse(""), 0);
    assert_int_equal(wt_cpu_mask_parse(NULL), 0);
    for (unsigned bit = 0; bit < 32; bit++) { /* each flag's level holds the flag, and names go both ways */
        const char *name = wt_cpu_flag_name((uint32_t)1 << bit);
        if (name)
            assert_true(wt_cpu_mask_parse(name) & ((uint32_t)1 << bit));
    }
    assert_null(wt_cpu_flag_name(0));
    assert_null(wt_cpu_flag_name((uint32_t)1 << 31));
    assert_false(wt_cpu_detect() & WT_CPU_C);
}

static void detection_agrees_with_the_kernel(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        uint32_t flag;
    } rows[] = { { " avx2 ", WT_CPU_AVX2 },
                 { " avx512bw ", WT_CPU_AVX512 },
                 { " avx512_vnni ", WT_CPU_AVX512VNNI },
                 { " avx512_bf16 ", WT_CPU_AVX512BF16 },
                 { " avx512vbmi ", WT_CPU_AVX512VBMI },
                 { " avx_vnni ", WT_CPU_AVXVNNI },
                 { " asimd ", WT_CPU_NEON },
                 { " asimddp ", WT_CPU_DOTPROD },
                 { " i8mm ", WT_CPU_I8MM } };
    char line[8192] = "";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0)
            break;
    if (file)
        fclose(file);
    const bool arm = strncmp(line, "Features", 8) == 0;
    if ((!arm && strncmp(line, "flags", 5) != 0) || arm != WT_ARM64)
        wt_test_skip("/proc/cpuinfo does not describe the processor that runs this program");
    for (char *p = line; *p; p++)
        *p = *p == '\n' || *p == '\t' ? ' ' : *p;
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        if (!!strstr(line, rows[i].word) != !!(wt_cpu_detect() & rows[i].flag))
            fail_msg("%s: the kernel and we disagree", rows[i].word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(a_longer_struct_is_taken_when_the_rest_is_zero),
        cmocka_unit_test(cpu_mask_cuts_levels_off),
        cmocka_unit_test(log_and_progress_reach_the_caller),
        cmocka_unit_test(cancelling_from_a_signal),
        cmocka_unit_test(levels_by_name),
        cmocka_unit_test(detection_agrees_with_the_kernel),
    };
    return wt_test_run("context", tests, WT_ARRAY_LEN(tests));
}
