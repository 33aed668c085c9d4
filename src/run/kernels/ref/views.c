/* views.c - Shape, Size, and the copies behind operators whose result is their input's bytes.
 *
 * Identity, Reshape, Flatten, Squeeze and Unsqueeze cost nothing where the engine can give out the same bytes; where it
 * cannot (an input that becomes an output, a C16 tensor), these rows copy. */
#include "run/kernels/ref/move.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"

static bool view_accepts(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !p->out[0] || (p->in[0]->dtype != p->out[0]->dtype && p->op != WT_OP_BITCAST))
        return false;
    if (p->in[0]->layout == WT_C16 || p->out[0]->layout == WT_C16) /* the same tensor under another name */
        return p->in[0]->layout == p->out[0]->layout && wt_shape_equal(&p->in[0]->shape, &p->out[0]->shape);
    return true;
}

static wt_status view_prepare(wt_prep *p, wt_err *err)
{
    size_t in, out;
    if (!wt_tensor_size(p->in[0], &in) || !wt_tensor_size(p->out[0], &out) || in != out)
        return wt_fail(err, WT_EFORMAT, "%s: the input's elements do not fit the output's shape", p->op_type);
    p->max_threads = wt_move_threads(p, (double)in);
    return WT_OK;
}

static wt_status view_run(const wt_run *r, wt_err *err)
{
    const wt_tensor *x = r->in[0];
    char *y = wt_tensor_mut(r->out[0]);
    size_t begin, end, bytes;
    (void)err;
    if (y == x->data || !wt_tensor_size(x, &bytes))
        return WT_OK;
    wt_split(bytes, 64, r->tid, r->nthreads, &begin, &end);
    if (begin < end)
        memcpy(y + begin, (const char *)x->data + begin, end - begin);
    return WT_OK;
}

/* --- Shape, Size
 * ------------------------------------------------------------------------------------------------------- */
static bool shape_accepts(const wt_prep *p) { return wt_has_in(p, 0) && p->out[0] && p->out[0]->dtype == WT_I64; }

typedef struct shape_params {
    int64_t n, v[WT_MAX_RANK];
} shape_params;

static wt_status shape_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape;
    shape_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (p->op == WT_OP_SIZE) {
        q->n = 1;
        if (!wt_shape_count(x, &q->v[0]))
            return wt_fail(err, WT_EFORMAT, "%s: the input has too many elements to count", p->op_type);
    } else {
        int64_t start = wt_attr_int(p->attrs, "start", 0);
        if (start < 0)
            start = start < -(int64_t)x->rank ? 0 : start + x->rank;
        q->n = p->out[0]->shape.dim[0];
        for (int64_t i = 0; i < q->n; i++)
            q->v[i] = x->dim[start + i];
    }
    p->params = q;
    return WT_OK;
}

static wt_status shape_run(const wt_run *r, wt_err *err)
{
    const shape_params *q = r->params;
    (void)err;
    if (r->tid == 0 && q->n)
        memcpy(wt_tensor_mut(r->out[0]), q->v, (size_t)q->n * sizeof q->v[0]);
    return WT_OK;
}

#define VIEW(code, text)                                                                                               \
    {                                                                                                                  \
        .name = text "_ref", .op = code, .accepts = view_accepts, .prepare = view_prepare, .run = view_run,            \
        .in_place = true                                                                                               \
    }
const wt_kernel wt_shape_rows[] = {
    VIEW(WT_OP_IDENTITY, "identity"),
    VIEW(WT_OP_BITCAST, "bitcast"),
    VIEW(WT_OP_RESHAPE, "reshape"),
    VIEW(WT_OP_FLATTEN, "flatten"),
    VIEW(WT_OP_SQUEEZE, "squeeze"),
    VIEW(WT_OP_UNSQUEEZE, "unsqueeze"),
    { .name = "shape_ref", .op = WT_OP_SHAPE, .accepts = shape_accepts, .prepare = shape_prepare, .run = shape_run },
    { .name = "size_ref", .op = WT_OP_SIZE, .accepts = shape_accepts, .prepare = shape_prepare, .run = shape_run },
    { .name = NULL },
};
