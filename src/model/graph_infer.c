/* graph_infer.c - shapes and types through a graph: every node's rule, in order.
 *
 * The result of a node is a function of its inputs' types and of what the file declared, never of an earlier
 * inference: the declaration is kept apart (wt_value.declared) the first time, so that a graph can be inferred
 * again with other input shapes, or a loop's body with more general ones. Where rule and declaration are both known and
 * differ, the rule wins: files with stale value_info are common, and run everywhere.
 *
 * What a rule computes from shapes alone (the data of Shape, Gather of it, ...) goes along as wt_value.known. */
#include "model/graph_infer.h"

static const wt_shape no_shape = { .rank = -1 };

/* Keeps what the file said before the first inference overwrites it. */
static wt_status keep_declared(wt_value *v, wt_err *err)
{
    if (v->type.shape.rank < 0) {
        v->declared = &no_shape;
        return WT_OK;
    }
    wt_shape *copy = wt_arena_alloc(&v->graph->root->arena, 1, sizeof *copy, err);
    if (!copy)
        return WT_ENOMEM;
    *copy = v->type.shape;
    v->declared = copy;
    return WT_OK;
}

static void note_contradiction(wt_inferrer *c, const wt_value *v, const wt_shape *found)
{
    if (c->contradictions++ == 0)
        c->first_contradiction = v, c->first_found = *found;
}

/* The rule's shape, its open places filled from the declaration. */
static wt_shape merge(wt_inferrer *c, const wt_value *v, const wt_shape *found)
{
    const wt_shape *declared = v->declared;
    wt_shape s = *found;
    bool contradiction = false;
    if (s.rank < 0)
        return *declared;
    if (declared->rank < 0)
        return s;
    if (declared->rank != s.rank) {
        note_contradiction(c, v, found);
        return s;
    }
    for (int i = 0; i < s.rank; i++) {
        const int64_t d = declared->dim[i];
        if (s.dim[i] == WT_DIM_ANY || (s.dim[i] < 0 && d >= 0))
            s.dim[i] = d;
        else
            contradiction |= s.dim[i] >= 0 && d >= 0 && s.dim[i] != d;
    }
    if (contradiction)
        note_contradiction(c, v, found);
    return s;
}

/* Data that a rule computed lies in the scratch arena: what is new is copied to where the value lives. */
static wt_status keep_known(wt_value *v, const wt_tensor *t, wt_err *err)
{
    size_t bytes;
    const wt_tensor *old = v->known;
    v->known = NULL;
    if (!t->data || t->dtype == WT_STRING || !wt_tensor_size(t, &bytes) || bytes > t->bytes)
        return WT_OK;
    if (old && old->dtype == t->dtype && wt_shape_equal(&old->shape, &t->shape) &&
        memcmp(old->data, t->data, bytes) == 0) {
        v->known = old;
        return WT_OK;
    }
    const size_t head = wt_align_up(sizeof *t, 16);
    uint8_t *block = wt_arena_alloc(&v->graph->root->arena, 1, head + (bytes ? bytes : 1), err);
    if (!block)
        return WT_ENOMEM;
    wt_tensor *known = (wt_tensor *)(void *)block;
    *known = (wt_tensor){ .dtype = t->dtype, .shape = t->shape, .data = block + head, .bytes = bytes };
    if (bytes)
        memcpy(block + head, t->data, bytes);
    v->known = known;
    return WT_OK;
}

wt_status wt_infer_record(wt_inferrer *c, wt_value *v, const wt_tensor *t, wt_err *err)
{
    const bool first = v->declared == NULL; /* later, passes may have changed the type */
    if (first && t->dtype != WT_DTYPE_NONE && v->type.dtype != WT_DTYPE_NONE && t->dtype != v->type.dtype)
        return wt_fail_at(err, WT_EFORMAT, v->source, "'%s' is declared %s, but %s is what the node makes", v->name,
                          wt_dtype_name(v->type.dtype), wt_dtype_name(t->dtype));
    if (first)
        WT_TRY(keep_declared(v, err));
    if (t->dtype != WT_DTYPE_NONE)
        v->type.dtype = t->dtype;
    v->type.shape = merge(c, v, &t->shape);
    return keep_known(v, t, err);
}

void wt_infer_type_of(const wt_value *v, wt_tensor *out)
{
    *out = v->type;
    out->dtype = wt_value_dtype(v);
    if (v->known) {
        out->data = v->known->data;
        out->bytes = v->known->bytes;
        out->shape = v->known->shape;
    } else if (!wt_value_is_const(v) || v->quant) { /* an input's default, or codes: no data that a rule may read */
        out->data = NULL;
        out->bytes = 0;
    }
}

/* --- one node --------------------------------------------------------------------------------------------------- */
enum { FEW = 8 };

static wt_status apply_rule(wt_inferrer *c, wt_node *node, wt_tensor *in, const wt_tensor **in_list, wt_tensor *out,
                            wt_err *err)
{
    for (size_t i = 0; i < node->n_in; i++) {
        in_list[i] = node->in[i] ? &in[i] : NULL;
        if (node->in[i])
            wt_infer_type_of(node->in[i], &in[i]);
    }
    for (size_t i = 0; i < node->n_out; i++)
        out[i] = (wt_tensor){ .shape = no_shape };
    wt_infer rule = { .op_type = node->op_type,
                      .attrs = &node->attrs,
                      .in = in_list,
                      .n_in = node->n_in,
                      .out = out,
                      .n_out = node->n_out,
                      .arena = &c->scratch };
    WT_TRY(node->op->infer(&rule, err));
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            WT_TRY(wt_infer_record(c, node->out[i], &out[i], err));
    return WT_OK;
}

static wt_status infer_plain(wt_inferrer *c, wt_node *node, wt_err *err)
{
    wt_tensor few_in[FEW], few_out[FEW], *in = few_in, *out = few_out;
    const wt_tensor *few_list[FEW], **list = few_list;
    if (node->n_in > FEW) {
        in = wt_arena_alloc(&c->scratch, node->n_in, sizeof *in, err);
        list = wt_arena_alloc(&c->scratch, node->n_in, sizeof *list, err);
    }
    if (node->n_out > FEW)
        out = wt_arena_alloc(&c->scratch, node->n_out, sizeof *out, err);
    return in && list && out ? apply_rule(c, node, in, list, out, err) : WT_ENOMEM;
}

/* An operator we do not know: what the file declares of its outputs stays; its subgraphs are looked into as far as
 * they make sense without knowing their inputs. */
static bool try_sub(void *arg, wt_graph *sub)
{
    wt_inferrer *c = arg;
    c->status = wt_infer_subgraph(c, sub, NULL);
    return c->status == WT_OK || c->status == WT_EFORMAT;
}

static wt_status infer_unknown(wt_inferrer *c, wt_node *node, wt_err *err)
{
    const wt_tensor nothing = { .shape = no_shape };
    if (!wt_node_subgraphs(node, try_sub, c))
        return wt_fail(err, c->status, "a subgraph could not be inferred");
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            WT_TRY(wt_infer_record(c, node->out[i], &nothing, err));
    return WT_OK;
}

wt_status wt_infer_node_in(wt_inferrer *c, wt_node *node, wt_err *err)
{
    wt_status st;
    if (node->op && (node->op->flags & WT_OP_CONTROL))
        st = wt_infer_control(c, node, err);
    else if (node->op)
        st = infer_plain(c, node, err);
    else
        st = infer_unknown(c, node, err);
    if (st == WT_EFORMAT && err) {
        const char *name = node->name[0] ? node->name : node->n_out && node->out[0] ? node->out[0]->name : "";
        wt_err_where(err, "%s node '%s'", node->op_type, name);
        if (err->offset == WT_NO_OFFSET)
            err->offset = node->source;
    }
    return st;
}

wt_status wt_infer_subgraph(wt_inferrer *c, wt_graph *graph, wt_err *err)
{
    size_t n = 0;
    for (wt_node *node = graph->first; node; node = node->next) {
        if (n++ % 1024 == 0)
            WT_TRY(wt_check_cancel(graph->root->ctx, err));
        WT_TRY(wt_infer_node_in(c, node, err));
    }
    return WT_OK;
}

/* --- from outside ------------------------------------------------------------------------------------------------ */
static void report_contradictions(const wt_inferrer *c, wt_graph *graph)
{
    char declared[128], found[128];
    const wt_value *v = c->first_contradiction;
    const char *const *symbols = graph->root->symbols;
    if (!v || graph->root->contradictions_said)
        return;
    graph->root->contradictions_said = true;
    wt_log(graph->root->ctx, WT_LOG_WARN,
           "%zu value%s in another shape than the file declares; the first is '%s': %s, declared %s", c->contradictions,
           c->contradictions == 1 ? " has come out" : "s have come out", v->name,
           wt_shape_text(&c->first_found, symbols, found, sizeof found),
           wt_shape_text(v->declared, symbols, declared, sizeof declared));
}

wt_status wt_graph_infer(wt_graph *graph, wt_err *err)
{
    wt_inferrer c = { 0 };
    wt_arena_init(&c.scratch, graph->root->ctx);
    const wt_status st = wt_infer_subgraph(&c, graph, err);
    wt_arena_free(&c.scratch);
    if (st == WT_OK)
        report_contradictions(&c, graph);
    return st;
}

wt_status wt_node_infer(wt_node *node, wt_err *err)
{
    wt_inferrer c = { 0 };
    wt_arena_init(&c.scratch, node->graph->root->ctx);
    const wt_status st = wt_infer_node_in(&c, node, err);
    wt_arena_free(&c.scratch);
    return st;
}

/* Rules count on what the verifier, which comes later, makes sure of. */
static bool arity_fits(const wt_node *node)
{
    const wt_op *op = node->op;
    if (node->n_in < (size_t)op->min_in || node->n_in > (size_t)op->max_in || node->n_out < (size_t)op->min_out ||
        node->n_out > (size_t)op->max_out)
        return false;
    for (int i = 0; i < op->min_in; i++)
        if (!node->in[i])
            return false;
    return true;
}

wt_status wt_node_infer_early(wt_node *node, wt_err *err)
{
    wt_err local = { .offset = WT_NO_OFFSET };
    if (!node->op || (node->op->flags & WT_OP_CONTROL) || !arity_fits(node))
        return WT_OK;
    const wt_status st = wt_node_infer(node, &local);
    if (st == WT_OK || st == WT_EFORMAT || st == WT_EUNSUPPORTED)
        return WT_OK;
    if (err)
        *err = local;
    return st;
}
