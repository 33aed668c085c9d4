/* nn_window.c - arithmetic of sliding windows, as ai.onnx 21 defines it. */
#include "model/shape/nn_window.h"

static wt_status read_list(int64_t *out, size_t want, int64_t fallback, int64_t low, const char *name,
                           const char *op_type, const wt_attrs *attrs, wt_err *err)
{
    int64_t v[2 * WT_WINDOW_MAX];
    const size_t have = wt_attr_ints(attrs, name, v, WT_ARRAY_LEN(v));
    if (have != 0 && have != want)
        return wt_fail(err, WT_EFORMAT, "%s: attribute %s has %zu values, expected %zu", op_type, name, have, want);
    for (size_t i = 0; i < want; i++) {
        out[i] = have ? v[i] : fallback;
        if (out[i] < low || out[i] > INT32_MAX)
            return wt_fail(err, WT_EFORMAT, "%s: attribute %s has the value %lld, expected %lld to %d", op_type, name,
                           (long long)out[i], (long long)low, INT32_MAX);
    }
    return WT_OK;
}

static wt_status read_kernel(wt_window *w, const char *op_type, const wt_attrs *attrs, const int64_t *kernel,
                             wt_err *err)
{
    if (!wt_attr_find(attrs, "kernel_shape")) {
        if (!kernel)
            return wt_fail(err, WT_EFORMAT, "%s: attribute kernel_shape is missing", op_type);
        for (int i = 0; i < w->n; i++) {
            w->kernel[i] = kernel[i];
            if (kernel[i] == 0 || kernel[i] > INT32_MAX)
                return wt_fail(err, WT_EFORMAT, "%s: the weights' kernel is %lld wide, expected 1 to %d", op_type,
                               (long long)kernel[i], INT32_MAX);
        }
        return WT_OK;
    }
    WT_TRY(read_list(w->kernel, (size_t)w->n, 0, 1, "kernel_shape", op_type, attrs, err));
    for (int i = 0; kernel && i < w->n; i++)
        if (kernel[i] >= 0 && kernel[i] != w->kernel[i])
            return wt_fail(err, WT_EFORMAT, "%s: kernel_shape says %lld, but the weights' kernel is %lld", op_type,
                           (long long)w->kernel[i], (long long)kernel[i]);
    return WT_OK;
}

static wt_status read_auto_pad(wt_window *w, const char *op_type, const wt_attrs *attrs, wt_err *err)
{
    static const struct {
        const char *name;
        wt_auto_pad value;
    } modes[] = { { "NOTSET", WT_PAD_EXPLICIT },
                  { "", WT_PAD_EXPLICIT },
                  { "SAME_UPPER", WT_PAD_SAME_UPPER },
                  { "SAME_LOWER", WT_PAD_SAME_LOWER },
                  { "VALID", WT_PAD_VALID } };
    w->auto_pad = WT_PAD_EXPLICIT;
    if (!wt_attr_find(attrs, "auto_pad"))
        return WT_OK;
    for (size_t i = 0; i < WT_ARRAY_LEN(modes); i++)
        if (wt_attr_is(attrs, "auto_pad", modes[i].name)) {
            w->auto_pad = modes[i].value;
            return WT_OK;
        }
    return wt_fail(err, WT_EFORMAT, "%s: auto_pad is none of NOTSET, SAME_UPPER, SAME_LOWER, VALID", op_type);
}

wt_status wt_window_parse(wt_window *w, const char *op_type, const wt_attrs *attrs, int n, const int64_t *kernel,
                          wt_err *err)
{
    int64_t pads[2 * WT_WINDOW_MAX];
    memset(w, 0, sizeof *w);
    if (n < 1 || n > WT_WINDOW_MAX)
        return wt_fail(err, WT_EFORMAT, "%s: %d spatial dimensions, expected 1 to %d", op_type, n, (int)WT_WINDOW_MAX);
    w->n = n;
    for (int i = 0; i < n; i++)
        w->in[i] = w->out[i] = WT_DIM_ANY;
    WT_TRY(read_kernel(w, op_type, attrs, kernel, err));
    WT_TRY(read_list(w->stride, (size_t)n, 1, 1, "strides", op_type, attrs, err));
    WT_TRY(read_list(w->dilation, (size_t)n, 1, 1, "dilations", op_type, attrs, err));
    WT_TRY(read_list(pads, 2 * (size_t)n, 0, 0, "pads", op_type, attrs, err));
    WT_TRY(read_auto_pad(w, op_type, attrs, err));
    for (int i = 0; i < n && w->auto_pad == WT_PAD_EXPLICIT; i++) {
        w->begin[i] = pads[i];
        w->end[i] = pads[n + i];
    }
    w->ceil_mode = wt_attr_int(attrs, "ceil_mode", 0) != 0;
    return WT_OK;
}

static void split_pad(wt_window *w, int i, int64_t total)
{
    const int64_t less = total / 2, more = total - less;
    w->begin[i] = w->auto_pad == WT_PAD_SAME_UPPER ? less : more;
    w->end[i] = total - w->begin[i];
}

static wt_status forward_one(wt_window *w, int i, const char *op_type, wt_err *err)
{
    const int64_t in = w->in[i], extent = wt_window_extent(w, i), stride = w->stride[i];
    if (in > INT64_MAX / 4)
        return wt_fail(err, WT_EFORMAT, "%s: spatial dimension %d is %lld, which is too large", op_type, i,
                       (long long)in);
    if (w->auto_pad == WT_PAD_SAME_UPPER || w->auto_pad == WT_PAD_SAME_LOWER) {
        w->out[i] = (in + stride - 1) / stride;
        const int64_t total = (w->out[i] - 1) * stride + extent - in;
        split_pad(w, i, in > 0 && total > 0 ? total : 0);
        return WT_OK;
    }
    const int64_t room = in + w->begin[i] + w->end[i] - extent;
    if (room < 0 && in > 0)
        return wt_fail(err, WT_EFORMAT,
                       "%s: the window spans %lld positions of spatial dimension %d, which has %lld with its padding",
                       op_type, (long long)extent, i, (long long)(room + extent));
    if (room < 0) {
        w->out[i] = 0;
        return WT_OK;
    }
    w->out[i] = room / stride + 1;
    /* Rounding up may add one window, but never one that starts in the padding at the end. */
    if (w->ceil_mode && room % stride && w->out[i] * stride < in + w->begin[i])
        w->out[i]++;
    return WT_OK;
}

wt_status wt_window_forward(wt_window *w, const char *op_type, wt_err *err)
{
    for (int i = 0; i < w->n; i++) {
        w->out[i] = WT_DIM_ANY;
        if (w->in[i] >= 0 && w->kernel[i] > 0)
            WT_TRY(forward_one(w, i, op_type, err));
    }
    return WT_OK;
}

/* Positions a transposed window reaches before padding is cut off: what stride, kernel and output_padding give. */
static wt_status transposed_extent(const wt_window *w, int i, int64_t extra, const char *op_type, int64_t *full,
                                   wt_err *err)
{
    if (extra >= w->stride[i] && extra >= w->dilation[i])
        return wt_fail(err, WT_EFORMAT,
                       "%s: output_padding %lld is smaller neither than the stride nor than the dilation", op_type,
                       (long long)extra);
    if (__builtin_mul_overflow(w->in[i] - 1, w->stride[i], full) || *full > INT64_MAX / 4 ||
        wt_window_extent(w, i) > INT64_MAX / 4)
        return wt_fail(err, WT_EFORMAT, "%s: spatial dimension %d of the output is too large", op_type, i);
    *full = w->in[i] ? *full + extra + wt_window_extent(w, i) : 0;
    return WT_OK;
}

/* output_shape holds the spatial dimensions; old exporters wrote batch and channels before them. */
static wt_status read_output_shape(int64_t *out, int n, const char *op_type, const wt_attrs *attrs, wt_err *err)
{
    int64_t v[WT_MAX_RANK];
    const size_t have = wt_attr_ints(attrs, "output_shape", v, WT_ARRAY_LEN(v)), skip = have == (size_t)n + 2 ? 2 : 0;
    if (have != (size_t)n + skip)
        return wt_fail(err, WT_EFORMAT, "%s: attribute output_shape has %zu values, expected %d", op_type, have, n);
    for (int i = 0; i < n; i++) {
        out[i] = v[(size_t)i + skip];
        if (out[i] < 0 || out[i] > INT32_MAX)
            return wt_fail(err, WT_EFORMAT, "%s: attribute output_shape has the value %lld, expected 0 to %d", op_type,
                           (long long)out[i], INT32_MAX);
    }
    return WT_OK;
}

wt_status wt_window_transposed(wt_window *w, const char *op_type, const wt_attrs *attrs, wt_err *err)
{
    int64_t extra[WT_WINDOW_MAX], shape[WT_WINDOW_MAX];
    const bool given = wt_attr_find(attrs, "output_shape") != NULL;
    const bool same = w->auto_pad == WT_PAD_SAME_UPPER || w->auto_pad == WT_PAD_SAME_LOWER;
    WT_TRY(read_list(extra, (size_t)w->n, 0, 0, "output_padding", op_type, attrs, err));
    if (given)
        WT_TRY(read_output_shape(shape, w->n, op_type, attrs, err));
    for (int i = 0; i < w->n; i++) {
        int64_t full = 0;
        w->out[i] = given ? shape[i] : WT_DIM_ANY;
        if (w->in[i] < 0 || w->kernel[i] < 0)
            continue;
        WT_TRY(transposed_extent(w, i, extra[i], op_type, &full, err));
        if (same && !given) /* as long as stride times input, if the window reaches that far */
            w->out[i] = full < w->in[i] * w->stride[i] ? full : w->in[i] * w->stride[i];
        if (same || given)
            split_pad(w, i, full > w->out[i] ? full - w->out[i] : 0);
        else if (w->in[i] > 0)
            w->out[i] = full - w->begin[i] - w->end[i];
        else
            w->out[i] = 0;
        if (w->out[i] < 0 || (w->out[i] == 0 && w->in[i] > 0))
            return wt_fail(err, WT_EFORMAT, "%s: padding leaves nothing of spatial dimension %d", op_type, i);
    }
    return WT_OK;
}

wt_status wt_window_global(wt_window *w, const char *op_type, const wt_shape *shape, wt_err *err)
{
    *w = (wt_window){ .n = shape->rank > 2 ? shape->rank - 2 : 1 };
    for (int i = 0; i < w->n; i++) {
        w->in[i] = w->kernel[i] = shape->rank > 2 ? shape->dim[i + 2] : 1;
        w->out[i] = w->stride[i] = w->dilation[i] = 1;
        if (w->in[i] < 1)
            return wt_fail(err, WT_EFORMAT, "%s: spatial dimension %d is empty", op_type, i);
    }
    return WT_OK;
}

void wt_window_clip(const wt_window *w, int d, int64_t origin, int64_t *lo, int64_t *hi)
{
    const int64_t dil = w->dilation[d];
    *lo = origin >= 0 ? 0 : (-origin + dil - 1) / dil;
    *hi = origin < w->in[d] ? (w->in[d] - origin + dil - 1) / dil : 0;
    if (*hi > w->kernel[d])
        *hi = w->kernel[d];
    if (*lo > *hi)
        *lo = *hi;
}

int64_t wt_window_taps(const wt_window *w, int d, int64_t origin, bool include_pad)
{
    int64_t lo, hi;
    wt_window_clip(w, d, origin, &lo, &hi);
    if (include_pad) {
        const int64_t room = w->in[d] + w->end[d] - origin, dil = w->dilation[d];
        hi = (room + dil - 1) / dil;
        return hi > w->kernel[d] ? w->kernel[d] : hi;
    }
    return hi - lo;
}
