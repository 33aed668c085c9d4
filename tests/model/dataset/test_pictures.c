/* Pictures: decoded exactly, resized as OpenCV does, laid out and normalised as asked; damaged ones refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "data_files.h"
#include "model/dataset/image_input.h"
#include "model/dataset/resize.h"

enum { MANY = 1 << 28 };
static wt_context *ctx;
static wt_err err;
static wt_picture pic, work;

static int set_up(void **state)
{
    (void)state;
    ctx = wt_test_context();
    wt_picture_init(&pic, ctx);
    wt_picture_init(&work, ctx);
    memset(&err, 0, sizeof err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wt_picture_free(&pic);
    wt_picture_free(&work);
    wt_test_context_close(ctx);
    return 0;
}

static void png_is_exact(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 4; channels++) {
        if (channels == 2)
            continue;
        size_t len;
        uint8_t *px = wt_make_pixels(31, 17, channels, 3), *png = wt_make_png(px, 31, 17, channels, &len);
        wt_test_ok(wt_picture_decode(&pic, png, len, MANY, &err), &err);
        assert_true(pic.width == 31 && pic.height == 17 && pic.channels == (channels == 1 ? 1 : 3));
        for (int i = 0; i < 31 * 17; i++)
            assert_memory_equal(pic.pixels + i * pic.channels, px + i * channels,
                                (size_t)pic.channels); /* alpha is dropped */
        free(px);
        free(png);
    }
}

static void jpeg_is_close(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        size_t len;
        uint8_t *px = calloc((size_t)(40 * 24), (size_t)channels);
        for (int i = 0; i < 40 * 24 * channels; i++)
            px[i] = (uint8_t)(i / channels % 40 * 5 + 20);
        uint8_t *jpeg = wt_make_jpeg(px, 40, 24, channels, &len);
        wt_test_ok(wt_picture_decode(&pic, jpeg, len, MANY, &err), &err);
        assert_true(pic.width == 40 && pic.height == 24 && pic.channels == channels);
        for (int i = 0; i < 40 * 24 * channels; i++)
            assert_true(abs(pic.pixels[i] - px[i]) <= 8);
        free(px);
        free(jpeg);
    }
}

static void gray_weights(void **state)
{
    (void)state;
    static const uint8_t rgb[] = { 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 10, 10, 10 };
    static const uint8_t gray[] = { 76, 150, 29, 255, 10 };
    wt_test_ok(wt_picture_resize(&pic, 5, 1, 3, MANY, &err), &err);
    memcpy(pic.pixels, rgb, sizeof rgb);
    wt_picture_to_gray(&pic);
    assert_memory_equal(pic.pixels, gray, sizeof gray);
}

/* --- hostile
 * ---------------------------------------------------------------------------------------------------------------- */

/* Each truncation must be refused; each flipped byte must not crash. */
static void damage(const uint8_t *bytes, size_t len)
{
    for (size_t cut = 0; cut < len; cut += 1 + cut / 40) {
        uint8_t *c = malloc(cut ? cut : 1); /* an exact block: the sanitizer sees one byte more */
        memcpy(c, bytes, cut);
        const wt_status st = wt_picture_decode(&pic, c, cut, MANY, &err);
        if (st != WT_EFORMAT && st != WT_EUNSUPPORTED)
            fail_msg("cut to %zu of %zu: %s", cut, len, wt_status_name(st));
        free(c);
    }
    uint8_t *c = malloc(len);
    for (size_t i = 0; i < len; i++) {
        memcpy(c, bytes, len);
        c[i] = (uint8_t)~c[i];
        (void)wt_picture_decode(&pic, c, len, 1 << 16, NULL);
    }
    free(c);
}

static void damaged_pictures(void **state)
{
    (void)state;
    size_t len;
    uint8_t *px = wt_make_pixels(20, 20, 3, 0), *file = wt_make_png(px, 20, 20, 3, &len);
    damage(file, len);
    file[len / 2] ^= 0x55; /* inside the compressed rows: the checksum sees it */
    wt_test_refused(wt_picture_decode(&pic, file, len, MANY, &err), WT_EFORMAT, &err, "PNG");
    free(file);
    file = wt_make_jpeg(px, 20, 20, 3, &len);
    damage(file, len - 2); /* without the end marker nothing is missing */
    free(file);
    free(px);
    wt_test_refused(wt_picture_decode(&pic, (const uint8_t *)"GIF89a", 6, MANY, &err), WT_EUNSUPPORTED, &err,
                    "neither");
    wt_test_refused(wt_picture_decode(&pic, NULL, 0, MANY, &err), WT_EFORMAT, &err, "empty");
}

static uint32_t crc(const uint8_t *p, size_t n)
{
    uint32_t c = ~0u;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
    }
    return ~c;
}

static void pictures_that_claim_too_much(void **state)
{
    (void)state;
    size_t len;
    uint8_t *px = wt_make_pixels(8, 8, 3, 0), *png = wt_make_png(px, 8, 8, 3, &len), *jpeg;
    const uint8_t huge[8] = { 0, 0, 255, 255, 0, 0, 255, 255 }, large[8] = { 0, 0, 64, 0, 0, 0, 63, 0 };
    memcpy(png + 16, huge, 8); /* width and height of the header chunk */
    uint32_t c = crc(png + 12, 17);
    for (int i = 0; i < 4; i++)
        png[29 + i] = (uint8_t)(c >> (24 - 8 * i));
    wt_test_refused(wt_picture_decode(&pic, png, len, MANY, &err), WT_ELIMIT, &err, "65535 x 65535");
    memcpy(png + 16, large, 8); /* within the limit, but there are not enough bytes for it */
    c = crc(png + 12, 17);
    for (int i = 0; i < 4; i++)
        png[29 + i] = (uint8_t)(c >> (24 - 8 * i));
    wt_test_refused(wt_picture_decode(&pic, png, len, MANY, &err), WT_EFORMAT, &err, "too few bytes");
    assert_true(wt_context_memory_peak(ctx) < 1 << 20);
    free(png);
    jpeg = wt_make_jpeg(px, 8, 8, 3, &len);
    size_t at = 0;
    while (!(jpeg[at] == 0xff && jpeg[at + 1] == 0xc0))
        at++;
    memset(jpeg + at + 5, 0xff, 4);
    wt_test_refused(wt_picture_decode(&pic, jpeg, len, MANY, &err), WT_EFORMAT, &err,
                    NULL); /* libjpeg's own limit: 65500 */
    memcpy(jpeg + at + 5, "\xff\x00\xff\x00", 4);
    wt_test_refused(wt_picture_decode(&pic, jpeg, len, MANY, &err), WT_ELIMIT, &err, "larger than");
    memcpy(jpeg + at + 5, "\x30\x00\x30\x00", 4);
    wt_test_refused(wt_picture_decode(&pic, jpeg, len, MANY, &err), WT_EFORMAT, &err, "too few bytes");
    assert_true(wt_context_memory_peak(ctx) < 1 << 20);
    free(jpeg);
    free(px);
}

/* --- resizing, against values that OpenCV 4 computed
 * ------------------------------------------------------------------------- */

static void resizing_is_opencvs(void **state)
{
    (void)state;
    static const struct {
        wt_resize mode;
        uint8_t small[6], large[45];
    } want[] = {
        { WT_RESIZE_NEAREST,
          { 200, 206, 212, 210, 216, 222 },
          { 200, 203, 206, 212, 215, 200, 203, 206, 212, 215, 205, 208, 211, 217, 220,
            205, 208, 211, 217, 220, 210, 213, 216, 222, 225, 210, 213, 216, 222, 225,
            215, 218, 221, 227, 230, 215, 218, 221, 227, 230, 220, 223, 226, 232, 235 } },
        { WT_RESIZE_BILINEAR,
          { 205, 213, 220, 218, 225, 232 },
          { 201, 205, 209, 213, 217, 202, 206, 211, 215, 219, 205, 209, 213, 217, 222,
            208, 212, 216, 220, 225, 211, 215, 219, 223, 227, 213, 217, 222, 226, 230,
            216, 220, 224, 229, 233, 219, 223, 227, 231, 236, 221, 225, 229, 233, 237 } },
        { WT_RESIZE_BICUBIC,
          { 205, 212, 220, 218, 226, 233 },
          { 200, 204, 208, 213, 217, 202, 206, 210, 215, 219, 205, 209, 213, 217, 222,
            208, 212, 216, 221, 225, 210, 215, 219, 223, 228, 213, 217, 222, 226, 230,
            216, 221, 225, 229, 233, 219, 223, 228, 232, 236, 221, 225, 230, 234, 238 } },
        { WT_RESIZE_AREA,
          { 206, 213, 220, 218, 225, 232 },
          { 201, 205, 209, 213, 217, 202, 205, 210, 214, 218, 206, 210, 214, 218, 222,
            208, 212, 215, 220, 224, 211, 215, 219, 223, 227, 214, 218, 221, 226, 230,
            216, 220, 224, 228, 232, 220, 223, 228, 232, 236, 221, 225, 229, 233, 237 } },
    };
    uint8_t *px = wt_make_pixels(7, 5, 1, 200);
    wt_test_ok(wt_picture_resize(&pic, 7, 5, 1, MANY, &err), &err);
    memcpy(pic.pixels, px, 35);
    for (size_t i = 0; i < WT_ARRAY_LEN(want); i++) {
        const int slack = want[i].mode == WT_RESIZE_NEAREST ? 0 : 1;
        wt_test_ok(wt_resize_picture(&work, &pic, 3, 2, want[i].mode, MANY, &err), &err);
        for (int k = 0; k < 6; k++)
            assert_true(abs(work.pixels[k] - want[i].small[k]) <= slack);
        wt_test_ok(wt_resize_picture(&work, &pic, 5, 9, want[i].mode, MANY, &err), &err);
        for (int k = 0; k < 45; k++)
            assert_true(abs(work.pixels[k] - want[i].large[k]) <= slack);
        wt_test_ok(wt_resize_picture(&work, &pic, 7, 5, want[i].mode, MANY, &err), &err);
        assert_memory_equal(work.pixels, px, 35);
    }
    free(px);
}

/* --- where a picture goes
 * -------------------------------------------------------------------------------------------------------- */

static wt_status plan(wt_image_input *in, const char *json, wt_dtype dtype, int rank, const int64_t *dims)
{
    wt_preprocess pp;
    const wt_shape shape = wt_shape_make(rank, dims);
    wt_test_ok(wt_preprocess_parse(&pp, json, strlen(json), "test", &err), &err);
    return wt_image_input_init(in, &pp, "x", dtype, &shape, MANY, &err);
}

static void check_fit(const char *json, const int64_t dims[4], int64_t w, int64_t h, const int64_t want[6])
{
    wt_image_input in;
    wt_image_fit f;
    wt_test_ok(plan(&in, json, WT_F32, 4, dims), &err);
    wt_test_ok(wt_image_input_fit(&in, w, h, &f, &err), &err);
    const int64_t got[6] = { f.width, f.height, f.left, f.top, f.canvas_w, f.canvas_h };
    for (int i = 0; i < 6; i++)
        assert_int_equal(got[i], want[i]);
}

#define DIMS(...) ((const int64_t[]){ __VA_ARGS__ })
static void fits(void **state)
{
    (void)state;
    /* stretched to the model's size */
    check_fit("{}", DIMS(1, 3, 48, 192), 100, 30, DIMS(192, 48, 0, 0, 192, 48));
    /* inside, top left: limited by height, by width */
    check_fit("{\"keep_aspect\":true}", DIMS(1, 3, 48, 192), 100, 30, DIMS(160, 48, 0, 0, 192, 48));
    check_fit("{\"keep_aspect\":true}", DIMS(1, 3, 48, 192), 500, 40, DIMS(192, 16, 0, 0, 192, 48));
    /* as line recognisers want it: never lower */
    check_fit("{\"keep_aspect\":\"height\"}", DIMS(1, 3, 48, 192), 500, 40, DIMS(192, 48, 0, 0, 192, 48));
    check_fit("{\"keep_aspect\":\"height\"}", DIMS(1, 3, 48, 192), 101, 30, DIMS(162, 48, 0, 0, 192, 48));
    /* free width: by aspect, padded to a multiple; stretched to it without an aspect */
    check_fit("{\"keep_aspect\":true,\"multiple\":32}", DIMS(1, 3, 48, -1), 500, 40, DIMS(600, 48, 0, 0, 608, 48));
    check_fit("{\"size\":[null,48],\"multiple\":32}", DIMS(1, 3, -1, -1), 500, 40, DIMS(608, 48, 0, 0, 608, 48));
    /* free both ways */
    check_fit("{\"multiple\":32}", DIMS(1, 3, -1, -1), 100, 33, DIMS(128, 64, 0, 0, 128, 64));
    check_fit("{}", DIMS(1, -1, -1, -1), 7, 5, DIMS(7, 5, 0, 0, 7, 5));
    /* torchvision: Resize(256), CenterCrop(224) of 400 x 300 */
    check_fit("{\"size\":256,\"keep_aspect\":true,\"crop\":224}", DIMS(1, 3, 224, 224), 400, 300,
              DIMS(341, 256, 58, 16, 224, 224));
    check_fit("{\"size\":[256,256],\"crop\":[224,224]}", DIMS(1, 3, 224, 224), 400, 300,
              DIMS(256, 256, 16, 16, 224, 224));
    /* a crop larger than the picture: centred, padded */
    check_fit("{\"crop\":[10,10]}", DIMS(1, 3, 10, 10), 4, 6, DIMS(4, 6, -3, -2, 10, 10));
}

static void contradictions_are_refused(void **state)
{
    (void)state;
    wt_image_input in;
    wt_test_refused(plan(&in, "{\"size\":[256,256]}", WT_F32, 4, DIMS(1, 3, 224, 224)), WT_EUSAGE, &err, "256x256");
    wt_test_refused(plan(&in, "{\"channels\":\"gray\"}", WT_F32, 4, DIMS(1, 3, 8, 8)), WT_EUSAGE, &err, "channel");
    wt_test_refused(plan(&in, "{\"mean\":[1,2,3]}", WT_F32, 4, DIMS(1, 1, 8, 8)), WT_EUSAGE, &err, "mean or std");
    wt_test_refused(plan(&in, "{}", WT_F32, 4, DIMS(1, 5, 8, 8)), WT_EUNSUPPORTED, &err, "cannot take a picture");
    wt_test_refused(plan(&in, "{}", WT_F32, 4, DIMS(8, 3, 8, 8)), WT_EUNSUPPORTED, &err, "batch of 8");
    wt_test_refused(plan(&in, "{}", WT_STRING, 4, DIMS(1, 3, 8, 8)), WT_EUNSUPPORTED, &err, "string");
    wt_test_refused(plan(&in, "{}", WT_BOOL, 4, DIMS(1, 3, 8, 8)), WT_EUNSUPPORTED, &err, "bool");
    wt_test_refused(plan(&in, "{}", WT_F32, 4, DIMS(1, 3, INT64_MAX, 8)), WT_EUNSUPPORTED, &err, "larger");
    wt_test_refused(plan(&in, "{}", WT_F32, 5, DIMS(1, 1, 3, 8, 8)), WT_EUNSUPPORTED, &err, "picture");
    wt_image_fit fit;
    wt_test_ok(plan(&in, "{\"size\":[null,4096],\"keep_aspect\":true}", WT_F32, 4, DIMS(1, 3, -1, -1)), &err);
    wt_test_refused(wt_image_input_fit(&in, 65535, 1, &fit, &err), WT_ELIMIT, &err, "more than");
}

/* --- values
 * ------------------------------------------------------------------------------------------------------------------------
 */

static void apply(const char *json, wt_dtype dtype, int rank, const int64_t *dims, int channels, void *out,
                  wt_shape *shape)
{
    wt_image_input in;
    wt_image_fit fit;
    uint8_t *px = wt_make_pixels(4, 2, channels, 0);
    wt_test_ok(wt_picture_resize(&pic, 4, 2, channels, MANY, &err), &err);
    memcpy(pic.pixels, px, (size_t)(8 * channels));
    free(px);
    wt_test_ok(plan(&in, json, dtype, rank, dims), &err);
    wt_test_ok(wt_image_input_fit(&in, 4, 2, &fit, &err), &err);
    *shape = wt_image_input_shape(&in, &fit);
    wt_test_ok(wt_image_input_apply(&in, &fit, &pic, &work, out, &err), &err);
}

static int code(int x, int y, int c) { return (x * 3 + y * 5 + c * 40) % 256; }

static void values_and_layouts(void **state)
{
    (void)state;
    float f[64];
    wt_shape s;
    apply("{\"mean\":[0.1,0.2,0.3],\"std\":[0.5,0.25,2]}", WT_F32, 4, DIMS(-1, 3, -1, -1), 3, f, &s);
    assert_true(s.rank == 4 && s.dim[0] == 1 && s.dim[1] == 3 && s.dim[2] == 2 && s.dim[3] == 4);
    static const double mean[3] = { .1, .2, .3 }, std[3] = { .5, .25, 2 };
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 8; i++)
            assert_true(fabs(f[c * 8 + i] - (code(i % 4, i / 4, c) / 255.0 - mean[c]) / std[c]) < 1e-6);
    apply("{\"channels\":\"bgr\",\"layout\":\"nhwc\",\"scale\":1,\"mean\":[1,2,3]}", WT_F32, 4, DIMS(1, 2, 4, 3), 3, f,
          &s);
    for (int i = 0; i < 8; i++)
        for (int c = 0; c < 3; c++)
            assert_true(f[i * 3 + c] == (float)(code(i % 4, i / 4, 2 - c) - (c + 1)));
    apply("{}", WT_F32, 4, DIMS(1, 2, 4, 3), 1, f, &s); /* gray to three channels, layout seen from the dims */
    for (int i = 0; i < 24; i++)
        assert_true(fabs(f[i] - code(i / 3 % 4, i / 12, 0) / 255.0) < 1e-7);
    apply("{\"size\":[4,2]}", WT_F32, 2, DIMS(-1, 8), 1, f, &s); /* flat */
    assert_true(s.rank == 2 && s.dim[0] == 1 && s.dim[1] == 8 && f[5] == (float)(code(1, 1, 0) / 255.0));
    apply("{}", WT_F32, 3, DIMS(-1, 2, 4), 1, f, &s); /* a batch of gray pictures */
    assert_true(s.rank == 3 && s.dim[0] == 1 && f[7] == (float)(code(3, 1, 0) / 255.0));
}

static void padding_is_not_normalised(void **state)
{
    (void)state;
    float f[3 * 4 * 4];
    wt_shape s;
    apply("{\"keep_aspect\":true,\"pad\":-7,\"mean\":0.5,\"std\":0.5}", WT_F32, 4, DIMS(1, 3, 4, 4), 3, f, &s);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 16; i++)
            assert_true(i < 8 ? f[c * 16 + i] == (float)((code(i % 4, i / 4, c) / 255.0 - .5) / .5)
                              : f[c * 16 + i] == -7);
}

static void other_types(void **state)
{
    (void)state;
    uint8_t u[24];
    int8_t i8[24];
    uint16_t h[24];
    double d[24];
    wt_shape s;
    apply("{}", WT_U8, 4, DIMS(1, 3, 2, 4), 3, u, &s); /* integers take codes */
    assert_int_equal(u[8 + 5], code(1, 1, 1));
    apply("{\"mean\":100,\"std\":0.1}", WT_I8, 4, DIMS(1, 3, 2, 4), 3, i8, &s); /* saturated */
    assert_int_equal(i8[0], -128);
    assert_int_equal(i8[16 + 7], -60);
    apply("{\"scale\":0.3}", WT_I8, 4, DIMS(1, 3, 2, 4), 3, i8, &s); /* rounded: 5 * .3 = 1.5 -> 2, 3 * .3 = .9 -> 1 */
    assert_int_equal(i8[4], 2);
    assert_int_equal(i8[1], 1);
    apply("{}", WT_F16, 4, DIMS(1, 3, 2, 4), 3, h, &s);
    assert_true(fabsf(wt_f16_to_f32(h[23]) - (float)code(3, 1, 2) / 255) < 1e-3f);
    apply("{}", WT_F64, 4, DIMS(1, 3, 2, 4), 3, d, &s);
    assert_true(fabs(d[23] - code(3, 1, 2) / 255.0) < 1e-7);
}

static wt_status decode_one(wt_context *c, void *arg, wt_err *e)
{
    wt_picture p;
    const uint8_t *const *file = arg;
    wt_picture_init(&p, c);
    wt_status st = wt_picture_decode(&p, file[0], (size_t)(file[1] - file[0]), MANY, e);
    wt_picture_free(&p);
    return st;
}

static void allocations_may_fail(void **state)
{
    (void)state;
    size_t len;
    uint8_t *px = wt_make_pixels(8, 8, 3, 0), *png = wt_make_png(px, 8, 8, 3, &len);
    const uint8_t *file[2] = { png, png + len };
    assert_true(wt_test_fail_each_alloc(decode_one, file) > 3);
    free(px);
    free(png);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(png_is_exact),
        TEST(jpeg_is_close),
        TEST(gray_weights),
        TEST(damaged_pictures),
        TEST(pictures_that_claim_too_much),
        TEST(resizing_is_opencvs),
        TEST(fits),
        TEST(contradictions_are_refused),
        TEST(values_and_layouts),
        TEST(padding_is_not_normalised),
        TEST(other_types),
        TEST(allocations_may_fail),
    };
    return wt_test_run("pictures", tests, WT_ARRAY_LEN(tests));
}
