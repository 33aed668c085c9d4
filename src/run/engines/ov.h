/* ov.h - what the files of the engine openvino share. */
#ifndef WT_OV_H
#define WT_OV_H
#include "run/engines/engine.h"
#include "run/engines/ov_api.h"

enum { WT_OV_TYPES = 64 };
/* Our element types by the library's numbers. */
typedef struct wt_ov_types {
    wt_dtype ours[WT_OV_TYPES]; /* WT_DTYPE_NONE: not known, or not ours */
} wt_ov_types;

typedef struct wt_ov_model {
    wt_engine_model base;
    OvTable api;
    wt_ov_types types;
    OvCore *core;
    OvModel *model;
    OvCompiled *compiled; /* NULL before the first run */
    OvRequest *request;
    OvTensor **given, **taken; /* of the last run */
    wt_tensor *outputs;
    uint8_t *bytes; /* the file with further outputs, which the model may look at */
    int threads;
    bool own_precision, placement;
} wt_ov_model;

wt_status wt_ov_check(const OvTable *api, int status, wt_status otherwise, wt_err *err);
wt_status wt_ov_load(OvTable *api, wt_engine_facts *facts, const char *library, wt_err *err);
wt_status wt_ov_learn_types(wt_ov_types *out, const OvTable *api, wt_err *err);
wt_status wt_ov_read_border(wt_ov_model *m, const char *const *taps, size_t n_taps, wt_err *err);
/* The model with these inputs' shapes for good. */
wt_status wt_ov_reshape(wt_ov_model *m, const wt_tensor *inputs, size_t n, wt_err *err);
wt_status wt_ov_give(wt_ov_model *m, size_t index, const wt_tensor *t, wt_err *err);
wt_status wt_ov_take(wt_ov_model *m, size_t index, wt_err *err);
wt_status wt_ov_nodes(wt_engine_model *model, wt_engine_node_fn *fn, void *user, wt_err *err);
#endif
