/* finish_body.h - the functions of finish.h, for the instruction set of the file that includes it. */
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
                put_f32(f, (float *)(void *)(s->out + at) + h * VL, lanes, v_act(f->act.act, v, alpha, beta));
            }
}

WT_INLINE vf residual(const wt_finish *f, const char *at, size_t lanes)
{
    const bool is_signed = f->r_type == WT_I8;
    const vf code = lanes == VL ? vf_from_byte(at, is_signed) : vf_from_bytes_n(at, lanes, is_signed);
    return vf_mul(vf_sub(code, vf_set(f->r_zp)), vf_set(f->r_scale));
}

void WT_VEC_NAME(wt_finish_int)(const wt_finish *f, const wt_spot *s)
{
    const vf lo = code_lo(f->y_type), hi = code_hi(f->y_type);
    const bool real = f->y_type == WT_F32;
    const int32_t *tile = s->tile;
    for (int j = 0; j < s->nb; j++) {
        const float *scale = f->scale + s->channel + (size_t)j * 16;
        for (int i = 0; i < s->mr; i++)
            for (int h = 0; h < PIXEL_VECS; h++, tile += VL) {
                const size_t lanes = lanes_of(s, j, h), at = (size_t)j * s->out_block + (size_t)i * s->out_px;
                const size_t from = (size_t)j * s->res_block + (size_t)i * s->res_px + (size_t)h * VL;
                vf v = vf_mul(vf_from_i32(tile), vf_load(scale + h * VL));
                if (s->res)
                    v = vf_add(v, residual(f, s->res + from, lanes));
                if (real)
                    put_f32(f, (float *)(void *)(s->out + at) + h * VL, lanes,
                            v_act(f->act.act, v, vf_set(f->act.alpha), vf_set(f->act.beta)));
                else if (lanes == VL || f->zero_tail)
                    vf_to_bytes(s->out + at + h * VL, v_requant(f, v, lo, hi));
                else
                    vf_to_bytes_n(s->out + at + h * VL, lanes, v_requant(f, v, lo, hi));
            }
    }
}
