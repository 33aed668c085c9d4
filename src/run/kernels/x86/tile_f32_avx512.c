/* tile_f32_avx512.c - float32 tiles of up to 14 pixels x 2 blocks of 16 channels: 28 accumulators, two vectors of weights and
 * one broadcast pixel fill 31 of the 32 registers. Weights in half precision are widened as they are loaded. */
#include <immintrin.h>
#include "run/kernels/x86/repeat.h"
#include "run/kernels/x86/tile.h"

WT_INLINE void put(char *out, const char *res, __m512 v, __m512 lo, __m512 hi)
{
    if (res)
        v = _mm512_add_ps(v, _mm512_loadu_ps(res));
    /* operand order: a NaN in v survives both */
    _mm512_storeu_ps(out, _mm512_min_ps(hi, _mm512_max_ps(lo, v)));
}

WT_INLINE __m512 load_f32(const char *w) { return _mm512_loadu_ps(w); }
WT_INLINE __m512 load_f16(const char *w) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)w)); }

#define INIT1(i) __m512 a##i = b0;
#define INIT2(i) __m512 a##i = b0, c##i = b1;
#define STEP1(i) a##i = _mm512_fmadd_ps(_mm512_set1_ps(p[i * PX]), b0, a##i);
#define STEP2(i)                                          \
    {                                                     \
        const __m512 pixel = _mm512_set1_ps(p[i * PX]);   \
        a##i = _mm512_fmadd_ps(pixel, b0, a##i);          \
        c##i = _mm512_fmadd_ps(pixel, b1, c##i);          \
    }
#define STORE1(i)                          \
    put(out, res, a##i, lo, hi);           \
    out += t->out_px, res += res ? t->out_px : 0;
#define STORE2(i)                                                                       \
    put(out, res, a##i, lo, hi);                                                        \
    put(out + t->out_block, res ? res + t->out_block : NULL, c##i, lo, hi);             \
    out += t->out_px, res += res ? t->out_px : 0;

/* The walk over what is summed; BODY does one step. */
#define WALK(STEPS, W_STEP, LOAD_B, BODY)                                                          \
    for (int y = 0; y < t->kh; y++, in += t->in_row) {                                             \
        const char *px = in;                                                                       \
        for (int block = 0; block < t->blocks; block++, px += t->in_block) {                       \
            const int steps = STEPS == 1 || block + 1 < t->blocks ? STEPS : t->k_last;             \
            for (int x = 0; x < t->kw; x++) {                                                      \
                const float *p = (const float *)(const void *)(px + t->col[x]);                    \
                for (int k = 0; k < steps; k++, p++, w += W_STEP) {                                \
                    LOAD_B BODY                                                                    \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

#define TILE1(NAME, MR, STEPS, W_STEP, LOAD)                                                       \
    static void NAME##_##MR##x1(const wt_tile *t)                                                  \
    {                                                                                              \
        const char *in = t->in, *w = t->w, *res = (const char *)t->res;                            \
        char *out = t->out;                                                                        \
        __m512 b0 = _mm512_loadu_ps(t->bias);                                                      \
        WT_REPEAT_##MR(INIT1)                                                                      \
        WALK(STEPS, W_STEP, b0 = LOAD(w);, WT_REPEAT_##MR(STEP1))                                  \
        const __m512 lo = _mm512_set1_ps(t->lo), hi = _mm512_set1_ps(t->hi);                       \
        WT_REPEAT_##MR(STORE1)                                                                     \
    }
#define TILE2(NAME, MR, STEPS, W_STEP, LOAD)                                                       \
    static void NAME##_##MR##x2(const wt_tile *t)                                                  \
    {                                                                                              \
        const char *in = t->in, *w = t->w, *res = (const char *)t->res;                            \
        const size_t w_block = t->w_block;                                                         \
        char *out = t->out;                                                                        \
        __m512 b0 = _mm512_loadu_ps(t->bias), b1 = _mm512_loadu_ps((const float *)t->bias + 16);   \
        WT_REPEAT_##MR(INIT2)                                                                      \
        WALK(STEPS, W_STEP, b0 = LOAD(w); b1 = LOAD(w + w_block);, WT_REPEAT_##MR(STEP2))          \
        const __m512 lo = _mm512_set1_ps(t->lo), hi = _mm512_set1_ps(t->hi);                       \
        WT_REPEAT_##MR(STORE2)                                                                     \
    }
#define FAMILY(TILE, NAME, STEPS, W_STEP, LOAD)                                                    \
    TILE(NAME, 1, STEPS, W_STEP, LOAD)                                                             \
    TILE(NAME, 2, STEPS, W_STEP, LOAD)                                                             \
    TILE(NAME, 3, STEPS, W_STEP, LOAD)                                                             \
    TILE(NAME, 4, STEPS, W_STEP, LOAD)                                                             \
    TILE(NAME, 5, STEPS, W_STEP, LOAD)                                                             \
    TILE(NAME, 6, STEPS, W_STEP, LOAD)                                                             \
    TILE(NAME, 7, STEPS, W_STEP, LOAD)                                                             \
    TILE(NAME, 8, STEPS, W_STEP, LOAD)                                                             \
    TILE(NAME, 9, STEPS, W_STEP, LOAD)                                                             \
    TILE(NAME, 10, STEPS, W_STEP, LOAD)                                                            \
    TILE(NAME, 11, STEPS, W_STEP, LOAD)                                                            \
    TILE(NAME, 12, STEPS, W_STEP, LOAD)                                                            \
    TILE(NAME, 13, STEPS, W_STEP, LOAD)                                                            \
    TILE(NAME, 14, STEPS, W_STEP, LOAD)
#define ROW(NAME, NB)                                                                                            \
    {                                                                                                            \
        NAME##_1x##NB, NAME##_2x##NB, NAME##_3x##NB, NAME##_4x##NB, NAME##_5x##NB, NAME##_6x##NB, NAME##_7x##NB, \
            NAME##_8x##NB, NAME##_9x##NB, NAME##_10x##NB, NAME##_11x##NB, NAME##_12x##NB, NAME##_13x##NB,        \
            NAME##_14x##NB                                                                                       \
    }

#define PX 16
FAMILY(TILE1, pixel, 16, 64, load_f32)
FAMILY(TILE2, pixel, 16, 64, load_f32)
FAMILY(TILE1, half, 16, 32, load_f16)
FAMILY(TILE2, half, 16, 32, load_f16)
#undef PX
#define PX 1
FAMILY(TILE1, scalar, 1, 64, load_f32)
FAMILY(TILE2, scalar, 1, 64, load_f32)
#undef PX

const wt_tileset wt_tiles_f32_avx512 = {
    .mr = 14, .nb = 2, .steps = 16, .px = 64, .w_step = 64, .fn = { ROW(pixel, 1), ROW(pixel, 2) }
};
const wt_tileset wt_tiles_f16_avx512 = {
    .mr = 14, .nb = 2, .steps = 16, .px = 64, .w_step = 32, .fn = { ROW(half, 1), ROW(half, 2) }
};
const wt_tileset wt_tiles_f32_scalar_avx512 = {
    .mr = 14, .nb = 2, .steps = 1, .px = 4, .w_step = 64, .fn = { ROW(scalar, 1), ROW(scalar, 2) }
};
