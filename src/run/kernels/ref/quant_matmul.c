/* quant_matmul.c - products of 8-bit codes: MatMulInteger, QLinearMatMul and the engine's QuantLinear.
 *
 * Blocks of 16 rows by 16 columns are unpacked to int16 minus their zero points, so that every output is one exact
 * integer dot product along k. Threads split the row blocks or, when there are few, the columns. */
#include "model/shape/nn_rule.h"
#include "run/kernels/ref/quant_ref.h"

enum { BLOCK = 16 };

typedef struct quant_matmul {
    size_t batches, m, k, n;
    int n_dims; /* batch dims */
    size_t dim[WT_MAX_RANK], a_stride[WT_MAX_RANK], b_stride[WT_MAX_RANK];
    size_t ai, bi; /* inputs */
    bool a_signed, b_signed, trans_b;
    wt_requant out;
    float x_scale;
    int32_t x_zero;
    const float *w_scale;
    size_t w_scales, scratch;
    bool real_bias;
} quant_matmul;

/* Batch dims of the output, and how far each operand moves along them (0: it is repeated). */
static void batch_strides(const wt_shape *s, int n_dims, const size_t *dim, size_t matrix, size_t *stride)
{
    const int own = s->rank > 2 ? s->rank - 2 : 0;
    size_t step = matrix;
    for (int d = n_dims - 1; d >= 0; d--) {
        const int i = d - (n_dims - own);
        const size_t len = i >= 0 ? (size_t)s->dim[i] : 1;
        stride[d] = len == dim[d] && len != 1 ? step : 0;
        step *= len;
    }
}

static wt_status prepare_common(wt_prep *p, size_t ai, size_t bi, quant_matmul **out, wt_err *err)
{
    quant_matmul *q = *out = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    wt_shape y;
    if (!q)
        return WT_ENOMEM;
    const wt_shape *a = &p->in[ai]->shape, *b = &p->in[bi]->shape;
    WT_TRY(wt_rule_matmul(p->op_type, a, b, &y, err));
    if (!wt_shape_equal(&y, &p->out[0]->shape))
        return wt_fail(err, WT_EFORMAT, "%s: the output's shape is not that of the product", p->op_type);
    q->m = a->rank > 1 ? (size_t)a->dim[a->rank - 2] : 1;
    q->k = (size_t)a->dim[a->rank - 1];
    q->n = b->rank > 1 ? (size_t)b->dim[b->rank - 1] : 1;
    q->n_dims = (a->rank > b->rank ? a->rank : b->rank) - 2;
    q->n_dims = q->n_dims > 0 ? q->n_dims : 0;
    q->batches = 1;
    for (int i = 0; i < q->n_dims; i++) {
        q->dim[i] = (size_t)y.dim[i];
        q->batches *= q->dim[i];
    }
    batch_strides(a, q->n_dims, q->dim, q->m * q->k, q->a_stride);
    batch_strides(b, q->n_dims, q->dim, q->k * q->n, q->b_stride);
    q->ai = ai, q->bi = bi;
    q->a_signed = p->in[ai]->dtype == WT_I8, q->b_signed = p->in[bi]->dtype == WT_I8;
    WT_TRY(wt_plan_scratch(p, q->k, 2 * BLOCK * sizeof(int16_t), &q->scratch, err));
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)q->batches * (double)q->m * (double)q->n * (double)q->k;
    return WT_OK;
}

/* Parameters come as one value, one per row (column), or one per row of every batch. */
static size_t param_index(const wt_tensor *t, const quant_matmul *q, size_t len, size_t batch, size_t i)
{
    const size_t count = wt_count(t);
    return count == 1 ? 0 : count == len ? i : count == len * q->batches ? batch * len + i : 0;
}

static wt_status check_param(const wt_prep *p, const quant_matmul *q, size_t i, size_t len, wt_err *err)
{
    if (!wt_has_in(p, i))
        return WT_OK;
    const size_t count = wt_count(p->in[i]);
    if (count == 1 || count == len || count == len * q->batches)
        return WT_OK;
    return wt_fail(err, WT_EFORMAT, "%s: input %zu has %zu values, expected 1 or %zu", p->op_type, i, count, len);
}

typedef struct line { /* a row of a or a column of b */
    float scale;
    int32_t zero;
    int64_t bias;
    float real; /* bias in real numbers */
} line;
typedef void line_fn(const quant_matmul *q, const wt_run *r, size_t batch, size_t i, line *out);

static void store(const quant_matmul *q, const wt_run *r, int64_t sum, const line *row, const line *col, size_t at)
{
    void *y = wt_tensor_mut(r->out[0]);
    if (q->out.y == WT_I32) {
        ((int32_t *)y)[at] = (int32_t)sum;
        return;
    }
    float real = (float)(sum + col->bias) *
                 (q->out.folded ? row->scale * col->scale / q->out.y_scale : row->scale * col->scale);
    if (q->real_bias)
        real += col->real;
    if (q->out.r != WT_DTYPE_NONE)
        real += wt_requant_residual(&q->out, r->in[3]->data, at);
    wt_ref_act(q->out.act, &real, 1);
    wt_requant_store(&q->out, real, y, at);
}

static void load_columns(const quant_matmul *q, const wt_run *r, size_t offset, size_t col, size_t count,
                         const line *lines, int16_t *to)
{
    const void *b = r->in[q->bi]->data;
    for (size_t k = 0; k < q->k; k++)
        for (size_t j = 0; j < count; j++) {
            const size_t at = offset + (q->trans_b ? (col + j) * q->k + k : k * q->n + col + j);
            to[j * q->k + k] = (int16_t)(wt_byte_at(b, q->b_signed, at) - lines[j].zero);
        }
}

static void run_block(const quant_matmul *q, const wt_run *r, line_fn *row_of, line_fn *col_of, size_t unit,
                      size_t col_begin, size_t col_end, int16_t *rows)
{
    const size_t blocks = (q->m + BLOCK - 1) / BLOCK, batch = unit / blocks, first = unit % blocks * BLOCK;
    const size_t count = q->m - first < BLOCK ? q->m - first : BLOCK;
    size_t a_at = 0, b_at = 0, left = batch;
    int16_t *cols = rows + BLOCK * q->k;
    line row[BLOCK], col[BLOCK];
    for (int d = q->n_dims - 1; d >= 0; d--) {
        a_at += left % q->dim[d] * q->a_stride[d];
        b_at += left % q->dim[d] * q->b_stride[d];
        left /= q->dim[d];
    }
    for (size_t i = 0; i < count; i++) {
        row_of(q, r, batch, first + i, &row[i]);
        for (size_t k = 0; k < q->k; k++)
            rows[i * q->k + k] = (int16_t)(wt_byte_at(r->in[q->ai]->data, q->a_signed, a_at + (first + i) * q->k + k) -
                                           row[i].zero);
    }
    for (size_t c = col_begin; c < col_end; c += BLOCK) {
        const size_t width = col_end - c < BLOCK ? col_end - c : BLOCK;
        for (size_t j = 0; j < width; j++)
            col_of(q, r, batch, c + j, &col[j]);
        load_columns(q, r, b_at, c, width, col, cols);
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < width; j++)
                store(q, r, wt_dot_i16(rows + i * q->k, cols + j * q->k, q->k), &row[i], &col[j],
                      (batch * q->m + first + i) * q->n + c + j);
    }
}

static void run_common(const quant_matmul *q, const wt_run *r, line_fn *row_of, line_fn *col_of)
{
    int16_t *rows = (int16_t *)(void *)((char *)r->scratch + (size_t)r->tid * q->scratch);
    const size_t units = q->batches * ((q->m + BLOCK - 1) / BLOCK);
    size_t begin = 0, end = units, col_begin = 0, col_end = q->n;
    if (units >= 2 * (size_t)r->nthreads)
        wt_split(units, 1, r->tid, r->nthreads, &begin, &end);
    else
        wt_split(q->n, BLOCK, r->tid, r->nthreads, &col_begin, &col_end);
    for (size_t u = begin; u < end && col_begin < col_end; u++)
        run_block(q, r, row_of, col_of, u, col_begin, col_end, rows);
}

static int32_t zero_at(const quant_matmul *q, const wt_run *r, size_t i, size_t len, size_t batch, size_t e)
{
    if (!wt_run_has(r, i))
        return 0;
    return wt_byte_at(r->in[i]->data, r->in[i]->dtype == WT_I8, param_index(r->in[i], q, len, batch, e));
}

/* --- MatMulInteger
 * ---------------------------------------------------------------------------------------------------------------- */
static bool codes(const wt_prep *p, size_t ai, size_t bi)
{
    return wt_has_in(p, ai) && wt_has_in(p, bi) && wt_has_out(p, 0) && wt_is_byte(p->in[ai]->dtype) &&
           wt_is_byte(p->in[bi]->dtype) && wt_all_plain(p);
}

static bool integer_accepts(const wt_prep *p)
{
    return codes(p, 0, 1) && wt_out_is(p, 0, WT_I32) && (!wt_has_in(p, 2) || p->in[2]->dtype == p->in[0]->dtype) &&
           (!wt_has_in(p, 3) || p->in[3]->dtype == p->in[1]->dtype);
}

static wt_status integer_prepare(wt_prep *p, wt_err *err)
{
    quant_matmul *q;
    WT_TRY(prepare_common(p, 0, 1, &q, err));
    q->out.y = WT_I32;
    WT_TRY(check_param(p, q, 2, q->m, err));
    return check_param(p, q, 3, q->n, err);
}

static void integer_row(const quant_matmul *q, const wt_run *r, size_t batch, size_t i, line *out)
{
    *out = (line){ .scale = 1, .zero = zero_at(q, r, 2, q->m, batch, i) };
}
static void integer_col(const quant_matmul *q, const wt_run *r, size_t batch, size_t i, line *out)
{
    *out = (line){ .scale = 1, .zero = zero_at(q, r, 3, q->n, batch, i) };
}

static wt_status integer_run(const wt_run *r, wt_err *err)
{
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    run_common(r->params, r, integer_row, integer_col);
    return WT_OK;
}

/* --- QLinearMatMul
 * ------------------------------------------------------------------------------------------------------------------ */
enum { A_SCALE = 1, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO };

static bool is_scale(const wt_prep *p, size_t i)
{
    return wt_has_in(p, i) && (p->in[i]->dtype == WT_F32 || p->in[i]->dtype == WT_F16 || p->in[i]->dtype == WT_BF16);
}

static float scale_at(const wt_tensor *t, size_t i)
{
    if (t->dtype == WT_F32)
        return ((const float *)t->data)[i];
    const uint16_t half = ((const uint16_t *)t->data)[i];
    return t->dtype == WT_F16 ? wt_f16_to_f32(half) : wt_bf16_to_f32(half);
}

static bool qlinear_accepts(const wt_prep *p)
{
    return p->n_in == 8 && codes(p, 0, B) && is_scale(p, A_SCALE) && is_scale(p, B_SCALE) && is_scale(p, Y_SCALE) &&
           wt_in_is(p, A_ZERO, p->in[0]->dtype) && wt_in_is(p, B_ZERO, p->in[B]->dtype) &&
           wt_in_is(p, Y_ZERO, p->out[0]->dtype) && wt_is_byte(p->out[0]->dtype);
}

static wt_status qlinear_prepare(wt_prep *p, wt_err *err)
{
    quant_matmul *q;
    WT_TRY(prepare_common(p, 0, B, &q, err));
    q->out.y = p->out[0]->dtype;
    q->out.folded = true;
    WT_TRY(check_param(p, q, A_SCALE, q->m, err));
    WT_TRY(check_param(p, q, A_ZERO, q->m, err));
    WT_TRY(check_param(p, q, B_SCALE, q->n, err));
    WT_TRY(check_param(p, q, B_ZERO, q->n, err));
    if (wt_count(p->in[Y_SCALE]) != 1 || wt_count(p->in[Y_ZERO]) != 1)
        return wt_fail(err, WT_EUNSUPPORTED, "%s: only one scale of the output is supported", p->op_type);
    return WT_OK;
}

static void qlinear_row(const quant_matmul *q, const wt_run *r, size_t batch, size_t i, line *out)
{
    out->scale = scale_at(r->in[A_SCALE], param_index(r->in[A_SCALE], q, q->m, batch, i));
    out->zero = zero_at(q, r, A_ZERO, q->m, batch, i);
    out->bias = 0;
}
static void qlinear_col(const quant_matmul *q, const wt_run *r, size_t batch, size_t i, line *out)
{
    out->scale = scale_at(r->in[B_SCALE], param_index(r->in[B_SCALE], q, q->n, batch, i));
    out->zero = zero_at(q, r, B_ZERO, q->n, batch, i);
    out->bias = 0;
}

static wt_status qlinear_run(const wt_run *r, wt_err *err)
{
    quant_matmul q = *(const quant_matmul *)r->params;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    q.out.y_zero = wt_zero_at(r, Y_ZERO, 0);
    q.out.y_scale = scale_at(r->in[Y_SCALE], 0);
    run_common(&q, r, qlinear_row, qlinear_col);
    return WT_OK;
}

/* --- QuantLinear
 * ----------------------------------------------------------------------------------------------------------------------
 */
static bool linear_accepts(const wt_prep *p)
{
    return codes(p, 0, 1) && p->in[1]->dtype == WT_I8 && (wt_is_byte(p->out[0]->dtype) || p->out[0]->dtype == WT_F32);
}

static wt_status linear_prepare(wt_prep *p, wt_err *err)
{
    quant_matmul *q;
    wt_tensor w = *p->in[1], x = *p->in[0];
    const bool trans = wt_attr_int(p->attrs, "trans_b", 0) != 0;
    const wt_tensor *in[2] = { &x, &w }, *const *saved = p->in;
    if (w.shape.rank != 2 || x.shape.rank < 1)
        return wt_fail(err, WT_EFORMAT, "%s: weights have %d dimensions, expected 2", p->op_type, w.shape.rank);
    if (trans) {
        w.shape.dim[0] = p->in[1]->shape.dim[1];
        w.shape.dim[1] = p->in[1]->shape.dim[0];
    }
    p->in = in;
    const wt_status st = prepare_common(p, 0, 1, &q, err);
    p->in = saved;
    WT_TRY(st);
    q->m *= q->batches; /* one matrix: all leading dims are rows */
    q->batches = 1;
    q->n_dims = 0;
    q->trans_b = trans;
    q->real_bias = wt_in_is(p, 2, WT_F32);
    WT_TRY(wt_prep_need_vector(p, 2, q->real_bias ? WT_F32 : WT_I32, (int64_t)q->n, err));
    WT_TRY(wt_quant_attrs(p, "x", p->in[0]->dtype, &q->x_scale, &q->x_zero, err));
    WT_TRY(wt_weight_scales(p, q->n, &q->w_scale, &q->w_scales, err));
    return wt_requant_attrs(p, &q->out, err);
}

static void linear_row(const quant_matmul *q, const wt_run *r, size_t batch, size_t i, line *out)
{
    (void)r, (void)batch, (void)i;
    *out = (line){ .scale = q->x_scale, .zero = q->x_zero };
}
static void linear_col(const quant_matmul *q, const wt_run *r, size_t batch, size_t i, line *out)
{
    (void)batch;
    *out = (line){ .scale = q->w_scale[q->w_scales == 1 ? 0 : i] };
    if (q->real_bias)
        out->real = ((const float *)r->in[2]->data)[i];
    else if (wt_run_has(r, 2))
        out->bias = ((const int32_t *)r->in[2]->data)[i];
}

static wt_status linear_run(const wt_run *r, wt_err *err)
{
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    run_common(r->params, r, linear_row, linear_col);
    return WT_OK;
}

const wt_kernel wt_quant_matmul_rows[] = {
    { .name = "matmulinteger_i8_ref",
      .op = WT_OP_MATMULINTEGER,
      .accepts = integer_accepts,
      .prepare = integer_prepare,
      .run = integer_run },
    { .name = "qlinearmatmul_i8_ref",
      .op = WT_OP_QLINEARMATMUL,
      .accepts = qlinear_accepts,
      .prepare = qlinear_prepare,
      .run = qlinear_run },
    { .name = "quantlinear_i8_ref",
      .op = WT_OP_QUANTLINEAR,
      .accepts = linear_accepts,
      .prepare = linear_prepare,
      .run = linear_run },
    { .name = NULL },
};
