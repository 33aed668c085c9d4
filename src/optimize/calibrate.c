/* calibrate.c - one sample alive, one pass over the data: see stats.h for why one pass is enough. */
#include "optimize/calibrate.h"
#include "base/json.h"
#include "base/str.h"
#include "measure/open.h"

typedef struct watcher {
    wt_points *p;
    wt_stats_work work;
} watcher;

static wt_status watch(void *user, size_t tap, const wt_tensor *t, struct wt_team *team, int tid, int nthreads,
                       wt_err *err)
{
    watcher *w = user;
    return wt_stats_add(&w->p->points[tap].stats, &w->work, t, team, tid, nthreads, err);
}

static wt_status run_samples(watcher *w, wt_session *session, wt_dataset *ds, wt_sample *sample, uint64_t *samples,
                             wt_err *err)
{
    wt_points *p = w->p;
    wt_dataset_info info;
    wt_tensor *inputs = wt_arena_alloc(&p->arena, p->graph->n_inputs + 1, sizeof *inputs, err);
    if (!inputs)
        return WT_ENOMEM;
    wt_dataset_describe(ds, &info);
    for (*samples = 0;; (*samples)++) {
        int more;
        WT_TRY(wt_check_cancel(p->graph->ctx, err));
        WT_TRY(wt_dataset_next(ds, sample, &more, err));
        if (!more)
            break;
        WT_TRY(wt_data_inputs(p->graph, sample, inputs, err));
        /* Inputs of the graph are points too, and no step makes them. */
        for (size_t i = 0; i < p->graph->n_inputs; i++) {
            const int32_t k = p->point_of[p->graph->inputs[i]->id];
            if (k >= 0)
                WT_TRY(wt_stats_add(&p->points[k].stats, &w->work, &inputs[i], NULL, 0, 1, err));
        }
        WT_TRY(wt_session_run(session, inputs, p->graph->n_inputs, err));
        wt_report_progress(p->graph->ctx, "calibrating", "samples", *samples + 1, info.samples);
    }
    if (!*samples)
        return wt_fail(err, WT_EFORMAT, "the data set has no samples to calibrate with");
    return WT_OK;
}

static wt_status open_tapped(wt_points *p, const wt_exec_options *exec, wt_running *r, wt_err *err)
{
    const char **taps = wt_arena_alloc(&p->arena, p->n_points + 1, sizeof *taps, err);
    if (!taps)
        return WT_ENOMEM;
    for (size_t i = 0; i < p->n_points; i++)
        taps[i] = p->points[i].value->name;
    return wt_running_open(r, p->graph, exec, taps, p->n_points, err);
}

wt_status wt_calibrate_points(wt_points *p, wt_dataset *ds, const wt_exec_options *exec, uint64_t *samples, wt_err *err)
{
    wt_running r = { 0 };
    wt_sample *sample = NULL;
    watcher w = { .p = p };
    wt_status st = wt_stats_work_init(&w.work, &p->arena, wt_context_threads(p->graph->ctx), err);
    for (size_t i = 0; i < p->n_points && st == WT_OK; i++)
        st = wt_stats_init(&p->points[i].stats, &p->arena, p->points[i].channel_axis, err);
    if (st == WT_OK)
        st = open_tapped(p, exec, &r, err);
    if (st == WT_OK)
        st = wt_sample_open(&sample, p->graph->ctx, err);
    if (st == WT_OK) {
        wt_session_watch_team(r.session, watch, &w);
        wt_dataset_rewind(ds);
        st = run_samples(&w, r.session, ds, sample, samples, err);
    }
    wt_sample_close(sample);
    wt_running_close(&r);
    return st;
}

/* --- the statistics file: JSON, histogram bins as runs of [first bin, count, count, ...]
 * ------------------------------------ */
static json_t *bins_json(const wt_stats *s)
{
    json_t *list = json_array(), *run = NULL;
    for (size_t i = 0; i < WT_STATS_BINS; i++) {
        if (!s->bins[i]) {
            run = NULL;
            continue;
        }
        if (!run) {
            run = json_array();
            json_array_append_new(run, json_integer((json_int_t)i));
            json_array_append_new(list, run);
        }
        json_array_append_new(run, json_integer((json_int_t)s->bins[i]));
    }
    return list;
}

static json_t *channels_json(const wt_stats *s)
{
    json_t *list = json_array();
    for (int64_t c = 0; s->channel_sum && c < s->channels; c++)
        json_array_append_new(list, wt_json_real(s->channel_sum[c]));
    return list;
}

static json_t *stats_json(const wt_point *q)
{
    const wt_stats *s = &q->stats;
    return json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:i, s:o, s:I, s:o}", "tensor", q->value->name,
                     "samples", (json_int_t)s->samples, "count", (json_int_t)s->count, "nonfinite",
                     (json_int_t)s->nonfinite, "min", (double)s->min, "max", (double)s->max, "sum_min", s->sum_min,
                     "sum_max", s->sum_max, "exponent", s->exponent, "bins", bins_json(s), "channel_count",
                     (json_int_t)s->channel_count, "channel_sum", channels_json(s));
}

wt_status wt_stats_save(const wt_points *p, uint64_t samples, const char *data_hash, const char *path, bool force,
                        wt_err *err)
{
    json_t *tensors = json_array();
    for (size_t i = 0; i < p->n_points; i++)
        if (p->points[i].stats.count)
            json_array_append_new(tensors, stats_json(&p->points[i]));
    json_t *root = json_pack("{s:s, s:I, s:s, s:o}", "schema", "whet.statistics/1", "samples", (json_int_t)samples,
                             "data_hash", data_hash ? data_hash : "", "tensors", tensors);
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    if (!text)
        return wt_fail(err, WT_ENOMEM, "no memory for the statistics");
    const wt_status st = wt_write_file(p->graph->ctx, path, text, strlen(text), force, err);
    free(text);
    return st;
}

static wt_status bad_file(wt_err *err, const char *path, const char *what)
{
    const wt_status st = wt_fail(err, WT_EFORMAT, "no statistics file of whet: %s", what);
    wt_err_where(err, "%s", path);
    return st;
}

static bool read_bins(wt_stats *s, const json_t *list)
{
    size_t k;
    const json_t *run;
    uint64_t sum = 0;
    json_array_foreach(list, k, run)
    {
        const json_int_t first = json_integer_value(json_array_get(run, 0));
        const size_t n = json_array_size(run);
        if (n < 2 || first < 0 || (uint64_t)first + n - 1 > WT_STATS_BINS)
            return false;
        for (size_t i = 1; i < n; i++) {
            const json_int_t c = json_integer_value(json_array_get(run, i));
            if (c < 0)
                return false;
            s->bins[(size_t)first + i - 1] = (uint64_t)c;
            sum += (uint64_t)c;
        }
    }
    return sum == s->count;
}

static wt_status read_stats(wt_points *p, wt_point *q, const json_t *t, bool *good, wt_err *err)
{
    wt_stats *s = &q->stats;
    WT_TRY(wt_stats_init(s, &p->arena, q->channel_axis, err));
    s->samples = (uint64_t)json_integer_value(json_object_get(t, "samples"));
    s->count = (uint64_t)json_integer_value(json_object_get(t, "count"));
    s->nonfinite = (uint64_t)json_integer_value(json_object_get(t, "nonfinite"));
    s->min = (float)json_number_value(json_object_get(t, "min"));
    s->max = (float)json_number_value(json_object_get(t, "max"));
    s->sum_min = json_number_value(json_object_get(t, "sum_min"));
    s->sum_max = json_number_value(json_object_get(t, "sum_max"));
    s->exponent = (int)json_integer_value(json_object_get(t, "exponent"));
    const json_t *channels = json_object_get(t, "channel_sum");
    s->channels = (int64_t)json_array_size(channels);
    s->channel_count = (uint64_t)json_integer_value(json_object_get(t, "channel_count"));
    if (s->channels) {
        s->channel_sum = wt_arena_alloc(&p->arena, (size_t)s->channels, sizeof *s->channel_sum, err);
        if (!s->channel_sum)
            return WT_ENOMEM;
        for (size_t c = 0; c < (size_t)s->channels; c++)
            s->channel_sum[c] = json_number_value(json_array_get(channels, c));
    }
    *good = read_bins(s, json_object_get(t, "bins")) && s->exponent >= -126 && s->exponent < 128 && s->min <= s->max;
    return WT_OK;
}

wt_status wt_stats_load(wt_points *p, const char *path, wt_err *err)
{
    json_t *root;
    size_t i;
    const json_t *t;
    WT_TRY(wt_json_load(&root, p->graph->ctx, path, err));
    const char *schema = json_string_value(json_object_get(root, "schema"));
    wt_status st = schema && !strcmp(schema, "whet.statistics/1")
                       ? WT_OK
                       : bad_file(err, path, "its schema is not whet.statistics/1");
    json_array_foreach(json_object_get(root, "tensors"), i, t)
    {
        const char *name = json_string_value(json_object_get(t, "tensor"));
        const wt_value *v = name && st == WT_OK ? wt_graph_find(p->graph, name) : NULL;
        bool good = true;
        if (!v || p->point_of[v->id] < 0)
            continue;
        st = read_stats(p, &p->points[p->point_of[v->id]], t, &good, err);
        if (st == WT_OK && !good)
            st = bad_file(err, path, "a histogram is damaged");
    }
    json_decref(root);
    for (i = 0; i < p->n_points && st == WT_OK; i++)
        if (!p->points[i].dropped && !p->points[i].stats.count) {
            st = wt_fail(err, WT_EFORMAT, "the statistics say nothing about '%s'", p->points[i].value->name);
            wt_err_where(err, "%s", path);
            wt_err_hint(err, "calibrate this model again: whet calibrate MODEL --data SET -o FILE");
        }
    return st;
}
