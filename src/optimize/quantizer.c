/* quantizer.c - see quantizer.h. */
#include "optimize/quantizer.h"
#include <math.h>
#include "base/json.h"
#include "base/str.h"
#include "measure/open.h"
#include "model/format.h"
#include "run/passes/pass.h"

static wt_status rewrite(wt_quantizer *q, const wt_exec_options *exec, wt_err *err)
{
    wt_pass_ctx pc = { .ctx = q->ctx, .cpu = wt_context_cpu(q->ctx) };
    WT_TRY(wt_graph_clone(&q->canonical, q->source, err));
    WT_TRY(wt_graph_widen(q->canonical, err)); /* codes are made of real weights */
    WT_TRY(wt_passes_run(&pc, q->canonical, true, NULL, exec ? exec->passes_off : NULL, exec ? exec->n_passes_off : 0,
                         err));
    return wt_graph_infer(q->canonical, err);
}

typedef struct hidden {
    const wt_graph *graph;
    const wt_node *inside; /* a product in a branch or a body */
} hidden;

static wt_status note_hidden(void *arg, wt_node *n, wt_err *err)
{
    hidden *h = arg;
    (void)err;
    if (!h->inside && n->graph != h->graph &&
        (wt_node_is(n, WT_OP_CONV) || wt_node_is(n, WT_OP_MATMUL) || wt_node_is(n, WT_OP_GEMM)))
        h->inside = n;
    return WT_OK;
}

/* Weights that are out of reach are another trouble than none. */
static wt_status nothing_to_do(wt_quantizer *q, const char *path, wt_err *err)
{
    hidden h = { .graph = q->canonical };
    WT_TRY(wt_graph_visit(q->canonical, note_hidden, &h, err));
    wt_fail(err, WT_EUNSUPPORTED, "the model has no weights that int8 quantization applies to");
    if (h.inside) {
        wt_fail(err, WT_EUNSUPPORTED,
                "the weights that int8 applies to lie in branches or bodies of loops, which stay in float: %s",
                h.inside->name);
        wt_err_hint(err, "export the model for one case, such as one sample rate, so that nothing is left to decide");
    }
    wt_err_where(err, "%s", path);
    return WT_EUNSUPPORTED;
}

wt_status wt_quantizer_open(wt_quantizer *q, wt_context *ctx, const char *path, const wt_exec_options *exec,
                            const char *const *keep, size_t n_keep, wt_err *err)
{
    const wt_points_options po = { keep, n_keep };
    *q = (wt_quantizer){ .ctx = ctx };
    wt_status st = wt_open_graph(&q->source, ctx, path, exec, err);
    if (st == WT_OK)
        st = rewrite(q, exec, err);
    if (st == WT_OK)
        st = wt_points_find(&q->points, q->canonical, &po, err);
    if (st == WT_OK && !q->points.n_weighted)
        st = nothing_to_do(q, path, err);
    if (st != WT_OK)
        wt_quantizer_close(q);
    return st;
}

void wt_quantizer_close(wt_quantizer *q)
{
    if (q->canonical)
        wt_points_free(&q->points);
    wt_graph_close(q->canonical);
    wt_graph_close(q->source);
    *q = (wt_quantizer){ 0 };
}

uint64_t wt_quantizer_estimate(const wt_quantizer *q)
{
    uint64_t sum = q->points.n_points * (sizeof(wt_point) + WT_STATS_BINS * sizeof(uint64_t));
    for (const wt_node *n = q->canonical->first; n; n = n->next)
        for (size_t i = 0; i < n->n_out; i++) {
            size_t bytes;
            if (n->out[i] && wt_tensor_size(&n->out[i]->type, &bytes))
                sum += bytes; /* an upper bound: lifetimes overlap */
        }
    for (size_t i = 0; i < q->canonical->n_constants; i++)
        sum += q->canonical->constants[i]->type.bytes; /* packed weights */
    return sum;
}

wt_status wt_quantizer_announce(const wt_quantizer *q, wt_err *err)
{
    char text[32];
    const uint64_t bytes = wt_quantizer_estimate(q);
    wt_log(q->ctx, WT_LOG_INFO, "calibration needs at most %s beyond the mapped model",
           wt_human_bytes(bytes, text, sizeof text));
    return wt_budget_check(q->ctx, bytes, "calibration", err);
}

/* The canonical graph's points carried over to a clone, whose values have the same names. */
static wt_status transfer(const wt_points *from, wt_points *to, const bool *float_nodes, wt_err *err)
{
    for (size_t i = 0; i < to->n_weighted; i++) {
        to->weighted[i].kind = from->weighted[i].kind;
        to->weighted[i].why = from->weighted[i].why;
        if (float_nodes && float_nodes[i] && to->weighted[i].kind == WT_PART_INT8) {
            to->weighted[i].kind = WT_PART_WEIGHT_ONLY;
            to->weighted[i].why = "computed in float: it hurt the result most";
        }
    }
    WT_TRY(wt_points_choose(to, err));
    for (size_t i = 0; i < to->n_points; i++) {
        const wt_value *v = wt_graph_find(from->graph, to->points[i].value->name);
        const int32_t k = v ? from->point_of[v->id] : -1;
        if (k >= 0)
            to->points[i].stats = from->points[k].stats; /* bins are shared, read-only */
        else if (!to->points[i].dropped)
            return wt_fail(err, WT_EINTERNAL, "value '%s' was not calibrated", to->points[i].value->name);
    }
    return WT_OK;
}

wt_status wt_quantizer_build(const wt_quantizer *q, wt_range_method method, bool symmetric, bool bias_correction,
                             const bool *float_nodes, wt_graph **out, wt_points *used, wt_err *err)
{
    const wt_points_options none = { NULL, 0 };
    const wt_annotate_options ao = { symmetric, bias_correction };
    *out = NULL;
    WT_TRY(wt_graph_clone(out, q->canonical, err));
    wt_status st = wt_points_find(used, *out, &none, err);
    if (st == WT_OK) {
        st = transfer(&q->points, used, float_nodes, err);
        if (st == WT_OK)
            st = wt_points_ranges(used, method, symmetric, err);
        if (st == WT_OK)
            st = wt_points_annotate(used, &ao, err);
        if (st == WT_OK)
            wt_graph_sweep(*out); /* biases that were replaced */
        if (st != WT_OK)
            wt_points_free(used);
    }
    if (st != WT_OK) {
        wt_graph_close(*out);
        *out = NULL;
    }
    return st;
}

/* --- the ledger
 * ------------------------------------------------------------------------------------------------------------ */
static json_t *weight_row(const wt_weighted *w, const char *asked)
{
    static const char *const got[] = { "int8", "int8 weights, float product", "float" };
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "tensor", w->weight->name, "node", w->node->name, "op",
                     w->node->op_type, "kind", "weight", "asked", asked, "got", got[w->kind], "why", w->why, "sqnr_db",
                     wt_json_real(w->weight_sqnr_db));
}

static json_t *activation_row(const wt_point *p, const char *asked)
{
    if (p->dropped)
        return json_pack("{s:s, s:s, s:s, s:s, s:s}", "tensor", p->value->name, "kind", "activation", "asked", asked,
                         "got", "float", "why", "nothing that reads it takes codes");
    const wt_quant *q = p->value->quant;
    const double error = q ? wt_stats_error(&p->stats, p->range, 256) : 0;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:i, s:o, s:o}", "tensor", p->value->name, "kind",
                     "activation", "asked", asked, "got", q && q->dtype == WT_I8 ? "int8" : "uint8", "why",
                     "feeds an integer operator", "sqnr_db", error > 0 ? wt_json_real(-10 * log10(error)) : json_null(),
                     "scale", wt_json_real(q ? (double)q->scale[0] : 0), "zero_point", q ? (int)q->zero_point[0] : 0,
                     "min", wt_json_real((double)p->stats.min), "max", wt_json_real((double)p->stats.max));
}

json_t *wt_points_ledger(const wt_points *p, const char *asked)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->n_weighted; i++)
        json_array_append_new(list, weight_row(&p->weighted[i], asked));
    for (size_t i = 0; i < p->n_points; i++)
        json_array_append_new(list, activation_row(&p->points[i], asked));
    return list;
}

void wt_weight_bytes(const wt_graph *graph, uint64_t *as_float, uint64_t *as_stored)
{
    *as_float = *as_stored = 0;
    for (size_t i = 0; i < graph->n_constants; i++) {
        const wt_value *v = graph->constants[i];
        int64_t n;
        const bool half = v->type.dtype == WT_F16 || v->type.dtype == WT_BF16;
        if ((v->type.dtype != WT_F32 && !half) || !wt_shape_count(&v->type.shape, &n) || n <= 1 ||
            (!v->n_uses && !v->is_output))
            continue;
        *as_float += 4 * (uint64_t)n;
        if (half)
            *as_stored += 2 * (uint64_t)n;
        else if (!v->quant)
            *as_stored += 4 * (uint64_t)n;
        else if (v->quant->dtype == WT_I32)
            *as_stored += 4 * ((uint64_t)n + v->quant->count);
        else
            *as_stored += (uint64_t)n + 4 * v->quant->count;
    }
}
