/* tile_f32_avx512.c - float32 tiles of up to 14 pixels x 2 blocks of 16 channels: 28 accumulators, two vectors of
 * weights and one broadcast pixel fill 31 of the 32 registers. Weights in half precision or bfloat16 are widened as
 * they are loaded. */
#include <immintrin.h>
#include "run/kernels/x86/tile.h"

typedef enum weight_type { FLOATS, HALVES, BRAINS } weight_type;

WT_INLINE __m512 load_w(const char *w, const weight_type type)
{
    if (type == HALVES)
        return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)w));
    if (type == BRAINS)
        return _mm512_castsi512_ps(
            _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)w)), 16));
    return _mm512_loadu_ps(w);
}

/* One step of one pixel row: MR x NB multiply-adds. p: pixel 0's value; PX: floats between pixels. */
WT_INLINE void step(const float *p, const __m512 *b, __m512 acc[WT_TILE_MR][WT_TILE_NB], const int MR, const int NB,
                    const int PX)
{
    WT_UNROLL
    for (int i = 0; i < MR; i++) {
        const __m512 pixel = _mm512_set1_ps(p[i * PX]);
        WT_UNROLL
        for (int j = 0; j < NB; j++)
            acc[i][j] = _mm512_fmadd_ps(pixel, b[j], acc[i][j]);
    }
}

WT_INLINE void store(const wt_tile *t, __m512 acc[WT_TILE_MR][WT_TILE_NB], const int MR, const int NB)
{
    const __m512 lo = _mm512_set1_ps(t->lo), hi = _mm512_set1_ps(t->hi);
    const char *res = (const char *)t->res;
    char *const out = t->out; /* copies: a store might change *t, as far as the compiler knows */
    const size_t out_px = t->out_px, out_block = t->out_block;
    WT_UNROLL
    for (int i = 0; i < MR; i++) {
        WT_UNROLL
        for (int j = 0; j < NB; j++) {
            const size_t at = (size_t)i * out_px + (size_t)j * out_block;
            __m512 v = acc[i][j];
            if (res)
                v = _mm512_add_ps(v, _mm512_loadu_ps(res + at));
            /* operand order: a NaN in v survives both */
            _mm512_storeu_ps(out + at, _mm512_min_ps(hi, _mm512_max_ps(lo, v)));
        }
    }
}

WT_INLINE bool tile(const wt_tile *t, const int MR, const int NB, const int PX, const weight_type type)
{
    const int full = PX == 1 ? 1 : 16;
    const size_t w_block = t->w_block;
    const char *in = t->in, *w = t->w;
    __m512 acc[WT_TILE_MR][WT_TILE_NB], b[WT_TILE_NB];
    WT_UNROLL
    for (int i = 0; i < MR; i++) {
        WT_UNROLL
        for (int j = 0; j < NB; j++)
            acc[i][j] = _mm512_loadu_ps((const float *)t->bias + 16 * j);
    }
    for (int y = 0; y < t->kh; y++, in += t->in_row) {
        const char *px = in;
        for (int block = 0; block < t->blocks; block++, px += t->in_block) {
            const int steps = full == 1 || block + 1 < t->blocks ? full : t->k_last;
            for (int x = 0; x < t->kw; x++) {
                const float *p = (const float *)(const void *)(px + t->col[x]);
                for (int k = 0; k < steps; k++, p++, w += type == FLOATS ? 64 : 32) {
                    WT_UNROLL
                    for (int j = 0; j < NB; j++)
                        b[j] = load_w(w + (size_t)j * w_block, type);
                    step(p, b, acc, MR, NB, PX);
                }
            }
        }
    }
    store(t, acc, MR, NB);
    return false;
}

#define PIXEL(MR, NB)                                                                                                  \
    static bool pixel_##MR##x##NB(const wt_tile *t) { return tile(t, MR, NB, 16, FLOATS); }
#define HALF(MR, NB)                                                                                                   \
    static bool half_##MR##x##NB(const wt_tile *t) { return tile(t, MR, NB, 16, HALVES); }
#define BRAIN(MR, NB)                                                                                                  \
    static bool brain_##MR##x##NB(const wt_tile *t) { return tile(t, MR, NB, 16, BRAINS); }
#define SCALAR(MR, NB)                                                                                                 \
    static bool scalar_##MR##x##NB(const wt_tile *t) { return tile(t, MR, NB, 1, FLOATS); }
WT_TILES_14(PIXEL, 1)
WT_TILES_14(PIXEL, 2)
WT_TILES_14(HALF, 1)
WT_TILES_14(HALF, 2)
WT_TILES_14(BRAIN, 1)
WT_TILES_14(BRAIN, 2)
WT_TILES_14(SCALAR, 1)
WT_TILES_14(SCALAR, 2)

#define PIXEL_NAME(MR, NB)  pixel_##MR##x##NB,
#define HALF_NAME(MR, NB)   half_##MR##x##NB,
#define BRAIN_NAME(MR, NB)  brain_##MR##x##NB,
#define SCALAR_NAME(MR, NB) scalar_##MR##x##NB,
const wt_tileset wt_tiles_f32_avx512 = {
    .mr = 14,
    .nb = 2,
    .steps = 16,
    .px = 64,
    .w_step = 64,
    .fn = { { WT_TILES_14(PIXEL_NAME, 1) }, { WT_TILES_14(PIXEL_NAME, 2) } },
};
const wt_tileset wt_tiles_f16_avx512 = {
    .mr = 14,
    .nb = 2,
    .steps = 16,
    .px = 64,
    .w_step = 32,
    .fn = { { WT_TILES_14(HALF_NAME, 1) }, { WT_TILES_14(HALF_NAME, 2) } },
};
const wt_tileset wt_tiles_bf16_avx512 = {
    .mr = 14,
    .nb = 2,
    .steps = 16,
    .px = 64,
    .w_step = 32,
    .fn = { { WT_TILES_14(BRAIN_NAME, 1) }, { WT_TILES_14(BRAIN_NAME, 2) } },
};
const wt_tileset wt_tiles_f32_scalar_avx512 = {
    .mr = 14,
    .nb = 2,
    .steps = 1,
    .px = 4,
    .w_step = 64,
    .fn = { { WT_TILES_14(SCALAR_NAME, 1) }, { WT_TILES_14(SCALAR_NAME, 2) } },
};
