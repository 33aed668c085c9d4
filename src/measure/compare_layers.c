/* compare_layers.c - the values inside two models, by name.
 *
 * A sample runs through the reference, whose watched values are copied; then through the candidate, whose values are
 * compared with the copies. When the copies of one sample would be too large to hold, the sample runs again for the
 * rest. */
#include "measure/compare_impl.h"
#include "measure/open.h"
#include "measure/pair.h"
#include "model/formats/onnx/more_outputs.h"
#include <math.h>

typedef struct watched {
    wt_layer layer;
    double signal, noise;
    float *held; /* the reference's value of this sample */
    size_t n;
    bool done; /* for this sample */
} watched;

typedef struct watcher {
    wt_context *ctx;
    watched *items;
    const char **names;
    size_t n;
    size_t held_bytes, most_held; /* bytes of copies alive */
    bool left_over;               /* something did not fit and waits for the next round */
    float *room;
    size_t cap_room;
} watcher;

/* --- floats as they lie
 * ---------------------------------------------------------------------------------------------------- */

/* [n, ceil(c/16), inner, 16] to [n, c, inner]. */
static void from_c16(const wt_tensor *t, size_t size, char *out)
{
    const size_t batch = (size_t)t->shape.dim[0], channels = (size_t)t->shape.dim[1], blocks = (channels + 15) / 16;
    const size_t inner = (size_t)wt_shape_product(&t->shape, 2, t->shape.rank);
    for (size_t b = 0; b < batch; b++)
        for (size_t c = 0; c < channels; c++) {
            const char *from = (const char *)t->data + (((b * blocks + c / 16) * inner) * 16 + c % 16) * size;
            char *to = out + ((b * channels + c) * inner) * size;
            for (size_t i = 0; i < inner; i++)
                memcpy(to + i * size, from + i * 16 * size, size);
        }
}

wt_status wt_plain_floats(wt_context *ctx, const wt_tensor *t, float *out, size_t n, wt_err *err)
{
    const wt_dtype_info *info = wt_dtype_get(t->dtype);
    if (t->layout == WT_PLAIN)
        return wt_convert(t->data, t->dtype, out, WT_F32, n, false, err);
    if (t->dtype == WT_F32) {
        from_c16(t, sizeof(float), (char *)out);
        return WT_OK;
    }
    char *plain = wt_alloc_raw(ctx, n, info->block_bytes, err);
    if (!plain)
        return WT_ENOMEM;
    from_c16(t, info->block_bytes, plain);
    const wt_status st = wt_convert(plain, t->dtype, out, WT_F32, n, false, err);
    wt_free(ctx, plain);
    return st;
}

/* --- watching
 * --------------------------------------------------------------------------------------------------------------- */

static wt_status keep_reference(void *user, size_t tap, const wt_tensor *t, wt_err *err)
{
    watcher *w = user;
    watched *x = &w->items[tap];
    int64_t count;
    if (x->done || x->held || !wt_dtype_is_float(t->dtype) || !wt_shape_count(&t->shape, &count))
        return WT_OK;
    const size_t bytes = (size_t)count * sizeof(float);
    if (w->held_bytes && w->held_bytes + bytes > w->most_held) {
        w->left_over = true;
        return WT_OK;
    }
    x->held = wt_alloc_raw(w->ctx, (size_t)count, sizeof(float), err);
    if (!x->held)
        return WT_ENOMEM;
    x->n = (size_t)count;
    w->held_bytes += bytes;
    return wt_plain_floats(w->ctx, t, x->held, x->n, err);
}

static void release(watcher *w, watched *x)
{
    if (!x->held)
        return;
    w->held_bytes -= x->n * sizeof(float);
    wt_free(w->ctx, x->held);
    x->held = NULL;
}

static void add_difference(watched *x, const float *got)
{
    double signal = 0, noise = 0;
    for (size_t i = 0; i < x->n; i++) {
        const double a = (double)x->held[i], d = a - (double)got[i];
        if (!isfinite(d)) { /* equal infinities and NaN for NaN are no difference, and no signal either */
            x->layer.nonfinite += !(isnan(x->held[i]) && isnan(got[i])) && x->held[i] != got[i];
            continue;
        }
        signal += a * a;
        noise += d * d;
        if (fabs(d) > x->layer.max_abs)
            x->layer.max_abs = fabs(d);
    }
    x->signal += signal;
    x->noise += noise;
    x->layer.elements += x->n;
}

static wt_status compare_candidate(void *user, size_t tap, const wt_tensor *t, wt_err *err)
{
    watcher *w = user;
    watched *x = &w->items[tap];
    int64_t count;
    if (!x->held || x->done)
        return WT_OK;
    if (!wt_dtype_is_float(t->dtype) || !wt_shape_count(&t->shape, &count) || (size_t)count != x->n)
        return wt_fail(err, WT_EFORMAT, "value '%s' has another shape in the candidate than in the reference",
                       x->layer.name);
    void *room = w->room;
    const wt_status st = wt_grow(w->ctx, &room, &w->cap_room, x->n ? x->n : 1, sizeof(float), err);
    w->room = room;
    WT_TRY(st);
    WT_TRY(wt_plain_floats(w->ctx, t, w->room, x->n, err));
    add_difference(x, w->room);
    x->done = true;
    release(w, x);
    return WT_OK;
}

/* --- which values
 * ------------------------------------------------------------------------------------------------------------ */

/* Operators that only move or select say nothing that their operand has not said. */
static bool computes(const wt_node *n)
{
    if (!n->op || n->op->flags & (WT_OP_VIEW | WT_OP_CONTROL))
        return false;
    switch (n->op->code) {
    case WT_OP_TRANSPOSE:
    case WT_OP_CONCAT:
    case WT_OP_SPLIT:
    case WT_OP_SLICE:
    case WT_OP_GATHER:
    case WT_OP_EXPAND:
    case WT_OP_TILE:
    case WT_OP_PAD:
    case WT_OP_CAST:
    case WT_OP_QUANTIZELINEAR:
    case WT_OP_DEQUANTIZELINEAR: return false;
    default: return true;
    }
}

static const wt_value *candidates(const wt_value *v, const wt_graph *candidate)
{
    if (!wt_dtype_is_float(v->type.dtype))
        return NULL;
    const wt_value *c = wt_graph_find(candidate, v->name);
    return c && c->producer && c->graph == candidate && wt_dtype_is_float(c->type.dtype) ? c : NULL;
}

static wt_status find_values(watcher *w, const wt_graph *reference, const wt_graph *candidate, wt_err *err)
{
    size_t most = 0;
    for (const wt_node *n = reference->first; n; n = n->next)
        most += computes(n) ? n->n_out : 0;
    w->items = wt_alloc(w->ctx, most, sizeof *w->items, err);
    w->names = w->items ? wt_alloc(w->ctx, most, sizeof *w->names, err) : NULL;
    if (!w->names)
        return WT_ENOMEM;
    for (const wt_node *n = reference->first; n; n = n->next)
        for (size_t i = 0; i < n->n_out && computes(n); i++) {
            const wt_value *v = n->out[i], *c = v ? candidates(v, candidate) : NULL;
            if (!c)
                continue;
            w->items[w->n].layer = (wt_layer){
                .name = v->name, .node = n->name, .op = n->op_type, .got = wt_node_precision(c->producer)
            };
            w->names[w->n++] = v->name;
        }
    return WT_OK;
}

/* --- running
 * -------------------------------------------------------------------------------------------------------------------
 */

typedef struct side {
    const wt_graph *graph;
    wt_tap_fn *fn;
    wt_running running; /* our own engine, which hands values over while it runs; or: */
    wt_remote *remote;  /* one that has them as further outputs */
    size_t *at;         /* [watched] which output of the remote is which value; SIZE_MAX: none */
} side;

typedef struct runner {
    watcher w;
    side sides[2]; /* reference, candidate */
    wt_pair pair;
    wt_sample *sample;
    wt_tensor *inputs;
    uint64_t done;
} runner;

/* Of an ONNX file only values that it names itself can be asked for: reading may have made others. */
static wt_status taps_of_file(const runner *r, const char *path, const char **taps, size_t *n, wt_err *err)
{
    wt_context *ctx = r->w.ctx;
    bool *made = wt_alloc(ctx, r->w.n + 1, sizeof *made, err);
    *n = 0;
    if (!made)
        return WT_ENOMEM;
    const wt_status st = wt_onnx_makes(made, ctx, path, r->w.names, r->w.n, err);
    for (size_t i = 0; i < r->w.n && st == WT_OK; i++)
        if (made[i])
            taps[(*n)++] = r->w.names[i];
    wt_free(ctx, made);
    return st;
}

static wt_status open_remote(side *s, const runner *r, const wt_layer_side *what, const wt_engine_choice *choice,
                             wt_err *err)
{
    wt_remote_options o = { .choice = choice, .exec = what->exec };
    const char **taps = wt_alloc(r->w.ctx, r->w.n + 1, sizeof *taps, err);
    s->at = taps ? wt_alloc(r->w.ctx, r->w.n + 1, sizeof *s->at, err) : NULL;
    wt_status st = s->at ? taps_of_file(r, what->path, taps, &o.n_taps, err) : WT_ENOMEM;
    o.taps = taps;
    if (st == WT_OK)
        st = wt_remote_open(&s->remote, r->w.ctx, what->path, s->graph, &o, err);
    for (size_t i = 0; i < r->w.n && st == WT_OK; i++)
        s->at[i] = wt_output_index(wt_remote_border(s->remote), r->w.names[i]);
    wt_free(r->w.ctx, taps);
    return st;
}

static wt_status open_side(side *s, const runner *r, const wt_layer_side *what, wt_tap_fn *fn, wt_err *err)
{
    wt_engine_choice choices[WT_MOST_ENGINES];
    size_t n;
    s->fn = fn;
    WT_TRY(wt_engine_choices(choices, &n, r->w.ctx, what->exec ? what->exec->engine : NULL, err));
    if (n == 1 && what->path && !wt_engine_is_native(choices[0].engine))
        return open_remote(s, r, what, &choices[0], err);
    WT_TRY(wt_running_open(&s->running, s->graph, what->exec, r->w.names, r->w.n, err));
    wt_session_watch(s->running.session, fn, (void *)(uintptr_t)&r->w);
    return WT_OK;
}

static wt_status run_side(side *s, watcher *w, const wt_tensor *inputs, wt_err *err)
{
    if (!s->remote)
        return wt_session_run(s->running.session, inputs, s->graph->n_inputs, err);
    WT_TRY(wt_remote_run(s->remote, inputs, err));
    for (size_t i = 0; i < w->n; i++) {
        const wt_tensor *t = s->at[i] == SIZE_MAX ? NULL : wt_remote_raw_output(s->remote, s->at[i]);
        if (t)
            WT_TRY(s->fn(w, i, t, err));
    }
    return WT_OK;
}

static wt_status run_round(runner *r, wt_err *err)
{
    const wt_tensor *inputs;
    r->w.left_over = false;
    WT_TRY(run_side(&r->sides[0], &r->w, r->inputs, err));
    WT_TRY(wt_pair_inputs(&r->pair, r->inputs, &inputs, err));
    WT_TRY(run_side(&r->sides[1], &r->w, inputs, err));
    for (size_t i = 0; i < r->w.n; i++) /* what the candidate never computed is not tried again */
        if (r->w.items[i].held) {
            release(&r->w, &r->w.items[i]);
            r->w.items[i].done = true;
        }
    return WT_OK;
}

static wt_status run_samples(runner *r, wt_dataset *ds, uint64_t limit, wt_err *err)
{
    wt_dataset_info info;
    wt_dataset_describe(ds, &info);
    const uint64_t total = limit && limit < info.samples ? limit : info.samples;
    for (wt_dataset_rewind(ds); r->done < total; r->done++) {
        int more;
        WT_TRY(wt_check_cancel(r->w.ctx, err));
        WT_TRY(wt_dataset_next(ds, r->sample, &more, err));
        if (!more)
            break;
        WT_TRY(wt_data_inputs(r->sides[0].graph, r->sample, r->inputs, err));
        for (size_t i = 0; i < r->w.n; i++)
            r->w.items[i].done = false;
        do
            WT_TRY(run_round(r, err));
        while (r->w.left_over);
        wt_report_progress(r->w.ctx, "comparing layers", "samples", r->done + 1, total);
    }
    return r->done ? WT_OK : wt_fail(err, WT_EFORMAT, "the data set has no samples to compare with");
}

static wt_status run_all(runner *r, const wt_layer_side *reference, const wt_layer_side *candidate, wt_dataset *ds,
                         uint64_t samples, wt_err *err)
{
    WT_TRY(find_values(&r->w, reference->graph, candidate->graph, err));
    if (!r->w.n)
        return WT_OK; /* no value inside has the same name in both: then there is nothing to tell */
    WT_TRY(wt_pair_open(&r->pair, reference->graph, candidate->graph, err));
    WT_TRY(open_side(&r->sides[0], r, reference, keep_reference, err));
    WT_TRY(open_side(&r->sides[1], r, candidate, compare_candidate, err));
    WT_TRY(wt_sample_open(&r->sample, r->w.ctx, err));
    r->inputs = wt_alloc(r->w.ctx, reference->graph->n_inputs + 1, sizeof *r->inputs, err);
    return r->inputs ? run_samples(r, ds, samples, err) : WT_ENOMEM;
}

static wt_status take_layers(wt_layers *out, const runner *r, wt_err *err)
{
    *out = (wt_layers){ .ctx = r->w.ctx, .samples = r->done };
    out->items = wt_alloc(r->w.ctx, r->w.n, sizeof *out->items, err);
    if (!out->items)
        return WT_ENOMEM;
    for (size_t i = 0; i < r->w.n; i++) {
        const watched *x = &r->w.items[i];
        out->items[out->n] = x->layer;
        out->items[out->n].sqnr_db = x->layer.nonfinite ? -200 : wt_sqnr_db(x->signal, x->noise);
        out->n += x->layer.elements > 0;
    }
    return WT_OK;
}

static void close_runner(runner *r)
{
    for (int i = 0; i < 2; i++) {
        wt_running_close(&r->sides[i].running);
        wt_remote_close(r->sides[i].remote);
        wt_free(r->w.ctx, r->sides[i].at);
    }
    wt_sample_close(r->sample);
    wt_pair_close(&r->pair);
    for (size_t i = 0; r->w.items && i < r->w.n; i++)
        release(&r->w, &r->w.items[i]);
    wt_free(r->w.ctx, r->w.items);
    wt_free(r->w.ctx, r->w.names);
    wt_free(r->w.ctx, r->w.room);
    wt_free(r->w.ctx, r->inputs);
}

wt_status wt_compare_layers_within(wt_layers *out, const wt_layer_side *reference, const wt_layer_side *candidate,
                                   wt_dataset *ds, uint64_t samples, size_t most_held, wt_err *err)
{
    runner r = { .w = { .ctx = reference->graph->ctx, .most_held = most_held },
                 .sides = { { .graph = reference->graph }, { .graph = candidate->graph } } };
    *out = (wt_layers){ 0 };
    wt_status st = run_all(&r, reference, candidate, ds, samples, err);
    if (st == WT_OK)
        st = take_layers(out, &r, err);
    close_runner(&r);
    return st;
}

wt_status wt_compare_layers(wt_layers *out, const wt_layer_side *reference, const wt_layer_side *candidate,
                            wt_dataset *ds, uint64_t samples, wt_err *err)
{
    return wt_compare_layers_within(out, reference, candidate, ds, samples, (size_t)256 << 20, err);
}

void wt_layers_free(wt_layers *layers)
{
    if (layers->ctx)
        wt_free(layers->ctx, layers->items);
    *layers = (wt_layers){ 0 };
}
