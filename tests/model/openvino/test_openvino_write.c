/* test_openvino_write.c - what is written reads back as the same numbers; what cannot be written leaves nothing. What
 * OpenVINO itself makes of the files, tests/oracle/check_openvino.py asks. */
#include <stdlib.h>
#include "base/file.h"
#include "ov_samples.h"
#include "model/formats/onnx/onnx.h"

static wt_graph *sample(wt_context *ctx)
{
    wt_graph *g = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    wt_test_ok(wt_ov_read_text(&g, ctx, wt_ov_linear_xml, wt_ov_linear_bin, sizeof wt_ov_linear_bin, &err), &err);
    return g;
}

static void run_file(wt_context *ctx, const char *path, float y[2])
{
    static const float x[] = { 1, 2, 3, 4 };
    const wt_shape shape = { .rank = 2, .dim = { 1, 4 } };
    wt_graph *g = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    wt_test_ok(wt_model_read(&g, ctx, path, &err), &err);
    wt_test_ok(wt_graph_infer(g, &err), &err);
    assert_string_equal(g->inputs[0]->name, "x");
    assert_string_equal(g->outputs[0]->name, "y");
    assert_int_equal(wt_ov_run(ctx, g, x, &shape, 0, y, 2), 2);
    wt_graph_close(g);
}

/* IR to IR, and over ONNX: integers stay integers, names stay names. */
static void integers_go_through(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_graph *g = sample(ctx);
    wt_err err = { .offset = WT_NO_OFFSET };
    const char *folder = wt_test_tmpdir(), *xml = wt_test_path(folder, "a.xml"), *onnx = wt_test_path(folder, "a.onnx"),
               *again = wt_test_path(folder, "b.xml");
    wt_written written = { .ctx = ctx };
    float y[2];
    wt_test_ok(wt_model_write(g, xml, NULL, NULL, &written, &err), &err);
    wt_graph_close(g);
    assert_int_equal(written.count, 2);
    assert_string_equal(written.files[0].path, xml);
    assert_string_equal(written.files[1].path, wt_test_path(folder, "a.bin"));
    wt_written_free(&written);
    wt_test_ok(wt_model_read(&g, ctx, xml, &err), &err);
    wt_test_ok(wt_model_write(g, onnx, NULL, NULL, NULL, &err), &err);
    wt_graph_close(g);
    wt_test_ok(wt_model_read(&g, ctx, onnx, &err), &err);
    wt_test_ok(wt_graph_infer(g, &err), &err);
    wt_test_ok(wt_model_write(g, again, NULL, NULL, NULL, &err), &err);
    wt_graph_close(g);
    assert_int_equal(wt_test_count_files(folder), 5); /* no temporary name is left */
    const char *const files[] = { xml, onnx, again };
    for (size_t i = 0; i < WT_ARRAY_LEN(files); i++) {
        run_file(ctx, files[i], y);
        assert_true(y[0] == 0.5f * -10 && y[1] == 0.25f * (127 - 254 + 256));
    }
    char *text = NULL;
    size_t n = 0;
    wt_test_ok(wt_read_file(ctx, again, 1 << 20, &text, &n, &err), &err);
    assert_non_null(strstr(text, "element_type=\"i8\" shape=\"2, 4\""));
    assert_non_null(strstr(text, "type=\"Multiply\""));
    wt_free(ctx, text);
    wt_test_context_close(ctx);
}

/* --- halves --------------------------------------------------------------------------------------------------------
 */
static wt_graph *product(wt_context *ctx, const float *weights, wt_err *err)
{
    wt_graph *g = NULL;
    wt_value *x = NULL, *w = NULL, *y = NULL;
    wt_node *node = NULL;
    const int64_t dims[] = { 16, 16 };
    const wt_tensor t = { .dtype = WT_F32, .shape = wt_shape_make(2, dims), .data = weights, .bytes = 256 * 4 };
    wt_test_ok(wt_graph_new(&g, ctx, err), err);
    wt_test_ok(wt_graph_add_value(&x, g, "x", err), err);
    x->type = (wt_tensor){ .dtype = WT_F32, .shape = { .rank = 2, .dim = { WT_DIM_ANY, 16 } } };
    wt_test_ok(wt_graph_add_input(g, x, err), err);
    wt_test_ok(wt_graph_add_value(&w, g, "w,1", err), err); /* a comma, which separates names there */
    wt_test_ok(wt_graph_set_constant(w, &t, err), err);
    wt_test_ok(wt_graph_add_value(&y, g, "y,<&\">", err), err);
    wt_test_ok(wt_graph_add_node(&node, g, NULL, "", "MatMul", "product", (wt_value *[]){ x, w }, 2, &y, 1, NULL, err),
               err);
    wt_test_ok(wt_graph_add_output(g, y, err), err);
    return g;
}

static void halves_and_difficult_names(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { .offset = WT_NO_OFFSET };
    float weights[256], x[16], whole[16], half[16];
    for (int i = 0; i < 256; i++)
        weights[i] = (float)(i % 31 - 15) / 7;
    for (int i = 0; i < 16; i++)
        x[i] = (float)i - 8;
    const wt_shape shape = { .rank = 2, .dim = { 1, 16 } };
    wt_graph *g = product(ctx, weights, &err), *again = NULL;
    assert_int_equal(wt_ov_run(ctx, g, x, &shape, 0, whole, 16), 16);
    const char *path = wt_test_path(wt_test_tmpdir(), "h.xml");
    const wt_write_options options = { .f16_weights = true };
    wt_written written = { .ctx = ctx };
    wt_test_ok(wt_model_write(g, path, NULL, &options, &written, &err), &err);
    assert_int_equal(written.files[1].bytes, 512);
    wt_written_free(&written);
    wt_test_ok(wt_model_read(&again, ctx, path, &err), &err);
    wt_test_ok(wt_graph_infer(again, &err), &err);
    assert_string_equal(again->outputs[0]->name, "y,<&\">");
    assert_int_equal(wt_ov_run(ctx, again, x, &shape, 0, half, 16), 16);
    for (int i = 0; i < 16; i++) {
        double want = 0;
        for (int k = 0; k < 16; k++)
            want += (double)x[k] * (double)wt_f16_to_f32(wt_f32_to_f16(weights[16 * k + i]));
        assert_true(want - (double)half[i] < 1e-4 && (double)half[i] - want < 1e-4);
    }
    wt_graph_close(again);
    wt_graph_close(g);
    wt_test_context_close(ctx);
}

/* --- state ---------------------------------------------------------------------------------------------------------
 */
static void variables_stay_variables(void **state)
{
    (void)state;
    static const char *const vars[] = {
        "<layer id=\"1\" name=\"v\" type=\"ReadValue\" version=\"opset6\"><data variable_id=\"n\" "
        "variable_type=\"f32\" "
        "variable_shape=\"2\"/><output><port id=\"0\" precision=\"FP32\"/></output></layer>"
        "<layer id=\"2\" name=\"a\" type=\"Add\" version=\"opset1\"><input><port id=\"0\"/><port id=\"1\"/></input>"
        "<output><port id=\"2\" precision=\"FP32\" names=\"y\"/></output></layer>"
        "<layer id=\"3\" name=\"s\" type=\"Assign\" version=\"opset6\"><data variable_id=\"n\" variable_type=\"f32\" "
        "variable_shape=\"2\"/><input><port id=\"0\"/></input></layer>"
        "<layer id=\"4\" name=\"r\" type=\"Result\" version=\"opset1\"><input><port id=\"0\"/></input></layer>",
        "<edge from-layer=\"0\" from-port=\"0\" to-layer=\"2\" to-port=\"0\"/>"
        "<edge from-layer=\"1\" from-port=\"0\" to-layer=\"2\" to-port=\"1\"/>"
        "<edge from-layer=\"2\" from-port=\"2\" to-layer=\"3\" to-port=\"0\"/>"
        "<edge from-layer=\"2\" from-port=\"2\" to-layer=\"4\" to-port=\"0\"/>"
    };
    wt_context *ctx = wt_test_context();
    wt_err err = { .offset = WT_NO_OFFSET };
    wt_graph *g = NULL;
    char *xml = wt_ov_net_text("2", "f32", vars[0], vars[1]), *text = NULL;
    size_t n = 0;
    const char *folder = wt_test_tmpdir(), *path = wt_test_path(folder, "s.xml"),
               *onnx = wt_test_path(folder, "s.onnx"), *last = wt_test_path(folder, "t.xml");
    wt_test_ok(wt_ov_read_text(&g, ctx, xml, NULL, 0, &err), &err);
    const char *const files[] = { path, onnx, last }; /* over ONNX, too: its properties keep which output is meant */
    for (size_t i = 0; i < WT_ARRAY_LEN(files); i++) {
        wt_test_ok(wt_model_write(g, files[i], NULL, NULL, NULL, &err), &err);
        wt_graph_close(g);
        wt_test_ok(wt_model_read(&g, ctx, files[i], &err), &err);
    }
    assert_int_equal(g->n_inputs, 2);
    assert_int_equal(g->inputs[1]->kind, WT_STATE_VALUE);
    assert_string_equal(wt_graph_metadata(g, "state/n"), "n/next");
    wt_graph_close(g);
    wt_test_ok(wt_read_file(ctx, last, 1 << 20, &text, &n, &err), &err);
    assert_non_null(strstr(text, "type=\"ReadValue\" version=\"opset6\"><data variable_id=\"n\""));
    assert_non_null(strstr(text, "type=\"Assign\""));
    wt_free(ctx, text);
    free(xml);
    wt_test_context_close(ctx);
}

/* --- what cannot be ------------------------------------------------------------------------------------------------
 */
static void refused_before_anything_is_written(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { .offset = WT_NO_OFFSET };
    wt_graph *g = NULL;
    wt_value *x = NULL, *y = NULL;
    wt_node *node = NULL;
    const char *folder = wt_test_tmpdir(), *path = wt_test_path(folder, "no.xml");
    wt_test_ok(wt_graph_new(&g, ctx, &err), &err);
    wt_test_ok(wt_graph_add_value(&x, g, "x", &err), &err);
    x->type = (wt_tensor){ .dtype = WT_F32, .shape = { .rank = 1, .dim = { 3 } } };
    wt_test_ok(wt_graph_add_input(g, x, &err), &err);
    wt_test_ok(wt_graph_add_value(&y, g, "y", &err), &err);
    wt_test_ok(wt_graph_add_node(&node, g, NULL, "", "Hardmax", "h", &x, 1, &y, 1, NULL, &err), &err);
    wt_test_ok(wt_graph_add_output(g, y, &err), &err);
    wt_test_refused(wt_model_write(g, path, NULL, NULL, NULL, &err), WT_EUNSUPPORTED, &err,
                    "Hardmax cannot be written");
    assert_non_null(strstr(err.where, "\"h\""));
    assert_non_null(strstr(err.hint, "ONNX"));
    assert_int_equal(wt_test_count_files(folder), 0);
    wt_graph_close(g);
    wt_test_context_close(ctx);
}

static void nothing_is_overwritten_unasked(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { .offset = WT_NO_OFFSET };
    wt_graph *g = sample(ctx);
    const char *folder = wt_test_tmpdir();
    wt_test_write(wt_test_path(folder, "a.bin"), "mine", 4);
    wt_test_refused(wt_model_write(g, wt_test_path(folder, "a.xml"), NULL, NULL, NULL, &err), WT_EUSAGE, &err,
                    "a.bin exists");
    assert_int_equal(wt_test_count_files(folder), 1);
    const wt_write_options force = { .force = true };
    wt_test_ok(wt_model_write(g, wt_test_path(folder, "a.xml"), NULL, &force, NULL, &err), &err);
    wt_graph_close(g);
    wt_test_context_close(ctx);
}

static wt_status write_once(wt_context *ctx, void *arg, wt_err *err)
{
    wt_graph *g = NULL;
    const wt_write_options force = { .force = true };
    wt_status st = wt_ov_read_text(&g, ctx, wt_ov_linear_xml, wt_ov_linear_bin, sizeof wt_ov_linear_bin, err);
    if (st == WT_OK)
        st = wt_model_write(g, arg, NULL, &force, NULL, err);
    wt_graph_close(g);
    return st;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    const char *folder = wt_test_tmpdir(), *path = wt_test_path(folder, "a.xml");
    assert_true(wt_test_fail_each_alloc(write_once, (void *)(uintptr_t)path) > 10);
    assert_int_equal(wt_test_count_files(folder), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_go_through),
        cmocka_unit_test(halves_and_difficult_names),
        cmocka_unit_test(variables_stay_variables),
        cmocka_unit_test(refused_before_anything_is_written),
        cmocka_unit_test(nothing_is_overwritten_unasked),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return wt_test_run("openvino_write", tests, WT_ARRAY_LEN(tests));
}
