/* whet/measure.h - what a model is, what it costs, and whether two models answer alike.
 *
 * Each call fills one wt_result (the JSON document of the verb of the same name, keys as docs/CLI.md promises) that the
 * caller owns; on failure *out is NULL, except where the work itself ended in a "no": then *out is filled and the
 * status is WT_EVERDICT. Option structs begin with their size and come from their _defaults(). */
#ifndef WHET_MEASURE_H
#define WHET_MEASURE_H
#include "whet/context.h"
#include "whet/model.h"
#include "whet/result.h"
#ifdef __cplusplus
extern "C" {
#endif

/* What all that runs a model shares. */
typedef struct wt_exec_options {
    size_t size;
    int threads;                     /* 0: the context's */
    const char *const *input_shapes; /* "NAME=1x3x224x224" */
    size_t n_input_shapes;
    const char *const *passes_off;
    size_t n_passes_off;
    int context;         /* tokens that the memory of language models is told for; 0: their own, at most 4096 */
    const char *engine;  /* "native" (NULL), "onnxruntime", "openvino:default", ... (wt_engine_name); where several are
                            taken, names with commas, or "all": those that are found */
    const char *program; /* the executable that serves as worker of foreign engines (its hidden verb); NULL:
                            /proc/self/exe */
    int placement;       /* of wt_run_model: tell where nodes ran */
    wt_dtype kv_dtype;   /* of wt_assess: of the caches of language models, as in wt_language_options; 0: WT_F16 */
} wt_exec_options;
WT_API wt_exec_options wt_exec_defaults(void);

/* --- engines: what runs models here ----------------------------------------------------------------------------------
 */
typedef struct wt_engines_options {
    size_t size;
    int check;           /* load what was found, each in a process of its own: version, devices, refusals */
    double timeout_s;    /* for one of them; 0: 20 */
    const char *program; /* as in wt_exec_options */
} wt_engines_options;
WT_API wt_engines_options wt_engines_defaults(void);
WT_API wt_status wt_engines_list(wt_result **out, wt_context *ctx, const wt_engines_options *options, wt_err *err);
WT_API const char *wt_engine_name(size_t index); /* NULL past the last one; the first is "native" */
/* Whether `names` (as in wt_exec_options) are engines: how many they are, and whether one is not our own. */
WT_API wt_status wt_engines_check(wt_context *ctx, const char *names, size_t *n, int *foreign, wt_err *err);

/* --- hardware ------------------------------------------------------------------------------------------------------
 */
WT_API wt_status wt_hardware(wt_result **out, wt_context *ctx, int measure, wt_err *err);
/* Target profiles (schema whet.target/1) that come with the program: name of the index-th (NULL past the end). */
WT_API const char *wt_target_name(size_t index);
/* One of those, "this" (the machine we are on), or the path of a file; a text with a '/' or ending in .json is a path.
 */
WT_API wt_status wt_target_load(wt_result **out, wt_context *ctx, const char *name_or_path, wt_err *err);
/* A profile of the machine that wt_hardware described. */
WT_API wt_status wt_target_from(wt_result **out, wt_context *ctx, const wt_result *hardware, const char *name,
                                wt_err *err);

/* --- assess ----------------------------------------------------------------------------------------------------------
 */
WT_API wt_status wt_assess(wt_result **out, wt_context *ctx, const char *model, const wt_exec_options *exec,
                           wt_err *err);

/* --- graph -----------------------------------------------------------------------------------------------------------
 */
typedef struct wt_draw_options {
    size_t size;
    wt_exec_options exec;
    wt_print_form form;
    const char *after;  /* a pass of the engine (whet/run.h), or "all"; NULL: as the file has it */
    const char *output; /* a file; NULL: into the sink */
    int force;
} wt_draw_options;
WT_API wt_draw_options wt_draw_defaults(void);
/* Prints the model's graph into the file or the sink; *out tells what was printed, and with neither has it as "text".
 */
WT_API wt_status wt_draw(wt_result **out, wt_context *ctx, const char *model, const wt_draw_options *options,
                         wt_sink_fn *sink, void *user, wt_err *err);

/* --- run, conformance
 * -------------------------------------------------------------------------------------------------- */
typedef struct wt_run_options {
    size_t size;
    wt_exec_options exec;
    const char *const *inputs; /* "[NAME=]FILE" */
    size_t n_inputs;
    const char *const *expects; /* "[NAME=]FILE" */
    size_t n_expects;
    const char *output_dir; /* NULL: write nothing */
    int force;
    double rtol, atol;
    int allow_nonfinite; /* 0: an input with NaN or infinity is refused */
} wt_run_options;
WT_API wt_run_options wt_run_defaults(void);
/* WT_EVERDICT when an expectation is out of tolerance. */
WT_API wt_status wt_run_model(wt_result **out, wt_context *ctx, const char *model, const wt_run_options *options,
                              wt_err *err);

typedef struct wt_conformance_options {
    size_t size;
    wt_exec_options exec;
    const char *const *dirs;
    size_t n_dirs;
    const char *only;  /* glob over case names, NULL: all */
    double rtol, atol; /* used as the ONNX backend tests do: |a - b| <= atol + rtol |b| */
    double range_tol;  /* > 0: instead, |a - b| <= range_tol * (max b - min b) for floats */
} wt_conformance_options;
WT_API wt_conformance_options wt_conformance_defaults(void);
WT_API wt_status wt_conformance(wt_result **out, wt_context *ctx, const wt_conformance_options *options, wt_err *err);

/* --- bench, profile
 * --------------------------------------------------------------------------------------------------- */
typedef struct wt_bench_options {
    size_t size;
    wt_exec_options exec;
    const char *const *models;
    size_t n_models;
    double seconds;      /* of measuring, per model; 0: 3 */
    int warmup;          /* runs dropped; < 0: chosen by time */
    int batch;           /* > 0: first dimension of the inputs */
    const char *data;    /* inputs from this data set; NULL: random, seeded */
    const char *program; /* the executable that serves as worker (its hidden verb); NULL: /proc/self/exe */
    double timeout_s;    /* for one answer of a worker, beyond the time it is asked to measure; 0: 120 */
    const char *target;  /* profile whose watts per core an estimate of energy uses; NULL: 5 W */
    int64_t prompt, gen; /* of language models: tokens of a prompt and of an answer; 0: 128 and 64 */
} wt_bench_options;
WT_API wt_bench_options wt_bench_defaults(void);
/* A model that cannot be opened, or whose worker crashes or hangs, is a line of *out with its reason; the status is
 * then that of the first such line, and *out is filled all the same (not when the only model cannot be opened). */
WT_API wt_status wt_bench(wt_result **out, wt_context *ctx, const wt_bench_options *options, wt_err *err);
/* What the hidden verb runs: frames over the two descriptors until the other side closes. */
WT_API wt_status wt_worker_serve(wt_context *ctx, int in_fd, int out_fd, wt_err *err);

typedef struct wt_profile_options {
    size_t size;
    wt_exec_options exec;
    int runs; /* 0: chosen by time */
    const char *data;
    int batch;          /* > 0: first dimension of the inputs */
    double seconds;     /* of measuring; 0: 2 */
    const char *target; /* profile with measured peaks for the roofline; NULL: this machine's, measured first */
} wt_profile_options;
WT_API wt_profile_options wt_profile_defaults(void);
WT_API wt_status wt_profile(wt_result **out, wt_context *ctx, const char *model, const wt_profile_options *options,
                            wt_err *err);

/* --- evaluate, compare
 * -------------------------------------------------------------------------------------------------- */
typedef struct wt_data_options {
    size_t size;
    const char *path;       /* SET */
    const char *preprocess; /* JSON file or NULL */
    const char *labels;     /* labels.txt or NULL */
    const char *part;       /* "calibration", "held-out" or NULL: all */
    size_t limit;           /* 0: all */
} wt_data_options;
WT_API wt_data_options wt_data_defaults(void);

typedef struct wt_evaluate_options {
    size_t size;
    wt_exec_options exec;
    wt_data_options data;
    const char *metric; /* NULL: by the task */
} wt_evaluate_options;
WT_API wt_evaluate_options wt_evaluate_defaults(void);
WT_API wt_status wt_evaluate(wt_result **out, wt_context *ctx, const char *model, const wt_evaluate_options *options,
                             wt_err *err);

typedef struct wt_compare_options {
    size_t size;
    wt_exec_options exec;
    wt_data_options data;
    int layers;                                             /* compare intermediate values by name, too */
    double min_sqnr_db, min_cosine, min_agreement, max_kld; /* NaN: the default of the candidate's precision class */
} wt_compare_options;
WT_API wt_compare_options wt_compare_defaults(void);
WT_API wt_status wt_compare(wt_result **out, wt_context *ctx, const char *reference, const char *candidate,
                            const wt_compare_options *options, wt_err *err);

#ifdef __cplusplus
}
#endif
#endif
