/* remap.h - outputs whose every axis picks positions of the input's: Pad in all modes, Resize by nearest neighbour,
 * crops.
 *
 * An axis has a map from output to input position, -1 where the fill value stands, or no map where nothing changes.
 * Trailing axes without a map make the moved element larger (pixels with their channels, C16 blocks with their lanes).
 * The innermost mapped axis becomes a list of runs to copy and to fill, or, where neighbours do not stay neighbours, a
 * gather. */
#ifndef WT_REF_REMAP_H
#define WT_REF_REMAP_H
#include "run/kernel.h"
#include "run/kernels/ref/types.h"

enum { WT_REMAP_DIMS = WT_MAX_RANK + 1 };

typedef struct wt_remap_run {
    size_t to, n;
    int64_t from; /* -1: fill */
} wt_remap_run;

typedef struct wt_remap {
    size_t elem, base; /* bytes of what is moved; of one element */
    int rank;
    size_t in_dim[WT_REMAP_DIMS], out_dim[WT_REMAP_DIMS], in_stride[WT_REMAP_DIMS]; /* bytes */
    const int64_t *map[WT_REMAP_DIMS];
    wt_remap_run *runs;
    size_t n_runs; /* 0: gather */
    size_t rows;
} wt_remap;

/* Axes are added from the outermost; map has out entries (in the arena) or is NULL (then in == out). */
void wt_remap_begin(wt_remap *m, size_t elem);
void wt_remap_axis(wt_remap *m, size_t in, size_t out, const int64_t *map);
wt_status wt_remap_finish(wt_remap *m, wt_arena *arena, wt_err *err);
/* fill: one element of `base` bytes, NULL: zero. */
void wt_remap_run_part(const wt_remap *m, const void *src, void *dst, const void *fill, int tid, int nthreads);
static inline double wt_remap_bytes(const wt_remap *m)
{
    return (double)m->rows * (double)m->out_dim[m->rank - 1] * (double)m->elem;
}
#endif
