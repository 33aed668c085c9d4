/* peak_avxvnni.c - the row of run/kernels/peak.h for the 256-bit dot product in its VEX form. */
#include <immintrin.h>
#include "base/compiler.h"
#include "run/kernels/peak.h"

double wt_peak_i8_avxvnni(size_t rounds)
{
    enum { CHAINS = WT_PEAK_I8_AVXVNNI / 32 };
    __m256i acc[CHAINS], a = _mm256_set1_epi8(1), b = a;
    uint32_t lanes[8];
    double sum = 0;
    WT_UNROLL
    for (int i = 0; i < CHAINS; i++) {
        acc[i] = _mm256_setzero_si256();
        WT_CHANGED(acc[i]);
    }
    WT_CHANGED(a); /* the compiler must not see that these are ones, nor that all chains are equal */
    WT_CHANGED(b);
    for (size_t r = 0; r < rounds; r++) {
        WT_UNROLL
        for (int i = 0; i < CHAINS; i++)
            acc[i] = _mm256_dpbusd_avx_epi32(acc[i], a, b);
    }
    WT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        acc[0] = _mm256_add_epi32(acc[0], acc[i]);
    _mm256_storeu_si256((__m256i *)lanes, acc[0]);
    for (int i = 0; i < 8; i++)
        sum += lanes[i];
    return sum;
}
