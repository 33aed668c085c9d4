/* rope.c - the angles of Rope: one frequency a pair, interpolated for long contexts as YaRN does. */
#include "model/arch/rope.h"
#include <math.h>

/* Which pair turns n_rot times over the original context (YaRN, Peng et al. 2023). */
static double yarn_dim(double dims, double orig_ctx, double n_rot, double base)
{
    return dims * log(orig_ctx / (n_rot * 2 * 3.14159265358979323846)) / (2 * log(base));
}

static void frequencies(const wt_attrs *attrs, size_t half, const float *factors, float *out, float *scale)
{
    const double dims = 2.0 * (double)half, base = wt_attr_float(attrs, "base", 10000),
                 freq_scale = wt_attr_float(attrs, "freq_scale", 1), ext = wt_attr_float(attrs, "ext_factor", 0),
                 orig = wt_attr_float(attrs, "orig_ctx", 0);
    const bool direct = factors && wt_attr_int(attrs, "direct", 0); /* they are the frequencies */
    const double low = fmax(0, floor(yarn_dim(dims, orig, wt_attr_float(attrs, "beta_fast", 32), base))),
                 high = fmin(dims - 1, ceil(yarn_dim(dims, orig, wt_attr_float(attrs, "beta_slow", 1), base)));
    for (size_t i = 0; i < half; i++) {
        const double own = direct ? factors[i] : pow(base, -2.0 * (double)i / dims) / (factors ? factors[i] : 1);
        double mix = 0;
        if (ext != 0) {
            const double at = ((double)i - low) / fmax(0.001, high - low);
            mix = (1 - fmin(1, fmax(0, at))) * ext;
        }
        out[i] = (float)(own * freq_scale * (1 - mix) + own * mix);
    }
    *scale = (float)(wt_attr_float(attrs, "attn_factor", 1) * (ext != 0 ? 1 + 0.1 * log(1 / freq_scale) : 1));
}

wt_status wt_rope_read(wt_rope *out, const wt_attrs *attrs, int64_t width, const float *factors, wt_arena *arena,
                       wt_err *err)
{
    const int64_t head = wt_attr_int(attrs, "head_dim", 0), dims = wt_attr_int(attrs, "dims", head);
    if (head < 1 || width % head || dims < 2 || dims > head || dims % 2)
        return wt_fail(err, WT_EFORMAT, "Rope: %lld of %lld elements of a head cannot be turned in rows of %lld",
                       (long long)dims, (long long)head, (long long)width);
    float *f = wt_arena_alloc(arena, (size_t)dims / 2, sizeof *f, err);
    if (!f)
        return WT_ENOMEM;
    *out = (wt_rope){ .head = (size_t)head,
                      .half = (size_t)dims / 2,
                      .interleaved = wt_attr_int(attrs, "interleaved", 0) != 0,
                      .frequency = f };
    frequencies(attrs, out->half, factors, f, &out->scale);
    return WT_OK;
}
