/* report_html.c - see report_html.h. */
#include "optimize/report_html.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- looking up
 * -------------------------------------------------------------------------------------------------------------- */

const json_t *wt_js(const json_t *o, const char *path)
{
    char key[64];
    while (o && path) {
        const char *dot = strchr(path, '.');
        const size_t n = dot ? (size_t)(dot - path) : strlen(path);
        if (n >= sizeof key)
            return NULL;
        memcpy(key, path, n);
        key[n] = 0;
        o = json_object_get(o, key);
        path = dot ? dot + 1 : NULL;
    }
    return json_is_null(o) ? NULL : o;
}

double wt_js_num(const json_t *o, const char *path)
{
    const json_t *v = wt_js(o, path);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

const char *wt_js_str(const json_t *o, const char *path) { return json_string_value(wt_js(o, path)); }
bool wt_js_true(const json_t *o, const char *path) { return json_is_true(wt_js(o, path)); }

double wt_js_item(const json_t *o, const char *path, size_t i)
{
    const json_t *v = json_array_get(wt_js(o, path), i);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

const json_t *wt_js_list(const json_t *o, const char *path, size_t *n)
{
    const json_t *list = wt_js(o, path);
    *n = json_array_size(list); /* 0 for what is no array */
    return list;
}

/* --- text
 * ----------------------------------------------------------------------------------------------------------------------
 */

enum { BAD = 0xffff }; /* no character: what is not UTF-8, or was cut */

static size_t decode(const char *s, uint32_t *c)
{
    const unsigned char *p = (const unsigned char *)s;
    const size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    *c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    if (n > 1 && (p[0] < 0xc2 || p[0] > 0xf4)) {
        *c = BAD;
        return 1;
    }
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            *c = BAD;
            return i;
        }
        *c = *c << 6 | (p[i] & 0x3f);
    }
    return n;
}

/* Characters that XML forbids, or that hide or turn the text around them. */
static bool unwanted(uint32_t c)
{
    return (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c < 0xe000) ||
           (c & 0xfffe) == 0xfffe || c == 0xad || c == 0x061c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

static void put_character(wt_buf *b, const char *s, size_t n, uint32_t c)
{
    switch (c) {
    case '&': wt_buf_puts(b, "&amp;"); return;
    case '<': wt_buf_puts(b, "&lt;"); return;
    case '>': wt_buf_puts(b, "&gt;"); return;
    case '"': wt_buf_puts(b, "&quot;"); return;
    case '\'': wt_buf_puts(b, "&#39;"); return;
    default: break;
    }
    if (unwanted(c))
        wt_buf_puts(b, "\xef\xbf\xbd");
    else
        wt_buf_add(b, s, n);
}

static void put_range(wt_buf *b, const char *s, size_t from, size_t to)
{
    uint32_t c;
    size_t n;
    for (size_t i = 0; *s && i < to; s += n, i++) {
        n = decode(s, &c);
        if (i >= from)
            put_character(b, s, n, c);
    }
}

void wt_html_text(wt_buf *b, const char *s)
{
    if (!s || !*s)
        wt_buf_puts(b, "-");
    else
        put_range(b, s, 0, SIZE_MAX);
}

void wt_html_short(wt_buf *b, const char *s, size_t most)
{
    uint32_t c;
    size_t length = 0;
    for (const char *p = s; p && *p; p += decode(p, &c))
        length++;
    if (length <= most) {
        wt_html_text(b, s);
        return;
    }
    const size_t head = most / 3, tail = most - head - 1;
    put_range(b, s, 0, head);
    wt_buf_puts(b, "\xe2\x80\xa6");
    put_range(b, s, length - tail, SIZE_MAX);
}

/* --- figures
 * ----------------------------------------------------------------------------------------------------------------------
 */

static const char nbsp[] = "\xc2\xa0"; /* no-break space: a number and its unit stay on one line */

static wt_fig none(void) { return (wt_fig){ "-" }; }

/* printf's number whatever the locale of the program says about decimal points. */
wt_fig wt_fig_fixed(double v, int places)
{
    wt_fig f;
    if (!isfinite(v) || fabs(v) >= 1e15)
        return isfinite(v) ? wt_fig_num(v, 3) : none();
    snprintf(f.s, sizeof f.s, "%.*f", places, v);
    bool digits = false;
    for (char *p = f.s; *p; p++) {
        if (!(*p >= '0' && *p <= '9') && *p != '-')
            *p = '.';
        digits = digits || (*p >= '1' && *p <= '9');
    }
    if (f.s[0] == '-' && !digits) /* no -0.00 */
        memmove(f.s, f.s + 1, strlen(f.s));
    return f;
}

wt_fig wt_fig_num(double v, int digits)
{
    wt_fig f;
    if (!isfinite(v))
        return none();
    const double a = fabs(v);
    if (a != 0 && (a < 1e-4 || a >= 1e9)) {
        snprintf(f.s, sizeof f.s, "%.*e", digits - 1, v);
        for (char *p = f.s; *p; p++)
            *p = *p == ',' ? '.' : *p;
        return f;
    }
    const int before = a < 1 ? (a == 0 ? 1 : (int)floor(log10(a)) + 1) : (int)floor(log10(a) + 1e-12) + 1;
    const int places = digits - before;
    return wt_fig_fixed(v, places < 0 ? 0 : places);
}

static wt_fig with_unit(wt_fig number, const char *unit)
{
    wt_fig f;
    snprintf(f.s, sizeof f.s, "%.40s%s%.20s", number.s, *unit ? nbsp : "", unit);
    return f;
}

wt_fig wt_fig_ms(double ms)
{
    if (!isfinite(ms))
        return none();
    return ms >= 9999.5                   ? with_unit(wt_fig_num(ms / 1000, 3), "s")
           : ms != 0 && fabs(ms) < 0.0995 ? with_unit(wt_fig_num(ms * 1000, 3), "\xc2\xb5s")
                                          : with_unit(wt_fig_num(ms, 3), "ms");
}

wt_fig wt_fig_bytes(double bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    size_t i = 0;
    if (!isfinite(bytes))
        return none();
    for (; fabs(bytes) >= 999.5 && i + 1 < WT_ARRAY_LEN(units); i++)
        bytes /= 1000;
    return with_unit(i ? wt_fig_num(bytes, 3) : wt_fig_fixed(bytes, 0), units[i]);
}

wt_fig wt_fig_times(double ratio)
{
    wt_fig f;
    if (!isfinite(ratio))
        return none();
    snprintf(f.s, sizeof f.s, "%.40s\xc3\x97",
             (ratio == floor(ratio) ? wt_fig_fixed(ratio, 0) : wt_fig_num(ratio, 3)).s);
    return f;
}

/* Two digits behind the point only where the first would hide the difference to 100 %. */
wt_fig wt_fig_percent(double share)
{
    const double p = 100 * share;
    if (!isfinite(share))
        return none();
    const int places = fabs(p) < 10 || (fabs(p) > 99.9 && fabs(p) < 99.995) ? 2 : 1;
    return with_unit(fabs(p - floor(p + 0.5)) < 1e-7 ? wt_fig_fixed(p, 0) : wt_fig_fixed(p, places), "%");
}

wt_fig wt_fig_count(double n)
{
    wt_fig f;
    char digits[32];
    if (!isfinite(n) || fabs(n) >= 1e15)
        return wt_fig_num(n, 4);
    snprintf(digits, sizeof digits, "%.0f", n);
    size_t to = 0;
    for (size_t i = 0, len = strlen(digits); i < len && to + 6 < sizeof f.s; i++) {
        f.s[to++] = digits[i];
        if ((len - i - 1) % 3 == 0 && i + 1 < len && digits[i] != '-' && len > 4) {
            memcpy(f.s + to, "\xe2\x80\xaf", 3); /* narrow no-break space */
            to += 3;
        }
    }
    f.s[to] = 0;
    return f;
}

wt_fig wt_fig_unit(double v, const char *unit)
{
    if (!unit || !*unit)
        return isfinite(v) && fabs(v) < 1e6 && v == floor(v) ? wt_fig_fixed(v, 0) : wt_fig_num(v, 4);
    if (!strcmp(unit, "x") || !strcmp(unit, "\xc3\x97") || !strcmp(unit, "times"))
        return wt_fig_times(v);
    if (!strcmp(unit, "share") || !strcmp(unit, "ratio") || !strcmp(unit, "fraction") || !strcmp(unit, "%"))
        return wt_fig_percent(v);
    if (!strcmp(unit, "ms"))
        return wt_fig_ms(v);
    if (!strcmp(unit, "bytes") || !strcmp(unit, "B"))
        return wt_fig_bytes(v);
    if (!isfinite(v))
        return none();
    if (!strcmp(unit, "dB"))
        return with_unit(wt_fig_fixed(v, 1), "dB");
    for (const char *p = unit; *p; p++) /* a word of a stranger: letters and a few signs only */
        if (!((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') && !strchr("/%0123456789", *p))
            return wt_fig_num(v, 4);
    return with_unit(wt_fig_num(v, 3), unit);
}

wt_fig wt_fig_range(const json_t *pair, const char *unit)
{
    wt_fig f;
    const json_t *lo = json_array_get(pair, 0), *hi = json_array_get(pair, 1);
    if (!json_is_number(lo) || !json_is_number(hi))
        return none();
    wt_fig a = wt_fig_unit(json_number_value(lo), unit), b = wt_fig_unit(json_number_value(hi), unit);
    char *unit_a = strstr(a.s, nbsp), *unit_b = strstr(b.s, nbsp);
    if (unit_a && unit_b && !strcmp(unit_a, unit_b))
        *unit_a = 0; /* one unit for both */
    snprintf(f.s, sizeof f.s, "%.36s \xe2\x80\x93 %.36s", a.s, b.s);
    return f;
}
