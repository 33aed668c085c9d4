/* report_chart.c - see report_chart.h. */
#include "optimize/report_chart.h"
#include <math.h>
#include <stdio.h>

enum { AXIS_ROOM = 26, MOST_BINS = 140 };

/* --- axes
 * ----------------------------------------------------------------------------------------------------------------------
 */

/* The 1-2-5 step that makes at most `most` steps of a span. */
static double round_step(double span, size_t most)
{
    const double raw = span / (double)most, ten = pow(10, floor(log10(raw)));
    const double m = raw / ten;
    return (m <= 1.0000001 ? 1 : m <= 2.0000001 ? 2 : m <= 5.0000001 ? 5 : 10) * ten;
}

wt_axis wt_axis_linear(double lo, double hi)
{
    lo = isfinite(lo) ? lo : 0;
    hi = isfinite(hi) ? hi : 1;
    if (!(hi - lo > fabs(hi) * 1e-9)) {
        const double d = fabs(hi) > 1e-12 ? fabs(hi) * 0.05 : 1;
        hi += d;
        lo -= lo == 0 ? 0 : d;
    }
    const double step = round_step(hi - lo, 6);
    return (wt_axis){ floor(lo / step + 1e-9) * step, ceil(hi / step - 1e-9) * step, false };
}

wt_axis wt_axis_log(double lo, double hi)
{
    lo = isfinite(lo) && lo > 0 ? lo : 0.1;
    hi = isfinite(hi) && hi > lo ? hi : lo * 10;
    return (wt_axis){ lo, hi, true };
}

double wt_axis_at(const wt_axis *a, double v)
{
    const double x = a->log ? (log(v) - log(a->lo)) / (log(a->hi) - log(a->lo)) : (v - a->lo) / (a->hi - a->lo);
    return x > 0 ? (x < 1 ? x : 1) : 0; /* NaN goes to 0 */
}

size_t wt_axis_ticks(const wt_axis *a, size_t most, double ticks[WT_TICKS])
{
    size_t n = 0;
    most = most < 2 ? 2 : most > WT_TICKS ? WT_TICKS : most;
    if (a->log) {
        const double decades = log10(a->hi) - log10(a->lo); /* the ratio itself may overflow */
        const int step = decades > (double)most ? (int)ceil(decades / (double)most) : 1;
        for (int e = (int)ceil(log10(a->lo) - 1e-9); n < most && pow(10, e) <= a->hi * 1.0000001; e += step)
            ticks[n++] = pow(10, e);
        return n;
    }
    const double step = round_step(a->hi - a->lo, most - 1);
    for (double v = ceil(a->lo / step - 1e-9) * step; v <= a->hi + step * 1e-6 && n < most; v += step)
        ticks[n++] = fabs(v) < step * 1e-6 ? 0 : v;
    return n;
}

/* Ticks are told in one unit, with as many digits as tell them apart. */
static wt_fig tick_text(double v, const double *ticks, size_t n, const char *unit)
{
    const bool percent = !strcmp(unit, "share") || !strcmp(unit, "ratio");
    const double scale = percent ? 100 : 1, step = n > 1 ? fabs(ticks[1] - ticks[0]) * scale : 1;
    const int places = step > 0 ? (int)ceil(-log10(step) - 1e-9) : 0;
    wt_fig f = wt_fig_fixed(v * scale, places < 0 ? 0 : places > 6 ? 6 : places);
    return percent ? (snprintf(f.s + strlen(f.s), sizeof f.s - strlen(f.s), "\xc2\xa0%%"), f) : f;
}

/* --- pieces
 * ------------------------------------------------------------------------------------------------------------------------
 */

static wt_fig percent(double x) { return wt_fig_fixed(100 * (isfinite(x) ? x : 0), 3); }
static wt_fig pixels(double y) { return wt_fig_fixed(isfinite(y) ? y : 0, 1); }

void wt_svg_open(wt_buf *b, double height, const char *label)
{
    wt_buf_printf(b, "<svg class=\"chart\" height=\"%s\" role=\"img\" aria-label=\"", pixels(height).s);
    wt_html_text(b, label);
    wt_buf_puts(b, "\">");
}

void wt_svg_close(wt_buf *b) { wt_buf_puts(b, "</svg>\n"); }

void wt_svg_line(wt_buf *b, const char *cls, double x1, double y1, double x2, double y2)
{
    wt_buf_printf(b, "<line class=\"%s\" x1=\"%s%%\" y1=\"%s\" x2=\"%s%%\" y2=\"%s\"/>", cls, percent(x1).s,
                  pixels(y1).s, percent(x2).s, pixels(y2).s);
}

void wt_svg_rect(wt_buf *b, const char *cls, double x, double y, double width, double height)
{
    wt_buf_printf(b, "<rect class=\"%s\" x=\"%s%%\" y=\"%s\" width=\"%s%%\" height=\"%s\" rx=\"2\"/>", cls,
                  percent(x).s, pixels(y).s, percent(width).s, pixels(height).s);
}

void wt_svg_dot(wt_buf *b, const char *cls, double x, double y, double r, const char *title)
{
    wt_buf_printf(b, "<circle class=\"%s\" cx=\"%s%%\" cy=\"%s\" r=\"%s\"", cls, percent(x).s, pixels(y).s,
                  pixels(r).s);
    if (!title) {
        wt_buf_puts(b, "/>");
        return;
    }
    wt_buf_puts(b, "><title>");
    wt_html_text(b, title);
    wt_buf_puts(b, "</title></circle>");
}

void wt_svg_text(wt_buf *b, const char *cls, char anchor, double x, double y, const char *text)
{
    wt_buf_printf(b, "<text class=\"%s\" text-anchor=\"%s\" x=\"%s%%\" y=\"%s\">", cls,
                  anchor == 's'   ? "start"
                  : anchor == 'm' ? "middle"
                                  : "end",
                  percent(x).s, pixels(y).s);
    wt_html_text(b, text);
    wt_buf_puts(b, "</text>");
}

void wt_svg_x_axis(wt_buf *b, const wt_axis *a, double top, double y, const char *unit)
{
    double ticks[WT_TICKS];
    const size_t n = wt_axis_ticks(a, 7, ticks);
    for (size_t i = 0; i < n; i++) {
        const double x = wt_axis_at(a, ticks[i]);
        wt_svg_line(b, "grid", x, top, x, y);
        const wt_fig f = a->log ? wt_fig_num(ticks[i], 1) : tick_text(ticks[i], ticks, n, unit);
        wt_svg_text(b, "f", x < 0.03 ? 's' : x > 0.97 ? 'e' : 'm', x, y + 16, f.s);
    }
    wt_svg_line(b, "axis", 0, y, 1, y);
}

double wt_plot_y(const wt_axis *y, double height, double v)
{
    return 8 + (height - 8 - AXIS_ROOM) * (1 - wt_axis_at(y, v));
}

void wt_plot_open(wt_buf *b, const wt_axis *y, double height, const char *unit, const char *label)
{
    double ticks[WT_TICKS];
    const size_t n = wt_axis_ticks(y, 6, ticks);
    wt_buf_puts(b, "<div style=\"display:grid;grid-template-columns:46px minmax(0,1fr)\">");
    wt_buf_printf(b, "<svg class=\"chart\" height=\"%s\" aria-hidden=\"true\">", pixels(height).s);
    for (size_t i = 0; i < n; i++) {
        const wt_fig f = y->log ? wt_fig_num(ticks[i], 1) : tick_text(ticks[i], ticks, n, unit);
        wt_svg_text(b, "f", 's', 0, wt_plot_y(y, height, ticks[i]) + 4, f.s);
    }
    wt_svg_close(b);
    wt_svg_open(b, height, label);
    for (size_t i = 0; i < n; i++)
        wt_svg_line(b, "grid", 0, wt_plot_y(y, height, ticks[i]), 1, wt_plot_y(y, height, ticks[i]));
}

void wt_plot_close(wt_buf *b)
{
    wt_svg_close(b);
    wt_buf_puts(b, "</div>\n");
}

void wt_chart_key(wt_buf *b, const char *const *classes, const char *const *labels, size_t n)
{
    wt_buf_puts(b, "<div class=\"key\">");
    for (size_t i = 0; i < n; i++) {
        wt_buf_printf(b, "<span><svg aria-hidden=\"true\"><circle class=\"%s\" cx=\"5.5\" cy=\"5.5\" r=\"5\"/></svg>",
                      classes[i]);
        wt_html_text(b, labels[i]);
        wt_buf_puts(b, "</span>");
    }
    wt_buf_puts(b, "</div>\n");
}

/* --- bars
 * -------------------------------------------------------------------------------------------------------------------------------
 */

void wt_chart_bar(wt_buf *b, const wt_bar *bar)
{
    const double part = isfinite(bar->part) && bar->part > 0 ? (bar->part < 1 ? bar->part : 1) : 0;
    const double h = bar->slim ? 7 : 18;
    wt_buf_printf(b, "<div class=\"bar %s%s\"><span class=\"k\">", bar->slim ? "slim" : "wide",
                  bar->chosen ? " chosen" : "");
    wt_html_short(b, bar->label, bar->slim ? 64 : 40);
    if (bar->note && *bar->note) {
        wt_buf_puts(b, bar->slim ? " <span class=\"dim\">" : "<span class=\"small\">");
        wt_html_text(b, bar->note);
        wt_buf_puts(b, "</span>");
    }
    wt_buf_puts(b, "</span><svg class=\"chart\" aria-hidden=\"true\">");
    wt_svg_rect(b, bar->color, 0, 0, part > 0 && part < 0.003 ? 0.003 : part, h);
    if (isfinite(bar->lo) && isfinite(bar->hi) && bar->hi - bar->lo > 0.008)
        wt_svg_line(b, "whisker", bar->lo < 0 ? 0 : bar->lo, h / 2, bar->hi > 1 ? 1 : bar->hi, h / 2);
    wt_buf_printf(b, "</svg><span class=\"v\">%s</span></div>\n", bar->value.s);
}

/* --- distributions
 * --------------------------------------------------------------------------------------------------------------------
 */

static double quantile(const wt_samples *s, double p)
{
    const double at = p * (double)(s->n - 1);
    const size_t lo = (size_t)at;
    return lo + 1 < s->n ? s->v[lo] + (at - (double)lo) * (s->v[lo + 1] - s->v[lo]) : s->v[s->n - 1];
}

/* All but the far tail, which would squeeze the rest into a line; log when the two live in different decades. */
static wt_axis samples_axis(const wt_samples *rows, size_t n)
{
    double lo = INFINITY, hi = 0;
    for (size_t i = 0; i < n; i++) {
        const double low = rows[i].v[0], p50 = quantile(&rows[i], 0.5), p99 = quantile(&rows[i], 0.99),
                     top = rows[i].v[rows[i].n - 1];
        const double high = p99 + 1.5 * (p99 - p50) < top ? p99 + 1.5 * (p99 - p50) : top;
        lo = low < lo ? low : lo;
        hi = high > hi ? high : hi;
    }
    return lo > 0 && hi > 20 * lo ? wt_axis_log(lo * 0.9, hi * 1.1) : wt_axis_linear(lo < hi / 3 ? 0 : lo, hi);
}

static void draw_bins(wt_buf *b, const wt_samples *s, const wt_axis *a, double top, double height)
{
    size_t counts[MOST_BINS] = { 0 }, most = 1;
    const size_t bins = s->n < 40 ? 40 : s->n < 120 ? 80 : MOST_BINS;
    for (size_t i = 0; i < s->n; i++) {
        const double x = wt_axis_at(a, s->v[i]);
        if (s->v[i] > a->hi)
            continue;
        const size_t k = x >= 1 ? bins - 1 : (size_t)(x * (double)bins);
        most = ++counts[k] > most ? counts[k] : most;
    }
    wt_buf_printf(b,
                  "<svg x=\"0\" y=\"%s\" width=\"100%%\" height=\"%s\" viewBox=\"0 0 %zu 100\" "
                  "preserveAspectRatio=\"none\"><path class=\"%s\" d=\"M0 100",
                  pixels(top).s, pixels(height).s, bins, s->color);
    for (size_t k = 0; k < bins; k++)
        if (counts[k] || (k && counts[k - 1]) || (k + 1 < bins && counts[k + 1]))
            wt_buf_printf(b, "L%zu %sH%zu", k, pixels(100 - 100 * (double)counts[k] / (double)most).s, k + 1);
        else
            wt_buf_printf(b, "L%zu 100", k + 1);
    wt_buf_printf(b, "L%zu 100Z\"/></svg>", bins);
}

static void draw_percentiles(wt_buf *b, const wt_samples *s, const wt_axis *a, double top, double bottom,
                             const char *unit)
{
    static const struct {
        double p;
        const char *name;
    } marks[] = { { 0.5, "p50" }, { 0.95, "p95" }, { 0.99, "p99" } };
    char text[200];
    int len = snprintf(text, sizeof text, "%.40s", s->label);
    for (size_t i = 0; i < WT_ARRAY_LEN(marks); i++) {
        const double v = quantile(s, marks[i].p), x = wt_axis_at(a, v);
        if (v <= a->hi)
            wt_svg_line(b, i ? "ink-l thin soft" : "ink-l thin", x, i ? bottom - 10 : top + 30, x, bottom);
        if (len > 0 && (size_t)len < sizeof text)
            len += snprintf(text + len, sizeof text - (size_t)len, "  \xc2\xb7  %s %s", marks[i].name,
                            wt_fig_unit(v, unit).s);
    }
    wt_svg_text(b, s->text, 's', 0, top + 20, text);
}

void wt_chart_histograms(wt_buf *b, const wt_samples *rows, size_t n, const char *unit)
{
    enum { ROW = 116, LABEL = 30 };
    const wt_axis a = samples_axis(rows, n);
    const double bottom = (double)n * ROW;
    size_t beyond = 0;
    wt_svg_open(b, bottom + AXIS_ROOM, "Histograms of the latency of single runs");
    wt_svg_x_axis(b, &a, 0, bottom, unit);
    for (size_t i = 0; i < n; i++) {
        const double top = (double)i * ROW;
        draw_bins(b, &rows[i], &a, top + LABEL, ROW - LABEL);
        wt_svg_line(b, "axis", 0, top + ROW, 1, top + ROW);
        draw_percentiles(b, &rows[i], &a, top, top + ROW, unit);
        for (size_t k = rows[i].n; k > 0 && rows[i].v[k - 1] > a.hi; k--)
            beyond++;
    }
    wt_svg_close(b);
    if (beyond)
        wt_buf_printf(b, "<p class=\"note\">%zu slower run%s right of %s %s not drawn.</p>\n", beyond,
                      beyond == 1 ? "" : "s", wt_fig_unit(a.hi, unit).s, beyond == 1 ? "is" : "are");
}

/* --- estimates
 * --------------------------------------------------------------------------------------------------------------------------
 */

void wt_chart_estimates(wt_buf *b, const wt_estimate *e, size_t n, double limit, const char *limit_label,
                        const char *unit)
{
    enum { ROW = 46 };
    double lo = limit, hi = limit;
    for (size_t i = 0; i < n; i++) {
        const double from = isfinite(e[i].lo) ? e[i].lo : e[i].value, to = isfinite(e[i].hi) ? e[i].hi : e[i].value;
        lo = !(lo <= from) ? from : lo;
        hi = !(hi >= to) ? to : hi;
    }
    const wt_axis a = wt_axis_linear(lo, hi);
    const double top = isfinite(limit) ? 18 : 0, bottom = top + (double)n * ROW;
    wt_svg_open(b, bottom + AXIS_ROOM, "Estimates with their 95 percent intervals");
    wt_svg_x_axis(b, &a, top, bottom, unit);
    if (isfinite(limit)) {
        const double x = wt_axis_at(&a, limit);
        wt_svg_line(b, "limit", x, top - 2, x, bottom);
        wt_svg_text(b, "limit-t", x < 0.3 ? 's' : x > 0.7 ? 'e' : 'm', x, top - 7, limit_label);
    }
    for (size_t i = 0; i < n; i++) {
        char text[128];
        const double y = top + (double)i * ROW + 31, x = wt_axis_at(&a, e[i].value);
        snprintf(text, sizeof text, "%.40s  %s", e[i].label, wt_fig_unit(e[i].value, unit).s);
        if (isfinite(e[i].lo) && isfinite(e[i].hi))
            wt_svg_rect(b, e[i].color, wt_axis_at(&a, e[i].lo), y - 2,
                        wt_axis_at(&a, e[i].hi) - wt_axis_at(&a, e[i].lo), 4);
        wt_svg_dot(b, e[i].color, x, y, 6, NULL);
        wt_svg_text(b, "s", x < 0.25 ? 's' : x > 0.75 ? 'e' : 'm', x < 0.25 ? 0 : x > 0.75 ? 1 : x, y - 12, text);
    }
    wt_svg_close(b);
}
