/* move.c - the copying engine. See move.h. */
#include "run/kernels/ref/move.h"

enum { TILE = 16 };

typedef struct element16 {
    uint64_t part[2];
} element16;

void wt_move_begin(wt_move *m, size_t elem) { *m = (wt_move){ .elem = elem }; }

void wt_move_dim(wt_move *m, size_t n, ptrdiff_t from, ptrdiff_t to)
{
    const ptrdiff_t bytes = (ptrdiff_t)m->elem;
    m->dim[m->rank] = n;
    m->from[m->rank] = n == 1 ? 0 : from * bytes;
    m->to[m->rank++] = n == 1 ? 0 : to * bytes;
}

static void remove_dim(wt_move *m, int d)
{
    for (int i = d; i + 1 < m->rank; i++) {
        m->dim[i] = m->dim[i + 1];
        m->from[i] = m->from[i + 1];
        m->to[i] = m->to[i + 1];
    }
    m->rank--;
}

/* Two neighbouring dims that both sides step through as one become one. */
static void merge_dims(wt_move *m)
{
    for (int d = m->rank - 1; d >= 0; d--)
        if (m->dim[d] == 1)
            remove_dim(m, d);
    for (int d = m->rank - 2; d >= 0; d--) {
        const ptrdiff_t n = (ptrdiff_t)m->dim[d + 1];
        if (m->from[d] != m->from[d + 1] * n || m->to[d] != m->to[d + 1] * n)
            continue;
        m->from[d] = m->from[d + 1];
        m->to[d] = m->to[d + 1];
        m->dim[d] *= m->dim[d + 1];
        remove_dim(m, d + 1);
    }
}

static void swap_dims(wt_move *m, int a, int b)
{
    const size_t n = m->dim[a];
    const ptrdiff_t f = m->from[a], t = m->to[a];
    m->dim[a] = m->dim[b], m->from[a] = m->from[b], m->to[a] = m->to[b];
    m->dim[b] = n, m->from[b] = f, m->to[b] = t;
}

/* A run that is contiguous on both sides becomes one large element. */
static void widen_element(wt_move *m)
{
    const ptrdiff_t bytes = (ptrdiff_t)m->elem;
    const int d = m->rank - 1;
    if (d < 0 || m->from[d] != bytes || m->to[d] != bytes)
        return;
    m->elem *= m->dim[d];
    m->rank--;
}

void wt_move_finish(wt_move *m)
{
    merge_dims(m);
    for (int d = 0; d < m->rank; d++)
        if (m->dim[d] == 0) {
            m->rank = 0, m->rows = 0;
            return;
        }
    widen_element(m);
    /* The destination's densest dim goes innermost; the source's densest next to it, and the two make tiles. */
    int to = m->rank - 1, from = -1;
    const ptrdiff_t bytes = (ptrdiff_t)m->elem;
    for (int d = 0; d < m->rank; d++) {
        if (m->to[d] == bytes)
            to = d;
        if (m->from[d] == bytes)
            from = d;
    }
    if (m->rank > 0)
        swap_dims(m, to, m->rank - 1);
    from = from == to ? m->rank - 1 : from == m->rank - 1 ? to : from;
    m->tiled = from >= 0 && from != m->rank - 1 && m->from[m->rank - 1] != 0 && m->dim[from] >= 4 &&
               m->dim[m->rank - 1] >= 4 && m->elem <= 16;
    if (m->tiled)
        swap_dims(m, from, m->rank - 2);
    const int outer = m->rank - (m->tiled ? 2 : 1);
    m->rows = 1;
    for (int d = 0; d < outer; d++)
        m->rows *= m->dim[d];
}

size_t wt_move_bytes(const wt_move *m)
{
    size_t n = m->rows ? m->elem : 0;
    for (int d = 0; d < m->rank; d++)
        n *= m->dim[d];
    return n;
}

/* --- runs
 * -------------------------------------------------------------------------------------------------------------- */
#define RUN_LOOP(name, type)                                                                                           \
    static void name(const char *src, ptrdiff_t from, char *dst, ptrdiff_t to, size_t n)                               \
    {                                                                                                                  \
        const ptrdiff_t sf = from / (ptrdiff_t)sizeof(type), st = to / (ptrdiff_t)sizeof(type);                        \
        const type *s = (const type *)(const void *)src;                                                               \
        type *d = (type *)(void *)dst;                                                                                 \
        if (st == 1 && sf == 0) {                                                                                      \
            const type v = *s;                                                                                         \
            for (size_t i = 0; i < n; i++)                                                                             \
                d[i] = v;                                                                                              \
        } else if (st == 1) {                                                                                          \
            for (size_t i = 0; i < n; i++)                                                                             \
                d[i] = s[(ptrdiff_t)i * sf];                                                                           \
        } else {                                                                                                       \
            for (size_t i = 0; i < n; i++)                                                                             \
                d[(ptrdiff_t)i * st] = s[(ptrdiff_t)i * sf];                                                           \
        }                                                                                                              \
    }
RUN_LOOP(run_1, uint8_t)
RUN_LOOP(run_2, uint16_t)
RUN_LOOP(run_4, uint32_t)
RUN_LOOP(run_8, uint64_t)
RUN_LOOP(run_16, element16)

static void run_any(const char *src, ptrdiff_t from, char *dst, ptrdiff_t to, size_t elem, size_t n)
{
    for (size_t i = 0; i < n; i++)
        memcpy(dst + (ptrdiff_t)i * to, src + (ptrdiff_t)i * from, elem);
}

/* Typed loops need elements at multiples of their size: strides and base offsets are multiples of elem by construction,
 * and tensors start at least so aligned; a widened element of 4 bytes made of four single ones does not qualify. */
static bool typed(const wt_move *m, const char *src, const char *dst)
{
    const uintptr_t mask = (m->elem > 8 ? 8 : m->elem) - 1;
    if (m->elem > 16 || (m->elem & (m->elem - 1)))
        return false;
    return (((uintptr_t)src | (uintptr_t)dst) & mask) == 0 &&
           (m->rank < 1 || m->from[m->rank - 1] % (ptrdiff_t)m->elem == 0) &&
           (m->rank < 1 || m->to[m->rank - 1] % (ptrdiff_t)m->elem == 0);
}

static void run_one(const wt_move *m, const char *src, char *dst, size_t n)
{
    const ptrdiff_t from = m->rank ? m->from[m->rank - 1] : 0, to = m->rank ? m->to[m->rank - 1] : 0;
    if (!typed(m, src, dst)) {
        run_any(src, from, dst, to, m->elem, n);
        return;
    }
    switch (m->elem) {
    case 1: run_1(src, from, dst, to, n); break;
    case 2: run_2(src, from, dst, to, n); break;
    case 4: run_4(src, from, dst, to, n); break;
    case 8: run_8(src, from, dst, to, n); break;
    default: run_16(src, from, dst, to, n); break;
    }
}

/* The two innermost dims in tiles: reads along one, writes along the other, both within a few cache lines. [lo, hi) is
 * the part of the innermost (destination) dim. */
static void run_tiles(const wt_move *m, const char *src, char *dst, size_t lo, size_t hi)
{
    const int y = m->rank - 2, x = m->rank - 1;
    for (size_t i = lo; i < hi; i += TILE)
        for (size_t j = 0; j < m->dim[y]; j += TILE) {
            const size_t ni = hi - i < TILE ? hi - i : TILE, nj = m->dim[y] - j < TILE ? m->dim[y] - j : TILE;
            for (size_t k = 0; k < nj; k++) {
                const ptrdiff_t row = (ptrdiff_t)(j + k), col = (ptrdiff_t)i;
                run_one(m, src + row * m->from[y] + col * m->from[x], dst + row * m->to[y] + col * m->to[x], ni);
            }
        }
}

/* --- walking ---------------------------------------------------------------------------------------------------------
 */
typedef struct row_walk {
    size_t index[WT_MOVE_DIMS];
    ptrdiff_t from, to; /* byte offsets of the current row */
} row_walk;

static void walk_start(const wt_move *m, row_walk *w, int outer, size_t row)
{
    w->from = m->from_at;
    w->to = m->to_at;
    for (int d = outer - 1; d >= 0; d--) {
        w->index[d] = row % m->dim[d];
        row /= m->dim[d];
        w->from += (ptrdiff_t)w->index[d] * m->from[d];
        w->to += (ptrdiff_t)w->index[d] * m->to[d];
    }
}

static void walk_next(const wt_move *m, row_walk *w, int outer)
{
    for (int d = outer - 1; d >= 0; d--) {
        w->from += m->from[d];
        w->to += m->to[d];
        if (++w->index[d] < m->dim[d])
            return;
        w->index[d] = 0;
        w->from -= (ptrdiff_t)m->dim[d] * m->from[d];
        w->to -= (ptrdiff_t)m->dim[d] * m->to[d];
    }
}

/* One single run: its bytes (or elements) are split. */
static void run_flat(const wt_move *m, const char *src, char *dst, int tid, int nthreads)
{
    size_t begin, end;
    if (m->rank == 0) {
        wt_split(m->elem, 64, tid, nthreads, &begin, &end);
        if (begin < end)
            memcpy(dst + m->to_at + begin, src + m->from_at + begin, end - begin);
        return;
    }
    wt_split(m->dim[m->rank - 1], TILE, tid, nthreads, &begin, &end);
    const ptrdiff_t at = (ptrdiff_t)begin;
    if (m->tiled)
        run_tiles(m, src + m->from_at, dst + m->to_at, begin, end);
    else if (begin < end)
        run_one(m, src + m->from_at + at * m->from[m->rank - 1], dst + m->to_at + at * m->to[m->rank - 1], end - begin);
}

void wt_move_run(const wt_move *m, const void *vsrc, void *vdst, int tid, int nthreads)
{
    const char *src = vsrc;
    char *dst = vdst;
    const int outer = m->rank - (m->tiled ? 2 : 1);
    size_t begin, end;
    row_walk w;
    if (m->rows == 0)
        return;
    if (m->rows == 1) {
        run_flat(m, src, dst, tid, nthreads);
        return;
    }
    wt_split(m->rows, 1, tid, nthreads, &begin, &end);
    walk_start(m, &w, outer, begin);
    for (size_t row = begin; row < end; row++) {
        if (m->tiled)
            run_tiles(m, src + w.from, dst + w.to, 0, m->dim[m->rank - 1]);
        else
            run_one(m, src + w.from, dst + w.to, m->dim[m->rank - 1]);
        walk_next(m, &w, outer);
    }
}

void wt_strides(const wt_shape *s, ptrdiff_t *stride)
{
    ptrdiff_t step = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= (ptrdiff_t)s->dim[i];
    }
}
