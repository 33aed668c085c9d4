/* sound_input.h - a sound becomes a model's input, frame by frame.
 *
 * Sounds are resampled with a windowed sinc (Kaiser, 32 zero crossings on each side, cut off at 0.94 of the lower
 * Nyquist frequency: below -90 dB of alias), mixed to mono by averaging, and cut into frames. Any frame can be made
 * without the ones before it, so a long recording costs no more memory than one frame. */
#ifndef WT_SOUND_INPUT_H
#define WT_SOUND_INPUT_H
#include "model/dataset/preprocess.h"
#include "model/dataset/wav.h"
#include "model/tensor.h"

typedef struct wt_sound_input {
    wt_preprocess pp;
    wt_dtype dtype;
    wt_shape shape;
    int axis_time, axis_channel; /* axis_channel -1: one channel only */
} wt_sound_input;

wt_status wt_sound_input_init(wt_sound_input *out, const wt_preprocess *pp, const char *name, wt_dtype dtype,
                              const wt_shape *shape, wt_err *err);
/* How many inputs the sound gives: an incomplete last frame is left out, unless it is the only one (then zeros follow).
 */
uint64_t wt_sound_input_count(const wt_sound_input *in, const wt_wav *wav);
/* WT_EFORMAT when the file's channels are not the input's. */
wt_status wt_sound_input_shape(const wt_sound_input *in, const wt_wav *wav, wt_shape *out, wt_err *err);
wt_status wt_sound_input_apply(const wt_sound_input *in, wt_context *ctx, const wt_wav *wav, const uint8_t *bytes,
                               uint64_t frame, void *out, wt_err *err);

/* n samples at rate `to` of a channel (-1: mean), starting at sample `first` of the resampled sound. */
wt_status wt_resample(wt_context *ctx, const wt_wav *wav, const uint8_t *bytes, int channel, double to, int64_t first,
                      size_t n, float *out, wt_err *err);
#endif
