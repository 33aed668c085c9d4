/* weights.h - named tensors with typed metadata: what GGUF files, safetensors and Hugging Face folders have in common,
 * before an architecture (model/arch/) makes a graph of them.
 *
 * Names and keys are GGUF's whatever the file was ("blk.0.attn_q.weight", "llama.block_count"): readers of other
 * formats translate, so that architectures, quantizer and writers know one vocabulary. Data are views of the mapped
 * files; a tensor that a foreign layout would force to be changed (rows of q and k in llama's pair order, norm weights
 * stored minus one, experts in files of their own) keeps its parts and says what has to be done; wt_weight_load() does
 * it row by row for writers, and wt_weight_data() once for a graph, in memory that the set owns. */
#ifndef WT_WEIGHTS_H
#define WT_WEIGHTS_H
#include "base/file.h"
#include "model/tensor.h"

/* Refuses the bytes of a file, which is where; the hint says that the file is damaged, unless a better one follows. */
wt_status wt_weights_refuse(const char *path, wt_err *err, uint64_t at, const char *fmt, ...) WT_PRINTF(4, 5);

/* GGUF's numbers. */
typedef enum wt_meta_type {
    WT_META_U8 = 0,
    WT_META_I8,
    WT_META_U16,
    WT_META_I16,
    WT_META_U32,
    WT_META_I32,
    WT_META_F32,
    WT_META_BOOL,
    WT_META_STRING,
    WT_META_ARRAY,
    WT_META_U64,
    WT_META_I64,
    WT_META_F64
} wt_meta_type;

/* One key. A scalar is an array of one with is_array false. Numbers lie packed at `data`, in the machine's byte order
 * but at any alignment (use wt_meta_*_at); strings are at `strings`. */
typedef struct wt_meta {
    wt_string key;
    wt_meta_type type; /* of the elements */
    bool is_array;
    uint64_t count;
    const void *data;
    const wt_string *strings;
    uint64_t source; /* byte offset in the file */
} wt_meta;

/* What the stored parts need to become the tensor. */
typedef enum wt_weight_form {
    WT_FORM_AS_IS = 0,
    WT_FORM_PAIRS,     /* rows of each head of `heads`: stored (i, i + d/2), wanted (2i, 2i + 1) */
    WT_FORM_HALVES,    /* the inverse */
    WT_FORM_PLUS_1,    /* add 1 to each element */
    WT_FORM_MINUS_1,   /* the inverse */
    WT_FORM_STACK,     /* parts are slices along axis 0; one part: data to be copied (misaligned, another type) */
    WT_FORM_TRANSPOSE, /* a matrix stored the other way round; its own inverse */
    WT_FORM_SPLIT_QKV, /* rows stored as `heads` groups of `queries` heads of q, one of k, one of v; wanted q, k, v */
    WT_FORM_GROUP_QKV  /* the inverse */
} wt_weight_form;

/* Rows of a part that are not in the file as they are wanted, and are made when they are asked for: from codes and
 * scales apart (packed.h), or from another set's tensor. Rows of `dtype`, or of `stored` where that is given. */
typedef struct wt_rows wt_rows;
typedef wt_status wt_rows_fn(const wt_rows *rows, uint64_t first, uint64_t n, void *out, wt_err *err);
struct wt_rows {
    wt_rows_fn *load;
    const void *from, *with; /* what `load` reads: borrowed, as long as the set lives */
    uint64_t first;          /* added to the row asked for: parts may be slices of one matrix */
};

typedef struct wt_weight {
    wt_string name;
    wt_dtype dtype; /* of what wt_weight_data gives */
    wt_shape shape; /* row-major, outermost first (GGUF's dims reversed); block formats run along the last axis */
    wt_weight_form form;
    wt_dtype stored; /* of the parts where it differs, in any form but AS_IS (BF16 that becomes F32); else NONE */
    int64_t heads, queries;
    const void *const *parts; /* parts[0..n_parts): equally large views */
    size_t n_parts;
    bool made;         /* parts are wt_rows instead; never with AS_IS or TRANSPOSE */
    size_t bytes;      /* of the whole tensor; wt_weights_add computes it */
    uint32_t file;     /* which of the set's files */
    uint64_t source;   /* offset of part 0 in it */
    const void *ready; /* NULL until wt_weight_data made it; as-is tensors: parts[0] */
} wt_weight;

typedef struct wt_weights wt_weights;
void wt_weights_close(wt_weights *weights); /* NULL is fine */

const char *wt_weights_path(const wt_weights *weights);
const char *wt_weights_format(const wt_weights *weights); /* "gguf", "safetensors" */
uint64_t wt_weights_file_bytes(const wt_weights *weights);
size_t wt_weights_count(const wt_weights *weights);
const wt_weight *wt_weights_at(const wt_weights *weights, size_t index);
size_t wt_weights_index(const wt_weights *weights, const wt_weight *weight);   /* the inverse */
const wt_weight *wt_weights_find(const wt_weights *weights, const char *name); /* NULL: absent; hashed */
/* The finished tensor; made (and kept) at the first call where form is not AS_IS. */
wt_status wt_weight_data(wt_weights *weights, const wt_weight *weight, wt_tensor *out, wt_err *err);
/* Rows [first, first + n) of the tensor seen as rows of its last axis, finished, into `out`; any form, no memory kept.
 */
wt_status wt_weight_load(const wt_weights *weights, const wt_weight *weight, uint64_t first, uint64_t n, void *out,
                         wt_err *err);
/* Rows of `weight` of `set`, from row `first` on, as a part of another set; in that one's arena. NULL: no memory. */
const wt_rows *wt_rows_of_weight(wt_weights *into, const wt_weights *set, const wt_weight *weight, uint64_t first,
                                 wt_err *err);
/* Rows of its last axis. */
uint64_t wt_weight_rows(const wt_weight *weight);

size_t wt_weights_meta_count(const wt_weights *weights);
const wt_meta *wt_weights_meta_at(const wt_weights *weights, size_t index);
const wt_meta *wt_weights_meta(const wt_weights *weights, const char *key); /* NULL: absent; hashed */
/* Element i of a numeric key, whatever its integer or float type; false when it is no number or out of range. */
bool wt_meta_int_at(const wt_meta *meta, uint64_t i, int64_t *out);
bool wt_meta_float_at(const wt_meta *meta, uint64_t i, double *out);
/* Scalars by key: absent gives the fallback; a wrong type is WT_EFORMAT naming file, key and what was expected. */
wt_status wt_weights_int(const wt_weights *w, const char *key, int64_t fallback, int64_t *out, wt_err *err);
wt_status wt_weights_float(const wt_weights *w, const char *key, double fallback, double *out, wt_err *err);
wt_status wt_weights_bool(const wt_weights *w, const char *key, bool fallback, bool *out, wt_err *err);
wt_status wt_weights_string(const wt_weights *w, const char *key, const char *fallback, wt_string *out, wt_err *err);

/* --- making one: for readers, converters and tests -------------------------------------------------------------------
 * Everything is copied into the set's arena except tensor data, which is borrowed. */
wt_status wt_weights_new(wt_weights **out, wt_context *ctx, const char *path, const char *format, wt_err *err);
/* The set closes the map. *index is what wt_weight.file means. */
wt_status wt_weights_add_map(wt_weights *weights, const wt_map *map, uint32_t *index, wt_err *err);
wt_status wt_weights_add(wt_weights *weights, const wt_weight *weight,
                         wt_err *err); /* a second of the name: WT_EFORMAT */
wt_status wt_weights_set_meta(wt_weights *weights, const wt_meta *meta, wt_err *err); /* replaces or adds */
wt_status wt_weights_set_int(wt_weights *weights, const char *key, wt_meta_type type, int64_t value, wt_err *err);
wt_status wt_weights_set_float(wt_weights *weights, const char *key, double value, wt_err *err); /* F32 */
wt_status wt_weights_set_string(wt_weights *weights, const char *key, const char *value, wt_err *err);
void wt_weights_drop_meta(wt_weights *weights, const char *key); /* absent: fine */
wt_arena *wt_weights_arena(wt_weights *weights);
wt_context *wt_weights_context(const wt_weights *weights);
/* As wt_weights_set_meta, but what `meta` points to lives as long as the set already (its arena, its maps). */
wt_status wt_weights_borrow_meta(wt_weights *weights, const wt_meta *meta, wt_err *err);
/* `other`, whose data the set's tensors are views of, is closed with the set. */
wt_status wt_weights_own(wt_weights *weights, wt_weights *other, wt_err *err);
/* What the set's reader keeps until the set is closed, once for a set: a folder whose weights are in a graph has no
 * tensors and keeps that graph. bytes: of its files. */
void wt_weights_keep(wt_weights *weights, void *what, void (*close)(void *what), uint64_t bytes);
void *wt_weights_kept(const wt_weights *weights); /* NULL: nothing */
/* WT_EUNSUPPORTED when the set has no tensors because its weights are in a graph. */
wt_status wt_weights_need_tensors(const wt_weights *weights, wt_err *err);
/* Zeroed pages that the set owns: for data that cannot be views. */
void *wt_weights_pages(wt_weights *weights, size_t bytes, wt_err *err);

/* --- opening and writing: any format ---------------------------------------------------------------------------------
 * A GGUF file (its split set follows from the name), a .safetensors file, or a Hugging Face folder. */
wt_status wt_weights_open(wt_weights **out, wt_context *ctx, const char *path, wt_err *err);
bool wt_weights_sniff(const char *path); /* whether wt_weights_open is the one to ask */

/* Numbers of one element: 1, 2, 4, 8; 0 for strings and arrays. */
size_t wt_meta_type_bytes(wt_meta_type type);
const char *wt_meta_type_name(wt_meta_type type); /* "u32" */
#endif
