/* read_json_steps.c - the normalizer and the pre-tokenizer of a tokenizer.json, as steps. */
#include <jansson.h>
#include "model/tokenizer/tokenizer_impl.h"

enum { MOST_STEPS = 64, DEPTH = 8 };
#define WORD                                                                                                           \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{200c}\\x{200d}\\x{24b6}-\\x{24e9}"                                           \
    "\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}"

static const char *type_of(const json_t *json)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    return type ? type : "";
}

static bool flag(const json_t *json, const char *key, bool fallback)
{
    const json_t *value = json_object_get(json, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

static wt_status copy_string(wt_tokenizer *t, const json_t *json, wt_string *out, wt_err *err)
{
    const char *text = json_string_value(json);
    if (!text)
        return wt_fail(err, WT_EFORMAT, "tokenizer.json: a string was expected in a step");
    out->len = json_string_length(json);
    out->data = wt_arena_strndup(&t->arena, text, out->len, err);
    return out->data ? WT_OK : WT_ENOMEM;
}

/* {"String": "x"} or {"Regex": "x"}; regex is NULL for the former. */
static wt_status pattern_of(wt_tokenizer *t, const json_t *json, wt_string *text, const wt_regex **regex, wt_err *err)
{
    const json_t *rx = json_object_get(json, "Regex"), *plain = json_object_get(json, "String");
    *regex = NULL;
    WT_TRY(copy_string(t, rx ? rx : plain ? plain : json, text, err));
    return rx ? wt_regex_compile(regex, &t->arena, text->data, text->len, err) : WT_OK;
}

/* --- normalizer ------------------------------------------------------------------------------------------------------
 */
static wt_status base64(wt_tokenizer *t, const json_t *json, wt_string *out, wt_err *err)
{
    const char *text = json_string_value(json);
    const size_t len = json_string_length(json);
    uint32_t bits = 0;
    unsigned have = 0;
    char *to = text ? wt_arena_alloc(&t->arena, len / 4 * 3 + 3, 1, err) : NULL;
    if (!to)
        return text ? WT_ENOMEM : wt_fail(err, WT_EFORMAT, "precompiled_charsmap: a string was expected");
    size_t n = 0;
    for (size_t i = 0; i < len && text[i] != '='; i++) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return wt_fail(err, WT_EFORMAT, "precompiled_charsmap: character %zu is no base64", i);
        bits = bits << 6 | (uint32_t)(digit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            to[n++] = (char)(bits >> have);
        }
    }
    *out = (wt_string){ to, n };
    return WT_OK;
}

static wt_status norm_args(wt_tokenizer *t, wt_norm_step *s, const json_t *json, wt_err *err)
{
    wt_string blob = { NULL, 0 };
    switch (s->kind) {
    case WT_NORM_REPLACE:
        WT_TRY(pattern_of(t, json_object_get(json, "pattern"), &s->pattern, &s->regex, err));
        return copy_string(t, json_object_get(json, "content"), &s->content, err);
    case WT_NORM_PREPEND: return copy_string(t, json_object_get(json, "prepend"), &s->content, err);
    case WT_NORM_APPEND: return copy_string(t, json_object_get(json, "append"), &s->content, err);
    case WT_NORM_STRIP:
        s->left = flag(json, "strip_left", true);
        s->right = flag(json, "strip_right", true);
        return WT_OK;
    case WT_NORM_BERT:
        s->clean = flag(json, "clean_text", true);
        s->cjk = flag(json, "handle_chinese_chars", true);
        s->lower = flag(json, "lowercase", true);
        s->accents = flag(json, "strip_accents", s->lower);
        return WT_OK;
    case WT_NORM_CHARSMAP:
        WT_TRY(base64(t, json_object_get(json, "precompiled_charsmap"), &blob, err));
        return wt_charsmap_open(&s->map, &t->arena, blob.data, blob.len, err);
    default: return WT_OK;
    }
}

static wt_status add_normalizer(wt_tokenizer *t, const json_t *json, int depth, wt_err *err)
{
    static const struct {
        const char *type;
        wt_norm_kind kind;
        wt_norm_form form;
    } known[] = {
        { "NFC", WT_NORM_FORM, WT_NFC },
        { "NFD", WT_NORM_FORM, WT_NFD },
        { "NFKC", WT_NORM_FORM, WT_NFKC },
        { "NFKD", WT_NORM_FORM, WT_NFKD },
        { "Lowercase", WT_NORM_LOWER, 0 },
        { "Replace", WT_NORM_REPLACE, 0 },
        { "Prepend", WT_NORM_PREPEND, 0 },
        { "Append", WT_NORM_APPEND, 0 },
        { "Strip", WT_NORM_STRIP, 0 },
        { "StripAccents", WT_NORM_ACCENTS, 0 },
        { "Nmt", WT_NORM_NMT, 0 },
        { "Precompiled", WT_NORM_CHARSMAP, 0 },
        { "BertNormalizer", WT_NORM_BERT, 0 },
        { "ByteLevel", WT_NORM_LETTERS, 0 },
    };
    const char *type = type_of(json);
    if (!json || json_is_null(json))
        return WT_OK;
    if (!strcmp(type, "Sequence") && depth < DEPTH) {
        const json_t *list = json_object_get(json, "normalizers");
        for (size_t i = 0; i < json_array_size(list); i++)
            WT_TRY(add_normalizer(t, json_array_get(list, i), depth + 1, err));
        return WT_OK;
    }
    for (size_t i = 0; i < WT_ARRAY_LEN(known); i++) {
        if (strcmp(type, known[i].type) != 0)
            continue;
        if (t->n_norm == MOST_STEPS)
            return wt_fail(err, WT_ELIMIT, "tokenizer.json: over %d normalizers", MOST_STEPS);
        wt_norm_step *s = &t->norm[t->n_norm++];
        s->kind = known[i].kind;
        s->form = known[i].form;
        return norm_args(t, s, json, err);
    }
    return wt_fail(err, WT_EUNSUPPORTED, "tokenizer.json: the normalizer \"%s\" is not known", type);
}

wt_status wt_read_normalizer(wt_tokenizer *t, const json_t *json, wt_err *err)
{
    t->norm = wt_arena_alloc(&t->arena, MOST_STEPS, sizeof *t->norm, err);
    return t->norm ? add_normalizer(t, json, 0, err) : WT_ENOMEM;
}

/* --- pre-tokenizer ---------------------------------------------------------------------------------------------------
 */
static wt_status new_step(wt_tokenizer *t, wt_pre_step **out, wt_err *err)
{
    if (t->n_pre == MOST_STEPS)
        return wt_fail(err, WT_ELIMIT, "tokenizer.json: over %d pre-tokenizers", MOST_STEPS);
    *out = &t->pre[t->n_pre++];
    return WT_OK;
}

static wt_status add_regex(wt_tokenizer *t, const char *pattern, wt_split split, wt_err *err)
{
    wt_pre_step *s = NULL;
    WT_TRY(new_step(t, &s, err));
    WT_TRY(wt_pre_regex(t, s, pattern, strlen(pattern), err));
    s->split = split;
    return WT_OK;
}

static wt_status split_of(const json_t *json, wt_split fallback, wt_split *out, wt_err *err)
{
    static const char *const names[] = { "Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous" };
    const char *name = json_string_value(json_object_get(json, "behavior"));
    *out = fallback;
    if (!name)
        return WT_OK;
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        if (!strcmp(name, names[i])) {
            *out = (wt_split)i;
            return WT_OK;
        }
    return wt_fail(err, WT_EUNSUPPORTED, "tokenizer.json: the behavior \"%s\" is not known", name);
}

static wt_status pre_split(wt_tokenizer *t, const json_t *json, wt_err *err)
{
    wt_pre_step *s = NULL;
    WT_TRY(new_step(t, &s, err));
    WT_TRY(pattern_of(t, json_object_get(json, "pattern"), &s->pattern, &s->regex, err));
    s->kind = s->regex ? WT_PRE_REGEX : WT_PRE_TEXT;
    s->invert = flag(json, "invert", false);
    return split_of(json, WT_SPLIT_ISOLATED, &s->split, err);
}

static wt_status pre_byte_level(wt_tokenizer *t, const json_t *json, wt_err *err)
{
    wt_pre_step *s = NULL;
    if (flag(json, "add_prefix_space", true)) {
        WT_TRY(new_step(t, &s, err));
        s->kind = WT_PRE_SPACE;
        s->prepend = true;
    }
    if (flag(json, "use_regex", true))
        WT_TRY(add_regex(t, "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
                         WT_SPLIT_ISOLATED, err));
    WT_TRY(new_step(t, &s, err));
    s->kind = WT_PRE_LETTERS;
    return WT_OK;
}

/* What Rust calls a word, and runs of what is neither that nor white. */
static wt_status pre_whitespace(wt_tokenizer *t, const json_t *json, wt_err *err)
{
    static const char pattern[] = "[" WORD "]+|[^" WORD "\\s]+";
    (void)json;
    WT_TRY(add_regex(t, pattern, WT_SPLIT_REMOVED, err));
    t->pre[t->n_pre - 1].invert = true;
    return WT_OK;
}

static wt_status pre_white_split(wt_tokenizer *t, const json_t *json, wt_err *err)
{
    (void)json;
    return add_regex(t, "\\s", WT_SPLIT_REMOVED, err);
}

static const char punctuation[] = "[!-/:-@\\[-`{-~\\p{P}]";

static wt_status pre_punctuation(wt_tokenizer *t, const json_t *json, wt_err *err)
{
    wt_split split;
    WT_TRY(split_of(json, WT_SPLIT_ISOLATED, &split, err));
    return add_regex(t, punctuation, split, err);
}

static wt_status pre_digits(wt_tokenizer *t, const json_t *json, wt_err *err)
{
    const bool each = flag(json, "individual_digits", false);
    return add_regex(t, "\\p{N}", each ? WT_SPLIT_ISOLATED : WT_SPLIT_TOGETHER, err);
}

static wt_status pre_bert(wt_tokenizer *t, const json_t *json, wt_err *err)
{
    WT_TRY(pre_white_split(t, json, err));
    return add_regex(t, punctuation, WT_SPLIT_ISOLATED, err);
}

static wt_status pre_delimiter(wt_tokenizer *t, const json_t *json, wt_err *err)
{
    wt_pre_step *s = NULL;
    WT_TRY(new_step(t, &s, err));
    s->kind = WT_PRE_TEXT;
    s->split = WT_SPLIT_REMOVED;
    return copy_string(t, json_object_get(json, "delimiter"), &s->pattern, err);
}

static wt_status pre_metaspace(wt_tokenizer *t, const json_t *json, wt_err *err)
{
    wt_pre_step *s = NULL, *cut = NULL;
    const char *scheme = json_string_value(json_object_get(json, "prepend_scheme"));
    WT_TRY(new_step(t, &s, err));
    s->kind = WT_PRE_METASPACE;
    WT_TRY(copy_string(t, json_object_get(json, "replacement"), &s->content, err));
    s->prepend = scheme ? strcmp(scheme, "never") != 0 : flag(json, "add_prefix_space", true);
    s->first_only = scheme && !strcmp(scheme, "first");
    if (!flag(json, "split", true))
        return WT_OK;
    WT_TRY(new_step(t, &cut, err));
    cut->kind = WT_PRE_TEXT;
    cut->pattern = s->content;
    cut->split = WT_SPLIT_NEXT;
    return WT_OK;
}

static wt_status pre_fixed(wt_tokenizer *t, const json_t *json, wt_err *err)
{
    const json_int_t n = json_integer_value(json_object_get(json, "length"));
    char *pattern = wt_arena_printf(&t->arena, err, "[\\s\\S]{1,%lld}", (long long)(n > 0 ? n : 1));
    return pattern ? add_regex(t, pattern, WT_SPLIT_ISOLATED, err) : WT_ENOMEM;
}

static wt_status add_pretokenizer(wt_tokenizer *t, const json_t *json, int depth, wt_err *err)
{
    static const struct {
        const char *type;
        wt_status (*add)(wt_tokenizer *t, const json_t *json, wt_err *err);
    } known[] = {
        { "Split", pre_split },
        { "ByteLevel", pre_byte_level },
        { "Whitespace", pre_whitespace },
        { "WhitespaceSplit", pre_white_split },
        { "Punctuation", pre_punctuation },
        { "Digits", pre_digits },
        { "BertPreTokenizer", pre_bert },
        { "CharDelimiterSplit", pre_delimiter },
        { "Metaspace", pre_metaspace },
        { "FixedLength", pre_fixed },
    };
    const char *type = type_of(json);
    if (!json || json_is_null(json))
        return WT_OK;
    if (!strcmp(type, "Sequence") && depth < DEPTH) {
        const json_t *list = json_object_get(json, "pretokenizers");
        for (size_t i = 0; i < json_array_size(list); i++)
            WT_TRY(add_pretokenizer(t, json_array_get(list, i), depth + 1, err));
        return WT_OK;
    }
    for (size_t i = 0; i < WT_ARRAY_LEN(known); i++)
        if (!strcmp(type, known[i].type))
            return known[i].add(t, json, err);
    return wt_fail(err, WT_EUNSUPPORTED, "tokenizer.json: the pre-tokenizer \"%s\" is not known", type);
}

wt_status wt_read_pretokenizer(wt_tokenizer *t, const json_t *json, wt_err *err)
{
    t->pre = wt_arena_alloc(&t->arena, MOST_STEPS, sizeof *t->pre, err);
    if (!t->pre)
        return WT_ENOMEM;
    WT_TRY(add_pretokenizer(t, json, 0, err));
    /* letters at the very end are a matter of names: the model works on bytes then */
    if (t->n_pre && t->pre[t->n_pre - 1].kind == WT_PRE_LETTERS) {
        t->n_pre--;
        t->byte_level = true;
    }
    return WT_OK;
}
