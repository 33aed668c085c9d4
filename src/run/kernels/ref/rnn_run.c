/* rnn_run.c - LSTM, GRU, RNN: packing, the walk through time, the rows. See rnn_common.h. */
#include "run/kernels/ref/rnn_cell.h"

/* --- packed weights
 * ------------------------------------------------------------------------------------------------------ */
/* [dirs, gates * hidden, inner] to [dirs][gates][panel][inner][16]. */
static void pack_float(const wt_rnn *q, const float *from, int which, float *to)
{
    const size_t hidden = (size_t)q->d.hidden, inner = q->inner[which], groups = (size_t)(q->d.dirs * q->d.gates);
    for (size_t g = 0; g < groups; g++)
        for (size_t c = 0; c < q->stride; c++) {
            float *column = to + (g * q->stride + c / WT_RNN_PANEL * WT_RNN_PANEL) * inner + c % WT_RNN_PANEL;
            for (size_t k = 0; k < inner; k++)
                column[k * WT_RNN_PANEL] = c < hidden ? from[(g * hidden + c) * inner + k] : 0;
        }
}

typedef struct pack_job {
    const wt_rnn *q;
    const void *from;
    int which;
} pack_job;

static wt_status pack_constant(void *arg, void *packed, wt_err *err)
{
    const pack_job *job = arg;
    (void)err;
    pack_float(job->q, job->from, job->which, packed);
    return WT_OK;
}

static wt_status pack_weights(wt_rnn *q, wt_prep *p, wt_err *err)
{
    for (int i = 0; i < 2; i++) {
        const wt_tensor *t = p->in[1 + i];
        size_t floats;
        if (wt_mul_overflows((size_t)q->d.dirs * q->row, q->inner[i], &floats) ||
            wt_mul_overflows(floats, sizeof(float), &q->packed_bytes[i]))
            return wt_fail(err, WT_ENOMEM, "%s: the weights are too large", p->op_type);
        if (!t->data || !p->packs)
            continue;
        const wt_pack_key key = { .data = t->data,
                                  .kind = "rnn_panels16",
                                  .dims = { q->d.gates, q->d.dirs, q->d.hidden, (int64_t)q->inner[i] } };
        pack_job job = { q, t->data, i };
        WT_TRY(wt_pack_get(p->packs, &key, q->packed_bytes[i], pack_constant, &job, &q->packed[i], err));
    }
    return WT_OK;
}

/* --- the product
 * ------------------------------------------------------------------------------------------------------------ */
static void panel_one(const float *a, const float *b, size_t depth, float *out)
{
    float acc[WT_RNN_PANEL] = { 0 };
    for (size_t k = 0; k < depth; k++)
        for (int j = 0; j < WT_RNN_PANEL; j++)
            acc[j] += a[k] * b[k * WT_RNN_PANEL + (size_t)j];
    memcpy(out, acc, sizeof acc);
}

static void panel_two(const float *a0, const float *a1, const float *b, size_t depth, float *out0, float *out1)
{
    float acc[WT_RNN_ROWS][WT_RNN_PANEL] = { { 0 } };
    for (size_t k = 0; k < depth; k++)
        for (int j = 0; j < WT_RNN_PANEL; j++) {
            acc[0][j] += a0[k] * b[k * WT_RNN_PANEL + (size_t)j];
            acc[1][j] += a1[k] * b[k * WT_RNN_PANEL + (size_t)j];
        }
    memcpy(out0, acc[0], sizeof acc[0]);
    memcpy(out1, acc[1], sizeof acc[1]);
}

static void project_float(const wt_rnn *q, const wt_rnn_work *w, int which, const float *const *rows, size_t n,
                          int gate_begin, int gate_end, float *gates)
{
    const size_t depth = q->inner[which], end = (size_t)gate_end * q->stride;
    for (size_t c = (size_t)gate_begin * q->stride; c < end; c += WT_RNN_PANEL) {
        const float *b = (const float *)w->packed[which] + c * depth;
        size_t i = 0;
        for (; i + 2 <= n; i += 2)
            panel_two(rows[i], rows[i + 1], b, depth, gates + i * q->row + c, gates + (i + 1) * q->row + c);
        if (i < n)
            panel_one(rows[i], b, depth, gates + i * q->row + c);
    }
}

/* --- through time
 * ------------------------------------------------------------------------------------------------------------ */
static size_t length_of(const wt_rnn *q, const wt_run *r, size_t b)
{
    return wt_run_has(r, 4) ? (size_t)((const int32_t *)r->in[4]->data)[b] : (size_t)q->d.seq;
}

/* The input of step s of row b; rows whose sequence has ended read their last valid input, and the result is not used.
 */
static size_t time_of(const wt_rnn *q, const wt_rnn_work *w, size_t s, size_t b)
{
    const size_t length = length_of(q, w->r, b);
    const bool reverse = q->d.reverse || w->dir == 1;
    if (s >= length)
        return s;
    return reverse ? length - 1 - s : s;
}

static float *state_at(const wt_rnn *q, const wt_run *r, size_t output, size_t dir, size_t b)
{
    const size_t dirs = (size_t)q->d.dirs, batch = (size_t)q->d.batch;
    return wt_out_f32(r, output) + (q->d.batch_first ? b * dirs + dir : dir * batch + b) * (size_t)q->d.hidden;
}

static void load_state(const wt_rnn *q, const wt_rnn_work *w, size_t input, float *state)
{
    const size_t dirs = (size_t)q->d.dirs, batch = (size_t)q->d.batch, n = (size_t)q->d.hidden;
    for (size_t b = w->row_begin; b < w->row_end; b++) {
        float *to = state + (b - w->row_begin) * n;
        if (wt_run_has(w->r, input))
            memcpy(to, wt_in_f32(w->r, input) + (q->d.batch_first ? b * dirs + w->dir : w->dir * batch + b) * n,
                   n * sizeof *to);
        else
            memset(to, 0, n * sizeof *to);
    }
}

static void store_step(const wt_rnn *q, const wt_rnn_work *w, size_t t, size_t b, const float *h)
{
    const size_t dirs = (size_t)q->d.dirs, batch = (size_t)q->d.batch, seq = (size_t)q->d.seq, n = (size_t)q->d.hidden;
    if (w->r->n_out < 1 || !w->r->out[0])
        return;
    float *y = wt_out_f32(w->r, 0) +
               (q->d.batch_first ? (b * seq + t) * dirs + w->dir : (t * dirs + w->dir) * batch + b) * n;
    if (h)
        memcpy(y, h, n * sizeof *y);
    else
        memset(y, 0, n * sizeof *y);
}

/* Products of a few rows at a time: pointers to them live on the stack. */
static void project_rows(const wt_rnn *q, const wt_rnn_work *w, int which, const float *state, size_t n, int begin,
                         int end, float *gates)
{
    enum { GROUP = 32 };
    const size_t step = q->rows_together ? n : GROUP;
    const float *rows[GROUP];
    if (q->rows_together) { /* the quantized projection walks neighbours itself */
        rows[0] = state;
        q->project(q, w, which, rows, n, begin, end, gates);
        return;
    }
    for (size_t i = 0; i < n; i += step) {
        const size_t count = n - i < step ? n - i : step;
        for (size_t k = 0; k < count; k++)
            rows[k] = state + (i + k) * q->inner[which];
        q->project(q, w, which, rows, count, begin, end, gates + i * q->row);
    }
}

/* Input products of steps [s, s + count). */
static void project_inputs(const wt_rnn *q, const wt_rnn_work *w, size_t s, size_t count)
{
    enum { GROUP = 32 };
    const float *rows[GROUP];
    const size_t batch = w->row_end - w->row_begin, total = count * batch;
    for (size_t i = 0; i < total; i += GROUP) {
        const size_t n = total - i < GROUP ? total - i : GROUP;
        for (size_t k = 0; k < n; k++) {
            const size_t b = w->row_begin + (i + k) % batch;
            rows[k] = wt_rnn_x(q, w->r, time_of(q, w, s + (i + k) / batch, b), b);
        }
        q->project(q, w, 0, rows, n, 0, q->d.gates, w->x_gates + i * q->row);
    }
}

static void step(const wt_rnn *q, const wt_rnn_work *w, size_t s, float *x_gates)
{
    const size_t rows = w->row_end - w->row_begin, n = (size_t)q->d.hidden;
    const bool gru = q->d.gates == 3, late = gru && !q->linear_before_reset;
    project_rows(q, w, 1, w->h, rows, 0, late ? 2 : q->d.gates, w->h_gates);
    for (size_t i = 0; i < rows && gru; i++)
        wt_rnn_gru_first(q, w, x_gates + i * q->row, w->h_gates + i * q->row, w->h + i * n, w->tmp + i * n);
    if (late)
        project_rows(q, w, 1, w->tmp, rows, 2, 3, w->h_gates);
    for (size_t i = 0; i < rows; i++) {
        const size_t b = w->row_begin + i;
        float *x = x_gates + i * q->row, *h = w->h + i * n;
        if (s >= length_of(q, w->r, b))
            continue;
        if (gru)
            wt_rnn_gru_second(q, w, x, w->h_gates + i * q->row, h);
        else if (q->d.gates == 4)
            wt_rnn_lstm_cell(q, w, x, w->h_gates + i * q->row, h, w->c + i * n);
        else
            wt_rnn_plain_cell(q, w, x, w->h_gates + i * q->row, h);
        store_step(q, w, time_of(q, w, s, b), b, h);
    }
}

static void run_direction(const wt_rnn *q, wt_rnn_work *w)
{
    const size_t n = (size_t)q->d.hidden, rows = w->row_end - w->row_begin;
    size_t longest = 0;
    for (size_t b = w->row_begin; b < w->row_end; b++) {
        const size_t length = length_of(q, w->r, b);
        longest = length > longest ? length : longest;
        for (size_t t = length; t < (size_t)q->d.seq; t++)
            store_step(q, w, t, b, NULL);
    }
    load_state(q, w, 5, w->h);
    if (q->d.gates == 4)
        load_state(q, w, 6, w->c);
    if (q->quant)
        wt_rnn_quant_begin(q, w);
    for (size_t s = 0; s < longest; s += q->chunk) {
        const size_t count = longest - s < q->chunk ? longest - s : q->chunk;
        project_inputs(q, w, s, count);
        for (size_t k = 0; k < count; k++)
            step(q, w, s + k, w->x_gates + k * rows * q->row);
    }
    for (size_t i = 0; i < rows; i++) {
        if (w->r->n_out > 1 && w->r->out[1])
            memcpy(state_at(q, w->r, 1, w->dir, w->row_begin + i), w->h + i * n, n * sizeof(float));
        if (w->r->n_out > 2 && w->r->out[2])
            memcpy(state_at(q, w->r, 2, w->dir, w->row_begin + i), w->c + i * n, n * sizeof(float));
    }
}

static void bind(const wt_rnn *q, wt_rnn_work *w)
{
    const wt_run *r = w->r;
    const size_t batch = (size_t)q->d.batch, n = (size_t)q->d.hidden, gates = (size_t)q->d.gates;
    const size_t state = wt_align_up(batch * n * sizeof(float), 64);
    char *at = (char *)r->scratch + q->work_at + (size_t)r->tid * q->work_bytes;
    for (int i = 0; i < 2; i++) {
        const char *all = q->packed[i] ? q->packed[i] : (const char *)r->scratch + q->packed_at[i];
        w->packed[i] = all + w->dir * (q->packed_bytes[i] / (size_t)q->d.dirs);
    }
    w->bias = wt_run_has(r, 3) ? wt_in_f32(r, 3) + w->dir * 2 * gates * n : NULL;
    w->x_gates = (float *)(void *)at;
    at += wt_align_up(q->chunk * batch * q->row * sizeof(float), 64);
    w->h_gates = (float *)(void *)at;
    at += wt_align_up(batch * q->row * sizeof(float), 64);
    w->h = (float *)(void *)at;
    w->c = (float *)(void *)(at + state);
    w->tmp = (float *)(void *)(at + 2 * state);
    w->extra = at + 3 * state;
}

static wt_status check_lengths(const wt_rnn *q, const wt_run *r, wt_err *err)
{
    for (int64_t b = 0; wt_run_has(r, 4) && b < q->d.batch; b++) {
        const int32_t length = ((const int32_t *)r->in[4]->data)[b];
        if (length < 0 || length > q->d.seq)
            return wt_fail(err, WT_EFORMAT, "sequence_lens[%lld] is %d, expected 0 to %lld", (long long)b, (int)length,
                           (long long)q->d.seq);
    }
    return WT_OK;
}

wt_status wt_rnn_run(const wt_run *r, wt_err *err)
{
    const wt_rnn *q = r->params;
    const size_t batch = (size_t)q->d.batch, dirs = (size_t)q->d.dirs;
    size_t begin, end;
    if (wt_run_is_empty(r))
        return WT_OK;
    WT_TRY(check_lengths(q, r, err));
    for (int i = 0; i < 2; i++) { /* only on one thread */
        void *own = (char *)r->scratch + q->packed_at[i];
        if (!q->packed[i] && q->quant)
            wt_rnn_quant_pack(q, r, i, own);
        else if (!q->packed[i])
            pack_float(q, wt_in_f32(r, 1 + (size_t)i), i, own);
    }
    wt_split(dirs * batch, q->rows_together && batch ? batch : 1, r->tid, r->nthreads, &begin, &end);
    for (size_t dir = 0; dir < dirs; dir++) {
        const size_t low = dir * batch, high = low + batch;
        wt_rnn_work w = { .r = r, .dir = dir };
        if (end <= low || begin >= high)
            continue;
        w.row_begin = begin > low ? begin - low : 0;
        w.row_end = end < high ? end - low : batch;
        bind(q, &w);
        run_direction(q, &w);
    }
    return WT_OK;
}

/* --- rows
 * ----------------------------------------------------------------------------------------------------------------------
 */
bool wt_rnn_accepts_float(const wt_prep *p)
{
    for (size_t i = 0; i < p->n_in; i++)
        if (i < 3 ? !wt_in_is(p, i, WT_F32) : p->in[i] && p->in[i]->dtype != (i == 4 ? WT_I32 : WT_F32))
            return false;
    return wt_all_plain(p) && p->n_in >= 3;
}

static bool accepts_quant(const wt_prep *p)
{
    for (size_t i = 3; i < p->n_in && i < 8; i++) /* bias, lengths, states, peepholes */
        if (p->in[i] && p->in[i]->dtype != (i == 4 ? WT_I32 : WT_F32))
            return false;
    const bool byte = p->n_in == 12 && p->in[1] && p->in[2] && (p->in[1]->dtype == WT_U8 || p->in[1]->dtype == WT_I8) &&
                      (p->in[2]->dtype == WT_U8 || p->in[2]->dtype == WT_I8);
    return byte && wt_in_is(p, 0, WT_F32) && wt_in_is(p, 8, WT_F32) && wt_in_is(p, 10, WT_F32) &&
           wt_in_is(p, 9, p->in[1]->dtype) && wt_in_is(p, 11, p->in[2]->dtype) && wt_all_plain(p);
}

wt_status wt_rnn_prepare_float(wt_prep *p, wt_rnn_project_fn *project, wt_err *err)
{
    wt_rnn *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_rnn_init(q, p, err));
    WT_TRY(pack_weights(q, p, err));
    q->project = project;
    p->params = q;
    return wt_rnn_plan_scratch(q, p, 0, err);
}

static wt_status prepare_float(wt_prep *p, wt_err *err) { return wt_rnn_prepare_float(p, project_float, err); }

static wt_status prepare_quant(wt_prep *p, wt_err *err)
{
    wt_rnn *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    size_t extra;
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_rnn_init(q, p, err));
    q->rows_together = true;
    WT_TRY(wt_rnn_quant_prepare(q, p, &extra, err));
    p->params = q;
    return wt_rnn_plan_scratch(q, p, extra, err);
}

#define RNN_ROW(row_name, code)                                                                                        \
    {                                                                                                                  \
        .name = row_name, .op = code, .accepts = wt_rnn_accepts_float, .prepare = prepare_float, .run = wt_rnn_run,    \
        .packs = 6                                                                                                     \
    }
const wt_kernel wt_rnn_rows[] = {
    WT_HALF_ROW("lstm_half_ref", WT_OP_LSTM),
    RNN_ROW("lstm_f32_ref", WT_OP_LSTM),
    WT_HALF_ROW("gru_half_ref", WT_OP_GRU),
    RNN_ROW("gru_f32_ref", WT_OP_GRU),
    WT_HALF_ROW("rnn_half_ref", WT_OP_RNN),
    RNN_ROW("rnn_f32_ref", WT_OP_RNN),
    { .name = "dynamicquantizelstm_f32_i8_ref",
      .op = WT_OP_DYNAMICQUANTIZELSTM,
      .accepts = accepts_quant,
      .prepare = prepare_quant,
      .run = wt_rnn_run,
      .packs = 6 },
    { .name = NULL },
};
