/* dw.h - depthwise convolution of one block of 16 channels: which tiles there are, and the loop over lines.
 *
 * A tile is `ur` columns x 1 or 2 rows of outputs. Each input vector is loaded once and used by every tap of every
 * output that it feeds: one load for up to 6 multiply-adds, where a kernel that goes pixel by pixel loads for each of
 * them. Columns outside the image are read from a line of zeros by the tiles at the edges, rows outside are left out.
 */
#ifndef WT_X86_DW_H
#define WT_X86_DW_H
#include "run/kernels/x86/finish.h"

typedef struct wt_dw_tile {
    const float *in;   /* what tap row r0, tap column 0 of the first output reads; may lie outside the image */
    const float *w;    /* [kh][kw][16] */
    const float *bias; /* [16] */
    float *out;
    size_t in_row, out_row; /* floats between tap rows, between output rows */
    int r0, r1;             /* tap rows of the tile that lie inside the image */
    int kh, kw, sh, sw, dw; /* kw, sw, dw only matter to the general tile */
    ptrdiff_t col, cols;    /* source column of tap column 0 of the first output; columns of the image */
    int n;                  /* outputs to store (edge tiles) */
    float lo, hi;
} wt_dw_tile;
typedef void wt_dw_fn(const wt_dw_tile *t);

/* One kernel width and column stride; fn[rows - 1][wide: 0, narrow: 1][inside: 0, edge: 1]. */
typedef struct wt_dw_kind {
    int kw, sw; /* 0: any, dilated too */
    int rows;   /* 1 or 2 */
    int ur[2];
    wt_dw_fn *fn[2][2][2];
} wt_dw_kind;
/* Ends with the general kind. */
extern const wt_dw_kind wt_dw_kinds_avx2[], wt_dw_kinds_avx512[];

/* A layer, planar in blocks: plane [ih][iw][16] in, plane [oh][ow][16] out. */
typedef struct wt_dw_plane {
    const wt_dw_kind *kind;
    size_t ih, iw, oh, ow, in_row; /* in_row: floats between input rows */
    int kh, kw, sh, sw, dh, dw;
    ptrdiff_t top, left;
    float lo, hi;
} wt_dw_plane;
const wt_dw_kind *wt_dw_pick(const wt_dw_kind *kinds, const wt_dw_plane *p);
/* Output rows [y0, y1) of one block; out is the plane's row 0, in that of the source. */
void wt_dw_rows(const wt_dw_plane *p, const float *in, const float *w, const float *bias, float *out, size_t y0,
                size_t y1);
#endif
