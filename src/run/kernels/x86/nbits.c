/* nbits.c - MatMulNBits where its values are no block format's: a row of the matrix becomes floats in the first cache
 * and meets all of A there. */
#include "run/kernels/x86/nbits.h"
#include "model/shape/microsoft_shape.h"
#include "run/kernels/ref/decoder.h"
#include "run/kernels/x86/rows.h"

static bool accepts(const wt_prep *p)
{
    const int64_t bits = wt_attr_int(p->attrs, "bits", 4);
    return (bits == 4 || bits == 8) && wt_nbits_accepts(p);
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const wt_nbits_params *q = r->params;
    const wt_nbits w = wt_nbits_of_run(q, r, WT_NBITS_B, WT_NBITS_SCALES, WT_NBITS_ZPS);
    size_t begin, end;
    (void)err;
    wt_split(w.n, 1, r->tid, r->nthreads, &begin, &end);
    if (q->m)
        wt_nbits_product_avx2(&w, begin, end, wt_in_f32(r, WT_NBITS_A), q->m,
                              wt_run_has(r, WT_NBITS_BIAS) ? wt_in_f32(r, WT_NBITS_BIAS) : NULL,
                              (float *)(void *)((char *)r->scratch + (size_t)r->tid * q->scratch), wt_out_f32(r, 0));
    return WT_OK;
}

const wt_kernel wt_x86_nbits_rows[] = {
    { .name = "matmulnbits_f32_avx2",
      .op = WT_OP_MATMULNBITS,
      .need = WT_CPU_AVX2,
      .accepts = accepts,
      .prepare = wt_nbits_prepare,
      .run = run },
    { .name = NULL },
};
