/* Sets of weights: found by name, keys of any type, and what each form makes of the stored parts. */
#include "model/weights.h"
#include "support/test.h"
#include <stdio.h>

static wt_weights *new_set(wt_context *ctx)
{
    wt_err err = { 0 };
    wt_weights *w = NULL;
    wt_test_ok(wt_weights_new(&w, ctx, "a/path", "test", &err), &err);
    return w;
}

static void names(void **state)
{
    (void)state;
    enum { N = 1000 };
    wt_err err = { 0 };
    wt_context *ctx = wt_test_context();
    wt_weights *w = new_set(ctx);
    float data[2] = { 1, 2 };
    const void *part = data;
    char name[32];
    for (int i = 0; i < N; i++) {
        const wt_weight weight = { .name = { name, (size_t)snprintf(name, sizeof name, "t.%d", i) },
                                   .dtype = WT_F32,
                                   .shape = wt_shape_make(1, (int64_t[]){ 2 }),
                                   .parts = &part,
                                   .n_parts = 1 };
        wt_test_ok(wt_weights_add(w, &weight, &err), &err);
    }
    assert_int_equal(wt_weights_count(w), N);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "t.%d", i);
        assert_ptr_equal(wt_weights_find(w, name), wt_weights_at(w, (size_t)i));
    }
    assert_null(wt_weights_find(w, "t.1000"));
    assert_null(wt_weights_find(w, ""));
    const wt_weight again = {
        .name = { "t.7", 3 }, .dtype = WT_F32, .shape = wt_shape_make(1, (int64_t[]){ 2 }), .parts = &part, .n_parts = 1
    };
    wt_test_refused(wt_weights_add(w, &again, &err), WT_EFORMAT, &err, "t.7");
    wt_tensor t;
    wt_test_ok(wt_weight_data(w, wt_weights_find(w, "t.999"), &t, &err), &err);
    assert_ptr_equal(t.data, data);
    assert_int_equal(t.bytes, 8);
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static void keys(void **state)
{
    (void)state;
    wt_err err = { 0 };
    wt_context *ctx = wt_test_context();
    wt_weights *w = new_set(ctx);
    static const wt_meta_type integers[] = { WT_META_U8,  WT_META_I8,  WT_META_U16, WT_META_I16,
                                             WT_META_U32, WT_META_I32, WT_META_U64, WT_META_I64 };
    for (size_t i = 0; i < WT_ARRAY_LEN(integers); i++) {
        int64_t got = 0;
        wt_test_ok(wt_weights_set_int(w, "n", integers[i], 100, &err), &err);
        wt_test_ok(wt_weights_int(w, "n", -1, &got, &err), &err);
        assert_int_equal(got, 100);
        const bool is_signed = i % 2;
        assert_int_equal(wt_weights_set_int(w, "n", integers[i], -5, NULL) == WT_OK, is_signed);
    }
    wt_test_refused(wt_weights_set_int(w, "n", WT_META_U16, 65536, &err), WT_EFORMAT, &err, "65536");
    assert_int_equal(wt_weights_meta_count(w), 1);
    double d = 0;
    wt_string s;
    bool flag = false;
    int64_t n = 0;
    wt_test_ok(wt_weights_set_float(w, "f", 0.5, &err), &err);
    wt_test_ok(wt_weights_float(w, "f", 0, &d, &err), &err);
    assert_true(d == 0.5);
    wt_test_refused(wt_weights_int(w, "f", 0, &n, &err), WT_EFORMAT, &err, "key 'f'");
    wt_test_ok(wt_weights_float(w, "absent", 2.5, &d, &err), &err);
    assert_true(d == 2.5);
    wt_test_ok(wt_weights_set_string(w, "s", "text", &err), &err);
    wt_test_ok(wt_weights_string(w, "s", NULL, &s, &err), &err);
    assert_int_equal(s.len, 4);
    assert_memory_equal(s.data, "text", 4);
    wt_test_refused(wt_weights_string(w, "f", NULL, &s, &err), WT_EFORMAT, &err, "expected a string");
    wt_test_ok(wt_weights_set_int(w, "b", WT_META_BOOL, 1, &err), &err);
    wt_test_ok(wt_weights_bool(w, "b", false, &flag, &err), &err);
    assert_true(flag);
    wt_test_refused(wt_weights_int(w, "b", 0, &n, &err), WT_EFORMAT, &err, "key 'b'");
    wt_weights_drop_meta(w, "f");
    wt_weights_drop_meta(w, "f");
    assert_null(wt_weights_meta(w, "f"));
    assert_non_null(wt_weights_meta(w, "s"));
    assert_non_null(wt_weights_meta(w, "b"));
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

/* One tensor of the form, loaded whole by wt_weight_data, and row by row by wt_weight_load. */
static void check_form(wt_weight weight, const void *want, size_t bytes)
{
    wt_err err = { 0 };
    wt_context *ctx = wt_test_context();
    wt_weights *w = new_set(ctx);
    weight.name = (wt_string){ "t", 1 };
    wt_test_ok(wt_weights_add(w, &weight, &err), &err);
    const wt_weight *own = wt_weights_find(w, "t");
    assert_int_equal(own->bytes, bytes);
    wt_tensor t;
    wt_test_ok(wt_weight_data(w, own, &t, &err), &err);
    assert_memory_equal(t.data, want, bytes);
    const int rank = weight.shape.rank;
    const size_t rows = (size_t)wt_shape_product(&weight.shape, 0, rank - 1), row = bytes / rows;
    uint8_t got[256];
    for (size_t i = 0; i < rows; i++)
        wt_test_ok(wt_weight_load(w, own, i, 1, got + i * row, &err), &err);
    assert_memory_equal(got, want, bytes);
    assert_int_equal(wt_weight_load(w, own, rows, 1, got, &err), WT_EINTERNAL);
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static void forms(void **state)
{
    (void)state;
    /* rows of 8 with two heads of four: (i, i + 2) becomes (2i, 2i + 1) */
    static const float halves[8][2] = { { 0, 1 },   { 10, 11 }, { 20, 21 }, { 30, 31 },
                                        { 40, 41 }, { 50, 51 }, { 60, 61 }, { 70, 71 } };
    static const float pairs[8][2] = { { 0, 1 },   { 20, 21 }, { 10, 11 }, { 30, 31 },
                                       { 40, 41 }, { 60, 61 }, { 50, 51 }, { 70, 71 } };
    const wt_shape shape = wt_shape_make(2, (int64_t[]){ 8, 2 });
    check_form((wt_weight){ .dtype = WT_F32,
                            .shape = shape,
                            .form = WT_FORM_PAIRS,
                            .heads = 2,
                            .parts = (const void *[]){ halves },
                            .n_parts = 1 },
               pairs, sizeof pairs);
    check_form((wt_weight){ .dtype = WT_F32,
                            .shape = shape,
                            .form = WT_FORM_HALVES,
                            .heads = 2,
                            .parts = (const void *[]){ pairs },
                            .n_parts = 1 },
               halves, sizeof halves);
    check_form((wt_weight){ .dtype = WT_F32,
                            .shape = shape,
                            .form = WT_FORM_STACK,
                            .parts = (const void *[]){ halves + 4, halves },
                            .n_parts = 2 },
               (const float[8][2]){
                   { 40, 41 }, { 50, 51 }, { 60, 61 }, { 70, 71 }, { 0, 1 }, { 10, 11 }, { 20, 21 }, { 30, 31 } },
               sizeof halves);
    check_form((wt_weight){ .dtype = WT_F32,
                            .shape = wt_shape_make(2, (int64_t[]){ 2, 8 }),
                            .form = WT_FORM_TRANSPOSE,
                            .parts = (const void *[]){ halves },
                            .n_parts = 1 },
               (const float[2][8]){ { 0, 10, 20, 30, 40, 50, 60, 70 }, { 1, 11, 21, 31, 41, 51, 61, 71 } },
               sizeof halves);
    static const uint16_t bias[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    const wt_shape line = wt_shape_make(1, (int64_t[]){ 8 });
    check_form((wt_weight){ .dtype = WT_F16,
                            .shape = line,
                            .form = WT_FORM_PAIRS,
                            .heads = 1,
                            .parts = (const void *[]){ bias },
                            .n_parts = 1 },
               (const uint16_t[8]){ 0, 4, 1, 5, 2, 6, 3, 7 }, sizeof bias);
    check_form((wt_weight){ .dtype = WT_F32,
                            .shape = wt_shape_make(1, (int64_t[]){ 2 }),
                            .form = WT_FORM_PLUS_1,
                            .stored = WT_BF16,
                            .parts = (const void *[]){ (uint16_t[]){ 0x3f80, 0xbe80 } },
                            .n_parts = 1 },
               (const float[2]){ 2.0f, 0.75f }, 8);
}

static void forms_refused(void **state)
{
    (void)state;
    wt_err err = { 0 };
    wt_context *ctx = wt_test_context();
    wt_weights *w = new_set(ctx);
    static const float data[64] = { 0 };
    wt_weight weight = { .name = { "odd", 3 },
                         .dtype = WT_F32,
                         .shape = wt_shape_make(2, (int64_t[]){ 6, 2 }),
                         .form = WT_FORM_PAIRS,
                         .heads = 2,
                         .parts = (const void *[]){ data },
                         .n_parts = 1 };
    wt_test_ok(wt_weights_add(w, &weight, &err), &err);
    weight.name = (wt_string){ "blocks", 6 };
    weight.dtype = WT_Q4_0;
    weight.shape = wt_shape_make(1, (int64_t[]){ 64 });
    wt_test_ok(wt_weights_add(w, &weight, &err), &err);
    wt_tensor t;
    wt_test_refused(wt_weight_data(w, wt_weights_find(w, "odd"), &t, &err), WT_EFORMAT, &err, "odd");
    wt_test_refused(wt_weight_data(w, wt_weights_find(w, "blocks"), &t, &err), WT_EUNSUPPORTED, &err, "q4_0");
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static wt_status build(wt_context *ctx, void *arg, wt_err *err)
{
    (void)arg;
    wt_weights *w = NULL;
    WT_TRY(wt_weights_new(&w, ctx, "p", "f", err));
    static const float data[8] = { 0 };
    wt_tensor t;
    const wt_weight weight = { .name = { "t", 1 },
                               .dtype = WT_F32,
                               .shape = wt_shape_make(2, (int64_t[]){ 4, 2 }),
                               .form = WT_FORM_PAIRS,
                               .heads = 1,
                               .parts = (const void *[]){ data },
                               .n_parts = 1 };
    wt_status st = wt_weights_add(w, &weight, err);
    if (st == WT_OK)
        st = wt_weights_set_string(w, "key", "value", err);
    if (st == WT_OK)
        st = wt_weight_data(w, wt_weights_find(w, "t"), &t, err);
    wt_weights_close(w);
    return st;
}

static void allocations(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(build, NULL) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(keys), cmocka_unit_test(forms),
                                        cmocka_unit_test(forms_refused), cmocka_unit_test(allocations) };
    return wt_test_run("weights", tests, WT_ARRAY_LEN(tests));
}
