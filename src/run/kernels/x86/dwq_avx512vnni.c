/* dwq_avx512vnni.c - depthwise tiles of bytes: 4 rows interleaved, 16 channels at a time. */
#include <immintrin.h>
#include "run/kernels/x86/dwq.h"

typedef __m512i vq;
enum { PARTS = 1, INTERLEAVE = 4, FUSES = 1 };

WT_INLINE vq vq_load(const void *p, int part) { return _mm512_loadu_si512((const char *)p + 64 * part); }
WT_INLINE void vq_store(int32_t *p, int part, vq v) { _mm512_storeu_si512(p + 16 * part, v); }
WT_INLINE vq dot(vq acc, vq column, vq weights)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(column), "v"(weights));
    return acc;
}
/* Four lines of 16 bytes, transposed: dwords across the vector, then bytes inside each quarter. Signed codes become
 * unsigned ones that are 128 larger. */
WT_INLINE vq interleave(const char *const p[4], int part, bool is_signed)
{
    const __m512i dwords = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i bytes = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    const __m128i *const r0 = (const __m128i *)(const void *)p[0], *const r1 = (const __m128i *)(const void *)p[1];
    const __m128i *const r2 = (const __m128i *)(const void *)p[2], *const r3 = (const __m128i *)(const void *)p[3];
    __m512i v = _mm512_castsi128_si512(_mm_loadu_si128(r0));
    v = _mm512_inserti32x4(v, _mm_loadu_si128(r1), 1);
    v = _mm512_inserti32x4(v, _mm_loadu_si128(r2), 2);
    v = _mm512_inserti32x4(v, _mm_loadu_si128(r3), 3);
    v = _mm512_shuffle_epi8(_mm512_permutexvar_epi32(dwords, v), bytes);
    (void)part;
    return is_signed ? _mm512_xor_si512(v, _mm512_set1_epi8((char)0x80)) : v;
}
#include "run/kernels/x86/dwq_body.h"

DWQ_PAIR(k3s1_1, 3, 1, 7, 1)
DWQ_PAIR(k3s1_2, 3, 1, 7, 2)
DWQ_PAIR(k3s2_1, 3, 2, 7, 1)
DWQ_PAIR(k5s1_1, 5, 1, 7, 1)
DWQ_PAIR(k5s1_2, 5, 1, 7, 2)
DWQ_PAIR(k5s2_1, 5, 2, 7, 1)
DWQ_PAIR(k5s2_2, 5, 2, 7, 2)

static const wt_dwq_kind kinds[] = {
    { 3, 1, 2, 7, { DWQ_FN(k3s1_1), DWQ_FN(k3s1_2) } }, { 3, 2, 1, 7, { DWQ_FN(k3s2_1) } },
    { 5, 1, 2, 7, { DWQ_FN(k5s1_1), DWQ_FN(k5s1_2) } }, { 5, 2, 2, 7, { DWQ_FN(k5s2_1), DWQ_FN(k5s2_2) } },
    { 0, 0, 1, 4, { { dwq_any, dwq_any } } },
};
const wt_dwq_set wt_dwq_avx512vnni = { INTERLEAVE, FUSES, kinds, wt_finish_int_avx512 };
