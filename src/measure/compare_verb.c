/* compare_verb.c - whet compare: two files, one verdict.
 *
 * Which thresholds hold depends on the precision class of the candidate, for no rounding to 8 bits can pass what a
 * change of engine must pass. The table of defaults is wt_equiv_defaults(); why those numbers, `whet help compare`
 * says. */
#include "base/clock.h"
#include "base/json.h"
#include "measure/compare.h"
#include "measure/evaluate.h"
#include "measure/open.h"
#include <math.h>

enum { LAYER_SAMPLES = 16 }; /* a layer's ratio is steady after a few samples */

wt_compare_options wt_compare_defaults(void)
{
    return (wt_compare_options){ .size = sizeof(wt_compare_options),
                                 .exec = wt_exec_defaults(),
                                 .data = wt_data_defaults(),
                                 .min_sqnr_db = NAN,
                                 .min_cosine = NAN,
                                 .min_agreement = NAN,
                                 .max_kld = NAN };
}

typedef struct comparison {
    wt_engine_choice engines[WT_MOST_ENGINES];
    wt_exec_options exec[2]; /* of reference and candidate */
    wt_opened reference, candidate;
    wt_dataset *ds;
    const char *precision;
    wt_equiv_thresholds thresholds;
    wt_equiv *equiv;
    json_t *root;
    wt_status verdict;
} comparison;

static wt_equiv_thresholds thresholds_of(const char *precision, const wt_compare_options *o)
{
    wt_equiv_thresholds t = wt_equiv_defaults(precision);
    t.min_sqnr_db = isnan(o->min_sqnr_db) ? t.min_sqnr_db : o->min_sqnr_db;
    t.min_cosine = isnan(o->min_cosine) ? t.min_cosine : o->min_cosine;
    t.min_agreement = isnan(o->min_agreement) ? t.min_agreement : o->min_agreement;
    t.max_kld = isnan(o->max_kld) ? t.max_kld : o->max_kld;
    return t;
}

json_t *wt_layers_json(const wt_layers *layers)
{
    json_t *list = json_array();
    for (size_t i = 0; i < layers->n && list; i++) {
        const wt_layer *l = &layers->items[i];
        json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "name", l->name, "node", l->node, "op", l->op, "got",
                                l->got, "sqnr_db", wt_json_real(l->sqnr_db), "max_abs", wt_json_real(l->max_abs));
        if (!row || json_array_append_new(list, row)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* --- what went wrong, in one line
 * -------------------------------------------------------------------------------------------- */

static void erased_reason(const wt_equiv_output *o, char *out, size_t size)
{
    size_t len = (size_t)snprintf(out, size, "%zu of %lld channels are erased (", o->n_erased, (long long)o->channels);
    for (size_t i = 0; i < o->n_erased && i < 6 && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, i ? ", %lld" : "%lld", (long long)o->erased[i]);
    if (len < size)
        snprintf(out + len, size - len, "%s): the reference moves them, the candidate does not",
                 o->n_erased > 6 ? ", ..." : "");
}

static void reason_of(const wt_equiv_output *o, const wt_equiv_thresholds *t, char *out, size_t size)
{
    if (!strcmp(o->failed, "erased"))
        erased_reason(o, out, size);
    else if (!strcmp(o->failed, "nonfinite"))
        snprintf(out, size, "%llu elements are NaN or infinite in one of the two only",
                 (unsigned long long)o->nonfinite);
    else if (!strcmp(o->failed, "sqnr_db"))
        snprintf(out, size, "signal-to-noise ratio %.1f dB, at least %.1f was asked", o->sqnr_db, t->min_sqnr_db);
    else if (!strcmp(o->failed, "cosine"))
        snprintf(out, size, "cosine %.5f, at least %.5f was asked", o->cosine, t->min_cosine);
    else if (!strcmp(o->failed, "agreement"))
        snprintf(out, size, "the highest score agrees at %.2f %% of the positions, at least %.2f %% was asked",
                 100 * o->agreement, 100 * t->min_agreement);
    else
        snprintf(out, size, "KL divergence %.4g nats, at most %.4g was asked", o->kld, t->max_kld);
}

static void refuse(comparison *c, const wt_equiv_output *o, const char *reason, wt_err *err)
{
    if (c->verdict != WT_OK)
        return; /* the first one is the one to look at */
    c->verdict = wt_fail(err, WT_EVERDICT, "not equivalent: output '%s': %s", o->name, reason);
    if (!strcmp(o->failed, "erased"))
        wt_err_hint(err,
                    "parts of different range share one scale there: keep them apart, or in float (quantize --keep)");
    else
        wt_err_hint(err, "--layers shows where it begins");
}

/* --- the document
 * ------------------------------------------------------------------------------------------------------------ */

typedef struct worst {
    double sqnr_db, cosine, agreement, kld, max_abs;
} worst;

static double lower(double a, double b) { return !(b >= a) && !isnan(b) ? b : a; } /* NaN stands for "none yet" */
static double higher(double a, double b) { return !(b <= a) && !isnan(b) ? b : a; }

static void put_worst(json_t *root, const worst *w)
{
    json_object_set_new(root, "sqnr_db", wt_json_real(w->sqnr_db));
    json_object_set_new(root, "cosine", wt_json_real(w->cosine));
    json_object_set_new(root, "agreement", wt_json_real(w->agreement));
    json_object_set_new(root, "kld", wt_json_real(w->kld));
    json_object_set_new(root, "max_abs", wt_json_real(w->max_abs));
}

static json_t *thresholds_json(const wt_equiv_thresholds *t)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "min_sqnr_db", wt_json_real(t->min_sqnr_db), "min_cosine",
                     wt_json_real(t->min_cosine), "min_agreement", wt_json_real(t->min_agreement), "max_kld",
                     wt_json_real(t->max_kld));
}

static void put_outputs(comparison *c, wt_err *err)
{
    worst w = { NAN, NAN, NAN, NAN, NAN };
    char reason[200];
    json_t *list = json_array();
    for (size_t i = 0; i < wt_equiv_count(c->equiv); i++) {
        wt_equiv_output o;
        wt_equiv_result(c->equiv, i, &c->thresholds, &o);
        json_t *row = wt_equiv_output_json(&o);
        w.sqnr_db = lower(w.sqnr_db, o.sqnr_db);
        w.cosine = lower(w.cosine, o.cosine);
        w.agreement = lower(w.agreement, o.agreement);
        w.kld = higher(w.kld, o.kld);
        w.max_abs = higher(w.max_abs, o.max_abs);
        if (!o.passed) {
            reason_of(&o, &c->thresholds, reason, sizeof reason);
            json_object_set_new(row, "reason", json_string(reason));
            refuse(c, &o, reason, err);
        }
        json_array_append_new(list, row);
    }
    json_object_set_new(c->root, "verdict", json_string(c->verdict == WT_OK ? "equivalent" : "different"));
    put_worst(c->root, &w);
    json_object_set_new(c->root, "samples", json_integer((json_int_t)wt_equiv_samples(c->equiv)));
    json_object_set_new(c->root, "thresholds", thresholds_json(&c->thresholds));
    json_object_set_new(c->root, "outputs", list);
}

static wt_status put_layers(comparison *c, const char *reference, const char *candidate, wt_err *err)
{
    wt_layers layers;
    const wt_layer_side a = { c->reference.graph, &c->exec[0], reference },
                        b = { c->candidate.graph, &c->exec[1], candidate };
    WT_TRY(wt_compare_layers(&layers, &a, &b, c->ds, LAYER_SAMPLES, err));
    json_object_set_new(c->root, "layers", wt_layers_json(&layers));
    json_object_set_new(c->root, "layers_samples", json_integer((json_int_t)layers.samples));
    wt_layers_free(&layers);
    return WT_OK;
}

static wt_status compare(comparison *c, const char *reference, const char *candidate, const wt_compare_options *o,
                         wt_err *err)
{
    WT_TRY(wt_data_open(&c->ds, c->reference.graph, reference, &o->data, err));
    c->precision = wt_precision_class(c->candidate.graph);
    c->thresholds = thresholds_of(c->precision, o);
    const wt_runner a = wt_opened_runner(&c->reference), b = wt_opened_runner(&c->candidate);
    WT_TRY(wt_compare_outputs(&c->equiv, &a, &b, c->ds, err));
    json_object_set_new(c->root, "precision", json_string(c->precision));
    put_outputs(c, err);
    if (o->layers) {
        wt_err trouble = { .offset = WT_NO_OFFSET };
        const wt_status st = put_layers(c, reference, candidate, &trouble);
        if (st != WT_OK) {
            if (err)
                *err = trouble;
            return st;
        }
    }
    json_object_set_new(c->root, "data", wt_data_json(c->ds, o->data.path));
    return WT_OK;
}

static void close_comparison(comparison *c)
{
    wt_equiv_close(c->equiv);
    wt_dataset_close(c->ds);
    wt_opened_close(&c->candidate);
    wt_opened_close(&c->reference);
    json_decref(c->root);
}

/* One engine for both, or one for each. */
static wt_status choose_engines(comparison *c, wt_context *ctx, const wt_exec_options *exec, wt_err *err)
{
    size_t n;
    WT_TRY(wt_engine_choices(c->engines, &n, ctx, exec->engine, err));
    if (n > 2)
        return wt_fail(err, WT_EUSAGE, "one engine for both models or one for each was expected, not %zu", n);
    for (size_t i = 0; i < 2; i++) {
        c->exec[i] = *exec;
        c->exec[i].engine = c->engines[n == 2 ? i : 0].label;
    }
    return WT_OK;
}

wt_status wt_compare(wt_result **out, wt_context *ctx, const char *reference, const char *candidate,
                     const wt_compare_options *options, wt_err *err)
{
    const wt_compare_options defaults = wt_compare_defaults(), *o = options ? options : &defaults;
    const uint64_t start = wt_now_ns();
    comparison c = { .verdict = WT_OK };
    *out = NULL;
    c.root = json_pack("{s:s, s:o, s:o}", "schema", "whet.compare/1", "reference", wt_json_text(reference), "candidate",
                       wt_json_text(candidate));
    wt_status st = c.root ? WT_OK : wt_fail(err, WT_ENOMEM, "no memory for the result");
    if (st == WT_OK)
        st = choose_engines(&c, ctx, &o->exec, err);
    if (st == WT_OK)
        st = wt_open_model(&c.reference, ctx, reference, &c.exec[0], err);
    if (st == WT_OK)
        st = wt_open_model(&c.candidate, ctx, candidate, &c.exec[1], err);
    if (st == WT_OK)
        st = compare(&c, reference, candidate, o, err);
    if (st == WT_OK) {
        wt_opened_describe(&c.reference, &c.exec[0], "reference_", c.root);
        wt_opened_describe(&c.candidate, &c.exec[1], "candidate_", c.root);
        json_object_set_new(c.root, "seconds", json_real(wt_seconds_since(start)));
        st = wt_result_take(out, ctx, json_incref(c.root), err);
    }
    close_comparison(&c);
    return st == WT_OK ? c.verdict : st;
}
