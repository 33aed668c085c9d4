/* hf_open.c - a folder of Hugging Face to a set with GGUF's names and keys. */
#include <math.h>
#include <stdio.h>
#include "base/file.h"
#include "base/json.h"
#include "hf_family.h"
#include "model/formats/safetensors/safetensors.h"
#include "model/tokenizer/tokenizer.h"

/* --- which family --------------------------------------------------------------------------------------------------
 */
static wt_status unknown_type(const wt_hf_model *m, const char *type, wt_err *err)
{
    char known[300] = "";
    size_t at = 0;
    for (const wt_hf_family *const *f = wt_hf_families; *f && at < sizeof known; f++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", at ? ", " : "", (*f)->model_type);
    wt_fail(err, WT_EUNSUPPORTED, "models of type '%.60s' are not known", type);
    wt_err_where(err, "%s", m->path);
    wt_err_hint(err, "known are: %s", known);
    return WT_EUNSUPPORTED;
}

static wt_status choose_family(wt_hf_model *m, wt_err *err)
{
    const char *type = json_string_value(json_object_get(m->root, "model_type"));
    if (!type)
        return wt_hf_refuse(m, WT_EFORMAT, "restore the file as the model's authors published it", err,
                            "there is no \"model_type\"");
    for (const wt_hf_family *const *f = wt_hf_families; *f && !m->family; f++)
        if (!strcmp((*f)->model_type, type))
            m->family = *f;
    if (!m->family)
        return unknown_type(m, type, err);
    const json_t *text = json_object_get(m->root, "text_config");
    m->config = json_is_object(text) ? (json_t *)(uintptr_t)text : m->root;
    return WT_OK;
}

/* --- keys that are no hyperparameters ------------------------------------------------------------------------------
 */
static wt_status set_name(wt_hf_model *m, wt_err *err)
{
    const char *name = json_string_value(wt_hf_get(m->root, "_name_or_path"));
    char *dir = NULL;
    if (!name || !*name || *name == '/' || *name == '.') {
        dir = wt_path_dir(m->ctx, m->path, err);
        if (!dir)
            return WT_ENOMEM;
        name = wt_path_base(dir);
    }
    wt_status st = wt_weights_set_string(m->set, "general.type", "model", err);
    if (st == WT_OK)
        st = wt_weights_set_string(m->set, "general.name", name, err);
    wt_free(m->ctx, dir);
    return st;
}

/* llama.cpp's number of the type that most of the model has. */
static wt_status set_file_type(wt_hf_model *m, wt_err *err)
{
    uint64_t bytes[WT_DTYPE_COUNT] = { 0 };
    for (size_t i = 0; i < wt_weights_count(m->set); i++)
        bytes[wt_weights_at(m->set, i)->dtype] += wt_weights_at(m->set, i)->bytes;
    static const struct {
        wt_dtype dtype;
        int type;
    } rows[] = { { WT_F32, 0 },  { WT_F16, 1 },  { WT_BF16, 32 }, { WT_Q4_0, 2 },  { WT_Q4_1, 3 },
                 { WT_Q8_0, 7 }, { WT_Q5_0, 8 }, { WT_Q5_1, 9 },  { WT_MXFP4, 38 } };
    int type = 0;
    uint64_t most = 0;
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        if (bytes[rows[i].dtype] > most)
            most = bytes[rows[i].dtype], type = rows[i].type;
    if (m->packed)
        WT_TRY(wt_weights_set_int(m->set, "general.quantization_version", WT_META_U32, 2, err));
    return wt_weights_set_int(m->set, "general.file_type", WT_META_U32, type, err);
}

static wt_status set_sampling(wt_hf_model *m, const json_t *generation, wt_err *err)
{
    static const struct {
        const char *hf, *gguf;
        bool integer;
    } rows[] = { { "temperature", "general.sampling.temp", false },
                 { "top_k", "general.sampling.top_k", true },
                 { "top_p", "general.sampling.top_p", false },
                 { "min_p", "general.sampling.min_p", false },
                 { "repetition_penalty", "general.sampling.penalty_repeat", false } };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        const json_t *value = wt_hf_get(generation, rows[i].hf);
        const double number = json_number_value(value);
        if (!json_is_number(value) || !isfinite(number))
            continue;
        if (!rows[i].integer)
            WT_TRY(wt_weights_set_float(m->set, rows[i].gguf, number, err));
        else if (number >= 0 && number <= INT32_MAX)
            WT_TRY(wt_weights_set_int(m->set, rows[i].gguf, WT_META_I32, (int64_t)number, err));
    }
    return WT_OK;
}

/* Ids that the tokenizer's own files did not give. A second id that ends a text is the end of a turn. */
static wt_status set_id(wt_hf_model *m, const char *key, const json_t *value, wt_err *err)
{
    const json_int_t id = json_integer_value(value);
    if (!json_is_integer(value) || id < 0 || id > INT32_MAX || wt_weights_meta(m->set, key))
        return WT_OK;
    return wt_weights_set_int(m->set, key, WT_META_U32, id, err);
}

static wt_status set_ids(wt_hf_model *m, const json_t *from, wt_err *err)
{
    const json_t *eos = wt_hf_get(from, "eos_token_id");
    WT_TRY(set_id(m, "tokenizer.ggml.bos_token_id", wt_hf_get(from, "bos_token_id"), err));
    WT_TRY(set_id(m, "tokenizer.ggml.padding_token_id", wt_hf_get(from, "pad_token_id"), err));
    if (!json_is_array(eos))
        return set_id(m, "tokenizer.ggml.eos_token_id", eos, err);
    WT_TRY(set_id(m, "tokenizer.ggml.eos_token_id", json_array_get(eos, 0), err));
    return json_array_size(eos) > 1
               ? set_id(m, "tokenizer.ggml.eot_token_id", json_array_get(eos, json_array_size(eos) - 1), err)
               : WT_OK;
}

static wt_status read_generation(wt_hf_model *m, wt_err *err)
{
    char *path = wt_path_join(m->ctx, m->folder, "generation_config.json", err);
    json_t *json = NULL;
    wt_status st = path ? WT_OK : WT_ENOMEM;
    if (st == WT_OK && wt_path_exists(path))
        st = wt_json_load(&json, m->ctx, path, err);
    if (st == WT_OK)
        st = set_sampling(m, json, err);
    if (st == WT_OK)
        st = set_ids(m, json, err);
    if (st == WT_OK)
        st = set_ids(m, m->config, err);
    json_decref(json);
    wt_free(m->ctx, path);
    return st;
}

/* --- the tokenizer -------------------------------------------------------------------------------------------------
 */
static bool has_tokenizer(const wt_hf_model *m)
{
    static const char *const names[] = { "tokenizer.json", "tokenizer.model", "spiece.model" };
    char path[1024];
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        if (snprintf(path, sizeof path, "%s/%s", m->folder, names[i]) < (int)sizeof path && wt_path_exists(path))
            return true;
    return false;
}

/* A list of numbers of four bytes, one a token, cut or continued with `fill`. */
static wt_status resize_numbers(wt_hf_model *m, const char *key, uint64_t n, const void *fill, wt_err *err)
{
    enum { SIZE = 4 };
    const wt_meta *meta = wt_weights_meta(m->set, key);
    if (!meta || !meta->is_array || wt_meta_type_bytes(meta->type) != SIZE || meta->count == n)
        return WT_OK;
    wt_meta own = *meta;
    uint8_t *data = wt_arena_alloc(wt_weights_arena(m->set), (size_t)n, SIZE, err);
    if (!data)
        return WT_ENOMEM;
    memcpy(data, meta->data, (size_t)(meta->count < n ? meta->count : n) * SIZE);
    for (uint64_t i = meta->count; i < n; i++)
        memcpy(data + i * SIZE, fill, SIZE);
    own.data = data;
    own.count = n;
    return wt_weights_borrow_meta(m->set, &own, err);
}

/* In GGUF a token has a row of the table and a row a token: rows that the tokenizer does not use get names of their
 * own, as llama.cpp's converter gives them; tokens without a row (those of images) are left out. */
static wt_status resize_tokens(wt_hf_model *m, wt_err *err)
{
    static const float score = -10000;
    static const int32_t unused = 5;
    wt_arena *arena = wt_weights_arena(m->set);
    const wt_weight *table = wt_weights_find(m->set, "token_embd.weight");
    const wt_meta *tokens = wt_weights_meta(m->set, "tokenizer.ggml.tokens");
    const uint64_t n = table && table->shape.rank == 2 ? (uint64_t)table->shape.dim[0] : 0;
    if (!n || !tokens || !tokens->is_array || tokens->type != WT_META_STRING || tokens->count == n)
        return WT_OK;
    wt_meta own = *tokens;
    wt_string *strings = wt_arena_alloc(arena, (size_t)n, sizeof *strings, err);
    if (!strings)
        return WT_ENOMEM;
    for (uint64_t i = 0; i < n; i++) {
        const char *name = i < tokens->count ? "" : wt_arena_printf(arena, err, "[PAD%llu]", (unsigned long long)i);
        if (!name)
            return WT_ENOMEM;
        strings[i] = i < tokens->count ? tokens->strings[i] : (wt_string){ name, strlen(name) };
    }
    own.strings = strings;
    own.count = n;
    WT_TRY(resize_numbers(m, "tokenizer.ggml.scores", n, &score, err));
    WT_TRY(resize_numbers(m, "tokenizer.ggml.token_type", n, &unused, err));
    return wt_weights_borrow_meta(m->set, &own, err);
}

static wt_status read_tokenizer(wt_hf_model *m, wt_err *err)
{
    if (!has_tokenizer(m))
        return WT_OK;
    WT_TRY(wt_tokenizer_keys_from_folder(m->set, m->folder, err));
    return resize_tokens(m, err);
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */
/* MLX says so in the file or has its own description of the quantization. */
static wt_status find_writer(wt_hf_model *m, wt_err *err)
{
    wt_string format;
    WT_TRY(wt_weights_string(m->raw, "format", "", &format, err));
    m->mlx = (format.len == 3 && !memcmp(format.data, "mlx", 3)) || wt_hf_get(m->root, "quantization") != NULL;
    return WT_OK;
}

static wt_status read_model(wt_hf_model *m, wt_err *err)
{
    if (!json_is_object(m->root))
        return wt_hf_refuse(m, WT_EFORMAT, "restore the file as the model's authors published it", err,
                            "a JSON object was expected");
    WT_TRY(choose_family(m, err));
    WT_TRY(find_writer(m, err));
    WT_TRY(wt_hf_read_keys(m, err));
    WT_TRY(wt_hf_unpack(m, err));
    WT_TRY(wt_hf_read_tensors(m, err));
    WT_TRY(set_name(m, err));
    WT_TRY(set_file_type(m, err));
    WT_TRY(read_tokenizer(m, err));
    return read_generation(m, err);
}

wt_status wt_hf_translate(wt_weights **out, wt_weights *raw, const json_t *config, const char *folder, wt_err *err)
{
    wt_context *ctx = wt_weights_context(raw);
    wt_hf_model m = { .ctx = ctx, .raw = raw, .folder = folder, .root = (json_t *)(uintptr_t)config };
    char *path = wt_path_join(ctx, folder, "config.json", err);
    wt_status st = path ? wt_weights_new(&m.set, ctx, wt_weights_path(raw), "safetensors", err) : WT_ENOMEM;
    m.path = path;
    if (st == WT_OK)
        st = read_model(&m, err);
    if (st == WT_OK)
        st = wt_weights_own(m.set, m.raw, err);
    if (st == WT_OK)
        *out = m.set;
    else
        wt_err_where(err, "%s", wt_weights_path(m.raw)), wt_weights_close(m.set), wt_weights_close(m.raw);
    wt_free(ctx, m.used);
    wt_free(ctx, path);
    return st;
}

/* Takes raw, also on failure. */
static wt_status make(wt_weights **out, const char *folder, wt_weights *raw, wt_err *err)
{
    wt_context *ctx = wt_weights_context(raw);
    char *path = wt_path_join(ctx, folder, "config.json", err);
    json_t *config = NULL;
    wt_status st = path ? wt_json_load(&config, ctx, path, err) : WT_ENOMEM;
    if (st == WT_OK)
        st = wt_hf_translate(out, raw, config, folder, err);
    else
        wt_weights_close(raw);
    json_decref(config);
    wt_free(ctx, path);
    return st;
}

static wt_status has_config(wt_context *ctx, const char *folder, bool *out, wt_err *err)
{
    char *config = wt_path_join(ctx, folder, "config.json", err);
    *out = config && wt_path_exists(config);
    wt_free(ctx, config);
    return config ? WT_OK : WT_ENOMEM;
}

wt_status wt_hf_open(wt_weights **out, wt_context *ctx, const char *folder, wt_err *err)
{
    wt_weights *raw = NULL;
    bool there = false;
    *out = NULL;
    WT_TRY(has_config(ctx, folder, &there, err));
    if (!there) {
        wt_fail(err, WT_EFORMAT, "there is no config.json in the folder");
        wt_err_where(err, "%s", folder);
        wt_err_hint(err, "a model's folder has config.json, tokenizer files and safetensors");
        return WT_EFORMAT;
    }
    WT_TRY(wt_safetensors_open_folder(&raw, ctx, folder, err));
    return make(out, folder, raw, err);
}

wt_status wt_hf_open_file(wt_weights **out, wt_context *ctx, const char *path, wt_err *err)
{
    wt_weights *raw = NULL;
    bool there = false;
    *out = NULL;
    WT_TRY(wt_safetensors_open(&raw, ctx, path, err));
    char *folder = wt_path_dir(ctx, path, err);
    wt_status st = folder ? has_config(ctx, folder, &there, err) : WT_ENOMEM;
    if (st == WT_OK && there)
        st = make(out, folder, raw, err);
    else if (st == WT_OK)
        *out = raw;
    else
        wt_weights_close(raw);
    wt_free(ctx, folder);
    return st;
}
