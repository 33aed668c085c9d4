/* optimize.c - whet optimize: baseline, convert, quantize, accelerate, validate, each measured and kept.
 *
 * Everything that costs time goes through the journal, so that a run that was killed goes on where it was; artifacts
 * depend on model, data and options alone, so they come out with the same bytes. */
#include <stdio.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/program.h"
#include "measure/hardware/hardware.h"
#include "optimize/optimize_impl.h"
#include "optimize/report.h"

wt_optimize_options wt_optimize_defaults(void)
{
    return (wt_optimize_options){ .size = sizeof(wt_optimize_options),
                                  .exec = wt_exec_defaults(),
                                  .data = wt_data_defaults(),
                                  .min_accuracy = 0.95,
                                  .min_speedup = 2,
                                  .max_memory_ratio = 0.5,
                                  .seconds = 2 };
}

int wt_optimize_threads(const wt_optimizer *w)
{
    return w->o->exec.threads ? w->o->exec.threads : wt_context_threads(w->ctx);
}

static wt_status open_view(wt_optimizer *w, wt_dataset *whole, const char *part, wt_dataset **out, wt_err *err)
{
    wt_data_options d = w->o->data;
    d.part = part;
    return wt_data_view(out, whole, &d, wt_context_seed(w->ctx), err);
}

/* What makes a proof weak is said before the work, and is in the result, too. */
static void warn(wt_optimizer *w, const char *text, bool say)
{
    if (say)
        wt_log(w->ctx, WT_LOG_WARN, "%s", text);
    json_array_append_new(w->warnings, json_string(text));
}

enum { FEW_SAMPLES = 20 };
static void look_at_data(wt_optimizer *w, const wt_dataset_info *info)
{
    char text[160];
    w->labelled = info->labelled > 0;
    if (!w->labelled)
        warn(w, "The data set has no labels: what is scored is agreement with the original, not accuracy.", true);
    else if (info->classes_seen == 1) /* opening the set has said so */
        warn(w, "All samples have one label: a model that always gives it would score 100 %.", false);
    if (info->samples >= FEW_SAMPLES)
        return;
    snprintf(text, sizeof text,
             "The data set has %llu sample%s: ranges may not hold for other data, and a test on so few proves little.",
             (unsigned long long)info->samples, info->samples == 1 ? "" : "s");
    warn(w, text, true);
}

/* The set is opened, and so hashed, once; what is described and the two parts are views of it. */
static wt_status open_data(wt_optimizer *w, wt_err *err)
{
    wt_dataset_info info;
    wt_dataset *whole, *shown = NULL;
    wt_data_options all = w->o->data;
    all.part = NULL;
    all.limit = 0;
    WT_TRY(wt_data_open(&whole, w->q.source, w->model, &all, err));
    wt_status st = open_view(w, whole, NULL, &shown, err);
    if (st == WT_OK) {
        wt_dataset_describe(shown, &info);
        snprintf(w->data_hash, sizeof w->data_hash, "%s", info.hash);
        look_at_data(w, &info);
        w->data = wt_data_json(shown, w->o->data.path);
        st = open_view(w, whole, "calibration", &w->calibration, err);
    }
    if (st == WT_OK)
        st = open_view(w, whole, "held-out", &w->held_out, err);
    if (st == WT_OK)
        st = wt_dataset_overlap(w->calibration, w->held_out, err);
    wt_dataset_close(shown);
    wt_dataset_close(whole);
    return st;
}

/* Shapes of the first sample: free dimensions have to be something when a worker measures. */
static wt_status note_shapes(wt_optimizer *w, wt_err *err)
{
    wt_sample *sample;
    int more = 0;
    const wt_graph *g = w->q.source;
    WT_TRY(wt_sample_open(&sample, w->ctx, err));
    wt_dataset_rewind(w->held_out);
    wt_tensor inputs[WT_MAX_SHAPES];
    wt_status st = wt_dataset_next(w->held_out, sample, &more, err);
    if (st == WT_OK && !more)
        st = wt_fail(err, WT_EFORMAT, "the held-out part of the data has no samples");
    if (st == WT_OK && g->n_inputs > WT_MAX_SHAPES)
        st = wt_fail(err, WT_EUNSUPPORTED, "models of more than %d inputs cannot be optimized", WT_MAX_SHAPES);
    if (st == WT_OK)
        st = wt_data_inputs(g, sample, inputs, err);
    for (size_t i = 0; st == WT_OK && i < g->n_inputs; i++) {
        char dims[96];
        snprintf(w->shape_text[i], sizeof w->shape_text[i], "%s=%s", g->inputs[i]->name,
                 wt_shape_text(&inputs[i].shape, NULL, dims, sizeof dims));
        if (!wt_shape_known(&g->inputs[i]->type.shape))
            w->shapes[w->n_shapes++] = w->shape_text[i];
    }
    wt_sample_close(sample);
    return st;
}

/* Files beside the model hold weights, too, and its own hash does not see them. */
static uint64_t hash_weights(const wt_graph *g)
{
    uint64_t h = 0;
    for (size_t i = 0; i < g->n_constants; i++)
        if (g->constants[i]->type.data)
            h = wt_hash64(g->constants[i]->type.data, g->constants[i]->type.bytes, h);
    return h;
}

static json_t *texts(const char *const *list, size_t n)
{
    json_t *out = json_array();
    for (size_t i = 0; out && i < n; i++)
        json_array_append_new(out, wt_json_text(list[i]));
    return out;
}

/* All that the result depends on but the program and the machine: a run goes on only where every answer so far would
 * come out again. The data count by content, labels and what is applied to them, wherever they lie. */
static json_t *identity(const wt_optimizer *w)
{
    const wt_optimize_options *o = w->o;
    json_t *data = json_copy(w->data);
    char weights[17];
    json_object_del(data, "path");
    snprintf(weights, sizeof weights, "%016llx", (unsigned long long)hash_weights(w->q.source));
    return json_pack("{s:s, s:s, s:s, s:o, s:f, s:f, s:f, s:I, s:I, s:f, s:I, s:s, s:o, s:o}", "schema",
                     "whet.journal/2", "model", w->model_sha256, "weights", weights, "data", data, "min_accuracy",
                     o->min_accuracy, "min_speedup", o->min_speedup, "max_memory_ratio", o->max_memory_ratio,
                     "max_size", (json_int_t)o->max_size, "max_memory", (json_int_t)o->max_memory, "max_latency_ms",
                     o->max_latency_ms, "seed", (json_int_t)wt_context_seed(w->ctx), "metric",
                     o->metric ? o->metric : "", "input_shapes", texts(o->exec.input_shapes, o->exec.n_input_shapes),
                     "passes_off", texts(o->exec.passes_off, o->exec.n_passes_off));
}

/* All that decides what is measured. */
static json_t *measured_on(const wt_optimizer *w)
{
    const wt_sysroot root = { w->ctx, "" };
    json_t *machine = json_object(), *cpu = wt_hw_cpu(&root), *memory = wt_hw_memory(&root);
    static const char *const keys[] = { "model", "isa", "cores" };
    for (size_t i = 0; i < WT_ARRAY_LEN(keys); i++)
        json_object_set(machine, keys[i], json_object_get(cpu, keys[i]));
    json_object_set(machine, "memory_bytes", json_object_get(memory, "total_bytes"));
    json_object_set_new(machine, "threads", json_integer(wt_optimize_threads(w)));
    json_decref(cpu);
    json_decref(memory);
    return machine;
}

static void say_what_is_there(const wt_optimizer *w)
{
    const size_t outdated = wt_journal_outdated(w->journal);
    wt_log(w->ctx, WT_LOG_INFO, "%zu steps were done before", wt_journal_reused(w->journal));
    if (outdated)
        wt_log(w->ctx, WT_LOG_WARN,
               "%zu step%s done by another build of the program, or measured on another machine or with other threads: "
               "done again.",
               outdated, outdated == 1 ? " was" : "s were");
}

static wt_status open_journal(wt_optimizer *w, wt_err *err)
{
    char build[WT_BUILD_ID];
    json_t *id = identity(w), *machine = measured_on(w);
    wt_build_id(build);
    const wt_status st = id && machine
                             ? wt_journal_open(&w->journal, w->ctx, w->dir, id, build, machine, w->o->resume != 0, err)
                             : wt_fail(err, WT_ENOMEM, "no memory for the journal");
    json_decref(id);
    json_decref(machine);
    if (st == WT_OK && w->o->resume)
        say_what_is_there(w);
    return st;
}

/* One of the files that will be written. */
static wt_status claim_file(const wt_optimizer *w, const char *name, wt_err *err)
{
    char *path = wt_path_join(w->ctx, w->dir, name, err);
    if (!path)
        return WT_ENOMEM;
    wt_status st = wt_refuse_replacing(path, w->model, err);
    if (st == WT_OK)
        st = wt_refuse_replacing(path, w->o->data.path, err);
    if (st == WT_OK && !w->o->force && !w->o->resume && wt_path_exists(path)) {
        st = wt_fail(err, WT_EUSAGE, "%s exists already", path);
        wt_err_hint(err, "--force starts again, --resume goes on, and another folder keeps what is there");
    }
    wt_free(w->ctx, path);
    return st;
}

static wt_status claim_folder(const wt_optimizer *w, wt_err *err)
{
    static const char *const names[] = { "result.json",   "journal",     "model.onnx",  "float.onnx",
                                         "all-int8.onnx", "ledger.json", "report.html", "statistics.json" };
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        WT_TRY(claim_file(w, names[i], err));
    WT_TRY(wt_make_dirs(w->ctx, w->dir, err));
    wt_remove_leftovers(w->dir);
    return WT_OK;
}

static wt_status open_all(wt_optimizer *w, wt_err *err)
{
    w->warnings = json_array();
    WT_TRY(claim_folder(w, err));
    WT_TRY(wt_hash_file(w->ctx, w->model, w->model_sha256, err));
    WT_TRY(wt_quantizer_open(&w->q, w->ctx, w->model, &w->o->exec, NULL, 0, err));
    WT_TRY(open_data(w, err));
    WT_TRY(note_shapes(w, err));
    w->float_path = wt_path_join(w->ctx, w->dir, "float.onnx", err);
    w->int8_path = wt_path_join(w->ctx, w->dir, "model.onnx", err);
    w->stats_path = wt_path_join(w->ctx, w->dir, "statistics.json", err);
    if (!w->float_path || !w->int8_path || !w->stats_path || !w->data)
        return WT_ENOMEM;
    return open_journal(w, err);
}

static void close_all(wt_optimizer *w)
{
    wt_journal_close(w->journal);
    wt_dataset_close(w->calibration);
    wt_dataset_close(w->held_out);
    wt_quantizer_close(&w->q);
    wt_free(w->ctx, w->float_path);
    wt_free(w->ctx, w->int8_path);
    wt_free(w->ctx, w->stats_path);
    json_decref(w->data);
    json_decref(w->ledger);
    json_decref(w->warnings);
}

static wt_status write_json(const wt_optimizer *w, const char *name, const json_t *doc, wt_err *err)
{
    char *path = wt_path_join(w->ctx, w->dir, name, err);
    char *text = path ? json_dumps(doc, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    wt_status st = text ? wt_write_file(w->ctx, path, text, strlen(text), true, err)
                        : wt_fail(err, WT_ENOMEM, "no memory for %s", name);
    free(text);
    wt_free(w->ctx, path);
    return st;
}

static wt_status write_report(const wt_optimizer *w, const json_t *doc, wt_err *err)
{
    char *path = wt_path_join(w->ctx, w->dir, "report.html", err);
    const wt_status st = path ? wt_report_save(w->ctx, doc, path, true, err) : WT_ENOMEM;
    wt_free(w->ctx, path);
    return st;
}

static wt_status all_steps(wt_optimizer *w, json_t **result, bool *passed, wt_err *err)
{
    bool *float_nodes = NULL;
    WT_TRY(open_all(w, err));
    WT_TRY(wt_optimize_prepare(w, err));
    WT_TRY(wt_optimize_search(w, &float_nodes, err));
    wt_status st = wt_optimize_write(w, float_nodes, err);
    wt_free(w->ctx, float_nodes);
    WT_TRY(st);
    WT_TRY(wt_optimize_measure(w, err));
    WT_TRY(wt_optimize_profile(w, err));
    WT_TRY(wt_optimize_validate(w, err));
    WT_TRY(wt_optimize_result(w, result, passed, err));
    WT_TRY(write_json(w, "ledger.json", w->ledger, err));
    WT_TRY(write_json(w, "result.json", *result, err));
    return write_report(w, *result, err);
}

wt_status wt_optimize(wt_result **out, wt_context *ctx, const char *model, const wt_optimize_options *o, wt_err *err)
{
    wt_optimizer w = {
        .ctx = ctx, .o = o, .model = model, .dir = o->output_dir, .started = (double)wt_now_ns() * 1e-9
    };
    json_t *result = NULL;
    bool passed = false;
    *out = NULL;
    if (!o->output_dir)
        return wt_fail(err, WT_EUSAGE, "where to write the results is missing: -o DIR");
    if (!o->data.path)
        return wt_fail(err, WT_EUSAGE, "optimizing needs data to calibrate and to prove with: --data SET");
    const wt_status st = all_steps(&w, &result, &passed, err);
    close_all(&w);
    if (st != WT_OK) {
        json_decref(result);
        return st;
    }
    WT_TRY(wt_result_take(out, ctx, result, err));
    return passed ? WT_OK : wt_fail(err, WT_EVERDICT, "not every gate was passed");
}
