/* dwq_avx2.c - depthwise tiles of bytes without a byte dot product: 2 rows interleaved as words, 8 channels at a time.
 */
#include <immintrin.h>
#include "run/kernels/x86/dwq.h"

typedef __m256i vq;
enum { PARTS = 2, INTERLEAVE = 2, FUSES = 0 };

WT_INLINE vq vq_load(const void *p, int part) { return _mm256_loadu_si256((const __m256i *)p + part); }
WT_INLINE void vq_store(int32_t *p, int part, vq v) { _mm256_storeu_si256((__m256i *)(void *)p + part, v); }
WT_INLINE vq dot(vq acc, vq column, vq weights) { return _mm256_add_epi32(acc, _mm256_madd_epi16(column, weights)); }
WT_INLINE vq interleave(const char *const p[2], int part, bool is_signed)
{
    const __m128i a = _mm_loadl_epi64((const __m128i *)(const void *)(p[0] + 8 * part));
    const __m128i b = _mm_loadl_epi64((const __m128i *)(const void *)(p[1] + 8 * part));
    const __m128i ab = _mm_unpacklo_epi8(a, b);
    return is_signed ? _mm256_cvtepi8_epi16(ab) : _mm256_cvtepu8_epi16(ab);
}
#include "run/kernels/x86/dwq_body.h"

DWQ_PAIR(k3s1_1, 3, 1, 4, 1)
DWQ_PAIR(k3s1_2, 3, 1, 4, 2)
DWQ_PAIR(k3s2_1, 3, 2, 4, 1)
DWQ_PAIR(k3s2_2, 3, 2, 4, 2)
DWQ_PAIR(k5s1_1, 5, 1, 4, 1)
DWQ_PAIR(k5s1_2, 5, 1, 4, 2)
DWQ_PAIR(k5s2_1, 5, 2, 4, 1)
DWQ_PAIR(k5s2_2, 5, 2, 4, 2)

static const wt_dwq_kind kinds[] = {
    { 3, 1, 2, 4, { DWQ_FN(k3s1_1), DWQ_FN(k3s1_2) } }, { 3, 2, 2, 4, { DWQ_FN(k3s2_1), DWQ_FN(k3s2_2) } },
    { 5, 1, 2, 4, { DWQ_FN(k5s1_1), DWQ_FN(k5s1_2) } }, { 5, 2, 2, 4, { DWQ_FN(k5s2_1), DWQ_FN(k5s2_2) } },
    { 0, 0, 1, 4, { { dwq_any, dwq_any } } },
};
const wt_dwq_set wt_dwq_avx2 = { INTERLEAVE, FUSES, kinds, wt_finish_int_avx2 };
