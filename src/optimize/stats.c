/* stats.c - filling statistics. See stats.h. */
#include "optimize/stats.h"
#include <float.h>
#include <math.h>

enum { LANES = 4, HALF = WT_STATS_BINS / 2 };

wt_status wt_stats_init(wt_stats *s, wt_arena *arena, int channel_axis, wt_err *err)
{
    *s = (wt_stats){ .min = FLT_MAX, .max = -FLT_MAX, .exponent = -126, .channel_axis = channel_axis };
    s->bins = wt_arena_alloc(arena, WT_STATS_BINS, sizeof *s->bins, err);
    return s->bins ? WT_OK : WT_ENOMEM;
}

double wt_stats_bin_low(const wt_stats *s, size_t bin) { return ldexp((double)bin - (double)HALF, s->exponent); }

double wt_stats_channel_mean(const wt_stats *s, int64_t channel)
{
    return s->channel_count ? s->channel_sum[channel] / (double)s->channel_count : 0;
}

/* --- stretches of data: padding lanes of the last block of channels are none
 * ------------------------------------------ */
typedef void run_fn(void *arg, const float *p, size_t n);

/* Calls fn on every stretch of data. */
static void each_run(const wt_tensor *t, run_fn *fn, void *arg)
{
    int64_t n = 1;
    wt_shape_count(&t->shape, &n);
    if (t->layout != WT_C16 || t->shape.dim[1] % 16 == 0) {
        fn(arg, t->data, (size_t)n);
        return;
    }
    const int64_t c = t->shape.dim[1], blocks = (c + 15) / 16, pixels = wt_shape_product(&t->shape, 2, t->shape.rank);
    const float *p = t->data;
    for (int64_t i = 0; i < t->shape.dim[0]; i++) {
        fn(arg, p, (size_t)((blocks - 1) * pixels * 16));
        p += (blocks - 1) * pixels * 16;
        for (int64_t k = 0; k < pixels; k++, p += 16)
            fn(arg, p, (size_t)(c - (blocks - 1) * 16));
    }
}

typedef struct extremes {
    float min, max;
    uint64_t nonfinite;
} extremes;

static void find_extremes(void *arg, const float *p, size_t n)
{
    extremes *e = arg;
    float lo = e->min, hi = e->max, poison = 0;
    for (size_t i = 0; i < n; i++) {
        lo = p[i] < lo ? p[i] : lo;
        hi = p[i] > hi ? p[i] : hi;
        poison += p[i] * 0.0f;
    }
    if (poison == 0) {
        e->min = lo;
        e->max = hi;
        return;
    }
    for (size_t i = 0; i < n; i++) { /* some element is no number */
        if (!isfinite(p[i])) {
            e->nonfinite++;
            continue;
        }
        e->min = p[i] < e->min ? p[i] : e->min;
        e->max = p[i] > e->max ? p[i] : e->max;
    }
}

/* Bins merge in pairs until `largest` fits. Halves meet at zero, so each side merges by itself. */
static void widen(wt_stats *s, float largest)
{
    int need;
    frexp((double)largest, &need); /* largest < 2^need */
    need -= 11;                    /* half the bins: 2^11 */
    if (need < -126)
        need = -126;
    while (s->exponent < need) {
        uint64_t merged[WT_STATS_BINS] = { 0 };
        const int shift = s->exponent == -126 && s->count == 0 ? need - s->exponent : 1;
        for (size_t i = 0; i < WT_STATS_BINS && s->count; i++) {
            const long k = (long)i - WT_STATS_BINS / 2;
            merged[(k >= 0 ? k / 2 : -((-k + 1) / 2)) + WT_STATS_BINS / 2] += s->bins[i];
        }
        memcpy(s->bins, merged, sizeof merged);
        s->exponent += shift;
    }
}

typedef struct filler {
    wt_stats *s;
    float inverse;   /* 2^-exponent */
    uint32_t *lanes; /* [LANES][BINS]: neighbours hit different words, or a run of zeros would wait for itself */
    size_t pending;
} filler;

static void flush(filler *f)
{
    for (size_t i = 0; i < WT_STATS_BINS; i++) {
        uint32_t sum = 0;
        for (size_t l = 0; l < LANES; l++)
            sum += f->lanes[l * WT_STATS_BINS + i];
        f->s->bins[i] += sum;
    }
    memset(f->lanes, 0, LANES * WT_STATS_BINS * sizeof *f->lanes);
    f->pending = 0;
}

/* The product is exact. Half of the bins is added to the integer, not to it: that sum would round a value just below an
 * edge over it, or not, by how wide the bins were when it came. */
static inline size_t bin_of(float x, float inverse)
{
    const float at = x * inverse;
    const int near = (int)at, bin = near - ((float)near > at) + HALF;
    return (size_t)(bin < WT_STATS_BINS ? bin : WT_STATS_BINS - 1);
}

static void fill(void *arg, const float *p, size_t n)
{
    filler *f = arg;
    size_t i = 0;
    const bool clean = f->s->nonfinite == 0;
    if (f->pending + n > UINT32_MAX / 2)
        flush(f);
    f->pending += n;
    for (; clean && i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            f->lanes[l * WT_STATS_BINS + bin_of(p[i + l], f->inverse)]++;
    for (; i < n; i++)
        if (isfinite(p[i]))
            f->lanes[bin_of(p[i], f->inverse)]++;
}

/* --- means of channels ----------------------------------------------------------------------------------------------
 */
static void sum_last_axis(wt_stats *s, const wt_tensor *t)
{
    const float *p = t->data;
    const int64_t rows = wt_shape_product(&t->shape, 0, t->shape.rank - 1);
    for (int64_t r = 0; r < rows; r++, p += s->channels)
        for (int64_t c = 0; c < s->channels; c++)
            s->channel_sum[c] += (double)p[c];
    s->channel_count += (uint64_t)rows;
}

static void sum_planes(wt_stats *s, const wt_tensor *t)
{
    const float *p = t->data;
    const int64_t pixels = wt_shape_product(&t->shape, 2, t->shape.rank);
    for (int64_t i = 0; i < t->shape.dim[0]; i++)
        for (int64_t c = 0; c < s->channels; c++, p += pixels) {
            float part[8] = { 0 };
            double sum = 0;
            int64_t k = 0;
            for (; k + 8 <= pixels; k += 8)
                for (int l = 0; l < 8; l++)
                    part[l] += p[k + l];
            for (; k < pixels; k++)
                sum += (double)p[k];
            for (int l = 0; l < 8; l++)
                sum += (double)part[l];
            s->channel_sum[c] += sum;
        }
    s->channel_count += (uint64_t)(t->shape.dim[0] * pixels);
}

static void sum_blocks(wt_stats *s, const wt_tensor *t)
{
    const float *p = t->data;
    const int64_t pixels = wt_shape_product(&t->shape, 2, t->shape.rank), blocks = (s->channels + 15) / 16;
    for (int64_t i = 0; i < t->shape.dim[0]; i++)
        for (int64_t b = 0; b < blocks; b++) {
            float part[16] = { 0 };
            for (int64_t k = 0; k < pixels; k++, p += 16)
                for (int l = 0; l < 16; l++)
                    part[l] += p[l];
            for (int64_t l = 0; l < 16 && b * 16 + l < s->channels; l++)
                s->channel_sum[b * 16 + l] += (double)part[l];
        }
    s->channel_count += (uint64_t)(t->shape.dim[0] * pixels);
}

static wt_status add_channels(wt_stats *s, wt_arena *arena, const wt_tensor *t, wt_err *err)
{
    const int axis = s->channel_axis < 0 ? t->shape.rank - 1 : s->channel_axis;
    if (!s->channel_axis || axis >= t->shape.rank || axis < 0)
        return WT_OK;
    const int64_t channels = t->shape.dim[axis];
    if (!s->channel_sum) {
        s->channel_sum = wt_arena_alloc(arena, (size_t)channels, sizeof *s->channel_sum, err);
        if (!s->channel_sum)
            return WT_ENOMEM;
        s->channels = channels;
    }
    if (channels != s->channels)
        return wt_fail(err, WT_EFORMAT, "an activation has %lld channels now and had %lld before", (long long)channels,
                       (long long)s->channels);
    if (t->layout == WT_C16)
        sum_blocks(s, t);
    else if (axis == t->shape.rank - 1)
        sum_last_axis(s, t);
    else
        sum_planes(s, t);
    return WT_OK;
}

wt_status wt_stats_add(wt_stats *s, wt_arena *arena, const wt_tensor *t, wt_err *err)
{
    int64_t n;
    extremes e = { FLT_MAX, -FLT_MAX, 0 };
    if (t->dtype != WT_F32 || !wt_shape_count(&t->shape, &n))
        return wt_fail(err, WT_EINTERNAL, "statistics are kept of float32 tensors");
    s->samples++;
    if (n == 0)
        return WT_OK;
    each_run(t, find_extremes, &e);
    s->nonfinite += e.nonfinite;
    if (e.min > e.max)
        return WT_OK;
    widen(s, fmaxf(fabsf(e.min), fabsf(e.max)));
    filler f = { s, ldexpf(1, -s->exponent), NULL, 0 };
    f.lanes = wt_alloc(arena->ctx, LANES * WT_STATS_BINS, sizeof *f.lanes, err);
    if (!f.lanes)
        return WT_ENOMEM;
    each_run(t, fill, &f);
    flush(&f);
    wt_free(arena->ctx, f.lanes);
    s->count += (uint64_t)n;
    s->min = fminf(s->min, e.min);
    s->max = fmaxf(s->max, e.max);
    s->sum_min += (double)e.min;
    s->sum_max += (double)e.max;
    return add_channels(s, arena, t, err);
}
