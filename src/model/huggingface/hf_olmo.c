/* hf_olmo.c - OLMo 2 and 3 (norms behind both halves only; 3: windows, under the same name in GGUF) and OLMoE. */
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

static wt_status olmo3_read(wt_hf_model *m, wt_err *err)
{
    const json_t *types = wt_hf_get(m->config, "layer_types");
    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *type = json_string_value(json_array_get(types, i));
        if (!type || strcmp(type, (i + 1) % 4 ? "sliding_attention" : "full_attention") != 0)
            return wt_hf_refuse(m, WT_EUNSUPPORTED, "only models with the usual layers can be run", err,
                                "the layers with a window are not all but every 4th");
    }
    return WT_OK;
}
const wt_hf_family wt_hf_olmo3 = { .prefixes = { "model.", "" },
                                   .ignored = { "*.rotary_emb.inv_freq" },
                                   .arch = "olmo2",
                                   .model_type = "olmo3",
                                   .class_name = "Olmo3ForCausalLM",
                                   .keys = { wt_hf_decoder_keys, wt_hf_window_keys },
                                   .tensors = { olmo2_tensors },
                                   .written_with = "attention.sliding_window",
                                   .read = olmo3_read };

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
                                   .read = olmoe_read };
