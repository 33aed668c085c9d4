/* nn_conv_transpose.c - ConvTranspose: every input position adds its window, weighted, to the output.
 *
 * For one output channel the products are a matrix [taps][positions] = weights [taps][ic] . data [ic][positions]; it is
 * made in blocks of 4 taps by 8 positions and added where it belongs. Threads split images and output channels, so
 * nobody adds to what another writes. */
#include "run/kernels/ref/nn_rows.h"

typedef struct transpose_params {
    wt_window w;
    size_t batch, ic, oc, icg, ocg, taps, in_size, out_size;
    size_t rows, row_panels; /* input rows (all dims but the last), panels of 8 in one */
    size_t scratch;          /* per thread: [taps][icg] weights, [icg][8] data */
} transpose_params;

static bool accepts(const wt_prep *p)
{
    for (size_t i = 0; i < p->n_in; i++)
        if (p->in[i] && p->in[i]->dtype != WT_F32)
            return false;
    return wt_in_is(p, 0, WT_F32) && wt_in_is(p, 1, WT_F32) && wt_out_is(p, 0, WT_F32) && wt_all_plain(p);
}

static wt_status read_geometry(const wt_prep *p, transpose_params *q, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *w = &p->in[1]->shape, *y = &p->out[0]->shape;
    const int n = x->rank - 2;
    const int64_t group = wt_attr_int(p->attrs, "group", 1);
    if (n < 1 || w->rank != x->rank || y->rank != x->rank)
        return wt_fail(err, WT_EFORMAT, "%s: data has %d dimensions, weights have %d", p->op_type, x->rank, w->rank);
    WT_TRY(wt_window_parse(&q->w, p->op_type, p->attrs, n, w->dim + 2, err));
    memcpy(q->w.in, x->dim + 2, (size_t)n * sizeof q->w.in[0]);
    WT_TRY(wt_window_transposed(&q->w, p->op_type, p->attrs, err));
    if (group < 1 || x->dim[1] != w->dim[0] || x->dim[1] % group || y->dim[1] != w->dim[1] * group)
        return wt_fail(err, WT_EFORMAT, "%s: %lld input channels do not fit weights for %lld in %lld groups",
                       p->op_type, (long long)x->dim[1], (long long)w->dim[0], (long long)group);
    for (int i = 0; i < n; i++)
        if (q->w.out[i] != y->dim[i + 2])
            return wt_fail(err, WT_EFORMAT, "%s: output dimension %d is %lld, expected %lld", p->op_type, i + 2,
                           (long long)y->dim[i + 2], (long long)q->w.out[i]);
    q->batch = (size_t)x->dim[0], q->ic = (size_t)x->dim[1], q->oc = (size_t)y->dim[1];
    q->icg = q->ic / (size_t)group, q->ocg = q->oc / (size_t)group;
    q->taps = (size_t)wt_shape_product(w, 2, n + 2);
    q->in_size = (size_t)wt_shape_product(x, 2, n + 2);
    q->out_size = (size_t)wt_shape_product(y, 2, n + 2);
    const size_t last = (size_t)q->w.in[n - 1];
    q->row_panels = (last + WT_REF_COLS - 1) / WT_REF_COLS;
    q->rows = last ? q->in_size / last : 0;
    return WT_OK;
}

static wt_status prepare(wt_prep *p, wt_err *err)
{
    transpose_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    size_t floats;
    if (!q)
        return WT_ENOMEM;
    WT_TRY(read_geometry(p, q, err));
    WT_TRY(wt_prep_need_vector(p, 2, WT_F32, (int64_t)q->oc, err));
    if (wt_mul_overflows(q->taps + WT_REF_COLS, q->icg, &floats))
        return wt_fail(err, WT_ENOMEM, "%s: the kernel is too large", p->op_type);
    WT_TRY(wt_plan_scratch(p, floats, sizeof(float), &q->scratch, err));
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)q->batch * (double)q->in_size * (double)q->ic * (double)q->ocg * (double)q->taps;
    return WT_OK;
}

/* Output position of an input row's start for one tap, all dims but the last; false: outside. */
static bool row_target(const transpose_params *q, size_t row, size_t tap, int64_t *target)
{
    const wt_window *w = &q->w;
    int64_t scale = w->out[w->n - 1];
    tap /= (size_t)w->kernel[w->n - 1];
    *target = 0;
    for (int d = w->n - 2; d >= 0; d--) {
        const int64_t o = (int64_t)(row % (size_t)w->in[d]) * w->stride[d] +
                          (int64_t)(tap % (size_t)w->kernel[d]) * w->dilation[d] - w->begin[d];
        if (o < 0 || o >= w->out[d])
            return false;
        *target += o * scale;
        scale *= w->out[d];
        row /= (size_t)w->in[d];
        tap /= (size_t)w->kernel[d];
    }
    return true;
}

static void scatter(const transpose_params *q, size_t row, size_t col, size_t width, size_t tap, const float *v,
                    float *y)
{
    const wt_window *w = &q->w;
    const int last = w->n - 1;
    int64_t target, o = (int64_t)col * w->stride[last] + (int64_t)(tap % (size_t)w->kernel[last]) * w->dilation[last] -
                        w->begin[last];
    if (!row_target(q, row, tap, &target))
        return;
    for (size_t j = 0; j < width; j++, o += w->stride[last])
        if (o >= 0 && o < w->out[last])
            y[target + o] += v[j];
}

static void run_channel(const transpose_params *q, const float *x, const float *weights, float *tail, float *y)
{
    const size_t length = (size_t)q->w.in[q->w.n - 1];
    for (size_t panel = 0; panel < q->rows * q->row_panels; panel++) {
        const size_t row = panel / q->row_panels, col = panel % q->row_panels * WT_REF_COLS;
        const size_t width = length - col < WT_REF_COLS ? length - col : WT_REF_COLS;
        const float *b = x + row * length + col;
        size_t ldb = q->in_size;
        if (width < WT_REF_COLS) {
            memset(tail, 0, q->icg * WT_REF_COLS * sizeof *tail);
            for (size_t k = 0; k < q->icg; k++)
                memcpy(tail + k * WT_REF_COLS, b + k * q->in_size, width * sizeof *tail);
            b = tail;
            ldb = WT_REF_COLS;
        }
        for (size_t t = 0; t < q->taps; t += WT_REF_ROWS) {
            const int rows = q->taps - t < WT_REF_ROWS ? (int)(q->taps - t) : WT_REF_ROWS;
            float acc[WT_REF_ROWS][WT_REF_COLS];
            wt_ref_block(weights + t * q->icg, q->icg, rows, b, ldb, q->icg, acc);
            for (int k = 0; k < rows; k++)
                scatter(q, row, col, width, t + (size_t)k, acc[k], y);
        }
    }
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const transpose_params *q = r->params;
    float *weights = (float *)(void *)((char *)r->scratch + (size_t)r->tid * q->scratch),
          *tail = weights + q->taps * q->icg;
    size_t begin, end;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(q->batch * q->oc, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t n = u / q->oc, oc = u % q->oc, g = oc / q->ocg;
        const float *w = wt_in_f32(r, 1) + (g * q->icg * q->ocg + oc % q->ocg) * q->taps;
        float *y = wt_out_f32(r, 0) + u * q->out_size;
        const float bias = wt_run_has(r, 2) ? wt_in_f32(r, 2)[oc] : 0;
        for (size_t k = 0; k < q->icg; k++)
            for (size_t t = 0; t < q->taps; t++)
                weights[t * q->icg + k] = w[k * q->ocg * q->taps + t];
        for (size_t i = 0; i < q->out_size; i++)
            y[i] = bias;
        run_channel(q, wt_in_f32(r, 0) + (n * q->ic + g * q->icg) * q->in_size, weights, tail, y);
    }
    return WT_OK;
}

const wt_kernel wt_nn_conv_transpose_rows[] = {
    WT_HALF_ROW("convtranspose_half_ref", WT_OP_CONVTRANSPOSE),
    { .name = "convtranspose_f32_ref", .op = WT_OP_CONVTRANSPOSE, .accepts = accepts, .prepare = prepare, .run = run },
    { .name = NULL },
};
