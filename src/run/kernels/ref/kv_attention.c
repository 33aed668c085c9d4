/* kv_attention.c - KvAttention: new keys and values go to their pages, then every token looks at its sequence's past.
 */
#include <math.h>
#include "run/kernels/ref/decoder.h"
#include "run/kernels/kv.h"

enum { Q, K, V, K_CACHE, V_CACHE, POSITIONS, SLOTS, OWNERS, PAGES, SINKS };

typedef struct kv_params {
    size_t tokens, heads, kv_heads, k_dim, v_dim, scratch;
    int64_t pages, page_len, max_pages, sequences;
    wt_dtype k_dtype, v_dtype;
    size_t k_row, v_row; /* bytes of one head of one token */
    int64_t window;
    float scale, softcap, alibi;
} kv_params;

static bool accepts(const wt_prep *p)
{
    for (size_t i = Q; i <= V; i++)
        if (!wt_in_is(p, i, WT_F32))
            return false;
    for (size_t i = POSITIONS; i <= PAGES; i++)
        if (!wt_in_is(p, i, WT_I32))
            return false;
    return wt_has_in(p, K_CACHE) && wt_has_in(p, V_CACHE) && wt_out_is(p, 0, WT_F32) && wt_all_plain(p) &&
           (!wt_has_in(p, SINKS) || wt_in_is(p, SINKS, WT_F32));
}

/* A cache is [pages, kv heads, page, head]. */
static wt_status read_cache(const wt_prep *p, kv_params *q, size_t input, size_t dim, size_t *row, wt_err *err)
{
    const wt_tensor *c = p->in[input];
    if (c->shape.rank != 4 || c->shape.dim[1] != (int64_t)q->kv_heads || c->shape.dim[2] < 1 ||
        c->shape.dim[3] != (int64_t)dim)
        return wt_fail(err, WT_EFORMAT, "KvAttention: a cache does not hold %zu heads of %zu", q->kv_heads, dim);
    if (!wt_kv_dtype_ok(c->dtype, (int64_t)dim))
        return wt_fail(err, WT_EUNSUPPORTED, "KvAttention: heads of %zu cannot be cached as %s", dim,
                       wt_dtype_name(c->dtype));
    q->pages = c->shape.dim[0];
    q->page_len = c->shape.dim[2];
    *row = wt_kv_row_bytes(c->dtype, (int64_t)dim);
    return WT_OK;
}

static wt_status read_params(wt_prep *p, kv_params *q, wt_err *err)
{
    const int64_t heads = wt_attr_int(p->attrs, "heads", 0), kv_heads = wt_attr_int(p->attrs, "kv_heads", 0);
    const int64_t q_width = p->in[Q]->shape.dim[1], k_width = p->in[K]->shape.dim[1], v_width = p->in[V]->shape.dim[1];
    if (heads < 1 || kv_heads < 1 || heads % kv_heads || q_width % heads || k_width % kv_heads || v_width % kv_heads ||
        q_width / heads != k_width / kv_heads)
        return wt_fail(err, WT_EFORMAT, "KvAttention: widths %lld, %lld, %lld do not make %lld heads over %lld",
                       (long long)q_width, (long long)k_width, (long long)v_width, (long long)heads,
                       (long long)kv_heads);
    q->tokens = (size_t)p->in[Q]->shape.dim[0];
    q->heads = (size_t)heads;
    q->kv_heads = (size_t)kv_heads;
    q->k_dim = (size_t)(q_width / heads);
    q->v_dim = (size_t)(v_width / kv_heads);
    q->k_dtype = p->in[K_CACHE]->dtype;
    q->v_dtype = p->in[V_CACHE]->dtype;
    WT_TRY(read_cache(p, q, K_CACHE, q->k_dim, &q->k_row, err));
    WT_TRY(read_cache(p, q, V_CACHE, q->v_dim, &q->v_row, err));
    for (size_t i = POSITIONS; i <= OWNERS; i++)
        WT_TRY(wt_prep_need_vector(p, i, WT_I32, (int64_t)q->tokens, err));
    if (p->in[PAGES]->shape.rank != 2)
        return wt_fail(err, WT_EFORMAT, "KvAttention: the table of pages is no matrix");
    q->sequences = p->in[PAGES]->shape.dim[0];
    q->max_pages = p->in[PAGES]->shape.dim[1];
    if (wt_has_in(p, SINKS))
        WT_TRY(wt_prep_need_vector(p, SINKS, WT_F32, heads, err));
    return WT_OK;
}

static wt_status prepare(wt_prep *p, wt_err *err)
{
    kv_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    for (size_t i = Q; i <= V; i++)
        if (p->in[i]->shape.rank != 2)
            return wt_fail(err, WT_EFORMAT, "KvAttention: input %zu is no matrix", i);
    WT_TRY(read_params(p, q, err));
    q->window = wt_attr_int(p->attrs, "window", 0);
    q->scale = wt_attr_float(p->attrs, "scale", 1 / sqrtf((float)q->k_dim));
    q->softcap = wt_attr_float(p->attrs, "softcap", 0);
    q->alibi = wt_attr_float(p->attrs, "alibi", 0);
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)q->tokens * (double)q->heads * (double)(q->k_dim + q->v_dim); /* a token of the past */
    const size_t group = q->heads / q->kv_heads, scores = (size_t)(q->max_pages * q->page_len);
    return wt_plan_scratch(p, group * scores + (q->k_dim > q->v_dim ? q->k_dim : q->v_dim), sizeof(float), &q->scratch,
                           err);
}

/* --- new rows ----------------------------------------------------------------------------------------------------- */
static wt_status append(const kv_params *q, const wt_run *r, size_t t, wt_err *err)
{
    const int32_t slot = ((const int32_t *)r->in[SLOTS]->data)[t];
    if (slot < 0 || slot >= q->pages * q->page_len)
        return wt_fail(err, WT_EUSAGE, "slot %d of token %zu is outside the cache", slot, t);
    const int64_t page = slot / q->page_len, place = slot % q->page_len;
    char *k = (char *)(uintptr_t)r->in[K_CACHE]->data, *v = (char *)(uintptr_t)r->in[V_CACHE]->data;
    for (size_t g = 0; g < q->kv_heads; g++) {
        wt_kv_store(q->k_dtype, wt_in_f32(r, K) + (t * q->kv_heads + g) * q->k_dim,
                    k + wt_kv_offset(page, (int64_t)g, place, (int64_t)q->kv_heads, q->page_len, q->k_row), q->k_dim);
        wt_kv_store(q->v_dtype, wt_in_f32(r, V) + (t * q->kv_heads + g) * q->v_dim,
                    v + wt_kv_offset(page, (int64_t)g, place, (int64_t)q->kv_heads, q->page_len, q->v_row), q->v_dim);
    }
    return WT_OK;
}

/* --- looking back ------------------------------------------------------------------------------------------------- */
/* ALiBi (Press et al. 2022): heads fall off at different rates. */
static float slope(const kv_params *q, size_t head)
{
    if (q->alibi == 0)
        return 0;
    size_t n = 1;
    while (2 * n <= q->heads)
        n *= 2;
    const double m0 = pow(2, -(double)q->alibi / (double)n), m1 = pow(2, -(double)q->alibi / 2 / (double)n);
    return (float)(head < n ? pow(m0, (double)head + 1) : pow(m1, 2 * (double)(head - n) + 1));
}

static void softmax(float *s, size_t n, const float *sink)
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

static const char *row_at(const kv_params *q, const void *cache, const int32_t *pages, int64_t j, size_t g, size_t row)
{
    return (const char *)cache +
           wt_kv_offset(pages[j / q->page_len], (int64_t)g, j % q->page_len, (int64_t)q->kv_heads, q->page_len, row);
}

static void attend(const kv_params *q, const wt_run *r, size_t t, size_t g, float *scratch)
{
    const int64_t at = ((const int32_t *)r->in[POSITIONS]->data)[t];
    const int64_t first = q->window > 0 && at >= q->window ? at - q->window + 1 : 0;
    const int32_t *pages = (const int32_t *)r->in[PAGES]->data +
                           ((const int32_t *)r->in[OWNERS]->data)[t] * q->max_pages;
    const size_t group = q->heads / q->kv_heads, n = (size_t)(at - first + 1),
                 all = (size_t)(q->max_pages * q->page_len);
    float *row = scratch + group * all;
    for (int64_t j = first; j <= at; j++) {
        wt_kv_load(q->k_dtype, row_at(q, r->in[K_CACHE]->data, pages, j, g, q->k_row), row, q->k_dim);
        for (size_t h = 0; h < group; h++) {
            float s = wt_ref_dot(wt_in_f32(r, Q) + (t * q->heads + g * group + h) * q->k_dim, row, q->k_dim) * q->scale;
            s = q->softcap > 0 ? q->softcap * tanhf(s / q->softcap) : s;
            scratch[h * all + (size_t)(j - first)] = s - slope(q, g * group + h) * (float)(at - j);
        }
    }
    float *y = wt_out_f32(r, 0) + (t * q->heads + g * group) * q->v_dim;
    memset(y, 0, group * q->v_dim * sizeof *y);
    for (size_t h = 0; h < group; h++)
        softmax(scratch + h * all, n, wt_run_has(r, SINKS) ? wt_in_f32(r, SINKS) + g * group + h : NULL);
    for (int64_t j = first; j <= at; j++) {
        wt_kv_load(q->v_dtype, row_at(q, r->in[V_CACHE]->data, pages, j, g, q->v_row), row, q->v_dim);
        for (size_t h = 0; h < group; h++)
            for (size_t i = 0; i < q->v_dim; i++)
                y[h * q->v_dim + i] += scratch[h * all + (size_t)(j - first)] * row[i];
    }
}

/* Every place that a token will look at exists. */
static wt_status check(const kv_params *q, const wt_run *r, size_t t, wt_err *err)
{
    const int32_t at = ((const int32_t *)r->in[POSITIONS]->data)[t], owner = ((const int32_t *)r->in[OWNERS]->data)[t];
    if (owner < 0 || owner >= q->sequences || at < 0 || at >= q->max_pages * q->page_len)
        return wt_fail(err, WT_EUSAGE, "token %zu is at position %d of sequence %d, outside the cache", t, at, owner);
    const int32_t *pages = (const int32_t *)r->in[PAGES]->data + owner * q->max_pages;
    for (int64_t i = 0; i <= at / q->page_len; i++)
        if (pages[i] < 0 || pages[i] >= q->pages)
            return wt_fail(err, WT_EUSAGE, "page %lld of sequence %d is %d, outside the cache", (long long)i, owner,
                           pages[i]);
    return WT_OK;
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const kv_params *q = r->params;
    wt_status st = WT_OK;
    size_t begin, end;
    wt_split(q->tokens, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t t = begin; t < end && st == WT_OK; t++)
        st = append(q, r, t, err);
    if (r->team)
        wt_team_barrier(r->team, r->tid);
    wt_split(q->tokens * q->kv_heads, 1, r->tid, r->nthreads, &begin, &end);
    float *scratch = (float *)((char *)r->scratch + (size_t)r->tid * q->scratch);
    for (size_t u = begin; u < end && st == WT_OK; u++) {
        st = check(q, r, u / q->kv_heads, err);
        if (st == WT_OK)
            attend(q, r, u / q->kv_heads, u % q->kv_heads, scratch);
    }
    return st;
}

const wt_kernel wt_kv_attention_rows[] = {
    { .name = "kv_attention_ref", .op = WT_OP_KVATTENTION, .accepts = accepts, .prepare = prepare, .run = run },
    { .name = NULL },
};
