/* tile_u8_avx512vnni.c - u8 x s8 tiles of up to 14 pixels x 2 blocks of 16 channels, summed exactly in 32 bits.
 *
 * A step is 4 channels of a pixel (one dword, broadcast) against weights [16 outputs][4 channels]. The dot is inline
 * assembly: with the intrinsic gcc 12 keeps a hundred stack accesses in the loop (57 % of peak), with this none (97 %).
 */
#include <immintrin.h>
#include "run/kernels/x86/fuse.h"

/* acc[i] += sum over 4 of u8 pixel * s8 weights */
#define DOT(acc, pixel, weights) __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(pixel), "v"(weights))

/* Broadcast as a float: of an int, gcc goes through a general register. */
WT_INLINE __m512i broadcast(const char *p)
{
    float dword;
    memcpy(&dword, p, sizeof dword);
    return _mm512_castps_si512(_mm512_set1_ps(dword));
}

WT_INLINE bool store(const wt_tile *t, __m512i acc[WT_TILE_MR][WT_TILE_NB], const int MR, const int NB)
{
    if (t->fuse) {
        const wt_fuse f = *t->fuse; /* copies: a store might change the originals, as far as the compiler knows */
        const size_t px = t->codes_px, block = t->codes_block, channel = t->channel;
        char *const codes = t->codes;
        vm doubtful = vm_none();
        WT_UNROLL
        for (int i = 0; i < MR; i++) {
            WT_UNROLL
            for (int j = 0; j < NB; j++) {
                char *to = codes + (size_t)i * px + (size_t)j * block;
                doubtful = vm_or(doubtful, wt_fuse_store(&f, to, acc[i][j], channel + 16 * (size_t)j));
            }
        }
        if (WT_LIKELY(!vm_any(doubtful)))
            return true;
    }
    char *const out = t->out;
    const size_t out_px = t->out_px, out_block = t->out_block;
    WT_UNROLL
    for (int i = 0; i < MR; i++) {
        WT_UNROLL
        for (int j = 0; j < NB; j++)
            _mm512_storeu_si512(out + (size_t)i * out_px + (size_t)j * out_block, acc[i][j]);
    }
    return false;
}

WT_INLINE bool tile(const wt_tile *t, const int MR, const int NB, const int PX)
{
    const int full = PX == 4 ? 1 : 4;
    const size_t w_block = t->w_block;
    const char *in = t->in, *w = t->w;
    __m512i acc[WT_TILE_MR][WT_TILE_NB], b[WT_TILE_NB];
    WT_UNROLL
    for (int i = 0; i < MR; i++) {
        WT_UNROLL
        for (int j = 0; j < NB; j++)
            acc[i][j] = _mm512_loadu_si512((const int32_t *)t->bias + 16 * j);
    }
    for (int y = 0; y < t->kh; y++, in += t->in_row) {
        const char *px = in;
        for (int block = 0; block < t->blocks; block++, px += t->in_block) {
            const int steps = full == 1 || block + 1 < t->blocks ? full : t->k_last;
            for (int x = 0; x < t->kw; x++) {
                const char *p = px + t->col[x];
                for (int k = 0; k < steps; k++, p += 4, w += 64) {
                    WT_UNROLL
                    for (int j = 0; j < NB; j++)
                        b[j] = _mm512_loadu_si512(w + (size_t)j * w_block);
                    WT_UNROLL
                    for (int i = 0; i < MR; i++) {
                        const __m512i pixel = broadcast(p + i * PX);
                        WT_UNROLL
                        for (int j = 0; j < NB; j++)
                            DOT(acc[i][j], pixel, b[j]);
                    }
                }
            }
        }
    }
    return store(t, acc, MR, NB);
}

#define PIXEL(MR, NB)                                                                                                  \
    static bool pixel_##MR##x##NB(const wt_tile *t) { return tile(t, MR, NB, 16); }
#define SCALAR(MR, NB)                                                                                                 \
    static bool scalar_##MR##x##NB(const wt_tile *t) { return tile(t, MR, NB, 4); }
WT_TILES_14(PIXEL, 1)
WT_TILES_14(PIXEL, 2)
WT_TILES_14(SCALAR, 1)
WT_TILES_14(SCALAR, 2)

#define PIXEL_NAME(MR, NB)  pixel_##MR##x##NB,
#define SCALAR_NAME(MR, NB) scalar_##MR##x##NB,
const wt_tileset wt_tiles_u8_avx512vnni = {
    .mr = 14,
    .nb = 2,
    .steps = 4,
    .px = 16,
    .w_step = 64,
    .fn = { { WT_TILES_14(PIXEL_NAME, 1) }, { WT_TILES_14(PIXEL_NAME, 2) } },
};
const wt_tileset wt_tiles_u8_scalar_avx512vnni = {
    .mr = 14,
    .nb = 2,
    .steps = 1,
    .px = 4,
    .w_step = 64,
    .fn = { { WT_TILES_14(SCALAR_NAME, 1) }, { WT_TILES_14(SCALAR_NAME, 2) } },
};
