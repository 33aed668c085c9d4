/* report_time.c - where the time goes, node by node and against what the machine can do; and the points that were
 * weighed. */
#include "optimize/report_impl.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOP_NODES = 10, MOST_POINTS = 40 };

/* --- the slowest nodes
 * -------------------------------------------------------------------------------------------------------------------
 */

typedef struct node {
    const json_t *o;
    double ms;
} node;

static int node_cmp(const void *a, const void *b)
{
    const node *x = a, *y = b;
    return x->ms > y->ms ? -1 : x->ms < y->ms ? 1 : x->o < y->o ? -1 : x->o > y->o;
}

/* Sorted by time; *total: of all. NULL when there are none. */
static node *slowest(const wt_report *r, wt_buf *b, const char *path, size_t *n, double *total)
{
    size_t all;
    const json_t *list = wt_js_list(r->doc, path, &all);
    node *v = all ? wt_report_room(r, b, all, sizeof *v) : NULL;
    *n = 0;
    *total = 0;
    for (size_t i = 0; v && i < all; i++) {
        const double ms = wt_js_num(json_array_get(list, i), "ms");
        if (!(ms > 0) || !isfinite(ms))
            continue;
        v[(*n)++] = (node){ json_array_get(list, i), ms };
        *total += ms;
    }
    if (v && !*n) {
        wt_free(r->ctx, v);
        v = NULL;
    }
    if (v)
        qsort(v, *n, sizeof *v, node_cmp);
    return v;
}

static void put_nodes(const wt_report *r, const char *path, const char *title, const char *color, wt_buf *b)
{
    size_t n;
    double total, shown_ms = 0;
    node *v = slowest(r, b, path, &n, &total);
    const size_t shown = n < TOP_NODES ? n : TOP_NODES;
    if (!v)
        return;
    wt_buf_printf(b, "<figure><h3>%s <span class=\"dim\">%s in %zu nodes</span></h3>\n", title, wt_fig_ms(total).s, n);
    for (size_t i = 0; i < shown; i++) {
        char note[160];
        const char *op = wt_js_str(v[i].o, "op"), *kernel = wt_js_str(v[i].o, "kernel"),
                   *name = wt_js_str(v[i].o, "name");
        const double roof = wt_js_num(v[i].o, "roofline_fraction");
        char share[32] = "";
        if (isfinite(roof))
            snprintf(share, sizeof share, " \xc2\xb7 %.0f\xc2\xa0%% of the roof", 100 * (roof < 10 ? roof : 10));
        snprintf(note, sizeof note, "%.40s%s%.40s%s", op ? op : "", kernel ? " \xc2\xb7 " : "", kernel ? kernel : "",
                 share);
        wt_chart_bar(b, &(wt_bar){ .label = name && *name ? name : op,
                                   .note = note,
                                   .value = wt_fig_ms(v[i].ms),
                                   .part = v[i].ms / v[0].ms,
                                   .lo = NAN,
                                   .hi = NAN,
                                   .color = color,
                                   .slim = true });
        shown_ms += v[i].ms;
    }
    if (shown < n)
        wt_buf_printf(b, "<p class=\"note\">These are %s of the time; %zu other nodes share the rest.</p>\n",
                      wt_fig_percent(shown_ms / total).s, n - shown);
    wt_buf_puts(b, "</figure>\n");
    wt_free(r->ctx, v);
}

void wt_report_time(const wt_report *r, wt_buf *b)
{
    size_t base, best;
    wt_js_list(r->doc, "profile.baseline", &base);
    wt_js_list(r->doc, "profile.optimized", &best);
    if (!base && !best)
        return;
    wt_buf_puts(b, "<div class=\"two\">\n");
    put_nodes(r, "profile.optimized", "Optimized", "acc", b);
    put_nodes(r, "profile.baseline", "Original", "base", b);
    wt_buf_puts(b, "</div>\n");
}

/* --- the roofline
 * --------------------------------------------------------------------------------------------------------------------------
 */

typedef struct spot {
    double intensity, gflops; /* FLOP per byte, GFLOP/s */
    double ms;
    const char *name;
} spot;

/* What a node did, as a point of the roofline; false when something of it is not known. */
static bool spot_of(const json_t *o, spot *out)
{
    const double flops = wt_js_num(o, "flops"), bytes = wt_js_num(o, "bytes"), ms = wt_js_num(o, "ms");
    if (!(flops > 0) || !(bytes > 0) || !(ms > 0))
        return false;
    *out = (spot){ flops / bytes, flops / ms * 1e-6, ms, wt_js_str(o, "name") };
    return isfinite(out->intensity) && isfinite(out->gflops) && out->gflops > 0;
}

typedef struct extent {
    double x_lo, x_hi, y_lo, y_hi;
    size_t n;
} extent;

static void meet(extent *e, double x, double y)
{
    e->x_lo = !e->n || x < e->x_lo ? x : e->x_lo;
    e->x_hi = !e->n || x > e->x_hi ? x : e->x_hi;
    e->y_lo = !e->n || y < e->y_lo ? y : e->y_lo;
    e->y_hi = !e->n || y > e->y_hi ? y : e->y_hi;
    e->n++;
}

static void meet_all(const wt_report *r, const char *path, extent *e)
{
    size_t n;
    spot s;
    const json_t *list = wt_js_list(r->doc, path, &n);
    for (size_t i = 0; i < n; i++)
        if (spot_of(json_array_get(list, i), &s))
            meet(e, s.intensity, s.gflops);
}

enum { ROOF_HEIGHT = 320 };

static void draw_spots(const wt_report *r, const char *path, const char *cls, const wt_axis *x, const wt_axis *y,
                       wt_buf *b)
{
    size_t n;
    spot s;
    double total = 0;
    char title[400];
    const json_t *list = wt_js_list(r->doc, path, &n);
    for (size_t i = 0; i < n; i++)
        total += wt_js_num(json_array_get(list, i), "ms") > 0 ? wt_js_num(json_array_get(list, i), "ms") : 0;
    for (size_t i = 0; i < n; i++) {
        if (!spot_of(json_array_get(list, i), &s))
            continue;
        snprintf(title, sizeof title, "%.120s: %s, %s GFLOP/s, %s FLOP per byte", s.name ? s.name : "-",
                 wt_fig_ms(s.ms).s, wt_fig_num(s.gflops, 3).s, wt_fig_num(s.intensity, 3).s);
        wt_svg_dot(b, cls, wt_axis_at(x, s.intensity), wt_plot_y(y, ROOF_HEIGHT, s.gflops),
                   2.5 + 9 * sqrt(s.ms / total), title);
    }
}

/* Rising with the bandwidth, then flat at the peak; drawn as far as it is inside. */
static void draw_roof(const wt_axis *x, const wt_axis *y, double bandwidth, double peak, const char *cls,
                      const char *text, const char *name, wt_buf *b)
{
    const double ridge = peak / bandwidth, start = y->lo / bandwidth > x->lo ? y->lo / bandwidth : x->lo;
    const double knee = ridge < x->hi ? ridge : x->hi;
    if (knee > start)
        wt_svg_line(b, cls, wt_axis_at(x, start), wt_plot_y(y, ROOF_HEIGHT, start * bandwidth), wt_axis_at(x, knee),
                    wt_plot_y(y, ROOF_HEIGHT, knee * bandwidth));
    if (ridge < x->hi) {
        const double at = wt_plot_y(y, ROOF_HEIGHT, peak);
        wt_svg_line(b, cls, wt_axis_at(x, ridge > x->lo ? ridge : x->lo), at, 1, at);
        wt_svg_text(b, text, 'e', 1, at - 6, name);
    }
}

void wt_report_roofline(const wt_report *r, wt_buf *b)
{
    static const char *const classes[] = { "acc", "base" }, *const labels[] = { "optimized", "original" };
    extent e = { 0 };
    char name[112];
    const double bandwidth = wt_js_num(r->doc, "profile.peaks.read_gb_per_s"),
                 fp32 = wt_js_num(r->doc, "profile.peaks.fp32_gflops"),
                 int8 = wt_js_num(r->doc, "profile.peaks.int8_gops");
    meet_all(r, "profile.baseline", &e);
    meet_all(r, "profile.optimized", &e);
    if (e.n < 2)
        return;
    const bool roofs = bandwidth > 0 && isfinite(bandwidth) && fp32 > 0 && isfinite(fp32);
    if (roofs) {
        meet(&e, fp32 / bandwidth, fp32);
        if (int8 > 0 && isfinite(int8))
            meet(&e, int8 / bandwidth, int8);
    }
    const wt_axis x = wt_axis_log(e.x_lo / 1.5, e.x_hi * 2.5), y = wt_axis_log(e.y_lo / 1.5, e.y_hi * 1.6);
    wt_chart_key(b, classes, labels, 2);
    wt_buf_puts(b, "<p class=\"note\" style=\"margin:0 0 4px\">GFLOP/s (int8: GOP/s)</p>\n");
    wt_plot_open(b, &y, ROOF_HEIGHT, "", "Roofline: speed of each node over its operations per byte");
    wt_svg_x_axis(b, &x, 8, wt_plot_y(&y, ROOF_HEIGHT, y.lo), "");
    if (roofs && int8 > 0 && isfinite(int8)) {
        snprintf(name, sizeof name, "int8 peak %s GOP/s", wt_fig_num(int8, 3).s);
        draw_roof(&x, &y, bandwidth, int8, "acc-l line", "a", name, b);
    }
    if (roofs) {
        snprintf(name, sizeof name, "float peak %s GFLOP/s", wt_fig_num(fp32, 3).s);
        draw_roof(&x, &y, bandwidth, fp32, "base-l line", "bi", name, b);
    }
    draw_spots(r, "profile.baseline", "base soft", &x, &y, b);
    draw_spots(r, "profile.optimized", "acc soft", &x, &y, b);
    wt_plot_close(b);
    wt_buf_puts(
        b, "<p class=\"note\" style=\"text-align:right;margin-top:2px\">operations per byte of memory traffic</p>\n");
    if (roofs)
        wt_buf_printf(b,
                      "<p class=\"note\">Each dot is a node, as large as its share of the time. The slope is the "
                      "measured bandwidth of memory, %s GB/s: a node "
                      "on it waits for memory, a node at the flat part computes as fast as this machine can.</p>\n",
                      wt_fig_num(bandwidth, 3).s);
}

/* --- the points
 * ---------------------------------------------------------------------------------------------------------------------------
 */

typedef struct point {
    const json_t *o;
    double ms, quality, size;
    bool chosen;
    char name[200];
} point;

static bool same_point(const point *a, const point *b)
{
    const bool quality = a->quality == b->quality || (isnan(a->quality) && isnan(b->quality));
    return a->ms == b->ms && quality && (a->size == b->size || (isnan(a->size) && isnan(b->size)));
}

/* Points that coincide (a stage that changed nothing) become one with both names. */
static size_t collect_points(const wt_report *r, point points[MOST_POINTS])
{
    size_t all, n = 0;
    const json_t *list = wt_js_list(r->doc, "pareto", &all);
    for (size_t i = 0; i < all && n < MOST_POINTS; i++) {
        const json_t *o = json_array_get(list, i);
        point p = { o,
                    wt_js_num(o, "latency_ms"),
                    wt_js_num(o, "accuracy"),
                    wt_js_num(o, "size_bytes"),
                    wt_js_true(o, "chosen"),
                    "" };
        size_t k = 0;
        if (!isfinite(p.ms))
            continue;
        while (k < n && !same_point(&points[k], &p))
            k++;
        const char *name = wt_js_str(o, "name");
        snprintf(p.name, sizeof p.name, "%.150s%s%.40s", k < n ? points[k].name : "", k < n ? ", " : "",
                 name ? name : "-");
        p.chosen = p.chosen || (k < n && points[k].chosen);
        points[k] = p;
        n += k == n;
    }
    return n;
}

static void draw_points(const point *points, size_t n, const char *unit, wt_buf *b)
{
    enum { HEIGHT = 260 };
    double most_ms = 0, lo = NAN, hi = NAN, most_size = 0;
    char text[24];
    for (size_t i = 0; i < n; i++) {
        most_ms = points[i].ms > most_ms ? points[i].ms : most_ms;
        most_size = points[i].size > most_size ? points[i].size : most_size;
        lo = !(lo <= points[i].quality) && isfinite(points[i].quality) ? points[i].quality : lo;
        hi = !(hi >= points[i].quality) && isfinite(points[i].quality) ? points[i].quality : hi;
    }
    const double room = hi > lo ? (hi - lo) * 0.15 : fabs(hi) * 0.02;
    const wt_axis x = wt_axis_linear(0, most_ms * 1.04), y = wt_axis_linear(lo - room, hi + room);
    wt_plot_open(b, &y, HEIGHT, unit, "Accuracy over latency of every point that was weighed");
    wt_svg_x_axis(b, &x, 8, wt_plot_y(&y, HEIGHT, y.lo), "ms");
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(points[i].quality))
            continue;
        const double at = wt_axis_at(&x, points[i].ms), high = wt_plot_y(&y, HEIGHT, points[i].quality);
        snprintf(text, sizeof text, "%zu", i + 1);
        wt_svg_dot(b, points[i].chosen ? "acc" : "base", at, high,
                   most_size > 0 && points[i].size > 0 ? 9 + 10 * sqrt(points[i].size / most_size) : 11,
                   points[i].name);
        wt_svg_text(b, "i", 'm', at, high + 4, text);
    }
    wt_plot_close(b);
    wt_buf_puts(b, "<p class=\"note\" style=\"text-align:right;margin-top:2px\">median latency, ms; a larger dot is a "
                   "larger file</p>\n");
}

static void put_points(const point *points, size_t n, const char *unit, wt_buf *b)
{
    wt_buf_puts(b, "<div class=\"scroll gap\"><table class=\"cards\"><thead><tr><th>point</th><th "
                   "class=\"r\">latency</th><th class=\"r\">file</th><th class=\"r\">memory</th>"
                   "<th class=\"r\">accuracy</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < n; i++) {
        wt_buf_printf(b, "<tr><td class=\"name\"><span class=\"dim\">%zu</span>\xc2\xa0 ", i + 1);
        wt_html_text(b, points[i].name);
        if (points[i].chosen)
            wt_buf_puts(b, " <span class=\"tag pass\">chosen</span>");
        wt_buf_puts(b, "</td>");
        wt_report_cell(b, "latency", wt_fig_ms(points[i].ms));
        wt_report_cell(b, "file", wt_fig_bytes(points[i].size));
        wt_report_cell(b, "memory", wt_fig_bytes(wt_js_num(points[i].o, "peak_memory_bytes")));
        wt_report_cell(b, "accuracy", wt_fig_unit(points[i].quality, unit));
        wt_buf_puts(b, "</tr>\n");
    }
    wt_buf_puts(b, "</tbody></table></div>\n");
}

void wt_report_pareto(const wt_report *r, wt_buf *b)
{
    size_t drawable = 0;
    point *points = wt_report_room(r, b, MOST_POINTS, sizeof *points);
    const size_t n = points ? collect_points(r, points) : 0;
    for (size_t i = 0; i < n; i++)
        drawable += isfinite(points[i].quality) ? 1 : 0;
    if (drawable > 1)
        draw_points(points, n, r->metric_unit, b);
    if (n > 1)
        put_points(points, n, r->metric_unit, b);
    wt_free(r->ctx, points);
}
