/* onnxruntime.c - ONNX Runtime as an engine: loading, opening a model, running it.
 *
 * Set for a fair comparison: as many threads within an operator as we use, one operator at a time, all graph
 * optimizations (variant `basic` stops at those that keep the graph's operators, `unoptimized` has none). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "model/formats/onnx/more_outputs.h"
#include "run/engines/ort.h"

enum { OLDEST = 14, NEWEST_TESTED = 32, LEVEL_BASIC = 1 };

/* --- the library
 * -------------------------------------------------------------------------------------------------------------- */
wt_status wt_ort_check(const OrtTable *api, OrtStatus *status, wt_status otherwise, wt_err *err)
{
    char text[400];
    if (!status)
        return WT_OK;
    snprintf(text, sizeof text, "%s", api->error_message(status));
    for (char *p = text; *p; p++)
        *p = *p == '\n' || *p == '\r' ? ' ' : *p;
    const int code = api->error_code(status);
    api->release_status(status);
    return wt_fail(err,
                   code == ORT_NOT_IMPLEMENTED    ? WT_EUNSUPPORTED
                   : code == ORT_INVALID_ARGUMENT ? WT_EUSAGE
                   : code == ORT_NO_SUCH_FILE     ? WT_EIO
                                                  : otherwise,
                   "ONNX Runtime: %s", text);
}

wt_status wt_ort_load(OrtTable *api, wt_engine_facts *facts, const char *library, wt_err *err)
{
    struct {
        const OrtBase *(*base)(void);
    } entry;
    static const wt_symbol symbols[] = { { "OrtGetApiBase", 0 } };
    WT_TRY(wt_library_load(library, symbols, 1, &entry, err));
    const OrtBase *base = entry.base();
    const char *version = base && base->version ? base->version() : NULL;
    int major = 0, minor = 0;
    if (!version || sscanf(version, "%d.%d", &major, &minor) != 2)
        return wt_fail(err, WT_EUNSUPPORTED, "the library does not say which version it is");
    snprintf(facts->version, sizeof facts->version, "%s", version);
    if (major != 1 || minor < OLDEST)
        return wt_fail(err, WT_EUNSUPPORTED, "ONNX Runtime %s cannot be used: 1.%d or later of 1 was expected", version,
                       OLDEST);
    void *const *table = base->get_api(OLDEST);
    if (!table)
        return wt_fail(err, WT_EUNSUPPORTED, "ONNX Runtime %s does not offer version %d of its C interface", version,
                       OLDEST);
#define X(position, name, result, arguments) memcpy(&api->name, &table[position], sizeof api->name);
    ORT_FUNCTIONS(X)
#undef X
    if (minor > NEWEST_TESTED)
        snprintf(facts->warning, sizeof facts->warning, "version %s is newer than 1.%d, the last that was tested",
                 version, NEWEST_TESTED);
    return WT_OK;
}

static wt_status ort_probe(wt_engine_facts *out, wt_context *ctx, const char *library, wt_err *err)
{
    OrtTable api;
    char **names;
    int n;
    (void)ctx;
    *out = (wt_engine_facts){ 0 };
    WT_TRY(wt_ort_load(&api, out, library, err));
    WT_TRY(wt_ort_check(&api, api.providers(&names, &n), WT_EUNSUPPORTED, err));
    for (int i = 0; i < n && i < WT_ENGINE_DEVICES; i++)
        snprintf(out->devices[out->n_devices++], sizeof out->devices[0], "%s", names[i]);
    return wt_ort_check(&api, api.release_providers(names, n), WT_EUNSUPPORTED, err);
}

/* --- opening
 * ------------------------------------------------------------------------------------------------------------------ */
static void ort_close(wt_engine_model *model)
{
    wt_ort_model *m = (wt_ort_model *)model;
    wt_context *ctx = m->base.ctx;
    for (size_t i = 0; m->base.graph && i < m->base.graph->n_outputs; i++) {
        if (m->results && m->results[i])
            m->api.release_value(m->results[i]);
        if (m->texts)
            wt_free(ctx, m->texts[i]);
    }
    if (m->session)
        m->api.release_session(m->session);
    if (m->memory)
        m->api.release_memory(m->memory);
    if (m->env)
        m->api.release_env(m->env);
    void *const blocks[] = { m->input_names, m->output_names, m->given_names, m->given,
                             m->results,     m->outputs,      m->texts,       m->profile };
    for (size_t i = 0; i < WT_ARRAY_LEN(blocks); i++)
        wt_free(ctx, blocks[i]);
    wt_graph_close(m->base.graph);
    wt_free(ctx, m);
}

#define ORT(call) WT_TRY(wt_ort_check(&m->api, m->api.call, WT_EUNSUPPORTED, err))

static wt_status border_type(wt_ort_model *m, bool input, const char *name, const OrtTypeInfo *type, wt_err *err)
{
    const OrtShapeInfo *shape = NULL;
    int element = 0;
    size_t rank = 0;
    int64_t dims[WT_MAX_RANK];
    const char *symbols[WT_MAX_RANK];
    ORT(type_to_shape(type, &shape));
    if (!shape) /* a sequence, a map, an optional */
        return wt_border_add(m->base.graph, input, name, WT_DTYPE_NONE, -1, NULL, NULL, err);
    ORT(element_type(shape, &element));
    ORT(rank(shape, &rank));
    const bool shown = rank <= WT_MAX_RANK;
    if (shown) {
        ORT(dims(shape, dims, rank));
        ORT(symbols(shape, symbols, rank));
    }
    return wt_border_add(m->base.graph, input, name, wt_dtype_from_onnx(element), shown ? (int)rank : -1, dims, symbols,
                         err);
}

static wt_status add_border(wt_ort_model *m, bool input, size_t index, wt_err *err)
{
    char *name = NULL;
    OrtTypeInfo *type = NULL;
    if (input)
        ORT(input_name(m->session, index, m->allocator, &name));
    else
        ORT(output_name(m->session, index, m->allocator, &name));
    wt_status st = wt_ort_check(
        &m->api, input ? m->api.input_type(m->session, index, &type) : m->api.output_type(m->session, index, &type),
        WT_EUNSUPPORTED, err);
    if (st == WT_OK)
        st = border_type(m, input, name, type, err);
    if (type)
        m->api.release_type(type);
    OrtStatus *freed = m->api.allocator_free(m->allocator, name);
    if (freed)
        m->api.release_status(freed);
    return st;
}

static wt_status read_border(wt_ort_model *m, wt_err *err)
{
    size_t n_in, n_out;
    wt_context *ctx = m->base.ctx;
    ORT(input_count(m->session, &n_in));
    ORT(output_count(m->session, &n_out));
    WT_TRY(wt_graph_new(&m->base.graph, ctx, err));
    for (size_t i = 0; i < n_in; i++)
        WT_TRY(add_border(m, true, i, err));
    for (size_t i = 0; i < n_out; i++)
        WT_TRY(add_border(m, false, i, err));
    m->input_names = wt_alloc(ctx, n_in + 1, sizeof *m->input_names, err);
    m->given_names = wt_alloc(ctx, n_in + 1, sizeof *m->given_names, err);
    m->given = wt_alloc(ctx, n_in + 1, sizeof *m->given, err);
    m->output_names = wt_alloc(ctx, n_out + 1, sizeof *m->output_names, err);
    m->results = wt_alloc(ctx, n_out + 1, sizeof *m->results, err);
    m->outputs = wt_alloc(ctx, n_out + 1, sizeof *m->outputs, err);
    m->texts = wt_alloc(ctx, n_out + 1, sizeof *m->texts, err);
    if (!m->input_names || !m->given_names || !m->given || !m->output_names || !m->results || !m->outputs || !m->texts)
        return WT_ENOMEM;
    for (size_t i = 0; i < n_in; i++)
        m->input_names[i] = m->base.graph->inputs[i]->name;
    for (size_t i = 0; i < n_out; i++)
        m->output_names[i] = m->base.graph->outputs[i]->name;
    return WT_OK;
}

static wt_status profile_prefix(wt_ort_model *m, wt_err *err)
{
    const char *folder = getenv("TMPDIR");
    char name[512];
    snprintf(name, sizeof name, "%s/whet-ort-XXXXXX", folder && *folder ? folder : "/tmp");
    const int fd = mkstemp(name); /* a name that nobody else has; the library puts the time behind it */
    if (fd < 0)
        return wt_fail_errno(err, "cannot make a temporary file for ONNX Runtime's profile");
    close(fd);
    m->profile = wt_alloc(m->base.ctx, strlen(name) + 1, 1, err);
    if (!m->profile)
        return WT_ENOMEM;
    memcpy(m->profile, name, strlen(name) + 1);
    return WT_OK;
}

static wt_status set_options(wt_ort_model *m, OrtSessionOptions *so, const wt_engine_options *o, wt_err *err)
{
    const int threads = o->threads > 0 ? o->threads : wt_context_threads(m->base.ctx);
    const char *words = o->variant && o->variant[0] ? o->variant : "all";
    const int level = !strcmp(words, "unoptimized") ? ORT_LEVEL_NONE
                      : !strcmp(words, "basic")     ? LEVEL_BASIC
                                                    : ORT_LEVEL_ALL;
    ORT(set_intra_threads(so, threads));
    ORT(set_inter_threads(so, 1));
    ORT(set_execution_mode(so, ORT_SEQUENTIAL));
    ORT(set_optimization_level(so, level));
    if (o->placement) {
        WT_TRY(profile_prefix(m, err));
        ORT(enable_profiling(so, m->profile));
    }
    snprintf(m->base.settings, sizeof m->base.settings,
             "%d threads, one operator at a time, graph optimizations: %s, CPUExecutionProvider", threads,
             level == ORT_LEVEL_NONE ? "none" : words);
    return WT_OK;
}

/* With taps the session is made of a copy in memory that has them as outputs. */
static wt_status session_with_taps(wt_ort_model *m, OrtSessionOptions *so, const char *path, const wt_engine_options *o,
                                   wt_err *err)
{
    uint8_t *bytes;
    size_t len;
    char *folder = wt_path_dir(m->base.ctx, path, err);
    if (!folder)
        return WT_ENOMEM;
    wt_status st = wt_onnx_with_outputs(&bytes, &len, m->base.ctx, path, o->taps, o->n_taps, err);
    if (st == WT_OK) {
        st = wt_ort_check(&m->api,
                          m->api.set_config(so, "session.model_external_initializers_file_folder_path", folder),
                          WT_EUNSUPPORTED, err);
        if (st == WT_OK)
            st = wt_ort_check(&m->api, m->api.create_session_of_bytes(m->env, bytes, len, so, &m->session),
                              WT_EUNSUPPORTED, err);
        wt_free(m->base.ctx, bytes);
    }
    wt_free(m->base.ctx, folder);
    return st;
}

static wt_status make_session(wt_ort_model *m, const char *path, const wt_engine_options *o, wt_err *err)
{
    OrtSessionOptions *so = NULL;
    ORT(create_options(&so));
    wt_status st = set_options(m, so, o, err);
    if (st == WT_OK && o->n_taps)
        st = session_with_taps(m, so, path, o, err);
    else if (st == WT_OK)
        st = wt_ort_check(&m->api, m->api.create_session(m->env, path, so, &m->session), WT_EUNSUPPORTED, err);
    m->api.release_options(so);
    return st;
}

static wt_status build(wt_ort_model *m, const char *path, const wt_engine_options *o, wt_err *err)
{
    wt_engine_facts facts = { 0 };
    WT_TRY(wt_ort_load(&m->api, &facts, o->library, err));
    snprintf(m->base.version, sizeof m->base.version, "%s", facts.version);
    if (facts.warning[0])
        wt_log(m->base.ctx, WT_LOG_WARN, "onnxruntime: %s", facts.warning);
    ORT(create_env(ORT_ERRORS_ONLY, "whet", &m->env));
    ORT(create_cpu_memory(ORT_ARENA, ORT_DEFAULT_MEMORY, &m->memory));
    ORT(default_allocator(&m->allocator));
    WT_TRY(make_session(m, path, o, err));
    WT_TRY(read_border(m, err));
    for (size_t i = 0; i < o->n_shapes; i++)
        WT_TRY(wt_graph_fix_input(m->base.graph, o->shapes[i].name, &o->shapes[i].shape, err));
    return WT_OK;
}

static wt_status ort_open(wt_engine_model **out, wt_context *ctx, const char *path, const wt_engine_options *o,
                          wt_err *err)
{
    wt_ort_model *m = wt_alloc(ctx, 1, sizeof *m, err);
    *out = NULL;
    if (!m)
        return WT_ENOMEM;
    m->base.engine = &wt_engine_onnxruntime;
    m->base.ctx = ctx;
    const wt_status st = build(m, path, o, err);
    if (st != WT_OK) {
        ort_close(&m->base);
        return st;
    }
    *out = &m->base;
    return WT_OK;
}

/* --- running
 * ------------------------------------------------------------------------------------------------------------------ */
static wt_status run_given(wt_ort_model *m, size_t n, wt_err *err)
{
    const wt_graph *g = m->base.graph;
    for (size_t i = 0; i < g->n_outputs; i++)
        if (m->results[i]) {
            m->api.release_value(m->results[i]);
            m->results[i] = NULL;
        }
    WT_TRY(wt_ort_check(&m->api,
                        m->api.run(m->session, NULL, m->given_names, (const OrtValue *const *)m->given, n,
                                   m->output_names, g->n_outputs, m->results),
                        WT_EINTERNAL, err));
    for (size_t i = 0; i < g->n_outputs; i++)
        WT_TRY(wt_ort_take(m, i, err));
    return WT_OK;
}

static wt_status ort_run(wt_engine_model *model, const wt_tensor *inputs, size_t n, wt_err *err)
{
    wt_ort_model *m = (wt_ort_model *)model;
    size_t given = 0;
    wt_status st = WT_OK;
    for (size_t i = 0; i < n && i < m->base.graph->n_inputs && st == WT_OK; i++) {
        if (!inputs[i].data)
            continue;
        m->given_names[given] = m->input_names[i];
        st = wt_ort_give(m, given, &inputs[i], err);
        given += st == WT_OK;
    }
    if (st == WT_OK)
        st = run_given(m, given, err);
    for (size_t i = 0; i < given; i++)
        m->api.release_value(m->given[i]);
    return st;
}

static const wt_tensor *ort_output(wt_engine_model *model, size_t index)
{
    return index < model->graph->n_outputs ? &((wt_ort_model *)model)->outputs[index] : NULL;
}

static const char *const folders[] = { "onnxruntime/capi", NULL };
static const char *const packages[] = { "onnxruntime", "onnxruntime_gpu", "onnxruntime_openvino", NULL };
static const wt_library_names files = { "WHET_ORT_LIB", "libonnxruntime", folders, packages, NULL };

const wt_engine wt_engine_onnxruntime = {
    .name = "onnxruntime",
    .summary = "ONNX Runtime, by its C interface",
    .variants = "basic/unoptimized",
    .formats = "onnx",
    .files = &files,
    .probe = ort_probe,
    .open = ort_open,
    .close = ort_close,
    .run = ort_run,
    .output = ort_output,
    .nodes = wt_ort_nodes,
};
