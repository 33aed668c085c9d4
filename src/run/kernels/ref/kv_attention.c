/* kv_attention.c - KvAttention: new keys and values go to their pages, then every token looks at its sequence's past.
 */
#include <math.h>
#include "run/kernels/ref/decoder.h"
#include "run/kernels/ref/kv_shape.h"

typedef struct kv_params {
    wt_kv_shape s;
    size_t scratch;
} kv_params;

static wt_status prepare(wt_prep *p, wt_err *err)
{
    kv_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_kv_shape_read(&q->s, p, err));
    const wt_kv_shape *c = &q->s;
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)c->tokens * (double)c->heads * (double)(c->k_dim + c->v_dim); /* a token of the past */
    const size_t group = c->heads / c->kv_heads, scores = (size_t)(c->max_pages * c->page_len);
    return wt_plan_scratch(p, group * scores + (c->k_dim > c->v_dim ? c->k_dim : c->v_dim), sizeof(float), &q->scratch,
                           err);
}

void wt_ref_softmax(float *s, size_t n, const float *sink)
{
    float top = sink ? *sink : -INFINITY, sum = 0;
    for (size_t j = 0; j < n; j++)
        top = fmaxf(top, s[j]);
    for (size_t j = 0; j < n; j++)
        sum += s[j] = expf(s[j] - top);
    sum += sink ? expf(*sink - top) : 0;
    for (size_t j = 0; j < n; j++)
        s[j] /= sum;
}

static const char *row_at(const wt_kv_shape *c, const void *cache, const int32_t *pages, int64_t j, size_t g,
                          size_t row)
{
    return (const char *)cache +
           wt_kv_offset(pages[j / c->page_len], (int64_t)g, j % c->page_len, (int64_t)c->kv_heads, c->page_len, row);
}

static void attend(const wt_kv_shape *c, const wt_run *r, size_t t, size_t g, float *scratch)
{
    const int64_t at = wt_kv_ints(r, WT_KV_POSITIONS)[t], first = wt_kv_first(c, at);
    const int32_t *pages = wt_kv_ints(r, WT_KV_PAGES) + wt_kv_ints(r, WT_KV_OWNERS)[t] * c->max_pages;
    const size_t group = c->heads / c->kv_heads, n = (size_t)(at - first + 1),
                 all = (size_t)(c->max_pages * c->page_len);
    float *row = scratch + group * all;
    for (int64_t j = first; j <= at; j++) {
        wt_kv_load(c->k_dtype, row_at(c, r->in[WT_KV_K_CACHE]->data, pages, j, g, c->k_row), row, c->k_dim);
        for (size_t h = 0; h < group; h++) {
            const float *q = wt_in_f32(r, WT_KV_Q) + (t * c->heads + g * group + h) * c->k_dim;
            float s = wt_ref_dot(q, row, c->k_dim) * c->scale;
            s = c->softcap > 0 ? c->softcap * tanhf(s / c->softcap) : s;
            scratch[h * all + (size_t)(j - first)] = s - wt_kv_slope(c, g * group + h) * (float)(at - j);
        }
    }
    float *y = wt_out_f32(r, 0) + (t * c->heads + g * group) * c->v_dim;
    memset(y, 0, group * c->v_dim * sizeof *y);
    for (size_t h = 0; h < group; h++)
        wt_ref_softmax(scratch + h * all, n,
                       wt_run_has(r, WT_KV_SINKS) ? wt_in_f32(r, WT_KV_SINKS) + g * group + h : NULL);
    for (int64_t j = first; j <= at; j++) {
        wt_kv_load(c->v_dtype, row_at(c, r->in[WT_KV_V_CACHE]->data, pages, j, g, c->v_row), row, c->v_dim);
        for (size_t h = 0; h < group; h++)
            for (size_t i = 0; i < c->v_dim; i++)
                y[h * c->v_dim + i] += scratch[h * all + (size_t)(j - first)] * row[i];
    }
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const kv_params *q = r->params;
    const wt_kv_shape *c = &q->s;
    wt_status st = WT_OK;
    size_t begin, end;
    wt_split(c->tokens, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t t = begin; t < end && st == WT_OK; t++)
        st = wt_kv_append(c, r, t, wt_kv_store, err);
    if (r->team)
        wt_team_barrier(r->team, r->tid);
    wt_split(c->tokens * c->kv_heads, 1, r->tid, r->nthreads, &begin, &end);
    float *scratch = (float *)((char *)r->scratch + (size_t)r->tid * q->scratch);
    for (size_t u = begin; u < end && st == WT_OK; u++) {
        st = wt_kv_check(c, r, u / c->kv_heads, err);
        if (st == WT_OK)
            attend(c, r, u / c->kv_heads, u % c->kv_heads, scratch);
    }
    return st;
}

const wt_kernel wt_kv_attention_rows[] = {
    { .name = "kv_attention_ref", .op = WT_OP_KVATTENTION, .accepts = wt_kv_accepts, .prepare = prepare, .run = run },
    { .name = NULL },
};
