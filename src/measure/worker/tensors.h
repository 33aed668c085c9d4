/* tensors.h - sets of inputs on their way to a worker: their types in the request, their bytes in frames behind it. */
#ifndef WT_WORKER_TENSORS_H
#define WT_WORKER_TENSORS_H
#include "measure/inputs.h"
#include "measure/worker/frame.h"

/* [[{"dtype","shape","bytes"} or null for a default, ...], ...]; NULL: no memory. */
json_t *wt_samples_describe(const wt_inputs *samples, size_t n);
wt_status wt_samples_send(wt_channel *c, const wt_inputs *samples, size_t n, wt_err *err);
/* The other side. `list` is what wt_samples_describe made; every size is checked against it. *out is from wt_alloc. */
wt_status wt_samples_receive(wt_channel *c, wt_context *ctx, const json_t *list, wt_inputs **out, size_t *n,
                             wt_err *err);
#endif
