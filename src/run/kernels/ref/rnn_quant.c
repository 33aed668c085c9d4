/* rnn_quant.c - DynamicQuantizeLSTM (com.microsoft): 8-bit weights, activations quantized to uint8 as they come.
 *
 * Inputs 8..11 are W_scale, W_zero_point, R_scale, R_zero_point, [dirs] or [dirs, 4 * hidden]; W is [dirs, input, 4 *
 * hidden] and R [dirs, hidden, 4 * hidden]. The whole input has one range (all steps and batch rows of the run), the
 * state one range per step over all batch rows: so batch rows of a direction stay on one thread. The real numbers are
 * (sum of (xq - xz) * (wq - wz)) * (x_scale * w_scale); sums are exact. */
#include "run/kernels/ref/quant_ref.h"
#include "run/kernels/ref/rnn_common.h"

enum { GROUP = 32 }; /* rows of one input product: rnn_run.c */

static size_t columns_of(const wt_rnn *q) { return (size_t)(q->d.gates * q->d.hidden); }

/* [dirs, inner, columns] bytes to [dirs][columns][inner] of weight minus zero point. */
static void pack(const wt_rnn *q, const wt_tensor *weights, const wt_tensor *zero, size_t inner, int16_t *to)
{
    const size_t columns = columns_of(q), dirs = (size_t)q->d.dirs;
    const bool is_signed = weights->dtype == WT_I8, per_column = zero->shape.rank == 2;
    for (size_t d = 0; d < dirs; d++)
        for (size_t c = 0; c < columns; c++) {
            const int32_t z = wt_byte_at(zero->data, is_signed, per_column ? d * columns + c : d);
            int16_t *row = to + (d * columns + c) * inner;
            for (size_t k = 0; k < inner; k++)
                row[k] = (int16_t)(wt_byte_at(weights->data, is_signed, (d * inner + k) * columns + c) - z);
        }
}

void wt_rnn_quant_pack(const wt_rnn *q, const wt_run *r, int which, void *packed)
{
    pack(q, r->in[1 + which], r->in[9 + 2 * which], q->inner[which], packed);
}

typedef struct pack_job {
    const wt_rnn *q;
    const wt_tensor *weights, *zero;
    size_t inner;
} pack_job;

static wt_status pack_constant(void *arg, void *packed, wt_err *err)
{
    const pack_job *job = arg;
    (void)err;
    pack(job->q, job->weights, job->zero, job->inner, packed);
    return WT_OK;
}

/* One multiplication per weight column: [dirs] or [dirs, columns]. */
static wt_status check_parameters(const wt_rnn *q, const wt_prep *p, wt_err *err)
{
    for (size_t i = 8; i < 12; i++) {
        const wt_shape *s = &p->in[i]->shape;
        const bool ok = (s->rank == 1 || (s->rank == 2 && s->dim[1] == (int64_t)columns_of(q))) &&
                        s->dim[0] == q->d.dirs;
        if (!ok)
            return wt_fail(err, WT_EFORMAT, "%s: input %zu must have %lld values, or %lldx%zu", p->op_type, i,
                           (long long)q->d.dirs, (long long)q->d.dirs, columns_of(q));
    }
    return WT_OK;
}

static void project(const wt_rnn *q, const wt_rnn_work *w, int which, const float *const *rows, size_t n,
                    int gate_begin, int gate_end, float *gates);

wt_status wt_rnn_quant_prepare(wt_rnn *q, wt_prep *p, size_t *extra, wt_err *err)
{
    const size_t batch = (size_t)q->d.batch, rows = batch > GROUP ? batch : GROUP;
    const size_t inner = q->inner[0] > q->inner[1] ? q->inner[0] : q->inner[1];
    WT_TRY(check_parameters(q, p, err));
    if (wt_mul_overflows(rows * sizeof(int16_t), inner, extra))
        return wt_fail(err, WT_ENOMEM, "%s: too many rows", p->op_type);
    for (int i = 0; i < 2; i++) {
        pack_job job = { q, p->in[1 + i], p->in[9 + 2 * i], q->inner[i] };
        q->packed_bytes[i] = (size_t)q->d.dirs * columns_of(q) * q->inner[i] * sizeof(int16_t);
        if (!job.weights->data || !job.zero->data || !p->packs)
            continue;
        const wt_pack_key key = { .data = job.weights->data,
                                  .data2 = job.zero->data,
                                  .kind = "rnn_columns_i16",
                                  .dims = { q->d.dirs, q->d.hidden, (int64_t)q->inner[i], job.weights->dtype,
                                            job.zero->shape.rank } };
        WT_TRY(wt_pack_get(p->packs, &key, q->packed_bytes[i], pack_constant, &job, &q->packed[i], err));
    }
    q->project = project;
    q->quant = q;
    return WT_OK;
}

static void range_of(const float *x, size_t n, float *low, float *high)
{
    for (size_t i = 0; i < n; i++) {
        *low = x[i] < *low ? x[i] : *low;
        *high = x[i] > *high ? x[i] : *high;
    }
}

void wt_rnn_quant_begin(const wt_rnn *q, wt_rnn_work *w)
{
    float low = 0, high = 0;
    size_t longest = 0;
    for (size_t b = 0; b < (size_t)q->d.batch; b++) {
        const size_t length = wt_run_has(w->r, 4) ? (size_t)((const int32_t *)w->r->in[4]->data)[b] : (size_t)q->d.seq;
        longest = length > longest ? length : longest;
    }
    for (size_t b = 0; b < (size_t)q->d.batch; b++)
        for (size_t t = 0; t < longest; t++)
            range_of(wt_rnn_x(q, w->r, t, b), q->inner[0], &low, &high);
    wt_dynamic_scale(low, high, &w->x_scale, &w->x_zero);
}

static void project(const wt_rnn *q, const wt_rnn_work *w, int which, const float *const *rows, size_t n,
                    int gate_begin, int gate_end, float *gates)
{
    const size_t inner = q->inner[which], hidden = (size_t)q->d.hidden, columns = columns_of(q);
    const wt_tensor *scales = w->r->in[8 + 2 * which];
    const float *w_scale = (const float *)scales->data + w->dir * (scales->shape.rank == 2 ? columns : 1);
    int16_t *codes = w->extra;
    float scale = w->x_scale;
    int32_t zero = w->x_zero;
    if (which == 1) {
        float low = 0, high = 0;
        range_of(rows[0], n * inner, &low, &high);
        wt_dynamic_scale(low, high, &scale, &zero);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < inner; k++) {
            const float v = which == 1 ? rows[0][i * inner + k] : rows[i][k];
            codes[i * inner + k] = (int16_t)(wt_quantize_u8(v, scale, zero) - zero);
        }
    for (size_t g = (size_t)gate_begin; g < (size_t)gate_end; g++)
        for (size_t c = 0; c < hidden; c++) {
            const size_t column = g * hidden + c;
            const int16_t *weights = (const int16_t *)w->packed[which] + column * inner;
            const float factor = scale * w_scale[scales->shape.rank == 2 ? column : 0];
            for (size_t i = 0; i < n; i++)
                gates[i * q->row + g * q->stride + c] = (float)wt_dot_i16(codes + i * inner, weights, inner) * factor;
        }
}
