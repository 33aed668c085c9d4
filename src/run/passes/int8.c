/* int8.c - a graph whose values say how they are quantized becomes one that computes with the integers.
 *
 * One walk in order. A node that has an integer form and whose operands are quantized takes codes and makes codes;
 * every other node gets real numbers: a DequantizeLinear per value, and a QuantizeLinear where its result is wanted as
 * codes. What only moves or selects hands its operand's quantization on. So integer islands are as large as they can
 * be, and the values are those that the file's QuantizeLinear/DequantizeLinear pairs describe. */
#include "run/passes/int8.h"
#include "model/qdq.h"
#include "model/quantize.h"

wt_status wt_pass_qdq(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    size_t absorbed = 0;
    (void)pc;
    WT_TRY(wt_graph_infer(graph, err));
    WT_TRY(wt_qdq_absorb(graph, &absorbed, err));
    pc->changes += absorbed;
    return WT_OK;
}

bool wt_int8_activation(const wt_value *v)
{
    return v && v->quant && !wt_value_is_const(v) && v->quant->count == 1 &&
           (v->quant->dtype == WT_U8 || v->quant->dtype == WT_I8) && v->type.dtype == WT_F32;
}

bool wt_int8_same(const wt_quant *a, const wt_quant *b)
{
    return a->dtype == b->dtype && a->count == 1 && b->count == 1 && a->scale[0] == b->scale[0] &&
           a->zero_point[0] == b->zero_point[0];
}

static wt_status parameters(wt_int8 *p, const wt_quant *q, wt_value **scale, wt_value **zero, wt_err *err)
{
    const uint8_t u = (uint8_t)q->zero_point[0];
    const wt_tensor zp = { .dtype = q->dtype, .data = &u, .bytes = 1 };
    WT_TRY(wt_graph_add_const_f32(scale, p->graph, NULL, q->scale, 1, true, err));
    return wt_graph_add_constant(zero, p->graph, NULL, &zp, err);
}

/* op(v, scale, zero point) in front of `before` (NULL: at the end). */
static wt_status border(wt_int8 *p, const char *op, wt_value *v, const wt_quant *q, wt_value *out, wt_node *before,
                        wt_err *err)
{
    wt_value *in[3] = { v };
    wt_node *node;
    WT_TRY(parameters(p, q, &in[1], &in[2], err));
    p->pc->changes++;
    return wt_graph_add_node(&node, p->graph, before, "", op, "", in, 3, &out, 1, NULL, err);
}

static wt_status new_like(wt_int8 *p, const wt_value *v, wt_dtype dtype, wt_value **out, wt_err *err)
{
    size_t bytes;
    WT_TRY(wt_graph_add_value(out, p->graph, NULL, err));
    (*out)->type = v->type;
    (*out)->type.dtype = dtype;
    (*out)->type.data = NULL;
    if (wt_tensor_size(&(*out)->type, &bytes))
        (*out)->type.bytes = bytes;
    return WT_OK;
}

wt_status wt_int8_codes(wt_int8 *p, wt_value *v, wt_node *before, wt_value **out, wt_err *err)
{
    if (v->id < p->n && p->codes[v->id]) {
        *out = p->codes[v->id];
        return WT_OK;
    }
    WT_TRY(new_like(p, v, v->quant->dtype, out, err));
    wt_node *at = v->producer ? v->producer->next : before;
    WT_TRY(border(p, "QuantizeLinear", v, v->quant, *out, at, err));
    if (v->id < p->n)
        p->codes[v->id] = *out;
    return WT_OK;
}

static wt_status reals(wt_int8 *p, wt_value *v, wt_node *before, wt_value **out, wt_err *err)
{
    wt_value *codes;
    if (v->id < p->n && p->reals[v->id]) {
        *out = p->reals[v->id];
        return WT_OK;
    }
    WT_TRY(wt_int8_codes(p, v, before, &codes, err));
    WT_TRY(new_like(p, v, WT_F32, out, err));
    WT_TRY(border(p, "DequantizeLinear", codes, v->quant, *out, codes->producer ? codes->producer->next : before, err));
    if (v->id < p->n)
        p->reals[v->id] = *out;
    return WT_OK;
}

wt_status wt_int8_output(wt_int8 *p, wt_node *n, const wt_quant *quant, wt_err *err)
{
    wt_value *v = n->out[0], *codes;
    WT_TRY(new_like(p, v, quant->dtype, &codes, err));
    v->quant = quant;
    WT_TRY(wt_node_set_output(n, 0, codes, err));
    if (v->id < p->n)
        p->codes[v->id] = codes;
    /* A result of the graph, or something watched, is wanted as real numbers under its own name. */
    if (!v->is_output && wt_pass_tapped(p->pc, v))
        WT_TRY(wt_graph_add_output(p->graph, v, err)); /* or it would be swept away: nothing else reads it */
    if (v->is_output) {
        WT_TRY(border(p, "DequantizeLinear", codes, quant, v, n->next, err));
        if (v->id < p->n)
            p->reals[v->id] = v;
    }
    return WT_OK;
}

/* Consumers of a quantized constant that cannot take the integers get its real numbers. */
static wt_status real_constant(wt_int8 *p, wt_value *v, wt_value **out, wt_err *err)
{
    if (v->id < p->n && p->reals[v->id]) {
        *out = p->reals[v->id];
        return WT_OK;
    }
    wt_tensor t;
    WT_TRY(wt_quant_dequantize(&t, &p->graph->root->arena, v, err));
    WT_TRY(wt_graph_add_value(out, p->graph, NULL, err));
    WT_TRY(wt_graph_set_constant(*out, &t, err));
    if (v->id < p->n)
        p->reals[v->id] = *out;
    return WT_OK;
}

static wt_status feed_reals(wt_int8 *p, wt_node *n, wt_node *before, wt_err *err)
{
    for (size_t i = 0; i < n->n_in; i++) {
        wt_value *v = n->in[i], *r;
        if (!v || !v->quant)
            continue;
        if (wt_value_is_const(v)) {
            WT_TRY(real_constant(p, v, &r, err));
        } else if (v->quant->count == 1) {
            /* The producer of the codes may be the node's own predecessor: insert right behind it. */
            WT_TRY(reals(p, v, before, &r, err));
        } else {
            continue; /* per-channel activations: consumers see the float values */
        }
        if (r != v)
            WT_TRY(wt_node_set_input(n, i, r, err));
    }
    for (size_t i = 0; i < n->attrs.count; i++) {
        const wt_attr *a = &n->attrs.items[i];
        if (a->type != WT_ATTR_GRAPH)
            continue;
        for (wt_node *inner = a->v.graph->first; inner; inner = inner->next)
            WT_TRY(feed_reals(p, inner, before, err));
    }
    return WT_OK;
}

/* A result of the graph that no integer operator makes is rounded on its way out, as its readers were promised. */
static wt_status round_output(wt_int8 *p, wt_node *n, wt_err *err)
{
    wt_value *v = n->n_out ? n->out[0] : NULL, *real, *codes;
    if (!v || !v->is_output || !wt_int8_activation(v))
        return WT_OK;
    WT_TRY(new_like(p, v, WT_F32, &real, err));
    WT_TRY(new_like(p, v, v->quant->dtype, &codes, err));
    WT_TRY(wt_node_set_output(n, 0, real, err));
    WT_TRY(border(p, "QuantizeLinear", real, v->quant, codes, n->next, err));
    WT_TRY(border(p, "DequantizeLinear", codes, v->quant, v, codes->producer->next, err));
    if (v->id < p->n) {
        p->codes[v->id] = codes;
        p->reals[v->id] = v;
    }
    return WT_OK;
}

static bool uses_quant(const wt_graph *graph)
{
    for (const wt_node *n = graph->first; n; n = n->next)
        for (size_t i = 0; i < n->n_in; i++)
            if (n->in[i] && n->in[i]->quant)
                return true;
    for (size_t i = 0; i < graph->n_outputs; i++)
        if (graph->outputs[i]->quant)
            return true;
    return false;
}

static wt_status walk(wt_int8 *p, wt_err *err)
{
    for (wt_node *n = p->graph->first, *next; n; n = next) {
        bool done = false;
        next = n->next;
        if (n->op)
            WT_TRY(wt_int8_lower(p, n, &done, err));
        if (done)
            p->pc->changes++;
        else if (!n->op || !wt_int8_starts_chain(p->pc, n))
            WT_TRY(feed_reals(p, n, n, err));
        if (!done)
            WT_TRY(round_output(p, n, err));
    }
    return WT_OK;
}

wt_status wt_pass_int8(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    wt_int8 p = { .pc = pc, .graph = graph, .n = graph->root->next_value_id };
    if (!uses_quant(graph))
        return WT_OK;
    p.codes = wt_alloc(pc->ctx, 2 * p.n, sizeof *p.codes, err);
    if (!p.codes)
        return WT_ENOMEM;
    p.reals = p.codes + p.n;
    const wt_status st = walk(&p, err);
    wt_free(pc->ctx, p.codes);
    return st;
}
