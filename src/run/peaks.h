/* peaks.h - what this machine can do at best, measured now: the other side of every roofline.
 *
 * Reading: a buffer larger than the last-level cache, walked by plain C that compilers turn into vector loads; the best
 * of several walks. With all threads each walks its own contiguous part.
 * Arithmetic: the rows of run/kernels/peak.h that the context may use, the best of several runs of a millisecond
 * of each on one core; the fastest row then on all cores. Each thread is timed by its own clock, so that load of others
 * costs precision, not speed. */
#ifndef WT_PEAKS_H
#define WT_PEAKS_H
#include "base/base.h"

/* Billions of operations a second, a multiply-add being two. isa NULL: this machine has no such instruction. */
typedef struct wt_peak {
    double one, all;
    const char *isa; /* of the row that was fastest; static */
} wt_peak;

typedef struct wt_peaks {
    double read_gb_per_s_one, read_gb_per_s_all;
    wt_peak fp32, int8, bf16;
} wt_peaks;
/* Takes about a second and PEAK_BYTES (256 MB) of memory, which the budget is asked for. */
wt_status wt_measure_peaks(wt_context *ctx, wt_peaks *out, wt_err *err);
#endif
