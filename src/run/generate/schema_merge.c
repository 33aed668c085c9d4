/* schema_merge.c - references, and two schemas that must both hold. */
#include <stdlib.h>
#include "run/generate/schema.h"

/* --- references ----------------------------------------------------------------------------------------------------
 */
static int hex_of(const char *s)
{
    char text[3] = { s[0], s[0] ? s[1] : 0, 0 }, *end;
    const long v = strtol(text, &end, 16);
    return end == text + 2 ? (int)v : -1;
}

/* One part of a pointer, with %41, ~1 and ~0 decoded; answers where the next one begins. */
static const char *pointer_part(const char *at, char *out, size_t cap)
{
    size_t n = 0;
    while (*at && *at != '/') {
        char c = *at++;
        if (c == '%' && hex_of(at) > 0) {
            c = (char)hex_of(at);
            at += 2;
        }
        if (c == '~' && (*at == '0' || *at == '1'))
            c = *at++ == '0' ? '~' : '/';
        if (n + 1 < cap)
            out[n++] = c;
    }
    out[n] = 0;
    return *at ? at + 1 : at;
}

wt_status wt_schema_resolve(wt_schema *s, const char *ref, json_t **out)
{
    char part[256];
    *out = s->root;
    if (ref[0] != '#' || (ref[1] && ref[1] != '/'))
        return wt_schema_refuse(s, "the reference '%.80s' does not begin with #/: only those within are supported",
                                ref);
    for (const char *at = ref[1] ? ref + 2 : ref + 1; *at;) {
        at = pointer_part(at, part, sizeof part);
        *out = json_is_array(*out) ? json_array_get(*out, (size_t)strtoul(part, NULL, 10))
                                   : json_object_get(*out, part);
        if (!*out)
            return wt_schema_wrong(s, "the reference '%.80s' leads nowhere", ref);
    }
    return WT_OK;
}

/* What a schema says when it is a reference and nothing else counts. */
static wt_status unfold(wt_schema *s, json_t **schema)
{
    for (int i = 0; json_is_object(*schema); i++) {
        json_t *ref = json_object_get(*schema, "$ref");
        if (!ref)
            return WT_OK;
        const char *name;
        json_t *value;
        json_object_foreach(*schema, name,
                            value) if (strcmp(name, "$ref") != 0 &&
                                       !wt_schema_is_note(name)) return WT_OK; /* merged when its own rule is made */
        if (i == WT_SCHEMA_MAX_DEPTH || !json_is_string(ref))
            return wt_schema_wrong(s, "references lead in a circle");
        WT_TRY(wt_schema_resolve(s, json_string_value(ref), schema));
    }
    return WT_OK;
}

/* --- two at once ---------------------------------------------------------------------------------------------------
 */
static wt_status merge_properties(wt_schema *s, json_t *into, json_t *more)
{
    const char *name;
    json_t *value;
    json_object_foreach(more, name, value)
    {
        json_t *have = json_object_get(into, name);
        json_t *both = have ? json_pack("{s:[O,O]}", "allOf", have, value) : json_incref(value);
        if (json_object_set_new(into, name, both))
            return wt_fail(s->err, WT_ENOMEM, "out of memory");
    }
    return WT_OK;
}

static bool has(json_t *list, json_t *v)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_equal(json_array_get(list, i), v))
            return true;
    return false;
}

/* Lists: the union for `required`, what is in both for `enum`. */
static json_t *merge_lists(json_t *a, json_t *b, bool all)
{
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(a); i++)
        if (all || has(b, json_array_get(a, i)))
            json_array_append(out, json_array_get(a, i));
    for (size_t i = 0; all && i < json_array_size(b); i++)
        if (!has(a, json_array_get(b, i)))
            json_array_append(out, json_array_get(b, i));
    return out;
}

static json_t *merge_types(wt_schema *s, json_t *a, json_t *b)
{
    static const char *const names[] = { "null", "boolean", "integer", "number", "string", "array", "object" };
    unsigned x, y;
    json_t *out = json_array();
    if (wt_schema_types(s, a, &x) != WT_OK || wt_schema_types(s, b, &y) != WT_OK)
        return out;
    x |= x & WT_J_NUMBER ? (unsigned)WT_J_INTEGER : 0;
    y |= y & WT_J_NUMBER ? (unsigned)WT_J_INTEGER : 0;
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        if ((x & y) >> i & 1)
            json_array_append_new(out, json_string(names[i]));
    return out;
}

static bool is_any(const char *name, const char *const *of, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(name, of[i]))
            return true;
    return false;
}

static wt_status merge_keyword(wt_schema *s, json_t *out, json_t *b, const char *name, json_t *value)
{
    static const char *const lower[] = { "minimum", "exclusiveMinimum", "minLength", "minItems" }, *const upper[] = {
        "maximum", "exclusiveMaximum", "maxLength", "maxItems"
    };
    json_t *have = json_object_get(out, name), *both = NULL;
    if (!have || wt_schema_is_note(name) || json_equal(have, value))
        both = json_incref(have ? have : value);
    else if (!strcmp(name, "properties") && json_is_object(have) && json_is_object(value)) {
        both = json_copy(have);
        const wt_status st = merge_properties(s, both, value);
        if (st != WT_OK) {
            json_decref(both);
            return st;
        }
    } else if (!strcmp(name, "required") || !strcmp(name, "enum"))
        both = merge_lists(have, value, name[0] == 'r');
    else if (!strcmp(name, "type"))
        both = merge_types(s, out, b);
    else if (!strcmp(name, "allOf") && json_is_array(have) && json_is_array(value))
        both = merge_lists(have, value, true);
    else if (is_any(name, lower, WT_ARRAY_LEN(lower)))
        both = json_incref(json_number_value(have) > json_number_value(value) ? have : value);
    else if (is_any(name, upper, WT_ARRAY_LEN(upper)))
        both = json_incref(json_number_value(have) < json_number_value(value) ? have : value);
    else
        return wt_schema_refuse(s, "'%.60s' in two schemas that must both hold is not supported", name);
    return json_object_set_new(out, name, both) ? wt_fail(s->err, WT_ENOMEM, "out of memory") : WT_OK;
}

/* additionalProperties speaks of the members that its own schema does not name; a merged one names more. */
static wt_status check_closed(wt_schema *s, json_t *a, json_t *b)
{
    json_t *closed = json_object_get(a, "additionalProperties");
    if (!closed || json_is_true(closed))
        return WT_OK;
    if (json_object_get(b, "properties") || json_object_get(b, "additionalProperties"))
        return wt_schema_refuse(s, "'additionalProperties' beside another schema with members is not supported");
    return WT_OK;
}

wt_status wt_schema_merge(wt_schema *s, json_t *a, json_t *b, json_t **out)
{
    const char *name;
    json_t *value;
    WT_TRY(unfold(s, &a));
    WT_TRY(unfold(s, &b));
    if (json_is_false(a) || json_is_false(b))
        return wt_schema_wrong(s, "no value is allowed here");
    *out = json_is_true(a) ? b : a;
    if (json_is_true(a) || json_is_true(b))
        return WT_OK;
    if (!json_is_object(a) || !json_is_object(b))
        return wt_schema_wrong(s, "a schema is an object or true");
    WT_TRY(check_closed(s, a, b));
    WT_TRY(check_closed(s, b, a));
    json_t *both = json_copy(a);
    if (!both || json_array_append_new(s->owned, both))
        return wt_fail(s->err, WT_ENOMEM, "out of memory");
    json_object_foreach(b, name, value) WT_TRY(merge_keyword(s, both, b, name, value));
    if (json_is_array(json_object_get(both, "type")) && !json_array_size(json_object_get(both, "type")))
        return wt_schema_wrong(s, "no value is allowed here");
    *out = both;
    return WT_OK;
}

/* --- apart ---------------------------------------------------------------------------------------------------------
 */
static json_t *values_of(json_t *schema)
{
    json_t *only = json_object_get(schema, "const"), *list = json_object_get(schema, "enum");
    return only ? json_pack("[O]", only) : list ? json_incref(list) : NULL;
}

static bool share_value(json_t *x, json_t *y)
{
    for (size_t i = 0; i < json_array_size(x); i++) {
        json_t *v = json_array_get(x, i);
        for (size_t j = 0; j < json_array_size(y); j++) {
            json_t *w = json_array_get(y, j); /* 1 and 1.0 are one value */
            if (json_equal(v, w) || (json_is_number(v) && json_is_number(w)) || json_is_object(v) || json_is_array(v))
                return true;
        }
    }
    return false;
}

/* A member that both need, whose schemas are apart. */
static wt_status apart_by_member(wt_schema *s, json_t *a, json_t *b, int depth, bool *yes)
{
    const char *name;
    json_t *value, *others = json_object_get(b, "properties");
    json_object_foreach(json_object_get(a, "properties"), name, value)
    {
        json_t *other = json_object_get(others, name), *key = json_string(name);
        const bool needed = has(json_object_get(a, "required"), key) && has(json_object_get(b, "required"), key);
        json_decref(key);
        if (other && needed && !*yes)
            WT_TRY(wt_schema_disjoint(s, value, other, depth + 1, yes));
    }
    return WT_OK;
}

wt_status wt_schema_disjoint(wt_schema *s, json_t *a, json_t *b, int depth, bool *yes)
{
    unsigned x, y;
    *yes = false;
    if (depth > 8)
        return WT_OK;
    WT_TRY(unfold(s, &a));
    WT_TRY(unfold(s, &b));
    if (!json_is_object(a) || !json_is_object(b))
        return WT_OK;
    json_t *p = values_of(a), *q = values_of(b);
    *yes = p && q && !share_value(p, q);
    json_decref(p);
    json_decref(q);
    if (*yes)
        return WT_OK;
    /* Without `type` a schema lets values of every other type through, whatever its keywords say. */
    if (json_object_get(a, "type") && json_object_get(b, "type")) {
        WT_TRY(wt_schema_types(s, a, &x));
        WT_TRY(wt_schema_types(s, b, &y));
        x |= x & WT_J_NUMBER ? (unsigned)WT_J_INTEGER : 0;
        y |= y & WT_J_NUMBER ? (unsigned)WT_J_INTEGER : 0;
        *yes = !(x & y);
        if (*yes || x != WT_J_OBJECT || y != WT_J_OBJECT)
            return WT_OK;
        return apart_by_member(s, a, b, depth, yes);
    }
    return WT_OK;
}
