/* graph_edit.c - changing a graph: the only writer of uses, producers and order besides graph.c.
 *
 * What is removed stays readable in the arena until the root is closed (a pass may still hold it), but it is out of the
 * lists, its uses are gone and its name is free. */
#include "model/graph_impl.h"

wt_status wt_node_set_input(wt_node *node, size_t index, wt_value *value, wt_err *err)
{
    wt_arena *arena = &node->graph->root->arena;
    if (value)
        WT_TRY(wt_uses_reserve(value, 1, err));
    if (index >= node->n_in) {
        if (index >= (size_t)WT_MANY)
            return wt_fail(err, WT_EINTERNAL, "node '%s' has no input %zu", node->name, index);
        wt_value **grown = wt_arena_alloc(arena, index + 1, sizeof *grown, err);
        if (!grown)
            return WT_ENOMEM;
        if (node->n_in)
            memcpy(grown, node->in, node->n_in * sizeof *grown);
        node->in = grown;
        node->n_in = index + 1;
    }
    if (node->in[index])
        wt_uses_remove(node->in[index], node, index);
    node->in[index] = value;
    if (value)
        wt_uses_add(value, node, index);
    return WT_OK;
}

wt_status wt_node_set_output(wt_node *node, size_t index, wt_value *value, wt_err *err)
{
    if (index >= node->n_out || value->producer || value->is_input)
        return wt_fail(err, WT_EINTERNAL, "node '%s' cannot make '%s' its output %zu", node->name, value->name, index);
    if (node->out[index]) {
        node->out[index]->producer = NULL;
        node->out[index]->producer_index = 0;
    }
    node->out[index] = value;
    value->producer = node;
    value->producer_index = index;
    return WT_OK;
}

wt_status wt_node_set_attr(wt_node *node, const wt_attr *attr, wt_err *err)
{
    wt_arena *arena = &node->graph->root->arena;
    const wt_attr *old = wt_attr_find(&node->attrs, attr->name);
    const size_t n = node->attrs.count;
    wt_attr *items = wt_arena_alloc(arena, n + 1, sizeof *items, err);
    if (!items)
        return WT_ENOMEM;
    if (n)
        memcpy(items, node->attrs.items, n * sizeof *items);
    items[old ? (size_t)(old - node->attrs.items) : n] = *attr;
    node->attrs = (wt_attrs){ items, old ? n : n + 1 };
    return WT_OK;
}

static wt_status set_named(wt_node *node, const char *name, wt_attr attr, wt_err *err)
{
    attr.name = wt_arena_strdup(&node->graph->root->arena, name, err);
    attr.count = 1;
    return attr.name ? wt_node_set_attr(node, &attr, err) : WT_ENOMEM;
}

wt_status wt_node_set_attr_int(wt_node *node, const char *name, int64_t value, wt_err *err)
{
    return set_named(node, name, (wt_attr){ .type = WT_ATTR_INT, .v.i = value }, err);
}

wt_status wt_node_set_attr_float(wt_node *node, const char *name, float value, wt_err *err)
{
    return set_named(node, name, (wt_attr){ .type = WT_ATTR_FLOAT, .v.f = value }, err);
}

wt_status wt_node_set_op(wt_node *node, const char *domain, const char *op_type, wt_err *err)
{
    wt_arena *arena = &node->graph->root->arena;
    const wt_op *op = wt_op_find(domain, op_type);
    const char *type = op ? op->name : wt_arena_strdup(arena, op_type, err);
    const char *space = op ? op->domain : wt_arena_strdup(arena, strcmp(domain, "ai.onnx") ? domain : "", err);
    if (!type || !space)
        return WT_ENOMEM;
    node->op = op;
    node->op_type = type;
    node->domain = space;
    return WT_OK;
}

/* The output's name goes with the output; `from` gets the name that `to` had. */
static void take_output(wt_value *from, wt_value *to)
{
    wt_graph *graph = from->graph;
    wt_names_remove(from);
    wt_names_remove(to);
    const char *name = from->name;
    from->name = to->name;
    to->name = name;
    wt_names_insert(from); /* two went, two come: there is room */
    wt_names_insert(to);
    for (size_t i = 0; i < graph->n_outputs; i++)
        if (graph->outputs[i] == from)
            graph->outputs[i] = to;
    from->is_output = false;
    to->is_output = true;
}

wt_status wt_value_replace(wt_value *from, wt_value *to, wt_err *err)
{
    if (from == to)
        return WT_OK;
    WT_TRY(wt_uses_reserve(to, from->n_uses, err));
    for (size_t i = 0; i < from->n_uses; i++) {
        const wt_use use = from->uses[i];
        use.node->in[use.index] = to;
        wt_uses_add(to, use.node, use.index);
    }
    from->n_uses = 0;
    if (from->is_output && !from->is_input && from->graph == to->graph && !to->is_input && !to->is_output)
        take_output(from, to);
    return WT_OK;
}

/* --- removing -------------------------------------------------------------------------------------------------------
 */
static void forget_value(wt_value *v)
{
    wt_names_remove(v);
    v->producer = NULL;
}

static bool forget_graph(void *arg, wt_graph *sub);

static void drop_uses(wt_node *node)
{
    for (size_t i = node->n_in; i-- > 0;)
        if (node->in[i])
            wt_uses_remove(node->in[i], node, i);
    wt_node_subgraphs(node, forget_graph, NULL);
}

/* A subgraph goes with its node: what it used outside is used no more, its names are free. */
static bool forget_graph(void *arg, wt_graph *sub)
{
    for (wt_node *node = sub->last; node; node = node->prev) {
        drop_uses(node);
        for (size_t i = 0; i < node->n_out; i++)
            if (node->out[i])
                wt_names_remove(node->out[i]);
    }
    for (size_t i = 0; i < sub->n_inputs; i++)
        wt_names_remove(sub->inputs[i]);
    for (size_t i = 0; i < sub->n_constants; i++)
        wt_names_remove(sub->constants[i]);
    (void)arg;
    return true;
}

static bool needed(const wt_node *node)
{
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i] && (node->out[i]->n_uses || node->out[i]->is_output))
            return true;
    return false;
}

void wt_node_remove(wt_node *node)
{
    if (!node->graph || needed(node))
        return;
    drop_uses(node);
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            forget_value(node->out[i]);
    wt_node_unlink(node);
}

static bool sweep_sub(void *arg, wt_graph *sub)
{
    *(size_t *)arg += wt_graph_sweep(sub);
    return true;
}

/* From the last node to the first: when a node goes, those it kept alive are still to come. A node without outputs is
 * there for an effect that we do not know; it stays. */
size_t wt_graph_sweep(wt_graph *graph)
{
    size_t gone = 0, kept = 0;
    for (wt_node *node = graph->last, *prev; node; node = prev) {
        prev = node->prev;
        if (node->n_out && !needed(node)) {
            wt_node_remove(node);
            gone++;
        } else {
            wt_node_subgraphs(node, sweep_sub, &gone);
        }
    }
    for (size_t i = 0; i < graph->n_constants; i++) {
        wt_value *v = graph->constants[i];
        if (v->n_uses || v->is_output || v->is_input)
            graph->constants[kept++] = v;
        else
            wt_names_remove(v);
    }
    graph->n_constants = kept;
    return gone;
}

/* --- moving ----------------------------------------------------------------------------------------------------------
 */
void wt_node_move_before(wt_node *node, wt_node *before)
{
    wt_graph *graph = node->graph;
    if (node == before || node->next == before)
        return;
    wt_node_unlink(node);
    wt_node_link(graph, node, before);
}

typedef struct adoption {
    wt_graph *from, *to;
} adoption;

static bool adopt(void *arg, wt_graph *sub)
{
    const adoption *a = arg;
    if (sub->parent == a->from)
        sub->parent = a->to;
    return true;
}

/* A name that anything else has would be ambiguous in another graph, so it changes. */
static wt_status make_unique(wt_value *v, wt_err *err)
{
    if (!wt_names_has_other(v))
        return WT_OK;
    const char *name = wt_names_fresh(v->graph->root, v->id, err);
    if (!name)
        return WT_ENOMEM;
    wt_names_remove(v);
    v->name = name;
    wt_names_insert(v); /* one went, one comes: there is room */
    return WT_OK;
}

static void move_value(wt_value *v, wt_graph *to)
{
    v->graph = to;
    v->is_output = false;
}

/* Everything that can fail first: a body whose names were made unique is still the same body. */
static wt_status prepare_splice(const wt_graph *body, wt_value ***constants, size_t n, wt_arena *arena, wt_err *err)
{
    for (size_t i = 0; i < body->n_inputs; i++)
        if (body->inputs[i]->n_uses)
            return wt_fail(err, WT_EINTERNAL, "input '%s' of a subgraph is still used", body->inputs[i]->name);
    if (!(*constants = wt_arena_alloc(arena, n, sizeof **constants, err)))
        return WT_ENOMEM;
    for (size_t i = 0; i < body->n_constants; i++)
        WT_TRY(make_unique(body->constants[i], err));
    for (const wt_node *inner = body->first; inner; inner = inner->next)
        for (size_t i = 0; i < inner->n_out; i++)
            if (inner->out[i])
                WT_TRY(make_unique(inner->out[i], err));
    return WT_OK;
}

wt_status wt_graph_splice(wt_graph *body, wt_node *node, wt_err *err)
{
    wt_graph *to = node->graph;
    adoption a = { body, to };
    const size_t n = to->n_constants + body->n_constants;
    wt_value **constants = NULL;
    WT_TRY(prepare_splice(body, &constants, n, &to->root->arena, err));
    for (size_t i = 0; i < to->n_constants; i++)
        constants[i] = to->constants[i];
    for (size_t i = 0; i < body->n_constants; i++) {
        constants[to->n_constants + i] = body->constants[i];
        move_value(body->constants[i], to);
    }
    to->constants = constants;
    to->n_constants = to->cap_constants = n;
    body->n_constants = 0;
    while (body->first) {
        wt_node *inner = body->first;
        wt_node_unlink(inner);
        wt_node_link(to, inner, node);
        wt_node_subgraphs(inner, adopt, &a);
        for (size_t i = 0; i < inner->n_out; i++)
            if (inner->out[i])
                move_value(inner->out[i], to);
    }
    return WT_OK;
}
