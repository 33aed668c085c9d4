/* mlx.h - matrices as MLX keeps them: words of codes, scales and (in mode affine) offsets, in three tensors whose rows
 * are made from the rows of one (docs/formats.md).
 *
 * A block format whose codes, scales and offsets are those of a mode is written with the same numbers; everything else
 * is quantized by MLX's own rule, to the nearest code of a range that keeps its larger end and zero. */
#ifndef WT_MLX_H
#define WT_MLX_H
#include "model/weights.h"

typedef enum wt_mlx_mode { WT_MLX_AFFINE, WT_MLX_MXFP4, WT_MLX_NVFP4, WT_MLX_MXFP8 } wt_mlx_mode;
typedef struct wt_mlx_scheme {
    wt_mlx_mode mode;
    int bits, group;
} wt_mlx_scheme;

/* "affine4-g64", "mxfp4", "nvfp4", "mxfp8". */
bool wt_mlx_scheme_parse(const char *name, wt_mlx_scheme *out);
const char *wt_mlx_mode_name(wt_mlx_mode mode);
static inline bool wt_mlx_scheme_equal(wt_mlx_scheme a, wt_mlx_scheme b)
{
    return a.mode == b.mode && a.bits == b.bits && a.group == b.group;
}
/* Whether a type's blocks are those of a mode: which. *scales: the narrowest type of all scales that are possible. */
bool wt_mlx_scheme_of_blocks(wt_dtype blocks, wt_mlx_scheme *out, wt_dtype *scales);

typedef enum wt_mlx_part { WT_MLX_WEIGHT, WT_MLX_SCALES, WT_MLX_BIASES } wt_mlx_part;
/* One matrix to be written; lives as long as the sets of its parts. */
typedef struct wt_mlx_matrix {
    const wt_weights *set;
    const wt_weight *weight; /* rows of any type with a codec */
    wt_mlx_scheme scheme;
    wt_dtype scales; /* F16, BF16, F32; mode affine alone */
    bool bridged;    /* codes and scales are those of the blocks */
    /* filled while the rows of WT_MLX_WEIGHT are loaded */
    double signal, noise, moved; /* moved: the largest relative change of a scale or an offset by its type */
} wt_mlx_matrix;
size_t wt_mlx_parts(const wt_mlx_matrix *m); /* 3, without offsets 2 */
/* Name of the part behind the module's, element type and width of a row. */
const char *wt_mlx_part_name(wt_mlx_part part);
wt_dtype wt_mlx_part_dtype(const wt_mlx_matrix *m, wt_mlx_part part);
int64_t wt_mlx_part_width(const wt_mlx_matrix *m, wt_mlx_part part);
/* A wt_rows_fn; rows->from is the wt_mlx_matrix, rows->with a wt_mlx_part. */
wt_status wt_mlx_load(const wt_rows *rows, uint64_t first, uint64_t n, void *out, wt_err *err);
#endif
