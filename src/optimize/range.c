/* range.c - from statistics to a range: which values are worth a level, and which may saturate.
 *
 *   minmax      all of them
 *   average     the mean of the samples' extremes
 *   percentile  all but 1e-5 of the elements, split over the two sides
 *   entropy     the window whose quantized distribution diverges least from the real one (Kullback-Leibler)
 *   mse         the window with the least expected squared error, rounding inside plus saturation outside
 * Every range contains zero, and never more than was seen. */
#include <float.h>
#include <math.h>
#include "optimize/stats.h"

static const char *const names[] = { "minmax", "average", "percentile", "entropy", "mse" };

bool wt_range_method_parse(const char *name, wt_range_method *out)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        if (!strcmp(name, names[i])) {
            *out = (wt_range_method)i;
            return true;
        }
    return false;
}

const char *wt_range_method_name(wt_range_method method) { return names[method]; }

static wt_range with_zero(double lo, double hi, bool symmetric)
{
    wt_range r = { fmin(lo, 0), fmax(hi, 0) };
    if (symmetric) {
        const double m = fmax(-r.lo, r.hi);
        r = (wt_range){ -m, m };
    }
    if (r.hi - r.lo < 1e-30) /* a constant zero needs some scale */
        r.hi = r.lo + 1;
    return r;
}

static wt_range percentile(const wt_stats *s, bool symmetric)
{
    const double cut = (double)s->count * 1e-5 / 2;
    double below = 0, above = 0;
    size_t lo = 0, hi = WT_STATS_BINS - 1;
    while (lo < WT_STATS_BINS - 1 && (below += (double)s->bins[lo]) <= cut)
        lo++;
    while (hi > 0 && (above += (double)s->bins[hi]) <= cut)
        hi--;
    return with_zero(fmax(wt_stats_bin_low(s, lo), (double)s->min), fmin(wt_stats_bin_low(s, hi + 1), (double)s->max),
                     symmetric);
}

/* Sum over bins of count * squared error: inside, uniform rounding error step^2 / 12; outside, distance to the end. */
static double squared_error(const wt_stats *s, wt_range r, int levels)
{
    const double step = (r.hi - r.lo) / (levels - 1), width = ldexp(1, s->exponent), inside = step * step / 12;
    double sum = 0;
    for (size_t i = 0; i < WT_STATS_BINS; i++) {
        if (!s->bins[i])
            continue;
        const double mid = wt_stats_bin_low(s, i) + width / 2, out = mid > r.hi   ? mid - r.hi
                                                                     : mid < r.lo ? r.lo - mid
                                                                                  : 0;
        /* The bin of exact zeros after a ReLU has no error: zero is a level. */
        const bool zeros = i == WT_STATS_BINS / 2 && s->min >= 0;
        sum += (double)s->bins[i] * (out > 0 ? out * out : zeros ? 0 : inside);
    }
    return sum;
}

double wt_stats_error(const wt_stats *s, wt_range r, int levels)
{
    const double width = ldexp(1, s->exponent);
    double power = 0;
    for (size_t i = 0; i < WT_STATS_BINS; i++) {
        const double mid = wt_stats_bin_low(s, i) + width / 2;
        power += (double)s->bins[i] * mid * mid;
    }
    return power > 0 ? squared_error(s, r, levels) / power : 0;
}

/* Each end in turn is pulled in as long as that helps; two rounds, for the ends depend on each other through the step.
 */
static wt_range least_error(const wt_stats *s, bool symmetric, int levels)
{
    const wt_range full = with_zero((double)s->min, (double)s->max, symmetric);
    wt_range best = full;
    double least = squared_error(s, best, levels);
    for (int round = 0; round < 2; round++)
        for (int side = 0; side < (symmetric ? 1 : 2); side++)
            for (int k = 1; k <= 48; k++) {
                const double f = 1 - k / 64.0;
                wt_range r = best;
                if (symmetric)
                    r = (wt_range){ full.lo * f, full.hi * f };
                else if (side)
                    r.lo = full.lo * f;
                else
                    r.hi = full.hi * f;
                if (r.hi - r.lo < 1e-30)
                    continue;
                const double e = squared_error(s, r, levels);
                if (e < least) {
                    least = e;
                    best = r;
                }
            }
    return best;
}

/* --- entropy
 * ---------------------------------------------------------------------------------------------------------- */
/* Of bins [0, i), for sums over any stretch in no time. */
typedef struct prefix {
    double mass[WT_STATS_BINS + 1];     /* counts */
    double self[WT_STATS_BINS + 1];     /* count * log(count) */
    uint16_t filled[WT_STATS_BINS + 1]; /* bins that are not empty */
} prefix;

static double self_information(double count) { return count > 0 ? count * log(count) : 0; }

static void sum_up(prefix *f, const wt_stats *s)
{
    f->mass[0] = f->self[0] = 0, f->filled[0] = 0;
    for (size_t i = 0; i < WT_STATS_BINS; i++) {
        f->mass[i + 1] = f->mass[i] + (double)s->bins[i];
        f->self[i + 1] = f->self[i] + self_information((double)s->bins[i]);
        f->filled[i + 1] = (uint16_t)(f->filled[i] + (s->bins[i] > 0));
    }
}

/* An end bin holds what lies outside, too, where its level knows its own count alone. */
static double end_bin(double count, double outside, double share, double total)
{
    if (outside <= 0)
        return 0;
    const double q = count > 0 ? share : 1e-9 * total;
    return self_information(count + outside) - self_information(count) - outside * log(q);
}

/* total * KL(p || q) for the window of bins [a, b): p is the window with what lies outside added to its ends, q is p
 * spread over `levels` equal parts and back over the bins that are not empty: sum of p log p - p log q, where q is one
 * number for each level. */
static double divergence(const wt_stats *s, const prefix *f, size_t a, size_t b, int levels)
{
    const double per = (double)(b - a) / levels, total = (double)s->count;
    double kl = f->self[b] - f->self[a], share = 0;
    for (int l = 0; l < levels; l++) {
        const size_t from = a + (size_t)((double)l * per),
                     to = l == levels - 1 ? b : a + (size_t)((double)(l + 1) * per);
        const double mass = f->mass[to] - f->mass[from];
        const int filled = f->filled[to] - f->filled[from];
        share = filled ? mass / filled : 0;
        if (filled)
            kl -= mass * log(share);
        if (l == 0)
            kl += end_bin((double)s->bins[a], f->mass[a], share, total);
    }
    return kl + end_bin((double)s->bins[b - 1], f->mass[WT_STATS_BINS] - f->mass[b], share, total);
}

static wt_range least_divergence(const wt_stats *s, bool symmetric, int levels)
{
    prefix f;
    size_t a = 0, b = WT_STATS_BINS;
    sum_up(&f, s);
    while (a < WT_STATS_BINS / 2 && !s->bins[a])
        a++;
    while (b > WT_STATS_BINS / 2 + 1 && !s->bins[b - 1])
        b--;
    const size_t zero = WT_STATS_BINS / 2, left = zero - a, right = b - zero;
    size_t best_a = a, best_b = b;
    double least = DBL_MAX;
    for (int k = 0; k < 96; k++) {
        const double part = 1 - k / 128.0;
        const size_t ka = zero - (size_t)ceil((double)left * part), kb = zero + (size_t)ceil((double)right * part);
        if (kb - ka < (size_t)levels)
            break;
        const double kl = divergence(s, &f, ka, kb, levels);
        if (kl < least) {
            least = kl;
            best_a = ka;
            best_b = kb;
        }
    }
    return with_zero(fmax(wt_stats_bin_low(s, best_a), (double)s->min),
                     fmin(wt_stats_bin_low(s, best_b), (double)s->max), symmetric);
}

wt_range wt_stats_range(const wt_stats *s, wt_range_method method, bool symmetric, int levels)
{
    if (!s->count)
        return (wt_range){ symmetric ? -1 : 0, 1 };
    switch (method) {
    case WT_RANGE_AVERAGE:
        return with_zero(s->sum_min / (double)s->samples, s->sum_max / (double)s->samples, symmetric);
    case WT_RANGE_PERCENTILE: return percentile(s, symmetric);
    case WT_RANGE_ENTROPY: return least_divergence(s, symmetric, levels);
    case WT_RANGE_MSE: return least_error(s, symmetric, levels);
    case WT_RANGE_MINMAX: break;
    }
    return with_zero((double)s->min, (double)s->max, symmetric);
}
