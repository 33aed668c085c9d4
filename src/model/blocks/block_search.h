/* block_search.h - finding the scale (and minimum) that a group of numbers is stored with.
 *
 * All of them minimise a weighted square error over a short list of candidate scales, each followed by least squares
 * for the integers it gives; `codes` receives the integers of the best. */
#ifndef WT_BLOCK_SEARCH_H
#define WT_BLOCK_SEARCH_H
#include "blocks_impl.h"

/* Below this, a group counts as zero. */
#define WT_GROUP_EPS 1e-15f

typedef struct wt_offset_search {
    int n, most;      /* elements; largest code */
    float from, step; /* candidates: (from + step * i + most) / range, i = 0..steps */
    int steps;
    bool absolute; /* error: |d|, not d^2 */
} wt_offset_search;

/* x ~ scale * (code - most), code 0..2 most - 1. weights NULL: x^2. The scale may be negative. */
float wt_search_signed(int n, int most, const float *x, const float *weights, uint8_t *codes);
/* The same by coordinate descent, with weights x^2. */
float wt_search_signed_descent(int n, int most, const float *x, uint8_t *codes);
/* x ~ scale * code - *minimum, *minimum >= 0. */
float wt_search_offset(const wt_offset_search *s, const float *x, const float *weights, uint8_t *codes, float *minimum);
/* x >= 0: x ~ scale * code, code 0..most. */
float wt_search_positive(int n, int most, const float *x, const float *weights, uint8_t *codes);
#endif
