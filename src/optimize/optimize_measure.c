/* optimize_measure.c - what every stage gave: latency and memory of all artifacts side by side, accuracy on samples
 * that calibration never saw, and the comparison with the original. */
#include <math.h>
#include <stdio.h>
#include "base/json.h"
#include "optimize/optimize_impl.h"

enum { KEPT_SAMPLES = 400, LAYER_SAMPLES = 4 };

/* --- latency and memory
 * ------------------------------------------------------------------------------------------------ */
static json_t *kept_samples(const wt_lane *lane)
{
    json_t *list = json_array();
    const size_t step = lane->n / KEPT_SAMPLES + 1;
    for (size_t i = 0; i < lane->n; i += step)
        json_array_append_new(list, wt_json_real(lane->ms[i]));
    return list;
}

/* Standard deviation over mean of all but the slowest hundredth: what the machine does now and then shows in p99, and
 * is not the model's. v is sorted. */
static double spread_of(const double *v, size_t n)
{
    const size_t m = n - n / 100;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < m; i++)
        sum += v[i];
    const double mean = sum / (double)m;
    for (size_t i = 0; i < m; i++)
        squares += (v[i] - mean) * (v[i] - mean);
    return m > 1 && mean > 0 ? sqrt(squares / (double)(m - 1)) / mean : 0;
}

/* How steady the model is, not the machine: of the runs during which nobody else took a core away, where there are
 * enough of those (long runs all meet somebody). */
enum { LEAST_ALONE = 20 };
static wt_status steadiness(wt_optimizer *w, const wt_lane *lane, double *spread, double *interrupted, wt_err *err)
{
    wt_summary s;
    size_t alone = 0;
    double *v = wt_alloc_raw(w->ctx, lane->n, sizeof *v, err);
    if (!v)
        return WT_ENOMEM;
    for (size_t i = 0; i < lane->n; i++)
        if (!lane->interrupted[i])
            v[alone++] = lane->ms[i];
    const size_t n = alone >= LEAST_ALONE ? alone : lane->n;
    if (n == lane->n)
        memcpy(v, lane->ms, n * sizeof *v);
    const wt_status st = wt_summarize(w->ctx, v, n, wt_context_seed(w->ctx), &s, err);
    *spread = spread_of(v, n);
    *interrupted = (double)(lane->n - alone) / (double)lane->n;
    wt_free(w->ctx, v);
    return st;
}

static wt_status lane_json(wt_optimizer *w, wt_lane *lane, const char *meter, json_t **out, wt_err *err)
{
    wt_summary s;
    double spread, interrupted;
    if (lane->status != WT_OK) {
        if (err)
            *err = lane->err;
        return lane->status;
    }
    WT_TRY(steadiness(w, lane, &spread, &interrupted, err));
    json_t *samples = kept_samples(lane); /* in the order of the runs, which the next line changes */
    WT_TRY(wt_summarize(w->ctx, lane->ms, lane->n, wt_context_seed(w->ctx), &s, err));
    *out = json_pack(
        "{s:o, s:o, s:I, s:I, s:I, s:I, s:f, s:i}", "latency_ms", wt_summary_json(&s), "samples", samples,
        "peak_rss_bytes", (json_int_t)lane->peak_rss_bytes, "empty_rss_bytes", (json_int_t)lane->empty_rss_bytes,
        "weights_bytes", (json_int_t)(lane->weights_bytes + lane->mapped_bytes), "activation_bytes",
        (json_int_t)lane->activation_bytes, "open_ms", lane->open_ms + lane->plan_ms, "threads", lane->threads);
    if (!*out)
        return wt_fail(err, WT_ENOMEM, "no memory for the result");
    json_object_set_new(*out, "spread", wt_json_real(spread));
    json_object_set_new(*out, "interrupted", wt_json_real(interrupted));
    wt_lane_energy(lane, meter, 0, NULL, *out);
    return WT_OK;
}

static wt_status speedup_json(wt_optimizer *w, const wt_lane *base, const wt_lane *lane, json_t *doc, wt_err *err)
{
    double ratio, ci[2];
    const size_t n = base->rounds < lane->rounds ? base->rounds : lane->rounds;
    WT_TRY(wt_ratio_of_medians(w->ctx, lane->round_ms, base->round_ms, n, wt_context_seed(w->ctx), &ratio, ci, err));
    json_object_set_new(doc, "speedup", wt_json_real(ratio));
    json_object_set_new(doc, "speedup_ci95", json_pack("[o, o]", wt_json_real(ci[0]), wt_json_real(ci[1])));
    return WT_OK;
}

/* Every artifact with all threads and with one: small models lose more at the hand-off than they gain, the original no
 * less than the result. The original twice with all: the second is the noise floor. */
enum { BASELINE, AGAIN, CONVERT, QUANTIZE, BASELINE_ONE, CONVERT_ONE, QUANTIZE_ONE, LANES };
static const char *const lane_names[LANES] = { "baseline",     "again",       "convert",     "quantize",
                                               "baseline_one", "convert_one", "quantize_one" };

static double median_of(const json_t *doc, int lane)
{
    return json_number_value(
        json_object_get(json_object_get(json_object_get(doc, lane_names[lane]), "latency_ms"), "p50"));
}

static wt_status lanes_json(wt_optimizer *w, wt_lane *lanes, int n, const char *meter, json_t *doc, wt_err *err)
{
    for (int i = 0; i < n; i++) {
        json_t *one;
        WT_TRY(lane_json(w, &lanes[i], meter, &one, err));
        json_object_set_new(doc, lane_names[i], one);
    }
    const int base = n == LANES && median_of(doc, BASELINE_ONE) < median_of(doc, BASELINE) ? BASELINE_ONE : BASELINE;
    for (int i = 0; i < n; i++)
        WT_TRY(
            speedup_json(w, &lanes[i == AGAIN ? BASELINE : base], &lanes[i], json_object_get(doc, lane_names[i]), err));
    json_object_set_new(doc, "base", json_string(lane_names[base]));
    return WT_OK;
}

static wt_status measure_all(wt_optimizer *w, json_t *doc, wt_err *err)
{
    const int all = wt_optimize_threads(w), n = all > 1 ? LANES : BASELINE_ONE;
    wt_lane lanes[LANES] = {
        { .model = w->model, .threads = all },      { .model = w->model, .threads = all },
        { .model = w->float_path, .threads = all }, { .model = w->int8_path, .threads = all },
        { .model = w->model, .threads = 1 },        { .model = w->float_path, .threads = 1 },
        { .model = w->int8_path, .threads = 1 },
    };
    wt_lanes_options lo = { .exec = w->o->exec, .seconds = w->o->seconds, .warmup = -1 };
    lo.exec.input_shapes = w->shapes;
    lo.exec.n_input_shapes = w->n_shapes;
    wt_status st = wt_lanes_measure(lanes, (size_t)n, w->ctx, &lo, err);
    if (st == WT_OK)
        st = lanes_json(w, lanes, n, lo.meter ? lo.meter : "none", doc, err);
    json_object_set_new(doc, "threads", json_integer(all));
    wt_lanes_free(lanes, (size_t)n, w->ctx);
    return st;
}

wt_status wt_optimize_measure(wt_optimizer *w, wt_err *err)
{
    if (wt_journal_find(w->journal, "measure"))
        return WT_OK;
    json_t *doc = json_object();
    const wt_status st = doc ? measure_all(w, doc, err) : wt_fail(err, WT_ENOMEM, "no memory for the measurements");
    if (st == WT_OK)
        return wt_journal_add(w->journal, "measure", WT_STEP_MEASURED, doc, err);
    json_decref(doc);
    return st;
}

/* --- the proof
 * --------------------------------------------------------------------------------------------------------------- */
static wt_status compare_outputs(wt_optimizer *w, const wt_graph *artifact, json_t *doc, wt_err *err)
{
    wt_running a = { 0 }, b = { 0 };
    wt_equiv *e = NULL;
    const wt_equiv_thresholds limits = wt_equiv_defaults("int8");
    bool passed = true;
    json_t *outputs = json_array();
    wt_status st = wt_running_open(&a, w->q.source, &w->o->exec, NULL, 0, err);
    if (st == WT_OK)
        st = wt_running_open(&b, artifact, &w->o->exec, NULL, 0, err);
    const wt_runner reference = { w->q.source, a.session, NULL }, candidate = { artifact, b.session, NULL };
    if (st == WT_OK)
        st = wt_compare_outputs(&e, &reference, &candidate, w->held_out, err);
    for (size_t i = 0; st == WT_OK && i < wt_equiv_count(e); i++) {
        wt_equiv_output o;
        wt_equiv_result(e, i, &limits, &o);
        passed &= o.passed;
        json_t *row = wt_equiv_output_json(&o);
        if (o.n_worst)
            json_object_set_new(
                row, "worst_channel",
                json_pack("{s:I, s:o}", "index", (json_int_t)o.worst[0], "sqnr_db", wt_json_real(o.worst_sqnr_db[0])));
        json_array_append_new(outputs, row);
    }
    json_object_set_new(doc, "equivalence",
                        json_pack("{s:s, s:b, s:o}", "verdict", passed ? "equivalent" : "not equivalent", "passed",
                                  passed, "outputs", outputs));
    wt_equiv_close(e);
    wt_running_close(&a);
    wt_running_close(&b);
    return st;
}

static json_t *accuracy_json(const wt_evaluation *e)
{
    const wt_metric_result *r = wt_evaluation_result(e);
    return json_pack("{s:o, s:[o, o], s:I, s:s}", "value", wt_json_real(r->value), "ci95", wt_json_real(r->ci95[0]),
                     wt_json_real(r->ci95[1]), "samples", (json_int_t)r->samples, "metric", r->info->name);
}

/* The converted file, read back: what the rewriting alone does to the score. */
static wt_status score_converted(wt_optimizer *w, json_t *doc, wt_err *err)
{
    wt_graph *g;
    wt_evaluation *e = NULL;
    WT_TRY(wt_open_graph(&g, w->ctx, w->float_path, &w->o->exec, err));
    const wt_status st = wt_optimize_score(w, g, w->held_out, "scoring the converted model", &e, err);
    if (st == WT_OK)
        json_object_set_new(doc, "convert", accuracy_json(e));
    wt_evaluation_close(e);
    wt_graph_close(g);
    return st;
}

static wt_status score_pair(wt_optimizer *w, const wt_graph *artifact, json_t *doc, wt_err *err)
{
    wt_evaluation *a = NULL, *b = NULL;
    wt_paired p;
    wt_status st = wt_optimize_score(w, w->q.source, w->held_out, "scoring the original", &a, err);
    if (st == WT_OK)
        st = wt_optimize_score(w, artifact, w->held_out, "scoring the artifact", &b, err);
    if (st == WT_OK)
        st = wt_scores_compare(wt_evaluation_scores(a), wt_evaluation_scores(b), wt_context_seed(w->ctx), &p, err);
    if (st == WT_OK) {
        const wt_metric_info *info = wt_evaluation_result(a)->info;
        json_object_set_new(doc, "baseline", accuracy_json(a));
        json_object_set_new(doc, "artifact", accuracy_json(b));
        json_object_set_new(doc, "metric",
                            json_pack("{s:s, s:b}", "name", info->name, "higher_is_better", info->better >= 0));
        json_object_set_new(doc, "ab_test", wt_ab_json(&p, info));
    }
    wt_evaluation_close(a);
    wt_evaluation_close(b);
    return st;
}

static wt_status compare_layers(wt_optimizer *w, const wt_graph *artifact, json_t *doc, wt_err *err)
{
    wt_layers layers = { 0 };
    const wt_layer_side reference = { w->q.canonical, &w->o->exec, NULL }, candidate = { artifact, &w->o->exec, NULL };
    const wt_status st = wt_compare_layers(&layers, &reference, &candidate, w->held_out, LAYER_SAMPLES, err);
    if (st == WT_OK)
        json_object_set_new(doc, "layers", wt_layers_json(&layers));
    wt_layers_free(&layers);
    return st;
}

wt_status wt_optimize_validate(wt_optimizer *w, wt_err *err)
{
    wt_graph *artifact;
    if (wt_journal_find(w->journal, "validate"))
        return WT_OK;
    /* What is judged is the file as written, read back. */
    WT_TRY(wt_open_graph(&artifact, w->ctx, w->int8_path, &w->o->exec, err));
    json_t *doc = json_object();
    wt_status st = doc ? score_pair(w, artifact, doc, err) : wt_fail(err, WT_ENOMEM, "no memory for the proof");
    if (st == WT_OK)
        st = score_converted(w, doc, err);
    if (st == WT_OK)
        st = compare_outputs(w, artifact, doc, err);
    if (st == WT_OK)
        st = compare_layers(w, artifact, doc, err);
    wt_graph_close(artifact);
    if (st == WT_OK)
        return wt_journal_add(w->journal, "validate", WT_STEP_MEASURED, doc, err);
    json_decref(doc);
    return st;
}

/* --- where the time goes ---------------------------------------------------------------------------------------------
 */
/* The report wants the ceilings once: on all cores among the nodes, and in full as part of the machine. */
static void keep_peaks(json_t *doc, const json_t *roof)
{
    static const char *const keys[] = { "read_gb_per_s", "fp32_gflops", "int8_gops", "bf16_gflops" };
    json_t *peaks = json_object(), *measured = json_object();
    for (size_t i = 0; i < WT_ARRAY_LEN(keys); i++) {
        json_t *speed = json_object_get(roof, keys[i]);
        if (!json_is_object(speed))
            continue;
        json_object_set(peaks, keys[i], json_object_get(speed, "all"));
        json_object_set(measured, keys[i], speed);
    }
    json_object_set_new(doc, "peaks", peaks);
    json_object_set_new(json_object_get(doc, "hardware"), "measured", measured);
}

static wt_status profile_one(wt_optimizer *w, const char *path, const char *name, json_t *doc, wt_err *err)
{
    wt_profile_options po = wt_profile_defaults();
    wt_result *r;
    po.exec = w->o->exec;
    po.seconds = w->o->seconds;
    po.exec.input_shapes = w->shapes;
    po.exec.n_input_shapes = w->n_shapes;
    WT_TRY(wt_profile(&r, w->ctx, path, &po, err));
    json_object_set(doc, name, json_object_get(wt_result_json(r), "nodes"));
    if (!json_object_get(doc, "peaks"))
        keep_peaks(doc, json_object_get(wt_result_json(r), "roof"));
    wt_result_free(r);
    return WT_OK;
}

static wt_status machine(wt_optimizer *w, json_t *doc, wt_err *err)
{
    wt_result *r;
    WT_TRY(wt_hardware(&r, w->ctx, 0, err));
    json_object_set(doc, "hardware", wt_result_json(r));
    wt_result_free(r);
    return WT_OK;
}

/* The same model with nothing in float: what its products would take, had they not been kept. */
static wt_status profile_all_int8(wt_optimizer *w, json_t *doc, wt_err *err)
{
    if (!json_array_size(json_object_get(wt_journal_find(w->journal, "search"), "kept")))
        return WT_OK;
    char *path = wt_path_join(w->ctx, w->dir, "all-int8.onnx", err);
    if (!path)
        return WT_ENOMEM;
    wt_status st = wt_optimize_write_build(w, NULL, path, NULL, err);
    if (st == WT_OK)
        st = profile_one(w, path, "all_int8", doc, err);
    remove(path);
    wt_free(w->ctx, path);
    return st;
}

wt_status wt_optimize_profile(wt_optimizer *w, wt_err *err)
{
    if (wt_journal_find(w->journal, "profile"))
        return WT_OK;
    json_t *doc = json_object();
    wt_status st = doc ? machine(w, doc, err) : wt_fail(err, WT_ENOMEM, "no memory for the profile");
    if (st == WT_OK)
        st = profile_one(w, w->model, "baseline", doc, err);
    if (st == WT_OK)
        st = profile_one(w, w->int8_path, "optimized", doc, err);
    if (st == WT_OK)
        st = profile_all_int8(w, doc, err);
    if (st == WT_OK)
        return wt_journal_add(w->journal, "profile", WT_STEP_MEASURED, doc, err);
    json_decref(doc);
    return st;
}
