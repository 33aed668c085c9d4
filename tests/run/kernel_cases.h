/* kernel_cases.h - the suites of kernel_check.h, and the shapes that several of them use. */
#ifndef WT_KERNEL_CASES_H
#define WT_KERNEL_CASES_H
#include "run/kernel_check.h"

/* A convolution's geometry; h of everything is 1 with one spatial dimension. */
typedef struct kc_conv {
    int rank; /* 3 or 4 */
    int64_t n, ic, ih, iw, oc, group, kh, kw, sh, sw, dh, dw, top, left, bottom, right, oh, ow;
    wt_act_params act;
    bool bias, res;
} kc_conv;
/* Geometry number `index`: all tails of channels and widths, kernels, strides, padding, dilations in turn. */
bool kc_conv_geometry(kc_conv *g, size_t index, kc_random *r);
void kc_conv_attrs(kc_case *c, const kc_conv *g);
/* sum of x * w and of their absolute values at output (n, o, y, x), padding being `pad`. */
typedef struct kc_sum {
    double sum, magnitude;
} kc_sum;
kc_sum kc_conv_sum(const kc_case *c, const kc_conv *g, int64_t n, int64_t o, int64_t y, int64_t x, double x_zp);
wt_act_params kc_pick_act(kc_random *r);
void kc_act_attrs(kc_case *c, wt_act_params act);
/* How far an activation's result may be off when its argument is x and may be off by `slack`. */
double kc_act_bound(wt_act_params act, double x, double slack);

bool kc_make_bench(kc_case *c, size_t index, kc_random *r); /* for bench_kernels: no expected results */
bool kc_make_conv_f32(kc_case *c, size_t index, kc_random *r);
bool kc_make_linear_block(kc_case *c, size_t index, kc_random *r);
bool kc_make_nbits(kc_case *c, size_t index, kc_random *r);
bool kc_make_kv_attention(kc_case *c, size_t index, kc_random *r);
bool kc_make_decoder(kc_case *c, size_t index, kc_random *r);
bool kc_make_experts(kc_case *c, size_t index, kc_random *r);
bool kc_make_linear(kc_case *c, size_t index, kc_random *r);
bool kc_make_matmul(kc_case *c, size_t index, kc_random *r);
bool kc_make_reorder(kc_case *c, size_t index, kc_random *r);
bool kc_make_transpose(kc_case *c, size_t index, kc_random *r);
bool kc_make_quant_conv(kc_case *c, size_t index, kc_random *r);
bool kc_make_quant_linear(kc_case *c, size_t index, kc_random *r);
#endif
