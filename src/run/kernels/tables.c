/* tables.c - all kernel tables, the portable references first: a later row is preferred (kernel.h). */
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/x86/rows.h"

const wt_kernel *const wt_kernel_tables[] = {
    wt_unary_rows,
    wt_clip_rows,
    wt_predicate_rows,
    wt_binary_rows,
    wt_compare_rows,
    wt_bits_rows,
    wt_pow_rows,
    wt_variadic_rows,
    wt_where_rows,
    wt_shape_rows,
    wt_copy_rows,
    wt_concat_rows,
    wt_select_rows,
    wt_cumsum_rows,
    wt_topk_rows,
    wt_arg_rows,
    wt_reduce_rows,
    wt_softmax_rows,
    wt_linear_rows,
    wt_matmul_rows,
    wt_cast_rows,
    wt_reorder_rows,
    wt_scatter_rows,
    wt_gather_rows,
    wt_nn_conv_rows,
    wt_nn_conv_transpose_rows,
    wt_nn_deform_rows,
    wt_nn_pool_rows,
    wt_nn_roi_rows,
    wt_nn_norm_rows,
    wt_nn_norm_axis_rows,
    wt_nn_attention_rows,
    wt_nn_rotary_rows,
    wt_rnn_rows,
    wt_quant_linear_rows,
    wt_quant_conv_rows,
    wt_quant_matmul_rows,
    wt_quant_pointwise_rows,
#if WT_X86
    wt_x86_conv_rows,
#endif
    NULL,
};
