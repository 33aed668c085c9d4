/* nn_deform.c - DeformConv: a convolution whose taps are moved by offsets that are data, and read between positions.
 *
 * As in nn_conv.c inputs are gathered into patches [depth][8]; here each element is a linear interpolation over the 2^n
 * neighbours of its place, those outside counting as zero. */
#include "run/kernels/ref/nn_rows.h"
#include <math.h>

typedef struct deform_params {
    wt_ref_conv c;
    wt_window w; /* not merged: offsets follow the original dimensions */
    size_t offset_groups, scratch;
} deform_params;

static bool accepts(const wt_prep *p)
{
    for (size_t i = 0; i < p->n_in; i++)
        if (p->in[i] && p->in[i]->dtype != WT_F32)
            return false;
    return wt_in_is(p, 0, WT_F32) && wt_in_is(p, 1, WT_F32) && wt_in_is(p, 2, WT_F32) && wt_out_is(p, 0, WT_F32) &&
           wt_all_plain(p);
}

/* offset (dims: spatial dims) or mask (dims: 1). */
static wt_status check_field(const wt_prep *p, const deform_params *q, size_t i, int64_t dims, wt_err *err)
{
    const wt_shape *s = &p->in[i]->shape, *y = &p->out[0]->shape;
    bool ok = s->rank == y->rank && s->dim[0] == y->dim[0] &&
              s->dim[1] == (int64_t)(q->offset_groups * q->c.taps) * dims;
    for (int d = 2; ok && d < y->rank; d++)
        ok = s->dim[d] == y->dim[d];
    return ok ? WT_OK
              : wt_fail(err, WT_EFORMAT, "%s: input %zu does not have the output's positions and taps", p->op_type, i);
}

static wt_status prepare(wt_prep *p, wt_err *err)
{
    deform_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    const int64_t groups = wt_attr_int(p->attrs, "offset_group", 1);
    const int n = p->in[0]->shape.rank - 2;
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_ref_conv_init(&q->c, p, 0, 1, err));
    WT_TRY(wt_window_parse(&q->w, p->op_type, p->attrs, n, p->in[1]->shape.dim + 2, err));
    memcpy(q->w.in, p->in[0]->shape.dim + 2, (size_t)n * sizeof q->w.in[0]);
    WT_TRY(wt_window_forward(&q->w, p->op_type, err));
    if (groups < 1 || q->c.ic % (size_t)groups)
        return wt_fail(err, WT_EFORMAT, "%s: offset_group is %lld, which does not divide %zu channels", p->op_type,
                       (long long)groups, q->c.ic);
    q->offset_groups = (size_t)groups;
    WT_TRY(check_field(p, q, 2, n, err));
    WT_TRY(wt_prep_need_vector(p, 3, WT_F32, (int64_t)q->c.oc, err));
    if (wt_has_in(p, 4))
        WT_TRY(check_field(p, q, 4, 1, err));
    WT_TRY(wt_plan_scratch(p, q->c.depth, WT_REF_COLS * sizeof(float), &q->scratch, err));
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)q->c.batch * (double)q->c.oc * (double)q->c.out_size * (double)q->c.depth;
    return WT_OK;
}

/* Value of one channel at real coordinates. */
static float sample(const wt_window *w, const float *x, const double *at)
{
    int64_t low[WT_WINDOW_MAX];
    double frac[WT_WINDOW_MAX];
    float sum = 0;
    for (int d = 0; d < w->n; d++) {
        if (!(at[d] > -1 && at[d] < (double)w->in[d])) /* NaN too */
            return 0;
        low[d] = (int64_t)floor(at[d]);
        frac[d] = at[d] - (double)low[d];
    }
    for (unsigned corner = 0; corner < 1u << w->n; corner++) {
        double weight = 1;
        int64_t index = 0;
        bool inside = true;
        for (int d = 0; d < w->n; d++) {
            const int64_t i = low[d] + (corner >> d & 1);
            inside = inside && i >= 0 && i < w->in[d];
            weight *= corner >> d & 1 ? frac[d] : 1 - frac[d];
            index = index * w->in[d] + i;
        }
        if (inside && weight != 0)
            sum += (float)weight * x[index];
    }
    return sum;
}

static void gather(const deform_params *q, const wt_run *r, size_t n, size_t g, size_t first, size_t width,
                   float *patch)
{
    const wt_ref_conv *c = &q->c;
    const wt_window *w = &q->w;
    const float *offset = wt_in_f32(r, 2), *mask = wt_run_has(r, 4) ? wt_in_f32(r, 4) : NULL;
    const size_t per = c->ic / q->offset_groups, dims = (size_t)w->n;
    for (size_t i = 0; i < c->icg; i++)
        for (size_t t = 0; t < c->taps; t++)
            for (size_t j = 0; j < WT_REF_COLS; j++) {
                float *to = &patch[(i * c->taps + t) * WT_REF_COLS + j];
                const size_t ch = g * c->icg + i, pos = first + j,
                             field = (n * q->offset_groups + ch / per) * c->taps + t;
                size_t left = pos, tap = t;
                double at[WT_WINDOW_MAX];
                *to = 0;
                if (j >= width)
                    continue;
                for (int d = w->n - 1; d >= 0; d--) {
                    const double moved = (double)offset[(field * dims + (size_t)d) * c->out_size + pos];
                    at[d] = (double)((int64_t)(left % (size_t)w->out[d]) * w->stride[d] - w->begin[d] +
                                     (int64_t)(tap % (size_t)w->kernel[d]) * w->dilation[d]) +
                            moved;
                    left /= (size_t)w->out[d];
                    tap /= (size_t)w->kernel[d];
                }
                *to = sample(w, wt_in_f32(r, 0) + (n * c->ic + ch) * c->in_size, at);
                if (mask)
                    *to *= mask[field * c->out_size + pos];
            }
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const deform_params *q = r->params;
    const wt_ref_conv *c = &q->c;
    float *patch = (float *)(void *)((char *)r->scratch + (size_t)r->tid * q->scratch);
    const size_t panels = (c->out_size + WT_REF_COLS - 1) / WT_REF_COLS;
    size_t begin, end;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(c->batch * c->group * panels, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t first = u % panels * WT_REF_COLS, g = u / panels % c->group, n = u / panels / c->group;
        const size_t width = c->out_size - first < WT_REF_COLS ? c->out_size - first : WT_REF_COLS;
        gather(q, r, n, g, first, width, patch);
        for (size_t k = 0; k < c->ocg; k += WT_REF_ROWS) {
            const int rows = c->ocg - k < WT_REF_ROWS ? (int)(c->ocg - k) : WT_REF_ROWS;
            float acc[WT_REF_ROWS][WT_REF_COLS];
            wt_ref_block(wt_in_f32(r, 1) + (g * c->ocg + k) * c->depth, c->depth, rows, patch, WT_REF_COLS, c->depth,
                         acc);
            for (int i = 0; i < rows; i++) {
                const size_t oc = g * c->ocg + k + (size_t)i;
                const float bias = wt_run_has(r, 3) ? wt_in_f32(r, 3)[oc] : 0;
                for (size_t j = 0; j < width; j++)
                    wt_out_f32(r, 0)[(n * c->oc + oc) * c->out_size + first + j] = acc[i][j] + bias;
            }
        }
    }
    return WT_OK;
}

const wt_kernel wt_nn_deform_rows[] = {
    WT_HALF_ROW("deformconv_half_ref", WT_OP_DEFORMCONV),
    { .name = "deformconv_f32_ref", .op = WT_OP_DEFORMCONV, .accepts = accepts, .prepare = prepare, .run = run },
    { .name = NULL },
};
