/* decoder.c - rows of RMSNormalization, LayerNormalization, Rope and Glu. Of one token, each is some hundred
 * nanoseconds: one thread's. */
#include "run/kernels/x86/decoder.h"
#include "run/kernels/x86/rows.h"

static void threads_of(wt_prep *p)
{
    wt_x86_threads_bytes(p, (double)wt_shape_product(&p->out[0]->shape, 0, p->out[0]->shape.rank) * 4);
}

/* --- RMSNormalization, LayerNormalization -------------------------------------------------------------------------
 */
typedef struct rms {
    size_t rows, n;
    float epsilon;
} rms;

/* Input i is a vector as long as the last axis of the data. */
static bool is_vector(const wt_prep *p, size_t i)
{
    const wt_shape *x = &p->in[0]->shape, *s = &p->in[i]->shape;
    return wt_in_is(p, i, WT_F32) && s->rank == 1 && s->dim[0] == x->dim[x->rank - 1];
}

static bool rms_accepts(const wt_prep *p)
{
    if (p->n_in < 2 || p->n_out != 1 || !wt_in_is(p, 0, WT_F32) || !wt_has_in(p, 1) || !wt_out_is(p, 0, WT_F32) ||
        !wt_all_plain(p) || (p->op == WT_OP_RMSNORMALIZATION && p->n_in != 2))
        return false;
    const wt_shape *x = &p->in[0]->shape;
    const int64_t axis = wt_attr_int(p->attrs, "axis", -1);
    return x->rank >= 1 && (axis == -1 || axis == x->rank - 1) && x->dim[x->rank - 1] > 0 && is_vector(p, 1) &&
           (!wt_has_in(p, 2) || is_vector(p, 2)) && wt_shape_equal(x, &p->out[0]->shape);
}

static wt_status rms_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape;
    rms *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->n = (size_t)x->dim[x->rank - 1];
    q->rows = (size_t)wt_shape_product(x, 0, x->rank - 1);
    q->epsilon = wt_attr_float(p->attrs, "epsilon", 1e-5f);
    p->params = q;
    p->flops = 4.0 * (double)q->rows * (double)q->n;
    threads_of(p);
    return WT_OK;
}

static void rms_run(const wt_run *r, const wt_decoder_fns *fns)
{
    const rms *q = r->params;
    size_t begin, end;
    wt_split(q->rows, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++)
        fns->rms_norm(wt_in_f32(r, 0) + i * q->n, wt_in_f32(r, 1), wt_out_f32(r, 0) + i * q->n, q->n, q->epsilon);
}

static void layer_run(const wt_run *r, const wt_decoder_fns *fns)
{
    const rms *q = r->params;
    const float *bias = wt_run_has(r, 2) ? wt_in_f32(r, 2) : NULL;
    size_t begin, end;
    wt_split(q->rows, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++)
        fns->layer_norm(wt_in_f32(r, 0) + i * q->n, wt_in_f32(r, 1), bias, wt_out_f32(r, 0) + i * q->n, q->n,
                        q->epsilon);
}

/* --- Rope --------------------------------------------------------------------------------------------------------- */
static wt_status rope_prepare(wt_prep *p, wt_err *err)
{
    size_t each;
    WT_TRY(wt_rope_prepare(p, err));
    threads_of(p);
    return wt_plan_scratch(p, 4 * ((const wt_rope_params *)p->params)->rope.half, sizeof(float), &each, err);
}

static void rope_run(const wt_run *r, const wt_decoder_fns *fns)
{
    const wt_rope_params *q = r->params;
    const size_t half = q->rope.half, width = q->heads * q->rope.head;
    float *c = (float *)((char *)r->scratch + (size_t)r->tid * wt_align_up(16 * half, 64)), *s = c + 2 * half;
    size_t begin, end;
    wt_split(q->tokens, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t t = begin; t < end; t++) {
        fns->rope_angles(&q->rope, ((const int32_t *)r->in[1]->data)[t], c, s);
        for (size_t h = 0; h < q->heads; h++) {
            const size_t at = t * width + h * q->rope.head;
            fns->rope_turn(&q->rope, c, s, wt_in_f32(r, 0) + at, wt_out_f32(r, 0) + at);
        }
    }
}

/* --- Glu ---------------------------------------------------------------------------------------------------------- */
static wt_status glu_prepare(wt_prep *p, wt_err *err)
{
    WT_TRY(wt_glu_prepare(p, err));
    threads_of(p);
    return WT_OK;
}

static void glu_run(const wt_run *r, const wt_decoder_fns *fns)
{
    const wt_glu *q = r->params;
    const float *gate = wt_in_f32(r, 0) + q->gate, *up = (wt_run_has(r, 1) ? wt_in_f32(r, 1) : wt_in_f32(r, 0)) + q->up;
    size_t begin, end;
    wt_split(q->rows, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++)
        fns->glu(q->act, gate + i * q->stride, up + i * q->stride, wt_out_f32(r, 0) + i * q->width, q->width);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */
#define RUN(name, isa)                                                                                                 \
    static wt_status name##_##isa(const wt_run *r, wt_err *err)                                                        \
    {                                                                                                                  \
        (void)err;                                                                                                     \
        name(r, &wt_decoder_fns_##isa);                                                                                \
        return WT_OK;                                                                                                  \
    }
RUN(rms_run, avx2)
RUN(rms_run, avx512)
RUN(layer_run, avx2)
RUN(layer_run, avx512)
RUN(rope_run, avx2)
RUN(rope_run, avx512)
RUN(glu_run, avx2)
RUN(glu_run, avx512)

#define ROW(row_name, code, flags, accept, prep, fn)                                                                   \
    {                                                                                                                  \
        .name = row_name, .op = code, .need = flags, .accepts = accept, .prepare = prep, .run = fn                     \
    }
const wt_kernel wt_x86_decoder_rows[] = {
    ROW("rmsnorm_f32_avx2", WT_OP_RMSNORMALIZATION, WT_CPU_AVX2, rms_accepts, rms_prepare, rms_run_avx2),
    ROW("rmsnorm_f32_avx512", WT_OP_RMSNORMALIZATION, WT_CPU_AVX512, rms_accepts, rms_prepare, rms_run_avx512),
    ROW("layernorm_f32_avx2", WT_OP_LAYERNORMALIZATION, WT_CPU_AVX2, rms_accepts, rms_prepare, layer_run_avx2),
    ROW("layernorm_f32_avx512", WT_OP_LAYERNORMALIZATION, WT_CPU_AVX512, rms_accepts, rms_prepare, layer_run_avx512),
    ROW("rope_f32_avx2", WT_OP_ROPE, WT_CPU_AVX2, wt_rope_accepts, rope_prepare, rope_run_avx2),
    ROW("rope_f32_avx512", WT_OP_ROPE, WT_CPU_AVX512, wt_rope_accepts, rope_prepare, rope_run_avx512),
    ROW("glu_f32_avx2", WT_OP_GLU, WT_CPU_AVX2, wt_glu_accepts, glu_prepare, glu_run_avx2),
    ROW("glu_f32_avx512", WT_OP_GLU, WT_CPU_AVX512, wt_glu_accepts, glu_prepare, glu_run_avx512),
    { .name = NULL },
};
