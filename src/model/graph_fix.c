/* graph_fix.c - fixing the free dims of a graph's inputs.
 *
 * A symbol means the same number wherever it stands, so fixing it in an input fixes it in every value of the graph and
 * its subgraphs, in what the file declared as well: what rules cannot derive is then known from there. */
#include "model/graph_impl.h"
#include <stdio.h>

typedef struct binding {
    int64_t symbol, dim;
    wt_err *err;
} binding;

static bool bind_shape(const binding *b, wt_shape *shape)
{
    bool changed = false;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] == b->symbol) {
            shape->dim[i] = b->dim;
            changed = true;
        }
    return changed;
}

static wt_status bind_value(const binding *b, wt_value *v)
{
    bind_shape(b, &v->type.shape);
    if (!v->declared)
        return WT_OK;
    wt_shape declared = *v->declared; /* perhaps shared with other clones */
    if (!bind_shape(b, &declared))
        return WT_OK;
    wt_shape *own = wt_arena_alloc(&v->graph->root->arena, 1, sizeof *own, b->err);
    if (!own)
        return WT_ENOMEM;
    *own = declared;
    v->declared = own;
    return WT_OK;
}

static wt_status bind_interface(const binding *b, wt_graph *graph)
{
    for (size_t i = 0; i < graph->n_inputs; i++)
        WT_TRY(bind_value(b, graph->inputs[i]));
    return WT_OK;
}

typedef struct sub_binding {
    const binding *b;
    wt_status status;
} sub_binding;

static bool bind_sub(void *arg, wt_graph *sub)
{
    sub_binding *s = arg;
    s->status = bind_interface(s->b, sub);
    return s->status == WT_OK;
}

static wt_status bind_node(void *arg, wt_node *node, wt_err *err)
{
    sub_binding s = { arg, WT_OK };
    (void)err;
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            WT_TRY(bind_value(arg, node->out[i]));
    wt_node_subgraphs(node, bind_sub, &s);
    return s.status;
}

static wt_status fail_input(const wt_graph *graph, const char *name, wt_err *err)
{
    char names[200];
    size_t len = 0;
    names[0] = 0;
    for (size_t i = 0; i < graph->n_inputs && len < sizeof names; i++) {
        const int n = snprintf(names + len, sizeof names - len, "%s%s", i ? ", " : "", graph->inputs[i]->name);
        len += n > 0 ? (size_t)n : 0;
    }
    if (name && name[0])
        wt_fail(err, WT_EUSAGE, "the model has no input '%s'", name);
    else
        wt_fail(err, WT_EUSAGE, "the model has %zu inputs, so the shape needs a name", graph->n_inputs);
    wt_err_hint(err, "its inputs are %s", names);
    return WT_EUSAGE;
}

static wt_value *find_input(const wt_graph *graph, const char *name)
{
    if (!name || !name[0])
        return graph->n_inputs == 1 ? graph->inputs[0] : NULL;
    for (size_t i = 0; i < graph->n_inputs; i++)
        if (strcmp(graph->inputs[i]->name, name) == 0)
            return graph->inputs[i];
    return NULL;
}

wt_status wt_graph_fix_input(wt_graph *graph, const char *name, const wt_shape *shape, wt_err *err)
{
    wt_value *v = find_input(graph, name);
    if (!v)
        return fail_input(graph, name, err);
    wt_shape *own = &v->type.shape;
    char has[256], wants[256];
    bool fits = own->rank < 0 || own->rank == shape->rank;
    if (shape->rank < 0 || shape->rank > WT_MAX_RANK)
        return wt_fail(err, WT_EUSAGE, "a shape of rank %d for input '%s'; 0 to %d are possible", shape->rank, v->name,
                       WT_MAX_RANK);
    for (int i = 0; i < own->rank && fits; i++) {
        const int64_t d = shape->dim[i];
        fits = own->dim[i] < 0 || d < 0 || own->dim[i] == d;
        for (int k = 0; k < i && fits; k++) /* one symbol, two numbers */
            fits = !(WT_DIM_IS_SYMBOL(own->dim[i]) && own->dim[k] == own->dim[i] && d >= 0 && shape->dim[k] >= 0 &&
                     shape->dim[k] != d);
    }
    if (!fits) {
        wt_shape_text(own, graph->root->symbols, has, sizeof has);
        return wt_fail(err, WT_EUSAGE, "input '%s' is %s in the model; %s does not fit that", v->name, has,
                       wt_shape_text(shape, NULL, wants, sizeof wants));
    }
    if (own->rank < 0)
        *own = (wt_shape){ .rank = shape->rank, .dim = { -1, -1, -1, -1, -1, -1, -1, -1 } };
    for (int i = 0; i < own->rank; i++) {
        const binding b = { own->dim[i], shape->dim[i], err };
        if (b.dim < 0 || own->dim[i] >= 0)
            continue;
        if (WT_DIM_IS_SYMBOL(b.symbol)) {
            binding copy = b;
            WT_TRY(bind_interface(&b, graph));
            WT_TRY(wt_graph_visit(graph, bind_node, &copy, err));
        }
        own->dim[i] = b.dim;
    }
    return WT_OK;
}
