/* run_files.c - one run of a model on files, and its results against files. */
#include <stdio.h>
#include <stdlib.h>
#include "base/json.h"
#include "base/str.h"
#include "measure/each_engine.h"
#include "measure/open.h"
#include "measure/tolerance.h"
#include "model/dataset/npy.h"
#include "model/dataset/npz.h"
#include "model/formats/onnx/tensor_pb.h"
#include "whet/dataset.h"

wt_run_options wt_run_defaults(void)
{
    return (wt_run_options){ .size = sizeof(wt_run_options), .exec = wt_exec_defaults(), .rtol = 1e-3, .atol = 1e-5 };
}

typedef struct given {
    char *name; /* owned; NULL: by order */
    const char *file;
} given;

/* "NAME=FILE" or "FILE". Names may hold a '=' or a '/': the longest that is one of `values` counts. Without one a '='
 * before the first '/' ends a name, too (that nobody has), and one behind it belongs to the file. */
static wt_status split_name(wt_context *ctx, const char *text, wt_value *const *values, size_t n, given *out,
                            wt_err *err)
{
    size_t len = 0;
    *out = (given){ NULL, text };
    for (size_t i = 0; i < n; i++) {
        const size_t l = strlen(values[i]->name);
        if (l > len && !strncmp(text, values[i]->name, l) && text[l] == '=')
            len = l;
    }
    if (!len && text[len = strcspn(text, "=/")] != '=')
        return WT_OK;
    out->name = wt_alloc(ctx, len + 1, 1, err);
    if (!out->name)
        return WT_ENOMEM;
    memcpy(out->name, text, len);
    out->file = text + len + 1;
    return WT_OK;
}

static wt_status load_tensor(wt_tensor **out, wt_context *ctx, const char *file, wt_err *err)
{
    return wt_str_ends(file, ".npy") ? wt_npy_load(out, ctx, file, err) : wt_onnx_read_tensor(out, ctx, file, err);
}

typedef struct inputs {
    wt_context *ctx;
    wt_tensor *tensors; /* by the model's inputs */
    wt_tensor **owned;  /* clones to free */
    size_t n;
    bool allow_nonfinite;
} inputs;

static void inputs_free(inputs *in)
{
    for (size_t i = 0; in->owned && i < in->n; i++)
        wt_free(in->ctx, in->owned[i]);
    wt_free(in->ctx, in->owned);
    wt_free(in->ctx, in->tensors);
}

static wt_status next_free(const inputs *in, const wt_graph *g, const given *f, size_t *index, wt_err *err)
{
    if (f->name) {
        *index = wt_input_index(g, f->name);
        if (*index == SIZE_MAX)
            return wt_fail(err, WT_EUSAGE, "the model has no input '%s'", f->name);
        return WT_OK;
    }
    for (*index = 0; *index < in->n; (*index)++)
        if (!in->owned[*index])
            return WT_OK;
    return wt_fail(err, WT_EUSAGE, "the model has %zu inputs; '%s' is one too many", in->n, f->file);
}

/* TensorProto files and arrays of strings are taken as they stand; the rest as the data set readers do: numbers become
 * what the input asks for, pictures and sounds are pre-processed. */
static wt_status load_file(wt_tensor **out, const inputs *in, const wt_value *v, const char *file, wt_err *err)
{
    const bool raw = wt_str_ends(file, ".pb") || (v->type.dtype == WT_STRING && wt_str_ends(file, ".npy"));
    if (!raw) {
        const wt_data_input want = { v->name, v->type.dtype, v->type.shape };
        return wt_data_load(out, in->ctx, file, &want, NULL, in->allow_nonfinite, err);
    }
    wt_status st = load_tensor(out, in->ctx, file, err);
    if (st == WT_OK && !in->allow_nonfinite && (st = wt_check_finite(*out, v->name, err)) != WT_OK) {
        wt_err_where(err, "%s", file);
        wt_free(in->ctx, *out);
        *out = NULL;
    }
    return st;
}

static wt_status take(inputs *in, const wt_graph *g, size_t index, const char *file, wt_err *err)
{
    wt_free(in->ctx, in->owned[index]); /* said twice: the last one counts */
    in->owned[index] = NULL;
    WT_TRY(load_file(&in->owned[index], in, g->inputs[index], file, err));
    in->tensors[index] = *in->owned[index];
    return WT_OK;
}

/* An archive without a name: the arrays that are named as inputs, or the only array for the only input. */
static wt_status load_archive(inputs *in, const wt_graph *g, const char *file, wt_err *err)
{
    wt_npz npz;
    wt_status st = WT_OK;
    size_t taken = 0;
    WT_TRY(wt_npz_open(&npz, in->ctx, file, wt_dataset_defaults().max_bytes, err));
    for (size_t i = 0; i < in->n && st == WT_OK; i++) {
        if (!wt_npz_find(&npz, g->inputs[i]->name) && !(in->n == 1 && npz.count == 1))
            continue;
        st = take(in, g, i, file, err);
        taken++;
    }
    wt_npz_close(&npz);
    if (st == WT_OK && !taken) {
        st = wt_fail(err, WT_EFORMAT, "no array here is named as an input of the model, such as '%s'",
                     in->n ? g->inputs[0]->name : "");
        wt_err_where(err, "%s", file);
        wt_err_hint(err, "save the arrays under the names of the inputs, or name one: --input NAME=FILE.npy");
    }
    return st;
}

static wt_status load_input(inputs *in, const wt_graph *g, const char *text, wt_err *err)
{
    given f;
    size_t index;
    WT_TRY(split_name(in->ctx, text, g->inputs, in->n, &f, err));
    wt_status st;
    if (wt_str_ends(f.file, ".npz") && !f.name)
        st = load_archive(in, g, f.file, err);
    else if ((st = next_free(in, g, &f, &index, err)) == WT_OK)
        st = take(in, g, index, f.file, err);
    wt_free(in->ctx, f.name);
    return st;
}

static wt_status load_inputs(inputs *in, const wt_graph *g, const wt_run_options *o, wt_err *err)
{
    in->n = g->n_inputs;
    in->tensors = wt_alloc(in->ctx, in->n + 1, sizeof *in->tensors, err);
    in->owned = wt_alloc(in->ctx, in->n + 1, sizeof(wt_tensor *), err);
    if (!in->tensors || !in->owned)
        return WT_ENOMEM;
    for (size_t i = 0; i < o->n_inputs; i++)
        WT_TRY(load_input(in, g, o->inputs[i], err));
    for (size_t i = 0; i < in->n; i++) {
        if (in->owned[i])
            continue;
        if (!g->inputs[i]->type.data) {
            wt_status st = wt_fail(err, WT_EUSAGE, "input '%s' was not given", g->inputs[i]->name);
            wt_err_hint(err, "--input %s=FILE.npy", g->inputs[i]->name);
            return st;
        }
        in->tensors[i] = g->inputs[i]->type;
        in->tensors[i].data = NULL;
    }
    return WT_OK;
}

static void file_name(const char *name, char *out, size_t size)
{
    size_t i = 0;
    for (; name[i] && i + 5 < size; i++) {
        const char ch = name[i];
        const bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
                           ch == '.' || ch == '_' || ch == '-';
        out[i] = plain ? ch : '_';
    }
    memcpy(out + i, ".npy", 5);
}

static wt_status write_outputs(wt_opened *m, const wt_run_options *o, json_t *list, wt_err *err)
{
    char name[256], shape[96];
    const wt_runner runner = wt_opened_runner(m);
    if (o->output_dir)
        WT_TRY(wt_make_dirs(m->ctx, o->output_dir, err));
    for (size_t i = 0; i < m->graph->n_outputs; i++) {
        const wt_tensor *t = wt_runner_output(&runner, i);
        if (!t)
            return wt_fail(err, WT_EUNSUPPORTED, "output '%s' did not come", m->graph->outputs[i]->name);
        char *path = NULL;
        json_t *dims = json_array();
        for (int d = 0; d < t->shape.rank; d++)
            json_array_append_new(dims, json_integer(t->shape.dim[d]));
        if (o->output_dir) {
            file_name(m->graph->outputs[i]->name, name, sizeof name);
            path = wt_path_join(m->ctx, o->output_dir, name, err);
            const wt_status st = path ? wt_npy_write(m->ctx, path, t, o->force != 0, err) : WT_ENOMEM;
            if (st != WT_OK) {
                json_decref(dims);
                wt_free(m->ctx, path);
                return st;
            }
        }
        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:s, s:s, s:o*}", "name", m->graph->outputs[i]->name, "shape", dims,
                                        "text_shape", wt_shape_text(&t->shape, NULL, shape, sizeof shape), "dtype",
                                        wt_dtype_name(t->dtype), "file", path ? wt_json_text(path) : NULL));
        wt_free(m->ctx, path);
    }
    return WT_OK;
}

static wt_status check_one(wt_opened *m, const char *text, size_t order, const wt_tolerance *tol, json_t *list,
                           bool *ok, wt_err *err)
{
    given f;
    wt_tensor *expected;
    wt_difference d;
    WT_TRY(split_name(m->ctx, text, m->graph->outputs, m->graph->n_outputs, &f, err));
    const size_t index = f.name ? wt_output_index(m->graph, f.name) : order;
    if (index >= m->graph->n_outputs) {
        wt_status st = wt_fail(err, WT_EUSAGE,
                               f.name ? "the model has no output '%s'"
                                      : "the model has fewer outputs than expectations: %s",
                               f.name ? f.name : f.file);
        wt_free(m->ctx, f.name);
        return st;
    }
    wt_free(m->ctx, f.name);
    const wt_runner runner = wt_opened_runner(m);
    WT_TRY(load_tensor(&expected, m->ctx, f.file, err));
    wt_tensor_difference(wt_runner_output(&runner, index), expected, tol, &d);
    json_array_append_new(list, json_pack("{s:s, s:b, s:o, s:o, s:s*}", "name", m->graph->outputs[index]->name, "ok",
                                          d.ok, "max_abs", wt_json_real(d.max_abs), "max_rel", wt_json_real(d.max_rel),
                                          "reason", d.ok ? NULL : d.reason));
    *ok &= d.ok;
    wt_free(m->ctx, expected);
    return WT_OK;
}

static wt_status run_opened(wt_opened *m, const char *model, const wt_run_options *o, json_t *root, bool *ok,
                            wt_err *err)
{
    json_t *outputs = json_array(), *expect = json_array();
    json_object_set_new(root, "outputs", outputs);
    json_object_set_new(root, "expect", expect);
    const wt_runner runner = wt_opened_runner(m);
    inputs in = { .ctx = m->ctx, .allow_nonfinite = o->allow_nonfinite != 0 };
    wt_status st = load_inputs(&in, m->graph, o, err);
    if (st == WT_OK && o->exec.placement && m->session) { /* steps are there once it is compiled */
        st = wt_session_prepare(m->session, in.tensors, in.n, err);
        wt_session_profile(m->session, 1);
    }
    if (st == WT_OK && (st = wt_runner_run(&runner, in.tensors, err)) != WT_OK)
        wt_err_file(err, model);
    inputs_free(&in);
    WT_TRY(st);
    wt_opened_describe(m, &o->exec, "", root);
    if (o->exec.placement)
        WT_TRY(wt_opened_nodes(m, root, err));
    WT_TRY(write_outputs(m, o, outputs, err));
    const wt_tolerance tol = { o->rtol, o->atol, 0 };
    for (size_t i = 0; i < o->n_expects; i++)
        WT_TRY(check_one(m, o->expects[i], i, &tol, expect, ok, err));
    return WT_OK;
}

/* --- on one engine, on several
 * ------------------------------------------------------------------------------------------------ */
typedef struct run_task {
    wt_context *ctx;
    const char *model;
    const wt_run_options *o;
} run_task;

/* *out is there with WT_EVERDICT, too. */
static wt_status run_one(const run_task *task, const wt_run_options *o, json_t **out, wt_err *err)
{
    wt_opened m;
    bool ok = true;
    *out = NULL;
    WT_TRY(wt_open_model(&m, task->ctx, task->model, &o->exec, err));
    json_t *root = json_pack("{s:s, s:o}", "schema", "whet.run/1", "model", wt_json_text(task->model));
    wt_status st = root ? run_opened(&m, task->model, o, root, &ok, err)
                        : wt_fail(err, WT_ENOMEM, "no memory for the result");
    wt_opened_close(&m);
    if (st != WT_OK) {
        json_decref(root);
        return st;
    }
    *out = root;
    return ok ? WT_OK : wt_fail(err, WT_EVERDICT, "an output is not what was expected");
}

/* Each engine's outputs go to a folder of their own. */
static wt_status run_on_engine(void *user, const wt_exec_options *exec, json_t **out, wt_err *err)
{
    const run_task *task = user;
    wt_run_options o = *task->o;
    o.exec = *exec;
    char *dir = o.output_dir ? wt_path_join(task->ctx, o.output_dir, exec->engine, err) : NULL;
    if (o.output_dir && !dir)
        return WT_ENOMEM;
    o.output_dir = dir;
    const wt_status st = run_one(task, &o, out, err);
    wt_free(task->ctx, dir);
    return st;
}

wt_status wt_run_model(wt_result **out, wt_context *ctx, const char *model, const wt_run_options *o, wt_err *err)
{
    run_task task = { ctx, model, o };
    json_t *root, *engines;
    bool several = false;
    *out = NULL;
    wt_status st = wt_each_engine(&engines, &several, ctx, &o->exec, run_on_engine, &task, err);
    if (several)
        root = engines ? json_pack("{s:s, s:o, s:o}", "schema", "whet.run/1", "model", wt_json_text(model), "engines",
                                   engines)
                       : NULL;
    else if (st == WT_OK)
        st = run_one(&task, o, &root, err);
    else
        return st;
    if (!root)
        return st == WT_OK ? wt_fail(err, WT_ENOMEM, "no memory for the result") : st;
    WT_TRY(wt_result_take(out, ctx, root, err));
    return st;
}
