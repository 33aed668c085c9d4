/* gguf.h - GGUF files, versions 2 and 3: what llama.cpp and its kin keep language models in (docs/formats.md).
 *
 *     header | keys and values | tensor infos | padding | tensor data, each padded */
#ifndef WT_GGUF_H
#define WT_GGUF_H
#include "model/format.h"
#include "model/weights.h"

enum {
    WT_GGUF_VERSION = 3,
    WT_GGUF_ALIGNMENT = 32, /* without general.alignment */
    WT_GGUF_MAX_NAME = 63,  /* llama.cpp keeps a tensor's name in 64 bytes */
    WT_GGUF_MAX_KEY = 65535,
    WT_GGUF_MAX_DIMS = 4
};

bool wt_gguf_sniff(const uint8_t *head, size_t len);
/* One file, or all files of a split model whose name (PREFIX-00001-of-00003.gguf) says so, whichever of them `path` is.
 * Data are views of the maps; a file in the other byte order is swapped into memory. */
wt_status wt_gguf_open(wt_weights **out, wt_context *ctx, const char *path, wt_err *err);

/* One file in memory, which the set borrows. */
wt_status wt_gguf_read_bytes(wt_weights **out, wt_context *ctx, const void *bytes, size_t len, wt_err *err);

/* --- writing: version 3, one file ------------------------------------------------------------------------------------
 * Header, keys and infos are written at once; then data follow, tensor after tensor, in pieces of any size. */
typedef struct wt_gguf_entry {
    wt_string name;
    wt_dtype dtype;
    wt_shape shape;
} wt_gguf_entry;
typedef struct wt_gguf_writer wt_gguf_writer;
/* Keys are those of `keys` (but split.*), with the types that llama.cpp asks for. */
wt_status wt_gguf_writer_open(wt_gguf_writer **out, const wt_weights *keys, const wt_gguf_entry *entries, size_t n,
                              const char *path, bool force, wt_err *err);
/* A piece must not go beyond its tensor's end. */
wt_status wt_gguf_writer_put(wt_gguf_writer *writer, const void *bytes, size_t len, wt_err *err);
/* Renames, reads the file back and compares; takes the writer. written may be NULL. */
wt_status wt_gguf_writer_commit(wt_gguf_writer *writer, wt_written *written, wt_err *err);
void wt_gguf_writer_abort(wt_gguf_writer *writer); /* NULL is fine */

/* A tensor of the set, and as what it is written. */
typedef struct wt_gguf_recoding {
    const wt_weight *weight;
    wt_dtype dtype;
    const float *importance; /* NULL, or weights of the columns */
    /* filled while writing */
    double sqnr_db;      /* of what is stored against what was; INFINITY: nothing was lost */
    uint64_t not_finite; /* NaN and infinite numbers, which only plain types can keep */
} wt_gguf_recoding;
/* Writes the tensors, each decoded and encoded row by row on the context's threads; the same bytes for any number of
 * them. Memory: some MiB. A number that the new type cannot hold is WT_EUNSUPPORTED naming tensor and place. */
wt_status wt_gguf_recode(wt_weights *weights, wt_gguf_recoding *list, size_t n, const char *path, bool force,
                         wt_written *written, wt_err *err);
#endif
