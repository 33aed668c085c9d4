/* rows.h - the kernel tables of this folder, and what their rows share. */
#ifndef WT_X86_ROWS_H
#define WT_X86_ROWS_H
#include "run/kernel.h"

extern const wt_kernel wt_x86_conv_rows[], wt_x86_decoder_rows[], wt_x86_experts_rows[], wt_x86_dw_rows[],
    wt_x86_matmul_rows[], wt_x86_nbits_rows[], wt_x86_linear_rows[], wt_x86_linear_block_rows[],
    wt_x86_kv_attention_rows[], wt_x86_quant_conv_rows[], wt_x86_quant_dw_rows[], wt_x86_quant_linear_rows[],
    wt_x86_qpoint_rows[], wt_x86_qpool_rows[], wt_x86_rnn_rows[], wt_x86_turn_rows[], wt_x86_vfunc_rows[];

/* run of every row whose params are a wt_tiled over in[0] with residual in[3]. */
wt_status wt_tiled_row_run(const wt_run *r, wt_err *err);

/* A barrier costs 40 ns and splitting leaves edges: below some microseconds of work one thread is faster. */
static inline void wt_x86_threads(wt_prep *p, double flops) { p->max_threads = flops >= 200e3 ? p->threads : 1; }
/* The same for work whose results take more time than its sums: operations, and codes that are stored. */
static inline void wt_x86_threads_codes(wt_prep *p, double flops, double codes)
{
    wt_x86_threads(p, flops + 24 * codes);
}
/* The same for work that is bound by memory. */
static inline void wt_x86_threads_bytes(wt_prep *p, double bytes) { p->max_threads = bytes >= 64e3 ? p->threads : 1; }
#endif
