/* conformance.c - runs folders in the layout of the ONNX backend tests:
 *   CASE/model.onnx, CASE/test_data_set_N/input_M.pb, output_M.pb
 * A case is skipped when the model or the engine refuses it as unsupported, failed when an answer differs or anything
 * else goes wrong, passed when all its data sets agree. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/json.h"
#include "base/str.h"
#include "measure/open.h"
#include "measure/tolerance.h"
#include "model/formats/onnx/tensor_pb.h"

wt_conformance_options wt_conformance_defaults(void)
{
    return (wt_conformance_options){
        .size = sizeof(wt_conformance_options), .exec = wt_exec_defaults(), .rtol = 1e-3, .atol = 1e-7
    };
}

enum { MAX_SETS = 64, MAX_VALUES = 256 };
typedef struct values {
    wt_tensor *t[MAX_VALUES];
    size_t n;
} values;

static void values_free(wt_context *ctx, values *v)
{
    for (size_t i = 0; i < v->n; i++)
        wt_free(ctx, v->t[i]);
    v->n = 0;
}

static wt_status load_values(wt_context *ctx, const char *set, const char *kind, values *out, wt_err *err)
{
    char path[4096];
    out->n = 0;
    for (size_t i = 0; i < MAX_VALUES; i++) {
        snprintf(path, sizeof path, "%s/%s_%zu.pb", set, kind, i);
        if (!wt_path_exists(path))
            break;
        WT_TRY(wt_onnx_read_tensor(&out->t[i], ctx, path, err));
        out->n++;
    }
    return WT_OK;
}

typedef struct outcome {
    const char *status; /* "passed", "failed", "skipped" */
    char reason[640];
    double max_abs;
    double max_range_error; /* max |a - b| / range */
} outcome;

static void fail(outcome *o, const wt_err *err, wt_status st)
{
    o->status = st == WT_EUNSUPPORTED ? "skipped" : "failed";
    snprintf(o->reason, sizeof o->reason, "%.120s%s%.511s", err->where, err->where[0] ? ": " : "", err->message);
}

static bool check_outputs(wt_opened *m, const values *expected, const wt_tolerance *tol, outcome *o)
{
    const wt_runner runner = wt_opened_runner(m);
    for (size_t i = 0; i < expected->n; i++) {
        wt_difference d;
        const wt_tensor *got = wt_runner_output(&runner, i);
        if (!got) {
            o->status = "failed";
            snprintf(o->reason, sizeof o->reason, "the model gives %zu outputs, %zu were expected", i, expected->n);
            return false;
        }
        wt_tolerance own = *tol; /* two steps of bfloat16, as the standard's own runner has it; of float16 likewise */
        const wt_dtype dtype = expected->t[i]->dtype;
        own.rtol = fmax(tol->rtol, dtype == WT_BF16 ? 0x1p-6 : dtype == WT_F16 ? 0x1p-9 : 0);
        wt_tensor_difference(got, expected->t[i], &own, &d);
        o->max_abs = d.max_abs > o->max_abs ? d.max_abs : o->max_abs;
        if (d.range > 0 && d.max_abs / d.range > o->max_range_error)
            o->max_range_error = d.max_abs / d.range;
        if (!d.ok) {
            o->status = "failed";
            snprintf(o->reason, sizeof o->reason, "output '%s' %s", m->graph->outputs[i]->name, d.reason);
            return false;
        }
    }
    return true;
}

/* Nothing in a file says which message it holds (tensor_pb.c), but the model says what it takes. */
static wt_status check_inputs(const wt_graph *graph, wt_err *err)
{
    for (size_t i = 0; i < graph->n_inputs; i++)
        if (graph->inputs[i]->kind == WT_SEQUENCE_VALUE || graph->inputs[i]->kind == WT_OPTIONAL_VALUE)
            return wt_fail(err, WT_EUNSUPPORTED, "input '%s' is a sequence or an optional; only tensors can be read",
                           graph->inputs[i]->name);
    return WT_OK;
}

static bool run_set(wt_opened *m, const char *set, const wt_tolerance *tol, outcome *o)
{
    values in = { .n = 0 }, out = { .n = 0 };
    wt_err err = { .offset = WT_NO_OFFSET };
    wt_tensor inputs[MAX_VALUES] = { 0 };
    bool ok = false;
    const wt_runner runner = wt_opened_runner(m);
    wt_status st = check_inputs(m->graph, &err);
    if (st == WT_OK)
        st = load_values(m->ctx, set, "input", &in, &err);
    if (st == WT_OK)
        st = load_values(m->ctx, set, "output", &out, &err);
    if (st == WT_OK) {
        for (size_t i = 0; i < in.n; i++)
            inputs[i] = *in.t[i];
        /* Inputs that are not given take their default. */
        for (size_t i = in.n; i < m->graph->n_inputs && i < MAX_VALUES; i++)
            if (m->graph->inputs[i]->type.data)
                inputs[i] = m->graph->inputs[i]->type, inputs[i].data = NULL;
        st = wt_runner_run(&runner, inputs, &err);
    }
    if (st == WT_OK)
        ok = check_outputs(m, &out, tol, o);
    else
        fail(o, &err, st);
    values_free(m->ctx, &in);
    values_free(m->ctx, &out);
    return ok;
}

/* A case may say how well its answer is known: CASE/data.json with rtol, atol, range_tol. The caller's range_tol goes
 * before. */
static wt_status case_tolerance(wt_context *ctx, const char *dir, const wt_conformance_options *options,
                                wt_tolerance *tol, wt_err *err)
{
    char path[4096];
    json_t *doc;
    *tol = (wt_tolerance){ options->rtol, options->atol, options->range_tol };
    snprintf(path, sizeof path, "%s/data.json", dir);
    if (options->range_tol > 0 || !wt_path_exists(path))
        return WT_OK;
    WT_TRY(wt_json_load(&doc, ctx, path, err));
    const json_t *rtol = json_object_get(doc, "rtol"), *atol = json_object_get(doc, "atol"),
                 *range = json_object_get(doc, "range_tol");
    tol->rtol = json_is_number(rtol) ? json_number_value(rtol) : tol->rtol;
    tol->atol = json_is_number(atol) ? json_number_value(atol) : tol->atol;
    tol->range = json_is_number(range) ? json_number_value(range) : tol->range;
    json_decref(doc);
    return WT_OK;
}

static void run_case(wt_context *ctx, const char *dir, const wt_conformance_options *options, const char *engine,
                     outcome *o)
{
    wt_exec_options exec = options->exec;
    wt_opened m = { 0 };
    wt_err err = { .offset = WT_NO_OFFSET };
    char path[4096];
    wt_tolerance tol;
    exec.engine = engine;
    *o = (outcome){ .status = "passed" };
    snprintf(path, sizeof path, "%s/model.onnx", dir);
    wt_status st = case_tolerance(ctx, dir, options, &tol, &err);
    if (st == WT_OK)
        st = wt_open_model(&m, ctx, path, &exec, &err);
    if (st != WT_OK) {
        fail(o, &err, st);
        return;
    }
    size_t sets = 0;
    for (size_t i = 0; i < MAX_SETS; i++) {
        snprintf(path, sizeof path, "%s/test_data_set_%zu", dir, i);
        if (!wt_path_is_dir(path))
            continue;
        sets++;
        if (!run_set(&m, path, &tol, o))
            break;
    }
    if (!sets) {
        o->status = "failed";
        snprintf(o->reason, sizeof o->reason, "there is no test_data_set_0 in %s", dir);
    }
    wt_opened_close(&m);
}

static json_t *case_json(const char *name, const char *engine, const outcome *o)
{
    return json_pack("{s:o, s:s, s:s, s:o*, s:o, s:o}", "name", wt_json_text(name), "engine", engine, "status",
                     o->status, "reason", o->reason[0] ? wt_json_text(o->reason) : NULL, "max_abs",
                     wt_json_real(o->max_abs), "max_range_error", wt_json_real(o->max_range_error));
}

/* DIR itself, or each folder in it that holds a model. */
static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

typedef struct names {
    char **items;
    size_t n, cap;
} names;

static wt_status list_cases(wt_context *ctx, const char *dir, names *out, wt_err *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/model.onnx", dir);
    if (wt_path_exists(path)) {
        WT_TRY(wt_grow(ctx, (void **)&out->items, &out->cap, out->n + 1, sizeof *out->items, err));
        out->items[out->n] = wt_path_join(ctx, dir, "", err);
        return out->items[out->n] ? (out->n++, WT_OK) : WT_ENOMEM;
    }
    DIR *d = opendir(dir);
    if (!d)
        return wt_fail_errno(err, "cannot open the folder %s", dir);
    wt_status st = WT_OK;
    for (const struct dirent *e; st == WT_OK && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s/model.onnx", dir, e->d_name);
        if (e->d_name[0] == '.' || !wt_path_exists(path))
            continue;
        st = wt_grow(ctx, (void **)&out->items, &out->cap, out->n + 1, sizeof *out->items, err);
        if (st == WT_OK && !(out->items[out->n] = wt_path_join(ctx, dir, e->d_name, err)))
            st = WT_ENOMEM;
        out->n += st == WT_OK;
    }
    closedir(d);
    return st;
}

enum { PASSED, FAILED, SKIPPED, OUTCOMES };

typedef struct table {
    wt_context *ctx;
    const wt_conformance_options *o;
    wt_engine_choice engines[WT_MOST_ENGINES];
    size_t n_engines;
    json_t *cases;
    size_t count[WT_MOST_ENGINES][OUTCOMES];
} table;

static void run_on_each(table *t, const char *dir, const char *name)
{
    for (size_t k = 0; k < t->n_engines; k++) {
        outcome o;
        run_case(t->ctx, dir, t->o, t->engines[k].label, &o);
        t->count[k][o.status[0] == 'p' ? PASSED : o.status[0] == 'f' ? FAILED : SKIPPED]++;
        json_array_append_new(t->cases, case_json(name, t->engines[k].label, &o));
    }
}

static wt_status run_all(table *t, const names *cases, wt_err *err)
{
    for (size_t i = 0; i < cases->n; i++) {
        char dir[256];
        snprintf(dir, sizeof dir, "%s", cases->items[i]);
        for (size_t len = strlen(dir); len > 1 && dir[len - 1] == '/'; len--)
            dir[len - 1] = 0;
        const char *base = wt_path_base(dir);
        if (t->o->only && !wt_glob_match(t->o->only, base))
            continue;
        WT_TRY(wt_check_cancel(t->ctx, err));
        run_on_each(t, dir, base);
        wt_report_progress(t->ctx, "conformance", "cases", i + 1, cases->n);
    }
    return WT_OK;
}

static size_t all_of(const table *t, int kind)
{
    size_t n = 0;
    for (size_t k = 0; k < t->n_engines; k++)
        n += t->count[k][kind];
    return n;
}

static json_t *report(table *t)
{
    json_t *engines = json_object();
    for (size_t k = 0; k < t->n_engines; k++)
        json_object_set_new(engines, t->engines[k].label,
                            json_pack("{s:I, s:I, s:I}", "passed", (json_int_t)t->count[k][PASSED], "failed",
                                      (json_int_t)t->count[k][FAILED], "skipped", (json_int_t)t->count[k][SKIPPED]));
    return json_pack("{s:s, s:I, s:I, s:I, s:o, s:O}", "schema", "whet.conformance/1", "passed",
                     (json_int_t)all_of(t, PASSED), "failed", (json_int_t)all_of(t, FAILED), "skipped",
                     (json_int_t)all_of(t, SKIPPED), "engines", engines, "cases", t->cases);
}

wt_status wt_conformance(wt_result **out, wt_context *ctx, const wt_conformance_options *options, wt_err *err)
{
    names cases = { 0 };
    table t = { .ctx = ctx, .o = options, .cases = json_array() };
    *out = NULL;
    wt_status st = wt_engine_choices(t.engines, &t.n_engines, ctx, options->exec.engine, err);
    for (size_t i = 0; i < options->n_dirs && st == WT_OK; i++) {
        const size_t before = cases.n;
        st = list_cases(ctx, options->dirs[i], &cases, err);
        if (st == WT_OK && cases.n == before) {
            st = wt_fail(err, WT_EUSAGE, "%s holds no model.onnx and no folder that does", options->dirs[i]);
            wt_err_hint(err, "the layout is that of the ONNX backend tests: CASE/model.onnx, "
                             "CASE/test_data_set_0/input_0.pb, output_0.pb");
        }
        if (cases.n > before)
            qsort(cases.items + before, cases.n - before, sizeof *cases.items, by_name);
    }
    if (st == WT_OK)
        st = run_all(&t, &cases, err);
    if (st == WT_OK && !json_array_size(t.cases)) { /* nothing that ran must not pass for a success */
        st = wt_fail(err, WT_EUSAGE, "none of %zu cases has a name like '%s'", cases.n, options->only);
        wt_err_hint(err, "names are those of the folders; put the pattern in quotes");
    }
    for (size_t i = 0; i < cases.n; i++)
        wt_free(ctx, cases.items[i]);
    wt_free(ctx, cases.items);
    if (st == WT_OK)
        st = wt_result_take(out, ctx, report(&t), err);
    json_decref(t.cases);
    WT_TRY(st);
    return all_of(&t, FAILED) ? wt_fail(err, WT_EVERDICT, "%zu cases failed", all_of(&t, FAILED)) : WT_OK;
}
