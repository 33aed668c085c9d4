/* test_text.c - characters, normalization forms, patterns. What they are compared with is Unicode's and Oniguruma's
 * documentation; all assigned characters are compared through whole tokenizers by the oracle. */
#include <stdio.h>
#include "model/tokenizer/regex.h"
#include "model/tokenizer/unicode.h"
#include "support/test.h"

static void characters(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len, pending;
    } ends[] = { { "", 0, 0 },
                 { "a", 1, 0 },
                 { "a\xc3", 2, 1 },
                 { "\xc3\xa9", 2, 0 },
                 { "\xe2\x82", 2, 2 },
                 { "x\xf0\x9f\x98", 4, 3 },
                 { "\xf0\x9f\x98\x80", 4, 0 },
                 { "\x80\x80", 2, 0 },
                 { "\xff", 1, 0 },
                 { "\xed\xa0", 2, 0 },
                 { "\xe2\x82\xac\xe2", 4, 1 } };
    for (size_t i = 0; i < WT_ARRAY_LEN(ends); i++)
        assert_int_equal(wt_utf8_pending(ends[i].bytes, ends[i].len), ends[i].pending);
    for (uint32_t c = 0; c < WT_CODE_LIMIT; c++) {
        char bytes[4];
        size_t size;
        if (c >= 0xd800 && c < 0xe000)
            continue;
        const size_t n = wt_utf8_put(bytes, c);
        assert_int_equal(wt_utf8_get(bytes, n, 0, &size), c);
        assert_int_equal(size, n);
    }
    assert_int_equal(wt_category_of('a'), WT_LL);
    assert_int_equal(wt_category_of(0x4e00), WT_LO);
    assert_int_equal(wt_category_of('\n'), WT_CC_WHITE);
    assert_int_equal(wt_category_of(0x10ffff), WT_CN);
    assert_int_equal(wt_category_of(0xffffffff), WT_CN);
    assert_int_equal(wt_lower(0x1e9e), 0xdf);
    wt_context *ctx = wt_test_context();
    wt_buf out;
    wt_buf_init(&out, ctx);
    wt_utf8_repair(&out, "a\xe2\x82z\xff\xf0\x9f\x98", 8);
    assert_int_equal(out.len, 11);
    assert_memory_equal(out.data, "a\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd", 11);
    wt_buf_free(&out);
    wt_test_context_close(ctx);
}

static void forms(void **state)
{
    (void)state;
    static const struct {
        const char *text, *nfc, *nfd, *nfkc, *nfkd;
    } cases[] = {
        { "abc", "abc", "abc", "abc", "abc" },
        { "\xc3\xa9", "\xc3\xa9", "e\xcc\x81", "\xc3\xa9", "e\xcc\x81" },
        { "e\xcc\x81", "\xc3\xa9", "e\xcc\x81", "\xc3\xa9", "e\xcc\x81" },
        { "\xef\xac\x81", "\xef\xac\x81", "\xef\xac\x81", "fi", "fi" }, /* the ligature */
        /* a with dot below and acute, marks in the wrong order */
        { "a\xcc\x81\xcc\xa3", "\xe1\xba\xa1\xcc\x81", "a\xcc\xa3\xcc\x81", "\xe1\xba\xa1\xcc\x81",
          "a\xcc\xa3\xcc\x81" },
        { "\xea\xb0\x81", "\xea\xb0\x81", "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81",
          "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8" }, /* a Hangul syllable of three */
        { "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81", "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8",
          "\xea\xb0\x81", "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8" },
        { "\xe2\x84\xab", "\xc3\x85", "A\xcc\x8a", "\xc3\x85", "A\xcc\x8a" }, /* the sign of Angstrom */
    };
    wt_context *ctx = wt_test_context();
    wt_err err;
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++)
        for (int form = 0; form < 4; form++) {
            const char *want[] = { cases[i].nfc, cases[i].nfd, cases[i].nfkc, cases[i].nfkd };
            wt_buf out;
            wt_buf_init(&out, ctx);
            wt_test_ok(wt_normalize(&out, cases[i].text, strlen(cases[i].text), (wt_norm_form)form, &err), &err);
            wt_buf_puts(&out, "");
            assert_int_equal(out.len, strlen(want[form]));
            assert_memory_equal(out.data, want[form], out.len);
            wt_buf_free(&out);
        }
    /* a thousand marks on one letter: sorted by class all the same */
    wt_buf in, out;
    wt_buf_init(&in, ctx);
    wt_buf_init(&out, ctx);
    wt_buf_puts(&in, "q");
    for (int i = 0; i < 500; i++)
        wt_buf_puts(&in, "\xcc\x81\xcc\xa3");
    wt_test_ok(wt_normalize(&out, in.data, in.len, WT_NFC, &err), &err);
    assert_int_equal(out.len, in.len);
    assert_memory_equal(out.data, "q\xcc\xa3\xcc\xa3", 5);
    assert_memory_equal(out.data + out.len - 4, "\xcc\x81\xcc\x81", 4);
    wt_buf_free(&in);
    wt_buf_free(&out);
    wt_test_context_close(ctx);
}

/* All matches of a pattern, with bars between. */
static void matches(const char *pattern, const char *text, const char *want)
{
    wt_context *ctx = wt_test_context();
    wt_arena arena;
    wt_regex_stack stack = { .ctx = ctx };
    const wt_regex *re;
    wt_err err;
    wt_buf got;
    size_t at, end;
    wt_arena_init(&arena, ctx);
    wt_buf_init(&got, ctx);
    wt_buf_puts(&got, "");
    wt_test_ok(wt_regex_compile(&re, &arena, pattern, strlen(pattern), &err), &err);
    for (size_t from = 0; from <= strlen(text); from = end + (at == end)) {
        wt_test_ok(wt_regex_find(re, &stack, text, strlen(text), from, &at, &end, &err), &err);
        if (at == SIZE_MAX)
            break;
        wt_buf_add(&got, text + at, end - at);
        wt_buf_puts(&got, "|");
    }
    if (strcmp(got.data, want) != 0)
        fail_msg("%s in \"%s\": %s, not %s", pattern, text, got.data, want);
    wt_buf_free(&got);
    wt_regex_stack_free(&stack);
    wt_arena_free(&arena);
    wt_test_context_close(ctx);
}

static void patterns(void **state)
{
    (void)state;
    matches("a|ab", "ab", "a|");
    matches("(?:a|ab)c", "abc", "abc|");
    matches("a*b", "aab ab b", "aab|ab|b|");
    matches("a*+a", "aaa", "");
    matches("(?>a*)a", "aaa", "");
    matches("a+?", "aaa", "a|a|a|");
    matches("a{2,3}", "aaaaa", "aaa|aa|");
    matches("(ab){2}", "ababab", "abab|");
    matches("(?:ab){1,2}c", "ababc", "ababc|");
    matches("(?:ab)+?c", "ababc", "ababc|");
    matches("\\s+(?!\\S)", "a   b", "  |");
    matches("(?<=a)b", "ab cb", "b|");
    matches("(?<!a)b", "ab cb", "b|");
    matches("(?i:'S|'ll)", "'s 'LL 'S", "'s|'LL|'S|");
    matches("[a-c&&[^b]]+", "abcab", "a|ca|");
    matches("[^\\s\\p{L}]+", "ab12 x.", "12|.|");
    matches("[]a-]+", "a]-b", "a]-|");
    matches("\\p{Lu}\\P{Lu}+", "AbcDe", "Abc|De|");
    matches("\\x{e9}|\\u00e8", "\xc3\xa9\xc3\xa8", "\xc3\xa9|\xc3\xa8|");
    matches("^a|b$", "ab\nab", "a|b|a|b|");
    matches("\\Aa|b\\z", "ab\nab", "a|b|");
    matches("\\bfoo\\b", "foo food foo", "foo|foo|");
    matches("(?=[\\p{L}])([^a-z])+", "aBC1d", "BC1|"); /* the group repeats, the look does not */
    matches("x{,2}y", "xxxy", "xxy|");
    matches("a{x}", "a{x}", "a{x}|");
    matches(".+", "ab\ncd", "ab|cd|");
}

static void bad_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        wt_status status;
    } cases[] = {
        { "(", WT_EFORMAT },           { ")", WT_EFORMAT },
        { "[a", WT_EFORMAT },          { "*", WT_EFORMAT },
        { "a\\", WT_EFORMAT },         { "\\p{Nope}", WT_EUNSUPPORTED },
        { "\\x{110000}", WT_EFORMAT }, { "[b-a]", WT_EFORMAT },
        { "(a*)*", WT_EUNSUPPORTED },  { "(?<=a*)b", WT_EUNSUPPORTED },
        { "\\1", WT_EUNSUPPORTED },    { "(?P<n>a)", WT_EUNSUPPORTED },
        { "a{9999}", WT_ELIMIT },      { "(?:(?:a{900}b){900}c){900}", WT_ELIMIT },
    };
    wt_context *ctx = wt_test_context();
    wt_arena arena;
    const wt_regex *re;
    wt_err err;
    char deep[200];
    wt_arena_init(&arena, ctx);
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++)
        wt_test_refused(wt_regex_compile(&re, &arena, cases[i].pattern, strlen(cases[i].pattern), &err),
                        cases[i].status, &err, "pattern");
    memset(deep, '(', sizeof deep);
    wt_test_refused(wt_regex_compile(&re, &arena, deep, sizeof deep, &err), WT_ELIMIT, &err, "nested");
    /* a pattern that would try every way to cut the text gives up */
    char text[64];
    size_t at, end;
    wt_regex_stack stack = { .ctx = ctx };
    memset(text, 'a', sizeof text);
    wt_test_ok(wt_regex_compile(&re, &arena, "(?:a|aa)+b|(?:aa|a)+c", 21, &err), &err);
    wt_test_refused(wt_regex_find(re, &stack, text, sizeof text, 0, &at, &end, &err), WT_ELIMIT, &err, "steps");
    wt_regex_stack_free(&stack);
    wt_arena_free(&arena);
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters),
        cmocka_unit_test(forms),
        cmocka_unit_test(patterns),
        cmocka_unit_test(bad_patterns),
    };
    return wt_test_run("text", tests, WT_ARRAY_LEN(tests));
}
