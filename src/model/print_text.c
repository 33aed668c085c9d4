/* print_text.c - a graph as text, for eyes, for diffs and for golden files: one line per value that is defined.
 *
 *     graph "name" {  # onnx, ir version 8, ai.onnx 17
 *       input x: float32[Nx3x224x224]
 *       const w: float32[64x3x7x7]
 *       const axes: int64[2] = [2, 3]
 *       n: int64[1] ~[64] = Gather(s, zero) axis=0    (known from shapes alone: always 64)
 *       y: float32[Nx64x112x112] = Conv(x, w, _) kernel_shape=[7, 7]  # node name
 *       z: float32[...] = If(c) {
 *         then_branch: graph {
 *           ...
 *           return a
 *         }
 *       }
 *       return y, z
 *     }
 *
 * An omitted input or output is _. Nothing in it depends on addresses, ids or the locale. */
#include "model/print.h"

enum { FEW = 8, MORE = 16 /* elements of constants and of list attributes that are printed */ };

typedef struct printer {
    wt_buf *out;
    const wt_graph *root;
    wt_err *err;
} printer;

static void indent(const printer *p, int depth)
{
    for (int i = 0; i < depth; i++)
        wt_buf_puts(p->out, "  ");
}

/* What inference knows of a value that a node makes: it will have these elements in every run. */
static void put_known(const printer *p, const wt_value *v)
{
    int64_t n;
    if (!v->known || !wt_shape_count(&v->known->shape, &n) || n > FEW)
        return;
    wt_buf_puts(p->out, " ~");
    wt_print_elements(p->out, v->known, FEW);
}

static void put_values(const printer *p, wt_value *const *list, size_t n, bool types)
{
    for (size_t i = 0; i < n; i++) {
        wt_buf_puts(p->out, i ? ", " : "");
        if (!list[i]) {
            wt_buf_puts(p->out, "_");
            continue;
        }
        wt_print_name(p->out, list[i]->name);
        if (types) {
            wt_buf_puts(p->out, ": ");
            wt_print_type(p->out, list[i]);
            put_known(p, list[i]);
        }
    }
}

static void put_definition(const printer *p, const char *what, const wt_value *v, int depth)
{
    indent(p, depth);
    wt_buf_printf(p->out, "%s ", what);
    wt_print_name(p->out, v->name);
    wt_buf_puts(p->out, ": ");
    wt_print_type(p->out, v);
    int64_t n;
    if (v->type.data && wt_shape_count(&v->type.shape, &n) && n <= FEW) {
        wt_buf_puts(p->out, " = ");
        if (!wt_print_elements(p->out, &v->type, FEW))
            wt_buf_puts(p->out, "...");
    }
    wt_buf_puts(p->out, "\n");
}

static wt_status put_graph(const printer *p, const wt_graph *graph, int depth);

static wt_status put_subgraph(const printer *p, const wt_attr *a, const wt_graph *sub, size_t index, int depth)
{
    indent(p, depth);
    wt_print_name(p->out, a->name);
    if (a->type == WT_ATTR_GRAPHS)
        wt_buf_printf(p->out, "[%zu]", index);
    wt_buf_puts(p->out, ": ");
    return put_graph(p, sub, depth);
}

/* Subgraphs come after the line, in braces. */
static wt_status put_subgraphs(const printer *p, const wt_node *node, int depth)
{
    for (size_t i = 0; i < node->attrs.count; i++) {
        const wt_attr *a = &node->attrs.items[i];
        if (a->type == WT_ATTR_GRAPH)
            WT_TRY(put_subgraph(p, a, a->v.graph, 0, depth + 1));
        for (size_t k = 0; a->type == WT_ATTR_GRAPHS && k < a->count; k++)
            WT_TRY(put_subgraph(p, a, a->v.graphs[k], k, depth + 1));
    }
    return WT_OK;
}

static wt_status put_node(const printer *p, const wt_node *node, int depth)
{
    bool graphs = false;
    indent(p, depth);
    put_values(p, node->out, node->n_out, true);
    wt_buf_puts(p->out, node->n_out ? " = " : "");
    if (node->domain[0]) {
        wt_print_name(p->out, node->domain);
        wt_buf_puts(p->out, "::");
    }
    wt_print_name(p->out, node->op_type);
    wt_buf_puts(p->out, "(");
    put_values(p, node->in, node->n_in, false);
    wt_buf_puts(p->out, ")");
    for (size_t i = 0; i < node->attrs.count; i++) {
        const wt_attr *a = &node->attrs.items[i];
        const bool is_graph = a->type == WT_ATTR_GRAPH || a->type == WT_ATTR_GRAPHS;
        graphs |= is_graph;
        if (is_graph)
            continue;
        wt_buf_puts(p->out, " ");
        wt_print_name(p->out, a->name);
        wt_buf_puts(p->out, "=");
        wt_print_attr(p->out, a, p->root, MORE);
    }
    wt_buf_puts(p->out, graphs ? " {" : "");
    if (node->name[0]) {
        wt_buf_puts(p->out, "  # ");
        wt_print_name(p->out, node->name);
    }
    wt_buf_puts(p->out, "\n");
    if (!graphs)
        return WT_OK;
    WT_TRY(put_subgraphs(p, node, depth));
    indent(p, depth);
    wt_buf_puts(p->out, "}\n");
    return WT_OK;
}

static void put_heading(const printer *p, const wt_graph *graph)
{
    wt_buf_puts(p->out, "graph ");
    if (graph->name[0]) {
        wt_print_name(p->out, graph->name);
        wt_buf_puts(p->out, " ");
    }
    wt_buf_puts(p->out, "{");
    if (graph != graph->root)
        return;
    wt_buf_printf(p->out, "  # %s", graph->format[0] ? graph->format : "in memory");
    if (graph->ir_version)
        wt_buf_printf(p->out, ", ir version %lld", (long long)graph->ir_version);
    for (size_t i = 0; i < graph->n_opsets; i++) {
        wt_buf_puts(p->out, ", ");
        wt_print_name(p->out, graph->opsets[i].domain[0] ? graph->opsets[i].domain : "ai.onnx");
        wt_buf_printf(p->out, " %lld", (long long)graph->opsets[i].version);
    }
}

static wt_status put_graph(const printer *p, const wt_graph *graph, int depth)
{
    put_heading(p, graph);
    wt_buf_puts(p->out, "\n");
    for (size_t i = 0; i < graph->n_inputs; i++)
        put_definition(p, "input", graph->inputs[i], depth + 1);
    for (size_t i = 0; i < graph->n_constants; i++)
        if (!graph->constants[i]->is_input)
            put_definition(p, "const", graph->constants[i], depth + 1);
    for (const wt_node *node = graph->first; node; node = node->next) {
        WT_TRY(put_node(p, node, depth + 1));
        WT_TRY(wt_buf_status(p->out, p->err));
    }
    indent(p, depth + 1);
    wt_buf_puts(p->out, "return ");
    put_values(p, graph->outputs, graph->n_outputs, false);
    wt_buf_puts(p->out, "\n");
    indent(p, depth);
    wt_buf_puts(p->out, "}\n");
    return WT_OK;
}

wt_status wt_graph_print_text(const wt_graph *graph, wt_buf *out, wt_err *err)
{
    const printer p = { out, graph->root, err };
    WT_TRY(put_graph(&p, graph, 0));
    return wt_buf_status(out, err);
}
