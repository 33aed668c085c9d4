/* qpoint.c - rows of QuantUnary, QuantBinary, QuantizeLinear and DequantizeLinear (one scale). See qpoint.h. */
#include "run/kernels/x86/qpoint.h"
#include "run/kernels/ref/quant_ref.h"
#include "run/kernels/x86/rows.h"

static bool is_byte(wt_dtype t) { return t == WT_U8 || t == WT_I8; }

/* Elements as they lie in memory, the padding of the last block of channels included. */
static size_t physical(const wt_tensor *t)
{
    size_t bytes = 0;
    wt_tensor_size(t, &bytes);
    return bytes / wt_dtype_get(t->dtype)->block_bytes;
}

/* --- tables ----------------------------------------------------------------------------------------------------------
 */
static bool table_accepts(const wt_prep *p)
{
    return p->n_in == 1 && p->in[0] && p->out[0] && is_byte(p->in[0]->dtype) && is_byte(p->out[0]->dtype) &&
           p->in[0]->layout == p->out[0]->layout;
}

static wt_status table_prepare(wt_prep *p, wt_err *err)
{
    WT_TRY(wt_quant_table_prepare(p, err));
    wt_x86_threads_bytes(p, (double)physical(p->in[0]));
    return WT_OK;
}

static void table_part(const wt_run *r, wt_qpoint_table_fn *fn)
{
    size_t begin, end;
    wt_split(physical(r->in[0]), 64, r->tid, r->nthreads, &begin, &end);
    fn(r->params, (const uint8_t *)r->in[0]->data + begin, (uint8_t *)wt_tensor_mut(r->out[0]) + begin, end - begin);
}

static wt_status table_avx2(const wt_run *r, wt_err *err)
{
    (void)err;
    table_part(r, wt_qpoint_table_avx2);
    return WT_OK;
}

static wt_status table_avx512vbmi(const wt_run *r, wt_err *err)
{
    (void)err;
    table_part(r, wt_qpoint_table_avx512vbmi);
    return WT_OK;
}

/* --- sums and products
 * ------------------------------------------------------------------------------------------------- */
typedef struct binary_params {
    wt_qpoint q;
    int per_channel; /* -1: same shape; else which operand is one pixel */
    size_t blocks, pixels;
} binary_params;

/* One value a channel, in blocks, beside an image in blocks. */
static bool one_pixel(const wt_tensor *small, const wt_tensor *large)
{
    const wt_shape *s = &small->shape, *l = &large->shape;
    if (small->layout != WT_C16 || large->layout != WT_C16 || s->rank != l->rank || s->rank < 3 ||
        s->dim[0] != l->dim[0] || s->dim[1] != l->dim[1])
        return false;
    for (int d = 2; d < s->rank; d++)
        if (s->dim[d] != 1)
            return false;
    return true;
}

static int shape_kind(const wt_prep *p)
{
    const wt_tensor *a = p->in[0], *b = p->in[1], *y = p->out[0];
    if (a->layout == y->layout && b->layout == y->layout && wt_shape_equal(&a->shape, &b->shape) &&
        wt_shape_equal(&a->shape, &y->shape))
        return -1;
    if (one_pixel(b, y) && a->layout == WT_C16 && wt_shape_equal(&a->shape, &y->shape))
        return 1;
    if (one_pixel(a, y) && b->layout == WT_C16 && wt_shape_equal(&b->shape, &y->shape))
        return 0;
    return 2;
}

static bool binary_accepts(const wt_prep *p)
{
    return p->n_in == 2 && p->in[0] && p->in[1] && p->out[0] && is_byte(p->in[0]->dtype) && is_byte(p->in[1]->dtype) &&
           is_byte(p->out[0]->dtype) && wt_attr_int(p->attrs, "act", 0) == WT_ACT_NONE && shape_kind(p) < 2;
}

static wt_status scale_and_zero(const wt_prep *p, const char *prefix, const wt_tensor *t, float *scale, float *zero,
                                wt_err *err)
{
    int32_t z;
    WT_TRY(wt_quant_attrs(p, prefix, t->dtype, scale, &z, err));
    *zero = (float)z;
    return WT_OK;
}

static wt_status binary_prepare(wt_prep *p, wt_err *err)
{
    binary_params *b = wt_arena_alloc(p->arena, 1, sizeof *b, err);
    if (!b)
        return WT_ENOMEM;
    wt_qpoint *q = &b->q;
    if (wt_attr_is(p->attrs, "op", "Add"))
        q->op = WT_QPOINT_ADD;
    else if (wt_attr_is(p->attrs, "op", "Mul"))
        q->op = WT_QPOINT_MUL;
    else if (wt_attr_is(p->attrs, "op", "Sub"))
        q->op = WT_QPOINT_SUB;
    else
        return wt_fail(err, WT_EFORMAT, "%s: attribute op is none of Add, Mul, Sub", p->op_type);
    WT_TRY(scale_and_zero(p, "a", p->in[0], &q->a_scale, &q->a_zero, err));
    WT_TRY(scale_and_zero(p, "b", p->in[1], &q->b_scale, &q->b_zero, err));
    WT_TRY(scale_and_zero(p, "y", p->out[0], &q->y_scale, &q->y_zero, err));
    q->a_signed = p->in[0]->dtype == WT_I8;
    q->b_signed = p->in[1]->dtype == WT_I8;
    q->lo = p->out[0]->dtype == WT_I8 ? -128 : 0;
    q->hi = q->lo + 255;
    const wt_shape *s = &p->out[0]->shape;
    b->per_channel = shape_kind(p);
    if (b->per_channel >= 0) {
        b->blocks = (size_t)(s->dim[0] * ((s->dim[1] + 15) / 16));
        b->pixels = (size_t)wt_shape_product(s, 2, s->rank);
    }
    p->params = b;
    p->flops = 2.0 * (double)physical(p->out[0]);
    wt_x86_threads_codes(p, p->flops, (double)physical(p->out[0]));
    return WT_OK;
}

static void binary_part(const wt_run *r, const wt_qpoint_set *set)
{
    const binary_params *b = r->params;
    const uint8_t *x = r->in[0]->data, *z = r->in[1]->data;
    uint8_t *y = wt_tensor_mut(r->out[0]);
    size_t begin, end;
    if (b->per_channel < 0) {
        wt_split(physical(r->out[0]), 64, r->tid, r->nthreads, &begin, &end);
        set->same(&b->q, x + begin, z + begin, y + begin, end - begin);
        return;
    }
    const size_t block = 16 * b->pixels;
    wt_split(b->blocks, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++)
        set->channel(&b->q, x + i * (b->per_channel == 0 ? 16 : block), z + i * (b->per_channel == 1 ? 16 : block),
                     b->per_channel, y + i * block, b->pixels);
}

static wt_status binary_avx2(const wt_run *r, wt_err *err)
{
    (void)err;
    binary_part(r, &wt_qpoint_avx2);
    return WT_OK;
}

static wt_status binary_avx512(const wt_run *r, wt_err *err)
{
    (void)err;
    binary_part(r, &wt_qpoint_avx512);
    return WT_OK;
}

/* --- borders: floats to codes and back, one scale
 * ------------------------------------------------------------------------ */
typedef struct border_params {
    float scale, zero;
    bool is_signed;
} border_params;

static bool one_element(const wt_tensor *t)
{
    int64_t n;
    return t->data && wt_shape_count(&t->shape, &n) && n == 1;
}

static bool border_accepts(const wt_prep *p, wt_dtype real, wt_dtype code)
{
    return p->n_in >= 2 && p->in[0] && p->in[1] && p->out[0] && real == WT_F32 && is_byte(code) &&
           p->in[0]->layout == p->out[0]->layout && p->in[1]->dtype == WT_F32 && one_element(p->in[1]) &&
           (p->n_in < 3 || !p->in[2] || (p->in[2]->dtype == code && one_element(p->in[2]))) &&
           !wt_attr_find(p->attrs, "block_size");
}

static bool quantize_accepts(const wt_prep *p)
{
    return p->n_in && p->in[0] && p->out[0] && border_accepts(p, p->in[0]->dtype, p->out[0]->dtype);
}

/* Padding lanes of floats are zeros, of codes anything: whole blocks only. */
static bool dequantize_accepts(const wt_prep *p)
{
    return p->n_in && p->in[0] && p->out[0] && (p->in[0]->layout == WT_PLAIN || p->in[0]->shape.dim[1] % 16 == 0) &&
           border_accepts(p, p->out[0]->dtype, p->in[0]->dtype);
}

static wt_status border_prepare(wt_prep *p, wt_err *err)
{
    border_params *b = wt_arena_alloc(p->arena, 1, sizeof *b, err);
    int64_t zero = 0;
    if (!b)
        return WT_ENOMEM;
    memcpy(&b->scale, p->in[1]->data, sizeof b->scale);
    if (p->n_in > 2 && p->in[2])
        wt_tensor_int(p->in[2], 0, &zero);
    b->zero = (float)zero;
    b->is_signed = p->in[0]->dtype == WT_I8 || p->out[0]->dtype == WT_I8;
    p->params = b;
    wt_x86_threads_bytes(p, 5.0 * (double)physical(p->in[0]));
    return WT_OK;
}

static void quantize_part(const wt_run *r, const wt_qpoint_set *set)
{
    const border_params *b = r->params;
    const float lo = b->is_signed ? -128 : 0;
    size_t begin, end;
    wt_split(physical(r->in[0]), 64, r->tid, r->nthreads, &begin, &end);
    set->codes((const float *)r->in[0]->data + begin, (uint8_t *)wt_tensor_mut(r->out[0]) + begin, end - begin,
               b->scale, b->zero, lo, lo + 255);
}

static void dequantize_part(const wt_run *r, const wt_qpoint_set *set)
{
    const border_params *b = r->params;
    size_t begin, end;
    wt_split(physical(r->in[0]), 64, r->tid, r->nthreads, &begin, &end);
    set->reals((const uint8_t *)r->in[0]->data + begin, (float *)wt_tensor_mut(r->out[0]) + begin, end - begin,
               b->scale, b->zero, b->is_signed);
}

static wt_status quantize_avx2(const wt_run *r, wt_err *err)
{
    (void)err;
    quantize_part(r, &wt_qpoint_avx2);
    return WT_OK;
}

static wt_status quantize_avx512(const wt_run *r, wt_err *err)
{
    (void)err;
    quantize_part(r, &wt_qpoint_avx512);
    return WT_OK;
}

static wt_status dequantize_avx2(const wt_run *r, wt_err *err)
{
    (void)err;
    dequantize_part(r, &wt_qpoint_avx2);
    return WT_OK;
}

static wt_status dequantize_avx512(const wt_run *r, wt_err *err)
{
    (void)err;
    dequantize_part(r, &wt_qpoint_avx512);
    return WT_OK;
}

#define ROW(row, code, flags, takes, makes, does, over)                                                                \
    {                                                                                                                  \
        .name = row, .op = code, .need = flags, .accepts = takes, .prepare = makes, .run = does, .in_place = over      \
    }
const wt_kernel wt_x86_qpoint_rows[] = {
    ROW("quantunary_i8_avx2", WT_OP_QUANTUNARY, WT_CPU_AVX2, table_accepts, table_prepare, table_avx2, true),
    ROW("quantunary_i8_avx512vbmi", WT_OP_QUANTUNARY, WT_CPU_AVX512VBMI, table_accepts, table_prepare, table_avx512vbmi,
        true),
    ROW("quantbinary_i8_avx2", WT_OP_QUANTBINARY, WT_CPU_AVX2, binary_accepts, binary_prepare, binary_avx2, false),
    ROW("quantbinary_i8_avx512", WT_OP_QUANTBINARY, WT_CPU_AVX512, binary_accepts, binary_prepare, binary_avx512,
        false),
    ROW("quantizelinear_f32_avx2", WT_OP_QUANTIZELINEAR, WT_CPU_AVX2, quantize_accepts, border_prepare, quantize_avx2,
        false),
    ROW("quantizelinear_f32_avx512", WT_OP_QUANTIZELINEAR, WT_CPU_AVX512, quantize_accepts, border_prepare,
        quantize_avx512, false),
    ROW("dequantizelinear_f32_avx2", WT_OP_DEQUANTIZELINEAR, WT_CPU_AVX2, dequantize_accepts, border_prepare,
        dequantize_avx2, false),
    ROW("dequantizelinear_f32_avx512", WT_OP_DEQUANTIZELINEAR, WT_CPU_AVX512, dequantize_accepts, border_prepare,
        dequantize_avx512, false),
    { .name = NULL },
};
