/* qdq_absorb.c - from nodes to value->quant (see qdq.h). */
#include "model/qdq.h"
#include "model/quantize.h"

static bool is_const_f32(const wt_value *v) { return wt_value_is_const(v) && !v->quant && v->type.dtype == WT_F32; }

/* Where the scales of a Quantize/DequantizeLinear node lie; false: not a form that wt_quant can say. */
static bool granularity(const wt_node *node, const wt_shape *x, const wt_shape *scale, wt_quant *q)
{
    const int64_t block = wt_attr_int(&node->attrs, "block_size", 0);
    int64_t count = 0;
    q->axis = -1;
    if (!wt_shape_count(scale, &count))
        return false;
    q->count = (size_t)count;
    if (block == 0 && count == 1 && scale->rank <= 1)
        return true;
    q->axis = wt_axis(wt_attr_int(&node->attrs, "axis", 1), x->rank < 0 ? 0 : x->rank, false);
    if (q->axis < 0 || block < 0)
        return false;
    q->block = block;
    if (block == 0)
        return scale->rank == 1;
    if (scale->rank != x->rank)
        return false;
    for (int i = 0; i < x->rank; i++) {
        const int64_t want = i == q->axis ? (x->dim[i] + block - 1) / block : x->dim[i];
        if (x->dim[i] < 0 || scale->dim[i] != want)
            return false;
    }
    return true;
}

/* What the node's scale and zero point say; *ok false when they are not constants of a form that wt_quant can say. */
static wt_status read_quant(const wt_node *node, wt_dtype dtype, wt_quant **out, bool *ok, wt_err *err)
{
    const wt_value *x = node->in[0], *scale = node->n_in > 1 ? node->in[1] : NULL,
                   *zp = node->n_in > 2 ? node->in[2] : NULL;
    wt_quant q = { .dtype = dtype, .origin = "file" };
    int32_t lo, hi;
    *ok = false;
    if (!is_const_f32(scale) || (zp && (!wt_value_is_const(zp) || zp->quant || zp->type.dtype != dtype)) ||
        !wt_quant_range(dtype, &lo, &hi) || !granularity(node, &x->type.shape, &scale->type.shape, &q) ||
        (zp && !wt_shape_equal(&zp->type.shape, &scale->type.shape) && q.count != 1))
        return WT_OK;
    wt_arena *arena = &node->graph->root->arena;
    float *scales = wt_arena_alloc(arena, q.count + 1, sizeof *scales, err);
    int32_t *zeros = wt_arena_alloc(arena, q.count + 1, sizeof *zeros, err);
    *out = wt_arena_alloc(arena, 1, sizeof **out, err);
    if (!scales || !zeros || !*out)
        return WT_ENOMEM;
    memcpy(scales, scale->type.data, q.count * sizeof *scales);
    for (size_t i = 0; zp && i < q.count; i++) {
        double v = 0; /* the packed types too, which wt_tensor_int() does not read */
        if (!wt_tensor_double(&zp->type, (int64_t)i, &v))
            return WT_OK;
        zeros[i] = (int32_t)v;
    }
    q.scale = scales;
    q.zero_point = zeros;
    **out = q;
    *ok = wt_quant_check(&q, &x->type.shape, NULL) == WT_OK;
    return WT_OK;
}

static bool same(const wt_quant *a, const wt_quant *b)
{
    return a->dtype == b->dtype && a->axis == b->axis && a->block == b->block && a->count == b->count &&
           !memcmp(a->scale, b->scale, a->count * sizeof *a->scale) &&
           !memcmp(a->zero_point, b->zero_point, a->count * sizeof *a->zero_point);
}

static bool gives_f32(const wt_node *dq)
{
    const int64_t dtype = wt_attr_int(&dq->attrs, "output_dtype", 0);
    return dtype == 0 || dtype == 1;
}

/* --- DequantizeLinear of a constant
 * ----------------------------------------------------------------------------------------- */
static wt_status absorb_constant(wt_node *dq, size_t *absorbed, wt_err *err)
{
    const wt_value *x = dq->n_in ? dq->in[0] : NULL;
    wt_value *y = dq->n_out == 1 ? dq->out[0] : NULL, *spare = NULL;
    wt_quant *quant = NULL;
    bool ok = false;
    if (!wt_value_is_const(x) || x->quant || !y || y->is_output || !gives_f32(dq))
        return WT_OK;
    WT_TRY(read_quant(dq, x->type.dtype, &quant, &ok, err));
    if (!ok)
        return WT_OK;
    const wt_tensor data = x->type;
    WT_TRY(
        wt_graph_add_value(&spare, y->graph, NULL, err)); /* takes y's place, so that y keeps its name and its uses */
    WT_TRY(wt_node_set_output(dq, 0, spare, err));
    WT_TRY(wt_graph_set_constant(y, &data, err));
    y->quant = quant;
    wt_node_remove(dq);
    ++*absorbed;
    return WT_OK;
}

/* --- pairs
 * -------------------------------------------------------------------------------------------------------------------
 */
static wt_dtype quantized_type(const wt_node *q)
{
    const wt_value *zp = q->n_in > 2 ? q->in[2] : NULL;
    const int64_t said = wt_attr_int(&q->attrs, "output_dtype", 0);
    if (zp)
        return zp->type.dtype;
    return said ? wt_dtype_from_onnx(said) : WT_U8;
}

/* True when q makes its codes with `quant`, and nothing but DequantizeLinear nodes that undo exactly that see them. */
static wt_status is_pair(const wt_node *q, const wt_graph *graph, const wt_quant *quant, bool *ok, wt_err *err)
{
    wt_quant *other = NULL;
    *ok = wt_node_is(q, WT_OP_QUANTIZELINEAR) && q->graph == graph && q->n_out == 1 && q->out[0] &&
          !q->out[0]->is_output && q->out[0]->n_uses > 0;
    if (!*ok)
        return WT_OK;
    WT_TRY(read_quant(q, quantized_type(q), &other, ok, err));
    *ok = *ok && same(quant, other);
    const wt_value *codes = q->out[0];
    for (size_t i = 0; *ok && i < codes->n_uses; i++) {
        const wt_node *dq = codes->uses[i].node;
        *ok = wt_node_is(dq, WT_OP_DEQUANTIZELINEAR) && codes->uses[i].index == 0 && dq->graph == graph &&
              gives_f32(dq) && dq->n_out == 1 && dq->out[0];
        if (!*ok)
            return WT_OK;
        /* The codes' shape is that of the value, but need not have been inferred. */
        wt_value *x = q->in[0];
        wt_node probe = *dq;
        wt_value *in[3] = { x, dq->n_in > 1 ? dq->in[1] : NULL, dq->n_in > 2 ? dq->in[2] : NULL };
        probe.in = in;
        probe.n_in = dq->n_in < 3 ? dq->n_in : 3;
        WT_TRY(read_quant(&probe, quant->dtype, &other, ok, err));
        *ok = *ok && same(quant, other);
    }
    return WT_OK;
}

/* Outputs of the graph among the pairs' results: at most one, and then x must be free to take its place. */
static bool output_can_move(const wt_value *x)
{
    size_t outputs = 0;
    for (size_t i = 0; i < x->n_uses; i++) {
        const wt_value *codes = x->uses[i].node->out[0];
        for (size_t k = 0; k < codes->n_uses; k++)
            outputs += codes->uses[k].node->out[0]->is_output;
    }
    return outputs == 0 || (outputs == 1 && !x->is_input && !wt_value_is_const(x));
}

static wt_status remove_pair(wt_value *x, wt_node *q, size_t *absorbed, wt_err *err)
{
    wt_value *codes = q->out[0];
    while (codes->n_uses) {
        wt_node *dq = codes->uses[codes->n_uses - 1].node;
        WT_TRY(wt_value_replace(dq->out[0], x, err));
        wt_node_remove(dq);
        if (dq->graph)
            return wt_fail(err, WT_EINTERNAL, "node '%s' cannot be removed", dq->name);
        ++*absorbed;
    }
    wt_node_remove(q);
    return WT_OK;
}

static wt_status absorb_pairs(wt_node *first, size_t *absorbed, wt_err *err)
{
    wt_value *x = first->n_in ? first->in[0] : NULL;
    wt_quant *quant = NULL;
    bool ok = false;
    if (!x || x->graph != first->graph || x->is_output || x->uses[0].node != first || /* once per value is enough */
        (x->type.dtype != WT_F32 && x->type.dtype != WT_DTYPE_NONE))
        return WT_OK;
    WT_TRY(read_quant(first, quantized_type(first), &quant, &ok, err));
    if (!ok || quant->dtype == WT_I32 || (x->quant && !same(x->quant, quant)))
        return WT_OK;
    for (size_t i = 0; i < x->n_uses; i++) {
        WT_TRY(is_pair(x->uses[i].node, first->graph, quant, &ok, err));
        if (!ok || x->uses[i].index != 0)
            return WT_OK;
    }
    if (!output_can_move(x))
        return WT_OK;
    size_t pairs = x->n_uses; /* replacing adds uses behind these, and removing takes from the front */
    while (pairs--)
        WT_TRY(remove_pair(x, x->uses[0].node, absorbed, err));
    x->quant = quant;
    return WT_OK;
}

/* All quantizing nodes of the graph and its subgraphs, in order; removed ones have no graph. */
typedef struct found {
    wt_context *ctx;
    wt_node **nodes;
    size_t count, cap;
} found;

static wt_status collect(void *arg, wt_node *node, wt_err *err)
{
    found *f = arg;
    if (!wt_node_is(node, WT_OP_QUANTIZELINEAR) && !wt_node_is(node, WT_OP_DEQUANTIZELINEAR))
        return WT_OK;
    WT_TRY(wt_grow(f->ctx, (void **)&f->nodes, &f->cap, f->count + 1, sizeof *f->nodes, err));
    f->nodes[f->count++] = node;
    return WT_OK;
}

wt_status wt_qdq_absorb(wt_graph *graph, size_t *absorbed, wt_err *err)
{
    found f = { .ctx = graph->root->ctx };
    size_t n = 0;
    wt_status st = wt_graph_visit(graph, collect, &f, err);
    for (size_t i = 0; i < f.count && st == WT_OK; i++) {
        wt_node *node = f.nodes[i];
        if (!node->graph)
            continue;
        st = wt_node_is(node, WT_OP_QUANTIZELINEAR) ? absorb_pairs(node, &n, err) : absorb_constant(node, &n, err);
    }
    wt_free(f.ctx, f.nodes);
    if (n && st == WT_OK)
        wt_graph_sweep(graph);
    if (absorbed)
        *absorbed = n;
    return st;
}
