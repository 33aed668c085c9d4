/* group_query.c - GroupQueryAttention: new keys are turned and go behind the old ones, new queries look at both.
 *
 * A unit of work is one key head of one sequence: it fills its rows of present_key and present_value, then answers the
 * query heads of its group from them. */
#include <math.h>
#include "model/shape/microsoft_shape.h"
#include "run/kernels/ref/decoder.h"

typedef struct group_params {
    wt_gqa_dims d;
    size_t rows;    /* of the caches that go out */
    size_t scratch; /* of each member: one query, scores, and caches where these are no outputs */
    bool keeps[2];  /* key, value cache is an output */
    bool smooth;    /* one more score of 0 takes its share */
    size_t bias_stride[3], bias_width;
} group_params;

typedef struct unit {
    const group_params *q;
    const wt_run *r;
    size_t b, g, past; /* tokens of this sequence before the new ones */
    float *k, *v;      /* [rows][head] */
    float *query, *scores;
} unit;

static bool accepts(const wt_prep *p)
{
    for (size_t i = 0; i < p->n_in; i++) {
        const wt_dtype t = p->in[i] ? p->in[i]->dtype : WT_F32;
        const bool whole = i == WT_GQA_SEQLENS || i == WT_GQA_TOTAL, place = i == WT_GQA_POSITIONS;
        if (p->in[i] && t != (whole ? WT_I32 : place ? WT_I64 : WT_F32))
            return false;
    }
    return wt_out_is(p, 0, WT_F32) && wt_all_plain(p);
}

static wt_status read_bias(const wt_prep *p, group_params *q, wt_err *err)
{
    if (!wt_has_in(p, WT_GQA_BIAS))
        return WT_OK;
    const wt_shape *s = &p->in[WT_GQA_BIAS]->shape;
    const int64_t want[3] = { q->d.batch, q->d.heads, q->d.length };
    size_t step = 1;
    bool fits = s->rank == 4;
    if (fits) {
        q->bias_width = step = (size_t)s->dim[3];
        for (int i = 2; i >= 0; step *= (size_t)s->dim[i--]) {
            fits = fits && (s->dim[i] == want[i] || (i < 2 && s->dim[i] == 1));
            q->bias_stride[i] = s->dim[i] == 1 ? 0 : step;
        }
    }
    return fits ? WT_OK : wt_fail(err, WT_EFORMAT, "%s: attention_bias has another shape than the scores", p->op_type);
}

static wt_status refuse_rare(const wt_prep *p, wt_err *err)
{
    const char *what = p->n_in > WT_GQA_SINK + 1 && (p->in[WT_GQA_SINK + 1] || p->in[p->n_in - 1])
                           ? "a quantized cache (k_scale, v_scale)"
                       : wt_has_out(p, 3)                               ? "the output of scores"
                       : wt_attr_int(p->attrs, "kv_cache_bit_width", 0) ? "a quantized cache"
                                                                        : NULL;
    return what ? wt_fail(err, WT_EUNSUPPORTED, "%s: %s is not supported", p->op_type, what) : WT_OK;
}

static wt_status plan_memory(wt_prep *p, group_params *q, wt_err *err)
{
    size_t floats = (size_t)q->d.head + q->rows;
    for (size_t i = 0; i < 2; i++) {
        q->keeps[i] = wt_has_out(p, i + 1);
        if (!q->keeps[i] && wt_add_overflows(floats, q->rows * (size_t)q->d.head, &floats))
            return wt_fail(err, WT_ENOMEM, "%s: %zu keys are too many", p->op_type, q->rows);
    }
    return wt_plan_scratch(p, floats, sizeof(float), &q->scratch, err);
}

static wt_status prepare(wt_prep *p, wt_err *err)
{
    group_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    const wt_infer c = { .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_gqa_read(&c, &q->d, err));
    WT_TRY(refuse_rare(p, err));
    if (q->d.total < 0 && !wt_has_out(p, 1))
        return wt_fail(err, WT_EUNSUPPORTED, "%s: total_sequence_length has to be known where no cache goes out",
                       p->op_type);
    const int64_t longest = q->d.total > q->d.past ? q->d.total : q->d.past;
    q->rows = (size_t)(wt_has_out(p, 1) ? p->out[1]->shape.dim[2] : longest);
    q->smooth = wt_attr_int(p->attrs, "smooth_softmax", 0) > 0;
    WT_TRY(read_bias(p, q, err));
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 4.0 * (double)(q->d.batch * q->d.heads * q->d.length * q->d.head) * (double)q->rows;
    return plan_memory(p, q, err);
}

static const float *token(const unit *u, size_t which, size_t heads, size_t h, size_t s)
{
    const wt_gqa_dims *d = &u->q->d;
    const size_t head = (size_t)d->head, at = u->b * (size_t)d->length + s;
    if (!d->packed)
        return wt_in_f32(u->r, which) + (at * heads + h) * head;
    const size_t before = which == WT_GQA_Q ? 0 : (size_t)(d->heads + (which == WT_GQA_V ? d->kv_heads : 0));
    return wt_in_f32(u->r, WT_GQA_Q) + (at * (size_t)(d->heads + 2 * d->kv_heads) + before + h) * head;
}

/* One head of a token at its angle. */
static wt_status turn(const unit *u, const float *x, size_t s, float *y, wt_err *err)
{
    const wt_gqa_dims *d = &u->q->d;
    const size_t half = (size_t)d->half, step = d->interleaved ? 2 : 1, other = d->interleaved ? 1 : half;
    int64_t at = (int64_t)(u->past + s);
    memmove(y, x, (size_t)d->head * sizeof *y);
    if (!half)
        return WT_OK;
    if (wt_run_has(u->r, WT_GQA_POSITIONS))
        at = ((const int64_t *)u->r->in[WT_GQA_POSITIONS]->data)[u->b * (size_t)d->length + s];
    if (at < 0 || at >= d->rows)
        return wt_fail(err, WT_EFORMAT, "position %lld is outside of tables of %lld angles", (long long)at,
                       (long long)d->rows);
    const float *c = wt_in_f32(u->r, WT_GQA_COS) + (size_t)at * half,
                *n = wt_in_f32(u->r, WT_GQA_SIN) + (size_t)at * half;
    for (size_t i = 0; i < half; i++) {
        const float a = x[i * step], b = x[i * step + other];
        y[i * step] = a * c[i] - b * n[i];
        y[i * step + other] = b * c[i] + a * n[i];
    }
    return WT_OK;
}

static wt_status fill_cache(const unit *u, wt_err *err)
{
    const wt_gqa_dims *d = &u->q->d;
    const size_t head = (size_t)d->head, old = (size_t)d->past * head, all = u->q->rows * head;
    float *const to[2] = { u->k, u->v };
    for (size_t i = 0; i < 2; i++) {
        if (old)
            memcpy(to[i], wt_in_f32(u->r, WT_GQA_PAST_K + i) + (u->b * (size_t)d->kv_heads + u->g) * old,
                   old * sizeof **to);
        memset(to[i] + old, 0, (all - old) * sizeof **to);
    }
    for (size_t s = 0; s < (size_t)d->length; s++) {
        const size_t at = (u->past + s) * head;
        WT_TRY(turn(u, token(u, WT_GQA_K, (size_t)d->kv_heads, u->g, s), s, u->k + at, err));
        memcpy(u->v + at, token(u, WT_GQA_V, (size_t)d->kv_heads, u->g, s), head * sizeof *u->v);
    }
    return WT_OK;
}

static void score(const unit *u, size_t h, size_t s, size_t first, size_t n)
{
    const wt_gqa_dims *d = &u->q->d;
    const size_t head = (size_t)d->head;
    const float *bias = NULL;
    if (wt_run_has(u->r, WT_GQA_BIAS))
        bias = wt_in_f32(u->r, WT_GQA_BIAS) + u->b * u->q->bias_stride[0] + h * u->q->bias_stride[1] +
               s * u->q->bias_stride[2];
    for (size_t j = 0; j < n; j++) {
        float x = wt_ref_dot(u->query, u->k + (first + j) * head, head) * d->scale;
        if (d->softcap > 0)
            x = d->softcap * tanhf(x / d->softcap);
        u->scores[j] = x + (bias && first + j < u->q->bias_width ? bias[first + j] : 0);
    }
}

static wt_status answer(const unit *u, size_t h, size_t s, wt_err *err)
{
    const wt_gqa_dims *d = &u->q->d;
    const size_t head = (size_t)d->head, seen = u->past + s + 1, window = (size_t)d->window;
    const size_t first = window && seen > window ? seen - window : 0;
    const float zero = 0, *sink = wt_run_has(u->r, WT_GQA_SINK) ? wt_in_f32(u->r, WT_GQA_SINK) + h
                                  : u->q->smooth                ? &zero
                                                                : NULL;
    float *y = wt_out_f32(u->r, 0) + ((u->b * (size_t)d->length + s) * (size_t)d->heads + h) * head;
    WT_TRY(turn(u, token(u, WT_GQA_Q, (size_t)d->heads, h, s), s, u->query, err));
    score(u, h, s, first, seen - first);
    wt_ref_softmax(u->scores, seen - first, sink);
    memset(y, 0, head * sizeof *y);
    for (size_t j = first; j < seen; j++)
        for (size_t i = 0; i < head; i++)
            y[i] += u->scores[j - first] * u->v[j * head + i];
    return WT_OK;
}

/* How many tokens of sequence b are there already; the whole prompt at once has none. */
static wt_status find_past(unit *u, wt_err *err)
{
    const wt_gqa_dims *d = &u->q->d;
    const int64_t all = (int64_t)((const int32_t *)u->r->in[WT_GQA_SEQLENS]->data)[u->b] + 1;
    int64_t total = 0;
    wt_tensor_int(u->r->in[WT_GQA_TOTAL], 0, &total);
    const int64_t past = total == d->length ? 0 : all - d->length;
    if (past < 0 || past + d->length > (int64_t)u->q->rows || all > (int64_t)u->q->rows)
        return wt_fail(err, WT_EFORMAT, "seqlens_k[%zu] is %lld, with %lld new tokens and caches of %zu", u->b,
                       (long long)(all - 1), (long long)d->length, u->q->rows);
    u->past = (size_t)past;
    return WT_OK;
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const group_params *q = r->params;
    const wt_gqa_dims *d = &q->d;
    const size_t heads = (size_t)d->kv_heads, group = (size_t)(d->heads / d->kv_heads),
                 size = q->rows * (size_t)d->head;
    float *room = (float *)(void *)((char *)r->scratch + (size_t)r->tid * q->scratch);
    size_t begin, end;
    wt_split((size_t)d->batch * heads, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        unit u = { .q = q, .r = r, .b = i / heads, .g = i % heads, .query = room, .scores = room + d->head };
        float *spare = u.scores + q->rows;
        u.k = q->keeps[0] ? wt_out_f32(r, 1) + i * size : spare;
        u.v = q->keeps[1] ? wt_out_f32(r, 2) + i * size : spare + (q->keeps[0] ? 0 : size);
        WT_TRY(find_past(&u, err));
        WT_TRY(fill_cache(&u, err));
        for (size_t h = u.g * group; h < (u.g + 1) * group; h++)
            for (size_t s = 0; s < (size_t)d->length; s++)
                WT_TRY(answer(&u, h, s, err));
    }
    return WT_OK;
}

const wt_kernel wt_group_query_rows[] = {
    WT_HALF_ROW("groupqueryattention_half_ref", WT_OP_GROUPQUERYATTENTION),
    { .name = "groupqueryattention_f32_ref",
      .op = WT_OP_GROUPQUERYATTENTION,
      .accepts = accepts,
      .prepare = prepare,
      .run = run },
    { .name = NULL },
};
