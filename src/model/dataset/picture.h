/* picture.h - an 8-bit picture in memory, and the decoders that make one.
 *
 * Decoding keeps what the usual tools keep: transparency is dropped, 16-bit samples lose their low byte, palettes and
 * CMYK become RGB, colour profiles and orientation tags are ignored. Limits are checked against the header, before
 * anything is allocated for pixels. */
#ifndef WT_PICTURE_H
#define WT_PICTURE_H
#include "base/base.h"

typedef struct wt_picture {
    wt_context *ctx;
    int64_t width, height;
    int channels;    /* 1 gray or 3 RGB, interleaved */
    uint8_t *pixels; /* owned; kept from picture to picture */
    size_t capacity;
} wt_picture;

void wt_picture_init(wt_picture *pic, wt_context *ctx);
void wt_picture_free(wt_picture *pic);
/* Makes room for w x h x channels and sets the sizes; pixels are undefined. */
wt_status wt_picture_resize(wt_picture *pic, int64_t w, int64_t h, int channels, int64_t max_pixels, wt_err *err);
/* Decodes PNG or JPEG, told apart by their first bytes. */
wt_status wt_picture_decode(wt_picture *pic, const uint8_t *bytes, uint64_t len, int64_t max_pixels, wt_err *err);
wt_status wt_png_decode(wt_picture *pic, const uint8_t *bytes, uint64_t len, int64_t max_pixels, wt_err *err);
wt_status wt_jpeg_decode(wt_picture *pic, const uint8_t *bytes, uint64_t len, int64_t max_pixels, wt_err *err);
/* RGB to gray in place (BT.601 weights, rounded); gray stays. */
void wt_picture_to_gray(wt_picture *pic);
#endif
