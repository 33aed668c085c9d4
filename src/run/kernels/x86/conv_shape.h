/* conv_shape.h - a convolution over one or two dimensions, parsed, and turned into a product of tiles. */
#ifndef WT_X86_CONV_SHAPE_H
#define WT_X86_CONV_SHAPE_H
#include "run/kernels/x86/tiled.h"
#include "run/kernels/x86/weights.h"

typedef struct wt_conv_shape {
    size_t n, ic, ih, iw, oc, oh, ow, group, icg, ocg;
    size_t kh, kw, sh, sw, dh, dw;
    ptrdiff_t top, left; /* padding */
    size_t merged;       /* groups of the operator that became one; 1 otherwise */
} wt_conv_shape;
/* p->in[0] data, p->in[1] weights, p->out[0]; one spatial dimension counts as a height of 1. False for what this folder
 * does not take (other ranks, shapes that contradict each other or overflow): the portable row runs or refuses it. */
bool wt_conv_shape_read(wt_conv_shape *c, const wt_prep *p);
/* Groups whose channels do not fill blocks of 16 become fewer that do (or one), with zeros between their weights: more
 * arithmetic, but of the fast kind. False when that would be too much of it. */
bool wt_conv_merge_groups(wt_conv_shape *c);
static inline bool wt_conv_is_depthwise(const wt_conv_shape *c) { return c->group > 1 && c->icg == 1 && c->ocg == 1; }
/* All that is common to accepts() of convolutions: constant weights and bias of these types, C16 output, residual
 * alike. */
bool wt_conv_inputs_fit(const wt_prep *p, wt_dtype w, wt_dtype bias, wt_dtype res);

typedef struct wt_conv_plan {
    wt_tiled p;
    wt_weights w;
    ptrdiff_t *col;
    wt_phase *phases;
} wt_conv_plan;
/* Fills everything but weights, bias, finish and what wt_tiled_plan decides. convert: how C16 (or planar) input becomes
 * a band; must_copy: it cannot be read in place. fill: byte of a padding pixel. */
wt_status wt_conv_plan_make(wt_conv_plan *q, const wt_prep *prep, const wt_conv_shape *c, const wt_tileset *tiles,
                            wt_band_fn *convert, bool must_copy, unsigned char fill, wt_err *err);
/* Depthwise weights (float32 or int8, as floats) as [oc/16][kh * kw][16] through the cache, and float32 bias (in[2], if
 * any) as [oc/16][16], zero behind the last channel. */
wt_status wt_dw_pack(const wt_prep *p, const wt_conv_shape *c, const float **w, const float **bias, wt_err *err);
/* in[2] as [oc rounded up to 16] floats, zero where there is none. */
wt_status wt_conv_bias_f32(const wt_prep *p, size_t oc, const float **out, wt_err *err);
#endif
