/* test_keys.c - tokenizers from GGUF's keys: small vocabularies whose ids can be worked out by hand. */
#include <stdio.h>
#include "model/tokenizer/tokenizer.h"
#include "support/test.h"

enum { MOST = 64 };

static void set_strings(wt_weights *w, const char *key, const char *const *list, size_t n)
{
    wt_string strings[512];
    wt_err err;
    assert_true(n <= WT_ARRAY_LEN(strings));
    for (size_t i = 0; i < n; i++)
        strings[i] = (wt_string){ list[i], strlen(list[i]) };
    const wt_meta m = {
        .key = { key, strlen(key) }, .type = WT_META_STRING, .is_array = true, .count = n, .strings = strings
    };
    wt_test_ok(wt_weights_set_meta(w, &m, &err), &err);
}

static void set_numbers(wt_weights *w, const char *key, wt_meta_type type, const void *data, size_t n)
{
    wt_err err;
    const wt_meta m = { .key = { key, strlen(key) }, .type = type, .is_array = true, .count = n, .data = data };
    wt_test_ok(wt_weights_set_meta(w, &m, &err), &err);
}

static wt_weights *keys(wt_context *ctx, const char *model)
{
    wt_weights *w;
    wt_err err;
    wt_test_ok(wt_weights_new(&w, ctx, "test", "gguf", &err), &err);
    wt_test_ok(wt_weights_set_string(w, "tokenizer.ggml.model", model, &err), &err);
    return w;
}

/* Encodes, compares, decodes, compares. */
static void expect(const wt_tokenizer *t, unsigned flags, const char *text, size_t n, const int32_t *ids)
{
    int32_t got[MOST];
    char back[256];
    size_t count, len;
    wt_err err;
    wt_test_ok(wt_tokenize(t, text, strlen(text), flags, got, MOST, &count, &err), &err);
    for (size_t i = 0; i < count && i < n; i++)
        if (got[i] != ids[i])
            fail_msg("\"%s\": id %zu is %d, not %d", text, i, got[i], ids[i]);
    assert_int_equal(count, n);
    wt_test_ok(wt_detokenize(t, got, count, true, back, sizeof back - 1, &len, &err), &err);
    back[len] = 0;
    if (!(flags & WT_TOKENIZE_ADD_SPECIAL) && !strchr(text, '|')) /* behind a token the space in front comes back */
        assert_string_equal(back, text);
    assert_true(n < 2 || (wt_tokenize(t, text, strlen(text), flags, got, 1, &count, &err) == WT_OK && count == n));
}
#define IDS(...)                                                                                                       \
    (sizeof((int32_t[]){ __VA_ARGS__ }) / 4), (const int32_t[]) { __VA_ARGS__ }

/* unk bos eos, 256 bytes, then what has a score */
static wt_weights *spm_keys(wt_context *ctx)
{
    static const char *const words[] = { "\xe2\x96\x81",
                                         "a",
                                         "b",
                                         "c",
                                         "ab",
                                         "bc",
                                         "\xe2\x96\x81"
                                         "a",
                                         "abc",
                                         "<|user|>" };
    static const float scores[] = { -1, -1, -1, -1, -2, -1.5f, -5, -4, 0 };
    const char *tokens[3 + 256 + WT_ARRAY_LEN(words)] = { "<unk>", "<s>", "</s>" };
    static char bytes[256][8];
    float score[WT_ARRAY_LEN(tokens)] = { 0 };
    int32_t type[WT_ARRAY_LEN(tokens)] = { 2, 3, 3 };
    for (unsigned i = 0; i < 256; i++) {
        snprintf(bytes[i], sizeof bytes[i], "<0x%02X>", i);
        tokens[3 + i] = bytes[i];
        type[3 + i] = 6;
    }
    for (size_t i = 0; i < WT_ARRAY_LEN(words); i++) {
        tokens[259 + i] = words[i];
        score[259 + i] = scores[i];
        type[259 + i] = words[i][0] == '<' ? 4 : 1;
    }
    wt_weights *w = keys(ctx, "llama");
    set_strings(w, "tokenizer.ggml.tokens", tokens, WT_ARRAY_LEN(tokens));
    set_numbers(w, "tokenizer.ggml.scores", WT_META_F32, score, WT_ARRAY_LEN(tokens));
    set_numbers(w, "tokenizer.ggml.token_type", WT_META_I32, type, WT_ARRAY_LEN(tokens));
    return w;
}

static void scores_decide(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_weights *w = spm_keys(ctx);
    wt_tokenizer *t;
    wt_tokenizer_info info;
    wt_err err;
    wt_test_ok(wt_tokenizer_from_weights(&t, ctx, w, &err), &err);
    wt_tokenizer_describe(t, &info);
    assert_string_equal(info.model, "spm");
    assert_true(info.add_bos && !info.add_eos && info.bos == 1 && info.eos == 2);
    /* bc (-1.5) goes before ab (-2), then abc; the space in front is the file's default */
    expect(t, 0, "abc", IDS(259, 266));
    expect(t, 0, "ab", IDS(259, 263));
    expect(t, 0, "ac", IDS(265, 262));
    expect(t, 0, "z\xc3\xa9", IDS(259, 3 + 'z', 3 + 0xc3, 3 + 0xa9));
    expect(t, WT_TOKENIZE_ADD_SPECIAL, "", IDS(1));
    /* a user's token is found always, a control token on request; each begins anew */
    expect(t, 0, "<|user|>a", IDS(267, 265));
    expect(t, WT_TOKENIZE_PARSE_SPECIAL | WT_TOKENIZE_ADD_SPECIAL, "</s>a", IDS(1, 2, 265));
    expect(t, 0, "</s>", IDS(259, 3 + '<', 3 + '/', 3 + 's', 3 + '>'));
    assert_int_equal(wt_token_find(t, "abc"), 266);
    assert_true(wt_token_ends(t, 2) && wt_token_is_special(t, 1) && !wt_token_is_special(t, 266));
    assert_null(wt_token_text(t, 268));
    wt_tokenizer_close(t);
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static wt_weights *bpe_keys(wt_context *ctx, const char *pre)
{
    static const char *const tokens[] = { "h",        "e",  "l",  "o",   "\xc4\xa0",  "1",     "2",  "\xc3\x83",
                                          "\xc2\xa9", "ll", "he", "llo", "\xc4\xa0h", "hello", "12", "<|end|>" };
    static const char *const merges[] = { "l l", "ll o", "h e", "he llo", "\xc4\xa0 h", "1 2" };
    int32_t type[WT_ARRAY_LEN(tokens)];
    wt_err err;
    for (size_t i = 0; i < WT_ARRAY_LEN(tokens); i++)
        type[i] = tokens[i][0] == '<' ? 3 : 1;
    wt_weights *w = keys(ctx, "gpt2");
    set_strings(w, "tokenizer.ggml.tokens", tokens, WT_ARRAY_LEN(tokens));
    set_strings(w, "tokenizer.ggml.merges", merges, WT_ARRAY_LEN(merges));
    set_numbers(w, "tokenizer.ggml.token_type", WT_META_I32, type, WT_ARRAY_LEN(tokens));
    wt_test_ok(wt_weights_set_string(w, "tokenizer.ggml.pre", pre, &err), &err);
    return w;
}

static void ranks_decide(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_weights *w = bpe_keys(ctx, "smollm");
    wt_tokenizer *t;
    wt_err err;
    wt_test_ok(wt_tokenizer_from_weights(&t, ctx, w, &err), &err);
    expect(t, 0, "hello", IDS(13));
    expect(t, 0, " hello", IDS(4, 13)); /* "h e" comes before "blank h" */
    expect(t, 0, " ho", IDS(12, 3));
    expect(t, 0, "12", IDS(5, 6)); /* each digit is a word of its own */
    expect(t, 0, "\xc3\xa9", IDS(7, 8));
    expect(t, WT_TOKENIZE_PARSE_SPECIAL, "hello<|end|>o", IDS(13, 15, 3));
    assert_true(wt_token_ends(t, 15));
    const char *piece;
    size_t len;
    wt_test_ok(wt_token_piece(t, 12, false, &piece, &len, &err), &err);
    assert_true(len == 2 && memcmp(piece, " h", 2) == 0);
    wt_test_ok(wt_token_piece(t, 15, false, &piece, &len, &err), &err);
    assert_int_equal(len, 0);
    wt_test_refused(wt_token_piece(t, 16, false, &piece, &len, &err), WT_EUSAGE, &err, "16");
    wt_tokenizer_close(t);
    wt_weights_close(w);
    w = bpe_keys(ctx, "gpt-2");
    wt_test_ok(wt_tokenizer_from_weights(&t, ctx, w, &err), &err);
    expect(t, 0, "12", IDS(14));
    wt_tokenizer_close(t);
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static void refusals(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_tokenizer *t;
    wt_err err;
    wt_weights *w = bpe_keys(ctx, "no-such");
    wt_test_refused(wt_tokenizer_from_weights(&t, ctx, w, &err), WT_EUNSUPPORTED, &err, "no-such");
    assert_null(t);
    wt_test_ok(wt_weights_set_string(w, "tokenizer.ggml.model", "rwkv", &err), &err);
    wt_test_refused(wt_tokenizer_from_weights(&t, ctx, w, &err), WT_EUNSUPPORTED, &err, "rwkv");
    wt_weights_drop_meta(w, "tokenizer.ggml.model");
    wt_test_refused(wt_tokenizer_from_weights(&t, ctx, w, &err), WT_EFORMAT, &err, "tokenizer.ggml.model");
    wt_weights_close(w);
    w = bpe_keys(ctx, "gpt-2");
    set_strings(w, "tokenizer.ggml.merges", (const char *const[]){ "h q" }, 1);
    wt_test_refused(wt_tokenizer_from_weights(&t, ctx, w, &err), WT_EFORMAT, &err, "the right side is no token");
    set_strings(w, "tokenizer.ggml.merges", (const char *const[]){ "hq" }, 1);
    wt_test_refused(wt_tokenizer_from_weights(&t, ctx, w, &err), WT_EFORMAT, &err, "no pair");
    set_numbers(w, "tokenizer.ggml.token_type", WT_META_I32, (const int32_t[]){ 1, 1 }, 2);
    wt_test_refused(wt_tokenizer_from_weights(&t, ctx, w, &err), WT_EFORMAT, &err, "differ in length");
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static wt_status each_alloc(wt_context *ctx, void *arg, wt_err *err)
{
    wt_weights *w = NULL;
    wt_tokenizer *t = NULL;
    int32_t ids[MOST];
    size_t n = 0;
    const char *const tokens[] = { "a", "b", "ab" }, *const merge = "a b";
    wt_string strings[3], pair = { merge, 3 };
    (void)arg;
    for (size_t i = 0; i < 3; i++)
        strings[i] = (wt_string){ tokens[i], strlen(tokens[i]) };
    const wt_meta list = { .key = { "tokenizer.ggml.tokens", 21 },
                           .type = WT_META_STRING,
                           .is_array = true,
                           .count = 3,
                           .strings = strings },
                  merges = { .key = { "tokenizer.ggml.merges", 21 },
                             .type = WT_META_STRING,
                             .is_array = true,
                             .count = 1,
                             .strings = &pair };
    wt_status st = wt_weights_new(&w, ctx, "test", "gguf", err);
    if (st == WT_OK)
        st = wt_weights_set_string(w, "tokenizer.ggml.model", "gpt2", err);
    if (st == WT_OK)
        st = wt_weights_set_string(w, "tokenizer.ggml.pre", "gpt-2", err);
    if (st == WT_OK)
        st = wt_weights_set_meta(w, &list, err);
    if (st == WT_OK)
        st = wt_weights_set_meta(w, &merges, err);
    if (st == WT_OK)
        st = wt_tokenizer_from_weights(&t, ctx, w, err);
    if (st == WT_OK)
        st = wt_tokenize(t, "abba", 4, 0, ids, MOST, &n, err);
    if (st == WT_OK)
        assert_true(n == 3 && ids[0] == 2 && ids[1] == 1 && ids[2] == 0);
    wt_tokenizer_close(t);
    wt_weights_close(w);
    return st;
}

static void allocations_fail(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(each_alloc, NULL) > 10);
}

/* A byte that is no UTF-8 is kept where it has a token, and else is U+FFFD, as llama.cpp has it: never dropped. */
static void bytes_that_are_no_text(void **state)
{
    static const char *const tokens[] = { "a", "\xc3\xaf", "\xc2\xbf", "\xc2\xbd", "\xc3\xbe" }; /* a EF BF BD FE */
    static const int32_t types[WT_ARRAY_LEN(tokens)] = { 1, 1, 1, 1, 1 };
    static const char *const texts[] = { "a\xff", "a\xfe" };
    static const int32_t ids[][4] = { { 0, 1, 2, 3 }, { 0, 4 } };
    static const size_t counts[] = { 4, 2 };
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_weights *w = keys(ctx, "gpt2");
    wt_tokenizer *t;
    wt_err err;
    set_strings(w, "tokenizer.ggml.tokens", tokens, WT_ARRAY_LEN(tokens));
    set_strings(w, "tokenizer.ggml.merges", NULL, 0);
    set_numbers(w, "tokenizer.ggml.token_type", WT_META_I32, types, WT_ARRAY_LEN(types));
    wt_test_ok(wt_weights_set_string(w, "tokenizer.ggml.pre", "gpt-2", &err), &err);
    wt_test_ok(wt_tokenizer_from_weights(&t, ctx, w, &err), &err);
    for (size_t i = 0; i < WT_ARRAY_LEN(texts); i++) {
        int32_t got[MOST];
        size_t n;
        wt_test_ok(wt_tokenize(t, texts[i], 2, 0, got, MOST, &n, &err), &err);
        assert_int_equal(n, counts[i]);
        assert_memory_equal(got, ids[i], n * sizeof *got);
    }
    wt_tokenizer_close(t);
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_decide), cmocka_unit_test(ranks_decide),     cmocka_unit_test(bytes_that_are_no_text),
        cmocka_unit_test(refusals),      cmocka_unit_test(allocations_fail),
    };
    return wt_test_run("keys", tests, WT_ARRAY_LEN(tests));
}
