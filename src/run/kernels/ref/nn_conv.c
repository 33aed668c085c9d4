/* nn_conv.c - Conv in float32: any number of dimensions, groups, plain and C16 layout, residual and activation.
 *
 * Outputs are computed in tiles of up to 32 positions (four panels of 8). A tile's inputs are gathered once into a
 * patch [depth][8] per panel, padding included, and then serve all output channels; a pointwise convolution over plain
 * data needs no patch at all, for its panels are rows of the input. Threads split the tiles, or, when there are too few
 * of them, the output channels. */
#include "run/kernels/ref/nn_rows.h"

enum { TILE_PANELS = 4 };

typedef struct conv_params {
    wt_ref_conv c;
    bool direct;        /* panels are read where they lie */
    size_t patch_bytes; /* per thread */
} conv_params;

static bool accepts(const wt_prep *p)
{
    const bool f32 = p->in[0]->dtype == WT_F32 && p->in[1]->dtype == WT_F32 && p->out[0]->dtype == WT_F32;
    return f32 && p->in[1]->layout == WT_PLAIN;
}

static wt_status check_extras(const wt_prep *p, const wt_ref_conv *c, wt_err *err)
{
    if (wt_has_in(p, 2) &&
        (p->in[2]->dtype != WT_F32 || p->in[2]->shape.rank != 1 || p->in[2]->shape.dim[0] != (int64_t)c->oc))
        return wt_fail(err, WT_EFORMAT, "%s: bias must be %zu floats", p->op_type, c->oc);
    if (wt_has_in(p, 3) && (p->in[3]->dtype != WT_F32 || !wt_shape_equal(&p->in[3]->shape, &p->out[0]->shape)))
        return wt_fail(err, WT_EFORMAT, "%s: the residual must have the output's type and shape", p->op_type);
    return WT_OK;
}

static wt_status prepare(wt_prep *p, wt_err *err)
{
    conv_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_ref_conv_init(&q->c, p, 0, 1, err));
    WT_TRY(check_extras(p, &q->c, err));
    q->c.r_layout = wt_has_in(p, 3) ? p->in[3]->layout : WT_PLAIN;
    q->direct = q->c.x_layout == WT_PLAIN && q->c.w.n == 1 && q->c.w.kernel[0] == 1 && q->c.w.stride[0] == 1 &&
                q->c.w.begin[0] == 0 && q->c.w.end[0] == 0;
    WT_TRY(wt_plan_scratch(p, q->c.depth, TILE_PANELS * WT_REF_COLS * sizeof(float), &q->patch_bytes, err));
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)q->c.batch * (double)q->c.oc * (double)q->c.out_size * (double)q->c.depth;
    return WT_OK;
}

/* One panel's inputs as [depth][8]; columns beyond its width and padding are zero. */
static void gather(const wt_ref_conv *c, const float *x, size_t n, size_t g, const wt_ref_panel *panel, float *patch)
{
    const size_t lane = wt_ref_lane(c->x_layout);
    for (size_t t = 0; t < c->taps; t++) {
        wt_ref_tap tap;
        wt_ref_tap_at(c, panel, t, &tap);
        const int64_t jump = tap.step * (int64_t)lane;
        for (size_t i = 0; i < c->icg; i++) {
            float *row = patch + (i * c->taps + t) * WT_REF_COLS;
            const float *from = x + wt_ref_at(c->x_layout, c->ic, c->in_size, n, g * c->icg + i, (size_t)tap.row);
            from += tap.lo < tap.hi ? tap.at * (int64_t)lane + tap.lo * jump : 0;
            if (tap.lo == 0 && tap.hi == WT_REF_COLS && jump == 1) {
                memcpy(row, from, WT_REF_COLS * sizeof *row);
                continue;
            }
            memset(row, 0, WT_REF_COLS * sizeof *row);
            for (int j = tap.lo; j < tap.hi; j++)
                row[j] = from[(j - tap.lo) * jump];
        }
    }
}

/* The last, narrow panel of a direct convolution, widened so that no load leaves the tensor. */
static void copy_rows(const wt_ref_conv *c, const float *from, size_t width, float *patch)
{
    for (size_t k = 0; k < c->depth; k++) {
        memset(patch + k * WT_REF_COLS, 0, WT_REF_COLS * sizeof *patch);
        memcpy(patch + k * WT_REF_COLS, from + k * c->in_size, width * sizeof *patch);
    }
}

/* Bias, residual, activation, and into its place. */
static void store(const wt_run *r, const wt_ref_conv *c, size_t n, size_t oc, const wt_ref_panel *panel, float *v)
{
    const float *bias = r->n_in > 2 && r->in[2] ? wt_in_f32(r, 2) : NULL;
    const float *residual = r->n_in > 3 && r->in[3] ? wt_in_f32(r, 3) : NULL;
    const size_t width = panel->width, lane = wt_ref_lane(c->y_layout);
    if (bias)
        for (size_t j = 0; j < width; j++)
            v[j] += bias[oc];
    if (residual) {
        const float *from = residual + wt_ref_at(c->r_layout, c->oc, c->out_size, n, oc, panel->first);
        for (size_t j = 0; j < width; j++)
            v[j] += from[j * wt_ref_lane(c->r_layout)];
    }
    wt_ref_act(c->act, v, width);
    for (size_t j = 0; c->affine.some && j < width; j++)
        v[j] = v[j] * c->affine.mul + c->affine.add;
    float *to = wt_out_f32(r, 0) + wt_ref_at(c->y_layout, c->oc, c->out_size, n, oc, panel->first);
    for (size_t j = 0; j < width; j++)
        to[j * lane] = v[j];
}

typedef struct tile {
    size_t n, g, count;
    wt_ref_panel panel[TILE_PANELS];
    const float *b[TILE_PANELS];
    size_t ldb[TILE_PANELS];
} tile;

static void load_tile(const wt_run *r, const conv_params *q, size_t index, float *patch, tile *t)
{
    const wt_ref_conv *c = &q->c;
    const size_t panels = wt_ref_panels(c), per_image = (panels + TILE_PANELS - 1) / TILE_PANELS;
    const size_t first = index % per_image * TILE_PANELS;
    t->g = index / per_image % c->group;
    t->n = index / per_image / c->group;
    t->count = panels - first < TILE_PANELS ? panels - first : TILE_PANELS;
    for (size_t i = 0; i < t->count; i++) {
        float *own = patch + i * c->depth * WT_REF_COLS;
        wt_ref_panel_at(c, first + i, &t->panel[i]);
        t->b[i] = own;
        t->ldb[i] = WT_REF_COLS;
        if (!q->direct) {
            gather(c, wt_in_f32(r, 0), t->n, t->g, &t->panel[i], own);
            continue;
        }
        const float *from = wt_in_f32(r, 0) + (t->n * c->ic + t->g * c->icg) * c->in_size + t->panel[i].first;
        if (t->panel[i].width == WT_REF_COLS)
            t->b[i] = from, t->ldb[i] = c->in_size;
        else
            copy_rows(c, from, t->panel[i].width, own);
    }
}

static void run_tile(const wt_run *r, const conv_params *q, const tile *t, size_t oc_begin, size_t oc_end)
{
    const wt_ref_conv *c = &q->c;
    for (size_t oc = oc_begin; oc < oc_end; oc += WT_REF_ROWS) {
        const int rows = oc_end - oc < WT_REF_ROWS ? (int)(oc_end - oc) : WT_REF_ROWS;
        const float *a = wt_in_f32(r, 1) + (t->g * c->ocg + oc) * c->depth;
        for (size_t i = 0; i < t->count; i++) {
            float acc[WT_REF_ROWS][WT_REF_COLS];
            wt_ref_block(a, c->depth, rows, t->b[i], t->ldb[i], c->depth, acc);
            for (int k = 0; k < rows; k++)
                store(r, c, t->n, t->g * c->ocg + oc + (size_t)k, &t->panel[i], acc[k]);
        }
    }
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const conv_params *q = r->params;
    const wt_ref_conv *c = &q->c;
    float *patch = (float *)(void *)((char *)r->scratch + (size_t)r->tid * q->patch_bytes);
    const size_t tiles = c->batch * c->group * ((wt_ref_panels(c) + TILE_PANELS - 1) / TILE_PANELS);
    size_t begin = 0, end = tiles, oc_begin = 0, oc_end = c->ocg;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    if (tiles >= 4 * (size_t)r->nthreads || c->ocg < WT_REF_ROWS * (size_t)r->nthreads)
        wt_split(tiles, 1, r->tid, r->nthreads, &begin, &end);
    else
        wt_split(c->ocg, WT_REF_ROWS, r->tid, r->nthreads, &oc_begin, &oc_end);
    wt_ref_zero_tail(r->out[0], r->tid, r->nthreads);
    for (size_t i = begin; i < end && oc_begin < oc_end; i++) {
        tile t;
        load_tile(r, q, i, patch, &t);
        run_tile(r, q, &t, oc_begin, oc_end);
    }
    return WT_OK;
}

const wt_kernel wt_nn_conv_rows[] = {
    WT_HALF_ROW("conv_half_ref", WT_OP_CONV),
    { .name = "conv_f32_ref", .op = WT_OP_CONV, .accepts = accepts, .prepare = prepare, .run = run },
    { .name = NULL },
};
