/* assess_weights.h - what a file of named weights says besides its graph. */
#ifndef WT_ASSESS_WEIGHTS_H
#define WT_ASSESS_WEIGHTS_H
#include <jansson.h>
#include "whet/measure.h"
/* Adds to `o`: architecture and its figures, the mix of types, bytes of the caches per token, and the memory that a
 * context of exec->context tokens takes. From headers alone: no page of tensor data is touched. */
wt_status wt_assess_weights(json_t *o, wt_context *ctx, const char *path, const wt_exec_options *exec, wt_err *err);
#endif
