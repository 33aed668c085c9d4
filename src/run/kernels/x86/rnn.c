/* rnn.c - rows of LSTM, GRU and RNN in float32: the portable ones with a product of vectors. */
#include "run/kernels/x86/rnn.h"
#include "run/kernels/x86/rows.h"

static wt_status prepare_avx2(wt_prep *p, wt_err *err) { return wt_rnn_prepare_float(p, wt_rnn_project_avx2, err); }
static wt_status prepare_avx512(wt_prep *p, wt_err *err) { return wt_rnn_prepare_float(p, wt_rnn_project_avx512, err); }

#define ROW(row_name, code, flags, prep)                                                                               \
    {                                                                                                                  \
        .name = row_name, .op = code, .need = flags, .accepts = wt_rnn_accepts_float, .prepare = prep,                 \
        .run = wt_rnn_run, .packs = 6                                                                                  \
    }
const wt_kernel wt_x86_rnn_rows[] = {
    ROW("lstm_f32_avx2", WT_OP_LSTM, WT_CPU_AVX2, prepare_avx2),
    ROW("gru_f32_avx2", WT_OP_GRU, WT_CPU_AVX2, prepare_avx2),
    ROW("rnn_f32_avx2", WT_OP_RNN, WT_CPU_AVX2, prepare_avx2),
    ROW("lstm_f32_avx512", WT_OP_LSTM, WT_CPU_AVX512, prepare_avx512),
    ROW("gru_f32_avx512", WT_OP_GRU, WT_CPU_AVX512, prepare_avx512),
    ROW("rnn_f32_avx512", WT_OP_RNN, WT_CPU_AVX512, prepare_avx512),
    { .name = NULL },
};
