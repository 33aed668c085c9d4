/* nn_norm.c - normalizations with one scale and shift per channel: BatchNormalization (inference and training),
 * InstanceNormalization, GroupNormalization. All end in y = x * a + b over a channel's neighbours. */
#include "run/kernels/ref/nn_norm.h"

WT_INLINE wt_sums sums(const void *x, wt_real t, size_t n, double center)
{
    double s[8] = { 0 }, q[8] = { 0 };
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t l = 0; l < 8; l++) {
            const double v = wt_real_get(x, t, i + l) - center;
            s[l] += v;
            q[l] += v * v;
        }
    for (size_t l = 0; i < n; i++, l++) {
        const double v = wt_real_get(x, t, i) - center;
        s[l] += v;
        q[l] += v * v;
    }
    for (size_t l = 1; l < 8; l++) {
        s[0] += s[l];
        q[0] += q[l];
    }
    return (wt_sums){ s[0], q[0] };
}

wt_sums wt_ref_sums(const void *x, wt_real t, size_t n, double center)
{
    return t == WT_REAL_F64 ? sums(x, WT_REAL_F64, n, center) : sums(x, WT_REAL_F32, n, center);
}

wt_moments wt_ref_moments(const void *x, wt_real t, size_t n)
{
    if (n == 0)
        return (wt_moments){ 0, 0 };
    const double mean = wt_ref_sums(x, t, n, 0).sum / (double)n;
    return (wt_moments){ mean, wt_ref_sums(x, t, n, mean).square / (double)n };
}

void wt_ref_affine(const void *x, void *y, wt_real t, size_t n, double a, double b)
{
    if (t == WT_REAL_F64) {
        for (size_t i = 0; i < n; i++)
            ((double *)y)[i] = ((const double *)x)[i] * a + b;
        return;
    }
    const float fa = (float)a, fb = (float)b;
    for (size_t i = 0; i < n; i++)
        ((float *)y)[i] = ((const float *)x)[i] * fa + fb;
}

typedef struct norm_params {
    size_t batch, channels, size, groups;
    double epsilon, momentum;
    wt_real x, scale, stat;   /* element types of data, of scale and bias, of mean and variance */
    bool training, per_group; /* per_group: scale and bias are per group (opset 18) */
} norm_params;

static void *part(void *p, wt_real t, size_t i)
{
    return (char *)p + i * (t == WT_REAL_F64 ? sizeof(double) : sizeof(float));
}

static bool accepts(const wt_prep *p)
{
    for (size_t i = 0; i < p->n_in; i++)
        if (!wt_is_real(p->in[i]))
            return false;
    for (size_t i = 0; i < p->n_out; i++)
        if (p->out[i] && !wt_is_real(p->out[i]))
            return false;
    return p->n_in >= 3 && wt_has_out(p, 0) && p->in[0]->dtype == p->out[0]->dtype &&
           p->in[1]->dtype == p->in[2]->dtype;
}

static bool accepts_plain(const wt_prep *p) { return accepts(p) && wt_all_plain(p); }

static wt_status prepare_common(wt_prep *p, norm_params **out, wt_err *err)
{
    const wt_tensor *x = p->in[0];
    norm_params *q = *out = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (x->shape.rank < 2)
        return wt_fail(err, WT_EFORMAT, "%s: data has %d dimensions, expected at least 2", p->op_type, x->shape.rank);
    q->batch = (size_t)x->shape.dim[0];
    q->channels = (size_t)x->shape.dim[1];
    q->size = (size_t)wt_shape_product(&x->shape, 2, x->shape.rank);
    q->epsilon = (double)wt_attr_float(p->attrs, "epsilon", 1e-5f);
    if (!(q->epsilon >= 0))
        return wt_fail(err, WT_EFORMAT, "%s: epsilon is %g, expected 0 or more", p->op_type, q->epsilon);
    q->x = wt_real_of(x);
    q->scale = wt_real_of(p->in[1]);
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 5.0 * (double)wt_count(x);
    return WT_OK;
}

/* --- BatchNormalization
 * --------------------------------------------------------------------------------------------------- */
static wt_status batch_prepare(wt_prep *p, wt_err *err)
{
    norm_params *q;
    wt_tensor x = *p->in[0];
    if (x.shape.rank == 1) { /* one channel per element of a vector, as ONNX allows: [n] is [n, 1] */
        x.shape.rank = 2;
        x.shape.dim[1] = 1;
    }
    const wt_tensor *in[5] = { &x, p->in[1], p->in[2], p->in[3], p->in[4] };
    const wt_tensor *const *saved = p->in;
    p->in = in;
    const wt_status st = prepare_common(p, &q, err);
    p->in = saved;
    WT_TRY(st);
    if (p->in[3]->dtype != p->in[4]->dtype)
        return wt_fail(err, WT_EFORMAT, "%s: mean and variance have different element types", p->op_type);
    for (size_t i = 1; i < 5; i++)
        WT_TRY(wt_prep_need_vector(p, i, p->in[i]->dtype, (int64_t)q->channels, err));
    q->stat = wt_real_of(p->in[3]);
    q->training = wt_attr_int(p->attrs, "training_mode", 0) != 0;
    q->momentum = (double)wt_attr_float(p->attrs, "momentum", 0.9f);
    if (q->training && p->in[0]->layout != WT_PLAIN)
        return wt_fail(err, WT_EUNSUPPORTED, "%s: training mode takes row-major data only", p->op_type);
    for (size_t i = 1; i < p->n_out; i++)
        if (wt_has_out(p, i) && (p->out[i]->dtype != p->in[3]->dtype || wt_count(p->out[i]) != q->channels))
            return wt_fail(err, WT_EFORMAT, "%s: output %zu must have the type and size of the mean", p->op_type, i);
    return WT_OK;
}

static wt_moments batch_moments(const wt_run *r, const norm_params *q, size_t c)
{
    double sum = 0, square = 0;
    const double n = (double)q->batch * (double)q->size;
    for (size_t b = 0; b < q->batch; b++)
        sum += wt_ref_sums(wt_real_at(r->in[0]->data, q->x, (b * q->channels + c) * q->size), q->x, q->size, 0).sum;
    const double mean = n > 0 ? sum / n : 0;
    for (size_t b = 0; b < q->batch; b++)
        square +=
            wt_ref_sums(wt_real_at(r->in[0]->data, q->x, (b * q->channels + c) * q->size), q->x, q->size, mean).square;
    return (wt_moments){ mean, n > 0 ? square / n : 0 };
}

static void batch_statistic(const wt_run *r, const norm_params *q, size_t o, size_t c, double now)
{
    if (o >= r->n_out || !r->out[o])
        return;
    const double old = wt_real_get(r->in[2 + o]->data, q->stat, c);
    wt_real_set(wt_tensor_mut(r->out[o]), q->stat, c, old * q->momentum + now * (1 - q->momentum));
}

/* One channel of a C16 image: every 16th float. */
static void affine_c16(const float *x, float *y, size_t n, double a, double b)
{
    const float fa = (float)a, fb = (float)b;
    for (size_t i = 0; i < n; i++)
        y[i * 16] = x[i * 16] * fa + fb;
}

static wt_status batch_run(const wt_run *r, wt_err *err)
{
    const norm_params *q = r->params;
    size_t begin, end;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(q->channels, 1, r->tid, r->nthreads, &begin, &end);
    wt_ref_zero_tail(r->out[0], r->tid, r->nthreads);
    for (size_t c = begin; c < end; c++) {
        wt_moments m = { wt_real_get(r->in[3]->data, q->stat, c), wt_real_get(r->in[4]->data, q->stat, c) };
        if (q->training) {
            m = batch_moments(r, q, c);
            batch_statistic(r, q, 1, c, m.mean);
            batch_statistic(r, q, 2, c, m.var);
        }
        const double a = wt_real_get(r->in[1]->data, q->scale, c) / sqrt(m.var + q->epsilon);
        const double b = wt_real_get(r->in[2]->data, q->scale, c) - m.mean * a;
        for (size_t n = 0; n < q->batch; n++) {
            const size_t at = wt_ref_at(r->in[0]->layout, q->channels, q->size, n, c, 0);
            if (r->in[0]->layout == WT_C16)
                affine_c16(wt_in_f32(r, 0) + at, wt_out_f32(r, 0) + at, q->size, a, b);
            else
                wt_ref_affine(wt_real_at(r->in[0]->data, q->x, at), part(wt_tensor_mut(r->out[0]), q->x, at), q->x,
                              q->size, a, b);
        }
    }
    return WT_OK;
}

static bool batch_accepts(const wt_prep *p)
{
    if (p->n_in != 5 || !accepts(p) || p->in[0]->layout != p->out[0]->layout)
        return false;
    return p->in[0]->layout == WT_PLAIN || p->in[0]->dtype == WT_F32;
}

/* --- InstanceNormalization, GroupNormalization
 * ------------------------------------------------------------------------------ */
static wt_status instance_prepare(wt_prep *p, wt_err *err)
{
    norm_params *q;
    WT_TRY(prepare_common(p, &q, err));
    q->groups = q->channels;
    WT_TRY(wt_prep_need_vector(p, 1, p->in[1]->dtype, (int64_t)q->channels, err));
    return wt_prep_need_vector(p, 2, p->in[2]->dtype, (int64_t)q->channels, err);
}

static wt_status group_prepare(wt_prep *p, wt_err *err)
{
    norm_params *q;
    const int64_t groups = wt_attr_int(p->attrs, "num_groups", 0);
    WT_TRY(prepare_common(p, &q, err));
    if (groups < 1 || q->channels % (size_t)groups)
        return wt_fail(err, WT_EFORMAT, "%s: num_groups is %lld, which does not divide %zu channels", p->op_type,
                       (long long)groups, q->channels);
    q->groups = (size_t)groups;
    q->per_group = p->in[1]->shape.rank == 1 && p->in[1]->shape.dim[0] == groups && q->channels != q->groups;
    const int64_t n = (int64_t)(q->per_group ? q->groups : q->channels);
    WT_TRY(wt_prep_need_vector(p, 1, p->in[1]->dtype, n, err));
    return wt_prep_need_vector(p, 2, p->in[2]->dtype, n, err);
}

static wt_status group_run(const wt_run *r, wt_err *err)
{
    const norm_params *q = r->params;
    const size_t per = q->groups ? q->channels / q->groups : 0;
    size_t begin, end;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(q->batch * q->groups, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t g = u % q->groups, at = u * per * q->size;
        const wt_moments m = wt_ref_moments(wt_real_at(r->in[0]->data, q->x, at), q->x, per * q->size);
        for (size_t k = 0; k < per; k++) {
            const size_t s = q->per_group ? g : g * per + k, from = at + k * q->size;
            const double a = wt_real_get(r->in[1]->data, q->scale, s) / sqrt(m.var + q->epsilon);
            const double b = wt_real_get(r->in[2]->data, q->scale, s) - m.mean * a;
            wt_ref_affine(wt_real_at(r->in[0]->data, q->x, from), part(wt_tensor_mut(r->out[0]), q->x, from), q->x,
                          q->size, a, b);
        }
    }
    return WT_OK;
}

const wt_kernel wt_nn_norm_rows[] = {
    WT_HALF_ROW("batchnorm_half_ref", WT_OP_BATCHNORMALIZATION),
    { .name = "batchnorm_f32_ref",
      .op = WT_OP_BATCHNORMALIZATION,
      .accepts = batch_accepts,
      .prepare = batch_prepare,
      .run = batch_run },
    WT_HALF_ROW("instancenorm_half_ref", WT_OP_INSTANCENORMALIZATION),
    { .name = "instancenorm_f32_ref",
      .op = WT_OP_INSTANCENORMALIZATION,
      .accepts = accepts_plain,
      .prepare = instance_prepare,
      .run = group_run },
    WT_HALF_ROW("groupnorm_half_ref", WT_OP_GROUPNORMALIZATION),
    { .name = "groupnorm_f32_ref",
      .op = WT_OP_GROUPNORMALIZATION,
      .accepts = accepts_plain,
      .prepare = group_prepare,
      .run = group_run },
    { .name = NULL },
};
