/* clip.c - Clip. The bounds are inputs, so they are read when running. */
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"
#include <math.h>

enum { HALF_BLOCK = 512 };

/* y[i] = min(max(x[i], *low), *high); NaN stays NaN. NULL: no bound. */
typedef void clip_fn(const void *x, void *y, size_t n, const void *low, const void *high);
#define CLIP_LOOP(id, type, lowest, highest)                                                                           \
    static void clip_##id(const void *vx, void *vy, size_t n, const void *vl, const void *vh)                          \
    {                                                                                                                  \
        const type *x = vx;                                                                                            \
        type *y = vy;                                                                                                  \
        const type low = vl ? *(const type *)vl : (type)(lowest);                                                      \
        const type high = vh ? *(const type *)vh : (type)(highest);                                                    \
        WT_IVDEP                                                                                                       \
        for (size_t i = 0; i < n; i++) {                                                                               \
            const type v = x[i] < low ? low : x[i];                                                                    \
            y[i] = v > high ? high : v;                                                                                \
        }                                                                                                              \
    }
#define CLIP_SIGNED(id, type, wide)                                                                                    \
    CLIP_LOOP(id, type, (wide)1 << (8 * sizeof(type) - 1), ((wide)1 << (8 * sizeof(type) - 1)) - 1)
#define CLIP_UNSIGNED(id, type, wide) CLIP_LOOP(id, type, 0, ~(wide)0)
CLIP_LOOP(F32, float, -INFINITY, INFINITY)
CLIP_LOOP(F64, double, -INFINITY, INFINITY)
WT_SIGNED_TYPES(CLIP_SIGNED)
WT_UNSIGNED_TYPES(CLIP_UNSIGNED)

#define ENTRY(id, type, wide) [WT_##id] = clip_##id,
static clip_fn *const clip_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(ENTRY) };

typedef struct clip_params {
    clip_fn *fn;
    wt_dtype half;
    size_t elem, total;
    wt_c16_pad pad;
} clip_params;

static bool bound_fits(const wt_prep *p, size_t i)
{
    if (!wt_has_in(p, i))
        return true;
    return p->in[i]->dtype == p->in[0]->dtype && p->in[i]->layout == WT_PLAIN && wt_physical_count(p->in[i]) == 1;
}

static bool clip_accepts(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !p->out[0] || p->in[0]->dtype != p->out[0]->dtype || p->in[0]->layout != p->out[0]->layout)
        return false;
    const wt_dtype dtype = p->in[0]->dtype;
    return clip_table[wt_is_half(dtype) ? WT_F32 : dtype] && bound_fits(p, 1) && bound_fits(p, 2);
}

static wt_status clip_prepare(wt_prep *p, wt_err *err)
{
    const wt_dtype dtype = p->in[0]->dtype;
    clip_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    *q = (clip_params){ .fn = clip_table[wt_is_half(dtype) ? WT_F32 : dtype],
                        .half = wt_is_half(dtype) ? dtype : WT_DTYPE_NONE,
                        .elem = wt_elem_bytes(dtype),
                        .total = wt_physical_count(p->in[0]),
                        .pad = wt_c16_pad_of(p->out[0]) };
    p->params = q;
    p->max_threads = wt_worth_threads(p, (double)q->total);
    return WT_OK;
}

static void clip_halves(const clip_params *q, const uint16_t *x, uint16_t *y, size_t n, const void *low,
                        const void *high)
{
    float block[HALF_BLOCK], l = 0, h = 0;
    if (low)
        wt_half_load(q->half, low, &l, 1);
    if (high)
        wt_half_load(q->half, high, &h, 1);
    for (size_t i = 0; i < n; i += HALF_BLOCK) {
        const size_t m = n - i < HALF_BLOCK ? n - i : HALF_BLOCK;
        wt_half_load(q->half, x + i, block, m);
        q->fn(block, block, m, low ? &l : NULL, high ? &h : NULL);
        wt_half_store(q->half, block, y + i, m);
    }
}

static wt_status clip_run(const wt_run *r, wt_err *err)
{
    const clip_params *q = r->params;
    const void *low = r->n_in > 1 && r->in[1] ? r->in[1]->data : NULL,
               *high = r->n_in > 2 && r->in[2] ? r->in[2]->data : NULL;
    size_t begin, end;
    (void)err;
    wt_split(q->total, 64, r->tid, r->nthreads, &begin, &end);
    if (begin == end)
        return WT_OK;
    const char *x = (const char *)r->in[0]->data + begin * q->elem;
    char *out = wt_tensor_mut(r->out[0]), *y = out + begin * q->elem;
    if (q->half)
        clip_halves(q, (const uint16_t *)(const void *)x, (uint16_t *)(void *)y, end - begin, low, high);
    else
        q->fn(x, y, end - begin, low, high);
    wt_c16_pad_zero(&q->pad, out, q->elem, begin, end);
    return WT_OK;
}

const wt_kernel wt_clip_rows[] = {
    { .name = "clip_ref",
      .op = WT_OP_CLIP,
      .accepts = clip_accepts,
      .prepare = clip_prepare,
      .run = clip_run,
      .in_place = true },
    { .name = NULL },
};
