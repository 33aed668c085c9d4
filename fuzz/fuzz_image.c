/* fuzz_image.c - pictures: decoded, made gray, resized in the way that the last byte says. */
#include <stdlib.h>
#include "fuzz.h"
#include "model/dataset/resize.h"

enum { MOST = 1 << 20, PIXELS = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wt_context *ctx = NULL;
    wt_picture pic, small;
    wt_err err;
    if (size > MOST || wt_context_open(&ctx, NULL, &err) != WT_OK)
        return 0;
    wt_picture_init(&pic, ctx);
    wt_picture_init(&small, ctx);
    if (wt_picture_decode(&pic, data, size, PIXELS, &err) == WT_OK) {
        if (pic.width * pic.height > PIXELS || (pic.channels != 1 && pic.channels != 3))
            abort();
        const uint8_t how = data[size - 1];
        (void)wt_resize_picture(&small, &pic, 1 + how % 37, 1 + how % 23, (wt_resize)(how & 3), PIXELS, &err);
        wt_picture_to_gray(&pic);
    }
    wt_picture_free(&pic);
    wt_picture_free(&small);
    if (wt_context_memory_now(ctx) != 0)
        abort();
    wt_context_close(ctx);
    return 0;
}
