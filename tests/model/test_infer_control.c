/* test_infer_control.c - shapes through If, Loop and Scan. */
#include <stdlib.h>
#include "build.h"

static void infer(builder *b) { wt_test_ok(wt_graph_infer(b->root, &b->err), &b->err); }

/* An If on `condition` whose branches end in the values that make(b, sub, k, x) gives. */
typedef wt_value *make_branch(builder *b, wt_graph *sub, int k, wt_value *x);
static wt_value *add_if(builder *b, wt_value *condition, wt_value *x, make_branch *make)
{
    wt_node *n = build_node(b, b->root, "If", "m", condition, END);
    for (int k = 0; k < 2; k++) {
        wt_graph *sub = build_sub(b, b->root);
        build_output(b, sub, make(b, sub, k, x));
        build_attr_graph(b, n, k ? "else_branch" : "then_branch", sub);
    }
    return n->out[0];
}

static wt_value *of_two_widths(builder *b, wt_graph *sub, int k, wt_value *x)
{
    return build_op(b, sub, "MatMul", NULL, x, build_const(b, sub, NULL, k ? "4x6" : "4x5"), END);
}

static wt_value *of_two_ranks(builder *b, wt_graph *sub, int k, wt_value *x)
{
    return k ? build_op(b, sub, "Relu", NULL, x, END)
             : build_op(b, sub, "Unsqueeze", NULL, x, INTS(b, sub, NULL, 0), END);
}

/* Squeeze of an axis that is not 1: what exporters guard with an If on the rank. */
static wt_value *one_impossible(builder *b, wt_graph *sub, int k, wt_value *x)
{
    return k ? build_op(b, sub, "Relu", NULL, x, END)
             : build_op(b, sub, "Squeeze", NULL, x, INTS(b, sub, NULL, 0), END);
}

static wt_value *both_impossible(builder *b, wt_graph *sub, int k, wt_value *x)
{
    return build_op(b, sub, "Squeeze", NULL, x, INTS(b, sub, NULL, k), END);
}

static wt_value *of_two_types(builder *b, wt_graph *sub, int k, wt_value *x)
{
    return build_op(b, sub, k ? "Relu" : "Shape", NULL, x, END);
}

static builder *with_if(make_branch *make, int known, wt_value **out)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "2x4"), *c;
    if (known < 0) {
        c = build_input(b, b->root, "c", WT_BOOL, "");
    } else {
        const uint8_t yes = (uint8_t)known;
        const wt_tensor t = { .dtype = WT_BOOL, .shape = { .rank = 0 }, .data = &yes, .bytes = 1 };
        wt_test_ok(wt_graph_add_constant(&c, b->root, "c", &t, &b->err), &b->err);
    }
    *out = add_if(b, c, x, make);
    build_output(b, b->root, *out);
    return b;
}

static void branches_agree_or_not(void **state)
{
    static const struct {
        make_branch *make;
        int known;
        const char *type;
    } cases[] = {
        { of_two_widths, -1, "float32[2x?]" },  { of_two_widths, 1, "float32[2x5]" },
        { of_two_widths, 0, "float32[2x6]" },   { of_two_ranks, -1, "float32[...]" },
        { of_two_ranks, 1, "float32[1x2x4]" },  { of_two_ranks, 0, "float32[2x4]" },
        { one_impossible, -1, "float32[2x4]" }, { one_impossible, 0, "float32[2x4]" },
    };
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        wt_value *y;
        builder *b = with_if(cases[i].make, cases[i].known, &y);
        infer(b);
        assert_type(y, cases[i].type);
        build_verify(b, b->root);
        build_close(b);
    }
}

static void contradictions_in_all_branches_are_errors(void **state)
{
    wt_value *y;
    builder *b = with_if(both_impossible, -1, &y);
    (void)state;
    wt_test_refused(wt_graph_infer(b->root, &b->err), WT_EFORMAT, &b->err, NULL);
    assert_non_null(strstr(b->err.where, "Squeeze"));
    build_close(b);
    b = with_if(of_two_types, -1, &y);
    wt_test_refused(wt_graph_infer(b->root, &b->err), WT_EFORMAT, &b->err,
                    "int64 in one branch and float32 in the other");
    build_close(b);
    b = with_if(of_two_types, 1, &y); /* known: only the taken branch counts */
    infer(b);
    assert_type(y, "int64[2]");
    build_close(b);
}

/* Loop(trips, condition, x): the body gets (i, c, v) and gives (c, make(v), v). */
static wt_node *add_loop(builder *b, wt_value *trips, wt_value *x, make_branch *make)
{
    wt_graph *body = build_sub(b, b->root);
    wt_value *out[2];
    wt_node *n;
    build_input(b, body, "i", WT_I64, "");
    wt_value *c = build_input(b, body, "c", WT_BOOL, ""), *v = build_input(b, body, "v", WT_DTYPE_NONE, NULL);
    build_output(b, body, build_op(b, body, "Identity", "c_out", c, END));
    build_output(b, body, make(b, body, 0, v));
    build_output(b, body, build_op(b, body, "Neg", "scan", v, END));
    for (int i = 0; i < 2; i++)
        wt_test_ok(wt_graph_add_value(&out[i], b->root, NULL, &b->err), &b->err);
    wt_value *const in[] = { trips, NULL, x };
    wt_test_ok(wt_graph_add_node(&n, b->root, NULL, "", "Loop", "loop", in, 3, out, 2, NULL, &b->err), &b->err);
    build_attr_graph(b, n, "body", body);
    build_output(b, b->root, n->out[0]);
    build_output(b, b->root, n->out[1]);
    return n;
}

static wt_value *same(builder *b, wt_graph *sub, int k, wt_value *x)
{
    (void)k;
    return build_op(b, sub, "Relu", NULL, x, END);
}

static wt_value *grows(builder *b, wt_graph *sub, int k, wt_value *x)
{
    wt_value *y = build_op(b, sub, "Concat", NULL, x, x, END);
    (void)k;
    wt_test_ok(wt_node_set_attr_int(y->producer, "axis", 0, &b->err), &b->err);
    return y;
}

static wt_value *gains_rank(builder *b, wt_graph *sub, int k, wt_value *x)
{
    (void)k;
    return build_op(b, sub, "Unsqueeze", NULL, x, INTS(b, sub, NULL, 0), END);
}

static void carried_values_forget_what_changes(void **state)
{
    static const struct {
        make_branch *make;
        const char *carried, *scanned;
    } cases[] = {
        { same, "float32[2x4]", "float32[?x2x4]" },
        { grows, "float32[?x4]", "float32[?x?x4]" },
        { gains_rank, "float32[...]", "float32[...]" },
    };
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        builder *b = build_open();
        wt_node *n = add_loop(b, NULL, build_input(b, b->root, "x", WT_F32, "2x4"), cases[i].make);
        for (int round = 0; round < 2; round++) {
            infer(b);
            assert_type(n->out[0], cases[i].carried);
            assert_type(n->out[1], cases[i].scanned);
        }
        build_verify(b, b->root);
        build_close(b);
    }
}

/* The search must not multiply: 40 loops in loops would take 4^40 rounds. */
static void nested_loops_end(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "2x4");
    wt_graph *g = b->root;
    (void)state;
    for (int depth = 0; depth < 40; depth++) {
        wt_graph *body = build_sub(b, g);
        wt_value *out;
        wt_node *n;
        build_input(b, body, NULL, WT_I64, "");
        wt_value *c = build_input(b, body, NULL, WT_BOOL, ""), *v = build_input(b, body, NULL, WT_F32, NULL);
        build_output(b, body, build_op(b, body, "Identity", NULL, c, END));
        build_output(b, body, grows(b, body, 0, v));
        wt_test_ok(wt_graph_add_value(&out, g, NULL, &b->err), &b->err);
        wt_value *const in[] = { NULL, NULL, x };
        wt_test_ok(wt_graph_add_node(&n, g, NULL, "", "Loop", "", in, 3, &out, 1, NULL, &b->err), &b->err);
        build_attr_graph(b, n, "body", body);
        g = body;
        x = v;
    }
    infer(b);
    assert_type(b->root->first->out[0], "float32[?x4]");
    build_close(b);
}

static void broken_bodies_are_refused(void **state)
{
    builder *b = build_open();
    wt_node *n = add_loop(b, NULL, build_input(b, b->root, "x", WT_F32, "2x4"), same);
    wt_graph *body = wt_node_subgraph(n, "body");
    (void)state;
    body->n_outputs = 1;
    wt_test_refused(wt_graph_infer(b->root, &b->err), WT_EFORMAT, &b->err, "the body has 3 inputs and 1 outputs");
    body->n_outputs = 3;
    body->n_inputs = 2;
    wt_test_refused(wt_graph_infer(b->root, &b->err), WT_EFORMAT, &b->err, "the body has 2 inputs");
    body->n_inputs = 3;
    n->attrs.count = 0;
    wt_test_refused(wt_graph_infer(b->root, &b->err), WT_EFORMAT, &b->err, "attribute body is missing");
    build_close(b);
}

/* Scan(state, sequence along axis 1) -> (state, outputs stacked along axis -1). */
static void scans_slice_and_stack(void **state)
{
    builder *b = build_open();
    wt_value *s = build_input(b, b->root, "s", WT_F32, "2x4"), *x = build_input(b, b->root, "x", WT_F32, "2xTx4"),
             *out[2];
    wt_graph *body = build_sub(b, b->root);
    wt_value *si = build_input(b, body, "si", WT_F32, NULL), *xi = build_input(b, body, "xi", WT_F32, NULL);
    const int64_t one[] = { 1 }, last[] = { -1 };
    wt_node *n;
    (void)state;
    build_output(b, body, build_op(b, body, "Add", "so", si, xi, END));
    build_output(b, body, build_op(b, body, "Relu", "yo", xi, END));
    for (int i = 0; i < 2; i++)
        wt_test_ok(wt_graph_add_value(&out[i], b->root, NULL, &b->err), &b->err);
    wt_value *const in[] = { s, x };
    wt_test_ok(wt_graph_add_node(&n, b->root, NULL, "", "Scan", "", in, 2, out, 2, NULL, &b->err), &b->err);
    build_attr_graph(b, n, "body", body);
    wt_test_ok(wt_node_set_attr_int(n, "num_scan_inputs", 1, &b->err), &b->err);
    build_attr_ints(b, n, "scan_input_axes", 1, one);
    build_attr_ints(b, n, "scan_output_axes", 1, last);
    infer(b);
    assert_type(xi, "float32[2x4]");
    assert_type(out[0], "float32[2x4]");
    assert_type(out[1], "float32[2x4xT]");
    const int64_t far[] = { 3 };
    build_attr_ints(b, n, "scan_input_axes", 1, far);
    wt_test_refused(wt_graph_infer(b->root, &b->err), WT_EFORMAT, &b->err, "no axis 3");
    wt_test_ok(wt_node_set_attr_int(n, "num_scan_inputs", 3, &b->err), &b->err);
    wt_test_refused(wt_graph_infer(b->root, &b->err), WT_EFORMAT, &b->err, "num_scan_inputs is 3");
    build_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(branches_agree_or_not),
        cmocka_unit_test(contradictions_in_all_branches_are_errors),
        cmocka_unit_test(carried_values_forget_what_changes),
        cmocka_unit_test(nested_loops_end),
        cmocka_unit_test(broken_bodies_are_refused),
        cmocka_unit_test(scans_slice_and_stack),
    };
    return wt_test_run("infer_control", tests, WT_ARRAY_LEN(tests));
}
