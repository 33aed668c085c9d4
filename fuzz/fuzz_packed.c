/* fuzz_packed.c - what config.json says of a quantization, with the tensors of one matrix as each tool writes them. The
 * first byte chooses the tool; the rest is config.json. What is accepted gives rows that can be loaded. */
#include "base/json.h"
#include "fuzz.h"
#include "model/huggingface/huggingface.h"

enum { MOST = 1 << 14, PARTS = 6 };
#define P     "model.layers.0.self_attn.q_proj."
#define STATE "{\"shape\":[16,64],\"blocksize\":64}"

typedef struct part {
    const char *name;
    wt_dtype dtype;
    int64_t rows, columns; /* columns 0: a vector */
} part;
static const part tools[][PARTS] = {
    { { P "weight", WT_U32, 16, 8 }, { P "scales", WT_F16, 16, 1 }, { P "biases", WT_F16, 16, 1 } },
    { { P "weight", WT_U32, 16, 8 }, { P "scales", WT_U8, 16, 2 } },
    { { P "qweight", WT_I32, 8, 16 },
      { P "scales", WT_F16, 2, 16 },
      { P "qzeros", WT_I32, 2, 2 },
      { P "g_idx", WT_I32, 64, 0 } },
    { { P "qweight", WT_I32, 64, 2 }, { P "scales", WT_F16, 2, 16 }, { P "qzeros", WT_I32, 2, 2 } },
    { { P "weight_packed", WT_I32, 16, 8 },
      { P "weight_scale", WT_BF16, 16, 2 },
      { P "weight_shape", WT_I64, 2, 0 },
      { P "weight_zero_point", WT_I32, 2, 2 } },
    { { P "weight", WT_I8, 16, 64 }, { P "weight_scale", WT_BF16, 16, 1 } },
    { { P "weight", WT_F8E4M3FN, 16, 64 }, { P "weight_scale_inv", WT_F32, 1, 1 } },
    { { P "weight", WT_U8, 512, 1 },
      { P "weight.absmax", WT_F32, 16, 0 },
      { P "weight.quant_map", WT_F32, 16, 0 },
      { P "weight.quant_state.bitsandbytes__nf4", WT_U8, sizeof STATE - 1, 0 } },
    { { P "weight", WT_I8, 16, 64 }, { P "SCB", WT_F32, 16, 0 } },
};

static const void *data_of(const part *p)
{
    static const float zeros[1024];
    static const int64_t shape[2] = { 16, 64 };
    return p->dtype == WT_I64 ? (const void *)shape : strstr(p->name, "quant_state") ? (const void *)STATE : zeros;
}

static wt_status add(wt_weights *set, const part *p)
{
    const void *data = data_of(p);
    const wt_weight w = { .name = { p->name, strlen(p->name) },
                          .dtype = p->dtype,
                          .shape = wt_shape_make(p->columns ? 2 : 1, (int64_t[]){ p->rows, p->columns }),
                          .parts = &data,
                          .n_parts = 1 };
    return wt_weights_add(set, &w, NULL);
}

static wt_weights *raw_set(wt_context *ctx, const part *parts)
{
    static const part table = { "model.embed_tokens.weight", WT_F32, 4, 64 };
    wt_weights *set = NULL;
    if (wt_weights_new(&set, ctx, "fuzz", "safetensors", NULL) != WT_OK || add(set, &table) != WT_OK)
        return set;
    for (size_t i = 0; i < PARTS && parts[i].name && add(set, &parts[i]) == WT_OK; i++)
        ;
    return set;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wt_context *ctx = NULL;
    wt_weights *set = NULL;
    json_t *config = NULL;
    if (size < 1 || size > MOST || wt_json_parse(&config, (const char *)data + 1, size - 1, "fuzz", NULL) != WT_OK)
        return 0;
    const part *parts = tools[(unsigned)(data[0] - '0') % WT_ARRAY_LEN(tools)];
    wt_weights *raw = wt_context_open(&ctx, NULL, NULL) == WT_OK ? raw_set(ctx, parts) : NULL;
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
