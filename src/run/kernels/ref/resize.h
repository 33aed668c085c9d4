/* resize.h - what Resize reads for each output position: one table per axis, since all modes are separable. */
#ifndef WT_REF_RESIZE_H
#define WT_REF_RESIZE_H
#include "run/kernel.h"

typedef enum wt_resize_mode { WT_RESIZE_NEAREST, WT_RESIZE_LINEAR, WT_RESIZE_CUBIC } wt_resize_mode;

typedef struct wt_taps {
    size_t n;             /* taps of one output position; 0: the axis stays as it is */
    const int64_t *index; /* [out][n], inside the input */
    const float *weight;  /* [out][n] */
    const bool *outside;  /* [out]: the extrapolation value stands here */
    bool any_outside;
} wt_taps;

/* Are all attributes ones that are known? */
bool wt_resize_attrs_ok(const wt_attrs *attrs, wt_resize_mode *mode);
wt_status wt_resize_taps(const wt_prep *p, wt_taps taps[WT_MAX_RANK], wt_err *err);
#endif
