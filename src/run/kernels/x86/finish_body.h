/* finish_body.h - the functions of finish.h, for the instruction set of the file that includes it. */
#include <math.h>
#include "run/kernels/x86/fuse.h"
#include "run/kernels/x86/requant.h"

/* Lanes of vector h of block j that are channels: 0..VL. */
WT_INLINE size_t lanes_of(const wt_spot *s, int j, int h)
{
    const int lanes = (j + 1 < s->nb ? 16 : s->last) - h * VL;
    return lanes < 0 ? 0 : lanes > VL ? VL : (size_t)lanes;
}

WT_INLINE void put_f32(const wt_finish *f, float *out, size_t lanes, vf v)
{
    if (lanes == VL)
        vf_store(out, v);
    else if (f->zero_tail)
        vf_store(out, vf_select(vm_first(lanes), v, vf_set(0.0f)));
    else
        vf_store_n(out, lanes, v);
}

void WT_VEC_NAME(wt_finish_f32)(const wt_finish *f, const wt_spot *s)
{
    const vf alpha = vf_set(f->act.alpha), beta = vf_set(f->act.beta);
    const vf mul = vf_set(f->affine.mul), add = vf_set(f->affine.add);
    const bool affine = f->affine.some;
    const float *tile = s->tile;
    for (int j = 0; j < s->nb; j++)
        for (int i = 0; i < s->mr; i++)
            for (int h = 0; h < PIXEL_VECS; h++, tile += VL) {
                const size_t lanes = lanes_of(s, j, h), at = (size_t)j * s->out_block + (size_t)i * s->out_px;
                const size_t from = (size_t)j * s->res_block + (size_t)i * s->res_px;
                vf v = vf_load(tile);
                if (s->res) {
                    const float *res = (const float *)(const void *)(s->res + from) + h * VL;
                    v = vf_add(v, lanes == VL ? vf_load(res) : vf_load_n(res, lanes));
                }
                v = v_act(f->act.act, v, alpha, beta);
                put_f32(f, (float *)(void *)(s->out + at) + h * VL, lanes, affine ? vf_fma(v, mul, add) : v);
            }
}

/* --- integers ----------------------------------------------------------------------------------------------------- */

WT_INLINE vf real_residual(const wt_finish *f, vf code)
{
    return vf_mul(vf_sub(code, vf_set(f->r_zp)), vf_set(f->r_scale));
}

/* What is added to a sum in real numbers; both are there or not. */
typedef struct terms {
    bool has_bias, has_res;
    vf bias, res; /* the residual: its code */
} terms;

/* Sum, bias and residual's code to a code, in the order that internal_ops.h says. */
WT_INLINE vf code_exactly(const wt_finish *f, vf sum, vf scale, const terms t, const wt_act act)
{
    vf x = vf_mul(sum, scale);
    if (t.has_bias)
        x = vf_add(x, t.bias);
    return v_requant(f, act, t.has_res ? vf_add(x, real_residual(f, t.res)) : x);
}

/* The same when clamping is all the activation does: multiply-adds to the neighbourhood of the code, and exactly only
 * where that lies too near to the middle between two codes. The error of t is at most 4 roundings of the product and of
 * each constant. */
WT_INLINE vf code_near(const wt_finish *f, vf sum, vf scale, vf mult, vf res)
{
    const vf u = vf_fma(sum, mult, vf_set(f->shift));
    vf t = vf_fma(res, vf_set(f->r_mult), u);
    const vf safe = vf_fnma(vf_abs(u), vf_set(3e-7f),
                            vf_set(0.5f - 1e-5f - 3e-7f * (2 * fabsf(f->shift) + 256 * fabsf(f->r_mult))));
    if (WT_UNLIKELY(vm_any(vf_ge(vf_abs(vf_frac(t)), safe))))
        t = code_exactly(f, sum, scale, (terms){ .has_res = true, .res = res }, WT_ACT_NONE);
    return vf_min(vf_set(f->hi), vf_max(vf_set(f->lo), t));
}

/* Full lanes to bytes without residual, as tiles would do it (tile.h). */
static void int_block_fused(const wt_finish *f, const wt_spot *s, int j)
{
    const wt_fuse fuse = *f->fuse;
    const size_t channel = s->channel + (size_t)j * 16, out_px = s->out_px;
    const int32_t *tile = (const int32_t *)s->tile + (size_t)j * (size_t)s->mr * 16;
    char *out = s->out + (size_t)j * s->out_block;
    for (int i = 0, mr = s->mr; i < mr; i++, out += out_px)
        for (int h = 0; h < 16; h += VL, tile += VL)
            if (WT_UNLIKELY(vm_any(wt_fuse_store(&fuse, out + h, vi_load(tile), channel + (size_t)h))))
                vf_to_bytes(out + h, code_exactly(f, vf_from_i32(tile), vf_load(f->scale + channel + h),
                                                  (terms){ .has_res = false }, WT_ACT_NONE));
}

/* Full lanes to bytes. act: NONE stands for every clamping one; near: with a residual and without a bias. */
WT_INLINE void int_block(const wt_finish *f, const wt_spot *s, int j, const bool has_bias, const bool has_res,
                         const wt_act act)
{
    const float *scale = f->scale + s->channel + (size_t)j * 16, *mult = f->mult + s->channel + (size_t)j * 16,
                *bias = has_bias ? f->bias + s->channel + (size_t)j * 16 : scale;
    const bool near = act == WT_ACT_NONE && has_res && !has_bias;
    const int32_t *tile = (const int32_t *)s->tile + (size_t)j * (size_t)s->mr * 16;
    char *out = s->out + (size_t)j * s->out_block;
    const char *res = has_res ? s->res + (size_t)j * s->res_block : NULL;
    const size_t out_px = s->out_px, res_px = s->res_px;
    const bool r_signed = f->r_type == WT_I8;
    for (int i = 0, mr = s->mr; i < mr; i++, out += out_px)
        for (int h = 0; h < 16; h += VL, tile += VL) {
            const terms t = { has_bias, has_res, vf_load(bias + h),
                              has_res ? vf_from_byte(res + (size_t)i * res_px + h, r_signed) : vf_set(0) };
            const vf sum = vf_from_i32(tile), m = vf_load(scale + h);
            vf_to_bytes(out + h,
                        near ? code_near(f, sum, m, vf_load(mult + h), t.res) : code_exactly(f, sum, m, t, act));
        }
}

/* Anything: cut-off blocks of plain tensors, results as floats. */
static void int_block_any(const wt_finish *f, const wt_spot *s, int j)
{
    const float *scale = f->scale + s->channel + (size_t)j * 16;
    const int32_t *tile = (const int32_t *)s->tile + (size_t)j * (size_t)s->mr * 16;
    for (int i = 0; i < s->mr; i++)
        for (int h = 0; h < PIXEL_VECS; h++, tile += VL) {
            const size_t lanes = lanes_of(s, j, h);
            char *out = s->out + (size_t)j * s->out_block + (size_t)i * s->out_px;
            vf v = vf_mul(vf_from_i32(tile), vf_load(scale + h * VL));
            if (f->bias)
                v = vf_add(v, vf_load(f->bias + s->channel + (size_t)j * 16 + (size_t)h * VL));
            if (s->res) {
                const char *res = s->res + (size_t)j * s->res_block + (size_t)i * s->res_px + (size_t)h * VL;
                v = vf_add(v, real_residual(f, vf_from_bytes_n(res, lanes, f->r_type == WT_I8)));
            }
            if (f->y_type == WT_F32)
                put_f32(f, (float *)(void *)out + h * VL, lanes,
                        v_act(f->act.act, v, vf_set(f->act.alpha), vf_set(f->act.beta)));
            else
                vf_to_bytes_n(out + h * VL, lanes, v_requant(f, f->act.act, v));
        }
}

void WT_VEC_NAME(wt_finish_int)(const wt_finish *finish, const wt_spot *spot)
{
    const wt_finish f = *finish; /* copies: a store might change the originals, as far as the compiler knows */
    const wt_spot s = *spot;
    float lo, hi;
    const bool clamps = wt_act_clamps(f.act, &lo, &hi);
    for (int j = 0; j < s.nb; j++) {
        const bool whole = f.zero_tail || j + 1 < s.nb || s.last == 16;
        if (f.y_type == WT_F32 || !whole)
            int_block_any(&f, &s, j);
        else if (f.fuse)
            int_block_fused(&f, &s, j);
        else if (clamps && f.bias)
            int_block(&f, &s, j, true, s.res != NULL, WT_ACT_NONE);
        else if (clamps)
            int_block(&f, &s, j, false, true, WT_ACT_NONE);
        else if (f.act.act == WT_ACT_HARDSWISH && !s.res && !f.bias)
            int_block(&f, &s, j, false, false, WT_ACT_HARDSWISH);
        else
            int_block(&f, &s, j, f.bias != NULL, s.res != NULL, f.act.act);
    }
}
