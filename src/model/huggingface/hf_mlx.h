/* hf_mlx.h - a folder that is written for MLX; for hf_*.c alone. */
#ifndef WT_HF_MLX_H
#define WT_HF_MLX_H
#include "hf_family.h"
#include "model/formats/mlx/mlx.h"

/* Refuses a family that MLX's models have not. */
wt_status wt_hf_mlx_check(const wt_hf_export *x, wt_err *err);
/* Whether a tensor, named as in the folder, becomes codes and scales. */
bool wt_hf_mlx_wants(const wt_hf_export *x, const wt_weight *v, wt_dtype from);
/* Adds its parts to the view. */
wt_status wt_hf_mlx_put(wt_hf_export *x, wt_weight *v, wt_dtype from, wt_err *err);
/* "quantization" into config.json; after the tensors are known. */
wt_status wt_hf_mlx_describe(wt_hf_export *x, wt_err *err);
/* After they are written. */
wt_status wt_hf_mlx_ledger(const wt_hf_export *x, wt_err *err);
/* The tokenizer's files of the folder that the set is of; *copied: there were some. */
wt_status wt_hf_copy_tokenizer(wt_hf_export *x, const char *folder, wt_written *written, bool *copied, wt_err *err);
#endif
