/* GGUF files that must be refused: one for every refusal, every truncation, and random damage. */
#include <stdio.h>
#include "base/hash.h"
#include "model/formats/gguf/gguf.h"
#include "gguf_bytes.h"

typedef void edit_fn(gguf_bytes *b);

static void refused(wt_context *ctx, const gguf_bytes *b, const char *part)
{
    wt_err err = { 0 };
    wt_weights *w = (wt_weights *)&err;
    const char *path = gb_write(b, "bad.gguf");
    const wt_status st = wt_gguf_open(&w, ctx, path, &err);
    assert_null(w);
    wt_test_refused(st, st == WT_EUNSUPPORTED ? WT_EUNSUPPORTED : WT_EFORMAT, &err, part);
    assert_string_equal(err.where, path);
}

static void header(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    gguf_bytes b = { 0 };
    refused(ctx, &b, "empty");
    gb_header(&b, 1, 0, 0);
    refused(ctx, &b, "version 1");
    gb_header(&b, 4, 0, 0);
    refused(ctx, &b, "version 4");
    gb_header(&b, 0, 0, 0);
    refused(ctx, &b, "version 0");
    gb_header(&b, 3, UINT64_MAX, 0);
    refused(ctx, &b, "tensors do not fit");
    gb_header(&b, 3, 0, UINT64_MAX / 2);
    refused(ctx, &b, "keys do not fit");
    b.at[0] = 'g';
    refused(ctx, &b, "no GGUF file");
    wt_test_context_close(ctx);
}

static void keys(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    static const struct {
        const char *part, *key;
        uint64_t numbers[4]; /* value, bytes, value, bytes */
    } cases[] = {
        { "type 13", "k", { 13, 4, 0, 4 } },
        { "array of arrays", "k", { 9, 4, 9, 12 } },
        { "type 99", "k", { 9, 4, 99, 12 } },
        { "ends inside key 'k'", "k", { 12, 4, 0, 4 } },
        { "expected a u32", "general.alignment", { 5, 4, 32, 4 } },
        { "expected a u32", "general.alignment", { 10, 4, 32, 8 } },
        { "no power of two", "general.alignment", { 4, 4, 24, 4 } },
        { "no power of two", "general.alignment", { 4, 4, 0, 4 } },
        { "expected a string", "general.architecture", { 4, 4, 24, 4 } },
        { "expected an array of strings", "tokenizer.ggml.tokens", { 8, 4, 0, 8 } },
        { "negative", "split.no", { 5, 4, UINT32_MAX, 4 } },
        { "neither 0 nor 1", "k", { 7, 4, 2, 1 } },
        { "empty", "", { 0, 4, 0, 4 } },
        { "no text", "\xff", { 0, 4, 0, 1 } },
        { "8 bytes long", "k", { 8, 4, 8, 8 } },
        { "more than the file has room for", "k", { 9, 4, 0 /* u8, and the count */, 4 } },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        gguf_bytes b = { 0 };
        gb_header(&b, 3, 0, 1);
        gb_string(&b, cases[i].key);
        gb_number(&b, cases[i].numbers[0], cases[i].numbers[1]);
        if (cases[i].numbers[3] == 12) { /* an array of one */
            gb_number(&b, cases[i].numbers[2], 4);
            gb_number(&b, 1, 8);
        } else {
            gb_number(&b, cases[i].numbers[2], cases[i].numbers[3]);
        }
        if (i + 1 == WT_ARRAY_LEN(cases))
            gb_number(&b, UINT64_MAX, 8);
        refused(ctx, &b, cases[i].part);
    }
    gguf_bytes b = { 0 };
    gb_header(&b, 3, 0, 2);
    gb_key_u32(&b, "twice", 1);
    gb_key_u32(&b, "twice", 1);
    refused(ctx, &b, "'twice' is there twice");
    gb_header(&b, 3, 0, 1);
    gb_number(&b, 1ull << 40, 8);
    gb_number(&b, 0, 8);
    refused(ctx, &b, "1099511627776 bytes long");
    wt_test_context_close(ctx);
}

static void tensors(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    static const char longest[] = "0123456789012345678901234567890123456789012345678901234567890123";
    static const struct {
        const char *part, *name;
        uint32_t n_dims, type;
        uint64_t dims[4], offset;
    } cases[] = {
        { "5 dimensions", "t", 5, 0, { 1, 1, 1, 1 }, 0 },
        { "dimension 1 is 0", "t", 2, 0, { 1, 0 }, 0 },
        { "dimension 0 is", "t", 1, 0, { UINT64_MAX }, 0 },
        { "overflows", "t", 3, 0, { 1ull << 40, 1ull << 40, 2 }, 0 },
        { "overflows", "t", 2, 0, { 1ull << 40, 1ull << 22 }, 0 },
        { "no multiple of the 32", "t", 1, 2, { 33 }, 0 },
        { "type 4, which was removed", "t", 1, 4, { 32 }, 0 },
        { "type 37, which was removed", "t", 1, 37, { 32 }, 0 },
        { "type 15, which is for activations", "t", 1, 15, { 256 }, 0 },
        { "type 144, which is not of the format", "t", 1, 144, { 256 }, 0 },
        { "empty", "", 1, 0, { 1 }, 0 },
        { "longer than 63", longest, 1, 0, { 1 }, 0 },
        { "offset 32, expected 0", "t", 1, 0, { 1 }, 32 },
        { "offset 1, expected 0", "t", 1, 0, { 1 }, 1 },
        { "needs 8192 bytes", "t", 1, 0, { 2048 }, 0 },
        { "needs 9223372036854775804 bytes", "t", 1, 0, { (1ull << 61) - 1 }, 0 },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        gguf_bytes b = { 0 };
        uint64_t dims[5] = { cases[i].dims[0], cases[i].dims[1], cases[i].dims[2], cases[i].dims[3], 1 };
        gb_header(&b, 3, 1, 0);
        gb_info(&b, cases[i].name, cases[i].n_dims, dims, cases[i].type, cases[i].offset);
        gb_pad(&b, 32);
        gb_number(&b, 0, 8);
        gb_pad(&b, 32);
        refused(ctx, &b, cases[i].part);
    }
    gguf_bytes b = { 0 };
    gb_header(&b, 3, 2, 0);
    gb_info(&b, "same", 1, (uint64_t[]){ 1 }, 0, 0);
    gb_info(&b, "same", 1, (uint64_t[]){ 1 }, 0, 32);
    gb_pad(&b, 32);
    b.len += 64;
    refused(ctx, &b, "a second tensor has the name 'same'");
    b = (gguf_bytes){ 0 };
    gb_header(&b, 3, 2, 0);
    gb_info(&b, "first", 1, (uint64_t[]){ 16 }, 0, 0);
    gb_info(&b, "overlapping", 1, (uint64_t[]){ 1 }, 0, 32);
    gb_pad(&b, 32);
    b.len += 96;
    refused(ctx, &b, "offset 32, expected 64");
    wt_test_context_close(ctx);
}

/* Every shorter file is refused, but those that only lack the last padding. */
static void truncations(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    gguf_bytes b = { 0 };
    gb_example(&b);
    for (size_t len = 0; len < 256 + 36; len++) {
        gguf_bytes cut = b;
        cut.len = len;
        refused(ctx, &cut, NULL);
    }
    wt_test_context_close(ctx);
}

/* Damaged files are refused or read; never more, and always without a trace. */
static void damage(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    gguf_bytes good = { 0 };
    gb_example(&good);
    uint64_t seed = 1;
    size_t read = 0, tried = 0;
    for (size_t bit = 0; bit < 8 * good.len + 3000; bit++) {
        gguf_bytes b = good;
        if (bit < 8 * good.len)
            b.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        for (size_t i = 0; bit >= 8 * good.len && i < 1 + bit % 4; i++)
            b.at[wt_random(&seed) % 224] = (uint8_t)wt_random(&seed);
        wt_weights *w = NULL;
        wt_err err = { 0 };
        const wt_status st = wt_gguf_open(&w, ctx, gb_write(&b, "damaged.gguf"), &err);
        assert_true(st == WT_OK || ((st == WT_EFORMAT || st == WT_EUNSUPPORTED) && !w && err.message[0]));
        wt_weights_close(w);
        read += st == WT_OK;
        tried++;
    }
    assert_true(read > 0 && read < tried); /* bits of the data section are nobody's business */
    wt_test_context_close(ctx);
}

static wt_status open_example(wt_context *ctx, void *arg, wt_err *err)
{
    wt_weights *w = NULL;
    const wt_status st = wt_gguf_open(&w, ctx, arg, err);
    wt_weights_close(w);
    return st;
}

static void allocations(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        gguf_bytes b = { .big = big };
        gb_example(&b);
        assert_true(wt_test_fail_each_alloc(open_example, (void *)(uintptr_t)gb_write(&b, "alloc.gguf")) > 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(header),  cmocka_unit_test(keys),
                                        cmocka_unit_test(tensors), cmocka_unit_test(truncations),
                                        cmocka_unit_test(damage),  cmocka_unit_test(allocations) };
    return wt_test_run("gguf_hostile", tests, WT_ARRAY_LEN(tests));
}
