/* unary.c - the rows of functions of one value: any element type the function has, plain or C16, in place. */
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/unary.h"

enum { HALF_BLOCK = 512 };

typedef struct unary_params {
    wt_unary_fn *fn;
    wt_unary_args args;
    wt_dtype half; /* F16 or BF16: fn works on floats */
    size_t elem, total;
    wt_c16_pad pad;
} unary_params;

static const wt_unary_def *find_def(const wt_prep *p)
{
    const wt_unary_def *d = wt_unary_defs;
    while (d->op != WT_OP_UNKNOWN && d->op != p->op)
        d++;
    if (p->op == WT_OP_GELU && wt_attr_is(p->attrs, "approximate", "tanh"))
        while (d->op != WT_OP_UNKNOWN)
            d++;
    return d->op == p->op || p->op == WT_OP_GELU ? d : NULL;
}

static wt_unary_fn *pick(const wt_prep *p, wt_dtype dtype)
{
    const wt_unary_def *d = find_def(p);
    if (d && (dtype == WT_F32 || wt_is_half(dtype)))
        return d->f32;
    if (d && dtype == WT_F64)
        return d->f64;
    return wt_unary_int(p->op, dtype);
}

static bool unary_accepts(const wt_prep *p)
{
    return p->n_in >= 1 && p->in[0] && p->out[0] && p->in[0]->dtype == p->out[0]->dtype &&
           p->in[0]->layout == p->out[0]->layout && pick(p, p->in[0]->dtype) != NULL;
}

static wt_status unary_prepare(wt_prep *p, wt_err *err)
{
    const wt_tensor *x = p->in[0];
    const wt_unary_def *d = find_def(p);
    unary_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->fn = pick(p, x->dtype);
    if (d) {
        q->args.a = d->a_name ? wt_attr_float(p->attrs, d->a_name, d->a) : d->a;
        q->args.b = d->b_name ? wt_attr_float(p->attrs, d->b_name, d->b) : d->b;
    }
    q->half = wt_is_half(x->dtype) ? x->dtype : WT_DTYPE_NONE;
    q->elem = wt_elem_bytes(x->dtype);
    q->total = wt_physical_count(p->out[0]);
    if (!d || !d->keeps_zero)
        q->pad = wt_c16_pad_of(p->out[0]);
    p->params = q;
    p->max_threads = wt_worth_threads(p, (double)q->total);
    return WT_OK;
}

static void run_halves(const unary_params *q, const uint16_t *x, uint16_t *y, size_t n)
{
    float block[HALF_BLOCK];
    for (size_t i = 0; i < n; i += HALF_BLOCK) {
        const size_t m = n - i < HALF_BLOCK ? n - i : HALF_BLOCK;
        wt_half_load(q->half, x + i, block, m);
        q->fn(block, block, m, &q->args);
        wt_half_store(q->half, block, y + i, m);
    }
}

static wt_status unary_run(const wt_run *r, wt_err *err)
{
    const unary_params *q = r->params;
    size_t begin, end;
    (void)err;
    wt_split(q->total, 64, r->tid, r->nthreads, &begin, &end);
    if (begin == end)
        return WT_OK;
    const char *x = (const char *)r->in[0]->data + begin * q->elem;
    char *out = wt_tensor_mut(r->out[0]), *y = out + begin * q->elem;
    if (q->half)
        run_halves(q, (const uint16_t *)(const void *)x, (uint16_t *)(void *)y, end - begin);
    else
        q->fn(x, y, end - begin, &q->args);
    wt_c16_pad_zero(&q->pad, out, q->elem, begin, end);
    return WT_OK;
}

#define ROW(code, text)                                                                                                \
    {                                                                                                                  \
        .name = text "_ref", .op = code, .accepts = unary_accepts, .prepare = unary_prepare, .run = unary_run,         \
        .in_place = true                                                                                               \
    }
const wt_kernel wt_unary_rows[] = {
    ROW(WT_OP_ABS, "abs"),
    ROW(WT_OP_ACOS, "acos"),
    ROW(WT_OP_ACOSH, "acosh"),
    ROW(WT_OP_ASIN, "asin"),
    ROW(WT_OP_ASINH, "asinh"),
    ROW(WT_OP_ATAN, "atan"),
    ROW(WT_OP_ATANH, "atanh"),
    ROW(WT_OP_CEIL, "ceil"),
    ROW(WT_OP_CELU, "celu"),
    ROW(WT_OP_COS, "cos"),
    ROW(WT_OP_COSH, "cosh"),
    ROW(WT_OP_ELU, "elu"),
    ROW(WT_OP_ERF, "erf"),
    ROW(WT_OP_EXP, "exp"),
    ROW(WT_OP_FLOOR, "floor"),
    ROW(WT_OP_GELU, "gelu"),
    ROW(WT_OP_HARDSIGMOID, "hardsigmoid"),
    ROW(WT_OP_HARDSWISH, "hardswish"),
    ROW(WT_OP_LEAKYRELU, "leakyrelu"),
    ROW(WT_OP_LOG, "log"),
    ROW(WT_OP_MISH, "mish"),
    ROW(WT_OP_NEG, "neg"),
    ROW(WT_OP_RECIPROCAL, "reciprocal"),
    ROW(WT_OP_RELU, "relu"),
    ROW(WT_OP_ROUND, "round"),
    ROW(WT_OP_SELU, "selu"),
    ROW(WT_OP_SHRINK, "shrink"),
    ROW(WT_OP_SIGMOID, "sigmoid"),
    ROW(WT_OP_SIGN, "sign"),
    ROW(WT_OP_SIN, "sin"),
    ROW(WT_OP_SINH, "sinh"),
    ROW(WT_OP_SOFTPLUS, "softplus"),
    ROW(WT_OP_SOFTSIGN, "softsign"),
    ROW(WT_OP_SQRT, "sqrt"),
    ROW(WT_OP_SWISH, "swish"),
    ROW(WT_OP_TAN, "tan"),
    ROW(WT_OP_TANH, "tanh"),
    ROW(WT_OP_THRESHOLDEDRELU, "thresholdedrelu"),
    ROW(WT_OP_NOT, "not"),
    ROW(WT_OP_BITWISENOT, "bitwisenot"),
    { .name = NULL },
};
