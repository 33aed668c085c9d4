/* quant_ref.c - sums, requantization and attributes of the quantized rows. See quant_ref.h. */
#include "run/kernels/ref/quant_ref.h"
#include <stdio.h>

int32_t wt_zero_at(const wt_run *r, size_t i, size_t e)
{
    if (!wt_run_has(r, i))
        return 0;
    return wt_byte_at(r->in[i]->data, r->in[i]->dtype == WT_I8, wt_count(r->in[i]) == 1 ? 0 : e);
}

/* 32768 products of at most 255 * 255 fit 32 bits. */
static int32_t dot_part(const int16_t *a, const int16_t *b, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (int32_t)a[i] * (int32_t)b[i];
    return sum;
}

int64_t wt_dot_i16(const int16_t *a, const int16_t *b, size_t n)
{
    enum { PART = 32768 };
    int64_t sum = 0;
    for (size_t i = 0; i < n; i += PART)
        sum += dot_part(a + i, b + i, n - i < PART ? n - i : PART);
    return sum;
}

void wt_requant_store(const wt_requant *q, float real, void *y, size_t i)
{
    const float v = q->folded ? real : real / q->y_scale;
    if (q->y == WT_F32)
        ((float *)y)[i] = real;
    else if (q->y == WT_I8)
        ((int8_t *)y)[i] = (int8_t)wt_quantize_code(v, q->y_zero, -128, 127);
    else
        ((uint8_t *)y)[i] = (uint8_t)wt_quantize_code(v, q->y_zero, 0, 255);
}

wt_status wt_quant_attrs(const wt_prep *p, const char *prefix, wt_dtype type, float *scale, int32_t *zero, wt_err *err)
{
    char name[32];
    snprintf(name, sizeof name, "%s_scale", prefix);
    *scale = wt_attr_float(p->attrs, name, 0);
    if (!isfinite(*scale) || *scale <= 0)
        return wt_fail(err, WT_EFORMAT, "%s: %s is %g, expected a positive number", p->op_type, name, (double)*scale);
    snprintf(name, sizeof name, "%s_zp", prefix);
    const int64_t z = wt_attr_int(p->attrs, name, 0), low = type == WT_I8 ? -128 : 0;
    if (z < low || z > low + 255)
        return wt_fail(err, WT_EFORMAT, "%s: %s is %lld, which %s cannot hold", p->op_type, name, (long long)z,
                       wt_dtype_get(type)->name);
    *zero = (int32_t)z;
    return WT_OK;
}

wt_status wt_requant_attrs(const wt_prep *p, wt_requant *q, wt_err *err)
{
    q->y = p->out[0]->dtype;
    q->act = wt_act_from_attrs(p->attrs);
    if (q->y != WT_F32)
        WT_TRY(wt_quant_attrs(p, "y", q->y, &q->y_scale, &q->y_zero, err));
    if (!wt_has_in(p, 3))
        return WT_OK;
    q->r = p->in[3]->dtype;
    if (!wt_is_byte(q->r) || !wt_shape_equal(&p->in[3]->shape, &p->out[0]->shape))
        return wt_fail(err, WT_EFORMAT, "%s: the residual must be 8-bit and have the output's shape", p->op_type);
    return wt_quant_attrs(p, "r", q->r, &q->r_scale, &q->r_zero, err);
}

wt_status wt_weight_scales(const wt_prep *p, size_t n, const float **scales, size_t *count, wt_err *err)
{
    const wt_attr *a = wt_attr_find(p->attrs, "w_scale");
    if (!a || (a->type != WT_ATTR_FLOATS && a->type != WT_ATTR_FLOAT) || (a->count != 1 && a->count != n))
        return wt_fail(err, WT_EFORMAT, "%s: w_scale must be 1 or %zu numbers", p->op_type, n);
    *scales = a->type == WT_ATTR_FLOAT ? &a->v.f : a->v.floats;
    *count = a->count;
    for (size_t i = 0; i < a->count; i++)
        if (!isfinite((*scales)[i]))
            return wt_fail(err, WT_EFORMAT, "%s: w_scale[%zu] is not finite", p->op_type, i);
    return WT_OK;
}
