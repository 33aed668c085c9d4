/* graph_clone.c - a deep copy of a graph that shares with its source what never changes.
 *
 * Passes work on clones, so cloning must be cheap: nodes, values and lists are copied; names, attribute arrays,
 * quantizations and all constant data are the source's, which must be closed after its clones. Ids stay the same, so
 * that a value of the clone can be found by the id of the original and tables indexed by id serve both. */
#include "model/graph_impl.h"

typedef struct cloner {
    wt_graph *root;
    wt_value **values; /* by id of the source's value */
    wt_err *err;
} cloner;

static wt_status clone_graph(cloner *c, wt_graph *to, const wt_graph *from);

/* The clone of the graph `wanted`, which is `from` (whose clone is `to`) or one of its parents; NULL: neither. */
static wt_graph *clone_of(const wt_graph *wanted, const wt_graph *from, wt_graph *to)
{
    while (from && from != wanted)
        from = from->parent, to = to->parent;
    return from ? to : NULL;
}

static wt_status get_value(cloner *c, wt_value **out, const wt_value *from, const wt_graph *in, wt_graph *to)
{
    *out = NULL;
    if (!from || (*out = c->values[from->id]) != NULL)
        return WT_OK;
    wt_graph *graph = clone_of(from->graph, in, to);
    if (!graph)
        return wt_fail(c->err, WT_EINTERNAL, "value '%s' is used outside its graph", from->name);
    wt_value *v = wt_arena_alloc(&c->root->arena, 1, sizeof *v, c->err);
    if (!v)
        return WT_ENOMEM;
    *v = *from;
    v->graph = graph;
    v->producer = NULL;
    v->uses = NULL;
    v->n_uses = v->cap_uses = 0;
    v->is_input = v->is_output = false;
    if (from->n_uses)
        WT_TRY(wt_uses_reserve(v, from->n_uses, c->err));
    wt_names_insert(v);
    c->values[from->id] = *out = v;
    return WT_OK;
}

static wt_status clone_values(cloner *c, wt_value ***out, wt_value *const *from, size_t n, const wt_graph *in,
                              wt_graph *to)
{
    size_t cap = 1;
    while (cap < n)
        cap *= 2; /* what wt_arena_push counts on */
    wt_value **list = wt_arena_alloc(&c->root->arena, cap, sizeof *list, c->err);
    if (!list)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        WT_TRY(get_value(c, &list[i], from[i], in, to));
    *out = list;
    return WT_OK;
}

/* An attribute that holds a graph is copied; every other one is shared. */
static wt_status clone_attr(cloner *c, wt_attr *a, wt_graph *to)
{
    wt_graph *const *from = a->type == WT_ATTR_GRAPH ? &a->v.graph : a->v.graphs;
    wt_graph **list = wt_arena_alloc(&c->root->arena, a->count, sizeof *list, c->err);
    if (!list)
        return WT_ENOMEM;
    for (size_t i = 0; i < a->count; i++) {
        WT_TRY(wt_graph_new_sub(&list[i], to, c->err));
        WT_TRY(clone_graph(c, list[i], from[i]));
    }
    if (a->type == WT_ATTR_GRAPH)
        a->v.graph = list[0];
    else
        a->v.graphs = list;
    return WT_OK;
}

static bool holds_graphs(const wt_attr *a)
{
    return a->count && ((a->type == WT_ATTR_GRAPH && a->v.graph) || a->type == WT_ATTR_GRAPHS);
}

static wt_status clone_attrs(cloner *c, wt_attrs *attrs, wt_graph *to)
{
    bool own = false;
    for (size_t i = 0; i < attrs->count; i++)
        own |= holds_graphs(&attrs->items[i]);
    if (!own)
        return WT_OK;
    wt_attr *items = wt_arena_alloc(&c->root->arena, attrs->count, sizeof *items, c->err);
    if (!items)
        return WT_ENOMEM;
    memcpy(items, attrs->items, attrs->count * sizeof *items);
    for (size_t i = 0; i < attrs->count; i++)
        if (holds_graphs(&items[i]))
            WT_TRY(clone_attr(c, &items[i], to));
    attrs->items = items;
    return WT_OK;
}

static wt_status clone_node(cloner *c, const wt_node *from, wt_graph *to)
{
    wt_node *node = wt_arena_alloc(&c->root->arena, 1, sizeof *node, c->err);
    if (!node)
        return WT_ENOMEM;
    *node = *from;
    WT_TRY(clone_values(c, &node->in, from->in, from->n_in, from->graph, to));
    WT_TRY(clone_values(c, &node->out, from->out, from->n_out, from->graph, to));
    for (size_t i = 0; i < node->n_in; i++) {
        if (!node->in[i])
            continue;
        WT_TRY(wt_uses_reserve(node->in[i], 1, c->err)); /* there already, unless the source miscounts */
        wt_uses_add(node->in[i], node, i);
    }
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            node->out[i]->producer = node;
    wt_node_link(to, node, NULL);
    return clone_attrs(c, &node->attrs, to);
}

static wt_status clone_graph(cloner *c, wt_graph *to, const wt_graph *from)
{
    to->name = from->name;
    WT_TRY(clone_values(c, &to->inputs, from->inputs, from->n_inputs, from, to));
    WT_TRY(clone_values(c, &to->constants, from->constants, from->n_constants, from, to));
    to->n_constants = to->cap_constants = from->n_constants;
    for (const wt_node *node = from->first; node; node = node->next)
        WT_TRY(clone_node(c, node, to));
    WT_TRY(clone_values(c, &to->outputs, from->outputs, from->n_outputs, from, to));
    to->n_inputs = from->n_inputs;
    to->n_outputs = from->n_outputs;
    for (size_t i = 0; i < to->n_inputs; i++)
        to->inputs[i]->is_input = true;
    for (size_t i = 0; i < to->n_outputs; i++)
        to->outputs[i]->is_output = true;
    return WT_OK;
}

static wt_status clone_root(cloner *c, const wt_graph *source)
{
    wt_graph *root = c->root;
    root->shared_source = source->root;
    root->next_value_id = source->next_value_id;
    root->next_node_id = source->next_node_id;
    root->opsets = source->opsets;
    root->n_opsets = source->n_opsets;
    root->metadata = source->metadata;
    root->n_metadata = source->n_metadata;
    root->producer = source->producer;
    root->format = source->format;
    root->ir_version = source->ir_version;
    root->contradictions_said = source->contradictions_said;
    WT_TRY(wt_names_reserve(root, source->next_value_id, c->err));
    for (size_t i = 0; i < source->n_symbols; i++) {
        size_t index;
        WT_TRY(wt_names_symbol(root, source->symbols[i], &index, c->err));
    }
    return clone_graph(c, root, source);
}

wt_status wt_graph_clone(wt_graph **out, const wt_graph *source, wt_err *err)
{
    *out = NULL;
    if (source->root != source)
        return wt_fail(err, WT_EUSAGE, "a subgraph cannot be cloned without its parents");
    cloner c = { .err = err };
    WT_TRY(wt_graph_new(&c.root, source->ctx, err));
    c.values = wt_alloc(source->ctx, source->next_value_id, sizeof *c.values, err);
    const wt_status st = c.values ? clone_root(&c, source) : WT_ENOMEM;
    wt_free(source->ctx, c.values);
    if (st == WT_OK)
        *out = c.root;
    else
        wt_graph_close(c.root);
    return st;
}
