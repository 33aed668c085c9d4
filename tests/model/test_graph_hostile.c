/* test_graph_hostile.c - what no honest file contains: cycles, endless nesting, very wide and very many. */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/str.h"
#include "build.h"

static wt_value *value(builder *b, wt_graph *g, const char *name)
{
    wt_value *v;
    wt_test_ok(wt_graph_add_value(&v, g, name, &b->err), &b->err);
    return v;
}

static wt_node *node(builder *b, wt_graph *g, const char *op, const char *name, wt_value *in, wt_value *out)
{
    wt_node *n;
    wt_test_ok(wt_graph_add_node(&n, g, NULL, "", op, name, &in, 1, &out, 1, NULL, &b->err), &b->err);
    return n;
}

static void a_cycle_names_one_of_its_nodes(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "4"), *v[5];
    (void)state;
    for (int i = 0; i < 5; i++)
        v[i] = value(b, b->root, NULL);
    /* 0 -> 1 -> 2 -> 1 is the cycle; 3 hangs on it, 4 does not. */
    wt_value *const in[] = { x, v[0] };
    node(b, b->root, "Relu", "n0", in[0], v[0]);
    wt_node *one = node(b, b->root, "Add", "one", in[1], v[1]);
    wt_test_ok(wt_node_set_input(one, 1, v[2], &b->err), &b->err);
    node(b, b->root, "Relu", "two", v[1], v[2]);
    node(b, b->root, "Relu", "three", v[2], v[3]);
    node(b, b->root, "Relu", "four", x, v[4]);
    wt_test_refused(wt_graph_sort(b->root, &b->err), WT_EFORMAT, &b->err, "cycle");
    assert_true(strstr(b->err.where, "one") || strstr(b->err.where, "two"));
    wt_test_refused(wt_graph_verify(b->root, WT_EFORMAT, &b->err), WT_EFORMAT, &b->err, "further down");
    build_close(b);
}

static void a_node_that_needs_itself_is_a_cycle(void **state)
{
    builder *b = build_open();
    wt_value *v = value(b, b->root, "v");
    (void)state;
    node(b, b->root, "Relu", "self", v, v);
    wt_test_refused(wt_graph_sort(b->root, &b->err), WT_EFORMAT, &b->err, "cycle through Relu node 'self'");
    build_close(b);
}

/* A subgraph that uses what its own If makes. */
static void a_cycle_through_a_subgraph_is_found(void **state)
{
    builder *b = build_open();
    wt_value *c = build_input(b, b->root, "c", WT_BOOL, "");
    wt_node *n = build_node(b, b->root, "If", "m", c, END);
    (void)state;
    for (int k = 0; k < 2; k++) {
        wt_graph *sub = build_sub(b, b->root);
        build_output(b, sub, build_op(b, sub, "Relu", NULL, n->out[0], END));
        build_attr_graph(b, n, k ? "else_branch" : "then_branch", sub);
    }
    wt_test_refused(wt_graph_sort(b->root, &b->err), WT_EFORMAT, &b->err, "cycle through If");
    build_close(b);
}

static void nesting_has_an_end(void **state)
{
    builder *b = build_open();
    wt_graph *g = b->root, *sub = NULL;
    wt_value *c = build_input(b, b->root, "c", WT_BOOL, "");
    int depth = 1;
    wt_status st = WT_OK;
    wt_buf text;
    (void)state;
    while (depth < 10000) {
        st = wt_graph_new_sub(&sub, g, &b->err);
        if (st != WT_OK)
            break;
        wt_node *n = build_node(b, g, "If", NULL, c, END);
        wt_value *v = build_op(b, sub, "Relu", NULL, c, END);
        build_output(b, sub, v);
        build_attr_graph(b, n, "then_branch", sub);
        build_attr_graph(b, n, "else_branch", build_sub(b, g));
        g = sub;
        depth++;
    }
    wt_test_refused(st, WT_EFORMAT, &b->err, "nested more than 64 deep");
    assert_null(sub);
    assert_int_equal(depth, WT_MAX_GRAPH_DEPTH);
    wt_test_ok(wt_graph_sort(b->root, &b->err), &b->err);
    wt_graph *clone;
    wt_test_ok(wt_graph_clone(&clone, b->root, &b->err), &b->err);
    wt_graph_close(clone);
    wt_buf_init(&text, b->ctx);
    wt_test_ok(wt_graph_print_text(b->root, &text, &b->err), &b->err);
    wt_test_ok(wt_graph_print_svg(b->root, &text, &b->err), &b->err);
    wt_buf_free(&text);
    build_close(b);
}

/* A graph that is its own subgraph, two nodes that share one. */
static void subgraphs_are_trees(void **state)
{
    builder *b = build_open();
    wt_value *c = build_input(b, b->root, "c", WT_BOOL, "");
    wt_node *one = build_node(b, b->root, "If", "one", c, END), *two = build_node(b, b->root, "If", "two", c, END);
    wt_graph *sub = build_sub(b, b->root);
    (void)state;
    build_output(b, sub, build_op(b, sub, "Relu", NULL, c, END));
    build_attr_graph(b, one, "then_branch", sub);
    build_attr_graph(b, one, "else_branch", b->root);
    build_attr_graph(b, two, "then_branch", sub);
    build_attr_graph(b, two, "else_branch", sub);
    wt_test_refused(wt_graph_verify(b->root, WT_EFORMAT, &b->err), WT_EFORMAT, &b->err, "stands in another graph");
    build_attr_graph(b, one, "else_branch", sub);
    wt_test_refused(wt_graph_verify(b->root, WT_EFORMAT, &b->err), WT_EFORMAT, &b->err, NULL);
    build_close(b);
}

/* Quadratic work would take minutes here. */
static void width_and_number_are_cheap(void **state)
{
    enum { N = 100000 };
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "4"), **many = calloc(N, sizeof *many), *y;
    const uint64_t start = wt_now_ns();
    wt_graph *clone;
    (void)state;
    assert_non_null(many);
    for (size_t i = 0; i < N; i++) {
        many[i] = value(b, b->root, NULL);
        if (i % 2 == 0)
            node(b, b->root, "Relu", "", x, many[i]);
    }
    wt_value **split = calloc(N, sizeof *split);
    assert_non_null(split);
    for (size_t i = 0; i < N; i++)
        split[i] = i % 2 ? many[i] : NULL;
    wt_test_ok(wt_graph_add_node(NULL, b->root, NULL, "", "Split", "", &x, 1, split, N, NULL, &b->err), &b->err);
    y = value(b, b->root, "y");
    wt_test_ok(wt_graph_add_node(NULL, b->root, b->root->first, "", "Concat", "", many, N, &y, 1, NULL, &b->err),
               &b->err);
    wt_test_ok(wt_node_set_attr_int(y->producer, "axis", 0, &b->err), &b->err);
    build_output(b, b->root, y);
    wt_test_ok(wt_graph_sort(b->root, &b->err), &b->err);
    build_verify(b, b->root);
    wt_test_ok(wt_graph_clone(&clone, b->root, &b->err), &b->err);
    clone->outputs[0]->is_output = false; /* nothing is needed any more */
    clone->n_outputs = 0;
    assert_int_equal(wt_graph_sweep(clone), N / 2 + 2);
    wt_test_ok(wt_graph_verify(clone, WT_EINTERNAL, &b->err), &b->err);
    wt_graph_close(clone);
    free(many);
    free(split);
    build_close(b);
    assert_true(wt_now_ns() - start < UINT64_C(60000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cycle_names_one_of_its_nodes),
        cmocka_unit_test(a_node_that_needs_itself_is_a_cycle),
        cmocka_unit_test(a_cycle_through_a_subgraph_is_found),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(subgraphs_are_trees),
        cmocka_unit_test(width_and_number_are_cheap),
    };
    return wt_test_run("graph_hostile", tests, WT_ARRAY_LEN(tests));
}
