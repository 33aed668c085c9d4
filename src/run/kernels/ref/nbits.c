/* nbits.c - MatMulNBits and GatherBlockQuantized over weights as they are stored, FusedMatMul over transposed ones:
 * each row of the matrix becomes floats once and meets all of A. MatMulNBits gets here where no block format has its
 * values or where more precision than theirs is asked for (passes/nbits.c). */
#include "model/shape/microsoft_shape.h"
#include "run/kernels/ref/decoder.h"

static wt_infer infer_of(const wt_prep *p)
{
    return (wt_infer){ .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
}

/* Where the matrix lies in this run. */
wt_nbits wt_nbits_of_run(const wt_nbits_params *q, const wt_run *r, size_t codes, size_t scales, size_t zps)
{
    wt_nbits w = q->w;
    w.codes = r->in[codes]->data;
    w.scales = r->in[scales]->data;
    w.zps = wt_run_has(r, zps) ? r->in[zps]->data : NULL;
    return w;
}

static bool floats(const wt_prep *p, size_t i) { return !wt_has_in(p, i) || wt_in_is(p, i, WT_F32); }

/* --- MatMulNBits -------------------------------------------------------------------------------------------------- */
bool wt_nbits_accepts(const wt_prep *p)
{
    return wt_in_is(p, WT_NBITS_A, WT_F32) && wt_in_is(p, WT_NBITS_B, WT_U8) && wt_in_is(p, WT_NBITS_SCALES, WT_F32) &&
           (floats(p, WT_NBITS_ZPS) || wt_in_is(p, WT_NBITS_ZPS, WT_U8)) && floats(p, WT_NBITS_BIAS) &&
           wt_out_is(p, 0, WT_F32) && wt_all_plain(p);
}

wt_status wt_nbits_prepare(wt_prep *p, wt_err *err)
{
    wt_nbits_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    const wt_infer c = infer_of(p);
    if (!q)
        return WT_ENOMEM;
    if (wt_has_in(p, WT_NBITS_G_IDX)) {
        wt_fail(err, WT_EUNSUPPORTED, "MatMulNBits: its input g_idx, which permutes columns, is not supported");
        wt_err_hint(err,
                    "quantize the model without act_order (desc_act), or with its columns permuted in the weights");
        return WT_EUNSUPPORTED;
    }
    WT_TRY(wt_matmul_nbits_read(&c, &q->w, err));
    q->m = wt_count(p->in[WT_NBITS_A]) / q->w.k;
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)q->m * (double)q->w.n * (double)q->w.k;
    return wt_plan_scratch(p, q->w.k, sizeof(float), &q->scratch, err);
}

static wt_status nbits_run(const wt_run *r, wt_err *err)
{
    const wt_nbits_params *q = r->params;
    const wt_nbits w = wt_nbits_of_run(q, r, WT_NBITS_B, WT_NBITS_SCALES, WT_NBITS_ZPS);
    const float *x = wt_in_f32(r, 0), *bias = wt_run_has(r, WT_NBITS_BIAS) ? wt_in_f32(r, WT_NBITS_BIAS) : NULL;
    float *row = (float *)((char *)r->scratch + (size_t)r->tid * q->scratch), *y = wt_out_f32(r, 0);
    size_t begin, end;
    (void)err;
    wt_split(w.n, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t j = begin; j < end && q->m; j++) {
        wt_nbits_row(&w, j, row);
        for (size_t i = 0; i < q->m; i++)
            y[i * w.n + j] = wt_ref_dot(x + i * w.k, row, w.k) + (bias ? bias[j] : 0);
    }
    return WT_OK;
}

/* --- GatherBlockQuantized ----------------------------------------------------------------------------------------- */
static bool gather_accepts(const wt_prep *p)
{
    return (wt_in_is(p, 0, WT_U8) || wt_in_is(p, 0, WT_U4) || wt_in_is(p, 0, WT_I4)) &&
           (wt_in_is(p, 1, WT_I32) || wt_in_is(p, 1, WT_I64)) && wt_in_is(p, 2, WT_F32) && wt_out_is(p, 0, WT_F32) &&
           wt_all_plain(p);
}

static wt_status gather_prepare(wt_prep *p, wt_err *err)
{
    wt_nbits_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    const wt_infer c = infer_of(p);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_gather_nbits_read(&c, &q->w, err));
    q->m = wt_count(p->in[1]);
    p->params = q;
    p->max_threads = p->threads;
    return WT_OK;
}

static wt_status gather_run(const wt_run *r, wt_err *err)
{
    const wt_nbits_params *q = r->params;
    const wt_nbits w = wt_nbits_of_run(q, r, 0, 2, 3);
    size_t begin, end;
    wt_split(q->m, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        int64_t id = 0;
        wt_tensor_int(r->in[1], (int64_t)i, &id);
        const int64_t row = id < 0 ? id + (int64_t)w.n : id;
        if (row < 0 || row >= (int64_t)w.n)
            return wt_fail(err, WT_EFORMAT, "indices[%zu] is %lld, outside a table of %zu rows", i, (long long)id, w.n);
        wt_nbits_row(&w, (size_t)row, wt_out_f32(r, 0) + i * w.k);
    }
    return WT_OK;
}

/* --- FusedMatMul: what the reader left, A [.., K] times the transpose of B [N, K] -----------------------------------
 */
typedef struct fused_params {
    size_t m, n, k;
    float alpha;
} fused_params;

static bool fused_accepts(const wt_prep *p)
{
    return wt_in_is(p, 0, WT_F32) && wt_in_is(p, 1, WT_F32) && wt_out_is(p, 0, WT_F32) && wt_all_plain(p) &&
           p->in[1]->shape.rank == 2 && wt_attr_int(p->attrs, "transB", 0) && !wt_attr_int(p->attrs, "transA", 0);
}

static wt_status fused_prepare(wt_prep *p, wt_err *err)
{
    fused_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->n = (size_t)p->in[1]->shape.dim[0];
    q->k = (size_t)p->in[1]->shape.dim[1];
    q->m = (size_t)wt_shape_product(&p->in[0]->shape, 0, p->in[0]->shape.rank - 1);
    q->alpha = wt_attr_float(p->attrs, "alpha", 1);
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)q->m * (double)q->n * (double)q->k;
    return WT_OK;
}

static wt_status fused_run(const wt_run *r, wt_err *err)
{
    const fused_params *q = r->params;
    size_t begin, end;
    (void)err;
    wt_split(q->n, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t j = begin; j < end; j++)
        for (size_t i = 0; i < q->m; i++)
            wt_out_f32(r, 0)[i * q->n + j] = q->alpha *
                                             wt_ref_dot(wt_in_f32(r, 0) + i * q->k, wt_in_f32(r, 1) + j * q->k, q->k);
    return WT_OK;
}

const wt_kernel wt_nbits_rows[] = {
    WT_HALF_ROW("matmulnbits_half_ref", WT_OP_MATMULNBITS),
    { .name = "matmulnbits_f32_ref",
      .op = WT_OP_MATMULNBITS,
      .accepts = wt_nbits_accepts,
      .prepare = wt_nbits_prepare,
      .run = nbits_run },
    WT_HALF_ROW("gatherblockquantized_half_ref", WT_OP_GATHERBLOCKQUANTIZED),
    { .name = "gatherblockquantized_f32_ref",
      .op = WT_OP_GATHERBLOCKQUANTIZED,
      .accepts = gather_accepts,
      .prepare = gather_prepare,
      .run = gather_run },
    WT_HALF_ROW("fusedmatmul_half_ref", WT_OP_FUSEDMATMUL),
    { .name = "fusedmatmul_f32_ref",
      .op = WT_OP_FUSEDMATMUL,
      .accepts = fused_accepts,
      .prepare = fused_prepare,
      .run = fused_run },
    { .name = NULL },
};
