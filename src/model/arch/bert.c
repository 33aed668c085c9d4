/* bert.c - encoders: every token sees all others, norms behind both halves. BERT, MiniLM, E5, BGE; Nomic's with
 * rotated heads and a gated feed-forward. */
#include <stdio.h>
#include "model/act.h"
#include "model/arch/build.h"

static wt_status bert_hparams(wt_arch_builder *b, wt_err *err)
{
    (void)err;
    b->style.layer_norm = true;
    b->style.rope.off = true;
    b->style.act = WT_ACT_GELU;
    b->hp.causal = false;
    return WT_OK;
}

static wt_status nomic_hparams(wt_arch_builder *b, wt_err *err)
{
    WT_TRY(bert_hparams(b, err));
    b->style.rope.off = false;
    b->style.act = WT_ACT_SILU;
    return WT_OK;
}

static wt_status encoder_inputs(wt_arch_builder *b, wt_err *err)
{
    wt_value **const to[2] = { &b->tokens, &b->positions };
    static const char *const names[2] = { "tokens", "positions" };
    for (int i = 0; i < 2; i++) {
        wt_tensor t = { .dtype = WT_I32, .shape = { .rank = 1 } };
        WT_TRY(wt_graph_symbol(b->g, "tokens", &t.shape.dim[0], err));
        WT_TRY(wt_graph_add_value(to[i], b->g, names[i], err));
        (*to[i])->type = t;
        WT_TRY(wt_graph_add_input(b->g, *to[i], err));
    }
    return WT_OK;
}

/* Row 0 of the segments' table is added to every token: one text at a time. */
static wt_status add_segment(wt_arch_builder *b, wt_value **x, wt_err *err)
{
    const wt_weight *table = wt_weights_find(b->w, "token_types.weight");
    const wt_attr axis = wt_attr_of_int("axis", 0);
    wt_value *in[2];
    if (!table)
        return WT_OK;
    const int64_t rows = table->shape.rank == 2 ? table->shape.dim[0] : 1;
    WT_TRY(wt_b_weight(b, &in[0], false, table->shape.rank == 2 ? 2 : 1,
                       table->shape.rank == 2 ? (int64_t[]){ rows, b->hp.width } : &b->hp.width, err,
                       "token_types.weight"));
    if (table->shape.rank == 2) {
        WT_TRY(wt_graph_add_const_i64(&in[1], b->g, NULL, (int64_t[]){ 0 }, 1, true, err));
        WT_TRY(wt_b_op(b, &in[0], "", "Gather", "segment", in, 2, &axis, 1, err));
    }
    return wt_b_add(b, x, *x, in[0], err);
}

static wt_status attention(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t il, wt_err *err)
{
    const wt_hparams *hp = &b->hp;
    const int64_t width = hp->width;
    const wt_attr attrs[] = { wt_attr_of_int("q_num_heads", hp->heads), wt_attr_of_int("kv_num_heads", hp->heads),
                              wt_attr_of_float("scale", b->style.attn_scale) };
    const wt_rope_style *r = &b->style.rope;
    const wt_attr turn[] = { wt_attr_of_int("head_dim", hp->head_dim), wt_attr_of_int("dims", r->dims),
                             wt_attr_of_float("base", r->base), wt_attr_of_float("freq_scale", r->freq_scale) };
    static const char *const names[3] = { "q", "k", "v" };
    wt_value *qkv[3], *all = NULL;
    char name[64];
    snprintf(name, sizeof name, "blk.%d.attn_qkv.weight", (int)il);
    if (wt_weights_find(b->w, name))
        WT_TRY(wt_b_linear(b, &all, x, 3 * width, width, NULL, WT_ACT_NONE, err, "blk.%d.attn_qkv", (int)il));
    for (int64_t i = 0; i < 3; i++) {
        if (all)
            WT_TRY(wt_b_slice(b, &qkv[i], all, i * width, (i + 1) * width, err));
        else
            WT_TRY(
                wt_b_linear(b, &qkv[i], x, width, width, NULL, WT_ACT_NONE, err, "blk.%d.attn_%s", (int)il, names[i]));
        if (i < 2 && !r->off)
            WT_TRY(wt_b_op(b, &qkv[i], "whet", "Rope", NULL, (wt_value *[]){ qkv[i], b->positions }, 2, turn, 4, err));
        WT_TRY(wt_b_reshape(b, &qkv[i], qkv[i], (int64_t[]){ 1, -1, width }, 3, err));
    }
    WT_TRY(wt_b_op(b, out, "", "Attention", NULL, qkv, 3, attrs, 3, err));
    return wt_b_reshape(b, out, *out, (int64_t[]){ -1, width }, 2, err);
}

static wt_status bert_build(wt_arch_builder *b, wt_err *err)
{
    const int64_t width = b->hp.width;
    wt_value *x, *a;
    if (b->options.outputs & WT_ARCH_LOGITS)
        return wt_fail(err, WT_EUNSUPPORTED, "a model of architecture '%s' gives embeddings, not text", b->arch->name);
    WT_TRY(encoder_inputs(b, err));
    WT_TRY(wt_b_embed(b, &x, err));
    WT_TRY(add_segment(b, &x, err));
    WT_TRY(wt_b_norm(b, &x, x, width, true, err, "token_embd_norm"));
    for (int64_t il = 0; il < b->hp.layers; il++) {
        WT_TRY(attention(b, &a, x, il, err));
        WT_TRY(wt_b_linear(b, &x, a, width, width, x, WT_ACT_NONE, err, "blk.%d.attn_output", (int)il));
        WT_TRY(wt_b_norm(b, &x, x, width, false, err, "blk.%d.attn_output_norm", (int)il));
        WT_TRY(wt_b_feed_forward(b, &x, x, il, x, err));
        WT_TRY(wt_b_norm(b, &x, x, width, false, err, "blk.%d.layer_output_norm", (int)il));
    }
    return wt_b_output(b, x, "hidden", err);
}

const wt_arch wt_arch_bert = { .name = "bert", .encoder = true, .hparams = bert_hparams, .build = bert_build };
const wt_arch wt_arch_nomic_bert = {
    .name = "nomic-bert", .encoder = true, .hparams = nomic_hparams, .build = bert_build
};
