/* each_engine.c - see each_engine.h. */
#include "measure/each_engine.h"
#include "base/json.h"
#include "run/engines/engine.h"

static json_t *row_of(const char *label, wt_status st, const wt_err *e, json_t *doc)
{
    json_t *row = json_pack("{s:s, s:s}", "engine", label, "status",
                            st == WT_OK         ? "ok"
                            : st == WT_EVERDICT ? "verdict"
                                                : "failed");
    if (row && doc)
        json_object_update_missing(row, doc);
    if (row && st != WT_OK) {
        json_object_set_new(row, "code", json_string(wt_status_name(st)));
        json_object_set_new(row, "reason", wt_json_text(e->message));
    }
    json_decref(doc);
    return row;
}

wt_status wt_each_engine(json_t **out, bool *several, wt_context *ctx, const wt_exec_options *exec,
                         wt_one_engine_fn *fn, void *user, wt_err *err)
{
    wt_engine_choice choices[WT_MOST_ENGINES];
    size_t n;
    wt_status first = WT_OK;
    *out = NULL;
    WT_TRY(wt_engine_choices(choices, &n, ctx, exec->engine, err));
    *several = n > 1;
    if (n <= 1)
        return WT_OK;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        wt_exec_options own = *exec;
        wt_err e = { .offset = WT_NO_OFFSET };
        json_t *doc = NULL;
        own.engine = choices[i].label;
        const wt_status st = fn(user, &own, &doc, &e);
        json_t *row = st == WT_ECANCELLED ? NULL : row_of(choices[i].label, st, &e, doc);
        if (first == WT_OK && st != WT_OK) {
            first = st;
            if (err)
                *err = e;
        }
        if (!row || json_array_append_new(list, row)) {
            json_decref(list);
            return st == WT_ECANCELLED ? st : wt_fail(err, WT_ENOMEM, "no memory for the result");
        }
    }
    *out = list;
    return first;
}
