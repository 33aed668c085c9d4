/* A model scored on a data set: the metric, wrong answers, classes, the interval, and two models on the same samples.
 */
#include <math.h>
#include <stdio.h>
#include "base/json.h"
#include "measure/evaluate.h"
#include "measure/open.h"
#include "small_models.h"

enum { SAMPLES = 30 };

static wt_context *ctx;
static wt_err err;
static const char *dir, *model, *data;
static wt_evaluate_options options;
static wt_result *result;

static int set_up(void **state)
{
    (void)state;
    static const size_t wrong[] = { 4, 17, 20 };
    ctx = wt_test_context();
    err = (wt_err){ .offset = WT_NO_OFFSET };
    dir = wt_test_tmpdir();
    model = wt_test_path(dir, "linear.onnx");
    data = wt_test_path(dir, "data.npz");
    small_linear_write(ctx, model);
    small_linear_data(ctx, data, SAMPLES, wrong, 3);
    options = wt_evaluate_defaults();
    options.data.path = data;
    result = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wt_result_free(result);
    wt_test_context_close(ctx);
    return 0;
}

static void scores(void **state)
{
    (void)state;
    wt_test_ok(wt_evaluate(&result, ctx, model, &options, &err), &err);
    assert_string_equal(wt_result_string(result, "", "metric"), "accuracy");
    assert_true(fabs(wt_result_number(result, 0, "value") - 0.9) < 1e-12);
    assert_true(wt_result_number(result, 0, "ci95[0]") < 0.9 && wt_result_number(result, 0, "ci95[1]") > 0.9);
    assert_true(wt_result_number(result, 0, "samples") == SAMPLES);
    assert_true(wt_result_number(result, 0, "wrong") == 3);
    assert_true(wt_result_count(result, "examples") == 3);
    assert_true(wt_result_count(result, "others") == 0); /* among three classes, the best five mean nothing */
    assert_true(wt_result_count(result, "classes") == 3);
    double samples = 0, right = 0, predicted = 0;
    for (size_t i = 0; i < 3; i++) {
        samples += wt_result_number(result, 0, "classes[%zu].samples", i);
        right += wt_result_number(result, 0, "classes[%zu].right", i);
        predicted += wt_result_number(result, 0, "classes[%zu].predicted", i);
    }
    assert_true(samples == SAMPLES && right == SAMPLES - 3 && predicted == SAMPLES);
    assert_true(strlen(wt_result_string(result, "", "data.hash")) == 64);
    assert_string_equal(wt_result_string(result, "", "data.form"), "npz");
}

static void examples(void **state)
{
    (void)state;
    bool seen[SAMPLES] = { false };
    wt_test_ok(wt_evaluate(&result, ctx, model, &options, &err), &err);
    for (size_t i = 0; i < 3; i++) {
        unsigned at = 99;
        assert_int_equal(sscanf(wt_result_string(result, "", "examples[%zu].source", i), "data.npz[%u]", &at), 1);
        assert_true(at == 4 || at == 17 || at == 20);
        assert_false(seen[at]);
        seen[at] = true;
        char got[8], want[8];
        snprintf(got, sizeof got, "%u", at % 3);
        snprintf(want, sizeof want, "%u", (at + 1) % 3);
        assert_string_equal(wt_result_string(result, "", "examples[%zu].got", i), got);
        assert_string_equal(wt_result_string(result, "", "examples[%zu].label", i), want);
    }
}

static void names(void **state)
{
    (void)state;
    static const char text[] = "ant\nbee\ncat\n";
    wt_test_write(wt_test_path(dir, "labels.txt"), text, sizeof text - 1); /* beside the model */
    wt_test_ok(wt_evaluate(&result, ctx, model, &options, &err), &err);
    assert_string_equal(wt_result_string(result, "", "classes[1].name"), "bee");
    const char *got = wt_result_string(result, "", "examples[0].got");
    assert_true(!strcmp(got, "ant") || !strcmp(got, "bee") || !strcmp(got, "cat"));
}

static void parts(void **state)
{
    (void)state;
    wt_result *other;
    options.data.part = "calibration";
    wt_test_ok(wt_evaluate(&result, ctx, model, &options, &err), &err);
    options.data.part = "held-out";
    wt_test_ok(wt_evaluate(&other, ctx, model, &options, &err), &err);
    assert_true(wt_result_number(result, 0, "samples") + wt_result_number(other, 0, "samples") == SAMPLES);
    assert_true(wt_result_number(result, 0, "wrong") + wt_result_number(other, 0, "wrong") == 3);
    assert_string_equal(wt_result_string(other, "", "data.part"), "held-out");
    wt_result_free(other);
    options.data.limit = 4;
    wt_test_ok(wt_evaluate(&other, ctx, model, &options, &err), &err);
    assert_true(wt_result_number(other, 0, "samples") == 4);
    wt_result_free(other);
}

static void refusals(void **state)
{
    (void)state;
    const char *unlabelled = wt_test_path(dir, "unlabelled.npz"), *net = wt_test_path(dir, "net.onnx");
    const small_net n = small_net_make();
    small_net_write(ctx, &n, net);
    small_net_data(ctx, unlabelled, 4);
    options.metric = "bleu";
    wt_test_refused(wt_evaluate(&result, ctx, model, &options, &err), WT_EUSAGE, &err, "no metric bleu");
    options.metric = "sqnr_db";
    wt_test_refused(wt_evaluate(&result, ctx, model, &options, &err), WT_EUSAGE, &err, "reference");
    options.metric = "character_accuracy";
    wt_test_refused(wt_evaluate(&result, ctx, model, &options, &err), WT_EUSAGE, &err, NULL);
    options.metric = NULL;
    options.data.path = unlabelled;
    wt_test_refused(wt_evaluate(&result, ctx, net, &options, &err), WT_EUSAGE, &err, "no labels");
    options.data.path = NULL;
    wt_test_refused(wt_evaluate(&result, ctx, model, &options, &err), WT_EUSAGE, &err, "data set");
    assert_null(result);
}

static void one_class(void **state)
{
    (void)state;
    static const size_t wrong[] = { 1, 1, 2 }; /* 1 becomes 2 becomes 0, 2 becomes 0: all say 0 */
    options.data.path = wt_test_path(dir, "one.npz");
    small_linear_data(ctx, options.data.path, 3, wrong, 3);
    wt_test_ok(wt_evaluate(&result, ctx, model, &options, &err), &err);
    assert_non_null(strstr(wt_result_string(result, "", "warning"), "one label"));
}

/* --- two models on the same samples
 * -------------------------------------------------------------------------------------- */

static void reference_metric(void **state)
{
    (void)state;
    wt_opened a, b;
    wt_dataset *ds;
    wt_evaluation *e;
    small_net net = small_net_make();
    const char *first = wt_test_path(dir, "a.onnx"), *second = wt_test_path(dir, "b.onnx");
    small_net_write(ctx, &net, first);
    for (size_t i = 0; i < WT_ARRAY_LEN(net.second); i++)
        net.second[i] *= 1.1f; /* the largest stays the largest; 20 dB */
    small_net_write(ctx, &net, second);
    options.data.path = wt_test_path(dir, "plain.npz");
    small_net_data(ctx, options.data.path, 6);
    wt_test_ok(wt_open_model(&a, ctx, first, NULL, &err), &err);
    wt_test_ok(wt_open_model(&b, ctx, second, NULL, &err), &err);
    wt_test_ok(wt_data_open(&ds, a.graph, first, &options.data, &err), &err);
    const wt_runner first_runner = wt_opened_runner(&a), second_runner = wt_opened_runner(&b);
    wt_eval_options o = { .reference = &first_runner };
    wt_test_ok(wt_evaluate_runner(&e, &second_runner, ds, &o, &err), &err);
    assert_string_equal(wt_evaluation_result(e)->info->name, "agreement");
    assert_true(wt_evaluation_result(e)->value == 1);
    wt_evaluation_close(e);
    o.metric = "sqnr_db";
    wt_test_ok(wt_evaluate_runner(&e, &second_runner, ds, &o, &err), &err);
    assert_true(fabs(wt_evaluation_result(e)->value - 20) < 0.1);
    assert_int_equal(wt_evaluation_scores(e)->n, 6);
    wt_evaluation_close(e);
    wt_dataset_close(ds);
    wt_opened_close(&b);
    wt_opened_close(&a);
}

static void statements(void **state)
{
    (void)state;
    char text[512];
    wt_paired p = { .difference = -0.1,
                    .difference_ci95 = { -0.15, -0.05 },
                    .ratio = 0.9,
                    .p_value = 0.002,
                    .test = "mcnemar",
                    .samples = 200,
                    .only_a = 24,
                    .only_b = 4 };
    const wt_metric_info *accuracy = wt_metric_get(WT_METRIC_ACCURACY), *mse = wt_metric_get(WT_METRIC_MSE);
    wt_ab_statement(&p, accuracy, text, sizeof text);
    assert_non_null(strstr(text, "24 right in the baseline only, 4 in the candidate only"));
    assert_non_null(strstr(text, "significantly worse in accuracy"));
    assert_non_null(strstr(text, "-10.00 percentage points"));
    assert_non_null(strstr(text, "p = 0.0020"));
    p.p_value = 0.4;
    wt_ab_statement(&p, accuracy, text, sizeof text);
    assert_non_null(strstr(text, "no significant difference"));
    p.p_value = 1e-9;
    p.test = "paired-bootstrap";
    wt_ab_statement(&p, mse, text, sizeof text); /* a smaller error is better */
    assert_non_null(strstr(text, "significantly better in mse"));
    assert_non_null(strstr(text, "p < 0.0001"));
    assert_null(strstr(text, "percentage"));
    p.p_value = NAN;
    wt_ab_statement(&p, accuracy, text, sizeof text);
    assert_non_null(strstr(text, "no significant difference"));
    json_t *j = wt_ab_json(&p, accuracy);
    assert_non_null(j);
    assert_true(json_is_null(json_object_get(j, "p_value")));
    json_decref(j);
}

static void bad_names(void **state)
{
    (void)state;
    json_t *t = wt_json_text("a\xff"
                             "b\xc3\xa4\xe2\x82");
    assert_string_equal(json_string_value(t), "a\xef\xbf\xbd"
                                              "b\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(t);
    t = wt_json_text(NULL);
    assert_true(json_is_null(t));
    json_decref(t);
}

static wt_status evaluate_once(wt_context *c, void *arg, wt_err *e)
{
    (void)arg;
    wt_result *r;
    const wt_status st = wt_evaluate(&r, c, model, &options, e);
    wt_result_free(r);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    options.data.limit = 3;
    assert_true(wt_test_fail_each_alloc(evaluate_once, NULL) > 50);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(scores),    TEST(examples),         TEST(names),      TEST(parts),     TEST(refusals),
        TEST(one_class), TEST(reference_metric), TEST(statements), TEST(bad_names), TEST(no_memory)
    };
    return wt_test_run("evaluate", tests, WT_ARRAY_LEN(tests));
}
