/* fuzz_hf_config.c - config.json of a folder with the tensors of small models of two families: what is accepted gives
 * tensors that can be loaded, and can be asked for every row. */
#include "base/json.h"
#include "fuzz.h"
#include "model/huggingface/huggingface.h"

enum { MOST = 1 << 14 };

static const struct {
    const char *name;
    int64_t rows, columns; /* columns 0: a vector */
} tensors[] = { { "model.embed_tokens.weight", 10, 8 },
                { "model.norm.weight", 8, 0 },
                { "model.layers.0.input_layernorm.weight", 8, 0 },
                { "model.layers.0.self_attn.q_proj.weight", 8, 8 },
                { "model.layers.0.self_attn.k_proj.weight", 8, 8 },
                { "model.layers.0.self_attn.k_proj.bias", 8, 0 },
                { "model.layers.0.mlp.experts.0.gate_proj.weight", 4, 8 },
                { "model.layers.0.mlp.experts.1.gate_proj.weight", 4, 8 },
                { "gpt_neox.embed_in.weight", 10, 8 },
                { "gpt_neox.layers.0.attention.query_key_value.weight", 24, 8 } };

static wt_weights *raw_set(wt_context *ctx)
{
    static const float data[256];
    const void *part = data;
    wt_weights *set = NULL;
    if (wt_weights_new(&set, ctx, "fuzz", "safetensors", NULL) != WT_OK)
        return NULL;
    for (size_t i = 0; i < WT_ARRAY_LEN(tensors); i++) {
        const wt_weight w = { .name = { tensors[i].name, strlen(tensors[i].name) },
                              .dtype = WT_F32,
                              .shape = wt_shape_make(tensors[i].columns ? 2 : 1,
                                                     (int64_t[]){ tensors[i].rows, tensors[i].columns }),
                              .parts = &part,
                              .n_parts = 1 };
        if (wt_weights_add(set, &w, NULL) != WT_OK)
            break;
    }
    return set;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wt_context *ctx = NULL;
    wt_weights *set = NULL;
    json_t *config = NULL;
    if (size > MOST || wt_json_parse(&config, (const char *)data, size, "fuzz", NULL) != WT_OK)
        return 0;
    wt_weights *raw = wt_context_open(&ctx, NULL, NULL) == WT_OK ? raw_set(ctx) : NULL;
    if (raw && wt_hf_translate(&set, raw, config, "/nowhere", NULL) == WT_OK)
        for (size_t i = 0; i < wt_weights_count(set); i++) {
            wt_tensor t;
            (void)!wt_weight_data(set, wt_weights_at(set, i), &t, NULL);
        }
    wt_weights_close(set);
    json_decref(config);
    wt_context_close(ctx);
    return 0;
}
