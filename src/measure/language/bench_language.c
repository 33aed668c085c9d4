/* bench_language.c - language models side by side.
 *
 * As in bench.c every model is a worker process, they take turns, and the first one is measured twice: the difference
 * of the two is the noise. A turn is one prompt of random tokens and one answer of greedy ones from an empty cache. */
#include "measure/language/bench_language.h"
#include <math.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/json.h"
#include "measure/statistics.h"
#include "measure/worker/worker.h"
#include "model/weights.h"
#include "run/engines/engine.h"

enum { LEAST_ROUNDS = 3, MOST_ROUNDS = 1000 };

typedef struct lane {
    const char *model;
    const wt_engine_choice *engine;
    char version[64], settings[WT_ENGINE_TEXT];
    wt_worker *worker;
    wt_status status;
    wt_err err;
    double load_ms;
    double *prefill_s, *decode_s; /* [MOST_ROUNDS] */
    size_t rounds;
    json_t *memory;
    uint64_t empty_rss;
} lane;

typedef struct table {
    wt_context *ctx;
    const wt_bench_options *o;
    wt_engine_choice engines[WT_MOST_ENGINES];
    size_t n_engines;
    lane *lanes; /* every model on every engine, then the first one again */
    size_t n;
    int64_t prompt, gen;
    double timeout_s;
} table;

static double number(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }

static void end_lane(lane *l, wt_status status, const wt_err *err)
{
    l->status = status;
    l->err = *err;
    wt_worker_close(l->worker);
    l->worker = NULL;
}

static void open_lane(table *t, lane *l)
{
    wt_err e = { .offset = WT_NO_OFFSET };
    json_t *answer = NULL;
    wt_status st = wt_worker_open(&l->worker, t->ctx, t->o->program, t->o->exec.threads, &l->empty_rss, &e);
    if (st == WT_OK)
        st = wt_worker_ask(l->worker,
                           json_pack("{s:s, s:o, s:s, s:s, s:i, s:I}", "do", "open-language", "model",
                                     wt_message_path(l->model), "engine", l->engine->engine->name, "variant",
                                     l->engine->variant, "threads", t->o->exec.threads, "context",
                                     (json_int_t)(t->prompt + t->gen)),
                           t->timeout_s, &answer, &e);
    if (st == WT_OK) {
        l->load_ms = number(answer, "load_ms");
        const char *version = json_string_value(json_object_get(answer, "version")),
                   *settings = json_string_value(json_object_get(answer, "settings"));
        snprintf(l->version, sizeof l->version, "%s", version ? version : "");
        snprintf(l->settings, sizeof l->settings, "%s", settings ? settings : "");
    } else {
        end_lane(l, st, &e);
    }
    json_decref(answer);
}

static void speak(table *t, lane *l, bool counts)
{
    wt_err e = { .offset = WT_NO_OFFSET };
    json_t *answer = NULL;
    if (!l->worker)
        return;
    const wt_status st = wt_worker_ask(
        l->worker,
        json_pack("{s:s, s:I, s:I}", "do", "speak", "prompt", (json_int_t)t->prompt, "gen", (json_int_t)t->gen),
        t->timeout_s, &answer, &e);
    if (st != WT_OK) {
        end_lane(l, st, &e);
    } else if (counts) {
        l->prefill_s[l->rounds] = number(answer, "prefill_s");
        l->decode_s[l->rounds++] = number(answer, "decode_s");
    }
    json_decref(answer);
}

static wt_status measure(table *t, wt_err *err)
{
    const size_t all = t->n + 1;
    const double seconds = (t->o->seconds > 0 ? t->o->seconds : 3) * (double)all;
    for (size_t i = 0; i < all; i++)
        open_lane(t, &t->lanes[i]);
    for (size_t i = 0; i < all; i++)
        speak(t, &t->lanes[i], false); /* pages of the file, frequency, caches */
    const uint64_t began = wt_now_ns();
    for (size_t round = 0; round < MOST_ROUNDS; round++) {
        WT_TRY(wt_check_cancel(t->ctx, err));
        for (size_t i = 0; i < all; i++)
            speak(t, &t->lanes[round % 2 ? all - 1 - i : i], true);
        const double spent = wt_seconds_since(began);
        wt_report_progress(t->ctx, "bench", "%", (uint64_t)fmin(100, 100 * spent / seconds), 100);
        if (round + 1 >= LEAST_ROUNDS && spent >= seconds)
            break;
    }
    for (size_t i = 0; i < all; i++) {
        wt_err e = { .offset = WT_NO_OFFSET };
        lane *l = &t->lanes[i];
        if (l->worker &&
            wt_worker_ask(l->worker, json_pack("{s:s}", "do", "memory"), t->timeout_s, &l->memory, &e) != WT_OK)
            end_lane(l, e.code, &e);
    }
    return WT_OK;
}

/* --- the document --------------------------------------------------------------------------------------------------
 */
static json_t *rate(const table *t, const double *seconds, size_t n, int64_t tokens)
{
    wt_summary s;
    double v[MOST_ROUNDS];
    for (size_t i = 0; i < n; i++)
        v[i] = (double)tokens / seconds[i];
    return n && tokens && wt_summarize(t->ctx, v, n, wt_context_seed(t->ctx), &s, NULL) == WT_OK ? wt_summary_json(&s)
                                                                                                 : json_null();
}

static json_t *lane_json(const table *t, const lane *l)
{
    const char *key;
    json_t *value, *o = json_pack("{s:o, s:s, s:s}", "model", wt_json_text(l->model), "engine", l->engine->label,
                                  "status", l->status == WT_OK ? "ok" : "failed");
    if (l->status != WT_OK) {
        json_object_set_new(o, "code", json_string(wt_status_name(l->status)));
        json_object_set_new(o, "reason", wt_json_text(l->err.message));
        return o;
    }
    json_object_set_new(o, "engine_version", wt_json_text(l->version));
    json_object_set_new(o, "settings", l->settings[0] ? wt_json_text(l->settings) : json_null());
    json_object_set_new(o, "prefill_tok_per_s", rate(t, l->prefill_s, l->rounds, t->prompt));
    json_object_set_new(o, "decode_tok_per_s", rate(t, l->decode_s, l->rounds, t->gen));
    json_object_set_new(o, "load_ms", wt_json_real(l->load_ms));
    json_object_foreach(l->memory, key, value)
    {
        if (strcmp(key, "ok") != 0)
            json_object_set(o, key, value);
    }
    json_object_set_new(
        o, "rss_over_empty_bytes",
        json_integer(json_integer_value(json_object_get(l->memory, "peak_rss_bytes")) - (json_int_t)l->empty_rss));
    return o;
}

/* How many times faster b is than a. */
static json_t *ratio_of(const table *t, const double *a, const double *b, size_t n, double *far)
{
    double ratio, ci[2];
    if (!n || wt_ratio_of_medians(t->ctx, b, a, n, wt_context_seed(t->ctx), &ratio, ci, NULL) != WT_OK)
        return json_null();
    *far = fmax(fabs(ci[0] - 1), fabs(ci[1] - 1));
    return json_pack("{s:o, s:[o, o]}", "speedup", wt_json_real(ratio), "ci95", wt_json_real(ci[0]),
                     wt_json_real(ci[1]));
}

static void add_ratios(const table *t, json_t *root)
{
    const lane *first = &t->lanes[0], *again = &t->lanes[t->n];
    json_t *list = json_array();
    double floor[2] = { NAN, NAN }, unused;
    if (first->status == WT_OK && again->status == WT_OK) {
        json_decref(ratio_of(t, first->prefill_s, again->prefill_s, first->rounds, &floor[0]));
        json_decref(ratio_of(t, first->decode_s, again->decode_s, first->rounds, &floor[1]));
    }
    json_object_set_new(root, "noise_floor", wt_json_real(fmax(floor[0], floor[1])));
    for (size_t i = 1; i < t->n; i++) {
        const lane *l = &t->lanes[i];
        if (first->status != WT_OK || l->status != WT_OK)
            continue;
        json_array_append_new(list, json_pack("{s:o, s:o, s:s, s:s, s:o, s:o}", "model", wt_json_text(l->model), "to",
                                              wt_json_text(first->model), "engine", l->engine->label, "to_engine",
                                              first->engine->label, "prefill",
                                              ratio_of(t, first->prefill_s, l->prefill_s, l->rounds, &unused), "decode",
                                              ratio_of(t, first->decode_s, l->decode_s, l->rounds, &unused)));
    }
    json_object_set_new(root, "ratios", list);
}

static json_t *report(const table *t)
{
    json_t *results = json_array(),
           *root = json_pack("{s:s, s:{s:i, s:I, s:I, s:I}, s:o}", "schema", "whet.bench/1", "conditions", "threads",
                             t->o->exec.threads > 0 ? t->o->exec.threads : wt_context_threads(t->ctx), "prompt",
                             (json_int_t)t->prompt, "gen", (json_int_t)t->gen, "seed",
                             (json_int_t)wt_context_seed(t->ctx), "results", results);
    for (size_t i = 0; i < t->n; i++)
        json_array_append_new(results, lane_json(t, &t->lanes[i]));
    add_ratios(t, root);
    return root;
}

static wt_status run(table *t, wt_result **out, wt_err *err)
{
    for (size_t i = 0; i <= t->n; i++) {
        t->lanes[i].prefill_s = wt_alloc(t->ctx, MOST_ROUNDS, sizeof(double), err);
        t->lanes[i].decode_s = wt_alloc(t->ctx, MOST_ROUNDS, sizeof(double), err);
        if (!t->lanes[i].prefill_s || !t->lanes[i].decode_s)
            return WT_ENOMEM;
    }
    WT_TRY(measure(t, err));
    if (t->n > 1 || t->lanes[0].status == WT_OK)
        WT_TRY(wt_result_take(out, t->ctx, report(t), err));
    for (size_t i = 0; i < t->n; i++)
        if (t->lanes[i].status != WT_OK) {
            if (err)
                *err = t->lanes[i].err;
            return t->lanes[i].status;
        }
    return WT_OK;
}

/* "all" means all that can: who was named and cannot is told so. */
static void choose_lanes(table *t)
{
    char reason[WT_ENGINE_TEXT];
    const bool all = t->o->exec.engine && !strcmp(t->o->exec.engine, "all");
    for (size_t i = 0; i < t->o->n_models; i++)
        for (size_t k = 0; k < t->n_engines; k++) {
            const wt_engine *e = t->engines[k].engine;
            if (all && (!e->open_decoder || !wt_engine_takes(e, t->o->models[i], reason)))
                continue;
            t->lanes[t->n].model = t->o->models[i];
            t->lanes[t->n++].engine = &t->engines[k];
        }
    t->lanes[t->n] = t->lanes[0];
}

wt_status wt_bench_language(wt_result **out, wt_context *ctx, const wt_bench_options *o, wt_err *err)
{
    table t = { .ctx = ctx,
                .o = o,
                .prompt = o->prompt > 0 ? o->prompt : 128,
                .gen = o->gen > 0 ? o->gen : 64,
                .timeout_s = o->timeout_s > 0 ? o->timeout_s : 300 };
    *out = NULL;
    for (size_t i = 0; i < o->n_models; i++)
        if (!wt_weights_sniff(o->models[i]))
            return wt_fail(err, WT_EUSAGE, "%s is no language model: they are measured among themselves", o->models[i]);
    WT_TRY(wt_engine_choices(t.engines, &t.n_engines, ctx, o->exec.engine, err));
    t.lanes = wt_alloc(ctx, o->n_models * t.n_engines + 1, sizeof *t.lanes, err);
    if (!t.lanes)
        return WT_ENOMEM;
    choose_lanes(&t);
    const wt_status st = run(&t, out, err);
    for (size_t i = 0; i <= t.n; i++) {
        wt_worker_close(t.lanes[i].worker);
        json_decref(t.lanes[i].memory);
        wt_free(ctx, t.lanes[i].prefill_s);
        wt_free(ctx, t.lanes[i].decode_s);
    }
    wt_free(ctx, t.lanes);
    return st;
}
