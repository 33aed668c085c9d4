/* evaluate.c - see evaluate.h. One sample alive; what is kept are scores, counts of classes and a few wrong examples.
 */
#include "measure/evaluate.h"
#include "base/clock.h"
#include "base/json.h"
#include "measure/open.h"
#include "measure/pair.h"
#include <math.h>

enum {
    EXAMPLES = 10,
    MOST_CLASSES = 1000, /* counted */
    SHOWN_CLASSES = 100, /* told apart in the result */
    MOST_METRICS = WT_METRIC_COUNT
};

typedef struct class_count {
    uint64_t samples, right, predicted;
} class_count;

typedef struct example {
    char *source, *label, *got;
    uint64_t part;
} example;

struct wt_evaluation {
    wt_context *ctx;
    wt_metric *metrics[MOST_METRICS]; /* [0] is the one that was asked for */
    size_t n_metrics;
    wt_metric_result results[MOST_METRICS];
    class_count *classes; /* NULL: no classes, or too many */
    char **class_names;   /* entries may be NULL */
    size_t n_classes, cap_classes, cap_names;
    uint64_t wrong;
    example examples[EXAMPLES];
    size_t n_examples;
    wt_label_kind label;   /* that the metric needs */
    uint64_t classes_seen; /* 1: all samples have one label; 0: they are no classes */
    uint64_t ns;
};

/* --- life
 * ------------------------------------------------------------------------------------------------------------------ */

void wt_evaluation_close(wt_evaluation *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->n_metrics; i++)
        wt_metric_close(e->metrics[i]);
    for (size_t i = 0; i < e->n_classes; i++)
        wt_free(e->ctx, e->class_names[i]);
    for (size_t i = 0; i < EXAMPLES; i++) {
        wt_free(e->ctx, e->examples[i].source);
        wt_free(e->ctx, e->examples[i].label);
        wt_free(e->ctx, e->examples[i].got);
    }
    wt_free(e->ctx, e->classes);
    wt_free(e->ctx, e->class_names);
    wt_free(e->ctx, e);
}

static wt_status copy_text(wt_context *ctx, const char *text, char **out, wt_err *err)
{
    const size_t len = strlen(text) + 1;
    *out = wt_alloc_raw(ctx, len, 1, err);
    if (!*out)
        return WT_ENOMEM;
    memcpy(*out, text, len);
    return WT_OK;
}

static wt_status grow_classes(wt_evaluation *e, size_t need, wt_err *err)
{
    void *p = e->classes, *names = e->class_names;
    wt_status st = wt_grow(e->ctx, &p, &e->cap_classes, need, sizeof *e->classes, err);
    e->classes = p;
    if (st == WT_OK)
        st = wt_grow(e->ctx, &names, &e->cap_names, need, sizeof *e->class_names, err);
    e->class_names = names;
    if (st == WT_OK && need > e->n_classes)
        e->n_classes = need;
    return st;
}

static wt_status name_classes(wt_evaluation *e, const wt_dataset *ds, uint64_t classes, wt_err *err)
{
    const size_t n = classes > MOST_CLASSES ? MOST_CLASSES : (size_t)classes;
    WT_TRY(grow_classes(e, n, err));
    for (size_t i = 0; i < n; i++) {
        const char *name = wt_dataset_class_name(ds, i);
        if (name)
            WT_TRY(copy_text(e->ctx, name, &e->class_names[i], err));
    }
    return WT_OK;
}

/* --- which metrics
 * ---------------------------------------------------------------------------------------------------------- */

static wt_status add_metric(wt_evaluation *e, wt_metric_id id, const wt_metric_task *task, wt_err *err)
{
    WT_TRY(wt_metric_open(&e->metrics[e->n_metrics], e->ctx, id, task, err));
    e->n_metrics++;
    return WT_OK;
}

static wt_status refuse_unlabelled(const wt_metric_info *m, bool asked, wt_err *err)
{
    const wt_status st = asked ? wt_fail(err, WT_EUSAGE, "metric %s compares with a reference model, and there is none",
                                         m->name)
                               : wt_fail(err, WT_EUSAGE,
                                         "the data set has no labels that a metric of this model could use");
    wt_err_hint(
        err,
        "label it (class folders, or labels.csv with file,label), or compare two models: whet compare REF CANDIDATE");
    return st;
}

/* Among so few classes the label is always one of the best five. */
static bool few_classes(const wt_metric_task *task, const wt_dataset_info *info)
{
    for (size_t i = 0; i < task->n_outputs; i++) {
        const wt_shape *s = &task->outputs[i].shape;
        const int64_t last = s->rank > 0 ? s->dim[s->rank - 1] : 0;
        if (wt_dtype_is_float(task->outputs[i].dtype) && last > 0)
            return last <= 5;
    }
    return info->classes && info->classes <= 5;
}

static wt_status choose_metrics(wt_evaluation *e, const wt_metric_task *task, const wt_dataset_info *info,
                                const wt_eval_options *o, wt_err *err)
{
    wt_metric_id id, other;
    WT_TRY(wt_metric_choose(&id, task, o->metric, err));
    const wt_metric_info *m = wt_metric_get(id);
    if (m->label == WT_LABEL_NONE && !o->reference)
        return refuse_unlabelled(m, o->metric != NULL, err);
    e->label = m->label;
    WT_TRY(add_metric(e, id, task, err));
    for (int i = 0; i < WT_METRIC_COUNT && o->others; i++) {
        if (i == (int)id || wt_metric_get((wt_metric_id)i)->label != m->label)
            continue;
        if (i == WT_METRIC_TOP5 && few_classes(task, info))
            continue;
        wt_err ignored;
        if (wt_metric_choose(&other, task, wt_metric_name((size_t)i), &ignored) == WT_OK)
            WT_TRY(add_metric(e, other, task, err));
    }
    return WT_OK;
}

/* --- one sample
 * --------------------------------------------------------------------------------------------------------------- */

static wt_status count_class(wt_evaluation *e, const wt_sample_label *label, bool right, int64_t got, wt_err *err)
{
    const int64_t most = label->index > got ? label->index : got;
    if (label->index < 0 || most >= MOST_CLASSES)
        return WT_OK;
    if ((size_t)most >= e->n_classes)
        WT_TRY(grow_classes(e, (size_t)most + 1, err));
    class_count *c = &e->classes[label->index];
    c->samples++;
    c->right += right;
    if (got >= 0)
        e->classes[got].predicted++;
    if (label->text && !e->class_names[label->index])
        return copy_text(e->ctx, label->text, &e->class_names[label->index], err);
    return WT_OK;
}

static const char *class_text(const wt_evaluation *e, int64_t index, char *out, size_t size)
{
    if (index >= 0 && (size_t)index < e->n_classes && e->class_names[index])
        return e->class_names[index];
    snprintf(out, size, index < 0 ? "nothing (NaN)" : "%lld", (long long)index);
    return out;
}

static wt_status keep_example(wt_evaluation *e, const wt_sample *sample, int64_t got, wt_err *err)
{
    char want_room[32], got_room[32];
    if (e->n_examples == EXAMPLES)
        return WT_OK;
    example *x = &e->examples[e->n_examples++];
    const bool text = sample->label.kind == WT_LABEL_TEXT;
    const char *heard = text ? wt_metric_last_text(e->metrics[0]) : class_text(e, got, got_room, sizeof got_room);
    const char *want = text ? sample->label.text : class_text(e, sample->label.index, want_room, sizeof want_room);
    x->part = sample->part;
    WT_TRY(copy_text(e->ctx, sample->source ? sample->source : "", &x->source, err));
    WT_TRY(copy_text(e->ctx, want ? want : "", &x->label, err));
    return copy_text(e->ctx, heard ? heard : "", &x->got, err);
}

/* After the first metric has scored it: which class was it, and is it an example of a wrong answer? */
static wt_status look_at(wt_evaluation *e, const wt_sample *sample, wt_err *err)
{
    const wt_scores *s = wt_metric_scores(e->metrics[0]);
    if (e->label != WT_LABEL_CLASS && e->label != WT_LABEL_TEXT)
        return WT_OK;
    const bool right = s->gain[s->n - 1] >= s->weight[s->n - 1];
    const int64_t got = wt_metric_last_class(e->metrics[0]);
    if (e->label == WT_LABEL_CLASS)
        WT_TRY(count_class(e, &sample->label, right, got, err));
    if (right)
        return WT_OK;
    e->wrong++;
    return keep_example(e, sample, got, err);
}

static wt_status score(wt_evaluation *e, const wt_sample *sample, const wt_tensor *outputs, const wt_tensor *reference,
                       wt_err *err)
{
    for (size_t i = 0; i < e->n_metrics; i++)
        WT_TRY(wt_metric_add(e->metrics[i], outputs, &sample->label, reference, err));
    return sample->label.kind == e->label ? look_at(e, sample, err) : WT_OK;
}

/* --- all samples
 * ------------------------------------------------------------------------------------------------------------------ */

typedef struct runner {
    wt_evaluation *e;
    const wt_graph *graph;
    const wt_runner *with;
    const wt_eval_options *o;
    wt_pair pair; /* graph -> reference */
    wt_sample *sample;
    wt_tensor *inputs, *outputs, *reference;
    uint64_t total, done;
} runner;

static wt_status take_output(wt_tensor *out, const wt_runner *from, size_t index, wt_err *err)
{
    const wt_tensor *t = wt_runner_output(from, index);
    if (!t)
        return wt_fail(err, WT_EUNSUPPORTED, "output '%s' did not come", from->graph->outputs[index]->name);
    *out = *t;
    return WT_OK;
}

static wt_status run_reference(runner *r, wt_err *err)
{
    const wt_tensor *inputs;
    WT_TRY(wt_pair_inputs(&r->pair, r->inputs, &inputs, err));
    WT_TRY(wt_runner_run(r->o->reference, inputs, err));
    for (size_t i = 0; i < r->graph->n_outputs; i++)
        WT_TRY(take_output(&r->reference[i], r->o->reference, r->pair.output[i], err));
    return WT_OK;
}

static wt_status run_sample(runner *r, wt_err *err)
{
    WT_TRY(wt_data_inputs(r->graph, r->sample, r->inputs, err));
    const uint64_t start = wt_now_ns();
    WT_TRY(wt_runner_run(r->with, r->inputs, err));
    r->e->ns += wt_now_ns() - start;
    for (size_t i = 0; i < r->graph->n_outputs; i++)
        WT_TRY(take_output(&r->outputs[i], r->with, i, err));
    if (r->o->reference)
        WT_TRY(run_reference(r, err));
    return score(r->e, r->sample, r->outputs, r->o->reference ? r->reference : NULL, err);
}

static wt_status run_all(runner *r, wt_dataset *ds, wt_err *err)
{
    wt_context *ctx = r->e->ctx;
    wt_dataset_rewind(ds);
    for (;;) {
        int more;
        WT_TRY(wt_check_cancel(ctx, err));
        WT_TRY(wt_dataset_next(ds, r->sample, &more, err));
        if (!more)
            return WT_OK;
        const wt_status st = run_sample(r, err);
        if (st != WT_OK) {
            wt_err_where(err, "%s", r->sample->source ? r->sample->source : "sample");
            return st;
        }
        wt_report_progress(ctx, r->o->task ? r->o->task : "evaluating", "samples", ++r->done, r->total);
    }
}

static wt_status finish(wt_evaluation *e, wt_err *err)
{
    for (size_t i = 0; i < e->n_metrics; i++)
        WT_TRY(wt_metric_finish(e->metrics[i], wt_context_seed(e->ctx), &e->results[i], err));
    return WT_OK;
}

static wt_status run_with_room(runner *r, wt_dataset *ds, wt_tensor *types, wt_err *err)
{
    wt_dataset_info info;
    const wt_graph *g = r->graph;
    wt_dataset_describe(ds, &info);
    for (size_t i = 0; i < g->n_outputs; i++)
        types[i] = g->outputs[i]->type;
    const wt_metric_task task = { info.label_kind, types, g->n_outputs, wt_graph_metadata(g, "character") };
    r->total = info.samples;
    r->e->classes_seen = info.label_kind == WT_LABEL_CLASS ? info.classes_seen : 0;
    WT_TRY(choose_metrics(r->e, &task, &info, r->o, err));
    if (info.label_kind == WT_LABEL_CLASS)
        WT_TRY(name_classes(r->e, ds, info.classes, err));
    if (r->o->reference)
        WT_TRY(wt_pair_open(&r->pair, g, r->o->reference->graph, err));
    WT_TRY(wt_sample_open(&r->sample, r->e->ctx, err));
    WT_TRY(run_all(r, ds, err));
    return finish(r->e, err);
}

wt_status wt_evaluate_runner(wt_evaluation **out, const wt_runner *with, wt_dataset *ds, const wt_eval_options *options,
                             wt_err *err)
{
    static const wt_eval_options none = { 0 };
    const wt_graph *graph = with->graph;
    wt_context *ctx = graph->ctx;
    *out = NULL;
    wt_evaluation *e = wt_alloc(ctx, 1, sizeof *e, err);
    wt_tensor *room = e ? wt_alloc(ctx, graph->n_inputs + 3 * graph->n_outputs + 1, sizeof *room, err) : NULL;
    if (!room) {
        wt_free(ctx, e);
        return WT_ENOMEM;
    }
    e->ctx = ctx;
    runner r = { .e = e, .graph = graph, .with = with, .o = options ? options : &none, .inputs = room };
    r.outputs = r.inputs + graph->n_inputs;
    r.reference = r.outputs + graph->n_outputs;
    const wt_status st = run_with_room(&r, ds, r.reference + graph->n_outputs, err);
    wt_sample_close(r.sample);
    wt_pair_close(&r.pair);
    wt_free(ctx, room);
    if (st != WT_OK) {
        wt_evaluation_close(e);
        return st;
    }
    *out = e;
    return WT_OK;
}

const wt_metric_result *wt_evaluation_result(const wt_evaluation *e) { return &e->results[0]; }
const wt_scores *wt_evaluation_scores(const wt_evaluation *e) { return wt_metric_scores(e->metrics[0]); }

/* --- as data
 * ------------------------------------------------------------------------------------------------------------------------
 */

static json_t *classes_json(const wt_evaluation *e)
{
    char room[32];
    json_t *list = json_array();
    for (size_t i = 0; i < e->n_classes; i++) {
        const class_count *c = &e->classes[i];
        json_array_append_new(list, json_pack("{s:I, s:o, s:I, s:I, s:I}", "index", (json_int_t)i, "name",
                                              wt_json_text(class_text(e, (int64_t)i, room, sizeof room)), "samples",
                                              (json_int_t)c->samples, "right", (json_int_t)c->right, "predicted",
                                              (json_int_t)c->predicted));
    }
    return list;
}

static json_t *examples_json(const wt_evaluation *e)
{
    json_t *list = json_array();
    for (size_t i = 0; i < e->n_examples; i++) {
        const example *x = &e->examples[i];
        json_t *row = json_pack("{s:o, s:o, s:o}", "source", wt_json_text(x->source), "label", wt_json_text(x->label),
                                "got", wt_json_text(x->got));
        if (row && x->part)
            json_object_set_new(row, "part", json_integer((json_int_t)x->part));
        json_array_append_new(list, row);
    }
    return list;
}

json_t *wt_evaluation_json(const wt_evaluation *e)
{
    json_t *root = wt_metric_result_json(&e->results[0]);
    if (!root)
        return NULL;
    json_t *others = json_array();
    for (size_t i = 1; i < e->n_metrics; i++)
        json_array_append_new(others, wt_metric_result_json(&e->results[i]));
    if (e->n_metrics > 1)
        json_object_set(root, "others", others);
    json_decref(others);
    if (e->n_classes && e->n_classes <= SHOWN_CLASSES)
        json_object_set_new(root, "classes", classes_json(e));
    if (e->results[0].info->label == WT_LABEL_CLASS || e->results[0].info->label == WT_LABEL_TEXT) {
        json_object_set_new(root, "wrong", json_integer((json_int_t)e->wrong));
        json_object_set_new(root, "examples", examples_json(e));
    }
    if (e->classes_seen == 1)
        json_object_set_new(root, "warning", json_string("all samples carry one label, so this says little"));
    json_object_set_new(root, "run_ms", wt_json_real((double)e->ns * 1e-6 / (double)e->results[0].samples));
    return root;
}
