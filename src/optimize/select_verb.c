/* select_verb.c - the verb: limits first, then the prior, then what is measured; and how long it would take there. */
#include <math.h>
#include <stdio.h>
#include "base/json.h"
#include "optimize/predict.h"
#include "optimize/select.h"

wt_select_options wt_select_defaults(void)
{
    return (wt_select_options){ .size = sizeof(wt_select_options), .exec = wt_exec_defaults(), .target = "this" };
}

typedef struct selection {
    wt_context *ctx;
    const char *model;
    const wt_select_options *o;
    wt_result *target, *assessed;
    wt_facts facts;
    wt_choice choices[WT_FRAMEWORK_COUNT];
    wt_framework_id order[WT_FRAMEWORK_COUNT]; /* of what fits, the better first */
    size_t n;
    wt_framework_id believed; /* what the prior alone would take */
    bool overruled;
    double floor;
} selection;

static const char *name_of(wt_framework_id f) { return wt_framework_rows[f].name; }

static bool is_this(const selection *s) { return !strcmp(s->o->target, "this"); }

/* --- limits that are no framework's
 * ---------------------------------------------------------------------------------------------- */
static wt_status fits_memory(const selection *s, wt_err *err)
{
    const double memory = wt_result_number(s->target, 0, "memory.total_bytes");
    const double has = memory > 0 ? memory + wt_result_number(s->target, 0, "memory.flash_bytes") : 0;
    const double needs = wt_result_number(s->assessed, 0, "weights_bytes") +
                         wt_result_number(s->assessed, 0, "activation_peak_bytes");
    if (!(has > 0) || needs <= has)
        return WT_OK;
    const wt_status st = wt_fail(err, WT_EUNSUPPORTED,
                                 "the model needs %.4g MB (weights and activations), target '%s' has %.4g MB",
                                 needs * 1e-6, s->o->target, has * 1e-6);
    wt_err_hint(err, "whet quantize makes it smaller; whet assess tells what takes the bytes");
    return st;
}

static wt_status nobody(const selection *s, wt_err *err)
{
    char list[420] = "";
    for (wt_framework_id f = 0; f < WT_FRAMEWORK_COUNT; f++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s: %.60s", used ? "; " : "", name_of(f), s->choices[f].why);
    }
    const wt_status st = wt_fail(err, WT_EUNSUPPORTED, "no framework takes this model on '%s' (%s)", s->o->target,
                                 list);
    wt_err_hint(err, "another target (whet hardware --list-targets), or a model without these operators");
    return st;
}

/* --- the choice
 * -------------------------------------------------------------------------------------------------------------- */
/* Whether a comes before b behind the first choice: what was measured, the better first, then the prior's order. */
static bool before(const wt_choice *a, const wt_choice *b) { return isfinite(a->value) && !(b->value <= a->value); }

/* The best of those measured comes first when it is better than what was believed by more than the noise; what was
 * believed and could not be measured here stays. */
static void let_measurement_rule(selection *s)
{
    for (size_t i = 2; i < s->n; i++)
        for (size_t k = i; k > 1 && before(&s->choices[s->order[k]], &s->choices[s->order[k - 1]]); k--) {
            const wt_framework_id f = s->order[k];
            s->order[k] = s->order[k - 1];
            s->order[k - 1] = f;
        }
    if (s->n < 2 || !(s->choices[s->order[1]].value < s->choices[s->order[0]].value * (1 - s->floor)))
        return;
    s->order[0] = s->order[1];
    s->order[1] = s->believed;
    s->overruled = true;
}

static wt_status choose(selection *s, wt_err *err)
{
    wt_choices_judge(s->choices, s->facts, s->assessed);
    s->n = wt_choices_rank(s->choices, s->order);
    if (s->n && s->o->measure) {
        s->believed = s->order[0];
        WT_TRY(wt_choices_measure(s->choices, &s->floor, s->ctx, s->model, s->o, err));
        s->overruled = !s->choices[s->believed].fits; /* it was run, and failed */
        s->n = wt_choices_rank(s->choices, s->order);
        if (s->n && !s->overruled)
            let_measurement_rule(s);
    } else if (s->n)
        s->believed = s->order[0];
    return s->n ? WT_OK : nobody(s, err);
}

/* --- the document
 * ----------------------------------------------------------------------------------------------------------------- */
static json_t *facts_json(wt_facts facts)
{
    json_t *list = json_array();
    for (wt_fact f = WT_FACT_ALWAYS + 1; f < WT_FACT_COUNT; f++)
        if (wt_fact_holds(facts, f))
            json_array_append_new(
                list, json_pack("{s:s, s:s}", "fact", wt_fact_rows[f].name, "title", wt_fact_rows[f].title));
    return list;
}

static void add_reason(json_t *list, wt_framework_id f, const char *kind, const char *when, int points,
                       const char *reason, const char *source)
{
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:s, s:i, s:o, s:s}", "framework", name_of(f), "kind", kind, "because",
                                    when, "points", points, "reason", wt_json_text(reason), "source", source));
}

/* What the measurement said to the prior's choice. */
static void add_measured_reason(const selection *s, json_t *list)
{
    const wt_choice *was = &s->choices[s->believed], *is = &s->choices[s->order[0]];
    const char *prefer = s->o->prefer ? s->o->prefer : "balanced";
    char text[256];
    if (s->overruled && was->fits)
        snprintf(text, sizeof text, "the measurement overrules the prior: %s %.4g, %s %.4g (%s, less is better)",
                 name_of(is->framework), is->value, name_of(was->framework), was->value, prefer);
    else if (s->overruled)
        snprintf(text, sizeof text, "the measurement overrules the prior: %s", was->why);
    else if (isfinite(is->value))
        snprintf(text, sizeof text, "the measurement agrees with the prior: %.4g (%s, less is better)", is->value,
                 prefer);
    else
        snprintf(text, sizeof text, "the prior stands: %s", is->state);
    add_reason(list, s->order[0], "measured", "measured on this machine", 0, text, "whet bench");
}

/* Of the first two: how they get the model, what speaks for them, and what the measurement said. */
static json_t *reasons_json(const selection *s)
{
    json_t *list = json_array();
    if (s->o->measure)
        add_measured_reason(s, list);
    for (size_t i = 0; i < s->n && i < 2; i++) {
        add_reason(list, s->order[i], "limits", "it takes the model", 0, s->choices[s->order[i]].why, "whet assess");
        for (size_t k = 0; k < wt_prior_row_count; k++) {
            const wt_prior_row *p = &wt_prior_rows[k];
            if (p->framework == s->order[i] && wt_prior_holds(p, s->facts))
                add_reason(list, p->framework, "prior", wt_fact_rows[p->fact].title, p->points, p->reason, p->source);
        }
    }
    return list;
}

static json_t *candidates_json(const selection *s)
{
    json_t *list = json_array();
    for (wt_framework_id f = 0; f < WT_FRAMEWORK_COUNT; f++) {
        const wt_choice *c = &s->choices[f];
        json_t *o = json_pack("{s:s, s:s, s:b, s:o, s:i, s:o}", "framework", name_of(f), "engine",
                              wt_framework_rows[f].engine, "fits", c->fits, "why", wt_json_text(c->why), "points",
                              c->points, "measured", wt_json_real(c->value));
        if (c->state[0])
            json_object_set_new(o, "measurement", wt_json_text(c->state));
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *no_prediction(const char *reason, const char *hint)
{
    return json_pack("{s:s, s:n, s:o, s:o}", "kind", "prediction", "latency_ms", "reason", wt_json_text(reason), "hint",
                     hint[0] ? wt_json_text(hint) : json_null());
}

/* Of a device that is not this one. That it cannot be predicted is no failure of the choice. */
static wt_status predict(const selection *s, json_t **out, wt_err *err)
{
    wt_work work;
    wt_roof roof;
    wt_err why = { .offset = WT_NO_OFFSET };
    const char *from;
    wt_predict_roof(&roof, s->target, &from);
    if (!from[0]) {
        *out = no_prediction("the profile has neither a bandwidth nor a peak of arithmetic",
                             "whet hardware --measure --save FILE.json on that device makes one that has");
        return WT_OK;
    }
    const wt_status st = wt_work_of_model(&work, s->ctx, s->model, &s->o->exec, &why);
    if (st == WT_ECANCELLED)
        return wt_fail(err, st, "interrupted");
    if (st != WT_OK) {
        *out = no_prediction(why.message, why.hint);
        return WT_OK;
    }
    const wt_prediction p = wt_predict(&work, &roof);
    *out = wt_prediction_json(&p, &roof, from);
    wt_work_free(&work, s->ctx);
    return WT_OK;
}

static wt_status report(const selection *s, wt_result **out, wt_err *err)
{
    json_t *prediction = json_null();
    if (!is_this(s))
        WT_TRY(predict(s, &prediction, err));
    json_t *o = json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:b, s:b, s:o}", "schema", "whet.select/1", "model",
                          wt_json_text(s->model), "target", wt_json_text(s->o->target), "primary", name_of(s->order[0]),
                          "fallback", s->n > 1 ? json_string(name_of(s->order[1])) : json_null(), "reasons",
                          reasons_json(s), "candidates", candidates_json(s), "facts", facts_json(s->facts), "measured",
                          s->o->measure, "overruled", s->overruled, "prediction", prediction);
    return wt_result_take(out, s->ctx, o, err);
}

static wt_status select_framework(selection *s, wt_result **out, wt_err *err)
{
    WT_TRY(wt_target_load(&s->target, s->ctx, s->o->target, err));
    WT_TRY(wt_assess(&s->assessed, s->ctx, s->model, &s->o->exec, err));
    WT_TRY(wt_facts_gather(&s->facts, s->target, s->assessed, s->o, err));
    wt_status st = fits_memory(s, err);
    if (st == WT_OK)
        st = choose(s, err);
    if (st == WT_OK)
        return report(s, out, err);
    wt_err_file(err, s->model);
    return st;
}

wt_status wt_select(wt_result **out, wt_context *ctx, const char *model, const wt_select_options *o, wt_err *err)
{
    selection s = { .ctx = ctx, .model = model, .o = o };
    *out = NULL;
    if (o->measure && !is_this(&s)) {
        const wt_status st = wt_fail(err, WT_EUSAGE, "a measurement is of this machine, not of target '%s'", o->target);
        wt_err_hint(err, "--target this, or without --measure: then the latency there is predicted");
        return st;
    }
    const wt_status st = select_framework(&s, out, err);
    wt_result_free(s.target);
    wt_result_free(s.assessed);
    return st;
}
