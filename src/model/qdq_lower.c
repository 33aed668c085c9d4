/* qdq_lower.c - from value->quant to nodes (see qdq.h).
 *
 *   activation x:  x -> QuantizeLinear -> DequantizeLinear, whose result all consumers share
 *   constant w:    w_quantized -> DequantizeLinear -> w
 *
 * so that a consumer's input keeps its name for constants, and an output of the graph keeps its name always. */
#include "model/qdq.h"
#include "model/quantize.h"

static const float F16_MAX = 65504.0f;
enum { MIN_F16_ELEMENTS = 256 };

/* A value named `base` + suffix, or, when that is taken, something fresh. */
static wt_status named(wt_graph *graph, const char *base, const char *suffix, wt_value **out, wt_err *err)
{
    const char *name = wt_arena_printf(&graph->root->arena, err, "%s%s", base, suffix);
    if (!name)
        return WT_ENOMEM;
    return wt_graph_add_value(out, graph, wt_graph_find(graph, name) ? NULL : name, err);
}

/* The shape of scales and zero points. */
static wt_shape scale_shape(const wt_quant *quant, const wt_shape *x)
{
    wt_shape shape = { .rank = 0 };
    if (quant->axis < 0)
        return shape;
    if (!quant->block) {
        const int64_t n = (int64_t)quant->count;
        return wt_shape_make(1, &n);
    }
    shape = *x;
    shape.dim[quant->axis] = (shape.dim[quant->axis] + quant->block - 1) / quant->block;
    return shape;
}

static wt_status add_scale(wt_graph *graph, const wt_value *v, wt_value **out, wt_err *err)
{
    const wt_quant *q = v->quant;
    const wt_tensor t = {
        .dtype = WT_F32, .shape = scale_shape(q, &v->type.shape), .data = q->scale, .bytes = q->count * sizeof(float)
    };
    WT_TRY(named(graph, v->name, "_scale", out, err));
    return wt_graph_set_constant(*out, &t, err);
}

static wt_status add_zero_point(wt_graph *graph, const wt_value *v, wt_value **out, wt_err *err)
{
    const wt_quant *q = v->quant;
    wt_tensor t = { .dtype = q->dtype, .shape = scale_shape(q, &v->type.shape) };
    float *floats = wt_arena_alloc(&graph->root->arena, q->count + 1, sizeof *floats, err);
    if (!floats || !wt_dtype_bytes(q->dtype, q->count, &t.bytes))
        return WT_ENOMEM;
    void *codes = wt_arena_alloc(&graph->root->arena, t.bytes + 1, 1, err);
    if (!codes)
        return WT_ENOMEM;
    for (size_t i = 0; i < q->count; i++)
        floats[i] = (float)q->zero_point[i]; /* exact: 16 bits at most, but for int32 */
    if (q->dtype == WT_I32)
        memcpy(codes, q->zero_point, t.bytes);
    else
        wt_quantize_f32(floats, codes, q->count, 1, 0, q->dtype);
    t.data = codes;
    WT_TRY(named(graph, v->name, "_zero_point", out, err));
    return wt_graph_set_constant(*out, &t, err);
}

static wt_status add_node(wt_graph *graph, wt_node *before, const char *op, const wt_value *v, wt_value *in[3],
                          wt_value *out, wt_err *err)
{
    const wt_quant *q = v->quant;
    wt_attr attrs[2] = { { .name = "axis", .type = WT_ATTR_INT, .count = 1, .v.i = q->axis },
                         { .name = "block_size", .type = WT_ATTR_INT, .count = 1, .v.i = q->block } };
    const wt_attrs list = { attrs, q->axis < 0 ? 0 : q->block ? 2 : 1 };
    const char *name = wt_arena_printf(&graph->root->arena, err, "%s_%s", v->name, op);
    wt_node *node = NULL;
    if (!name)
        return WT_ENOMEM;
    return wt_graph_add_node(&node, graph, before, "", op, name, in, in[2] ? 3 : 2, &out, 1, &list, err);
}

/* The constant's data move to `stored`; it becomes a value that a node can make from them. */
static wt_status move_data(wt_value *v, const char *suffix, wt_value **stored, wt_err *err)
{
    const wt_tensor data = v->type;
    WT_TRY(named(v->graph, v->name, suffix, stored, err));
    WT_TRY(wt_graph_set_constant(*stored, &data, err));
    v->type.data = NULL;
    v->type.bytes = 0;
    v->type.dtype = WT_F32;
    return WT_OK;
}

/* Zero is what a missing zero point means: a vector of zeros would be a byte, of a bias four, for every channel. */
static bool all_zero(const wt_quant *q)
{
    for (size_t i = 0; i < q->count; i++)
        if (q->zero_point[i])
            return false;
    return true;
}

static wt_status lower_constant(wt_value *v, wt_node *first, wt_err *err)
{
    wt_value *in[3];
    WT_TRY(move_data(v, "_quantized", &in[0], err));
    if (in[0]->type.dtype != v->quant->dtype)
        in[0]->quant = v->quant; /* quantized while it is stored */
    WT_TRY(add_scale(v->graph, v, &in[1], err));
    in[2] = NULL;
    if (!all_zero(v->quant))
        WT_TRY(add_zero_point(v->graph, v, &in[2], err));
    WT_TRY(add_node(v->graph, first, "DequantizeLinear", v, in, v, err));
    v->quant = NULL;
    return WT_OK;
}

static wt_status lower_activation(wt_value *v, wt_node *before, wt_err *err)
{
    wt_graph *graph = v->graph;
    wt_value *in[3] = { v }, *codes, *real;
    if (v->type.dtype != WT_F32 && v->type.dtype != WT_DTYPE_NONE)
        return wt_fail(err, WT_EUNSUPPORTED, "value '%s' is %s; only float32 values can be quantized", v->name,
                       wt_dtype_name(v->type.dtype));
    if (v->quant->dtype == WT_I32)
        return wt_fail(err, WT_EUNSUPPORTED, "value '%s': an activation cannot be quantized to int32", v->name);
    WT_TRY(named(graph, v->name, "_dequantized", &real, err));
    WT_TRY(named(graph, v->name, "_quantized", &codes, err));
    real->type.dtype = WT_F32;
    real->type.shape = codes->type.shape = v->type.shape;
    codes->type.dtype = v->quant->dtype;
    WT_TRY(wt_value_replace(v, real, err));
    const wt_value *named_as = real->is_output ? real : v; /* an output's name moved on, the others are made from it */
    wt_value origin = *named_as;
    origin.quant = v->quant;
    origin.type = v->type;
    WT_TRY(add_scale(graph, &origin, &in[1], err));
    WT_TRY(add_zero_point(graph, &origin, &in[2], err));
    WT_TRY(add_node(graph, before, "QuantizeLinear", &origin, in, codes, err));
    in[0] = codes;
    WT_TRY(add_node(graph, before, "DequantizeLinear", &origin, in, real, err));
    v->quant = NULL;
    return WT_OK;
}

/* --- float16 storage
 * ------------------------------------------------------------------------------------------------------- */
static bool is_weight_of(const wt_node *node)
{
    if (!node->op)
        return false;
    switch (node->op->code) {
    case WT_OP_CONV:
    case WT_OP_CONVTRANSPOSE:
    case WT_OP_DEFORMCONV:
    case WT_OP_MATMUL:
    case WT_OP_GEMM:
    case WT_OP_EINSUM:
    case WT_OP_GATHER:
    case WT_OP_LSTM:
    case WT_OP_GRU:
    case WT_OP_RNN: return true;
    default: return false;
    }
}

static bool fits_f16(const wt_value *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float f;
        memcpy(&f, (const uint8_t *)v->type.data + 4 * i, sizeof f);
        if (f == f && (f > F16_MAX || f < -F16_MAX)) /* infinities too: they are no weights */
            return false;
    }
    return true;
}

static wt_status lower_f16(wt_value *v, wt_node *first, wt_err *err)
{
    static const float one = 1;
    static const int32_t zero = 0;
    static const wt_quant as_f16 = { .dtype = WT_F16, .axis = -1, .count = 1, .scale = &one, .zero_point = &zero };
    const wt_attr to = { .name = "to", .type = WT_ATTR_INT, .count = 1, .v.i = 1 };
    const wt_attrs attrs = { &to, 1 };
    int64_t n = 0;
    wt_value *stored = NULL;
    wt_node *node = NULL;
    if (v->type.dtype != WT_F32 || v->is_output || !v->n_uses || !wt_shape_count(&v->type.shape, &n) ||
        n < MIN_F16_ELEMENTS)
        return WT_OK;
    for (size_t i = 0; i < v->n_uses; i++)
        if (!is_weight_of(v->uses[i].node))
            return WT_OK;
    if (!fits_f16(v, (size_t)n))
        return WT_OK;
    WT_TRY(move_data(v, "_float16", &stored, err));
    stored->quant = &as_f16;
    const char *name = wt_arena_printf(&v->graph->root->arena, err, "%s_Cast", v->name);
    if (!name)
        return WT_ENOMEM;
    return wt_graph_add_node(&node, v->graph, first, "", "Cast", name, &stored, 1, &v, 1, &attrs, err);
}

/* --- the walk
 * --------------------------------------------------------------------------------------------------------------- */
static wt_status lower_graph(wt_graph *graph, const wt_qdq_options *options, wt_err *err);

static wt_status lower_subgraphs(const wt_node *node, const wt_qdq_options *options, wt_err *err)
{
    for (size_t i = 0; i < node->attrs.count; i++) {
        const wt_attr *a = &node->attrs.items[i];
        if (a->type == WT_ATTR_GRAPH)
            WT_TRY(lower_graph(a->v.graph, options, err));
        for (size_t k = 0; a->type == WT_ATTR_GRAPHS && k < a->count; k++)
            WT_TRY(lower_graph(a->v.graphs[k], options, err));
    }
    return WT_OK;
}

/* Constants that were data before this began; new ones come behind them. */
static wt_status lower_constants(wt_graph *graph, wt_node *first, const wt_qdq_options *options, wt_err *err)
{
    const size_t n = graph->n_constants;
    for (size_t i = 0; i < n; i++) {
        wt_value *v = graph->constants[i];
        if (v->is_input)
            continue;
        if (v->quant) {
            WT_TRY(wt_quant_check(v->quant, &v->type.shape, err));
            WT_TRY(lower_constant(v, first, err));
        } else if (options->f16_weights) {
            WT_TRY(lower_f16(v, first, err));
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < graph->n_constants; i++)
        if (graph->constants[i]->type.data)
            graph->constants[kept++] = graph->constants[i];
    graph->n_constants = kept;
    return WT_OK;
}

static wt_status lower_value(wt_value *v, wt_node *before, wt_err *err)
{
    if (!v || !v->quant || wt_value_is_const(v))
        return WT_OK;
    WT_TRY(wt_quant_check(v->quant, &v->type.shape, err));
    return lower_activation(v, before, err);
}

static wt_status lower_graph(wt_graph *graph, const wt_qdq_options *options, wt_err *err)
{
    wt_node *first = graph->first;
    WT_TRY(lower_constants(graph, first, options, err));
    for (size_t i = 0; i < graph->n_inputs; i++)
        WT_TRY(lower_value(graph->inputs[i], first, err));
    for (wt_node *node = first, *next; node; node = next) {
        next = node->next;
        WT_TRY(lower_subgraphs(node, options, err));
        for (size_t i = 0; i < node->n_out; i++)
            WT_TRY(lower_value(node->out[i], next, err));
    }
    return WT_OK;
}

wt_status wt_qdq_lower(wt_graph *graph, const wt_qdq_options *options, wt_err *err)
{
    static const wt_qdq_options defaults;
    return lower_graph(graph, options ? options : &defaults, err);
}
