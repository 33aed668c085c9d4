/* result.c - ids, names and text as a document. */
#include "base/json.h"
#include "model/tokenizer/tokenizer_impl.h"

static wt_status text_of(wt_buf *out, const wt_tokenizer *t, const int32_t *ids, size_t n, bool special, wt_err *err)
{
    size_t len;
    WT_TRY(wt_detokenize(t, ids, n, special, NULL, 0, &len, err));
    char *text = wt_alloc_raw(t->ctx, len + 1, 1, err);
    if (!text)
        return WT_ENOMEM;
    const wt_status st = wt_detokenize(t, ids, n, special, text, len, &len, err);
    if (st == WT_OK)
        wt_utf8_repair(out, text, len);
    wt_free(t->ctx, text);
    return st == WT_OK ? wt_buf_status(out, err) : st;
}

wt_status wt_tokenize_result(wt_result **out, const wt_tokenizer *t, wt_context *ctx, const int32_t *ids, size_t n,
                             bool special, wt_err *err)
{
    wt_buf text;
    *out = NULL;
    wt_buf_init(&text, ctx);
    const wt_status st = text_of(&text, t, ids, n, special, err);
    json_t *root = st == WT_OK ? json_object() : NULL;
    if (root) {
        json_t *list = json_array(), *names = json_array();
        for (size_t i = 0; i < n; i++) {
            json_array_append_new(list, json_integer(ids[i]));
            json_array_append_new(names, wt_json_text(wt_token_text(t, ids[i])));
        }
        json_object_set_new(root, "schema", json_string("whet.tokenize/1"));
        json_object_set_new(root, "ids", list);
        json_object_set_new(root, "tokens", names);
        json_object_set_new(root, "text", json_stringn(text.data ? text.data : "", text.len));
    }
    wt_buf_free(&text);
    return st == WT_OK ? wt_result_take(out, ctx, root, err) : st;
}
