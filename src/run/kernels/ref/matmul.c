/* matmul.c - MatMul and Gemm in float32 (halves through it), over product.h. */
#include "run/kernels/ref/matmul.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/product.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"

/* --- batches
 * ----------------------------------------------------------------------------------------------------------- */
wt_status wt_batches_init(wt_batches *b, const wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *y = &p->in[1]->shape, *out = &p->out[0]->shape;
    *b = (wt_batches){ .count = 1 };
    if (x->rank < 1 || y->rank < 1)
        return wt_fail(err, WT_EFORMAT, "%s: an operand is a scalar", p->op_type);
    b->m = x->rank > 1 ? (size_t)x->dim[x->rank - 2] : 1;
    b->k = (size_t)x->dim[x->rank - 1];
    b->n = y->rank > 1 ? (size_t)y->dim[y->rank - 1] : 1;
    b->rank = out->rank - (x->rank > 1) - (y->rank > 1);
    if ((size_t)y->dim[y->rank > 1 ? y->rank - 2 : 0] != b->k || b->rank < 0)
        return wt_fail(err, WT_EFORMAT, "%s: the inner dimensions differ", p->op_type);
    size_t sx = b->m * b->k, sy = b->k * b->n;
    for (int i = b->rank - 1; i >= 0; i--) {
        const int at_x = x->rank - 2 - (b->rank - i), at_y = y->rank - 2 - (b->rank - i);
        const size_t dx = at_x >= 0 ? (size_t)x->dim[at_x] : 1, dy = at_y >= 0 ? (size_t)y->dim[at_y] : 1;
        b->dim[i] = (size_t)out->dim[i];
        if ((dx != 1 && dx != b->dim[i]) || (dy != 1 && dy != b->dim[i]))
            return wt_fail(err, WT_EFORMAT, "%s: the batches do not broadcast", p->op_type);
        b->a_step[i] = dx == 1 ? 0 : sx;
        b->b_step[i] = dy == 1 ? 0 : sy;
        sx *= dx;
        sy *= dy;
        b->count *= b->dim[i];
    }
    /* Batches that meet one and the same right operand are only more rows. */
    bool shared = true;
    for (int i = 0; i < b->rank; i++)
        shared = shared && (b->b_step[i] == 0 || b->dim[i] == 1) && (b->a_step[i] != 0 || b->dim[i] == 1);
    if (shared && b->count > 0) {
        b->m *= b->count;
        b->count = 1;
        b->rank = 0;
    }
    return WT_OK;
}

void wt_batch_at(const wt_batches *b, size_t i, size_t *a_at, size_t *b_at)
{
    *a_at = *b_at = 0;
    for (int d = b->rank - 1; d >= 0; d--) {
        const size_t k = i % b->dim[d];
        i /= b->dim[d];
        *a_at += k * b->a_step[d];
        *b_at += k * b->b_step[d];
    }
}

/* --- MatMul
 * ------------------------------------------------------------------------------------------------------------ */
typedef struct matmul_params {
    wt_batches batches;
    wt_product product;
    size_t units, scratch;
} matmul_params;

static bool all_f32(const wt_prep *p)
{
    return wt_in_is(p, 0, WT_F32) && wt_in_is(p, 1, WT_F32) && wt_out_is(p, 0, WT_F32) &&
           (!wt_has_in(p, 2) || wt_in_is(p, 2, WT_F32)) && wt_all_plain(p);
}

static bool matmul_accepts(const wt_prep *p) { return p->n_in == 2 && all_f32(p); }

static void store_rows(const wt_product *p, const void *arg, size_t i, size_t j, const float *sum, size_t n)
{
    float *y = (float *)(uintptr_t)arg;
    memcpy(y + i * p->n + j, sum, n * sizeof *sum);
}

static wt_status matmul_prepare(wt_prep *p, wt_err *err)
{
    matmul_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_batches_init(&q->batches, p, err));
    const wt_batches *b = &q->batches;
    q->product = (wt_product){ .m = b->m,
                               .n = b->n,
                               .k = b->k,
                               .a_row = b->k,
                               .a_col = 1,
                               .b_row = b->n,
                               .b_col = 1,
                               .b_dtype = WT_F32,
                               .store = store_rows };
    q->units = wt_product_units(&q->product);
    q->scratch = wt_product_scratch(&q->product);
    p->params = q;
    p->flops = 2.0 * (double)b->count * (double)b->m * (double)b->n * (double)b->k;
    p->max_threads = wt_worth_threads(p, p->flops / 4);
    p->scratch_bytes = q->scratch * (size_t)p->max_threads;
    return WT_OK;
}

static wt_status matmul_run(const wt_run *r, wt_err *err)
{
    const matmul_params *q = r->params;
    const wt_batches *b = &q->batches;
    float *y = wt_out_f32(r, 0);
    void *room = (char *)r->scratch + (size_t)r->tid * q->scratch;
    size_t begin, end, a_at, b_at;
    (void)err;
    wt_split(b->count * q->units, 1, r->tid, r->nthreads, &begin, &end);
    while (begin < end) {
        const size_t batch = begin / q->units, first = begin % q->units, left = q->units - first;
        const size_t n = left < end - begin ? left : end - begin;
        wt_batch_at(b, batch, &a_at, &b_at);
        wt_product_run(&q->product, wt_in_f32(r, 0) + a_at, wt_in_f32(r, 1) + b_at, y + batch * b->m * b->n, room,
                       first, first + n);
        begin += n;
    }
    return WT_OK;
}

/* --- Gemm
 * -------------------------------------------------------------------------------------------------------------- */
typedef struct gemm_params {
    wt_product product;
    float alpha, beta;
    size_t c_row, c_col; /* strides of C; 0: broadcast */
    size_t scratch;
} gemm_params;

typedef struct gemm_target {
    const gemm_params *q;
    const float *c; /* NULL: none */
    float *y;
} gemm_target;

static void store_gemm(const wt_product *p, const void *arg, size_t i, size_t j, const float *sum, size_t n)
{
    const gemm_target *t = arg;
    float *y = t->y + i * p->n + j;
    const float alpha = t->q->alpha, beta = t->q->beta;
    if (!t->c) {
        for (size_t k = 0; k < n; k++)
            y[k] = alpha * sum[k];
        return;
    }
    const float *c = t->c + i * t->q->c_row + j * t->q->c_col;
    for (size_t k = 0; k < n; k++)
        y[k] = alpha * sum[k] + beta * c[k * t->q->c_col];
}

wt_status wt_gemm_read(const wt_prep *p, wt_gemm *g, wt_err *err)
{
    const wt_shape *a = &p->in[0]->shape, *b = &p->in[1]->shape, *y = &p->out[0]->shape;
    const bool ta = wt_attr_int(p->attrs, "transA", 0) != 0, tb = wt_attr_int(p->attrs, "transB", 0) != 0;
    if (a->rank != 2 || b->rank != 2 || a->dim[ta ? 0 : 1] != b->dim[tb ? 1 : 0])
        return wt_fail(err, WT_EFORMAT, "Gemm: the inner dimensions differ");
    *g = (wt_gemm){ .m = (size_t)y->dim[0],
                    .n = (size_t)y->dim[1],
                    .k = (size_t)a->dim[ta ? 0 : 1],
                    .alpha = wt_attr_float(p->attrs, "alpha", 1.0f),
                    .beta = wt_attr_float(p->attrs, "beta", 1.0f) };
    g->a_row = ta ? 1 : g->k, g->a_col = ta ? g->m : 1;
    g->b_row = tb ? 1 : g->n, g->b_col = tb ? g->k : 1;
    if (!wt_has_in(p, 2))
        return WT_OK;
    const wt_shape *c = &p->in[2]->shape;
    const int64_t cols = c->rank > 0 ? c->dim[c->rank - 1] : 1, rows = c->rank > 1 ? c->dim[c->rank - 2] : 1;
    if (c->rank > 2 || (cols != 1 && cols != y->dim[1]) || (rows != 1 && rows != y->dim[0]))
        return wt_fail(err, WT_EFORMAT, "Gemm: C does not broadcast to the result");
    g->c_col = cols == 1 ? 0 : 1;
    g->c_row = rows == 1 ? 0 : (size_t)cols;
    return WT_OK;
}

static wt_status gemm_prepare(wt_prep *p, wt_err *err)
{
    gemm_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    wt_gemm g;
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_gemm_read(p, &g, err));
    *q = (gemm_params){ .alpha = g.alpha, .beta = g.beta, .c_row = g.c_row, .c_col = g.c_col };
    q->product = (wt_product){ .m = g.m,
                               .n = g.n,
                               .k = g.k,
                               .a_row = g.a_row,
                               .a_col = g.a_col,
                               .b_row = g.b_row,
                               .b_col = g.b_col,
                               .b_dtype = WT_F32,
                               .store = store_gemm };
    q->scratch = wt_product_scratch(&q->product);
    p->params = q;
    p->flops = 2.0 * (double)g.m * (double)g.n * (double)g.k;
    p->max_threads = wt_worth_threads(p, p->flops / 4);
    p->scratch_bytes = q->scratch * (size_t)p->max_threads;
    return WT_OK;
}

static wt_status gemm_run(const wt_run *r, wt_err *err)
{
    const gemm_params *q = r->params;
    const gemm_target t = { q, wt_run_has(r, 2) ? wt_in_f32(r, 2) : NULL, wt_out_f32(r, 0) };
    size_t begin, end;
    (void)err;
    wt_split(wt_product_units(&q->product), 1, r->tid, r->nthreads, &begin, &end);
    if (begin < end)
        wt_product_run(&q->product, wt_in_f32(r, 0), wt_in_f32(r, 1), &t,
                       (char *)r->scratch + (size_t)r->tid * q->scratch, begin, end);
    return WT_OK;
}

const wt_kernel wt_matmul_rows[] = {
    { .name = "matmul_ref",
      .op = WT_OP_MATMUL,
      .accepts = wt_matmul_any_accepts,
      .prepare = wt_matmul_any_prepare,
      .run = wt_matmul_any_run },
    { .name = "matmul_f32_ref",
      .op = WT_OP_MATMUL,
      .accepts = matmul_accepts,
      .prepare = matmul_prepare,
      .run = matmul_run },
    WT_HALF_ROW("matmul_half_ref", WT_OP_MATMUL),
    { .name = "gemm_ref",
      .op = WT_OP_GEMM,
      .accepts = wt_gemm_any_accepts,
      .prepare = wt_gemm_any_prepare,
      .run = wt_gemm_any_run },
    { .name = "gemm_f32_ref", .op = WT_OP_GEMM, .accepts = all_f32, .prepare = gemm_prepare, .run = gemm_run },
    WT_HALF_ROW("gemm_half_ref", WT_OP_GEMM),
    { .name = NULL },
};
