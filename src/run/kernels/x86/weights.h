/* weights.h - weights in the order in which tiles read them: [oc/16][kh][input block][kw][step][16 outputs][channels of
 * a step].
 *
 * One packer for all: float32 and half steps are one channel, byte dots are steps of 4, 16-bit pairs steps of 2. Rows
 * and columns that do not exist are zero. Behind the weights of integers lie the int32 sums of each output channel's
 * weights, which zero points are multiplied with. */
#ifndef WT_X86_WEIGHTS_H
#define WT_X86_WEIGHTS_H
#include "run/kernels/x86/tile.h"

typedef struct wt_weights {
    const wt_tensor *w;
    size_t oc_stride, ic_stride, kh_stride, kw_stride; /* elements */
    size_t groups, ocg, icg, kh, kw;
    size_t merged; /* groups of the operator in one of these, with zeros between them; 0 and 1: none */
    const wt_tileset *tiles;
    size_t channels; /* of a full input block */
    /* filled by wt_weights_layout */
    size_t oc_blocks, blocks, k_last, step_channels; /* of a group */
    size_t w_row, w_block;                           /* bytes */
    size_t sums_at; /* bytes before the sums; total is this + 4 * 16 * groups * oc_blocks */
} wt_weights;
/* False when sizes overflow. */
bool wt_weights_layout(wt_weights *w);
/* Packs through the cache of p. */
wt_status wt_weights_pack(const wt_weights *w, const wt_prep *p, const void **packed, wt_err *err);
static inline const int32_t *wt_weights_sums(const wt_weights *w, const void *packed)
{
    return (const int32_t *)(const void *)((const char *)packed + w->sums_at);
}
#endif
