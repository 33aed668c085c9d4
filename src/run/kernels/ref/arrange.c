/* arrange.c - Trilu, ReverseSequence, Col2Im, Dropout: data that stays or goes by position. */
#include "base/hash.h"
#include "model/shape/shape.h"
#include "run/kernels/ref/move.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"

/* --- Trilu
 * ------------------------------------------------------------------------------------------------------------- */
static bool same_plain(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_has_out(p, 0) && p->in[0]->dtype == p->out[0]->dtype &&
           wt_elem_bytes(p->in[0]->dtype) != 0 && wt_all_plain(p);
}

static bool trilu_accepts(const wt_prep *p)
{
    return same_plain(p) && p->in[0]->shape.rank >= 2 && (!wt_has_in(p, 1) || wt_in_is(p, 1, WT_I64));
}

static wt_status trilu_prepare(wt_prep *p, wt_err *err)
{
    bool *upper = wt_arena_alloc(p->arena, 1, sizeof *upper, err);
    if (!upper)
        return WT_ENOMEM;
    *upper = wt_attr_int(p->attrs, "upper", 1) != 0;
    p->params = upper;
    p->max_threads = wt_move_threads(p, (double)wt_count(p->in[0]) * (double)wt_elem_bytes(p->in[0]->dtype));
    return WT_OK;
}

static wt_status trilu_run(const wt_run *r, wt_err *err)
{
    const bool upper = *(const bool *)r->params;
    const wt_shape *s = &r->in[0]->shape;
    const int64_t rows = s->dim[s->rank - 2], cols = s->dim[s->rank - 1];
    const size_t elem = wt_elem_bytes(r->in[0]->dtype), row_bytes = (size_t)cols * elem;
    const char *x = r->in[0]->data;
    char *y = wt_tensor_mut(r->out[0]);
    int64_t k = 0;
    size_t begin, end;
    (void)err;
    if (wt_run_has(r, 1))
        wt_tensor_int(r->in[1], 0, &k);
    k = k < -rows ? -rows : k > cols ? cols : k;
    wt_split((size_t)wt_shape_product(s, 0, s->rank - 1), 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        int64_t cut = (int64_t)(i % (size_t)rows) + k + (upper ? 0 : 1); /* first column of the right part */
        cut = cut < 0 ? 0 : cut > cols ? cols : cut;
        const size_t left = (size_t)cut * elem, at = i * row_bytes;
        if (upper) {
            memset(y + at, 0, left);
            memmove(y + at + left, x + at + left, row_bytes - left);
        } else {
            memmove(y + at, x + at, left);
            memset(y + at + left, 0, row_bytes - left);
        }
    }
    return WT_OK;
}

/* --- ReverseSequence
 * --------------------------------------------------------------------------------------------------- */
static bool reverse_accepts(const wt_prep *p)
{
    return same_plain(p) && wt_in_is(p, 1, WT_I64) && p->in[0]->shape.rank >= 2;
}

typedef struct reverse_params {
    bool batch_first; /* else time first */
    size_t batch, time, inner;
} reverse_params;

static wt_status reverse_prepare(wt_prep *p, wt_err *err)
{
    const int64_t batch = wt_attr_int(p->attrs, "batch_axis", 1), time = wt_attr_int(p->attrs, "time_axis", 0);
    const wt_shape *s = &p->in[0]->shape;
    reverse_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (!((batch == 0 && time == 1) || (batch == 1 && time == 0)))
        return wt_fail(err, WT_EFORMAT, "ReverseSequence: batch_axis and time_axis must be 0 and 1, in either order");
    q->batch_first = batch == 0;
    q->batch = (size_t)s->dim[batch];
    q->time = (size_t)s->dim[time];
    q->inner = (size_t)wt_shape_product(s, 2, s->rank) * wt_elem_bytes(p->in[0]->dtype);
    if (wt_count(p->in[1]) != q->batch)
        return wt_fail(err, WT_EFORMAT, "ReverseSequence: %zu lengths for %zu sequences", wt_count(p->in[1]), q->batch);
    p->params = q;
    return WT_OK;
}

static wt_status reverse_run(const wt_run *r, wt_err *err)
{
    const reverse_params *q = r->params;
    const int64_t *len = r->in[1]->data;
    const char *x = r->in[0]->data;
    char *y = wt_tensor_mut(r->out[0]);
    if (r->tid)
        return WT_OK;
    for (size_t b = 0; b < q->batch; b++) {
        if (len[b] < 0 || (uint64_t)len[b] > q->time)
            return wt_fail(err, WT_EFORMAT, "ReverseSequence: length %lld of sequence %zu is not in 0..%zu",
                           (long long)len[b], b, q->time);
        for (size_t t = 0; t < q->time; t++) {
            const size_t from = t < (size_t)len[b] ? (size_t)len[b] - 1 - t : t;
            const size_t to_at = q->batch_first ? b * q->time + t : t * q->batch + b;
            const size_t from_at = q->batch_first ? b * q->time + from : from * q->batch + b;
            memcpy(y + to_at * q->inner, x + from_at * q->inner, q->inner);
        }
    }
    return WT_OK;
}

/* --- Col2Im: overlapping blocks are added up
 * -------------------------------------------------------------------------------- */
typedef struct col2im_params {
    int rank;
    size_t images, block, columns, size; /* images: batch * channels */
    int64_t image[WT_MAX_RANK], kernel[WT_MAX_RANK], dilation[WT_MAX_RANK], begin[WT_MAX_RANK], stride[WT_MAX_RANK],
        steps[WT_MAX_RANK];
} col2im_params;

static bool col2im_accepts(const wt_prep *p)
{
    return wt_has_in(p, 1) && wt_has_in(p, 2) && wt_in_is(p, 0, WT_F32) && wt_out_is(p, 0, WT_F32) && wt_all_plain(p);
}

static wt_status spatial_attr(const wt_infer *c, const char *name, int n, int64_t fallback, int64_t least, int64_t *out,
                              wt_err *err)
{
    wt_ints v;
    WT_TRY(wt_infer_attr_ints(c, name, &v, err));
    if (v.state == WT_KNOWN && v.count != n)
        return wt_infer_bad(c, err, "%s has %lld entries, expected %d", name, (long long)v.count, n);
    for (int i = 0; i < n; i++) {
        out[i] = v.state == WT_KNOWN ? v.v[i] : fallback;
        if (out[i] < least || out[i] > INT32_MAX)
            return wt_infer_bad(c, err, "%s %d is %lld", name, i, (long long)out[i]);
    }
    return WT_OK;
}

static wt_status col2im_prepare(wt_prep *p, wt_err *err)
{
    const wt_infer c = { .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
    const wt_shape *x = &p->in[0]->shape, *y = &p->out[0]->shape;
    int64_t pads[2 * WT_MAX_RANK], columns = 1, block = 1;
    wt_ints kernel;
    col2im_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->rank = y->rank - 2;
    WT_TRY(wt_infer_ints(&c, 2, &kernel, err));
    if (kernel.state != WT_KNOWN || kernel.count != q->rank || q->rank < 1)
        return wt_fail(err, WT_EUNSUPPORTED, "Col2Im: block_shape must be known before the first run");
    WT_TRY(spatial_attr(&c, "dilations", q->rank, 1, 1, q->dilation, err));
    WT_TRY(spatial_attr(&c, "strides", q->rank, 1, 1, q->stride, err));
    WT_TRY(spatial_attr(&c, "pads", 2 * q->rank, 0, 0, pads, err));
    for (int i = 0; i < q->rank; i++) {
        q->image[i] = y->dim[2 + i];
        q->kernel[i] = kernel.v[i];
        q->begin[i] = pads[i];
        int64_t reach;
        if (kernel.v[i] < 1 || kernel.v[i] > INT32_MAX ||
            __builtin_mul_overflow(q->dilation[i], kernel.v[i] - 1, &reach))
            return wt_fail(err, WT_EFORMAT, "Col2Im: block %d is %lld", i, (long long)kernel.v[i]);
        const int64_t room = q->image[i] + pads[i] + pads[q->rank + i] - reach - 1;
        q->steps[i] = room < 0 ? 0 : room / q->stride[i] + 1;
        WT_TRY(wt_dim_mul(&c, columns, q->steps[i], &columns, err));
        WT_TRY(wt_dim_mul(&c, block, kernel.v[i], &block, err));
    }
    if (x->rank != 3 || x->dim[2] != columns || x->dim[1] != block * y->dim[1])
        return wt_fail(err, WT_EFORMAT, "Col2Im: %lld columns of %lld rows expected", (long long)columns,
                       (long long)(block * y->dim[1]));
    q->block = (size_t)block;
    q->columns = (size_t)columns;
    q->images = (size_t)(y->dim[0] * y->dim[1]);
    q->size = (size_t)wt_shape_product(y, 2, y->rank);
    p->params = q;
    p->max_threads = q->images > 1 ? wt_worth_threads(p, 4.0 * (double)wt_count(p->in[0])) : 1;
    return WT_OK;
}

/* Row `row` (a position of the block) of one image. */
static void add_row(const col2im_params *q, const float *x, size_t row, float *y)
{
    for (size_t col = 0; col < q->columns; col++) {
        size_t r = row, c = col, at = 0, step = 1;
        bool inside = true;
        for (int d = q->rank - 1; d >= 0; d--) {
            const int64_t i = (int64_t)(c % (size_t)q->steps[d]) * q->stride[d] +
                              (int64_t)(r % (size_t)q->kernel[d]) * q->dilation[d] - q->begin[d];
            c /= (size_t)q->steps[d];
            r /= (size_t)q->kernel[d];
            inside = inside && i >= 0 && i < q->image[d];
            at += inside ? (size_t)i * step : 0;
            step *= (size_t)q->image[d];
        }
        if (inside)
            y[at] += x[row * q->columns + col];
    }
}

static wt_status col2im_run(const wt_run *r, wt_err *err)
{
    const col2im_params *q = r->params;
    size_t begin, end;
    (void)err;
    wt_split(q->images, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        float *y = wt_out_f32(r, 0) + i * q->size;
        memset(y, 0, q->size * sizeof *y);
        for (size_t row = 0; row < q->block; row++)
            add_row(q, wt_in_f32(r, 0) + i * q->block * q->columns, row, y);
    }
    return WT_OK;
}

/* --- Dropout
 * ----------------------------------------------------------------------------------------------------------- */
typedef struct dropout_params {
    uint64_t seed;
} dropout_params;

static bool dropout_accepts(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !wt_has_out(p, 0) || p->in[0]->dtype != p->out[0]->dtype || !wt_all_plain(p))
        return false;
    return wt_dtype_is_float(p->in[0]->dtype) && (!wt_has_out(p, 1) || p->out[1]->dtype == WT_BOOL) &&
           (!wt_has_in(p, 2) || p->in[2]->dtype == WT_BOOL);
}

static wt_status dropout_prepare(wt_prep *p, wt_err *err)
{
    const wt_attr *seed = wt_attr_find(p->attrs, "seed");
    dropout_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->seed = wt_context_seed(p->ctx) + (seed && seed->type == WT_ATTR_INT ? (uint64_t)seed->v.i : 0);
    p->params = q;
    return WT_OK;
}

static wt_status dropout_run(const wt_run *r, wt_err *err)
{
    const wt_tensor *x = r->in[0];
    const size_t n = wt_count(x), elem = wt_elem_bytes(x->dtype);
    const bool train = wt_run_has(r, 2) && *(const uint8_t *)r->in[2]->data;
    char *y = wt_tensor_mut(r->out[0]);
    uint8_t *mask = r->n_out > 1 && r->out[1] ? wt_tensor_mut(r->out[1]) : NULL;
    uint64_t state = ((const dropout_params *)r->params)->seed;
    double ratio = 0.5, v = 0;
    if (r->tid)
        return WT_OK;
    if (wt_run_has(r, 1))
        wt_tensor_double(r->in[1], 0, &ratio);
    if (!train || ratio == 0) {
        if (y != x->data)
            memcpy(y, x->data, n * elem);
        if (mask)
            memset(mask, 1, n);
        return WT_OK;
    }
    if (!(ratio > 0 && ratio < 1))
        return wt_fail(err, WT_EFORMAT, "Dropout: the ratio is %g, expected 0 to 1", ratio);
    for (size_t i = 0; i < n; i++) {
        const bool keep = wt_random_unit(&state) >= ratio;
        wt_tensor_double(x, (int64_t)i, &v);
        v = keep ? v / (1 - ratio) : 0;
        WT_TRY(wt_convert(&v, WT_F64, y + i * elem, x->dtype, 1, true, err));
        if (mask)
            mask[i] = keep;
    }
    return WT_OK;
}

const wt_kernel wt_arrange_rows[] = {
    { .name = "trilu_ref",
      .op = WT_OP_TRILU,
      .accepts = trilu_accepts,
      .prepare = trilu_prepare,
      .run = trilu_run,
      .in_place = true },
    { .name = "reversesequence_ref",
      .op = WT_OP_REVERSESEQUENCE,
      .accepts = reverse_accepts,
      .prepare = reverse_prepare,
      .run = reverse_run },
    { .name = "col2im_ref",
      .op = WT_OP_COL2IM,
      .accepts = col2im_accepts,
      .prepare = col2im_prepare,
      .run = col2im_run },
    WT_HALF_ROW("col2im_half_ref", WT_OP_COL2IM),
    { .name = "dropout_ref",
      .op = WT_OP_DROPOUT,
      .accepts = dropout_accepts,
      .prepare = dropout_prepare,
      .run = dropout_run,
      .in_place = true },
    { .name = NULL },
};
