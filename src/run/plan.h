/* plan.h - what the storeys above need of plans beyond whet/run.h: plans of graphs that are no models (yet). */
#ifndef WT_PLAN_H
#define WT_PLAN_H
#include "model/graph.h"
#include "whet/run.h"
/* As wt_plan_open; shares the graph, which must stay open and unchanged until the plan is closed. */
wt_status wt_plan_open_graph(wt_plan **out, wt_context *ctx, const wt_graph *graph, const wt_plan_options *options,
                             wt_err *err);
/* Memory of a session: the largest of the specializations that it ran. */
uint64_t wt_session_bytes(const wt_session *session);
#endif
