/* print_dot.c - a graph for Graphviz: boxes for nodes, edges for values with their shapes, clusters for subgraphs.
 *
 * Constants are named in the boxes that use them instead of being boxes themselves: networks have hundreds, and an
 * arrow to each would hide the network. Names are made of ids, so nothing in a label can break the syntax. */
#include "model/print.h"

enum { FEW = 8 };

static void put_label(wt_buf *out, const char *s) { wt_print_escaped(out, s, strlen(s), WT_ESCAPE_DOT); }

static void put_shape_label(wt_buf *out, const wt_value *v)
{
    wt_buf text;
    wt_buf_init(&text, out->ctx);
    wt_print_type(&text, v);
    out->failed |= text.failed;
    put_label(out, text.data ? text.data : "");
    wt_buf_free(&text);
}

static void put_constant_line(wt_buf *out, const wt_value *v, size_t index)
{
    wt_buf text;
    wt_buf_init(&text, out->ctx);
    wt_buf_printf(&text, "%zu: ", index);
    wt_print_type(&text, v);
    if (!v->quant) {
        const size_t before = text.len;
        wt_buf_puts(&text, " ");
        if (!wt_print_elements(&text, &v->type, FEW) && text.data)
            text.data[text.len = before] = 0;
    }
    out->failed |= text.failed;
    wt_buf_puts(out, "\\n");
    put_label(out, text.data ? text.data : "");
    wt_buf_free(&text);
}

static wt_status put_body(wt_buf *out, const wt_graph *graph, wt_err *err);

typedef struct cluster {
    wt_buf *out;
    const wt_node *node;
    const char *attr;
    wt_err *err;
} cluster;

static wt_status put_cluster(const cluster *c, const wt_graph *sub, size_t index)
{
    wt_buf_printf(c->out, "subgraph cluster_%u_%zu {\nstyle=rounded; label=\"", c->node->id, index);
    put_label(c->out, c->node->op_type);
    wt_buf_puts(c->out, " ");
    put_label(c->out, c->node->name);
    wt_buf_puts(c->out, ": ");
    put_label(c->out, c->attr);
    wt_buf_puts(c->out, "\";\n");
    WT_TRY(put_body(c->out, sub, c->err));
    wt_buf_puts(c->out, "}\n");
    return WT_OK;
}

static wt_status put_clusters(wt_buf *out, const wt_node *node, wt_err *err)
{
    size_t index = 0;
    for (size_t i = 0; i < node->attrs.count; i++) {
        const wt_attr *a = &node->attrs.items[i];
        const cluster c = { out, node, a->name, err };
        if (a->type == WT_ATTR_GRAPH)
            WT_TRY(put_cluster(&c, a->v.graph, index++));
        for (size_t k = 0; a->type == WT_ATTR_GRAPHS && k < a->count; k++)
            WT_TRY(put_cluster(&c, a->v.graphs[k], index++));
    }
    return WT_OK;
}

/* From whatever makes v to the point `to`. */
static void put_edge(wt_buf *out, const wt_value *v, const char *kind, uint32_t to)
{
    if (v->producer)
        wt_buf_printf(out, "n%u -> %s%u [label=\"", v->producer->id, kind, to);
    else
        wt_buf_printf(out, "v%u -> %s%u [label=\"", v->id, kind, to);
    put_shape_label(out, v);
    wt_buf_puts(out, "\", tooltip=\"");
    put_label(out, v->name);
    wt_buf_puts(out, "\"];\n");
}

static wt_status put_node(wt_buf *out, const wt_node *node, wt_err *err)
{
    wt_buf_printf(out, "n%u [label=\"", node->id);
    if (node->domain[0]) {
        put_label(out, node->domain);
        wt_buf_puts(out, "::");
    }
    put_label(out, node->op_type);
    for (size_t i = 0; i < node->n_in; i++)
        if (wt_value_is_const(node->in[i]))
            put_constant_line(out, node->in[i], i);
    wt_buf_puts(out, "\", tooltip=\"");
    put_label(out, node->name);
    wt_buf_puts(out, "\"];\n");
    for (size_t i = 0; i < node->n_in; i++)
        if (node->in[i] && !wt_value_is_const(node->in[i]))
            put_edge(out, node->in[i], "n", node->id);
    return put_clusters(out, node, err);
}

static wt_status put_body(wt_buf *out, const wt_graph *graph, wt_err *err)
{
    for (size_t i = 0; i < graph->n_inputs; i++) {
        wt_buf_printf(out, "v%u [shape=ellipse, label=\"", graph->inputs[i]->id);
        put_label(out, graph->inputs[i]->name);
        wt_buf_puts(out, "\"];\n");
    }
    for (const wt_node *node = graph->first; node; node = node->next) {
        WT_TRY(put_node(out, node, err));
        WT_TRY(wt_buf_status(out, err));
    }
    for (size_t i = 0; i < graph->n_outputs; i++) {
        const wt_value *v = graph->outputs[i];
        wt_buf_printf(out, "o%u [shape=ellipse, style=bold, label=\"", v->id);
        put_label(out, v->name);
        wt_buf_puts(out, "\"];\n");
        if (wt_value_is_const(v)) {
            wt_buf_printf(out, "v%u [label=\"constant", v->id);
            put_constant_line(out, v, 0);
            wt_buf_puts(out, "\"];\n");
        }
        put_edge(out, v, "o", v->id);
    }
    return WT_OK;
}

wt_status wt_graph_print_dot(const wt_graph *graph, wt_buf *out, wt_err *err)
{
    wt_buf_puts(out, "digraph \"");
    put_label(out, graph->name);
    wt_buf_puts(out, "\" {\nnode [shape=box, style=rounded, fontname=\"monospace\", fontsize=11];\n"
                     "edge [fontname=\"monospace\", fontsize=9];\n");
    WT_TRY(put_body(out, graph, err));
    wt_buf_puts(out, "}\n");
    return wt_buf_status(out, err);
}
