/* cumsum.c - CumSum and CumProd. The axis is an input, so the walk is laid out when running. */
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/types.h"
#include "run/kernels/ref/walk.h"

enum { STRIP = 64 };

/* n steps of `step` elements each (negative: backwards); `width` columns side by side. */
typedef void cumulate_fn(const void *x, void *y, size_t n, ptrdiff_t step, size_t width, bool exclusive);
#define LOOP(name, type, wide, neutral, op)                                                                            \
    static void name(const void *vx, void *vy, size_t n, ptrdiff_t step, size_t width, bool exclusive)                 \
    {                                                                                                                  \
        const type *x = vx;                                                                                            \
        type *y = vy;                                                                                                  \
        for (size_t k = 0; k < width; k++)                                                                             \
            y[k] = exclusive ? (type)(neutral) : x[k];                                                                 \
        for (size_t i = 1; i < n; i++) {                                                                               \
            const type *next = exclusive ? x : x + step, *so_far = y;                                                  \
            x += step;                                                                                                 \
            y += step;                                                                                                 \
            for (size_t k = 0; k < width; k++)                                                                         \
                y[k] = (type)((wide)so_far[k] op(wide) next[k]);                                                       \
        }                                                                                                              \
    }
#define LOOPS(id, type, wide) LOOP(sum_##id, type, wide, 0, +) LOOP(product_##id, type, wide, 1, *)
WT_NATIVE_TYPES(LOOPS)
#define SUM(id, type, wide)     [WT_##id] = sum_##id,
#define PRODUCT(id, type, wide) [WT_##id] = product_##id,
static cumulate_fn *const sum_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(SUM) };
static cumulate_fn *const product_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(PRODUCT) };

static cumulate_fn *pick(const wt_prep *p)
{
    return (p->op == WT_OP_CUMPROD ? product_table : sum_table)[p->in[0]->dtype];
}

typedef struct cumulate_params {
    cumulate_fn *fn;
    size_t elem;
    bool exclusive, reverse;
} cumulate_params;

static bool accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_has_out(p, 0) && (wt_in_is(p, 1, WT_I64) || wt_in_is(p, 1, WT_I32)) &&
           wt_count(p->in[1]) == 1 && p->out[0]->dtype == p->in[0]->dtype && pick(p) && wt_all_plain(p);
}

static wt_status prepare(wt_prep *p, wt_err *err)
{
    cumulate_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    *q = (cumulate_params){ .fn = pick(p),
                            .elem = wt_elem_bytes(p->in[0]->dtype),
                            .exclusive = wt_attr_int(p->attrs, "exclusive", 0) != 0,
                            .reverse = wt_attr_int(p->attrs, "reverse", 0) != 0 };
    p->params = q;
    p->max_threads = wt_worth_threads(p, (double)wt_count(p->in[0]));
    return WT_OK;
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const cumulate_params *q = r->params;
    const wt_shape *s = &r->in[0]->shape;
    int64_t given = 0;
    wt_tensor_int(r->in[1], 0, &given);
    const int axis = wt_axis(given, s->rank, false);
    if (axis < 0)
        return wt_fail(err, WT_EFORMAT, "the axis %lld does not exist in a tensor of rank %d", (long long)given,
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

#define ROWS(code, text)                                                                                               \
    { .name = text "_ref", .op = code, .accepts = accepts, .prepare = prepare, .run = run },                           \
        WT_HALF_ROW(text "_half_ref", code)
const wt_kernel wt_cumsum_rows[] = {
    ROWS(WT_OP_CUMSUM, "cumsum"),
    ROWS(WT_OP_CUMPROD, "cumprod"),
    { .name = NULL },
};
