/* tolerance.h - one result against what was expected of it. */
#ifndef WT_TOLERANCE_H
#define WT_TOLERANCE_H
#include "model/tensor.h"
typedef struct wt_tolerance {
    double rtol, atol; /* |a - b| <= atol + rtol |b| */
    double range; /* > 0: floats instead within range * (max b - min b), or of max |b| where b hardly varies (a single
                     number) */
} wt_tolerance;
typedef struct wt_difference {
    bool ok;
    double max_abs, max_rel;
    double range;     /* max b - min b */
    int64_t at;       /* element with the largest |a - b|, -1: none */
    char reason[160]; /* "" when ok */
} wt_difference;
/* Types and shapes must be equal; NaN equals NaN, infinities their like; strings and integers exactly (integers too may
 * differ by atol). */
void wt_tensor_difference(const wt_tensor *got, const wt_tensor *expected, const wt_tolerance *tol, wt_difference *out);
#endif
