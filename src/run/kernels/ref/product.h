/* product.h - products of float32 matrices, for MatMul, Gemm, Linear and Einsum.
 *
 * Operands may run in any direction (row and column strides), so that transposed ones need no copy of their own. The
 * work is cut into panels of 8 columns and blocks of rows; every output element is summed over k in one order that the
 * shape alone decides, so results do not depend on the number of threads. */
#ifndef WT_REF_PRODUCT_H
#define WT_REF_PRODUCT_H
#include "run/kernels/ref/types.h"
#include "run/kernel.h"

typedef struct wt_product wt_product;
/* Takes n finished sums: row i, columns from j on. */
typedef void wt_product_store(const wt_product *p, const void *arg, size_t i, size_t j, const float *sum, size_t n);

struct wt_product {
    size_t m, n, k;
    size_t a_row, a_col; /* strides in elements: a[i * a_row + p * a_col] */
    size_t b_row, b_col; /* b[p * b_row + j * b_col] */
    wt_dtype b_dtype;    /* F32, or F16 / BF16: converted while it is read */
    wt_product_store *store;
};

/* Units that one product is split into, and the scratch of one member in bytes. */
size_t wt_product_units(const wt_product *p);
size_t wt_product_scratch(const wt_product *p);
/* Units [begin, end) of one product. arg goes to store. */
void wt_product_run(const wt_product *p, const float *a, const void *b, const void *arg, void *scratch, size_t begin,
                    size_t end);
#endif
