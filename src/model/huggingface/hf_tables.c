/* hf_tables.c - names that most decoders share, and the list of families. */
#include "hf_family.h"

const wt_hf_key wt_hf_decoder_keys[] = {
    { "context_length", "max_position_embeddings", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "embedding_length", "hidden_size", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "block_count", "num_hidden_layers", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "feed_forward_length", "intermediate_size", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "attention.head_count", "num_attention_heads", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "attention.head_count_kv", "num_key_value_heads", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { "attention.layer_norm_rms_epsilon", "rms_norm_eps", WT_HF_FLOAT, WT_HF_DEFAULT, 1e-6 },
    { "rope.freq_base", "rope_theta", WT_HF_FLOAT, WT_HF_DEFAULT, 10000 },
    { 0 },
};

const wt_hf_key wt_hf_head_keys[] = {
    { "attention.key_length", "head_dim", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { "attention.value_length", "head_dim", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { 0 },
};

const wt_hf_key wt_hf_window_keys[] = {
    { "attention.sliding_window", "sliding_window", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { 0 },
};

const wt_hf_tensor wt_hf_decoder_tensors[] = {
    { "token_embd", "embed_tokens", WT_HF_SAME },
    { "output_norm", "norm", WT_HF_SAME },
    { "output", "^lm_head", WT_HF_SAME },
    { "blk.#.attn_norm", "layers.#.input_layernorm", WT_HF_SAME },
    { "blk.#.attn_q", "layers.#.self_attn.q_proj", WT_HF_SAME },
    { "blk.#.attn_k", "layers.#.self_attn.k_proj", WT_HF_SAME },
    { "blk.#.attn_v", "layers.#.self_attn.v_proj", WT_HF_SAME },
    { "blk.#.attn_q_norm", "layers.#.self_attn.q_norm", WT_HF_SAME },
    { "blk.#.attn_k_norm", "layers.#.self_attn.k_norm", WT_HF_SAME },
    { "blk.#.attn_output", "layers.#.self_attn.o_proj", WT_HF_SAME },
    { "blk.#.ffn_norm", "layers.#.post_attention_layernorm", WT_HF_SAME },
    { "blk.#.ffn_gate", "layers.#.mlp.gate_proj", WT_HF_SAME },
    { "blk.#.ffn_up", "layers.#.mlp.up_proj", WT_HF_SAME },
    { "blk.#.ffn_down", "layers.#.mlp.down_proj", WT_HF_SAME },
    { 0 },
};

#define X(id) extern const wt_hf_family wt_hf_##id;
#include "hf_families.def"
#undef X

const wt_hf_family *const wt_hf_families[] = {
#define X(id) &wt_hf_##id,
#include "hf_families.def"
#undef X
    NULL,
};
