/* read_keys.c - a tokenizer from GGUF's keys tokenizer.ggml.*. */
#include "model/tokenizer/tokenizer_impl.h"

enum { MOST_TOKENS = 1 << 24 };

static wt_status read_tokens(wt_tokenizer *t, const wt_weights *w, wt_err *err)
{
    const wt_meta *m = wt_weights_meta(w, "tokenizer.ggml.tokens");
    const wt_meta *types = wt_weights_meta(w, "tokenizer.ggml.token_type");
    const wt_meta *scores = wt_weights_meta(w, "tokenizer.ggml.scores");
    if (!m || m->type != WT_META_STRING || !m->is_array || !m->count || m->count > MOST_TOKENS)
        return wt_fail(err, WT_EFORMAT, "tokenizer.ggml.tokens: a list of strings was expected");
    t->info.tokens = (size_t)m->count;
    t->text = wt_arena_alloc(&t->arena, t->info.tokens, sizeof *t->text, err);
    t->type = t->text ? wt_arena_alloc(&t->arena, t->info.tokens, 1, err) : NULL;
    t->score = t->type ? wt_arena_alloc(&t->arena, t->info.tokens, sizeof *t->score, err) : NULL;
    if (!t->score)
        return WT_ENOMEM;
    if ((types && types->count != m->count) || (scores && scores->count != m->count))
        return wt_fail(err, WT_EFORMAT, "tokenizer.ggml: tokens, token_type and scores differ in length");
    for (size_t i = 0; i < t->info.tokens; i++) {
        int64_t type = WT_TOKEN_NORMAL;
        t->text[i].data = wt_arena_strndup(&t->arena, m->strings[i].data ? m->strings[i].data : "", m->strings[i].len,
                                           err);
        t->text[i].len = m->strings[i].len;
        if (!t->text[i].data)
            return WT_ENOMEM;
        if ((types && !wt_meta_int_at(types, i, &type)) || (scores && !wt_meta_float_at(scores, i, &t->score[i])))
            return wt_fail(err, WT_EFORMAT, "tokenizer.ggml.token_type and scores: numbers were expected");
        t->type[i] = type >= WT_TOKEN_UNDEFINED && type <= WT_TOKEN_BYTE ? (uint8_t)type : WT_TOKEN_NORMAL;
    }
    return WT_OK;
}

static wt_status read_merges(wt_tokenizer *t, const wt_weights *w, wt_err *err)
{
    const wt_meta *m = wt_weights_meta(w, "tokenizer.ggml.merges");
    if (!m || m->type != WT_META_STRING || !m->is_array || m->count > MOST_TOKENS)
        return wt_fail(err, WT_EFORMAT, "tokenizer.ggml.merges: a list of strings was expected");
    t->n_merges = (size_t)m->count;
    t->merges = wt_arena_alloc(&t->arena, t->n_merges, sizeof *t->merges, err);
    if (!t->merges)
        return WT_ENOMEM;
    for (size_t i = 0; i < t->n_merges; i++) {
        const wt_string *s = &m->strings[i];
        const char *blank = s->len > 1 ? memchr(s->data + 1, ' ', s->len - 1) : NULL;
        if (!blank)
            return wt_fail(err, WT_EFORMAT, "merge %zu, \"%.*s\", is no pair", i, (int)s->len, s->data);
        const size_t left = (size_t)(blank - s->data);
        t->merges[i][0] = (wt_string){ s->data, left }; /* used only while this is compiled */
        t->merges[i][1] = (wt_string){ blank + 1, s->len - left - 1 };
    }
    return WT_OK;
}

/* An id by key; a number that is no token counts as none, for files are careless about that. */
static wt_status read_id(const wt_tokenizer *t, const wt_weights *w, const char *key, int32_t fallback, int32_t *out,
                         wt_err *err)
{
    int64_t value;
    WT_TRY(wt_weights_int(w, key, fallback, &value, err));
    *out = value >= 0 && (uint64_t)value < t->info.tokens ? (int32_t)value : -1;
    return WT_OK;
}

typedef struct id_defaults {
    int32_t bos, eos, unk, sep, pad, mask;
} id_defaults;

static wt_status read_ids(wt_tokenizer *t, const wt_weights *w, id_defaults d, wt_err *err)
{
    wt_tokenizer_info *i = &t->info;
    WT_TRY(read_id(t, w, "tokenizer.ggml.bos_token_id", d.bos, &i->bos, err));
    WT_TRY(read_id(t, w, "tokenizer.ggml.eos_token_id", d.eos, &i->eos, err));
    WT_TRY(read_id(t, w, "tokenizer.ggml.eot_token_id", -1, &i->eot, err));
    WT_TRY(read_id(t, w, "tokenizer.ggml.unknown_token_id", d.unk, &i->unk, err));
    WT_TRY(read_id(t, w, "tokenizer.ggml.padding_token_id", d.pad, &i->pad, err));
    WT_TRY(read_id(t, w, "tokenizer.ggml.mask_token_id", d.mask, &i->mask, err));
    WT_TRY(read_id(t, w, "tokenizer.ggml.seperator_token_id", d.sep, &i->sep, err));
    if (i->sep == d.sep)
        WT_TRY(read_id(t, w, "tokenizer.ggml.separator_token_id", d.sep, &i->sep, err));
    return WT_OK;
}

/* Control tokens are found where the caller wants it, the user's own always. */
static wt_status read_added(wt_tokenizer *t, wt_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < t->info.tokens; i++)
        n += t->type[i] == WT_TOKEN_CONTROL || t->type[i] == WT_TOKEN_USER || t->type[i] == WT_TOKEN_UNKNOWN;
    t->added = wt_arena_alloc(&t->arena, n, sizeof *t->added, err);
    if (!t->added)
        return WT_ENOMEM;
    for (size_t i = 0; i < t->info.tokens; i++)
        if (t->type[i] == WT_TOKEN_CONTROL || t->type[i] == WT_TOKEN_USER || t->type[i] == WT_TOKEN_UNKNOWN)
            t->added[t->n_added++] = (wt_added_token){ .content = t->text[i],
                                                       .id = (int32_t)i,
                                                       .special = t->type[i] != WT_TOKEN_USER };
    return WT_OK;
}

static wt_norm_step *add_norm(wt_tokenizer *t, wt_norm_kind kind)
{
    t->norm[t->n_norm].kind = kind;
    return &t->norm[t->n_norm++];
}

static void escape_spaces(wt_tokenizer *t)
{
    wt_norm_step *step = add_norm(t, WT_NORM_REPLACE);
    step->pattern = (wt_string){ " ", 1 };
    step->content = t->meta;
}

static wt_status read_spm(wt_tokenizer *t, const wt_weights *w, wt_err *err)
{
    bool prefix;
    t->model = WT_TOK_SCORES;
    t->info.model = "spm";
    t->byte_fallback = t->cut_words = true;
    t->decoder = WT_DECODE_META;
    WT_TRY(read_ids(t, w, (id_defaults){ 1, 2, 0, -1, -1, -1 }, err));
    WT_TRY(wt_weights_bool(w, "tokenizer.ggml.add_space_prefix", true, &prefix, err));
    if (prefix) {
        add_norm(t, WT_NORM_PREPEND)->content = t->meta;
        t->strip_left = 1;
    }
    escape_spaces(t);
    t->info.add_bos = true;
    return WT_OK;
}

static wt_status read_bpe(wt_tokenizer *t, const wt_weights *w, wt_err *err)
{
    wt_string pre;
    t->model = WT_TOK_RANKS;
    t->info.model = "bpe";
    t->decoder = WT_DECODE_BYTES;
    WT_TRY(read_ids(t, w, (id_defaults){ 11, 11, -1, -1, -1, -1 }, err));
    WT_TRY(wt_weights_string(w, "tokenizer.ggml.pre", "default", &pre, err));
    if (!wt_weights_meta(w, "tokenizer.ggml.pre"))
        wt_log(t->ctx, WT_LOG_WARN, "%s: no tokenizer.ggml.pre: text is cut in the default way", wt_weights_path(w));
    char *name = wt_arena_strndup(&t->arena, pre.data, pre.len, err);
    if (!name)
        return WT_ENOMEM;
    t->info.pre = name;
    WT_TRY(wt_pre_named(t, name, &t->info.add_bos, err));
    if (!t->byte_level) {
        t->decoder = WT_DECODE_META;
        t->byte_fallback = t->cut_words = true;
        escape_spaces(t);
    }
    return read_merges(t, w, err);
}

static wt_status read_unigram(wt_tokenizer *t, const wt_weights *w, wt_err *err)
{
    bool prefix, collapse;
    const wt_meta *map = wt_weights_meta(w, "tokenizer.ggml.precompiled_charsmap");
    t->model = WT_TOK_UNIGRAM;
    t->info.model = "unigram";
    t->fuse_unk = true;
    t->decoder = WT_DECODE_META;
    for (size_t i = 0; i < t->info.tokens; i++)
        t->byte_fallback = t->byte_fallback || t->type[i] == WT_TOKEN_BYTE;
    WT_TRY(read_ids(t, w, (id_defaults){ -1, 1, 2, -1, 0, -1 }, err));
    WT_TRY(wt_weights_bool(w, "tokenizer.ggml.add_space_prefix", true, &prefix, err));
    WT_TRY(wt_weights_bool(w, "tokenizer.ggml.remove_extra_whitespaces", true, &collapse, err));
    if (map && (map->type == WT_META_U8 || map->type == WT_META_I8) && map->count)
        WT_TRY(wt_charsmap_open(&add_norm(t, WT_NORM_CHARSMAP)->map, &t->arena, map->data, (size_t)map->count, err));
    wt_norm_step *step = add_norm(t, WT_NORM_SPM);
    step->content = t->meta;
    step->prepend = prefix;
    step->collapse = collapse;
    t->strip_left = prefix;
    t->info.add_eos = true;
    return WT_OK;
}

static wt_status read_bert(wt_tokenizer *t, const wt_weights *w, wt_err *err)
{
    static const char white[] = "\\s+", punctuation[] = "[!-/:-@\\[-`{-~\\p{P}]";
    t->model = WT_TOK_WORDPIECE;
    t->info.model = "wordpiece";
    t->bert_prefix = true;
    t->decoder = WT_DECODE_META;
    t->strip_left = 1;
    WT_TRY(read_ids(t, w, (id_defaults){ 101, -1, 100, 102, 0, 103 }, err));
    int32_t cls;
    WT_TRY(read_id(t, w, "tokenizer.ggml.cls_token_id", t->info.bos, &cls, err));
    t->info.bos = cls >= 0 ? cls : t->info.bos;
    wt_norm_step *step = add_norm(t, WT_NORM_BERT);
    step->clean = step->cjk = step->accents = step->lower = true;
    t->pre = wt_arena_alloc(&t->arena, 2, sizeof *t->pre, err);
    if (!t->pre)
        return WT_ENOMEM;
    WT_TRY(wt_pre_regex(t, &t->pre[0], white, sizeof white - 1, err));
    t->pre[0].split = WT_SPLIT_REMOVED;
    WT_TRY(wt_pre_regex(t, &t->pre[1], punctuation, sizeof punctuation - 1, err));
    t->n_pre = 2;
    t->info.add_bos = t->info.add_eos = true;
    return WT_OK;
}

static wt_status read_model(wt_tokenizer *t, const wt_weights *w, wt_err *err)
{
    static const struct {
        const char *name;
        wt_status (*read)(wt_tokenizer *t, const wt_weights *w, wt_err *err);
    } models[] = { { "llama", read_spm }, { "gpt2", read_bpe }, { "t5", read_unigram }, { "bert", read_bert } };
    wt_string model;
    WT_TRY(wt_weights_string(w, "tokenizer.ggml.model", NULL, &model, err));
    if (!model.data)
        return wt_fail(err, WT_EFORMAT, "no key tokenizer.ggml.model");
    t->norm = wt_arena_alloc(&t->arena, 4, sizeof *t->norm, err);
    if (!t->norm)
        return WT_ENOMEM;
    WT_TRY(read_tokens(t, w, err));
    for (size_t i = 0; i < WT_ARRAY_LEN(models); i++)
        if (model.len == strlen(models[i].name) && !memcmp(model.data, models[i].name, model.len))
            return models[i].read(t, w, err);
    return wt_fail(err, WT_EUNSUPPORTED, "tokenizer.ggml.model \"%.*s\" is not one of llama, gpt2, t5, bert",
                   (int)model.len, model.data);
}

static wt_status read_all(wt_tokenizer *t, const wt_weights *w, wt_err *err)
{
    wt_tokenizer_info *i = &t->info;
    wt_string chat;
    WT_TRY(read_model(t, w, err));
    WT_TRY(wt_weights_bool(w, "tokenizer.ggml.add_bos_token", i->add_bos, &i->add_bos, err));
    WT_TRY(wt_weights_bool(w, "tokenizer.ggml.add_eos_token", i->add_eos, &i->add_eos, err));
    WT_TRY(wt_weights_string(w, "tokenizer.chat_template", NULL, &chat, err));
    if (chat.data && !(t->chat_template = wt_arena_strndup(&t->arena, chat.data, chat.len, err)))
        return WT_ENOMEM;
    if (!t->byte_level) /* where a byte has no token nothing stands for it */
        t->unk = i->unk;
    t->plain_added = true;
    WT_TRY(read_added(t, err));
    if (i->add_bos && i->bos >= 0)
        t->before[t->n_before++] = i->bos;
    const int32_t last = t->model == WT_TOK_WORDPIECE ? i->sep : i->eos;
    if (i->add_eos && last >= 0)
        t->after[t->n_after++] = last;
    return wt_tokenizer_compile(t, err);
}

/* A file that brings its tokenizer.json along is read from that; the keys say which ids are bos, eos, ... */
static wt_status read_whole(wt_tokenizer **out, wt_context *ctx, const wt_weights *w, const wt_meta *json, wt_err *err)
{
    wt_tokenizer *t;
    wt_string chat;
    WT_TRY(wt_tokenizer_from_json(&t, ctx, json->strings[0].data, json->strings[0].len, NULL, err));
    *out = t;
    const wt_tokenizer_info i = t->info;
    WT_TRY(read_ids(t, w, (id_defaults){ i.bos, i.eos, i.unk, i.sep, i.pad, i.mask }, err));
    WT_TRY(read_id(t, w, "tokenizer.ggml.cls_token_id", t->info.bos, &t->info.bos, err));
    WT_TRY(wt_weights_string(w, "tokenizer.chat_template", NULL, &chat, err));
    if (chat.data && !(t->chat_template = wt_arena_strndup(&t->arena, chat.data, chat.len, err)))
        return WT_ENOMEM;
    wt_tokenizer_find_ends(t);
    return WT_OK;
}

wt_status wt_tokenizer_from_weights(wt_tokenizer **out, wt_context *ctx, const wt_weights *weights, wt_err *err)
{
    const wt_meta *json = wt_weights_meta(weights, "tokenizer.huggingface.json");
    wt_tokenizer *t = NULL;
    *out = NULL;
    wt_status st = WT_OK;
    if (json && json->type == WT_META_STRING && !json->is_array) {
        st = read_whole(&t, ctx, weights, json, err);
    } else {
        st = wt_tokenizer_new(&t, ctx, err);
        if (st == WT_OK)
            st = read_all(t, weights, err);
    }
    if (st != WT_OK) {
        wt_err_where(err, "%s", wt_weights_path(weights));
        wt_tokenizer_close(t);
        return st;
    }
    *out = t;
    return WT_OK;
}
