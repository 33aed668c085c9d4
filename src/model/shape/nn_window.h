/* nn_window.h - where a sliding window goes: convolution, pooling and their inverses.
 *
 * One parser and one arithmetic for shape rules and kernels, so that what a rule promised is what a kernel does.
 * After wt_window_parse every kernel, stride and dilation is in 1..INT32_MAX and every pad in 0..INT32_MAX, so that the
 * products below fit int64. Unknown dimensions stay unknown. */
#ifndef WT_NN_WINDOW_H
#define WT_NN_WINDOW_H
#include "model/attr.h"
enum { WT_WINDOW_MAX = WT_MAX_RANK - 2 };
typedef enum wt_auto_pad { WT_PAD_EXPLICIT, WT_PAD_SAME_UPPER, WT_PAD_SAME_LOWER, WT_PAD_VALID } wt_auto_pad;

typedef struct wt_window {
    int n; /* spatial dimensions */
    wt_auto_pad auto_pad;
    bool ceil_mode;
    int64_t in[WT_WINDOW_MAX], out[WT_WINDOW_MAX];
    int64_t kernel[WT_WINDOW_MAX], stride[WT_WINDOW_MAX], dilation[WT_WINDOW_MAX];
    int64_t begin[WT_WINDOW_MAX], end[WT_WINDOW_MAX]; /* padding */
} wt_window;

/* Reads kernel_shape, strides, dilations, pads, auto_pad, ceil_mode for n spatial dimensions. kernel: spatial
 * dimensions of the weights (entries may be unknown), which kernel_shape must equal; NULL: kernel_shape is required. */
wt_status wt_window_parse(wt_window *w, const char *op_type, const wt_attrs *attrs, int n, const int64_t *kernel,
                          wt_err *err);
/* From w->in (set by the caller) to out, begin and end. */
wt_status wt_window_forward(wt_window *w, const char *op_type, wt_err *err);
/* ConvTranspose: reads output_padding and output_shape too; fills out, begin and end. */
wt_status wt_window_transposed(wt_window *w, const char *op_type, const wt_attrs *attrs, wt_err *err);
/* One window that is the whole image of `shape` ([n, c, ...]). */
wt_status wt_window_global(wt_window *w, const char *op_type, const wt_shape *shape, wt_err *err);
/* Taps [lo, hi) of dimension d that lie inside the input when tap 0 is at `origin`. */
void wt_window_clip(const wt_window *w, int d, int64_t origin, int64_t *lo, int64_t *hi);
/* How many those are, or how many lie inside the input with its padding. */
int64_t wt_window_taps(const wt_window *w, int d, int64_t origin, bool include_pad);
/* Input positions one window spans. */
static inline int64_t wt_window_extent(const wt_window *w, int i) { return (w->kernel[i] - 1) * w->dilation[i] + 1; }
#endif
