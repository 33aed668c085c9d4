/* turn_avx2.c - see turn.h. */
#include <immintrin.h>
#include "run/kernels/x86/turn.h"

/* Four rounds of the same step: rows i and i + 8 interleave into rows 2 i and 2 i + 1. */
WT_INLINE void interleave(const __m128i *in, __m128i *out)
{
    for (int i = 0; i < 8; i++) {
        out[2 * i] = _mm_unpacklo_epi8(in[i], in[i + 8]);
        out[2 * i + 1] = _mm_unpackhi_epi8(in[i], in[i + 8]);
    }
}

void wt_turn_8_avx2(const char *src, size_t from, char *dst, size_t to)
{
    __m128i a[16], b[16];
    for (size_t i = 0; i < 16; i++)
        a[i] = _mm_loadu_si128((const __m128i *)(const void *)(src + i * from));
    interleave(a, b);
    interleave(b, a);
    interleave(a, b);
    interleave(b, a);
    for (size_t i = 0; i < 16; i++)
        _mm_storeu_si128((__m128i *)(void *)(dst + i * to), a[i]);
}

WT_INLINE void turn_8x8(const char *src, size_t from, char *dst, size_t to)
{
    __m256 r[8], t[8];
    for (size_t i = 0; i < 4; i++) { /* the halves of rows i and i + 4 side by side */
        const float *a = (const float *)(const void *)(src + i * from),
                    *b = (const float *)(const void *)(src + (i + 4) * from);
        r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(a)), _mm_loadu_ps(b), 1);
        r[i + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(a + 4)), _mm_loadu_ps(b + 4), 1);
    }
    for (size_t h = 0; h < 8; h += 4) { /* 4 x 4 in each half */
        t[0] = _mm256_unpacklo_ps(r[h], r[h + 1]), t[1] = _mm256_unpackhi_ps(r[h], r[h + 1]);
        t[2] = _mm256_unpacklo_ps(r[h + 2], r[h + 3]), t[3] = _mm256_unpackhi_ps(r[h + 2], r[h + 3]);
        r[h] = _mm256_shuffle_ps(t[0], t[2], 0x44), r[h + 1] = _mm256_shuffle_ps(t[0], t[2], 0xee);
        r[h + 2] = _mm256_shuffle_ps(t[1], t[3], 0x44), r[h + 3] = _mm256_shuffle_ps(t[1], t[3], 0xee);
    }
    for (size_t i = 0; i < 8; i++)
        _mm256_storeu_ps((float *)(void *)(dst + i * to), r[i]);
}

void wt_turn_32_avx2(const char *src, size_t from, char *dst, size_t to)
{
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 2; k++)
            turn_8x8(src + 8 * i * from + 32 * k, from, dst + 8 * k * to + 32 * i, to);
}
