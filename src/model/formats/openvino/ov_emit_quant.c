/* ov_emit_quant.c - quantizing operators that are not properties of a value (model/qdq.h), and recurrent layers. */
#include "ov_emit.h"
#include "model/quantize.h"

/* Scales and zero points along an axis, shaped so that they broadcast over the data. */
static wt_ov_ref spread(wt_ov_writer *w, size_t input)
{
    const wt_value *v = wt_ov_arg_value(w, input);
    if (!v || w->st != WT_OK)
        return NULL;
    if (v->type.shape.rank == 0 || (v->type.shape.rank == 1 && v->type.shape.dim[0] == 1))
        return wt_ov_ref_of(w, v);
    const int rank = wt_ov_arg_rank(w, 0), axis = wt_axis(wt_attr_int(&w->node->attrs, "axis", 1), rank, false);
    wt_shape shape = { .rank = rank };
    if (wt_attr_int(&w->node->attrs, "block_size", 0) || v->type.shape.rank != 1 || axis < 0) {
        wt_ov_unable(w, "scales by blocks of data that are computed");
        return NULL;
    }
    for (int i = 0; i < rank; i++)
        shape.dim[i] = i == axis ? v->type.shape.dim[0] : 1;
    return wt_ov_shaped(w, v, &shape);
}

/* (x - zero) * scale */
static void dequantize(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), scale = spread(w, 1), zero = wt_ov_arg_value(w, 2) ? spread(w, 2) : NULL;
    if (!x || !scale)
        return;
    x = wt_ov_convert(w, x, scale->dtype);
    if (zero)
        x = wt_ov_add(w, "Subtract", 1, x, wt_ov_convert(w, zero, scale->dtype));
    wt_ov_last(w, "Multiply", 1, x, scale);
}

static wt_ov_ref saturated(wt_ov_writer *w, wt_ov_ref x, wt_ov_ref zero, wt_dtype dtype)
{
    int32_t lo = 0, hi = 0;
    if (!wt_quant_range(dtype, &lo, &hi))
        wt_ov_unable(w, "codes of type %s", wt_dtype_name(dtype));
    wt_ov_put(w, "mode", "half_to_even");
    x = wt_ov_add(w, "Round", 5, x);
    if (zero && x)
        x = wt_ov_add(w, "Add", 1, x, wt_ov_convert(w, zero, x->dtype));
    wt_ov_put(w, "min", "%d", lo);
    wt_ov_put(w, "max", "%d", hi);
    return wt_ov_add(w, "Clamp", 1, x);
}

static void quantize(wt_ov_writer *w)
{
    const wt_dtype dtype = wt_value_dtype(w->node->out[0]);
    wt_ov_ref x = wt_ov_arg(w, 0), scale = spread(w, 1), zero = wt_ov_arg_value(w, 2) ? spread(w, 2) : NULL;
    x = wt_ov_add(w, "Divide", 1, x, scale);
    x = saturated(w, x, zero, dtype);
    wt_ov_put(w, "destination_type", "%s", wt_ov_element_type(dtype));
    wt_ov_last(w, "Convert", 1, x);
}

/* scale = (max - min) / 255 with 0 among them; zero = round(-min / scale); codes = round(x / scale) + zero */
static void dynamic_quantize(wt_ov_writer *w)
{
    int64_t axes[WT_MAX_RANK];
    wt_ov_ref x = wt_ov_arg(w, 0);
    const int rank = wt_ov_arg_rank(w, 0);
    for (int i = 0; i < rank; i++)
        axes[i] = i;
    wt_ov_ref all = wt_ov_lit_ints(w, axes, (size_t)rank), nought = wt_ov_lit_as(w, WT_F32, 0);
    wt_ov_put_bool(w, "keep_dims", false);
    wt_ov_ref lo = wt_ov_add(w, "ReduceMin", 1, x, all);
    wt_ov_put_bool(w, "keep_dims", false);
    wt_ov_ref hi = wt_ov_add(w, "ReduceMax", 1, x, all);
    lo = wt_ov_add(w, "Minimum", 1, lo, nought);
    hi = wt_ov_add(w, "Maximum", 1, hi, nought);
    wt_ov_ref scale = wt_ov_add(w, "Divide", 1, wt_ov_add(w, "Subtract", 1, hi, lo), wt_ov_lit_as(w, WT_F32, 255));
    wt_ov_ref minus = wt_ov_add(w, "Divide", 1, wt_ov_add(w, "Subtract", 1, nought, lo), scale);
    wt_ov_ref zero = wt_ov_convert(w, saturated(w, minus, NULL, WT_U8), WT_U8);
    wt_ov_ref codes = saturated(w, wt_ov_add(w, "Divide", 1, x, scale), zero, WT_U8);
    wt_ov_same(w, 0, wt_ov_convert(w, codes, WT_U8));
    if (w->node->n_out > 1)
        wt_ov_same(w, 1, scale);
    if (w->node->n_out > 2)
        wt_ov_same(w, 2, zero);
}

/* Integers of 8 bits as floats: sums of products are whole numbers, exact while below 2^24. */
static wt_ov_ref centred(wt_ov_writer *w, size_t data, size_t zero)
{
    const wt_value *z = wt_ov_arg_value(w, zero);
    wt_ov_ref x = wt_ov_convert(w, wt_ov_arg(w, data), WT_F32);
    int64_t n = 0;
    if (!z || w->st != WT_OK)
        return x;
    if (!wt_shape_count(&z->type.shape, &n) || n != 1) {
        wt_ov_unable(w, "zero points of channels");
        return NULL;
    }
    return wt_ov_add(w, "Subtract", 1, x, wt_ov_convert(w, wt_ov_arg(w, zero), WT_F32));
}

static void matmul_integer(wt_ov_writer *w)
{
    wt_ov_ref a = centred(w, 0, 2), b = centred(w, 1, 3);
    wt_ov_put_bool(w, "transpose_a", false);
    wt_ov_put_bool(w, "transpose_b", false);
    a = wt_ov_add(w, "MatMul", 1, a, b);
    wt_ov_put(w, "destination_type", "i32");
    wt_ov_last(w, "Convert", 1, a);
}

/* --- recurrent: see ov_ops_rnn.c for what differs ------------------------------------------------------------------
 */
static wt_ov_ref permuted(wt_ov_writer *w, wt_ov_ref x, const int64_t *perm, size_t n)
{
    return wt_ov_add(w, "Transpose", 1, x, wt_ov_lit_ints(w, perm, n));
}

/* n parts of axis 1. */
static void parts_of(wt_ov_writer *w, wt_ov_ref x, wt_ov_ref *out, size_t n)
{
    const wt_value *none[8] = { NULL };
    wt_ov_ref axis = wt_ov_lit_int(w, 1);
    wt_ov_put(w, "num_splits", "%zu", n);
    wt_ov_layer_n(w, "Split", 1, WT_OV_REFS(x, axis), 2, WT_DTYPE_NONE, out, n, none);
}

static wt_ov_ref joined(wt_ov_writer *w, const wt_ov_ref *in, size_t n)
{
    wt_ov_put(w, "axis", "1");
    return wt_ov_add_n(w, "Concat", 1, WT_DTYPE_NONE, in, n);
}

/* Gates i, o, f, c as f, i, c, o; for others as they are. */
static wt_ov_ref gates(wt_ov_writer *w, wt_ov_ref x, bool lstm)
{
    wt_ov_ref part[4] = { NULL };
    if (!lstm)
        return x;
    parts_of(w, x, part, 4);
    return joined(w, WT_OV_REFS(part[2], part[0], part[3], part[1]), 4);
}

typedef struct recurrent {
    bool lstm, gru, before; /* before: linear_before_reset */
    int64_t d, hidden, n_gates;
} recurrent;

static wt_ov_ref bias_of(wt_ov_writer *w, const recurrent *r)
{
    const size_t n = (size_t)(r->d * r->n_gates * r->hidden);
    if (!wt_ov_arg_value(w, 3)) {
        const int64_t dims[] = { r->d, (r->n_gates + (r->gru && r->before)) * r->hidden };
        const wt_shape shape = wt_shape_make(2, dims);
        float *zeros = wt_arena_alloc(w->arena, 2 * n + 1, sizeof *zeros, w->err);
        if (!zeros)
            w->st = WT_ENOMEM;
        return wt_ov_lit_floats(w, &shape, zeros);
    }
    wt_ov_ref half[2] = { NULL }, a[3] = { NULL }, b[3] = { NULL };
    parts_of(w, wt_ov_arg(w, 3), half, 2);
    if (!r->gru || !r->before)
        return gates(w, wt_ov_add(w, "Add", 1, half[0], half[1]), r->lstm);
    parts_of(w, half[0], a, 3);
    parts_of(w, half[1], b, 3);
    wt_ov_ref z = wt_ov_add(w, "Add", 1, a[0], b[0]), h = wt_ov_add(w, "Add", 1, a[1], b[1]);
    return joined(w, WT_OV_REFS(z, h, a[2], b[2]), 4);
}

/* Zeros [batch, d, hidden] where no first state is given. */
static wt_ov_ref first_state(wt_ov_writer *w, size_t input, const recurrent *r, wt_ov_ref batch)
{
    static const int64_t swap[] = { 1, 0, 2 };
    if (wt_ov_arg_value(w, input))
        return permuted(w, wt_ov_arg(w, input), swap, 3);
    const int64_t rest[] = { r->d, r->hidden };
    wt_ov_put(w, "axis", "0");
    wt_ov_ref dims = wt_ov_add_n(w, "Concat", 1, WT_I64, WT_OV_REFS(batch, wt_ov_lit_ints(w, rest, 2)), 2);
    wt_ov_ref zero = wt_ov_lit_as(w, WT_F32, 0);
    wt_ov_put(w, "mode", "numpy");
    return wt_ov_add(w, "Broadcast", 3, zero, dims);
}

static wt_ov_ref dim_of(wt_ov_writer *w, wt_ov_ref shape, int64_t i)
{
    wt_ov_ref at = wt_ov_lit_ints(w, &i, 1), axis = wt_ov_lit_int(w, 0);
    wt_ov_put(w, "batch_dims", "0");
    return wt_ov_add(w, "Gather", 8, shape, at, axis);
}

static void put_recurrent(wt_ov_writer *w, const recurrent *r)
{
    const wt_attr *direction = wt_attr_find(&w->node->attrs, "direction");
    wt_ov_put_text(w, "direction", direction ? direction->v.s.data : "forward", direction ? direction->v.s.len : 7);
    wt_ov_put(w, "hidden_size", "%lld", (long long)r->hidden);
    wt_ov_put(w, "activations", "%s", r->lstm ? "sigmoid, tanh, tanh" : r->gru ? "sigmoid, tanh" : "tanh");
    wt_ov_put(w, "activations_alpha", "%s", "");
    wt_ov_put(w, "activations_beta", "%s", "");
    wt_ov_put_float(w, "clip", (double)wt_attr_float(&w->node->attrs, "clip", 0));
    if (r->gru)
        wt_ov_put_bool(w, "linear_before_reset", r->before);
}

static bool read_recurrent(wt_ov_writer *w, recurrent *r)
{
    const wt_attrs *a = &w->node->attrs;
    const wt_value *rec = wt_ov_arg_value(w, 2);
    *r = (recurrent){ .lstm = w->node->op->code == WT_OP_LSTM, .gru = w->node->op->code == WT_OP_GRU };
    r->before = wt_attr_int(a, "linear_before_reset", 0) != 0;
    r->n_gates = r->lstm ? 4 : r->gru ? 3 : 1;
    if (wt_attr_find(a, "activations") || wt_attr_int(a, "layout", 0) || wt_attr_int(a, "input_forget", 0) ||
        wt_ov_arg_value(w, 7))
        wt_ov_unable(w, "activations of its own, a layout of batches first, coupled gates or peepholes");
    if (w->st == WT_OK &&
        (!rec || rec->type.shape.rank != 3 || rec->type.shape.dim[0] < 1 || rec->type.shape.dim[2] < 1))
        wt_ov_unable(w, "weights whose shape is not known");
    if (w->st != WT_OK)
        return false;
    r->d = rec->type.shape.dim[0];
    r->hidden = rec->type.shape.dim[2];
    return true;
}

static void recur(wt_ov_writer *w)
{
    static const int64_t swap[] = { 1, 0, 2 }, whole[] = { 2, 1, 0, 3 };
    recurrent r;
    wt_ov_ref in[7] = { NULL }, out[3] = { NULL };
    size_t n = 0;
    if (!read_recurrent(w, &r))
        return;
    in[n++] = permuted(w, wt_ov_arg(w, 0), swap, 3);
    wt_ov_put(w, "output_type", "i64");
    wt_ov_ref shape = wt_ov_add_as(w, "ShapeOf", 3, WT_I64, in[0]), batch = dim_of(w, shape, 0);
    in[n++] = first_state(w, 5, &r, batch);
    if (r.lstm)
        in[n++] = first_state(w, 6, &r, batch);
    if (wt_ov_arg_value(w, 4)) {
        in[n++] = wt_ov_arg(w, 4);
    } else {
        wt_ov_ref steps = dim_of(w, shape, 1);
        wt_ov_put(w, "mode", "numpy");
        in[n++] = wt_ov_add(w, "Broadcast", 3, steps, batch);
    }
    in[n++] = gates(w, wt_ov_arg(w, 1), r.lstm);
    in[n++] = gates(w, wt_ov_arg(w, 2), r.lstm);
    in[n++] = bias_of(w, &r);
    const wt_value *none[3] = { NULL };
    put_recurrent(w, &r);
    wt_ov_layer_n(w,
                  r.lstm  ? "LSTMSequence"
                  : r.gru ? "GRUSequence"
                          : "RNNSequence",
                  5, in, n, WT_F32, out, r.lstm ? 3 : 2, none);
    for (size_t k = 0; k < w->node->n_out && k < 3; k++)
        if (w->node->out[k] && (w->node->out[k]->n_uses || w->node->out[k]->is_output))
            wt_ov_same(w, k, permuted(w, out[k], k ? swap : whole, k ? 3 : 4));
}

const wt_ov_write_row wt_ov_write_quant[] = {
    { WT_OP_DEQUANTIZELINEAR, dequantize, NULL, 0 },
    { WT_OP_QUANTIZELINEAR, quantize, NULL, 0 },
    { WT_OP_DYNAMICQUANTIZELINEAR, dynamic_quantize, NULL, 0 },
    { WT_OP_MATMULINTEGER, matmul_integer, NULL, 0 },
    { WT_OP_LSTM, recur, NULL, 0 },
    { WT_OP_GRU, recur, NULL, 0 },
    { WT_OP_RNN, recur, NULL, 0 },
    { WT_OP_UNKNOWN, NULL, NULL, 0 },
};
