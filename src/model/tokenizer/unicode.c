/* unicode.c - tables of characters and the normalization forms of Unicode's annex 15. */
#include "model/tokenizer/unicode.h"
#include <stdlib.h>
#include "model/tokenizer/unicode_tables.def"

enum { BLOCK_BITS = 7, BLOCK_MASK = (1 << BLOCK_BITS) - 1, STACK_MARKS = 64 };
/* Hangul syllables are composed by arithmetic. */
enum { S_BASE = 0xac00, L_BASE = 0x1100, V_BASE = 0x1161, T_BASE = 0x11a7, L_N = 19, V_N = 21, T_N = 28 };

wt_category wt_category_of(uint32_t code)
{
    if (WT_UNLIKELY(code >= WT_CODE_LIMIT))
        return WT_CN;
    return (wt_category)category_of[(size_t)category_block[code >> BLOCK_BITS] << BLOCK_BITS | (code & BLOCK_MASK)];
}

static uint8_t combining(uint32_t code)
{
    return combining_of[(size_t)combining_block[code >> BLOCK_BITS] << BLOCK_BITS | (code & BLOCK_MASK)];
}

/* The index of code in a sorted table, or n. */
static size_t find_code(const uint32_t *table, size_t n, uint32_t code)
{
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (table[middle] < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && table[low] == code ? low : n;
}

uint32_t wt_lower(uint32_t code)
{
    if (code < 0x80)
        return code >= 'A' && code <= 'Z' ? code + 32 : code;
    const size_t n = WT_ARRAY_LEN(lower_from), i = find_code(lower_from, n, code);
    return i < n ? lower_to[i] : code;
}

bool wt_is_word(uint32_t c)
{
    return wt_is(c, WT_WORD) || (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) ||
           (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
}

bool wt_is_cjk(uint32_t c)
{
    static const uint32_t ranges[][2] = { { 0x4e00, 0x9fff },   { 0x3400, 0x4dbf },   { 0x20000, 0x2a6df },
                                          { 0x2a700, 0x2b73f }, { 0x2b740, 0x2b81f }, { 0x2b920, 0x2ceaf },
                                          { 0xf900, 0xfaff },   { 0x2f800, 0x2fa1f } };
    for (size_t i = 0; i < WT_ARRAY_LEN(ranges); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

/* How many bytes of text[0..len) are the longest beginning of a character; *code is set when it is whole. */
static size_t utf8_scan(const uint8_t *p, size_t len, uint32_t *code)
{
    const uint8_t lead = p[0];
    *code = WT_CODE_LIMIT;
    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    if (lead < 0xc2 || lead > 0xf4)
        return 1;
    const size_t want = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t value = lead & (0x7fu >> want);
    size_t n = 1;
    for (; n < want && n < len; n++) {
        uint8_t low = 0x80, high = 0xbf;
        if (n == 1) { /* overlong forms, surrogates, beyond the last plane */
            low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
            high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        }
        if (p[n] < low || p[n] > high)
            return n;
        value = value << 6 | (p[n] & 0x3f);
    }
    if (n == want)
        *code = value;
    return n;
}

uint32_t wt_utf8_get(const char *text, size_t len, size_t at, size_t *size)
{
    uint32_t code;
    const size_t n = utf8_scan((const uint8_t *)text + at, len - at, &code);
    *size = code < WT_CODE_LIMIT ? n : 1;
    return code < WT_CODE_LIMIT ? code : WT_REPLACEMENT;
}

size_t wt_utf8_put(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
    return n;
}

void wt_buf_put(wt_buf *buf, uint32_t code)
{
    char bytes[4];
    wt_buf_add(buf, bytes, wt_utf8_put(bytes, code));
}

size_t wt_utf8_pending(const char *text, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        const uint8_t c = (uint8_t)text[len - back];
        if ((c & 0xc0) == 0x80)
            continue;
        uint32_t code;
        if (c < 0xc2 || c > 0xf4)
            return 0;
        return utf8_scan((const uint8_t *)text + len - back, back, &code) == back && code == WT_CODE_LIMIT ? back : 0;
    }
    return 0;
}

void wt_utf8_repair(wt_buf *out, const char *text, size_t len)
{
    size_t from = 0, at = 0;
    while (at < len) {
        uint32_t code;
        const size_t n = utf8_scan((const uint8_t *)text + at, len - at, &code);
        if (code == WT_CODE_LIMIT) {
            wt_buf_add(out, text + from, at - from);
            wt_buf_put(out, WT_REPLACEMENT);
            from = at + n;
        }
        at += n;
    }
    wt_buf_add(out, text + from, len - from);
}

/* --- normalization ---------------------------------------------------------------------------------------------------
 * Decomposed characters gather in `marks` until the next starter: then they are sorted by class, composed, written. */
typedef struct marks {
    wt_buf *out;
    uint32_t *codes, fixed[STACK_MARKS];
    size_t n, cap;
    bool compose;
    wt_err *err;
} marks;

static wt_status push_mark(marks *m, uint32_t code)
{
    if (m->n == m->cap) { /* a character with over 60 marks: only an attack has those */
        uint32_t *more = wt_alloc_raw(m->out->ctx, 2 * m->cap, sizeof *more, m->err);
        if (!more)
            return WT_ENOMEM;
        memcpy(more, m->codes, m->n * sizeof *more);
        if (m->codes != m->fixed)
            wt_free(m->out->ctx, m->codes);
        m->codes = more;
        m->cap *= 2;
    }
    m->codes[m->n++] = code;
    return WT_OK;
}

static uint32_t compose_two(uint32_t a, uint32_t b)
{
    if (a - L_BASE < L_N && b - V_BASE < V_N)
        return S_BASE + ((a - L_BASE) * V_N + (b - V_BASE)) * T_N;
    if (a - S_BASE < L_N * V_N * T_N && (a - S_BASE) % T_N == 0 && b - T_BASE - 1 < T_N - 1)
        return a + (b - T_BASE);
    const uint64_t pair = (uint64_t)a << 32 | b;
    size_t low = 0, high = WT_ARRAY_LEN(compose_pair);
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (compose_pair[middle] < pair)
            low = middle + 1;
        else
            high = middle;
    }
    return low < WT_ARRAY_LEN(compose_pair) && compose_pair[low] == pair ? compose_to[low] : 0;
}

/* Stable, by class; runs are short, and a long one is an attack that the merge sort of qsort would not survive better:
 * counting by class keeps it linear. */
static wt_status sort_marks(marks *m, size_t from, size_t to)
{
    if (to - from < 2)
        return WT_OK;
    if (to - from <= STACK_MARKS) {
        for (size_t i = from + 1; i < to; i++)
            for (size_t j = i; j > from && combining(m->codes[j - 1]) > combining(m->codes[j]); j--) {
                const uint32_t swap = m->codes[j];
                m->codes[j] = m->codes[j - 1];
                m->codes[j - 1] = swap;
            }
        return WT_OK;
    }
    size_t start[257] = { 0 };
    uint32_t *sorted = wt_alloc_raw(m->out->ctx, to - from, sizeof *sorted, m->err);
    if (!sorted)
        return WT_ENOMEM;
    for (size_t i = from; i < to; i++)
        start[combining(m->codes[i]) + 1]++;
    for (size_t i = 1; i < 257; i++)
        start[i] += start[i - 1];
    for (size_t i = from; i < to; i++)
        sorted[start[combining(m->codes[i])]++] = m->codes[i];
    memcpy(m->codes + from, sorted, (to - from) * sizeof *sorted);
    wt_free(m->out->ctx, sorted);
    return WT_OK;
}

/* Writes what has gathered; with `keep` the last starter and what follows stays, for the next may compose with it. */
static void compose_marks(marks *m)
{
    size_t starter = SIZE_MAX, n = 0;
    int last = -1; /* class of the last character behind the starter that was not composed */
    for (size_t i = 0; i < m->n; i++) {
        const uint32_t code = m->codes[i];
        const uint8_t class = combining(code);
        if (starter != SIZE_MAX && last < (int)class) {
            const uint32_t both = compose_two(m->codes[starter], code);
            if (both) {
                m->codes[starter] = both;
                continue;
            }
        }
        if (class == 0) {
            starter = n;
            last = -1;
        } else {
            last = class;
        }
        m->codes[n++] = code;
    }
    m->n = n;
}

static wt_status flush_marks(marks *m, bool keep)
{
    size_t first = 0;
    while (first < m->n && combining(m->codes[first]) == 0)
        first++;
    WT_TRY(sort_marks(m, first, m->n));
    if (m->compose)
        compose_marks(m);
    keep = keep && m->compose && m->n == 1 && combining(m->codes[0]) == 0;
    if (keep)
        return WT_OK; /* a Hangul syllable or a starter that composes with the next starter */
    for (size_t i = 0; i < m->n; i++)
        wt_buf_put(m->out, m->codes[i]);
    m->n = 0;
    return WT_OK;
}

static wt_status push_decomposed(marks *m, uint32_t code)
{
    if (combining(code) == 0 && m->n) {
        WT_TRY(flush_marks(m, true));
        if (m->n) { /* one starter is kept: does it compose with this one? */
            const uint32_t both = compose_two(m->codes[0], code);
            if (both) {
                m->codes[0] = both;
                return WT_OK;
            }
            WT_TRY(flush_marks(m, false));
        }
    }
    return push_mark(m, code);
}

static wt_status push_table(marks *m, const uint32_t *pool, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        WT_TRY(push_decomposed(m, pool[i]));
    return WT_OK;
}

static wt_status push_code(marks *m, uint32_t code, bool compat)
{
    if (code - S_BASE < L_N * V_N * T_N) {
        const uint32_t s = code - S_BASE;
        WT_TRY(push_decomposed(m, L_BASE + s / (V_N * T_N)));
        WT_TRY(push_decomposed(m, V_BASE + s % (V_N * T_N) / T_N));
        return s % T_N ? push_decomposed(m, T_BASE + s % T_N) : WT_OK;
    }
    size_t n = WT_ARRAY_LEN(compatible_code), i = compat ? find_code(compatible_code, n, code) : n;
    if (i < n)
        return push_table(m, compatible_pool, compatible_start[i], compatible_start[i + 1]);
    n = WT_ARRAY_LEN(canonical_code);
    i = find_code(canonical_code, n, code);
    if (i < n)
        return push_table(m, canonical_pool, canonical_start[i], canonical_start[i + 1]);
    return push_decomposed(m, code);
}

wt_status wt_normalize(wt_buf *out, const char *text, size_t len, wt_norm_form form, wt_err *err)
{
    marks m = { .out = out, .cap = STACK_MARKS, .compose = form == WT_NFC || form == WT_NFKC, .err = err };
    m.codes = m.fixed;
    wt_status st = WT_OK;
    size_t at = 0, size = 0;
    while (at < len && st == WT_OK) {
        size_t plain = at; /* ASCII in front of ASCII is itself in every form */
        while (plain < len && (uint8_t)text[plain] < 0x80)
            plain++;
        plain -= plain > at && plain < len;
        if (plain > at) {
            st = flush_marks(&m, false);
            wt_buf_add(out, text + at, plain - at);
            at = plain;
            continue;
        }
        const uint32_t code = wt_utf8_get(text, len, at, &size);
        st = push_code(&m, code, form == WT_NFKC || form == WT_NFKD);
        at += size;
    }
    if (st == WT_OK)
        st = flush_marks(&m, false);
    if (m.codes != m.fixed)
        wt_free(out->ctx, m.codes);
    return st == WT_OK ? wt_buf_status(out, err) : st;
}
