/* fuzz_safetensors.c - headers of safetensors files: what is accepted lies within the file. */
#include <stdlib.h>
#include "fuzz.h"
#include "model/formats/safetensors/safetensors.h"

enum { MOST = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wt_context *ctx = NULL;
    wt_weights *set = NULL;
    if (size > MOST || wt_context_open(&ctx, NULL, NULL) != WT_OK)
        return 0;
    if (wt_weights_new(&set, ctx, "fuzz", "safetensors", NULL) == WT_OK &&
        wt_safetensors_header(set, 0, data, size, "fuzz", NULL) == WT_OK)
        for (size_t i = 0; i < wt_weights_count(set); i++) {
            wt_tensor t;
            uint8_t sum = 0;
            if (wt_weight_data(set, wt_weights_at(set, i), &t, NULL) != WT_OK)
                abort();
            for (size_t k = 0; k < t.bytes; k++)
                sum = (uint8_t)(sum + ((const uint8_t *)t.data)[k]);
            (void)!sum;
        }
    wt_weights_close(set);
    wt_context_close(ctx);
    return 0;
}
