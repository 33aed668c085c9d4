/* move.h - copying blocks of elements between strided places: one engine for everything that only moves.
 *
 * Transpose, Slice, Concat, Split, Expand, Tile, Pad, DepthToSpace, Reorder ... differ in the strides alone. They
 * describe a box of elements with a source and a destination stride for each dim (negative: backwards; source 0:
 * repeated); the engine drops and merges dims, makes the innermost run as long as it can, and then copies runs, fills
 * runs, or walks tiles where source and destination run in different directions. */
#ifndef WT_REF_MOVE_H
#define WT_REF_MOVE_H
#include "run/kernel.h"
#include "run/kernels/ref/types.h"

enum { WT_MOVE_DIMS = 2 * WT_MAX_RANK + 2 };

typedef struct wt_move {
    int rank;
    size_t elem; /* bytes of what is moved: 1, 2, 4, 8, 16 or any multiple (then runs are memcpy) */
    size_t dim[WT_MOVE_DIMS];
    ptrdiff_t from[WT_MOVE_DIMS], to[WT_MOVE_DIMS]; /* strides in bytes */
    ptrdiff_t from_at, to_at;                       /* bytes of the first element */
    /* filled by wt_move_finish */
    size_t rows; /* product of all dims but the innermost (and the tile's second) */
    bool tiled;
} wt_move;

/* Starts a description; then add dims from the outermost to the innermost. Strides here are in elements. */
void wt_move_begin(wt_move *m, size_t elem);
void wt_move_dim(wt_move *m, size_t n, ptrdiff_t from, ptrdiff_t to);
void wt_move_finish(wt_move *m);
/* Moves the part of member tid. */
void wt_move_run(const wt_move *m, const void *src, void *dst, int tid, int nthreads);
/* Bytes that one call moves: what it is worth in threads. */
size_t wt_move_bytes(const wt_move *m);
static inline int wt_move_threads(const wt_prep *p, double bytes) { return bytes > 400000.0 ? p->threads : 1; }
/* Row-major strides (in elements) of a shape. */
void wt_strides(const wt_shape *s, ptrdiff_t *stride);
#endif
