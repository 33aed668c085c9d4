/* raise_microsoft.c - operators of ONNX Runtime's domain com.microsoft that standard ones say as well: what its
 * optimizers and model builders fuse is taken apart again. What they have no words for (MatMulNBits,
 * GroupQueryAttention, ...) are operators of ours, see ops.def. */
#include "raise.h"

static wt_status emit(wt_raise *r, const char *op, wt_value *a, wt_value *b, const wt_attr *attrs, size_t n_attrs,
                      wt_value **out, wt_err *err)
{
    return wt_raise_emit(r, op, (wt_value *[]){ a, b }, b ? 2 : 1, attrs, n_attrs, out, err);
}

static wt_status unknown(wt_raise *r)
{
    r->unknown = true;
    return WT_OK;
}

/* Output i, which the node is about to lose, becomes the name of what `v`'s producer makes. Outputs were trimmed. */
static wt_status give_out(wt_value *old, wt_value **v, wt_err *err)
{
    if (!old)
        return WT_OK;
    WT_TRY(wt_node_set_output((*v)->producer, (*v)->producer_index, old, err));
    *v = old;
    return WT_OK;
}

/* Output i if somebody wants it. */
static wt_value *wanted(const wt_raise *r, size_t i) { return wt_raise_wants_out(r, i) ? r->node->out[i] : NULL; }

/* --- norms -------------------------------------------------------------------------------------------------------- */
/* input + skip (+ bias), normalized; output 3 is the sum. */
static wt_status raise_skip_norm(wt_raise *r, wt_err *err)
{
    const bool rms = !strcmp(r->node->op_type, "SkipSimplifiedLayerNormalization");
    wt_value *x = wt_raise_in(r, 0), *skip = wt_raise_in(r, 1), *gamma = wt_raise_in(r, 2), *beta = NULL,
             *bias = wt_raise_in(r, rms ? 3 : 4), *sum, *out = wanted(r, 3);
    const wt_attr attrs[2] = { wt_raise_int("axis", -1),
                               wt_raise_float("epsilon", wt_attr_float(&r->node->attrs, "epsilon", 1e-12f)) };
    if (!x || !skip || !gamma || wt_raise_wants_out(r, 1) || wt_raise_wants_out(r, 2))
        return unknown(r);
    wt_raise_trim_outputs(r, 1);
    WT_TRY(emit(r, "Add", x, skip, NULL, 0, &sum, err));
    if (bias)
        WT_TRY(emit(r, "Add", sum, bias, NULL, 0, &sum, err));
    WT_TRY(give_out(out, &sum, err));
    if (!rms)
        beta = wt_raise_in(r, 3);
    return wt_raise_turn(r, rms ? "RMSNormalization" : "LayerNormalization", (wt_value *[]){ sum, gamma, beta },
                         beta ? 3 : 2, attrs, 2, err);
}

/* Dim `axis` of x as a vector of one. */
static wt_status dim_of(wt_raise *r, wt_value *x, int64_t axis, wt_value **out, wt_err *err)
{
    const wt_attr attrs[2] = { wt_raise_int("start", axis), wt_raise_int("end", axis + 1) };
    return emit(r, "Shape", x, NULL, attrs, 2, out, err);
}

/* 0, 1, ..., n - 1 for n in a vector of one. */
static wt_status count_to(wt_raise *r, wt_value *n, wt_value **out, wt_err *err)
{
    wt_value *in[3], *axes;
    WT_TRY(wt_raise_i64(r, (int64_t[]){ 0 }, 1, true, &in[0], err));
    WT_TRY(wt_raise_i64(r, (int64_t[]){ 1 }, 1, true, &in[2], err));
    WT_TRY(wt_raise_i64(r, (int64_t[]){ 0 }, 1, false, &axes, err));
    WT_TRY(emit(r, "Squeeze", n, axes, NULL, 0, &in[1], err));
    return wt_raise_emit(r, "Range", in, 3, NULL, 0, out, err);
}

/* The rows of the table of positions that a sentence has: those named, or the first ones. */
static wt_status place_rows(wt_raise *r, wt_value *ids, wt_value *table, wt_value *places, wt_value **out, wt_err *err)
{
    wt_value *in[4] = { table };
    if (places)
        return emit(r, "Gather", table, places, NULL, 0, out, err);
    WT_TRY(wt_raise_i64(r, (int64_t[]){ 0 }, 1, false, &in[1], err));
    WT_TRY(dim_of(r, ids, 1, &in[2], err));
    in[3] = in[1];
    return wt_raise_emit(r, "Slice", in, 4, NULL, 0, out, err);
}

/* Words, segments and places added and normalized; output 1 counts the words of each sentence, output 2 is the sum. */
static wt_status raise_embed_norm(wt_raise *r, wt_err *err)
{
    wt_value *in[9], *sum, *part, *count = wanted(r, 1), *sum_out = wanted(r, 2), *axes;
    const wt_attr norm[2] = { wt_raise_int("axis", -1),
                              wt_raise_float("epsilon", wt_attr_float(&r->node->attrs, "epsilon", 1e-12f)) };
    const wt_attr flat = wt_raise_int("keepdims", 0);
    for (size_t i = 0; i < WT_ARRAY_LEN(in); i++)
        in[i] = wt_raise_in(r, i);
    if (!in[0] || !in[2] || !in[3] || !in[5] || !in[6] || (count && !in[7]) || !in[1] != !in[4])
        return unknown(r);
    wt_raise_trim_outputs(r, 1);
    WT_TRY(emit(r, "Gather", in[2], in[0], NULL, 0, &sum, err));
    WT_TRY(place_rows(r, in[0], in[3], in[8], &part, err));
    WT_TRY(emit(r, "Add", sum, part, NULL, 0, &sum, err));
    if (in[1]) {
        WT_TRY(emit(r, "Gather", in[4], in[1], NULL, 0, &part, err));
        WT_TRY(emit(r, "Add", sum, part, NULL, 0, &sum, err));
    }
    WT_TRY(give_out(sum_out, &sum, err));
    if (count) {
        WT_TRY(wt_raise_i64(r, (int64_t[]){ 1 }, 1, false, &axes, err));
        WT_TRY(emit(r, "ReduceSum", in[7], axes, &flat, 1, &part, err));
        WT_TRY(give_out(count, &part, err));
    }
    return wt_raise_turn(r, "LayerNormalization", (wt_value *[]){ sum, in[5], in[6] }, 3, norm, 2, err);
}

/* --- rotary embedding --------------------------------------------------------------------------------------------- */
/* positions [B, S] from one number that all sentences begin with. */
static wt_status places_from(wt_raise *r, wt_value *x, wt_value *first, wt_value **out, wt_err *err)
{
    wt_value *batch, *length, *shape;
    const wt_attr axis = wt_raise_int("axis", 0);
    WT_TRY(dim_of(r, x, 0, &batch, err));
    WT_TRY(dim_of(r, x, wt_raise_rank(x) == 3 ? 1 : 2, &length, err));
    WT_TRY(count_to(r, length, out, err));
    WT_TRY(emit(r, "Add", *out, first, NULL, 0, out, err));
    WT_TRY(emit(r, "Concat", batch, length, &axis, 1, &shape, err));
    return emit(r, "Expand", *out, shape, NULL, 0, out, err);
}

/* The standard has positions last, and needs the number of heads where the data have three dimensions. */
static wt_status raise_rotary(wt_raise *r, wt_err *err)
{
    const wt_attrs *a = &r->node->attrs;
    wt_value *x = wt_raise_in(r, 0), *places = wt_raise_in(r, 1), *cosine = wt_raise_in(r, 2),
             *sine = wt_raise_in(r, 3);
    int64_t heads = wt_attr_int(a, "num_heads", 0);
    const int64_t dims = wt_attr_int(a, "rotary_embedding_dim", 0);
    const int rank = wt_raise_rank(x);
    if (!x || !places || !cosine || !sine || rank < 3 || wt_raise_rank(places) < 0 || wt_raise_rank(places) > 2 ||
        wt_attr_float(a, "scale", 1) != 1 || wt_attr_int(a, "is_packed_batching", 0))
        return unknown(r);
    if (rank == 3 && heads == 0) {
        const int64_t width = x->type.shape.dim[2], half = wt_raise_rank(cosine) == 2 ? cosine->type.shape.dim[1] : 0;
        if (width < 1 || half < 1)
            return unknown(r);
        heads = width / (2 * half);
    }
    if (wt_raise_rank(places) < 2)
        WT_TRY(places_from(r, x, places, &places, err));
    const wt_attr attrs[3] = { wt_raise_int("interleaved", wt_attr_int(a, "interleaved", 0)),
                               wt_raise_int("rotary_embedding_dim", dims), wt_raise_int("num_heads", heads) };
    return wt_raise_turn(r, "RotaryEmbedding", (wt_value *[]){ x, cosine, sine, places }, 4, attrs, rank == 3 ? 3 : 2,
                         err);
}

/* --- attention ---------------------------------------------------------------------------------------------------- */
typedef struct attention {
    wt_value *q, *k, *v; /* [B, S, heads * size] */
    wt_value *mask;      /* of padding; NULL: none */
    wt_value *bias, *past_k, *past_v;
} attention;

/* What a mask of 1 (to be seen) and 0 adds to the scores: 0 and mask_filter_value. */
static wt_status mask_to_bias(wt_raise *r, wt_value *like, wt_value *mask, const int64_t *axes, size_t n_axes,
                              wt_value **out, wt_err *err)
{
    wt_value *one, *filter, *where = NULL;
    WT_TRY(emit(r, "CastLike", mask, like, NULL, 0, out, err));
    WT_TRY(wt_raise_scalar_like(r, like, 1, &one, err));
    WT_TRY(wt_raise_scalar_like(r, like, -wt_attr_float(&r->node->attrs, "mask_filter_value", -10000), &filter, err));
    if (r->unknown)
        return WT_OK;
    WT_TRY(emit(r, "Sub", *out, one, NULL, 0, out, err));
    WT_TRY(emit(r, "Mul", *out, filter, NULL, 0, out, err));
    if (!n_axes)
        return WT_OK;
    WT_TRY(wt_raise_i64(r, axes, n_axes, false, &where, err));
    return emit(r, "Unsqueeze", *out, where, NULL, 0, out, err);
}

/* Masks come as lengths [B], for all keys [B, T], for each query too [B, S, T], or as scores have it [B, 1, S, T]. */
static wt_status padding_bias(wt_raise *r, const attention *t, wt_value **out, wt_err *err)
{
    wt_value *mask = t->mask, *keys, *axes;
    switch (wt_raise_rank(mask)) {
    case 1:
        if (t->past_k)
            return unknown(r);
        WT_TRY(dim_of(r, t->k, 1, &keys, err));
        WT_TRY(count_to(r, keys, &keys, err));
        WT_TRY(wt_raise_i64(r, (int64_t[]){ 1 }, 1, false, &axes, err));
        WT_TRY(emit(r, "Unsqueeze", mask, axes, NULL, 0, &mask, err));
        WT_TRY(emit(r, "CastLike", mask, keys, NULL, 0, &mask, err));
        WT_TRY(emit(r, "Less", keys, mask, NULL, 0, &mask, err));
        return mask_to_bias(r, t->q, mask, (int64_t[]){ 1, 2 }, 2, out, err);
    case 2: return mask_to_bias(r, t->q, mask, (int64_t[]){ 1, 2 }, 2, out, err);
    case 3: return mask_to_bias(r, t->q, mask, (int64_t[]){ 1 }, 1, out, err);
    default: return unknown(r);
    }
}

/* The node becomes the standard's Attention, with `heads` of each. */
static wt_status turn_attention(wt_raise *r, const attention *t, int64_t heads, wt_err *err)
{
    wt_value *bias = t->bias, *padding;
    const float scale = wt_attr_float(&r->node->attrs, "scale", 0);
    wt_attr attrs[4] = { wt_raise_int("q_num_heads", heads), wt_raise_int("kv_num_heads", heads),
                         wt_raise_int("is_causal", wt_attr_int(&r->node->attrs, "unidirectional", 0)),
                         wt_raise_float("scale", scale) };
    if (heads < 1)
        return unknown(r);
    if (t->mask) {
        WT_TRY(padding_bias(r, t, &padding, err));
        if (r->unknown)
            return WT_OK;
        if (bias)
            WT_TRY(emit(r, "Add", bias, padding, NULL, 0, &bias, err));
        else
            bias = padding;
    }
    return wt_raise_turn(r, "Attention", (wt_value *[]){ t->q, t->k, t->v, bias, t->past_k, t->past_v },
                         t->past_k ? 6
                         : bias    ? 4
                                   : 3,
                         attrs, scale != 0 ? 4 : 3, err);
}

/* [B, heads, L, size] as [B, L, heads * size] */
static wt_status flatten_heads(wt_raise *r, wt_value **x, wt_err *err)
{
    static const int64_t order[4] = { 0, 2, 1, 3 };
    const wt_attr perm = { .name = "perm", .type = WT_ATTR_INTS, .count = 4, .v.ints = order };
    wt_value *shape;
    if (wt_raise_rank(*x) == 3)
        return WT_OK;
    WT_TRY(emit(r, "Transpose", *x, NULL, &perm, 1, x, err));
    WT_TRY(wt_raise_i64(r, (int64_t[]){ 0, 0, -1 }, 3, false, &shape, err));
    return emit(r, "Reshape", *x, shape, NULL, 0, x, err);
}

/* x[from, to) of its last axis. */
static wt_status part_of(wt_raise *r, wt_value *x, int64_t from, int64_t to, wt_value **out, wt_err *err)
{
    wt_value *in[4] = { x };
    WT_TRY(wt_raise_i64(r, &from, 1, false, &in[1], err));
    WT_TRY(wt_raise_i64(r, &to, 1, false, &in[2], err));
    WT_TRY(wt_raise_i64(r, (int64_t[]){ -1 }, 1, false, &in[3], err));
    return wt_raise_emit(r, "Slice", in, 4, NULL, 0, out, err);
}

static wt_status add_biases(wt_raise *r, attention *t, wt_value *bias, wt_err *err)
{
    const int64_t all = wt_raise_rank(bias) == 1 ? bias->type.shape.dim[0] : -1, q = t->q->type.shape.dim[2];
    wt_value **const to[3] = { &t->q, &t->k, &t->v }, *part;
    if (all < 1 || q < 1 || 2 * q >= all)
        return unknown(r);
    const int64_t at[4] = { 0, q, 2 * q, all };
    for (int i = 0; i < 3; i++) {
        WT_TRY(part_of(r, bias, at[i], at[i + 1], &part, err));
        WT_TRY(emit(r, "Add", *to[i], part, NULL, 0, to[i], err));
    }
    return WT_OK;
}

static wt_status raise_multi_head(wt_raise *r, wt_err *err)
{
    attention t = { .q = wt_raise_in(r, 0),
                    .k = wt_raise_in(r, 1),
                    .v = wt_raise_in(r, 2),
                    .mask = wt_raise_in(r, 4),
                    .bias = wt_raise_in(r, 5),
                    .past_k = wt_raise_in(r, 6),
                    .past_v = wt_raise_in(r, 7) };
    wt_value *bias = wt_raise_in(r, 3);
    const int rank = wt_raise_rank(t.k);
    if (wt_raise_rank(t.q) != 3 || !t.k || !t.v || (rank != 3 && rank != 4) || wt_raise_rank(t.v) != rank ||
        wt_raise_in(r, 8) || wt_raise_in(r, 9) || wt_raise_wants_out(r, 3) || !t.past_k != !t.past_v ||
        (bias && rank == 4))
        return unknown(r);
    wt_raise_trim_outputs(r, r->node->n_out > 3 ? 3 : r->node->n_out);
    WT_TRY(flatten_heads(r, &t.k, err));
    WT_TRY(flatten_heads(r, &t.v, err));
    if (bias)
        WT_TRY(add_biases(r, &t, bias, err));
    return r->unknown ? WT_OK : turn_attention(r, &t, wt_attr_int(&r->node->attrs, "num_heads", 0), err);
}

/* Half `i` of a cache [2, B, heads, P, size]. */
static wt_status half_of(wt_raise *r, wt_value *past, int64_t i, wt_value **out, wt_err *err)
{
    const wt_attr axis = wt_raise_int("axis", 0);
    wt_value *index;
    WT_TRY(wt_raise_i64(r, &i, 1, true, &index, err));
    return emit(r, "Gather", past, index, &axis, 1, out, err);
}

/* present [2, B, heads, T, size] from what the Attention gives out, behind it. */
static wt_status join_present(wt_raise *r, wt_value *present, wt_err *err)
{
    wt_graph *graph = r->node->graph;
    wt_node *node, *behind = r->node->next;
    wt_value *part[2], *row[2], *axes;
    const wt_attr axis = wt_raise_int("axis", 0);
    const wt_attrs list = { &axis, 1 };
    WT_TRY(wt_raise_i64(r, (int64_t[]){ 0 }, 1, false, &axes, err));
    wt_value **outs = wt_arena_alloc(wt_raise_arena(r), 3, sizeof *outs, err);
    if (!outs)
        return WT_ENOMEM;
    outs[0] = r->node->out[0];
    for (size_t i = 0; i < 2; i++) {
        WT_TRY(wt_graph_add_value(&part[i], graph, NULL, err));
        WT_TRY(wt_graph_add_value(&row[i], graph, NULL, err));
        part[i]->producer = r->node;
        part[i]->producer_index = i + 1;
        outs[i + 1] = part[i];
    }
    r->node->out = outs;
    r->node->n_out = 3;
    for (size_t i = 0; i < 2; i++)
        WT_TRY(wt_graph_add_node(&node, graph, behind, "", "Unsqueeze", "", (wt_value *[]){ part[i], axes }, 2, &row[i],
                                 1, NULL, err));
    return wt_graph_add_node(&node, graph, behind, "", "Concat", "", row, 2, &present, 1, &list, err);
}

/* The three widths of the projection: as said, or thirds. */
static bool read_widths(const wt_raise *r, const wt_value *weights, int64_t at[4])
{
    int64_t sizes[3];
    const int64_t all = wt_raise_rank(weights) == 2 ? weights->type.shape.dim[1] : -1;
    const size_t said = wt_attr_ints(&r->node->attrs, "qkv_hidden_sizes", sizes, 3);
    if (all < 3 || (said != 0 && said != 3))
        return false;
    at[0] = 0;
    for (int i = 0; i < 3; i++) {
        const int64_t width = said ? sizes[i] : all / 3;
        if (width < 1 || width > all - at[i])
            return false;
        at[i + 1] = at[i] + width;
    }
    return at[3] == all;
}

static wt_status raise_attention(wt_raise *r, wt_err *err)
{
    attention t = { .mask = wt_raise_in(r, 3), .bias = wt_raise_in(r, 5) };
    wt_value *x = wt_raise_in(r, 0), *weights = wt_raise_in(r, 1), *bias = wt_raise_in(r, 2), *past = wt_raise_in(r, 4),
             **const to[3] = { &t.q, &t.k, &t.v }, *present = wanted(r, 1), *all;
    int64_t at[4];
    if (!x || !weights || wt_attr_int(&r->node->attrs, "do_rotary", 0) || wt_raise_in(r, 6) ||
        wt_attr_int(&r->node->attrs, "past_present_share_buffer", 0) || !read_widths(r, weights, at))
        return unknown(r);
    wt_raise_trim_outputs(r, 1);
    WT_TRY(emit(r, "MatMul", x, weights, NULL, 0, &all, err));
    if (bias)
        WT_TRY(emit(r, "Add", all, bias, NULL, 0, &all, err));
    for (int i = 0; i < 3; i++)
        WT_TRY(part_of(r, all, at[i], at[i + 1], to[i], err));
    if (past) {
        WT_TRY(half_of(r, past, 0, &t.past_k, err));
        WT_TRY(half_of(r, past, 1, &t.past_v, err));
    }
    WT_TRY(turn_attention(r, &t, wt_attr_int(&r->node->attrs, "num_heads", 0), err));
    return present && !r->unknown ? join_present(r, present, err) : WT_OK;
}

/* --- products ----------------------------------------------------------------------------------------------------- */
/* A times a transposed matrix stays, for that is how weights lie best; the rest is Transpose, MatMul and Mul. */
static wt_status raise_fused_matmul(wt_raise *r, wt_err *err)
{
    static const int64_t order[2] = { 1, 0 };
    const wt_attr perm = { .name = "perm", .type = WT_ATTR_INTS, .count = 2, .v.ints = order };
    wt_value *side[2] = { wt_raise_in(r, 0), wt_raise_in(r, 1) }, *product, *alpha;
    const wt_attrs *a = &r->node->attrs;
    const bool trans[2] = { wt_attr_int(a, "transA", 0) != 0, wt_attr_int(a, "transB", 0) != 0 };
    const float factor = wt_attr_float(a, "alpha", 1);
    if (!side[0] || !side[1] || wt_attr_int(a, "transBatchA", 0) || wt_attr_int(a, "transBatchB", 0))
        return WT_OK;
    if (trans[1] && !trans[0] && wt_raise_rank(side[1]) == 2)
        return WT_OK;
    for (int i = 0; i < 2; i++) {
        if (trans[i] && wt_raise_rank(side[i]) != 2)
            return unknown(r);
        if (trans[i])
            WT_TRY(emit(r, "Transpose", side[i], NULL, &perm, 1, &side[i], err));
    }
    if (factor == 1)
        return wt_raise_turn(r, "MatMul", side, 2, NULL, 0, err);
    WT_TRY(wt_raise_emit(r, "MatMul", side, 2, NULL, 0, &product, err));
    WT_TRY(wt_raise_scalar_like(r, side[0], factor, &alpha, err));
    return r->unknown ? WT_OK : wt_raise_turn(r, "Mul", (wt_value *[]){ product, alpha }, 2, NULL, 0, err);
}

const wt_raise_row wt_raise_rows_microsoft[] = {
    { "com.microsoft", "SkipLayerNormalization", INT64_MAX, raise_skip_norm },
    { "com.microsoft", "SkipSimplifiedLayerNormalization", INT64_MAX, raise_skip_norm },
    { "com.microsoft", "EmbedLayerNormalization", INT64_MAX, raise_embed_norm },
    { "com.microsoft", "RotaryEmbedding", INT64_MAX, raise_rotary },
    { "com.microsoft", "MultiHeadAttention", INT64_MAX, raise_multi_head },
    { "com.microsoft", "Attention", INT64_MAX, raise_attention },
    { "com.microsoft", "FusedMatMul", INT64_MAX, raise_fused_matmul },
    { 0 },
};
