/* qpoint.h - pointwise work on codes: what the rows of qpoint.c prepare and the files of each instruction set run.
 * Results equal the portable rows bit for bit: the same float operations in the same order, a division where they
 * divide. */
#ifndef WT_X86_QPOINT_H
#define WT_X86_QPOINT_H
#include "base/base.h"

typedef enum wt_qpoint_op { WT_QPOINT_ADD, WT_QPOINT_MUL, WT_QPOINT_SUB } wt_qpoint_op;
typedef struct wt_qpoint {
    wt_qpoint_op op;
    float a_scale, a_zero, b_scale, b_zero, y_scale, y_zero, lo, hi;
    bool a_signed, b_signed;
} wt_qpoint;

/* y[i] = a[i] op b[i]. */
typedef void wt_qpoint_same_fn(const wt_qpoint *q, const uint8_t *a, const uint8_t *b, uint8_t *y, size_t n);
/* pixels of 16 channels each: the operand `per_channel` (0: a, 1: b) is one pixel for all. */
typedef void wt_qpoint_channel_fn(const wt_qpoint *q, const uint8_t *a, const uint8_t *b, int per_channel, uint8_t *y,
                                  size_t pixels);
/* y[i] = table[x[i]]; x may be y. */
typedef void wt_qpoint_table_fn(const uint8_t *table, const uint8_t *x, uint8_t *y, size_t n);
/* codes of n floats, and back: quantize.h's formula. */
typedef void wt_qpoint_codes_fn(const float *x, uint8_t *y, size_t n, float scale, float zero, float lo, float hi);
typedef void wt_qpoint_reals_fn(const uint8_t *x, float *y, size_t n, float scale, float zero, bool is_signed);

typedef struct wt_qpoint_set {
    wt_qpoint_same_fn *same;
    wt_qpoint_channel_fn *channel;
    wt_qpoint_codes_fn *codes;
    wt_qpoint_reals_fn *reals;
} wt_qpoint_set;
extern const wt_qpoint_set wt_qpoint_avx2, wt_qpoint_avx512;
wt_qpoint_table_fn wt_qpoint_table_avx2, wt_qpoint_table_avx512vbmi;
#endif
