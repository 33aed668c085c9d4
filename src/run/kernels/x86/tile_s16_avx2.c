/* tile_s16_avx2.c - integer tiles of up to 6 pixels x 1 block of 16 channels for cores without a byte dot product.
 *
 * The byte product of AVX2 (vpmaddubsw) saturates: 255 * 127 * 2 does not fit 16 bits. So pixels come widened to 16
 * bits (the band copy does that), weights are widened as they are loaded, and vpmaddwd sums pairs exactly in 32 bits. A
 * step is 2 channels. */
#include <immintrin.h>
#include "run/kernels/x86/tile.h"

enum { MOST = 6 };

WT_INLINE __m256i load_bias(const void *bias, int part) { return _mm256_loadu_si256((const __m256i *)bias + part); }
WT_INLINE __m256i load_w(const char *w, int part) /* 8 outputs x 2 channels */
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w + part));
}
WT_INLINE __m256i broadcast(const char *p)
{
    float dword;
    memcpy(&dword, p, sizeof dword);
    return _mm256_castps_si256(_mm256_set1_ps(dword));
}

WT_INLINE bool tile(const wt_tile *t, const int MR, const int PX)
{
    const int full = PX == 8 ? 2 : 8;
    const char *in = t->in, *w = t->w;
    __m256i acc[MOST][2];
    WT_UNROLL
    for (int i = 0; i < MR; i++)
        acc[i][0] = load_bias(t->bias, 0), acc[i][1] = load_bias(t->bias, 1);
    for (int y = 0; y < t->kh; y++, in += t->in_row) {
        const char *px = in;
        for (int block = 0; block < t->blocks; block++, px += t->in_block) {
            const int steps = block + 1 < t->blocks ? full : t->k_last;
            for (int x = 0; x < t->kw; x++) {
                const char *p = px + t->col[x];
                for (int k = 0; k < steps; k++, p += 4, w += 32) {
                    const __m256i b0 = load_w(w, 0), b1 = load_w(w, 1);
                    WT_UNROLL
                    for (int i = 0; i < MR; i++) {
                        const __m256i pixel = broadcast(p + i * PX);
                        acc[i][0] = _mm256_add_epi32(acc[i][0], _mm256_madd_epi16(pixel, b0));
                        acc[i][1] = _mm256_add_epi32(acc[i][1], _mm256_madd_epi16(pixel, b1));
                    }
                }
            }
        }
    }
    char *const out = t->out; /* copies: a store might change *t, as far as the compiler knows */
    const size_t out_px = t->out_px;
    WT_UNROLL
    for (int i = 0; i < MR; i++) {
        WT_UNROLL
        for (int j = 0; j < 2; j++)
            _mm256_storeu_si256((__m256i *)(void *)(out + (size_t)i * out_px + 32 * (size_t)j), acc[i][j]);
    }
    return false; /* 16 registers are too few for fusing */
}

#define PIXEL(MR, NB)                                                                                                  \
    static bool pixel_##MR##x##NB(const wt_tile *t) { return tile(t, MR, 32); }
#define SCALAR(MR, NB)                                                                                                 \
    static bool scalar_##MR##x##NB(const wt_tile *t) { return tile(t, MR, 8); }
WT_TILES_6(PIXEL, 1)
WT_TILES_6(SCALAR, 1)

#define PIXEL_NAME(MR, NB)  pixel_##MR##x##NB,
#define SCALAR_NAME(MR, NB) scalar_##MR##x##NB,
const wt_tileset wt_tiles_s16_avx2 = {
    .mr = MOST,
    .nb = 1,
    .steps = 8,
    .px = 32,
    .w_step = 32,
    .fn = { { WT_TILES_6(PIXEL_NAME, 1) } },
};
const wt_tileset wt_tiles_s16_scalar_avx2 = {
    .mr = MOST,
    .nb = 1,
    .steps = 2,
    .px = 8,
    .w_step = 32,
    .fn = { { WT_TILES_6(SCALAR_NAME, 1) } },
};
