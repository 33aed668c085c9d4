/* blocks.h - weights in block formats as the tiles of this folder read them, and activations as they meet them.
 *
 * A weight is scale * (code - zero) + offset: codes of 2 to 8 bits, one scale (and offset) for 32 of a row or for 16.
 * Weights lie in groups of 16 rows, one after the other; a group is its blocks of 32 columns in order, so that a
 * thread reads one stream:
 *
 *     f16 scale[halves][16], f16 offset[halves][16] (forms with offsets), then the codes' bits in planes:
 *     8: 8 x 64 bytes   column 4i + j of row r at byte 64 i + 4 r + j
 *     4: 4 x 64 bytes   low half of a byte: column group i, high half: i + 4
 *     2: 2 x 64 bytes   bits 2 s of register g: column group 4 g + s
 *     1: 8 x 64 bits    bit 4 r + j of word i
 * Codes of 3, 5, 6 bits are two planes, the one of the low bits first. Rows that do not exist have scale 0. A scale
 * that is a product in the file (K formats) is rounded to half precision: 2^-12 of it at most, a thirtieth of what
 * rounding activations does.
 *
 * Activations become 8-bit integers, one scale (float, largest magnitude / 127) for 32 of a row, rounded to nearest.
 * Products and sums within a block are exact integers; blocks are added in float32 in order, whatever the number of
 * threads or of rows of the left side. */
#ifndef WT_X86_BLOCKS_H
#define WT_X86_BLOCKS_H
#include "run/kernel.h"

/* What tiles distinguish: X(kind, bits, halves, offset, table). */
#define WT_BLOCK_KINDS(X)                                                                                              \
    X(8, 8, 1, false, false)                                                                                           \
    X(8_OFFSET, 8, 1, true, false)                                                                                     \
    X(4, 4, 1, false, false)                                                                                           \
    X(4_OFFSET, 4, 1, true, false)                                                                                     \
    X(4_TABLE, 4, 1, false, true)                                                                                      \
    X(5, 5, 1, false, false)                                                                                           \
    X(5_OFFSET, 5, 1, true, false)                                                                                     \
    X(6, 6, 2, false, false)                                                                                           \
    X(3, 3, 2, false, false)                                                                                           \
    X(2_OFFSET, 2, 2, true, false)
typedef enum wt_block_kind {
#define X(kind, bits, halves, offset, table) WT_KIND_##kind,
    WT_BLOCK_KINDS(X)
#undef X
        WT_KIND_COUNT
} wt_block_kind;

/* Up to 256 weights of one row as the file has them. */
typedef struct wt_codes {
    uint8_t code[256];
    float scale[16], offset[16]; /* of each 16 or 32 */
} wt_codes;
typedef void wt_codes_fn(const void *block, wt_codes *out);

typedef struct wt_block_form {
    wt_dtype dtype;
    wt_block_kind kind;
    wt_codes_fn *read; /* one block of the file */
    size_t len, bytes; /* of it */
    int bits, zero, halves;
    bool offset;
} wt_block_form;
const wt_block_form *wt_block_form_get(wt_dtype dtype); /* NULL: not one of these */
extern const int8_t wt_iq4_values[16];

/* --- weights ------------------------------------------------------------------------------------------------------ */
enum { WT_GROUP = 16, WT_PACKED_HEAD = 64 }; /* rows of a group; bytes before the first */
typedef struct wt_block_weights {
    const wt_block_form *form;
    const void *data;
    size_t matrices, n, k;                  /* [matrices, n, k] */
    size_t groups, blocks;                  /* of a matrix; of a row, 32 columns each */
    size_t block_bytes, group_bytes, bytes; /* packed; of all */
} wt_block_weights;
/* False when there is no form for it or it is too large. */
bool wt_block_weights_layout(wt_block_weights *w, const wt_tensor *t);
wt_status wt_block_weights_pack(const wt_block_weights *w, const wt_prep *p, const void **packed, wt_err *err);
/* What all scales of packed weights have to be multiplied with: 1, but for weights beyond half precision. */
static inline float wt_packed_factor(const void *packed) { return *(const float *)packed; }
static inline const char *wt_packed_group(const wt_block_weights *w, const void *packed, size_t matrix, size_t group)
{
    return (const char *)packed + WT_PACKED_HEAD + (matrix * w->groups + group) * w->group_bytes;
}

/* --- activations -------------------------------------------------------------------------------------------------- */
/* Rows are taken 8 at a time, what is left 8, 4 or 1 at a time; a tile of c rows is its blocks in order, each
 *     float scale[c], sum[halves][c], int8 code[8 column groups][c][4]
 * with sum: -zero * (sum of codes), an integer, or scale * (sum of codes), a float, where weights have offsets. */
enum { WT_TILE_ROWS = 8 };
static inline size_t wt_act_tile(size_t rows) { return rows > 4 ? 8 : rows > 1 ? 4 : 1; }
/* Bytes that one row takes of a panel. */
static inline size_t wt_act_row_bytes(const wt_block_weights *w)
{
    return w->blocks * 4 * (size_t)(9 + w->form->halves);
}
/* Quantizes rows [begin, end) of x (k floats each, `stride` apart), begin a multiple of 8, into their places of the
 * panel that starts with row 0; `factor` goes into the scales. */
void wt_act_pack_avx2(const wt_block_form *f, const float *x, size_t stride, size_t blocks, size_t begin, size_t end,
                      float factor, char *panel);

/* --- tiles -------------------------------------------------------------------------------------------------------- */
/* sum[c][16] of one group over all blocks for a tile of c activation rows. */
typedef void wt_block_tile_fn(const char *group, size_t blocks, const char *tile, float *sum);
typedef struct wt_block_tiles {
    wt_block_tile_fn *of[WT_KIND_COUNT][3]; /* for 1, 4, 8 rows */
} wt_block_tiles;
/* The row of a kind in such a table, and its tiles by TILE(kind, rows, bits, halves, offset, table). */
#define WT_TILE_ROW(kind, ...)  { tile_##kind##_1, tile_##kind##_4, tile_##kind##_8 },
#define WT_TILE_EACH(kind, ...) TILE(kind, 1, __VA_ARGS__) TILE(kind, 4, __VA_ARGS__) TILE(kind, 8, __VA_ARGS__)
extern const wt_block_tiles wt_block_tiles_avx2, wt_block_tiles_avx512vnni;
static inline wt_block_tile_fn *wt_block_tile(const wt_block_tiles *t, wt_block_kind kind, size_t rows)
{
    return t->of[kind][rows > 4 ? 2 : rows > 1 ? 1 : 0];
}
#endif
