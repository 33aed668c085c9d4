/* ov_ops_rnn.c - LSTMSequence and GRUSequence.
 *
 *              OpenVINO            ONNX (layout 0)
 *   X          [b, t, i]           [t, b, i]
 *   H, C       [b, d, h]           [d, b, h]
 *   Y          [b, d, t, h]        [t, d, b, h]
 *   LSTM       gates f i c o       i o f c
 *   bias       [d, 4 h], one sum   [d, 8 h], of W and of R
 * The transposes around cancel with those that a converter put there; gates of constants are put in order when the
 * model is compiled. */
#include "ov_ops.h"
#include <strings.h>

static wt_value *permuted(wt_ov_op *o, wt_value *v, const int64_t *perm, size_t n)
{
    wt_ov_set_ints(o, "perm", perm, n);
    return wt_ov_emit(o, "Transpose", v);
}

static wt_value *swap_first(wt_ov_op *o, wt_value *v) { return permuted(o, v, (int64_t[]){ 1, 0, 2 }, 3); }

/* Parts of axis 1 in another order. */
static wt_value *reordered(wt_ov_op *o, wt_value *v, const int *order, size_t n)
{
    wt_value *parts[4] = { NULL }, *in[4];
    wt_ov_set_int(o, "axis", 1);
    wt_ov_set_int(o, "num_outputs", (int64_t)n);
    wt_ov_emit_outs(o, "Split", &v, 1, parts, n);
    for (size_t i = 0; i < n; i++)
        in[i] = parts[order[i]];
    wt_ov_set_int(o, "axis", 1);
    return wt_ov_emit_n(o, "Concat", in, n);
}

static wt_value *zeros(wt_ov_op *o, int64_t d, int64_t n)
{
    const int64_t dims[] = { d, n };
    const wt_shape shape = wt_shape_make(2, dims);
    float *data = NULL;
    if (o->st == WT_OK && d > 0 && n > 0 && d <= 2 && n <= 1 << 20)
        data = wt_arena_alloc(&o->reader->scratch, (size_t)(d * n), sizeof *data, o->err);
    else
        wt_ov_cannot(o, "a bias of this size");
    if (!data) {
        o->st = o->st == WT_OK ? WT_ENOMEM : o->st;
        return NULL;
    }
    wt_value *v = wt_ov_f32(o, data, (size_t)(d * n), false);
    return wt_ov_reshaped(o, v, &shape);
}

static void check_words(wt_ov_op *o, const char *usual, const char *other)
{
    const char *said = wt_ov_text(o, "activations", usual);
    if (strcasecmp(said, usual) != 0 && strcasecmp(said, other) != 0)
        wt_ov_cannot(o, "other activations than the usual ones");
    if (wt_ov_text(o, "activations_alpha", "")[0] || wt_ov_text(o, "activations_beta", "")[0])
        wt_ov_cannot(o, "parameters of activations");
}

static void set_common(wt_ov_op *o, int64_t hidden)
{
    wt_ov_set_text(o, "direction", wt_ov_text(o, "direction", "forward"));
    wt_ov_set_int(o, "hidden_size", hidden);
    if (wt_ov_float(o, "clip", 0) > 0)
        wt_ov_set_float(o, "clip", (float)wt_ov_float(o, "clip", 0));
}

/* The lengths, unless they are constant and all that of the sequence. */
static wt_value *lengths(wt_ov_op *o, const wt_value *x, wt_value *v)
{
    const wt_tensor *t = wt_ov_known(v);
    const int64_t steps = wt_ov_rank(x) == 3 ? x->type.shape.dim[1] : -1;
    int64_t n = 0, one = 0;
    bool all = t && steps >= 0 && wt_shape_count(&t->shape, &n);
    for (int64_t i = 0; i < n && all; i++)
        all = wt_tensor_int(t, i, &one) && one == steps;
    return all ? NULL : wt_ov_cast(o, v, WT_I32);
}

static int64_t directions(wt_ov_op *o) { return wt_ov_text_is(o, "direction", "bidirectional") ? 2 : 1; }

static void give_all(wt_ov_op *o, wt_value *const *out, size_t n)
{
    static const int64_t whole[] = { 2, 1, 0, 3 }, last[] = { 1, 0, 2 };
    for (size_t k = 0; k < n && k < o->layer->n_out; k++) {
        wt_ov_set_ints(o, "perm", k ? last : whole, k ? 3 : 4);
        wt_ov_finish_k(o, k, "Transpose", &out[k], 1);
    }
}

static void lstm(wt_ov_op *o)
{
    static const int order[] = { 1, 3, 0, 2 }; /* where i, o, f, c lie among f, i, c, o */
    wt_value *x = wt_ov_in(o, 0), *out[3] = { NULL };
    const int64_t hidden = wt_ov_int(o, "hidden_size", 0), d = directions(o);
    check_words(o, "sigmoid,tanh,tanh", "sigmoid, tanh, tanh");
    wt_value *bias = reordered(o, wt_ov_in(o, 6), order, 4), *none = zeros(o, d, 4 * hidden);
    wt_ov_set_int(o, "axis", 1);
    bias = wt_ov_emit(o, "Concat", bias, none);
    wt_value *in[7] = { swap_first(o, x),
                        reordered(o, wt_ov_in(o, 4), order, 4),
                        reordered(o, wt_ov_in(o, 5), order, 4),
                        bias,
                        lengths(o, x, wt_ov_in(o, 3)),
                        swap_first(o, wt_ov_in(o, 1)),
                        swap_first(o, wt_ov_in(o, 2)) };
    set_common(o, hidden);
    wt_ov_emit_outs(o, "LSTM", in, 7, out, 3);
    give_all(o, out, 3);
}

/* Gates lie alike. With linear_before_reset the last gate has two biases, of W and of R. */
static void gru(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0), *bias = wt_ov_in(o, 5), *out[2] = { NULL }, *part[4] = { NULL };
    const int64_t hidden = wt_ov_int(o, "hidden_size", 0), d = directions(o);
    const bool before = wt_ov_bool(o, "linear_before_reset", false);
    check_words(o, "sigmoid,tanh", "sigmoid, tanh");
    if (before) {
        wt_value *z = zeros(o, d, 2 * hidden);
        wt_ov_set_int(o, "axis", 1);
        wt_ov_set_int(o, "num_outputs", 4);
        wt_ov_emit_outs(o, "Split", &bias, 1, part, 4);
        wt_ov_set_int(o, "axis", 1);
        if (o->st == WT_OK)
            bias = wt_ov_emit(o, "Concat", part[0], part[1], part[2], z, part[3]);
    } else {
        wt_value *z = zeros(o, d, 3 * hidden);
        wt_ov_set_int(o, "axis", 1);
        bias = wt_ov_emit(o, "Concat", bias, z);
    }
    wt_value *in[6] = { swap_first(o, x),
                        wt_ov_in(o, 3),
                        wt_ov_in(o, 4),
                        bias,
                        lengths(o, x, wt_ov_in(o, 2)),
                        swap_first(o, wt_ov_in(o, 1)) };
    set_common(o, hidden);
    wt_ov_set_int(o, "linear_before_reset", before);
    wt_ov_emit_outs(o, "GRU", in, 6, out, 2);
    give_all(o, out, 2);
}

const wt_ov_row wt_ov_rows_rnn[] = {
    { "LSTMSequence", lstm, NULL, 7 },
    { "GRUSequence", gru, NULL, 6 },
    { 0 },
};
