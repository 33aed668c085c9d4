/* metrics.h - how good the answers are: one score per sample, streamed, kept small for paired tests.
 *
 * Each sample gives two numbers, a gain and a weight (1 or 0 of 1; characters right of characters there are; squared
 * error of values). The metric's value is the ratio of their sums, so that intervals and paired tests resample samples
 * whatever the metric is. What a metric looks at in the outputs is decided from the first sample and holds for all. */
#ifndef WT_METRICS_H
#define WT_METRICS_H
#include "measure/statistics.h"
#include "model/tensor.h"
#include "whet/dataset.h"
#include "whet/metrics.h"

typedef enum wt_metric_id {
#define X(id, name, label, better, form, summary) WT_METRIC_##id,
#include "measure/metrics.def"
#undef X
    WT_METRIC_COUNT
} wt_metric_id;
typedef enum wt_metric_form { WT_METRIC_PROPORTION, WT_METRIC_RATIO, WT_METRIC_DECIBEL } wt_metric_form;

typedef struct wt_metric_info {
    const char *name, *summary;
    wt_label_kind label;
    int better;
    wt_metric_form form;
} wt_metric_info;
const wt_metric_info *wt_metric_get(wt_metric_id id);

/* What there is to choose a metric for. */
typedef struct wt_metric_task {
    wt_label_kind label_kind; /* of the set */
    const wt_tensor *outputs; /* types of the model's outputs; free dims are negative */
    size_t n_outputs;
    const char *character; /* the model's metadata of that name (CTC's table); NULL: none */
} wt_metric_task;
/* The metric called `name`, or the first that fits when name is NULL. WT_EUSAGE says why a named one cannot be used. */
wt_status wt_metric_choose(wt_metric_id *out, const wt_metric_task *task, const char *name, wt_err *err);

typedef struct wt_metric wt_metric;
/* Copies what it needs of the task. */
wt_status wt_metric_open(wt_metric **out, wt_context *ctx, wt_metric_id id, const wt_metric_task *task, wt_err *err);
void wt_metric_close(wt_metric *m); /* NULL is fine */
/* One sample's outputs (all of the model's, in order). label: needed unless the metric compares with `reference`, the
 * same outputs of the reference model. A sample without a label is WT_EFORMAT. */
wt_status wt_metric_add(wt_metric *m, const wt_tensor *outputs, const wt_sample_label *label,
                        const wt_tensor *reference, wt_err *err);

typedef struct wt_metric_result {
    const wt_metric_info *info;
    double value, ci95[2];
    const char *ci_method; /* "wilson", "bootstrap" */
    uint64_t samples;
    uint64_t nonfinite; /* samples with NaN or infinity where the metric looked; they count as wrong */
} wt_metric_result;
wt_status wt_metric_finish(const wt_metric *m, uint64_t seed, wt_metric_result *out, wt_err *err);
/* Scores so far, one per sample in the order of adding; borrowed. */
const wt_scores *wt_metric_scores(const wt_metric *m);
/* The text decoded from the sample added last (text metrics), for showing examples; NULL: none. */
const char *wt_metric_last_text(const wt_metric *m);
/* The class that the model gave for the sample added last (class metrics); -1: none. */
int64_t wt_metric_last_class(const wt_metric *m);
json_t *wt_metric_result_json(
    const wt_metric_result *r); /* {"metric","value","ci95","ci_method","samples"}; NULL: no memory */
#endif
