/* ml_common.c - numbers, lists, post transforms and labels of ai.onnx.ml. See ml_common.h. */
#include "run/kernels/ref/ml_common.h"
#include <math.h>
#include <stdio.h>

bool wt_ml_is_number(const wt_tensor *t)
{
    if (!t)
        return false;
    switch (t->dtype) {
    case WT_F32:
    case WT_F64:
    case WT_I64:
    case WT_I32:
    case WT_I16:
    case WT_U16:
    case WT_I8:
    case WT_U8:
    case WT_BOOL: return true;
    default: return false;
    }
}

double wt_ml_get(const wt_tensor *t, size_t i)
{
    switch (t->dtype) {
    case WT_F32: return (double)((const float *)t->data)[i];
    case WT_F64: return ((const double *)t->data)[i];
    case WT_I64: return (double)((const int64_t *)t->data)[i];
    case WT_I32: return ((const int32_t *)t->data)[i];
    case WT_I16: return ((const int16_t *)t->data)[i];
    case WT_U16: return ((const uint16_t *)t->data)[i];
    case WT_I8: return ((const int8_t *)t->data)[i];
    default: return ((const uint8_t *)t->data)[i];
    }
}

void wt_ml_load(const wt_tensor *t, size_t first, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)wt_ml_get(t, first + i);
}

wt_status wt_ml_list_read(const wt_prep *p, const char *name, wt_ml_list *out, wt_err *err)
{
    char other[64];
    snprintf(other, sizeof other, "%s_as_tensor", name);
    const wt_attr *a = wt_attr_find(p->attrs, name), *t = wt_attr_find(p->attrs, other);
    *out = (wt_ml_list){ 0, NULL, NULL };
    if (t) {
        int64_t count;
        const wt_tensor *data = t->type == WT_ATTR_TENSOR ? t->v.tensor : NULL;
        if (!data || !data->data || (data->dtype != WT_F64 && data->dtype != WT_F32) ||
            !wt_shape_count(&data->shape, &count))
            return wt_fail(err, WT_EFORMAT, "%s: attribute %s must be a tensor of floats", p->op_type, other);
        *out = (wt_ml_list){ (size_t)count, NULL, data };
    } else if (a) {
        if (a->type != WT_ATTR_FLOATS)
            return wt_fail(err, WT_EFORMAT, "%s: attribute %s must be a list of floats", p->op_type, name);
        *out = (wt_ml_list){ a->count, a->v.floats, NULL };
    }
    return WT_OK;
}

/* The tensor may lie unaligned in the file. */
double wt_ml_list_get(const wt_ml_list *list, size_t i)
{
    if (list->f)
        return (double)list->f[i];
    if (list->t->dtype == WT_F32) {
        float f;
        memcpy(&f, (const char *)list->t->data + i * sizeof f, sizeof f);
        return (double)f;
    }
    double d;
    memcpy(&d, (const char *)list->t->data + i * sizeof d, sizeof d);
    return d;
}

const int64_t *wt_ml_ints(const wt_attrs *attrs, const char *name, size_t *n)
{
    const wt_attr *a = wt_attr_find(attrs, name);
    const bool ok = a && a->type == WT_ATTR_INTS;
    *n = ok ? a->count : 0;
    return ok ? a->v.ints : NULL;
}

const wt_string *wt_ml_strings(const wt_attrs *attrs, const char *name, size_t *n)
{
    const wt_attr *a = wt_attr_find(attrs, name);
    const bool ok = a && a->type == WT_ATTR_STRINGS;
    *n = ok ? a->count : 0;
    return ok ? a->v.strings : NULL;
}

wt_status wt_ml_post_read(const wt_prep *p, wt_ml_post *out, wt_err *err)
{
    static const char *const names[] = { "NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT" };
    *out = WT_ML_NONE;
    if (!wt_attr_find(p->attrs, "post_transform"))
        return WT_OK;
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        if (wt_attr_is(p->attrs, "post_transform", names[i])) {
            *out = (wt_ml_post)i;
            return WT_OK;
        }
    return wt_fail(err, WT_EFORMAT, "%s: unknown post_transform", p->op_type);
}

float wt_ml_logistic(float v)
{
    const float s = 1 / (1 + expf(-fabsf(v)));
    return v < 0 ? 1 - s : s;
}

/* The inverse of the normal distribution, by Winitzki's approximation of the inverse error function (a = 0.147). */
static float probit(float v)
{
    const float x = 2 * v - 1, log = logf((1 - x) * (1 + x)), half = 2 / (3.14159f * 0.147f) + 0.5f * log;
    const float root = sqrtf(-half + sqrtf(half * half - 1 / 0.147f * log));
    return 1.41421356f * (x < 0 ? -root : root);
}

static void softmax(float *s, size_t n, bool keep_zero)
{
    float most = s[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        most = s[i] > most ? s[i] : most;
    for (size_t i = 0; i < n; i++) {
        if (keep_zero && s[i] <= 1e-7f && s[i] >= -1e-7f) {
            s[i] *= expf(-most);
            continue;
        }
        s[i] = expf(s[i] - most);
        sum += s[i];
    }
    for (size_t i = 0; i < n; i++)
        s[i] /= sum;
}

void wt_ml_post_apply(wt_ml_post post, float *s, size_t n, int second)
{
    if (n == 1 && post != WT_ML_PROBIT) {
        const bool logistic = post == WT_ML_LOGISTIC && second >= 2;
        const float v = s[0];
        if (second < 0)
            return;
        s[0] = logistic ? wt_ml_logistic(-v) : second < 2 ? 1 - v : -v;
        s[1] = logistic ? wt_ml_logistic(v) : v;
        return;
    }
    switch (post) {
    case WT_ML_NONE: return;
    case WT_ML_LOGISTIC:
    case WT_ML_PROBIT:
        for (size_t i = 0; i < n; i++)
            s[i] = post == WT_ML_PROBIT ? probit(s[i]) : wt_ml_logistic(s[i]);
        return;
    case WT_ML_SOFTMAX:
    case WT_ML_SOFTMAX_ZERO: softmax(s, n, post == WT_ML_SOFTMAX_ZERO); return;
    }
}

void wt_ml_put_label(const wt_run *r, const wt_ml_labels *labels, size_t n, size_t index)
{
    void *y = wt_tensor_mut(r->out[0]);
    if (labels->ints)
        ((int64_t *)y)[n] = labels->ints[index];
    else
        ((wt_string *)y)[n] = labels->strings[index];
}
