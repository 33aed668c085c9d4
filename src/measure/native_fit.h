/* native_fit.h - whether our own engine runs a model, and what stops it. */
#ifndef WT_NATIVE_FIT_H
#define WT_NATIVE_FIT_H
#include <jansson.h>
#include "model/model.h"
#include "whet/measure.h"
/* {"fit":"runs"/"no","checked":"compiled"/"operators","obstacles":[{"op","domain","count","node","reason"}],
 *  "weights_bytes","activation_bytes"}; what cannot be known without more input shapes is left out and "unchecked" says
 * so. */
wt_status wt_native_fit(json_t **out, wt_model *model, const wt_exec_options *exec, wt_err *err);
#endif
