/* shape.c - what the shape rules share: messages, axes, small integer arguments, published results. */
#include "model/shape/shape.h"
#include <inttypes.h>
#include <stdio.h>

wt_status wt_infer_bad(const wt_infer *c, wt_err *err, const char *fmt, ...)
{
    char text[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return wt_fail(err, WT_EFORMAT, "%s: %s", c->op_type, text);
}

wt_status wt_infer_set(wt_infer *c, size_t o, wt_dtype dtype, const wt_shape *shape, wt_err *err)
{
    int64_t count;
    char text[96];
    if (o >= c->n_out)
        return WT_OK;
    if (wt_shape_known(shape) && !wt_shape_count(shape, &count))
        return wt_infer_bad(c, err, "output %zu would have the shape %s, more elements than can be counted", o,
                            wt_shape_text(shape, NULL, text, sizeof text));
    c->out[o].dtype = dtype;
    c->out[o].shape = *shape;
    return WT_OK;
}

wt_status wt_infer_axis(const wt_infer *c, const char *name, int64_t fallback, int rank, bool allow_end, int *axis,
                        wt_err *err)
{
    const int64_t given = wt_attr_int(c->attrs, name, fallback);
    *axis = wt_axis(given, rank, allow_end);
    if (*axis < 0)
        return wt_infer_bad(c, err, "%s is %" PRId64 ", expected %d to %d for a tensor of rank %d", name, given, -rank,
                            allow_end ? rank : rank - 1, rank);
    return WT_OK;
}

wt_status wt_dim_mul(const wt_infer *c, int64_t a, int64_t b, int64_t *out, wt_err *err)
{
    if (a < 0 || b < 0)
        *out = a == 1 ? b : b == 1 ? a : WT_DIM_ANY;
    else if (__builtin_mul_overflow(a, b, out))
        return wt_infer_bad(c, err, "a dimension of %" PRId64 " times %" PRId64 " is too large", a, b);
    return WT_OK;
}

wt_status wt_dim_add(const wt_infer *c, int64_t a, int64_t b, int64_t *out, wt_err *err)
{
    if (a < 0 || b < 0)
        *out = a == 0 ? b : b == 0 ? a : WT_DIM_ANY;
    else if (__builtin_add_overflow(a, b, out))
        return wt_infer_bad(c, err, "a dimension of %" PRId64 " plus %" PRId64 " is too large", a, b);
    return WT_OK;
}

wt_status wt_infer_ints(const wt_infer *c, size_t i, wt_ints *out, wt_err *err)
{
    const wt_tensor *t = wt_rule_in(c, i);
    int64_t n = -1;
    *out = (wt_ints){ .state = WT_ABSENT, .count = -1 };
    if (!t)
        return WT_OK;
    out->state = WT_NOT_KNOWN;
    if (t->shape.rank > 1)
        return wt_infer_bad(c, err, "input %zu has %d dimensions, expected a list of integers", i, t->shape.rank);
    if (!wt_shape_count(&t->shape, &n))
        return WT_OK;
    if (n > WT_INTS_MAX)
        return wt_infer_bad(c, err, "input %zu has %" PRId64 " elements, expected at most %d", i, n, WT_INTS_MAX);
    out->count = n;
    if (!t->data)
        return WT_OK;
    for (int64_t k = 0; k < n; k++)
        if (!wt_tensor_int(t, k, &out->v[k]))
            return wt_infer_bad(c, err, "input %zu is %s, expected integers", i, wt_dtype_get(t->dtype)->name);
    out->state = WT_KNOWN;
    return WT_OK;
}

wt_status wt_infer_attr_ints(const wt_infer *c, const char *name, wt_ints *out, wt_err *err)
{
    const wt_attr *a = wt_attr_find(c->attrs, name);
    *out = (wt_ints){ .state = WT_ABSENT, .count = -1 };
    if (!a)
        return WT_OK;
    if (a->type == WT_ATTR_INT) {
        *out = (wt_ints){ .state = WT_KNOWN, .count = 1, .v = { a->v.i } };
        return WT_OK;
    }
    if (a->type != WT_ATTR_INTS)
        return wt_infer_bad(c, err, "attribute %s is no list of integers", name);
    if (a->count > WT_INTS_MAX)
        return wt_infer_bad(c, err, "attribute %s has %zu elements, expected at most %d", name, a->count, WT_INTS_MAX);
    out->state = WT_KNOWN;
    out->count = (int64_t)a->count;
    for (size_t k = 0; k < a->count; k++)
        out->v[k] = a->v.ints[k];
    return WT_OK;
}

wt_status wt_infer_int(const wt_infer *c, size_t i, wt_known *state, int64_t *out, wt_err *err)
{
    wt_ints v;
    *out = 0;
    WT_TRY(wt_infer_ints(c, i, &v, err));
    *state = v.state;
    if (v.state != WT_ABSENT && v.count >= 0 && v.count != 1)
        return wt_infer_bad(c, err, "input %zu has %" PRId64 " elements, expected one", i, v.count);
    if (v.state == WT_KNOWN)
        *out = v.v[0];
    return WT_OK;
}

wt_status wt_infer_axes(const wt_infer *c, wt_ints *axes, int rank, unsigned *set, wt_err *err)
{
    *set = 0;
    for (int64_t k = 0; k < axes->count; k++) {
        const int axis = wt_axis(axes->v[k], rank, false);
        if (axis < 0)
            return wt_infer_bad(c, err, "axis %" PRId64 " does not exist in a tensor of rank %d", axes->v[k], rank);
        if (*set >> axis & 1)
            return wt_infer_bad(c, err, "axis %d is given twice", axis);
        *set |= 1u << axis;
        axes->v[k] = axis;
    }
    return WT_OK;
}

bool wt_infer_is_small(const wt_infer *c, size_t i)
{
    const wt_tensor *t = wt_rule_in(c, i);
    int64_t n;
    return t && t->data && wt_shape_count(&t->shape, &n) && n <= WT_SMALL_MAX;
}

bool wt_infer_small(const wt_infer *c, size_t i, int64_t *v, int64_t *n)
{
    const wt_tensor *t = wt_rule_in(c, i);
    if (!wt_infer_is_small(c, i) || !wt_shape_count(&t->shape, n))
        return false;
    for (int64_t k = 0; k < *n; k++)
        if (!wt_tensor_int(t, k, &v[k]))
            return false;
    return true;
}

static void store_small(void *data, wt_dtype dtype, int64_t k, int64_t v)
{
    if (dtype == WT_I64)
        ((int64_t *)data)[k] = v;
    else if (dtype == WT_I32)
        ((int32_t *)data)[k] = (int32_t)v;
    else
        ((uint8_t *)data)[k] = v != 0;
}

wt_status wt_infer_publish(wt_infer *c, size_t o, const int64_t *v, int64_t n, wt_err *err)
{
    wt_tensor *t = o < c->n_out ? &c->out[o] : NULL;
    size_t bytes;
    if (!t || !c->arena || n > WT_SMALL_MAX || (t->dtype != WT_I64 && t->dtype != WT_I32 && t->dtype != WT_BOOL) ||
        !wt_tensor_size(t, &bytes))
        return WT_OK;
    void *data = wt_arena_alloc(c->arena, bytes ? bytes : 1, 1, err);
    if (!data)
        return WT_ENOMEM;
    for (int64_t k = 0; k < n; k++)
        store_small(data, t->dtype, k, v[k]);
    t->data = data;
    t->bytes = bytes;
    return WT_OK;
}

wt_status wt_infer_publish_walk(wt_infer *c, int64_t first, const int64_t *stride, wt_err *err)
{
    int64_t v[WT_SMALL_MAX], out[WT_SMALL_MAX], at[WT_MAX_RANK] = { 0 }, from = first, n, n_in;
    const wt_shape *s = &c->out[0].shape;
    if (!c->arena || !wt_shape_count(s, &n) || n > WT_SMALL_MAX || !wt_infer_small(c, 0, v, &n_in))
        return WT_OK;
    for (int64_t k = 0; k < n; k++) {
        out[k] = v[from];
        for (int d = s->rank - 1; d >= 0; d--) { /* as an odometer counts */
            from += stride[d];
            if (++at[d] < s->dim[d])
                break;
            from -= at[d] * stride[d];
            at[d] = 0;
        }
    }
    return wt_infer_publish(c, 0, out, n, err);
}

void wt_infer_publish_view(wt_infer *c)
{
    if (!c->arena || !c->in[0] || !c->in[0]->data || c->n_out == 0)
        return;
    c->out[0].data = c->in[0]->data;
    c->out[0].bytes = c->in[0]->bytes;
}
