/* linear_i8.c - QuantLinear: rows of codes times a constant matrix, exact sums, see conv_i8.c. */
#include "run/kernels/x86/band.h"
#include "run/kernels/x86/matrix.h"
#include "run/kernels/x86/quant.h"
#include "run/kernels/x86/rows.h"

static bool sizes(wt_matrix *m, const wt_prep *p)
{
    const bool transposed = wt_attr_int(p->attrs, "trans_b", 0) != 0;
    const wt_shape *a = &p->in[0]->shape, *b = &p->in[1]->shape, *y = &p->out[0]->shape;
    if (a->rank < 1 || b->rank != 2 || y->rank != a->rank)
        return false;
    const int64_t k = b->dim[transposed ? 1 : 0], n = b->dim[transposed ? 0 : 1],
                  rows = wt_shape_product(a, 0, a->rank - 1);
    *m = (wt_matrix){ .m = (size_t)rows,
                      .k = (size_t)k,
                      .n = (size_t)n,
                      .a_size = 1,
                      .y_size = p->out[0]->dtype == WT_F32 ? 4 : 1,
                      .r_size = 1 };
    return rows > 0 && k > 0 && n > 0 && a->dim[a->rank - 1] == k && y->dim[y->rank - 1] == n &&
           wt_shape_product(y, 0, y->rank - 1) == rows;
}

static bool accepts(const wt_prep *p)
{
    wt_matrix m;
    for (size_t i = 0; i < p->n_in; i++)
        if (p->in[i] && p->in[i]->layout != WT_PLAIN)
            return false;
    return p->out[0]->layout == WT_PLAIN && sizes(&m, p) && wt_quant_fits(p, (int64_t)m.n, (int64_t)m.k);
}

static wt_status prepare(wt_prep *prep, const wt_tileset *tiles, wt_band_fn *band, wt_finish_fn *finish, bool words,
                         wt_err *err)
{
    wt_tiled *p = wt_arena_alloc(prep->arena, 1, sizeof *p, err);
    wt_matrix m;
    wt_weights w;
    wt_finish f;
    wt_quant quant;
    if (!p)
        return WT_ENOMEM;
    if (!sizes(&m, prep))
        return wt_fail(err, WT_EINTERNAL, "%s: prepared without having been accepted", prep->op_type);
    WT_TRY(wt_quant_read(&quant, &f, prep, m.n, err));
    m.tiles = tiles, m.band = band;
    if (!wt_matrix_weights(&w, &m, prep->in[1], wt_attr_int(prep->attrs, "trans_b", 0) != 0))
        return wt_fail(err, WT_EFORMAT, "%s: the matrix is too large", prep->op_type);
    wt_matrix_tiled(p, &m, &w, false);
    const bool flip = quant.x_signed && !words;
    p->flip = flip ? 0x80 : 0;
    p->is_signed = quant.x_signed;
    WT_TRY(wt_weights_pack(&w, prep, &p->w, err));
    WT_TRY(wt_quant_bias(&quant, prep, m.n, quant.x_zp + (flip ? 128 : 0), wt_weights_sums(&w, p->w), err));
    p->bias = (const char *)quant.bias;
    p->finish = f;
    p->finish_fn = finish;
    WT_TRY(wt_quant_fuse(&p->finish, prep, m.n, err));
    wt_tiled_plan(p, prep->threads);
    prep->flops = wt_tiled_flops(p, (double)m.k);
    wt_x86_threads(prep, prep->flops / 2);
    prep->scratch_bytes = p->scratch * (size_t)prep->max_threads;
    prep->params = p;
    return WT_OK;
}
static wt_status prepare_avx2(wt_prep *p, wt_err *err)
{
    return prepare(p, &wt_tiles_s16_avx2, wt_band_matrix_s16, wt_finish_int_avx2, true, err);
}
static wt_status prepare_vnni(wt_prep *p, wt_err *err)
{
    return prepare(p, &wt_tiles_u8_avx512vnni, wt_band_matrix_u8, wt_finish_int_avx512, false, err);
}

#define ROW(row_name, flags, prep)                                                                                     \
    {                                                                                                                  \
        .name = row_name, .op = WT_OP_QUANTLINEAR, .need = flags, .accepts = accepts, .prepare = prep,                 \
        .run = wt_tiled_row_run, .packs = 6                                                                            \
    }
const wt_kernel wt_x86_quant_linear_rows[] = {
    ROW("quantlinear_i8_avx2", WT_CPU_AVX2, prepare_avx2),
    ROW("quantlinear_i8_avx512vnni", WT_CPU_AVX512VNNI, prepare_vnni),
    { .name = NULL },
};
