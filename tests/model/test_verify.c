/* test_verify.c - one broken graph for each thing the verifier promises to see. */
#include <stdlib.h>
#include "build.h"

static builder *chain(wt_node **a, wt_node **c)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "1x4");
    wt_value *w = build_const(b, b->root, "w", "4x4");
    *a = build_node(b, b->root, "MatMul", "a", x, w, END);
    *c = build_node(b, b->root, "Relu", "c", (*a)->out[0], END);
    build_output(b, b->root, (*c)->out[0]);
    build_verify(b, b->root);
    return b;
}

static void refuse(builder *b, const char *part)
{
    wt_test_refused(wt_graph_verify(b->root, WT_EINTERNAL, &b->err), WT_EINTERNAL, &b->err, part);
    wt_test_refused(wt_graph_verify(b->root, WT_EFORMAT, &b->err), WT_EFORMAT, &b->err, part);
    build_close(b);
}

static void uses_both_ways(void **state)
{
    wt_node *a, *c;
    builder *b = chain(&a, &c);
    (void)state;
    a->out[0]->n_uses = 0;
    refuse(b, "1 inputs of nodes are not counted");

    b = chain(&a, &c);
    a->in[0]->uses[0].index = 7;
    refuse(b, "'x' counts a use that is none");

    b = chain(&a, &c);
    wt_test_ok(wt_node_set_input(c, 0, a->in[0], &b->err), &b->err);
    c->in[0] = a->out[0];
    refuse(b, "'x' counts a use that is none");

    b = chain(&a, &c);
    wt_test_ok(wt_node_set_input(c, 0, a->in[0], &b->err), &b->err);
    a->in[0]->uses[1] = a->in[0]->uses[0];
    refuse(b, "counts a use twice");
}

static void definitions_and_order(void **state)
{
    wt_node *a, *c;
    builder *b = chain(&a, &c);
    wt_value *v;
    (void)state;
    wt_node_move_before(c, a);
    refuse(b, "input 'a' is defined only further down");

    b = chain(&a, &c);
    wt_test_ok(wt_graph_add_value(&v, b->root, "nobody", &b->err), &b->err);
    wt_test_ok(wt_node_set_input(c, 0, v, &b->err), &b->err);
    refuse(b, "input 'nobody' is defined nowhere");

    b = chain(&a, &c);
    c->out[0]->producer = a;
    refuse(b, "output 'c' is defined twice");

    b = chain(&a, &c);
    wt_test_ok(wt_graph_add_value(&v, b->root, "nobody", &b->err), &b->err);
    build_output(b, b->root, v);
    refuse(b, "graph output 'nobody' is defined nowhere");

    b = chain(&a, &c);
    c->out[0]->name = "a";
    refuse(b, "name 'a' is not unique");

    b = chain(&a, &c);
    b->root->n_nodes = 1;
    refuse(b, "list of nodes is broken");

    b = chain(&a, &c);
    c->prev = NULL;
    refuse(b, "list of nodes is broken");

    b = chain(&a, &c);
    a->in[1]->type.shape.dim[0] = 5;
    refuse(b, "constant 'w' has 64 bytes");

    b = chain(&a, &c);
    c->out[0]->type.shape = (wt_shape){ .rank = 1, .dim = { WT_DIM_SYMBOL(3) } };
    refuse(b, "names no symbol");
}

static void arity(void **state)
{
    wt_node *a, *c;
    builder *b = chain(&a, &c);
    (void)state;
    wt_test_ok(wt_node_set_input(c, 1, a->in[0], &b->err), &b->err);
    refuse(b, "Relu has 2 inputs, expected 1");

    b = chain(&a, &c);
    wt_test_ok(wt_node_set_input(a, 1, NULL, &b->err), &b->err);
    refuse(b, "input 1 of MatMul is missing");

    b = chain(&a, &c);
    c->source = 1234;
    wt_test_ok(wt_node_set_op(c, "", "Where", &b->err), &b->err);
    wt_test_refused(wt_graph_verify(b->root, WT_EFORMAT, &b->err), WT_EFORMAT, &b->err,
                    "Where has 1 inputs, expected 3");
    assert_int_equal(b->err.offset, 1234); /* where in the file */
    assert_string_equal(b->err.where, "Where node 'c'");
    refuse(b, "Where has 1 inputs");

    b = chain(&a, &c);
    wt_test_ok(wt_node_set_op(c, "", "TopK", &b->err), &b->err);
    wt_test_ok(wt_node_set_input(c, 1, a->in[1], &b->err), &b->err);
    refuse(b, "TopK has 1 outputs, expected 2");

    b = chain(&a, &c);
    wt_test_ok(wt_node_set_op(c, "com.example", "Anything", &b->err), &b->err); /* whatever it takes */
    build_verify(b, b->root);
    build_close(b);
}

static void optional_inputs_may_be_in_the_middle(void **state)
{
    builder *b = build_open();
    wt_value *v[12] = { NULL }, *y;
    (void)state;
    for (int i = 0; i < 12; i++)
        if (i < 3 || i > 7)
            v[i] = build_input(b, b->root, NULL, WT_F32, NULL);
    wt_test_ok(wt_graph_add_value(&y, b->root, "y", &b->err), &b->err);
    wt_test_ok(
        wt_graph_add_node(NULL, b->root, NULL, "com.microsoft", "DynamicQuantizeLSTM", "", v, 12, &y, 1, NULL, &b->err),
        &b->err);
    build_output(b, b->root, y);
    build_verify(b, b->root);
    build_close(b);
}

static void attributes(void **state)
{
    wt_node *a, *c;
    builder *b = chain(&a, &c);
    (void)state;
    wt_test_ok(wt_node_set_op(c, "", "Softmax", &b->err), &b->err);
    wt_test_ok(wt_node_set_attr_float(c, "axis", 1, &b->err), &b->err);
    refuse(b, "attribute 'axis' is a float, expected an integer");

    b = chain(&a, &c);
    wt_test_ok(wt_node_set_op(c, "", "Concat", &b->err), &b->err);
    refuse(b, "attribute 'axis' is missing, expected an integer");

    b = chain(&a, &c);
    wt_test_ok(wt_node_set_attr_int(c, "unheard_of", 1, &b->err), &b->err); /* passes and vendors have their own */
    build_verify(b, b->root);
    wt_attr twice[2] = { c->attrs.items[0], c->attrs.items[0] };
    c->attrs = (wt_attrs){ twice, 2 };
    refuse(b, "attribute 'unheard_of' is there twice");

    b = chain(&a, &c);
    wt_attr reference = { .name = "axis", .type = WT_ATTR_INT, .count = 1, .ref = "outer" };
    c->attrs = (wt_attrs){ &reference, 1 };
    refuse(b, "refers to 'outer' of a function");

    b = chain(&a, &c);
    wt_attr wrong = { .name = "axis", .type = (wt_attr_type)77, .count = 1 };
    c->attrs = (wt_attrs){ &wrong, 1 };
    refuse(b, "no name or no type");
}

static void quantization(void **state)
{
    static const float scale[] = { 0.5f, 0.25f };
    static const int32_t zero[] = { 0, 0 };
    wt_quant q = { .dtype = WT_I8, .axis = 1, .count = 2, .scale = scale, .zero_point = zero, .origin = "test" };
    wt_node *a, *c;
    builder *b = chain(&a, &c);
    (void)state;
    a->in[1]->quant = &q;
    refuse(b, "'w' has 2 scales for 4 parts");

    b = chain(&a, &c);
    q.axis = 2;
    a->in[1]->quant = &q;
    refuse(b, "axis 2 that is not there");

    b = chain(&a, &c);
    q = (wt_quant){ .dtype = WT_U8, .axis = -1, .count = 1, .scale = scale, .zero_point = zero };
    c->out[0]->quant = &q;
    build_verify(b, b->root);
    build_close(b);
}

static void subgraphs(void **state)
{
    builder *b = build_open(), *other = build_open();
    wt_value *c = build_input(b, b->root, "c", WT_BOOL, "");
    wt_node *n = build_node(b, b->root, "If", "m", c, END);
    wt_graph *one = build_sub(b, b->root), *two = build_sub(b, b->root);
    wt_value *inner = build_op(b, one, "Not", "inner", c, END);
    (void)state;
    build_output(b, one, inner);
    build_output(b, two, build_op(b, two, "Not", "inner", c, END));
    build_attr_graph(b, n, "then_branch", one);
    build_attr_graph(b, n, "else_branch", two);
    build_output(b, b->root, n->out[0]);
    build_verify(b, b->root);
    /* A value of the other branch is not in reach. */
    wt_test_ok(wt_node_set_input(two->first, 0, inner, &b->err), &b->err);
    wt_test_refused(wt_graph_verify(b->root, WT_EINTERNAL, &b->err), WT_EINTERNAL, &b->err, "does not lie");
    wt_test_ok(wt_node_set_input(two->first, 0, c, &b->err), &b->err);
    /* A value inside hides the one outside that is meant. */
    wt_value *hides = build_op(b, two, "Not", "c", two->first->out[0], END);
    wt_test_refused(wt_graph_verify(b->root, WT_EINTERNAL, &b->err), WT_EINTERNAL, &b->err, "hidden by another value");
    wt_node_remove(hides->producer);
    build_verify(b, b->root);
    build_attr_graph(b, n, "else_branch", other->root);
    wt_test_refused(wt_graph_verify(b->root, WT_EINTERNAL, &b->err), WT_EINTERNAL, &b->err, "stands in another graph");
    build_attr_graph(b, n, "else_branch", two);
    build_close(b);
    build_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uses_both_ways), cmocka_unit_test(definitions_and_order),
        cmocka_unit_test(arity),          cmocka_unit_test(optional_inputs_may_be_in_the_middle),
        cmocka_unit_test(attributes),     cmocka_unit_test(quantization),
        cmocka_unit_test(subgraphs),
    };
    return wt_test_run("verify", tests, WT_ARRAY_LEN(tests));
}
