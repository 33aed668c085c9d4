/* hf_family.h - what the files of families say, for hf_*.c alone.
 *
 * Tensor names are without ".weight" and ".bias"; `#` is the number of a layer, `@` that of an expert. Names of the
 * folder are below one of the family's prefixes ("model."), but not behind a '^'. */
#ifndef WT_HF_FAMILY_H
#define WT_HF_FAMILY_H
#include "huggingface.h"

typedef enum wt_hf_change {
    WT_HF_SAME,
    WT_HF_PAIRS_Q,   /* rows of heads in pairs, as llama.cpp rotates them; heads are those of q */
    WT_HF_PAIRS_K,   /* those of k */
    WT_HF_PLUS_1,    /* stored minus one */
    WT_HF_TRANSPOSE, /* [in, out] */
    WT_HF_QKV,       /* q, k, v of each key head together */
    WT_HF_EXPERTS,   /* a tensor per expert */
    WT_HF_UPPER,     /* the first half of the rows (of each expert) */
    WT_HF_LOWER,     /* the second */
    WT_HF_FLAT       /* [1, n]; GGUF: [n] */
} wt_hf_change;

typedef struct wt_hf_tensor {
    const char *gguf, *hf;
    wt_hf_change change;
} wt_hf_tensor;

typedef enum wt_hf_key_type { WT_HF_INT, WT_HF_FLOAT, WT_HF_BOOL } wt_hf_key_type;
typedef enum wt_hf_need { WT_HF_OPTIONAL, WT_HF_REQUIRED, WT_HF_DEFAULT } wt_hf_need;

typedef struct wt_hf_key {
    const char *gguf; /* behind the architecture, or behind '^' whole */
    const char *hf;   /* "n_positions|n_ctx": the first that is there; the first is written */
    wt_hf_key_type type;
    wt_hf_need need;
    double fallback; /* WT_HF_DEFAULT: what transformers takes when the key is absent */
} wt_hf_key;

typedef struct wt_hf_family wt_hf_family;

/* A folder that is read. */
typedef struct wt_hf_model {
    wt_context *ctx;
    wt_weights *raw, *set;     /* names of the folder; of GGUF */
    const char *folder, *path; /* path: of config.json */
    json_t *root, *config;     /* the file; the part that describes the text model */
    const wt_hf_family *family;
    const char *prefix;
    bool packed; /* raw has matrices of codes and scales (hf_packed.c), as [out, in] whatever the family has */
    bool mlx;    /* written by MLX, which keeps some tensors otherwise than transformers does */
    bool tied;   /* a head in the file is the embeddings again */
    int64_t layers, experts, heads, kv_heads;
    const wt_weight **used; /* raw tensors that went into the set */
    size_t n_used, used_cap;
} wt_hf_model;

/* A folder that is written. */
typedef struct wt_hf_export {
    wt_context *ctx;
    wt_weights *set, *view; /* names of GGUF; of the folder */
    const wt_hf_write_options *options;
    const wt_hf_family *family;
    json_t *config;
    wt_dtype dtype;
    int64_t layers, heads, kv_heads;
    const wt_weight **used;
    size_t n_used, used_cap;
    const char *gguf;                /* name of the tensor at hand, without suffix */
    wt_weights *plain;               /* MLX: matrices before they become codes and scales; NULL: none */
    struct wt_mlx_matrix **matrices; /* in the view's arena */
    size_t n_matrices, matrices_cap;
} wt_hf_export;

enum { WT_HF_TABLES = 3, WT_HF_IGNORED = 6 };
struct wt_hf_family {
    const char *model_type, *arch, *class_name;
    const char *prefixes[4];                   /* tried in turn; the first is written */
    const wt_hf_key *keys[WT_HF_TABLES];       /* each ended by NULL */
    const wt_hf_tensor *tensors[WT_HF_TABLES]; /* likewise; the first row of the first is the embedding */
    const char *ignored[WT_HF_IGNORED];        /* globs of names that mean nothing to us */
    bool tied;                                 /* what an absent tie_word_embeddings means */
    bool import_only;                          /* never written */
    const char *written_with;                  /* a key: this row is written, not one before it, where it is above 0 */
    /* What the tables cannot say; may be NULL. read: the keys of the tables are set; write: config has theirs. */
    wt_status (*read)(wt_hf_model *m, wt_err *err);
    wt_status (*write)(wt_hf_export *x, wt_err *err);
};
extern const wt_hf_family *const wt_hf_families[]; /* ended by NULL; rows of hf_families.def */

/* --- shared tables (hf_tables.c) --- */
extern const wt_hf_key wt_hf_decoder_keys[], wt_hf_head_keys[], wt_hf_window_keys[];
extern const wt_hf_tensor wt_hf_decoder_tensors[];

/* --- reading (hf_config.c) --- */
/* The value of the first of "a|b" that is there and not null; NULL: none. */
const json_t *wt_hf_get(const json_t *object, const char *names);
/* Numbers of config.json; absent or null gives the fallback; another type is WT_EFORMAT naming the key. */
wt_status wt_hf_number(const wt_hf_model *m, const json_t *object, const char *names, double fallback, double *out,
                       wt_err *err);
bool wt_hf_true(const json_t *object, const char *name);
/* Refuses, with config.json as where. */
wt_status wt_hf_refuse(const wt_hf_model *m, wt_status code, const char *hint, wt_err *err, const char *fmt, ...)
    WT_PRINTF(5, 6);
wt_status wt_hf_read_keys(wt_hf_model *m, wt_err *err);
/* "ARCH.name" and, in the other direction, from it. */
wt_status wt_hf_set_int(wt_hf_model *m, const char *name, int64_t value, wt_err *err);
wt_status wt_hf_set_float(wt_hf_model *m, const char *name, double value, wt_err *err);
wt_status wt_hf_set_text(wt_hf_model *m, const char *name, const char *value, wt_err *err);
int64_t wt_hf_int_of(const wt_weights *set, const char *arch, const char *name, int64_t fallback);
double wt_hf_float_of(const wt_weights *set, const char *arch, const char *name, double fallback);

/* --- quantized folders (hf_packed.c): raw becomes a set whose matrices are decoded row by row; or stays as it is ---
 */
wt_status wt_hf_unpack(wt_hf_model *m, wt_err *err);

/* --- rope (hf_rope.c): rope_scaling or rope_parameters <-> keys and tensors of factors --- */
wt_status wt_hf_read_rope(wt_hf_model *m, wt_err *err);
wt_status wt_hf_write_rope(wt_hf_export *x, wt_err *err);

/* --- tensors (hf_tensors.c, hf_export.c) --- */
wt_status wt_hf_read_tensors(wt_hf_model *m, wt_err *err);
/* The type of the written tensors, but of those that would lose by it. */
wt_dtype wt_hf_export_dtype(const wt_hf_export *x);
wt_status wt_hf_export_tensors(wt_hf_export *x, wt_err *err);
/* The row of a tensor that MLX keeps otherwise: experts in one ("switch_mlp"), the halves of a gate apart. `pattern` is
 * the name of `out`. */
bool wt_hf_mlx_row(const wt_hf_tensor *row, char *pattern, size_t size, wt_hf_tensor *out);
/* PREFIX + pattern with its numbers + suffix, into out; false when it does not fit. */
bool wt_hf_name(char *out, size_t size, const char *prefix, const char *pattern, int64_t layer, int64_t expert,
                const char *suffix);
/* What GGUF files keep as float32: vectors, routers, tables of positions. */
bool wt_hf_wants_f32(const char *gguf, int rank);
/* Pointers of tensors that were used, to find those that were not. */
wt_status wt_hf_mark(wt_context *ctx, const wt_weight ***used, size_t *n, size_t *cap, const wt_weight *w, wt_err *err);
/* Sorts the marks and answers the first tensor of the set that is not among them and for which skip() is false. */
typedef bool wt_hf_skip_fn(const void *user, wt_string name);
const wt_weight *wt_hf_first_unused(const wt_weights *set, const wt_weight **used, size_t n, wt_hf_skip_fn *skip,
                                    const void *user);

/* --- writing (hf_write.c, hf_vocabulary.c) --- */
wt_status wt_hf_put(wt_hf_export *x, const char *name, json_t *value, wt_err *err); /* takes value; NULL: no memory */
json_t *wt_hf_real(double value); /* the shortest decimal that is this float32 */
wt_status wt_hf_write_vocabulary(wt_hf_export *x, const char *folder, wt_written *written, wt_err *err);
/* tokenizer.json of byte-level BPE (hf_bpe.c); WT_OK without one where the pre-tokenizer's name is not known. */
wt_status wt_hf_write_bpe(wt_hf_export *x, const char *folder, const wt_meta *tokens, wt_written *written, wt_err *err);
wt_status wt_hf_write_text(wt_hf_export *x, const char *folder, const char *name, const char *text, size_t len,
                           wt_written *written, wt_err *err);
#endif
