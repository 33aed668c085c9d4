/* resize_taps.c - Resize: from the attributes to indices and weights, axis by axis. See resize.h.
 *
 * Coordinates follow the formulas of the operator's definition in double, with the length that the scale gives (not the
 * rounded one) where the definition says so. A coordinate that is a whole number belongs to its left neighbour pair. */
#include "run/kernels/ref/resize.h"
#include "model/shape/shape.h"
#include <math.h>

typedef enum coordinate { HALF_PIXEL, HALF_PIXEL_SYMMETRIC, PYTORCH, ALIGN_CORNERS, ASYMMETRIC, CROP } coordinate;

static bool read_coordinate(const wt_attrs *attrs, coordinate *out)
{
    static const struct {
        const char *name;
        coordinate mode;
    } names[] = { { "half_pixel", HALF_PIXEL },      { "half_pixel_symmetric", HALF_PIXEL_SYMMETRIC },
                  { "pytorch_half_pixel", PYTORCH }, { "align_corners", ALIGN_CORNERS },
                  { "asymmetric", ASYMMETRIC },      { "tf_crop_and_resize", CROP } };
    *out = HALF_PIXEL;
    if (!wt_attr_find(attrs, "coordinate_transformation_mode"))
        return true;
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        if (wt_attr_is(attrs, "coordinate_transformation_mode", names[i].name)) {
            *out = names[i].mode;
            return true;
        }
    return false;
}

static bool read_mode(const wt_attrs *attrs, wt_resize_mode *out)
{
    *out = wt_attr_is(attrs, "mode", "linear")  ? WT_RESIZE_LINEAR
           : wt_attr_is(attrs, "mode", "cubic") ? WT_RESIZE_CUBIC
                                                : WT_RESIZE_NEAREST;
    return *out != WT_RESIZE_NEAREST || !wt_attr_find(attrs, "mode") || wt_attr_is(attrs, "mode", "nearest");
}

bool wt_resize_attrs_ok(const wt_attrs *attrs, wt_resize_mode *mode)
{
    coordinate c;
    const bool rounding = !wt_attr_find(attrs, "nearest_mode") ||
                          wt_attr_is(attrs, "nearest_mode", "round_prefer_floor") ||
                          wt_attr_is(attrs, "nearest_mode", "round_prefer_ceil") ||
                          wt_attr_is(attrs, "nearest_mode", "floor") || wt_attr_is(attrs, "nearest_mode", "ceil");
    return read_mode(attrs, mode) && read_coordinate(attrs, &c) && rounding;
}

typedef struct axis {
    coordinate mode;
    double scale, start, end; /* roi */
    int64_t in, out;
} axis;

static double source_of(const axis *a, int64_t i)
{
    const double x = (double)i, in = (double)a->in, len = a->scale * in;
    switch (a->mode) {
    case ALIGN_CORNERS: return len == 1.0 ? 0.0 : x * (in - 1.0) / (len - 1.0);
    case ASYMMETRIC: return x / a->scale;
    case PYTORCH: return len == 1.0 ? -0.5 : (x + 0.5) / a->scale - 0.5;
    case HALF_PIXEL_SYMMETRIC: return in / 2.0 * (1.0 - (double)a->out / len) + (x + 0.5) / a->scale - 0.5;
    case CROP: {
        const double span = (a->end - a->start) * (in - 1.0);
        return a->start * (in - 1.0) + (len == 1.0 ? span / 2.0 : x * span / (len - 1.0));
    }
    case HALF_PIXEL: break;
    }
    return (x + 0.5) / a->scale - 0.5;
}

static int64_t clamp_index(double v, int64_t n) { return !(v > 0) ? 0 : v > (double)(n - 1) ? n - 1 : (int64_t)v; }

static double nearest(const wt_attrs *attrs, double x)
{
    const double low = floor(x), ratio = x - low;
    if (wt_attr_is(attrs, "nearest_mode", "floor"))
        return low;
    if (wt_attr_is(attrs, "nearest_mode", "ceil"))
        return ceil(x);
    if (wt_attr_is(attrs, "nearest_mode", "round_prefer_ceil"))
        return ratio < 0.5 ? low : low + 1.0;
    return ratio <= 0.5 ? low : low + 1.0;
}

static double cubic(double x, double a)
{
    x = fabs(x);
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* How many taps a side of the centre has; a kernel that is widened against aliasing has more. */
static int64_t reach_of(const wt_attrs *attrs, wt_resize_mode mode, double scale)
{
    const double radius = mode == WT_RESIZE_CUBIC ? 2 : 1;
    const bool wide = wt_attr_int(attrs, "antialias", 0) != 0 && scale < 1;
    const double reach = wide ? -floor(-radius / scale) : radius;
    return reach < 0x1p24 ? (int64_t)reach : -1;
}

/* Weights of the taps first, first + 1, ... around x. */
static void weigh(const wt_attrs *attrs, wt_resize_mode mode, const axis *a, double x, int64_t first, wt_taps *t,
                  float *weight)
{
    const bool wide = wt_attr_int(attrs, "antialias", 0) != 0 && a->scale < 1;
    const bool inside_only = wt_attr_int(attrs, "exclude_outside", 0) != 0;
    const double shrink = wide ? a->scale : 1, alpha = (double)wt_attr_float(attrs, "cubic_coeff_a", -0.75f);
    double sum = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t k = 0; k < t->n; k++) {
            const int64_t at = first + (int64_t)k;
            const double d = ((double)at - x) * shrink;
            double w = mode == WT_RESIZE_CUBIC ? cubic(d, alpha) : fabs(d) < 1 ? 1 - fabs(d) : 0;
            if (inside_only && (at < 0 || at >= a->in))
                w = 0;
            if (pass == 0)
                sum += w;
            else
                weight[k] = (float)(wide || inside_only ? (sum != 0 ? w / sum : 0) : w);
        }
}

static wt_status fill_taps(const wt_prep *p, wt_resize_mode mode, const axis *a, wt_taps *t, wt_err *err)
{
    const bool single = mode == WT_RESIZE_NEAREST || a->out == 0;
    const int64_t reach = single ? 0 : reach_of(p->attrs, mode, a->scale);
    if (reach < 0)
        return wt_fail(err, WT_EUNSUPPORTED, "Resize: a scale of %g is too small", a->scale);
    t->n = single ? 1 : 2 * (size_t)reach;
    size_t entries;
    if (wt_mul_overflows(t->n, (size_t)a->out, &entries))
        return wt_fail(err, WT_ENOMEM, "Resize: too many weights");
    int64_t *index = wt_arena_alloc(p->arena, entries, sizeof *index, err);
    float *weight = wt_arena_alloc(p->arena, entries, sizeof *weight, err);
    bool *outside = wt_arena_alloc(p->arena, (size_t)a->out, sizeof *outside, err);
    if (!index || !weight || !outside)
        return WT_ENOMEM;
    for (int64_t i = 0; i < a->out; i++) {
        const double x = source_of(a, i);
        outside[i] = a->mode == CROP && (x < 0 || x > (double)(a->in - 1));
        t->any_outside |= outside[i];
        if (mode == WT_RESIZE_NEAREST) {
            index[i] = clamp_index(nearest(p->attrs, x), a->in);
            weight[i] = 1;
            continue;
        }
        if (!(fabs(x) < 0x1p52))
            return wt_fail(err, WT_EFORMAT, "Resize: a coordinate is too large");
        const int64_t first = (int64_t)floor(x) - reach + (floor(x) != x); /* a whole coordinate: one further left */
        weigh(p->attrs, mode, a, x, first, t, weight + (size_t)i * t->n);
        for (size_t k = 0; k < t->n; k++)
            index[(size_t)i * t->n + k] = clamp_index((double)(first + (int64_t)k), a->in);
    }
    t->index = index;
    t->weight = weight;
    t->outside = outside;
    return WT_OK;
}

/* roi of an axis, [starts..., ends...] over the named axes (all without them). */
static wt_status read_roi(const wt_prep *p, int dim, axis *a, wt_err *err)
{
    wt_ints axes;
    const wt_infer c = { .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
    WT_TRY(wt_infer_attr_ints(&c, "axes", &axes, err));
    const int rank = p->in[0]->shape.rank;
    const int64_t n = axes.state == WT_KNOWN ? axes.count : rank;
    a->start = 0, a->end = 1;
    for (int64_t k = 0; k < n; k++) {
        if (axes.state == WT_KNOWN && wt_axis(axes.v[k], rank, false) != dim)
            continue;
        if (axes.state != WT_KNOWN && k != dim)
            continue;
        if (!wt_has_in(p, 1) || !p->in[1]->data)
            return wt_fail(err, WT_EUNSUPPORTED,
                           "Resize: tf_crop_and_resize needs a roi that is known before the first run");
        if (!wt_tensor_double(p->in[1], k, &a->start) || !wt_tensor_double(p->in[1], n + k, &a->end))
            return wt_fail(err, WT_EFORMAT, "Resize: roi needs two numbers for each of %lld axes", (long long)n);
    }
    return WT_OK;
}

wt_status wt_resize_taps(const wt_prep *p, wt_taps taps[WT_MAX_RANK], wt_err *err)
{
    const wt_infer c = { .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
    const wt_shape *x = &p->in[0]->shape, *y = &p->out[0]->shape;
    wt_resize_plan plan;
    wt_resize_mode mode;
    coordinate how;
    WT_TRY(wt_resize_read(&c, &plan, err));
    if (plan.state != WT_KNOWN)
        return wt_fail(err, WT_EUNSUPPORTED, "Resize: scales or sizes must be known before the first run");
    read_mode(p->attrs, &mode);
    read_coordinate(p->attrs, &how);
    for (int d = 0; d < x->rank; d++) {
        axis a = { .mode = how, .scale = plan.scale[d], .in = x->dim[d], .out = y->dim[d], .start = 0, .end = 1 };
        taps[d] = (wt_taps){ 0 };
        if (plan.out[d] != y->dim[d])
            return wt_fail(err, WT_EFORMAT, "Resize: axis %d would become %lld, not %lld", d, (long long)plan.out[d],
                           (long long)y->dim[d]);
        if (!plan.resized[d])
            continue;
        if (how == CROP)
            WT_TRY(read_roi(p, d, &a, err));
        if (a.in == a.out && fabs(a.scale - 1) < 1e-9 && a.start == 0 && a.end == 1)
            continue;
        if (a.out > 0 && a.in == 0)
            return wt_fail(err, WT_EFORMAT, "Resize: axis %d is empty", d);
        WT_TRY(fill_taps(p, mode, &a, &taps[d], err));
    }
    return WT_OK;
}
