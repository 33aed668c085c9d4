/* scatter.c - ScatterElements and ScatterND: a copy of the data, into which updates are written or folded.
 *
 * One thread: updates may hit the same place, and then their order decides. */
#include "run/kernels/ref/binary.h"
#include "run/kernels/ref/move.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include <inttypes.h>

typedef struct scatter_params {
    size_t bytes, elem, n, inner; /* of data; of an element; updates; elements of one update */
    bool wide;
    wt_binary_fn *fold; /* NULL: replace */
    wt_dtype half;
    int rank, axis;    /* ScatterElements */
    size_t len, width; /* ScatterND: coordinates of an index */
    size_t dim[WT_MAX_RANK], stride[WT_MAX_RANK];
} scatter_params;

static bool fold_of(const wt_prep *p, wt_binary_fn **fold)
{
    const wt_dtype dtype = wt_is_half(p->in[0]->dtype) ? WT_F32 : p->in[0]->dtype;
    *fold = NULL;
    if (!wt_attr_find(p->attrs, "reduction") || wt_attr_is(p->attrs, "reduction", "none"))
        return true;
    if (wt_attr_is(p->attrs, "reduction", "add"))
        *fold = wt_binary_fold(WT_OP_ADD, dtype);
    else if (wt_attr_is(p->attrs, "reduction", "mul"))
        *fold = wt_binary_fold(WT_OP_MUL, dtype);
    else if (wt_attr_is(p->attrs, "reduction", "max"))
        *fold = wt_binary_fold(WT_OP_MAX, dtype);
    else if (wt_attr_is(p->attrs, "reduction", "min"))
        *fold = wt_binary_fold(WT_OP_MIN, dtype);
    return *fold != NULL;
}

static bool scatter_accepts(const wt_prep *p)
{
    wt_binary_fn *fold;
    return wt_has_in(p, 0) && wt_has_in(p, 1) && wt_has_in(p, 2) && p->out[0] && p->out[0]->dtype == p->in[0]->dtype &&
           p->in[2]->dtype == p->in[0]->dtype && (p->in[1]->dtype == WT_I64 || p->in[1]->dtype == WT_I32) &&
           wt_all_plain(p) && wt_elem_bytes(p->in[0]->dtype) != 0 && fold_of(p, &fold);
}

static scatter_params *params_new(wt_prep *p, wt_err *err)
{
    scatter_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return NULL;
    q->elem = wt_elem_bytes(p->in[0]->dtype);
    q->bytes = wt_count(p->in[0]) * q->elem;
    q->wide = p->in[1]->dtype == WT_I64;
    q->half = wt_is_half(p->in[0]->dtype) ? p->in[0]->dtype : WT_DTYPE_NONE;
    fold_of(p, &q->fold);
    p->params = q;
    return q;
}

static wt_status elements_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *at = &p->in[1]->shape, *u = &p->in[2]->shape;
    ptrdiff_t stride[WT_MAX_RANK];
    scatter_params *q = params_new(p, err);
    if (!q)
        return WT_ENOMEM;
    q->rank = x->rank;
    q->axis = wt_axis(wt_attr_int(p->attrs, "axis", 0), x->rank, false);
    if (q->axis < 0 || at->rank != x->rank || !wt_shape_equal(at, u))
        return wt_fail(err, WT_EFORMAT, "ScatterElements: axis, indices and updates do not fit the data");
    wt_strides(x, stride);
    for (int i = 0; i < x->rank; i++) {
        if (i != q->axis && at->dim[i] > x->dim[i])
            return wt_fail(err, WT_EFORMAT, "ScatterElements: dimension %d of the indices is longer than the data's",
                           i);
        q->dim[i] = (size_t)at->dim[i];
        q->stride[i] = (size_t)stride[i];
    }
    q->n = wt_count(p->in[1]);
    q->inner = 1;
    q->len = (size_t)x->dim[q->axis];
    return WT_OK;
}

static wt_status nd_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *at = &p->in[1]->shape, *u = &p->in[2]->shape;
    const int64_t width = at->rank > 0 ? at->dim[at->rank - 1] : 0;
    ptrdiff_t stride[WT_MAX_RANK];
    scatter_params *q = params_new(p, err);
    if (!q)
        return WT_ENOMEM;
    if (width < 1 || width > x->rank || u->rank != at->rank - 1 + x->rank - (int)width)
        return wt_fail(err, WT_EFORMAT, "ScatterND: indices and updates do not fit the data");
    for (int i = 0; i < u->rank; i++)
        if (u->dim[i] != (i < at->rank - 1 ? at->dim[i] : x->dim[i - (at->rank - 1) + (int)width]))
            return wt_fail(err, WT_EFORMAT, "ScatterND: dimension %d of the updates does not fit", i);
    wt_strides(x, stride);
    q->width = (size_t)width;
    for (int64_t i = 0; i < width; i++) {
        q->dim[i] = (size_t)x->dim[i];
        q->stride[i] = (size_t)stride[i];
    }
    q->n = (size_t)wt_shape_product(at, 0, at->rank - 1);
    q->inner = (size_t)wt_shape_product(x, (int)width, x->rank);
    return WT_OK;
}

static int64_t index_at(const scatter_params *q, const void *indices, size_t i)
{
    return q->wide ? ((const int64_t *)indices)[i] : ((const int32_t *)indices)[i];
}

static wt_status add_index(int64_t index, size_t len, size_t stride, size_t *at, wt_err *err)
{
    const int64_t i = index < 0 ? index + (int64_t)len : index;
    if (i < 0 || (uint64_t)i >= len)
        return wt_fail(err, WT_EFORMAT, "index %" PRId64 " is outside an axis of length %zu", index, len);
    *at += (size_t)i * stride;
    return WT_OK;
}

/* Element offset that update i goes to. */
static wt_status place(const scatter_params *q, const void *indices, size_t i, size_t *at, wt_err *err)
{
    *at = 0;
    for (size_t k = 0; k < q->width; k++)
        WT_TRY(add_index(index_at(q, indices, i * q->width + k), q->dim[k], q->stride[k], at, err));
    if (q->width)
        return WT_OK;
    size_t rest = i;
    for (int d = q->rank - 1; d >= 0; d--) {
        if (d != q->axis)
            *at += rest % q->dim[d] * q->stride[d];
        rest /= q->dim[d];
    }
    return add_index(index_at(q, indices, i), q->len, q->stride[q->axis], at, err);
}

static void write_update(const scatter_params *q, char *y, const char *u)
{
    if (!q->fold) {
        memcpy(y, u, q->inner * q->elem);
    } else if (!q->half) {
        q->fold(y, 1, u, 1, y, q->inner);
    } else {
        for (size_t k = 0; k < q->inner; k++) {
            uint16_t *old = (uint16_t *)(void *)y + k;
            float a, b;
            wt_half_load(q->half, old, &a, 1);
            wt_half_load(q->half, (const uint16_t *)(const void *)u + k, &b, 1);
            q->fold(&a, 1, &b, 1, &a, 1);
            wt_half_store(q->half, &a, old, 1);
        }
    }
}

static wt_status scatter_run(const wt_run *r, wt_err *err)
{
    const scatter_params *q = r->params;
    const char *u = r->in[2]->data;
    char *y = wt_tensor_mut(r->out[0]);
    size_t at;
    if (r->tid)
        return WT_OK;
    if (y != r->in[0]->data)
        memcpy(y, r->in[0]->data, q->bytes);
    for (size_t i = 0; i < q->n; i++) {
        WT_TRY(place(q, r->in[1]->data, i, &at, err));
        write_update(q, y + at * q->elem, u + i * q->inner * q->elem);
    }
    return WT_OK;
}

const wt_kernel wt_scatter_rows[] = {
    { .name = "scatterelements_ref",
      .op = WT_OP_SCATTERELEMENTS,
      .accepts = scatter_accepts,
      .prepare = elements_prepare,
      .run = scatter_run,
      .in_place = true },
    { .name = "scatternd_ref",
      .op = WT_OP_SCATTERND,
      .accepts = scatter_accepts,
      .prepare = nd_prepare,
      .run = scatter_run,
      .in_place = true },
    { .name = NULL },
};
