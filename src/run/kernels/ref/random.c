/* random.c - random tensors. The same seed gives the same numbers on every run, machine and number of threads:
 * attribute seed where there is one, else the context's seed and the node's name. */
#include "base/hash.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/types.h"
#include <math.h>

typedef struct random_params {
    uint64_t seed;
    double a, b; /* mean and deviation, or low and high */
    bool normal, bernoulli;
} random_params;

static uint64_t seed_of(const wt_prep *p)
{
    const wt_attr *a = wt_attr_find(p->attrs, "seed");
    if (a && a->type == WT_ATTR_FLOAT)
        return wt_hash64(&a->v.f, sizeof a->v.f, 0);
    return wt_hash64(p->node_name, p->node_name ? strlen(p->node_name) : 0, wt_context_seed(p->ctx));
}

static bool random_accepts(const wt_prep *p)
{
    return wt_has_out(p, 0) && p->out[0]->layout == WT_PLAIN && wt_dtype_is_float(p->out[0]->dtype);
}

static bool bernoulli_accepts(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !wt_has_out(p, 0) || !wt_all_plain(p) || !wt_dtype_is_float(p->in[0]->dtype))
        return false;
    const wt_dtype t = p->out[0]->dtype;
    return wt_dtype_is_float(t) || wt_is_int(t) || t == WT_BOOL;
}

static wt_status random_prepare(wt_prep *p, wt_err *err)
{
    random_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->seed = seed_of(p);
    q->normal = p->op == WT_OP_RANDOMNORMAL || p->op == WT_OP_RANDOMNORMALLIKE;
    q->bernoulli = p->op == WT_OP_BERNOULLI;
    q->a = (double)wt_attr_float(p->attrs, q->normal ? "mean" : "low", 0.0f);
    q->b = (double)wt_attr_float(p->attrs, q->normal ? "scale" : "high", 1.0f);
    p->params = q;
    return WT_OK;
}

/* Box and Muller; 1 - u is never 0. */
static double normal(uint64_t *state)
{
    const double r = sqrt(-2.0 * log(1.0 - wt_random_unit(state)));
    return r * cos(6.283185307179586 * wt_random_unit(state));
}

static wt_status random_run(const wt_run *r, wt_err *err)
{
    const random_params *q = r->params;
    wt_tensor *y = r->out[0];
    const size_t n = wt_count(y), elem = wt_elem_bytes(y->dtype);
    uint64_t state = q->seed;
    for (size_t i = 0; r->tid == 0 && i < n; i++) {
        double v = 0;
        if (q->bernoulli) {
            wt_tensor_double(r->in[0], (int64_t)i, &v);
            v = wt_random_unit(&state) < v ? 1 : 0;
        } else {
            v = q->normal ? q->a + q->b * normal(&state) : q->a + (q->b - q->a) * wt_random_unit(&state);
        }
        WT_TRY(wt_convert(&v, WT_F64, (char *)wt_tensor_mut(y) + i * elem, y->dtype, 1, true, err));
    }
    return WT_OK;
}

/* --- Multinomial: classes drawn by their unnormalized log probabilities
 * ------------------------------------------------------ */
static bool multinomial_accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_dtype_is_float(p->in[0]->dtype) && p->in[0]->shape.rank == 2 && wt_has_out(p, 0) &&
           (wt_out_is(p, 0, WT_I32) || wt_out_is(p, 0, WT_I64)) && wt_all_plain(p);
}

static int64_t draw(const wt_tensor *x, int64_t first, int64_t classes, double max, double sum, uint64_t *state)
{
    double left = wt_random_unit(state) * sum, v = 0;
    for (int64_t k = 0; k < classes; k++) {
        wt_tensor_double(x, first + k, &v);
        left -= exp(v - max);
        if (left < 0)
            return k;
    }
    return classes - 1;
}

static wt_status multinomial_run(const wt_run *r, wt_err *err)
{
    const random_params *q = r->params;
    const wt_tensor *x = r->in[0];
    wt_tensor *y = r->out[0];
    const int64_t classes = x->shape.dim[1], samples = y->shape.dim[1];
    const size_t elem = wt_elem_bytes(y->dtype);
    uint64_t state = q->seed;
    for (int64_t b = 0; r->tid == 0 && b < x->shape.dim[0]; b++) {
        double max = -INFINITY, sum = 0, v = 0;
        for (int64_t k = 0; k < classes; k++)
            if (wt_tensor_double(x, b * classes + k, &v) && v > max)
                max = v;
        for (int64_t k = 0; k < classes; k++)
            if (wt_tensor_double(x, b * classes + k, &v))
                sum += exp(v - max);
        if (!(sum > 0) || !isfinite(sum))
            return wt_fail(err, WT_EFORMAT, "Multinomial: row %lld has no probabilities", (long long)b);
        for (int64_t i = 0; i < samples; i++) {
            const int64_t k = draw(x, b * classes, classes, max, sum, &state);
            WT_TRY(wt_convert(&k, WT_I64, (char *)wt_tensor_mut(y) + (size_t)(b * samples + i) * elem, y->dtype, 1,
                              true, err));
        }
    }
    return WT_OK;
}

#define ROW(code, text)                                                                                                \
    {                                                                                                                  \
        .name = text "_ref", .op = code, .accepts = random_accepts, .prepare = random_prepare, .run = random_run       \
    }
const wt_kernel wt_random_rows[] = {
    ROW(WT_OP_RANDOMNORMAL, "randomnormal"),
    ROW(WT_OP_RANDOMUNIFORM, "randomuniform"),
    ROW(WT_OP_RANDOMNORMALLIKE, "randomnormallike"),
    ROW(WT_OP_RANDOMUNIFORMLIKE, "randomuniformlike"),
    { .name = "bernoulli_ref",
      .op = WT_OP_BERNOULLI,
      .accepts = bernoulli_accepts,
      .prepare = random_prepare,
      .run = random_run },
    { .name = "multinomial_ref",
      .op = WT_OP_MULTINOMIAL,
      .accepts = multinomial_accepts,
      .prepare = random_prepare,
      .run = multinomial_run },
    { .name = NULL },
};
