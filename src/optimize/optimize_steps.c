/* optimize_steps.c - converting, calibrating, deciding what stays in float, writing the artifact. */
#include <math.h>
#include "base/clock.h"
#include "base/json.h"
#include "model/format.h"
#include "optimize/optimize_impl.h"
#include "optimize/sensitivity.h"

static const double KEEP_IN_SEARCH =
    0.995; /* of the float score, on the calibration part: above the gate, for parts differ */
enum { SENSITIVITY_SAMPLES = 8 };

static double seconds_since(uint64_t start) { return (double)(wt_now_ns() - start) * 1e-9; }

wt_status wt_optimize_score(wt_optimizer *w, const wt_graph *g, wt_dataset *part, const char *task, wt_evaluation **e,
                            wt_err *err)
{
    wt_plan *plan = NULL;
    wt_session *session = NULL;
    wt_plan_options po = wt_plan_defaults();
    const wt_eval_options eo = { .metric = w->o->metric, .task = task };
    *e = NULL;
    po.threads = w->o->exec.threads;
    wt_status st = wt_plan_open_graph(&plan, w->ctx, g, &po, err);
    if (st == WT_OK)
        st = wt_session_open(&session, plan, err);
    if (st == WT_OK)
        st = wt_evaluate_session(e, g, session, part, &eo, err);
    wt_session_close(session);
    wt_plan_close(plan);
    return st;
}

static wt_status convert(wt_optimizer *w, wt_err *err)
{
    const wt_write_options wo = { .force = true };
    const uint64_t start = wt_now_ns();
    if (wt_journal_find(w->journal, "convert") && wt_path_exists(w->float_path))
        return WT_OK;
    WT_TRY(wt_format_by_name("onnx")->write(w->q.canonical, w->float_path, &wo, NULL, err));
    return wt_journal_add(w->journal, "convert", json_pack("{s:f}", "seconds", seconds_since(start)), err);
}

static wt_status calibrate(wt_optimizer *w, wt_err *err)
{
    const uint64_t start = wt_now_ns();
    if (wt_journal_find(w->journal, "calibrate") && wt_path_exists(w->stats_path))
        return wt_stats_load(&w->q.points, w->stats_path, err);
    WT_TRY(wt_calibrate_points(&w->q.points, w->calibration, &w->o->exec, &w->q.samples, err));
    WT_TRY(wt_stats_save(&w->q.points, w->q.samples, w->data_hash, w->stats_path, true, err));
    return wt_journal_add(w->journal, "calibrate",
                          json_pack("{s:I, s:f}", "samples", (json_int_t)w->q.samples, "seconds", seconds_since(start)),
                          err);
}

wt_status wt_optimize_prepare(wt_optimizer *w, wt_err *err)
{
    WT_TRY(convert(w, err));
    return calibrate(w, err);
}

/* --- what stays in float
 * -------------------------------------------------------------------------------------------------- */
static wt_status score_build(wt_optimizer *w, const bool *float_nodes, double *value, wt_err *err)
{
    wt_graph *g;
    wt_points used;
    wt_evaluation *e;
    WT_TRY(wt_quantizer_build(&w->q, WT_RANGE_MSE, false, true, float_nodes, &g, &used, err));
    const wt_status st = wt_optimize_score(w, g, w->calibration, "scoring a candidate", &e, err);
    if (st == WT_OK)
        *value = wt_evaluation_result(e)->value;
    wt_evaluation_close(e);
    wt_points_free(&used);
    wt_graph_close(g);
    return st;
}

static wt_status score_float(wt_optimizer *w, double *value, bool *higher, wt_err *err)
{
    wt_evaluation *e;
    WT_TRY(wt_optimize_score(w, w->q.canonical, w->calibration, "scoring the original", &e, err));
    *value = wt_evaluation_result(e)->value;
    *higher = wt_evaluation_result(e)->info->better >= 0;
    wt_evaluation_close(e);
    return WT_OK;
}

static bool good_enough(double value, double reference, bool higher)
{
    return higher ? value >= KEEP_IN_SEARCH * reference : value <= reference / KEEP_IN_SEARCH + 1e-12;
}

/* The worst k products in float, k = 1, 2, 4, ... until the score is kept. */
static wt_status widen(wt_optimizer *w, bool *floats, double reference, bool higher, json_t *tried, wt_err *err)
{
    const size_t count = w->q.points.n_weighted;
    size_t n = 0;
    wt_sensitivity *worst = wt_alloc(w->ctx, count + 1, sizeof *worst, err);
    if (!worst)
        return WT_ENOMEM;
    wt_status st = wt_sensitivity_measure(&w->q, w->calibration, SENSITIVITY_SAMPLES, WT_RANGE_MSE, worst, &n, err);
    for (size_t k = 1, from = 0; st == WT_OK && from < n; k *= 2) {
        double value = 0;
        for (; from < k && from < n; from++)
            floats[worst[from].weighted] = true;
        st = score_build(w, floats, &value, err);
        json_array_append_new(
            tried, json_pack("{s:I, s:o}", "float_products", (json_int_t)from, "value", wt_json_real(value)));
        if (st == WT_OK && good_enough(value, reference, higher))
            break;
    }
    wt_free(w->ctx, worst);
    return st;
}

static wt_status run_search(wt_optimizer *w, bool *floats, json_t *doc, wt_err *err)
{
    double reference, value;
    bool higher;
    json_t *tried = json_array(), *list = json_array();
    json_object_set_new(doc, "tried", tried);
    json_object_set_new(doc, "float_nodes", list);
    WT_TRY(score_float(w, &reference, &higher, err));
    WT_TRY(score_build(w, NULL, &value, err));
    json_object_set_new(doc, "float_value", wt_json_real(reference));
    json_array_append_new(tried, json_pack("{s:i, s:o}", "float_products", 0, "value", wt_json_real(value)));
    if (!good_enough(value, reference, higher))
        WT_TRY(widen(w, floats, reference, higher, tried, err));
    for (size_t i = 0; i < w->q.points.n_weighted; i++)
        if (floats[i])
            json_array_append_new(list, json_integer((json_int_t)i));
    return WT_OK;
}

wt_status wt_optimize_search(wt_optimizer *w, bool **float_nodes, wt_err *err)
{
    const uint64_t start = wt_now_ns();
    const json_t *done = wt_journal_find(w->journal, "search");
    bool *floats = wt_alloc(w->ctx, w->q.points.n_weighted + 1, sizeof *floats, err);
    *float_nodes = floats;
    if (!floats)
        return WT_ENOMEM;
    if (done) {
        size_t i;
        const json_t *v;
        json_array_foreach(json_object_get(done, "float_nodes"), i,
                           v) if ((size_t)json_integer_value(v) < w->q.points.n_weighted)
            floats[json_integer_value(v)] = true;
        return WT_OK;
    }
    json_t *doc = json_object();
    wt_status st = doc ? run_search(w, floats, doc, err) : wt_fail(err, WT_ENOMEM, "no memory for the search");
    if (st == WT_OK) {
        json_object_set_new(doc, "seconds", json_real(seconds_since(start)));
        return wt_journal_add(w->journal, "search", doc, err);
    }
    json_decref(doc);
    wt_free(w->ctx, floats);
    *float_nodes = NULL;
    return st;
}

/* --- the artifact
 * ------------------------------------------------------------------------------------------------------------ */
wt_status wt_optimize_write(wt_optimizer *w, const bool *float_nodes, wt_err *err)
{
    wt_graph *g;
    wt_points used;
    uint64_t ignored;
    const wt_write_options wo = { .force = true };
    WT_TRY(wt_quantizer_build(&w->q, WT_RANGE_MSE, false, true, float_nodes, &g, &used, err));
    wt_weight_bytes(w->q.source, &w->float_weights, &ignored);
    wt_weight_bytes(g, &ignored, &w->int8_weights);
    w->ledger = wt_points_ledger(&used, "int8");
    const wt_status st = wt_format_by_name("onnx")->write(g, w->int8_path, &wo, NULL, err);
    wt_points_free(&used);
    wt_graph_close(g);
    return st;
}
