/* test_ops_shape.c - shape rules before anything is known, and what they publish. */
#include "op_harness.h"
#include <math.h>

static void as_symbols(op_test *t, size_t i, const int64_t *dims)
{
    for (int d = 0; d < t->in[i].shape.rank; d++)
        if (dims[d] < 0)
            t->in[i].shape.dim[d] = dims[d];
}

enum { N = -2, M = -3 }; /* two symbols */

static void symbols_survive(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_ADD);
    op_in(&t, WT_F32, "?x3", NULL);
    as_symbols(&t, 0, (int64_t[]){ N, 3 });
    op_in(&t, WT_F32, "3", NULL);
    op_infer(&t, 1);
    assert_int_equal(t.out[0].shape.dim[0], N);
    op_end(&t);
    op_begin(&t, WT_OP_TRANSPOSE);
    op_in(&t, WT_F32, "?x?", NULL);
    as_symbols(&t, 0, (int64_t[]){ N, M });
    op_infer(&t, 1);
    assert_int_equal(t.out[0].shape.dim[0], M);
    assert_int_equal(t.out[0].shape.dim[1], N);
    op_end(&t);
    op_begin(&t, WT_OP_RESHAPE); /* [N, 3, 4] to [0, -1]: N stays, the rest is solved */
    op_in(&t, WT_F32, "?x3x4", NULL);
    as_symbols(&t, 0, (int64_t[]){ N, 3, 4 });
    op_i64(&t, "2", (int64_t[]){ 0, -1 });
    op_infer(&t, 1);
    assert_int_equal(t.out[0].shape.dim[0], N);
    assert_int_equal(t.out[0].shape.dim[1], 12);
    op_end(&t);
    op_begin(&t, WT_OP_RESHAPE);
    op_in(&t, WT_F32, "?x4", NULL);
    as_symbols(&t, 0, (int64_t[]){ N, 4 });
    op_i64(&t, "2", (int64_t[]){ -1, 2 });
    op_infer(&t, 1);
    assert_int_equal(t.out[0].shape.dim[0], WT_DIM_ANY);
    op_end(&t);
    op_begin(&t, WT_OP_CONCAT);
    op_int(&t, "axis", 1);
    op_in(&t, WT_F32, "?x2", NULL);
    as_symbols(&t, 0, (int64_t[]){ N, 2 });
    op_in(&t, WT_F32, "4x?", NULL);
    op_infer(&t, 1);
    op_expect_shape(&t, 0, WT_F32, "4x?");
    op_end(&t);
    op_begin(&t, WT_OP_MATMUL);
    op_in(&t, WT_F32, "?x5x?", NULL);
    as_symbols(&t, 0, (int64_t[]){ N, 5, M });
    op_in(&t, WT_F32, "7x8", NULL);
    op_infer(&t, 1);
    assert_int_equal(t.out[0].shape.dim[0], N);
    assert_int_equal(t.out[0].shape.dim[2], 8);
    op_end(&t);
    op_begin(&t, WT_OP_EINSUM);
    op_text(&t, "equation", "bi,ij->bj");
    op_in(&t, WT_F32, "?x5", NULL);
    as_symbols(&t, 0, (int64_t[]){ N, 5 });
    op_in(&t, WT_F32, "5x?", NULL);
    op_infer(&t, 1);
    assert_int_equal(t.out[0].shape.dim[0], N);
    assert_int_equal(t.out[0].shape.dim[1], WT_DIM_ANY);
    op_end(&t);
    op_begin(&t, WT_OP_RESIZE);
    op_in(&t, WT_F32, "?x3x10x?", NULL);
    as_symbols(&t, 0, (int64_t[]){ N, 3, 10, M });
    op_omit(&t);
    op_f32(&t, "4", (float[]){ 1, 1, 2, 2 });
    op_infer(&t, 1);
    assert_int_equal(t.out[0].shape.dim[0], N);
    assert_int_equal(t.out[0].shape.dim[2], 20);
    assert_int_equal(t.out[0].shape.dim[3], WT_DIM_ANY);
    op_end(&t);
    op_begin(&t, WT_OP_SLICE);
    op_in(&t, WT_F32, "?x6", NULL);
    as_symbols(&t, 0, (int64_t[]){ N, 6 });
    op_i64(&t, "1", (int64_t[]){ 2 });
    op_i64(&t, "1", (int64_t[]){ INT64_MAX });
    op_i64(&t, "1", (int64_t[]){ 1 });
    op_infer(&t, 1);
    assert_int_equal(t.out[0].shape.dim[0], N);
    assert_int_equal(t.out[0].shape.dim[1], 4);
    op_end(&t);
}

/* Every operator with inputs of which nothing is known: never an error that blames the file for it, never a crash. */
static void nothing_is_known(void **state)
{
    (void)state;
    for (int code = WT_OP_UNKNOWN + 1; code < WT_OP_COUNT; code++) {
        const wt_op *op = wt_op_get((wt_opcode)code);
        const wt_tensor unknown = { .shape = { .rank = -1 } };
        const wt_tensor *in[OP_MAX_IN];
        wt_tensor out[OP_MAX_OUT];
        const size_t n_in = op->min_in < 1 ? 0 : (size_t)op->min_in, n_out = op->min_out < 1 ? 1 : (size_t)op->min_out;
        for (size_t i = 0; i < n_in; i++)
            in[i] = &unknown;
        for (size_t i = 0; i < n_out; i++)
            out[i] = (wt_tensor){ .shape.rank = -1 };
        const wt_attrs none = { NULL, 0 };
        wt_infer c = { .op_type = op->name, .attrs = &none, .in = in, .n_in = n_in, .out = out, .n_out = n_out };
        wt_err err = { .offset = WT_NO_OFFSET };
        const wt_status st = op->infer(&c, &err);
        assert_true(st == WT_OK || (st == WT_EFORMAT && err.message[0])); /* what lacks an attribute may say so */
    }
}

static void expect_data(const op_test *t, const int64_t *want, size_t n)
{
    int64_t v;
    assert_non_null(t->out[0].data);
    for (size_t i = 0; i < n; i++) {
        assert_true(wt_tensor_int(&t->out[0], (int64_t)i, &v));
        assert_int_equal(v, want[i]);
    }
}

static void arithmetic_on_shapes_is_published(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_SHAPE);
    op_in(&t, WT_F32, "2x3x4", NULL);
    op_infer(&t, 1);
    expect_data(&t, (int64_t[]){ 2, 3, 4 }, 3);
    op_end(&t);
    op_begin(&t, WT_OP_SHAPE); /* the known part of a shape */
    op_int(&t, "start", 1);
    op_in(&t, WT_F32, "?x3x4", NULL);
    op_infer(&t, 1);
    expect_data(&t, (int64_t[]){ 3, 4 }, 2);
    op_end(&t);
    op_begin(&t, WT_OP_SHAPE);
    op_in(&t, WT_F32, "?x3x4", NULL);
    op_infer(&t, 1);
    assert_null(t.out[0].data);
    op_end(&t);
    op_begin(&t, WT_OP_GATHER);
    op_i64(&t, "3", (int64_t[]){ 2, 3, 4 });
    op_i64(&t, "scalar", (int64_t[]){ -1 });
    op_infer(&t, 1);
    op_expect_shape(&t, 0, WT_I64, "scalar");
    expect_data(&t, (int64_t[]){ 4 }, 1);
    op_end(&t);
    op_begin(&t, WT_OP_CONCAT);
    op_i64(&t, "1", (int64_t[]){ 2 });
    op_i64(&t, "2", (int64_t[]){ 3, 4 });
    op_infer(&t, 1);
    expect_data(&t, (int64_t[]){ 2, 3, 4 }, 3);
    op_end(&t);
    op_begin(&t, WT_OP_SLICE);
    op_i64(&t, "4", (int64_t[]){ 1, 2, 3, 4 });
    op_i64(&t, "1", (int64_t[]){ -1 });
    op_i64(&t, "1", (int64_t[]){ -9 });
    op_i64(&t, "1", (int64_t[]){ 0 });
    op_i64(&t, "1", (int64_t[]){ -2 });
    op_infer(&t, 1);
    expect_data(&t, (int64_t[]){ 4, 2 }, 2);
    op_end(&t);
    op_begin(&t, WT_OP_MUL);
    op_i64(&t, "2", (int64_t[]){ 3, 4 });
    op_i64(&t, "scalar", (int64_t[]){ 2 });
    op_infer(&t, 1);
    expect_data(&t, (int64_t[]){ 6, 8 }, 2);
    op_end(&t);
    op_begin(&t, WT_OP_MUL); /* what overflows is left to the kernels */
    op_i64(&t, "1", (int64_t[]){ INT64_MAX });
    op_i64(&t, "1", (int64_t[]){ 2 });
    op_infer(&t, 1);
    assert_null(t.out[0].data);
    op_end(&t);
    op_begin(&t, WT_OP_EQUAL);
    op_i64(&t, "2", (int64_t[]){ -1, 4 });
    op_i64(&t, "scalar", (int64_t[]){ -1 });
    op_infer(&t, 1);
    expect_data(&t, (int64_t[]){ 1, 0 }, 2);
    op_end(&t);
    op_begin(&t, WT_OP_WHERE);
    op_bool(&t, "2", (uint8_t[]){ 1, 0 });
    op_i64(&t, "2", (int64_t[]){ 1, 1 });
    op_i64(&t, "2", (int64_t[]){ 7, 8 });
    op_infer(&t, 1);
    expect_data(&t, (int64_t[]){ 1, 8 }, 2);
    op_end(&t);
    op_begin(&t, WT_OP_CAST);
    op_int(&t, "to", 6);
    op_i64(&t, "2", (int64_t[]){ 5, 6 });
    op_infer(&t, 1);
    expect_data(&t, (int64_t[]){ 5, 6 }, 2);
    op_end(&t);
    op_begin(&t, WT_OP_UNSQUEEZE);
    op_i64(&t, "scalar", (int64_t[]){ 5 });
    op_i64(&t, "1", (int64_t[]){ 0 });
    op_infer(&t, 1);
    op_expect_shape(&t, 0, WT_I64, "1");
    expect_data(&t, (int64_t[]){ 5 }, 1);
    op_end(&t);
    op_begin(&t, WT_OP_RANGE);
    op_i64(&t, "scalar", (int64_t[]){ 3 });
    op_i64(&t, "scalar", (int64_t[]){ 9 });
    op_i64(&t, "scalar", (int64_t[]){ 2 });
    op_infer(&t, 1);
    expect_data(&t, (int64_t[]){ 3, 5, 7 }, 3);
    op_end(&t);
    op_begin(&t, WT_OP_REDUCEPROD);
    op_i64(&t, "3", (int64_t[]){ 3, 5, 2 });
    op_infer(&t, 1);
    expect_data(&t, (int64_t[]){ 30 }, 1);
    op_end(&t);
}

static void unknown_arguments_leave_shapes_open(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_RESHAPE);
    op_in(&t, WT_F32, "2x3", NULL);
    op_in(&t, WT_I64, "3", NULL);
    op_infer(&t, 1);
    op_expect_shape(&t, 0, WT_F32, "?x?x?");
    op_end(&t);
    op_begin(&t, WT_OP_EXPAND);
    op_in(&t, WT_F32, "1x3", NULL);
    op_in(&t, WT_I64, "3", NULL);
    op_infer(&t, 1);
    op_expect_shape(&t, 0, WT_F32, "?x?x3");
    op_end(&t);
    op_begin(&t, WT_OP_REDUCESUM);
    op_in(&t, WT_F32, "2x3", NULL);
    op_in(&t, WT_I64, "1", NULL);
    op_infer(&t, 1);
    op_expect_shape(&t, 0, WT_F32, "?x?");
    op_end(&t);
    op_begin(&t, WT_OP_PAD);
    op_in(&t, WT_F32, "2x3", NULL);
    op_in(&t, WT_I64, "4", NULL);
    op_infer(&t, 1);
    op_expect_shape(&t, 0, WT_F32, "?x?");
    op_end(&t);
    op_begin(&t, WT_OP_SPLIT);
    op_in(&t, WT_F32, "6x3", NULL);
    op_in(&t, WT_I64, "2", NULL);
    op_infer(&t, 2);
    op_expect_shape(&t, 1, WT_F32, "?x3");
    op_end(&t);
    op_begin(&t, WT_OP_NONZERO);
    op_in(&t, WT_F32, "6x3", NULL);
    op_infer(&t, 1);
    op_expect_shape(&t, 0, WT_I64, "2x?");
    op_end(&t);
    op_begin(&t, WT_OP_TOPK);
    op_in(&t, WT_F32, "6x3", NULL);
    op_in(&t, WT_I64, "1", NULL);
    op_infer(&t, 2);
    op_expect_shape(&t, 1, WT_I64, "6x?");
    op_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symbols_survive),
        cmocka_unit_test(nothing_is_known),
        cmocka_unit_test(arithmetic_on_shapes_is_published),
        cmocka_unit_test(unknown_arguments_leave_shapes_open),
    };
    return wt_test_run("shape rules", tests, WT_ARRAY_LEN(tests));
}
