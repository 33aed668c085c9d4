/* peak_avx512vnni.c - the row of run/kernels/peak.h for the 512-bit dot product of bytes. */
#include <immintrin.h>
#include "base/compiler.h"
#include "run/kernels/peak.h"

double wt_peak_i8_avx512vnni(size_t rounds)
{
    enum { CHAINS = WT_PEAK_I8_AVX512VNNI / 64 };
    __m512i acc[CHAINS], a = _mm512_set1_epi8(1), b = a;
    WT_UNROLL
    for (int i = 0; i < CHAINS; i++) {
        acc[i] = _mm512_setzero_si512();
        WT_CHANGED(acc[i]);
    }
    WT_CHANGED(a); /* the compiler must not see that these are ones, nor that all chains are equal */
    WT_CHANGED(b);
    for (size_t r = 0; r < rounds; r++) {
        WT_UNROLL
        for (int i = 0; i < CHAINS; i++)
            acc[i] = _mm512_dpbusd_epi32(acc[i], a, b);
    }
    WT_UNROLL
    for (int i = 1; i < CHAINS; i++)
        acc[0] = _mm512_add_epi32(acc[0], acc[i]);
    return (double)(uint32_t)_mm512_reduce_add_epi32(acc[0]);
}
