/* block_tiles_avx512vnni.c - groups of block weights times tiles of 8-bit activations. See blocks.h. */
#include <immintrin.h>
#include "base/base.h"
#include "run/kernels/x86/blocks.h"

enum { QUADS = 8 };
typedef struct form {
    int bits, halves;
    bool offset, table;
} form;

/* Written out, because compilers take the broadcast apart and run out of registers. */
WT_INLINE __m512i dot(__m512i sum, __m512i codes, const int32_t *four)
{
    __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(codes), "m"(*four));
    return sum;
}

WT_INLINE void two_bits(__m512i v, __m512i *out) /* of a plane of 2, at the bottom of bytes */
{
    const __m512i mask = _mm512_set1_epi8(3);
    out[0] = _mm512_and_si512(v, mask);
    out[1] = _mm512_and_si512(_mm512_srli_epi16(v, 2), mask);
    out[2] = _mm512_and_si512(_mm512_srli_epi16(v, 4), mask);
    out[3] = _mm512_and_si512(_mm512_srli_epi16(v, 6), mask);
}

/* The codes of a block, one register for each four columns. */
WT_INLINE void codes_of(form f, const char *p, __m512i c[QUADS])
{
    if (f.bits == 8) {
        WT_UNROLL
        for (int i = 0; i < QUADS; i++)
            c[i] = _mm512_loadu_si512(p + 64 * i);
        return;
    }
    if (f.bits >= 4) {
        const __m512i mask = _mm512_set1_epi8(15);
        WT_UNROLL
        for (int i = 0; i < 4; i++) {
            const __m512i v = _mm512_loadu_si512(p + 64 * i);
            c[i] = _mm512_and_si512(v, mask);
            c[i + 4] = _mm512_and_si512(_mm512_srli_epi16(v, 4), mask);
        }
        p += 256;
    }
    if (f.bits == 6) {
        const __m512i mask = _mm512_set1_epi8(0x30);
        WT_UNROLL
        for (int g = 0; g < 2; g++) {
            const __m512i v = _mm512_loadu_si512(p + 64 * g);
            /* c | (shifted & mask) */
            c[4 * g] = _mm512_ternarylogic_epi32(c[4 * g], _mm512_slli_epi16(v, 4), mask, 0xf8);
            c[4 * g + 1] = _mm512_ternarylogic_epi32(c[4 * g + 1], _mm512_slli_epi16(v, 2), mask, 0xf8);
            c[4 * g + 2] = _mm512_ternarylogic_epi32(c[4 * g + 2], v, mask, 0xf8);
            c[4 * g + 3] = _mm512_ternarylogic_epi32(c[4 * g + 3], _mm512_srli_epi16(v, 2), mask, 0xf8);
        }
        p += 128;
    }
    if (f.bits < 4) {
        two_bits(_mm512_loadu_si512(p), c);
        two_bits(_mm512_loadu_si512(p + 64), c + 4);
        p += 128;
    }
    if (f.bits & 1) {
        const __m512i bit = _mm512_set1_epi8((char)(1 << (f.bits - 1)));
        WT_UNROLL
        for (int i = 0; i < QUADS; i++) {
            uint64_t m;
            memcpy(&m, p + 8 * i, 8);
            c[i] = _mm512_mask_add_epi8(c[i], (__mmask64)m, c[i], bit);
        }
    }
    if (f.table) {
        const __m512i values = _mm512_xor_si512(
            _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)wt_iq4_values)),
            _mm512_set1_epi8((char)128));
        WT_UNROLL
        for (int i = 0; i < QUADS; i++)
            c[i] = _mm512_shuffle_epi8(values, c[i]);
    }
}

WT_INLINE __m512 halves_at(const char *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

WT_INLINE void tile(const form f, const int rows, const char *w, size_t blocks, const char *x, float *sum)
{
    const int heads = f.halves * (f.offset ? 2 : 1), quads = QUADS / f.halves;
    __m512 acc[8];
    WT_UNROLL
    for (int t = 0; t < rows; t++)
        acc[t] = _mm512_setzero_ps();
    for (size_t b = 0; b < blocks; b++) {
        const float *scale = (const float *)(const void *)x;
        const float *real = scale + rows;
        const int32_t *whole = (const int32_t *)(const void *)real, *code = whole + f.halves * rows;
        __m512i c[QUADS];
        codes_of(f, w + 32 * heads, c);
        WT_UNROLL
        for (int h = 0; h < f.halves; h++) {
            const __m512 d = halves_at(w + 32 * h);
            __m512 o = _mm512_setzero_ps();
            if (f.offset)
                o = halves_at(w + 32 * (f.halves + h));
            WT_UNROLL
            for (int t = 0; t < rows; t++) {
                __m512i i = f.offset ? _mm512_setzero_si512() : _mm512_set1_epi32(whole[h * rows + t]);
                WT_UNROLL
                for (int j = 0; j < quads; j++)
                    i = dot(i, c[h * quads + j], code + (h * quads + j) * rows + t);
                acc[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(i), _mm512_mul_ps(d, _mm512_set1_ps(scale[t])), acc[t]);
                if (f.offset)
                    acc[t] = _mm512_fmadd_ps(o, _mm512_set1_ps(real[h * rows + t]), acc[t]);
            }
        }
        w += 32 * heads + 64 * f.bits;
        x += 4 * rows * (9 + f.halves);
    }
    WT_UNROLL
    for (int t = 0; t < rows; t++)
        _mm512_storeu_ps(sum + 16 * t, acc[t]);
}

#define TILE(kind, rows, ...)                                                                                          \
    static void tile_##kind##_##rows(const char *w, size_t blocks, const char *x, float *sum)                          \
    {                                                                                                                  \
        tile((form){ __VA_ARGS__ }, rows, w, blocks, x, sum);                                                          \
    }
WT_BLOCK_KINDS(WT_TILE_EACH)

const wt_block_tiles wt_block_tiles_avx512vnni = { { WT_BLOCK_KINDS(WT_TILE_ROW) } };
