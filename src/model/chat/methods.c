/* methods.c - what strings, mappings and namespaces can be asked for, and the functions that every template sees. */
#include <ctype.h>
#include <stdlib.h>
#include <time.h>
#include "model/chat/jinja.h"

/* --- strings -------------------------------------------------------------------------------------------------------
 */
static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static wt_status need_text(jj_render *r, const jj_args *args, size_t index, wt_string *out)
{
    if (index >= args->n_pos || args->pos[index].kind != JJ_STRING)
        return jj_refuse(r, WT_EFORMAT, "a method of a string wants another string");
    *out = args->pos[index].v.s;
    return WT_OK;
}

static bool strips(char c, const wt_string *set)
{
    return set ? set->len && memchr(set->data, c, set->len) : is_space(c);
}

static wt_status strip_sides(jj_value *out, const jj_value *self, const jj_args *args, int sides)
{
    const wt_string *set = args->n_pos && args->pos[0].kind == JJ_STRING ? &args->pos[0].v.s : NULL;
    wt_string s = self->v.s;
    while (sides & 1 && s.len && strips(s.data[0], set)) {
        s.data++;
        s.len--;
    }
    while (sides & 2 && s.len && strips(s.data[s.len - 1], set))
        s.len--;
    *out = jj_str(s.data, s.len);
    return WT_OK;
}
static wt_status s_strip(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    (void)r;
    return strip_sides(o, s, a, 3);
}
static wt_status s_lstrip(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    (void)r;
    return strip_sides(o, s, a, 1);
}
static wt_status s_rstrip(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    (void)r;
    return strip_sides(o, s, a, 2);
}

typedef enum casing { UPPER, LOWER, CAPITAL, TITLE } casing;
static wt_status recase(jj_render *r, jj_value *out, const jj_value *self, casing how)
{
    bool begins = true;
    WT_TRY(jj_copy(r, self->v.s.data, self->v.s.len, out));
    char *text = (char *)(uintptr_t)out->v.s.data;
    for (size_t i = 0; i < out->v.s.len; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c >= 0x80)
            return how == CAPITAL && i
                       ? WT_OK
                       : jj_refuse(r, WT_EUNSUPPORTED, "changing the case of letters beyond ASCII is not supported");
        const bool up = how == UPPER || (how == CAPITAL && i == 0) || (how == TITLE && begins);
        text[i] = (char)(up ? toupper(c) : tolower(c));
        begins = !isalpha(c);
    }
    return WT_OK;
}
static wt_status s_upper(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    (void)a;
    return recase(r, o, s, UPPER);
}
static wt_status s_lower(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    (void)a;
    return recase(r, o, s, LOWER);
}
static wt_status s_capitalize(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    (void)a;
    return recase(r, o, s, CAPITAL);
}
static wt_status s_title(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    (void)a;
    return recase(r, o, s, TITLE);
}

/* A string, or one of a tuple of strings, at one end. */
static wt_status at_end(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args, bool front)
{
    const jj_value *what = jj_arg(args, 0, NULL);
    const bool many = what && what->kind == JJ_LIST;
    const size_t n = !what ? 0 : many ? what->v.list->n : 1;
    *out = jj_bool(false);
    for (size_t i = 0; i < n && !out->v.b; i++) {
        const jj_value *one = many ? &what->v.list->items[i] : what;
        if (one->kind != JJ_STRING)
            return jj_refuse(r, WT_EFORMAT, "startswith and endswith want strings");
        const wt_string s = self->v.s, w = one->v.s;
        out->v.b = w.len <= s.len && (!w.len || !memcmp(front ? s.data : s.data + s.len - w.len, w.data, w.len));
    }
    return WT_OK;
}
static wt_status s_startswith(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    return at_end(r, o, s, a, true);
}
static wt_status s_endswith(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    return at_end(r, o, s, a, false);
}

static wt_status push_part(jj_render *r, jj_value *list, const char *s, size_t n)
{
    const jj_value part = jj_str(s, n);
    return jj_push(r, list->v.list, &part);
}

static wt_status split_space(jj_render *r, jj_value *out, wt_string s, int64_t most)
{
    size_t i = 0;
    while (i < s.len) {
        while (i < s.len && is_space(s.data[i]))
            i++;
        size_t end = i;
        while (end < s.len && !is_space(s.data[end]))
            end++;
        if (most >= 0 && (int64_t)out->v.list->n == most)
            end = s.len;
        if (end > i)
            WT_TRY(push_part(r, out, s.data + i, end - i));
        i = end;
    }
    return WT_OK;
}

static wt_status s_split(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    const jj_value *sep = jj_arg(args, 0, "sep"), *max = jj_arg(args, 1, "maxsplit");
    const int64_t most = max && max->kind == JJ_INT ? max->v.i : -1;
    size_t from = 0, at;
    WT_TRY(jj_new_list(r, out));
    if (!sep || sep->kind != JJ_STRING)
        return split_space(r, out, self->v.s, most);
    if (!sep->v.s.len)
        return jj_refuse(r, WT_EFORMAT, "split wants a separator that is not empty");
    while ((most < 0 || (int64_t)out->v.list->n < most) && (at = jj_find(self->v.s, sep->v.s, from)) != SIZE_MAX) {
        WT_TRY(push_part(r, out, self->v.s.data + from, at - from));
        from = at + sep->v.s.len;
    }
    return push_part(r, out, self->v.s.data + from, self->v.s.len - from);
}

static wt_status s_rsplit(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    const jj_value *sep = jj_arg(args, 0, "sep"), *max = jj_arg(args, 1, "maxsplit");
    if (!sep || sep->kind != JJ_STRING || !sep->v.s.len || !max || max->kind != JJ_INT)
        return s_split(r, out, self, args);
    jj_value parts;
    const jj_args all = { .pos = args->pos, .n_pos = 1 };
    WT_TRY(s_split(r, &parts, self, &all));
    const jj_list *p = parts.v.list;
    const size_t most = max->v.i < 0 ? SIZE_MAX : (size_t)max->v.i, joined = p->n > most + 1 ? p->n - most : 1;
    WT_TRY(jj_new_list(r, out));
    const char *end = p->items[joined - 1].v.s.data + p->items[joined - 1].v.s.len;
    WT_TRY(push_part(r, out, self->v.s.data, (size_t)(end - self->v.s.data)));
    for (size_t i = joined; i < p->n; i++)
        WT_TRY(jj_push(r, out->v.list, &p->items[i]));
    return WT_OK;
}

static wt_status s_splitlines(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    const wt_string s = self->v.s;
    (void)args;
    WT_TRY(jj_new_list(r, out));
    for (size_t i = 0, end; i < s.len; i = end) {
        for (end = i; end < s.len && s.data[end] != '\n' && s.data[end] != '\r';)
            end++;
        WT_TRY(push_part(r, out, s.data + i, end - i));
        if (end < s.len)
            end += s.data[end] == '\r' && end + 1 < s.len && s.data[end + 1] == '\n' ? 2 : 1;
    }
    return WT_OK;
}

static wt_status s_replace(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    wt_string old = { 0 }, new = { 0 };
    wt_buf text;
    const jj_value *count = jj_arg(args, 2, "count");
    int64_t left = count && count->kind == JJ_INT && count->v.i >= 0 ? count->v.i : INT64_MAX;
    WT_TRY(need_text(r, args, 0, &old));
    WT_TRY(need_text(r, args, 1, &new));
    if (!old.len)
        return jj_refuse(r, WT_EUNSUPPORTED, "replacing the empty string is not supported");
    wt_buf_init(&text, r->t->ctx);
    size_t from = 0, at;
    while (left-- > 0 && (at = jj_find(self->v.s, old, from)) != SIZE_MAX) {
        wt_buf_add(&text, self->v.s.data + from, at - from);
        wt_buf_add(&text, new.data, new.len);
        from = at + old.len;
    }
    wt_buf_add(&text, self->v.s.data + from, self->v.s.len - from);
    return jj_finish(r, WT_OK, &text, out);
}

static wt_status s_find(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    wt_string what = { 0 };
    WT_TRY(need_text(r, args, 0, &what));
    const size_t at = jj_find(self->v.s, what, 0);
    *out = jj_int(at == SIZE_MAX ? -1 : (int64_t)jj_chars((wt_string){ self->v.s.data, at }));
    return WT_OK;
}

static wt_status s_count(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    wt_string what = { 0 };
    int64_t n = 0;
    WT_TRY(need_text(r, args, 0, &what));
    for (size_t at = 0; what.len && (at = jj_find(self->v.s, what, at)) != SIZE_MAX; at += what.len)
        n++;
    *out = jj_int(n);
    return WT_OK;
}

static wt_status all_are(jj_value *out, const jj_value *self, int (*is)(int))
{
    bool yes = self->v.s.len > 0;
    for (size_t i = 0; i < self->v.s.len && yes; i++)
        yes = is((unsigned char)self->v.s.data[i]) != 0;
    *out = jj_bool(yes);
    return WT_OK;
}
static wt_status s_isdigit(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    (void)r;
    (void)a;
    return all_are(o, s, isdigit);
}
static wt_status s_isalpha(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    (void)r;
    (void)a;
    return all_are(o, s, isalpha);
}
static wt_status s_isspace(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    (void)r;
    (void)a;
    return all_are(o, s, isspace);
}

/* One field of a format: what stands between { and }; empty: the next argument. */
static const jj_value *field(const jj_args *args, wt_string name, size_t *next)
{
    char text[32];
    if (name.len >= sizeof text)
        return NULL;
    memcpy(text, name.data, name.len);
    text[name.len] = 0;
    if (!name.len)
        return jj_arg(args, (*next)++, NULL);
    if (text[0] >= '0' && text[0] <= '9')
        return jj_arg(args, (size_t)strtoul(text, NULL, 10), NULL);
    return jj_arg(args, SIZE_MAX, text);
}

/* "{} {0} {name} {{ }}"; conversions and widths are refused. */
static wt_status s_format(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    const wt_string s = self->v.s;
    wt_buf text;
    wt_status st = WT_OK;
    size_t next = 0;
    wt_buf_init(&text, r->t->ctx);
    for (size_t i = 0; i < s.len && st == WT_OK; i++) {
        const char c = s.data[i];
        if ((c == '{' || c == '}') && i + 1 < s.len && s.data[i + 1] == c) {
            wt_buf_add(&text, &s.data[i++], 1);
        } else if (c == '{') {
            const char *end = memchr(s.data + i, '}', s.len - i);
            const wt_string name = { s.data + i + 1, end ? (size_t)(end - s.data) - i - 1 : 0 };
            const jj_value *v = end && !memchr(name.data, ':', name.len) && !memchr(name.data, '!', name.len)
                                    ? field(args, name, &next)
                                    : NULL;
            st = v ? jj_text(r, v, &text) : jj_refuse(r, WT_EUNSUPPORTED, "this use of format is not supported");
            i += name.len + 1;
        } else {
            wt_buf_add(&text, &c, 1);
        }
    }
    return jj_finish(r, st, &text, out);
}

static wt_status s_join(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    const jj_value *items = jj_arg(args, 0, NULL);
    const jj_args one = { .pos = (jj_value *)(uintptr_t)self, .n_pos = 1 };
    if (!items)
        return jj_refuse(r, WT_EFORMAT, "join wants a list");
    return jj_filter(r, (wt_string){ "join", 4 }, items, &one, out);
}

/* --- mappings ------------------------------------------------------------------------------------------------------
 */
static wt_status d_get(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    const jj_value *other = jj_arg(args, 1, "default");
    if (!args->n_pos)
        return jj_refuse(r, WT_EFORMAT, "get wants a key");
    const jj_value *v = jj_get(self->v.dict, &args->pos[0]);
    *out = v ? *v : other ? *other : jj_none();
    return WT_OK;
}

static wt_status d_list(jj_render *r, jj_value *out, const jj_value *self, bool keys, bool values)
{
    WT_TRY(jj_new_list(r, out));
    for (size_t i = 0; i < self->v.dict->n; i++) {
        const jj_pair *p = &self->v.dict->pairs[i];
        if (keys && values) {
            jj_value pair;
            WT_TRY(jj_new_list(r, &pair));
            pair.v.list->tuple = true;
            WT_TRY(jj_push(r, pair.v.list, &p->key));
            WT_TRY(jj_push(r, pair.v.list, &p->value));
            WT_TRY(jj_push(r, out->v.list, &pair));
        } else {
            WT_TRY(jj_push(r, out->v.list, keys ? &p->key : &p->value));
        }
    }
    return WT_OK;
}
static wt_status d_items(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    (void)a;
    return d_list(r, o, s, true, true);
}
static wt_status d_keys(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    (void)a;
    return d_list(r, o, s, true, false);
}
static wt_status d_values(jj_render *r, jj_value *o, const jj_value *s, const jj_args *a)
{
    (void)a;
    return d_list(r, o, s, false, true);
}

static wt_status immutable(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    (void)out;
    (void)args;
    return jj_refuse(r, WT_EFORMAT, "%s cannot be changed by a template", jj_kind_name(self));
}

const jj_callable *jj_method(const jj_value *self, wt_string name)
{
    static const jj_callable strings[] = {
        { "strip", s_strip, 0, 0 },       { "lstrip", s_lstrip, 0, 0 },
        { "rstrip", s_rstrip, 0, 0 },     { "upper", s_upper, 0, 0 },
        { "lower", s_lower, 0, 0 },       { "capitalize", s_capitalize, 0, 0 },
        { "title", s_title, 0, 0 },       { "split", s_split, 0, 0 },
        { "rsplit", s_rsplit, 0, 0 },     { "splitlines", s_splitlines, 0, 0 },
        { "replace", s_replace, 0, 0 },   { "startswith", s_startswith, 0, 0 },
        { "endswith", s_endswith, 0, 0 }, { "find", s_find, 0, 0 },
        { "count", s_count, 0, 0 },       { "isdigit", s_isdigit, 0, 0 },
        { "isalpha", s_isalpha, 0, 0 },   { "isspace", s_isspace, 0, 0 },
        { "join", s_join, 0, 0 },         { "format", s_format, 0, 0 },
    };
    static const jj_callable dicts[] = { { "get", d_get, 0, 0 },           { "items", d_items, 0, 0 },
                                         { "keys", d_keys, 0, 0 },         { "values", d_values, 0, 0 },
                                         { "update", immutable, 0, 0 },    { "pop", immutable, 0, 0 },
                                         { "setdefault", immutable, 0, 0 } };
    static const jj_callable lists[] = { { "append", immutable, 0, 0 },
                                         { "extend", immutable, 0, 0 },
                                         { "insert", immutable, 0, 0 },
                                         { "pop", immutable, 0, 0 } };
    const jj_callable *table = self->kind == JJ_STRING ? strings : self->kind == JJ_DICT ? dicts : lists;
    const size_t n = self->kind == JJ_STRING ? WT_ARRAY_LEN(strings)
                     : self->kind == JJ_DICT ? WT_ARRAY_LEN(dicts)
                     : self->kind == JJ_LIST ? WT_ARRAY_LEN(lists)
                                             : 0;
    for (size_t i = 0; i < n; i++)
        if (jj_is(name, table[i].name))
            return &table[i];
    return NULL;
}

/* --- functions -----------------------------------------------------------------------------------------------------
 */
static wt_status f_range(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    int64_t v[3] = { 0, 0, 1 };
    (void)self;
    for (size_t i = 0; i < args->n_pos && i < 3; i++) {
        if (args->pos[i].kind != JJ_INT)
            return jj_refuse(r, WT_EFORMAT, "range wants integers");
        v[i] = args->pos[i].v.i;
    }
    if (args->n_pos == 1) {
        v[1] = v[0];
        v[0] = 0;
    }
    if (!args->n_pos || v[2] == 0)
        return jj_refuse(r, WT_EFORMAT, "range wants an end, and a step that is not 0");
    WT_TRY(jj_new_list(r, out));
    for (int64_t i = v[0]; v[2] > 0 ? i < v[1] : i > v[1]; i += v[2]) {
        const jj_value n = jj_int(i);
        if (out->v.list->n >= 100000) /* as the sandbox of Jinja does */
            return jj_refuse(r, WT_ELIMIT, "a range has more than 100000 numbers");
        WT_TRY(jj_push(r, out->v.list, &n));
        if (v[2] > 0 ? i > INT64_MAX - v[2] : i < INT64_MIN - v[2])
            break;
    }
    return WT_OK;
}

static wt_status f_dict(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    (void)self;
    WT_TRY(jj_new_dict(r, out));
    if (args->n_pos && args->pos[0].kind == JJ_DICT)
        for (size_t i = 0; i < args->pos[0].v.dict->n; i++)
            WT_TRY(jj_put(r, out->v.dict, &args->pos[0].v.dict->pairs[i].key, &args->pos[0].v.dict->pairs[i].value));
    for (size_t i = 0; i < args->n_named; i++)
        WT_TRY(jj_put(r, out->v.dict, &args->named[i].key, &args->named[i].value));
    return WT_OK;
}

static wt_status f_namespace(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    WT_TRY(f_dict(r, out, self, args));
    out->v.dict->is_namespace = true;
    return WT_OK;
}

static wt_status f_raise(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    (void)out;
    (void)self;
    const bool text = args->n_pos && args->pos[0].kind == JJ_STRING;
    return jj_refuse(r, WT_EFORMAT, "the template says: %.*s",
                     text ? (int)(args->pos[0].v.s.len < 300 ? args->pos[0].v.s.len : 300) : 2,
                     text ? args->pos[0].v.s.data : "no");
}

static wt_status f_strftime(jj_render *r, jj_value *out, const jj_value *self, const jj_args *args)
{
    char format[128], text[256];
    struct tm now;
    const time_t t = time(NULL);
    (void)self;
    if (!args->n_pos || args->pos[0].kind != JJ_STRING || args->pos[0].v.s.len >= sizeof format ||
        !localtime_r(&t, &now))
        return jj_refuse(r, WT_EFORMAT, "strftime_now wants a format");
    memcpy(format, args->pos[0].v.s.data, args->pos[0].v.s.len);
    format[args->pos[0].v.s.len] = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored                                                                                         \
    "-Wformat-nonliteral" /* the format is the template's: strftime writes no memory but text */
    const size_t n = strftime(text, sizeof text, format, &now);
#pragma GCC diagnostic pop
    return jj_copy(r, text, n, out);
}

wt_status jj_globals(jj_render *r)
{
    static const jj_callable functions[] = { { "range", f_range, 0, 0 },
                                             { "dict", f_dict, 0, 0 },
                                             { "namespace", f_namespace, 0, 0 },
                                             { "raise_exception", f_raise, 0, 0 },
                                             { "strftime_now", f_strftime, 0, 0 } };
    for (size_t i = 0; i < WT_ARRAY_LEN(functions); i++) {
        const jj_value key = jj_str(functions[i].name, strlen(functions[i].name)),
                       fn = { .kind = JJ_CALL, .v.call = &functions[i] };
        WT_TRY(jj_put(r, &r->globals->vars, &key, &fn));
    }
    return WT_OK;
}
