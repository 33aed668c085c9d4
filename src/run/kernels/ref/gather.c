/* gather.c - Gather, GatherElements, GatherND. Indices are data: each is checked when it is used. */
#include "run/kernels/ref/move.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include <inttypes.h>

typedef struct gather_params {
    size_t outer, len, inner; /* data as [outer, len, inner]; inner in bytes */
    size_t n;                 /* indices (Gather: for each outer; else all) */
    size_t elem;
    bool wide; /* int64 indices */
    /* GatherElements */
    int rank, axis;
    size_t dim[WT_MAX_RANK], stride[WT_MAX_RANK];
    /* GatherND */
    size_t width, batches, per_batch;
} gather_params;

static bool gather_accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_has_in(p, 1) && p->out[0] && p->out[0]->dtype == p->in[0]->dtype && wt_all_plain(p) &&
           (p->in[1]->dtype == WT_I64 || p->in[1]->dtype == WT_I32) && wt_elem_bytes(p->in[0]->dtype) != 0;
}

static int64_t index_at(const gather_params *q, const void *indices, size_t i)
{
    return q->wide ? ((const int64_t *)indices)[i] : ((const int32_t *)indices)[i];
}

static wt_status bad_index(int64_t index, size_t at, size_t len, wt_err *err)
{
    return wt_fail(err, WT_EFORMAT, "index %" PRId64 " at position %zu is outside an axis of length %zu", index, at,
                   len);
}

/* false: outside */
static inline bool normalize(int64_t index, size_t len, size_t *out)
{
    const int64_t i = index < 0 ? index + (int64_t)len : index;
    *out = (size_t)i;
    return i >= 0 && (uint64_t)i < len;
}

static gather_params *params_new(wt_prep *p, wt_err *err)
{
    gather_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return NULL;
    q->elem = wt_elem_bytes(p->in[0]->dtype);
    q->wide = p->in[1]->dtype == WT_I64;
    q->n = wt_count(p->in[1]);
    p->params = q;
    return q;
}

/* --- Gather
 * ------------------------------------------------------------------------------------------------------------ */
static wt_status gather_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape;
    const int axis = wt_axis(wt_attr_int(p->attrs, "axis", 0), x->rank, false);
    gather_params *q = params_new(p, err);
    if (!q)
        return WT_ENOMEM;
    if (axis < 0)
        return wt_fail(err, WT_EFORMAT, "Gather: axis does not exist in a tensor of rank %d", x->rank);
    q->outer = (size_t)wt_shape_product(x, 0, axis);
    q->len = (size_t)x->dim[axis];
    q->inner = (size_t)wt_shape_product(x, axis + 1, x->rank) * q->elem;
    p->max_threads = wt_move_threads(p, (double)q->outer * (double)q->n * (double)q->inner);
    return WT_OK;
}

static wt_status gather_run(const wt_run *r, wt_err *err)
{
    const gather_params *q = r->params;
    const char *x = r->in[0]->data;
    char *y = wt_tensor_mut(r->out[0]);
    const void *indices = r->in[1]->data;
    size_t begin, end;
    wt_split(q->outer * q->n, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        const size_t o = i / q->n, k = i % q->n;
        const int64_t index = index_at(q, indices, k);
        size_t at;
        if (!normalize(index, q->len, &at))
            return bad_index(index, k, q->len, err);
        const char *from = x + (o * q->len + at) * q->inner;
        if (q->inner == 4)
            memcpy(y + i * 4, from, 4);
        else if (q->inner == 8)
            memcpy(y + i * 8, from, 8);
        else
            memcpy(y + i * q->inner, from, q->inner);
    }
    return WT_OK;
}

/* --- GatherElements
 * ---------------------------------------------------------------------------------------------------- */
static wt_status elements_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *at = &p->in[1]->shape;
    ptrdiff_t stride[WT_MAX_RANK];
    gather_params *q = params_new(p, err);
    if (!q)
        return WT_ENOMEM;
    q->rank = x->rank;
    q->axis = wt_axis(wt_attr_int(p->attrs, "axis", 0), x->rank, false);
    if (q->axis < 0 || at->rank != x->rank)
        return wt_fail(err, WT_EFORMAT, "GatherElements: axis or the rank of the indices does not fit the data");
    wt_strides(x, stride);
    for (int i = 0; i < x->rank; i++) {
        q->dim[i] = (size_t)at->dim[i];
        q->stride[i] = (size_t)stride[i];
        if (i != q->axis && at->dim[i] > x->dim[i])
            return wt_fail(err, WT_EFORMAT, "GatherElements: dimension %d of the indices is longer than the data's", i);
    }
    q->len = (size_t)x->dim[q->axis];
    p->max_threads = wt_move_threads(p, 8.0 * (double)q->n);
    return WT_OK;
}

/* Element offset in the data of position i of the indices, all axes but the gathered one. */
static size_t elements_base(const gather_params *q, size_t i)
{
    size_t base = 0;
    for (int d = q->rank - 1; d >= 0; d--) {
        base += d == q->axis ? 0 : i % q->dim[d] * q->stride[d];
        i /= q->dim[d];
    }
    return base;
}

static wt_status elements_run(const wt_run *r, wt_err *err)
{
    const gather_params *q = r->params;
    const char *x = r->in[0]->data;
    char *y = wt_tensor_mut(r->out[0]);
    size_t begin, end;
    wt_split(q->n, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        const int64_t index = index_at(q, r->in[1]->data, i);
        size_t at;
        if (!normalize(index, q->len, &at))
            return bad_index(index, i, q->len, err);
        memcpy(y + i * q->elem, x + (elements_base(q, i) + at * q->stride[q->axis]) * q->elem, q->elem);
    }
    return WT_OK;
}

/* --- GatherND
 * ---------------------------------------------------------------------------------------------------------- */
static wt_status nd_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *at = &p->in[1]->shape;
    const int64_t batch = wt_attr_int(p->attrs, "batch_dims", 0), width = at->rank > 0 ? at->dim[at->rank - 1] : 0;
    ptrdiff_t stride[WT_MAX_RANK];
    gather_params *q = params_new(p, err);
    if (!q)
        return WT_ENOMEM;
    if (batch < 0 || width < 1 || batch >= at->rank || batch + width > x->rank)
        return wt_fail(err, WT_EFORMAT, "GatherND: indices of %lld coordinates do not fit the data", (long long)width);
    wt_strides(x, stride);
    q->width = (size_t)width;
    for (int64_t i = 0; i < width; i++) {
        q->dim[i] = (size_t)x->dim[batch + i];
        q->stride[i] = (size_t)stride[batch + i] * q->elem;
    }
    q->batches = (size_t)wt_shape_product(x, 0, (int)batch);
    q->per_batch = (size_t)wt_shape_product(at, (int)batch, at->rank - 1);
    q->outer = (size_t)wt_shape_product(x, (int)batch, x->rank) * q->elem; /* bytes of one batch */
    q->inner = (size_t)wt_shape_product(x, (int)(batch + width), x->rank) * q->elem;
    if (wt_shape_product(at, 0, (int)batch) != (int64_t)q->batches)
        return wt_fail(err, WT_EFORMAT, "GatherND: the batches of data and indices differ");
    p->max_threads = wt_move_threads(p, (double)q->batches * (double)q->per_batch * (double)(q->inner + 8));
    return WT_OK;
}

static wt_status nd_run(const wt_run *r, wt_err *err)
{
    const gather_params *q = r->params;
    const char *x = r->in[0]->data;
    char *y = wt_tensor_mut(r->out[0]);
    size_t begin, end;
    wt_split(q->batches * q->per_batch, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        size_t from = i / q->per_batch * q->outer, at;
        for (size_t k = 0; k < q->width; k++) {
            const int64_t index = index_at(q, r->in[1]->data, i * q->width + k);
            if (!normalize(index, q->dim[k], &at))
                return bad_index(index, i * q->width + k, q->dim[k], err);
            from += at * q->stride[k];
        }
        memcpy(y + i * q->inner, x + from, q->inner);
    }
    return WT_OK;
}

const wt_kernel wt_gather_rows[] = {
    { .name = "gather_ref",
      .op = WT_OP_GATHER,
      .accepts = gather_accepts,
      .prepare = gather_prepare,
      .run = gather_run },
    { .name = "gatherelements_ref",
      .op = WT_OP_GATHERELEMENTS,
      .accepts = gather_accepts,
      .prepare = elements_prepare,
      .run = elements_run },
    { .name = "gathernd_ref", .op = WT_OP_GATHERND, .accepts = gather_accepts, .prepare = nd_prepare, .run = nd_run },
    { .name = NULL },
};
