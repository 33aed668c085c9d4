/* ort.h - what the files of the engine onnxruntime share. */
#ifndef WT_ORT_H
#define WT_ORT_H
#include "run/engines/engine.h"
#include "run/engines/ort_api.h"

typedef struct wt_ort_model {
    wt_engine_model base;
    OrtTable api;
    OrtEnv *env;
    OrtSession *session;
    OrtMemoryInfo *memory;
    OrtAllocator *allocator;                  /* the library's */
    const char **input_names, **output_names; /* of the border */
    const char **given_names;                 /* room for those of a run */
    OrtValue **given, **results;
    wt_tensor *outputs;
    wt_string **texts; /* of outputs of strings, owned */
    char *profile;     /* prefix of the files that profiling writes; NULL: off */
} wt_ort_model;

/* Fails with the library's words and releases its status; WT_OK for NULL. `otherwise` is for errors without a meaning
 * of their own. */
wt_status wt_ort_check(const OrtTable *api, OrtStatus *status, wt_status otherwise, wt_err *err);
wt_status wt_ort_load(OrtTable *api, wt_engine_facts *facts, const char *library, wt_err *err);
/* Values of one run. */
wt_status wt_ort_give(wt_ort_model *m, size_t slot, const wt_tensor *t, wt_err *err);
wt_status wt_ort_take(wt_ort_model *m, size_t index, wt_err *err);
wt_status wt_ort_nodes(wt_engine_model *model, wt_engine_node_fn *fn, void *user, wt_err *err);
#endif
