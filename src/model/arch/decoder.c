/* decoder.c - the block that most decoders are made of, and what stands before and behind it. */
#include <stdio.h>
#include "model/arch/build.h"

/* --- inputs --------------------------------------------------------------------------------------------------------
 */
static wt_status int_input(wt_arch_builder *b, wt_value **out, const char *name, const char *const *dims, int rank,
                           wt_err *err)
{
    wt_tensor t = { .dtype = WT_I32, .shape = { .rank = rank } };
    for (int i = 0; i < rank; i++)
        WT_TRY(wt_graph_symbol(b->g, dims[i], &t.shape.dim[i], err));
    WT_TRY(wt_graph_add_value(out, b->g, name, err));
    (*out)->type = t;
    return wt_graph_add_input(b->g, *out, err);
}

wt_status wt_b_inputs(wt_arch_builder *b, wt_err *err)
{
    static const char *const tokens[] = { "tokens" }, *const rows[] = { "rows" },
                             *const table[] = { "sequences", "pages_of_one" };
    WT_TRY(int_input(b, &b->tokens, "tokens", tokens, 1, err));
    WT_TRY(int_input(b, &b->positions, "positions", tokens, 1, err));
    WT_TRY(int_input(b, &b->slots, "slots", tokens, 1, err));
    WT_TRY(int_input(b, &b->owners, "owners", tokens, 1, err));
    WT_TRY(int_input(b, &b->pages, "pages", table, 2, err));
    return int_input(b, &b->rows, "rows", rows, 1, err);
}

wt_status wt_b_cache(wt_arch_builder *b, wt_value **out, const char *kind, int64_t il, wt_dtype dtype, int64_t dim,
                     wt_err *err)
{
    char name[32];
    wt_tensor t = { .dtype = dtype ? dtype : WT_F16,
                    .shape = { .rank = 4, .dim = { 0, b->kv_heads[il], WT_KV_PAGE, dim } } };
    const bool known = t.dtype == WT_F32 || t.dtype == WT_F16 || t.dtype == WT_Q8_0 || t.dtype == WT_Q4_0;
    if (!known || dim % wt_dtype_get(t.dtype)->block_len)
        return wt_fail(err, WT_EUNSUPPORTED, "heads of %lld numbers cannot be cached as %s", (long long)dim,
                       wt_dtype_name(t.dtype));
    WT_TRY(wt_graph_symbol(b->g, "pages", &t.shape.dim[0], err));
    snprintf(name, sizeof name, "%s.%d", kind, (int)il);
    WT_TRY(wt_graph_add_value(out, b->g, name, err));
    (*out)->type = t;
    (*out)->kind = WT_STATE_VALUE;
    return wt_graph_add_input(b->g, *out, err);
}

wt_status wt_b_embed(wt_arch_builder *b, wt_value **x, wt_err *err)
{
    const wt_attr scale = wt_attr_of_float("scale", b->style.embed_scale);
    wt_value *in[2] = { b->tokens, NULL }, *table, *places;
    WT_TRY(wt_b_weight(b, &in[1], false, 2, (int64_t[]){ b->hp.vocab, b->hp.width }, err, "token_embd.weight"));
    WT_TRY(wt_b_op(b, x, "whet", "Embedding", "embedding", in, 2, &scale, 1, err));
    WT_TRY(wt_b_weight(b, &table, true, 2, (int64_t[]){ b->hp.context, b->hp.width }, err, "position_embd.weight"));
    if (!table)
        return WT_OK;
    WT_TRY(wt_b_op(b, &places, "whet", "Embedding", "places", (wt_value *[]){ b->positions, table }, 2, NULL, 0, err));
    return wt_b_add(b, x, *x, places, err);
}

/* --- attention -----------------------------------------------------------------------------------------------------
 */
static wt_status project(wt_arch_builder *b, wt_value *qkv[3], wt_value *x, int64_t il, wt_err *err)
{
    const wt_hparams *hp = &b->hp;
    const int64_t n[3] = { hp->heads * hp->head_dim, b->kv_heads[il] * hp->head_dim, b->kv_heads[il] * hp->value_dim };
    static const char *const names[3] = { "q", "k", "v" };
    char name[64];
    wt_value *all;
    snprintf(name, sizeof name, "blk.%d.attn_qkv.weight", (int)il);
    if (!wt_weights_find(b->w, name)) {
        for (int i = 0; i < 3; i++)
            WT_TRY(wt_b_linear(b, &qkv[i], x, n[i], hp->width, NULL, WT_ACT_NONE, err, "blk.%d.attn_%s", (int)il,
                               names[i]));
        return WT_OK;
    }
    WT_TRY(wt_b_linear(b, &all, x, n[0] + n[1] + n[2], hp->width, NULL, WT_ACT_NONE, err, "blk.%d.attn_qkv", (int)il));
    for (int64_t i = 0, at = 0; i < 3; at += n[i++])
        WT_TRY(wt_b_slice(b, &qkv[i], all, at, at + n[i], err));
    return WT_OK;
}

static wt_status norm_heads(wt_arch_builder *b, wt_value **x, int64_t heads, int64_t il, const char *which, wt_err *err)
{
    const int64_t d = b->hp.head_dim;
    if (b->style.qk_norm == WT_QK_NONE)
        return WT_OK;
    if (b->style.qk_norm == WT_QK_ROW)
        return wt_b_norm(b, x, *x, heads * d, false, err, "blk.%d.attn_%s_norm", (int)il, which);
    WT_TRY(wt_b_reshape(b, x, *x, (int64_t[]){ 0, heads, d }, 3, err));
    WT_TRY(wt_b_norm(b, x, *x, d, false, err, "blk.%d.attn_%s_norm", (int)il, which));
    return wt_b_reshape(b, x, *x, (int64_t[]){ 0, heads * d }, 2, err);
}

static wt_status rope(wt_arch_builder *b, wt_value **x, int64_t il, wt_err *err)
{
    const wt_rope_style *r = b->window[il] ? &b->style.local_rope : &b->style.rope;
    const wt_attr attrs[] = {
        wt_attr_of_int("head_dim", b->hp.head_dim),      wt_attr_of_int("dims", r->dims),
        wt_attr_of_int("interleaved", r->interleaved),   wt_attr_of_float("base", r->base),
        wt_attr_of_float("freq_scale", r->freq_scale),   wt_attr_of_float("ext_factor", r->ext_factor),
        wt_attr_of_float("attn_factor", r->attn_factor), wt_attr_of_float("beta_fast", r->beta_fast),
        wt_attr_of_float("beta_slow", r->beta_slow),     wt_attr_of_float("orig_ctx", (double)r->orig_ctx)
    };
    if (r->off || !r->dims || (b->style.no_rope && b->style.no_rope[il]))
        return WT_OK;
    return wt_b_op(b, x, "whet", "Rope", NULL, (wt_value *[]){ *x, b->positions, b->factors }, b->factors ? 3 : 2,
                   attrs, sizeof attrs / sizeof *attrs, err);
}

static wt_status attend(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t il, wt_err *err)
{
    const wt_hparams *hp = &b->hp;
    const wt_attr attrs[] = { wt_attr_of_int("heads", hp->heads), wt_attr_of_int("kv_heads", b->kv_heads[il]),
                              wt_attr_of_float("scale", b->style.attn_scale),
                              wt_attr_of_float("softcap", b->style.attn_softcap),
                              wt_attr_of_int("window", b->window[il]) };
    wt_value *in[9] = { [5] = b->positions, [6] = b->slots, [7] = b->owners, [8] = b->pages };
    char name[64];
    WT_TRY(project(b, in, x, il, err));
    WT_TRY(norm_heads(b, &in[0], hp->heads, il, "q", err));
    WT_TRY(norm_heads(b, &in[1], b->kv_heads[il], il, "k", err));
    WT_TRY(rope(b, &in[0], il, err));
    WT_TRY(rope(b, &in[1], il, err));
    WT_TRY(wt_b_cache(b, &in[3], "k", il, b->options.k_dtype, hp->head_dim, err));
    WT_TRY(wt_b_cache(b, &in[4], "v", il, b->options.v_dtype, hp->value_dim, err));
    snprintf(name, sizeof name, "blk.%d.attention", (int)il);
    return wt_b_op(b, out, "whet", "KvAttention", name, in, 9, attrs, sizeof attrs / sizeof *attrs, err);
}

/* --- the block -----------------------------------------------------------------------------------------------------
 */
/* x + scale * part; when nothing stands between, the product itself adds. */
static wt_status join(wt_arch_builder *b, wt_value **out, wt_value *x, wt_value *part, wt_err *err)
{
    WT_TRY(wt_b_scale(b, &part, part, b->style.residual_scale, err));
    return wt_b_add(b, out, x, part, err);
}

static bool has(const wt_arch_builder *b, int64_t il, const char *what)
{
    char name[96];
    snprintf(name, sizeof name, "blk.%d.%s.weight", (int)il, what);
    return wt_weights_find(b->w, name) != NULL;
}

static wt_status block(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t il, wt_err *err)
{
    const wt_hparams *hp = &b->hp;
    const wt_style *s = &b->style;
    const bool last = il == hp->layers - 1, plain = s->residual_scale == 1;
    const bool post_attn = has(b, il, "post_attention_norm"), post_ffn = has(b, il, "post_ffw_norm");
    wt_value *n = x, *attn_in, *a, *f;
    if (!s->post_only)
        WT_TRY(wt_b_norm(b, &n, x, hp->width, false, err, "blk.%d.attn_norm", (int)il));
    attn_in = n;
    if (has(b, il, "attn_norm_2"))
        WT_TRY(wt_b_norm(b, &attn_in, x, hp->width, false, err, "blk.%d.attn_norm_2", (int)il));
    WT_TRY(attend(b, &a, attn_in, il, err));
    if (last) { /* nothing but the wanted rows goes on */
        WT_TRY(wt_b_rows(b, &a, a, err));
        WT_TRY(wt_b_rows(b, &x, x, err));
        if (s->parallel)
            WT_TRY(wt_b_rows(b, &n, n, err));
    }
    const bool fused = plain && !post_attn && !s->parallel;
    WT_TRY(wt_b_linear(b, &a, a, hp->width, hp->heads * hp->value_dim, fused ? x : NULL, WT_ACT_NONE, err,
                       "blk.%d.attn_output", (int)il));
    if (post_attn)
        WT_TRY(wt_b_norm(b, &a, a, hp->width, false, err, "blk.%d.post_attention_norm", (int)il));
    if (s->parallel) {
        if (has(b, il, "ffn_norm"))
            WT_TRY(wt_b_norm(b, &n, x, hp->width, false, err, "blk.%d.ffn_norm", (int)il));
        WT_TRY(wt_b_feed_forward(b, &f, n, il, a, err));
        return wt_b_add(b, out, x, f, err);
    }
    if (fused)
        x = a;
    else
        WT_TRY(join(b, &x, x, a, err));
    n = x;
    if (!s->post_only)
        WT_TRY(wt_b_norm(b, &n, x, hp->width, false, err, "blk.%d.ffn_norm", (int)il));
    WT_TRY(wt_b_feed_forward(b, &f, n, il, plain && !post_ffn ? x : NULL, err));
    if (post_ffn)
        WT_TRY(wt_b_norm(b, &f, f, hp->width, false, err, "blk.%d.post_ffw_norm", (int)il));
    *out = f;
    return plain && !post_ffn ? WT_OK : join(b, out, x, f, err);
}

/* --- the head ------------------------------------------------------------------------------------------------------
 */
static wt_status softcap(wt_arch_builder *b, wt_value **x, double cap, wt_err *err)
{
    if (cap <= 0)
        return WT_OK;
    WT_TRY(wt_b_scale(b, x, *x, 1 / cap, err));
    WT_TRY(wt_b_op(b, x, "", "Tanh", NULL, x, 1, NULL, 0, err));
    return wt_b_scale(b, x, *x, cap, err);
}

wt_status wt_b_head(wt_arch_builder *b, wt_value *x, wt_err *err)
{
    const bool tied = !wt_weights_find(b->w, "output.weight");
    const unsigned outputs = b->options.outputs ? b->options.outputs : WT_ARCH_LOGITS;
    WT_TRY(wt_b_norm(b, &x, x, b->hp.width, false, err, "output_norm"));
    if (outputs & WT_ARCH_HIDDEN)
        WT_TRY(wt_b_output(b, x, "hidden", err));
    if (!(outputs & WT_ARCH_LOGITS))
        return WT_OK;
    WT_TRY(wt_b_linear(b, &x, x, b->hp.vocab, b->hp.width, NULL, WT_ACT_NONE, err, tied ? "token_embd" : "output"));
    WT_TRY(wt_b_scale(b, &x, x, b->style.logit_scale, err));
    WT_TRY(softcap(b, &x, b->style.logit_softcap, err));
    return wt_b_output(b, x, "logits", err);
}

/* Phi 3 was trained on short texts and then on long ones: which factors hold depends on how long a text may become. */
static wt_status rope_factors(wt_arch_builder *b, wt_err *err)
{
    const int64_t half = b->style.rope.dims / 2;
    WT_TRY(wt_b_weight(b, &b->factors, true, 1, &half, err, "rope_freqs.weight"));
    if (b->factors)
        return WT_OK;
    return wt_b_weight(b, &b->factors, true, 1, &half, err, "%s",
                       wt_hparams_long(&b->hp, b->options.context) ? "rope_factors_long.weight"
                                                                   : "rope_factors_short.weight");
}

wt_status wt_b_decoder(wt_arch_builder *b, wt_err *err)
{
    wt_value *x;
    WT_TRY(wt_b_inputs(b, err));
    WT_TRY(rope_factors(b, err));
    WT_TRY(wt_b_embed(b, &x, err));
    for (int64_t il = 0; il < b->hp.layers; il++)
        WT_TRY(block(b, &x, x, il, err));
    return wt_b_head(b, x, err);
}
