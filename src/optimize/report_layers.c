/* report_layers.c - how close the optimized model is: by output and channel, by layer, and what every tensor got. */
#include "optimize/report_impl.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORST_LAYERS = 12, MOST_ROWS = 4000 /* of the ledger; a page has to stay readable */ };
static const double exact_db = 199.5; /* 200 stands for "the same bits" */

bool wt_report_is_float(const char *got)
{
    return got && (!strncmp(got, "float", 5) || !strncmp(got, "fp", 2) || !strcmp(got, "int8 weights") ||
                   strstr(got, "float product"));
}

static wt_fig decibel(double v) { return v >= exact_db ? (wt_fig){ "exact" } : wt_fig_unit(v, "dB"); }

/* --- outputs
 * --------------------------------------------------------------------------------------------------------------------------
 */

static void put_worst_channel(const json_t *o, wt_buf *b)
{
    const json_t *worst = wt_js(o, "worst_channel");
    if (!worst)
        worst = json_array_get(wt_js(o, "channels.worst"), 0);
    const double index = isfinite(wt_js_num(worst, "index")) ? wt_js_num(worst, "index") : wt_js_num(worst, "channel");
    if (!isfinite(index)) {
        wt_report_cell(b, "worst channel", (wt_fig){ "-" });
        return;
    }
    wt_fig f;
    snprintf(f.s, sizeof f.s, "%.40s (#%.30s)", decibel(wt_js_num(worst, "sqnr_db")).s, wt_fig_count(index).s);
    wt_report_cell(b, "worst channel", f);
}

static void put_output(const json_t *o, wt_buf *b)
{
    const double erased = wt_js_num(o, "channels.erased_count");
    const char *reason = wt_js_str(o, "reason");
    wt_buf_puts(b, "<tr><td class=\"name\"><code>");
    wt_html_text(b, wt_js_str(o, "name"));
    wt_buf_puts(b, "</code>");
    if (isfinite(erased) && erased > 0)
        wt_buf_printf(b, " <span class=\"tag fail\">%.0f channel%s erased</span>", erased, erased == 1 ? "" : "s");
    else if (json_is_false(wt_js(o, "passed")))
        wt_buf_puts(b, " <span class=\"tag fail\">differs</span>");
    if (reason) {
        wt_buf_puts(b, "<span class=\"small\">");
        wt_html_text(b, reason);
        wt_buf_puts(b, "</span>");
    }
    wt_buf_puts(b, "</td>");
    wt_report_cell(b, "signal to noise", decibel(wt_js_num(o, "sqnr_db")));
    put_worst_channel(o, b);
    wt_report_cell(b, "cosine", wt_fig_fixed(wt_js_num(o, "cosine"), 5));
    wt_report_cell(b, "same top answer", wt_fig_percent(wt_js_num(o, "agreement")));
    wt_report_cell(b, "KL divergence", wt_fig_num(wt_js_num(o, "kld"), 3));
    wt_report_cell(b, "largest error", wt_fig_num(wt_js_num(o, "max_abs"), 3));
    wt_buf_puts(b, "</tr>\n");
}

void wt_report_outputs(const wt_report *r, wt_buf *b)
{
    size_t n;
    const json_t *outputs = wt_js_list(r->doc, "equivalence.outputs", &n);
    if (!n)
        return;
    wt_buf_puts(
        b, "<div class=\"scroll\"><table class=\"cards\"><thead><tr><th>output</th><th class=\"r\">signal "
           "to<br/>noise</th><th class=\"r\">worst<br/>channel</th>"
           "<th class=\"r\">cosine</th><th class=\"r\">same top<br/>answer</th><th class=\"r\">KL diver-<br/>gence</th>"
           "<th class=\"r\">largest<br/>error</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < n; i++)
        put_output(json_array_get(outputs, i), b);
    wt_buf_puts(b, "</tbody></table></div>\n");
}

/* --- layers
 * ----------------------------------------------------------------------------------------------------------------------------
 */

typedef struct layer {
    const json_t *o;
    double db;
    bool floats;
} layer;

static int layer_cmp(const void *a, const void *b)
{
    const layer *x = a, *y = b;
    return x->db < y->db ? -1 : x->db > y->db ? 1 : x->o < y->o ? -1 : x->o > y->o;
}

static size_t collect_layers(const wt_report *r, wt_buf *b, layer **out)
{
    size_t all, n = 0;
    const json_t *list = wt_js_list(r->doc, "layers", &all);
    layer *l = all ? wt_report_room(r, b, all, sizeof *l) : NULL;
    for (size_t i = 0; l && i < all; i++) {
        const json_t *o = json_array_get(list, i);
        const double db = wt_js_num(o, "sqnr_db");
        if (isfinite(db))
            l[n++] = (layer){ o, db, wt_report_is_float(wt_js_str(o, "got")) };
    }
    *out = l;
    return n;
}

/* All layers from the input to the output: a dot each, so that one sees where precision is lost. */
static void draw_layers(const layer *l, size_t n, wt_buf *b)
{
    enum { HEIGHT = 230 };
    char title[256];
    double lo = 0, hi = 40;
    for (size_t i = 0; i < n; i++) {
        hi = l[i].db < exact_db && l[i].db > hi ? l[i].db : hi;
        lo = l[i].db < lo && l[i].db > -60 ? l[i].db : lo;
    }
    const wt_axis y = wt_axis_linear(lo, hi > 100 ? 100 : hi);
    wt_plot_open(b, &y, HEIGHT, "dB", "Signal-to-noise ratio of every layer, from the input to the output");
    const double bottom = wt_plot_y(&y, HEIGHT, y.lo);
    for (size_t i = 0; i < n; i++) {
        const double x = ((double)i + 0.5) / (double)n, at = wt_plot_y(&y, HEIGHT, l[i].db);
        snprintf(title, sizeof title, "%.120s (%.30s): %s", wt_js_str(l[i].o, "name") ? wt_js_str(l[i].o, "name") : "-",
                 wt_js_str(l[i].o, "op") ? wt_js_str(l[i].o, "op") : "-", decibel(l[i].db).s);
        wt_svg_line(b, "axis", x, at, x, bottom);
        wt_svg_dot(b, l[i].floats ? "warnf" : "acc", x, at, n > 120 ? 2.5 : 4, title);
    }
    wt_svg_line(b, "axis", 0, bottom, 1, bottom);
    wt_svg_text(b, "f", 's', 0, bottom + 16, "input");
    wt_svg_text(b, "f", 'e', 1, bottom + 16, "output");
    wt_plot_close(b);
}

static void put_layer_bar(const layer *l, double most, wt_buf *b)
{
    char note[96];
    const char *op = wt_js_str(l->o, "op"), *got = wt_js_str(l->o, "got");
    snprintf(note, sizeof note, "%.40s%s%.40s", op ? op : "", op && got ? " \xc2\xb7 " : "", got ? got : "");
    wt_chart_bar(b, &(wt_bar){ .label = wt_js_str(l->o, "name"),
                               .note = note,
                               .value = decibel(l->db),
                               .part = l->db / most,
                               .lo = NAN,
                               .hi = NAN,
                               .color = l->floats ? "warnf" : "acc",
                               .slim = true });
}

/* sorted: by rising ratio. */
static void put_worst_layers(const layer *sorted, size_t n, wt_buf *b)
{
    double most = 1;
    const size_t shown = n < WORST_LAYERS ? n : WORST_LAYERS;
    for (size_t i = 0; i < n; i++)
        most = sorted[i].db < exact_db && sorted[i].db > most ? sorted[i].db : most;
    wt_buf_printf(b, "<h3 class=\"gap\">%s</h3>\n",
                  shown < n ? "Furthest from the original" : "Every layer, furthest from the original first");
    for (size_t i = 0; i < shown; i++)
        put_layer_bar(&sorted[i], most, b);
    if (shown == n)
        return;
    wt_buf_printf(b, "<details><summary>The other %zu layers</summary><div class=\"in\">\n", n - shown);
    for (size_t i = shown; i < n; i++)
        put_layer_bar(&sorted[i], most, b);
    wt_buf_puts(b, "</div></details>\n");
}

static void put_float_layers(const wt_report *r, wt_buf *b)
{
    size_t n;
    const json_t *list = wt_js_list(r->doc, "float_layers", &n);
    if (!n)
        return;
    wt_buf_printf(b,
                  "<details><summary>%zu layer%s kept in float <span class=\"dim\">and "
                  "why</span></summary><div class=\"in\">"
                  "<table class=\"cards\"><thead><tr><th>layer</th><th>why</th><th class=\"r\">gains</th>"
                  "<th class=\"r\">score with</th><th class=\"r\">without</th><th class=\"r\">time</th>"
                  "<th class=\"r\">as int8</th><th class=\"r\">memory</th></tr></thead><tbody>\n",
                  n, n == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(list, i);
        wt_buf_puts(b, "<tr><td class=\"name\"><code>");
        wt_html_text(b, wt_js_str(row, "node"));
        wt_buf_puts(b, "</code></td><td data-k=\"why\">");
        wt_html_text(b, wt_js_str(row, "why"));
        wt_buf_puts(b, "</td>");
        wt_report_cell(b, "gains", decibel(wt_js_num(row, "gain_db")));
        wt_report_cell(b, "score with", wt_fig_unit(wt_js_num(row, "value_with"), r->metric_unit));
        wt_report_cell(b, "without", wt_fig_unit(wt_js_num(row, "value_without"), r->metric_unit));
        wt_report_cell(b, "time", wt_fig_unit(wt_js_num(row, "float_ms"), "ms"));
        wt_report_cell(b, "as int8", wt_fig_unit(wt_js_num(row, "int8_ms"), "ms"));
        wt_report_cell(b, "memory", wt_fig_bytes(wt_js_num(row, "memory_bytes")));
        wt_buf_puts(b, "</tr>\n");
    }
    wt_buf_puts(b, "</tbody></table></div></details>\n");
}

void wt_report_layers(const wt_report *r, wt_buf *b)
{
    static const char *const classes[] = { "acc", "warnf" }, *const labels[] = { "computed in int8",
                                                                                 "computed in float" };
    layer *l;
    const size_t n = collect_layers(r, b, &l);
    bool floats = false;
    for (size_t i = 0; i < n; i++)
        floats = floats || l[i].floats;
    if (n) {
        if (floats)
            wt_chart_key(b, classes, labels, 2);
        if (n > 1)
            draw_layers(l, n, b);
        qsort(l, n, sizeof *l, layer_cmp);
        put_worst_layers(l, n, b);
    }
    wt_free(r->ctx, l);
    put_float_layers(r, b);
}

/* --- ledger
 * ------------------------------------------------------------------------------------------------------------------------------
 */

static void put_ledger_row(const json_t *row, wt_buf *b)
{
    const char *node = wt_js_str(row, "node"), *op = wt_js_str(row, "op"), *got = wt_js_str(row, "got");
    wt_buf_puts(b, "<tr><td class=\"name\"><code>");
    wt_html_text(b, wt_js_str(row, "tensor"));
    wt_buf_puts(b, "</code>");
    if (op || (node && *node)) {
        wt_buf_puts(b, "<span class=\"small\">");
        if (op)
            wt_html_text(b, op);
        if (node && *node) {
            wt_buf_puts(b, op ? " " : "");
            wt_html_short(b, node, 60);
        }
        wt_buf_puts(b, "</span>");
    }
    wt_buf_puts(b, "</td><td data-k=\"asked\">");
    wt_html_text(b, wt_js_str(row, "asked"));
    wt_buf_printf(b, "</td><td data-k=\"got\"><span class=\"tag %s\">", wt_report_is_float(got) ? "unknown" : "pass");
    wt_html_text(b, got);
    wt_buf_puts(b, "</span></td><td data-k=\"why\">");
    wt_html_text(b, wt_js_str(row, "why"));
    wt_buf_puts(b, "</td>");
    wt_report_cell(b, "signal to noise", decibel(wt_js_num(row, "sqnr_db")));
    wt_buf_puts(b, "</tr>\n");
}

static void put_ledger_part(const json_t *ledger, size_t n, const char *kind, const char *title, wt_buf *b)
{
    size_t count = 0, floats = 0, shown = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(ledger, i);
        const char *k = wt_js_str(row, "kind");
        if (strcmp(k ? k : "weight", kind))
            continue;
        count++;
        floats += wt_report_is_float(wt_js_str(row, "got"));
    }
    if (!count)
        return;
    wt_buf_printf(b,
                  "<details><summary>%s <span class=\"dim\">%zu tensors, %zu of them in float</span></summary>"
                  "<div class=\"in scroll\">"
                  "<table class=\"cards\"><thead><tr><th>tensor</th><th>asked</th><th>got</th><th>why</th><th "
                  "class=\"r\">signal to noise</th></tr></thead><tbody>\n",
                  title, count, floats);
    for (size_t i = 0; i < n && shown < MOST_ROWS; i++) {
        const json_t *row = json_array_get(ledger, i);
        const char *k = wt_js_str(row, "kind");
        if (strcmp(k ? k : "weight", kind))
            continue;
        put_ledger_row(row, b);
        shown++;
    }
    wt_buf_puts(b, "</tbody></table>\n");
    if (shown < count)
        wt_buf_printf(b, "<p class=\"note\">%zu more are in ledger.json.</p>\n", count - shown);
    wt_buf_puts(b, "</div></details>\n");
}

void wt_report_ledger(const wt_report *r, wt_buf *b)
{
    size_t n;
    const json_t *ledger = wt_js_list(r->doc, "ledger", &n);
    put_ledger_part(ledger, n, "weight", "Weights", b);
    put_ledger_part(ledger, n, "bias", "Biases", b);
    put_ledger_part(ledger, n, "activation", "Activations", b);
}
