/* hf_qwen.c - Qwen 2 and 3, dense and with experts. */
#include "hf_family.h"

/* The window of these models is off unless use_sliding_window says so, and then it is for the upper layers only. */
static wt_status no_window(wt_hf_model *m, wt_err *err)
{
    if (!wt_hf_true(m->config, "use_sliding_window"))
        return WT_OK;
    return wt_hf_refuse(m, WT_EUNSUPPORTED, "set it to false where texts stay shorter than the window", err,
                        "\"use_sliding_window\" is true: windows of some layers only are not known here");
}

#define QWEN .prefixes = { "model.", "", NULL }, .ignored = { "*.rotary_emb.inv_freq" }

const wt_hf_family wt_hf_qwen2 = { QWEN,
                                   .arch = "qwen2",
                                   .model_type = "qwen2",
                                   .class_name = "Qwen2ForCausalLM",
                                   .keys = { wt_hf_decoder_keys },
                                   .tensors = { wt_hf_decoder_tensors },
                                   .read = no_window };
const wt_hf_family wt_hf_qwen3 = { QWEN,
                                   .arch = "qwen3",
                                   .model_type = "qwen3",
                                   .class_name = "Qwen3ForCausalLM",
                                   .keys = { wt_hf_decoder_keys, wt_hf_head_keys },
                                   .tensors = { wt_hf_decoder_tensors },
                                   .read = no_window };

static const wt_hf_key expert_keys[] = {
    { "expert_count", "num_experts", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "expert_used_count", "num_experts_per_tok", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "expert_feed_forward_length", "moe_intermediate_size", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "expert_shared_feed_forward_length", "shared_expert_intermediate_size", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { 0 },
};
static const wt_hf_tensor expert_tensors[] = {
    { "blk.#.ffn_gate_inp", "layers.#.mlp.gate", WT_HF_SAME },
    { "blk.#.ffn_gate_exps", "layers.#.mlp.experts.@.gate_proj", WT_HF_EXPERTS },
    { "blk.#.ffn_up_exps", "layers.#.mlp.experts.@.up_proj", WT_HF_EXPERTS },
    { "blk.#.ffn_down_exps", "layers.#.mlp.experts.@.down_proj", WT_HF_EXPERTS },
    { "blk.#.ffn_gate_inp_shexp", "layers.#.mlp.shared_expert_gate", WT_HF_FLAT },
    { "blk.#.ffn_gate_shexp", "layers.#.mlp.shared_expert.gate_proj", WT_HF_SAME },
    { "blk.#.ffn_up_shexp", "layers.#.mlp.shared_expert.up_proj", WT_HF_SAME },
    { "blk.#.ffn_down_shexp", "layers.#.mlp.shared_expert.down_proj", WT_HF_SAME },
    { 0 },
};

/* GGUF has no key for it: what an architecture does with the experts' weights is fixed. */
static wt_status check_normalized(wt_hf_model *m, bool usual, wt_err *err)
{
    const json_t *value = wt_hf_get(m->config, "norm_topk_prob");
    if (!value || json_is_true(value) == usual)
        return no_window(m, err);
    return wt_hf_refuse(m, WT_EUNSUPPORTED, "only models with the usual value can be run", err,
                        "\"norm_topk_prob\" is %s, which no model of type '%s' is known to have",
                        usual ? "false" : "true", m->family->model_type);
}
static wt_status qwen2_moe_read(wt_hf_model *m, wt_err *err) { return check_normalized(m, false, err); }
static wt_status qwen3_moe_read(wt_hf_model *m, wt_err *err) { return check_normalized(m, true, err); }
static wt_status qwen2_moe_write(wt_hf_export *x, wt_err *err)
{
    return wt_hf_put(x, "norm_topk_prob", json_false(), err);
}
static wt_status qwen3_moe_write(wt_hf_export *x, wt_err *err)
{
    return wt_hf_put(x, "norm_topk_prob", json_true(), err);
}

const wt_hf_family wt_hf_qwen2_moe = { QWEN,
                                       .arch = "qwen2moe",
                                       .model_type = "qwen2_moe",
                                       .class_name = "Qwen2MoeForCausalLM",
                                       .keys = { wt_hf_decoder_keys, expert_keys },
                                       .tensors = { wt_hf_decoder_tensors, expert_tensors },
                                       .read = qwen2_moe_read,
                                       .write = qwen2_moe_write };
const wt_hf_family wt_hf_qwen3_moe = { QWEN,
                                       .arch = "qwen3moe",
                                       .model_type = "qwen3_moe",
                                       .class_name = "Qwen3MoeForCausalLM",
                                       .keys = { wt_hf_decoder_keys, wt_hf_head_keys, expert_keys },
                                       .tensors = { wt_hf_decoder_tensors, expert_tensors },
                                       .read = qwen3_moe_read,
                                       .write = qwen3_moe_write };
