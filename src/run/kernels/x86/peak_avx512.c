/* peak_avx512.c - the row of run/kernels/peak.h for 512-bit multiply-adds. */
#include <immintrin.h>
#include "base/compiler.h"
#include "run/kernels/peak.h"

double wt_peak_f32_avx512(size_t rounds)
{
    enum { CHAINS = WT_PEAK_F32_AVX512 / 16 };
    __m512 acc[CHAINS], a = _mm512_set1_ps(1), b = a;
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
            acc[i] = _mm512_fmadd_ps(a, b, acc[i]);
    }
    WT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        acc[0] = _mm512_add_ps(acc[0], acc[i]);
    return (double)_mm512_reduce_add_ps(acc[0]);
}
