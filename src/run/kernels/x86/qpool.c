/* qpool.c - rows of QuantPool (codes to codes) and of MaxPool of bytes, in blocks of 16 channels and one or two
 * dimensions. A unit of work is one row of outputs of a block. See qpool.h. */
#include "run/kernels/x86/qpool.h"
#include "model/shape/nn_window.h"
#include "run/kernels/ref/quant_ref.h"
#include "run/kernels/x86/rows.h"

typedef struct qpool_params {
    wt_window w;
    bool is_signed, is_global, include_pad;
    int32_t x_zero;
    wt_qpool_store store;
    size_t blocks, rows; /* of all images; output rows of one */
    size_t image, width; /* pixels of a block */
} qpool_params;

static bool fits(const wt_prep *p)
{
    return p->n_in && p->in[0] && p->n_out && p->out[0] && p->in[0]->layout == WT_C16 && p->out[0]->layout == WT_C16 &&
           wt_is_byte(p->in[0]->dtype) && wt_is_byte(p->out[0]->dtype) &&
           (p->in[0]->shape.rank == 3 || p->in[0]->shape.rank == 4) && (p->n_out < 2 || !p->out[1]);
}

static wt_status window(wt_window *w, const wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *y = &p->out[0]->shape;
    if (wt_attr_is(p->attrs, "op", "GlobalAveragePool")) {
        WT_TRY(wt_window_global(w, p->op_type, x, err));
    } else {
        WT_TRY(wt_window_parse(w, p->op_type, p->attrs, x->rank - 2, NULL, err));
        memcpy(w->in, x->dim + 2, (size_t)w->n * sizeof w->in[0]);
        WT_TRY(wt_window_forward(w, p->op_type, err));
    }
    bool same = y->rank == x->rank && y->dim[0] == x->dim[0] && y->dim[1] == x->dim[1];
    for (int i = 0; same && i < w->n; i++)
        same = y->dim[i + 2] == w->out[i];
    return same ? WT_OK : wt_fail(err, WT_EFORMAT, "%s: the output's shape is not what its window gives", p->op_type);
}

static int64_t taps_of(const wt_window *w)
{
    int64_t taps = w->kernel[0];
    if (w->n > 1 && __builtin_mul_overflow(taps, w->kernel[1], &taps))
        return INT64_MAX;
    return taps;
}

/* What does not fit is left to the portable row, which runs or refuses it. */
static bool max_accepts(const wt_prep *p)
{
    wt_window w;
    return fits(p) && p->in[0]->dtype == p->out[0]->dtype && window(&w, p, NULL) == WT_OK;
}

static bool average_accepts(const wt_prep *p)
{
    wt_window w;
    return fits(p) && window(&w, p, NULL) == WT_OK && taps_of(&w) <= WT_QPOOL_MOST;
}

static wt_status prepare(wt_prep *p, qpool_params **out, wt_err *err)
{
    const wt_tensor *x = p->in[0];
    qpool_params *q = *out = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    size_t bytes = 0;
    if (!q)
        return WT_ENOMEM;
    WT_TRY(window(&q->w, p, err));
    q->is_signed = x->dtype == WT_I8;
    q->is_global = wt_attr_is(p->attrs, "op", "GlobalAveragePool");
    q->blocks = (size_t)(x->shape.dim[0] * ((x->shape.dim[1] + 15) / 16));
    q->rows = q->w.n > 1 ? (size_t)q->w.out[0] : 1;
    q->width = (size_t)q->w.out[q->w.n - 1];
    q->image = (size_t)wt_shape_product(&x->shape, 2, x->shape.rank);
    p->params = q;
    p->flops = (double)(q->blocks * q->rows * q->width) * 16 * (double)taps_of(&q->w);
    wt_tensor_size(x, &bytes);
    wt_x86_threads_bytes(p, (double)bytes);
    return WT_OK;
}

static wt_status max_prepare(wt_prep *p, wt_err *err)
{
    qpool_params *q;
    return prepare(p, &q, err);
}

static wt_status average_prepare(wt_prep *p, wt_err *err)
{
    qpool_params *q;
    float x_scale, y_scale;
    int32_t y_zero;
    WT_TRY(prepare(p, &q, err));
    WT_TRY(wt_quant_attrs(p, "x", p->in[0]->dtype, &x_scale, &q->x_zero, err));
    WT_TRY(wt_quant_attrs(p, "y", p->out[0]->dtype, &y_scale, &y_zero, err));
    const float lo = p->out[0]->dtype == WT_I8 ? -128 : 0;
    q->include_pad = wt_attr_int(p->attrs, "count_include_pad", 0) != 0;
    q->store = (wt_qpool_store){ (double)x_scale, y_scale, (float)y_zero, lo, lo + 255 };
    return WT_OK;
}

/* A window: kernel rows [y0, y1) of a block's image whose first is `top` rows down, and in each the same taps. */
typedef struct view {
    const uint8_t *x;
    int64_t top, y0, y1, left, x0, x1;
} view;

static void rows_of(const qpool_params *q, view *v, const uint8_t *block, size_t row)
{
    const wt_window *w = &q->w;
    v->x = block;
    v->top = 0, v->y0 = 0, v->y1 = 1;
    if (w->n == 1)
        return;
    v->top = (int64_t)row * w->stride[0] - w->begin[0];
    wt_window_clip(w, 0, v->top, &v->y0, &v->y1);
}

static void columns_of(const qpool_params *q, view *v, size_t column)
{
    const int d = q->w.n - 1;
    v->left = (int64_t)column * q->w.stride[d] - q->w.begin[d];
    wt_window_clip(&q->w, d, v->left, &v->x0, &v->x1);
}

static wt_qpool_taps taps_at(const qpool_params *q, const view *v, int64_t y)
{
    const wt_window *w = &q->w;
    const int d = w->n - 1;
    const int64_t line = w->n > 1 ? v->top + y * w->dilation[0] : 0;
    const int64_t column = v->left + v->x0 * w->dilation[d];
    return (wt_qpool_taps){ v->x + (line * w->in[d] + column) * 16, (size_t)(v->x1 - v->x0),
                            16 * (size_t)w->dilation[d] };
}

static void max_row(const qpool_params *q, view *v, uint8_t *y)
{
    const int lowest = q->is_signed ? -128 : 0;
    for (size_t x = 0; x < q->width; x++, y += 16) {
        columns_of(q, v, x);
        memset(y, lowest, 16);
        for (int64_t i = v->y0; i < v->y1 && v->x0 < v->x1; i++) {
            const wt_qpool_taps taps = taps_at(q, v, i);
            wt_qpool_max_avx2(y, &taps, q->is_signed);
        }
    }
}

static double divisor(const qpool_params *q, const view *v)
{
    const int d = q->w.n - 1;
    double n = (double)wt_window_taps(&q->w, d, v->left, q->include_pad);
    if (d > 0)
        n *= (double)wt_window_taps(&q->w, 0, v->top, q->include_pad);
    return n > 0 ? n : 1;
}

static void average_row(const qpool_params *q, view *v, uint8_t *y)
{
    for (size_t x = 0; x < q->width; x++, y += 16) {
        int32_t sums[16] = { 0 };
        columns_of(q, v, x);
        const int64_t taps_in = (v->y1 - v->y0) * (v->x1 - v->x0);
        for (int64_t i = v->y0; i < v->y1 && taps_in; i++) {
            const wt_qpool_taps taps = taps_at(q, v, i);
            wt_qpool_sum_avx2(sums, &taps, q->is_signed);
        }
        wt_qpool_codes_avx2(&q->store, sums, (int32_t)taps_in * q->x_zero, divisor(q, v), y);
    }
}

/* The whole image is one stretch. */
static void average_all(const qpool_params *q, const uint8_t *x, uint8_t *y)
{
    int32_t sums[16] = { 0 };
    const wt_qpool_taps taps = { x, q->image, 16 };
    wt_qpool_sum_avx2(sums, &taps, q->is_signed);
    wt_qpool_codes_avx2(&q->store, sums, (int32_t)q->image * q->x_zero, (double)q->image, y);
}

typedef void row_fn(const qpool_params *q, view *v, uint8_t *y);

static void run_rows(const wt_run *r, row_fn *row)
{
    const qpool_params *q = r->params;
    const uint8_t *x = r->in[0]->data;
    uint8_t *y = wt_tensor_mut(r->out[0]);
    size_t at, end;
    wt_split(q->blocks * q->rows, 1, r->tid, r->nthreads, &at, &end);
    for (; at < end; at++) {
        view v;
        rows_of(q, &v, x + at / q->rows * q->image * 16, at % q->rows);
        if (q->is_global)
            average_all(q, v.x, y + at * 16);
        else
            row(q, &v, y + at * q->width * 16);
    }
}

static wt_status max_run(const wt_run *r, wt_err *err)
{
    (void)err;
    run_rows(r, max_row);
    return WT_OK;
}

static wt_status average_run(const wt_run *r, wt_err *err)
{
    (void)err;
    run_rows(r, average_row);
    if (r->nthreads > 1)
        wt_team_barrier(r->team, r->tid); /* whoever computed the lanes behind the last channel has done so */
    wt_ref_zero_tail(r->out[0], r->tid, r->nthreads);
    return WT_OK;
}

const wt_kernel wt_x86_qpool_rows[] = {
    { .name = "maxpool_i8_avx2",
      .op = WT_OP_MAXPOOL,
      .need = WT_CPU_AVX2,
      .accepts = max_accepts,
      .prepare = max_prepare,
      .run = max_run },
    { .name = "quantpool_i8_avx2",
      .op = WT_OP_QUANTPOOL,
      .need = WT_CPU_AVX2,
      .accepts = average_accepts,
      .prepare = average_prepare,
      .run = average_run },
    { .name = NULL },
};
