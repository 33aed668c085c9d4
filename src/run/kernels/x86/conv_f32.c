/* conv_f32.c - float32 convolution into C16 as products of tiles: C16 input (any kernel, stride, dilation, padding;
 * groups), and planar input, which a network's first layer has: too few channels to fill a block of 16.
 */
#include "run/kernels/x86/band.h"
#include "run/kernels/x86/conv_shape.h"
#include "run/kernels/x86/rows.h"

static bool accepts(const wt_prep *p, wt_layout layout)
{
    wt_conv_shape c;
    if (p->in[0]->dtype != WT_F32 || p->out[0]->dtype != WT_F32 || p->in[0]->layout != layout ||
        !wt_conv_inputs_fit(p, WT_F32, WT_F32, WT_F32) || !wt_conv_shape_read(&c, p))
        return false;
    return c.group == 1 || (layout == WT_C16 && wt_conv_merge_groups(&c));
}
static bool accepts_c16(const wt_prep *p) { return accepts(p, WT_C16); }
static bool accepts_planar(const wt_prep *p) { return accepts(p, WT_PLAIN); }

static wt_status prepare(wt_prep *prep, const wt_tileset *tiles, wt_band_fn *band, wt_finish_fn *finish, wt_err *err)
{
    wt_conv_shape c;
    wt_conv_plan *q = wt_arena_alloc(prep->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (!wt_conv_shape_read(&c, prep) || !wt_conv_merge_groups(&c))
        return wt_fail(err, WT_EINTERNAL, "%s: prepared without having been accepted", prep->op_type);
    WT_TRY(wt_conv_plan_make(q, prep, &c, tiles, band, false, 0, err));
    wt_tiled *p = &q->p;
    const float *bias;
    WT_TRY(wt_conv_bias_f32(prep, c.oc, &bias, err));
    p->bias = (const char *)bias;
    WT_TRY(wt_weights_pack(&q->w, prep, &p->w, err));
    p->finish = (wt_finish){ .act = wt_act_from_attrs(prep->attrs),
                             .affine = wt_affine_from_attrs(prep->attrs),
                             .zero_tail = true };
    p->finish_fn = finish;
    p->direct = wt_act_clamps(p->finish.act, &p->lo, &p->hi) && !p->finish.affine.some;
    p->tail_stays_zero = p->lo <= 0 && p->hi >= 0;
    wt_tiled_plan(p, prep->threads);
    prep->flops = wt_tiled_flops(p, (double)(c.icg / c.merged * c.kh * c.kw));
    wt_x86_threads(prep, prep->flops);
    prep->scratch_bytes = p->scratch * (size_t)prep->max_threads;
    prep->params = p;
    return WT_OK;
}

static wt_status prepare_avx2(wt_prep *p, wt_err *err)
{
    return prepare(p, &wt_tiles_f32_avx2, wt_band_f32, wt_finish_f32_avx2, err);
}
static wt_status prepare_avx512(wt_prep *p, wt_err *err)
{
    return prepare(p, &wt_tiles_f32_avx512, wt_band_f32, wt_finish_f32_avx512, err);
}
static wt_status prepare_planar_avx2(wt_prep *p, wt_err *err)
{
    return prepare(p, &wt_tiles_f32_scalar_avx2, wt_band_planar_f32, wt_finish_f32_avx2, err);
}
static wt_status prepare_planar_avx512(wt_prep *p, wt_err *err)
{
    return prepare(p, &wt_tiles_f32_scalar_avx512, wt_band_planar_f32, wt_finish_f32_avx512, err);
}

wt_status wt_tiled_row_run(const wt_run *r, wt_err *err)
{
    const wt_tiled *p = r->params;
    const void *res = r->n_in > 3 && r->in[3] ? r->in[3]->data : NULL;
    (void)err;
    wt_tiled_run(p, r->in[0]->data, res, wt_tensor_mut(r->out[0]), (char *)r->scratch + (size_t)r->tid * p->scratch,
                 r->tid, r->nthreads);
    return WT_OK;
}

#define ROW(row_name, flags, accept, prep)                                                                             \
    {                                                                                                                  \
        .name = row_name, .op = WT_OP_CONV, .need = flags, .accepts = accept, .prepare = prep,                         \
        .run = wt_tiled_row_run, .packs = 6                                                                            \
    }
const wt_kernel wt_x86_conv_rows[] = {
    ROW("conv_f32_planar_avx2", WT_CPU_AVX2, accepts_planar, prepare_planar_avx2),
    ROW("conv_f32_c16_avx2", WT_CPU_AVX2, accepts_c16, prepare_avx2),
    ROW("conv_f32_planar_avx512", WT_CPU_AVX512, accepts_planar, prepare_planar_avx512),
    ROW("conv_f32_c16_avx512", WT_CPU_AVX512, accepts_c16, prepare_avx512),
    { .name = NULL },
};
