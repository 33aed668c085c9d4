/* data_files.c - see data_files.h. */
#include "data_files.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#if WHET_WITH_IMAGES
#include <png.h>
#include <jpeglib.h>
#include <zlib.h>
#endif

uint8_t *wt_make_pixels(int w, int h, int channels, int seed)
{
    uint8_t *p = malloc((size_t)w * (size_t)h * (size_t)channels);
    assert_non_null(p);
    for (int y = 0, i = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < channels; c++, i++)
                p[i] = (uint8_t)(x * 3 + y * 5 + c * 40 + seed);
    return p;
}

#if WHET_WITH_IMAGES
uint8_t *wt_make_png(const uint8_t *pixels, int w, int h, int channels, size_t *len)
{
    png_image image = { .version = PNG_IMAGE_VERSION, .width = (png_uint_32)w, .height = (png_uint_32)h };
    image.format = channels == 1 ? PNG_FORMAT_GRAY : channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
    png_alloc_size_t n = 0;
    assert_true(png_image_write_to_memory(&image, NULL, &n, 0, pixels, 0, NULL));
    uint8_t *out = malloc(n);
    assert_non_null(out);
    assert_true(png_image_write_to_memory(&image, out, &n, 0, pixels, 0, NULL));
    *len = n;
    return out;
}

uint8_t *wt_make_jpeg(const uint8_t *pixels, int w, int h, int channels, size_t *len)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long n = 0;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &out, &n);
    c.image_width = (JDIMENSION)w;
    c.image_height = (JDIMENSION)h;
    c.input_components = channels;
    c.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 95, TRUE);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(pixels + (size_t)c.next_scanline * (size_t)w * (size_t)channels);
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    *len = n;
    return out;
}

static uint8_t *deflate_all(const uint8_t *bytes, size_t n, int window, size_t *len)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    const size_t room = deflateBound(&z, n) + 64;
    uint8_t *out = malloc(room);
    assert_non_null(out);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    *len = z.total_out;
    deflateEnd(&z);
    return out;
}

uint8_t *wt_make_gzip(const uint8_t *bytes, size_t n, size_t *len) { return deflate_all(bytes, n, 15 + 16, len); }

static uint32_t checksum(const uint8_t *bytes, size_t n) { return (uint32_t)crc32(0, bytes, (uInt)n); }
#else
static void no_pictures(void) { wt_test_skip("this build reads no pictures and no deflate"); }
uint8_t *wt_make_png(const uint8_t *pixels, int w, int h, int channels, size_t *len)
{
    (void)pixels, (void)w, (void)h, (void)channels;
    no_pictures();
    *len = 0; /* not reached */
    return calloc(1, 1);
}
uint8_t *wt_make_jpeg(const uint8_t *pixels, int w, int h, int channels, size_t *len)
{
    return wt_make_png(pixels, w, h, channels, len);
}
uint8_t *wt_make_gzip(const uint8_t *bytes, size_t n, size_t *len) { return wt_make_png(bytes, (int)n, 1, 1, len); }
static uint8_t *deflate_all(const uint8_t *bytes, size_t n, int window, size_t *len)
{
    return wt_make_png(bytes, (int)n, window, 1, len);
}
static uint32_t checksum(const uint8_t *bytes, size_t n) { return (uint32_t)(bytes[0] + n); }
#endif

static size_t put(uint8_t *p, size_t at, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[at + (size_t)i] = (uint8_t)(v >> (8 * i));
    return at + (size_t)bytes;
}

uint8_t *wt_make_deflated_npz(const char *name, const uint8_t *npy, size_t n, uint64_t claimed, size_t *len)
{
    size_t packed, at = 0;
    uint8_t *data = deflate_all(npy, n, -15, &packed);
    const size_t k = strlen(name) + 4;
    uint8_t *p = calloc(1, packed + 2 * k + 200);
    assert_non_null(p);
    const uint64_t size = claimed == UINT64_MAX ? n : claimed;
    for (int central = 0; central < 2; central++) {
        const size_t start = at;
        at = put(p, at, central ? 0x02014b50 : 0x04034b50, 4);
        if (central)
            at = put(p, at, 20, 2);
        at = put(p, at, 20, 2);
        at = put(p, at, 0, 2);
        at = put(p, at, 8, 2);
        at = put(p, at, 0, 4);
        at = put(p, at, checksum(npy, n), 4);
        at = put(p, at, packed, 4);
        at = put(p, at, size, 4);
        at = put(p, at, k, 2);
        at = put(p, at, 0, 2);
        if (central)
            at += 14; /* comment, volume, attributes, offset 0 */
        memcpy(p + at, name, k - 4);
        memcpy(p + at + k - 4, ".npy", 4);
        at += k;
        if (!central) {
            memcpy(p + at, data, packed);
            at += packed;
        } else {
            const size_t size_of_directory = at - start;
            at = put(p, at, 0x06054b50, 4);
            at = put(p, at, 0, 4);
            at = put(p, at, 1, 2);
            at = put(p, at, 1, 2);
            at = put(p, at, size_of_directory, 4);
            at = put(p, at, start, 4);
            at = put(p, at, 0, 2);
        }
    }
    free(data);
    *len = at;
    return p;
}

uint8_t *wt_make_wav(int rate, int channels, int n, size_t *len)
{
    const size_t data = (size_t)n * (size_t)channels * 2;
    uint8_t *p = calloc(1, 44 + data);
    assert_non_null(p);
    memcpy(p, "RIFF\0\0\0\0WAVEfmt ", 16);
    size_t at = put(p, 4, 36 + data, 4) + 8;
    at = put(p, at, 16, 4);
    at = put(p, at, 1, 2);
    at = put(p, at, (uint64_t)channels, 2);
    at = put(p, at, (uint64_t)rate, 4);
    at = put(p, at, (uint64_t)(rate * channels * 2), 4);
    at = put(p, at, (uint64_t)(channels * 2), 2);
    at = put(p, at, 16, 2);
    memcpy(p + at, "data", 4);
    at = put(p, at + 4, data, 4);
    for (int i = 0; i < n; i++)
        for (int c = 0; c < channels; c++)
            at = put(p, at, (uint16_t)(i * 8 + c * 1000), 2);
    *len = at;
    return p;
}

void wt_put_picture(const char *path, int w, int h, int channels, int seed)
{
    size_t len;
    uint8_t *pixels = wt_make_pixels(w, h, channels, seed), *png = wt_make_png(pixels, w, h, channels, &len);
    wt_test_write(path, png, len);
    free(png);
    free(pixels);
}

void wt_put_text(const char *path, const char *text) { wt_test_write(path, text, strlen(text)); }

const char *wt_new_folder(const char *name)
{
    const char *path = wt_test_path(wt_test_tmpdir(), name);
    assert_int_equal(mkdir(path, 0777), 0);
    return path;
}

wt_status wt_open_for(wt_dataset **out, wt_context *ctx, const char *path, int rank, const int64_t *dims,
                      const char *preprocess, const char *labels, wt_err *err)
{
    wt_data_input x = { .name = "x", .dtype = WT_F32, .shape = { .rank = rank } };
    wt_preprocess pp = wt_preprocess_defaults();
    wt_dataset_options o = wt_dataset_defaults();
    memcpy(x.shape.dim, dims, (size_t)rank * sizeof *dims);
    if (preprocess)
        wt_test_ok(wt_preprocess_parse(&pp, preprocess, strlen(preprocess), "test", err), err);
    o.inputs = &x;
    o.n_inputs = 1;
    o.preprocess = &pp;
    o.labels = labels;
    return wt_dataset_open(out, ctx, path, &o, err);
}
