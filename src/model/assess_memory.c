/* assess_memory.c - the most bytes of values alive at once: a lower bound of the activation memory that any engine
 * needs that runs the nodes in the given order and keeps every value until its last use.
 *
 * Operators that only change a shape share their input's bytes. While a control node runs, what is alive in the
 * costlier of its subgraphs adds to what is alive around it. A value used inside a subgraph is alive while the owner of
 * the subgraph runs. */
#include "model/assess.h"
#include "model/graph_impl.h"

static const uint32_t never = UINT32_MAX;
#define LARGEST (UINT64_C(1) << 48) /* what a value can claim without making sums overflow */

typedef struct live {
    uint64_t bytes;
    uint32_t last;    /* position in its graph of the last use; never: none */
    uint32_t storage; /* id of the value whose bytes it shares; its own */
    uint32_t next;    /* id + 1 of the next value that dies with the same node */
} live;

typedef struct planner {
    wt_context *ctx;
    wt_err *err;
    live *values;                        /* by id */
    uint32_t at[WT_MAX_GRAPH_DEPTH + 1]; /* position in each of the graphs around */
    size_t unknown;
    int depth;
    uint64_t inner; /* most of the subgraphs of the node at hand */
    wt_status status;
} planner;

static bool is_activation(const wt_value *v) { return v && !wt_value_is_const(v); }

/* v is used where the planner stands: at the position in v's own graph. */
static void use(planner *p, const wt_graph *here, const wt_value *v)
{
    int depth = p->depth;
    if (!is_activation(v))
        return;
    while (here && here != v->graph) {
        here = here->parent;
        depth--;
    }
    if (!here)
        return;
    live *owner = &p->values[p->values[v->id].storage];
    if (owner->last == never || owner->last < p->at[depth])
        owner->last = p->at[depth];
}

static void define(planner *p, const wt_value *v, const wt_value *shares)
{
    size_t bytes = 0;
    live *l = &p->values[v->id];
    *l = (live){ .last = never, .storage = v->id };
    /* Bytes are freed in the graph that made them, so only values of one graph share. */
    if (shares && is_activation(shares) && shares->graph == v->graph)
        l->storage = p->values[shares->id].storage;
    else if (v->kind != WT_TENSOR_VALUE || !wt_tensor_size(&v->type, &bytes) || bytes > LARGEST)
        p->unknown++;
    else
        l->bytes = bytes;
}

/* --- first walk: what is used last where ------------------------------------------------------------------------- */
static void walk_uses(planner *p, const wt_graph *graph);

static bool walk_sub(void *arg, wt_graph *sub)
{
    planner *p = arg;
    p->depth++;
    walk_uses(p, sub);
    p->depth--;
    return true;
}

static void walk_uses(planner *p, const wt_graph *graph)
{
    p->at[p->depth] = 0;
    for (size_t i = 0; i < graph->n_inputs; i++)
        define(p, graph->inputs[i], NULL);
    for (const wt_node *node = graph->first; node; node = node->next, p->at[p->depth]++) {
        for (size_t i = 0; i < node->n_in; i++)
            use(p, graph, node->in[i]);
        wt_node_subgraphs(node, walk_sub, p);
        const bool view = node->op && (node->op->flags & WT_OP_VIEW) && node->n_in;
        for (size_t i = 0; i < node->n_out; i++)
            if (node->out[i])
                define(p, node->out[i], view && i == 0 ? node->in[0] : NULL);
    }
    for (size_t i = 0; i < graph->n_outputs; i++) /* outputs live to the end */
        if (is_activation(graph->outputs[i]) && graph->outputs[i]->graph == graph)
            p->values[p->values[graph->outputs[i]->id].storage].last = (uint32_t)graph->n_nodes;
}

/* --- second walk: what is alive ------------------------------------------------------------------------------------
 */
static wt_status find_peak(planner *p, const wt_graph *graph, uint64_t *peak);

static bool peak_sub(void *arg, wt_graph *sub)
{
    planner *p = arg;
    uint64_t most, others = p->inner;
    p->status = find_peak(p, sub, &most);
    p->inner = others > most ? others : most;
    return p->status == WT_OK;
}

/* Alive from here on; noted where it dies. */
static void born(planner *p, uint32_t *dies, const wt_value *v, uint32_t at, uint64_t *alive)
{
    live *l = &p->values[v->id];
    if (l->storage != v->id)
        return;
    const uint32_t death = l->last == never || l->last < at ? at : l->last;
    *alive += l->bytes;
    l->next = dies[death];
    dies[death] = v->id + 1;
}

static wt_status find_peak(planner *p, const wt_graph *graph, uint64_t *peak)
{
    uint64_t alive = 0;
    uint32_t at = 0;
    uint32_t *dies = wt_alloc(p->ctx, graph->n_nodes + 1, sizeof *dies, p->err); /* chains of ids + 1, by position */
    *peak = 0;
    if (!dies)
        return WT_ENOMEM;
    for (size_t i = 0; i < graph->n_inputs; i++)
        born(p, dies, graph->inputs[i], 0, &alive);
    for (const wt_node *node = graph->first; node; node = node->next, at++) {
        for (size_t i = 0; i < node->n_out; i++)
            if (node->out[i])
                born(p, dies, node->out[i], at, &alive);
        p->inner = 0;
        if (!wt_node_subgraphs(node, peak_sub, p))
            break;
        *peak = alive + p->inner > *peak ? alive + p->inner : *peak;
        for (uint32_t id = dies[at]; id; id = p->values[id - 1].next)
            alive -= p->values[id - 1].bytes;
    }
    *peak = alive > *peak ? alive : *peak;
    wt_free(p->ctx, dies);
    return p->status;
}

wt_status wt_graph_activation_peak(const wt_graph *graph, wt_activation_peak *out, wt_err *err)
{
    const wt_graph *root = graph->root;
    planner p = { .ctx = root->ctx, .err = err };
    *out = (wt_activation_peak){ 0 };
    if (!(p.values = wt_alloc(p.ctx, root->next_value_id, sizeof *p.values, err)))
        return WT_ENOMEM;
    walk_uses(&p, root);
    const wt_status st = find_peak(&p, root, &out->bytes);
    out->unknown = p.unknown;
    wt_free(p.ctx, p.values);
    return st;
}
