/* roof.h - the ceilings that work is held against: what a machine can read and compute in a second at best. */
#ifndef WT_ROOF_H
#define WT_ROOF_H
#include "base/base.h"
#include "whet/result.h"

/* What a kernel multiplies: each has a peak of its own. Half-precision kernels that convert first compute in float. */
typedef enum wt_precision { WT_PRECISION_F32, WT_PRECISION_I8, WT_PRECISION_BF16, WT_PRECISION_COUNT } wt_precision;
/* As results name it ("fp32"), and its peak ("fp32_gflops"). */
const char *wt_precision_name(wt_precision p);
const char *wt_precision_peak(wt_precision p);
wt_precision wt_precision_of_kernel(const char *kernel);

/* What the machine can do at best; 0: not known. Index 0: one core, 1: all. */
typedef struct wt_roof {
    double read_gb_per_s[2], gflops[WT_PRECISION_COUNT][2];
    double cache_bytes;
    const char *source; /* "measured", or the target's name */
} wt_roof;
/* From a document of wt_hardware or a target profile: what was measured, else the bandwidth of its data sheet, which is
 * a bound for all cores together. `source` is left to the caller. */
void wt_roof_read(wt_roof *out, const wt_result *machine);
#endif
