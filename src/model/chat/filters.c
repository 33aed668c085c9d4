/* filters.c - filters. */
#include <math.h>
#include <stdlib.h>
#include "model/chat/jinja.h"

typedef wt_status filter_fn(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out);

static wt_status f_string(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    wt_buf text;
    (void)args;
    wt_buf_init(&text, r->t->ctx);
    return jj_finish(r, jj_text(r, in, &text), &text, out);
}

/* A method of strings as a filter: the value's text is what it works on. */
static wt_status by_method(jj_render *r, const char *name, const jj_value *in, const jj_args *args, jj_value *out)
{
    jj_value text = *in;
    if (in->kind != JJ_STRING)
        WT_TRY(f_string(r, in, args, &text));
    return jj_method(&text, (wt_string){ name, strlen(name) })->fn(r, out, &text, args);
}
static wt_status f_trim(jj_render *r, const jj_value *i, const jj_args *a, jj_value *o)
{
    return by_method(r, "strip", i, a, o);
}
static wt_status f_upper(jj_render *r, const jj_value *i, const jj_args *a, jj_value *o)
{
    return by_method(r, "upper", i, a, o);
}
static wt_status f_lower(jj_render *r, const jj_value *i, const jj_args *a, jj_value *o)
{
    return by_method(r, "lower", i, a, o);
}
static wt_status f_title(jj_render *r, const jj_value *i, const jj_args *a, jj_value *o)
{
    return by_method(r, "title", i, a, o);
}
static wt_status f_capitalize(jj_render *r, const jj_value *i, const jj_args *a, jj_value *o)
{
    return by_method(r, "capitalize", i, a, o);
}
static wt_status f_replace(jj_render *r, const jj_value *i, const jj_args *a, jj_value *o)
{
    return by_method(r, "replace", i, a, o);
}

static wt_status f_length(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    (void)args;
    if (in->kind != JJ_LIST && in->kind != JJ_DICT && in->kind != JJ_STRING && in->kind != JJ_UNDEFINED)
        return jj_refuse(r, WT_EFORMAT, "%s has no length", jj_kind_name(in));
    *out = jj_int(in->kind == JJ_LIST     ? (int64_t)in->v.list->n
                  : in->kind == JJ_DICT   ? (int64_t)in->v.dict->n
                  : in->kind == JJ_STRING ? (int64_t)jj_chars(in->v.s)
                                          : 0);
    return WT_OK;
}

static wt_status f_default(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    const jj_value *other = jj_arg(args, 0, "default_value"), *falsy = jj_arg(args, 1, "boolean");
    (void)r;
    const bool take = in->kind == JJ_UNDEFINED || (falsy && jj_true(falsy) && !jj_true(in));
    *out = !take ? *in : other ? *other : jj_str("", 0);
    return WT_OK;
}

/* Text that `+` escapes what is added to (eval.c); it prints as it is. */
static wt_status f_safe(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    WT_TRY(f_string(r, in, args, out));
    out->markup = true;
    return WT_OK;
}

static wt_status f_list(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    jj_list *items;
    (void)args;
    WT_TRY(jj_iterate(r, in, &items));
    WT_TRY(jj_new_list(r, out));
    for (size_t i = 0; i < items->n; i++)
        WT_TRY(jj_push(r, out->v.list, &items->items[i]));
    return WT_OK;
}

static wt_status f_first(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    jj_list *items;
    (void)args;
    WT_TRY(jj_iterate(r, in, &items));
    *out = items->n ? items->items[0] : jj_undefined("first");
    return WT_OK;
}

static wt_status f_last(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    jj_list *items;
    (void)args;
    WT_TRY(jj_iterate(r, in, &items));
    *out = items->n ? items->items[items->n - 1] : jj_undefined("last");
    return WT_OK;
}

static wt_status f_reverse(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    jj_list *items;
    (void)args;
    WT_TRY(jj_iterate(r, in, &items));
    WT_TRY(jj_new_list(r, out));
    for (size_t i = items->n; i-- > 0;)
        WT_TRY(jj_push(r, out->v.list, &items->items[i]));
    return in->kind == JJ_STRING ? jj_filter(r, (wt_string){ "join", 4 }, out, &(jj_args){ 0 }, out) : WT_OK;
}

/* x.a.b of an item, for `attribute=`. */
static wt_status member(jj_render *r, const jj_value *item, const jj_value *path, jj_value *out)
{
    *out = *item;
    if (path->kind == JJ_INT) {
        *out = item->kind == JJ_LIST && path->v.i >= 0 && (size_t)path->v.i < item->v.list->n
                   ? item->v.list->items[path->v.i]
                   : jj_undefined("item");
        return WT_OK;
    }
    if (path->kind != JJ_STRING)
        return jj_refuse(r, WT_EFORMAT, "an attribute is named by a string");
    wt_string rest = path->v.s;
    while (rest.len) {
        const char *dot = memchr(rest.data, '.', rest.len);
        const wt_string name = { rest.data, dot ? (size_t)(dot - rest.data) : rest.len };
        const jj_value *v = out->kind == JJ_DICT ? jj_get_name(out->v.dict, name) : NULL;
        *out = v ? *v : jj_undefined("attribute");
        rest.data += name.len + (dot != NULL);
        rest.len -= name.len + (dot != NULL);
    }
    return WT_OK;
}

static wt_status f_join(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    const jj_value *with = jj_arg(args, 0, "d"), *path = jj_arg(args, 1, "attribute");
    jj_list *items;
    wt_buf text;
    WT_TRY(jj_iterate(r, in, &items));
    wt_buf_init(&text, r->t->ctx);
    wt_status st = WT_OK;
    for (size_t i = 0; i < items->n && st == WT_OK; i++) {
        jj_value v = items->items[i];
        if (i && with)
            st = jj_text(r, with, &text);
        if (st == WT_OK && path)
            st = member(r, &items->items[i], path, &v);
        if (st == WT_OK)
            st = jj_text(r, &v, &text);
        if (st == WT_OK && text.len > JJ_MAX_BYTES)
            st = jj_refuse(r, WT_ELIMIT, "the template needs more than %d MB", JJ_MAX_BYTES >> 20);
    }
    return jj_finish(r, st, &text, out);
}

static wt_status f_tojson(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    const jj_value *indent = jj_arg(args, 1, "indent");
    const jj_value *ascii = jj_arg(args, 0, "ensure_ascii");
    wt_buf text;
    jj_json_style style;
    if (ascii && ascii->kind == JJ_INT && !indent) { /* jinja's own filter takes the indent first */
        indent = ascii;
        ascii = NULL;
    }
    for (size_t i = 0; i < args->n_named; i++)
        if (!jj_is(args->named[i].key.v.s, "indent") && !jj_is(args->named[i].key.v.s, "ensure_ascii"))
            return jj_refuse(r, WT_EUNSUPPORTED, "tojson is not supported with '%.*s'", (int)args->named[i].key.v.s.len,
                             args->named[i].key.v.s.data);
    wt_buf_init(&text, r->t->ctx);
    style = (jj_json_style){ .indent = indent && indent->kind == JJ_INT ? (int)(indent->v.i & 63) : -1,
                             .ascii = ascii && jj_true(ascii) };
    wt_status st = jj_json(r, in, &style, &text, 0);
    return jj_finish(r, st, &text, out);
}

static wt_status f_items(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    if (in->kind == JJ_UNDEFINED)
        return jj_new_list(r, out);
    if (in->kind != JJ_DICT)
        return jj_refuse(r, WT_EFORMAT, "items wants a mapping, not %s", jj_kind_name(in));
    return jj_method(in, (wt_string){ "items", 5 })->fn(r, out, in, args);
}

/* --- numbers -------------------------------------------------------------------------------------------------------
 */
static wt_status f_int(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    const jj_value *other = jj_arg(args, 0, "default");
    char text[64], *end = text;
    (void)r;
    *out = other ? *other : jj_int(0);
    if (in->kind == JJ_INT || in->kind == JJ_BOOL)
        *out = jj_int(in->kind == JJ_INT ? in->v.i : in->v.b);
    else if (in->kind == JJ_FLOAT && fabs(in->v.f) < 9e18)
        *out = jj_int((int64_t)in->v.f);
    else if (in->kind == JJ_STRING && in->v.s.len && in->v.s.len < sizeof text) {
        memcpy(text, in->v.s.data, in->v.s.len);
        text[in->v.s.len] = 0;
        const double d = strtod(text, &end);
        if (end != text && !*end && fabs(d) < 9e18)
            *out = jj_int((int64_t)d);
    }
    return WT_OK;
}

static wt_status f_float(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    const jj_value *other = jj_arg(args, 0, "default");
    char text[64], *end = text;
    (void)r;
    *out = other ? *other : jj_float(0);
    if (in->kind == JJ_INT || in->kind == JJ_BOOL)
        *out = jj_float(in->kind == JJ_INT ? (double)in->v.i : in->v.b);
    else if (in->kind == JJ_FLOAT)
        *out = *in;
    else if (in->kind == JJ_STRING && in->v.s.len && in->v.s.len < sizeof text) {
        memcpy(text, in->v.s.data, in->v.s.len);
        text[in->v.s.len] = 0;
        const double d = strtod(text, &end);
        if (end != text && !*end)
            *out = jj_float(d);
    }
    return WT_OK;
}

static wt_status f_abs(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    (void)args;
    if (in->kind != JJ_INT && in->kind != JJ_FLOAT)
        return jj_refuse(r, WT_EFORMAT, "abs wants a number, not %s", jj_kind_name(in));
    *out = in->kind == JJ_INT ? jj_int(in->v.i < 0 ? -in->v.i : in->v.i) : jj_float(fabs(in->v.f));
    return WT_OK;
}

static wt_status f_round(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    const jj_value *digits = jj_arg(args, 0, "precision");
    const double scale = pow(10, digits && digits->kind == JJ_INT ? (double)digits->v.i : 0);
    if (in->kind != JJ_INT && in->kind != JJ_FLOAT)
        return jj_refuse(r, WT_EFORMAT, "round wants a number, not %s", jj_kind_name(in));
    *out = jj_float(nearbyint((in->kind == JJ_INT ? (double)in->v.i : in->v.f) * scale) / scale);
    return WT_OK;
}

static wt_status f_sum(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    const jj_value *path = jj_arg(args, 0, "attribute");
    jj_list *items;
    WT_TRY(jj_iterate(r, in, &items));
    double sum = 0;
    bool whole = true;
    for (size_t i = 0; i < items->n; i++) {
        jj_value v = items->items[i];
        if (path)
            WT_TRY(member(r, &items->items[i], path, &v));
        if (v.kind != JJ_INT && v.kind != JJ_FLOAT)
            return jj_refuse(r, WT_EFORMAT, "sum wants numbers, not %s", jj_kind_name(&v));
        whole = whole && v.kind == JJ_INT;
        sum += v.kind == JJ_INT ? (double)v.v.i : v.v.f;
    }
    *out = whole ? jj_int((int64_t)sum) : jj_float(sum);
    return WT_OK;
}

static wt_status extreme(jj_render *r, const jj_value *in, int wanted, jj_value *out)
{
    jj_list *items;
    WT_TRY(jj_iterate(r, in, &items));
    *out = items->n ? items->items[0] : jj_undefined("extreme");
    for (size_t i = 1; i < items->n; i++) {
        int order;
        WT_TRY(jj_order(r, &items->items[i], out, &order));
        if (order * wanted > 0)
            *out = items->items[i];
    }
    return WT_OK;
}
static wt_status f_min(jj_render *r, const jj_value *i, const jj_args *a, jj_value *o)
{
    (void)a;
    return extreme(r, i, -1, o);
}
static wt_status f_max(jj_render *r, const jj_value *i, const jj_args *a, jj_value *o)
{
    (void)a;
    return extreme(r, i, 1, o);
}

/* --- choosing and ordering -----------------------------------------------------------------------------------------
 */
/* select, reject: f(test, args); selectattr, rejectattr: f(attribute, test, args). */
static wt_status choose(jj_render *r, const jj_value *in, const jj_args *args, bool by_member, bool wanted,
                        jj_value *out)
{
    jj_list *items;
    const size_t at = by_member;
    if (by_member && !args->n_pos)
        return jj_refuse(r, WT_EFORMAT, "selectattr wants an attribute");
    const bool has_test = args->n_pos > at && args->pos[at].kind == JJ_STRING;
    const jj_args rest = { .pos = args->pos + at + 1, .n_pos = has_test ? args->n_pos - at - 1 : 0 };
    WT_TRY(jj_new_list(r, out));
    if (!jj_true(in)) /* none too */
        return WT_OK;
    WT_TRY(jj_iterate(r, in, &items));
    for (size_t i = 0; i < items->n; i++) {
        jj_value v = items->items[i];
        bool yes;
        if (by_member)
            WT_TRY(member(r, &items->items[i], &args->pos[0], &v));
        yes = jj_true(&v);
        if (has_test)
            WT_TRY(jj_test(r, args->pos[at].v.s, &v, &rest, &yes));
        if (yes == wanted)
            WT_TRY(jj_push(r, out->v.list, &items->items[i]));
    }
    return WT_OK;
}
static wt_status f_select(jj_render *r, const jj_value *i, const jj_args *a, jj_value *o)
{
    return choose(r, i, a, false, true, o);
}
static wt_status f_reject(jj_render *r, const jj_value *i, const jj_args *a, jj_value *o)
{
    return choose(r, i, a, false, false, o);
}
static wt_status f_selectattr(jj_render *r, const jj_value *i, const jj_args *a, jj_value *o)
{
    return choose(r, i, a, true, true, o);
}
static wt_status f_rejectattr(jj_render *r, const jj_value *i, const jj_args *a, jj_value *o)
{
    return choose(r, i, a, true, false, o);
}

static wt_status f_map(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    const jj_value *path = jj_arg(args, SIZE_MAX, "attribute"), *other = jj_arg(args, SIZE_MAX, "default");
    const jj_args rest = { .pos = args->pos + 1, .n_pos = args->n_pos ? args->n_pos - 1 : 0 };
    jj_list *items;
    if (!path && (!args->n_pos || args->pos[0].kind != JJ_STRING))
        return jj_refuse(r, WT_EFORMAT, "map wants a filter or an attribute");
    WT_TRY(jj_new_list(r, out));
    if (!jj_true(in))
        return WT_OK;
    WT_TRY(jj_iterate(r, in, &items));
    for (size_t i = 0; i < items->n; i++) {
        jj_value v;
        WT_TRY(path ? member(r, &items->items[i], path, &v)
                    : jj_filter(r, args->pos[0].v.s, &items->items[i], &rest, &v));
        if (v.kind == JJ_UNDEFINED && other)
            v = *other;
        WT_TRY(jj_push(r, out->v.list, &v));
    }
    return WT_OK;
}

/* Insertion keeps equal items in order; lists of templates are short. */
static wt_status order_list(jj_render *r, jj_list *list, const jj_value *path, bool reverse)
{
    for (size_t i = 1; i < list->n; i++)
        for (size_t j = i; j > 0; j--) {
            jj_value a = list->items[j - 1], b = list->items[j];
            int order;
            if (path) {
                WT_TRY(member(r, &list->items[j - 1], path, &a));
                WT_TRY(member(r, &list->items[j], path, &b));
            }
            if (++r->steps > JJ_MAX_STEPS)
                return jj_refuse(r, WT_ELIMIT, "the template does not end");
            WT_TRY(jj_order(r, &a, &b, &order));
            if (reverse ? order >= 0 : order <= 0)
                break;
            const jj_value t = list->items[j - 1];
            list->items[j - 1] = list->items[j];
            list->items[j] = t;
        }
    return WT_OK;
}

static wt_status f_sort(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    const jj_value *reverse = jj_arg(args, 0, "reverse"), *path = jj_arg(args, 2, "attribute");
    WT_TRY(f_list(r, in, args, out));
    return order_list(r, out->v.list, path, reverse && jj_true(reverse));
}

static wt_status f_dictsort(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    const jj_value first = jj_int(0);
    const jj_args none = { 0 };
    (void)args;
    WT_TRY(f_items(r, in, &none, out));
    return order_list(r, out->v.list, &first, false);
}

static wt_status f_unique(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    jj_list *items;
    (void)args;
    WT_TRY(jj_iterate(r, in, &items));
    WT_TRY(jj_new_list(r, out));
    for (size_t i = 0; i < items->n; i++) {
        bool there = false;
        for (size_t j = 0; j < out->v.list->n && !there; j++)
            there = jj_equal(&out->v.list->items[j], &items->items[i]);
        if (!there)
            WT_TRY(jj_push(r, out->v.list, &items->items[i]));
    }
    return WT_OK;
}

/* --- text ----------------------------------------------------------------------------------------------------------
 */
static wt_status f_indent(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    const jj_value *width = jj_arg(args, 0, "width"), *first = jj_arg(args, 1, "first"),
                   *blank = jj_arg(args, 2, "blank");
    char pad[65];
    size_t n = width && width->kind == JJ_INT ? (size_t)(width->v.i & 63) : 4;
    const char *with = pad;
    wt_buf text;
    if (in->kind != JJ_STRING)
        return jj_refuse(r, WT_EFORMAT, "indent wants a string, not %s", jj_kind_name(in));
    memset(pad, ' ', sizeof pad);
    if (width && width->kind == JJ_STRING) {
        with = width->v.s.data;
        n = width->v.s.len;
    }
    wt_buf_init(&text, r->t->ctx);
    for (size_t i = 0, line = 0; i < in->v.s.len; line++) {
        const char *end = memchr(in->v.s.data + i, '\n', in->v.s.len - i);
        const size_t len = end ? (size_t)(end - in->v.s.data) - i : in->v.s.len - i;
        if (line ? len || (blank && jj_true(blank)) : first && jj_true(first))
            wt_buf_add(&text, with, n);
        wt_buf_add(&text, in->v.s.data + i, len + (end != NULL));
        i += len + (end != NULL);
    }
    return jj_finish(r, WT_OK, &text, out);
}

static wt_status f_escape(jj_render *r, const jj_value *in, const jj_args *args, jj_value *out)
{
    static const struct {
        char c;
        const char *name;
    } names[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '\'', "&#39;" }, { '"', "&#34;" } };
    jj_value s;
    wt_buf text;
    WT_TRY(f_string(r, in, args, &s));
    wt_buf_init(&text, r->t->ctx);
    for (size_t i = 0; i < s.v.s.len; i++) {
        size_t k = 0;
        while (k < WT_ARRAY_LEN(names) && names[k].c != s.v.s.data[i])
            k++;
        if (k < WT_ARRAY_LEN(names))
            wt_buf_puts(&text, names[k].name);
        else
            wt_buf_add(&text, s.v.s.data + i, 1);
    }
    return jj_finish(r, WT_OK, &text, out);
}

/* --- the table -----------------------------------------------------------------------------------------------------
 */
static const struct {
    const char *name;
    filter_fn *fn;
} filters[] = {
    { "abs", f_abs },
    { "capitalize", f_capitalize },
    { "count", f_length },
    { "d", f_default },
    { "default", f_default },
    { "dictsort", f_dictsort },
    { "e", f_escape },
    { "escape", f_escape },
    { "first", f_first },
    { "float", f_float },
    { "indent", f_indent },
    { "int", f_int },
    { "items", f_items },
    { "join", f_join },
    { "last", f_last },
    { "length", f_length },
    { "list", f_list },
    { "lower", f_lower },
    { "map", f_map },
    { "max", f_max },
    { "min", f_min },
    { "reject", f_reject },
    { "rejectattr", f_rejectattr },
    { "replace", f_replace },
    { "reverse", f_reverse },
    { "round", f_round },
    { "safe", f_safe },
    { "select", f_select },
    { "selectattr", f_selectattr },
    { "sort", f_sort },
    { "string", f_string },
    { "sum", f_sum },
    { "title", f_title },
    { "tojson", f_tojson },
    { "trim", f_trim },
    { "unique", f_unique },
    { "upper", f_upper },
};

bool jj_has_filter(wt_string name)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(filters); i++)
        if (jj_is(name, filters[i].name))
            return true;
    return false;
}

wt_status jj_filter(jj_render *r, wt_string name, const jj_value *in, const jj_args *args, jj_value *out)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(filters); i++)
        if (jj_is(name, filters[i].name))
            return filters[i].fn(r, in, args, out);
    return jj_refuse(r, WT_EUNSUPPORTED, "there is no filter '%.*s'", (int)name.len, name.data);
}
