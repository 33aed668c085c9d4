/* raise_nn.c - normalization, softmax, dropout and other layers whose meaning changed. */
#include "raise.h"

/* --- Softmax, LogSoftmax, Hardmax before opset 13: over the input seen as a matrix [dims before axis, axis and after]
 * --- */

/* The one axis that such a softmax runs over when all others from `axis` on are 1; -1 when there is no such one. */
static int single_axis(const wt_shape *shape, int axis)
{
    int found = -1;
    for (int i = axis; i < shape->rank; i++) {
        if (shape->dim[i] == 1)
            continue;
        if (found >= 0)
            return -1;
        found = i;
    }
    return found < 0 ? shape->rank - 1 : found;
}

static wt_status raise_softmax(wt_raise *r, wt_err *err)
{
    wt_value *x = wt_raise_in(r, 0), *flat = NULL, *soft = NULL, *shape = NULL;
    const int64_t axis = wt_attr_int(&r->node->attrs, "axis", 1);
    const int rank = wt_raise_rank(x);
    const char *op_type = r->node->op_type;
    if (!x || r->node->n_in != 1)
        return WT_OK; /* the verifier says it */
    if (rank >= 0 && axis >= -rank && axis < rank) {
        const int only = single_axis(&x->type.shape, (int)(axis < 0 ? axis + rank : axis));
        if (only >= 0)
            return wt_node_set_attr_int(r->node, "axis", only, err);
    }
    const wt_attr at = wt_raise_int("axis", axis), columns = wt_raise_int("axis", 1),
                  zeros = wt_raise_int("allowzero", 1);
    WT_TRY(wt_raise_emit(r, "Flatten", &x, 1, &at, 1, &flat, err));
    WT_TRY(wt_raise_emit(r, op_type, &flat, 1, &columns, 1, &soft, err));
    if (wt_shape_known(&x->type.shape))
        WT_TRY(wt_raise_i64(r, x->type.shape.dim, (size_t)rank, false, &shape, err));
    else
        WT_TRY(wt_raise_emit(r, "Shape", &x, 1, NULL, 0, &shape, err));
    wt_value *const in[] = { soft, shape };
    return wt_raise_turn(r, "Reshape", in, 2, &zeros, 1, err);
}

/* --- BatchNormalization before opset 14
 * ------------------------------------------------------------------------------- */

/* spatial = 0: mean and variance have all dimensions but the first. */
static wt_status raise_batch_per_element(wt_raise *r, wt_err *err)
{
    wt_value *const *in = r->node->in;
    wt_value *centered, *eps, *shifted, *deviation, *unit, *scaled;
    WT_TRY(wt_raise_scalar_like(r, in[0], wt_attr_float(&r->node->attrs, "epsilon", 1e-5f), &eps, err));
    if (r->unknown)
        return WT_OK;
    WT_TRY(wt_raise_emit(r, "Sub", (wt_value *[]){ in[0], in[3] }, 2, NULL, 0, &centered, err));
    WT_TRY(wt_raise_emit(r, "Add", (wt_value *[]){ in[4], eps }, 2, NULL, 0, &shifted, err));
    WT_TRY(wt_raise_emit(r, "Sqrt", &shifted, 1, NULL, 0, &deviation, err));
    WT_TRY(wt_raise_emit(r, "Div", (wt_value *[]){ centered, deviation }, 2, NULL, 0, &unit, err));
    WT_TRY(wt_raise_emit(r, "Mul", (wt_value *[]){ unit, in[1] }, 2, NULL, 0, &scaled, err));
    return wt_raise_turn(r, "Add", (wt_value *[]){ scaled, in[2] }, 2, NULL, 0, err);
}

/* More than one output meant training then. */
static wt_status raise_batch_norm(wt_raise *r, wt_err *err)
{
    for (size_t i = 1; i < r->node->n_out; i++)
        if (wt_raise_wants_out(r, i))
            r->unknown = true;
    if (r->unknown || r->node->n_in != 5)
        return WT_OK;
    for (size_t i = 0; i < 5; i++)
        if (!r->node->in[i])
            return WT_OK;
    wt_raise_trim_outputs(r, 1);
    if (r->version < 9 && wt_attr_int(&r->node->attrs, "spatial", 1) == 0)
        return raise_batch_per_element(r, err);
    return wt_raise_drop_attr(r, "spatial", err);
}

/* --- GroupNormalization 18: scale and bias per group, now per channel
 * ---------------------------------------------------- */

static wt_status repeat_constant(wt_raise *r, const wt_value *v, int64_t times, wt_value **out, wt_err *err)
{
    wt_tensor t = v->type;
    const size_t size = wt_dtype_get(t.dtype)->block_bytes, n = (size_t)t.shape.dim[0];
    if (wt_mul_overflows(n * size, (size_t)times, &t.bytes))
        return wt_fail(err, WT_EFORMAT, "more channels than memory can hold");
    uint8_t *to = wt_arena_alloc(wt_raise_arena(r), t.bytes ? t.bytes : 1, 1, err);
    if (!to)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        for (int64_t k = 0; k < times; k++, to += size)
            memcpy(to, (const uint8_t *)v->type.data + i * size, size);
    t.data = to - t.bytes;
    t.shape.dim[0] *= times;
    WT_TRY(wt_graph_add_value(out, r->node->graph, NULL, err));
    return wt_graph_set_constant(*out, &t, err);
}

/* v [groups] -> [groups, 1] -> [groups, times] -> [groups * times], with times = channels / groups computed when run.
 */
static wt_status repeat_value(wt_raise *r, wt_value *v, wt_value *times, wt_value **out, wt_err *err)
{
    wt_value *one, *minus, *column, *wide;
    WT_TRY(wt_raise_i64(r, (int64_t[]){ 1 }, 1, false, &one, err));
    WT_TRY(wt_raise_i64(r, (int64_t[]){ -1 }, 1, false, &minus, err));
    WT_TRY(wt_raise_emit(r, "Unsqueeze", (wt_value *[]){ v, one }, 2, NULL, 0, &column, err));
    WT_TRY(wt_raise_emit(r, "Expand", (wt_value *[]){ column, times }, 2, NULL, 0, &wide, err));
    return wt_raise_emit(r, "Reshape", (wt_value *[]){ wide, minus }, 2, NULL, 0, out, err);
}

static wt_status channels_per_group(wt_raise *r, int64_t groups, wt_value **out, wt_err *err)
{
    const wt_attr range[] = { wt_raise_int("start", 1), wt_raise_int("end", 2) };
    wt_value *channels, *divisor;
    WT_TRY(wt_raise_emit(r, "Shape", &r->node->in[0], 1, range, 2, &channels, err));
    WT_TRY(wt_raise_i64(r, &groups, 1, false, &divisor, err));
    return wt_raise_emit(r, "Div", (wt_value *[]){ channels, divisor }, 2, NULL, 0, out, err);
}

static wt_status raise_group_norm(wt_raise *r, wt_err *err)
{
    wt_value *x = wt_raise_in(r, 0), *times = NULL, *wide = NULL;
    const int64_t groups = wt_attr_int(&r->node->attrs, "num_groups", 0);
    if (groups < 1 || r->node->n_in != 3 || !x)
        return groups < 1 ? wt_fail(err, WT_EFORMAT, "attribute \"num_groups\" is required") : WT_OK;
    const int64_t channels = wt_raise_rank(x) > 1 ? x->type.shape.dim[1] : WT_DIM_ANY;
    for (size_t i = 1; i < 3; i++) {
        wt_value *v = r->node->in[i];
        if (!v)
            return WT_OK;
        if (channels >= 0 && channels % groups == 0 && wt_value_is_const(v) && v->type.shape.rank == 1 &&
            v->type.shape.dim[0] == groups) {
            WT_TRY(repeat_constant(r, v, channels / groups, &wide, err));
        } else {
            if (!times)
                WT_TRY(channels_per_group(r, groups, &times, err));
            WT_TRY(repeat_value(r, v, times, &wide, err));
        }
        WT_TRY(wt_node_set_input(r->node, i, wide, err));
    }
    return WT_OK;
}

/* --- the small ones
 * ---------------------------------------------------------------------------------------------------- */

/* Nobody trains here: the output is the input. What the mask then is, the old texts leave open; runtimes give zeros, of
 * the data's type before opset 10. */
static wt_status raise_dropout(wt_raise *r, wt_err *err)
{
    wt_value *x = wt_raise_in(r, 0), *mask = r->node->n_out > 1 && wt_raise_wants_out(r, 1) ? r->node->out[1] : NULL;
    wt_value *zeros = NULL;
    wt_node *node = NULL;
    if (!x)
        return WT_OK;
    wt_raise_trim_outputs(r, 1);
    if (mask && r->version >= 10) {
        WT_TRY(wt_graph_add_node(&node, r->node->graph, r->node, "", "Less", "", (wt_value *[]){ x, x }, 2, &mask, 1,
                                 NULL, err));
    } else if (mask) {
        WT_TRY(wt_raise_emit(r, "Less", (wt_value *[]){ x, x }, 2, NULL, 0, &zeros, err));
        WT_TRY(wt_graph_add_node(&node, r->node->graph, r->node, "", "CastLike", "", (wt_value *[]){ zeros, x }, 2,
                                 &mask, 1, NULL, err));
    }
    return wt_raise_turn(r, "Identity", &x, 1, NULL, 0, err);
}

static wt_status raise_grid_sample(wt_raise *r, wt_err *err)
{
    if (wt_attr_is(&r->node->attrs, "mode", "bilinear"))
        return wt_raise_set_text(r, "mode", "linear", err);
    if (wt_attr_is(&r->node->attrs, "mode", "bicubic"))
        return wt_raise_set_text(r, "mode", "cubic", err);
    return WT_OK;
}

static wt_status raise_roi_align(wt_raise *r, wt_err *err)
{
    return wt_raise_set_text(r, "coordinate_transformation_mode", "output_half_pixel", err);
}

static wt_status raise_scatter(wt_raise *r, wt_err *err) { return wt_node_set_op(r->node, "", "ScatterElements", err); }

/* Experimental before opset 9: per channel, or across them; the standard one says axes. */
static wt_status raise_mvn(wt_raise *r, wt_err *err)
{
    static const int64_t per_channel[] = { 0, 2, 3 }, across[] = { 0, 1, 2, 3 };
    const bool all = wt_attr_int(&r->node->attrs, "across_channels", 0) != 0;
    if (wt_attr_find(&r->node->attrs, "axes"))
        return WT_OK;
    if (wt_attr_int(&r->node->attrs, "normalize_variance", 1) == 0) {
        r->unknown = true;
        return WT_OK;
    }
    const wt_attr axes = {
        .name = "axes", .type = WT_ATTR_INTS, .count = all ? 4 : 3, .v.ints = all ? across : per_channel
    };
    WT_TRY(wt_raise_drop_attr(r, "across_channels", err));
    WT_TRY(wt_raise_drop_attr(r, "normalize_variance", err));
    return wt_node_set_attr(r->node, &axes, err);
}

/* --- what the standard writes as one operator since opset 27, in operators that kernels know -------------------------
 */

/* swish(alpha, a) * b */
static wt_status raise_swiglu(wt_raise *r, wt_err *err)
{
    const wt_attr alpha = wt_raise_float("alpha", wt_attr_float(&r->node->attrs, "alpha", 1));
    wt_value *a = wt_raise_in(r, 0), *b = wt_raise_in(r, 1), *gate = NULL;
    if (!a || !b || r->node->n_in != 2)
        return WT_OK;
    WT_TRY(wt_raise_emit(r, "Swish", &a, 1, &alpha, 1, &gate, err));
    return wt_raise_turn(r, "Mul", (wt_value *[]){ gate, b }, 2, NULL, 0, err);
}

/* Turns the second output of the node into that of a node of its own, in front of it. */
static wt_status give_second(wt_raise *r, const char *op_type, wt_value *const *in, size_t n_in, wt_err *err)
{
    wt_value *out = r->node->out[1];
    wt_node *node;
    wt_raise_trim_outputs(r, 1);
    return wt_graph_add_node(&node, r->node->graph, r->node, "", op_type, "", in, n_in, &out, 1, NULL, err);
}

/* The state (or zeros) in front of the input, a depthwise convolution over that; its tail is the next state. */
static wt_status raise_causal_conv(wt_raise *r, wt_err *err)
{
    wt_value *x = wt_raise_in(r, 0), *w = wt_raise_in(r, 1), *bias = wt_raise_in(r, 2), *past = wt_raise_in(r, 3);
    const wt_attr *activation = wt_attr_find(&r->node->attrs, "activation");
    const bool swish = wt_attr_is(&r->node->attrs, "activation", "silu") ||
                       wt_attr_is(&r->node->attrs, "activation", "swish");
    if (!x || !w || r->node->n_in > 4 || (activation && !swish && !wt_attr_is(&r->node->attrs, "activation", "none")))
        return WT_OK;
    const wt_shape *k = &w->type.shape;
    if (k->rank != 3 || k->dim[0] < 1 || k->dim[2] < 1) {
        r->unknown = true;
        return WT_OK;
    }
    const int64_t width = k->dim[2] - 1, pads[] = { 0, 0, width, 0, 0, 0 }, start = width ? -width : INT64_MAX;
    const wt_attr axis = wt_raise_int("axis", 2), group = wt_raise_int("group", k->dim[0]),
                  one = wt_raise_float("alpha", 1);
    wt_value *c[3] = { NULL }, *all = NULL, *y = NULL;
    if (past) {
        WT_TRY(wt_raise_emit(r, "Concat", (wt_value *[]){ past, x }, 2, &axis, 1, &all, err));
    } else {
        WT_TRY(wt_raise_i64(r, pads, 6, false, &c[0], err));
        WT_TRY(wt_raise_emit(r, "Pad", (wt_value *[]){ x, c[0] }, 2, NULL, 0, &all, err));
    }
    if (wt_raise_wants_out(r, 1)) {
        WT_TRY(wt_raise_i64(r, &start, 1, false, &c[0], err));
        WT_TRY(wt_raise_i64(r, (int64_t[]){ INT64_MAX }, 1, false, &c[1], err));
        WT_TRY(wt_raise_i64(r, (int64_t[]){ 2 }, 1, false, &c[2], err));
        WT_TRY(give_second(r, "Slice", (wt_value *[]){ all, c[0], c[1], c[2] }, 4, err));
    } else {
        wt_raise_trim_outputs(r, 1);
    }
    wt_value *const in[] = { all, w, bias };
    if (!swish)
        return wt_raise_turn(r, "Conv", in, bias ? 3 : 2, &group, 1, err);
    WT_TRY(wt_raise_emit(r, "Conv", in, bias ? 3 : 2, &group, 1, &y, err));
    return wt_raise_turn(r, "Swish", &y, 1, &one, 1, err);
}

const wt_raise_row wt_raise_rows_nn[] = {
    { "", "SwiGLU", INT64_MAX, raise_swiglu },
    { "", "CausalConvWithState", INT64_MAX, raise_causal_conv },
    { "", "Softmax", 13, raise_softmax },
    { "", "LogSoftmax", 13, raise_softmax },
    { "", "Hardmax", 13, raise_softmax },
    { "", "BatchNormalization", 14, raise_batch_norm },
    { "", "GroupNormalization", 21, raise_group_norm },
    { "", "Dropout", 12, raise_dropout },
    { "", "GridSample", 20, raise_grid_sample },
    { "", "RoiAlign", 16, raise_roi_align },
    { "", "Scatter", INT64_MAX, raise_scatter },
    { "", "MeanVarianceNormalization", 9, raise_mvn },
    { 0 },
};
