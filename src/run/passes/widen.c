/* widen.c - a graph of halves (float16, bfloat16) as one of float32, for those who work on real weights: its inputs are
 * widened when they come, its outputs rounded when they go, and nothing in between is a half. */
#include "run/passes/pass.h"

static bool is_half(wt_dtype t) { return t == WT_F16 || t == WT_BF16; }

static wt_status widen_constant(wt_graph *graph, wt_value *v, wt_err *err)
{
    wt_tensor t = { .dtype = WT_F32, .shape = v->type.shape };
    wt_value *wide;
    int64_t n;
    if (!wt_shape_count(&t.shape, &n) || !wt_tensor_size(&t, &t.bytes))
        return wt_fail(err, WT_ENOMEM, "the constant %s is too large", v->name);
    void *data = wt_arena_alloc(&graph->root->arena, t.bytes + 64, 1, err);
    if (!data)
        return WT_ENOMEM;
    WT_TRY(wt_convert(v->type.data, v->type.dtype, data, WT_F32, (size_t)n, true, err));
    t.data = data;
    WT_TRY(wt_graph_add_value(&wide, graph, NULL, err));
    WT_TRY(wt_graph_set_constant(wide, &t, err));
    return wt_value_replace(v, wide, err);
}

static wt_status add_cast(wt_graph *graph, wt_node *before, wt_value *from, wt_value *to, wt_dtype dtype, wt_err *err)
{
    const wt_attr attr = { .name = "to", .type = WT_ATTR_INT, .count = 1, .v.i = wt_dtype_get(dtype)->onnx_code };
    const wt_attrs list = { &attr, 1 };
    wt_node *node;
    return wt_graph_add_node(&node, graph, before, "", "Cast", "", &from, 1, &to, 1, &list, err);
}

static wt_status move_uses(wt_value *from, wt_value *to, wt_err *err)
{
    while (from->n_uses)
        WT_TRY(wt_node_set_input(from->uses[0].node, from->uses[0].index, to, err));
    return WT_OK;
}

static wt_status widen_input(wt_graph *graph, wt_value *v, wt_err *err)
{
    wt_value *wide;
    WT_TRY(wt_graph_add_value(&wide, graph, NULL, err));
    WT_TRY(move_uses(v, wide, err));
    return add_cast(graph, graph->first, v, wide, WT_F32, err);
}

static wt_status round_output(wt_graph *graph, wt_value *v, wt_err *err)
{
    wt_node *producer = v->producer;
    const wt_dtype dtype = v->type.dtype;
    wt_value *wide;
    if (!producer)
        return WT_OK;
    WT_TRY(wt_graph_add_value(&wide, graph, NULL, err));
    WT_TRY(wt_node_set_output(producer, v->producer_index, wide, err));
    WT_TRY(move_uses(v, wide, err));
    return add_cast(graph, NULL, wide, v, dtype, err);
}

/* A tensor among the attributes (ConstantOfShape's). */
static wt_status widen_attr(wt_node *n, const wt_attr *a, wt_err *err)
{
    wt_arena *arena = &n->graph->root->arena;
    wt_tensor *t = wt_arena_alloc(arena, 1, sizeof *t, err);
    wt_attr now = *a;
    int64_t count;
    if (!t)
        return WT_ENOMEM;
    *t = (wt_tensor){ .dtype = WT_F32, .shape = a->v.tensor->shape };
    if (!wt_shape_count(&t->shape, &count) || !wt_tensor_size(t, &t->bytes))
        return WT_OK;
    void *data = wt_arena_alloc(arena, t->bytes + 8, 1, err);
    if (!data)
        return WT_ENOMEM;
    WT_TRY(wt_convert(a->v.tensor->data, a->v.tensor->dtype, data, WT_F32, (size_t)count, true, err));
    t->data = data;
    now.v.tensor = t;
    return wt_node_set_attr(n, &now, err);
}

static wt_status widen_node(void *arg, wt_node *n, wt_err *err)
{
    static const char *const types[] = { "to", "dtype", "output_dtype" };
    (void)arg;
    for (size_t i = 0; i < WT_ARRAY_LEN(types); i++)
        if (is_half(wt_dtype_from_onnx(wt_attr_int(&n->attrs, types[i], 0))))
            WT_TRY(wt_node_set_attr_int(n, types[i], wt_dtype_get(WT_F32)->onnx_code, err));
    for (size_t i = 0; i < n->attrs.count; i++)
        if (n->attrs.items[i].type == WT_ATTR_TENSOR && is_half(n->attrs.items[i].v.tensor->dtype))
            WT_TRY(widen_attr(n, &n->attrs.items[i], err));
    for (size_t i = 0; i < n->n_in; i++)
        if (n->in[i] && wt_value_is_const(n->in[i]) && is_half(n->in[i]->type.dtype) && !n->in[i]->quant)
            WT_TRY(widen_constant(n->in[i]->graph, n->in[i], err));
    for (size_t i = 0; i < n->n_out; i++) /* what was inferred of it holds no more */
        if (n->out[i] && is_half(n->out[i]->type.dtype))
            n->out[i]->type.dtype = WT_DTYPE_NONE;
    return WT_OK;
}

static wt_status find_half(void *found, wt_node *n, wt_err *err)
{
    (void)err;
    for (size_t i = 0; i < n->n_in; i++)
        *(bool *)found |= n->in[i] && is_half(n->in[i]->type.dtype);
    return WT_OK;
}

wt_status wt_graph_widen(wt_graph *graph, wt_err *err)
{
    bool found = false;
    wt_dtype *outputs;
    WT_TRY(wt_graph_visit(graph, find_half, &found, err));
    if (!found)
        return WT_OK;
    outputs = wt_arena_alloc(&graph->arena, graph->n_outputs + 1, sizeof *outputs, err);
    if (!outputs)
        return WT_ENOMEM;
    for (size_t i = 0; i < graph->n_outputs; i++)
        outputs[i] = graph->outputs[i]->type.dtype;
    WT_TRY(wt_graph_visit(graph, widen_node, NULL, err));
    for (size_t i = 0; i < graph->n_inputs; i++)
        if (is_half(graph->inputs[i]->type.dtype))
            WT_TRY(widen_input(graph, graph->inputs[i], err));
    for (size_t i = 0; i < graph->n_outputs; i++)
        if (is_half(outputs[i])) {
            graph->outputs[i]->type.dtype = outputs[i];
            WT_TRY(round_output(graph, graph->outputs[i], err));
        }
    return wt_graph_infer(graph, err);
}
