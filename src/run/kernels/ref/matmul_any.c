/* matmul_any.c - MatMul and Gemm of doubles and integers (which wrap): rare, so written to be short. */
#include "run/kernels/ref/matmul.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/types.h"
#include "run/kernels/ref/walk.h"

/* y[j] = sum over p of a[p * a_col] * b[p * b_row + j * b_col], j < n */
typedef void row_fn(const void *a, size_t a_col, const void *b, size_t b_row, size_t b_col, void *y, size_t k,
                    size_t n);
#define ROW_LOOP(id, type, wide)                                                                                       \
    static void row_##id(const void *va, size_t a_col, const void *vb, size_t b_row, size_t b_col, void *vy, size_t k, \
                         size_t n)                                                                                     \
    {                                                                                                                  \
        const type *a = va, *b = vb;                                                                                   \
        type *y = vy;                                                                                                  \
        for (size_t j = 0; j < n; j++) {                                                                               \
            wide sum = 0;                                                                                              \
            for (size_t p = 0; p < k; p++)                                                                             \
                sum += (wide)a[p * a_col] * (wide)b[p * b_row + j * b_col];                                            \
            y[j] = (type)sum;                                                                                          \
        }                                                                                                              \
    }
WT_NATIVE_TYPES(ROW_LOOP)
#define ENTRY(id, type, wide) [WT_##id] = row_##id,
static row_fn *const row_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(ENTRY) };

static bool same_types(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !wt_has_in(p, 1) || !wt_has_out(p, 0) || !wt_all_plain(p))
        return false;
    const wt_dtype t = p->in[0]->dtype;
    return row_table[t] && p->in[1]->dtype == t && p->out[0]->dtype == t && (!wt_has_in(p, 2) || p->in[2]->dtype == t);
}

/* --- MatMul
 * ------------------------------------------------------------------------------------------------------------ */
typedef struct any_params {
    wt_batches batches;
    wt_gemm gemm;
    wt_dtype dtype;
    size_t elem;
    row_fn *row;
} any_params;

static any_params *params_new(wt_prep *p, wt_err *err)
{
    any_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return NULL;
    q->dtype = p->in[0]->dtype;
    q->elem = wt_elem_bytes(q->dtype);
    q->row = row_table[q->dtype];
    p->params = q;
    return q;
}

bool wt_matmul_any_accepts(const wt_prep *p) { return p->n_in == 2 && same_types(p); }

wt_status wt_matmul_any_prepare(wt_prep *p, wt_err *err)
{
    any_params *q = params_new(p, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_batches_init(&q->batches, p, err));
    const wt_batches *b = &q->batches;
    p->flops = 2.0 * (double)b->count * (double)b->m * (double)b->n * (double)b->k;
    p->max_threads = wt_worth_threads(p, p->flops);
    return WT_OK;
}

wt_status wt_matmul_any_run(const wt_run *r, wt_err *err)
{
    const any_params *q = r->params;
    const wt_batches *b = &q->batches;
    const char *x = r->in[0]->data, *w = r->in[1]->data;
    char *y = wt_tensor_mut(r->out[0]);
    size_t begin, end, a_at, b_at;
    (void)err;
    wt_split(b->count * b->m, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        wt_batch_at(b, i / b->m, &a_at, &b_at);
        q->row(x + (a_at + i % b->m * b->k) * q->elem, 1, w + b_at * q->elem, b->n, 1, y + i * b->n * q->elem, b->k,
               b->n);
    }
    return WT_OK;
}

/* --- Gemm
 * -------------------------------------------------------------------------------------------------------------- */
bool wt_gemm_any_accepts(const wt_prep *p) { return (p->n_in == 2 || p->n_in == 3) && same_types(p); }

wt_status wt_gemm_any_prepare(wt_prep *p, wt_err *err)
{
    any_params *q = params_new(p, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_gemm_read(p, &q->gemm, err));
    const wt_gemm *g = &q->gemm;
    p->flops = 2.0 * (double)g->m * (double)g->n * (double)g->k;
    p->max_threads = wt_worth_threads(p, p->flops);
    return WT_OK;
}

/* y = alpha * y + beta * c for one row, in double; exact integers where alpha and beta are 1. */
static wt_status scale_row(const any_params *q, char *y, const char *c, wt_err *err)
{
    const wt_gemm *g = &q->gemm;
    for (size_t j = 0; j < g->n; j++) {
        const char *add = c ? c + j * g->c_col * q->elem : NULL;
        double sum = 0, bias = 0;
        int64_t isum = 0, ibias = 0;
        if (wt_is_int(q->dtype) && g->alpha == 1.0f && (!c || g->beta == 1.0f)) {
            WT_TRY(wt_convert(y + j * q->elem, q->dtype, &isum, WT_I64, 1, true, err));
            if (add)
                WT_TRY(wt_convert(add, q->dtype, &ibias, WT_I64, 1, true, err));
            isum = (int64_t)((uint64_t)isum + (uint64_t)ibias);
            WT_TRY(wt_convert(&isum, WT_I64, y + j * q->elem, q->dtype, 1, true, err));
            continue;
        }
        WT_TRY(wt_convert(y + j * q->elem, q->dtype, &sum, WT_F64, 1, true, err));
        if (add)
            WT_TRY(wt_convert(add, q->dtype, &bias, WT_F64, 1, true, err));
        sum = (double)g->alpha * sum + (double)g->beta * bias;
        WT_TRY(wt_convert(&sum, WT_F64, y + j * q->elem, q->dtype, 1, true, err));
    }
    return WT_OK;
}

wt_status wt_gemm_any_run(const wt_run *r, wt_err *err)
{
    const any_params *q = r->params;
    const wt_gemm *g = &q->gemm;
    const char *a = r->in[0]->data, *b = r->in[1]->data, *c = wt_run_has(r, 2) ? r->in[2]->data : NULL;
    char *y = wt_tensor_mut(r->out[0]);
    size_t begin, end;
    wt_split(g->m, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        char *row = y + i * g->n * q->elem;
        q->row(a + i * g->a_row * q->elem, g->a_col, b, g->b_row, g->b_col, row, g->k, g->n);
        WT_TRY(scale_row(q, row, c ? c + i * g->c_row * q->elem : NULL, err));
    }
    return WT_OK;
}
