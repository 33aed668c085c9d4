/* result.c - documents and paths into them. */
#include "base/json.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/str.h"

struct wt_result {
    wt_context *ctx;
    json_t *root;
};

enum { JSON_LIMIT = 256 << 20 };

wt_status wt_result_take(wt_result **out, wt_context *ctx, json_t *root, wt_err *err)
{
    *out = NULL;
    if (!root)
        return wt_fail(err, WT_ENOMEM, "no memory for the result");
    wt_result *r = wt_alloc(ctx, 1, sizeof *r, err);
    if (!r) {
        json_decref(root);
        return WT_ENOMEM;
    }
    r->ctx = ctx;
    r->root = root;
    *out = r;
    return WT_OK;
}

json_t *wt_result_json(const wt_result *r) { return r->root; }

json_t *wt_json_real(double value) { return isfinite(value) ? json_real(value) : json_null(); }

/* Length of the well-formed UTF-8 character at s, 0 if there is none. */
static size_t character_at(const char *s, size_t left)
{
    for (size_t n = 1; n <= 4 && n <= left; n++)
        if (wt_utf8_valid(s, n))
            return n;
    return 0;
}

json_t *wt_json_text(const char *s)
{
    if (!s)
        return json_null();
    const size_t len = strlen(s);
    if (wt_utf8_valid(s, len))
        return json_stringn_nocheck(s, len);
    char *text = malloc(3 * len + 1), *to = text;
    for (size_t i = 0; text && i < len;) {
        const size_t n = character_at(s + i, len - i);
        memcpy(to, n ? s + i : "\xef\xbf\xbd", n ? n : 3);
        to += n ? n : 3;
        i += n ? n : 1;
    }
    json_t *json = text ? json_stringn_nocheck(text, (size_t)(to - text)) : NULL;
    free(text);
    return json;
}

void wt_result_free(wt_result *r)
{
    if (!r)
        return;
    json_decref(r->root);
    wt_free(r->ctx, r);
}

/* With a newline at the end; NULL without memory. */
static char *text_of(const json_t *root, int indent)
{
    const size_t flags = (indent > 0 ? JSON_INDENT((size_t)indent) : JSON_COMPACT) | JSON_REAL_PRECISION(9);
    char *text = json_dumps(root, flags);
    const size_t len = text ? strlen(text) : 0;
    char *line = text ? realloc(text, len + 2) : NULL;
    if (!line) {
        free(text);
        return NULL;
    }
    line[len] = '\n';
    line[len + 1] = 0;
    return line;
}

char *wt_result_text(const wt_result *r, int indent) { return text_of(r->root, indent); }

char *wt_err_text(const char *verb, wt_status status, const wt_err *err)
{
    char schema[64], where[sizeof err->where + 32];
    snprintf(schema, sizeof schema, "whet.%s/1", verb);
    snprintf(where, sizeof where, err->offset != WT_NO_OFFSET ? "%s@%llu" : "%s", err->where,
             (unsigned long long)err->offset);
    json_t *root = json_pack("{s:s, s:{s:s, s:o, s:o, s:o}}", "schema", schema, "error", "code", wt_status_name(status),
                             "message", wt_json_text(err->message), "hint", wt_json_text(err->hint), "where",
                             wt_json_text(where));
    char *text = root ? text_of(root, 0) : NULL;
    json_decref(root);
    return text;
}

void wt_text_free(char *text) { free(text); }

/* Whether the number at `at` is an integer beyond 64 bits; *end is where it ends. */
static bool is_wide_integer(const char *text, size_t at, size_t len, size_t *end)
{
    char digits[24] = "";
    size_t n = 0;
    for (*end = at; *end < len && (text[*end] == '-' || (text[*end] >= '0' && text[*end] <= '9')); ++*end)
        if (n < sizeof digits - 1)
            digits[n++] = text[*end];
    errno = 0;
    (void)!strtoll(digits, NULL, 10);
    return errno == ERANGE && (*end == len || !strchr(".eE", text[*end]));
}

/* The text with ".0" behind each integer beyond 64 bits: "model_max_length" of tokenizer_config.json is 10^30 where
 * nobody set it. NULL: no memory. */
static char *with_wide_reals(const char *text, size_t len, size_t *out_len)
{
    char *out = len < JSON_LIMIT ? malloc(2 * len + 2) : NULL; /* a wide integer has more than two characters */
    size_t n = 0;
    bool quoted = false;
    for (size_t i = 0; out && i < len;) {
        size_t end = i + 1;
        bool wide = false;
        if (quoted && text[i] == '\\' && end < len)
            end++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text[i] == '-' || (text[i] >= '0' && text[i] <= '9')))
            wide = is_wide_integer(text, i, len, &end);
        memcpy(out + n, text + i, end - i);
        n += end - i;
        if (wide)
            memcpy(out + n, ".0", 2), n += 2;
        i = end;
    }
    *out_len = n;
    return out;
}

wt_status wt_json_parse(json_t **out, const char *text, size_t len, const char *where, wt_err *err)
{
    json_error_t e;
    *out = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!*out && json_error_code(&e) == json_error_numeric_overflow) {
        size_t wide_len = 0;
        char *wide = with_wide_reals(text, len, &wide_len);
        if (wide)
            *out = json_loadb(wide, wide_len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
        free(wide);
    }
    if (*out)
        return WT_OK;
    const wt_status st = e.position < 0 ? wt_fail(err, WT_EFORMAT, "no JSON: %s", e.text)
                                        : wt_fail_at(err, WT_EFORMAT, (uint64_t)e.position,
                                                     "no JSON: line %d, column %d: %s", e.line, e.column, e.text);
    wt_err_where(err, "%s", where);
    return st;
}

wt_status wt_json_load(json_t **out, wt_context *ctx, const char *path, wt_err *err)
{
    char *text;
    size_t len;
    *out = NULL;
    WT_TRY(wt_read_file(ctx, path, JSON_LIMIT, &text, &len, err));
    const wt_status st = wt_json_parse(out, text, len, path, err);
    wt_free(ctx, text);
    return st;
}

wt_status wt_result_load(wt_result **out, wt_context *ctx, const char *path, wt_err *err)
{
    json_t *root;
    *out = NULL;
    WT_TRY(wt_json_load(&root, ctx, path, err));
    if (!json_is_object(root)) {
        json_decref(root);
        wt_status st = wt_fail(err, WT_EFORMAT, "a JSON object was expected");
        wt_err_where(err, "%s", path);
        return st;
    }
    return wt_result_take(out, ctx, root, err);
}

wt_status wt_result_save(const wt_result *r, wt_context *ctx, const char *path, int force, wt_err *err)
{
    char *text = wt_result_text(r, 2);
    if (!text)
        return wt_fail(err, WT_ENOMEM, "no memory for the text of %s", path);
    const wt_status st = wt_write_file(ctx, path, text, strlen(text), force != 0, err);
    wt_text_free(text);
    return st;
}

/* --- paths ----------------------------------------------------------------------------------------------------------
 */
static const json_t *step_into(const json_t *at, const char **path)
{
    char key[128];
    size_t n = 0;
    const char *p = *path;
    if (*p == '[') {
        char *end;
        const unsigned long index = strtoul(p + 1, &end, 10);
        *path = *end == ']' ? end + 1 : end;
        return json_array_get(at, index);
    }
    if (*p == '.')
        p++;
    while (*p && *p != '.' && *p != '[' && n + 1 < sizeof key)
        key[n++] = *p++;
    key[n] = 0;
    *path = p;
    return json_object_get(at, key);
}

static const json_t *find(const wt_result *r, const char *fmt, va_list args)
{
    char path[512];
    const json_t *at = r->root;
    vsnprintf(path, sizeof path, fmt, args);
    for (const char *p = path; *p && at;)
        at = step_into(at, &p);
    return at;
}

#define FIND(at, r, fmt)                                                                                               \
    const json_t *at;                                                                                                  \
    do {                                                                                                               \
        va_list args_;                                                                                                 \
        va_start(args_, fmt);                                                                                          \
        at = find(r, fmt, args_);                                                                                      \
        va_end(args_);                                                                                                 \
    } while (0)

int wt_result_has(const wt_result *r, const char *path, ...)
{
    FIND(at, r, path);
    return at && !json_is_null(at);
}

size_t wt_result_count(const wt_result *r, const char *path, ...)
{
    FIND(at, r, path);
    return json_is_array(at) ? json_array_size(at) : json_is_object(at) ? json_object_size(at) : 0;
}

double wt_result_number(const wt_result *r, double fallback, const char *path, ...)
{
    FIND(at, r, path);
    return json_is_number(at) ? json_number_value(at) : fallback;
}

int wt_result_true(const wt_result *r, const char *path, ...)
{
    FIND(at, r, path);
    return json_is_true(at);
}

const char *wt_result_string(const wt_result *r, const char *fallback, const char *path, ...)
{
    FIND(at, r, path);
    return json_is_string(at) ? json_string_value(at) : fallback;
}

const char *wt_result_key(const wt_result *r, size_t index, const char *path, ...)
{
    FIND(at, r, path);
    const char *key;
    json_t *value;
    size_t i = 0;
    json_object_foreach((json_t *)(uintptr_t)at, key, value)
    {
        (void)value;
        if (i++ == index)
            return key;
    }
    return NULL;
}
