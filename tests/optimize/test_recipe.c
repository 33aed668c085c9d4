/* Recipes: which type each tensor of a made-up model gets. */
#include <stdio.h>
#include "optimize/recipe.h"
#include "support/test.h"

typedef struct shape_of {
    int64_t layers, width, heads, kv_heads, experts;
    bool output;
} shape_of;

static void add(wt_weights *w, const char *name, int64_t rows, int64_t columns)
{
    static const float nothing = 0; /* recipes look at names and shapes only */
    wt_err err = { 0 };
    const wt_weight weight = { .name = { name, strlen(name) },
                               .dtype = WT_F32,
                               .parts = (const void *[]){ &nothing },
                               .n_parts = 1,
                               .shape = rows ? wt_shape_make(2, (int64_t[]){ rows, columns })
                                             : wt_shape_make(1, (int64_t[]){ columns }) };
    wt_test_ok(wt_weights_add(w, &weight, &err), &err);
}

static wt_weights *model(wt_context *ctx, const shape_of *s)
{
    static const char *const parts[] = {
        "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"
    };
    wt_err err = { 0 };
    wt_weights *w = NULL;
    char name[64];
    wt_test_ok(wt_weights_new(&w, ctx, "made", "test", &err), &err);
    wt_test_ok(wt_weights_set_string(w, "general.architecture", "llama", &err), &err);
    wt_test_ok(wt_weights_set_int(w, "llama.block_count", WT_META_U32, s->layers, &err), &err);
    wt_test_ok(wt_weights_set_int(w, "llama.expert_count", WT_META_U32, s->experts, &err), &err);
    wt_test_ok(wt_weights_set_int(w, "llama.attention.head_count", WT_META_U32, s->heads, &err), &err);
    wt_test_ok(wt_weights_set_int(w, "llama.attention.head_count_kv", WT_META_U32, s->kv_heads, &err), &err);
    add(w, "token_embd.weight", 1000, s->width);
    add(w, "output_norm.weight", 0, s->width);
    if (s->output)
        add(w, "output.weight", 1000, s->width);
    for (int64_t i = 0; i < s->layers; i++) {
        for (size_t k = 0; k < WT_ARRAY_LEN(parts); k++) {
            snprintf(name, sizeof name, "blk.%d.%s.weight", (int)i, parts[k]);
            add(w, name, s->width, s->width);
        }
        snprintf(name, sizeof name, "blk.%d.attn_norm.weight", (int)i);
        add(w, name, 0, s->width);
        snprintf(name, sizeof name, "blk.%d.ffn_gate_inp.weight", (int)i);
        add(w, name, 8, s->width);
    }
    return w;
}

static wt_dtype got(wt_context *ctx, const shape_of *s, const char *scheme, const char *tensor)
{
    static wt_choice choices[1000];
    wt_err err = { 0 };
    wt_weights *w = model(ctx, s);
    wt_test_ok(wt_recipe_choose(w, wt_scheme_find(scheme), NULL, 0, false, choices, &err), &err);
    const wt_dtype t = choices[wt_weights_index(w, wt_weights_find(w, tensor))].got;
    wt_weights_close(w);
    return t;
}

static void more_bits(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const shape_of s = { 32, 512, 32, 32, 0, true };
    for (int i = 0; i < 32; i++) {
        char name[64];
        const bool more = i <= 3 || i >= 28 || (i >= 6 && i % 3 == 0); /* 0-3, 6, 9, ... 27, 28-31 */
        snprintf(name, sizeof name, "blk.%d.ffn_down.weight", i);
        assert_int_equal(got(ctx, &s, "q4_k_m", name), more ? WT_Q6_K : WT_Q4_K);
        assert_int_equal(got(ctx, &s, "q5_k_m", name), more ? WT_Q6_K : WT_Q5_K);
        assert_int_equal(got(ctx, &s, "q4_k_s", name), i < 4 ? WT_Q5_K : WT_Q4_K);
        assert_int_equal(got(ctx, &s, "q3_k_m", name), i < 2 ? WT_Q5_K : WT_Q4_K);
        snprintf(name, sizeof name, "blk.%d.attn_v.weight", i);
        assert_int_equal(got(ctx, &s, "q4_k_m", name), more ? WT_Q6_K : WT_Q4_K);
        assert_int_equal(got(ctx, &s, "q4_k_s", name), i < 4 ? WT_Q5_K : WT_Q4_K);
        assert_int_equal(got(ctx, &s, "q3_k_m", name), i < 2 ? WT_Q5_K : WT_Q4_K);
    }
    wt_test_context_close(ctx);
}

static void table(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const shape_of dense = { 32, 512, 32, 32, 0, true }, shared = { 32, 512, 32, 8, 0, true },
                   tied = { 32, 512, 32, 32, 0, false }, narrow = { 30, 576, 9, 3, 0, false },
                   odd = { 4, 100, 4, 4, 0, true }, eight = { 32, 512, 32, 8, 8, true };
    const struct {
        const shape_of *shape;
        const char *scheme, *tensor;
        wt_dtype dtype;
    } rows[] = {
        { &dense, "q4_k_m", "token_embd.weight", WT_Q4_K },
        { &dense, "q4_k_m", "output.weight", WT_Q6_K },
        { &dense, "q8_0", "output.weight", WT_Q8_0 },
        { &tied, "q4_k_m", "token_embd.weight", WT_Q6_K },
        { &tied, "q4_0", "token_embd.weight", WT_Q6_K },
        { &dense, "q2_k", "blk.9.attn_v.weight", WT_Q3_K },
        { &shared, "q2_k", "blk.9.attn_v.weight", WT_Q4_K },
        { &dense, "q2_k", "blk.9.attn_output.weight", WT_Q3_K },
        { &dense, "q2_k", "blk.9.ffn_down.weight", WT_Q3_K },
        { &dense, "q2_k", "blk.9.attn_q.weight", WT_Q2_K },
        { &dense, "q3_k_l", "blk.9.attn_output.weight", WT_Q5_K },
        { &dense, "q3_k_s", "blk.9.attn_v.weight", WT_Q3_K },
        { &dense, "q3_k_m", "blk.9.attn_output.weight", WT_Q4_K },
        { &dense, "q4_k_m", "blk.9.attn_norm.weight", WT_F32 },
        { &dense, "q4_k_m", "blk.9.ffn_gate_inp.weight", WT_F32 },
        { &dense, "f16", "blk.9.ffn_gate.weight", WT_F16 },
        { &dense, "f16", "output_norm.weight", WT_F32 },
        { &dense, "iq4_xs", "blk.0.ffn_down.weight", WT_Q5_K },
        { &narrow, "q4_k_m", "token_embd.weight", WT_Q8_0 }, /* 576 is no multiple of 256 */
        { &narrow, "q4_k_m", "blk.5.attn_q.weight", WT_Q5_0 },
        { &narrow, "q5_k_s", "blk.5.attn_q.weight", WT_Q5_1 },
        { &narrow, "q6_k", "blk.5.attn_q.weight", WT_Q8_0 },
        { &narrow, "q3_k_s", "blk.5.attn_q.weight", WT_Q4_0 },
        { &narrow, "q4_0", "token_embd.weight", WT_Q8_0 }, /* q6_k, which 576 does not allow */
        { &odd, "q4_k_m", "blk.1.attn_q.weight", WT_F16 },
        { &odd, "q8_0", "blk.1.attn_q.weight", WT_F16 },
        { &eight, "q4_k_m", "blk.9.attn_v.weight", WT_Q8_0 },
        { &eight, "q4_k_m", "blk.9.attn_k.weight", WT_Q8_0 },
        { &eight, "q4_k_m", "blk.9.attn_output.weight", WT_Q5_K },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        const wt_dtype t = got(ctx, rows[i].shape, rows[i].scheme, rows[i].tensor);
        if (t != rows[i].dtype)
            print_error("%zu: %s %s: %s\n", i, rows[i].scheme, rows[i].tensor, wt_dtype_name(t));
        assert_int_equal(t, rows[i].dtype);
    }
    wt_test_context_close(ctx);
}

static void overrides(void **state)
{
    (void)state;
    wt_err err = { 0 };
    wt_context *ctx = wt_test_context();
    const shape_of s = { 4, 512, 8, 8, 0, true };
    wt_weights *w = model(ctx, &s);
    wt_choice choices[64];
    const char *const keep[] = { "*attn_q*=q8_0", "blk.1.*=float", "*ffn_up*=q6_k" };
    const wt_scheme *scheme = wt_scheme_find("q4_0");
    wt_test_ok(wt_recipe_choose(w, scheme, keep, 3, false, choices, &err), &err);
#define GOT(name) choices[wt_weights_index(w, wt_weights_find(w, name))].got
    assert_int_equal(GOT("blk.0.attn_q.weight"), WT_Q8_0);
    assert_int_equal(GOT("blk.1.attn_q.weight"), WT_F32);
    assert_int_equal(GOT("blk.1.ffn_up.weight"), WT_Q6_K);
    assert_int_equal(GOT("blk.0.attn_k.weight"), WT_Q4_0);
    static const char *const bad[] = { "no equals", "=q8_0", "x=q9", "x=iq2_xs" };
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++)
        wt_test_refused(wt_recipe_choose(w, scheme, &bad[i], 1, false, choices, &err), WT_EUSAGE, &err, "--keep");
    assert_null(wt_scheme_find("q9"));
    wt_weights_close(w);
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(more_bits), cmocka_unit_test(table),
                                        cmocka_unit_test(overrides) };
    return wt_test_run("recipe", tests, WT_ARRAY_LEN(tests));
}
