/* safetensors.h - safetensors files: a header of JSON, and tensors one behind the other.
 *
 *     u64 N | N bytes of JSON, padded with spaces | data, to the end of the file
 *
 * What is read is a set with the names of the file and, of keys, the metadata's "format" alone; huggingface/ makes one
 * with GGUF's names of it. Data are views of the maps; a tensor whose data lie at an address that its type does not
 * allow is copied when it is asked for (WT_FORM_STACK). */
#ifndef WT_SAFETENSORS_H
#define WT_SAFETENSORS_H
#include "model/format.h"
#include "model/weights.h"

enum {
    WT_SAFETENSORS_MAX_HEADER = 100000000,
    WT_SAFETENSORS_MAX_NAME = 1024,
};
#define WT_SAFETENSORS_INDEX "model.safetensors.index.json"

bool wt_safetensors_sniff(const uint8_t *head, size_t len);
/* One file. */
wt_status wt_safetensors_open(wt_weights **out, wt_context *ctx, const char *path, wt_err *err);
/* model.safetensors of a folder, or the files that its index names. */
wt_status wt_safetensors_open_folder(wt_weights **out, wt_context *ctx, const char *folder, wt_err *err);
/* "F8_E4M3"; NULL: the format has no such type. */
const char *wt_safetensors_dtype_name(wt_dtype dtype);
/* Its place in the reference's list, by which writers sort; -1: none. */
int wt_safetensors_dtype_rank(wt_dtype dtype);

/* Parses a header and adds its tensors, whose data begin at `data`; `size` bytes are there. For the fuzzer too. */
wt_status wt_safetensors_header(wt_weights *set, uint32_t file, const uint8_t *bytes, uint64_t size, const char *path,
                                wt_err *err);

typedef struct wt_safetensors_options {
    bool force;               /* overwrite what is there */
    uint64_t max_shard_bytes; /* of a file of the folder; 0: all in one */
    const char *format;       /* what the metadata say; NULL: "pt" */
} wt_safetensors_options;
/* Tensors in the order of the reference writer, streamed row by row; each file is read back and hashed. */
wt_status wt_safetensors_write(const wt_weights *set, const char *path, const wt_safetensors_options *options,
                               wt_written *written, wt_err *err);
/* model.safetensors in the folder; or, when they are larger than a shard may be, several files and the index. */
wt_status wt_safetensors_write_folder(const wt_weights *set, const char *folder, const wt_safetensors_options *options,
                                      wt_written *written, wt_err *err);
#endif
