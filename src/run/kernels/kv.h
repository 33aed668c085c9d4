/* kv.h - how keys and values lie in a cache: what attention kernels, shifting and saving of sequences agree on.
 *
 * A cache is [pages, kv heads, WT_KV_PAGE, head] of its dtype (F32, F16, or blocks along the head), so that one head's
 * page is one run of bytes. Keys are stored rotated. */
#ifndef WT_KV_H
#define WT_KV_H
#include "model/tensor.h"

/* Bytes of one head of one token, and where (page, head, place) starts. */
size_t wt_kv_row_bytes(wt_dtype dtype, int64_t head_dim);
static inline size_t wt_kv_offset(int64_t page, int64_t head, int64_t place, int64_t kv_heads, int64_t page_len,
                                  size_t row_bytes)
{
    return (size_t)((page * kv_heads + head) * page_len + place) * row_bytes;
}
/* The dtypes that caches can have, and whether rows of head_dim are whole blocks of it. */
bool wt_kv_dtype_ok(wt_dtype dtype, int64_t head_dim);
/* One row to and from floats (n = head_dim, a multiple of the dtype's block). */
void wt_kv_store(wt_dtype dtype, const float *x, void *row, size_t n);
void wt_kv_load(wt_dtype dtype, const void *row, float *x, size_t n);
#endif
