/* reduce.c - the rows of ReduceSum and its nine relatives.
 *
 * Dims that are kept, and dims that are reduced, are merged with their neighbours of the same kind. Then two forms of
 * walk are enough. If the innermost dim is reduced, each output is the fold of some rows. If it is kept, up to BLOCK
 * neighbouring outputs are folded side by side. LogSumExp walks twice: first for the maximum, then for the sum of exp(x
 * - maximum). */
#include "model/shape/shape.h"
#include "run/kernels/ref/move.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/reduce.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"
#include <math.h>

enum { BLOCK = 256 };

typedef struct reduce_params {
    wt_opcode op;
    wt_dtype dtype;
    wt_fold fold;
    bool ints, flip;               /* flip: uint64 in the order of int64 (max and min) */
    size_t elem, outputs, reduced; /* values behind one output */
    int n_kept, n_gone;
    size_t kept[WT_MAX_RANK], kept_step[WT_MAX_RANK]; /* elements */
    size_t gone[WT_MAX_RANK], gone_step[WT_MAX_RANK];
    bool by_rows; /* the innermost dim is reduced */
    size_t inner; /* its length; or that of the innermost kept dim, which is not in kept[] then */
    double real_start;
    int64_t int_start;
} reduce_params;

static bool reduce_accepts(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !wt_has_out(p, 0) || p->in[0]->dtype != p->out[0]->dtype || !wt_all_plain(p))
        return false;
    const wt_dtype t = p->in[0]->dtype;
    return wt_dtype_is_float(t) || wt_is_int(t) ||
           (t == WT_BOOL && (p->op == WT_OP_REDUCEMAX || p->op == WT_OP_REDUCEMIN));
}

static wt_fold fold_of(wt_opcode op)
{
    switch (op) {
    case WT_OP_REDUCEL1: return WT_FOLD_ABS_SUM;
    case WT_OP_REDUCEL2:
    case WT_OP_REDUCESUMSQUARE: return WT_FOLD_SQUARE_SUM;
    case WT_OP_REDUCELOGSUMEXP: return WT_FOLD_EXP_SUM;
    case WT_OP_REDUCEMAX: return WT_FOLD_MAX;
    case WT_OP_REDUCEMIN: return WT_FOLD_MIN;
    case WT_OP_REDUCEPROD: return WT_FOLD_PROD;
    default: return WT_FOLD_SUM;
    }
}

/* What a fold starts with: also the result over an empty set. */
static void set_start(reduce_params *q)
{
    const unsigned bits = 8 * (unsigned)q->elem;
    const bool is_signed = wt_is_signed_int(q->dtype) || q->flip;
    const int64_t low = is_signed ? (int64_t)(UINT64_MAX << (bits - 1)) : 0;
    const int64_t high = q->dtype == WT_BOOL ? 1 : is_signed ? ~low : (int64_t)(UINT64_MAX >> (64 - bits));
    switch (q->fold) {
    case WT_FOLD_PROD: q->real_start = 1, q->int_start = 1; break;
    case WT_FOLD_MAX: q->real_start = -INFINITY, q->int_start = low; break;
    case WT_FOLD_MIN: q->real_start = INFINITY, q->int_start = high; break;
    default: break;
    }
}

/* Merges the dims of x: a dim of 1 is nothing, neighbours of one kind are one. */
static void merge(reduce_params *q, const wt_shape *x, unsigned axes)
{
    size_t step = 1, *last_dim = NULL;
    bool last_gone = false;
    for (int i = x->rank - 1; i >= 0; i--) {
        const size_t n = (size_t)x->dim[i];
        const bool gone = axes >> i & 1;
        if (n != 1 && last_dim && gone == last_gone) {
            *last_dim *= n;
        } else if (n != 1) {
            size_t *dim = gone ? q->gone : q->kept, *steps = gone ? q->gone_step : q->kept_step;
            int *count = gone ? &q->n_gone : &q->n_kept;
            if (!last_dim)
                q->by_rows = gone;
            dim[*count] = n;
            steps[*count] = step;
            last_dim = &dim[(*count)++];
            last_gone = gone;
        }
        step *= n;
    }
}

/* The innermost dim (entry 0: merge goes outwards) leaves the lists. */
static void take_inner(reduce_params *q)
{
    size_t *dim = q->by_rows ? q->gone : q->kept, *step = q->by_rows ? q->gone_step : q->kept_step;
    int *count = q->by_rows ? &q->n_gone : &q->n_kept;
    q->inner = 1;
    if (*count == 0)
        return;
    q->inner = dim[0];
    --*count;
    memmove(dim, dim + 1, (size_t)*count * sizeof *dim);
    memmove(step, step + 1, (size_t)*count * sizeof *step);
}

static wt_status reduce_prepare(wt_prep *p, wt_err *err)
{
    const wt_infer c = { .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
    const wt_shape *x = &p->in[0]->shape;
    wt_reduction r;
    reduce_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_reduction_read(&c, x->rank, &r, err));
    if (r.state != WT_KNOWN)
        return wt_fail(err, WT_EUNSUPPORTED, "%s: the axes must be known before the first run", p->op_type);
    *q = (reduce_params){
        .op = p->op, .dtype = p->in[0]->dtype, .elem = wt_elem_bytes(p->in[0]->dtype), .fold = fold_of(p->op)
    };
    const bool order = q->fold == WT_FOLD_MAX || q->fold == WT_FOLD_MIN;
    q->flip = order && q->dtype == WT_U64;
    q->ints = (wt_is_int(q->dtype) || q->dtype == WT_BOOL) && p->op != WT_OP_REDUCEL2 && p->op != WT_OP_REDUCELOGSUM &&
              p->op != WT_OP_REDUCELOGSUMEXP;
    set_start(q);
    q->outputs = q->reduced = 1;
    for (int i = 0; i < x->rank; i++)
        *(r.axes >> i & 1 ? &q->reduced : &q->outputs) *= (size_t)x->dim[i];
    merge(q, x, r.axes);
    take_inner(q);
    p->params = q;
    p->flops = (double)q->outputs * (double)q->reduced;
    p->max_threads = wt_worth_threads(p, p->flops);
    return WT_OK;
}

/* --- values
 * ------------------------------------------------------------------------------------------------------------ */
static void load_ints(const reduce_params *q, const char *x, int64_t *v, size_t n)
{
    wt_convert(x, q->dtype, v, WT_I64, n, true, NULL);
    for (size_t i = 0; q->flip && i < n; i++)
        v[i] ^= INT64_MIN;
}

static double finish_real(const reduce_params *q, double v, double shift)
{
    switch (q->op) {
    case WT_OP_REDUCEMEAN: return v / (double)q->reduced;
    case WT_OP_REDUCEL2: return sqrt(v);
    case WT_OP_REDUCELOGSUM: return log(v);
    case WT_OP_REDUCELOGSUMEXP: return log(v) + shift;
    default: return v;
    }
}

static void store_reals(const reduce_params *q, double *acc, const double *shift, char *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        acc[i] = finish_real(q, acc[i], shift[i]);
    wt_convert(acc, WT_F64, y, q->dtype, n, true, NULL);
}

static void store_ints(const reduce_params *q, int64_t *acc, char *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (q->op == WT_OP_REDUCEMEAN)
            acc[i] = q->reduced ? acc[i] / (int64_t)q->reduced : 0;
        if (q->flip)
            acc[i] ^= INT64_MIN;
    }
    wt_convert(acc, WT_I64, y, q->dtype, n, true, NULL);
}

/* A row of any length through blocks of wide values. */
static double fold_row_real(const reduce_params *q, wt_fold f, double acc, const char *x, double shift, size_t n)
{
    double block[BLOCK];
    if (q->dtype == WT_F32)
        return wt_fold_row_f32[f](acc, (const float *)(const void *)x, shift, n);
    for (size_t i = 0; i < n; i += BLOCK) {
        const size_t m = n - i < BLOCK ? n - i : BLOCK;
        wt_convert(x + i * q->elem, q->dtype, block, WT_F64, m, true, NULL);
        acc = wt_fold_row_f64[f](acc, block, shift, m);
    }
    return acc;
}

static int64_t fold_row_int(const reduce_params *q, int64_t acc, const char *x, size_t n)
{
    int64_t block[BLOCK];
    for (size_t i = 0; i < n; i += BLOCK) {
        const size_t m = n - i < BLOCK ? n - i : BLOCK;
        load_ints(q, x + i * q->elem, block, m);
        acc = wt_fold_row_i64[q->fold](acc, block, m);
    }
    return acc;
}

static void fold_each_real(const reduce_params *q, wt_fold f, double *acc, const char *x, const double *shift, size_t n)
{
    double block[BLOCK];
    if (q->dtype == WT_F32) {
        wt_fold_each_f32[f](acc, (const float *)(const void *)x, shift, n);
        return;
    }
    wt_convert(x, q->dtype, block, WT_F64, n, true, NULL);
    wt_fold_each_f64[f](acc, block, shift, n);
}

/* --- walks
 * ------------------------------------------------------------------------------------------------------------- */
/* Element offset of kept position i (without the innermost dim). */
static size_t kept_at(const reduce_params *q, size_t i)
{
    size_t at = 0;
    for (int d = 0; d < q->n_kept; d++) {
        at += i % q->kept[d] * q->kept_step[d];
        i /= q->kept[d];
    }
    return at;
}

typedef struct group {
    size_t n; /* outputs side by side: 1 in the form by rows */
    double acc[BLOCK], shift[BLOCK];
    int64_t iacc[BLOCK];
} group;

/* Folds everything behind a group of outputs: one step over the reduced dims outside the innermost. */
static void fold_group(const reduce_params *q, wt_fold f, const char *x, group *g)
{
    size_t index[WT_MAX_RANK] = { 0 }, at = 0;
    if (q->reduced == 0)
        return;
    for (;;) {
        const char *from = x + at * q->elem;
        if (q->ints && q->by_rows) {
            g->iacc[0] = fold_row_int(q, g->iacc[0], from, q->inner);
        } else if (q->ints) {
            int64_t block[BLOCK];
            load_ints(q, from, block, g->n);
            wt_fold_each_i64[f](g->iacc, block, g->n);
        } else if (q->by_rows) {
            g->acc[0] = fold_row_real(q, f, g->acc[0], from, g->shift[0], q->inner);
        } else {
            fold_each_real(q, f, g->acc, from, g->shift, g->n);
        }
        int d = 0;
        while (d < q->n_gone) {
            at += q->gone_step[d];
            if (++index[d] < q->gone[d])
                break;
            at -= q->gone[d] * q->gone_step[d];
            index[d++] = 0;
        }
        if (d == q->n_gone)
            return;
    }
}

static void reduce_group(const reduce_params *q, const char *x, char *y, group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        g->acc[i] = q->real_start;
        g->iacc[i] = q->int_start;
        g->shift[i] = 0;
    }
    if (q->fold == WT_FOLD_EXP_SUM) {
        for (size_t i = 0; i < g->n; i++)
            g->acc[i] = -INFINITY;
        fold_group(q, WT_FOLD_MAX, x, g);
        for (size_t i = 0; i < g->n; i++) {
            g->shift[i] = isfinite(g->acc[i]) ? g->acc[i] : 0;
            g->acc[i] = 0;
        }
    }
    fold_group(q, q->fold, x, g);
    if (q->ints)
        store_ints(q, g->iacc, y, g->n);
    else
        store_reals(q, g->acc, g->shift, y, g->n);
}

static wt_status reduce_run(const wt_run *r, wt_err *err)
{
    const reduce_params *q = r->params;
    const char *x = r->in[0]->data;
    char *y = wt_tensor_mut(r->out[0]);
    const size_t blocks = q->by_rows ? 1 : (q->inner + BLOCK - 1) / BLOCK,
                 rows = q->by_rows || !q->inner ? q->outputs : q->outputs / q->inner;
    size_t begin, end;
    group g;
    (void)err;
    if (q->outputs == 0)
        return WT_OK;
    wt_split(rows * blocks, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t row = u / blocks, first = u % blocks * BLOCK, at = kept_at(q, row) + first;
        g.n = q->by_rows ? 1 : q->inner - first < BLOCK ? q->inner - first : BLOCK;
        reduce_group(q, x + at * q->elem, y + (q->by_rows ? row : row * q->inner + first) * q->elem, &g);
    }
    return WT_OK;
}

#define ROW(code, text)                                                                                                \
    {                                                                                                                  \
        .name = text "_ref", .op = code, .accepts = reduce_accepts, .prepare = reduce_prepare, .run = reduce_run       \
    }
const wt_kernel wt_reduce_rows[] = {
    ROW(WT_OP_REDUCEL1, "reducel1"),
    ROW(WT_OP_REDUCEL2, "reducel2"),
    ROW(WT_OP_REDUCELOGSUM, "reducelogsum"),
    ROW(WT_OP_REDUCELOGSUMEXP, "reducelogsumexp"),
    ROW(WT_OP_REDUCEMAX, "reducemax"),
    ROW(WT_OP_REDUCEMEAN, "reducemean"),
    ROW(WT_OP_REDUCEMIN, "reducemin"),
    ROW(WT_OP_REDUCEPROD, "reduceprod"),
    ROW(WT_OP_REDUCESUM, "reducesum"),
    ROW(WT_OP_REDUCESUMSQUARE, "reducesumsquare"),
    { .name = NULL },
};
