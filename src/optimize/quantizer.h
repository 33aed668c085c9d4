/* quantizer.h - int8 quantization as a value: found, calibrated once, and then built as often as a search likes. */
#ifndef WT_QUANTIZER_H
#define WT_QUANTIZER_H
#include <jansson.h>
#include "optimize/annotate.h"
#include "optimize/calibrate.h"
#include "whet/optimize.h"

typedef struct wt_quantizer {
    wt_context *ctx;
    wt_graph *source;    /* as read; shapes fixed as asked */
    wt_graph *canonical; /* after the portable passes: float, the reference for all comparisons */
    wt_points points;    /* of canonical, with statistics */
    uint64_t samples;
    char *path;
} wt_quantizer;

/* Reads and rewrites the model and finds the points; nothing is calibrated yet. */
wt_status wt_quantizer_open(wt_quantizer *q, wt_context *ctx, const char *path, const wt_exec_options *exec,
                            const char *const *keep, size_t n_keep, wt_err *err);
void wt_quantizer_close(wt_quantizer *q);
/* Bytes that calibrating will need beyond the mapped model: one sample's activations and the statistics. */
uint64_t wt_quantizer_estimate(const wt_quantizer *q);
/* Says it before the start, and refuses what the budget has no room for. */
wt_status wt_quantizer_announce(const wt_quantizer *q, wt_err *err);
/* A clone of canonical with quant on its values. float_nodes[i] (by index of points.weighted; NULL: none) leaves
 * product i in float. *used: the decisions that were taken, owned by the caller (wt_points_free) and valid while *out
 * is open. */
wt_status wt_quantizer_build(const wt_quantizer *q, wt_range_method method, bool symmetric, bool bias_correction,
                             const bool *float_nodes, wt_graph **out, wt_points *used, wt_err *err);
/* [{tensor, asked, got, why, sqnr_db, ...}] for weights and activations. */
json_t *wt_points_ledger(const wt_points *p, const char *asked);
/* Bytes of all float weights of canonical, and of the same in the built graph as stored. */
void wt_weight_bytes(const wt_graph *graph, uint64_t *as_float, uint64_t *as_stored);
#endif
