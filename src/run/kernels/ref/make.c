/* make.c - Constant, ConstantOfShape, Range, EyeLike, OneHot: tensors out of little. */
#include "run/kernels/ref/move.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"

#include <math.h>

/* --- Constant, ConstantOfShape
 * ------------------------------------------------------------------------------------------- */
typedef struct fill_params {
    const void *data; /* what is copied (Constant) or repeated */
    size_t bytes, elem;
    uint8_t value[16];
} fill_params;

static bool constant_accepts(const wt_prep *p) { return wt_has_out(p, 0) && p->out[0]->layout == WT_PLAIN; }

/* The bytes that a Constant's attribute holds. */
static const void *constant_bytes(const wt_attrs *attrs, fill_params *q)
{
    const wt_attr *a;
    if ((a = wt_attr_find(attrs, "value")) && a->type == WT_ATTR_TENSOR)
        return a->v.tensor->data;
    if ((a = wt_attr_find(attrs, "value_ints")) && a->type == WT_ATTR_INTS)
        return a->v.ints;
    if ((a = wt_attr_find(attrs, "value_floats")) && a->type == WT_ATTR_FLOATS)
        return a->v.floats;
    if ((a = wt_attr_find(attrs, "value_strings")) && a->type == WT_ATTR_STRINGS)
        return a->v.strings;
    if ((a = wt_attr_find(attrs, "value_int")) && a->type == WT_ATTR_INT)
        return memcpy(q->value, &a->v.i, sizeof a->v.i);
    if ((a = wt_attr_find(attrs, "value_float")) && a->type == WT_ATTR_FLOAT)
        return memcpy(q->value, &a->v.f, sizeof a->v.f);
    if ((a = wt_attr_find(attrs, "value_string")) && a->type == WT_ATTR_STRING)
        return memcpy(q->value, &a->v.s, sizeof a->v.s);
    return NULL;
}

static wt_status constant_prepare(wt_prep *p, wt_err *err)
{
    const wt_attr *a = wt_attr_find(p->attrs, "value");
    fill_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (!wt_tensor_size(p->out[0], &q->bytes))
        return wt_fail(err, WT_EFORMAT, "Constant: the output has no size");
    q->data = constant_bytes(p->attrs, q);
    if (!q->data || (a && a->type == WT_ATTR_TENSOR && a->v.tensor->bytes < q->bytes))
        return wt_fail(err, WT_EFORMAT, "Constant: no attribute holds the value");
    p->params = q;
    return WT_OK;
}

static wt_status constant_run(const wt_run *r, wt_err *err)
{
    const fill_params *q = r->params;
    (void)err;
    if (r->tid == 0 && q->bytes)
        memcpy(wt_tensor_mut(r->out[0]), q->data, q->bytes);
    return WT_OK;
}

static bool of_shape_accepts(const wt_prep *p)
{
    return wt_has_out(p, 0) && wt_elem_bytes(p->out[0]->dtype) != 0 && p->out[0]->layout == WT_PLAIN;
}

static wt_status of_shape_prepare(wt_prep *p, wt_err *err)
{
    const wt_attr *a = wt_attr_find(p->attrs, "value");
    fill_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->elem = wt_elem_bytes(p->out[0]->dtype);
    if (!wt_tensor_size(p->out[0], &q->bytes))
        return wt_fail(err, WT_EFORMAT, "ConstantOfShape: the output has no size");
    if (a && (a->type != WT_ATTR_TENSOR || a->v.tensor->dtype != p->out[0]->dtype || a->v.tensor->bytes < q->elem ||
              !a->v.tensor->data))
        return wt_fail(err, WT_EFORMAT, "ConstantOfShape: value must be a tensor of one element");
    if (a)
        memcpy(q->value, a->v.tensor->data, q->elem);
    p->params = q;
    p->max_threads = wt_move_threads(p, (double)q->bytes);
    return WT_OK;
}

static wt_status of_shape_run(const wt_run *r, wt_err *err)
{
    const fill_params *q = r->params;
    char *y = wt_tensor_mut(r->out[0]);
    size_t begin, end;
    (void)err;
    wt_split(q->bytes / q->elem, 64, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++)
        memcpy(y + i * q->elem, q->value, q->elem);
    return WT_OK;
}

/* --- Range
 * ------------------------------------------------------------------------------------------------------------- */
static bool range_accepts(const wt_prep *p)
{
    if (p->n_in != 3 || !wt_has_out(p, 0) || !wt_all_plain(p))
        return false;
    const wt_dtype t = p->out[0]->dtype;
    return (wt_dtype_is_float(t) || wt_is_int(t)) && wt_in_is(p, 0, t) && wt_in_is(p, 1, t) && wt_in_is(p, 2, t);
}

static wt_status range_run(const wt_run *r, wt_err *err)
{
    const wt_tensor *y = r->out[0];
    const size_t n = (size_t)y->shape.dim[0], elem = wt_elem_bytes(y->dtype);
    char *out = wt_tensor_mut(r->out[0]);
    double first = 0, step = 0;
    int64_t ifirst = 0, istep = 0;
    if (r->tid)
        return WT_OK;
    const bool ints = wt_is_int(y->dtype) && wt_tensor_int(r->in[0], 0, &ifirst) && wt_tensor_int(r->in[2], 0, &istep);
    wt_tensor_double(r->in[0], 0, &first);
    wt_tensor_double(r->in[2], 0, &step);
    for (size_t i = 0; i < n; i++) {
        const int64_t k = (int64_t)((uint64_t)ifirst + (uint64_t)istep * i);
        const double v = first + step * (double)i;
        WT_TRY(wt_convert(ints ? (const void *)&k : (const void *)&v, ints ? WT_I64 : WT_F64, out + i * elem, y->dtype,
                          1, true, err));
    }
    return WT_OK;
}

/* --- EyeLike
 * ----------------------------------------------------------------------------------------------------------- */
static bool eye_accepts(const wt_prep *p)
{
    return wt_has_out(p, 0) && p->out[0]->shape.rank == 2 && wt_elem_bytes(p->out[0]->dtype) != 0 &&
           p->out[0]->dtype != WT_STRING && p->out[0]->dtype != WT_C64 && p->out[0]->dtype != WT_C128 &&
           wt_all_plain(p);
}

static wt_status eye_prepare(wt_prep *p, wt_err *err)
{
    int64_t *k = wt_arena_alloc(p->arena, 1, sizeof *k, err);
    if (!k)
        return WT_ENOMEM;
    *k = wt_attr_int(p->attrs, "k", 0);
    p->params = k;
    return WT_OK;
}

static wt_status eye_run(const wt_run *r, wt_err *err)
{
    const int64_t k = *(const int64_t *)r->params, rows = r->out[0]->shape.dim[0], cols = r->out[0]->shape.dim[1];
    const size_t elem = wt_elem_bytes(r->out[0]->dtype);
    char *y = wt_tensor_mut(r->out[0]);
    const double one = 1;
    if (r->tid)
        return WT_OK;
    memset(y, 0, (size_t)rows * (size_t)cols * elem);
    for (int64_t i = 0; i < rows; i++)
        if (k > -rows && k < cols && i + k >= 0 && i + k < cols)
            WT_TRY(wt_convert(&one, WT_F64, y + (size_t)(i * cols + i + k) * elem, r->out[0]->dtype, 1, true, err));
    return WT_OK;
}

/* --- OneHot
 * ------------------------------------------------------------------------------------------------------------ */
typedef struct onehot_params {
    size_t outer, depth, inner, elem;
} onehot_params;

static bool onehot_accepts(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !wt_has_in(p, 2) || !wt_has_out(p, 0) || !wt_all_plain(p))
        return false;
    const wt_dtype at = p->in[0]->dtype;
    return (wt_is_int(at) || wt_dtype_is_float(at)) && p->in[2]->dtype == p->out[0]->dtype && wt_count(p->in[2]) == 2 &&
           wt_elem_bytes(p->out[0]->dtype) != 0;
}

static wt_status onehot_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *y = &p->out[0]->shape;
    const int axis = wt_axis(wt_attr_int(p->attrs, "axis", -1), y->rank, false);
    onehot_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (axis < 0)
        return wt_fail(err, WT_EFORMAT, "OneHot: axis does not exist in a result of rank %d", y->rank);
    *q = (onehot_params){ .outer = (size_t)wt_shape_product(y, 0, axis),
                          .depth = (size_t)y->dim[axis],
                          .inner = (size_t)wt_shape_product(y, axis + 1, y->rank),
                          .elem = wt_elem_bytes(p->out[0]->dtype) };
    p->params = q;
    return WT_OK;
}

static wt_status onehot_run(const wt_run *r, wt_err *err)
{
    const onehot_params *q = r->params;
    const char *values = r->in[2]->data;
    char *y = wt_tensor_mut(r->out[0]);
    (void)err;
    if (r->tid)
        return WT_OK;
    for (size_t i = 0; i < q->outer * q->depth * q->inner; i++)
        memcpy(y + i * q->elem, values, q->elem);
    for (size_t i = 0; i < q->outer * q->inner; i++) {
        double at = 0;
        wt_tensor_double(r->in[0], (int64_t)i, &at);
        at += at < 0 ? (double)q->depth : 0;
        if (!(at >= 0 && at < (double)q->depth)) /* out of range: all off */
            continue;
        memcpy(y + ((i / q->inner * q->depth + (size_t)at) * q->inner + i % q->inner) * q->elem, values + q->elem,
               q->elem);
    }
    return WT_OK;
}

const wt_kernel wt_make_rows[] = {
    { .name = "constant_ref",
      .op = WT_OP_CONSTANT,
      .accepts = constant_accepts,
      .prepare = constant_prepare,
      .run = constant_run },
    { .name = "constantofshape_ref",
      .op = WT_OP_CONSTANTOFSHAPE,
      .accepts = of_shape_accepts,
      .prepare = of_shape_prepare,
      .run = of_shape_run },
    { .name = "range_ref", .op = WT_OP_RANGE, .accepts = range_accepts, .run = range_run },
    { .name = "eyelike_ref", .op = WT_OP_EYELIKE, .accepts = eye_accepts, .prepare = eye_prepare, .run = eye_run },
    { .name = "onehot_ref",
      .op = WT_OP_ONEHOT,
      .accepts = onehot_accepts,
      .prepare = onehot_prepare,
      .run = onehot_run },
    { .name = NULL },
};
