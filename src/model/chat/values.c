/* values.c - what templates compute with, and how Python would write it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "model/chat/jinja.h"

jj_value jj_undefined(const char *name) { return (jj_value){ .kind = JJ_UNDEFINED, .v.name = name }; }
jj_value jj_none(void) { return (jj_value){ .kind = JJ_NONE }; }
jj_value jj_bool(bool b) { return (jj_value){ .kind = JJ_BOOL, .v.b = b }; }
jj_value jj_int(int64_t i) { return (jj_value){ .kind = JJ_INT, .v.i = i }; }
jj_value jj_float(double f) { return (jj_value){ .kind = JJ_FLOAT, .v.f = f }; }
jj_value jj_str(const char *s, size_t n) { return (jj_value){ .kind = JJ_STRING, .v.s = { s, n } }; }

const char *jj_kind_name(const jj_value *v)
{
    static const char *const names[] = { "undefined", "none",   "a boolean", "an integer", "a number",
                                         "a string",  "a list", "a mapping", "a function" };
    return names[v->kind];
}

wt_status jj_copy(jj_render *r, const char *s, size_t n, jj_value *out)
{
    const char *copy = wt_arena_strndup(&r->arena, s ? s : "", n, r->err);
    *out = jj_str(copy, n);
    return copy ? WT_OK : WT_ENOMEM;
}

wt_status jj_finish(jj_render *r, wt_status st, wt_buf *text, jj_value *out)
{
    if (st == WT_OK)
        st = wt_buf_status(text, r->err);
    if (st == WT_OK)
        st = jj_copy(r, text->data, text->len, out);
    wt_buf_free(text);
    return st;
}

size_t jj_find(wt_string in, wt_string what, size_t from)
{
    for (size_t i = from; what.len <= in.len && i <= in.len - what.len; i++)
        if (!what.len || !memcmp(in.data + i, what.data, what.len))
            return i;
    return SIZE_MAX;
}

/* --- collections ---------------------------------------------------------------------------------------------------
 */
wt_status jj_new_list(jj_render *r, jj_value *out)
{
    *out = (jj_value){ .kind = JJ_LIST, .v.list = wt_arena_alloc(&r->arena, 1, sizeof(jj_list), r->err) };
    return out->v.list ? WT_OK : WT_ENOMEM;
}

wt_status jj_new_dict(jj_render *r, jj_value *out)
{
    *out = (jj_value){ .kind = JJ_DICT, .v.dict = wt_arena_alloc(&r->arena, 1, sizeof(jj_dict), r->err) };
    return out->v.dict ? WT_OK : WT_ENOMEM;
}

static wt_status room(jj_render *r, void *array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return WT_OK;
    if (r->arena.total > JJ_MAX_BYTES)
        return jj_refuse(r, WT_ELIMIT, "the template needs more than %d MB", JJ_MAX_BYTES >> 20);
    void *old, *more = wt_arena_alloc(&r->arena, *cap = *cap ? 2 * *cap : 8, size, r->err);
    if (!more)
        return WT_ENOMEM;
    memcpy(&old, array, sizeof old);
    if (n)
        memcpy(more, old, n * size);
    memcpy(array, &more, sizeof more);
    return WT_OK;
}

wt_status jj_push(jj_render *r, jj_list *list, const jj_value *v)
{
    WT_TRY(room(r, &list->items, list->n, &list->cap, sizeof *list->items));
    list->items[list->n++] = *v;
    return WT_OK;
}

const jj_value *jj_get(const jj_dict *dict, const jj_value *key)
{
    for (size_t i = 0; i < dict->n; i++)
        if (jj_equal(&dict->pairs[i].key, key))
            return &dict->pairs[i].value;
    return NULL;
}

const jj_value *jj_get_name(const jj_dict *dict, wt_string name)
{
    const jj_value key = jj_str(name.data, name.len);
    return jj_get(dict, &key);
}

wt_status jj_put(jj_render *r, jj_dict *dict, const jj_value *key, const jj_value *v)
{
    jj_value *there = (jj_value *)(uintptr_t)jj_get(dict, key);
    if (there) {
        *there = *v;
        return WT_OK;
    }
    WT_TRY(room(r, &dict->pairs, dict->n, &dict->cap, sizeof *dict->pairs));
    dict->pairs[dict->n++] = (jj_pair){ *key, *v };
    return WT_OK;
}

/* --- comparing -----------------------------------------------------------------------------------------------------
 */
bool jj_true(const jj_value *v)
{
    switch (v->kind) {
    case JJ_BOOL: return v->v.b;
    case JJ_INT: return v->v.i != 0;
    case JJ_FLOAT: return v->v.f != 0;
    case JJ_STRING: return v->v.s.len != 0;
    case JJ_LIST: return v->v.list->n != 0;
    case JJ_DICT: return v->v.dict->is_namespace || v->v.dict->n != 0;
    case JJ_CALL: return true;
    default: return false;
    }
}

static bool number_of(const jj_value *v, double *out)
{
    *out = v->kind == JJ_INT ? (double)v->v.i : v->kind == JJ_BOOL ? (double)v->v.b : v->v.f;
    return v->kind == JJ_INT || v->kind == JJ_BOOL || v->kind == JJ_FLOAT;
}

static bool same_list(const jj_list *a, const jj_list *b)
{
    if (a->n != b->n || a->tuple != b->tuple)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!jj_equal(&a->items[i], &b->items[i]))
            return false;
    return true;
}

static bool same_dict(const jj_dict *a, const jj_dict *b)
{
    for (size_t i = 0; a->n == b->n && i < a->n; i++) {
        const jj_value *other = jj_get(b, &a->pairs[i].key);
        if (!other || !jj_equal(&a->pairs[i].value, other))
            return false;
    }
    return a->n == b->n;
}

bool jj_equal(const jj_value *a, const jj_value *b)
{
    double x, y;
    if (a->kind == JJ_INT && b->kind == JJ_INT)
        return a->v.i == b->v.i;
    if (number_of(a, &x) && number_of(b, &y))
        return x == y;
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case JJ_STRING: return a->v.s.len == b->v.s.len && !memcmp(a->v.s.data, b->v.s.data, a->v.s.len);
    case JJ_LIST: return a->v.list == b->v.list || same_list(a->v.list, b->v.list);
    case JJ_DICT: return a->v.dict == b->v.dict || same_dict(a->v.dict, b->v.dict);
    case JJ_CALL: return a->v.call == b->v.call;
    default: return true;
    }
}

wt_status jj_order(jj_render *r, const jj_value *a, const jj_value *b, int *order)
{
    double x, y;
    if (number_of(a, &x) && number_of(b, &y)) {
        *order = x < y ? -1 : x > y;
        return WT_OK;
    }
    if (a->kind == JJ_STRING && b->kind == JJ_STRING) {
        const size_t n = a->v.s.len < b->v.s.len ? a->v.s.len : b->v.s.len;
        const int c = n ? memcmp(a->v.s.data, b->v.s.data, n) : 0;
        *order = c ? c : a->v.s.len < b->v.s.len ? -1 : a->v.s.len > b->v.s.len;
        return WT_OK;
    }
    return jj_refuse(r, WT_EFORMAT, "%s and %s cannot be ordered", jj_kind_name(a), jj_kind_name(b));
}

/* --- as text -------------------------------------------------------------------------------------------------------
 */
/* The shortest digits that read back as the same number, in Python's form. */
static void float_text(double f, wt_buf *out)
{
    char text[40];
    if (isinf(f) || isnan(f)) {
        wt_buf_puts(out, isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, f);
        if (strtod(text, NULL) == f) {
            const int exponent = atoi(strchr(text, 'e') + 1);
            if (exponent >= -4 && exponent < 16) {
                snprintf(text, sizeof text, "%.*f", digits - 1 - exponent > 1 ? digits - 1 - exponent : 1, f);
            } else { /* 1e+16, 1.5e-07: two digits of exponent at least, as printf writes */
                snprintf(text, sizeof text, "%.*e", digits - 1, f);
            }
            break;
        }
    }
    wt_buf_puts(out, text);
}

/* repr of a string: single quotes unless that needs more escapes. */
static void string_repr(wt_string s, wt_buf *out)
{
    const bool single = s.len && memchr(s.data, '\'', s.len), dbl = s.len && memchr(s.data, '"', s.len);
    const char quote = single && !dbl ? '"' : '\'';
    wt_buf_add(out, &quote, 1);
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.data[i];
        if (c == '\n' || c == '\t' || c == '\r')
            wt_buf_puts(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        else if (c == '\\' || c == (unsigned char)quote)
            wt_buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            wt_buf_printf(out, "\\x%02x", c);
        else
            wt_buf_add(out, s.data + i, 1);
    }
    wt_buf_add(out, &quote, 1);
}

static wt_status list_repr(jj_render *r, const jj_list *list, wt_buf *out, int depth)
{
    wt_buf_puts(out, list->tuple ? "(" : "[");
    for (size_t i = 0; i < list->n; i++) {
        wt_buf_puts(out, i ? ", " : "");
        WT_TRY(jj_repr(r, &list->items[i], out, depth + 1));
    }
    wt_buf_puts(out, !list->tuple ? "]" : list->n == 1 ? ",)" : ")");
    return WT_OK;
}

wt_status jj_repr(jj_render *r, const jj_value *v, wt_buf *out, int depth)
{
    if (depth > JJ_MAX_DEPTH || out->len > JJ_MAX_BYTES)
        return jj_refuse(r, WT_ELIMIT, "a value is too deep or too long to be written");
    if (v->kind == JJ_STRING) {
        string_repr(v->v.s, out);
        return WT_OK;
    }
    if (v->kind == JJ_LIST)
        return list_repr(r, v->v.list, out, depth);
    if (v->kind == JJ_UNDEFINED) {
        wt_buf_puts(out, "Undefined");
        return WT_OK;
    }
    if (v->kind != JJ_DICT)
        return jj_text(r, v, out);
    wt_buf_puts(out, "{");
    for (size_t i = 0; i < v->v.dict->n; i++) {
        wt_buf_puts(out, i ? ", " : "");
        WT_TRY(jj_repr(r, &v->v.dict->pairs[i].key, out, depth + 1));
        wt_buf_puts(out, ": ");
        WT_TRY(jj_repr(r, &v->v.dict->pairs[i].value, out, depth + 1));
    }
    wt_buf_puts(out, "}");
    return WT_OK;
}

wt_status jj_text(jj_render *r, const jj_value *v, wt_buf *out)
{
    switch (v->kind) {
    case JJ_UNDEFINED: return WT_OK;
    case JJ_NONE: wt_buf_puts(out, "None"); return WT_OK;
    case JJ_BOOL: wt_buf_puts(out, v->v.b ? "True" : "False"); return WT_OK;
    case JJ_INT: wt_buf_printf(out, "%lld", (long long)v->v.i); return WT_OK;
    case JJ_FLOAT: float_text(v->v.f, out); return WT_OK;
    case JJ_STRING: wt_buf_add(out, v->v.s.data, v->v.s.len); return WT_OK;
    case JJ_CALL: return jj_refuse(r, WT_EUNSUPPORTED, "the function '%s' is printed, not called", v->v.call->name);
    default: return jj_repr(r, v, out, 0);
    }
}

/* --- JSON ----------------------------------------------------------------------------------------------------------
 */
/* The code point at s[i], of *len bytes; a stray byte is U+FFFD. */
static uint32_t code_point(wt_string s, size_t i, size_t *len)
{
    const unsigned char c = (unsigned char)s.data[i];
    const size_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
    uint32_t v = n == 4 ? c & 7u : n == 3 ? c & 15u : c & 31u;
    *len = 1;
    if (n == 1 || i + n > s.len)
        return 0xFFFD;
    for (size_t k = 1; k < n; k++)
        v = v << 6 | ((unsigned char)s.data[i + k] & 63u);
    *len = n;
    return v;
}

static void escaped(uint32_t c, wt_buf *out)
{
    if (c < 0x10000) {
        wt_buf_printf(out, "\\u%04x", c);
        return;
    }
    wt_buf_printf(out, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10), 0xDC00 + ((c - 0x10000) & 0x3FF));
}

static void quoted(wt_string s, const jj_json_style *style, wt_buf *out)
{
    size_t len;
    wt_buf_puts(out, "\"");
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.data[i];
        static const char pairs[] = "\"\"\\\\\nn\rr\tt\bb\ff";
        bool done = false;
        for (size_t k = 0; k + 1 < sizeof pairs && !done; k += 2)
            if (pairs[k] == (char)c) {
                wt_buf_printf(out, "\\%c", pairs[k + 1]);
                done = true;
            }
        if (!done && c < 0x20) {
            escaped(c, out);
        } else if (!done && c >= 0x80 && style->ascii) {
            escaped(code_point(s, i, &len), out);
            i += len - 1;
        } else if (!done)
            wt_buf_add(out, s.data + i, 1);
    }
    wt_buf_puts(out, "\"");
}

static void new_line(int indent, int depth, wt_buf *out)
{
    if (indent < 0)
        return;
    wt_buf_puts(out, "\n");
    for (int i = 0; i < indent * depth; i++)
        wt_buf_puts(out, " ");
}

static wt_status json_dict(jj_render *r, const jj_dict *dict, const jj_json_style *style, wt_buf *out, int depth)
{
    wt_buf_puts(out, "{");
    for (size_t i = 0; i < dict->n; i++) {
        const jj_value *key = &dict->pairs[i].key;
        wt_buf_puts(out, i ? (style->indent < 0 ? ", " : ",") : "");
        new_line(style->indent, depth + 1, out);
        if (key->kind == JJ_STRING) {
            quoted(key->v.s, style, out);
        } else {
            wt_buf_puts(out, "\"");
            WT_TRY(jj_json(r, key, style, out, depth + 1));
            wt_buf_puts(out, "\"");
        }
        wt_buf_puts(out, ": ");
        WT_TRY(jj_json(r, &dict->pairs[i].value, style, out, depth + 1));
    }
    if (dict->n)
        new_line(style->indent, depth, out);
    wt_buf_puts(out, "}");
    return WT_OK;
}

wt_status jj_json(jj_render *r, const jj_value *v, const jj_json_style *style, wt_buf *out, int depth)
{
    if (depth > JJ_MAX_DEPTH || out->len > JJ_MAX_BYTES)
        return jj_refuse(r, WT_ELIMIT, "a value is too deep or too long to be written");
    switch (v->kind) {
    case JJ_NONE: wt_buf_puts(out, "null"); return WT_OK;
    case JJ_BOOL: wt_buf_puts(out, v->v.b ? "true" : "false"); return WT_OK;
    case JJ_STRING: quoted(v->v.s, style, out); return WT_OK;
    case JJ_INT:
    case JJ_FLOAT: return jj_text(r, v, out);
    case JJ_DICT: return json_dict(r, v->v.dict, style, out, depth);
    case JJ_LIST: break;
    default: return jj_refuse(r, WT_EFORMAT, "%s cannot be written as JSON", jj_kind_name(v));
    }
    wt_buf_puts(out, "[");
    for (size_t i = 0; i < v->v.list->n; i++) {
        wt_buf_puts(out, i ? (style->indent < 0 ? ", " : ",") : "");
        new_line(style->indent, depth + 1, out);
        WT_TRY(jj_json(r, &v->v.list->items[i], style, out, depth + 1));
    }
    if (v->v.list->n)
        new_line(style->indent, depth, out);
    wt_buf_puts(out, "]");
    return WT_OK;
}

static wt_status from_object(jj_render *r, json_t *json, jj_value *out, int depth)
{
    const char *name;
    json_t *item;
    WT_TRY(jj_new_dict(r, out));
    json_object_foreach(json, name, item)
    {
        jj_value key, value;
        WT_TRY(jj_copy(r, name, strlen(name), &key));
        WT_TRY(jj_from_json(r, item, &value, depth + 1));
        WT_TRY(jj_put(r, out->v.dict, &key, &value));
    }
    return WT_OK;
}

wt_status jj_from_json(jj_render *r, json_t *json, jj_value *out, int depth)
{
    if (depth > JJ_MAX_DEPTH)
        return jj_refuse(r, WT_ELIMIT, "the variables are nested too deep");
    switch (json_typeof(json)) {
    case JSON_OBJECT: return from_object(r, json, out, depth);
    case JSON_STRING: return jj_copy(r, json_string_value(json), json_string_length(json), out);
    case JSON_INTEGER: *out = jj_int(json_integer_value(json)); return WT_OK;
    case JSON_REAL: *out = jj_float(json_real_value(json)); return WT_OK;
    case JSON_TRUE: *out = jj_bool(true); return WT_OK;
    case JSON_FALSE: *out = jj_bool(false); return WT_OK;
    case JSON_NULL: *out = jj_none(); return WT_OK;
    default: break;
    }
    WT_TRY(jj_new_list(r, out));
    for (size_t i = 0; i < json_array_size(json); i++) {
        jj_value item;
        WT_TRY(jj_from_json(r, json_array_get(json, i), &item, depth + 1));
        WT_TRY(jj_push(r, out->v.list, &item));
    }
    return WT_OK;
}

/* --- characters ----------------------------------------------------------------------------------------------------
 */
size_t jj_chars(wt_string s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += (s.data[i] & 0xC0) != 0x80;
    return n;
}

size_t jj_char_at(wt_string s, size_t index)
{
    size_t i = 0;
    for (; i < s.len; i++)
        if ((s.data[i] & 0xC0) != 0x80 && index-- == 0)
            return i;
    return s.len;
}

wt_status jj_iterate(jj_render *r, const jj_value *v, jj_list **out)
{
    jj_value list;
    if (v->kind == JJ_LIST) {
        *out = v->v.list;
        return WT_OK;
    }
    WT_TRY(jj_new_list(r, &list));
    *out = list.v.list;
    if (v->kind == JJ_DICT && !v->v.dict->is_namespace) {
        for (size_t i = 0; i < v->v.dict->n; i++)
            WT_TRY(jj_push(r, *out, &v->v.dict->pairs[i].key));
    } else if (v->kind == JJ_STRING) {
        for (size_t i = 0, end; i < v->v.s.len; i = end) {
            for (end = i + 1; end < v->v.s.len && (v->v.s.data[end] & 0xC0) == 0x80;)
                end++;
            const jj_value c = jj_str(v->v.s.data + i, end - i);
            WT_TRY(jj_push(r, *out, &c));
        }
    } else if (v->kind != JJ_UNDEFINED) {
        return jj_refuse(r, WT_EFORMAT, "%s cannot be walked through", jj_kind_name(v));
    }
    return WT_OK;
}
