/* points.c - the rules of int8 quantization. See points.h.
 *
 * A product (Conv, MatMul, Gemm) with constant weights computes with integers; its input therefore gets a scale. From
 * there the demand for codes goes backwards: sums, products, averages, tables and everything that only moves its input
 * take codes if their result is wanted as codes, so that islands grow. Functions of one value (HardSwish, a scalar
 * factor, ...) form chains: only their ends get scales, for a table of 256 entries is the whole chain. The result of a
 * product is codes too, unless a ReLU or Clip follows, which saturation does for free. That costs some precision where
 * another function follows, and buys that every engine finds its integer kernel (DQ - product - Q) and that all engines
 * give the same codes: integers are exact, and what follows is a table. Results of the graph are never quantized: a
 * class score next to a coordinate would be rounded away. A table of rows (Gather) is stored as integers. */
#include <math.h>
#include "base/str.h"
#include "optimize/points.h"
#include "run/passes/pass.h"

static bool is_activation(const wt_value *v)
{
    return v && !wt_value_is_const(v) && v->type.dtype == WT_F32 && v->kind == WT_TENSOR_VALUE && !v->is_output;
}

/* --- nodes with weights
 * ------------------------------------------------------------------------------------------------ */
static const char *kept(const wt_points_options *o, const wt_node *n, const wt_value *weight)
{
    char glob[256];
    for (size_t i = 0; i < o->n_keep; i++) {
        const char *eq = strrchr(o->keep[i], '=');
        const size_t len = eq ? (size_t)(eq - o->keep[i]) : strlen(o->keep[i]);
        if (len >= sizeof glob || (eq && strcmp(eq + 1, "float") && strcmp(eq + 1, "fp32")))
            continue;
        memcpy(glob, o->keep[i], len);
        glob[len] = 0;
        if (wt_glob_match(glob, n->name) || wt_glob_match(glob, weight->name) ||
            (n->n_out && n->out[0] && wt_glob_match(glob, n->out[0]->name)))
            return "kept by --keep";
    }
    return NULL;
}

static bool float_weights(const wt_value *w, int min_rank)
{
    return wt_value_is_const(w) && w->type.dtype == WT_F32 && !w->quant && w->type.shape.rank >= min_rank &&
           w->type.bytes >= 4;
}

static bool all_uses_alike(const wt_value *w, const wt_node *n)
{
    for (size_t i = 0; i < w->n_uses; i++)
        if (w->uses[i].node->op != n->op || w->uses[i].index != w->uses[0].index)
            return false;
    return true;
}

/* Fills w when node n has weights worth storing as integers. */
static bool classify(wt_node *n, wt_weighted *w)
{
    *w = (wt_weighted){
        .node = n, .kind = WT_PART_INT8, .why = "integer product", .output_sqnr_db = NAN, .weight_sqnr_db = NAN
    };
    switch (n->op ? n->op->code : WT_OP_UNKNOWN) {
    case WT_OP_CONV:
        w->weight = n->in[1];
        w->axis = 0;
        if (float_weights(w->weight, 3) && w->weight->type.shape.rank > 4) {
            w->kind = WT_PART_WEIGHT_ONLY;
            w->why = "no integer kernel for three spatial axes";
        }
        return float_weights(w->weight, 3);
    case WT_OP_MATMUL:
        w->weight = n->in[1];
        w->axis = 1;
        return float_weights(w->weight, 2) && w->weight->type.shape.rank == 2;
    case WT_OP_GEMM:
        w->weight = n->in[1];
        w->axis = wt_attr_int(&n->attrs, "transB", 0) ? 0 : 1;
        if (wt_attr_int(&n->attrs, "transA", 0) || wt_attr_float(&n->attrs, "alpha", 1) != 1 ||
            wt_attr_float(&n->attrs, "beta", 1) != 1) {
            w->kind = WT_PART_WEIGHT_ONLY;
            w->why = "Gemm with alpha, beta or transA is computed in float";
        }
        return float_weights(w->weight, 2);
    case WT_OP_CONVTRANSPOSE:
        w->weight = n->in[1];
        w->axis = wt_attr_int(&n->attrs, "group", 1) == 1 ? 1 : -1;
        w->kind = WT_PART_WEIGHT_ONLY;
        w->why = "ConvTranspose is computed in float";
        return float_weights(w->weight, 3);
    case WT_OP_GATHER:
        w->weight = n->in[0];
        w->axis = 1;
        w->kind = WT_PART_WEIGHT_ONLY;
        w->why = "rows are looked up, not multiplied";
        return float_weights(w->weight, 2) && w->weight->type.shape.rank == 2 && !wt_attr_int(&n->attrs, "axis", 0);
    case WT_OP_LSTM:
    case WT_OP_GRU:
    case WT_OP_RNN:
        w->weight = n->in[1];
        w->axis = 1;
        w->kind = WT_PART_WEIGHT_ONLY;
        w->why = "a recurrence sums its own errors: computed in float";
        return float_weights(w->weight, 3);
    default: return false;
    }
}

static void refine(const wt_points_options *o, wt_weighted *w)
{
    const char *why = kept(o, w->node, w->weight);
    if (why) {
        w->kind = WT_PART_FLOAT;
        w->why = why;
    } else if (!all_uses_alike(w->weight, w->node) && w->kind != WT_PART_FLOAT && w->weight->n_uses > 1) {
        w->kind = WT_PART_FLOAT;
        w->why = "its weights are used in different ways";
    } else if (w->kind == WT_PART_INT8 && !is_activation(w->node->in[0])) {
        w->kind = WT_PART_WEIGHT_ONLY;
        w->why = "its input is no float activation";
    }
}

/* The recurrent matrix of a recurrence is a second weight of the same node. */
static bool recurrent_weights(const wt_weighted *first, wt_weighted *second)
{
    const wt_node *n = first->node;
    if (!wt_node_is(n, WT_OP_LSTM) && !wt_node_is(n, WT_OP_GRU) && !wt_node_is(n, WT_OP_RNN))
        return false;
    *second = *first;
    second->weight = n->in[2];
    return float_weights(second->weight, 3) && second->weight != first->weight;
}

static wt_status find_weighted(wt_points *p, const wt_points_options *o, wt_err *err)
{
    p->weighted = wt_arena_alloc(&p->arena, 2 * p->graph->n_nodes + 2, sizeof *p->weighted, err);
    if (!p->weighted)
        return WT_ENOMEM;
    for (wt_node *n = p->graph->first; n; n = n->next) {
        wt_weighted w, second;
        if (!classify(n, &w))
            continue;
        refine(o, &w);
        p->weighted[p->n_weighted++] = w;
        if (recurrent_weights(&w, &second))
            p->weighted[p->n_weighted++] = second;
    }
    return WT_OK;
}

/* --- the demand for codes
 * ---------------------------------------------------------------------------------------------------- */
typedef struct chooser {
    wt_points *p;
    bool *want;     /* by value id */
    bool *product;  /* by node id: an integer product */
    bool *weighted; /* by node id: any product with weights, in float or in integers */
} chooser;

static bool only_use(const wt_value *v) { return wt_value_single_use(v); }

static bool is_product(const chooser *c, const wt_value *v) { return v->producer && c->product[v->producer->id]; }

static bool is_weighted(const chooser *c, const wt_value *v) { return v->producer && c->weighted[v->producer->id]; }

static bool saturates(const wt_node *n) { return wt_node_is(n, WT_OP_RELU) || wt_node_is(n, WT_OP_CLIP); }

static void demand(chooser *c, wt_value *v);

/* The chain of functions that ends in n begins at the value that is demanded. */
static void demand_table(chooser *c, const wt_node *n, size_t x)
{
    wt_value *v = n->in[x];
    /* For the ReLU of a float product, too: nothing is gained by codes between the two. */
    if (saturates(n) && v && is_weighted(c, v) && only_use(v))
        return;
    for (size_t next; v && v->producer && v->producer->op && only_use(v) && !is_product(c, v) &&
                      wt_node_is_function(v->producer, &next);)
        v = v->producer->in[next];
    demand(c, v);
}

static void demand_operands(chooser *c, const wt_node *n)
{
    size_t x;
    if (wt_node_is_function(n, &x)) {
        demand_table(c, n, x);
    } else if (wt_node_is(n, WT_OP_CONCAT)) {
        for (size_t i = 0; i < n->n_in; i++)
            demand(c, n->in[i]);
    } else if (wt_node_is(n, WT_OP_ADD) || wt_node_is(n, WT_OP_SUB) || wt_node_is(n, WT_OP_MUL)) {
        if (!is_activation(n->in[0]) || !is_activation(n->in[1]))
            return;
        demand(c, n->in[0]);
        demand(c, n->in[1]);
    } else if (wt_node_moves_only(n) || wt_node_is(n, WT_OP_AVERAGEPOOL) || wt_node_is(n, WT_OP_GLOBALAVERAGEPOOL)) {
        demand(c, n->in[0]);
    }
}

static void demand(chooser *c, wt_value *v)
{
    if (!is_activation(v) || v->graph != c->p->graph || c->want[v->id])
        return;
    c->want[v->id] = true;
    if (v->producer && v->producer->op)
        demand_operands(c, v->producer);
}

static bool already(const wt_points *p, const wt_value *v) { return p->point_of[v->id] >= 0; }

static wt_status collect(wt_points *p, const bool *want, wt_err *err)
{
    size_t n = p->n_points, used = n;
    for (wt_node *node = p->graph->first; node; node = node->next)
        n += node->n_out;
    wt_point *all = wt_arena_alloc(&p->arena, n + p->graph->n_inputs, sizeof *all, err);
    if (!all)
        return WT_ENOMEM;
    if (used)
        memcpy(all, p->points, used * sizeof *all);
    p->points = all;
    for (size_t i = 0; i < used; i++)
        all[i].dropped = !want[all[i].value->id];
    for (size_t i = 0; i < p->graph->n_inputs; i++) {
        wt_value *v = p->graph->inputs[i];
        if (want[v->id] && !already(p, v)) {
            p->point_of[v->id] = (int32_t)used;
            all[used++] = (wt_point){ .value = v };
        }
    }
    for (wt_node *node = p->graph->first; node; node = node->next)
        for (size_t o = 0; o < node->n_out; o++) {
            wt_value *v = node->out[o];
            if (!v || !want[v->id] || already(p, v))
                continue;
            p->point_of[v->id] = (int32_t)used;
            all[used++] = (wt_point){ .value = v };
        }
    p->n_points = used;
    return WT_OK;
}

/* The bias correction needs the mean of each input channel of a product. */
static void mark_channels(wt_points *p)
{
    for (size_t i = 0; i < p->n_weighted; i++) {
        const wt_weighted *w = &p->weighted[i];
        const wt_value *x = w->node->in[0];
        if (w->kind == WT_PART_INT8 && p->point_of[x->id] >= 0)
            p->points[p->point_of[x->id]].channel_axis = wt_node_is(w->node, WT_OP_CONV) ? 1 : -1;
    }
}

wt_status wt_points_choose(wt_points *p, wt_err *err)
{
    wt_context *ctx = p->graph->ctx;
    const size_t nv = p->graph->root->next_value_id, nn = p->graph->root->next_node_id;
    chooser c = { .p = p };
    c.want = wt_alloc(ctx, nv + 2 * nn, sizeof *c.want, err);
    if (!c.want)
        return WT_ENOMEM;
    c.product = c.want + nv;
    c.weighted = c.product + nn;
    for (size_t i = 0; i < p->n_weighted; i++) {
        c.product[p->weighted[i].node->id] = p->weighted[i].kind == WT_PART_INT8;
        c.weighted[p->weighted[i].node->id] = true;
    }
    for (size_t i = 0; i < p->n_weighted; i++)
        if (p->weighted[i].kind == WT_PART_INT8)
            demand(&c, p->weighted[i].node->in[0]);
    const wt_status st = collect(p, c.want, err);
    wt_free(ctx, c.want);
    if (st == WT_OK)
        mark_channels(p);
    return st;
}

wt_status wt_points_find(wt_points *out, wt_graph *graph, const wt_points_options *options, wt_err *err)
{
    *out = (wt_points){ .graph = graph };
    wt_arena_init(&out->arena, graph->ctx);
    wt_status st = WT_OK;
    out->point_of = wt_arena_alloc(&out->arena, graph->root->next_value_id + 1, sizeof *out->point_of, err);
    if (!out->point_of)
        st = WT_ENOMEM;
    for (size_t i = 0; st == WT_OK && i < graph->root->next_value_id; i++)
        out->point_of[i] = -1;
    if (st == WT_OK)
        st = find_weighted(out, options, err);
    if (st == WT_OK)
        st = wt_points_choose(out, err);
    if (st != WT_OK)
        wt_points_free(out);
    return st;
}

void wt_points_free(wt_points *p)
{
    wt_arena_free(&p->arena);
    *p = (wt_points){ 0 };
}

/* --- ranges
 * --------------------------------------------------------------------------------------------------------------------------
 */
static size_t root_of(wt_points *p, size_t i)
{
    while (p->points[i].group != i)
        i = p->points[i].group;
    return i;
}

static int32_t point_at(const wt_points *p, const wt_value *v)
{
    const int32_t i = v ? p->point_of[v->id] : -1;
    return i >= 0 && !p->points[i].dropped ? i : -1;
}

static void join(wt_points *p, const wt_value *a, const wt_value *b)
{
    const int32_t i = point_at(p, a), k = point_at(p, b);
    if (i < 0 || k < 0)
        return;
    const size_t x = root_of(p, (size_t)i), y = root_of(p, (size_t)k);
    p->points[x < y ? y : x].group = x < y ? x : y;
}

static double span(const wt_point *p) { return p->range.hi - p->range.lo; }

/* Smallest and largest range among the parts of a Concat; false if a part has none. */
static bool concat_spans(const wt_points *p, const wt_node *n, double *least, double *most)
{
    *least = INFINITY;
    *most = 0;
    for (size_t i = 0; i < n->n_in; i++) {
        const int32_t k = point_at(p, n->in[i]);
        if (k < 0)
            return false;
        *least = fmin(*least, span(&p->points[k]));
        *most = fmax(*most, span(&p->points[k]));
    }
    return true;
}

/* What is cut off behind a Concat needs no codes of its own in it: saturation does it, and the scale is as fine as that
 * of the result. Besides, OpenVINO 2026.4 crashes on a ReLU between a Concat and another scale. */
static bool cut_off(const wt_node *concat)
{
    const wt_value *v = concat->out[0];
    return only_use(v) && saturates(v->uses[0].node);
}

static void join_cut(wt_points *p, const wt_node *n)
{
    const int32_t in = point_at(p, n->in[0]), out = point_at(p, n->out[0]);
    if (in < 0 || out < 0 || !wt_node_is(n->in[0]->producer, WT_OP_CONCAT) || !cut_off(n->in[0]->producer))
        return;
    p->points[in].range = p->points[out].range;
    join(p, n->in[0], n->out[0]);
}

/* Parts of a Concat share one scale only if their ranges agree within a factor of two. Beyond that each part keeps its
 * own scale up to the Concat; beyond eight the result would have no levels left for its smallest part and stays in
 * float. */
static void join_concat(wt_points *p, const wt_node *n)
{
    double least, most;
    const int32_t out = point_at(p, n->out[0]);
    if (out < 0 || !concat_spans(p, n, &least, &most))
        return;
    if (most <= 2 * least && !cut_off(n))
        for (size_t i = 0; i < n->n_in; i++)
            join(p, n->in[i], n->out[0]);
    else if (most > 8 * least)
        p->points[out].dropped = true;
}

/* Products that lost the scale of their input compute in float. */
static void drop_products(wt_points *p)
{
    for (size_t i = 0; i < p->n_weighted; i++) {
        wt_weighted *w = &p->weighted[i];
        if (w->kind == WT_PART_INT8 && point_at(p, w->node->in[0]) < 0) {
            w->kind = WT_PART_FLOAT; /* its weights make up for the ranges, and differ as much */
            w->why =
                "its input joins parts of ranges that differ more than eightfold: one scale would erase the smallest";
        }
    }
}

static void share_groups(wt_points *p)
{
    for (size_t i = 0; i < p->n_points; i++) {
        wt_point *r = &p->points[root_of(p, i)], *q = &p->points[i];
        if (q->dropped)
            continue;
        r->range.lo = fmin(r->range.lo, q->range.lo);
        r->range.hi = fmax(r->range.hi, q->range.hi);
    }
    for (size_t i = 0; i < p->n_points; i++)
        p->points[i].range = p->points[root_of(p, i)].range;
}

/* The first such value in the order of the graph is where the trouble begins. */
static wt_status refuse_empty(const char *name, uint64_t nonfinite, wt_err *err)
{
    if (!nonfinite)
        return wt_fail(err, WT_EFORMAT, "value '%s' never had an element: the data do not exercise the model", name);
    wt_fail(err, WT_EFORMAT, "value '%s' never had a finite element: all %llu were NaN or infinite", name,
            (unsigned long long)nonfinite);
    wt_err_hint(err,
                "the data are finite, so look for NaN or infinity in the weights before it: export the model again");
    return WT_EFORMAT;
}

wt_status wt_points_ranges(wt_points *p, wt_range_method method, bool symmetric, wt_err *err)
{
    for (size_t i = 0; i < p->n_points; i++) {
        wt_point *q = &p->points[i];
        q->group = i;
        if (q->dropped)
            continue;
        if (q->stats.nonfinite)
            wt_log(p->graph->ctx, WT_LOG_WARN,
                   "value '%s' had %llu elements that are NaN or infinite; they were left out", q->value->name,
                   (unsigned long long)q->stats.nonfinite);
        if (!q->stats.count)
            return refuse_empty(q->value->name, q->stats.nonfinite, err);
        q->range = wt_stats_range(&q->stats, method, symmetric, symmetric ? 255 : 256);
    }
    for (wt_node *n = p->graph->first; n; n = n->next)
        if (n->op && n->n_out && n->out[0] && wt_node_is(n, WT_OP_CONCAT))
            join_concat(p, n);
        else if (n->op && n->n_out && n->out[0] && wt_node_moves_only(n))
            join(p, n->in[0], n->out[0]);
        else if (n->op && n->n_out && n->out[0] && saturates(n))
            join_cut(p, n);
    drop_products(p);
    share_groups(p);
    return WT_OK;
}
