/* picture.c - room for pixels, and which decoder a file is for. */
#include "model/dataset/picture.h"

void wt_picture_init(wt_picture *pic, wt_context *ctx) { *pic = (wt_picture){ .ctx = ctx }; }

void wt_picture_free(wt_picture *pic)
{
    if (pic->ctx)
        wt_free(pic->ctx, pic->pixels);
    *pic = (wt_picture){ .ctx = pic->ctx };
}

wt_status wt_picture_resize(wt_picture *pic, int64_t w, int64_t h, int channels, int64_t max_pixels, wt_err *err)
{
    if (w <= 0 || h <= 0)
        return wt_fail(err, WT_EFORMAT, "a picture of %lld x %lld pixels", (long long)w, (long long)h);
    if (w > max_pixels / h) {
        wt_fail(err, WT_ELIMIT, "a picture of %lld x %lld pixels is larger than the %lld pixels allowed", (long long)w,
                (long long)h, (long long)max_pixels);
        wt_err_hint(err, "make it smaller first, or raise the limit");
        return WT_ELIMIT;
    }
    const size_t need = (size_t)(w * h) * (size_t)channels;
    if (need > pic->capacity) { /* not grown: nothing is copied, and untouched pages cost nothing */
        wt_picture_free(pic);
        if (!(pic->pixels = wt_alloc_raw(pic->ctx, need, 1, err)))
            return WT_ENOMEM;
        pic->capacity = need;
    }
    pic->width = w;
    pic->height = h;
    pic->channels = channels;
    return WT_OK;
}

wt_status wt_picture_decode(wt_picture *pic, const uint8_t *bytes, uint64_t len, int64_t max_pixels, wt_err *err)
{
    if (len >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        return wt_png_decode(pic, bytes, len, max_pixels, err);
    if (len >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0)
        return wt_jpeg_decode(pic, bytes, len, max_pixels, err);
    wt_fail_at(err, len ? WT_EUNSUPPORTED : WT_EFORMAT, 0,
               len ? "neither a PNG nor a JPEG picture" : "an empty file is no picture");
    if (len)
        wt_err_hint(err, "convert it to PNG first");
    return len ? WT_EUNSUPPORTED : WT_EFORMAT;
}

void wt_picture_to_gray(wt_picture *pic)
{
    if (pic->channels == 1)
        return;
    const size_t n = (size_t)(pic->width * pic->height);
    const uint8_t *p = pic->pixels;
    for (size_t i = 0; i < n; i++, p += 3) /* weights of 2^-15, which sum to 1 */
        pic->pixels[i] = (uint8_t)((p[0] * 9798u + p[1] * 19235u + p[2] * 3735u + 16384u) >> 15);
    pic->channels = 1;
}

#if !WHET_WITH_IMAGES
static wt_status left_out(wt_err *err, const char *kind)
{
    wt_fail(err, WT_EUNSUPPORTED, "this build cannot read %s pictures", kind);
    wt_err_hint(err, "build with WHET_WITH_IMAGES=ON, or give the data as .npy");
    return WT_EUNSUPPORTED;
}

wt_status wt_png_decode(wt_picture *pic, const uint8_t *bytes, uint64_t len, int64_t max_pixels, wt_err *err)
{
    (void)pic, (void)bytes, (void)len, (void)max_pixels;
    return left_out(err, "PNG");
}

wt_status wt_jpeg_decode(wt_picture *pic, const uint8_t *bytes, uint64_t len, int64_t max_pixels, wt_err *err)
{
    (void)pic, (void)bytes, (void)len, (void)max_pixels;
    return left_out(err, "JPEG");
}
#endif
