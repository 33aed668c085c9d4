/* qpool.h - pools of codes in blocks of 16 channels: what the rows of qpool.c prepare and qpool_avx2.c runs. A pixel is
 * 16 bytes, so AVX2 has all there is to use. */
#ifndef WT_X86_QPOOL_H
#define WT_X86_QPOOL_H
#include "base/base.h"

enum { WT_QPOOL_MOST = 1 << 22 }; /* taps whose sum surely fits 32 bits */

/* A stretch of pixels, each `step` bytes behind the one before. */
typedef struct wt_qpool_taps {
    const uint8_t *x;
    size_t n, step;
} wt_qpool_taps;

/* How a sum of codes becomes a code, in the operations of the portable row: doubles to the average, floats from there.
 */
typedef struct wt_qpool_store {
    double x_scale;
    float y_scale, y_zero, lo, hi;
} wt_qpool_store;

/* best[16] = max(best, every pixel of the taps) */
typedef void wt_qpool_max_fn(uint8_t *best, const wt_qpool_taps *taps, bool is_signed);
/* sums[16] += every pixel of the taps */
typedef void wt_qpool_sum_fn(int32_t *sums, const wt_qpool_taps *taps, bool is_signed);
/* y[16] = codes of (sums - zero) * x_scale / count */
typedef void wt_qpool_codes_fn(const wt_qpool_store *s, const int32_t *sums, int32_t zero, double count, uint8_t *y);
wt_qpool_max_fn wt_qpool_max_avx2;
wt_qpool_sum_fn wt_qpool_sum_avx2;
wt_qpool_codes_fn wt_qpool_codes_avx2;
#endif
