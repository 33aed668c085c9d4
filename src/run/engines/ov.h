/* ov.h - what the files of the engine openvino share. */
#ifndef WT_OV_H
#define WT_OV_H
#include "run/engines/engine.h"
#include "run/engines/ov_api.h"

enum { WT_OPENVINO_TYPES = 64 };
/* Our element types by the library's numbers. */
typedef struct wt_openvino_types {
    wt_dtype ours[WT_OPENVINO_TYPES]; /* WT_DTYPE_NONE: not known, or not ours */
} wt_openvino_types;

typedef struct wt_openvino_model {
    wt_engine_model base;
    OvTable api;
    wt_openvino_types types;
    OvCore *core;
    OvModel *model;
    OvCompiled *compiled; /* NULL before the first run */
    OvRequest *request;
    OvTensor **given, **taken; /* of the last run */
    wt_tensor *outputs;
    uint8_t *bytes; /* the file with further outputs, which the model may look at */
    int threads;
    bool own_precision, placement;
} wt_openvino_model;

wt_status wt_openvino_check(const OvTable *api, int status, wt_status otherwise, wt_err *err);
wt_status wt_openvino_load(OvTable *api, wt_engine_facts *facts, const char *library, wt_err *err);
wt_status wt_openvino_learn_types(wt_openvino_types *out, const OvTable *api, wt_err *err);
wt_status wt_openvino_read_border(wt_openvino_model *m, const char *const *taps, size_t n_taps, wt_err *err);
/* The model with these inputs' shapes for good. */
wt_status wt_openvino_reshape(wt_openvino_model *m, const wt_tensor *inputs, size_t n, wt_err *err);
wt_status wt_openvino_give(wt_openvino_model *m, size_t index, const wt_tensor *t, wt_err *err);
wt_status wt_openvino_take(wt_openvino_model *m, size_t index, wt_err *err);
wt_status wt_openvino_nodes(wt_engine_model *model, wt_engine_node_fn *fn, void *user, wt_err *err);
#endif
