/* elementwise.c - rules of operators that work element by element: output shape is the (broadcast) input shape.
 *
 * Integer arithmetic on a few known values is carried out here, because exporters compute target shapes with it: a
 * Reshape behind Shape, Gather, Mul and Concat then has a known shape before anything runs. */
#include "model/shape/shape.h"
#include <inttypes.h>

wt_status wt_infer_same(wt_infer *c, wt_err *err)
{
    const wt_tensor *x = wt_rule_in(c, 0);
    int64_t v[WT_SMALL_MAX], n;
    if (!x)
        return WT_OK;
    WT_TRY(wt_infer_set(c, 0, x->dtype, &x->shape, err));
    if (strcmp(c->op_type, "Identity") == 0)
        wt_infer_publish_view(c);
    if (strcmp(c->op_type, "Not") != 0 || !wt_infer_small(c, 0, v, &n))
        return WT_OK;
    for (int64_t k = 0; k < n; k++) /* conditions of If are made so */
        v[k] = !v[k];
    return wt_infer_publish(c, 0, v, n, err);
}

wt_status wt_infer_bool(wt_infer *c, wt_err *err) { return wt_infer_set(c, 0, WT_BOOL, wt_rule_shape(c, 0), err); }

static wt_status cast_type(const wt_infer *c, wt_dtype *to, wt_err *err)
{
    if (strcmp(c->op_type, "CastLike") == 0) {
        *to = wt_rule_dtype(c, 1);
        return WT_OK;
    }
    const int64_t code = wt_attr_int(c->attrs, "to", 0);
    *to = wt_dtype_from_onnx(code);
    if (*to == WT_DTYPE_NONE)
        return wt_infer_bad(c, err, "attribute to is %" PRId64 ", which is no element type", code);
    return WT_OK;
}

wt_status wt_infer_cast(wt_infer *c, wt_err *err)
{
    int64_t v[WT_SMALL_MAX], n;
    wt_dtype to;
    WT_TRY(cast_type(c, &to, err));
    WT_TRY(wt_infer_set(c, 0, to, wt_rule_shape(c, 0), err));
    if ((to != WT_I64 && to != WT_I32 && to != WT_BOOL) || !wt_infer_small(c, 0, v, &n))
        return WT_OK;
    for (int64_t k = 0; to == WT_I32 && k < n; k++)
        v[k] = (int32_t)(uint32_t)(uint64_t)v[k];
    return wt_infer_publish(c, 0, v, n, err);
}

/* The same bytes as another type: elements must be as wide. */
wt_status wt_infer_bitcast(wt_infer *c, wt_err *err)
{
    const wt_dtype from = wt_rule_dtype(c, 0);
    size_t have, want;
    wt_dtype to;
    WT_TRY(cast_type(c, &to, err));
    if (from != WT_DTYPE_NONE) { /* eight elements: whole bytes of every type */
        if (from == WT_STRING || to == WT_STRING || !wt_dtype_bytes(from, 8, &have) || !wt_dtype_bytes(to, 8, &want) ||
            have != want)
            return wt_infer_bad(c, err, "%s cannot be read as %s: the widths differ", wt_dtype_name(from),
                                wt_dtype_name(to));
    }
    return wt_infer_set(c, 0, to, wt_rule_shape(c, 0), err);
}

wt_status wt_infer_dropout(wt_infer *c, wt_err *err)
{
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), wt_rule_shape(c, 0), err));
    return wt_infer_set(c, 1, WT_BOOL, wt_rule_shape(c, 0), err);
}

/* --- broadcasting ------------------------------------------------------------------------------------------------- */
/* The shape of all inputs from `first` on; unknown as soon as one rank is. */
static wt_status broadcast_all(const wt_infer *c, size_t first, wt_shape *out, wt_err *err)
{
    *out = *wt_rule_shape(c, first);
    for (size_t i = first + 1; i < c->n_in; i++) {
        const wt_status st = wt_shape_broadcast(out, wt_rule_shape(c, i), out, err);
        if (st != WT_OK) {
            wt_err_where(err, "%s", c->op_type);
            return st;
        }
    }
    return WT_OK;
}

/* Element i of the broadcast output comes from element small_index() of an operand of a few elements: exact for equal
 * shapes and scalars; other broadcasts are left to the kernels. */
static bool small_operands(const wt_infer *c, size_t first, int64_t v[3][WT_SMALL_MAX], bool scalar[3], int64_t *n)
{
    int64_t count;
    if (c->n_in - first > 3 || !wt_shape_count(&c->out[0].shape, n) || *n > WT_SMALL_MAX)
        return false;
    for (size_t i = first; i < c->n_in; i++) {
        if (!wt_infer_small(c, i, v[i - first], &count) || (count != *n && count != 1))
            return false;
        scalar[i - first] = count == 1;
    }
    return true;
}

/* One step of integer arithmetic; false: not one of ours, or nothing that may be published. */
static bool small_step(const char *op, int64_t a, int64_t b, int64_t *out)
{
    if (strcmp(op, "Add") == 0)
        return !__builtin_add_overflow(a, b, out);
    if (strcmp(op, "Sub") == 0)
        return !__builtin_sub_overflow(a, b, out);
    if (strcmp(op, "Mul") == 0)
        return !__builtin_mul_overflow(a, b, out);
    if (strcmp(op, "Div") == 0 && b > 0) {
        *out = a / b;
        return true;
    }
    if (strcmp(op, "Mod") == 0 && a >= 0 && b > 0) {
        *out = a % b;
        return true;
    }
    if (strcmp(op, "Max") == 0 || strcmp(op, "Min") == 0) {
        *out = (op[1] == 'a') == (a > b) ? a : b;
        return true;
    }
    if (strcmp(op, "Equal") == 0) {
        *out = a == b;
        return true;
    }
    return false;
}

static wt_status publish_step(wt_infer *c, wt_err *err)
{
    int64_t v[3][WT_SMALL_MAX], out[WT_SMALL_MAX], n;
    bool scalar[3];
    const wt_dtype in = wt_rule_dtype(c, 0);
    if (!c->arena || c->n_in != 2 || c->n_out == 0 || (in != WT_I64 && in != WT_I32) ||
        !small_operands(c, 0, v, scalar, &n))
        return WT_OK;
    for (int64_t k = 0; k < n; k++)
        if (!small_step(c->op_type, v[0][scalar[0] ? 0 : k], v[1][scalar[1] ? 0 : k], &out[k]) ||
            (in == WT_I32 && out[k] != (int32_t)out[k]))
            return WT_OK;
    return wt_infer_publish(c, 0, out, n, err);
}

wt_status wt_infer_broadcast(wt_infer *c, wt_err *err)
{
    wt_shape s;
    if (strcmp(c->op_type, "PRelu") == 0) { /* the slope broadcasts to x, not both to each other */
        s = *wt_rule_shape(c, 0);
        const int rank = wt_rule_shape(c, 1)->rank;
        if (s.rank >= 0 && rank > s.rank)
            return wt_infer_bad(c, err, "the slope has %d dimensions, more than the input's %d", rank, s.rank);
        wt_shape both;
        WT_TRY(broadcast_all(c, 0, &both, err));
        if (wt_shape_known(&s) && wt_shape_known(&both) && !wt_shape_equal(&s, &both))
            return wt_infer_bad(c, err, "the slope does not broadcast to the input's shape");
    } else {
        WT_TRY(broadcast_all(c, 0, &s, err));
    }
    if (strcmp(c->op_type, "Pow") != 0 && strcmp(c->op_type, "BitShift") != 0)
        for (size_t i = 1; i < c->n_in; i++)
            WT_TRY(wt_rule_need_same_dtype(c, 0, i, err));
    WT_TRY(wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err));
    return publish_step(c, err);
}

wt_status wt_infer_compare(wt_infer *c, wt_err *err)
{
    wt_shape s;
    WT_TRY(wt_rule_need_same_dtype(c, 0, 1, err));
    WT_TRY(broadcast_all(c, 0, &s, err));
    WT_TRY(wt_infer_set(c, 0, WT_BOOL, &s, err));
    return publish_step(c, err);
}

wt_status wt_infer_where(wt_infer *c, wt_err *err)
{
    int64_t v[3][WT_SMALL_MAX], out[WT_SMALL_MAX], n;
    bool scalar[3];
    wt_shape s;
    if (wt_rule_dtype(c, 0) != WT_BOOL && wt_rule_dtype(c, 0) != WT_DTYPE_NONE)
        return wt_infer_bad(c, err, "the condition is %s, expected bool", wt_dtype_get(wt_rule_dtype(c, 0))->name);
    WT_TRY(wt_rule_need_same_dtype(c, 1, 2, err));
    WT_TRY(broadcast_all(c, 0, &s, err));
    const wt_dtype dtype = wt_rule_dtype(c, 1) ? wt_rule_dtype(c, 1) : wt_rule_dtype(c, 2);
    WT_TRY(wt_infer_set(c, 0, dtype, &s, err));
    if (!c->arena || c->n_in != 3 || !small_operands(c, 0, v, scalar, &n))
        return WT_OK;
    for (int64_t k = 0; k < n; k++)
        out[k] = v[0][scalar[0] ? 0 : k] ? v[1][scalar[1] ? 0 : k] : v[2][scalar[2] ? 0 : k];
    return wt_infer_publish(c, 0, out, n, err);
}
