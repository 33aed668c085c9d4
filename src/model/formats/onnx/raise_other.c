/* raise_other.c - what left the standard, or never was in it but has an equivalent: experimental operators of old
 * opsets, ONNX Runtime's own names for standard operators, older ai.onnx.ml forms. */
#include "raise.h"

static wt_status binary(wt_raise *r, const char *op_type, wt_value *a, float b, wt_value **out, wt_err *err)
{
    wt_value *v = NULL;
    WT_TRY(wt_raise_scalar_like(r, a, b, &v, err));
    if (!v)
        return WT_OK;
    return wt_raise_emit(r, op_type, (wt_value *[]){ a, v }, 2, NULL, 0, out, err);
}

/* alpha * x + beta */
static wt_status raise_affine(wt_raise *r, wt_err *err)
{
    wt_value *x = wt_raise_in(r, 0), *scaled = NULL, *beta = NULL;
    if (!x)
        return WT_OK;
    WT_TRY(binary(r, "Mul", x, wt_attr_float(&r->node->attrs, "alpha", 1), &scaled, err));
    WT_TRY(wt_raise_scalar_like(r, x, wt_attr_float(&r->node->attrs, "beta", 0), &beta, err));
    return r->unknown ? WT_OK : wt_raise_turn(r, "Add", (wt_value *[]){ scaled, beta }, 2, NULL, 0, err);
}

/* scale * x */
static wt_status raise_scale(wt_raise *r, wt_err *err)
{
    wt_value *x = wt_raise_in(r, 0), *scale = NULL;
    if (!x)
        return WT_OK;
    WT_TRY(wt_raise_scalar_like(r, x, wt_attr_float(&r->node->attrs, "scale", 1), &scale, err));
    return r->unknown ? WT_OK : wt_raise_turn(r, "Mul", (wt_value *[]){ x, scale }, 2, NULL, 0, err);
}

/* alpha * tanh(beta * x) */
static wt_status raise_scaled_tanh(wt_raise *r, wt_err *err)
{
    wt_value *x = wt_raise_in(r, 0), *inner = NULL, *tanh = NULL, *alpha = NULL;
    if (!x)
        return WT_OK;
    WT_TRY(binary(r, "Mul", x, wt_attr_float(&r->node->attrs, "beta", 1), &inner, err));
    if (r->unknown)
        return WT_OK;
    WT_TRY(wt_raise_emit(r, "Tanh", &inner, 1, NULL, 0, &tanh, err));
    WT_TRY(wt_raise_scalar_like(r, x, wt_attr_float(&r->node->attrs, "alpha", 1), &alpha, err));
    return wt_raise_turn(r, "Mul", (wt_value *[]){ tanh, alpha }, 2, NULL, 0, err);
}

/* alpha * softplus(beta * x) */
static wt_status raise_parametric_softplus(wt_raise *r, wt_err *err)
{
    wt_value *x = wt_raise_in(r, 0), *inner = NULL, *soft = NULL, *alpha = NULL;
    if (!x)
        return WT_OK;
    WT_TRY(binary(r, "Mul", x, wt_attr_float(&r->node->attrs, "beta", 1), &inner, err));
    if (r->unknown)
        return WT_OK;
    WT_TRY(wt_raise_emit(r, "Softplus", &inner, 1, NULL, 0, &soft, err));
    WT_TRY(wt_raise_scalar_like(r, x, wt_attr_float(&r->node->attrs, "alpha", 1), &alpha, err));
    return wt_raise_turn(r, "Mul", (wt_value *[]){ soft, alpha }, 2, NULL, 0, err);
}

/* scale * x + bias per channel of [n, c, h, w] */
static wt_status raise_image_scaler(wt_raise *r, wt_err *err)
{
    wt_value *x = wt_raise_in(r, 0), *scaled = NULL, *bias = NULL;
    const wt_attr *a = wt_attr_find(&r->node->attrs, "bias");
    if (!x || !a || a->type != WT_ATTR_FLOATS)
        return WT_OK;
    WT_TRY(binary(r, "Mul", x, wt_attr_float(&r->node->attrs, "scale", 1), &scaled, err));
    if (r->unknown)
        return WT_OK;
    wt_tensor t = { .dtype = WT_F32, .data = a->v.floats, .bytes = a->count * sizeof(float) };
    t.shape = wt_shape_make(4, (int64_t[]){ 1, (int64_t)a->count, 1, 1 });
    WT_TRY(wt_graph_add_constant(&bias, r->node->graph, NULL, &t, err));
    return wt_raise_turn(r, "Add", (wt_value *[]){ scaled, bias }, 2, NULL, 0, err);
}

/* SimplifiedLayerNormalization is the root-mean-square one; its second output, for training, has no equivalent. */
static wt_status raise_simplified_norm(wt_raise *r, wt_err *err)
{
    if (wt_raise_wants_out(r, 1)) {
        r->unknown = true;
        return WT_OK;
    }
    wt_raise_trim_outputs(r, 1);
    return wt_node_set_op(r->node, "", "RMSNormalization", err);
}

/* --- com.microsoft
 * ------------------------------------------------------------------------------------------------------ */
static wt_status raise_same_name(wt_raise *r, wt_err *err)
{
    return wt_node_set_op(r->node, "", r->node->op_type, err);
}

/* Gelu of x + bias (FastGelu: bias optional, by the tanh formula). */
static wt_status raise_bias_gelu(wt_raise *r, wt_err *err)
{
    wt_value *x = wt_raise_in(r, 0), *bias = wt_raise_in(r, 1);
    const bool fast = !strcmp(r->node->op_type, "FastGelu");
    const wt_attr tanh = wt_raise_text("approximate", "tanh");
    if (!x)
        return WT_OK;
    if (bias)
        WT_TRY(wt_raise_emit(r, "Add", (wt_value *[]){ x, bias }, 2, NULL, 0, &x, err));
    return wt_raise_turn(r, "Gelu", &x, 1, &tanh, fast ? 1 : 0, err);
}

/* x * sigmoid(alpha * x) */
static wt_status raise_quick_gelu(wt_raise *r, wt_err *err)
{
    wt_value *x = wt_raise_in(r, 0);
    const wt_attr alpha = wt_raise_float("alpha", wt_attr_float(&r->node->attrs, "alpha", 1.702f));
    return x ? wt_raise_turn(r, "Swish", &x, 1, &alpha, 1, err) : WT_OK;
}

/* --- ai.onnx.ml
 * --------------------------------------------------------------------------------------------------------- */

/* Version 1 had one list of strings: string -> its number, or number -> string, by the input's type. */
static wt_status raise_label_encoder(wt_raise *r, wt_err *err)
{
    const wt_attr *a = wt_attr_find(&r->node->attrs, "classes_strings");
    const wt_value *x = wt_raise_in(r, 0);
    const wt_dtype dtype = x ? x->type.dtype : WT_DTYPE_NONE;
    if (!a || a->type != WT_ATTR_STRINGS || (dtype != WT_STRING && dtype != WT_I64)) {
        r->unknown = wt_attr_find(&r->node->attrs, "keys_strings") == NULL &&
                     wt_attr_find(&r->node->attrs, "keys_int64s") == NULL;
        return WT_OK;
    }
    int64_t *numbers = wt_arena_alloc(wt_raise_arena(r), a->count + 1, sizeof *numbers, err);
    if (!numbers)
        return WT_ENOMEM;
    for (size_t i = 0; i < a->count; i++)
        numbers[i] = (int64_t)i;
    wt_attr strings = *a, ints = { .type = WT_ATTR_INTS, .count = a->count, .v.ints = numbers };
    strings.name = dtype == WT_STRING ? "keys_strings" : "values_strings";
    ints.name = dtype == WT_STRING ? "values_int64s" : "keys_int64s";
    WT_TRY(wt_raise_drop_attr(r, "classes_strings", err));
    WT_TRY(wt_node_set_attr(r->node, &strings, err));
    return wt_node_set_attr(r->node, &ints, err);
}

const wt_raise_row wt_raise_rows_other[] = {
    { "", "Affine", 10, raise_affine },
    { "", "Scale", 10, raise_scale },
    { "", "ScaledTanh", 10, raise_scaled_tanh },
    { "", "ParametricSoftplus", 10, raise_parametric_softplus },
    { "", "ImageScaler", 10, raise_image_scaler },
    { "", "Scan", 9, wt_raise_scan },
    { "", "SimplifiedLayerNormalization", INT64_MAX, raise_simplified_norm },
    { "com.microsoft", "Gelu", INT64_MAX, raise_same_name },
    { "com.microsoft", "QuantizeLinear", INT64_MAX, raise_same_name },
    { "com.microsoft", "DequantizeLinear", INT64_MAX, raise_same_name },
    { "com.microsoft", "BiasGelu", INT64_MAX, raise_bias_gelu },
    { "com.microsoft", "FastGelu", INT64_MAX, raise_bias_gelu },
    { "com.microsoft", "QuickGelu", INT64_MAX, raise_quick_gelu },
    { "ai.onnx.ml", "LabelEncoder", 2, raise_label_encoder },
    { 0 },
};
