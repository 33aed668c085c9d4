/* vec.h - a vector of floats, 16 wide in files built for AVX-512 and 8 wide in files built for AVX2.
 *
 * Everything that is not a register tile (activations, elementwise, depthwise, pooling, normalization) is written once
 * in these words, as inline functions in headers, and made into kernels by one small file for each instruction set.
 * Only what both sets do in one or two instructions is here. Masks are of the type that the set compares into. */
#ifndef WT_X86_VEC_H
#define WT_X86_VEC_H
#include <immintrin.h>
#include "base/base.h"

#ifdef __AVX512F__
#define WT_VEC_ISA avx512
enum { VL = 16 };
typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;
WT_INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
WT_INLINE void vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
WT_INLINE vf vf_set(float x) { return _mm512_set1_ps(x); }
WT_INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
WT_INLINE vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
WT_INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
WT_INLINE vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
WT_INLINE vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); }
WT_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }   /* a * b + c */
WT_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); } /* c - a * b */
/* The second operand wins when either is NaN. */
WT_INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
WT_INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
WT_INLINE vf vf_rint(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
/* a - rint(a) */
WT_INLINE vf vf_frac(vf a) { return _mm512_reduce_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
WT_INLINE vf vf_abs(vf a) { return _mm512_abs_ps(a); }
WT_INLINE vf vf_copysign(vf magnitude, vf sign)
{
    const vf bit = _mm512_set1_ps(-0.0f);
    return _mm512_or_ps(_mm512_andnot_ps(bit, magnitude), _mm512_and_ps(bit, sign));
}
/* a * 2^n for whole n; overflows to infinity, underflows to zero or a denormal. */
WT_INLINE vf vf_scale(vf a, vf n) { return _mm512_scalef_ps(a, n); }
WT_INLINE vm vf_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
WT_INLINE vm vf_ge(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
WT_INLINE vm vf_ne(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ); }
WT_INLINE vm vf_nan(vf a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
WT_INLINE vm vm_none(void) { return 0; }
WT_INLINE vm vm_or(vm a, vm b) { return (vm)(a | b); }
WT_INLINE vf vf_select(vm m, vf yes, vf no) { return _mm512_mask_blend_ps(m, no, yes); }
WT_INLINE bool vm_any(vm m) { return m != 0; }
/* The first n (0..VL) elements; others read as zero and are not touched. */
WT_INLINE vm vm_first(size_t n) { return (vm)((1u << n) - 1u); }
WT_INLINE vf vf_load_n(const float *p, size_t n) { return _mm512_maskz_loadu_ps(vm_first(n), p); }
WT_INLINE void vf_store_n(float *p, size_t n, vf v) { _mm512_mask_storeu_ps(p, vm_first(n), v); }
WT_INLINE float vf_sum(vf v) { return _mm512_reduce_add_ps(v); }
WT_INLINE float vf_max_of(vf v) { return _mm512_reduce_max_ps(v); }
/* VL integers as floats and back, rounded to nearest even; bytes are the low eight bits. */
WT_INLINE vf vf_from_i32(const int32_t *p) { return _mm512_cvtepi32_ps(_mm512_loadu_si512(p)); }
WT_INLINE vf vf_from_u8(const void *p) { return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(p))); }
WT_INLINE vf vf_from_i8(const void *p) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(p))); }
WT_INLINE vf vf_from_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
WT_INLINE void vf_to_f16(uint16_t *p, vf v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
/* The sums of VL vectors. */
WT_INLINE vf vf_sums4(const vf *v) /* of four, in each quarter apart */
{
    const vf a = _mm512_add_ps(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
    const vf b = _mm512_add_ps(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
    return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
}
WT_INLINE vf vf_sums(const vf *v)
{
    const vf a = vf_sums4(v), b = vf_sums4(v + 4), c = vf_sums4(v + 8), d = vf_sums4(v + 12);
    const vf ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    const vf cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x88), _mm512_shuffle_f32x4(c, d, 0xdd));
    return _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
}
WT_INLINE vi vi_load(const int32_t *p) { return _mm512_loadu_si512(p); }
WT_INLINE vf vf_from_vi(vi v) { return _mm512_cvtepi32_ps(v); }
WT_INLINE vi vi_from_vf(vf v) { return _mm512_cvtps_epi32(v); }
WT_INLINE vi vf_bits(vf v) { return _mm512_castps_si512(v); }
WT_INLINE vi vi_set(int32_t x) { return _mm512_set1_epi32(x); }
WT_INLINE vi vi_max(vi a, vi b) { return _mm512_max_epi32(a, b); }
WT_INLINE vi vi_min(vi a, vi b) { return _mm512_min_epi32(a, b); }
WT_INLINE void vi_to_bytes(void *p, vi v) { _mm_storeu_si128(p, _mm512_cvtepi32_epi8(v)); }
/* 4 VL integers, saturated to I8 or U8. */
WT_INLINE void vi4_to_bytes(void *p, const vi v[4], bool is_signed)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i a = _mm512_packs_epi32(v[0], v[1]), b = _mm512_packs_epi32(v[2], v[3]);
    const __m512i bytes = is_signed ? _mm512_packs_epi16(a, b) : _mm512_packus_epi16(a, b);
    _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, bytes));
}
#else
#define WT_VEC_ISA avx2
enum { VL = 8 };
typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm;
WT_INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
WT_INLINE void vf_store(float *p, vf v) { _mm256_storeu_ps(p, v); }
WT_INLINE vf vf_set(float x) { return _mm256_set1_ps(x); }
WT_INLINE vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
WT_INLINE vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
WT_INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
WT_INLINE vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
WT_INLINE vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
WT_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
WT_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
WT_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
WT_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
WT_INLINE vf vf_rint(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
WT_INLINE vf vf_frac(vf a) { return _mm256_sub_ps(a, vf_rint(a)); }
WT_INLINE vf vf_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
WT_INLINE vf vf_copysign(vf magnitude, vf sign)
{
    const vf bit = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(bit, magnitude), _mm256_and_ps(bit, sign));
}
/* In two halves, for one power of two reaches neither infinity nor the denormals. */
WT_INLINE vf vf_scale(vf a, vf n)
{
    const __m256i whole = _mm256_cvtps_epi32(
        _mm256_min_ps(_mm256_set1_ps(250.0f), _mm256_max_ps(_mm256_set1_ps(-250.0f), n)));
    const __m256i half = _mm256_srai_epi32(whole, 1), rest = _mm256_sub_epi32(whole, half),
                  bias = _mm256_set1_epi32(127);
    const vf p = _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_max_epi32(_mm256_setzero_si256(), _mm256_add_epi32(half, bias)), 23));
    const vf q = _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_max_epi32(_mm256_setzero_si256(), _mm256_add_epi32(rest, bias)), 23));
    return _mm256_mul_ps(_mm256_mul_ps(a, p), q);
}
WT_INLINE vm vf_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
WT_INLINE vm vf_ge(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
WT_INLINE vm vf_ne(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_NEQ_UQ); }
WT_INLINE vm vf_nan(vf a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
WT_INLINE vm vm_none(void) { return _mm256_setzero_ps(); }
WT_INLINE vm vm_or(vm a, vm b) { return _mm256_or_ps(a, b); }
WT_INLINE vf vf_select(vm m, vf yes, vf no) { return _mm256_blendv_ps(no, yes, m); }
WT_INLINE bool vm_any(vm m) { return _mm256_movemask_ps(m) != 0; }
WT_INLINE vm vm_first(size_t n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
}
WT_INLINE vf vf_load_n(const float *p, size_t n) { return _mm256_maskload_ps(p, _mm256_castps_si256(vm_first(n))); }
WT_INLINE void vf_store_n(float *p, size_t n, vf v) { _mm256_maskstore_ps(p, _mm256_castps_si256(vm_first(n)), v); }
WT_INLINE float vf_sum(vf v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
WT_INLINE float vf_max_of(vf v)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
WT_INLINE vf vf_from_i32(const int32_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
WT_INLINE vf vf_from_u8(const void *p) { return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(p))); }
WT_INLINE vf vf_from_i8(const void *p) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p))); }
WT_INLINE vf vf_from_f16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}
WT_INLINE void vf_to_f16(uint16_t *p, vf v)
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
WT_INLINE vf vf_sums(const vf *v)
{
    const vf a = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
    const vf b = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}
WT_INLINE vi vi_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
WT_INLINE vf vf_from_vi(vi v) { return _mm256_cvtepi32_ps(v); }
WT_INLINE vi vi_from_vf(vf v) { return _mm256_cvtps_epi32(v); }
WT_INLINE vi vf_bits(vf v) { return _mm256_castps_si256(v); }
WT_INLINE vi vi_set(int32_t x) { return _mm256_set1_epi32(x); }
WT_INLINE vi vi_max(vi a, vi b) { return _mm256_max_epi32(a, b); }
WT_INLINE vi vi_min(vi a, vi b) { return _mm256_min_epi32(a, b); }
WT_INLINE void vi_to_bytes(void *p, vi v)
{
    const __m256i low = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    const __m256i b = _mm256_shuffle_epi8(v, low);
    _mm_storel_epi64(p, _mm_unpacklo_epi32(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1)));
}
WT_INLINE void vi4_to_bytes(void *p, const vi v[4], bool is_signed)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i a = _mm256_packs_epi32(v[0], v[1]), b = _mm256_packs_epi32(v[2], v[3]);
    const __m256i bytes = is_signed ? _mm256_packs_epi16(a, b) : _mm256_packus_epi16(a, b);
    _mm256_storeu_si256(p, _mm256_permutevar8x32_epi32(bytes, order));
}
#endif

WT_INLINE void vf_to_bytes(void *p, vf v) { vi_to_bytes(p, vi_from_vf(v)); }
WT_INLINE vf vf_from_byte(const void *p, bool is_signed) { return is_signed ? vf_from_i8(p) : vf_from_u8(p); }
WT_INLINE vf vf_from_bytes_n(const void *p, size_t n, bool is_signed)
{
    uint8_t all[16] = { 0 };
    memcpy(all, p, n);
    return vf_from_byte(all, is_signed);
}
WT_INLINE void vf_to_bytes_n(void *p, size_t n, vf v)
{
    uint8_t all[16];
    vf_to_bytes(all, v);
    memcpy(p, all, n);
}

/* NAME_avx512 or NAME_avx2, by the file that is compiled. */
#define WT_VEC_PASTE(a, b)  a##_##b
#define WT_VEC_PASTE2(a, b) WT_VEC_PASTE(a, b)
#define WT_VEC_NAME(name)   WT_VEC_PASTE2(name, WT_VEC_ISA)
enum { PIXEL_VECS = 16 / VL }; /* vectors of one C16 pixel */
#endif
