/* rnn_shape.c - shape rules of LSTM, GRU, RNN and the quantized LSTM. */
#include "model/shape/rnn_shape.h"

static wt_status read_direction(const wt_infer *c, wt_rnn_dims *d, wt_err *err)
{
    const wt_attr *a = wt_attr_find(c->attrs, "direction");
    d->dirs = 1;
    if (!a || wt_attr_is(c->attrs, "direction", "forward"))
        return WT_OK;
    if (wt_attr_is(c->attrs, "direction", "reverse")) {
        d->reverse = true;
        return WT_OK;
    }
    d->dirs = 2;
    if (wt_attr_is(c->attrs, "direction", "bidirectional"))
        return WT_OK;
    return wt_infer_bad(c, err, "direction is none of forward, reverse, bidirectional");
}

static wt_status read_sizes(const wt_infer *c, wt_rnn_dims *d, wt_err *err)
{
    const wt_tensor *x = wt_rule_in(c, 0), *w = wt_rule_in(c, 1), *r = wt_rule_in(c, 2);
    for (size_t i = 0; i < 3; i++)
        WT_TRY(wt_rule_need_rank(c, i, 3, 3, err));
    d->seq = wt_rule_dim(x, d->batch_first ? 1 : 0);
    d->batch = wt_rule_dim(x, d->batch_first ? 0 : 1);
    d->input = wt_rule_dim(x, 2);
    d->hidden = wt_rule_dim(r, d->transposed ? 1 : 2);
    if (!wt_rule_join(&d->input, wt_rule_dim(w, d->transposed ? 1 : 2)))
        return wt_infer_bad(c, err, "the data has %lld features, but the weights take %lld", (long long)d->input,
                            (long long)wt_rule_dim(w, d->transposed ? 1 : 2));
    if (wt_attr_find(c->attrs, "hidden_size")) {
        const int64_t hidden = wt_attr_int(c->attrs, "hidden_size", 0);
        if (hidden < 1 || hidden > INT32_MAX)
            return wt_infer_bad(c, err, "hidden_size is %lld, expected 1 or more", (long long)hidden);
        if (!wt_rule_join(&d->hidden, hidden))
            return wt_infer_bad(c, err, "hidden_size is %lld, but the recurrence weights are for %lld",
                                (long long)hidden, (long long)d->hidden);
        d->hidden = hidden;
    }
    if (d->hidden == 0 || d->hidden > INT32_MAX)
        return wt_infer_bad(c, err, "the hidden state has %lld elements, expected 1 or more", (long long)d->hidden);
    return WT_OK;
}

/* Weights [dirs, gates * hidden, inner] or, transposed, [dirs, inner, gates * hidden]. */
static wt_status check_weights(const wt_infer *c, const wt_rnn_dims *d, size_t i, int64_t inner, wt_err *err)
{
    const int64_t outer = d->hidden < 0 ? WT_DIM_ANY : d->hidden * d->gates;
    WT_TRY(wt_rule_need_dim(c, i, 0, d->dirs, err));
    WT_TRY(wt_rule_need_dim(c, i, d->transposed ? 2 : 1, outer, err));
    return wt_rule_need_dim(c, i, d->transposed ? 1 : 2, inner, err);
}

static wt_status check_state(const wt_infer *c, const wt_rnn_dims *d, size_t i, wt_err *err)
{
    WT_TRY(wt_rule_need_rank(c, i, 3, 3, err));
    WT_TRY(wt_rule_need_dim(c, i, d->batch_first ? 1 : 0, d->dirs, err));
    WT_TRY(wt_rule_need_dim(c, i, d->batch_first ? 0 : 1, d->batch, err));
    return wt_rule_need_dim(c, i, 2, d->hidden, err);
}

static wt_status check_matrix(const wt_infer *c, size_t i, int64_t rows, int64_t cols, wt_err *err)
{
    WT_TRY(wt_rule_need_rank(c, i, 2, 2, err));
    WT_TRY(wt_rule_need_dim(c, i, 0, rows, err));
    return wt_rule_need_dim(c, i, 1, cols, err);
}

wt_status wt_rnn_read(const wt_infer *c, wt_rnn_dims *d, wt_err *err)
{
    memset(d, 0, sizeof *d);
    d->transposed = strcmp(c->op_type, "DynamicQuantizeLSTM") == 0;
    d->gates = strcmp(c->op_type, "GRU") == 0 ? 3 : strcmp(c->op_type, "RNN") == 0 ? 1 : 4;
    const int64_t layout = wt_attr_int(c->attrs, "layout", 0);
    if (layout != 0 && layout != 1)
        return wt_infer_bad(c, err, "layout is %lld, expected 0 or 1", (long long)layout);
    d->batch_first = layout == 1;
    WT_TRY(read_direction(c, d, err));
    WT_TRY(read_sizes(c, d, err));
    WT_TRY(check_weights(c, d, 1, d->input, err));
    WT_TRY(check_weights(c, d, 2, d->hidden, err));
    WT_TRY(check_matrix(c, 3, d->dirs, d->hidden < 0 ? WT_DIM_ANY : 2 * d->gates * d->hidden, err));
    WT_TRY(wt_rule_need_vector(c, 4, d->batch, err));
    WT_TRY(wt_rule_need_dtype(c, 4, WT_DTYPE_BIT(WT_I32), err));
    WT_TRY(check_state(c, d, 5, err));
    if (d->gates != 4)
        return WT_OK;
    WT_TRY(check_state(c, d, 6, err));
    return check_matrix(c, 7, d->dirs, d->hidden < 0 ? WT_DIM_ANY : 3 * d->hidden, err);
}

static wt_status set_outputs(wt_infer *c, const wt_rnn_dims *d, size_t states, wt_err *err)
{
    wt_shape y = wt_rule_unknown(4), h = wt_rule_unknown(3);
    const wt_dtype dtype = wt_rule_dtype(c, 0);
    y.dim[d->batch_first ? 1 : 0] = d->seq;
    y.dim[d->batch_first ? 2 : 1] = d->dirs;
    y.dim[d->batch_first ? 0 : 2] = d->batch;
    y.dim[3] = d->hidden;
    h.dim[d->batch_first ? 1 : 0] = d->dirs;
    h.dim[d->batch_first ? 0 : 1] = d->batch;
    h.dim[2] = d->hidden;
    WT_TRY(wt_infer_set(c, 0, dtype, &y, err));
    for (size_t o = 1; o <= states; o++)
        WT_TRY(wt_infer_set(c, o, dtype, &h, err));
    return WT_OK;
}

static wt_status recurrence(wt_infer *c, size_t states, wt_err *err)
{
    wt_rnn_dims d;
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPES_FLOAT, err));
    WT_TRY(wt_rnn_read(c, &d, err));
    return set_outputs(c, &d, states, err);
}

/* in[8..11]: scales and zero points of W and R, [dirs] or [dirs, 4 * hidden]. */
static wt_status check_quantization(const wt_infer *c, wt_err *err)
{
    const wt_tensor *w = wt_rule_in(c, 1);
    const int64_t channels = wt_rule_dim(w, 2), dirs = wt_rule_dim(w, 0);
    for (size_t i = 1; i < 3; i++) {
        WT_TRY(wt_rule_need_dtype(c, i, WT_DTYPES_BYTE, err));
        WT_TRY(wt_rule_need_same_dtype(c, i, 2 * i + 7, err));
    }
    for (size_t i = 8; i < 12; i++) {
        WT_TRY(wt_rule_need_rank(c, i, 1, 2, err));
        WT_TRY(wt_rule_need_dim(c, i, 0, dirs, err));
        WT_TRY(wt_rule_need_dim(c, i, 1, channels, err));
        if (i % 2 == 0)
            WT_TRY(wt_rule_need_dtype(c, i, WT_DTYPE_BIT(WT_F32), err));
    }
    return WT_OK;
}

wt_status wt_infer_lstm(wt_infer *c, wt_err *err)
{
    const bool quantized = strcmp(c->op_type, "DynamicQuantizeLSTM") == 0;
    if (quantized) {
        WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPE_BIT(WT_F32), err));
        WT_TRY(check_quantization(c, err));
    }
    for (size_t i = quantized ? 3 : 1; i < 8; i++)
        if (i != 4)
            WT_TRY(wt_rule_need_same_dtype(c, 0, i, err));
    return recurrence(c, 2, err);
}

wt_status wt_infer_rnn(wt_infer *c, wt_err *err)
{
    for (size_t i = 1; i < 6; i++)
        if (i != 4)
            WT_TRY(wt_rule_need_same_dtype(c, 0, i, err));
    return recurrence(c, 1, err);
}
