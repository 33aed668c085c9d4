/* nn_ref.c - the product block, merged geometry and taps of the portable convolutions. See nn_ref.h. */
#include "run/kernels/ref/nn_rows.h"

/* Full blocks have constant bounds, so that the compiler keeps acc in registers. */
static void block_full(const float *a, size_t lda, const float *b, size_t ldb, size_t depth,
                       float out[WT_REF_ROWS][WT_REF_COLS])
{
    float acc[WT_REF_ROWS][WT_REF_COLS] = { { 0 } };
    for (size_t k = 0; k < depth; k++)
        for (int r = 0; r < WT_REF_ROWS; r++) {
            const float v = a[(size_t)r * lda + k];
            for (int j = 0; j < WT_REF_COLS; j++)
                acc[r][j] += v * b[k * ldb + (size_t)j];
        }
    memcpy(out, acc, sizeof acc);
}

void wt_ref_block(const float *a, size_t lda, int rows, const float *b, size_t ldb, size_t depth,
                  float acc[WT_REF_ROWS][WT_REF_COLS])
{
    if (rows == WT_REF_ROWS) {
        block_full(a, lda, b, ldb, depth, acc);
        return;
    }
    for (int r = 0; r < rows; r++) {
        float row[WT_REF_COLS] = { 0 };
        for (size_t k = 0; k < depth; k++)
            for (int j = 0; j < WT_REF_COLS; j++)
                row[j] += a[(size_t)r * lda + k] * b[k * ldb + (size_t)j];
        memcpy(acc[r], row, sizeof row);
    }
}

void wt_ref_act(wt_act_params act, float *y, size_t n)
{
    if (act.act == WT_ACT_NONE)
        return;
    if (act.act == WT_ACT_RELU) {
        for (size_t i = 0; i < n; i++)
            y[i] = y[i] < 0 ? 0 : y[i];
        return;
    }
    for (size_t i = 0; i < n; i++)
        y[i] = wt_act_apply(act, y[i]);
}

static void drop_dim(wt_window *w, int d)
{
    for (int i = d; i + 1 < w->n; i++) {
        w->in[i] = w->in[i + 1], w->out[i] = w->out[i + 1], w->kernel[i] = w->kernel[i + 1];
        w->stride[i] = w->stride[i + 1], w->dilation[i] = w->dilation[i + 1];
        w->begin[i] = w->begin[i + 1], w->end[i] = w->end[i + 1];
    }
    w->n--;
}

/* A dimension along which the window is one position wide, steps by one and is not padded. */
static bool pointwise(const wt_window *w, int d)
{
    return w->kernel[d] == 1 && w->stride[d] == 1 && w->begin[d] == 0 && w->end[d] == 0 && w->in[d] == w->out[d];
}

/* Neighbouring pointwise dimensions become one; then dimensions of length 1 without a window go. */
static void merge(wt_window *w)
{
    for (int d = w->n - 2; d >= 0; d--)
        if (pointwise(w, d) && pointwise(w, d + 1)) {
            w->in[d] = w->out[d] = w->in[d] * w->in[d + 1];
            drop_dim(w, d + 1);
        }
    for (int d = w->n - 1; d >= 0 && w->n > 1; d--)
        if (pointwise(w, d) && w->in[d] == 1)
            drop_dim(w, d);
}

wt_status wt_ref_conv_init(wt_ref_conv *c, const wt_prep *p, size_t xi, size_t wi, wt_err *err)
{
    const wt_tensor *x = p->in[xi], *weights = p->in[wi];
    const int n = x->shape.rank - 2;
    memset(c, 0, sizeof *c);
    if (weights->shape.rank != x->shape.rank || n < 1)
        return wt_fail(err, WT_EFORMAT, "%s: data has %d dimensions, weights have %d", p->op_type, x->shape.rank,
                       weights->shape.rank);
    WT_TRY(wt_window_parse(&c->w, p->op_type, p->attrs, n, weights->shape.dim + 2, err));
    memcpy(c->w.in, x->shape.dim + 2, (size_t)n * sizeof c->w.in[0]);
    WT_TRY(wt_window_forward(&c->w, p->op_type, err));
    const int64_t group = wt_attr_int(p->attrs, "group", 1), ic = x->shape.dim[1], oc = weights->shape.dim[0];
    if (group < 1 || ic % group || oc % group || weights->shape.dim[1] != ic / group)
        return wt_fail(err, WT_EFORMAT, "%s: %lld input and %lld output channels do not fit %lld groups", p->op_type,
                       (long long)ic, (long long)oc, (long long)group);
    c->batch = (size_t)x->shape.dim[0], c->ic = (size_t)ic, c->oc = (size_t)oc, c->group = (size_t)group;
    c->icg = c->ic / c->group, c->ocg = c->oc / c->group;
    c->taps = (size_t)wt_shape_product(&weights->shape, 2, n + 2);
    c->depth = c->icg * c->taps;
    c->in_size = (size_t)wt_shape_product(&x->shape, 2, n + 2);
    c->out_size = (size_t)wt_shape_product(&p->out[0]->shape, 2, n + 2);
    for (int i = 0; i < n; i++)
        if (c->w.out[i] != p->out[0]->shape.dim[i + 2])
            return wt_fail(err, WT_EFORMAT, "%s: output dimension %d is %lld, expected %lld", p->op_type, i + 2,
                           (long long)p->out[0]->shape.dim[i + 2], (long long)c->w.out[i]);
    merge(&c->w);
    const size_t last = (size_t)c->w.out[c->w.n - 1];
    c->row_panels = (last + WT_REF_COLS - 1) / WT_REF_COLS;
    c->rows = last ? c->out_size / last : 0;
    c->x_layout = x->layout, c->y_layout = p->out[0]->layout;
    c->act = wt_act_from_attrs(p->attrs);
    c->affine = wt_affine_from_attrs(p->attrs);
    return WT_OK;
}

void wt_ref_panel_at(const wt_ref_conv *c, size_t index, wt_ref_panel *panel)
{
    const wt_window *w = &c->w;
    const int last = w->n - 1;
    const size_t length = (size_t)w->out[last], col = index % c->row_panels * WT_REF_COLS;
    size_t row = index / c->row_panels;
    panel->first = row * length + col;
    panel->width = length - col < WT_REF_COLS ? length - col : WT_REF_COLS;
    panel->origin[last] = (int64_t)col * w->stride[last] - w->begin[last];
    for (int d = last - 1; d >= 0; d--) {
        panel->origin[d] = (int64_t)(row % (size_t)w->out[d]) * w->stride[d] - w->begin[d];
        row /= (size_t)w->out[d];
    }
}

/* Columns j in [0, 8) for which 0 <= at + j * step < length. */
static void inside(int64_t at, int64_t step, int64_t length, int width, int *lo, int *hi)
{
    int64_t first = at >= 0 ? 0 : (-at + step - 1) / step;
    int64_t end = at < length ? (length - at + step - 1) / step : 0;
    if (end > width)
        end = width;
    if (first > end)
        first = end;
    *lo = (int)first;
    *hi = (int)end;
}

void wt_ref_tap_at(const wt_ref_conv *c, const wt_ref_panel *panel, size_t tap, wt_ref_tap *out)
{
    const wt_window *w = &c->w;
    const int last = w->n - 1;
    out->at = panel->origin[last] + (int64_t)(tap % (size_t)w->kernel[last]) * w->dilation[last];
    out->step = w->stride[last];
    inside(out->at, out->step, w->in[last], (int)panel->width, &out->lo, &out->hi);
    tap /= (size_t)w->kernel[last];
    int64_t scale = w->in[last];
    out->row = 0;
    for (int d = last - 1; d >= 0; d--) {
        const int64_t i = panel->origin[d] + (int64_t)(tap % (size_t)w->kernel[d]) * w->dilation[d];
        tap /= (size_t)w->kernel[d];
        if (i < 0 || i >= w->in[d]) {
            out->lo = out->hi = 0;
            out->row = 0;
            return;
        }
        out->row += i * scale;
        scale *= w->in[d];
    }
}

void wt_ref_zero_tail(wt_tensor *t, int tid, int nthreads)
{
    if (t->layout != WT_C16 || t->shape.dim[1] % 16 == 0)
        return;
    const size_t used = (size_t)t->shape.dim[1] % 16, blocks = ((size_t)t->shape.dim[1] + 15) / 16;
    const size_t size = (size_t)wt_shape_product(&t->shape, 2, t->shape.rank),
                 item = wt_dtype_get(t->dtype)->block_bytes;
    size_t begin, end;
    wt_split((size_t)t->shape.dim[0], 1, tid, nthreads, &begin, &end);
    for (size_t n = begin; n < end; n++)
        for (size_t s = 0; s < size; s++)
            memset((char *)wt_tensor_mut(t) + ((((n + 1) * blocks - 1) * size + s) * 16 + used) * item, 0,
                   (16 - used) * item);
}

bool wt_all_plain(const wt_prep *p)
{
    for (size_t i = 0; i < p->n_in; i++)
        if (p->in[i] && p->in[i]->layout != WT_PLAIN)
            return false;
    for (size_t i = 0; i < p->n_out; i++)
        if (p->out[i] && p->out[i]->layout != WT_PLAIN)
            return false;
    return true;
}

wt_status wt_prep_need_vector(const wt_prep *p, size_t i, wt_dtype t, int64_t n, wt_err *err)
{
    if (!wt_has_in(p, i))
        return WT_OK;
    if (p->in[i]->dtype == t && p->in[i]->shape.rank == 1 && p->in[i]->shape.dim[0] == n)
        return WT_OK;
    return wt_fail(err, WT_EFORMAT, "%s: input %zu must be %lld values of type %s", p->op_type, i, (long long)n,
                   wt_dtype_get(t)->name);
}

wt_status wt_plan_scratch(wt_prep *p, size_t n, size_t size, size_t *each, wt_err *err)
{
    if (wt_mul_overflows(n, size, each) || *each > SIZE_MAX / 2 ||
        wt_mul_overflows(*each = wt_align_up(*each + 1, 64), (size_t)p->threads, &p->scratch_bytes))
        return wt_fail(err, WT_ENOMEM, "%s: %zu elements of scratch memory are too many", p->op_type, n);
    return WT_OK;
}

bool wt_run_is_empty(const wt_run *r)
{
    for (size_t i = 0; i < r->n_out; i++) {
        int64_t n;
        if (r->out[i] && (!wt_shape_count(&r->out[i]->shape, &n) || n > 0))
            return false;
    }
    return true;
}
