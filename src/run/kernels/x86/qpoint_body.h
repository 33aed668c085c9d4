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

static void same(const wt_qpoint *q, const uint8_t *a, const uint8_t *b, uint8_t *y, size_t n)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        vf_to_bytes(y + i, one(q, vf_from_byte(a + i, q->a_signed), vf_from_byte(b + i, q->b_signed)));
    if (i < n)
        vf_to_bytes_n(y + i, n - i,
                      one(q, vf_from_bytes_n(a + i, n - i, q->a_signed), vf_from_bytes_n(b + i, n - i, q->b_signed)));
}

static void channel(const wt_qpoint *q, const uint8_t *a, const uint8_t *b, int per_channel, uint8_t *y, size_t pixels)
{
    for (size_t h = 0; h < 16; h += VL) {
        const vf fixed = per_channel ? vf_from_byte(b + h, q->b_signed) : vf_from_byte(a + h, q->a_signed);
        for (size_t i = h; i < 16 * pixels; i += 16)
            vf_to_bytes(y + i, per_channel ? one(q, vf_from_byte(a + i, q->a_signed), fixed)
                                           : one(q, fixed, vf_from_byte(b + i, q->b_signed)));
    }
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
