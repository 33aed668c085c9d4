/* nbits.h - products over weights as MatMulNBits has them, of 4 or 8 bits. */
#ifndef WT_X86_NBITS_H
#define WT_X86_NBITS_H
#include "model/blocks/nbits.h"

/* Columns [begin, end) of y [m, w->n] = x [m, w->k] times the transpose of w, + bias (may be NULL). `row` holds w->k
 * floats. A sum's order does not depend on m, begin or end. */
void wt_nbits_product_avx2(const wt_nbits *w, size_t begin, size_t end, const float *x, size_t m, const float *bias,
                           float *row, float *y);
#endif
