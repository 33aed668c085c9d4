/* lexer.c - template source to tokens, with white space taken away where Jinja takes it. */
#include "model/chat/jinja.h"
#include <stdlib.h>

typedef struct lexer {
    wt_template *t;
    const char *s;
    size_t len, at;
    int line;
    jj_token *tokens;
    size_t n, cap;
    wt_err *err;
} lexer;

bool jj_is(wt_string s, const char *text) { return s.len == strlen(text) && !memcmp(s.data, text, s.len); }

static wt_status push(lexer *l, jj_token token)
{
    if (l->n == l->cap) {
        const size_t cap = l->cap ? 2 * l->cap : 256;
        jj_token *more = wt_arena_alloc(&l->t->arena, cap, sizeof *more, l->err);
        if (!more)
            return WT_ENOMEM;
        if (l->n)
            memcpy(more, l->tokens, l->n * sizeof *more);
        l->tokens = more;
        l->cap = cap;
    }
    token.line = token.line ? token.line : l->line;
    l->tokens[l->n++] = token;
    return WT_OK;
}

static bool looking_at(const lexer *l, const char *what)
{
    const size_t n = strlen(what);
    return l->len - l->at >= n && !memcmp(l->s + l->at, what, n);
}

static void advance(lexer *l, size_t n)
{
    for (size_t i = 0; i < n; i++)
        l->line += l->s[l->at++] == '\n';
}

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }
static bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80); }
static bool digit(char c) { return c >= '0' && c <= '9'; }

/* --- strings and numbers -------------------------------------------------------------------------------------------
 */
static size_t put_char(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    const int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    for (int i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(first[n] | c);
    return (size_t)n;
}

/* \n, \t, \\, \', \", \xHH, \uHHHH; an unknown escape stays as it is, like in Python. */
static size_t unescape(const char *s, size_t len, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (s[i] != '\\' || i + 1 >= len) {
            out[n++] = s[i];
            continue;
        }
        const char c = s[++i];
        const char *plain = "n\nt\tr\r\\\\'\'\"\"0\0b\bf\f";
        const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 0;
        if (digits && i + digits < len) {
            char hex[5] = "", *end;
            memcpy(hex, s + i + 1, digits);
            const unsigned long v = strtoul(hex, &end, 16);
            if (*end == 0) {
                n += put_char(out + n, (uint32_t)v);
                i += digits;
                continue;
            }
        }
        bool found = c == '\n';
        for (size_t k = 0; k < 18 && !found; k += 2)
            if (plain[k] == c) {
                out[n++] = plain[k + 1];
                found = true;
            }
        if (!found) {
            out[n++] = '\\';
            out[n++] = c;
        }
    }
    return n;
}

static wt_status lex_string(lexer *l)
{
    const char quote = l->s[l->at];
    const int line = l->line;
    size_t end = l->at + 1;
    while (end < l->len && l->s[end] != quote)
        end += l->s[end] == '\\' && end + 1 < l->len ? 2 : 1;
    if (end >= l->len)
        return jj_fail(l->t, line, WT_EFORMAT, l->err, "a string does not end");
    char *text = wt_arena_alloc(&l->t->arena, end - l->at + 4, 1, l->err);
    if (!text)
        return WT_ENOMEM;
    const size_t n = unescape(l->s + l->at + 1, end - l->at - 1, text);
    advance(l, end + 1 - l->at);
    return push(l, (jj_token){ .type = JT_STRING, .line = line, .text = { text, n } });
}

static wt_status lex_number(lexer *l)
{
    char text[64];
    size_t n = 0;
    bool real = false;
    while (l->at + n < l->len && n < sizeof text - 1) {
        const char c = l->s[l->at + n];
        const bool dot = c == '.' && !real && l->at + n + 1 < l->len && digit(l->s[l->at + n + 1]);
        const bool sign = (c == '-' || c == '+') && n && (text[n - 1] == 'e' || text[n - 1] == 'E');
        if (!digit(c) && c != '_' && !dot && !sign && !(n && (c == 'e' || c == 'E')))
            break;
        real = real || dot || c == 'e' || c == 'E';
        text[n++] = c;
    }
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (text[i] != '_')
            text[k++] = text[i];
    text[k] = 0;
    advance(l, n);
    if (real)
        return push(l, (jj_token){ .type = JT_FLOAT, .f = strtod(text, NULL) });
    return push(l, (jj_token){ .type = JT_INT, .i = strtoll(text, NULL, 10) });
}

static wt_status lex_operator(lexer *l)
{
    static const char *const ops[] = { "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<",
                                       ">",  "=",  "(",  ")",  "[",  "]",  "{", "}", ",", ".", ":", "|", ";" };
    for (size_t i = 0; i < WT_ARRAY_LEN(ops); i++)
        if (looking_at(l, ops[i])) {
            advance(l, strlen(ops[i]));
            return push(l, (jj_token){ .type = JT_OP, .text = { ops[i], strlen(ops[i]) } });
        }
    return jj_fail(l->t, l->line, WT_EFORMAT, l->err, "there is a character '%c' that means nothing here", l->s[l->at]);
}

/* --- between {{ }} and {% %} ---------------------------------------------------------------------------------------
 */
static wt_status lex_inside(lexer *l, const char *end, jj_token_type end_type)
{
    int brackets = 0;
    for (;;) {
        while (l->at < l->len && blank(l->s[l->at]))
            advance(l, 1);
        if (l->at >= l->len)
            return jj_fail(l->t, l->line, WT_EFORMAT, l->err, "the template ends before '%s'", end);
        const char c = l->s[l->at];
        const bool strips = (c == '-' || c == '+') && l->len - l->at > 2 && !memcmp(l->s + l->at + 1, end, 2);
        if (strips || (!brackets && looking_at(l, end))) {
            const bool strip = c == '-';
            advance(l, strips ? 3 : 2);
            if (strip)
                while (l->at < l->len && blank(l->s[l->at]))
                    advance(l, 1);
            else if (end_type == JT_BLOCK_END && c != '+' && l->at < l->len && l->s[l->at] == '\n')
                advance(l, 1); /* trim_blocks */
            return push(l, (jj_token){ .type = end_type });
        }
        brackets += c == '{' || c == '(' || c == '[';
        brackets -= (c == '}' || c == ')' || c == ']') && brackets > 0;
        if (c == '\'' || c == '"') {
            WT_TRY(lex_string(l));
        } else if (digit(c)) {
            WT_TRY(lex_number(l));
        } else if (starts_name(c)) {
            const size_t from = l->at;
            size_t to = from;
            while (to < l->len && (starts_name(l->s[to]) || digit(l->s[to])))
                to++;
            advance(l, to - from);
            WT_TRY(push(l, (jj_token){ .type = JT_NAME, .text = { l->s + from, to - from } }));
        } else {
            WT_TRY(lex_operator(l));
        }
    }
}

/* --- text between tags ---------------------------------------------------------------------------------------------
 */
static size_t find_tag(const lexer *l)
{
    for (size_t i = l->at; i + 1 < l->len; i++)
        if (l->s[i] == '{' && (l->s[i + 1] == '{' || l->s[i + 1] == '%' || l->s[i + 1] == '#'))
            return i;
    return l->len;
}

/* Where the text in front of a tag ends: "-" takes all white space, blocks and comments that begin a line their indent.
 */
static size_t text_end(const lexer *l, size_t tag)
{
    size_t end = tag;
    const char mark = tag + 2 < l->len ? l->s[tag + 2] : 0;
    if (tag >= l->len)
        return end;
    if (mark == '-') {
        while (end > l->at && blank(l->s[end - 1]))
            end--;
    } else if (l->s[tag + 1] != '{' && mark != '+') {
        size_t from = end;
        while (from > l->at && (l->s[from - 1] == ' ' || l->s[from - 1] == '\t'))
            from--;
        /* what l->at follows was a tag, unless the template begins there or a line does */
        if (from > 0 ? l->s[from - 1] == '\n' : true)
            end = from;
    }
    return end;
}

static wt_status emit_text(lexer *l, size_t end)
{
    if (end <= l->at)
        return WT_OK;
    return push(l, (jj_token){ .type = JT_DATA, .text = { l->s + l->at, end - l->at } });
}

static wt_status lex_comment(lexer *l)
{
    const int line = l->line;
    while (l->at < l->len && !looking_at(l, "#}"))
        advance(l, 1);
    if (l->at >= l->len)
        return jj_fail(l->t, line, WT_EFORMAT, l->err, "a comment does not end");
    const bool strip = l->s[l->at - 1] == '-';
    advance(l, 2);
    if (strip)
        while (l->at < l->len && blank(l->s[l->at]))
            advance(l, 1);
    else if (l->at < l->len && l->s[l->at] == '\n')
        advance(l, 1);
    return WT_OK;
}

/* {% raw %} ... {% endraw %}: only white space control is looked at inside. */
static bool begins_raw(const lexer *l)
{
    size_t i = l->at + 2;
    if (i < l->len && (l->s[i] == '-' || l->s[i] == '+'))
        i++;
    while (i < l->len && blank(l->s[i]))
        i++;
    return l->len - i > 3 && !memcmp(l->s + i, "raw", 3) && !starts_name(l->s[i + 3]);
}

static wt_status lex_raw(lexer *l)
{
    const int line = l->line;
    while (l->at + 1 < l->len && !looking_at(l, "%}"))
        advance(l, 1);
    const bool strip = l->s[l->at - 1] == '-';
    advance(l, 2);
    if (!strip && l->at < l->len && l->s[l->at] == '\n')
        advance(l, 1);
    while (strip && l->at < l->len && blank(l->s[l->at]))
        advance(l, 1);
    for (size_t i = l->at; i + 1 < l->len; i++) {
        if (l->s[i] != '{' || l->s[i + 1] != '%')
            continue;
        size_t k = i + 2;
        while (k < l->len && (blank(l->s[k]) || l->s[k] == '-' || l->s[k] == '+'))
            k++;
        if (l->len - k < 6 || memcmp(l->s + k, "endraw", 6))
            continue;
        WT_TRY(emit_text(l, text_end(l, i)));
        while (l->at < l->len && l->at < k)
            advance(l, 1);
        while (l->at + 1 < l->len && !looking_at(l, "%}"))
            advance(l, 1);
        const bool strip_after = l->s[l->at - 1] == '-';
        advance(l, l->at + 2 <= l->len ? 2 : l->len - l->at);
        if (!strip_after && l->at < l->len && l->s[l->at] == '\n')
            advance(l, 1);
        while (strip_after && l->at < l->len && blank(l->s[l->at]))
            advance(l, 1);
        return WT_OK;
    }
    return jj_fail(l->t, line, WT_EFORMAT, l->err, "'raw' is not ended by 'endraw'");
}

wt_status jj_lex(wt_template *t, jj_token **out, size_t *n, wt_err *err)
{
    lexer l = { .t = t, .s = t->source, .len = t->len, .line = 1, .err = err };
    if (l.len && l.s[l.len - 1] == '\n')
        l.len--; /* keep_trailing_newline is off */
    while (l.at < l.len) {
        const size_t tag = find_tag(&l);
        WT_TRY(emit_text(&l, text_end(&l, tag)));
        advance(&l, tag - l.at);
        if (l.at >= l.len)
            break;
        const char kind = l.s[l.at + 1];
        if (kind == '%' && begins_raw(&l)) {
            WT_TRY(lex_raw(&l));
            continue;
        }
        advance(&l, 2);
        if (l.at < l.len && (l.s[l.at] == '-' || l.s[l.at] == '+') && kind != '#')
            advance(&l, 1);
        if (kind == '#') {
            WT_TRY(lex_comment(&l));
        } else {
            WT_TRY(push(&l, (jj_token){ .type = kind == '{' ? JT_VAR_BEGIN : JT_BLOCK_BEGIN }));
            WT_TRY(lex_inside(&l, kind == '{' ? "}}" : "%}", kind == '{' ? JT_VAR_END : JT_BLOCK_END));
        }
    }
    WT_TRY(push(&l, (jj_token){ .type = JT_END }));
    *out = l.tokens;
    *n = l.n;
    return WT_OK;
}
