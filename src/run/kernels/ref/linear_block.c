/* linear_block.c - Linear over a weight in any stored type, [N, K]: each row becomes floats once and meets all of x. */
#include "run/kernels/ref/decoder.h"

typedef struct block_params {
    const wt_block_codec *codec;
    wt_act_params act;
    size_t m, n, k, scratch;
} block_params;

float wt_ref_dot(const float *a, const float *b, size_t n)
{
    enum { LANES = 16 };
    float lane[LANES] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] += a[i + l] * b[i + l];
    for (size_t l = 0; l < LANES; l++)
        sum += lane[l];
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static bool accepts(const wt_prep *p)
{
    return wt_in_is(p, 0, WT_F32) && wt_out_is(p, 0, WT_F32) && wt_has_in(p, 1) && wt_all_plain(p) &&
           wt_dtype_is_block(p->in[1]->dtype) && wt_block_codec_get(p->in[1]->dtype) &&
           (!wt_has_in(p, 2) || wt_in_is(p, 2, WT_F32)) && (!wt_has_in(p, 3) || wt_in_is(p, 3, WT_F32));
}

static wt_status prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *w = &p->in[1]->shape;
    block_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (x->rank < 1 || w->rank != 2 || x->dim[x->rank - 1] != w->dim[1] || !wt_attr_int(p->attrs, "trans_b", 0))
        return wt_fail(err, WT_EFORMAT, "Linear: rows of a block format must run along the inner dimension");
    q->codec = wt_block_codec_get(p->in[1]->dtype);
    q->act = wt_act_from_attrs(p->attrs);
    q->m = (size_t)wt_shape_product(x, 0, x->rank - 1);
    q->n = (size_t)w->dim[0];
    q->k = (size_t)w->dim[1];
    if (q->k % wt_dtype_get(q->codec->dtype)->block_len)
        return wt_fail(err, WT_EFORMAT, "Linear: rows of %zu are no whole blocks of %s", q->k,
                       wt_dtype_name(q->codec->dtype));
    if (wt_has_in(p, 2))
        WT_TRY(wt_prep_need_vector(p, 2, WT_F32, (int64_t)q->n, err));
    if (wt_has_in(p, 3) && !wt_shape_equal(&p->in[3]->shape, &p->out[0]->shape))
        return wt_fail(err, WT_EFORMAT, "Linear: the residual has another shape than the result");
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)q->m * (double)q->n * (double)q->k;
    return wt_plan_scratch(p, q->k, sizeof(float), &q->scratch, err);
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const block_params *q = r->params;
    const float *x = wt_in_f32(r, 0), *bias = wt_run_has(r, 2) ? wt_in_f32(r, 2) : NULL,
                *residual = wt_run_has(r, 3) ? wt_in_f32(r, 3) : NULL;
    float *row = (float *)((char *)r->scratch + (size_t)r->tid * q->scratch), *y = wt_out_f32(r, 0);
    size_t begin, end;
    (void)err;
    wt_split(q->n, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t j = begin; j < end; j++) {
        wt_ref_row(q->codec, r->in[1], j, row, q->k);
        for (size_t i = 0; i < q->m; i++) {
            float v = wt_ref_dot(x + i * q->k, row, q->k) + (bias ? bias[j] : 0);
            if (residual)
                v += residual[i * q->n + j];
            y[i * q->n + j] = wt_act_apply(q->act, v);
        }
    }
    return WT_OK;
}

const wt_kernel wt_linear_block_rows[] = {
    { .name = "linear_block_ref", .op = WT_OP_LINEAR, .accepts = accepts, .prepare = prepare, .run = run },
    { .name = NULL },
};
