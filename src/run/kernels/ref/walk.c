/* walk.c - broadcasting over plain and C16 operands. See walk.h. */
#include "run/kernels/ref/walk.h"

static bool is_scalar(const wt_tensor *t)
{
    for (int i = 0; i < t->shape.rank; i++)
        if (t->shape.dim[i] != 1)
            return false;
    return true;
}

bool wt_is_per_channel(const wt_tensor *t, const wt_tensor *out)
{
    const int rank = out->shape.rank, at = t->shape.rank - (rank - 1); /* its dim that meets axis 1 */
    if (t->layout != WT_PLAIN || out->layout != WT_C16 || rank < 2 || at < 0 || t->shape.dim[at] != out->shape.dim[1])
        return false;
    for (int i = 0; i < t->shape.rank; i++)
        if (i != at && t->shape.dim[i] != 1)
            return false;
    return true;
}

static bool fits_c16(const wt_tensor *t, const wt_tensor *out)
{
    if (t->layout == WT_C16)
        return t->shape.rank == out->shape.rank && t->shape.dim[1] == out->shape.dim[1];
    return is_scalar(t) || wt_is_per_channel(t, out);
}

bool wt_walk_accepts(const wt_tensor *const *in, size_t n, const wt_tensor *out)
{
    for (size_t i = 0; i < n; i++) {
        if (!in[i])
            return false;
        if (out->layout == WT_C16 ? !fits_c16(in[i], out) : in[i]->layout != WT_PLAIN)
            return false;
    }
    return true;
}

/* Physical dims of a tensor, right-aligned in `rank` (+ 1 lane) dims, ones in front. Returns how many dims there are.
 */
static int physical_dims(const wt_tensor *t, int rank, bool blocked, size_t *dim)
{
    const int lead = rank - t->shape.rank;
    for (int i = 0; i < rank; i++)
        dim[i] = i < lead ? 1 : (size_t)t->shape.dim[i - lead];
    if (!blocked)
        return rank;
    dim[rank] = dim[1] == 1 && t->layout == WT_PLAIN ? 1 : 16;
    dim[1] = (dim[1] + 15) / 16;
    return rank + 1;
}

/* Merges dim d into the next one where every operand steps alike. */
static void collapse(wt_walk *w)
{
    int n = 0; /* dims kept so far, innermost last */
    size_t dim[WT_WALK_DIMS], stride[WT_WALK_MAX_IN][WT_WALK_DIMS];
    for (int d = 0; d < w->rank; d++) {
        bool merge = n > 0;
        if (w->dim[d] == 1)
            continue;
        for (size_t i = 0; i < w->n_in; i++)
            merge = merge && stride[i][n - 1] == w->stride[i][d] * w->dim[d];
        if (!merge)
            dim[n++] = 1;
        dim[n - 1] *= w->dim[d];
        for (size_t i = 0; i < w->n_in; i++)
            stride[i][n - 1] = w->stride[i][d];
    }
    if (n == 0) {
        dim[n++] = 1;
        for (size_t i = 0; i < w->n_in; i++)
            stride[i][0] = 1;
    }
    w->rank = n;
    memcpy(w->dim, dim, sizeof dim);
    memcpy(w->stride, stride, sizeof stride);
}

void wt_walk_init(wt_walk *w, const wt_tensor *const *in, size_t n, const wt_tensor *out)
{
    const bool blocked = out->layout == WT_C16;
    const int rank = out->shape.rank;
    *w = (wt_walk){ .n_in = n, .total = wt_physical_count(out) };
    w->rank = physical_dims(out, rank, blocked, w->dim);
    for (size_t i = 0; i < n; i++) {
        size_t dim[WT_WALK_DIMS], step = 1;
        const int dims = physical_dims(in[i], rank, blocked, dim);
        for (int d = dims - 1; d >= 0; d--) {
            w->stride[i][d] = dim[d] == 1 ? 0 : step;
            step *= dim[d];
        }
    }
    if (w->total)
        collapse(w);
}

void wt_walk_run(const wt_walk *w, size_t begin, size_t end, wt_walk_fn *fn, void *arg)
{
    const int inner = w->rank - 1;
    size_t index[WT_WALK_DIMS], at[WT_WALK_MAX_IN] = { 0 }, rest = begin;
    if (begin >= end)
        return;
    for (int d = inner; d >= 0; d--) {
        index[d] = rest % w->dim[d];
        rest /= w->dim[d];
        for (size_t i = 0; i < w->n_in; i++)
            at[i] += index[d] * w->stride[i][d];
    }
    while (begin < end) {
        const size_t row = w->dim[inner] - index[inner], n = row < end - begin ? row : end - begin;
        fn(arg, at, begin, n);
        begin += n;
        index[inner] += n;
        for (size_t i = 0; i < w->n_in; i++)
            at[i] += n * w->stride[i][inner];
        for (int d = inner; d > 0 && index[d] == w->dim[d]; d--) { /* carry */
            index[d] = 0;
            index[d - 1]++;
            for (size_t i = 0; i < w->n_in; i++)
                at[i] += w->stride[i][d - 1] - w->dim[d] * w->stride[i][d];
        }
    }
}

size_t wt_channel_bytes(const wt_tensor *t, const wt_tensor *out)
{
    if (!wt_is_per_channel(t, out) || is_scalar(t) || out->shape.dim[1] % 16 == 0)
        return 0;
    return wt_align_up((size_t)(out->shape.dim[1] + 15) / 16 * 16 * wt_elem_bytes(t->dtype), 64);
}

const void *wt_channel_copy(const wt_tensor *t, size_t bytes, void *room)
{
    const size_t used = wt_physical_count(t) * wt_elem_bytes(t->dtype);
    if (bytes == 0)
        return t->data;
    memcpy(room, t->data, used);
    memset((char *)room + used, 0, bytes - used);
    return room;
}

wt_c16_pad wt_c16_pad_of(const wt_tensor *t)
{
    if (t->layout != WT_C16 || t->shape.dim[1] % 16 == 0)
        return (wt_c16_pad){ 0 };
    return (wt_c16_pad){ .block = 16 * (size_t)wt_shape_product(&t->shape, 2, t->shape.rank),
                         .blocks = (size_t)(t->shape.dim[1] + 15) / 16,
                         .used = (size_t)t->shape.dim[1] % 16 };
}

void wt_c16_pad_zero(const wt_c16_pad *pad, void *data, size_t elem, size_t begin, size_t end)
{
    if (pad->block == 0)
        return;
    for (size_t b = begin / pad->block; b * pad->block < end; b++) {
        if (b % pad->blocks != pad->blocks - 1)
            continue;
        size_t from = b * pad->block, to = from + pad->block;
        from = from < begin ? begin : from;
        to = to > end ? end : to;
        for (size_t i = from; i < to; i += 16)
            memset((char *)data + (i + pad->used) * elem, 0, (16 - pad->used) * elem);
    }
}
