/* einsum.c - Einsum.
 *
 * Two operands of floats whose labels fall into batch, rows, columns and sum are a batch of matrix products: both are
 * copied into order, multiplied (product.h), and the result is copied into the order of the output. All other equations
 * are computed as they read, by nested loops over labels, in double (or int64 for integers). */
#include "model/shape/shape.h"
#include "run/kernels/ref/move.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/product.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"

static wt_status read_equation(const wt_prep *p, wt_einsum *e, wt_err *err)
{
    const wt_infer c = { .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
    return wt_einsum_read(&c, e, err);
}

/* --- any equation
 * -------------------------------------------------------------------------------------------------------- */
typedef struct loops_params {
    size_t n_in;
    int n_labels, n_out; /* labels of the output first, then those that are summed */
    size_t dim[WT_EINSUM_LABELS];
    size_t stride[WT_EINSUM_MAX_IN]
                 [WT_EINSUM_LABELS]; /* elements; 0: the operand does not have the label, or broadcasts */
    size_t outputs, terms;
    size_t at[WT_EINSUM_MAX_IN],
        count[WT_EINSUM_MAX_IN]; /* where the widened operand lies in the scratch, in 8-byte units */
    bool ints;
    wt_dtype dtype;
} loops_params;

static bool loops_accepts(const wt_prep *p)
{
    if (p->n_in < 1 || p->n_in > WT_EINSUM_MAX_IN || !wt_has_out(p, 0) || !wt_all_plain(p))
        return false;
    const wt_dtype t = p->out[0]->dtype;
    for (size_t i = 0; i < p->n_in; i++)
        if (!wt_in_is(p, i, t))
            return false;
    return wt_dtype_is_float(t) || wt_is_int(t);
}

/* The number of `label` among the loops; a new one gets the next. */
static int loop_of(loops_params *q, int *number, int label, int64_t dim)
{
    if (number[label] < 0) {
        number[label] = q->n_labels;
        q->dim[q->n_labels++] = (size_t)dim;
    }
    return number[label];
}

static wt_status loops_prepare(wt_prep *p, wt_err *err)
{
    int number[WT_EINSUM_LABELS];
    wt_einsum e;
    loops_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    size_t room = 0;
    if (!q)
        return WT_ENOMEM;
    WT_TRY(read_equation(p, &e, err));
    for (int i = 0; i < WT_EINSUM_LABELS; i++)
        number[i] = -1;
    q->n_in = p->n_in;
    q->dtype = p->out[0]->dtype;
    q->ints = wt_is_int(q->dtype);
    q->outputs = q->terms = 1;
    for (int k = 0; k < e.n_out; k++)
        q->outputs *= q->dim[loop_of(q, number, e.out[k], e.dim[e.out[k]])];
    q->n_out = q->n_labels;
    for (size_t i = 0; i < p->n_in; i++) {
        size_t step = 1;
        for (int k = e.n_in[i] - 1; k >= 0; k--) {
            const int64_t n = p->in[i]->shape.dim[k];
            const int loop = loop_of(q, number, e.in[i][k], e.dim[e.in[i][k]]);
            if (n != 1)
                q->stride[i][loop] += step; /* a label twice in one operand is its diagonal */
            step *= (size_t)n;
        }
        q->at[i] = room;
        q->count[i] = wt_count(p->in[i]);
        if (wt_add_overflows(room, q->count[i], &room))
            return wt_fail(err, WT_ENOMEM, "Einsum: the operands are too large");
    }
    for (int l = q->n_out; l < q->n_labels; l++)
        if (wt_mul_overflows(q->terms, q->dim[l], &q->terms))
            return wt_fail(err, WT_ENOMEM, "Einsum: too many terms");
    if (wt_count(p->out[0]) != q->outputs || wt_mul_overflows(room, 8, &p->scratch_bytes))
        return wt_fail(err, WT_EFORMAT, "Einsum: the output has another shape than the equation gives");
    p->params = q;
    p->flops = (double)q->outputs * (double)q->terms * (double)q->n_in;
    p->max_threads = wt_worth_threads(p, p->flops);
    return WT_OK;
}

typedef union number {
    double real;
    int64_t whole;
} number;

/* The sum over all terms behind one output whose operands start at `at`. */
static number sum_terms(const loops_params *q, const number *operands, size_t *at)
{
    size_t index[WT_EINSUM_LABELS] = { 0 };
    number sum = { .whole = 0 };
    for (size_t t = 0; t < q->terms; t++) {
        number product = operands[q->at[0] + at[0]];
        for (size_t i = 1; i < q->n_in; i++) {
            const number v = operands[q->at[i] + at[i]];
            if (q->ints)
                product.whole = (int64_t)((uint64_t)product.whole * (uint64_t)v.whole);
            else
                product.real *= v.real;
        }
        if (q->ints)
            sum.whole = (int64_t)((uint64_t)sum.whole + (uint64_t)product.whole);
        else
            sum.real += product.real;
        for (int l = q->n_labels - 1; l >= q->n_out; l--) {
            for (size_t i = 0; i < q->n_in; i++)
                at[i] += q->stride[i][l];
            if (++index[l] < q->dim[l])
                break;
            for (size_t i = 0; i < q->n_in; i++)
                at[i] -= q->stride[i][l] * q->dim[l];
            index[l] = 0;
        }
    }
    return sum;
}

static wt_status loops_run(const wt_run *r, wt_err *err)
{
    const loops_params *q = r->params;
    const wt_dtype wide = q->ints ? WT_I64 : WT_F64;
    number *operands = r->scratch;
    wt_status st = WT_OK; /* nobody may leave before the barrier */
    size_t begin, end;
    for (size_t i = 0; r->tid == 0 && i < q->n_in && st == WT_OK; i++)
        st = wt_convert(r->in[i]->data, q->dtype, operands + q->at[i], wide, q->count[i], true, err);
    if (r->nthreads > 1)
        wt_team_barrier(r->team, r->tid);
    if (st != WT_OK)
        return st;
    wt_split(q->outputs, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        size_t at[WT_EINSUM_MAX_IN] = { 0 }, rest = u;
        for (int l = q->n_out - 1; l >= 0; l--) {
            for (size_t i = 0; i < q->n_in; i++)
                at[i] += rest % q->dim[l] * q->stride[i][l];
            rest /= q->dim[l];
        }
        const number sum = sum_terms(q, operands, at);
        WT_TRY(wt_convert(&sum, wide, (char *)wt_tensor_mut(r->out[0]) + u * wt_elem_bytes(q->dtype), q->dtype, 1, true,
                          err));
    }
    return WT_OK;
}

/* --- products
 * ------------------------------------------------------------------------------------------------------------ */
typedef struct product_params {
    wt_move a, b, y; /* into [batch, m, k], [batch, k, n]; out of [batch, m, n] */
    wt_product product;
    size_t batch, units;
    size_t b_at, y_at, scratch_at, scratch; /* bytes in the scratch; of one member */
} product_params;

/* Which operands (and output) a label occurs in; false if one has it twice, or broadcasts it. */
static bool label_sides(const wt_prep *p, const wt_einsum *e, int label, bool side[3])
{
    side[0] = side[1] = side[2] = false;
    for (size_t i = 0; i < 2; i++)
        for (int k = 0; k < e->n_in[i]; k++) {
            if (e->in[i][k] != label)
                continue;
            if (side[i] || p->in[i]->shape.dim[k] != e->dim[label])
                return false;
            side[i] = true;
        }
    for (int k = 0; k < e->n_out; k++)
        side[2] |= e->out[k] == label;
    return true;
}

typedef enum role { BATCH, ROWS, COLS, SUM, NO_ROLE } role;
static role role_of(const bool side[3])
{
    if (side[0] && side[1])
        return side[2] ? BATCH : SUM;
    return side[0] && side[2] ? ROWS : side[1] && side[2] ? COLS : NO_ROLE;
}

static bool roles_of(const wt_prep *p, const wt_einsum *e, role *roles)
{
    bool side[3];
    for (int l = 0; l < WT_EINSUM_LABELS; l++) {
        if (!label_sides(p, e, l, side))
            return false;
        roles[l] = role_of(side);
        if (roles[l] == NO_ROLE && (side[0] || side[1]))
            return false; /* summed over one operand alone */
    }
    return true;
}

static bool product_accepts(const wt_prep *p)
{
    role roles[WT_EINSUM_LABELS];
    wt_einsum e;
    if (p->n_in != 2 || !wt_in_is(p, 0, WT_F32) || !wt_in_is(p, 1, WT_F32) || !wt_out_is(p, 0, WT_F32) ||
        !wt_all_plain(p))
        return false;
    return read_equation(p, &e, NULL) == WT_OK && roles_of(p, &e, roles);
}

/* Stride of `label` in a tensor whose labels are given; 0: it does not have it. */
static ptrdiff_t stride_of(const wt_shape *s, const int *labels, int n, int label)
{
    ptrdiff_t step = 1, found = 0;
    for (int k = n - 1; k >= 0; k--) {
        if (labels[k] == label)
            found = step;
        step *= (ptrdiff_t)s->dim[k];
    }
    return found;
}

/* The labels of one role in one fixed order: that of the numbers. Returns the product of their lengths. */
static size_t role_length(const wt_einsum *e, const role *roles, role which)
{
    size_t n = 1;
    for (int l = 0; l < WT_EINSUM_LABELS; l++)
        n *= roles[l] == which ? (size_t)e->dim[l] : 1;
    return n;
}

/* A copy between a tensor (its labels) and [first, second, third] roles, contiguous. */
static void describe(wt_move *m, const wt_einsum *e, const role *roles, const role order[3], const wt_shape *s,
                     const int *labels, int n, bool out)
{
    ptrdiff_t step[WT_EINSUM_LABELS], at = 1;
    for (int part = 2; part >= 0; part--)
        for (int l = WT_EINSUM_LABELS - 1; l >= 0; l--)
            if (roles[l] == order[part]) {
                step[l] = at;
                at *= (ptrdiff_t)e->dim[l];
            }
    wt_move_begin(m, sizeof(float));
    for (int part = 0; part < 3; part++)
        for (int l = 0; l < WT_EINSUM_LABELS; l++)
            if (roles[l] == order[part]) {
                const ptrdiff_t theirs = stride_of(s, labels, n, l);
                wt_move_dim(m, (size_t)e->dim[l], out ? step[l] : theirs, out ? theirs : step[l]);
            }
    wt_move_finish(m);
}

static void store_rows(const wt_product *p, const void *arg, size_t i, size_t j, const float *sum, size_t n)
{
    float *y = (float *)(uintptr_t)arg;
    memcpy(y + i * p->n + j, sum, n * sizeof *sum);
}

static wt_status product_prepare(wt_prep *p, wt_err *err)
{
    static const role a_order[3] = { BATCH, ROWS, SUM }, b_order[3] = { BATCH, SUM, COLS },
                      y_order[3] = { BATCH, ROWS, COLS };
    role roles[WT_EINSUM_LABELS];
    wt_einsum e;
    product_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(read_equation(p, &e, err));
    roles_of(p, &e, roles);
    const size_t m = role_length(&e, roles, ROWS), n = role_length(&e, roles, COLS), k = role_length(&e, roles, SUM);
    q->batch = role_length(&e, roles, BATCH);
    describe(&q->a, &e, roles, a_order, &p->in[0]->shape, e.in[0], e.n_in[0], false);
    describe(&q->b, &e, roles, b_order, &p->in[1]->shape, e.in[1], e.n_in[1], false);
    describe(&q->y, &e, roles, y_order, &p->out[0]->shape, e.out, e.n_out, true);
    q->product = (wt_product){
        .m = m, .n = n, .k = k, .a_row = k, .a_col = 1, .b_row = n, .b_col = 1, .b_dtype = WT_F32, .store = store_rows
    };
    q->units = wt_product_units(&q->product);
    q->scratch = wt_product_scratch(&q->product);
    q->b_at = wt_align_up(wt_count(p->in[0]) * sizeof(float), 64);
    q->y_at = q->b_at + wt_align_up(wt_count(p->in[1]) * sizeof(float), 64);
    q->scratch_at = q->y_at + wt_align_up(wt_count(p->out[0]) * sizeof(float), 64);
    p->params = q;
    p->flops = 2.0 * (double)q->batch * (double)m * (double)n * (double)k;
    p->max_threads = wt_worth_threads(p, p->flops / 4);
    p->scratch_bytes = q->scratch_at + q->scratch * (size_t)p->max_threads;
    return WT_OK;
}

static wt_status product_run(const wt_run *r, wt_err *err)
{
    const product_params *q = r->params;
    const wt_product *s = &q->product;
    char *room = r->scratch;
    float *a = (float *)(void *)room, *b = (float *)(void *)(room + q->b_at), *y = (float *)(void *)(room + q->y_at);
    size_t begin, end;
    (void)err;
    wt_move_run(&q->a, r->in[0]->data, a, r->tid, r->nthreads);
    wt_move_run(&q->b, r->in[1]->data, b, r->tid, r->nthreads);
    if (r->nthreads > 1)
        wt_team_barrier(r->team, r->tid);
    wt_split(q->batch * q->units, 1, r->tid, r->nthreads, &begin, &end);
    while (begin < end) {
        const size_t i = begin / q->units, first = begin % q->units, left = q->units - first,
                     n = left < end - begin ? left : end - begin;
        wt_product_run(s, a + i * s->m * s->k, b + i * s->k * s->n, y + i * s->m * s->n,
                       room + q->scratch_at + (size_t)r->tid * q->scratch, first, first + n);
        begin += n;
    }
    if (r->nthreads > 1)
        wt_team_barrier(r->team, r->tid);
    wt_move_run(&q->y, y, wt_tensor_mut(r->out[0]), r->tid, r->nthreads);
    return WT_OK;
}

const wt_kernel wt_einsum_rows[] = {
    { .name = "einsum_ref", .op = WT_OP_EINSUM, .accepts = loops_accepts, .prepare = loops_prepare, .run = loops_run },
    { .name = "einsum_f32_ref",
      .op = WT_OP_EINSUM,
      .accepts = product_accepts,
      .prepare = product_prepare,
      .run = product_run },
    { .name = NULL },
};
