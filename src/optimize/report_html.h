/* report_html.h - members of a document on their way into a page: looked up, written for people, escaped.
 *
 * The page is HTML and well-formed XML at once (every element closed, every attribute quoted, no named entities but
 * XML's own), so that any parser of either reads it. Names come from strangers: all text goes through wt_html_text. */
#ifndef WT_REPORT_HTML_H
#define WT_REPORT_HTML_H
#include <jansson.h>
#include "base/str.h"

/* --- looking up: a path is names separated by dots; what is not there is NULL or NaN
 * -------------------------------------- */
const json_t *wt_js(const json_t *o, const char *path);
double wt_js_num(const json_t *o, const char *path);
const char *wt_js_str(const json_t *o, const char *path);
bool wt_js_true(const json_t *o, const char *path);
/* Element i of the array at path. */
double wt_js_item(const json_t *o, const char *path, size_t i);
/* The array at path and how many elements it has (0: none). */
const json_t *wt_js_list(const json_t *o, const char *path, size_t *n);

/* --- text
 * ---------------------------------------------------------------------------------------------------------------------
 */
/* Escaped; "-" for NULL and "". Control and direction-changing characters become U+FFFD: they could disguise a name. */
void wt_html_text(wt_buf *b, const char *s);
/* At most `most` characters, cut in the middle with an ellipsis: both ends of a name tell. */
void wt_html_short(wt_buf *b, const char *s, size_t most);

/* --- figures: small texts by value, safe in HTML; "-" for what is no finite number
 * ----------------------------------------- */
typedef struct wt_fig {
    char s[80];
} wt_fig;
wt_fig wt_fig_num(double v, int digits); /* significant digits, without exponent where that is short */
wt_fig wt_fig_fixed(double v, int places);
wt_fig wt_fig_ms(double ms);         /* "1.23 ms", "12.3 s" */
wt_fig wt_fig_bytes(double bytes);   /* "11.0 MB" */
wt_fig wt_fig_times(double ratio);   /* "2.9x" with the sign of multiplication */
wt_fig wt_fig_percent(double share); /* 0.998 -> "99.8 %" */
wt_fig wt_fig_count(double n);       /* "4 294 967", thin groups */
wt_fig wt_fig_unit(
    double v, const char *unit); /* "x", "ratio" (a share), "ms", "bytes", "dB", ...: any other unit stands behind */
/* "98.1 to 99.2" of a pair [lo, hi] in a unit; "-" when there is none. */
wt_fig wt_fig_range(const json_t *pair, const char *unit);
#endif
