/* fuzz_text.c - the base storey's questions about text: glob, UTF-8, CPU levels, and what an error makes of it. */
#include <stdlib.h>
#include "base/cpu.h"
#include "base/str.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MOST = 4096 }; /* the matcher may take the product of the lengths */
    if (size > MOST)
        return 0;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    const size_t first = strlen(text);
    const char *second = first < size ? text + first + 1 : "model/layer.12/weight";
    (void)wt_glob_match(text, second);
    (void)wt_cpu_mask_parse(text);
    const bool valid = wt_utf8_valid(text, first);
    wt_err err;
    wt_fail(&err, WT_EFORMAT, "%s", text);
    wt_err_where(&err, "%s", second);
    if (!wt_utf8_valid(err.message, strlen(err.message)) || !wt_utf8_valid(err.where, strlen(err.where)))
        abort(); /* an error is always one line of valid text */
    if (valid && first < sizeof err.message && strchr(err.message, '\n'))
        abort();
    free(text);
    return 0;
}
