/* predict.h - how long a model takes on a machine that is not this one: a roofline, step by step.
 *
 * A step that computes F operations and moves B bytes takes max(F / (peak * a), B / (bandwidth * b)), where a and b are
 * the parts that kernels of its kind were measured to reach (predict.def). Steps are those that our engine would run
 * here: what other machines' kernels are is not known, but their work differs little. It is a prediction, and whoever
 * shows it says so. */
#ifndef WT_PREDICT_H
#define WT_PREDICT_H
#include <jansson.h>
#include "measure/roof.h"
#include "whet/measure.h"

typedef enum wt_work_class {
#define CLASS(id, name) WT_WORK_##id,
#define OPERATOR(op, class)
#define FRACTION(class, precision, compute, bandwidth)
#define STEP_US(us)
#define CYCLE(isa, fp32, int8, source)
#include "optimize/predict.def"
#undef CLASS
#undef OPERATOR
#undef FRACTION
#undef STEP_US
#undef CYCLE
    WT_WORK_CLASSES
} wt_work_class;

typedef struct wt_work_step {
    wt_work_class kind;
    wt_precision precision;
    double flops, bytes;
    int threads;
} wt_work_step;

typedef struct wt_work { /* what one run of a model does */
    wt_work_step *steps; /* from the context's allocator */
    size_t n;
} wt_work;
wt_work_class wt_work_classify(const char *op, const char *kernel, double flops);
/* Opens the model and runs it once on random inputs, for steps whose shapes only a run decides. */
wt_status wt_work_of_model(wt_work *out, wt_context *ctx, const char *model, const wt_exec_options *exec, wt_err *err);
void wt_work_free(wt_work *work, wt_context *ctx); /* a zeroed one is fine */

typedef struct wt_prediction {
    double ms;
    bool bound; /* a peak that the model needs is not known: it takes at least this long */
    struct {
        size_t steps;
        double ms, flops, bytes;
    } of[WT_WORK_CLASSES][WT_PRECISION_COUNT];
} wt_prediction;
/* Peaks that are 0 are not known. */
wt_prediction wt_predict(const wt_work *work, const wt_roof *roof);
/* What the profile measured, else what its data sheet allows: cores, clock and instruction sets. `from` says which:
 * "measured", "data sheet", or "" when neither bandwidth nor a peak is known. */
void wt_predict_roof(wt_roof *out, const wt_result *target, const char **from);
json_t *wt_prediction_json(const wt_prediction *p, const wt_roof *roof, const char *from); /* NULL: no memory */
#endif
