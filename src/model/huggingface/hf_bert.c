/* hf_bert.c - encoders: BERT and what has its layout (MiniLM, E5, BGE), Nomic's. */
#include "base/file.h"
#include "base/json.h"
#include "hf_family.h"

static const wt_hf_key bert_keys[] = {
    { "context_length", "max_position_embeddings", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "embedding_length", "hidden_size", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "block_count", "num_hidden_layers", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "feed_forward_length", "intermediate_size", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "attention.head_count", "num_attention_heads", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "attention.layer_norm_epsilon", "layer_norm_eps", WT_HF_FLOAT, WT_HF_DEFAULT, 1e-12 },
    { "^tokenizer.ggml.token_type_count", "type_vocab_size", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { 0 },
};
static const wt_hf_tensor bert_tensors[] = {
    { "token_embd", "embeddings.word_embeddings", WT_HF_SAME },
    { "position_embd", "embeddings.position_embeddings", WT_HF_SAME },
    { "token_types", "embeddings.token_type_embeddings", WT_HF_SAME },
    { "token_embd_norm", "embeddings.LayerNorm", WT_HF_SAME },
    { "blk.#.attn_q", "encoder.layer.#.attention.self.query", WT_HF_SAME },
    { "blk.#.attn_k", "encoder.layer.#.attention.self.key", WT_HF_SAME },
    { "blk.#.attn_v", "encoder.layer.#.attention.self.value", WT_HF_SAME },
    { "blk.#.attn_output", "encoder.layer.#.attention.output.dense", WT_HF_SAME },
    { "blk.#.attn_output_norm", "encoder.layer.#.attention.output.LayerNorm", WT_HF_SAME },
    { "blk.#.ffn_up", "encoder.layer.#.intermediate.dense", WT_HF_SAME },
    { "blk.#.ffn_down", "encoder.layer.#.output.dense", WT_HF_SAME },
    { "blk.#.layer_output_norm", "encoder.layer.#.output.LayerNorm", WT_HF_SAME },
    { 0 },
};

/* Sentence models say in a folder of its own how tokens become one vector. */
static wt_status read_pooling(wt_hf_model *m, wt_err *err)
{
    char *path = wt_path_join(m->ctx, m->folder, "1_Pooling/config.json", err);
    json_t *json = NULL;
    wt_status st = path ? WT_OK : WT_ENOMEM;
    if (st == WT_OK && wt_path_exists(path))
        st = wt_json_load(&json, m->ctx, path, err);
    if (st == WT_OK && json) {
        const int64_t type = wt_hf_true(json, "pooling_mode_mean_tokens") ? 1
                             : wt_hf_true(json, "pooling_mode_cls_token") ? 2
                             : wt_hf_true(json, "pooling_mode_lasttoken") ? 3
                                                                          : 0;
        st = wt_hf_set_int(m, "pooling_type", type, err);
    }
    json_decref(json);
    wt_free(m->ctx, path);
    return st;
}

static wt_status encoder_read(wt_hf_model *m, wt_err *err)
{
    WT_TRY(wt_weights_set_int(m->set,
                              m->family->arch[0] == 'b' ? "bert.attention.causal" : "nomic-bert.attention.causal",
                              WT_META_BOOL, 0, err));
    return read_pooling(m, err);
}

static wt_status bert_read(wt_hf_model *m, wt_err *err)
{
    const char *places = json_string_value(wt_hf_get(m->config, "position_embedding_type"));
    const char *act = json_string_value(wt_hf_get(m->config, "hidden_act"));
    if (places && strcmp(places, "absolute") != 0)
        return wt_hf_refuse(m, WT_EUNSUPPORTED, "only models with absolute positions can be run", err,
                            "\"position_embedding_type\" is '%.40s'", places);
    if (act && strcmp(act, "gelu") != 0)
        return wt_hf_refuse(m, WT_EUNSUPPORTED, "only models with gelu can be run", err, "\"hidden_act\" is '%.40s'",
                            act);
    return encoder_read(m, err);
}
static wt_status bert_write(wt_hf_export *x, wt_err *err)
{
    WT_TRY(wt_hf_put(x, "hidden_act", json_string("gelu"), err));
    return wt_hf_put(x, "position_embedding_type", json_string("absolute"), err);
}
const wt_hf_family wt_hf_bert = { .prefixes = { "", "bert." },
                                  .ignored = { "*embeddings.position_ids", "*pooler.*", "cls.*" },
                                  .arch = "bert",
                                  .model_type = "bert",
                                  .class_name = "BertModel",
                                  .keys = { bert_keys },
                                  .tensors = { bert_tensors },
                                  .tied = true,
                                  .read = bert_read,
                                  .write = bert_write };

static const wt_hf_key nomic_keys[] = {
    { "context_length", "n_positions|max_position_embeddings", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "embedding_length", "n_embd|hidden_size", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "block_count", "n_layer|num_hidden_layers", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "feed_forward_length", "n_inner|intermediate_size", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "attention.head_count", "n_head|num_attention_heads", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "attention.layer_norm_epsilon", "layer_norm_epsilon", WT_HF_FLOAT, WT_HF_DEFAULT, 1e-12 },
    { "rope.freq_base", "rotary_emb_base", WT_HF_FLOAT, WT_HF_DEFAULT, 10000 },
    { "^tokenizer.ggml.token_type_count", "type_vocab_size", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { 0 },
};
static const wt_hf_tensor nomic_tensors[] = {
    { "token_embd", "embeddings.word_embeddings", WT_HF_SAME },
    { "token_types", "embeddings.token_type_embeddings", WT_HF_SAME },
    { "token_embd_norm", "emb_ln", WT_HF_SAME },
    { "blk.#.attn_qkv", "encoder.layers.#.attn.Wqkv", WT_HF_SAME },
    { "blk.#.attn_output", "encoder.layers.#.attn.out_proj", WT_HF_SAME },
    { "blk.#.attn_output_norm", "encoder.layers.#.norm1", WT_HF_SAME },
    { "blk.#.ffn_up", "encoder.layers.#.mlp.fc11", WT_HF_SAME },
    { "blk.#.ffn_gate", "encoder.layers.#.mlp.fc12", WT_HF_SAME },
    { "blk.#.ffn_down", "encoder.layers.#.mlp.fc2", WT_HF_SAME },
    { "blk.#.layer_output_norm", "encoder.layers.#.norm2", WT_HF_SAME },
    { 0 },
};
static wt_status nomic_read(wt_hf_model *m, wt_err *err)
{
    const char *act = json_string_value(wt_hf_get(m->config, "activation_function"));
    double part = 1, every = 0;
    WT_TRY(wt_hf_number(m, m->config, "rotary_emb_fraction", 1, &part, err));
    WT_TRY(wt_hf_number(m, m->config, "moe_every_n_layers", 0, &every, err));
    if (part != 1 || every > 0 || (act && strcmp(act, "swiglu") != 0))
        return wt_hf_refuse(m, WT_EUNSUPPORTED, "only whole rotated heads, swiglu and no experts are known", err,
                            "this variant of nomic_bert is not known here");
    return encoder_read(m, err);
}
static wt_status nomic_write(wt_hf_export *x, wt_err *err)
{
    WT_TRY(wt_hf_put(x, "activation_function", json_string("swiglu"), err));
    return wt_hf_put(x, "rotary_emb_fraction", json_real(1.0), err);
}
const wt_hf_family wt_hf_nomic_bert = { .prefixes = { "", "bert." },
                                        .ignored = { "*pooler.*", "cls.*" },
                                        .arch = "nomic-bert",
                                        .model_type = "nomic_bert",
                                        .class_name = "NomicBertModel",
                                        .keys = { nomic_keys },
                                        .tensors = { nomic_tensors },
                                        .tied = true,
                                        .read = nomic_read,
                                        .write = nomic_write };
