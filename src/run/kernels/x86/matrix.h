/* matrix.h - a product with packed columns as a layer of tiles: rows of A are pixels, K runs in blocks of 16. */
#ifndef WT_X86_MATRIX_H
#define WT_X86_MATRIX_H
#include "run/kernels/x86/tiled.h"
#include "run/kernels/x86/weights.h"

typedef struct wt_matrix {
    size_t m, k, n;
    const wt_tileset *tiles;
    wt_band_fn *band;      /* packs rows of A */
    size_t a_size;         /* bytes of an element of A */
    size_t y_size, r_size; /* of the result, of the residual; rows have n elements */
} wt_matrix;
/* Columns to sum over: the only tap of a 1 x 1 kernel. */
extern const ptrdiff_t wt_matrix_col[1];
/* Fills everything of p but weights, bias, finish and what wt_tiled_plan decides. w: laid out. in_place: a single row
 * may be read where it lies. */
void wt_matrix_tiled(wt_tiled *p, const wt_matrix *m, const wt_weights *w, bool in_place);
/* Weights [k, n] (or [n, k]) for it; false when they are too large. */
bool wt_matrix_weights(wt_weights *w, const wt_matrix *m, const wt_tensor *b, bool transposed);
#endif
