/* rnn_shape.h - the dimensions of a recurrence, read and checked once for rule and kernel. */
#ifndef WT_RNN_SHAPE_H
#define WT_RNN_SHAPE_H
#include "model/shape/shape.h"
typedef struct wt_rnn_dims {
    int gates;                         /* 4: LSTM, 3: GRU, 1: RNN */
    bool batch_first;                  /* layout 1 */
    bool transposed;                   /* weights [dirs, input, gates * hidden]: DynamicQuantizeLSTM */
    bool reverse;                      /* direction "reverse" */
    int64_t dirs;                      /* 1 or 2 */
    int64_t seq, batch, input, hidden; /* may be unknown */
} wt_rnn_dims;
wt_status wt_rnn_read(const wt_infer *c, wt_rnn_dims *out, wt_err *err);
#endif
