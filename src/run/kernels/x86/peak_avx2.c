/* peak_avx2.c - rows of run/kernels/peak.h in AVX2. */
#include "run/kernels/x86/peak_loop.h"

double wt_peak_f32_avx2(size_t rounds)
{
    __m256 a = _mm256_set1_ps(1), b = a;
    float lanes[8];
    double sum = 0;
    WT_CHANGED(a); /* the compiler must not see that these are ones */
    WT_CHANGED(b);
    WT_PEAK_LOOP(__m256, WT_PEAK_F32_AVX2 / 8, _mm256_setzero_ps(), _mm256_add_ps,
                 acc[i] = _mm256_fmadd_ps(a, b, acc[i]));
    _mm256_storeu_ps(lanes, acc[0]);
    for (int i = 0; i < 8; i++)
        sum += (double)lanes[i];
    return sum;
}

/* Three instructions for 32 products: pairs in 16 bits, pairs of pairs in 32, and the sum, which alone is a chain and
 * takes one cycle: four are enough. */
double wt_peak_i8_avx2(size_t rounds)
{
    __m256i a = _mm256_set1_epi8(1);
    __m256i b = a, ones = _mm256_set1_epi16(1);
    uint32_t lanes[8];
    double sum = 0;
    WT_CHANGED(a); /* the compiler must not see that these are ones */
    WT_CHANGED(b);
    WT_CHANGED(ones);
    WT_PEAK_LOOP(__m256i, WT_PEAK_I8_AVX2 / 32, _mm256_setzero_si256(), _mm256_add_epi32, WT_CHANGED(a);
                 acc[i] = _mm256_add_epi32(acc[i], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones)));
    _mm256_storeu_si256((__m256i *)lanes, acc[0]);
    for (int i = 0; i < 8; i++)
        sum += lanes[i];
    return sum;
}
