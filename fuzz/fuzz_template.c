/* fuzz_template.c - chat templates and their variables: source, a zero byte, JSON. */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "whet/chat.h"

enum { MOST = 1 << 14 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static wt_context *ctx;
    wt_template *t;
    wt_err err;
    char *text = NULL;
    size_t len;
    if (size > MOST || (!ctx && wt_context_open(&ctx, NULL, &err) != WT_OK))
        return 0;
    const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
    const size_t source = cut ? (size_t)(cut - data) : size;
    char *variables = malloc(size - source + 3);
    if (!variables)
        abort();
    strcpy(variables, "{}");
    if (cut) {
        memcpy(variables, cut + 1, size - source - 1);
        variables[size - source - 1] = 0;
    }
    if (wt_template_open(&t, ctx, (const char *)data, source, "fuzz", &err) == WT_OK) {
        if (wt_template_render(t, variables, &text, &len, &err) == WT_OK && strlen(text) > len)
            abort(); /* the zero stands behind the text */
        wt_template_text_free(ctx, text);
        wt_template_close(t);
    }
    free(variables);
    return 0;
}
