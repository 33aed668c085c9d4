/* kv_attention.c - rows of KvAttention: who computes which tile or part. See kv_attention.h. */
#include "run/kernels/x86/kv_attention.h"
#include <math.h>
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/x86/rows.h"

typedef struct kv_row {
    wt_kv_plan plan;
    const wt_kv_fns *fns;
} kv_row;

static bool accepts(const wt_prep *p)
{
    if (!wt_kv_accepts(p))
        return false;
    const wt_shape *k = &p->in[WT_KV_K_CACHE]->shape, *v = &p->in[WT_KV_V_CACHE]->shape;
    return k->rank == 4 && v->rank == 4 && k->dim[2] == WT_KV_MAX_PAGE && v->dim[2] == WT_KV_MAX_PAGE &&
           k->dim[3] % 16 == 0 && v->dim[3] % 16 == 0;
}

static wt_status plan(wt_kv_plan *q, wt_prep *p, wt_err *err)
{
    const wt_kv_shape *s = &q->s;
    WT_TRY(wt_kv_shape_read(&q->s, p, err));
    q->group = s->heads / s->kv_heads;
    q->tile_heads = q->group < WT_KV_LANES ? q->group : WT_KV_LANES;
    const size_t fit = WT_KV_LANES / q->tile_heads, share = (s->tokens + 3) / 4;
    q->tile_tokens = share < fit ? share : fit;
    const size_t pages = (size_t)s->max_pages, least = (pages + WT_KV_MAX_PARTS - 1) / WT_KV_MAX_PARTS;
    q->part_pages = least < 2 ? 2 : least;
    q->parts = (pages + q->part_pages - 1) / q->part_pages;
    float *slopes = wt_arena_alloc(p->arena, s->heads, sizeof *slopes, err);
    if (!slopes)
        return WT_ENOMEM;
    for (size_t h = 0; h < s->heads; h++)
        slopes[h] = wt_kv_slope(s, h);
    q->slopes = slopes;
    return WT_OK;
}

static wt_status prepare(wt_prep *p, const wt_kv_fns *fns, wt_err *err)
{
    kv_row *row = wt_arena_alloc(p->arena, 1, sizeof *row, err);
    if (!row)
        return WT_ENOMEM;
    wt_kv_plan *q = &row->plan;
    row->fns = fns;
    WT_TRY(plan(q, p, err));
    const wt_kv_shape *s = &q->s;
    p->params = row;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)s->tokens * (double)s->heads * (double)(s->k_dim + s->v_dim); /* a token of the past */
    q->partial = s->tokens <= WT_KV_FEW ? wt_align_up(s->tokens * s->heads * q->parts * (2 + s->v_dim), 16) : 0;
    q->scratch = (s->k_dim + s->v_dim + WT_KV_MAX_PAGE + 6) * WT_KV_LANES + WT_KV_MAX_PAGE * (s->k_dim + s->v_dim);
    p->scratch_bytes = (q->partial + q->scratch * (size_t)p->max_threads) * sizeof(float);
    return WT_OK;
}

/* --- few tokens: parts -------------------------------------------------------------------------------------------- */
static float *partial_of(const wt_kv_plan *q, const wt_run *r, size_t t, size_t g, size_t part)
{
    return (float *)r->scratch + ((t * q->s.kv_heads + g) * q->parts + part) * q->group * (2 + q->s.v_dim);
}

typedef struct span {
    int64_t first, last; /* pages */
    size_t parts;
} span;
static span span_of(const wt_kv_plan *q, const wt_run *r, size_t t)
{
    const int64_t at = wt_kv_ints(r, WT_KV_POSITIONS)[t];
    span s = { wt_kv_first(&q->s, at) / q->s.page_len, at / q->s.page_len + 1, 0 };
    s.parts = ((size_t)(s.last - s.first) + q->part_pages - 1) / q->part_pages;
    return s;
}

static void all_parts(const kv_row *row, const wt_run *r)
{
    const wt_kv_plan *q = &row->plan;
    float *scratch = (float *)r->scratch + q->partial + (size_t)r->tid * q->scratch;
    size_t n = 0, begin, end, i = 0;
    for (size_t t = 0; t < q->s.tokens; t++)
        n += span_of(q, r, t).parts * q->s.kv_heads;
    wt_split(n, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t t = 0; t < q->s.tokens; t++) {
        const span s = span_of(q, r, t);
        for (size_t g = 0; g < q->s.kv_heads; g++)
            for (size_t part = 0; part < s.parts; part++, i++) {
                if (i < begin || i >= end)
                    continue;
                const int64_t first = s.first + (int64_t)(part * q->part_pages), last = first + (int64_t)q->part_pages;
                row->fns->part(q, r, t, g, first, last < s.last ? last : s.last, partial_of(q, r, t, g, part), scratch);
            }
    }
}

/* The parts of one head, in order. */
static void join(const wt_kv_plan *q, const wt_run *r, size_t t, size_t head)
{
    const size_t g = head / q->group, h = head % q->group, width = 2 + q->s.v_dim, parts = span_of(q, r, t).parts;
    float *y = wt_out_f32(r, 0) + (t * q->s.heads + head) * q->s.v_dim;
    float top = wt_run_has(r, WT_KV_SINKS) ? wt_in_f32(r, WT_KV_SINKS)[head] : -INFINITY, sum;
    const float sink = top;
    for (size_t i = 0; i < parts; i++)
        top = fmaxf(top, (partial_of(q, r, t, g, i) + h * width)[0]);
    sum = sink == -INFINITY ? 0 : expf(sink - top);
    memset(y, 0, q->s.v_dim * sizeof *y);
    for (size_t i = 0; i < parts; i++) {
        const float *o = partial_of(q, r, t, g, i) + h * width;
        const float factor = expf(o[0] - top);
        sum += o[1] * factor;
        for (size_t d = 0; d < q->s.v_dim; d++)
            y[d] += o[2 + d] * factor;
    }
    for (size_t d = 0; d < q->s.v_dim; d++)
        y[d] /= sum;
}

/* --- many tokens: tiles ------------------------------------------------------------------------------------------- */
/* Tokens from `t` on that make a tile: one sequence, one after the other. */
static size_t tile_at(const wt_kv_plan *q, const wt_run *r, size_t t)
{
    const int32_t *at = wt_kv_ints(r, WT_KV_POSITIONS), *owner = wt_kv_ints(r, WT_KV_OWNERS);
    size_t n = 1;
    while (n < q->tile_tokens && t + n < q->s.tokens && owner[t + n] == owner[t] && at[t + n] == at[t] + (int32_t)n)
        n++;
    return n;
}

/* Tiles of later tokens look further back: they are dealt out back and forth, so that all threads get like sums. */
static void all_tiles(const kv_row *row, const wt_run *r)
{
    const wt_kv_plan *q = &row->plan;
    const size_t threads = (size_t)r->nthreads, tid = (size_t)r->tid;
    float *scratch = (float *)r->scratch + q->partial + tid * q->scratch;
    size_t i = 0;
    for (size_t t = 0, n; t < q->s.tokens; t += n) {
        n = tile_at(q, r, t);
        for (size_t head = 0; head < q->s.heads;) {
            const size_t g = head / q->group, left = q->group - head % q->group,
                         heads = left < q->tile_heads ? left : q->tile_heads, turn = i % (2 * threads);
            const wt_kv_tile tile = { t, n, g, head, heads };
            if ((turn < threads ? turn : 2 * threads - 1 - turn) == tid)
                row->fns->tile(q, r, &tile, scratch);
            head += heads;
            i++;
        }
    }
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const kv_row *row = r->params;
    const wt_kv_plan *q = &row->plan;
    wt_status st = WT_OK;
    size_t begin, end;
    for (size_t t = 0; t < q->s.tokens && st == WT_OK; t++)
        st = wt_kv_check(&q->s, r, t, err); /* every thread finds the same */
    wt_split(q->s.tokens, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t t = begin; t < end && st == WT_OK; t++)
        st = wt_kv_append(&q->s, r, t, row->fns->store, err);
    if (r->team)
        wt_team_barrier(r->team, r->tid);
    const bool few = q->s.tokens <= WT_KV_FEW;
    if (st == WT_OK && few)
        all_parts(row, r);
    else if (st == WT_OK)
        all_tiles(row, r);
    if (!few)
        return st;
    if (r->team)
        wt_team_barrier(r->team, r->tid);
    wt_split(q->s.tokens * q->s.heads, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end && st == WT_OK; u++)
        join(q, r, u / q->s.heads, u % q->s.heads);
    return st;
}

static wt_status prepare_avx2(wt_prep *p, wt_err *err) { return prepare(p, &wt_kv_fns_avx2, err); }
static wt_status prepare_avx512(wt_prep *p, wt_err *err) { return prepare(p, &wt_kv_fns_avx512, err); }

const wt_kernel wt_x86_kv_attention_rows[] = {
    { .name = "kv_attention_avx2",
      .op = WT_OP_KVATTENTION,
      .need = WT_CPU_AVX2,
      .accepts = accepts,
      .prepare = prepare_avx2,
      .run = run },
    { .name = "kv_attention_avx512",
      .op = WT_OP_KVATTENTION,
      .need = WT_CPU_AVX512,
      .accepts = accepts,
      .prepare = prepare_avx512,
      .run = run },
    { .name = NULL },
};
