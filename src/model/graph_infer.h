/* graph_infer.h - what inference of plain nodes (graph_infer.c) and of control nodes (graph_infer_control.c) share. */
#ifndef WT_GRAPH_INFER_H
#define WT_GRAPH_INFER_H
#include "model/graph_impl.h"

typedef struct wt_inferrer {
    wt_arena scratch;      /* what rules compute, and arrays for wide nodes */
    int loops;             /* Loop and Scan around the node at hand */
    size_t contradictions; /* values whose shape differs from what the file declares */
    const wt_value *first_contradiction;
    wt_shape first_found;
    wt_status status; /* out of a callback */
} wt_inferrer;

wt_status wt_infer_node_in(wt_inferrer *c, wt_node *node, wt_err *err);
wt_status wt_infer_subgraph(wt_inferrer *c, wt_graph *graph, wt_err *err);
wt_status wt_infer_control(wt_inferrer *c, wt_node *node, wt_err *err);
/* Stores what was found out of v (dtype, shape, data as known); dtype and shape may be unknown. */
wt_status wt_infer_record(wt_inferrer *c, wt_value *v, const wt_tensor *t, wt_err *err);
/* Whether the condition of an If is known, and which it is: then the other branch is never taken. */
bool wt_infer_if_taken(const wt_node *node, int64_t *taken);
/* v as a rule sees it. */
void wt_infer_type_of(const wt_value *v, wt_tensor *out);
#endif
