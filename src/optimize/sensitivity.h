/* sensitivity.h - which products hurt most when they compute with integers.
 *
 * Each is quantized alone, the rest stays in float, and the noise at the model's outputs is measured on a few samples.
 */
#ifndef WT_SENSITIVITY_H
#define WT_SENSITIVITY_H
#include "optimize/quantizer.h"
typedef struct wt_sensitivity {
    size_t weighted; /* index into points.weighted */
    double noise;    /* noise power over signal power at the worst output; larger hurts more */
} wt_sensitivity;
/* Fills out[0..*n) (room for points.n_weighted), worst first. samples: how many of ds are run. */
wt_status wt_sensitivity_measure(const wt_quantizer *q, wt_dataset *ds, size_t samples, wt_range_method method,
                                 wt_sensitivity *out, size_t *n, wt_err *err);
#endif
