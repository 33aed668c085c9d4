/* gguf_keys.c - keys and values: views of the map; strings of arrays as a list of views. */
#include "gguf_reader.h"
#include <stdio.h>
#include "base/str.h"

enum {
    LEAST_KEY = 8 + 1 + 4 + 1, /* bytes of the smallest key: length, a character, type, a byte */
    MOST_ELEMENTS = 1 << 30
};

/* Keys whose type all readers agree on. */
typedef enum key_kind { IS_STRING, IS_U32, IS_INTEGER, IS_FLAG, HAS_STRINGS, HAS_FLOATS, HAS_INTEGERS } key_kind;
static const struct {
    const char *key;
    key_kind kind;
} known[] = {
    { "general.architecture", IS_STRING },
    { "general.name", IS_STRING },
    { "general.type", IS_STRING },
    { "general.alignment", IS_U32 },
    { "general.file_type", IS_INTEGER },
    { "general.quantization_version", IS_INTEGER },
    { "split.no", IS_INTEGER },
    { "split.count", IS_INTEGER },
    { "split.tensors.count", IS_INTEGER },
    { "tokenizer.ggml.model", IS_STRING },
    { "tokenizer.ggml.pre", IS_STRING },
    { "tokenizer.ggml.tokens", HAS_STRINGS },
    { "tokenizer.ggml.merges", HAS_STRINGS },
    { "tokenizer.ggml.scores", HAS_FLOATS },
    { "tokenizer.ggml.token_type", HAS_INTEGERS },
    { "tokenizer.ggml.bos_token_id", IS_INTEGER },
    { "tokenizer.ggml.eos_token_id", IS_INTEGER },
    { "tokenizer.ggml.unknown_token_id", IS_INTEGER },
    { "tokenizer.ggml.padding_token_id", IS_INTEGER },
    { "tokenizer.ggml.add_bos_token", IS_FLAG },
    { "tokenizer.ggml.add_eos_token", IS_FLAG },
    { "tokenizer.ggml.add_space_prefix", IS_FLAG },
    { "tokenizer.chat_template", IS_STRING },
};

static bool is_integer(wt_meta_type t) { return t <= WT_META_I32 || t == WT_META_U64 || t == WT_META_I64; }

static bool fits(const wt_meta *m, key_kind kind)
{
    switch (kind) {
    case IS_STRING: return !m->is_array && m->type == WT_META_STRING;
    case IS_U32: return !m->is_array && m->type == WT_META_U32;
    case IS_INTEGER: return !m->is_array && is_integer(m->type);
    case IS_FLAG: return !m->is_array && (m->type == WT_META_BOOL || is_integer(m->type));
    case HAS_STRINGS: return m->is_array && m->type == WT_META_STRING;
    case HAS_FLOATS: return m->is_array && (m->type == WT_META_F32 || m->type == WT_META_F64);
    case HAS_INTEGERS: return m->is_array && is_integer(m->type);
    }
    return false;
}

static bool named(const wt_meta *m, const char *key)
{
    return m->key.len == strlen(key) && !memcmp(m->key.data, key, m->key.len);
}

static wt_status check_known(const wt_gguf_reader *r, const wt_meta *m, wt_err *err)
{
    static const char *const words[] = { "a string",
                                         "a u32",
                                         "an integer",
                                         "true or false",
                                         "an array of strings",
                                         "an array of floats",
                                         "an array of integers" };
    for (size_t i = 0; i < WT_ARRAY_LEN(known); i++)
        if (named(m, known[i].key) && !fits(m, known[i].kind)) {
            wt_weights_refuse(r->path, err, m->source, "key '%s' is %s%s, expected %s", known[i].key,
                              m->is_array ? "an array of " : "", wt_meta_type_name(m->type), words[known[i].kind]);
            wt_err_hint(err, "the file was written by a tool that does not follow the format; convert the model again");
            return WT_EFORMAT;
        }
    return WT_OK;
}

/* The values that decide how the rest of the file is read. */
static wt_status note(wt_gguf_reader *r, const wt_meta *m, wt_err *err)
{
    int64_t value = 0;
    WT_TRY(check_known(r, m, err));
    if (named(m, "general.alignment")) {
        if (!wt_meta_int_at(m, 0, &value) || value <= 0 || (value & (value - 1)))
            return wt_weights_refuse(r->path, err, m->source, "general.alignment is %lld, no power of two",
                                     (long long)value);
        r->alignment = (uint64_t)value;
    }
    int64_t *const split = named(m, "split.no")              ? &r->split_no
                           : named(m, "split.count")         ? &r->split_count
                           : named(m, "split.tensors.count") ? &r->split_tensors
                                                             : NULL;
    if (split && (!wt_meta_int_at(m, 0, split) || *split < 0))
        return wt_weights_refuse(r->path, err, m->source, "key '%.*s' is negative", (int)m->key.len, m->key.data);
    return WT_OK;
}

static wt_status read_strings(wt_gguf_reader *r, wt_meta *m, const char *what, wt_err *err)
{
    wt_string *strings = wt_arena_alloc(wt_weights_arena(r->set), (size_t)m->count, sizeof *strings, err);
    if (!strings)
        return WT_ENOMEM;
    for (uint64_t i = 0; i < m->count; i++)
        WT_TRY(wt_gguf_string(r, what, &strings[i], err));
    m->strings = strings;
    return WT_OK;
}

static wt_status read_numbers(wt_gguf_reader *r, wt_meta *m, const char *what, wt_err *err)
{
    const size_t size = wt_meta_type_bytes(m->type), n = (size_t)m->count;
    const uint64_t at = r->pos;
    const uint8_t *data = NULL;
    WT_TRY(wt_gguf_take(r, m->count * size, what, &data, err)); /* the product is within the file: checked before */
    for (uint64_t i = 0; m->type == WT_META_BOOL && i < m->count; i++)
        if (data[i] > 1)
            return wt_weights_refuse(r->path, err, at + i, "%s: a flag is %u, neither 0 nor 1", what, data[i]);
    m->data = data;
    if (!r->swap || size == 1)
        return WT_OK;
    void *own = wt_arena_alloc(wt_weights_arena(r->set), n, size, err);
    if (!own)
        return WT_ENOMEM;
    wt_gguf_swap(own, data, n, size);
    m->data = own;
    return WT_OK;
}

static wt_status read_count(wt_gguf_reader *r, wt_meta *m, const char *what, wt_err *err)
{
    uint32_t type = 0;
    const uint64_t at = r->pos;
    WT_TRY(wt_gguf_u32(r, what, &type, err));
    WT_TRY(wt_gguf_u64(r, what, &m->count, err));
    if (type == WT_META_ARRAY)
        return wt_weights_refuse(r->path, err, at, "%s is an array of arrays, which no model needs", what);
    if (type > WT_META_F64)
        return wt_weights_refuse(r->path, err, at, "%s: its elements have type %u, which does not exist", what, type);
    m->type = (wt_meta_type)type;
    m->is_array = true;
    const uint64_t least = type == WT_META_STRING ? sizeof(uint64_t) : wt_meta_type_bytes(m->type);
    if (m->count > (r->size - r->pos) / least || m->count > MOST_ELEMENTS)
        return wt_weights_refuse(r->path, err, at, "%s has %llu elements, more than the file has room for", what,
                                 (unsigned long long)m->count);
    return WT_OK;
}

static bool good_key(wt_string key)
{
    return key.len && key.len <= WT_GGUF_MAX_KEY && wt_utf8_valid(key.data, key.len);
}

static wt_status read_key(wt_gguf_reader *r, wt_err *err)
{
    wt_meta m = { .source = r->pos, .count = 1 };
    char what[96];
    uint32_t type = 0;
    WT_TRY(wt_gguf_string(r, "a key", &m.key, err));
    if (!good_key(m.key))
        return wt_weights_refuse(r->path, err, m.source, "a key of %zu bytes is %s", m.key.len,
                                 !m.key.len                    ? "empty"
                                 : m.key.len > WT_GGUF_MAX_KEY ? "too long"
                                                               : "no text");
    snprintf(what, sizeof what, "key '%.*s'", m.key.len > 80 ? 80 : (int)m.key.len, m.key.data);
    WT_TRY(wt_gguf_u32(r, what, &type, err));
    if (type > WT_META_F64)
        return wt_weights_refuse(r->path, err, r->pos - 4, "%s has type %u, which does not exist", what, type);
    m.type = (wt_meta_type)type;
    if (type == WT_META_ARRAY)
        WT_TRY(read_count(r, &m, what, err));
    else if (type != WT_META_STRING && wt_meta_type_bytes(m.type) > r->size - r->pos)
        return wt_gguf_take(r, wt_meta_type_bytes(m.type), what, &(const uint8_t *){ NULL }, err);
    WT_TRY(m.type == WT_META_STRING ? read_strings(r, &m, what, err) : read_numbers(r, &m, what, err));
    WT_TRY(note(r, &m, err));
    if (!r->keep)
        return WT_OK;
    const size_t before = wt_weights_meta_count(r->set);
    WT_TRY(wt_weights_borrow_meta(r->set, &m, err));
    if (wt_weights_meta_count(r->set) == before)
        return wt_weights_refuse(r->path, err, m.source, "%s is there twice", what);
    return WT_OK;
}

wt_status wt_gguf_read_keys(wt_gguf_reader *r, wt_err *err)
{
    if (r->n_keys > (r->size - r->pos) / LEAST_KEY)
        return wt_weights_refuse(r->path, err, 16, "%llu keys do not fit in %llu bytes", (unsigned long long)r->n_keys,
                                 (unsigned long long)(r->size - r->pos));
    for (uint64_t i = 0; i < r->n_keys; i++)
        WT_TRY(read_key(r, err));
    return WT_OK;
}
