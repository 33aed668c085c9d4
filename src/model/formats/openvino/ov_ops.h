/* ov_ops.h - turning layers into the IR's operators: what the rows in ov_ops_*.c are built from.
 *
 * A row's function looks at its layer and builds. The first thing that goes wrong is kept in the wt_ov_op and every
 * later call does nothing, so that a function need not ask after each one; values are then NULL. Attributes are
 * collected by wt_ov_set_* and go with the next node. */
#ifndef WT_OV_OPS_H
#define WT_OV_OPS_H
#include "ov_net.h"

enum { WT_OV_ATTRS = 16 };

/* Integers of a constant that a chain of layers widens: (codes - zero) * scale, scales of `shape`, which the codes'
 * shape broadcasts to. */
typedef struct wt_ov_widened {
    struct wt_ov_widened *next;
    const wt_value *value, *codes;
    const float *scale;
    const int32_t *zero;
    wt_shape shape;
} wt_ov_widened;

typedef struct wt_ov_variable {
    struct wt_ov_variable *next;
    const char *id;
    wt_value *value, *next_value; /* what ReadValue gives and Assign takes; NULL: not met yet */
} wt_ov_variable;

/* What the whole reading shares. */
typedef struct wt_ov_reader {
    wt_context *ctx;
    wt_graph *root;
    wt_arena scratch;
    const uint8_t *bin; /* NULL: there is none */
    uint64_t bin_size;
    const char *bin_name; /* for messages */
    int depth;
    wt_ov_widened *widened;
    wt_ov_variable *variables;
} wt_ov_reader;

typedef struct wt_ov_op {
    wt_ov_reader *reader;
    wt_graph *graph;
    const wt_ov_net *net;
    wt_ov_layer *layer;
    int emitted;
    wt_attr attrs[WT_OV_ATTRS];
    size_t n_attrs;
    wt_status st;
    wt_err *err;
} wt_ov_op;

typedef void wt_ov_read_fn(wt_ov_op *o);
typedef struct wt_ov_row {
    const char *type;
    wt_ov_read_fn *fn;
    const char *to; /* the IR's operator, for functions that serve several types */
    int min_in;     /* inputs that must be there */
} wt_ov_row;
/* Each ends with type NULL. */
extern const wt_ov_row wt_ov_rows_plain[], wt_ov_rows_shape[], wt_ov_rows_index[], wt_ov_rows_nn[], wt_ov_rows_rnn[],
    wt_ov_rows_control[];
const wt_ov_row *wt_ov_row_of(const wt_ov_layer *layer); /* NULL: not one we know */
/* A body of a control layer: its Parameters stand for outer values, its Results become outputs. */
typedef struct wt_ov_binding {
    uint64_t id; /* of the Parameter in the body */
    wt_value *outer;
} wt_ov_binding;
wt_status wt_ov_read_body(wt_ov_op *o, const wt_xml *body, const wt_ov_binding *bindings, size_t n_bindings,
                          const uint64_t *results, size_t n_results, wt_graph **out);

/* After the last layer: what stateful layers keep becomes inputs and outputs. */
wt_status wt_ov_finish_states(wt_ov_op *o);

/* --- refusing ------------------------------------------------------------------------------------------------------
 */
void wt_ov_refuse(wt_ov_op *o, wt_status st, const char *fmt, ...) WT_PRINTF(3, 4);
/* Well formed, but the IR cannot say it. */
void wt_ov_cannot(wt_ov_op *o, const char *what);

/* --- attributes of the layer ---------------------------------------------------------------------------------------
 */
const char *wt_ov_text(const wt_ov_op *o, const char *name, const char *fallback);
bool wt_ov_text_is(const wt_ov_op *o, const char *name, const char *value); /* absent: false */
int64_t wt_ov_int(wt_ov_op *o, const char *name, int64_t fallback);
double wt_ov_float(wt_ov_op *o, const char *name, double fallback);
bool wt_ov_bool(wt_ov_op *o, const char *name, bool fallback);
size_t wt_ov_ints(wt_ov_op *o, const char *name, int64_t *out, size_t max);
wt_dtype wt_ov_type(wt_ov_op *o, const char *name, wt_dtype fallback);

/* --- values --------------------------------------------------------------------------------------------------------
 */
wt_value *wt_ov_in(wt_ov_op *o, size_t i);           /* NULL when there is no such input */
int wt_ov_rank(const wt_value *v);                   /* -1 unknown */
int wt_ov_need_rank(wt_ov_op *o, const wt_value *v); /* refuses an unknown one */
/* The data of a constant, through a Cast that widens it; NULL: no constant. */
const wt_tensor *wt_ov_known(const wt_value *v);
/* Integers that must be a constant; answers how many. */
size_t wt_ov_const_ints(wt_ov_op *o, const wt_value *v, const char *what, int64_t *out, size_t max);
int64_t wt_ov_const_int(wt_ov_op *o, const wt_value *v, const char *what);
double wt_ov_const_float(wt_ov_op *o, const wt_value *v, const char *what);
wt_value *wt_ov_i64(wt_ov_op *o, const int64_t *v, size_t n, bool scalar);
wt_value *wt_ov_f32(wt_ov_op *o, const float *v, size_t n, bool scalar);
/* A scalar of the element type that `like` has. */
wt_value *wt_ov_scalar(wt_ov_op *o, const wt_value *like, double v);
wt_value *wt_ov_as_i64(wt_ov_op *o, wt_value *v);            /* shapes, axes and indices are int64 in the IR */
wt_value *wt_ov_cast(wt_ov_op *o, wt_value *v, wt_dtype to); /* nothing where it has that type */
wt_value *wt_ov_as_vector(wt_ov_op *o, wt_value *v);         /* a scalar as [1] */
/* The same data under another shape: a view for constants, a Reshape for others. */
wt_value *wt_ov_reshaped(wt_ov_op *o, wt_value *v, const wt_shape *shape);

/* --- building ------------------------------------------------------------------------------------------------------
 */
void wt_ov_set_int(wt_ov_op *o, const char *name, int64_t v);
void wt_ov_set_float(wt_ov_op *o, const char *name, float v);
void wt_ov_set_text(wt_ov_op *o, const char *name, const char *v);
void wt_ov_set_ints(wt_ov_op *o, const char *name, const int64_t *v, size_t n);
void wt_ov_set_graph(wt_ov_op *o, const char *name, wt_graph *g);
/* A node in front; its result. */
wt_value *wt_ov_emit_n(wt_ov_op *o, const char *op, wt_value *const *in, size_t n_in);
/* A node whose results are the first n_out outputs of the layer. */
void wt_ov_finish_n(wt_ov_op *o, const char *op, wt_value *const *in, size_t n_in, size_t n_out);
/* Output k of the layer, by a node, or by a value that is there already. */
void wt_ov_finish_k(wt_ov_op *o, size_t k, const char *op, wt_value *const *in, size_t n_in);
void wt_ov_give(wt_ov_op *o, size_t k, wt_value *v);
/* A value without producer, named and shaped as output k. */
wt_value *wt_ov_port_value(wt_ov_op *o, size_t k);
/* A node with n_out fresh results. */
void wt_ov_emit_outs(wt_ov_op *o, const char *op, wt_value *const *in, size_t n_in, wt_value **out, size_t n_out);
#define WT_OV_LIST(...)          ((wt_value *[]){ __VA_ARGS__ })
#define WT_OV_COUNT(...)         (sizeof WT_OV_LIST(__VA_ARGS__) / sizeof(wt_value *))
#define wt_ov_emit(o, op, ...)   wt_ov_emit_n(o, op, WT_OV_LIST(__VA_ARGS__), WT_OV_COUNT(__VA_ARGS__))
#define wt_ov_finish(o, op, ...) wt_ov_finish_k(o, 0, op, WT_OV_LIST(__VA_ARGS__), WT_OV_COUNT(__VA_ARGS__))

/* --- weights in integers (ov_quant.c) ------------------------------------------------------------------------------
 */
wt_ov_read_fn wt_ov_read_multiply, wt_ov_read_fake_quantize, wt_ov_read_reshape;
/* A constant of nf4, and its widening: a place in a table of sixteen. */
bool wt_ov_is_nf4(const wt_ov_layer *layer);
void wt_ov_read_nf4(wt_ov_op *o, wt_value *codes, wt_dtype to);
/* v under another shape, as a DequantizeLinear of its own, when v is what a chain of integers gives and the scales can
 * follow; else NULL. */
wt_value *wt_ov_widened_as(wt_ov_op *o, const wt_value *v, const wt_shape *shape);
#endif
