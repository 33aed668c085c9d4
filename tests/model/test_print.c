/* test_print.c - graphs as text and dot against golden files, and SVG that any XML parser reads, whatever the names
 * are.
 *
 * To renew a golden file after a wanted change: WHET_TEST_RENEW=1 in the environment writes what came out; read the
 * diff. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/str.h"
#include "build.h"
#include "model/print.h"

typedef wt_status print_fn(const wt_graph *graph, wt_buf *out, wt_err *err);

static void print(builder *b, print_fn *fn, wt_buf *out)
{
    wt_buf_init(out, b->ctx);
    wt_test_ok(fn(b->root, out, &b->err), &b->err);
}

/* Everything the text can show: constants large and small, quantized values, known data, subgraphs, odd names. */
static builder *show_case(void)
{
    static const float scale[] = { 0.5f };
    static const int32_t zero[] = { 128 };
    static const wt_quant quant = { .dtype = WT_U8, .axis = -1, .count = 1, .scale = scale, .zero_point = zero };
    static const wt_opset opsets[] = { { "", 17 }, { "ai.onnx.ml", 3 } };
    const int64_t kernel[] = { 3, 3 }, many[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "Nx3x8x8"), *c = build_input(b, b->root, "cond", WT_BOOL, "");
    wt_value *w = build_const(b, b->root, "w", "4x3x3x3"), *y, *s, *odd;
    b->root->format = "onnx";
    b->root->ir_version = 8;
    b->root->opsets = (wt_opset *)opsets;
    b->root->n_opsets = 2;
    build_ints(b, b->root, "eight", 8, many);
    build_ints(b, b->root, "nine", 9, many);
    y = build_op(b, b->root, "Conv", "y", x, w, NULL, END);
    build_attr_ints(b, y->producer, "kernel_shape", 2, kernel);
    wt_test_ok(wt_node_set_attr_float(y->producer, "tenth", 0.1f, &b->err), &b->err);
    y->producer->name = "conv 1";
    y->quant = &quant;
    s = build_op(b, b->root, "Shape", "s", w, END);
    wt_node *m = build_node(b, b->root, "If", "m", c, END);
    for (int k = 0; k < 2; k++) {
        wt_graph *sub = build_sub(b, b->root);
        sub->name = k ? "other" : "one";
        build_output(b, sub, build_op(b, sub, k ? "Tanh" : "Relu", "inner", y, END));
        build_attr_graph(b, m, k ? "else_branch" : "then_branch", sub);
    }
    odd = build_op(b, b->root, "Relu", "a \"b\"\\ <&>\x01\xff \xc3\xa9", m->out[0], END);
    wt_test_ok(wt_node_set_op(odd->producer, "my.domain", "Odd\nop", &b->err), &b->err);
    const wt_attr text = { .name = "text", .type = WT_ATTR_STRING, .count = 1, .v.s = { "tab\t\"", 5 } };
    wt_test_ok(wt_node_set_attr(odd->producer, &text, &b->err), &b->err);
    build_output(b, b->root, odd);
    build_output(b, b->root, s);
    build_verify(b, b->root);
    wt_test_ok(wt_graph_infer(b->root, &b->err), &b->err);
    return b;
}

static void compare_golden(const char *file, const wt_buf *text)
{
    char path[128];
    snprintf(path, sizeof path, "tests/model/golden/%s", file);
    if (getenv("WHET_TEST_RENEW")) {
        FILE *f = fopen(wt_test_source(path), "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(text->data, 1, text->len, f), text->len);
        assert_int_equal(fclose(f), 0);
    }
    wt_context *ctx = wt_test_context();
    wt_err err;
    char *want;
    size_t len;
    wt_test_ok(wt_read_file(ctx, wt_test_source(path), 1 << 20, &want, &len, &err), &err);
    assert_string_equal(text->data, want);
    wt_free(ctx, want);
    wt_test_context_close(ctx);
}

static void text_is_as_agreed(void **state)
{
    builder *b = show_case();
    wt_buf text;
    (void)state;
    print(b, wt_graph_print_text, &text);
    compare_golden("show_case.txt", &text);
    wt_buf_free(&text);
    build_close(b);
}

static void dot_is_as_agreed(void **state)
{
    builder *b = show_case();
    wt_buf text;
    (void)state;
    print(b, wt_graph_print_dot, &text);
    compare_golden("show_case.dot", &text);
    wt_buf_free(&text);
    build_close(b);
}

/* --- SVG -------------------------------------------------------------------------------------------------------- */
/* Tags nest, attributes are quoted, & begins an entity, bytes are UTF-8 without control characters. */
static void check_xml(const char *s)
{
    const char *open[64];
    size_t depth = 0;
    assert_true(wt_utf8_valid(s, strlen(s)));
    for (const char *p = s; *p; p++) {
        assert_true((unsigned char)*p >= 0x20 || *p == '\n');
        if (*p == '&')
            assert_true(strncmp(p, "&amp;", 5) == 0 || strncmp(p, "&lt;", 4) == 0 || strncmp(p, "&gt;", 4) == 0 ||
                        strncmp(p, "&quot;", 6) == 0 || strncmp(p, "&#39;", 5) == 0);
        if (*p != '<')
            continue;
        const char *name = ++p;
        const bool closing = *p == '/';
        char quote = 0;
        if (closing)
            name = ++p;
        for (; *p && (quote || *p != '>'); p++) {
            assert_true(*p != '<');
            quote = quote ? (*p == quote ? 0 : quote) : *p == '"' ? *p : 0;
        }
        assert_true(*p == '>');
        const size_t len = strcspn(name, " />");
        assert_true(len > 0);
        if (closing) {
            assert_true(depth > 0);
            assert_memory_equal(open[--depth], name, len);
        } else if (p[-1] != '/') {
            assert_true(depth < WT_ARRAY_LEN(open));
            open[depth++] = name;
        }
    }
    assert_int_equal(depth, 0);
}

static size_t count(const char *s, const char *what)
{
    size_t n = 0;
    for (; (s = strstr(s, what)) != NULL; s++)
        n++;
    return n;
}

static void svg_is_xml_without_script(void **state)
{
    builder *b = show_case();
    wt_buf svg;
    (void)state;
    print(b, wt_graph_print_svg, &svg);
    check_xml(svg.data);
    assert_null(strstr(svg.data, "<script"));
    assert_null(strstr(svg.data, "http://www.w3.org/1999/xlink"));
    assert_int_equal(count(svg.data, "http"), 1); /* the name space, nothing to fetch */
    assert_non_null(strstr(svg.data, "prefers-color-scheme:dark"));
    /* x, cond, Conv, Shape, If, Odd, two outputs; in each branch y from outside, one node, one output. */
    assert_int_equal(count(svg.data, "<rect class=\"b "), 8 + 2 * 3);
    assert_int_equal(count(svg.data, "<a href=\"#s"), 1);
    assert_non_null(strstr(svg.data, "then_branch of If"));
    assert_non_null(strstr(svg.data, ">kernel 3x3"));
    wt_buf_free(&svg);
    build_close(b);
}

static void empty_graphs_print(void **state)
{
    static print_fn *const fns[] = { wt_graph_print_text, wt_graph_print_dot, wt_graph_print_svg };
    builder *b = build_open();
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(fns); i++) {
        wt_buf text;
        print(b, fns[i], &text);
        assert_true(text.len > 10);
        wt_buf_free(&text);
    }
    build_output(b, b->root, build_const(b, b->root, "c", "2")); /* an output that nothing makes */
    for (size_t i = 0; i < WT_ARRAY_LEN(fns); i++) {
        wt_buf text;
        print(b, fns[i], &text);
        assert_non_null(strstr(text.data, "c"));
        if (i == 2)
            check_xml(text.data);
        wt_buf_free(&text);
    }
    build_close(b);
}

static void numbers_read_back(void **state)
{
    static const float floats[] = { 0, -0.0f, 0.1f, 1.0f / 3, 1e-45f, 3.4028235e38f, 16777216, 1e10f, 123456.79f };
    wt_context *ctx = wt_test_context();
    wt_buf out;
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(floats); i++) {
        wt_buf_init(&out, ctx);
        wt_print_float(&out, floats[i]);
        assert_true(strtof(out.data, NULL) == floats[i]);
        assert_true(out.len <= 14);
        wt_buf_free(&out);
    }
    wt_buf_init(&out, ctx);
    wt_print_float(&out, -NAN);
    wt_buf_puts(&out, " ");
    wt_print_float(&out, -INFINITY);
    wt_buf_puts(&out, " ");
    wt_print_double(&out, 0.1);
    assert_string_equal(out.data, "nan -inf 0.1");
    wt_buf_free(&out);
    wt_test_context_close(ctx);
}

static wt_status print_all(wt_context *ctx, void *arg, wt_err *err)
{
    static print_fn *const fns[] = { wt_graph_print_text, wt_graph_print_dot, wt_graph_print_svg };
    wt_graph *g;
    wt_status st;
    (void)arg;
    WT_TRY(build_sample(&g, ctx, err));
    st = wt_graph_infer(g, err);
    for (size_t i = 0; i < WT_ARRAY_LEN(fns) && st == WT_OK; i++) {
        wt_buf text;
        wt_buf_init(&text, ctx);
        st = fns[i](g, &text, err);
        wt_buf_free(&text);
    }
    wt_graph_close(g);
    return st;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(print_all, NULL) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_as_agreed),         cmocka_unit_test(dot_is_as_agreed),
        cmocka_unit_test(svg_is_xml_without_script), cmocka_unit_test(empty_graphs_print),
        cmocka_unit_test(numbers_read_back),         cmocka_unit_test(every_allocation_may_fail),
    };
    return wt_test_run("print", tests, WT_ARRAY_LEN(tests));
}
