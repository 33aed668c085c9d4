/* signal.c - DFT, STFT, windows, MelWeightMatrix, Det. Transforms are computed in double, whatever the element type. */
#include "model/shape/shape.h"
#include "run/kernels/ref/fft.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"
#include <math.h>

static const double pi = 3.14159265358979323846;

/* One real number of a float or double tensor. */
static inline double real_at(const wt_tensor *t, size_t i)
{
    return t->dtype == WT_F32 ? (double)((const float *)t->data)[i] : ((const double *)t->data)[i];
}
static inline void real_set(wt_tensor *t, size_t i, double v)
{
    if (t->dtype == WT_F32)
        ((float *)wt_tensor_mut(t))[i] = (float)v;
    else
        ((double *)wt_tensor_mut(t))[i] = v;
}

static bool real_types(const wt_prep *p)
{
    return (wt_in_is(p, 0, WT_F32) || wt_in_is(p, 0, WT_F64)) && wt_has_out(p, 0) &&
           p->out[0]->dtype == p->in[0]->dtype && wt_all_plain(p);
}

/* --- DFT
 * --------------------------------------------------------------------------------------------------------------- */
typedef struct dft_params {
    wt_fft fft;
    size_t outer, in_len, out_len, inner, in_parts, out_parts;
    bool inverse, onesided;
    size_t scratch;
} dft_params;

static bool dft_accepts(const wt_prep *p) { return real_types(p) && p->in[0]->shape.rank >= 2; }

static wt_status dft_prepare(wt_prep *p, wt_err *err)
{
    const wt_infer c = { .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
    const wt_shape *x = &p->in[0]->shape, *y = &p->out[0]->shape;
    wt_known length, where;
    int64_t n, axis_value;
    dft_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_infer_int(&c, 1, &length, &n, err));
    WT_TRY(wt_infer_int(&c, 2, &where, &axis_value, err));
    if (length == WT_NOT_KNOWN || where == WT_NOT_KNOWN)
        return wt_fail(err, WT_EUNSUPPORTED, "DFT: length and axis must be known before the first run");
    const int axis = wt_axis(where == WT_KNOWN ? axis_value : -2, x->rank, false);
    if (axis < 0 || axis == x->rank - 1 || (x->dim[x->rank - 1] != 1 && x->dim[x->rank - 1] != 2))
        return wt_fail(err, WT_EFORMAT, "DFT: the axis or the last dimension does not fit");
    q->inverse = wt_attr_int(p->attrs, "inverse", 0) != 0;
    q->onesided = wt_attr_int(p->attrs, "onesided", 0) != 0;
    q->outer = (size_t)wt_shape_product(x, 0, axis);
    q->inner = (size_t)wt_shape_product(x, axis + 1, x->rank - 1);
    q->in_len = (size_t)x->dim[axis];
    q->out_len = (size_t)y->dim[axis];
    q->in_parts = (size_t)x->dim[x->rank - 1];
    q->out_parts = (size_t)y->dim[y->rank - 1];
    size_t len = length == WT_KNOWN ? (size_t)n : q->in_len;
    if (length == WT_ABSENT && q->inverse && q->onesided)
        len = q->in_len > 1 ? 2 * (q->in_len - 1) : 1;
    if (q->out_len != (q->onesided && !q->inverse ? len / 2 + 1 : len) ||
        q->out_parts != (q->onesided && q->inverse ? 1u : 2u))
        return wt_fail(err, WT_EFORMAT, "DFT: the output has another length than the transform");
    if (wt_count(p->out[0]) > 0)
        WT_TRY(wt_fft_init(&q->fft, len, q->inverse, p->arena, err));
    p->params = q;
    p->flops = 5.0 * (double)(q->outer * q->inner) * (double)len * log2((double)len + 1);
    p->max_threads = wt_worth_threads(p, p->flops);
    q->scratch = wt_align_up((2 * len + wt_fft_work(&q->fft)) * sizeof(double), 64);
    p->scratch_bytes = q->scratch * (size_t)p->max_threads;
    return WT_OK;
}

/* One line of the input, cut or padded with zeros; a one-sided spectrum is completed by its mirror. */
static void load_line(const dft_params *q, const wt_tensor *x, size_t at, double *line)
{
    const size_t n = q->fft.n, have = q->inverse && q->onesided ? n / 2 + 1 : n,
                 used = q->in_len < have ? q->in_len : have;
    memset(line, 0, 2 * n * sizeof *line);
    for (size_t i = 0; i < used; i++) {
        const size_t k = (at + i * q->inner) * q->in_parts;
        line[2 * i] = real_at(x, k);
        line[2 * i + 1] = q->in_parts == 2 ? real_at(x, k + 1) : 0;
    }
    if (!(q->inverse && q->onesided))
        return;
    line[1] = 0;
    if (n % 2 == 0)
        line[n + 1] = 0;
    for (size_t i = 1; i < (n + 1) / 2; i++) {
        line[2 * (n - i)] = line[2 * i];
        line[2 * (n - i) + 1] = -line[2 * i + 1];
    }
}

static wt_status dft_run(const wt_run *r, wt_err *err)
{
    const dft_params *q = r->params;
    double *line = (double *)(void *)((char *)r->scratch + (size_t)r->tid * q->scratch);
    size_t begin, end;
    (void)err;
    if (q->fft.n == 0)
        return WT_OK;
    const double scale = q->inverse ? 1.0 / (double)q->fft.n : 1.0;
    wt_split(q->outer * q->inner, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t o = u / q->inner, k = u % q->inner;
        load_line(q, r->in[0], o * q->in_len * q->inner + k, line);
        wt_fft_run(&q->fft, line, line + 2 * q->fft.n);
        for (size_t i = 0; i < q->out_len; i++)
            for (size_t part = 0; part < q->out_parts; part++)
                real_set(r->out[0], ((o * q->out_len + i) * q->inner + k) * q->out_parts + part,
                         line[2 * i + part] * scale);
    }
    return WT_OK;
}

/* --- STFT
 * -------------------------------------------------------------------------------------------------------------- */
typedef struct stft_params {
    wt_fft fft;
    size_t batch, signal, step, frames, bins, parts, scratch;
} stft_params;

static bool stft_accepts(const wt_prep *p)
{
    return real_types(p) && (!wt_has_in(p, 2) || p->in[2]->dtype == p->in[0]->dtype);
}

static wt_status stft_prepare(wt_prep *p, wt_err *err)
{
    const wt_infer c = { .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
    const wt_shape *x = &p->in[0]->shape, *y = &p->out[0]->shape;
    wt_known step_state, len_state;
    int64_t step, len;
    stft_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_infer_int(&c, 1, &step_state, &step, err));
    WT_TRY(wt_infer_int(&c, 3, &len_state, &len, err));
    if (len_state == WT_ABSENT && wt_has_in(p, 2))
        len = p->in[2]->shape.dim[0], len_state = WT_KNOWN;
    if (step_state != WT_KNOWN || len_state != WT_KNOWN || step < 1 || len < 1)
        return wt_fail(err, WT_EUNSUPPORTED, "STFT: frame step and length must be known before the first run");
    q->batch = (size_t)x->dim[0];
    q->signal = (size_t)x->dim[1];
    q->parts = x->rank == 3 ? (size_t)x->dim[2] : 1;
    q->step = (size_t)step;
    q->frames = (size_t)y->dim[1];
    q->bins = (size_t)y->dim[2];
    if (q->parts < 1 || q->parts > 2 || q->bins > (size_t)len ||
        (q->frames && (q->frames - 1) > (q->signal - (size_t)len) / q->step) || (size_t)len > q->signal ||
        (wt_has_in(p, 2) && wt_count(p->in[2]) != (size_t)len))
        return wt_fail(err, WT_EFORMAT, "STFT: signal, window and frames do not fit");
    WT_TRY(wt_fft_init(&q->fft, (size_t)len, false, p->arena, err));
    p->params = q;
    p->flops = 5.0 * (double)(q->batch * q->frames) * (double)len * log2((double)len + 1);
    p->max_threads = wt_worth_threads(p, p->flops);
    q->scratch = wt_align_up((2 * (size_t)len + wt_fft_work(&q->fft)) * sizeof(double), 64);
    p->scratch_bytes = q->scratch * (size_t)p->max_threads;
    return WT_OK;
}

static wt_status stft_run(const wt_run *r, wt_err *err)
{
    const stft_params *q = r->params;
    const wt_tensor *x = r->in[0], *window = wt_run_has(r, 2) ? r->in[2] : NULL;
    const size_t n = q->fft.n;
    double *line = (double *)(void *)((char *)r->scratch + (size_t)r->tid * q->scratch);
    size_t begin, end;
    (void)err;
    wt_split(q->batch * q->frames, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        const size_t first = u / q->frames * q->signal + u % q->frames * q->step;
        for (size_t i = 0; i < n; i++) {
            const double w = window ? real_at(window, i) : 1.0;
            line[2 * i] = w * real_at(x, (first + i) * q->parts);
            line[2 * i + 1] = q->parts == 2 ? w * real_at(x, (first + i) * q->parts + 1) : 0;
        }
        wt_fft_run(&q->fft, line, line + 2 * n);
        for (size_t i = 0; i < 2 * q->bins; i++)
            real_set(r->out[0], u * 2 * q->bins + i, line[i]);
    }
    return WT_OK;
}

/* --- windows
 * ----------------------------------------------------------------------------------------------------------- */
typedef struct window_params {
    wt_opcode op;
    bool periodic;
} window_params;

static bool window_accepts(const wt_prep *p)
{
    return wt_has_out(p, 0) && (wt_dtype_is_float(p->out[0]->dtype) || wt_is_int(p->out[0]->dtype)) && wt_all_plain(p);
}

static wt_status window_prepare(wt_prep *p, wt_err *err)
{
    window_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    *q = (window_params){ .op = p->op, .periodic = wt_attr_int(p->attrs, "periodic", 1) != 0 };
    p->params = q;
    return WT_OK;
}

static double window_value(wt_opcode op, double turn)
{
    if (op == WT_OP_HANNWINDOW)
        return 0.5 - 0.5 * cos(2 * pi * turn);
    if (op == WT_OP_HAMMINGWINDOW)
        return 25.0 / 46.0 - 21.0 / 46.0 * cos(2 * pi * turn);
    return 0.42 - 0.5 * cos(2 * pi * turn) + 0.08 * cos(4 * pi * turn);
}

static wt_status window_run(const wt_run *r, wt_err *err)
{
    const window_params *q = r->params;
    const int64_t n = r->out[0]->shape.dim[0], period = q->periodic ? n : n - 1;
    const size_t elem = wt_elem_bytes(r->out[0]->dtype);
    for (int64_t i = 0; r->tid == 0 && i < n; i++) {
        const double v = period > 0 ? window_value(q->op, (double)i / (double)period) : 1.0;
        WT_TRY(wt_convert(&v, WT_F64, (char *)wt_tensor_mut(r->out[0]) + (size_t)i * elem, r->out[0]->dtype, 1, true,
                          err));
    }
    return WT_OK;
}

/* --- MelWeightMatrix
 * --------------------------------------------------------------------------------------------------- */
static bool mel_accepts(const wt_prep *p)
{
    for (size_t i = 0; i < 5; i++)
        if (!wt_has_in(p, i) || wt_count(p->in[i]) != 1)
            return false;
    return window_accepts(p) && p->out[0]->shape.rank == 2;
}

static double mel_of(double hertz) { return 2595.0 * log10(1.0 + hertz / 700.0); }
static double hertz_of(double mel) { return 700.0 * (pow(10.0, mel / 2595.0) - 1.0); }

/* The bin of the spectrum where edge i of the triangles lies. */
static double mel_edge(const double v[5], double low, double step, int64_t i)
{
    return floor((v[1] + 1.0) * hertz_of((double)i * step + low) / v[2]);
}

static double mel_value(double left, double centre, double right, double j)
{
    if (j == centre && centre == left)
        return 1.0;
    if (j >= left && j <= centre && centre > left && !(right > centre && j == centre))
        return (j - left) / (centre - left);
    return j >= centre && j < right && right > centre ? (right - j) / (right - centre) : 0.0;
}

static wt_status mel_run(const wt_run *r, wt_err *err)
{
    const int64_t rows = r->out[0]->shape.dim[0], cols = r->out[0]->shape.dim[1];
    const size_t elem = wt_elem_bytes(r->out[0]->dtype);
    double v[5];
    if (r->tid)
        return WT_OK;
    for (size_t i = 0; i < 5; i++)
        if (!wt_tensor_double(r->in[i], 0, &v[i]) || !isfinite(v[i]))
            return wt_fail(err, WT_EFORMAT, "MelWeightMatrix: input %zu is no number", i);
    if (v[2] <= 0 || v[3] <= -700 || v[4] <= -700)
        return wt_fail(err, WT_EFORMAT, "MelWeightMatrix: a rate of %g and edges %g and %g make no filters", v[2], v[3],
                       v[4]);
    const double low = mel_of(v[3]), step = (mel_of(v[4]) - low) / ((double)cols + 2.0);
    for (int64_t i = 0; i < cols; i++) {
        const double left = mel_edge(v, low, step, i), centre = mel_edge(v, low, step, i + 1),
                     right = mel_edge(v, low, step, i + 2);
        for (int64_t j = 0; j < rows; j++) {
            const double w = mel_value(left, centre, right, (double)j);
            WT_TRY(wt_convert(&w, WT_F64, (char *)wt_tensor_mut(r->out[0]) + (size_t)(j * cols + i) * elem,
                              r->out[0]->dtype, 1, true, err));
        }
    }
    return WT_OK;
}

/* --- Det
 * --------------------------------------------------------------------------------------------------------------- */
static bool det_accepts(const wt_prep *p)
{
    return real_types(p) && p->in[0]->shape.rank >= 2 &&
           p->in[0]->shape.dim[p->in[0]->shape.rank - 1] == p->in[0]->shape.dim[p->in[0]->shape.rank - 2];
}

static wt_status det_prepare(wt_prep *p, wt_err *err)
{
    const size_t n = (size_t)p->in[0]->shape.dim[p->in[0]->shape.rank - 1];
    if (wt_mul_overflows(n * n, sizeof(double), &p->scratch_bytes))
        return wt_fail(err, WT_ENOMEM, "Det: the matrix is too large");
    return WT_OK;
}

/* Elimination with the largest pivot of each column. */
static double determinant(double *a, size_t n)
{
    double det = 1;
    for (size_t c = 0; c < n; c++) {
        size_t pivot = c;
        for (size_t i = c + 1; i < n; i++)
            if (fabs(a[i * n + c]) > fabs(a[pivot * n + c]))
                pivot = i;
        if (a[pivot * n + c] == 0)
            return 0;
        for (size_t k = 0; pivot != c && k < n; k++) {
            const double v = a[c * n + k];
            a[c * n + k] = a[pivot * n + k];
            a[pivot * n + k] = v;
        }
        det *= pivot != c ? -a[c * n + c] : a[c * n + c];
        for (size_t i = c + 1; i < n; i++) {
            const double f = a[i * n + c] / a[c * n + c];
            for (size_t k = c; k < n; k++)
                a[i * n + k] -= f * a[c * n + k];
        }
    }
    return det;
}

static wt_status det_run(const wt_run *r, wt_err *err)
{
    const wt_shape *s = &r->in[0]->shape;
    const size_t n = (size_t)s->dim[s->rank - 1], count = (size_t)wt_shape_product(s, 0, s->rank - 2);
    double *a = r->scratch;
    (void)err;
    for (size_t i = 0; r->tid == 0 && i < count; i++) {
        for (size_t k = 0; k < n * n; k++)
            a[k] = real_at(r->in[0], i * n * n + k);
        real_set(r->out[0], i, determinant(a, n));
    }
    return WT_OK;
}

#define WINDOW(code, text)                                                                                             \
    {                                                                                                                  \
        .name = text "_ref", .op = code, .accepts = window_accepts, .prepare = window_prepare, .run = window_run       \
    }
const wt_kernel wt_signal_rows[] = {
    { .name = "dft_ref", .op = WT_OP_DFT, .accepts = dft_accepts, .prepare = dft_prepare, .run = dft_run },
    WT_HALF_ROW("dft_half_ref", WT_OP_DFT),
    { .name = "stft_ref", .op = WT_OP_STFT, .accepts = stft_accepts, .prepare = stft_prepare, .run = stft_run },
    WT_HALF_ROW("stft_half_ref", WT_OP_STFT),
    WINDOW(WT_OP_HANNWINDOW, "hannwindow"),
    WINDOW(WT_OP_HAMMINGWINDOW, "hammingwindow"),
    WINDOW(WT_OP_BLACKMANWINDOW, "blackmanwindow"),
    { .name = "melweightmatrix_ref", .op = WT_OP_MELWEIGHTMATRIX, .accepts = mel_accepts, .run = mel_run },
    { .name = "det_ref", .op = WT_OP_DET, .accepts = det_accepts, .prepare = det_prepare, .run = det_run },
    WT_HALF_ROW("det_half_ref", WT_OP_DET),
    { .name = NULL },
};
