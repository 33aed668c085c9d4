/* qpoint_body.h - pointwise work on codes in the words of vec.h; becomes wt_qpoint_avx2 and wt_qpoint_avx512. */
#include "run/kernels/x86/qpoint.h"
#include "run/kernels/x86/vec.h"

WT_INLINE vf real_of(vf code, float zero, float scale) { return vf_mul(vf_sub(code, vf_set(zero)), vf_set(scale)); }

WT_INLINE vf codes_of(vf real, float scale, float zero, float lo, float hi)
{
    const vf t = vf_add(vf_rint(vf_div(real, vf_set(scale))), vf_set(zero));
    return vf_min(vf_set(hi), vf_max(vf_set(lo), t));
}

WT_INLINE vf combine(wt_qpoint_op op, vf a, vf b)
{
    return op == WT_QPOINT_ADD ? vf_add(a, b) : op == WT_QPOINT_SUB ? vf_sub(a, b) : vf_mul(a, b);
}

WT_INLINE vf one(const wt_qpoint *q, vf a, vf b)
{
    return codes_of(combine(q->op, real_of(a, q->a_zero, q->a_scale), real_of(b, q->b_zero, q->b_scale)), q->y_scale,
                    q->y_zero, q->lo, q->hi);
}

/* The same code without a division: multiply-adds to the neighbourhood of the quotient, and as written only where that
 * lies too near to the middle between two codes. `most` bounds the terms of the quotient; theirs and the meaning's
 * roundings come to less than 1e-6 of it, adding the zero point to 4e-5. Not above 0 (scales too far apart): all as
 * written. */
WT_INLINE float nearly_half(float most) { return 0.5f - 4e-5f - 1e-6f * most; }

/* *code, not yet clamped; true in lanes where it may be wrong. */
WT_INLINE vm round_near(vi *code, vf t, float safe)
{
    *code = vi_from_vf(t);
    return vf_ge(vf_abs(vf_frac(t)), vf_set(safe));
}

WT_INLINE void same_exactly(const wt_qpoint *q, const uint8_t *a, const uint8_t *b, uint8_t *y, size_t n)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        vf_to_bytes(y + i, one(q, vf_from_byte(a + i, q->a_signed), vf_from_byte(b + i, q->b_signed)));
    if (i < n)
        vf_to_bytes_n(y + i, n - i,
                      one(q, vf_from_bytes_n(a + i, n - i, q->a_signed), vf_from_bytes_n(b + i, n - i, q->b_signed)));
}

/* Sums as a * a_mult + b * b_mult + shift, products of exact differences. */
WT_INLINE void same_near(const wt_qpoint *q, const wt_qpoint_op op, const uint8_t *a, const uint8_t *b, uint8_t *y,
                         size_t n)
{
    const float a_mult = q->a_scale / q->y_scale,
                b_mult = (op == WT_QPOINT_SUB ? -1.0f : 1.0f) * q->b_scale / q->y_scale;
    const float mult = q->a_scale * q->b_scale / q->y_scale;
    const float most = op == WT_QPOINT_MUL ? 65536 * mult : 512 * (a_mult + q->b_scale / q->y_scale);
    const float safe = nearly_half(most);
    const vf shift = vf_set(
        (float)((double)q->y_zero - (double)q->a_zero * (double)a_mult - (double)q->b_zero * (double)b_mult));
    size_t i = 0;
    for (; safe > 0 && i + 4 * VL <= n; i += 4 * VL) {
        vi code[4];
        vm doubtful = vm_none();
        WT_UNROLL
        for (int k = 0; k < 4; k++) {
            const vf u = vf_from_byte(a + i + k * VL, q->a_signed), v = vf_from_byte(b + i + k * VL, q->b_signed);
            const vf t = op == WT_QPOINT_MUL
                             ? vf_fma(vf_mul(vf_sub(u, vf_set(q->a_zero)), vf_sub(v, vf_set(q->b_zero))), vf_set(mult),
                                      vf_set(q->y_zero))
                             : vf_fma(v, vf_set(b_mult), vf_fma(u, vf_set(a_mult), shift));
            doubtful = vm_or(doubtful, round_near(&code[k], t, safe));
        }
        if (WT_LIKELY(!vm_any(doubtful)))
            vi4_to_bytes(y + i, code, q->lo < 0);
        else
            same_exactly(q, a + i, b + i, y + i, 4 * VL);
    }
    same_exactly(q, a + i, b + i, y + i, n - i);
}

static void same(const wt_qpoint *q, const uint8_t *a, const uint8_t *b, uint8_t *y, size_t n)
{
    const wt_qpoint copy = *q; /* a store might change the original, as far as the compiler knows */
    switch (copy.op) {
    case WT_QPOINT_ADD: same_near(&copy, WT_QPOINT_ADD, a, b, y, n); break;
    case WT_QPOINT_SUB: same_near(&copy, WT_QPOINT_SUB, a, b, y, n); break;
    case WT_QPOINT_MUL: same_near(&copy, WT_QPOINT_MUL, a, b, y, n); break;
    }
}

/* Pixels one after the other as written. */
WT_INLINE void channel_exactly(const wt_qpoint *q, const uint8_t *a, const uint8_t *b, int per_channel, uint8_t *y,
                               size_t pixels)
{
    for (size_t h = 0; h < 16; h += VL) {
        const vf fixed = per_channel ? vf_from_byte(b + h, q->b_signed) : vf_from_byte(a + h, q->a_signed);
        for (size_t i = h; i < 16 * pixels; i += 16)
            vf_to_bytes(y + i, per_channel ? one(q, vf_from_byte(a + i, q->a_signed), fixed)
                                           : one(q, fixed, vf_from_byte(b + i, q->b_signed)));
    }
}

/* One factor and one shift for each channel: x * mult + shift. */
typedef struct line {
    vf mult[PIXEL_VECS], shift[PIXEL_VECS];
    float most; /* of any term */
} line;

static line line_of(const wt_qpoint *q, const uint8_t *a, const uint8_t *b, int per_channel)
{
    const float sign = q->op == WT_QPOINT_SUB ? -1.0f : 1.0f, a_mult = q->a_scale / q->y_scale,
                b_mult = sign * q->b_scale / q->y_scale;
    const double mult = (double)q->a_scale * (double)q->b_scale / (double)q->y_scale;
    const float x_zero = per_channel ? q->a_zero : q->b_zero, x_mult = per_channel ? a_mult : b_mult,
                one_mult = per_channel ? b_mult : a_mult, one_zero = per_channel ? q->b_zero : q->a_zero;
    line l;
    l.most = q->op == WT_QPOINT_MUL ? 2 * 65536 * (float)mult : 512 * (a_mult + sign * b_mult);
    for (int h = 0; h < PIXEL_VECS; h++) {
        const vf code = per_channel ? vf_from_byte(b + h * VL, q->b_signed) : vf_from_byte(a + h * VL, q->a_signed);
        const vf fixed = vf_sub(code, vf_set(one_zero));
        if (q->op == WT_QPOINT_MUL) {
            l.mult[h] = vf_mul(fixed, vf_set((float)mult));
            l.shift[h] = vf_fnma(vf_set(x_zero), l.mult[h], vf_set(q->y_zero));
        } else {
            l.mult[h] = vf_set(x_mult);
            l.shift[h] = vf_fma(fixed, vf_set(one_mult), vf_set(q->y_zero - x_zero * x_mult));
        }
    }
    return l;
}

static void channel(const wt_qpoint *original, const uint8_t *a, const uint8_t *b, int per_channel, uint8_t *y,
                    size_t pixels)
{
    enum { PIXELS = 4 / PIXEL_VECS };
    const wt_qpoint q = *original;
    const line l = line_of(&q, a, b, per_channel);
    const uint8_t *x = per_channel ? a : b, *one_pixel = per_channel ? b : a;
    const bool is_signed = per_channel ? q.a_signed : q.b_signed;
    const float safe = nearly_half(l.most);
    size_t i = 0;
    for (; safe > 0 && i + PIXELS <= pixels; i += PIXELS, x += 4 * VL, y += 4 * VL) {
        vi code[4];
        vm doubtful = vm_none();
        WT_UNROLL
        for (int k = 0; k < 4; k++)
            doubtful = vm_or(doubtful, round_near(&code[k],
                                                  vf_fma(vf_from_byte(x + k * VL, is_signed), l.mult[k % PIXEL_VECS],
                                                         l.shift[k % PIXEL_VECS]),
                                                  safe));
        if (WT_LIKELY(!vm_any(doubtful)))
            vi4_to_bytes(y, code, q.lo < 0);
        else
            channel_exactly(&q, per_channel ? x : one_pixel, per_channel ? one_pixel : x, per_channel, y, PIXELS);
    }
    channel_exactly(&q, per_channel ? x : one_pixel, per_channel ? one_pixel : x, per_channel, y, pixels - i);
}

/* NaN becomes the zero point, as quantize.h says. */
WT_INLINE vf code_or_zero(vf x, float scale, float zero, float lo, float hi)
{
    return vf_select(vf_nan(x), vf_set(zero), codes_of(x, scale, zero, lo, hi));
}

static void codes(const float *x, uint8_t *y, size_t n, float scale, float zero, float lo, float hi)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        vf_to_bytes(y + i, code_or_zero(vf_load(x + i), scale, zero, lo, hi));
    if (i < n)
        vf_to_bytes_n(y + i, n - i, code_or_zero(vf_load_n(x + i, n - i), scale, zero, lo, hi));
}

static void reals(const uint8_t *x, float *y, size_t n, float scale, float zero, bool is_signed)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        vf_store(y + i, real_of(vf_from_byte(x + i, is_signed), zero, scale));
    if (i < n)
        vf_store_n(y + i, n - i, real_of(vf_from_bytes_n(x + i, n - i, is_signed), zero, scale));
}

const wt_qpoint_set WT_VEC_NAME(wt_qpoint) = { same, channel, codes, reals };
