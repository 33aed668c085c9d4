/* hf_phi.c - Phi 3 and 4: q, k, v in one matrix, gate and value in one; both stay so. */
#include "hf_family.h"

static const wt_hf_tensor phi3_tensors[] = {
    { "token_embd", "embed_tokens", WT_HF_SAME },
    { "output_norm", "norm", WT_HF_SAME },
    { "output", "^lm_head", WT_HF_SAME },
    { "blk.#.attn_norm", "layers.#.input_layernorm", WT_HF_SAME },
    { "blk.#.attn_qkv", "layers.#.self_attn.qkv_proj", WT_HF_SAME },
    { "blk.#.attn_output", "layers.#.self_attn.o_proj", WT_HF_SAME },
    { "blk.#.ffn_norm", "layers.#.post_attention_layernorm", WT_HF_SAME },
    { "blk.#.ffn_up", "layers.#.mlp.gate_up_proj", WT_HF_SAME },
    { "blk.#.ffn_down", "layers.#.mlp.down_proj", WT_HF_SAME },
    { 0 },
};

static const wt_hf_key phi3_keys[] = {
    { "rope.scaling.original_context_length", "original_max_position_embeddings", WT_HF_INT, WT_HF_OPTIONAL, 0 },
    { 0 },
};

static wt_status phi3_read(wt_hf_model *m, wt_err *err)
{
    const int64_t head = wt_hf_int_of(m->set, "phi3", "embedding_length", 0) / m->heads;
    const int64_t context = wt_hf_int_of(m->set, "phi3", "context_length", 0);
    double part = 1;
    WT_TRY(wt_hf_number(m, m->config, "partial_rotary_factor", 1, &part, err));
    WT_TRY(wt_hf_set_int(m, "rope.dimension_count", (int64_t)((double)head * part), err));
    if (!wt_hf_get(m->config, "original_max_position_embeddings"))
        WT_TRY(wt_hf_set_int(m, "rope.scaling.original_context_length", context, err));
    if (!wt_hf_get(m->config, "sliding_window")) /* llama.cpp wants the key; 0: none */
        WT_TRY(wt_hf_set_int(m, "attention.sliding_window", 0, err));
    return WT_OK;
}

static wt_status phi3_write(wt_hf_export *x, wt_err *err)
{
    const int64_t head = wt_hf_int_of(x->set, "phi3", "embedding_length", 0) / x->heads;
    const int64_t dims = wt_hf_int_of(x->set, "phi3", "rope.dimension_count", head);
    if (dims != head)
        WT_TRY(wt_hf_put(x, "partial_rotary_factor", wt_hf_real((double)dims / (double)head), err));
    if (!wt_hf_int_of(x->set, "phi3", "attention.sliding_window", 0))
        return wt_hf_put(x, "sliding_window", json_null(), err);
    return WT_OK;
}

const wt_hf_family wt_hf_phi3 = { .prefixes = { "model.", "" },
                                  .ignored = { "*.rotary_emb.inv_freq" },
                                  .arch = "phi3",
                                  .model_type = "phi3",
                                  .class_name = "Phi3ForCausalLM",
                                  .keys = { wt_hf_decoder_keys, phi3_keys, wt_hf_window_keys },
                                  .tensors = { phi3_tensors },
                                  .read = phi3_read,
                                  .write = phi3_write };
