/* linear.c - the internal Linear: y = act(x . w + bias + residual) with constant weights, F32 or half.
 *
 * Weights are read as they lie: [K, N] or [N, K] are strides to product.h, and halves become floats panel by panel, so
 * that storing them small costs no memory twice. */
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/product.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"

typedef struct linear_params {
    wt_product product;
    wt_act_params act;
    size_t scratch;
} linear_params;

typedef struct linear_target {
    const linear_params *q;
    const float *bias, *residual; /* NULL: none */
    float *y;
} linear_target;

static bool linear_accepts(const wt_prep *p)
{
    if (!wt_in_is(p, 0, WT_F32) || !wt_out_is(p, 0, WT_F32) || !wt_has_in(p, 1) || !wt_all_plain(p))
        return false;
    const wt_dtype w = p->in[1]->dtype;
    return (w == WT_F32 || wt_is_half(w)) && (!wt_has_in(p, 2) || wt_in_is(p, 2, WT_F32)) &&
           (!wt_has_in(p, 3) || wt_in_is(p, 3, WT_F32));
}

static void store_linear(const wt_product *p, const void *arg, size_t i, size_t j, const float *sum, size_t n)
{
    const linear_target *t = arg;
    float *y = t->y + i * p->n + j;
    for (size_t k = 0; k < n; k++)
        y[k] = sum[k] + (t->bias ? t->bias[j + k] : 0.0f);
    if (t->residual)
        for (size_t k = 0; k < n; k++)
            y[k] += t->residual[i * p->n + j + k];
    wt_ref_act(t->q->act, y, n);
}

static wt_status linear_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *w = &p->in[1]->shape;
    const bool tb = wt_attr_int(p->attrs, "trans_b", 0) != 0;
    linear_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (x->rank < 1 || w->rank != 2 || x->dim[x->rank - 1] != w->dim[tb ? 1 : 0])
        return wt_fail(err, WT_EFORMAT, "Linear: the inner dimensions differ");
    const size_t k = (size_t)w->dim[tb ? 1 : 0], n = (size_t)w->dim[tb ? 0 : 1],
                 m = (size_t)wt_shape_product(x, 0, x->rank - 1);
    if (wt_has_in(p, 2))
        WT_TRY(wt_prep_need_vector(p, 2, WT_F32, (int64_t)n, err));
    if (wt_has_in(p, 3) && !wt_shape_equal(&p->in[3]->shape, &p->out[0]->shape))
        return wt_fail(err, WT_EFORMAT, "Linear: the residual has another shape than the result");
    q->act = wt_act_from_attrs(p->attrs);
    q->product = (wt_product){ .m = m,
                               .n = n,
                               .k = k,
                               .a_row = k,
                               .a_col = 1,
                               .b_row = tb ? 1 : n,
                               .b_col = tb ? k : 1,
                               .b_dtype = p->in[1]->dtype,
                               .store = store_linear };
    q->scratch = wt_product_scratch(&q->product);
    p->params = q;
    p->flops = 2.0 * (double)m * (double)n * (double)k;
    p->max_threads = wt_worth_threads(p, p->flops / 4);
    p->scratch_bytes = q->scratch * (size_t)p->max_threads;
    return WT_OK;
}

static wt_status linear_run(const wt_run *r, wt_err *err)
{
    const linear_params *q = r->params;
    const linear_target t = { q, wt_run_has(r, 2) ? wt_in_f32(r, 2) : NULL, wt_run_has(r, 3) ? wt_in_f32(r, 3) : NULL,
                              wt_out_f32(r, 0) };
    size_t begin, end;
    (void)err;
    wt_split(wt_product_units(&q->product), 1, r->tid, r->nthreads, &begin, &end);
    if (begin < end)
        wt_product_run(&q->product, wt_in_f32(r, 0), r->in[1]->data, &t,
                       (char *)r->scratch + (size_t)r->tid * q->scratch, begin, end);
    return WT_OK;
}

const wt_kernel wt_linear_rows[] = {
    { .name = "linear_f32_ref",
      .op = WT_OP_LINEAR,
      .accepts = linear_accepts,
      .prepare = linear_prepare,
      .run = linear_run },
    { .name = NULL },
};
