/* block_search.c - see the header. The order of every addition is part of the format's quality and of our tests:
 * these loops give the reference's bytes. */
#include "block_search.h"
#include <math.h>

enum { MOST_N = 32, PASSES = 5 };

/* Sums of w x l and w l l over the codes that a scale gives. */
typedef struct fit {
    float lx, l2;
} fit;

static fit fit_signed(int n, int most, const float *x, const float *weights, float inverse)
{
    fit f = { 0, 0 };
    for (int i = 0; i < n; i++) {
        const int l = wt_clamp_int(wt_nearest(inverse * x[i]), -most, most - 1);
        const float w = weights ? weights[i] : x[i] * x[i];
        f.lx += w * x[i] * (float)l;
        f.l2 += w * (float)l * (float)l;
    }
    return f;
}

float wt_search_signed(int n, int most, const float *x, const float *weights, uint8_t *codes)
{
    const float extreme = wt_extreme(x, (size_t)n);
    if (fabsf(extreme) < WT_GROUP_EPS) {
        memset(codes, 0, (size_t)n);
        return 0;
    }
    float chosen = -(float)most / extreme;
    const fit first = fit_signed(n, most, x, weights, chosen);
    float scale = first.l2 != 0 ? first.lx / first.l2 : 0, best = scale * first.lx;
    for (int s = -9; s <= 9; s++) {
        if (s == 0)
            continue;
        const float inverse = -((float)most + 0.1f * (float)s) / extreme;
        const fit f = fit_signed(n, most, x, weights, inverse);
        if (f.l2 > 0 && f.lx * f.lx > best * f.l2) {
            chosen = inverse;
            scale = f.lx / f.l2;
            best = scale * f.lx;
        }
    }
    for (int i = 0; i < n; i++)
        codes[i] = (uint8_t)(most + wt_clamp_int(wt_nearest(chosen * x[i]), -most, most - 1));
    return scale;
}

/* One pass over all codes: each is set to what is best while the others stay. Whether any changed. */
static bool descend_signed(int n, int most, const float *x, int *l, fit *f)
{
    bool changed = false;
    for (int i = 0; i < n; i++) {
        const float w = x[i] * x[i];
        float lx = f->lx - w * x[i] * (float)l[i];
        if (!(lx > 0))
            continue;
        float l2 = f->l2 - w * (float)l[i] * (float)l[i];
        const int next = wt_clamp_int(wt_nearest(x[i] * l2 / lx), -most, most - 1);
        if (next == l[i])
            continue;
        lx += w * x[i] * (float)next;
        l2 += w * (float)next * (float)next;
        if (l2 > 0 && lx * lx * f->l2 > f->lx * f->lx * l2) {
            l[i] = next;
            *f = (fit){ lx, l2 };
            changed = true;
        }
    }
    return changed;
}

float wt_search_signed_descent(int n, int most, const float *x, uint8_t *codes)
{
    int l[MOST_N];
    const float extreme = wt_extreme(x, (size_t)n);
    if (fabsf(extreme) < WT_GROUP_EPS) {
        memset(codes, 0, (size_t)n);
        return 0;
    }
    const float inverse = -(float)most / extreme;
    fit f = fit_signed(n, most, x, NULL, inverse);
    for (int i = 0; i < n; i++)
        l[i] = wt_clamp_int(wt_nearest(inverse * x[i]), -most, most - 1);
    for (int pass = 0; pass < PASSES && descend_signed(n, most, x, l, &f); pass++)
        ;
    for (int i = 0; i < n; i++)
        codes[i] = (uint8_t)(l[i] + most);
    return f.l2 > 0 ? f.lx / f.l2 : 0;
}

/* --- with a minimum ------------------------------------------------------------------------------------------ */

static float error_of(const wt_offset_search *s, const float *x, const float *weights, const uint8_t *codes,
                      float scale, float low)
{
    float sum = 0;
    for (int i = 0; i < s->n; i++) {
        const float d = scale * (float)codes[i] + low - x[i];
        sum += weights[i] * (s->absolute ? fabsf(d) : d * d);
    }
    return sum;
}

float wt_search_offset(const wt_offset_search *s, const float *x, const float *weights, uint8_t *codes, float *minimum)
{
    uint8_t trial[MOST_N];
    const int n = s->n;
    float low = x[0], high = x[0], sum_w = weights[0], sum_x = sum_w * x[0];
    for (int i = 1; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
        sum_w += weights[i];
        sum_x += weights[i] * x[i];
    }
    low = low > 0 ? 0 : low;
    if (high <= low) {
        memset(codes, 0, (size_t)n);
        *minimum = -low;
        return 0;
    }
    float inverse = (float)s->most / (high - low), scale = 1 / inverse;
    for (int i = 0; i < n; i++)
        codes[i] = (uint8_t)wt_clamp_int(wt_nearest(inverse * (x[i] - low)), 0, s->most);
    float best = error_of(s, x, weights, codes, scale, low);
    for (int step = 0; step <= s->steps; step++) {
        inverse = (s->from + s->step * (float)step + (float)s->most) / (high - low); /* low: of the best so far */
        float sum_l = 0, sum_l2 = 0, sum_xl = 0;
        for (int i = 0; i < n; i++) {
            const int l = wt_clamp_int(wt_nearest(inverse * (x[i] - low)), 0, s->most);
            trial[i] = (uint8_t)l;
            sum_l += weights[i] * (float)l;
            sum_l2 += weights[i] * (float)l * (float)l;
            sum_xl += weights[i] * (float)l * x[i];
        }
        const float det = sum_w * sum_l2 - sum_l * sum_l;
        if (!(det > 0))
            continue;
        float this_scale = (sum_w * sum_xl - sum_x * sum_l) / det, this_low = (sum_l2 * sum_x - sum_l * sum_xl) / det;
        if (this_low > 0) {
            this_low = 0;
            this_scale = sum_xl / sum_l2;
        }
        const float error = error_of(s, x, weights, trial, this_scale, this_low);
        if (error < best) {
            memcpy(codes, trial, (size_t)n);
            best = error;
            scale = this_scale;
            low = this_low;
        }
    }
    *minimum = -low;
    return scale;
}

/* --- scales of groups ---------------------------------------------------------------------------------------- */

static bool descend_positive(int n, int most, const float *x, const float *weights, uint8_t *codes, fit *f)
{
    bool changed = false;
    for (int i = 0; i < n; i++) {
        const float w = weights[i];
        float lx = f->lx - w * x[i] * (float)codes[i], l2 = f->l2 - w * (float)codes[i] * (float)codes[i];
        if (!(lx > 0 && l2 > 0))
            continue;
        const int nearest = wt_nearest(x[i] * l2 / lx), next = nearest > most ? most : nearest;
        if (next == codes[i])
            continue;
        lx += w * x[i] * (float)next;
        l2 += w * (float)next * (float)next;
        if (lx * lx * f->l2 > f->lx * f->lx * l2) {
            codes[i] = (uint8_t)next;
            *f = (fit){ lx, l2 };
            changed = true;
        }
    }
    return changed;
}

float wt_search_positive(int n, int most, const float *x, const float *weights, uint8_t *codes)
{
    float high = 0;
    for (int i = 0; i < n; i++)
        high = x[i] > high ? x[i] : high;
    if (high < WT_GROUP_EPS) {
        memset(codes, 0, (size_t)n);
        return 0;
    }
    float inverse = (float)most / high, best = INFINITY;
    for (int k = 0; k < 9; k++) { /* the plain scale, then its neighbours */
        const int s = k == 0 ? 0 : k <= 4 ? k - 5 : k - 4;
        const float candidate = s == 0 ? inverse : (0.1f * (float)s + (float)most) / high, scale = 1 / candidate;
        float error = 0;
        for (int i = 0; i < n; i++) {
            const int nearest = wt_nearest(candidate * x[i]), l = s && nearest > most ? most : nearest;
            const float d = x[i] - scale * (float)l;
            error += weights[i] * d * d;
        }
        if (s == 0 || error < best) {
            best = error;
            inverse = candidate;
        }
    }
    fit f = { 0, 0 };
    for (int i = 0; i < n; i++) {
        const int nearest = wt_nearest(inverse * x[i]);
        codes[i] = (uint8_t)(nearest > most ? most : nearest);
        f.lx += weights[i] * x[i] * (float)codes[i];
        f.l2 += weights[i] * (float)codes[i] * (float)codes[i];
    }
    for (int pass = 0; pass < PASSES && descend_positive(n, most, x, weights, codes, &f); pass++)
        ;
    return f.l2 > 0 ? f.lx / f.l2 : 0;
}
