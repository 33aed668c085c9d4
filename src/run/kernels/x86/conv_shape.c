/* conv_shape.c - see conv_shape.h. */
#include "run/kernels/x86/conv_shape.h"
#include "model/shape/nn_window.h"

enum { MAX_DIM = 1 << 28 }; /* so that positions fit 32 bits with room; larger ones are left to the portable row */

bool wt_conv_shape_read(wt_conv_shape *c, const wt_prep *p)
{
    const wt_shape *x = &p->in[0]->shape, *k = &p->in[1]->shape, *y = &p->out[0]->shape;
    const int n = x->rank - 2;
    wt_window w;
    if ((n != 1 && n != 2) || k->rank != x->rank || y->rank != x->rank)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (x->dim[i] < 1 || x->dim[i] > MAX_DIM || k->dim[i] < 1 || k->dim[i] > MAX_DIM || y->dim[i] < 1 ||
            y->dim[i] > MAX_DIM)
            return false;
    if (wt_window_parse(&w, p->op_type, p->attrs, n, k->dim + 2, NULL) != WT_OK)
        return false;
    memcpy(w.in, x->dim + 2, (size_t)n * sizeof w.in[0]);
    if (wt_window_forward(&w, p->op_type, NULL) != WT_OK)
        return false;
    const int64_t group = wt_attr_int(p->attrs, "group", 1);
    if (group < 1 || x->dim[1] % group || k->dim[0] % group || k->dim[1] != x->dim[1] / group || y->dim[1] != k->dim[0])
        return false;
    const int v = n - 1; /* of the width */
    *c = (wt_conv_shape){
        .n = (size_t)x->dim[0],
        .ic = (size_t)x->dim[1],
        .oc = (size_t)y->dim[1],
        .group = (size_t)group,
        .ih = n == 2 ? (size_t)w.in[0] : 1,
        .iw = (size_t)w.in[v],
        .oh = n == 2 ? (size_t)w.out[0] : 1,
        .ow = (size_t)w.out[v],
        .kh = n == 2 ? (size_t)w.kernel[0] : 1,
        .kw = (size_t)w.kernel[v],
        .sh = n == 2 ? (size_t)w.stride[0] : 1,
        .sw = (size_t)w.stride[v],
        .dh = n == 2 ? (size_t)w.dilation[0] : 1,
        .dw = (size_t)w.dilation[v],
        .top = n == 2 ? (ptrdiff_t)w.begin[0] : 0,
        .left = (ptrdiff_t)w.begin[v],
    };
    for (int i = 0; i < n; i++)
        if (w.out[i] != y->dim[i + 2] || w.stride[i] > MAX_DIM || w.dilation[i] > MAX_DIM || w.begin[i] > MAX_DIM)
            return false;
    c->icg = c->ic / c->group, c->ocg = c->oc / c->group, c->merged = 1;
    return p->in[0]->shape.dim[0] == y->dim[0];
}

bool wt_conv_merge_groups(wt_conv_shape *c)
{
    enum { MOST = 8 }; /* the portable row is about twenty times slower for each multiplication */
    for (size_t m = 1; m <= MOST && m <= c->group; m++)
        if (c->group % m == 0 && (m == c->group || (m * c->icg % 16 == 0 && m * c->ocg % 16 == 0))) {
            c->merged = m;
            c->group /= m, c->icg *= m, c->ocg *= m;
            return true;
        }
    return false;
}

bool wt_conv_inputs_fit(const wt_prep *p, wt_dtype w, wt_dtype bias, wt_dtype res)
{
    const wt_tensor *k = p->in[1];
    if (!k->data || k->dtype != w || k->layout != WT_PLAIN || p->out[0]->layout != WT_C16)
        return false;
    if (wt_has_in(p, 2)) {
        const wt_tensor *b = p->in[2];
        if (!b->data || b->dtype != bias || b->shape.rank != 1 || b->shape.dim[0] != k->shape.dim[0])
            return false;
    }
    if (wt_has_in(p, 3)) {
        const wt_tensor *r = p->in[3];
        const bool type_fits = r->dtype == res || (res == WT_U8 && r->dtype == WT_I8);
        return type_fits && r->layout == WT_C16 && wt_shape_equal(&r->shape, &p->out[0]->shape);
    }
    return true;
}

static size_t gcd(size_t a, size_t b)
{
    while (b) {
        const size_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

/* Columns of a strided source fall into phases by their remainder; a tap reads one phase from some pixel on. */
static void make_phases(wt_conv_plan *q, const wt_conv_shape *c)
{
    wt_tiled *p = &q->p;
    size_t longest = 0;
    for (size_t x = 0; x < c->kw; x++)
        longest = longest > x * c->dw / c->sw ? longest : x * c->dw / c->sw;
    p->phase_px = longest + c->ow;
    for (size_t x = 0; x < c->kw; x++) {
        const ptrdiff_t first = (ptrdiff_t)(x * c->dw % c->sw) - c->left;
        int i = 0;
        while (i < p->n_phases && q->phases[i].first != first)
            i++;
        if (i == p->n_phases)
            q->phases[p->n_phases++].first = first;
        q->col[x] = (ptrdiff_t)(((size_t)i * p->phase_px + x * c->dw / c->sw) * p->tiles->px);
    }
}

static void plan_copy(wt_conv_plan *q, const wt_conv_shape *c, unsigned char fill)
{
    wt_tiled *p = &q->p;
    p->lines = c->oh, p->width = c->ow;
    p->flat = c->kh == 1 && c->kw == 1;
    p->band_step = (ptrdiff_t)(c->kh == 1 ? c->sh : gcd(c->sh, c->dh));
    p->line_at = -c->top, p->line_step = (ptrdiff_t)c->sh;
    p->row_step = c->kh == 1 ? p->band_step : (ptrdiff_t)c->dh;
    p->clip = fill == 0 && !p->flat;
    p->fill = fill;
    p->src_stride = (ptrdiff_t)c->sw, p->src_cols = (ptrdiff_t)c->iw;
    make_phases(q, c);
    p->band_row = (size_t)p->n_phases * p->phase_px * p->tiles->px;
    if (!p->flat && p->band_row % 4096 == 0)
        p->band_row += p->tiles->px; /* rows a multiple of 4 KiB apart would fight for the same cache sets */
}

static void plan_in_place(wt_conv_plan *q, const wt_conv_shape *c)
{
    wt_tiled *p = &q->p;
    const bool whole = c->kh == 1 && c->kw == 1 && c->sh == 1 && c->top == 0 && c->oh == c->ih && c->ow == c->iw;
    p->copy = NULL;
    p->flat = whole;
    p->lines = whole ? c->oh * c->ow : c->oh;
    p->width = whole ? 1 : c->ow;
    p->src_row = whole ? p->tiles->px : p->src_row;
    p->rows = whole ? (ptrdiff_t)p->lines : p->rows;
    p->line_at = -c->top, p->line_step = (ptrdiff_t)c->sh, p->row_step = (ptrdiff_t)c->dh;
    p->band_step = 1;
    p->clip = true;
    for (size_t x = 0; x < c->kw; x++)
        q->col[x] = (ptrdiff_t)(x * c->dw * p->tiles->px);
}

wt_status wt_conv_plan_make(wt_conv_plan *q, const wt_prep *prep, const wt_conv_shape *c, const wt_tileset *tiles,
                            wt_band_fn *convert, bool must_copy, unsigned char fill, wt_err *err)
{
    const bool planar = prep->in[0]->layout == WT_PLAIN;
    const size_t size = prep->in[0]->dtype == WT_F32 ? 4 : 1, out_px = 16 * (prep->out[0]->dtype == WT_F32 ? 4 : 1);
    q->col = wt_arena_alloc(prep->arena, c->kw, sizeof *q->col, err);
    q->phases = wt_arena_alloc(prep->arena, c->kw, sizeof *q->phases, err);
    if (!q->col || !q->phases)
        return WT_ENOMEM;
    q->w = (wt_weights){ .w = prep->in[1],
                         .oc_stride = c->icg / c->merged * c->kh * c->kw,
                         .ic_stride = c->kh * c->kw,
                         .kh_stride = c->kw,
                         .kw_stride = 1,
                         .groups = c->group,
                         .ocg = c->ocg,
                         .icg = c->icg,
                         .merged = c->merged,
                         .kh = c->kh,
                         .kw = c->kw,
                         .tiles = tiles,
                         .channels = !planar     ? 16
                                     : size == 4 ? 1
                                                 : 4 };
    if (!wt_weights_layout(&q->w))
        return wt_fail(err, WT_EFORMAT, "%s: the weights are too large", prep->op_type);
    wt_tiled *p = &q->p;
    *p = (wt_tiled){ .tiles = tiles,
                     .images = c->n,
                     .groups = c->group,
                     .blocks = (int)q->w.blocks,
                     .k_last = (int)q->w.k_last,
                     .kh = (int)c->kh,
                     .kw = (int)c->kw,
                     .rows = (ptrdiff_t)c->ih,
                     .col = q->col,
                     .phases = q->phases,
                     .copy = convert,
                     .src_channels = c->icg,
                     .oc_blocks = q->w.oc_blocks,
                     .last = (int)(c->ocg - (q->w.oc_blocks - 1) * 16),
                     .w_row = q->w.w_row,
                     .w_block = q->w.w_block };
    p->src_block = c->ih * c->iw * size * (planar ? 1 : 16);
    p->src_row = c->iw * size * (planar ? 1 : 16);
    p->src_image = p->src_block * (planar ? c->ic : (c->ic + 15) / 16);
    const bool rows_inside = c->top == 0 && (c->oh - 1) * c->sh + (c->kh - 1) * c->dh < c->ih;
    const bool cols_inside = c->left == 0 && (c->ow - 1) * c->sw + (c->kw - 1) * c->dw < c->iw;
    if (must_copy || planar || c->sw != 1 || !cols_inside || (!rows_inside && (fill || c->kh * c->kw == 1)))
        plan_copy(q, c, fill);
    else
        plan_in_place(q, c);
    p->out_px = out_px;
    p->out_line = (p->flat && !p->copy ? 1 : c->ow) * out_px;
    p->out_block = c->oh * c->ow * out_px;
    p->out_image = p->out_block * ((c->oc + 15) / 16);
    const size_t res_px = wt_has_in(prep, 3) && prep->in[3]->dtype != WT_F32 ? 16 : 64;
    p->res_px = res_px, p->res_line = p->out_line / out_px * res_px, p->res_block = p->out_block / out_px * res_px;
    p->res_image = p->out_image / out_px * res_px;
    return WT_OK;
}

wt_status wt_conv_bias_f32(const wt_prep *p, size_t oc, const float **out, wt_err *err)
{
    float *bias = wt_arena_alloc(p->arena, (oc + 15) / 16 * 16, sizeof *bias, err);
    if (!bias)
        return WT_ENOMEM;
    if (wt_has_in(p, 2))
        memcpy(bias, p->in[2]->data, oc * sizeof *bias);
    *out = bias;
    return WT_OK;
}

typedef struct dw_weights {
    const wt_tensor *w;
    size_t oc, taps;
} dw_weights;

static wt_status pack_dw(void *arg, void *packed, wt_err *err)
{
    const dw_weights *d = arg;
    const bool bytes = d->w->dtype == WT_I8;
    float *to = packed;
    (void)err;
    for (size_t o = 0; o < d->oc; o++)
        for (size_t t = 0; t < d->taps; t++) {
            const size_t i = o * d->taps + t;
            to[(o / 16 * d->taps + t) * 16 + o % 16] = bytes ? (float)((const int8_t *)d->w->data)[i]
                                                             : ((const float *)d->w->data)[i];
        }
    return WT_OK;
}

wt_status wt_dw_pack(const wt_prep *p, const wt_conv_shape *c, const float **w, const float **bias, wt_err *err)
{
    dw_weights d = { p->in[1], c->oc, c->kh * c->kw };
    const wt_pack_key key = { .data = d.w->data,
                              .kind = d.w->dtype == WT_I8 ? "x86 depthwise s8" : "x86 depthwise f32",
                              .dims = { (int64_t)d.oc, (int64_t)d.taps } };
    const void *packed;
    WT_TRY(wt_pack_get(p->packs, &key, (c->oc + 15) / 16 * d.taps * 64, pack_dw, &d, &packed, err));
    *w = packed;
    return bias ? wt_conv_bias_f32(p, c->oc, bias, err) : WT_OK;
}
