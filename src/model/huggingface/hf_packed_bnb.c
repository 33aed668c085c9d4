/* hf_packed_bnb.c - bitsandbytes: matrices of 4 bits (nf4, fp4) and of 8.
 *
 *     PATH.weight           u8 [n / 2, 1]   codes of the whole matrix in order, the first in the high nibble
 *     PATH.weight.absmax    a scale for each block of codes: float32; or u8, an index of a map that is scaled again
 *     PATH.weight.quant_map     f32 [16]    the numbers of the codes
 *     PATH.weight.nested_absmax, .nested_quant_map   of nested scales
 *     PATH.weight.quant_state.bitsandbytes__nf4   u8   JSON: shape, blocksize, nested_blocksize, nested_offset
 *
 *     PATH.weight  i8 [out, in], PATH.SCB  f32 [out]: q SCB / 127 */
#include "hf_packed.h"
#include <math.h>
#include <stdio.h>
#include "base/json.h"

enum { MOST_STATE = 4096, MOST = 1 << 24 };

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

static bool natural(const json_t *value, int64_t most, int64_t *out)
{
    *out = json_integer_value(value);
    return json_is_integer(value) && *out > 0 && *out <= most;
}

/* The scale of each block of codes, as floats. */
static wt_status read_scales(wt_hf_packing *q, const json_t *state, int64_t n, float **out, wt_err *err)
{
    const wt_weight *w = NULL, *nested = NULL, *map = NULL;
    double offset = 0;
    int64_t block = 1;
    WT_TRY(wt_hf_need_part(q, ".weight.absmax", &w, err));
    WT_TRY(wt_hf_expect(q, w, WT_DTYPE_NONE, 1, &n, err));
    float *scales = wt_arena_alloc(wt_weights_arena(q->out), (size_t)n, sizeof *scales, err);
    if (!scales)
        return WT_ENOMEM;
    *out = scales;
    if (w->dtype == WT_F32) {
        memcpy(scales, wt_hf_bytes(w), (size_t)n * sizeof *scales);
        return WT_OK;
    }
    if (w->dtype != WT_U8)
        return wt_hf_bad_part(q, w, err, "should be float32 or uint8");
    WT_TRY(wt_hf_need_part(q, ".weight.nested_absmax", &nested, err));
    WT_TRY(wt_hf_need_part(q, ".weight.nested_quant_map", &map, err));
    if (!natural(json_object_get(state, "nested_blocksize"), MOST, &block))
        return wt_hf_bad_part(q, w, err, "has no \"nested_blocksize\" in its state");
    WT_TRY(wt_hf_number(q->m, state, "nested_offset", 0, &offset, err));
    WT_TRY(wt_hf_expect(q, nested, WT_F32, 1, (int64_t[]){ (n + block - 1) / block }, err));
    WT_TRY(wt_hf_expect(q, map, WT_F32, 1, (int64_t[]){ 256 }, err));
    for (int64_t i = 0; i < n; i++) {
        float number, factor;
        memcpy(&number, wt_hf_bytes(map) + 4 * (size_t)wt_hf_bytes(w)[i], 4);
        memcpy(&factor, wt_hf_bytes(nested) + 4 * (i / block), 4);
        scales[i] = number * factor + (float)offset;
    }
    return WT_OK;
}

static wt_status read_table(wt_hf_packing *q, wt_packed *p, wt_err *err)
{
    const wt_weight *map = NULL;
    float *table = wt_arena_alloc(wt_weights_arena(q->out), 16, sizeof *table, err);
    if (!table)
        return WT_ENOMEM;
    WT_TRY(wt_hf_need_part(q, ".weight.quant_map", &map, err));
    WT_TRY(wt_hf_expect(q, map, WT_F32, 1, (int64_t[]){ 16 }, err));
    memcpy(table, wt_hf_bytes(map), 16 * sizeof *table);
    for (int i = 0; i < 16; i++)
        if (!isfinite(table[i]))
            return wt_hf_bad_part(q, map, err, "has a number that is NaN or infinite");
    p->table = table;
    return WT_OK;
}

static wt_status fill(wt_hf_packing *q, const json_t *state, const wt_weight *w, wt_packed *p, wt_err *err)
{
    const json_t *shape = wt_hf_get(state, "shape");
    int64_t block = 0, n = 0;
    float *scales = NULL, *each = NULL;
    if (json_array_size(shape) != 2 || !natural(json_array_get(shape, 0), MOST, &p->rows) ||
        !natural(json_array_get(shape, 1), MOST, &p->columns) ||
        !natural(wt_hf_get(state, "blocksize"), MOST, &block) || !wt_shape_count(&w->shape, &n) || w->dtype != WT_U8 ||
        n != (p->rows * p->columns + 1) / 2)
        return wt_hf_bad_part(q, w, err, "does not fit the shape and the block that its state says");
    WT_TRY(read_scales(q, state, (p->rows * p->columns + block - 1) / block, &scales, err));
    p->source = w->source;
    p->group = common_divisor(p->columns, block);
    p->groups = p->columns / p->group;
    if (p->group != block) { /* blocks that go on in the next row */
        each = wt_arena_alloc(wt_weights_arena(q->out), (size_t)(p->rows * p->groups), sizeof *each, err);
        if (!each)
            return WT_ENOMEM;
        for (int64_t i = 0; i < p->rows * p->groups; i++)
            each[i] = scales[i * p->group / block];
    }
    p->number = WT_PACKED_TABLE;
    p->codes = (wt_packed_codes){
        .data = wt_hf_bytes(w), .order = WT_PACKED_FLAT, .bits = 4, .stride = (size_t)p->columns
    };
    p->scale = (wt_packed_factors){ (const uint8_t *)(each ? each : scales), WT_F32, p->groups, 1 };
    return read_table(q, p, err);
}

static wt_status matrix(wt_hf_packing *q, wt_packed *p, wt_shape *shape, wt_err *err)
{
    const wt_weight *w = NULL, *state = wt_hf_part(q, ".weight.quant_state.bitsandbytes__nf4");
    json_t *json = NULL;
    WT_TRY(wt_hf_need_part(q, ".weight", &w, err));
    if (!state)
        WT_TRY(wt_hf_need_part(q, ".weight.quant_state.bitsandbytes__fp4", &state, err));
    if (state->dtype != WT_U8 || state->shape.rank != 1 || state->bytes > MOST_STATE)
        return wt_hf_bad_part(q, state, err, "should be a short text");
    WT_TRY(wt_json_parse(&json, (const char *)wt_hf_bytes(state), state->bytes, q->m->folder, err));
    const wt_status st = json_is_object(json) ? fill(q, json, w, p, err)
                                              : wt_hf_bad_part(q, state, err, "should be an object of JSON");
    json_decref(json);
    *shape = wt_shape_make(2, (int64_t[]){ p->rows, p->columns });
    return st;
}

/* --- eight bits --- */
static wt_status matrix_8(wt_hf_packing *q, wt_packed *p, wt_shape *shape, wt_err *err)
{
    const wt_weight *w = NULL, *scale = NULL;
    WT_TRY(wt_hf_need_part(q, ".weight", &w, err));
    WT_TRY(wt_hf_need_part(q, ".SCB", &scale, err));
    if (w->dtype != WT_I8 || w->shape.rank != 2 || w->shape.dim[1] < 1)
        return wt_hf_bad_part(q, w, err, "should be int8 of two axes");
    *shape = w->shape;
    p->source = w->source;
    p->rows = w->shape.dim[0], p->columns = w->shape.dim[1];
    p->group = p->columns, p->groups = 1;
    p->codes = (wt_packed_codes){ .data = wt_hf_bytes(w), .bits = 8, .is_signed = true, .stride = (size_t)p->columns };
    p->zero = 128;
    p->divisor = 127;
    WT_TRY(wt_hf_expect(q, scale, WT_F32, 1, &p->rows, err));
    return wt_hf_factors(q, scale, &p->scale, 1, 0, err);
}
static const wt_hf_method bits_8 = {
    .name = "bitsandbytes", .marker = ".SCB", .parts = { ".weight", ".weight_format" }, .matrix = matrix_8
};

static wt_status config(wt_hf_packing *q, wt_err *err)
{
    (void)err;
    if (wt_hf_true(q->config, "load_in_8bit") || wt_hf_true(q->config, "_load_in_8bit"))
        q->method = &bits_8;
    return WT_OK;
}

const wt_hf_method wt_hf_bitsandbytes = {
    .name = "bitsandbytes",
    .marker = ".weight.absmax",
    .parts = { ".weight", ".weight.quant_map", ".weight.nested_absmax", ".weight.nested_quant_map",
               ".weight.quant_state.bitsandbytes__nf4", ".weight.quant_state.bitsandbytes__fp4" },
    .config = config,
    .matrix = matrix
};
