/* annotate.h - decisions become properties of values: wt_value.quant of weights, biases and activations. */
#ifndef WT_ANNOTATE_H
#define WT_ANNOTATE_H
#include "optimize/points.h"
typedef struct wt_annotate_options {
    bool symmetric; /* activations s8 around zero instead of u8 */
    bool bias_correction;
} wt_annotate_options;
/* Once per graph; fills weight_sqnr_db of the weighted nodes. */
wt_status wt_points_annotate(wt_points *p, const wt_annotate_options *options, wt_err *err);
#endif
