/* block_rows.h - what becomes of the sums of a tile of block weights (blocks.h): bias, residual, activation, store. */
#ifndef WT_X86_BLOCK_ROWS_H
#define WT_X86_BLOCK_ROWS_H
#include "run/kernels/x86/blocks.h"

typedef struct wt_block_finish wt_block_finish;
/* y[r][0 .. lanes) = act(sum[r] + bias + residual[r]) for `rows` rows, `stride` floats apart; bias (WT_GROUP floats)
 * and residual may be NULL. */
typedef void wt_block_finish_fn(const wt_block_finish *f, const float *sum, size_t rows, size_t lanes,
                                const float *bias, const float *residual, float *y);
struct wt_block_finish {
    wt_block_finish_fn *fn;
    wt_act_params act;
    size_t stride;
};
wt_block_finish_fn wt_block_finish_avx2, wt_block_finish_avx512;
#endif
