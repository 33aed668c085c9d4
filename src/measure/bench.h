/* bench.h - models measured side by side: for the verb `bench`, and for whoever has to know which of several is faster.
 *
 * Each model is a lane: one worker process that keeps it open. Lanes take turns in short slices, forward in one round
 * and backward in the next, so that a slow spell of the machine hits all alike; one computes at a time. Put the same
 * model in twice, and the two lanes say how large a difference is that means nothing. */
#ifndef WT_BENCH_H
#define WT_BENCH_H
#include <jansson.h>
#include "run/engines/engine.h"
#include "whet/measure.h"

typedef struct wt_lane {
    const char *model;              /* the caller's */
    int threads;                    /* the caller's; 0: those of the options */
    const wt_engine_choice *engine; /* the caller's; NULL: native */
    /* filled: */
    wt_status status; /* not WT_OK: err says why it has no (more) numbers */
    wt_err err;
    char version[64], settings[WT_ENGINE_TEXT]; /* of the engine */
    double open_ms, plan_ms, first_run_ms;
    double *ms;           /* of each run, in the order they were measured */
    uint8_t *interrupted; /* of each run: whether somebody else took a core away */
    size_t n, cap, cap_interrupted;
    double *round_ms; /* the median of each round: pairs with the other lanes' */
    size_t rounds, cap_rounds;
    double wall_s, cpu_s;     /* of those runs */
    double joules;            /* NaN: no meter */
    uint64_t empty_rss_bytes; /* of the worker before it opened the model */
    uint64_t peak_rss_bytes, peak_heap_bytes, weights_bytes, mapped_bytes, activation_bytes;
    bool memory_told; /* the last four: an engine of others may not say */
} wt_lane;

typedef struct wt_lanes_options {
    wt_exec_options exec; /* an --input-shape is given to the models that have such an input */
    double seconds;       /* of measuring, per lane */
    int warmup;           /* runs dropped first; < 0: chosen by time */
    int batch;
    const char *data;    /* NULL: random inputs from the context's seed */
    const char *program; /* NULL: this one */
    double timeout_s;    /* for one answer, beyond the time asked for; 0: 120 */
    const char *meter;   /* filled: "rapl", "battery", "none" */
} wt_lanes_options;

static inline const char *wt_lane_engine(const wt_lane *l) { return l->engine ? l->engine->label : "native"; }
/* Fills all lanes. A model that cannot be opened, a worker that crashes or hangs ends its lane, not the others. Fails
 * as a whole only when the caller's options fit no model, memory is out, or the work was cancelled. */
wt_status wt_lanes_measure(wt_lane *lanes, size_t n, wt_context *ctx, wt_lanes_options *options, wt_err *err);
void wt_lanes_free(wt_lane *lanes, size_t n, wt_context *ctx);
/* Adds energy_j of one run, energy_source and energy_how: what `meter` of the options counted, else an estimate that
 * says so, from processor time and `watts` per core (0: a rule of thumb) that `from` knows. */
void wt_lane_energy(const wt_lane *lane, const char *meter, double watts, const char *from, json_t *o);
#endif
