/* ov_emit.h - from the IR's operators to layers: what the rows in ov_emit_*.c are built from.
 *
 * Each graph becomes a net: text of layers, text of edges. A row's function gets a node whose inputs exist and emits
 * layers; the last one of them gives the node's output. As when reading, the first thing that goes wrong stays in the
 * writer and later calls do nothing. Attributes for <data> are collected by wt_ov_put and go with the next layer. */
#ifndef WT_OV_EMIT_H
#define WT_OV_EMIT_H
#include "base/str.h"
#include "ov_net.h"

/* A value of a net: which port of which layer gives it. */
typedef struct wt_ov_val {
    uint64_t layer, port;
    wt_dtype dtype;
    wt_shape shape; /* rank -1: not said; OpenVINO infers it anyway */
} wt_ov_val;

/* Constant data on the way to NAME.bin. */
typedef struct wt_ov_blob {
    struct wt_ov_blob *next;
    const wt_tensor *tensor;
    const wt_quant *quant; /* NULL: as they are; else to be stored as quant->dtype, WT_F16 meaning halves */
    wt_dtype dtype;        /* as stored */
    uint64_t offset, bytes;
} wt_ov_blob;

typedef struct wt_ov_outer { /* a Parameter of a body, and the value outside that it stands for */
    uint64_t inside;
    const wt_ov_val *outside;
} wt_ov_outer;

typedef struct wt_ov_out { /* a net being written */
    struct wt_ov_out *up;
    const wt_graph *graph;
    wt_buf layers, edges;
    uint64_t next_id;
    const wt_ov_val **values; /* by value id */
    wt_ov_outer *outer;
    size_t n_outer, cap_outer;
} wt_ov_out;

typedef struct wt_ov_writer {
    wt_context *ctx;
    wt_graph *root; /* a clone with quantization absorbed; shapes are inferred */
    wt_arena *arena;
    bool f16;
    wt_ov_out *net;
    wt_buf data; /* attributes of the next layer */
    const wt_node *node;
    int emitted;
    wt_ov_blob *first, *last;
    wt_ov_blob **slots; /* blobs by hash, for data that are there already */
    size_t n_slots, n_blobs;
    uint64_t bin_bytes;
    wt_status st;
    wt_err *err;
} wt_ov_writer;

typedef void wt_ov_write_fn(wt_ov_writer *w);
typedef struct wt_ov_write_row {
    wt_opcode op;
    wt_ov_write_fn *fn;
    const char *type; /* for functions that serve several operators */
    int opset;
} wt_ov_write_row;
/* Each ends with op WT_OP_UNKNOWN. */
extern const wt_ov_write_row wt_ov_write_plain[], wt_ov_write_shape[], wt_ov_write_index[], wt_ov_write_nn[],
    wt_ov_write_quant[], wt_ov_write_control[];
const wt_ov_write_row *wt_ov_write_row_of(const wt_node *node); /* NULL: cannot be written */

/* Every node has a row, and the types are some that OpenVINO has: before anything is written. */
wt_status wt_ov_check(wt_ov_writer *w);
/* The net of w->root, as text; blobs are placed. */
wt_status wt_ov_write_net(wt_ov_writer *w, wt_buf *out);
/* Layers of a graph into the net w->net, results last; ids of the results in results[n_outputs]. */
void wt_ov_write_graph(wt_ov_writer *w, const wt_graph *graph, uint64_t *results);
wt_ov_out *wt_ov_open_net(wt_ov_writer *w, const wt_graph *graph); /* becomes w->net */
void wt_ov_close_net(wt_ov_writer *w);                             /* its parent becomes w->net; its texts are freed */

/* --- refusing ------------------------------------------------------------------------------------------------------
 */
void wt_ov_unable(wt_ov_writer *w, const char *fmt, ...) WT_PRINTF(2, 3);

/* --- values --------------------------------------------------------------------------------------------------------
 */
typedef const wt_ov_val *wt_ov_ref;
wt_ov_ref wt_ov_ref_of(wt_ov_writer *w, const wt_value *v);
wt_ov_ref wt_ov_arg(wt_ov_writer *w, size_t i);                   /* input i of the node; NULL: omitted */
const wt_value *wt_ov_arg_value(const wt_ov_writer *w, size_t i); /* NULL: omitted */
const wt_tensor *wt_ov_arg_data(const wt_ov_writer *w, size_t i); /* data of a constant input; NULL: none */
int wt_ov_arg_rank(wt_ov_writer *w, size_t i);                    /* refuses an unknown one */
/* Whole numbers of a constant input; false, and nothing said, when it is computed. */
bool wt_ov_arg_ints(const wt_ov_writer *w, size_t i, int64_t *out, size_t max, size_t *n);

/* --- constants (ov_emit_const.c) -----------------------------------------------------------------------------------
 */
wt_ov_ref wt_ov_const(wt_ov_writer *w, const wt_value *v,
                      const wt_shape *as); /* as: NULL, or the shape it is seen in */
wt_ov_ref wt_ov_lit(wt_ov_writer *w, wt_dtype dtype, const wt_shape *shape, const void *data); /* data are copied */
wt_ov_ref wt_ov_lit_ints(wt_ov_writer *w, const int64_t *v, size_t n);                         /* int64 [n] */
wt_ov_ref wt_ov_lit_int(wt_ov_writer *w, int64_t v);                                           /* int64 scalar */
wt_ov_ref wt_ov_lit_as(wt_ov_writer *w, wt_dtype dtype, double v);                             /* scalar */
wt_ov_ref wt_ov_lit_floats(wt_ov_writer *w, const wt_shape *shape, const float *v);
/* x quantized and dequantized, as a FakeQuantize; `last`: it gives that value. */
wt_ov_ref wt_ov_fake_quantize(wt_ov_writer *w, wt_ov_ref x, const wt_quant *quant, const wt_shape *shape,
                              const wt_value *last);

/* --- building ------------------------------------------------------------------------------------------------------
 */
void wt_ov_put(wt_ov_writer *w, const char *name, const char *fmt, ...) WT_PRINTF(3, 4);
void wt_ov_put_ints(wt_ov_writer *w, const char *name, const int64_t *v, size_t n);
void wt_ov_put_bool(wt_ov_writer *w, const char *name, bool v);
void wt_ov_put_float(wt_ov_writer *w, const char *name, double v);
void wt_ov_put_text(wt_ov_writer *w, const char *name, const char *v, size_t len); /* escaped */
/* A layer with n_out results of that type; last[k], where not NULL, is the value that result k is. */
void wt_ov_layer_n(wt_ov_writer *w, const char *type, int opset, const wt_ov_ref *in, size_t n_in, wt_dtype dtype,
                   wt_ov_ref *out, size_t n_out, const wt_value *const *last);
wt_ov_ref wt_ov_add_n(wt_ov_writer *w, const char *type, int opset, wt_dtype dtype, const wt_ov_ref *in, size_t n_in);
void wt_ov_last_n(wt_ov_writer *w, const char *type, int opset, const wt_ov_ref *in, size_t n_in); /* gives output 0 */
void wt_ov_same(wt_ov_writer *w, size_t k, wt_ov_ref v); /* output k is a value that is there already */
#define WT_OV_REFS(...)   ((const wt_ov_ref[]){ __VA_ARGS__ })
#define WT_OV_N_REFS(...) (sizeof WT_OV_REFS(__VA_ARGS__) / sizeof(wt_ov_ref))
/* The result has the type of the first input. */
#define wt_ov_add(w, type, opset, ...)                                                                                 \
    wt_ov_add_n(w, type, opset, WT_DTYPE_NONE, WT_OV_REFS(__VA_ARGS__), WT_OV_N_REFS(__VA_ARGS__))
#define wt_ov_add_as(w, type, opset, dtype, ...)                                                                       \
    wt_ov_add_n(w, type, opset, dtype, WT_OV_REFS(__VA_ARGS__), WT_OV_N_REFS(__VA_ARGS__))
#define wt_ov_last(w, type, opset, ...) wt_ov_last_n(w, type, opset, WT_OV_REFS(__VA_ARGS__), WT_OV_N_REFS(__VA_ARGS__))
wt_ov_ref wt_ov_convert(wt_ov_writer *w, wt_ov_ref x, wt_dtype to);
wt_ov_ref wt_ov_reshape(wt_ov_writer *w, wt_ov_ref x, const int64_t *dims, size_t n, bool special_zero);
/* For weights and other operands under a shape of more or fewer dimensions: a constant is stored so. */
wt_ov_ref wt_ov_shaped(wt_ov_writer *w, const wt_value *v, const wt_shape *shape);
/* Layers that the decompression mark keeps from being folded: between them. */
void wt_ov_mark_decompression(wt_ov_writer *w);
/* An XML body: the text, escaped. */
void wt_ov_escape(wt_buf *out, const char *text, size_t len);
#endif
