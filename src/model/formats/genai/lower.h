/* lower.h - inside the lowering of decoders to ONNX: lower.c walks the nodes, lower_weights.c makes constants,
 * lower_attention.c the inputs, caches and GroupQueryAttention. */
#ifndef WT_GENAI_LOWER_H
#define WT_GENAI_LOWER_H
#include "genai.h"
#include "model/arch/rope.h"
#include "model/blocks/nbits.h"

/* The same constant in another form is made once. */
typedef enum wt_part {
    WT_PART_WHOLE,
    WT_PART_CODES,
    WT_PART_TABLE,
    WT_PART_SCALES,
    WT_PART_OFFSETS,
    WT_PART_SUMS
} wt_part;
typedef struct wt_lowered {
    const wt_value *from;
    wt_part part;
    int key; /* an element type, or the length of a block */
    wt_value *to;
} wt_lowered;

typedef struct wt_angles { /* tables of one kind of Rope */
    wt_rope rope;
    wt_value *cosine, *sine;
} wt_angles;

typedef struct wt_lower {
    const wt_graph *from;
    wt_graph *to;
    const wt_hparams *hp;
    const wt_genai_options *options;
    wt_dtype act;                  /* of activations and caches */
    wt_value **map;                /* [ids of from]: the value in `to`; NULL: not yet, or none */
    wt_value *ids, *mask, *places; /* inputs; places: NULL until something wants them */
    wt_value *seqlens, *total;
    wt_lowered *made;
    size_t n_made, made_cap;
    wt_angles *angles;
    size_t n_angles, angles_cap;
    const wt_node *node; /* at which we are, for names and messages */
} wt_lower;

/* Emits a node with one output; out gets the name of the node we are at when `last`. */
wt_status wt_lower_put(wt_lower *l, const char *domain, const char *op, wt_value *const *in, size_t n_in,
                       const wt_attr *attrs, size_t n_attrs, wt_value **out, wt_err *err);
wt_status wt_lower_ints(wt_lower *l, const int64_t *v, size_t n, wt_value **out, wt_err *err);
/* WT_EUNSUPPORTED at the node: `what` it has that ONNX Runtime cannot run. */
wt_status wt_lower_refuse(const wt_lower *l, wt_err *err, const char *fmt, ...) WT_PRINTF(3, 4);

/* --- lower_weights.c --- */
/* A constant of `from` as numbers of `dtype`; NONE: as it is stored (block formats: of the activations' type). */
wt_status wt_lower_constant(wt_lower *l, const wt_value *from, wt_dtype dtype, wt_value **out, wt_err *err);
/* x times the transpose of the matrix. */
wt_status wt_lower_product(wt_lower *l, wt_value *x, const wt_value *matrix, wt_value **out, wt_err *err);
/* Rows of the table. */
wt_status wt_lower_rows(wt_lower *l, wt_value *ids, const wt_value *table, wt_value **out, wt_err *err);
/* A table of `rows` rows of cos (or sin) of the angles. */
wt_status wt_lower_angles(wt_lower *l, const wt_rope *rope, int64_t rows, bool sine, wt_value **out, wt_err *err);

/* --- lower_attention.c --- */
wt_status wt_lower_inputs(wt_lower *l, wt_err *err);
wt_status wt_lower_places(wt_lower *l, wt_value **out, wt_err *err);
/* The node is KvAttention; Rope in front of it goes into it. */
wt_status wt_lower_attention(wt_lower *l, const wt_node *node, wt_value **out, wt_err *err);
#endif
