/* select.c - NonZero, Compress, Unique and NonMaxSuppression: what is selected. See select.h.
 *
 * Unique and NMS sort with a bottom-up merge sort: stable (equal items keep their order, which both definitions need)
 * and without recursion on hostile sizes. */
#include "model/shape/select.h"
#include "model/shape/shape.h"
#include <inttypes.h>
#include <math.h>

/* --- NonZero, Compress
 * ------------------------------------------------------------------------------------------------ */
bool wt_element_nonzero(const wt_tensor *x, int64_t i)
{
    double v = 0;
    int64_t n;
    if (x->dtype == WT_STRING) {
        wt_string s;
        memcpy(&s, (const uint8_t *)x->data + (size_t)i * sizeof s, sizeof s);
        return s.len != 0;
    }
    if (wt_dtype_is_float(x->dtype) || !wt_tensor_int(x, i, &n))
        return !wt_tensor_double(x, i, &v) || v != 0;
    return n != 0;
}

wt_status wt_nonzero_count(const wt_tensor *x, int64_t *count, wt_err *err)
{
    int64_t n = 0, total = 0;
    if (!wt_shape_count(&x->shape, &total))
        return wt_fail(err, WT_EFORMAT, "NonZero: the input has no countable shape");
    for (int64_t i = 0; i < total; i++)
        n += wt_element_nonzero(x, i);
    *count = n;
    return WT_OK;
}

wt_status wt_compress_count(const wt_infer *c, const wt_tensor *condition, int64_t limit, int64_t *count, wt_err *err)
{
    int64_t len, v = 0, n = 0;
    if (!wt_shape_count(&condition->shape, &len))
        return WT_OK;
    for (int64_t i = 0; i < len; i++) {
        if (!wt_tensor_int(condition, i, &v))
            return wt_infer_bad(c, err, "the condition is %s, expected bool", wt_dtype_get(condition->dtype)->name);
        if (v && i >= limit)
            return wt_infer_bad(c, err, "the condition selects element %" PRId64 " of %" PRId64, i, limit);
        n += v != 0;
    }
    *count = n;
    return WT_OK;
}

/* --- a stable sort of indices
 * ----------------------------------------------------------------------------------------- */
typedef bool before_fn(const void *arg, int64_t a, int64_t b); /* must b come before a? (strictly) */

static void merge(const void *arg, before_fn *later, const int64_t *from, int64_t *to, int64_t lo, int64_t mid,
                  int64_t hi)
{
    int64_t i = lo, j = mid;
    for (int64_t k = lo; k < hi; k++) {
        if (i < mid && (j >= hi || !later(arg, from[i], from[j])))
            to[k] = from[i++];
        else
            to[k] = from[j++];
    }
}

static void sort_stable(const void *arg, before_fn *later, int64_t *v, int64_t *tmp, int64_t n)
{
    int64_t *from = v, *to = tmp;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * width) {
            const int64_t mid = lo + width < n ? lo + width : n, hi = lo + 2 * width < n ? lo + 2 * width : n;
            merge(arg, later, from, to, lo, mid, hi);
        }
        int64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != v)
        memcpy(v, from, (size_t)n * sizeof *v);
}

/* --- Unique
 * ----------------------------------------------------------------------------------------------------------- */
wt_status wt_unique_read(const wt_infer *c, wt_unique *out, wt_err *err)
{
    const wt_shape *x = wt_rule_shape(c, 0);
    *out = (wt_unique){ .flat = !wt_attr_find(c->attrs, "axis"), .sorted = wt_attr_int(c->attrs, "sorted", 1) != 0 };
    return out->flat || x->rank < 0 ? WT_OK : wt_infer_axis(c, "axis", 0, x->rank, false, &out->axis, err);
}

int64_t wt_unique_items(const wt_unique *u, const wt_tensor *x)
{
    int64_t n = 0;
    if (!u->flat)
        return x->shape.dim[u->axis];
    return wt_shape_count(&x->shape, &n) ? n : 0;
}

static int compare_elements(const wt_tensor *x, int64_t a, int64_t b)
{
    if (x->dtype == WT_STRING) {
        const wt_string *s = x->data;
        const size_t n = s[a].len < s[b].len ? s[a].len : s[b].len;
        const int order = n ? memcmp(s[a].data, s[b].data, n) : 0;
        return order ? order : (s[a].len > s[b].len) - (s[a].len < s[b].len);
    }
    int64_t i = 0, j = 0;
    if (!wt_dtype_is_float(x->dtype) && wt_tensor_int(x, a, &i) && wt_tensor_int(x, b, &j))
        return (i > j) - (i < j);
    if (x->dtype == WT_U64) {
        const uint64_t *v = x->data;
        return (v[a] > v[b]) - (v[a] < v[b]);
    }
    double p = 0, q = 0;
    wt_tensor_double(x, a, &p);
    wt_tensor_double(x, b, &q);
    if (isnan(p) || isnan(q)) /* NaN last, all equal: an order must be total */
        return (isnan(p) != 0) - (isnan(q) != 0);
    return (p > q) - (p < q);
}

typedef struct unique_walk {
    const wt_tensor *x;
    int64_t outer, len, inner; /* x as [outer, len, inner]: items along len */
} unique_walk;

static unique_walk walk_of(const wt_unique *u, const wt_tensor *x)
{
    if (u->flat)
        return (unique_walk){ .x = x, .outer = 1, .len = wt_unique_items(u, x), .inner = 1 };
    return (unique_walk){ .x = x,
                          .outer = wt_shape_product(&x->shape, 0, u->axis),
                          .len = x->shape.dim[u->axis],
                          .inner = wt_shape_product(&x->shape, u->axis + 1, x->shape.rank) };
}

static int compare_items(const unique_walk *w, int64_t a, int64_t b)
{
    for (int64_t o = 0; o < w->outer; o++)
        for (int64_t i = 0; i < w->inner; i++) {
            const int64_t base = o * w->len * w->inner + i;
            const int order = compare_elements(w->x, base + a * w->inner, base + b * w->inner);
            if (order)
                return order;
        }
    return 0;
}

static bool item_later(const void *arg, int64_t a, int64_t b) { return compare_items(arg, a, b) > 0; }

void wt_unique_sort(const wt_unique *u, const wt_tensor *x, int64_t *order, int64_t *tmp)
{
    const unique_walk w = walk_of(u, x);
    for (int64_t i = 0; i < w.len; i++)
        order[i] = i;
    sort_stable(&w, item_later, order, tmp, w.len);
}

bool wt_unique_equal(const wt_unique *u, const wt_tensor *x, int64_t a, int64_t b)
{
    const unique_walk w = walk_of(u, x);
    return compare_items(&w, a, b) == 0;
}

wt_status wt_unique_count(wt_context *ctx, const wt_unique *u, const wt_tensor *x, int64_t *count, wt_err *err)
{
    const int64_t n = wt_unique_items(u, x);
    int64_t *order = wt_alloc_raw(ctx, (size_t)n, 2 * sizeof *order, err);
    if (!order)
        return WT_ENOMEM;
    wt_unique_sort(u, x, order, order + n);
    *count = n > 0;
    for (int64_t i = 1; i < n; i++)
        *count += !wt_unique_equal(u, x, order[i - 1], order[i]);
    wt_free(ctx, order);
    return WT_OK;
}

/* --- NonMaxSuppression
 * ------------------------------------------------------------------------------------------------ */
static wt_status nms_scalar(const wt_infer *c, size_t i, double *out, bool *given, wt_err *err)
{
    const wt_tensor *t = wt_rule_in(c, i);
    *given = t != NULL;
    if (t && !wt_tensor_double(t, 0, out))
        return wt_infer_bad(c, err, "input %zu is no number", i);
    return WT_OK;
}

wt_status wt_nms_read(const wt_infer *c, wt_nms *out, wt_err *err)
{
    const wt_shape *b = wt_rule_shape(c, 0), *s = wt_rule_shape(c, 1);
    double most = 0, iou = 0, threshold = 0;
    bool given;
    if (wt_rule_dtype(c, 0) != WT_F32 || wt_rule_dtype(c, 1) != WT_F32)
        return wt_infer_bad(c, err, "boxes and scores must be float32");
    WT_TRY(nms_scalar(c, 2, &most, &given, err));
    WT_TRY(nms_scalar(c, 3, &iou, &given, err));
    WT_TRY(nms_scalar(c, 4, &threshold, &given, err));
    if (!(iou >= 0 && iou <= 1))
        return wt_infer_bad(c, err, "the IoU threshold is %g, expected 0 to 1", iou);
    *out = (wt_nms){ .batches = b->dim[0],
                     .classes = s->dim[1],
                     .boxes = b->dim[1],
                     .box = c->in[0]->data,
                     .score = c->in[1]->data,
                     .max_per_class = most < 0                   ? 0
                                      : most > (double)b->dim[1] ? b->dim[1]
                                                                 : (int64_t)most,
                     .iou = (float)iou,
                     .threshold = (float)threshold,
                     .has_threshold = given,
                     .centered = wt_attr_int(c->attrs, "center_point_box", 0) != 0 };
    return WT_OK;
}

static bool score_later(const void *arg, int64_t a, int64_t b)
{
    const float *score = arg;
    return score[b] > score[a];
}

/* The corners of a box, in order. */
static void corners(const wt_nms *n, const float *b, float out[4])
{
    if (n->centered) { /* x, y, width, height */
        out[0] = b[1] - b[3] / 2, out[2] = b[1] + b[3] / 2;
        out[1] = b[0] - b[2] / 2, out[3] = b[0] + b[2] / 2;
        return;
    }
    out[0] = fminf(b[0], b[2]), out[2] = fmaxf(b[0], b[2]);
    out[1] = fminf(b[1], b[3]), out[3] = fmaxf(b[1], b[3]);
}

static bool overlaps(const wt_nms *n, const float *x, const float *y)
{
    float a[4], b[4];
    corners(n, x, a);
    corners(n, y, b);
    const float h = fminf(a[2], b[2]) - fmaxf(a[0], b[0]), w = fminf(a[3], b[3]) - fmaxf(a[1], b[1]);
    if (!(h > 0 && w > 0))
        return false;
    const float both = h * w, all = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both;
    return all > 0 && both / all > n->iou;
}

/* One class of one batch: work holds the boxes by falling score; the selected move to its front. */
static int64_t nms_class(const wt_nms *n, const float *box, const float *score, int64_t *work)
{
    int64_t candidates = 0, kept = 0;
    for (int64_t i = 0; i < n->boxes; i++)
        if (!n->has_threshold || score[i] > n->threshold)
            work[candidates++] = i;
    sort_stable(score, score_later, work, work + n->boxes, candidates);
    for (int64_t k = 0; k < candidates && kept < n->max_per_class; k++) {
        bool free_box = true;
        for (int64_t j = 0; free_box && j < kept; j++)
            free_box = !overlaps(n, box + 4 * work[k], box + 4 * work[j]);
        if (free_box)
            work[kept++] = work[k];
    }
    return kept;
}

int64_t wt_nms_select(const wt_nms *n, int64_t *work, int64_t *out)
{
    int64_t total = 0;
    for (int64_t b = 0; b < n->batches; b++)
        for (int64_t s = 0; s < n->classes; s++) {
            const int64_t kept = nms_class(n, n->box + b * n->boxes * 4, n->score + (b * n->classes + s) * n->boxes,
                                           work);
            for (int64_t k = 0; out && k < kept; k++) {
                int64_t *row = out + (total + k) * 3;
                row[0] = b, row[1] = s, row[2] = work[k];
            }
            total += kept;
        }
    return total;
}
