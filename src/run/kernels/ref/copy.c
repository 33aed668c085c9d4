/* copy.c - operators that are one box of elements moved: Transpose, Slice, Expand, Tile, DepthToSpace, SpaceToDepth. */
#include "model/shape/shape.h"
#include "run/kernels/ref/move.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"

static bool copy_accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && p->out[0] && p->in[0]->dtype == p->out[0]->dtype && wt_elem_bytes(p->in[0]->dtype) != 0 &&
           wt_all_plain(p);
}

static wt_infer as_infer(const wt_prep *p)
{
    return (wt_infer){ .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
}

static wt_status describe_transpose(const wt_prep *p, wt_move *m, wt_err *err)
{
    const wt_infer c = as_infer(p);
    const wt_shape *x = &p->in[0]->shape;
    ptrdiff_t from[WT_MAX_RANK], to[WT_MAX_RANK];
    wt_ints perm;
    WT_TRY(wt_infer_attr_ints(&c, "perm", &perm, err));
    wt_strides(x, from);
    wt_strides(&p->out[0]->shape, to);
    for (int i = 0; i < x->rank; i++) {
        const int64_t axis = perm.state == WT_KNOWN ? perm.v[i] : x->rank - 1 - i;
        if (axis < 0 || axis >= x->rank || x->dim[axis] != p->out[0]->shape.dim[i])
            return wt_fail(err, WT_EFORMAT, "Transpose: perm does not fit the shapes");
        wt_move_dim(m, (size_t)x->dim[axis], from[axis], to[i]);
    }
    return WT_OK;
}

static wt_status describe_slice(const wt_prep *p, wt_move *m, wt_err *err)
{
    const wt_infer c = as_infer(p);
    ptrdiff_t from[WT_MAX_RANK], to[WT_MAX_RANK];
    wt_slice s;
    WT_TRY(wt_slice_read(&c, &s, err));
    wt_strides(&p->in[0]->shape, from);
    wt_strides(&p->out[0]->shape, to);
    for (int i = 0; i < s.rank; i++) {
        if (!s.known[i] || s.count[i] != p->out[0]->shape.dim[i])
            return wt_fail(err, WT_EUNSUPPORTED,
                           "Slice: starts, ends, axes and steps must be known before the first run");
        m->from_at += (ptrdiff_t)s.start[i] * from[i] * (ptrdiff_t)m->elem;
        wt_move_dim(m, (size_t)s.count[i], from[i] * (ptrdiff_t)s.step[i], to[i]);
    }
    return WT_OK;
}

/* Dims of the output; those of length 1 in the input are repeated. */
static wt_status describe_expand(const wt_prep *p, wt_move *m, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *y = &p->out[0]->shape;
    ptrdiff_t from[WT_MAX_RANK], to[WT_MAX_RANK];
    const int lead = y->rank - x->rank;
    wt_strides(x, from);
    wt_strides(y, to);
    for (int i = 0; i < y->rank; i++) {
        const int64_t have = i < lead ? 1 : x->dim[i - lead];
        if (have != 1 && have != y->dim[i])
            return wt_fail(err, WT_EFORMAT, "Expand: the shapes do not fit");
        wt_move_dim(m, (size_t)y->dim[i], have == 1 ? 0 : from[i - lead], to[i]);
    }
    return WT_OK;
}

static wt_status describe_tile(const wt_prep *p, wt_move *m, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *y = &p->out[0]->shape;
    ptrdiff_t from[WT_MAX_RANK], to[WT_MAX_RANK];
    (void)err;
    wt_strides(x, from);
    wt_strides(y, to);
    for (int i = 0; i < x->rank; i++) {
        const int64_t times = x->dim[i] ? y->dim[i] / x->dim[i] : 0;
        wt_move_dim(m, (size_t)times, 0, to[i] * (ptrdiff_t)x->dim[i]);
        wt_move_dim(m, (size_t)x->dim[i], from[i], to[i]);
    }
    return WT_OK;
}

/* The deep side as [n, block, block, c, h, w] (or c first: CRD), the wide side as [n, c, h, block, w, block]. */
static wt_status describe_blocks(const wt_prep *p, wt_move *m, wt_err *err)
{
    const bool to_space = p->op == WT_OP_DEPTHTOSPACE, crd = wt_attr_is(p->attrs, "mode", "CRD");
    const wt_shape *deep = to_space ? &p->in[0]->shape : &p->out[0]->shape,
                   *wide = to_space ? &p->out[0]->shape : &p->in[0]->shape;
    const ptrdiff_t b = (ptrdiff_t)wt_attr_int(p->attrs, "blocksize", 1), c = (ptrdiff_t)wide->dim[1],
                    h = (ptrdiff_t)deep->dim[2], w = (ptrdiff_t)deep->dim[3];
    const ptrdiff_t plane = h * w, row = w * b;
    const ptrdiff_t dim[6] = { (ptrdiff_t)deep->dim[0], c, h, b, w, b };
    const ptrdiff_t channel = crd ? b * b * plane : plane, block_y = crd ? b * plane : b * c * plane,
                    block_x = crd ? plane : c * plane;
    const ptrdiff_t ds[6] = { c * b * b * plane, channel, w, block_y, 1, block_x };
    const ptrdiff_t ws[6] = { c * b * b * plane, b * b * plane, b * row, row, b, 1 };
    (void)err;
    for (int i = 0; i < 6; i++)
        wt_move_dim(m, (size_t)dim[i], to_space ? ds[i] : ws[i], to_space ? ws[i] : ds[i]);
    return WT_OK;
}

static wt_status describe(const wt_prep *p, wt_move *m, wt_err *err)
{
    switch (p->op) {
    case WT_OP_TRANSPOSE: return describe_transpose(p, m, err);
    case WT_OP_SLICE: return describe_slice(p, m, err);
    case WT_OP_EXPAND: return describe_expand(p, m, err);
    case WT_OP_TILE: return describe_tile(p, m, err);
    default: return describe_blocks(p, m, err);
    }
}

static wt_status copy_prepare(wt_prep *p, wt_err *err)
{
    wt_move *m = wt_arena_alloc(p->arena, 1, sizeof *m, err);
    if (!m)
        return WT_ENOMEM;
    wt_move_begin(m, wt_elem_bytes(p->in[0]->dtype));
    WT_TRY(describe(p, m, err));
    wt_move_finish(m);
    p->params = m;
    p->max_threads = wt_move_threads(p, (double)wt_move_bytes(m));
    return WT_OK;
}

static wt_status copy_run(const wt_run *r, wt_err *err)
{
    (void)err;
    wt_move_run(r->params, r->in[0]->data, wt_tensor_mut(r->out[0]), r->tid, r->nthreads);
    return WT_OK;
}

#define ROW(code, text)                                                                                                \
    {                                                                                                                  \
        .name = text "_ref", .op = code, .accepts = copy_accepts, .prepare = copy_prepare, .run = copy_run             \
    }
const wt_kernel wt_copy_rows[] = {
    ROW(WT_OP_TRANSPOSE, "transpose"),
    ROW(WT_OP_SLICE, "slice"),
    ROW(WT_OP_EXPAND, "expand"),
    ROW(WT_OP_TILE, "tile"),
    ROW(WT_OP_DEPTHTOSPACE, "depthtospace"),
    ROW(WT_OP_SPACETODEPTH, "spacetodepth"),
    { .name = NULL },
};
