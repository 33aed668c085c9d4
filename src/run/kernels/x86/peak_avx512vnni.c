/* peak_avx512vnni.c - the row of run/kernels/peak.h for the 512-bit dot product of bytes. */
#include "run/kernels/x86/peak_loop.h"

double wt_peak_i8_avx512vnni(size_t rounds)
{
    __m512i a = _mm512_set1_epi8(1), b = a;
    WT_CHANGED(a); /* the compiler must not see that these are ones */
    WT_CHANGED(b);
    WT_PEAK_LOOP(__m512i, WT_PEAK_I8_AVX512VNNI / 64, _mm512_setzero_si512(), _mm512_add_epi32,
                 acc[i] = _mm512_dpbusd_epi32(acc[i], a, b));
    return (double)(uint32_t)_mm512_reduce_add_epi32(acc[0]);
}
