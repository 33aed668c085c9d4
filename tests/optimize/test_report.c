/* The report: well-formed whatever the document holds, silent about what it does not hold, and never a script. The
 * document report_sample.json is made up; make_report_sample.py writes it. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/json.h"
#include "optimize/report.h"
#include "optimize/report_impl.h"
#include "support/test.h"

static wt_context *ctx;
static wt_err err;
static json_t *sample;

static int set_up(void **state)
{
    (void)state;
    ctx = wt_test_context();
    memset(&err, 0, sizeof err);
    wt_test_ok(wt_json_load(&sample, ctx, wt_test_source("tests/optimize/report_sample.json"), &err), &err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(sample);
    wt_test_context_close(ctx);
    return 0;
}

/* --- a strict reader of markup
 * ------------------------------------------------------------------------------------------ */

enum { DEEPEST = 64 };
typedef struct reader {
    const char *at, *why;
    char open[DEEPEST][32];
    int depth;
    char ids[64][32];
    size_t n_ids;
} reader;

static bool skip_past(reader *r, const char *end)
{
    r->at = strstr(r->at, end);
    if (r->at)
        r->at += strlen(end);
    return r->at != NULL;
}

static bool entity(const char *s)
{
    static const char *const known[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" };
    for (size_t i = 0; i < WT_ARRAY_LEN(known); i++)
        if (!strncmp(s, known[i], strlen(known[i])))
            return true;
    return false;
}

static size_t name_at(const char *s, char out[32])
{
    size_t n = 0;
    while ((isalnum((unsigned char)s[n]) || s[n] == '-' || s[n] == ':') && n < 31) {
        out[n] = s[n];
        n++;
    }
    out[n] = 0;
    return n;
}

/* name="value", double quotes only, nothing in it that would have to be escaped. */
static bool attribute(reader *r)
{
    char name[32];
    const size_t n = name_at(r->at, name);
    if (!n || r->at[n] != '=' || r->at[n + 1] != '"')
        return false;
    const char *v = r->at + n + 2;
    if (!strncmp(name, "on", 2) || !strcmp(name, "src") || !strcmp(name, "href"))
        return false; /* the page acts on nothing and loads nothing */
    for (; *v && *v != '"'; v++)
        if (*v == '<' || *v == '>' || (*v == '&' && !entity(v)))
            return false;
    if (!strcmp(name, "id") && r->n_ids < 64)
        snprintf(r->ids[r->n_ids++], 32, "%.*s", (int)(v - (r->at + n + 2)), r->at + n + 2);
    r->at = v + 1;
    return *v == '"';
}

static bool element(reader *r)
{
    char name[32];
    const bool closing = r->at[1] == '/';
    r->at += closing ? 2 : 1;
    const size_t n = name_at(r->at, name);
    if (!n || !strcmp(name, "script") || !strcmp(name, "link") || !strcmp(name, "img") || !strcmp(name, "iframe"))
        return false;
    r->at += n;
    if (closing) {
        if (!r->depth || strcmp(r->open[r->depth - 1], name) || *r->at != '>')
            return false;
        r->depth--;
        r->at++;
        return true;
    }
    while (*r->at == ' ') {
        r->at++;
        if (!attribute(r))
            return false;
    }
    if (r->at[0] == '/' && r->at[1] == '>') {
        r->at += 2;
        return true;
    }
    if (*r->at++ != '>' || r->depth == DEEPEST)
        return false;
    memcpy(r->open[r->depth++], name, sizeof name);
    return true;
}

static bool text(reader *r)
{
    for (; *r->at && *r->at != '<'; r->at++) {
        const unsigned char c = (unsigned char)*r->at;
        if (c == '>' || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || (c == '&' && !entity(r->at)))
            return false;
    }
    return true;
}

static void read_page(reader *r, const char *page)
{
    *r = (reader){ .at = page };
    bool good = wt_utf8_valid(page, strlen(page)) && skip_past(r, "<!DOCTYPE html>") && skip_past(r, "-->");
    while (good && *r->at)
        good = *r->at == '<' ? element(r) : text(r);
    if (!good || r->depth)
        fail_msg("not well-formed at: %.120s", r->at ? r->at : "?");
}

static bool has_section(const reader *r, const char *id)
{
    for (size_t i = 0; i < r->n_ids; i++)
        if (!strcmp(r->ids[i], id))
            return true;
    return false;
}

static void render(const json_t *doc, wt_buf *out, reader *r)
{
    wt_buf_init(out, ctx);
    wt_test_ok(wt_report_render(ctx, doc, out, &err), &err);
    assert_int_equal(strlen(out->data), out->len);
    read_page(r, out->data);
}

/* --- tests
 * ------------------------------------------------------------------------------------------------------------------ */

static const char *const all_sections[] = {
    "gates", "stages",   "latency", "accuracy", "outputs", "layers", "pareto",
    "time",  "roofline", "ledger",  "hardware", "data",    "model",  "commands"
};

static void sections(void **state)
{
    (void)state;
    wt_buf page;
    reader r;
    render(sample, &page, &r);
    for (size_t i = 0; i < WT_ARRAY_LEN(all_sections); i++)
        if (!has_section(&r, all_sections[i]))
            fail_msg("there is no section %s", all_sections[i]);
    assert_non_null(strstr(page.data, ">PASS"));
    assert_non_null(strstr(page.data, "all 5 gates"));
    assert_null(strstr(page.data, "url("));
    assert_null(strstr(page.data, "@import"));
    assert_null(strstr(page.data, "nan"));
    wt_buf_free(&page);
    json_object_set_new(json_object_get(sample, "verdict"), "passed", json_false());
    json_object_set_new(json_array_get(json_object_get(sample, "gates"), 1), "passed", json_false());
    render(sample, &page, &r);
    assert_non_null(strstr(page.data, "FAIL"));
    assert_non_null(strstr(page.data, "1 of 5 gates failed"));
    assert_non_null(strstr(page.data, "at least 2\xc3\x97 was asked"));
    wt_buf_free(&page);
}

/* Without a member its section is left out, heading and all, and the others stay. */
static void missing(void **state)
{
    (void)state;
    static const struct {
        const char *member, *section;
    } rows[] = {
        { "gates", "gates" },         { "stages", "stages" },      { "ledger", "ledger" },
        { "pareto", "pareto" },       { "profile", "roofline" },   { "profile", "time" },
        { "hardware", "hardware" },   { "commands", "commands" },  { "data", "data" },
        { "equivalence", "outputs" }, { "model", NULL },           { "verdict", NULL },
        { "layers", NULL },           { "ab_test", NULL },         { "metric", NULL },
        { "chosen", NULL },           { "latency_samples", NULL }, { "float_layers", NULL },
        { "target", NULL },           { "version", NULL },         { "seconds", NULL },
        { "noise_floor", NULL },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        wt_buf page;
        reader r;
        json_t *doc = json_deep_copy(sample);
        assert_int_equal(json_object_del(doc, rows[i].member), 0);
        if (rows[i].section && !strcmp(rows[i].section, "data"))
            json_object_del(doc, "metric");
        render(doc, &page, &r);
        if (rows[i].section && has_section(&r, rows[i].section))
            fail_msg("section %s is there without %s", rows[i].section, rows[i].member);
        wt_buf_free(&page);
        json_decref(doc);
    }
}

static void empty(void **state)
{
    (void)state;
    wt_buf page;
    reader r;
    json_t *doc = json_object();
    render(doc, &page, &r);
    assert_int_equal(r.n_ids, 0);
    assert_non_null(strstr(page.data, "NO VERDICT"));
    wt_buf_free(&page);
    json_decref(doc);
}

/* What cannot be a figure, a list or a name is "-" or nothing. */
static void wrong_types(void **state)
{
    (void)state;
    static const char *const values[] = {
        "null", "true", "-1e308", "\"text\"", "[]", "{}", "[null,{},[],1,\"x\"]", "[{\"name\":1}]"
    };
    const char *key;
    json_t *member;
    void *next;
    json_object_foreach_safe(sample, next, key, member)
    {
        for (size_t i = 0; i < WT_ARRAY_LEN(values); i++) {
            wt_buf page;
            reader r;
            json_t *doc = json_copy(sample);
            json_object_set_new(doc, key, json_loads(values[i], JSON_DECODE_ANY, NULL));
            render(doc, &page, &r);
            wt_buf_free(&page);
            json_decref(doc);
        }
    }
}

/* Replaces the n-th leaf of a document; false when there is none left. */
static bool replace_leaf(json_t *at, long *n, json_t *with)
{
    const char *key;
    json_t *child;
    size_t i;
    void *next;
    json_object_foreach_safe(at, next, key, child)
    {
        if (json_is_object(child) || json_is_array(child) ? replace_leaf(child, n, with) : !(*n)--) {
            if (!json_is_object(child) && !json_is_array(child))
                json_object_set(at, key, with);
            return true;
        }
    }
    json_array_foreach(at, i, child)
    {
        if (json_is_object(child) || json_is_array(child) ? replace_leaf(child, n, with) : !(*n)--) {
            if (!json_is_object(child) && !json_is_array(child))
                json_array_set(at, i, with);
            return true;
        }
    }
    return false;
}

static void wrong_leaves(void **state)
{
    (void)state;
    json_t *const with[] = { json_null(), json_string("\"><script>alert(1)</script>"), json_real(-1e300),
                             json_integer(0) };
    const long step = wt_test_long() ? 1 : 23;
    for (long n = 0, k = 0;; n += step, k++) {
        wt_buf page;
        reader r;
        long at = n;
        json_t *doc = json_deep_copy(sample);
        const bool there = replace_leaf(doc, &at, with[k % 4]);
        if (there) {
            render(doc, &page, &r);
            assert_null(strstr(page.data, "<script"));
            wt_buf_free(&page);
        }
        json_decref(doc);
        if (!there)
            break;
    }
    for (size_t i = 0; i < WT_ARRAY_LEN(with); i++)
        json_decref(with[i]);
}

static json_t *poisoned(const json_t *o, const char *with)
{
    const char *key;
    json_t *child;
    size_t i;
    if (json_is_string(o))
        return json_string(with);
    if (json_is_object(o)) {
        json_t *out = json_object();
        json_object_foreach((json_t *)(uintptr_t)o, key, child) json_object_set_new(
            out, key, strcmp(key, "kind") && strcmp(key, "comparison") ? poisoned(child, with) : json_incref(child));
        return out;
    }
    if (json_is_array(o)) {
        json_t *out = json_array();
        json_array_foreach((json_t *)(uintptr_t)o, i, child) json_array_append_new(out, poisoned(child, with));
        return out;
    }
    return json_incref((json_t *)(uintptr_t)o);
}

static void hostile_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "<script>alert(1)</script>",
        "\"' onmouseover=\"x",
        "</style><svg onload=x>",
        "&lt;&#0;&nbsp;",
        "--> ]]> <!--",
        "",
        "\x01\x02\x1f\x7f",
        "\xe2\x80\xae"
        "cod.exe",
        "\xef\xbf\xbf\xef\xbf\xbe",
        "\xf0\x9f\x90\x9d\xf0\x9f\x90\x9d",
        "%s%n%d",
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3"
        "\xa4\xc3\xa4\xc3\xa4"
        "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2"
        "\xe6\xbc\xa2\xe6\xbc\xa2",
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++) {
        wt_buf page;
        reader r;
        json_t *doc = poisoned(sample, names[i]);
        render(doc, &page, &r);
        assert_null(strstr(page.data, "<script"));
        assert_null(strstr(page.data, "onload=x>"));
        assert_null(strstr(page.data, "\xe2\x80\xae")); /* nothing turns the direction of the text */
        wt_buf_free(&page);
        json_decref(doc);
    }
}

static void figure_is(wt_fig f, const char *want) { assert_string_equal(f.s, want); }

static void figures(void **state)
{
    (void)state;
    figure_is(wt_fig_ms(NAN), "-");
    figure_is(wt_fig_ms(12.345), "12.3\xc2\xa0ms");
    figure_is(wt_fig_ms(0.01234), "12.3\xc2\xa0\xc2\xb5s");
    figure_is(wt_fig_ms(0), "0.00\xc2\xa0ms");
    figure_is(wt_fig_ms(123456), "123\xc2\xa0s");
    figure_is(wt_fig_bytes(999), "999\xc2\xa0"
                                 "B");
    figure_is(wt_fig_bytes(10857958), "10.9\xc2\xa0MB");
    figure_is(wt_fig_bytes(INFINITY), "-");
    figure_is(wt_fig_times(2.944), "2.94\xc3\x97");
    figure_is(wt_fig_times(2), "2\xc3\x97");
    figure_is(wt_fig_percent(0.95), "95\xc2\xa0%");
    figure_is(wt_fig_percent(0.9875), "98.8\xc2\xa0%");
    figure_is(wt_fig_percent(0.99951), "99.95\xc2\xa0%");
    figure_is(wt_fig_percent(0.0123), "1.23\xc2\xa0%");
    figure_is(wt_fig_percent(1), "100\xc2\xa0%");
    figure_is(wt_fig_fixed(-0.001, 2), "0.00");
    figure_is(wt_fig_fixed(1e300, 2), "1.00e+300");
    figure_is(wt_fig_num(1234.5678, 3), "1235");
    figure_is(wt_fig_num(0.00001234, 3), "1.23e-05");
    figure_is(wt_fig_count(999), "999");
    figure_is(wt_fig_count(2690352), "2\xe2\x80\xaf"
                                     "690\xe2\x80\xaf"
                                     "352");
    figure_is(wt_fig_unit(41.26, "dB"), "41.3\xc2\xa0"
                                        "dB");
    figure_is(wt_fig_unit(5, "<b>"), "5.000");
    figure_is(wt_fig_unit(NAN, "furlong"), "-");
    json_t *pair = json_loads("[0.983, 1.004]", 0, NULL), *one = json_loads("[null, 2]", 0, NULL);
    figure_is(wt_fig_range(pair, "ratio"), "98.3 \xe2\x80\x93 100.4\xc2\xa0%");
    figure_is(wt_fig_range(one, "ms"), "-");
    figure_is(wt_fig_range(NULL, "ms"), "-");
    json_decref(pair);
    json_decref(one);
}

static void shortened(void **state)
{
    (void)state;
    wt_buf b;
    wt_buf_init(&b, ctx);
    wt_html_short(&b, "/backbone/blocks.7/conv_2/Conv_output_0", 12);
    assert_string_equal(b.data, "/bac\xe2\x80\xa6"
                                "utput_0");
    assert_int_equal(strlen(b.data), 12 + 2); /* characters, one of them three bytes long */
    wt_buf_free(&b);
    wt_buf_init(&b, ctx);
    wt_html_short(&b,
                  "a\xff\xfe"
                  "b<",
                  12); /* not UTF-8 */
    assert_string_equal(b.data, "a\xef\xbf\xbd\xef\xbf\xbd"
                                "b&lt;");
    wt_buf_free(&b);
}

static void axes(void **state)
{
    (void)state;
    double ticks[WT_TICKS];
    const double odd[] = { 0, -1, 1e-300, 1e300, NAN, INFINITY, 5 };
    for (size_t i = 0; i < WT_ARRAY_LEN(odd); i++)
        for (size_t k = 0; k < WT_ARRAY_LEN(odd); k++) {
            const wt_axis lin = wt_axis_linear(odd[i], odd[k]), log_ = wt_axis_log(odd[i], odd[k]);
            assert_true(wt_axis_ticks(&lin, 6, ticks) <= WT_TICKS);
            assert_true(wt_axis_ticks(&log_, 6, ticks) <= WT_TICKS);
            const double x = wt_axis_at(&lin, odd[k]), y = wt_axis_at(&log_, odd[i]);
            assert_true(x >= 0 && x <= 1 && y >= 0 && y <= 1);
        }
    const wt_axis a = wt_axis_linear(0, 12.4);
    const size_t n = wt_axis_ticks(&a, 6, ticks);
    assert_true(n >= 3);
    for (size_t i = 1; i < n; i++)
        assert_true(ticks[i] > ticks[i - 1]);
}

/* --- files
 * ------------------------------------------------------------------------------------------------------------------ */

static const char *folder_with(const char *json)
{
    const char *dir = wt_test_tmpdir();
    wt_test_write(wt_test_path(dir, "result.json"), json, strlen(json));
    return dir;
}

static void files(void **state)
{
    (void)state;
    static const char small[] = "{\"schema\":\"whet.optimize/1\",\"verdict\":{\"passed\":true}}",
                      page[] = "<html>mine</html>";
    const char *dir = folder_with(small);
    wt_result *result;
    wt_test_ok(wt_report_write(ctx, dir, 0, &err), &err);
    wt_test_ok(wt_report_make(&result, ctx, dir, 0, &err), &err); /* our own page may be written again */
    assert_true(wt_path_exists(wt_result_string(result, "", "file")));
    assert_true(wt_result_true(result, "passed"));
    wt_result_free(result);
    wt_test_write(wt_test_path(dir, "report.html"), page, sizeof page - 1);
    wt_test_refused(wt_report_write(ctx, dir, 0, &err), WT_EUSAGE, &err, NULL); /* somebody else's */
    wt_test_ok(wt_report_write(ctx, dir, 1, &err), &err);
    assert_int_equal(wt_test_count_files(dir), 2);

    wt_test_refused(wt_report_write(ctx, folder_with("{\"schema\":\"whet.bench/1\"}"), 0, &err), WT_EFORMAT, &err,
                    "whet.bench/1");
    wt_test_refused(wt_report_write(ctx, folder_with("{\"schema\":7}"), 0, &err), WT_EFORMAT, &err, NULL);
    wt_test_refused(wt_report_write(ctx, folder_with("{\"schema\":"), 0, &err), WT_EFORMAT, &err, NULL);
    wt_test_refused(wt_report_write(ctx, folder_with("[]"), 0, &err), WT_EFORMAT, &err, NULL);
    wt_test_refused(wt_report_write(ctx, wt_test_tmpdir(), 0, &err), WT_EIO, &err, NULL);
    wt_test_refused(wt_report_write(ctx, wt_test_path(dir, "absent"), 0, &err), WT_EUSAGE, &err, "no folder");
}

static wt_status render_once(wt_context *c, void *arg, wt_err *e)
{
    wt_buf page;
    wt_buf_init(&page, c);
    const wt_status st = wt_report_render(c, arg, &page, e);
    wt_buf_free(&page);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(render_once, sample) > 20);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(sections), TEST(missing),   TEST(empty), TEST(wrong_types), TEST(wrong_leaves), TEST(hostile_names),
        TEST(figures),  TEST(shortened), TEST(axes),  TEST(files),       TEST(no_memory),
    };
    return wt_test_run("report", tests, WT_ARRAY_LEN(tests));
}
