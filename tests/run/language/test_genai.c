/* test_genai.c - decoders written as folders of ONNX Runtime GenAI and read back: the same answers, and one clear line
 * for folders that are wrong. What ONNX Runtime says of the files is asked in tests/oracle/check_genai.py. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "made_model.h"
#include "model/formats/genai/genai.h"
#include "whet/language.h"

enum { TOKENS = 40, VOCAB = 96 };

static wt_status write_folder(wt_context *ctx, const char *path, const char *folder, wt_dtype dtype, wt_err *err)
{
    const wt_genai_options o = { .dtype = dtype };
    wt_weights *set = NULL;
    WT_TRY(wt_weights_open(&set, ctx, path, err));
    const wt_status st = wt_genai_write(set, folder, &o, NULL, err);
    wt_weights_close(set);
    return st;
}

/* Logits of some tokens, the prompt at once and the last three one by one. */
static void ask(wt_context *ctx, const made_model *m, const char *path, float *out)
{
    wt_err err = { 0 };
    wt_language_options o = wt_language_defaults();
    wt_language *language = NULL;
    wt_decoder *decoder = NULL;
    wt_seq seq;
    o.k_dtype = o.v_dtype = WT_F32;
    o.context = m->context;
    wt_test_ok(wt_language_open(&language, ctx, path, &o, &err), &err);
    wt_test_ok(wt_decoder_open(&decoder, language, NULL, &err), &err);
    wt_test_ok(wt_seq_open(decoder, &seq, &err), &err);
    for (size_t i = 0, n; i < TOKENS; i += n) {
        wt_batch_token batch[TOKENS];
        n = i ? 1 : TOKENS - 3;
        for (size_t k = 0; k < n; k++)
            batch[k] = (wt_batch_token){ m->token[i + k], seq, true };
        wt_test_ok(wt_decoder_run(decoder, batch, n, &err), &err);
        for (size_t k = 0; k < n; k++)
            memcpy(out + (i + k) * VOCAB, wt_decoder_output(decoder, k), VOCAB * sizeof *out);
    }
    wt_decoder_close(decoder);
    wt_language_close(language);
}

static void compare(const char *name, wt_dtype dtype, double tolerance)
{
    static float want[TOKENS * VOCAB], have[TOKENS * VOCAB];
    made_model m;
    wt_err err = { 0 };
    char folder[64];
    double worst = 0;
    const char *path = made_model_path(&m, name);
    wt_context *ctx = wt_test_context();
    snprintf(folder, sizeof folder, "%s.%s", name, wt_dtype_name(dtype ? dtype : WT_F32));
    const char *made = wt_test_path(wt_test_tmpdir(), folder);
    wt_test_ok(write_folder(ctx, path, made, dtype, &err), &err);
    ask(ctx, &m, path, want);
    ask(ctx, &m, made, have);
    for (size_t i = 0; i < TOKENS * VOCAB; i++)
        worst = fmax(worst, fabs((double)want[i] - (double)have[i]) / m.range);
    if (!(worst < tolerance))
        fail_msg("%s: answers of the folder are %g of the range away, expected less than %g", name, worst, tolerance);
    wt_test_context_close(ctx);
    made_model_free(&m);
}

static void answers_are_the_same(void **unused)
{
    static const char *const names[] = { "llama",  "llama_bias", "llama_freqs", "smollm3",  "granite",
                                         "qwen2",  "qwen2_yarn", "qwen3",       "gemma",    "gemma2",
                                         "gemma3", "phi3_short", "gptneox",     "falcon_7b" };
    (void)unused;
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        compare(names[i], WT_DTYPE_NONE, 1e-5);
}

static void halves_are_near(void **unused)
{
    (void)unused;
    compare("llama", WT_F16, 4e-3);
    compare("gemma3", WT_F16, 4e-3);
}

/* --- what is refused ---------------------------------------------------------------------------------------------- */
static void what_onnx_runtime_lacks_is_named(void **unused)
{
    static const char *const bad[][2] = { { "llama_moe", "mixture of experts" },
                                          { "gpt2", "multiple of 8" },
                                          { "bert", "gives embeddings" } };
    (void)unused;
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++) {
        made_model m;
        wt_err err = { 0 };
        const char *path = made_model_path(&m, bad[i][0]), *folder = wt_test_path(wt_test_tmpdir(), "refused");
        wt_context *ctx = wt_test_context();
        wt_test_refused(write_folder(ctx, path, folder, WT_DTYPE_NONE, &err), WT_EUNSUPPORTED, &err, bad[i][1]);
        assert_true(err.hint[0] != 0);
        assert_false(wt_path_exists(folder));
        wt_test_context_close(ctx);
        made_model_free(&m);
    }
}

/* The text of a file of the folder, with one part replaced. */
static void edit(const char *folder, const char *from, const char *to)
{
    const char *path = wt_test_path(folder, "genai_config.json");
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    char *text = NULL, now[4096];
    size_t len;
    wt_test_ok(wt_read_file(ctx, path, 1 << 16, &text, &len, &err), &err);
    const char *at = strstr(text, from);
    assert_non_null(at);
    snprintf(now, sizeof now, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    wt_test_write(path, now, strlen(now));
    wt_free(ctx, text);
    wt_test_context_close(ctx);
}

static void refuses(const char *folder, wt_status status, const char *part)
{
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_language *language = (wt_language *)&language;
    wt_test_refused(wt_language_open(&language, ctx, folder, NULL, &err), status, &err, part);
    assert_null(language);
    assert_true(err.hint[0] != 0);
    wt_test_context_close(ctx);
}

static void folders_that_are_wrong(void **unused)
{
    static const struct {
        const char *from, *to, *part;
        wt_status status;
    } bad[] = {
        { "\"filename\": \"model.onnx\"", "\"filename\": \"other.onnx\"", "other.onnx", WT_EIO },
        { "\"filename\": \"model.onnx\"", "\"filename\": 7", "filename", WT_EFORMAT },
        { "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 4", "2 of 32", WT_EFORMAT },
        { "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "cannot share 3", WT_EFORMAT },
        { "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "has 4 caches", WT_EFORMAT },
        { "\"head_size\": 32", "\"head_size\": 64", "2 key heads of 64", WT_EFORMAT },
        { "\"vocab_size\": 96", "\"vocab_size\": 0", "vocab_size", WT_EFORMAT },
        { "\"context_length\"", "\"context_size\"", "context_length", WT_EFORMAT },
        { "\"decoder\": {", "\"encoder\": {}, \"decoder\": {", "encoder", WT_EUNSUPPORTED },
        { "\"decoder\": {", "\"recorder\": {", "decoder", WT_EFORMAT },
    };
    made_model m;
    wt_err err = { 0 };
    const char *path = made_model_path(&m, "llama"), *folder = wt_test_path(wt_test_tmpdir(), "wrong");
    wt_context *ctx = wt_test_context();
    (void)unused;
    wt_test_ok(write_folder(ctx, path, folder, WT_DTYPE_NONE, &err), &err);
    wt_test_context_close(ctx);
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++) {
        edit(folder, bad[i].from, bad[i].to);
        refuses(folder, bad[i].status, bad[i].part);
        edit(folder, bad[i].to, bad[i].from);
    }
    unlink(wt_test_path(folder, "model.onnx"));
    refuses(folder, WT_EIO, "model.onnx");
    made_model_free(&m);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */
static wt_status write_one(wt_context *ctx, void *path, wt_err *err)
{
    const char *folder = wt_test_path(wt_test_tmpdir(), "memory");
    const wt_status st = write_folder(ctx, path, folder, WT_DTYPE_NONE, err);
    if (st != WT_OK)
        assert_false(wt_path_exists(wt_test_path(folder, "genai_config.json")));
    wt_remove_leftovers(folder);
    static const char *const names[] = { "genai_config.json", "model.onnx", "tokenizer.model",
                                         "tokenizer_config.json" };
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        unlink(wt_test_path(folder, names[i]));
    return st;
}

static wt_status open_one(wt_context *ctx, void *folder, wt_err *err)
{
    wt_weights *set = NULL;
    wt_graph *graph = NULL;
    WT_TRY(wt_weights_open(&set, ctx, folder, err));
    const wt_status st = wt_arch_build(&graph, set, NULL, err);
    wt_graph_close(graph);
    wt_weights_close(set);
    return st;
}

static void memory_may_end_anywhere(void **unused)
{
    made_model m;
    wt_err err = { 0 };
    const char *path = made_model_path(&m, "llama"), *folder = wt_test_path(wt_test_tmpdir(), "whole");
    wt_context *ctx = wt_test_context();
    (void)unused;
    wt_test_ok(write_folder(ctx, path, folder, WT_DTYPE_NONE, &err), &err);
    wt_test_context_close(ctx);
    assert_true(wt_test_fail_each_alloc(open_one, (void *)(uintptr_t)folder) > 50);
    assert_true(wt_test_fail_each_alloc(write_one, (void *)(uintptr_t)path) > 50);
    made_model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_the_same),
        cmocka_unit_test(halves_are_near),
        cmocka_unit_test(what_onnx_runtime_lacks_is_named),
        cmocka_unit_test(folders_that_are_wrong),
        cmocka_unit_test(memory_may_end_anywhere),
    };
    return wt_test_run("genai", tests, WT_ARRAY_LEN(tests));
}
