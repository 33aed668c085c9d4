/* test_template.c - chat templates by hand: what each piece of the language writes, what is refused and where, and what
 * does not end. (Whole templates against Python's jinja2: tests/oracle/check_templates.py.) */
#include <stdio.h>
#include <stdlib.h>
#include "support/test.h"
#include "whet/chat.h"

static wt_status rendered(wt_context *ctx, const char *source, const char *variables, char **text, wt_err *err)
{
    wt_template *t;
    size_t len;
    *text = NULL;
    WT_TRY(wt_template_open(&t, ctx, source, strlen(source), "test", err));
    const wt_status st = wt_template_render(t, variables, text, &len, err);
    wt_template_close(t);
    if (st == WT_OK)
        assert_int_equal(strlen(*text), len);
    return st;
}

static const char variables[] =
    "{\"n\":3,\"s\":\"ab\\ncd\",\"list\":[1,2,3],\"names\":[\"b\",\"a\"],\"none\":null,\"yes\":true,\"x\":1.5,"
    "\"d\":{\"k\":\"v\",\"deep\":{\"z\":[0,\"y\"]}},\"u\":\"\\u00e9\\ud83c\\udf89z\","
    "\"m\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"tool\",\"content\":\"\"}]}";

typedef struct row {
    const char *source, *expected;
} row;

static void expect_all(const row *rows, size_t n)
{
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < n; i++) {
        char *text;
        wt_err err = { 0 };
        const wt_status st = rendered(ctx, rows[i].source, variables, &text, &err);
        if (st != WT_OK || strcmp(text, rows[i].expected) != 0)
            fail_msg("%s: \"%s\", not \"%s\" (%s %s)", rows[i].source, text ? text : "", rows[i].expected, err.where,
                     err.message);
        wt_template_text_free(ctx, text);
    }
    wt_test_context_close(ctx);
}

static void white_space(void **state)
{
    static const row rows[] = {
        { "a\n", "a" },
        { "a\n\n", "a\n" },
        { "  {% if yes %}\n  x\n  {% endif %}\ny", "  x\ny" },
        { "a  {% if yes %}b{% endif %}  c", "a  b  c" },
        { "a \n {{- n -}} \n b", "a3b" },
        { "a {%- if yes -%} b {%- endif -%} c", "abc" },
        { "{{ n }}\nx", "3\nx" },
        { "x {# note #} y", "x  y" },
        { "x\n  {# note #}\ny", "x\ny" },
        { "x {#- note -#} y", "xy" },
        { "  {%+ if yes %}x{% endif %}", "  x" },
        { "{% if yes +%}\nx{% endif %}", "\nx" },
        { "{% raw %}{{ n }}{% endraw %}", "{{ n }}" },
        { "a\r\n{{ n }}", "a\r\n3" },
        { "{{ '{{' }}{{ \"%}\" }}", "{{%}" },
    };
    (void)state;
    expect_all(rows, WT_ARRAY_LEN(rows));
}

static void statements(void **state)
{
    static const row rows[] = {
        { "{% for i in list %}{{ i }}{% if not loop.last %},{% endif %}{% endfor %}", "1,2,3" },
        { "{% for i in list if i != 2 %}{{ loop.index }}{{ loop.length }}{% endfor %}", "1222" },
        { "{% for i in [] %}x{% else %}none{% endfor %}", "none" },
        { "{% for k, v in d.items() %}{{ k }};{% endfor %}", "k;deep;" },
        { "{% for i in list %}{{ loop.previtem }}{{ loop.nextitem }}{% endfor %}", "2132" },
        { "{% for i in range(6) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i "
          "}}{% endfor %}",
          "023" },
        { "{% for i in range(3, 0, -1) %}{{ i }}{% endfor %}", "321" },
        { "{% for i in list %}{{ loop.cycle('a', 'b') }}{% endfor %}", "aba" },
        { "{% if n > 5 %}a{% elif n == 3 %}b{% else %}c{% endif %}", "b" },
        { "{% set y = 1 %}{% for i in list %}{% set y = i %}{% endfor %}{{ y }}", "1" },
        { "{% set ns = namespace(y=0) %}{% for i in list %}{% set ns.y = ns.y + i %}{% endfor %}{{ ns.y }}", "6" },
        { "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "12" },
        { "{% set t %}x{{ n }}{% endset %}[{{ t }}]", "[x3]" },
        { "{% set t | upper %}x{% endset %}{{ t }}", "X" },
        { "{% macro f(a, b='q') %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }} {{ f(2, b=3) }}", "1q 23" },
        { "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}in{% endcall %}", "<in>" },
        { "{% macro f() %}{{ caller('x') }}{% endmacro %}{% call(a) f() %}{{ a }}{{ n }}{% endcall %}", "x3" },
        { "{% macro f(k) %}{% if k > 0 %}{{ k }}{{ f(k - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "321" },
        { "{% filter upper %}ab{{ s[0] }}{% endfilter %}", "ABA" },
        { "{% generation %}x{% endgeneration %}", "x" },
    };
    (void)state;
    expect_all(rows, WT_ARRAY_LEN(rows));
}

static void expressions(void **state)
{
    static const row rows[] = {
        { "{{ 1 + 2 * 3 }} {{ (1 + 2) * 3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 3 }}",
          "7 9 3 -4 2 3.5 8" },
        { "{{ 'a' ~ 1 ~ none }} {{ 'a' + 'b' }} {{ 'ab' * 2 }} {{ [1] + [2] }}", "a1None ab abab [1, 2]" },
        { "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' in 'cat' }} {{ 2 not in list }} {{ 'k' in d }}",
          "True False True False True" },
        { "{{ not yes }} {{ yes and n }} {{ none or 'z' }} {{ 'a' if none else 'b' }} [{{ 'a' if none }}]",
          "False 3 z b []" },
        { "{{ d.k }} {{ d['k'] }} {{ d.deep.z[1] }} {{ d.get('q', 'w') }} [{{ d.q }}]", "v v y w []" },
        { "{{ list[1:] }} {{ list[:-1] }} {{ list[::-1] }} {{ s[1:4] }} {{ s[-1] }}",
          "[2, 3] [1, 2] [3, 2, 1] b\nc d" },
        { "{{ u[0] }}{{ u[1] }}{{ u | length }}{{ u[::-1] }}", "\xc3\xa9\xf0\x9f\x8e\x89"
                                                               "3z\xf0\x9f\x8e\x89\xc3\xa9" },
        { "{{ {'a': 1, 'b': [true, none]} }} {{ (1,) }} {{ [] }}", "{'a': 1, 'b': [True, None]} (1,) []" },
        { "{{ 1e3 }} {{ 0.1 }} {{ 1.0 }} {{ x }} {{ 100000000000000000.0 }}", "1000.0 0.1 1.0 1.5 1e+17" },
        { "{{ \"it's\" }} {{ [\"it's\"] }} {{ ['\\n'] }} {{ 'a' 'b' }}", "it's [\"it's\"] ['\\n'] ab" },
    };
    (void)state;
    expect_all(rows, WT_ARRAY_LEN(rows));
}

static void filters_and_tests(void **state)
{
    static const row rows[] = {
        { "{{ d | tojson }}", "{\"k\": \"v\", \"deep\": {\"z\": [0, \"y\"]}}" },
        { "{{ {'a': [1, {}]} | tojson(indent=2) }}", "{\n  \"a\": [\n    1,\n    {}\n  ]\n}" },
        { "{{ u | tojson }} {{ '<&\\'\"' | tojson }}", "\"\xc3\xa9\xf0\x9f\x8e\x89z\" \"<&'\\\"\"" },
        { "{{ ' a ' | trim }}|{{ 'aXb' | lower }}|{{ 'ab cd' | title }}|{{ 'aB' | capitalize }}", "a|axb|Ab Cd|Ab" },
        { "{{ list | join('-') }} {{ m | map(attribute='role') | join(' ') }} {{ names | sort | join }}",
          "1-2-3 user tool ab" },
        { "{{ list | first }}{{ list | last }}{{ list | sum }}{{ list | max }}{{ list | length }}", "13633" },
        { "{{ q | default('z') }} {{ none | default('z') }} {{ none | default('z', true) }}", "z None z" },
        { "{{ m | selectattr('role', 'equalto', 'user') | list | length }} {{ list | select('odd') | list }} {{ list | "
          "reject('odd') | list }}",
          "1 [1, 3] [2]" },
        { "{{ m | rejectattr('content') | map(attribute='role') | list }}", "['tool']" },
        { "{{ 'a-b' | replace('-', '+') }} {{ 'x' | string }} {{ '12' | int + 1 }} {{ '1.5' | float }}",
          "a+b x 13 1.5" },
        { "{{ s | indent(2) }}|{{ s | indent(1, true) }}", "ab\n  cd| ab\n cd" },
        { "{{ [3, 1, 3] | unique | list }} {{ {'b': 1, 'a': 2} | dictsort }} {{ [1, 2] | reverse | list }}",
          "[3, 1] [('a', 2), ('b', 1)] [2, 1]" },
        { "{{ d | items | list | length }} {{ '<a>' | e }} {{ -2 | abs }}", "2 &lt;a&gt; 2" },
        { "{{ q is defined }} {{ n is number }} {{ s is string }} {{ d is mapping }} {{ list is iterable }} {{ none is "
          "none }}",
          "False True True True True True" },
        { "{{ n is odd }} {{ n is divisibleby 3 }} {{ yes is boolean }} {{ yes is true }} {{ n is not even }} {{ 2 is "
          "in list }}",
          "True True True True True True" },
        { "{{ s.split('\\n') }} {{ 'a,b'.split(',')[1] }} {{ ' x '.strip() }} {{ 'ab'.startswith('a') }} {{ "
          "'aab'.replace('a', 'c') }}",
          "['ab', 'cd'] b x True ccb" },
        { "{{ 'ab'.upper() }} {{ '-'.join(names) }} {{ 'abc'.find('c') }} {{ 'xax'.lstrip('x') }} {{ d.keys() | list "
          "}}",
          "AB b-a 2 ax ['k', 'deep']" },
    };
    (void)state;
    expect_all(rows, WT_ARRAY_LEN(rows));
}

static void refusals(void **state)
{
    static const struct {
        const char *source;
        wt_status status;
        const char *part, *where;
    } cases[] = {
        { "x\n{{ raise_exception('no ' ~ n) }}", WT_EFORMAT, "no 3", "test, line 2" },
        { "\n\n{{ a | nofilter }}", WT_EUNSUPPORTED, "nofilter", "line 3" },
        { "{{ a is notest }}", WT_EUNSUPPORTED, "notest", "line 1" },
        { "{{ nofunction() }}", WT_EUNSUPPORTED, "nofunction", "line 1" },
        { "\n{% include 'x' %}", WT_EUNSUPPORTED, "'include'", "line 2" },
        { "{{ q.a.b }}", WT_EFORMAT, "", "line 1" },
        { "{{ 1 + 'a' }}", WT_EFORMAT, "'+'", "line 1" },
        { "{{ 1 // 0 }}", WT_EFORMAT, "zero", "line 1" },
        { "{{ 9223372036854775807 + 1 }}", WT_ELIMIT, "64 bits", "line 1" },
        { "{% if yes %}", WT_EFORMAT, "endif", "line 1" },
        { "{% for i in list %}x{% endif %}", WT_EUNSUPPORTED, "endif", "line 1" },
        { "{{ 'a }}", WT_EFORMAT, "does not end", "line 1" },
        { "{{ (1 }}", WT_EFORMAT, "", "line 1" },
        { "{# x", WT_EFORMAT, "comment", "line 1" },
        { "{% raw %}x", WT_EFORMAT, "endraw", "line 1" },
        { "{% set a, b = [1] %}", WT_EFORMAT, "unpacked", "line 1" },
        { "{% macro f() %}{% endmacro %}{{ f(1) }}", WT_EFORMAT, "'f'", "line 1" },
        { "{% set d.k = 1 %}", WT_EFORMAT, "namespace", "line 1" },
        { "{{ list[::0] }}", WT_EFORMAT, "step", "line 1" },
        /* what does not end, or not soon enough */
        { "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", WT_ELIMIT, "deep", "line 1" },
        { "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", WT_ELIMIT, "", "line 1" },
        { "{% set ns = namespace(a='xxxxxxxx') %}{% for i in range(90) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}",
          WT_ELIMIT, "MB", "line 1" },
        { "{{ 'x' * 999999999999 }}", WT_ELIMIT, "MB", "line 1" },
        { "{% for i in range(999999999999) %}{% endfor %}", WT_ELIMIT, "", "line 1" },
    };
    (void)state;
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        char *text;
        wt_err err = { 0 };
        const wt_status st = rendered(ctx, cases[i].source, variables, &text, &err);
        if (st != cases[i].status || !strstr(err.message, cases[i].part) || !strstr(err.where, cases[i].where))
            fail_msg("%s: %s, %s: %s", cases[i].source, wt_status_name(st), err.where, err.message);
        assert_null(text);
    }
    wt_test_context_close(ctx);
}

static void nested(wt_context *ctx, const char *open, const char *middle, const char *close, size_t n)
{
    char *source = malloc(n * (strlen(open) + strlen(close)) + 64), *at = source, *text;
    wt_err err = { 0 };
    at += sprintf(at, "{{ ");
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "%s", open);
    at += sprintf(at, "%s", middle);
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "%s", close);
    sprintf(at, " }}");
    const wt_status st = rendered(ctx, source, variables, &text, &err);
    if (n < 20)
        wt_test_ok(st, &err);
    else if (st == WT_OK)
        fail_msg("%zu deep %s is accepted", n, open);
    wt_template_text_free(ctx, text);
    free(source);
}

static void deep(void **state)
{
    static const char *const pairs[][3] = { { "(", "1", ")" }, { "[", "1", "]" },     { "not ", "1", "" },
                                            { "-", "1", "" },  { "{'a':", "1", "}" }, { "1 if (", "1", ") else 2" } };
    (void)state;
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(pairs); i++) {
        nested(ctx, pairs[i][0], pairs[i][1], pairs[i][2], 10);
        nested(ctx, pairs[i][0], pairs[i][1], pairs[i][2], 100000);
    }
    wt_test_context_close(ctx);
}

/* Chains make trees that are as deep as they are long: they must be evaluated or refused, not crash. */
static void long_chains(void **state)
{
    static const char *const links[] = { " + 1", "|abs", " ~ 1", " and 1", " if 1 else 1", "**1", " is defined" };
    (void)state;
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(links); i++) {
        enum { N = 200000 };
        char *source = malloc(N * strlen(links[i]) + 64), *at = source, *text;
        wt_err err = { 0 };
        at += sprintf(at, "{{ 1");
        for (int k = 0; k < N; k++)
            at += sprintf(at, "%s", links[i]);
        sprintf(at, " }}");
        const wt_status st = rendered(ctx, source, variables, &text, &err);
        assert_true(st == WT_OK || st == WT_EFORMAT || st == WT_ELIMIT);
        wt_template_text_free(ctx, text);
        free(source);
    }
    wt_test_context_close(ctx);
}

static void bad_variables(void **state)
{
    static const char *const list[] = { "", "{", "[]", "3", "{\"a\":1,\"a\":2}", "{\"a\":\"\xff\"}" };
    (void)state;
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(list); i++) {
        char *text;
        wt_err err = { 0 };
        if (rendered(ctx, "x", list[i], &text, &err) == WT_OK)
            fail_msg("accepted: %s", list[i]);
    }
    wt_test_context_close(ctx);
}

static wt_status chatml(wt_context *ctx, void *arg, wt_err *err)
{
    char *text;
    (void)arg;
    const wt_status st = rendered(
        ctx,
        "{% macro one(x) %}<|{{ x.role }}|>{{ x.content | trim | upper }}{% endmacro %}"
        "{% for x in m %}{{ one(x) }}{{ x | tojson }}{% set y = x.content.split('i') %}{{ y }}{% endfor %}",
        variables, &text, err);
    wt_template_text_free(ctx, text);
    return st;
}

static void memory_fails(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(chatml, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space),       cmocka_unit_test(statements),    cmocka_unit_test(expressions),
        cmocka_unit_test(filters_and_tests), cmocka_unit_test(refusals),      cmocka_unit_test(deep),
        cmocka_unit_test(long_chains),       cmocka_unit_test(bad_variables), cmocka_unit_test(memory_fails),
    };
    return wt_test_run("template", tests, WT_ARRAY_LEN(tests));
}
