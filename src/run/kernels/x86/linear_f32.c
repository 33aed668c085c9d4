/* linear_f32.c - products with a constant matrix: Linear (weights in float32, half or bfloat16), MatMul and Gemm with a
 * constant right side. Weights are packed once; rows of the left side are packed band by band. */
#include "run/kernels/x86/band.h"
#include "run/kernels/x86/matrix.h"
#include "run/kernels/x86/rows.h"

typedef struct isa {
    const wt_tileset *f32, *f16, *bf16;
    wt_finish_fn *finish;
} isa;
static const isa avx2 = { &wt_tiles_f32_avx2, &wt_tiles_f16_avx2, &wt_tiles_bf16_avx2, wt_finish_f32_avx2 };
static const isa avx512 = { &wt_tiles_f32_avx512, &wt_tiles_f16_avx512, &wt_tiles_bf16_avx512, wt_finish_f32_avx512 };

static bool is_plain_f32(const wt_tensor *t) { return t->dtype == WT_F32 && t->layout == WT_PLAIN; }

/* Rows, depth and columns; false when the shapes do not fit each other or there is nothing to do. */
static bool sizes(wt_matrix *m, const wt_prep *p, bool transposed)
{
    const wt_shape *a = &p->in[0]->shape, *b = &p->in[1]->shape, *y = &p->out[0]->shape;
    if (a->rank < 1 || b->rank != 2 || y->rank != a->rank)
        return false;
    const int64_t k = b->dim[transposed ? 1 : 0], n = b->dim[transposed ? 0 : 1],
                  rows = wt_shape_product(a, 0, a->rank - 1);
    *m = (wt_matrix){ .m = (size_t)rows, .k = (size_t)k, .n = (size_t)n, .a_size = 4, .y_size = 4, .r_size = 4 };
    return rows > 0 && k > 0 && n > 0 && a->dim[a->rank - 1] == k && y->dim[y->rank - 1] == n &&
           wt_shape_product(y, 0, y->rank - 1) == rows;
}

static bool accepts_any(const wt_prep *p, bool transposed)
{
    wt_matrix m;
    const wt_dtype w = p->in[1]->dtype;
    return is_plain_f32(p->in[0]) && is_plain_f32(p->out[0]) && p->in[1]->data && p->in[1]->layout == WT_PLAIN &&
           (w == WT_F32 || w == WT_F16 || w == WT_BF16) && sizes(&m, p, transposed);
}

static bool is_vector(const wt_prep *p, size_t i, int64_t n)
{
    if (!wt_has_in(p, i))
        return true;
    return p->in[i]->data && is_plain_f32(p->in[i]) && p->in[i]->shape.rank == 1 && p->in[i]->shape.dim[0] == n;
}

static bool accepts_linear(const wt_prep *p)
{
    const bool transposed = wt_attr_int(p->attrs, "trans_b", 0) != 0;
    if (!accepts_any(p, transposed) || !is_vector(p, 2, p->in[1]->shape.dim[transposed ? 0 : 1]))
        return false;
    return !wt_has_in(p, 3) || (is_plain_f32(p->in[3]) && wt_shape_equal(&p->in[3]->shape, &p->out[0]->shape));
}
static bool accepts_matmul(const wt_prep *p) { return p->in[1]->dtype == WT_F32 && accepts_any(p, false); }
static bool accepts_gemm(const wt_prep *p)
{
    const bool transposed = wt_attr_int(p->attrs, "transB", 0) != 0;
    return p->in[1]->dtype == WT_F32 && wt_attr_int(p->attrs, "transA", 0) == 0 &&
           wt_attr_float(p->attrs, "alpha", 1) == 1.0f && wt_attr_float(p->attrs, "beta", 1) == 1.0f &&
           accepts_any(p, transposed) && is_vector(p, 2, p->in[1]->shape.dim[transposed ? 0 : 1]);
}

static wt_status prepare(wt_prep *prep, const isa *set, const char *trans, wt_act_params act, wt_err *err)
{
    wt_tiled *p = wt_arena_alloc(prep->arena, 1, sizeof *p, err);
    wt_matrix m;
    wt_weights w;
    if (!p)
        return WT_ENOMEM;
    const bool transposed = trans && wt_attr_int(prep->attrs, trans, 0) != 0;
    if (!sizes(&m, prep, transposed))
        return wt_fail(err, WT_EINTERNAL, "%s: prepared without having been accepted", prep->op_type);
    const wt_dtype stored = prep->in[1]->dtype;
    m.tiles = stored == WT_F16 ? set->f16 : stored == WT_BF16 ? set->bf16 : set->f32;
    m.band = wt_band_matrix_f32;
    if (!wt_matrix_weights(&w, &m, prep->in[1], transposed))
        return wt_fail(err, WT_EFORMAT, "%s: the matrix is too large", prep->op_type);
    wt_matrix_tiled(p, &m, &w, true);
    float *bias = wt_arena_alloc(prep->arena, w.oc_blocks * 16, sizeof *bias, err);
    if (!bias)
        return WT_ENOMEM;
    if (wt_has_in(prep, 2))
        memcpy(bias, prep->in[2]->data, m.n * sizeof *bias);
    p->bias = (const char *)bias;
    WT_TRY(wt_weights_pack(&w, prep, &p->w, err));
    p->finish = (wt_finish){ .act = act };
    p->finish_fn = set->finish;
    p->direct = wt_act_clamps(act, &p->lo, &p->hi);
    wt_tiled_plan(p, prep->threads);
    prep->flops = wt_tiled_flops(p, (double)m.k);
    wt_x86_threads(prep, prep->flops);
    prep->scratch_bytes = p->scratch * (size_t)prep->max_threads;
    prep->params = p;
    return WT_OK;
}

static wt_status linear_avx2(wt_prep *p, wt_err *err)
{
    return prepare(p, &avx2, "trans_b", wt_act_from_attrs(p->attrs), err);
}
static wt_status linear_avx512(wt_prep *p, wt_err *err)
{
    return prepare(p, &avx512, "trans_b", wt_act_from_attrs(p->attrs), err);
}
static wt_status matmul_avx2(wt_prep *p, wt_err *err) { return prepare(p, &avx2, NULL, (wt_act_params){ 0 }, err); }
static wt_status matmul_avx512(wt_prep *p, wt_err *err) { return prepare(p, &avx512, NULL, (wt_act_params){ 0 }, err); }
static wt_status gemm_avx2(wt_prep *p, wt_err *err) { return prepare(p, &avx2, "transB", (wt_act_params){ 0 }, err); }
static wt_status gemm_avx512(wt_prep *p, wt_err *err)
{
    return prepare(p, &avx512, "transB", (wt_act_params){ 0 }, err);
}

#define ROW(row_name, code, flags, accept, prep)                                                                       \
    {                                                                                                                  \
        .name = row_name, .op = code, .need = flags, .accepts = accept, .prepare = prep, .run = wt_tiled_row_run,      \
        .packs = 6                                                                                                     \
    }
const wt_kernel wt_x86_linear_rows[] = {
    ROW("linear_f32_avx2", WT_OP_LINEAR, WT_CPU_AVX2, accepts_linear, linear_avx2),
    ROW("linear_f32_avx512", WT_OP_LINEAR, WT_CPU_AVX512, accepts_linear, linear_avx512),
    ROW("matmul_const_f32_avx2", WT_OP_MATMUL, WT_CPU_AVX2, accepts_matmul, matmul_avx2),
    ROW("matmul_const_f32_avx512", WT_OP_MATMUL, WT_CPU_AVX512, accepts_matmul, matmul_avx512),
    ROW("gemm_const_f32_avx2", WT_OP_GEMM, WT_CPU_AVX2, accepts_gemm, gemm_avx2),
    ROW("gemm_const_f32_avx512", WT_OP_GEMM, WT_CPU_AVX512, accepts_gemm, gemm_avx512),
    { .name = NULL },
};
