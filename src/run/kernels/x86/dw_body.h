/* dw_body.h - the tiles of dw.h, for the instruction set of the file that includes it. A pixel is 1 or 2 vectors: tiles
 * run once for each. */
#include "run/kernels/x86/dw.h"
#include "run/kernels/x86/vec.h"

static const float zeros[16];

WT_INLINE vf dw_load(const wt_dw_tile *t, const float *in, int c, bool edge)
{
    if (edge && (size_t)(t->col + c) >= (size_t)t->cols)
        in = zeros;
    else
        in += c * 16;
    return vf_load(in);
}

/* One row of input against one or two rows of output: w0 for the upper one, w1 for the lower one, NULL: not fed by it.
 */
WT_INLINE void dw_row(const wt_dw_tile *t, const float *in, const float *w0, const float *w1, vf acc[2][8], const int K,
                      const int S, const int UR, const bool edge)
{
    WT_UNROLL
    for (int c = 0; c < (UR - 1) * S + K; c++) {
        const vf v = dw_load(t, in, c, edge);
        WT_UNROLL
        for (int k = 0; k < K; k++)
            if (c >= k && (c - k) % S == 0 && (c - k) / S < UR) {
                if (w0)
                    acc[0][(c - k) / S] = vf_fma(v, vf_load(w0 + k * 16), acc[0][(c - k) / S]);
                if (w1)
                    acc[1][(c - k) / S] = vf_fma(v, vf_load(w1 + k * 16), acc[1][(c - k) / S]);
            }
    }
}

WT_INLINE void dw_half(const wt_dw_tile *t, const int half, const int K, const int S, const int UR, const int ROWS,
                       const bool edge)
{
    vf acc[2][8];
    const vf bias = vf_load(t->bias + half);
    const float *in = t->in + half, *w = t->w + half + t->r0 * K * 16;
    WT_UNROLL
    for (int y = 0; y < ROWS; y++) {
        WT_UNROLL
        for (int x = 0; x < UR; x++)
            acc[y][x] = bias;
    }
    for (int r = t->r0; r < t->r1; r++, in += t->in_row, w += K * 16) {
        const float *lower = w - t->sh * K * 16;
        if (ROWS == 1 || r < t->sh)
            dw_row(t, in, w, NULL, acc, K, S, UR, edge);
        else if (r < t->kh)
            dw_row(t, in, w, lower, acc, K, S, UR, edge);
        else
            dw_row(t, in, NULL, lower, acc, K, S, UR, edge);
    }
    const vf lo = vf_set(t->lo), hi = vf_set(t->hi);
    WT_UNROLL
    for (int y = 0; y < ROWS; y++) {
        WT_UNROLL
        for (int x = 0; x < UR; x++)
            if (!edge || x < t->n)
                vf_store(t->out + (size_t)y * t->out_row + x * 16 + half, vf_min(hi, vf_max(lo, acc[y][x])));
    }
}

#define DW(NAME, K, S, UR, ROWS, EDGE)                                                                                 \
    static void NAME(const wt_dw_tile *t)                                                                              \
    {                                                                                                                  \
        for (int half = 0; half < 16; half += VL)                                                                      \
            dw_half(t, half, K, S, UR, ROWS, EDGE);                                                                    \
    }
#define DW_PAIR(NAME, K, S, UR, ROWS) DW(NAME##_inside, K, S, UR, ROWS, false) DW(NAME##_edge, K, S, UR, ROWS, true)

/* Any width, stride and dilation: 4 outputs, one tap at a time. */
static void dw_any(const wt_dw_tile *t)
{
    for (int half = 0; half < 16; half += VL) {
        vf acc[4];
        const float *in = t->in + half, *w = t->w + half + t->r0 * t->kw * 16;
        WT_UNROLL
        for (int x = 0; x < 4; x++)
            acc[x] = vf_load(t->bias + half);
        for (int r = t->r0; r < t->r1; r++, in += t->in_row)
            for (int k = 0; k < t->kw; k++, w += 16) {
                const vf v = vf_load(w);
                WT_UNROLL
                for (int x = 0; x < 4; x++)
                    acc[x] = vf_fma(dw_load(t, in, x * t->sw + k * t->dw, true), v, acc[x]);
            }
        const vf lo = vf_set(t->lo), hi = vf_set(t->hi);
        WT_UNROLL
        for (int x = 0; x < 4; x++)
            if (x < t->n)
                vf_store(t->out + x * 16 + half, vf_min(hi, vf_max(lo, acc[x])));
    }
}
#define DW_FN(NAME)                                                                                                    \
    {                                                                                                                  \
        NAME##_inside, NAME##_edge                                                                                     \
    }
