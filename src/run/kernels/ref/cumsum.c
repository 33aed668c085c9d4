/* cumsum.c - CumSum. The axis is an input, so the walk is laid out when running. */
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/types.h"
#include "run/kernels/ref/walk.h"

enum { STRIP = 64 };

/* n steps of `step` elements each (negative: backwards); `width` columns side by side. */
typedef void cumsum_fn(const void *x, void *y, size_t n, ptrdiff_t step, size_t width, bool exclusive);
#define CUMSUM_LOOP(id, type, wide)                                                                                    \
    static void cumsum_##id(const void *vx, void *vy, size_t n, ptrdiff_t step, size_t width, bool exclusive)          \
    {                                                                                                                  \
        const type *x = vx;                                                                                            \
        type *y = vy;                                                                                                  \
        for (size_t k = 0; k < width; k++)                                                                             \
            y[k] = exclusive ? (type)0 : x[k];                                                                         \
        for (size_t i = 1; i < n; i++) {                                                                               \
            const type *add = exclusive ? x : x + step, *sum = y;                                                      \
            x += step;                                                                                                 \
            y += step;                                                                                                 \
            for (size_t k = 0; k < width; k++)                                                                         \
                y[k] = (type)((wide)sum[k] + (wide)add[k]);                                                            \
        }                                                                                                              \
    }
WT_NATIVE_TYPES(CUMSUM_LOOP)
#define ENTRY(id, type, wide) [WT_##id] = cumsum_##id,
static cumsum_fn *const cumsum_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(ENTRY) };

typedef struct cumsum_params {
    cumsum_fn *fn;
    size_t elem;
    bool exclusive, reverse;
} cumsum_params;

static bool cumsum_accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_has_out(p, 0) && (wt_in_is(p, 1, WT_I64) || wt_in_is(p, 1, WT_I32)) &&
           wt_count(p->in[1]) == 1 && p->out[0]->dtype == p->in[0]->dtype && cumsum_table[p->in[0]->dtype] &&
           wt_all_plain(p);
}

static wt_status cumsum_prepare(wt_prep *p, wt_err *err)
{
    cumsum_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    *q = (cumsum_params){ .fn = cumsum_table[p->in[0]->dtype],
                          .elem = wt_elem_bytes(p->in[0]->dtype),
                          .exclusive = wt_attr_int(p->attrs, "exclusive", 0) != 0,
                          .reverse = wt_attr_int(p->attrs, "reverse", 0) != 0 };
    p->params = q;
    p->max_threads = wt_worth_threads(p, (double)wt_count(p->in[0]));
    return WT_OK;
}

static wt_status cumsum_run(const wt_run *r, wt_err *err)
{
    const cumsum_params *q = r->params;
    const wt_shape *s = &r->in[0]->shape;
    int64_t given = 0;
    wt_tensor_int(r->in[1], 0, &given);
    const int axis = wt_axis(given, s->rank, false);
    if (axis < 0)
        return wt_fail(err, WT_EFORMAT, "CumSum: axis %lld does not exist in a tensor of rank %d", (long long)given,
                       s->rank);
    const size_t outer = (size_t)wt_shape_product(s, 0, axis), n = (size_t)s->dim[axis],
                 inner = (size_t)wt_shape_product(s, axis + 1, s->rank);
    const size_t strips = (inner + STRIP - 1) / STRIP;
    size_t begin, end;
    wt_split(outer * strips, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end && n; u++) {
        const size_t k = u % strips * STRIP, first = u / strips * n * inner + k + (q->reverse ? (n - 1) * inner : 0);
        q->fn((const char *)r->in[0]->data + first * q->elem, (char *)wt_tensor_mut(r->out[0]) + first * q->elem, n,
              q->reverse ? -(ptrdiff_t)inner : (ptrdiff_t)inner, inner - k < STRIP ? inner - k : STRIP, q->exclusive);
    }
    return WT_OK;
}

const wt_kernel wt_cumsum_rows[] = {
    { .name = "cumsum_ref",
      .op = WT_OP_CUMSUM,
      .accepts = cumsum_accepts,
      .prepare = cumsum_prepare,
      .run = cumsum_run },
    WT_HALF_ROW("cumsum_half_ref", WT_OP_CUMSUM),
    { .name = NULL },
};
