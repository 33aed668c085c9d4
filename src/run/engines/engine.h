/* engine.h - something that runs an artifact: our own executor, or a library of somebody else's that is found at run
 * time.
 *
 * An engine is a row of functions; all engines are rows of engines.def. Nothing of a foreign engine is needed to build
 * or to start: its library is looked for by name (library.h) and loaded by probe and open alone. Whoever is not sure of
 * a library calls those in a process of its own (measure/worker), for a library may crash, hang or end the process.
 *
 * What is opened knows its inputs and outputs as a graph: of `native` it is the model's, of the others one without
 * nodes, so that all that reads a graph's border (data sets, pairs, random inputs) works with files that only the
 * engine can read. A decoder (an artifact that is fed tokens and keeps what it was fed) is opened by open_decoder. */
#ifndef WT_ENGINE_H
#define WT_ENGINE_H
#include "model/graph.h"
#include "run/engines/library.h"
#include "whet/model.h"
#include "whet/run.h"

typedef struct wt_engine wt_engine;

enum { WT_ENGINE_TEXT = 256, WT_ENGINE_DEVICES = 16 };

/* What a library says of itself once it is loaded. */
typedef struct wt_engine_facts {
    char version[64];
    char devices[WT_ENGINE_DEVICES][64]; /* as its own users name them: "CPU", "CUDAExecutionProvider" */
    size_t n_devices;
    char warning[WT_ENGINE_TEXT]; /* works, but is not of the versions that were tested */
} wt_engine_facts;

typedef struct wt_engine_options {
    const char *library; /* of a foreign engine: the file to load */
    const char *variant; /* "" or one of the engine's */
    int threads;         /* 0: the context's */
    const wt_input_shape *shapes;
    size_t n_shapes;
    const char *const *passes_off; /* native's */
    size_t n_passes_off;
    const char *const *taps; /* values inside that become further outputs, behind the model's own */
    size_t n_taps;
    bool placement;  /* note where nodes run: costs time */
    int64_t context; /* of decoders: tokens to keep */
} wt_engine_options;

/* An opened model; each engine's own struct begins with it. */
typedef struct wt_engine_model {
    const wt_engine *engine;
    wt_context *ctx;
    wt_graph *graph;               /* what it takes and gives; behind the model's outputs come the taps */
    char version[64];              /* of the engine */
    char settings[WT_ENGINE_TEXT]; /* what decides its speed, in words: "2 threads, graph optimization all" */
} wt_engine_model;

/* Where a node of the engine's own graph runs. Texts are borrowed for the call. */
typedef struct wt_engine_node {
    const char *name, *op, *device, *kernel; /* "" where the engine does not say */
    double ms;                               /* of the last run; NaN: not known */
} wt_engine_node;
typedef wt_status wt_engine_node_fn(void *user, const wt_engine_node *node, wt_err *err);

/* A sequence of tokens, and the logits of the positions that were asked for. */
typedef struct wt_engine_decoder {
    const wt_engine *engine;
    wt_context *ctx;
    int64_t vocab, context;
    char version[64];
    char settings[WT_ENGINE_TEXT];
} wt_engine_decoder;

struct wt_engine {
    const char *name, *summary;
    const char *variants;          /* words separated by '/', each a way to run: "default"; NULL: only one */
    const char *formats;           /* words separated by '/': "onnx/openvino"; NULL: whatever whet reads */
    const wt_library_names *files; /* NULL: nothing is loaded */
    /* Loads the library and asks it. WT_EUNSUPPORTED with a reason: it cannot be used. */
    wt_status (*probe)(wt_engine_facts *out, wt_context *ctx, const char *library, wt_err *err);
    /* Reads the model. On failure *out is NULL. WT_EUNSUPPORTED: the engine refuses the model. */
    wt_status (*open)(wt_engine_model **out, wt_context *ctx, const char *path, const wt_engine_options *options,
                      wt_err *err);
    void (*close)(wt_engine_model *model);
    /* Compiles for these inputs, in the order of model->graph (data is not looked at). NULL: open has done all. */
    wt_status (*prepare)(wt_engine_model *model, const wt_tensor *inputs, size_t n, wt_err *err);
    /* Inputs are borrowed for the call; one without data is not given. */
    wt_status (*run)(wt_engine_model *model, const wt_tensor *inputs, size_t n, wt_err *err);
    /* Of the last run, plain layout, borrowed until the next one. index: of model->graph's outputs. */
    const wt_tensor *(*output)(wt_engine_model *model, size_t index);
    /* false: the engine does not say. May be NULL. */
    bool (*memory)(wt_engine_model *model, wt_plan_memory *out);
    /* After a run of a model opened with `placement`. May be NULL. */
    wt_status (*nodes)(wt_engine_model *model, wt_engine_node_fn *fn, void *user, wt_err *err);
    /* Decoders; NULL where the engine has none. */
    wt_status (*open_decoder)(wt_engine_decoder **out, wt_context *ctx, const char *path,
                              const wt_engine_options *options, wt_err *err);
    void (*close_decoder)(wt_engine_decoder *decoder);
    /* Forgets all tokens but the first `keep`. */
    wt_status (*rewind)(wt_engine_decoder *decoder, int64_t keep, wt_err *err);
    /* Appends n tokens; the logits of those from `wanted` on (0..n) can be asked for. */
    wt_status (*feed)(wt_engine_decoder *decoder, const int32_t *tokens, size_t n, size_t wanted, wt_err *err);
    /* [vocab] of the index-th wanted position of the last feed; borrowed until the next one. */
    const float *(*logits)(wt_engine_decoder *decoder, size_t index);
    bool (*decoder_memory)(wt_engine_decoder *decoder, wt_plan_memory *out);
};

#define ENGINE(name) extern const wt_engine wt_engine_##name;
#include "run/engines/engines.def"
#undef ENGINE
extern const wt_engine *const wt_engines[];                       /* ended by NULL; the first is native */
const wt_engine *wt_engine_by_name(const char *name, size_t len); /* NULL: none */
static inline bool wt_engine_is_native(const wt_engine *e) { return !e->files; }
/* Whether the engine reads files of this one's kind; else `reason` says what it reads. Looks at the file's head. */
bool wt_engine_takes(const wt_engine *engine, const char *path, char reason[WT_ENGINE_TEXT]);

/* "openvino:default": an engine and how to run it. */
typedef struct wt_engine_choice {
    const wt_engine *engine;
    char variant[24];
    char label[48]; /* as it was asked for */
} wt_engine_choice;
enum { WT_MOST_ENGINES = 16 };
/* "native,openvino:default" or "all" (those whose library is found); NULL or "" is native. WT_EUSAGE names the word
 * that is no engine and those that there are. */
wt_status wt_engine_choices(wt_engine_choice out[WT_MOST_ENGINES], size_t *n, wt_context *ctx, const char *text,
                            wt_err *err);

/* The file to load. "" for native; WT_EUNSUPPORTED when none is found. */
wt_status wt_engine_library(const wt_engine *engine, wt_context *ctx, char path[WT_LIBRARY_PATH], wt_err *err);

/* For engines: the texts of a tensor, each ended by a zero; the caller frees *starts alone. */
wt_status wt_engine_texts(const char ***starts, wt_context *ctx, const wt_string *texts, size_t n, wt_err *err);
/* For engines: the graph of a border. Symbols of free dims may be NULL or "". */
wt_status wt_border_add(wt_graph *graph, bool input, const char *name, wt_dtype dtype, int rank, const int64_t *dims,
                        const char *const *symbols, wt_err *err);
#endif
