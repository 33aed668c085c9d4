/* kv_attention_body.h - the arithmetic of kv_attention.h, once for both instruction sets. */
#include <math.h>
#include "run/kernels/x86/kv_attention.h"
#include "run/kernels/x86/vmath.h"

/* n rows of a cache as floats: where they lie, or converted into `to`. */
static const float *rows_of(wt_dtype dtype, const char *from, size_t row_bytes, size_t n, size_t dim, float *to)
{
    if (dtype == WT_F32)
        return (const float *)(const void *)from;
    if (dtype == WT_F16) {
        const uint16_t *h = (const uint16_t *)(const void *)from;
        for (size_t i = 0; i < n * dim; i += VL)
            vf_store(to + i, vf_from_f16(h + i));
        return to;
    }
    if (dtype == WT_Q8_0) {
        for (size_t i = 0; i < n * dim; i += 32, from += 34) {
            uint16_t h;
            memcpy(&h, from, 2);
            const vf scale = vf_set(wt_f16_to_f32(h));
            for (size_t j = 0; j < 32; j += VL)
                vf_store(to + i + j, vf_mul(scale, vf_from_i8(from + 2 + j)));
        }
        return to;
    }
    for (size_t i = 0; i < n; i++)
        wt_kv_load(dtype, from + i * row_bytes, to + i * dim, dim);
    return to;
}

static void store_row(wt_dtype dtype, const float *x, void *row, size_t n)
{
    uint16_t *to = row;
    if (dtype != WT_F16) {
        wt_kv_store(dtype, x, row, n);
        return;
    }
    for (size_t i = 0; i < n; i += VL)
        vf_to_f16(to + i, vf_load(x + i));
}

static const char *page_at(const wt_kv_plan *p, const wt_run *r, size_t cache, size_t owner, int64_t page, size_t g,
                           size_t row)
{
    const int32_t *pages = wt_kv_ints(r, WT_KV_PAGES) + (int64_t)owner * p->s.max_pages;
    return (const char *)r->in[cache]->data +
           wt_kv_offset(pages[page], (int64_t)g, 0, (int64_t)p->s.kv_heads, p->s.page_len, row);
}

WT_INLINE vf score(const wt_kv_plan *p, vf s)
{
    if (p->s.softcap > 0)
        s = vf_mul(vf_set(p->s.softcap), v_tanh(vf_mul(s, vf_set(1 / p->s.softcap))));
    return s;
}

/* --- tiles -------------------------------------------------------------------------------------------------------- */
/* c[i][lanes] = c[i] * factor + sum over n of a[i * ai + n * an] * b[n][lanes], for `count` rows i and V vectors of
 * lanes; factor NULL: c is not read. */
enum { TILE_I = VL == 16 ? 8 : 4 };
WT_INLINE void block_of(const int rows, const int V, const float *a, size_t ai, size_t an, size_t n, const float *b,
                        size_t ldb, float *c, size_t ldc, const float *factor)
{
    vf acc[TILE_I][2];
    WT_UNROLL
    for (int i = 0; i < rows; i++)
        WT_UNROLL
    for (int v = 0; v < V; v++)
        acc[i][v] = factor ? vf_mul(vf_load(c + (size_t)i * ldc + v * VL), vf_load(factor + v * VL)) : vf_set(0);
    for (size_t k = 0; k < n; k++, a += an, b += ldb) {
        vf w[2];
        WT_UNROLL
        for (int v = 0; v < V; v++)
            w[v] = vf_load(b + v * VL);
        WT_UNROLL
        for (int i = 0; i < rows; i++) {
            const vf x = vf_set(a[(size_t)i * ai]);
            WT_UNROLL
            for (int v = 0; v < V; v++)
                acc[i][v] = vf_fma(x, w[v], acc[i][v]);
        }
    }
    WT_UNROLL
    for (int i = 0; i < rows; i++)
        WT_UNROLL
    for (int v = 0; v < V; v++)
        vf_store(c + (size_t)i * ldc + v * VL, acc[i][v]);
}

static void product(size_t count, size_t vectors, const float *a, size_t ai, size_t an, size_t n, const float *b,
                    float *c, size_t lanes, const float *factor)
{
    for (size_t v = 0; v < vectors; v += 2) {
        const float *f = factor ? factor + v * VL : NULL;
        for (size_t i = 0; i < count; i += TILE_I)
            if (v + 1 < vectors)
                block_of(TILE_I, 2, a + i * ai, ai, an, n, b + v * VL, lanes, c + i * lanes + v * VL, lanes, f);
            else
                block_of(TILE_I, 1, a + i * ai, ai, an, n, b + v * VL, lanes, c + i * lanes + v * VL, lanes, f);
    }
}

typedef struct tile_memory {
    float *q, *s, *o, *k, *v;                       /* [k_dim][lanes], [page][lanes], [v_dim][lanes], pages */
    float *top, *sum, *factor, *at, *first, *slope; /* [lanes] */
} tile_memory;

static tile_memory carve(const wt_kv_plan *p, float *at)
{
    tile_memory m;
    const size_t page = WT_KV_MAX_PAGE;
    m.q = at, at += p->s.k_dim * WT_KV_LANES;
    m.o = at, at += p->s.v_dim * WT_KV_LANES;
    m.s = at, at += page * WT_KV_LANES;
    m.k = at, at += page * p->s.k_dim;
    m.v = at, at += page * p->s.v_dim;
    float **const rows[] = { &m.top, &m.sum, &m.factor, &m.at, &m.first, &m.slope };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        *rows[i] = at + i * WT_KV_LANES;
    return m;
}

static void load_queries(const wt_kv_plan *p, const wt_run *r, const wt_kv_tile *t, const tile_memory *m, size_t lanes)
{
    const size_t rows = t->tokens * t->heads, dim = p->s.k_dim;
    for (size_t row = 0; row < lanes; row++) {
        const size_t i = row < rows ? row : rows - 1, token = t->token + i / t->heads, head = t->head + i % t->heads;
        const float *q = wt_in_f32(r, WT_KV_Q) + (token * p->s.heads + head) * dim;
        const int64_t at = wt_kv_ints(r, WT_KV_POSITIONS)[token];
        for (size_t d = 0; d < dim; d++)
            m->q[d * lanes + row] = q[d] * p->s.scale;
        m->at[row] = (float)at;
        m->first[row] = (float)wt_kv_first(&p->s, at);
        m->slope[row] = p->slopes[head];
        m->top[row] = -INFINITY;
        m->sum[row] = 0;
    }
    memset(m->o, 0, p->s.v_dim * lanes * sizeof(float));
}

/* Scores become weights, relative to the largest score so far; `factor` is what earlier sums are worth now. */
static void soften(const wt_kv_plan *p, const tile_memory *m, size_t lanes, int64_t from, size_t keys, bool masked)
{
    const vf none = vf_set(-INFINITY), zero = vf_set(0);
    for (size_t v = 0; v < lanes; v += VL) {
        const vf at = vf_load(m->at + v), first = vf_load(m->first + v), slope = vf_load(m->slope + v),
                 old = vf_load(m->top + v);
        vf top = old, sum = zero;
        for (size_t j = 0; j < keys; j++) {
            const vf place = vf_set((float)(from + (int64_t)j));
            vf s = score(p, vf_load(m->s + j * lanes + v));
            if (p->s.alibi != 0)
                s = vf_fnma(slope, vf_sub(at, place), s);
            if (masked)
                s = vf_select(vm_or(vf_lt(at, place), vf_lt(place, first)), none, s);
            vf_store(m->s + j * lanes + v, s);
            top = vf_max(s, top);
        }
        const vf from_top = vf_select(vf_lt(none, top), top, zero); /* nothing seen yet: every weight is e^-inf */
        for (size_t j = 0; j < keys; j++) {
            const vf e = v_exp(vf_sub(vf_load(m->s + j * lanes + v), from_top));
            vf_store(m->s + j * lanes + v, e);
            sum = vf_add(sum, e);
        }
        const vf factor = v_exp(vf_sub(old, from_top));
        vf_store(m->factor + v, factor);
        vf_store(m->top + v, top);
        vf_store(m->sum + v, vf_fma(vf_load(m->sum + v), factor, sum));
    }
}

/* 1 / sum, with the sink's share in it. */
static float share(float top, float sum, const float *sink)
{
    if (!sink)
        return 1 / sum;
    return *sink > top ? expf(top - *sink) / (sum * expf(top - *sink) + 1) : 1 / (sum + expf(*sink - top));
}

static void store_rows(const wt_kv_plan *p, const wt_run *r, const wt_kv_tile *t, const tile_memory *m, size_t lanes)
{
    const float *sinks = r->n_in > WT_KV_SINKS && r->in[WT_KV_SINKS] ? wt_in_f32(r, WT_KV_SINKS) : NULL;
    for (size_t i = 0; i < t->tokens * t->heads; i++) {
        const size_t token = t->token + i / t->heads, head = t->head + i % t->heads;
        float *y = wt_out_f32(r, 0) + (token * p->s.heads + head) * p->s.v_dim;
        const float part = share(m->top[i], m->sum[i], sinks ? sinks + head : NULL);
        for (size_t d = 0; d < p->s.v_dim; d++)
            y[d] = m->o[d * lanes + i] * part;
    }
}

static void attend_tile(const wt_kv_plan *p, const wt_run *r, const wt_kv_tile *t, float *scratch)
{
    const tile_memory m = carve(p, scratch);
    const size_t lanes = wt_align_up(t->tokens * t->heads, VL), owner = (size_t)wt_kv_ints(r, WT_KV_OWNERS)[t->token];
    const int64_t low = wt_kv_ints(r, WT_KV_POSITIONS)[t->token], high = low + (int64_t)t->tokens - 1,
                  first = wt_kv_first(&p->s, low), first_all = wt_kv_first(&p->s, high), len = p->s.page_len;
    load_queries(p, r, t, &m, lanes);
    for (int64_t page = first / len; page * len <= high; page++) {
        const size_t keys = (size_t)(high - page * len < len ? high - page * len + 1 : len),
                     padded = wt_align_up(keys, TILE_I);
        const float *k = rows_of(p->s.k_dtype, page_at(p, r, WT_KV_K_CACHE, owner, page, t->g, p->s.k_row), p->s.k_row,
                                 padded, p->s.k_dim, m.k),
                    *v = rows_of(p->s.v_dtype, page_at(p, r, WT_KV_V_CACHE, owner, page, t->g, p->s.v_row), p->s.v_row,
                                 keys, p->s.v_dim, m.v);
        product(padded, lanes / VL, k, p->s.k_dim, 1, p->s.k_dim, m.q, m.s, lanes, NULL);
        soften(p, &m, lanes, page * len, keys, (page + 1) * len - 1 > low || page * len < first_all);
        product(p->s.v_dim, lanes / VL, v, 1, p->s.v_dim, keys, m.s, m.o, lanes, m.factor);
    }
    store_rows(p, r, t, &m, lanes);
}

/* --- parts -------------------------------------------------------------------------------------------------------- */
WT_INLINE vf row_part(bool half, const void *rows, size_t i)
{
    return half ? vf_from_f16((const uint16_t *)rows + i) : vf_load((const float *)rows + i);
}

/* s[0 .. n) = dots of q with n rows of k (floats or halves), n a multiple of VL. */
WT_INLINE void scores(bool half, const float *q, const void *k, size_t dim, size_t n, float *s)
{
    for (size_t j = 0; j < n; j += VL) {
        vf sum[VL];
        WT_UNROLL
        for (int i = 0; i < VL; i++)
            sum[i] = vf_set(0);
        for (size_t d = 0; d < dim; d += VL) {
            const vf x = vf_load(q + d);
            WT_UNROLL
            for (int i = 0; i < VL; i++)
                sum[i] = vf_fma(x, row_part(half, k, (j + (size_t)i) * dim + d), sum[i]);
        }
        vf_store(s + j, vf_sums(sum));
    }
}

/* o = o * factor + s . v over n keys. */
WT_INLINE void values(bool half, const float *s, const void *v, size_t dim, size_t n, vf factor, float *o)
{
    for (size_t d = 0; d < dim; d += 4 * VL) {
        vf acc[4];
        const size_t left = dim - d;
        if (left >= 4 * VL) {
            WT_UNROLL
            for (int i = 0; i < 4; i++)
                acc[i] = vf_mul(factor, vf_load(o + d + i * VL));
            for (size_t j = 0; j < n; j++) {
                const vf w = vf_set(s[j]);
                WT_UNROLL
                for (int i = 0; i < 4; i++)
                    acc[i] = vf_fma(w, row_part(half, v, j * dim + d + (size_t)i * VL), acc[i]);
            }
            WT_UNROLL
            for (int i = 0; i < 4; i++)
                vf_store(o + d + i * VL, acc[i]);
            continue;
        }
        for (size_t e = d; e < dim; e += VL) {
            vf one = vf_mul(factor, vf_load(o + e));
            for (size_t j = 0; j < n; j++)
                one = vf_fma(vf_set(s[j]), row_part(half, v, j * dim + e), one);
            vf_store(o + e, one);
        }
    }
}

/* One head's scores of a page become weights; returns what earlier sums are worth now. */
static float soften_head(const wt_kv_plan *p, float *s, int64_t from, int64_t low, int64_t high, float slope,
                         float *top_sum)
{
    float top = top_sum[0], sum = 0;
    const int64_t len = p->s.page_len;
    for (int64_t j = 0; j < len; j++)
        if (from + j < low || from + j > high)
            s[j] = -INFINITY;
    for (int64_t j = 0; j < len; j += VL) {
        vf v = score(p, vf_mul(vf_load(s + j), vf_set(p->s.scale)));
        if (p->s.alibi != 0)
            for (int64_t i = 0; i < VL; i++)
                s[j + i] = s[j + i] == -INFINITY ? s[j + i] : slope * (float)(high - from - j - i);
        if (p->s.alibi != 0)
            v = vf_select(vf_lt(vf_set(-INFINITY), vf_load(s + j)), vf_sub(v, vf_load(s + j)), vf_load(s + j));
        else
            v = vf_select(vf_lt(vf_set(-INFINITY), vf_load(s + j)), v, vf_load(s + j));
        vf_store(s + j, v);
        const float m = vf_max_of(v);
        top = m > top ? m : top;
    }
    const vf base = vf_set(top);
    for (int64_t j = 0; j < len; j += VL) {
        const vf e = v_exp(vf_sub(vf_load(s + j), base));
        vf_store(s + j, e);
        sum += vf_sum(e);
    }
    const float factor = top_sum[0] == -INFINITY
                             ? 0
                             : vf_sum(vf_select(vm_first(1), v_exp(vf_set(top_sum[0] - top)), vf_set(0)));
    top_sum[0] = top;
    top_sum[1] = top_sum[1] * factor + sum;
    return factor;
}

/* One page of one part. */
WT_INLINE void part_page(const wt_kv_plan *p, const wt_run *r, size_t t, size_t g, int64_t page, float *out,
                         float *scratch, bool half)
{
    const size_t owner = (size_t)wt_kv_ints(r, WT_KV_OWNERS)[t], width = 2 + p->s.v_dim;
    const int64_t at = wt_kv_ints(r, WT_KV_POSITIONS)[t], low = wt_kv_first(&p->s, at), len = p->s.page_len;
    const size_t keys = (size_t)(at - page * len < len ? at - page * len + 1 : len), padded = wt_align_up(keys, VL);
    const char *k_rows = page_at(p, r, WT_KV_K_CACHE, owner, page, g, p->s.k_row),
               *v_rows = page_at(p, r, WT_KV_V_CACHE, owner, page, g, p->s.v_row);
    float s[WT_KV_MAX_PAGE];
    const void *k = half ? (const void *)k_rows
                         : rows_of(p->s.k_dtype, k_rows, p->s.k_row, padded, p->s.k_dim, scratch);
    const void *v = half ? (const void *)v_rows
                         : rows_of(p->s.v_dtype, v_rows, p->s.v_row, keys, p->s.v_dim,
                                   scratch + WT_KV_MAX_PAGE * p->s.k_dim);
    for (size_t h = 0; h < p->group; h++) {
        const size_t head = g * p->group + h;
        float *o = out + h * width;
        scores(half, wt_in_f32(r, WT_KV_Q) + (t * p->s.heads + head) * p->s.k_dim, k, p->s.k_dim, padded, s);
        const float factor = soften_head(p, s, page * len, low, at, p->slopes[head], o);
        values(half, s, v, p->s.v_dim, keys, vf_set(factor), o + 2);
    }
}

static void attend_part(const wt_kv_plan *p, const wt_run *r, size_t t, size_t g, int64_t first, int64_t last,
                        float *out, float *scratch)
{
    const size_t width = 2 + p->s.v_dim;
    const bool half = p->s.k_dtype == WT_F16 && p->s.v_dtype == WT_F16;
    for (size_t h = 0; h < p->group; h++) {
        memset(out + h * width, 0, width * sizeof *out);
        out[h * width] = -INFINITY;
    }
    for (int64_t page = first; page < last; page++)
        if (half)
            part_page(p, r, t, g, page, out, scratch, true);
        else
            part_page(p, r, t, g, page, out, scratch, false);
}

const wt_kv_fns WT_VEC_NAME(wt_kv_fns) = { attend_tile, attend_part, store_row };
