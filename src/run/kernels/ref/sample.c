/* sample.c - GridSample and AffineGrid.
 *
 * For every output point the grid gives a coordinate; along each axis it becomes up to four taps (index and weight),
 * and a channel's value is the sum over all combinations of taps. Taps are found once and used for all channels.
 * Coordinates are data: NaN and what is far outside are treated as outside. */
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"
#include <math.h>

enum { AXES = WT_MAX_RANK - 2, TAPS = 4 };
typedef enum mode { NEAREST, LINEAR, CUBIC } mode;
typedef enum padding { ZEROS, BORDER, REFLECTION } padding;

typedef struct grid_params {
    mode mode;
    padding padding;
    bool align;
    int axes, taps;
    size_t batch, channels, in_size, points, combinations;
    int64_t dim[AXES];
    size_t stride[AXES];
} grid_params;

static bool read_mode(const wt_attrs *attrs, mode *m, padding *p)
{
    *m = wt_attr_is(attrs, "mode", "nearest")                                         ? NEAREST
         : wt_attr_is(attrs, "mode", "cubic") || wt_attr_is(attrs, "mode", "bicubic") ? CUBIC
                                                                                      : LINEAR;
    *p = wt_attr_is(attrs, "padding_mode", "border")       ? BORDER
         : wt_attr_is(attrs, "padding_mode", "reflection") ? REFLECTION
                                                           : ZEROS;
    const bool mode_ok = *m != LINEAR || !wt_attr_find(attrs, "mode") || wt_attr_is(attrs, "mode", "linear") ||
                         wt_attr_is(attrs, "mode", "bilinear");
    return mode_ok &&
           (*p != ZEROS || !wt_attr_find(attrs, "padding_mode") || wt_attr_is(attrs, "padding_mode", "zeros"));
}

static bool grid_accepts(const wt_prep *p)
{
    mode m;
    padding pad;
    return wt_in_is(p, 0, WT_F32) && wt_in_is(p, 1, WT_F32) && wt_out_is(p, 0, WT_F32) && p->in[0]->shape.rank >= 3 &&
           wt_all_plain(p) && read_mode(p->attrs, &m, &pad);
}

static wt_status grid_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *g = &p->in[1]->shape;
    grid_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    read_mode(p->attrs, &q->mode, &q->padding);
    q->align = wt_attr_int(p->attrs, "align_corners", 0) != 0;
    q->axes = x->rank - 2;
    if (g->rank != x->rank || g->dim[g->rank - 1] != q->axes || g->dim[0] != x->dim[0])
        return wt_fail(err, WT_EFORMAT, "GridSample: the grid does not fit the input");
    q->taps = q->mode == NEAREST ? 1 : q->mode == LINEAR ? 2 : 4;
    q->combinations = 1;
    size_t step = 1;
    for (int d = q->axes - 1; d >= 0; d--) {
        q->dim[d] = x->dim[2 + d];
        q->stride[d] = step;
        step *= (size_t)q->dim[d];
        q->combinations *= (size_t)q->taps;
    }
    q->in_size = step;
    q->batch = (size_t)x->dim[0];
    q->channels = (size_t)x->dim[1];
    q->points = (size_t)wt_shape_product(g, 1, g->rank - 1);
    if (q->in_size == 0 && q->points > 0 && q->batch > 0 && q->channels > 0)
        return wt_fail(err, WT_EFORMAT, "GridSample: the input is empty");
    p->params = q;
    p->max_threads = wt_worth_threads(p,
                                      (double)q->batch * (double)q->points * (double)(q->channels * q->combinations));
    return WT_OK;
}

/* Mirrored at the borders until it lies between them. */
static float reflect(float x, float low, float high)
{
    const float range = high - low;
    if (range <= 0)
        return low;
    if (x >= low && x <= high)
        return x;
    const float away = x < low ? low - x : x - high, rest = fmodf(away, range);
    const bool even = fmodf(floorf(away / range), 2) == 0;
    return (x < low) == even ? low + rest : high - rest;
}

static float denormalize(const grid_params *q, float v, int64_t n)
{
    return q->align ? (v + 1.0f) / 2.0f * (float)(n - 1) : ((v + 1.0f) * (float)n - 1.0f) / 2.0f;
}

/* Index inside [0, n), or weight 0 where zeros are read. */
static void place(const grid_params *q, int64_t i, int64_t n, float low, float high, int64_t *index, float *weight)
{
    *index = i;
    if (i >= 0 && i < n)
        return;
    if (q->padding == ZEROS) {
        *index = 0;
        *weight = 0;
        return;
    }
    if (q->padding == REFLECTION)
        i = (int64_t)reflect((float)i, low, high);
    *index = i < 0 ? 0 : i >= n ? n - 1 : i;
}

static void cubic_weights(float x, float w[TAPS])
{
    const float a = -0.75f, y = 1.0f - x;
    w[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
    w[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
    w[2] = ((a + 2) * y - (a + 3)) * y * y + 1;
    w[3] = ((a * (y + 1) - 5 * a) * (y + 1) + 8 * a) * (y + 1) - 4 * a;
}

static void axis_taps(const grid_params *q, float v, int64_t n, int64_t index[TAPS], float weight[TAPS])
{
    const float low = q->align ? 0.0f : -0.5f, high = q->align ? (float)(n - 1) : (float)n - 0.5f;
    float x = denormalize(q, v, n);
    if (!(fabsf(x) < 0x1p30f))
        x = q->padding == ZEROS || !(x > 0) ? -16.0f : high + 16.0f;
    if (q->mode == NEAREST)
        x = rintf(x);
    if (q->padding == BORDER)
        x = x < 0 ? 0 : x > (float)(n - 1) ? (float)(n - 1) : x;
    else if (q->padding == REFLECTION)
        x = reflect(x, low, high);
    const float base = floorf(x);
    const int64_t first = (int64_t)base - (q->mode == CUBIC);
    weight[0] = 1.0f;
    if (q->mode == LINEAR)
        weight[1] = x - base, weight[0] = 1.0f - weight[1];
    else if (q->mode == CUBIC)
        cubic_weights(x - base, weight);
    for (int t = 0; t < q->taps; t++)
        place(q, first + t, n, low, high, &index[t], &weight[t]);
}

/* Combinations of taps with a weight: offsets into one channel. Returns how many. */
static size_t point_taps(const grid_params *q, const float *at, size_t *offset, float *weight)
{
    int64_t index[AXES][TAPS];
    float w[AXES][TAPS];
    size_t n = 0;
    for (int d = 0; d < q->axes; d++) /* the grid names the last axis first */
        axis_taps(q, at[q->axes - 1 - d], q->dim[d], index[d], w[d]);
    for (size_t c = 0; c < q->combinations; c++) {
        size_t rest = c, o = 0;
        float product = 1.0f;
        for (int d = q->axes - 1; d >= 0; d--) {
            const size_t t = rest % (size_t)q->taps;
            rest /= (size_t)q->taps;
            product *= w[d][t];
            o += (size_t)index[d][t] * q->stride[d];
        }
        if (product == 0)
            continue;
        offset[n] = o;
        weight[n++] = product;
    }
    return n;
}

static wt_status grid_run(const wt_run *r, wt_err *err)
{
    const grid_params *q = r->params;
    enum { MOST = 4096 /* 4 taps on 6 axes */ };
    size_t offset[MOST], begin, end;
    float weight[MOST];
    (void)err;
    wt_split(q->batch * q->points, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t image = u / q->points, point = u % q->points,
                     n = point_taps(q, wt_in_f32(r, 1) + u * (size_t)q->axes, offset, weight);
        for (size_t c = 0; c < q->channels; c++) {
            const float *x = wt_in_f32(r, 0) + (image * q->channels + c) * q->in_size;
            float sum = 0;
            for (size_t t = 0; t < n; t++)
                sum += weight[t] * x[offset[t]];
            wt_out_f32(r, 0)[(image * q->channels + c) * q->points + point] = sum;
        }
    }
    return WT_OK;
}

/* --- AffineGrid
 * -------------------------------------------------------------------------------------------------------- */
static bool affine_accepts(const wt_prep *p)
{
    return wt_in_is(p, 0, WT_F32) && wt_out_is(p, 0, WT_F32) && wt_all_plain(p) &&
           (p->out[0]->shape.rank == 4 || p->out[0]->shape.rank == 5);
}

static wt_status affine_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *t = &p->in[0]->shape, *y = &p->out[0]->shape;
    bool *align = wt_arena_alloc(p->arena, 1, sizeof *align, err);
    if (!align)
        return WT_ENOMEM;
    if (t->rank != 3 || t->dim[0] != y->dim[0] || t->dim[1] != y->rank - 2 || t->dim[2] != y->rank - 1)
        return wt_fail(err, WT_EFORMAT, "AffineGrid: theta does not fit the size");
    *align = wt_attr_int(p->attrs, "align_corners", 0) != 0;
    p->params = align;
    p->max_threads = wt_worth_threads(p, 8.0 * (double)wt_count(p->out[0]));
    return WT_OK;
}

static wt_status affine_run(const wt_run *r, wt_err *err)
{
    const bool align = *(const bool *)r->params;
    const wt_shape *s = &r->out[0]->shape;
    const size_t axes = (size_t)s->rank - 2, points = (size_t)wt_shape_product(s, 1, s->rank - 1);
    size_t begin, end;
    (void)err;
    wt_split((size_t)s->dim[0] * points, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const float *theta = wt_in_f32(r, 0) + u / points * axes * (axes + 1);
        float at[3] = { 0 };
        size_t rest = u % points;
        for (size_t d = axes; d-- > 0;) { /* at[0] belongs to the last axis */
            const size_t n = (size_t)s->dim[1 + d], i = rest % n;
            rest /= n;
            at[axes - 1 - d] = align ? (n > 1 ? -1.0f + 2.0f * (float)i / (float)(n - 1) : -1.0f)
                                     : -1.0f + (2.0f * (float)i + 1.0f) / (float)n;
        }
        for (size_t d = 0; d < axes; d++) {
            float sum = theta[d * (axes + 1) + axes];
            for (size_t k = 0; k < axes; k++)
                sum += theta[d * (axes + 1) + k] * at[k];
            wt_out_f32(r, 0)[u * axes + d] = sum;
        }
    }
    return WT_OK;
}

const wt_kernel wt_sample_rows[] = {
    { .name = "gridsample_f32_ref",
      .op = WT_OP_GRIDSAMPLE,
      .accepts = grid_accepts,
      .prepare = grid_prepare,
      .run = grid_run },
    WT_HALF_ROW("gridsample_half_ref", WT_OP_GRIDSAMPLE),
    { .name = "affinegrid_f32_ref",
      .op = WT_OP_AFFINEGRID,
      .accepts = affine_accepts,
      .prepare = affine_prepare,
      .run = affine_run },
    WT_HALF_ROW("affinegrid_half_ref", WT_OP_AFFINEGRID),
    { .name = NULL },
};
