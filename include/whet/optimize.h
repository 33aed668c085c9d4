/* whet/optimize.h - making a model smaller and faster, with the proof. Conventions as in whet/measure.h. */
#ifndef WHET_OPTIMIZE_H
#define WHET_OPTIMIZE_H
#include "whet/measure.h"
#ifdef __cplusplus
extern "C" {
#endif

/* Ranges from a stream of samples: min-max, moving average, percentile, entropy, MSE. */
typedef struct wt_calibrate_options {
    size_t size;
    wt_exec_options exec;
    wt_data_options data;
    const char *output; /* the statistics file */
    int force;
} wt_calibrate_options;
WT_API wt_calibrate_options wt_calibrate_defaults(void);
WT_API wt_status wt_calibrate(wt_result **out, wt_context *ctx, const char *model, const wt_calibrate_options *options,
                              wt_err *err);

/* The same model in another file: language models as GGUF or Hugging Face folder, graphs as ONNX or OpenVINO IR. */
typedef struct wt_convert_options {
    size_t size;
    wt_exec_options exec;
    const char *output;
    int force;
    const char
        *to; /* "gguf", "safetensors", "mlx", "genai" (folders), "onnx", "openvino"; NULL: by the name of output */
    const char *dtype; /* "f32", "f16", "bf16": of the weights; NULL: as they are */
    const char *check; /* of a graph: a data set to which both must answer alike (WT_EVERDICT otherwise), or NULL */
    const char *preprocess; /* JSON file for check, or NULL */
    const char *scheme;     /* of MLX: "affine4-g64", "mxfp4", ...: what all matrices become; NULL: as they are */
} wt_convert_options;
WT_API wt_convert_options wt_convert_defaults(void);
WT_API wt_status wt_convert_model(wt_result **out, wt_context *ctx, const char *model,
                                  const wt_convert_options *options, wt_err *err);

typedef struct wt_quantize_options {
    size_t size;
    wt_exec_options exec;
    const char *output;
    int force;
    const char *scheme;      /* "int8", "fp16"; of language models "q4_k_m", "q8_0", ... */
    wt_data_options data;    /* path NULL: use stats */
    const char *stats;       /* file of wt_calibrate, or NULL */
    const char *method;      /* "minmax", "average", "percentile", "entropy", "mse"; NULL: "mse" */
    const char *const *keep; /* "GLOB=SCHEME": tensors or nodes; SCHEME "float" leaves them */
    size_t n_keep;
    int symmetric; /* activations symmetric around zero (s8) instead of asymmetric (u8) */
    int no_bias_correction;
} wt_quantize_options;
WT_API wt_quantize_options wt_quantize_defaults(void);
WT_API wt_status wt_quantize(wt_result **out, wt_context *ctx, const char *model, const wt_quantize_options *options,
                             wt_err *err);

typedef struct wt_optimize_options {
    size_t size;
    wt_exec_options exec;
    wt_data_options data;
    const char *output_dir;
    int force, resume;
    const char *target;            /* "this" or a profile */
    const char *prefer;            /* speed, accuracy, size, energy, balanced; NULL: balanced */
    double min_accuracy;           /* share of the baseline's that must be kept; 0: 0.95 */
    double min_speedup;            /* 0: 2 */
    double max_memory_ratio;       /* 0: 0.5 */
    uint64_t max_size, max_memory; /* bytes; 0: no limit */
    double max_latency_ms;         /* 0: no limit */
    double seconds;                /* of measuring, for each model; 0: 2 */
    const char *metric;
} wt_optimize_options;
WT_API wt_optimize_options wt_optimize_defaults(void);
/* Writes artifact, ledger.json, result.json, report.html and the journal into output_dir. WT_EVERDICT: a gate failed.
 */
WT_API wt_status wt_optimize(wt_result **out, wt_context *ctx, const char *model, const wt_optimize_options *options,
                             wt_err *err);

/* Which framework for a model on a device, and how long it would take there. */
typedef struct wt_select_options {
    size_t size;
    wt_exec_options exec;
    const char *target;       /* "this", a profile's name or its file */
    const char *prefer;       /* speed, accuracy, size, energy, balanced; NULL: balanced */
    const char *stage;        /* "prototype", "production"; NULL: neither */
    const char *power;        /* "battery", "mains"; NULL: what the profile says */
    const char *network;      /* "offline", "online"; NULL: not known */
    const char *const *needs; /* "cross-platform", "enterprise", "mobile", "real-time", "variety", "ease" */
    size_t n_needs;
    int measure;    /* run the engines that are found here; only for the target "this" */
    double seconds; /* of measuring, per engine; 0: 2 */
} wt_select_options;
WT_API wt_select_options wt_select_defaults(void);
/* WT_EUNSUPPORTED: no framework takes the model on that device. */
WT_API wt_status wt_select(wt_result **out, wt_context *ctx, const char *model, const wt_select_options *options,
                           wt_err *err);

/* Renders DIR/report.html again from DIR/result.json. A file of that name is replaced if whet wrote it, or with force.
 */
WT_API wt_status wt_report_write(wt_context *ctx, const char *dir, int force, wt_err *err);
/* The same; the result says which file. */
WT_API wt_status wt_report_make(wt_result **out, wt_context *ctx, const char *dir, int force, wt_err *err);

#ifdef __cplusplus
}
#endif
#endif
