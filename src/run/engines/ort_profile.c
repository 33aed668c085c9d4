/* ort_profile.c - where nodes ran, from the profile that ONNX Runtime writes when it is asked to: a JSON list of
 * events, of which those of category "Node" named "..._kernel_time" carry the operator and the execution provider. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>
#include "base/json.h"
#include "base/str.h"
#include "run/engines/ort.h"

static wt_status one_event(const json_t *event, wt_engine_node_fn *fn, void *user, wt_err *err)
{
    static const char ending[] = "_kernel_time";
    const json_t *args = json_object_get(event, "args");
    const char *name = json_string_value(json_object_get(event, "name")),
               *category = json_string_value(json_object_get(event, "cat")),
               *op = json_string_value(json_object_get(args, "op_name")),
               *provider = json_string_value(json_object_get(args, "provider"));
    char node[WT_ENGINE_TEXT];
    if (!name || !category || strcmp(category, "Node") != 0 || !wt_str_ends(name, ending))
        return WT_OK;
    snprintf(node, sizeof node, "%.*s", (int)(strlen(name) - (sizeof ending - 1)), name);
    const wt_engine_node n = { .name = node,
                               .op = op ? op : "",
                               .device = provider ? provider : "",
                               .kernel = "",
                               .ms = json_number_value(json_object_get(event, "dur")) * 1e-3 };
    return fn(user, &n, err);
}

static wt_status read_profile(wt_ort_model *m, const char *path, wt_engine_node_fn *fn, void *user, wt_err *err)
{
    json_t *events;
    wt_status st = wt_json_load(&events, m->base.ctx, path, err);
    for (size_t i = 0; st == WT_OK && i < json_array_size(events); i++)
        st = one_event(json_array_get(events, i), fn, user, err);
    if (st == WT_OK)
        json_decref(events);
    return st;
}

/* Ends profiling: later runs are not in it. */
wt_status wt_ort_nodes(wt_engine_model *model, wt_engine_node_fn *fn, void *user, wt_err *err)
{
    wt_ort_model *m = (wt_ort_model *)model;
    char *path = NULL;
    if (!m->profile)
        return wt_fail(err, WT_EUSAGE, "the model was not opened to tell where nodes run");
    WT_TRY(wt_ort_check(&m->api, m->api.end_profiling(m->session, m->allocator, &path), WT_EINTERNAL, err));
    const wt_status st = read_profile(m, path, fn, user, err);
    unlink(path);
    unlink(m->profile);
    OrtStatus *freed = m->api.allocator_free(m->allocator, path);
    if (freed)
        m->api.release_status(freed);
    wt_free(m->base.ctx, m->profile);
    m->profile = NULL;
    return st;
}
