/* quant.h - what the rows of quantized convolutions and products share: attributes, zero points folded into the bias,
 * scales. */
#ifndef WT_X86_QUANT_H
#define WT_X86_QUANT_H
#include "run/kernels/x86/finish.h"
#include "run/kernels/x86/tile.h"

/* Types, attributes and constants of a QuantConv or QuantLinear with `n` output channels whose sums have `depth` terms:
 * all as internal_ops.h says, and no sum can leave 32 bits. */
bool wt_quant_fits(const wt_prep *p, int64_t n, int64_t depth);

/* f->fuse: what tiles need to store codes themselves, or NULL when they cannot: other activations than clamps,
 * residuals, a bias in real numbers, results as floats. */
wt_status wt_quant_fuse(wt_finish *f, const wt_prep *p, size_t n, wt_err *err);
/* What follows from act, y_type, y_scale, y_zp, r_scale and r_zp. */
void wt_finish_derive(wt_finish *f);

typedef struct wt_quant {
    bool x_signed;
    int x_zp;            /* as stored */
    const int32_t *bias; /* [n rounded up to 16]: bias - shift * sum of weights */
} wt_quant;
/* shift: the zero point in terms of what the tiles multiply. sums: of each channel's weights, n of them. Fills bias. */
wt_status wt_quant_bias(wt_quant *q, const wt_prep *p, size_t n, int shift, const int32_t *sums, wt_err *err);
/* Reads everything else; f gets scales [n rounded up to 16], zero points, activation. */
wt_status wt_quant_read(wt_quant *q, wt_finish *f, const wt_prep *p, size_t n, wt_err *err);
#endif
