/* tile.h - the one inner loop that convolutions and matrix products share, and who offers it.
 *
 * A tile is MR neighbouring output pixels x NB blocks of 16 output channels, held in registers while the sum runs over
 * everything that is summed: kernel rows, input blocks, kernel columns, 16 channels of a block. Nothing is summed
 * anywhere else, so an output has one order of addition, whatever the tile, the band or the thread that made it.
 *
 * Input is addressed by a pointer to pixel 0 and distances; the distance between neighbouring pixels is fixed by the
 * family: PIXEL  one pixel is 16 channels (64 bytes of float, 16 of u8, 32 of s16): C16 tensors, bands copied from
 * them, and rows of a matrix packed as [K/16][M][16] SCALAR one pixel is one float (or one dword of 4 bytes): planar
 * input with few channels; "input block" is then one channel Weights lie in the order in which they are read:
 * [oc/16][kh][input block][kw][k][16]. Kernel rows come first so that rows that fall outside the image are left out by
 * shortening the walk. */
#ifndef WT_X86_TILE_H
#define WT_X86_TILE_H
#include "run/kernel.h"

/* Sums to codes without leaving the registers. sum * factor + base, base = 1.5 * 2^23 + zero point, rounds to a whole
 * number whose low byte is the code. The meaning has roundings of its own (a product, a quotient), so this is done with
 * two factors that enclose the true one: where both give the same, so does what lies between them. */
typedef struct wt_fuse {
    const float *high, *low; /* [output channels] */
    float base;
    int32_t lo, hi; /* limits of codes, as bits of the rounded number */
} wt_fuse;

typedef struct wt_tile {
    const char *in;           /* pixel 0, first used tap, input block 0 */
    const char *w;            /* of the first output block, at the first used tap */
    const void *bias;         /* [NB * 16] float or int32 */
    const ptrdiff_t *col;     /* [kw] bytes from pixel 0 to what a kernel column reads */
    size_t in_block, in_row;  /* bytes between input blocks, between kernel rows */
    size_t w_block;           /* bytes between output blocks */
    int blocks, kh, kw;       /* input blocks, used kernel rows, kernel columns */
    int k_last;               /* steps of the last input block (all others have the family's full number) */
    char *out;                /* pixel 0 of the first output block */
    size_t out_px, out_block; /* bytes between pixels, between blocks */
    const float *res;         /* added before clamping, same distances as out; NULL */
    const wt_fuse *fuse;      /* integers: NULL, or store codes (all 16 lanes) */
    size_t channel;           /* of the first output */
    char *codes;
    size_t codes_px, codes_block;
    float lo, hi; /* floats are clamped to this; integers are stored as they are */
} wt_tile;
/* False: sums (clamped floats) are in `out`. True: codes are stored. */
typedef bool wt_tile_fn(const wt_tile *t);

enum { WT_TILE_MR = 14, WT_TILE_NB = 2 };

/* The tiles of one element type on one instruction set, with their limits beside them. */
typedef struct wt_tileset {
    int mr, nb;    /* largest pixel and block counts */
    int steps;     /* k steps of a full input block: 16 floats, 4 dwords of bytes, 8 pairs of s16 */
    size_t px;     /* bytes between pixels */
    size_t w_step; /* bytes of weights for one k step of one output block */
    wt_tile_fn *fn[WT_TILE_NB][WT_TILE_MR]; /* [nb - 1][mr - 1] */
} wt_tileset;

extern const wt_tileset wt_tiles_f32_avx512, wt_tiles_f32_avx2;               /* PIXEL */
extern const wt_tileset wt_tiles_f32_scalar_avx512, wt_tiles_f32_scalar_avx2; /* SCALAR */
extern const wt_tileset wt_tiles_f16_avx512, wt_tiles_f16_avx2;               /* PIXEL, weights in half precision */
extern const wt_tileset wt_tiles_bf16_avx512, wt_tiles_bf16_avx2;             /* PIXEL, weights in bfloat16 */
extern const wt_tileset wt_tiles_u8_avx512vnni, wt_tiles_u8_scalar_avx512vnni;
extern const wt_tileset wt_tiles_s16_avx2, wt_tiles_s16_scalar_avx2;

/* One line for each pixel count: a family is one inline function with constant sizes, made into functions by these. */
#define WT_TILES_6(X, nb) X(1, nb) X(2, nb) X(3, nb) X(4, nb) X(5, nb) X(6, nb)
#define WT_TILES_14(X, nb)                                                                                             \
    WT_TILES_6(X, nb) X(7, nb) X(8, nb) X(9, nb) X(10, nb) X(11, nb) X(12, nb) X(13, nb) X(14, nb)
#endif
