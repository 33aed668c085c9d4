/* fuzz_genai_config.c - genai_config.json: what is accepted names a file and has sizes in their bounds. */
#include <stdlib.h>
#include "base/json.h"
#include "fuzz.h"
#include "model/formats/genai/genai.h"

enum { MOST = 1 << 14 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wt_context *ctx = NULL;
    wt_weights *set = NULL;
    json_t *config = NULL;
    const char *file = NULL;
    if (size > MOST || wt_json_parse(&config, (const char *)data, size, "fuzz", NULL) != WT_OK)
        return 0;
    if (wt_context_open(&ctx, NULL, NULL) == WT_OK && wt_weights_new(&set, ctx, "fuzz", "genai", NULL) == WT_OK &&
        wt_genai_read_config(set, config, &file, NULL) == WT_OK) {
        int64_t heads = 0, kv = 0;
        if (!file || !*file || wt_weights_int(set, "onnx.attention.head_count", 0, &heads, NULL) != WT_OK ||
            wt_weights_int(set, "onnx.attention.head_count_kv", 0, &kv, NULL) != WT_OK || kv < 1 || heads % kv)
            abort();
    }
    wt_weights_close(set);
    json_decref(config);
    wt_context_close(ctx);
    return 0;
}
