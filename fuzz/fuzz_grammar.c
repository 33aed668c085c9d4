/* fuzz_grammar.c - grammars (or JSON schemas, which begin with a brace), a zero byte, and a text to follow. */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "run/generate/grammar.h"

enum { MOST = 1 << 12 };

static void follow(wt_context *ctx, const wt_grammar *g, const uint8_t *text, size_t len)
{
    wt_matcher *m;
    uint32_t set;
    bool forgot;
    if (wt_matcher_open(&m, ctx, g, NULL) != WT_OK)
        return;
    for (size_t i = 0; i < len; i++) {
        if (wt_matcher_step(m, wt_matcher_now(m), text[i], &set, NULL) != WT_OK || set == WT_MATCH_DEAD ||
            wt_matcher_go(m, set, &forgot, NULL) != WT_OK)
            break;
    }
    wt_matcher_close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static wt_context *ctx;
    wt_grammar *g;
    wt_buf made;
    if (size > MOST || (!ctx && wt_context_open(&ctx, NULL, NULL) != WT_OK))
        return 0;
    char *text = malloc(size + 1);
    if (!text)
        abort();
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    const size_t len = strlen(text);
    wt_buf_init(&made, ctx);
    wt_status st = WT_OK;
    if (text[0] == '{')
        st = wt_schema_to_grammar(&made, text, "fuzz", NULL);
    if (st == WT_OK && wt_grammar_parse(&g, ctx, text[0] == '{' ? made.data : text, "fuzz", NULL) == WT_OK) {
        follow(ctx, g, data + len + (len < size), size - len - (len < size));
        wt_grammar_close(g);
    }
    wt_buf_free(&made);
    free(text);
    return 0;
}
