/* hf_packed_ct.c - compressed-tensors, and folders of fp8 with a scale for each block.
 *
 *     PATH.weight_packed  i32 [out, words]   codes + 2^(bits - 1), low bits first       (pack-quantized)
 *     PATH.weight_shape   i64 [2]
 *     PATH.weight_packed  u8 [out, in / 2]   E2M1, the first in the low nibble          (nvfp4-, mxfp4-pack-quantized)
 *     PATH.weight         i8 or fp8 [out, in]                                           (int-, float-quantized)
 *     PATH.weight_scale   [out, groups], [out, 1], [1], or one a block
 *     PATH.weight_zero_point   i32 [out * bits / 32, groups], packed down the rows, or i8 [out, groups]
 *     PATH.weight_g_idx   i32 [in]
 *
 * Which group of config_groups a matrix belongs to follows from its shapes: what they say must be in one of them. */
#include "hf_packed.h"
#include <stdio.h>

/* Columns that share a scale, when there are so many of them and the matrix has `bits`; -1: no group says so. */
static int64_t group_of(const wt_hf_packing *q, int64_t bits, int64_t columns, int64_t groups)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)wt_hf_get(q->config, "config_groups"), key, value)
    {
        const json_t *weights = wt_hf_get(value, "weights"), *size = wt_hf_get(weights, "group_size");
        const int64_t said = json_is_integer(size) && json_integer_value(size) > 0 ? json_integer_value(size) : columns;
        const int64_t group = said < columns ? said : columns;
        if (json_integer_value(wt_hf_get(weights, "num_bits")) == bits && (columns + group - 1) / group == groups)
            return group;
    }
    return -1;
}

static wt_status take_block_scales(const wt_hf_packing *q, wt_packed *p, const wt_weight *s, const json_t *block,
                                   wt_err *err)
{
    const int64_t a = json_integer_value(json_array_get(block, 0)), b = json_integer_value(json_array_get(block, 1));
    if (a < 1 || b < 1 || a > INT32_MAX || b > INT32_MAX)
        return wt_hf_refuse(q->m, WT_EFORMAT, "two sizes are expected, as in [128, 128]", err,
                            "the size of a block of weights makes no sense");
    p->row_group = a, p->group = b;
    p->groups = (p->columns + b - 1) / b;
    WT_TRY(wt_hf_expect(q, s, WT_DTYPE_NONE, 2, (int64_t[]){ (p->rows + a - 1) / a, p->groups }, err));
    return wt_hf_factors(q, s, &p->scale, p->groups, 1, err);
}

static const json_t *block_of(const wt_hf_packing *q)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)wt_hf_get(q->config, "config_groups"), key, value)
    {
        const json_t *block = wt_hf_get(wt_hf_get(value, "weights"), "block_structure");
        if (json_is_array(block))
            return block;
    }
    return NULL;
}

static wt_status take_scales(const wt_hf_packing *q, wt_packed *p, const wt_weight *s, wt_err *err)
{
    int64_t n = 0;
    const json_t *block = block_of(q);
    p->group = p->columns, p->groups = 1;
    if (!wt_shape_count(&s->shape, &n))
        return wt_hf_bad_part(q, s, err, "is too large");
    if (n == 1)
        return wt_hf_factors(q, s, &p->scale, 0, 0, err);
    if (s->shape.rank == 1) {
        WT_TRY(wt_hf_expect(q, s, WT_DTYPE_NONE, 1, &p->rows, err));
        return wt_hf_factors(q, s, &p->scale, 1, 0, err);
    }
    if (block)
        return take_block_scales(q, p, s, block, err);
    if (s->shape.rank != 2 || s->shape.dim[0] != p->rows || s->shape.dim[1] < 1)
        return wt_hf_bad_part(q, s, err, "does not fit a matrix of %lldx%lld", (long long)p->rows,
                              (long long)p->columns);
    p->groups = s->shape.dim[1];
    p->group = group_of(q, p->codes.bits, p->columns, p->groups);
    if (p->group < 0)
        return wt_hf_bad_part(q, s, err, "says %lld groups of %d bits a row, which no group of config.json does",
                              (long long)p->groups, p->codes.bits);
    return wt_hf_factors(q, s, &p->scale, p->groups, 1, err);
}

static wt_status take_zeros(const wt_hf_packing *q, wt_packed *p, wt_err *err)
{
    const wt_weight *z = wt_hf_part(q, ".weight_zero_point");
    const int bits = p->codes.bits, each = 32 / bits;
    if (!z)
        return WT_OK;
    if (z->dtype == WT_I32 || z->dtype == WT_U32) {
        WT_TRY(wt_hf_expect(q, z, z->dtype, 2, (int64_t[]){ (p->rows + each - 1) / each, p->groups }, err));
        p->zeros = (wt_packed_codes){
            .data = wt_hf_bytes(z), .order = WT_PACKED_COLUMNS, .bits = bits, .stride = (size_t)p->groups
        };
    } else {
        WT_TRY(wt_hf_expect(q, z, WT_I8, 2, (int64_t[]){ p->rows, p->groups }, err));
        p->zeros = (wt_packed_codes){
            .data = wt_hf_bytes(z), .bits = 8, .is_signed = true, .stride = (size_t)p->groups
        };
        p->zeros_by_row = true;
    }
    /* bytes are 128 too large, codes of fewer bits half their range */
    p->zero = p->zeros_by_row && bits < 8 ? (1 << (bits - 1)) - 128 : 0;
    return WT_OK;
}

static wt_status packed_integers(wt_hf_packing *q, wt_packed *p, const wt_weight *w, const wt_weight *scale,
                                 wt_err *err)
{
    const wt_weight *size = NULL, *order = wt_hf_part(q, ".weight_g_idx");
    int64_t dims[2] = { 0 };
    if (order) {
        wt_hf_bad_part(q, order, err, "puts columns into groups out of order, which is not known here");
        return WT_EUNSUPPORTED;
    }
    WT_TRY(wt_hf_need_part(q, ".weight_shape", &size, err));
    if (size->dtype != WT_I64 && size->dtype != WT_I32)
        return wt_hf_bad_part(q, size, err, "should be two integers");
    WT_TRY(wt_hf_expect(q, size, size->dtype, 1, (int64_t[]){ 2 }, err));
    WT_TRY(wt_convert(wt_hf_bytes(size), size->dtype, dims, WT_I64, 2, false, err));
    p->rows = dims[0], p->columns = dims[1];
    const int64_t words = w->shape.dim[1];
    for (int bits = 2; bits <= 8; bits *= 2)
        if (p->columns > 0 && p->columns < INT32_MAX && (p->columns + 32 / bits - 1) / (32 / bits) == words)
            p->codes.bits = bits;
    if (p->rows != w->shape.dim[0] || !p->codes.bits)
        return wt_hf_bad_part(q, w, err, "cannot hold a matrix of %lldx%lld in 2, 4 or 8 bits", (long long)p->rows,
                              (long long)p->columns);
    p->codes.data = wt_hf_bytes(w);
    p->codes.stride = (size_t)words * 4;
    p->zero = 1 << (p->codes.bits - 1);
    WT_TRY(take_scales(q, p, scale, err));
    return take_zeros(q, p, err);
}

static wt_status packed_floats(wt_hf_packing *q, wt_packed *p, const wt_weight *w, const wt_weight *scale, wt_err *err)
{
    const wt_weight *global = wt_hf_part(q, ".weight_global_scale");
    const bool nv = scale->dtype == WT_F8E4M3FN;
    float divisor = 0;
    p->rows = w->shape.dim[0], p->columns = w->shape.dim[1] * 2;
    p->number = WT_PACKED_E2M1;
    p->codes = (wt_packed_codes){ .data = wt_hf_bytes(w), .bits = 4, .stride = (size_t)w->shape.dim[1] };
    p->group = nv ? 16 : 32;
    if (p->columns % p->group || (!nv && scale->dtype != WT_U8 && scale->dtype != WT_F8E8M0))
        return wt_hf_bad_part(q, scale, err, "is no scale of 4-bit floats");
    p->groups = p->columns / p->group;
    WT_TRY(wt_hf_expect(q, scale, scale->dtype, 2, (int64_t[]){ p->rows, p->groups }, err));
    p->scale = (wt_packed_factors){ wt_hf_bytes(scale), nv ? WT_F8E4M3FN : WT_F8E8M0, p->groups, 1 };
    if (!global)
        return WT_OK;
    WT_TRY(wt_hf_expect(q, global, WT_F32, 1, (int64_t[]){ 1 }, err));
    memcpy(&divisor, wt_hf_bytes(global), 4);
    if (!(divisor > 0) || divisor > 3e38f)
        return wt_hf_bad_part(q, global, err, "is no factor");
    p->divisor = divisor == 1.0f ? 0 : (double)divisor;
    return WT_OK;
}

/* Bytes [rows, columns]. */
static wt_status bytes(wt_hf_packing *q, wt_packed *p, const wt_weight *w, wt_err *err)
{
    const bool integers = w->dtype == WT_I8;
    if (w->shape.rank != 2 || (!integers && w->dtype != WT_F8E4M3FN && w->dtype != WT_F8E5M2))
        return wt_hf_bad_part(q, w, err, "should be int8 or fp8 of two axes");
    p->rows = w->shape.dim[0], p->columns = w->shape.dim[1];
    p->number = integers ? WT_PACKED_INTEGER : w->dtype == WT_F8E5M2 ? WT_PACKED_E5M2 : WT_PACKED_E4M3;
    p->codes = (wt_packed_codes){
        .data = wt_hf_bytes(w), .bits = 8, .is_signed = integers, .stride = (size_t)p->columns
    };
    p->zero = integers ? 128 : 0;
    return p->columns < 1 ? wt_hf_bad_part(q, w, err, "has no columns") : WT_OK;
}

static wt_status matrix(wt_hf_packing *q, wt_packed *p, wt_shape *shape, wt_err *err)
{
    const wt_weight *w = wt_hf_part(q, ".weight_packed"), *scale = NULL;
    const bool packed = w != NULL;
    WT_TRY(wt_hf_need_part(q, ".weight_scale", &scale, err));
    if (!packed)
        WT_TRY(wt_hf_need_part(q, ".weight", &w, err));
    p->source = w->source;
    if (packed && w->shape.rank == 2 && w->dtype == WT_U8) {
        WT_TRY(packed_floats(q, p, w, scale, err));
    } else if (packed && w->shape.rank == 2 && (w->dtype == WT_I32 || w->dtype == WT_U32)) {
        WT_TRY(packed_integers(q, p, w, scale, err));
    } else if (packed) {
        return wt_hf_bad_part(q, w, err, "should be int32 or uint8 of two axes");
    } else {
        WT_TRY(bytes(q, p, w, err));
        WT_TRY(take_scales(q, p, scale, err));
        if (p->number == WT_PACKED_INTEGER)
            WT_TRY(take_zeros(q, p, err));
    }
    *shape = wt_shape_make(2, (int64_t[]){ p->rows, p->columns });
    return WT_OK;
}

const wt_hf_method wt_hf_compressed = { .name = "compressed-tensors",
                                        .marker = ".weight_scale",
                                        .parts = { ".weight_packed", ".weight_shape", ".weight_zero_point",
                                                   ".weight_g_idx", ".weight_global_scale", ".weight", ".input_scale",
                                                   ".input_global_scale", ".input_zero_point" },
                                        .matrix = matrix };

/* --- fp8 with a scale for each block ("weight_scale_inv", which is multiplied all the same) --- */
static wt_status fp8_matrix(wt_hf_packing *q, wt_packed *p, wt_shape *shape, wt_err *err)
{
    const wt_weight *w = NULL, *scale = NULL;
    const json_t *block = wt_hf_get(q->config, "weight_block_size");
    WT_TRY(wt_hf_need_part(q, ".weight", &w, err));
    WT_TRY(wt_hf_need_part(q, ".weight_scale_inv", &scale, err));
    p->source = w->source;
    WT_TRY(bytes(q, p, w, err));
    if (p->number == WT_PACKED_INTEGER)
        return wt_hf_bad_part(q, w, err, "should be fp8");
    WT_TRY(block ? take_block_scales(q, p, scale, block, err) : take_scales(q, p, scale, err));
    *shape = w->shape;
    return WT_OK;
}
const wt_hf_method wt_hf_fp8 = {
    .name = "fp8", .marker = ".weight_scale_inv", .parts = { ".weight" }, .matrix = fp8_matrix
};
