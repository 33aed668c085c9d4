/* raise_scan.c - Scan of opset 8, which ran over a batch as well.
 *
 * Its inputs had a batch axis in front, and the body saw one element of the batch at a time. That is a scan over the
 * batch whose body is the scan over the sequence, which is how it is written today. Its first input, the lengths of
 * the sequences, has no equivalent. */
#include "raise.h"

typedef struct scan {
    wt_graph *outer; /* the body over the batch */
    wt_value **in, **out;
    size_t n_in, n_out;
} scan;

static wt_status make_outer(wt_raise *r, scan *s, wt_err *err)
{
    wt_node *node = r->node;
    WT_TRY(wt_graph_new_sub(&s->outer, node->graph, err));
    s->outer->name = "batch";
    s->n_in = node->n_in - 1;
    s->n_out = node->n_out;
    s->in = wt_arena_alloc(wt_raise_arena(r), s->n_in + s->n_out, sizeof *s->in, err);
    if (!s->in)
        return WT_ENOMEM;
    s->out = s->in + s->n_in;
    for (size_t i = 0; i < s->n_in; i++) {
        WT_TRY(wt_graph_add_value(&s->in[i], s->outer, NULL, err));
        s->in[i]->type.dtype = node->in[i + 1] ? node->in[i + 1]->type.dtype : WT_DTYPE_NONE;
        WT_TRY(wt_graph_add_input(s->outer, s->in[i], err));
    }
    for (size_t i = 0; i < s->n_out; i++)
        WT_TRY(wt_graph_add_value(&s->out[i], s->outer, NULL, err));
    return WT_OK;
}

wt_status wt_raise_scan(wt_raise *r, wt_err *err)
{
    wt_node *node = r->node, *inner = NULL;
    const wt_attr *body = wt_attr_find(&node->attrs, "body"), *directions = wt_attr_find(&node->attrs, "directions");
    const wt_attr *count = wt_attr_find(&node->attrs, "num_scan_inputs");
    scan s;
    if (!body || body->type != WT_ATTR_GRAPH || !count || node->n_in < 2)
        return wt_fail(err, WT_EFORMAT, "body, num_scan_inputs and at least one input are required");
    if (node->in[0]) {
        r->unknown = true;
        return WT_OK;
    }
    wt_attr attrs[3] = { *body, *count };
    if (directions) {
        attrs[2] = *directions;
        attrs[2].name = "scan_input_directions";
    }
    const wt_attrs list = { attrs, directions ? 3 : 2 };
    WT_TRY(make_outer(r, &s, err));
    body->v.graph->parent = s.outer;
    WT_TRY(wt_graph_add_node(&inner, s.outer, NULL, "", "Scan", node->name, s.in, s.n_in, s.out, s.n_out, &list, err));
    inner->source = node->source;
    for (size_t i = 0; i < s.n_out; i++)
        WT_TRY(wt_graph_add_output(s.outer, s.out[i], err));
    const wt_attr over_batch[2] = { { .name = "body", .type = WT_ATTR_GRAPH, .count = 1, .v.graph = s.outer },
                                    wt_raise_int("num_scan_inputs", (int64_t)s.n_in) };
    wt_value **inputs = wt_arena_alloc(wt_raise_arena(r), s.n_in, sizeof *inputs, err);
    if (!inputs)
        return WT_ENOMEM;
    memcpy(inputs, node->in + 1, s.n_in * sizeof *inputs);
    return wt_raise_turn(r, "Scan", inputs, s.n_in, over_batch, 2, err);
}
