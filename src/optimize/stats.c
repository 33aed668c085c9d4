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

enum { GRAIN = 16 }; /* floats that are never split: a pixel of a block of channels */

static bool blocked(const wt_tensor *t) { return t->layout == WT_C16; }

static size_t stored(const wt_tensor *t, int64_t count)
{
    if (!blocked(t) || !count)
        return (size_t)count;
    return (size_t)(count / t->shape.dim[1] * ((t->shape.dim[1] + 15) / 16 * 16));
}

/* The channels of cut-off blocks, side by side in a small buffer, for stretches of a few are slow. */
static void each_cut_off(const float *p, size_t pixels, size_t channels, run_fn *fn, void *arg)
{
    enum { AT_ONCE = 64 };
    float buffer[AT_ONCE * 16];
    for (size_t k = 0; k < pixels; k += AT_ONCE) {
        const size_t n = pixels - k < AT_ONCE ? pixels - k : AT_ONCE;
        for (size_t i = 0; i < n; i++)
            for (size_t c = 0; c < channels; c++)
                buffer[i * channels + c] = p[(k + i) * 16 + c];
        fn(arg, buffer, n * channels);
    }
}

/* Calls fn on every stretch of data within [at, end) of what is stored. */
static void each_run(const wt_tensor *t, size_t at, size_t end, run_fn *fn, void *arg)
{
    const float *p = t->data;
    const size_t tail = blocked(t) ? (size_t)t->shape.dim[1] % 16 : 0;
    if (!tail) {
        fn(arg, p + at, end - at);
        return;
    }
    const size_t blocks = ((size_t)t->shape.dim[1] + 15) / 16;
    const size_t block = (size_t)wt_shape_product(&t->shape, 2, t->shape.rank) * 16;
    while (at < end) {
        const size_t index = at / block, stop = (index + 1) * block < end ? (index + 1) * block : end;
        if (index % blocks + 1 < blocks)
            fn(arg, p + at, stop - at);
        else
            each_cut_off(p + at, (stop - at) / 16, tail, fn, arg);
        at = stop;
    }
}

typedef struct extremes {
    float min, max;
    uint64_t nonfinite;
} extremes;

static void finite_extremes(extremes *e, const float *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(p[i])) {
            e->nonfinite++;
            continue;
        }
        e->min = p[i] < e->min ? p[i] : e->min;
        e->max = p[i] > e->max ? p[i] : e->max;
    }
}

/* A float's bits as an integer of the same order: -NaN < -inf < ... < -0 < 0 < ... < inf < NaN. Its own inverse. */
static inline int32_t ordered(int32_t bits) { return bits ^ ((bits >> 31) & INT32_MAX); }

static float from_ordered(int32_t key)
{
    const int32_t bits = ordered(key);
    float x;
    memcpy(&x, &bits, sizeof x);
    return x + 0.0f; /* no negative zero */
}

/* As integers, for then compilers make vectors of the search, and what is no number shows at the ends. */
static void find_extremes(void *arg, const float *p, size_t n)
{
    enum { INFINITE = 0x7f800000 };
    extremes *e = arg;
    int32_t lo = INT32_MAX, hi = INT32_MIN;
    for (size_t i = 0; i < n; i++) {
        int32_t key;
        memcpy(&key, p + i, sizeof key);
        key = ordered(key);
        lo = key < lo ? key : lo;
        hi = key > hi ? key : hi;
    }
    if (hi >= INFINITE || lo <= ordered((int32_t)(INFINITE | 0x80000000u))) {
        finite_extremes(e, p, n);
    } else if (n) {
        e->min = fminf(e->min, from_ordered(lo));
        e->max = fmaxf(e->max, from_ordered(hi));
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

/* What a member of the team has of its own. */
typedef struct wt_stats_part {
    extremes seen;
    float inverse;         /* 2^-exponent */
    size_t lanes;          /* 1 for small tensors, whose bins would cost more than their elements */
    uint32_t *bins[LANES]; /* neighbours hit different words, or a run of zeros would wait for itself */
    uint32_t *room;        /* [LANES][WT_STATS_BINS], all zero between tensors */
} wt_stats_part;

/* The product is exact. Half of the bins is added to the integer, not to it: that sum would round a value just below an
 * edge over it, or not, by how wide the bins were when it came. Everything finite is inside: see widen. */
static inline size_t bin_of(float x, float inverse)
{
    const float at = x * inverse;
    const int near = (int)at;
    return (size_t)(near - ((float)near > at) + HALF);
}

static void fill(void *arg, const float *p, size_t n)
{
    enum { AT_ONCE = 256 }; /* places that are computed as vectors, then counted one by one */
    wt_stats_part *f = arg;
    const float inverse = f->inverse;
    uint16_t at[AT_ONCE];
    size_t i = 0;
    for (; f->seen.nonfinite == 0 && i + AT_ONCE <= n; i += AT_ONCE) {
        for (size_t k = 0; k < AT_ONCE; k++)
            at[k] = (uint16_t)bin_of(p[i + k], inverse);
        for (size_t k = 0; k < AT_ONCE; k += LANES)
            for (size_t l = 0; l < LANES; l++)
                f->bins[l][at[k + l]]++;
    }
    for (; i < n; i++)
        if (isfinite(p[i]))
            f->bins[i % LANES][bin_of(p[i], inverse)]++;
}

/* Bins [from, to) of all members go into the statistics. */
static void flush(wt_stats *s, const wt_stats_work *w, size_t from, size_t to)
{
    for (int t = 0; t < w->threads; t++)
        for (size_t l = 0; l < w->parts[t].lanes; l++) {
            uint32_t *bins = w->parts[t].bins[l];
            for (size_t i = from; i < to; i++)
                s->bins[i] += bins[i];
            memset(bins + from, 0, (to - from) * sizeof *bins);
        }
}

/* --- means of channels: each member sums some channels, in one order whatever their number
 * -------------------------- */
static void sum_last_axis(wt_stats *s, const wt_tensor *t, int tid, int n)
{
    const float *p = t->data;
    double *restrict sum = s->channel_sum;
    const size_t rows = (size_t)wt_shape_product(&t->shape, 0, t->shape.rank - 1), width = (size_t)s->channels;
    size_t begin, end;
    wt_split(width, GRAIN, tid, n, &begin, &end);
    for (size_t r = 0; r < rows; r++, p += width)
        for (size_t c = begin; c < end; c++)
            sum[c] += (double)p[c];
}

static double sum_plane(const float *p, size_t pixels)
{
    float part[8] = { 0 };
    double sum = 0;
    size_t k = 0;
    for (; k + 8 <= pixels; k += 8)
        for (size_t l = 0; l < 8; l++)
            part[l] += p[k + l];
    for (; k < pixels; k++)
        sum += (double)p[k];
    for (size_t l = 0; l < 8; l++)
        sum += (double)part[l];
    return sum;
}

static void sum_planes(wt_stats *s, const wt_tensor *t, int tid, int n)
{
    const size_t pixels = (size_t)wt_shape_product(&t->shape, 2, t->shape.rank), width = (size_t)s->channels;
    size_t begin, end;
    wt_split(width, 1, tid, n, &begin, &end);
    for (size_t i = 0; i < (size_t)t->shape.dim[0]; i++)
        for (size_t c = begin; c < end; c++)
            s->channel_sum[c] += sum_plane((const float *)t->data + (i * width + c) * pixels, pixels);
}

static void sum_blocks(wt_stats *s, const wt_tensor *t, int tid, int n)
{
    const size_t pixels = (size_t)wt_shape_product(&t->shape, 2, t->shape.rank), blocks = stored(t, s->channels) / 16;
    size_t begin, end;
    wt_split(blocks, 1, tid, n, &begin, &end);
    for (size_t i = 0; i < (size_t)t->shape.dim[0]; i++)
        for (size_t b = begin; b < end; b++) {
            const float *p = (const float *)t->data + (i * blocks + b) * pixels * 16;
            float part[16] = { 0 };
            for (size_t k = 0; k < pixels; k++, p += 16)
                for (size_t l = 0; l < 16; l++)
                    part[l] += p[l];
            for (size_t l = 0; l < 16 && b * 16 + l < (size_t)s->channels; l++)
                s->channel_sum[b * 16 + l] += (double)part[l];
        }
}

static int channels_at(const wt_stats *s, const wt_tensor *t)
{
    const int axis = s->channel_axis < 0 ? t->shape.rank - 1 : s->channel_axis;
    return s->channel_axis && axis < t->shape.rank && axis >= 0 ? axis : -1;
}

static wt_status open_channels(wt_stats *s, wt_arena *arena, const wt_tensor *t, wt_err *err)
{
    const int axis = channels_at(s, t);
    if (axis < 0)
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
    return WT_OK;
}

static void add_channels(wt_stats *s, const wt_tensor *t, int tid, int n)
{
    const int axis = channels_at(s, t);
    if (axis < 0)
        return;
    if (blocked(t))
        sum_blocks(s, t, tid, n);
    else if (axis == t->shape.rank - 1)
        sum_last_axis(s, t, tid, n);
    else
        sum_planes(s, t, tid, n);
}

/* --- one tensor
 * ------------------------------------------------------------------------------------------------------ */
wt_status wt_stats_work_init(wt_stats_work *w, wt_arena *arena, int threads, wt_err *err)
{
    *w = (wt_stats_work){ .arena = arena, .threads = threads };
    w->parts = wt_arena_alloc(arena, (size_t)threads, sizeof *w->parts, err);
    uint32_t *bins = wt_arena_alloc(arena, (size_t)threads * LANES * WT_STATS_BINS, sizeof *bins, err);
    if (!w->parts || !bins)
        return WT_ENOMEM;
    for (int t = 0; t < threads; t++)
        w->parts[t].room = bins + (size_t)t * LANES * WT_STATS_BINS;
    return WT_OK;
}

/* What one member does for all, between two barriers: the grid fits, the facts are written down. */
static wt_status note(wt_stats *s, wt_stats_work *w, const wt_tensor *t, int64_t count, int n, wt_err *err)
{
    extremes all = { FLT_MAX, -FLT_MAX, 0 };
    WT_TRY(open_channels(s, w->arena, t, err));
    for (int k = 0; k < n; k++) {
        const extremes *e = &w->parts[k].seen;
        all.min = fminf(all.min, e->min), all.max = fmaxf(all.max, e->max);
        all.nonfinite += e->nonfinite;
    }
    s->nonfinite += all.nonfinite;
    if (all.min <= all.max) {
        widen(s, fmaxf(fabsf(all.min), fabsf(all.max)));
        s->count += (uint64_t)count;
        s->min = fminf(s->min, all.min), s->max = fmaxf(s->max, all.max);
        s->sum_min += (double)all.min, s->sum_max += (double)all.max;
        if (channels_at(s, t) >= 0)
            s->channel_count += (uint64_t)(count / s->channels);
    }
    for (int k = 0; k < w->threads; k++) {
        wt_stats_part *part = &w->parts[k];
        part->inverse = ldexpf(1, -s->exponent);
        part->seen = all;
        part->lanes = k >= n ? 0 : count < 4 * WT_STATS_BINS ? 1 : LANES;
        for (size_t l = 0; l < LANES; l++)
            part->bins[l] = part->room + (part->lanes == 1 ? 0 : l * WT_STATS_BINS);
    }
    return WT_OK;
}

static void meet(wt_team *team, int tid)
{
    if (team)
        wt_team_barrier(team, tid);
}

/* All members: extremes; one: the grid; all: histogram and sums of channels; all: the histogram's bins together. */
wt_status wt_stats_add(wt_stats *s, wt_stats_work *w, const wt_tensor *t, wt_team *team, int tid, int n, wt_err *err)
{
    int64_t count;
    size_t begin, end;
    if (t->dtype != WT_F32 || !wt_shape_count(&t->shape, &count) || n > w->threads)
        return wt_fail(err, WT_EINTERNAL, "statistics are kept of float32 tensors");
    wt_stats_part *mine = &w->parts[tid];
    mine->seen = (extremes){ FLT_MAX, -FLT_MAX, 0 };
    wt_split(stored(t, count), GRAIN, tid, n, &begin, &end);
    if (begin < end)
        each_run(t, begin, end, find_extremes, &mine->seen);
    meet(team, tid);
    if (tid == 0) {
        s->samples++;
        w->status = note(s, w, t, count, n, err);
    }
    meet(team, tid);
    if (w->status != WT_OK || mine->seen.min > mine->seen.max)
        return w->status;
    if (begin < end)
        each_run(t, begin, end, fill, mine);
    add_channels(s, t, tid, n);
    meet(team, tid);
    const size_t low = bin_of(mine->seen.min, mine->inverse), high = bin_of(mine->seen.max, mine->inverse) + 1;
    wt_split(high - low, GRAIN, tid, n, &begin, &end);
    flush(s, w, low + begin, low + end);
    return WT_OK;
}
