/* peak_avxvnni.c - the row of run/kernels/peak.h for the 256-bit dot product in its VEX form. */
#include "run/kernels/x86/peak_loop.h"

double wt_peak_i8_avxvnni(size_t rounds)
{
    __m256i a = _mm256_set1_epi8(1), b = a;
    uint32_t lanes[8];
    double sum = 0;
    WT_CHANGED(a); /* the compiler must not see that these are ones */
    WT_CHANGED(b);
    WT_PEAK_LOOP(__m256i, WT_PEAK_I8_AVXVNNI / 32, _mm256_setzero_si256(), _mm256_add_epi32,
                 acc[i] = _mm256_dpbusd_avx_epi32(acc[i], a, b));
    _mm256_storeu_si256((__m256i *)lanes, acc[0]);
    for (int i = 0; i < 8; i++)
        sum += lanes[i];
    return sum;
}
