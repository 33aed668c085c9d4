/* decoder_angles.c - frequencies from tables of angles.
 *
 * Row 1 shows an angle to the tables' precision; row 2, 4, 8, ... show multiples of it, each of which makes it twice as
 * exact, as long as the one before told how many whole turns it holds. */
#include "decoder_angles.h"
#include <math.h>

static const double PI = 3.14159265358979323846;

static double at(const wt_tensor *t, int64_t row, int64_t i)
{
    double v = 0;
    wt_tensor_double(t, row * t->shape.dim[1] + i, &v);
    return v;
}

static double find_one(const wt_tensor *cosine, const wt_tensor *sine, int64_t rows, int64_t i)
{
    double f = atan2(at(sine, 1, i), at(cosine, 1, i));
    for (int64_t p = 2; p < rows; p *= 2) {
        const double angle = atan2(at(sine, p, i), at(cosine, p, i));
        f = (angle + 2 * PI * round(((double)p * f - angle) / (2 * PI))) / (double)p;
    }
    return f;
}

/* The tables' own rounding, and that of the float that a frequency was; far out angles are only as exact as that. */
static bool agrees(const wt_tensor *cosine, const wt_tensor *sine, int64_t row, int64_t i, double f, double scale)
{
    const double slack = (cosine->dtype == WT_F32 ? 1e-5 : 1e-2) + (double)row * 2e-7, angle = (double)row * f;
    return fabs(at(cosine, row, i) - scale * cos(angle)) <= slack * scale &&
           fabs(at(sine, row, i) - scale * sin(angle)) <= slack * scale;
}

bool wt_angles_find(const wt_tensor *cosine, const wt_tensor *sine, float *frequency, float *scale)
{
    const int64_t rows = cosine->shape.dim[0], half = cosine->shape.dim[1];
    const int64_t probes[] = { 1, 2, 3, 7, rows / 3, rows / 2, rows - 1 };
    if (rows < 2 || half < 1)
        return false;
    *scale = (float)at(cosine, 0, 0);
    if (!(*scale > 0) || !isfinite(*scale))
        return false;
    for (int64_t i = 0; i < half; i++) {
        frequency[i] = (float)find_one(cosine, sine, rows, i);
        for (size_t k = 0; k < WT_ARRAY_LEN(probes); k++)
            if (probes[k] < rows && !agrees(cosine, sine, probes[k], i, frequency[i], *scale))
                return false;
    }
    return true;
}
