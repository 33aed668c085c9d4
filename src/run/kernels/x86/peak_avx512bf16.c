/* peak_avx512bf16.c - the row of run/kernels/peak.h for the 512-bit dot product of bfloat16. */
#include <immintrin.h>
#include "base/compiler.h"
#include "run/kernels/peak.h"

double wt_peak_bf16_avx512bf16(size_t rounds)
{
    enum { CHAINS = WT_PEAK_BF16_AVX512BF16 / 32 };
    __m512 acc[CHAINS];
    __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(1), _mm512_set1_ps(1)), b = a;
    WT_UNROLL
    for (int i = 0; i < CHAINS; i++) {
        acc[i] = _mm512_setzero_ps();
        WT_CHANGED(acc[i]);
    }
    WT_CHANGED(a); /* the compiler must not see that these are ones, nor that all chains are equal */
    WT_CHANGED(b);
    for (size_t r = 0; r < rounds; r++) {
        WT_UNROLL
        for (int i = 0; i < CHAINS; i++)
            acc[i] = _mm512_dpbf16_ps(acc[i], a, b);
    }
    WT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        acc[0] = _mm512_add_ps(acc[0], acc[i]);
    return (double)_mm512_reduce_add_ps(acc[0]);
}
