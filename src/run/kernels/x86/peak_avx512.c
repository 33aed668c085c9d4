/* peak_avx512.c - the row of run/kernels/peak.h for 512-bit multiply-adds. */
#include "run/kernels/x86/peak_loop.h"

double wt_peak_f32_avx512(size_t rounds)
{
    __m512 a = _mm512_set1_ps(1), b = a;
    WT_CHANGED(a); /* the compiler must not see that these are ones */
    WT_CHANGED(b);
    WT_PEAK_LOOP(__m512, WT_PEAK_F32_AVX512 / 16, _mm512_setzero_ps(), _mm512_add_ps,
                 acc[i] = _mm512_fmadd_ps(a, b, acc[i]));
    return (double)_mm512_reduce_add_ps(acc[0]);
}
