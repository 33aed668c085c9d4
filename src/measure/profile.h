/* profile.h - where the time of a model goes: steps, the ceilings they are held against, and the rules that draw
 * conclusions. */
#ifndef WT_PROFILE_H
#define WT_PROFILE_H
#include <jansson.h>
#include "measure/roof.h"
#include "measure/statistics.h"
#include "whet/run.h"

typedef enum wt_bound { WT_BOUND_UNKNOWN, WT_BOUND_MEMORY, WT_BOUND_COMPUTE } wt_bound;

typedef struct wt_profiled_step {
    wt_step_profile p;
    double own_ms;   /* without the bodies of a control step */
    double fraction; /* of the roofline: 0..1, NaN when not known */
    wt_bound bound;  /* the ceiling that is nearer */
    wt_precision precision;
    bool in_cache; /* its bytes fit into the last-level cache: memory is no ceiling */
} wt_profiled_step;

typedef struct wt_profiled {
    wt_context *ctx;
    wt_profiled_step *steps;
    size_t n;
    double total_ms; /* sum of own times */
    wt_roof roof;
    wt_summary latency; /* of whole runs, timed from outside */
    int threads, cores;
    double cpus_used; /* processor time over time */
    double others;    /* share of the machine that other processes used meanwhile; NaN: not known */
    uint64_t peak_rss, usable_memory;
    uint64_t weights_bytes, activation_bytes;
} wt_profiled;

/* Fills fraction, bound and in_cache of each step. */
void wt_profile_hold_against_roof(wt_profiled *p);
/* [{"name","share","threshold","evidence","numbers":{},"recommendation"}, ...], the heaviest first; NULL: no memory. */
json_t *wt_profile_bottlenecks(const wt_profiled *p);
#endif
