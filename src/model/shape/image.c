/* image.c - rules of Pad, CenterCropPad, Resize, GridSample, AffineGrid, Col2Im and NonMaxSuppression. */
#include "model/shape/select.h"
#include "model/shape/shape.h"
#include <inttypes.h>
#include <math.h>

/* --- Pad
 * -------------------------------------------------------------------------------------------------------------- */
wt_status wt_pads_read(const wt_infer *c, wt_pads *out, wt_err *err)
{
    const int rank = wt_rule_shape(c, 0)->rank;
    wt_ints pads, axes;
    unsigned set;
    *out = (wt_pads){ .state = WT_NOT_KNOWN };
    WT_TRY(wt_infer_ints(c, 1, &pads, err));
    WT_TRY(wt_infer_ints(c, 3, &axes, err));
    if (rank < 0 || pads.state != WT_KNOWN || axes.state == WT_NOT_KNOWN)
        return WT_OK;
    const int64_t n = axes.state == WT_KNOWN ? axes.count : rank;
    if (pads.count != 2 * n)
        return wt_infer_bad(c, err, "%" PRId64 " pads for %" PRId64 " axes, expected two for each", pads.count, n);
    if (axes.state == WT_KNOWN)
        WT_TRY(wt_infer_axes(c, &axes, rank, &set, err));
    for (int64_t k = 0; k < n; k++) {
        const int64_t axis = axes.state == WT_KNOWN ? axes.v[k] : k;
        out->before[axis] = pads.v[k];
        out->after[axis] = pads.v[n + k];
    }
    out->state = WT_KNOWN;
    return WT_OK;
}

/* dim + before + after; negative pads cut, at most down to nothing. */
static wt_status padded_dim(const wt_infer *c, int axis, int64_t dim, int64_t before, int64_t after, int64_t *out,
                            wt_err *err)
{
    *out = WT_DIM_ANY;
    if (dim < 0) {
        *out = before == 0 && after == 0 ? dim : WT_DIM_ANY;
        return WT_OK;
    }
    if (__builtin_add_overflow(dim, before, out) || __builtin_add_overflow(*out, after, out) || *out < 0 ||
        before < -dim || after < -dim)
        return wt_infer_bad(c, err, "axis %d has %" PRId64 " elements and cannot be padded by %" PRId64 " and %" PRId64,
                            axis, dim, before, after);
    return WT_OK;
}

wt_status wt_infer_pad(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_shape s = wt_rule_unknown(x->rank);
    wt_pads pads;
    WT_TRY(wt_pads_read(c, &pads, err));
    for (int i = 0; pads.state == WT_KNOWN && i < x->rank; i++)
        WT_TRY(padded_dim(c, i, x->dim[i], pads.before[i], pads.after[i], &s.dim[i], err));
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

wt_status wt_center_crop_read(const wt_infer *c, wt_pads *out, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_ints target, axes;
    unsigned set;
    *out = (wt_pads){ .state = WT_NOT_KNOWN };
    WT_TRY(wt_infer_ints(c, 1, &target, err));
    WT_TRY(wt_infer_attr_ints(c, "axes", &axes, err));
    if (target.state != WT_KNOWN || !wt_shape_known(x))
        return WT_OK;
    if (axes.state == WT_ABSENT) {
        axes.count = x->rank;
        for (int i = 0; i < x->rank; i++)
            axes.v[i] = i;
    }
    WT_TRY(wt_infer_axes(c, &axes, x->rank, &set, err));
    if (axes.count != target.count)
        return wt_infer_bad(c, err, "%" PRId64 " target lengths for %" PRId64 " axes", target.count, axes.count);
    for (int64_t k = 0; k < axes.count; k++) {
        const int64_t axis = axes.v[k], want = target.v[k], have = x->dim[axis];
        if (want < 0)
            return wt_infer_bad(c, err, "the target length of axis %" PRId64 " is %" PRId64, axis, want);
        const int64_t gap = want > have ? want - have : have - want, half = gap / 2;
        out->before[axis] = want > have ? half : -half;
        out->after[axis] = want > have ? gap - half : -(gap - half);
    }
    out->state = WT_KNOWN;
    return WT_OK;
}

wt_status wt_infer_center_crop_pad(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_shape s = wt_rule_unknown(x->rank);
    wt_pads pads;
    WT_TRY(wt_center_crop_read(c, &pads, err));
    for (int i = 0; pads.state == WT_KNOWN && i < x->rank; i++)
        s.dim[i] = x->dim[i] + pads.before[i] + pads.after[i];
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

/* --- Resize
 * ----------------------------------------------------------------------------------------------------------- */
static bool given(const wt_infer *c, size_t i)
{
    const wt_tensor *t = wt_rule_in(c, i); /* an empty tensor means omitted, as older exporters write it */
    return t && !(t->shape.rank == 1 && t->shape.dim[0] == 0);
}

static wt_status scale_of(const wt_infer *c, int64_t k, double *out, wt_err *err)
{
    if (!wt_tensor_double(c->in[2], k, out))
        return wt_infer_bad(c, err, "scales has no number for axis %" PRId64, k);
    if (!(*out > 0) || !isfinite(*out))
        return wt_infer_bad(c, err, "the scale of axis %" PRId64 " is %g, expected a positive number", k, *out);
    return WT_OK;
}

static wt_status scaled_dim(const wt_infer *c, int64_t dim, double scale, int64_t *out, wt_err *err)
{
    const double len = floor((double)dim * scale);
    if (!(len < 0x1p53))
        return wt_infer_bad(c, err, "a dimension of %" PRId64 " times %g is too large", dim, scale);
    *out = (int64_t)len;
    return WT_OK;
}

/* keep_aspect_ratio_policy: one scale for all named axes, the smallest or the largest. */
static void keep_aspect(const wt_infer *c, const wt_ints *axes, bool larger, wt_resize_plan *p)
{
    double scale = 0;
    for (int64_t k = 0; k < axes->count; k++) {
        const double s = p->scale[axes->v[k]];
        if (k == 0 || (larger ? s > scale : s < scale))
            scale = s;
    }
    for (int64_t k = 0; k < axes->count; k++) {
        const int axis = (int)axes->v[k];
        p->scale[axis] = scale;
        p->out[axis] = (int64_t)floor(scale * (double)wt_rule_shape(c, 0)->dim[axis] + 0.5);
    }
}

static wt_status resize_by_sizes(const wt_infer *c, const wt_ints *axes, wt_resize_plan *p, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_ints sizes;
    WT_TRY(wt_infer_ints(c, 3, &sizes, err));
    if (sizes.count >= 0 && sizes.count != axes->count)
        return wt_infer_bad(c, err, "%" PRId64 " sizes for %" PRId64 " axes", sizes.count, axes->count);
    if (sizes.state != WT_KNOWN)
        return WT_OK;
    for (int64_t k = 0; k < axes->count; k++) {
        const int axis = (int)axes->v[k];
        if (sizes.v[k] < 0 || (x->dim[axis] == 0 && sizes.v[k] > 0))
            return wt_infer_bad(c, err, "axis %d has %" PRId64 " elements and cannot be resized to %" PRId64, axis,
                                x->dim[axis], sizes.v[k]);
        p->out[axis] = sizes.v[k];
        p->scale[axis] = x->dim[axis] ? (double)sizes.v[k] / (double)x->dim[axis] : 1;
    }
    if (wt_attr_is(c->attrs, "keep_aspect_ratio_policy", "not_larger"))
        keep_aspect(c, axes, false, p);
    else if (wt_attr_is(c->attrs, "keep_aspect_ratio_policy", "not_smaller"))
        keep_aspect(c, axes, true, p);
    p->state = WT_KNOWN;
    return WT_OK;
}

/* The part of an axis that tf_crop_and_resize keeps: roi is [starts..., ends...] over the named axes. */
static wt_status roi_span(const wt_infer *c, int64_t k, int64_t n, double *span, wt_err *err)
{
    double start, end;
    if (!wt_tensor_double(c->in[1], k, &start) || !wt_tensor_double(c->in[1], n + k, &end))
        return wt_infer_bad(c, err, "roi needs two numbers for each of %" PRId64 " axes", n);
    *span = end - start;
    if (!isfinite(*span) || *span < 0)
        return wt_infer_bad(c, err, "roi goes from %g to %g on axis %" PRId64, start, end, k);
    return WT_OK;
}

static wt_status resize_by_scales(const wt_infer *c, const wt_ints *axes, wt_resize_plan *p, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    const bool crop = wt_attr_is(c->attrs, "coordinate_transformation_mode", "tf_crop_and_resize");
    WT_TRY(wt_rule_need_vector(c, 2, axes->count, err));
    if (!c->in[2]->data)
        return WT_OK;
    if (crop && (!given(c, 1) || !c->in[1]->data))
        return given(c, 1) ? WT_OK : wt_infer_bad(c, err, "tf_crop_and_resize needs roi");
    for (int64_t k = 0; k < axes->count; k++) {
        const int axis = (int)axes->v[k];
        double span = 1;
        WT_TRY(scale_of(c, k, &p->scale[axis], err));
        if (crop)
            WT_TRY(roi_span(c, k, axes->count, &span, err));
        WT_TRY(scaled_dim(c, x->dim[axis], span * p->scale[axis], &p->out[axis], err));
    }
    p->state = WT_KNOWN;
    return WT_OK;
}

wt_status wt_resize_read(const wt_infer *c, wt_resize_plan *p, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_ints axes;
    unsigned set;
    *p = (wt_resize_plan){ .state = WT_NOT_KNOWN };
    if (given(c, 2) == given(c, 3))
        return wt_infer_bad(c, err, "expected either scales or sizes");
    if (x->rank < 0)
        return WT_OK;
    WT_TRY(wt_infer_attr_ints(c, "axes", &axes, err));
    if (axes.state == WT_ABSENT) {
        axes.count = x->rank;
        for (int i = 0; i < x->rank; i++)
            axes.v[i] = i;
    }
    WT_TRY(wt_infer_axes(c, &axes, x->rank, &set, err));
    for (int i = 0; i < x->rank; i++) {
        p->out[i] = x->dim[i];
        p->scale[i] = 1;
        p->resized[i] = set >> i & 1;
    }
    if (!wt_shape_known(x))
        return WT_OK;
    return given(c, 3) ? resize_by_sizes(c, &axes, p, err) : resize_by_scales(c, &axes, p, err);
}

/* With symbols in x: axes whose scale is 1 keep their dim, others are unknown. */
static wt_status resize_partly(const wt_infer *c, wt_shape *s, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_ints axes, sizes = { .state = WT_ABSENT };
    double scale;
    WT_TRY(wt_infer_attr_ints(c, "axes", &axes, err));
    if (given(c, 3))
        WT_TRY(wt_infer_ints(c, 3, &sizes, err));
    for (int i = 0; i < x->rank; i++)
        s->dim[i] = axes.state == WT_ABSENT ? WT_DIM_ANY : x->dim[i];
    const int64_t n = axes.state == WT_ABSENT ? x->rank : axes.count;
    const bool plain = !wt_attr_find(c->attrs, "keep_aspect_ratio_policy") &&
                       !wt_attr_is(c->attrs, "coordinate_transformation_mode", "tf_crop_and_resize");
    for (int64_t k = 0; k < n; k++) {
        const int axis = axes.state == WT_ABSENT ? (int)k : wt_axis(axes.v[k], x->rank, false);
        s->dim[axis] = WT_DIM_ANY;
        if (!plain)
            continue;
        if (sizes.state == WT_KNOWN && k < sizes.count)
            s->dim[axis] = sizes.v[k] >= 0 ? sizes.v[k] : WT_DIM_ANY;
        else if (given(c, 2) && c->in[2]->data && wt_tensor_double(c->in[2], k, &scale) && scale == 1.0)
            s->dim[axis] = x->dim[axis];
        else if (given(c, 2) && c->in[2]->data && x->dim[axis] >= 0) {
            WT_TRY(scale_of(c, k, &scale, err));
            WT_TRY(scaled_dim(c, x->dim[axis], scale, &s->dim[axis], err));
        }
    }
    return WT_OK;
}

wt_status wt_infer_resize(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_shape s = wt_rule_unknown(x->rank);
    wt_resize_plan p;
    WT_TRY(wt_resize_read(c, &p, err));
    if (p.state == WT_KNOWN)
        for (int i = 0; i < x->rank; i++)
            s.dim[i] = p.out[i];
    else if (x->rank >= 0)
        WT_TRY(resize_partly(c, &s, err));
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

/* --- sampling and columns
 * ---------------------------------------------------------------------------------------------- */
wt_status wt_infer_grid_sample(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0), *grid = wt_rule_shape(c, 1);
    wt_shape s = wt_rule_unknown(x->rank >= 0 ? x->rank : grid->rank);
    WT_TRY(wt_rule_need_rank(c, 0, 3, WT_MAX_RANK, err));
    if (x->rank >= 0 && grid->rank >= 0) {
        WT_TRY(wt_rule_need_rank(c, 1, x->rank, x->rank, err));
        WT_TRY(wt_rule_need_dim(c, 1, 0, x->dim[0], err));
        WT_TRY(wt_rule_need_dim(c, 1, x->rank - 1, x->rank - 2, err));
    }
    if (x->rank >= 0)
        s.dim[0] = x->dim[0], s.dim[1] = x->dim[1];
    for (int i = 2; grid->rank >= 0 && i < s.rank; i++)
        s.dim[i] = grid->dim[i - 1];
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

wt_status wt_infer_affine_grid(wt_infer *c, wt_err *err)
{
    const wt_shape *theta = wt_rule_shape(c, 0);
    wt_ints size;
    WT_TRY(wt_rule_need_rank(c, 0, 3, 3, err));
    WT_TRY(wt_infer_ints(c, 1, &size, err));
    if (size.count >= 0 && size.count != 4 && size.count != 5)
        return wt_infer_bad(c, err, "size has %" PRId64 " elements, expected 4 or 5", size.count);
    const int spatial = size.count >= 0 ? (int)size.count - 2 : -1;
    wt_shape s = wt_rule_unknown(spatial >= 0 ? spatial + 2 : -1);
    if (spatial > 0) {
        WT_TRY(wt_rule_need_dim(c, 0, 1, spatial, err));
        WT_TRY(wt_rule_need_dim(c, 0, 2, spatial + 1, err));
        s.dim[spatial + 1] = spatial;
    }
    for (int i = 0; size.state == WT_KNOWN && i < spatial; i++)
        if (size.v[2 + i] < 0)
            return wt_infer_bad(c, err, "size %d is %" PRId64, 2 + i, size.v[2 + i]);
        else
            s.dim[1 + i] = size.v[2 + i];
    if (s.rank > 0)
        s.dim[0] = size.state == WT_KNOWN ? size.v[0] : theta->rank == 3 ? theta->dim[0] : WT_DIM_ANY;
    if (size.state == WT_KNOWN)
        WT_TRY(wt_rule_need_dim(c, 0, 0, size.v[0], err));
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

wt_status wt_infer_col2im(wt_infer *c, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    wt_ints image, block;
    int64_t area = 1;
    WT_TRY(wt_rule_need_rank(c, 0, 3, 3, err));
    WT_TRY(wt_infer_ints(c, 1, &image, err));
    WT_TRY(wt_infer_ints(c, 2, &block, err));
    if (image.count >= 0 &&
        (image.count < 1 || image.count > WT_MAX_RANK - 2 || (block.count >= 0 && block.count != image.count)))
        return wt_infer_bad(c, err, "image_shape has %" PRId64 " and block_shape %" PRId64 " elements", image.count,
                            block.count);
    wt_shape s = wt_rule_unknown(image.count >= 0 ? (int)image.count + 2 : -1);
    if (s.rank > 0 && x->rank == 3)
        s.dim[0] = x->dim[0];
    for (int64_t i = 0; image.state == WT_KNOWN && i < image.count; i++) {
        if (image.v[i] < 1)
            return wt_infer_bad(c, err, "image_shape %" PRId64 " is %" PRId64, i, image.v[i]);
        s.dim[2 + i] = image.v[i];
    }
    for (int64_t i = 0; block.state == WT_KNOWN && i < block.count; i++) {
        if (block.v[i] < 1)
            return wt_infer_bad(c, err, "block_shape %" PRId64 " is %" PRId64, i, block.v[i]);
        WT_TRY(wt_dim_mul(c, area, block.v[i], &area, err));
    }
    if (block.state == WT_KNOWN && s.rank > 0 && x->rank == 3 && x->dim[1] >= 0) {
        if (x->dim[1] % area)
            return wt_infer_bad(c, err, "%" PRId64 " rows cannot be divided by the block's %" PRId64, x->dim[1], area);
        s.dim[1] = x->dim[1] / area;
    }
    return wt_infer_set(c, 0, wt_rule_dtype(c, 0), &s, err);
}

wt_status wt_infer_nms(wt_infer *c, wt_err *err)
{
    const wt_shape *b = wt_rule_shape(c, 0), *sc = wt_rule_shape(c, 1);
    wt_shape s = wt_rule_unknown(2);
    wt_nms n;
    bool known = c->arena != NULL;
    s.dim[1] = 3;
    WT_TRY(wt_rule_need_rank(c, 0, 3, 3, err));
    WT_TRY(wt_rule_need_rank(c, 1, 3, 3, err));
    WT_TRY(wt_rule_need_dim(c, 0, 2, 4, err));
    if (b->rank == 3 && sc->rank == 3) {
        WT_TRY(wt_rule_need_dim(c, 1, 0, b->dim[0], err));
        WT_TRY(wt_rule_need_dim(c, 1, 2, b->dim[1], err));
    }
    for (size_t i = 0; i < c->n_in; i++)
        known = known && (!c->in[i] || (c->in[i]->data && wt_shape_known(&c->in[i]->shape)));
    if (known) {
        WT_TRY(wt_nms_read(c, &n, err));
        int64_t *work = wt_alloc_raw(c->arena->ctx, (size_t)n.boxes, 2 * sizeof *work, err);
        if (!work)
            return WT_ENOMEM;
        s.dim[0] = wt_nms_select(&n, work, NULL);
        wt_free(c->arena->ctx, work);
    }
    return wt_infer_set(c, 0, WT_I64, &s, err);
}
