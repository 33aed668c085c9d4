/* walk.h - how elementwise rows go over their operands.
 *
 * Broadcasting is decided once, in prepare: dims that all operands step through alike are merged, dims of one are
 * dropped. What remains for most operators is one long run; for a bias or a scale per channel it is rows. In the
 * innermost dim every operand either advances by one or stands still, so a loop needs no strides and vectorizes.
 *
 * C16 tensors take part with their physical dims [n, blocks, spatial..., 16]. Beside them an operand may be a plain
 * scalar, or plain with one value per channel. */
#ifndef WT_REF_WALK_H
#define WT_REF_WALK_H
#include "run/kernel.h"
#include "run/kernels/ref/types.h"

enum { WT_WALK_MAX_IN = 3, WT_WALK_DIMS = WT_MAX_RANK + 2 };

typedef struct wt_walk {
    int rank; /* >= 1 */
    size_t n_in, total;
    size_t dim[WT_WALK_DIMS];
    size_t stride[WT_WALK_MAX_IN][WT_WALK_DIMS]; /* elements; innermost 0 or 1 */
} wt_walk;

/* Can these operands walk together? Says what accepts() needs to know, for any number of inputs. */
bool wt_walk_accepts(const wt_tensor *const *in, size_t n, const wt_tensor *out);
/* in[0..n): n <= WT_WALK_MAX_IN, all accepted. */
void wt_walk_init(wt_walk *w, const wt_tensor *const *in, size_t n, const wt_tensor *out);
/* One run: n output elements from out_at on; operand i from at[i] on, advancing by w->stride[i][w->rank - 1]. */
typedef void wt_walk_fn(void *arg, const size_t *at, size_t out_at, size_t n);
void wt_walk_run(const wt_walk *w, size_t begin, size_t end, wt_walk_fn *fn, void *arg);
static inline size_t wt_walk_step(const wt_walk *w, size_t i) { return w->stride[i][w->rank - 1]; }

/* A plain operand with one value per channel beside C16 tensors: its bytes end behind the last channel, not the last
 * lane. Rows copy it, padded with zeros, to their own part of the scratch (wt_channel_copy). */
bool wt_is_per_channel(const wt_tensor *t, const wt_tensor *out);
/* Bytes of such a copy for one member (64-aligned); 0: the operand can be read as it lies. */
size_t wt_channel_bytes(const wt_tensor *t, const wt_tensor *out);
const void *wt_channel_copy(const wt_tensor *t, size_t bytes, void *room);

/* The lanes behind the last channel of a C16 tensor: whatever was computed there becomes zero again. */
typedef struct wt_c16_pad {
    size_t block;  /* elements of one channel block: spatial * 16; 0: nothing to do */
    size_t blocks; /* of one image */
    size_t used;   /* lanes of the last block that are channels */
} wt_c16_pad;
wt_c16_pad wt_c16_pad_of(const wt_tensor *t);
/* Elements [begin, end) of data, multiples of 16. */
void wt_c16_pad_zero(const wt_c16_pad *pad, void *data, size_t elem, size_t begin, size_t end);

/* Threads that `work` elementary operations are worth. */
static inline int wt_worth_threads(const wt_prep *p, double work) { return work > 100000.0 ? p->threads : 1; }
/* Physical elements of a tensor (C16: with padding lanes). */
static inline size_t wt_physical_count(const wt_tensor *t)
{
    wt_shape s = t->shape;
    if (t->layout == WT_C16)
        s.dim[1] = (s.dim[1] + 15) / 16 * 16;
    return (size_t)wt_shape_product(&s, 0, s.rank);
}
#endif
