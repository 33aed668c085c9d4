/* quant_shape.c - shape rules of the quantized operators that files may hold. */
#include "model/shape/nn_conv_shape.h"

#define QUANT_TYPES                                                                                                    \
    (WT_DTYPES_BYTE | WT_DTYPE_BIT(WT_U16) | WT_DTYPE_BIT(WT_I16) | WT_DTYPE_BIT(WT_F8E4M3FN) |                        \
     WT_DTYPE_BIT(WT_F8E4M3FNUZ) | WT_DTYPE_BIT(WT_F8E5M2) | WT_DTYPE_BIT(WT_F8E5M2FNUZ) | WT_DTYPE_BIT(WT_U4) |       \
     WT_DTYPE_BIT(WT_I4) | WT_DTYPE_BIT(WT_F4E2M1) | WT_DTYPE_BIT(WT_U2) | WT_DTYPE_BIT(WT_I2))
#define SCALE_TYPES (WT_DTYPES_FLOAT | WT_DTYPE_BIT(WT_F8E8M0))

/* Scale in[1]: one value, one per element of the axis, or one per block along it; the zero point in[2] likewise. */
static wt_status check_scales(const wt_infer *c, wt_err *err)
{
    const wt_tensor *x = wt_rule_in(c, 0), *scale = wt_rule_in(c, 1), *zero = wt_rule_in(c, 2);
    const int xr = wt_rule_rank(x), sr = wt_rule_rank(scale);
    const int64_t block = wt_attr_int(c->attrs, "block_size", 0);
    int axis;
    if (block < 0)
        return wt_infer_bad(c, err, "block_size is %lld, expected 0 or more", (long long)block);
    for (int i = 0; zero && sr >= 0 && zero->shape.rank >= 0 && i < sr; i++) {
        if (zero->shape.rank != sr)
            return wt_infer_bad(c, err, "the zero point has %d dimensions, the scale %d", zero->shape.rank, sr);
        WT_TRY(wt_rule_need_dim(c, 2, i, scale->shape.dim[i], err));
    }
    if (xr < 0 || sr < 0 || sr == 0 || (sr == 1 && scale->shape.dim[0] == 1 && block == 0))
        return WT_OK;
    WT_TRY(wt_infer_axis(c, "axis", 1, xr, false, &axis, err));
    if (block == 0) {
        if (sr != 1)
            return wt_infer_bad(c, err, "the scale has %d dimensions, expected 0 or 1 without blocks", sr);
        return wt_rule_need_dim(c, 1, 0, x->shape.dim[axis], err);
    }
    WT_TRY(wt_rule_need_rank(c, 1, xr, xr, err));
    for (int i = 0; i < xr; i++) {
        const int64_t d = x->shape.dim[i];
        WT_TRY(wt_rule_need_dim(c, 1, i, i != axis || d < 0 ? d : d / block + (d % block != 0), err));
    }
    return WT_OK;
}

static wt_status output_type(const wt_infer *c, wt_dtype fallback, wt_dtype *out, wt_err *err)
{
    const int64_t code = wt_attr_int(c->attrs, "output_dtype", 0);
    *out = code ? wt_dtype_from_onnx(code) : fallback;
    if (code && *out == WT_DTYPE_NONE)
        return wt_infer_bad(c, err, "output_dtype is %lld, which is no element type", (long long)code);
    return WT_OK;
}

wt_status wt_infer_quantize(wt_infer *c, wt_err *err)
{
    wt_dtype type;
    const wt_tensor *zero = wt_rule_in(c, 2);
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPES_FLOAT | WT_DTYPE_BIT(WT_I32), err));
    WT_TRY(wt_rule_need_dtype(c, 1, SCALE_TYPES | WT_DTYPE_BIT(WT_I32), err));
    WT_TRY(check_scales(c, err));
    WT_TRY(output_type(c, zero ? zero->dtype : WT_U8, &type, err));
    if (zero && zero->dtype && type != zero->dtype)
        return wt_infer_bad(c, err, "output_dtype and the zero point's element type differ");
    if (type && !(WT_DTYPE_BIT(type) & QUANT_TYPES))
        return wt_infer_bad(c, err, "cannot quantize to %s", wt_dtype_get(type)->name);
    return wt_infer_set(c, 0, type, wt_rule_shape(c, 0), err);
}

wt_status wt_infer_dequantize(wt_infer *c, wt_err *err)
{
    wt_dtype type;
    WT_TRY(wt_rule_need_dtype(c, 0, QUANT_TYPES | WT_DTYPE_BIT(WT_I32), err));
    WT_TRY(wt_rule_need_dtype(c, 1, SCALE_TYPES, err));
    WT_TRY(wt_rule_need_same_dtype(c, 0, 2, err));
    WT_TRY(check_scales(c, err));
    WT_TRY(output_type(c, wt_rule_dtype(c, 1), &type, err));
    if (type && !wt_dtype_is_float(type))
        return wt_infer_bad(c, err, "cannot dequantize to %s", wt_dtype_get(type)->name);
    return wt_infer_set(c, 0, type, wt_rule_shape(c, 0), err);
}

wt_status wt_infer_dynamic_quantize(wt_infer *c, wt_err *err)
{
    const wt_shape scalar = { .rank = 0 };
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPE_BIT(WT_F32), err));
    WT_TRY(wt_infer_set(c, 0, WT_U8, wt_rule_shape(c, 0), err));
    WT_TRY(wt_infer_set(c, 1, WT_F32, &scalar, err));
    return wt_infer_set(c, 2, WT_U8, &scalar, err);
}

/* A zero point or scale in[i] that is one value, or one for each of n channels. */
static wt_status check_per_channel(const wt_infer *c, size_t i, int64_t n, wt_err *err)
{
    const wt_tensor *t = wt_rule_in(c, i);
    WT_TRY(wt_rule_need_rank(c, i, 0, 1, err));
    if (wt_rule_rank(t) == 1 && t->shape.dim[0] != 1)
        WT_TRY(wt_rule_need_dim(c, i, 0, n, err));
    return WT_OK;
}

wt_status wt_infer_conv_integer(wt_infer *c, wt_err *err)
{
    wt_shape out;
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPES_BYTE, err));
    WT_TRY(wt_rule_need_dtype(c, 1, WT_DTYPES_BYTE, err));
    WT_TRY(wt_rule_need_same_dtype(c, 0, 2, err));
    WT_TRY(wt_rule_need_same_dtype(c, 1, 3, err));
    WT_TRY(check_per_channel(c, 2, 1, err));
    WT_TRY(check_per_channel(c, 3, wt_rule_dim(wt_rule_in(c, 1), 0), err));
    WT_TRY(wt_rule_conv(c, 0, 1, &out, err));
    return wt_infer_set(c, 0, WT_I32, &out, err);
}

wt_status wt_infer_qlinear_conv(wt_infer *c, wt_err *err)
{
    wt_shape out;
    const int64_t oc = wt_rule_dim(wt_rule_in(c, 3), 0);
    for (size_t i = 0; i < 8; i++) { /* x, scale, zero, w, scale, zero, y scale, y zero */
        const bool scale = i == 1 || i == 4 || i == 6;
        WT_TRY(wt_rule_need_dtype(c, i, scale ? WT_DTYPE_BIT(WT_F32) : WT_DTYPES_BYTE, err));
    }
    WT_TRY(wt_rule_need_same_dtype(c, 0, 2, err));
    WT_TRY(wt_rule_need_same_dtype(c, 3, 5, err));
    for (size_t i = 1; i < 8; i++)
        if (i != 3)
            WT_TRY(check_per_channel(c, i, i == 4 || i == 5 ? oc : 1, err));
    WT_TRY(wt_rule_need_dtype(c, 8, WT_DTYPE_BIT(WT_I32), err));
    WT_TRY(wt_rule_need_vector(c, 8, oc, err));
    WT_TRY(wt_rule_conv(c, 0, 3, &out, err));
    return wt_infer_set(c, 0, wt_rule_dtype(c, 7), &out, err);
}

wt_status wt_infer_matmul_integer(wt_infer *c, wt_err *err)
{
    wt_shape out;
    for (size_t i = 0; i < 2; i++) {
        WT_TRY(wt_rule_need_dtype(c, i, WT_DTYPES_BYTE, err));
        WT_TRY(wt_rule_need_same_dtype(c, i, i + 2, err));
    }
    WT_TRY(wt_rule_matmul(c->op_type, wt_rule_shape(c, 0), wt_rule_shape(c, 1), &out, err));
    return wt_infer_set(c, 0, WT_I32, &out, err);
}

wt_status wt_infer_qlinear_matmul(wt_infer *c, wt_err *err)
{
    wt_shape out;
    static const size_t scales[] = { 1, 4, 6 };
    for (size_t i = 0; i < WT_ARRAY_LEN(scales); i++)
        WT_TRY(wt_rule_need_dtype(c, scales[i], WT_DTYPES_FLOAT, err));
    WT_TRY(wt_rule_need_same_dtype(c, 0, 2, err));
    WT_TRY(wt_rule_need_same_dtype(c, 3, 5, err));
    WT_TRY(wt_rule_need_dtype(c, 0, WT_DTYPES_BYTE, err));
    WT_TRY(wt_rule_need_dtype(c, 3, WT_DTYPES_BYTE, err));
    WT_TRY(wt_rule_need_dtype(c, 7, WT_DTYPES_BYTE, err));
    WT_TRY(wt_rule_matmul(c->op_type, wt_rule_shape(c, 0), wt_rule_shape(c, 3), &out, err));
    return wt_infer_set(c, 0, wt_rule_dtype(c, 7), &out, err);
}
