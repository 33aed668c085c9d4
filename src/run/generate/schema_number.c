/* schema_number.c - numbers between bounds, digit by digit. */
#include <math.h>
#include <stdio.h>
#include "run/generate/schema.h"

enum { DIGITS = 16 }; /* a number has at most so many before its point */
#define MOST INT64_C(9999999999999999)

/* Sizes without sign: lo..hi, with or without the ends. */
typedef struct span {
    int64_t lo, hi;
    bool open_lo, open_hi;
} span;

/* Texts of n digits from a to b (of n digits each). */
static void digits(const char *a, const char *b, size_t n, wt_buf *out)
{
    if (!n)
        return;
    if (a[0] == b[0]) {
        wt_buf_printf(out, "\"%c\" ", a[0]);
        digits(a + 1, b + 1, n - 1, out);
        return;
    }
    const bool low = strspn(a + 1, "0") < n - 1, high = strspn(b + 1, "9") < n - 1; /* the ends are cut somewhere */
    const char from = (char)(a[0] + low), to = (char)(b[0] - high);
    bool first = true;
    wt_buf_puts(out, "(");
    if (low) {
        wt_buf_printf(out, "\"%c\" ", a[0]);
        digits(a + 1, "9999999999999999999", n - 1, out);
        first = false;
    }
    if (from <= to) {
        wt_buf_printf(out, "%s[%c-%c] [0-9]{%zu}", first ? "" : " | ", from, to, n - 1);
        first = false;
    }
    if (high) {
        wt_buf_printf(out, "%s\"%c\" ", first ? "" : " | ", b[0]);
        digits("0000000000000000000", b + 1, n - 1, out);
    }
    wt_buf_puts(out, ") ");
}

/* The whole numbers lo..hi without leading zeros, in brackets. */
static void wholes(int64_t lo, int64_t hi, wt_buf *out)
{
    bool first = true;
    wt_buf_puts(out, "(");
    for (int64_t top = 9, n = 1; n <= DIGITS; n++, top = top * 10 + 9) {
        const int64_t bottom = n == 1 ? 0 : top / 10 + 1, a = lo > bottom ? lo : bottom, b = hi < top ? hi : top;
        char from[24], to[24];
        if (a > b)
            continue;
        snprintf(from, sizeof from, "%lld", (long long)a);
        snprintf(to, sizeof to, "%lld", (long long)b);
        wt_buf_puts(out, first ? "" : " | ");
        first = false;
        digits(from, to, (size_t)n, out);
    }
    wt_buf_puts(out, ")");
}

/* The reals of a span: whole parts strictly inside may have any fraction, the ends only what stays within. */
static void reals(const span *p, wt_buf *out)
{
    const int64_t from = p->lo + p->open_lo;
    bool first = true;
    if (from < p->hi) {
        wholes(from, p->hi - 1, out);
        wt_buf_puts(out, " (\".\" [0-9]{1,16})?");
        first = false;
    }
    if (p->open_lo && p->lo < p->hi) { /* a fraction that is not zero */
        wt_buf_puts(out, first ? "" : " | ");
        wholes(p->lo, p->lo, out);
        wt_buf_puts(out, " \".\" \"0\"{0,15} [1-9] [0-9]{0,15}");
        first = false;
    }
    if (!p->open_hi && !(p->open_lo && p->lo == p->hi)) {
        wt_buf_puts(out, first ? "" : " | ");
        wholes(p->hi, p->hi, out);
        wt_buf_puts(out, " (\".\" \"0\"{1,16})?");
    }
}

static bool is_empty(const span *p) { return p->lo > p->hi || (p->lo == p->hi && (p->open_lo || p->open_hi)); }

/* --- bounds --------------------------------------------------------------------------------------------------------
 */
typedef struct bounds {
    bool has_lo, has_hi;
    span at;
} bounds;

static wt_status one_bound(wt_schema *s, json_t *schema, const char *name, bool low, bool integer, bounds *b)
{
    json_t *v = json_object_get(schema, name);
    if (!v)
        return WT_OK;
    if (!json_is_number(v))
        return wt_schema_wrong(s, "'%s' is not a number", name);
    bool open = name[0] == 'e';
    double at = json_number_value(v);
    if (!(fabs(at) < 1e15))
        return wt_schema_refuse(s, "'%s' beyond 10^15 is not supported", name);
    if (at != floor(at)) {
        if (!integer)
            return wt_schema_refuse(s, "'%s' that is not a whole number is not supported for numbers", name);
        at = low ? ceil(at) : floor(at);
        open = false;
    }
    int64_t whole = (int64_t)at;
    if (integer && open) {
        whole += low ? 1 : -1;
        open = false;
    }
    bool *has = low ? &b->has_lo : &b->has_hi, *is_open = low ? &b->at.open_lo : &b->at.open_hi;
    int64_t *have = low ? &b->at.lo : &b->at.hi;
    if (!*has || (low ? whole > *have : whole < *have) || (whole == *have && open)) {
        *have = whole;
        *is_open = open;
    }
    *has = true;
    return WT_OK;
}

wt_status wt_schema_number(wt_schema *s, json_t *schema, bool integer, wt_buf *out)
{
    bounds b = { .at = { -MOST, MOST, false, false } };
    WT_TRY(one_bound(s, schema, "minimum", true, integer, &b));
    WT_TRY(one_bound(s, schema, "exclusiveMinimum", true, integer, &b));
    WT_TRY(one_bound(s, schema, "maximum", false, integer, &b));
    WT_TRY(one_bound(s, schema, "exclusiveMaximum", false, integer, &b));
    if (!b.has_lo && !b.has_hi) {
        wt_buf_puts(out, integer ? "integer" : "number");
        return WT_OK;
    }
    const span at = b.at;
    if (is_empty(&at))
        return wt_schema_wrong(s, "no number lies between the bounds");
    const span above = { at.lo > 0 ? at.lo : 0, at.hi, at.lo >= 0 && at.open_lo, at.open_hi };
    const span below = { at.hi < 0 ? -at.hi : integer, -at.lo, at.hi <= 0 && at.open_hi, at.open_lo };
    const bool up = !is_empty(&above), down = at.lo < 0 && !is_empty(&below);
    if (up && integer)
        wholes(above.lo, above.hi, out);
    else if (up)
        reals(&above, out);
    if (!down)
        return WT_OK;
    wt_buf_puts(out, up ? " | \"-\" (" : "\"-\" (");
    if (integer)
        wholes(below.lo, below.hi, out);
    else
        reals(&below, out);
    wt_buf_puts(out, ")");
    return WT_OK;
}
