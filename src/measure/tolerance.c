/* tolerance.c - see tolerance.h. */
#include "measure/tolerance.h"
#include <math.h>
#include <stdio.h>

static void refuse(wt_difference *d, const char *fmt, const char *a, const char *b)
{
    d->ok = false;
    d->max_abs = d->max_rel = INFINITY;
    snprintf(d->reason, sizeof d->reason, fmt, a, b);
}

static void strings(const wt_tensor *got, const wt_tensor *expected, int64_t n, wt_difference *d)
{
    const wt_string *a = got->data, *b = expected->data;
    for (int64_t i = 0; i < n; i++)
        if (a[i].len != b[i].len || memcmp(a[i].data, b[i].data, a[i].len)) {
            d->at = i;
            refuse(d, "strings differ%s%s", "", "");
            return;
        }
}

static double range_of(const wt_tensor *t, int64_t n, double *largest)
{
    double lo = INFINITY, hi = -INFINITY, x = 0;
    for (int64_t i = 0; i < n; i++) {
        wt_tensor_double(t, i, &x);
        if (!isfinite(x))
            continue;
        lo = x < lo ? x : lo;
        hi = x > hi ? x : hi;
    }
    *largest = n && lo <= hi ? fmax(fabs(lo), fabs(hi)) : 0;
    return lo <= hi ? hi - lo : 0;
}

static bool close_enough(double a, double b, const wt_tolerance *tol, double allowed)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b))
        return a == b;
    return fabs(a - b) <= (allowed > 0 ? allowed : tol->atol + tol->rtol * fabs(b));
}

static void numbers(const wt_tensor *got, const wt_tensor *expected, int64_t n, const wt_tolerance *tol,
                    wt_difference *d)
{
    double largest, allowed = 0;
    int64_t bad = 0;
    d->range = range_of(expected, n, &largest);
    if (tol->range > 0 && wt_dtype_is_float(expected->dtype))
        allowed = tol->range * (d->range > 0.01 * largest ? d->range : largest);
    for (int64_t i = 0; i < n; i++) {
        double a = 0, b = 0;
        wt_tensor_double(got, i, &a);
        wt_tensor_double(expected, i, &b);
        const double diff = isfinite(a) && isfinite(b) ? fabs(a - b) : a == b || (isnan(a) && isnan(b)) ? 0 : INFINITY;
        if (diff > d->max_abs) {
            d->max_abs = diff;
            d->at = i;
        }
        if (diff > 0 && diff / fmax(fabs(b), 1e-30) > d->max_rel)
            d->max_rel = diff / fmax(fabs(b), 1e-30);
        bad += !close_enough(a, b, tol, allowed);
    }
    if (bad) {
        d->ok = false;
        snprintf(d->reason, sizeof d->reason,
                 "%lld of %lld elements are out of tolerance, by %.3g at most (element %lld)", (long long)bad,
                 (long long)n, d->max_abs, (long long)d->at);
    }
}

void wt_tensor_difference(const wt_tensor *got, const wt_tensor *expected, const wt_tolerance *tol, wt_difference *out)
{
    int64_t n;
    char a[96], b[96];
    *out = (wt_difference){ .ok = true, .at = -1 };
    if (got->dtype != expected->dtype) {
        refuse(out, "is %s, %s was expected", wt_dtype_name(got->dtype), wt_dtype_name(expected->dtype));
        return;
    }
    if (!wt_shape_equal(&got->shape, &expected->shape) || !wt_shape_count(&got->shape, &n)) {
        refuse(out, "has shape %s, %s was expected", wt_shape_text(&got->shape, NULL, a, sizeof a),
               wt_shape_text(&expected->shape, NULL, b, sizeof b));
        return;
    }
    if (got->dtype == WT_STRING)
        strings(got, expected, n, out);
    else
        numbers(got, expected, n, tol, out);
}
