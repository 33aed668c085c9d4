/* open.c - see open.h. */
#include "measure/open.h"
#include <stdio.h>
#include "base/json.h"
#include "model/format.h"

wt_exec_options wt_exec_defaults(void) { return (wt_exec_options){ .size = sizeof(wt_exec_options) }; }

size_t wt_input_index(const wt_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_inputs; i++)
        if (!strcmp(graph->inputs[i]->name, name))
            return i;
    return SIZE_MAX;
}

size_t wt_output_index(const wt_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_outputs; i++)
        if (!strcmp(graph->outputs[i]->name, name))
            return i;
    return SIZE_MAX;
}

wt_status wt_input_shape_flag(const char *text, wt_input_shape *out, char name[WT_INPUT_NAME], wt_err *err)
{
    const wt_status st = wt_input_shape_parse(text, out, name, WT_INPUT_NAME, err);
    if (st != WT_OK)
        wt_err_where(err, "--input-shape %s", text);
    return st;
}

wt_status wt_fix_input_shape(wt_graph *graph, const char *text, wt_err *err)
{
    char name[WT_INPUT_NAME];
    wt_input_shape fixed;
    WT_TRY(wt_input_shape_flag(text, &fixed, name, err));
    const wt_status st = wt_graph_fix_input(graph, fixed.name, &fixed.shape, err);
    if (st != WT_OK)
        wt_err_where(err, "--input-shape %s", text);
    return st;
}

wt_status wt_open_graph(wt_graph **out, wt_context *ctx, const char *path, const wt_exec_options *options, wt_err *err)
{
    *out = NULL;
    wt_graph *g;
    WT_TRY(wt_model_read(&g, ctx, path, err));
    wt_status st = WT_OK;
    for (size_t i = 0; options && i < options->n_input_shapes && st == WT_OK; i++)
        st = wt_fix_input_shape(g, options->input_shapes[i], err);
    if (st == WT_OK)
        st = wt_graph_infer(g, err);
    if (st != WT_OK) {
        wt_err_file(err, path);
        wt_graph_close(g);
        return st;
    }
    *out = g;
    return WT_OK;
}

wt_status wt_running_open(wt_running *out, const wt_graph *graph, const wt_exec_options *options,
                          const char *const *taps, size_t n_taps, wt_err *err)
{
    wt_plan_options po = wt_plan_defaults();
    *out = (wt_running){ 0 };
    if (options) {
        po.threads = options->threads;
        po.off = options->passes_off;
        po.n_off = options->n_passes_off;
    }
    po.taps = taps;
    po.n_taps = n_taps;
    WT_TRY(wt_plan_open_graph(&out->plan, graph->ctx, graph, &po, err));
    const wt_status st = wt_session_open(&out->session, out->plan, err);
    if (st != WT_OK)
        wt_running_close(out);
    return st;
}

void wt_running_close(wt_running *r)
{
    wt_session_close(r->session);
    wt_plan_close(r->plan);
    *r = (wt_running){ 0 };
}

wt_status wt_open_plan(wt_opened *o, const wt_exec_options *options, const char *const *taps, size_t n_taps,
                       wt_err *err)
{
    wt_running r;
    WT_TRY(wt_running_open(&r, o->graph, options, taps, n_taps, err));
    o->plan = r.plan;
    o->session = r.session;
    return WT_OK;
}

/* A file that we cannot read may still be one for the engine: then its word for inputs and outputs is all there is. */
static wt_status open_foreign(wt_opened *o, const char *path, const wt_engine_choice *choice,
                              const wt_exec_options *options, wt_err *err)
{
    wt_err unread = { .offset = WT_NO_OFFSET };
    const wt_remote_options ro = { .choice = choice, .exec = options, .placement = options->placement };
    wt_status st = wt_open_graph(&o->graph, o->ctx, path, options, &unread);
    if (st != WT_OK && st != WT_EUNSUPPORTED && st != WT_EFORMAT) {
        if (err)
            *err = unread;
        return st;
    }
    st = wt_remote_open(&o->remote, o->ctx, path, o->graph, &ro, err);
    if (st != WT_OK) {
        wt_err_file(err, path);
        wt_opened_close(o);
        return st;
    }
    if (!o->graph) {
        wt_log(o->ctx, WT_LOG_INFO, "%s: %s; inputs and outputs are as %s tells them", path, unread.message,
               choice->engine->name);
        o->graph = (wt_graph *)(uintptr_t)wt_remote_border(o->remote);
        o->graph_is_border = true;
    }
    return WT_OK;
}

wt_status wt_open_model(wt_opened *out, wt_context *ctx, const char *path, const wt_exec_options *options, wt_err *err)
{
    wt_engine_choice choices[WT_MOST_ENGINES];
    size_t n;
    *out = (wt_opened){ .ctx = ctx };
    WT_TRY(wt_engine_choices(choices, &n, ctx, options ? options->engine : NULL, err));
    if (n != 1)
        return wt_fail(err, WT_EUSAGE, "one engine was expected, not %zu: %s", n, options->engine);
    if (!wt_engine_is_native(choices[0].engine))
        return open_foreign(out, path, &choices[0], options, err);
    WT_TRY(wt_open_graph(&out->graph, ctx, path, options, err));
    const wt_status st = wt_open_plan(out, options, NULL, 0, err);
    if (st != WT_OK) {
        wt_err_file(err, path);
        wt_opened_close(out);
    }
    return st;
}

void wt_opened_describe(const wt_opened *o, const wt_exec_options *options, const char *prefix, json_t *root)
{
    const char *label = options && options->engine && options->engine[0] ? options->engine : "native";
    const struct {
        const char *key, *text;
    } rows[] = { { "engine", label },
                 { "engine_version", o->remote ? wt_remote_version(o->remote) : wt_version() },
                 { "settings", o->remote ? wt_remote_settings(o->remote) : NULL } };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        char key[64];
        snprintf(key, sizeof key, "%s%s", prefix, rows[i].key);
        json_object_set_new(root, key, wt_json_text(rows[i].text));
    }
}

static wt_status native_nodes(const wt_opened *o, json_t *nodes, wt_err *err)
{
    for (size_t i = 0; i < wt_session_step_count(o->session); i++) {
        wt_step_profile s;
        WT_TRY(wt_session_step(o->session, i, &s, err));
        json_array_append_new(nodes, json_pack("{s:o, s:o, s:s, s:o, s:o}", "name", wt_json_text(s.name), "op",
                                               wt_json_text(s.op), "device", "CPU", "kernel", wt_json_text(s.kernel),
                                               "ms", wt_json_real(s.ms_mean)));
    }
    return WT_OK;
}

wt_status wt_opened_nodes(wt_opened *o, json_t *root, wt_err *err)
{
    json_t *nodes = NULL, *devices = json_object();
    wt_status st = WT_OK;
    if (o->remote)
        st = wt_remote_nodes(o->remote, &nodes, err);
    else
        st = native_nodes(o, nodes = json_array(), err);
    for (size_t i = 0; st == WT_OK && i < json_array_size(nodes); i++) {
        const char *device = json_string_value(json_object_get(json_array_get(nodes, i), "device"));
        const json_t *had = json_object_get(devices, device ? device : "");
        json_object_set_new(devices, device ? device : "", json_integer(json_integer_value(had) + 1));
    }
    json_object_set_new(root, "nodes", nodes);
    json_object_set_new(root, "devices", devices);
    return st;
}

void wt_opened_close(wt_opened *o)
{
    wt_session_close(o->session);
    wt_plan_close(o->plan);
    wt_remote_close(o->remote);
    if (!o->graph_is_border)
        wt_graph_close(o->graph);
    *o = (wt_opened){ 0 };
}
