/* Task metrics: chosen by the task, scored sample by sample, CTC decoded, NaN counted as wrong. */
#include <math.h>
#include "measure/ctc.h"
#include "measure/metrics.h"
#include "support/test.h"

static wt_context *ctx;
static wt_err err;
static wt_metric *m;

static int set_up(void **state)
{
    (void)state;
    ctx = wt_test_context();
    memset(&err, 0, sizeof err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wt_metric_close(m);
    m = NULL;
    wt_test_context_close(ctx);
    return 0;
}

static wt_tensor type(wt_dtype dtype, int rank, const int64_t *dims)
{
    return (wt_tensor){ .dtype = dtype, .shape = wt_shape_make(rank, dims) };
}
#define DIMS(...) ((const int64_t[]){ __VA_ARGS__ })

static void chooses(const wt_metric_task *task, const char *name, const char *want)
{
    wt_metric_id id;
    wt_test_ok(wt_metric_choose(&id, task, name, &err), &err);
    assert_string_equal(wt_metric_get(id)->name, want);
}

static void choosing(void **state)
{
    (void)state;
    const wt_tensor scores = type(WT_F32, 2, DIMS(-1, 10)), number = type(WT_F32, 2, DIMS(1, 1));
    const wt_tensor both[2] = { type(WT_I64, 1, DIMS(-1)), scores };
    wt_metric_id id;
    chooses(&(wt_metric_task){ WT_LABEL_CLASS, &scores, 1, NULL }, NULL, "accuracy");
    chooses(&(wt_metric_task){ WT_LABEL_CLASS, both, 2, NULL }, "top5_accuracy", "top5_accuracy");
    chooses(&(wt_metric_task){ WT_LABEL_CLASS, both, 1, NULL }, NULL, "accuracy"); /* a decision */
    chooses(&(wt_metric_task){ WT_LABEL_TEXT, &scores, 1, "a\nb" }, NULL, "character_accuracy");
    chooses(&(wt_metric_task){ WT_LABEL_VECTOR, &number, 1, NULL }, NULL, "mse");
    chooses(&(wt_metric_task){ WT_LABEL_NONE, &scores, 1, NULL }, NULL, "agreement");
    chooses(&(wt_metric_task){ WT_LABEL_NONE, &number, 1, NULL }, NULL, "sqnr_db");
    chooses(&(wt_metric_task){ WT_LABEL_TEXT, &scores, 1, NULL }, NULL, "agreement"); /* no table to decode with */
    const wt_metric_task task = { WT_LABEL_TEXT, &scores, 1, NULL };
    wt_test_refused(wt_metric_choose(&id, &task, "sequence_accuracy", &err), WT_EUSAGE, &err, "character table");
    wt_test_refused(wt_metric_choose(&id, &task, "accuracy", &err), WT_EUSAGE, &err, "no class labels");
    wt_test_refused(wt_metric_choose(&id, &task, "bleu", &err), WT_EUSAGE, &err, "no metric bleu");
    for (size_t i = 0; wt_metric_name(i); i++) {
        assert_non_null(wt_metric_summary(i));
        if (i < WT_METRIC_COUNT) /* the hint names them all */
            assert_non_null(strstr(err.hint, wt_metric_name(i)));
    }
}

static void open_for(wt_metric_id id, const wt_metric_task *task)
{
    wt_metric_close(m);
    wt_test_ok(wt_metric_open(&m, ctx, id, task, &err), &err);
}

static wt_metric_result result(void)
{
    wt_metric_result r;
    wt_test_ok(wt_metric_finish(m, 0, &r, &err), &err);
    json_t *json = wt_metric_result_json(&r);
    assert_non_null(json);
    json_decref(json);
    return r;
}

static wt_status add_class(const float *scores, size_t n, int64_t index)
{
    const wt_tensor out = {
        .dtype = WT_F32, .shape = { 2, { 1, (int64_t)n } }, .data = scores, .bytes = n * sizeof *scores
    };
    const wt_sample_label label = { .kind = WT_LABEL_CLASS, .index = index };
    return wt_metric_add(m, &out, &label, NULL, &err);
}

static void classes(void **state)
{
    (void)state;
    const wt_tensor scores = type(WT_F32, 2, DIMS(-1, 7));
    const wt_metric_task task = { WT_LABEL_CLASS, &scores, 1, NULL };
    const float v[7] = { 1, 5, 2, 3, 4, 5, 0 }, bad[7] = { NAN, 1, 2 },
                all_bad[7] = { NAN, NAN, NAN, NAN, NAN, NAN, NAN };
    open_for(WT_METRIC_ACCURACY, &task);
    wt_test_ok(add_class(v, 7, 1), &err);
    wt_test_ok(add_class(v, 7, 5), &err); /* a tie goes to the lower class */
    wt_test_ok(add_class(bad, 7, 2), &err);
    wt_test_ok(add_class(all_bad, 7, 0), &err);
    wt_metric_result r = result();
    assert_true(r.value == 0.5 && r.samples == 4 && r.nonfinite == 1 && r.ci95[0] > 0.1 && r.ci95[1] < 0.9);
    wt_test_refused(add_class(v, 7, 7), WT_EFORMAT, &err, "class 7");
    wt_test_refused(wt_metric_add(m, &scores, NULL, NULL, &err), WT_EFORMAT, &err, "no label");
    open_for(WT_METRIC_TOP5, &task);
    for (int64_t k = 0; k < 7; k++)
        wt_test_ok(add_class(v, 7, k), &err); /* the two lowest, 0 and 6, are out */
    assert_true(fabs(result().value - 5 / 7.) < 1e-12);
    assert_int_equal(wt_metric_scores(m)->n, 7);
    const wt_tensor one = type(WT_F32, 2, DIMS(-1, 1));
    const float yes = 0.7f, no = 0.2f;
    open_for(WT_METRIC_ACCURACY, &(wt_metric_task){ WT_LABEL_CLASS, &one, 1, NULL });
    wt_test_ok(add_class(&yes, 1, 1), &err);
    wt_test_ok(add_class(&no, 1, 0), &err);
    wt_test_ok(add_class(&no, 1, 1), &err);
    assert_true(fabs(result().value - 2 / 3.) < 1e-12);
    const wt_tensor batch = { .dtype = WT_F32, .shape = { 2, { 2, 3 } }, .data = v, .bytes = 24 };
    const wt_sample_label label = { .kind = WT_LABEL_CLASS };
    wt_test_refused(wt_metric_add(m, &batch, &label, NULL, &err), WT_EFORMAT, &err, "batch of 2");
    const int64_t decided = 3;
    const wt_tensor decision = { .dtype = WT_I64, .shape = { 1, { 1 } }, .data = &decided, .bytes = 8 };
    const wt_sample_label three = { .kind = WT_LABEL_CLASS, .index = 3 };
    open_for(WT_METRIC_ACCURACY, &(wt_metric_task){ WT_LABEL_CLASS, &decision, 1, NULL });
    wt_test_ok(wt_metric_add(m, &decision, &three, NULL, &err), &err);
    assert_true(result().value == 1);
}

/* --- text
 * ---------------------------------------------------------------------------------------------------------------------
 */

/* Scores whose best class at each step is given. */
static void put_steps(float *scores, size_t classes, const int *best, size_t steps)
{
    memset(scores, 0, steps * classes * sizeof *scores);
    for (size_t t = 0; t < steps; t++)
        scores[t * classes + (size_t)best[t]] = 1;
}

static void distances(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance, length;
    } rows[] = { { "", "", 0, 0 },
                 { "kitten", "sitting", 3, 7 },
                 { "abc", "", 3, 0 },
                 { "", "ab", 2, 2 },
                 { "\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad\xc3\xa9", 1, 2 },
                 { "ab", "ba", 2, 2 },
                 { "same", "same", 0, 4 } };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        size_t d, n;
        wt_test_ok(wt_edit_distance(ctx, rows[i].a, rows[i].b, &d, &n, &err), &err);
        assert_int_equal(d, rows[i].distance);
        assert_int_equal(n, rows[i].length);
    }
}

static void ctc_text(void **state)
{
    (void)state;
    const char *character = "a\nb\n\xc3\xa9"; /* classes: blank a b é space */
    const wt_tensor out = type(WT_F32, 3, DIMS(-1, -1, 5));
    const wt_metric_task task = { WT_LABEL_TEXT, &out, 1, character };
    const int steps[9] = { 0, 1, 1, 0, 1, 2, 4, 3, 0 };
    float scores[45];
    wt_tensor t = { .dtype = WT_F32, .shape = { 3, { 1, 9, 5 } }, .data = scores, .bytes = sizeof scores };
    wt_sample_label label = { .kind = WT_LABEL_TEXT, .text = "aab \xc3\xa9" };
    put_steps(scores, 5, steps, 9);
    open_for(WT_METRIC_CHARACTER, &task);
    wt_test_ok(wt_metric_add(m, &t, &label, NULL, &err), &err);
    assert_string_equal(wt_metric_last_text(m), "aab \xc3\xa9");
    label.text = "aabbb\xc3\xa9"; /* two of six wrong */
    wt_test_ok(wt_metric_add(m, &t, &label, NULL, &err), &err);
    wt_metric_result r = result();
    assert_true(fabs(r.value - 9 / 11.) < 1e-12); /* micro-averaged: 11 characters, 2 wrong */
    assert_string_equal(r.ci_method, "bootstrap");
    t.shape = wt_shape_make(3, DIMS(9, 1, 5)); /* time first */
    open_for(WT_METRIC_SEQUENCE, &task);
    wt_test_ok(wt_metric_add(m, &t, &label, NULL, &err), &err);
    label.text = "aab \xc3\xa9";
    wt_test_ok(wt_metric_add(m, &t, &label, NULL, &err), &err);
    assert_true(result().value == 0.5);
    scores[7] = NAN; /* does not win; the step still has a best */
    wt_test_ok(wt_metric_add(m, &t, &label, NULL, &err), &err);
    const wt_metric_task no_space = { WT_LABEL_TEXT, &out, 1, "a\r\nb\r\n\xc3\xa9\r\nx\n" };
    open_for(WT_METRIC_SEQUENCE, &no_space);
    put_steps(scores, 5, steps, 9);
    wt_test_ok(wt_metric_add(m, &t, &label, NULL, &err), &err);
    assert_string_equal(wt_metric_last_text(m), "aabx\xc3\xa9");
    const wt_metric_task wrong = { WT_LABEL_TEXT, &out, 1, "a\nb" };
    open_for(WT_METRIC_SEQUENCE, &wrong);
    wt_test_refused(wt_metric_add(m, &t, &label, NULL, &err), WT_EFORMAT, &err, "character table has 2 lines");
}

/* --- values and references
 * ----------------------------------------------------------------------------------------------------- */

static void values(void **state)
{
    (void)state;
    const float v[2] = { 1, 2 }, want[2] = { 1.5f, 4 };
    const uint16_t half[2] = { 0x3c00, 0x4000 };
    wt_tensor out = { .dtype = WT_F32, .shape = { 2, { 1, 2 } }, .data = v, .bytes = sizeof v };
    wt_sample_label label = { .kind = WT_LABEL_VECTOR,
                              .vector = {
                                  .dtype = WT_F32, .shape = { 1, { 2 } }, .data = want, .bytes = sizeof want } };
    const wt_metric_task task = { WT_LABEL_VECTOR, &out, 1, NULL };
    open_for(WT_METRIC_MSE, &task);
    wt_test_ok(wt_metric_add(m, &out, &label, NULL, &err), &err);
    out.dtype = WT_F16;
    out.data = half;
    wt_test_ok(wt_metric_add(m, &out, &label, NULL, &err), &err);
    assert_true(fabs(result().value - (0.25 + 4) / 2) < 1e-6);
    label.vector.shape.dim[0] = 1;
    wt_test_refused(wt_metric_add(m, &out, &label, NULL, &err), WT_EFORMAT, &err, "1 values");
}

static void against_a_reference(void **state)
{
    (void)state;
    const float r[6] = { 1, 2, 3, 6, 5, 4 }, c[6] = { 1, 2, 3, 5, 6, 4 };
    const wt_tensor ref = { .dtype = WT_F32, .shape = { 3, { 1, 2, 3 } }, .data = r, .bytes = sizeof r };
    wt_tensor can = ref, other = ref;
    can.data = c;
    const wt_metric_task task = { WT_LABEL_NONE, &(wt_tensor){ .dtype = WT_F32, .shape = { 3, { 1, -1, 3 } } }, 1,
                                  NULL };
    open_for(WT_METRIC_AGREEMENT, &task);
    wt_test_ok(wt_metric_add(m, &can, NULL, &ref, &err), &err);
    assert_true(result().value == 0.5);
    wt_test_refused(wt_metric_add(m, &can, NULL, NULL, &err), WT_EUSAGE, &err, "reference");
    other.shape = wt_shape_make(3, DIMS(1, 3, 2));
    wt_test_refused(wt_metric_add(m, &other, NULL, &ref, &err), WT_EFORMAT, &err, "another shape");
    open_for(WT_METRIC_SQNR, &task);
    wt_test_ok(wt_metric_add(m, &can, NULL, &ref, &err), &err);
    assert_true(fabs(result().value - 10 * log10(91 / 2.)) < 1e-9);
    open_for(WT_METRIC_SQNR, &task);
    wt_test_ok(wt_metric_add(m, &ref, NULL, &ref, &err), &err);
    assert_true(result().value == 200);
    open_for(WT_METRIC_SQNR, &task);
    wt_metric_result none;
    wt_test_refused(wt_metric_finish(m, 0, &none, &err), WT_EFORMAT, &err, "no sample");
}

static wt_status score_text(wt_context *c, void *arg, wt_err *e)
{
    const wt_tensor *t = arg;
    const wt_metric_task task = { WT_LABEL_TEXT, t, 1, "a\nb\nc" };
    const wt_sample_label label = { .kind = WT_LABEL_TEXT, .text = "ab" };
    wt_metric *x;
    WT_TRY(wt_metric_open(&x, c, WT_METRIC_CHARACTER, &task, e));
    const wt_status st = wt_metric_add(x, t, &label, NULL, e);
    wt_metric_close(x);
    return st;
}

static void allocations_may_fail(void **state)
{
    (void)state;
    const float scores[8] = { 0, 1 };
    wt_tensor t = { .dtype = WT_F32, .shape = { 3, { 1, 2, 4 } }, .data = scores, .bytes = sizeof scores };
    assert_true(wt_test_fail_each_alloc(score_text, &t) > 5);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = { TEST(choosing),
                                        TEST(classes),
                                        TEST(distances),
                                        TEST(ctc_text),
                                        TEST(values),
                                        TEST(against_a_reference),
                                        TEST(allocations_may_fail) };
    return wt_test_run("metrics", tests, WT_ARRAY_LEN(tests));
}
