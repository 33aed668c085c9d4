/* keys.c - hyperparameters from the keys of a set of weights. */
#include <math.h>
#include <stdio.h>
#include "model/arch/build.h"

static void key_of(const wt_arch_builder *b, const char *name, char *out, size_t size)
{
    wt_string arch = { "", 0 };
    wt_weights_string(b->w, "general.architecture", "", &arch, NULL);
    snprintf(out, size, "%.*s.%s", (int)(arch.len < 64 ? arch.len : 64), arch.data, name);
}

wt_status wt_b_int(wt_arch_builder *b, const char *name, int64_t fallback, int64_t *out, wt_err *err)
{
    char key[160];
    key_of(b, name, key, sizeof key);
    return wt_weights_int(b->w, key, fallback, out, err);
}

wt_status wt_b_float(wt_arch_builder *b, const char *name, double fallback, double *out, wt_err *err)
{
    char key[160];
    key_of(b, name, key, sizeof key);
    WT_TRY(wt_weights_float(b->w, key, fallback, out, err));
    if (isfinite(*out))
        return WT_OK;
    wt_fail(err, WT_EFORMAT, "the key %s is no finite number", key);
    wt_err_where(err, "%s", wt_weights_path(b->w));
    return WT_EFORMAT;
}

wt_status wt_b_bool(wt_arch_builder *b, const char *name, bool fallback, bool *out, wt_err *err)
{
    char key[160];
    key_of(b, name, key, sizeof key);
    return wt_weights_bool(b->w, key, fallback, out, err);
}

wt_status wt_b_text(wt_arch_builder *b, const char *name, wt_string *out, wt_err *err)
{
    char key[160];
    key_of(b, name, key, sizeof key);
    return wt_weights_string(b->w, key, "", out, err);
}

/* A count that must be there, or within [1, limit]. */
static wt_status need(wt_arch_builder *b, const char *name, int64_t fallback, int64_t limit, int64_t *out, wt_err *err)
{
    char key[160];
    WT_TRY(wt_b_int(b, name, fallback, out, err));
    if (*out >= 1 && *out <= limit)
        return WT_OK;
    key_of(b, name, key, sizeof key);
    wt_fail(err, WT_EFORMAT, "the key %s is %s, expected 1 to %lld", key, *out < 0 ? "missing" : "out of range",
            (long long)limit);
    wt_err_where(err, "%s", wt_weights_path(b->w));
    return WT_EFORMAT;
}

/* One number for all layers, or an array with one a layer. */
static wt_status per_layer(wt_arch_builder *b, const char *name, int64_t fallback, int64_t *out, wt_err *err)
{
    char key[160];
    key_of(b, name, key, sizeof key);
    const wt_meta *meta = wt_weights_meta(b->w, key);
    for (int64_t il = 0; il < b->hp.layers; il++) {
        out[il] = fallback;
        if (meta && meta->is_array && !wt_meta_int_at(meta, (uint64_t)il, &out[il]))
            return wt_fail(err, WT_EFORMAT, "the key %s has no number for layer %lld", key, (long long)il);
    }
    if (meta && !meta->is_array) {
        int64_t all;
        WT_TRY(wt_weights_int(b->w, key, fallback, &all, err));
        for (int64_t il = 0; il < b->hp.layers; il++)
            out[il] = all;
    }
    return WT_OK;
}

static wt_status heads(wt_arch_builder *b, wt_err *err)
{
    wt_hparams *hp = &b->hp;
    wt_arena *arena = wt_weights_arena(b->w);
    b->kv_heads = wt_arena_alloc(arena, (size_t)hp->layers, sizeof *b->kv_heads, err);
    b->window = wt_arena_alloc(arena, (size_t)hp->layers, sizeof *b->window, err);
    if (!b->kv_heads || !b->window)
        return WT_ENOMEM;
    WT_TRY(need(b, "attention.head_count", -1, 1 << 16, &hp->heads, err));
    WT_TRY(need(b, "attention.key_length", hp->width / hp->heads, 1 << 14, &hp->head_dim, err));
    WT_TRY(need(b, "attention.value_length", hp->head_dim, 1 << 14, &hp->value_dim, err));
    WT_TRY(per_layer(b, "attention.head_count_kv", hp->heads, b->kv_heads, err));
    for (int64_t il = 0; il < hp->layers; il++)
        if (b->kv_heads[il] < 1 || hp->heads % b->kv_heads[il])
            return wt_fail(err, WT_EFORMAT, "layer %lld: %lld heads cannot share %lld key heads", (long long)il,
                           (long long)hp->heads, (long long)b->kv_heads[il]);
    hp->kv_heads = b->kv_heads;
    hp->window = b->window;
    return WT_OK;
}

static wt_status rope_keys(wt_arch_builder *b, wt_rope_style *r, wt_err *err)
{
    wt_string type;
    double factor, old;
    *r = (wt_rope_style){ .freq_scale = 1, .attn_factor = 1 };
    WT_TRY(wt_b_int(b, "rope.dimension_count", b->hp.head_dim, &r->dims, err));
    WT_TRY(wt_b_float(b, "rope.freq_base", 10000, &r->base, err));
    WT_TRY(wt_b_float(b, "rope.scale_linear", 0, &old, err));
    WT_TRY(wt_b_float(b, "rope.scaling.factor", old, &factor, err));
    WT_TRY(wt_b_float(b, "rope.scaling.attn_factor", 1, &r->attn_factor, err));
    WT_TRY(wt_b_float(b, "rope.scaling.yarn_beta_fast", 32, &r->beta_fast, err));
    WT_TRY(wt_b_float(b, "rope.scaling.yarn_beta_slow", 1, &r->beta_slow, err));
    WT_TRY(wt_b_int(b, "rope.scaling.original_context_length", b->hp.context, &r->orig_ctx, err));
    WT_TRY(wt_b_text(b, "rope.scaling.type", &type, err));
    const bool none = type.len == 4 && !memcmp(type.data, "none", 4);
    const bool yarn = type.len == 4 && !memcmp(type.data, "yarn", 4);
    if (factor > 0 && !none)
        r->freq_scale = 1 / factor;
    r->ext_factor = yarn ? 1 : 0;
    if (r->base <= 0)
        return wt_fail(err, WT_EFORMAT, "rope.freq_base is %g, expected more than 0", r->base);
    if (r->dims < 0 || r->dims > b->hp.head_dim || r->dims % 2)
        return wt_fail(err, WT_EFORMAT, "%lld of %lld numbers of a head cannot be turned", (long long)r->dims,
                       (long long)b->hp.head_dim);
    return WT_OK;
}

static wt_status vocabulary(wt_arch_builder *b, wt_err *err)
{
    const wt_weight *table = wt_weights_find(b->w, "token_embd.weight");
    const wt_meta *tokens = wt_weights_meta(b->w, "tokenizer.ggml.tokens");
    if (wt_weights_kept(b->w)) /* the weights are in a graph */
        return need(b, "vocab_size", -1, 1 << 24, &b->hp.vocab, err);
    if (!table || table->shape.rank != 2) {
        wt_fail(err, WT_EFORMAT, "there is no matrix token_embd.weight");
        wt_err_where(err, "%s", wt_weights_path(b->w));
        return WT_EFORMAT;
    }
    b->hp.vocab = table->shape.dim[0];
    if (tokens && tokens->count > (uint64_t)b->hp.vocab) {
        wt_fail(err, WT_EFORMAT, "the tokenizer has %llu tokens, but token_embd.weight has rows for %lld",
                (unsigned long long)tokens->count, (long long)b->hp.vocab);
        wt_err_where(err, "%s", wt_weights_path(b->w));
        return WT_EFORMAT;
    }
    return WT_OK;
}

wt_status wt_b_common(wt_arch_builder *b, wt_err *err)
{
    wt_hparams *hp = &b->hp;
    int64_t pooling;
    *hp = (wt_hparams){ .arch = b->arch->name };
    b->style = (wt_style){ .embed_scale = 1,
                           .residual_scale = 1,
                           .logit_scale = 1,
                           .act = WT_ACT_SILU,
                           .experts_normalize = true,
                           .experts_softmax = true,
                           .experts_scale = 1 };
    WT_TRY(need(b, "block_count", -1, 1024, &hp->layers, err));
    WT_TRY(need(b, "embedding_length", -1, 1 << 20, &hp->width, err));
    WT_TRY(need(b, "context_length", -1, INT64_C(1) << 31, &hp->context, err));
    WT_TRY(need(b, "feed_forward_length", 1, 1 << 22, &hp->feed_forward, err));
    WT_TRY(wt_b_int(b, "expert_count", 0, &hp->experts, err));
    WT_TRY(wt_b_int(b, "expert_used_count", 0, &hp->experts_used, err));
    WT_TRY(need(b, "expert_feed_forward_length", hp->feed_forward, 1 << 22, &hp->expert_hidden, err));
    WT_TRY(heads(b, err));
    WT_TRY(rope_keys(b, &b->style.rope, err));
    b->style.local_rope = b->style.rope;
    if (wt_weights_find(b->w, "rope_factors_long.weight"))
        hp->short_context = b->style.rope.orig_ctx;
    WT_TRY(wt_b_float(b, "attention.layer_norm_rms_epsilon", 1e-5, &b->eps, err));
    WT_TRY(wt_b_float(b, "attention.layer_norm_epsilon", b->eps, &b->eps, err));
    WT_TRY(wt_b_float(b, "attention.scale", 1 / sqrt((double)hp->head_dim), &b->style.attn_scale, err));
    WT_TRY(wt_b_bool(b, "attention.causal", true, &hp->causal, err));
    WT_TRY(wt_b_int(b, "pooling_type", 0, &pooling, err));
    hp->pooling = pooling >= 0 && pooling <= WT_POOL_LAST ? (wt_pooling)pooling : WT_POOL_NONE;
    return vocabulary(b, err);
}

wt_status wt_b_windows(wt_arch_builder *b, int64_t fallback, int64_t every, wt_err *err)
{
    char key[160];
    int64_t window, local;
    key_of(b, "attention.sliding_window_pattern", key, sizeof key);
    const wt_meta *pattern = wt_weights_meta(b->w, key);
    WT_TRY(wt_b_int(b, "attention.sliding_window", fallback, &window, err));
    if (pattern && !pattern->is_array)
        WT_TRY(wt_weights_int(b->w, key, every, &every, err));
    for (int64_t il = 0; il < b->hp.layers; il++) {
        local = every <= 0 || (il + 1) % every != 0;
        if (pattern && pattern->is_array && !wt_meta_int_at(pattern, (uint64_t)il, &local))
            return wt_fail(err, WT_EFORMAT, "the key %s has no number for layer %lld", key, (long long)il);
        b->window[il] = window > 0 && local ? window : 0;
    }
    return wt_b_float(b, "rope.freq_base_swa", b->style.local_rope.base, &b->style.local_rope.base, err);
}
