/* str.c - growing buffers, and the few questions about text that the library asks. */
#include "base/str.h"
#include <stdio.h>

void wt_buf_init(wt_buf *buf, wt_context *ctx)
{
    memset(buf, 0, sizeof *buf);
    buf->ctx = ctx;
}

void wt_buf_free(wt_buf *buf)
{
    if (buf->ctx)
        wt_free(buf->ctx, buf->data);
    wt_buf_init(buf, buf->ctx);
}

/* Room for len more bytes and a NUL behind them. */
static bool reserve(wt_buf *buf, size_t len)
{
    size_t need;
    void *data = buf->data;
    if (buf->failed)
        return false;
    buf->failed = wt_add_overflows(buf->len, len, &need) || wt_add_overflows(need, 1, &need) ||
                  wt_grow(buf->ctx, &data, &buf->cap, need, 1, NULL) != WT_OK;
    buf->data = data;
    return !buf->failed;
}

void wt_buf_add(wt_buf *buf, const void *bytes, size_t len)
{
    if (!reserve(buf, len))
        return;
    if (len)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = 0;
}

void wt_buf_puts(wt_buf *buf, const char *s) { wt_buf_add(buf, s, strlen(s)); }

void wt_buf_printf(wt_buf *buf, const char *fmt, ...)
{
    char small[256]; /* most pieces: formatted once */
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    if (n < 0) {
        buf->failed = true;
    } else if ((size_t)n < sizeof small) {
        wt_buf_add(buf, small, (size_t)n);
    } else if (reserve(buf, (size_t)n)) {
        va_start(args, fmt);
        vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, args);
        va_end(args);
        buf->len += (size_t)n;
    }
}

wt_status wt_buf_status(const wt_buf *buf, wt_err *err)
{
    if (!buf->failed)
        return WT_OK;
    char size[32];
    return wt_fail(err, WT_ENOMEM, "out of memory: a text could not grow beyond %s",
                   wt_human_bytes(buf->len, size, sizeof size));
}

bool wt_str_starts(const char *s, const char *prefix) { return strncmp(s, prefix, strlen(prefix)) == 0; }

bool wt_str_ends(const char *s, const char *suffix)
{
    const size_t n = strlen(s), k = strlen(suffix);
    return k <= n && memcmp(s + n - k, suffix, k) == 0;
}

/* Matches c against the set that begins behind '['; sets *end behind its ']', or NULL when the set never closes. */
static bool set_match(const char *p, char c, const char **end)
{
    const bool negated = *p == '!' || *p == '^';
    bool hit = false;
    *end = NULL;
    p += negated;
    for (bool first = true; *p && (first || *p != ']'); first = false) { /* "[]...": a leading ] is a member */
        const unsigned char low = (unsigned char)*p++;
        unsigned char high = low;
        if (p[0] == '-' && p[1] && p[1] != ']') {
            high = (unsigned char)p[1];
            p += 2;
        }
        hit |= low <= (unsigned char)c && (unsigned char)c <= high;
    }
    if (*p == ']')
        *end = p + 1;
    return hit != negated;
}

/* Matches one pattern element at p against c; answers what follows the element, or NULL. */
static const char *match_one(const char *p, char c)
{
    if (*p == '?')
        return p + 1;
    if (*p == '[') {
        const char *end;
        const bool hit = set_match(p + 1, c, &end);
        if (end)
            return hit ? end : NULL; /* without a closing ], '[' stands for itself */
    }
    return *p && *p == c ? p + 1 : NULL;
}

/* Only the last star needs to be remembered: an earlier one cannot help a later mismatch. So time is at most
 * the product of the lengths, whatever the pattern. */
bool wt_glob_match(const char *pattern, const char *s)
{
    const char *star = NULL, *resume = NULL;
    while (*s) {
        const char *next;
        if (*pattern == '*') {
            star = ++pattern;
            resume = s;
        } else if ((next = match_one(pattern, *s)) != NULL) {
            pattern = next;
            s++;
        } else if (star) {
            pattern = star;
            s = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == 0;
}

bool wt_utf8_valid(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s, *end = p + len;
    while (p < end) {
        const unsigned c = *p;
        const size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (c == 0 || (c >= 0x80 && c < 0xc2) || c > 0xf4 || n > (size_t)(end - p))
            return false;
        for (size_t i = 1; i < n; i++)
            if ((p[i] & 0xc0) != 0x80)
                return false;
        if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
            (c == 0xf4 && p[1] > 0x8f))
            return false; /* overlong, surrogate, beyond U+10FFFF */
        p += n;
    }
    return true;
}

const char *wt_human_bytes(uint64_t bytes, char *out, size_t size)
{
    static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
    if (bytes < 1000) {
        snprintf(out, size, "%u B", (unsigned)bytes);
        return out;
    }
    double value = (double)bytes / 1000;
    size_t unit = 0;
    while (value >= 999.95 && unit + 1 < WT_ARRAY_LEN(units)) { /* 999.95 would print as 1000.0 */
        value /= 1000;
        unit++;
    }
    snprintf(out, size, "%.1f %s", value, units[unit]);
    return out;
}
