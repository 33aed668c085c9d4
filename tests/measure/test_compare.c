/* Two models, the same inputs: what is equal, what is erased, where it begins, and what cannot be compared. */
#include <math.h>
#include "base/json.h"
#include "measure/compare_impl.h"
#include "measure/open.h"
#include "small_models.h"

enum { SAMPLES = 12 };

static wt_context *ctx;
static wt_err err;
static const char *dir, *reference, *data;
static wt_compare_options options;
static wt_result *result;

static int set_up(void **state)
{
    (void)state;
    const small_net net = small_net_make();
    ctx = wt_test_context();
    err = (wt_err){ .offset = WT_NO_OFFSET };
    dir = wt_test_tmpdir();
    reference = wt_test_path(dir, "reference.onnx");
    data = wt_test_path(dir, "data.npz");
    small_net_write(ctx, &net, reference);
    small_net_data(ctx, data, SAMPLES);
    options = wt_compare_defaults();
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

static wt_status compare_with(const small_net *net)
{
    const char *candidate = wt_test_path(dir, "candidate.onnx");
    small_net_write(ctx, net, candidate);
    return wt_compare(&result, ctx, reference, candidate, &options, &err);
}

static void same(void **state)
{
    (void)state;
    const small_net net = small_net_make();
    options.layers = 1;
    wt_test_ok(compare_with(&net), &err);
    assert_string_equal(wt_result_string(result, "", "verdict"), "equivalent");
    assert_string_equal(wt_result_string(result, "", "precision"), "fp32");
    assert_true(wt_result_number(result, 0, "sqnr_db") == 200);
    assert_true(wt_result_number(result, 0, "samples") == SAMPLES);
    assert_true(wt_result_number(result, 0, "thresholds.min_sqnr_db") == 60);
    assert_true(wt_result_count(result, "layers") == 3); /* c, h, y */
    for (size_t i = 0; i < 3; i++) {
        assert_true(wt_result_number(result, 0, "layers[%zu].sqnr_db", i) == 200);
        assert_string_equal(wt_result_string(result, "", "layers[%zu].got", i), "float");
    }
    assert_string_equal(wt_result_string(result, "", "layers[1].op"), "Relu");
}

static void erased(void **state)
{
    (void)state;
    small_net net = small_net_make();
    memset(net.second + 3 * SMALL_HIDDEN, 0, SMALL_HIDDEN * sizeof(float));
    options.min_sqnr_db = options.min_agreement = options.min_cosine =
        -1000; /* overall figures may say what they like */
    options.max_kld = 1000;
    wt_test_refused(compare_with(&net), WT_EVERDICT, &err, "1 of 5 channels are erased (3)");
    assert_non_null(strstr(err.message, "'y'"));
    assert_string_equal(wt_result_string(result, "", "verdict"), "different");
    assert_string_equal(wt_result_string(result, "", "outputs[0].failed"), "erased");
    assert_true(wt_result_number(result, 0, "outputs[0].channels.erased[0]") == 3);
}

static void not_finite(void **state)
{
    (void)state;
    small_net net = small_net_make();
    net.second[0] = NAN;
    wt_test_refused(compare_with(&net), WT_EVERDICT, &err, "NaN or infinite");
}

static void thresholds(void **state)
{
    (void)state;
    small_net net = small_net_make();
    for (size_t i = 0; i < WT_ARRAY_LEN(net.second); i++)
        net.second[i] *= 1.01f; /* 40 dB */
    wt_test_refused(compare_with(&net), WT_EVERDICT, &err, "at least 60.0 was asked");
    wt_result_free(result);
    options.min_sqnr_db = 39;
    options.max_kld = 1;
    options.min_agreement = 0.5;
    options.min_cosine = 0.99;
    wt_test_ok(compare_with(&net), &err);
    assert_true(fabs(wt_result_number(result, 0, "sqnr_db") - 40) < 0.1);
}

/* What is worked out layer by layer is what is worked out from the outputs, whatever lies in blocks of 16 channels. */
static void layers_agree(void **state)
{
    (void)state;
    small_net net = small_net_make();
    for (size_t i = 0; i < WT_ARRAY_LEN(net.first); i++)
        net.first[i] += (i % 3 ? 0.01f : -0.02f);
    options.layers = 1;
    options.min_sqnr_db = options.min_cosine = options.min_agreement = 0;
    options.max_kld = 10;
    wt_test_ok(compare_with(&net), &err);
    assert_string_equal(wt_result_string(result, "", "layers[2].name"), "y");
    assert_true(fabs(wt_result_number(result, 0, "layers[2].sqnr_db") -
                     wt_result_number(result, 0, "outputs[0].sqnr_db")) < 0.05);
    const double first = wt_result_number(result, 0, "layers[0].sqnr_db");
    assert_true(first > 20 && first < 60);
}

static void other_names(void **state)
{
    (void)state;
    small_net net = small_net_make();
    net.input = "image";
    net.output = "scores";
    wt_test_ok(compare_with(&net), &err); /* one each: the position decides */
    assert_string_equal(wt_result_string(result, "", "outputs[0].name"), "y");
}

static void quantized(void **state)
{
    (void)state;
    small_net net = small_net_make();
    net.qdq = true;
    options.layers = 1;
    wt_test_ok(compare_with(&net), &err);
    assert_string_equal(wt_result_string(result, "", "precision"), "int8");
    assert_true(wt_result_number(result, 0, "sqnr_db") > 20 && wt_result_number(result, 0, "sqnr_db") < 100);
    wt_result_free(result);
    net.qdq = false;
    net.half_weights = true;
    wt_test_ok(compare_with(&net), &err);
    assert_string_equal(wt_result_string(result, "", "precision"), "fp16");
}

static void refusals(void **state)
{
    (void)state;
    const char *linear = wt_test_path(dir, "linear.onnx");
    small_linear_write(ctx, linear);
    wt_test_refused(wt_compare(&result, ctx, reference, linear, &options, &err), WT_EUSAGE, &err, "input");
    options.data.path = NULL;
    wt_test_refused(wt_compare(&result, ctx, reference, reference, &options, &err), WT_EUSAGE, &err, "data set");
    options.data.path = wt_test_path(dir, "absent.npz");
    assert_true(wt_compare(&result, ctx, reference, reference, &options, &err) != WT_OK);
    options.data.path = data;
    assert_true(wt_compare(&result, ctx, reference, wt_test_path(dir, "absent.onnx"), &options, &err) == WT_EIO);
    assert_null(result);
}

/* When copies of one sample do not fit, it runs again for the rest: the figures are the same. */
static void little_room(void **state)
{
    (void)state;
    small_net net = small_net_make();
    wt_graph *a, *b;
    wt_dataset *ds;
    wt_layers wide, narrow;
    wt_data_options d = wt_data_defaults();
    const char *candidate = wt_test_path(dir, "near.onnx");
    for (size_t i = 0; i < WT_ARRAY_LEN(net.first); i++)
        net.first[i] *= 1.02f;
    small_net_write(ctx, &net, candidate);
    d.path = data;
    wt_test_ok(wt_open_graph(&a, ctx, reference, NULL, &err), &err);
    wt_test_ok(wt_open_graph(&b, ctx, candidate, NULL, &err), &err);
    wt_test_ok(wt_data_open(&ds, a, reference, &d, &err), &err);
    const wt_layer_side first = { a, NULL, NULL }, second = { b, NULL, NULL };
    wt_test_ok(wt_compare_layers(&wide, &first, &second, ds, 5, &err), &err);
    wt_test_ok(wt_compare_layers_within(&narrow, &first, &second, ds, 5, 1, &err), &err);
    assert_int_equal(wide.samples, 5);
    assert_int_equal(narrow.samples, 5);
    assert_int_equal(wide.n, 3);
    assert_int_equal(narrow.n, 3);
    for (size_t i = 0; i < wide.n; i++) {
        assert_true(wide.items[i].sqnr_db == narrow.items[i].sqnr_db);
        assert_true(wide.items[i].elements == narrow.items[i].elements);
    }
    wt_layers_free(&wide);
    wt_layers_free(&narrow);
    wt_dataset_close(ds);
    wt_graph_close(b);
    wt_graph_close(a);
}

static void blocks(void **state)
{
    (void)state;
    float in[2 * 2 * 3 * 16], out[2 * 20 * 3];
    uint16_t halves[WT_ARRAY_LEN(in)];
    const int64_t dims[] = { 2, 20, 3 };
    for (size_t i = 0; i < WT_ARRAY_LEN(in); i++) {
        in[i] = (float)i;
        halves[i] = wt_f32_to_f16(in[i]);
    }
    wt_tensor t = {
        .dtype = WT_F32, .layout = WT_C16, .shape = wt_shape_make(3, dims), .data = in, .bytes = sizeof in
    };
    for (int half = 0; half < 2; half++) {
        wt_test_ok(wt_plain_floats(ctx, &t, out, WT_ARRAY_LEN(out), &err), &err);
        for (size_t n = 0; n < 2; n++)
            for (size_t c = 0; c < 20; c++)
                for (size_t i = 0; i < 3; i++)
                    assert_true(out[(n * 20 + c) * 3 + i] == in[((n * 2 + c / 16) * 3 + i) * 16 + c % 16]);
        t.dtype = WT_F16;
        t.data = halves;
    }
}

static void channel_axes(void **state)
{
    (void)state;
    static const struct {
        int rank;
        int64_t dims[5];
        int axis;
    } rows[] = {
        { 4, { 1, 3, 224, 224 }, 1 }, { 4, { 1, 512, 7, 7 }, 1 },   { 4, { 1, 512, 4, 10 }, 1 },
        { 4, { 1, 224, 224, 3 }, 3 }, { 4, { 1, 48, 320, 21 }, 3 }, { 4, { 1, 7, 7, 512 }, 3 },
        { 4, { 1, 1, 48, 320 }, 3 },  { 3, { 1, 84, 8400 }, 1 },    { 3, { 1, 8400, 84 }, 2 },
        { 5, { 1, 9, 4, 4, 4 }, 1 },  { 2, { 1, 1000 }, 1 },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        const wt_shape s = wt_shape_make(rows[i].rank, rows[i].dims);
        assert_int_equal(wt_channel_axis(NULL, &s), rows[i].axis);
    }
}

typedef struct job {
    const char *candidate;
} job;

static wt_status compare_once(wt_context *c, void *arg, wt_err *e)
{
    const job *j = arg;
    wt_result *r;
    const wt_status st = wt_compare(&r, c, reference, j->candidate, &options, e);
    wt_result_free(r);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    const small_net net = small_net_make();
    const job j = { wt_test_path(dir, "candidate.onnx") };
    small_net_write(ctx, &net, j.candidate);
    options.layers = 1;
    options.data.limit = 2;
    assert_true(wt_test_fail_each_alloc(compare_once, (void *)(uintptr_t)&j) > 50);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = { TEST(same),         TEST(erased),      TEST(not_finite),   TEST(thresholds),
                                        TEST(layers_agree), TEST(other_names), TEST(quantized),    TEST(refusals),
                                        TEST(little_room),  TEST(blocks),      TEST(channel_axes), TEST(no_memory) };
    return wt_test_run("compare", tests, WT_ARRAY_LEN(tests));
}
