/* runner.c - see runner.h. */
#include "measure/runner.h"
#include "base/json.h"
#include "measure/worker/border.h"
#include "measure/worker/worker.h"

static const double open_s = 300, answer_s = 300;

struct wt_remote {
    wt_context *ctx;
    wt_worker *worker;
    wt_graph *border;
    wt_pair pair; /* graph -> border; not used without a graph */
    bool paired;
    char version[64], settings[WT_ENGINE_TEXT];
    double ms;
    wt_inputs *results; /* one sample: the outputs of the last run */
    size_t n_results;
};

static json_t *texts(const char *const *items, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, wt_json_text(items[i]));
    return list;
}

json_t *wt_open_request(const char *model, const wt_engine_choice *choice, const wt_exec_options *exec)
{
    return json_pack("{s:s, s:o, s:s, s:s, s:i, s:o, s:o}", "do", "open", "model", wt_message_path(model), "engine",
                     choice->engine->name, "variant", choice->variant, "threads", exec ? exec->threads : 0,
                     "input_shapes", exec ? texts(exec->input_shapes, exec->n_input_shapes) : json_array(),
                     "passes_off", exec ? texts(exec->passes_off, exec->n_passes_off) : json_array());
}

static void copy_text(char *out, size_t size, const json_t *answer, const char *key)
{
    const char *text = json_string_value(json_object_get(answer, key));
    snprintf(out, size, "%s", text ? text : "");
}

static wt_status pair_with(wt_remote *r, const wt_graph *graph, wt_err *err)
{
    if (!graph)
        return WT_OK;
    const wt_status st = wt_pair_open(&r->pair, graph, r->border, err);
    r->paired = st == WT_OK;
    return st;
}

static wt_status open_worker(wt_remote *r, const char *model, const wt_graph *graph, const wt_remote_options *o,
                             wt_err *err)
{
    json_t *answer;
    const int threads = o->exec ? o->exec->threads : 0;
    WT_TRY(wt_worker_open(&r->worker, r->ctx, o->exec ? o->exec->program : NULL, threads, NULL, err));
    json_t *request = wt_open_request(model, o->choice, o->exec);
    json_object_set_new(request, "infers", json_true());
    json_object_set_new(request, "placement", json_boolean(o->placement));
    json_object_set_new(request, "taps", texts(o->taps, o->n_taps));
    WT_TRY(wt_worker_ask(r->worker, request, open_s, &answer, err));
    copy_text(r->version, sizeof r->version, answer, "version");
    copy_text(r->settings, sizeof r->settings, answer, "settings");
    wt_status st = wt_border_receive(&r->border, r->ctx, answer, err);
    json_decref(answer);
    return st == WT_OK ? pair_with(r, graph, err) : st;
}

wt_status wt_remote_open(wt_remote **out, wt_context *ctx, const char *model, const wt_graph *graph,
                         const wt_remote_options *o, wt_err *err)
{
    char reason[WT_ENGINE_TEXT];
    *out = NULL;
    if (!wt_engine_takes(o->choice->engine, model, reason)) {
        wt_fail(err, WT_EUNSUPPORTED, "%s", reason);
        wt_err_where(err, "%s", model);
        return WT_EUNSUPPORTED;
    }
    wt_remote *r = wt_alloc(ctx, 1, sizeof *r, err);
    if (!r)
        return WT_ENOMEM;
    r->ctx = ctx;
    const wt_status st = open_worker(r, model, graph, o, err);
    if (st != WT_OK) {
        wt_remote_close(r);
        return st;
    }
    *out = r;
    return WT_OK;
}

static void forget_results(wt_remote *r)
{
    for (size_t i = 0; i < r->n_results; i++)
        wt_inputs_free(&r->results[i]);
    wt_free(r->ctx, r->results);
    r->results = NULL;
    r->n_results = 0;
}

void wt_remote_close(wt_remote *r)
{
    if (!r)
        return;
    forget_results(r);
    wt_worker_close(r->worker);
    wt_pair_close(&r->pair);
    wt_graph_close(r->border);
    wt_free(r->ctx, r);
}

const wt_graph *wt_remote_border(const wt_remote *r) { return r->border; }
const char *wt_remote_version(const wt_remote *r) { return r->version; }
const char *wt_remote_settings(const wt_remote *r) { return r->settings; }
double wt_remote_ms(const wt_remote *r) { return r->ms; }

wt_status wt_remote_run(wt_remote *r, const wt_tensor *inputs, wt_err *err)
{
    json_t *answer;
    if (r->paired)
        WT_TRY(wt_pair_inputs(&r->pair, inputs, &inputs, err));
    const wt_inputs sample = { .ctx = r->ctx, .n = r->border->n_inputs, .tensors = (wt_tensor *)(uintptr_t)inputs };
    forget_results(r);
    WT_TRY(wt_worker_ask_with(r->worker,
                              json_pack("{s:s, s:o}", "do", "infer", "samples", wt_samples_describe(&sample, 1)),
                              &sample, 1, answer_s, &answer, err));
    r->ms = json_number_value(json_object_get(answer, "ms"));
    copy_text(r->settings, sizeof r->settings, answer, "settings");
    const wt_status st = wt_worker_samples(r->worker, json_object_get(answer, "samples"), answer_s, &r->results,
                                           &r->n_results, err);
    json_decref(answer);
    WT_TRY(st);
    return r->n_results == 1 ? WT_OK : wt_fail(err, WT_EINTERNAL, "the worker sent %zu results", r->n_results);
}

const wt_tensor *wt_remote_output(const wt_remote *r, size_t index)
{
    if (!r->paired)
        return wt_remote_raw_output(r, index);
    return index < r->pair.a->n_outputs ? wt_remote_raw_output(r, r->pair.output[index]) : NULL;
}

const wt_tensor *wt_remote_raw_output(const wt_remote *r, size_t index)
{
    const wt_inputs *results = r->n_results == 1 ? &r->results[0] : NULL;
    return results && index < results->n && results->tensors[index].data ? &results->tensors[index] : NULL;
}

wt_status wt_remote_nodes(wt_remote *r, json_t **out, wt_err *err)
{
    json_t *answer;
    *out = NULL;
    WT_TRY(wt_worker_ask(r->worker, json_pack("{s:s}", "do", "nodes"), answer_s, &answer, err));
    *out = json_incref(json_object_get(answer, "nodes"));
    json_decref(answer);
    return *out ? WT_OK : wt_fail(err, WT_EINTERNAL, "the worker sent no nodes");
}

/* --- either
 * -------------------------------------------------------------------------------------------------------------------
 */
wt_status wt_runner_run(const wt_runner *r, const wt_tensor *inputs, wt_err *err)
{
    return r->session ? wt_session_run(r->session, inputs, r->graph->n_inputs, err)
                      : wt_remote_run(r->remote, inputs, err);
}

const wt_tensor *wt_runner_output(const wt_runner *r, size_t index)
{
    return r->session ? wt_session_output(r->session, index) : wt_remote_output(r->remote, index);
}
