/* rnn_common.h - what LSTM, GRU, RNN and the quantized LSTM share.
 *
 * A step is  gates = x . W^T + h . R^T  and then element by element. The first product is made for many steps at once
 * (W is then read once for all of them), the second step by step. Weights are packed into panels of 16 columns,
 * [panel][k][16], each gate starting a new panel, so that the inner loop is 16 independent sums over k.
 * Directions and batch rows are independent: threads split them and never wait for one another. */
#ifndef WT_RNN_COMMON_H
#define WT_RNN_COMMON_H
#include "model/shape/rnn_shape.h"
#include "run/kernels/ref/nn_rows.h"

enum { WT_RNN_PANEL = 16, WT_RNN_ROWS = 2 };

typedef enum wt_rnn_fn {
    WT_RNN_SIGMOID,
    WT_RNN_TANH,
    WT_RNN_RELU,
    WT_RNN_AFFINE,
    WT_RNN_LEAKYRELU,
    WT_RNN_THRESHOLDEDRELU,
    WT_RNN_SCALEDTANH,
    WT_RNN_HARDSIGMOID,
    WT_RNN_ELU,
    WT_RNN_SOFTSIGN,
    WT_RNN_SOFTPLUS
} wt_rnn_fn;
typedef struct wt_rnn_act {
    wt_rnn_fn fn;
    float alpha, beta;
} wt_rnn_act;

struct wt_rnn;
struct wt_rnn_work;
/* gates[row][gate_begin..gate_end) of n rows = rows[i] . weights; which: 0 for W (inner: input), 1 for R (inner:
 * hidden). */
typedef void wt_rnn_project_fn(const struct wt_rnn *q, const struct wt_rnn_work *w, int which, const float *const *rows,
                               size_t n, int gate_begin, int gate_end, float *gates);

typedef struct wt_rnn {
    wt_rnn_dims d;
    wt_rnn_act act[2][3];
    float clip; /* 0: none */
    bool input_forget, linear_before_reset;
    size_t inner[2];       /* of W, of R */
    size_t stride;         /* floats of one gate in a row of gates: hidden rounded up to a panel */
    size_t row;            /* gates * stride */
    const void *packed[2]; /* NULL: packed by every run into the scratch */
    size_t packed_bytes[2];
    size_t chunk;        /* steps whose input product is made at once */
    size_t packed_at[2]; /* offsets in the scratch */
    size_t work_bytes;   /* per thread, behind the packed weights */
    size_t work_at;
    bool rows_together; /* all batch rows of a direction belong together (one quantization) */
    wt_rnn_project_fn *project;
    const void *quant; /* rnn_quant.c's own */
} wt_rnn;

/* What one thread works with in one direction. */
typedef struct wt_rnn_work {
    const wt_run *r;
    size_t dir, row_begin, row_end;
    const void *packed[2];    /* of this direction */
    const float *bias;        /* [2 * gates * hidden], or NULL */
    float *x_gates, *h_gates; /* [chunk][rows][row], [rows][row] */
    float *h, *c, *tmp;       /* [rows][hidden] */
    void *extra;              /* the projection's scratch */
    float x_scale;            /* quantized: one scale for all steps */
    int x_zero;
} wt_rnn_work;

/* Dimensions, activations, clip; everything but packing and projection. extra: scratch of the projection, per thread.
 */
wt_status wt_rnn_init(wt_rnn *q, wt_prep *p, wt_err *err);
wt_status wt_rnn_plan_scratch(wt_rnn *q, wt_prep *p, size_t extra, wt_err *err);
/* Called by each member for each direction of its share, before its first step (quantized: finds the input's scale). */
void wt_rnn_apply(wt_rnn_act act, float clip, const float *x, float *y, size_t n);

wt_status wt_rnn_run(const wt_run *r, wt_err *err);
/* Rows in float32 differ by the product alone. */
bool wt_rnn_accepts_float(const wt_prep *p);
wt_status wt_rnn_prepare_float(wt_prep *p, wt_rnn_project_fn *project, wt_err *err);
/* Start of input row (t, b). */
static inline const float *wt_rnn_x(const wt_rnn *q, const wt_run *r, size_t t, size_t b)
{
    const size_t seq = (size_t)q->d.seq, batch = (size_t)q->d.batch, input = (size_t)q->d.input;
    return wt_in_f32(r, 0) + (q->d.batch_first ? b * seq + t : t * batch + b) * input;
}

/* rnn_quant.c: DynamicQuantizeLSTM's weights and its projection. */
wt_status wt_rnn_quant_prepare(wt_rnn *q, wt_prep *p, size_t *extra, wt_err *err);
void wt_rnn_quant_begin(const wt_rnn *q, wt_rnn_work *w);
void wt_rnn_quant_pack(const wt_rnn *q, const wt_run *r, int which, void *packed);
#endif
