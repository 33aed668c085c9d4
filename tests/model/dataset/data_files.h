/* data_files.h - makes the files that data set tests read: pictures, sounds, archives, damaged on request. */
#ifndef WT_DATA_FILES_H
#define WT_DATA_FILES_H
#include "support/test.h"
#include "whet/dataset.h"

/* A picture of w x h x channels whose pixel (x, y, c) is (x * 3 + y * 5 + c * 40 + seed) mod 256. */
uint8_t *wt_make_pixels(int w, int h, int channels, int seed); /* free() */
/* In memory, freed with free(); these skip the test when the build reads no pictures. */
uint8_t *wt_make_png(const uint8_t *pixels, int w, int h, int channels, size_t *len);
uint8_t *wt_make_jpeg(const uint8_t *pixels, int w, int h, int channels, size_t *len);
uint8_t *wt_make_gzip(const uint8_t *bytes, size_t n, size_t *len);
/* A .npz with one deflated array: its size field may lie (SIZE_MAX: the truth). */
uint8_t *wt_make_deflated_npz(const char *name, const uint8_t *npy, size_t n, uint64_t claimed, size_t *len);
/* 16-bit PCM, n frames of a ramp. */
uint8_t *wt_make_wav(int rate, int channels, int n, size_t *len);

void wt_put_picture(const char *path, int w, int h, int channels, int seed);
void wt_put_text(const char *path, const char *text);
/* A new folder below wt_test_tmpdir(). */
const char *wt_new_folder(const char *name);

/* Opens `path` for one float32 input "x" of this shape. */
wt_status wt_open_for(wt_dataset **out, wt_context *ctx, const char *path, int rank, const int64_t *dims,
                      const char *preprocess, const char *labels, wt_err *err);
#endif
