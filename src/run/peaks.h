/* peaks.h - what this machine can do at best, measured now: the other side of every roofline.
 *
 * Reading: a buffer larger than the last-level cache, walked by plain C that compilers turn into vector loads; the best
 * of several walks. With all threads each walks its own contiguous part. */
#ifndef WT_PEAKS_H
#define WT_PEAKS_H
#include "base/base.h"
typedef struct wt_peaks {
    double read_gb_per_s_one, read_gb_per_s_all;
} wt_peaks;
/* Takes about a second and PEAK_BYTES (256 MB) of memory, which the budget is asked for. */
wt_status wt_measure_peaks(wt_context *ctx, wt_peaks *out, wt_err *err);
#endif
