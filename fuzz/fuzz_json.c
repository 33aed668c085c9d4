/* fuzz_json.c - pre-processing files: what is accepted is printed, and must then be accepted again, as the same. */
#include <stdlib.h>
#include "fuzz.h"
#include "model/dataset/preprocess.h"

enum { MOST = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wt_preprocess pp, again;
    wt_err err;
    if (size > MOST || wt_preprocess_parse(&pp, (const char *)data, size, "fuzz", &err) != WT_OK)
        return 0;
    json_t *json = wt_preprocess_to_json(&pp, UINT32_MAX), *second = NULL;
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (!text || wt_preprocess_parse(&again, text, strlen(text), "again", &err) != WT_OK)
        abort();
    second = wt_preprocess_to_json(&again, UINT32_MAX);
    if (!json_equal(json, second))
        abort();
    wt_preprocess_merge(&again, &pp);
    free(text);
    json_decref(json);
    json_decref(second);
    return 0;
}
