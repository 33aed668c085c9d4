/* qpoint_avx512vbmi.c - a table of 256 bytes is four registers: two permutations of 128 entries and a choice by the top
 * bit. */
#include <immintrin.h>
#include "run/kernels/x86/qpoint.h"

void wt_qpoint_table_avx512vbmi(const uint8_t *table, const uint8_t *x, uint8_t *y, size_t n)
{
    const __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64),
                  t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);
    for (size_t i = 0; i < n; i += 64) {
        const __mmask64 m = n - i >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (n - i)) - 1;
        const __m512i v = _mm512_maskz_loadu_epi8(m, x + i);
        const __m512i lower = _mm512_permutex2var_epi8(t0, v, t1), upper = _mm512_permutex2var_epi8(t2, v, t3);
        _mm512_mask_storeu_epi8(y + i, m, _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), lower, upper));
    }
}
