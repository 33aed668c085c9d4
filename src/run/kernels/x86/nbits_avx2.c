/* nbits_avx2.c - 16 codes at a time to floats; products in four sums of eight. See nbits.h. */
#include "run/kernels/x86/nbits.h"
#include <immintrin.h>

static inline void put16(__m128i codes, __m256 zero, __m256 scale, float *out)
{
    const __m256 a = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(codes)),
                 b = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(codes, 8)));
    _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_sub_ps(a, zero), scale));
    _mm256_storeu_ps(out + 8, _mm256_mul_ps(_mm256_sub_ps(b, zero), scale));
}

/* 16 codes from `at` on: of 4 bits in 8 bytes, the lower half first; of 8 bits in 16. */
static inline __m128i codes16(const uint8_t *at, int bits)
{
    const __m128i low = _mm_set1_epi8(15);
    if (bits == 8)
        return _mm_loadu_si128((const __m128i *)(const void *)at);
    const __m128i packed = _mm_loadl_epi64((const __m128i *)(const void *)at);
    return _mm_unpacklo_epi8(_mm_and_si128(packed, low), _mm_and_si128(_mm_srli_epi16(packed, 4), low));
}

static void one_row(const wt_nbits *w, size_t j, float *out)
{
    const uint8_t *codes = w->codes + j * w->row_bytes;
    for (size_t b = 0; b < w->blocks; b++) {
        const float z = wt_nbits_zero(w, j, b), s = wt_nbits_scale(w, j, b);
        const __m256 zero = _mm256_set1_ps(z), scale = _mm256_set1_ps(s);
        const size_t end = (b + 1) * w->block < w->k ? (b + 1) * w->block : w->k;
        size_t i = b * w->block;
        for (; i + 16 <= end; i += 16)
            put16(codes16(codes + i * (size_t)w->bits / 8, w->bits), zero, scale, out + i);
        for (; i < end; i++)
            out[i] = ((float)wt_nbits_code(w, j, i) - z) * s;
    }
}

static float dot(const float *a, const float *b, size_t n)
{
    __m256 sum[4] = { _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps() };
    float lanes[8], out = 0;
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (size_t k = 0; k < 4; k++)
            sum[k] = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8 * k), _mm256_loadu_ps(b + i + 8 * k), sum[k]);
    _mm256_storeu_ps(lanes, _mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3])));
    for (size_t k = 0; k < 8; k++)
        out += lanes[k];
    for (; i < n; i++)
        out += a[i] * b[i];
    return out;
}

void wt_nbits_product_avx2(const wt_nbits *w, size_t begin, size_t end, const float *x, size_t m, const float *bias,
                           float *row, float *y)
{
    for (size_t j = begin; j < end; j++) {
        one_row(w, j, row);
        for (size_t i = 0; i < m; i++)
            y[i * w->n + j] = dot(x + i * w->k, row, w->k) + (bias ? bias[j] : 0);
    }
}
