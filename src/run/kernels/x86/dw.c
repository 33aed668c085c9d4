/* dw.c - the loop over the tiles of a depthwise plane. See dw.h. */
#include "run/kernels/x86/dw.h"

const wt_dw_kind *wt_dw_pick(const wt_dw_kind *kinds, const wt_dw_plane *p)
{
    while (kinds->kw && (kinds->kw != p->kw || kinds->sw != p->sw || p->dw != 1))
        kinds++;
    return kinds;
}

/* Outputs of one or two rows. */
static void line(const wt_dw_plane *p, wt_dw_tile *t, const float *in, float *out, int rows)
{
    const wt_dw_kind *k = p->kind;
    const ptrdiff_t reach = (ptrdiff_t)(p->kw - 1) * p->dw;
    for (size_t x = 0; x < p->ow;) {
        const size_t left = p->ow - x, wide = (size_t)k->ur[0], narrow = (size_t)k->ur[1];
        const int v = left <= narrow || (left > wide && left <= 2 * narrow); /* 8 is 4 + 4, not 7 + 1 */
        const size_t ur = (size_t)k->ur[v];
        t->col = (ptrdiff_t)x * p->sw - p->left;
        t->n = (int)(left < ur ? left : ur);
        t->in = in + t->col * 16;
        t->out = out + x * 16;
        const ptrdiff_t last = t->col + ((ptrdiff_t)ur - 1) * p->sw + reach;
        const bool edge = t->col < 0 || last >= (ptrdiff_t)p->iw || left < ur;
        k->fn[rows - 1][v][edge](t);
        x += (size_t)t->n;
    }
}

void wt_dw_rows(const wt_dw_plane *p, const float *in, const float *w, const float *bias, float *out, size_t y0,
                size_t y1)
{
    wt_dw_tile t = { .w = w,
                     .bias = bias,
                     .in_row = p->in_row * (size_t)p->dh,
                     .out_row = p->ow * 16,
                     .kh = p->kh,
                     .kw = p->kw,
                     .sh = p->sh,
                     .sw = p->sw,
                     .dw = p->dw,
                     .cols = (ptrdiff_t)p->iw,
                     .lo = p->lo,
                     .hi = p->hi };
    for (size_t y = y0; y < y1;) {
        /* two rows share input rows only when those are neighbours */
        const int rows = y1 - y > 1 && p->kind->rows == 2 && p->dh == 1 && p->sh < p->kh ? 2 : 1;
        const ptrdiff_t top = (ptrdiff_t)y * p->sh - p->top, taps = p->kh + (rows - 1) * p->sh, ih = (ptrdiff_t)p->ih;
        const ptrdiff_t first = top < 0 ? (-top + p->dh - 1) / p->dh : 0;
        const ptrdiff_t inside = top < ih ? (ih - 1 - top) / p->dh + 1 : 0;
        const ptrdiff_t end = inside < taps ? inside : taps;
        t.r0 = (int)(first < end ? first : end);
        t.r1 = (int)end;
        line(p, &t, in + (top + t.r0 * (ptrdiff_t)p->dh) * (ptrdiff_t)p->in_row, out + y * p->ow * 16, rows);
        y += (size_t)rows;
    }
}
