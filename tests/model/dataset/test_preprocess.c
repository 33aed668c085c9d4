/* Pre-processing as JSON, from flags, merged; and CSV. */
#include <math.h>
#include <stdlib.h>
#include "data_files.h"
#include "model/dataset/csv.h"
#include "model/dataset/preprocess.h"

static wt_err err;

static wt_preprocess parsed(const char *json)
{
    wt_preprocess pp;
    wt_test_ok(wt_preprocess_parse(&pp, json, strlen(json), "pp.json", &err), &err);
    return pp;
}

static void refused(const char *json, const char *part)
{
    wt_preprocess pp;
    wt_test_refused(wt_preprocess_parse(&pp, json, strlen(json), "pp.json", &err), WT_EFORMAT, &err, part);
    assert_string_equal(err.where, "pp.json");
}

static void the_manuals_example(void **state)
{
    (void)state;
    const wt_preprocess pp = parsed(
        "{\"size\":[320,48],\"resize\":\"area\",\"keep_aspect\":false,\"pad\":0,\"crop\":[20,10],"
        "\"channels\":\"bgr\",\"layout\":\"nhwc\",\"scale\":0.00392156862745098,\"mean\":[0.5,0.25,1],\"std\":0.5}");
    assert_true(pp.width == 320 && pp.height == 48 && pp.resize == WT_RESIZE_AREA && pp.aspect == WT_ASPECT_STRETCH);
    assert_true(pp.crop_width == 20 && pp.crop_height == 10 && pp.channels == WT_CHANNELS_BGR && pp.layout == WT_NHWC);
    assert_true(fabs(pp.scale * 255 - 1) < 1e-12 && pp.mean_count == 3 && pp.mean[1] == 0.25 && pp.std_count == 1);
    assert_int_equal(pp.set, (1 << 10) - 1);
    const wt_preprocess sound = parsed("{\"sample_rate\":16000,\"mono\":true,\"frame\":512,\"hop\":256}");
    assert_true(sound.sample_rate == 16000 && sound.mono && sound.frame == 512 && sound.hop == 256);
    assert_int_equal(sound.set, WT_PP_SOUND_KEYS);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    refused("", "JSON");
    refused("[1]", "not a JSON object");
    refused("{\"size\":[1,2],\"size\":[1,2]}", "duplicate");
    refused("{\"colour\":\"rgb\"}", "no key colour");
    refused("{\"size\":[1,2,3]}", "size is not");
    refused("{\"size\":[1.5,2]}", "size is not");
    refused("{\"size\":[99999999,2]}", "size is not");
    refused("{\"crop\":[null,2]}", "crop is not");
    refused("{\"resize\":\"lanczos\"}", "nearest, bilinear");
    refused("{\"keep_aspect\":\"width\"}", "keep_aspect");
    refused("{\"scale\":0}", "scale");
    refused("{\"scale\":1e999}", NULL);
    refused("{\"std\":[1,0,1]}", "std");
    refused("{\"mean\":[1,2]}", "mean");
    refused("{\"mean\":\"0.5\"}", "mean");
    refused("{\"multiple\":0}", "multiple");
    refused("{\"mono\":1}", "mono");
    refused("{\"frame\":-1}", "frame");
    refused("{\"sample_rate\":1}", "sample_rate");
}

static void flags(void **state)
{
    (void)state;
    wt_preprocess pp = wt_preprocess_defaults();
    wt_test_ok(wt_preprocess_set(&pp, "size", "224x112", &err), &err);
    assert_true(pp.width == 224 && pp.height == 112);
    wt_test_ok(wt_preprocess_set(&pp, "size", "?x48", &err), &err);
    assert_true(pp.width == 0 && pp.height == 48);
    wt_test_ok(wt_preprocess_set(&pp, "mean", "0.485,0.456,0.406", &err), &err);
    assert_true(pp.mean_count == 3 && pp.mean[2] == 0.406);
    wt_test_ok(wt_preprocess_set(&pp, "std", "127.5", &err), &err);
    wt_test_ok(wt_preprocess_set(&pp, "channels", "gray", &err), &err);
    wt_test_ok(wt_preprocess_set(&pp, "keep_aspect", "height", &err), &err);
    assert_true(pp.std[0] == 127.5 && pp.channels == WT_CHANNELS_GRAY && pp.aspect == WT_ASPECT_HEIGHT);
    wt_test_ok(wt_preprocess_set(&pp, "keep_aspect", "true", &err), &err);
    assert_int_equal(pp.aspect, WT_ASPECT_FIT);
    wt_test_refused(wt_preprocess_set(&pp, "channels", "cmyk", &err), WT_EUSAGE, &err, "rgb, bgr or gray");
    wt_test_refused(wt_preprocess_set(&pp, "size", "axb", &err), WT_EUSAGE, &err, "size");
    wt_test_refused(wt_preprocess_set(&pp, "nope", "1", &err), WT_EUSAGE, &err, "nope");
    assert_true(pp.channels == WT_CHANNELS_GRAY && pp.height == 48); /* a refused value changes nothing */
}

static void merging_and_printing(void **state)
{
    (void)state;
    wt_preprocess base = parsed(
        "{\"size\":[null,48],\"mean\":[1,2,3],\"keep_aspect\":\"height\",\"pad\":0.25,\"multiple\":8}");
    const wt_preprocess over = parsed("{\"mean\":0.5,\"mono\":false}");
    wt_preprocess_merge(&base, &over);
    assert_true(base.width == 0 && base.height == 48 && base.mean_count == 1 && base.mean[0] == 0.5 && !base.mono);
    json_t *json = wt_preprocess_to_json(&base, UINT32_MAX);
    char *text = json_dumps(json, JSON_COMPACT);
    assert_string_equal(
        text,
        "{\"size\":[null,48],\"keep_aspect\":\"height\",\"pad\":0.25,\"mean\":[0.5],\"multiple\":8,\"mono\":false}");
    const wt_preprocess again = parsed(text);
    assert_memory_equal(&again, &base, offsetof(wt_preprocess, scale)); /* as far as there is no rest of an old array */
    free(text);
    json_decref(json);
}

/* --- CSV
 * ----------------------------------------------------------------------------------------------------------------------
 */

static void csv_rows(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_arena arena;
    wt_csv csv;
    const char *f[4];
    size_t n;
    const char *text = "\xef\xbb\xbf"
                       "file,label\r\n\r\na.png,\"x, \"\"y\"\"\r\nz\"\r\nb.png,\nc,,d,e,f";
    wt_arena_init(&arena, ctx);
    wt_csv_open(&csv, &arena, text, strlen(text));
    wt_test_ok(wt_csv_row(&csv, f, 4, &n, &err), &err);
    assert_int_equal(n, 2);
    assert_string_equal(f[0], "file");
    assert_string_equal(f[1], "label");
    wt_test_ok(wt_csv_row(&csv, f, 4, &n, &err), &err);
    assert_int_equal(csv.line, 3);
    assert_string_equal(f[1], "x, \"y\"\r\nz");
    wt_test_ok(wt_csv_row(&csv, f, 4, &n, &err), &err);
    assert_int_equal(csv.line, 5);
    assert_string_equal(f[0], "b.png");
    assert_string_equal(f[1], "");
    wt_test_ok(wt_csv_row(&csv, f, 4, &n, &err), &err);
    assert_int_equal(n, 5);
    assert_string_equal(f[3], "e");
    wt_test_ok(wt_csv_row(&csv, f, 4, &n, &err), &err);
    assert_int_equal(n, 0);
    wt_csv_open(&csv, &arena, "a,\"b", 4);
    wt_test_refused(wt_csv_row(&csv, f, 4, &n, &err), WT_EFORMAT, &err, "does not end");
    wt_csv_open(&csv, &arena, "a,\"b\"c", 6);
    wt_test_refused(wt_csv_row(&csv, f, 4, &n, &err), WT_EFORMAT, &err, "after a quoted");
    wt_csv_open(&csv, &arena, "\na,\xff", 4);
    wt_test_refused(wt_csv_row(&csv, f, 4, &n, &err), WT_EFORMAT, &err, "line 2");
    wt_arena_free(&arena);
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manuals_example),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(flags),
        cmocka_unit_test(merging_and_printing),
        cmocka_unit_test(csv_rows),
    };
    return wt_test_run("preprocess", tests, WT_ARRAY_LEN(tests));
}
