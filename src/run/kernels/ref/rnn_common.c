/* rnn_common.c - attributes, activations and scratch of the recurrences. See rnn_common.h. */
#include "run/kernels/ref/rnn_common.h"
#include <math.h>
#include <strings.h>

/* Which parameters a function takes from activation_alpha and activation_beta, and what it uses without them. */
static const struct {
    const char *name;
    wt_rnn_fn fn;
    bool alpha, beta;
    float default_alpha, default_beta;
} functions[] = {
    { "Sigmoid", WT_RNN_SIGMOID, false, false, 0, 0 },
    { "Tanh", WT_RNN_TANH, false, false, 0, 0 },
    { "Relu", WT_RNN_RELU, false, false, 0, 0 },
    { "Affine", WT_RNN_AFFINE, true, true, 1, 0 },
    { "LeakyRelu", WT_RNN_LEAKYRELU, true, false, 0.01f, 0 },
    { "ThresholdedRelu", WT_RNN_THRESHOLDEDRELU, true, false, 1, 0 },
    { "ScaledTanh", WT_RNN_SCALEDTANH, true, true, 1, 1 },
    { "HardSigmoid", WT_RNN_HARDSIGMOID, true, true, 0.2f, 0.5f },
    { "Elu", WT_RNN_ELU, true, false, 1, 0 },
    { "Softsign", WT_RNN_SOFTSIGN, false, false, 0, 0 },
    { "Softplus", WT_RNN_SOFTPLUS, false, false, 0, 0 },
};

typedef struct float_list {
    const float *v;
    size_t n, at;
} float_list;

static float_list read_floats(const wt_attrs *attrs, const char *name)
{
    const wt_attr *a = wt_attr_find(attrs, name);
    return a && a->type == WT_ATTR_FLOATS ? (float_list){ a->v.floats, a->count, 0 } : (float_list){ NULL, 0, 0 };
}

static float next_float(float_list *list, bool wanted, float fallback)
{
    return wanted && list->at < list->n ? list->v[list->at++] : fallback;
}

static wt_status find_act(const wt_prep *p, const wt_string *name, float_list *alphas, float_list *betas,
                          wt_rnn_act *out, wt_err *err)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(functions); i++) {
        if (strlen(functions[i].name) != name->len || strncasecmp(functions[i].name, name->data, name->len) != 0)
            continue;
        out->fn = functions[i].fn;
        out->alpha = next_float(alphas, functions[i].alpha, functions[i].default_alpha);
        out->beta = next_float(betas, functions[i].beta, functions[i].default_beta);
        return WT_OK;
    }
    return wt_fail(err, WT_EFORMAT, "%s: unknown activation '%.*s'", p->op_type, (int)(name->len > 40 ? 40 : name->len),
                   name->data);
}

static wt_status read_acts(wt_rnn *q, const wt_prep *p, wt_err *err)
{
    static const wt_rnn_fn defaults[5][3] = {
        { 0 }, { WT_RNN_TANH }, { 0 }, { WT_RNN_SIGMOID, WT_RNN_TANH }, { WT_RNN_SIGMOID, WT_RNN_TANH, WT_RNN_TANH }
    };
    const size_t per = q->d.gates == 4 ? 3 : q->d.gates == 3 ? 2 : 1, want = per * (size_t)q->d.dirs;
    const wt_attr *a = wt_attr_find(p->attrs, "activations");
    float_list alphas = read_floats(p->attrs, "activation_alpha"), betas = read_floats(p->attrs, "activation_beta");
    if (a && (a->type != WT_ATTR_STRINGS || a->count != want))
        return wt_fail(err, WT_EFORMAT, "%s: activations must be %zu names", p->op_type, want);
    for (size_t i = 0; i < want; i++) {
        wt_rnn_act *out = &q->act[i / per][i % per];
        out->fn = defaults[q->d.gates][i % per];
        if (a)
            WT_TRY(find_act(p, &a->v.strings[i], &alphas, &betas, out, err));
    }
    return WT_OK;
}

wt_status wt_rnn_init(wt_rnn *q, wt_prep *p, wt_err *err)
{
    wt_infer c = { .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
    WT_TRY(wt_rnn_read(&c, &q->d, err));
    WT_TRY(read_acts(q, p, err));
    q->clip = wt_attr_float(p->attrs, "clip", 0);
    if (!(q->clip >= 0))
        return wt_fail(err, WT_EFORMAT, "%s: clip is %g, expected a positive number", p->op_type, (double)q->clip);
    q->input_forget = q->d.gates == 4 && wt_attr_int(p->attrs, "input_forget", 0) != 0;
    q->linear_before_reset = q->d.gates == 3 && wt_attr_int(p->attrs, "linear_before_reset", 0) != 0;
    q->inner[0] = (size_t)q->d.input;
    q->inner[1] = (size_t)q->d.hidden;
    q->stride = wt_align_up((size_t)q->d.hidden, WT_RNN_PANEL);
    q->row = q->stride * (size_t)q->d.gates;
    p->flops = 2.0 * (double)q->d.seq * (double)q->d.batch * (double)q->d.dirs * (double)(q->d.gates * q->d.hidden) *
               (double)(q->d.input + q->d.hidden);
    return WT_OK;
}

/* Sizes of one thread's buffers, all rounded to 64 bytes. */
static bool work_size(const wt_rnn *q, size_t extra, size_t *bytes)
{
    size_t column, gates, x, state;
    if (wt_mul_overflows((size_t)q->d.batch, sizeof(float), &column) || wt_mul_overflows(column, q->row, &gates) ||
        wt_mul_overflows(gates, q->chunk, &x) || wt_mul_overflows(column, q->inner[1], &state) || x > SIZE_MAX / 8 ||
        state > SIZE_MAX / 16 || extra > SIZE_MAX / 8)
        return false;
    *bytes = wt_align_up(x, 64) + wt_align_up(gates, 64) + 3 * wt_align_up(state, 64) + wt_align_up(extra, 64);
    return true;
}

wt_status wt_rnn_plan_scratch(wt_rnn *q, wt_prep *p, size_t extra, wt_err *err)
{
    enum { TARGET = 1 << 20 }; /* bytes of gates made at once: within most second-level caches */
    const size_t seq = (size_t)q->d.seq;
    size_t step, all;
    if (wt_mul_overflows((size_t)q->d.batch, q->row * sizeof(float), &step))
        return wt_fail(err, WT_ENOMEM, "%s: the state of the recurrence is too large", p->op_type);
    q->chunk = step && step < TARGET ? TARGET / step : 1;
    if (q->chunk > seq)
        q->chunk = seq ? seq : 1;
    const bool packs = !q->packed[0] || !q->packed[1];
    const int threads = packs ? 1 : p->threads;
    if (!work_size(q, extra, &q->work_bytes) || wt_mul_overflows(q->work_bytes, (size_t)threads, &all))
        return wt_fail(err, WT_ENOMEM, "%s: the state of the recurrence is too large", p->op_type);
    for (int i = 0; i < 2; i++) {
        q->packed_at[i] = q->work_at;
        if (!q->packed[i])
            q->work_at += wt_align_up(q->packed_bytes[i], 64);
    }
    if (wt_add_overflows(all, q->work_at, &p->scratch_bytes))
        return wt_fail(err, WT_ENOMEM, "%s: the state of the recurrence is too large", p->op_type);
    p->max_threads = threads;
    return WT_OK;
}

static float apply_one(wt_rnn_act a, float x)
{
    switch (a.fn) {
    case WT_RNN_SIGMOID: return 1.0f / (1.0f + expf(-x));
    case WT_RNN_TANH: return tanhf(x);
    case WT_RNN_RELU: return x > 0 ? x : 0;
    case WT_RNN_AFFINE: return a.alpha * x + a.beta;
    case WT_RNN_LEAKYRELU: return x >= 0 ? x : a.alpha * x;
    case WT_RNN_THRESHOLDEDRELU: return x >= a.alpha ? x : 0;
    case WT_RNN_SCALEDTANH: return a.alpha * tanhf(a.beta * x);
    case WT_RNN_HARDSIGMOID: return fminf(fmaxf(a.alpha * x + a.beta, 0), 1);
    case WT_RNN_ELU: return x >= 0 ? x : a.alpha * (expf(x) - 1);
    case WT_RNN_SOFTSIGN: return x / (1 + fabsf(x));
    case WT_RNN_SOFTPLUS: return x > 20 ? x : log1pf(expf(x));
    }
    return x;
}

void wt_rnn_apply(wt_rnn_act act, float clip, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float v = x[i];
        if (clip > 0)
            v = v > clip ? clip : v < -clip ? -clip : v;
        y[i] = apply_one(act, v);
    }
}
