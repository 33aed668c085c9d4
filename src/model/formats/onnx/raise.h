/* raise.h - bringing nodes of older opsets to the one meaning that the IR has (op.h): that of opset 21.
 *
 * raise.c walks the nodes in order and looks each up in the rows of the raise_*.c files; a row says below which version
 * of its domain's opset it applies. Raising keeps the names of values: new nodes come in front of the node, and the
 * node itself turns into the last one of the replacement. Types are inferred on the way, as far as they can be known:
 * they choose the simpler replacement, but no replacement needs them. A form that has no equivalent keeps its
 * node with op NULL: whoever has to run it refuses it by name, and so does the writer. */
#ifndef WT_ONNX_RAISE_H
#define WT_ONNX_RAISE_H
#include "model/graph.h"

/* version[node->id] is the opset version the node was written for, 0 (or beyond n_versions): it has the IR's meaning.
 */
wt_status wt_onnx_raise(wt_graph *graph, const int32_t *version, size_t n_versions, wt_err *err);

/* True for an operator that raising knows: one that it left with op NULL has a form that no opset of today can say. */
bool wt_onnx_has_older_forms(const char *domain, const char *op_type);

/* --- for the raise_*.c files
 * ------------------------------------------------------------------------------------------ */
typedef struct wt_raise {
    wt_node *node;
    int64_t version;
    int emitted;
    bool unknown; /* set by a row: this form has no equivalent */
} wt_raise;
typedef wt_status wt_raise_fn(wt_raise *r, wt_err *err);
typedef struct wt_raise_row {
    const char *domain, *op_type;
    int64_t below; /* applies to versions smaller than this */
    wt_raise_fn *fn;
} wt_raise_row;
wt_raise_fn wt_raise_scan;
/* Each ends with op_type NULL. */
extern const wt_raise_row wt_raise_rows_axes[], wt_raise_rows_nn[], wt_raise_rows_resize[], wt_raise_rows_other[],
    wt_raise_rows_microsoft[];

static inline wt_arena *wt_raise_arena(const wt_raise *r) { return &r->node->graph->root->arena; }
static inline wt_value *wt_raise_in(const wt_raise *r, size_t i) { return i < r->node->n_in ? r->node->in[i] : NULL; }
/* Known rank of an input, -1 when unknown. */
static inline int wt_raise_rank(const wt_value *v) { return v ? v->type.shape.rank : -1; }
/* True when output i is used or given out. */
bool wt_raise_wants_out(const wt_raise *r, size_t i);
/* Inserts a node with one output in front of r->node. */
wt_status wt_raise_emit(wt_raise *r, const char *op_type, wt_value *const *in, size_t n_in, const wt_attr *attrs,
                        size_t n_attrs, wt_value **out, wt_err *err);
/* Turns r->node into another operator with exactly these inputs and attributes. */
wt_status wt_raise_turn(wt_raise *r, const char *op_type, wt_value *const *in, size_t n_in, const wt_attr *attrs,
                        size_t n_attrs, wt_err *err);
wt_status wt_raise_i64(wt_raise *r, const int64_t *v, size_t n, bool scalar, wt_value **out, wt_err *err);
wt_status wt_raise_f32(wt_raise *r, const float *v, size_t n, bool scalar, wt_value **out, wt_err *err);
/* A scalar of the element type of `like`, whatever that turns out to be. */
wt_status wt_raise_scalar_like(wt_raise *r, wt_value *like, float v, wt_value **out, wt_err *err);
wt_status wt_raise_drop_attr(wt_raise *r, const char *name, wt_err *err);
wt_status wt_raise_set_text(wt_raise *r, const char *name, const char *text, wt_err *err);
/* Removes outputs from `keep` on; they must be unwanted. */
void wt_raise_trim_outputs(wt_raise *r, size_t keep);
/* Drops omitted inputs at the end. */
void wt_raise_trim_inputs(wt_node *node);
wt_attr wt_raise_int(const char *name, int64_t v);
wt_attr wt_raise_float(const char *name, float v);
wt_attr wt_raise_text(const char *name, const char *text);
#endif
