/* op.h - what an operator is: one row of ops.def and one shape rule.
 *
 * The IR has ONE meaning per operator: that of ai.onnx opset 21 (newer operators: of the opset that brought
 * them). Readers raise older forms when they read (formats/onnx/raise.c): axes that became inputs are inputs,
 * Upsample is Resize, Softmax of opset < 13 is surrounded by reshapes, and so on. So shape rules, kernels, passes and
 * writers know one form only. Operators of domain "whet" are internal: passes make them, no file contains them. */
#ifndef WT_OP_H
#define WT_OP_H
#include "model/attr.h"

/* What a shape rule sees and fills. in[i] is NULL for an omitted input; in[i]->data is non-NULL when the value is
 * known (constants while compiling, everything while running). out[i] comes zeroed with rank -1: the rule sets dtype
 * and shape as far as they can be known; what needs data that is not there stays unknown, and that is no error.
 * A contradiction is WT_EFORMAT with a message that says what was expected. */
typedef struct wt_infer {
    const char *op_type; /* for messages */
    const wt_attrs *attrs;
    const wt_tensor *const *in;
    size_t n_in;
    wt_tensor *out;
    size_t n_out;
    wt_arena *arena; /* NULL: no room for data. Else a rule may allocate out[i].data (and bytes) here: a small integer
                        result that follows from shapes alone (Shape, Gather of it, ...) */
} wt_infer;
typedef wt_status wt_infer_fn(wt_infer *c, wt_err *err);

enum {                      /* flags of an op */
       WT_OP_UNARY = 1,     /* elementwise, one data input; out shape = in[0]'s */
       WT_OP_BROADCAST = 2, /* elementwise over broadcast inputs */
       WT_OP_VIEW = 4,      /* output is the bytes of in[0] with another shape: no work */
       WT_OP_RANDOM = 8,    /* never folded */
       WT_OP_CONTROL = 16,  /* has subgraphs (If, Loop, Scan): the executor runs it */
       WT_OP_INTERNAL = 32  /* domain "whet" */
};

typedef enum wt_opcode {
    WT_OP_UNKNOWN = 0, /* kept by reader and writer, refused by name when something has to run it */
#define X(id, name, domain, min_in, max_in, min_out, max_out, infer, flags) WT_OP_##id,
#include "model/ops.def"
#undef X
    WT_OP_COUNT
} wt_opcode;

enum { WT_MANY = 1 << 20 }; /* max_in / max_out of variadic operators */
typedef struct wt_op {
    wt_opcode code;
    const char *name;   /* "Conv" */
    const char *domain; /* "" is ai.onnx */
    int min_in, max_in, min_out, max_out;
    wt_infer_fn *infer;
    unsigned flags;
} wt_op;
/* The rules, written in model/shape/. */
#define X(id, name, domain, min_in, max_in, min_out, max_out, infer, flags) wt_infer_fn wt_infer_##infer;
#include "model/ops.def"
#undef X
const wt_op *wt_op_get(wt_opcode code);
/* "ai.onnx" and "" are the same domain. NULL: not one of ours. Fast (hashed or sorted). */
const wt_op *wt_op_find(const char *domain, const char *name);
#endif
