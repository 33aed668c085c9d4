/* conv_dw.c - depthwise convolution in C16, float32: every block of 16 channels is a plane of its own. Threads take
 * contiguous parts of all rows of all planes. */
#include "run/kernels/x86/conv_shape.h"
#include "run/kernels/x86/dw.h"
#include "run/kernels/x86/rows.h"

typedef struct dw_params {
    wt_dw_plane plane;
    size_t images, blocks;
    int last;              /* channels of the last block */
    const float *w, *bias; /* [blocks][kh * kw][16], [blocks][16] */
    wt_finish finish;
    wt_finish_fn *finish_fn; /* NULL: clamping is all there is to do */
} dw_params;

static bool accepts(const wt_prep *p)
{
    wt_conv_shape c;
    return p->in[0]->dtype == WT_F32 && p->out[0]->dtype == WT_F32 && p->in[0]->layout == WT_C16 &&
           wt_conv_inputs_fit(p, WT_F32, WT_F32, WT_F32) && wt_conv_shape_read(&c, p) && wt_conv_is_depthwise(&c);
}

static wt_status prepare(wt_prep *prep, const wt_dw_kind *kinds, wt_finish_fn *finish, wt_err *err)
{
    wt_conv_shape c;
    dw_params *q = wt_arena_alloc(prep->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (!wt_conv_shape_read(&c, prep))
        return wt_fail(err, WT_EINTERNAL, "%s: prepared without having been accepted", prep->op_type);
    q->images = c.n, q->blocks = (c.oc + 15) / 16;
    q->last = (int)(c.oc - (q->blocks - 1) * 16);
    q->plane = (wt_dw_plane){ .ih = c.ih,
                              .iw = c.iw,
                              .oh = c.oh,
                              .ow = c.ow,
                              .in_row = c.iw * 16,
                              .kh = (int)c.kh,
                              .kw = (int)c.kw,
                              .sh = (int)c.sh,
                              .sw = (int)c.sw,
                              .dh = (int)c.dh,
                              .dw = (int)c.dw,
                              .top = c.top,
                              .left = c.left };
    q->plane.kind = wt_dw_pick(kinds, &q->plane);
    q->finish = (wt_finish){ .act = wt_act_from_attrs(prep->attrs),
                             .affine = wt_affine_from_attrs(prep->attrs),
                             .zero_tail = true };
    const bool clamps = wt_act_clamps(q->finish.act, &q->plane.lo, &q->plane.hi);
    if (!clamps || q->finish.affine.some || wt_has_in(prep, 3) || q->plane.lo > 0 || q->plane.hi < 0) {
        q->finish_fn = finish;
        q->plane.lo = -__builtin_inff(), q->plane.hi = __builtin_inff();
    }
    WT_TRY(wt_dw_pack(prep, &c, &q->w, &q->bias, err));
    prep->params = q;
    prep->flops = 2.0 * (double)c.n * (double)c.oc * (double)(c.oh * c.ow) * (double)(c.kh * c.kw);
    wt_x86_threads(prep, 4 * prep->flops); /* as much memory as arithmetic */
    return WT_OK;
}
static wt_status prepare_avx2(wt_prep *p, wt_err *err) { return prepare(p, wt_dw_kinds_avx2, wt_finish_f32_avx2, err); }
static wt_status prepare_avx512(wt_prep *p, wt_err *err)
{
    return prepare(p, wt_dw_kinds_avx512, wt_finish_f32_avx512, err);
}

static void finish_rows(const dw_params *q, const wt_run *r, size_t plane, size_t y0, size_t y1)
{
    const size_t at = (plane * q->plane.oh + y0) * q->plane.ow * 64;
    char *out = (char *)wt_tensor_mut(r->out[0]) + at;
    const bool res = r->n_in > 3 && r->in[3];
    const wt_spot s = { .tile = out,
                        .mr = (int)((y1 - y0) * q->plane.ow),
                        .nb = 1,
                        .last = plane % q->blocks + 1 < q->blocks ? 16 : q->last,
                        .out = out,
                        .res = res ? (const char *)r->in[3]->data + at : NULL,
                        .out_px = 64,
                        .res_px = 64 };
    q->finish_fn(&q->finish, &s);
}

static wt_status run(const wt_run *r, wt_err *err)
{
    enum { ROWS_AT_ONCE = 4 }; /* that finishing finds in L1 */
    const dw_params *q = r->params;
    const wt_dw_plane *p = &q->plane;
    size_t at, end;
    (void)err;
    wt_split(q->images * q->blocks * p->oh, 1, r->tid, r->nthreads, &at, &end);
    while (at < end) {
        const size_t plane = at / p->oh, block = plane % q->blocks, y0 = at % p->oh;
        size_t y1 = p->oh - y0 < end - at ? p->oh : y0 + (end - at);
        if (q->finish_fn && y1 - y0 > ROWS_AT_ONCE)
            y1 = y0 + ROWS_AT_ONCE;
        wt_dw_rows(p, wt_in_f32(r, 0) + plane * p->ih * p->in_row, q->w + block * (size_t)(p->kh * p->kw) * 16,
                   q->bias + block * 16, wt_out_f32(r, 0) + plane * p->oh * p->ow * 16, y0, y1);
        if (q->finish_fn)
            finish_rows(q, r, plane, y0, y1);
        at += y1 - y0;
    }
    return WT_OK;
}

#define ROW(row_name, flags, prep)                                                                                     \
    {                                                                                                                  \
        .name = row_name, .op = WT_OP_CONV, .need = flags, .accepts = accepts, .prepare = prep, .run = run, .packs = 6 \
    }
const wt_kernel wt_x86_dw_rows[] = {
    ROW("conv_dw_f32_avx2", WT_CPU_AVX2, prepare_avx2),
    ROW("conv_dw_f32_avx512", WT_CPU_AVX512, prepare_avx512),
    { .name = NULL },
};
