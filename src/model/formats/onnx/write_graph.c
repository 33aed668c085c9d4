/* write_graph.c - the messages of a model, in the order of their field numbers. */
#include "writer.h"

static void shape(wt_writer *w, const wt_shape *s)
{
    wt_pb_out *out = w->out;
    wt_pb_begin(out, TENSOR_TYPE_SHAPE);
    for (int i = 0; i < s->rank; i++) {
        wt_pb_begin(out, SHAPE_DIM);
        if (s->dim[i] >= 0)
            wt_pb_put_int(out, DIM_VALUE, s->dim[i]);
        else if (WT_DIM_IS_SYMBOL(s->dim[i]))
            wt_pb_put_text(out, DIM_PARAM, w->root->symbols[WT_DIM_SYMBOL_INDEX(s->dim[i])]);
        wt_pb_end(out);
    }
    wt_pb_end(out);
}

static void tensor_type(wt_writer *w, uint32_t field, wt_dtype dtype, const wt_shape *s)
{
    wt_pb_begin(w->out, field);
    wt_pb_begin(w->out, KIND_TENSOR);
    wt_pb_put_int(w->out, TENSOR_TYPE_ELEM, wt_dtype_get(dtype)->onnx_code);
    if (s->rank >= 0)
        shape(w, s);
    wt_pb_end(w->out);
    wt_pb_end(w->out);
}

/* ZipMap gives a sequence of maps, which the IR knows as "a sequence": the node says from what to float. */
static void map_type(wt_writer *w, const wt_node *zipmap)
{
    static const wt_shape scalar = { .rank = 0 };
    const wt_attr *strings = wt_attr_find(&zipmap->attrs, "classlabels_strings");
    wt_pb_begin(w->out, INFO_TYPE);
    wt_pb_begin(w->out, KIND_SEQUENCE);
    wt_pb_begin(w->out, ELEM_TYPE);
    wt_pb_begin(w->out, KIND_MAP);
    wt_pb_put_int(w->out, 1, wt_dtype_get(strings && strings->count ? WT_STRING : WT_I64)->onnx_code);
    tensor_type(w, 2, WT_F32, &scalar);
    wt_pb_end(w->out);
    wt_pb_end(w->out);
    wt_pb_end(w->out);
    wt_pb_end(w->out);
}

/* A branch of If (a subgraph without inputs) may be one that never runs, for shapes that never come, and other tools
 * then find contradictions in it: there only element types are said. Bodies of Loop and Scan need their shapes. */
static void type(wt_writer *w, const wt_value *v)
{
    static const wt_shape unknown = { .rank = -1 };
    const wt_dtype dtype = v->type.data ? wt_writer_stored(v) : v->type.dtype;
    if (wt_node_is(v->producer, WT_OP_ZIPMAP)) {
        map_type(w, v->producer);
        return;
    }
    if (dtype == WT_DTYPE_NONE)
        return;
    if (v->kind != WT_SEQUENCE_VALUE && v->kind != WT_OPTIONAL_VALUE) {
        tensor_type(w, INFO_TYPE, dtype, v->graph->parent && !v->graph->n_inputs ? &unknown : &v->type.shape);
        return;
    }
    wt_pb_begin(w->out, INFO_TYPE);
    wt_pb_begin(w->out, v->kind == WT_SEQUENCE_VALUE ? KIND_SEQUENCE : KIND_OPTIONAL);
    tensor_type(w, ELEM_TYPE, dtype, &v->type.shape);
    wt_pb_end(w->out);
    wt_pb_end(w->out);
}

static void info(wt_writer *w, uint32_t field, const wt_value *v)
{
    wt_pb_begin(w->out, field);
    wt_pb_put_text(w->out, INFO_NAME, v->name);
    type(w, v);
    wt_pb_end(w->out);
}

static void graph_body(wt_writer *w, const wt_graph *graph);

static void graph(wt_writer *w, uint32_t field, const wt_graph *g)
{
    wt_pb_begin(w->out, field);
    if (w->out->st == WT_OK)
        graph_body(w, g);
    wt_pb_end(w->out);
}

static int attr_type(wt_attr_type t)
{
    static const int types[] = {
        [WT_ATTR_INT] = TYPE_INT,       [WT_ATTR_FLOAT] = TYPE_FLOAT,   [WT_ATTR_STRING] = TYPE_STRING,
        [WT_ATTR_INTS] = TYPE_INTS,     [WT_ATTR_FLOATS] = TYPE_FLOATS, [WT_ATTR_STRINGS] = TYPE_STRINGS,
        [WT_ATTR_TENSOR] = TYPE_TENSOR, [WT_ATTR_GRAPH] = TYPE_GRAPH,   [WT_ATTR_TENSORS] = TYPE_TENSORS,
        [WT_ATTR_GRAPHS] = TYPE_GRAPHS,
    };
    return types[t];
}

static void attr_value(wt_writer *w, const wt_attr *a)
{
    wt_pb_out *out = w->out;
    const size_t n = a->count;
    switch (a->type) {
    case WT_ATTR_INT: wt_pb_put_int(out, ATTR_I, a->v.i); break;
    case WT_ATTR_FLOAT: wt_pb_put_float(out, ATTR_F, a->v.f); break;
    case WT_ATTR_STRING: wt_pb_put_bytes(out, ATTR_S, a->v.s.data, a->v.s.len); break;
    case WT_ATTR_INTS:
        for (size_t i = 0; i < n; i++)
            wt_pb_put_int(out, ATTR_INTS, a->v.ints[i]);
        break;
    case WT_ATTR_FLOATS:
        for (size_t i = 0; i < n; i++)
            wt_pb_put_float(out, ATTR_FLOATS, a->v.floats[i]);
        break;
    case WT_ATTR_STRINGS:
        for (size_t i = 0; i < n; i++)
            wt_pb_put_bytes(out, ATTR_STRINGS, a->v.strings[i].data, a->v.strings[i].len);
        break;
    case WT_ATTR_TENSOR: wt_writer_tensor(w, ATTR_T, a->v.tensor, NULL); break;
    case WT_ATTR_GRAPH: graph(w, ATTR_G, a->v.graph); break;
    case WT_ATTR_TENSORS:
        for (size_t i = 0; i < n; i++)
            wt_writer_tensor(w, ATTR_TENSORS, a->v.tensors[i], NULL);
        break;
    case WT_ATTR_GRAPHS:
        for (size_t i = 0; i < n; i++)
            graph(w, ATTR_GRAPHS, a->v.graphs[i]);
        break;
    }
}

static void attr(wt_writer *w, const wt_attr *a)
{
    wt_pb_begin(w->out, NODE_ATTRIBUTE);
    wt_pb_put_text(w->out, ATTR_NAME, a->name);
    attr_value(w, a);
    wt_pb_put_int(w->out, ATTR_TYPE, attr_type(a->type));
    wt_pb_end(w->out);
}

static void node(wt_writer *w, const wt_node *n)
{
    wt_pb_out *out = w->out;
    wt_pb_begin(out, GRAPH_NODE);
    for (size_t i = 0; i < n->n_in; i++)
        wt_pb_put_text(out, NODE_INPUT, n->in[i] ? n->in[i]->name : "");
    for (size_t i = 0; i < n->n_out; i++)
        wt_pb_put_text(out, NODE_OUTPUT, n->out[i] ? n->out[i]->name : "");
    if (n->name[0] && !w->nameless[n->id])
        wt_pb_put_text(out, NODE_NAME, n->name);
    wt_pb_put_text(out, NODE_OP_TYPE, n->op_type);
    for (size_t i = 0; i < n->attrs.count; i++)
        attr(w, &n->attrs.items[i]);
    if (n->domain[0])
        wt_pb_put_text(out, NODE_DOMAIN, n->domain);
    wt_pb_end(out);
}

static void graph_body(wt_writer *w, const wt_graph *g)
{
    for (const wt_node *n = g->first; n && w->out->st == WT_OK; n = n->next)
        node(w, n);
    wt_pb_put_text(w->out, GRAPH_NAME, g->name[0] ? g->name : "graph"); /* checkers want one */
    for (size_t i = 0; i < g->n_constants && w->out->st == WT_OK; i++)
        wt_writer_tensor(w, GRAPH_INITIALIZER, &g->constants[i]->type, g->constants[i]);
    for (size_t i = 0; i < g->n_inputs; i++)
        info(w, GRAPH_INPUT, g->inputs[i]);
    for (size_t i = 0; i < g->n_outputs; i++)
        info(w, GRAPH_OUTPUT, g->outputs[i]);
    for (const wt_node *n = g->first; n && !g->parent; n = n->next)
        for (size_t i = 0; i < n->n_out; i++)
            if (n->out[i] && !n->out[i]->is_output && n->out[i]->type.dtype != WT_DTYPE_NONE)
                info(w, GRAPH_VALUE_INFO, n->out[i]);
}

/* Two nodes of one name in one graph are an error to ONNX Runtime: only the first keeps it. */
static wt_status find_nameless(wt_writer *w, const wt_graph *g, wt_err *err)
{
    wt_names seen = { 0 };
    wt_arena *arena = &g->root->arena;
    for (const wt_node *n = g->first; n; n = n->next) {
        void *other = NULL;
        const wt_string name = { n->name, strlen(n->name) };
        w->nameless[n->id] = wt_names_get(&seen, name, &other);
        if (name.len && !w->nameless[n->id])
            WT_TRY(wt_names_put(&seen, arena, name, NULL, err));
        for (size_t i = 0; i < n->attrs.count; i++) {
            const wt_attr *a = &n->attrs.items[i];
            if (a->type == WT_ATTR_GRAPH)
                WT_TRY(find_nameless(w, a->v.graph, err));
            for (size_t k = 0; a->type == WT_ATTR_GRAPHS && k < a->count; k++)
                WT_TRY(find_nameless(w, a->v.graphs[k], err));
        }
    }
    return WT_OK;
}

wt_status wt_onnx_prepare_names(wt_writer *w, wt_err *err)
{
    wt_graph *root = w->root;
    w->nameless = wt_arena_alloc(&root->arena, root->next_node_id + 1, sizeof *w->nameless, err);
    w->placed = wt_arena_alloc(&root->arena, root->next_value_id + 1, sizeof *w->placed, err);
    return w->nameless && w->placed ? find_nameless(w, root, err) : WT_ENOMEM;
}

wt_status wt_onnx_write_model(wt_writer *w)
{
    wt_pb_out *out = w->out;
    const wt_graph *root = w->root;
    w->external_pos = w->streamed = 0;
    wt_pb_put_int(out, MODEL_IR_VERSION, wt_onnx_ir_version(root->opsets[0].version));
    wt_pb_put_text(out, MODEL_PRODUCER_NAME, "whet");
    wt_pb_put_text(out, MODEL_PRODUCER_VERSION, WT_VERSION);
    graph(w, MODEL_GRAPH, root);
    for (size_t i = 0; i < root->n_opsets; i++) {
        wt_pb_begin(out, MODEL_OPSET_IMPORT);
        wt_pb_put_text(out, OPSET_DOMAIN, root->opsets[i].domain);
        wt_pb_put_int(out, OPSET_VERSION, root->opsets[i].version);
        wt_pb_end(out);
    }
    for (size_t i = 0; i < root->n_metadata; i++) {
        wt_pb_begin(out, MODEL_METADATA);
        wt_pb_put_text(out, ENTRY_KEY, root->metadata[i].key);
        wt_pb_put_text(out, ENTRY_VALUE, root->metadata[i].value);
        wt_pb_end(out);
    }
    return out->st;
}
