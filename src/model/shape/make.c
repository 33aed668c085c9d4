/* make.c - rules of what makes tensors out of little: constants, ranges, one-hot, windows, random numbers; and of
 * signals. */
#include "model/shape/shape.h"
#include <inttypes.h>
#include <math.h>

/* --- Constant
 * ---------------------------------------------------------------------------------------------------------- */
static wt_status constant_scalar(wt_infer *c, wt_dtype dtype, int64_t count, bool vector, wt_err *err)
{
    const wt_shape s = { .rank = vector ? 1 : 0, .dim = { count } };
    return wt_infer_set(c, 0, dtype, &s, err);
}

wt_status wt_infer_constant(wt_infer *c, wt_err *err)
{
    const wt_attr *a = wt_attr_find(c->attrs, "value");
    if (a && a->type == WT_ATTR_TENSOR && a->v.tensor) {
        WT_TRY(wt_infer_set(c, 0, a->v.tensor->dtype, &a->v.tensor->shape, err));
        if (c->arena && c->n_out) {
            c->out[0].data = a->v.tensor->data;
            c->out[0].bytes = a->v.tensor->bytes;
        }
        return WT_OK;
    }
    if ((a = wt_attr_find(c->attrs, "value_int")) && a->type == WT_ATTR_INT) {
        WT_TRY(constant_scalar(c, WT_I64, 1, false, err));
        return wt_infer_publish(c, 0, &a->v.i, 1, err);
    }
    if ((a = wt_attr_find(c->attrs, "value_ints")) && a->type == WT_ATTR_INTS) {
        WT_TRY(constant_scalar(c, WT_I64, (int64_t)a->count, true, err));
        return a->count <= WT_SMALL_MAX ? wt_infer_publish(c, 0, a->v.ints, (int64_t)a->count, err) : WT_OK;
    }
    if ((a = wt_attr_find(c->attrs, "value_float")) && a->type == WT_ATTR_FLOAT)
        return constant_scalar(c, WT_F32, 1, false, err);
    if ((a = wt_attr_find(c->attrs, "value_floats")) && a->type == WT_ATTR_FLOATS)
        return constant_scalar(c, WT_F32, (int64_t)a->count, true, err);
    if ((a = wt_attr_find(c->attrs, "value_string")) && a->type == WT_ATTR_STRING)
        return constant_scalar(c, WT_STRING, 1, false, err);
    if ((a = wt_attr_find(c->attrs, "value_strings")) && a->type == WT_ATTR_STRINGS)
        return constant_scalar(c, WT_STRING, (int64_t)a->count, true, err);
    return wt_infer_bad(c, err, "no attribute holds a value (dense tensors, numbers and strings can be read)");
}

/* An input that is a shape: all dims >= 0 when known. */
static wt_status shape_input(const wt_infer *c, size_t i, wt_shape *s, wt_err *err)
{
    wt_ints dims;
    WT_TRY(wt_infer_ints(c, i, &dims, err));
    if (dims.count > WT_MAX_RANK)
        return wt_infer_bad(c, err, "the result would have %" PRId64 " dimensions, at most %d can be handled",
                            dims.count, WT_MAX_RANK);
    *s = wt_rule_unknown(dims.count >= 0 ? (int)dims.count : -1);
    for (int k = 0; dims.state == WT_KNOWN && k < s->rank; k++) {
        if (dims.v[k] < 0)
            return wt_infer_bad(c, err, "dimension %d would be %" PRId64, k, dims.v[k]);
        s->dim[k] = dims.v[k];
    }
    return WT_OK;
}

wt_status wt_infer_constant_of_shape(wt_infer *c, wt_err *err)
{
    const wt_attr *a = wt_attr_find(c->attrs, "value");
    int64_t v[WT_SMALL_MAX], n, fill = 0;
    wt_shape s;
    if (a && (a->type != WT_ATTR_TENSOR || !wt_shape_count(&a->v.tensor->shape, &n) || n != 1))
        return wt_infer_bad(c, err, "value must be a tensor of one element");
    WT_TRY(shape_input(c, 0, &s, err));
    WT_TRY(wt_infer_set(c, 0, a ? a->v.tensor->dtype : WT_F32, &s, err));
    if (!a || !c->arena || !wt_shape_count(&s, &n) || n > WT_SMALL_MAX || !wt_tensor_int(a->v.tensor, 0, &fill))
        return WT_OK;
    for (int64_t k = 0; k < n; k++)
        v[k] = fill;
    return wt_infer_publish(c, 0, v, n, err);
}

/* --- Range, EyeLike, OneHot
 * ---------------------------------------------------------------------------------------------- */
static wt_status range_length(const wt_infer *c, int64_t *len, wt_err *err)
{
    double v[3];
    int64_t k[3];
    *len = WT_DIM_ANY;
    for (size_t i = 0; i < 3; i++) {
        if (!wt_rule_in(c, i) || !c->in[i]->data)
            return WT_OK;
        if (!wt_tensor_double(c->in[i], 0, &v[i]))
            return wt_infer_bad(c, err, "input %zu is no number", i);
    }
    if (v[2] == 0 || !isfinite(v[0]) || !isfinite(v[1]) || !isfinite(v[2]))
        return wt_infer_bad(c, err, "from %g to %g by %g is no range", v[0], v[1], v[2]);
    if (wt_tensor_int(c->in[0], 0, &k[0]) && wt_tensor_int(c->in[1], 0, &k[1]) && wt_tensor_int(c->in[2], 0, &k[2])) {
        const bool up = k[2] > 0; /* exact where doubles are not */
        const uint64_t span = up ? (uint64_t)k[1] - (uint64_t)k[0] : (uint64_t)k[0] - (uint64_t)k[1];
        const uint64_t step = up ? (uint64_t)k[2] : (uint64_t)0 - (uint64_t)k[2];
        const uint64_t n = (up ? k[1] > k[0] : k[0] > k[1]) ? (span - 1) / step + 1 : 0;
        if (n > INT64_MAX)
            return wt_infer_bad(c, err, "the range is too long");
        *len = (int64_t)n;
        return WT_OK;
    }
    const double n = ceil((v[1] - v[0]) / v[2]);
    if (n > 0x1p53)
        return wt_infer_bad(c, err, "the range is too long");
    *len = n > 0 ? (int64_t)n : 0;
    return WT_OK;
}

wt_status wt_infer_range(wt_infer *c, wt_err *err)
{
    wt_shape s = { .rank = 1 };
    int64_t v[WT_SMALL_MAX], start = 0, step = 0;
    for (size_t i = 0; i < 3; i++)
        WT_TRY(wt_rule_need_rank(c, i, 0, 1, err));
    WT_TRY(wt_rule_need_same_dtype(c, 0, 1, err));
    WT_TRY(wt_rule_need_same_dtype(c, 0, 2, err));
    WT_TRY(range_length(c, &s.dim[0], err));
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err));
    if (!c->arena || s.dim[0] < 0 || s.dim[0] > WT_SMALL_MAX || !wt_tensor_int(c->in[0], 0, &start) ||
        !wt_tensor_int(c->in[2], 0, &step))
        return WT_OK;
    for (int64_t k = 0; k < s.dim[0]; k++)
        v[k] = (int64_t)((uint64_t)start + (uint64_t)k * (uint64_t)step);
    return wt_infer_publish(c, 0, v, s.dim[0], err);
}

/* Attribute `name` as an element type, or `fallback`. */
static wt_status type_attr(const wt_infer *c, const char *name, wt_dtype fallback, wt_dtype *out, wt_err *err)
{
    const wt_attr *a = wt_attr_find(c->attrs, name);
    *out = fallback;
    if (!a)
        return WT_OK;
    *out = a->type == WT_ATTR_INT ? wt_dtype_from_onnx(a->v.i) : WT_DTYPE_NONE;
    return *out ? WT_OK : wt_infer_bad(c, err, "attribute %s is no element type", name);
}

wt_status wt_infer_eye_like(wt_infer *c, wt_err *err)
{
    wt_dtype dtype;
    WT_TRY(wt_rule_need_rank(c, 0, 2, 2, err));
    WT_TRY(type_attr(c, "dtype", wt_rule_dtype(c, 0), &dtype, err));
    return wt_infer_set(c, 0, dtype, wt_rule_shape(c, 0), err);
}

wt_status wt_infer_onehot(wt_infer *c, wt_err *err)
{
    const wt_shape *at = wt_rule_shape(c, 0);
    wt_shape s = wt_rule_unknown(-1);
    double depth = -1;
    int axis;
    WT_TRY(wt_rule_need_vector(c, 2, 2, err));
    WT_TRY(wt_rule_need_rank(c, 1, 0, 1, err));
    if (wt_rule_in(c, 1) && c->in[1]->data) {
        if (!wt_tensor_double(c->in[1], 0, &depth) || !(depth >= 0) || depth > 0x1p40)
            return wt_infer_bad(c, err, "depth is no usable length");
    }
    if (at->rank >= 0) {
        if (at->rank + 1 > WT_MAX_RANK)
            return wt_infer_bad(c, err, "the result would have %d dimensions, at most %d can be handled", at->rank + 1,
                                WT_MAX_RANK);
        WT_TRY(wt_infer_axis(c, "axis", -1, at->rank + 1, false, &axis, err));
        s.rank = at->rank + 1;
        for (int i = 0, k = 0; i < s.rank; i++)
            s.dim[i] = i != axis ? at->dim[k++] : depth >= 0 ? (int64_t)depth : WT_DIM_ANY;
    }
    return wt_infer_set(c, 0, wt_rule_dtype(c, 2), &s, err);
}

/* --- random
 * ------------------------------------------------------------------------------------------------------------ */
wt_status wt_infer_random(wt_infer *c, wt_err *err)
{
    wt_ints dims;
    wt_dtype dtype;
    WT_TRY(wt_infer_attr_ints(c, "shape", &dims, err));
    WT_TRY(type_attr(c, "dtype", WT_F32, &dtype, err));
    if (dims.state == WT_ABSENT || dims.count > WT_MAX_RANK)
        return wt_infer_bad(c, err, "attribute shape is missing or has more than %d dimensions", WT_MAX_RANK);
    for (int64_t k = 0; k < dims.count; k++)
        if (dims.v[k] < 0)
            return wt_infer_bad(c, err, "dimension %" PRId64 " would be %" PRId64, k, dims.v[k]);
    const wt_shape s = wt_shape_make((int)dims.count, dims.v);
    return wt_infer_set(c, 0, dtype, &s, err);
}

wt_status wt_infer_random_like(wt_infer *c, wt_err *err)
{
    wt_dtype dtype;
    WT_TRY(type_attr(c, "dtype", wt_rule_dtype(c, 0), &dtype, err));
    return wt_infer_set(c, 0, dtype, wt_rule_shape(c, 0), err);
}

wt_status wt_infer_multinomial(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    const int64_t n = wt_attr_int(c->attrs, "sample_size", 1);
    wt_shape s = { .rank = 2, .dim = { x->rank == 2 ? x->dim[0] : WT_DIM_ANY, n } };
    wt_dtype dtype;
    WT_TRY(wt_rule_need_rank(c, 0, 2, 2, err));
    WT_TRY(type_attr(c, "dtype", WT_I32, &dtype, err));
    if (n < 1 || (x->rank == 2 && x->dim[1] == 0) || (dtype != WT_I32 && dtype != WT_I64))
        return wt_infer_bad(c, err, "sample_size, the number of classes or the output type is out of range");
    return wt_infer_set(c, 0, dtype, &s, err);
}

/* --- signals
 * ----------------------------------------------------------------------------------------------------------- */
wt_status wt_infer_window(wt_infer *c, wt_err *err)
{
    wt_shape s = wt_rule_unknown(1);
    wt_dtype dtype;
    wt_known state;
    int64_t n;
    WT_TRY(wt_infer_int(c, 0, &state, &n, err));
    WT_TRY(type_attr(c, "output_datatype", WT_F32, &dtype, err));
    if (state == WT_KNOWN) {
        if (n < 0)
            return wt_infer_bad(c, err, "the window would have %" PRId64 " elements", n);
        s.dim[0] = n;
    }
    return wt_infer_set(c, 0, dtype, &s, err);
}

wt_status wt_infer_mel(wt_infer *c, wt_err *err)
{
    wt_shape s = wt_rule_unknown(2);
    wt_dtype dtype;
    wt_known state;
    int64_t n;
    WT_TRY(type_attr(c, "output_datatype", WT_F32, &dtype, err));
    WT_TRY(wt_infer_int(c, 0, &state, &n, err));
    if (state == WT_KNOWN) {
        if (n < 1)
            return wt_infer_bad(c, err, "num_mel_bins is %" PRId64, n);
        s.dim[1] = n;
    }
    WT_TRY(wt_infer_int(c, 1, &state, &n, err));
    if (state == WT_KNOWN) {
        if (n < 0)
            return wt_infer_bad(c, err, "dft_length is %" PRId64, n);
        s.dim[0] = n / 2 + 1;
    }
    return wt_infer_set(c, 0, dtype, &s, err);
}

wt_status wt_infer_det(wt_infer *c, wt_err *err)
{
    wt_shape s = *wt_rule_shape(c, 0);
    WT_TRY(wt_rule_need_rank(c, 0, 2, WT_MAX_RANK, err));
    if (s.rank >= 2) {
        WT_TRY(wt_rule_need_dim(c, 0, s.rank - 1, s.dim[s.rank - 2], err));
        s.rank -= 2;
    }
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

wt_status wt_infer_dft(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    const bool inverse = wt_attr_int(c->attrs, "inverse", 0) != 0, onesided = wt_attr_int(c->attrs, "onesided", 0) != 0;
    wt_shape s = *x;
    wt_known length, where;
    int64_t n, axis_value;
    WT_TRY(wt_rule_need_rank(c, 0, 2, WT_MAX_RANK, err));
    WT_TRY(wt_infer_int(c, 1, &length, &n, err));
    WT_TRY(wt_infer_int(c, 2, &where, &axis_value, err));
    if (length == WT_KNOWN && n < 1)
        return wt_infer_bad(c, err, "dft_length is %" PRId64, n);
    if (x->rank < 0)
        return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
    const int64_t components = x->dim[x->rank - 1];
    if (components >= 0 && components != 1 && components != 2)
        return wt_infer_bad(c, err, "the last dimension is %" PRId64 ", expected 1 (real) or 2 (complex)", components);
    if (onesided && !inverse && components == 2)
        return wt_infer_bad(c, err, "a one-sided transform needs real input");
    s.dim[s.rank - 1] = onesided && inverse ? 1 : 2;
    if (where == WT_NOT_KNOWN) {
        for (int i = 0; i + 1 < s.rank; i++)
            s.dim[i] = WT_DIM_ANY;
        return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
    }
    const int axis = wt_axis(where == WT_KNOWN ? axis_value : -2, x->rank, false);
    if (axis < 0 || axis == x->rank - 1)
        return wt_infer_bad(c, err, "axis %" PRId64 " cannot be transformed", where == WT_KNOWN ? axis_value : -2);
    int64_t len = length == WT_KNOWN ? n : length == WT_NOT_KNOWN ? WT_DIM_ANY : x->dim[axis];
    if (length == WT_ABSENT && onesided && inverse && len >= 0)
        len = len > 1 ? 2 * (len - 1) : 1;
    s.dim[axis] = onesided && !inverse && len >= 0 ? len / 2 + 1 : len;
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

wt_status wt_infer_stft(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0), *window = wt_rule_shape(c, 2);
    const bool onesided = wt_attr_int(c->attrs, "onesided", 1) != 0;
    wt_shape s = { .rank = 4, .dim = { WT_DIM_ANY, WT_DIM_ANY, WT_DIM_ANY, 2 } };
    wt_known step_state, len_state;
    int64_t step, len;
    WT_TRY(wt_rule_need_rank(c, 0, 2, 3, err));
    WT_TRY(wt_rule_need_rank(c, 2, 1, 1, err));
    WT_TRY(wt_infer_int(c, 1, &step_state, &step, err));
    WT_TRY(wt_infer_int(c, 3, &len_state, &len, err));
    if (len_state == WT_ABSENT && !wt_rule_in(c, 2))
        return wt_infer_bad(c, err, "expected a window or a frame length");
    if (len_state == WT_ABSENT && window->rank == 1 && window->dim[0] >= 0)
        len = window->dim[0], len_state = WT_KNOWN;
    if (len_state == WT_KNOWN && window->rank == 1 && window->dim[0] >= 0 && window->dim[0] != len)
        return wt_infer_bad(c, err, "the window has %" PRId64 " elements, the frame %" PRId64, window->dim[0], len);
    if (x->rank >= 2)
        s.dim[0] = x->dim[0];
    if (onesided && x->rank == 3 && x->dim[2] == 2)
        return wt_infer_bad(c, err, "a one-sided transform needs a real signal");
    if (len_state == WT_KNOWN) {
        if (len < 1)
            return wt_infer_bad(c, err, "the frame length is %" PRId64, len);
        s.dim[2] = onesided ? len / 2 + 1 : len;
    }
    if (step_state == WT_KNOWN && step < 1)
        return wt_infer_bad(c, err, "the frame step is %" PRId64, step);
    if (step_state == WT_KNOWN && len_state == WT_KNOWN && x->rank >= 2 && x->dim[1] >= 0) {
        if (x->dim[1] < len)
            return wt_infer_bad(c, err, "the signal of %" PRId64 " samples is shorter than a frame of %" PRId64,
                                x->dim[1], len);
        s.dim[1] = (x->dim[1] - len) / step + 1;
    }
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}
