/* resample.c - sample-rate conversion by a windowed sinc.
 *
 * Output sample i lies at input position i * from / to and is the sum of the inputs around it, weighted by a low-pass
 * kernel. The kernel is tabulated once per call (1024 points between two zero crossings, linear between them, error
 * below 1e-6), since sines and Bessel functions for every product would cost a hundred times more. */
#include "model/dataset/sound_input.h"
#include <math.h>

enum { CROSSINGS = 32, STEPS = 1024, TABLE = CROSSINGS * STEPS + 2 };
static const double rolloff = 0.94, beta = 10.0;

static double bessel_i0(double x)
{
    double sum = 1, term = 1;
    for (int k = 1; k < 64 && term > sum * 1e-17; k++) {
        term *= (x / 2 / k) * (x / 2 / k);
        sum += term;
    }
    return sum;
}

/* kernel[i]: the kernel i / STEPS zero crossings from its centre. */
static void fill_kernel(float *kernel)
{
    const double pi = 3.14159265358979323846, norm = bessel_i0(beta);
    for (int i = 0; i < TABLE; i++) {
        const double x = (double)i / STEPS, r = x / CROSSINGS;
        const double window = r < 1 ? bessel_i0(beta * sqrt(1 - r * r)) / norm : 0;
        kernel[i] = (float)(window * (i ? sin(pi * x) / (pi * x) : 1));
    }
}

wt_status wt_resample(wt_context *ctx, const wt_wav *wav, const uint8_t *bytes, int channel, double to, int64_t first,
                      size_t n, float *out, wt_err *err)
{
    if (to == wav->rate) {
        wt_wav_read(wav, bytes, first, n, channel, out);
        return WT_OK;
    }
    const double step = wav->rate / to, cut = rolloff * (step > 1 ? 1 / step : 1); /* zero crossings per input sample */
    const double reach = CROSSINGS / cut;
    const int64_t begin = (int64_t)floor((double)first * step - reach);
    const int64_t end = (int64_t)ceil((double)(first + (int64_t)n) * step + reach) + 1;
    float *kernel = wt_alloc_raw(ctx, TABLE, sizeof *kernel, err);
    float *in = kernel ? wt_alloc_raw(ctx, (size_t)(end - begin), sizeof *in, err) : NULL;
    if (!in) {
        wt_free(ctx, kernel);
        return WT_ENOMEM;
    }
    fill_kernel(kernel);
    wt_wav_read(wav, bytes, begin, (size_t)(end - begin), channel, in);
    for (size_t i = 0; i < n; i++) {
        const double centre = (double)(first + (int64_t)i) * step - (double)begin;
        const int64_t lo = (int64_t)ceil(centre - reach), hi = (int64_t)floor(centre + reach);
        double sum = 0;
        for (int64_t k = lo; k <= hi; k++) {
            const double x = fabs((double)k - centre) * cut * STEPS;
            const int at = (int)x;
            const double f = x - at;
            if (at < TABLE - 1)
                sum += in[k] * (kernel[at] + f * ((double)kernel[at + 1] - kernel[at]));
        }
        out[i] = (float)(sum * cut);
    }
    wt_free(ctx, in);
    wt_free(ctx, kernel);
    return WT_OK;
}
