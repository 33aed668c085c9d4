/* kv.c - rows of caches. See kv.h. */
#include "run/kernels/kv.h"
#include "model/blocks/blocks.h"

size_t wt_kv_row_bytes(wt_dtype dtype, int64_t head_dim)
{
    size_t bytes = 0;
    return wt_dtype_bytes(dtype, (uint64_t)head_dim, &bytes) ? bytes : 0;
}

bool wt_kv_dtype_ok(wt_dtype dtype, int64_t head_dim)
{
    const bool known = dtype == WT_F32 || dtype == WT_F16 || dtype == WT_Q8_0 || dtype == WT_Q4_0;
    return known && head_dim > 0 && head_dim % wt_dtype_get(dtype)->block_len == 0;
}

void wt_kv_store(wt_dtype dtype, const float *x, void *row, size_t n)
{
    wt_block_codec_get(dtype)->encode(x, row, n, NULL);
}

void wt_kv_load(wt_dtype dtype, const void *row, float *x, size_t n) { wt_block_codec_get(dtype)->decode(row, x, n); }
