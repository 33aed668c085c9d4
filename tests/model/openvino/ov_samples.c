/* ov_samples.c - see ov_samples.h. */
#include "ov_samples.h"
#include <stdio.h>
#include <stdlib.h>
#include "run/plan.h"
#include "whet/run.h"

const uint8_t wt_ov_linear_bin[12] = { 0x01, 0xfe, 0x03, 0xfc, 0x7f, 0x81, 0x00, 0x40, 0x00, 0x38, 0x00, 0x34 };

#define P(id, precision, dims) "<port id=\"" id "\" precision=\"" precision "\">" dims "</port>"
#define D1(a)                  "<dim>" a "</dim>"
#define D2(a, b)               D1(a) D1(b)
const char wt_ov_linear_xml[] =
    "<?xml version=\"1.0\"?>\n"
    "<net name=\"tiny\" version=\"11\"><layers>\n"
    "<layer id=\"0\" name=\"x\" type=\"Parameter\" version=\"opset1\"><data shape=\"1,4\" element_type=\"f32\"/>"
    "<output><port id=\"0\" precision=\"FP32\" names=\"x\"><dim>1</dim><dim>4</dim></port></output></layer>\n"
    "<layer id=\"1\" name=\"W\" type=\"Const\" version=\"opset1\">"
    "<data element_type=\"i8\" shape=\"2, 4\" offset=\"0\" size=\"8\"/>"
    "<output>" P(
        "0", "I8",
        D2("2", "4")) "</output></layer>\n"
                      "<layer id=\"2\" name=\"W/to_f16\" type=\"Convert\" version=\"opset1\"><data "
                      "destination_type=\"f16\"/>"
                      "<input>" P("0", "I8", D2("2", "4")) "</input><output>" P(
                          "1", "FP16",
                          D2("2", "4")) "</output></layer>\n"
                                        "<layer id=\"3\" name=\"W/scale\" type=\"Const\" version=\"opset1\">"
                                        "<data element_type=\"f16\" shape=\"2, 1\" offset=\"8\" size=\"4\"/>"
                                        "<output>" P(
                                            "0", "FP16",
                                            D2("2",
                                               "1")) "</output></layer>\n"
                                                     "<layer id=\"4\" name=\"W/fq_weights_1\" type=\"Multiply\" "
                                                     "version=\"opset1\"><data auto_broadcast=\"numpy\"/>"
                                                     "<input>" P("0", "FP16", D2("2", "4")) P(
                                                         "1", "FP16",
                                                         D2("2",
                                                            "1")) "</input>"
                                                                  "<output>" P(
                                                                      "2", "FP16",
                                                                      D2("2",
                                                                         "4")) "</output></layer>\n"
                                                                               "<layer id=\"5\" name=\"W/convert\" "
                                                                               "type=\"Convert\" "
                                                                               "version=\"opset1\"><data "
                                                                               "destination_type=\"f32\"/>"
                                                                               "<rt_info><attribute "
                                                                               "name=\"decompression\" "
                                                                               "version=\"0\"/></rt_info>"
                                                                               "<input>" P("0", "FP16", D2("2", "4")) "</input><output>" P(
                                                                                   "1", "FP32",
                                                                                   D2("2",
                                                                                      "4")) "</output></layer>\n"
                                                                                            "<layer id=\"6\" "
                                                                                            "name=\"fc\" "
                                                                                            "type=\"MatMul\" "
                                                                                            "version=\"opset1\"><data "
                                                                                            "transpose_a=\"false\" "
                                                                                            "transpose_b=\"true\"/>"
                                                                                            "<input>" P("0", "FP32",
                                                                                                        D2("1", "4"))
                                                                                                P("1", "FP32",
                                                                                                  D2("2",
                                                                                                     "4")) "</input>"
                                                                                                           "<output><"
                                                                                                           "port "
                                                                                                           "id=\"2\" "
                                                                                                           "precision="
                                                                                                           "\"FP32\" "
                                                                                                           "names="
                                                                                                           "\"y\"><dim>"
                                                                                                           "1</"
                                                                                                           "dim><dim>2<"
                                                                                                           "/dim></"
                                                                                                           "port></"
                                                                                                           "output></"
                                                                                                           "layer>\n"
                                                                                                           "<layer "
                                                                                                           "id=\"7\" "
                                                                                                           "name=\"y/"
                                                                                                           "result\" "
                                                                                                           "type="
                                                                                                           "\"Result\" "
                                                                                                           "version="
                                                                                                           "\"opset1\">"
                                                                                                           "<input>" P(
                                                                                                               "0",
                                                                                                               "FP32",
                                                                                                               D2("1",
                                                                                                                  "2")) "</input></layer>\n"
                                                                                                                        "</layers><edges>\n"
                                                                                                                        "<edge from-layer=\"0\" from-port=\"0\" to-layer=\"6\" to-port=\"0\"/>\n"
                                                                                                                        "<edge from-layer=\"1\" from-port=\"0\" to-layer=\"2\" to-port=\"0\"/>\n"
                                                                                                                        "<edge from-layer=\"2\" from-port=\"1\" to-layer=\"4\" to-port=\"0\"/>\n"
                                                                                                                        "<edge from-layer=\"3\" from-port=\"0\" to-layer=\"4\" to-port=\"1\"/>\n"
                                                                                                                        "<edge from-layer=\"4\" from-port=\"2\" to-layer=\"5\" to-port=\"0\"/>\n"
                                                                                                                        "<edge from-layer=\"5\" from-port=\"1\" to-layer=\"6\" to-port=\"1\"/>\n"
                                                                                                                        "<edge from-layer=\"6\" from-port=\"2\" to-layer=\"7\" to-port=\"0\"/>\n"
                                                                                                                        "</edges></net>\n";

char *wt_ov_changed(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    const size_t n = strlen(text) + strlen(to) + 1;
    char *out = malloc(n);
    assert_non_null(out);
    snprintf(out, n, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

wt_status wt_ov_read_text(wt_graph **out, wt_context *ctx, const char *xml, const void *bin, size_t bin_len,
                          wt_err *err)
{
    return wt_openvino_read_bytes(out, ctx, xml, strlen(xml), bin, bin_len, err);
}

char *wt_ov_net_text(const char *x_shape, const char *x_type, const char *layers, const char *edges)
{
    static const char form[] = "<net name=\"n\" version=\"11\"><layers>"
                               "<layer id=\"0\" name=\"x\" type=\"Parameter\" version=\"opset1\">"
                               "<data shape=\"%s\" element_type=\"%s\"/>"
                               "<output><port id=\"0\" precision=\"FP32\" names=\"x\"/></output></layer>"
                               "%s</layers><edges>%s</edges></net>";
    const size_t n = sizeof form + strlen(x_shape) + strlen(x_type) + strlen(layers) + strlen(edges);
    char *out = malloc(n);
    assert_non_null(out);
    snprintf(out, n, form, x_shape, x_type, layers, edges);
    return out;
}

size_t wt_ov_run(wt_context *ctx, const wt_graph *graph, const float *x, const wt_shape *shape, size_t index, float *y,
                 size_t max)
{
    wt_plan *plan = NULL;
    wt_session *session = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    int64_t n = 0, count = 0;
    assert_true(wt_shape_count(shape, &n));
    const wt_tensor in = { .dtype = WT_F32, .shape = *shape, .data = x, .bytes = (size_t)n * sizeof *x };
    const wt_plan_options options = wt_plan_defaults();
    wt_test_ok(wt_plan_open_graph(&plan, ctx, graph, &options, &err), &err);
    wt_test_ok(wt_session_open(&session, plan, &err), &err);
    wt_test_ok(wt_session_run(session, &in, 1, &err), &err);
    const wt_tensor *out = wt_session_output(session, index);
    assert_non_null(out);
    assert_int_equal(out->dtype, WT_F32);
    assert_true(wt_shape_count(&out->shape, &count) && (size_t)count <= max);
    memcpy(y, out->data, (size_t)count * sizeof *y);
    wt_session_close(session);
    wt_plan_close(plan);
    return (size_t)count;
}
