/* schema.c - a JSON schema as a grammar: which rules there are, and what each type becomes. */
#include <stdarg.h>
#include <stdio.h>
#include "base/json.h"
#include "run/generate/schema.h"

static const char prelude[] =
    "ws ::= (\" \" | \"\\n\" [ \\t]{0,40})?\n"
    "hex ::= [0-9a-fA-F]\n"
    "escaped ::= \"\\\\\" ([\"\\\\/bfnrt] | \"u\" ([0-9a-cA-Ce-fE-F] hex{3} | [dD] ([0-7] hex{2} | [89abAB] hex{2} "
    "\"\\\\u\" [dD] [c-fC-F] hex{2})))\n"
    "char ::= [^\"\\\\\\x00-\\x1F] | escaped\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "integer ::= \"-\"? (\"0\" | [1-9] [0-9]{0,15})\n"
    "number ::= integer (\".\" [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?\n"
    "member ::= string \":\" ws value ws\n"
    "object ::= \"{\" ws (member (\",\" ws member)*)? \"}\"\n"
    "array ::= \"[\" ws (value ws (\",\" ws value ws)*)? \"]\"\n"
    "value ::= object | array | string | number | \"true\" | \"false\" | \"null\"\n";

static wt_status fail_at_path(wt_schema *s, wt_status code, const char *fmt, va_list args)
{
    char text[300];
    vsnprintf(text, sizeof text, fmt, args);
    wt_fail(s->err, code, "%s", text);
    wt_err_where(s->err, "%s, %s", s->name, s->path);
    return code;
}

wt_status wt_schema_refuse(wt_schema *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const wt_status st = fail_at_path(s, WT_EUNSUPPORTED, fmt, args);
    va_end(args);
    wt_err_hint(s->err, "leave it out of the schema and check the answer, or write a grammar (--grammar)");
    return st;
}

wt_status wt_schema_wrong(wt_schema *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const wt_status st = fail_at_path(s, WT_EFORMAT, fmt, args);
    va_end(args);
    return st;
}

/* --- which keywords there are --------------------------------------------------------------------------------------
 */
static const char *const notes[] = { "title",      "description", "default",  "examples",    "$schema",
                                     "$id",        "$comment",    "$anchor",  "definitions", "$defs",
                                     "deprecated", "readOnly",    "writeOnly" };
static const struct {
    const char *name;
    unsigned types; /* of values that it speaks of; 0: all */
} keywords[] = { { "type", 0 },
                 { "enum", 0 },
                 { "const", 0 },
                 { "$ref", 0 },
                 { "anyOf", 0 },
                 { "oneOf", 0 },
                 { "allOf", 0 },
                 { "properties", WT_J_OBJECT },
                 { "required", WT_J_OBJECT },
                 { "additionalProperties", WT_J_OBJECT },
                 { "items", WT_J_ARRAY },
                 { "prefixItems", WT_J_ARRAY },
                 { "additionalItems", WT_J_ARRAY },
                 { "minItems", WT_J_ARRAY },
                 { "maxItems", WT_J_ARRAY },
                 { "minLength", WT_J_STRING },
                 { "maxLength", WT_J_STRING },
                 { "pattern", WT_J_STRING },
                 { "minimum", WT_J_NUMBER | WT_J_INTEGER },
                 { "maximum", WT_J_NUMBER | WT_J_INTEGER },
                 { "exclusiveMinimum", WT_J_NUMBER | WT_J_INTEGER },
                 { "exclusiveMaximum", WT_J_NUMBER | WT_J_INTEGER } };

bool wt_schema_is_note(const char *keyword)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(notes); i++)
        if (!strcmp(notes[i], keyword))
            return true;
    return false;
}

static int find_keyword(const char *name)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(keywords); i++)
        if (!strcmp(keywords[i].name, name))
            return (int)i;
    return -1;
}

static wt_status check_keywords(wt_schema *s, json_t *schema)
{
    const char *name;
    json_t *value;
    json_object_foreach(schema, name, value)
    {
        if (find_keyword(name) >= 0 || wt_schema_is_note(name))
            continue;
        if (!strcmp(name, "format") && json_is_string(value))
            return wt_schema_refuse(s, "the format '%.60s' is not supported", json_string_value(value));
        if (!strcmp(name, "uniqueItems") && !json_is_true(value))
            continue;
        return wt_schema_refuse(s, "the keyword '%.60s' is not supported", name);
    }
    return WT_OK;
}

/* --- types ---------------------------------------------------------------------------------------------------------
 */
static unsigned type_named(const char *name)
{
    static const struct {
        const char *name;
        unsigned bits;
    } known[] = { { "null", WT_J_NULL },     { "boolean", WT_J_BOOL },  { "integer", WT_J_INTEGER },
                  { "number", WT_J_NUMBER }, { "string", WT_J_STRING }, { "array", WT_J_ARRAY },
                  { "object", WT_J_OBJECT } };
    for (size_t i = 0; name && i < WT_ARRAY_LEN(known); i++)
        if (!strcmp(known[i].name, name))
            return known[i].bits;
    return 0;
}

wt_status wt_schema_types(wt_schema *s, json_t *schema, unsigned *types)
{
    json_t *type = json_object_get(schema, "type"), *value;
    const char *name;
    const size_t n = json_is_array(type) ? json_array_size(type) : 1;
    *types = 0;
    if (!type) {
        json_object_foreach(schema, name, value)
        {
            const int k = find_keyword(name);
            *types |= k >= 0 ? keywords[k].types : 0;
        }
        *types = *types ? *types : (unsigned)WT_J_ANY;
        return WT_OK;
    }
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_is_array(type) ? json_array_get(type, i) : type;
        const unsigned bits = type_named(json_string_value(one));
        if (!bits)
            return wt_schema_wrong(s, "'type' is none of null, boolean, integer, number, string, array, object");
        *types |= bits;
    }
    return n ? WT_OK : wt_schema_wrong(s, "'type' is an empty list");
}

static unsigned type_of(json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return WT_J_OBJECT;
    case JSON_ARRAY: return WT_J_ARRAY;
    case JSON_STRING: return WT_J_STRING;
    case JSON_INTEGER: return WT_J_INTEGER | WT_J_NUMBER;
    case JSON_REAL: return WT_J_NUMBER;
    case JSON_NULL: return WT_J_NULL;
    default: return WT_J_BOOL;
    }
}

/* --- what a schema becomes -----------------------------------------------------------------------------------------
 */
static wt_status fixed_values(wt_schema *s, json_t *schema, json_t *values, unsigned types, wt_buf *out)
{
    size_t n = 0;
    const char *name;
    json_t *value, *only = json_object_get(schema, "const");
    json_object_foreach(
        schema, name,
        value) if (find_keyword(name) >= 0 &&
                   keywords[find_keyword(name)]
                       .types) return wt_schema_refuse(s, "'%.60s' together with 'enum' or 'const' is not supported",
                                                       name);
    for (size_t i = 0; i < json_array_size(values); i++) {
        json_t *v = json_array_get(values, i);
        if (!(type_of(v) & types) || (only && !json_equal(v, only)))
            continue;
        wt_buf_puts(out, n++ ? " | " : "");
        WT_TRY(wt_schema_value(s, v, out));
    }
    return n ? WT_OK : wt_schema_wrong(s, "no value is allowed here");
}

static bool whole(json_t *v, json_int_t *out)
{
    *out = json_is_integer(v) ? json_integer_value(v) : -1;
    return *out >= 0;
}

static wt_status string_body(wt_schema *s, json_t *schema, wt_buf *out)
{
    json_t *pattern = json_object_get(schema, "pattern"), *min = json_object_get(schema, "minLength"),
           *max = json_object_get(schema, "maxLength");
    json_int_t low = 0, high = 0;
    if ((min && !whole(min, &low)) || (max && !whole(max, &high)) || (max && high < low))
        return wt_schema_wrong(s, "'minLength' and 'maxLength' are no range of lengths");
    if (pattern && (min || max))
        return wt_schema_refuse(s, "'pattern' together with a length is not supported");
    if (pattern && !json_is_string(pattern))
        return wt_schema_wrong(s, "'pattern' is not a text");
    wt_buf_puts(out, "\"\\\"\" ");
    if (pattern)
        WT_TRY(wt_schema_pattern(s, json_string_value(pattern), out));
    else if (max)
        wt_buf_printf(out, "char{%lld,%lld}", (long long)low, (long long)high);
    else if (min)
        wt_buf_printf(out, "char{%lld,}", (long long)low);
    else
        wt_buf_puts(out, "char*");
    wt_buf_puts(out, " \"\\\"\"");
    return WT_OK;
}

static wt_status type_bodies(wt_schema *s, json_t *schema, unsigned types, size_t rule, wt_buf *out)
{
    bool first = true;
    for (unsigned bit = WT_J_NULL; bit <= WT_J_OBJECT; bit <<= 1) {
        if (!(types & bit) || (bit == WT_J_INTEGER && (types & WT_J_NUMBER)))
            continue;
        wt_buf_puts(out, first ? "" : " | ");
        first = false;
        switch (bit) {
        case WT_J_NULL: wt_buf_puts(out, "\"null\""); break;
        case WT_J_BOOL: wt_buf_puts(out, "\"true\" | \"false\""); break;
        case WT_J_INTEGER: WT_TRY(wt_schema_number(s, schema, true, out)); break;
        case WT_J_NUMBER: WT_TRY(wt_schema_number(s, schema, false, out)); break;
        case WT_J_STRING: WT_TRY(string_body(s, schema, out)); break;
        case WT_J_ARRAY: WT_TRY(wt_schema_array(s, schema, out)); break;
        default: WT_TRY(wt_schema_object(s, schema, rule, out));
        }
    }
    return WT_OK;
}

static bool says_more(json_t *schema, const char *than)
{
    const char *name;
    json_t *value;
    json_object_foreach(schema, name, value) if (strcmp(name, than) != 0 && !wt_schema_is_note(name)) return true;
    return false;
}

/* The schema without one keyword, kept alive by s->owned. */
static wt_status without(wt_schema *s, json_t *schema, const char *keyword, json_t **out)
{
    *out = json_copy(schema);
    if (!*out || json_object_del(*out, keyword) || json_array_append_new(s->owned, *out))
        return wt_fail(s->err, WT_ENOMEM, "out of memory");
    return WT_OK;
}

static wt_status check_apart(wt_schema *s, json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        for (size_t j = 0; j < i; j++) {
            bool yes;
            WT_TRY(wt_schema_disjoint(s, json_array_get(list, j), json_array_get(list, i), 0, &yes));
            if (!yes)
                return wt_schema_refuse(
                    s, "'oneOf' whose cases %zu and %zu might both hold is not supported (anyOf is)", j + 1, i + 1);
        }
    return WT_OK;
}

static wt_status cases(wt_schema *s, json_t *schema, const char *keyword, wt_buf *out)
{
    json_t *list = json_object_get(schema, keyword), *rest = NULL;
    char at[16];
    if (!json_is_array(list) || !json_array_size(list))
        return wt_schema_wrong(s, "'%s' is not a list of schemas", keyword);
    if (!strcmp(keyword, "oneOf"))
        WT_TRY(check_apart(s, list));
    if (says_more(schema, keyword))
        WT_TRY(without(s, schema, keyword, &rest));
    snprintf(at, sizeof at, "/%s/", keyword);
    for (size_t i = 0; i < json_array_size(list); i++) {
        char number[24];
        size_t rule;
        json_t *one = json_array_get(list, i);
        if (rest)
            WT_TRY(wt_schema_merge(s, one, rest, &one));
        snprintf(number, sizeof number, "%zu", i);
        WT_TRY(wt_schema_rule(s, one, at, number, &rule));
        wt_buf_printf(out, "%ss%zu", i ? " | " : "", rule);
    }
    return WT_OK;
}

/* allOf, and what stands beside a $ref: one schema that says all of it. */
static wt_status together(wt_schema *s, json_t *schema, const char *keyword, json_t **out)
{
    json_t *list = json_object_get(schema, keyword);
    WT_TRY(without(s, schema, keyword, out));
    if (!strcmp(keyword, "$ref")) {
        json_t *target;
        if (!json_is_string(list))
            return wt_schema_wrong(s, "'$ref' is not a text");
        WT_TRY(wt_schema_resolve(s, json_string_value(list), &target));
        if (says_more(*out, "$ref"))
            return wt_schema_merge(s, *out, target, out);
        *out = target;
        return WT_OK;
    }
    if (!json_is_array(list) || !json_array_size(list))
        return wt_schema_wrong(s, "'allOf' is not a list of schemas");
    for (size_t i = 0; i < json_array_size(list); i++)
        WT_TRY(wt_schema_merge(s, *out, json_array_get(list, i), out));
    return WT_OK;
}

static wt_status body(wt_schema *s, json_t *schema, size_t rule, wt_buf *out)
{
    unsigned types;
    if (json_is_true(schema) || (json_is_object(schema) && !says_more(schema, ""))) {
        wt_buf_puts(out, "value");
        return WT_OK;
    }
    if (!json_is_object(schema))
        return wt_schema_wrong(s, json_is_false(schema) ? "no value is allowed here" : "a schema is an object or true");
    WT_TRY(check_keywords(s, schema));
    const char *const joins[] = { "$ref", "allOf" }, *const choices[] = { "anyOf", "oneOf" };
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(schema, joins[i])) {
            json_t *one;
            size_t other;
            WT_TRY(together(s, schema, joins[i], &one));
            WT_TRY(wt_schema_rule(s, one, "/", joins[i], &other));
            wt_buf_printf(out, "s%zu", other);
            return WT_OK;
        }
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(schema, choices[i]))
            return cases(s, schema, choices[i], out);
    WT_TRY(wt_schema_types(s, schema, &types));
    json_t *values = json_object_get(schema, "enum"), *only = json_object_get(schema, "const");
    if (values && !json_is_array(values))
        return wt_schema_wrong(s, "'enum' is not a list");
    if (!values && !only)
        return type_bodies(s, schema, types, rule, out);
    json_t *list = values ? json_incref(values) : json_pack("[O]", only);
    const wt_status st = list ? fixed_values(s, schema, list, types, out) : WT_ENOMEM;
    json_decref(list);
    return st;
}

static wt_status emit(wt_schema *s, json_t *schema, size_t rule)
{
    wt_buf text;
    wt_buf_init(&text, s->ctx);
    wt_status st = body(s, schema, rule, &text);
    if (st == WT_OK)
        st = wt_buf_status(&text, s->err);
    if (st == WT_OK)
        wt_buf_printf(s->out, "s%zu ::= ", rule);
    if (st == WT_OK) {
        wt_buf_add(s->out, text.data, text.len);
        wt_buf_puts(s->out, "\n");
        st = wt_buf_status(s->out, s->err);
    }
    wt_buf_free(&text);
    return st;
}

wt_status wt_schema_rule(wt_schema *s, json_t *schema, const char *at, const char *member, size_t *rule)
{
    const size_t len = strlen(s->path);
    for (size_t i = 0; i < s->n_made; i++)
        if (s->made[i] == schema || json_equal(s->made[i], schema)) {
            *rule = i;
            return WT_OK;
        }
    if (++s->depth > WT_SCHEMA_MAX_DEPTH)
        return wt_fail(s->err, WT_ELIMIT, "the JSON schema is nested more than %d deep", WT_SCHEMA_MAX_DEPTH);
    WT_TRY(wt_grow(s->ctx, (void **)&s->made, &s->cap_made, s->n_made + 1, sizeof(json_t *), s->err));
    *rule = s->n_made;
    s->made[s->n_made++] = schema;
    snprintf(s->path + len, sizeof s->path - len, "%s%s", at, member);
    WT_TRY(emit(s, schema, *rule));
    s->path[len] = 0;
    s->depth--;
    return WT_OK;
}

wt_status wt_schema_to_grammar(wt_buf *out, const char *schema, const char *name, wt_err *err)
{
    wt_schema s = { .out = out, .ctx = out->ctx, .name = name, .path = "#", .err = err };
    size_t rule;
    WT_TRY(wt_json_parse(&s.root, schema, strlen(schema), name, err));
    s.owned = json_array();
    wt_buf_puts(out, prelude);
    wt_status st = s.owned ? wt_schema_rule(&s, s.root, "", "", &rule) : wt_fail(err, WT_ENOMEM, "out of memory");
    if (st == WT_OK) {
        wt_buf_printf(out, "root ::= s%zu\n", rule);
        st = wt_buf_status(out, err);
    }
    wt_free(s.ctx, s.made);
    json_decref(s.owned);
    json_decref(s.root);
    return st;
}
