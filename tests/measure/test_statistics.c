/* Percentiles, intervals and tests, against values that NumPy and SciPy computed. */
#include <math.h>
#include <stdlib.h>
#include "base/hash.h"
#include "measure/statistics.h"
#include "support/test.h"

static wt_err err;
static bool near_to(double a, double b, double tolerance) { return fabs(a - b) <= tolerance; }

static double normal(uint64_t *state)
{
    return sqrt(-2 * log(1 - wt_random_unit(state))) * cos(6.283185307179586 * wt_random_unit(state));
}

static void percentiles(void **state)
{
    (void)state;
    const double v[5] = { 1, 2, 4, 8, 16 };
    assert_true(wt_percentile(v, 5, 0.5) == 4 && wt_percentile(v, 5, 0) == 1 && wt_percentile(v, 5, 1) == 16);
    assert_true(near_to(wt_percentile(v, 5, 0.95), 14.4, 1e-12) && near_to(wt_percentile(v, 5, 0.1), 1.4, 1e-12));
    assert_true(wt_percentile(v, 1, 0.99) == 1);
}

static void summaries(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_summary s, again;
    double v[6] = { 3, 1, 2, 5, 4, 9 };
    wt_test_ok(wt_summarize(ctx, v, 6, 1, &s, &err), &err);
    assert_true(s.p50 == 3.5 && s.mean == 4 && near_to(s.stddev, sqrt(8), 1e-12) && s.runs == 6);
    assert_true(s.ci95[0] >= 1 && s.ci95[0] < 3.5 && s.ci95[1] > 3.5 && s.ci95[1] <= 9);
    wt_test_ok(wt_summarize(ctx, v, 6, 1, &again, &err), &err);
    assert_memory_equal(&s, &again, sizeof s); /* the seed decides */
    json_t *json = wt_summary_json(&s);
    assert_true(json_number_value(json_object_get(json, "p50")) == 3.5 &&
                json_array_size(json_object_get(json, "ci95")) == 2);
    json_decref(json);
    double one = 7;
    wt_test_ok(wt_summarize(ctx, &one, 1, 1, &s, &err), &err);
    assert_true(s.p99 == 7 && s.stddev == 0 && s.ci95[0] == 7 && s.ci95[1] == 7);
    wt_test_refused(wt_summarize(ctx, &one, 0, 1, &s, &err), WT_EUSAGE, &err, "nothing");
    wt_test_context_close(ctx);
}

/* The interval of the median holds the true median about 95 times in 100, by bootstrap and by rank. */
static void intervals_cover(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    static double v[2500];
    static const size_t sizes[2] = { 60, 2500 };
    for (int k = 0; k < 2; k++) {
        uint64_t random = 5;
        int hit = 0;
        for (int trial = 0; trial < 200; trial++) {
            wt_summary s;
            for (size_t i = 0; i < sizes[k]; i++)
                v[i] = normal(&random);
            wt_test_ok(wt_summarize(ctx, v, sizes[k], (uint64_t)trial, &s, &err), &err);
            hit += s.ci95[0] <= 0 && s.ci95[1] >= 0;
        }
        assert_true(hit >= 178 && hit <= 200);
    }
    wt_test_context_close(ctx);
}

static void formulas(void **state)
{
    (void)state;
    double ci[2];
    assert_true(near_to(wt_mcnemar(3, 12), 0.03515625, 1e-12) && wt_mcnemar(12, 3) == wt_mcnemar(3, 12));
    assert_true(near_to(wt_mcnemar(100, 160) / 0.00023894190306813953, 1, 1e-9));
    assert_true(near_to(wt_mcnemar(1000, 1300) / 4.28740900211522e-10, 1, 1e-8));
    assert_true(wt_mcnemar(0, 0) == 1 && wt_mcnemar(5, 5) == 1 && near_to(wt_mcnemar(5, 6), 1, 1e-12));
    assert_true(near_to(wt_mcnemar(0, 10), 2 / 1024., 1e-15));
    wt_wilson(95, 100, ci);
    assert_true(near_to(ci[0], 0.8882495307680809, 1e-12) && near_to(ci[1], 0.978456320845632, 1e-12));
    wt_wilson(0, 20, ci);
    assert_true(ci[0] == 0 && near_to(ci[1], 0.16112515805281935, 1e-12));
    wt_wilson(0, 0, ci);
    assert_true(ci[0] == 0 && ci[1] == 1);
}

static void paired_scores(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_scores a, b, c;
    wt_paired p;
    uint64_t random = 1;
    wt_scores_init(&a, ctx);
    wt_scores_init(&b, ctx);
    wt_scores_init(&c, ctx);
    for (int i = 0; i < 1000; i++) {
        const bool right = wt_random_unit(&random) < 0.9;
        wt_test_ok(wt_scores_add(&a, right, 1, &err), &err);
        wt_test_ok(wt_scores_add(&b, right && i % 50, 1, &err), &err); /* one in fifty becomes wrong */
    }
    wt_test_ok(wt_scores_compare(&a, &b, 0, &p, &err), &err);
    assert_string_equal(p.test, "mcnemar");
    assert_true(p.only_b == 0 && p.only_a > 10 && p.p_value < 0.001 &&
                near_to(p.difference, -(double)p.only_a / 1000, 1e-12));
    assert_true(p.difference_ci95[0] < p.difference && p.difference_ci95[1] > p.difference && p.difference_ci95[1] < 0);
    assert_true(p.ratio < 1 && p.ratio_ci95[0] < p.ratio && p.ratio_ci95[1] > p.ratio);
    wt_test_ok(wt_scores_compare(&a, &a, 0, &p, &err), &err);
    assert_true(p.p_value == 1 && p.difference == 0 && p.ratio == 1);
    wt_test_refused(wt_scores_compare(&a, &c, 0, &p, &err), WT_EUSAGE, &err, "cannot be paired");
    /* weights that differ: characters */
    for (int i = 0; i < 1000; i++)
        wt_test_ok(wt_scores_add(&c, i % 7, i % 7 + (i % 3 == 0), &err), &err);
    double ci[2];
    wt_scores_interval(&c, 3, ci);
    const double value = c.sum_gain / c.sum_weight;
    assert_true(ci[0] < value && ci[1] > value && ci[1] - ci[0] < 0.03);
    wt_test_ok(wt_scores_compare(&c, &c, 0, &p, &err), &err);
    assert_string_equal(p.test, "paired-bootstrap");
    assert_true(p.p_value == 1);
    json_t *json = wt_paired_json(&p);
    assert_non_null(json);
    json_decref(json);
    wt_scores_free(&a);
    wt_scores_free(&b);
    wt_scores_free(&c);
    wt_test_context_close(ctx);
}

static void ratios_of_pairs(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    double a[101], b[101], ratio, ci[2];
    uint64_t random = 9;
    for (int i = 0; i < 101; i++) {
        const double slow = 1 + 0.3 * (i / 50); /* the machine slows down half way: both feel it */
        a[i] = 10 * slow * (1 + 0.01 * normal(&random));
        b[i] = 5 * slow * (1 + 0.01 * normal(&random));
    }
    wt_test_ok(wt_ratio_of_medians(ctx, a, b, 101, 4, &ratio, ci, &err), &err);
    assert_true(near_to(ratio, 0.5, 0.02) && ci[0] < ratio && ratio < ci[1] && ci[1] - ci[0] < 0.1);
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles), cmocka_unit_test(summaries),     cmocka_unit_test(intervals_cover),
        cmocka_unit_test(formulas),    cmocka_unit_test(paired_scores), cmocka_unit_test(ratios_of_pairs),
    };
    return wt_test_run("statistics", tests, WT_ARRAY_LEN(tests));
}
