/* optimize_search.c - which products stay in float, by measurement.
 *
 * Nothing does while the integer model keeps the float model's score, and its outputs their signal, on the calibration
 * part. Otherwise products are ordered by the noise that each adds alone; the shortest prefix of that order that brings
 * the score back is found by doubling and halving; then every member is tried as integers again, the least sensitive
 * first, and stays in float only if the goal is missed without it. Where no prefix reaches the goal, the best score
 * that was seen is the goal, so that what adds nothing is not paid for. Decisions follow from scores and noise alone,
 * never from time: a resumed run takes the same ones. What each member is worth and costs goes into the ledger. */
#include <math.h>
#include "base/clock.h"
#include "base/json.h"
#include "optimize/optimize_impl.h"
#include "optimize/sensitivity.h"

static const double KEEP_IN_SEARCH = 0.995; /* of the float score: above the gate, for parts of a set differ */
static const double MARGIN_DB = 1;
enum {
    PROBE_SAMPLES = 8,
    MOST_RETRIED = 32 /* members tried as integers again, a scoring of the calibration part each */
};

typedef struct outcome {
    double value, noise;
} outcome;

typedef struct search {
    wt_optimizer *w;
    wt_probe *probe;
    wt_sensitivity *worst; /* worst first */
    size_t n;
    bool *floats;     /* by index of points.weighted */
    outcome *without; /* by place in worst: what the model is when this one computes with integers; NaN: not tried */
    double reference; /* score of the float model */
    double goal;
    bool higher; /* is better */
    double least_db;
    json_t *tried;
} search;

static double decibels(double noise) { return noise > 0 ? -10 * log10(noise) : 200; }

static wt_status score(wt_optimizer *w, const wt_graph *g, const char *task, double *value, const wt_metric_info **info,
                       wt_err *err)
{
    wt_evaluation *e;
    WT_TRY(wt_optimize_score(w, g, w->calibration, task, &e, err));
    *value = wt_evaluation_result(e)->value;
    if (info)
        *info = wt_evaluation_result(e)->info;
    wt_evaluation_close(e);
    return WT_OK;
}

static size_t count_floats(const search *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->w->q.points.n_weighted; i++)
        count += s->floats[i];
    return count;
}

/* Score and noise of the model with the products of s->floats in float. */
static wt_status attempt(search *s, outcome *out, wt_err *err)
{
    wt_graph *g;
    wt_points used;
    WT_TRY(wt_check_cancel(s->w->ctx, err));
    WT_TRY(wt_quantizer_build(&s->w->q, WT_RANGE_MSE, false, true, s->floats, &g, &used, err));
    wt_status st = score(s->w, g, "scoring a candidate", &out->value, NULL, err);
    if (st == WT_OK)
        st = wt_probe_noise(s->probe, g, &out->noise, err);
    if (st == WT_OK)
        json_array_append_new(s->tried,
                              json_pack("{s:I, s:o, s:o}", "float_products", (json_int_t)count_floats(s), "value",
                                        wt_json_real(out->value), "sqnr_db", wt_json_real(decibels(out->noise))));
    wt_points_free(&used);
    wt_graph_close(g);
    return st;
}

static bool reached(const search *s, const outcome *o)
{
    return (s->higher ? o->value >= s->goal : o->value <= s->goal + 1e-12) && decibels(o->noise) >= s->least_db;
}

static wt_status attempt_prefix(search *s, size_t k, outcome *out, wt_err *err)
{
    for (size_t i = 0; i < s->n; i++)
        s->floats[s->worst[i].weighted] = i < k;
    return attempt(s, out, err);
}

/* No prefix reached the goal: the best that was seen becomes it. */
static void settle(search *s, const outcome *seen, const size_t *length, size_t n, size_t *k)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        const double a = seen[i].value, b = seen[best].value;
        if (a != b ? (a > b) == s->higher : seen[i].noise < 0.8 * seen[best].noise)
            best = i;
    }
    s->goal = seen[best].value;
    s->least_db = fmin(s->least_db, decibels(seen[best].noise) - 0.5);
    *k = length[best];
}

/* The shortest prefix of the order that reaches the goal; all: what the integer model is. */
static wt_status shortest(search *s, const outcome *all, size_t *k, wt_err *err)
{
    outcome seen[64] = { *all };
    size_t length[64] = { 0 }, n = 1, low = 0, high = 0;
    for (size_t next = 1; !high && low < s->n; next *= 2) {
        length[n] = next < s->n ? next : s->n;
        WT_TRY(attempt_prefix(s, length[n], &seen[n], err));
        *(reached(s, &seen[n]) ? &high : &low) = length[n];
        n++;
    }
    if (!high) {
        settle(s, seen, length, n, k);
        return WT_OK;
    }
    while (high - low > 1) {
        outcome o;
        const size_t middle = low + (high - low) / 2;
        WT_TRY(attempt_prefix(s, middle, &o, err));
        *(reached(s, &o) ? &high : &low) = middle;
    }
    *k = high;
    return WT_OK;
}

/* Members of the prefix that are not needed compute with integers again. */
static wt_status give_back(search *s, size_t k, wt_err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        s->floats[s->worst[i].weighted] = i < k;
        s->without[i] = (outcome){ NAN, NAN };
    }
    for (size_t tries = 0, i = k; i-- > 0 && tries < MOST_RETRIED; tries++) {
        s->floats[s->worst[i].weighted] = false;
        WT_TRY(attempt(s, &s->without[i], err));
        s->floats[s->worst[i].weighted] = !reached(s, &s->without[i]);
    }
    return WT_OK;
}

/* {weighted, node, gain_db, value_with, value_without, memory_bytes} of each that stays in float. */
static wt_status note_kept(search *s, json_t *kept, wt_err *err)
{
    outcome final;
    bool changed = false;
    if (!count_floats(s))
        return WT_OK;
    WT_TRY(attempt(s, &final, err));
    for (size_t i = 0; i < s->n; i++) {
        const size_t k = s->worst[i].weighted;
        const wt_weighted *x = &s->w->q.points.weighted[k];
        outcome *o = &s->without[i];
        if (!s->floats[k]) {
            changed |= isfinite(o->value); /* after those behind it had been tried: these saw it in float */
            continue;
        }
        if (changed && isfinite(o->value)) {
            s->floats[k] = false;
            const wt_status st = attempt(s, o, err);
            s->floats[k] = true;
            WT_TRY(st);
        }
        json_array_append_new(
            kept,
            json_pack("{s:I, s:s, s:o, s:o, s:o, s:I}", "weighted", (json_int_t)k, "node", x->node->name, "gain_db",
                      wt_json_real(isfinite(o->noise) ? decibels(final.noise) - decibels(o->noise) : NAN), "value_with",
                      wt_json_real(final.value), "value_without", wt_json_real(o->value), "memory_bytes",
                      (json_int_t)(x->weight->type.bytes / 4 * 3)));
    }
    return WT_OK;
}

static wt_status widen(search *s, const outcome *all, json_t *kept, wt_err *err)
{
    size_t k = 0;
    const size_t room = s->w->q.points.n_weighted + 1;
    s->worst = wt_alloc(s->w->ctx, room, sizeof *s->worst, err);
    s->without = s->worst ? wt_alloc(s->w->ctx, room, sizeof *s->without, err) : NULL;
    if (!s->without)
        return WT_ENOMEM;
    WT_TRY(wt_probe_rank(s->probe, WT_RANGE_MSE, s->worst, &s->n, err));
    WT_TRY(shortest(s, all, &k, err));
    WT_TRY(give_back(s, k, err));
    return note_kept(s, kept, err);
}

static wt_status run_search(search *s, json_t *doc, wt_err *err)
{
    outcome all;
    json_t *kept = json_array();
    const wt_metric_info *info;
    const double asked = fmin(s->w->o->min_accuracy, 1), share = fmax(KEEP_IN_SEARCH, asked);
    s->tried = json_array();
    json_object_set_new(doc, "tried", s->tried);
    json_object_set_new(doc, "kept", kept);
    s->least_db = wt_equiv_defaults("int8").min_sqnr_db;
    WT_TRY(score(s->w, s->w->q.canonical, "scoring the original", &s->reference, &info, err));
    s->higher = info->better >= 0;
    s->goal = s->higher ? share * s->reference : s->reference / share;
    if (info->form == WT_METRIC_DECIBEL) /* against the original itself: what is lost is the noise */
        s->goal = asked < 1 ? -20 * log10(1 - asked) + MARGIN_DB : INFINITY;
    WT_TRY(wt_probe_open(&s->probe, &s->w->q, s->w->calibration, PROBE_SAMPLES, err));
    json_object_set_new(doc, "float_value", wt_json_real(s->reference));
    WT_TRY(attempt(s, &all, err));
    return reached(s, &all) ? WT_OK : widen(s, &all, kept, err);
}

wt_status wt_optimize_search(wt_optimizer *w, bool **float_nodes, wt_err *err)
{
    const uint64_t start = wt_now_ns();
    const json_t *done = wt_journal_find(w->journal, "search");
    bool *floats = wt_alloc(w->ctx, w->q.points.n_weighted + 1, sizeof *floats, err);
    *float_nodes = floats;
    if (!floats)
        return WT_ENOMEM;
    if (!done) {
        search s = { .w = w, .floats = floats };
        json_t *doc = json_object();
        wt_status st = doc ? run_search(&s, doc, err) : wt_fail(err, WT_ENOMEM, "no memory for the search");
        wt_probe_close(s.probe);
        wt_free(w->ctx, s.worst);
        wt_free(w->ctx, s.without);
        if (st == WT_OK) {
            json_object_set_new(doc, "seconds", json_real(wt_seconds_since(start)));
            return wt_journal_add(w->journal, "search", WT_STEP_MADE, doc, err);
        }
        json_decref(doc);
        wt_free(w->ctx, floats);
        *float_nodes = NULL;
        return st;
    }
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(done, "kept"), i, row)
    {
        const json_int_t k = json_integer_value(json_object_get(row, "weighted"));
        if (k >= 0 && (size_t)k < w->q.points.n_weighted)
            floats[k] = true;
    }
    return WT_OK;
}
