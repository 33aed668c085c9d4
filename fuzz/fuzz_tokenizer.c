/* fuzz_tokenizer.c - a tokenizer from hostile bytes, and text through it.
 *
 * The first byte says what the rest is: tokenizer.json, tokenizer.model, a pattern and a text, or names, scores and
 * merges of GGUF's keys, one a line. What was read must answer with ids that it knows. */
#include <stdlib.h>
#include "fuzz.h"
#include "model/tokenizer/tokenizer_impl.h"

enum { MOST = 1 << 16, IDS = 256, LINES = 200 };

static void use(const wt_tokenizer *t)
{
    static const char text[] = "Hello  w\xc3\xb6rld 12<|end|>\n\n\xe2\x96\x81 it's \xf0\x9f\x98\x80 \xff\xc3 e\xcc\x81";
    int32_t ids[IDS];
    char back[4096];
    size_t n, len;
    wt_err err;
    wt_tokenizer_info info;
    wt_tokenizer_describe(t, &info);
    for (unsigned flags = 0; flags < 4; flags++) {
        if (wt_tokenize(t, text, sizeof text - 1, flags, ids, IDS, &n, &err) != WT_OK)
            continue;
        n = n < IDS ? n : IDS;
        for (size_t i = 0; i < n; i++)
            if (ids[i] < 0 || (size_t)ids[i] >= info.tokens)
                abort();
        (void)wt_detokenize(t, ids, n, flags & 1, back, sizeof back, &len, &err);
    }
}

static void find(wt_context *ctx, const char *data, size_t size)
{
    const char *bar = memchr(data, 0, size);
    const size_t len = bar ? (size_t)(bar - data) : size;
    const char *text = bar ? bar + 1 : data;
    const size_t n = bar ? size - len - 1 : 0;
    wt_arena arena;
    wt_regex_stack stack = { .ctx = ctx };
    const wt_regex *re;
    wt_err err;
    size_t at = 0, end = 0;
    wt_arena_init(&arena, ctx);
    if (n < 4096 && wt_regex_compile(&re, &arena, data, len, &err) == WT_OK)
        for (size_t from = 0; from <= n; from = end + (at == end)) {
            if (wt_regex_find(re, &stack, text, n, from, &at, &end, &err) != WT_OK || at == SIZE_MAX)
                break;
            if (at < from || end < at || end > n)
                abort();
        }
    wt_regex_stack_free(&stack);
    wt_arena_free(&arena);
}

static wt_status from_lines(wt_tokenizer **t, wt_context *ctx, const char *data, size_t size)
{
    static const char *const models[] = { "llama", "gpt2", "t5", "bert" };
    wt_string names[LINES], merges[LINES];
    float scores[LINES];
    int32_t types[LINES];
    size_t n = 0, m = 0;
    wt_weights *w = NULL;
    wt_err err;
    const unsigned model = (uint8_t)data[0] & 3;
    for (size_t at = 1; at < size && n < LINES && m < LINES;) {
        const char *end = memchr(data + at, '\n', size - at);
        const size_t len = end ? (size_t)(end - data) - at : size - at;
        if (len && data[at] == '+') {
            merges[m++] = (wt_string){ data + at + 1, len - 1 };
        } else if (len) {
            types[n] = (uint8_t)data[at] % 7;
            scores[n] = -(float)(at % 50);
            names[n++] = (wt_string){ data + at + 1, len - 1 };
        }
        at += len + 1;
    }
    const wt_meta metas[] = {
        { .key = { "tokenizer.ggml.tokens", 21 },
          .type = WT_META_STRING,
          .is_array = true,
          .count = n,
          .strings = names },
        { .key = { "tokenizer.ggml.scores", 21 }, .type = WT_META_F32, .is_array = true, .count = n, .data = scores },
        { .key = { "tokenizer.ggml.token_type", 25 },
          .type = WT_META_I32,
          .is_array = true,
          .count = n,
          .data = types },
        { .key = { "tokenizer.ggml.merges", 21 },
          .type = WT_META_STRING,
          .is_array = true,
          .count = m,
          .strings = merges },
    };
    wt_status st = wt_weights_new(&w, ctx, "fuzz", "gguf", &err);
    if (st == WT_OK)
        st = wt_weights_set_string(w, "tokenizer.ggml.model", models[model], &err);
    for (size_t i = 0; i < WT_ARRAY_LEN(metas) && st == WT_OK; i++)
        st = wt_weights_set_meta(w, &metas[i], &err);
    if (st == WT_OK)
        st = wt_tokenizer_from_weights(t, ctx, w, &err);
    wt_weights_close(w);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wt_context *ctx = NULL;
    wt_tokenizer *t = NULL;
    wt_err err;
    if (size < 2 || size > MOST || wt_context_open(&ctx, NULL, &err) != WT_OK)
        return 0;
    const char *rest = (const char *)data + 1;
    switch (data[0]) {
    case 'j': (void)wt_tokenizer_from_json(&t, ctx, rest, size - 1, NULL, &err); break;
    case 's': (void)wt_tokenizer_from_spm(&t, ctx, rest, size - 1, NULL, &err); break;
    case 'r': find(ctx, rest, size - 1); break;
    default: (void)from_lines(&t, ctx, rest, size - 1); break;
    }
    if (t)
        use(t);
    wt_tokenizer_close(t);
    if (wt_context_memory_now(ctx) != 0)
        abort();
    wt_context_close(ctx);
    return 0;
}
