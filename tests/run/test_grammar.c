/* test_grammar.c - grammars: which texts they allow, against texts by hand and the regular expressions of the C
 * library; which tokens, against the texts that the tokens make. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include "model/tokenizer/tokenizer.h"
#include "run/generate/grammar.h"
#include "support/test.h"
#include "whet/language.h"

typedef enum verdict { NO, GOES_ON, ENDS } verdict; /* no text begins so; one does; this is one */

static verdict ask(wt_context *ctx, const wt_grammar *g, const char *text)
{
    wt_matcher *m;
    wt_err err;
    uint32_t set;
    bool forgot;
    wt_test_ok(wt_matcher_open(&m, ctx, g, &err), &err);
    verdict v = GOES_ON;
    for (const char *c = text; *c && v != NO; c++) {
        wt_test_ok(wt_matcher_step(m, wt_matcher_now(m), (uint8_t)*c, &set, &err), &err);
        if (set == WT_MATCH_DEAD)
            v = NO;
        else
            wt_test_ok(wt_matcher_go(m, set, &forgot, &err), &err);
    }
    if (v != NO && wt_matcher_ends(m, wt_matcher_now(m)))
        v = ENDS;
    wt_matcher_close(m);
    return v;
}

static wt_grammar *parsed(wt_context *ctx, const char *text)
{
    wt_grammar *g;
    wt_err err;
    wt_test_ok(wt_grammar_parse(&g, ctx, text, "test", &err), &err);
    return g;
}

static void by_hand(void **state)
{
    static const struct {
        const char *grammar, *ends, *goes_on, *no; /* texts with | between */
    } cases[] = {
        { "root ::= \"ab\" | \"cd\"", "ab|cd", "a|c", "b|abc|ac" },
        { "root ::= [a-c]+ # letters\n", "a|abc|cccc", "", "d|abd" },
        { "root ::= [^a-c\\n]", "d|\xc3\xa9|\xf0\x9f\x8e\x89|\x01", "\xc3|\xf0\x9f\x8e", "a|c|\n|\xff|\xc0|\xed\xa0" },
        { "root ::= [\\u00e0-\\u4e2d]", "\xc3\xa0|\xe4\xb8\xad|\xc7\xbf|\xe0\xa0\x80", "\xc3|\xe4",
          "\xc3\x9f|\xe4\xb8\xae|a" },
        { "root ::= [\\U0001F389x]", "\xf0\x9f\x8e\x89|x", "\xf0\x9f", "\xf0\x9f\x8e\x8a|y" },
        { "root ::= .{2}", "ab|\xc3\xa9z", "a|\xc3\xa9", "abc" },
        { "root ::= \"x\"{2,4}", "xx|xxx|xxxx", "x", "xxxxx|y" },
        { "root ::= (\"ab\"){3}", "ababab", "abab", "ababa!|abababa" },
        { "root ::= \"x\"{0,1} \"y\"{1,}", "y|xy|yyyy", "x", "xx|yx" },
        { "root ::= \"a\"? \"b\"* \"c\"", "c|ac|abbc|bc", "a|abb", "aac|ca" },
        { "root ::= list\nlist ::= \"(\" list* \")\"", "()|(()())", "(|(()", ")|())" },
        { "root ::= expr\nexpr ::= term ([-+*/] term)*\nterm ::= [0-9]+ | \"(\" expr \")\"", "1|1+2|(1+2)*30", "1+|(1",
          "+|1(|()" },
        { "root ::= (\n \"a\" |\n # or\n \"b\"\n)\n  | \"c\"", "a|b|c", "", "d" },
        { "root ::= \"a\" root | \"\"", "a|aaaa", "", "b|ab" },
        { "root ::= \"\\\"\" [^\"\\\\]* \"\\\"\"", "\"\"|\"x\"", "\"|\"x", "x|\"\"\"" },
        { "root ::= (\"\")* \"a\"", "a", "", "b" },
        { "root ::= \"\\x41\\t\\[\"", "A\t[", "A", "\t" },
        { "root ::= [\\]\\-^]+", "]-^|^", "", "a" },
    };
    (void)state;
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        wt_grammar *g = parsed(ctx, cases[i].grammar);
        const char *const lists[] = { cases[i].no, cases[i].goes_on, cases[i].ends };
        for (int v = NO; v <= ENDS; v++) {
            char *copy = strdup(lists[v]), *rest = NULL;
            for (char *text = strtok_r(copy, "|", &rest); text; text = strtok_r(NULL, "|", &rest))
                if (ask(ctx, g, text) != (verdict)v)
                    fail_msg("%s: \"%s\" is %d, not %d", cases[i].grammar, text, ask(ctx, g, text), v);
            free(copy);
        }
        wt_grammar_close(g);
    }
    wt_test_context_close(ctx);
}

static void refusals(void **state)
{
    static const struct {
        const char *grammar;
        wt_status status;
        const char *part, *where;
    } cases[] = {
        { "", WT_EFORMAT, "no rule 'root'", "test" },
        { "a ::= \"x\"", WT_EFORMAT, "no rule 'root'", "test" },
        { "root ::= a\n", WT_EFORMAT, "'a' is not defined", "line 1" },
        { "root ::= \"x\"\n\nroot ::= \"y\"", WT_EFORMAT, "defined again (first in line 1)", "line 3" },
        { "root ::= root \"x\" | \"y\"", WT_EFORMAT, "'root' begins with itself", "line 1" },
        { "root ::= b\nb ::= c* d\nc ::= \"x\"\nd ::= b", WT_EFORMAT, "begins with itself", "line" },
        { "root ::= (\"x\"? root)*", WT_EFORMAT, "begins with itself", "line 1" },
        { "root ::= [a", WT_EFORMAT, "does not end", "line 1" },
        { "root ::= \"a", WT_EFORMAT, "does not end", "line 1" },
        { "root ::= [z-a]", WT_EFORMAT, "ends before it begins", "line 1" },
        { "root ::= []", WT_EFORMAT, "empty", "line 1" },
        { "root ::= \"\\q\"", WT_EFORMAT, "an escape is none of", "line 1" },
        { "root ::= \"\\uD800\"", WT_EFORMAT, "no character", "line 1" },
        { "root ::= (\"a\"", WT_EFORMAT, "expected ')'", "line 1" },
        { "root ::= \"a\")", WT_EFORMAT, "without its '('", "line 1" },
        { "root = \"a\"", WT_EFORMAT, "expected '::='", "line 1" },
        { "root ::= \"a\"{2", WT_EFORMAT, "a repetition is", "line 1" },
        { "root ::= \"a\"{3,2}", WT_EFORMAT, "a repetition is", "line 1" },
        { "root ::= \"a\"*********", WT_EFORMAT, "too many repetitions", "line 1" },
        { "root ::= <think>", WT_EFORMAT, "tokens in a grammar", "line 1" },
        { "root ::= \"\xff\"", WT_EFORMAT, "not UTF-8", "line 1" },
        { "root ::= ((\"abc\"{1000}){1000}){1000}", WT_ELIMIT, "states", "" },
        { "root ::= \"a\"{99999999999999999999}", WT_ELIMIT, "states", "" },
    };
    (void)state;
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        wt_grammar *g;
        wt_err err = { 0 };
        wt_test_refused(wt_grammar_parse(&g, ctx, cases[i].grammar, "test", &err), cases[i].status, &err,
                        cases[i].part);
        if (!strstr(err.where, cases[i].where))
            fail_msg("%s: the place is \"%s\"", cases[i].grammar, err.where);
    }
    char *deep = malloc(3000);
    memcpy(deep, "root ::= ", 10);
    for (int i = 0; i < 1000; i++)
        strcat(deep, "(");
    wt_grammar *g;
    wt_err err = { 0 };
    wt_test_refused(wt_grammar_parse(&g, ctx, deep, "test", &err), WT_ELIMIT, &err, "nested");
    free(deep);
    wt_test_context_close(ctx);
}

/* --- against regcomp -----------------------------------------------------------------------------------------------
 */
static uint32_t random_state = 7;
static uint32_t dice(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 16) % n;
}

static void random_expression(int depth, char *gbnf, char *ere)
{
    static const char *const marks[] = { "*", "+", "?", "{2}", "{1,2}", "{1,}" };
    const uint32_t kind = depth ? dice(5) : 0;
    if (kind < 2) {
        static const char *const atoms[][2] = {
            { "\"a\"", "a" }, { "\"b\"", "b" }, { "[ab]", "[ab]" }, { "[^a]", "[^a]" }
        };
        const uint32_t i = dice(4);
        strcat(gbnf, atoms[i][0]);
        strcat(ere, atoms[i][1]);
        return;
    }
    strcat(gbnf, "(");
    strcat(ere, "(");
    random_expression(depth - 1, gbnf, ere);
    if (kind < 4) {
        strcat(gbnf, kind == 2 ? " " : " | ");
        strcat(ere, kind == 2 ? "" : "|");
        random_expression(depth - 1, gbnf, ere);
    }
    strcat(gbnf, ")");
    strcat(ere, ")");
    if (kind == 4) {
        const uint32_t i = dice(6);
        strcat(gbnf, marks[i]);
        strcat(ere, marks[i]);
    }
}

static void like_regular_expressions(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    size_t matches = 0;
    for (int round = 0; round < 300; round++) {
        char gbnf[4096] = "root ::= ", ere[4096] = "^(";
        random_expression(4, gbnf, ere);
        strcat(ere, ")$");
        regex_t re;
        assert_int_equal(regcomp(&re, ere, REG_EXTENDED | REG_NOSUB), 0);
        wt_grammar *g = parsed(ctx, gbnf);
        for (unsigned n = 1; n < 128; n++) { /* all texts of a and b up to six letters: the bits behind the first */
            char text[8] = "";
            for (unsigned k = n; k > 1; k >>= 1)
                text[strlen(text)] = k & 1 ? 'b' : 'a';
            const bool expected = regexec(&re, text, 0, NULL, 0) == 0, got = ask(ctx, g, text) == ENDS;
            if (expected != got)
                fail_msg("%s: \"%s\" is %s", gbnf, text, got ? "allowed" : "refused");
            matches += got;
        }
        regfree(&re);
        wt_grammar_close(g);
    }
    assert_true(matches > 1000); /* else nothing was tested */
    wt_test_context_close(ctx);
}

/* --- tokens --------------------------------------------------------------------------------------------------------
 */
enum { WORDS = 600, TOKENS = 3 + 256 + WORDS };

static wt_tokenizer *some_tokenizer(wt_context *ctx)
{
    static wt_string names[TOKENS];
    static char texts[TOKENS][16];
    static float scores[TOKENS];
    static int32_t types[TOKENS];
    static const char *const letters[] = { "a",           "b", "{", "}",        "\"",
                                           ":",           "1", ",", "\xc3\xa9", "\xf0\x9f\x8e\x89",
                                           "\xe2\x96\x81" };
    wt_weights *w;
    wt_tokenizer *t;
    wt_err err;
    for (int i = 0; i < TOKENS; i++) {
        types[i] = i < 3 ? i == 0 ? 2 : 3 : i < 259 ? 6 : 1;
        if (i < 259)
            snprintf(texts[i], sizeof texts[i], i < 3 ? "<%d>" : "<0x%02X>", i < 3 ? i : i - 3);
        else
            for (uint32_t n = 1 + dice(3); n; n--)
                strcat(texts[i], letters[dice(WT_ARRAY_LEN(letters))]);
        names[i] = (wt_string){ texts[i], strlen(texts[i]) };
    }
    wt_test_ok(wt_weights_new(&w, ctx, "test", "gguf", &err), &err);
    wt_test_ok(wt_weights_set_string(w, "tokenizer.ggml.model", "llama", &err), &err);
    const struct {
        const char *key;
        wt_meta m;
    } lists[] = { { "tokenizer.ggml.tokens", { .type = WT_META_STRING, .strings = names } },
                  { "tokenizer.ggml.scores", { .type = WT_META_F32, .data = scores } },
                  { "tokenizer.ggml.token_type", { .type = WT_META_I32, .data = types } } };
    for (size_t i = 0; i < WT_ARRAY_LEN(lists); i++) {
        wt_meta m = lists[i].m;
        m.key = (wt_string){ lists[i].key, strlen(lists[i].key) };
        m.is_array = true;
        m.count = TOKENS;
        wt_test_ok(wt_weights_set_meta(w, &m, &err), &err);
    }
    wt_test_ok(wt_tokenizer_from_weights(&t, ctx, w, &err), &err);
    wt_weights_close(w);
    return t;
}

static const char some_json[] =
    "root ::= value\nvalue ::= object | \"1\"+ | string\nobject ::= \"{\" (member (\",\" member)*)? \"}\"\n"
    "member ::= string \":\" \" \"? value\nstring ::= \"\\\"\" [^\"\\\\\\x00-\\x1f]* \"\\\"\"\n";

/* Random walks: at each step the mask must say of every token what the text with it says; then one of them is taken. */
static void masks_are_right(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_tokenizer *t = some_tokenizer(ctx);
    wt_grammar *g = parsed(ctx, some_json);
    wt_guide *guide;
    wt_err err;
    size_t allowed = 0, ended = 0;
    for (int walk = 0; walk < 6; walk++) {
        char text[512] = "";
        wt_test_ok(wt_guide_open(&guide, ctx, some_json, NULL, t, TOKENS + 5, &err), &err);
        for (int step = 0; step < 12; step++) {
            const uint64_t *bits;
            int32_t next = -1;
            uint32_t seen = 0;
            wt_test_ok(wt_guide_mask(guide, &bits, &err), &err);
            for (int32_t i = 0; i < TOKENS + 5; i++) {
                const char *piece = "";
                size_t len = 0;
                bool single;
                if (i < TOKENS)
                    wt_test_ok(wt_token_piece(t, i, false, &piece, &len, &err), &err);
                char with[600];
                snprintf(with, sizeof with, "%s%.*s", text, (int)len, piece);
                const bool has_zero = len && memchr(piece, 0, len);
                const bool expected = i == 2 ? ask(ctx, g, text) == ENDS
                                             : len && !has_zero && i < TOKENS && ask(ctx, g, with) != NO;
                const bool got = bits[i >> 6] >> (i & 63) & 1;
                wt_test_ok(wt_guide_allows(guide, i, &single, &err), &err);
                if (got != expected || single != expected)
                    fail_msg("\"%s\" and token %d (\"%.*s\"): mask %d, alone %d, text %d", text, i, (int)len, piece,
                             got, single, expected);
                allowed += got;
                ended += got && i == 2;
                if (got && i != 2 && dice(++seen) == 0)
                    next = i;
            }
            if (next < 0)
                break;
            const char *piece;
            size_t len;
            wt_test_ok(wt_token_piece(t, next, false, &piece, &len, &err), &err);
            wt_test_ok(wt_guide_accept(guide, next, &err), &err);
            strncat(text, piece, len);
        }
        wt_guide_close(guide);
    }
    assert_true(allowed > 500 && ended > 0);
    wt_grammar_close(g);
    wt_tokenizer_close(t);
    wt_test_context_close(ctx);
}

/* Whatever the logits, the text is one of the grammar, and it ends where it may. */
static void samplers_obey(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_tokenizer *t = some_tokenizer(ctx);
    wt_grammar *g = parsed(ctx, some_json);
    static float logits[TOKENS];
    wt_err err;
    for (int round = 0; round < 24; round++) {
        wt_sampling o = wt_sampling_defaults();
        wt_sampler *s;
        char text[4096] = "";
        bool ended = false;
        o.temperature = round % 3 ? 1.5 : 0;
        o.top_k = round % 2 ? 5 : 0;
        o.mirostat = round % 8 == 7 ? 2 : 0;
        o.seed = (uint64_t)round;
        o.grammar = some_json;
        wt_test_ok(wt_sampler_open(&s, ctx, &o, t, TOKENS, &err), &err);
        wt_test_ok(wt_sampler_accept(s, 77, &err), &err); /* of the prompt: not the grammar's business */
        for (int step = 0; step < 60 && !ended; step++) {
            int32_t token;
            const char *piece;
            size_t len;
            for (int i = 0; i < TOKENS; i++)
                logits[i] = (float)dice(1000) / 100 + (i == 2 || i == 3 + '"' || i == 3 + '}' ? 9.f : 0);
            wt_test_ok(wt_sampler_next(s, logits, &token, &err), &err);
            ended = token == 2;
            wt_test_ok(wt_token_piece(t, token, false, &piece, &len, &err), &err);
            strncat(text, piece, len);
            if (ask(ctx, g, text) == NO || (ended && ask(ctx, g, text) != ENDS))
                fail_msg("round %d: \"%s\"", round, text);
        }
        wt_sampler_close(s);
        assert_true(ended || strlen(text) > 30);
    }
    wt_grammar_close(g);
    wt_tokenizer_close(t);
    wt_test_context_close(ctx);
}

/* Counting texts make new places all the time: they are forgotten, and the grammar is still followed. */
static void long_texts(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_grammar *g = parsed(ctx, "root ::= pair{3000} \"!\"\npair ::= \"(\" pair* \")\"");
    wt_matcher *m;
    wt_err err;
    uint32_t set;
    bool forgot, ever = false;
    wt_test_ok(wt_matcher_open(&m, ctx, g, &err), &err);
    for (int i = 0; i < 3000; i++) {
        wt_test_ok(wt_matcher_walk(m, wt_matcher_now(m), "(())", 4, &set, &err), &err);
        assert_int_not_equal(set, WT_MATCH_DEAD);
        wt_test_ok(wt_matcher_go(m, set, &forgot, &err), &err);
        ever = ever || forgot;
    }
    assert_true(ever);
    wt_test_ok(wt_matcher_walk(m, wt_matcher_now(m), "(", 1, &set, &err), &err);
    assert_int_equal(set, WT_MATCH_DEAD);
    wt_test_ok(wt_matcher_walk(m, wt_matcher_now(m), "!", 1, &set, &err), &err);
    assert_true(set != WT_MATCH_DEAD && wt_matcher_ends(m, set));
    wt_matcher_close(m);
    wt_grammar_close(g);
    wt_test_context_close(ctx);
}

static wt_status everything(wt_context *ctx, void *arg, wt_err *err)
{
    wt_grammar *g;
    wt_matcher *m = NULL;
    uint32_t set;
    bool forgot;
    (void)arg;
    WT_TRY(wt_grammar_parse(&g, ctx, some_json, "test", err));
    wt_status st = wt_matcher_open(&m, ctx, g, err);
    if (st == WT_OK)
        st = wt_matcher_walk(m, wt_matcher_now(m), "{\"a\":{\"b\"", 8, &set, err);
    if (st == WT_OK)
        st = wt_matcher_go(m, set, &forgot, err);
    wt_matcher_close(m);
    wt_grammar_close(g);
    return st;
}

static void memory_fails(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(everything, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),         cmocka_unit_test(refusals),      cmocka_unit_test(like_regular_expressions),
        cmocka_unit_test(masks_are_right), cmocka_unit_test(samplers_obey), cmocka_unit_test(long_texts),
        cmocka_unit_test(memory_fails),
    };
    return wt_test_run("grammar", tests, WT_ARRAY_LEN(tests));
}
