/* resize.h - pictures to another size, by OpenCV's conventions.
 *
 * Pixel centres lie at half integers, nothing is smoothed when it shrinks (but by area averaging), borders repeat, and
 * results are rounded to 8 bits: what networks were fed with that were trained behind OpenCV. Bicubic uses a = -0.75.
 * Equal to OpenCV within one code value; it rounds through fixed-point weights, we do not. */
#ifndef WT_RESIZE_H
#define WT_RESIZE_H
#include "model/dataset/picture.h"
#include "whet/dataset.h"

/* dst (another picture than src) becomes w x h. */
wt_status wt_resize_picture(wt_picture *dst, const wt_picture *src, int64_t w, int64_t h, wt_resize mode,
                            int64_t max_pixels, wt_err *err);
#endif
