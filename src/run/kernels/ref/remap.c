/* remap.c - axes that pick positions. See remap.h. */
#include "run/kernels/ref/remap.h"

void wt_remap_begin(wt_remap *m, size_t elem) { *m = (wt_remap){ .elem = elem, .base = elem }; }

void wt_remap_axis(wt_remap *m, size_t in, size_t out, const int64_t *map)
{
    m->in_dim[m->rank] = in;
    m->out_dim[m->rank] = out;
    m->map[m->rank++] = map;
}

/* The next run of an axis: neighbours that stay neighbours, or a stretch of fill. */
static wt_remap_run next_run(const int64_t *map, size_t at, size_t n)
{
    wt_remap_run run = { .to = at, .n = 1, .from = map[at] };
    while (at + run.n < n && map[at + run.n] == (run.from < 0 ? -1 : run.from + (int64_t)run.n))
        run.n++;
    return run;
}

static wt_status make_runs(wt_remap *m, wt_arena *arena, wt_err *err)
{
    const int inner = m->rank - 1;
    const size_t n = m->out_dim[inner];
    size_t count = 0, k = 0;
    if (!m->map[inner]) {
        m->runs = wt_arena_alloc(arena, 1, sizeof *m->runs, err);
        if (!m->runs)
            return WT_ENOMEM;
        m->runs[0] = (wt_remap_run){ 0, n, 0 };
        m->n_runs = 1;
        return WT_OK;
    }
    for (size_t at = 0; at < n; count++)
        at += next_run(m->map[inner], at, n).n;
    if (count * 8 > n + 16 && m->elem <= 16)
        return WT_OK; /* gather */
    m->runs = wt_arena_alloc(arena, count, sizeof *m->runs, err);
    if (!m->runs)
        return WT_ENOMEM;
    for (size_t at = 0; at < n; at += m->runs[k++].n)
        m->runs[k] = next_run(m->map[inner], at, n);
    m->n_runs = count;
    return WT_OK;
}

wt_status wt_remap_finish(wt_remap *m, wt_arena *arena, wt_err *err)
{
    if (m->rank == 0)
        wt_remap_axis(m, 1, 1, NULL);
    while (m->rank > 1 && !m->map[m->rank - 1]) {
        m->elem *= m->out_dim[m->rank - 1];
        m->rank--;
    }
    size_t stride = m->elem;
    m->rows = 1;
    for (int d = m->rank - 1; d >= 0; d--) {
        m->in_stride[d] = stride;
        stride *= m->in_dim[d];
        if (d < m->rank - 1)
            m->rows *= m->out_dim[d];
    }
    return m->out_dim[m->rank - 1] && m->elem ? make_runs(m, arena, err) : WT_OK;
}

/* --- filling
 * ---------------------------------------------------------------------------------------------------------- */
static void fill_bytes(char *dst, size_t bytes, const void *fill, size_t base)
{
    if (!fill) {
        memset(dst, 0, bytes);
        return;
    }
    if (base == 1) {
        memset(dst, *(const uint8_t *)fill, bytes);
        return;
    }
    size_t done = bytes < base ? bytes : base;
    memcpy(dst, fill, done);
    while (done < bytes) { /* doubling */
        const size_t n = done < bytes - done ? done : bytes - done;
        memcpy(dst + done, dst, n);
        done += n;
    }
}

/* --- rows
 * ------------------------------------------------------------------------------------------------------------- */
#define GATHER(name, type)                                                                                             \
    static void name(const void *vs, const int64_t *map, void *vd, size_t n, const void *fill)                         \
    {                                                                                                                  \
        const type *s = vs;                                                                                            \
        type *d = vd, none;                                                                                            \
        memset(&none, 0, sizeof none);                                                                                 \
        if (fill)                                                                                                      \
            memcpy(&none, fill, sizeof none);                                                                          \
        for (size_t i = 0; i < n; i++)                                                                                 \
            d[i] = map[i] < 0 ? none : s[map[i]];                                                                      \
    }
GATHER(gather_1, uint8_t)
GATHER(gather_2, uint16_t)
GATHER(gather_4, uint32_t)
GATHER(gather_8, uint64_t)

static void gather_any(const wt_remap *m, const char *src, const int64_t *map, char *dst, size_t n, const void *fill)
{
    for (size_t i = 0; i < n; i++) {
        if (map[i] < 0)
            fill_bytes(dst + i * m->elem, m->elem, fill, m->base);
        else
            memcpy(dst + i * m->elem, src + (size_t)map[i] * m->elem, m->elem);
    }
}

static void map_row(const wt_remap *m, const char *src, char *dst, const void *fill)
{
    const int inner = m->rank - 1;
    const size_t n = m->out_dim[inner];
    for (size_t k = 0; k < m->n_runs; k++) {
        const wt_remap_run *r = &m->runs[k];
        if (r->from < 0)
            fill_bytes(dst + r->to * m->elem, r->n * m->elem, fill, m->base);
        else
            memcpy(dst + r->to * m->elem, src + (size_t)r->from * m->elem, r->n * m->elem);
    }
    if (m->n_runs)
        return;
    const int64_t *map = m->map[inner];
    if (m->elem != m->base) /* several elements move as one: aligned to one element only */
        gather_any(m, src, map, dst, n, fill);
    else if (m->elem == 1)
        gather_1(src, map, dst, n, fill);
    else if (m->elem == 2)
        gather_2(src, map, dst, n, fill);
    else if (m->elem == 4)
        gather_4(src, map, dst, n, fill);
    else if (m->elem == 8)
        gather_8(src, map, dst, n, fill);
    else
        gather_any(m, src, map, dst, n, fill);
}

void wt_remap_run_part(const wt_remap *m, const void *src, void *dst, const void *fill, int tid, int nthreads)
{
    const size_t row_bytes = m->out_dim[m->rank - 1] * m->elem;
    size_t begin, end;
    if (row_bytes == 0)
        return;
    wt_split(m->rows, 1, tid, nthreads, &begin, &end);
    for (size_t row = begin; row < end; row++) {
        size_t rest = row, from = 0;
        bool outside = false;
        for (int d = m->rank - 2; d >= 0; d--) {
            const size_t i = rest % m->out_dim[d];
            const int64_t at = m->map[d] ? m->map[d][i] : (int64_t)i;
            rest /= m->out_dim[d];
            outside |= at < 0;
            from += (size_t)(at < 0 ? 0 : at) * m->in_stride[d];
        }
        char *to = (char *)dst + row * row_bytes;
        if (outside)
            fill_bytes(to, row_bytes, fill, m->base);
        else
            map_row(m, (const char *)src + from, to, fill);
    }
}
