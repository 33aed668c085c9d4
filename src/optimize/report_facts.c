/* report_facts.c - what it was measured on and with: machine, data, model, and the commands that print each number
 * again. */
#include "optimize/report_impl.h"
#include <math.h>
#include <stdlib.h>

/* --- lists of facts
 * ---------------------------------------------------------------------------------------------------------------------
 */

static void open_fact(wt_buf *b, const char *title)
{
    if (!b->len)
        wt_buf_puts(b, "<dl class=\"facts\">\n");
    wt_buf_printf(b, "<dt>%s</dt><dd>", title);
}

static void close_facts(wt_buf *b)
{
    if (b->len)
        wt_buf_puts(b, "</dl>\n");
}

static void put_text(wt_buf *b, const char *title, const char *text, bool code)
{
    if (!text || !*text)
        return;
    open_fact(b, title);
    wt_buf_puts(b, code ? "<code>" : "");
    wt_html_text(b, text);
    wt_buf_puts(b, code ? "</code></dd>\n" : "</dd>\n");
}

static void put_figure(wt_buf *b, const char *title, double v, wt_fig figure, const char *behind)
{
    if (!isfinite(v))
        return;
    open_fact(b, title);
    wt_buf_printf(b, "%s%s</dd>\n", figure.s, behind);
}

/* --- hardware
 * ------------------------------------------------------------------------------------------------------------------------------
 */

static void put_words(wt_buf *b, const char *title, const json_t *list)
{
    size_t i;
    const json_t *word;
    if (!json_array_size(list))
        return;
    open_fact(b, title);
    json_array_foreach((json_t *)(uintptr_t)list, i, word)
    {
        if (!json_is_string(word))
            continue;
        wt_buf_puts(b, i ? ", " : "");
        wt_html_text(b, json_string_value(word));
    }
    wt_buf_puts(b, "</dd>\n");
}

static void put_cores(const json_t *cpu, wt_buf *b)
{
    const double cores = wt_js_num(cpu, "cores"), threads = wt_js_num(cpu, "threads_allowed"),
                 total = wt_js_num(cpu, "cores_total");
    if (!isfinite(cores))
        return;
    open_fact(b, "Cores");
    wt_buf_printf(b, "%.0f", cores);
    if (isfinite(total) && total > cores)
        wt_buf_printf(b, " of %.0f may be used", total);
    if (isfinite(threads) && threads != cores)
        wt_buf_printf(b, " (%.0f hardware threads)", threads);
    wt_buf_puts(b, "</dd>\n");
}

static void put_caches(const json_t *cpu, wt_buf *b)
{
    size_t n, shown = 0;
    const json_t *list = wt_js_list(cpu, "caches", &n);
    for (size_t i = 0; i < n; i++) {
        const json_t *c = json_array_get(list, i);
        const char *type = wt_js_str(c, "type");
        const double level = wt_js_num(c, "level"), bytes = wt_js_num(c, "size_bytes");
        if (!isfinite(level) || !isfinite(bytes) || (type && !strcmp(type, "instruction")))
            continue;
        if (!shown++)
            open_fact(b, "Caches");
        const bool mega = bytes >= 1 << 20;
        wt_buf_printf(b, "%sL%.0f\xc2\xa0%s\xc2\xa0%s", shown > 1 ? ", " : "", level,
                      wt_fig_num(bytes / (mega ? 1 << 20 : 1 << 10), 3).s, mega ? "MiB" : "KiB");
    }
    if (shown)
        wt_buf_puts(b, "</dd>\n");
}

/* "12.1 with one core, 21.5 with all": measured figures come per number of cores. */
static void put_measured(const json_t *measured, const char *key, const char *title, const char *unit, wt_buf *b)
{
    const json_t *m = wt_js(measured, key);
    const double one = wt_js_num(m, "1"), all = json_is_number(m) ? json_number_value(m) : wt_js_num(m, "all");
    if (!isfinite(one) && !isfinite(all))
        return;
    open_fact(b, title);
    if (isfinite(one))
        wt_buf_printf(b, "%s\xc2\xa0%s with one core", wt_fig_num(one, 3).s, unit);
    if (isfinite(all))
        wt_buf_printf(b, "%s%s\xc2\xa0%s%s", isfinite(one) ? ", " : "", wt_fig_num(all, 3).s, unit,
                      isfinite(one) ? " with all" : "");
    wt_buf_puts(b, "</dd>\n");
}

static void put_accelerators(const json_t *list, wt_buf *b)
{
    size_t i;
    const json_t *a;
    json_array_foreach((json_t *)(uintptr_t)list, i, a)
        put_text(b, "Accelerator", wt_js_str(a, "name") ? wt_js_str(a, "name") : wt_js_str(a, "kind"), false);
}

void wt_report_hardware(const wt_report *r, wt_buf *b)
{
    const json_t *hw = wt_js(r->doc, "hardware"), *cpu = wt_js(hw, "cpu"), *measured = wt_js(hw, "measured");
    const double total = wt_js_num(hw, "memory.total_bytes"), limit = wt_js_num(hw, "memory.limit_bytes");
    put_text(b, "Target",
             wt_js_str(r->doc, "target") && strcmp(wt_js_str(r->doc, "target"), "this") ? wt_js_str(r->doc, "target")
                                                                                        : NULL,
             false);
    put_text(b, "Processor", wt_js_str(cpu, "model"), false);
    put_cores(cpu, b);
    put_words(b, "Instructions", wt_js(cpu, "isa"));
    put_caches(cpu, b);
    put_figure(b, "Memory", total, wt_fig_bytes(total), "");
    put_figure(b, "Memory limit", limit, wt_fig_bytes(limit), "");
    put_measured(measured, "read_gb_per_s", "Read bandwidth", "GB/s", b);
    put_measured(measured, "fp32_gflops", "Float peak", "GFLOP/s", b);
    put_measured(measured, "int8_gops", "Int8 peak", "GOP/s", b);
    put_accelerators(wt_js(hw, "accelerators"), b);
    put_text(b, "Board", wt_js_str(hw, "system.board"), false);
    put_text(b, "System", wt_js_str(hw, "system.distribution"), false);
    put_text(b, "Kernel", wt_js_str(hw, "system.kernel"), false);
    if (wt_js_true(hw, "system.virtual_machine"))
        put_text(b, "Note", "a virtual machine: what its neighbours do shows in the spread", false);
    close_facts(b);
}

/* --- data
 * ------------------------------------------------------------------------------------------------------------------------------------
 */

/* One member of an object in one line, as JSON would say it. */
static void put_member(wt_buf *b, const char *key, const json_t *value)
{
    char *text = json_is_string(value) ? NULL
                                       : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(5));
    wt_html_text(b, key);
    wt_buf_puts(b, "\xc2\xa0");
    wt_html_text(b, json_is_string(value) ? json_string_value(value) : text);
    free(text);
}

static void put_preprocess(const json_t *o, wt_buf *b)
{
    const char *key;
    const json_t *value;
    size_t i = 0;
    if (!json_object_size(o))
        return;
    open_fact(b, "Preprocessing");
    json_object_foreach((json_t *)(uintptr_t)o, key, value)
    {
        wt_buf_puts(b, i++ ? ", " : "");
        put_member(b, key, value);
    }
    wt_buf_puts(b, "</dd>\n");
}

void wt_report_data(const wt_report *r, wt_buf *b)
{
    const json_t *d = wt_js(r->doc, "data");
    const double samples = wt_js_num(d, "samples"), labelled = wt_js_num(d, "labelled"),
                 calibration = wt_js_num(d, "calibration.samples"), held_out = wt_js_num(d, "held_out.samples");
    put_text(b, "Set", wt_js_str(d, "path"), true);
    put_text(b, "Form", wt_js_str(d, "form"), false);
    put_figure(b, "Samples", samples, wt_fig_count(samples), "");
    put_figure(b, "Labelled", labelled, wt_fig_count(labelled), "");
    put_figure(b, "Calibration", calibration, wt_fig_count(calibration), " samples, seen while quantizing");
    put_figure(b, "Held out", held_out, wt_fig_count(held_out), " samples, seen only by the judge");
    put_text(b, "Metric", wt_js_str(r->doc, "metric.name"), false);
    put_preprocess(wt_js(d, "preprocess"), b);
    put_text(b, "SHA-256", wt_js_str(d, "hash"), true);
    close_facts(b);
}

/* --- model
 * ------------------------------------------------------------------------------------------------------------------------------------
 */

void wt_report_model(const wt_report *r, wt_buf *b)
{
    const json_t *m = wt_js(r->doc, "model");
    const double size = wt_js_num(m, "size_bytes"), parameters = wt_js_num(m, "parameters"),
                 opset = wt_js_num(m, "opset");
    put_text(b, "Original", wt_js_str(m, "path"), true);
    put_text(b, "Format", wt_js_str(m, "format"), false);
    put_figure(b, "Opset", opset, wt_fig_count(opset), "");
    put_figure(b, "Parameters", parameters, wt_fig_count(parameters), "");
    put_figure(b, "Size", size, wt_fig_bytes(size), "");
    put_text(b, "SHA-256", wt_js_str(m, "sha256"), true);
    put_text(b, "Optimized", wt_js_str(r->best, "artifact"), true);
    put_text(b, "Engine", wt_js_str(r->best, "engine"), false);
    close_facts(b);
}

/* --- commands
 * ---------------------------------------------------------------------------------------------------------------------------------
 */

void wt_report_commands(const wt_report *r, wt_buf *b)
{
    size_t n;
    const json_t *commands = wt_js_list(r->doc, "commands", &n);
    for (size_t i = 0; i < n; i++) {
        const json_t *c = json_array_get(commands, i);
        if (!wt_js_str(c, "command"))
            continue;
        wt_buf_puts(b, "<div class=\"cmd\"><p>");
        wt_html_text(b, wt_js_str(c, "what"));
        wt_buf_puts(b, "</p><pre>");
        wt_html_text(b, wt_js_str(c, "command"));
        wt_buf_puts(b, "</pre></div>\n");
    }
}
