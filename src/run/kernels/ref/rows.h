/* rows.h - the tables of the portable rows of elementwise operators, reductions, movement and products. */
#ifndef WT_REF_ROWS_H
#define WT_REF_ROWS_H
#include "run/kernel.h"
extern const wt_kernel wt_unary_rows[], wt_cast_rows[], wt_clip_rows[], wt_predicate_rows[], wt_arrange_rows[];
extern const wt_kernel wt_binary_rows[], wt_compare_rows[], wt_bits_rows[], wt_pow_rows[], wt_variadic_rows[],
    wt_where_rows[];
extern const wt_kernel wt_shape_rows[], wt_copy_rows[], wt_concat_rows[], wt_gather_rows[], wt_scatter_rows[],
    wt_pad_rows[];
extern const wt_kernel wt_make_rows[], wt_select_rows[], wt_resize_rows[], wt_sample_rows[], wt_random_rows[],
    wt_signal_rows[];
extern const wt_kernel wt_reduce_rows[], wt_arg_rows[], wt_topk_rows[], wt_softmax_rows[], wt_cumsum_rows[];
extern const wt_kernel wt_matmul_rows[], wt_linear_rows[], wt_einsum_rows[], wt_reorder_rows[];
#endif
