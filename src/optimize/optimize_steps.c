/* optimize_steps.c - converting, calibrating, writing the artifact. */
#include "base/clock.h"
#include "base/json.h"
#include "model/format.h"
#include "optimize/optimize_impl.h"

wt_status wt_optimize_score(wt_optimizer *w, const wt_graph *g, wt_dataset *part, const char *task, wt_evaluation **e,
                            wt_err *err)
{
    wt_running r, original = { 0 };
    wt_eval_options eo = { .metric = w->o->metric, .task = task };
    *e = NULL;
    WT_TRY(wt_running_open(&r, g, &w->o->exec, NULL, 0, err));
    wt_status st = w->labelled ? WT_OK : wt_running_open(&original, w->q.source, &w->o->exec, NULL, 0, err);
    const wt_runner runner = { g, r.session, NULL }, reference = { w->q.source, original.session, NULL };
    if (!w->labelled)
        eo.reference = &reference;
    if (st == WT_OK)
        st = wt_evaluate_runner(e, &runner, part, &eo, err);
    wt_running_close(&original);
    wt_running_close(&r);
    return st;
}

static wt_status convert(wt_optimizer *w, wt_err *err)
{
    const wt_write_options wo = { .force = true };
    const uint64_t start = wt_now_ns();
    if (wt_journal_find(w->journal, "convert") && wt_path_exists(w->float_path))
        return WT_OK;
    WT_TRY(wt_format_by_name("onnx")->write(w->q.canonical, w->float_path, &wo, NULL, err));
    return wt_journal_add(w->journal, "convert", WT_STEP_MADE, json_pack("{s:f}", "seconds", wt_seconds_since(start)),
                          err);
}

static wt_status calibrate(wt_optimizer *w, wt_err *err)
{
    const uint64_t start = wt_now_ns();
    if (wt_journal_find(w->journal, "calibrate") && wt_path_exists(w->stats_path))
        return wt_stats_load(&w->q.points, w->stats_path, err);
    WT_TRY(wt_quantizer_announce(&w->q, err));
    WT_TRY(wt_calibrate_points(&w->q.points, w->calibration, &w->o->exec, &w->q.samples, err));
    WT_TRY(wt_stats_save(&w->q.points, w->q.samples, w->data_hash, w->stats_path, true, err));
    return wt_journal_add(
        w->journal, "calibrate", WT_STEP_MADE,
        json_pack("{s:I, s:f}", "samples", (json_int_t)w->q.samples, "seconds", wt_seconds_since(start)), err);
}

wt_status wt_optimize_prepare(wt_optimizer *w, wt_err *err)
{
    WT_TRY(convert(w, err));
    return calibrate(w, err);
}

/* --- the artifact
 * ------------------------------------------------------------------------------------------------------------ */
wt_status wt_optimize_write_build(wt_optimizer *w, const bool *float_nodes, const char *path, json_t **ledger,
                                  wt_err *err)
{
    wt_graph *g;
    wt_points used;
    uint64_t ignored;
    const wt_write_options wo = { .force = true };
    WT_TRY(wt_quantizer_build(&w->q, WT_RANGE_MSE, false, true, float_nodes, &g, &used, err));
    if (ledger) {
        wt_weight_bytes(w->q.source, &w->float_weights, &ignored);
        wt_weight_bytes(g, &ignored, &w->int8_weights);
        *ledger = wt_points_ledger(&used, "int8");
    }
    const wt_status st = wt_format_by_name("onnx")->write(g, path, &wo, NULL, err);
    wt_points_free(&used);
    wt_graph_close(g);
    return st;
}

wt_status wt_optimize_write(wt_optimizer *w, const bool *float_nodes, wt_err *err)
{
    return wt_optimize_write_build(w, float_nodes, w->int8_path, &w->ledger, err);
}
