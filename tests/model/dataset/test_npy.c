/* NumPy files: what we write we read, what NumPy wrote we read, what lies is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
#include "data_files.h"
#include "model/dataset/npy.h"
#include "model/dataset/npz.h"

static wt_context *ctx;
static const char *dir;
static wt_err err;

static int set_up(void **state)
{
    (void)state;
    ctx = wt_test_context();
    dir = wt_test_tmpdir();
    memset(&err, 0, sizeof err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wt_test_context_close(ctx);
    return 0;
}

/* An .npy image: version 1 header with this dictionary, then the bytes. */
static uint8_t *image(const char *dictionary, const void *data, size_t bytes, size_t *len)
{
    const size_t n = strlen(dictionary);
    uint8_t *p = malloc(10 + n + bytes);
    memcpy(p, "\x93NUMPY\x01\0", 8);
    p[8] = (uint8_t)n;
    p[9] = (uint8_t)(n >> 8);
    memcpy(p + 10, dictionary, n);
    if (bytes)
        memcpy(p + 10 + n, data, bytes);
    *len = 10 + n + bytes;
    return p;
}

static void refuses(const char *dictionary, size_t bytes, wt_status code, const char *part)
{
    static const uint8_t zeros[64];
    size_t len;
    wt_npy npy;
    uint8_t *p = image(dictionary, zeros, bytes, &len);
    wt_test_refused(wt_npy_parse(&npy, p, len, len, &err), code, &err, part);
    free(p);
}

static void every_type_comes_back(void **state)
{
    (void)state;
    const char *path = wt_test_path(dir, "all.npy");
    for (int d = 1; d < WT_DTYPE_COUNT; d++) {
        const wt_dtype dtype = (wt_dtype)d;
        wt_tensor *t, *back;
        const wt_shape shape = wt_shape_make(3, (int64_t[]){ 2, 3, 4 });
        if (dtype == WT_STRING || wt_dtype_is_block(dtype)) /* blocks stay in their files */
            continue;
        wt_test_ok(wt_tensor_new(&t, ctx, dtype, &shape, &err), &err);
        for (size_t i = 0; i < t->bytes; i++)
            ((uint8_t *)wt_tensor_mut(t))[i] = (uint8_t)(dtype == WT_BOOL ? i & 1 : i * 37 & 0x3f);
        wt_test_ok(wt_npy_write(ctx, path, t, true, &err), &err);
        wt_test_ok(wt_npy_load(&back, ctx, path, &err), &err);
        assert_true(wt_shape_equal(&t->shape, &back->shape));
        const wt_dtype stored = wt_npy_stored_as(dtype);
        assert_int_equal(back->dtype, stored);
        if (stored == dtype) {
            assert_memory_equal(t->data, back->data, t->bytes);
        } else { /* widened: every value is the same */
            for (int64_t i = 0; i < 24; i++) {
                double a, b;
                if (!wt_tensor_double(t, i, &a))
                    break;
                assert_true(wt_tensor_double(back, i, &b));
                assert_true(a == b || (isnan(a) && isnan(b)));
            }
        }
        wt_free(ctx, t);
        wt_free(ctx, back);
    }
}

static void ranks_and_empties(void **state)
{
    (void)state;
    static const wt_shape shapes[] = { { .rank = 0 },
                                       { .rank = 1, .dim = { 1 } },
                                       { .rank = 1, .dim = { 0 } },
                                       { .rank = 2, .dim = { 0, 5 } },
                                       { .rank = 8, .dim = { 1, 2, 1, 2, 1, 2, 1, 2 } } };
    const char *path = wt_test_path(dir, "rank.npy");
    for (size_t i = 0; i < WT_ARRAY_LEN(shapes); i++) {
        wt_tensor *t, *back;
        wt_test_ok(wt_tensor_new(&t, ctx, WT_I64, &shapes[i], &err), &err);
        wt_test_ok(wt_npy_write(ctx, path, t, true, &err), &err);
        wt_test_ok(wt_npy_load(&back, ctx, path, &err), &err);
        assert_true(wt_shape_equal(&shapes[i], &back->shape));
        assert_int_equal(back->bytes, t->bytes);
        wt_free(ctx, t);
        wt_free(ctx, back);
    }
}

static void strings_come_back(void **state)
{
    (void)state;
    const char *path = wt_test_path(dir, "text.npy");
    const wt_string s[3] = { { "", 0 }, { "plain", 5 }, { "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x99\x82", 9 } };
    const wt_tensor t = { .dtype = WT_STRING, .shape = { .rank = 1, .dim = { 3 } }, .data = s, .bytes = sizeof s };
    wt_tensor *back;
    wt_test_ok(wt_npy_write(ctx, path, &t, false, &err), &err);
    wt_test_ok(wt_npy_load(&back, ctx, path, &err), &err);
    assert_int_equal(back->dtype, WT_STRING);
    for (int i = 0; i < 3; i++) {
        const wt_string *b = (const wt_string *)back->data + i;
        assert_int_equal(b->len, s[i].len);
        assert_memory_equal(b->data, s[i].data, s[i].len);
    }
    wt_free(ctx, back);
    wt_test_refused(wt_npy_write(ctx, path, &t, false, &err), WT_EUSAGE, &err, "exists");
    const wt_string broken = { "\xff", 1 };
    const wt_tensor bad = { .dtype = WT_STRING, .data = &broken, .bytes = sizeof broken };
    wt_test_refused(wt_npy_write(ctx, path, &bad, true, &err), WT_EUNSUPPORTED, &err, "UTF-8");
    assert_int_equal(wt_test_count_files(dir), 1); /* no half-written file beside it */
}

static void orders_and_byte_orders(void **state)
{
    (void)state;
    /* [[1, 2, 3], [4, 5, 6]] by columns, big endian */
    static const uint8_t data[] = { 0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6 };
    size_t len;
    wt_npy npy;
    int16_t out[6];
    uint8_t *p = image("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }", data, sizeof data, &len);
    wt_test_ok(wt_npy_parse(&npy, p, len, len, &err), &err);
    wt_test_ok(wt_npy_copy(&npy, p, 0, 2, out, &err), &err);
    for (int i = 0; i < 6; i++)
        assert_int_equal(out[i], i + 1);
    wt_test_ok(wt_npy_copy(&npy, p, 1, 1, out, &err), &err);
    assert_int_equal(out[0], 4);
    assert_int_equal(out[2], 6);
    wt_test_refused(wt_npy_copy(&npy, p, 1, 2, out, &err), WT_EINTERNAL, &err, "rows");
    free(p);
    /* double quotes, another order of keys, no trailing comma, Python 2's L */
    p = image("{\"shape\": (3L,), \"fortran_order\": False, \"descr\": \"|u1\"}\n", "\1\2\3", 3, &len);
    wt_test_ok(wt_npy_parse(&npy, p, len, len, &err), &err);
    assert_int_equal(npy.count, 3);
    free(p);
}

static void lies_are_refused(void **state)
{
    (void)state;
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }", 16, WT_EFORMAT, "promises 20 bytes");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }", 16, WT_EFORMAT,
            "overflows");
    refuses("{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693952,), }", 16, WT_EFORMAT, "overflows");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 16, WT_EFORMAT,
            "too large");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 16, WT_EFORMAT, "not a count");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 16, WT_EUNSUPPORTED,
            "dimensions");
    refuses("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 16, WT_EUNSUPPORTED, "|O");
    refuses("{'descr': '|V2', 'fortran_order': False, 'shape': (1,), }", 16, WT_EUNSUPPORTED, "|V2");
    refuses("{'descr': '<U0', 'fortran_order': False, 'shape': (99999999,), }", 16, WT_EUNSUPPORTED, "<U0");
    refuses("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 16, WT_EFORMAT, "structured");
    refuses("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }", 16, WT_EFORMAT, "fortran_order");
    refuses("{'descr': '<f4', 'shape': (1,), }", 16, WT_EFORMAT, "missing");
    refuses("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 16, WT_EFORMAT, "twice");
    refuses("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", 16, WT_EFORMAT, "after the dictionary");
    refuses("{'descr': '<f4", 0, WT_EFORMAT, "does not end");
    refuses("", 0, WT_EFORMAT, "dictionary");
    size_t len;
    wt_npy npy;
    uint8_t *p = image("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "12345678", 8, &len);
    for (size_t cut = 0; cut < len; cut++) { /* every truncation, in a block of exactly that size */
        uint8_t *c = malloc(cut ? cut : 1);
        memcpy(c, p, cut);
        assert_int_equal(wt_npy_parse(&npy, c, cut, cut, &err), WT_EFORMAT);
        free(c);
    }
    p[6] = 9;
    wt_test_refused(wt_npy_parse(&npy, p, len, len, &err), WT_EUNSUPPORTED, &err, "version 9");
    p[6] = 2; /* the length becomes four bytes, with text among them */
    wt_test_refused(wt_npy_parse(&npy, p, len, len, &err), WT_EFORMAT, &err, "header");
    free(p);
}

static void booleans_are_0_and_1(void **state)
{
    (void)state;
    size_t len;
    wt_npy npy;
    uint8_t out[3], *p = image("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", "\0\1\7", 3, &len);
    wt_test_ok(wt_npy_parse(&npy, p, len, len, &err), &err);
    wt_test_ok(wt_npy_copy(&npy, p, 0, 3, out, &err), &err);
    assert_memory_equal(out, "\0\1\1", 3);
    free(p);
}

/* --- archives
 * -------------------------------------------------------------------------------------------------------------- */

static void archives_come_back(void **state)
{
    (void)state;
    const char *path = wt_test_path(dir, "two.npz");
    static const char *const names[] = { "x", "a/b \xc3\xa9" };
    const float x[2] = { 1, -2 };
    const int64_t y = 7;
    const wt_tensor t[2] = { { .dtype = WT_F32, .shape = { .rank = 1, .dim = { 2 } }, .data = x, .bytes = sizeof x },
                             { .dtype = WT_I64, .data = &y, .bytes = sizeof y } };
    wt_npz npz;
    wt_test_ok(wt_npz_write(ctx, path, names, t, 2, false, &err), &err);
    wt_test_ok(wt_npz_open(&npz, ctx, path, 1 << 20, &err), &err);
    assert_int_equal(npz.count, 2);
    for (int i = 0; i < 2; i++) {
        wt_npz_array *a = wt_npz_find(&npz, names[i]);
        assert_non_null(a);
        wt_test_ok(wt_npz_need(&npz, a, &err), &err);
        assert_int_equal(a->npy.data_bytes, t[i].bytes);
        assert_memory_equal(a->file + a->npy.data_offset, t[i].data, t[i].bytes);
    }
    assert_null(wt_npz_find(&npz, "y"));
    wt_npz_close(&npz);
    static const char *const twice[] = { "x", "x" };
    wt_test_refused(wt_npz_write(ctx, path, twice, t, 2, true, &err), WT_EUSAGE, &err, "two arrays");
}

static wt_status open_archive(const uint8_t *bytes, size_t len, uint64_t limit)
{
    const char *path = wt_test_path(dir, "damaged.npz");
    wt_npz npz;
    wt_test_write(path, bytes, len);
    wt_status st = wt_npz_open(&npz, ctx, path, limit, &err);
    if (st == WT_OK && npz.count)
        st = wt_npz_need(&npz, &npz.arrays[0], &err);
    wt_npz_close(&npz);
    return st;
}

static void deflated_archives_and_bombs(void **state)
{
    (void)state;
    size_t n, len;
    const size_t bytes = 4 << 20;
    uint8_t *zeros = calloc(1, bytes);
    uint8_t *npy = image("{'descr': '|u1', 'fortran_order': False, 'shape': (4194304,), }", zeros, bytes, &n);
    uint8_t *zip = wt_make_deflated_npz("x", npy, n, UINT64_MAX, &len);
    assert_true(len < bytes / 500);
    wt_test_ok(open_archive(zip, len, 1 << 30), &err);
    wt_test_refused(open_archive(zip, len, 1 << 20), WT_ELIMIT, &err, "more than the 1048576 allowed");
    free(zip);
    zip = wt_make_deflated_npz("x", npy, n, 1000, &len); /* more comes out than it says */
    wt_test_refused(open_archive(zip, len, 1 << 20), WT_EFORMAT, &err, "more than the directory says");
    free(zip);
    zip = wt_make_deflated_npz("x", npy, n, 0xfffffff0u, &len); /* a size its bytes cannot give */
    wt_test_refused(open_archive(zip, len, 1 << 30), WT_EFORMAT, &err, "cannot give");
    free(zip);
    free(npy);
    free(zeros);
}

static void damaged_archives_are_refused(void **state)
{
    (void)state;
    const char *path = wt_test_path(dir, "good.npz");
    static const char *const names[] = { "x" };
    const float x[4] = { 1, 2, 3, 4 };
    const wt_tensor t = { .dtype = WT_F32, .shape = { .rank = 1, .dim = { 4 } }, .data = x, .bytes = sizeof x };
    char *text;
    size_t len;
    wt_test_ok(wt_npz_write(ctx, path, names, &t, 1, true, &err), &err);
    wt_test_ok(wt_read_file(ctx, path, 1 << 20, &text, &len, &err), &err);
    for (size_t cut = 0; cut < len; cut += 3)
        assert_int_equal(open_archive((const uint8_t *)text, cut, 1 << 20), WT_EFORMAT);
    for (size_t i = 0; i < len; i++) { /* any outcome but a crash; most are refused */
        text[i] = (char)~text[i];
        (void)open_archive((const uint8_t *)text, len, 1 << 20);
        text[i] = (char)~text[i];
    }
    text[len - 22 - 46 - 20] ^= 1; /* in the array's last bytes: the checksum sees it */
    wt_test_refused(open_archive((const uint8_t *)text, len, 1 << 20), WT_EFORMAT, &err, "checksum");
    wt_free(ctx, text);
}

static wt_status load_and_save(wt_context *c, void *arg, wt_err *e)
{
    const char *path = arg;
    wt_tensor *t;
    static const char *const names[] = { "x" };
    WT_TRY(wt_npy_load(&t, c, path, e));
    wt_status st = wt_npz_write(c, wt_test_path(dir, "again.npz"), names, t, 1, true, e);
    wt_free(c, t);
    return st;
}

static void allocations_may_fail(void **state)
{
    (void)state;
    const char *path = wt_test_path(dir, "small.npy");
    const wt_string s[2] = { { "a", 1 }, { "bc", 2 } };
    const wt_tensor t = { .dtype = WT_STRING, .shape = { .rank = 1, .dim = { 2 } }, .data = s, .bytes = sizeof s };
    wt_test_ok(wt_npy_write(ctx, path, &t, true, &err), &err);
    assert_true(wt_test_fail_each_alloc(load_and_save, (void *)(uintptr_t)path) > 3);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_type_comes_back),
        TEST(ranks_and_empties),
        TEST(strings_come_back),
        TEST(orders_and_byte_orders),
        TEST(lies_are_refused),
        TEST(booleans_are_0_and_1),
        TEST(archives_come_back),
        TEST(deflated_archives_and_bombs),
        TEST(damaged_archives_are_refused),
        TEST(allocations_may_fail),
    };
    return wt_test_run("npy", tests, WT_ARRAY_LEN(tests));
}
