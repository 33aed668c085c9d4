/* internal_shape.c - shape rules of domain "whet"; their meaning is in run/internal_ops.h. */
#include "model/shape/nn_conv_shape.h"

wt_status wt_infer_reorder(wt_infer *c, wt_err *err)
{
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), wt_rule_shape(c, 0), err);
}

/* The element type of a Quant operator's result. */
static wt_status quant_type(const wt_infer *c, wt_dtype fallback, wt_dtype *out, wt_err *err)
{
    const int64_t code = wt_attr_int(c->attrs, "y_dtype", 0);
    *out = code ? wt_dtype_from_onnx(code) : wt_attr_find(c->attrs, "y_scale") ? fallback : WT_F32;
    if (*out && *out != WT_U8 && *out != WT_I8 && *out != WT_F32)
        return wt_infer_bad(c, err, "y_dtype is %lld, expected uint8, int8 or float32", (long long)code);
    return WT_OK;
}

wt_status wt_infer_linear(wt_infer *c, wt_err *err)
{
    const bool quant = strcmp(c->op_type, "QuantLinear") == 0;
    const bool trans = wt_attr_int(c->attrs, "trans_b", 0) != 0;
    const wt_tensor *w = wt_rule_in(c, 1);
    wt_shape out = *wt_rule_shape(c, 0);
    wt_dtype dtype = wt_rule_dtype(c, 0);
    WT_TRY(wt_rule_need_rank(c, 0, 1, WT_MAX_RANK, err));
    WT_TRY(wt_rule_need_rank(c, 1, 2, 2, err));
    const int64_t n = wt_rule_dim(w, trans ? 0 : 1), k = wt_rule_dim(w, trans ? 1 : 0);
    if (out.rank > 0) {
        WT_TRY(wt_rule_need_dim(c, 0, out.rank - 1, k, err));
        out.dim[out.rank - 1] = n;
    }
    WT_TRY(wt_rule_need_vector(c, 2, n, err));
    if (quant)
        WT_TRY(quant_type(c, dtype, &dtype, err));
    return wt_infer_set(c, 0, dtype, &out, err);
}

wt_status wt_infer_quant_conv(wt_infer *c, wt_err *err)
{
    wt_shape out;
    wt_dtype dtype;
    WT_TRY(wt_rule_conv(c, 0, 1, &out, err));
    WT_TRY(wt_rule_need_vector(c, 2, wt_rule_dim(wt_rule_in(c, 1), 0), err));
    WT_TRY(quant_type(c, wt_rule_dtype(c, 0), &dtype, err));
    return wt_infer_set(c, 0, dtype, &out, err);
}

wt_status wt_infer_quant_binary(wt_infer *c, wt_err *err)
{
    wt_shape out;
    wt_dtype dtype;
    WT_TRY(wt_shape_broadcast(wt_rule_shape(c, 0), wt_rule_shape(c, 1), &out, err));
    WT_TRY(quant_type(c, wt_rule_dtype(c, 0), &dtype, err));
    return wt_infer_set(c, 0, dtype, &out, err);
}

wt_status wt_infer_quant_unary(wt_infer *c, wt_err *err)
{
    const wt_attr *table = wt_attr_find(c->attrs, "table");
    if (!table || table->type != WT_ATTR_TENSOR || !table->v.tensor)
        return wt_infer_bad(c, err, "attribute table is missing");
    return wt_infer_set(c, 0, table->v.tensor->dtype, wt_rule_shape(c, 0), err);
}

wt_status wt_infer_quant_pool(wt_infer *c, wt_err *err)
{
    wt_dtype dtype;
    const bool global = wt_attr_is(c->attrs, "op", "GlobalAveragePool");
    if (!global && !wt_attr_is(c->attrs, "op", "AveragePool"))
        return wt_infer_bad(c, err, "attribute op is neither AveragePool nor GlobalAveragePool");
    WT_TRY(global ? wt_infer_global_pool(c, err) : wt_infer_pool(c, err));
    WT_TRY(quant_type(c, wt_rule_dtype(c, 0), &dtype, err));
    c->out[0].dtype = dtype;
    return WT_OK;
}
