/* profile_rules.c - from times to conclusions. Each rule looks at one share of the whole; over its threshold it says
 * what it saw, in numbers, and what to do. */
#include <math.h>
#include <stdio.h>
#include "base/json.h"
#include "measure/profile.h"

static const double near_roof = 0.4; /* part of a ceiling from which it explains the time */

/* --- the roofline
 * ------------------------------------------------------------------------------------------------------------ */
/* A step that moves `bytes` and does `flops` cannot take less than either alone. Traffic that stays in the cache is
 * held against memory all the same, for want of a better ceiling, but then it is no evidence of a memory bound. Where
 * one of the two peaks is not known, the other is called the bound only when it is near. */
static void hold(wt_profiled_step *s, const wt_roof *roof)
{
    const int all = s->p.threads > 1;
    const double gb = roof->read_gb_per_s[all], peak = roof->gflops[s->precision][all];
    const double memory_ms = gb > 0 ? s->p.bytes / gb * 1e-6 : 0, compute_ms = peak > 0 ? s->p.flops / peak * 1e-6 : 0;
    const double least = fmax(memory_ms, compute_ms);
    s->in_cache = roof->cache_bytes > 0 && s->p.bytes <= roof->cache_bytes / 2;
    if (least > 0 && s->own_ms > 0) {
        s->fraction = fmin(1, least / s->own_ms);
        s->bound = (gb > 0 && peak > 0) || s->fraction >= near_roof
                       ? (memory_ms > compute_ms ? WT_BOUND_MEMORY : WT_BOUND_COMPUTE)
                       : WT_BOUND_UNKNOWN;
    } else {
        s->fraction = NAN;
        s->bound = WT_BOUND_UNKNOWN;
    }
}

void wt_profile_hold_against_roof(wt_profiled *p)
{
    for (size_t i = 0; i < p->n; i++)
        hold(&p->steps[i], &p->roof);
}

/* --- what rules ask
 * --------------------------------------------------------------------------------------------------------------- */
typedef bool step_test(const wt_profiled_step *s);

typedef struct part {
    double share, ms, flops, bytes, fraction; /* fraction: mean, weighted by time */
    size_t steps;
} part;

static part part_of(const wt_profiled *p, step_test *test)
{
    part r = { 0 };
    double weight = 0;
    for (size_t i = 0; i < p->n; i++) {
        const wt_profiled_step *s = &p->steps[i];
        if (!test(s))
            continue;
        r.ms += s->own_ms;
        r.flops += s->p.flops;
        r.bytes += s->p.bytes;
        r.steps++;
        if (isfinite(s->fraction)) {
            r.fraction += s->fraction * s->own_ms;
            weight += s->own_ms;
        }
    }
    r.share = p->total_ms > 0 ? r.ms / p->total_ms : 0;
    r.fraction = weight > 0 ? r.fraction / weight : NAN;
    return r;
}

static bool is_memory_bound(const wt_profiled_step *s)
{
    return s->bound == WT_BOUND_MEMORY && !s->in_cache && s->fraction >= near_roof;
}
static bool is_compute_bound(const wt_profiled_step *s) { return s->bound == WT_BOUND_COMPUTE; }
static bool is_portable(const wt_profiled_step *s)
{
    return strlen(s->p.kernel) > 4 && !strcmp(s->p.kernel + strlen(s->p.kernel) - 4, "_ref");
}
static bool is_alone(const wt_profiled_step *s) { return s->p.threads <= 1; }
static bool is_conversion(const wt_profiled_step *s) { return !strcmp(s->p.op, "Reorder"); }
static bool is_decided_late(const wt_profiled_step *s)
{
    return s->p.depth == 0 && !strcmp(s->p.kernel, "decided while running");
}
static bool is_float_work(const wt_profiled_step *s)
{
    return s->bound == WT_BOUND_COMPUTE && s->precision == WT_PRECISION_F32;
}

typedef struct finding {
    double value; /* against the threshold */
    char evidence[320], recommendation[320];
    json_t *numbers;
} finding;

static const char *steps_text(size_t n, char *out, size_t size)
{
    snprintf(out, size, "%zu %s", n, n == 1 ? "step" : "steps");
    return out;
}

static void number(finding *f, const char *key, double v) { json_object_set_new(f->numbers, key, wt_json_real(v)); }

/* --- the rules
 * ----------------------------------------------------------------------------------------------------------------------
 */
static void memory_bound(const wt_profiled *p, finding *f)
{
    char n[32];
    const part r = part_of(p, is_memory_bound);
    const double gb = r.ms > 0 ? r.bytes / r.ms * 1e-6 : 0;
    f->value = r.share;
    number(f, "gb_per_s", gb);
    number(f, "peak_gb_per_s", p->roof.read_gb_per_s[1]);
    snprintf(f->evidence, sizeof f->evidence,
             "%.0f %% of the time goes to %s that wait for memory: %.3g GB/s of the %.3g there are", 100 * r.share,
             steps_text(r.steps, n, sizeof n), gb, p->roof.read_gb_per_s[1]);
    snprintf(f->recommendation, sizeof f->recommendation,
             "fewer bytes: int8 or float16 weights (whet quantize), a larger batch so that weights are read once for "
             "several inputs");
}

static void compute_bound(const wt_profiled *p, finding *f)
{
    char n[32];
    const part r = part_of(p, is_compute_bound), floats = part_of(p, is_float_work);
    const double gflops = r.ms > 0 ? r.flops / r.ms * 1e-6 : 0;
    const double fp32 = p->roof.gflops[WT_PRECISION_F32][1],
                 gain = fp32 > 0 ? p->roof.gflops[WT_PRECISION_I8][1] / fp32 : 0;
    f->value = r.share;
    number(f, "gflops", gflops);
    number(f, "roofline_fraction", r.fraction);
    snprintf(f->evidence, sizeof f->evidence,
             "%.0f %% of the time goes to %s of arithmetic: %.3g GFLOP/s, %.0f %% of what the cores can do",
             100 * r.share, steps_text(r.steps, n, sizeof n), gflops, 100 * r.fraction);
    if (floats.share > 0.3 && gain > 1.2)
        snprintf(f->recommendation, sizeof f->recommendation,
                 "int8 (whet quantize): these cores do %.1f times as many integer as float operations%s", gain,
                 r.fraction < 0.3 ? "; layers with few channels reach little of the peak either way" : "");
    else
        snprintf(f->recommendation, sizeof f->recommendation,
                 "less work: a smaller input, fewer channels (whet prune), a smaller model%s",
                 p->threads < p->cores ? ", or more --threads" : "");
}

static void low_occupancy(const wt_profiled *p, finding *f)
{
    char n[32];
    const part r = part_of(p, is_alone);
    f->value = p->threads > 1 ? r.share : 0;
    number(f, "steps", (double)r.steps);
    number(f, "threads", p->threads);
    snprintf(f->evidence, sizeof f->evidence, "%.0f %% of the time one of %d threads works and the others wait (%s)",
             100 * r.share, p->threads, steps_text(r.steps, n, sizeof n));
    snprintf(f->recommendation, sizeof f->recommendation,
             "steps this small do not divide: --threads 1 and several runs side by side give more throughput; a larger "
             "batch gives each thread more");
}

static void layout_conversions(const wt_profiled *p, finding *f)
{
    char n[32];
    const part r = part_of(p, is_conversion);
    f->value = r.share;
    number(f, "steps", (double)r.steps);
    number(f, "bytes", r.bytes);
    snprintf(f->evidence, sizeof f->evidence, "%.0f %% of the time goes to conversions between layouts (%s)",
             100 * r.share, steps_text(r.steps, n, sizeof n));
    snprintf(f->recommendation, sizeof f->recommendation,
             "whet graph --after layout shows where they are; --no-pass layout tells whether the blocked layout pays "
             "for this model");
}

static void decided_late(const wt_profiled *p, finding *f)
{
    char n[32];
    const part r = part_of(p, is_decided_late);
    f->value = r.share;
    number(f, "steps", (double)r.steps);
    snprintf(f->evidence, sizeof f->evidence, "%.0f %% of the time goes to %s whose shape only the data decides",
             100 * r.share, steps_text(r.steps, n, sizeof n));
    snprintf(f->recommendation, sizeof f->recommendation,
             "a model of fixed sizes where the task allows it: then kernels are chosen beforehand");
}

static void portable_kernels(const wt_profiled *p, finding *f)
{
    char n[32];
    const part r = part_of(p, is_portable);
    f->value = r.share;
    number(f, "steps", (double)r.steps);
    snprintf(f->evidence, sizeof f->evidence, "%.0f %% of the time goes to kernels in portable C (%s)", 100 * r.share,
             steps_text(r.steps, n, sizeof n));
    snprintf(f->recommendation, sizeof f->recommendation,
             "no faster kernel takes these operators, types or shapes on this processor; operators that the tables "
             "know (Conv, MatMul, Gemm) "
             "of the same meaning are faster");
}

static void variance(const wt_profiled *p, finding *f)
{
    const double spread = p->latency.mean > 0 ? p->latency.stddev / p->latency.mean : 0;
    f->value = spread;
    number(f, "coefficient_of_variation", spread);
    number(f, "p99_over_p50", p->latency.p50 > 0 ? p->latency.p99 / p->latency.p50 : 0);
    number(f, "other_load", p->others);
    snprintf(f->evidence, sizeof f->evidence,
             "runs differ by %.0f %% (standard deviation over mean), p99 is %.2g times p50", 100 * spread,
             p->latency.p50 > 0 ? p->latency.p99 / p->latency.p50 : 0);
    if (p->others > 0.1)
        snprintf(f->recommendation, sizeof f->recommendation,
                 "other processes took %.0f %% of the processors meanwhile: measure on a quiet machine, or give them "
                 "fewer cores",
                 100 * p->others);
    else
        snprintf(f->recommendation, sizeof f->recommendation,
                 "nothing else was running: look at the clock (governor, throttling) and at quotas of control groups "
                 "(whet hardware)");
}

static void memory_full(const wt_profiled *p, finding *f)
{
    char a[32], b[32];
    f->value = p->usable_memory ? (double)p->peak_rss / (double)p->usable_memory : 0;
    number(f, "peak_rss_bytes", (double)p->peak_rss);
    number(f, "usable_bytes", (double)p->usable_memory);
    snprintf(a, sizeof a, "%.3g MB", (double)p->peak_rss * 1e-6);
    snprintf(b, sizeof b, "%.3g MB", (double)p->usable_memory * 1e-6);
    snprintf(f->evidence, sizeof f->evidence, "%s of %s are in use at the peak (%.0f %%)", a, b, 100 * f->value);
    snprintf(f->recommendation, sizeof f->recommendation,
             "int8 or float16 weights, a smaller input or batch, or a device with more memory");
}

static void cpu_full(const wt_profiled *p, finding *f)
{
    f->value = p->cores > 0 ? p->cpus_used / p->cores : 0;
    number(f, "cpus_used", p->cpus_used);
    number(f, "cores", p->cores);
    snprintf(f->evidence, sizeof f->evidence, "%.2g of %d cores are busy while it runs (%.0f %%)", p->cpus_used,
             p->cores, 100 * f->value);
    snprintf(f->recommendation, sizeof f->recommendation,
             "nothing is left for others: --threads %d leaves a core free; less work per run (int8, smaller input) "
             "leaves more",
             p->cores > 1 ? p->cores - 1 : 1);
}

static const struct {
    const char *name;
    double threshold;
    void (*look)(const wt_profiled *p, finding *f);
} rules[] = {
    { "memory bound", 0.4, memory_bound },
    { "compute bound", 0.5, compute_bound },
    { "low occupancy", 0.2, low_occupancy },
    { "layout conversions", 0.1, layout_conversions },
    { "portable kernels", 0.3, portable_kernels },
    { "decided while running", 0.1, decided_late },
    { "variance", 0.2, variance },
    { "memory", 0.9, memory_full },
    { "cpu", 0.8, cpu_full },
};

json_t *wt_profile_bottlenecks(const wt_profiled *p)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < WT_ARRAY_LEN(rules); i++) {
        finding f = { .numbers = json_object() };
        rules[i].look(p, &f);
        if (!(f.value > rules[i].threshold)) {
            json_decref(f.numbers);
            continue;
        }
        json_t *o = json_pack("{s:s, s:f, s:f, s:s, s:o, s:s}", "name", rules[i].name, "share", f.value, "threshold",
                              rules[i].threshold, "evidence", f.evidence, "numbers", f.numbers, "recommendation",
                              f.recommendation);
        size_t at = 0;
        while (at < json_array_size(list) &&
               json_number_value(json_object_get(json_array_get(list, at), "share")) >= f.value)
            at++;
        json_array_insert_new(list, at, o);
    }
    return list;
}
