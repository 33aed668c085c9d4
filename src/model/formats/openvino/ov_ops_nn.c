/* ov_ops_nn.c - products, convolutions, pooling, normalization, attention, resizing. */
#include "ov_ops.h"

enum { MOST_AXES = 3 /* spatial */ };

/* --- products ------------------------------------------------------------------------------------------------------
 */
static wt_value *swapped(wt_ov_op *o, wt_value *v)
{
    int64_t perm[WT_MAX_RANK];
    const int rank = wt_ov_need_rank(o, v);
    for (int i = 0; i < rank; i++)
        perm[i] = i;
    if (rank < 2)
        return v; /* of a vector there is nothing to transpose */
    perm[rank - 1] = rank - 2;
    perm[rank - 2] = rank - 1;
    wt_ov_set_ints(o, "perm", perm, (size_t)rank);
    return wt_ov_emit(o, "Transpose", v);
}

/* Two matrices with one transposed are a Gemm, which needs no copy of weights in their usual form [out, in]. */
static void matmul(wt_ov_op *o)
{
    wt_value *a = wt_ov_in(o, 0), *b = wt_ov_in(o, 1);
    const bool ta = wt_ov_bool(o, "transpose_a", false), tb = wt_ov_bool(o, "transpose_b", false);
    if ((ta || tb) && wt_ov_rank(a) == 2 && wt_ov_rank(b) == 2) {
        wt_ov_set_int(o, "transA", ta);
        wt_ov_set_int(o, "transB", tb);
        wt_ov_finish(o, "Gemm", a, b);
        return;
    }
    if (ta)
        a = swapped(o, a);
    if (tb)
        b = swapped(o, b);
    wt_ov_finish(o, "MatMul", a, b);
}

/* --- windows -------------------------------------------------------------------------------------------------------
 */
static void set_window(wt_ov_op *o, bool dilations)
{
    static const struct {
        const char *ours, *theirs;
    } pads[] = { { "SAME_UPPER", "same_upper" }, { "SAME_LOWER", "same_lower" }, { "VALID", "valid" } };
    int64_t strides[MOST_AXES], dil[MOST_AXES], ends[2 * MOST_AXES];
    const size_t ns = wt_ov_ints(o, "strides", strides, MOST_AXES);
    const size_t nd = dilations ? wt_ov_ints(o, "dilations", dil, MOST_AXES) : 0;
    const size_t nb = wt_ov_ints(o, "pads_begin", ends, MOST_AXES);
    const size_t ne = wt_ov_ints(o, "pads_end", ends + nb, MOST_AXES);
    bool automatic = false;
    if (ns)
        wt_ov_set_ints(o, "strides", strides, ns);
    if (nd)
        wt_ov_set_ints(o, "dilations", dil, nd);
    for (size_t i = 0; i < WT_ARRAY_LEN(pads); i++)
        if (wt_ov_text_is(o, "auto_pad", pads[i].theirs)) {
            wt_ov_set_text(o, "auto_pad", pads[i].ours);
            automatic = true;
        }
    if (!automatic && nb && nb == ne)
        wt_ov_set_ints(o, "pads", ends, nb + ne);
}

static void convolution(wt_ov_op *o)
{
    set_window(o, true);
    wt_ov_finish(o, "Conv", wt_ov_in(o, 0), wt_ov_in(o, 1));
}

/* [G, a, b, ...] as [G * a, b, ...]; *groups: G. */
static wt_value *merged_groups(wt_ov_op *o, wt_value *w, int64_t *groups)
{
    wt_shape shape = { .rank = wt_ov_need_rank(o, w) - 1 };
    if (o->st == WT_OK && (shape.rank < 2 || w->type.shape.dim[0] < 1 || !wt_shape_known(&w->type.shape)))
        wt_ov_cannot(o, "weights whose shape is not known");
    if (o->st != WT_OK)
        return NULL;
    *groups = w->type.shape.dim[0];
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = w->type.shape.dim[i + 1];
    if (__builtin_mul_overflow(shape.dim[0], *groups, &shape.dim[0]))
        wt_ov_cannot(o, "weights of this size");
    return wt_ov_reshaped(o, w, &shape);
}

static void group_convolution(wt_ov_op *o)
{
    int64_t groups = 1;
    wt_value *w = merged_groups(o, wt_ov_in(o, 1), &groups);
    set_window(o, true);
    wt_ov_set_int(o, "group", groups);
    wt_ov_finish(o, "Conv", wt_ov_in(o, 0), w);
}

static void transposed(wt_ov_op *o, wt_value *w, int64_t groups)
{
    int64_t extra[MOST_AXES], shape[MOST_AXES];
    size_t n = 0;
    if (o->layer->n_in > 2)
        n = wt_ov_const_ints(o, wt_ov_in(o, 2), "the output's shape", shape, MOST_AXES);
    set_window(o, true);
    const size_t k = wt_ov_ints(o, "output_padding", extra, MOST_AXES);
    if (k)
        wt_ov_set_ints(o, "output_padding", extra, k);
    if (n)
        wt_ov_set_ints(o, "output_shape", shape, n);
    wt_ov_set_int(o, "group", groups);
    wt_ov_finish(o, "ConvTranspose", wt_ov_in(o, 0), w);
}

static void convolution_backprop(wt_ov_op *o) { transposed(o, wt_ov_in(o, 1), 1); }

static void group_convolution_backprop(wt_ov_op *o)
{
    int64_t groups = 1;
    wt_value *w = merged_groups(o, wt_ov_in(o, 1), &groups);
    transposed(o, w, groups);
}

static void deformable_convolution(wt_ov_op *o)
{
    wt_value *in[5] = { wt_ov_in(o, 0), wt_ov_in(o, 2), wt_ov_in(o, 1), NULL, wt_ov_in(o, 3) };
    set_window(o, true);
    wt_ov_set_int(o, "group", wt_ov_int(o, "group", 1));
    wt_ov_set_int(o, "offset_group", wt_ov_int(o, "deformable_group", 1));
    if (o->layer->n_in > 4 || (!strcmp(o->layer->version, "opset1") && o->layer->n_in > 3))
        wt_ov_refuse(o, WT_EFORMAT, "the layer has %zu inputs", o->layer->n_in);
    wt_ov_finish_k(o, 0, "DeformConv", in, in[4] ? 5 : 3);
}

static void set_pool(wt_ov_op *o)
{
    int64_t kernel[MOST_AXES];
    const size_t n = wt_ov_ints(o, "kernel", kernel, MOST_AXES);
    wt_ov_set_ints(o, "kernel_shape", kernel, n);
    set_window(o, wt_ov_text(o, "dilations", NULL) != NULL);
    wt_ov_set_int(o, "ceil_mode", !wt_ov_text_is(o, "rounding_type", "floor") && wt_ov_text(o, "rounding_type", NULL));
}

static void avg_pool(wt_ov_op *o)
{
    set_pool(o);
    wt_ov_set_int(o, "count_include_pad", !wt_ov_bool(o, "exclude-pad", true));
    wt_ov_finish(o, "AveragePool", wt_ov_in(o, 0));
}

static void max_pool(wt_ov_op *o)
{
    const bool indices = o->layer->n_out > 1 && (o->layer->n_users > 1 || o->layer->out[1].names);
    const wt_ov_layer *layer = o->layer;
    bool used = false;
    for (size_t i = 0; indices && i < layer->n_users; i++)
        for (size_t k = 0; k < layer->users[i]->n_in; k++)
            used |= layer->users[i]->in[k].from == layer && layer->users[i]->in[k].from_out == 1;
    set_pool(o);
    if (!used) {
        wt_ov_finish(o, "MaxPool", wt_ov_in(o, 0));
        return;
    }
    wt_value *out[2] = { NULL };
    if (wt_ov_int(o, "axis", 0) != 0)
        wt_ov_cannot(o, "indices that count from another axis than the first");
    wt_ov_emit_outs(o, "MaxPool", WT_OV_LIST(wt_ov_in(o, 0)), 1, out, 2);
    wt_ov_give(o, 0, out[0]);
    wt_ov_give(o, 1, wt_ov_cast(o, out[1], wt_ov_type(o, "index_element_type", WT_I64)));
}

/* To one element an axis it is the mean of all; other sizes cut unevenly, which ONNX does not have. */
static void adaptive_avg_pool(wt_ov_op *o)
{
    int64_t size[MOST_AXES];
    const size_t n = wt_ov_const_ints(o, wt_ov_in(o, 1), "the output's size", size, MOST_AXES);
    for (size_t i = 0; i < n; i++)
        if (size[i] != 1)
            wt_ov_cannot(o, "an output of more than one element");
    wt_ov_finish(o, "GlobalAveragePool", wt_ov_in(o, 0));
}

/* --- normalization -------------------------------------------------------------------------------------------------
 */
static void along(wt_ov_op *o)
{
    wt_ov_set_int(o, "axis", wt_ov_int(o, "axis", 1));
    wt_ov_finish(o, wt_ov_row_of(o->layer)->to, wt_ov_in(o, 0));
}

static void log_softmax(wt_ov_op *o)
{
    wt_ov_set_int(o, "axis", wt_ov_int(o, "axis", -1));
    wt_ov_finish(o, "LogSoftmax", wt_ov_in(o, 0));
}

static void lrn(wt_ov_op *o)
{
    int64_t axes[WT_MAX_RANK];
    const size_t n = wt_ov_const_ints(o, wt_ov_in(o, 1), "the axes", axes, WT_MAX_RANK);
    if (o->st == WT_OK && (n != 1 || axes[0] != 1))
        wt_ov_cannot(o, "other axes than the channels");
    wt_ov_set_float(o, "alpha", (float)wt_ov_float(o, "alpha", 1e-4));
    wt_ov_set_float(o, "beta", (float)wt_ov_float(o, "beta", 0.75));
    wt_ov_set_float(o, "bias", (float)wt_ov_float(o, "bias", 1));
    wt_ov_set_int(o, "size", wt_ov_int(o, "size", 1));
    wt_ov_finish(o, "LRN", wt_ov_in(o, 0));
}

static wt_value *mean(wt_ov_op *o, wt_value *x, wt_value *axes, const char *op)
{
    wt_ov_set_int(o, "keepdims", 1);
    return wt_ov_emit(o, op, x, axes);
}

static void mvn(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0), *axes = wt_ov_as_vector(o, wt_ov_as_i64(o, wt_ov_in(o, 1)));
    const bool inside = wt_ov_text_is(o, "eps_mode", "inside_sqrt");
    wt_value *centred = wt_ov_emit(o, "Sub", x, mean(o, x, axes, "ReduceMean"));
    if (!wt_ov_bool(o, "normalize_variance", true)) {
        wt_ov_finish(o, "Identity", centred);
        return;
    }
    wt_value *var = mean(o, wt_ov_emit(o, "Mul", centred, centred), axes, "ReduceMean");
    wt_value *eps = wt_ov_scalar(o, x, wt_ov_float(o, "eps", 1e-9));
    wt_value *root = inside ? wt_ov_emit(o, "Sqrt", wt_ov_emit(o, "Add", var, eps))
                            : wt_ov_emit(o, "Add", wt_ov_emit(o, "Sqrt", var), eps);
    wt_ov_finish(o, "Div", centred, root);
}

static void normalize_l2(wt_ov_op *o)
{
    wt_value *x = wt_ov_in(o, 0), *axes = wt_ov_as_vector(o, wt_ov_as_i64(o, wt_ov_in(o, 1)));
    wt_value *sum = mean(o, wt_ov_emit(o, "Mul", x, x), axes, "ReduceSum");
    wt_value *eps = wt_ov_scalar(o, x, wt_ov_float(o, "eps", 1e-9));
    sum = wt_ov_emit(o, wt_ov_text_is(o, "eps_mode", "max") ? "Max" : "Add", sum, eps);
    wt_ov_finish(o, "Div", x, wt_ov_emit(o, "Sqrt", sum));
}

static void batch_norm(wt_ov_op *o)
{
    if (!strcmp(o->layer->version, "opset1"))
        wt_ov_cannot(o, "the order of inputs of opset1");
    wt_ov_set_float(o, "epsilon", (float)wt_ov_float(o, "epsilon", 1e-5));
    wt_ov_finish(o, "BatchNormalization", wt_ov_in(o, 0), wt_ov_in(o, 1), wt_ov_in(o, 2), wt_ov_in(o, 3),
                 wt_ov_in(o, 4));
}

static void group_norm(wt_ov_op *o)
{
    wt_ov_set_int(o, "num_groups", wt_ov_int(o, "num_groups", 1));
    wt_ov_set_float(o, "epsilon", (float)wt_ov_float(o, "epsilon", 1e-5));
    wt_ov_finish(o, "GroupNormalization", wt_ov_in(o, 0), wt_ov_in(o, 1), wt_ov_in(o, 2));
}

/* --- attention -----------------------------------------------------------------------------------------------------
 */
/* softmax(q k' scale + mask) v. Of four dimensions it is the operator of ONNX; of others it is written out, without a
 * mask of booleans and without causality. */
static void attention(wt_ov_op *o)
{
    wt_value *q = wt_ov_in(o, 0), *k = wt_ov_in(o, 1), *v = wt_ov_in(o, 2), *mask = wt_ov_in(o, 3);
    wt_value *scale = wt_ov_in(o, 4);
    const bool causal = wt_ov_bool(o, "causal", false);
    const int rank = wt_ov_need_rank(o, q);
    if (o->layer->n_in > 5)
        wt_ov_cannot(o, "sinks");
    if (mask && (causal || wt_ov_rank(mask) == 0)) /* causality goes before the mask; a lone number masks nothing */
        mask = NULL;
    if (rank == 4 && (!scale || wt_ov_known(scale))) {
        if (scale)
            wt_ov_set_float(o, "scale", (float)wt_ov_const_float(o, scale, "the scale"));
        wt_ov_set_int(o, "is_causal", causal);
        if (mask)
            wt_ov_finish(o, "Attention", q, k, v, mask);
        else
            wt_ov_finish(o, "Attention", q, k, v);
        return;
    }
    if (causal || (mask && wt_value_dtype(mask) == WT_BOOL))
        wt_ov_cannot(o, "causality or a mask of booleans with other than four dimensions");
    if (!scale) {
        const int64_t head = o->st == WT_OK ? q->type.shape.dim[rank - 1] : -1;
        if (head < 1)
            wt_ov_cannot(o, "heads whose size is not known");
        scale = wt_ov_scalar(o, q, head > 0 ? 1 / __builtin_sqrt((double)head) : 1);
    }
    wt_value *scores = wt_ov_emit(o, "Mul", wt_ov_emit(o, "MatMul", q, swapped(o, k)), scale);
    if (mask)
        scores = wt_ov_emit(o, "Add", scores, mask);
    wt_ov_set_int(o, "axis", -1);
    wt_ov_finish(o, "MatMul", wt_ov_emit(o, "Softmax", scores), v);
}

/* --- resizing ------------------------------------------------------------------------------------------------------
 */
static void set_resize(wt_ov_op *o)
{
    const char *mode = wt_ov_text(o, "mode", "nearest"), *nearest = wt_ov_text(o, "nearest_mode", "round_prefer_floor");
    const char *where = wt_ov_text(o, "coordinate_transformation_mode", "half_pixel");
    if (!strcmp(mode, "linear_onnx"))
        mode = "linear";
    else if (strcmp(mode, "nearest") != 0 && strcmp(mode, "cubic") != 0)
        wt_ov_cannot(o, "this mode of resizing");
    if (!strcmp(where, "tf_half_pixel_for_nn"))
        wt_ov_cannot(o, "coordinate_transformation_mode=\"tf_half_pixel_for_nn\"");
    if (!strcmp(mode, "nearest") && !strcmp(nearest, "simple"))
        wt_ov_cannot(o, "nearest_mode=\"simple\"");
    wt_ov_set_text(o, "mode", mode);
    wt_ov_set_text(o, "coordinate_transformation_mode", where);
    if (!strcmp(mode, "nearest"))
        wt_ov_set_text(o, "nearest_mode", nearest);
    if (!strcmp(mode, "cubic"))
        wt_ov_set_float(o, "cubic_coeff_a", (float)wt_ov_float(o, "cube_coeff", -0.75));
    if (wt_ov_bool(o, "antialias", false))
        wt_ov_set_int(o, "antialias", 1);
}

/* opset4: image, sizes, scales, [axes]; opset11: image, sizes or scales, [axes]. */
static void interpolate(wt_ov_op *o)
{
    const bool old = !strcmp(o->layer->version, "opset4"),
               scales = wt_ov_text_is(o, "shape_calculation_mode", "scales");
    int64_t pads[2 * WT_MAX_RANK], axes[WT_MAX_RANK];
    const size_t n_begin = wt_ov_ints(o, "pads_begin", pads, WT_MAX_RANK);
    const size_t n_pads = n_begin + wt_ov_ints(o, "pads_end", pads + n_begin, WT_MAX_RANK);
    wt_value *in[4] = { wt_ov_in(o, 0) };
    if (!old && strcmp(o->layer->version, "opset11") != 0)
        wt_ov_cannot(o, "the form of opset1");
    for (size_t i = 0; i < n_pads; i++)
        if (pads[i])
            wt_ov_cannot(o, "padding");
    const size_t at = scales && old ? 2 : 1;
    wt_value *axes_in = wt_ov_in(o, old ? 3 : 2);
    size_t n = axes_in ? wt_ov_const_ints(o, axes_in, "the axes", axes, WT_MAX_RANK) : 0;
    in[scales ? 2 : 3] = scales ? wt_ov_cast(o, wt_ov_in(o, at), WT_F32) : wt_ov_as_i64(o, wt_ov_in(o, at));
    set_resize(o);
    if (n)
        wt_ov_set_ints(o, "axes", axes, n);
    wt_ov_finish_k(o, 0, "Resize", in, scales ? 3 : 4);
}

static void grid_sample(wt_ov_op *o)
{
    const char *mode = wt_ov_text(o, "mode", "bilinear");
    wt_ov_set_int(o, "align_corners", wt_ov_bool(o, "align_corners", false));
    wt_ov_set_text(o, "mode", !strcmp(mode, "bilinear") ? "linear" : !strcmp(mode, "bicubic") ? "cubic" : mode);
    wt_ov_set_text(o, "padding_mode", wt_ov_text(o, "padding_mode", "zeros"));
    wt_ov_finish(o, "GridSample", wt_ov_in(o, 0), wt_ov_in(o, 1));
}

const wt_ov_row wt_ov_rows_nn[] = {
    { "MatMul", matmul, NULL, 2 },
    { "Convolution", convolution, NULL, 2 },
    { "GroupConvolution", group_convolution, NULL, 2 },
    { "ConvolutionBackpropData", convolution_backprop, NULL, 2 },
    { "GroupConvolutionBackpropData", group_convolution_backprop, NULL, 2 },
    { "DeformableConvolution", deformable_convolution, NULL, 3 },
    { "AvgPool", avg_pool, NULL, 1 },
    { "MaxPool", max_pool, NULL, 1 },
    { "AdaptiveAvgPool", adaptive_avg_pool, NULL, 2 },
    { "SoftMax", along, "Softmax", 1 },
    { "LogSoftmax", log_softmax, NULL, 1 },
    { "LRN", lrn, NULL, 2 },
    { "MVN", mvn, NULL, 2 },
    { "NormalizeL2", normalize_l2, NULL, 2 },
    { "BatchNormInference", batch_norm, NULL, 5 },
    { "GroupNormalization", group_norm, NULL, 3 },
    { "ScaledDotProductAttention", attention, NULL, 3 },
    { "Interpolate", interpolate, NULL, 2 },
    { "GridSample", grid_sample, NULL, 2 },
    { 0 },
};
