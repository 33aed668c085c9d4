/* frameworks.h - which frameworks can run a graph, and which operators stop the others. */
#ifndef WT_FRAMEWORKS_H
#define WT_FRAMEWORKS_H
#include "model/graph.h"
#include "whet/model.h"

typedef struct wt_verdict {
    wt_framework framework;
    wt_obstacle *obstacles; /* [framework.obstacles], in the arena */
    size_t cap;
} wt_verdict;
/* One verdict per framework, in the order of frameworks.def; *out lies in the arena. */
wt_status wt_graph_frameworks(const wt_graph *graph, wt_arena *arena, wt_verdict **out, size_t *count, wt_err *err);
#endif
