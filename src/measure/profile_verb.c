/* profile_verb.c - runs a model with a clock in front of every step. Whole runs are timed first, without those clocks.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/pool.h"
#include "measure/hardware/hardware.h"
#include "measure/inputs.h"
#include "measure/open.h"
#include "measure/profile.h"

enum { SAMPLES = 8, MOST_RUNS = 100000, LEAST_RUNS = 3 };

wt_profile_options wt_profile_defaults(void)
{
    return (wt_profile_options){ .size = sizeof(wt_profile_options), .exec = wt_exec_defaults(), .seconds = 2 };
}

typedef struct work {
    wt_context *ctx;
    const wt_profile_options *o;
    const char *path;
    wt_opened m;
    wt_inputs samples[SAMPLES];
    size_t n_samples, next;
    wt_profiled p;
} work;

/* --- running
 * -------------------------------------------------------------------------------------------------------------- */
static wt_status run_once(work *w, wt_err *err)
{
    wt_inputs *in = &w->samples[w->next];
    w->next = w->next + 1 < w->n_samples ? w->next + 1 : 0;
    const wt_status st = wt_session_run(w->m.session, in->tensors, in->n, err);
    if (st != WT_OK && st != WT_ECANCELLED && !w->o->data && err && !err->hint[0])
        wt_err_hint(err, "the inputs were random numbers, which not every model takes (a rate, an index): --data SET "
                         "gives real ones");
    return st;
}

/* Runs for `seconds`, or exactly `runs` times; times may be NULL. */
static wt_status run_for(work *w, double seconds, size_t runs, double *times, size_t *n, wt_err *err)
{
    const uint64_t begin = wt_now_ns();
    for (*n = 0; runs ? *n < runs : *n < MOST_RUNS && (*n < LEAST_RUNS || wt_ms_since(begin) < seconds * 1e3);) {
        const uint64_t start = wt_now_ns();
        WT_TRY(run_once(w, err));
        if (times)
            times[*n] = wt_ms_since(start);
        (*n)++;
    }
    return WT_OK;
}

/* Ticks of all processors: busy, and in all. */
static bool machine_ticks(double *busy, double *total)
{
    FILE *f = fopen("/proc/stat", "re");
    double v[8] = { 0 };
    if (!f)
        return false;
    const int got = fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6],
                           &v[7]);
    fclose(f);
    *busy = v[0] + v[1] + v[2] + v[5] + v[6] + v[7];
    *total = *busy + v[3] + v[4];
    return got == 8;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Share of the machine that was busy, but not with us. */
static double other_load(double busy, double total, double own_s)
{
    const double per_second = (double)sysconf(_SC_CLK_TCK);
    if (total < per_second / 5) /* too short for ticks of 10 ms */
        return NAN;
    const double others = (busy - own_s * per_second) / total;
    return others > 0 ? others : 0;
}

static wt_status time_whole_runs(work *w, double seconds, wt_err *err)
{
    double busy[2] = { 0 }, total[2] = { 0 };
    size_t n;
    double *times = wt_alloc_raw(w->ctx, MOST_RUNS, sizeof *times, err);
    if (!times)
        return WT_ENOMEM;
    const bool known = machine_ticks(&busy[0], &total[0]);
    const double cpu = cpu_seconds();
    const uint64_t start = wt_now_ns();
    wt_status st = run_for(w, seconds, w->o->runs > 0 ? (size_t)w->o->runs : 0, times, &n, err);
    const double wall_s = wt_ms_since(start) * 1e-3, own_s = cpu_seconds() - cpu;
    w->p.cpus_used = wall_s > 0 ? own_s / wall_s : 0;
    w->p.others = known && machine_ticks(&busy[1], &total[1])
                      ? other_load(busy[1] - busy[0], total[1] - total[0], own_s)
                      : NAN;
    if (st == WT_OK)
        st = wt_summarize(w->ctx, times, n, wt_context_seed(w->ctx), &w->p.latency, err);
    wt_free(w->ctx, times);
    return st;
}

/* --- steps
 * --------------------------------------------------------------------------------------------------------------------
 */
/* A control step's time includes its bodies', which stand behind it, one deeper. */
static void own_times(wt_profiled *p)
{
    p->total_ms = 0;
    for (size_t i = 0; i < p->n; i++) {
        double own = p->steps[i].p.ms_mean;
        for (size_t k = i + 1; k < p->n && p->steps[k].p.depth > p->steps[i].p.depth; k++)
            if (p->steps[k].p.depth == p->steps[i].p.depth + 1)
                own -= p->steps[k].p.ms_mean;
        p->steps[i].own_ms = own > 0 ? own : 0;
        p->total_ms += p->steps[i].own_ms;
    }
}

static wt_status time_steps(work *w, double seconds, wt_err *err)
{
    size_t n;
    wt_session_profile(w->m.session, 1);
    WT_TRY(run_for(w, seconds, w->o->runs > 0 ? (size_t)w->o->runs : 0, NULL, &n, err));
    w->p.n = wt_session_step_count(w->m.session);
    w->p.steps = wt_alloc(w->ctx, w->p.n + 1, sizeof *w->p.steps, err);
    if (!w->p.steps)
        return WT_ENOMEM;
    for (size_t i = 0; i < w->p.n; i++) {
        WT_TRY(wt_session_step(w->m.session, i, &w->p.steps[i].p, err));
        w->p.steps[i].precision = wt_precision_of_kernel(w->p.steps[i].p.kernel);
    }
    own_times(&w->p);
    return WT_OK;
}

/* --- the ceilings
 * ----------------------------------------------------------------------------------------------------------------- */
static wt_status load_roof(work *w, wt_err *err)
{
    wt_roof *roof = &w->p.roof;
    wt_result *r;
    if (w->o->target)
        WT_TRY(wt_target_load(&r, w->ctx, w->o->target, err));
    else
        WT_TRY(wt_hardware(&r, w->ctx, 1, err));
    wt_roof_read(roof, r);
    roof->source = w->o->target ? w->o->target : "measured";
    wt_result_free(r);
    return WT_OK;
}

/* What this process could have: the limit of its control group, else all there is. */
static void look_at_machine(work *w)
{
    const wt_sysroot root = { w->ctx, "" };
    json_t *memory = wt_hw_memory(&root);
    const json_t *limit = json_object_get(memory, "limit_bytes"), *total = json_object_get(memory, "total_bytes");
    const json_int_t bytes = json_is_integer(limit) ? json_integer_value(limit) : json_integer_value(total);
    w->p.usable_memory = bytes > 0 ? (uint64_t)bytes : 0;
    json_decref(memory);
    const wt_plan_memory m = wt_plan_memory_use(w->m.plan);
    w->p.weights_bytes = m.weights_bytes + m.mapped_bytes;
    w->p.activation_bytes = m.activation_bytes;
    w->p.peak_rss = wt_peak_rss();
    w->p.cores = wt_cores_allowed();
    w->p.threads = w->o->exec.threads > 0 ? w->o->exec.threads : wt_context_threads(w->ctx);
}

/* --- the document
 * ------------------------------------------------------------------------------------------------------------------ */
static double per_second(double amount, double ms) { return ms > 0 && amount > 0 ? amount / ms * 1e-6 : NAN; }

static json_t *step_json(const wt_profiled *p, size_t i)
{
    static const char *const bounds[] = { "unknown", "memory", "compute" };
    const wt_profiled_step *s = &p->steps[i];
    json_t *name = json_string(s->p.name);
    return json_pack("{s:I, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:b, s:i, s:i}",
                     "step", (json_int_t)i, "name", name ? name : json_string("?"), "op", s->p.op, "kernel",
                     s->p.kernel, "precision", wt_precision_name(s->precision), "shape", s->p.shape, "ms",
                     wt_json_real(s->own_ms), "ms_min", wt_json_real(s->p.ms_min), "share",
                     wt_json_real(p->total_ms > 0 ? s->own_ms / p->total_ms : 0), "flops", wt_json_real(s->p.flops),
                     "bytes", wt_json_real(s->p.bytes), "gflops", wt_json_real(per_second(s->p.flops, s->own_ms)),
                     "gb_per_s", wt_json_real(per_second(s->p.bytes, s->own_ms)), "roofline_fraction",
                     wt_json_real(s->fraction), "bound", bounds[s->bound], "in_cache", s->in_cache, "threads",
                     s->p.threads, "depth", s->p.depth);
}

static int slower_first(const void *a, const void *b)
{
    const double x = (*(const wt_profiled_step *const *)a)->own_ms, y = (*(const wt_profiled_step *const *)b)->own_ms;
    return x > y ? -1 : x < y ? 1 : *(const wt_profiled_step *const *)a < *(const wt_profiled_step *const *)b ? -1 : 1;
}

static wt_status nodes_json(const wt_profiled *p, json_t **out, wt_err *err)
{
    const wt_profiled_step **order = wt_alloc(p->ctx, p->n + 1, sizeof *order, err);
    *out = json_array();
    if (!order)
        return WT_ENOMEM;
    for (size_t i = 0; i < p->n; i++)
        order[i] = &p->steps[i];
    qsort(order, p->n, sizeof *order, slower_first);
    for (size_t i = 0; i < p->n; i++)
        json_array_append_new(*out, step_json(p, (size_t)(order[i] - p->steps)));
    wt_free(p->ctx, order);
    return WT_OK;
}

/* Operators by their time; few enough to search. */
static json_t *ops_json(const wt_profiled *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->n; i++) {
        const wt_profiled_step *s = &p->steps[i];
        double ms = 0;
        json_int_t count = 0;
        bool first = true;
        for (size_t k = 0; k < p->n; k++) {
            if (strcmp(p->steps[k].p.op, s->p.op) != 0)
                continue;
            first &= k >= i;
            ms += p->steps[k].own_ms;
            count++;
        }
        if (!first)
            continue;
        size_t at = 0;
        while (at < json_array_size(list) && json_number_value(json_object_get(json_array_get(list, at), "ms")) >= ms)
            at++;
        json_array_insert_new(list, at,
                              json_pack("{s:s, s:I, s:f, s:o}", "op", s->p.op, "count", count, "ms", ms, "share",
                                        wt_json_real(p->total_ms > 0 ? ms / p->total_ms : 0)));
    }
    return list;
}

static json_t *pair(const double v[2])
{
    return v[1] > 0 ? json_pack("{s:o, s:o}", "1", wt_json_real(v[0]), "all", wt_json_real(v[1])) : json_null();
}

static json_t *roof_json(const wt_roof *roof)
{
    json_t *o = json_pack("{s:s, s:o, s:f}", "source", roof->source, "read_gb_per_s", pair(roof->read_gb_per_s),
                          "cache_bytes", roof->cache_bytes);
    for (wt_precision p = 0; p < WT_PRECISION_COUNT; p++)
        json_object_set_new(o, wt_precision_peak(p), pair(roof->gflops[p]));
    return o;
}

static wt_status report(const work *w, wt_result **out, wt_err *err)
{
    const wt_profiled *p = &w->p;
    json_t *nodes;
    WT_TRY(nodes_json(p, &nodes, err));
    json_t *o = json_pack("{s:s, s:o, s:s, s:i, s:o, s:f, s:f, s:o, s:o, s:o, s:o, s:{s:I, s:I, s:I, s:I}, s:o}",
                          "schema", "whet.profile/1", "model", wt_json_text(w->path), "engine", "native", "threads",
                          p->threads, "latency_ms", wt_summary_json(&p->latency), "total_ms", p->total_ms, "cpus_used",
                          p->cpus_used, "other_load", wt_json_real(p->others), "nodes", nodes, "ops", ops_json(p),
                          "roof", roof_json(&p->roof), "memory", "weights_bytes", (json_int_t)p->weights_bytes,
                          "activation_bytes", (json_int_t)p->activation_bytes, "peak_rss_bytes",
                          (json_int_t)p->peak_rss, "usable_bytes", (json_int_t)p->usable_memory, "bottlenecks",
                          wt_profile_bottlenecks(p));
    return wt_result_take(out, w->ctx, o, err);
}

static wt_status choose_inputs(work *w, wt_err *err)
{
    if (w->o->data)
        return wt_inputs_from_data(w->samples, SAMPLES, &w->n_samples, w->m.graph, w->path, w->o->data, err);
    w->n_samples = 1;
    return wt_inputs_random(&w->samples[0], w->m.graph, w->o->batch, wt_context_seed(w->ctx), err);
}

static wt_status profile(work *w, wt_result **out, wt_err *err)
{
    const double seconds = w->o->seconds > 0 ? w->o->seconds : 2;
    size_t n;
    WT_TRY(wt_open_graph(&w->m.graph, w->ctx, w->path, &w->o->exec, err));
    WT_TRY(choose_inputs(w, err));
    WT_TRY(wt_open_plan(&w->m, &w->o->exec, NULL, 0, err));
    WT_TRY(wt_session_prepare(w->m.session, w->samples[0].tensors, w->samples[0].n, err));
    WT_TRY(load_roof(w, err));
    WT_TRY(run_for(w, seconds / 4, 0, NULL, &n, err)); /* warm, and for dynamic steps the shapes are known now */
    WT_TRY(time_whole_runs(w, seconds / 2, err));
    WT_TRY(time_steps(w, seconds / 2, err));
    look_at_machine(w);
    wt_profile_hold_against_roof(&w->p);
    return report(w, out, err);
}

wt_status wt_profile(wt_result **out, wt_context *ctx, const char *model, const wt_profile_options *o, wt_err *err)
{
    work w = { .ctx = ctx, .o = o, .path = model, .m = { .ctx = ctx }, .p = { .ctx = ctx } };
    *out = NULL;
    const wt_status st = profile(&w, out, err);
    if (st != WT_OK)
        wt_err_file(err, model);
    wt_free(ctx, w.p.steps);
    wt_opened_close(&w.m);
    for (size_t i = 0; i < w.n_samples; i++)
        wt_inputs_free(&w.samples[i]);
    return st;
}
