/* conv_i8.c - QuantConv into C16 as tiles of exact integer sums: C16 input, and planar input with few channels.
 *
 * With a byte dot product (VNNI) the tiles multiply unsigned pixels, 4 channels at a time; signed input is copied with
 * its sign bit flipped, which adds 128 to codes and zero point alike. Without one they multiply words, in pairs. Either
 * way the zero point's part of the sum is constant for each output channel and lies in the bias; padding is the zero
 * point. */
#include "run/kernels/x86/band.h"
#include "run/kernels/x86/conv_shape.h"
#include "run/kernels/x86/quant.h"
#include "run/kernels/x86/rows.h"

typedef struct isa {
    const wt_tileset *pixel, *scalar;
    wt_band_fn *blocks, *planar;
    wt_finish_fn *finish;
    bool words;
} isa;
static const isa avx2 = { &wt_tiles_s16_avx2, &wt_tiles_s16_scalar_avx2, wt_band_s16,
                          wt_band_planar_s16, wt_finish_int_avx2,        true };
static const isa vnni = { &wt_tiles_u8_avx512vnni, &wt_tiles_u8_scalar_avx512vnni, wt_band_u8,
                          wt_band_planar_u8,       wt_finish_int_avx512,           false };

static bool accepts(const wt_prep *p)
{
    wt_conv_shape c;
    if (!wt_conv_inputs_fit(p, WT_I8, WT_I32, WT_U8) || !wt_conv_shape_read(&c, p))
        return false;
    const bool blocks = p->in[0]->layout == WT_C16;
    if (c.group != 1 && (!blocks || !wt_conv_merge_groups(&c)))
        return false;
    return wt_quant_fits(p, (int64_t)c.oc, (int64_t)(c.icg / c.merged * c.kh * c.kw));
}

static wt_status prepare(wt_prep *prep, const isa *set, wt_err *err)
{
    wt_conv_shape c;
    wt_conv_plan *q = wt_arena_alloc(prep->arena, 1, sizeof *q, err);
    wt_finish finish;
    wt_quant quant;
    if (!q)
        return WT_ENOMEM;
    if (!wt_conv_shape_read(&c, prep) || !wt_conv_merge_groups(&c))
        return wt_fail(err, WT_EINTERNAL, "%s: prepared without having been accepted", prep->op_type);
    WT_TRY(wt_quant_read(&quant, &finish, prep, c.oc, err));
    const bool planar = prep->in[0]->layout == WT_PLAIN, flip = quant.x_signed && !set->words;
    const int zero = quant.x_zp + (flip ? 128 : 0);
    WT_TRY(wt_conv_plan_make(q, prep, &c, planar ? set->scalar : set->pixel, planar ? set->planar : set->blocks,
                             set->words || flip, (unsigned char)zero, err));
    wt_tiled *p = &q->p;
    p->flip = flip ? 0x80 : 0;
    p->is_signed = quant.x_signed;
    WT_TRY(wt_weights_pack(&q->w, prep, &p->w, err));
    WT_TRY(wt_quant_bias(&quant, prep, c.oc, zero, wt_weights_sums(&q->w, p->w), err));
    p->bias = (const char *)quant.bias;
    p->finish = finish;
    p->finish.zero_tail = true;
    p->finish_fn = set->finish;
    WT_TRY(wt_quant_fuse(&p->finish, prep, c.oc, err));
    wt_tiled_plan(p, prep->threads);
    prep->flops = wt_tiled_flops(p, (double)(c.icg / c.merged * c.kh * c.kw));
    wt_x86_threads_codes(prep, prep->flops / 2, (double)(c.n * ((c.oc + 15) / 16 * 16) * c.oh * c.ow));
    prep->scratch_bytes = p->scratch * (size_t)prep->max_threads;
    prep->params = p;
    return WT_OK;
}
static wt_status prepare_avx2(wt_prep *p, wt_err *err) { return prepare(p, &avx2, err); }
static wt_status prepare_vnni(wt_prep *p, wt_err *err) { return prepare(p, &vnni, err); }

#define ROW(row_name, flags, prep)                                                                                     \
    {                                                                                                                  \
        .name = row_name, .op = WT_OP_QUANTCONV, .need = flags, .accepts = accepts, .prepare = prep,                   \
        .run = wt_tiled_row_run, .packs = 6                                                                            \
    }
const wt_kernel wt_x86_quant_conv_rows[] = {
    ROW("quantconv_i8_avx2", WT_CPU_AVX2, prepare_avx2),
    ROW("quantconv_i8_avx512vnni", WT_CPU_AVX512VNNI, prepare_vnni),
    { .name = NULL },
};
