/* The tables of select.def: every row can speak, every rule has a source, platforms get the choices that the guide
 * gives them, and limits come before the prior. And the roofline, against sums done by hand. */
#include <stdio.h>
#include "base/json.h"
#include "optimize/predict.h"
#include "optimize/select.h"
#include "support/test.h"

/* Of facts in one of these ranges only one can hold. */
static const wt_fact groups[][2] = {
    { WT_FACT_MICROCONTROLLER, WT_FACT_CROSS_PLATFORM },
    { WT_FACT_LANGUAGE, WT_FACT_NETWORK },
    { WT_FACT_LARGE, WT_FACT_LIGHT },
    { WT_FACT_BATTERY, WT_FACT_MAINS },
    { WT_FACT_OFFLINE, WT_FACT_ONLINE },
    { WT_FACT_PROTOTYPE, WT_FACT_PRODUCTION },
    { WT_FACT_PREFER_SPEED, WT_FACT_PREFER_BALANCED },
};

static bool excludes(wt_fact a, wt_fact b)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(groups); i++)
        if (a != b && a >= groups[i][0] && a <= groups[i][1] && b >= groups[i][0] && b <= groups[i][1])
            return true;
    return false;
}

static wt_result *document(wt_context *ctx, const char *text)
{
    json_t *root;
    wt_result *r;
    wt_err err = { 0 };
    wt_test_ok(wt_json_parse(&root, text, strlen(text), "test", &err), &err);
    wt_test_ok(wt_result_take(&r, ctx, root, &err), &err);
    return r;
}

static wt_result *model_of(wt_context *ctx, const char *format)
{
    char text[128];
    snprintf(text, sizeof text, "{\"format\":\"%s\"}", format);
    return document(ctx, text);
}

static void every_rule_can_speak(void **state)
{
    (void)state;
    for (size_t i = 0; i < wt_prior_row_count; i++) {
        const wt_prior_row *p = &wt_prior_rows[i];
        assert_false(excludes(p->fact, p->also));
        assert_true(p->points > 0);
        assert_true(strlen(p->reason) > 3 && strlen(p->source) > 10);
        assert_true(wt_prior_holds(p, wt_fact_bit(p->fact) | wt_fact_bit(p->also)));
        assert_false(wt_prior_holds(p, 0));
        for (size_t k = 0; k < i; k++) /* the same rule twice would count twice */
            assert_false(p->fact == wt_prior_rows[k].fact && p->also == wt_prior_rows[k].also &&
                         p->framework == wt_prior_rows[k].framework);
    }
    for (size_t i = 0; i < wt_limit_row_count; i++)
        assert_true(strlen(wt_limit_rows[i].reason) > 3 && strlen(wt_limit_rows[i].source) > 10);
}

static void every_fact_is_used(void **state)
{
    (void)state;
    for (wt_fact f = WT_FACT_ALWAYS + 1; f < WT_FACT_COUNT; f++) {
        bool used = false;
        for (size_t i = 0; i < wt_prior_row_count; i++)
            used |= wt_prior_rows[i].fact == f || wt_prior_rows[i].also == f;
        for (size_t i = 0; i < wt_limit_row_count; i++)
            used |= wt_limit_rows[i].fact == f;
        if (!used)
            fail_msg("no rule asks for '%s'", wt_fact_rows[f].name);
    }
}

/* A profile with the word of a sign, and nothing else, has its fact. */
static void every_sign_is_read(void **state)
{
    wt_context *ctx = wt_test_context();
    (void)state;
    wt_result *model = model_of(ctx, "onnx");
    const wt_select_options o = wt_select_defaults();
    for (size_t i = 0; i < wt_sign_row_count; i++) {
        const wt_sign_row *s = &wt_sign_rows[i];
        const char *dot = strchr(s->key, '.');
        char text[256];
        wt_facts facts;
        wt_err err = { 0 };
        if (!dot)
            snprintf(text, sizeof text, "{\"%s\":\"a %s b\"}", s->key, s->word);
        else if (!strncmp(s->key, "accelerators.", 13))
            snprintf(text, sizeof text, "{\"accelerators\":[{\"%s\":\"x\"},{\"%s\":\"a %s b\"}]}", dot + 1, dot + 1,
                     s->word);
        else
            snprintf(text, sizeof text, "{\"%.*s\":{\"%s\":\"a %s b\"}}", (int)(dot - s->key), s->key, dot + 1,
                     s->word);
        wt_result *target = document(ctx, text);
        wt_test_ok(wt_facts_gather(&facts, target, model, &o, &err), &err);
        if (!wt_fact_holds(facts, s->fact))
            fail_msg("'%s' at %s does not make it '%s'", s->word, s->key, wt_fact_rows[s->fact].name);
        wt_result_free(target);
    }
    wt_result_free(model);
    wt_test_context_close(ctx);
}

/* First and second choice of the guide's table of platforms, for a file that all the frameworks take or can be given.
 */
static void platforms_get_their_choices(void **state)
{
    static const struct {
        wt_fact platform;
        const char *format;
        wt_framework_id first, second;
    } rows[] = {
        { WT_FACT_INTEL, "onnx", WT_FRAMEWORK_OPENVINO, WT_FRAMEWORK_OLIVE },
        { WT_FACT_NVIDIA, "onnx", WT_FRAMEWORK_OLIVE, WT_FRAMEWORK_OPENVINO },
        { WT_FACT_APPLE, "safetensors", WT_FRAMEWORK_MLX, WT_FRAMEWORK_LLAMACPP },
        { WT_FACT_ARM_MOBILE, "safetensors", WT_FRAMEWORK_LLAMACPP, WT_FRAMEWORK_OPENVINO },
        { WT_FACT_EDGE_TPU, "onnx", WT_FRAMEWORK_OPENVINO, WT_FRAMEWORK_OLIVE },
        { WT_FACT_EMBEDDED_ARM, "safetensors", WT_FRAMEWORK_LLAMACPP, WT_FRAMEWORK_OPENVINO },
    };
    wt_context *ctx = wt_test_context();
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        wt_choice choices[WT_FRAMEWORK_COUNT];
        wt_framework_id order[WT_FRAMEWORK_COUNT];
        wt_result *model = model_of(ctx, rows[i].format);
        wt_choices_judge(choices, wt_fact_bit(rows[i].platform), model);
        assert_true(wt_choices_rank(choices, order) >= 2);
        assert_int_equal(order[0], rows[i].first);
        assert_int_equal(order[1], rows[i].second);
        wt_result_free(model);
    }
    wt_test_context_close(ctx);
}

static void rankings_of_the_stages(void **state)
{
    wt_context *ctx = wt_test_context();
    (void)state;
    wt_result *model = model_of(ctx, "safetensors");
    wt_choice choices[WT_FRAMEWORK_COUNT];
    wt_choices_judge(choices, wt_fact_bit(WT_FACT_PROTOTYPE), model);
    assert_true(choices[WT_FRAMEWORK_LLAMACPP].points > choices[WT_FRAMEWORK_MLX].points);
    assert_true(choices[WT_FRAMEWORK_MLX].points > choices[WT_FRAMEWORK_OLIVE].points);
    assert_true(choices[WT_FRAMEWORK_OLIVE].points > choices[WT_FRAMEWORK_OPENVINO].points);
    wt_choices_judge(choices, wt_fact_bit(WT_FACT_PRODUCTION), model);
    assert_true(choices[WT_FRAMEWORK_OLIVE].points > choices[WT_FRAMEWORK_OPENVINO].points);
    assert_true(choices[WT_FRAMEWORK_OPENVINO].points > choices[WT_FRAMEWORK_MLX].points);
    assert_true(choices[WT_FRAMEWORK_MLX].points > choices[WT_FRAMEWORK_LLAMACPP].points);
    wt_result_free(model);
    wt_test_context_close(ctx);
}

/* The prior is for OpenVINO, but an operator stops it; a microcontroller runs none of them. */
static void limits_come_first(void **state)
{
    static const char text[] = "{\"format\":\"onnx\",\"engines\":{\"openvino\":{\"fit\":\"no\",\"obstacles\":"
                               "[{\"op\":\"\",\"reason\":\"the file\"},{\"op\":\"Det\",\"reason\":\"no rule\"}]}}}";
    wt_context *ctx = wt_test_context();
    (void)state;
    wt_result *model = document(ctx, text);
    wt_choice choices[WT_FRAMEWORK_COUNT];
    wt_framework_id order[WT_FRAMEWORK_COUNT];
    wt_choices_judge(choices, wt_fact_bit(WT_FACT_INTEL), model);
    assert_false(choices[WT_FRAMEWORK_OPENVINO].fits);
    assert_string_equal(choices[WT_FRAMEWORK_OPENVINO].why, "Det: no rule");
    assert_true(wt_choices_rank(choices, order) > 0);
    assert_int_equal(order[0], WT_FRAMEWORK_OLIVE);
    wt_choices_judge(choices, wt_fact_bit(WT_FACT_MICROCONTROLLER), model);
    assert_int_equal(wt_choices_rank(choices, order), 0);
    wt_result_free(model);
    wt_test_context_close(ctx);
}

static void words_that_are_none(void **state)
{
    wt_context *ctx = wt_test_context();
    (void)state;
    wt_result *empty = document(ctx, "{}");
    wt_select_options o = wt_select_defaults();
    wt_facts facts;
    wt_err err = { 0 };
    o.needs = (const char *const[]){ "wings" };
    o.n_needs = 1;
    assert_int_equal(wt_facts_gather(&facts, empty, empty, &o, &err), WT_EUSAGE);
    assert_non_null(strstr(err.message, "cross-platform"));
    o.n_needs = 0;
    o.power = "battery";
    o.prefer = "size";
    wt_test_ok(wt_facts_gather(&facts, empty, empty, &o, &err), &err);
    assert_true(wt_fact_holds(facts, WT_FACT_BATTERY) && wt_fact_holds(facts, WT_FACT_PREFER_SIZE));
    assert_true(wt_fact_holds(facts, WT_FACT_CROSS_PLATFORM) && wt_fact_holds(facts, WT_FACT_NETWORK));
    wt_result_free(empty);
    wt_test_context_close(ctx);
}

static void kinds_of_work(void **state)
{
    (void)state;
    assert_int_equal(wt_work_classify("Conv", "conv_f32_c16_avx512", 1), WT_WORK_CONV);
    assert_int_equal(wt_work_classify("Conv", "conv_dw_f32_avx2", 1), WT_WORK_DEPTHWISE);
    assert_int_equal(wt_work_classify("MatMul", "matmul_ref", 1), WT_WORK_MATMUL);
    assert_int_equal(wt_work_classify("Erf", "erf_ref", 8), WT_WORK_ELEMENTWISE);
    assert_int_equal(wt_work_classify("Transpose", "transpose_ref", 0), WT_WORK_MOVEMENT);
}

/* Twice the peak halves what arithmetic bounds and leaves the rest; twice the bandwidth the other way round. */
static void the_roofline(void **state)
{
    (void)state;
    wt_work_step steps[] = { { WT_WORK_CONV, WT_PRECISION_F32, 1e12, 1e3, 1 },
                             { WT_WORK_MOVEMENT, WT_PRECISION_F32, 0, 1e12, 2 } };
    const wt_work work = { steps, 2 };
    wt_roof roof = { .read_gb_per_s = { 10, 20 }, .gflops = { [WT_PRECISION_F32] = { 100, 200 } } };
    const wt_prediction p = wt_predict(&work, &roof);
    assert_true(!p.bound && p.of[WT_WORK_CONV][WT_PRECISION_F32].steps == 1 &&
                p.of[WT_WORK_MOVEMENT][WT_PRECISION_F32].steps == 1);
    assert_true(p.of[WT_WORK_CONV][WT_PRECISION_F32].ms >= 1e4); /* no kernel is above the peak */
    roof.gflops[WT_PRECISION_F32][0] *= 2;
    wt_prediction q = wt_predict(&work, &roof);
    assert_float_equal(q.of[WT_WORK_CONV][WT_PRECISION_F32].ms, p.of[WT_WORK_CONV][WT_PRECISION_F32].ms / 2, 0.01);
    assert_float_equal(q.of[WT_WORK_MOVEMENT][WT_PRECISION_F32].ms, p.of[WT_WORK_MOVEMENT][WT_PRECISION_F32].ms, 1e-9);
    roof.read_gb_per_s[1] *= 2; /* of the step that all threads run */
    q = wt_predict(&work, &roof);
    assert_float_equal(q.of[WT_WORK_MOVEMENT][WT_PRECISION_F32].ms, p.of[WT_WORK_MOVEMENT][WT_PRECISION_F32].ms / 2,
                       0.01);
    roof = (wt_roof){ .read_gb_per_s = { 10, 20 } };
    assert_true(wt_predict(&work, &roof).bound);
}

/* A data sheet: 2 cores of 2 GHz with AVX2 do 32 operations a cycle. */
static void peaks_of_a_data_sheet(void **state)
{
    wt_context *ctx = wt_test_context();
    (void)state;
    wt_result *target = document(ctx, "{\"cpu\":{\"cores\":2,\"clock_max_mhz\":2000,\"isa\":[\"sse42\",\"avx2\"]},"
                                      "\"memory\":{\"bandwidth_gb_per_s\":40}}");
    wt_roof roof;
    const char *from;
    wt_predict_roof(&roof, target, &from);
    assert_string_equal(from, "data sheet");
    assert_float_equal(roof.gflops[WT_PRECISION_F32][0], 64, 1e-9);
    assert_float_equal(roof.gflops[WT_PRECISION_F32][1], 128, 1e-9);
    assert_float_equal(roof.read_gb_per_s[1], 40, 1e-9);
    wt_result_free(target);
    target = document(ctx, "{\"cpu\":{\"cores\":2}}");
    wt_predict_roof(&roof, target, &from);
    assert_string_equal(from, "");
    wt_result_free(target);
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_can_speak),   cmocka_unit_test(every_fact_is_used),
        cmocka_unit_test(every_sign_is_read),     cmocka_unit_test(platforms_get_their_choices),
        cmocka_unit_test(rankings_of_the_stages), cmocka_unit_test(limits_come_first),
        cmocka_unit_test(words_that_are_none),    cmocka_unit_test(kinds_of_work),
        cmocka_unit_test(the_roofline),           cmocka_unit_test(peaks_of_a_data_sheet),
    };
    return wt_test_run("select", tests, WT_ARRAY_LEN(tests));
}
