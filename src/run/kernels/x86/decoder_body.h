/* decoder_body.h - the arithmetic of decoder.h, once for both instruction sets. */
#include <math.h>
#include "run/kernels/x86/decoder.h"
#include "run/kernels/x86/vmath.h"

static void rms_norm(const float *x, const float *scale, float *y, size_t n, float epsilon)
{
    vf sum[4] = { vf_set(0), vf_set(0), vf_set(0), vf_set(0) };
    size_t i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL)
        for (size_t j = 0; j < 4; j++) {
            const vf v = vf_load(x + i + j * VL);
            sum[j] = vf_fma(v, v, sum[j]);
        }
    for (; i < n; i += VL) {
        const vf v = vf_load_n(x + i, n - i < VL ? n - i : VL);
        sum[0] = vf_fma(v, v, sum[0]);
    }
    const float all = vf_sum(vf_add(vf_add(sum[0], sum[1]), vf_add(sum[2], sum[3])));
    const vf factor = vf_set(1 / sqrtf(all / (float)n + epsilon));
    for (i = 0; i < n; i += VL) {
        const size_t left = n - i < VL ? n - i : VL;
        vf_store_n(y + i, left, vf_mul(vf_mul(vf_load_n(x + i, left), factor), vf_load_n(scale + i, left)));
    }
}

/* Differences from the mean before they are squared: what is far from zero keeps its variance. */
static void layer_norm(const float *x, const float *scale, const float *bias, float *y, size_t n, float epsilon)
{
    const size_t whole = n / VL * VL;
    vf sum[2] = { vf_set(0), vf_set(0) }, square[2] = { vf_set(0), vf_set(0) };
    size_t i = 0;
    for (; i + VL < whole; i += 2 * VL) {
        sum[0] = vf_add(sum[0], vf_load(x + i));
        sum[1] = vf_add(sum[1], vf_load(x + i + VL));
    }
    if (i < whole)
        sum[0] = vf_add(sum[0], vf_load(x + i));
    float all = vf_sum(vf_add(sum[0], sum[1]));
    for (i = whole; i < n; i++)
        all += x[i];
    const float mean = all / (float)n;
    const vf m = vf_set(mean);
    for (i = 0; i < whole; i += VL) {
        const vf v = vf_sub(vf_load(x + i), m);
        square[i / VL & 1] = vf_fma(v, v, square[i / VL & 1]);
    }
    all = vf_sum(vf_add(square[0], square[1]));
    for (i = whole; i < n; i++)
        all += (x[i] - mean) * (x[i] - mean);
    const vf factor = vf_set(1 / sqrtf(all / (float)n + epsilon));
    for (i = 0; i < n; i += VL) {
        const size_t left = n - i < VL ? n - i : VL;
        const vf v = vf_mul(vf_mul(vf_sub(vf_load_n(x + i, left), m), factor), vf_load_n(scale + i, left));
        vf_store_n(y + i, left, bias ? vf_add(v, vf_load_n(bias + i, left)) : v);
    }
}

/* --- Rope --------------------------------------------------------------------------------------------------------- */
/* position * frequency less quarter turns: what is left (at most an eighth), and how many. In double precision, for
 * angles reach a hundred thousand. */
#ifdef __AVX512F__
typedef __m512d vd;
WT_INLINE vd quarter(const float *frequency, double position, vd *left)
{
    const vd a = _mm512_mul_pd(_mm512_cvtps_pd(_mm256_loadu_ps(frequency)), _mm512_set1_pd(position));
    const vd n = _mm512_roundscale_pd(_mm512_mul_pd(a, _mm512_set1_pd(0.63661977236758134308)),
                                      _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    *left = _mm512_fnmadd_pd(n, _mm512_set1_pd(6.1232339957367660e-17),
                             _mm512_fnmadd_pd(n, _mm512_set1_pd(1.5707963267948966), a));
    return n;
}
WT_INLINE vf reduce_angle(const float *frequency, double position, vi *quarters)
{
    vd l0, l1;
    const vd n0 = quarter(frequency, position, &l0), n1 = quarter(frequency + 8, position, &l1);
    *quarters = _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtpd_epi32(n0)), _mm512_cvtpd_epi32(n1), 1);
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(l0)), _mm512_cvtpd_ps(l1), 1);
}
WT_INLINE vm has_bit(vi v, int bit) { return _mm512_test_epi32_mask(v, _mm512_set1_epi32(1 << bit)); }
WT_INLINE vi plus_one(vi v) { return _mm512_add_epi32(v, _mm512_set1_epi32(1)); }
WT_INLINE vf swap_pairs(vf v) { return _mm512_permute_ps(v, 0xb1); }
#else
typedef __m256d vd;
WT_INLINE vd quarter(const float *frequency, double position, vd *left)
{
    const vd a = _mm256_mul_pd(_mm256_cvtps_pd(_mm_loadu_ps(frequency)), _mm256_set1_pd(position));
    const vd n = _mm256_round_pd(_mm256_mul_pd(a, _mm256_set1_pd(0.63661977236758134308)),
                                 _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    *left = _mm256_fnmadd_pd(n, _mm256_set1_pd(6.1232339957367660e-17),
                             _mm256_fnmadd_pd(n, _mm256_set1_pd(1.5707963267948966), a));
    return n;
}
WT_INLINE vf reduce_angle(const float *frequency, double position, vi *quarters)
{
    vd l0, l1;
    const vd n0 = quarter(frequency, position, &l0), n1 = quarter(frequency + 4, position, &l1);
    *quarters = _mm256_set_m128i(_mm256_cvtpd_epi32(n1), _mm256_cvtpd_epi32(n0));
    return _mm256_set_m128(_mm256_cvtpd_ps(l1), _mm256_cvtpd_ps(l0));
}
WT_INLINE vm has_bit(vi v, int bit) { return _mm256_castsi256_ps(_mm256_slli_epi32(v, 31 - bit)); }
WT_INLINE vi plus_one(vi v) { return _mm256_add_epi32(v, _mm256_set1_epi32(1)); }
WT_INLINE vf swap_pairs(vf v) { return _mm256_permute_ps(v, 0xb1); }
#endif

/* Of angles up to an eighth of a turn: Taylor's, whose next term is below float32's last bit. */
WT_INLINE void sin_cos(vf r, vf *s, vf *c)
{
    const vf z = vf_mul(r, r);
    vf p = vf_fma(z, vf_set(1.0f / 362880), vf_set(-1.0f / 5040));
    p = vf_fma(p, z, vf_set(1.0f / 120));
    p = vf_fma(p, z, vf_set(-1.0f / 6));
    *s = vf_fma(vf_mul(p, z), r, r);
    p = vf_fma(z, vf_set(-1.0f / 3628800), vf_set(1.0f / 40320));
    p = vf_fma(p, z, vf_set(-1.0f / 720));
    p = vf_fma(p, z, vf_set(1.0f / 24));
    p = vf_fma(p, z, vf_set(-0.5f));
    *c = vf_fma(p, z, vf_set(1));
}

static void rope_angles(const wt_rope *rope, double position, float *c, float *s)
{
    for (size_t i = 0; i < rope->half; i += VL) {
        float frequency[VL] = { 0 }, cs[VL], sn[VL];
        const size_t n = rope->half - i < VL ? rope->half - i : VL;
        vi quarters;
        vf sine, cosine;
        memcpy(frequency, rope->frequency + i, n * sizeof *frequency);
        sin_cos(reduce_angle(frequency, position, &quarters), &sine, &cosine);
        const vm odd = has_bit(quarters, 0);
        const vf a = vf_select(odd, cosine, sine), b = vf_select(odd, sine, cosine), zero = vf_set(0),
                 scale = vf_set(rope->scale);
        vf_store(sn, vf_mul(scale, vf_select(has_bit(quarters, 1), vf_sub(zero, a), a)));
        vf_store(cs, vf_mul(scale, vf_select(has_bit(plus_one(quarters), 1), vf_sub(zero, b), b)));
        if (!rope->interleaved) {
            memcpy(c + i, cs, n * sizeof *c);
            memcpy(s + i, sn, n * sizeof *s);
            continue;
        }
        for (size_t j = 0; j < n; j++) { /* as pairs meet them */
            c[2 * (i + j)] = c[2 * (i + j) + 1] = cs[j];
            s[2 * (i + j)] = -sn[j];
            s[2 * (i + j) + 1] = sn[j];
        }
    }
}

static void rope_turn(const wt_rope *rope, const float *c, const float *s, const float *x, float *y)
{
    const size_t half = rope->half;
    if (rope->interleaved)
        for (size_t i = 0; i < 2 * half; i += VL) {
            const size_t n = 2 * half - i < VL ? 2 * half - i : VL;
            const vf v = vf_load_n(x + i, n);
            vf_store_n(y + i, n, vf_fma(swap_pairs(v), vf_load_n(s + i, n), vf_mul(v, vf_load_n(c + i, n))));
        }
    else
        for (size_t i = 0; i < half; i += VL) {
            const size_t n = half - i < VL ? half - i : VL;
            const vf a = vf_load_n(x + i, n), b = vf_load_n(x + half + i, n), cs = vf_load_n(c + i, n),
                     sn = vf_load_n(s + i, n);
            vf_store_n(y + i, n, vf_fnma(b, sn, vf_mul(a, cs)));
            vf_store_n(y + half + i, n, vf_fma(a, sn, vf_mul(b, cs)));
        }
    if (x != y)
        memcpy(y + 2 * half, x + 2 * half, (rope->head - 2 * half) * sizeof *y);
}

/* --- Glu ---------------------------------------------------------------------------------------------------------- */
static void glu(wt_act_params act, const float *gate, const float *up, float *y, size_t n)
{
    const vf alpha = vf_set(act.alpha), beta = vf_set(act.beta);
    for (size_t i = 0; i < n; i += VL) {
        const size_t left = n - i < VL ? n - i : VL;
        vf_store_n(y + i, left,
                   vf_mul(v_act(act.act, vf_load_n(gate + i, left), alpha, beta), vf_load_n(up + i, left)));
    }
}

const wt_decoder_fns WT_VEC_NAME(wt_decoder_fns) = { rms_norm, layer_norm, rope_angles, rope_turn, glu };
