/* jpeg.c - JPEG through libjpeg-turbo.
 *
 * As with PNG, errors leave by a long jump, and all that must survive it lives in a `job`. A file that ends too early
 * is only a warning to the library, which then makes up the rest; here it is an error. A progressive file may ask
 * for any number of passes over the whole picture, so the number of scans is limited, and the memory too. */
#include "model/dataset/picture.h"
#include <setjmp.h>
#include <stdio.h>
#include <jpeglib.h>
#include <jerror.h>

enum {
    MAX_SCANS = 200,
    MAX_MEMORY = 512 << 20, /* coefficients of a progressive picture: some 90 million pixels */
    PIXELS_PER_BYTE = 256   /* at most, in sequential Huffman files: a block of 64 takes two bits or more */
};

typedef struct job {
    struct jpeg_decompress_struct c;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    wt_picture *pic;
    uint64_t len;
    int64_t max_pixels;
    wt_err *err;
    wt_status st;
    uint8_t *row; /* of a CMYK picture */
    jmp_buf out;
} job;

_Noreturn static void fail_out(job *j, wt_status st)
{
    j->st = st;
    longjmp(j->out, 1);
}

_Noreturn static void on_error(j_common_ptr c)
{
    job *j = c->client_data;
    char text[JMSG_LENGTH_MAX];
    c->err->format_message(c, text);
    const int code = c->err->msg_code;
    const wt_status st = code == JERR_OUT_OF_MEMORY || code == JERR_NO_BACKING_STORE ? WT_ENOMEM : WT_EFORMAT;
    wt_fail_at(j->err, st, j->c.src ? j->len - j->c.src->bytes_in_buffer : 0, "JPEG: %s", text);
    wt_err_hint(j->err, st == WT_ENOMEM ? "raise the memory limit or make the picture smaller"
                                        : "the picture is incomplete or damaged");
    fail_out(j, st);
}

static void on_message(j_common_ptr c, int level)
{
    const int code = c->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER))
        on_error(c);
}

static void on_progress(j_common_ptr c)
{
    job *j = c->client_data;
    if (j->c.input_scan_number > MAX_SCANS) {
        wt_fail(j->err, WT_ELIMIT, "JPEG: more than %d scans", (int)MAX_SCANS);
        fail_out(j, WT_ELIMIT);
    }
}

static void start(job *j, const uint8_t *bytes)
{
    jpeg_create_decompress(&j->c);
    j->c.progress = &j->progress;
    const uint64_t left = wt_budget_left(j->pic->ctx);
    j->c.mem->max_memory_to_use = left < MAX_MEMORY ? (long)left : MAX_MEMORY;
    jpeg_mem_src(&j->c, bytes, (unsigned long)j->len);
    jpeg_read_header(&j->c, TRUE);
    if ((int64_t)j->c.image_width > j->max_pixels / (int64_t)j->c.image_height) {
        wt_fail(j->err, WT_ELIMIT, "a picture of %u x %u pixels is larger than the %lld pixels allowed",
                j->c.image_width, j->c.image_height, (long long)j->max_pixels);
        wt_err_hint(j->err, "make it smaller first, or raise the limit");
        fail_out(j, WT_ELIMIT);
    }
    if (!j->c.progressive_mode && !j->c.arith_code &&
        (uint64_t)j->c.image_width * j->c.image_height / PIXELS_PER_BYTE > j->len) {
        wt_fail(j->err, WT_EFORMAT, "JPEG: too few bytes for %u x %u pixels", j->c.image_width, j->c.image_height);
        wt_err_hint(j->err, "the picture is incomplete or damaged");
        fail_out(j, WT_EFORMAT);
    }
    if (j->c.jpeg_color_space == JCS_CMYK || j->c.jpeg_color_space == JCS_YCCK)
        j->c.out_color_space = JCS_CMYK;
    else
        j->c.out_color_space = j->c.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
}

/* Adobe's files store inverted inks (255: none), and nobody else writes CMYK. */
static void from_cmyk(const uint8_t *cmyk, uint8_t *rgb, size_t width, bool inverted)
{
    for (size_t x = 0; x < width; x++, cmyk += 4, rgb += 3)
        for (int i = 0; i < 3; i++) {
            const unsigned ink = inverted ? cmyk[i] : 255u - cmyk[i], k = inverted ? cmyk[3] : 255u - cmyk[3];
            rgb[i] = (uint8_t)((ink * k + 127) / 255);
        }
}

static void read_rows(job *j)
{
    jpeg_start_decompress(&j->c);
    const size_t w = j->c.output_width;
    const bool cmyk = j->c.out_color_space == JCS_CMYK;
    const int channels = j->c.out_color_space == JCS_GRAYSCALE ? 1 : 3;
    wt_status st = wt_picture_resize(j->pic, j->c.output_width, j->c.output_height, channels, j->max_pixels, j->err);
    if (st == WT_OK && cmyk && !(j->row = wt_alloc_raw(j->pic->ctx, w, 4, j->err)))
        st = WT_ENOMEM;
    if (st != WT_OK)
        fail_out(j, st);
    while (j->c.output_scanline < j->c.output_height) {
        uint8_t *out = j->pic->pixels + (size_t)j->c.output_scanline * w * (size_t)channels;
        JSAMPROW row = cmyk ? j->row : out;
        jpeg_read_scanlines(&j->c, &row, 1);
        if (cmyk)
            from_cmyk(j->row, out, w, j->c.saw_Adobe_marker);
    }
    jpeg_finish_decompress(&j->c);
}

static void decode(job *j, const uint8_t *bytes)
{
    if (setjmp(j->out) == 0) {
        start(j, bytes);
        read_rows(j);
    }
}

wt_status wt_jpeg_decode(wt_picture *pic, const uint8_t *bytes, uint64_t len, int64_t max_pixels, wt_err *err)
{
    job *j = wt_alloc(pic->ctx, 1, sizeof *j, err);
    if (!j)
        return WT_ENOMEM;
    *j = (job){ .pic = pic, .len = len, .max_pixels = max_pixels, .err = err, .st = WT_OK };
    j->c.err = jpeg_std_error(&j->errors);
    j->c.client_data = j;
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->progress.progress_monitor = on_progress;
    decode(j, bytes);
    jpeg_destroy_decompress(&j->c);
    wt_free(pic->ctx, j->row);
    const wt_status st = j->st;
    wt_free(pic->ctx, j);
    return st;
}
