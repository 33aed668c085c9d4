/* matmul_f32.c - MatMul of two computed matrices, batched, with broadcast batches: attention scores and the like.
 *
 * The right side is packed at each run: by the thread that needs its columns, so that nothing has to be waited for.
 * With at least as many batches as threads each thread takes whole batches, otherwise columns of every batch. */
#include "run/kernels/x86/band.h"
#include "run/kernels/x86/matrix.h"
#include "run/kernels/x86/rows.h"

typedef struct matmul_params {
    wt_tiled t;
    size_t k, n, batches;
    const size_t *a_at, *b_at; /* [batches] elements */
    bool split_batches;
    size_t packed, scratch; /* bytes of a thread's packed columns, of its scratch */
} matmul_params;

/* Batch dimensions from the back; false when they do not broadcast to the output's. */
static bool shapes(wt_matrix *m, size_t *batches, const wt_prep *p)
{
    const wt_shape *a = &p->in[0]->shape, *b = &p->in[1]->shape, *y = &p->out[0]->shape;
    const int r = y->rank;
    if (a->rank < 2 || b->rank < 2 || r != (a->rank > b->rank ? a->rank : b->rank))
        return false;
    for (int i = 3; i <= r; i++) {
        const int64_t da = i <= a->rank ? a->dim[a->rank - i] : 1, db = i <= b->rank ? b->dim[b->rank - i] : 1,
                      dy = y->dim[r - i];
        if ((da != dy && da != 1) || (db != dy && db != 1))
            return false;
    }
    *m = (wt_matrix){ .m = (size_t)y->dim[r - 2],
                      .k = (size_t)a->dim[a->rank - 1],
                      .n = (size_t)y->dim[r - 1],
                      .a_size = 4,
                      .y_size = 4,
                      .r_size = 4 };
    *batches = (size_t)wt_shape_product(y, 0, r - 2);
    return a->dim[a->rank - 2] == y->dim[r - 2] && b->dim[b->rank - 1] == y->dim[r - 1] &&
           b->dim[b->rank - 2] == a->dim[a->rank - 1] && m->m && m->k && m->n && *batches;
}

static bool accepts(const wt_prep *p)
{
    wt_matrix m;
    size_t batches;
    for (size_t i = 0; i < 2; i++)
        if (p->in[i]->dtype != WT_F32 || p->in[i]->layout != WT_PLAIN)
            return false;
    /* packing a matrix for one row costs more than the row */
    return p->out[0]->dtype == WT_F32 && p->out[0]->layout == WT_PLAIN && shapes(&m, &batches, p) && m.m >= 2;
}

/* Where each batch of an operand begins. */
static void offsets(const wt_shape *s, const wt_shape *y, size_t batches, size_t *at)
{
    const size_t matrix = (size_t)(s->dim[s->rank - 2] * s->dim[s->rank - 1]);
    for (size_t i = 0; i < batches; i++) {
        size_t left = i, stride = matrix;
        at[i] = 0;
        for (int d = 3; d <= s->rank; d++) {
            const size_t len = (size_t)y->dim[y->rank - d], own = (size_t)s->dim[s->rank - d];
            at[i] += own == 1 ? 0 : left % len * stride;
            left /= len;
            stride *= own;
        }
    }
}

static wt_status prepare(wt_prep *prep, const wt_tileset *tiles, wt_finish_fn *finish, wt_err *err)
{
    matmul_params *q = wt_arena_alloc(prep->arena, 1, sizeof *q, err);
    wt_matrix m;
    wt_weights w;
    if (!q)
        return WT_ENOMEM;
    if (!shapes(&m, &q->batches, prep))
        return wt_fail(err, WT_EINTERNAL, "%s: prepared without having been accepted", prep->op_type);
    m.tiles = tiles, m.band = wt_band_matrix_f32;
    if (!wt_matrix_weights(&w, &m, prep->in[1], false))
        return wt_fail(err, WT_EFORMAT, "%s: the matrix is too large", prep->op_type);
    size_t *at = wt_arena_alloc(prep->arena, 2 * q->batches, sizeof *at, err);
    float *bias = wt_arena_alloc(prep->arena, w.oc_blocks * 16, sizeof *bias, err);
    if (!at || !bias)
        return WT_ENOMEM;
    offsets(&prep->in[0]->shape, &prep->out[0]->shape, q->batches, at);
    offsets(&prep->in[1]->shape, &prep->out[0]->shape, q->batches, at + q->batches);
    q->a_at = at, q->b_at = at + q->batches;
    q->k = m.k, q->n = m.n;
    wt_matrix_tiled(&q->t, &m, &w, false);
    q->t.bias = (const char *)bias;
    q->t.finish_fn = finish;
    q->t.direct = wt_act_clamps(q->t.finish.act, &q->t.lo, &q->t.hi);
    prep->flops = 2.0 * (double)q->batches * (double)m.m * (double)m.n * (double)m.k;
    wt_x86_threads(prep, prep->flops);
    const size_t threads = (size_t)prep->max_threads, units = wt_tiled_units(&q->t);
    wt_tiled_plan(&q->t, prep->max_threads);
    q->split_batches = q->batches >= threads;
    const size_t own = q->split_batches ? units : (units + threads - 1) / threads;
    q->packed = wt_align_up(own * (size_t)tiles->nb * w.w_block, 64);
    q->scratch = q->packed + q->t.scratch;
    prep->scratch_bytes = q->scratch * threads;
    prep->params = q;
    return WT_OK;
}
static wt_status prepare_avx2(wt_prep *p, wt_err *err)
{
    return prepare(p, &wt_tiles_f32_avx2, wt_finish_f32_avx2, err);
}
static wt_status prepare_avx512(wt_prep *p, wt_err *err)
{
    return prepare(p, &wt_tiles_f32_avx512, wt_finish_f32_avx512, err);
}

/* Columns [n0, n1) of b [k][n] as [block][k][16], zero behind the last. */
static void pack_columns(const float *b, size_t k, size_t n, size_t n0, size_t n1, float *to)
{
    for (size_t j = n0; j < n1; j += 16) {
        const size_t lanes = n - j < 16 ? n - j : 16;
        for (size_t i = 0; i < k; i++, to += 16) {
            if (lanes < 16)
                memset(to, 0, 16 * sizeof *to);
            if (lanes == 16)
                memcpy(to, b + i * n + j, 16 * sizeof *to);
            else
                memcpy(to, b + i * n + j, lanes * sizeof *to);
        }
    }
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const matmul_params *q = r->params;
    const size_t nb = (size_t)q->t.tiles->nb, m = q->t.lines;
    char *scratch = (char *)r->scratch + (size_t)r->tid * q->scratch;
    size_t batch0 = 0, batch1 = q->batches, unit0 = 0, unit1 = wt_tiled_units(&q->t);
    wt_tiled t = q->t;
    (void)err;
    if (q->split_batches)
        wt_split(q->batches, 1, r->tid, r->nthreads, &batch0, &batch1);
    else
        wt_split(unit1, 1, r->tid, r->nthreads, &unit0, &unit1);
    if (unit0 == unit1)
        return WT_OK;
    const size_t n0 = unit0 * nb * 16, n1 = unit1 * nb * 16 < q->n ? unit1 * nb * 16 : q->n;
    t.w = scratch - unit0 * nb * t.w_block; /* as if all columns were packed */
    const float *packed_from = NULL;
    for (size_t i = batch0; i < batch1; i++) {
        const float *b = wt_in_f32(r, 1) + q->b_at[i];
        if (b != packed_from)
            pack_columns(b, q->k, q->n, n0, n1, (float *)(void *)scratch);
        packed_from = b;
        wt_tiled_part(&t, wt_in_f32(r, 0) + q->a_at[i], NULL, wt_out_f32(r, 0) + i * m * q->n, scratch + q->packed, 0,
                      m, unit0, unit1);
    }
    return WT_OK;
}

#define ROW(row_name, flags, prep)                                                                                     \
    {                                                                                                                  \
        .name = row_name, .op = WT_OP_MATMUL, .need = flags, .accepts = accepts, .prepare = prep, .run = run           \
    }
const wt_kernel wt_x86_matmul_rows[] = {
    ROW("matmul_f32_avx2", WT_CPU_AVX2, prepare_avx2),
    ROW("matmul_f32_avx512", WT_CPU_AVX512, prepare_avx512),
    { .name = NULL },
};
