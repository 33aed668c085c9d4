/* optimize_impl.h - one run of `whet optimize`: what its steps share. Each step asks the journal first. */
#ifndef WT_OPTIMIZE_IMPL_H
#define WT_OPTIMIZE_IMPL_H
#include <jansson.h>
#include "measure/bench.h"
#include "measure/compare.h"
#include "measure/evaluate.h"
#include "measure/open.h"
#include "optimize/journal.h"
#include "optimize/quantizer.h"

enum { WT_MAX_SHAPES = 16 };
typedef struct wt_optimizer {
    wt_context *ctx;
    const wt_optimize_options *o;
    const char *model, *dir;
    wt_quantizer q;
    wt_dataset *calibration, *held_out;
    wt_journal *journal;
    char *float_path, *int8_path, *stats_path;
    char shape_text[WT_MAX_SHAPES][160]; /* of the first sample's inputs, for the workers that measure */
    const char *shapes[WT_MAX_SHAPES];
    size_t n_shapes;
    char model_sha256[65], data_hash[65];
    json_t *data;  /* what the set is */
    bool labelled; /* else answers are compared with the original's */
    json_t *ledger;
    json_t *warnings; /* texts: what makes the proof weak */
    uint64_t float_weights, int8_weights;
    double started;
} wt_optimizer;

int wt_optimize_threads(const wt_optimizer *w); /* all of them */
/* Each returns the step's document, borrowed from the journal. */
wt_status wt_optimize_prepare(wt_optimizer *w, wt_err *err);                        /* convert, calibrate */
wt_status wt_optimize_search(wt_optimizer *w, bool **float_nodes, wt_err *err);     /* which products stay in float */
wt_status wt_optimize_write(wt_optimizer *w, const bool *float_nodes, wt_err *err); /* the artifact and its ledger */
/* Any build as a file; ledger, which also sets the sizes of the weights, may be NULL. */
wt_status wt_optimize_write_build(wt_optimizer *w, const bool *float_nodes, const char *path, json_t **ledger,
                                  wt_err *err);
wt_status wt_optimize_measure(wt_optimizer *w, wt_err *err);  /* latency, memory: "measure" */
wt_status wt_optimize_profile(wt_optimizer *w, wt_err *err);  /* what the machine is, where the time goes: "profile" */
wt_status wt_optimize_validate(wt_optimizer *w, wt_err *err); /* held-out accuracy, A/B, equivalence: "validate" */
/* The command lines that print every number again. */
wt_status wt_optimize_commands(const wt_optimizer *w, int base_threads, int best_threads, json_t **out, wt_err *err);
/* result.json's document; *passed: all gates. */
wt_status wt_optimize_result(wt_optimizer *w, json_t **out, bool *passed, wt_err *err);
/* Scores a graph on a part. *e is owned by the caller. */
wt_status wt_optimize_score(wt_optimizer *w, const wt_graph *g, wt_dataset *part, const char *task, wt_evaluation **e,
                            wt_err *err);
#endif
