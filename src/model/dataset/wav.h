/* wav.h - RIFF WAVE files: PCM of 8, 16, 24 and 32 bits, floats of 32 and 64, and their "extensible" forms.
 *
 * "RIFF", u32 size, "WAVE", then chunks of { id[4], u32 size, bytes, padded to even }: "fmt " says what a frame is (one
 * sample for each channel), "data" holds the frames. Everything is little endian. */
#ifndef WT_WAV_H
#define WT_WAV_H
#include "base/base.h"

typedef struct wt_wav {
    uint32_t rate;
    int channels, bits;
    bool is_float;
    uint64_t data_offset, frames;
} wt_wav;

wt_status wt_wav_parse(wt_wav *out, const uint8_t *bytes, uint64_t len, wt_err *err);
/* Frames [first, first + n) of one channel, or their mean over channels when channel is -1, as -1..1. Frames outside
 * the file are 0. `bytes` is what was parsed. */
void wt_wav_read(const wt_wav *wav, const uint8_t *bytes, int64_t first, size_t n, int channel, float *out);
#endif
