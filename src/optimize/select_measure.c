/* select_measure.c - the candidates side by side on this machine: what is measured overrules what is believed. */
#include <math.h>
#include <stdio.h>
#include "base/base.h"
#include "optimize/select.h"
#include "run/engines/engine.h"

enum { SHORT_TEXT = 16 /* tokens of a prompt and of an answer: enough to tell engines apart */ };
static const double least_floor = 0.02; /* of differences that count, where the noise could not be told */

/* Engines that are found and whose framework fits, as bench takes them: "native,openvino". */
static size_t engines_to_run(wt_choice *choices, wt_context *ctx, const char *model, char *names, size_t size)
{
    size_t n = 0;
    names[0] = 0;
    for (wt_framework_id f = 0; f < WT_FRAMEWORK_COUNT; f++) {
        const char *name = wt_framework_rows[f].engine;
        const wt_engine *engine = wt_engine_by_name(name, strlen(name));
        char library[WT_LIBRARY_PATH], reason[WT_ENGINE_TEXT];
        wt_choice *c = &choices[f];
        if (!c->fits)
            continue;
        if (!engine)
            snprintf(c->state, sizeof c->state, "not measured: whet cannot run %s", name);
        else if (wt_engine_library(engine, ctx, library, NULL) != WT_OK)
            snprintf(c->state, sizeof c->state, "not measured: %s is not found here", name);
        else if (!wt_engine_takes(engine, model, reason))
            snprintf(c->state, sizeof c->state, "not measured: %.120s", reason);
        else {
            const size_t used = strlen(names);
            snprintf(names + used, size - used, "%s%s", used ? "," : "", name);
            n++;
        }
    }
    return n;
}

/* What counts, the less the better: milliseconds of an answer (of a language model: of a token), bytes, joules. */
static double value_of(const wt_result *r, size_t i, const char *prefer)
{
    const double rate = wt_result_number(r, 0, "results[%zu].decode_tok_per_s.p50", i);
    const double ms = rate > 0 ? 1e3 / rate : wt_result_number(r, NAN, "results[%zu].latency_ms.p50", i);
    const double bytes = wt_result_number(r, NAN, "results[%zu].peak_rss_bytes", i);
    if (!strcmp(prefer, "size"))
        return bytes;
    if (!strcmp(prefer, "energy"))
        return wt_result_number(r, NAN, "results[%zu].energy_j", i);
    return !strcmp(prefer, "balanced") && isfinite(bytes) ? sqrt(ms * bytes * 1e-6) : ms;
}

static void take(wt_choice *choices, const wt_result *r, const char *prefer)
{
    for (size_t i = 0; i < wt_result_count(r, "results"); i++)
        for (wt_framework_id f = 0; f < WT_FRAMEWORK_COUNT; f++) {
            if (strcmp(wt_framework_rows[f].engine, wt_result_string(r, "", "results[%zu].engine", i)) != 0)
                continue;
            wt_choice *c = &choices[f];
            c->value = value_of(r, i, prefer);
            if (isfinite(c->value))
                continue;
            c->fits = false;
            snprintf(c->why, sizeof c->why, "%s ran it and failed: %s", wt_framework_rows[f].engine,
                     wt_result_string(r, "no figure", "results[%zu].reason", i));
        }
}

wt_status wt_choices_measure(wt_choice choices[WT_FRAMEWORK_COUNT], double *floor, wt_context *ctx, const char *model,
                             const wt_select_options *o, wt_err *err)
{
    char names[160];
    wt_result *r;
    *floor = least_floor;
    if (!engines_to_run(choices, ctx, model, names, sizeof names))
        return WT_OK;
    wt_bench_options b = wt_bench_defaults();
    b.exec = o->exec;
    b.exec.engine = names;
    b.models = &model;
    b.n_models = 1;
    b.seconds = o->seconds > 0 ? o->seconds : 2;
    b.prompt = b.gen = SHORT_TEXT;
    const wt_status st = wt_bench(&r, ctx, &b, err);
    if (!r) /* an engine that refuses the model is a line of the result, not the end of it */
        return st;
    take(choices, r, o->prefer ? o->prefer : "balanced");
    *floor = fmax(*floor, wt_result_number(r, 0, "noise_floor"));
    wt_result_free(r);
    return st == WT_ECANCELLED ? st : WT_OK;
}
