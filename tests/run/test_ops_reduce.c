/* test_ops_reduce.c - reductions, extrema, softmax, running sums. */
#include "op_harness.h"
#include <math.h>

static const struct {
    wt_opcode op;
    int kind;
} reductions[] = { { WT_OP_REDUCESUM, 0 },      { WT_OP_REDUCEMEAN, 1 },      { WT_OP_REDUCEPROD, 2 },
                   { WT_OP_REDUCEMAX, 3 },      { WT_OP_REDUCEMIN, 4 },       { WT_OP_REDUCEL1, 5 },
                   { WT_OP_REDUCEL2, 6 },       { WT_OP_REDUCESUMSQUARE, 7 }, { WT_OP_REDUCELOGSUM, 8 },
                   { WT_OP_REDUCELOGSUMEXP, 9 } };

static double fold(int kind, double acc, double x)
{
    switch (kind) {
    case 2: return acc * x;
    case 3: return x > acc ? x : acc;
    case 4: return x < acc ? x : acc;
    case 5: return acc + fabs(x);
    case 6:
    case 7: return acc + x * x;
    case 9: return acc + exp(x);
    default: return acc + x;
    }
}

static double finish(int kind, double acc, double n)
{
    return kind == 1 ? acc / n : kind == 6 ? sqrt(acc) : kind >= 8 ? log(acc) : acc;
}

/* All subsets of the axes of a tensor of rank 4, every reduction, against plain loops in double. */
static void all_axes(void **state)
{
    static const int64_t dim[4] = { 2, 9, 1, 19 };
    (void)state;
    for (size_t k = 0; k < WT_ARRAY_LEN(reductions); k++)
        for (unsigned set = 1; set < 16; set++) {
            const int kind = reductions[k].kind;
            const wt_dtype type = k % 2 ? WT_F32 : WT_F64;
            double acc[2 * 9 * 19], n = 1, x, y;
            int64_t axes[4], n_axes = 0;
            op_test t;
            for (int d = 0; d < 4; d++)
                if (set >> d & 1) {
                    axes[n_axes++] = d;
                    n *= (double)dim[d];
                }
            for (size_t i = 0; i < WT_ARRAY_LEN(acc); i++)
                acc[i] = kind == 2 ? 1 : kind == 3 ? -INFINITY : kind == 4 ? INFINITY : 0;
            op_begin(&t, reductions[k].op);
            op_random(&t, type, "2x9x1x19", 0.5, 1.5, set);
            char shape[8] = { (char)('0' + n_axes) };
            op_i64(&t, shape, axes);
            op_run(&t, 1);
            for (int64_t i = 0; i < 2 * 9 * 19; i++) {
                int64_t rest = i, at = 0, step = 1;
                for (int d = 3; d >= 0; d--) {
                    at += set >> d & 1 ? 0 : rest % dim[d] * step;
                    step *= set >> d & 1 ? 1 : dim[d];
                    rest /= dim[d];
                }
                wt_tensor_double(&t.in[0], i, &x);
                acc[at] = fold(kind, acc[at], x);
            }
            const int64_t outputs = wt_shape_product(&t.out[0].shape, 0, 4);
            for (int64_t i = 0; i < outputs; i++) {
                const double want = finish(kind, acc[i], n);
                wt_tensor_double(&t.out[0], i, &y);
                if (!(fabs(y - want) <= 2e-6 * (fabs(want) + 1)))
                    fail_msg("%s over axes %x: %g, expected %g", t.kernel, set, y, want);
            }
            op_end(&t);
        }
}

static void long_rows_are_exact_enough(void **state)
{
    op_test t;
    double want = 0, x;
    (void)state;
    op_begin(&t, WT_OP_REDUCESUM);
    op_random(&t, WT_F32, "2x300000", 0, 1, 1);
    op_i64(&t, "1", (int64_t[]){ 1 });
    op_int(&t, "keepdims", 0);
    op_run(&t, 1);
    assert_true(t.threaded);
    for (int64_t i = 0; i < 300000; i++) {
        wt_tensor_double(&t.in[0], i, &x);
        want += x;
    }
    assert_true(fabs((double)op_at(&t, 0, 0) - want) <= 1e-7 * want);
    op_end(&t);
    op_begin(&t, WT_OP_REDUCEMEAN);
    op_random(&t, WT_F32, "3x100x700", -1, 1, 1);
    op_i64(&t, "2", (int64_t[]){ 0, 1 });
    op_run(&t, 1);
    assert_true(t.threaded);
    op_expect_shape(&t, 0, WT_F32, "1x1x700");
    op_end(&t);
}

static void reductions_of_integers(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_REDUCEMAX);
    op_in(&t, WT_U64, "3", (uint64_t[]){ 1, UINT64_MAX, 5 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_U64, "1", (uint64_t[]){ UINT64_MAX });
    op_end(&t);
    op_begin(&t, WT_OP_REDUCEMIN);
    op_bool(&t, "2x2", (uint8_t[]){ 1, 1, 0, 1 });
    op_i64(&t, "1", (int64_t[]){ 1 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_BOOL, "2x1", (uint8_t[]){ 1, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_REDUCESUM);
    op_i32(&t, "2", (int32_t[]){ INT32_MAX, 1 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I32, "1", (int32_t[]){ INT32_MIN });
    op_end(&t);
    op_begin(&t, WT_OP_REDUCEMEAN);
    op_i64(&t, "3", (int64_t[]){ -1, -2, -4 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "1", (int64_t[]){ -2 });
    op_end(&t);
    op_begin(&t, WT_OP_REDUCEPROD);
    op_in(&t, WT_I8, "0", "");
    op_run(&t, 1);
    op_expect(&t, 0, WT_I8, "1", (int8_t[]){ 1 });
    op_end(&t);
    op_begin(&t, WT_OP_REDUCEMAX);
    op_in(&t, WT_I16, "0x2", "");
    op_i64(&t, "1", (int64_t[]){ 0 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I16, "1x2", (int16_t[]){ INT16_MIN, INT16_MIN });
    op_end(&t);
}

static void corners_of_reductions(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_REDUCESUMSQUARE); /* no axes: what is not reduction still happens */
    op_int(&t, "noop_with_empty_axes", 1);
    op_f32(&t, "3", (float[]){ 1, 2, 3 });
    op_i64(&t, "0", (int64_t[]){ 0 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "3", (float[]){ 1, 4, 9 });
    op_end(&t);
    op_begin(&t, WT_OP_REDUCELOGSUMEXP);
    op_f32(&t, "2x2", (float[]){ 1000, 1000, -INFINITY, -INFINITY });
    op_i64(&t, "1", (int64_t[]){ -1 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x1", (float[]){ 1000.6931f, -INFINITY });
    op_end(&t);
    op_begin(&t, WT_OP_REDUCEMAX);
    op_f32(&t, "18", (float[]){ 1, 2, 3, 4, 5, 6, NAN, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 99 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1", (float[]){ NAN });
    op_end(&t);
    op_begin(&t, WT_OP_REDUCESUM);
    op_f32(&t, "scalar", (float[]){ 3 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "scalar", (float[]){ 3 });
    op_end(&t);
    op_begin(&t, WT_OP_REDUCESUM);
    op_f32(&t, "2x2", (float[]){ 1, 2, 3, 4 });
    op_i64(&t, "1", (int64_t[]){ 2 });
    op_refused(&t, 1, WT_EFORMAT, "does not exist");
    op_end(&t);
    op_begin(&t, WT_OP_REDUCESUM);
    op_f32(&t, "2x2", (float[]){ 1, 2, 3, 4 });
    op_i64(&t, "2", (int64_t[]){ 0, -2 });
    op_refused(&t, 1, WT_EFORMAT, "given twice");
    op_end(&t);
}

static void extrema(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_ARGMAX);
    op_int(&t, "axis", 1);
    op_f32(&t, "2x3", (float[]){ 1, 5, 5, 2, 2, 1 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "2x1", (int64_t[]){ 1, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_ARGMIN);
    op_int(&t, "axis", 0);
    op_int(&t, "keepdims", 0);
    op_int(&t, "select_last_index", 1);
    op_i64(&t, "3x2", (int64_t[]){ 1, 5, 0, 5, 0, 6 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "2", (int64_t[]){ 2, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_ARGMAX);
    op_in(&t, WT_F16, "3", (uint16_t[]){ 0x3c00, 0x4000, 0x0000 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "1", (int64_t[]){ 1 });
    op_end(&t);
    op_begin(&t, WT_OP_ARGMAX);
    op_f32(&t, "0x2", (float[]){ 0 });
    op_refused(&t, 1, WT_EFORMAT, "empty");
    op_end(&t);
}

static void top_k(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_TOPK);
    op_f32(&t, "2x5", (float[]){ 3, 1, 3, -0.0f, 0, 9, 8, 7, 6, 5 });
    op_i64(&t, "1", (int64_t[]){ 3 });
    op_run(&t, 2);
    op_expect_f32(&t, 0, "2x3", (float[]){ 3, 3, 1, 9, 8, 7 });
    op_expect_i64(&t, 1, "2x3", (int64_t[]){ 0, 2, 1, 0, 1, 2 });
    op_end(&t);
    op_begin(&t, WT_OP_TOPK); /* the smallest, along the first axis; equal ones by position */
    op_int(&t, "axis", 0);
    op_int(&t, "largest", 0);
    op_in(&t, WT_U64, "3x1", (uint64_t[]){ UINT64_MAX, 1, 1 });
    op_i64(&t, "1", (int64_t[]){ 2 });
    op_run(&t, 2);
    op_expect(&t, 0, WT_U64, "2x1", (uint64_t[]){ 1, 1 });
    op_expect_i64(&t, 1, "2x1", (int64_t[]){ 1, 2 });
    op_end(&t);
    op_begin(&t, WT_OP_TOPK);
    op_random(&t, WT_F32, "3x20000", -1, 1, 1);
    op_i64(&t, "1", (int64_t[]){ 700 });
    op_run(&t, 2);
    assert_true(t.threaded);
    for (size_t i = 1; i < 700; i++)
        assert_true(op_at(&t, 0, i - 1) >= op_at(&t, 0, i));
    op_end(&t);
    op_begin(&t, WT_OP_TOPK);
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_i64(&t, "1", (int64_t[]){ 3 });
    op_refused(&t, 2, WT_EFORMAT, "k is 3");
    op_end(&t);
    op_begin(&t, WT_OP_TOPK);
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_i64(&t, "1", (int64_t[]){ -1 });
    op_refused(&t, 2, WT_EFORMAT, "k is -1");
    op_end(&t);
    op_begin(&t, WT_OP_TOPK);
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_i64(&t, "1", (int64_t[]){ 0 });
    op_run(&t, 2);
    op_expect_shape(&t, 1, WT_I64, "0");
    op_end(&t);
}

/* Along every axis, with rows and with strips, against double. */
static void softmax(void **state)
{
    static const wt_opcode ops[] = { WT_OP_SOFTMAX, WT_OP_LOGSOFTMAX };
    static const wt_dtype types[] = { WT_F32, WT_F64, WT_F16 };
    static const int64_t dim[3] = { 3, 37, 70 };
    (void)state;
    for (size_t o = 0; o < 2; o++)
        for (size_t k = 0; k < WT_ARRAY_LEN(types); k++)
            for (int axis = 0; axis < 3; axis++) {
                op_test t;
                double x, y;
                op_begin(&t, ops[o]);
                op_int(&t, "axis", axis - 3);
                op_random(&t, types[k], "3x37x70", -30, 30, 7);
                op_run(&t, 1);
                int64_t inner = 1;
                for (int d = axis + 1; d < 3; d++)
                    inner *= dim[d];
                for (int64_t i = 0; i < 3 * 37 * 70; i += 11) {
                    const int64_t first = i / (inner * dim[axis]) * inner * dim[axis] + i % inner;
                    double max = -1e9, sum = 0, own = 0;
                    for (int64_t j = 0; j < dim[axis]; j++) {
                        wt_tensor_double(&t.in[0], first + j * inner, &x);
                        max = x > max ? x : max;
                    }
                    for (int64_t j = 0; j < dim[axis]; j++) {
                        wt_tensor_double(&t.in[0], first + j * inner, &x);
                        sum += exp(x - max);
                    }
                    wt_tensor_double(&t.in[0], i, &own);
                    wt_tensor_double(&t.out[0], i, &y);
                    const double want = o ? own - max - log(sum) : exp(own - max) / sum;
                    if (!(fabs(y - want) <= (types[k] == WT_F16 ? 2e-3 : 6e-6) * (fabs(want) + (o ? 0.1 : 0.01))))
                        fail_msg("%s axis %d: %.9g, expected %.9g", t.kernel, axis, y, want);
                }
                op_end(&t);
            }
    op_test t;
    op_begin(&t, WT_OP_HARDMAX);
    op_int(&t, "axis", 0);
    op_f32(&t, "2x3", (float[]){ 1, 5, 2, 1, 4, 3 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x3", (float[]){ 1, 1, 0, 0, 0, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_SOFTMAX);
    op_f32(&t, "1x3", (float[]){ 1000, 1000, -1000 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x3", (float[]){ 0.5f, 0.5f, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_SOFTMAX);
    op_int(&t, "axis", 5);
    op_f32(&t, "1x3", (float[]){ 1, 2, 3 });
    op_refused(&t, 1, WT_EFORMAT, "axis does not exist");
    op_end(&t);
    op_begin(&t, WT_OP_SOFTMAX);
    op_random(&t, WT_F32, "300x100", -3, 3, 7);
    op_run(&t, 1);
    assert_true(t.threaded);
    op_end(&t);
}

static void running_sums(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_CUMSUM);
    op_int(&t, "exclusive", 1);
    op_int(&t, "reverse", 1);
    op_f32(&t, "2x3", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_i32(&t, "scalar", (int32_t[]){ 1 });
    op_hide(&t);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x3", (float[]){ 5, 3, 0, 11, 6, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_CUMSUM);
    op_i64(&t, "2x2", (int64_t[]){ 1, INT64_MAX, 3, 1 });
    op_i64(&t, "1", (int64_t[]){ -2 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "2x2", (int64_t[]){ 1, INT64_MAX, 4, INT64_MIN });
    op_end(&t);
    op_begin(&t, WT_OP_CUMSUM);
    op_i64(&t, "2x2", (int64_t[]){ 1, 2, 3, 4 });
    op_i64(&t, "1", (int64_t[]){ 2 });
    op_refused(&t, 1, WT_EFORMAT, "axis 2");
    op_end(&t);
    op_begin(&t, WT_OP_CUMPROD);
    op_int(&t, "exclusive", 1);
    op_int(&t, "reverse", 1);
    op_f32(&t, "2x3", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_i64(&t, "1", (int64_t[]){ -1 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x3", (float[]){ 6, 3, 1, 30, 6, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_CUMSUM);
    op_random(&t, WT_F32, "4x300x100", -3, 3, 7);
    op_i64(&t, "scalar", (int64_t[]){ 1 });
    op_run(&t, 1);
    assert_true(t.threaded);
    op_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_axes),
        cmocka_unit_test(long_rows_are_exact_enough),
        cmocka_unit_test(reductions_of_integers),
        cmocka_unit_test(corners_of_reductions),
        cmocka_unit_test(extrema),
        cmocka_unit_test(top_k),
        cmocka_unit_test(softmax),
        cmocka_unit_test(running_sums),
    };
    return wt_test_run("reductions", tests, WT_ARRAY_LEN(tests));
}
