/* predicate.c - IsNaN and IsInf. */
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"
#include <math.h>

enum { BLOCK = 512 };

typedef struct predicate_params {
    wt_dtype dtype;
    size_t elem, total;
    bool nan, negative, positive; /* which values are asked for */
    wt_c16_pad pad;
} predicate_params;

static bool predicate_accepts(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !p->out[0] || p->out[0]->dtype != WT_BOOL || p->in[0]->layout != p->out[0]->layout)
        return false;
    const wt_dtype t = p->in[0]->dtype;
    return wt_dtype_is_float(t) || t == WT_F8E4M3FN || t == WT_F8E4M3FNUZ || t == WT_F8E5M2 || t == WT_F8E5M2FNUZ;
}

static wt_status predicate_prepare(wt_prep *p, wt_err *err)
{
    predicate_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    *q = (predicate_params){ .dtype = p->in[0]->dtype,
                             .elem = wt_elem_bytes(p->in[0]->dtype),
                             .nan = p->op == WT_OP_ISNAN,
                             .negative = wt_attr_int(p->attrs, "detect_negative", 1) != 0,
                             .positive = wt_attr_int(p->attrs, "detect_positive", 1) != 0,
                             .total = wt_physical_count(p->in[0]),
                             .pad = wt_c16_pad_of(p->out[0]) };
    p->params = q;
    p->max_threads = wt_worth_threads(p, (double)q->total);
    return WT_OK;
}

static bool asked_for(const predicate_params *q, double v)
{
    if (q->nan)
        return isnan(v) != 0;
    return isinf(v) && (v < 0 ? q->negative : q->positive);
}

static wt_status predicate_run(const wt_run *r, wt_err *err)
{
    const predicate_params *q = r->params;
    const char *x = r->in[0]->data;
    uint8_t *y = wt_tensor_mut(r->out[0]);
    size_t begin, end;
    double block[BLOCK];
    wt_split(q->total, 64, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i += BLOCK) {
        const size_t n = end - i < BLOCK ? end - i : BLOCK;
        WT_TRY(wt_convert(x + i * q->elem, q->dtype, block, WT_F64, n, true, err));
        for (size_t k = 0; k < n; k++)
            y[i + k] = asked_for(q, block[k]);
    }
    wt_c16_pad_zero(&q->pad, y, 1, begin, end);
    return WT_OK;
}

const wt_kernel wt_predicate_rows[] = {
    { .name = "isnan_ref",
      .op = WT_OP_ISNAN,
      .accepts = predicate_accepts,
      .prepare = predicate_prepare,
      .run = predicate_run },
    { .name = "isinf_ref",
      .op = WT_OP_ISINF,
      .accepts = predicate_accepts,
      .prepare = predicate_prepare,
      .run = predicate_run },
    { .name = NULL },
};
