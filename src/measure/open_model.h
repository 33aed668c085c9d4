/* open_model.h - a model opened for a look, with the input shapes that verbs share. */
#ifndef WT_OPEN_MODEL_H
#define WT_OPEN_MODEL_H
#include "model/model.h"
#include "whet/measure.h"
/* exec may be NULL. */
wt_status wt_open_with_shapes(wt_model **out, wt_context *ctx, const char *path, const wt_exec_options *exec,
                              wt_err *err);
#endif
