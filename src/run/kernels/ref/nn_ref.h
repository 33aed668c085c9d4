/* nn_ref.h - what the portable kernels of networks share: the product block, patches of a convolution, the epilogue.
 *
 * The block is 4 output channels x 8 positions: 8 accumulators of 4 floats, what 16 vector registers of the oldest
 * x86-64 (and of NEON) hold beside the operands, so that a compiler without any ISA flag makes a decent loop of it.
 * Every output element is summed in one order, whoever computes it: results do not depend on the number of threads. */
#ifndef WT_NN_REF_H
#define WT_NN_REF_H
#include "model/shape/nn_window.h"
#include "run/kernel.h"

enum { WT_REF_ROWS = 4, WT_REF_COLS = 8 };

/* acc[r][j] = sum over k < depth of a[r * lda + k] * b[k * ldb + j], for r < rows (1..4), all 8 columns. */
void wt_ref_block(const float *a, size_t lda, int rows, const float *b, size_t ldb, size_t depth,
                  float acc[WT_REF_ROWS][WT_REF_COLS]);

/* y[i] = act(y[i]), i < n */
void wt_ref_act(wt_act_params act, float *y, size_t n);

/* A convolution's geometry as kernels want it: spatial dimensions merged where that changes nothing, so that the last
 * one is as long as it can be. */
typedef struct wt_ref_conv {
    wt_window w; /* after merging; w.n >= 1 */
    size_t batch, ic, oc, group, icg, ocg;
    size_t taps, depth;       /* kernel positions; icg * taps */
    size_t in_size, out_size; /* positions of one channel */
    size_t rows, row_panels;  /* output rows (all dims but the last), panels of 8 in one row */
    wt_layout x_layout, y_layout, r_layout;
    wt_act_params act;
    wt_affine affine;
} wt_ref_conv;
/* Reads shapes and attributes of p: data p->in[xi], weights p->in[wi], result p->out[0]; refuses what the rule would
 * refuse. */
wt_status wt_ref_conv_init(wt_ref_conv *c, const wt_prep *p, size_t xi, size_t wi, wt_err *err);

/* Where a panel (up to 8 neighbouring outputs of one row) lies. */
typedef struct wt_ref_panel {
    size_t first;                  /* output position of its first element */
    size_t width;                  /* 1..8 */
    int64_t origin[WT_WINDOW_MAX]; /* input coordinates of tap 0 for the first element; may be negative */
} wt_ref_panel;
void wt_ref_panel_at(const wt_ref_conv *c, size_t index, wt_ref_panel *panel);
static inline size_t wt_ref_panels(const wt_ref_conv *c) { return c->rows * c->row_panels; }

/* For one tap of a panel: input position of column 0's row start plus which columns are inside. Column j reads position
 * row + at + j * step when lo <= j < hi; others are padding. */
typedef struct wt_ref_tap {
    int64_t row, at, step;
    int lo, hi;
} wt_ref_tap;
void wt_ref_tap_at(const wt_ref_conv *c, const wt_ref_panel *panel, size_t tap, wt_ref_tap *out);

/* Index of element (image n, channel c, position s) in a plain or C16 tensor of `channels` x `size`. */
static inline size_t wt_ref_at(wt_layout layout, size_t channels, size_t size, size_t n, size_t c, size_t s)
{
    return layout == WT_C16 ? ((n * ((channels + 15) / 16) + c / 16) * size + s) * 16 + c % 16
                            : (n * channels + c) * size + s;
}
static inline size_t wt_ref_lane(wt_layout layout) { return layout == WT_C16 ? 16 : 1; }
#endif
