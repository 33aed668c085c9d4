/* lower_attention.c - inputs as ONNX Runtime GenAI feeds them, caches, and attention as GroupQueryAttention.
 *
 *     input_ids, attention_mask, position_ids?     I64 [batch, sequence], [batch, all of it], [batch, sequence]
 *     past_key_values.N.key, .value, present.N.*   [batch, key heads, length, size]
 *
 * GroupQueryAttention turns queries and keys itself, by tables; where it cannot (pairs that are no multiple of 8) the
 * standard's RotaryEmbedding stands in front. */
#include <stdio.h>
#include "lower.h"

enum { Q, K, V, K_CACHE, SINKS = 9 };
enum { PAIRS_TOGETHER = 8 /* what ONNX Runtime divides heads and their pairs by */ };

static wt_status input(wt_lower *l, wt_value **out, const char *name, wt_dtype dtype, int rank, const char *const *dims,
                       const int64_t *sizes, wt_err *err)
{
    wt_tensor t = { .dtype = dtype, .shape = { .rank = rank } };
    for (int i = 0; i < rank; i++) {
        t.shape.dim[i] = sizes ? sizes[i] : 0;
        if (dims[i])
            WT_TRY(wt_graph_symbol(l->to, dims[i], &t.shape.dim[i], err));
    }
    WT_TRY(wt_graph_add_value(out, l->to, name, err));
    (*out)->type = t;
    return wt_graph_add_input(l->to, *out, err);
}

static wt_attr int_attr(const char *name, int64_t v)
{
    return (wt_attr){ .name = name, .type = WT_ATTR_INT, .count = 1, .v.i = v };
}

static wt_attr float_attr(const char *name, float v)
{
    return (wt_attr){ .name = name, .type = WT_ATTR_FLOAT, .count = 1, .v.f = v };
}

/* What GroupQueryAttention wants of the mask: each sequence's length less one, and the longest. */
static wt_status lengths(wt_lower *l, wt_err *err)
{
    const wt_attr flat = int_attr("keepdims", 0), to = int_attr("to", wt_dtype_get(WT_I32)->onnx_code);
    const wt_attr axis = int_attr("axis", 0);
    wt_value *one, *at, *sum, *shape;
    WT_TRY(wt_lower_ints(l, (int64_t[]){ 1 }, 1, &one, err));
    WT_TRY(wt_lower_put(l, "", "ReduceSum", (wt_value *[]){ l->mask, one }, 2, &flat, 1, &sum, err));
    WT_TRY(wt_lower_put(l, "", "Sub", (wt_value *[]){ sum, one }, 2, NULL, 0, &sum, err));
    WT_TRY(wt_lower_put(l, "", "Cast", &sum, 1, &to, 1, &l->seqlens, err));
    WT_TRY(wt_lower_put(l, "", "Shape", &l->mask, 1, NULL, 0, &shape, err));
    WT_TRY(wt_graph_add_const_i64(&at, l->to, NULL, (int64_t[]){ 1 }, 1, true, err));
    WT_TRY(wt_lower_put(l, "", "Gather", (wt_value *[]){ shape, at }, 2, &axis, 1, &shape, err));
    return wt_lower_put(l, "", "Cast", &shape, 1, &to, 1, &l->total, err);
}

static const char *const now[2] = { "batch_size", "sequence_length" }, *const whole[2] = { "batch_size",
                                                                                           "total_sequence_length" };

wt_status wt_lower_inputs(wt_lower *l, wt_err *err)
{
    WT_TRY(input(l, &l->ids, "input_ids", WT_I64, 2, now, NULL, err));
    WT_TRY(input(l, &l->mask, "attention_mask", WT_I64, 2, whole, NULL, err));
    return lengths(l, err);
}

wt_status wt_lower_places(wt_lower *l, wt_value **out, wt_err *err)
{
    if (!l->places)
        WT_TRY(input(l, &l->places, "position_ids", WT_I64, 2, now, NULL, err));
    *out = l->places;
    return WT_OK;
}

/* --- turning ------------------------------------------------------------------------------------------------------ */
static wt_status read_rope(wt_lower *l, const wt_node *rope, wt_rope *out, wt_err *err)
{
    const wt_value *factors = rope->n_in > 2 ? rope->in[2] : NULL;
    const int64_t width = rope->in[0]->type.shape.dim[1];
    if (factors && factors->type.dtype != WT_F32)
        return wt_lower_refuse(l, err, "factors of frequencies that are no float32");
    return wt_rope_read(out, &rope->attrs, width, factors ? factors->type.data : NULL, &l->to->arena, err);
}

static bool same_angles(const wt_rope *a, const wt_rope *b)
{
    return a->half == b->half && a->scale == b->scale && !memcmp(a->frequency, b->frequency, a->half * sizeof(float));
}

/* The tables of these angles, made once. */
static wt_status tables(wt_lower *l, const wt_rope *rope, wt_angles *out, wt_err *err)
{
    for (size_t i = 0; i < l->n_angles; i++)
        if (same_angles(&l->angles[i].rope, rope)) {
            *out = l->angles[i];
            return WT_OK;
        }
    *out = (wt_angles){ .rope = *rope };
    WT_TRY(wt_lower_angles(l, rope, l->hp->context, false, &out->cosine, err));
    WT_TRY(wt_lower_angles(l, rope, l->hp->context, true, &out->sine, err));
    WT_TRY(wt_grow(l->to->ctx, (void **)&l->angles, &l->angles_cap, l->n_angles + 1, sizeof *l->angles, err));
    l->angles[l->n_angles++] = *out;
    return WT_OK;
}

static wt_status turn(wt_lower *l, wt_value **x, const wt_rope *rope, const wt_angles *t, int64_t heads, wt_err *err)
{
    wt_value *in[4] = { *x, t->cosine, t->sine };
    const wt_attr attrs[] = { int_attr("interleaved", rope->interleaved), int_attr("num_heads", heads),
                              int_attr("rotary_embedding_dim", 2 * (int64_t)rope->half) };
    WT_TRY(wt_lower_places(l, &in[3], err));
    return wt_lower_put(l, "", "RotaryEmbedding", in, 4, attrs, WT_ARRAY_LEN(attrs), x, err);
}

/* What queries and keys are turned by goes into the node's inputs and attributes, or in front of it. */
static wt_status take_ropes(wt_lower *l, const wt_node *const rope[2], wt_value **in, wt_attr *attrs, size_t *n_attrs,
                            int64_t heads, int64_t kv_heads, wt_err *err)
{
    wt_rope r[2];
    wt_angles t;
    if (!rope[0] && !rope[1])
        return WT_OK;
    if (!rope[0] || !rope[1])
        return wt_lower_refuse(l, err, "queries that turn beside keys that do not");
    for (int i = 0; i < 2; i++)
        WT_TRY(read_rope(l, rope[i], &r[i], err));
    if (!same_angles(&r[0], &r[1]) || r[0].interleaved != r[1].interleaved)
        return wt_lower_refuse(l, err, "queries and keys that turn by other angles");
    WT_TRY(tables(l, &r[0], &t, err));
    if (r[0].half % PAIRS_TOGETHER) {
        WT_TRY(turn(l, &in[Q], &r[0], &t, heads, err));
        return turn(l, &in[K], &r[1], &t, kv_heads, err);
    }
    in[7] = t.cosine;
    in[8] = t.sine;
    attrs[(*n_attrs)++] = int_attr("do_rotary", 1);
    attrs[(*n_attrs)++] = int_attr("rotary_interleaved", r[0].interleaved);
    return WT_OK;
}

/* --- attention ---------------------------------------------------------------------------------------------------- */
static wt_status caches(wt_lower *l, int il, int64_t kv_heads, int64_t head, wt_value **past, wt_value **present,
                        wt_err *err)
{
    static const char *const kinds[2] = { "key", "value" };
    static const char *const dims[4] = { "batch_size", NULL, "past_sequence_length", NULL };
    const int64_t sizes[4] = { 0, kv_heads, 0, head };
    char name[48];
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "past_key_values.%d.%s", il, kinds[i]);
        WT_TRY(input(l, &past[i], name, l->act, 4, dims, sizes, err));
        snprintf(name, sizeof name, "present.%d.%s", il, kinds[i]);
        WT_TRY(wt_graph_add_value(&present[i], l->to, name, err));
    }
    return WT_OK;
}

static wt_status check(const wt_lower *l, const wt_node *node, int *il, wt_err *err)
{
    if (sscanf(node->in[K_CACHE]->name, "k.%d", il) != 1)
        return wt_lower_refuse(l, err, "a cache without a layer");
    if (wt_attr_float(&node->attrs, "alibi", 0) != 0)
        return wt_lower_refuse(l, err, "ALiBi, which GroupQueryAttention does not have");
    if (l->hp->value_dim != l->hp->head_dim)
        return wt_lower_refuse(l, err, "values of %lld elements beside keys of %lld", (long long)l->hp->value_dim,
                               (long long)l->hp->head_dim);
    if (l->hp->head_dim % PAIRS_TOGETHER)
        return wt_lower_refuse(l, err, "heads of %lld elements, which are no multiple of 8",
                               (long long)l->hp->head_dim);
    return WT_OK;
}

static wt_status emit(wt_lower *l, wt_value **in, size_t n_in, wt_attr *attrs, size_t n_attrs, wt_value **present,
                      wt_value **out, wt_err *err)
{
    const wt_attrs list = { attrs, n_attrs };
    wt_node *node;
    wt_value *outs[3] = { NULL, present[0], present[1] };
    WT_TRY(wt_graph_add_value(&outs[0], l->to, NULL, err));
    WT_TRY(wt_graph_add_node(&node, l->to, NULL, "com.microsoft", "GroupQueryAttention", l->node->name, in, n_in, outs,
                             3, &list, err));
    *out = outs[0];
    return WT_OK;
}

wt_status wt_lower_attention(wt_lower *l, const wt_node *node, wt_value **out, wt_err *err)
{
    const int64_t heads = wt_attr_int(&node->attrs, "heads", 0), kv_heads = wt_attr_int(&node->attrs, "kv_heads", 0),
                  window = wt_attr_int(&node->attrs, "window", 0);
    const float softcap = wt_attr_float(&node->attrs, "softcap", 0);
    wt_attr attrs[8] = { int_attr("num_heads", heads), int_attr("kv_num_heads", kv_heads),
                         float_attr("scale", wt_attr_float(&node->attrs, "scale", 0)) };
    const wt_node *rope[2] = { NULL, NULL };
    wt_value *in[12] = { NULL }, *present[2];
    size_t n_attrs = 3, n_in;
    int il = 0;
    WT_TRY(check(l, node, &il, err));
    if (softcap != 0)
        attrs[n_attrs++] = float_attr("softcap", softcap);
    if (window > 0)
        attrs[n_attrs++] = int_attr("local_window_size", window);
    for (int i = Q; i <= V; i++) {
        const wt_node *from = node->in[i]->producer;
        if (i < V && wt_node_is(from, WT_OP_ROPE))
            rope[i] = from;
        in[i] = l->map[i < V && rope[i] ? from->in[0]->id : node->in[i]->id];
    }
    WT_TRY(caches(l, il, kv_heads, l->hp->head_dim, &in[3], present, err));
    in[5] = l->seqlens;
    in[6] = l->total;
    WT_TRY(take_ropes(l, rope, in, attrs, &n_attrs, heads, kv_heads, err));
    n_in = in[7] ? 9 : 7;
    if (node->n_in > SINKS && node->in[SINKS]) {
        WT_TRY(wt_lower_constant(l, node->in[SINKS], l->act, &in[11], err));
        n_in = 12;
    }
    return emit(l, in, n_in, attrs, n_attrs, present, out, err);
}
