/* nn_attention.c - Attention (opsets 23 to 25): scaled dot products, soft cap, masks, softmax, values; grouped heads;
 * key and value caches.
 *
 * Keys (past and new) are transposed and values copied once per key head, padded to whole blocks of 8, and serve all
 * its query heads; 4 queries at a time go through scores, softmax and the product with the values. Threads split key
 * heads. A query that may see no key has the result 0. */
#include "model/shape/nn_attention_shape.h"
#include "run/kernels/ref/nn_rows.h"
#include <math.h>

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, NONPAD };

typedef struct attention_params {
    size_t batch, q_heads, kv_heads, group, q_len, kv_len, past, total, head, v_head;
    size_t total_pad, v_pad; /* rounded up to blocks of 8 */
    bool flat;               /* data is [batch, length, heads * size] */
    float scale, softcap;
    bool causal, mask_bool;
    int64_t left, right;   /* sliding window; -1: open */
    int mode;              /* which scores output 3 shows */
    size_t mask_stride[3]; /* along batch, head, query; 0: repeated */
    size_t mask_len;
    size_t scratch; /* per thread: keys, values, scores */
} attention_params;

static bool accepts(const wt_prep *p)
{
    for (size_t i = 0; i < p->n_in; i++) {
        const bool ok = !p->in[i]     ? i > V
                        : i == NONPAD ? p->in[i]->dtype == WT_I64
                        : i == MASK   ? p->in[i]->dtype == WT_F32 || p->in[i]->dtype == WT_BOOL
                                      : p->in[i]->dtype == WT_F32;
        if (!ok)
            return false;
    }
    return p->n_in >= 3 && wt_all_plain(p);
}

static void mask_strides(const wt_prep *p, attention_params *q)
{
    if (!wt_has_in(p, MASK))
        return;
    const wt_shape *m = &p->in[MASK]->shape;
    size_t step = 1;
    q->mask_bool = p->in[MASK]->dtype == WT_BOOL;
    q->mask_len = (size_t)m->dim[m->rank - 1];
    for (int i = m->rank - 1, to = 3; i >= 0; i--, to--) {
        if (to < 3)
            q->mask_stride[to] = m->dim[i] == 1 ? 0 : step;
        step *= (size_t)m->dim[i];
    }
}

static wt_status read_attrs(const wt_prep *p, attention_params *q, wt_err *err)
{
    q->scale = wt_attr_float(p->attrs, "scale", 1.0f / sqrtf((float)(q->head ? q->head : 1)));
    q->softcap = wt_attr_float(p->attrs, "softcap", 0);
    q->causal = wt_attr_int(p->attrs, "is_causal", 0) != 0;
    q->left = wt_attr_int(p->attrs, "left_window_size", -1);
    q->right = wt_attr_int(p->attrs, "right_window_size", -1);
    const int64_t mode = wt_attr_int(p->attrs, "qk_matmul_output_mode", 0);
    if (q->left < -1 || q->right < -1)
        return wt_fail(err, WT_EFORMAT, "%s: a window size is below -1", p->op_type);
    if (mode < 0 || mode > 3)
        return wt_fail(err, WT_EFORMAT, "%s: qk_matmul_output_mode is %lld, expected 0 to 3", p->op_type,
                       (long long)mode);
    if (!(q->softcap >= 0))
        return wt_fail(err, WT_EFORMAT, "%s: softcap is %g, expected 0 or more", p->op_type, (double)q->softcap);
    q->mode = (int)mode;
    return WT_OK;
}

static wt_status plan_scratch(wt_prep *p, attention_params *q, wt_err *err)
{
    size_t keys, values, scores;
    q->total_pad = wt_align_up(q->total, WT_REF_COLS);
    q->v_pad = wt_align_up(q->v_head, WT_REF_COLS);
    if (wt_mul_overflows(q->head * sizeof(float), q->total_pad, &keys) ||
        wt_mul_overflows(q->v_pad * sizeof(float), q->total, &values) ||
        wt_mul_overflows(q->total_pad, WT_REF_ROWS * sizeof(float), &scores) || keys > SIZE_MAX / 8 ||
        values > SIZE_MAX / 8 || scores > SIZE_MAX / 8)
        return wt_fail(err, WT_ENOMEM, "%s: %zu keys are too many", p->op_type, q->total);
    return wt_plan_scratch(p, keys + values + scores, 1, &q->scratch, err);
}

static wt_status prepare(wt_prep *p, wt_err *err)
{
    attention_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    const wt_infer c = { .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
    wt_attention_dims d;
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_attention_read(&c, &d, err));
    q->batch = (size_t)d.batch, q->q_heads = (size_t)d.q_heads, q->kv_heads = (size_t)d.kv_heads;
    q->group = q->q_heads / q->kv_heads;
    q->q_len = (size_t)d.q_len, q->kv_len = (size_t)d.kv_len, q->past = (size_t)d.past_len;
    q->total = q->past + q->kv_len;
    q->head = (size_t)d.head, q->v_head = (size_t)d.v_head;
    q->flat = d.rank == 3;
    if (wt_has_in(p, NONPAD) && q->past)
        return wt_fail(err, WT_EFORMAT, "%s: nonpad_kv_seqlen and a past do not go together", p->op_type);
    WT_TRY(read_attrs(p, q, err));
    mask_strides(p, q);
    WT_TRY(plan_scratch(p, q, err));
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)q->batch * (double)q->q_heads * (double)q->q_len * (double)q->total *
               (double)(q->head + q->v_head);
    return WT_OK;
}

typedef struct head_work {
    const attention_params *q;
    const wt_run *r;
    size_t b, kv;
    float *keys;           /* [head][total_pad] */
    float *values;         /* [total][v_pad] */
    float *scores;         /* [4][total_pad] */
    int64_t offset, valid; /* causal: key j is seen by query i when j <= i + offset; keys from valid on are padding */
} head_work;

/* Row `at` of head h of one of the data inputs. */
static const float *data_row(const attention_params *q, const wt_run *r, size_t i, size_t heads, size_t len,
                             size_t size, size_t b, size_t h, size_t at)
{
    return wt_in_f32(r, i) + (q->flat ? ((b * len + at) * heads + h) * size : ((b * heads + h) * len + at) * size);
}

static const float *cached_row(const head_work *w, size_t i, size_t past, size_t size, size_t j)
{
    const attention_params *q = w->q;
    if (j < q->past)
        return wt_in_f32(w->r, past) + ((w->b * q->kv_heads + w->kv) * q->past + j) * size;
    return data_row(q, w->r, i, q->kv_heads, q->kv_len, size, w->b, w->kv, j - q->past);
}

static void load_cache(const head_work *w)
{
    const attention_params *q = w->q;
    const size_t base = (w->b * q->kv_heads + w->kv) * q->total;
    for (size_t d = 0; d < q->head; d++)
        for (size_t j = q->total; j < q->total_pad; j++)
            w->keys[d * q->total_pad + j] = 0;
    for (size_t j = 0; j < q->total; j++) {
        const float *k = cached_row(w, K, PAST_KEY, q->head, j), *v = cached_row(w, V, PAST_VALUE, q->v_head, j);
        for (size_t d = 0; d < q->head; d++)
            w->keys[d * q->total_pad + j] = k[d];
        memcpy(w->values + j * q->v_pad, v, q->v_head * sizeof *v);
        for (size_t d = q->v_head; d < q->v_pad; d++)
            w->values[j * q->v_pad + d] = 0;
        if (w->r->n_out > 1 && w->r->out[1])
            memcpy(wt_out_f32(w->r, 1) + (base + j) * q->head, k, q->head * sizeof *k);
        if (w->r->n_out > 2 && w->r->out[2])
            memcpy(wt_out_f32(w->r, 2) + (base + j) * q->v_head, v, q->v_head * sizeof *v);
    }
}

/* What is added to the score of query i and key j. */
static float bias_of(const head_work *w, size_t h, size_t i, size_t j)
{
    const attention_params *q = w->q;
    const int64_t ahead = (int64_t)j - (int64_t)i - w->offset;
    float bias = 0;
    if (wt_run_has(w->r, MASK)) {
        const size_t at = w->b * q->mask_stride[0] + h * q->mask_stride[1] + i * q->mask_stride[2] + j;
        if (j >= q->mask_len)
            return -INFINITY;
        bias = q->mask_bool ? (((const uint8_t *)w->r->in[MASK]->data)[at] ? 0 : -INFINITY) : wt_in_f32(w->r, MASK)[at];
    }
    if ((q->causal && ahead > 0) || (q->left >= 0 && -ahead > q->left) || (q->right >= 0 && ahead > q->right) ||
        (int64_t)j >= w->valid)
        return -INFINITY;
    return bias;
}

static void show_scores(const head_work *w, size_t h, size_t i, const float *row)
{
    const attention_params *q = w->q;
    if (w->r->n_out > 3 && w->r->out[3])
        memcpy(wt_out_f32(w->r, 3) + ((w->b * q->q_heads + h) * q->q_len + i) * q->total, row, q->total * sizeof *row);
}

/* From raw scores to probabilities, in place. */
static void softmax_row(const head_work *w, size_t h, size_t i, float *s)
{
    const attention_params *q = w->q;
    float most = -INFINITY, highest = -INFINITY, sum = 0;
    if (q->mode == 0)
        show_scores(w, h, i, s);
    for (size_t j = 0; j < q->total && q->softcap > 0; j++)
        s[j] = q->softcap * tanhf(s[j] / q->softcap);
    if (q->mode == 1)
        show_scores(w, h, i, s);
    for (size_t j = 0; j < q->total; j++) {
        const float bias = bias_of(w, h, i, j);
        s[j] += bias;
        most = bias > most ? bias : most;
        highest = s[j] > highest ? s[j] : highest;
    }
    if (q->mode == 2)
        show_scores(w, h, i, s);
    for (size_t j = 0; j < q->total; j++) {
        s[j] = isinf(most) && most < 0 ? 0 : expf(s[j] - highest);
        sum += s[j];
    }
    const float factor = sum != 0 ? 1 / sum : 0;
    for (size_t j = 0; j < q->total; j++)
        s[j] *= factor;
    if (q->mode == 3)
        show_scores(w, h, i, s);
}

static void run_queries(const head_work *w, size_t h, size_t first, int rows)
{
    const attention_params *q = w->q;
    const float *a = data_row(q, w->r, Q, q->q_heads, q->q_len, q->head, w->b, h, first);
    const size_t lda = q->flat ? q->q_heads * q->head : q->head;
    float acc[WT_REF_ROWS][WT_REF_COLS];
    for (size_t j = 0; j < q->total_pad; j += WT_REF_COLS) {
        wt_ref_block(a, lda, rows, w->keys + j, q->total_pad, q->head, acc);
        for (int i = 0; i < rows; i++)
            for (size_t k = 0; k < WT_REF_COLS; k++)
                w->scores[(size_t)i * q->total_pad + j + k] = acc[i][k] * q->scale;
    }
    for (int i = 0; i < rows; i++)
        softmax_row(w, h, first + (size_t)i, w->scores + (size_t)i * q->total_pad);
    for (size_t d = 0; d < q->v_pad; d += WT_REF_COLS) {
        const size_t width = q->v_head - d < WT_REF_COLS ? q->v_head - d : WT_REF_COLS;
        wt_ref_block(w->scores, q->total_pad, rows, w->values + d, q->v_pad, q->total, acc);
        for (int i = 0; i < rows; i++) {
            const size_t at = first + (size_t)i;
            float *y = wt_out_f32(w->r, 0) + (q->flat ? ((w->b * q->q_len + at) * q->q_heads + h) * q->v_head
                                                      : ((w->b * q->q_heads + h) * q->q_len + at) * q->v_head);
            memcpy(y + d, acc[i], width * sizeof *y);
        }
    }
}

static wt_status bind(head_work *w, wt_err *err)
{
    const attention_params *q = w->q;
    w->valid = (int64_t)q->total;
    w->offset = (int64_t)q->past;
    if (!wt_run_has(w->r, NONPAD))
        return WT_OK;
    w->valid = ((const int64_t *)w->r->in[NONPAD]->data)[w->b];
    if (w->valid < 0 || w->valid > (int64_t)q->total)
        return wt_fail(err, WT_EFORMAT, "nonpad_kv_seqlen[%zu] is %lld, expected 0 to %zu", w->b, (long long)w->valid,
                       q->total);
    w->offset = w->valid - (int64_t)q->q_len;
    return WT_OK;
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const attention_params *q = r->params;
    float *room = (float *)(void *)((char *)r->scratch + (size_t)r->tid * q->scratch);
    size_t begin, end;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(q->batch * q->kv_heads, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t u = begin; u < end; u++) {
        head_work w = { .q = q, .r = r, .b = u / q->kv_heads, .kv = u % q->kv_heads, .keys = room };
        w.values = w.keys + q->head * q->total_pad;
        w.scores = w.values + q->total * q->v_pad;
        WT_TRY(bind(&w, err));
        load_cache(&w);
        for (size_t g = 0; g < q->group; g++)
            for (size_t i = 0; i < q->q_len; i += WT_REF_ROWS)
                run_queries(&w, w.kv * q->group + g, i, q->q_len - i < WT_REF_ROWS ? (int)(q->q_len - i) : WT_REF_ROWS);
    }
    return WT_OK;
}

const wt_kernel wt_nn_attention_rows[] = {
    WT_HALF_ROW("attention_half_ref", WT_OP_ATTENTION),
    { .name = "attention_f32_ref", .op = WT_OP_ATTENTION, .accepts = accepts, .prepare = prepare, .run = run },
    { .name = NULL },
};
