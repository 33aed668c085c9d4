/* dwq_body.h - the tiles of dwq.h. The file that includes it says what a vector of sums is:
 *     vq              a vector of VL sums; PARTS of them are a pixel: a tile runs once for each
 *     INTERLEAVE      rows of a group
 *     FUSES           codes are stored by tiles (registers allow it)
 *     vq_load, vq_store
 *     interleave(p, part, is_signed)   the channels of a part, of the pixels p[0..INTERLEAVE)
 *     dot(acc, column, weights) */
#include "run/kernels/x86/fuse.h"

WT_INLINE vq column(const wt_dwq_tile *t, int group, int c, const int part, const bool edge)
{
    const char *p[INTERLEAVE];
    const bool outside = edge && (size_t)(t->col + c) >= (size_t)t->cols;
    WT_UNROLL
    for (int r = 0; r < INTERLEAVE; r++)
        p[r] = outside ? t->pad : t->row[group * INTERLEAVE + r] + (t->col + c) * 16;
    return interleave(p, part, t->is_signed);
}

WT_INLINE bool dwq_store(const wt_dwq_tile *t, const wt_fuse *fuse, const int part, vq acc[2][8], const int UR,
                         const int ROWS, const bool edge)
{
    if (fuse) {
        const wt_fuse f = *fuse; /* copies: a store might change the originals, as far as the compiler knows */
        const size_t lane = (size_t)part * VL, channel = t->channel + lane, codes_row = t->codes_row;
        char *const codes = t->codes + lane;
        const int n = t->n;
        vm doubtful = vm_none();
        WT_UNROLL
        for (int y = 0; y < ROWS; y++) {
            WT_UNROLL
            for (int x = 0; x < UR; x++)
                if (!edge || x < n)
                    doubtful = vm_or(doubtful,
                                     wt_fuse_store(&f, codes + (size_t)y * codes_row + x * 16, acc[y][x], channel));
        }
        return !vm_any(doubtful);
    }
    WT_UNROLL
    for (int y = 0; y < ROWS; y++) {
        WT_UNROLL
        for (int x = 0; x < UR; x++)
            if (!edge || x < t->n)
                vq_store(t->out + (y * WT_DWQ_PIXELS + x) * 16, part, acc[y][x]);
    }
    return false;
}

WT_INLINE bool dwq_part(const wt_dwq_tile *t, const wt_fuse *fuse, const int part, const int K, const int S,
                        const int UR, const int ROWS, const bool edge)
{
    vq acc[2][8];
    WT_UNROLL
    for (int y = 0; y < ROWS; y++) {
        WT_UNROLL
        for (int x = 0; x < UR; x++)
            acc[y][x] = vq_load(t->bias, part);
    }
    const char *w = t->w;
    for (int g = 0; g < t->groups; g++, w += K * WT_DWQ_TAP_BYTES) {
        WT_UNROLL
        for (int c = 0; c < (UR - 1) * S + K; c++) {
            const vq v = column(t, g, c, part, edge);
            WT_UNROLL
            for (int k = 0; k < K; k++)
                if (c >= k && (c - k) % S == 0 && (c - k) / S < UR) {
                    WT_UNROLL
                    for (int y = 0; y < ROWS; y++)
                        acc[y][(c - k) / S] = dot(acc[y][(c - k) / S], v,
                                                  vq_load(w + (size_t)y * t->w_row + k * WT_DWQ_TAP_BYTES, part));
                }
        }
    }
    return dwq_store(t, fuse, part, acc, UR, ROWS, edge);
}

/* Sums of every part are needed when codes of one are doubtful. */
#define DWQ(NAME, K, S, UR, ROWS, EDGE)                                                                                \
    static bool NAME(const wt_dwq_tile *t)                                                                             \
    {                                                                                                                  \
        bool done = FUSES && t->fuse != NULL;                                                                          \
        for (int part = 0; part < PARTS && done; part++)                                                               \
            done = dwq_part(t, t->fuse, part, K, S, UR, ROWS, EDGE);                                                   \
        for (int part = 0; part < PARTS && !done; part++)                                                              \
            dwq_part(t, NULL, part, K, S, UR, ROWS, EDGE);                                                             \
        return done;                                                                                                   \
    }
#define DWQ_PAIR(NAME, K, S, UR, ROWS) DWQ(NAME##_inside, K, S, UR, ROWS, false) DWQ(NAME##_edge, K, S, UR, ROWS, true)
#define DWQ_FN(NAME)                                                                                                   \
    {                                                                                                                  \
        NAME##_inside, NAME##_edge                                                                                     \
    }

/* Any width, stride and dilation: 4 outputs of one row, one tap column at a time. */
static bool dwq_any(const wt_dwq_tile *t)
{
    for (int part = 0; part < PARTS; part++) {
        vq acc[4];
        const char *w = t->w;
        WT_UNROLL
        for (int x = 0; x < 4; x++)
            acc[x] = vq_load(t->bias, part);
        for (int g = 0; g < t->groups; g++)
            for (int k = 0; k < t->kw; k++, w += WT_DWQ_TAP_BYTES) {
                WT_UNROLL
                for (int x = 0; x < 4; x++)
                    acc[x] = dot(acc[x], column(t, g, x * t->sw + k * t->dw, part, true), vq_load(w, part));
            }
        WT_UNROLL
        for (int x = 0; x < 4; x++)
            if (x < t->n)
                vq_store(t->out + x * 16, part, acc[x]);
    }
    return false;
}
