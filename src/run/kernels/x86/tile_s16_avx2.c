/* tile_s16_avx2.c - integer tiles of up to 6 pixels x 1 block of 16 channels for cores without a byte dot product.
 *
 * The byte product of AVX2 (vpmaddubsw) saturates: 255 * 127 * 2 does not fit 16 bits. So pixels come widened to 16 bits (the band
 * copy does that), weights are widened as they are loaded, and vpmaddwd sums pairs exactly in 32 bits. A step is 2 channels. */
#include <immintrin.h>
#include "run/kernels/x86/repeat.h"
#include "run/kernels/x86/tile.h"

WT_INLINE __m256i load_bias(const void *bias, int half)
{
    return _mm256_loadu_si256((const __m256i *)bias + half);
}
WT_INLINE __m256i load_w(const char *w, int half) /* 8 outputs x 2 channels */
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w + half));
}
WT_INLINE void put(char *out, __m256i v) { _mm256_storeu_si256((__m256i *)(void *)out, v); }

#define INIT(i) __m256i a##i = b0, c##i = b1;
#define STEP(i)                                                                                        \
    {                                                                                                  \
        const __m256i pixel = _mm256_castps_si256(_mm256_broadcast_ss((const float *)(const void *)(p + i * PX))); \
        a##i = _mm256_add_epi32(a##i, _mm256_madd_epi16(pixel, b0));                                   \
        c##i = _mm256_add_epi32(c##i, _mm256_madd_epi16(pixel, b1));                                   \
    }
#define STORE(i) put(out, a##i), put(out + 32, c##i), out += t->out_px;

#define TILE(NAME, MR, STEPS)                                                                      \
    static void NAME##_##MR##x1(const wt_tile *t)                                                  \
    {                                                                                              \
        const char *in = t->in, *w = t->w;                                                         \
        char *out = t->out;                                                                        \
        __m256i b0 = load_bias(t->bias, 0), b1 = load_bias(t->bias, 1);                            \
        WT_REPEAT_##MR(INIT)                                                                       \
        for (int y = 0; y < t->kh; y++, in += t->in_row) {                                         \
            const char *px = in;                                                                   \
            for (int block = 0; block < t->blocks; block++, px += t->in_block) {                   \
                const int steps = block + 1 < t->blocks ? STEPS : t->k_last;                       \
                for (int x = 0; x < t->kw; x++) {                                                  \
                    const char *p = px + t->col[x];                                                \
                    for (int k = 0; k < steps; k++, p += 4, w += 32) {                             \
                        b0 = load_w(w, 0), b1 = load_w(w, 1);                                      \
                        WT_REPEAT_##MR(STEP)                                                       \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        WT_REPEAT_##MR(STORE)                                                                      \
    }
#define FAMILY(NAME, STEPS) \
    TILE(NAME, 1, STEPS)    \
    TILE(NAME, 2, STEPS)    \
    TILE(NAME, 3, STEPS)    \
    TILE(NAME, 4, STEPS)    \
    TILE(NAME, 5, STEPS)    \
    TILE(NAME, 6, STEPS)
#define ROW(NAME) { NAME##_1x1, NAME##_2x1, NAME##_3x1, NAME##_4x1, NAME##_5x1, NAME##_6x1 }

#define PX 32
FAMILY(pixel, 8)
#undef PX
#define PX 8
FAMILY(scalar, 2)
#undef PX

const wt_tileset wt_tiles_s16_avx2 = { .mr = 6, .nb = 1, .steps = 8, .px = 32, .w_step = 32, .fn = { ROW(pixel) } };
const wt_tileset wt_tiles_s16_scalar_avx2 = { .mr = 6, .nb = 1, .steps = 2, .px = 8, .w_step = 32, .fn = { ROW(scalar) } };
