/* report_verdict.c - the top of the report: passed or not, what was gained, and which gates were asked. */
#include "optimize/report_impl.h"
#include <math.h>
#include <stdio.h>

void wt_report_mark(wt_buf *b, bool good)
{
    wt_buf_printf(b,
                  "<svg class=\"mark %s\" viewBox=\"0 0 20 20\" role=\"img\" aria-label=\"%s\"><path d=\"%s\" "
                  "fill=\"none\" stroke=\"currentColor\" "
                  "stroke-width=\"2.4\" stroke-linecap=\"round\" stroke-linejoin=\"round\"/></svg>",
                  good ? "ok" : "no", good ? "passed" : "failed",
                  good ? "M4 10.6 8.2 15 16 5.6" : "M5 5 15 15M15 5 5 15");
}

/* --- tiles
 * -----------------------------------------------------------------------------------------------------------------------
 */

typedef struct tile {
    const char *title;
    wt_fig big, from, to;
    bool worse;
} tile;

static void put_tile(wt_buf *b, const tile *t)
{
    wt_buf_printf(b,
                  "<div class=\"tile%s\"><div class=\"n\">%s</div><div class=\"k\">%s</div><div class=\"w\">%s "
                  "\xe2\x86\x92 <b>%s</b></div></div>\n",
                  t->worse ? " worse" : "", t->big.s, t->title, t->from.s, t->to.s);
}

/* A figure of both stages; false when one has none. */
static bool both(const wt_report *r, const char *path, double *a, double *b)
{
    *a = wt_js_num(r->base, path);
    *b = wt_js_num(r->best, path);
    return isfinite(*a) && isfinite(*b) && *a > 0;
}

static void put_tiles(const wt_report *r, wt_buf *b)
{
    double from, to;
    wt_buf_puts(b, "<div class=\"tiles\">\n");
    if (both(r, "latency_ms.p50", &from, &to) && to > 0)
        put_tile(b, &(tile){ "as fast", wt_fig_times(from / to), wt_fig_ms(from), wt_fig_ms(to), to > from });
    if (both(r, "size_bytes", &from, &to))
        put_tile(b, &(tile){ "of the file size", wt_fig_percent(to / from), wt_fig_bytes(from), wt_fig_bytes(to),
                             to > from });
    if (both(r, "peak_memory_bytes", &from, &to))
        put_tile(
            b, &(tile){ "of the memory", wt_fig_percent(to / from), wt_fig_bytes(from), wt_fig_bytes(to), to > from });
    if (both(r, "accuracy.value", &from, &to)) {
        const double kept = r->higher_is_better ? to / from : from / to;
        put_tile(b, &(tile){ "of the accuracy kept", wt_fig_percent(kept), wt_fig_unit(from, r->metric_unit),
                             wt_fig_unit(to, r->metric_unit), kept < 0.95 });
    }
    wt_buf_puts(b, "</div>\n");
}

/* --- the verdict
 * -------------------------------------------------------------------------------------------------------------------
 */

static size_t failed_gates(const wt_report *r)
{
    size_t n, failed = 0;
    const json_t *gates = wt_js_list(r->doc, "gates", &n);
    for (size_t i = 0; i < n; i++)
        failed += !wt_js_true(json_array_get(gates, i), "passed");
    return failed;
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash && slash[1] ? slash + 1 : path;
}

/* "recognizer.onnx became recognizer.int8.onnx, measured on 240 held-out samples." from what of it is known. */
static void put_subtitle(const wt_report *r, wt_buf *b)
{
    const char *model = base_name(wt_js_str(r->doc, "model.path")),
               *artifact = base_name(wt_js_str(r->best, "artifact"));
    const char *cpu = wt_js_str(r->doc, "hardware.cpu.model");
    const double held_out = wt_js_num(r->doc, "data.held_out.samples");
    if (!model && !artifact)
        return;
    wt_buf_puts(b, "<p class=\"sub\">");
    wt_html_text(b, model ? model : artifact);
    if (model && artifact && strcmp(model, artifact)) {
        wt_buf_puts(b, " became ");
        wt_html_text(b, artifact);
    }
    if (isfinite(held_out))
        wt_buf_printf(b, ", judged on %s samples that calibration never saw", wt_fig_count(held_out).s);
    if (cpu) {
        wt_buf_puts(b, ", measured on ");
        wt_html_text(b, cpu);
    }
    wt_buf_puts(b, ".</p>\n");
}

/* The summary is plain text: a number stays with its sign, and 3x becomes 3 times. */
static void put_prose(wt_buf *b, const char *s)
{
    for (char one[2] = { 0 }, before = 0; *s; before = *s++) {
        const bool digit = before >= '0' && before <= '9';
        if (digit && *s == ' ' && s[1] == '%') {
            wt_buf_puts(b, "\xc2\xa0");
        } else if (digit && *s == 'x' && (!s[1] || strchr(" ,.;:", s[1]))) {
            wt_buf_puts(b, "\xc3\x97");
        } else {
            one[0] = *s;
            wt_buf_puts(b, one);
        }
    }
}

static void put_summary(const wt_report *r, const char *summary, wt_buf *b)
{
    wt_buf prose;
    wt_buf_init(&prose, r->ctx);
    put_prose(&prose, summary);
    b->failed = b->failed || prose.failed;
    wt_html_text(b, prose.data);
    wt_buf_free(&prose);
}

/* A gate without a unit that asks for one is a question with yes or no. */
static bool yes_or_no(const json_t *g, double threshold, double value)
{
    const char *unit = wt_js_str(g, "unit");
    return (!unit || !*unit) && threshold == 1 && (value == 0 || value == 1);
}

/* Speed: 1.2x, at least 2x was asked. */
static void put_failures(const wt_report *r, wt_buf *b)
{
    size_t n;
    const json_t *gates = wt_js_list(r->doc, "gates", &n);
    for (size_t i = 0; i < n; i++) {
        const json_t *g = json_array_get(gates, i);
        const char *title = wt_js_str(g, "title"), *comparison = wt_js_str(g, "comparison"),
                   *unit = wt_js_str(g, "unit");
        const double value = wt_js_num(g, "value"), threshold = wt_js_num(g, "threshold");
        if (wt_js_true(g, "passed"))
            continue;
        wt_buf_puts(b, "<p class=\"miss\">");
        wt_html_text(b, title ? title : wt_js_str(g, "name"));
        if (yes_or_no(g, threshold, value))
            wt_buf_puts(b, ": no.</p>\n");
        else
            wt_buf_printf(b, ": %s, %s %s was asked.</p>\n", wt_fig_unit(value, unit).s,
                          comparison && comparison[0] == '<' ? "at most" : "at least", wt_fig_unit(threshold, unit).s);
    }
}

static void put_headline(const wt_report *r, wt_buf *b, bool known, bool passed)
{
    const char *summary = wt_js_str(r->doc, "verdict.summary");
    wt_buf_puts(b, "<h1>");
    if (summary && *summary)
        put_summary(r, summary, b);
    else
        wt_buf_puts(b, !known ? "No verdict was recorded" : passed ? "All gates passed" : "Not all gates passed");
    wt_buf_puts(b, "</h1>\n");
}

static void put_warnings(const wt_report *r, wt_buf *b)
{
    size_t n;
    const json_t *list = wt_js_list(r->doc, "warnings", &n);
    for (size_t i = 0; i < n; i++) {
        wt_buf_puts(b, "<p class=\"note\">");
        wt_html_text(b, json_string_value(json_array_get(list, i)));
        wt_buf_puts(b, "</p>\n");
    }
}

void wt_report_hero(const wt_report *r, wt_buf *b)
{
    size_t n;
    const json_t *verdict = wt_js(r->doc, "verdict.passed");
    const bool known = json_is_boolean(verdict), passed = json_is_true(verdict);
    const size_t failed = failed_gates(r);
    wt_js_list(r->doc, "gates", &n);
    wt_buf_printf(b, "<header class=\"hero\">\n<span class=\"badge %s\">",
                  !known   ? "unknown"
                  : passed ? "pass"
                           : "fail");
    if (known)
        wt_report_mark(b, passed);
    wt_buf_puts(b, !known ? "NO VERDICT" : passed ? "PASS" : "FAIL");
    if (known && n && failed)
        wt_buf_printf(b, " \xc2\xb7 %zu of %zu gates failed", failed, n);
    else if (known && n)
        wt_buf_printf(b, " \xc2\xb7 all %zu gates", n);
    wt_buf_puts(b, "</span>\n");
    put_headline(r, b, known, passed);
    if (known && !passed)
        put_failures(r, b);
    put_subtitle(r, b);
    put_warnings(r, b);
    if (r->base && r->best)
        put_tiles(r, b);
    wt_buf_puts(b, "</header>\n");
}

/* --- gates
 * ---------------------------------------------------------------------------------------------------------------------------
 */

static void put_gate(wt_buf *b, const json_t *g)
{
    const char *title = wt_js_str(g, "title"), *comparison = wt_js_str(g, "comparison"),
               *detail = wt_js_str(g, "detail");
    const char *unit = wt_js_str(g, "unit");
    const double threshold = wt_js_num(g, "threshold"), value = wt_js_num(g, "value");
    const bool passed = wt_js_true(g, "passed"), question = yes_or_no(g, threshold, value),
               most = comparison && comparison[0] == '<';
    wt_buf_printf(b, "<li class=\"gate%s\">", passed ? "" : " no");
    wt_report_mark(b, passed);
    wt_buf_puts(b, "<span class=\"t\">");
    wt_html_text(b, title ? title : wt_js_str(g, "name"));
    if (wt_js_true(g, "loosened"))
        wt_buf_puts(b, " <span class=\"tag unknown\">loosened</span>");
    wt_buf_printf(b, "</span><span class=\"v\">%s</span><span></span><span class=\"d\">",
                  question ? (value == 1 ? "yes" : "no") : wt_fig_unit(value, unit).s);
    if (detail && *detail)
        wt_html_text(b, detail);
    wt_buf_puts(b, "</span><span class=\"c\">");
    if (question)
        wt_buf_puts(b, "must be yes");
    else
        wt_buf_printf(b, "%s %s", most ? "at most" : "at least", wt_fig_unit(threshold, unit).s);
    if (json_is_array(wt_js(g, "ci95")))
        wt_buf_printf(b, "<br/>95 %%: %s", wt_fig_range(wt_js(g, "ci95"), unit).s);
    wt_buf_puts(b, "</span></li>\n");
}

void wt_report_gates(const wt_report *r, wt_buf *b)
{
    size_t n;
    const json_t *gates = wt_js_list(r->doc, "gates", &n);
    if (!n)
        return;
    wt_buf_puts(b, "<ul class=\"gates\">\n");
    for (int pass = 0; pass < 2; pass++) /* what failed comes first */
        for (size_t i = 0; i < n; i++)
            if (wt_js_true(json_array_get(gates, i), "passed") == (pass == 1))
                put_gate(b, json_array_get(gates, i));
    wt_buf_puts(b, "</ul>\n");
}
