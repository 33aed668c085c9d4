/* test_passes.c - passes by what they promise: the same numbers from another graph. Every graph runs node by node
 * before and after, on the same numbers, and both results must agree. */
#include "model/build.h"
#include <math.h>
#include "run/native/eval.h"
#include "run/passes/pass.h"

enum { MOST_VALUES = 256 };

typedef struct check {
    builder *b;
    wt_arena arena;
    uint64_t seed;
    const wt_value *inputs[4];
    wt_tensor given[4];
    size_t n_given;
} check;

static void begin(check *c)
{
    *c = (check){ .b = build_open(), .seed = 7 };
    wt_arena_init(&c->arena, c->b->ctx);
}

static void end(check *c)
{
    wt_arena_free(&c->arena);
    build_close(c->b);
}

static uint32_t draw(check *c)
{
    c->seed = c->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(c->seed >> 33);
}

/* Numbers for the next input of the graph, of a shape without symbols: floats in -2..2, integers in -5..20. */
static void give(check *c, const wt_value *input, const char *shape)
{
    int64_t n;
    wt_tensor t = { .dtype = input->type.dtype, .shape = build_shape(c->b, shape) };
    assert_true(wt_shape_count(&t.shape, &n));
    const bool wide = t.dtype == WT_I64;
    t.bytes = (size_t)n * (wide ? 8 : 4);
    uint64_t *data = wt_arena_alloc(&c->arena, (size_t)n, 8, NULL);
    assert_non_null(data);
    for (int64_t i = 0; i < n; i++) {
        const int32_t k = (int32_t)(draw(c) % 26) - 5;
        if (t.dtype == WT_F32)
            ((float *)(void *)data)[i] = (float)(draw(c) % 4001) / 1000 - 2;
        else if (wide)
            ((int64_t *)(void *)data)[i] = k;
        else
            ((int32_t *)(void *)data)[i] = k;
    }
    t.data = data;
    c->inputs[c->n_given] = input;
    c->given[c->n_given++] = t;
}

/* The graph's only result, node by node; inputs are found by name, for the graph may be a clone. */
static wt_tensor run(check *c, const wt_graph *g)
{
    wt_tensor values[MOST_VALUES];
    const wt_eval e = { c->b->ctx, 0, NULL, &c->arena, 0 };
    assert_true(g->next_value_id < MOST_VALUES);
    for (size_t i = 0; i < g->n_inputs; i++)
        for (size_t k = 0; k < c->n_given; k++)
            if (!strcmp(g->inputs[i]->name, c->inputs[k]->name))
                values[g->inputs[i]->id] = c->given[k];
    for (const wt_node *n = g->first; n; n = n->next) {
        const wt_tensor *in[8] = { NULL };
        wt_tensor out[4];
        for (size_t i = 0; i < n->n_in; i++)
            in[i] = !n->in[i] ? NULL : wt_value_is_const(n->in[i]) ? &n->in[i]->type : &values[n->in[i]->id];
        wt_test_ok(wt_eval_node(&e, n, in, out, &c->b->err), &c->b->err);
        for (size_t o = 0; o < n->n_out; o++)
            values[n->out[o]->id] = out[o];
    }
    return values[g->outputs[0]->id];
}

static size_t count_of(const wt_graph *g, wt_opcode code)
{
    size_t n = 0;
    for (const wt_node *node = g->first; node; node = node->next)
        n += wt_node_is(node, code);
    return n;
}

static void expect_same(const wt_tensor *want, const wt_tensor *got)
{
    int64_t n;
    assert_true(wt_shape_equal(&want->shape, &got->shape) && wt_shape_count(&want->shape, &n));
    assert_int_equal(want->dtype, WT_F32);
    for (int64_t i = 0; i < n; i++) {
        double a, b;
        assert_true(wt_tensor_double(want, i, &a) && wt_tensor_double(got, i, &b));
        if (!(fabs(a - b) <= 1e-5 * fmax(1, fabs(a))))
            fail_msg("element %lld is %.9g, was %.9g", (long long)i, b, a);
    }
}

/* Applies the portable passes to the graph, whose result must stay the same. */
static void rewrite(check *c)
{
    wt_graph *before;
    wt_pass_ctx pc = { .ctx = c->b->ctx };
    build_verify(c->b, c->b->root);
    wt_test_ok(wt_graph_clone(&before, c->b->root, &c->b->err), &c->b->err);
    const wt_tensor want = run(c, before);
    wt_graph_close(before);
    wt_test_ok(wt_passes_run(&pc, c->b->root, true, NULL, NULL, 0, &c->b->err), &c->b->err);
    build_verify(c->b, c->b->root);
    const wt_tensor got = run(c, c->b->root);
    expect_same(&want, &got);
}

static wt_value *scalar_of(check *c, float v)
{
    wt_value *out;
    wt_test_ok(wt_graph_add_const_f32(&out, c->b->root, NULL, &v, 1, true, &c->b->err), &c->b->err);
    return out;
}

/* --- target shapes with a symbol
 * -------------------------------------------------------------------------------------- */
/* [N, rest...] as exporters write it: the first dimension of x's shape, then numbers. */
static wt_value *batch_and(check *c, wt_value *x, wt_value *rest)
{
    wt_graph *g = c->b->root;
    wt_value *shape = build_op(c->b, g, "Shape", NULL, x, END), *zero = INTS(c->b, g, NULL, 0),
             *one = INTS(c->b, g, NULL, 1);
    wt_value *first = build_op(c->b, g, "Slice", NULL, shape, zero, one, zero, END);
    wt_node *join = build_node(c->b, g, "Concat", NULL, first, rest, END);
    wt_test_ok(wt_node_set_attr_int(join, "axis", 0, &c->b->err), &c->b->err);
    return join->out[0];
}

static void a_symbolic_batch_makes_constant_targets(void **state)
{
    check c;
    (void)state;
    begin(&c);
    wt_graph *g = c.b->root;
    wt_value *x = build_input(c.b, g, "x", WT_F32, "Nx12");
    wt_value *r = build_op(c.b, g, "Reshape", NULL, x, batch_and(&c, x, INTS(c.b, g, NULL, 3, 4)), END);
    wt_value *e = build_op(c.b, g, "Expand", NULL, r, batch_and(&c, x, INTS(c.b, g, NULL, 1, 4)), END);
    wt_value *y = build_op(c.b, g, "Relu", "y", e, END);
    build_output(c.b, g, y);
    give(&c, x, "5x12");
    rewrite(&c);
    assert_int_equal(count_of(g, WT_OP_SHAPE), 0);
    assert_int_equal(count_of(g, WT_OP_EXPAND), 0);
    assert_type(y, "float32[Nx3x4]");
    end(&c);
}

static void a_target_that_stretches_stays(void **state)
{
    check c;
    (void)state;
    begin(&c);
    wt_graph *g = c.b->root;
    wt_value *x = build_input(c.b, g, "x", WT_F32, "Nx1");
    wt_value *y = build_op(c.b, g, "Expand", "y", x, batch_and(&c, x, INTS(c.b, g, NULL, 6)), END);
    build_output(c.b, g, y);
    give(&c, x, "3x1");
    rewrite(&c);
    assert_int_equal(count_of(g, WT_OP_EXPAND), 1);
    end(&c);
}

/* --- one-hot products
 * ------------------------------------------------------------------------------------------------- */
static wt_value *one_hot(check *c, wt_value *index, const int64_t *range, size_t n)
{
    wt_graph *g = c->b->root;
    wt_value *kinds = build_ints(c->b, g, NULL, n, range);
    wt_node *cast = build_node(c->b, g, "Cast", NULL, build_op(c->b, g, "Equal", NULL, index, kinds, END), END);
    wt_test_ok(wt_node_set_attr_int(cast, "to", 1, &c->b->err), &c->b->err);
    return cast->out[0];
}

static void a_one_hot_product_is_a_table(void **state)
{
    static const int64_t range[] = { 0, 1, 2, 3, 4, 5 };
    check c;
    (void)state;
    begin(&c);
    wt_graph *g = c.b->root;
    wt_value *x = build_input(c.b, g, "x", WT_I64, "Nx40x1"); /* some below 0, some above 5 */
    wt_value *product = build_op(c.b, g, "MatMul", NULL, one_hot(&c, x, range, 6), build_const(c.b, g, NULL, "6x3"),
                                 END);
    wt_value *sum = build_op(c.b, g, "Add", NULL, product, build_const(c.b, g, NULL, "1x1x3"), END);
    wt_value *y = build_op(c.b, g, "Tanh", "y", build_op(c.b, g, "Mul", NULL, scalar_of(&c, 3), sum, END), END);
    build_output(c.b, g, y);
    give(&c, x, "2x40x1");
    rewrite(&c);
    assert_int_equal(count_of(g, WT_OP_GATHER), 1);
    assert_int_equal(count_of(g, WT_OP_MATMUL) + count_of(g, WT_OP_ADD) + count_of(g, WT_OP_TANH), 0);
    assert_type(y, "float32[Nx40x3]");
    end(&c);
}

static void a_range_out_of_order_is_no_table(void **state)
{
    static const int64_t range[] = { 0, 2, 1, 3 };
    check c;
    (void)state;
    begin(&c);
    wt_graph *g = c.b->root;
    wt_value *x = build_input(c.b, g, "x", WT_I64, "9x1");
    wt_value *y = build_op(c.b, g, "MatMul", "y", one_hot(&c, x, range, 4), build_const(c.b, g, NULL, "4x3"), END);
    build_output(c.b, g, y);
    give(&c, x, "9x1");
    rewrite(&c);
    assert_int_equal(count_of(g, WT_OP_MATMUL), 1);
    end(&c);
}

static void a_large_table_is_left_alone(void **state)
{
    check c;
    (void)state;
    begin(&c);
    wt_graph *g = c.b->root;
    wt_value *x = build_input(c.b, g, "x", WT_I64, "1x3");
    wt_value *rows = build_op(c.b, g, "Gather", NULL, build_const(c.b, g, NULL, "30x2"), x, END);
    wt_value *y = build_op(c.b, g, "Exp", "y", rows, END);
    build_output(c.b, g, y);
    give(&c, x, "1x3");
    rewrite(&c);
    assert_ptr_equal(y->producer->op, wt_op_get(WT_OP_EXP));
    end(&c);
}

/* --- axes of one
 * ------------------------------------------------------------------------------------------------------ */
static void a_convolution_loses_its_axis_of_one(void **state)
{
    check c;
    (void)state;
    begin(&c);
    wt_graph *g = c.b->root;
    wt_value *three = INTS(c.b, g, NULL, 3), *x = build_input(c.b, g, "x", WT_F32, "Nx9x4");
    wt_node *turn = build_node(c.b, g, "Transpose", NULL, build_op(c.b, g, "Unsqueeze", NULL, x, three, END), END);
    build_attr_ints(c.b, turn, "perm", 4, (const int64_t[]){ 0, 2, 1, 3 });
    wt_node *conv = build_node(c.b, g, "Conv", NULL, turn->out[0], build_const(c.b, g, NULL, "5x4x3x1"), END);
    build_attr_ints(c.b, conv, "kernel_shape", 2, (const int64_t[]){ 3, 1 });
    build_attr_ints(c.b, conv, "pads", 4, (const int64_t[]){ 2, 0, 1, 0 });
    build_attr_ints(c.b, conv, "strides", 2, (const int64_t[]){ 2, 7 });
    wt_value *flat = build_op(c.b, g, "Squeeze", NULL, conv->out[0], three, END);
    wt_value *y = build_op(c.b, g, "Add", "y", flat, build_const(c.b, g, NULL, "1x5x1"), END);
    build_output(c.b, g, y);
    give(&c, x, "2x9x4");
    rewrite(&c);
    assert_int_equal(count_of(g, WT_OP_SQUEEZE) + count_of(g, WT_OP_UNSQUEEZE) + count_of(g, WT_OP_ADD), 0);
    assert_type(y, "float32[Nx5x5]");
    end(&c);
}

static void a_padded_axis_of_one_stays(void **state)
{
    check c;
    (void)state;
    begin(&c);
    wt_graph *g = c.b->root;
    wt_value *x = build_input(c.b, g, "x", WT_F32, "1x2x9x1");
    wt_node *conv = build_node(c.b, g, "Conv", NULL, x, build_const(c.b, g, NULL, "5x2x3x1"), END);
    build_attr_ints(c.b, conv, "pads", 4, (const int64_t[]){ 0, 1, 0, 1 });
    build_attr_ints(c.b, conv, "strides", 2, (const int64_t[]){ 1, 3 });
    wt_value *y = build_op(c.b, g, "Squeeze", "y", conv->out[0], INTS(c.b, g, NULL, 3), END);
    build_output(c.b, g, y);
    give(&c, x, "1x2x9x1");
    rewrite(&c);
    assert_int_equal(count_of(g, WT_OP_SQUEEZE), 1);
    end(&c);
}

/* --- normalization by the mean of squares
 * ----------------------------------------------------------------------------- */
static wt_value *sum_along(check *c, wt_value *x, int64_t axis)
{
    wt_node *n = build_node(c->b, c->b->root, "ReduceSum", NULL, x, build_ints(c->b, c->b->root, NULL, 1, &axis), END);
    wt_test_ok(wt_node_set_attr_int(n, "keepdims", 0, &c->b->err), &c->b->err);
    return n->out[0];
}

/* As JAX writes it, with 1/`count` for the means. */
static wt_value *fast_norm(check *c, wt_value *x, int64_t axis, float count, const char *vector)
{
    builder *b = c->b;
    wt_graph *g = b->root;
    wt_value *k = scalar_of(c, 1 / count), *at = build_ints(b, g, NULL, 1, &axis);
    wt_value *mean = build_op(b, g, "Mul", NULL, sum_along(c, x, axis), k, END);
    wt_value *squares = build_op(b, g, "Mul", NULL, sum_along(c, build_op(b, g, "Mul", NULL, x, x, END), axis), k, END);
    wt_value *v = build_op(b, g, "Sub", NULL, squares, build_op(b, g, "Mul", NULL, mean, mean, END), END);
    v = build_op(b, g, "Unsqueeze", NULL, build_op(b, g, "Max", NULL, scalar_of(c, 0), v, END), at, END);
    v = build_op(b, g, "Sqrt", NULL, build_op(b, g, "Add", NULL, v, scalar_of(c, 1e-3f), END), END);
    wt_value *gain = build_const(b, g, NULL, vector), *bias = build_const(b, g, NULL, vector);
    wt_value *factor = build_op(b, g, "Mul", NULL, build_op(b, g, "Reciprocal", NULL, v, END), gain, END);
    wt_value *centred = build_op(b, g, "Sub", NULL, x, build_op(b, g, "Unsqueeze", NULL, mean, at, END), END);
    return build_op(b, g, "Add", "y", build_op(b, g, "Mul", NULL, centred, factor, END), bias, END);
}

static void norm_case(int64_t axis, float count, const char *vector, size_t norms, size_t turns)
{
    check c;
    begin(&c);
    wt_value *x = build_input(c.b, c.b->root, "x", WT_F32, "Nx6x4"), *y = fast_norm(&c, x, axis, count, vector);
    build_output(c.b, c.b->root, y);
    give(&c, x, "3x6x4");
    rewrite(&c);
    assert_int_equal(count_of(c.b->root, WT_OP_LAYERNORMALIZATION), norms);
    assert_int_equal(count_of(c.b->root, WT_OP_TRANSPOSE), turns);
    assert_type(y, "float32[Nx6x4]");
    end(&c);
}

static void a_norm_of_the_last_axis_is_the_operator(void **state)
{
    (void)state;
    norm_case(2, 4, "1x1x4", 1, 0);
}

static void a_norm_of_another_axis_is_turned(void **state)
{
    (void)state;
    norm_case(1, 6, "1x6x1", 1, 2);
}

static void a_mean_by_another_count_is_no_norm(void **state)
{
    (void)state;
    norm_case(2, 5, "1x1x4", 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_symbolic_batch_makes_constant_targets),
        cmocka_unit_test(a_target_that_stretches_stays),
        cmocka_unit_test(a_one_hot_product_is_a_table),
        cmocka_unit_test(a_range_out_of_order_is_no_table),
        cmocka_unit_test(a_large_table_is_left_alone),
        cmocka_unit_test(a_convolution_loses_its_axis_of_one),
        cmocka_unit_test(a_padded_axis_of_one_stays),
        cmocka_unit_test(a_norm_of_the_last_axis_is_the_operator),
        cmocka_unit_test(a_norm_of_another_axis_is_turned),
        cmocka_unit_test(a_mean_by_another_count_is_no_norm),
    };
    return wt_test_run("passes", tests, WT_ARRAY_LEN(tests));
}
