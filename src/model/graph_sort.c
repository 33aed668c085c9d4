/* graph_sort.c - topological order, stable: Kahn's algorithm that always takes the ready node that came first in the
 * file.
 *
 * A control node depends on whatever its subgraphs use of the graph it stands in. Sorted graphs, nearly all there are,
 * are recognized in one walk and left alone. Positions lie in one table for the whole root, indexed by node id. */
#include "model/graph_impl.h"

typedef struct sorter {
    wt_context *ctx;
    wt_err *err;
    uint32_t *position; /* [next_node_id] of each node in its graph's file order */
    /* of the graph being sorted */
    wt_node **nodes;      /* [n] in file order */
    uint32_t *waits;      /* [n] number of unemitted dependencies */
    uint32_t *first_edge; /* [n + 1] edges of node k are edges[first_edge[k] .. first_edge[k + 1]) */
    uint32_t *edges;      /* dependents */
    uint32_t *heap;       /* [n] ready nodes */
    size_t n, n_edges, n_heap;
    wt_status status;
} sorter;

/* --- what a node depends on ------------------------------------------------------------------------------------ */
typedef bool need_fn(void *arg, const wt_node *producer);
typedef struct need_walk {
    const wt_graph *graph;
    need_fn *fn;
    void *arg;
} need_walk;

static bool needs_of_node(const need_walk *w, const wt_node *node);

static bool need_value(const need_walk *w, const wt_value *v)
{
    return !v || v->graph != w->graph || !v->producer || w->fn(w->arg, v->producer);
}

static bool needs_of_sub(void *arg, wt_graph *sub)
{
    const need_walk *w = arg;
    for (const wt_node *node = sub->first; node; node = node->next)
        if (!needs_of_node(w, node))
            return false;
    for (size_t i = 0; i < sub->n_outputs; i++)
        if (!need_value(w, sub->outputs[i]))
            return false;
    return true;
}

/* fn for each node of w->graph that `node` needs, as often as it does; false stops. */
static bool needs_of_node(const need_walk *w, const wt_node *node)
{
    for (size_t i = 0; i < node->n_in; i++)
        if (!need_value(w, node->in[i]))
            return false;
    need_walk copy = *w;
    return wt_node_subgraphs(node, needs_of_sub, &copy);
}

/* --- is there anything to do? ------------------------------------------------------------------------------------ */
typedef struct order_check {
    const sorter *s;
    uint32_t at;
} order_check;

static bool comes_before(void *arg, const wt_node *producer)
{
    const order_check *c = arg;
    return c->s->position[producer->id] < c->at;
}

static bool is_sorted(const sorter *s, const wt_graph *graph)
{
    order_check c = { s, 0 };
    const need_walk w = { graph, comes_before, &c };
    for (const wt_node *node = graph->first; node; node = node->next, c.at++)
        if (!needs_of_node(&w, node))
            return false;
    return true;
}

/* --- edges ---------------------------------------------------------------------------------------------------------
 */
typedef struct edge_maker {
    sorter *s;
    uint32_t dependent;
    bool fill; /* first count, then fill */
} edge_maker;

static bool make_edge(void *arg, const wt_node *producer)
{
    edge_maker *m = arg;
    sorter *s = m->s;
    const uint32_t k = s->position[producer->id];
    if (m->fill)
        s->edges[--s->first_edge[k + 1]] = m->dependent;
    else
        s->waits[m->dependent]++, s->first_edge[k + 1]++, s->n_edges++;
    return s->n_edges < UINT32_MAX;
}

static bool walk_edges(sorter *s, const wt_graph *graph, bool fill)
{
    edge_maker m = { s, 0, fill };
    const need_walk w = { graph, make_edge, &m };
    for (const wt_node *node = graph->first; node; node = node->next, m.dependent++)
        if (!needs_of_node(&w, node))
            return false;
    return true;
}

/* After counting, first_edge[k + 1] holds the count of k: made into the end of k's edges, and moved to its beginning by
 * filling from behind. */
static wt_status make_edges(sorter *s, const wt_graph *graph)
{
    if (!walk_edges(s, graph, false))
        return wt_fail(s->err, WT_EFORMAT, "a graph has more than 4294967295 edges");
    for (size_t k = 0; k < s->n; k++)
        s->first_edge[k + 1] += s->first_edge[k];
    if (!(s->edges = wt_alloc(s->ctx, s->n_edges, sizeof *s->edges, s->err)))
        return WT_ENOMEM;
    walk_edges(s, graph, true);
    /* first_edge[k + 1] is now where k's edges begin. */
    memmove(s->first_edge, s->first_edge + 1, s->n * sizeof *s->first_edge);
    s->first_edge[s->n] = (uint32_t)s->n_edges;
    return WT_OK;
}

/* --- the heap of ready nodes: the smallest position on top -----------------------------------------------------------
 */
static void heap_push(sorter *s, uint32_t v)
{
    size_t i = s->n_heap++;
    for (; i && s->heap[(i - 1) / 2] > v; i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = v;
}

static uint32_t heap_pop(sorter *s)
{
    const uint32_t top = s->heap[0], v = s->heap[--s->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < s->n_heap; i = child) {
        child += child + 1 < s->n_heap && s->heap[child + 1] < s->heap[child];
        if (s->heap[child] >= v)
            break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = v;
    return top;
}

/* --- cycles
 * ----------------------------------------------------------------------------------------------------------- */
typedef struct waiter {
    const sorter *s;
    const wt_node *found;
} waiter;

static bool find_waiting(void *arg, const wt_node *producer)
{
    waiter *w = arg;
    if (w->s->waits[w->s->position[producer->id]] == 0)
        return true;
    w->found = producer;
    return false;
}

/* Every node that still waits needs one that still waits: going back n times ends inside a cycle. */
static wt_status fail_cycle(sorter *s, const wt_graph *graph)
{
    waiter w = { s, NULL };
    for (size_t k = 0; k < s->n && !w.found; k++)
        if (s->waits[k])
            w.found = s->nodes[k];
    for (size_t step = 0; step < s->n; step++)
        needs_of_node(&(need_walk){ graph, find_waiting, &w }, w.found);
    const wt_value *out = w.found->n_out ? w.found->out[0] : NULL;
    wt_fail_at(s->err, WT_EFORMAT, w.found->source, "the graph has a cycle through %s node '%s' (output '%s')",
               w.found->op_type, w.found->name, out ? out->name : "");
    wt_err_where(s->err, "node '%s'", w.found->name[0] ? w.found->name : out ? out->name : w.found->op_type);
    return WT_EFORMAT;
}

static wt_status emit(sorter *s, wt_graph *graph)
{
    size_t done = 0;
    for (uint32_t k = 0; k < s->n; k++) {
        s->nodes[k] = k ? s->nodes[k - 1]->next : graph->first;
        if (s->waits[k] == 0)
            heap_push(s, k);
    }
    uint32_t *order = wt_alloc(s->ctx, s->n, sizeof *order, s->err);
    if (!order)
        return WT_ENOMEM;
    while (s->n_heap) {
        const uint32_t k = heap_pop(s);
        order[done++] = k;
        for (uint32_t e = s->first_edge[k]; e < s->first_edge[k + 1]; e++)
            if (--s->waits[s->edges[e]] == 0)
                heap_push(s, s->edges[e]);
    }
    for (size_t i = 0; i < done && done == s->n; i++) {
        wt_node_unlink(s->nodes[order[i]]);
        wt_node_link(graph, s->nodes[order[i]], NULL);
    }
    wt_free(s->ctx, order);
    return done == s->n ? WT_OK : fail_cycle(s, graph);
}

static wt_status sort_one(sorter *s, wt_graph *graph)
{
    s->n = graph->n_nodes;
    s->n_edges = s->n_heap = 0;
    s->edges = NULL;
    s->nodes = wt_alloc(s->ctx, s->n, sizeof *s->nodes, s->err);
    s->waits = wt_alloc(s->ctx, s->n, sizeof *s->waits, s->err);
    s->first_edge = wt_alloc(s->ctx, s->n + 1, sizeof *s->first_edge, s->err);
    s->heap = wt_alloc(s->ctx, s->n, sizeof *s->heap, s->err);
    wt_status st = s->nodes && s->waits && s->first_edge && s->heap ? make_edges(s, graph) : WT_ENOMEM;
    if (st == WT_OK)
        st = emit(s, graph);
    wt_free(s->ctx, s->nodes);
    wt_free(s->ctx, s->waits);
    wt_free(s->ctx, s->first_edge);
    wt_free(s->ctx, s->heap);
    wt_free(s->ctx, s->edges);
    return st;
}

static wt_status sort_graph(sorter *s, wt_graph *graph);

static bool sort_sub(void *arg, wt_graph *sub)
{
    sorter *s = arg;
    s->status = sort_graph(s, sub);
    return s->status == WT_OK;
}

static wt_status sort_graph(sorter *s, wt_graph *graph)
{
    uint32_t at = 0;
    WT_TRY(wt_check_cancel(s->ctx, s->err));
    for (wt_node *node = graph->first; node; node = node->next) {
        if (!wt_node_subgraphs(node, sort_sub, s))
            return s->status;
    }
    for (wt_node *node = graph->first; node; node = node->next)
        s->position[node->id] = at++;
    return is_sorted(s, graph) ? WT_OK : sort_one(s, graph);
}

wt_status wt_graph_sort(wt_graph *graph, wt_err *err)
{
    sorter s = { .ctx = graph->root->ctx, .err = err };
    s.position = wt_alloc(s.ctx, graph->root->next_node_id, sizeof *s.position, err);
    if (!s.position)
        return WT_ENOMEM;
    const wt_status st = sort_graph(&s, graph);
    wt_free(s.ctx, s.position);
    return st;
}
