#include "st_bytes.h"
#include <stdio.h>
#include <sys/stat.h>
#include "base/str.h"

static void put(wt_buf *b, const char *header, size_t size)
{
    const uint64_t length = strlen(header);
    for (int i = 0; i < 8; i++)
        wt_buf_add(b, &(uint8_t){ (uint8_t)(length >> 8 * i) }, 1);
    wt_buf_puts(b, header);
    for (size_t i = 0; i < size; i++)
        wt_buf_add(b, &(uint8_t){ (uint8_t)i }, 1);
    assert_false(b->failed);
}

const char *st_write(const char *folder, const char *name, const char *header, size_t size)
{
    wt_context *ctx = wt_test_context();
    const char *path = wt_test_path(folder ? folder : wt_test_tmpdir(), name);
    wt_buf b;
    wt_buf_init(&b, ctx);
    put(&b, header, size);
    wt_test_write(path, b.data, b.len);
    wt_buf_free(&b);
    wt_test_context_close(ctx);
    return path;
}

static const struct {
    const char *name;
    int rows, columns; /* columns 0: a vector */
} tensors[] = { { "model.embed_tokens", 10, 8 },
                { "model.norm", 8, 0 },
                { "lm_head", 10, 8 },
                { "model.layers.0.input_layernorm", 8, 0 },
                { "model.layers.0.self_attn.q_proj", 8, 8 },
                { "model.layers.0.self_attn.k_proj", 8, 8 },
                { "model.layers.0.self_attn.v_proj", 8, 8 },
                { "model.layers.0.self_attn.o_proj", 8, 8 },
                { "model.layers.0.post_attention_layernorm", 8, 0 },
                { "model.layers.0.mlp.gate_proj", 12, 8 },
                { "model.layers.0.mlp.up_proj", 12, 8 },
                { "model.layers.0.mlp.down_proj", 8, 12 } };

const char *st_folder(const char *name, const char *config)
{
    char header[4096];
    size_t n = 0, at = 0;
    n += (size_t)snprintf(header, sizeof header, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < WT_ARRAY_LEN(tensors); i++) {
        const int columns = tensors[i].columns;
        const size_t bytes = (size_t)(tensors[i].rows * (columns ? columns : 1)) * 4;
        n += (size_t)snprintf(header + n, sizeof header - n, ",\"%s.weight\":{\"dtype\":\"F32\",\"shape\":[%d",
                              tensors[i].name, tensors[i].rows);
        if (columns)
            n += (size_t)snprintf(header + n, sizeof header - n, ",%d", columns);
        n += (size_t)snprintf(header + n, sizeof header - n, "],\"data_offsets\":[%zu,%zu]}", at, at + bytes);
        at += bytes;
    }
    snprintf(header + n, sizeof header - n, "}%.*s", (int)(-(n + 1) & 7), "        ");
    const char *folder = wt_test_path(wt_test_tmpdir(), name);
    mkdir(folder, 0777);
    st_write(folder, "model.safetensors", header, at);
    wt_test_write(wt_test_path(folder, "config.json"), config, strlen(config));
    return folder;
}

const char *st_config(const char *more)
{
    static char text[2048];
    snprintf(text, sizeof text,
             "{\"model_type\":\"llama\",\"max_position_embeddings\":64,\"hidden_size\":8,\"num_hidden_layers\":1,"
             "\"intermediate_size\":12,\"num_attention_heads\":2,\"rms_norm_eps\":1e-5%s}",
             more);
    return text;
}
