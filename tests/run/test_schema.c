/* test_schema.c - JSON schemas as grammars: documents that are valid and not, by hand; numbers and patterns against
 * arithmetic and the regular expressions of the C library. */
#include <jansson.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include "run/generate/grammar.h"
#include "support/test.h"

static wt_status compile(wt_context *ctx, const char *schema, wt_grammar **g, wt_err *err)
{
    wt_buf text;
    wt_buf_init(&text, ctx);
    wt_status st = wt_schema_to_grammar(&text, schema, "test", err);
    *g = NULL;
    if (st == WT_OK)
        st = wt_grammar_parse(g, ctx, text.data, "made", err);
    wt_buf_free(&text);
    return st;
}

static bool allows(wt_context *ctx, const wt_grammar *g, const char *text)
{
    wt_matcher *m;
    wt_err err;
    uint32_t set;
    wt_test_ok(wt_matcher_open(&m, ctx, g, &err), &err);
    wt_test_ok(wt_matcher_walk(m, wt_matcher_now(m), text, strlen(text), &set, &err), &err);
    const bool yes = set != WT_MATCH_DEAD && wt_matcher_ends(m, set);
    wt_matcher_close(m);
    return yes;
}

static const struct {
    const char *schema;
    const char *valid[8], *invalid[10];
} cases[] = {
    { "{}",
      { "1", "{\"a\": [1, {}]}", "null", "\"x\"" },
      { "", "{", "tru", "[1,]", "01", "\"\n\"", "{a:1}", "1.", "\"\\x\"" } },
    { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"string\"},\"c\":{}},"
      "\"required\":[\"b\"]}",
      { "{\"b\":\"\"}", "{\"a\": 1, \"b\": \"x\"}", "{\"b\":\"x\",\"c\":[]}",
        "{\n  \"a\": -3,\n  \"b\": \"x\",\n  \"c\": null\n}" },
      { "{}", "{\"a\":1}", "{\"a\":\"1\",\"b\":\"\"}", "{\"b\":\"\",}", "{,\"b\":\"\"}", "{\"b\":\"\",\"d\":1}", "[]",
        "{\"a\":1.5,\"b\":\"\"}" } },
    { "{\"type\":\"object\",\"properties\":{\"ab\":{\"type\":\"null\"},\"ac\":{\"type\":\"null\"}},"
      "\"additionalProperties\":{\"type\":\"boolean\"}}",
      { "{}", "{\"ab\":null}", "{\"x\":true}", "{\"ab\":null,\"a\":false,\"abc\":true}", "{\"\":true}",
        "{\"b\":true}" },
      { "{\"ab\":true}", "{\"ac\":false}", "{\"x\":null}", "{\"ab\":null,\"ac\":true}" } },
    { "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"},\"required\":[\"n\"]}",
      { "{\"n\":1}", "{\"n\":1,\"m\":2}" },
      { "{}", "{\"m\":1}", "{\"n\":\"\"}" } },
    { "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}", { "{}", "{ }" }, { "{\"a\":1}" } },
    { "{\"enum\":[\"a\\\"b\",1,null,[1,2],{\"k\":true}]}",
      { "\"a\\\"b\"", "1", "null", "[1, 2]", "{\"k\": true}" },
      { "\"a\"", "2", "[1]", "{}", "true" } },
    { "{\"type\":\"string\",\"enum\":[\"x\",3]}", { "\"x\"" }, { "3", "\"y\"" } },
    { "{\"const\":{\"a\":[]}}", { "{\"a\":[]}", "{ \"a\": [ ] }" }, { "{}", "{\"a\":[1]}" } },
    { "{\"anyOf\":[{\"type\":\"string\",\"maxLength\":1},{\"type\":\"integer\"}]}",
      { "\"\"", "\"\xc3\xa9\"", "12" },
      { "\"ab\"", "1.5", "null" } },
    { "{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"array\"}]}", { "\"\"", "[1]" }, { "{}", "3" } },
    { "{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"k\":{\"const\":\"a\"},\"v\":{\"type\":\"integer\"}},"
      "\"required\":[\"k\",\"v\"]},"
      "{\"type\":\"object\",\"properties\":{\"k\":{\"const\":\"b\"}},\"required\":[\"k\"]}]}",
      { "{\"k\":\"a\",\"v\":1}", "{\"k\":\"b\"}" },
      { "{\"k\":\"a\"}", "{\"k\":\"b\",\"v\":1}" } },
    { "{\"allOf\":[{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":3}},\"required\":["
      "\"a\"]},"
      "{\"properties\":{\"a\":{\"maximum\":5},\"b\":{\"type\":\"null\"}},\"required\":[\"b\"]}]}",
      { "{\"a\":3,\"b\":null}", "{\"a\":5,\"b\":null}" },
      { "{\"a\":2,\"b\":null}", "{\"a\":6,\"b\":null}", "{\"a\":4}", "{\"b\":null}" } },
    { "{\"type\":\"object\",\"properties\":{\"next\":{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}},\"required\":["
      "\"next\"]}",
      { "{\"next\":null}", "{\"next\":{\"next\":null}}" },
      { "{}", "{\"next\":{}}" } },
    { "{\"$ref\":\"#/$defs/a~1b\",\"$defs\":{\"a/b\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/"
      "n\"}},\"n\":{\"type\":\"boolean\"}}}",
      { "[]", "[true,false]" },
      { "[1]", "true" } },
    { "{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":3}",
      { "[1]", "[1, 2]", "[1,2,3]" },
      { "[]", "[1,2,3,4]", "[\"1\"]", "[1 2]" } },
    { "{\"type\":\"array\",\"maxItems\":0}", { "[]" }, { "[1]" } },
    { "{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"items\":{\"type\":\"null\"}"
      ",\"minItems\":1,\"maxItems\":4}",
      { "[1]", "[1,\"a\"]", "[1,\"a\",null]", "[1,\"a\",null,null]" },
      { "[]", "[\"a\"]", "[1,null]", "[1,\"a\",null,null,null]", "[1,]" } },
    { "{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"}],\"items\":false}", { "[]", "[1]" }, { "[1,2]" } },
    { "{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}",
      { "\"ab\"", "\"a\\n\"", "\"\xf0\x9f\x8e\x89\\u00e9z\"", "\"\\ud83c\\udf89x\"" },
      { "\"a\"", "\"abcd\"", "\"\\ud83c\"", "\"\\n\"", "\"\\udf89x\"" } },
    { "{\"type\":\"string\",\"pattern\":\"^[a-c]\\\\d{2,3}$\"}",
      { "\"a12\"", "\"c123\"" },
      { "\"a1\"", "\"d12\"", "\"a1234\"", "a12" } },
    { "{\"type\":\"string\",\"pattern\":\"b+\"}", { "\"b\"", "\"abbc\"", "\"xxb\\n\"" }, { "\"\"", "\"ac\"" } },
    { "{\"type\":\"string\",\"pattern\":\"^(\\\\w+|\\\"q\\\")\\n$\"}",
      { "\"ab_1\\n\"", "\"\\\"q\\\"\\n\"" },
      { "\"ab\"", "\"-\\n\"", "\"\"q\"\\n\"" } },
    { "{\"type\":\"string\",\"pattern\":\"^[^a]$\"}",
      { "\"b\"", "\"\\\"\"", "\"\\\\\"", "\"\xc3\xa9\"" },
      { "\"a\"", "\"\"\"", "\"\"" } },
    { "{\"type\":[\"integer\",\"null\"]}", { "5", "null" }, { "\"5\"", "5.0x" } },
    { "{\"type\":\"number\",\"minimum\":0}", { "0", "3.25", "12" }, { "-1", "-0.5" } },
    { "{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":1}",
      { "0.5", "1", "1.0", "0.001" },
      { "0", "0.0", "1.1", "1.01", "-1" } },
    { "{\"minLength\":1}", { "\"a\"" }, { "\"\"" } },
    { "{\"type\":\"boolean\",\"description\":\"d\",\"default\":true,\"title\":\"t\"}",
      { "true", "false" },
      { "null" } },
    { "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"integer\"}},\"anyOf\":[{\"required\":[\"x\"]},{"
      "\"properties\":{\"y\":{\"type\":\"null\"}},\"required\":[\"y\"]}]}",
      { "{\"x\":1}", "{\"y\":null}" },
      { "{}", "{\"y\":1}" } },
};

static void by_hand(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        wt_grammar *g;
        wt_err err = { 0 };
        wt_status st = compile(ctx, cases[i].schema, &g, &err);
        if (st != WT_OK)
            fail_msg("%s: %s: %s", cases[i].schema, err.where, err.message);
        for (size_t k = 0; k < 8 && cases[i].valid[k]; k++)
            if (!allows(ctx, g, cases[i].valid[k]))
                fail_msg("%s refuses %s", cases[i].schema, cases[i].valid[k]);
        for (size_t k = 0; k < 10 && cases[i].invalid[k]; k++)
            if (allows(ctx, g, cases[i].invalid[k]))
                fail_msg("%s allows %s", cases[i].schema, cases[i].invalid[k]);
        wt_grammar_close(g);
    }
    wt_test_context_close(ctx);
}

static void refusals(void **state)
{
    static const struct {
        const char *schema;
        wt_status status;
        const char *part, *where;
    } refused[] = {
        { "{\"type\":\"string\",\"format\":\"date\"}", WT_EUNSUPPORTED, "the format 'date'", "#" },
        { "{\"properties\":{\"a\":{\"not\":{}}}}", WT_EUNSUPPORTED, "'not'", "#/properties/a" },
        { "{\"if\":{},\"then\":{}}", WT_EUNSUPPORTED, "'if'", "#" },
        { "{\"type\":\"array\",\"uniqueItems\":true}", WT_EUNSUPPORTED, "'uniqueItems'", "#" },
        { "{\"type\":\"object\",\"patternProperties\":{}}", WT_EUNSUPPORTED, "'patternProperties'", "#" },
        { "{\"type\":\"number\",\"multipleOf\":2}", WT_EUNSUPPORTED, "'multipleOf'", "#" },
        { "{\"type\":\"number\",\"minimum\":0.5}", WT_EUNSUPPORTED, "'minimum'", "#" },
        { "{\"type\":\"string\",\"pattern\":\"^a\",\"minLength\":2}", WT_EUNSUPPORTED, "'pattern'", "#" },
        { "{\"type\":\"string\",\"pattern\":\"(?=a)\"}", WT_EUNSUPPORTED, "looking around", "#" },
        { "{\"type\":\"string\",\"pattern\":\"(a)\\\\1\"}", WT_EUNSUPPORTED, "escape", "#" },
        { "{\"type\":\"string\",\"pattern\":\"\\\\bx\"}", WT_EUNSUPPORTED, "word boundary", "#" },
        { "{\"type\":\"string\",\"pattern\":\"^a|b$\"}", WT_EUNSUPPORTED, "anchor", "#" },
        { "{\"type\":\"string\",\"pattern\":\"(\"}", WT_EFORMAT, "does not end", "#" },
        { "{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}", WT_EUNSUPPORTED, "'oneOf'", "#" },
        { "{\"$ref\":\"http://x/y\"}", WT_EUNSUPPORTED, "reference", "#" },
        { "{\"$ref\":\"#/$defs/x\"}", WT_EFORMAT, "leads nowhere", "#" },
        { "{\"$ref\":\"#\"}", WT_EFORMAT, "", "" },
        { "{\"type\":\"strng\"}", WT_EFORMAT, "'type'", "#" },
        { "{\"enum\":[]}", WT_EFORMAT, "no value", "#" },
        { "false", WT_EFORMAT, "no value", "#" },
        { "{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", WT_EFORMAT, "no number", "#" },
        { "{\"type\":\"array\",\"minItems\":3,\"maxItems\":2}", WT_EFORMAT, "maxItems", "#" },
        { "{\"allOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", WT_EFORMAT, "no value", "#" },
        { "{\"type\":\"object\",\"required\":[\"a\"],\"additionalProperties\":false}", WT_EFORMAT, "'a'", "#" },
        { "{", WT_EFORMAT, "", "" },
    };
    (void)state;
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(refused); i++) {
        wt_grammar *g;
        wt_err err = { 0 };
        const wt_status st = compile(ctx, refused[i].schema, &g, &err);
        if (st != refused[i].status || !strstr(err.message, refused[i].part) || !strstr(err.where, refused[i].where))
            fail_msg("%s: %s, %s: %s", refused[i].schema, wt_status_name(st), err.where, err.message);
    }
    wt_test_context_close(ctx);
}

static uint32_t random_state = 11;
static int dice(int n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (int)((random_state >> 8) % (unsigned)n);
}

static void integer_ranges(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    for (int round = 0; round < 120; round++) {
        const int size = round % 3 == 0 ? 30 : round % 3 == 1 ? 1200 : 100000;
        int lo = dice(2 * size) - size, hi = lo + dice(size);
        char schema[160], text[24];
        wt_grammar *g;
        wt_err err;
        snprintf(schema, sizeof schema, "{\"type\":\"integer\",\"minimum\":%d,\"maximum\":%d}", lo, hi);
        wt_test_ok(compile(ctx, schema, &g, &err), &err);
        for (int k = 0; k < 120; k++) {
            const int near = k < 30 ? lo + k - 15 : k < 60 ? hi + k - 45 : dice(3 * size) - 3 * size / 2;
            snprintf(text, sizeof text, "%d", near);
            if (allows(ctx, g, text) != (near >= lo && near <= hi))
                fail_msg("%s: %s", schema, text);
        }
        assert_false(allows(ctx, g, "-0") || allows(ctx, g, "007") || allows(ctx, g, ""));
        wt_grammar_close(g);
    }
    wt_test_context_close(ctx);
}

static void number_ranges(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    for (int round = 0; round < 200; round++) {
        const int lo = dice(40) - 20, hi = lo + dice(20) + 1, open_lo = dice(2), open_hi = dice(2);
        char schema[160], text[24];
        wt_grammar *g;
        wt_err err;
        snprintf(schema, sizeof schema, "{\"type\":\"number\",\"%s\":%d,\"%s\":%d}",
                 open_lo ? "exclusiveMinimum" : "minimum", lo, open_hi ? "exclusiveMaximum" : "maximum", hi);
        wt_test_ok(compile(ctx, schema, &g, &err), &err);
        for (int k = 4 * lo - 40; k <= 4 * hi + 40; k++) { /* quarters */
            const double v = k / 4.0;
            snprintf(text, sizeof text, k % 4 ? "%.2f" : "%.0f", v);
            if (k == 0 && text[0] == '-')
                continue;
            const bool expected = (open_lo ? v > lo : v >= lo) && (open_hi ? v < hi : v <= hi);
            if (allows(ctx, g, text) != expected)
                fail_msg("%s: %s", schema, text);
        }
        wt_grammar_close(g);
    }
    wt_test_context_close(ctx);
}

static void patterns(void **state)
{
    static const char *const list[] = { "^a+b?$",        "^(ab|ba)*$", "a.b", "^[^b]*$", "b{2,3}",
                                        "^(a|b){1,3}a$", "^a",         "b$",  "^$",      "(a|bb)a" };
    (void)state;
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(list); i++) {
        char schema[160];
        wt_grammar *g;
        wt_err err;
        regex_t re;
        snprintf(schema, sizeof schema, "{\"type\":\"string\",\"pattern\":\"%s\"}", list[i]);
        wt_test_ok(compile(ctx, schema, &g, &err), &err);
        assert_int_equal(regcomp(&re, list[i], REG_EXTENDED | REG_NOSUB), 0);
        for (unsigned n = 1; n < 256; n++) {
            char text[12] = "", json[16];
            for (unsigned k = n; k > 1; k >>= 1)
                text[strlen(text)] = k & 1 ? 'b' : 'a';
            snprintf(json, sizeof json, "\"%s\"", text);
            if (allows(ctx, g, json) != (regexec(&re, text, 0, NULL, 0) == 0))
                fail_msg("%s: %s", list[i], text);
        }
        regfree(&re);
        wt_grammar_close(g);
    }
    wt_test_context_close(ctx);
}

/* What jansson writes of random values is allowed by the schema of all values, and damaged it is what jansson says. */
static json_t *random_value(int depth)
{
    json_t *v;
    switch (dice(depth ? 7 : 5)) {
    case 0: return json_integer(dice(2000) - 1000);
    case 1: return json_real((dice(2000) - 1000) / 64.0);
    case 2: return json_pack("s", dice(2) ? "x\n\"\\\xc3\xa9" : "");
    case 3: return json_boolean(dice(2));
    case 4: return json_null();
    case 5:
        v = json_array();
        for (int n = dice(4); n; n--)
            json_array_append_new(v, random_value(depth - 1));
        return v;
    default:
        v = json_object();
        for (int n = dice(4); n; n--)
            json_object_set_new(v, n % 2 ? "a" : "key \xc3\xa9", random_value(depth - 1));
        return v;
    }
}

static void any_document(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_grammar *g;
    wt_err err;
    size_t broken = 0;
    wt_test_ok(compile(ctx, "{}", &g, &err), &err);
    for (int round = 0; round < 300; round++) {
        json_t *v = random_value(3);
        char *text = json_dumps(v, JSON_ENCODE_ANY | (round % 2 ? JSON_INDENT(2) : 0) | JSON_REAL_PRECISION(10));
        if (!allows(ctx, g, text))
            fail_msg("refused: %s", text);
        if (text[0]) {
            text[(size_t)dice((int)strlen(text))] = "x,\"}]{:0 \\"[dice(10)];
            json_t *again = json_loads(text, JSON_DECODE_ANY, NULL);
            if (!again && allows(ctx, g, text))
                fail_msg("allowed: %s", text);
            broken += !again;
            json_decref(again);
        }
        free(text);
        json_decref(v);
    }
    assert_true(broken > 50);
    wt_grammar_close(g);
    wt_test_context_close(ctx);
}

static wt_status whole_schema(wt_context *ctx, void *arg, wt_err *err)
{
    wt_grammar *g;
    const wt_status st = compile(ctx, arg, &g, err);
    wt_grammar_close(g);
    return st;
}

static void memory_fails(void **state)
{
    (void)state;
    for (size_t i = 2; i < WT_ARRAY_LEN(cases); i += 7)
        wt_test_fail_each_alloc(whole_schema, (void *)(uintptr_t)cases[i].schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),       cmocka_unit_test(refusals), cmocka_unit_test(integer_ranges),
        cmocka_unit_test(number_ranges), cmocka_unit_test(patterns), cmocka_unit_test(any_document),
        cmocka_unit_test(memory_fails),
    };
    return wt_test_run("schema", tests, WT_ARRAY_LEN(tests));
}
