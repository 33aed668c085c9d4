/* test_openvino_refuse.c - files that are wrong: each is refused with a line that says what and where. */
#include <stdlib.h>
#include "ov_samples.h"

static void refused(const char *xml, const void *bin, size_t n, wt_status want, const char *message, const char *where)
{
    wt_context *ctx = wt_test_context();
    wt_graph *g = (void *)&g; /* junk: a refusal must clear it */
    wt_err err = { .offset = WT_NO_OFFSET };
    const wt_status st = wt_ov_read_text(&g, ctx, xml, bin, n, &err);
    wt_test_refused(st, want, &err, message);
    assert_null(g);
    if (where && !strstr(err.where, where))
        fail_msg("at '%s', expected '%s' (%s)", err.where, where, err.message);
    wt_test_context_close(ctx);
}

static void one_change_each(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *message, *where;
        wt_status st;
    } rows[] = {
        { "size=\"8\"", "size=\"7\"", "take 8 bytes, size says 7", "layer 1 'W' (Const)", WT_EFORMAT },
        { "shape=\"2, 4\"", "shape=\"2, 5\"", "take 10 bytes, size says 8", "layer 1 'W'", WT_EFORMAT },
        { "offset=\"0\"", "offset=\"5\"", "end at byte 13", "layer 1 'W'", WT_EFORMAT },
        { "offset=\"0\"", "offset=\"18446744073709551615\"", "end at byte", "layer 1 'W'", WT_EFORMAT },
        { "offset=\"0\"", "offset=\"18446744073709551616\"", "expected a number of bytes", "layer 1", WT_EFORMAT },
        { "offset=\"0\"", "offset=\"-1\"", "expected a number of bytes", "layer 1", WT_EFORMAT },
        { "element_type=\"i8\" shape=\"2, 4\"", "element_type=\"u4\" shape=\"3, 7\"",
          "21 elements of uint4 take 11 bytes", "layer 1", WT_EFORMAT },
        { "element_type=\"i8\"", "element_type=\"u1\"", "cannot be read", "layer 1", WT_EUNSUPPORTED },
        { "shape=\"2, 4\"", "shape=\"2, x\"", "expected at most", "layer 1", WT_EUNSUPPORTED },
        { "shape=\"2, 4\"", "shape=\"4611686018427387904, 4\"", "is not that of a constant", "layer 1", WT_EFORMAT },
        { "version=\"11\"", "version=\"7\"", "IR version \"7\"", NULL, WT_EUNSUPPORTED },
        { "<net name=\"tiny\"", "<not name=\"tiny\"", "no well-formed XML", "line", WT_EFORMAT },
        { "type=\"MatMul\" version=\"opset1\"", "type=\"MatMul\" version=\"opset99\"", "opset99",
          "layer 6 'fc' (MatMul)", WT_EUNSUPPORTED },
        { "type=\"MatMul\" version=\"opset1\"", "type=\"MatMul\" version=\"extension\"", "extension", "layer 6",
          WT_EUNSUPPORTED },
        { "type=\"MatMul\"", "type=\"Proposal\"", "Proposal has no equivalent", "layer 6 'fc' (Proposal)",
          WT_EUNSUPPORTED },
        { "transpose_a=\"false\"", "transpose_a=\"maybe\"", "expected true or false", "layer 6", WT_EFORMAT },
        { "<edge from-layer=\"5\" from-port=\"1\" to-layer=\"6\" to-port=\"1\"/>", "", "no edge ends at input port 1",
          "layer 6", WT_EFORMAT },
        { "from-layer=\"5\" from-port=\"1\"", "from-layer=\"5\" from-port=\"0\"", "an output that is not there: port 0",
          "layer 5", WT_EFORMAT },
        { "to-layer=\"7\" to-port=\"0\"", "to-layer=\"7\" to-port=\"4\"", "an input that is not there: port 4",
          "layer 7", WT_EFORMAT },
        { "to-layer=\"7\" to-port=\"0\"", "to-layer=\"70\" to-port=\"0\"", "no layer has the id of to-layer", "line",
          WT_EFORMAT },
        { "from-layer=\"0\" from-port=\"0\"", "from-layer=\"6\" from-port=\"2\"", "cycle", "layer", WT_EFORMAT },
        { "<layer id=\"3\"", "<layer id=\"2\"", "two layers have one id", "line", WT_EFORMAT },
        { "<layer id=\"3\"", "<layer id=\"three\"", "a number as id", "line", WT_EFORMAT },
        { "<dim>1</dim>", "<dim>-7</dim>", "-1 or more", "line", WT_EFORMAT },
        { "</edges></net>", "", "no well-formed XML", "line", WT_EFORMAT },
        { "name=\"tiny\"", "name=\"tiny\" name=\"two\"", "no well-formed XML", "line", WT_EFORMAT },
        { "name=\"tiny\"", "name=\"&boom;\"", "no well-formed XML", "line", WT_EFORMAT },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        char *xml = wt_ov_changed(wt_ov_linear_xml, rows[i].from, rows[i].to);
        if (rows[i].st != WT_OK)
            refused(xml, wt_ov_linear_bin, sizeof wt_ov_linear_bin, rows[i].st, rows[i].message, rows[i].where);
        free(xml);
    }
}

static void the_bin_is_missing_or_short(void **state)
{
    (void)state;
    refused(wt_ov_linear_xml, NULL, 0, WT_EFORMAT, "there is none", "layer 1 'W' (Const)");
    for (size_t n = 1; n < sizeof wt_ov_linear_bin; n++)
        refused(wt_ov_linear_xml, wt_ov_linear_bin, n, WT_EFORMAT, "end at byte", "layer");
}

static void entities_and_depth(void **state)
{
    (void)state;
    static const char bomb[] = "<?xml version=\"1.0\"?><!DOCTYPE n [<!ENTITY a \"aaaaaaaa\"><!ENTITY b "
                               "\"&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;\">]><net name=\"&c;\" version=\"11\"/>";
    static const char outside[] = "<!DOCTYPE n SYSTEM \"file:///etc/passwd\"><net version=\"11\"/>";
    refused(bomb, NULL, 0, WT_EFORMAT, "document type", "line");
    refused(outside, NULL, 0, WT_EFORMAT, "document type", "line");
    enum { DEEP = 5000 };
    char *deep = malloc(DEEP * 3 + 1);
    assert_non_null(deep);
    for (size_t i = 0; i < DEEP; i++)
        memcpy(deep + 3 * i, "<a>", 3);
    deep[3 * DEEP] = 0;
    refused(deep, NULL, 0, WT_EFORMAT, "nested too deeply", "line");
    free(deep);
    refused("", NULL, 0, WT_EFORMAT, "", NULL);
    refused("<html></html>", NULL, 0, WT_EFORMAT, "begins with <html>", NULL);
    refused("<net version=\"11\"></net>", NULL, 0, WT_EFORMAT, "no <layers>", NULL);
}

/* Wherever the file ends: refused, and nothing is left. */
static void every_truncation(void **state)
{
    (void)state;
    const size_t n = strlen(wt_ov_linear_xml);
    wt_context *ctx = wt_test_context();
    for (size_t k = 0; k + 1 < n; k++) {
        wt_graph *g = NULL;
        wt_err err = { .offset = WT_NO_OFFSET };
        char *cut = malloc(k + 1); /* of its own size, so that a sanitizer sees one byte more */
        assert_non_null(cut);
        memcpy(cut, wt_ov_linear_xml, k);
        const wt_status st = wt_openvino_read_bytes(&g, ctx, cut, k, wt_ov_linear_bin, sizeof wt_ov_linear_bin, &err);
        wt_test_refused(st, WT_EFORMAT, &err, NULL);
        free(cut);
    }
    wt_test_context_close(ctx);
}

static void a_file_is_known_by_its_content(void **state)
{
    (void)state;
    static const char *const yes[] = { "<net name=\"a\">", "<?xml version=\"1.0\"?>\n<net>",
                                       "\xef\xbb\xbf<?xml version=\"1.0\"?><!-- made by hand -->\n <net name=\"a\"" };
    static const char *const no[] = { "", "<", "<netto/>", "<html>", "<?xml version=\"1.0\"?><svg>", "net" };
    for (size_t i = 0; i < WT_ARRAY_LEN(yes); i++)
        assert_true(wt_format_openvino.sniff((const uint8_t *)yes[i], strlen(yes[i])));
    for (size_t i = 0; i < WT_ARRAY_LEN(no); i++)
        assert_false(wt_format_openvino.sniff((const uint8_t *)no[i], strlen(no[i])));
}

/* The message names the file, and the .bin that belongs to it. */
static void files_are_named(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_graph *g = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    const char *folder = wt_test_tmpdir(), *path = wt_test_path(folder, "net.xml");
    wt_test_write(path, wt_ov_linear_xml, strlen(wt_ov_linear_xml));
    wt_test_refused(wt_model_read(&g, ctx, path, &err), WT_EFORMAT, &err, "there is none");
    assert_non_null(strstr(err.where, "net.xml"));
    assert_non_null(strstr(err.where, "layer 1 'W'"));
    assert_non_null(strstr(err.hint, "net.bin"));
    wt_test_write(wt_test_path(folder, "net.bin"), wt_ov_linear_bin, sizeof wt_ov_linear_bin);
    wt_test_ok(wt_model_read(&g, ctx, path, &err), &err);
    assert_string_equal(g->format, "openvino");
    wt_graph_close(g);
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_change_each),
        cmocka_unit_test(the_bin_is_missing_or_short),
        cmocka_unit_test(entities_and_depth),
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(a_file_is_known_by_its_content),
        cmocka_unit_test(files_are_named),
    };
    return wt_test_run("openvino_refuse", tests, WT_ARRAY_LEN(tests));
}
