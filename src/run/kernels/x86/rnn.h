/* rnn.h - products of recurrences on panels of 16 columns (ref/rnn_common.h). */
#ifndef WT_X86_RNN_H
#define WT_X86_RNN_H
#include "run/kernels/ref/rnn_common.h"

wt_rnn_project_fn wt_rnn_project_avx2, wt_rnn_project_avx512;
#endif
