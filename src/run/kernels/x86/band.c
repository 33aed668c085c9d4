/* band.c - see band.h. Plain C and SSE2, which every x86-64 has: these loops are bound by memory. */
#include <emmintrin.h>
#include "run/kernels/x86/band.h"

/* Pixels of one phase of one row: dst[j] = src[j * step], j < n; src is the source element of pixel 0. */
typedef void copy_fn(const wt_tiled *p, char *dst, const char *src, size_t n, size_t channels);
typedef void fill_fn(const wt_tiled *p, char *dst, size_t n);

static void copy_f32(const wt_tiled *p, char *dst, const char *src, size_t n, size_t channels)
{
    (void)channels;
    if (p->src_stride == 1) {
        memcpy(dst, src, n * 64);
        return;
    }
    for (size_t j = 0; j < n; j++)
        memcpy(dst + j * 64, src + (ptrdiff_t)j * p->src_stride * 64, 64);
}
static void copy_u8(const wt_tiled *p, char *dst, const char *src, size_t n, size_t channels)
{
    const uint64_t flip = UINT64_C(0x0101010101010101) * p->flip;
    (void)channels;
    for (size_t j = 0; j < n; j++) {
        uint64_t v[2];
        memcpy(v, src + (ptrdiff_t)j * p->src_stride * 16, 16);
        v[0] ^= flip, v[1] ^= flip;
        memcpy(dst + j * 16, v, 16);
    }
}
/* 16 bytes to 16 words, with or without sign. */
static inline void widen16(int16_t *dst, const char *src, bool is_signed)
{
    if (is_signed)
        for (int i = 0; i < 16; i++)
            dst[i] = ((const int8_t *)src)[i];
    else
        for (int i = 0; i < 16; i++)
            dst[i] = ((const uint8_t *)src)[i];
}
static void copy_s16(const wt_tiled *p, char *dst, const char *src, size_t n, size_t channels)
{
    (void)channels;
    for (size_t j = 0; j < n; j++)
        widen16((int16_t *)(void *)(dst + j * 32), src + (ptrdiff_t)j * p->src_stride * 16, p->is_signed);
}
static void copy_planar_f32(const wt_tiled *p, char *dst, const char *src, size_t n, size_t channels)
{
    const float *from = (const float *)(const void *)src;
    float *to = (float *)(void *)dst;
    (void)channels;
    if (p->src_stride == 1)
        memcpy(to, from, n * sizeof *to);
    else if (p->src_stride == 2)
        for (size_t j = 0; j < n; j++)
            to[j] = from[2 * j];
    else
        for (size_t j = 0; j < n; j++)
            to[j] = from[(ptrdiff_t)j * p->src_stride];
}
/* 16 bytes of a channel, every one or every second; with stride 2, 32 bytes are read. */
static inline __m128i load16(const char *from, ptrdiff_t stride)
{
    const __m128i a = _mm_loadu_si128((const __m128i *)(const void *)from);
    if (stride == 1)
        return a;
    const __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(from + 16)), low = _mm_set1_epi16(0xff);
    return _mm_packus_epi16(_mm_and_si128(a, low), _mm_and_si128(b, low));
}

/* Four channels of n pixels side by side: 16 pixels at a time while the 32 bytes that stride 2 reads are surely there.
 * Missing channels are zero. Returns the pixels done. */
static size_t interleave16(const char *const from[4], ptrdiff_t stride, __m128i flip, char *dst, size_t n)
{
    size_t j = 0;
    if (stride > 2)
        return 0;
    for (; j + 16 < n; j += 16) {
        __m128i c[4];
        for (int k = 0; k < 4; k++)
            c[k] = from[k] ? _mm_xor_si128(load16(from[k] + (ptrdiff_t)j * stride, stride), flip) : _mm_setzero_si128();
        const __m128i ab = _mm_unpacklo_epi8(c[0], c[1]), cd = _mm_unpacklo_epi8(c[2], c[3]);
        const __m128i ab_high = _mm_unpackhi_epi8(c[0], c[1]), cd_high = _mm_unpackhi_epi8(c[2], c[3]);
        __m128i *to = (__m128i *)(void *)(dst + j * 4);
        _mm_storeu_si128(to, _mm_unpacklo_epi16(ab, cd));
        _mm_storeu_si128(to + 1, _mm_unpackhi_epi16(ab, cd));
        _mm_storeu_si128(to + 2, _mm_unpacklo_epi16(ab_high, cd_high));
        _mm_storeu_si128(to + 3, _mm_unpackhi_epi16(ab_high, cd_high));
    }
    return j;
}

static void copy_planar_u8(const wt_tiled *p, char *dst, const char *src, size_t n, size_t channels)
{
    const char *from[4];
    for (size_t c = 0; c < 4; c++)
        from[c] = c < channels ? src + c * p->src_block : NULL;
    for (size_t j = interleave16(from, p->src_stride, _mm_set1_epi8((char)p->flip), dst, n); j < n; j++)
        for (size_t c = 0; c < 4; c++)
            dst[j * 4 + c] = from[c] ? (char)(from[c][(ptrdiff_t)j * p->src_stride] ^ (char)p->flip) : 0;
}
static void copy_planar_s16(const wt_tiled *p, char *dst, const char *src, size_t n, size_t channels)
{
    enum { PART = 64 }; /* pixels that are interleaved, then widened */
    char bytes[PART * 4] = { 0 };
    const wt_tiled plain = { .src_block = p->src_block, .src_stride = p->src_stride };
    for (size_t j = 0; j < n; j += PART) {
        const size_t part = n - j < PART ? n - j : PART;
        copy_planar_u8(&plain, bytes, src + (ptrdiff_t)j * p->src_stride, part, channels);
        int16_t *to = (int16_t *)(void *)(dst + j * 8);
        size_t i = 0;
        for (; i + 16 <= part * 4; i += 16)
            widen16(to + i, bytes + i, p->is_signed);
        for (; i < part * 4; i++)
            to[i] = p->is_signed ? (int16_t)(int8_t)bytes[i] : (int16_t)(uint8_t)bytes[i];
    }
}

static void fill_bytes(const wt_tiled *p, char *dst, size_t n) { memset(dst, p->fill, n * p->tiles->px); }
static void fill_s16(const wt_tiled *p, char *dst, size_t n)
{
    const int16_t v = p->is_signed ? (int16_t)(int8_t)p->fill : (int16_t)p->fill;
    int16_t *to = (int16_t *)(void *)dst;
    for (size_t i = 0; i < n * p->tiles->px / 2; i++)
        to[i] = v;
}

typedef struct mover {
    copy_fn *copy;
    fill_fn *fill;
    size_t px;       /* bytes between source columns */
    size_t channels; /* of a full block, 0: the block is one C16 block */
} mover;

/* All phases of one source row. */
static void move_row(const wt_tiled *p, const mover *m, char *dst, const char *row, size_t channels)
{
    for (int i = 0; i < p->n_phases; i++, dst += p->phase_px * p->tiles->px) {
        const ptrdiff_t first = p->phases[i].first, stride = p->src_stride, px = (ptrdiff_t)p->phase_px;
        ptrdiff_t lo = first < 0 ? (-first + stride - 1) / stride : 0;
        ptrdiff_t hi = first < p->src_cols ? (p->src_cols - first + stride - 1) / stride : 0;
        hi = hi < px ? hi : px;
        lo = lo < hi ? lo : hi;
        lo = lo < 0 ? 0 : lo;
        hi = hi < lo ? lo : hi;
        m->fill(p, dst, (size_t)lo);
        if (hi > lo)
            m->copy(p, dst + (size_t)lo * p->tiles->px, row + (first + lo * stride) * (ptrdiff_t)m->px,
                    (size_t)(hi - lo), channels);
        m->fill(p, dst + (size_t)hi * p->tiles->px, (size_t)(px - hi));
    }
}

static void move_band(const wt_tiled *p, const mover *m, char *band, const char *src, size_t y0, size_t y1)
{
    const ptrdiff_t top = p->line_at + (ptrdiff_t)y0 * p->line_step;
    const ptrdiff_t bottom = p->line_at + (ptrdiff_t)(y1 - 1) * p->line_step + (p->kh - 1) * p->row_step;
    for (size_t b = 0; b < p->groups * (size_t)p->blocks; b++) {
        char *dst = band + b * p->band_block;
        const size_t left = m->channels ? p->src_channels - b * m->channels : 0;
        const char *block = src + b * p->src_block * (m->channels ? m->channels : 1);
        for (ptrdiff_t r = top; r <= bottom; r += p->band_step, dst += p->band_row) {
            if (r >= 0 && r < p->rows)
                move_row(p, m, dst, block + r * (ptrdiff_t)p->src_row, left < m->channels ? left : m->channels);
            else if (!p->clip)
                m->fill(p, dst, (size_t)p->n_phases * p->phase_px);
        }
    }
}

void wt_band_f32(const wt_tiled *p, char *band, const char *src, size_t y0, size_t y1)
{
    move_band(p, &(mover){ copy_f32, fill_bytes, 64, 0 }, band, src, y0, y1);
}
void wt_band_u8(const wt_tiled *p, char *band, const char *src, size_t y0, size_t y1)
{
    move_band(p, &(mover){ copy_u8, fill_bytes, 16, 0 }, band, src, y0, y1);
}
void wt_band_s16(const wt_tiled *p, char *band, const char *src, size_t y0, size_t y1)
{
    move_band(p, &(mover){ copy_s16, fill_s16, 16, 0 }, band, src, y0, y1);
}
void wt_band_planar_f32(const wt_tiled *p, char *band, const char *src, size_t y0, size_t y1)
{
    move_band(p, &(mover){ copy_planar_f32, fill_bytes, 4, 1 }, band, src, y0, y1);
}
void wt_band_planar_u8(const wt_tiled *p, char *band, const char *src, size_t y0, size_t y1)
{
    move_band(p, &(mover){ copy_planar_u8, fill_bytes, 1, 4 }, band, src, y0, y1);
}
void wt_band_planar_s16(const wt_tiled *p, char *band, const char *src, size_t y0, size_t y1)
{
    move_band(p, &(mover){ copy_planar_s16, fill_s16, 1, 4 }, band, src, y0, y1);
}

/* --- matrices --------------------------------------------------------------------------------------------------- */

void wt_band_matrix_f32(const wt_tiled *p, char *band, const char *src, size_t y0, size_t y1)
{
    const size_t k = p->src_channels, whole = k / 16;
    for (size_t y = y0; y < y1; y++) {
        const char *row = src + y * p->src_row;
        char *dst = band + (y - y0) * 64;
        for (size_t b = 0; b < whole; b++, dst += p->band_block, row += 64)
            memcpy(dst, row, 64);
        if (k % 16) {
            memset(dst, 0, 64);
            memcpy(dst, row, k % 16 * sizeof(float));
        }
    }
}

void wt_band_matrix_u8(const wt_tiled *p, char *band, const char *src, size_t y0, size_t y1)
{
    for (size_t y = y0; y < y1; y++) {
        const char *row = src + y * p->src_row;
        char *dst = band + (y - y0) * 16;
        for (size_t c = 0; c < p->src_channels; c += 16, dst += p->band_block) {
            char pixel[16] = { 0 };
            memcpy(pixel, row + c, p->src_channels - c < 16 ? p->src_channels - c : 16);
            for (int i = 0; i < 16; i++)
                dst[i] = (char)(pixel[i] ^ (char)p->flip);
        }
    }
}

void wt_band_matrix_s16(const wt_tiled *p, char *band, const char *src, size_t y0, size_t y1)
{
    for (size_t y = y0; y < y1; y++) {
        const char *row = src + y * p->src_row;
        char *dst = band + (y - y0) * 32;
        for (size_t c = 0; c < p->src_channels; c += 16, dst += p->band_block) {
            char pixel[16] = { 0 };
            memcpy(pixel, row + c, p->src_channels - c < 16 ? p->src_channels - c : 16);
            widen16((int16_t *)(void *)dst, pixel, p->is_signed);
        }
    }
}
