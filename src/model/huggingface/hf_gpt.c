/* hf_gpt.c - decoders with layer norms and a plain feed-forward: GPT-2, GPT-NeoX, StarCoder 2, Falcon. */
#include "hf_family.h"

/* --- GPT-2: matrices are stored [in, out] --- */
static const wt_hf_key gpt2_keys[] = {
    { "context_length", "n_positions|n_ctx", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "embedding_length", "n_embd", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "block_count", "n_layer", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "feed_forward_length", "n_inner", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { "attention.head_count", "n_head", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "attention.layer_norm_epsilon", "layer_norm_epsilon", WT_HF_FLOAT, WT_HF_DEFAULT, 1e-5 },
    { 0 },
};
static const wt_hf_tensor gpt2_tensors[] = {
    { "token_embd", "wte", WT_HF_SAME },
    { "position_embd", "wpe", WT_HF_SAME },
    { "output_norm", "ln_f", WT_HF_SAME },
    { "output", "^lm_head", WT_HF_SAME },
    { "blk.#.attn_norm", "h.#.ln_1", WT_HF_SAME },
    { "blk.#.attn_qkv", "h.#.attn.c_attn", WT_HF_TRANSPOSE },
    { "blk.#.attn_output", "h.#.attn.c_proj", WT_HF_TRANSPOSE },
    { "blk.#.ffn_norm", "h.#.ln_2", WT_HF_SAME },
    { "blk.#.ffn_up", "h.#.mlp.c_fc", WT_HF_TRANSPOSE },
    { "blk.#.ffn_down", "h.#.mlp.c_proj", WT_HF_TRANSPOSE },
    { 0 },
};
static wt_status four_times(wt_hf_model *m, const char *name, wt_err *err)
{
    if (wt_hf_get(m->config, name))
        return WT_OK;
    return wt_hf_set_int(m, "feed_forward_length", 4 * wt_hf_int_of(m->set, m->family->arch, "embedding_length", 0),
                         err);
}
static wt_status gpt2_read(wt_hf_model *m, wt_err *err) { return four_times(m, "n_inner", err); }
const wt_hf_family wt_hf_gpt2 = { .prefixes = { "transformer.", "", "model." /* MLX */ },
                                  .ignored = { "*.attn.bias", "*.attn.masked_bias" },
                                  .arch = "gpt2",
                                  .model_type = "gpt2",
                                  .class_name = "GPT2LMHeadModel",
                                  .keys = { gpt2_keys },
                                  .tensors = { gpt2_tensors },
                                  .tied = true,
                                  .read = gpt2_read };

/* --- GPT-NeoX: q, k, v of each head together; a part of a head is rotated --- */
static const wt_hf_key gpt_neox_keys[] = {
    { "context_length", "max_position_embeddings", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "embedding_length", "hidden_size", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "block_count", "num_hidden_layers", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "feed_forward_length", "intermediate_size", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "attention.head_count", "num_attention_heads", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "attention.layer_norm_epsilon", "layer_norm_eps", WT_HF_FLOAT, WT_HF_DEFAULT, 1e-5 },
    { "rope.freq_base", "rotary_emb_base|rope_theta", WT_HF_FLOAT, WT_HF_DEFAULT, 10000 },
    { "use_parallel_residual", "use_parallel_residual", WT_HF_BOOL, WT_HF_DEFAULT, 1 },
    { 0 },
};
static const wt_hf_tensor gpt_neox_tensors[] = {
    { "token_embd", "embed_in", WT_HF_SAME },
    { "output_norm", "final_layer_norm", WT_HF_SAME },
    { "output", "^embed_out", WT_HF_SAME },
    { "blk.#.attn_norm", "layers.#.input_layernorm", WT_HF_SAME },
    { "blk.#.attn_qkv", "layers.#.attention.query_key_value", WT_HF_QKV },
    { "blk.#.attn_output", "layers.#.attention.dense", WT_HF_SAME },
    { "blk.#.ffn_norm", "layers.#.post_attention_layernorm", WT_HF_SAME },
    { "blk.#.ffn_up", "layers.#.mlp.dense_h_to_4h", WT_HF_SAME },
    { "blk.#.ffn_down", "layers.#.mlp.dense_4h_to_h", WT_HF_SAME },
    { 0 },
};
static wt_status gpt_neox_read(wt_hf_model *m, wt_err *err)
{
    const int64_t head = wt_hf_int_of(m->set, "gptneox", "embedding_length", 0) / m->heads;
    double part = 0.25;
    WT_TRY(wt_hf_number(m, m->config, "rotary_pct|partial_rotary_factor", 0.25, &part, err));
    return wt_hf_set_int(m, "rope.dimension_count", (int64_t)((double)head * part), err);
}
static wt_status gpt_neox_write(wt_hf_export *x, wt_err *err)
{
    const int64_t head = wt_hf_int_of(x->set, "gptneox", "embedding_length", 0) / x->heads;
    const int64_t dims = wt_hf_int_of(x->set, "gptneox", "rope.dimension_count", head);
    return wt_hf_put(x, "rotary_pct", wt_hf_real((double)dims / (double)head), err);
}
const wt_hf_family wt_hf_gpt_neox = { .prefixes = { "gpt_neox.", "" },
                                      .ignored = { "*.attention.bias", "*.attention.masked_bias",
                                                   "*.rotary_emb.inv_freq" },
                                      .arch = "gptneox",
                                      .model_type = "gpt_neox",
                                      .class_name = "GPTNeoXForCausalLM",
                                      .keys = { gpt_neox_keys },
                                      .tensors = { gpt_neox_tensors },
                                      .read = gpt_neox_read,
                                      .write = gpt_neox_write };

/* --- StarCoder 2 --- */
static const wt_hf_key starcoder2_keys[] = {
    { "context_length", "max_position_embeddings", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "embedding_length", "hidden_size", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "block_count", "num_hidden_layers", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "feed_forward_length", "intermediate_size", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "attention.head_count", "num_attention_heads", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "attention.head_count_kv", "num_key_value_heads", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { "attention.layer_norm_epsilon", "norm_epsilon", WT_HF_FLOAT, WT_HF_DEFAULT, 1e-5 },
    { "rope.freq_base", "rope_theta", WT_HF_FLOAT, WT_HF_DEFAULT, 10000 },
    { 0 },
};
static const wt_hf_tensor starcoder2_tensors[] = {
    { "token_embd", "embed_tokens", WT_HF_SAME },
    { "output_norm", "norm", WT_HF_SAME },
    { "output", "^lm_head", WT_HF_SAME },
    { "blk.#.attn_norm", "layers.#.input_layernorm", WT_HF_SAME },
    { "blk.#.attn_q", "layers.#.self_attn.q_proj", WT_HF_SAME },
    { "blk.#.attn_k", "layers.#.self_attn.k_proj", WT_HF_SAME },
    { "blk.#.attn_v", "layers.#.self_attn.v_proj", WT_HF_SAME },
    { "blk.#.attn_output", "layers.#.self_attn.o_proj", WT_HF_SAME },
    { "blk.#.ffn_norm", "layers.#.post_attention_layernorm", WT_HF_SAME },
    { "blk.#.ffn_up", "layers.#.mlp.c_fc", WT_HF_SAME },
    { "blk.#.ffn_down", "layers.#.mlp.c_proj", WT_HF_SAME },
    { 0 },
};
static wt_status starcoder2_write(wt_hf_export *x, wt_err *err)
{
    return wt_hf_put(x, "use_bias", json_boolean(wt_weights_find(x->set, "blk.0.attn_output.bias") != NULL), err);
}
const wt_hf_family wt_hf_starcoder2 = { .prefixes = { "model.", "" },
                                        .ignored = { "*.rotary_emb.inv_freq" },
                                        .arch = "starcoder2",
                                        .model_type = "starcoder2",
                                        .class_name = "Starcoder2ForCausalLM",
                                        .keys = { starcoder2_keys, wt_hf_window_keys },
                                        .tensors = { starcoder2_tensors },
                                        .tied = true,
                                        .write = starcoder2_write };

/* --- Falcon --- */
static const wt_hf_key falcon_keys[] = {
    { "context_length", "max_position_embeddings", WT_HF_INT, WT_HF_DEFAULT, 2048 },
    { "embedding_length", "hidden_size|n_embed", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "block_count", "num_hidden_layers|n_layer", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "feed_forward_length", "ffn_hidden_size", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { "attention.head_count", "num_attention_heads|n_head", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "attention.head_count_kv", "num_kv_heads|n_head_kv", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { "attention.layer_norm_epsilon", "layer_norm_epsilon", WT_HF_FLOAT, WT_HF_DEFAULT, 1e-5 },
    { "rope.freq_base", "rope_theta", WT_HF_FLOAT, WT_HF_DEFAULT, 10000 },
    { 0 },
};
static const wt_hf_tensor falcon_tensors[] = {
    { "token_embd", "word_embeddings", WT_HF_SAME },
    { "output_norm", "ln_f", WT_HF_SAME },
    { "output", "^lm_head", WT_HF_SAME },
    { "blk.#.attn_norm", "h.#.input_layernorm", WT_HF_SAME },
    { "blk.#.attn_norm", "h.#.ln_mlp", WT_HF_SAME },
    { "blk.#.attn_norm_2", "h.#.ln_attn", WT_HF_SAME },
    { "blk.#.attn_qkv", "h.#.self_attention.query_key_value", WT_HF_QKV },
    { "blk.#.attn_output", "h.#.self_attention.dense", WT_HF_SAME },
    { "blk.#.ffn_up", "h.#.mlp.dense_h_to_4h", WT_HF_SAME },
    { "blk.#.ffn_down", "h.#.mlp.dense_4h_to_h", WT_HF_SAME },
    { 0 },
};
static wt_status falcon_read(wt_hf_model *m, wt_err *err)
{
    if (wt_hf_true(m->config, "alibi"))
        return wt_hf_refuse(m, WT_EUNSUPPORTED, "only models that rotate heads can be run", err,
                            "\"alibi\" is true: biases by distance are not known here");
    const bool new_layers = wt_hf_true(m->config, "new_decoder_architecture");
    const json_t *multi = wt_hf_get(m->config, "multi_query");
    if (!new_layers && (!multi || json_is_true(multi))) /* one key head, whatever num_kv_heads says */
        m->kv_heads = 1;
    else if (!new_layers)
        m->kv_heads = m->heads;
    if (!new_layers && !wt_hf_true(m->config, "parallel_attn") && wt_hf_get(m->config, "parallel_attn"))
        return wt_hf_refuse(m, WT_EUNSUPPORTED, "only models whose halves are parallel can be run", err,
                            "\"parallel_attn\" is false, which is not known here");
    WT_TRY(wt_hf_set_int(m, "attention.head_count_kv", m->kv_heads, err));
    WT_TRY(wt_hf_set_text(m, "tensor_data_layout", "jploski", err));
    return four_times(m, "ffn_hidden_size", err);
}
static wt_status falcon_write(wt_hf_export *x, wt_err *err)
{
    const bool two_norms = wt_weights_find(x->set, "blk.0.attn_norm_2.weight") != NULL;
    WT_TRY(wt_hf_put(x, "new_decoder_architecture", json_boolean(two_norms), err));
    WT_TRY(wt_hf_put(x, "multi_query", json_boolean(x->kv_heads == 1), err));
    WT_TRY(wt_hf_put(x, "parallel_attn", json_true(), err));
    WT_TRY(wt_hf_put(x, "bias", json_boolean(wt_weights_find(x->set, "blk.0.attn_qkv.bias") != NULL), err));
    return wt_hf_put(x, "alibi", json_false(), err);
}
const wt_hf_family wt_hf_falcon = { .prefixes = { "transformer.", "" },
                                    .ignored = { "*.rotary_emb.inv_freq" },
                                    .arch = "falcon",
                                    .model_type = "falcon",
                                    .class_name = "FalconForCausalLM",
                                    .keys = { falcon_keys },
                                    .tensors = { falcon_tensors },
                                    .tied = true,
                                    .read = falcon_read,
                                    .write = falcon_write };
