/* Reading: every field that means something, in every form it may come in. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "model/formats/onnx/onnx.h"
#include "onnx_make.h"

static const char golden[] = "08083a550a110a01580a015712015922064d61744d756c1201672a130802080110014201574a080000803f000"
                             "000405a130a0158120e0a0c080112080a"
                             "0208010a02080262130a0159120e0a0c080112080a0208010a02080142040a00100d";

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (; hex[0]; hex += 2) {
        const char byte[3] = { hex[0], hex[1], 0 };
        out[n++] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return n;
}

static wt_graph *read_ok(wt_context *ctx, const void *bytes, size_t len)
{
    wt_err err = { 0 };
    wt_graph *g = NULL;
    wt_test_ok(wt_onnx_read_bytes(&g, ctx, bytes, len, NULL, &err), &err);
    return g;
}

static void reads_the_golden_model(void **state)
{
    uint8_t bytes[128];
    const size_t len = unhex(golden, bytes);
    wt_context *ctx = wt_test_context();
    assert_int_equal(len, 95);
    wt_graph *g = read_ok(ctx, bytes, len);
    wt_err err = { 0 };
    assert_int_equal(g->n_nodes, 1);
    assert_true(wt_node_is(g->first, WT_OP_MATMUL));
    const wt_value *w = wt_graph_find(g, "W");
    assert_true(wt_value_is_const(w) && w->type.shape.rank == 2 && w->type.bytes == 8);
    assert_ptr_equal(w->type.data, bytes + 39); /* a view, no copy */
    wt_test_ok(wt_graph_infer(g, &err), &err);
    const wt_value *y = g->outputs[0];
    assert_true(y->type.dtype == WT_F32 && y->type.shape.rank == 2 && y->type.shape.dim[0] == 1 &&
                y->type.shape.dim[1] == 1);
    assert_int_equal(wt_graph_opset(g, ""), 13);
    wt_graph_close(g);
    wt_test_context_close(ctx);
    (void)state;
}

static void reads_everything(void **state)
{
    wt_context *ctx = wt_test_context();
    const mk *m = mk_everything();
    wt_graph *g = read_ok(ctx, m->data, m->len);
    assert_string_equal(g->name, "everything");
    assert_string_equal(g->producer, "hand");
    assert_string_equal(wt_graph_metadata(g, "labels"), "a,b");
    assert_true(WT_DIM_IS_SYMBOL(g->inputs[0]->type.shape.dim[0]));
    assert_string_equal(g->symbols[0], "batch");
    /* The function is gone, its attribute replaced, its output named as the caller wanted. */
    const wt_value *h = wt_graph_find(g, "h");
    assert_true(h && wt_node_is(h->producer, WT_OP_LEAKYRELU));
    assert_true(wt_attr_float(&h->producer->attrs, "alpha", 0) == 0.5f);
    /* Axes are an input now. */
    const wt_value *u = wt_graph_find(g, "u");
    assert_true(u && wt_node_is(u->producer, WT_OP_UNSQUEEZE) && u->producer->n_in == 2 &&
                wt_value_is_const(u->producer->in[1]));
    /* Constant is no node. */
    assert_true(wt_value_is_const(wt_graph_find(g, "k")));
    /* Sparse is dense. */
    const wt_value *lost = wt_graph_find(g, "lost");
    double v = 0;
    assert_true(lost && lost->type.bytes == 48 && wt_tensor_double(&lost->type, 5, &v) && v == 2);
    assert_true(wt_tensor_double(&lost->type, 4, &v) && v == 0);
    const wt_value *words = wt_graph_find(g, "words");
    const wt_string *text = words->type.data;
    assert_true(words->type.dtype == WT_STRING && text->len == 4 && !memcmp(text->data, "text", 4));
    /* An unknown operator stays, with its omitted input. */
    const wt_node *odd = wt_graph_find(g, "odd")->producer;
    assert_true(!odd->op && odd->n_in == 3 && !odd->in[1] && odd->n_out == 2 && !odd->out[1]);
    /* The branches see the outside. */
    const wt_node *choice = wt_graph_find(g, "c")->producer;
    wt_graph *then = wt_node_subgraph(choice, "then_branch");
    assert_true(then && then->parent == g && then->n_nodes == 1 && then->first->in[0] == h);
    wt_graph_close(g);
    wt_test_context_close(ctx);
    (void)state;
}

/* One initializer "w" in a model, given as the body of its TensorProto. */
static const wt_tensor *tensor_of(wt_context *ctx, wt_graph **g, const mk *tensor)
{
    mk *graph = mk_graph();
    mk_msg(graph, 1, mk_node(NULL, "Relu", "x", "y"));
    mk_msg(graph, 5, tensor);
    const mk *model = mk_model(8, 13, graph);
    *g = read_ok(ctx, model->data, model->len);
    return &wt_graph_find(*g, "w")->type;
}

static void reads_typed_data_in_all_forms(void **state)
{
    wt_context *ctx = wt_test_context();
    wt_graph *g = NULL;
    const float f[2] = { 1.5f, -2 };
    static const int64_t two = 2;
    mk *t = mk_tensor("w", 1, 1, &two, NULL, 0);
    mk_data(t, 4, f, sizeof f); /* packed: a view */
    const wt_tensor *w = tensor_of(ctx, &g, t);
    assert_memory_equal(w->data, f, sizeof f);
    wt_graph_close(g);
    t = mk_tensor("w", 1, 1, &two, NULL, 0); /* one by one, mixed with packed, with an unknown field between */
    mk_float(t, 4, f[0]);
    mk_text(t, 99, "unknown");
    mk_data(t, 4, &f[1], 4);
    w = tensor_of(ctx, &g, t);
    assert_memory_equal(w->data, f, sizeof f);
    wt_graph_close(g);
    t = mk_new(); /* packed dims; int8 in varints of ten bytes */
    mk_data(t, 1, "\2", 1);
    mk_int(t, 2, 3);
    mk_text(t, 8, "w");
    mk_int(t, 5, -128);
    mk_int(t, 5, 7);
    w = tensor_of(ctx, &g, t);
    assert_true(w->dtype == WT_I8 && w->bytes == 2);
    assert_memory_equal(w->data, "\x80\x07", 2);
    wt_graph_close(g);
    static const int64_t three = 3;
    t = mk_tensor("w", 22, 1, &three, NULL, 0); /* int4: two in each number */
    mk_int(t, 5, 0x21);
    mk_int(t, 5, 0x0f);
    w = tensor_of(ctx, &g, t);
    assert_true(w->dtype == WT_I4 && w->bytes == 2);
    assert_memory_equal(w->data, "\x21\x0f", 2);
    wt_graph_close(g);
    t = mk_tensor("w", 10, 1, &two, NULL, 0); /* half: bit patterns */
    mk_int(t, 5, 0x3e00);
    mk_int(t, 5, 0xc000);
    w = tensor_of(ctx, &g, t);
    assert_memory_equal(w->data, "\x00\x3e\x00\xc0", 4);
    wt_graph_close(g);
    static const int64_t none = 0;
    w = tensor_of(ctx, &g, mk_tensor("w", 1, 1, &none, NULL, 0)); /* no elements, no data: still a constant */
    assert_true(w->data && w->bytes == 0);
    wt_graph_close(g);
    wt_test_context_close(ctx);
    (void)state;
}

static void initializers_that_are_inputs(void **state)
{
    static const float w[3] = { 1, 2, 3 };
    static const int64_t three = 3;
    wt_context *ctx = wt_test_context();
    for (int ir = 3; ir <= 4; ir++) {
        mk *graph = mk_graph();
        mk_msg(graph, 1, mk_node(NULL, "Add", "x,w", "y"));
        mk_msg(graph, 5, mk_tensor("w", 1, 1, &three, w, sizeof w));
        mk_msg(graph, 11, mk_info("w", 1, 1, &three));
        const mk *model = mk_model(ir, 7, graph);
        wt_graph *g = read_ok(ctx, model->data, model->len);
        const wt_value *v = wt_graph_find(g, "w");
        assert_int_equal(g->n_inputs, ir == 3 ? 1 : 2);
        assert_true(v->type.data && wt_value_is_const(v) == (ir == 3)); /* later: an input with a default */
        wt_graph_close(g);
    }
    wt_test_context_close(ctx);
    (void)state;
}

static void merges_repeated_messages(void **state)
{
    wt_context *ctx = wt_test_context();
    mk *first = mk_graph(), *second = mk_new();
    mk_msg(second, 1, mk_node(NULL, "Relu", "x", "y"));
    mk *model = mk_model(8, 13, first);
    mk_msg(model, 7, second); /* the graph, continued */
    wt_graph *g = read_ok(ctx, model->data, model->len);
    assert_int_equal(g->n_nodes, 1);
    assert_int_equal(g->n_inputs, 1);
    wt_graph_close(g);
    wt_test_context_close(ctx);
    (void)state;
}

static void nodes_may_come_in_any_order(void **state)
{
    wt_context *ctx = wt_test_context();
    mk *graph = mk_graph();
    mk_msg(graph, 1, mk_node(NULL, "Relu", "a", "y"));
    mk_msg(graph, 1, mk_node(NULL, "Neg", "x", "a"));
    const mk *model = mk_model(8, 13, graph);
    wt_graph *g = read_ok(ctx, model->data, model->len);
    assert_true(wt_node_is(g->first, WT_OP_NEG));
    wt_graph_close(g);
    wt_test_context_close(ctx);
    (void)state;
}

static void keeps_forms_it_cannot_raise(void **state)
{
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    static const int64_t four = 3;
    static const float p[3] = { 1, 1, 1 };
    mk *graph = mk_graph(), *node = mk_node(NULL, "BatchNormalization", "x,s,b,m,v", "y,mean,var,sm,sv");
    mk_msg(graph, 1, node);
    for (const char *name = "sbmv"; *name; name++) {
        const char text[2] = { *name, 0 };
        mk_msg(graph, 5, mk_tensor(text, 1, 1, &four, p, sizeof p));
    }
    mk_msg(graph, 12, mk_info("mean", 1, -1, NULL)); /* wanted: so it was training */
    const mk *model = mk_model(8, 9, graph);
    wt_graph *g = read_ok(ctx, model->data, model->len);
    assert_null(g->first->op);
    assert_string_equal(g->first->op_type, "BatchNormalization");
    wt_test_refused(wt_onnx_write(g, wt_test_path(wt_test_tmpdir(), "no.onnx"), NULL, NULL, &err), WT_EUNSUPPORTED,
                    &err, "BatchNormalization");
    assert_int_equal(wt_test_count_files(wt_test_tmpdir()), 0);
    wt_graph_close(g);
    wt_test_context_close(ctx);
    (void)state;
}

/* Linear in the number of nodes: each reads the one before, and one constant. */
static void reads_a_hundred_thousand_nodes(void **state)
{
    enum { N = 100000 };
    wt_context *ctx = wt_test_context();
    mk *head = mk_model(8, 12, NULL), *tail = mk_graph();
    static const int64_t one = 1;
    static const float w = 1;
    mk_msg(tail, 5, mk_tensor("w", 1, 1, &one, &w, 4));
    enum { KEEP = 16 }; /* what was made so far, and more */
    for (int i = 0; i < KEEP; i++)
        mk_new();
    uint8_t *nodes = malloc((size_t)N * 64), *model = malloc((size_t)N * 64 + 2 * MK_SIZE);
    assert_true(nodes && model);
    size_t len = 0;
    for (int i = 0; i < N; i++) {
        char in[40], out[16];
        snprintf(in, sizeof in, i ? "v%d,w" : "x,w", i - 1);
        snprintf(out, sizeof out, i < N - 1 ? "v%d" : "y", i);
        mk *node = mk_node(NULL, "Add", in, out), *field = mk_new();
        mk_msg(field, 1, node);
        memcpy(nodes + len, field->data, field->len);
        len += field->len;
        mk_free_all_but(KEEP);
    }
    mk *size = mk_new();
    memcpy(model, head->data, head->len);
    size_t at = head->len;
    mk_varint(size, 7 << 3 | 2);
    mk_varint(size, len + tail->len);
    memcpy(model + at, size->data, size->len);
    at += size->len;
    memcpy(model + at, nodes, len);
    memcpy(model + at + len, tail->data, tail->len);
    const clock_t start = clock();
    wt_graph *g = read_ok(ctx, model, at + len + tail->len);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_int_equal(g->n_nodes, N);
    if (seconds > 20) /* sanitized and busy it takes two; quadratic it would take hours */
        fail_msg("reading took %.0f s", seconds);
    wt_graph_close(g);
    free(nodes);
    free(model);
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
        cmocka_unit_test_teardown(reads_the_golden_model, clean),
        cmocka_unit_test_teardown(reads_everything, clean),
        cmocka_unit_test_teardown(reads_typed_data_in_all_forms, clean),
        cmocka_unit_test_teardown(initializers_that_are_inputs, clean),
        cmocka_unit_test_teardown(merges_repeated_messages, clean),
        cmocka_unit_test_teardown(nodes_may_come_in_any_order, clean),
        cmocka_unit_test_teardown(keeps_forms_it_cannot_raise, clean),
        cmocka_unit_test_teardown(reads_a_hundred_thousand_nodes, clean),
    };
    return wt_test_run("onnx_read", tests, WT_ARRAY_LEN(tests));
}
