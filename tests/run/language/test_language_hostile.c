/* test_language_hostile.c - models that contradict themselves, and requests that a model cannot fill: one clear line.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/hash.h"
#include "made_model.h"
#include "whet/language.h"
#include "whet/optimize.h"

/* Opening llama with one line changed (NULL: dropped, `start` NULL: added) is refused with this part. */
static void refused(const char *model, const char *start, const char *now, wt_status expected, const char *part)
{
    made_model m;
    wt_err err = { 0 };
    wt_language *language = (wt_language *)&language;
    made_model_read(&m, model);
    if (start)
        made_model_change(&m, start, now);
    else
        made_model_add(&m, now);
    wt_context *ctx = wt_test_context();
    const wt_status st = wt_language_open(&language, ctx, made_model_write(&m, "bad.gguf"), NULL, &err);
    wt_test_refused(st, expected, &err, part);
    assert_null(language);
    assert_non_null(strstr(err.where, "bad.gguf"));
    wt_test_context_close(ctx);
    made_model_free(&m);
}

static void keys(void **state)
{
    (void)state;
    const struct {
        const char *start, *now, *part;
        wt_status status;
    } bad[] = {
        { "key str general.architecture", "key str general.architecture lama", "'lama' is not known", WT_EUNSUPPORTED },
        { "key str general.architecture", NULL, "is not known", WT_EUNSUPPORTED },
        { "key u32 llama.block_count", NULL, "llama.block_count is missing", WT_EFORMAT },
        { "key u32 llama.block_count", "key u32 llama.block_count 0", "llama.block_count", WT_EFORMAT },
        { "key u32 llama.block_count", "key u32 llama.block_count 3", "blk.2.attn_norm.weight", WT_EFORMAT },
        { "key u32 llama.block_count", "key str llama.block_count two", "llama.block_count", WT_EFORMAT },
        { "key u32 llama.block_count", "key u32 llama.block_count 4000000000", "llama.block_count", WT_EFORMAT },
        { "key u32 llama.embedding_length", "key u32 llama.embedding_length 95", "token_embd.weight", WT_EFORMAT },
        { "key u32 llama.context_length", NULL, "llama.context_length is missing", WT_EFORMAT },
        { "key u32 llama.attention.head_count", NULL, "llama.attention.head_count is missing", WT_EFORMAT },
        { "key u32 llama.attention.head_count", "key u32 llama.attention.head_count 7",
          "7 heads cannot share 2 key heads", WT_EFORMAT },
        { "key u32 llama.attention.head_count_kv", "key u32 llama.attention.head_count_kv 3",
          "8 heads cannot share 3 key heads", WT_EFORMAT },
        { "key u32 llama.attention.head_count_kv", "key u32 llama.attention.head_count_kv 0",
          "cannot share 0 key heads", WT_EFORMAT },
        { "key u32 llama.attention.head_count_kv", "key u32s llama.attention.head_count_kv 2", "layer 1", WT_EFORMAT },
        { "key u32 llama.attention.head_count_kv", "key u32s llama.attention.head_count_kv 2 4", "blk.1.attn_k.weight",
          WT_EFORMAT },
        { "key u32 llama.attention.key_length", "key u32 llama.attention.key_length 34", "attn_q.weight", WT_EFORMAT },
        { "key u32 llama.attention.key_length", NULL, "attn_q.weight", WT_EFORMAT },
        { "key u32 llama.feed_forward_length", "key u32 llama.feed_forward_length 111", "ffn_", WT_EFORMAT },
        { "key f32 llama.attention.layer_norm_rms_epsilon", "key str llama.attention.layer_norm_rms_epsilon small",
          "epsilon", WT_EFORMAT },
        { "key f32 llama.attention.layer_norm_rms_epsilon", "key f32 llama.attention.layer_norm_rms_epsilon nan",
          "epsilon", WT_EFORMAT },
        { NULL, "key u32 llama.rope.dimension_count 31", "31 of 32 numbers", WT_EFORMAT },
        { NULL, "key u32 llama.rope.dimension_count 64", "64 of 32 numbers", WT_EFORMAT },
        { NULL, "key f32 llama.rope.freq_base -1", "freq_base", WT_EFORMAT },
        { NULL, "key f32 llama.rope.freq_base nan", "freq_base", WT_EFORMAT },
        { NULL, "key f32 llama.rope.scaling.factor nan", "scaling.factor", WT_EFORMAT },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++)
        refused("llama", bad[i].start, bad[i].now, bad[i].status, bad[i].part);
}

static void tensors(void **state)
{
    (void)state;
    const struct {
        const char *model, *start, *now, *part;
    } bad[] = {
        { "llama", "tensor token_embd.weight", NULL, "token_embd.weight" },
        { "llama", "tensor output_norm.weight", NULL, "there is no tensor output_norm.weight" },
        { "llama", "tensor blk.1.attn_v.weight", NULL, "there is no tensor blk.1.attn_v.weight" },
        { "llama", "tensor blk.0.ffn_down.weight", NULL, "there is no tensor blk.0.ffn_down.weight" },
        { "llama", "tensor blk.1.attn_k.weight", "tensor blk.1.attn_k.weight 0.1 0 96 63",
          "blk.1.attn_k.weight is 63x96, expected 64x96" },
        { "llama", "tensor blk.1.ffn_up.weight", "tensor blk.1.ffn_up.weight 0.1 0 112 96",
          "blk.1.ffn_up.weight is 96x112, expected 112x96" },
        { "llama", "tensor blk.1.ffn_norm.weight", "tensor blk.1.ffn_norm.weight 0.1 0 96 1", "blk.1.ffn_norm.weight" },
        { "llama", "tensor output.weight", "tensor output.weight 0.1 0 96 95", "output.weight is 95x96" },
        { "llama", "tensor token_embd.weight", "tensor token_embd.weight 0.1 0 96 95",
          "the tokenizer has 96 tokens, but token_embd.weight has rows for 95" },
        { "llama_bias", "tensor blk.0.attn_q.bias", "tensor blk.0.attn_q.bias 0.1 0 65", "blk.0.attn_q.bias is 65" },
        { "llama_freqs", "tensor rope_freqs.weight", "tensor rope_freqs.weight 0.1 0 7", "rope_freqs.weight is 7" },
        { "qwen3", "tensor blk.0.attn_q_norm.weight", "tensor blk.0.attn_q_norm.weight 0.1 0 72",
          "blk.0.attn_q_norm.weight is 72, expected 32" },
        { "qwen3moe", "tensor blk.1.ffn_up_exps.weight", "tensor blk.1.ffn_up_exps.weight 0.1 0 72 24 6",
          "blk.1.ffn_up_exps.weight is 6x24x72, expected 7x24x72" },
        { "qwen3moe", "key u32 qwen3moe.expert_used_count", "key u32 qwen3moe.expert_used_count 8", "8 of 7 are used" },
        { "qwen3moe", "key u32 qwen3moe.expert_count", NULL, "layer 0 has experts" },
        { "qwen2moe", "tensor blk.0.ffn_up_shexp.weight", "tensor blk.0.ffn_up_shexp.weight 0.1 0 64 71",
          "blk.0.ffn_gate_shexp.weight is 72x64, expected 71x64" },
        { "gpt2", "tensor position_embd.weight", "tensor position_embd.weight 0.1 0 60 255", "position_embd.weight" },
        { "gpt2", "tensor blk.1.attn_qkv.weight", "tensor blk.1.attn_qkv.weight 0.1 0 60 179", "attn_qkv.weight" },
        { "bert", "tensor token_types.weight", "tensor token_types.weight 0.1 0 59 2", "token_types.weight" },
        { "bert", "key u32 bert.attention.head_count", "key u32 bert.attention.head_count 7", "head" },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++)
        refused(bad[i].model, bad[i].start, bad[i].now, WT_EFORMAT, bad[i].part);
}

/* --- weights that are no numbers -----------------------------------------------------------------------------------
 */
static void broken_weights(void **state)
{
    static const char *const poisons[][2] = {
        { "poison blk.1.ffn_up.weight 77 7fc00000", "blk.1.ffn_up.weight" },
        { "poison blk.0.attn_norm.weight 3 7f800000", "blk.0.attn_norm.weight" },
        { "poison output.weight 500 ffc00000", "output.weight" },
        { "poison token_embd.weight 960 7f800001", "token_embd.weight" },
    };
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(poisons); i++) {
        made_model m;
        wt_err err = { 0 };
        wt_result *result;
        wt_generate_options o = wt_generate_defaults();
        o.prompt = "the cat and the hat ghi";
        o.max_tokens = 30;
        made_model_read(&m, "llama");
        made_model_add(&m, poisons[i][0]);
        wt_context *ctx = wt_test_context();
        const char *path = made_model_write(&m, "broken.gguf");
        wt_test_refused(wt_generate(&result, ctx, path, &o, &err), WT_EVERDICT, &err, poisons[i][1]);
        const wt_embed_options e = wt_embed_defaults();
        if (strcmp(poisons[i][1], "output.weight")) /* the one that embeddings do not use */
            wt_test_refused(wt_embed(&result, ctx, path, &o.prompt, 1, &e, &err), WT_EVERDICT, &err, poisons[i][1]);
        wt_test_context_close(ctx);
        made_model_free(&m);
    }
}

/* --- requests ------------------------------------------------------------------------------------------------------
 */
static void requests(void **state)
{
    made_model m;
    wt_err err = { 0 };
    wt_language *language;
    wt_decoder *decoder;
    wt_seq seq, second;
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_test_ok(wt_language_open(&language, ctx, made_model_path(&m, "llama"), NULL, &err), &err);
    wt_decoder_options o = wt_decoder_defaults();
    o.context = 513;
    wt_test_refused(wt_decoder_open(&decoder, language, &o, &err), WT_EUSAGE, &err, "more than the 512");
    assert_null(decoder);
    o.context = 64;
    wt_test_ok(wt_decoder_open(&decoder, language, &o, &err), &err);
    wt_test_refused(wt_decoder_run(decoder, &(wt_batch_token){ 3, 0, true }, 1, &err), WT_EUSAGE, &err,
                    "no sequence 0");
    wt_test_ok(wt_seq_open(decoder, &seq, &err), &err);
    wt_test_refused(wt_seq_open(decoder, &second, &err), WT_ELIMIT, &err, "all 1 sequences");
    static const int32_t outside[] = { -1, 96, INT32_MAX, INT32_MIN };
    for (size_t i = 0; i < WT_ARRAY_LEN(outside); i++)
        wt_test_refused(wt_decoder_run(decoder, &(wt_batch_token){ outside[i], seq, true }, 1, &err), WT_EUSAGE, &err,
                        "outside a vocabulary of 96");
    wt_batch_token many[65];
    for (size_t i = 0; i < WT_ARRAY_LEN(many); i++)
        many[i] = (wt_batch_token){ 5, seq, i % 2 };
    wt_test_refused(wt_decoder_run(decoder, many, 65, &err), WT_ELIMIT, &err, "65 more tokens do not fit");
    assert_int_equal(wt_seq_length(decoder, seq), 0);
    assert_null(wt_decoder_output(decoder, 0));
    wt_test_ok(wt_decoder_run(decoder, many, 64, &err), &err);
    assert_non_null(wt_decoder_output(decoder, 31));
    assert_null(wt_decoder_output(decoder, 32));
    wt_test_refused(wt_decoder_run(decoder, many, 1, &err), WT_ELIMIT, &err, "do not fit");
    assert_int_equal(wt_seq_length(decoder, seq), 64);
    wt_test_refused(wt_seq_truncate(decoder, seq, 65, &err), WT_EUSAGE, &err, "cannot be cut");
    wt_test_refused(wt_seq_truncate(decoder, seq, -1, &err), WT_EUSAGE, &err, "cannot be cut");
    wt_test_refused(wt_seq_shift(decoder, seq, 60, 5, &err), WT_EUSAGE, &err, "no 5 behind the first 60");
    wt_test_refused(wt_seq_fork(decoder, 7, seq, 1, &err), WT_EUSAGE, &err, "no sequence 7");
    wt_decoder_close(decoder);
    wt_language_close(language);
    made_model_free(&m);
    wt_test_context_close(ctx);
}

static void no_context_and_no_cache(void **state)
{
    made_model m;
    wt_err err = { 0 };
    wt_language *language;
    wt_language_options o = wt_language_defaults();
    (void)state;
    wt_context *ctx = wt_test_context();
    o.k_dtype = WT_Q8_0; /* heads of 16 do not fill a block */
    wt_test_refused(wt_language_open(&language, ctx, made_model_path(&m, "llama_bias"), &o, &err), WT_EUNSUPPORTED,
                    &err, "cannot be cached as q8_0");
    made_model_free(&m);
    o.k_dtype = WT_I32;
    wt_test_refused(wt_language_open(&language, ctx, made_model_path(&m, "llama"), &o, &err), WT_EUNSUPPORTED, &err,
                    "cannot be cached as int32");
    made_model_free(&m);
    o = wt_language_defaults();
    o.context = 256; /* phi3's frequencies change at 512 */
    wt_decoder *decoder;
    wt_decoder_options d = wt_decoder_defaults();
    d.context = 1024;
    wt_test_ok(wt_language_open(&language, ctx, made_model_path(&m, "phi3_short"), &o, &err), &err);
    wt_test_refused(wt_decoder_open(&decoder, language, &d, &err), WT_EUSAGE, &err, "beyond 512 tokens");
    wt_language_close(language);
    made_model_free(&m);
    wt_test_context_close(ctx);
}

static void encoders_write_no_text(void **state)
{
    made_model m;
    wt_err err = { 0 };
    wt_result *result;
    wt_generate_options o = wt_generate_defaults();
    (void)state;
    wt_context *ctx = wt_test_context();
    o.prompt = "the";
    wt_test_refused(wt_generate(&result, ctx, made_model_path(&m, "bert"), &o, &err), WT_EUNSUPPORTED, &err,
                    "gives embeddings");
    made_model_free(&m);
    wt_test_context_close(ctx);
}

/* --- damage and memory ---------------------------------------------------------------------------------------------
 */
static wt_status open_and_run(wt_context *ctx, void *arg, wt_err *err)
{
    wt_language *language;
    wt_decoder *decoder = NULL;
    wt_seq seq;
    WT_TRY(wt_language_open(&language, ctx, arg, NULL, err));
    const wt_decoder_options o = { .size = sizeof o, .context = 64 };
    wt_status st = wt_decoder_open(&decoder, language, &o, err);
    if (st == WT_OK)
        st = wt_seq_open(decoder, &seq, err);
    if (st == WT_OK)
        st = wt_decoder_run(decoder, &(wt_batch_token){ 3, seq, true }, 1, err);
    wt_decoder_close(decoder);
    wt_language_close(language);
    return st;
}

/* What the tokenizer and the decoder make of a text, where the file has a tokenizer; else three ids. */
static wt_status open_and_say(wt_context *ctx, const char *path, wt_err *err)
{
    static const char text[] = "the \xe2\x96\x81 \xff cat 12";
    wt_language *language;
    wt_decoder *decoder = NULL;
    wt_seq seq;
    int32_t ids[8] = { 3, 1, 2 };
    size_t n = 3;
    WT_TRY(wt_language_open(&language, ctx, path, NULL, err));
    const wt_tokenizer *words = wt_language_tokenizer(language);
    const wt_decoder_options o = { .size = sizeof o, .context = 64 };
    wt_status st = words ? wt_tokenize(words, text, sizeof text - 1, 0, ids, 8, &n, err) : WT_OK;
    if (st == WT_OK)
        st = wt_decoder_open(&decoder, language, &o, err);
    if (st == WT_OK)
        st = wt_seq_open(decoder, &seq, err);
    for (size_t i = 0; st == WT_OK && i < n && i < WT_ARRAY_LEN(ids); i++)
        st = wt_decoder_run(decoder, &(wt_batch_token){ ids[i], seq, true }, 1, err);
    wt_decoder_close(decoder);
    wt_language_close(language);
    return st;
}

static uint8_t *read_whole(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, f), *size);
    fclose(f);
    return bytes;
}

/* A damaged file must be refused, with a reason, or work; it may not ask for more memory than such a model can need. */
static void open_damaged(const char *path, bool cut)
{
    enum { MEMORY = 256 << 20 };
    wt_err err = { 0 };
    wt_context *ctx;
    wt_context_options o = wt_context_defaults();
    o.memory_limit = MEMORY;
    o.threads = 1;
    wt_test_ok(wt_context_open(&ctx, &o, &err), &err);
    const wt_status st = open_and_say(ctx, path, &err);
    assert_true(cut ? st != WT_OK : true);
    assert_true(st == WT_OK || err.message[0]);
    assert_int_not_equal(st, WT_EINTERNAL);
    wt_test_context_close(ctx);
}

/* A file that ends anywhere, and bits that turn in its keys and names (and a few in its numbers). */
static void damage_one(const char *name, size_t cuts, size_t flips)
{
    enum { HEAD = 8192 };
    made_model m;
    size_t size;
    uint64_t random = wt_hash64(name, strlen(name), 0);
    made_model_read(&m, name);
    const char *path = made_model_write(&m, "damaged.gguf");
    uint8_t *bytes = read_whole(path, &size);
    for (size_t i = 0; i < cuts; i++) {
        wt_test_write(path, bytes, i * size / cuts);
        open_damaged(path, true);
    }
    wt_test_write(path, bytes, size);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    for (size_t i = 0; i < flips; i++) {
        const uint64_t draw = wt_random(&random);
        const size_t at = (size_t)((draw >> 8) % (draw & 0x78 && size > HEAD ? HEAD : size));
        const uint8_t turned = bytes[at] ^ (uint8_t)(1u << (draw & 7));
        if (wt_test_long())
            fprintf(stderr, "\r%s: byte %zu is %02x ", name, at, turned);
        fseek(f, (long)at, SEEK_SET);
        assert_int_equal(fwrite(&turned, 1, 1, f), 1);
        fflush(f);
        open_damaged(path, false);
        fseek(f, (long)at, SEEK_SET);
        assert_int_equal(fwrite(&bytes[at], 1, 1, f), 1);
    }
    fclose(f);
    free(bytes);
    made_model_free(&m);
}

static void damaged_files(void **state)
{
    static const char *const models[] = {
        "qwen3moe",
        "gemma3",
        "bert",
        "llama",
        "falcon_40b",
        "falcon_7b",
        "gemma",
        "gemma2",
        "gpt2",
        "gptneox",
        "gptneox_serial",
        "granite",
        "granitemoe",
        "llama_freqs",
        "llama_linear",
        "llama_moe",
        "llama_old_linear",
        "nomic_bert",
        "olmo2",
        "olmo3",
        "olmoe",
        "phi3_long",
        "qwen2",
        "qwen2_yarn",
        "qwen2moe_plain",
        "smollm3",
        "starcoder2",
    };
    enum { SLICE = 3 };
    (void)state;
    const bool all = wt_test_long();
    for (size_t i = 0; i < (all ? WT_ARRAY_LEN(models) : SLICE); i++)
        damage_one(models[i], all ? 400 : 40, all ? 2000 : 150);
}

static wt_status generate_once(wt_context *ctx, void *path, wt_err *err)
{
    wt_generate_options o = wt_generate_defaults();
    wt_result *result = NULL;
    o.prompt = "the cat";
    o.max_tokens = 2;
    o.decoder.context = 64;
    const wt_status st = wt_generate(&result, ctx, path, &o, err);
    wt_result_free(result);
    return st;
}

static const char *folder;

/* The target is there whole or not at all, whichever allocation failed. */
static wt_status quantize_once(wt_context *ctx, void *path, wt_err *err)
{
    wt_quantize_options o = wt_quantize_defaults();
    wt_result *result = NULL;
    o.scheme = "q8_0";
    o.output = wt_test_path(folder, "out/q8_0.gguf");
    (void)remove(o.output);
    const wt_status st = wt_quantize(&result, ctx, path, &o, err);
    wt_result_free(result);
    const size_t there = wt_test_count_files(wt_test_path(folder, "out"));
    if (there > 1 || (st == WT_OK && there != 1))
        return wt_fail(err, WT_EINTERNAL, "%zu files are there", there);
    return st;
}

static wt_status convert_once(wt_context *ctx, void *path, wt_err *err)
{
    wt_convert_options o = wt_convert_defaults();
    wt_result *result = NULL;
    o.output = wt_test_path(folder, "out/half.gguf");
    o.dtype = "f16";
    o.force = 1;
    const wt_status st = wt_convert_model(&result, ctx, path, &o, err);
    wt_result_free(result);
    return st;
}

static void without_memory(void **state)
{
    made_model m;
    (void)state;
    assert_true(wt_test_fail_each_alloc(open_and_run, (void *)(uintptr_t)made_model_path(&m, "gemma2")) > 100);
    made_model_free(&m);
    folder = wt_test_tmpdir();
    assert_int_equal(mkdir(wt_test_path(folder, "out"), 0777), 0);
    void *llama = (void *)(uintptr_t)made_model_path(&m, "llama");
    assert_true(wt_test_fail_each_alloc(generate_once, llama) > 100);
    assert_true(wt_test_fail_each_alloc(quantize_once, llama) > 50);
    assert_true(wt_test_fail_each_alloc(convert_once, llama) > 50);
    made_model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),
        cmocka_unit_test(tensors),
        cmocka_unit_test(broken_weights),
        cmocka_unit_test(requests),
        cmocka_unit_test(no_context_and_no_cache),
        cmocka_unit_test(encoders_write_no_text),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(without_memory),
    };
    return wt_test_run("language_hostile", tests, WT_ARRAY_LEN(tests));
}
