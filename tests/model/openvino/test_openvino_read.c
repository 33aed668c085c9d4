/* test_openvino_read.c - what is read means what the format says: values that follow from its formulas by hand. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "ov_samples.h"

static const wt_node *find_node(const wt_graph *g, const char *op)
{
    for (const wt_node *n = g->first; n; n = n->next)
        if (!strcmp(n->op_type, op))
            return n;
    return NULL;
}

static wt_graph *read_ok(wt_context *ctx, const char *xml, const void *bin, size_t n)
{
    wt_graph *g = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    wt_test_ok(wt_ov_read_text(&g, ctx, xml, bin, n, &err), &err);
    wt_test_ok(wt_graph_infer(g, &err), &err);
    return g;
}

static void integers_are_views_and_names_are_tensors(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_graph *g = read_ok(ctx, wt_ov_linear_xml, wt_ov_linear_bin, sizeof wt_ov_linear_bin);
    assert_int_equal(g->n_inputs, 1);
    assert_string_equal(g->inputs[0]->name, "x");
    assert_int_equal(g->n_outputs, 1);
    assert_string_equal(g->outputs[0]->name, "y");
    const wt_node *dq = find_node(g, "DequantizeLinear");
    assert_non_null(dq);
    assert_int_equal(dq->n_in, 2); /* symmetric: no zero point */
    assert_ptr_equal(dq->in[0]->type.data, wt_ov_linear_bin);
    assert_int_equal(wt_attr_int(&dq->attrs, "axis", -1), 0);
    assert_null(find_node(g, "Cast")); /* the chain is gone */
    const float x[] = { 1, 2, 3, 4 };
    const wt_shape shape = { .rank = 2, .dim = { 1, 4 } };
    float y[2];
    assert_int_equal(wt_ov_run(ctx, g, x, &shape, 0, y, 2), 2);
    assert_true(y[0] == 0.5f * (1 * 1 - 2 * 2 + 3 * 3 - 4 * 4)); /* small whole numbers: exact */
    assert_true(y[1] == 0.25f * (127 * 1 - 127 * 2 + 0 * 3 + 64 * 4));
    wt_graph_close(g);
    wt_test_context_close(ctx);
}

/* One layer between x and y. */
static size_t through(const char *shape_text, const wt_shape *shape, const float *x, const char *type,
                      const char *version, const char *data, float *y, size_t max)
{
    char layers[1024];
    snprintf(layers, sizeof layers,
             "<layer id=\"1\" name=\"l\" type=\"%s\" version=\"%s\"><data %s/><input><port id=\"0\"/></input>"
             "<output><port id=\"1\" precision=\"FP32\" names=\"y\"/></output></layer>"
             "<layer id=\"2\" name=\"r\" type=\"Result\" version=\"opset1\"><input><port id=\"0\"/></input></layer>",
             type, version, data);
    char *xml = wt_ov_net_text(shape_text, "f32", layers,
                               "<edge from-layer=\"0\" from-port=\"0\" to-layer=\"1\" to-port=\"0\"/>"
                               "<edge from-layer=\"1\" from-port=\"1\" to-layer=\"2\" to-port=\"0\"/>");
    wt_context *ctx = wt_test_context();
    wt_graph *g = read_ok(ctx, xml, NULL, 0);
    const size_t n = wt_ov_run(ctx, g, x, shape, 0, y, max);
    wt_graph_close(g);
    wt_test_context_close(ctx);
    free(xml);
    return n;
}

static void near(float got, double want)
{
    if (!(fabs((double)got - want) <= 1e-6 * (1 + fabs(want))))
        fail_msg("%.9g, expected %.9g", (double)got, want);
}

static void layers_of_one_input(void **state)
{
    (void)state;
    const wt_shape shape = { .rank = 2, .dim = { 1, 4 } };
    const float x[] = { -2.5f, -0.5f, 0.5f, 3.75f };
    float y[4];
    static const struct {
        const char *type, *version, *data;
        double want[4];
    } rows[] = {
        { "ReLU", "opset1", "", { 0, 0, 0.5, 3.75 } },
        { "Clamp", "opset1", "min=\"-1\" max=\"2\"", { -1, -0.5, 0.5, 2 } },
        { "Elu", "opset1", "alpha=\"2\"", { -1.8358300027522, -0.78693868057473, 0.5, 3.75 } },
        { "HSigmoid", "opset5", "", { 0.083333333333333, 0.41666666666667, 0.58333333333333, 1 } },
        { "Round", "opset5", "mode=\"half_to_even\"", { -2, -0.0, 0, 4 } },
        { "Round", "opset5", "mode=\"half_away_from_zero\"", { -3, -1, 1, 4 } },
        { "Swish", "opset4", "", { -0.18964545, -0.18877033, 0.31122967, 3.6638398 } },
        { "Gelu",
          "opset7",
          "approximation_mode=\"TANH\"",
          { -0.01508426609, -0.1542859902, 0.3457140098, 3.749780748 } },
        { "SoftMax", "opset8", "axis=\"1\"", { 0.0018298682964, 0.013520999496, 0.036753887231, 0.94789524498 } },
        { "Negative", "opset1", "", { 2.5, 0.5, -0.5, -3.75 } },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        assert_int_equal(through("1,4", &shape, x, rows[i].type, rows[i].version, rows[i].data, y, 4), 4);
        for (size_t k = 0; k < 4; k++)
            if (!(fabs((double)y[k] - rows[i].want[k]) <= 2e-6 * (1 + fabs(rows[i].want[k]))))
                fail_msg("%s[%zu]: %.9g, expected %.9g", rows[i].type, k, (double)y[k], rows[i].want[k]);
    }
}

static void pooling_and_channels(void **state)
{
    (void)state;
    const wt_shape shape = { .rank = 4, .dim = { 1, 4, 2, 1 } };
    const float x[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    float y[16];
    assert_int_equal(through("1,4,2,1", &shape, x, "ShuffleChannels", "opset1", "axis=\"1\" group=\"2\"", y, 16), 8);
    const float shuffled[] = { 1, 2, 5, 6, 3, 4, 7, 8 };
    assert_memory_equal(y, shuffled, sizeof shuffled);
    assert_int_equal(through("1,4,2,1", &shape, x, "AvgPool", "opset1",
                             "kernel=\"2, 1\" strides=\"1, 1\" pads_begin=\"1, 0\" pads_end=\"0, 0\" "
                             "exclude-pad=\"true\" rounding_type=\"floor\" auto_pad=\"explicit\"",
                             y, 16),
                     8);
    const float mean[] = { 1, 1.5f, 3, 3.5f, 5, 5.5f, 7, 7.5f };
    assert_memory_equal(y, mean, sizeof mean);
    assert_int_equal(through("1,4,2,1", &shape, x, "MaxPool", "opset1",
                             "kernel=\"2, 1\" strides=\"1, 1\" pads_begin=\"0, 0\" pads_end=\"0, 0\" "
                             "rounding_type=\"floor\" auto_pad=\"explicit\"",
                             y, 16),
                     4);
    const float most[] = { 2, 4, 6, 8 };
    assert_memory_equal(y, most, sizeof most);
}

/* --- FakeQuantize --------------------------------------------------------------------------------------------------
 */
static wt_graph *fake_quantize(wt_context *ctx, int levels, const float limits[4])
{
    char layers[3000], edges[1024];
    size_t at = 0, e = 0;
    for (int i = 0; i < 4; i++) {
        at += (size_t)snprintf(
            layers + at, sizeof layers - at,
            "<layer id=\"%d\" name=\"c%d\" type=\"Const\" version=\"opset1\"><data element_type="
            "\"f32\" shape=\"\" offset=\"%d\" size=\"4\"/><output><port id=\"0\" precision=\"FP32\"/>"
            "</output></layer>",
            i + 1, i, 4 * i);
        e += (size_t)snprintf(edges + e, sizeof edges - e,
                              "<edge from-layer=\"%d\" from-port=\"0\" to-layer=\"5\" to-port=\"%d\"/>", i + 1, i + 1);
    }
    snprintf(layers + at, sizeof layers - at,
             "<layer id=\"5\" name=\"fq\" type=\"FakeQuantize\" version=\"opset1\"><data levels=\"%d\" "
             "auto_broadcast=\"numpy\"/><input><port id=\"0\"/><port id=\"1\"/><port id=\"2\"/><port id=\"3\"/>"
             "<port id=\"4\"/></input><output><port id=\"5\" precision=\"FP32\" names=\"y\"/></output></layer>"
             "<layer id=\"6\" name=\"r\" type=\"Result\" version=\"opset1\"><input><port id=\"0\"/></input></layer>",
             levels);
    snprintf(edges + e, sizeof edges - e,
             "<edge from-layer=\"0\" from-port=\"0\" to-layer=\"5\" to-port=\"0\"/>"
             "<edge from-layer=\"5\" from-port=\"5\" to-layer=\"6\" to-port=\"0\"/>");
    char *xml = wt_ov_net_text("6", "f32", layers, edges);
    wt_graph *g = read_ok(ctx, xml, limits, 4 * sizeof(float));
    free(xml);
    return g;
}

static void fake_quantize_is_the_formula(void **state)
{
    (void)state;
    static const struct {
        int levels;
        float limits[4];
        bool pair; /* becomes QuantizeLinear and DequantizeLinear */
    } rows[] = {
        { 256, { -12.8f, 12.7f, -12.8f, 12.7f }, true }, { 256, { 0, 25.5f, 0, 25.5f }, true },
        { 256, { -5.1f, 20.4f, -5.1f, 20.4f }, true },   { 255, { -12.7f, 12.7f, -12.7f, 12.7f }, true },
        { 256, { -1.03f, 2, -1.03f, 2 }, false },        { 16, { 0, 1.5f, 0, 3 }, false },
    };
    const float x[] = { -100, -1.26f, 0, 0.74f, 3.33f, 1000 };
    const wt_shape shape = { .rank = 1, .dim = { 6 } };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        wt_context *ctx = wt_test_context();
        wt_graph *g = fake_quantize(ctx, rows[i].levels, rows[i].limits);
        const double il = (double)rows[i].limits[0], ih = (double)rows[i].limits[1], ol = (double)rows[i].limits[2],
                     oh = (double)rows[i].limits[3], n = rows[i].levels - 1;
        float y[6];
        assert_int_equal(find_node(g, "QuantizeLinear") != NULL, rows[i].pair);
        assert_int_equal(wt_ov_run(ctx, g, x, &shape, 0, y, 6), 6);
        for (size_t k = 0; k < 6; k++) {
            const double v = (double)x[k];
            near(y[k], v <= il ? ol : v > ih ? oh : rint((v - il) / (ih - il) * n) / n * (oh - ol) + ol);
        }
        wt_graph_close(g);
        wt_test_context_close(ctx);
    }
}

/* --- groups of four-bit weights ------------------------------------------------------------------------------------
 */
static void groups_with_zero_points_become_blocks(void **state)
{
    (void)state;
    static const char layers[] =
        "<layer id=\"1\" name=\"W\" type=\"Const\" version=\"opset1\"><data element_type=\"u4\" shape=\"2,2,2\" "
        "offset=\"0\" size=\"4\"/><output><port id=\"0\" precision=\"U4\"/></output></layer>"
        "<layer id=\"2\" name=\"c\" type=\"Convert\" version=\"opset1\"><data destination_type=\"f16\"/><input>"
        "<port id=\"0\"/></input><output><port id=\"1\" precision=\"FP16\"/></output></layer>"
        "<layer id=\"3\" name=\"Z\" type=\"Const\" version=\"opset1\"><data element_type=\"u4\" shape=\"2,2,1\" "
        "offset=\"4\" size=\"2\"/><output><port id=\"0\" precision=\"U4\"/></output></layer>"
        "<layer id=\"4\" name=\"d\" type=\"Convert\" version=\"opset1\"><data destination_type=\"f16\"/><input>"
        "<port id=\"0\"/></input><output><port id=\"1\" precision=\"FP16\"/></output></layer>"
        "<layer id=\"5\" name=\"s\" type=\"Subtract\" version=\"opset1\"><input><port id=\"0\"/><port "
        "id=\"1\"/></input>"
        "<output><port id=\"2\" precision=\"FP16\"/></output></layer>"
        "<layer id=\"6\" name=\"S\" type=\"Const\" version=\"opset1\"><data element_type=\"f16\" shape=\"2,2,1\" "
        "offset=\"6\" size=\"8\"/><output><port id=\"0\" precision=\"FP16\"/></output></layer>"
        "<layer id=\"7\" name=\"m\" type=\"Multiply\" version=\"opset1\"><input><port id=\"0\"/><port "
        "id=\"1\"/></input>"
        "<output><port id=\"2\" precision=\"FP16\"/></output></layer>"
        "<layer id=\"8\" name=\"t\" type=\"Const\" version=\"opset1\"><data element_type=\"i64\" shape=\"2\" "
        "offset=\"14\" size=\"16\"/><output><port id=\"0\" precision=\"I64\"/></output></layer>"
        "<layer id=\"9\" name=\"r\" type=\"Reshape\" version=\"opset1\"><data special_zero=\"false\"/><input>"
        "<port id=\"0\"/><port id=\"1\"/></input><output><port id=\"2\" precision=\"FP16\"/></output></layer>"
        "<layer id=\"10\" name=\"e\" type=\"Convert\" version=\"opset1\"><data destination_type=\"f32\"/><input>"
        "<port id=\"0\"/></input><output><port id=\"1\" precision=\"FP32\"/></output></layer>"
        "<layer id=\"11\" name=\"f\" type=\"MatMul\" version=\"opset1\"><data transpose_a=\"false\" transpose_b="
        "\"true\"/><input><port id=\"0\"/><port id=\"1\"/></input><output><port id=\"2\" precision=\"FP32\" "
        "names=\"y\"/></output></layer>"
        "<layer id=\"12\" name=\"o\" type=\"Result\" version=\"opset1\"><input><port id=\"0\"/></input></layer>";
    static const char edges[] = "<edge from-layer=\"1\" from-port=\"0\" to-layer=\"2\" to-port=\"0\"/>"
                                "<edge from-layer=\"3\" from-port=\"0\" to-layer=\"4\" to-port=\"0\"/>"
                                "<edge from-layer=\"2\" from-port=\"1\" to-layer=\"5\" to-port=\"0\"/>"
                                "<edge from-layer=\"4\" from-port=\"1\" to-layer=\"5\" to-port=\"1\"/>"
                                "<edge from-layer=\"5\" from-port=\"2\" to-layer=\"7\" to-port=\"0\"/>"
                                "<edge from-layer=\"6\" from-port=\"0\" to-layer=\"7\" to-port=\"1\"/>"
                                "<edge from-layer=\"7\" from-port=\"2\" to-layer=\"9\" to-port=\"0\"/>"
                                "<edge from-layer=\"8\" from-port=\"0\" to-layer=\"9\" to-port=\"1\"/>"
                                "<edge from-layer=\"9\" from-port=\"2\" to-layer=\"10\" to-port=\"0\"/>"
                                "<edge from-layer=\"0\" from-port=\"0\" to-layer=\"11\" to-port=\"0\"/>"
                                "<edge from-layer=\"10\" from-port=\"1\" to-layer=\"11\" to-port=\"1\"/>"
                                "<edge from-layer=\"11\" from-port=\"2\" to-layer=\"12\" to-port=\"0\"/>";
    /* codes 1 2 | 3 4 and 5 6 | 7 15; zeros 1 2 and 8 0; scales 0.5 0.25 and 1 2; the shape 2, 4; odd offsets on
     * purpose */
    static const uint8_t bin[] = { 0x21, 0x43, 0x65, 0xf7, 0x21, 0x08, 0x00, 0x38, 0x00, 0x34,
                                   0x00, 0x3c, 0x00, 0x40, 2,    0,    0,    0,    0,    0,
                                   0,    0,    4,    0,    0,    0,    0,    0,    0,    0 };
    wt_context *ctx = wt_test_context();
    char *xml = wt_ov_net_text("1,4", "f32", layers, edges);
    wt_graph *g = read_ok(ctx, xml, bin, sizeof bin);
    const wt_node *dq = find_node(g, "DequantizeLinear");
    assert_non_null(dq);
    assert_ptr_equal(dq->in[0]->type.data, bin);
    assert_int_equal(wt_attr_int(&dq->attrs, "block_size", 0), 2);
    assert_int_equal(dq->in[0]->type.shape.rank, 2);
    const float x[] = { 1, 10, 100, 1000 };
    const wt_shape shape = { .rank = 2, .dim = { 1, 4 } };
    float y[2];
    assert_int_equal(wt_ov_run(ctx, g, x, &shape, 0, y, 2), 2);
    near(y[0], 0.5 * ((1 - 1) * 1 + (2 - 1) * 10) + 0.25 * ((3 - 2) * 100 + (4 - 2) * 1000));
    near(y[1], 1.0 * ((5 - 8) * 1 + (6 - 8) * 10) + 2.0 * (7 * 100 + 15 * 1000));
    wt_graph_close(g);
    free(xml);
    wt_test_context_close(ctx);
}

/* A counter: what is read, plus x, is stored. */
static void variables_are_state(void **state)
{
    (void)state;
    static const char layers[] =
        "<layer id=\"1\" name=\"v\" type=\"ReadValue\" version=\"opset6\"><data variable_id=\"count\" variable_type="
        "\"f32\" variable_shape=\"2\"/><input><port id=\"0\"/></input><output><port id=\"1\" precision=\"FP32\">"
        "<dim>2</dim></port></output></layer>"
        "<layer id=\"2\" name=\"a\" type=\"Add\" version=\"opset1\"><input><port id=\"0\"/><port id=\"1\"/></input>"
        "<output><port id=\"2\" precision=\"FP32\" names=\"y\"><dim>2</dim></port></output></layer>"
        "<layer id=\"3\" name=\"s\" type=\"Assign\" version=\"opset6\"><data variable_id=\"count\" variable_type="
        "\"f32\" variable_shape=\"2\"/><input><port id=\"0\"/></input></layer>"
        "<layer id=\"4\" name=\"r\" type=\"Result\" version=\"opset1\"><input><port id=\"0\"/></input></layer>";
    static const char edges[] = "<edge from-layer=\"0\" from-port=\"0\" to-layer=\"1\" to-port=\"0\"/>"
                                "<edge from-layer=\"0\" from-port=\"0\" to-layer=\"2\" to-port=\"0\"/>"
                                "<edge from-layer=\"1\" from-port=\"1\" to-layer=\"2\" to-port=\"1\"/>"
                                "<edge from-layer=\"2\" from-port=\"2\" to-layer=\"3\" to-port=\"0\"/>"
                                "<edge from-layer=\"2\" from-port=\"2\" to-layer=\"4\" to-port=\"0\"/>";
    wt_context *ctx = wt_test_context();
    char *xml = wt_ov_net_text("2", "f32", layers, edges);
    wt_graph *g = read_ok(ctx, xml, NULL, 0);
    assert_int_equal(g->n_inputs, 2);
    assert_string_equal(g->inputs[1]->name, "count");
    assert_int_equal(g->inputs[1]->kind, WT_STATE_VALUE);
    assert_int_equal(g->n_outputs, 2);
    assert_string_equal(g->outputs[1]->name, "count/next");
    assert_string_equal(wt_graph_metadata(g, "state/count"), "count/next");
    wt_graph_close(g);
    free(xml);
    wt_test_context_close(ctx);
}

static wt_status read_once(wt_context *ctx, void *arg, wt_err *err)
{
    wt_graph *g = NULL;
    const wt_status st = wt_ov_read_text(&g, ctx, arg, wt_ov_linear_bin, sizeof wt_ov_linear_bin, err);
    wt_graph_close(g);
    return st;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(read_once, (void *)(uintptr_t)wt_ov_linear_xml) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_views_and_names_are_tensors),
        cmocka_unit_test(layers_of_one_input),
        cmocka_unit_test(pooling_and_channels),
        cmocka_unit_test(fake_quantize_is_the_formula),
        cmocka_unit_test(groups_with_zero_points_become_blocks),
        cmocka_unit_test(variables_are_state),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return wt_test_run("openvino_read", tests, WT_ARRAY_LEN(tests));
}
