/* test_tensor.c - element types, shapes, tensors. */
#include <stdlib.h>
#include "model/tensor.h"
#include "support/test.h"

static void dtypes_have_rows(void **state)
{
    (void)state;
    for (int t = WT_DTYPE_NONE + 1; t < WT_DTYPE_COUNT; t++) {
        const wt_dtype_info *info = wt_dtype_get((wt_dtype)t);
        assert_true(info->block_len >= 1 && info->block_bytes >= 1);
        assert_int_equal(wt_dtype_from_name(info->name), t);
        if (wt_dtype_is_block((wt_dtype)t)) /* the standard has no such element */
            assert_int_equal(info->onnx_code, 0);
        else
            assert_int_equal(wt_dtype_from_onnx(info->onnx_code), t);
        assert_string_equal(wt_dtype_name((wt_dtype)t), info->name);
    }
    assert_int_equal(wt_dtype_from_onnx(0), WT_DTYPE_NONE);
    assert_int_equal(wt_dtype_from_onnx(-1), WT_DTYPE_NONE);
    assert_int_equal(wt_dtype_from_onnx(INT64_MAX), WT_DTYPE_NONE);
    assert_int_equal(wt_dtype_from_name("float"), WT_DTYPE_NONE);
    assert_int_equal(wt_dtype_from_name(NULL), WT_DTYPE_NONE);
    assert_string_equal(wt_dtype_name((wt_dtype)999), "unknown");
    assert_string_equal(wt_dtype_name(WT_DTYPE_NONE), "?");
}

static void bytes_round_up_to_blocks(void **state)
{
    size_t n;
    (void)state;
    assert_true(wt_dtype_bytes(WT_I4, 0, &n) && n == 0);
    assert_true(wt_dtype_bytes(WT_I4, 1, &n) && n == 1);
    assert_true(wt_dtype_bytes(WT_I4, 3, &n) && n == 2);
    assert_true(wt_dtype_bytes(WT_U2, 5, &n) && n == 2);
    assert_true(wt_dtype_bytes(WT_F64, 3, &n) && n == 24);
    assert_false(wt_dtype_bytes(WT_F64, UINT64_MAX / 4, &n));
    assert_false(wt_dtype_bytes(WT_DTYPE_NONE, 1, &n));
}

static void shapes_count_without_overflow(void **state)
{
    const int64_t big[] = { INT64_MAX, 2 }, zero[] = { INT64_MAX, INT64_MAX, 0 }, some[] = { 2, 3, 4 };
    int64_t n = -1;
    wt_shape s = wt_shape_make(0, NULL);
    (void)state;
    assert_true(wt_shape_count(&s, &n) && n == 1);
    s = wt_shape_make(3, some);
    assert_true(wt_shape_count(&s, &n) && n == 24 && wt_shape_product(&s, 1, 3) == 12);
    s = wt_shape_make(2, big);
    assert_false(wt_shape_count(&s, &n));
    s = wt_shape_make(3, zero); /* nothing, however large the other dims are */
    assert_true(wt_shape_count(&s, &n) && n == 0);
    s.dim[1] = WT_DIM_ANY;
    assert_false(wt_shape_count(&s, &n));
    s.rank = -1;
    assert_false(wt_shape_count(&s, &n));
    assert_int_equal(wt_shape_make(9, some).rank, -1);
}

static void shapes_print(void **state)
{
    const char *const symbols[] = { "N", "width" };
    const wt_shape s = { .rank = 4, .dim = { WT_DIM_SYMBOL(0), 3, WT_DIM_ANY, WT_DIM_SYMBOL(1) } };
    const wt_shape scalar = { .rank = 0 }, unknown = { .rank = -1 };
    char text[32], little[4];
    (void)state;
    assert_string_equal(wt_shape_text(&s, symbols, text, sizeof text), "Nx3x?xwidth");
    assert_string_equal(wt_shape_text(&s, NULL, text, sizeof text), "?x3x?x?");
    assert_string_equal(wt_shape_text(&scalar, NULL, text, sizeof text), "scalar");
    assert_string_equal(wt_shape_text(&unknown, NULL, text, sizeof text), "?");
    assert_string_equal(wt_shape_text(&s, symbols, little, sizeof little), "Nx3");
}

static wt_shape shape(int rank, int64_t a, int64_t b, int64_t c)
{
    const int64_t dims[] = { a, b, c };
    return wt_shape_make(rank, dims);
}

static void broadcasting_is_numpys(void **state)
{
    enum { Q = -1, N = -2, M = -3 };
    const struct {
        wt_shape a, b, out;
    } good[] = {
        { shape(2, 3, 4, 0), shape(1, 4, 0, 0), shape(2, 3, 4, 0) },
        { shape(3, 2, 1, 4), shape(2, 3, 1, 0), shape(3, 2, 3, 4) },
        { shape(0, 0, 0, 0), shape(2, 5, 0, 0), shape(2, 5, 0, 0) },
        { shape(1, 1, 0, 0), shape(1, 0, 0, 0), shape(1, 0, 0, 0) },
        { shape(1, Q, 0, 0), shape(1, 4, 0, 0), shape(1, 4, 0, 0) }, /* unknown can only be 1 or 4 */
        { shape(1, Q, 0, 0), shape(1, 1, 0, 0), shape(1, Q, 0, 0) },
        { shape(1, N, 0, 0), shape(1, N, 0, 0), shape(1, N, 0, 0) },
        { shape(1, N, 0, 0), shape(1, M, 0, 0), shape(1, Q, 0, 0) },
        { shape(1, N, 0, 0), shape(1, 1, 0, 0), shape(1, N, 0, 0) },
        { shape(-1, 0, 0, 0), shape(1, 1, 0, 0), shape(-1, 0, 0, 0) },
    };
    wt_err err;
    wt_shape out;
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(good); i++) {
        wt_test_ok(wt_shape_broadcast(&good[i].a, &good[i].b, &out, &err), &err);
        assert_true(wt_shape_equal(&out, &good[i].out));
        wt_test_ok(wt_shape_broadcast(&good[i].b, &good[i].a, &out, &err), &err);
        assert_true(wt_shape_equal(&out, &good[i].out));
    }
    const wt_shape a = shape(2, 3, 4, 0), b = shape(2, 3, 5, 0);
    wt_test_refused(wt_shape_broadcast(&a, &b, &out, &err), WT_EFORMAT, &err, "3x4 and 3x5 do not broadcast");
}

static void axes_normalize(void **state)
{
    (void)state;
    assert_int_equal(wt_axis(-1, 4, false), 3);
    assert_int_equal(wt_axis(3, 4, false), 3);
    assert_int_equal(wt_axis(4, 4, false), -1);
    assert_int_equal(wt_axis(4, 4, true), 4);
    assert_int_equal(wt_axis(-5, 4, true), -1);
    assert_int_equal(wt_axis(0, 0, false), -1);
    assert_int_equal(wt_axis(INT64_MIN, 4, true), -1);
    assert_int_equal(wt_axis(INT64_MAX, 4, true), -1);
}

static void channels_in_blocks_need_padding(void **state)
{
    wt_tensor t = { .dtype = WT_F32, .layout = WT_C16, .shape = { .rank = 4, .dim = { 2, 17, 3, 5 } } };
    size_t n;
    (void)state;
    assert_true(wt_tensor_size(&t, &n) && n == 2 * 32 * 3 * 5 * 4);
    t.shape.dim[1] = INT64_MAX;
    assert_false(wt_tensor_size(&t, &n));
    t.shape.rank = 1;
    assert_false(wt_tensor_size(&t, &n));
}

/* Elements are read wherever they lie, and never past the end. */
static void integers_are_read_from_anywhere(void **state)
{
    uint8_t bytes[32];
    int64_t v;
    double d;
    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        const int64_t n = -5;
        memcpy(bytes + shift, &n, sizeof n);
        wt_tensor t = { .dtype = WT_I64, .shape = { .rank = 1, .dim = { 1 } }, .data = bytes + shift, .bytes = 8 };
        assert_true(wt_tensor_int(&t, 0, &v) && v == -5);
        assert_true(wt_tensor_double(&t, 0, &d) && d == -5.0);
        assert_false(wt_tensor_int(&t, 1, &v));
        assert_false(wt_tensor_int(&t, -1, &v));
        t.dtype = WT_I16;
        assert_true(wt_tensor_int(&t, 0, &v) && v == -5);
        t.dtype = WT_U64;
        assert_false(wt_tensor_int(&t, 0, &v)); /* does not fit */
        assert_true(wt_tensor_double(&t, 0, &d) && d == 0x1p64);
        t.dtype = WT_F32;
        assert_false(wt_tensor_int(&t, 0, &v));
    }
    const uint8_t packed[] = { 0x8f, 0x07, 0xe4 };
    wt_tensor t = { .dtype = WT_I4, .shape = { .rank = 1, .dim = { 4 } }, .data = packed, .bytes = 2 };
    const int64_t want[] = { -1, -8, 7, 0 };
    for (int64_t i = 0; i < 4; i++)
        assert_true(wt_tensor_int(&t, i, &v) && v == want[i]);
    assert_false(wt_tensor_int(&t, 4, &v));
    t.dtype = WT_U2;
    t.data = packed + 2;
    t.bytes = 1;
    for (int64_t i = 0; i < 4; i++)
        assert_true(wt_tensor_int(&t, i, &v) && v == i);
    t.dtype = WT_BOOL;
    assert_true(wt_tensor_int(&t, 0, &v) && v == 1);
    t.data = NULL;
    assert_false(wt_tensor_int(&t, 0, &v));
}

static void tensors_own_their_bytes(void **state)
{
    wt_context *ctx = wt_test_context();
    wt_err err;
    wt_tensor *t, *copy;
    char hello[] = "hello", empty[] = "";
    wt_string words[] = { { hello, 5 }, { empty, 0 }, { hello + 1, 2 } };
    wt_tensor strings = {
        .dtype = WT_STRING, .shape = { .rank = 1, .dim = { 3 } }, .data = words, .bytes = sizeof words
    };
    const wt_shape s = { .rank = 2, .dim = { 3, 5 } }, huge = { .rank = 2, .dim = { INT64_MAX / 4, 4 } },
                   open = { .rank = 1, .dim = { -1 } };
    (void)state;
    wt_test_ok(wt_tensor_new(&t, ctx, WT_I4, &s, &err), &err);
    assert_int_equal(t->bytes, 8);
    wt_test_ok(wt_tensor_clone(&copy, ctx, t, &err), &err);
    assert_memory_equal(copy->data, t->data, 8);
    assert_ptr_not_equal(copy->data, t->data);
    wt_free(ctx, t);
    wt_free(ctx, copy);
    wt_test_ok(wt_tensor_clone(&copy, ctx, &strings, &err), &err);
    memset(hello, 'z', 5);
    const wt_string *own = copy->data;
    assert_memory_equal(own[0].data, "hello", 5);
    assert_int_equal(own[1].len, 0);
    assert_memory_equal(own[2].data, "el", 2);
    wt_free(ctx, copy);
    wt_test_refused(wt_tensor_new(&t, ctx, WT_F32, &huge, &err), WT_EFORMAT, &err, "no tensor of type float32");
    assert_null(t);
    wt_test_refused(wt_tensor_new(&t, ctx, WT_F32, &open, &err), WT_EFORMAT, &err, "shape ?");
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dtypes_have_rows),
        cmocka_unit_test(bytes_round_up_to_blocks),
        cmocka_unit_test(shapes_count_without_overflow),
        cmocka_unit_test(shapes_print),
        cmocka_unit_test(broadcasting_is_numpys),
        cmocka_unit_test(axes_normalize),
        cmocka_unit_test(channels_in_blocks_need_padding),
        cmocka_unit_test(integers_are_read_from_anywhere),
        cmocka_unit_test(tensors_own_their_bytes),
    };
    return wt_test_run("tensor", tests, WT_ARRAY_LEN(tests));
}
