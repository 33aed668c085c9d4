/* block_tiles_avx2.c - groups of block weights times tiles of 8-bit activations, 8 rows of a group at a time. See
 * blocks.h.
 *
 * Byte products are added in pairs to 16 bits, which must not saturate: codes up to 63 times 127 leave room for two
 * pairs; codes of 8 bits are taken as signed, their magnitude (up to 128) times an activation with their sign, which is
 * 32512 for a pair at most. Integers are exact, so the results are those of the other rows. */
#include <immintrin.h>
#include "base/base.h"
#include "run/kernels/x86/blocks.h"

enum { QUADS = 8 };
typedef struct form {
    int bits, halves;
    bool offset, table;
} form;

WT_INLINE __m256i load(const char *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }

WT_INLINE void two_bits(__m256i v, int shift, __m256i *out) /* of a plane of 2, ored in at a bit of each byte */
{
    const __m256i mask = _mm256_set1_epi8(3);
    WT_UNROLL
    for (int s = 0; s < 4; s++)
        out[s] = _mm256_or_si256(out[s], _mm256_slli_epi16(_mm256_and_si256(_mm256_srli_epi16(v, 2 * s), mask), shift));
}

WT_INLINE __m256i spread(const char *p, char value) /* 32 bits as bytes of 0 or value */
{
    const __m256i which = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201u);
    int32_t word;
    memcpy(&word, p, 4);
    const __m256i b = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(word), which), bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(b, bit), _mm256_set1_epi8(value));
}

/* The codes of 8 rows of a block (from row 8 * side), a register for each four columns; 8 bits: signed. */
WT_INLINE void codes_of(form f, const char *p, size_t side, __m256i c[QUADS])
{
    if (f.bits == 8) {
        WT_UNROLL
        for (int i = 0; i < QUADS; i++)
            c[i] = _mm256_xor_si256(load(p + 64 * i + 32 * side), _mm256_set1_epi8((char)128));
        return;
    }
    WT_UNROLL
    for (int i = 0; i < QUADS; i++)
        c[i] = _mm256_setzero_si256();
    if (f.bits >= 4) {
        const __m256i mask = _mm256_set1_epi8(15);
        WT_UNROLL
        for (int i = 0; i < 4; i++) {
            const __m256i v = load(p + 64 * i + 32 * side);
            c[i] = _mm256_and_si256(v, mask);
            c[i + 4] = _mm256_and_si256(_mm256_srli_epi16(v, 4), mask);
        }
        p += 256;
    }
    if (f.bits == 6 || f.bits < 4) {
        two_bits(load(p + 32 * side), f.bits == 6 ? 4 : 0, c);
        two_bits(load(p + 64 + 32 * side), f.bits == 6 ? 4 : 0, c + 4);
        p += 128;
    }
    if (f.bits & 1) {
        WT_UNROLL
        for (int i = 0; i < QUADS; i++)
            c[i] = _mm256_or_si256(c[i], spread(p + 8 * i + 4 * side, (char)(1 << (f.bits - 1))));
    }
    if (f.table) {
        const __m256i values = _mm256_broadcastsi128_si256(
            _mm_loadu_si128((const __m128i *)(const void *)wt_iq4_values));
        WT_UNROLL
        for (int i = 0; i < QUADS; i++)
            c[i] = _mm256_shuffle_epi8(values, c[i]);
    }
}

WT_INLINE __m256i pairs(bool is_signed, __m256i code, __m256i x)
{
    return is_signed ? _mm256_maddubs_epi16(_mm256_abs_epi8(code), _mm256_sign_epi8(x, code))
                     : _mm256_maddubs_epi16(code, x);
}

/* Two column groups: code words of one activation row, `step` apart. */
WT_INLINE __m256i dot2(bool is_signed, __m256i sum, const __m256i *c, const int32_t *x, int step)
{
    const __m256i ones = _mm256_set1_epi16(1);
    const __m256i a = pairs(is_signed, c[0], _mm256_set1_epi32(x[0])),
                  b = pairs(is_signed, c[1], _mm256_set1_epi32(x[step]));
    if (!is_signed)
        return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(a, b), ones));
    return _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_madd_epi16(a, ones), _mm256_madd_epi16(b, ones)));
}

WT_INLINE __m256 halves_at(const char *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p)); }

WT_INLINE void side_of_tile(const form f, const int rows, size_t side, const char *w, size_t blocks, const char *x,
                            float *sum)
{
    const int heads = f.halves * (f.offset ? 2 : 1), quads = QUADS / f.halves;
    const bool is_signed = f.bits == 8 || f.table;
    __m256 acc[8];
    WT_UNROLL
    for (int t = 0; t < rows; t++)
        acc[t] = _mm256_setzero_ps();
    for (size_t b = 0; b < blocks; b++) {
        const float *scale = (const float *)(const void *)x;
        const float *real = scale + rows;
        const int32_t *whole = (const int32_t *)(const void *)real, *code = whole + f.halves * rows;
        __m256i c[QUADS];
        codes_of(f, w + 32 * heads, side, c);
        WT_UNROLL
        for (int h = 0; h < f.halves; h++) {
            const __m256 d = halves_at(w + 32 * h + 16 * side);
            __m256 o = _mm256_setzero_ps();
            if (f.offset)
                o = halves_at(w + 32 * (f.halves + h) + 16 * side);
            if (f.offset && is_signed) /* the codes that are multiplied are 128 less than those of the file */
                o = _mm256_fmadd_ps(d, _mm256_set1_ps(128), o);
            WT_UNROLL
            for (int t = 0; t < rows; t++) {
                __m256i i = f.offset || is_signed ? _mm256_setzero_si256() : _mm256_set1_epi32(whole[h * rows + t]);
                WT_UNROLL
                for (int j = 0; j < quads; j += 2)
                    i = dot2(is_signed, i, c + h * quads + j, code + (h * quads + j) * rows + t, rows);
                acc[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(i), _mm256_mul_ps(d, _mm256_set1_ps(scale[t])), acc[t]);
                if (f.offset)
                    acc[t] = _mm256_fmadd_ps(o, _mm256_set1_ps(real[h * rows + t]), acc[t]);
            }
        }
        w += 32 * heads + 64 * f.bits;
        x += 4 * rows * (9 + f.halves);
    }
    WT_UNROLL
    for (int t = 0; t < rows; t++)
        _mm256_storeu_ps(sum + 16 * t + 8 * side, acc[t]);
}

#define TILE(kind, rows, ...)                                                                                          \
    static void tile_##kind##_##rows(const char *w, size_t blocks, const char *x, float *sum)                          \
    {                                                                                                                  \
        side_of_tile((form){ __VA_ARGS__ }, rows, 0, w, blocks, x, sum);                                               \
        side_of_tile((form){ __VA_ARGS__ }, rows, 1, w, blocks, x, sum);                                               \
    }
WT_BLOCK_KINDS(WT_TILE_EACH)

const wt_block_tiles wt_block_tiles_avx2 = { { WT_BLOCK_KINDS(WT_TILE_ROW) } };
