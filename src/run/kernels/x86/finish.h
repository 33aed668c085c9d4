/* finish.h - what happens to a tile of sums on its way to memory: residual, activation, requantization, cut-off lanes.
 *
 * Float tiles whose activation is a clamp and whose blocks are full store by themselves; everything else, and all
 * integer tiles, go through a small buffer in L1 and through one of these functions. */
#ifndef WT_X86_FINISH_H
#define WT_X86_FINISH_H
#include "run/kernels/x86/qpoint.h"
#include "run/kernels/x86/tile.h"

/* The same for a whole layer. */
typedef struct wt_finish {
    wt_act_params act;
    wt_affine affine; /* of float convolutions */
    bool zero_tail;   /* lanes behind the last channel are stored as zero (C16); otherwise they do not exist */
    /* integers only */
    wt_dtype y_type;    /* U8, I8 or F32 */
    wt_dtype r_type;    /* U8, I8 or F32 */
    const float *scale; /* [channels rounded up to 16]: x_scale * w_scale */
    const float *bias;  /* [channels rounded up to 16] real numbers beside what sums contain; NULL */
    float y_scale, y_inverse, y_zp;
    float r_scale, r_zp;
    const float *mult;    /* [channels rounded up to 16]: scale / y_scale */
    float r_mult, shift;  /* r_scale / y_scale; y_zp - r_zp * r_mult */
    const wt_fuse *fuse;  /* NULL, or neither residual nor real bias, and clamping is all the activation does */
    const uint8_t *table; /* NULL, or what becomes of the codes; once a line is stored, while it is in L1 */
    wt_qpoint_table_fn *table_fn;
    float lo, hi; /* codes that results are clamped to: the type's limits, narrowed by a clamping activation */
} wt_finish;

typedef struct wt_spot {
    const void *tile; /* [nb][mr][16] float or int32 */
    int mr, nb;
    int last;       /* lanes of the last block that are channels */
    size_t channel; /* of the first block */
    char *out;
    const char *res;          /* NULL */
    size_t out_px, out_block; /* bytes */
    size_t res_px, res_block;
} wt_spot;
typedef void wt_finish_fn(const wt_finish *f, const wt_spot *spot);
wt_finish_fn wt_finish_f32_avx2, wt_finish_f32_avx512;
wt_finish_fn wt_finish_int_avx2, wt_finish_int_avx512;

/* Activations that clamping to [lo, hi] is all there is to; fills lo and hi. */
static inline bool wt_act_clamps(wt_act_params act, float *lo, float *hi)
{
    *lo = -__builtin_inff(), *hi = __builtin_inff();
    if (act.act == WT_ACT_RELU)
        *lo = 0;
    if (act.act == WT_ACT_CLIP)
        *lo = act.alpha, *hi = act.beta;
    return act.act == WT_ACT_NONE || act.act == WT_ACT_RELU || act.act == WT_ACT_CLIP;
}
#endif
