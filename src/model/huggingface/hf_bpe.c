/* hf_bpe.c - tokenizer.json of a byte-level BPE vocabulary in GGUF's keys: what they leave out (the patterns of the
 * pre-tokenizer) follows from its name. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "hf_family.h"
#include "model/tokenizer/tokenizer.h"

static json_t *text_of(const wt_meta *tokens, int64_t id)
{
    return json_stringn(tokens->strings[id].data, tokens->strings[id].len);
}

static json_t *added_tokens(const wt_hf_export *x, const wt_meta *tokens)
{
    enum { CONTROL = 3, USER_DEFINED = 4 };
    const wt_meta *types = wt_weights_meta(x->set, "tokenizer.ggml.token_type");
    json_t *list = json_array();
    for (uint64_t i = 0; i < tokens->count && types && list; i++) {
        int64_t type = 0;
        if (!wt_meta_int_at(types, i, &type) || (type != CONTROL && type != USER_DEFINED))
            continue;
        json_t *token = json_pack("{s:I,s:o,s:b,s:b,s:b,s:b,s:b}", "id", (json_int_t)i, "content",
                                  text_of(tokens, (int64_t)i), "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized",
                                  0, "special", type == CONTROL);
        if (json_array_append_new(list, token) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *pre_tokenizer(const char *const *patterns, size_t n, bool prefix)
{
    json_t *steps = json_array();
    int bad = !steps;
    for (size_t i = 0; i < n && !bad; i++)
        bad = json_array_append_new(steps, json_pack("{s:s,s:{s:s},s:s,s:b}", "type", "Split", "pattern", "Regex",
                                                     patterns[i], "behavior", "Isolated", "invert", 0));
    if (!bad)
        bad = json_array_append_new(steps, json_pack("{s:s,s:b,s:b,s:b}", "type", "ByteLevel", "add_prefix_space",
                                                     prefix, "trim_offsets", 1, "use_regex", 0));
    if (bad) {
        json_decref(steps);
        return NULL;
    }
    return json_pack("{s:s,s:o}", "type", "Sequence", "pretokenizers", steps);
}

/* The token in front of every text. */
static json_t *post_processor(const wt_meta *tokens, int64_t bos)
{
    if (bos < 0 || (uint64_t)bos >= tokens->count)
        return json_null();
    json_t *name = text_of(tokens, bos), *ids = json_object();
    if (!name || !ids)
        goto failed;
    if (json_object_set_new(ids, json_string_value(name),
                            json_pack("{s:O,s:[I],s:[O]}", "id", name, "ids", (json_int_t)bos, "tokens", name)) != 0)
        goto failed;
    return json_pack("{s:s, s:[{s:{s:O,s:i}},{s:{s:s,s:i}}], s:[{s:{s:O,s:i}},{s:{s:s,s:i}},{s:{s:s,s:i}}], s:o}",
                     "type", "TemplateProcessing", "single", "SpecialToken", "id", name, "type_id", 0, "Sequence", "id",
                     "A", "type_id", 0, "pair", "SpecialToken", "id", json_incref(name), "type_id", 0, "Sequence", "id",
                     "A", "type_id", 0, "Sequence", "id", "B", "type_id", 1, "special_tokens", ids);
failed:
    json_decref(name);
    json_decref(ids);
    return NULL;
}

static json_t *model(const wt_hf_export *x, const wt_meta *tokens, bool whole_words)
{
    const wt_meta *merges = wt_weights_meta(x->set, "tokenizer.ggml.merges");
    json_t *vocabulary = json_object(), *list = json_array();
    int bad = !vocabulary || !list;
    for (uint64_t i = 0; i < tokens->count && !bad; i++)
        bad = json_object_setn_new(vocabulary, tokens->strings[i].data, tokens->strings[i].len,
                                   json_integer((json_int_t)i));
    for (uint64_t i = 0; merges && merges->type == WT_META_STRING && i < merges->count && !bad; i++)
        bad = json_array_append_new(list, json_stringn(merges->strings[i].data, merges->strings[i].len));
    if (bad) {
        json_decref(vocabulary);
        json_decref(list);
        return NULL;
    }
    return json_pack("{s:s,s:n,s:n,s:n,s:n,s:b,s:b,s:b,s:o,s:o}", "type", "BPE", "dropout", "unk_token",
                     "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0,
                     "ignore_merges", whole_words, "vocab", vocabulary, "merges", list);
}

static bool flag_of(const wt_hf_export *x, const char *key, bool fallback)
{
    bool value = fallback;
    return wt_weights_bool(x->set, key, fallback, &value, NULL) == WT_OK ? value : fallback;
}

wt_status wt_hf_write_bpe(wt_hf_export *x, const char *folder, const wt_meta *tokens, wt_written *written, wt_err *err)
{
    const wt_meta *pre = wt_weights_meta(x->set, "tokenizer.ggml.pre");
    const wt_meta *bos = wt_weights_meta(x->set, "tokenizer.ggml.bos_token_id");
    const char *const *patterns = NULL;
    bool whole_words = false, add_bos = false;
    int64_t id = -1;
    char name[64] = "default"; /* the key's text has no end of its own */
    if (pre && pre->type == WT_META_STRING && !pre->is_array && pre->strings[0].len < sizeof name)
        snprintf(name, sizeof name, "%.*s", (int)pre->strings[0].len, pre->strings[0].data);
    const size_t n = wt_pre_patterns(name, &patterns, &whole_words, &add_bos);
    if (!n)
        return WT_OK;
    if (flag_of(x, "tokenizer.ggml.add_bos_token", add_bos) && bos)
        wt_meta_int_at(bos, 0, &id);
    json_t *json = json_pack("{s:s,s:n,s:n,s:o,s:n,s:o,s:o,s:{s:s,s:b,s:b,s:b},s:o}", "version", "1.0", "truncation",
                             "padding", "added_tokens", added_tokens(x, tokens), "normalizer", "pre_tokenizer",
                             pre_tokenizer(patterns, n, flag_of(x, "tokenizer.ggml.add_space_prefix", false)),
                             "post_processor", post_processor(tokens, id), "decoder", "type", "ByteLevel",
                             "add_prefix_space", 1, "trim_offsets", 1, "use_regex", 1, "model",
                             model(x, tokens, whole_words));
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    const wt_status st = text ? wt_hf_write_text(x, folder, "tokenizer.json", text, strlen(text), written, err)
                              : wt_fail(err, WT_ENOMEM, "no memory for tokenizer.json");
    free(text);
    json_decref(json);
    return st;
}
