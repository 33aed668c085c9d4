/* grammar_parse.c - GBNF to a network.
 *
 *   name ::= alternatives     one rule a line; a line may break behind ::= and |, in front of |, and inside ( )
 *   "text"  [a-z]  [^"\n]  .  name  ( ... )      followed by  *  +  ?  {n}  {n,}  {n,m}
 *   # a comment               escapes: \n \r \t \\ \" \[ \] \- \^ \xHH \uHHHH \UHHHHHHHH
 *
 * Text becomes a tree first: a repetition compiles its body several times. */
#include <stdlib.h>
#include "run/generate/grammar.h"

typedef enum item_type { TEXT, CHARS, REF, SEQUENCE, CHOICE, REPEAT } item_type;
typedef struct item {
    item_type type;
    wt_string text;
    wt_grange *ranges;
    size_t n_ranges;
    uint32_t rule;
    long least, most;          /* most -1: without end */
    struct item *first, *next; /* parts, and the part or alternative behind this one */
} item;

typedef struct parser {
    wt_grammar *g;
    const char *s, *name;
    int line, depth;
    wt_err *err;
} parser;

static wt_status refuse(const parser *p, const char *what)
{
    wt_fail(p->err, WT_EFORMAT, "%s", what);
    wt_err_where(p->err, "%s, line %d", p->name, p->line);
    return WT_EFORMAT;
}

static wt_status new_item(parser *p, item_type type, item **out)
{
    *out = wt_arena_alloc(&p->g->arena, 1, sizeof **out, p->err);
    if (!*out)
        return WT_ENOMEM;
    (*out)->type = type;
    return WT_OK;
}

/* --- small steps ---------------------------------------------------------------------------------------------------
 */
static void skip_space(parser *p, bool lines)
{
    for (;; p->s++) {
        if (*p->s == '#')
            while (p->s[1] && p->s[1] != '\n' && p->s[1] != '\r')
                p->s++;
        else if (*p->s == '\n' || *p->s == '\r') {
            if (!lines)
                return;
            p->line += *p->s == '\n';
        } else if (*p->s != ' ' && *p->s != '\t')
            return;
    }
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static wt_string word(parser *p)
{
    wt_string w = { p->s, 0 };
    while (is_word(*p->s))
        p->s++;
    w.len = (size_t)(p->s - w.data);
    return w;
}

static wt_status rule_number(parser *p, wt_string name, uint32_t *out)
{
    wt_grammar *g = p->g;
    for (size_t i = 0; i < g->n_rules; i++)
        if (strlen(g->rules[i].name) == name.len && !memcmp(g->rules[i].name, name.data, name.len)) {
            *out = (uint32_t)i;
            return WT_OK;
        }
    if (g->n_rules >= WT_GRAMMAR_MAX_RULES)
        return wt_fail(p->err, WT_ELIMIT, "the grammar has more than %d rules", WT_GRAMMAR_MAX_RULES);
    WT_TRY(wt_grow(g->ctx, (void **)&g->rules, &g->cap_rules, g->n_rules + 1, sizeof *g->rules, p->err));
    char *own = wt_arena_strndup(&g->arena, name.data, name.len, p->err);
    if (!own)
        return WT_ENOMEM;
    *out = (uint32_t)g->n_rules;
    g->rules[g->n_rules++] = (wt_grule){ .name = own };
    return WT_OK;
}

static wt_status one_char(parser *p, uint32_t *out)
{
    static const char plain[] = "n\nr\rt\t\\\\\"\"[[]]--^^";
    if (!*p->s || *p->s == '\n')
        return refuse(p, "a text or a class of characters does not end");
    if (*p->s != '\\') {
        *out = wt_grammar_char(&p->s);
        return WT_OK;
    }
    const char c = p->s[1];
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    for (size_t i = 0; plain[i]; i += 2)
        if (plain[i] == c) {
            *out = (uint32_t)(unsigned char)plain[i + 1];
            p->s += 2;
            return WT_OK;
        }
    char hex[9] = "", *end;
    for (size_t i = 0; i < digits && p->s[2 + i]; i++)
        hex[i] = p->s[2 + i];
    const unsigned long v = strtoul(hex, &end, 16);
    if (!digits || strspn(hex, "0123456789abcdefABCDEF") != digits)
        return refuse(p, "an escape is none of \\n \\r \\t \\\\ \\\" \\[ \\] \\- \\^ \\xHH \\uHHHH \\UHHHHHHHH");
    if (v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
        return refuse(p, "an escape is no character of Unicode");
    *out = (uint32_t)v;
    p->s += 2 + digits;
    return WT_OK;
}

/* --- texts and classes ---------------------------------------------------------------------------------------------
 */
static wt_status text(parser *p, item *it)
{
    wt_buf buf;
    wt_status st = WT_OK;
    wt_buf_init(&buf, p->g->ctx);
    for (p->s++; st == WT_OK && *p->s != '"';) {
        uint32_t c;
        st = one_char(p, &c);
        if (st != WT_OK)
            break;
        char bytes[4];
        size_t n = 1;
        bytes[0] = (char)c;
        if (c >= 0x80) {
            n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
            for (size_t i = n - 1; i > 0; i--, c >>= 6)
                bytes[i] = (char)(0x80 | (c & 0x3F));
            bytes[0] = (char)((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | c);
        }
        wt_buf_add(&buf, bytes, n);
    }
    if (st == WT_OK)
        st = wt_buf_status(&buf, p->err);
    if (st == WT_OK) {
        p->s++;
        it->text.data = wt_arena_strndup(&p->g->arena, buf.len ? buf.data : "", buf.len, p->err);
        it->text.len = buf.len;
        st = it->text.data ? WT_OK : WT_ENOMEM;
    }
    wt_buf_free(&buf);
    return st;
}

static int by_start(const void *a, const void *b)
{
    const wt_grange *x = a, *y = b;
    return x->lo != y->lo ? (x->lo < y->lo ? -1 : 1) : x->hi < y->hi ? -1 : x->hi > y->hi;
}

/* Sorted and apart; turned into what is between them when the class is negated. */
static size_t tidy(wt_grange *r, size_t n, bool negated)
{
    size_t kept = 0;
    qsort(r, n, sizeof *r, by_start);
    for (size_t i = 0; i < n; i++) {
        if (kept && r[i].lo <= r[kept - 1].hi + 1)
            r[kept - 1].hi = r[i].hi > r[kept - 1].hi ? r[i].hi : r[kept - 1].hi;
        else
            r[kept++] = r[i];
    }
    if (!negated)
        return kept;
    uint32_t from = 0;
    size_t out = 0;
    for (size_t i = 0; i < kept; i++) {
        const wt_grange taken = r[i];
        if (taken.lo > from)
            r[out++] = (wt_grange){ from, taken.lo - 1 };
        from = taken.hi + 1;
    }
    if (from <= 0x10FFFF)
        r[out++] = (wt_grange){ from, 0x10FFFF };
    return out;
}

static wt_status chars(parser *p, item *it)
{
    size_t cap = 0;
    const bool negated = p->s[1] == '^';
    p->s += 1 + negated;
    while (*p->s != ']') {
        wt_grange r;
        WT_TRY(one_char(p, &r.lo));
        r.hi = r.lo;
        if (*p->s == '-' && p->s[1] != ']') {
            p->s++;
            WT_TRY(one_char(p, &r.hi));
        }
        if (r.hi < r.lo)
            return refuse(p, "a range of characters ends before it begins");
        if (it->n_ranges + 1 >= cap) { /* one more for what negation adds */
            wt_grange *more = wt_arena_alloc(&p->g->arena, cap = cap ? 2 * cap : 8, sizeof *more, p->err);
            if (!more)
                return WT_ENOMEM;
            if (it->n_ranges)
                memcpy(more, it->ranges, it->n_ranges * sizeof *more);
            it->ranges = more;
        }
        it->ranges[it->n_ranges++] = r;
    }
    p->s++;
    if (!it->n_ranges)
        return refuse(p, "a class of characters is empty");
    it->n_ranges = tidy(it->ranges, it->n_ranges, negated);
    return WT_OK;
}

/* --- the tree ------------------------------------------------------------------------------------------------------
 */
static wt_status choice(parser *p, bool nested, item **out);

static wt_status number(parser *p, long *out)
{
    char *end;
    if (*p->s < '0' || *p->s > '9')
        return refuse(p, "a repetition is {n}, {n,} or {n,m}");
    *out = strtol(p->s, &end, 10);
    p->s = end;
    if (*out > WT_GRAMMAR_MAX_STATES)
        return wt_fail(p->err, WT_ELIMIT, "a repetition of %ld is more than %d states", *out, WT_GRAMMAR_MAX_STATES);
    skip_space(p, false);
    return WT_OK;
}

static wt_status counts(parser *p, item *rep)
{
    p->s++;
    skip_space(p, false);
    WT_TRY(number(p, &rep->least));
    rep->most = rep->least;
    if (*p->s == ',') {
        p->s++;
        skip_space(p, false);
        rep->most = -1;
        if (*p->s != '}')
            WT_TRY(number(p, &rep->most));
    }
    if (*p->s != '}' || (rep->most >= 0 && rep->most < rep->least))
        return refuse(p, "a repetition is {n}, {n,} or {n,m}");
    p->s++;
    return WT_OK;
}

static wt_status repeated(parser *p, bool nested, item **out)
{
    enum { MOST = 8 };
    for (int n = 0;; n++) {
        skip_space(p, nested);
        if (!*p->s || !strchr("*+?{", *p->s))
            return WT_OK;
        item *rep;
        if (n == MOST)
            return refuse(p, "too many repetitions of a repetition");
        WT_TRY(new_item(p, REPEAT, &rep));
        rep->first = *out;
        *out = rep;
        rep->least = *p->s == '+';
        rep->most = *p->s == '?' ? 1 : -1;
        if (*p->s == '{')
            WT_TRY(counts(p, rep));
        else
            p->s++;
    }
}

static wt_status any_char(parser *p, item *it)
{
    static wt_grange all[] = { { 0, 0x10FFFF } };
    p->s++;
    it->ranges = all;
    it->n_ranges = 1;
    return WT_OK;
}

static wt_status group(parser *p, item **out)
{
    p->s++;
    skip_space(p, true);
    WT_TRY(choice(p, true, out));
    if (*p->s != ')')
        return refuse(p, "expected ')'");
    p->s++;
    return WT_OK;
}

/* *out stays NULL where none begins. */
static wt_status element(parser *p, item **out)
{
    const char c = *p->s;
    *out = NULL;
    if (c == '(')
        return group(p, out);
    if (c == '"' || c == '[' || c == '.') {
        WT_TRY(new_item(p, c == '"' ? TEXT : CHARS, out));
        return c == '"' ? text(p, *out) : c == '[' ? chars(p, *out) : any_char(p, *out);
    }
    if (c == '<' || c == '!')
        return refuse(p, "tokens in a grammar (<name>, !<name>) are not supported: write their text");
    if (!is_word(c))
        return WT_OK;
    const wt_string name = word(p);
    WT_TRY(new_item(p, REF, out));
    WT_TRY(rule_number(p, name, &(*out)->rule));
    wt_grule *rule = &p->g->rules[(*out)->rule];
    rule->used = rule->used ? rule->used : p->line;
    return WT_OK;
}

static wt_status sequence(parser *p, bool nested, item **out)
{
    item **link;
    WT_TRY(new_item(p, SEQUENCE, out));
    link = &(*out)->first;
    for (;;) {
        WT_TRY(element(p, link));
        if (!*link)
            return WT_OK;
        WT_TRY(repeated(p, nested, link));
        link = &(*link)->next;
    }
}

/* A line that begins with | goes on with the rule. */
static bool goes_on(parser *p)
{
    const parser before = *p;
    skip_space(p, true);
    if (*p->s == '|')
        return true;
    *p = before;
    return false;
}

static wt_status choice(parser *p, bool nested, item **out)
{
    if (++p->depth > WT_GRAMMAR_MAX_DEPTH)
        return wt_fail(p->err, WT_ELIMIT, "groups are nested more than %d deep", WT_GRAMMAR_MAX_DEPTH);
    WT_TRY(new_item(p, CHOICE, out));
    item **link = &(*out)->first;
    do {
        if (*p->s == '|')
            p->s++;
        skip_space(p, true);
        WT_TRY(sequence(p, nested, link));
        link = &(*link)->next;
    } while (goes_on(p));
    p->depth--;
    return WT_OK;
}

/* --- tree to network -----------------------------------------------------------------------------------------------
 */
static wt_status compile(wt_grammar *g, const item *it, uint32_t next, uint32_t *out, wt_err *err);

static wt_status fork_to(wt_grammar *g, uint32_t a, uint32_t b, uint32_t *out, wt_err *err)
{
    return wt_grammar_state(g, (wt_gstate){ .type = WT_G_FORK, .next = a, .other = b }, out, err);
}

static wt_status compile_parts(wt_grammar *g, const item *first, uint32_t next, uint32_t *out, wt_err *err)
{
    const item *parts[64];
    size_t n = 0;
    *out = next;
    for (const item *i = first; i; i = i->next) /* from the last: each needs to know what follows it */
        if (n < WT_ARRAY_LEN(parts))
            parts[n++] = i;
        else {
            WT_TRY(compile_parts(g, i, next, out, err));
            break;
        }
    while (n-- > 0)
        WT_TRY(compile(g, parts[n], *out, out, err));
    return WT_OK;
}

static wt_status compile_choice(wt_grammar *g, const item *it, uint32_t next, uint32_t *out, wt_err *err)
{
    bool first = true;
    for (const item *i = it->first; i; i = i->next) {
        uint32_t way;
        WT_TRY(compile_parts(g, i->first, next, &way, err));
        if (first)
            *out = way;
        else
            WT_TRY(fork_to(g, *out, way, out, err));
        first = false;
    }
    return WT_OK;
}

static wt_status compile_repeat(wt_grammar *g, const item *it, uint32_t next, uint32_t *out, wt_err *err)
{
    uint32_t at = next, body;
    if (it->most < 0) {
        WT_TRY(fork_to(g, next, next, &at, err));
        WT_TRY(compile(g, it->first, at, &body, err));
        g->states[at].next = body;
    }
    for (long i = it->least; i < it->most; i++) {
        WT_TRY(compile(g, it->first, at, &body, err));
        WT_TRY(fork_to(g, body, next, &at, err));
    }
    for (long i = 0; i < it->least; i++) {
        const uint32_t before = at;
        WT_TRY(compile(g, it->first, at, &at, err));
        if (at == before)
            break; /* nothing, as often as one likes */
    }
    *out = at;
    return WT_OK;
}

static wt_status compile(wt_grammar *g, const item *it, uint32_t next, uint32_t *out, wt_err *err)
{
    switch (it->type) {
    case TEXT: return wt_grammar_bytes(g, it->text.data, it->text.len, next, out, err);
    case CHARS: return wt_grammar_chars(g, it->ranges, it->n_ranges, next, out, err);
    case REF: return wt_grammar_state(g, (wt_gstate){ .type = WT_G_CALL, .next = next, .other = it->rule }, out, err);
    case SEQUENCE: return compile_parts(g, it->first, next, out, err);
    case CHOICE: return compile_choice(g, it, next, out, err);
    default: return compile_repeat(g, it, next, out, err);
    }
}

/* --- rules ---------------------------------------------------------------------------------------------------------
 */
static wt_status rule(parser *p)
{
    wt_grammar *g = p->g;
    uint32_t number, end, start;
    item *body;
    const int line = p->line;
    const wt_string name = word(p);
    if (!name.len)
        return refuse(p, "expected the name of a rule");
    WT_TRY(rule_number(p, name, &number));
    if (g->rules[number].defined) {
        wt_fail(p->err, WT_EFORMAT, "rule '%s' is defined again (first in line %d)", g->rules[number].name,
                g->rules[number].defined);
        wt_err_where(p->err, "%s, line %d", p->name, line);
        return WT_EFORMAT;
    }
    skip_space(p, false);
    if (strncmp(p->s, "::=", 3))
        return refuse(p, "expected '::=' behind the name of a rule");
    p->s += 3;
    WT_TRY(choice(p, false, &body));
    if (*p->s && *p->s != '\n' && *p->s != '\r')
        return refuse(p,
                      *p->s == ')' ? "there is a ')' without its '('" : "there is a character that means nothing here");
    g->rules[number].defined = line;
    WT_TRY(wt_grammar_state(g, (wt_gstate){ .type = WT_G_RETURN }, &end, p->err));
    WT_TRY(compile(g, body, end, &start, p->err));
    g->rules[number].start = start;
    return WT_OK;
}

static wt_status all_rules(parser *p)
{
    const size_t len = strlen(p->s);
    if (!wt_utf8_valid(p->s, len))
        return refuse(p, "the grammar is not UTF-8");
    for (skip_space(p, true); *p->s; skip_space(p, true))
        WT_TRY(rule(p));
    const wt_string root = { "root", 4 };
    WT_TRY(rule_number(p, root, &p->g->root));
    if (!p->g->rules[p->g->root].defined && !p->g->rules[p->g->root].used) {
        wt_fail(p->err, WT_EFORMAT, "there is no rule 'root', where a grammar begins");
        wt_err_where(p->err, "%s", p->name);
        return WT_EFORMAT;
    }
    return wt_grammar_check(p->g, p->name, p->err);
}

wt_status wt_grammar_parse(wt_grammar **out, wt_context *ctx, const char *text, const char *name, wt_err *err)
{
    *out = NULL;
    wt_grammar *g = wt_alloc(ctx, 1, sizeof *g, err);
    if (!g)
        return WT_ENOMEM;
    g->ctx = ctx;
    wt_arena_init(&g->arena, ctx);
    parser p = { .g = g, .s = text, .name = name, .line = 1, .err = err };
    const wt_status st = all_rules(&p);
    if (st != WT_OK) {
        wt_grammar_close(g);
        return st;
    }
    *out = g;
    return WT_OK;
}
