/* png.c - PNG through libpng.
 *
 * libpng reports errors by a long jump, so everything that must survive one lives in a `job` outside the function
 * that calls setjmp. Its memory comes from the context, so the budget
 * holds for it too. */
#include "model/dataset/picture.h"
#include <png.h>
#include <setjmp.h>
#include <stdio.h>

enum {
    MAX_CHUNK = 8 << 20 /* one inflated colour profile or text */,
    MAX_CHUNKS = 1000,
    MAX_RATIO = 1032 /* of deflate */
};

typedef struct job {
    wt_picture *pic;
    const uint8_t *bytes;
    uint64_t len, at;
    int64_t max_pixels;
    wt_err *err;
    wt_status st;
    bool no_memory;
    png_structp png;
    png_infop info;
    jmp_buf out;
} job;

_Noreturn static void fail_out(job *j, wt_status st)
{
    j->st = st;
    longjmp(j->out, 1);
}

_Noreturn static void on_error(png_structp png, png_const_charp message)
{
    job *j = png_get_error_ptr(png);
    if (j->no_memory)
        fail_out(j, wt_fail(j->err, WT_ENOMEM, "no memory for the PNG decoder: %s", message));
    wt_fail_at(j->err, WT_EFORMAT, j->at, "PNG: %s", message);
    wt_err_hint(j->err, "the picture is incomplete or damaged");
    fail_out(j, WT_EFORMAT);
}

static void on_warning(png_structp png, png_const_charp message) { (void)png, (void)message; }

static void read_bytes(png_structp png, png_bytep out, png_size_t n)
{
    job *j = png_get_io_ptr(png);
    if (n > j->len - j->at) {
        j->at = j->len;
        on_error(png, "the file is cut off");
    }
    memcpy(out, j->bytes + j->at, n);
    j->at += n;
}

static png_voidp get_memory(png_structp png, png_alloc_size_t n)
{
    job *j = png_get_mem_ptr(png);
    void *ptr = wt_alloc_raw(j->pic->ctx, n, 1, NULL);
    j->no_memory |= ptr == NULL;
    return ptr;
}

static void give_memory(png_structp png, png_voidp ptr)
{
    job *j = png_get_mem_ptr(png);
    wt_free(j->pic->ctx, ptr);
}

/* Header and transformations, up to the point where the rows' size is known. */
static void start(job *j)
{
    png_set_user_limits(j->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours is on the product */
    png_set_chunk_malloc_max(j->png, MAX_CHUNK);
    png_set_chunk_cache_max(j->png, MAX_CHUNKS);
    png_set_read_fn(j->png, j, read_bytes);
    png_read_info(j->png, j->info);
    const int64_t w = png_get_image_width(j->png, j->info), h = png_get_image_height(j->png, j->info);
    if (w > j->max_pixels / h) {
        wt_fail_at(j->err, WT_ELIMIT, 16, "a picture of %lld x %lld pixels is larger than the %lld pixels allowed",
                   (long long)w, (long long)h, (long long)j->max_pixels);
        wt_err_hint(j->err, "make it smaller first, or raise the limit");
        fail_out(j, WT_ELIMIT);
    }
    /* What the rows need cannot come out of fewer bytes than this. */
    const uint64_t raw = (uint64_t)png_get_rowbytes(j->png, j->info) * (uint64_t)h;
    if (raw / MAX_RATIO > j->len)
        on_error(j->png, "too few bytes for a picture of this size");
    png_set_expand(j->png);
    png_set_strip_16(j->png);
    png_set_strip_alpha(j->png);
}

static void read_rows(job *j)
{
    const int passes = png_set_interlace_handling(j->png);
    png_read_update_info(j->png, j->info);
    const int64_t w = png_get_image_width(j->png, j->info), h = png_get_image_height(j->png, j->info);
    const int channels = png_get_channels(j->png, j->info);
    const size_t row = png_get_rowbytes(j->png, j->info);
    if ((channels != 1 && channels != 3) || row != (size_t)w * (size_t)channels)
        on_error(j->png, "an unknown colour type");
    const wt_status st = wt_picture_resize(j->pic, w, h, channels, j->max_pixels, j->err);
    if (st != WT_OK)
        fail_out(j, st);
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < h; y++)
            png_read_row(j->png, j->pic->pixels + (size_t)y * row, NULL);
    png_read_end(j->png, NULL);
}

static void decode(job *j)
{
    if (setjmp(j->out) != 0)
        return;
    j->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, j, on_error, on_warning, j, get_memory, give_memory);
    if (j->png)
        j->info = png_create_info_struct(j->png);
    if (!j->info) {
        j->st = wt_fail(j->err, WT_ENOMEM, "no memory for the PNG decoder");
        return;
    }
    start(j);
    read_rows(j);
}

wt_status wt_png_decode(wt_picture *pic, const uint8_t *bytes, uint64_t len, int64_t max_pixels, wt_err *err)
{
    job j = { .pic = pic, .bytes = bytes, .len = len, .max_pixels = max_pixels, .err = err, .st = WT_OK };
    decode(&j);
    png_destroy_read_struct(&j.png, &j.info, NULL);
    return j.st;
}
