/* runner.h - what answers for a graph: a session of ours, or somebody else's engine in a process of its own.
 *
 * A foreign engine never runs in our process: when it crashes or hangs that is an error with a reason. Tensors travel
 * to it and back, so a run takes longer than the engine's own (`wt_remote_ms`); speed is measured by bench, whose
 * inputs lie in the worker. */
#ifndef WT_RUNNER_H
#define WT_RUNNER_H
#include <jansson.h>
#include "measure/pair.h"
#include "run/engines/engine.h"
#include "whet/measure.h"

typedef struct wt_remote wt_remote;
typedef struct wt_remote_options {
    const wt_engine_choice *choice;
    const wt_exec_options *exec;
    const char *const *taps; /* further outputs, behind the model's own */
    size_t n_taps;
    bool placement;
} wt_remote_options;
/* What a worker is asked to open; NULL: no memory. */
json_t *wt_open_request(const char *model, const wt_engine_choice *choice, const wt_exec_options *exec);
/* graph: as we read the file, for the order of inputs and outputs; NULL: the engine's own order (wt_remote_border). */
wt_status wt_remote_open(wt_remote **out, wt_context *ctx, const char *model, const wt_graph *graph,
                         const wt_remote_options *options, wt_err *err);
void wt_remote_close(wt_remote *r);                   /* NULL is fine */
const wt_graph *wt_remote_border(const wt_remote *r); /* what the engine says it takes and gives */
const char *wt_remote_version(const wt_remote *r);    /* borrowed */
const char *wt_remote_settings(const wt_remote *r);   /* borrowed */
double wt_remote_ms(const wt_remote *r);              /* of the last run, in the worker */
wt_status wt_remote_run(wt_remote *r, const wt_tensor *inputs, wt_err *err);
const wt_tensor *wt_remote_output(const wt_remote *r, size_t index); /* of the graph's outputs */
/* By the index in the engine's own border. */
const wt_tensor *wt_remote_raw_output(const wt_remote *r, size_t index);
/* [{name, op, device, kernel, ms}] of a model opened with placement, behind a run; the caller's reference. */
wt_status wt_remote_nodes(wt_remote *r, json_t **out, wt_err *err);

typedef struct wt_runner {
    const wt_graph *graph;
    wt_session *session; /* of a plan of this graph, or NULL and: */
    wt_remote *remote;
} wt_runner;
/* inputs: one for each of the graph's. */
wt_status wt_runner_run(const wt_runner *r, const wt_tensor *inputs, wt_err *err);
const wt_tensor *wt_runner_output(const wt_runner *r, size_t index); /* of the last run; NULL past the last one */
#endif
