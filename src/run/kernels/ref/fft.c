/* fft.c - powers of two by decimation in time; other lengths as a convolution with a chirp (Bluestein 1970), which is
 * made of transforms whose length is a power of two. */
#include "run/kernels/ref/fft.h"
#include <math.h>

static const double two_pi = 6.283185307179586476925;

/* x in place; conjugate: the other sign of the exponent. */
static void radix2(const wt_fft *f, double *x, bool conjugate)
{
    const size_t m = f->m;
    for (size_t i = 1, j = 0; i < m; i++) { /* bit reversal */
        size_t bit = m >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            const double re = x[2 * i], im = x[2 * i + 1];
            x[2 * i] = x[2 * j], x[2 * i + 1] = x[2 * j + 1];
            x[2 * j] = re, x[2 * j + 1] = im;
        }
    }
    for (size_t half = 1; half < m; half *= 2)
        for (size_t start = 0; start < m; start += 2 * half)
            for (size_t k = 0; k < half; k++) {
                const double *w = f->twiddle + 2 * (k * (m / (2 * half)));
                const double wr = w[0], wi = conjugate ? -w[1] : w[1];
                double *a = x + 2 * (start + k), *b = a + 2 * half;
                const double re = b[0] * wr - b[1] * wi, im = b[0] * wi + b[1] * wr;
                b[0] = a[0] - re, b[1] = a[1] - im;
                a[0] += re, a[1] += im;
            }
}

static wt_status make_chirp(wt_fft *f, wt_arena *arena, wt_err *err)
{
    const size_t n = f->n, m = f->m;
    double *chirp = wt_arena_alloc(arena, n, 2 * sizeof *chirp, err),
           *kernel = wt_arena_alloc(arena, m, 2 * sizeof *kernel, err);
    if (!chirp || !kernel)
        return WT_ENOMEM;
    for (size_t k = 0; k < n; k++) {
        const size_t square = (size_t)((uint64_t)k * k % (2 * (uint64_t)n)); /* the angle repeats after 2 n */
        const double angle = two_pi / 2 * (double)square / (double)n;
        chirp[2 * k] = cos(angle);
        chirp[2 * k + 1] = f->inverse ? sin(angle) : -sin(angle);
        const double re = chirp[2 * k], im = -chirp[2 * k + 1];
        kernel[2 * k] = re, kernel[2 * k + 1] = im;
        if (k)
            kernel[2 * (m - k)] = re, kernel[2 * (m - k) + 1] = im;
    }
    f->chirp = chirp;
    radix2(f, kernel, false);
    f->kernel = kernel;
    return WT_OK;
}

wt_status wt_fft_init(wt_fft *f, size_t n, bool inverse, wt_arena *arena, wt_err *err)
{
    *f = (wt_fft){ .n = n, .m = 1, .inverse = inverse };
    if (n == 0 || n > (size_t)1 << 30)
        return wt_fail(err, WT_EUNSUPPORTED, "a Fourier transform of length %zu cannot be computed", n);
    const bool power = (n & (n - 1)) == 0;
    while (f->m < (power ? n : 2 * n - 1))
        f->m *= 2;
    double *twiddle = wt_arena_alloc(arena, f->m / 2 + 1, 2 * sizeof *twiddle, err);
    if (!twiddle)
        return WT_ENOMEM;
    for (size_t k = 0; k < f->m / 2; k++) {
        const double angle = two_pi * (double)k / (double)f->m;
        twiddle[2 * k] = cos(angle);
        twiddle[2 * k + 1] = power && inverse ? sin(angle) : -sin(angle);
    }
    f->twiddle = twiddle;
    return power ? WT_OK : make_chirp(f, arena, err);
}

static void multiply(double *x, const double *y)
{
    const double re = x[0] * y[0] - x[1] * y[1], im = x[0] * y[1] + x[1] * y[0];
    x[0] = re, x[1] = im;
}

void wt_fft_run(const wt_fft *f, double *x, double *work)
{
    if (!f->chirp) {
        radix2(f, x, false);
        return;
    }
    memset(work, 0, 2 * f->m * sizeof *work);
    for (size_t k = 0; k < f->n; k++) {
        work[2 * k] = x[2 * k], work[2 * k + 1] = x[2 * k + 1];
        multiply(work + 2 * k, f->chirp + 2 * k);
    }
    radix2(f, work, false);
    for (size_t k = 0; k < f->m; k++)
        multiply(work + 2 * k, f->kernel + 2 * k);
    radix2(f, work, true);
    for (size_t k = 0; k < f->n; k++) {
        x[2 * k] = work[2 * k] / (double)f->m, x[2 * k + 1] = work[2 * k + 1] / (double)f->m;
        multiply(x + 2 * k, f->chirp + 2 * k);
    }
}
