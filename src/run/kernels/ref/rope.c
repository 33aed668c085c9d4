/* rope.c - Rope: pairs of every head turned by an angle that grows with the position. */
#include <math.h>
#include "run/kernels/ref/decoder.h"

/* Which pair turns n_rot times over the original context (YaRN, Peng et al. 2023). */
static double yarn_dim(double dims, double orig_ctx, double n_rot, double base)
{
    return dims * log(orig_ctx / (n_rot * 2 * 3.14159265358979323846)) / (2 * log(base));
}

static void frequencies(const wt_attrs *attrs, size_t half, const float *factors, float *out, float *scale)
{
    const double dims = 2.0 * (double)half, base = wt_attr_float(attrs, "base", 10000),
                 freq_scale = wt_attr_float(attrs, "freq_scale", 1), ext = wt_attr_float(attrs, "ext_factor", 0),
                 orig = wt_attr_float(attrs, "orig_ctx", 0);
    const double low = fmax(0, floor(yarn_dim(dims, orig, wt_attr_float(attrs, "beta_fast", 32), base))),
                 high = fmin(dims - 1, ceil(yarn_dim(dims, orig, wt_attr_float(attrs, "beta_slow", 1), base)));
    for (size_t i = 0; i < half; i++) {
        const double own = pow(base, -2.0 * (double)i / dims) / (factors ? factors[i] : 1);
        double mix = 0;
        if (ext != 0) {
            const double at = ((double)i - low) / fmax(0.001, high - low);
            mix = (1 - fmin(1, fmax(0, at))) * ext;
        }
        out[i] = (float)(own * freq_scale * (1 - mix) + own * mix);
    }
    *scale = (float)(wt_attr_float(attrs, "attn_factor", 1) * (ext != 0 ? 1 + 0.1 * log(1 / freq_scale) : 1));
}

wt_status wt_rope_read(wt_rope *out, const wt_attrs *attrs, int64_t width, const float *factors, wt_arena *arena,
                       wt_err *err)
{
    const int64_t head = wt_attr_int(attrs, "head_dim", 0), dims = wt_attr_int(attrs, "dims", head);
    if (head < 1 || width % head || dims < 2 || dims > head || dims % 2)
        return wt_fail(err, WT_EFORMAT, "Rope: %lld of %lld elements of a head cannot be turned in rows of %lld",
                       (long long)dims, (long long)head, (long long)width);
    float *f = wt_arena_alloc(arena, (size_t)dims / 2, sizeof *f, err);
    if (!f)
        return WT_ENOMEM;
    *out = (wt_rope){ .head = (size_t)head,
                      .half = (size_t)dims / 2,
                      .interleaved = wt_attr_int(attrs, "interleaved", 0) != 0,
                      .frequency = f };
    frequencies(attrs, out->half, factors, f, &out->scale);
    return WT_OK;
}

void wt_rope_turn(const wt_rope *rope, double position, const float *x, float *y)
{
    const size_t step = rope->interleaved ? 2 : 1, other = rope->interleaved ? 1 : rope->half;
    for (size_t i = 0; i < rope->half; i++) {
        const double angle = position * rope->frequency[i];
        const float c = (float)cos(angle) * rope->scale, s = (float)sin(angle) * rope->scale;
        const float a = x[i * step], b = x[i * step + other];
        y[i * step] = a * c - b * s;
        y[i * step + other] = a * s + b * c;
    }
    if (x != y)
        memcpy(y + 2 * rope->half, x + 2 * rope->half, (rope->head - 2 * rope->half) * sizeof *y);
}

bool wt_rope_accepts(const wt_prep *p)
{
    return wt_in_is(p, 0, WT_F32) && wt_in_is(p, 1, WT_I32) && wt_out_is(p, 0, WT_F32) && wt_all_plain(p) &&
           (!wt_has_in(p, 2) || (wt_in_is(p, 2, WT_F32) && p->in[2]->data));
}

wt_status wt_rope_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape;
    wt_rope_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (x->rank != 2)
        return wt_fail(err, WT_EFORMAT, "Rope: data has %d dimensions, expected 2", x->rank);
    WT_TRY(wt_prep_need_vector(p, 1, WT_I32, x->dim[0], err));
    const int64_t dims = wt_attr_int(p->attrs, "dims", wt_attr_int(p->attrs, "head_dim", 0));
    if (wt_has_in(p, 2))
        WT_TRY(wt_prep_need_vector(p, 2, WT_F32, dims / 2, err));
    WT_TRY(wt_rope_read(&q->rope, p->attrs, x->dim[1], wt_has_in(p, 2) ? p->in[2]->data : NULL, p->arena, err));
    q->tokens = (size_t)x->dim[0];
    q->heads = (size_t)x->dim[1] / q->rope.head;
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 3.0 * (double)wt_count(p->in[0]);
    return WT_OK;
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const wt_rope_params *q = r->params;
    const int32_t *positions = r->in[1]->data;
    const float *x = wt_in_f32(r, 0);
    float *y = wt_out_f32(r, 0);
    size_t begin, end;
    (void)err;
    wt_split(q->tokens * q->heads, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t token = u / q->heads;
        wt_rope_turn(&q->rope, positions[token], x + u * q->rope.head, y + u * q->rope.head);
    }
    return WT_OK;
}

const wt_kernel wt_rope_rows[] = {
    { .name = "rope_f32_ref",
      .op = WT_OP_ROPE,
      .accepts = wt_rope_accepts,
      .prepare = wt_rope_prepare,
      .run = run,
      .in_place = true },
    { .name = NULL },
};
