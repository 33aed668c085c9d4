/* report.c - result.json becomes report.html: one file, no script, nothing loaded, nothing but the document looked at.
 *
 * The page is a table of sections. Each renders into a buffer of its own; one that has nothing to say leaves no trace.
 * A content security policy in the page forbids scripts and loading, whatever a name in the document may contain. */
#include "optimize/report.h"
#include <math.h>
#include "base/file.h"
#include "base/json.h"
#include "optimize/report_impl.h"
#include "optimize/report_style.h"

static const char page_mark[] = "<!DOCTYPE html>\n<!-- written by whet -->\n";

typedef struct section {
    const char *id, *title, *lead;
    wt_section_fn *body;
} section;

/* clang-format off */
static const section sections[] = {
    { "gates", "Gates", "What was asked of the result. One that fails fails the whole run.", wt_report_gates },
    { "stages", "Stages", "What each step did, and what it gave. Shorter bars are better, but for accuracy.", wt_report_stages },
    { "latency", "Latency", "Every measured run of the original and of the result, measured in turn so that both saw the same machine.", wt_report_latency },
    { "accuracy", "Accuracy", "Scored on samples that calibration never saw. The bars are 95 % intervals.", wt_report_accuracy },
    { "outputs", "Equivalence", "The same inputs through both models, output by output and channel by channel: one good average must not hide a dead channel.", wt_report_outputs },
    { "layers", "Layers", "How far each value inside is from the original: signal-to-noise ratio, where 20 dB is a tenth of the amplitude and higher is closer.", wt_report_layers },
    { "pareto", "Choices", "The points that were weighed. Up and to the left is better.", wt_report_pareto },
    { "time", "Where time goes", "The slowest nodes of both models.", wt_report_time },
    { "roofline", "Roofline", "How near each node comes to what memory and arithmetic of this machine allow.", wt_report_roofline },
    { "ledger", "Ledger", "Every tensor: what was asked, what it got, and why.", wt_report_ledger },
    { "hardware", "Hardware", "The machine that all of this was measured on.", wt_report_hardware },
    { "data", "Data", "What the model was calibrated and judged with.", wt_report_data },
    { "model", "Model", "What went in and what came out.", wt_report_model },
    { "commands", "Every number again", "The commands that print the figures of this page.", wt_report_commands },
};
/* clang-format on */

void *wt_report_room(const wt_report *r, wt_buf *b, size_t n, size_t size)
{
    void *room = wt_alloc_raw(r->ctx, n, size, NULL);
    b->failed = b->failed || !room;
    return room;
}

void wt_report_cell(wt_buf *b, const char *key, wt_fig figure)
{
    wt_buf_puts(b, "<td class=\"r\" data-k=\"");
    wt_html_text(b, key);
    wt_buf_printf(b, "\">%s</td>", figure.s);
}

/* --- the page
 * ---------------------------------------------------------------------------------------------------------------------------
 */

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash && slash[1] ? slash + 1 : path;
}

static void put_head(const wt_report *r, wt_buf *b)
{
    wt_buf_puts(b, page_mark);
    wt_buf_puts(
        b, "<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
           "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>");
    wt_html_text(b, base_name(wt_js_str(r->doc, "model.path")) ? base_name(wt_js_str(r->doc, "model.path")) : "whet");
    wt_buf_puts(b, " \xc2\xb7 whet report</title>\n<style>\n");
    for (const char *const *line = wt_report_style; *line; line++) {
        wt_buf_puts(b, *line);
        wt_buf_puts(b, "\n");
    }
    wt_buf_puts(
        b, "</style></head>\n<body><main>\n<div class=\"top\"><b>whet</b><span>optimization report</span></div>\n");
}

static wt_status put_section(const wt_report *r, const section *s, wt_buf *b, wt_err *err)
{
    wt_buf body;
    wt_buf_init(&body, r->ctx);
    s->body(r, &body);
    const wt_status st = wt_buf_status(&body, err);
    if (st == WT_OK && body.len) {
        wt_buf_printf(
            b,
            "<section id=\"%s\"><div class=\"head\"><h2>%s</h2><p class=\"lead\">%s</p></div>\n<div class=\"body\">\n",
            s->id, s->title, s->lead);
        wt_buf_add(b, body.data, body.len);
        wt_buf_puts(b, "</div></section>\n");
    }
    wt_buf_free(&body);
    return st;
}

static void put_foot(const wt_report *r, wt_buf *b)
{
    const char *version = wt_js_str(r->doc, "version"), *schema = wt_js_str(r->doc, "schema");
    const double seconds = wt_js_num(r->doc, "seconds");
    wt_buf_puts(b, "<footer><span>whet ");
    wt_html_text(b, version ? version : wt_version());
    wt_buf_puts(b, "</span>");
    if (isfinite(seconds))
        wt_buf_printf(b, "<span>the whole run took %s\xc2\xa0s</span>", wt_fig_num(seconds, 3).s);
    wt_buf_puts(b, "<span>made from result.json (");
    wt_html_text(b, schema);
    wt_buf_puts(b, ") and nothing else</span></footer>\n</main></body></html>\n");
}

/* --- the document
 * -----------------------------------------------------------------------------------------------------------------------
 */

static const json_t *stage_named(const json_t *stages, size_t n, const char *name)
{
    for (size_t i = 0; i < n && name; i++) {
        const char *s = wt_js_str(json_array_get(stages, i), "name");
        if (s && !strcmp(s, name))
            return json_array_get(stages, i);
    }
    return NULL;
}

/* The first stage is the original; the chosen one the result, or the last when the document does not say. */
static wt_report report_of(wt_context *ctx, const json_t *doc)
{
    size_t n;
    wt_report r = { .ctx = ctx, .doc = doc };
    const json_t *stages = wt_js_list(doc, "stages", &n);
    const json_t *base = stage_named(stages, n, "baseline"), *best = stage_named(stages, n, wt_js_str(doc, "chosen"));
    r.base = base ? base : json_array_get(stages, 0);
    r.best = best ? best : n ? json_array_get(stages, n - 1) : NULL;
    r.metric = wt_js_str(doc, "metric.name") ? wt_js_str(doc, "metric.name") : "accuracy";
    r.metric_unit = strstr(r.metric, "accuracy") || !strcmp(r.metric, "agreement") ? "ratio"
                    : strstr(r.metric, "_db")                                      ? "dB"
                                                                                   : "";
    r.higher_is_better = !json_is_false(wt_js(doc, "metric.higher_is_better"));
    return r;
}

wt_status wt_report_render(wt_context *ctx, const json_t *doc, wt_buf *out, wt_err *err)
{
    const wt_report r = report_of(ctx, doc);
    put_head(&r, out);
    wt_report_hero(&r, out);
    for (size_t i = 0; i < WT_ARRAY_LEN(sections); i++)
        WT_TRY(put_section(&r, &sections[i], out, err));
    put_foot(&r, out);
    return wt_buf_status(out, err);
}

/* --- files
 * -------------------------------------------------------------------------------------------------------------------------------
 */

/* A page that we wrote may be written again: it holds nothing that its document does not. */
static bool ours(wt_context *ctx, const char *path)
{
    wt_map map;
    if (wt_map_open(&map, ctx, path, NULL) != WT_OK)
        return false;
    const bool same = map.size >= sizeof page_mark - 1 && !memcmp(map.data, page_mark, sizeof page_mark - 1);
    wt_map_close(&map);
    return same;
}

wt_status wt_report_save(wt_context *ctx, const json_t *doc, const char *path, bool force, wt_err *err)
{
    wt_buf page;
    wt_buf_init(&page, ctx);
    wt_status st = wt_report_render(ctx, doc, &page, err);
    if (st == WT_OK)
        st = wt_write_file(ctx, path, page.data, page.len, force || ours(ctx, path), err);
    wt_buf_free(&page);
    return st;
}

static wt_status check_document(const json_t *doc, const char *path, wt_err *err)
{
    const char *schema = wt_js_str(doc, "schema");
    if (schema && wt_str_starts(schema, "whet.optimize/"))
        return WT_OK;
    const wt_status st = wt_fail(err, WT_EFORMAT, "this is no result of whet optimize: its schema is '%.60s'",
                                 schema ? schema : "");
    wt_err_where(err, "%s", path);
    return st;
}

static wt_status write_from(wt_context *ctx, const char *source, const char *page, int force, json_t **doc, wt_err *err)
{
    WT_TRY(wt_json_load(doc, ctx, source, err));
    WT_TRY(check_document(*doc, source, err));
    return wt_report_save(ctx, *doc, page, force != 0, err);
}

static json_t *summary_json(const json_t *doc, const char *page)
{
    json_t *passed = json_object_get(json_object_get(doc, "verdict"), "passed");
    return json_pack("{s:s, s:o, s:O*}", "schema", "whet.report/1", "file", wt_json_text(page), "passed", passed);
}

wt_status wt_report_make(wt_result **out, wt_context *ctx, const char *dir, int force, wt_err *err)
{
    json_t *doc = NULL;
    if (out)
        *out = NULL;
    if (!wt_path_is_dir(dir)) {
        const wt_status st = wt_fail(err, WT_EUSAGE, "this is no folder that whet optimize wrote");
        wt_err_where(err, "%s", dir);
        return st;
    }
    char *source = wt_path_join(ctx, dir, "result.json", err),
         *page = source ? wt_path_join(ctx, dir, "report.html", err) : NULL;
    wt_status st = page ? write_from(ctx, source, page, force, &doc, err) : WT_ENOMEM;
    if (st == WT_OK && out)
        st = wt_result_take(out, ctx, summary_json(doc, page), err);
    json_decref(doc);
    wt_free(ctx, source);
    wt_free(ctx, page);
    return st;
}

wt_status wt_report_write(wt_context *ctx, const char *dir, int force, wt_err *err)
{
    return wt_report_make(NULL, ctx, dir, force, err);
}
