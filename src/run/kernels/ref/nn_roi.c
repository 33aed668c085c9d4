/* nn_roi.c - RoiAlign and MaxRoiPool: pooling over regions that are data; and MaxUnpool, whose places are data. */
#include "run/kernels/ref/nn_rows.h"
#include <math.h>

typedef struct roi_params {
    size_t batch, channels, height, width, rois, out_h, out_w;
    float scale;
    int64_t sampling; /* RoiAlign: points per bin and direction; 0: as many as positions */
    bool max, half_pixel;
} roi_params;

static bool all_f32(const wt_prep *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!wt_in_is(p, i, WT_F32))
            return false;
    return wt_out_is(p, 0, WT_F32) && wt_all_plain(p);
}

static wt_status prepare_common(wt_prep *p, int64_t box, roi_params **out, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *r = &p->in[1]->shape, *y = &p->out[0]->shape;
    roi_params *q = *out = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (x->rank != 4 || r->rank != 2 || r->dim[1] != box || y->rank != 4 || y->dim[0] != r->dim[0] ||
        y->dim[1] != x->dim[1])
        return wt_fail(err, WT_EFORMAT, "%s: expected data of 4 dimensions and regions of %lld numbers", p->op_type,
                       (long long)box);
    *q = (roi_params){ .batch = (size_t)x->dim[0],
                       .channels = (size_t)x->dim[1],
                       .height = (size_t)x->dim[2],
                       .width = (size_t)x->dim[3],
                       .rois = (size_t)r->dim[0],
                       .out_h = (size_t)y->dim[2],
                       .out_w = (size_t)y->dim[3] };
    q->scale = wt_attr_float(p->attrs, "spatial_scale", 1.0f);
    if (!isfinite(q->scale))
        return wt_fail(err, WT_EFORMAT, "%s: spatial_scale is not a finite number", p->op_type);
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 16.0 * (double)wt_count(p->out[0]);
    return WT_OK;
}

/* --- RoiAlign
 * ---------------------------------------------------------------------------------------------------------------------
 */
static bool align_accepts(const wt_prep *p) { return all_f32(p, 2) && wt_in_is(p, 2, WT_I64); }

static wt_status align_prepare(wt_prep *p, wt_err *err)
{
    roi_params *q;
    WT_TRY(prepare_common(p, 4, &q, err));
    WT_TRY(wt_prep_need_vector(p, 2, WT_I64, (int64_t)q->rois, err));
    q->sampling = wt_attr_int(p->attrs, "sampling_ratio", 0);
    q->max = wt_attr_is(p->attrs, "mode", "max");
    q->half_pixel = !wt_attr_is(p->attrs, "coordinate_transformation_mode", "output_half_pixel");
    if (q->sampling < 0 || q->sampling > 4096)
        return wt_fail(err, WT_EFORMAT, "%s: sampling_ratio is %lld, expected 0 to 4096", p->op_type,
                       (long long)q->sampling);
    return WT_OK;
}

typedef struct region {
    size_t image;
    double y0, x0, bin_h, bin_w;
    int64_t grid_h, grid_w;
} region;

static wt_status read_region(const wt_run *r, const roi_params *q, size_t i, region *g, wt_err *err)
{
    enum { MOST = 4096 }; /* sampling points per bin and direction */
    const float *box = wt_in_f32(r, 1) + i * 4;
    const int64_t image = ((const int64_t *)r->in[2]->data)[i];
    const double shift = q->half_pixel ? 0.5 : 0;
    if (image < 0 || image >= (int64_t)q->batch)
        return wt_fail(err, WT_EFORMAT, "region %zu is in image %lld of %zu", i, (long long)image, q->batch);
    double h = (double)box[3] * (double)q->scale - (double)box[1] * (double)q->scale;
    double w = (double)box[2] * (double)q->scale - (double)box[0] * (double)q->scale;
    if (!q->half_pixel) { /* as the first definition had it: at least one position */
        h = h > 1 ? h : 1;
        w = w > 1 ? w : 1;
    }
    g->image = (size_t)image;
    g->y0 = (double)box[1] * (double)q->scale - shift;
    g->x0 = (double)box[0] * (double)q->scale - shift;
    g->bin_h = h / (double)q->out_h;
    g->bin_w = w / (double)q->out_w;
    if (!isfinite(g->y0) || !isfinite(g->x0) || !(fabs(g->bin_h) <= MOST) || !(fabs(g->bin_w) <= MOST))
        return wt_fail(err, WT_EFORMAT, "region %zu is not a box of a reasonable size", i);
    g->grid_h = q->sampling ? q->sampling : (int64_t)ceil(g->bin_h);
    g->grid_w = q->sampling ? q->sampling : (int64_t)ceil(g->bin_w);
    return WT_OK;
}

typedef struct corners {
    size_t at[4];
    float weight[4];
} corners;

/* The four neighbours of a point and their weights; false: the point is off the image. */
static bool find_corners(const roi_params *q, double y, double x, corners *c)
{
    const double high = (double)q->height, wide = (double)q->width;
    if (q->height == 0 || q->width == 0 || y < -1 || y > high || x < -1 || x > wide)
        return false;
    y = y > 0 ? y : 0;
    x = x > 0 ? x : 0;
    size_t y0 = (size_t)y, x0 = (size_t)x, y1 = y0 + 1, x1 = x0 + 1;
    if (y0 >= q->height - 1)
        y = (double)(y0 = y1 = q->height - 1);
    if (x0 >= q->width - 1)
        x = (double)(x0 = x1 = q->width - 1);
    const double fy = y - (double)y0, fx = x - (double)x0;
    *c = (corners){ { y0 * q->width + x0, y0 * q->width + x1, y1 * q->width + x0, y1 * q->width + x1 },
                    { (float)((1 - fy) * (1 - fx)), (float)((1 - fy) * fx), (float)(fy * (1 - fx)),
                      (float)(fy * fx) } };
    return true;
}

static float align_bin(const roi_params *q, const region *g, const float *x, size_t oh, size_t ow)
{
    const int64_t count = g->grid_h * g->grid_w;
    float sum = 0, best = 0;
    bool any = false;
    for (int64_t i = 0; i < g->grid_h; i++)
        for (int64_t j = 0; j < g->grid_w; j++) {
            corners c = { { 0 }, { 0 } };
            const double y = g->y0 + ((double)oh + ((double)i + 0.5) / (double)g->grid_h) * g->bin_h;
            const double xx = g->x0 + ((double)ow + ((double)j + 0.5) / (double)g->grid_w) * g->bin_w;
            const bool inside = find_corners(q, y, xx, &c);
            for (int k = 0; k < 4; k++) {
                const float v = inside ? c.weight[k] * x[c.at[k]] : 0;
                sum += v;
                best = !any || v > best ? v : best;
                any = true;
            }
        }
    return q->max ? best : sum / (float)(count > 1 ? count : 1);
}

static wt_status align_run(const wt_run *r, wt_err *err)
{
    const roi_params *q = r->params;
    size_t begin, end;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(q->rois, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        region g = { 0 };
        WT_TRY(read_region(r, q, i, &g, err));
        for (size_t c = 0; c < q->channels; c++) {
            const float *x = wt_in_f32(r, 0) + (g.image * q->channels + c) * q->height * q->width;
            float *y = wt_out_f32(r, 0) + (i * q->channels + c) * q->out_h * q->out_w;
            for (size_t oh = 0; oh < q->out_h; oh++)
                for (size_t ow = 0; ow < q->out_w; ow++)
                    y[oh * q->out_w + ow] = align_bin(q, &g, x, oh, ow);
        }
    }
    return WT_OK;
}

/* --- MaxRoiPool
 * --------------------------------------------------------------------------------------------------------------------
 */
static bool pool_accepts(const wt_prep *p) { return all_f32(p, 2); }

static wt_status pool_prepare(wt_prep *p, wt_err *err)
{
    roi_params *q;
    return prepare_common(p, 5, &q, err);
}

/* [begin, end) of bin i of n over `size` positions from `start` on, inside [0, limit). */
static void bin_range(size_t i, size_t n, int64_t start, int64_t size, int64_t limit, int64_t *begin, int64_t *end)
{
    const double step = (double)size / (double)n;
    *begin = (int64_t)floor((double)i * step) + start;
    *end = (int64_t)ceil((double)(i + 1) * step) + start;
    *begin = *begin < 0 ? 0 : *begin > limit ? limit : *begin;
    *end = *end < 0 ? 0 : *end > limit ? limit : *end;
}

static float pool_bin(const roi_params *q, const float *x, const int64_t box[4], size_t oh, size_t ow)
{
    int64_t y0, y1, x0, x1;
    float best = 0;
    bool any = false;
    bin_range(oh, q->out_h, box[1], box[3] - box[1] + 1 > 1 ? box[3] - box[1] + 1 : 1, (int64_t)q->height, &y0, &y1);
    bin_range(ow, q->out_w, box[0], box[2] - box[0] + 1 > 1 ? box[2] - box[0] + 1 : 1, (int64_t)q->width, &x0, &x1);
    for (int64_t i = y0; i < y1; i++)
        for (int64_t j = x0; j < x1; j++) {
            const float v = x[i * (int64_t)q->width + j];
            best = !any || v > best ? v : best;
            any = true;
        }
    return best;
}

static wt_status pool_run(const wt_run *r, wt_err *err)
{
    const roi_params *q = r->params;
    size_t begin, end;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(q->rois, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        const float *roi = wt_in_f32(r, 1) + i * 5;
        int64_t box[4];
        for (int k = 0; k < 4; k++) {
            const float v = roundf(roi[k + 1] * q->scale);
            if (!(fabsf(v) < 1e9f))
                return wt_fail(err, WT_EFORMAT, "region %zu is not a box of a reasonable size", i);
            box[k] = (int64_t)v;
        }
        if (!(roi[0] >= 0 && roi[0] < (float)q->batch))
            return wt_fail(err, WT_EFORMAT, "region %zu is in image %g of %zu", i, (double)roi[0], q->batch);
        for (size_t c = 0; c < q->channels; c++) {
            const float *x = wt_in_f32(r, 0) + ((size_t)roi[0] * q->channels + c) * q->height * q->width;
            for (size_t o = 0; o < q->out_h * q->out_w; o++)
                wt_out_f32(r, 0)[(i * q->channels + c) * q->out_h * q->out_w + o] = pool_bin(q, x, box, o / q->out_w,
                                                                                             o % q->out_w);
        }
    }
    return WT_OK;
}

/* --- MaxUnpool
 * ---------------------------------------------------------------------------------------------------------------------
 */
typedef struct unpool_params {
    wt_shape small, out; /* the size that indices are meant for, and the size asked for */
    size_t count;
} unpool_params;

static bool unpool_accepts(const wt_prep *p) { return all_f32(p, 1) && wt_in_is(p, 1, WT_I64); }

static wt_status unpool_prepare(wt_prep *p, wt_err *err)
{
    unpool_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    wt_tensor natural = { .shape.rank = -1 };
    wt_infer c = { .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = 2, .out = &natural, .n_out = 1 };
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_op_get(WT_OP_MAXUNPOOL)->infer(&c, err));
    q->small = natural.shape;
    q->out = p->out[0]->shape;
    q->count = wt_count(p->in[0]);
    bool fits = q->small.rank == q->out.rank && q->small.dim[0] == q->out.dim[0] && q->small.dim[1] == q->out.dim[1];
    for (int i = 2; fits && i < q->out.rank; i++)
        fits = q->out.dim[i] >= q->small.dim[i];
    if (!fits)
        return wt_fail(err, WT_EFORMAT, "%s: output_shape is smaller than what the pool had as input", p->op_type);
    p->params = q;
    return WT_OK;
}

static wt_status unpool_run(const wt_run *r, wt_err *err)
{
    const unpool_params *q = r->params;
    const int64_t *indices = r->in[1]->data, total = wt_shape_product(&q->small, 0, q->small.rank);
    float *y = wt_out_f32(r, 0);
    if (wt_run_is_empty(r))
        return WT_OK;
    memset(y, 0, wt_count(r->out[0]) * sizeof *y);
    for (size_t i = 0; i < q->count; i++) {
        int64_t left = indices[i], at = 0, scale = 1;
        if (left < 0 || left >= total)
            return wt_fail(err, WT_EFORMAT, "index %zu is %lld, expected 0 to %lld", i, (long long)left,
                           (long long)total - 1);
        for (int d = q->small.rank - 1; d >= 0; d--) {
            at += left % q->small.dim[d] * scale;
            left /= q->small.dim[d];
            scale *= q->out.dim[d];
        }
        y[at] = wt_in_f32(r, 0)[i];
    }
    return WT_OK;
}

const wt_kernel wt_nn_roi_rows[] = {
    WT_HALF_ROW("roialign_half_ref", WT_OP_ROIALIGN),
    { .name = "roialign_f32_ref",
      .op = WT_OP_ROIALIGN,
      .accepts = align_accepts,
      .prepare = align_prepare,
      .run = align_run },
    WT_HALF_ROW("maxroipool_half_ref", WT_OP_MAXROIPOOL),
    { .name = "maxroipool_f32_ref",
      .op = WT_OP_MAXROIPOOL,
      .accepts = pool_accepts,
      .prepare = pool_prepare,
      .run = pool_run },
    WT_HALF_ROW("maxunpool_half_ref", WT_OP_MAXUNPOOL),
    { .name = "maxunpool_f32_ref",
      .op = WT_OP_MAXUNPOOL,
      .accepts = unpool_accepts,
      .prepare = unpool_prepare,
      .run = unpool_run },
    { .name = NULL },
};
