/* huggingface.h - folders as Hugging Face's tools write them: config.json, generation_config.json, the tokenizer's
 * files and safetensors.
 *
 * Reading gives GGUF's names and keys: a table per family (hf_family.h) says which tensor and which key of config.json
 * is which, and what has to be done with the data. Writing goes through the same tables the other way round. */
#ifndef WT_HUGGINGFACE_H
#define WT_HUGGINGFACE_H
#include <jansson.h>
#include "model/format.h"
#include "model/weights.h"

/* A folder with config.json and safetensors. */
wt_status wt_hf_open(wt_weights **out, wt_context *ctx, const char *folder, wt_err *err);
/* A safetensors file: with the config.json beside it; without one, as a set with the file's own names and no keys. */
wt_status wt_hf_open_file(wt_weights **out, wt_context *ctx, const char *path, wt_err *err);

/* The set of a folder whose tensors (by their own names) and config.json were read already; takes raw, also on failure.
 */
wt_status wt_hf_translate(wt_weights **out, wt_weights *raw, const json_t *config, const char *folder, wt_err *err);

typedef struct wt_hf_write_options {
    bool force;               /* overwrite what is there */
    wt_dtype dtype;           /* F32, F16 or BF16; NONE: as most of the model has it (F16 for block formats), and what
                                 would lose by that stays F32 */
    uint64_t max_shard_bytes; /* 0: all tensors in one file */
    bool mlx;                 /* as MLX keeps it: block formats that it knows by their numbers, the rest plain */
    const struct wt_mlx_scheme *mlx_scheme; /* what all matrices are quantized as; NULL: what they are */
    json_t *ledger; /* array that gets an object per tensor that is not what it was; NULL: none */
} wt_hf_write_options;
/* Makes the folder. Tensors with forms of their own are finished in memory on the way. config.json comes last: without
 * it the folder is no model. */
wt_status wt_hf_write(wt_weights *set, const char *folder, const wt_hf_write_options *options, wt_written *written,
                      wt_err *err);
/* The tokenizer's files alone, for folders of other tools. */
wt_status wt_hf_write_tokenizer(wt_weights *set, const char *folder, bool force, wt_written *written, wt_err *err);
/* After a write that failed: removes the files from `before` on, and the folder where it was made. */
void wt_hf_remove_written(const wt_written *written, size_t before, const char *folder, bool made);
#endif
