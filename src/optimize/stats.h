/* stats.h - what calibration remembers of one activation: extremes, a histogram, means of channels. Constant memory,
 * whatever the number of samples, and the same result whatever their order or chunking.
 *
 * The histogram has a fixed number of bins around zero whose width is a power of two. When a value falls outside, the
 * width doubles and bins merge in pairs: exact, so only the largest value ever seen decides the grid, not when it came.
 */
#ifndef WT_STATS_H
#define WT_STATS_H
#include "base/pool.h"
#include "model/tensor.h"

enum { WT_STATS_BINS = 4096 }; /* half below zero, half above */

typedef struct wt_stats {
    uint64_t samples, count, nonfinite;
    float min, max;          /* of all finite elements; min > max: none seen */
    double sum_min, sum_max; /* of each sample's extremes */
    int exponent;            /* bin i holds [i - BINS/2, i + 1 - BINS/2) * 2^exponent */
    uint64_t *bins;          /* [WT_STATS_BINS] */
    int channel_axis;        /* 1: images, -1: the last axis, 0: no means */
    int64_t channels;
    double *channel_sum;    /* [channels] */
    uint64_t channel_count; /* elements per channel */
} wt_stats;

/* Room for the histogram comes from the arena. */
wt_status wt_stats_init(wt_stats *s, wt_arena *arena, int channel_axis, wt_err *err);

/* What the members of a team need while they add a tensor together; one for all statistics of a calibration. */
typedef struct wt_stats_work {
    wt_arena *arena; /* channel sums come from it when a tensor is first seen */
    int threads;
    struct wt_stats_part *parts; /* [threads] */
    wt_status status;
} wt_stats_work;
wt_status wt_stats_work_init(wt_stats_work *w, wt_arena *arena, int threads, wt_err *err);
/* One sample's tensor, F32, layout plain or C16. Every member of the team calls it with the same arguments and its own
 * tid, between two barriers; all return the same status, member 0 fills err. Alone: team NULL, tid 0, n 1. The result
 * does not depend on n. */
wt_status wt_stats_add(wt_stats *s, wt_stats_work *w, const wt_tensor *t, wt_team *team, int tid, int n, wt_err *err);
double wt_stats_bin_low(const wt_stats *s, size_t bin);
double wt_stats_channel_mean(const wt_stats *s, int64_t channel);

/* --- from statistics to a range ----------------------------------------------------------------------------------- */
typedef enum wt_range_method {
    WT_RANGE_MINMAX,
    WT_RANGE_AVERAGE,
    WT_RANGE_PERCENTILE,
    WT_RANGE_ENTROPY,
    WT_RANGE_MSE
} wt_range_method;
/* "minmax", "average", "percentile", "entropy", "mse"; false for anything else. */
bool wt_range_method_parse(const char *name, wt_range_method *out);
const char *wt_range_method_name(wt_range_method method);
typedef struct wt_range {
    double lo, hi; /* lo <= 0 <= hi */
} wt_range;
/* symmetric: lo = -hi. levels: 256 or 255. */
wt_range wt_stats_range(const wt_stats *s, wt_range_method method, bool symmetric, int levels);
/* Expected squared error of quantizing with this range, as a share of the mean square: 10^(-SQNR/10). */
double wt_stats_error(const wt_stats *s, wt_range range, int levels);
#endif
