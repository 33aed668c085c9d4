/* schema_object.c - objects, arrays and given values of a JSON schema as grammar rules. */
#include <stdlib.h>
#include "run/generate/schema.h"

/* --- values that are given -----------------------------------------------------------------------------------------
 */
void wt_schema_literal(wt_buf *out, const char *text, size_t len)
{
    wt_buf_puts(out, "\"");
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            wt_buf_printf(out, "\\%c", c);
        else if (c < 0x20)
            wt_buf_printf(out, "\\x%02X", c);
        else
            wt_buf_add(out, text + i, 1);
    }
    wt_buf_puts(out, "\"");
}

wt_status wt_schema_value(wt_schema *s, json_t *value, wt_buf *out)
{
    const char *name;
    json_t *item;
    bool first = true;
    if (json_is_object(value)) {
        wt_buf_puts(out, "\"{\" ws");
        json_object_foreach(value, name, item)
        {
            json_t *key = json_string(name);
            wt_buf_puts(out, first ? " " : " \",\" ws ");
            first = false;
            const wt_status st = key ? wt_schema_value(s, key, out) : wt_fail(s->err, WT_ENOMEM, "out of memory");
            json_decref(key);
            WT_TRY(st);
            wt_buf_puts(out, " \":\" ws ");
            WT_TRY(wt_schema_value(s, item, out));
            wt_buf_puts(out, " ws");
        }
        wt_buf_puts(out, " \"}\"");
        return WT_OK;
    }
    if (json_is_array(value)) {
        wt_buf_puts(out, "\"[\" ws");
        for (size_t i = 0; i < json_array_size(value); i++) {
            wt_buf_puts(out, i ? " \",\" ws " : " ");
            WT_TRY(wt_schema_value(s, json_array_get(value, i), out));
            wt_buf_puts(out, " ws");
        }
        wt_buf_puts(out, " \"]\"");
        return WT_OK;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    if (!text)
        return wt_fail(s->err, WT_ENOMEM, "out of memory");
    wt_schema_literal(out, text, strlen(text));
    free(text);
    return WT_OK;
}

/* --- names that are not taken --------------------------------------------------------------------------------------
 */
typedef struct names {
    const char **all; /* sorted */
    size_t n;
} names;

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static size_t char_len(const char *s)
{
    size_t n = 1;
    while (((unsigned char)s[n] & 0xC0) == 0x80)
        n++;
    return n;
}

static void class_char(wt_buf *out, const char *c)
{
    if (strchr("]^-\\[", *c))
        wt_buf_puts(out, "\\");
    wt_buf_add(out, c, char_len(c));
}

/* What follows `depth` bytes that lo..hi share so that none of them comes out. Written without escapes, which is one
 * way to write each name. */
static wt_status other_names(wt_schema *s, const names *t, size_t lo, size_t hi, size_t depth, wt_buf *out)
{
    enum { LONGEST = 100 };
    if (depth > LONGEST)
        return wt_schema_refuse(s, "a name of more than %d bytes beside 'additionalProperties' is not supported",
                                LONGEST);
    const bool taken = lo < hi && !t->all[lo][depth]; /* a name ends here: the text must go on */
    if (taken)
        lo++;
    wt_buf_puts(out, "([^\"\\\\\\x00-\\x1F");
    for (size_t i = lo; i < hi; i++)
        if (i == lo || strncmp(t->all[i] + depth, t->all[i - 1] + depth, char_len(t->all[i] + depth)) != 0)
            class_char(out, t->all[i] + depth);
    wt_buf_puts(out, "] [^\"\\\\\\x00-\\x1F]*");
    for (size_t i = lo, end; i < hi; i = end) {
        const size_t n = char_len(t->all[i] + depth);
        for (end = i + 1; end < hi && !strncmp(t->all[end] + depth, t->all[i] + depth, n);)
            end++;
        if ((unsigned char)t->all[i][depth] < 0x20 || strchr("\"\\", t->all[i][depth]))
            continue; /* cannot be written without escapes */
        wt_buf_puts(out, " | ");
        wt_schema_literal(out, t->all[i] + depth, n);
        wt_buf_puts(out, " ");
        WT_TRY(other_names(s, t, i, end, depth + n, out));
    }
    wt_buf_puts(out, taken ? ")" : ")?");
    return WT_OK;
}

/* --- objects -------------------------------------------------------------------------------------------------------
 */
static bool is_required(json_t *required, const char *name)
{
    for (size_t i = 0; i < json_array_size(required); i++)
        if (!strcmp(json_string_value(json_array_get(required, i)), name))
            return true;
    return false;
}

static wt_status check_object(wt_schema *s, json_t *schema)
{
    json_t *properties = json_object_get(schema, "properties"), *required = json_object_get(schema, "required");
    if (properties && !json_is_object(properties))
        return wt_schema_wrong(s, "'properties' is not an object");
    if (required && !json_is_array(required))
        return wt_schema_wrong(s, "'required' is not a list");
    for (size_t i = 0; i < json_array_size(required); i++)
        if (!json_is_string(json_array_get(required, i)))
            return wt_schema_wrong(s, "'required' is not a list of names");
    return WT_OK;
}

/* Rule sN-other: a member whose name is none of the schema's. */
static wt_status other_member(wt_schema *s, json_t *properties, json_t *more, size_t rule)
{
    size_t value;
    const char *name;
    json_t *item;
    WT_TRY(wt_schema_rule(s, more, "/", "additionalProperties", &value));
    names t = { wt_alloc(s->ctx, json_object_size(properties), sizeof(char *), s->err), 0 };
    wt_buf text;
    if (!t.all)
        return WT_ENOMEM;
    json_object_foreach(properties, name, item) t.all[t.n++] = name;
    qsort(t.all, t.n, sizeof *t.all, by_text);
    wt_buf_init(&text, s->ctx);
    wt_status st = other_names(s, &t, 0, t.n, 0, &text);
    if (st == WT_OK)
        st = wt_buf_status(&text, s->err);
    if (st == WT_OK)
        wt_buf_printf(s->out, "s%zu-other ::= \"\\\"\" ", rule);
    if (st == WT_OK) {
        wt_buf_add(s->out, text.data, text.len);
        wt_buf_printf(s->out, " \"\\\":\" ws s%zu ws\n", value);
    }
    wt_buf_free(&text);
    wt_free(s->ctx, t.all);
    return st;
}

/* The members in order. sN-fI: from the I-th on, none is written yet; sN-rI: some are, so commas come first. */
static wt_status members(wt_schema *s, json_t *all, json_t *required, size_t rule)
{
    const char *name;
    json_t *value;
    size_t i = 0;
    json_object_foreach(all, name, value)
    {
        size_t kid;
        const bool needed = is_required(required, name);
        WT_TRY(wt_schema_rule(s, value, "/properties/", name, &kid));
        json_t *key = json_string(name);
        wt_buf_printf(s->out, "s%zu-m%zu ::= ", rule, i);
        const wt_status st = key ? wt_schema_value(s, key, s->out) : wt_fail(s->err, WT_ENOMEM, "out of memory");
        json_decref(key);
        WT_TRY(st);
        wt_buf_printf(s->out, " \":\" ws s%zu ws\n", kid);
        wt_buf_printf(s->out, "s%zu-f%zu ::= s%zu-m%zu s%zu-r%zu", rule, i, rule, i, rule, i + 1);
        if (!needed)
            wt_buf_printf(s->out, " | s%zu-f%zu", rule, i + 1);
        wt_buf_printf(s->out, "\ns%zu-r%zu ::= (\",\" ws s%zu-m%zu)%s s%zu-r%zu\n", rule, i, rule, i, needed ? "" : "?",
                      rule, i + 1);
        i++;
    }
    return WT_OK;
}

wt_status wt_schema_object(wt_schema *s, json_t *schema, size_t rule, wt_buf *out)
{
    json_t *properties = json_object_get(schema, "properties"), *required = json_object_get(schema, "required"),
           *more = json_object_get(schema, "additionalProperties"), *all;
    WT_TRY(check_object(s, schema));
    if (!properties && !json_array_size(required) && (!more || json_is_true(more))) {
        wt_buf_puts(out, "object");
        return WT_OK;
    }
    all = properties ? json_copy(properties) : json_object();
    if (!all || json_array_append_new(s->owned, all))
        return wt_fail(s->err, WT_ENOMEM, "out of memory");
    for (size_t i = 0; i < json_array_size(required); i++) { /* needed, and not described: what others may be */
        const char *name = json_string_value(json_array_get(required, i));
        if (json_object_get(all, name))
            continue;
        if (json_is_false(more))
            return wt_schema_wrong(s, "the member '%.60s' is required, and not allowed", name);
        if (json_object_set_new(all, name, more ? json_incref(more) : json_true()))
            return wt_fail(s->err, WT_ENOMEM, "out of memory");
    }
    const size_t n = json_object_size(all);
    const bool open = more && !json_is_false(more);
    WT_TRY(members(s, all, required, rule));
    if (open)
        WT_TRY(other_member(s, all, more, rule));
    if (open)
        wt_buf_printf(s->out, "s%zu-f%zu ::= (s%zu-other s%zu-r%zu)?\ns%zu-r%zu ::= (\",\" ws s%zu-other)*\n", rule, n,
                      rule, rule, n, rule, n, rule);
    else
        wt_buf_printf(s->out, "s%zu-f%zu ::= \"\"\ns%zu-r%zu ::= \"\"\n", rule, n, rule, n);
    wt_buf_printf(out, "\"{\" ws s%zu-f0 \"}\"", rule);
    return wt_buf_status(s->out, s->err);
}

/* --- arrays --------------------------------------------------------------------------------------------------------
 */
static wt_status bound(wt_schema *s, json_t *schema, const char *name, json_int_t none, json_int_t *out)
{
    json_t *v = json_object_get(schema, name);
    *out = v ? json_is_integer(v) ? json_integer_value(v) : -1 : none;
    return v && *out < 0 ? wt_schema_wrong(s, "'%s' is not a count", name) : WT_OK;
}

static void counted(wt_buf *out, const char *what, json_int_t least, json_int_t most)
{
    if (most < 0)
        wt_buf_printf(out, " (%s){%lld,}", what, (long long)least);
    else if (most > 0)
        wt_buf_printf(out, " (%s){%lld,%lld}", what, (long long)least, (long long)most);
}

/* What stands between [ and ]: the given first ones, then `rest` (a rule; NULL: none). */
static wt_status elements(wt_schema *s, json_t *prefix, const char *rest, json_int_t min, json_int_t max, wt_buf *out)
{
    const size_t n = json_array_size(prefix);
    char next[64], number[24];
    size_t open = 0;
    for (size_t i = 0; i < n && (max < 0 || (json_int_t)i < max); i++) {
        size_t rule;
        snprintf(number, sizeof number, "%zu", i);
        WT_TRY(wt_schema_rule(s, json_array_get(prefix, i), "/prefixItems/", number, &rule));
        wt_buf_printf(out, " (%ss%zu ws", i ? "\",\" ws " : "", rule);
        open++;
    }
    if (rest && n) {
        snprintf(next, sizeof next, "\",\" ws %s ws", rest);
        const json_int_t k = (json_int_t)n;
        counted(out, next, min > k ? min - k : 0, max < 0 ? -1 : max > k ? max - k : 0);
    } else if (rest && max != 0) {
        snprintf(next, sizeof next, "\",\" ws %s ws", rest);
        wt_buf_printf(out, " (%s ws", rest);
        counted(out, next, min > 1 ? min - 1 : 0, max < 0 ? -1 : max - 1);
        wt_buf_puts(out, min > 0 ? ")" : ")?");
    } else if (min > (json_int_t)open)
        return wt_schema_wrong(s, "more elements are wanted than there may be");
    while (open--)
        wt_buf_puts(out, (json_int_t)open < min ? ")" : ")?");
    return WT_OK;
}

wt_status wt_schema_array(wt_schema *s, json_t *schema, wt_buf *out)
{
    json_t *items = json_object_get(schema, "items"), *prefix = json_object_get(schema, "prefixItems");
    json_int_t min, max;
    char rest[24] = "value";
    WT_TRY(bound(s, schema, "minItems", 0, &min));
    WT_TRY(bound(s, schema, "maxItems", -1, &max));
    if (max >= 0 && max < min)
        return wt_schema_wrong(s, "'maxItems' is less than 'minItems'");
    if (json_is_array(items) && !prefix) { /* as older drafts have it */
        prefix = items;
        items = json_object_get(schema, "additionalItems");
    }
    if (prefix && !json_is_array(prefix))
        return wt_schema_wrong(s, "'prefixItems' is not a list of schemas");
    const bool none = json_is_false(items) || (prefix && !items); /* what is not described is left out */
    if (items && !none) {
        size_t rule;
        WT_TRY(wt_schema_rule(s, items, "/", "items", &rule));
        snprintf(rest, sizeof rest, "s%zu", rule);
    }
    wt_buf_puts(out, "\"[\" ws");
    WT_TRY(elements(s, prefix, none ? NULL : rest, min, max, out));
    wt_buf_puts(out, " \"]\"");
    return WT_OK;
}
