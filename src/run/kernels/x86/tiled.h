/* tiled.h - a layer as a sequence of tiles: what convolutions and matrix products have in common.
 *
 * A layer has `images` x `lines` lines of `width` pixels each. Lines are made in bands small enough to stay in the L2
 * cache while all output channels are computed from them. A band's input is read where it lies, or, when that does not
 * suit the tiles (padding, strides, other layouts and types), copied first into scratch memory: once per band, for all
 * output channels.
 *
 *     for each band of the thread's lines: [copy] for each unit of output blocks: for each line: for each tile
 *
 * A layer whose kernel is 1 x 1 is `flat`: the lines of a band form one long line, so that tiles do not end with each
 * of them. Threads take lines or units of output blocks, in static contiguous parts. */
#ifndef WT_X86_TILED_H
#define WT_X86_TILED_H
#include "run/kernels/x86/finish.h"
#include "run/kernels/x86/tile.h"

typedef struct wt_tiled wt_tiled;
/* Copies what lines [y0, y1) of an image read into the band; src is the image's first byte. */
typedef void wt_band_fn(const wt_tiled *p, char *band, const char *src, size_t y0, size_t y1);

/* The columns of a strided source row, sorted by their remainder: pixels of one tap then lie side by side. */
typedef struct wt_phase {
    ptrdiff_t first; /* source column of its pixel 0; may be negative */
} wt_phase;

struct wt_tiled {
    const wt_tileset *tiles;
    size_t images, lines, width;
    bool flat;
    /* input */
    size_t groups;
    int blocks; /* input blocks of a group */
    int k_last;
    int kh, kw;
    ptrdiff_t line_at, line_step,
        row_step;   /* source rows: of tap 0 of line 0, from line to line, from kernel row to kernel row */
    ptrdiff_t rows; /* of the source; taps outside are left out (clip) or are in the band as padding */
    bool clip;
    const ptrdiff_t *col;                 /* [kw] bytes */
    size_t src_image, src_block, src_row; /* bytes */
    wt_band_fn *copy;                     /* NULL: read in place */
    size_t band_lines;                    /* of a full band */
    size_t band_rows, band_row, band_block, band_bytes;
    ptrdiff_t band_step; /* source rows between rows of the band */
    int n_phases;
    const wt_phase *phases;
    size_t phase_px;                /* pixels of a phase */
    ptrdiff_t src_stride, src_cols; /* columns between pixels of a phase; columns of the source */
    size_t src_channels;            /* for sources that are not in blocks */
    unsigned char fill, flip;       /* bytes: padding, exclusive-or */
    bool is_signed;
    /* output */
    size_t oc_blocks;      /* of a group */
    int last;              /* channels of a group's last block */
    size_t w_row, w_block; /* bytes of a kernel row, of an output block */
    const void *w;
    const char *bias;                              /* [groups * oc_blocks * 16] of 4 bytes */
    size_t out_image, out_line, out_px, out_block; /* bytes */
    size_t res_image, res_line, res_px, res_block;
    bool direct;          /* full blocks store themselves */
    bool tail_stays_zero; /* C16: lanes behind the last channel come out as zero anyway, so all blocks do */
    float lo, hi;
    wt_finish finish;
    wt_finish_fn *finish_fn;
    bool split_units;
    size_t scratch; /* per thread */
};

/* Units of output blocks that one tile computes. */
size_t wt_tiled_units(const wt_tiled *p);
/* Decides bands, scratch and how threads split; everything else is filled. threads: that a run will have at most. */
void wt_tiled_plan(wt_tiled *p, int threads);
/* What is computed, in floating point or integer operations. */
double wt_tiled_flops(const wt_tiled *p, double depth);
/* The part of thread tid. scratch: p->scratch bytes of its own. */
void wt_tiled_run(const wt_tiled *p, const void *src, const void *res, void *out, void *scratch, int tid, int nthreads);
/* As above for given lines (of all images) and units. */
void wt_tiled_part(const wt_tiled *p, const void *src, const void *res, void *out, void *scratch, size_t line0,
                   size_t line1, size_t unit0, size_t unit1);
#endif
