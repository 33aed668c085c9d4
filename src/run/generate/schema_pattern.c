/* schema_pattern.c - an ECMA 262 pattern as the characters of a JSON string.
 *
 * A character of the pattern is a character of the string's *value*: in the grammar it is what JSON writes for it, so a
 * quote becomes \" and a line break \n. A pattern that is not anchored may stand anywhere in the string. Look-around,
 * references, \b and properties of characters are refused by name. */
#include <stdlib.h>
#include "run/generate/schema.h"

typedef struct pattern {
    wt_schema *s;
    const char *at, *all;
    int depth;
    wt_grange *set; /* the class that is being read */
    size_t n, cap;
} pattern;

static wt_status refuse(pattern *p, const char *what)
{
    return wt_schema_refuse(p->s, "%s in the pattern '%.80s' is not supported", what, p->all);
}

/* --- sets of characters --------------------------------------------------------------------------------------------
 */
static wt_status add(pattern *p, uint32_t lo, uint32_t hi)
{
    WT_TRY(wt_grow(p->s->ctx, (void **)&p->set, &p->cap, p->n + 2, sizeof *p->set, p->s->err));
    p->set[p->n++] = (wt_grange){ lo, hi };
    return WT_OK;
}

static int by_start(const void *a, const void *b)
{
    const wt_grange *x = a, *y = b;
    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* Sorted and apart, from `first` on; then what is between them, if that is asked for. */
static void tidy(pattern *p, size_t first, bool negated)
{
    wt_grange *r = p->set + first;
    size_t n = p->n - first, kept = 0;
    qsort(r, n, sizeof *r, by_start);
    for (size_t i = 0; i < n; i++)
        if (kept && r[i].lo <= r[kept - 1].hi + 1)
            r[kept - 1].hi = r[i].hi > r[kept - 1].hi ? r[i].hi : r[kept - 1].hi;
        else
            r[kept++] = r[i];
    if (negated) {
        uint32_t from = 0;
        size_t out = 0;
        for (size_t i = 0; i < kept; i++) { /* add() left room for the one more */
            const wt_grange taken = r[i];
            if (taken.lo > from)
                r[out++] = (wt_grange){ from, taken.lo - 1 };
            from = taken.hi + 1;
        }
        if (from <= 0x10FFFF)
            r[out++] = (wt_grange){ from, 0x10FFFF };
        kept = out;
    }
    p->n = first + kept;
}

/* \d \w \s and their opposites. */
static wt_status add_named(pattern *p, char name)
{
    static const wt_grange digit[] = { { '0', '9' } },
                           word[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } },
                           space[] = { { 9, 13 },          { ' ', ' ' },       { 0xA0, 0xA0 },     { 0x1680, 0x1680 },
                                       { 0x2000, 0x200A }, { 0x2028, 0x2029 }, { 0x202F, 0x202F }, { 0x205F, 0x205F },
                                       { 0x3000, 0x3000 }, { 0xFEFF, 0xFEFF } };
    const char lower = (char)(name | 0x20);
    const wt_grange *from = lower == 'd' ? digit : lower == 'w' ? word : space;
    const size_t n = lower == 'd' ? WT_ARRAY_LEN(digit) : lower == 'w' ? WT_ARRAY_LEN(word) : WT_ARRAY_LEN(space);
    const size_t first = p->n;
    for (size_t i = 0; i < n; i++)
        WT_TRY(add(p, from[i].lo, from[i].hi));
    tidy(p, first, name < 'a');
    return WT_OK;
}

static void put_code(wt_buf *out, uint32_t c) { wt_buf_printf(out, c < 0x10000 ? "\\u%04X" : "\\U%08X", c); }

/* The set in JSON: what may stand there as it is, then the short escapes, then \u00XX for other controls. */
static wt_status emit_set(pattern *p, wt_buf *out)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    bool any = false;
    tidy(p, 0, false);
    wt_buf_puts(out, "(");
    for (size_t i = 0; i < p->n; i++) {
        uint32_t lo = p->set[i].lo < 0x20 ? 0x20 : p->set[i].lo, hi = p->set[i].hi;
        while (lo <= hi) { /* without " and \ */
            const uint32_t stop = lo <= '"' && hi >= '"' ? '"' : lo <= '\\' && hi >= '\\' ? '\\' : hi + 1;
            const uint32_t from = lo >= 0xD800 && lo <= 0xDFFF ? 0xE000 : lo; /* halves of characters are none */
            const uint32_t to = stop - 1 >= 0xD800 && stop - 1 <= 0xDFFF ? 0xD7FF : stop - 1;
            if (stop > lo && from <= to) {
                wt_buf_puts(out, any ? " | [" : "[");
                put_code(out, from);
                wt_buf_puts(out, "-");
                put_code(out, to);
                wt_buf_puts(out, "]");
                any = true;
            }
            lo = stop + 1;
        }
        for (uint32_t c = p->set[i].lo; c <= p->set[i].hi && c <= '\\'; c++) {
            const char *s = NULL;
            for (size_t k = 0; shorts[k] && !s; k += 2)
                s = (unsigned char)shorts[k] == c ? shorts + k + 1 : NULL;
            if (!s && c >= 0x20)
                continue;
            wt_buf_puts(out, any ? " | " : "");
            any = true;
            if (s)
                wt_buf_printf(out, *s == '"' || *s == '\\' ? "\"\\\\\\%c\"" : "\"\\\\%c\"", *s);
            else
                wt_buf_printf(out, "\"\\\\u00%02x\"", c);
        }
    }
    wt_buf_puts(out, ")");
    p->n = 0;
    return any ? wt_buf_status(out, p->s->err) : refuse(p, "a class without characters");
}

/* --- one character -------------------------------------------------------------------------------------------------
 */
static wt_status code(pattern *p, size_t n, uint32_t *out)
{
    char hex[9] = "";
    for (size_t i = 0; i < n && p->at[i]; i++)
        hex[i] = p->at[i];
    if (strspn(hex, "0123456789abcdefABCDEF") != n)
        return refuse(p, "this escape");
    *out = (uint32_t)strtoul(hex, NULL, 16);
    p->at += n;
    return *out >= 0xD800 && *out <= 0xDFFF ? refuse(p, "half a character (a surrogate)") : WT_OK;
}

/* Behind a backslash; *named is set for \d and its like. */
static wt_status escape(pattern *p, uint32_t *out, char *named)
{
    static const char plain[] = "n\nr\rt\tf\fv\v";
    const char c = *p->at++;
    *named = 0;
    for (size_t i = 0; plain[i]; i += 2)
        if (plain[i] == c) {
            *out = (uint32_t)plain[i + 1];
            return WT_OK;
        }
    if (c && strchr("dDwWsS", c)) {
        *named = c;
        return WT_OK;
    }
    if (c == 'x')
        return code(p, 2, out);
    if (c == 'u')
        return code(p, 4, out);
    if (c == '0' && (*p->at < '0' || *p->at > '9')) {
        *out = 0;
        return WT_OK;
    }
    if (!c || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80))
        return refuse(p, c == 'b' || c == 'B' ? "a word boundary" : c == 'p' || c == 'P' ? "\\p" : "this escape");
    *out = (uint32_t)(unsigned char)c;
    return WT_OK;
}

static wt_status class_char(pattern *p, uint32_t *out, char *named)
{
    *named = 0;
    if (!*p->at)
        return wt_schema_wrong(p->s, "a class in the pattern '%.80s' does not end", p->all);
    if (*p->at != '\\') {
        *out = wt_grammar_char(&p->at);
        return WT_OK;
    }
    p->at++;
    if (*p->at == 'b') { /* in a class: the character backspace */
        p->at++;
        *out = 8;
        return WT_OK;
    }
    return escape(p, out, named);
}

static wt_status class(pattern *p, wt_buf *out)
{
    const bool negated = *p->at == '^';
    p->at += negated;
    while (*p->at != ']') {
        uint32_t lo, hi;
        char named, other = 0;
        WT_TRY(class_char(p, &lo, &named));
        if (named) {
            WT_TRY(add_named(p, named));
            continue;
        }
        hi = lo;
        if (*p->at == '-' && p->at[1] && p->at[1] != ']') {
            p->at++;
            WT_TRY(class_char(p, &hi, &other));
        }
        if (other || hi < lo)
            return wt_schema_wrong(p->s, "a range in the pattern '%.80s' has no order", p->all);
        WT_TRY(add(p, lo, hi));
    }
    p->at++;
    if (!p->n && !negated)
        return refuse(p, "a class without characters");
    if (negated) {
        if (!p->n) /* [^]: any */
            WT_TRY(add(p, 0x110000, 0x110000));
        tidy(p, 0, true);
    }
    return emit_set(p, out);
}

/* --- the expression ------------------------------------------------------------------------------------------------
 */
static wt_status alternatives(pattern *p, wt_buf *out);

static wt_status group(pattern *p, wt_buf *out)
{
    if (*p->at == '?') {
        if (p->at[1] != ':')
            return refuse(p,
                          p->at[1] == '<' && p->at[2] != '=' && p->at[2] != '!' ? "a named group" : "looking around");
        p->at += 2;
    }
    wt_buf_puts(out, "(");
    WT_TRY(alternatives(p, out));
    if (*p->at != ')')
        return wt_schema_wrong(p->s, "a group of the pattern '%.80s' does not end", p->all);
    p->at++;
    wt_buf_puts(out, ")");
    return WT_OK;
}

static wt_status atom(pattern *p, wt_buf *out)
{
    uint32_t c;
    char named = 0;
    if (*p->at == '(' || *p->at == '[')
        return *p->at++ == '(' ? group(p, out) : class(p, out);
    if (*p->at == '.') {
        p->at++;
        WT_TRY(add(p, '\n', '\n'));
        WT_TRY(add(p, '\r', '\r'));
        WT_TRY(add(p, 0x2028, 0x2029));
        tidy(p, 0, true);
        return emit_set(p, out);
    }
    if (*p->at == '^' || *p->at == '$')
        return refuse(p, "an anchor in the middle");
    if (strchr("*+?{", *p->at))
        return wt_schema_wrong(p->s, "a repetition in the pattern '%.80s' repeats nothing", p->all);
    if (*p->at == '\\') {
        p->at++;
        WT_TRY(escape(p, &c, &named));
    } else {
        c = wt_grammar_char(&p->at);
    }
    WT_TRY(named ? add_named(p, named) : add(p, c, c));
    return emit_set(p, out);
}

static wt_status repetition(pattern *p, wt_buf *out)
{
    if (*p->at == '{') {
        const size_t n = strspn(p->at + 1, "0123456789,");
        const char *end = p->at + 1 + n;
        if (*end != '}' || p->at[1] < '0' || p->at[1] > '9' || n > 20)
            return wt_schema_wrong(p->s, "a repetition in the pattern '%.80s' is not {n}, {n,} or {n,m}", p->all);
        wt_buf_add(out, p->at, n + 2);
        p->at = end + 1;
    } else if (*p->at && strchr("*+?", *p->at)) {
        wt_buf_add(out, p->at++, 1);
    } else
        return WT_OK;
    p->at += *p->at == '?'; /* which of the matches is taken: the texts are the same */
    return WT_OK;
}

static wt_status alternatives(pattern *p, wt_buf *out)
{
    if (++p->depth > WT_SCHEMA_MAX_DEPTH)
        return wt_fail(p->s->err, WT_ELIMIT, "groups of the pattern are nested more than %d deep", WT_SCHEMA_MAX_DEPTH);
    while (*p->at && *p->at != ')' && !(*p->at == '$' && !p->at[1])) {
        if (*p->at == '|') {
            p->at++;
            wt_buf_puts(out, " | ");
            continue;
        }
        wt_buf_puts(out, " ");
        WT_TRY(atom(p, out));
        WT_TRY(repetition(p, out));
    }
    p->depth--;
    return WT_OK;
}

/* An alternative at the top, whose anchors are its own: ^a|b$ is "begins with a" or "ends with b". */
static bool has_bar(const char *s)
{
    int depth = 0;
    bool in_class = false;
    for (; *s; s++) {
        if (*s == '\\' && s[1])
            s++;
        else if (in_class)
            in_class = *s != ']';
        else if (*s == '[')
            in_class = true;
        else if (*s == '|' && !depth)
            return true;
        else
            depth += (*s == '(') - (*s == ')');
    }
    return false;
}

static wt_status whole(pattern *p, wt_buf *out)
{
    const size_t len = strlen(p->all);
    size_t slashes = 0;
    while (len > slashes + 1 && p->all[len - 2 - slashes] == '\\')
        slashes++;
    const bool begins = *p->at == '^', ends = len && p->all[len - 1] == '$' && slashes % 2 == 0;
    if ((begins || ends) && has_bar(p->all))
        return refuse(p, "an anchor beside |");
    p->at += begins;
    wt_buf_puts(out, begins ? "(" : "char* (");
    WT_TRY(alternatives(p, out));
    if (*p->at == ')')
        return wt_schema_wrong(p->s, "the pattern '%.80s' has a ')' without its '('", p->all);
    wt_buf_puts(out, ends ? ")" : ") char*");
    return WT_OK;
}

wt_status wt_schema_pattern(wt_schema *s, const char *text, wt_buf *out)
{
    pattern p = { .s = s, .at = text, .all = text };
    const wt_status st = whole(&p, out);
    wt_free(s->ctx, p.set);
    return st;
}
