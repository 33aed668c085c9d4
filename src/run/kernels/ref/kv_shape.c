/* kv_shape.c - see kv_shape.h. */
#include "run/kernels/ref/kv_shape.h"
#include <math.h>
#include "run/kernels/ref/nn_rows.h"

bool wt_kv_accepts(const wt_prep *p)
{
    for (size_t i = WT_KV_Q; i <= WT_KV_V; i++)
        if (!wt_in_is(p, i, WT_F32))
            return false;
    for (size_t i = WT_KV_POSITIONS; i <= WT_KV_PAGES; i++)
        if (!wt_in_is(p, i, WT_I32))
            return false;
    return wt_has_in(p, WT_KV_K_CACHE) && wt_has_in(p, WT_KV_V_CACHE) && wt_out_is(p, 0, WT_F32) && wt_all_plain(p) &&
           (!wt_has_in(p, WT_KV_SINKS) || wt_in_is(p, WT_KV_SINKS, WT_F32));
}

/* A cache is [pages, kv heads, page, head]. */
static wt_status read_cache(const wt_prep *p, wt_kv_shape *q, size_t input, size_t dim, size_t *row, wt_err *err)
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

wt_status wt_kv_shape_read(wt_kv_shape *q, const wt_prep *p, wt_err *err)
{
    const int64_t heads = wt_attr_int(p->attrs, "heads", 0), kv_heads = wt_attr_int(p->attrs, "kv_heads", 0);
    for (size_t i = WT_KV_Q; i <= WT_KV_V; i++)
        if (p->in[i]->shape.rank != 2)
            return wt_fail(err, WT_EFORMAT, "KvAttention: input %zu is no matrix", i);
    const int64_t q_width = p->in[WT_KV_Q]->shape.dim[1], k_width = p->in[WT_KV_K]->shape.dim[1],
                  v_width = p->in[WT_KV_V]->shape.dim[1];
    if (heads < 1 || kv_heads < 1 || heads % kv_heads || q_width % heads || k_width % kv_heads || v_width % kv_heads ||
        q_width / heads != k_width / kv_heads)
        return wt_fail(err, WT_EFORMAT, "KvAttention: widths %lld, %lld, %lld do not make %lld heads over %lld",
                       (long long)q_width, (long long)k_width, (long long)v_width, (long long)heads,
                       (long long)kv_heads);
    *q = (wt_kv_shape){ .tokens = (size_t)p->in[WT_KV_Q]->shape.dim[0],
                        .heads = (size_t)heads,
                        .kv_heads = (size_t)kv_heads,
                        .k_dim = (size_t)(q_width / heads),
                        .v_dim = (size_t)(v_width / kv_heads),
                        .k_dtype = p->in[WT_KV_K_CACHE]->dtype,
                        .v_dtype = p->in[WT_KV_V_CACHE]->dtype };
    WT_TRY(read_cache(p, q, WT_KV_K_CACHE, q->k_dim, &q->k_row, err));
    WT_TRY(read_cache(p, q, WT_KV_V_CACHE, q->v_dim, &q->v_row, err));
    for (size_t i = WT_KV_POSITIONS; i <= WT_KV_OWNERS; i++)
        WT_TRY(wt_prep_need_vector(p, i, WT_I32, (int64_t)q->tokens, err));
    if (p->in[WT_KV_PAGES]->shape.rank != 2)
        return wt_fail(err, WT_EFORMAT, "KvAttention: the table of pages is no matrix");
    q->sequences = p->in[WT_KV_PAGES]->shape.dim[0];
    q->max_pages = p->in[WT_KV_PAGES]->shape.dim[1];
    if (wt_has_in(p, WT_KV_SINKS))
        WT_TRY(wt_prep_need_vector(p, WT_KV_SINKS, WT_F32, heads, err));
    q->window = wt_attr_int(p->attrs, "window", 0);
    q->scale = wt_attr_float(p->attrs, "scale", 1 / sqrtf((float)q->k_dim));
    q->softcap = wt_attr_float(p->attrs, "softcap", 0);
    q->alibi = wt_attr_float(p->attrs, "alibi", 0);
    return WT_OK;
}

wt_status wt_kv_append(const wt_kv_shape *q, const wt_run *r, size_t t, wt_kv_store_fn *store, wt_err *err)
{
    const int32_t slot = wt_kv_ints(r, WT_KV_SLOTS)[t];
    if (slot < 0 || slot >= q->pages * q->page_len)
        return wt_fail(err, WT_EUSAGE, "slot %d of token %zu is outside the cache", slot, t);
    const int64_t page = slot / q->page_len, place = slot % q->page_len, heads = (int64_t)q->kv_heads;
    char *k = (char *)(uintptr_t)r->in[WT_KV_K_CACHE]->data, *v = (char *)(uintptr_t)r->in[WT_KV_V_CACHE]->data;
    for (int64_t g = 0; g < heads; g++) {
        const size_t row = t * q->kv_heads + (size_t)g;
        store(q->k_dtype, wt_in_f32(r, WT_KV_K) + row * q->k_dim,
              k + wt_kv_offset(page, g, place, heads, q->page_len, q->k_row), q->k_dim);
        store(q->v_dtype, wt_in_f32(r, WT_KV_V) + row * q->v_dim,
              v + wt_kv_offset(page, g, place, heads, q->page_len, q->v_row), q->v_dim);
    }
    return WT_OK;
}

wt_status wt_kv_check(const wt_kv_shape *q, const wt_run *r, size_t t, wt_err *err)
{
    const int32_t at = wt_kv_ints(r, WT_KV_POSITIONS)[t], owner = wt_kv_ints(r, WT_KV_OWNERS)[t];
    if (owner < 0 || owner >= q->sequences || at < 0 || at >= q->max_pages * q->page_len)
        return wt_fail(err, WT_EUSAGE, "token %zu is at position %d of sequence %d, outside the cache", t, at, owner);
    const int32_t *pages = wt_kv_ints(r, WT_KV_PAGES) + owner * q->max_pages;
    for (int64_t i = 0; i <= at / q->page_len; i++)
        if (pages[i] < 0 || pages[i] >= q->pages)
            return wt_fail(err, WT_EUSAGE, "page %lld of sequence %d is %d, outside the cache", (long long)i, owner,
                           pages[i]);
    return WT_OK;
}

float wt_kv_slope(const wt_kv_shape *q, size_t head)
{
    if (q->alibi == 0)
        return 0;
    size_t n = 1;
    while (2 * n <= q->heads)
        n *= 2;
    const double m0 = pow(2, -(double)q->alibi / (double)n), m1 = pow(2, -(double)q->alibi / 2 / (double)n);
    return (float)(head < n ? pow(m0, (double)head + 1) : pow(m1, 2 * (double)(head - n) + 1));
}
