/* fft.h - discrete Fourier transforms of any length, in double. */
#ifndef WT_REF_FFT_H
#define WT_REF_FFT_H
#include "base/base.h"

/* Made once, shared by all threads. */
typedef struct wt_fft {
    size_t n;              /* length */
    size_t m;              /* the power of two that is computed with: n itself, or >= 2 n - 1 */
    bool inverse;          /* the sign of the exponent; nothing is scaled */
    const double *twiddle; /* [m / 2][2] */
    const double *chirp;   /* [n][2], NULL when n is a power of two */
    const double *kernel;  /* [m][2]: transform of the conjugate chirp */
} wt_fft;
wt_status wt_fft_init(wt_fft *f, size_t n, bool inverse, wt_arena *arena, wt_err *err);
/* Doubles of work space that a thread needs. */
static inline size_t wt_fft_work(const wt_fft *f) { return f->chirp ? 2 * f->m : 0; }
/* x[n][2] in place. */
void wt_fft_run(const wt_fft *f, double *x, double *work);
#endif
