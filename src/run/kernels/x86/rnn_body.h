/* rnn_body.h - the product of rnn.h, for the instruction set of the file that includes it.
 *
 * A step of a single sequence is a matrix times one vector: it streams the weights, and what it must avoid is to wait
 * for the sum before, so the columns of two panels and every other k have sums of their own. Several rows share what is
 * read. */
#include "run/kernels/x86/rnn.h"
#include "run/kernels/x86/vec.h"

enum { PANEL_VECS = WT_RNN_PANEL / VL, MOST_ROWS = 4, MOST_PANELS = 2 };

/* out[i][p * 16 + j] = rows[i] . column j of panel p; panels lie depth * 16 floats apart. ways: sums over k. */
WT_INLINE void panels(const float *const *rows, const int n, const float *b, const int np, const int ways, size_t depth,
                      float *out, size_t row)
{
    vf acc[2][MOST_ROWS][MOST_PANELS * PANEL_VECS];
    const size_t panel = depth * WT_RNN_PANEL;
    WT_UNROLL
    for (int u = 0; u < ways; u++)
        for (int i = 0; i < n; i++)
            for (int v = 0; v < np * PANEL_VECS; v++)
                acc[u][i][v] = vf_set(0);
    size_t k = 0;
    for (; k + (size_t)ways <= depth; k += (size_t)ways) {
        WT_UNROLL
        for (int u = 0; u < ways; u++) {
            const float *at = b + (k + (size_t)u) * WT_RNN_PANEL;
            vf w[MOST_PANELS * PANEL_VECS];
            WT_UNROLL
            for (int v = 0; v < np * PANEL_VECS; v++)
                w[v] = vf_load(at + (size_t)(v / PANEL_VECS) * panel + v % PANEL_VECS * VL);
            WT_UNROLL
            for (int i = 0; i < n; i++) {
                const vf x = vf_set(rows[i][k + (size_t)u]);
                WT_UNROLL
                for (int v = 0; v < np * PANEL_VECS; v++)
                    acc[u][i][v] = vf_fma(x, w[v], acc[u][i][v]);
            }
        }
    }
    WT_UNROLL
    for (int i = 0; i < n; i++) {
        WT_UNROLL
        for (int v = 0; v < np * PANEL_VECS; v++) {
            vf sum = ways > 1 ? vf_add(acc[0][i][v], acc[1][i][v]) : acc[0][i][v];
            if (k < depth)
                sum = vf_fma(vf_set(rows[i][k]),
                             vf_load(b + (size_t)(v / PANEL_VECS) * panel + k * WT_RNN_PANEL + v % PANEL_VECS * VL),
                             sum);
            vf_store(out + (size_t)i * row + v * VL, sum);
        }
    }
}

void WT_VEC_NAME(wt_rnn_project)(const wt_rnn *q, const wt_rnn_work *w, int which, const float *const *rows, size_t n,
                                 int gate_begin, int gate_end, float *gates)
{
    const size_t depth = q->inner[which], end = (size_t)gate_end * q->stride, row = q->row;
    for (size_t c = (size_t)gate_begin * q->stride; c < end;) {
        const float *b = (const float *)w->packed[which] + c * depth;
        const bool two = end - c >= 2 * WT_RNN_PANEL;
        size_t i = 0;
        for (; i + 4 <= n; i += 4)
            if (two)
                panels(rows + i, 4, b, 2, 1, depth, gates + i * row + c, row);
            else
                panels(rows + i, 4, b, 1, 1, depth, gates + i * row + c, row);
        for (; i < n; i++)
            if (two)
                panels(rows + i, 1, b, 2, 2, depth, gates + i * row + c, row);
            else
                panels(rows + i, 1, b, 1, 2, depth, gates + i * row + c, row);
        c += two ? 2 * WT_RNN_PANEL : WT_RNN_PANEL;
    }
}
