/* write_seeds.c - writes the seeds of the fuzz targets for data files: write_seeds fuzz/corpus. Run when a seed is
 * added. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "data_files.h"
#include "model/dataset/npz.h"

static const char *corpus;

static void put(const char *target, const char *name, const uint8_t *bytes, size_t len)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", corpus, target);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", corpus, target, name);
    wt_test_write(path, bytes, len);
}

static void pictures(void)
{
    static const struct {
        const char *name;
        int w, h, channels;
    } rows[] = { { "gray", 9, 7, 1 }, { "rgb", 8, 8, 3 }, { "alpha", 5, 4, 4 } };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        char name[32];
        size_t len;
        uint8_t *px = wt_make_pixels(rows[i].w, rows[i].h, rows[i].channels, 9);
        uint8_t *file = wt_make_png(px, rows[i].w, rows[i].h, rows[i].channels, &len);
        snprintf(name, sizeof name, "png_%s", rows[i].name);
        put("image", name, file, len);
        free(file);
        if (rows[i].channels != 4) {
            file = wt_make_jpeg(px, rows[i].w, rows[i].h, rows[i].channels, &len);
            snprintf(name, sizeof name, "jpeg_%s", rows[i].name);
            put("image", name, file, len);
            free(file);
        }
        free(px);
    }
}

static void arrays(wt_context *ctx)
{
    static const char *const names[] = { "x", "label" };
    const float x[6] = { 1, 2, 3, 4, 5, 6 };
    const wt_string s[2] = { { "a", 1 }, { "\xc3\xa9", 2 } };
    const wt_tensor t[2] = { { .dtype = WT_F32, .shape = { 2, { 2, 3 } }, .data = x, .bytes = sizeof x },
                             { .dtype = WT_STRING, .shape = { 1, { 2 } }, .data = s, .bytes = sizeof s } };
    char path[4096], *text;
    size_t len;
    wt_err err = { 0 };
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/seed", wt_test_tmpdir());
        wt_test_ok(i < 2 ? wt_npy_write(ctx, path, &t[i], true, &err)
                         : wt_npz_write(ctx, path, names, t, 2, true, &err),
                   &err);
        wt_test_ok(wt_read_file(ctx, path, 1 << 20, &text, &len, &err), &err);
        put(i < 2 ? "npy" : "npz", i == 0 ? "float32" : i == 1 ? "strings" : "stored", (const uint8_t *)text, len);
        if (i == 0) {
            size_t packed;
            uint8_t *zip = wt_make_deflated_npz("x", (const uint8_t *)text, len, UINT64_MAX, &packed);
            put("npz", "deflated", zip, packed);
            free(zip);
        }
        wt_free(ctx, text);
    }
    static const char fortran[] =
        "\x93NUMPY\x03\0\x43\0\0\0{'descr': '>i2', 'fortran_order': True, 'shape': (3, 2), }        \n"
        "\0\1\0\2\0\3\0\4\0\5\0\6";
    put("npy", "fortran_big", (const uint8_t *)fortran, sizeof fortran - 1);
}

static void json(void)
{
    static const char picture[] =
        "{\"size\":[null,48],\"resize\":\"bicubic\",\"keep_aspect\":\"height\",\"pad\":0.5,\"crop\":[4,4],"
        "\"channels\":\"bgr\",\"layout\":\"nhwc\",\"scale\":0.0039,\"mean\":[1,2,3],\"std\":0.5,\"multiple\":32}";
    static const char sound[] = "{\"sample_rate\":16000,\"mono\":false,\"frame\":512,\"hop\":256}";
    put("json", "picture", (const uint8_t *)picture, sizeof picture - 1);
    put("json", "sound", (const uint8_t *)sound, sizeof sound - 1);
}

static void write_all(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    pictures();
    arrays(ctx);
    json();
    wt_test_context_close(ctx);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(write_all) };
    if (argc != 2) {
        fprintf(stderr, "usage: write_seeds fuzz/corpus\n");
        return 2;
    }
    corpus = argv[1];
    return wt_test_run("seeds", tests, WT_ARRAY_LEN(tests));
}
