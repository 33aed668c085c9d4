/* Hugging Face folders that must be refused, and what an allocation that fails leaves. */
#include <stdio.h>
#include "base/file.h"
#include "model/huggingface/huggingface.h"
#include "st_bytes.h"

static void refused(wt_context *ctx, const char *config, const char *part)
{
    wt_err err = { 0 };
    wt_weights *w = (wt_weights *)&err;
    const char *folder = st_folder("bad", config);
    const wt_status st = wt_weights_open(&w, ctx, folder, &err);
    assert_null(w);
    wt_test_refused(st, st == WT_EUNSUPPORTED ? WT_EUNSUPPORTED : WT_EFORMAT, &err, part);
    assert_int_equal(strncmp(err.where, folder, strlen(folder)), 0);
    assert_true(err.hint[0] || strstr(err.message, "no JSON"));
}

static void good(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_weights *w = NULL;
    int64_t n = 0;
    const char *folder = st_folder("good", st_config(""));
    wt_test_ok(wt_weights_open(&w, ctx, folder, &err), &err);
    assert_int_equal(wt_weights_count(w), 12);
    wt_test_ok(wt_weights_int(w, "llama.attention.head_count_kv", 0, &n, &err), &err);
    assert_int_equal(n, 2);
    assert_int_equal(wt_weights_find(w, "blk.0.attn_q.weight")->form, WT_FORM_PAIRS);
    assert_int_equal(wt_weights_find(w, "blk.0.attn_v.weight")->form, WT_FORM_AS_IS);
    wt_weights_close(w);
    wt_test_ok(wt_weights_open(&w, ctx, wt_test_path(folder, "model.safetensors"), &err), &err);
    assert_non_null(wt_weights_find(w, "token_embd.weight")); /* with config.json beside it */
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static void configs(void **state)
{
    (void)state;
    static const struct {
        const char *part, *more;
    } cases[] = {
        { "duplicate", ",\"hidden_size\":8" },
        { "quantized in a way that is not known here (quip)", ",\"quantization_config\":{\"quant_method\":\"quip\"}" },
        { "unknown type 'spiral'", ",\"rope_scaling\":{\"rope_type\":\"spiral\",\"factor\":2}" },
        { "\"factor\" is no number", ",\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":\"2\"}" },
        { "\"factor\" of \"rope_scaling\" is -1", ",\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":-1}" },
        { "make no sense", ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":0}" },
        { "no list of factors", ",\"rope_scaling\":{\"rope_type\":\"longrope\",\"long_factor\":2}" },
        { "no factor", ",\"rope_scaling\":{\"rope_type\":\"longrope\",\"long_factor\":[1,0]}" },
        { "share 5 key heads", ",\"num_key_value_heads\":5" },
        { "share 0 key heads", ",\"num_key_value_heads\":0" },
        { "\"num_key_value_heads\" is not a count", ",\"num_key_value_heads\":-2" },
        { "\"rope_theta\" is not a number", ",\"rope_theta\":\"1e4\"" },
        { "no \"hidden_size\"", NULL },
    };
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++)
        refused(ctx,
                cases[i].more ? st_config(cases[i].more) : "{\"model_type\":\"llama\",\"max_position_embeddings\":4}",
                cases[i].part);
    refused(ctx, "{", "no JSON");
    refused(ctx, "[]", "object was expected");
    refused(ctx, "{}", "no \"model_type\"");
    refused(ctx, "{\"model_type\":\"mamba\"}", "type 'mamba' are not known");
    wt_test_context_close(ctx);
}

/* config.json and tensors of different models. */
static void other_tensors(void **state)
{
    (void)state;
    static const struct {
        const char *part, *config;
    } cases[] = {
        { "no rows for whole heads", "{\"model_type\":\"llama\",\"max_position_embeddings\":64,\"hidden_size\":8,"
                                     "\"num_hidden_layers\":1,\"intermediate_size\":12,\"num_attention_heads\":8}" },
        { "has no place in a model of type 'starcoder2'",
          "{\"model_type\":\"starcoder2\",\"max_position_embeddings\":64,\"hidden_size\":8,\"num_hidden_layers\":1,"
          "\"intermediate_size\":12,\"num_attention_heads\":2}" },
        { "the model has 1000000 layers", "{\"model_type\":\"llama\",\"max_position_embeddings\":64,\"hidden_size\":8,"
                                          "\"num_hidden_layers\":1000000,\"intermediate_size\":12,"
                                          "\"num_attention_heads\":2}" },
        { "'transformer.wte.weight' is missing", "{\"model_type\":\"gpt2\",\"n_positions\":64,\"n_embd\":8,"
                                                 "\"n_layer\":1,\"n_head\":2}" },
    };
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++)
        refused(ctx, cases[i].config, cases[i].part);
    wt_test_context_close(ctx);
}

static void missing_files(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_weights *w = NULL;
    wt_test_refused(wt_weights_open(&w, ctx, wt_test_tmpdir(), &err), WT_EFORMAT, &err, "no config.json");
    const char *folder = st_folder("bare", st_config(""));
    remove(wt_test_path(folder, "model.safetensors"));
    wt_test_refused(wt_weights_open(&w, ctx, folder, &err), WT_EFORMAT, &err, "neither model.safetensors nor");
    wt_test_context_close(ctx);
}

/* Nothing is written for a model that cannot be written. */
static void no_folder(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_weights *w = NULL;
    const char *out = wt_test_path(wt_test_tmpdir(), "never");
    wt_test_ok(wt_weights_new(&w, ctx, "set", "gguf", &err), &err);
    wt_test_ok(wt_weights_set_string(w, "general.architecture", "rwkv", &err), &err);
    wt_test_refused(wt_hf_write(w, out, NULL, NULL, &err), WT_EUNSUPPORTED, &err, "architecture 'rwkv'");
    assert_false(wt_path_exists(out));
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

static wt_status read_and_write(wt_context *ctx, void *arg, wt_err *err)
{
    char out[300];
    wt_weights *w = NULL;
    const wt_hf_write_options force = { .force = true, .dtype = WT_F16 };
    WT_TRY(wt_weights_open(&w, ctx, arg, err));
    snprintf(out, sizeof out, "%s.out", (const char *)arg);
    const wt_status st = wt_hf_write(w, out, &force, NULL, err);
    wt_weights_close(w);
    return st;
}

static void memory(void **state)
{
    (void)state;
    char folder[256];
    snprintf(folder, sizeof folder, "%s", st_folder("memory", st_config("")));
    assert_true(wt_test_fail_each_alloc(read_and_write, folder) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(good),          cmocka_unit_test(configs),
                                        cmocka_unit_test(other_tensors), cmocka_unit_test(missing_files),
                                        cmocka_unit_test(no_folder),     cmocka_unit_test(memory) };
    return wt_test_run("folders", tests, WT_ARRAY_LEN(tests));
}
