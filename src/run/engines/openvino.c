/* openvino.c - OpenVINO as an engine: loading, opening a model, compiling, running, where nodes run.
 *
 * It reads ONNX and its own IR. Set for a fair comparison: our number of threads, one stream, latency before
 * throughput, and float32 where the model has float32; left alone it computes those in bfloat16 where the processor has
 * it, which is the variant `default`. What it decided is in the settings. */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/str.h"
#include "model/formats/onnx/more_outputs.h"
#include "run/engines/ov.h"

enum { OLDEST_YEAR = 2023, NEWEST_YEAR = 2026, NEWEST_MINOR = 4 };

/* --- the library
 * -------------------------------------------------------------------------------------------------------------- */
wt_status wt_openvino_check(const OvTable *api, int status, wt_status otherwise, wt_err *err)
{
    char text[400];
    if (!status)
        return WT_OK;
    const char *words = api->last_error(), *info = api->error_info(status);
    snprintf(text, sizeof text, "%s", words && words[0] ? words : info ? info : "no reason was given");
    for (char *p = text; *p; p++)
        *p = *p == '\n' || *p == '\r' || *p == '\t' ? ' ' : *p;
    return wt_fail(err, status == OV_NOT_IMPLEMENTED ? WT_EUNSUPPORTED : otherwise, "OpenVINO: %s", text);
}

static const wt_symbol symbols[] = {
#define X(member, function, result, arguments) { #function, offsetof(OvTable, member) },
    OV_FUNCTIONS(X)
#undef X
};

static void load_optional(OvTable *api, const char *library)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL); /* the one that is loaded already */
    void *p = handle ? dlsym(handle, "ov_tensor_create_from_string_array") : NULL;
    memcpy(&api->strings, &p, sizeof p);
}

wt_status wt_openvino_load(OvTable *api, wt_engine_facts *facts, const char *library, wt_err *err)
{
    OvVersion v = { 0 };
    int year = 0, minor = 0;
    WT_TRY(wt_library_load(library, symbols, WT_ARRAY_LEN(symbols), api, err));
    load_optional(api, library);
    WT_TRY(wt_openvino_check(api, api->version(&v), WT_EUNSUPPORTED, err));
    snprintf(facts->version, sizeof facts->version, "%.*s", v.build ? (int)strcspn(v.build, "-") : 0,
             v.build ? v.build : "");
    api->version_free(&v);
    if (sscanf(facts->version, "%d.%d", &year, &minor) != 2)
        return wt_fail(err, WT_EUNSUPPORTED, "the library does not say which version it is");
    if (year < OLDEST_YEAR)
        return wt_fail(err, WT_EUNSUPPORTED, "OpenVINO %s cannot be used: %d.0 or later was expected", facts->version,
                       OLDEST_YEAR);
    if (year > NEWEST_YEAR || (year == NEWEST_YEAR && minor > NEWEST_MINOR))
        snprintf(facts->warning, sizeof facts->warning, "version %s is newer than %d.%d, the last that was tested",
                 facts->version, NEWEST_YEAR, NEWEST_MINOR);
    return WT_OK;
}

static void name_device(const OvTable *api, const OvCore *core, const char *device, char out[64])
{
    char *full = NULL;
    const bool known = api->core_property(core, device, "FULL_DEVICE_NAME", &full) == 0 && full;
    snprintf(out, 64, known ? "%s (%.50s)" : "%s", device, full);
    if (known)
        api->free(full);
}

static wt_status ov_probe(wt_engine_facts *out, wt_context *ctx, const char *library, wt_err *err)
{
    OvTable api = { 0 };
    OvCore *core = NULL;
    OvDevices devices = { 0 };
    wt_openvino_types types;
    (void)ctx;
    *out = (wt_engine_facts){ 0 };
    WT_TRY(wt_openvino_load(&api, out, library, err));
    WT_TRY(wt_openvino_learn_types(&types, &api, err));
    WT_TRY(wt_openvino_check(&api, api.core_create(&core), WT_EUNSUPPORTED, err));
    const wt_status st = wt_openvino_check(&api, api.devices(core, &devices), WT_EUNSUPPORTED, err);
    for (size_t i = 0; st == WT_OK && i < devices.n && i < WT_ENGINE_DEVICES; i++)
        name_device(&api, core, devices.names[i], out->devices[out->n_devices++]);
    if (st == WT_OK)
        api.devices_free(&devices);
    api.core_free(core);
    return st;
}

/* --- opening
 * ------------------------------------------------------------------------------------------------------------------ */
static void forget_request(wt_openvino_model *m)
{
    const wt_graph *g = m->base.graph;
    for (size_t i = 0; g && m->given && i < g->n_inputs; i++)
        if (m->given[i])
            m->api.tensor_free(m->given[i]);
    for (size_t i = 0; g && m->taken && i < g->n_outputs; i++)
        if (m->taken[i])
            m->api.tensor_free(m->taken[i]);
    if (m->request)
        m->api.request_free(m->request);
    if (m->compiled)
        m->api.compiled_free(m->compiled);
}

static void ov_close(wt_engine_model *model)
{
    wt_openvino_model *m = (wt_openvino_model *)model;
    forget_request(m);
    if (m->model)
        m->api.model_free(m->model);
    if (m->core)
        m->api.core_free(m->core);
    void *const blocks[] = { m->given, m->taken, m->outputs, m->bytes };
    for (size_t i = 0; i < WT_ARRAY_LEN(blocks); i++)
        wt_free(m->base.ctx, blocks[i]);
    wt_graph_close(m->base.graph);
    wt_free(m->base.ctx, m);
}

#define OV(call) WT_TRY(wt_openvino_check(&m->api, m->api.call, WT_EUNSUPPORTED, err))

/* A copy of the file that has the taps as outputs, which only ONNX can be given. */
static wt_status read_with_taps(wt_openvino_model *m, const char *path, const wt_engine_options *o, wt_err *err)
{
    size_t len;
    if (wt_str_ends(path, ".xml"))
        return wt_fail(err, WT_EUNSUPPORTED, "OpenVINO does not hand out values inside a model of its own format");
    WT_TRY(wt_onnx_with_outputs(&m->bytes, &len, m->base.ctx, path, o->taps, o->n_taps, err));
    OV(read_bytes(m->core, (const char *)m->bytes, len, NULL, &m->model));
    return WT_OK;
}

static wt_status build(wt_openvino_model *m, const char *path, const wt_engine_options *o, wt_err *err)
{
    wt_engine_facts facts = { 0 };
    m->threads = o->threads > 0 ? o->threads : wt_context_threads(m->base.ctx);
    m->own_precision = o->variant && !strcmp(o->variant, "default");
    m->placement = o->placement;
    WT_TRY(wt_openvino_load(&m->api, &facts, o->library, err));
    snprintf(m->base.version, sizeof m->base.version, "%s", facts.version);
    if (facts.warning[0])
        wt_log(m->base.ctx, WT_LOG_WARN, "openvino: %s", facts.warning);
    WT_TRY(wt_openvino_learn_types(&m->types, &m->api, err));
    OV(core_create(&m->core));
    if (o->n_taps)
        WT_TRY(read_with_taps(m, path, o, err));
    else
        OV(read(m->core, path, NULL, &m->model));
    WT_TRY(wt_openvino_read_border(m, o->taps, o->n_taps, err));
    for (size_t i = 0; i < o->n_shapes; i++)
        WT_TRY(wt_graph_fix_input(m->base.graph, o->shapes[i].name, &o->shapes[i].shape, err));
    snprintf(m->base.settings, sizeof m->base.settings, "%d threads, one stream, latency, precision %s", m->threads,
             m->own_precision ? "its own choice" : "f32");
    return WT_OK;
}

static wt_status ov_open(wt_engine_model **out, wt_context *ctx, const char *path, const wt_engine_options *o,
                         wt_err *err)
{
    wt_openvino_model *m = wt_alloc(ctx, 1, sizeof *m, err);
    *out = NULL;
    if (!m)
        return WT_ENOMEM;
    m->base.engine = &wt_engine_openvino;
    m->base.ctx = ctx;
    const wt_status st = build(m, path, o, err);
    if (st != WT_OK) {
        ov_close(&m->base);
        return st;
    }
    *out = &m->base;
    return WT_OK;
}

/* --- compiling
 * ---------------------------------------------------------------------------------------------------------------- */
static void say_settings(wt_openvino_model *m)
{
    char *precision = NULL;
    if (m->api.compiled_property(m->compiled, "INFERENCE_PRECISION_HINT", &precision) != 0 || !precision)
        return;
    snprintf(m->base.settings, sizeof m->base.settings, "%d threads, one stream, latency, precision %.20s%s",
             m->threads, precision, m->own_precision ? " (its own choice)" : "");
    m->api.free(precision);
}

static wt_status compile(wt_openvino_model *m, wt_err *err)
{
    char threads[16];
    const char *counts = m->placement ? "YES" : "NO";
    snprintf(threads, sizeof threads, "%d", m->threads);
    if (m->own_precision)
        OV(compile(m->core, m->model, "CPU", 8, &m->compiled, "INFERENCE_NUM_THREADS", threads, "NUM_STREAMS", "1",
                   "PERFORMANCE_HINT", "LATENCY", "PERF_COUNT", counts));
    else
        OV(compile(m->core, m->model, "CPU", 10, &m->compiled, "INFERENCE_NUM_THREADS", threads, "NUM_STREAMS", "1",
                   "PERFORMANCE_HINT", "LATENCY", "PERF_COUNT", counts, "INFERENCE_PRECISION_HINT", "f32"));
    say_settings(m);
    OV(request(m->compiled, &m->request));
    return WT_OK;
}

static wt_status ov_prepare(wt_engine_model *model, const wt_tensor *inputs, size_t n, wt_err *err)
{
    wt_openvino_model *m = (wt_openvino_model *)model;
    WT_TRY(wt_openvino_reshape(m, inputs, n, err));
    return compile(m, err);
}

/* --- running
 * ------------------------------------------------------------------------------------------------------------------ */
static wt_status ov_run(wt_engine_model *model, const wt_tensor *inputs, size_t n, wt_err *err)
{
    wt_openvino_model *m = (wt_openvino_model *)model;
    const wt_graph *g = m->base.graph;
    if (!m->request)
        WT_TRY(compile(m, err)); /* shapes may differ from run to run */
    for (size_t i = 0; i < n && i < g->n_inputs; i++)
        if (inputs[i].data)
            WT_TRY(wt_openvino_give(m, i, &inputs[i], err));
    WT_TRY(wt_openvino_check(&m->api, m->api.infer(m->request), WT_EINTERNAL, err));
    for (size_t i = 0; i < g->n_outputs; i++)
        WT_TRY(wt_openvino_take(m, i, err));
    return WT_OK;
}

static const wt_tensor *ov_output(wt_engine_model *model, size_t index)
{
    return index < model->graph->n_outputs ? &((wt_openvino_model *)model)->outputs[index] : NULL;
}

wt_status wt_openvino_nodes(wt_engine_model *model, wt_engine_node_fn *fn, void *user, wt_err *err)
{
    wt_openvino_model *m = (wt_openvino_model *)model;
    OvProfiles p = { 0 };
    char *device = NULL;
    if (!m->placement || !m->request)
        return wt_fail(err, WT_EUSAGE, "the model was not opened to tell where nodes run, or has not run");
    OV(profiles(m->request, &p));
    if (m->api.compiled_property(m->compiled, "EXECUTION_DEVICES", &device) != 0)
        device = NULL;
    wt_status st = WT_OK;
    for (size_t i = 0; i < p.n && st == WT_OK; i++) {
        const OvProfile *x = &p.items[i];
        if (x->status != OV_NODE_RAN)
            continue;
        const wt_engine_node n = { .name = x->node ? x->node : "",
                                   .op = x->type ? x->type : "",
                                   .device = device ? device : "CPU",
                                   .kernel = x->kernel ? x->kernel : "",
                                   .ms = (double)x->real_us * 1e-3 };
        st = fn(user, &n, err);
    }
    m->api.profiles_free(&p);
    if (device)
        m->api.free(device);
    return st;
}

/* "2640" behind the name is 2026.4.0. */
static void version_of_digits(char *text, size_t size)
{
    unsigned v;
    char rest;
    if (sscanf(text, "%u%c", &v, &rest) == 1 && v >= 2000 && v < 10000)
        snprintf(text, size, "20%02u.%u.%u", v / 100, v / 10 % 10, v % 10);
}

static const char *const folders[] = { "openvino/libs", NULL };
static const char *const packages[] = { "openvino", NULL };
static const wt_library_names files = { "WHET_OPENVINO_LIB", "libopenvino_c", folders, packages, version_of_digits };

const wt_engine wt_engine_openvino = {
    .name = "openvino",
    .summary = "OpenVINO, by its C interface, in float32; default: in the precision that it chooses",
    .variants = "default",
    .formats = "onnx/openvino",
    .files = &files,
    .probe = ov_probe,
    .open = ov_open,
    .close = ov_close,
    .prepare = ov_prepare,
    .run = ov_run,
    .output = ov_output,
    .nodes = wt_openvino_nodes,
};
