/* writer.h - what the parts of the ONNX writer share: write.c (files), write_graph.c (messages), write_tensor.c (data),
 * write_opset.c (which versions). The graph is a lowered clone: no quant is left on values, and a constant's quant
 * says how its data are to be stored (model/qdq.h). */
#ifndef WT_ONNX_WRITER_H
#define WT_ONNX_WRITER_H
#include "names.h"
#include "onnx.h"
#include "proto.h"
#include "wire_out.h"

enum {
    WT_ONNX_EXTERNAL_ALIGN = 4096, /* so that readers can map each tensor */
    WT_ONNX_EXTERNAL_MIN = 1024    /* smaller tensors stay in the model file */
};

typedef struct wt_writer {
    wt_pb_out *out;
    wt_graph *root;
    bool *nameless;           /* by node id: written without its name */
    const char *external;     /* name of the data file as the model says it; NULL: all data are in the model */
    uint64_t external_pos;    /* where the next tensor lies in it */
    uint64_t *placed;         /* by value id: where it lies there */
    uint64_t streamed, total; /* bytes of tensors, for progress */
} wt_writer;

/* The type that a constant's data are stored with. */
static inline wt_dtype wt_writer_stored(const wt_value *v) { return v->quant ? v->quant->dtype : v->type.dtype; }
bool wt_writer_is_external(const wt_writer *w, const wt_value *v);
/* Its bytes in the data file are another constant's. */
static inline bool wt_writer_shares(const wt_value *v) { return v->made && v->made->same_as; }
/* Moves external_pos over one tensor of `bytes`; answers where it lies. */
uint64_t wt_writer_place(wt_writer *w, uint64_t bytes);

/* Before the first wt_onnx_write_model. */
wt_status wt_onnx_prepare_names(wt_writer *w, wt_err *err);
wt_status wt_onnx_write_model(wt_writer *w);
/* TensorProto. v: the constant it belongs to, or NULL for a tensor of an attribute. */
void wt_writer_tensor(wt_writer *w, uint32_t field, const wt_tensor *t, const wt_value *v);
/* The body of a TensorProto. */
void wt_writer_tensor_body(wt_writer *w, const wt_tensor *t, const char *name, const wt_value *v);
/* The data as raw_data has them, in parts. */
void wt_writer_data(wt_writer *w, const wt_tensor *t, const wt_value *v, uint64_t bytes);
uint64_t wt_writer_bytes(const wt_tensor *t, const wt_value *v);

/* The opset versions that the graph needs; ends with domain NULL. In the graph's arena. */
wt_status wt_onnx_needed_opsets(wt_graph *graph, const wt_opset **out, wt_err *err);
int64_t wt_onnx_ir_version(int64_t opset);
#endif
