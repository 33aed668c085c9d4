/* fuzz_npy.c - NumPy array files: header, elements in rows, strings. */
#include <stdlib.h>
#include "fuzz.h"
#include "model/dataset/npy.h"

enum { MOST = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wt_context *ctx = NULL;
    wt_npy npy;
    wt_tensor *t = NULL;
    wt_err err;
    if (size > MOST || wt_npy_parse(&npy, data, size, size, &err) != WT_OK)
        return 0;
    if (npy.data_offset + npy.data_bytes > size)
        abort(); /* accepted more than there is */
    if (npy.count > MOST || wt_context_open(&ctx, NULL, &err) != WT_OK)
        return 0;
    (void)wt_npy_tensor(&t, ctx, &npy, data, &err);
    wt_free(ctx, t);
    const uint64_t rows = npy.shape.rank ? (uint64_t)npy.shape.dim[0] : 1;
    void *row = wt_npy_entry_bytes(&npy) <= MOST ? wt_alloc_raw(ctx, (size_t)wt_npy_entry_bytes(&npy), 1, &err) : NULL;
    if (row && rows)
        (void)wt_npy_copy(&npy, data, rows - 1, 1, row, &err);
    wt_free(ctx, row);
    if (wt_context_memory_now(ctx) != 0)
        abort();
    wt_context_close(ctx);
    return 0;
}
