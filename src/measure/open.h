/* open.h - a model file opened for running: graph, plan, session, and the options that every verb shares. */
#ifndef WT_OPEN_H
#define WT_OPEN_H
#include "measure/runner.h"
#include "run/plan.h"
#include "whet/measure.h"

typedef struct wt_opened {
    wt_context *ctx;
    wt_graph *graph;
    wt_plan *plan;
    wt_session *session;
    wt_remote *remote;    /* instead of plan and session: the engine that the options name */
    bool graph_is_border; /* only the engine can read the file */
} wt_opened;
static inline wt_runner wt_opened_runner(const wt_opened *o) { return (wt_runner){ o->graph, o->session, o->remote }; }
/* Reads, fixes input shapes, infers, plans. options and taps may be NULL. On failure nothing is held. */
wt_status wt_open_model(wt_opened *out, wt_context *ctx, const char *path, const wt_exec_options *options, wt_err *err);
wt_status wt_open_graph(wt_graph **out, wt_context *ctx, const char *path, const wt_exec_options *options, wt_err *err);
wt_status wt_open_plan(wt_opened *o, const wt_exec_options *options, const char *const *taps, size_t n_taps,
                       wt_err *err);
/* Adds "engine", "engine_version" and "settings" of a model that was opened with these options, each key behind
 * `prefix`. */
void wt_opened_describe(const wt_opened *o, const wt_exec_options *options, const char *prefix, json_t *root);
/* Adds "nodes", [{name, op, device, kernel, ms}] of the last run of a model that was opened to tell (options.placement;
 * of our own engine: while its session is profiled), and "devices", how many nodes ran where. */
wt_status wt_opened_nodes(wt_opened *o, json_t *root, wt_err *err);
void wt_opened_close(wt_opened *o); /* a zeroed one is fine */

typedef struct wt_running { /* plan and session of a graph that somebody else keeps open */
    wt_plan *plan;
    wt_session *session;
} wt_running;
/* options and taps may be NULL. On failure nothing is held. */
wt_status wt_running_open(wt_running *out, const wt_graph *graph, const wt_exec_options *options,
                          const char *const *taps, size_t n_taps, wt_err *err);
void wt_running_close(wt_running *r); /* a zeroed one is fine */

/* "NAME=1x3x224x224" or "1x3x224x224" read, and applied to the graph's input; errors name the flag. */
enum { WT_INPUT_NAME = 256 };
wt_status wt_input_shape_flag(const char *text, wt_input_shape *out, char name[WT_INPUT_NAME], wt_err *err);
wt_status wt_fix_input_shape(wt_graph *graph, const char *text, wt_err *err);
/* Index of the input or output called `name`, SIZE_MAX if there is none. */
size_t wt_input_index(const wt_graph *graph, const char *name);
size_t wt_output_index(const wt_graph *graph, const char *name);
#endif
