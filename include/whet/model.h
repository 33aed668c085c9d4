/* whet/model.h - a trained network, read from a file: what it is, what it costs, how it looks, and writing it again.
 *
 * A model is read-only for everybody but the calls that take it without const; while one of those runs, no other call
 * may. What the getters return is borrowed from the model until it is changed or closed. */
#ifndef WHET_MODEL_H
#define WHET_MODEL_H
#include <stdbool.h>
#include "whet/context.h"
#include "whet/tensor.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct wt_model wt_model;

typedef struct wt_input_shape {
    const char *name; /* NULL or "": the only input */
    wt_shape shape;
} wt_input_shape;
/* "1x3x224x224"; a dim may be ? (stays as it is). "scalar" has rank 0. */
WT_API wt_status wt_shape_parse(const char *text, wt_shape *out, wt_err *err);
/* "input=1x3x224x224" or "1x3x224x224"; the name is copied into buffer. */
WT_API wt_status wt_input_shape_parse(const char *text, wt_input_shape *out, char *buffer, size_t size, wt_err *err);

typedef struct wt_model_options {
    size_t size;
    const char *format;           /* "onnx"; NULL: by content */
    const wt_input_shape *shapes; /* fixed before shapes are inferred */
    size_t n_shapes;
} wt_model_options;
WT_API wt_model_options wt_model_defaults(void);

/* Reads, verifies, infers shapes. Weights stay in the file, which is mapped until the model is closed. options may be
 * NULL. */
WT_API wt_status wt_model_open(wt_model **out, wt_context *ctx, const char *path, const wt_model_options *options,
                               wt_err *err);
WT_API void wt_model_close(wt_model *model); /* NULL is fine */
/* Fixes free dims of an input; a dim that is fixed already must be the same (WT_EUSAGE). A symbolic dim gets its value
 * wherever the model uses the symbol. */
WT_API wt_status wt_model_set_input_shape(wt_model *model, const char *name, const wt_shape *shape, wt_err *err);

/* --- what it is ----------------------------------------------------------------------------------------------------
 */
typedef struct wt_model_info {
    const char *path, *format, *producer, *name; /* "" where the file says nothing */
    int64_t ir_version;
    uint64_t file_bytes;     /* all files of the model together */
    uint64_t parameters;     /* elements of all constants but shapes and indices: floats, and what is quantized */
    uint64_t constant_bytes; /* of all constants */
    size_t nodes, subgraphs; /* nodes of subgraphs included */
    size_t unknown_ops;      /* nodes whose operator is not ours */
    uint64_t macs;           /* multiply-adds of one run; of If the costlier branch, of Loop one round */
    size_t macs_unknown;     /* nodes left out, because their shapes are not known */
    uint64_t activation_peak_bytes; /* most bytes of values alive at once, run in order; inputs and outputs included */
    size_t activation_unknown;      /* values left out, because their shapes are not known */
} wt_model_info;
WT_API wt_status wt_model_describe(const wt_model *model, wt_model_info *out, wt_err *err);

WT_API size_t wt_model_input_count(const wt_model *model);
WT_API size_t wt_model_output_count(const wt_model *model);
/* Name and type (dims may be WT_DIM_ANY or symbols; data NULL). type may be NULL. */
WT_API const char *wt_model_input(const wt_model *model, size_t index, wt_tensor *type);
WT_API const char *wt_model_output(const wt_model *model, size_t index, wt_tensor *type);
/* "1x3xHxW", "scalar", "?". Returns out. */
WT_API const char *wt_model_shape_text(const wt_model *model, const wt_shape *shape, char *out, size_t size);

/* Each: false past the last one. */
WT_API bool wt_model_opset(const wt_model *model, size_t index, const char **domain,
                           int64_t *version); /* "ai.onnx", 17 */
WT_API bool wt_model_metadata(const wt_model *model, size_t index, const char **key, const char **value);
WT_API const char *wt_model_metadata_get(const wt_model *model, const char *key); /* NULL: absent */

typedef struct wt_model_dtype {
    wt_dtype dtype;
    size_t tensors;
    uint64_t elements, bytes;
} wt_model_dtype;
/* Constants by element type, most bytes first. */
WT_API bool wt_model_dtype_at(const wt_model *model, size_t index, wt_model_dtype *out);

typedef struct wt_model_op {
    const char *op, *domain; /* domain "" is ai.onnx */
    size_t count;
    uint64_t macs;
    bool known; /* an operator of ours */
} wt_model_op;
/* Operators by how often they occur, most often first, then by name. */
WT_API bool wt_model_op_at(const wt_model *model, size_t index, wt_model_op *out);

/* --- who can run it ------------------------------------------------------------------------------------------------
 */
typedef enum wt_fit {
    WT_FIT_RUNS,    /* nothing known against it */
    WT_FIT_CONVERT, /* not this file, but what whet writes from it */
    WT_FIT_NO
} wt_fit;
typedef struct wt_framework {
    const char *name;    /* "onnxruntime" */
    const char *version; /* the facts are of */
    wt_fit fit;
    size_t obstacles;
} wt_framework;
typedef struct wt_obstacle {
    const char *op; /* "" : the whole file */
    const char *domain;
    size_t count; /* nodes */
    char reason[160];
} wt_obstacle;
/* What is known of other frameworks; our own engine is asked through whet/run.h. */
WT_API bool wt_model_framework_at(const wt_model *model, size_t index, wt_framework *out);
WT_API bool wt_model_obstacle_at(const wt_model *model, size_t framework, size_t index, wt_obstacle *out);

/* --- how it looks ---------------------------------------------------------------------------------------------------
 */
typedef enum wt_print_form { WT_PRINT_TEXT, WT_PRINT_DOT, WT_PRINT_SVG } wt_print_form;
/* Gets the bytes, in pieces; another status than WT_OK ends the printing with it. */
typedef wt_status wt_sink_fn(void *user, const char *bytes, size_t len, wt_err *err);
WT_API wt_status wt_model_print(const wt_model *model, wt_print_form form, wt_sink_fn *sink, void *user, wt_err *err);

/* --- writing
 * ---------------------------------------------------------------------------------------------------------- */
typedef struct wt_model_save_options {
    size_t size;
    const char *format;          /* NULL: by the extension of the path */
    bool force;                  /* overwrite what is there */
    bool f16_weights;            /* store float32 weights as float16 where they fit */
    uint64_t external_threshold; /* larger models keep their weights beside the file; 0: the format's limit */
} wt_model_save_options;
WT_API wt_model_save_options wt_model_save_defaults(void);
/* Called for each file that was written, after it was read back. */
typedef void wt_written_fn(void *user, const char *path, uint64_t bytes, const char *sha256);
/* options and fn may be NULL. */
WT_API wt_status wt_model_save(const wt_model *model, const char *path, const wt_model_save_options *options,
                               wt_written_fn *fn, void *user, wt_err *err);

#ifdef __cplusplus
}
#endif
#endif
