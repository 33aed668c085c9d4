/* kv_shape.h - what every row of KvAttention reads and checks before it computes. */
#ifndef WT_REF_KV_SHAPE_H
#define WT_REF_KV_SHAPE_H
#include "run/kernel.h"
#include "run/kernels/kv.h"

enum {
    WT_KV_Q,
    WT_KV_K,
    WT_KV_V,
    WT_KV_K_CACHE,
    WT_KV_V_CACHE,
    WT_KV_POSITIONS,
    WT_KV_SLOTS,
    WT_KV_OWNERS,
    WT_KV_PAGES,
    WT_KV_SINKS
};

typedef struct wt_kv_shape {
    size_t tokens, heads, kv_heads, k_dim, v_dim;
    int64_t pages, page_len, max_pages, sequences;
    wt_dtype k_dtype, v_dtype;
    size_t k_row, v_row; /* bytes of one head of one token */
    int64_t window;
    float scale, softcap, alibi;
} wt_kv_shape;

bool wt_kv_accepts(const wt_prep *p);
wt_status wt_kv_shape_read(wt_kv_shape *q, const wt_prep *p, wt_err *err);
/* Token t's keys and values go to their page, by `store`: wt_kv_store, or what does the same. */
typedef void wt_kv_store_fn(wt_dtype dtype, const float *x, void *row, size_t n);
wt_status wt_kv_append(const wt_kv_shape *q, const wt_run *r, size_t t, wt_kv_store_fn *store, wt_err *err);
/* Every place that token t will look at exists. */
wt_status wt_kv_check(const wt_kv_shape *q, const wt_run *r, size_t t, wt_err *err);
/* How fast a head forgets (ALiBi, Press et al. 2022). */
float wt_kv_slope(const wt_kv_shape *q, size_t head);
static inline const int32_t *wt_kv_ints(const wt_run *r, size_t i) { return (const int32_t *)r->in[i]->data; }
/* The first position that a token at `at` looks at. */
static inline int64_t wt_kv_first(const wt_kv_shape *q, int64_t at)
{
    return q->window > 0 && at >= q->window ? at - q->window + 1 : 0;
}
#endif
