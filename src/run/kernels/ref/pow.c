/* pow.c - Pow: the exponent may have another type than the base, whose type the result has.
 *
 * Equal float types with a constant exponent of 1, 2 or 3 multiply. Integers to an integer power are exact (they wrap);
 * everything else goes through double, which is exact enough for any mixture to round once. */
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"
#include <math.h>

enum { BLOCK = 256 };

typedef struct pow_params {
    wt_walk walk;
    wt_c16_pad pad;
    wt_dtype base, exponent;
    size_t base_elem, exponent_elem, channel;
} pow_params;

static bool pow_accepts(const wt_prep *p)
{
    if (p->n_in != 2 || !p->in[0] || !p->in[1] || !p->out[0] || p->in[0]->dtype != p->out[0]->dtype)
        return false;
    const wt_dtype a = p->in[0]->dtype, b = p->in[1]->dtype;
    return (wt_dtype_is_float(a) || wt_is_int(a)) && (wt_dtype_is_float(b) || wt_is_int(b)) &&
           !wt_is_per_channel(p->in[0], p->out[0]) && wt_walk_accepts(p->in, 2, p->out[0]);
}

static wt_status pow_prepare(wt_prep *p, wt_err *err)
{
    pow_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    *q = (pow_params){ .pad = wt_c16_pad_of(p->out[0]),
                       .base = p->in[0]->dtype,
                       .exponent = p->in[1]->dtype,
                       .base_elem = wt_elem_bytes(p->in[0]->dtype),
                       .exponent_elem = wt_elem_bytes(p->in[1]->dtype),
                       .channel = wt_channel_bytes(p->in[1], p->out[0]) };
    wt_walk_init(&q->walk, p->in, 2, p->out[0]);
    p->params = q;
    p->max_threads = wt_worth_threads(p, 20.0 * (double)q->walk.total);
    p->scratch_bytes = q->channel * (size_t)p->max_threads;
    return WT_OK;
}

/* By squaring; a negative power of an integer is 0 but for 1 and -1. */
static int64_t int_power(int64_t base, int64_t exponent)
{
    if (exponent < 0)
        return base == 1 ? 1 : base == -1 ? (exponent & 1 ? -1 : 1) : 0;
    uint64_t result = 1, square = (uint64_t)base;
    for (uint64_t e = (uint64_t)exponent; e; e >>= 1) {
        if (e & 1)
            result *= square;
        square *= square;
    }
    return (int64_t)result;
}

typedef struct pow_rows {
    const pow_params *q;
    const char *a, *b;
    char *y;
} pow_rows;

/* float to a float power; n values, the exponent advancing by sb. */
static void float_powers(const float *a, size_t sa, const float *b, size_t sb, float *y, size_t n)
{
    if (sb == 0 && sa == 1 && (b[0] == 2.0f || b[0] == 3.0f || b[0] == 1.0f)) {
        const bool square = b[0] == 2.0f, cube = b[0] == 3.0f;
        WT_IVDEP
        for (size_t i = 0; i < n; i++)
            y[i] = square ? a[i] * a[i] : cube ? a[i] * a[i] * a[i] : a[i];
        return;
    }
    for (size_t i = 0; i < n; i++)
        y[i] = powf(a[i * sa], b[i * sb]);
}

static void int_block(const pow_params *q, const char *a, size_t sa, const char *b, size_t sb, char *y, size_t n)
{
    int64_t base[BLOCK], exponent[BLOCK];
    wt_convert(a, q->base, base, WT_I64, sa ? n : 1, true, NULL);
    wt_convert(b, q->exponent, exponent, WT_I64, sb ? n : 1, true, NULL);
    for (size_t i = 0; i < n; i++)
        base[i] = int_power(base[sa ? i : 0], exponent[sb ? i : 0]);
    wt_convert(base, WT_I64, y, q->base, n, true, NULL);
}

static void real_block(const pow_params *q, const char *a, size_t sa, const char *b, size_t sb, char *y, size_t n)
{
    double base[BLOCK], exponent[BLOCK], result[BLOCK];
    wt_convert(a, q->base, base, WT_F64, sa ? n : 1, true, NULL);
    wt_convert(b, q->exponent, exponent, WT_F64, sb ? n : 1, true, NULL);
    for (size_t i = 0; i < n; i++)
        result[i] = pow(base[i * sa], exponent[i * sb]);
    wt_convert(result, WT_F64, y, q->base, n, true, NULL);
}

static void pow_row(void *arg, const size_t *at, size_t out_at, size_t n)
{
    const pow_rows *w = arg;
    const pow_params *q = w->q;
    const size_t sa = wt_walk_step(&q->walk, 0), sb = wt_walk_step(&q->walk, 1);
    const char *a = w->a + at[0] * q->base_elem, *b = w->b + at[1] * q->exponent_elem;
    char *y = w->y + out_at * q->base_elem;
    if (q->base == WT_F32 && q->exponent == WT_F32) {
        float_powers((const float *)(const void *)a, sa, (const float *)(const void *)b, sb, (float *)(void *)y, n);
        return;
    }
    for (size_t i = 0; i < n; i += BLOCK) {
        const size_t m = n - i < BLOCK ? n - i : BLOCK;
        const char *pa = a + i * sa * q->base_elem, *pb = b + i * sb * q->exponent_elem;
        if (wt_is_int(q->base) && wt_is_int(q->exponent))
            int_block(q, pa, sa, pb, sb, y + i * q->base_elem, m);
        else
            real_block(q, pa, sa, pb, sb, y + i * q->base_elem, m);
    }
}

static wt_status pow_run(const wt_run *r, wt_err *err)
{
    const pow_params *q = r->params;
    size_t begin, end;
    (void)err;
    wt_split(q->walk.total, 64, r->tid, r->nthreads, &begin, &end);
    if (begin == end)
        return WT_OK;
    const void *b = q->channel ? wt_channel_copy(r->in[1], q->channel, (char *)r->scratch + (size_t)r->tid * q->channel)
                               : r->in[1]->data;
    pow_rows w = { q, r->in[0]->data, b, wt_tensor_mut(r->out[0]) };
    wt_walk_run(&q->walk, begin, end, pow_row, &w);
    wt_c16_pad_zero(&q->pad, w.y, q->base_elem, begin, end);
    return WT_OK;
}

const wt_kernel wt_pow_rows[] = {
    { .name = "pow_ref",
      .op = WT_OP_POW,
      .accepts = pow_accepts,
      .prepare = pow_prepare,
      .run = pow_run,
      .in_place = true },
    { .name = NULL },
};
