/* write_keys.c - the tokenizer of a Hugging Face folder as GGUF's keys, as converters write them.
 *
 * The whole tokenizer.json goes along (tokenizer.huggingface.json): the keys cannot say all that it says, and a reader
 * that knows it, as ours does, is then exact. */
#include <stdio.h>
#include "base/file.h"
#include "model/tokenizer/tokenizer_impl.h"

enum { MOST_BYTES = 256 << 20 };

static wt_status set_list(wt_weights *w, const char *key, wt_meta_type type, const void *data, const wt_string *strings,
                          size_t n, wt_err *err)
{
    const wt_meta m = {
        .key = { key, strlen(key) }, .type = type, .is_array = true, .count = n, .data = data, .strings = strings
    };
    return wt_weights_set_meta(w, &m, err);
}

/* BERT's names: "##x" is x, a word begins with U+2581. */
static wt_status bert_name(wt_tokenizer *t, wt_string *name, wt_err *err)
{
    const wt_string old = *name, *p = &t->word_prefix;
    const bool bracket = old.len && old.data[0] == '[' && old.data[old.len - 1] == ']';
    const bool inner = p->len && old.len >= p->len && memcmp(old.data, p->data, p->len) == 0;
    if (bracket)
        return WT_OK;
    if (inner) {
        *name = (wt_string){ old.data + p->len, old.len - p->len };
        return WT_OK;
    }
    name->data = wt_arena_printf(&t->arena, err, "\xe2\x96\x81%.*s", (int)old.len, old.data);
    name->len = old.len + 3;
    return name->data ? WT_OK : WT_ENOMEM;
}

static wt_status set_tokens(wt_tokenizer *t, wt_weights *w, wt_err *err)
{
    const size_t n = t->info.tokens;
    wt_string *names = wt_arena_alloc(&t->arena, n, sizeof *names, err);
    int32_t *types = names ? wt_arena_alloc(&t->arena, n, sizeof *types, err) : NULL;
    if (!types)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        uint8_t byte;
        names[i] = t->text[i];
        types[i] = t->type[i];
        if (!names[i].data) {
            names[i].data = wt_arena_printf(&t->arena, err, "[PAD%zu]", i);
            names[i].len = names[i].data ? strlen(names[i].data) : 0;
            types[i] = WT_TOKEN_UNUSED;
        } else if (t->model == WT_TOK_WORDPIECE) {
            WT_TRY(bert_name(t, &names[i], err));
        } else if (t->byte_fallback && types[i] == WT_TOKEN_NORMAL && wt_is_byte_name(&names[i], &byte)) {
            types[i] = WT_TOKEN_BYTE;
        }
        if (!names[i].data)
            return WT_ENOMEM;
        if ((int32_t)i == t->unk && !t->byte_level)
            types[i] = WT_TOKEN_UNKNOWN;
    }
    WT_TRY(set_list(w, "tokenizer.ggml.tokens", WT_META_STRING, NULL, names, n, err));
    return set_list(w, "tokenizer.ggml.token_type", WT_META_I32, types, NULL, n, err);
}

/* Scores of SentencePiece; where there are only ranks, the earliest merge that makes a token is its score. */
static wt_status set_scores(wt_tokenizer *t, wt_weights *w, wt_err *err)
{
    float *scores = wt_arena_alloc(&t->arena, t->info.tokens, sizeof *scores, err);
    if (!scores)
        return WT_ENOMEM;
    for (size_t i = 0; i < t->info.tokens; i++)
        scores[i] = t->model == WT_TOK_RANKS ? -(float)t->n_merges - 1 : (float)t->score[i];
    for (size_t i = 0; t->model == WT_TOK_RANKS && i <= t->ranks_mask; i++) {
        const wt_merge_row *row = &t->ranks[i];
        if (row->pair != UINT64_MAX && -(float)row->rank > scores[row->to])
            scores[row->to] = -(float)row->rank;
    }
    return set_list(w, "tokenizer.ggml.scores", WT_META_F32, scores, NULL, t->info.tokens, err);
}

static wt_status set_merges(wt_tokenizer *t, wt_weights *w, wt_err *err)
{
    wt_string *lines = wt_arena_alloc(&t->arena, t->n_merges, sizeof *lines, err);
    if (!lines)
        return WT_ENOMEM;
    for (size_t i = 0; i < t->n_merges; i++) {
        const wt_string *a = &t->merges[i][0], *b = &t->merges[i][1];
        lines[i].data = wt_arena_printf(&t->arena, err, "%.*s %.*s", (int)a->len, a->data, (int)b->len, b->data);
        lines[i].len = a->len + 1 + b->len;
        if (!lines[i].data)
            return WT_ENOMEM;
    }
    return set_list(w, "tokenizer.ggml.merges", WT_META_STRING, NULL, lines, t->n_merges, err);
}

static wt_status set_id(wt_weights *w, const char *key, int32_t id, wt_err *err)
{
    return id < 0 ? WT_OK : wt_weights_set_int(w, key, WT_META_U32, id, err);
}

static wt_status set_bool(wt_weights *w, const char *key, bool value, wt_err *err)
{
    return wt_weights_set_int(w, key, WT_META_BOOL, value, err);
}

static wt_status set_ids(const wt_tokenizer *t, wt_weights *w, wt_err *err)
{
    const wt_tokenizer_info *i = &t->info;
    const bool bert = t->model == WT_TOK_WORDPIECE;
    WT_TRY(set_id(w, bert ? "tokenizer.ggml.cls_token_id" : "tokenizer.ggml.bos_token_id", i->bos, err));
    WT_TRY(set_id(w, "tokenizer.ggml.eos_token_id", i->eos, err));
    WT_TRY(set_id(w, "tokenizer.ggml.unknown_token_id", i->unk, err));
    WT_TRY(set_id(w, "tokenizer.ggml.seperator_token_id", i->sep, err));
    WT_TRY(set_id(w, "tokenizer.ggml.padding_token_id", i->pad, err));
    WT_TRY(set_id(w, "tokenizer.ggml.mask_token_id", i->mask, err));
    WT_TRY(set_bool(w, "tokenizer.ggml.add_bos_token", i->add_bos, err));
    return set_bool(w, "tokenizer.ggml.add_eos_token", i->add_eos, err);
}

static wt_status set_model(wt_tokenizer *t, wt_weights *w, wt_err *err)
{
    const bool letters = t->byte_level || t->decoder == WT_DECODE_BYTES;
    const char *model = t->model == WT_TOK_WORDPIECE          ? "bert"
                        : t->model == WT_TOK_UNIGRAM          ? "t5"
                        : t->model == WT_TOK_RANKS && letters ? "gpt2"
                        : t->model != WT_TOK_WORDS            ? "llama"
                                                              : NULL;
    bool prefix = false;
    if (!model)
        return wt_fail(err, WT_EUNSUPPORTED, "a vocabulary of whole words has no place in GGUF");
    WT_TRY(wt_weights_set_string(w, "tokenizer.ggml.model", model, err));
    if (!strcmp(model, "gpt2")) {
        const char *name = wt_pre_name(t);
        if (!name)
            wt_log(t->ctx, WT_LOG_WARN, "how this tokenizer cuts text has no name in GGUF: \"default\" is written");
        WT_TRY(wt_weights_set_string(w, "tokenizer.ggml.pre", name ? name : "default", err));
        return set_merges(t, w, err);
    }
    WT_TRY(wt_weights_set_string(w, "tokenizer.ggml.pre", "default", err));
    if (!strcmp(model, "bert"))
        return WT_OK;
    for (size_t i = 0; i < t->n_norm; i++)
        prefix = prefix || t->norm[i].kind == WT_NORM_PREPEND || (t->norm[i].kind == WT_NORM_SPM && t->norm[i].prepend);
    for (size_t i = 0; i < t->n_pre; i++)
        prefix = prefix || (t->pre[i].kind == WT_PRE_METASPACE && t->pre[i].prepend);
    WT_TRY(set_bool(w, "tokenizer.ggml.add_space_prefix", prefix, err));
    return set_scores(t, w, err);
}

static wt_status set_json(wt_tokenizer *t, wt_weights *w, const char *folder, wt_err *err)
{
    char *path = wt_path_join(t->ctx, folder, "tokenizer.json", err), *text = NULL;
    size_t len;
    wt_status st = path ? WT_OK : WT_ENOMEM;
    if (st == WT_OK && wt_path_exists(path)) {
        st = wt_read_file(t->ctx, path, MOST_BYTES, &text, &len, err);
        if (st == WT_OK && memchr(text, 0, len))
            st = wt_fail(err, WT_EFORMAT, "tokenizer.json has a NUL in it");
        if (st == WT_OK)
            st = wt_weights_set_string(w, "tokenizer.huggingface.json", text, err);
    }
    wt_free(t->ctx, text);
    wt_free(t->ctx, path);
    return st;
}

wt_status wt_tokenizer_keys_from_folder(wt_weights *weights, const char *folder, wt_err *err)
{
    wt_tokenizer *t;
    WT_TRY(wt_tokenizer_open(&t, wt_weights_arena(weights)->ctx, folder, err));
    wt_status st = set_model(t, weights, err);
    if (st == WT_OK)
        st = set_tokens(t, weights, err);
    if (st == WT_OK)
        st = set_ids(t, weights, err);
    if (st == WT_OK && t->chat_template)
        st = wt_weights_set_string(weights, "tokenizer.chat_template", t->chat_template, err);
    if (st == WT_OK)
        st = set_json(t, weights, folder, err);
    wt_tokenizer_close(t);
    return st;
}
