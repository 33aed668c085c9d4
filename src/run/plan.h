/* plan.h - what the storeys above need of plans beyond whet/run.h: plans of graphs that are no models (yet). */
#ifndef WT_PLAN_H
#define WT_PLAN_H
#include "model/graph.h"
#include "whet/run.h"
/* As wt_plan_open; shares the graph, which must stay open and unchanged until the plan is closed. */
wt_status wt_plan_open_graph(wt_plan **out, wt_context *ctx, const wt_graph *graph, const wt_plan_options *options,
                             wt_err *err);
/* As wt_tap_fn, for all members of the team at once, between two barriers; they all return the same status, and member
 * 0 fills err. Where a body of control flow runs alone: team NULL, tid 0, nthreads 1. */
struct wt_team;
typedef wt_status wt_team_tap_fn(void *user, size_t tap, const wt_tensor *tensor, struct wt_team *team, int tid,
                                 int nthreads, wt_err *err);
void wt_session_watch_team(wt_session *session, wt_team_tap_fn *fn, void *user);
/* Memory of a session: the largest of the specializations that it ran. */
uint64_t wt_session_bytes(const wt_session *session);
#endif
