/* quant_linear.c - QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: every element type, per tensor, axis or
 * block.
 *
 * Elements go through float (32-bit integers through double). Types smaller than a byte are unpacked by wt_convert in
 * blocks; the common cases, float32 to and from bytes, have their own loops. */
#include "run/kernels/ref/quant_ref.h"
#include "run/kernels/ref/walk.h"

typedef struct linear_params {
    size_t outer, axis, inner; /* x as [outer][axis][inner] */
    size_t block;              /* elements of the axis that share a scale; axis: per tensor */
    size_t groups;             /* scales along the axis; 0: one scale for all */
    wt_dtype x, scale, y;
    bool has_zero, saturate;
    size_t total; /* elements in memory, the padding of a C16 layout included */
    wt_c16_pad pad;
} linear_params;

static wt_status check_scale(const wt_prep *p, linear_params *q, int axis, int64_t block, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape, *s = &p->in[1]->shape;
    if (wt_has_in(p, 2) && !wt_shape_equal(s, &p->in[2]->shape) && wt_count(p->in[2]) != wt_count(p->in[1]))
        return wt_fail(err, WT_EFORMAT, "%s: scale and zero point have different shapes", p->op_type);
    if (block < 0)
        return wt_fail(err, WT_EFORMAT, "%s: block_size is %lld, expected 0 or more", p->op_type, (long long)block);
    if (s->rank == 0 || (s->rank == 1 && s->dim[0] == 1 && block == 0)) {
        q->outer = q->inner = 1;
        q->axis = q->block = wt_count(p->in[0]);
        return WT_OK;
    }
    if (axis < 0)
        return wt_fail(err, WT_EFORMAT, "%s: axis is out of range for %d dimensions", p->op_type, x->rank);
    q->outer = (size_t)wt_shape_product(x, 0, axis);
    q->axis = (size_t)x->dim[axis];
    q->inner = (size_t)wt_shape_product(x, axis + 1, x->rank);
    q->block = block ? (size_t)block : 1;
    q->groups = q->axis / q->block + (q->axis % q->block != 0);
    bool ok = block ? s->rank == x->rank : s->rank == 1 && s->dim[0] == x->dim[axis];
    for (int i = 0; ok && block && i < x->rank; i++)
        ok = s->dim[i] == (i == axis ? (int64_t)q->groups : x->dim[i]);
    if (!ok)
        return wt_fail(err, WT_EFORMAT, "%s: the scale's shape fits neither the axis nor its blocks", p->op_type);
    return WT_OK;
}

/* Scales that are known now must be usable: a zero or an infinite one makes every result nonsense. */
static wt_status check_values(const wt_prep *p, wt_err *err)
{
    const wt_tensor *s = p->in[1];
    const int64_t n = s->data ? (int64_t)wt_count(s) : 0;
    for (int64_t i = 0; i < n; i++) {
        double v;
        if (!wt_tensor_double(s, i, &v) || !isfinite(v))
            return wt_fail(err, WT_EFORMAT, "%s: scale %lld is not a finite number", p->op_type, (long long)i);
    }
    return WT_OK;
}

static wt_status prepare(wt_prep *p, wt_err *err)
{
    linear_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(check_scale(p, q, wt_axis(wt_attr_int(p->attrs, "axis", 1), p->in[0]->shape.rank, false),
                       wt_attr_int(p->attrs, "block_size", 0), err));
    WT_TRY(check_values(p, err));
    q->x = p->in[0]->dtype, q->scale = p->in[1]->dtype, q->y = p->out[0]->dtype;
    q->has_zero = wt_has_in(p, 2);
    q->saturate = wt_attr_int(p->attrs, "saturate", 1) != 0;
    q->total = wt_count(p->in[0]);
    q->pad = wt_c16_pad_of(p->out[0]);
    if (p->in[0]->layout == WT_C16) {
        if (q->groups)
            return wt_fail(err, WT_EUNSUPPORTED, "%s: only one scale can be applied to blocked data", p->op_type);
        q->total = wt_physical_count(p->in[0]);
    }
    p->params = q;
    p->max_threads = p->threads;
    p->flops = 2.0 * (double)wt_count(p->in[0]);
    return WT_OK;
}

/* Elements with one scale lie in runs; f sees each run that overlaps [begin, end). */
typedef wt_status run_fn(const wt_run *r, const linear_params *q, size_t at, size_t n, size_t scale, wt_err *err);

/* Index of the scale of element `at`, and how many elements from there on share it. */
static size_t scale_of(const wt_run *r, const linear_params *q, size_t at, size_t *left)
{
    *left = SIZE_MAX;
    if (!q->groups)
        return 0;
    const size_t a = at / q->inner % q->axis;
    if (r->in[1]->shape.rank == 1) {
        *left = q->inner - at % q->inner;
        return a / q->block;
    }
    *left = 1; /* with blocks, neighbours along the inner dimensions have scales of their own */
    return (at / q->inner / q->axis * q->groups + a / q->block) * q->inner + at % q->inner;
}

static wt_status for_runs(const wt_run *r, const linear_params *q, run_fn *f, wt_err *err)
{
    size_t begin, end;
    wt_split(q->total, 64, r->tid, r->nthreads, &begin, &end); /* 64: no two members share a byte of packed types */
    for (size_t at = begin; at < end;) {
        size_t left;
        const size_t scale = scale_of(r, q, at, &left), n = left < end - at ? left : end - at;
        WT_TRY(f(r, q, at, n, scale, err));
        at += n;
    }
    if (begin < end && r->out[0]->layout == WT_C16)
        wt_c16_pad_zero(&q->pad, wt_tensor_mut(r->out[0]), wt_dtype_get(q->y)->block_bytes, begin, end);
    return WT_OK;
}

/* --- packed and unusual types: single elements
 * --------------------------------------------------------------------------- */
static unsigned sub_byte_bits(wt_dtype t)
{
    return t == WT_U4 || t == WT_I4 || t == WT_F4E2M1 ? 4 : t == WT_U2 || t == WT_I2 ? 2 : 0;
}

static double load(const void *p, wt_dtype t, size_t i)
{
    const unsigned bits = sub_byte_bits(t);
    const uint8_t *b = p;
    unsigned raw = 0;
    if (bits)
        raw = (unsigned)b[i * bits / 8] >> (i * bits % 8) & ((1u << bits) - 1);
    switch (t) {
    case WT_F32: return (double)((const float *)p)[i];
    case WT_F64: return ((const double *)p)[i];
    case WT_F16: return (double)wt_f16_to_f32(((const uint16_t *)p)[i]);
    case WT_BF16: return (double)wt_bf16_to_f32(((const uint16_t *)p)[i]);
    case WT_I32: return ((const int32_t *)p)[i];
    case WT_U16: return ((const uint16_t *)p)[i];
    case WT_I16: return ((const int16_t *)p)[i];
    case WT_U8: return b[i];
    case WT_I8: return ((const int8_t *)p)[i];
    case WT_U4:
    case WT_U2: return raw;
    case WT_I4:
    case WT_I2: return (double)((int)raw - ((raw >> (bits - 1)) ? 1 << bits : 0));
    case WT_F4E2M1: return (double)wt_f4_to_f32((uint8_t)raw);
    default: return (double)wt_f8_to_f32(b[i], t);
    }
}

static void store_bits(uint8_t *p, unsigned bits, size_t i, unsigned v)
{
    const unsigned shift = (unsigned)(i * bits % 8), mask = ((1u << bits) - 1) << shift;
    p[i * bits / 8] = (uint8_t)((p[i * bits / 8] & ~mask) | (v << shift & mask));
}

static const struct int_range {
    wt_dtype type;
    float low, high;
} int_ranges[] = { { WT_U8, 0, 255 }, { WT_I8, -128, 127 }, { WT_U16, 0, 65535 }, { WT_I16, -32768, 32767 },
                   { WT_U4, 0, 15 },  { WT_I4, -8, 7 },     { WT_U2, 0, 3 },      { WT_I2, -2, 1 } };

static const struct int_range *int_range_of(wt_dtype t)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(int_ranges); i++)
        if (int_ranges[i].type == t)
            return &int_ranges[i];
    return NULL;
}

static void store_int(void *p, wt_dtype t, size_t i, int32_t v)
{
    switch (t) {
    case WT_U8:
    case WT_I8: ((uint8_t *)p)[i] = (uint8_t)v; break;
    case WT_U16:
    case WT_I16: ((uint16_t *)p)[i] = (uint16_t)v; break;
    default: store_bits(p, sub_byte_bits(t), i, (unsigned)v); break;
    }
}

static double zero_of(const wt_run *r, const linear_params *q, size_t scale)
{
    return q->has_zero ? load(r->in[2]->data, r->in[2]->dtype, scale) : 0;
}

/* --- QuantizeLinear
 * -------------------------------------------------------------------------------------------------------- */
static void quantize_f32_bytes(const float *x, uint8_t *y, size_t n, float scale, float zero, float low, float high)
{
    for (size_t i = 0; i < n; i++) {
        float v = rintf(x[i] / scale);
        v = (v == v ? v : 0) + zero;
        v = v > low ? v : low;
        v = v < high ? v : high;
        y[i] = (uint8_t)(int32_t)v;
    }
}

static wt_status quantize_run(const wt_run *r, const linear_params *q, size_t at, size_t n, size_t scale_at,
                              wt_err *err)
{
    const void *x = r->in[0]->data;
    void *y = wt_tensor_mut(r->out[0]);
    const float scale = (float)load(r->in[1]->data, q->scale, scale_at), zero = (float)zero_of(r, q, scale_at);
    const struct int_range *range = int_range_of(q->y);
    (void)err;
    if (q->x == WT_F32 && (q->y == WT_U8 || q->y == WT_I8)) {
        quantize_f32_bytes((const float *)x + at, (uint8_t *)y + at, n, scale, zero, range->low, range->high);
        return WT_OK;
    }
    for (size_t i = at; i < at + n; i++) {
        const float v = (float)load(x, q->x, i) / scale;
        if (range)
            store_int(y, q->y, i, wt_quantize_code(v, (int32_t)zero, range->low, range->high));
        else if (q->y == WT_F4E2M1)
            store_bits(y, 4, i, wt_f32_to_f4(v + zero));
        else
            ((uint8_t *)y)[i] = wt_f32_to_f8(v + zero, q->y, q->saturate);
    }
    return WT_OK;
}

static wt_status quantize(const wt_run *r, wt_err *err) { return for_runs(r, r->params, quantize_run, err); }

/* --- DequantizeLinear
 * ------------------------------------------------------------------------------------------------------ */
static wt_status dequantize_run(const wt_run *r, const linear_params *q, size_t at, size_t n, size_t scale_at,
                                wt_err *err)
{
    const void *x = r->in[0]->data;
    void *y = wt_tensor_mut(r->out[0]);
    const double scale = load(r->in[1]->data, q->scale, scale_at), zero = zero_of(r, q, scale_at);
    (void)err;
    if (q->y == WT_F32 && (q->x == WT_U8 || q->x == WT_I8)) {
        const float s = (float)scale, z = (float)zero;
        for (size_t i = at; i < at + n; i++)
            ((float *)y)[i] = ((float)wt_byte_at(x, q->x == WT_I8, i) - z) * s;
        return WT_OK;
    }
    for (size_t i = at; i < at + n; i++) {
        const double d = load(x, q->x, i) - zero;
        const float v = (float)d * (float)scale;
        if (q->y == WT_F32)
            ((float *)y)[i] = v;
        else if (q->y == WT_F64)
            ((double *)y)[i] = d * scale;
        else
            ((uint16_t *)y)[i] = q->y == WT_F16 ? wt_f32_to_f16(v) : wt_f32_to_bf16(v);
    }
    return WT_OK;
}

static wt_status dequantize(const wt_run *r, wt_err *err) { return for_runs(r, r->params, dequantize_run, err); }

/* --- DynamicQuantizeLinear
 * --------------------------------------------------------------------------------------------------- */
static wt_status dynamic_prepare(wt_prep *p, wt_err *err)
{
    (void)err;
    p->flops = 4.0 * (double)wt_count(p->in[0]);
    return WT_OK;
}

static wt_status dynamic_run(const wt_run *r, wt_err *err)
{
    const float *x = wt_in_f32(r, 0);
    const size_t n = wt_count(r->in[0]);
    uint8_t *y = wt_tensor_mut(r->out[0]);
    float low = 0, high = 0, scale;
    int32_t zero;
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    for (size_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    wt_dynamic_scale(low, high, &scale, &zero);
    quantize_f32_bytes(x, y, n, scale, (float)zero, 0, 255);
    wt_out_f32(r, 1)[0] = scale;
    *(uint8_t *)wt_tensor_mut(r->out[2]) = (uint8_t)zero;
    return WT_OK;
}

/* --- rows
 * ----------------------------------------------------------------------------------------------------------------------
 */
static bool is_scale(wt_dtype t) { return wt_dtype_is_float(t) || t == WT_F8E8M0; }
static bool is_f8(wt_dtype t) { return t == WT_F8E4M3FN || t == WT_F8E4M3FNUZ || t == WT_F8E5M2 || t == WT_F8E5M2FNUZ; }
static bool is_code(wt_dtype t) { return int_range_of(t) || is_f8(t) || t == WT_F4E2M1; }

/* Row-major, or the same blocked layout in and out with one scale. */
static bool layouts_fit(const wt_prep *p)
{
    if (wt_all_plain(p))
        return true;
    return p->in[0]->layout == p->out[0]->layout && wt_count(p->in[1]) == 1 && !sub_byte_bits(p->in[0]->dtype) &&
           !sub_byte_bits(p->out[0]->dtype);
}

static bool accepts_quantize(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !wt_has_in(p, 1) || !wt_has_out(p, 0) || !layouts_fit(p))
        return false;
    if (wt_has_in(p, 2) && p->in[2]->dtype != p->out[0]->dtype)
        return false;
    return (wt_dtype_is_float(p->in[0]->dtype) || p->in[0]->dtype == WT_I32) &&
           (is_scale(p->in[1]->dtype) || p->in[1]->dtype == WT_I32) && is_code(p->out[0]->dtype);
}

static bool accepts_dequantize(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !wt_has_in(p, 1) || !wt_has_out(p, 0) || !layouts_fit(p))
        return false;
    if (wt_has_in(p, 2) && p->in[2]->dtype != p->in[0]->dtype)
        return false;
    return (is_code(p->in[0]->dtype) || p->in[0]->dtype == WT_I32) && is_scale(p->in[1]->dtype) &&
           wt_dtype_is_float(p->out[0]->dtype);
}

static bool accepts_dynamic(const wt_prep *p)
{
    return wt_in_is(p, 0, WT_F32) && wt_out_is(p, 0, WT_U8) && wt_out_is(p, 1, WT_F32) && wt_out_is(p, 2, WT_U8) &&
           wt_all_plain(p);
}

const wt_kernel wt_quant_linear_rows[] = {
    { .name = "quantizelinear_any_ref",
      .op = WT_OP_QUANTIZELINEAR,
      .accepts = accepts_quantize,
      .prepare = prepare,
      .run = quantize },
    { .name = "dequantizelinear_any_ref",
      .op = WT_OP_DEQUANTIZELINEAR,
      .accepts = accepts_dequantize,
      .prepare = prepare,
      .run = dequantize },
    { .name = "dynamicquantizelinear_f32_ref",
      .op = WT_OP_DYNAMICQUANTIZELINEAR,
      .accepts = accepts_dynamic,
      .prepare = dynamic_prepare,
      .run = dynamic_run },
    { .name = NULL },
};
