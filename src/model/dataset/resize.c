/* resize.c - separable resampling with a table of weights per axis.
 *
 * Every mode is a table: which source positions make an output position, and how much of each. Rows are first
 * resampled across, into floats, then down. A row that was resampled is kept until no later output row can need it, in
 * as many slots as one output row needs; so each source row is resampled across once. */
#include "model/dataset/resize.h"
#include <math.h>

typedef struct axis {
    size_t taps;    /* per output position */
    int32_t *index; /* [n * taps] source positions, clamped to the picture */
    float *weight;  /* [n * taps] */
} axis;

static double clampd(double v, double lo, double hi) { return v < lo ? lo : v > hi ? hi : v; }

static void set_tap(axis *a, int64_t i, size_t k, int64_t at, int64_t len, double weight)
{
    a->index[(size_t)i * a->taps + k] = (int32_t)(at < 0 ? 0 : at >= len ? len - 1 : at);
    a->weight[(size_t)i * a->taps + k] = (float)weight;
}

static void fill_nearest(axis *a, int64_t from, int64_t to)
{
    const double step = (double)from / (double)to;
    for (int64_t i = 0; i < to; i++)
        set_tap(a, i, 0, (int64_t)floor((double)i * step), from, 1);
}

static void fill_linear(axis *a, int64_t from, int64_t to)
{
    const double step = (double)from / (double)to;
    for (int64_t i = 0; i < to; i++) {
        const double x = clampd(((double)i + 0.5) * step - 0.5, 0, (double)(from - 1));
        const int64_t at = (int64_t)floor(x);
        set_tap(a, i, 0, at, from, 1 - (x - (double)at));
        set_tap(a, i, 1, at + 1, from, x - (double)at);
    }
}

/* Keys' kernel. */
static double cubic(double x)
{
    const double A = -0.75;
    x = fabs(x);
    if (x <= 1)
        return ((A + 2) * x - (A + 3)) * x * x + 1;
    return x < 2 ? ((A * x - 5 * A) * x + 8 * A) * x - 4 * A : 0;
}

static void fill_cubic(axis *a, int64_t from, int64_t to)
{
    const double step = (double)from / (double)to;
    for (int64_t i = 0; i < to; i++) {
        const double x = ((double)i + 0.5) * step - 0.5;
        const int64_t at = (int64_t)floor(x);
        for (int k = 0; k < 4; k++)
            set_tap(a, i, (size_t)k, at - 1 + k, from, cubic(x - (double)(at - 1 + k)));
    }
}

/* Shrinking: each source pixel by the part of it that the output pixel covers. */
static void fill_area(axis *a, int64_t from, int64_t to)
{
    const double step = (double)from / (double)to;
    for (int64_t i = 0; i < to; i++) {
        const double lo = (double)i * step, hi = clampd(lo + step, 0, (double)from);
        const int64_t first = (int64_t)floor(lo);
        for (size_t k = 0; k < a->taps; k++) {
            const double l = clampd((double)(first + (int64_t)k), lo, hi),
                         h = clampd((double)(first + (int64_t)k + 1), lo, hi);
            set_tap(a, i, k, first + (int64_t)k, from, (h - l) / (hi - lo));
        }
    }
}

/* Growing by "area" is linear between the pixels that meet inside an output pixel. */
static void fill_area_grow(axis *a, int64_t from, int64_t to)
{
    const double step = (double)from / (double)to, inverse = (double)to / (double)from;
    for (int64_t i = 0; i < to; i++) {
        const int64_t at = (int64_t)floor((double)i * step);
        double f = (double)(i + 1) - (double)(at + 1) * inverse;
        f = f <= 0 ? 0 : f - floor(f);
        set_tap(a, i, 0, at, from, 1 - f);
        set_tap(a, i, 1, at + 1, from, f);
    }
}

static wt_status make_axis(axis *a, wt_arena *arena, wt_resize mode, bool shrinks, int64_t from, int64_t to,
                           wt_err *err)
{
    switch (mode) {
    case WT_RESIZE_NEAREST: a->taps = 1; break;
    case WT_RESIZE_BILINEAR: a->taps = 2; break;
    case WT_RESIZE_BICUBIC: a->taps = 4; break;
    case WT_RESIZE_AREA: a->taps = shrinks ? (size_t)(from / to) + 2 : 2; break;
    }
    a->index = wt_arena_alloc(arena, (size_t)to * a->taps, sizeof *a->index, err);
    a->weight = a->index ? wt_arena_alloc(arena, (size_t)to * a->taps, sizeof *a->weight, err) : NULL;
    if (!a->weight)
        return WT_ENOMEM;
    switch (mode) {
    case WT_RESIZE_NEAREST: fill_nearest(a, from, to); break;
    case WT_RESIZE_BILINEAR: fill_linear(a, from, to); break;
    case WT_RESIZE_BICUBIC: fill_cubic(a, from, to); break;
    case WT_RESIZE_AREA: (shrinks ? fill_area : fill_area_grow)(a, from, to); break;
    }
    return WT_OK;
}

static void across(const axis *a, const uint8_t *src, float *dst, size_t width, size_t channels)
{
    for (size_t x = 0; x < width; x++)
        for (size_t c = 0; c < channels; c++) {
            float sum = 0;
            for (size_t k = 0; k < a->taps; k++)
                sum += a->weight[x * a->taps + k] * (float)src[(size_t)a->index[x * a->taps + k] * channels + c];
            dst[x * channels + c] = sum;
        }
}

static uint8_t to_code(float v) { return (uint8_t)(v <= 0 ? 0 : v >= 255 ? 255 : v + 0.5f); }

typedef struct slots {
    float *row;    /* [count * n] */
    int32_t *held; /* source row in each slot, -1: none */
    size_t count, n;
} slots;

static const float *slot_row(slots *s, const axis *ax, const wt_picture *src, int32_t y)
{
    const size_t i = (size_t)y % s->count;
    if (s->held[i] != y) {
        const size_t channels = (size_t)src->channels;
        across(ax, src->pixels + (size_t)y * (size_t)src->width * channels, s->row + i * s->n, s->n / channels,
               channels);
        s->held[i] = y;
    }
    return s->row + i * s->n;
}

static void down(wt_picture *dst, const wt_picture *src, const axis *ax, const axis *ay, slots *s, float *sum)
{
    for (int64_t y = 0; y < dst->height; y++) {
        memset(sum, 0, s->n * sizeof *sum);
        for (size_t k = 0; k < ay->taps; k++) {
            const float w = ay->weight[(size_t)y * ay->taps + k];
            if (w == 0)
                continue;
            const float *row = slot_row(s, ax, src, ay->index[(size_t)y * ay->taps + k]);
            for (size_t i = 0; i < s->n; i++)
                sum[i] += w * row[i];
        }
        uint8_t *out = dst->pixels + (size_t)y * s->n;
        for (size_t i = 0; i < s->n; i++)
            out[i] = to_code(sum[i]);
    }
}

wt_status wt_resize_picture(wt_picture *dst, const wt_picture *src, int64_t w, int64_t h, wt_resize mode,
                            int64_t max_pixels, wt_err *err)
{
    if (src->width > INT32_MAX || src->height > INT32_MAX)
        return wt_fail(err, WT_ELIMIT, "a picture of %lld x %lld pixels is too large", (long long)src->width,
                       (long long)src->height);
    WT_TRY(wt_picture_resize(dst, w, h, src->channels, max_pixels, err));
    if (w == src->width && h == src->height) {
        memcpy(dst->pixels, src->pixels, (size_t)(w * h) * (size_t)src->channels);
        return WT_OK;
    }
    wt_arena arena;
    axis ax = { 0 }, ay = { 0 };
    const bool shrinks = w <= src->width && h <= src->height;
    slots s = { .n = (size_t)w * (size_t)src->channels };
    float *sum = NULL;
    wt_arena_init(&arena, dst->ctx);
    wt_status st = make_axis(&ax, &arena, mode, shrinks, src->width, w, err);
    if (st == WT_OK)
        st = make_axis(&ay, &arena, mode, shrinks, src->height, h, err);
    if (st == WT_OK) {
        s.count = ay.taps < (size_t)src->height ? ay.taps : (size_t)src->height;
        s.row = wt_arena_alloc(&arena, s.count * s.n, sizeof *s.row, err);
        s.held = s.row ? wt_arena_alloc(&arena, s.count, sizeof *s.held, err) : NULL;
        sum = s.held ? wt_arena_alloc(&arena, s.n, sizeof *sum, err) : NULL;
        st = sum ? WT_OK : WT_ENOMEM;
    }
    if (st == WT_OK) {
        for (size_t i = 0; i < s.count; i++)
            s.held[i] = -1;
        down(dst, src, &ax, &ay, &s, sum);
    }
    wt_arena_free(&arena);
    return st;
}
