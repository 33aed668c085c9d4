/* hf_llama.c - Llama 1 to 3, Mistral, Mixtral, SmolLM 1 to 3, Granite: all rotate pairs in GGUF files. */
#include "hf_family.h"

static const wt_hf_tensor llama_tensors[] = {
    { "token_embd", "embed_tokens", WT_HF_SAME },
    { "output_norm", "norm", WT_HF_SAME },
    { "output", "^lm_head", WT_HF_SAME },
    { "blk.#.attn_norm", "layers.#.input_layernorm", WT_HF_SAME },
    { "blk.#.attn_q", "layers.#.self_attn.q_proj", WT_HF_PAIRS_Q },
    { "blk.#.attn_k", "layers.#.self_attn.k_proj", WT_HF_PAIRS_K },
    { "blk.#.attn_v", "layers.#.self_attn.v_proj", WT_HF_SAME },
    { "blk.#.attn_output", "layers.#.self_attn.o_proj", WT_HF_SAME },
    { "blk.#.ffn_norm", "layers.#.post_attention_layernorm", WT_HF_SAME },
    { 0 },
};

static const wt_hf_tensor dense_tensors[] = {
    { "blk.#.ffn_gate", "layers.#.mlp.gate_proj", WT_HF_SAME },
    { "blk.#.ffn_up", "layers.#.mlp.up_proj", WT_HF_SAME },
    { "blk.#.ffn_down", "layers.#.mlp.down_proj", WT_HF_SAME },
    { 0 },
};

/* Rotated numbers of a head: all of them, and said so since llama.cpp's own converter does. */
static wt_status llama_read(wt_hf_model *m, wt_err *err)
{
    const int64_t width = wt_hf_int_of(m->set, m->family->arch, "embedding_length", 0);
    const int64_t head = wt_hf_int_of(m->set, m->family->arch, "attention.key_length", width / m->heads);
    return wt_hf_set_int(m, "rope.dimension_count", head, err);
}

#define LLAMA .prefixes = { "model.", "", NULL }, .ignored = { "*.rotary_emb.inv_freq" }

const wt_hf_family wt_hf_llama = { LLAMA,
                                   .arch = "llama",
                                   .model_type = "llama",
                                   .class_name = "LlamaForCausalLM",
                                   .keys = { wt_hf_decoder_keys, wt_hf_head_keys },
                                   .tensors = { llama_tensors, dense_tensors },
                                   .read = llama_read };
const wt_hf_family wt_hf_mistral = { LLAMA,
                                     .arch = "llama",
                                     .model_type = "mistral",
                                     .class_name = "MistralForCausalLM",
                                     .keys = { wt_hf_decoder_keys, wt_hf_head_keys, wt_hf_window_keys },
                                     .tensors = { llama_tensors, dense_tensors },
                                     .written_with = "attention.sliding_window",
                                     .read = llama_read };

static const wt_hf_key mixtral_keys[] = {
    { "attention.key_length", "head_dim", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { "attention.value_length", "head_dim", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { "attention.sliding_window", "sliding_window", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { "expert_count", "num_local_experts", WT_HF_INT, WT_HF_DEFAULT, 8 },
    { "expert_used_count", "num_experts_per_tok", WT_HF_INT, WT_HF_DEFAULT, 2 },
    { 0 },
};
static const wt_hf_tensor mixtral_tensors[] = {
    { "blk.#.ffn_gate_inp", "layers.#.block_sparse_moe.gate", WT_HF_SAME },
    { "blk.#.ffn_gate_exps", "layers.#.block_sparse_moe.experts.@.w1", WT_HF_EXPERTS },
    { "blk.#.ffn_down_exps", "layers.#.block_sparse_moe.experts.@.w2", WT_HF_EXPERTS },
    { "blk.#.ffn_up_exps", "layers.#.block_sparse_moe.experts.@.w3", WT_HF_EXPERTS },
    { 0 },
};
const wt_hf_family wt_hf_mixtral = { LLAMA,
                                     .arch = "llama",
                                     .model_type = "mixtral",
                                     .class_name = "MixtralForCausalLM",
                                     .keys = { wt_hf_decoder_keys, mixtral_keys },
                                     .tensors = { llama_tensors, mixtral_tensors },
                                     .written_with = "expert_count",
                                     .read = llama_read };

/* --- SmolLM3: every fourth layer has no positions --- */
static wt_status smollm3_read(wt_hf_model *m, wt_err *err)
{
    const json_t *layers = wt_hf_get(m->config, "no_rope_layers"); /* 1: with positions */
    double interval = 4;
    WT_TRY(wt_hf_number(m, m->config, "no_rope_layer_interval", 4, &interval, err));
    bool usual = interval == 4;
    for (size_t i = 0; i < json_array_size(layers); i++)
        usual &= json_integer_value(json_array_get(layers, i)) == ((i + 1) % 4 != 0);
    if (!usual)
        return wt_hf_refuse(m, WT_EUNSUPPORTED, "only models that leave out every fourth layer are known", err,
                            "\"no_rope_layers\" chooses other layers than every fourth");
    return llama_read(m, err);
}
static wt_status smollm3_write(wt_hf_export *x, wt_err *err)
{
    return wt_hf_put(x, "no_rope_layer_interval", json_integer(4), err);
}
const wt_hf_family wt_hf_smollm3 = { LLAMA,
                                     .arch = "smollm3",
                                     .model_type = "smollm3",
                                     .class_name = "SmolLM3ForCausalLM",
                                     .keys = { wt_hf_decoder_keys, wt_hf_head_keys },
                                     .tensors = { llama_tensors, dense_tensors },
                                     .tied = true,
                                     .read = smollm3_read,
                                     .write = smollm3_write };

/* --- Granite: four factors; experts in one tensor per layer --- */
static const wt_hf_key granite_keys[] = {
    { "attention.scale", "attention_multiplier", WT_HF_FLOAT, WT_HF_DEFAULT, 1 },
    { "embedding_scale", "embedding_multiplier", WT_HF_FLOAT, WT_HF_DEFAULT, 1 },
    { "residual_scale", "residual_multiplier", WT_HF_FLOAT, WT_HF_DEFAULT, 1 },
    { "logit_scale", "logits_scaling", WT_HF_FLOAT, WT_HF_DEFAULT, 1 },
    { 0 },
};
static const wt_hf_key granitemoe_keys[] = {
    { "expert_count", "num_local_experts", WT_HF_INT, WT_HF_DEFAULT, 8 },
    { "expert_used_count", "num_experts_per_tok", WT_HF_INT, WT_HF_DEFAULT, 2 },
    { "expert_shared_feed_forward_length", "shared_intermediate_size", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { 0 },
};
static const wt_hf_tensor granitemoe_tensors[] = {
    { "blk.#.ffn_gate_inp", "layers.#.block_sparse_moe.router.layer", WT_HF_SAME },
    { "blk.#.ffn_gate_exps", "layers.#.block_sparse_moe.input_linear", WT_HF_UPPER },
    { "blk.#.ffn_up_exps", "layers.#.block_sparse_moe.input_linear", WT_HF_LOWER },
    { "blk.#.ffn_down_exps", "layers.#.block_sparse_moe.output_linear", WT_HF_SAME },
    { "blk.#.ffn_gate_shexp", "layers.#.shared_mlp.input_linear", WT_HF_UPPER },
    { "blk.#.ffn_up_shexp", "layers.#.shared_mlp.input_linear", WT_HF_LOWER },
    { "blk.#.ffn_down_shexp", "layers.#.shared_mlp.output_linear", WT_HF_SAME },
    { 0 },
};
/* Some have no positions, for which GGUF files use a key of another meaning. */
static wt_status granite_read(wt_hf_model *m, wt_err *err)
{
    const char *places = json_string_value(wt_hf_get(m->config, "position_embedding_type"));
    if (places && !strcmp(places, "nope")) {
        const char *key = m->family->arch[7] ? "granitemoe.rope.scaling.finetuned" : "granite.rope.scaling.finetuned";
        WT_TRY(wt_weights_set_int(m->set, key, WT_META_BOOL, 0, err));
    }
    return llama_read(m, err);
}
static wt_status granite_write(wt_hf_export *x, wt_err *err)
{
    if (wt_hf_int_of(x->set, x->family->arch, "rope.scaling.finetuned", 1))
        return WT_OK;
    return wt_hf_put(x, "position_embedding_type", json_string("nope"), err);
}
const wt_hf_family wt_hf_granite = { LLAMA,
                                     .arch = "granite",
                                     .model_type = "granite",
                                     .class_name = "GraniteForCausalLM",
                                     .keys = { wt_hf_decoder_keys, granite_keys },
                                     .tensors = { llama_tensors, dense_tensors },
                                     .read = granite_read,
                                     .write = granite_write };
#define GRANITEMOE                                                                                                     \
    LLAMA, .arch = "granitemoe", .keys = { wt_hf_decoder_keys, granite_keys, granitemoe_keys },                        \
           .tensors = { llama_tensors, granitemoe_tensors }, .read = granite_read, .write = granite_write
const wt_hf_family wt_hf_granitemoe = { GRANITEMOE, .model_type = "granitemoe", .class_name = "GraniteMoeForCausalLM",
                                        .import_only = true };
const wt_hf_family wt_hf_granitemoeshared = { GRANITEMOE, .model_type = "granitemoeshared",
                                              .class_name = "GraniteMoeSharedForCausalLM" };
