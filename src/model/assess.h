/* assess.h - what a graph costs, from shapes alone: multiply-adds, parameters, bytes alive at once. */
#ifndef WT_ASSESS_H
#define WT_ASSESS_H
#include "model/graph.h"

/* Multiply-adds of one node: false when its shapes are not known. Operators that have none (all but products,
 * convolutions, recurrent nets and attention) give 0. Subgraphs are not looked into. */
bool wt_node_macs(const wt_node *node, uint64_t *macs);

typedef struct wt_macs {
    uint64_t macs;
    size_t unknown; /* nodes left out */
} wt_macs;
/* One run of the graph: of If the costlier branch, of Loop one round, of Scan all rounds if known. */
wt_macs wt_graph_macs(const wt_graph *graph);

typedef struct wt_activation_peak {
    uint64_t bytes; /* most that is alive at once when nodes run in order, inputs and outputs included */
    size_t unknown; /* values left out */
} wt_activation_peak;
wt_status wt_graph_activation_peak(const wt_graph *graph, wt_activation_peak *out, wt_err *err);
#endif
