/* tile_f32_avx2.c - float32 tiles of up to 6 pixels x 1 block of 16 channels (two vectors of 8): 12 accumulators, two
 * vectors of weights and one broadcast pixel fill 15 of the 16 registers. Weights in half precision or bfloat16 are
 * widened as they are loaded. */
#include <immintrin.h>
#include "run/kernels/x86/tile.h"

typedef enum weight_type { FLOATS, HALVES, BRAINS } weight_type;

enum { MOST = 6 };

WT_INLINE __m256 load_f32(const void *p, int part) { return _mm256_loadu_ps((const float *)p + 8 * part); }
WT_INLINE __m256 load_w(const char *w, int part, const weight_type type)
{
    if (type == HALVES)
        return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)w + part));
    if (type == BRAINS)
        return _mm256_castsi256_ps(
            _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)w + part)), 16));
    return load_f32(w, part);
}

WT_INLINE void store(const wt_tile *t, __m256 acc[MOST][2], const int MR)
{
    const __m256 lo = _mm256_set1_ps(t->lo), hi = _mm256_set1_ps(t->hi);
    const char *res = (const char *)t->res;
    char *const out = t->out; /* copies: a store might change *t, as far as the compiler knows */
    const size_t out_px = t->out_px;
    WT_UNROLL
    for (int i = 0; i < MR; i++) {
        WT_UNROLL
        for (int j = 0; j < 2; j++) {
            const size_t at = (size_t)i * out_px + (size_t)j * 32;
            __m256 v = acc[i][j];
            if (res)
                v = _mm256_add_ps(v, load_f32(res + at, 0));
            /* operand order: a NaN in v survives both */
            _mm256_storeu_ps((float *)(void *)(out + at), _mm256_min_ps(hi, _mm256_max_ps(lo, v)));
        }
    }
}

WT_INLINE bool tile(const wt_tile *t, const int MR, const int PX, const weight_type type)
{
    const int full = PX == 1 ? 1 : 16;
    const char *in = t->in, *w = t->w;
    __m256 acc[MOST][2];
    WT_UNROLL
    for (int i = 0; i < MR; i++)
        acc[i][0] = load_f32(t->bias, 0), acc[i][1] = load_f32(t->bias, 1);
    for (int y = 0; y < t->kh; y++, in += t->in_row) {
        const char *px = in;
        for (int block = 0; block < t->blocks; block++, px += t->in_block) {
            const int steps = full == 1 || block + 1 < t->blocks ? full : t->k_last;
            for (int x = 0; x < t->kw; x++) {
                const float *p = (const float *)(const void *)(px + t->col[x]);
                for (int k = 0; k < steps; k++, p++, w += type == FLOATS ? 64 : 32) {
                    const __m256 b0 = load_w(w, 0, type), b1 = load_w(w, 1, type);
                    WT_UNROLL
                    for (int i = 0; i < MR; i++) {
                        const __m256 pixel = _mm256_broadcast_ss(p + i * PX);
                        acc[i][0] = _mm256_fmadd_ps(pixel, b0, acc[i][0]);
                        acc[i][1] = _mm256_fmadd_ps(pixel, b1, acc[i][1]);
                    }
                }
            }
        }
    }
    store(t, acc, MR);
    return false;
}

#define PIXEL(MR, NB)                                                                                                  \
    static bool pixel_##MR##x##NB(const wt_tile *t) { return tile(t, MR, 16, FLOATS); }
#define HALF(MR, NB)                                                                                                   \
    static bool half_##MR##x##NB(const wt_tile *t) { return tile(t, MR, 16, HALVES); }
#define BRAIN(MR, NB)                                                                                                  \
    static bool brain_##MR##x##NB(const wt_tile *t) { return tile(t, MR, 16, BRAINS); }
#define SCALAR(MR, NB)                                                                                                 \
    static bool scalar_##MR##x##NB(const wt_tile *t) { return tile(t, MR, 1, FLOATS); }
WT_TILES_6(PIXEL, 1)
WT_TILES_6(HALF, 1)
WT_TILES_6(BRAIN, 1)
WT_TILES_6(SCALAR, 1)

#define PIXEL_NAME(MR, NB)  pixel_##MR##x##NB,
#define HALF_NAME(MR, NB)   half_##MR##x##NB,
#define BRAIN_NAME(MR, NB)  brain_##MR##x##NB,
#define SCALAR_NAME(MR, NB) scalar_##MR##x##NB,
const wt_tileset wt_tiles_f32_avx2 = {
    .mr = MOST,
    .nb = 1,
    .steps = 16,
    .px = 64,
    .w_step = 64,
    .fn = { { WT_TILES_6(PIXEL_NAME, 1) } },
};
const wt_tileset wt_tiles_f16_avx2 = {
    .mr = MOST,
    .nb = 1,
    .steps = 16,
    .px = 64,
    .w_step = 32,
    .fn = { { WT_TILES_6(HALF_NAME, 1) } },
};
const wt_tileset wt_tiles_bf16_avx2 = {
    .mr = MOST,
    .nb = 1,
    .steps = 16,
    .px = 64,
    .w_step = 32,
    .fn = { { WT_TILES_6(BRAIN_NAME, 1) } },
};
const wt_tileset wt_tiles_f32_scalar_avx2 = {
    .mr = MOST,
    .nb = 1,
    .steps = 1,
    .px = 4,
    .w_step = 64,
    .fn = { { WT_TILES_6(SCALAR_NAME, 1) } },
};
