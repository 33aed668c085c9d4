/* resize.c - Resize: nearest as a remapping of elements, linear and cubic as one pass per axis.
 *
 * A pass sees [outer, in, inner] and makes [outer, out, inner], so along any axis but the last its loops are
 * contiguous. The axis that shrinks most goes first. C16 is only one more trailing axis of 16, as long as channels are
 * not resized. */
#include "run/kernels/ref/resize.h"
#include "run/kernels/ref/move.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/remap.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"
#include <math.h>

typedef struct resize_pass {
    size_t outer, in, out, inner;
    const wt_taps *taps;
} resize_pass;

typedef struct resize_params {
    wt_remap remap; /* nearest */
    bool moves;
    int n_passes;
    resize_pass pass[WT_MAX_RANK];
    wt_taps taps[WT_MAX_RANK];
    wt_dtype dtype;
    size_t in_count, out_count, buffer; /* elements; bytes of one intermediate tensor */
    float outside;
} resize_params;

static bool resize_accepts(const wt_prep *p)
{
    wt_resize_mode mode;
    if (!wt_has_in(p, 0) || !wt_has_out(p, 0) || p->in[0]->dtype != p->out[0]->dtype ||
        !wt_resize_attrs_ok(p->attrs, &mode))
        return false;
    const wt_tensor *x = p->in[0];
    if (mode == WT_RESIZE_NEAREST ? wt_elem_bytes(x->dtype) == 0
                                  : x->dtype != WT_F32 && x->dtype != WT_F64 && !wt_is_int(x->dtype))
        return false;
    for (size_t i = 1; i < p->n_in; i++)
        if (p->in[i] && p->in[i]->layout != WT_PLAIN)
            return false;
    if (x->layout == WT_PLAIN)
        return p->out[0]->layout == WT_PLAIN;
    return p->out[0]->layout == WT_C16 && x->shape.dim[1] == p->out[0]->shape.dim[1] &&
           x->shape.dim[0] == p->out[0]->shape.dim[0] &&
           !wt_attr_is(p->attrs, "coordinate_transformation_mode", "tf_crop_and_resize");
}

static size_t physical(const wt_tensor *t, int d)
{
    const size_t n = (size_t)t->shape.dim[d];
    return t->layout == WT_C16 && d == 1 ? (n + 15) / 16 : n;
}

/* --- nearest
 * ------------------------------------------------------------------------------------------------------------ */
static wt_status prepare_nearest(wt_prep *p, resize_params *q, wt_err *err)
{
    const wt_tensor *x = p->in[0], *y = p->out[0];
    q->moves = true;
    wt_remap_begin(&q->remap, wt_elem_bytes(x->dtype));
    for (int d = 0; d < x->shape.rank; d++) {
        const wt_taps *t = &q->taps[d];
        int64_t *map = NULL;
        if (t->n) {
            const size_t n = (size_t)y->shape.dim[d];
            map = wt_arena_alloc(p->arena, n, sizeof *map, err);
            if (!map)
                return WT_ENOMEM;
            for (size_t i = 0; i < n; i++)
                map[i] = t->outside[i] ? -1 : t->index[i];
        }
        wt_remap_axis(&q->remap, physical(x, d), physical(y, d), map);
    }
    if (x->layout == WT_C16)
        wt_remap_axis(&q->remap, 16, 16, NULL);
    WT_TRY(wt_remap_finish(&q->remap, p->arena, err));
    p->max_threads = wt_move_threads(p, wt_remap_bytes(&q->remap));
    return WT_OK;
}

/* --- linear, cubic
 * ------------------------------------------------------------------------------------------------------- */
/* Orders the resized axes by what they leave, and lays out one pass for each. */
static wt_status prepare_passes(wt_prep *p, resize_params *q, wt_err *err)
{
    const wt_tensor *x = p->in[0], *y = p->out[0];
    size_t dim[WT_MAX_RANK], biggest = 0, total;
    bool done[WT_MAX_RANK] = { false };
    const int rank = x->shape.rank;
    for (int d = 0; d < rank; d++)
        dim[d] = physical(x, d);
    for (;;) {
        int best = -1;
        for (int d = 0; d < rank; d++)
            if (q->taps[d].n && !done[d] &&
                (best < 0 || (double)y->shape.dim[d] * (double)dim[best] < (double)y->shape.dim[best] * (double)dim[d]))
                best = d;
        if (best < 0)
            break;
        done[best] = true;
        resize_pass *pass = &q->pass[q->n_passes++];
        *pass = (resize_pass){ .outer = 1,
                               .in = dim[best],
                               .out = (size_t)y->shape.dim[best],
                               .inner = x->layout == WT_C16 ? 16 : 1,
                               .taps = &q->taps[best] };
        dim[best] = pass->out;
        bool fits = true;
        for (int d = 0; d < rank; d++)
            if (d != best)
                fits = fits && !wt_mul_overflows(d < best ? pass->outer : pass->inner, dim[d],
                                                 d < best ? &pass->outer : &pass->inner);
        if (!fits || wt_mul_overflows(pass->outer, pass->inner, &total) || wt_mul_overflows(total, pass->out, &total) ||
            wt_mul_overflows(total, sizeof(float), &total) || total > SIZE_MAX / 4)
            return wt_fail(err, WT_ENOMEM, "Resize: an intermediate result is too large");
        biggest = total > biggest ? total : biggest;
        p->flops += 2.0 * (double)total / 4 * (double)pass->taps->n;
    }
    const size_t converted = q->dtype == WT_F32 ? 0 : wt_align_up(q->in_count * sizeof(float), 64);
    q->buffer = wt_align_up(biggest > converted ? biggest : converted, 64);
    p->scratch_bytes = q->n_passes > 1 || q->dtype != WT_F32 ? 2 * q->buffer : 0;
    p->max_threads = wt_worth_threads(p, p->flops);
    return WT_OK;
}

static wt_status resize_prepare(wt_prep *p, wt_err *err)
{
    wt_resize_mode mode;
    resize_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    wt_resize_attrs_ok(p->attrs, &mode);
    WT_TRY(wt_resize_taps(p, q->taps, err));
    q->dtype = p->in[0]->dtype;
    q->in_count = wt_physical_count(p->in[0]);
    q->out_count = wt_physical_count(p->out[0]);
    q->outside = wt_attr_float(p->attrs, "extrapolation_value", 0.0f);
    p->params = q;
    return mode == WT_RESIZE_NEAREST ? prepare_nearest(p, q, err) : prepare_passes(p, q, err);
}

static void pass_row(const resize_pass *s, const float *x, float *y, size_t i, float outside)
{
    const int64_t *index = s->taps->index + i * s->taps->n;
    const float *weight = s->taps->weight + i * s->taps->n;
    if (s->taps->outside[i]) {
        for (size_t k = 0; k < s->inner; k++)
            y[k] = outside;
        return;
    }
    if (s->taps->n == 2) {
        const float *a = x + (size_t)index[0] * s->inner, *b = x + (size_t)index[1] * s->inner, wa = weight[0],
                    wb = weight[1];
        for (size_t k = 0; k < s->inner; k++)
            y[k] = wa * a[k] + wb * b[k];
        return;
    }
    for (size_t k = 0; k < s->inner; k++)
        y[k] = weight[0] * x[(size_t)index[0] * s->inner + k];
    for (size_t t = 1; t < s->taps->n; t++) {
        const float *a = x + (size_t)index[t] * s->inner;
        for (size_t k = 0; k < s->inner; k++)
            y[k] += weight[t] * a[k];
    }
}

/* The last axis: neighbours are elements, not rows. */
static void pass_line(const resize_pass *s, const float *x, float *y, float outside)
{
    const size_t n = s->taps->n;
    for (size_t i = 0; i < s->out; i++) {
        const int64_t *index = s->taps->index + i * n;
        const float *weight = s->taps->weight + i * n;
        float sum = 0;
        for (size_t t = 0; t < n; t++)
            sum += weight[t] * x[index[t]];
        y[i] = s->taps->outside[i] ? outside : sum;
    }
}

static void run_pass(const resize_pass *s, const float *x, float *y, float outside, int tid, int nthreads)
{
    size_t begin, end;
    if (s->inner == 1) {
        wt_split(s->outer, 1, tid, nthreads, &begin, &end);
        for (size_t o = begin; o < end; o++)
            pass_line(s, x + o * s->in, y + o * s->out, outside);
        return;
    }
    wt_split(s->outer * s->out, 1, tid, nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++)
        pass_row(s, x + u / s->out * s->in * s->inner, y + u * s->inner, u % s->out, outside);
}

static void convert_in(const resize_params *q, const void *x, float *y, const wt_run *r)
{
    const size_t elem = wt_elem_bytes(q->dtype);
    size_t begin, end;
    wt_split(q->in_count, 64, r->tid, r->nthreads, &begin, &end);
    wt_convert((const char *)x + begin * elem, q->dtype, y + begin, WT_F32, end - begin, true, NULL);
}

/* Integers are rounded to nearest and kept in their range. */
static void convert_out(const resize_params *q, const float *x, void *y, const wt_run *r)
{
    const size_t elem = wt_elem_bytes(q->dtype);
    const unsigned bits = 8 * (unsigned)elem;
    const bool is_signed = wt_is_signed_int(q->dtype);
    const double low = is_signed ? -ldexp(1.0, (int)bits - 1) : 0, high = ldexp(1.0, (int)bits - is_signed) - 1;
    size_t begin, end;
    wt_split(q->out_count, 64, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        double v = (double)x[i];
        if (wt_is_int(q->dtype)) {
            v = nearbyint(v);
            v = v < low ? low : v > high ? high : v;
        }
        wt_convert(&v, WT_F64, (char *)y + i * elem, q->dtype, 1, true, NULL);
    }
}

static void meet(const wt_run *r)
{
    if (r->nthreads > 1)
        wt_team_barrier(r->team, r->tid);
}

static void run_passes(const wt_run *r, const resize_params *q)
{
    float *room[2] = { r->scratch, (float *)(void *)((char *)r->scratch + q->buffer) };
    const bool real = q->dtype == WT_F32;
    const float *from = r->in[0]->data;
    int next = 0;
    if (!real) {
        convert_in(q, r->in[0]->data, room[1], r);
        from = room[1];
        meet(r);
    }
    for (int i = 0; i < q->n_passes; i++) {
        float *to = real && i == q->n_passes - 1 ? wt_out_f32(r, 0) : room[next];
        run_pass(&q->pass[i], from, to, q->outside, r->tid, r->nthreads);
        if (i < q->n_passes - 1 || !real)
            meet(r);
        from = to;
        next ^= 1;
    }
    if (!real)
        convert_out(q, from, wt_tensor_mut(r->out[0]), r);
}

static wt_status resize_run(const wt_run *r, wt_err *err)
{
    const resize_params *q = r->params;
    size_t begin, end;
    (void)err;
    if (q->moves) {
        uint64_t fill[2] = { 0 };
        const float outside = q->outside;
        if (outside != 0)
            wt_convert(&outside, WT_F32, fill, q->dtype, q->dtype == WT_STRING ? 0 : 1, true, NULL);
        wt_remap_run_part(&q->remap, r->in[0]->data, wt_tensor_mut(r->out[0]), fill, r->tid, r->nthreads);
    } else if (q->n_passes == 0) {
        const size_t elem = wt_elem_bytes(q->dtype);
        wt_split(q->in_count * elem, 64, r->tid, r->nthreads, &begin, &end);
        if (begin < end)
            memcpy((char *)wt_tensor_mut(r->out[0]) + begin, (const char *)r->in[0]->data + begin, end - begin);
    } else if (q->out_count > 0) {
        run_passes(r, q);
    }
    return WT_OK;
}

const wt_kernel wt_resize_rows[] = {
    WT_HALF_ROW("resize_half_ref", WT_OP_RESIZE),
    { .name = "resize_ref",
      .op = WT_OP_RESIZE,
      .accepts = resize_accepts,
      .prepare = resize_prepare,
      .run = resize_run },
    { .name = NULL },
};
