/* graph.h - the intermediate representation: nodes over values.
 *
 * One graph owns an arena in which nodes, values, names, attributes and subgraphs live; closing the root graph frees
 * all. Constant data is borrowed from mapped files (which the root graph keeps open) or owned by the arena. A value has
 * one producer (or is an input or a constant) and a list of uses. Subgraphs (bodies of If, Loop, Scan) are graphs of
 * the same arena with `parent` set; a value used inside but defined outside simply appears as an input of the inner
 * node: uses lists cross that border. The list of nodes is always in topological order; editing functions keep uses
 * right; nothing else writes the fields. */
#ifndef WT_GRAPH_H
#define WT_GRAPH_H
#include "base/file.h"
#include "model/attr.h"
#include "model/op.h"

typedef struct wt_graph wt_graph;
typedef struct wt_node wt_node;
typedef struct wt_value wt_value;

/* How a value is quantized: real = (q - zero_point) * scale. Writers lower this to their framework's idiom.
 *
 * On an activation: the producer makes floats, consumers see them quantized and dequantized again (the values of a
 * QuantizeLinear -> DequantizeLinear pair), with the formulas of quantize.h.
 * On a constant: consumers always see float32, see wt_value_dtype(). The data are in one of two forms:
 *   type.dtype == quant->dtype  integers as stored (4-bit packed as in ONNX): consumers see their dequantized values;
 *   type.dtype == WT_F32        the original floats, to be quantized by whoever stores or packs them: consumers see the
 *                               values quantized and dequantized.
 * type.shape is the logical shape in both. Scales and zero points lie in the row-major order of the scale tensor: one;
 * one per element of the axis; with blocks, type.shape with the axis' dim replaced by ceil(dim / block). */
typedef struct wt_quant {
    wt_dtype dtype;            /* U8, I8, I32 (bias), U16, I16, U4, I4 */
    int axis;                  /* -1: per tensor; else scales along this axis */
    int64_t block;             /* 0: whole axis element; > 0: blocks of this length along the axis */
    size_t count;              /* number of scales and zero points */
    const float *scale;        /* [count] */
    const int32_t *zero_point; /* [count] */
    const char *origin;        /* "file", "calibrated", ...: for the ledger */
} wt_quant;

/* Subgraphs in subgraphs: more than the 100 nested messages that protobuf allows can hold, few enough to recurse. */
enum { WT_MAX_GRAPH_DEPTH = 64 };

/* A constant whose data are made when it is written: type.dtype and type.shape say what, type.data is what it is made
 * from, and nobody but a writer may look there. So a model that is converted is never in memory as a whole. */
typedef struct wt_made wt_made;
struct wt_made {
    uint64_t rows; /* that come one behind the other */
    size_t row_bytes;
    uint32_t same_as; /* id + 1 of an earlier constant with these bytes, which a file holds once; 0: none */
    wt_status (*fill)(const wt_made *made, uint64_t first, uint64_t n, void *out, wt_err *err);
};

typedef enum wt_value_kind { WT_TENSOR_VALUE = 0, WT_SEQUENCE_VALUE, WT_OPTIONAL_VALUE, WT_STATE_VALUE } wt_value_kind;

typedef struct wt_use {
    wt_node *node;
    size_t index; /* input number */
} wt_use;

struct wt_value {
    const char *name; /* unique in the graph and its subgraphs' scopes; never empty */
    uint32_t id;      /* dense, unique over the root graph and all its subgraphs */
    wt_value_kind kind;
    wt_tensor type; /* dtype, layout, shape as known; type.data != NULL: a constant */
    const wt_tensor
        *known; /* NULL, or the data that a shape rule worked out (small integer tensors), valid while the types
                   it was made from are. Rules see it as data, but the node stays and writers do not see it:
                   only wt_pass_fold makes it a constant. wt_value_is_const() is about real constants only */
    const wt_shape *declared; /* the shape before the first inference (the file's), which fills what rules leave open */
    wt_graph *graph;          /* where it is defined */
    wt_node *producer;        /* NULL: graph input or constant */
    size_t producer_index;
    wt_use *uses; /* every use, in subgraphs too */
    size_t n_uses, cap_uses;
    const wt_quant *quant;    /* NULL: not quantized */
    const wt_made *made;      /* NULL: type.data are the data */
    bool is_input, is_output; /* of `graph` */
    uint64_t source;          /* byte offset of its definition in the file, or WT_NO_OFFSET */
};

struct wt_node {
    const char *name; /* may be "" */
    uint32_t id;      /* dense, unique over the root graph and all its subgraphs */
    const wt_op *op;  /* NULL: unknown operator */
    const char *op_type, *domain;
    wt_attrs attrs;
    wt_value **in; /* NULL entry: omitted */
    size_t n_in;
    wt_value **out; /* NULL entry: omitted */
    size_t n_out;
    wt_graph *graph;
    wt_node *prev, *next; /* topological order */
    uint64_t source;      /* byte offset in the file, or WT_NO_OFFSET */
};

typedef struct wt_opset {
    const char *domain;
    int64_t version;
} wt_opset;
typedef struct wt_metadata {
    const char *key, *value;
} wt_metadata;

struct wt_graph {
    const char *name;
    wt_graph *root, *parent; /* root == this, parent == NULL for the root */
    wt_node *first, *last;
    size_t n_nodes;
    wt_value **inputs, **outputs;
    size_t n_inputs, n_outputs;
    wt_value **constants; /* initializers of this graph */
    size_t n_constants, cap_constants;
    /* root only */
    wt_context *ctx;
    wt_arena arena;
    uint32_t next_value_id, next_node_id;
    const char **symbols; /* names of symbolic dimensions */
    size_t n_symbols, cap_symbols;
    wt_map *maps; /* files that constants point into; grown with wt_grow, closed with the root */
    size_t n_maps, cap_maps;
    wt_opset *opsets; /* as the file said, before raising */
    size_t n_opsets;
    wt_metadata *metadata; /* model properties (labels, character tables, ...) */
    size_t n_metadata;
    const char *producer, *format; /* "onnx" */
    int64_t ir_version;
    bool contradictions_said;       /* that shapes differ from what the file declares was logged: once is enough */
    struct wt_name_table *names;    /* hash of value names, see wt_graph_find */
    struct wt_graph *shared_source; /* a clone keeps its source's mapped files alive: it must be closed first */
    void *user;                     /* for passes that need to hang something on a clone */
    void (*close_owned)(void *);    /* NULL, or what ends `owned` when the root is closed */
    void *owned;                    /* what constants are views of, when it is more than maps */
};

/* --- making ------------------------------------------------------------------------------------------------ */
wt_status wt_graph_new(wt_graph **out, wt_context *ctx, wt_err *err);
wt_status wt_graph_new_sub(wt_graph **out, wt_graph *parent, wt_err *err);
void wt_graph_close(wt_graph *root); /* NULL is fine; subgraphs go with their root */
/* The graph's constants are views of `what`: close(what) is called when the root is closed. Once for a graph. */
void wt_graph_own(wt_graph *root, void *what, void (*close)(void *what));
/* A value without producer. name is copied; NULL or "" gives a fresh name; one taken in the same graph is WT_EFORMAT
 * (a subgraph may shadow a name of its parents; the innermost is meant). */
wt_status wt_graph_add_value(wt_value **out, wt_graph *graph, const char *name, wt_err *err);
wt_status wt_graph_add_input(wt_graph *graph, wt_value *value, wt_err *err);
wt_status wt_graph_add_output(wt_graph *graph, wt_value *value, wt_err *err);
/* Makes `value` a constant of its graph; t->data is borrowed and must live as long as the graph (arena or map). */
wt_status wt_graph_set_constant(wt_value *value, const wt_tensor *t, wt_err *err);
/* A new constant with its own copy of the data. name may be NULL. */
wt_status wt_graph_add_constant(wt_value **out, wt_graph *graph, const char *name, const wt_tensor *t, wt_err *err);
wt_status wt_graph_add_const_i64(wt_value **out, wt_graph *graph, const char *name, const int64_t *v, size_t n,
                                 bool scalar, wt_err *err);
wt_status wt_graph_add_const_f32(wt_value **out, wt_graph *graph, const char *name, const float *v, size_t n,
                                 bool scalar, wt_err *err);
/* Appends (before == NULL) or inserts a node; arrays are copied; outputs must be values without producer. attrs may
 * be NULL; they are copied shallowly (names and data must live in the arena or be static). */
wt_status wt_graph_add_node(wt_node **out, wt_graph *graph, wt_node *before, const char *domain, const char *op_type,
                            const char *name, wt_value *const *in, size_t n_in, wt_value *const *out_values,
                            size_t n_out, const wt_attrs *attrs, wt_err *err);
wt_status wt_graph_symbol(wt_graph *graph, const char *name, int64_t *dim,
                          wt_err *err); /* finds or adds; *dim = WT_DIM_SYMBOL */
/* Whether a text stands for a dim: it holds a letter. Exporters write "?", "-1", "*", or None, for dims that have
 * nothing to do with each other. */
bool wt_names_a_dim(const char *text, size_t len);
/* NULL when there is no such value visible from `graph` (its own and its parents'). */
wt_value *wt_graph_find(const wt_graph *graph, const char *name);
const char *wt_graph_metadata(const wt_graph *graph, const char *key); /* NULL: absent */
int64_t wt_graph_opset(const wt_graph *graph, const char *domain);     /* 0: not imported */

/* --- editing: the only way passes change a graph ------------------------------------------------------------------ */
wt_status wt_node_set_input(wt_node *node, size_t index, wt_value *value,
                            wt_err *err); /* grows n_in if needed; NULL omits */
/* node makes `value` (which must have no producer) instead of its output `index`; that one is left without producer. */
wt_status wt_node_set_output(wt_node *node, size_t index, wt_value *value, wt_err *err);
wt_status wt_node_set_attr(wt_node *node, const wt_attr *attr, wt_err *err); /* replaces by name or adds */
wt_status wt_node_set_attr_int(wt_node *node, const char *name, int64_t value, wt_err *err);
wt_status wt_node_set_attr_float(wt_node *node, const char *name, float value, wt_err *err);
wt_status wt_node_set_op(wt_node *node, const char *domain, const char *op_type, wt_err *err);
/* All uses of `from` (graph outputs included, which then keep the OUTPUT's name by swapping names) become uses of `to`.
 * Where the output's name cannot go to `to` (a graph input, another output, a value of another graph), the output stays
 * `from`; `from->is_output` tells. */
wt_status wt_value_replace(wt_value *from, wt_value *to, wt_err *err);
/* Unlinks a node whose outputs have no uses and are no graph outputs (any other node stays). */
void wt_node_remove(wt_node *node);
/* Removes nodes and constants that nothing needs; returns how many nodes went. Subgraphs included. */
size_t wt_graph_sweep(wt_graph *graph);
void wt_node_move_before(wt_node *node, wt_node *before); /* the caller guarantees topological order */
/* Moves all nodes and constants of `body` (a subgraph of node's attributes) into node's graph, in front of node; body's
 * outputs become ordinary values there. Body inputs must be gone or unused (If has none). */
wt_status wt_graph_splice(wt_graph *body, wt_node *node, wt_err *err);
/* Re-establishes topological order after a reader appended in file order; WT_EFORMAT names a node of a cycle. */
wt_status wt_graph_sort(wt_graph *graph, wt_err *err);
/* Deep copy of a root: nodes, values, subgraphs, with the same ids; what never changes (constant data, names, attribute
 * data) is shared with the source, which must outlive the clone. */
wt_status wt_graph_clone(wt_graph **out, const wt_graph *source, wt_err *err);

/* --- asking --------------------------------------------------------------------------------------------------------
 */
/* The element type that consumers see: of a quantized constant stored as integers it is float32, not type.dtype. */
static inline wt_dtype wt_value_dtype(const wt_value *v)
{
    return v->quant && v->quant->dtype == v->type.dtype ? WT_F32 : v->type.dtype;
}
/* An input with data is an input with a default (ONNX: an initializer of the same name): it is no constant. */
static inline bool wt_value_is_const(const wt_value *v)
{
    return v && v->type.data != NULL && !v->producer && !v->is_input;
}
/* True when the only use of v is by one node in the same graph and v is no graph output. */
bool wt_value_single_use(const wt_value *v);
static inline bool wt_node_is(const wt_node *n, wt_opcode code) { return n && n->op && n->op->code == code; }
wt_graph *wt_node_subgraph(const wt_node *node, const char *attr); /* NULL when absent */
typedef wt_status wt_graph_visit_fn(void *arg, wt_node *node, wt_err *err);
wt_status wt_graph_visit(wt_graph *graph, wt_graph_visit_fn *fn, void *arg, wt_err *err); /* all nodes, subgraphs too */

/* Structure, uses, names, order, arity, dtypes that contradict: WT_EINTERNAL when a pass broke it, WT_EFORMAT when a
 * file did. */
wt_status wt_graph_verify(const wt_graph *graph, wt_status blame, wt_err *err);

/* Runs every shape rule in order, inside subgraphs too (If: branches merged; Loop/Scan: carried values). What a rule
 * leaves open is filled from the file's declaration; where both are known and differ, the rule wins and the log says so
 * (files with stale value_info are common and run everywhere). A rule that finds its inputs impossible, or another
 * dtype than the file declares, is WT_EFORMAT at the node. */
wt_status wt_graph_infer(wt_graph *graph, wt_err *err);
/* One node: rule applied to the values' types as they stand; results stored. */
wt_status wt_node_infer(wt_node *node, wt_err *err);
/* The same while a reader still makes the graph: what cannot be inferred yet, or contradicts, is left to
 * wt_graph_infer, which knows more then. */
wt_status wt_node_infer_early(wt_node *node, wt_err *err);

/* Fixes free dims of a graph input (NULL or "": the only one); dims below 0 stay as they are. A symbol gets its number
 * wherever the graph uses it. WT_EUSAGE when the model fixes another shape. wt_graph_infer carries it on. */
wt_status wt_graph_fix_input(wt_graph *graph, const char *name, const wt_shape *shape, wt_err *err);

/* --- printing --------------------------------------------------------------------------------------------------------
 */
struct wt_buf;
wt_status wt_graph_print_text(const wt_graph *graph, struct wt_buf *out, wt_err *err);
wt_status wt_graph_print_dot(const wt_graph *graph, struct wt_buf *out, wt_err *err);
wt_status wt_graph_print_svg(const wt_graph *graph, struct wt_buf *out,
                             wt_err *err); /* layered drawing, no script, no external font */
#endif
