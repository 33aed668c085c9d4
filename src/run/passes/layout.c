/* layout.c - images stay in blocks of 16 channels between convolutions (WT_C16, whet/tensor.h).
 *
 * One walk in order: a convolution for which a vectorised kernel takes blocks starts a blocked region; operators behind
 * it stay in blocks as long as a kernel takes them so, which the kernel tables are asked, not a list here. Reorders are
 * put at the borders, one per value and direction. */
#include "run/passes/pass.h"

typedef struct layouts {
    wt_pass_ctx *pc;
    wt_graph *graph;
    wt_value **other; /* by value id: the same value in the other layout, or NULL */
    size_t n;         /* length of other */
} layouts;

static bool image_like(const wt_value *v)
{
    const wt_shape *s = &v->type.shape;
    return (s->rank == 3 || s->rank == 4) && wt_shape_known(s) && !wt_value_is_const(v) &&
           (v->type.dtype == WT_F32 || v->type.dtype == WT_U8 || v->type.dtype == WT_I8);
}

/* Would some kernel run n with these layouts? `fast` asks for more than the portable reference. */
static bool accepted(const layouts *l, const wt_node *n, const wt_layout *in, wt_layout out, bool fast)
{
    wt_tensor t[32], o[4];
    const wt_tensor *pt[32], *po[4];
    if (n->n_in > WT_ARRAY_LEN(t) || n->n_out > WT_ARRAY_LEN(o))
        return false;
    for (size_t i = 0; i < n->n_in; i++) {
        pt[i] = NULL;
        if (!n->in[i])
            continue;
        t[i] = n->in[i]->type;
        t[i].layout = in[i];
        pt[i] = &t[i];
    }
    for (size_t i = 0; i < n->n_out; i++) {
        po[i] = NULL;
        if (!n->out[i])
            continue;
        o[i] = n->out[i]->type;
        o[i].layout = out;
        po[i] = &o[i];
    }
    wt_prep p = { .ctx = l->pc->ctx,
                  .op = n->op->code,
                  .op_type = n->op_type,
                  .node_name = n->name,
                  .attrs = &n->attrs,
                  .in = pt,
                  .n_in = n->n_in,
                  .out = po,
                  .n_out = n->n_out,
                  .threads = 1,
                  .cpu = l->pc->cpu,
                  .max_threads = 1 };
    const wt_kernel *k = wt_kernel_pick(&p, NULL);
    return k && (!fast || k->need);
}

static wt_status reorder(layouts *l, wt_value *v, wt_layout to, wt_node *before, wt_value **out, wt_err *err)
{
    wt_node *node;
    if (v->id < l->n && l->other[v->id]) {
        *out = l->other[v->id];
        return WT_OK;
    }
    WT_TRY(wt_graph_add_value(out, l->graph, NULL, err));
    (*out)->type = v->type;
    (*out)->type.layout = to;
    (*out)->type.data = NULL;
    wt_node *at = v->producer && v->producer->graph == l->graph ? v->producer->next : before;
    WT_TRY(
        wt_graph_add_node(&node, l->graph, v->producer ? at : before, "whet", "Reorder", "", &v, 1, out, 1, NULL, err));
    if (v->id < l->n)
        l->other[v->id] = *out;
    l->pc->changes++;
    return WT_OK;
}

static wt_status apply(layouts *l, wt_node *n, const wt_layout *in, wt_layout out, wt_err *err)
{
    for (size_t i = 0; i < n->n_in; i++) {
        wt_value *v = n->in[i], *w;
        if (!v || v->type.layout == in[i])
            continue;
        WT_TRY(reorder(l, v, in[i], n, &w, err));
        WT_TRY(wt_node_set_input(n, i, w, err));
    }
    for (size_t i = 0; i < n->n_out; i++)
        if (n->out[i])
            n->out[i]->type.layout = out;
    return WT_OK;
}

/* Bodies of control operators are not blocked: what they read from outside is plain. */
static wt_status plain_for_bodies(layouts *l, wt_node *control, wt_graph *body, wt_err *err)
{
    for (wt_node *n = body->first; n; n = n->next) {
        for (size_t i = 0; i < n->n_in; i++) {
            wt_value *w;
            if (!n->in[i] || n->in[i]->type.layout == WT_PLAIN)
                continue;
            WT_TRY(reorder(l, n->in[i], WT_PLAIN, control, &w, err));
            WT_TRY(wt_node_set_input(n, i, w, err));
        }
        for (size_t i = 0; i < n->attrs.count; i++)
            if (n->attrs.items[i].type == WT_ATTR_GRAPH)
                WT_TRY(plain_for_bodies(l, control, n->attrs.items[i].v.graph, err));
    }
    return WT_OK;
}

/* Blocks wherever an input is an image; constants and everything else stay plain. */
static size_t blocked_inputs(const wt_node *n, wt_layout *in)
{
    size_t images = 0;
    for (size_t i = 0; i < n->n_in; i++) {
        in[i] = n->in[i] && image_like(n->in[i]) ? WT_C16 : WT_PLAIN;
        images += in[i] == WT_C16;
    }
    return images;
}

static size_t reorders_needed(const wt_node *n, const wt_layout *in)
{
    size_t count = 0;
    for (size_t i = 0; i < n->n_in; i++)
        count += n->in[i] && n->in[i]->type.layout != in[i];
    return count;
}

static bool outputs_image_like(const wt_node *n)
{
    for (size_t i = 0; i < n->n_out; i++)
        if (n->out[i] && !image_like(n->out[i]))
            return false;
    return n->n_out > 0;
}

static bool outputs_known(const wt_node *n)
{
    for (size_t i = 0; i < n->n_in; i++)
        if (n->in[i] && !wt_shape_known(&n->in[i]->type.shape))
            return false;
    for (size_t i = 0; i < n->n_out; i++)
        if (n->out[i] && !wt_shape_known(&n->out[i]->type.shape))
            return false;
    return true;
}

static bool is_conv(const wt_node *n) { return wt_node_is(n, WT_OP_CONV) || wt_node_is(n, WT_OP_QUANTCONV); }

static wt_status node_layout(layouts *l, wt_node *n, wt_err *err)
{
    wt_layout in[32] = { WT_PLAIN }, plain[32] = { WT_PLAIN };
    if (n->n_in > WT_ARRAY_LEN(in))
        return WT_OK;
    if (n->op && !(n->op->flags & (WT_OP_CONTROL | WT_OP_VIEW)) && outputs_known(n) && outputs_image_like(n) &&
        blocked_inputs(n, in)) {
        const size_t cost = reorders_needed(n, in), back = reorders_needed(n, plain);
        if (is_conv(n)) {
            wt_layout first[32];
            memcpy(first, in, sizeof first);
            first[0] = WT_PLAIN;
            if (n->in[0]->type.layout == WT_PLAIN && n->in[0]->type.shape.dim[1] < 16 &&
                accepted(l, n, first, WT_C16, true))
                return apply(l, n, first, WT_C16, err);
            if (accepted(l, n, in, WT_C16, true))
                return apply(l, n, in, WT_C16, err);
        } else if (back && cost <= back && accepted(l, n, in, WT_C16, false)) {
            return apply(l, n, in, WT_C16, err);
        }
    }
    for (size_t i = 0; i < n->attrs.count; i++)
        if (n->attrs.items[i].type == WT_ATTR_GRAPH)
            WT_TRY(plain_for_bodies(l, n, n->attrs.items[i].v.graph, err));
    return apply(l, n, plain, WT_PLAIN, err);
}

static wt_status outputs_plain(layouts *l, wt_err *err)
{
    for (size_t i = 0; i < l->graph->n_outputs; i++) {
        wt_value *v = l->graph->outputs[i], *w;
        wt_node *node;
        if (v->type.layout == WT_PLAIN)
            continue;
        /* The result keeps its name: what makes it now makes an inner value, and the Reorder makes the result. */
        WT_TRY(wt_graph_add_value(&w, l->graph, NULL, err));
        w->type = v->type;
        wt_node *producer = v->producer;
        for (size_t k = 0; k < producer->n_out; k++)
            if (producer->out[k] == v)
                WT_TRY(wt_node_set_output(producer, k, w, err));
        while (v->n_uses)
            WT_TRY(wt_node_set_input(v->uses[0].node, v->uses[0].index, w, err));
        v->type.layout = WT_PLAIN;
        WT_TRY(wt_graph_add_node(&node, l->graph, producer->next, "whet", "Reorder", "", &w, 1, &v, 1, NULL, err));
    }
    return WT_OK;
}

wt_status wt_pass_layout(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    layouts l = { .pc = pc, .graph = graph, .n = graph->root->next_value_id };
    l.other = wt_alloc(pc->ctx, l.n, sizeof *l.other, err);
    if (!l.other)
        return WT_ENOMEM;
    wt_status st = WT_OK;
    for (wt_node *n = graph->first, *next; n && st == WT_OK; n = next) {
        next = n->next;
        if (!wt_node_is(n, WT_OP_REORDER))
            st = node_layout(&l, n, err);
    }
    if (st == WT_OK)
        st = outputs_plain(&l, err);
    wt_free(pc->ctx, l.other);
    return st;
}
