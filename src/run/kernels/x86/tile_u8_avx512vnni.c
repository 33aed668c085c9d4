/* tile_u8_avx512vnni.c - u8 x s8 tiles of up to 14 pixels x 2 blocks of 16 channels, summed exactly in 32 bits.
 *
 * A step is 4 channels of a pixel (one dword, broadcast) against weights [16 outputs][4 channels]. The dot is inline assembly:
 * with the intrinsic gcc 12 keeps a hundred stack accesses in the loop (57 % of peak), with this none (97 %). */
#include <immintrin.h>
#include "run/kernels/x86/repeat.h"
#include "run/kernels/x86/tile.h"

/* acc[i] += sum over 4 of u8 pixel * s8 weights */
#define DOT(acc, pixel, weights) __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(pixel), "v"(weights))

#define INIT1(i) __m512i a##i = b0;
#define INIT2(i) __m512i a##i = b0, c##i = b1;
/* Broadcast as a float: of an int, gcc goes through a general register. */
#define PIXEL(i) const __m512i pixel = _mm512_castps_si512(_mm512_set1_ps(*(const float *)(const void *)(p + i * PX)));
#define STEP1(i)             \
    {                        \
        PIXEL(i)             \
        DOT(a##i, pixel, b0); \
    }
#define STEP2(i)              \
    {                         \
        PIXEL(i)              \
        DOT(a##i, pixel, b0); \
        DOT(c##i, pixel, b1); \
    }
#define STORE1(i) _mm512_storeu_si512(out, a##i), out += t->out_px;
#define STORE2(i) _mm512_storeu_si512(out, a##i), _mm512_storeu_si512(out + t->out_block, c##i), out += t->out_px;

#define WALK(STEPS, LOAD_B, BODY)                                                                  \
    for (int y = 0; y < t->kh; y++, in += t->in_row) {                                             \
        const char *px = in;                                                                       \
        for (int block = 0; block < t->blocks; block++, px += t->in_block) {                       \
            const int steps = STEPS == 1 || block + 1 < t->blocks ? STEPS : t->k_last;             \
            for (int x = 0; x < t->kw; x++) {                                                      \
                const char *p = px + t->col[x];                                                    \
                for (int k = 0; k < steps; k++, p += 4, w += 64) {                                 \
                    LOAD_B BODY                                                                    \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

#define TILE1(NAME, MR, STEPS)                                                                     \
    static void NAME##_##MR##x1(const wt_tile *t)                                                  \
    {                                                                                              \
        const char *in = t->in, *w = t->w;                                                         \
        char *out = t->out;                                                                        \
        __m512i b0 = _mm512_loadu_si512(t->bias);                                                  \
        WT_REPEAT_##MR(INIT1)                                                                      \
        WALK(STEPS, b0 = _mm512_loadu_si512(w);, WT_REPEAT_##MR(STEP1))                            \
        WT_REPEAT_##MR(STORE1)                                                                     \
    }
#define TILE2(NAME, MR, STEPS)                                                                     \
    static void NAME##_##MR##x2(const wt_tile *t)                                                  \
    {                                                                                              \
        const char *in = t->in, *w = t->w;                                                         \
        const size_t w_block = t->w_block;                                                         \
        char *out = t->out;                                                                        \
        __m512i b0 = _mm512_loadu_si512(t->bias), b1 = _mm512_loadu_si512((const int32_t *)t->bias + 16); \
        WT_REPEAT_##MR(INIT2)                                                                      \
        WALK(STEPS, b0 = _mm512_loadu_si512(w); b1 = _mm512_loadu_si512(w + w_block);, WT_REPEAT_##MR(STEP2)) \
        WT_REPEAT_##MR(STORE2)                                                                     \
    }
#define FAMILY(TILE, NAME, STEPS) \
    TILE(NAME, 1, STEPS)          \
    TILE(NAME, 2, STEPS)          \
    TILE(NAME, 3, STEPS)          \
    TILE(NAME, 4, STEPS)          \
    TILE(NAME, 5, STEPS)          \
    TILE(NAME, 6, STEPS)          \
    TILE(NAME, 7, STEPS)          \
    TILE(NAME, 8, STEPS)          \
    TILE(NAME, 9, STEPS)          \
    TILE(NAME, 10, STEPS)         \
    TILE(NAME, 11, STEPS)         \
    TILE(NAME, 12, STEPS)         \
    TILE(NAME, 13, STEPS)         \
    TILE(NAME, 14, STEPS)
#define ROW(NAME, NB)                                                                                            \
    {                                                                                                            \
        NAME##_1x##NB, NAME##_2x##NB, NAME##_3x##NB, NAME##_4x##NB, NAME##_5x##NB, NAME##_6x##NB, NAME##_7x##NB, \
            NAME##_8x##NB, NAME##_9x##NB, NAME##_10x##NB, NAME##_11x##NB, NAME##_12x##NB, NAME##_13x##NB,        \
            NAME##_14x##NB                                                                                       \
    }

#define PX 16
FAMILY(TILE1, pixel, 4)
FAMILY(TILE2, pixel, 4)
#undef PX
#define PX 4
FAMILY(TILE1, scalar, 1)
FAMILY(TILE2, scalar, 1)
#undef PX

const wt_tileset wt_tiles_u8_avx512vnni = {
    .mr = 14, .nb = 2, .steps = 4, .px = 16, .w_step = 64, .fn = { ROW(pixel, 1), ROW(pixel, 2) }
};
const wt_tileset wt_tiles_u8_scalar_avx512vnni = {
    .mr = 14, .nb = 2, .steps = 1, .px = 4, .w_step = 64, .fn = { ROW(scalar, 1), ROW(scalar, 2) }
};
