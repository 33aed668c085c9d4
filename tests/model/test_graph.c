/* test_graph.c - making, editing, cloning, sorting: after every step the verifier agrees. */
#include <stdio.h>
#include <stdlib.h>
#include "build.h"

static void makes_values_and_nodes(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "Nx4"), *fresh;
    wt_value *w = build_const(b, b->root, "w", "4x3");
    wt_value *y = build_op(b, b->root, "MatMul", "y", x, w, END);
    (void)state;
    build_output(b, b->root, y);
    build_verify(b, b->root);
    assert_ptr_equal(wt_graph_find(b->root, "w"), w);
    assert_null(wt_graph_find(b->root, "z"));
    assert_true(wt_value_is_const(w) && !wt_value_is_const(x) && !wt_value_is_const(y));
    assert_true(wt_node_is(y->producer, WT_OP_MATMUL) && !wt_node_is(NULL, WT_OP_MATMUL));
    assert_true(wt_value_single_use(x) && !wt_value_single_use(y));
    wt_test_ok(wt_graph_add_value(&fresh, b->root, NULL, &b->err), &b->err);
    assert_true(fresh->name[0] && wt_graph_find(b->root, fresh->name) == fresh);
    build_close(b);
}

static void refuses_second_definitions(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "4"), *y = build_op(b, b->root, "Relu", "y", x, END), *v = NULL;
    const float one = 1;
    const wt_tensor t = { .dtype = WT_F32, .data = &one, .bytes = 4, .shape = { .rank = 0 } };
    (void)state;
    wt_test_refused(wt_graph_add_value(&v, b->root, "x", &b->err), WT_EFORMAT, &b->err, "'x' is defined twice");
    assert_null(v);
    wt_test_refused(wt_graph_add_node(NULL, b->root, NULL, "", "Tanh", "", &x, 1, &y, 1, NULL, &b->err), WT_EFORMAT,
                    &b->err, "'y' is defined twice");
    wt_test_refused(wt_graph_add_node(NULL, b->root, NULL, "", "Tanh", "", &y, 1, &x, 1, NULL, &b->err), WT_EFORMAT,
                    &b->err, "'x' is defined twice");
    wt_test_ok(wt_graph_add_value(&v, b->root, "v", &b->err), &b->err);
    wt_value *const twice[] = { v, v };
    wt_test_refused(wt_graph_add_node(NULL, b->root, NULL, "", "Split", "", &x, 1, twice, 2, NULL, &b->err), WT_EFORMAT,
                    &b->err, "'v' is defined twice");
    assert_null(v->producer);
    wt_test_refused(wt_graph_set_constant(y, &t, &b->err), WT_EFORMAT, &b->err, "defined twice");
    wt_test_refused(wt_graph_add_input(b->root, x, &b->err), WT_EFORMAT, &b->err, "defined twice");
    wt_test_refused(wt_graph_add_input(b->root, y, &b->err), WT_EFORMAT, &b->err, "defined twice");
    build_output(b, b->root, y);
    build_verify(b, b->root); /* the refusals left nothing behind */
    build_close(b);
}

static void constants_need_their_data(void **state)
{
    builder *b = build_open();
    wt_value *v;
    float data[4] = { 1, 2, 3, 4 };
    wt_tensor t = { .dtype = WT_F32, .data = data, .bytes = 15, .shape = { .rank = 1, .dim = { 4 } } };
    (void)state;
    wt_test_refused(wt_graph_add_constant(&v, b->root, "c", &t, &b->err), WT_EFORMAT, &b->err, NULL);
    t.bytes = 16;
    wt_test_ok(wt_graph_add_constant(&v, b->root, "c", &t, &b->err), &b->err);
    data[0] = 9;
    assert_true(*(const float *)v->type.data == 1.0f); /* its own copy */
    t = (wt_tensor){ .dtype = WT_F32, .shape = { .rank = 2, .dim = { 0, 7 } } };
    wt_test_ok(wt_graph_add_constant(&v, b->root, "empty", &t, &b->err), &b->err);
    assert_true(wt_value_is_const(v)); /* without a byte, but a constant */
    const char bytes[] = "ab";
    const wt_string words[] = { { bytes, 1 }, { bytes + 1, 1 } };
    t = (wt_tensor){ .dtype = WT_STRING, .data = words, .bytes = sizeof words, .shape = { .rank = 1, .dim = { 2 } } };
    wt_test_ok(wt_graph_add_constant(&v, b->root, "words", &t, &b->err), &b->err);
    assert_memory_equal(((const wt_string *)v->type.data)[1].data, "b", 1);
    wt_test_refused(wt_graph_add_const_i64(&v, b->root, NULL, (const int64_t[]){ 1, 2 }, 2, true, &b->err), WT_EUSAGE,
                    &b->err, "a scalar has one element");
    build_close(b);
}

static void symbols_are_found_again(void **state)
{
    builder *b = build_open();
    (void)state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 500; i++) {
            char name[16];
            int64_t dim;
            snprintf(name, sizeof name, "dim_%d", i);
            wt_test_ok(wt_graph_symbol(b->root, name, &dim, &b->err), &b->err);
            assert_true(WT_DIM_IS_SYMBOL(dim) && WT_DIM_SYMBOL_INDEX(dim) == (size_t)i);
            assert_string_equal(b->root->symbols[i], name);
        }
    assert_int_equal(b->root->n_symbols, 500);
    build_close(b);
}

static void inputs_and_attributes_change(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "4"), *y = build_input(b, b->root, "y", WT_F32, "4");
    wt_node *n = build_node(b, b->root, "Add", "z", x, x, END);
    (void)state;
    build_output(b, b->root, n->out[0]);
    assert_int_equal(x->n_uses, 2);
    wt_test_ok(wt_node_set_input(n, 1, y, &b->err), &b->err);
    build_verify(b, b->root);
    assert_true(x->n_uses == 1 && y->n_uses == 1 && x->uses[0].index == 0);
    wt_test_ok(wt_node_set_op(n, "ai.onnx", "Sum", &b->err), &b->err);
    assert_string_equal(n->domain, "");
    wt_test_ok(wt_node_set_input(n, 4, x, &b->err), &b->err); /* grows, 2 and 3 are omitted */
    assert_true(n->n_in == 5 && n->in[2] == NULL && x->n_uses == 2);
    wt_test_ok(wt_node_set_input(n, 4, NULL, &b->err), &b->err);
    wt_test_ok(wt_node_set_attr_int(n, "a", 1, &b->err), &b->err);
    wt_test_ok(wt_node_set_attr_float(n, "f", 0.5f, &b->err), &b->err);
    wt_test_ok(wt_node_set_attr_int(n, "a", 2, &b->err), &b->err);
    assert_int_equal(n->attrs.count, 2);
    assert_int_equal(wt_attr_int(&n->attrs, "a", 0), 2);
    assert_true(wt_attr_float(&n->attrs, "f", 0) == 0.5f);
    assert_int_equal(wt_attr_int(&n->attrs, "f", 7), 7); /* of another type: as if absent */
    build_verify(b, b->root);
    wt_test_ok(wt_node_set_op(n, "my.domain", "Odd", &b->err), &b->err);
    assert_null(n->op);
    build_close(b);
}

static void replacing_keeps_the_outputs_name(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "4");
    wt_value *y = build_op(b, b->root, "Relu", "y", x, END), *z = build_op(b, b->root, "Tanh", "z", x, END);
    wt_value *user = build_op(b, b->root, "Neg", "user", y, END);
    (void)state;
    wt_node_move_before(z->producer, y->producer);
    build_output(b, b->root, y);
    build_output(b, b->root, user);
    wt_test_ok(wt_value_replace(y, z, &b->err), &b->err);
    build_verify(b, b->root);
    assert_ptr_equal(b->root->outputs[0], z);
    assert_string_equal(z->name, "y");
    assert_string_equal(y->name, "z");
    assert_true(wt_graph_find(b->root, "y") == z && !y->is_output && y->n_uses == 0);
    assert_int_equal(wt_graph_sweep(b->root), 1);
    build_verify(b, b->root);
    /* An input's name is the interface's: the output stays what it was, only its uses move. */
    wt_test_ok(wt_value_replace(z, x, &b->err), &b->err);
    assert_true(z->is_output && b->root->outputs[0] == z && user->producer->in[0] == x);
    build_verify(b, b->root);
    wt_test_ok(wt_value_replace(x, x, &b->err), &b->err);
    build_verify(b, b->root);
    build_close(b);
}

static void removing_needs_no_uses(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "4");
    wt_value *y = build_op(b, b->root, "Relu", "y", x, END), *z = build_op(b, b->root, "Tanh", "z", y, END);
    (void)state;
    build_output(b, b->root, z);
    wt_node_remove(y->producer);
    wt_node_remove(z->producer);
    assert_int_equal(b->root->n_nodes, 2);
    wt_value *dead = build_op(b, b->root, "Neg", "dead", y, END);
    wt_node *node = dead->producer;
    wt_node_remove(node);
    wt_node_remove(node); /* twice is no harm */
    assert_int_equal(b->root->n_nodes, 2);
    assert_int_equal(y->n_uses, 1);
    assert_null(wt_graph_find(b->root, "dead"));
    build_op(b, b->root, "Abs", "dead", y, END); /* its name is free */
    build_verify(b, b->root);
    build_close(b);
}

/* Branches of an If that use a value from outside. */
static wt_node *add_if(builder *b, wt_graph *g, const char *name, wt_value *condition, wt_value *captured)
{
    wt_node *node = build_node(b, g, "If", name, condition, END);
    for (int k = 0; k < 2; k++) {
        wt_graph *sub = build_sub(b, g);
        wt_value *inner = build_op(b, sub, k ? "Tanh" : "Sigmoid", "inner", captured,
                                   END); /* both branches: same name */
        wt_value *c = build_const(b, sub, NULL, "1");
        build_output(b, sub, build_op(b, sub, "Mul", NULL, inner, c, END));
        build_attr_graph(b, node, k ? "else_branch" : "then_branch", sub);
    }
    return node;
}

static void subgraphs_use_what_is_around_them(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "4"), *c = build_input(b, b->root, "c", WT_BOOL, "");
    wt_value *y = build_op(b, b->root, "Relu", "y", x, END);
    wt_node *node = add_if(b, b->root, "m", c, y);
    (void)state;
    build_output(b, b->root, node->out[0]);
    build_verify(b, b->root);
    assert_true(y->n_uses == 2 && !wt_value_single_use(y));
    wt_graph *sub = wt_node_subgraph(node, "then_branch");
    assert_ptr_equal(wt_graph_find(sub, "y"), y);
    assert_ptr_equal(wt_graph_find(sub, "inner")->graph, sub);
    assert_null(wt_graph_find(b->root, "inner"));
    wt_test_refused(wt_graph_add_output(sub, y, &b->err), WT_EFORMAT, &b->err, "does not define it");
    assert_int_equal(wt_graph_sweep(b->root), 0);
    /* With the If go its uses of y, and then y. */
    wt_value *z = build_op(b, b->root, "Neg", "z", x, END);
    wt_test_ok(wt_value_replace(node->out[0], z, &b->err), &b->err);
    assert_int_equal(wt_graph_sweep(b->root), 2);
    assert_int_equal(b->root->n_nodes, 1);
    build_verify(b, b->root);
    build_close(b);
}

static void a_branch_is_spliced(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "4"), *c = build_input(b, b->root, "c", WT_BOOL, "");
    wt_value *inner = build_op(b, b->root, "Neg", "inner", x, END); /* the name that the branches use, too */
    wt_node *node = add_if(b, b->root, "m", c, x);
    wt_value *last = build_op(b, b->root, "Add", "last", node->out[0], inner, END);
    (void)state;
    build_output(b, b->root, last);
    wt_graph *body = wt_node_subgraph(node, "else_branch");
    wt_node *nested = add_if(b, body, "nested", c, x);
    wt_test_ok(wt_graph_splice(body, node, &b->err), &b->err);
    wt_test_ok(wt_value_replace(node->out[0], body->outputs[0], &b->err), &b->err);
    wt_node_remove(node);
    build_verify(b, b->root);
    assert_ptr_equal(nested->graph, b->root);
    assert_string_not_equal(body->outputs[0]->producer->in[0]->name, "inner");
    assert_ptr_equal(wt_node_subgraph(nested, "then_branch")->parent, b->root);
    assert_int_equal(b->root->n_constants, 1);
    assert_ptr_equal(wt_graph_find(b->root, "inner"), inner);
    assert_int_equal(wt_graph_sweep(b->root), 1);
    build_verify(b, b->root);
    build_close(b);
}

static void clones_are_the_same_and_apart(void **state)
{
    wt_context *ctx = wt_test_context();
    wt_err err;
    wt_graph *g, *clone, *second;
    (void)state;
    wt_test_ok(build_sample(&g, ctx, &err), &err);
    wt_test_ok(wt_graph_verify(g, WT_EINTERNAL, &err), &err);
    wt_test_ok(wt_graph_clone(&clone, g, &err), &err);
    wt_test_ok(wt_graph_verify(clone, WT_EINTERNAL, &err), &err);
    wt_value *a = wt_graph_find(g, "a"), *copy = wt_graph_find(clone, "a");
    assert_true(a != copy && a->id == copy->id && copy->graph == clone && copy->n_uses == a->n_uses);
    assert_ptr_equal(wt_graph_find(clone, "w")->type.data, wt_graph_find(g, "w")->type.data); /* shared */
    assert_string_equal(clone->symbols[0], "H");
    /* Editing the clone, and a clone of it, leaves the source alone. */
    wt_value *r = wt_graph_find(clone, "r");
    wt_test_ok(wt_value_replace(r, copy, &err), &err);
    assert_int_equal(wt_graph_sweep(clone), 1);
    wt_test_ok(wt_graph_verify(clone, WT_EINTERNAL, &err), &err);
    wt_test_ok(wt_graph_verify(g, WT_EINTERNAL, &err), &err);
    assert_int_equal(g->n_nodes, clone->n_nodes + 1);
    wt_test_ok(wt_graph_clone(&second, clone, &err), &err);
    wt_test_ok(wt_graph_verify(second, WT_EINTERNAL, &err), &err);
    wt_value *more;
    for (int i = 0; i < 9; i++) { /* inputs and outputs can still be added */
        wt_test_ok(wt_graph_add_value(&more, second, NULL, &err), &err);
        wt_test_ok(wt_graph_add_input(second, more, &err), &err);
    }
    wt_test_ok(wt_graph_verify(second, WT_EINTERNAL, &err), &err);
    wt_graph_close(second);
    wt_graph_close(clone);
    wt_graph_close(g);
    wt_test_context_close(ctx);
}

static void order_follows_from_uses(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "4"), *late[4];
    (void)state;
    /* Nodes in file order 0 1 2 3, of which 0 needs 3 and 1 needs 2. */
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%d", i);
        wt_test_ok(wt_graph_add_value(&late[i], b->root, name, &b->err), &b->err);
    }
    const int needs[] = { 3, 2, -1, -1 };
    for (int i = 0; i < 4; i++) {
        wt_value *in = needs[i] < 0 ? x : late[needs[i]];
        wt_test_ok(wt_graph_add_node(NULL, b->root, NULL, "", "Relu", "", &in, 1, &late[i], 1, NULL, &b->err), &b->err);
    }
    wt_test_refused(wt_graph_verify(b->root, WT_EFORMAT, &b->err), WT_EFORMAT, &b->err, "defined only further down");
    wt_test_ok(wt_graph_sort(b->root, &b->err), &b->err);
    build_verify(b, b->root);
    /* Of the ready ones always the first of the file: 2, then 1 before 3, then 0. */
    const int order[] = { 2, 1, 3, 0 };
    const wt_node *node = b->root->first;
    for (int i = 0; i < 4; i++, node = node->next)
        assert_ptr_equal(node->out[0], late[order[i]]);
    build_close(b);
}

static void a_subgraphs_needs_are_its_owners(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "4"), *c = build_input(b, b->root, "c", WT_BOOL, ""), *y;
    (void)state;
    wt_test_ok(wt_graph_add_value(&y, b->root, "y", &b->err), &b->err);
    wt_node *node = add_if(b, b->root, "m", c, y);
    wt_test_ok(wt_graph_add_node(NULL, b->root, NULL, "", "Relu", "", &x, 1, &y, 1, NULL, &b->err), &b->err);
    wt_test_ok(wt_graph_sort(b->root, &b->err), &b->err);
    assert_ptr_equal(b->root->last, node);
    build_output(b, b->root, node->out[0]);
    build_verify(b, b->root);
    build_close(b);
}

static void operators_are_found(void **state)
{
    (void)state;
    for (int k = WT_OP_UNKNOWN + 1; k < WT_OP_COUNT; k++) {
        const wt_op *op = wt_op_get((wt_opcode)k);
        assert_int_equal(op->code, k);
        assert_ptr_equal(wt_op_find(op->domain, op->name), op);
        assert_true(op->min_in <= op->max_in && op->min_out <= op->max_out && op->infer);
    }
    assert_ptr_equal(wt_op_find("ai.onnx", "Conv"), wt_op_get(WT_OP_CONV));
    assert_null(wt_op_find("com.microsoft", "Conv"));
    assert_null(wt_op_find("", "Con"));
    assert_null(wt_op_find("", ""));
    assert_null(wt_op_get(WT_OP_UNKNOWN));
    assert_null(wt_op_get(WT_OP_COUNT));
}

/* Everything that can run out of memory, failing at every allocation in turn. */
static wt_status life(wt_context *ctx, void *arg, wt_err *err)
{
    wt_graph *g, *clone = NULL;
    (void)arg;
    WT_TRY(build_sample(&g, ctx, err));
    wt_status st = wt_graph_sort(g, err);
    if (st == WT_OK)
        st = wt_graph_verify(g, WT_EINTERNAL, err);
    if (st == WT_OK)
        st = wt_graph_infer(g, err);
    if (st == WT_OK)
        st = wt_graph_clone(&clone, g, err);
    for (int i = 0; i < 40 && st == WT_OK; i++) { /* enough to grow tables and arrays */
        wt_value *v, *in = wt_graph_find(clone, "r");
        st = wt_graph_add_value(&v, clone, NULL, err);
        if (st == WT_OK)
            st = wt_graph_add_node(NULL, clone, clone->last, "", "Tanh", "t", &in, 1, &v, 1, NULL, err);
        if (st == WT_OK)
            st = wt_node_set_attr_int(v->producer, "k", i, err);
    }
    if (clone && st == WT_OK)
        st = wt_value_replace(wt_graph_find(clone, "a"), wt_graph_find(clone, "x"), err);
    if (clone && st == WT_OK) {
        wt_node *node = wt_graph_find(clone, "m")->producer;
        wt_graph *body = wt_node_subgraph(node, "then_branch");
        st = wt_graph_splice(body, node, err);
        if (st == WT_OK)
            st = wt_value_replace(node->out[0], body->outputs[0], err);
        if (st == WT_OK)
            wt_node_remove(node);
    }
    if (clone) { /* a failed step left a whole graph */
        wt_err other;
        const wt_status whole = wt_graph_verify(clone, WT_EINTERNAL, &other);
        assert_true(whole == WT_OK || whole == WT_ENOMEM);
        wt_graph_sweep(clone);
    }
    if (clone && st == WT_OK)
        st = wt_graph_verify(clone, WT_EINTERNAL, err);
    wt_graph_close(clone);
    wt_graph_close(g);
    return st;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(life, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_values_and_nodes),       cmocka_unit_test(refuses_second_definitions),
        cmocka_unit_test(constants_need_their_data),    cmocka_unit_test(symbols_are_found_again),
        cmocka_unit_test(inputs_and_attributes_change), cmocka_unit_test(replacing_keeps_the_outputs_name),
        cmocka_unit_test(removing_needs_no_uses),       cmocka_unit_test(subgraphs_use_what_is_around_them),
        cmocka_unit_test(a_branch_is_spliced),          cmocka_unit_test(clones_are_the_same_and_apart),
        cmocka_unit_test(order_follows_from_uses),      cmocka_unit_test(a_subgraphs_needs_are_its_owners),
        cmocka_unit_test(operators_are_found),          cmocka_unit_test(every_allocation_may_fail),
    };
    return wt_test_run("graph", tests, WT_ARRAY_LEN(tests));
}
