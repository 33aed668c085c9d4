/* gguf_reader.c - the cursor: values in the file's byte order, never beyond its end. */
#include "gguf_reader.h"

wt_status wt_gguf_take(wt_gguf_reader *r, uint64_t n, const char *what, const uint8_t **out, wt_err *err)
{
    if (n > r->size - r->pos) {
        wt_weights_refuse(r->path, err, r->pos, "the file ends inside %s: %llu bytes are needed, %llu are left", what,
                          (unsigned long long)n, (unsigned long long)(r->size - r->pos));
        wt_err_hint(err, "the file was cut off or damaged: download or convert it again");
        return WT_EFORMAT;
    }
    *out = r->data + r->pos;
    r->pos += n;
    return WT_OK;
}

wt_status wt_gguf_u32(wt_gguf_reader *r, const char *what, uint32_t *out, wt_err *err)
{
    const uint8_t *p = NULL;
    WT_TRY(wt_gguf_take(r, sizeof *out, what, &p, err));
    memcpy(out, p, sizeof *out);
    if (r->swap)
        *out = __builtin_bswap32(*out);
    return WT_OK;
}

wt_status wt_gguf_u64(wt_gguf_reader *r, const char *what, uint64_t *out, wt_err *err)
{
    const uint8_t *p = NULL;
    WT_TRY(wt_gguf_take(r, sizeof *out, what, &p, err));
    memcpy(out, p, sizeof *out);
    if (r->swap)
        *out = __builtin_bswap64(*out);
    return WT_OK;
}

wt_status wt_gguf_string(wt_gguf_reader *r, const char *what, wt_string *out, wt_err *err)
{
    uint64_t len = 0;
    const uint64_t at = r->pos;
    const uint8_t *p = NULL;
    WT_TRY(wt_gguf_u64(r, what, &len, err));
    if (len > r->size - r->pos)
        return wt_weights_refuse(r->path, err, at, "%s is %llu bytes long, but the file has only %llu more", what,
                                 (unsigned long long)len, (unsigned long long)(r->size - r->pos));
    WT_TRY(wt_gguf_take(r, len, what, &p, err));
    *out = (wt_string){ (const char *)p, (size_t)len };
    return WT_OK;
}

/* --- the other byte order ----------------------------------------------------------------------------------- */

void wt_gguf_swap(void *dst, const void *src, size_t n, size_t size)
{
    const uint8_t *from = src;
    uint8_t *to = dst;
    for (size_t i = 0; i < n; i++, from += size, to += size)
        for (size_t k = 0; k < size; k++)
            to[k] = from[size - 1 - k];
}

/* Fields of more than one byte in a block, as runs of equally large ones: offset, width, count. The rest are bytes. */
typedef struct swap_run {
    wt_dtype dtype;
    uint8_t offset, width, count;
} swap_run;

static const swap_run swap_runs[] = {
    { WT_Q4_0, 0, 2, 1 },     { WT_Q4_1, 0, 2, 2 },    { WT_Q5_0, 0, 2, 1 },    { WT_Q5_0, 2, 4, 1 },
    { WT_Q5_1, 0, 2, 2 },     { WT_Q5_1, 4, 4, 1 },    { WT_Q8_0, 0, 2, 1 },    { WT_Q2_K, 80, 2, 2 },
    { WT_Q3_K, 108, 2, 1 },   { WT_Q4_K, 0, 2, 2 },    { WT_Q5_K, 0, 2, 2 },    { WT_Q6_K, 208, 2, 1 },
    { WT_IQ2_XXS, 0, 2, 33 }, { WT_IQ2_XS, 0, 2, 33 }, { WT_IQ3_XXS, 0, 2, 1 }, { WT_IQ1_S, 0, 2, 1 },
    { WT_IQ1_S, 34, 2, 8 },   { WT_IQ4_NL, 0, 2, 1 },  { WT_IQ3_S, 0, 2, 1 },   { WT_IQ2_S, 0, 2, 1 },
    { WT_IQ4_XS, 0, 2, 2 },   { WT_TQ1_0, 52, 2, 1 },  { WT_TQ2_0, 64, 2, 1 },  { WT_Q1_0, 0, 2, 1 },
    { WT_Q2_0, 0, 2, 1 },
};

void wt_gguf_swap_blocks(void *dst, const void *src, size_t bytes, wt_dtype dtype)
{
    const size_t block = wt_dtype_get(dtype)->block_bytes;
    memcpy(dst, src, bytes);
    for (size_t i = 0; i < WT_ARRAY_LEN(swap_runs); i++) {
        const swap_run *run = &swap_runs[i];
        if (run->dtype != dtype)
            continue;
        for (size_t at = run->offset; at < bytes; at += block)
            wt_gguf_swap((uint8_t *)dst + at, (const uint8_t *)src + at, run->count, run->width);
    }
}
