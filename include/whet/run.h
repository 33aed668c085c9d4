/* whet/run.h - running a model on the native engine.
 *
 * A plan is a compiled model: immutable, shared by any number of sessions and threads; weights are mapped or packed
 * once. It keeps specializations to the input shapes it has met (same packed weights, other buffers), the least
 * recently used one goes first. A session is what one caller needs: activations, state, results; one thread uses it at
 * a time. After the first run with given input shapes, running allocates nothing (values whose shape only data decides
 * live in a growing region with a limit). */
#ifndef WHET_RUN_H
#define WHET_RUN_H
#include "whet/context.h"
#include "whet/tensor.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct wt_plan wt_plan;
typedef struct wt_session wt_session;
struct wt_model; /* whet/model.h */

/* Called while running, right after the value exists; tensor is borrowed until the call returns and may have layout
 * WT_C16. Calls come from one thread at a time. A status other than WT_OK ends the run with it. */
typedef wt_status wt_tap_fn(void *user, size_t tap, const wt_tensor *tensor, wt_err *err);

typedef struct wt_plan_options {
    size_t size;
    int threads;            /* 0: the context's */
    const char *const *off; /* names of passes to leave out (whet/run.h: wt_pass_name) */
    size_t n_off;
    const char *const *taps; /* values that a session may watch: they are not fused away */
    size_t n_taps;
    uint64_t dynamic_limit; /* bytes of values whose shape only data decides; 0: 1 GiB */
    int specializations;    /* how many are kept; 0: 4 */
} wt_plan_options;
WT_API wt_plan_options wt_plan_defaults(void);

/* Shares the model, which must stay open until the plan is closed. Input shapes that are fixed are compiled at once. */
WT_API wt_status wt_plan_open(wt_plan **out, struct wt_model *model, const wt_plan_options *options, wt_err *err);
WT_API void wt_plan_close(wt_plan *plan);

WT_API size_t wt_plan_input_count(const wt_plan *plan);
WT_API size_t wt_plan_output_count(const wt_plan *plan);
/* Name and type (dims may be WT_DIM_ANY or symbols; data NULL); borrowed from the plan. */
WT_API const char *wt_plan_input(const wt_plan *plan, size_t index, wt_tensor *type);
WT_API const char *wt_plan_output(const wt_plan *plan, size_t index, wt_tensor *type);

typedef struct wt_plan_memory {
    uint64_t weights_bytes;    /* packed, copied or computed constants, shared by all sessions */
    uint64_t mapped_bytes;     /* constants used straight from the file */
    uint64_t activation_bytes; /* arena and scratch of one session at the shapes last compiled */
} wt_plan_memory;
WT_API wt_plan_memory wt_plan_memory_use(wt_plan *plan);

WT_API wt_status wt_session_open(wt_session **out, wt_plan *plan, wt_err *err);
WT_API void wt_session_close(wt_session *session);
/* Compiles for these input shapes (inputs[i].shape; data is not looked at) without running. */
WT_API wt_status wt_session_prepare(wt_session *session, const wt_tensor *inputs, size_t count, wt_err *err);
/* One run. inputs are in the model's order, plain layout, borrowed for the call; an input with data NULL takes
 * its default if the model has one. A wrong dtype, rank or fixed dimension is WT_EUSAGE and names the input. */
WT_API wt_status wt_session_run(wt_session *session, const wt_tensor *inputs, size_t count, wt_err *err);
/* A result of the last run, plain layout; borrowed until the next run or the close. */
WT_API const wt_tensor *wt_session_output(const wt_session *session, size_t index);
/* fn is called for each tap of the plan in later runs; NULL ends it. */
WT_API void wt_session_watch(wt_session *session, wt_tap_fn *fn, void *user);

/* --- where the time goes -------------------------------------------------------------------------------------------
 */
typedef struct wt_step_profile {
    const char *name, *op, *kernel; /* borrowed from the plan's specialization */
    double ms_mean, ms_min;
    double flops, bytes; /* of one run */
    int threads;
    char shape[96]; /* of the first output */
    int depth;      /* steps of bodies follow their control step one deeper; its time includes theirs */
} wt_step_profile;
/* Switches timing of steps on (it costs some 50 ns a step) and clears what was collected. */
WT_API void wt_session_profile(wt_session *session, int on);
WT_API size_t wt_session_step_count(const wt_session *session);
WT_API wt_status wt_session_step(const wt_session *session, size_t index, wt_step_profile *out, wt_err *err);

/* --- passes: rewriting a graph before it is compiled ----------------------------------------------------------------
 */
WT_API const char *wt_pass_name(size_t index); /* NULL past the last one */
WT_API const char *wt_pass_summary(size_t index);
/* Runs the engine's passes up to and including `last` ("all": every one) on the model's graph, in place: for `graph
 * --after`. */
WT_API wt_status wt_model_apply_passes(struct wt_model *model, const char *last, const char *const *off, size_t n_off,
                                       wt_err *err);

#ifdef __cplusplus
}
#endif
#endif
