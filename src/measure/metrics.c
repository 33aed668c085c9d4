/* metrics.c - choosing a metric and scoring samples with it.
 *
 * A metric is a row of metrics.def plus a scoring function here. Outputs are looked at as floats, whatever their
 * type. NaN never wins: a sample whose best score is not finite is wrong, and counted apart. */
#include "measure/metrics.h"
#include "base/json.h"
#include "measure/ctc.h"
#include "measure/equivalence.h"
#include <math.h>

static const wt_metric_info infos[WT_METRIC_COUNT] = {
#define X(id, name, label, better, form, summary)                                                                      \
    [WT_METRIC_##id] = { name, summary, WT_LABEL_##label, better, WT_METRIC_##form },
#include "measure/metrics.def"
#undef X
};

struct wt_metric {
    wt_context *ctx;
    wt_metric_id id;
    size_t n_outputs;
    wt_tensor *types;
    char *character;
    size_t output;      /* which one is looked at */
    wt_ctc_table table; /* made with the first sample, when the class count is known */
    wt_scores scores;
    wt_buf text;
    bool have_text;
    int64_t last_class;
    uint64_t nonfinite;
    float *a, *b; /* outputs as floats */
    size_t cap_a, cap_b;
};

const wt_metric_info *wt_metric_get(wt_metric_id id) { return &infos[id]; }
const char *wt_metric_name(size_t index) { return index < WT_METRIC_COUNT ? infos[index].name : NULL; }
const char *wt_metric_summary(size_t index) { return index < WT_METRIC_COUNT ? infos[index].summary : NULL; }

/* --- choosing
 * ----------------------------------------------------------------------------------------------------------------- */

/* Scores of classes: a float output. Of several, the first that is not surely a single number. */
static size_t score_output(const wt_tensor *outputs, size_t n)
{
    size_t single = n;
    for (size_t i = 0; i < n; i++) {
        const wt_shape *s = &outputs[i].shape;
        if (!wt_dtype_is_float(outputs[i].dtype))
            continue;
        bool one = s->rank >= 0;
        for (int d = 0; d < s->rank; d++)
            one = one && s->dim[d] == 1;
        if (!one)
            return i;
        single = single < n ? single : i;
    }
    return single;
}

/* Class numbers (a classifier that answers with its decision): any integer output. */
static size_t decision_output(const wt_tensor *outputs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (outputs[i].dtype == WT_I64 || outputs[i].dtype == WT_I32)
            return i;
    return n;
}

/* Why this metric cannot be used for the task; NULL when it can. */
static const char *objection(wt_metric_id id, const wt_metric_task *task)
{
    const size_t n = task->n_outputs;
    const bool scores = score_output(task->outputs, n) < n, decision = decision_output(task->outputs, n) < n;
    if (infos[id].label != WT_LABEL_NONE && infos[id].label != task->label_kind) {
        switch (infos[id].label) {
        case WT_LABEL_CLASS: return "the data has no class labels";
        case WT_LABEL_TEXT: return "the data has no text labels";
        default: return "the data has no numbers as labels";
        }
    }
    switch (id) {
    case WT_METRIC_ACCURACY: return scores || decision ? NULL : "the model has no output of scores or classes";
    case WT_METRIC_TOP5: return scores ? NULL : "the model has no output of scores";
    case WT_METRIC_CHARACTER:
    case WT_METRIC_SEQUENCE:
        if (!task->character)
            return "the model carries no character table (metadata `character`)";
        return scores ? NULL : "the model has no output of scores";
    case WT_METRIC_AGREEMENT:
    case WT_METRIC_SQNR:
    case WT_METRIC_MSE: return scores ? NULL : "the model has no output of floats";
    case WT_METRIC_COUNT: break;
    }
    return NULL;
}

/* Without labels: agreement where scores compete along an axis, else the signal-to-noise ratio. */
static bool competes(const wt_metric_task *task)
{
    const size_t i = score_output(task->outputs, task->n_outputs);
    return i < task->n_outputs && wt_channel_axis(&task->outputs[i].shape, NULL) >= 0;
}

wt_status wt_metric_choose(wt_metric_id *out, const wt_metric_task *task, const char *name, wt_err *err)
{
    *out = WT_METRIC_ACCURACY;
    for (int i = 0; i < WT_METRIC_COUNT; i++) {
        const char *why = objection((wt_metric_id)i, task);
        if (name && strcmp(name, infos[i].name) != 0)
            continue;
        if (name && why)
            return wt_fail(err, WT_EUSAGE, "metric %s cannot be used: %s", name, why);
        if (!why && !name && i == WT_METRIC_AGREEMENT && !competes(task))
            continue;
        if (!why) {
            *out = (wt_metric_id)i;
            return WT_OK;
        }
    }
    if (!name)
        return wt_fail(err, WT_EUNSUPPORTED, "no metric fits this model and this data");
    wt_fail(err, WT_EUSAGE, "there is no metric %s", name);
    wt_err_hint(err, "metrics: accuracy top5_accuracy character_accuracy sequence_accuracy mse agreement sqnr_db");
    return WT_EUSAGE;
}

/* --- life
 * -----------------------------------------------------------------------------------------------------------------------
 */

wt_status wt_metric_open(wt_metric **out, wt_context *ctx, wt_metric_id id, const wt_metric_task *task, wt_err *err)
{
    *out = NULL;
    const char *why = objection(id, task);
    if (why)
        return wt_fail(err, WT_EUSAGE, "metric %s cannot be used: %s", infos[id].name, why);
    wt_metric *m = wt_alloc(ctx, 1, sizeof *m, err);
    if (!m)
        return WT_ENOMEM;
    m->ctx = ctx;
    m->id = id;
    m->n_outputs = task->n_outputs;
    wt_scores_init(&m->scores, ctx);
    wt_buf_init(&m->text, ctx);
    const size_t len = task->character ? strlen(task->character) + 1 : 0;
    m->types = wt_alloc(ctx, m->n_outputs, sizeof *m->types, err);
    if (m->types && len)
        m->character = wt_alloc(ctx, len, 1, err);
    if (!m->types || (len && !m->character)) {
        wt_metric_close(m);
        return WT_ENOMEM;
    }
    memcpy(m->types, task->outputs, m->n_outputs * sizeof *m->types);
    if (len)
        memcpy(m->character, task->character, len);
    m->output = score_output(m->types, m->n_outputs);
    if (m->output == m->n_outputs)
        m->output = decision_output(m->types, m->n_outputs);
    *out = m;
    return WT_OK;
}

void wt_metric_close(wt_metric *m)
{
    if (!m)
        return;
    wt_context *ctx = m->ctx;
    wt_ctc_table_close(&m->table);
    wt_scores_free(&m->scores);
    wt_buf_free(&m->text);
    wt_free(ctx, m->types);
    wt_free(ctx, m->character);
    wt_free(ctx, m->a);
    wt_free(ctx, m->b);
    wt_free(ctx, m);
}

/* --- scoring
 * ----------------------------------------------------------------------------------------------------------------------
 */

static wt_status as_floats(wt_metric *m, const wt_tensor *t, float **room, size_t *cap, const float **out, size_t *n,
                           wt_err *err)
{
    int64_t count;
    if (!t->data || t->layout != WT_PLAIN || !wt_shape_count(&t->shape, &count))
        return wt_fail(err, WT_EUSAGE, "an output has no plain data");
    *n = (size_t)count;
    if (t->dtype == WT_F32) {
        *out = t->data;
        return WT_OK;
    }
    void *p = *room;
    const wt_status st = wt_grow(m->ctx, &p, cap, (size_t)count, sizeof(float), err);
    *room = p;
    WT_TRY(st);
    *out = *room;
    return wt_convert(t->data, t->dtype, *room, WT_F32, (size_t)count, false, err);
}

/* Index of the largest; n when there is none that is finite. */
static size_t best_of(const float *v, size_t n, size_t step)
{
    size_t best = n;
    for (size_t i = 0; i < n; i++)
        if (!isnan(v[i * step]) && (best == n || v[i * step] > v[best * step]))
            best = i;
    return best < n && isfinite(v[best * step]) ? best : n;
}

static wt_status score_class(wt_metric *m, const wt_tensor *out, const wt_sample_label *label, wt_err *err)
{
    const float *v;
    size_t n, better = 0;
    if (!wt_dtype_is_float(out->dtype)) { /* the decision itself */
        int64_t decided;
        if (!wt_tensor_int(out, 0, &decided))
            return wt_fail(err, WT_EFORMAT, "the class that the model gives is not one number");
        m->last_class = decided;
        return wt_scores_add(&m->scores, decided == label->index, 1, err);
    }
    if (out->shape.rank > 1 && out->shape.dim[0] > 1)
        return wt_fail(err, WT_EFORMAT, "the model answers for a batch of %lld, but there is one label",
                       (long long)out->shape.dim[0]);
    WT_TRY(as_floats(m, out, &m->a, &m->cap_a, &v, &n, err));
    if (n == 0 || (label->index >= 0 && (uint64_t)label->index >= (n == 1 ? 2 : n))) {
        wt_fail(err, WT_EFORMAT, "a label says class %lld, but the model has %zu scores", (long long)label->index, n);
        wt_err_hint(err, "are the classes in the order of the model's outputs? labels.txt beside the model gives it");
        return WT_EFORMAT;
    }
    const size_t best = best_of(v, n, 1), want = (size_t)label->index;
    m->nonfinite += best == n;
    m->last_class = best == n ? -1 : n == 1 ? v[0] >= 0.5f : (int64_t)best;
    if (n == 1) /* one probability of two classes */
        return wt_scores_add(&m->scores, best == 0 && (v[0] >= 0.5f) == (want == 1), 1, err);
    if (m->id == WT_METRIC_ACCURACY)
        return wt_scores_add(&m->scores, best == want, 1, err);
    for (size_t i = 0; i < n; i++) /* ties go to the lower class, as with the best one */
        better += v[i] > v[want] || (v[i] == v[want] && i < want);
    return wt_scores_add(&m->scores, best < n && isfinite(v[want]) && better < 5, 1, err);
}

/* [1, t, classes] or [t, 1, classes]: the classes are the last dim, everything else is time. */
static wt_status score_text(wt_metric *m, const wt_tensor *out, const wt_sample_label *label, wt_err *err)
{
    const float *v;
    size_t n, distance, length;
    const size_t classes = out->shape.rank > 0 ? (size_t)out->shape.dim[out->shape.rank - 1] : 0;
    if (!m->table.name)
        WT_TRY(wt_ctc_table_open(&m->table, m->ctx, m->character, classes, err));
    if (classes != m->table.classes)
        return wt_fail(err, WT_EFORMAT, "the number of classes changes from %zu to %zu", m->table.classes, classes);
    WT_TRY(as_floats(m, out, &m->a, &m->cap_a, &v, &n, err));
    m->text.len = 0;
    const bool finite = wt_ctc_greedy(&m->table, v, n / classes, &m->text);
    wt_buf_add(&m->text, "", 0);
    WT_TRY(wt_buf_status(&m->text, err));
    m->have_text = true;
    m->nonfinite += !finite;
    WT_TRY(wt_edit_distance(m->ctx, m->text.data, label->text, &distance, &length, err));
    if (m->id == WT_METRIC_SEQUENCE)
        return wt_scores_add(&m->scores, finite && distance == 0, 1, err);
    return wt_scores_add(&m->scores, finite ? (double)length - (double)distance : 0, (double)length, err);
}

static wt_status score_values(wt_metric *m, const wt_tensor *out, const wt_sample_label *label, wt_err *err)
{
    const float *v, *want = label->vector.data;
    size_t n;
    int64_t wanted = 0;
    WT_TRY(as_floats(m, out, &m->a, &m->cap_a, &v, &n, err));
    if (!wt_shape_count(&label->vector.shape, &wanted) || (size_t)wanted != n)
        return wt_fail(err, WT_EFORMAT, "a label has %lld values, but the model gives %zu", (long long)wanted, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)v[i] - want[i]) * ((double)v[i] - want[i]);
    m->nonfinite += isfinite(sum) ? 0 : 1;
    return wt_scores_add(&m->scores, sum, (double)n, err);
}

/* Positions of the output at which the best score along the axis is the same in both. */
static void count_agreement(const float *a, const float *b, const wt_shape *s, int axis, double *same, double *all)
{
    const size_t n = (size_t)s->dim[axis], inner = (size_t)wt_shape_product(s, axis + 1, s->rank);
    const size_t outer = (size_t)wt_shape_product(s, 0, axis);
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < inner; i++) {
            const size_t at = o * n * inner + i, x = best_of(a + at, n, inner), y = best_of(b + at, n, inner);
            *same += x == y && x < n;
            *all += 1;
        }
}

static wt_status score_against(wt_metric *m, const wt_tensor *outputs, const wt_tensor *reference, wt_err *err)
{
    double gain = 0, weight = 0;
    bool finite = true;
    for (size_t i = 0; i < m->n_outputs; i++) {
        const float *v, *r;
        size_t n, n_ref;
        if (!wt_dtype_is_float(outputs[i].dtype) || !wt_dtype_is_float(reference[i].dtype))
            continue;
        if (!wt_shape_equal(&outputs[i].shape, &reference[i].shape))
            return wt_fail(err, WT_EFORMAT, "output %zu has another shape than the reference's", i);
        WT_TRY(as_floats(m, &outputs[i], &m->a, &m->cap_a, &v, &n, err));
        WT_TRY(as_floats(m, &reference[i], &m->b, &m->cap_b, &r, &n_ref, err));
        const int axis = wt_channel_axis(&m->types[i].shape, &outputs[i].shape);
        if (m->id == WT_METRIC_AGREEMENT && axis >= 0)
            count_agreement(v, r, &outputs[i].shape, axis, &gain, &weight);
        for (size_t k = 0; k < n && m->id == WT_METRIC_SQNR; k++) {
            gain += (double)r[k] * r[k];
            weight += ((double)v[k] - r[k]) * ((double)v[k] - r[k]);
        }
        for (size_t k = 0; k < n; k++)
            finite = finite && isfinite(v[k]);
    }
    m->nonfinite += !finite;
    return wt_scores_add(&m->scores, gain, weight, err);
}

wt_status wt_metric_add(wt_metric *m, const wt_tensor *outputs, const wt_sample_label *label,
                        const wt_tensor *reference, wt_err *err)
{
    const wt_label_kind need = infos[m->id].label;
    m->have_text = false;
    m->last_class = -1;
    if (need == WT_LABEL_NONE) {
        if (!reference)
            return wt_fail(err, WT_EUSAGE, "metric %s compares with a reference, and there is none", infos[m->id].name);
        return score_against(m, outputs, reference, err);
    }
    if (!label || label->kind != need) {
        wt_fail(err, WT_EFORMAT, "the sample has no label that metric %s needs", infos[m->id].name);
        wt_err_hint(err, "label all samples, or use --metric agreement");
        return WT_EFORMAT;
    }
    switch (need) {
    case WT_LABEL_CLASS: return score_class(m, &outputs[m->output], label, err);
    case WT_LABEL_TEXT: return score_text(m, &outputs[m->output], label, err);
    default: return score_values(m, &outputs[m->output], label, err);
    }
}

/* --- the result
 * --------------------------------------------------------------------------------------------------------------------
 */

wt_status wt_metric_finish(const wt_metric *m, uint64_t seed, wt_metric_result *out, wt_err *err)
{
    const wt_scores *s = &m->scores;
    *out = (wt_metric_result){
        .info = &infos[m->id], .samples = s->n, .nonfinite = m->nonfinite, .ci_method = "bootstrap"
    };
    if (s->n == 0)
        return wt_fail(err, WT_EFORMAT, "there was no sample to measure %s on", infos[m->id].name);
    if (infos[m->id].form == WT_METRIC_PROPORTION) {
        out->ci_method = "wilson";
        wt_wilson(s->sum_gain, s->sum_weight, out->ci95);
    } else {
        wt_scores_interval(s, seed, out->ci95);
    }
    if (infos[m->id].form == WT_METRIC_DECIBEL) {
        out->value = wt_sqnr_db(s->sum_gain, s->sum_weight);
        for (int i = 0; i < 2; i++)
            out->ci95[i] = isnan(out->ci95[i]) ? out->value : wt_sqnr_db(out->ci95[i], 1);
    } else {
        out->value = s->sum_weight != 0 ? s->sum_gain / s->sum_weight : NAN;
    }
    return WT_OK;
}

const wt_scores *wt_metric_scores(const wt_metric *m) { return &m->scores; }
const char *wt_metric_last_text(const wt_metric *m) { return m->have_text ? m->text.data : NULL; }
int64_t wt_metric_last_class(const wt_metric *m) { return m->last_class; }

json_t *wt_metric_result_json(const wt_metric_result *r)
{
    json_t *root = json_pack("{s:s,s:o,s:[o,o],s:s,s:I,s:b}", "metric", r->info->name, "value", wt_json_real(r->value),
                             "ci95", wt_json_real(r->ci95[0]), wt_json_real(r->ci95[1]), "ci_method", r->ci_method,
                             "samples", (json_int_t)r->samples, "higher_is_better", r->info->better > 0);
    if (root && r->nonfinite)
        json_object_set_new(root, "nonfinite_samples", json_integer((json_int_t)r->nonfinite));
    return root;
}
