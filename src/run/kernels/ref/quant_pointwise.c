/* quant_pointwise.c - the engine's QuantBinary and QuantUnary: element by element over codes, through tables of 256. */
#include "run/kernels/ref/quant_ref.h"
#include "run/kernels/ref/walk.h"

typedef enum binary_op { OP_ADD, OP_MUL, OP_SUB } binary_op;
typedef struct binary_params {
    binary_op op;
    float a[256], b[256]; /* real numbers, by raw byte */
    wt_requant out;
    wt_walk walk;
    wt_c16_pad pad;
    size_t copy[2]; /* bytes of a per-channel operand's padded copy */
} binary_params;

static bool binary_accepts(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !wt_has_in(p, 1) || !wt_has_out(p, 0))
        return false;
    return wt_is_byte(p->in[0]->dtype) && wt_is_byte(p->in[1]->dtype) &&
           (wt_is_byte(p->out[0]->dtype) || p->out[0]->dtype == WT_F32) && wt_walk_accepts(p->in, 2, p->out[0]);
}

static wt_status real_table(const wt_prep *p, const char *prefix, wt_dtype type, float table[256], wt_err *err)
{
    float scale;
    int32_t zero;
    WT_TRY(wt_quant_attrs(p, prefix, type, &scale, &zero, err));
    for (int i = 0; i < 256; i++)
        table[i] = (float)((type == WT_I8 ? (int8_t)i : i) - zero) * scale;
    return WT_OK;
}

static wt_status binary_prepare(wt_prep *p, wt_err *err)
{
    static const char *const names[] = { "Add", "Mul", "Sub" };
    binary_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    size_t op = 0;
    if (!q)
        return WT_ENOMEM;
    while (op < WT_ARRAY_LEN(names) && !wt_attr_is(p->attrs, "op", names[op]))
        op++;
    if (op == WT_ARRAY_LEN(names))
        return wt_fail(err, WT_EFORMAT, "%s: attribute op is none of Add, Mul, Sub", p->op_type);
    q->op = (binary_op)op;
    WT_TRY(real_table(p, "a", p->in[0]->dtype, q->a, err));
    WT_TRY(real_table(p, "b", p->in[1]->dtype, q->b, err));
    WT_TRY(wt_requant_attrs(p, &q->out, err));
    wt_walk_init(&q->walk, p->in, 2, p->out[0]);
    q->pad = wt_c16_pad_of(p->out[0]);
    for (size_t i = 0; i < 2; i++) {
        q->copy[i] = wt_channel_bytes(p->in[i], p->out[0]);
        p->scratch_bytes += q->copy[i];
    }
    p->max_threads = p->scratch_bytes ? 1 : p->threads;
    p->params = q;
    p->flops = 2.0 * (double)wt_count(p->out[0]);
    return WT_OK;
}

typedef struct binary_job {
    const binary_params *q;
    const uint8_t *a, *b;
    void *y;
} binary_job;

static void binary_part(void *arg, const size_t *at, size_t out_at, size_t n)
{
    const binary_job *job = arg;
    const binary_params *q = job->q;
    const size_t a_step = wt_walk_step(&q->walk, 0), b_step = wt_walk_step(&q->walk, 1);
    const uint8_t *a = job->a + at[0], *b = job->b + at[1];
    for (size_t i = 0; i < n; i++) {
        const float x = q->a[a[i * a_step]], z = q->b[b[i * b_step]];
        float real = q->op == OP_ADD ? x + z : q->op == OP_SUB ? x - z : x * z;
        wt_ref_act(q->out.act, &real, 1);
        wt_requant_store(&q->out, real, job->y, out_at + i);
    }
}

static wt_status binary_run(const wt_run *r, wt_err *err)
{
    const binary_params *q = r->params;
    char *room = r->scratch;
    const uint8_t *in[2];
    size_t begin, end;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    for (size_t i = 0; i < 2; i++) {
        in[i] = q->copy[i] ? wt_channel_copy(r->in[i], q->copy[i], room) : r->in[i]->data;
        room += q->copy[i];
    }
    binary_job job = { q, in[0], in[1], wt_tensor_mut(r->out[0]) };
    wt_split(q->walk.total, 64, r->tid, r->nthreads, &begin, &end);
    if (begin < end)
        wt_walk_run(&q->walk, begin, end, binary_part, &job);
    wt_c16_pad_zero(&q->pad, job.y, q->out.y == WT_F32 ? sizeof(float) : 1, begin, end);
    return WT_OK;
}

/* --- QuantUnary
 * ------------------------------------------------------------------------------------------------------------------------
 */
static bool unary_accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_has_out(p, 0) && wt_is_byte(p->in[0]->dtype) && wt_is_byte(p->out[0]->dtype) &&
           p->in[0]->layout == p->out[0]->layout;
}

wt_status wt_quant_table(const wt_prep *p, const uint8_t **out, wt_err *err)
{
    const wt_attr *a = wt_attr_find(p->attrs, "table");
    uint8_t *table = wt_arena_alloc(p->arena, 256, 1, err);
    if (!table)
        return WT_ENOMEM;
    const wt_tensor *t = a && a->type == WT_ATTR_TENSOR ? a->v.tensor : NULL;
    if (!t || !t->data || t->dtype != p->out[0]->dtype || t->bytes < 256 || wt_count(t) != 256)
        return wt_fail(err, WT_EFORMAT, "%s: attribute table must hold 256 values of the output's type", p->op_type);
    memcpy(table, t->data, 256);
    *out = table;
    return WT_OK;
}

wt_status wt_quant_table_prepare(wt_prep *p, wt_err *err)
{
    const uint8_t *table = NULL;
    WT_TRY(wt_quant_table(p, &table, err));
    p->params = table;
    p->max_threads = p->threads;
    return WT_OK;
}

static wt_status unary_run(const wt_run *r, wt_err *err)
{
    const uint8_t *table = r->params, *x = r->in[0]->data;
    uint8_t *y = wt_tensor_mut(r->out[0]);
    size_t begin, end;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    wt_split(wt_physical_count(r->in[0]), 64, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++)
        y[i] = table[x[i]];
    return WT_OK;
}

const wt_kernel wt_quant_pointwise_rows[] = {
    { .name = "quantbinary_i8_ref",
      .op = WT_OP_QUANTBINARY,
      .accepts = binary_accepts,
      .prepare = binary_prepare,
      .run = binary_run },
    { .name = "quantunary_i8_ref",
      .op = WT_OP_QUANTUNARY,
      .accepts = unary_accepts,
      .prepare = wt_quant_table_prepare,
      .run = unary_run,
      .in_place = true },
    { .name = NULL },
};
