/* experts.c - Experts: every token goes through the few gated networks that its scores choose. */
#include <math.h>
#include "run/kernels/ref/decoder.h"

enum {
    X = WT_EXPERTS_X,
    SCORES = WT_EXPERTS_SCORES,
    GATE = WT_EXPERTS_GATE,
    UP = WT_EXPERTS_UP,
    DOWN = WT_EXPERTS_DOWN,
    GATE_BIAS = WT_EXPERTS_BIAS,
    DOWN_BIAS = GATE_BIAS + 2,
    MAX_EXPERTS = WT_EXPERTS_MOST
};

static bool stored(const wt_prep *p, size_t i) { return wt_has_in(p, i) && wt_block_codec_get(p->in[i]->dtype); }

bool wt_experts_accepts(const wt_prep *p)
{
    for (size_t i = GATE_BIAS; i <= DOWN_BIAS; i++)
        if (wt_has_in(p, i) && !wt_in_is(p, i, WT_F32))
            return false;
    return wt_in_is(p, X, WT_F32) && wt_in_is(p, SCORES, WT_F32) && (!wt_has_in(p, GATE) || stored(p, GATE)) &&
           stored(p, UP) && stored(p, DOWN) && wt_out_is(p, 0, WT_F32) && wt_all_plain(p);
}

static wt_status need_shape(const wt_prep *p, size_t i, size_t experts, size_t n, size_t k, wt_err *err)
{
    const wt_shape *s = &p->in[i]->shape;
    if (s->rank != 3 || s->dim[0] != (int64_t)experts || s->dim[1] != (int64_t)n || s->dim[2] != (int64_t)k ||
        k % wt_dtype_get(p->in[i]->dtype)->block_len)
        return wt_fail(err, WT_EFORMAT, "Experts: input %zu must hold %zu matrices of %zux%zu in whole blocks", i,
                       experts, n, k);
    return WT_OK;
}

wt_status wt_experts_prepare(wt_prep *p, wt_err *err)
{
    wt_experts *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    const wt_shape *x = &p->in[X]->shape, *s = &p->in[SCORES]->shape, *up = &p->in[UP]->shape;
    if (!q)
        return WT_ENOMEM;
    if (x->rank != 2 || s->rank != 2 || up->rank != 3 || x->dim[0] != s->dim[0])
        return wt_fail(err, WT_EFORMAT, "Experts: data and scores must be matrices of as many rows");
    q->tokens = (size_t)x->dim[0];
    q->width = (size_t)x->dim[1];
    q->experts = (size_t)s->dim[1];
    q->hidden = (size_t)up->dim[1];
    q->top_k = (size_t)wt_attr_int(p->attrs, "top_k", 1);
    if (q->experts < 1 || q->experts > MAX_EXPERTS || q->top_k < 1 || q->top_k > q->experts)
        return wt_fail(err, WT_EFORMAT, "Experts: %zu of %zu cannot be chosen (at most %d)", q->top_k, q->experts,
                       MAX_EXPERTS);
    WT_TRY(need_shape(p, UP, q->experts, q->hidden, q->width, err));
    WT_TRY(need_shape(p, DOWN, q->experts, q->width, q->hidden, err));
    if (wt_has_in(p, GATE)) {
        WT_TRY(need_shape(p, GATE, q->experts, q->hidden, q->width, err));
        q->gate = wt_block_codec_get(p->in[GATE]->dtype);
    }
    q->up = wt_block_codec_get(p->in[UP]->dtype);
    q->down = wt_block_codec_get(p->in[DOWN]->dtype);
    q->act = wt_act_from_attrs(p->attrs);
    q->normalize = wt_attr_int(p->attrs, "normalize", 1) != 0;
    q->softmax = wt_attr_int(p->attrs, "softmax", 1) != 0;
    q->scale = wt_attr_float(p->attrs, "scale", 1);
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)q->tokens * (double)q->top_k * (double)q->width * (double)q->hidden * (q->gate ? 3 : 2);
    return wt_plan_scratch(p, q->hidden + (q->width > q->hidden ? q->width : q->hidden), sizeof(float), &q->scratch,
                           err);
}

/* The best first; of equals the one with the smaller number. */
void wt_experts_choose(const wt_experts *q, const float *scores, size_t *chosen, float *weight)
{
    float p[MAX_EXPERTS], sum = 0;
    bool taken[MAX_EXPERTS] = { false };
    memcpy(p, scores, q->experts * sizeof *p);
    if (q->softmax)
        wt_ref_softmax(p, q->experts, NULL);
    for (size_t c = 0; c < q->top_k; c++) {
        size_t best = SIZE_MAX;
        for (size_t e = 0; e < q->experts; e++)
            if (!taken[e] && (best == SIZE_MAX || p[e] > p[best]))
                best = e;
        taken[best] = true;
        chosen[c] = best;
        weight[c] = p[best];
    }
    if (!q->softmax)
        wt_ref_softmax(weight, q->top_k, NULL);
    for (size_t c = 0; c < q->top_k; c++)
        sum += weight[c];
    for (size_t c = 0; c < q->top_k; c++)
        weight[c] *= q->normalize ? q->scale / sum : q->scale;
}

static float times(const wt_block_codec *codec, const wt_tensor *w, size_t row, const float *x, float *buffer, size_t k,
                   const wt_tensor *bias)
{
    wt_ref_row(codec, w, row, buffer, k);
    return wt_ref_dot(x, buffer, k) + (bias ? ((const float *)bias->data)[row] : 0);
}

static void one_expert(const wt_experts *q, const wt_run *r, size_t e, float weight, const float *x, float *y,
                       float *hidden)
{
    float *buffer = hidden + q->hidden;
    const wt_tensor *bias[3];
    for (size_t i = 0; i < 3; i++)
        bias[i] = wt_run_has(r, GATE_BIAS + i) ? r->in[GATE_BIAS + i] : NULL;
    for (size_t j = 0; j < q->hidden; j++) {
        const size_t row = e * q->hidden + j;
        const float up = times(q->up, r->in[UP], row, x, buffer, q->width, bias[1]);
        hidden[j] = q->gate ? wt_act_apply(q->act, times(q->gate, r->in[GATE], row, x, buffer, q->width, bias[0])) * up
                            : wt_act_apply(q->act, up);
    }
    for (size_t j = 0; j < q->width; j++)
        y[j] += weight * times(q->down, r->in[DOWN], e * q->width + j, hidden, buffer, q->hidden, bias[2]);
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const wt_experts *q = r->params;
    size_t begin, end, chosen[MAX_EXPERTS];
    float weight[MAX_EXPERTS], *hidden = (float *)((char *)r->scratch + (size_t)r->tid * q->scratch);
    (void)err;
    wt_split(q->tokens, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t t = begin; t < end; t++) {
        float *y = wt_out_f32(r, 0) + t * q->width;
        memset(y, 0, q->width * sizeof *y);
        wt_experts_choose(q, wt_in_f32(r, SCORES) + t * q->experts, chosen, weight);
        for (size_t c = 0; c < q->top_k; c++)
            one_expert(q, r, chosen[c], weight[c], wt_in_f32(r, X) + t * q->width, y, hidden);
    }
    return WT_OK;
}

const wt_kernel wt_experts_rows[] = {
    { .name = "experts_ref",
      .op = WT_OP_EXPERTS,
      .accepts = wt_experts_accepts,
      .prepare = wt_experts_prepare,
      .run = run },
    { .name = NULL },
};
