/* Safetensors files: what they may hold, what must be refused, and writing them. */
#include <stdio.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/hash.h"
#include "model/formats/safetensors/safetensors.h"
#include "st_bytes.h"

static void types(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        wt_dtype dtype;
        int elements, bytes;
    } cases[] = { { "BOOL", WT_BOOL, 3, 3 },      { "F4", WT_F4E2M1, 6, 3 },
                  { "U8", WT_U8, 3, 3 },          { "I8", WT_I8, 3, 3 },
                  { "F8_E5M2", WT_F8E5M2, 3, 3 }, { "F8_E4M3", WT_F8E4M3FN, 3, 3 },
                  { "F8_E8M0", WT_F8E8M0, 3, 3 }, { "F8_E4M3FNUZ", WT_F8E4M3FNUZ, 3, 3 },
                  { "I16", WT_I16, 3, 6 },        { "F8_E5M2FNUZ", WT_F8E5M2FNUZ, 3, 3 },
                  { "U16", WT_U16, 3, 6 },        { "F16", WT_F16, 3, 6 },
                  { "BF16", WT_BF16, 3, 6 },      { "I32", WT_I32, 3, 12 },
                  { "U32", WT_U32, 3, 12 },       { "F32", WT_F32, 3, 12 },
                  { "C64", WT_C64, 3, 24 },       { "F64", WT_F64, 3, 24 },
                  { "I64", WT_I64, 3, 24 },       { "U64", WT_U64, 3, 24 } };
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        char header[128];
        wt_weights *w = NULL;
        wt_tensor t;
        snprintf(header, sizeof header, "{\"t\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[0,%d]}}",
                 cases[i].name, cases[i].elements, cases[i].bytes);
        wt_test_ok(wt_safetensors_open(&w, ctx, st_write(NULL, "types", header, (size_t)cases[i].bytes), &err), &err);
        const wt_weight *weight = wt_weights_find(w, "t");
        assert_int_equal(weight->dtype, cases[i].dtype);
        wt_test_ok(wt_weight_data(w, weight, &t, &err), &err);
        assert_int_equal(t.bytes, cases[i].bytes);
        for (int k = 0; k < cases[i].bytes; k++)
            assert_int_equal(((const uint8_t *)t.data)[k], k);
        assert_int_equal((uintptr_t)t.data % wt_dtype_get(t.dtype)->block_bytes, 0);
        wt_weights_close(w);
    }
    wt_test_context_close(ctx);
}

/* A number, a tensor without elements, data at an odd address. */
static void shapes(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_weights *w = NULL;
    wt_tensor t;
    float got[2];
    const char *path = st_write(NULL, "shapes",
                                "{\"one\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[1,5]},"
                                "\"none\":{\"dtype\":\"F32\",\"shape\":[4,0],\"data_offsets\":[5,5]},"
                                "\"byte\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                                "\"odd\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[5,13]}}",
                                13);
    wt_test_ok(wt_safetensors_open(&w, ctx, path, &err), &err);
    assert_int_equal(wt_weights_count(w), 4);
    wt_test_ok(wt_weight_data(w, wt_weights_find(w, "one"), &t, &err), &err);
    assert_int_equal(t.shape.rank, 0);
    assert_memory_equal(t.data, ((const uint8_t[]){ 1, 2, 3, 4 }), 4);
    wt_test_ok(wt_weight_data(w, wt_weights_find(w, "none"), &t, &err), &err);
    assert_int_equal(t.bytes, 0);
    const wt_weight *odd = wt_weights_find(w, "odd");
    wt_test_ok(wt_weight_data(w, odd, &t, &err), &err);
    assert_int_equal((uintptr_t)t.data % 4, 0);
    wt_test_ok(wt_weight_load(w, odd, 0, 2, got, &err), &err);
    assert_memory_equal(t.data, got, 8);
    assert_memory_equal(got, ((const uint8_t[]){ 5, 6, 7, 8, 9, 10, 11, 12 }), 8);
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static void refused(wt_context *ctx, const char *path, const char *part)
{
    wt_err err = { 0 };
    wt_weights *w = (wt_weights *)&err;
    const wt_status st = wt_safetensors_open(&w, ctx, path, &err);
    assert_null(w);
    wt_test_refused(st, st == WT_EUNSUPPORTED ? WT_EUNSUPPORTED : WT_EFORMAT, &err, part);
    assert_string_equal(err.where, path);
}

#define ENTRY(name, dtype, shape, begin, end)                                                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

static void headers(void **state)
{
    (void)state;
    static const struct {
        const char *part, *header;
        size_t size;
    } cases[] = {
        { "no JSON", "{", 0 },
        { "no JSON object", "[]", 0 },
        { "no JSON object", " {}", 0 },
        { "no JSON", "{\"t\":\xff}", 0 },
        { "duplicate", "{" ENTRY("t", "U8", "[1]", 0, 1) "," ENTRY("t", "U8", "[1]", 0, 1) "}", 1 },
        { "'t' is described by no object", "{\"t\":1}", 0 },
        { "is no object", "{\"__metadata__\":1}", 0 },
        { "no \"dtype\"", "{\"t\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1 },
        { "'F6_E2M3', which is not known", "{" ENTRY("t", "F6_E2M3", "[4]", 0, 3) "}", 3 },
        { "no \"shape\"", "{\"t\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1 },
        { "dimension 1 is no count", "{" ENTRY("t", "U8", "[1,-1]", 0, 1) "}", 1 },
        { "dimension 0 is no count", "{" ENTRY("t", "U8", "[1.5]", 0, 1) "}", 1 },
        { "9 dimensions", "{" ENTRY("t", "U8", "[1,1,1,1,1,1,1,1,1]", 0, 1) "}", 1 },
        { "overflows", "{" ENTRY("t", "U8", "[4294967296,4294967296]", 0, 1) "}", 1 },
        { "overflows", "{" ENTRY("t", "F64", "[4611686018427387904]", 0, 1) "}", 1 },
        { "whole byte", "{" ENTRY("t", "F4", "[3]", 0, 2) "}", 2 },
        { "no [begin, end]", "{" ENTRY("t", "U8", "[1]", 1, 0) "}", 1 },
        { "no [begin, end]", "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 1 },
        { "no [begin, end]", "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,0]}}", 1 },
        { "has 1 bytes, but F32 of 2 needs 8", "{" ENTRY("t", "F32", "[2]", 0, 1) "}", 8 },
        { "but the file has", "{" ENTRY("t", "U8", "[9]", 0, 9) "}", 8 },
        { "inside the one before it", "{" ENTRY("a", "U8", "[2]", 0, 2) "," ENTRY("b", "U8", "[2]", 1, 3) "}", 3 },
        { "belong to no tensor", "{" ENTRY("a", "U8", "[1]", 0, 1) "," ENTRY("b", "U8", "[1]", 2, 3) "}", 3 },
        { "belong to no tensor", "{" ENTRY("a", "U8", "[1]", 1, 2) "}", 2 },
        { "1 bytes behind the last tensor", "{" ENTRY("a", "U8", "[1]", 0, 1) "}", 2 },
        { "name has 0 bytes", "{" ENTRY("", "U8", "[1]", 0, 1) "}", 1 },
    };
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++)
        refused(ctx, st_write(NULL, "bad.safetensors", cases[i].header, cases[i].size), cases[i].part);
    const char *path = wt_test_path(wt_test_tmpdir(), "short");
    wt_test_write(path, "1234567", 7);
    refused(ctx, path, "too few");
    wt_test_write(path, "\x01\xe1\xf5\x05\0\0\0\0{}", 10);
    refused(ctx, path, "more than the 100000000");
    wt_test_write(path, "\x03\0\0\0\0\0\0\0{}", 10);
    refused(ctx, path, "more than the file has");
    wt_test_write(path, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    refused(ctx, path, "more than the 100000000");
    wt_test_context_close(ctx);
}

/* Every cut is refused; damage is refused or gives tensors that lie in the file. */
static void damage(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const char *whole = st_write(NULL, "whole",
                                 "{" ENTRY("a", "F32", "[3]", 0, 12) "," ENTRY("b", "U8", "[2]", 12, 14) "}", 14);
    char *bytes;
    size_t len;
    uint64_t seed = 5;
    wt_err err = { 0 };
    wt_test_ok(wt_read_file(ctx, whole, 4096, &bytes, &len, &err), &err);
    const char *path = wt_test_path(wt_test_tmpdir(), "damaged");
    for (size_t n = 0; n < len; n++) {
        wt_test_write(path, bytes, n);
        refused(ctx, path, NULL);
    }
    for (int i = 0; i < 600; i++) {
        const size_t at = (size_t)(wt_random(&seed) % (len - 14));
        const char kept = bytes[at];
        wt_weights *w = NULL;
        bytes[at] = (char)wt_random(&seed);
        wt_test_write(path, bytes, len);
        if (wt_weights_open(&w, ctx, path, &err) == WT_OK)
            for (size_t k = 0; k < wt_weights_count(w); k++) {
                wt_tensor t;
                wt_test_ok(wt_weight_data(w, wt_weights_at(w, k), &t, &err), &err);
            }
        wt_weights_close(w);
        bytes[at] = kept;
    }
    wt_free(ctx, bytes);
    wt_test_context_close(ctx);
}

/* --- folders of several files --------------------------------------------------------------------------------------
 */
static void index_refused(wt_context *ctx, const char *folder, const char *index, const char *part)
{
    wt_err err = { 0 };
    wt_weights *w = (wt_weights *)&err;
    wt_test_write(wt_test_path(folder, WT_SAFETENSORS_INDEX), index, strlen(index));
    const wt_status st = wt_safetensors_open_folder(&w, ctx, folder, &err);
    assert_null(w);
    wt_test_refused(st, st == WT_EIO ? WT_EIO : WT_EFORMAT, &err, part);
}

static void indices(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_weights *w = NULL;
    const char *folder = wt_test_path(wt_test_tmpdir(), "shards");
    mkdir(folder, 0777);
    assert_int_equal(wt_safetensors_open_folder(&w, ctx, folder, &err), WT_EFORMAT);
    st_write(folder, "1.safetensors", "{" ENTRY("a", "U8", "[2]", 0, 2) "}", 2);
    st_write(folder, "2.safetensors", "{" ENTRY("b", "U8", "[3]", 0, 3) "}", 3);
    st_write(folder, "3.safetensors", "{" ENTRY("a", "U8", "[2]", 0, 2) "}", 2);
    st_write(folder, "../outside.safetensors", "{" ENTRY("x", "U8", "[2]", 0, 2) "}", 2);
    static const char good[] = "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}}";
    wt_test_write(wt_test_path(folder, WT_SAFETENSORS_INDEX), good, strlen(good));
    wt_test_ok(wt_safetensors_open_folder(&w, ctx, folder, &err), &err);
    assert_int_equal(wt_weights_find(w, "a")->bytes, 2);
    assert_int_equal(wt_weights_find(w, "b")->bytes, 3);
    wt_weights_close(w);
    index_refused(ctx, folder, "{\"weight_map\":{\"x\":\"../outside.safetensors\"}}", "no name of a safetensors file");
    index_refused(ctx, folder, "{\"weight_map\":{\"x\":\"/etc/passwd\"}}", "no name of a safetensors file");
    index_refused(ctx, folder, "{\"weight_map\":{\"x\":\"passwd\"}}", "no name of a safetensors file");
    index_refused(ctx, folder, "{\"weight_map\":{\"x\":\"\"}}", "no name of a safetensors file");
    index_refused(ctx, folder, "{\"weight_map\":{\"x\":7}}", "has no file name");
    index_refused(ctx, folder, "{\"weight_map\":{}}", "no tensor in");
    index_refused(ctx, folder, "{\"metadata\":{}}", "no tensor in");
    index_refused(ctx, folder, "[]", "no tensor in");
    index_refused(ctx, folder, "{", "no JSON");
    index_refused(ctx, folder, "{\"weight_map\":{\"a\":\"4.safetensors\"}}", "4.safetensors");
    index_refused(ctx, folder, "{\"weight_map\":{\"c\":\"1.safetensors\"}}", "'c' is in none");
    index_refused(ctx, folder, "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"3.safetensors\"}}", "second tensor");
    wt_test_context_close(ctx);
}

/* --- writing -------------------------------------------------------------------------------------------------------
 */
static wt_weights *some(wt_context *ctx, wt_err *err)
{
    static const float a[6] = { 1, 2, 3, 4, 5, 6 };
    static const uint8_t b[3] = { 7, 8, 9 };
    const void *parts[] = { a, b };
    wt_weights *w = NULL;
    if (wt_weights_new(&w, ctx, "set", "test", err) != WT_OK)
        return NULL;
    const wt_weight rows[] = {
        { .name = { "b", 1 },
          .dtype = WT_U8,
          .shape = wt_shape_make(1, (int64_t[]){ 3 }),
          .parts = parts + 1,
          .n_parts = 1 },
        { .name = { "a\"\xc3\xa9", 4 },
          .dtype = WT_F16,
          .stored = WT_F32,
          .shape = wt_shape_make(2, (int64_t[]){ 2, 3 }),
          .form = WT_FORM_STACK,
          .parts = parts,
          .n_parts = 1 },
        { .name = { "none", 4 },
          .dtype = WT_F32,
          .shape = wt_shape_make(1, (int64_t[]){ 0 }),
          .parts = parts,
          .n_parts = 1 },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        if (wt_weights_add(w, &rows[i], err) != WT_OK) {
            wt_weights_close(w);
            return NULL;
        }
    return w;
}

static void check_some(const wt_weights *w)
{
    static const uint16_t halves[6] = { 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600 };
    uint8_t got[12];
    wt_err err = { 0 };
    assert_int_equal(wt_weights_count(w), 3);
    assert_int_equal(wt_weights_find(w, "a\"\xc3\xa9")->dtype, WT_F16);
    wt_test_ok(wt_weight_load(w, wt_weights_find(w, "a\"\xc3\xa9"), 0, 2, got, &err), &err);
    assert_memory_equal(got, halves, sizeof halves);
    wt_test_ok(wt_weight_load(w, wt_weights_find(w, "b"), 0, 1, got, &err), &err);
    assert_memory_equal(got, ((const uint8_t[]){ 7, 8, 9 }), 3);
}

static void writing(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_weights *w = some(ctx, &err), *again = NULL;
    wt_written written = { 0 };
    const char *path = wt_test_path(wt_test_tmpdir(), "out.safetensors");
    const wt_safetensors_options force = { .force = true, .max_shard_bytes = 5 };
    wt_test_ok(wt_safetensors_write(w, path, NULL, &written, &err), &err);
    assert_int_equal(written.count, 1);
    assert_int_equal(wt_safetensors_write(w, path, NULL, NULL, &err), WT_EUSAGE); /* it is there already */
    wt_test_ok(wt_safetensors_write(w, path, &force, NULL, &err), &err);
    wt_test_ok(wt_safetensors_open(&again, ctx, path, &err), &err);
    check_some(again);
    wt_weights_close(again);
    const char *folder = wt_test_path(wt_test_tmpdir(), "several");
    mkdir(folder, 0777);
    wt_test_ok(wt_safetensors_write_folder(w, folder, &force, &written, &err), &err);
    assert_int_equal(written.count, 4); /* two shards and the index */
    wt_test_ok(wt_safetensors_open_folder(&again, ctx, folder, &err), &err);
    check_some(again);
    wt_weights_close(again);
    wt_written_free(&written);
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static void not_writable(void **state)
{
    (void)state;
    static const uint8_t block[18];
    const void *part = block;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_weights *w = NULL;
    const wt_weight weight = {
        .name = { "q", 1 }, .dtype = WT_Q4_0, .shape = wt_shape_make(1, (int64_t[]){ 32 }), .parts = &part, .n_parts = 1
    };
    wt_test_ok(wt_weights_new(&w, ctx, "set", "test", &err), &err);
    wt_test_ok(wt_weights_add(w, &weight, &err), &err);
    const char *path = wt_test_path(wt_test_tmpdir(), "never.safetensors");
    wt_test_refused(wt_safetensors_write(w, path, NULL, NULL, &err), WT_EUNSUPPORTED, &err, "cannot hold q4_0");
    assert_false(wt_path_exists(path));
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static wt_status write_and_read(wt_context *ctx, void *arg, wt_err *err)
{
    wt_weights *w = some(ctx, err), *again = NULL;
    const wt_safetensors_options force = { .force = true, .max_shard_bytes = 5 };
    if (!w)
        return WT_ENOMEM;
    wt_status st = wt_safetensors_write_folder(w, arg, &force, NULL, err);
    wt_weights_close(w);
    if (st == WT_OK)
        st = wt_safetensors_open_folder(&again, ctx, arg, err);
    wt_weights_close(again);
    return st;
}

static void memory(void **state)
{
    (void)state;
    char folder[256];
    snprintf(folder, sizeof folder, "%s/memory", wt_test_tmpdir());
    mkdir(folder, 0777);
    assert_true(wt_test_fail_each_alloc(write_and_read, folder) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),   cmocka_unit_test(shapes),  cmocka_unit_test(headers),      cmocka_unit_test(damage),
        cmocka_unit_test(indices), cmocka_unit_test(writing), cmocka_unit_test(not_writable), cmocka_unit_test(memory),
    };
    return wt_test_run("safetensors", tests, WT_ARRAY_LEN(tests));
}
