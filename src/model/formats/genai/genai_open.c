/* genai_open.c - a folder of ONNX Runtime GenAI as a set: sizes and ids from genai_config.json, the tokenizer's files
 * as keys, the decoder's graph kept. */
#include <math.h>
#include <stdio.h>
#include "base/file.h"
#include "base/json.h"
#include "genai.h"
#include "model/tokenizer/tokenizer.h"

static const char CONFIG[] = "genai_config.json";

bool wt_genai_is(const char *folder)
{
    char path[4096];
    return snprintf(path, sizeof path, "%s/%s", folder, CONFIG) < (int)sizeof path && wt_path_exists(path);
}

/* --- genai_config.json -------------------------------------------------------------------------------------------- */
static wt_status refuse(wt_status code, wt_err *err, const char *hint, const char *fmt, ...) WT_PRINTF(4, 5);
static wt_status refuse(wt_status code, wt_err *err, const char *hint, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    wt_fail(err, code, "%s: %s", CONFIG, text);
    wt_err_hint(err, "%s", hint);
    return code;
}

static const char RESTORE[] = "restore the file as the tool that made the folder wrote it";

/* "model.decoder.NAME" as a key of the set, 1 to `most`; fallback 0: it must be there. */
static wt_status size_key(wt_weights *set, const json_t *from, const char *name, const char *key, int64_t fallback,
                          int64_t most, int64_t *out, wt_err *err)
{
    char full[80];
    const json_t *value = json_object_get(from, name);
    *out = value ? json_integer_value(value) : fallback;
    if ((value && !json_is_integer(value)) || *out < 1 || *out > most)
        return refuse(WT_EFORMAT, err, RESTORE, "\"%s\" is %s, expected 1 to %lld", name,
                      value ? "out of range or no integer" : "missing", (long long)most);
    snprintf(full, sizeof full, "onnx.%s", key);
    return wt_weights_set_int(set, full, WT_META_U32, *out, err);
}

static wt_status read_sizes(wt_weights *set, const json_t *model, const json_t *decoder, wt_err *err)
{
    int64_t layers, width, heads, kv, head, rest;
    WT_TRY(size_key(set, decoder, "num_hidden_layers", "block_count", 0, 1024, &layers, err));
    WT_TRY(size_key(set, decoder, "hidden_size", "embedding_length", 0, 1 << 20, &width, err));
    WT_TRY(size_key(set, decoder, "num_attention_heads", "attention.head_count", 0, 1 << 16, &heads, err));
    WT_TRY(size_key(set, decoder, "num_key_value_heads", "attention.head_count_kv", heads, 1 << 16, &kv, err));
    WT_TRY(size_key(set, decoder, "head_size", "attention.key_length", width / heads, 1 << 14, &head, err));
    WT_TRY(size_key(set, model, "context_length", "context_length", 0, INT32_MAX, &rest, err));
    WT_TRY(size_key(set, model, "vocab_size", "vocab_size", 0, 1 << 24, &rest, err));
    if (heads % kv)
        return refuse(WT_EFORMAT, err, RESTORE,
                      "%lld heads (num_attention_heads) cannot share %lld key heads "
                      "(num_key_value_heads)",
                      (long long)heads, (long long)kv);
    return WT_OK;
}

static wt_status read_id(wt_weights *set, const char *key, const json_t *value, wt_err *err)
{
    const json_int_t id = json_integer_value(value);
    if (!json_is_integer(value) || id < 0 || id > INT32_MAX || wt_weights_meta(set, key))
        return WT_OK;
    return wt_weights_set_int(set, key, WT_META_U32, id, err);
}

/* A second id that ends a text is the end of a turn. */
static wt_status read_ids(wt_weights *set, const json_t *model, wt_err *err)
{
    const json_t *eos = json_object_get(model, "eos_token_id");
    const size_t n = json_array_size(eos);
    WT_TRY(read_id(set, "tokenizer.ggml.bos_token_id", json_object_get(model, "bos_token_id"), err));
    WT_TRY(read_id(set, "tokenizer.ggml.padding_token_id", json_object_get(model, "pad_token_id"), err));
    WT_TRY(read_id(set, "tokenizer.ggml.eos_token_id", n ? json_array_get(eos, 0) : eos, err));
    return n > 1 ? read_id(set, "tokenizer.ggml.eot_token_id", json_array_get(eos, n - 1), err) : WT_OK;
}

/* Only what is asked to be sampled has a temperature. */
static wt_status read_search(wt_weights *set, const json_t *search, wt_err *err)
{
    static const char *const rows[][2] = { { "temperature", "general.sampling.temp" },
                                           { "top_p", "general.sampling.top_p" },
                                           { "repetition_penalty", "general.sampling.penalty_repeat" } };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows) && json_is_true(json_object_get(search, "do_sample")); i++) {
        const json_t *value = json_object_get(search, rows[i][0]);
        if (json_is_number(value) && isfinite(json_number_value(value)))
            WT_TRY(wt_weights_set_float(set, rows[i][1], json_number_value(value), err));
    }
    return WT_OK;
}

wt_status wt_genai_read_config(wt_weights *set, const json_t *root, const char **file, wt_err *err)
{
    static const char *const others[] = { "encoder", "vision", "speech", "embedding", "encoder_decoder_init" };
    const json_t *model = json_object_get(root, "model"), *decoder = json_object_get(model, "decoder");
    for (size_t i = 0; i < WT_ARRAY_LEN(others); i++)
        if (json_object_get(model, others[i]))
            return refuse(WT_EUNSUPPORTED, err, "models of one decoder for texts are read",
                          "the model has a part \"%s\"", others[i]);
    if (!json_is_object(decoder))
        return refuse(WT_EFORMAT, err, RESTORE, "there is no \"decoder\" in \"model\"");
    if (json_object_get(decoder, "pipeline"))
        return refuse(WT_EUNSUPPORTED, err, "models of one decoder for texts are read",
                      "the decoder is a pipeline of "
                      "several graphs");
    *file = json_string_value(json_object_get(decoder, "filename"));
    if (!*file || !**file)
        return refuse(WT_EFORMAT, err, RESTORE, "\"decoder\" has no \"filename\"");
    WT_TRY(wt_weights_set_string(set, "general.architecture", "onnx", err));
    WT_TRY(read_sizes(set, model, decoder, err));
    WT_TRY(read_search(set, json_object_get(root, "search"), err));
    return read_ids(set, model, err);
}

/* --- the graph ---------------------------------------------------------------------------------------------------- */
/* Caches of the graph are as the configuration says. */
static wt_status check_caches(const wt_weights *set, const wt_graph *g, const char *file, wt_err *err)
{
    int64_t kv = 0, head = 0, layers = 0, found = 0;
    wt_weights_int(set, "onnx.attention.head_count_kv", 0, &kv, NULL);
    wt_weights_int(set, "onnx.attention.key_length", 0, &head, NULL);
    wt_weights_int(set, "onnx.block_count", 0, &layers, NULL);
    for (size_t i = 0; i < g->n_inputs; i++) {
        const wt_shape *s = &g->inputs[i]->type.shape;
        if (s->rank != 4)
            continue;
        found++;
        if ((s->dim[1] >= 0 && s->dim[1] != kv) || (s->dim[3] >= 0 && s->dim[3] != head))
            return refuse(
                WT_EFORMAT, err, "correct the file, or take the one that came with the graph",
                "%lld key heads of %lld (num_key_value_heads, head_size), but input %s of %s has %lld of %lld",
                (long long)kv, (long long)head, g->inputs[i]->name, file, (long long)s->dim[1], (long long)s->dim[3]);
    }
    if (found != 2 * layers)
        return refuse(WT_EFORMAT, err, "correct the file, or take the one that came with the graph",
                      "%lld layers (num_hidden_layers), but %s has %lld caches, expected two a layer",
                      (long long)layers, file, (long long)found);
    return WT_OK;
}

static void close_graph(void *graph) { wt_graph_close(graph); }

static wt_status read_graph(wt_weights *set, const char *folder, const char *file, wt_err *err)
{
    wt_context *ctx = wt_weights_context(set);
    wt_graph *graph = NULL;
    wt_map inside = { 0 };
    uint64_t bytes = 0;
    wt_status st = wt_map_open_inside(&inside, ctx, folder, file, err);
    if (st != WT_OK) {
        wt_err_hint(err, "genai_config.json names the file: put it there, or correct \"filename\"");
        return st;
    }
    st = wt_format_by_name("onnx")->read(&graph, ctx, inside.path, err);
    wt_map_close(&inside);
    WT_TRY(st);
    for (size_t i = 0; i < graph->n_maps; i++)
        bytes += graph->maps[i].size;
    wt_weights_keep(set, graph, close_graph, bytes);
    WT_TRY(wt_graph_infer(graph, err));
    return check_caches(set, graph, file, err);
}

/* --- the folder --------------------------------------------------------------------------------------------------- */
static bool has_tokenizer(const char *folder)
{
    static const char *const names[] = { "tokenizer.json", "tokenizer.model", "spiece.model" };
    char path[4096];
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        if (snprintf(path, sizeof path, "%s/%s", folder, names[i]) < (int)sizeof path && wt_path_exists(path))
            return true;
    return false;
}

static wt_status read_folder(wt_weights *set, const char *folder, const json_t *root, wt_err *err)
{
    const char *file = NULL;
    if (has_tokenizer(folder))
        WT_TRY(wt_tokenizer_keys_from_folder(set, folder, err));
    WT_TRY(wt_genai_read_config(set, root, &file, err));
    WT_TRY(wt_weights_set_string(set, "general.name", wt_path_base(folder), err));
    return read_graph(set, folder, file, err);
}

wt_status wt_genai_open(wt_weights **out, wt_context *ctx, const char *folder, wt_err *err)
{
    wt_weights *set = NULL;
    json_t *root = NULL;
    *out = NULL;
    char *path = wt_path_join(ctx, folder, CONFIG, err);
    wt_status st = path ? wt_json_load(&root, ctx, path, err) : WT_ENOMEM;
    if (st == WT_OK)
        st = wt_weights_new(&set, ctx, folder, "genai", err);
    if (st == WT_OK) {
        st = read_folder(set, folder, root, err);
        if (st != WT_OK)
            wt_err_where(err, "%s", folder);
    }
    json_decref(root);
    wt_free(ctx, path);
    if (st == WT_OK)
        *out = set;
    else
        wt_weights_close(set);
    return st;
}
