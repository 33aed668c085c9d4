/* qpool_avx2.c - see qpool.h. */
#include <immintrin.h>
#include "run/kernels/x86/qpool.h"

void wt_qpool_max_avx2(uint8_t *best, const wt_qpool_taps *taps, bool is_signed)
{
    const uint8_t *x = taps->x;
    __m128i m = _mm_loadu_si128((const __m128i *)(const void *)best);
    for (size_t i = 0; i < taps->n; i++, x += taps->step) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)x);
        m = is_signed ? _mm_max_epi8(m, v) : _mm_max_epu8(m, v);
    }
    _mm_storeu_si128((__m128i *)(void *)best, m);
}

WT_INLINE __m256i words(const uint8_t *x, bool is_signed)
{
    const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)x);
    return is_signed ? _mm256_cvtepi8_epi16(v) : _mm256_cvtepu8_epi16(v);
}

/* Words to the 16 sums. Unsigned ones hold up to 65535. */
WT_INLINE void add_words(int32_t *sums, __m256i w, bool is_signed)
{
    const __m128i half[2] = { _mm256_castsi256_si128(w), _mm256_extracti128_si256(w, 1) };
    for (int h = 0; h < 2; h++) {
        __m256i *to = (__m256i *)(void *)(sums + 8 * h);
        const __m256i wide = is_signed ? _mm256_cvtepi16_epi32(half[h]) : _mm256_cvtepu16_epi32(half[h]);
        _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), wide));
    }
}

WT_INLINE void sum(int32_t *sums, const wt_qpool_taps *taps, const bool is_signed)
{
    enum { PART = 256 }; /* 128 in each of two halves: 128 * 255 and 128 * -128 fit 16 bits */
    const size_t step = taps->step;
    const uint8_t *x = taps->x;
    for (size_t at = 0; at < taps->n;) {
        const size_t end = taps->n - at < PART ? taps->n : at + PART;
        __m256i a = _mm256_setzero_si256(), b = a;
        for (; at + 2 <= end; at += 2, x += 2 * step) {
            a = _mm256_add_epi16(a, words(x, is_signed));
            b = _mm256_add_epi16(b, words(x + step, is_signed));
        }
        if (at < end) {
            a = _mm256_add_epi16(a, words(x, is_signed));
            at++, x += step;
        }
        add_words(sums, a, is_signed);
        add_words(sums, b, is_signed);
    }
}

void wt_qpool_sum_avx2(int32_t *sums, const wt_qpool_taps *taps, bool is_signed)
{
    if (is_signed)
        sum(sums, taps, true);
    else
        sum(sums, taps, false);
}

void wt_qpool_codes_avx2(const wt_qpool_store *s, const int32_t *sums, int32_t zero, double count, uint8_t *y)
{
    const __m256d scale = _mm256_set1_pd(s->x_scale), divisor = _mm256_set1_pd(count);
    const __m128 y_scale = _mm_set1_ps(s->y_scale), y_zero = _mm_set1_ps(s->y_zero), lo = _mm_set1_ps(s->lo),
                 hi = _mm_set1_ps(s->hi);
    __m128i code[4];
    for (int i = 0; i < 4; i++) {
        const __m128i sum = _mm_sub_epi32(_mm_loadu_si128((const __m128i *)(const void *)(sums + 4 * i)),
                                          _mm_set1_epi32(zero));
        const __m256d real = _mm256_div_pd(_mm256_mul_pd(_mm256_cvtepi32_pd(sum), scale), divisor);
        const __m128 q = _mm_round_ps(_mm_div_ps(_mm256_cvtpd_ps(real), y_scale),
                                      _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        code[i] = _mm_cvtps_epi32(_mm_min_ps(hi, _mm_max_ps(lo, _mm_add_ps(q, y_zero))));
    }
    const __m128i low = _mm_set1_epi32(0xff), /* of either type: the byte is what counts */
        a = _mm_packus_epi32(_mm_and_si128(code[0], low), _mm_and_si128(code[1], low)),
                  b = _mm_packus_epi32(_mm_and_si128(code[2], low), _mm_and_si128(code[3], low));
    _mm_storeu_si128((__m128i *)(void *)y, _mm_packus_epi16(a, b));
}
