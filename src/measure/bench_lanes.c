/* bench_lanes.c - see bench.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/json.h"
#include "measure/bench.h"
#include "measure/open.h"
#include "measure/runner.h"
#include "measure/statistics.h"
#include "measure/worker/energy.h"
#include "measure/worker/worker.h"
#include "model/format.h"

enum { SAMPLES = 8, ROUNDS = 12, LEAST_ROUNDS = 3, MOST_ROUNDS = 1000, MOST_RUNS = 100000 };
static const double least_slice_s = 0.02, most_warm_s = 0.5, usual_timeout_s = 120;

typedef struct lane_work {
    wt_worker *worker;
    wt_inputs samples[SAMPLES];
    size_t n_samples;
    const char **shapes; /* those of the options that the model has inputs for */
    size_t n_shapes;
    json_t *names; /* of the inputs, in the order of the samples; NULL: the worker's own order */
    double run_ms; /* about */
} lane_work;

typedef struct bench_work {
    wt_context *ctx;
    wt_lane *lanes;
    lane_work *work;
    size_t n;
    const wt_lanes_options *o;
    double timeout_s, slice_s;
    bool *shape_used;
    wt_meter meter;
} bench_work;

/* --- before a worker is started: what the model takes
 * -------------------------------------------------------------------- */
static bool names_input(const wt_graph *g, const char *shape)
{
    const char *eq = strrchr(shape, '=');
    for (size_t i = 0; i < g->n_inputs && eq; i++)
        if (strlen(g->inputs[i]->name) == (size_t)(eq - shape) &&
            !strncmp(g->inputs[i]->name, shape, (size_t)(eq - shape)))
            return true;
    return !eq;
}

static wt_status choose_shapes(bench_work *b, lane_work *w, wt_graph *g, wt_err *err)
{
    w->shapes = wt_alloc(b->ctx, b->o->exec.n_input_shapes + 1, sizeof *w->shapes, err);
    if (!w->shapes)
        return WT_ENOMEM;
    for (size_t i = 0; i < b->o->exec.n_input_shapes; i++) {
        const char *shape = b->o->exec.input_shapes[i];
        if (!names_input(g, shape))
            continue;
        b->shape_used[i] = true;
        w->shapes[w->n_shapes++] = shape;
        WT_TRY(wt_fix_input_shape(g, shape, err));
    }
    return WT_OK;
}

static wt_status choose_inputs(bench_work *b, const wt_lane *lane, lane_work *w, const wt_graph *g, wt_err *err)
{
    if (b->o->data)
        return wt_inputs_from_data(w->samples, SAMPLES, &w->n_samples, g, lane->model, b->o->data, err);
    for (size_t i = 0; i < g->n_inputs; i++) {
        wt_shape shape;
        if (!g->inputs[i]->type.data)
            WT_TRY(wt_input_settle(g, i, b->o->batch, &shape, err));
    }
    return WT_OK;
}

/* What only the engine can read gets random inputs, made in the worker. */
static bool unread_is_fine(const bench_work *b, const wt_lane *lane, wt_status st)
{
    return lane->engine && !wt_engine_is_native(lane->engine->engine) && !b->o->data &&
           (st == WT_EUNSUPPORTED || st == WT_EFORMAT);
}

static wt_status no_such_kind(const char *reason, wt_err *err) { return wt_fail(err, WT_EUNSUPPORTED, "%s", reason); }

static wt_status look(bench_work *b, const wt_lane *lane, lane_work *w, wt_err *err)
{
    wt_graph *g;
    char reason[WT_ENGINE_TEXT];
    if (lane->engine && !wt_engine_takes(lane->engine->engine, lane->model, reason))
        return no_such_kind(reason, err);
    const wt_status read = wt_model_read(&g, b->ctx, lane->model, err);
    if (read != WT_OK)
        return unread_is_fine(b, lane, read) ? WT_OK : read;
    w->names = json_array();
    for (size_t i = 0; i < g->n_inputs; i++)
        json_array_append_new(w->names, wt_json_text(g->inputs[i]->name));
    wt_status st = choose_shapes(b, w, g, err);
    if (st == WT_OK)
        st = choose_inputs(b, lane, w, g, err);
    wt_graph_close(g);
    return st;
}

/* --- talking to workers
 * ----------------------------------------------------------------------------------------------------- */
static double real(const json_t *answer, const char *key) { return json_number_value(json_object_get(answer, key)); }

static uint64_t bytes_of(const json_t *answer, const char *key)
{
    const json_int_t v = json_integer_value(json_object_get(answer, key));
    return v > 0 ? (uint64_t)v : 0;
}

static wt_status open_worker(bench_work *b, wt_lane *lane, lane_work *w, wt_err *err)
{
    json_t *answer;
    const int threads = lane->threads ? lane->threads : b->o->exec.threads;
    WT_TRY(wt_worker_open(&w->worker, b->ctx, b->o->program, threads, &lane->empty_rss_bytes, err));
    static const wt_engine_choice native = { .engine = &wt_engine_native };
    wt_exec_options exec = b->o->exec;
    exec.threads = threads;
    if (w->shapes) {
        exec.input_shapes = w->shapes;
        exec.n_input_shapes = w->n_shapes;
    }
    json_t *request = wt_open_request(lane->model, lane->engine ? lane->engine : &native, &exec);
    json_object_set_new(request, "batch", json_integer(b->o->batch));
    json_object_set_new(request, "samples", wt_samples_describe(w->samples, w->n_samples));
    json_object_set(request, "names", w->names);
    WT_TRY(wt_worker_ask_with(w->worker, request, w->samples, w->n_samples, b->timeout_s, &answer, err));
    lane->open_ms = real(answer, "open_ms");
    lane->plan_ms = real(answer, "plan_ms");
    lane->first_run_ms = w->run_ms = real(answer, "first_run_ms");
    const char *version = json_string_value(json_object_get(answer, "version")),
               *settings = json_string_value(json_object_get(answer, "settings"));
    snprintf(lane->version, sizeof lane->version, "%s", version ? version : "");
    snprintf(lane->settings, sizeof lane->settings, "%s", settings ? settings : "");
    json_decref(answer);
    for (size_t i = 0; i < w->n_samples; i++)
        wt_inputs_free(&w->samples[i]);
    w->n_samples = 0;
    return WT_OK;
}

typedef struct slice {
    double seconds;
    size_t drop, least, most;
} slice;

/* Asks for runs; their times are appended to the lane. */
static wt_status ask_runs(bench_work *b, wt_lane *lane, lane_work *w, slice s, size_t *got, double *wall_s,
                          double *cpu_s, wt_err *err)
{
    json_t *answer;
    const double may_take = b->timeout_s + s.seconds + 2e-3 * lane->first_run_ms * (double)(s.drop + s.least);
    WT_TRY(wt_worker_ask(w->worker,
                         json_pack("{s:s, s:f, s:I, s:I, s:I}", "do", "run", "seconds", s.seconds, "drop",
                                   (json_int_t)s.drop, "min_runs", (json_int_t)s.least, "max_runs", (json_int_t)s.most),
                         may_take, &answer, err));
    const uint64_t runs = bytes_of(answer, "runs");
    *wall_s = real(answer, "wall_s");
    *cpu_s = real(answer, "cpu_s");
    json_decref(answer);
    if (runs < s.least || runs > s.most)
        return wt_fail(err, WT_EINTERNAL, "the worker counted %llu runs", (unsigned long long)runs);
    *got = (size_t)runs;
    WT_TRY(wt_grow(b->ctx, (void **)&lane->ms, &lane->cap, lane->n + *got, sizeof *lane->ms, err));
    WT_TRY(wt_grow(b->ctx, (void **)&lane->interrupted, &lane->cap_interrupted, lane->n + *got, 1, err));
    WT_TRY(wt_worker_bytes(w->worker, lane->ms + lane->n, *got * sizeof *lane->ms, b->timeout_s, err));
    return wt_worker_bytes(w->worker, lane->interrupted + lane->n, *got, b->timeout_s, err);
}

static wt_status warm_up(bench_work *b, wt_lane *lane, lane_work *w, wt_err *err)
{
    slice s = { .least = 1, .most = MOST_RUNS };
    size_t got;
    double wall_s, cpu_s;
    if (b->o->warmup == 0)
        return WT_OK;
    if (b->o->warmup > 0) {
        s.drop = (size_t)b->o->warmup - 1;
        s.most = 1;
    } else {
        s.seconds = b->o->seconds / 4 < most_warm_s ? b->o->seconds / 4 : most_warm_s;
    }
    WT_TRY(ask_runs(b, lane, w, s, &got, &wall_s, &cpu_s, err));
    w->run_ms = wall_s * 1e3 / (double)got;
    return WT_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static wt_status add_round(bench_work *b, wt_lane *lane, size_t got, wt_err *err)
{
    double *copy = wt_alloc_raw(b->ctx, got, sizeof *copy, err);
    if (!copy)
        return WT_ENOMEM;
    memcpy(copy, lane->ms + lane->n, got * sizeof *copy);
    qsort(copy, got, sizeof *copy, by_value);
    const double p50 = wt_percentile(copy, got, 0.5);
    wt_free(b->ctx, copy);
    WT_TRY(wt_grow(b->ctx, (void **)&lane->round_ms, &lane->cap_rounds, lane->rounds + 1, sizeof *lane->round_ms, err));
    lane->round_ms[lane->rounds++] = p50;
    lane->n += got;
    return WT_OK;
}

static wt_status one_slice(bench_work *b, wt_lane *lane, lane_work *w, wt_err *err)
{
    /* Others have had the caches: the first run pays for that, and does not count where there are enough. */
    const slice s = {
        .seconds = b->slice_s, .drop = w->run_ms < b->slice_s * 250 ? 1 : 0, .least = 1, .most = MOST_RUNS
    };
    size_t got;
    double wall_s, cpu_s;
    const double before = wt_meter_read(&b->meter);
    const uint64_t start = wt_now_ns();
    WT_TRY(ask_runs(b, lane, w, s, &got, &wall_s, &cpu_s, err));
    const double elapsed = wt_seconds_since(start), spent = wt_meter_read(&b->meter) - before;
    lane->joules += elapsed > 0 ? spent * wall_s / elapsed : NAN;
    lane->wall_s += wall_s;
    lane->cpu_s += cpu_s;
    return add_round(b, lane, got, err);
}

static wt_status ask_memory(bench_work *b, wt_lane *lane, lane_work *w, wt_err *err)
{
    json_t *answer;
    WT_TRY(wt_worker_ask(w->worker, json_pack("{s:s}", "do", "memory"), b->timeout_s, &answer, err));
    lane->peak_rss_bytes = bytes_of(answer, "peak_rss_bytes");
    lane->memory_told = json_is_integer(json_object_get(answer, "weights_bytes"));
    lane->peak_heap_bytes = bytes_of(answer, "peak_heap_bytes");
    lane->weights_bytes = bytes_of(answer, "weights_bytes");
    lane->mapped_bytes = bytes_of(answer, "mapped_bytes");
    lane->activation_bytes = bytes_of(answer, "activation_bytes");
    json_decref(answer);
    return WT_OK;
}

/* --- all lanes
 * ------------------------------------------------------------------------------------------------------------------ */
typedef wt_status lane_fn(bench_work *b, wt_lane *lane, lane_work *w, wt_err *err);

/* One lane's own trouble ends that lane; what concerns us all is returned. */
static wt_status step(bench_work *b, size_t i, lane_fn *fn, wt_err *err)
{
    wt_lane *lane = &b->lanes[i];
    lane_work *w = &b->work[i];
    WT_TRY(wt_check_cancel(b->ctx, err));
    if (lane->status != WT_OK)
        return WT_OK;
    lane->err = (wt_err){ .offset = WT_NO_OFFSET };
    lane->status = fn(b, lane, w, &lane->err);
    if (lane->status == WT_OK)
        return WT_OK;
    wt_err_where(&lane->err, "%s", lane->model);
    wt_worker_close(w->worker);
    w->worker = NULL;
    return lane->status == WT_ECANCELLED ? wt_check_cancel(b->ctx, err) : WT_OK;
}

static wt_status each(bench_work *b, lane_fn *fn, bool backward, wt_err *err)
{
    for (size_t k = 0; k < b->n; k++)
        WT_TRY(step(b, backward ? b->n - 1 - k : k, fn, err));
    return WT_OK;
}

static wt_status look_lane(bench_work *b, wt_lane *lane, lane_work *w, wt_err *err) { return look(b, lane, w, err); }

static wt_status check_shapes_used(const bench_work *b, wt_err *err)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->lanes[i].status != WT_OK)
            return WT_OK; /* who knows what that one would have taken */
    for (size_t i = 0; i < b->o->exec.n_input_shapes; i++)
        if (!b->shape_used[i]) {
            const wt_status st = wt_fail(err, WT_EUSAGE, "no model has an input of this name");
            wt_err_where(err, "--input-shape %s", b->o->exec.input_shapes[i]);
            return st;
        }
    return WT_OK;
}

/* Least time that any living lane was measured; infinity when none lives. */
static double least_measured(const bench_work *b)
{
    double least = INFINITY;
    for (size_t i = 0; i < b->n; i++)
        if (b->lanes[i].status == WT_OK)
            least = fmin(least, b->lanes[i].wall_s);
    return least;
}

static wt_status rounds(bench_work *b, wt_err *err)
{
    for (size_t round = 0; round < MOST_ROUNDS; round++) {
        const double done = least_measured(b);
        if (isinf(done) || (round >= LEAST_ROUNDS && done >= b->o->seconds))
            break;
        WT_TRY(each(b, one_slice, round % 2 == 1, err));
        wt_report_progress(b->ctx, "bench", "ms", (uint64_t)(fmin(done, b->o->seconds) * 1e3),
                           (uint64_t)(b->o->seconds * 1e3));
    }
    return WT_OK;
}

static wt_status measure(bench_work *b, wt_err *err)
{
    WT_TRY(each(b, look_lane, false, err));
    WT_TRY(check_shapes_used(b, err));
    WT_TRY(each(b, open_worker, false, err));
    WT_TRY(each(b, warm_up, false, err));
    WT_TRY(rounds(b, err));
    return each(b, ask_memory, false, err);
}

static void free_work(bench_work *b)
{
    for (size_t i = 0; b->work && i < b->n; i++) {
        wt_worker_close(b->work[i].worker);
        for (size_t k = 0; k < b->work[i].n_samples; k++)
            wt_inputs_free(&b->work[i].samples[k]);
        wt_free(b->ctx, b->work[i].shapes);
        json_decref(b->work[i].names);
    }
    wt_free(b->ctx, b->work);
    wt_free(b->ctx, b->shape_used);
}

wt_status wt_lanes_measure(wt_lane *lanes, size_t n, wt_context *ctx, wt_lanes_options *o, wt_err *err)
{
    bench_work b = {
        .ctx = ctx, .lanes = lanes, .n = n, .o = o, .timeout_s = o->timeout_s > 0 ? o->timeout_s : usual_timeout_s
    };
    b.slice_s = o->seconds / ROUNDS > least_slice_s ? o->seconds / ROUNDS : least_slice_s;
    for (size_t i = 0; i < n; i++)
        lanes[i] = (wt_lane){ .model = lanes[i].model, .threads = lanes[i].threads, .engine = lanes[i].engine };
    b.work = wt_alloc(ctx, n + 1, sizeof *b.work, err);
    b.shape_used = b.work ? wt_alloc(ctx, o->exec.n_input_shapes + 1, sizeof *b.shape_used, err) : NULL;
    wt_status st = b.shape_used ? WT_OK : WT_ENOMEM;
    wt_meter_open(&b.meter, "");
    o->meter = wt_meter_name(&b.meter);
    if (st == WT_OK)
        st = measure(&b, err);
    free_work(&b);
    if (st != WT_OK)
        wt_lanes_free(lanes, n, ctx);
    return st;
}

void wt_lanes_free(wt_lane *lanes, size_t n, wt_context *ctx)
{
    for (size_t i = 0; i < n; i++) {
        wt_free(ctx, lanes[i].ms);
        wt_free(ctx, lanes[i].interrupted);
        wt_free(ctx, lanes[i].round_ms);
        lanes[i].ms = lanes[i].round_ms = NULL;
        lanes[i].interrupted = NULL;
    }
}
