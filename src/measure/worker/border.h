/* border.h - what an opened model takes and gives, on its way from a worker: names, types, shapes. */
#ifndef WT_WORKER_BORDER_H
#define WT_WORKER_BORDER_H
#include <jansson.h>
#include "model/graph.h"
/* Adds "inputs" and "outputs", lists of {"name","dtype","shape":[number, or a name where it is free] or null}. */
void wt_border_describe(const wt_graph *graph, json_t *answer);
/* The other side: a graph without nodes. */
wt_status wt_border_receive(wt_graph **out, wt_context *ctx, const json_t *answer, wt_err *err);
#endif
