/* weights.c - packing weights for tiles. See weights.h. */
#include "run/kernels/x86/weights.h"

bool wt_weights_layout(wt_weights *w)
{
    size_t taps, bytes;
    w->oc_blocks = (w->ocg + 15) / 16;
    w->blocks = (w->icg + w->channels - 1) / w->channels;
    w->step_channels = w->channels / (size_t)w->tiles->steps;
    w->k_last = (w->icg - (w->blocks - 1) * w->channels + w->step_channels - 1) / w->step_channels;
    const size_t steps = (w->blocks - 1) * (size_t)w->tiles->steps + w->k_last;
    if (wt_mul_overflows(w->kh, w->kw, &taps) || wt_mul_overflows(taps, steps, &taps) ||
        wt_mul_overflows(taps, w->tiles->w_step, &w->w_block) || wt_mul_overflows(w->w_block, w->oc_blocks, &bytes) ||
        wt_mul_overflows(bytes, w->groups, &bytes) || bytes > SIZE_MAX / 4)
        return false;
    w->w_row = w->w_block / w->kh;
    w->sums_at = wt_align_up(bytes, 64);
    return true;
}

/* One output block of 16 (fewer: `lanes`) x one kernel row; src points at its first output channel. */
typedef void pack_row_fn(const wt_weights *w, const void *src, size_t lanes, void *dst, int32_t *sums);

#define PACK_FLOATS(NAME, TYPE)                                                                                        \
    static void NAME(const wt_weights *w, const void *src, size_t lanes, void *dst, int32_t *sums)                     \
    {                                                                                                                  \
        const TYPE *from = src;                                                                                        \
        TYPE *to = dst;                                                                                                \
        (void)sums;                                                                                                    \
        for (size_t c0 = 0; c0 < w->icg; c0 += w->channels)                                                            \
            for (size_t x = 0; x < w->kw; x++)                                                                         \
                for (size_t c = c0; c < c0 + w->channels && c < w->icg; c++, to += 16) {                               \
                    const TYPE *at = from + c * w->ic_stride + x * w->kw_stride;                                       \
                    for (size_t i = 0; i < lanes; i++)                                                                 \
                        to[i] = at[i * w->oc_stride];                                                                  \
                }                                                                                                      \
    }
PACK_FLOATS(pack_row_f32, float)
PACK_FLOATS(pack_row_f16, uint16_t) /* bfloat16 too */

static void pack_row_s8(const wt_weights *w, const void *src, size_t lanes, void *dst, int32_t *sums)
{
    const int8_t *from = src;
    int8_t *to = dst;
    const size_t each = w->step_channels;
    for (size_t c0 = 0; c0 < w->icg; c0 += w->channels)
        for (size_t x = 0; x < w->kw; x++)
            for (size_t c = c0; c < c0 + w->channels && c < w->icg; c += each, to += 16 * each) {
                const size_t n = w->icg - c < each ? w->icg - c : each;
                for (size_t i = 0; i < lanes; i++)
                    for (size_t k = 0; k < n; k++) {
                        const int8_t v = from[i * w->oc_stride + (c + k) * w->ic_stride + x * w->kw_stride];
                        to[i * each + k] = v;
                        sums[i] += v;
                    }
            }
}

/* The same for merged groups, element by element: output `o` of the group reads the channels of its own part alone. */
static void pack_merged(const wt_weights *w, size_t group, size_t o, size_t y, char *dst, int32_t *sums)
{
    const size_t icg = w->icg / w->merged, ocg = w->ocg / w->merged, each = w->step_channels;
    const bool bytes = w->w->dtype == WT_I8;
    for (size_t c0 = 0; c0 < w->icg; c0 += w->channels)
        for (size_t x = 0; x < w->kw; x++)
            for (size_t c = c0; c < c0 + w->channels && c < w->icg; c += each, dst += 16 * each * (bytes ? 1 : 4))
                for (size_t i = 0; i < 16 && o + i < w->ocg; i++)
                    for (size_t k = 0; k < each && c + k < w->icg; k++) {
                        if ((c + k) / icg != (o + i) / ocg)
                            continue; /* stays zero */
                        const size_t at = (group * w->ocg + o + i) * w->oc_stride + (c + k) % icg * w->ic_stride +
                                          y * w->kh_stride + x * w->kw_stride;
                        if (bytes) {
                            const int8_t v = ((const int8_t *)w->w->data)[at];
                            ((int8_t *)dst)[i * each + k] = v;
                            sums[i] += v;
                        } else {
                            memcpy(dst + 4 * (i * each + k), (const float *)w->w->data + at, sizeof(float));
                        }
                    }
}

static wt_status pack_all(void *arg, void *packed, wt_err *err)
{
    const wt_weights *w = arg;
    const wt_dtype type = w->w->dtype;
    pack_row_fn *pack_row = type == WT_F32                      ? pack_row_f32
                            : type == WT_F16 || type == WT_BF16 ? pack_row_f16
                                                                : pack_row_s8;
    const size_t size = type == WT_F32 ? 4 : type == WT_F16 || type == WT_BF16 ? 2 : 1;
    char *dst = packed;
    int32_t *sums = (int32_t *)(void *)(dst + w->sums_at);
    (void)err;
    for (size_t g = 0; g < w->groups; g++)
        for (size_t o = 0; o < w->ocg; o += 16, sums += 16)
            for (size_t y = 0; y < w->kh; y++, dst += w->w_row) {
                if (w->merged > 1) {
                    pack_merged(w, g, o, y, dst, sums);
                    continue;
                }
                const size_t at = (g * w->ocg + o) * w->oc_stride + y * w->kh_stride;
                pack_row(w, (const char *)w->w->data + at * size, w->ocg - o < 16 ? w->ocg - o : 16, dst, sums);
            }
    return WT_OK;
}

wt_status wt_weights_pack(const wt_weights *w, const wt_prep *p, const void **packed, wt_err *err)
{
    const wt_dtype type = w->w->dtype;
    wt_pack_key key = { .data = w->w->data,
                        .kind = type == WT_F32    ? "x86 tiles f32"
                                : type == WT_F16  ? "x86 tiles f16"
                                : type == WT_BF16 ? "x86 tiles bf16"
                                                  : "x86 tiles s8" };
    const size_t dims[] = { w->oc_stride, w->ic_stride, w->kh_stride, w->kw_stride, w->groups,        w->ocg,
                            w->icg,       w->kh,        w->kw,        w->channels,  w->step_channels, w->merged };
    for (size_t i = 0; i < WT_ARRAY_LEN(dims); i++)
        key.dims[i] = (int64_t)dims[i];
    const size_t sums = type == WT_I8 ? w->groups * w->oc_blocks * 64 : 0;
    return wt_pack_get(p->packs, &key, w->sums_at + sums, pack_all, (void *)(uintptr_t)w, packed, err);
}
