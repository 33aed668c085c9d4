/* dwq.h - depthwise convolution of bytes, one block of 16 channels: tiles of exact integer sums.
 *
 * A dot product sums over neighbouring bytes, but the channels of a pixel must not be summed. So rows of input are what
 * is interleaved: the same pixel of 4 rows becomes one vector of 16 channels x 4 rows (of 2 rows in words, without a
 * byte dot product), which one instruction multiplies with 4 taps of every channel. Two rows of output share the
 * vectors: their weights are the same taps, shifted by the stride, with zeros where a row does not belong to an output.
 */
#ifndef WT_X86_DWQ_H
#define WT_X86_DWQ_H
#include "run/kernels/x86/finish.h"
#include "run/kernels/x86/tile.h"

enum {
    WT_DWQ_MAX_ROWS = 32,  /* input rows of a tile */
    WT_DWQ_TAP_BYTES = 64, /* weights of one kernel column of one group of rows */
    WT_DWQ_PIXELS = 64     /* outputs of a row before they are finished */
};

typedef struct wt_dwq_tile {
    const char *row[WT_DWQ_MAX_ROWS]; /* column 0 of input rows; rows outside the image and behind the last: `pad` */
    const char *pad;                  /* a row of zero points, as long as the image is wide */
    const char *w;                    /* [output rows][groups][kw][64 bytes] */
    size_t w_row;                     /* bytes from one output row's weights to the next */
    const int32_t *bias;              /* [16] */
    int32_t *out;                     /* [output rows][WT_DWQ_PIXELS][16] */
    int groups, kw, sw, dw;
    ptrdiff_t col, cols; /* source column of tap column 0 of the first output; columns of the image */
    int n;               /* outputs to store (edge tiles) */
    bool is_signed;
    const wt_fuse *fuse; /* NULL, or store codes */
    size_t channel;
    char *codes;
    size_t codes_row; /* bytes between output rows */
} wt_dwq_tile;
/* False: sums are in `out`. True: codes are stored. */
typedef bool wt_dwq_fn(const wt_dwq_tile *t);

/* One kernel width and column stride; fn[output rows - 1][inside: 0, edge: 1]. */
typedef struct wt_dwq_kind {
    int kw, sw; /* 0: any, dilated too */
    int rows;   /* most output rows of a tile */
    int ur;     /* output columns */
    wt_dwq_fn *fn[2][2];
} wt_dwq_kind;
typedef struct wt_dwq_set {
    int interleave;           /* rows of a group */
    bool fuses;               /* tiles store codes */
    const wt_dwq_kind *kinds; /* ends with the general one */
    wt_finish_fn *finish;
} wt_dwq_set;
extern const wt_dwq_set wt_dwq_avx2, wt_dwq_avx512vnni;
#endif
