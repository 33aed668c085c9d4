/* ml_linear.c - linear models and the simple preparations of data in ai.onnx.ml: LinearClassifier, LinearRegressor,
 * Scaler, Normalizer, Binarizer, Imputer, FeatureVectorizer, ArrayFeatureExtractor. */
#include "run/kernels/ref/ml_common.h"
#include <math.h>

typedef struct linear_params {
    size_t rows, features, targets, scores; /* scores: columns of the output */
    wt_ml_list weights, bias;
    wt_ml_post post;
    wt_ml_labels labels;
} linear_params;

static bool number_in(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_ml_is_number(p->in[0]) && wt_has_out(p, 0) && wt_all_plain(p);
}

static wt_status read_model(wt_prep *p, linear_params **out, wt_err *err)
{
    linear_params *q = *out = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    int64_t n, c;
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_ml_rows(&p->in[0]->shape, p->op_type, &n, &c, err));
    q->rows = (size_t)n, q->features = (size_t)c;
    WT_TRY(wt_ml_list_read(p, "coefficients", &q->weights, err));
    WT_TRY(wt_ml_list_read(p, "intercepts", &q->bias, err));
    WT_TRY(wt_ml_post_read(p, &q->post, err));
    if (wt_mul_overflows(q->features + 1, sizeof(float), &p->scratch_bytes))
        return wt_fail(err, WT_ENOMEM, "%s: too many features", p->op_type);
    p->params = q;
    return WT_OK;
}

static wt_status check_model(const wt_prep *p, const linear_params *q, wt_err *err)
{
    if (q->weights.n / q->targets != q->features || q->weights.n % q->targets)
        return wt_fail(err, WT_EFORMAT, "%s: %zu coefficients for %zu targets of %zu features", p->op_type,
                       q->weights.n, q->targets, q->features);
    if (q->bias.n && q->bias.n != q->targets)
        return wt_fail(err, WT_EFORMAT, "%s: %zu intercepts for %zu targets", p->op_type, q->bias.n, q->targets);
    return WT_OK;
}

static void row_scores(const wt_run *r, const linear_params *q, size_t n, float *x, float *s)
{
    wt_ml_load(r->in[0], n * q->features, q->features, x);
    for (size_t t = 0; t < q->targets; t++) {
        float sum = q->bias.n ? (float)wt_ml_list_get(&q->bias, t) : 0;
        for (size_t i = 0; i < q->features; i++)
            sum += x[i] * (float)wt_ml_list_get(&q->weights, t * q->features + i);
        s[t] = sum;
    }
}

/* --- LinearRegressor
 * --------------------------------------------------------------------------------------------------------------- */
static wt_status regressor_prepare(wt_prep *p, wt_err *err)
{
    linear_params *q;
    WT_TRY(read_model(p, &q, err));
    q->targets = q->scores = (size_t)p->out[0]->shape.dim[1];
    return check_model(p, q, err);
}

static wt_status regressor_run(const wt_run *r, wt_err *err)
{
    const linear_params *q = r->params;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    for (size_t n = 0; n < q->rows; n++) {
        float *s = wt_out_f32(r, 0) + n * q->targets;
        row_scores(r, q, n, r->scratch, s);
        wt_ml_post_apply(q->post, s, q->targets, -1);
    }
    return WT_OK;
}

/* --- LinearClassifier
 * -------------------------------------------------------------------------------------------------------------- */
static wt_status classifier_prepare(wt_prep *p, wt_err *err)
{
    linear_params *q;
    WT_TRY(read_model(p, &q, err));
    WT_TRY(wt_ml_labels_read(p->attrs, p->op_type, &q->labels, err));
    q->targets = q->bias.n ? q->bias.n : q->features ? q->weights.n / q->features : 0;
    if (q->targets == 0)
        return wt_fail(err, WT_EFORMAT, "%s: neither intercepts nor coefficients", p->op_type);
    WT_TRY(check_model(p, q, err));
    q->scores = (size_t)p->out[1]->shape.dim[1];
    if (q->scores != (q->targets == 1 && q->labels.count == 2 ? 2 : q->targets) ||
        (q->targets > 1 && q->labels.count < q->targets))
        return wt_fail(err, WT_EFORMAT, "%s: %zu labels for %zu rows of coefficients", p->op_type, q->labels.count,
                       q->targets);
    return WT_OK;
}

/* One score decides between two labels; without two labels they are 1 and 0. */
static void single_label(const wt_run *r, const linear_params *q, size_t n, bool positive)
{
    static const wt_string words[2] = { { "0", 1 }, { "1", 1 } };
    if (q->labels.count == 2)
        wt_ml_put_label(r, &q->labels, n, positive);
    else if (q->labels.ints)
        ((int64_t *)wt_tensor_mut(r->out[0]))[n] = positive;
    else
        ((wt_string *)wt_tensor_mut(r->out[0]))[n] = words[positive];
}

static wt_status classifier_run(const wt_run *r, wt_err *err)
{
    const linear_params *q = r->params;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    for (size_t n = 0; n < q->rows; n++) {
        float *s = wt_out_f32(r, 1) + n * q->scores;
        size_t best = 0;
        row_scores(r, q, n, r->scratch, s);
        for (size_t t = 1; t < q->targets; t++)
            best = s[t] > s[best] ? t : best;
        if (q->targets == 1)
            single_label(r, q, n, s[0] > 0);
        else
            wt_ml_put_label(r, &q->labels, n, best);
        wt_ml_post_apply(q->post, s, q->targets, q->scores > q->targets ? 1 : -1);
    }
    return WT_OK;
}

static bool classifier_accepts(const wt_prep *p)
{
    return number_in(p) && wt_out_is(p, 1, WT_F32) && (wt_out_is(p, 0, WT_I64) || wt_out_is(p, 0, WT_STRING));
}

/* --- element by element, with one parameter or one per column
 * ------------------------------------------------------------------------ */
typedef struct column_params {
    size_t count, columns;
    wt_ml_list a, b;     /* Scaler: offset and scale; Imputer: values */
    const int64_t *ints; /* Imputer of integers */
    size_t n_ints;
    float replaced, threshold;
    int64_t replaced_int;
    int norm; /* Normalizer: 0 max, 1, 2 */
} column_params;

static wt_status new_columns(wt_prep *p, column_params **out, wt_err *err)
{
    const wt_shape *s = &p->in[0]->shape;
    column_params *q = *out = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->count = wt_count(p->in[0]);
    q->columns = s->rank > 0 ? (size_t)s->dim[s->rank - 1] : 1;
    if (wt_count(p->out[0]) != q->count)
        return wt_fail(err, WT_EFORMAT, "%s: input and output differ in size", p->op_type);
    p->params = q;
    return WT_OK;
}

static wt_status need_columns(const wt_prep *p, const char *name, size_t have, size_t columns, wt_err *err)
{
    if (have == 1 || have == columns)
        return WT_OK;
    return wt_fail(err, WT_EFORMAT, "%s: %s has %zu values, expected 1 or %zu", p->op_type, name, have, columns);
}

static wt_status scaler_prepare(wt_prep *p, wt_err *err)
{
    column_params *q;
    WT_TRY(new_columns(p, &q, err));
    WT_TRY(wt_ml_list_read(p, "offset", &q->a, err));
    WT_TRY(wt_ml_list_read(p, "scale", &q->b, err));
    WT_TRY(need_columns(p, "offset", q->a.n, q->columns, err));
    return need_columns(p, "scale", q->b.n, q->columns, err);
}

static wt_status scaler_run(const wt_run *r, wt_err *err)
{
    const column_params *q = r->params;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    for (size_t i = 0; i < q->count; i++) {
        const size_t c = i % q->columns;
        const float offset = (float)wt_ml_list_get(&q->a, q->a.n == 1 ? 0 : c);
        wt_out_f32(r, 0)[i] = ((float)wt_ml_get(r->in[0], i) - offset) *
                              (float)wt_ml_list_get(&q->b, q->b.n == 1 ? 0 : c);
    }
    return WT_OK;
}

static wt_status normalizer_prepare(wt_prep *p, wt_err *err)
{
    column_params *q;
    WT_TRY(new_columns(p, &q, err));
    if (wt_attr_is(p->attrs, "norm", "L1"))
        q->norm = 1;
    else if (wt_attr_is(p->attrs, "norm", "L2"))
        q->norm = 2;
    else if (wt_attr_find(p->attrs, "norm") && !wt_attr_is(p->attrs, "norm", "MAX"))
        return wt_fail(err, WT_EFORMAT, "%s: norm is none of MAX, L1, L2", p->op_type);
    return WT_OK;
}

static wt_status normalizer_run(const wt_run *r, wt_err *err)
{
    const column_params *q = r->params;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    for (size_t first = 0; first < q->count; first += q->columns) {
        float norm = q->norm ? 0 : -INFINITY;
        float *y = wt_out_f32(r, 0) + first;
        wt_ml_load(r->in[0], first, q->columns, y);
        for (size_t i = 0; i < q->columns; i++)
            norm = q->norm == 0 ? fmaxf(norm, y[i]) : norm + (q->norm == 1 ? fabsf(y[i]) : y[i] * y[i]);
        norm = q->norm == 2 ? sqrtf(norm) : norm;
        for (size_t i = 0; i < q->columns && norm != 0; i++)
            y[i] /= norm;
    }
    return WT_OK;
}

static wt_status binarizer_prepare(wt_prep *p, wt_err *err)
{
    column_params *q;
    WT_TRY(new_columns(p, &q, err));
    q->threshold = wt_attr_float(p->attrs, "threshold", 0);
    return WT_OK;
}

static wt_status binarizer_run(const wt_run *r, wt_err *err)
{
    const column_params *q = r->params;
    void *y = wt_tensor_mut(r->out[0]);
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    for (size_t i = 0; i < q->count; i++) {
        const bool on = wt_ml_get(r->in[0], i) > (double)q->threshold;
        switch (r->out[0]->dtype) {
        case WT_F32: ((float *)y)[i] = on; break;
        case WT_F64: ((double *)y)[i] = on; break;
        case WT_I64: ((int64_t *)y)[i] = on; break;
        default: ((int32_t *)y)[i] = on; break;
        }
    }
    return WT_OK;
}

static bool binarizer_accepts(const wt_prep *p)
{
    return number_in(p) && p->out[0]->dtype == p->in[0]->dtype &&
           (p->in[0]->dtype == WT_F32 || p->in[0]->dtype == WT_F64 || p->in[0]->dtype == WT_I64 ||
            p->in[0]->dtype == WT_I32);
}

static bool imputer_accepts(const wt_prep *p)
{
    return (wt_in_is(p, 0, WT_F32) && wt_out_is(p, 0, WT_F32)) || (wt_in_is(p, 0, WT_I64) && wt_out_is(p, 0, WT_I64)) ||
           (wt_in_is(p, 0, WT_F64) && wt_out_is(p, 0, WT_F64));
}

static wt_status imputer_prepare(wt_prep *p, wt_err *err)
{
    column_params *q;
    WT_TRY(new_columns(p, &q, err));
    WT_TRY(wt_ml_list_read(p, "imputed_value_floats", &q->a, err));
    q->ints = wt_ml_ints(p->attrs, "imputed_value_int64s", &q->n_ints);
    q->replaced = wt_attr_float(p->attrs, "replaced_value_float", 0);
    q->replaced_int = wt_attr_int(p->attrs, "replaced_value_int64", 0);
    if (p->in[0]->dtype == WT_I64)
        return need_columns(p, "imputed_value_int64s", q->n_ints, q->columns, err);
    return need_columns(p, "imputed_value_floats", q->a.n, q->columns, err);
}

static wt_status imputer_run(const wt_run *r, wt_err *err)
{
    const column_params *q = r->params;
    void *y = wt_tensor_mut(r->out[0]);
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    for (size_t i = 0; i < q->count; i++) {
        const size_t c = i % q->columns;
        if (r->in[0]->dtype == WT_I64) {
            const int64_t v = ((const int64_t *)r->in[0]->data)[i];
            ((int64_t *)y)[i] = v == q->replaced_int ? q->ints[q->n_ints == 1 ? 0 : c] : v;
            continue;
        }
        const double v = wt_ml_get(r->in[0], i);
        const bool missing = isnan(q->replaced) ? isnan(v) : v == (double)q->replaced;
        const double out = missing ? wt_ml_list_get(&q->a, q->a.n == 1 ? 0 : c) : v;
        if (r->out[0]->dtype == WT_F32)
            ((float *)y)[i] = (float)out;
        else
            ((double *)y)[i] = out;
    }
    return WT_OK;
}

/* --- FeatureVectorizer, ArrayFeatureExtractor
 * ------------------------------------------------------------------------------------------ */
static bool vectorizer_accepts(const wt_prep *p)
{
    for (size_t i = 0; i < p->n_in; i++)
        if (!wt_ml_is_number(p->in[i]))
            return false;
    return p->n_in > 0 && wt_out_is(p, 0, WT_F32) && wt_all_plain(p);
}

static wt_status vectorizer_run(const wt_run *r, wt_err *err)
{
    const int64_t *widths = r->params; /* of each input in the output */
    const size_t total = (size_t)r->out[0]->shape.dim[1], rows = (size_t)r->out[0]->shape.dim[0];
    float *y = wt_out_f32(r, 0);
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    memset(y, 0, rows * total * sizeof *y);
    for (size_t i = 0, at = 0; i < r->n_in; at += (size_t)widths[i++]) {
        const wt_shape *s = &r->in[i]->shape;
        const size_t own = (size_t)s->dim[s->rank - 1], width = own < (size_t)widths[i] ? own : (size_t)widths[i];
        for (size_t n = 0; n < rows; n++)
            wt_ml_load(r->in[i], n * own, width, y + n * total + at);
    }
    return WT_OK;
}

static wt_status vectorizer_prepare(wt_prep *p, wt_err *err)
{
    int64_t *widths = wt_arena_alloc(p->arena, p->n_in, sizeof *widths, err), sum = 0;
    size_t n;
    const int64_t *given = wt_ml_ints(p->attrs, "inputdimensions", &n);
    if (!widths)
        return WT_ENOMEM;
    for (size_t i = 0; i < p->n_in; i++) {
        const wt_shape *s = &p->in[i]->shape;
        const int64_t rows = s->rank == 2 ? s->dim[0] : 1;
        if (s->rank < 1 || s->rank > 2 || rows != p->out[0]->shape.dim[0] || (n && n != p->n_in))
            return wt_fail(err, WT_EFORMAT, "%s: input %zu does not have %lld rows", p->op_type, i,
                           (long long)p->out[0]->shape.dim[0]);
        widths[i] = n ? given[i] : s->dim[s->rank - 1];
        if (widths[i] < 0 || __builtin_add_overflow(sum, widths[i], &sum))
            return wt_fail(err, WT_EFORMAT, "%s: inputdimensions has the value %lld", p->op_type, (long long)widths[i]);
    }
    if (sum != p->out[0]->shape.dim[1])
        return wt_fail(err, WT_EFORMAT, "%s: the output has %lld columns, expected %lld", p->op_type,
                       (long long)p->out[0]->shape.dim[1], (long long)sum);
    p->params = widths;
    return WT_OK;
}

static bool extractor_accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_in_is(p, 1, WT_I64) && wt_has_out(p, 0) && p->out[0]->dtype == p->in[0]->dtype &&
           wt_dtype_get(p->in[0]->dtype)->block_len == 1 && wt_all_plain(p);
}

static wt_status extractor_run(const wt_run *r, wt_err *err)
{
    const wt_shape *s = &r->in[0]->shape;
    const size_t item = wt_dtype_get(r->in[0]->dtype)->block_bytes, columns = (size_t)s->dim[s->rank - 1],
                 picks = wt_count(r->in[1]);
    const size_t rows = (size_t)wt_shape_product(s, 0, s->rank - 1);
    if (wt_run_is_empty(r))
        return WT_OK;
    for (size_t k = 0; k < picks; k++) {
        const int64_t at = ((const int64_t *)r->in[1]->data)[k];
        if (at < 0 || at >= (int64_t)columns)
            return wt_fail(err, WT_EFORMAT, "index %zu is %lld, expected 0 to %zu", k, (long long)at, columns - 1);
        for (size_t n = 0; n < rows; n++)
            memcpy((char *)wt_tensor_mut(r->out[0]) + (n * picks + k) * item,
                   (const char *)r->in[0]->data + (n * columns + (size_t)at) * item, item);
    }
    return WT_OK;
}

static wt_status extractor_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *s = &p->in[0]->shape;
    if (s->rank < 1 || wt_count(p->out[0]) != (size_t)wt_shape_product(s, 0, s->rank - 1) * wt_count(p->in[1]))
        return wt_fail(err, WT_EFORMAT, "%s: the output is not one column per index", p->op_type);
    return WT_OK;
}

static bool float_out(const wt_prep *p) { return number_in(p) && p->out[0]->dtype == WT_F32; }

#define ML_ROW(row_name, code, takes, prep, go)                                                                        \
    {                                                                                                                  \
        .name = row_name, .op = code, .accepts = takes, .prepare = prep, .run = go                                     \
    }
const wt_kernel wt_ml_linear_rows[] = {
    ML_ROW("linearregressor_any_ref", WT_OP_LINEARREGRESSOR, float_out, regressor_prepare, regressor_run),
    ML_ROW("linearclassifier_any_ref", WT_OP_LINEARCLASSIFIER, classifier_accepts, classifier_prepare, classifier_run),
    ML_ROW("scaler_any_ref", WT_OP_SCALER, float_out, scaler_prepare, scaler_run),
    ML_ROW("normalizer_any_ref", WT_OP_NORMALIZER, float_out, normalizer_prepare, normalizer_run),
    ML_ROW("binarizer_any_ref", WT_OP_BINARIZER, binarizer_accepts, binarizer_prepare, binarizer_run),
    ML_ROW("imputer_any_ref", WT_OP_IMPUTER, imputer_accepts, imputer_prepare, imputer_run),
    ML_ROW("featurevectorizer_any_ref", WT_OP_FEATUREVECTORIZER, vectorizer_accepts, vectorizer_prepare,
           vectorizer_run),
    ML_ROW("arrayfeatureextractor_any_ref", WT_OP_ARRAYFEATUREEXTRACTOR, extractor_accepts, extractor_prepare,
           extractor_run),
    { .name = NULL },
};
