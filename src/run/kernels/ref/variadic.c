/* variadic.c - Max, Min, Sum and Mean of any number of operands.
 *
 * The output is the accumulator: each member folds one operand after the other into its own part, so the part stays in
 * the cache and no barrier is needed. Halves are rounded after every fold, as a chain of binary operators would. */
#include "run/kernels/ref/binary.h"
#include "run/kernels/ref/rows.h"

typedef struct variadic_params {
    size_t n;
    wt_binary first; /* operands 0 and 1 (or 0 and 0, see run_one) */
    wt_binary *more; /* the output so far with operand 2, 3, ... */
    size_t room;     /* scratch of one member */
    bool mean;
    wt_dtype dtype;
} variadic_params;

static bool variadic_accepts(const wt_prep *p)
{
    if (p->n_in == 0 || !p->out[0])
        return false;
    const wt_dtype dtype = p->out[0]->dtype;
    for (size_t i = 0; i < p->n_in; i++)
        if (!p->in[i] || p->in[i]->dtype != dtype)
            return false;
    if (p->op == WT_OP_MEAN && !wt_dtype_is_float(dtype))
        return false;
    if (p->n_in == 1 && p->in[0]->layout != p->out[0]->layout) /* a copy */
        return false;
    return wt_binary_fold(p->op, wt_is_half(dtype) ? WT_F32 : dtype) && wt_walk_accepts(p->in, p->n_in, p->out[0]);
}

static wt_status variadic_prepare(wt_prep *p, wt_err *err)
{
    const wt_tensor *out = p->out[0];
    variadic_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->n = p->n_in;
    q->dtype = out->dtype;
    q->mean = p->op == WT_OP_MEAN;
    wt_binary_fn *fold = wt_binary_fold(p->op, wt_is_half(out->dtype) ? WT_F32 : out->dtype);
    wt_binary_init(&q->first, fold, p->in[0], p->in[q->n > 1], out);
    q->more = wt_arena_alloc(p->arena, q->n, sizeof *q->more, err);
    if (!q->more)
        return WT_ENOMEM;
    q->room = q->first.channel[0] + q->first.channel[1];
    for (size_t i = 2; i < q->n; i++) {
        wt_binary_init(&q->more[i - 2], fold, out, p->in[i], out);
        q->room = q->room > q->more[i - 2].channel[1] ? q->room : q->more[i - 2].channel[1];
    }
    p->params = q;
    p->flops = (double)q->first.walk.total * (double)q->n;
    p->max_threads = wt_worth_threads(p, p->flops);
    p->scratch_bytes = q->room * (size_t)p->max_threads;
    return WT_OK;
}

static void divide(const variadic_params *q, void *y, size_t begin, size_t end)
{
    const double n = (double)q->n;
    if (q->dtype == WT_F32) {
        float *v = y;
        for (size_t i = begin; i < end; i++)
            v[i] /= (float)q->n;
    } else if (q->dtype == WT_F64) {
        double *v = y;
        for (size_t i = begin; i < end; i++)
            v[i] /= n;
    } else {
        uint16_t *v = y;
        for (size_t i = begin; i < end; i++) {
            float f;
            wt_half_load(q->dtype, v + i, &f, 1);
            f /= (float)q->n;
            wt_half_store(q->dtype, &f, v + i, 1);
        }
    }
}

static wt_status variadic_run(const wt_run *r, wt_err *err)
{
    const variadic_params *q = r->params;
    const wt_binary *f = &q->first;
    char *room = (char *)r->scratch + (size_t)r->tid * q->room;
    void *y = wt_tensor_mut(r->out[0]);
    size_t begin, end;
    (void)err;
    wt_split(f->walk.total, 64, r->tid, r->nthreads, &begin, &end);
    if (begin == end)
        return WT_OK;
    if (q->n == 1) {
        const size_t from = begin * f->in_elem;
        if (y != r->in[0]->data)
            memcpy((char *)y + from, (const char *)r->in[0]->data + from, (end - begin) * f->in_elem);
        return WT_OK;
    }
    const void *a = f->channel[0] ? wt_channel_copy(r->in[0], f->channel[0], room) : r->in[0]->data;
    const void *b = f->channel[1] ? wt_channel_copy(r->in[1], f->channel[1], room + f->channel[0]) : r->in[1]->data;
    wt_binary_range(f, a, b, y, begin, end);
    for (size_t i = 2; i < q->n; i++) {
        const wt_binary *m = &q->more[i - 2];
        b = m->channel[1] ? wt_channel_copy(r->in[i], m->channel[1], room) : r->in[i]->data;
        wt_binary_range(m, y, b, y, begin, end);
    }
    if (q->mean)
        divide(q, y, begin, end);
    return WT_OK;
}

#define ROW(code, text)                                                                                                \
    {                                                                                                                  \
        .name = text "_ref", .op = code, .accepts = variadic_accepts, .prepare = variadic_prepare, .run = variadic_run \
    }
const wt_kernel wt_variadic_rows[] = {
    ROW(WT_OP_MAX, "max"), ROW(WT_OP_MIN, "min"), ROW(WT_OP_SUM, "sum"), ROW(WT_OP_MEAN, "mean"), { .name = NULL },
};
