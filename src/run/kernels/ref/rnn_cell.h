/* rnn_cell.h - one step of one batch row, once its gates' sums are known. */
#ifndef WT_RNN_CELL_H
#define WT_RNN_CELL_H
#include "run/kernels/ref/rnn_common.h"
/* x and h are the gates' sums from input and state ([gates][stride]); the new state goes to h_state (and c_state). */
void wt_rnn_lstm_cell(const wt_rnn *q, const wt_rnn_work *w, float *x, const float *h, float *h_state, float *c_state);
void wt_rnn_plain_cell(const wt_rnn *q, const wt_rnn_work *w, float *x, const float *h, float *h_state);
/* GRU in two halves: update and reset gates (and, before a reset product, reset * state into tmp); then the rest. */
void wt_rnn_gru_first(const wt_rnn *q, const wt_rnn_work *w, float *x, const float *h, const float *h_state,
                      float *tmp);
void wt_rnn_gru_second(const wt_rnn *q, const wt_rnn_work *w, float *x, const float *h, float *h_state);
#endif
