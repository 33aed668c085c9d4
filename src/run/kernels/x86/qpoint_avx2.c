/* qpoint_avx2.c - pointwise work on codes, 8 at a time; tables by 16 shuffles of 16 entries. */
#include "run/kernels/x86/qpoint_body.h"

/* The high nibble chooses the row of the table, the low one the entry: rows that do not match give zero. */
void wt_qpoint_table_avx2(const uint8_t *table, const uint8_t *x, uint8_t *y, size_t n)
{
    const __m256i low = _mm256_set1_epi8(0x0f);
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(x + i));
        const __m256i entry = _mm256_and_si256(v, low), row = _mm256_and_si256(_mm256_srli_epi16(v, 4), low);
        __m256i sum = _mm256_setzero_si256();
        for (int k = 0; k < 16; k++) {
            const __m256i t = _mm256_broadcastsi128_si256(
                _mm_loadu_si128((const __m128i *)(const void *)(table + 16 * k)));
            const __m256i hit = _mm256_cmpeq_epi8(row, _mm256_set1_epi8((char)k));
            sum = _mm256_or_si256(sum, _mm256_and_si256(hit, _mm256_shuffle_epi8(t, entry)));
        }
        _mm256_storeu_si256((__m256i *)(void *)(y + i), sum);
    }
    for (; i < n; i++)
        y[i] = table[x[i]];
}
