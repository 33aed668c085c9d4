/* hf_olmo.c - OLMo 2 (norms behind both halves only) and OLMoE. */
#include "hf_family.h"

static const wt_hf_tensor olmo2_tensors[] = {
    { "token_embd", "embed_tokens", WT_HF_SAME },
    { "output_norm", "norm", WT_HF_SAME },
    { "output", "^lm_head", WT_HF_SAME },
    { "blk.#.attn_q", "layers.#.self_attn.q_proj", WT_HF_SAME },
    { "blk.#.attn_k", "layers.#.self_attn.k_proj", WT_HF_SAME },
    { "blk.#.attn_v", "layers.#.self_attn.v_proj", WT_HF_SAME },
    { "blk.#.attn_q_norm", "layers.#.self_attn.q_norm", WT_HF_SAME },
    { "blk.#.attn_k_norm", "layers.#.self_attn.k_norm", WT_HF_SAME },
    { "blk.#.attn_output", "layers.#.self_attn.o_proj", WT_HF_SAME },
    { "blk.#.post_attention_norm", "layers.#.post_attention_layernorm", WT_HF_SAME },
    { "blk.#.ffn_gate", "layers.#.mlp.gate_proj", WT_HF_SAME },
    { "blk.#.ffn_up", "layers.#.mlp.up_proj", WT_HF_SAME },
    { "blk.#.ffn_down", "layers.#.mlp.down_proj", WT_HF_SAME },
    { "blk.#.post_ffw_norm", "layers.#.post_feedforward_layernorm", WT_HF_SAME },
    { 0 },
};
const wt_hf_family wt_hf_olmo2 = { .prefixes = { "model.", "" },
                                   .ignored = { "*.rotary_emb.inv_freq" },
                                   .arch = "olmo2",
                                   .model_type = "olmo2",
                                   .class_name = "Olmo2ForCausalLM",
                                   .keys = { wt_hf_decoder_keys },
                                   .tensors = { olmo2_tensors } };

static const wt_hf_key olmoe_keys[] = {
    { "expert_count", "num_experts", WT_HF_INT, WT_HF_DEFAULT, 64 },
    { "expert_used_count", "num_experts_per_tok", WT_HF_INT, WT_HF_DEFAULT, 8 },
    { 0 },
};
static const wt_hf_tensor olmoe_tensors[] = {
    { "blk.#.ffn_gate_inp", "layers.#.mlp.gate", WT_HF_SAME },
    { "blk.#.ffn_gate_exps", "layers.#.mlp.experts.@.gate_proj", WT_HF_EXPERTS },
    { "blk.#.ffn_up_exps", "layers.#.mlp.experts.@.up_proj", WT_HF_EXPERTS },
    { "blk.#.ffn_down_exps", "layers.#.mlp.experts.@.down_proj", WT_HF_EXPERTS },
    { 0 },
};
static wt_status olmoe_read(wt_hf_model *m, wt_err *err)
{
    if (!wt_hf_get(m->config, "clip_qkv") && !wt_hf_true(m->config, "norm_topk_prob"))
        return WT_OK;
    return wt_hf_refuse(m, WT_EUNSUPPORTED, "only models without them can be run", err,
                        "\"clip_qkv\" or \"norm_topk_prob\" is set, which is not known here");
}
const wt_hf_family wt_hf_olmoe = { .prefixes = { "model.", "" },
                                   .ignored = { "*.rotary_emb.inv_freq" },
                                   .arch = "olmoe",
                                   .model_type = "olmoe",
                                   .class_name = "OlmoeForCausalLM",
                                   .keys = { wt_hf_decoder_keys, olmoe_keys },
                                   .tensors = { wt_hf_decoder_tensors, olmoe_tensors },
                                   .with_experts = true,
                                   .read = olmoe_read };
