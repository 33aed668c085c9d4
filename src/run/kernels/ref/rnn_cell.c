/* rnn_cell.c - the element-by-element half of a step. Gate order is ONNX's: LSTM i o f c, GRU z r h. */
#include "run/kernels/ref/rnn_cell.h"

/* x[gate] += h[gate] + input bias + state bias (h may be NULL: not yet known; state_bias false: not for this gate). */
static void add_sums(const wt_rnn *q, const wt_rnn_work *w, int gate, float *x, const float *h, bool state_bias)
{
    const size_t n = (size_t)q->d.hidden, at = (size_t)gate * q->stride;
    const float *wb = w->bias ? w->bias + (size_t)gate * n : NULL;
    const float *rb = w->bias && state_bias ? w->bias + (size_t)(q->d.gates + gate) * n : NULL;
    if (h)
        for (size_t i = 0; i < n; i++)
            x[at + i] += h[at + i];
    if (wb && rb)
        for (size_t i = 0; i < n; i++)
            x[at + i] += wb[i] + rb[i];
    else if (wb)
        for (size_t i = 0; i < n; i++)
            x[at + i] += wb[i];
}

static const float *peephole(const wt_rnn *q, const wt_rnn_work *w, size_t gate)
{
    const size_t n = (size_t)q->d.hidden;
    return wt_run_has(w->r, 7) ? wt_in_f32(w->r, 7) + (w->dir * 3 + gate) * n : NULL;
}

static void add_peephole(const wt_rnn *q, const wt_rnn_work *w, size_t gate, float *x, const float *c)
{
    const float *p = peephole(q, w, gate);
    for (size_t i = 0; p && i < (size_t)q->d.hidden; i++)
        x[i] += p[i] * c[i];
}

void wt_rnn_lstm_cell(const wt_rnn *q, const wt_rnn_work *w, float *x, const float *h, float *h_state, float *c_state)
{
    const size_t n = (size_t)q->d.hidden;
    const wt_rnn_act *act = q->act[w->dir];
    float *in = x, *out = x + q->stride, *forget = x + 2 * q->stride, *cell = x + 3 * q->stride;
    for (int g = 0; g < 4; g++)
        add_sums(q, w, g, x, h, true);
    add_peephole(q, w, 0, in, c_state);
    add_peephole(q, w, 2, forget, c_state);
    wt_rnn_apply(act[0], q->clip, in, in, n);
    if (q->input_forget)
        for (size_t i = 0; i < n; i++)
            forget[i] = 1.0f - in[i];
    else
        wt_rnn_apply(act[0], q->clip, forget, forget, n);
    wt_rnn_apply(act[1], q->clip, cell, cell, n);
    for (size_t i = 0; i < n; i++)
        c_state[i] = forget[i] * c_state[i] + in[i] * cell[i];
    add_peephole(q, w, 1, out, c_state);
    wt_rnn_apply(act[0], q->clip, out, out, n);
    wt_rnn_apply(act[2], 0, c_state, cell,
                 n); /* clip is for gates: other runtimes do not clip the cell's output either */
    for (size_t i = 0; i < n; i++)
        h_state[i] = out[i] * cell[i];
}

void wt_rnn_plain_cell(const wt_rnn *q, const wt_rnn_work *w, float *x, const float *h, float *h_state)
{
    add_sums(q, w, 0, x, h, true);
    wt_rnn_apply(q->act[w->dir][0], q->clip, x, h_state, (size_t)q->d.hidden);
}

void wt_rnn_gru_first(const wt_rnn *q, const wt_rnn_work *w, float *x, const float *h, const float *h_state, float *tmp)
{
    const size_t n = (size_t)q->d.hidden;
    float *reset = x + q->stride;
    for (int g = 0; g < 2; g++) {
        add_sums(q, w, g, x, h, true);
        wt_rnn_apply(q->act[w->dir][0], q->clip, x + (size_t)g * q->stride, x + (size_t)g * q->stride, n);
    }
    for (size_t i = 0; i < n; i++)
        tmp[i] = reset[i] * h_state[i];
}

void wt_rnn_gru_second(const wt_rnn *q, const wt_rnn_work *w, float *x, const float *h, float *h_state)
{
    const size_t n = (size_t)q->d.hidden;
    const float *update = x, *reset = x + q->stride, *sum = h + 2 * q->stride;
    const float *rb = w->bias ? w->bias + 5 * n : NULL;
    float *fresh = x + 2 * q->stride;
    add_sums(q, w, 2, x, NULL, !q->linear_before_reset);
    for (size_t i = 0; i < n; i++)
        fresh[i] += q->linear_before_reset ? reset[i] * (sum[i] + (rb ? rb[i] : 0)) : sum[i];
    wt_rnn_apply(q->act[w->dir][1], q->clip, fresh, fresh, n);
    for (size_t i = 0; i < n; i++)
        h_state[i] = (1.0f - update[i]) * fresh[i] + update[i] * h_state[i];
}
