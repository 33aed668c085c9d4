/* native_engine.c - our own executor as a row of engine.h. It reads the model and shares the graph with its plan. */
#include "model/format.h"
#include "run/engines/native.h"
#include "run/plan.h"

typedef struct native_model {
    wt_engine_model base;
    wt_plan *plan;
    wt_session *session;
    wt_plan_options options;
} native_model;

static void native_close(wt_engine_model *model)
{
    native_model *m = (native_model *)model;
    wt_session_close(m->session);
    wt_plan_close(m->plan);
    wt_graph_close(m->base.graph);
    wt_free(m->base.ctx, m);
}

static wt_status read_graph(native_model *m, const char *path, const wt_engine_options *o, wt_err *err)
{
    WT_TRY(wt_model_read(&m->base.graph, m->base.ctx, path, err));
    for (size_t i = 0; i < o->n_shapes; i++)
        WT_TRY(wt_graph_fix_input(m->base.graph, o->shapes[i].name, &o->shapes[i].shape, err));
    return wt_graph_infer(m->base.graph, err);
}

static wt_status native_open(wt_engine_model **out, wt_context *ctx, const char *path, const wt_engine_options *o,
                             wt_err *err)
{
    native_model *m = wt_alloc(ctx, 1, sizeof *m, err);
    *out = NULL;
    if (!m)
        return WT_ENOMEM;
    m->base.engine = &wt_engine_native;
    m->base.ctx = ctx;
    memcpy(m->base.version, wt_version(), strlen(wt_version()) + 1);
    m->options = wt_plan_defaults();
    m->options.threads = o->threads;
    m->options.off = o->passes_off;
    m->options.n_off = o->n_passes_off;
    m->options.taps = o->taps;
    m->options.n_taps = o->n_taps;
    const wt_status st = read_graph(m, path, o, err);
    if (st != WT_OK) {
        native_close(&m->base);
        return st;
    }
    *out = &m->base;
    return WT_OK;
}

static wt_status native_prepare(wt_engine_model *model, const wt_tensor *inputs, size_t n, wt_err *err)
{
    native_model *m = (native_model *)model;
    if (!m->plan)
        WT_TRY(wt_plan_open_graph(&m->plan, m->base.ctx, m->base.graph, &m->options, err));
    if (!m->session)
        WT_TRY(wt_session_open(&m->session, m->plan, err));
    return wt_session_prepare(m->session, inputs, n, err);
}

static wt_status native_run(wt_engine_model *model, const wt_tensor *inputs, size_t n, wt_err *err)
{
    native_model *m = (native_model *)model;
    if (!m->session)
        WT_TRY(native_prepare(model, inputs, n, err));
    return wt_session_run(m->session, inputs, n, err);
}

static const wt_tensor *native_output(wt_engine_model *model, size_t index)
{
    return wt_session_output(((native_model *)model)->session, index);
}

static bool native_memory(wt_engine_model *model, wt_plan_memory *out)
{
    native_model *m = (native_model *)model;
    if (m->plan)
        *out = wt_plan_memory_use(m->plan);
    return m->plan != NULL;
}

const wt_engine wt_engine_native = {
    .name = "native",
    .summary = "whet's own executor",
    .open = native_open,
    .close = native_close,
    .prepare = native_prepare,
    .run = native_run,
    .output = native_output,
    .memory = native_memory,
    .open_decoder = wt_native_open_decoder,
    .close_decoder = wt_native_close_decoder,
    .rewind = wt_native_rewind,
    .feed = wt_native_feed,
    .logits = wt_native_logits,
    .decoder_memory = wt_native_decoder_memory,
};
