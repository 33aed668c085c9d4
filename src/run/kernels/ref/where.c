/* where.c - Where: a choice between two operands, which moves elements of any type by their size. */
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"

typedef struct element16 {
    uint64_t part[2];
} element16;

typedef void where_fn(const uint8_t *c, size_t sc, const void *a, size_t sa, const void *b, size_t sb, void *y,
                      size_t n);
#define WHERE_LOOP(name, type)                                                                                         \
    static void name(const uint8_t *c, size_t sc, const void *va, size_t sa, const void *vb, size_t sb, void *vy,      \
                     size_t n)                                                                                         \
    {                                                                                                                  \
        const type *a = va, *b = vb;                                                                                   \
        type *y = vy;                                                                                                  \
        if (sc && sa && sb) {                                                                                          \
            for (size_t i = 0; i < n; i++)                                                                             \
                y[i] = c[i] ? a[i] : b[i];                                                                             \
        } else if (sc && !sa && !sb) {                                                                                 \
            const type t = a[0], f = b[0];                                                                             \
            for (size_t i = 0; i < n; i++)                                                                             \
                y[i] = c[i] ? t : f;                                                                                   \
        } else if (sc && sb) {                                                                                         \
            const type t = a[0];                                                                                       \
            for (size_t i = 0; i < n; i++)                                                                             \
                y[i] = c[i] ? t : b[i];                                                                                \
        } else if (sc) {                                                                                               \
            const type f = b[0];                                                                                       \
            for (size_t i = 0; i < n; i++)                                                                             \
                y[i] = c[i] ? a[i] : f;                                                                                \
        } else {                                                                                                       \
            const type *from = c[0] ? a : b;                                                                           \
            const size_t step = c[0] ? sa : sb;                                                                        \
            for (size_t i = 0; i < n; i++)                                                                             \
                y[i] = from[i * step];                                                                                 \
        }                                                                                                              \
    }
WHERE_LOOP(where_1, uint8_t)
WHERE_LOOP(where_2, uint16_t)
WHERE_LOOP(where_4, uint32_t)
WHERE_LOOP(where_8, uint64_t)
WHERE_LOOP(where_16, element16)

typedef struct where_params {
    where_fn *fn;
    size_t elem;
    wt_walk walk;
    wt_c16_pad pad;
    size_t channel[3];
} where_params;

static where_fn *pick(size_t elem)
{
    return elem == 1    ? where_1
           : elem == 2  ? where_2
           : elem == 4  ? where_4
           : elem == 8  ? where_8
           : elem == 16 ? where_16
                        : NULL;
}

static bool where_accepts(const wt_prep *p)
{
    return p->n_in == 3 && p->in[0] && p->in[1] && p->in[2] && p->out[0] && p->in[0]->dtype == WT_BOOL &&
           p->in[1]->dtype == p->in[2]->dtype && p->out[0]->dtype == p->in[1]->dtype &&
           pick(wt_elem_bytes(p->in[1]->dtype)) && wt_walk_accepts(p->in, 3, p->out[0]);
}

static wt_status where_prepare(wt_prep *p, wt_err *err)
{
    where_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->elem = wt_elem_bytes(p->in[1]->dtype);
    q->fn = pick(q->elem);
    q->pad = wt_c16_pad_of(p->out[0]);
    wt_walk_init(&q->walk, p->in, 3, p->out[0]);
    p->params = q;
    p->max_threads = wt_worth_threads(p, (double)q->walk.total);
    for (size_t i = 0; i < 3; i++) {
        q->channel[i] = wt_channel_bytes(p->in[i], p->out[0]);
        p->scratch_bytes += q->channel[i] * (size_t)p->max_threads;
    }
    return WT_OK;
}

typedef struct where_rows {
    const where_params *q;
    const uint8_t *c;
    const char *a, *b;
    char *y;
} where_rows;

static void where_row(void *arg, const size_t *at, size_t out_at, size_t n)
{
    const where_rows *w = arg;
    const where_params *q = w->q;
    q->fn(w->c + at[0], wt_walk_step(&q->walk, 0), w->a + at[1] * q->elem, wt_walk_step(&q->walk, 1),
          w->b + at[2] * q->elem, wt_walk_step(&q->walk, 2), w->y + out_at * q->elem, n);
}

static wt_status where_run(const wt_run *r, wt_err *err)
{
    const where_params *q = r->params;
    char *room = (char *)r->scratch + (size_t)r->tid * (q->channel[0] + q->channel[1] + q->channel[2]);
    const void *in[3];
    size_t begin, end;
    (void)err;
    wt_split(q->walk.total, 64, r->tid, r->nthreads, &begin, &end);
    if (begin == end)
        return WT_OK;
    for (size_t i = 0; i < 3; i++) {
        in[i] = q->channel[i] ? wt_channel_copy(r->in[i], q->channel[i], room) : r->in[i]->data;
        room += q->channel[i];
    }
    where_rows w = { q, in[0], in[1], in[2], wt_tensor_mut(r->out[0]) };
    wt_walk_run(&q->walk, begin, end, where_row, &w);
    wt_c16_pad_zero(&q->pad, w.y, q->elem, begin, end);
    return WT_OK;
}

const wt_kernel wt_where_rows[] = {
    { .name = "where_ref", .op = WT_OP_WHERE, .accepts = where_accepts, .prepare = where_prepare, .run = where_run },
    { .name = NULL },
};
