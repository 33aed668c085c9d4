/* read_json.c - a tokenizer from Hugging Face's tokenizer.json: model, added tokens, post-processor, decoder.
 *
 * Beside the file may lie tokenizer_config.json (names of bos, eos, ... and the chat template) and
 * chat_template.jinja. */
#include "base/file.h"
#include "base/json.h"
#include "model/tokenizer/tokenizer_impl.h"

enum { MOST_TOKENS = 1 << 24, MOST_BYTES = 256 << 20, DEPTH = 8 };

static const char *string_at(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static bool flag(const json_t *json, const char *key, bool fallback)
{
    const json_t *value = json_object_get(json, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

static wt_status copy(wt_tokenizer *t, const json_t *json, wt_string *out, wt_err *err)
{
    if (!json_is_string(json))
        return wt_fail(err, WT_EFORMAT, "tokenizer.json: a string was expected");
    out->len = json_string_length(json);
    out->data = wt_arena_strndup(&t->arena, json_string_value(json), out->len, err);
    return out->data ? WT_OK : WT_ENOMEM;
}

/* --- vocabulary ------------------------------------------------------------------------------------------------------
 */
static wt_status room(wt_tokenizer *t, int64_t most, wt_err *err)
{
    if (most < 0 || most >= MOST_TOKENS)
        return wt_fail(err, WT_EFORMAT, "tokenizer.json: %lld is no id of a token", (long long)most);
    const size_t n = (size_t)most + 1;
    t->info.tokens = n;
    if (!(t->text = wt_arena_alloc(&t->arena, n, sizeof *t->text, err)) ||
        !(t->type = wt_arena_alloc(&t->arena, n, 1, err)) || !(t->outside = wt_arena_alloc(&t->arena, n, 1, err)) ||
        !(t->score = wt_arena_alloc(&t->arena, n, sizeof *t->score, err)))
        return WT_ENOMEM;
    memset(t->type, WT_TOKEN_NORMAL, n);
    return WT_OK;
}

static wt_status put_token(wt_tokenizer *t, int64_t id, const char *text, size_t len, wt_err *err)
{
    if (id < 0 || (uint64_t)id >= t->info.tokens)
        return wt_fail(err, WT_EFORMAT, "tokenizer.json: %lld is no id of a token", (long long)id);
    t->text[id].data = wt_arena_strndup(&t->arena, text, len, err);
    t->text[id].len = len;
    return t->text[id].data ? WT_OK : WT_ENOMEM;
}

static wt_status read_vocab(wt_tokenizer *t, const json_t *vocab, const json_t *added, wt_err *err)
{
    int64_t most = -1;
    const char *name;
    json_t *value;
    size_t i;
    const bool list = json_is_array(vocab);
    if (!list && !json_is_object(vocab))
        return wt_fail(err, WT_EFORMAT, "tokenizer.json: no model.vocab");
    json_array_foreach(added, i, value)
    {
        const json_int_t id = json_integer_value(json_object_get(value, "id"));
        most = id > most ? id : most;
    }
    if (list)
        most = (int64_t)json_array_size(vocab) - 1 > most ? (int64_t)json_array_size(vocab) - 1 : most;
    else
        json_object_foreach((json_t *)(uintptr_t)vocab, name, value)
            most = json_integer_value(value) > most ? json_integer_value(value) : most;
    WT_TRY(room(t, most, err));
    for (i = 0; list && i < json_array_size(vocab); i++) {
        const json_t *pair = json_array_get(vocab, i), *text = json_array_get(pair, 0);
        if (!json_is_string(text) || !json_is_number(json_array_get(pair, 1)))
            return wt_fail(err, WT_EFORMAT, "tokenizer.json: entry %zu of model.vocab is no name with a score", i);
        WT_TRY(put_token(t, (int64_t)i, json_string_value(text), json_string_length(text), err));
        t->score[i] = json_number_value(json_array_get(pair, 1));
    }
    if (!list) {
        size_t len;
        json_object_keylen_foreach((json_t *)(uintptr_t)vocab, name, len, value)
            WT_TRY(put_token(t, json_is_integer(value) ? json_integer_value(value) : -1, name, len, err));
    }
    return WT_OK;
}

static wt_status read_added(wt_tokenizer *t, const json_t *list, wt_err *err)
{
    const size_t n = json_array_size(list);
    t->added = wt_arena_alloc(&t->arena, n, sizeof *t->added, err);
    if (!t->added)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const json_t *json = json_array_get(list, i);
        wt_added_token *a = &t->added[t->n_added++];
        const json_int_t id = json_integer_value(json_object_get(json, "id"));
        WT_TRY(copy(t, json_object_get(json, "content"), &a->content, err));
        if (id < 0 || (uint64_t)id >= t->info.tokens)
            return wt_fail(err, WT_EFORMAT, "tokenizer.json: %lld is no id of a token", (long long)id);
        a->id = (int32_t)id;
        a->special = flag(json, "special", false);
        a->single_word = flag(json, "single_word", false);
        a->lstrip = flag(json, "lstrip", false);
        a->rstrip = flag(json, "rstrip", false);
        a->normalized = flag(json, "normalized", true);
        if (!t->text[id].data) {
            t->text[id] = a->content;
            t->outside[id] = 1;
        }
        t->type[id] = a->special ? WT_TOKEN_CONTROL : WT_TOKEN_USER;
    }
    return WT_OK;
}

/* The id of a name in the vocabulary before it is hashed; a handful of names only. */
static int32_t id_of(const wt_tokenizer *t, const char *name)
{
    const size_t len = name ? strlen(name) : 0;
    for (size_t i = 0; name && i < t->info.tokens; i++)
        if (t->text[i].data && t->text[i].len == len && memcmp(t->text[i].data, name, len) == 0)
            return (int32_t)i;
    return -1;
}

/* --- models ----------------------------------------------------------------------------------------------------------
 */
static wt_status read_merges(wt_tokenizer *t, const json_t *list, wt_err *err)
{
    t->n_merges = json_array_size(list);
    t->merges = wt_arena_alloc(&t->arena, t->n_merges, sizeof *t->merges, err);
    if (!t->merges)
        return WT_ENOMEM;
    for (size_t i = 0; i < t->n_merges; i++) {
        const json_t *json = json_array_get(list, i);
        if (json_is_array(json)) {
            WT_TRY(copy(t, json_array_get(json, 0), &t->merges[i][0], err));
            WT_TRY(copy(t, json_array_get(json, 1), &t->merges[i][1], err));
            continue;
        }
        wt_string both;
        WT_TRY(copy(t, json, &both, err));
        const char *blank = both.len > 1 ? memchr(both.data + 1, ' ', both.len - 1) : NULL;
        if (!blank)
            return wt_fail(err, WT_EFORMAT, "tokenizer.json: merge %zu, \"%s\", is no pair", i, both.data);
        t->merges[i][0] = (wt_string){ both.data, (size_t)(blank - both.data) };
        t->merges[i][1] = (wt_string){ blank + 1, both.len - t->merges[i][0].len - 1 };
    }
    return WT_OK;
}

static wt_status optional(wt_tokenizer *t, const json_t *json, wt_string *out, wt_err *err)
{
    *out = (wt_string){ "", 0 };
    return json_is_string(json) ? copy(t, json, out, err) : WT_OK;
}

static wt_status model_bpe(wt_tokenizer *t, const json_t *model, wt_err *err)
{
    t->model = WT_TOK_RANKS;
    t->info.model = "bpe";
    t->fuse_unk = flag(model, "fuse_unk", false);
    t->ignore_merges = flag(model, "ignore_merges", false);
    t->byte_fallback = flag(model, "byte_fallback", false);
    if (json_real_value(json_object_get(model, "dropout")) > 0)
        return wt_fail(err, WT_EUNSUPPORTED, "tokenizer.json: dropout makes ids a matter of chance");
    WT_TRY(optional(t, json_object_get(model, "continuing_subword_prefix"), &t->word_prefix, err));
    WT_TRY(optional(t, json_object_get(model, "end_of_word_suffix"), &t->word_suffix, err));
    t->unk = id_of(t, string_at(model, "unk_token"));
    return read_merges(t, json_object_get(model, "merges"), err);
}

static wt_status model_wordpiece(wt_tokenizer *t, const json_t *model, wt_err *err)
{
    const json_int_t limit = json_integer_value(json_object_get(model, "max_input_chars_per_word"));
    t->model = WT_TOK_WORDPIECE;
    t->info.model = "wordpiece";
    t->word_limit = limit > 0 ? (size_t)limit : 100;
    t->unk = id_of(t, string_at(model, "unk_token"));
    return copy(t, json_object_get(model, "continuing_subword_prefix"), &t->word_prefix, err);
}

static wt_status model_words(wt_tokenizer *t, const json_t *model, wt_err *err)
{
    (void)err;
    t->model = WT_TOK_WORDS;
    t->info.model = "words";
    t->unk = id_of(t, string_at(model, "unk_token"));
    return WT_OK;
}

static wt_status model_unigram(wt_tokenizer *t, const json_t *model, wt_err *err)
{
    const json_t *unk = json_object_get(model, "unk_id");
    t->model = WT_TOK_UNIGRAM;
    t->info.model = "unigram";
    t->fuse_unk = true;
    t->byte_fallback = flag(model, "byte_fallback", false);
    t->unk = json_is_integer(unk) ? (int32_t)json_integer_value(unk) : -1;
    if (t->unk >= 0 && (size_t)t->unk >= t->info.tokens)
        return wt_fail(err, WT_EFORMAT, "tokenizer.json: unk_id %d is no token", t->unk);
    return WT_OK;
}

static wt_status read_model(wt_tokenizer *t, const json_t *model, wt_err *err)
{
    static const struct {
        const char *type;
        wt_status (*read)(wt_tokenizer *t, const json_t *model, wt_err *err);
    } known[] = { { "BPE", model_bpe },
                  { "WordPiece", model_wordpiece },
                  { "Unigram", model_unigram },
                  { "WordLevel", model_words } };
    const char *type = string_at(model, "type");
    if (!type) /* old files leave it out */
        type = json_object_get(model, "merges")                      ? "BPE"
               : json_object_get(model, "continuing_subword_prefix") ? "WordPiece"
               : json_is_array(json_object_get(model, "vocab"))      ? "Unigram"
                                                                     : "WordLevel";
    for (size_t i = 0; i < WT_ARRAY_LEN(known); i++)
        if (!strcmp(type, known[i].type))
            return known[i].read(t, model, err);
    return wt_fail(err, WT_EUNSUPPORTED, "tokenizer.json: the model \"%s\" is not known", type);
}

/* --- what goes around ------------------------------------------------------------------------------------------------
 */
static void put_around(wt_tokenizer *t, bool behind, int32_t id)
{
    size_t *n = behind ? &t->n_after : &t->n_before;
    int32_t *to = behind ? t->after : t->before;
    if (id >= 0 && (size_t)id < t->info.tokens && *n < WT_MAX_SPECIAL)
        to[(*n)++] = id;
}

static void read_template(wt_tokenizer *t, const json_t *json)
{
    const json_t *parts = json_object_get(json, "single"), *table = json_object_get(json, "special_tokens");
    bool behind = false;
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i), *special = json_object_get(part, "SpecialToken");
        const char *name = string_at(special, "id");
        behind = behind || json_object_get(part, "Sequence") != NULL;
        const json_t *ids = name ? json_object_get(json_object_get(table, name), "ids") : NULL;
        for (size_t k = 0; k < json_array_size(ids); k++)
            put_around(t, behind, (int32_t)json_integer_value(json_array_get(ids, k)));
    }
}

static wt_status read_post(wt_tokenizer *t, const json_t *json, int depth, wt_err *err)
{
    const char *type = string_at(json, "type");
    if (!type || !strcmp(type, "ByteLevel"))
        return WT_OK;
    if (!strcmp(type, "Sequence") && depth < DEPTH) {
        const json_t *list = json_object_get(json, "processors");
        for (size_t i = 0; i < json_array_size(list); i++)
            WT_TRY(read_post(t, json_array_get(list, i), depth + 1, err));
        return WT_OK;
    }
    if (!strcmp(type, "TemplateProcessing")) {
        read_template(t, json);
        return WT_OK;
    }
    if (!strcmp(type, "BertProcessing") || !strcmp(type, "RobertaProcessing")) {
        put_around(t, false, (int32_t)json_integer_value(json_array_get(json_object_get(json, "cls"), 1)));
        put_around(t, true, (int32_t)json_integer_value(json_array_get(json_object_get(json, "sep"), 1)));
        return WT_OK;
    }
    return wt_fail(err, WT_EUNSUPPORTED, "tokenizer.json: the post-processor \"%s\" is not known", type);
}

static wt_status read_decoder(wt_tokenizer *t, const json_t *json, int depth, wt_err *err)
{
    const char *type = string_at(json, "type"), *scheme = string_at(json, "prepend_scheme");
    if (!type) {
        t->decoder = WT_DECODE_JOINED;
        t->strip_left = 1;
        return WT_OK;
    }
    if (!strcmp(type, "Sequence") && depth < DEPTH) {
        const json_t *list = json_object_get(json, "decoders");
        for (size_t i = 0; i < json_array_size(list); i++)
            WT_TRY(read_decoder(t, json_array_get(list, i), depth + 1, err));
    } else if (!strcmp(type, "ByteLevel")) {
        t->decoder = WT_DECODE_BYTES;
    } else if (!strcmp(type, "ByteFallback")) {
        t->decoder = WT_DECODE_META;
        t->byte_names = true;
    } else if (!strcmp(type, "Replace")) {
        t->decoder = WT_DECODE_META;
        return copy(t, json_object_get(json_object_get(json, "pattern"), "String"), &t->meta, err);
    } else if (!strcmp(type, "Strip")) {
        t->strip_left = (size_t)json_integer_value(json_object_get(json, "start"));
    } else if (!strcmp(type, "Metaspace")) {
        t->decoder = WT_DECODE_META;
        t->first_bare = scheme ? strcmp(scheme, "never") != 0 : flag(json, "add_prefix_space", true);
        return copy(t, json_object_get(json, "replacement"), &t->meta, err);
    } else if (!strcmp(type, "WordPiece")) {
        t->decoder = WT_DECODE_WORDPIECE;
        t->cleanup = flag(json, "cleanup", true);
        return copy(t, json_object_get(json, "prefix"), &t->word_prefix, err);
    } else if (!strcmp(type, "BPEDecoder")) {
        t->decoder = WT_DECODE_SUFFIX;
        return copy(t, json_object_get(json, "suffix"), &t->end_sign, err);
    } else if (strcmp(type, "Fuse") != 0) {
        wt_log(t->ctx, WT_LOG_WARN, "tokenizer.json: the decoder \"%s\" is not known; text may differ", type);
    }
    return WT_OK;
}

/* --- the files beside ------------------------------------------------------------------------------------------------
 */
static int32_t named_id(const wt_tokenizer *t, const json_t *config, const char *key)
{
    const json_t *json = json_object_get(config, key);
    return id_of(t, json_is_object(json) ? string_at(json, "content") : json_string_value(json));
}

static wt_status read_config(wt_tokenizer *t, const json_t *config, wt_err *err)
{
    wt_tokenizer_info *i = &t->info;
    const json_t *chat = json_object_get(config, "chat_template");
    const struct {
        int32_t *to;
        const char *key;
    } ids[] = { { &i->bos, "bos_token" }, { &i->eos, "eos_token" }, { &i->unk, "unk_token" },
                { &i->sep, "sep_token" }, { &i->pad, "pad_token" }, { &i->mask, "mask_token" } };
    for (size_t k = 0; k < WT_ARRAY_LEN(ids); k++)
        *ids[k].to = named_id(t, config, ids[k].key);
    if (i->bos < 0)
        i->bos = named_id(t, config, "cls_token");
    i->add_bos = flag(config, "add_bos_token", i->add_bos);
    i->add_eos = flag(config, "add_eos_token", i->add_eos);
    for (size_t k = 0; k < json_array_size(chat); k++) { /* several, by name */
        const json_t *one = json_array_get(chat, k);
        const char *name = string_at(one, "name");
        if (name && !strcmp(name, "default"))
            chat = json_object_get(one, "template");
    }
    wt_string text;
    WT_TRY(optional(t, chat, &text, err));
    if (text.len)
        t->chat_template = text.data;
    return WT_OK;
}

wt_status wt_read_beside(wt_tokenizer *t, const char *folder, wt_err *err)
{
    wt_context *ctx = t->ctx;
    char *config = wt_path_join(ctx, folder, "tokenizer_config.json", err), *chat = NULL, *text = NULL;
    wt_status st = config ? WT_OK : WT_ENOMEM;
    size_t len;
    if (st == WT_OK && wt_path_exists(config)) {
        json_t *json;
        st = wt_json_load(&json, ctx, config, err);
        if (st == WT_OK)
            st = read_config(t, json, err);
        json_decref(json);
    }
    if (st == WT_OK && !(chat = wt_path_join(ctx, folder, "chat_template.jinja", err)))
        st = WT_ENOMEM;
    if (st == WT_OK && wt_path_exists(chat)) {
        st = wt_read_file(ctx, chat, MOST_BYTES, &text, &len, err);
        if (st == WT_OK && !(t->chat_template = wt_arena_strndup(&t->arena, text, len, err)))
            st = WT_ENOMEM;
        wt_free(ctx, text);
    }
    wt_free(ctx, config);
    wt_free(ctx, chat);
    return st;
}

/* --- all of it -------------------------------------------------------------------------------------------------------
 */
static wt_status read_root(wt_tokenizer *t, const json_t *root, const char *folder, wt_err *err)
{
    const json_t *model = json_object_get(root, "model"), *added = json_object_get(root, "added_tokens");
    if (!json_is_object(model))
        return wt_fail(err, WT_EFORMAT, "tokenizer.json: no model");
    WT_TRY(read_vocab(t, json_object_get(model, "vocab"), added, err));
    WT_TRY(read_added(t, added, err));
    WT_TRY(read_model(t, model, err));
    WT_TRY(wt_read_normalizer(t, json_object_get(root, "normalizer"), err));
    WT_TRY(wt_read_pretokenizer(t, json_object_get(root, "pre_tokenizer"), err));
    const wt_string prefix = t->word_prefix;
    WT_TRY(read_post(t, json_object_get(root, "post_processor"), 0, err));
    WT_TRY(read_decoder(t, json_object_get(root, "decoder"), 0, err));
    if (t->model == WT_TOK_RANKS) /* a decoder's prefix is for decoding */
        t->word_prefix = prefix;
    t->cut_words = t->model == WT_TOK_RANKS && !t->byte_level && !prefix.len && !t->word_suffix.len &&
                   !t->ignore_merges;
    t->info.unk = t->unk;
    if (folder)
        WT_TRY(wt_read_beside(t, folder, err));
    t->info.unk = t->info.unk < 0 ? t->unk : t->info.unk;
    t->info.add_bos = t->n_before > 0;
    t->info.add_eos = t->n_after > 0;
    return wt_tokenizer_compile(t, err);
}

wt_status wt_tokenizer_from_json(wt_tokenizer **out, wt_context *ctx, const char *text, size_t len, const char *folder,
                                 wt_err *err)
{
    json_error_t e;
    wt_tokenizer *t;
    *out = NULL;
    WT_TRY(wt_tokenizer_new(&t, ctx, err));
    json_t *root = json_loadb(text, len, JSON_ALLOW_NUL, &e);
    wt_status st = root ? read_root(t, root, folder, err)
                        : wt_fail_at(err, WT_EFORMAT, e.position < 0 ? 0 : (uint64_t)e.position,
                                     "no JSON: line %d, column %d: %s", e.line, e.column, e.text);
    json_decref(root);
    if (st != WT_OK)
        wt_tokenizer_close(t);
    else
        *out = t;
    return st;
}
