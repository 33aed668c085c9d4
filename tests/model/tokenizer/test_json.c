/* test_json.c - tokenizers from tokenizer.json and folders: what is read, what is refused, and the way through GGUF's
 * keys and back. Larger ones are compared with their own libraries in tests/oracle/check_tokenizers.py. */
#include <stdio.h>
#include "base/file.h"
#include "model/tokenizer/tokenizer.h"
#include "support/test.h"

enum { MOST = 64 };
static const char *folder_of_test;

static const char bpe[] =
    "{\"added_tokens\":[{\"id\":9,\"content\":\"<|end|>\",\"special\":true,\"normalized\":false},"
    "{\"id\":10,\"content\":\"HE\",\"special\":false,\"normalized\":true,\"single_word\":true}],"
    "\"normalizer\":{\"type\":\"Lowercase\"},"
    "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\p{N}"
    "\"},"
    "\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]},"
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
    "{\"SpecialToken\":{\"id\":\"<|end|>\",\"type_id\":0}}],\"special_tokens\":{\"<|end|>\":{\"ids\":[9]}}},"
    "\"decoder\":{\"type\":\"ByteLevel\"},"
    "\"model\":{\"type\":\"BPE\",\"vocab\":{\"h\":0,\"e\":1,\"l\":2,\"o\":3,\"1\":4,\"2\":5,\"he\":6,\"ll\":7,\"12\":8}"
    ","
    "\"merges\":[[\"h\",\"e\"],\"l l\",\"1 2\"]}}";

static void check(const wt_tokenizer *t, unsigned flags, const char *text, size_t n, const int32_t *ids)
{
    int32_t got[MOST];
    size_t count;
    wt_err err;
    wt_test_ok(wt_tokenize(t, text, strlen(text), flags, got, MOST, &count, &err), &err);
    assert_int_equal(count, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(got[i], ids[i]);
}
#define IDS(...)                                                                                                       \
    (sizeof((int32_t[]){ __VA_ARGS__ }) / 4), (const int32_t[]) { __VA_ARGS__ }

static void check_all(const wt_tokenizer *t)
{
    check(t, 0, "hello", IDS(6, 7, 3));
    check(t, 0, "HeLLo12", IDS(6, 7, 3, 4, 5)); /* digits are words of their own */
    check(t, WT_TOKENIZE_PARSE_SPECIAL, "h<|end|>e", IDS(0, 9, 1));
    check(t, WT_TOKENIZE_ADD_SPECIAL, "o", IDS(3, 9));
    check(t, 0, "he o", IDS(10, 3)); /* the blank has no token, and nothing stands for it */
}

static const char *write_folder(const char *name, const char *json)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s", wt_test_path(folder_of_test, name));
    wt_context *ctx = wt_test_context();
    wt_err err;
    wt_test_ok(wt_make_dirs(ctx, folder, &err), &err);
    wt_test_context_close(ctx);
    wt_test_write(wt_test_path(folder, "tokenizer.json"), json, strlen(json));
    return wt_test_path(folder_of_test, name);
}

static void reads_a_folder(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_tokenizer *t;
    wt_weights *w;
    wt_tokenizer_info info;
    wt_err err;
    static const char config[] = "{\"eos_token\":{\"content\":\"<|end|>\"},\"chat_template\":\"{{ x }}\"}";
    const char *folder = write_folder("bpe", bpe);
    wt_test_write(wt_test_path(folder, "tokenizer_config.json"), config, sizeof config - 1);
    wt_test_ok(wt_tokenizer_open(&t, ctx, folder, &err), &err);
    check_all(t);
    wt_tokenizer_describe(t, &info);
    assert_int_equal(info.eos, 9);
    assert_string_equal(wt_tokenizer_chat_template(t), "{{ x }}");
    assert_int_equal(wt_token_find(t, "<|end|>"), 9);
    assert_true(wt_token_ends(t, 9));
    wt_tokenizer_close(t);
    /* through GGUF's keys, with the file along and without: the keys know no Lowercase, so lower-case text */
    wt_test_ok(wt_weights_new(&w, ctx, "test", "gguf", &err), &err);
    wt_test_ok(wt_tokenizer_keys_from_folder(w, folder, &err), &err);
    wt_test_ok(wt_tokenizer_from_weights(&t, ctx, w, &err), &err);
    check_all(t);
    assert_string_equal(wt_tokenizer_chat_template(t), "{{ x }}");
    wt_tokenizer_close(t);
    wt_weights_drop_meta(w, "tokenizer.huggingface.json");
    wt_test_ok(wt_tokenizer_from_weights(&t, ctx, w, &err), &err);
    wt_tokenizer_describe(t, &info);
    assert_string_equal(info.pre, "smollm");
    assert_int_equal(info.eos, 9);
    check(t, 0, "hello12", IDS(6, 7, 3, 4, 5));
    wt_tokenizer_close(t);
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *json, *part;
        wt_status status;
    } cases[] = {
        { "{", "no JSON", WT_EFORMAT },
        { "{}", "no model", WT_EFORMAT },
        { "{\"model\":{\"type\":\"BPE\"}}", "no model.vocab", WT_EFORMAT },
        { "{\"model\":{\"type\":\"Odd\",\"vocab\":{\"a\":0}}}", "\"Odd\"", WT_EUNSUPPORTED },
        { "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}", "id of a token", WT_EFORMAT },
        { "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1e9},\"merges\":[]}}", "id of a token", WT_EFORMAT },
        { "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}", "no pair", WT_EFORMAT },
        { "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a a\"]}}", "no token", WT_EFORMAT },
        { "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[],\"dropout\":0.1}}", "dropout",
          WT_EUNSUPPORTED },
        { "{\"normalizer\":{\"type\":\"Odd\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
          "normalizer \"Odd\"", WT_EUNSUPPORTED },
        { "{\"pre_tokenizer\":{\"type\":\"Odd\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
          "pre-tokenizer \"Odd\"", WT_EUNSUPPORTED },
        { "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a\"},\"behavior\":\"Isolated\"},"
          "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
          "a group without an end", WT_EFORMAT },
        { "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\"]]}}", "name with a score", WT_EFORMAT },
        { "{\"model\":{\"type\":\"Unigram\",\"unk_id\":7,\"vocab\":[[\"a\",-1]]}}", "unk_id 7", WT_EFORMAT },
    };
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        wt_tokenizer *t;
        wt_err err;
        const char *path = wt_test_path(folder_of_test, "bad.json");
        wt_test_write(path, cases[i].json, strlen(cases[i].json));
        wt_test_refused(wt_tokenizer_open(&t, ctx, path, &err), cases[i].status, &err, cases[i].part);
        assert_null(t);
        assert_non_null(strstr(err.where, "bad.json"));
    }
    wt_tokenizer *t;
    wt_err err;
    wt_test_write(wt_test_path(folder_of_test, "bad.model"), "\x0a\x7f", 2);
    wt_test_refused(wt_tokenizer_open(&t, ctx, wt_test_path(folder_of_test, "bad.model"), &err), WT_EFORMAT, &err,
                    NULL);
    wt_test_write(wt_test_path(folder_of_test, "bad.model"), "", 0);
    wt_test_refused(wt_tokenizer_open(&t, ctx, wt_test_path(folder_of_test, "bad.model"), &err), WT_EFORMAT, &err,
                    "has pieces");
    wt_test_context_close(ctx);
}

static wt_status each_alloc(wt_context *ctx, void *path, wt_err *err)
{
    wt_tokenizer *t;
    int32_t ids[MOST];
    size_t n = 0;
    wt_status st = wt_tokenizer_open(&t, ctx, path, err);
    if (st == WT_OK)
        st = wt_tokenize(t, "hEllo 12 he", 11, 3, ids, MOST, &n, err);
    wt_tokenizer_close(t);
    return st;
}

static void allocations_fail(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s", wt_test_path(write_folder("alloc", bpe), "tokenizer.json"));
    assert_true(wt_test_fail_each_alloc(each_alloc, path) > 10);
}

static int make_folder(void **state)
{
    (void)state;
    folder_of_test = wt_test_tmpdir();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reads_a_folder, make_folder),
        cmocka_unit_test_setup(refusals, make_folder),
        cmocka_unit_test_setup(allocations_fail, make_folder),
    };
    return wt_test_run("json", tests, WT_ARRAY_LEN(tests));
}
