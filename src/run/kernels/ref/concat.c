/* concat.c - Concat and Split: one box per part. In C16 both work on axis 1 where every part has whole blocks of
 * channels (but the last part of a Concat, whose padding lanes are the result's). */
#include "model/shape/shape.h"
#include "run/kernels/ref/move.h"
#include "run/kernels/ref/rows.h"

typedef struct parts_params {
    bool split;
    size_t n;
    wt_move *moves;
} parts_params;

/* Bytes of one step along the axis on the concatenated side, and how long one stretch of a part is: a tensor is
 * [outer][axis][inner], C16 on axis 1 [outer][blocks][inner * 16]. */
static bool axis_of(const wt_prep *p, const wt_tensor *whole, int *axis)
{
    *axis = wt_axis(wt_attr_int(p->attrs, "axis", 0), whole->shape.rank, false);
    return *axis >= 0;
}

static bool parts_fit(const wt_prep *p, const wt_tensor *whole, const wt_tensor *const *parts, size_t n)
{
    int axis;
    if (!whole || !axis_of(p, whole, &axis) || wt_elem_bytes(whole->dtype) == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!parts[i])
            continue;
        if (parts[i]->dtype != whole->dtype || parts[i]->layout != whole->layout)
            return false;
        if (whole->layout == WT_C16 && axis == 1 && i + 1 < n && parts[i]->shape.dim[1] % 16)
            return false;
    }
    return true;
}

static bool concat_accepts(const wt_prep *p)
{
    for (size_t i = 0; i < p->n_in; i++)
        if (!p->in[i])
            return false;
    return p->n_in > 0 && parts_fit(p, p->out[0], p->in, p->n_in);
}

static bool split_accepts(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || (wt_has_in(p, 1) && p->in[1]->layout != WT_PLAIN) ||
        !parts_fit(p, p->in[0], p->out, p->n_out))
        return false;
    int axis; /* an omitted part hides a length that is not a whole number of blocks */
    const bool blocked = p->in[0]->layout == WT_C16 && axis_of(p, p->in[0], &axis) && axis == 1;
    for (size_t i = 0; blocked && i < p->n_out; i++)
        if (!p->out[i] || (i + 1 < p->n_out && p->out[i]->shape.dim[1] % 16))
            return false;
    return true;
}

/* Length of the axis in steps, and bytes of a step. */
static size_t axis_steps(const wt_tensor *t, int axis)
{
    const size_t n = (size_t)t->shape.dim[axis];
    return t->layout == WT_C16 && axis == 1 ? (n + 15) / 16 : n;
}

static wt_status part_lengths(const wt_prep *p, const wt_tensor *const *parts, size_t n, int axis, size_t *steps,
                              wt_err *err)
{
    const wt_infer c = { .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in, .n_out = p->n_out };
    for (size_t i = 0; i < n; i++) {
        int64_t len;
        steps[i] = 0;
        if (parts[i])
            steps[i] = axis_steps(parts[i], axis);
        else if (p->op == WT_OP_SPLIT) {
            WT_TRY(wt_split_part(&c, axis, i, &len, err));
            if (len < 0)
                return wt_fail(err, WT_EUNSUPPORTED, "Split: the lengths must be known before the first run");
            steps[i] = (size_t)len;
        }
    }
    return WT_OK;
}

static wt_status parts_prepare(wt_prep *p, const wt_tensor *whole, const wt_tensor *const *parts, size_t n, wt_err *err)
{
    const wt_shape *s = &whole->shape;
    const size_t elem = wt_elem_bytes(whole->dtype), lane = whole->layout == WT_C16 ? 16 : 1;
    parts_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    size_t *steps = wt_arena_alloc(p->arena, n, sizeof *steps, err), at = 0, bytes = 0;
    int axis;
    if (!q || !steps || !(q->moves = wt_arena_alloc(p->arena, n, sizeof *q->moves, err)))
        return WT_ENOMEM;
    axis_of(p, whole, &axis);
    WT_TRY(part_lengths(p, parts, n, axis, steps, err));
    wt_shape dims = *s; /* physical, without the lane */
    if (lane == 16)
        dims.dim[1] = (dims.dim[1] + 15) / 16;
    const size_t outer = (size_t)wt_shape_product(&dims, 0, axis),
                 inner = (size_t)wt_shape_product(&dims, axis + 1, dims.rank) * lane;
    const size_t total = (size_t)dims.dim[axis];
    q->n = n;
    q->split = p->op == WT_OP_SPLIT;
    for (size_t i = 0; i < n; i++) {
        wt_move *m = &q->moves[i];
        wt_move_begin(m, elem);
        if (at + steps[i] > total)
            return wt_fail(err, WT_EFORMAT, "%s: the parts are longer than the whole", p->op_type);
        const ptrdiff_t big = (ptrdiff_t)(total * inner), small = (ptrdiff_t)(steps[i] * inner);
        wt_move_dim(m, outer, q->split ? big : small, q->split ? small : big);
        wt_move_dim(m, steps[i] * inner, 1, 1);
        *(q->split ? &m->from_at : &m->to_at) = (ptrdiff_t)(at * inner * elem);
        wt_move_finish(m);
        at += steps[i];
        bytes += wt_move_bytes(m);
    }
    if (at != total)
        return wt_fail(err, WT_EFORMAT, "%s: the parts do not make up the whole", p->op_type);
    p->params = q;
    p->max_threads = wt_move_threads(p, (double)bytes);
    return WT_OK;
}

static wt_status concat_prepare(wt_prep *p, wt_err *err) { return parts_prepare(p, p->out[0], p->in, p->n_in, err); }
static wt_status split_prepare(wt_prep *p, wt_err *err) { return parts_prepare(p, p->in[0], p->out, p->n_out, err); }

static wt_status parts_run(const wt_run *r, wt_err *err)
{
    const parts_params *q = r->params;
    (void)err;
    for (size_t i = 0; i < q->n; i++) {
        if (q->split && !r->out[i])
            continue;
        const void *src = r->in[q->split ? 0 : i]->data;
        wt_move_run(&q->moves[i], src, wt_tensor_mut(r->out[q->split ? i : 0]), r->tid, r->nthreads);
    }
    return WT_OK;
}

const wt_kernel wt_concat_rows[] = {
    { .name = "concat_ref",
      .op = WT_OP_CONCAT,
      .accepts = concat_accepts,
      .prepare = concat_prepare,
      .run = parts_run },
    { .name = "split_ref", .op = WT_OP_SPLIT, .accepts = split_accepts, .prepare = split_prepare, .run = parts_run },
    { .name = NULL },
};
