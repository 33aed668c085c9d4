/* GGUF files: the format's own example, in both byte orders; every type of key; split models; the trained ones. */
#include <stdio.h>
#include <stdlib.h>
#include "model/formats/gguf/gguf.h"
#include "gguf_bytes.h"

static wt_weights *open_set(wt_context *ctx, const char *path)
{
    wt_err err = { 0 };
    wt_weights *w = NULL;
    wt_test_ok(wt_weights_open(&w, ctx, path, &err), &err);
    return w;
}

static void example(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        wt_context *ctx = wt_test_context();
        gguf_bytes b = { .big = big };
        gb_example(&b);
        assert_int_equal(b.len, 320);
        const char *path = gb_write(&b, "example.gguf");
        assert_true(wt_weights_sniff(path));
        wt_weights *w = open_set(ctx, path);
        assert_string_equal(wt_weights_format(w), "gguf");
        assert_int_equal(wt_weights_count(w), 2);
        assert_int_equal(wt_weights_file_bytes(w), 320);
        const wt_weight *t0 = wt_weights_find(w, "t0"), *t1 = wt_weights_find(w, "t1");
        assert_int_equal(t0->dtype, WT_F32);
        assert_int_equal(t0->source, 224);
        assert_memory_equal(t0->ready, ((const float[]){ 1, 2, 3 }), 12);
        assert_int_equal(t1->dtype, WT_Q4_0);
        assert_int_equal(t1->bytes, 36);
        assert_true(wt_shape_equal(&t1->shape, &(wt_shape){ 2, { 2, 32 } }));
        assert_memory_equal(t1->ready, "\x40\x2e\xf2\x58\xbe\x13\x79\xdf\x35\x9b\xf1\x47\xac\x02\x68\xce\x24\x8a", 18);
        const wt_meta *a = wt_weights_meta(w, "a");
        int64_t v = 0;
        assert_true(a->is_array && a->count == 2 && wt_meta_int_at(a, 0, &v) && v == -1);
        assert_true(wt_meta_int_at(a, 1, &v) && v == 7);
        assert_false(wt_meta_int_at(a, 2, &v));
        wt_weights_close(w);
        wt_test_context_close(ctx);
    }
}

static void every_key_type(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        wt_context *ctx = wt_test_context();
        gguf_bytes b = { .big = big };
        static const size_t sizes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
        gb_header(&b, 2, 0, 2 * 13 - 2);
        for (uint32_t type = 0; type < 13; type++) {
            if (type == WT_META_ARRAY)
                continue;
            char key[16];
            const uint64_t value = type == WT_META_F32 ? 0x3f800000 : type == WT_META_F64 ? 0x3ff0000000000000 : 1;
            for (uint64_t array = 0; array < 2; array++) {
                snprintf(key, sizeof key, "%s%u", array ? "a" : "s", type);
                gb_string(&b, key);
                gb_number(&b, array ? 9 : type, 4);
                if (array) {
                    gb_number(&b, type, 4);
                    gb_number(&b, 2, 8);
                }
                for (uint64_t i = 0; i < 1 + array; i++)
                    if (type == WT_META_STRING)
                        gb_string(&b, "one");
                    else
                        gb_number(&b, value, sizes[type]);
            }
        }
        wt_weights *w = open_set(ctx, gb_write(&b, "keys.gguf"));
        for (uint32_t type = 0; type < 13; type++) {
            char key[16];
            snprintf(key, sizeof key, "a%u", type);
            const wt_meta *m = wt_weights_meta(w, key);
            double d = 0;
            if (type == WT_META_STRING)
                assert_true(m->count == 2 && m->strings[1].len == 3 && !memcmp(m->strings[1].data, "one", 3));
            else if (type != WT_META_ARRAY)
                assert_true(m->count == 2 && m->type == type && wt_meta_float_at(m, 1, &d) && d == 1);
        }
        wt_weights_close(w);
        wt_test_context_close(ctx);
    }
}

/* Part `no` (from 0) of a model in three files, each with one tensor. */
static const char *write_part(uint16_t no, uint16_t says_no, uint16_t count, const char *name)
{
    gguf_bytes b = { 0 };
    char tensor[8] = "t.?";
    tensor[2] = (char)('0' + no);
    gb_header(&b, 3, 1, no ? 3 : 4);
    if (!no)
        gb_key_string(&b, "general.architecture", "x");
    gb_key_u16(&b, "split.no", says_no);
    gb_key_u16(&b, "split.count", count);
    gb_key_u32(&b, "split.tensors.count", 3);
    gb_info(&b, tensor, 1, (uint64_t[]){ 1 }, 0, 0);
    gb_pad(&b, 32);
    gb_float(&b, no);
    return gb_write(&b, name);
}

static void split(void **state)
{
    (void)state;
    wt_err err = { 0 };
    wt_weights *w = NULL;
    wt_context *ctx = wt_test_context();
    static const char *const names[] = { "m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf" };
    for (uint16_t i = 0; i < 3; i++)
        write_part(i, i, 3, names[i]);
    for (int from = 0; from < 3; from++) { /* any part stands for the model */
        w = open_set(ctx, gb_path(names[from]));
        assert_int_equal(wt_weights_count(w), 3);
        assert_true(*(const float *)wt_weights_find(w, "t.2")->ready == 2);
        assert_int_equal(wt_weights_find(w, "t.2")->file, 2);
        assert_non_null(wt_weights_meta(w, "general.architecture"));
        wt_weights_close(w);
    }
    const char *first = gb_path(names[0]);
    write_part(2, 0, 3, names[2]); /* the last says that it is the first */
    wt_test_refused(wt_weights_open(&w, ctx, first, &err), WT_EFORMAT, &err, "part 3 of 3");
    remove(gb_path(names[2]));
    wt_test_refused(wt_weights_open(&w, ctx, first, &err), WT_EFORMAT, &err, "part 3 is not there");
    wt_test_refused(wt_weights_open(&w, ctx, write_part(1, 1, 3, "other.gguf"), &err), WT_EFORMAT, &err, "part 2 of 3");
    write_part(1, 1, 3, "n-00002-of-00003.gguf");
    wt_test_refused(wt_weights_open(&w, ctx, gb_path("n-00002-of-00003.gguf"), &err), WT_EFORMAT, &err,
                    "first part is not there");
    wt_test_context_close(ctx);
}

/* A trained model in the cache that tools/fetch-models fills. */
static const char *trained(const char *name)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    static char path[1024];
    snprintf(path, sizeof path, "%s%s/whet/models/%s",
             cache && *cache ? cache
             : home          ? home
                             : "",
             cache && *cache ? "" : "/.cache", name);
    if (!wt_path_exists(path))
        wt_test_skip("no %s: tools/fetch-models llm fetches it", name);
    return path;
}

static size_t count_type(const wt_weights *w, wt_dtype dtype)
{
    size_t n = 0;
    for (size_t i = 0; i < wt_weights_count(w); i++)
        n += wt_weights_at(w, i)->dtype == dtype;
    return n;
}

static void smollm2(void **state)
{
    (void)state;
    wt_err err = { 0 };
    wt_context *ctx = wt_test_context();
    wt_weights *w = open_set(ctx, trained("smollm2-135m-instruct.q4_1.gguf"));
    assert_int_equal(count_type(w, WT_Q4_1), 210);
    assert_int_equal(count_type(w, WT_Q8_0), 1);
    assert_int_equal(count_type(w, WT_F32), 61);
    int64_t n = 0;
    wt_string s;
    wt_test_ok(wt_weights_int(w, "llama.block_count", 0, &n, &err), &err);
    assert_int_equal(n, 30);
    wt_test_ok(wt_weights_string(w, "tokenizer.ggml.pre", "", &s, &err), &err);
    assert_int_equal(s.len, 6);
    assert_memory_equal(s.data, "smollm", 6);
    assert_int_equal(wt_weights_meta(w, "tokenizer.ggml.tokens")->count, 49152);
    assert_true(wt_shape_equal(&wt_weights_find(w, "blk.0.ffn_down.weight")->shape, &(wt_shape){ 2, { 576, 1536 } }));
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static void gemma3(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_weights *w = open_set(ctx, trained("gemma3-270m.q4_k_m.gguf"));
    assert_int_equal(count_type(w, WT_Q5_0), 81);
    assert_int_equal(count_type(w, WT_Q4_K), 27);
    assert_int_equal(count_type(w, WT_Q6_K), 9);
    assert_int_equal(count_type(w, WT_Q8_0), 10);
    assert_int_equal(count_type(w, WT_F32), 109);
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(example), cmocka_unit_test(every_key_type),
                                        cmocka_unit_test(split), cmocka_unit_test(smollm2), cmocka_unit_test(gemma3) };
    return wt_test_run("gguf_read", tests, WT_ARRAY_LEN(tests));
}
