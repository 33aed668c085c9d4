/* compare.h - the proof that a candidate answers as its reference does: outputs by output and channel, and values
 * inside by name. Everything streams: one sample alive, sums kept. */
#ifndef WT_COMPARE_H
#define WT_COMPARE_H
#include <jansson.h>
#include "measure/data.h"
#include "measure/equivalence.h"
#include "measure/runner.h"

/* How a graph computes, which decides what may be asked of it: "fp32", "fp16", "int8", "int4". The lowest that any of
 * its weights or activations has counts. Quantization may be properties of values (ours), or nodes (a file's). */
const char *wt_precision_class(const wt_graph *graph);

/* --- outputs
 * -------------------------------------------------------------------------------------------------------------- */
/* All samples of ds (opened for the reference's inputs; rewound first) through both. *out: outputs as the reference
 * names them; owned by the caller (wt_equiv_close). */
wt_status wt_compare_outputs(wt_equiv **out, const wt_runner *reference, const wt_runner *candidate, wt_dataset *ds,
                             wt_err *err);

/* --- values inside
 * -------------------------------------------------------------------------------------------------------- */
typedef struct wt_layer {
    const char *name;      /* of the value, the same in both graphs; borrowed from the reference */
    const char *node, *op; /* that makes it in the reference */
    const char *got;       /* how the candidate makes it: "int8", "int8 weights", "fp16", "float" */
    double sqnr_db;        /* -200..200; NaN: it was never computed */
    double max_abs;
    uint64_t elements, nonfinite;
} wt_layer;
typedef struct wt_layer_side {
    const wt_graph *graph;
    const wt_exec_options *exec; /* NULL: the defaults */
    const char *path;            /* the file that the graph is of, for an engine of others; NULL: native */
} wt_layer_side;
typedef struct wt_layers {
    wt_context *ctx;
    wt_layer *items; /* in the order of the reference */
    size_t n;
    uint64_t samples;
} wt_layers;
/* At most `samples` (0: all) samples through both graphs, comparing every value of floats that both compute under one
 * name. It makes its own plans, in which those values are not fused away. Both graphs must stay open while *out is
 * used. */
wt_status wt_compare_layers(wt_layers *out, const wt_layer_side *reference, const wt_layer_side *candidate,
                            wt_dataset *ds, uint64_t samples, wt_err *err);
void wt_layers_free(wt_layers *layers);          /* a zeroed one is fine */
json_t *wt_layers_json(const wt_layers *layers); /* [{name, node, op, got, sqnr_db, max_abs}]; NULL: no memory */
#endif
