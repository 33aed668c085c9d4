/* matrix.c - see matrix.h. */
#include "run/kernels/x86/matrix.h"

const ptrdiff_t wt_matrix_col[1] = { 0 };

bool wt_matrix_weights(wt_weights *w, const wt_matrix *m, const wt_tensor *b, bool transposed)
{
    *w = (wt_weights){ .w = b,
                       .oc_stride = transposed ? m->k : 1,
                       .ic_stride = transposed ? 1 : m->n,
                       .groups = 1,
                       .ocg = m->n,
                       .icg = m->k,
                       .kh = 1,
                       .kw = 1,
                       .tiles = m->tiles,
                       .channels = 16 };
    return m->m && m->k && m->n && m->k < (size_t)1 << 30 && wt_weights_layout(w);
}

void wt_matrix_tiled(wt_tiled *p, const wt_matrix *m, const wt_weights *w, bool in_place)
{
    const size_t px = m->tiles->px;
    *p = (wt_tiled){ .tiles = m->tiles,
                     .images = 1,
                     .lines = m->m,
                     .width = 1,
                     .flat = true,
                     .groups = 1,
                     .blocks = (int)w->blocks,
                     .k_last = (int)w->k_last,
                     .kh = 1,
                     .kw = 1,
                     .line_step = 1,
                     .row_step = 1,
                     .rows = (ptrdiff_t)m->m,
                     .col = wt_matrix_col,
                     .copy = m->m == 1 && in_place ? NULL : m->band,
                     .src_block = px,
                     .src_row = m->k * m->a_size,
                     .band_row = px,
                     .band_step = 1,
                     .src_channels = m->k,
                     .oc_blocks = w->oc_blocks,
                     .last = (int)(m->n - (w->oc_blocks - 1) * 16),
                     .w_row = w->w_row,
                     .w_block = w->w_block,
                     .out_line = m->n * m->y_size,
                     .out_px = m->n * m->y_size,
                     .out_block = 16 * m->y_size,
                     .res_line = m->n * m->r_size,
                     .res_px = m->n * m->r_size,
                     .res_block = 16 * m->r_size };
}
