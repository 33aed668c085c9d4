/* inputs.h - what a model is run on when speed is asked for: random tensors, or the first samples of a data set. */
#ifndef WT_INPUTS_H
#define WT_INPUTS_H
#include "model/graph.h"
#include "whet/measure.h"

/* One set of inputs, in the graph's order. Inputs with a default keep it (data NULL). */
typedef struct wt_inputs {
    wt_context *ctx;
    size_t n;
    wt_tensor *tensors;
    wt_tensor **owned;
} wt_inputs;

/* The input's shape with nothing left free: the first dimension becomes `batch` (0: as it is, 1 where it is free);
 * another free dimension is WT_EUSAGE and names --input-shape. */
wt_status wt_input_settle(const wt_graph *graph, size_t index, int batch, wt_shape *out, wt_err *err);
/* Floats uniform in [0, 1), bytes over their whole range, other integers 0 or 1 (they are often indices), empty
 * strings; for a decoder `batch` tokens of one sequence. The same seed gives the same bytes whatever else the context
 * did. */
wt_status wt_inputs_random(wt_inputs *out, const wt_graph *graph, int batch, uint64_t seed, wt_err *err);
/* At most `most` samples, all of the first one's shapes, so that they share one compilation. *n is at least 1. */
wt_status wt_inputs_from_data(wt_inputs *out, size_t most, size_t *n, const wt_graph *graph, const char *model_path,
                              const char *data, wt_err *err);
void wt_inputs_free(wt_inputs *in); /* a zeroed one is fine */
#endif
