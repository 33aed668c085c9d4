/* softmax.c - Softmax, LogSoftmax and Hardmax along one axis.
 *
 * The tensor is [outer, n, inner]. With inner == 1 a row is contiguous and each loop runs along it; otherwise up to
 * STRIP neighbouring columns are done side by side, so that loops are contiguous as well. The maximum is subtracted
 * first, so nothing overflows; a row of -inf alone gives NaN, as the formula says. */
#include "run/kernels/ref/fmath.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/types.h"
#include "run/kernels/ref/walk.h"
#include <math.h>

enum { STRIP = 64, LANES = 8 };

typedef struct softmax_params {
    size_t outer, n, inner, strips;
    bool log;
} softmax_params;

static wt_status axis_params(wt_prep *p, softmax_params **out, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape;
    const int axis = wt_axis(wt_attr_int(p->attrs, "axis", -1), x->rank, false);
    softmax_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (axis < 0 && x->rank > 0)
        return wt_fail(err, WT_EFORMAT, "%s: axis does not exist in a tensor of rank %d", p->op_type, x->rank);
    q->outer = axis < 0 ? 1 : (size_t)wt_shape_product(x, 0, axis);
    q->n = axis < 0 ? 1 : (size_t)x->dim[axis];
    q->inner = axis < 0 ? 1 : (size_t)wt_shape_product(x, axis + 1, x->rank);
    q->strips = (q->inner + STRIP - 1) / STRIP;
    q->log = p->op == WT_OP_LOGSOFTMAX;
    p->params = q;
    p->max_threads = wt_worth_threads(p, 10.0 * (double)q->outer * (double)q->n * (double)q->inner);
    *out = q;
    return WT_OK;
}

/* --- float32
 * ----------------------------------------------------------------------------------------------------------- */
static float row_max(const float *x, size_t n)
{
    float lane[LANES], max = x[0];
    size_t i = 0;
    for (size_t l = 0; l < LANES; l++)
        lane[l] = x[0];
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
    for (; i < n; i++)
        max = x[i] > max ? x[i] : max;
    for (size_t l = 0; l < LANES; l++)
        max = lane[l] > max ? lane[l] : max;
    return max;
}

static float row_sum(const float *x, size_t n)
{
    float lane[LANES] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] += x[i + l];
    for (; i < n; i++)
        sum += x[i];
    for (size_t l = 0; l < LANES; l++)
        sum += lane[l];
    return sum;
}

static void softmax_row(const softmax_params *q, const float *x, float *y)
{
    const float max = row_max(x, q->n);
    WT_IVDEP
    for (size_t i = 0; i < q->n; i++)
        y[i] = wt_exp_f32(x[i] - max);
    const float scale = 1.0f / row_sum(y, q->n);
    WT_IVDEP
    for (size_t i = 0; i < q->n; i++)
        y[i] *= scale;
}

/* Blocks of exponentials are summed and forgotten: the input is needed again, and y may be x. */
static void log_softmax_row(const softmax_params *q, const float *x, float *y)
{
    const float max = row_max(x, q->n);
    float block[STRIP];
    double sum = 0;
    for (size_t i = 0; i < q->n; i += STRIP) {
        const size_t m = q->n - i < STRIP ? q->n - i : STRIP;
        for (size_t k = 0; k < m; k++)
            block[k] = wt_exp_f32(x[i + k] - max);
        sum += (double)row_sum(block, m);
    }
    const float shift = logf((float)sum);
    WT_IVDEP
    for (size_t i = 0; i < q->n; i++)
        y[i] = (x[i] - max) - shift;
}

/* `width` columns side by side. */
static void strip(const softmax_params *q, const float *x, float *y, size_t width)
{
    float max[STRIP], sum[STRIP] = { 0 };
    memcpy(max, x, width * sizeof *max);
    for (size_t i = 1; i < q->n; i++)
        for (size_t k = 0; k < width; k++)
            max[k] = x[i * q->inner + k] > max[k] ? x[i * q->inner + k] : max[k];
    for (size_t i = 0; i < q->n; i++) {
        const float *from = x + i * q->inner;
        float *to = y + i * q->inner;
        if (q->log) {
            for (size_t k = 0; k < width; k++)
                sum[k] += wt_exp_f32(from[k] - max[k]);
            continue;
        }
        WT_IVDEP
        for (size_t k = 0; k < width; k++) {
            const float e = wt_exp_f32(from[k] - max[k]);
            to[k] = e;
            sum[k] += e;
        }
    }
    for (size_t k = 0; k < width; k++)
        sum[k] = q->log ? logf(sum[k]) : 1.0f / sum[k];
    for (size_t i = 0; i < q->n; i++)
        for (size_t k = 0; k < width; k++) {
            const size_t at = i * q->inner + k;
            y[at] = q->log ? (x[at] - max[k]) - sum[k] : y[at] * sum[k];
        }
}

static bool f32_accepts(const wt_prep *p)
{
    return wt_in_is(p, 0, WT_F32) && wt_out_is(p, 0, WT_F32) && wt_all_plain(p);
}

static wt_status softmax_prepare(wt_prep *p, wt_err *err)
{
    softmax_params *q;
    return axis_params(p, &q, err);
}

static wt_status softmax_run(const wt_run *r, wt_err *err)
{
    const softmax_params *q = r->params;
    const float *x = wt_in_f32(r, 0);
    float *y = wt_out_f32(r, 0);
    size_t begin, end;
    (void)err;
    if (q->n == 0)
        return WT_OK;
    wt_split(q->outer * q->strips, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t k = u % q->strips * STRIP, at = u / q->strips * q->n * q->inner + k;
        if (q->inner == 1 && q->log)
            log_softmax_row(q, x + at, y + at);
        else if (q->inner == 1)
            softmax_row(q, x + at, y + at);
        else
            strip(q, x + at, y + at, q->inner - k < STRIP ? q->inner - k : STRIP);
    }
    return WT_OK;
}

/* --- double
 * ------------------------------------------------------------------------------------------------------------ */
static bool f64_accepts(const wt_prep *p)
{
    return wt_in_is(p, 0, WT_F64) && wt_out_is(p, 0, WT_F64) && wt_all_plain(p);
}

static wt_status softmax_f64_run(const wt_run *r, wt_err *err)
{
    const softmax_params *q = r->params;
    const double *x = r->in[0]->data;
    double *y = wt_tensor_mut(r->out[0]);
    size_t begin, end;
    (void)err;
    wt_split(q->outer * q->inner, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end && q->n; u++) {
        const size_t at = u / q->inner * q->n * q->inner + u % q->inner;
        double max = x[at], sum = 0;
        for (size_t i = 1; i < q->n; i++)
            max = x[at + i * q->inner] > max ? x[at + i * q->inner] : max;
        for (size_t i = 0; i < q->n; i++)
            sum += exp(x[at + i * q->inner] - max);
        for (size_t i = 0; i < q->n; i++) {
            const double d = x[at + i * q->inner] - max;
            y[at + i * q->inner] = q->log ? d - log(sum) : exp(d) / sum;
        }
    }
    return WT_OK;
}

/* --- Hardmax: 1 at the first maximum, 0 elsewhere
 * ------------------------------------------------------------------------ */
static bool hardmax_accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_has_out(p, 0) && wt_dtype_is_float(p->in[0]->dtype) &&
           p->out[0]->dtype == p->in[0]->dtype && wt_all_plain(p);
}

static wt_status hardmax_run(const wt_run *r, wt_err *err)
{
    const softmax_params *q = r->params;
    const wt_tensor *x = r->in[0];
    const size_t elem = wt_elem_bytes(x->dtype);
    char *y = wt_tensor_mut(r->out[0]);
    const double one = 1.0;
    size_t begin, end;
    wt_split(q->outer * q->inner, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end && q->n; u++) {
        const size_t at = u / q->inner * q->n * q->inner + u % q->inner;
        size_t best = 0;
        double max = 0, v = 0;
        for (size_t i = 0; i < q->n; i++) {
            const size_t k = at + i * q->inner;
            wt_tensor_double(x, (int64_t)k, &v);
            if (i == 0 || v > max)
                max = v, best = k;
            memset(y + k * elem, 0, elem);
        }
        WT_TRY(wt_convert(&one, WT_F64, y + best * elem, x->dtype, 1, true, err));
    }
    return WT_OK;
}

const wt_kernel wt_softmax_rows[] = {
    { .name = "softmax_f64_ref",
      .op = WT_OP_SOFTMAX,
      .accepts = f64_accepts,
      .prepare = softmax_prepare,
      .run = softmax_f64_run,
      .in_place = false },
    { .name = "softmax_f32_ref",
      .op = WT_OP_SOFTMAX,
      .accepts = f32_accepts,
      .prepare = softmax_prepare,
      .run = softmax_run,
      .in_place = true },
    WT_HALF_ROW("softmax_half_ref", WT_OP_SOFTMAX),
    { .name = "logsoftmax_f64_ref",
      .op = WT_OP_LOGSOFTMAX,
      .accepts = f64_accepts,
      .prepare = softmax_prepare,
      .run = softmax_f64_run },
    { .name = "logsoftmax_f32_ref",
      .op = WT_OP_LOGSOFTMAX,
      .accepts = f32_accepts,
      .prepare = softmax_prepare,
      .run = softmax_run,
      .in_place = true },
    WT_HALF_ROW("logsoftmax_half_ref", WT_OP_LOGSOFTMAX),
    { .name = "hardmax_ref",
      .op = WT_OP_HARDMAX,
      .accepts = hardmax_accepts,
      .prepare = softmax_prepare,
      .run = hardmax_run },
    { .name = NULL },
};
