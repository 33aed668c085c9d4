/* serve_engine.c - a worker's model on an engine: asking a library what it is, opening, running, telling where nodes
 * run. */
#include "base/clock.h"
#include "measure/open.h"
#include "measure/worker/border.h"
#include "measure/worker/serve.h"

enum { MOST_SHAPES = 64 };

static wt_status engine_of(const json_t *request, const wt_engine **out, wt_err *err)
{
    const char *name = wt_request_text(request, "engine");
    *out = name[0] ? wt_engine_by_name(name, strlen(name)) : &wt_engine_native;
    return *out ? WT_OK : wt_fail(err, WT_EUSAGE, "the worker does not know the engine '%s'", name);
}

/* --- probing
 * ------------------------------------------------------------------------------------------------------------------ */
wt_status wt_serve_probe(wt_server *s, json_t *request, json_t *answer, wt_err *err)
{
    const wt_engine *engine;
    char *library;
    wt_engine_facts facts = { 0 };
    WT_TRY(engine_of(request, &engine, err));
    if (!s->ctx || !engine->probe)
        return wt_fail(err, WT_EUSAGE, "probe comes behind hello, with a foreign engine and a library");
    WT_TRY(wt_message_path_of(s->ctx, json_object_get(request, "library"), &library, err));
    const wt_status st = engine->probe(&facts, s->ctx, library, err);
    wt_free(s->ctx, library);
    WT_TRY(st);
    json_t *devices = json_array();
    for (size_t i = 0; i < facts.n_devices; i++)
        json_array_append_new(devices, wt_json_text(facts.devices[i]));
    json_object_set_new(answer, "devices", devices);
    json_object_set_new(answer, "version", wt_json_text(facts.version));
    json_object_set_new(answer, "warning", wt_json_text(facts.warning));
    return WT_OK;
}

/* --- opening
 * ------------------------------------------------------------------------------------------------------------------ */

/* Samples come in the order of the caller's inputs; the engine may have another, and fewer (defaults are none). */
static wt_status order_sample(const wt_graph *g, const json_t *names, wt_inputs *in, wt_err *err)
{
    wt_tensor *ordered = wt_alloc(in->ctx, g->n_inputs + 1, sizeof *ordered, err);
    if (!ordered)
        return WT_ENOMEM;
    for (size_t i = 0; i < g->n_inputs; i++) {
        size_t from = i;
        for (size_t k = 0; k < in->n && k < json_array_size(names); k++)
            if (!strcmp(json_string_value(json_array_get(names, k)), g->inputs[i]->name))
                from = k;
        if (from < in->n)
            ordered[i] = in->tensors[from];
    }
    wt_free(in->ctx, in->tensors); /* what is owned stays where it is */
    in->tensors = ordered;
    return WT_OK;
}

static wt_status take_samples(wt_server *s, const json_t *request, wt_err *err)
{
    const json_t *list = json_object_get(request, "samples"), *names = json_object_get(request, "names");
    const wt_graph *g = s->model->graph;
    if (list)
        WT_TRY(wt_samples_receive(&s->line, s->ctx, list, &s->samples, &s->n_samples, err));
    if (s->n_samples && !names && s->samples[0].n != g->n_inputs)
        return wt_fail(err, WT_EUSAGE, "samples of %zu tensors came, the model takes %zu", s->samples[0].n,
                       g->n_inputs);
    for (size_t k = 0; k < s->n_samples && names; k++)
        WT_TRY(order_sample(g, names, &s->samples[k], err));
    if (s->n_samples)
        return WT_OK;
    wt_free(s->ctx, s->samples);
    s->samples = wt_alloc(s->ctx, 1, sizeof *s->samples, err);
    if (!s->samples)
        return WT_ENOMEM;
    s->n_samples = 1;
    return wt_inputs_random(&s->samples[0], g, (int)wt_request_whole(request, "batch", 0, INT32_MAX),
                            wt_context_seed(s->ctx), err);
}

struct wt_opening {
    json_t *request; /* has the texts that the options point to */
    wt_engine_options o;
    char library[WT_LIBRARY_PATH];
    wt_input_shape shapes[MOST_SHAPES];
    char names[MOST_SHAPES][WT_INPUT_NAME];
    const char *shape_texts[WT_MOST_TEXTS], *off[WT_MOST_TEXTS];
    const char **taps;
};

void wt_serve_forget_opening(wt_server *s)
{
    if (!s->opening)
        return;
    json_decref(s->opening->request);
    wt_free(s->line.ctx, s->opening->taps);
    wt_free(s->line.ctx, s->opening);
    s->opening = NULL;
}

static wt_status read_options(wt_server *s, const wt_engine *engine, const json_t *request, struct wt_opening *p,
                              wt_err *err)
{
    const json_t *taps = json_object_get(request, "taps");
    p->o.threads = (int)wt_request_whole(request, "threads", 0, 1024);
    p->o.variant = wt_request_text(request, "variant");
    p->o.placement = json_is_true(json_object_get(request, "placement"));
    p->o.n_shapes = wt_request_texts(request, "input_shapes", p->shape_texts);
    p->o.shapes = p->shapes;
    if (p->o.n_shapes > MOST_SHAPES)
        return wt_fail(err, WT_EUSAGE, "more than %d times --input-shape", MOST_SHAPES);
    for (size_t i = 0; i < p->o.n_shapes; i++)
        WT_TRY(wt_input_shape_flag(p->shape_texts[i], &p->shapes[i], p->names[i], err));
    p->o.passes_off = p->off;
    p->o.n_passes_off = wt_request_texts(request, "passes_off", p->off);
    p->taps = wt_alloc(s->line.ctx, json_array_size(taps) + 1, sizeof *p->taps, err);
    if (!p->taps)
        return WT_ENOMEM;
    for (size_t i = 0; i < json_array_size(taps); i++)
        if (json_is_string(json_array_get(taps, i)))
            p->taps[p->o.n_taps++] = json_string_value(json_array_get(taps, i));
    p->o.taps = p->taps;
    p->o.library = p->library;
    return wt_engine_library(engine, s->ctx, p->library, err);
}

/* The engine may look at its options until it is closed. */
static wt_status keep_options(wt_server *s, const wt_engine *engine, json_t *request, wt_err *err)
{
    s->opening = wt_alloc(s->line.ctx, 1, sizeof *s->opening, err);
    if (!s->opening)
        return WT_ENOMEM;
    s->opening->request = json_incref(request);
    return read_options(s, engine, request, s->opening, err);
}

static wt_status open_timed(wt_server *s, json_t *request, const char *path, double ms[3], wt_err *err)
{
    const wt_engine *engine;
    WT_TRY(engine_of(request, &engine, err));
    WT_TRY(keep_options(s, engine, request, err));
    uint64_t start = wt_now_ns();
    WT_TRY(engine->open(&s->model, s->ctx, path, &s->opening->o, err));
    ms[0] = wt_ms_since(start);
    if (json_is_true(json_object_get(request, "infers"))) /* inputs come with each request */
        return WT_OK;
    WT_TRY(take_samples(s, request, err));
    start = wt_now_ns();
    if (engine->prepare)
        WT_TRY(engine->prepare(s->model, s->samples[0].tensors, s->samples[0].n, err));
    ms[1] = wt_ms_since(start);
    start = wt_now_ns();
    WT_TRY(wt_serve_run_once(s, err));
    ms[2] = wt_ms_since(start);
    return WT_OK;
}

wt_status wt_serve_open(wt_server *s, json_t *request, json_t *answer, wt_err *err)
{
    char *path;
    double ms[3] = { 0 };
    if (!s->ctx || s->model || s->opening)
        return wt_fail(err, WT_EUSAGE, "open comes once, behind hello");
    WT_TRY(wt_message_path_of(s->ctx, json_object_get(request, "model"), &path, err));
    const wt_status st = open_timed(s, request, path, ms, err);
    if (st != WT_OK)
        wt_err_file(err, path);
    wt_free(s->ctx, path);
    WT_TRY(st);
    wt_border_describe(s->model->graph, answer);
    return json_object_set_new(answer, "version", wt_json_text(s->model->version)) ||
                   json_object_set_new(answer, "settings", wt_json_text(s->model->settings)) ||
                   json_object_set_new(answer, "open_ms", json_real(ms[0])) ||
                   json_object_set_new(answer, "plan_ms", json_real(ms[1])) ||
                   json_object_set_new(answer, "first_run_ms", json_real(ms[2]))
               ? wt_no_answer(err)
               : WT_OK;
}

/* --- language models
 * ---------------------------------------------------------------------------------------------------------- */
static wt_status open_speaker(wt_server *s, json_t *request, const char *path, wt_err *err)
{
    const wt_engine *engine;
    char reason[WT_ENGINE_TEXT];
    WT_TRY(engine_of(request, &engine, err));
    if (!engine->open_decoder)
        return wt_fail(err, WT_EUNSUPPORTED, "%s runs no language models here", engine->name);
    if (!wt_engine_takes(engine, path, reason))
        return wt_fail(err, WT_EUNSUPPORTED, "%s", reason);
    WT_TRY(keep_options(s, engine, request, err));
    s->opening->o.context = wt_request_whole(request, "context", 2, INT32_MAX);
    return wt_speaker_open(&s->speaker, s->ctx, engine, path, &s->opening->o, err);
}

wt_status wt_serve_open_language(wt_server *s, json_t *request, json_t *answer, wt_err *err)
{
    char *path;
    if (!s->ctx || s->model || s->opening)
        return wt_fail(err, WT_EUSAGE, "open-language comes once, behind hello");
    WT_TRY(wt_message_path_of(s->ctx, json_object_get(request, "model"), &path, err));
    const uint64_t start = wt_now_ns();
    const wt_status st = open_speaker(s, request, path, err);
    if (st != WT_OK)
        wt_err_file(err, path);
    wt_free(s->ctx, path);
    WT_TRY(st);
    json_object_set_new(answer, "version", wt_json_text(s->speaker.decoder->version));
    json_object_set_new(answer, "settings", wt_json_text(s->speaker.decoder->settings));
    json_object_set_new(answer, "vocab", json_integer(s->speaker.decoder->vocab));
    return json_object_set_new(answer, "load_ms", json_real(wt_ms_since(start))) ? wt_no_answer(err) : WT_OK;
}

wt_status wt_serve_rewind(wt_server *s, json_t *request, json_t *answer, wt_err *err)
{
    wt_engine_decoder *d = s->speaker.decoder;
    (void)answer;
    if (!d)
        return wt_fail(err, WT_EUSAGE, "rewind comes behind open-language");
    return d->engine->rewind(d, wt_request_whole(request, "keep", 0, INT32_MAX), err);
}

wt_status wt_serve_feed(wt_server *s, json_t *request, json_t *answer, wt_err *err)
{
    wt_engine_decoder *d = s->speaker.decoder;
    const json_t *list = json_object_get(request, "tokens");
    const size_t n = json_array_size(list);
    (void)answer;
    if (!d || !n || n > (size_t)s->speaker.room)
        return wt_fail(err, WT_EUSAGE, "feed comes behind open-language, with tokens that fit");
    for (size_t i = 0; i < n; i++) {
        const json_int_t token = json_integer_value(json_array_get(list, i));
        if (token < 0 || token >= d->vocab)
            return wt_fail(err, WT_EUSAGE, "token %lld is not in the vocabulary of %lld", (long long)token,
                           (long long)d->vocab);
        s->speaker.tokens[i] = (int32_t)token;
    }
    const size_t wanted = (size_t)wt_request_whole(request, "wanted", 0, (int64_t)n);
    s->n_logits = n - wanted;
    return d->engine->feed(d, s->speaker.tokens, n, wanted, err);
}

wt_status wt_serve_send_logits(wt_server *s, wt_err *err)
{
    wt_engine_decoder *d = s->speaker.decoder;
    for (size_t i = 0; i < s->n_logits; i++) {
        const float *row = d->engine->logits(d, i);
        if (!row)
            return wt_fail(err, WT_EINTERNAL, "%s gave no logits", d->engine->name);
        WT_TRY(wt_channel_send_bytes(&s->line, row, (size_t)d->vocab * sizeof *row, err));
    }
    return WT_OK;
}

/* --- running
 * ------------------------------------------------------------------------------------------------------------------ */
wt_status wt_serve_run_once(wt_server *s, wt_err *err)
{
    wt_inputs *in = &s->samples[s->next];
    s->next = s->next + 1 < s->n_samples ? s->next + 1 : 0;
    return s->model->engine->run(s->model, in->tensors, in->n, err);
}

static void forget_samples(wt_server *s)
{
    for (size_t i = 0; i < s->n_samples; i++)
        wt_inputs_free(&s->samples[i]);
    wt_free(s->ctx, s->samples);
    s->samples = NULL;
    s->n_samples = 0;
}

/* The outputs as one sample, for the way back; views, nothing owned. */
static wt_status outputs_of(const wt_server *s, wt_inputs *out, wt_err *err)
{
    const wt_graph *g = s->model->graph;
    *out = (wt_inputs){ .ctx = s->ctx, .n = g->n_outputs + s->opening->o.n_taps };
    if (!wt_engine_is_native(s->model->engine)) /* its border has the taps */
        out->n = g->n_outputs;
    out->tensors = wt_alloc(s->ctx, out->n + 1, sizeof *out->tensors, err);
    if (!out->tensors)
        return WT_ENOMEM;
    for (size_t i = 0; i < out->n; i++) {
        const wt_tensor *t = s->model->engine->output(s->model, i);
        if (t)
            out->tensors[i] = *t;
    }
    return WT_OK;
}

wt_status wt_serve_infer(wt_server *s, json_t *request, json_t *answer, wt_err *err)
{
    wt_inputs outputs;
    if (!s->model || !s->opening)
        return wt_fail(err, WT_EUSAGE, "infer comes behind open");
    forget_samples(s);
    WT_TRY(wt_samples_receive(&s->line, s->ctx, json_object_get(request, "samples"), &s->samples, &s->n_samples, err));
    if (s->n_samples != 1 || s->samples[0].n != s->model->graph->n_inputs)
        return wt_fail(err, WT_EUSAGE, "infer takes one sample of %zu tensors", s->model->graph->n_inputs);
    s->next = 0;
    const uint64_t start = wt_now_ns();
    WT_TRY(wt_serve_run_once(s, err));
    json_object_set_new(answer, "ms", json_real(wt_ms_since(start)));
    json_object_set_new(answer, "settings", wt_json_text(s->model->settings)); /* compiling may have decided some */
    WT_TRY(outputs_of(s, &outputs, err));
    json_t *list = wt_samples_describe(&outputs, 1);
    wt_inputs_free(&outputs);
    return list && json_object_set_new(answer, "samples", list) == 0 ? WT_OK : wt_no_answer(err);
}

wt_status wt_serve_send_outputs(wt_server *s, wt_err *err)
{
    wt_inputs outputs;
    WT_TRY(outputs_of(s, &outputs, err));
    const wt_status st = wt_samples_send(&s->line, &outputs, 1, err);
    wt_inputs_free(&outputs);
    return st;
}

/* --- where nodes run
 * ---------------------------------------------------------------------------------------------------------- */
static wt_status add_node(void *user, const wt_engine_node *n, wt_err *err)
{
    json_t *row = json_pack("{s:o, s:o, s:o, s:o, s:o}", "name", wt_json_text(n->name), "op", wt_json_text(n->op),
                            "device", wt_json_text(n->device), "kernel", wt_json_text(n->kernel), "ms",
                            wt_json_real(n->ms));
    return row && json_array_append_new(user, row) == 0 ? WT_OK : wt_no_answer(err);
}

wt_status wt_serve_nodes(wt_server *s, json_t *request, json_t *answer, wt_err *err)
{
    json_t *nodes = json_array();
    (void)request;
    json_object_set_new(answer, "nodes", nodes);
    if (!s->model)
        return wt_fail(err, WT_EUSAGE, "nodes comes behind open");
    if (!s->model->engine->nodes)
        return wt_fail(err, WT_EUNSUPPORTED, "%s does not tell where its nodes run", s->model->engine->name);
    return s->model->engine->nodes(s->model, add_node, nodes, err);
}
