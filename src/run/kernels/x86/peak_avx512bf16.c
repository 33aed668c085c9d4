/* peak_avx512bf16.c - the row of run/kernels/peak.h for the 512-bit dot product of bfloat16. */
#include "run/kernels/x86/peak_loop.h"

double wt_peak_bf16_avx512bf16(size_t rounds)
{
    __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(1), _mm512_set1_ps(1)), b = a;
    WT_CHANGED(a); /* the compiler must not see that these are ones */
    WT_CHANGED(b);
    WT_PEAK_LOOP(__m512, WT_PEAK_BF16_AVX512BF16 / 32, _mm512_setzero_ps(), _mm512_add_ps,
                 acc[i] = _mm512_dpbf16_ps(acc[i], a, b));
    return (double)_mm512_reduce_add_ps(acc[0]);
}
