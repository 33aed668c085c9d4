/* Functions of the model put in place of their calls. */
#include <stdio.h>
#include "model/formats/onnx/onnx.h"
#include "onnx_make.h"

/* A FunctionProto of domain "local"; nodes are added by the caller. */
static mk *function(const char *name, const char *inputs, const char *outputs, int64_t opset)
{
    mk *f = mk_new(), *import = mk_new();
    mk_text(f, 1, name);
    for (const char *p = inputs; *p; p++)
        mk_data(f, 4, p, 1);
    for (const char *p = outputs; *p; p++)
        mk_data(f, 5, p, 1);
    mk_int(import, 2, opset);
    mk_msg(f, 9, import);
    mk_text(f, 10, "local");
    return f;
}

static mk *model_with(const mk *graph, const mk *const *functions, size_t n)
{
    mk *m = mk_model(10, 13, graph), *import = mk_new();
    for (size_t i = 0; i < n; i++)
        mk_msg(m, 25, functions[i]);
    mk_text(import, 1, "local");
    mk_int(import, 2, 1);
    mk_msg(m, 8, import);
    return m;
}

static mk *calling(const char *op, const char *inputs, const char *outputs)
{
    mk *g = mk_graph();
    mk_msg(g, 1, mk_node("local", op, inputs, outputs));
    return g;
}

static wt_status read_model(wt_context *ctx, const mk *m, wt_graph **g, wt_err *err)
{
    return wt_onnx_read_bytes(g, ctx, m->data, m->len, NULL, err);
}

static void old_opset_inside(void **state)
{
    static const int64_t zero = 0;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_graph *g = NULL;
    mk *f = function("flat", "a", "b", 11), *node = mk_node(NULL, "Unsqueeze", "a", "b");
    mk_msg(node, 5, mk_attr_ints("axes", &zero, 1));
    mk_msg(f, 7, node);
    const mk *m = model_with(calling("flat", "x", "y"), (const mk *[]){ f }, 1);
    wt_test_ok(read_model(ctx, m, &g, &err), &err);
    assert_true(g->n_nodes == 1 && wt_node_is(g->first, WT_OP_UNSQUEEZE) &&
                g->first->n_in == 2); /* raised by its own opset */
    assert_ptr_equal(g->first->out[0], g->outputs[0]);
    wt_graph_close(g);
    wt_test_context_close(ctx);
    (void)state;
}

static void overloads_and_defaults(void **state)
{
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_graph *g = NULL;
    mk *f[2], *graph = mk_graph();
    for (int i = 0; i < 2; i++) {
        mk *node = mk_node(NULL, "LeakyRelu", "a", "b"), *ref = mk_new(), *fallback = mk_new();
        mk_text(ref, 1, "alpha");
        mk_text(ref, 21, "slope");
        mk_int(ref, 20, 1);
        mk_msg(node, 5, ref);
        f[i] = function("leak", "a", "b", 13);
        mk_msg(f[i], 7, node);
        mk_text(fallback, 1, "slope");
        mk_float(fallback, 2, i ? 0.25f : 0.5f);
        mk_int(fallback, 20, 1);
        mk_msg(f[i], 11, fallback);
        if (i)
            mk_text(f[i], 13, "second");
        mk *call = mk_node("local", "leak", i ? "m" : "x", i ? "y" : "m");
        if (i)
            mk_text(call, 8, "second");
        mk_msg(graph, 1, call);
    }
    wt_test_ok(read_model(ctx, model_with(graph, (const mk *const *)f, 2), &g, &err), &err);
    assert_int_equal(g->n_nodes, 2);
    assert_true(wt_attr_float(&g->first->attrs, "alpha", 0) == 0.5f);
    assert_true(wt_attr_float(&g->last->attrs, "alpha", 0) == 0.25f);
    wt_graph_close(g);
    wt_test_context_close(ctx);
    (void)state;
}

static void passes_inputs_through_and_omits(void **state)
{
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_graph *g = NULL;
    mk *f = function("pick", "abc", "bd", 13); /* b is an input and an output; c may be omitted */
    mk_msg(f, 7, mk_node(NULL, "Clip", "a,c,b", "d"));
    mk_msg(f, 7, mk_node(NULL, "Neg", "d", "unused"));
    wt_test_ok(read_model(ctx, model_with(calling("pick", "x,x", "y,z"), (const mk *[]){ f }, 1), &g, &err), &err);
    const wt_value *y = g->outputs[0], *z = wt_graph_find(g, "z");
    assert_true(wt_node_is(y->producer, WT_OP_IDENTITY) && y->producer->in[0] == g->inputs[0]);
    assert_true(wt_node_is(z->producer, WT_OP_CLIP) && z->producer->n_in == 3 && !z->producer->in[1]);
    wt_graph_close(g);
    wt_test_context_close(ctx);
    (void)state;
}

static mk *recursive(void)
{
    mk *a = function("a", "p", "q", 13), *b = function("b", "p", "q", 13);
    mk_msg(a, 7, mk_node("local", "b", "p", "q"));
    mk_msg(b, 7, mk_node("local", "a", "p", "q"));
    return model_with(calling("a", "x", "y"), (const mk *[]){ a, b }, 2);
}

/* Each calls the next twice: 2^40 nodes from a few bytes. */
static mk *doubling(void)
{
    enum { N = 40 };
    const mk *f[N];
    char name[N + 1][16];
    for (int i = 0; i <= N; i++)
        snprintf(name[i], sizeof name[i], "f%d", i);
    for (int i = 0; i < N; i++) {
        mk *fn = function(name[i], "p", "q", 13);
        mk_msg(fn, 7, mk_node(i + 1 < N ? "local" : NULL, i + 1 < N ? name[i + 1] : "Relu", "p", "m"));
        mk_msg(fn, 7, mk_node(i + 1 < N ? "local" : NULL, i + 1 < N ? name[i + 1] : "Relu", "m", "q"));
        f[i] = fn;
    }
    return model_with(calling("f0", "x", "y"), f, N);
}

static mk *deep(void)
{
    enum { N = 100 };
    const mk *f[N];
    for (int i = 0; i < N; i++) {
        char name[16], next[16];
        snprintf(name, sizeof name, "f%d", i);
        snprintf(next, sizeof next, "f%d", i + 1);
        mk *fn = function(name, "p", "q", 13);
        mk_msg(fn, 7, mk_node("local", next, "p", "q"));
        f[i] = fn;
    }
    return model_with(calling("f0", "x", "y"), f, N);
}

static mk *defined_twice(void)
{
    const mk *f = function("a", "p", "p", 13);
    return model_with(calling("a", "x", "y"), (const mk *[]){ f, f }, 2);
}

static mk *never_made(void)
{
    return model_with(calling("a", "x", "y"), (const mk *[]){ function("a", "p", "q", 13) }, 1);
}

static mk *too_many_inputs(void)
{
    return model_with(calling("a", "x,x", "y"), (const mk *[]){ function("a", "p", "p", 13) }, 1);
}

static mk *makes_its_input(void)
{
    mk *f = function("a", "p", "q", 13);
    mk_msg(f, 7, mk_node(NULL, "Relu", "p", "p"));
    return model_with(calling("a", "x", "y"), (const mk *[]){ f }, 1);
}

static mk *makes_its_output_twice(void)
{
    mk *f = function("a", "p", "q", 13);
    mk_msg(f, 7, mk_node(NULL, "Relu", "p", "q"));
    mk_msg(f, 7, mk_node(NULL, "Neg", "p", "q"));
    return model_with(calling("a", "x", "y"), (const mk *[]){ f }, 1);
}

static void refuses(void **state)
{
    static const struct {
        mk *(*make)(void);
        wt_status status;
        const char *message;
    } bad[] = {
        { recursive, WT_EFORMAT, "calls itself" },
        { doubling, WT_EUNSUPPORTED, "making more than" },
        { deep, WT_EUNSUPPORTED, "nested deeper than" },
        { defined_twice, WT_EFORMAT, "defined twice" },
        { never_made, WT_EFORMAT, "never makes its output \"q\"" },
        { too_many_inputs, WT_EFORMAT, "2 inputs and 1 outputs" },
        { makes_its_input, WT_EFORMAT, "makes its input" },
        { makes_its_output_twice, WT_EFORMAT, "two nodes make \"q\"" },
    };
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++) {
        wt_err err = { 0 };
        wt_graph *g = NULL;
        wt_test_refused(read_model(ctx, bad[i].make(), &g, &err), bad[i].status, &err, bad[i].message);
        mk_free_all();
    }
    wt_test_context_close(ctx);
    (void)state;
}

static int clean(void **state)
{
    (void)state;
    mk_free_all();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(old_opset_inside, clean),
        cmocka_unit_test_teardown(overloads_and_defaults, clean),
        cmocka_unit_test_teardown(passes_inputs_through_and_omits, clean),
        cmocka_unit_test_teardown(refuses, clean),
    };
    return wt_test_run("onnx_function", tests, WT_ARRAY_LEN(tests));
}
