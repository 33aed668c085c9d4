/* reader.h - what the parts of the ONNX reader share: read.c (model), read_graph.c, read_function.c, read_attr.c,
 * read_type.c, read_tensor.c. Everything read lands in the graph's arena; what only reading needs is in `scratch`. */
#ifndef WT_ONNX_READER_H
#define WT_ONNX_READER_H
#include "names.h"
#include "onnx.h"
#include "proto.h"
#include "wire.h"

enum {
    WT_ONNX_MAX_DEPTH = 64,        /* graphs in graphs and functions in functions, together: the reader recurses */
    WT_ONNX_MAX_INLINED = 1000000, /* nodes made from function bodies: doubling calls grow like 2^depth */
    WT_ONNX_MAX_INLINED_BYTES = 1 << 28, /* of function bodies read again */
    WT_ONNX_MAX_TYPE_DEPTH = 16          /* sequence of optional of sequence of ... */
};

typedef struct wt_onnx_opsets {
    const wt_opset *items;
    size_t count;
} wt_onnx_opsets;

typedef struct wt_reader {
    wt_context *ctx;
    wt_graph *root;  /* NULL while reading a lone tensor */
    wt_arena *arena; /* of what stays */
    wt_arena scratch;
    const char *dir; /* of external data; NULL: there may be none */
    int64_t ir_version;
    wt_onnx_opsets opsets;
    wt_names functions; /* domain \0 name \0 overload -> wt_function */
    wt_names files;     /* location -> wt_external */
    int depth;
    char *key; /* of the name that is being looked up */
    size_t cap_key;
    size_t inlined, inlined_bytes;
    int32_t *version; /* by node id: the opset version whose meaning the node has */
    size_t cap_version;
} wt_reader;

/* A function that is being inlined. Values of its body are named prefix + name. NULL: the model's own graph. */
typedef struct wt_frame {
    const struct wt_frame *up;
    const struct wt_function *function;
    const char *prefix;
    size_t prefix_len;
    wt_graph *graph;  /* the caller's, which the body's nodes join */
    wt_names inputs;  /* formal name -> wt_value; NULL: omitted by the caller */
    wt_names outputs; /* formal name -> wt_value, of those that the caller wants */
    wt_attrs attrs;   /* the caller's, with defaults */
    wt_onnx_opsets opsets;
} wt_frame;

/* A graph's fields, sorted out: where each message lies. */
typedef struct wt_pb_list {
    wt_pb *items;
    size_t count;
} wt_pb_list;

/* A string field, checked to be UTF-8 without NUL. */
wt_status wt_onnx_text(const wt_pb_field *f, const char *what, wt_string *out, wt_err *err);
/* Its NUL-terminated copy. */
wt_status wt_onnx_copy(wt_arena *arena, wt_string s, const char **out, wt_err *err);
/* A message that may occur once but is merged when it occurs again, as protobuf wants it: *slot is set at the first
 * occurrence f inside `parent`; at the second one all are joined. */
typedef struct wt_pb_slot {
    wt_pb msg; /* pos NULL: absent */
    bool joined;
} wt_pb_slot;
wt_status wt_onnx_once(wt_reader *rd, const wt_pb *parent, const wt_pb_field *f, const char *what, wt_pb_slot *slot,
                       wt_err *err);
/* All messages of field `number` in msg, in order. */
wt_status wt_onnx_list(wt_reader *rd, wt_pb msg, uint32_t number, const char *what, wt_pb_list *out, wt_err *err);

wt_status wt_onnx_read_tensor_proto(wt_reader *rd, wt_pb msg, wt_tensor *out, wt_string *name, wt_err *err);
wt_status wt_onnx_read_sparse(wt_reader *rd, wt_pb msg, wt_tensor *out, wt_string *name, wt_err *err);
/* Opens an external data file once, keeps it mapped with the root graph. */
wt_status wt_onnx_external(wt_reader *rd, wt_string location, uint64_t offset, const uint8_t **data, uint64_t *size,
                           wt_err *err);
/* ValueInfoProto into a value that exists. */
wt_status wt_onnx_read_info(wt_reader *rd, wt_pb msg, wt_string *name, wt_pb *type, wt_err *err);
wt_status wt_onnx_read_type(wt_reader *rd, wt_pb msg, wt_value *value, wt_err *err);
/* All attributes of a node; subgraphs are read into `graph`'s children. */
wt_status wt_onnx_read_attrs(wt_reader *rd, const wt_frame *frame, wt_graph *graph, const wt_pb_list *list,
                             wt_attrs *out, wt_err *err);
wt_status wt_onnx_read_graph(wt_reader *rd, const wt_frame *frame, wt_graph *graph, wt_pb msg, wt_err *err);
/* Nodes of a graph or of a function body: first all their outputs, then the nodes. */
wt_status wt_onnx_declare_outputs(wt_reader *rd, const wt_frame *frame, wt_graph *graph, const wt_pb_list *nodes,
                                  wt_err *err);
wt_status wt_onnx_read_nodes(wt_reader *rd, const wt_frame *frame, wt_graph *graph, const wt_pb_list *nodes,
                             wt_err *err);
/* The value that a name means at this place. *found false: none; true with *out NULL: the caller of the function being
 * inlined omitted it. */
wt_status wt_onnx_lookup(wt_reader *rd, const wt_frame *frame, const wt_graph *graph, wt_string name, wt_value **out,
                         bool *found, wt_err *err);
/* A new value, or the caller's for an output of the function being inlined; a taken name is refused. */
wt_status wt_onnx_declare(wt_reader *rd, const wt_frame *frame, wt_graph *graph, wt_string name, uint64_t offset,
                          wt_value **out, wt_err *err);

wt_status wt_onnx_read_opsets(wt_reader *rd, const wt_pb_list *list, wt_onnx_opsets *out, wt_err *err);
wt_status wt_onnx_read_functions(wt_reader *rd, const wt_pb_list *list, wt_err *err);
int64_t wt_onnx_version(const wt_reader *rd, const wt_frame *frame, const char *domain);
wt_status wt_onnx_find_function(wt_reader *rd, wt_string domain, wt_string name, wt_string overload,
                                struct wt_function **out, wt_err *err); /* NULL: no such function in the file */
/* What a call node says; arrays are in the scratch arena. */
typedef struct wt_call {
    const char *name, *op_type, *domain;
    wt_value **in, **out;
    size_t n_in, n_out;
    wt_attrs attrs;
    uint64_t offset;
} wt_call;
wt_status wt_onnx_inline(wt_reader *rd, const wt_frame *frame, wt_graph *graph, struct wt_function *function,
                         const wt_call *call, wt_err *err);
/* Appends the node, and remembers the version it has. */
wt_status wt_onnx_add_node(wt_reader *rd, const wt_frame *frame, wt_graph *graph, const wt_call *call, wt_err *err);
#endif
