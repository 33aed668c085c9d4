/* evaluate.h - a model scored on a data set: the task metric, how sure it is, which samples are wrong, and whether two
 * models that were scored on the same samples differ. */
#ifndef WT_EVALUATE_H
#define WT_EVALUATE_H
#include <jansson.h>
#include "measure/data.h"
#include "measure/metrics.h"
#include "measure/runner.h"

typedef struct wt_eval_options {
    const char *metric;         /* NULL: the first that fits the labels and the outputs */
    const wt_runner *reference; /* that metrics without labels compare with; NULL: there is none */
    const char *task;           /* what progress calls the work; NULL: "evaluating" */
    bool others;                /* score the other metrics for the same labels, too */
} wt_eval_options;

typedef struct wt_evaluation wt_evaluation;
/* Runs every sample of ds (a part, as a rule; rewound first) once. The data set was opened for the inputs of the
 * runner's graph. A data set without labels needs a reference: WT_EUSAGE says so. options may be NULL. */
wt_status wt_evaluate_runner(wt_evaluation **out, const wt_runner *runner, wt_dataset *ds,
                             const wt_eval_options *options, wt_err *err);
void wt_evaluation_close(wt_evaluation *e);                           /* NULL is fine */
const wt_metric_result *wt_evaluation_result(const wt_evaluation *e); /* borrowed */
/* One score per sample, in the order of the set: what wt_scores_compare takes. Borrowed. */
const wt_scores *wt_evaluation_scores(const wt_evaluation *e);
/* {metric, value, ci95, ci_method, samples, higher_is_better, others[], classes[], wrong, examples[]}; NULL: no memory.
 */
json_t *wt_evaluation_json(const wt_evaluation *e);

/* What a data set is and what is applied to it: {path, form, samples, labelled, hash, preprocess{}}; NULL: no memory.
 */
json_t *wt_data_json(const wt_dataset *ds, const char *path);

/* --- A/B
 * ------------------------------------------------------------------------------------------------------------------ */
/* The comparison of a baseline (a) with a candidate (b) in one sentence for people. Returns out. */
const char *wt_ab_statement(const wt_paired *p, const wt_metric_info *metric, char *out, size_t size);
/* {test, n, baseline_only, candidate_only, p_value, difference, ci95, ratio, ratio_ci95, statement}; NULL: no memory.
 */
json_t *wt_ab_json(const wt_paired *p, const wt_metric_info *metric);
#endif
