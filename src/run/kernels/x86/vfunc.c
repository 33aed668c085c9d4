/* vfunc.c - rows of Tanh in float32, any layout: zero stays zero, so the lanes behind the last channel do. */
#include "run/kernels/x86/vfunc.h"
#include "run/kernels/x86/rows.h"

static size_t physical(const wt_tensor *t)
{
    size_t bytes = 0;
    wt_tensor_size(t, &bytes);
    return bytes / sizeof(float);
}

static bool accepts(const wt_prep *p)
{
    return p->n_in == 1 && p->in[0] && p->n_out == 1 && p->out[0] && p->in[0]->dtype == WT_F32 &&
           p->out[0]->dtype == WT_F32 && p->in[0]->layout == p->out[0]->layout &&
           wt_shape_equal(&p->in[0]->shape, &p->out[0]->shape);
}

static wt_status prepare(wt_prep *p, wt_err *err)
{
    (void)err;
    p->flops = (double)physical(p->out[0]);
    wt_x86_threads(p, 20 * p->flops);
    return WT_OK;
}

static void part(const wt_run *r, wt_vfunc_fn *fn)
{
    size_t begin, end;
    wt_split(physical(r->out[0]), 64, r->tid, r->nthreads, &begin, &end);
    fn(wt_in_f32(r, 0) + begin, wt_out_f32(r, 0) + begin, end - begin);
}

static wt_status tanh_avx2(const wt_run *r, wt_err *err)
{
    (void)err;
    part(r, wt_vfunc_tanh_avx2);
    return WT_OK;
}

static wt_status tanh_avx512(const wt_run *r, wt_err *err)
{
    (void)err;
    part(r, wt_vfunc_tanh_avx512);
    return WT_OK;
}

#define ROW(row_name, flags, does)                                                                                     \
    {                                                                                                                  \
        .name = row_name, .op = WT_OP_TANH, .need = flags, .accepts = accepts, .prepare = prepare, .run = does,        \
        .in_place = true                                                                                               \
    }
const wt_kernel wt_x86_vfunc_rows[] = {
    ROW("tanh_f32_avx2", WT_CPU_AVX2, tanh_avx2),
    ROW("tanh_f32_avx512", WT_CPU_AVX512, tanh_avx512),
    { .name = NULL },
};
