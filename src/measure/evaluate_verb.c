/* evaluate_verb.c - whet evaluate. */
#include "base/json.h"
#include "measure/each_engine.h"
#include "measure/evaluate.h"
#include "measure/open.h"

wt_evaluate_options wt_evaluate_defaults(void)
{
    return (wt_evaluate_options){ .size = sizeof(wt_evaluate_options),
                                  .exec = wt_exec_defaults(),
                                  .data = wt_data_defaults() };
}

json_t *wt_data_json(const wt_dataset *ds, const char *path)
{
    wt_dataset_info info;
    wt_dataset_describe(ds, &info);
    const char *applied = wt_dataset_applied(ds);
    json_t *root = json_pack("{s:o, s:s, s:I, s:I, s:s, s:s}", "path", wt_json_text(path), "form", info.form, "samples",
                             (json_int_t)info.samples, "labelled", (json_int_t)info.labelled, "hash", info.hash,
                             "label_hash", info.label_hash);
    json_t *preprocess = applied ? json_loads(applied, 0, NULL) : NULL;
    if (root && preprocess)
        json_object_set(root, "preprocess", preprocess);
    if (root && info.label_kind == WT_LABEL_CLASS)
        json_object_set_new(root, "classes", json_integer((json_int_t)info.classes));
    json_decref(preprocess);
    return root;
}

static wt_status evaluate_opened(json_t **out, wt_opened *o, const char *model, const wt_evaluate_options *options,
                                 wt_err *err)
{
    const wt_eval_options eo = { .metric = options->metric, .others = true };
    wt_evaluation *e;
    wt_dataset *ds;
    WT_TRY(wt_data_open(&ds, o->graph, model, &options->data, err));
    const wt_runner runner = wt_opened_runner(o);
    wt_status st = wt_evaluate_runner(&e, &runner, ds, &eo, err);
    if (st == WT_OK) {
        *out = wt_evaluation_json(e);
        if (*out) {
            wt_opened_describe(o, &options->exec, "", *out);
            json_object_set_new(*out, "data", wt_data_json(ds, options->data.path));
            if (options->data.part)
                json_object_set_new(json_object_get(*out, "data"), "part", json_string(options->data.part));
        }
        wt_evaluation_close(e);
    }
    wt_dataset_close(ds);
    return st;
}

/* The schema goes first: documents are read by people, too. */
static json_t *headed(const char *model, json_t *body)
{
    json_t *root = body ? json_pack("{s:s, s:o}", "schema", "whet.evaluate/1", "model", wt_json_text(model)) : NULL;
    if (root && json_object_update(root, body)) {
        json_decref(root);
        root = NULL;
    }
    json_decref(body);
    return root;
}

typedef struct task {
    wt_context *ctx;
    const char *model;
    const wt_evaluate_options *o;
} task;

static wt_status evaluate_on(void *user, const wt_exec_options *exec, json_t **out, wt_err *err)
{
    const task *t = user;
    wt_evaluate_options o = *t->o;
    wt_opened opened;
    o.exec = *exec;
    *out = NULL;
    WT_TRY(wt_open_model(&opened, t->ctx, t->model, exec, err));
    const wt_status st = evaluate_opened(out, &opened, t->model, &o, err);
    wt_opened_close(&opened);
    return st;
}

wt_status wt_evaluate(wt_result **out, wt_context *ctx, const char *model, const wt_evaluate_options *options,
                      wt_err *err)
{
    const wt_evaluate_options defaults = wt_evaluate_defaults();
    const wt_evaluate_options *o = options ? options : &defaults;
    task t = { ctx, model, o };
    json_t *body = NULL;
    bool several = false;
    *out = NULL;
    wt_status st = wt_each_engine(&body, &several, ctx, &o->exec, evaluate_on, &t, err);
    if (several && body)
        body = json_pack("{s:o}", "engines", body);
    else if (!several && st == WT_OK)
        st = evaluate_on(&t, &o->exec, &body, err);
    if (!body && st != WT_OK)
        return st;
    WT_TRY(wt_result_take(out, ctx, headed(model, body), err));
    return st;
}
