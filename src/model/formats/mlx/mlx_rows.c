/* mlx_rows.c - a row of a matrix as codes, scales and offsets: taken out of blocks, or by MLX's rule of quantizing.
 *
 * The rule of mode affine, in float32, of the smallest and the largest number of a group: the scale is the range over
 * 2^bits - 1, negative when the largest is farther from zero; the farther end is moved so that zero is a code; what is
 * left is rounded to nearest. Scales and offsets are rounded to their type after that. */
#include "mlx.h"
#include <math.h>
#include "model/blocks/blocks.h"

enum { GROUP = 128 /* the largest */, BLOCK = 32, SUPER = 256 };

/* One group of a row. */
typedef struct group {
    uint8_t codes[GROUP];
    float scale, offset;
    uint8_t byte; /* the scale of small floats */
} group;

/* --- out of blocks -------------------------------------------------------------------------------------------------
 */
static float half_at(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return wt_f16_to_f32(v);
}

/* Halves: element i and i + n / 2 share a byte. */
static void nibbles(const uint8_t *q, int n, uint8_t *codes)
{
    for (int i = 0; i < n / 2; i++) {
        codes[i] = q[i] & 15;
        codes[i + n / 2] = q[i] >> 4;
    }
}

static void fifths(const uint8_t *q, uint8_t *codes)
{
    for (int i = 0; i < BLOCK; i++)
        codes[i] |= (uint8_t)((q[i / 8] >> i % 8 & 1) << 4);
}

/* Group j (of 32) of a super-block: scale and minimum of six bits each. */
static void super(const uint8_t *b, int j, bool five, group *g)
{
    const uint8_t *s = b + 4, *high = b + 16, *q = b + (five ? 48 : 16) + 32 * (j / 2);
    const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
    const int low = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | s[j] >> 6 << 4;
    g->scale = half_at(b) * (float)scale;
    g->offset = -(half_at(b + 2) * (float)low);
    for (int i = 0; i < BLOCK; i++)
        g->codes[i] = (uint8_t)((j % 2 ? q[i] >> 4 : q[i] & 15) | (five ? (high[i] >> j & 1) << 4 : 0));
}

static void from_block(wt_dtype type, const uint8_t *row, int64_t index, group *g)
{
    const wt_dtype_info *info = wt_dtype_get(type);
    const int64_t each = type == WT_NVFP4 ? 16 : BLOCK, in_block = info->block_len / each;
    const uint8_t *b = row + index / in_block * info->block_bytes;
    const int part = (int)(index % in_block);
    switch (type) {
    case WT_Q4_0:
    case WT_Q5_0:
        g->scale = half_at(b);
        g->offset = g->scale * (type == WT_Q4_0 ? -8.0f : -16.0f);
        break;
    case WT_Q4_1:
    case WT_Q5_1:
        g->scale = half_at(b);
        g->offset = half_at(b + 2);
        break;
    case WT_Q8_0:
        g->scale = half_at(b);
        g->offset = g->scale * -128.0f;
        for (int i = 0; i < BLOCK; i++)
            g->codes[i] = b[2 + i] ^ 128;
        return;
    case WT_AFFINE8:
        memcpy(&g->scale, b, 4);
        memcpy(&g->offset, b + 4, 4);
        memcpy(g->codes, b + 8, BLOCK);
        return;
    case WT_Q4_K:
    case WT_Q5_K: super(b, part, type == WT_Q5_K, g); return;
    case WT_MXFP4:
        g->byte = b[0];
        nibbles(b + 1, 32, g->codes);
        return;
    default: /* NVFP4 */
        g->byte = b[part];
        nibbles(b + 4 + 8 * part, 16, g->codes);
        return;
    }
    nibbles(b + info->block_bytes - BLOCK / 2, BLOCK, g->codes);
    if (type == WT_Q5_0 || type == WT_Q5_1)
        fifths(b + info->block_bytes - BLOCK / 2 - 4, g->codes);
}

/* --- quantizing ----------------------------------------------------------------------------------------------------
 */
static void affine(const float *x, int n, int bits, group *g)
{
    const float most = (float)((1 << bits) - 1);
    float low = INFINITY, high = -INFINITY;
    for (int i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    const bool below = fabsf(low) > fabsf(high);
    const float edge = below ? low : high;
    float scale = (high - low) / most;
    scale = scale > 1e-7f ? scale : 1e-7f;
    scale = below ? scale : -scale;
    const float zero = rintf(edge / scale);
    g->offset = zero != 0.0f ? edge : 0.0f;
    g->scale = zero != 0.0f ? edge / zero : scale;
    for (int i = 0; i < n; i++) {
        const float q = rintf((x[i] - g->offset) / g->scale);
        g->codes[i] = (uint8_t)(q > 0 ? q < most ? q : most : 0);
    }
}

/* The least exponent of a power of two that is not below v. */
static int exponent_above(float v)
{
    int e = 0;
    const float m = frexpf(v, &e);
    return v > 0 ? e - (m == 0.5f) : -127;
}

/* Small floats: the least scale by which the largest number is not cut, then each to its nearest. */
static void small_floats(const float *x, int n, const wt_mlx_scheme *s, group *g)
{
    float most = 0;
    for (int i = 0; i < n; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    const float top = s->mode == WT_MLX_MXFP8 ? 448.0f : 6.0f;
    float scale = 0;
    if (s->mode == WT_MLX_NVFP4) {
        g->byte = wt_f32_to_f8(most / top, WT_F8E4M3FN, true);
        scale = wt_f8_to_f32(g->byte, WT_F8E4M3FN);
    } else {
        const int e = exponent_above(most / top);
        g->byte = (uint8_t)((e < -127 ? -127 : e > 127 ? 127 : e) + 127);
        scale = wt_f8_to_f32(g->byte, WT_F8E8M0);
    }
    for (int i = 0; i < n; i++) {
        const float v = scale > 0 ? x[i] / scale : 0;
        g->codes[i] = s->bits == 8 ? wt_f32_to_f8(v, WT_F8E4M3FN, true) : wt_f32_to_f4(v);
    }
}

/* --- rows ----------------------------------------------------------------------------------------------------------
 */
static float rounded(float f, wt_dtype to)
{
    return to == WT_F16 ? wt_f16_to_f32(wt_f32_to_f16(f)) : to == WT_BF16 ? wt_bf16_to_f32(wt_f32_to_bf16(f)) : f;
}

static float value_of(const wt_mlx_matrix *m, const group *g, uint8_t code)
{
    switch (m->scheme.mode) {
    case WT_MLX_AFFINE: return (float)code * rounded(g->scale, m->scales) + rounded(g->offset, m->scales);
    case WT_MLX_MXFP4: return wt_f4_to_f32(code) * wt_f8_to_f32(g->byte, WT_F8E8M0);
    case WT_MLX_NVFP4: return wt_f4_to_f32(code) * wt_f8_to_f32(g->byte, WT_F8E4M3FN);
    case WT_MLX_MXFP8: break;
    }
    return wt_f8_to_f32(code, WT_F8E4M3FN) * wt_f8_to_f32(g->byte, WT_F8E8M0);
}

static void note_moved(wt_mlx_matrix *m, float f)
{
    if (f != 0.0f && m->scheme.mode == WT_MLX_AFFINE)
        m->moved = fmax(m->moved, fabs(((double)rounded(f, m->scales) - (double)f) / (double)f));
}

static void note(wt_mlx_matrix *m, const group *g, const float *x)
{
    for (int i = 0; i < m->scheme.group; i++) {
        const double d = (double)value_of(m, g, g->codes[i]) - (double)x[i];
        m->signal += (double)x[i] * (double)x[i];
        m->noise += d * d;
    }
    note_moved(m, g->scale);
    note_moved(m, g->offset);
}

static wt_status check(const wt_mlx_matrix *m, const group *g, uint64_t row, int64_t index, const float *x, wt_err *err)
{
    const bool affine_mode = m->scheme.mode == WT_MLX_AFFINE;
    bool damaged = affine_mode ? !isfinite(g->scale) || !isfinite(g->offset) : g->byte == 255;
    for (int i = 0; x && i < m->scheme.group; i++)
        damaged |= !isfinite(x[i]);
    if (!damaged &&
        (!affine_mode || (isfinite(rounded(g->scale, m->scales)) && isfinite(rounded(g->offset, m->scales)))))
        return WT_OK;
    const wt_status st = damaged ? WT_EFORMAT : WT_EUNSUPPORTED;
    wt_fail_at(err, st, m->weight->source, "tensor '%.120s': group %lld of row %llu %s", m->weight->name.data,
               (long long)index, (unsigned long long)row,
               damaged ? "has a number that is NaN or infinite" : "has a scale too large for float16");
    wt_err_where(err, "%s", wt_weights_path(m->set));
    wt_err_hint(err, damaged ? "the model is damaged: get its original weights again" : "use --dtype bf16 or f32");
    return st;
}

static void put_codes(const uint8_t *codes, int64_t at, int n, int bits, uint8_t *out)
{
    if (bits == 8) {
        memcpy(out + at, codes, (size_t)n);
        return;
    }
    for (int i = 0; i < n; i++) {
        const size_t bit = (size_t)(at + i) * (size_t)bits;
        const unsigned v = (unsigned)codes[i] << bit % 8;
        out[bit / 8] = (uint8_t)(out[bit / 8] | v);
        if (v > 255)
            out[bit / 8 + 1] = (uint8_t)(out[bit / 8 + 1] | v >> 8);
    }
}

static void put_factor(float f, wt_dtype type, int64_t index, uint8_t *out)
{
    const uint16_t half = type == WT_F16 ? wt_f32_to_f16(f) : wt_f32_to_bf16(f);
    if (type == WT_F32)
        memcpy(out + 4 * index, &f, 4);
    else
        memcpy(out + 2 * index, &half, 2);
}

/* row: as stored; x: the same as floats. */
static wt_status put_row(wt_mlx_matrix *m, wt_mlx_part part, uint64_t at, const uint8_t *row, const float *x,
                         uint8_t *out, wt_err *err)
{
    const int64_t columns = m->weight->shape.dim[m->weight->shape.rank - 1], each = m->scheme.group;
    if (part == WT_MLX_WEIGHT)
        memset(out, 0, (size_t)(columns * m->scheme.bits / 8));
    for (int64_t i = 0; i < columns / each; i++) {
        group g = { 0 };
        if (m->bridged)
            from_block(m->weight->dtype, row, i, &g);
        else if (m->scheme.mode == WT_MLX_AFFINE)
            affine(x + i * each, (int)each, m->scheme.bits, &g);
        else
            small_floats(x + i * each, (int)each, &m->scheme, &g);
        WT_TRY(check(m, &g, at, i, m->bridged ? NULL : x + i * each, err));
        if (part == WT_MLX_WEIGHT) {
            put_codes(g.codes, i * each, (int)each, m->scheme.bits, out);
            note(m, &g, x + i * each);
        } else if (m->scheme.mode != WT_MLX_AFFINE) {
            out[i] = g.byte;
        } else {
            put_factor(part == WT_MLX_SCALES ? g.scale : g.offset, m->scales, i, out);
        }
    }
    return WT_OK;
}

wt_status wt_mlx_load(const wt_rows *rows, uint64_t first, uint64_t n, void *out, wt_err *err)
{
    wt_mlx_matrix *m = (wt_mlx_matrix *)(uintptr_t)rows->from; /* the sums of it */
    const wt_mlx_part part = (wt_mlx_part) * (const int *)rows->with;
    const wt_weight *w = m->weight;
    const size_t columns = (size_t)w->shape.dim[w->shape.rank - 1];
    const wt_block_codec *codec = wt_block_codec_get(w->dtype);
    wt_context *ctx = wt_weights_context(m->set);
    size_t stored = 0, width = 0;
    if (!codec || !wt_dtype_bytes(w->dtype, columns, &stored) ||
        !wt_dtype_bytes(wt_mlx_part_dtype(m, part), (uint64_t)wt_mlx_part_width(m, part), &width))
        return wt_fail(err, WT_EINTERNAL, "tensor '%.120s' has no numbers", w->name.data);
    float *x = wt_alloc_raw(ctx, columns, sizeof *x, err);
    uint8_t *row = x ? wt_alloc_raw(ctx, stored, 1, err) : NULL;
    wt_status st = row ? WT_OK : WT_ENOMEM;
    for (uint64_t i = 0; i < n && st == WT_OK; i++) {
        st = wt_weight_load(m->set, w, first + i, 1, row, err);
        if (st == WT_OK) {
            codec->decode(row, x, columns);
            st = put_row(m, part, first + i, row, x, (uint8_t *)out + i * width, err);
        }
    }
    wt_free(ctx, row);
    wt_free(ctx, x);
    return st;
}
