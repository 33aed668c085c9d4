/* ov_emit_nn.c - products, convolutions, pooling, normalization, attention, resizing. */
#include "ov_emit.h"

enum { MOST_AXES = 3 /* spatial */ };

static int64_t attr(const wt_ov_writer *w, const char *name, int64_t fallback)
{
    return wt_attr_int(&w->node->attrs, name, fallback);
}
static double attr_f(const wt_ov_writer *w, const char *name, float fallback)
{
    return (double)wt_attr_float(&w->node->attrs, name, fallback);
}

/* --- products ------------------------------------------------------------------------------------------------------
 */
static wt_ov_ref product(wt_ov_writer *w, wt_ov_ref a, wt_ov_ref b, bool ta, bool tb, bool last)
{
    wt_ov_put_bool(w, "transpose_a", ta);
    wt_ov_put_bool(w, "transpose_b", tb);
    if (!last)
        return wt_ov_add(w, "MatMul", 1, a, b);
    wt_ov_last(w, "MatMul", 1, a, b);
    return NULL;
}

static void matmul(wt_ov_writer *w) { product(w, wt_ov_arg(w, 0), wt_ov_arg(w, 1), false, false, true); }

/* alpha * A * B + beta * C */
static void gemm(wt_ov_writer *w)
{
    const double alpha = attr_f(w, "alpha", 1), beta = attr_f(w, "beta", 1);
    const bool ta = attr(w, "transA", 0) != 0, tb = attr(w, "transB", 0) != 0, add = wt_ov_arg_value(w, 2) && beta != 0;
    wt_ov_ref a = wt_ov_arg(w, 0), b = wt_ov_arg(w, 1), c = add ? wt_ov_arg(w, 2) : NULL;
    wt_ov_ref y = product(w, a, b, ta, tb, alpha == 1 && !add);
    if (alpha == 1 && !add)
        return;
    if (alpha != 1 && y) {
        wt_ov_ref factor = wt_ov_lit_as(w, y->dtype, alpha);
        if (!add) {
            wt_ov_last(w, "Multiply", 1, y, factor);
            return;
        }
        y = wt_ov_add(w, "Multiply", 1, y, factor);
    }
    if (beta != 1 && c)
        c = wt_ov_add(w, "Multiply", 1, c, wt_ov_lit_as(w, c->dtype, beta));
    wt_ov_last(w, "Add", 1, y, c);
}

/* --- windows -------------------------------------------------------------------------------------------------------
 */
/* Attributes of a window over n axes, with what ONNX means by those that are absent. */
static void put_window(wt_ov_writer *w, size_t n, bool dilations)
{
    int64_t strides[MOST_AXES] = { 1, 1, 1 }, dil[MOST_AXES] = { 1, 1, 1 }, pads[2 * MOST_AXES] = { 0 };
    const wt_attrs *a = &w->node->attrs;
    const char *automatic = wt_attr_is(a, "auto_pad", "SAME_UPPER")   ? "same_upper"
                            : wt_attr_is(a, "auto_pad", "SAME_LOWER") ? "same_lower"
                            : wt_attr_is(a, "auto_pad", "VALID")      ? "valid"
                                                                      : "explicit";
    if (n > MOST_AXES) {
        wt_ov_unable(w, "a window over %zu axes", n);
        return;
    }
    wt_attr_ints(a, "strides", strides, n);
    wt_attr_ints(a, "dilations", dil, n);
    if (!strcmp(automatic, "explicit"))
        wt_attr_ints(a, "pads", pads, 2 * n);
    wt_ov_put_ints(w, "strides", strides, n);
    if (dilations)
        wt_ov_put_ints(w, "dilations", dil, n);
    wt_ov_put_ints(w, "pads_begin", pads, n);
    wt_ov_put_ints(w, "pads_end", pads + n, n);
    wt_ov_put(w, "auto_pad", "%s", automatic);
}

static size_t window_axes(wt_ov_writer *w, size_t input)
{
    const int rank = wt_ov_arg_rank(w, input);
    if (w->st == WT_OK && rank < 3)
        wt_ov_unable(w, "data of %d dimensions", rank);
    return w->st == WT_OK ? (size_t)(rank - 2) : 0;
}

/* [a, b, ...] as [groups, a / groups, b, ...] */
static wt_ov_ref grouped(wt_ov_writer *w, size_t input, int64_t groups)
{
    const wt_value *v = wt_ov_arg_value(w, input);
    wt_shape shape = { .rank = 0 };
    if (groups == 1 || w->st != WT_OK)
        return wt_ov_arg(w, input);
    if (!wt_shape_known(&v->type.shape) || groups < 1 || v->type.shape.dim[0] % groups ||
        v->type.shape.rank == WT_MAX_RANK) {
        wt_ov_unable(w, "groups of weights whose shape is not known");
        return NULL;
    }
    shape.rank = v->type.shape.rank + 1;
    shape.dim[0] = groups;
    shape.dim[1] = v->type.shape.dim[0] / groups;
    for (int i = 2; i < shape.rank; i++)
        shape.dim[i] = v->type.shape.dim[i - 1];
    return wt_ov_shaped(w, v, &shape);
}

/* A vector along axis 1 of data with `rank` dimensions. */
static wt_ov_ref along_channels(wt_ov_writer *w, size_t input, int rank)
{
    const wt_value *v = wt_ov_arg_value(w, input);
    wt_shape shape = { .rank = rank };
    if (w->st != WT_OK)
        return NULL;
    for (int i = 0; i < rank; i++)
        shape.dim[i] = 1;
    shape.dim[1] = v->type.shape.rank == 1 && v->type.shape.dim[0] >= 0 ? v->type.shape.dim[0] : -1;
    return wt_ov_shaped(w, v, &shape);
}

/* The layer, and an Add with the bias behind it. */
static void with_bias(wt_ov_writer *w, const char *type, const wt_ov_ref *in, size_t n_in, size_t bias)
{
    if (!wt_ov_arg_value(w, bias)) {
        wt_ov_last_n(w, type, 1, in, n_in);
        return;
    }
    wt_ov_ref y = wt_ov_add_n(w, type, 1, WT_DTYPE_NONE, in, n_in);
    wt_ov_ref b = along_channels(w, bias, wt_ov_arg_rank(w, 1)); /* that of the weights: it is known more often */
    wt_ov_put(w, "auto_broadcast", "numpy");
    wt_ov_last(w, "Add", 1, y, b);
}

static void conv(wt_ov_writer *w)
{
    const int64_t groups = attr(w, "group", 1);
    const size_t n = window_axes(w, 1);
    wt_ov_ref x = wt_ov_arg(w, 0), k = grouped(w, 1, groups);
    put_window(w, n, true);
    with_bias(w, groups == 1 ? "Convolution" : "GroupConvolution", WT_OV_REFS(x, k), 2, 2);
}

static void conv_transpose(wt_ov_writer *w)
{
    const int64_t groups = attr(w, "group", 1);
    int64_t extra[MOST_AXES] = { 0 }, shape[MOST_AXES] = { 0 };
    const size_t n = window_axes(w, 1), n_shape = wt_attr_ints(&w->node->attrs, "output_shape", shape, MOST_AXES);
    wt_ov_ref x = wt_ov_arg(w, 0), k = grouped(w, 1, groups), target = NULL;
    const bool given = n_shape == n && n > 0;
    if (given)
        target = wt_ov_lit_ints(w, shape, n);
    wt_attr_ints(&w->node->attrs, "output_padding", extra, MOST_AXES);
    put_window(w, n, true);
    wt_ov_put_ints(w, "output_padding", extra, n);
    with_bias(w, groups == 1 ? "ConvolutionBackpropData" : "GroupConvolutionBackpropData", WT_OV_REFS(x, k, target),
              given ? 3 : 2, 2);
}

/* Integers of 8 bits as floats: sums are whole numbers, exact while below 2^24. */
static void conv_integer(wt_ov_writer *w)
{
    const int64_t groups = attr(w, "group", 1);
    const size_t n = window_axes(w, 1);
    wt_ov_ref x = wt_ov_convert(w, wt_ov_arg(w, 0), WT_F32), k = wt_ov_convert(w, grouped(w, 1, groups), WT_F32);
    for (size_t i = 2; i < 4; i++) {
        const wt_value *zero = wt_ov_arg_value(w, i);
        int64_t count = 0;
        if (!zero)
            continue;
        if (!wt_shape_count(&zero->type.shape, &count) || count != 1)
            wt_ov_unable(w, "zero points of channels");
        wt_ov_ref z = wt_ov_convert(w, wt_ov_arg(w, i), WT_F32);
        *(i == 2 ? &x : &k) = wt_ov_add(w, "Subtract", 1, i == 2 ? x : k, z);
    }
    put_window(w, n, true);
    x = wt_ov_add(w, groups == 1 ? "Convolution" : "GroupConvolution", 1, x, k);
    wt_ov_put(w, "destination_type", "i32");
    wt_ov_last(w, "Convert", 1, x);
}

static void deform_conv(wt_ov_writer *w)
{
    const size_t n = window_axes(w, 1);
    wt_ov_ref x = wt_ov_arg(w, 0), k = wt_ov_arg(w, 1), offset = wt_ov_arg(w, 2),
              mask = wt_ov_arg_value(w, 4) ? wt_ov_arg(w, 4) : NULL;
    put_window(w, n, true);
    wt_ov_put(w, "group", "%lld", (long long)attr(w, "group", 1));
    wt_ov_put(w, "deformable_group", "%lld", (long long)attr(w, "offset_group", 1));
    wt_ov_put_bool(w, "bilinear_interpolation_pad", true);
    const wt_ov_ref in[] = { x, offset, k, mask };
    if (!wt_ov_arg_value(w, 3)) {
        wt_ov_last_n(w, "DeformableConvolution", 8, in, mask ? 4 : 3);
        return;
    }
    wt_ov_ref y = wt_ov_add_n(w, "DeformableConvolution", 8, WT_DTYPE_NONE, in, mask ? 4 : 3);
    wt_ov_last(w, "Add", 1, y, along_channels(w, 3, wt_ov_arg_rank(w, 0)));
}

static size_t put_pool(wt_ov_writer *w, bool dilations)
{
    int64_t kernel[MOST_AXES] = { 0 };
    const size_t n = wt_attr_ints(&w->node->attrs, "kernel_shape", kernel, MOST_AXES);
    put_window(w, n, dilations);
    wt_ov_put_ints(w, "kernel", kernel, n);
    return n;
}

static const char *rounding(const wt_ov_writer *w) { return attr(w, "ceil_mode", 0) ? "ceil_torch" : "floor"; }

static void average_pool(wt_ov_writer *w)
{
    int64_t dil[MOST_AXES] = { 1, 1, 1 };
    wt_ov_ref x = wt_ov_arg(w, 0);
    const size_t n_dil = wt_attr_ints(&w->node->attrs, "dilations", dil, MOST_AXES);
    for (size_t i = 0; i < n_dil && i < MOST_AXES; i++)
        if (dil[i] != 1)
            wt_ov_unable(w, "a dilated mean");
    put_pool(w, false);
    wt_ov_put_bool(w, "exclude-pad", !attr(w, "count_include_pad", 0));
    wt_ov_put(w, "rounding_type", "%s", rounding(w));
    wt_ov_last(w, "AvgPool", attr(w, "ceil_mode", 0) ? 14 : 1, x);
}

static void max_pool(wt_ov_writer *w)
{
    const bool indices = w->node->n_out > 1 && w->node->out[1] &&
                         (w->node->out[1]->n_uses || w->node->out[1]->is_output);
    wt_ov_ref x = wt_ov_arg(w, 0), out[2] = { NULL };
    const wt_value *last[2] = { w->node->out[0], indices ? w->node->out[1] : NULL };
    if (indices && attr(w, "storage_order", 0))
        wt_ov_unable(w, "indices that count columns first");
    if (w->node->out[0]->quant && w->node->out[0]->is_output)
        last[0] = NULL;
    put_pool(w, true);
    wt_ov_put(w, "rounding_type", "%s", rounding(w));
    wt_ov_put(w, "index_element_type", "i64");
    wt_ov_put(w, "axis", "0");
    wt_ov_layer_n(w, "MaxPool", attr(w, "ceil_mode", 0) ? 14 : 8, &x, 1, WT_DTYPE_NONE, out, 2, last[0] ? last : NULL);
    wt_ov_same(w, 0, out[0]);
    if (indices)
        wt_ov_same(w, 1, out[1]);
}

static void global_pool(wt_ov_writer *w)
{
    int64_t axes[WT_MAX_RANK];
    wt_ov_ref x = wt_ov_arg(w, 0);
    const int rank = wt_ov_arg_rank(w, 0);
    for (int i = 2; i < rank; i++)
        axes[i - 2] = i;
    wt_ov_ref at = wt_ov_lit_ints(w, axes, rank > 2 ? (size_t)rank - 2 : 0);
    wt_ov_put_bool(w, "keep_dims", true);
    wt_ov_last(w, wt_ov_write_row_of(w->node)->type, 1, x, at);
}

/* --- normalization -------------------------------------------------------------------------------------------------
 */
static void softmax(wt_ov_writer *w)
{
    const wt_ov_write_row *row = wt_ov_write_row_of(w->node);
    wt_ov_ref x = wt_ov_arg(w, 0);
    wt_ov_put(w, "axis", "%lld", (long long)attr(w, "axis", -1));
    wt_ov_last(w, row->type, row->opset, x);
}

static void lrn(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), axis = wt_ov_lit_ints(w, &(int64_t){ 1 }, 1);
    wt_ov_put_float(w, "alpha", attr_f(w, "alpha", 0.0001f));
    wt_ov_put_float(w, "beta", attr_f(w, "beta", 0.75f));
    wt_ov_put_float(w, "bias", attr_f(w, "bias", 1));
    wt_ov_put(w, "size", "%lld", (long long)attr(w, "size", 1));
    wt_ov_last(w, "LRN", 1, x, axis);
}

static void batch_norm(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), g = wt_ov_arg(w, 1), b = wt_ov_arg(w, 2), m = wt_ov_arg(w, 3), v = wt_ov_arg(w, 4);
    wt_ov_put_float(w, "epsilon", attr_f(w, "epsilon", 1e-5f));
    wt_ov_last(w, "BatchNormInference", 5, x, g, b, m, v);
}

static wt_ov_ref mvn(wt_ov_writer *w, wt_ov_ref x, int from, int rank)
{
    int64_t axes[WT_MAX_RANK];
    for (int i = from; i < rank; i++)
        axes[i - from] = i;
    wt_ov_ref at = wt_ov_lit_ints(w, axes, rank > from ? (size_t)(rank - from) : 0);
    wt_ov_put_float(w, "eps", attr_f(w, "epsilon", 1e-5f));
    wt_ov_put_bool(w, "normalize_variance", true);
    wt_ov_put(w, "eps_mode", "INSIDE_SQRT");
    return wt_ov_add(w, "MVN", 6, x, at);
}

static void scaled(wt_ov_writer *w, wt_ov_ref y, wt_ov_ref scale, wt_ov_ref bias)
{
    if (!bias) {
        wt_ov_last(w, "Multiply", 1, y, scale);
        return;
    }
    y = wt_ov_add(w, "Multiply", 1, y, scale);
    wt_ov_last(w, "Add", 1, y, bias);
}

static void instance_norm(wt_ov_writer *w)
{
    const int rank = wt_ov_arg_rank(w, 0);
    wt_ov_ref y = mvn(w, wt_ov_arg(w, 0), 2, rank), scale = along_channels(w, 1, rank);
    scaled(w, y, scale, along_channels(w, 2, rank));
}

static void layer_norm(wt_ov_writer *w)
{
    const int rank = wt_ov_arg_rank(w, 0), axis = wt_axis(attr(w, "axis", -1), rank, false);
    for (size_t i = 1; i < w->node->n_out; i++)
        if (w->node->out[i] && (w->node->out[i]->n_uses || w->node->out[i]->is_output))
            wt_ov_unable(w, "mean and deviation as outputs");
    if (axis < 0)
        wt_ov_unable(w, "an axis that is not there");
    wt_ov_ref y = mvn(w, wt_ov_arg(w, 0), axis, rank), scale = wt_ov_arg(w, 1);
    scaled(w, y, scale, wt_ov_arg_value(w, 2) ? wt_ov_arg(w, 2) : NULL);
}

/* x / sqrt(mean of x * x + eps) * scale */
static void rms_norm(wt_ov_writer *w)
{
    int64_t axes[WT_MAX_RANK];
    const int rank = wt_ov_arg_rank(w, 0), axis = wt_axis(attr(w, "axis", -1), rank, false);
    wt_ov_ref x = wt_ov_arg(w, 0), scale = wt_ov_arg(w, 1);
    if (axis < 0)
        wt_ov_unable(w, "an axis that is not there");
    for (int i = axis; i >= 0 && i < rank; i++)
        axes[i - axis] = i;
    wt_ov_ref at = wt_ov_lit_ints(w, axes, axis < 0 ? 0 : (size_t)(rank - axis)),
              square = wt_ov_add(w, "Multiply", 1, x, x);
    wt_ov_put_bool(w, "keep_dims", true);
    wt_ov_ref mean = wt_ov_add(w, "ReduceMean", 1, square, at);
    wt_ov_ref eps = x ? wt_ov_lit_as(w, x->dtype, attr_f(w, "epsilon", 1e-5f)) : NULL;
    wt_ov_ref root = wt_ov_add(w, "Sqrt", 1, wt_ov_add(w, "Add", 1, mean, eps));
    wt_ov_last(w, "Multiply", 1, wt_ov_add(w, "Divide", 1, x, root), scale);
}

static void group_norm(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), scale = wt_ov_arg(w, 1), bias = wt_ov_arg(w, 2);
    wt_ov_put(w, "num_groups", "%lld", (long long)attr(w, "num_groups", 1));
    wt_ov_put_float(w, "epsilon", attr_f(w, "epsilon", 1e-5f));
    wt_ov_last(w, "GroupNormalization", 12, x, scale, bias);
}

/* --- attention -----------------------------------------------------------------------------------------------------
 */
static void attention(wt_ov_writer *w)
{
    const wt_attr *scale = wt_attr_find(&w->node->attrs, "scale");
    const wt_value *q = wt_ov_arg_value(w, 0), *k = wt_ov_arg_value(w, 1);
    wt_ov_ref in[5] = { wt_ov_arg(w, 0), wt_ov_arg(w, 1), wt_ov_arg(w, 2) };
    size_t n = 3;
    const bool heads = wt_ov_arg_rank(w, 0) == 4 && w->st == WT_OK && k->type.shape.rank == 4 &&
                       q->type.shape.dim[1] == k->type.shape.dim[1];
    if (!heads || w->node->n_in > 4 || attr_f(w, "softcap", 0) != 0 || attr(w, "qk_matmul_output_mode", 0))
        wt_ov_unable(w, "attention with packed heads, shared heads, a past, or a cap");
    for (size_t i = 1; i < w->node->n_out; i++)
        if (w->node->out[i] && (w->node->out[i]->n_uses || w->node->out[i]->is_output))
            wt_ov_unable(w, "attention with a present as output");
    if (wt_ov_arg_value(w, 3))
        in[n++] = wt_ov_arg(w, 3);
    if (scale && in[0]) {
        if (n == 3) /* the scale comes behind a mask: one of 0 masks nothing */
            in[n++] = wt_ov_lit_as(w, in[0]->dtype, 0);
        in[n++] = wt_ov_lit_as(w, in[0]->dtype, (double)scale->v.f);
    }
    wt_ov_put_bool(w, "causal", attr(w, "is_causal", 0) != 0);
    wt_ov_last_n(w, "ScaledDotProductAttention", 13, in, n);
}

/* --- resizing ------------------------------------------------------------------------------------------------------
 */
static void put_resize(wt_ov_writer *w, bool scales)
{
    const wt_attrs *a = &w->node->attrs;
    const bool linear = wt_attr_is(a, "mode", "linear"), cubic = wt_attr_is(a, "mode", "cubic");
    const wt_attr *where = wt_attr_find(a, "coordinate_transformation_mode"), *near = wt_attr_find(a, "nearest_mode");
    const char *coordinates = where ? where->v.s.data : "half_pixel";
    const size_t len = where ? where->v.s.len : 10;
    if (wt_attr_find(a, "keep_aspect_ratio_policy") && !wt_attr_is(a, "keep_aspect_ratio_policy", "stretch"))
        wt_ov_unable(w, "a size that keeps proportions");
    if (wt_attr_is(a, "coordinate_transformation_mode", "tf_crop_and_resize") ||
        wt_attr_is(a, "coordinate_transformation_mode", "half_pixel_symmetric"))
        wt_ov_unable(w, "coordinate_transformation_mode %.*s", (int)len, coordinates);
    if (attr(w, "exclude_outside", 0) && cubic)
        wt_ov_unable(w, "exclude_outside");
    wt_ov_put(w, "mode", "%s", linear ? "linear_onnx" : cubic ? "cubic" : "nearest");
    wt_ov_put(w, "shape_calculation_mode", "%s", scales ? "scales" : "sizes");
    wt_ov_put_text(w, "coordinate_transformation_mode", coordinates, len);
    wt_ov_put_text(w, "nearest_mode", near ? near->v.s.data : "round_prefer_floor", near ? near->v.s.len : 18);
    wt_ov_put_bool(w, "antialias", attr(w, "antialias", 0) != 0);
    wt_ov_put(w, "pads_begin", "0");
    wt_ov_put(w, "pads_end", "0");
    wt_ov_put_float(w, "cube_coeff", attr_f(w, "cubic_coeff_a", -0.75f));
}

/* Only the axes that change, where that can be seen: plugins have kernels for some sets of axes. */
static size_t changing(const wt_ov_writer *w, size_t input, int64_t *axes, double *values, size_t n)
{
    const wt_tensor *t = wt_ov_arg_data(w, input);
    const wt_shape *x = &wt_ov_arg_value(w, 0)->type.shape;
    size_t kept = 0;
    int64_t count = 0;
    if (!t || !wt_shape_count(&t->shape, &count) || (size_t)count != n)
        return 0;
    for (size_t i = 0; i < n; i++) {
        double v = 0;
        if (!wt_tensor_double(t, (int64_t)i, &v))
            return 0;
        if (input == 2 ? v == 1 : v == (double)x->dim[axes[i]])
            continue;
        axes[kept] = axes[i];
        values[kept++] = v;
    }
    return kept;
}

static void resize(wt_ov_writer *w)
{
    int64_t axes[WT_MAX_RANK];
    double values[WT_MAX_RANK];
    const int rank = wt_ov_arg_rank(w, 0);
    const bool scales = wt_ov_arg_value(w, 2) != NULL;
    size_t n = wt_attr_ints(&w->node->attrs, "axes", axes, WT_MAX_RANK);
    wt_ov_ref x = wt_ov_arg(w, 0), target;
    if (w->st != WT_OK)
        return;
    for (size_t i = 0; i < n; i++)
        axes[i] = wt_axis(axes[i], rank, false) < 0 ? 0 : wt_axis(axes[i], rank, false);
    for (; n < (size_t)rank && !wt_attr_find(&w->node->attrs, "axes"); n++)
        axes[n] = (int64_t)n;
    const size_t kept = changing(w, scales ? 2 : 3, axes, values, n);
    if (kept) {
        float f[WT_MAX_RANK];
        int64_t s[WT_MAX_RANK];
        const int64_t dim = (int64_t)kept;
        const wt_shape shape = wt_shape_make(1, &dim);
        for (size_t i = 0; i < kept; i++) {
            f[i] = (float)values[i];
            s[i] = (int64_t)values[i];
        }
        target = scales ? wt_ov_lit_floats(w, &shape, f) : wt_ov_lit_ints(w, s, kept);
        n = kept;
    } else {
        target = wt_ov_arg(w, scales ? 2 : 3);
    }
    wt_ov_ref at = wt_ov_lit_ints(w, axes, n);
    put_resize(w, scales);
    wt_ov_last(w, "Interpolate", 11, x, target, at);
}

static void grid_sample(wt_ov_writer *w)
{
    wt_ov_ref x = wt_ov_arg(w, 0), grid = wt_ov_arg(w, 1);
    const wt_attrs *a = &w->node->attrs;
    const wt_attr *padding = wt_attr_find(a, "padding_mode");
    if (wt_ov_arg_rank(w, 0) != 4)
        wt_ov_unable(w, "other than four dimensions");
    wt_ov_put_bool(w, "align_corners", attr(w, "align_corners", 0) != 0);
    wt_ov_put(w, "mode", "%s",
              wt_attr_is(a, "mode", "nearest") ? "nearest"
              : wt_attr_is(a, "mode", "cubic") ? "bicubic"
                                               : "bilinear");
    wt_ov_put_text(w, "padding_mode", padding ? padding->v.s.data : "zeros", padding ? padding->v.s.len : 5);
    wt_ov_last(w, "GridSample", 9, x, grid);
}

const wt_ov_write_row wt_ov_write_nn[] = {
    { WT_OP_MATMUL, matmul, NULL, 0 },
    { WT_OP_GEMM, gemm, NULL, 0 },
    { WT_OP_CONV, conv, NULL, 0 },
    { WT_OP_CONVINTEGER, conv_integer, NULL, 0 },
    { WT_OP_CONVTRANSPOSE, conv_transpose, NULL, 0 },
    { WT_OP_DEFORMCONV, deform_conv, NULL, 0 },
    { WT_OP_AVERAGEPOOL, average_pool, NULL, 0 },
    { WT_OP_MAXPOOL, max_pool, NULL, 0 },
    { WT_OP_GLOBALAVERAGEPOOL, global_pool, "ReduceMean", 1 },
    { WT_OP_GLOBALMAXPOOL, global_pool, "ReduceMax", 1 },
    { WT_OP_SOFTMAX, softmax, "SoftMax", 8 },
    { WT_OP_LOGSOFTMAX, softmax, "LogSoftmax", 5 },
    { WT_OP_LRN, lrn, NULL, 0 },
    { WT_OP_BATCHNORMALIZATION, batch_norm, NULL, 0 },
    { WT_OP_INSTANCENORMALIZATION, instance_norm, NULL, 0 },
    { WT_OP_LAYERNORMALIZATION, layer_norm, NULL, 0 },
    { WT_OP_RMSNORMALIZATION, rms_norm, NULL, 0 },
    { WT_OP_GROUPNORMALIZATION, group_norm, NULL, 0 },
    { WT_OP_ATTENTION, attention, NULL, 0 },
    { WT_OP_RESIZE, resize, NULL, 0 },
    { WT_OP_GRIDSAMPLE, grid_sample, NULL, 0 },
    { WT_OP_UNKNOWN, NULL, NULL, 0 },
};
