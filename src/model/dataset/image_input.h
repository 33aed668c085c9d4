/* image_input.h - a picture becomes a model's input.
 *
 * Decided once per set: which dims are height, width and channels, and everything that was not said. Then each picture
 * is brought to size, cut, normalised through a table of 256 values for each channel, and laid out. */
#ifndef WT_IMAGE_INPUT_H
#define WT_IMAGE_INPUT_H
#include "model/dataset/picture.h"
#include "model/dataset/preprocess.h"
#include "model/tensor.h"

typedef struct wt_image_input {
    wt_preprocess pp; /* complete: every picture key is set */
    wt_dtype dtype;
    wt_shape shape;             /* of the model's input; free dims are negative */
    int channels;               /* 1 or 3 */
    int axis_c, axis_h, axis_w; /* -1: not a dim of its own */
    bool flat;                  /* one dim holds the whole picture */
    float table[3][256];        /* value of each code */
    int64_t max_pixels;
} wt_image_input;

/* Where a picture of w x h goes. */
typedef struct wt_image_fit {
    int64_t width, height; /* of the resized picture */
    int64_t left, top;     /* of the canvas within it; negative: the picture starts later than the canvas */
    int64_t canvas_w, canvas_h;
} wt_image_fit;

/* WT_EUSAGE when the pre-processing contradicts the input, WT_EUNSUPPORTED when the input is not a picture's. */
wt_status wt_image_input_init(wt_image_input *out, const wt_preprocess *pp, const char *name, wt_dtype dtype,
                              const wt_shape *shape, int64_t max_pixels, wt_err *err);
wt_status wt_image_input_fit(const wt_image_input *in, int64_t w, int64_t h, wt_image_fit *out, wt_err *err);
/* The tensor's shape for a picture that was fitted. */
wt_shape wt_image_input_shape(const wt_image_input *in, const wt_image_fit *fit);
/* pic (changed: its colours) and work (room for the resized picture) to `out`, which has the shape above. */
wt_status wt_image_input_apply(const wt_image_input *in, const wt_image_fit *fit, wt_picture *pic, wt_picture *work,
                               void *out, wt_err *err);
#endif
