/* whet/metrics.h - the task metrics that `evaluate --metric` and `optimize --metric` know. */
#ifndef WHET_METRICS_H
#define WHET_METRICS_H
#include "whet/export.h"
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Of the index-th metric; NULL past the last one. */
WT_API const char *wt_metric_name(size_t index);
WT_API const char *wt_metric_summary(size_t index);

#ifdef __cplusplus
}
#endif
#endif
