/* hf_write.c - a folder: config.json from keys, the weights, what there is of the tokenizer. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "base/json.h"
#include "hf_mlx.h"
#include "model/formats/safetensors/safetensors.h"

wt_status wt_hf_put(wt_hf_export *x, const char *name, json_t *value, wt_err *err)
{
    if (value && json_object_set_new(x->config, name, value) == 0)
        return WT_OK;
    return wt_fail(err, WT_ENOMEM, "no memory for config.json");
}

json_t *wt_hf_real(double value)
{
    char text[40];
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtof(text, NULL) == (float)value)
            break;
    }
    return wt_json_real(strtod(text, NULL));
}

/* --- config.json ---------------------------------------------------------------------------------------------------
 */
static wt_status put_key(wt_hf_export *x, const wt_hf_key *key, wt_err *err)
{
    char gguf[160], name[64];
    int64_t integer = 0;
    double real = 0;
    snprintf(gguf, sizeof gguf, "%s%s%s", *key->gguf == '^' ? "" : x->family->arch, *key->gguf == '^' ? "" : ".",
             key->gguf + (*key->gguf == '^'));
    snprintf(name, sizeof name, "%.*s", (int)strcspn(key->hf, "|"), key->hf);
    const wt_meta *meta = wt_weights_meta(x->set, gguf);
    if (!meta)
        return WT_OK;
    if (meta->is_array) {
        wt_fail(err, WT_EUNSUPPORTED, "the key %s differs from layer to layer, which \"%s\" cannot say", gguf, name);
        wt_err_hint(err, "keep the model in GGUF");
        return WT_EUNSUPPORTED;
    }
    if (key->type == WT_HF_FLOAT)
        return wt_meta_float_at(meta, 0, &real) ? wt_hf_put(x, name, wt_hf_real(real), err)
                                                : wt_fail(err, WT_EFORMAT, "the key %s is no number", gguf);
    if (!wt_meta_int_at(meta, 0, &integer))
        return wt_fail(err, WT_EFORMAT, "the key %s is no integer", gguf);
    return wt_hf_put(x, name, key->type == WT_HF_BOOL ? json_boolean(integer != 0) : json_integer(integer), err);
}

static wt_status put_ids(wt_hf_export *x, json_t *to, wt_err *err)
{
    static const char *const rows[][2] = { { "tokenizer.ggml.bos_token_id", "bos_token_id" },
                                           { "tokenizer.ggml.eos_token_id", "eos_token_id" },
                                           { "tokenizer.ggml.padding_token_id", "pad_token_id" } };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        const wt_meta *meta = wt_weights_meta(x->set, rows[i][0]);
        int64_t id = 0;
        if (meta && wt_meta_int_at(meta, 0, &id) && json_object_set_new(to, rows[i][1], json_integer(id)) != 0)
            return wt_fail(err, WT_ENOMEM, "no memory for config.json");
    }
    return WT_OK;
}

static wt_status put_biases(wt_hf_export *x, wt_err *err)
{
    if (wt_weights_find(x->set, "blk.0.attn_q.bias"))
        WT_TRY(wt_hf_put(x, "attention_bias", json_true(), err));
    if (wt_weights_find(x->set, "blk.0.ffn_up.bias"))
        WT_TRY(wt_hf_put(x, "mlp_bias", json_true(), err));
    return WT_OK;
}

static wt_status make_config(wt_hf_export *x, wt_err *err)
{
    const wt_weight *table = wt_weights_find(x->set, "token_embd.weight");
    const char *dtype = x->dtype == WT_BF16 ? "bfloat16" : x->dtype == WT_F16 ? "float16" : "float32";
    WT_TRY(wt_hf_put(x, "architectures", json_pack("[s]", x->family->class_name), err));
    WT_TRY(wt_hf_put(x, "model_type", json_string(x->family->model_type), err));
    for (size_t t = 0; t < WT_HF_TABLES; t++)
        for (const wt_hf_key *key = x->family->keys[t]; key && key->gguf; key++)
            WT_TRY(put_key(x, key, err));
    if (table && table->shape.rank == 2)
        WT_TRY(wt_hf_put(x, "vocab_size", json_integer(table->shape.dim[0]), err));
    WT_TRY(wt_hf_put(x, "tie_word_embeddings", json_boolean(!wt_weights_find(x->set, "output.weight")), err));
    WT_TRY(wt_hf_put(x, "torch_dtype", json_string(dtype), err));
    WT_TRY(put_biases(x, err));
    WT_TRY(put_ids(x, x->config, err));
    WT_TRY(wt_hf_write_rope(x, err));
    return x->family->write ? x->family->write(x, err) : WT_OK;
}

/* --- files ---------------------------------------------------------------------------------------------------------
 */
wt_status wt_hf_write_text(wt_hf_export *x, const char *folder, const char *name, const char *text, size_t len,
                           wt_written *written, wt_err *err)
{
    char hash[65];
    char *path = wt_path_join(x->ctx, folder, name, err);
    wt_status st = path ? wt_write_file(x->ctx, path, text, len, x->options->force, err) : WT_ENOMEM;
    if (st == WT_OK && written) {
        st = wt_hash_file(x->ctx, path, hash, err);
        if (st == WT_OK)
            st = wt_written_add(written, x->ctx, path, len, hash, err);
    }
    wt_free(x->ctx, path);
    return st;
}

/* Takes json. */
static wt_status write_json(wt_hf_export *x, const char *folder, const char *name, json_t *json, wt_written *written,
                            wt_err *err)
{
    char *text = json ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    const wt_status st = text ? wt_hf_write_text(x, folder, name, text, strlen(text), written, err)
                              : wt_fail(err, WT_ENOMEM, "no memory for %s", name);
    free(text);
    json_decref(json);
    return st;
}

static wt_status write_generation(wt_hf_export *x, const char *folder, wt_written *written, wt_err *err)
{
    static const char *const rows[][2] = { { "general.sampling.temp", "temperature" },
                                           { "general.sampling.top_k", "top_k" },
                                           { "general.sampling.top_p", "top_p" },
                                           { "general.sampling.min_p", "min_p" },
                                           { "general.sampling.penalty_repeat", "repetition_penalty" } };
    json_t *json = json_object();
    wt_status st = json ? put_ids(x, json, err) : wt_fail(err, WT_ENOMEM, "no memory for generation_config.json");
    for (size_t i = 0; i < WT_ARRAY_LEN(rows) && st == WT_OK; i++) {
        const wt_meta *meta = wt_weights_meta(x->set, rows[i][0]);
        int64_t integer = 0;
        double real = 0;
        if (!meta)
            continue;
        json_t *value = i == 1 && wt_meta_int_at(meta, 0, &integer) ? json_integer(integer)
                        : wt_meta_float_at(meta, 0, &real)          ? wt_hf_real(real)
                                                                    : NULL;
        if (value && json_object_set_new(json, rows[i][1], value) != 0)
            st = wt_fail(err, WT_ENOMEM, "no memory for generation_config.json");
    }
    if (st == WT_OK && json_object_size(json))
        return write_json(x, folder, "generation_config.json", json, written, err);
    json_decref(json);
    return st;
}

/* --- the folder ----------------------------------------------------------------------------------------------------
 */
static wt_status unknown_arch(const wt_weights *set, wt_string arch, wt_err *err)
{
    char known[256] = "";
    size_t at = 0;
    for (const wt_hf_family *const *f = wt_hf_families; *f && at < sizeof known; f++)
        if (!(*f)->import_only)
            at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", at ? ", " : "", (*f)->arch);
    wt_fail(err, WT_EUNSUPPORTED, "a model of architecture '%.*s' cannot be written as a Hugging Face folder",
            (int)(arch.len < 60 ? arch.len : 60), arch.data);
    wt_err_where(err, "%s", wt_weights_path(set));
    wt_err_hint(err, "known are: %s", known);
    return WT_EUNSUPPORTED;
}

static wt_status choose_family(wt_hf_export *x, wt_err *err)
{
    enum { MOST_LAYERS = 1024, MOST_HEADS = 1 << 16 };
    wt_string arch;
    WT_TRY(wt_weights_string(x->set, "general.architecture", "", &arch, err));
    for (const wt_hf_family *const *f = wt_hf_families; *f; f++) {
        const wt_hf_family *family = *f;
        if (strlen(family->arch) != arch.len || memcmp(family->arch, arch.data, arch.len) || family->import_only)
            continue;
        if (!family->written_with || wt_hf_int_of(x->set, family->arch, family->written_with, 0) > 0)
            x->family = family;
    }
    if (!x->family)
        return unknown_arch(x->set, arch, err);
    x->layers = wt_hf_int_of(x->set, x->family->arch, "block_count", 0);
    x->heads = wt_hf_int_of(x->set, x->family->arch, "attention.head_count", 0);
    x->kv_heads = wt_hf_int_of(x->set, x->family->arch, "attention.head_count_kv", x->heads);
    if (x->layers < 1 || x->layers > MOST_LAYERS || x->heads < 1 || x->heads > MOST_HEADS || x->kv_heads < 1 ||
        x->heads % x->kv_heads)
        return wt_fail(err, WT_EFORMAT, "the keys say %lld layers, %lld heads and %lld key heads", (long long)x->layers,
                       (long long)x->heads, (long long)x->kv_heads);
    return WT_OK;
}

static wt_status write_folder(wt_hf_export *x, const char *folder, wt_written *written, wt_err *err)
{
    const wt_safetensors_options st = { .force = x->options->force,
                                        .max_shard_bytes = x->options->max_shard_bytes,
                                        .format = x->options->mlx ? "mlx" : NULL };
    bool copied = false;
    WT_TRY(choose_family(x, err));
    if (x->options->mlx)
        WT_TRY(wt_hf_mlx_check(x, err));
    WT_TRY(wt_weights_new(&x->view, x->ctx, folder, "safetensors", err));
    x->config = json_object();
    if (!x->config)
        return wt_fail(err, WT_ENOMEM, "no memory for config.json");
    x->dtype = wt_hf_export_dtype(x);
    WT_TRY(make_config(x, err)); /* first: it takes the tensors of factors, which have no place among the others */
    WT_TRY(wt_hf_export_tensors(x, err));
    WT_TRY(wt_make_dirs(x->ctx, folder, err));
    WT_TRY(wt_safetensors_write_folder(x->view, folder, &st, written, err));
    if (x->options->mlx) {
        WT_TRY(wt_hf_mlx_describe(x, err));
        WT_TRY(wt_hf_mlx_ledger(x, err));
        WT_TRY(wt_hf_copy_tokenizer(x, folder, written, &copied, err));
    }
    if (!copied)
        WT_TRY(wt_hf_write_vocabulary(x, folder, written, err));
    WT_TRY(write_generation(x, folder, written, err));
    return write_json(x, folder, "config.json", json_incref(x->config), written, err);
}

wt_status wt_hf_write_tokenizer(wt_weights *set, const char *folder, bool force, wt_written *written, wt_err *err)
{
    const wt_hf_write_options options = { .force = force };
    wt_hf_export x = { .ctx = wt_weights_context(set), .set = set, .options = &options };
    return wt_hf_write_vocabulary(&x, folder, written, err);
}

/* What a write that failed leaves would look like a model that lacks something. */
void wt_hf_remove_written(const wt_written *written, size_t before, const char *folder, bool made)
{
    for (size_t i = before; i < written->count; i++)
        unlink(written->files[i].path);
    if (made)
        rmdir(folder);
}

wt_status wt_hf_write(wt_weights *set, const char *folder, const wt_hf_write_options *options, wt_written *written,
                      wt_err *err)
{
    static const wt_hf_write_options defaults;
    wt_hf_export x = { .ctx = wt_weights_context(set), .set = set, .options = options ? options : &defaults };
    wt_written own = { .ctx = x.ctx };
    written = written ? written : &own;
    const size_t before = written->count;
    const bool made = !wt_path_exists(folder);
    const wt_status st = write_folder(&x, folder, written, err);
    if (st != WT_OK) {
        wt_hf_remove_written(written, before, folder, made);
        wt_err_where(err, "%s", wt_weights_path(set));
    }
    wt_weights_close(x.view);
    wt_weights_close(x.plain);
    wt_free(x.ctx, x.matrices);
    json_decref(x.config);
    wt_free(x.ctx, x.used);
    wt_written_free(&own);
    return st;
}
