/* fuzz_npz.c - zip archives of arrays: the directory, every member, within limits. */
#include <stdlib.h>
#include "fuzz.h"
#include "model/dataset/npy.h"
#include "model/dataset/zip.h"

enum { MOST = 1 << 20, LIMIT = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wt_context *ctx = NULL;
    wt_zip zip;
    wt_err err;
    uint64_t left = LIMIT;
    if (size > MOST || wt_context_open(&ctx, NULL, &err) != WT_OK)
        return 0;
    if (wt_zip_open(&zip, ctx, data, size, &err) == WT_OK) {
        for (size_t i = 0; i < zip.count; i++) {
            wt_zip_data member;
            wt_npy npy;
            if (wt_zip_read(&member, &zip, &zip.members[i], left, &err) != WT_OK)
                continue;
            if (member.size > left)
                abort(); /* the limit did not hold */
            left -= member.size;
            (void)wt_npy_parse(&npy, member.data, member.size, member.size, &err);
            wt_zip_data_close(&member);
        }
        wt_zip_close(&zip);
    }
    if (wt_context_memory_now(ctx) != 0)
        abort();
    wt_context_close(ctx);
    return 0;
}
