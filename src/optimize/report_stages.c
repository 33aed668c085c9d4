/* report_stages.c - what each stage gave, how latency is spread, and how sure the accuracy is. */
#include "optimize/report_impl.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/json.h"

/* --- stages
 * ------------------------------------------------------------------------------------------------------------------------
 */

typedef struct panel {
    const char *title, *path, *unit; /* of the figure in a stage */
    const char *interval;            /* path of its interval; NULL: none */
} panel;

static const char *stage_title(const json_t *s)
{
    const char *title = wt_js_str(s, "title");
    return title ? title : wt_js_str(s, "name");
}

static const char *stage_color(const wt_report *r, const json_t *s)
{
    return s == r->best ? "acc" : s == r->base ? "base" : "mid";
}

static double largest(const json_t *stages, size_t n, const panel *p)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *s = json_array_get(stages, i);
        const double v = wt_js_num(s, p->path), hi = p->interval ? wt_js_item(s, p->interval, 1) : NAN;
        most = v > most ? v : most;
        most = hi > most && hi < 2 * v ? hi : most;
    }
    return most;
}

static void put_panel(const wt_report *r, wt_buf *b, const json_t *stages, size_t n, const panel *p)
{
    const double most = largest(stages, n, p);
    if (!(most > 0))
        return;
    wt_buf_printf(b, "<figure><h3>%s</h3>\n", p->title);
    for (size_t i = 0; i < n; i++) {
        const json_t *s = json_array_get(stages, i);
        const double v = wt_js_num(s, p->path);
        wt_bar bar = { .label = stage_title(s),
                       .value = wt_fig_unit(v, p->unit),
                       .part = v / most,
                       .lo = NAN,
                       .hi = NAN,
                       .color = stage_color(r, s),
                       .chosen = s == r->best };
        if (!isfinite(v))
            continue;
        if (p->interval) {
            bar.lo = wt_js_item(s, p->interval, 0) / most;
            bar.hi = wt_js_item(s, p->interval, 1) / most;
        }
        wt_chart_bar(b, &bar);
    }
    wt_buf_puts(b, "</figure>\n");
}

static void put_steps(const json_t *stages, size_t n, wt_buf *b)
{
    wt_buf_puts(b, "<ol class=\"steps\">\n");
    for (size_t i = 0; i < n; i++) {
        const json_t *s = json_array_get(stages, i);
        const char *what = wt_js_str(s, "what");
        const double seconds = wt_js_num(s, "seconds"), threads = wt_js_num(s, "threads");
        wt_buf_printf(b, "<li><span class=\"o\">%zu</span><span><b>", i + 1);
        wt_html_text(b, stage_title(s));
        wt_buf_puts(b, "</b>");
        if (what && *what) {
            wt_buf_puts(b, " \xc2\xb7 ");
            wt_html_text(b, what);
        }
        wt_buf_puts(b, " <span class=\"dim\">");
        if (isfinite(threads) && threads > 0)
            wt_buf_printf(b, "%.0f thread%s", threads, threads == 1 ? "" : "s");
        if (isfinite(seconds) && seconds > 0.05)
            wt_buf_printf(b, "%stook %s\xc2\xa0s", isfinite(threads) && threads > 0 ? ", " : "",
                          wt_fig_num(seconds, 2).s);
        wt_buf_puts(b, "</span></span></li>\n");
    }
    wt_buf_puts(b, "</ol>\n");
}

void wt_report_stages(const wt_report *r, wt_buf *b)
{
    size_t n;
    const json_t *stages = wt_js_list(r->doc, "stages", &n);
    const panel panels[] = {
        { "Latency, median", "latency_ms.p50", "ms", "latency_ms.ci95" },
        { "File size", "size_bytes", "bytes", NULL },
        { "Memory while running", "peak_memory_bytes", "bytes", NULL },
        { "Accuracy", "accuracy.value", r->metric_unit, "accuracy.ci95" },
        { "Energy per run", "energy_j", "J", NULL },
    };
    if (!n)
        return;
    put_steps(stages, n, b);
    wt_buf_puts(b, "<div class=\"two gap\">\n");
    for (size_t i = 0; i < WT_ARRAY_LEN(panels); i++)
        put_panel(r, b, stages, n, &panels[i]);
    wt_buf_puts(b, "</div>\n");
    const char *source = wt_js_str(r->best, "energy_source");
    if (source && isfinite(wt_js_num(r->best, "energy_j"))) {
        wt_buf_puts(b, "<p class=\"note\">Energy: ");
        wt_html_text(b, source);
        wt_buf_puts(b, "</p>\n");
    }
}

/* --- latency
 * -------------------------------------------------------------------------------------------------------------------------
 */

static int double_cmp(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The finite numbers of the array at path, sorted; NULL when there are fewer than two, or no memory. */
static double *sorted_samples(const wt_report *r, wt_buf *b, const char *path, size_t *n)
{
    size_t all;
    const json_t *list = wt_js_list(r->doc, path, &all);
    double *v = all > 1 ? wt_report_room(r, b, all, sizeof *v) : NULL;
    *n = 0;
    for (size_t i = 0; v && i < all; i++) {
        const json_t *x = json_array_get(list, i);
        if (json_is_number(x) && isfinite(json_number_value(x)) && json_number_value(x) >= 0)
            v[(*n)++] = json_number_value(x);
    }
    if (*n < 2) {
        wt_free(r->ctx, v);
        return NULL;
    }
    qsort(v, *n, sizeof *v, double_cmp);
    return v;
}

static void put_latency_row(const json_t *stage, const char *label, wt_buf *b)
{
    const json_t *l = wt_js(stage, "latency_ms");
    if (!json_is_object(l))
        return;
    wt_buf_puts(b, "<tr><td class=\"name\">");
    wt_html_text(b, label);
    wt_buf_puts(b, "</td>");
    wt_report_cell(b, "median", wt_fig_ms(wt_js_num(l, "p50")));
    wt_report_cell(b, "95 % interval", wt_fig_range(wt_js(l, "ci95"), "ms"));
    wt_report_cell(b, "p95", wt_fig_ms(wt_js_num(l, "p95")));
    wt_report_cell(b, "p99", wt_fig_ms(wt_js_num(l, "p99")));
    wt_report_cell(b, "spread", wt_fig_percent(wt_js_num(l, "stddev") / wt_js_num(l, "mean")));
    wt_report_cell(b, "runs", wt_fig_count(wt_js_num(l, "runs")));
    wt_buf_puts(b, "</tr>\n");
}

static void put_latency_table(const wt_report *r, wt_buf *b)
{
    if (!json_is_object(wt_js(r->base, "latency_ms")) && !json_is_object(wt_js(r->best, "latency_ms")))
        return;
    wt_buf_puts(b,
                "<div class=\"scroll gap\"><table class=\"cards\"><thead><tr><th></th><th class=\"r\">median</th><th "
                "class=\"r\">95 % interval</th><th class=\"r\">p95</th>"
                "<th class=\"r\">p99</th><th class=\"r\">spread</th><th class=\"r\">runs</th></tr></thead><tbody>\n");
    put_latency_row(r->base, "original", b);
    if (r->best != r->base)
        put_latency_row(r->best, "optimized", b);
    wt_buf_puts(b, "</tbody></table></div>\n");
    const double floor_ = wt_js_num(r->doc, "noise_floor");
    if (isfinite(floor_))
        wt_buf_printf(
            b,
            "<p class=\"note\">The distribution is of all runs, also of those that other programs interrupted. Spread: "
            "standard deviation over mean. Noise floor of this machine: the "
            "original measured against itself "
            "differs by %s; a gain inside that would not be one.</p>\n",
            wt_fig_percent(floor_).s);
}

void wt_report_latency(const wt_report *r, wt_buf *b)
{
    size_t n[2], used = 0;
    double *v[2] = { sorted_samples(r, b, "latency_samples.baseline", &n[0]),
                     sorted_samples(r, b, "latency_samples.optimized", &n[1]) };
    static const char *const labels[] = { "original", "optimized" }, *const colors[] = { "base", "acc" },
                             *const texts[] = { "bi", "a" };
    wt_samples rows[2];
    for (size_t i = 0; i < 2; i++)
        if (v[i])
            rows[used++] = (wt_samples){ labels[i], colors[i], texts[i], v[i], n[i] };
    if (used)
        wt_chart_histograms(b, rows, used, "ms");
    wt_free(r->ctx, v[0]);
    wt_free(r->ctx, v[1]);
    put_latency_table(r, b);
}

/* --- accuracy
 * -------------------------------------------------------------------------------------------------------------------------
 */

static wt_estimate estimate_of(const json_t *stage, const char *label, const char *color)
{
    return (wt_estimate){ label, color, wt_js_num(stage, "accuracy.value"), wt_js_item(stage, "accuracy.ci95", 0),
                          wt_js_item(stage, "accuracy.ci95", 1) };
}

/* The score that the accuracy gate still lets pass; NaN when there is no such gate. */
static double lowest_accepted(const wt_report *r)
{
    size_t n;
    const json_t *gates = wt_js_list(r->doc, "gates", &n);
    const double base = wt_js_num(r->base, "accuracy.value");
    for (size_t i = 0; i < n; i++) {
        const char *name = wt_js_str(json_array_get(gates, i), "name");
        if (name && !strcmp(name, "accuracy"))
            return r->higher_is_better ? base * wt_js_num(json_array_get(gates, i), "threshold")
                                       : base / wt_js_num(json_array_get(gates, i), "threshold");
    }
    return NAN;
}

static void put_ab_table(const json_t *ab, wt_buf *b)
{
    const double a = wt_js_num(ab, "baseline_only"), c = wt_js_num(ab, "candidate_only"), n = wt_js_num(ab, "n");
    if (!isfinite(a) || !isfinite(c))
        return;
    wt_buf_printf(
        b,
        "<dl class=\"facts wide gap\"><dt>right in the original only</dt><dd>%s</dd><dt>right in the optimized "
        "only</dt><dd>%s</dd>"
        "<dt>the same in both</dt><dd>%s of %s</dd></dl>\n",
        wt_fig_count(a).s, wt_fig_count(c).s, wt_fig_count(n - a - c).s, wt_fig_count(n).s);
}

void wt_report_accuracy(const wt_report *r, wt_buf *b)
{
    wt_estimate e[2];
    size_t n = 0;
    const json_t *ab = wt_js(r->doc, "ab_test");
    const char *statement = wt_js_str(ab, "statement");
    if (isfinite(wt_js_num(r->base, "accuracy.value")))
        e[n++] = estimate_of(r->base, "original", "base");
    if (r->best != r->base && isfinite(wt_js_num(r->best, "accuracy.value")))
        e[n++] = estimate_of(r->best, "optimized", "acc");
    if (n) {
        const double limit = lowest_accepted(r);
        char label[112];
        snprintf(label, sizeof label, "gate: %s %s", r->higher_is_better ? "at least" : "at most",
                 wt_fig_unit(limit, r->metric_unit).s);
        wt_chart_estimates(b, e, n, limit, label, r->metric_unit);
    }
    if (statement && *statement) {
        wt_buf_puts(b, "<p class=\"say\">");
        wt_html_text(b, statement);
        wt_buf_puts(b, "</p>\n");
    }
    put_ab_table(ab, b);
}
