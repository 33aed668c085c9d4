/* quant.c - see quant.h. */
#include "run/kernels/x86/quant.h"
#include "run/kernels/ref/quant_ref.h"

bool wt_quant_fits(const wt_prep *p, int64_t n, int64_t depth)
{
    float scale;
    int32_t zero;
    const float *scales;
    size_t count;
    wt_requant out = { .y = WT_F32 };
    const wt_dtype y = p->out[0]->dtype;
    if (!wt_is_byte(p->in[0]->dtype) || (!wt_is_byte(y) && y != WT_F32) || p->in[1]->dtype != WT_I8 || !p->in[1]->data)
        return false;
    int64_t most = 0;
    if (wt_has_in(p, 2)) {
        const wt_tensor *b = p->in[2];
        if ((b->dtype != WT_I32 && b->dtype != WT_F32) || !b->data || b->shape.rank != 1 || b->shape.dim[0] != n)
            return false;
        for (int64_t i = 0; i < n && b->dtype == WT_I32; i++) {
            int32_t v; /* a pass may ask with the file's own bytes, which have no alignment */
            memcpy(&v, (const char *)b->data + 4 * i, sizeof v);
            const int64_t size = v < 0 ? -(int64_t)v : v;
            most = size > most ? size : most;
        }
    }
    if (depth > 65000 || depth * 255 * 128 + most >= INT32_MAX)
        return false;
    return wt_quant_attrs(p, "x", p->in[0]->dtype, &scale, &zero, NULL) == WT_OK &&
           wt_weight_scales(p, (size_t)n, &scales, &count, NULL) == WT_OK && wt_requant_attrs(p, &out, NULL) == WT_OK;
}

void wt_finish_derive(wt_finish *f)
{
    const float low = f->y_type == WT_I8 ? -128 : 0, high = low + 255;
    float lo, hi;
    const bool clamps = wt_act_clamps(f->act, &lo, &hi);
    /* rounding is monotonous: clamping before it and after it is the same */
    f->lo = clamps ? fminf(high, fmaxf(low, rintf(lo / f->y_scale) + f->y_zp)) : low;
    f->hi = clamps ? fminf(high, fmaxf(low, rintf(hi / f->y_scale) + f->y_zp)) : high;
    f->r_mult = (float)((double)f->r_scale / (double)f->y_scale);
    f->shift = (float)((double)f->y_zp - (double)f->r_zp * (double)f->r_scale / (double)f->y_scale);
}

static wt_status real_bias(wt_finish *f, const wt_prep *p, size_t n, wt_err *err)
{
    if (!wt_has_in(p, 2) || p->in[2]->dtype != WT_F32)
        return WT_OK;
    float *bias = wt_arena_alloc(p->arena, (n + 15) / 16 * 16, sizeof *bias, err);
    if (!bias)
        return WT_ENOMEM;
    memcpy(bias, p->in[2]->data, n * sizeof *bias);
    f->bias = bias;
    return WT_OK;
}

wt_status wt_quant_read(wt_quant *q, wt_finish *f, const wt_prep *p, size_t n, wt_err *err)
{
    float x_scale;
    int32_t zero;
    const float *w_scale;
    size_t count;
    wt_requant out = { .y = WT_F32 };
    WT_TRY(wt_quant_attrs(p, "x", p->in[0]->dtype, &x_scale, &zero, err));
    WT_TRY(wt_weight_scales(p, n, &w_scale, &count, err));
    WT_TRY(wt_requant_attrs(p, &out, err));
    const size_t room = (n + 15) / 16 * 16;
    const double y_scale = out.y == WT_F32 ? 1 : (double)out.y_scale;
    float *scale = wt_arena_alloc(p->arena, 2 * room, sizeof *scale, err), *mult = scale + room;
    if (!scale)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        scale[i] = x_scale * w_scale[count == 1 ? 0 : i];
        mult[i] = (float)((double)scale[i] / y_scale);
    }
    *q = (wt_quant){ .x_signed = p->in[0]->dtype == WT_I8, .x_zp = zero };
    *f = (wt_finish){ .act = out.act,
                      .y_type = out.y,
                      .r_type = out.r,
                      .scale = scale,
                      .y_scale = (float)y_scale,
                      .y_inverse = out.y == WT_F32 ? 1 : 1 / out.y_scale,
                      .y_zp = (float)out.y_zero,
                      .r_scale = out.r_scale,
                      .r_zp = (float)out.r_zero,
                      .mult = mult };
    wt_finish_derive(f);
    f->table_fn = p->cpu & WT_CPU_AVX512VBMI ? wt_qpoint_table_avx512vbmi : wt_qpoint_table_avx2;
    if (wt_attr_find(p->attrs, "table"))
        WT_TRY(wt_quant_table(p, &f->table, err));
    return real_bias(f, p, n, err);
}

wt_status wt_quant_bias(wt_quant *q, const wt_prep *p, size_t n, int shift, const int32_t *sums, wt_err *err)
{
    int32_t *bias = wt_arena_alloc(p->arena, (n + 15) / 16 * 16, sizeof *bias, err);
    if (!bias)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const uint32_t own = wt_has_in(p, 2) && p->in[2]->dtype == WT_I32
                                 ? (uint32_t)((const int32_t *)p->in[2]->data)[i]
                                 : 0;
        bias[i] = (int32_t)(own -
                            (uint32_t)shift * (uint32_t)sums[i]); /* sums of sums may wrap: the whole fits again */
    }
    q->bias = bias;
    return WT_OK;
}

wt_status wt_quant_fuse(wt_finish *f, const wt_prep *p, size_t n, wt_err *err)
{
    enum { BASE = 12582912 }; /* 1.5 * 2^23: the last bit is worth 1 */
    float lo, hi;
    f->fuse = NULL;
    if (f->y_type == WT_F32 || f->bias || f->r_type != WT_DTYPE_NONE || !wt_act_clamps(f->act, &lo, &hi))
        return WT_OK;
    const size_t room = (n + 15) / 16 * 16;
    wt_fuse *out = wt_arena_alloc(p->arena, 1, sizeof *out, err);
    float *high = wt_arena_alloc(p->arena, 2 * room, sizeof *high, err), *low = high + room, base = BASE;
    if (!out || !high)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        /* product and quotient round by 2^-24 each, this factor once more */
        const double exact = (double)f->scale[i] / (double)f->y_scale;
        high[i] = (float)(exact * (1 + 2.5e-7));
        low[i] = (float)(exact * (1 - 2.5e-7));
    }
    int32_t bits;
    memcpy(&bits, &base, sizeof bits);
    *out = (wt_fuse){
        .high = high, .low = low, .base = base + f->y_zp, .lo = bits + (int32_t)f->lo, .hi = bits + (int32_t)f->hi
    };
    f->fuse = out;
    return WT_OK;
}
