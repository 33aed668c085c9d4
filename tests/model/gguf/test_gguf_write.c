/* Writing GGUF: the same bytes again, types as readers want them, and tensors in other types. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/hash.h"
#include "model/blocks/blocks.h"
#include "model/formats/gguf/gguf.h"
#include "gguf_bytes.h"

/* All tensors as they are. */
static wt_status copy_set(wt_weights *w, const char *path, bool force, wt_written *written, wt_err *err)
{
    wt_gguf_recoding items[8] = { 0 };
    const size_t n = wt_weights_count(w);
    for (size_t i = 0; i < n; i++)
        items[i] = (wt_gguf_recoding){ .weight = wt_weights_at(w, i), .dtype = wt_weights_at(w, i)->dtype };
    return wt_gguf_recode(w, items, n, path, force, written, err);
}

static void same_bytes(void **state)
{
    (void)state;
    wt_err err = { 0 };
    gguf_bytes want = { 0 };
    gb_example(&want);
    for (int big = 0; big < 2; big++) { /* written in the machine's order, whatever it was */
        wt_context *ctx = wt_test_context();
        wt_weights *w = NULL;
        wt_map map = { 0 };
        wt_written written = { .ctx = ctx };
        gguf_bytes b = { .big = big };
        gb_example(&b);
        wt_test_ok(wt_weights_open(&w, ctx, gb_write(&b, "in.gguf"), &err), &err);
        wt_test_ok(copy_set(w, gb_path("out.gguf"), true, &written, &err), &err);
        wt_weights_close(w);
        assert_int_equal(written.count, 1);
        assert_int_equal(written.files[0].bytes, 320);
        wt_test_ok(wt_map_open(&map, ctx, gb_path("out.gguf"), &err), &err);
        assert_int_equal(map.size, want.len);
        assert_memory_equal(map.data, want.at, want.len);
        wt_map_close(&map);
        wt_written_free(&written);
        wt_test_context_close(ctx);
    }
}

static void exists(void **state)
{
    (void)state;
    wt_err err = { 0 };
    wt_context *ctx = wt_test_context();
    wt_weights *w = NULL;
    gguf_bytes b = { 0 };
    gb_example(&b);
    const char *in = gb_write(&b, "in.gguf");
    wt_test_ok(wt_weights_open(&w, ctx, in, &err), &err);
    assert_int_not_equal(copy_set(w, in, false, NULL, &err), WT_OK);
    wt_test_ok(copy_set(w, in, true, NULL, &err), &err); /* over itself: the map keeps the old file alive */
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

/* A set of one float32 matrix [rows, columns]. */
static wt_weights *matrix(wt_context *ctx, const float *x, int64_t rows, int64_t columns)
{
    wt_err err = { 0 };
    wt_weights *w = NULL;
    wt_test_ok(wt_weights_new(&w, ctx, "made", "test", &err), &err);
    const wt_weight weight = { .name = { "m.weight", 8 },
                               .dtype = WT_F32,
                               .parts = (const void *[]){ x },
                               .n_parts = 1,
                               .shape = wt_shape_make(2, (int64_t[]){ rows, columns }) };
    wt_test_ok(wt_weights_add(w, &weight, &err), &err);
    return w;
}

static void key_types(void **state)
{
    (void)state;
    wt_err err = { 0 };
    wt_context *ctx = wt_test_context();
    static const float x[4] = { 0 };
    wt_weights *w = matrix(ctx, x, 1, 4), *again = NULL;
    const double d = 0.5;
    wt_test_ok(wt_weights_set_int(w, "a.count", WT_META_U64, 7, &err), &err);
    wt_test_ok(wt_weights_set_int(w, "a.large", WT_META_U64, INT64_MAX, &err), &err);
    wt_test_ok(wt_weights_set_int(w, "a.below", WT_META_I32, -1, &err), &err);
    wt_test_ok(wt_weights_set_int(w, "split.count", WT_META_U16, 3, &err), &err);
    wt_test_ok(
        wt_weights_set_meta(w, &(wt_meta){ .key = { "a.real", 6 }, .type = WT_META_F64, .count = 1, .data = &d }, &err),
        &err);
    wt_test_ok(copy_set(w, gb_path("keys.gguf"), true, NULL, &err), &err);
    wt_test_ok(wt_weights_open(&again, ctx, gb_path("keys.gguf"), &err), &err);
    assert_int_equal(wt_weights_meta(again, "a.count")->type, WT_META_U32);
    assert_int_equal(wt_weights_meta(again, "a.large")->type, WT_META_U64);
    assert_int_equal(wt_weights_meta(again, "a.below")->type, WT_META_I32);
    assert_int_equal(wt_weights_meta(again, "a.real")->type, WT_META_F32);
    assert_null(wt_weights_meta(again, "split.count"));
    assert_int_equal(wt_weights_at(again, 0)->shape.rank, 1); /* outermost 1 is not written */
    wt_weights_close(again);
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

enum { ROWS = 37, COLUMNS = 512 };

static void recoded(void **state)
{
    (void)state;
    static float x[ROWS * COLUMNS];
    static uint8_t want[4 * ROWS * COLUMNS];
    wt_err err = { 0 };
    uint64_t seed = 5;
    for (size_t i = 0; i < WT_ARRAY_LEN(x); i++)
        x[i] = (float)(wt_random_unit(&seed) - 0.5);
    for (int threads = 1; threads <= 3; threads++) {
        wt_context_options o = wt_context_defaults();
        wt_context *ctx = NULL;
        o.threads = threads;
        wt_test_ok(wt_context_open(&ctx, &o, &err), &err);
        for (int t = 1; t < WT_DTYPE_COUNT; t++) {
            const wt_block_codec *codec = wt_block_codec_get((wt_dtype)t);
            if (!codec || !codec->encode)
                continue;
            size_t row = 0;
            wt_dtype_bytes(codec->dtype, COLUMNS, &row);
            for (size_t i = 0; i < ROWS; i++)
                codec->encode(x + i * COLUMNS, want + i * row, COLUMNS, NULL);
            wt_weights *w = matrix(ctx, x, ROWS, COLUMNS), *again = NULL;
            wt_gguf_recoding item = { .weight = wt_weights_at(w, 0), .dtype = codec->dtype };
            wt_test_ok(wt_gguf_recode(w, &item, 1, gb_path("recoded.gguf"), true, NULL, &err), &err);
            wt_test_ok(wt_weights_open(&again, ctx, gb_path("recoded.gguf"), &err), &err);
            assert_int_equal(wt_weights_at(again, 0)->dtype, codec->dtype);
            assert_memory_equal(wt_weights_at(again, 0)->ready, want, ROWS * row);
            assert_true(t == WT_F32 ? isinf(item.sqnr_db) : item.sqnr_db > 1 && item.sqnr_db < 90);
            wt_weights_close(again);
            wt_weights_close(w);
        }
        wt_context_close(ctx);
    }
}

static void refused(void **state)
{
    (void)state;
    wt_err err = { 0 };
    wt_context *ctx = wt_test_context();
    static float x[2 * 256];
    static const struct {
        float value;
        wt_dtype dtype;
        wt_status status;
        const char *part;
    } cases[] = { { NAN, WT_Q4_K, WT_EFORMAT, "tensor 'm.weight': the number at row 1, column 44 is NaN" },
                  { -INFINITY, WT_Q8_0, WT_EFORMAT, "row 1, column 44" },
                  { 1e5f, WT_F16, WT_EUNSUPPORTED, "too large for float16" },
                  { 3e38f, WT_Q4_0, WT_EUNSUPPORTED, "too large for q4_0" },
                  { 0, WT_IQ2_XS, WT_EUNSUPPORTED, "cannot be written as iq2_xs" },
                  { 0, WT_BOOL, WT_EUNSUPPORTED, "no such element type" } };
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        x[256 + 44] = cases[i].value;
        wt_weights *w = matrix(ctx, x, 2, 256);
        wt_gguf_recoding item = { .weight = wt_weights_at(w, 0), .dtype = cases[i].dtype };
        const char *path = gb_path("never.gguf");
        wt_test_refused(wt_gguf_recode(w, &item, 1, path, true, NULL, &err), cases[i].status, &err, cases[i].part);
        assert_false(wt_path_exists(path));
        wt_weights_close(w);
    }
    x[256 + 44] = NAN; /* a plain type keeps it, and says so */
    wt_weights *w = matrix(ctx, x, 2, 256);
    wt_gguf_recoding item = { .weight = wt_weights_at(w, 0), .dtype = WT_BF16 };
    wt_test_ok(wt_gguf_recode(w, &item, 1, gb_path("nan.gguf"), true, NULL, &err), &err);
    assert_int_equal(item.not_finite, 1);
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static wt_status write_one(wt_context *ctx, void *arg, wt_err *err)
{
    wt_weights *w = NULL;
    wt_written written = { .ctx = ctx };
    WT_TRY(wt_weights_open(&w, ctx, arg, err));
    const wt_status st = copy_set(w, gb_path("alloc-out.gguf"), true, &written, err);
    wt_written_free(&written);
    wt_weights_close(w);
    return st;
}

static void allocations(void **state)
{
    (void)state;
    gguf_bytes b = { 0 };
    gb_example(&b);
    assert_true(wt_test_fail_each_alloc(write_one, (void *)(uintptr_t)gb_write(&b, "alloc.gguf")) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(same_bytes), cmocka_unit_test(exists),
                                        cmocka_unit_test(key_types),  cmocka_unit_test(recoded),
                                        cmocka_unit_test(refused),    cmocka_unit_test(allocations) };
    return wt_test_run("gguf_write", tests, WT_ARRAY_LEN(tests));
}
