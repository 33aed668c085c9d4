/* native.h - inside the native engine.
 *
 *   plan            the model's graph, packed weights, a few specializations
 *   specialization  a clone of the graph for one signature of input shapes, rewritten by the passes and compiled to
 * programs: immutable once made program         the steps of one graph: the main one, or a body of If, Loop, Scan slot
 * where a value lives: constant, input, offset in the arena, or decided while running session         one caller: the
 * arena's memory, tensors, per-step arguments, and a region for what only data decides
 *
 * A step is static when all its shapes are known: then everything is decided here and running it is one call. Otherwise
 * it is dynamic: inferred, chosen and prepared at each run by eval.c. Bodies are compiled alike, each with its own part
 * of the arena behind its parent's, so an If around static branches costs nothing but the jump. */
#ifndef WT_NATIVE_H
#define WT_NATIVE_H
#include <pthread.h>
#include "model/graph.h"
#include "run/kernel.h"
#include "run/plan.h"

typedef enum wt_slot_kind {
    WT_SLOT_NONE = 0, /* no step needs it */
    WT_SLOT_CONST,    /* data is known for ever */
    WT_SLOT_INPUT,    /* the caller's bytes, or a body's input: set at each run */
    WT_SLOT_ARENA,    /* at an offset of the session's memory */
    WT_SLOT_RUN       /* set by a dynamic step, a control step, or a view of such a value */
} wt_slot_kind;

typedef struct wt_slot {
    wt_slot_kind kind;
    size_t offset;    /* ARENA */
    const void *data; /* CONST */
    wt_tensor type;   /* dtype, layout, shape as planned (rank -1 or negative dims: unknown); data NULL */
} wt_slot;

typedef enum wt_step_kind { WT_STEP_STATIC, WT_STEP_DYNAMIC, WT_STEP_VIEW, WT_STEP_CONTROL } wt_step_kind;

typedef struct wt_step {
    wt_step_kind kind;
    const wt_node *node;
    const wt_kernel *kernel; /* STATIC */
    const void *params;
    int threads; /* members that run it */
    int tap;     /* index of the tap that output 0..n fires, -1: none (see taps of spec) */
    double flops, bytes;
    struct wt_program *body[2]; /* CONTROL: then/else, or the body */
    size_t index;               /* over all programs: where its arguments are in the session */
} wt_step;

typedef struct wt_program {
    const wt_graph *graph;
    wt_step *steps;
    size_t n_steps;
} wt_program;

typedef struct wt_spec {
    wt_graph *graph;
    wt_arena arena; /* steps, params, slots */
    wt_program *main;
    wt_slot *slots;                   /* by value id */
    size_t n_values, n_steps, n_args; /* n_args: inputs and outputs of all steps together */
    int *tap_of_value;                /* by value id; NULL without taps */
    size_t arena_bytes, scratch_bytes;
    uint64_t mapped_bytes, made_bytes; /* constants read in place: of the file, of the passes */
    int threads;                       /* worth waking for */
    double flops;
    wt_shape *signature; /* per input */
    uint64_t last_use;
    int refs; /* sessions bound to it */
    struct wt_spec *next;
} wt_spec;

struct wt_pack_cache;
struct wt_plan {
    wt_context *ctx;
    const wt_graph *graph;  /* the model's: never changed */
    wt_graph *base;         /* a clone, rewritten as far as symbolic shapes allow: specializations start from it and
                               share its constants, so that weights are folded and packed once */
    const void **base_data; /* addresses of its constants' bytes, sorted */
    size_t n_base_data;
    wt_plan_options options; /* with its own copies of the names */
    wt_arena names;
    uint32_t cpu;
    int threads;
    struct wt_pack_cache *packs;
    pthread_mutex_t lock; /* specs, clock */
    wt_spec *specs;
    uint64_t clock;
};

typedef struct wt_binding { /* a session's arguments for one specialization */
    wt_spec *spec;
    wt_tensor *tensors; /* by value id */
    wt_run *runs;       /* by step index */
    const wt_tensor **args;
    char *base;                /* what the pointers were computed from */
    double *ns_total, *ns_min; /* by step index, when profiling */
    uint64_t profiled;         /* runs */
    struct wt_binding *next;
} wt_binding;

struct wt_session {
    wt_plan *plan;
    wt_binding *bindings, *now;
    char *memory; /* arena then scratch */
    size_t memory_bytes;
    wt_arena dyn;     /* what only data decides: freed at the next run */
    wt_tap_fn *watch; /* one of the two, or none */
    wt_team_tap_fn *watch_team;
    void *watch_user;
    bool profile;
    _Atomic size_t failed_step; /* SIZE_MAX: none; the run ends after the step that failed */
    wt_err failure;
    _Atomic int failure_taken;
    wt_status failure_status;
};

/* The constant's bytes live as long as the plan: packings of them may be shared by specializations. */
bool wt_plan_owns(const wt_plan *plan, const void *data);
wt_status wt_spec_compile(wt_spec **out, wt_plan *plan, const wt_tensor *inputs, size_t n, wt_err *err);
void wt_spec_free(wt_plan *plan, wt_spec *spec);
/* Finds or makes the specialization for these shapes and takes a reference. */
wt_status wt_plan_specialize(wt_plan *plan, const wt_tensor *inputs, size_t n, wt_spec **out, wt_err *err);
void wt_plan_release(wt_plan *plan, wt_spec *spec);
/* Fills mapped_bytes and made_bytes. */
wt_status wt_spec_count_constants(wt_spec *spec, wt_context *ctx, wt_err *err);
/* Offsets for the arena values of one program from `base` on; returns the end through *end. */
wt_status wt_place_values(wt_spec *spec, const wt_program *program, size_t base, size_t *end, wt_context *ctx,
                          wt_err *err);
/* For a run on the caller's thread alone, and for bodies (which member 0 runs while the others wait). */
wt_status wt_program_run_alone(wt_session *s, const wt_program *program, wt_err *err);
/* All members run it; failures are left in the session. */
void wt_program_run(wt_session *s, const wt_program *program, wt_team *team, int tid, int nthreads);
wt_status wt_control_run(wt_session *s, const wt_step *step, wt_err *err);
#endif
