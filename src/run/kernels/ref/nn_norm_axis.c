/* nn_norm_axis.c - normalizations along axes: LayerNormalization, RMSNormalization, LpNormalization,
 * MeanVarianceNormalization, LRN. */
#include "run/kernels/ref/nn_norm.h"

typedef struct axis_params {
    size_t outer, n, inner; /* x as [outer][n][inner] */
    double epsilon;
    wt_real x, y;
    int p;          /* LpNormalization */
    bool expand[2]; /* scale and bias are broadcast to n, in the scratch */
    wt_shape shape; /* of the normalized dims */
    size_t room;    /* bytes of one expanded operand */
    unsigned axes;  /* MeanVarianceNormalization */
    double alpha, beta, bias;
    size_t before, after; /* LRN: channels around */
} axis_params;

static void *part(void *p, wt_real t, size_t i)
{
    return (char *)p + i * (t == WT_REAL_F64 ? sizeof(double) : sizeof(float));
}

static bool reals(const wt_prep *p)
{
    for (size_t i = 0; i < p->n_in; i++)
        if (p->in[i] && !wt_is_real(p->in[i]))
            return false;
    for (size_t i = 0; i < p->n_out; i++)
        if (p->out[i] && !wt_is_real(p->out[i]))
            return false;
    return wt_has_in(p, 0) && wt_has_out(p, 0) && p->in[0]->dtype == p->out[0]->dtype && wt_all_plain(p);
}

static wt_status new_params(wt_prep *p, axis_params **out, wt_err *err)
{
    axis_params *q = *out = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->x = wt_real_of(p->in[0]);
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 6.0 * (double)wt_count(p->in[0]);
    return WT_OK;
}

static wt_status read_axis(const wt_prep *p, axis_params *q, int64_t fallback, bool rest, wt_err *err)
{
    const wt_shape *s = &p->in[0]->shape;
    const int axis = wt_axis(wt_attr_int(p->attrs, "axis", fallback), s->rank, false);
    if (axis < 0)
        return wt_fail(err, WT_EFORMAT, "%s: axis is %lld, which %d dimensions do not have", p->op_type,
                       (long long)wt_attr_int(p->attrs, "axis", fallback), s->rank);
    const int end = rest ? s->rank : axis + 1;
    q->outer = (size_t)wt_shape_product(s, 0, axis);
    q->n = (size_t)wt_shape_product(s, axis, end);
    q->inner = (size_t)wt_shape_product(s, end, s->rank);
    q->shape.rank = s->rank - axis;
    for (int i = axis; i < s->rank; i++)
        q->shape.dim[i - axis] = s->dim[i];
    return WT_OK;
}

/* --- LayerNormalization, RMSNormalization
 * --------------------------------------------------------------------------------------- */
/* Scale or bias: as long as the normalized dims, or broadcast to them. */
static wt_status check_operand(const wt_prep *p, axis_params *q, size_t i, wt_err *err)
{
    const wt_tensor *t = p->in[i];
    wt_shape own = t->shape, both;
    while (own.rank > q->shape.rank && own.dim[0] == 1) {
        memmove(own.dim, own.dim + 1, (size_t)(own.rank - 1) * sizeof own.dim[0]);
        own.rank--;
    }
    q->expand[i - 1] = wt_count(t) != q->n || own.rank > q->shape.rank;
    if (own.rank <= q->shape.rank && wt_shape_broadcast(&own, &q->shape, &both, NULL) == WT_OK &&
        wt_shape_equal(&both, &q->shape) && t->dtype == p->in[1]->dtype)
        return WT_OK;
    return wt_fail(err, WT_EUNSUPPORTED, "%s: input %zu does not broadcast to the normalized dimensions", p->op_type,
                   i);
}

static wt_status layer_prepare(wt_prep *p, wt_err *err)
{
    axis_params *q;
    WT_TRY(new_params(p, &q, err));
    WT_TRY(read_axis(p, q, -1, true, err));
    q->epsilon = (double)wt_attr_float(p->attrs, "epsilon", 1e-5f);
    q->y = wt_real_of(p->in[1]);
    for (size_t i = 1; i < p->n_in && i < 3; i++)
        if (p->in[i])
            WT_TRY(check_operand(p, q, i, err));
    for (size_t i = 1; i < p->n_out; i++)
        if (p->out[i] && wt_count(p->out[i]) != q->outer)
            return wt_fail(err, WT_EFORMAT, "%s: output %zu must have one value per normalized row", p->op_type, i);
    if (q->expand[0] || q->expand[1]) {
        if (wt_mul_overflows(q->n, sizeof(double), &q->room) || q->room > SIZE_MAX / 4)
            return wt_fail(err, WT_ENOMEM, "%s: the rows are too long", p->op_type);
        q->room = wt_align_up(q->room, 64);
        p->scratch_bytes = 2 * q->room;
        p->max_threads = 1;
    }
    return WT_OK;
}

static bool layer_accepts(const wt_prep *p) { return reals(p) && wt_has_in(p, 1); }

/* Repeats t over the normalized dims. */
static const void *expand(const axis_params *q, const wt_tensor *t, void *room)
{
    const wt_real type = wt_real_of(t);
    for (size_t i = 0; i < q->n; i++) {
        size_t left = i, at = 0, step = 1;
        for (int d = q->shape.rank - 1, k = t->shape.rank - 1; d >= 0 && k >= 0; d--, k--) {
            const size_t len = (size_t)q->shape.dim[d], own = (size_t)t->shape.dim[k];
            at += own == 1 ? 0 : left % len * step;
            step *= own;
            left /= len;
        }
        wt_real_set(room, type, i, wt_real_get(t->data, type, at));
    }
    return room;
}

/* y = (x - mean) * factor * scale + bias for one row; scale and bias as the data's type or float32. */
static void layer_row(const axis_params *q, const void *x, void *y, wt_moments m, double factor, const void *scale,
                      const void *bias)
{
    if (q->x == WT_REAL_F32 && q->y == WT_REAL_F32) {
        const float *fx = x, *fs = scale, *fb = bias, mean = (float)m.mean, f = (float)factor;
        float *fy = y;
        for (size_t i = 0; i < q->n; i++)
            fy[i] = (fx[i] - mean) * f * fs[i] + (fb ? fb[i] : 0);
        return;
    }
    for (size_t i = 0; i < q->n; i++)
        wt_real_set(y, q->x, i,
                    (wt_real_get(x, q->x, i) - m.mean) * factor * wt_real_get(scale, q->y, i) +
                        (bias ? wt_real_get(bias, q->y, i) : 0));
}

static void layer_rows(const wt_run *r, bool centered)
{
    const axis_params *q = r->params;
    const void *scale = r->in[1]->data, *bias = wt_run_has(r, 2) ? r->in[2]->data : NULL;
    size_t begin, end;
    if (q->expand[0])
        scale = expand(q, r->in[1], r->scratch);
    if (bias && q->expand[1])
        bias = expand(q, r->in[2], (char *)r->scratch + q->room);
    wt_split(q->outer, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const void *x = wt_real_at(r->in[0]->data, q->x, u * q->n);
        wt_moments m = { 0, 0 };
        if (centered)
            m = wt_ref_moments(x, q->x, q->n);
        else
            m.var = q->n ? wt_ref_sums(x, q->x, q->n, 0).square / (double)q->n : 0;
        const double factor = 1 / sqrt(m.var + q->epsilon);
        layer_row(q, x, part(wt_tensor_mut(r->out[0]), q->x, u * q->n), m, factor, scale, bias);
        if (r->n_out > 1 && r->out[1])
            wt_real_set(wt_tensor_mut(r->out[1]), wt_real_of(r->out[1]), u, m.mean);
        if (r->n_out > 2 && r->out[2])
            wt_real_set(wt_tensor_mut(r->out[2]), wt_real_of(r->out[2]), u, factor);
    }
}

static wt_status layer_run(const wt_run *r, wt_err *err)
{
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    layer_rows(r, true);
    return WT_OK;
}

static wt_status rms_run(const wt_run *r, wt_err *err)
{
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    layer_rows(r, false);
    return WT_OK;
}

/* --- LpNormalization
 * --------------------------------------------------------------------------------------------------------------- */
static wt_status lp_prepare(wt_prep *p, wt_err *err)
{
    axis_params *q;
    const int64_t norm = wt_attr_int(p->attrs, "p", 2);
    WT_TRY(new_params(p, &q, err));
    WT_TRY(read_axis(p, q, -1, false, err));
    if (norm != 1 && norm != 2)
        return wt_fail(err, WT_EFORMAT, "%s: p is %lld, expected 1 or 2", p->op_type, (long long)norm);
    q->p = (int)norm;
    return WT_OK;
}

static wt_status lp_run(const wt_run *r, wt_err *err)
{
    const axis_params *q = r->params;
    const void *x = r->in[0]->data;
    void *y = wt_tensor_mut(r->out[0]);
    size_t begin, end;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(q->outer * q->inner, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t first = u / q->inner * q->n * q->inner + u % q->inner;
        double sum = 0;
        for (size_t i = 0; i < q->n; i++) {
            const double v = wt_real_get(x, q->x, first + i * q->inner);
            sum += q->p == 1 ? fabs(v) : v * v;
        }
        const double norm = q->p == 1 ? sum : sqrt(sum);
        for (size_t i = 0; i < q->n; i++) {
            const double v = wt_real_get(x, q->x, first + i * q->inner);
            wt_real_set(y, q->x, first + i * q->inner, norm > 0 ? v / norm : norm == 0 ? 0 : norm);
        }
    }
    return WT_OK;
}

/* --- MeanVarianceNormalization
 * ----------------------------------------------------------------------------------------------------- */
static wt_status mvn_prepare(wt_prep *p, wt_err *err)
{
    axis_params *q;
    const wt_shape *s = &p->in[0]->shape;
    int64_t axes[WT_MAX_RANK] = { 0, 2, 3 };
    size_t n = wt_attr_ints(p->attrs, "axes", axes, WT_MAX_RANK);
    WT_TRY(new_params(p, &q, err));
    if (n == 0)
        n = 3, axes[0] = 0, axes[1] = 2, axes[2] = 3;
    q->outer = q->n = 1;
    for (size_t i = 0; i < n; i++) {
        const int axis = n > WT_MAX_RANK ? -1 : wt_axis(axes[i], s->rank, false);
        if (axis < 0 || (q->axes >> axis & 1))
            return wt_fail(err, WT_EFORMAT, "%s: axes name a dimension that %d dimensions do not have, or one twice",
                           p->op_type, s->rank);
        q->axes |= 1u << axis;
    }
    q->shape = *s;
    for (int d = 0; d < s->rank; d++)
        *(q->axes >> d & 1 ? &q->n : &q->outer) *= (size_t)s->dim[d];
    return WT_OK;
}

/* Index of element i along the chosen (or the other) axes. */
static size_t pick(const axis_params *q, size_t i, bool chosen)
{
    size_t at = 0, step = 1;
    for (int d = q->shape.rank - 1; d >= 0; d--) {
        const size_t len = (size_t)q->shape.dim[d];
        if ((q->axes >> d & 1) == chosen) {
            at += i % len * step;
            i /= len;
        }
        step *= len;
    }
    return at;
}

static wt_status mvn_run(const wt_run *r, wt_err *err)
{
    const axis_params *q = r->params;
    const void *x = r->in[0]->data;
    void *y = wt_tensor_mut(r->out[0]);
    size_t begin, end;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(q->outer, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end && q->n; u++) {
        const size_t first = pick(q, u, false);
        double sum = 0, square = 0;
        for (size_t i = 0; i < q->n; i++)
            sum += wt_real_get(x, q->x, first + pick(q, i, true));
        const double mean = sum / (double)q->n;
        for (size_t i = 0; i < q->n; i++) {
            const double v = wt_real_get(x, q->x, first + pick(q, i, true)) - mean;
            square += v * v;
        }
        const double dev = sqrt(square / (double)q->n) + 1e-9; /* the operator's definition has this constant */
        for (size_t i = 0; i < q->n; i++) {
            const size_t at = first + pick(q, i, true);
            wt_real_set(y, q->x, at, (wt_real_get(x, q->x, at) - mean) / dev);
        }
    }
    return WT_OK;
}

/* --- LRN
 * -----------------------------------------------------------------------------------------------------------------------------
 */
static wt_status lrn_prepare(wt_prep *p, wt_err *err)
{
    axis_params *q;
    const wt_shape *s = &p->in[0]->shape;
    const int64_t size = wt_attr_int(p->attrs, "size", 0);
    WT_TRY(new_params(p, &q, err));
    if (s->rank < 2)
        return wt_fail(err, WT_EFORMAT, "%s: data has %d dimensions, expected at least 2", p->op_type, s->rank);
    if (size < 1 || size > INT32_MAX)
        return wt_fail(err, WT_EFORMAT, "%s: size is %lld, expected 1 or more", p->op_type, (long long)size);
    q->outer = (size_t)s->dim[0], q->n = (size_t)s->dim[1], q->inner = (size_t)wt_shape_product(s, 2, s->rank);
    q->before = (size_t)(size - 1) / 2;
    q->after = (size_t)(size - 1) - q->before;
    q->alpha = (double)wt_attr_float(p->attrs, "alpha", 0.0001f) / (double)size;
    q->beta = (double)wt_attr_float(p->attrs, "beta", 0.75f);
    q->bias = (double)wt_attr_float(p->attrs, "bias", 1.0f);
    return WT_OK;
}

/* Channels [low, high] that channel c is normalized by. */
static void lrn_near(const axis_params *q, size_t c, size_t *low, size_t *high)
{
    *low = c > q->before ? c - q->before : 0;
    *high = q->after < q->n - 1 - c ? c + q->after : q->n - 1;
}

/* The usual case in loops that become vectors: float32, and the power 3/4 as two square roots. */
static void lrn_f32(const axis_params *q, const float *x, float *y, size_t begin, size_t end)
{
    enum { AT_ONCE = 256 };
    const float alpha = (float)q->alpha, bias = (float)q->bias;
    while (begin < end) {
        const size_t image = begin / q->inner, at = begin % q->inner, rest = q->inner - at;
        size_t n = end - begin < rest ? end - begin : rest;
        n = n < AT_ONCE ? n : AT_ONCE;
        const size_t first = image * q->n * q->inner + at;
        for (size_t c = 0; c < q->n; c++) {
            const float *from = x + first + c * q->inner;
            float *restrict to = y + first + c * q->inner, sum[AT_ONCE] = { 0 };
            size_t low, high;
            lrn_near(q, c, &low, &high);
            for (size_t k = low; k <= high; k++)
                for (size_t i = 0; i < n; i++)
                    sum[i] += x[first + k * q->inner + i] * x[first + k * q->inner + i];
            for (size_t i = 0; i < n; i++) {
                const float root = sqrtf(bias + alpha * sum[i]);
                to[i] = from[i] / (root * sqrtf(root));
            }
        }
        begin += n;
    }
}

static wt_status lrn_run(const wt_run *r, wt_err *err)
{
    const axis_params *q = r->params;
    const void *x = r->in[0]->data;
    void *y = wt_tensor_mut(r->out[0]);
    size_t begin, end;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(q->outer * q->inner, 16, r->tid, r->nthreads, &begin, &end);
    if (q->x == WT_REAL_F32 && q->beta == 0.75) {
        lrn_f32(q, x, y, begin, end);
        return WT_OK;
    }
    for (size_t c = 0; c < q->n; c++)
        for (size_t u = begin; u < end; u++) {
            const size_t first = u / q->inner * q->n * q->inner + u % q->inner;
            size_t low, high;
            lrn_near(q, c, &low, &high);
            double sum = 0;
            for (size_t k = low; k <= high; k++) {
                const double v = wt_real_get(x, q->x, first + k * q->inner);
                sum += v * v;
            }
            const size_t at = first + c * q->inner;
            wt_real_set(y, q->x, at, wt_real_get(x, q->x, at) / pow(q->bias + q->alpha * sum, q->beta));
        }
    return WT_OK;
}

#define AXIS_ROW(row_name, code, takes, prep, go)                                                                      \
    {                                                                                                                  \
        .name = row_name, .op = code, .accepts = takes, .prepare = prep, .run = go                                     \
    }
const wt_kernel wt_nn_norm_axis_rows[] = {
    WT_HALF_ROW("layernorm_half_ref", WT_OP_LAYERNORMALIZATION),
    AXIS_ROW("layernorm_f32_ref", WT_OP_LAYERNORMALIZATION, layer_accepts, layer_prepare, layer_run),
    WT_HALF_ROW("rmsnorm_half_ref", WT_OP_RMSNORMALIZATION),
    AXIS_ROW("rmsnorm_f32_ref", WT_OP_RMSNORMALIZATION, layer_accepts, layer_prepare, rms_run),
    WT_HALF_ROW("lpnorm_half_ref", WT_OP_LPNORMALIZATION),
    AXIS_ROW("lpnorm_f32_ref", WT_OP_LPNORMALIZATION, reals, lp_prepare, lp_run),
    WT_HALF_ROW("mvn_half_ref", WT_OP_MEANVARIANCENORMALIZATION),
    AXIS_ROW("mvn_f32_ref", WT_OP_MEANVARIANCENORMALIZATION, reals, mvn_prepare, mvn_run),
    WT_HALF_ROW("lrn_half_ref", WT_OP_LRN),
    AXIS_ROW("lrn_f32_ref", WT_OP_LRN, reals, lrn_prepare, lrn_run),
    { .name = NULL },
};
