/* nn_conv_shape.c - shape rules of the convolutions, quantized ones included: they differ in where the inputs lie and
 * in the element type of the result, not in geometry. */
#include "model/shape/nn_conv_shape.h"

/* Spatial rank from the data, or from the weights when the data's is unknown; -1: neither is known. */
static wt_status spatial_rank(const wt_infer *c, size_t xi, size_t wi, int *n, wt_err *err)
{
    const int xr = wt_rule_rank(wt_rule_in(c, xi)), wr = wt_rule_rank(wt_rule_in(c, wi));
    WT_TRY(wt_rule_need_rank(c, xi, 3, WT_MAX_RANK, err));
    WT_TRY(wt_rule_need_rank(c, wi, 3, WT_MAX_RANK, err));
    if (xr >= 0 && wr >= 0 && xr != wr)
        return wt_fail(err, WT_EFORMAT, "%s: data has %d dimensions but weights have %d", c->op_type, xr, wr);
    *n = xr >= 0 ? xr - 2 : wr >= 0 ? wr - 2 : -1;
    return WT_OK;
}

static wt_status parse_window(const wt_infer *c, size_t xi, size_t wi, int n, wt_window *w, wt_err *err)
{
    const wt_tensor *x = wt_rule_in(c, xi), *weights = wt_rule_in(c, wi);
    int64_t kernel[WT_WINDOW_MAX] = { 0 };
    for (int i = 0; i < n; i++)
        kernel[i] = wt_rule_dim(weights, i + 2);
    WT_TRY(wt_window_parse(w, c->op_type, c->attrs, n, kernel, err));
    for (int i = 0; i < n; i++)
        w->in[i] = wt_rule_dim(x, i + 2);
    return WT_OK;
}

static wt_status read_group(const wt_infer *c, int64_t *group, wt_err *err)
{
    *group = wt_attr_int(c->attrs, "group", 1);
    if (*group < 1 || *group > INT32_MAX)
        return wt_fail(err, WT_EFORMAT, "%s: group is %lld, expected 1 or more", c->op_type, (long long)*group);
    return WT_OK;
}

/* Weights [oc, ic / group, ...] against data [n, ic, ...]. */
static wt_status check_channels(const wt_infer *c, size_t xi, size_t wi, int64_t group, wt_err *err)
{
    const int64_t ic = wt_rule_dim(wt_rule_in(c, xi), 1), oc = wt_rule_dim(wt_rule_in(c, wi), 0);
    const int64_t per = wt_rule_dim(wt_rule_in(c, wi), 1);
    if (oc >= 0 && oc % group)
        return wt_fail(err, WT_EFORMAT, "%s: %lld output channels do not divide into %lld groups", c->op_type,
                       (long long)oc, (long long)group);
    if (ic >= 0 && ic % group)
        return wt_fail(err, WT_EFORMAT, "%s: %lld input channels do not divide into %lld groups", c->op_type,
                       (long long)ic, (long long)group);
    if (ic >= 0 && per >= 0 && per != ic / group)
        return wt_fail(err, WT_EFORMAT,
                       "%s: weights take %lld channels per group, but the data has %lld in %lld groups", c->op_type,
                       (long long)per, (long long)ic, (long long)group);
    return WT_OK;
}

wt_status wt_rule_conv(wt_infer *c, size_t xi, size_t wi, wt_shape *out, wt_err *err)
{
    wt_window w;
    int64_t group;
    int n;
    *out = wt_rule_unknown(-1);
    WT_TRY(read_group(c, &group, err));
    WT_TRY(spatial_rank(c, xi, wi, &n, err));
    if (n < 0)
        return WT_OK;
    WT_TRY(check_channels(c, xi, wi, group, err));
    WT_TRY(parse_window(c, xi, wi, n, &w, err));
    WT_TRY(wt_window_forward(&w, c->op_type, err));
    *out = wt_rule_unknown(n + 2);
    out->dim[0] = wt_rule_dim(wt_rule_in(c, xi), 0);
    out->dim[1] = wt_rule_dim(wt_rule_in(c, wi), 0);
    for (int i = 0; i < n; i++)
        out->dim[i + 2] = w.out[i];
    return WT_OK;
}

/* The residual (in[3], inside the engine only) has the output's shape. */
static wt_status check_residual(const wt_infer *c, size_t i, const wt_shape *out, wt_err *err)
{
    const wt_tensor *r = wt_rule_in(c, i);
    if (!r || r->shape.rank < 0 || out->rank < 0)
        return WT_OK;
    WT_TRY(wt_rule_need_rank(c, i, out->rank, out->rank, err));
    for (int d = 0; d < out->rank; d++)
        WT_TRY(wt_rule_need_dim(c, i, d, out->dim[d], err));
    return WT_OK;
}

wt_status wt_infer_conv(wt_infer *c, wt_err *err)
{
    wt_shape out;
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPES_FLOAT, err));
    WT_TRY(wt_rule_need_same_dtype(c, 0, 1, err));
    WT_TRY(wt_rule_need_same_dtype(c, 0, 2, err));
    WT_TRY(wt_rule_conv(c, 0, 1, &out, err));
    WT_TRY(wt_rule_need_vector(c, 2, wt_rule_dim(wt_rule_in(c, 1), 0), err));
    WT_TRY(check_residual(c, 3, &out, err));
    WT_TRY(wt_infer_set(c, 0, c->in[0] ? c->in[0]->dtype : WT_DTYPE_NONE, &out, err));
    return WT_OK;
}

wt_status wt_infer_conv_transpose(wt_infer *c, wt_err *err)
{
    wt_shape out = wt_rule_unknown(-1);
    wt_window w;
    int64_t group, oc = WT_DIM_ANY;
    int n;
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPES_FLOAT, err));
    WT_TRY(wt_rule_need_same_dtype(c, 0, 1, err));
    WT_TRY(wt_rule_need_same_dtype(c, 0, 2, err));
    WT_TRY(read_group(c, &group, err));
    WT_TRY(spatial_rank(c, 0, 1, &n, err));
    if (n >= 0) {
        const int64_t ic = wt_rule_dim(c->in[0], 1), per = wt_rule_dim(c->in[1], 1);
        WT_TRY(wt_rule_need_dim(c, 1, 0, ic, err));
        if (ic >= 0 && ic % group)
            return wt_fail(err, WT_EFORMAT, "%s: %lld input channels do not divide into %lld groups", c->op_type,
                           (long long)ic, (long long)group);
        if (per >= 0 && __builtin_mul_overflow(per, group, &oc))
            return wt_fail(err, WT_EFORMAT, "%s: too many output channels", c->op_type);
        WT_TRY(parse_window(c, 0, 1, n, &w, err));
        WT_TRY(wt_window_transposed(&w, c->op_type, c->attrs, err));
        out = wt_rule_unknown(n + 2);
        out.dim[0] = wt_rule_dim(c->in[0], 0);
        out.dim[1] = oc;
        for (int i = 0; i < n; i++)
            out.dim[i + 2] = w.out[i];
    }
    WT_TRY(wt_rule_need_vector(c, 2, oc, err));
    WT_TRY(wt_infer_set(c, 0, c->in[0] ? c->in[0]->dtype : WT_DTYPE_NONE, &out, err));
    return WT_OK;
}

/* offset [n, groups * taps * spatial dims, out...], mask [n, groups * taps, out...]. */
static wt_status check_deform(const wt_infer *c, size_t i, const wt_shape *out, int64_t channels, wt_err *err)
{
    WT_TRY(wt_rule_need_rank(c, i, out->rank, out->rank, err));
    WT_TRY(wt_rule_need_dim(c, i, 0, out->dim[0], err));
    WT_TRY(wt_rule_need_dim(c, i, 1, channels, err));
    for (int d = 2; d < out->rank; d++)
        WT_TRY(wt_rule_need_dim(c, i, d, out->dim[d], err));
    return WT_OK;
}

wt_status wt_infer_deform_conv(wt_infer *c, wt_err *err)
{
    wt_shape out;
    const int64_t groups = wt_attr_int(c->attrs, "offset_group", 1);
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPES_FLOAT, err));
    for (size_t i = 1; i < c->n_in; i++)
        WT_TRY(wt_rule_need_same_dtype(c, 0, i, err));
    WT_TRY(wt_rule_conv(c, 0, 1, &out, err));
    WT_TRY(wt_rule_need_vector(c, 3, wt_rule_dim(c->in[1], 0), err));
    if (groups < 1 || groups > INT32_MAX)
        return wt_fail(err, WT_EFORMAT, "%s: offset_group is %lld, expected 1 or more", c->op_type, (long long)groups);
    const int64_t ic = wt_rule_dim(c->in[0], 1);
    if (ic >= 0 && ic % groups)
        return wt_fail(err, WT_EFORMAT, "%s: %lld input channels do not divide into %lld offset groups", c->op_type,
                       (long long)ic, (long long)groups);
    if (out.rank > 0) {
        int64_t taps = groups, both = WT_DIM_ANY;
        for (int i = 2; i < out.rank && taps >= 0; i++) {
            const int64_t k = wt_rule_dim(c->in[1], i);
            if (k < 0 || __builtin_mul_overflow(taps, k, &taps))
                taps = WT_DIM_ANY;
        }
        if (taps >= 0 && __builtin_mul_overflow(taps, (int64_t)out.rank - 2, &both))
            both = WT_DIM_ANY;
        WT_TRY(check_deform(c, 2, &out, both, err));
        WT_TRY(check_deform(c, 4, &out, taps, err));
    }
    WT_TRY(wt_infer_set(c, 0, c->in[0] ? c->in[0]->dtype : WT_DTYPE_NONE, &out, err));
    return WT_OK;
}
