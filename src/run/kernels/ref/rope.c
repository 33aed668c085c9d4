/* rope.c - Rope: pairs of every head turned by an angle that grows with the position. */
#include "run/kernels/ref/decoder.h"
#include <math.h>

void wt_rope_turn(const wt_rope *rope, double position, const float *x, float *y)
{
    const size_t step = rope->interleaved ? 2 : 1, other = rope->interleaved ? 1 : rope->half;
    for (size_t i = 0; i < rope->half; i++) {
        const double angle = position * rope->frequency[i];
        const float c = (float)cos(angle) * rope->scale, s = (float)sin(angle) * rope->scale;
        const float a = x[i * step], b = x[i * step + other];
        y[i * step] = a * c - b * s;
        y[i * step + other] = a * s + b * c;
    }
    if (x != y)
        memcpy(y + 2 * rope->half, x + 2 * rope->half, (rope->head - 2 * rope->half) * sizeof *y);
}

bool wt_rope_accepts(const wt_prep *p)
{
    return wt_in_is(p, 0, WT_F32) && wt_in_is(p, 1, WT_I32) && wt_out_is(p, 0, WT_F32) && wt_all_plain(p) &&
           (!wt_has_in(p, 2) || (wt_in_is(p, 2, WT_F32) && p->in[2]->data));
}

wt_status wt_rope_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape;
    wt_rope_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (x->rank != 2)
        return wt_fail(err, WT_EFORMAT, "Rope: data has %d dimensions, expected 2", x->rank);
    WT_TRY(wt_prep_need_vector(p, 1, WT_I32, x->dim[0], err));
    const int64_t dims = wt_attr_int(p->attrs, "dims", wt_attr_int(p->attrs, "head_dim", 0));
    if (wt_has_in(p, 2))
        WT_TRY(wt_prep_need_vector(p, 2, WT_F32, dims / 2, err));
    WT_TRY(wt_rope_read(&q->rope, p->attrs, x->dim[1], wt_has_in(p, 2) ? p->in[2]->data : NULL, p->arena, err));
    q->tokens = (size_t)x->dim[0];
    q->heads = (size_t)x->dim[1] / q->rope.head;
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 3.0 * (double)wt_count(p->in[0]);
    return WT_OK;
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const wt_rope_params *q = r->params;
    const int32_t *positions = r->in[1]->data;
    const float *x = wt_in_f32(r, 0);
    float *y = wt_out_f32(r, 0);
    size_t begin, end;
    (void)err;
    wt_split(q->tokens * q->heads, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t token = u / q->heads;
        wt_rope_turn(&q->rope, positions[token], x + u * q->rope.head, y + u * q->rope.head);
    }
    return WT_OK;
}

const wt_kernel wt_rope_rows[] = {
    { .name = "rope_f32_ref",
      .op = WT_OP_ROPE,
      .accepts = wt_rope_accepts,
      .prepare = wt_rope_prepare,
      .run = run,
      .in_place = true },
    { .name = NULL },
};
