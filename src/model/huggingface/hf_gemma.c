/* hf_gemma.c - Gemma 1 to 3, text: norms are stored minus one. Of a Gemma 3 with a vision part the text model is read.
 */
#include <math.h>
#include "hf_family.h"

static const wt_hf_tensor gemma_tensors[] = {
    { "token_embd", "embed_tokens", WT_HF_SAME },
    { "output_norm", "norm", WT_HF_PLUS_1 },
    { "blk.#.attn_norm", "layers.#.input_layernorm", WT_HF_PLUS_1 },
    { "blk.#.attn_q", "layers.#.self_attn.q_proj", WT_HF_SAME },
    { "blk.#.attn_k", "layers.#.self_attn.k_proj", WT_HF_SAME },
    { "blk.#.attn_v", "layers.#.self_attn.v_proj", WT_HF_SAME },
    { "blk.#.attn_q_norm", "layers.#.self_attn.q_norm", WT_HF_PLUS_1 },
    { "blk.#.attn_k_norm", "layers.#.self_attn.k_norm", WT_HF_PLUS_1 },
    { "blk.#.attn_output", "layers.#.self_attn.o_proj", WT_HF_SAME },
    { "blk.#.ffn_gate", "layers.#.mlp.gate_proj", WT_HF_SAME },
    { "blk.#.ffn_up", "layers.#.mlp.up_proj", WT_HF_SAME },
    { "blk.#.ffn_down", "layers.#.mlp.down_proj", WT_HF_SAME },
    { 0 },
};
static const wt_hf_tensor one_norm[] = {
    { "blk.#.ffn_norm", "layers.#.post_attention_layernorm", WT_HF_PLUS_1 },
    { 0 },
};
static const wt_hf_tensor norms_behind[] = {
    { "blk.#.post_attention_norm", "layers.#.post_attention_layernorm", WT_HF_PLUS_1 },
    { "blk.#.ffn_norm", "layers.#.pre_feedforward_layernorm", WT_HF_PLUS_1 },
    { "blk.#.post_ffw_norm", "layers.#.post_feedforward_layernorm", WT_HF_PLUS_1 },
    { 0 },
};

static const wt_hf_key gemma_keys[] = {
    { "attention.key_length", "head_dim", WT_HF_INT, WT_HF_DEFAULT, 256 },
    { "attention.value_length", "head_dim", WT_HF_INT, WT_HF_DEFAULT, 256 },
    { 0 },
};
static const wt_hf_key gemma2_keys[] = {
    { "attention.sliding_window", "sliding_window", WT_HF_INT, WT_HF_DEFAULT, 4096 },
    { "attn_logit_softcapping", "attn_logit_softcapping", WT_HF_FLOAT, WT_HF_OPTIONAL, 0 },
    { "final_logit_softcapping", "final_logit_softcapping", WT_HF_FLOAT, WT_HF_OPTIONAL, 0 },
    { 0 },
};
/* Multimodal files leave out what is as in the default configuration. */
static const wt_hf_key gemma3_keys[] = {
    { "context_length", "max_position_embeddings", WT_HF_INT, WT_HF_DEFAULT, 131072 },
    { "embedding_length", "hidden_size", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "block_count", "num_hidden_layers", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "feed_forward_length", "intermediate_size", WT_HF_INT, WT_HF_REQUIRED, 0 },
    { "attention.head_count", "num_attention_heads", WT_HF_INT, WT_HF_DEFAULT, 8 },
    { "attention.head_count_kv", "num_key_value_heads", WT_HF_INT, WT_HF_DEFAULT, 4 },
    { "attention.layer_norm_rms_epsilon", "rms_norm_eps", WT_HF_FLOAT, WT_HF_DEFAULT, 1e-6 },
    { "rope.freq_base", "rope_theta", WT_HF_FLOAT, WT_HF_DEFAULT, 1e6 },
    { "rope.freq_base_swa", "rope_local_base_freq", WT_HF_FLOAT, WT_HF_DEFAULT, 10000 },
    { "attention.sliding_window", "sliding_window", WT_HF_INT, WT_HF_DEFAULT, 4096 },
    { "final_logit_softcapping", "final_logit_softcapping", WT_HF_FLOAT, WT_HF_OPTIONAL, 0 },
    { 0 },
};

/* The scale of attention is fixed by the architecture: 1/sqrt(head), or of width / heads for the 27B models. */
static wt_status check_scale(wt_hf_model *m, int64_t layers_of_27b, wt_err *err)
{
    const char *arch = m->family->arch;
    const int64_t head = wt_hf_int_of(m->set, arch, "attention.key_length", 0);
    const double usual = m->layers == layers_of_27b
                             ? (double)wt_hf_int_of(m->set, arch, "embedding_length", 0) / (double)m->heads
                             : (double)head;
    double scalar = 0;
    WT_TRY(wt_hf_number(m, m->config, "query_pre_attn_scalar", usual, &scalar, err));
    if (fabs(scalar - usual) < 1e-6 * usual)
        return WT_OK;
    return wt_hf_refuse(m, WT_EUNSUPPORTED, "only models with the usual scale can be run", err,
                        "\"query_pre_attn_scalar\" is %g, where models of type '%s' have %g", scalar,
                        m->family->model_type, usual);
}

static wt_status check_pattern(wt_hf_model *m, int64_t pattern, wt_err *err)
{
    const json_t *types = wt_hf_get(m->config, "layer_types");
    double said = 0;
    WT_TRY(wt_hf_number(m, m->config, "sliding_window_pattern|_sliding_window_pattern", (double)pattern, &said, err));
    bool usual = said == (double)pattern;
    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *type = json_string_value(json_array_get(types, i));
        const bool full = (int64_t)(i + 1) % pattern == 0;
        usual &= type && !strcmp(type, full ? "full_attention" : "sliding_attention");
    }
    if (usual)
        return WT_OK;
    return wt_hf_refuse(m, WT_EUNSUPPORTED, "only models with the usual layers can be run", err,
                        "the layers with a window are not all but every %lldth", (long long)pattern);
}

static wt_status gemma2_read(wt_hf_model *m, wt_err *err)
{
    WT_TRY(check_pattern(m, 2, err));
    return check_scale(m, 46, err);
}
static wt_status gemma2_write(wt_hf_export *x, wt_err *err)
{
    const int64_t head = wt_hf_int_of(x->set, "gemma2", "attention.key_length", 256);
    const int64_t width = wt_hf_int_of(x->set, "gemma2", "embedding_length", 0);
    return wt_hf_put(x, "query_pre_attn_scalar", json_integer(x->layers == 46 ? width / x->heads : head), err);
}

static wt_status gemma3_read(wt_hf_model *m, wt_err *err)
{
    WT_TRY(check_pattern(m, 6, err));
    return check_scale(m, 62, err);
}
static wt_status gemma3_write(wt_hf_export *x, wt_err *err)
{
    const int64_t head = wt_hf_int_of(x->set, "gemma3", "attention.key_length", 256);
    const int64_t width = wt_hf_int_of(x->set, "gemma3", "embedding_length", 0);
    WT_TRY(wt_hf_put(x, "sliding_window_pattern", json_integer(6), err));
    return wt_hf_put(x, "query_pre_attn_scalar", json_integer(x->layers == 62 ? width / x->heads : head), err);
}

#define GEMMA .ignored = { "*.rotary_emb.inv_freq", "lm_head.weight" }, .tied = true

const wt_hf_family wt_hf_gemma = { GEMMA,
                                   .prefixes = { "model.", "" },
                                   .arch = "gemma",
                                   .model_type = "gemma",
                                   .class_name = "GemmaForCausalLM",
                                   .keys = { wt_hf_decoder_keys, gemma_keys },
                                   .tensors = { gemma_tensors, one_norm } };
const wt_hf_family wt_hf_gemma2 = { GEMMA,
                                    .prefixes = { "model.", "" },
                                    .arch = "gemma2",
                                    .model_type = "gemma2",
                                    .class_name = "Gemma2ForCausalLM",
                                    .keys = { wt_hf_decoder_keys, gemma_keys, gemma2_keys },
                                    .tensors = { gemma_tensors, norms_behind },
                                    .read = gemma2_read,
                                    .write = gemma2_write };
const wt_hf_family wt_hf_gemma3_text = { GEMMA,
                                         .prefixes = { "model.", "" },
                                         .arch = "gemma3",
                                         .model_type = "gemma3_text",
                                         .class_name = "Gemma3ForCausalLM",
                                         .keys = { gemma3_keys, gemma_keys },
                                         .tensors = { gemma_tensors, norms_behind },
                                         .read = gemma3_read,
                                         .write = gemma3_write };
const wt_hf_family wt_hf_gemma3 = { .prefixes = { "language_model.model.", "model.language_model.", "model.", NULL },
                                    .ignored = { "*lm_head.weight", "*vision_tower.*", "*multi_modal_projector.*" },
                                    .tied = true,
                                    .arch = "gemma3",
                                    .model_type = "gemma3",
                                    .class_name = "Gemma3ForConditionalGeneration",
                                    .keys = { gemma3_keys, gemma_keys },
                                    .tensors = { gemma_tensors, norms_behind },
                                    .import_only = true,
                                    .read = gemma3_read };
