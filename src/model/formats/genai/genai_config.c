/* genai_config.c - what ONNX Runtime GenAI has to know beside the graph: sizes, names of inputs and outputs, ids that
 * end a text, how to search. */
#include "genai_config.h"
#include <string.h>

/* Types that it has for decoders; any other is one without extras. */
static const char *type_of(const char *arch)
{
    static const char *const known[][2] = { { "llama", "llama" },     { "gemma", "gemma" },
                                            { "gemma2", "gemma2" },   { "gemma3", "gemma3_text" },
                                            { "phi3", "phi3" },       { "qwen2", "qwen2" },
                                            { "qwen3", "qwen3" },     { "granite", "granite" },
                                            { "smollm3", "smollm3" }, { "gpt2", "gpt2" } };
    for (size_t i = 0; i < WT_ARRAY_LEN(known); i++)
        if (!strcmp(known[i][0], arch))
            return known[i][1];
    return "decoder";
}

static bool id_of(const wt_weights *set, const char *key, int64_t *id)
{
    const wt_meta *meta = wt_weights_meta(set, key);
    return meta && wt_meta_int_at(meta, 0, id) && *id >= 0;
}

/* Ids that end a text: one number, or a list where a turn has its own end. */
static int put_ends(json_t *model, const wt_weights *set)
{
    static const char *const keys[] = { "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id" };
    json_t *list = json_array();
    int64_t id, before = -1;
    int bad = !list;
    for (size_t i = 0; i < WT_ARRAY_LEN(keys) && !bad; i++) {
        if (!id_of(set, keys[i], &id) || id == before)
            continue;
        bad = json_array_append_new(list, json_integer(id));
        before = id;
    }
    if (!bad && json_array_size(list) == 1)
        bad = json_object_set(model, "eos_token_id", json_array_get(list, 0));
    else if (!bad && json_array_size(list))
        bad = json_object_set(model, "eos_token_id", list);
    json_decref(list);
    return bad;
}

static int put_id(json_t *model, const char *name, const wt_weights *set, const char *key, const char *otherwise)
{
    int64_t id;
    if (!id_of(set, key, &id) && !(otherwise && id_of(set, otherwise, &id)))
        return 0;
    return json_object_set_new(model, name, json_integer(id));
}

static json_t *decoder_of(const wt_hparams *hp, const wt_graph *graph)
{
    json_t *json = json_pack("{s:{s:s,s:[]},s:s,s:I,s:I,s:{s:s,s:s,s:s,s:s},s:{s:s,s:s,s:s},s:I,s:I,s:I}",
                             "session_options", "log_id", "onnxruntime-genai", "provider_options", "filename",
                             "model.onnx", "head_size", (json_int_t)hp->head_dim, "hidden_size", (json_int_t)hp->width,
                             "inputs", "input_ids", "input_ids", "attention_mask", "attention_mask", "past_key_names",
                             "past_key_values.%d.key", "past_value_names", "past_key_values.%d.value", "outputs",
                             "logits", "logits", "present_key_names", "present.%d.key", "present_value_names",
                             "present.%d.value", "num_attention_heads", (json_int_t)hp->heads, "num_hidden_layers",
                             (json_int_t)hp->layers, "num_key_value_heads", (json_int_t)hp->kv_heads[0]);
    if (json && wt_graph_find(graph, "position_ids") &&
        json_object_set_new(json_object_get(json, "inputs"), "position_ids", json_string("position_ids")) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *search_of(const wt_weights *set, const wt_hparams *hp)
{
    double temperature = 1, top_p = 1, penalty = 1;
    int64_t top_k = 50;
    const wt_meta *meta;
    if ((meta = wt_weights_meta(set, "general.sampling.temp")) != NULL)
        wt_meta_float_at(meta, 0, &temperature);
    if ((meta = wt_weights_meta(set, "general.sampling.top_p")) != NULL)
        wt_meta_float_at(meta, 0, &top_p);
    if ((meta = wt_weights_meta(set, "general.sampling.penalty_repeat")) != NULL)
        wt_meta_float_at(meta, 0, &penalty);
    if ((meta = wt_weights_meta(set, "general.sampling.top_k")) != NULL)
        wt_meta_int_at(meta, 0, &top_k);
    return json_pack("{s:f,s:b,s:b,s:f,s:I,s:i,s:i,s:i,s:i,s:b,s:f,s:f,s:I,s:f}", "diversity_penalty", 0.0, "do_sample",
                     0, "early_stopping", 1, "length_penalty", 1.0, "max_length", (json_int_t)hp->context, "min_length",
                     0, "no_repeat_ngram_size", 0, "num_beams", 1, "num_return_sequences", 1,
                     "past_present_share_buffer", 0, "repetition_penalty", penalty, "temperature", temperature, "top_k",
                     (json_int_t)top_k, "top_p", top_p);
}

wt_status wt_genai_config(json_t **out, wt_weights *set, const wt_hparams *hp, const wt_graph *graph, wt_err *err)
{
    for (int64_t il = 1; il < hp->layers; il++)
        if (hp->kv_heads[il] != hp->kv_heads[0]) {
            wt_fail(err, WT_EUNSUPPORTED,
                    "layer %lld has %lld key heads, layer 0 has %lld: genai_config.json says one "
                    "number",
                    (long long)il, (long long)hp->kv_heads[il], (long long)hp->kv_heads[0]);
            wt_err_hint(err, "--to onnx writes the graph alone");
            return WT_EUNSUPPORTED;
        }
    json_t *model = json_pack("{s:I,s:o,s:s,s:I}", "context_length", (json_int_t)hp->context, "decoder",
                              decoder_of(hp, graph), "type", type_of(hp->arch), "vocab_size", (json_int_t)hp->vocab);
    int bad = !model || put_ends(model, set) ||
              put_id(model, "bos_token_id", set, "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id") ||
              put_id(model, "pad_token_id", set, "tokenizer.ggml.padding_token_id", "tokenizer.ggml.eos_token_id");
    *out = bad ? NULL : json_pack("{s:O,s:o}", "model", model, "search", search_of(set, hp));
    json_decref(model);
    return *out ? WT_OK : wt_fail(err, WT_ENOMEM, "no memory for genai_config.json");
}
