/* What a plan says of its constants, against the sum of those that the file holds. */
#include <stdio.h>
#include "model/format.h"
#include "model/graph.h"
#include "run/plan.h"
#include "support/test.h"

enum { SIDE = 64, WIDE = 64, HELD = SIDE * SIDE * 4, ROW = WIDE * 4 };

static wt_value *constant(wt_graph *g, const char *name, int64_t rows, float first)
{
    static float data[SIDE * WIDE];
    wt_err err = { 0 };
    wt_value *v;
    for (int i = 0; i < SIDE * WIDE; i++)
        data[i] = first + (float)(i % 5);
    const wt_tensor t = { .dtype = WT_F32, .shape = { 2, { rows, WIDE } }, .data = data, .bytes = (size_t)rows * ROW };
    wt_test_ok(wt_graph_add_constant(&v, g, name, &t, &err), &err);
    return v;
}

static wt_value *op(wt_graph *g, const char *type, wt_value *a, wt_value *b)
{
    wt_err err = { 0 };
    wt_value *out;
    wt_test_ok(wt_graph_add_value(&out, g, NULL, &err), &err);
    wt_test_ok(wt_graph_add_node(NULL, g, NULL, "", type, NULL, (wt_value *[]){ a, b }, 2, &out, 1, NULL, &err), &err);
    return out;
}

/* y = max(max(x . w, low), low) - high, with names that move the constants through the file. */
static const char *write_model(wt_context *ctx, int letters)
{
    char name[32];
    wt_err err = { 0 };
    wt_graph *g;
    wt_value *x;
    snprintf(name, sizeof name, "m%d.onnx", letters);
    const char *path = wt_test_path(wt_test_tmpdir(), name);
    wt_test_ok(wt_graph_new(&g, ctx, &err), &err);
    snprintf(name, sizeof name, "x%.*s", letters, "________");
    wt_test_ok(wt_graph_add_value(&x, g, name, &err), &err);
    x->type = (wt_tensor){ .dtype = WT_F32, .shape = { 2, { 3, SIDE } } };
    wt_test_ok(wt_graph_add_input(g, x, &err), &err);
    snprintf(name, sizeof name, "w%.*s", letters, "________");
    wt_value *w = constant(g, name, SIDE, 0), *low = constant(g, "low", 1, 3), *high = constant(g, "high", 1, 9);
    wt_value *y = op(g, "Sub", op(g, "Max", op(g, "Max", op(g, "MatMul", x, w), low), low), high);
    wt_test_ok(wt_graph_add_output(g, y, &err), &err);
    wt_test_ok(wt_graph_infer(g, &err), &err);
    wt_test_ok(wt_model_write(g, path, NULL, NULL, NULL, &err), &err);
    wt_graph_close(g);
    return path;
}

static wt_plan_memory memory_of(wt_context *ctx, const char *path)
{
    wt_err err = { 0 };
    wt_graph *g;
    wt_plan *plan;
    wt_test_ok(wt_model_read(&g, ctx, path, &err), &err);
    wt_test_ok(wt_graph_infer(g, &err), &err);
    wt_test_ok(wt_plan_open_graph(&plan, ctx, g, NULL, &err), &err);
    const wt_plan_memory m = wt_plan_memory_use(plan);
    wt_plan_close(plan);
    wt_graph_close(g);
    return m;
}

/* Portable kernels pack nothing: every constant is read from the file, or copied because it lies there at an odd
 * address; `low`, which two nodes read, is there once. */
static void constants_in_place_are_counted_once(void **state)
{
    (void)state;
    wt_context *ctx;
    wt_err err = { 0 };
    wt_context_options o = wt_context_defaults();
    bool mapped = false;
    o.cpu_mask = wt_cpu_levels("c");
    wt_test_ok(wt_context_open(&ctx, &o, &err), &err);
    for (int letters = 0; letters < 8; letters++) {
        const wt_plan_memory m = memory_of(ctx, write_model(ctx, letters));
        assert_int_equal(m.mapped_bytes + m.weights_bytes, HELD + 2 * ROW);
        mapped |= m.mapped_bytes >= HELD;
    }
    assert_true(mapped);
    wt_test_context_close(ctx);
}

/* Packed weights are not read from the file again. */
static void packed_constants_are_not_mapped(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    if (!(wt_context_cpu(ctx) & wt_cpu_levels("avx2") & ~wt_cpu_levels("sse42"))) {
        wt_test_context_close(ctx);
        wt_test_skip("no AVX2: nothing is packed");
    }
    for (int letters = 0; letters < 4; letters++) {
        const wt_plan_memory m = memory_of(ctx, write_model(ctx, letters));
        assert_true(m.mapped_bytes <= 2 * ROW);
        assert_true(m.weights_bytes >= HELD && m.mapped_bytes + m.weights_bytes >= HELD + 2 * ROW);
    }
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_in_place_are_counted_once),
        cmocka_unit_test(packed_constants_are_not_mapped),
    };
    return wt_test_run("mapped", tests, WT_ARRAY_LEN(tests));
}
