/* nn_rotary.c - RotaryEmbedding: pairs of elements turned by the angle of their position. */
#include "run/kernels/ref/nn_rows.h"

typedef struct rotary_params {
    size_t batch, heads, length, head, half; /* half: pairs that turn; the rest is copied */
    bool flat, interleaved;                  /* flat: [batch, length, heads * head] */
    size_t positions;                        /* rows of the caches when position_ids pick them */
} rotary_params;

static bool accepts(const wt_prep *p)
{
    return wt_in_is(p, 0, WT_F32) && wt_in_is(p, 1, WT_F32) && wt_in_is(p, 2, WT_F32) && wt_out_is(p, 0, WT_F32) &&
           (!wt_has_in(p, 3) || p->in[3]->dtype == WT_I64) && wt_all_plain(p);
}

static wt_status read_shape(const wt_prep *p, rotary_params *q, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape;
    const int64_t heads = wt_attr_int(p->attrs, "num_heads", 0);
    if (x->rank != 3 && x->rank != 4)
        return wt_fail(err, WT_EFORMAT, "%s: data has %d dimensions, expected 3 or 4", p->op_type, x->rank);
    q->flat = x->rank == 3;
    if (q->flat && (heads < 1 || x->dim[2] % heads))
        return wt_fail(err, WT_EFORMAT, "%s: num_heads is %lld, which does not divide %lld elements", p->op_type,
                       (long long)heads, (long long)x->dim[2]);
    q->batch = (size_t)x->dim[0];
    q->heads = (size_t)(q->flat ? heads : x->dim[1]);
    q->length = (size_t)x->dim[q->flat ? 1 : 2];
    q->head = q->flat ? (size_t)(x->dim[2] / heads) : (size_t)x->dim[3];
    const int64_t dim = wt_attr_int(p->attrs, "rotary_embedding_dim", 0);
    if (dim < 0 || dim > (int64_t)q->head || dim % 2 || (dim == 0 && q->head % 2))
        return wt_fail(err, WT_EFORMAT, "%s: rotary_embedding_dim is %lld, expected an even number up to %zu",
                       p->op_type, (long long)dim, q->head);
    q->half = (dim ? (size_t)dim : q->head) / 2;
    q->interleaved = wt_attr_int(p->attrs, "interleaved", 0) != 0;
    return WT_OK;
}

static wt_status prepare(wt_prep *p, wt_err *err)
{
    rotary_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(read_shape(p, q, err));
    const bool ids = wt_has_in(p, 3);
    for (size_t i = 1; i < 3; i++) {
        const wt_shape *s = &p->in[i]->shape;
        bool ok = s->rank == (ids ? 2 : 3) && s->dim[s->rank - 1] == (int64_t)q->half;
        ok = ok && (ids || (s->dim[0] == (int64_t)q->batch && s->dim[1] == (int64_t)q->length));
        ok = ok && s->dim[0] == p->in[1]->shape.dim[0];
        if (!ok)
            return wt_fail(err, WT_EFORMAT, "%s: input %zu does not hold %zu angles per position", p->op_type, i,
                           q->half);
    }
    if (ids && wt_count(p->in[3]) != q->batch * q->length)
        return wt_fail(err, WT_EFORMAT, "%s: position_ids must be %zux%zu", p->op_type, q->batch, q->length);
    q->positions = ids ? (size_t)p->in[1]->shape.dim[0] : q->batch * q->length;
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 3.0 * (double)wt_count(p->in[0]);
    return WT_OK;
}

static void turn(const rotary_params *q, const float *x, const float *cosine, const float *sine, float *y)
{
    const size_t step = q->interleaved ? 2 : 1, other = q->interleaved ? 1 : q->half;
    for (size_t i = 0; i < q->half; i++) {
        const float a = x[i * step], b = x[i * step + other];
        y[i * step] = cosine[i] * a - sine[i] * b;
        y[i * step + other] = sine[i] * a + cosine[i] * b;
    }
    memcpy(y + 2 * q->half, x + 2 * q->half, (q->head - 2 * q->half) * sizeof *y);
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const rotary_params *q = r->params;
    size_t begin, end;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(q->batch * q->length, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t b = u / q->length, t = u % q->length;
        int64_t at = (int64_t)u;
        if (wt_run_has(r, 3)) {
            at = ((const int64_t *)r->in[3]->data)[u];
            if (at < 0 || at >= (int64_t)q->positions)
                return wt_fail(err, WT_EFORMAT, "position_ids[%zu] is %lld, expected 0 to %zu", u, (long long)at,
                               q->positions - 1);
        }
        for (size_t h = 0; h < q->heads; h++) {
            const size_t row = (q->flat ? u * q->heads + h : (b * q->heads + h) * q->length + t) * q->head;
            turn(q, wt_in_f32(r, 0) + row, wt_in_f32(r, 1) + (size_t)at * q->half,
                 wt_in_f32(r, 2) + (size_t)at * q->half, wt_out_f32(r, 0) + row);
        }
    }
    return WT_OK;
}

const wt_kernel wt_nn_rotary_rows[] = {
    WT_HALF_ROW("rotaryembedding_half_ref", WT_OP_ROTARYEMBEDDING),
    { .name = "rotaryembedding_f32_ref",
      .op = WT_OP_ROTARYEMBEDDING,
      .accepts = accepts,
      .prepare = prepare,
      .run = run },
    { .name = NULL },
};
