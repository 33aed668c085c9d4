/* bench.c - the verb: lanes measured side by side, put into numbers that can be compared.
 *
 * The first model is measured twice, as two lanes (A/A): the interval of the ratio of those two is the noise floor. A
 * ratio to another model whose distance from 1 is smaller than that, or whose own interval contains 1, is no
 * difference. */
#include "measure/bench.h"
#include "measure/language/bench_language.h"
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/json.h"
#include "measure/statistics.h"
#include "model/weights.h"

static const double usual_watts_per_core = 5;

wt_bench_options wt_bench_defaults(void)
{
    return (
        wt_bench_options){ .size = sizeof(wt_bench_options), .exec = wt_exec_defaults(), .seconds = 3, .warmup = -1 };
}

typedef struct bench {
    wt_context *ctx;
    const wt_bench_options *o;
    const wt_lanes_options *lo;
    wt_engine_choice engines[WT_MOST_ENGINES];
    size_t n_engines;
    wt_lane *lanes; /* every model on every engine, then the first one again */
    size_t n;       /* without that */
    double watts;   /* per core, for estimates; 0: nobody said */
    const char *watts_from;
    double noise; /* NaN: not known */
} bench;

/* --- one model
 * ------------------------------------------------------------------------------------------------------------- */
static json_t *latency_json(const bench *b, const wt_lane *lane, wt_err *err)
{
    wt_summary s;
    double *copy = wt_alloc_raw(b->ctx, lane->n, sizeof *copy, err);
    if (!copy)
        return NULL;
    memcpy(copy, lane->ms, lane->n * sizeof *copy);
    const wt_status st = wt_summarize(b->ctx, copy, lane->n, wt_context_seed(b->ctx), &s, err);
    wt_free(b->ctx, copy);
    return st == WT_OK ? wt_summary_json(&s) : NULL;
}

void wt_lane_energy(const wt_lane *lane, const char *meter, double watts, const char *from, json_t *o)
{
    char how[256];
    double joules = lane->joules / (double)lane->n;
    const char *source = meter;
    if (!(watts > 0)) {
        watts = usual_watts_per_core;
        from = "a rule of thumb";
    }
    if (isfinite(joules)) {
        snprintf(how, sizeof how, "%s over the runs, what the machine takes when idle included",
                 strcmp(source, "rapl") == 0 ? "processor packages" : "battery power");
    } else {
        source = "estimate";
        joules = lane->cpu_s * watts / (double)lane->n;
        snprintf(how, sizeof how, "no meter here: processor time of a run times %.3g W per core (%s)", watts, from);
    }
    json_object_set_new(o, "energy_j", wt_json_real(joules));
    json_object_set_new(o, "energy_source", json_string(source));
    json_object_set_new(o, "energy_how", json_string(how));
}

static uint64_t over(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

static void add_memory(const wt_lane *lane, json_t *o)
{
    const struct {
        const char *key;
        uint64_t value;
        bool known;
    } rows[] = {
        { "peak_rss_bytes", lane->peak_rss_bytes, true },
        { "rss_over_empty_bytes", over(lane->peak_rss_bytes, lane->empty_rss_bytes), true },
        { "peak_heap_bytes", lane->peak_heap_bytes, lane->memory_told },
        { "weights_bytes", lane->weights_bytes, lane->memory_told },
        { "mapped_bytes", lane->mapped_bytes, lane->memory_told },
        { "activation_bytes", lane->activation_bytes, lane->memory_told },
        { "predicted_bytes", lane->weights_bytes + lane->mapped_bytes + lane->activation_bytes, lane->memory_told },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        json_object_set_new(o, rows[i].key, rows[i].known ? json_integer((json_int_t)rows[i].value) : json_null());
}

static json_t *failed_json(const wt_lane *lane)
{
    const wt_err *e = &lane->err;
    json_t *o = json_pack("{s:o, s:s, s:s, s:s, s:o, s:o}", "model", wt_json_text(lane->model), "engine",
                          wt_lane_engine(lane), "status", "failed", "code", wt_status_name(lane->status), "reason",
                          wt_json_text(e->message), "where", wt_json_text(e->where));
    if (e->hint[0])
        json_object_set_new(o, "hint", wt_json_text(e->hint));
    return o;
}

static json_t *lane_json(const bench *b, const wt_lane *lane, wt_err *err)
{
    struct stat st;
    if (lane->status != WT_OK)
        return failed_json(lane);
    json_t *latency = latency_json(b, lane, err), *o = json_object();
    const double batch = b->o->batch > 0 ? b->o->batch : 1;
    if (!latency || !o) {
        json_decref(latency);
        json_decref(o);
        return NULL;
    }
    json_object_set_new(o, "model", wt_json_text(lane->model));
    json_object_set_new(o, "engine", json_string(wt_lane_engine(lane)));
    json_object_set_new(o, "engine_version", wt_json_text(lane->version));
    json_object_set_new(o, "settings", lane->settings[0] ? wt_json_text(lane->settings) : json_null());
    json_object_set_new(o, "status", json_string("ok"));
    json_object_set_new(o, "latency_ms", latency);
    json_object_set_new(o, "throughput_per_s", wt_json_real(batch * (double)lane->n / lane->wall_s));
    json_object_set_new(o, "load_ms", wt_json_real(lane->open_ms + lane->plan_ms + lane->first_run_ms));
    json_object_set_new(o, "open_ms", wt_json_real(lane->open_ms));
    json_object_set_new(o, "plan_ms", wt_json_real(lane->plan_ms));
    json_object_set_new(o, "first_run_ms", wt_json_real(lane->first_run_ms));
    if (stat(lane->model, &st) == 0)
        json_object_set_new(o, "size_bytes", json_integer(st.st_size));
    add_memory(lane, o);
    json_object_set_new(o, "cpus_used", wt_json_real(lane->cpu_s / lane->wall_s));
    wt_lane_energy(lane, b->lo->meter, b->watts, b->watts_from, o);
    return o;
}

/* --- against the first
 * ------------------------------------------------------------------------------------------------------ */
/* How many times faster than lane a lane b is. */
static wt_status speedup(const bench *b, const wt_lane *first, const wt_lane *lane, double *ratio, double ci95[2],
                         wt_err *err)
{
    const size_t n = first->rounds < lane->rounds ? first->rounds : lane->rounds;
    return wt_ratio_of_medians(b->ctx, lane->round_ms, first->round_ms, n, wt_context_seed(b->ctx), ratio, ci95, err);
}

static json_t *pair(const double v[2]) { return json_pack("[o, o]", wt_json_real(v[0]), wt_json_real(v[1])); }

static wt_status add_noise(bench *b, json_t *root, wt_err *err)
{
    const wt_lane *first = &b->lanes[0], *again = &b->lanes[b->n];
    double ratio, ci95[2];
    b->noise = NAN;
    if (first->status == WT_OK && again->status == WT_OK) {
        WT_TRY(speedup(b, first, again, &ratio, ci95, err));
        b->noise = fmax(fabs(ci95[0] - 1), fabs(ci95[1] - 1));
        json_object_set_new(root, "noise",
                            json_pack("{s:o, s:o, s:o, s:I}", "model", wt_json_text(first->model), "ratio",
                                      wt_json_real(ratio), "ci95", pair(ci95), "rounds", (json_int_t)first->rounds));
    }
    json_object_set_new(root, "noise_floor", wt_json_real(b->noise));
    return WT_OK;
}

static double share(uint64_t a, uint64_t b) { return b ? (double)a / (double)b : NAN; }

static wt_status add_ratios(const bench *b, json_t *root, wt_err *err)
{
    json_t *list = json_array();
    const wt_lane *first = &b->lanes[0];
    json_object_set_new(root, "ratios", list);
    for (size_t i = 1; i < b->n; i++) {
        const wt_lane *lane = &b->lanes[i];
        double ratio, ci95[2];
        if (first->status != WT_OK || lane->status != WT_OK)
            continue;
        WT_TRY(speedup(b, first, lane, &ratio, ci95, err));
        const bool one_inside = ci95[0] <= 1 && ci95[1] >= 1, inside = one_inside || !(fabs(ratio - 1) > b->noise);
        json_array_append_new(
            list,
            json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:b, s:s, s:o, s:o}", "model", wt_json_text(lane->model), "to",
                      wt_json_text(first->model), "engine", wt_lane_engine(lane), "to_engine", wt_lane_engine(first),
                      "speedup", wt_json_real(ratio), "ci95", pair(ci95), "inside_noise", inside, "verdict",
                      inside      ? "inside the noise"
                      : ratio > 1 ? "faster"
                                  : "slower",
                      "peak_rss", wt_json_real(share(lane->peak_rss_bytes, first->peak_rss_bytes)), "rss_over_empty",
                      wt_json_real(share(over(lane->peak_rss_bytes, lane->empty_rss_bytes),
                                         over(first->peak_rss_bytes, first->empty_rss_bytes)))));
    }
    return WT_OK;
}

/* --- the document
 * ----------------------------------------------------------------------------------------------------------- */
static json_t *conditions_json(const bench *b)
{
    const wt_exec_options *e = &b->o->exec;
    json_t *shapes = json_array();
    for (size_t i = 0; i < e->n_input_shapes; i++)
        json_array_append_new(shapes, json_string(e->input_shapes[i]));
    return json_pack("{s:i, s:f, s:i, s:I, s:o, s:s}", "threads",
                     e->threads > 0 ? e->threads : wt_context_threads(b->ctx), "seconds", b->lo->seconds, "batch",
                     b->o->batch > 0 ? b->o->batch : 1, "seed", (json_int_t)wt_context_seed(b->ctx), "input_shapes",
                     shapes, "inputs", b->o->data ? b->o->data : "random");
}

static wt_status report(bench *b, json_t *root, wt_err *err)
{
    json_t *results = json_array();
    json_object_set_new(root, "schema", json_string("whet.bench/1"));
    json_object_set_new(root, "conditions", conditions_json(b));
    json_object_set_new(root, "results", results);
    for (size_t i = 0; i < b->n; i++) {
        json_t *line = lane_json(b, &b->lanes[i], err);
        if (!line || json_array_append_new(results, line))
            return wt_fail(err, WT_ENOMEM, "no memory for the result, or a name that is no UTF-8");
    }
    WT_TRY(add_noise(b, root, err));
    return add_ratios(b, root, err);
}

static wt_status watts_of_target(bench *b, wt_err *err)
{
    wt_result *target;
    if (!b->o->target)
        return WT_OK;
    WT_TRY(wt_target_load(&target, b->ctx, b->o->target, err));
    const double watts = wt_result_number(target, 0, "power.watts_per_core");
    wt_result_free(target);
    if (watts > 0) {
        b->watts = watts;
        b->watts_from = b->o->target;
    }
    return WT_OK;
}

/* The one model there is cannot be measured, and that is the caller's or the file's fault: a plain error says it all.
 */
static bool plain_error(const bench *b)
{
    const wt_status st = b->lanes[0].status;
    return b->n == 1 && (st == WT_EUSAGE || st == WT_EFORMAT || st == WT_EUNSUPPORTED || st == WT_EIO);
}

static wt_status first_failure(const bench *b, wt_err *err)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->lanes[i].status != WT_OK) {
            if (err)
                *err = b->lanes[i].err;
            return b->lanes[i].status;
        }
    return WT_OK;
}

static wt_status report_lanes(bench *b, wt_result **out, wt_err *err)
{
    json_t *root = json_object();
    if (!root)
        return wt_fail(err, WT_ENOMEM, "no memory for the result");
    const wt_status st = report(b, root, err);
    if (st != WT_OK) {
        json_decref(root);
        return st;
    }
    WT_TRY(wt_result_take(out, b->ctx, root, err));
    return first_failure(b, err);
}

static wt_status run_bench(bench *b, wt_lanes_options *lo, wt_result **out, wt_err *err)
{
    WT_TRY(watts_of_target(b, err));
    b->lanes[b->n] = b->lanes[0];
    WT_TRY(wt_lanes_measure(b->lanes, b->n + 1, b->ctx, lo, err));
    const wt_status st = plain_error(b) ? first_failure(b, err) : report_lanes(b, out, err);
    wt_lanes_free(b->lanes, b->n + 1, b->ctx);
    return st;
}

/* "all" means all that can: who was named and cannot is told so. */
static void choose_lanes(bench *b)
{
    char reason[WT_ENGINE_TEXT];
    const bool all = b->o->exec.engine && !strcmp(b->o->exec.engine, "all");
    for (size_t i = 0; i < b->o->n_models; i++)
        for (size_t k = 0; k < b->n_engines; k++) {
            if (all && !wt_engine_takes(b->engines[k].engine, b->o->models[i], reason))
                continue;
            b->lanes[b->n].model = b->o->models[i];
            b->lanes[b->n++].engine = &b->engines[k];
        }
}

wt_status wt_bench(wt_result **out, wt_context *ctx, const wt_bench_options *o, wt_err *err)
{
    wt_lanes_options lo = { .exec = o->exec,
                            .seconds = o->seconds > 0 ? o->seconds : 3,
                            .warmup = o->warmup,
                            .batch = o->batch,
                            .data = o->data,
                            .program = o->program,
                            .timeout_s = o->timeout_s };
    bench b = { .ctx = ctx, .o = o, .lo = &lo };
    *out = NULL;
    if (!o->n_models)
        return wt_fail(err, WT_EUSAGE, "no model was given");
    if (wt_weights_sniff(o->models[0]))
        return wt_bench_language(out, ctx, o, err);
    WT_TRY(wt_engine_choices(b.engines, &b.n_engines, ctx, o->exec.engine, err));
    b.lanes = wt_alloc(ctx, o->n_models * b.n_engines + 1, sizeof *b.lanes, err);
    if (!b.lanes)
        return WT_ENOMEM;
    choose_lanes(&b);
    const wt_status st = run_bench(&b, &lo, out, err);
    wt_free(ctx, b.lanes);
    return st;
}
