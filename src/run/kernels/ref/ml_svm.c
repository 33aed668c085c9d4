/* ml_svm.c - SVMClassifier and SVMRegressor: sums of kernels between a row and the support vectors. */
#include "run/kernels/ref/ml_common.h"
#include <math.h>

typedef enum svm_kernel { SVM_LINEAR, SVM_POLY, SVM_RBF, SVM_SIGMOID } svm_kernel;
typedef struct svm_params {
    svm_kernel kernel;
    float gamma, coef0, degree;
    size_t rows, features, vectors, classes, pairs, scores;
    wt_ml_list support, coef, rho, prob_a, prob_b;
    const int64_t *per_class;
    wt_ml_post post;
    wt_ml_labels labels;
    bool one_class, all_positive;
    size_t at_kernels, at_pairs,
        at_matrix; /* floats in the scratch: row, kernels, pair scores, pair probabilities and Q, Qp */
} svm_params;

static bool accepts(const wt_prep *p) { return wt_has_in(p, 0) && wt_ml_is_number(p->in[0]) && wt_all_plain(p); }
static bool accepts_regressor(const wt_prep *p) { return accepts(p) && wt_out_is(p, 0, WT_F32); }
static bool accepts_classifier(const wt_prep *p)
{
    return accepts(p) && wt_out_is(p, 1, WT_F32) && (wt_out_is(p, 0, WT_I64) || wt_out_is(p, 0, WT_STRING));
}

static wt_status read_kernel(const wt_prep *p, svm_params *q, wt_err *err)
{
    static const char *const names[] = { "LINEAR", "POLY", "RBF", "SIGMOID" };
    wt_ml_list params;
    WT_TRY(wt_ml_list_read(p, "kernel_params", &params, err));
    if (params.n != 0 && params.n != 3)
        return wt_fail(err, WT_EFORMAT, "%s: kernel_params has %zu values, expected 3", p->op_type, params.n);
    q->gamma = params.n ? (float)wt_ml_list_get(&params, 0) : 0;
    q->coef0 = params.n ? (float)wt_ml_list_get(&params, 1) : 0;
    q->degree = params.n ? (float)wt_ml_list_get(&params, 2) : 0;
    if (!wt_attr_find(p->attrs, "kernel_type"))
        return WT_OK;
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        if (wt_attr_is(p->attrs, "kernel_type", names[i])) {
            q->kernel = (svm_kernel)i;
            return WT_OK;
        }
    return wt_fail(err, WT_EFORMAT, "%s: kernel_type is none of LINEAR, POLY, RBF, SIGMOID", p->op_type);
}

static wt_status read_common(wt_prep *p, svm_params **out, wt_err *err)
{
    svm_params *q = *out = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    int64_t n, c;
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_ml_rows(&p->in[0]->shape, p->op_type, &n, &c, err));
    q->rows = (size_t)n, q->features = (size_t)c;
    WT_TRY(read_kernel(p, q, err));
    WT_TRY(wt_ml_post_read(p, &q->post, err));
    WT_TRY(wt_ml_list_read(p, "support_vectors", &q->support, err));
    WT_TRY(wt_ml_list_read(p, "coefficients", &q->coef, err));
    WT_TRY(wt_ml_list_read(p, "rho", &q->rho, err));
    p->params = q;
    if (q->coef.n == 0 || q->rho.n == 0)
        return wt_fail(err, WT_EFORMAT, "%s: coefficients or rho are missing", p->op_type);
    return WT_OK;
}

static float kernel_of(const svm_params *q, const float *x, const wt_ml_list *list, size_t first)
{
    float sum = 0;
    for (size_t i = 0; i < q->features; i++) {
        const float v = (float)wt_ml_list_get(list, first + i), d = x[i] - v;
        sum += q->kernel == SVM_RBF ? d * d : x[i] * v;
    }
    switch (q->kernel) {
    case SVM_POLY: return powf(q->gamma * sum + q->coef0, q->degree);
    case SVM_RBF: return expf(-q->gamma * sum);
    case SVM_SIGMOID: return tanhf(q->gamma * sum + q->coef0);
    case SVM_LINEAR: break;
    }
    return sum;
}

/* --- regression
 * ----------------------------------------------------------------------------------------------------------------------
 */
static wt_status regressor_prepare(wt_prep *p, wt_err *err)
{
    svm_params *q;
    const int64_t n = wt_attr_int(p->attrs, "n_supports", 0);
    WT_TRY(read_common(p, &q, err));
    q->one_class = wt_attr_int(p->attrs, "one_class", 0) != 0;
    if (n < 0 || n > INT32_MAX)
        return wt_fail(err, WT_EFORMAT, "%s: n_supports is %lld", p->op_type, (long long)n);
    q->vectors = (size_t)n;
    if (q->vectors == 0)
        q->kernel = SVM_LINEAR;
    if (q->vectors ? q->coef.n < q->vectors || q->support.n / q->vectors != q->features || q->support.n % q->vectors
                   : q->coef.n != q->features)
        return wt_fail(err, WT_EFORMAT,
                       "%s: %zu support values and %zu coefficients do not fit %zu vectors of %zu features", p->op_type,
                       q->support.n, q->coef.n, q->vectors, q->features);
    if (wt_mul_overflows(q->features + 1, sizeof(float), &p->scratch_bytes))
        return wt_fail(err, WT_ENOMEM, "%s: too many features", p->op_type);
    return WT_OK;
}

static wt_status regressor_run(const wt_run *r, wt_err *err)
{
    const svm_params *q = r->params;
    float *x = r->scratch;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    for (size_t n = 0; n < q->rows; n++) {
        float *y = wt_out_f32(r, 0) + n, sum = (float)wt_ml_list_get(&q->rho, 0);
        wt_ml_load(r->in[0], n * q->features, q->features, x);
        for (size_t v = 0; v < q->vectors; v++)
            sum += (float)wt_ml_list_get(&q->coef, v) * kernel_of(q, x, &q->support, v * q->features);
        if (q->vectors == 0)
            sum += kernel_of(q, x, &q->coef, 0);
        *y = q->one_class ? (sum > 0 ? 1.0f : -1.0f) : sum;
        wt_ml_post_apply(q->post, y, 1, -1);
    }
    return WT_OK;
}

/* --- classification
 * -------------------------------------------------------------------------------------------------------------------
 */
static wt_status count_vectors(const wt_prep *p, svm_params *q, wt_err *err)
{
    size_t n, total = 0;
    q->per_class = wt_ml_ints(p->attrs, "vectors_per_class", &n);
    for (size_t i = 0; i < n; i++)
        if (q->per_class[i] < 0 || q->per_class[i] > INT32_MAX)
            return wt_fail(err, WT_EFORMAT, "%s: vectors_per_class[%zu] is %lld", p->op_type, i,
                           (long long)q->per_class[i]);
        else
            total += (size_t)q->per_class[i];
    q->vectors = total;
    if (total && n != q->classes)
        return wt_fail(err, WT_EFORMAT, "%s: vectors_per_class has %zu values for %zu classes", p->op_type, n,
                       q->classes);
    return WT_OK;
}

static wt_status check_classifier(const wt_prep *p, const svm_params *q, wt_err *err)
{
    bool ok = q->prob_a.n == q->prob_b.n && (q->prob_a.n == 0 || q->prob_a.n >= q->pairs);
    if (q->vectors)
        ok = ok && q->support.n / q->vectors == q->features && q->support.n % q->vectors == 0 && q->rho.n >= q->pairs &&
             q->coef.n / q->vectors >= q->classes - 1;
    else
        ok = ok && q->coef.n / q->classes == q->features && q->coef.n % q->classes == 0;
    return ok ? WT_OK
              : wt_fail(err, WT_EFORMAT,
                        "%s: the attributes' lengths do not fit %zu classes, %zu vectors and %zu features", p->op_type,
                        q->classes, q->vectors, q->features);
}

static wt_status classifier_prepare(wt_prep *p, wt_err *err)
{
    svm_params *q;
    WT_TRY(read_common(p, &q, err));
    WT_TRY(wt_ml_labels_read(p->attrs, p->op_type, &q->labels, err));
    WT_TRY(wt_ml_list_read(p, "prob_a", &q->prob_a, err));
    WT_TRY(wt_ml_list_read(p, "prob_b", &q->prob_b, err));
    q->classes = q->labels.count;
    if (q->classes > 4096)
        return wt_fail(err, WT_EUNSUPPORTED, "%s: %zu classes are too many", p->op_type, q->classes);
    q->pairs = q->classes * (q->classes - 1) / 2;
    WT_TRY(count_vectors(p, q, err));
    WT_TRY(check_classifier(p, q, err));
    if (q->vectors == 0)
        q->kernel = SVM_LINEAR;
    q->scores = (size_t)p->out[1]->shape.dim[1];
    const size_t want = q->vectors && !q->prob_a.n ? (q->classes > 2 ? q->pairs : 2) : q->classes;
    if (q->scores != want)
        return wt_fail(err, WT_EFORMAT, "%s: %zu scores, expected %zu", p->op_type, q->scores, want);
    q->all_positive = true;
    for (size_t i = 0; i < q->coef.n; i++)
        q->all_positive = q->all_positive && wt_ml_list_get(&q->coef, i) >= 0;
    q->at_kernels = q->features + 1;
    q->at_pairs = q->at_kernels + q->vectors + 1;
    q->at_matrix = q->at_pairs + q->pairs + 1;
    const size_t matrix = q->prob_a.n ? 2 * q->classes * q->classes + q->classes : 0;
    if (wt_mul_overflows(q->at_matrix + matrix + q->classes, sizeof(float), &p->scratch_bytes))
        return wt_fail(err, WT_ENOMEM, "%s: too many features", p->op_type);
    return WT_OK;
}

/* One decision value per pair of classes, and a vote for its winner. coefficients: [classes - 1][vectors]. */
static size_t decide_pairs(const svm_params *q, const float *kernels, float *pair, float *votes)
{
    size_t at = 0, start_i = 0, best = 0;
    memset(votes, 0, q->classes * sizeof *votes);
    for (size_t i = 0; i + 1 < q->classes; start_i += (size_t)q->per_class[i++]) {
        size_t start_j = start_i + (size_t)q->per_class[i];
        for (size_t j = i + 1; j < q->classes; start_j += (size_t)q->per_class[j++], at++) {
            double sum = 0;
            for (size_t m = 0; m < (size_t)q->per_class[i]; m++)
                sum += (double)((float)wt_ml_list_get(&q->coef, (j - 1) * q->vectors + start_i + m) *
                                kernels[start_i + m]);
            for (size_t m = 0; m < (size_t)q->per_class[j]; m++)
                sum += (double)((float)wt_ml_list_get(&q->coef, i * q->vectors + start_j + m) * kernels[start_j + m]);
            sum += wt_ml_list_get(&q->rho, at);
            pair[at] = (float)sum;
            votes[sum > 0 ? i : j]++;
        }
    }
    for (size_t i = 1; i < q->classes; i++)
        best = votes[i] > votes[best] ? i : best;
    return best;
}

/* Probabilities of classes from those of pairs: the second method of Wu, Lin and Weng (2004), as libsvm iterates it. */
static void couple(size_t k, const float *r, float *big, float *qp, float *p)
{
    const float eps = 0.005f / (float)k;
    for (size_t t = 0; t < k; t++) {
        p[t] = 1.0f / (float)k;
        big[t * k + t] = 0;
        for (size_t j = 0; j < k; j++)
            if (j != t) {
                big[t * k + t] += r[j * k + t] * r[j * k + t];
                big[t * k + j] = -r[j * k + t] * r[t * k + j];
            }
    }
    for (int loop = 0; loop < 100; loop++) {
        float pqp = 0, worst = 0;
        for (size_t t = 0; t < k; t++) {
            qp[t] = 0;
            for (size_t j = 0; j < k; j++)
                qp[t] += big[t * k + j] * p[j];
            pqp += p[t] * qp[t];
        }
        for (size_t t = 0; t < k; t++)
            worst = fmaxf(worst, fabsf(qp[t] - pqp));
        if (worst < eps)
            break;
        for (size_t t = 0; t < k; t++) {
            const float diff = (-qp[t] + pqp) / big[t * k + t];
            p[t] += diff;
            pqp = (pqp + diff * (diff * big[t * k + t] + 2 * qp[t])) / (1 + diff) / (1 + diff);
            for (size_t j = 0; j < k; j++) {
                qp[j] = (qp[j] + diff * big[t * k + j]) / (1 + diff);
                p[j] /= 1 + diff;
            }
        }
    }
}

static void pair_probabilities(const svm_params *q, const float *pair, float *matrix, float *scores)
{
    const size_t k = q->classes;
    memset(matrix, 0, k * k * sizeof *matrix);
    for (size_t i = 0, at = 0; i + 1 < k; i++)
        for (size_t j = i + 1; j < k; j++, at++) {
            const float a = (float)wt_ml_list_get(&q->prob_a, at), b = (float)wt_ml_list_get(&q->prob_b, at);
            const float v = fminf(fmaxf(1 - wt_ml_logistic(pair[at] * a + b), 1e-7f), 1 - 1e-7f);
            matrix[i * k + j] = v;
            matrix[j * k + i] = 1 - v;
        }
    couple(k, matrix, matrix + k * k, matrix + 2 * k * k, scores);
}

static void put_label(const wt_run *r, const svm_params *q, size_t n, size_t best, float weight)
{
    if (q->pairs != 1) {
        wt_ml_put_label(r, &q->labels, n, best);
        return;
    }
    const bool sure = q->prob_a.n == 0 && (q->all_positive ? weight >= 0.5f : weight > 0);
    wt_ml_put_label(r, &q->labels, n, sure ? 1 : best);
}

static wt_status classifier_run(const wt_run *r, wt_err *err)
{
    const svm_params *q = r->params;
    float *x = r->scratch, *kernels = x + q->at_kernels, *pair = x + q->at_pairs, *matrix = x + q->at_matrix;
    float *votes = matrix + (q->prob_a.n ? 2 * q->classes * q->classes + q->classes : 0);
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    for (size_t n = 0; n < q->rows; n++) {
        float *s = wt_out_f32(r, 1) + n * q->scores, weight = 0;
        size_t best = 0, count = q->classes;
        int second = -1;
        wt_ml_load(r->in[0], n * q->features, q->features, x);
        if (q->vectors) {
            for (size_t v = 0; v < q->vectors; v++)
                kernels[v] = kernel_of(q, x, &q->support, v * q->features);
            best = decide_pairs(q, kernels, pair, votes);
            if (q->prob_a.n) {
                pair_probabilities(q, pair, matrix, s);
            } else {
                count = q->pairs;
                memset(s, 0, q->scores * sizeof *s);
                memcpy(s, pair, q->pairs * sizeof *s);
                second = q->classes > 2 ? -1 : q->post == WT_ML_NONE ? 2 : 0;
            }
        } else {
            for (size_t c = 0; c < q->classes; c++) {
                s[c] = kernel_of(q, x, &q->coef, c * q->features) + (float)wt_ml_list_get(&q->rho, 0);
                best = s[c] > s[best] ? c : best;
            }
            weight = s[best];
        }
        put_label(r, q, n, best, weight);
        if (count)
            wt_ml_post_apply(q->post, s, count, second);
    }
    return WT_OK;
}

const wt_kernel wt_ml_svm_rows[] = {
    { .name = "svmregressor_any_ref",
      .op = WT_OP_SVMREGRESSOR,
      .accepts = accepts_regressor,
      .prepare = regressor_prepare,
      .run = regressor_run },
    { .name = "svmclassifier_any_ref",
      .op = WT_OP_SVMCLASSIFIER,
      .accepts = accepts_classifier,
      .prepare = classifier_prepare,
      .run = classifier_run },
    { .name = NULL },
};
