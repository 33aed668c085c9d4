/* hf_vocabulary.c - the tokenizer's files of a folder that is written.
 *
 * From a folder they are copied. From GGUF: tokenizer.json where the file carries it; else what its keys make without
 * guessing: tokenizer.json, vocab.json and merges.txt (byte-level BPE), tokenizer.model (SentencePiece), vocab.txt
 * (WordPiece); and
 * tokenizer_config.json with special tokens and the chat template. */
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "hf_family.h"

/* --- copying -------------------------------------------------------------------------------------------------------
 */
static wt_status copy_files(wt_hf_export *x, const char *folder, wt_written *written, wt_err *err)
{
    static const char *const names[] = {
        "tokenizer.json",      "tokenizer.model",       "vocab.txt",         "vocab.json",
        "merges.txt",          "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json",
        "chat_template.jinja", "chat_template.json",    "modules.json",      "sentence_bert_config.json"
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++) {
        char *from = wt_path_join(x->ctx, wt_weights_path(x->set), names[i], err);
        wt_map map = { 0 };
        wt_status st = from ? WT_OK : WT_ENOMEM;
        if (st == WT_OK && wt_path_exists(from)) {
            st = wt_map_open(&map, x->ctx, from, err);
            if (st == WT_OK)
                st = wt_hf_write_text(x, folder, names[i], (const char *)map.data, (size_t)map.size, written, err);
            wt_map_close(&map);
        }
        wt_free(x->ctx, from);
        WT_TRY(st);
    }
    return WT_OK;
}

/* --- keys ----------------------------------------------------------------------------------------------------------
 */
static const wt_meta *strings_of(const wt_hf_export *x, const char *key)
{
    const wt_meta *meta = wt_weights_meta(x->set, key);
    return meta && meta->is_array && meta->type == WT_META_STRING ? meta : NULL;
}

static wt_string text_of(const wt_hf_export *x, const char *key)
{
    const wt_meta *meta = wt_weights_meta(x->set, key);
    return meta && !meta->is_array && meta->type == WT_META_STRING ? meta->strings[0] : (wt_string){ "", 0 };
}

static bool is(wt_string s, const char *text) { return s.len == strlen(text) && !memcmp(s.data, text, s.len); }

static int64_t id_of(const wt_hf_export *x, const char *name)
{
    char key[80];
    int64_t id = -1;
    snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", name);
    const wt_meta *meta = wt_weights_meta(x->set, key);
    return meta && wt_meta_int_at(meta, 0, &id) ? id : -1;
}

static wt_status write_buf(wt_hf_export *x, const char *folder, const char *name, wt_buf *buf, wt_written *written,
                           wt_err *err)
{
    wt_status st = wt_buf_status(buf, err);
    if (st == WT_OK)
        st = wt_hf_write_text(x, folder, name, buf->data ? buf->data : "", buf->len, written, err);
    wt_buf_free(buf);
    return st;
}

/* --- byte-level BPE ------------------------------------------------------------------------------------------------
 */
static wt_status write_bpe(wt_hf_export *x, const char *folder, const wt_meta *tokens, wt_written *written, wt_err *err)
{
    const wt_meta *merges = strings_of(x, "tokenizer.ggml.merges");
    wt_buf buf;
    json_t *vocab = json_object();
    for (uint64_t i = 0; i < tokens->count && vocab; i++)
        (void)!json_object_setn_new(vocab, tokens->strings[i].data, tokens->strings[i].len,
                                    json_integer((json_int_t)i));
    char *text = vocab ? json_dumps(vocab, JSON_COMPACT) : NULL;
    json_decref(vocab);
    if (!text)
        return wt_fail(err, WT_ENOMEM, "no memory for vocab.json");
    const wt_status st = wt_hf_write_text(x, folder, "vocab.json", text, strlen(text), written, err);
    free(text);
    WT_TRY(st);
    if (!merges)
        return WT_OK;
    wt_buf_init(&buf, x->ctx);
    wt_buf_puts(&buf, "#version: 0.2\n");
    for (uint64_t i = 0; i < merges->count; i++) {
        wt_buf_add(&buf, merges->strings[i].data, merges->strings[i].len);
        wt_buf_puts(&buf, "\n");
    }
    return write_buf(x, folder, "merges.txt", &buf, written, err);
}

/* --- WordPiece: GGUF marks the beginnings of words, the file their continuations -------------------------------------
 */
static wt_status write_wordpiece(wt_hf_export *x, const char *folder, const wt_meta *tokens, wt_written *written,
                                 wt_err *err)
{
    wt_buf buf;
    wt_buf_init(&buf, x->ctx);
    for (uint64_t i = 0; i < tokens->count; i++) {
        const wt_string t = tokens->strings[i];
        const bool begins = t.len >= 3 && !memcmp(t.data, "\xe2\x96\x81", 3);
        const bool special = t.len > 1 && t.data[0] == '[' && t.data[t.len - 1] == ']';
        if (!begins && !special)
            wt_buf_puts(&buf, "##");
        wt_buf_add(&buf, t.data + (begins ? 3 : 0), t.len - (begins ? 3 : 0));
        wt_buf_puts(&buf, "\n");
    }
    return write_buf(x, folder, "vocab.txt", &buf, written, err);
}

/* --- SentencePiece: a protobuf message -------------------------------------------------------------------------------
 */
static void put_varint(wt_buf *buf, uint64_t v)
{
    do {
        const char byte = (char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        wt_buf_add(buf, &byte, 1);
        v >>= 7;
    } while (v);
}

static void put_number(wt_buf *buf, uint64_t field, int64_t value)
{
    put_varint(buf, field << 3);
    put_varint(buf, (uint64_t)value);
}

static void put_bytes(wt_buf *buf, uint64_t field, const void *bytes, size_t len)
{
    put_varint(buf, field << 3 | 2);
    put_varint(buf, len);
    wt_buf_add(buf, bytes, len);
}

/* llama.cpp's converter writes the spaces of user-defined pieces as they are: here they are U+2581 again. */
static void put_text(wt_buf *piece, wt_string text, bool user_defined)
{
    size_t spaces = 0;
    for (size_t i = 0; user_defined && i < text.len; i++)
        spaces += text.data[i] == ' ';
    put_varint(piece, 1 << 3 | 2);
    put_varint(piece, text.len + 2 * spaces);
    for (size_t i = 0; i < text.len; i++)
        if (user_defined && text.data[i] == ' ')
            wt_buf_add(piece, "\xe2\x96\x81", 3);
        else
            wt_buf_add(piece, text.data + i, 1);
}

static void put_piece(wt_buf *buf, wt_buf *piece, wt_string text, float score, int64_t type)
{
    enum { USER_DEFINED = 4 };
    uint8_t bits[4];
    uint32_t u;
    memcpy(&u, &score, sizeof u);
    for (int i = 0; i < 4; i++)
        bits[i] = (uint8_t)(u >> 8 * i);
    piece->len = 0;
    put_text(piece, text, type == USER_DEFINED);
    put_varint(piece, 2 << 3 | 5);
    wt_buf_add(piece, bits, sizeof bits);
    put_number(piece, 3, type);
    put_bytes(buf, 1, piece->data, piece->len);
    buf->failed |= piece->failed;
}

static void put_trainer(wt_hf_export *x, wt_buf *buf, wt_buf *part, bool unigram, const wt_meta *tokens)
{
    static const struct {
        const char *name;
        int field;
    } ids[] = { { "unknown", 40 }, { "bos", 41 }, { "eos", 42 }, { "padding", 43 } };
    part->len = 0;
    put_number(part, 3, unigram ? 1 : 2);
    put_number(part, 4, (int64_t)tokens->count);
    put_number(part, 35, !unigram); /* bytes for what no piece covers */
    for (size_t i = 0; i < WT_ARRAY_LEN(ids); i++)
        put_number(part, (uint64_t)ids[i].field, id_of(x, ids[i].name));
    for (size_t i = 0; i < WT_ARRAY_LEN(ids); i++) { /* the library looks them up by name */
        const int64_t id = id_of(x, ids[i].name);
        if (id >= 0 && (uint64_t)id < tokens->count)
            put_bytes(part, (uint64_t)ids[i].field + 5, tokens->strings[id].data, tokens->strings[id].len);
    }
    put_bytes(buf, 2, part->data, part->len);
}

static bool flag_of(const wt_hf_export *x, const char *key, bool fallback)
{
    bool value = fallback;
    return wt_weights_bool(x->set, key, fallback, &value, NULL) == WT_OK ? value : fallback;
}

static wt_status write_sentencepiece(wt_hf_export *x, const char *folder, const wt_meta *tokens, bool unigram,
                                     wt_written *written, wt_err *err)
{
    const wt_meta *scores = wt_weights_meta(x->set, "tokenizer.ggml.scores");
    const wt_meta *types = wt_weights_meta(x->set, "tokenizer.ggml.token_type");
    const wt_meta *map = wt_weights_meta(x->set, "tokenizer.ggml.precompiled_charsmap");
    wt_buf buf, part;
    wt_buf_init(&buf, x->ctx);
    wt_buf_init(&part, x->ctx);
    for (uint64_t i = 0; i < tokens->count; i++) {
        double score = 0;
        int64_t type = 1;
        if (scores)
            wt_meta_float_at(scores, i, &score);
        if (types)
            wt_meta_int_at(types, i, &type);
        put_piece(&buf, &part, tokens->strings[i], (float)score, type > 0 ? type : 1);
    }
    put_trainer(x, &buf, &part, unigram, tokens);
    part.len = 0;
    put_bytes(&part, 1, unigram ? "nmt_nfkc" : "identity", 8);
    if (map && map->type <= WT_META_I8)
        put_bytes(&part, 2, map->data, (size_t)map->count);
    put_number(&part, 3, flag_of(x, "tokenizer.ggml.add_space_prefix", true));
    put_number(&part, 4, flag_of(x, "tokenizer.ggml.remove_extra_whitespaces", false));
    put_number(&part, 5, 1);
    put_bytes(&buf, 3, part.data, part.len);
    buf.failed |= part.failed;
    wt_buf_free(&part);
    return write_buf(x, folder, "tokenizer.model", &buf, written, err);
}

/* --- tokenizer_config.json -----------------------------------------------------------------------------------------
 */
static wt_status write_config(wt_hf_export *x, const char *folder, const wt_meta *tokens, const char *class_name,
                              wt_written *written, wt_err *err)
{
    static const char *const rows[][2] = { { "bos", "bos_token" },      { "eos", "eos_token" },
                                           { "unknown", "unk_token" },  { "padding", "pad_token" },
                                           { "cls", "cls_token" },      { "mask", "mask_token" },
                                           { "seperator", "sep_token" } };
    static const char *const flags[][2] = { { "tokenizer.ggml.add_bos_token", "add_bos_token" },
                                            { "tokenizer.ggml.add_eos_token", "add_eos_token" },
                                            { "tokenizer.ggml.add_space_prefix", "add_prefix_space" } };
    const wt_string chat = text_of(x, "tokenizer.chat_template");
    json_t *json = json_pack("{s:s}", "tokenizer_class", class_name);
    int bad = !json;
    for (size_t i = 0; i < WT_ARRAY_LEN(rows) && !bad; i++) {
        const int64_t id = id_of(x, rows[i][0]);
        if (id >= 0 && (uint64_t)id < tokens->count)
            bad = json_object_set_new(json, rows[i][1],
                                      json_stringn(tokens->strings[id].data, tokens->strings[id].len));
    }
    for (size_t i = 0; i < WT_ARRAY_LEN(flags) && !bad; i++)
        if (wt_weights_meta(x->set, flags[i][0]))
            bad = json_object_set_new(json, flags[i][1], json_boolean(flag_of(x, flags[i][0], false)));
    if (!bad && chat.len)
        bad = json_object_set_new(json, "chat_template", json_stringn(chat.data, chat.len));
    char *text = bad ? NULL : json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    const wt_status st = text ? wt_hf_write_text(x, folder, "tokenizer_config.json", text, strlen(text), written, err)
                              : wt_fail(err, WT_ENOMEM, "no memory for tokenizer_config.json");
    free(text);
    return st;
}

wt_status wt_hf_write_vocabulary(wt_hf_export *x, const char *folder, wt_written *written, wt_err *err)
{
    const wt_string model = text_of(x, "tokenizer.ggml.model"), whole = text_of(x, "tokenizer.huggingface.json");
    const wt_meta *tokens = strings_of(x, "tokenizer.ggml.tokens");
    if (wt_path_is_dir(wt_weights_path(x->set)))
        return copy_files(x, folder, written, err);
    if (!tokens)
        return WT_OK;
    if (whole.len)
        WT_TRY(wt_hf_write_text(x, folder, "tokenizer.json", whole.data, whole.len, written, err));
    if (is(model, "gpt2") && !whole.len)
        WT_TRY(wt_hf_write_bpe(x, folder, tokens, written, err));
    if (is(model, "gpt2"))
        WT_TRY(write_bpe(x, folder, tokens, written, err));
    else if (is(model, "bert"))
        WT_TRY(write_wordpiece(x, folder, tokens, written, err));
    else if (is(model, "llama") || is(model, "t5"))
        WT_TRY(write_sentencepiece(x, folder, tokens, is(model, "t5"), written, err));
    const char *class_name = whole.len           ? "PreTrainedTokenizerFast"
                             : is(model, "bert") ? "BertTokenizer"
                             : is(model, "t5")   ? "T5Tokenizer"
                                                 : "LlamaTokenizer";
    return write_config(x, folder, tokens, class_name, written, err);
}
