/* Matrices of codes and scales: what an allocation that fails leaves, and rows in any piece. The numbers themselves are
 * held to the formulas of the formats by check_packed.py. */
#include "base/json.h"
#include "base/file.h"
#include "model/formats/mlx/mlx.h"
#include "model/formats/safetensors/safetensors.h"
#include "model/huggingface/huggingface.h"
#include "support/test.h"

enum { ROWS = 16, COLUMNS = 64 };
#define P "model.layers.0.self_attn.q_proj."
static const char config_text[] =
    "{\"model_type\":\"llama\",\"max_position_embeddings\":64,\"hidden_size\":64,\"num_hidden_layers\":1,"
    "\"intermediate_size\":64,\"num_attention_heads\":2,\"quantization\":{\"group_size\":32,\"bits\":4}}";

static uint32_t codes[ROWS * COLUMNS / 8];
static uint16_t scales[ROWS * COLUMNS / 32], biases[ROWS * COLUMNS / 32];
static float table[4 * COLUMNS];

static wt_status add(wt_weights *set, const char *name, wt_dtype dtype, int64_t rows, int64_t columns, const void *data,
                     wt_err *err)
{
    const wt_weight w = { .name = { name, strlen(name) },
                          .dtype = dtype,
                          .shape = wt_shape_make(2, (int64_t[]){ rows, columns }),
                          .parts = &data,
                          .n_parts = 1 };
    return wt_weights_add(set, &w, err);
}

static wt_status make(wt_weights **out, wt_context *ctx, wt_err *err)
{
    wt_weights *raw = NULL;
    json_t *config = NULL;
    WT_TRY(wt_weights_new(&raw, ctx, "test", "safetensors", err));
    wt_status st = add(raw, "model.embed_tokens.weight", WT_F32, 4, COLUMNS, table, err);
    if (st == WT_OK)
        st = add(raw, P "weight", WT_U32, ROWS, COLUMNS / 8, codes, err);
    if (st == WT_OK)
        st = add(raw, P "scales", WT_F16, ROWS, COLUMNS / 32, scales, err);
    if (st == WT_OK)
        st = add(raw, P "biases", WT_F16, ROWS, COLUMNS / 32, biases, err);
    if (st == WT_OK)
        st = wt_json_parse(&config, config_text, sizeof config_text - 1, "config.json", err);
    if (st == WT_OK)
        st = wt_hf_translate(out, raw, config, "/nowhere", err);
    else
        wt_weights_close(raw);
    json_decref(config);
    return st;
}

static wt_status read_all(wt_context *ctx, void *arg, wt_err *err)
{
    wt_weights *set = NULL;
    wt_tensor t;
    (void)arg;
    WT_TRY(make(&set, ctx, err));
    const wt_status st = wt_weight_data(set, wt_weights_find(set, "blk.0.attn_q.weight"), &t, err);
    wt_weights_close(set);
    return st;
}

static void allocations(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(read_all, NULL) > 20);
}

static void fill(void)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(codes); i++)
        codes[i] = (uint32_t)(i * 2654435761u);
    for (size_t i = 0; i < WT_ARRAY_LEN(scales); i++) {
        scales[i] = wt_f32_to_f16(0.01f * (float)(i + 1));
        biases[i] = wt_f32_to_f16(-0.03f * (float)(i + 1));
    }
}

/* The words of a group of four bits of MLX and a block of Q4_1 are the same numbers: here rows of q in pairs. */
static void blocks(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_weights *set = NULL;
    wt_tensor t;
    fill();
    wt_test_ok(make(&set, ctx, &err), &err);
    const wt_weight *w = wt_weights_find(set, "blk.0.attn_q.weight");
    wt_test_ok(wt_weight_data(set, w, &t, &err), &err);
    assert_int_equal(w->dtype, WT_Q4_1);
    for (size_t row = 0; row < ROWS; row++) {
        const size_t from = row / 8 * 8 + row % 8 / 2 + row % 2 * 4; /* heads of eight rows, halves to pairs */
        for (size_t b = 0; b < COLUMNS / 32; b++) {
            const uint8_t *block = (const uint8_t *)t.data + (row * (COLUMNS / 32) + b) * 20;
            assert_memory_equal(block, &scales[from * 2 + b], 2);
            assert_memory_equal(block + 2, &biases[from * 2 + b], 2);
            for (size_t i = 0; i < 32; i++) {
                const uint32_t code = codes[from * 8 + b * 4 + i / 8] >> i % 8 * 4 & 15;
                assert_int_equal(block[4 + i % 16] >> i / 16 * 4 & 15, code);
            }
        }
    }
    wt_weights_close(set);
    wt_test_context_close(ctx);
}

static void pieces(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_weights *set = NULL;
    uint8_t whole[ROWS * 40], some[ROWS * 40];
    fill();
    wt_test_ok(make(&set, ctx, &err), &err);
    const wt_weight *w = wt_weights_find(set, "blk.0.attn_q.weight");
    wt_test_ok(wt_weight_load(set, w, 0, ROWS, whole, &err), &err);
    for (uint64_t first = 0; first < ROWS; first++)
        for (uint64_t n = 0; first + n <= ROWS; n++) {
            wt_test_ok(wt_weight_load(set, w, first, n, some, &err), &err);
            assert_memory_equal(some, whole + first * 40, n * 40);
        }
    wt_test_refused(wt_weight_load(set, w, 1, ROWS, some, &err), WT_EINTERNAL, &err, "rows 1 + 16");
    wt_weights_close(set);
    wt_test_context_close(ctx);
}

/* Read, made blocks of, and written again: the same words, scales and offsets. */
static void same(const wt_weights *raw, const char *name, const void *data, size_t bytes)
{
    const wt_weight *w = wt_weights_find(raw, name);
    assert_non_null(w);
    assert_int_equal(w->bytes, bytes);
    assert_memory_equal(w->parts[0], data, bytes);
}

static wt_status write_all(wt_context *ctx, void *arg, wt_err *err)
{
    wt_weights *set = NULL;
    const wt_hf_write_options o = { .force = true, .mlx = true };
    WT_TRY(make(&set, ctx, err));
    const wt_status st = wt_hf_write(set, arg, &o, NULL, err);
    wt_weights_close(set);
    return st;
}

static void written_again(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_weights *raw = NULL;
    const char *folder = wt_test_path(wt_test_tmpdir(), "mlx");
    fill();
    wt_test_ok(write_all(ctx, (void *)(uintptr_t)folder, &err), &err);
    wt_test_ok(wt_safetensors_open(&raw, ctx, wt_test_path(folder, "model.safetensors"), &err), &err);
    same(raw, P "weight", codes, sizeof codes);
    same(raw, P "scales", scales, sizeof scales);
    same(raw, P "biases", biases, sizeof biases);
    wt_weights_close(raw);
    assert_true(wt_test_fail_each_alloc(write_all, (void *)(uintptr_t)folder) > 50);
    wt_test_context_close(ctx);
}

/* Nothing is left of a folder whose scales do not fit their type. */
static void too_large(void **state)
{
    (void)state;
    static uint8_t blocks_of[ROWS * 2 * 40];
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_weights *set = NULL;
    wt_mlx_scheme scheme;
    const wt_hf_write_options o = { .mlx = true, .dtype = WT_F16, .mlx_scheme = &scheme };
    const char *folder = wt_test_path(wt_test_tmpdir(), "large");
    assert_true(wt_mlx_scheme_parse("affine4-g32", &scheme));
    assert_false(wt_mlx_scheme_parse("affine7-g32", &scheme));
    for (size_t at = 0; at < sizeof blocks_of; at += 40)
        for (size_t i = 0; i < 32; i++)
            blocks_of[at + 8 + i] = (uint8_t)(8 * i);
    memcpy(blocks_of + 120, &(float){ 1e6f }, 4);
    wt_test_ok(make(&set, ctx, &err), &err);
    wt_test_ok(add(set, "blk.0.attn_v.weight", WT_AFFINE8, ROWS, COLUMNS, blocks_of, &err), &err);
    wt_test_refused(wt_hf_write(set, folder, &o, NULL, &err), WT_EUNSUPPORTED, &err,
                    "group 1 of row 1 has a scale too large for float16");
    assert_false(wt_path_exists(folder));
    wt_weights_close(set);
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(allocations), cmocka_unit_test(blocks),
                                        cmocka_unit_test(pieces), cmocka_unit_test(written_again),
                                        cmocka_unit_test(too_large) };
    return wt_test_run("packed", tests, WT_ARRAY_LEN(tests));
}
