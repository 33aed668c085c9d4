/* feed_forward.c - the second half of a block: plain, gated, fused, or many experts. */
#include <stdio.h>
#include "model/arch/build.h"

static bool has(const wt_arch_builder *b, const char *fmt, int64_t il)
{
    char name[128];
    snprintf(name, sizeof name, fmt, (int)il);
    return wt_weights_find(b->w, name) != NULL;
}

static wt_status glu(wt_arch_builder *b, wt_value **out, wt_value *gate, wt_value *up, wt_err *err)
{
    const wt_attr act = wt_attr_of_int("act", b->style.act);
    return wt_b_op(b, out, "whet", "Glu", NULL, (wt_value *[]){ gate, up }, up ? 2 : 1, &act, 1, err);
}

/* up (and gate) of `hidden` columns each, from tensors blk.N.ffn_{gate,up,down}SUFFIX. */
static wt_status dense(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t il, int64_t hidden, const char *suffix,
                       wt_value *residual, wt_err *err)
{
    const int64_t width = b->hp.width;
    char gate_name[64], up_name[64];
    wt_value *gate, *up, *h;
    snprintf(gate_name, sizeof gate_name, "blk.%%d.ffn_gate%s.weight", suffix);
    snprintf(up_name, sizeof up_name, "blk.%d.ffn_up%s.weight", (int)il, suffix);
    const wt_weight *stored = wt_weights_find(b->w, up_name);
    const bool fused = stored && stored->shape.rank == 2 && stored->shape.dim[0] == 2 * hidden;
    if (has(b, gate_name, il)) {
        WT_TRY(wt_b_linear(b, &gate, x, hidden, width, NULL, WT_ACT_NONE, err, "blk.%d.ffn_gate%s", (int)il, suffix));
        WT_TRY(wt_b_linear(b, &up, x, hidden, width, NULL, WT_ACT_NONE, err, "blk.%d.ffn_up%s", (int)il, suffix));
        WT_TRY(glu(b, &h, gate, up, err));
    } else if (fused) {
        WT_TRY(wt_b_linear(b, &up, x, 2 * hidden, width, NULL, WT_ACT_NONE, err, "blk.%d.ffn_up%s", (int)il, suffix));
        WT_TRY(glu(b, &h, up, NULL, err));
    } else {
        WT_TRY(wt_b_linear(b, &h, x, hidden, width, NULL, b->style.act, err, "blk.%d.ffn_up%s", (int)il, suffix));
    }
    return wt_b_linear(b, out, h, width, hidden, residual, WT_ACT_NONE, err, "blk.%d.ffn_down%s", (int)il, suffix);
}

static wt_status experts(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t il, wt_err *err)
{
    const int64_t n = b->hp.experts, width = b->hp.width, hidden = b->hp.expert_hidden;
    wt_value *in[5] = { x };
    const wt_attr attrs[] = { wt_attr_of_int("top_k", b->hp.experts_used),
                              wt_attr_of_int("normalize", b->style.experts_normalize),
                              wt_attr_of_int("softmax", b->style.experts_softmax),
                              wt_attr_of_float("scale", b->style.experts_scale), wt_attr_of_int("act", b->style.act) };
    WT_TRY(wt_b_linear(b, &in[1], x, n, width, NULL, WT_ACT_NONE, err, "blk.%d.ffn_gate_inp", (int)il));
    WT_TRY(
        wt_b_weight(b, &in[2], true, 3, (int64_t[]){ n, hidden, width }, err, "blk.%d.ffn_gate_exps.weight", (int)il));
    WT_TRY(
        wt_b_weight(b, &in[3], false, 3, (int64_t[]){ n, hidden, width }, err, "blk.%d.ffn_up_exps.weight", (int)il));
    WT_TRY(
        wt_b_weight(b, &in[4], false, 3, (int64_t[]){ n, width, hidden }, err, "blk.%d.ffn_down_exps.weight", (int)il));
    return wt_b_op(b, out, "whet", "Experts", NULL, in, 5, attrs, sizeof attrs / sizeof *attrs, err);
}

/* One more expert that every token goes through, weighted by a sigmoid where there is a gate for it. */
static wt_status shared_expert(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t il, wt_err *err)
{
    int64_t hidden;
    char name[64];
    wt_value *own, *gate, *w;
    snprintf(name, sizeof name, "blk.%d.ffn_up_shexp.weight", (int)il);
    const wt_weight *stored = wt_weights_find(b->w, name);
    hidden = stored && stored->shape.rank == 2 ? stored->shape.dim[0] : 0;
    WT_TRY(dense(b, &own, x, il, hidden, "_shexp", NULL, err));
    WT_TRY(wt_b_weight(b, &w, true, 1, &b->hp.width, err, "blk.%d.ffn_gate_inp_shexp.weight", (int)il));
    if (w) {
        WT_TRY(wt_b_reshape(b, &w, w, (int64_t[]){ b->hp.width, 1 }, 2, err));
        WT_TRY(wt_b_op(b, &gate, "", "MatMul", NULL, (wt_value *[]){ x, w }, 2, NULL, 0, err));
        WT_TRY(wt_b_op(b, &gate, "", "Sigmoid", NULL, &gate, 1, NULL, 0, err));
        WT_TRY(wt_b_op(b, &own, "", "Mul", NULL, (wt_value *[]){ own, gate }, 2, NULL, 0, err));
    }
    return wt_b_add(b, out, *out, own, err);
}

wt_status wt_b_feed_forward(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t il, wt_value *residual,
                            wt_err *err)
{
    if (!has(b, "blk.%d.ffn_gate_inp.weight", il))
        return dense(b, out, x, il, b->hp.feed_forward, "", residual, err);
    if (b->hp.experts < 1 || b->hp.experts_used < 1 || b->hp.experts_used > b->hp.experts)
        return wt_fail(err, WT_EFORMAT, "layer %lld has experts, but the keys say %lld of %lld are used", (long long)il,
                       (long long)b->hp.experts_used, (long long)b->hp.experts);
    WT_TRY(experts(b, out, x, il, err));
    if (has(b, "blk.%d.ffn_up_shexp.weight", il))
        WT_TRY(shared_expert(b, out, x, il, err));
    return residual ? wt_b_add(b, out, residual, *out, err) : WT_OK;
}
