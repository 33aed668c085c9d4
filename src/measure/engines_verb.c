/* engines_verb.c - whet engines: which engines there are here, and why not.
 *
 * What is found is loaded in a process of its own, all at the same time: a library that crashes, hangs or is not what
 * its name says is one line, and the others are told all the same. */
#include <pthread.h>
#include <stdio.h>
#include "base/json.h"
#include "measure/worker/worker.h"
#include "run/engines/engine.h"
#include "whet/measure.h"

static const double usual_limit_s = 20;

wt_engines_options wt_engines_defaults(void)
{
    return (wt_engines_options){ .size = sizeof(wt_engines_options), .check = 1 };
}

const char *wt_engine_name(size_t index)
{
    for (size_t i = 0; wt_engines[i]; i++)
        if (i == index)
            return wt_engines[i]->name;
    return NULL;
}

wt_status wt_engines_check(wt_context *ctx, const char *names, size_t *n, int *foreign, wt_err *err)
{
    wt_engine_choice choices[WT_MOST_ENGINES];
    WT_TRY(wt_engine_choices(choices, n, ctx, names, err));
    *foreign = 0;
    for (size_t i = 0; i < *n; i++)
        *foreign |= !wt_engine_is_native(choices[i].engine);
    return WT_OK;
}

typedef struct probe {
    wt_context *ctx;
    const wt_engines_options *o;
    const wt_engine *engine;
    wt_libraries libraries;
    wt_status status;
    wt_err err;
    json_t *answer;
    pthread_t thread;
    bool started;
} probe;

static wt_status ask(probe *p, wt_err *err)
{
    wt_worker *w;
    const double limit = p->o->timeout_s > 0 ? p->o->timeout_s : usual_limit_s;
    WT_TRY(wt_worker_open(&w, p->ctx, p->o->program, 1, NULL, err));
    const wt_status st = wt_worker_ask(w,
                                       json_pack("{s:s, s:s, s:o}", "do", "probe", "engine", p->engine->name, "library",
                                                 wt_message_path(p->libraries.items[0].path)),
                                       limit, &p->answer, err);
    wt_worker_close(w);
    if (st == WT_ELIMIT) {
        wt_fail(err, WT_ELIMIT, "loading it did not end within %.3g s", limit);
        err->hint[0] = 0;
    }
    return st;
}

static void *probe_thread(void *arg)
{
    probe *p = arg;
    p->status = ask(p, &p->err);
    return NULL;
}

/* --- the document
 * --------------------------------------------------------------------------------------------------------------- */
static json_t *native_json(wt_context *ctx)
{
    char device[32];
    snprintf(device, sizeof device, "CPU (%d threads)", wt_context_threads(ctx));
    return json_pack("{s:s, s:s, s:b, s:s, s:s, s:n, s:[s], s:n}", "name", "native", "summary",
                     wt_engine_native.summary, "found", 1, "status", "ready", "version", wt_version(), "library",
                     "devices", device, "reason");
}

static json_t *others_json(const probe *p)
{
    json_t *list = json_array();
    for (size_t i = 1; i < p->libraries.n; i++)
        json_array_append_new(list,
                              json_pack("{s:o, s:s, s:s}", "library", wt_json_text(p->libraries.items[i].path),
                                        "version", p->libraries.items[i].version, "from", p->libraries.items[i].from));
    return list;
}

static json_t *absent_json(const probe *p)
{
    char reason[WT_ENGINE_TEXT];
    const wt_library_names *f = p->engine->files;
    snprintf(reason, sizeof reason,
             "no %s.* on the linker's path or in the packages of python3; pip install %s, or %s=FILE", f->stem,
             f->packages[0], f->variable);
    return json_pack("{s:s, s:s, s:b, s:s, s:n, s:n, s:[], s:s}", "name", p->engine->name, "summary",
                     p->engine->summary, "found", 0, "status", "absent", "version", "library", "devices", "reason",
                     reason);
}

static json_t *found_json(const probe *p)
{
    const wt_library *l = &p->libraries.items[0];
    const bool ready = p->started && p->status == WT_OK, refused = p->started && p->status != WT_OK;
    json_t *o = json_pack("{s:s, s:s, s:b, s:s, s:s, s:o, s:s}", "name", p->engine->name, "summary", p->engine->summary,
                          "found", !refused, "status",
                          ready     ? "ready"
                          : refused ? "refused"
                                    : "not loaded",
                          "version", l->version, "library", wt_json_text(l->path), "from", l->from);
    json_t *devices = json_object_get(p->answer, "devices"), *version = json_object_get(p->answer, "version"),
           *warning = json_object_get(p->answer, "warning");
    json_object_set_new(o, "devices", devices ? json_incref(devices) : json_array());
    json_object_set_new(o, "reason", refused ? wt_json_text(p->err.message) : json_null());
    if (version)
        json_object_set(o, "version", version);
    if (json_string_length(warning))
        json_object_set(o, "warning", warning);
    json_object_set_new(o, "others", others_json(p));
    return o;
}

static wt_status find(probe *p, wt_context *ctx, const wt_engines_options *o, const wt_engine *engine, wt_err *err)
{
    *p = (probe){ .ctx = ctx, .o = o, .engine = engine, .err = { .offset = WT_NO_OFFSET } };
    if (wt_engine_is_native(engine))
        return WT_OK;
    WT_TRY(wt_libraries_find(&p->libraries, ctx, engine->files, err));
    if (p->libraries.n && o->check)
        p->started = pthread_create(&p->thread, NULL, probe_thread, p) == 0;
    return WT_OK;
}

wt_status wt_engines_list(wt_result **out, wt_context *ctx, const wt_engines_options *options, wt_err *err)
{
    const wt_engines_options defaults = wt_engines_defaults(), *o = options ? options : &defaults;
    probe probes[WT_MOST_ENGINES];
    size_t n = 0;
    wt_status st = WT_OK;
    *out = NULL;
    json_t *list = json_array(); /* before threads: the first object of all seeds jansson's hashes */
    for (; wt_engines[n] && n < WT_MOST_ENGINES && st == WT_OK; n++)
        st = find(&probes[n], ctx, o, wt_engines[n], err);
    for (size_t i = 0; i < n; i++) {
        probe *p = &probes[i];
        if (p->started)
            pthread_join(p->thread, NULL);
        if (st == WT_OK && p->status == WT_ECANCELLED)
            st = wt_check_cancel(ctx, err);
        if (st == WT_OK)
            json_array_append_new(list, wt_engine_is_native(p->engine) ? native_json(ctx)
                                        : p->libraries.n               ? found_json(p)
                                                                       : absent_json(p));
        json_decref(p->answer);
        wt_libraries_free(&p->libraries);
    }
    if (st != WT_OK) {
        json_decref(list);
        return st;
    }
    return wt_result_take(out, ctx, json_pack("{s:s, s:o}", "schema", "whet.engines/1", "engines", list), err);
}
