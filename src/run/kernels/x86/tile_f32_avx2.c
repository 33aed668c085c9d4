/* tile_f32_avx2.c - float32 tiles of up to 6 pixels x 1 block of 16 channels (two vectors of 8): 12 accumulators, two vectors
 * of weights and one broadcast pixel fill 15 of the 16 registers. Weights in half precision are widened as they are loaded. */
#include <immintrin.h>
#include "run/kernels/x86/repeat.h"
#include "run/kernels/x86/tile.h"

WT_INLINE void put(char *out, const char *res, __m256 v, __m256 lo, __m256 hi)
{
    if (res)
        v = _mm256_add_ps(v, _mm256_loadu_ps((const float *)(const void *)res));
    /* operand order: a NaN in v survives both */
    _mm256_storeu_ps((float *)(void *)out, _mm256_min_ps(hi, _mm256_max_ps(lo, v)));
}

WT_INLINE __m256 load_f32(const char *w, int half) { return _mm256_loadu_ps((const float *)(const void *)w + 8 * half); }
WT_INLINE __m256 load_f16(const char *w, int half)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)w + half));
}

#define INIT(i) __m256 a##i = b0, c##i = b1;
#define STEP(i)                                               \
    {                                                         \
        const __m256 pixel = _mm256_broadcast_ss(p + i * PX); \
        a##i = _mm256_fmadd_ps(pixel, b0, a##i);              \
        c##i = _mm256_fmadd_ps(pixel, b1, c##i);              \
    }
#define STORE(i)                                          \
    put(out, res, a##i, lo, hi);                          \
    put(out + 32, res ? res + 32 : NULL, c##i, lo, hi);   \
    out += t->out_px, res += res ? t->out_px : 0;

#define TILE(NAME, MR, STEPS, W_STEP, LOAD)                                                        \
    static void NAME##_##MR##x1(const wt_tile *t)                                                  \
    {                                                                                              \
        const char *in = t->in, *w = t->w, *res = (const char *)t->res;                            \
        char *out = t->out;                                                                        \
        __m256 b0 = load_f32(t->bias, 0), b1 = load_f32(t->bias, 1);                               \
        WT_REPEAT_##MR(INIT)                                                                       \
        for (int y = 0; y < t->kh; y++, in += t->in_row) {                                         \
            const char *px = in;                                                                   \
            for (int block = 0; block < t->blocks; block++, px += t->in_block) {                   \
                const int steps = STEPS == 1 || block + 1 < t->blocks ? STEPS : t->k_last;         \
                for (int x = 0; x < t->kw; x++) {                                                  \
                    const float *p = (const float *)(const void *)(px + t->col[x]);                \
                    for (int k = 0; k < steps; k++, p++, w += W_STEP) {                            \
                        b0 = LOAD(w, 0), b1 = LOAD(w, 1);                                          \
                        WT_REPEAT_##MR(STEP)                                                       \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        const __m256 lo = _mm256_set1_ps(t->lo), hi = _mm256_set1_ps(t->hi);                       \
        WT_REPEAT_##MR(STORE)                                                                      \
    }
#define FAMILY(NAME, STEPS, W_STEP, LOAD) \
    TILE(NAME, 1, STEPS, W_STEP, LOAD)    \
    TILE(NAME, 2, STEPS, W_STEP, LOAD)    \
    TILE(NAME, 3, STEPS, W_STEP, LOAD)    \
    TILE(NAME, 4, STEPS, W_STEP, LOAD)    \
    TILE(NAME, 5, STEPS, W_STEP, LOAD)    \
    TILE(NAME, 6, STEPS, W_STEP, LOAD)
#define ROW(NAME) { NAME##_1x1, NAME##_2x1, NAME##_3x1, NAME##_4x1, NAME##_5x1, NAME##_6x1 }

#define PX 16
FAMILY(pixel, 16, 64, load_f32)
FAMILY(half, 16, 32, load_f16)
#undef PX
#define PX 1
FAMILY(scalar, 1, 64, load_f32)
#undef PX

const wt_tileset wt_tiles_f32_avx2 = { .mr = 6, .nb = 1, .steps = 16, .px = 64, .w_step = 64, .fn = { ROW(pixel) } };
const wt_tileset wt_tiles_f16_avx2 = { .mr = 6, .nb = 1, .steps = 16, .px = 64, .w_step = 32, .fn = { ROW(half) } };
const wt_tileset wt_tiles_f32_scalar_avx2 = { .mr = 6, .nb = 1, .steps = 1, .px = 4, .w_step = 64, .fn = { ROW(scalar) } };
