/* nn_pool.c - MaxPool (with indices), AveragePool, LpPool, their global forms, and the engine's QuantPool: any number
 * of dimensions, plain and C16.
 *
 * The unit of work is one row of outputs of one channel (or block of 16 channels): threads split the units. A global
 * pool is a pool whose window is the whole input. */
#include "run/kernels/ref/quant_ref.h"
#include <float.h>

typedef enum pool_kind { POOL_MAX, POOL_AVERAGE, POOL_LP } pool_kind;
typedef struct pool_params {
    wt_window w;
    pool_kind kind;
    double p; /* LpPool's norm */
    bool include_pad, column_major;
    size_t planes, rows; /* planes: n * c, or n * blocks */
    size_t in_size, out_size, lanes;
    bool quant; /* QuantPool: codes in, requantized codes (or floats) out */
    float x_scale;
    int32_t x_zero;
    wt_requant out;
    void (*run_rows)(const struct pool_params *q, const void *x, void *y, int64_t *indices, size_t begin, size_t end);
} pool_params;

/* One output position: input coordinates of tap 0, and for the last dimension the taps [lo, hi) that are inside. */
typedef struct pool_at {
    int64_t origin[WT_WINDOW_MAX], lo, hi;
} pool_at;

static void pool_row_start(const pool_params *q, size_t row, pool_at *at)
{
    const wt_window *w = &q->w;
    for (int d = w->n - 2; d >= 0; d--) {
        at->origin[d] = (int64_t)(row % (size_t)w->out[d]) * w->stride[d] - w->begin[d];
        row /= (size_t)w->out[d];
    }
}

static void pool_column(const pool_params *q, size_t o, pool_at *at)
{
    const int last = q->w.n - 1;
    at->origin[last] = (int64_t)o * q->w.stride[last] - q->w.begin[last];
    wt_window_clip(&q->w, last, at->origin[last], &at->lo, &at->hi);
}

/* Walks the taps of all dimensions but the last that are inside the input; row is their input position. */
typedef struct pool_walk {
    int n;
    bool live;
    int64_t tap[WT_WINDOW_MAX], lo[WT_WINDOW_MAX], hi[WT_WINDOW_MAX], jump[WT_WINDOW_MAX]; /* jump: positions per tap */
    int64_t row;
} pool_walk;

static pool_walk pool_walk_start(const pool_params *q, const pool_at *at)
{
    const wt_window *w = &q->w;
    pool_walk k;
    k.n = w->n - 1;
    k.live = at->lo < at->hi;
    k.row = 0;
    int64_t scale = w->in[w->n - 1];
    for (int d = k.n - 1; d >= 0; d--) {
        wt_window_clip(w, d, at->origin[d], &k.lo[d], &k.hi[d]);
        k.live = k.live && k.lo[d] < k.hi[d];
        k.tap[d] = k.lo[d];
        k.jump[d] = w->dilation[d] * scale;
        k.row += at->origin[d] * scale + k.lo[d] * k.jump[d];
        scale *= w->in[d];
    }
    return k;
}

static void pool_walk_next(pool_walk *k)
{
    for (int d = k->n - 1; d >= 0; d--) {
        k->row += k->jump[d];
        if (++k->tap[d] < k->hi[d])
            return;
        k->row -= (k->hi[d] - k->lo[d]) * k->jump[d];
        k->tap[d] = k->lo[d];
    }
    k->live = false;
}

/* 1 instead of 0: a window that sees padding alone averages nothing, which is zero. */
static double pool_divisor(const pool_params *q, const pool_at *at, bool include_pad)
{
    double n = 1;
    for (int d = 0; d < q->w.n; d++)
        n *= (double)wt_window_taps(&q->w, d, at->origin[d], include_pad);
    return n > 0 ? n : 1;
}

/* Sum of codes over the valid taps; padding is the real number 0. */
static void pool_requant(const pool_params *q, const pool_at *at, double sum, double count, void *y, size_t i)
{
    double valid = 1;
    for (int d = 0; d < q->w.n; d++)
        valid *= (double)wt_window_taps(&q->w, d, at->origin[d], false);
    wt_requant_store(&q->out, (float)((sum - valid * q->x_zero) * (double)q->x_scale / count), y, i);
}

/* Position in one channel to the index that ONNX defines over the whole tensor. */
static int64_t pool_index(const pool_params *q, size_t plane, int64_t pos)
{
    const wt_window *w = &q->w;
    if (q->column_major && q->in_size) {
        int64_t coord[WT_WINDOW_MAX], scale = 1, out = 0;
        for (int d = w->n - 1; d >= 0; d--) {
            coord[d] = pos % w->in[d];
            pos /= w->in[d];
        }
        for (int d = 0; d < w->n; d++) {
            out += coord[d] * scale;
            scale *= w->in[d];
        }
        pos = out;
    }
    return (int64_t)(plane * q->in_size) + pos;
}

static double lp_power(double x, double p) { return p == 2 ? x * x : p == 1 ? fabs(x) : pow(fabs(x), p); }
static double lp_root(double x, double p) { return p == 2 ? sqrt(x) : p == 1 ? x : pow(x, 1 / p); }

#define T         float
#define A         float
#define LOWEST    (-FLT_MAX)
#define LEAST     (-INFINITY)
#define NAME(x)   x##_f32
#define power_f32 lp_power
#define root_f32  lp_root
#include "run/kernels/ref/nn_pool_loops.inc"
#undef T
#undef A
#undef LOWEST
#undef NAME
#define T         double
#define A         double
#define LOWEST    (-DBL_MAX)
#define NAME(x)   x##_f64
#define power_f64 lp_power
#define root_f64  lp_root
#include "run/kernels/ref/nn_pool_loops.inc"
#undef T
#undef A
#undef LOWEST
#undef LEAST
#undef NAME
#define T        uint8_t
#define A        int64_t
#define LOWEST   0
#define LEAST    LOWEST
#define NAME(x)  x##_u8
#define power_u8 lp_power
#define root_u8  lp_root
#include "run/kernels/ref/nn_pool_loops.inc"
#undef T
#undef LOWEST
#undef LEAST
#undef NAME
#define T        int8_t
#define LOWEST   INT8_MIN
#define LEAST    LOWEST
#define NAME(x)  x##_i8
#define power_i8 lp_power
#define root_i8  lp_root
#include "run/kernels/ref/nn_pool_loops.inc"
#undef T
#undef A
#undef LOWEST
#undef LEAST
#undef NAME

/* --- rows
 * --------------------------------------------------------------------------------------------------------------- */
static bool is_global(const wt_prep *p)
{
    const wt_opcode op = p->op;
    if (op == WT_OP_QUANTPOOL)
        return wt_attr_is(p->attrs, "op", "GlobalAveragePool");
    return op == WT_OP_GLOBALAVERAGEPOOL || op == WT_OP_GLOBALMAXPOOL || op == WT_OP_GLOBALLPPOOL;
}

static bool accepts(const wt_prep *p)
{
    const bool max = p->op == WT_OP_MAXPOOL || p->op == WT_OP_GLOBALMAXPOOL;
    if (!wt_has_in(p, 0) || !wt_has_out(p, 0) || p->in[0]->layout != p->out[0]->layout ||
        p->in[0]->dtype != p->out[0]->dtype)
        return false;
    if (p->in[0]->layout != WT_PLAIN && wt_has_out(p, 1))
        return false;
    const wt_dtype t = p->in[0]->dtype;
    return t == WT_F32 || t == WT_F64 || (max && (t == WT_U8 || t == WT_I8));
}

static wt_status local_window(const wt_prep *p, wt_window *w, wt_err *err)
{
    const wt_shape *s = &p->in[0]->shape;
    if (s->rank < 3)
        return wt_fail(err, WT_EFORMAT, "%s: data has %d dimensions, expected at least 3", p->op_type, s->rank);
    WT_TRY(wt_window_parse(w, p->op_type, p->attrs, s->rank - 2, NULL, err));
    memcpy(w->in, s->dim + 2, (size_t)w->n * sizeof w->in[0]);
    return wt_window_forward(w, p->op_type, err);
}

static wt_status read_kind(const wt_prep *p, pool_params *q, wt_err *err)
{
    const wt_opcode op = p->op;
    q->kind = op == WT_OP_MAXPOOL || op == WT_OP_GLOBALMAXPOOL                                    ? POOL_MAX
              : op == WT_OP_AVERAGEPOOL || op == WT_OP_GLOBALAVERAGEPOOL || op == WT_OP_QUANTPOOL ? POOL_AVERAGE
                                                                                                  : POOL_LP;
    const int64_t norm = wt_attr_int(p->attrs, "p", 2), order = wt_attr_int(p->attrs, "storage_order", 0);
    if (q->kind == POOL_LP && norm < 1)
        return wt_fail(err, WT_EFORMAT, "%s: p is %lld, expected 1 or more", p->op_type, (long long)norm);
    if (order != 0 && order != 1)
        return wt_fail(err, WT_EFORMAT, "%s: storage_order is %lld, expected 0 or 1", p->op_type, (long long)order);
    q->p = (double)norm;
    q->column_major = order == 1;
    q->include_pad = wt_attr_int(p->attrs, "count_include_pad", 0) != 0;
    return WT_OK;
}

static wt_status check_out(const wt_prep *p, const pool_params *q, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *y = &p->out[0]->shape;
    bool same = x->rank == y->rank && x->dim[0] == y->dim[0] && x->dim[1] == y->dim[1];
    for (int i = 2; same && i < x->rank; i++)
        same = y->dim[i] == q->w.out[i - 2];
    return same ? WT_OK : wt_fail(err, WT_EFORMAT, "%s: the output's shape is not what its window gives", p->op_type);
}

static wt_status prepare(wt_prep *p, wt_err *err)
{
    const wt_tensor *x = p->in[0];
    pool_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    double taps = 1;
    if (!q)
        return WT_ENOMEM;
    WT_TRY(read_kind(p, q, err));
    WT_TRY(is_global(p) ? wt_window_global(&q->w, p->op_type, &p->in[0]->shape, err) : local_window(p, &q->w, err));
    q->lanes = wt_ref_lane(x->layout);
    q->planes = (size_t)x->shape.dim[0] *
                (x->layout == WT_C16 ? ((size_t)x->shape.dim[1] + 15) / 16 : (size_t)wt_shape_product(&x->shape, 1, 2));
    q->in_size = q->out_size = q->rows = 1;
    for (int i = 0; i < q->w.n; i++) {
        q->in_size *= (size_t)q->w.in[i];
        q->out_size *= (size_t)q->w.out[i];
        q->rows *= i + 1 < q->w.n ? (size_t)q->w.out[i] : 1;
        taps *= (double)q->w.kernel[i];
    }
    WT_TRY(check_out(p, q, err));
    if (wt_has_out(p, 1) && (p->out[1]->dtype != WT_I64 || !wt_shape_equal(&p->out[1]->shape, &p->out[0]->shape)))
        return wt_fail(err, WT_EFORMAT, "%s: indices must be int64 and as many as the values", p->op_type);
    q->run_rows = x->dtype == WT_F32 ? rows_f32 : x->dtype == WT_F64 ? rows_f64 : x->dtype == WT_U8 ? rows_u8 : rows_i8;
    p->params = q;
    p->max_threads = p->threads;
    p->flops = (double)wt_count(p->out[0]) * taps;
    return WT_OK;
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const pool_params *q = r->params;
    size_t begin, end;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(q->planes * q->rows, 1, r->tid, r->nthreads, &begin, &end);
    int64_t *indices = r->n_out > 1 && r->out[1] ? wt_tensor_mut(r->out[1]) : NULL;
    if (q->out_size)
        q->run_rows(q, r->in[0]->data, wt_tensor_mut(r->out[0]), indices, begin, end);
    return WT_OK;
}

static bool quant_accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_has_out(p, 0) && wt_is_byte(p->in[0]->dtype) &&
           p->in[0]->layout == p->out[0]->layout && (wt_is_byte(p->out[0]->dtype) || p->out[0]->dtype == WT_F32);
}

static wt_status quant_prepare(wt_prep *p, wt_err *err)
{
    WT_TRY(prepare(p, err));
    pool_params q = *(const pool_params *)p->params, *copy = wt_arena_alloc(p->arena, 1, sizeof *copy, err);
    if (!copy)
        return WT_ENOMEM;
    WT_TRY(wt_quant_attrs(p, "x", p->in[0]->dtype, &q.x_scale, &q.x_zero, err));
    WT_TRY(wt_requant_attrs(p, &q.out, err));
    q.quant = true;
    *copy = q;
    p->params = copy;
    return WT_OK;
}

static wt_status quant_run(const wt_run *r, wt_err *err)
{
    if (wt_run_is_empty(r))
        return WT_OK;
    WT_TRY(run(r, err));
    if (r->nthreads > 1)
        wt_team_barrier(r->team, r->tid); /* whoever computed the lanes behind the last channel has done so */
    wt_ref_zero_tail(r->out[0], r->tid, r->nthreads);
    return WT_OK;
}

#define POOL_ROW(row_name, code)                                                                                       \
    {                                                                                                                  \
        .name = row_name, .op = code, .accepts = accepts, .prepare = prepare, .run = run                               \
    }
const wt_kernel wt_nn_pool_rows[] = {
    WT_HALF_ROW("maxpool_half_ref", WT_OP_MAXPOOL),
    POOL_ROW("maxpool_any_ref", WT_OP_MAXPOOL),
    WT_HALF_ROW("averagepool_half_ref", WT_OP_AVERAGEPOOL),
    POOL_ROW("averagepool_f32_ref", WT_OP_AVERAGEPOOL),
    WT_HALF_ROW("lppool_half_ref", WT_OP_LPPOOL),
    POOL_ROW("lppool_f32_ref", WT_OP_LPPOOL),
    WT_HALF_ROW("globalaveragepool_half_ref", WT_OP_GLOBALAVERAGEPOOL),
    POOL_ROW("globalaveragepool_f32_ref", WT_OP_GLOBALAVERAGEPOOL),
    WT_HALF_ROW("globalmaxpool_half_ref", WT_OP_GLOBALMAXPOOL),
    POOL_ROW("globalmaxpool_any_ref", WT_OP_GLOBALMAXPOOL),
    WT_HALF_ROW("globallppool_half_ref", WT_OP_GLOBALLPPOOL),
    POOL_ROW("globallppool_f32_ref", WT_OP_GLOBALLPPOOL),
    { .name = "quantpool_i8_ref",
      .op = WT_OP_QUANTPOOL,
      .accepts = quant_accepts,
      .prepare = quant_prepare,
      .run = quant_run },
    { .name = NULL },
};
