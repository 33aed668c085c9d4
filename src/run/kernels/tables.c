/* tables.c - all kernel tables, the portable references first: a later row is preferred (kernel.h). */
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"

const wt_kernel *const wt_kernel_tables[] = {
    wt_unary_rows,
    wt_nn_conv_rows,
    wt_nn_pool_rows,
    wt_nn_norm_rows,
    wt_rnn_rows,
    wt_quant_linear_rows,
    NULL,
};
