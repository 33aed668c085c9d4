/* lower_weights.c - weights on their way into an ONNX file: block formats as codes and scales, the rest as numbers. All
 * are made row by row when the file is written (wt_made). */
#include <math.h>
#include <stdio.h>
#include "lower.h"

typedef struct weight_made {
    wt_made base;
    wt_context *ctx;
    const uint8_t *source;
    wt_dtype from, to; /* to: of numbers */
    wt_part part;
    size_t k, from_bytes; /* elements and bytes of a row of the source */
    wt_nbits_form form;
} weight_made;

/* Numbers of one row. */
static wt_status fill_row(const weight_made *m, const uint8_t *from, float *room, uint8_t *codes, uint8_t *out,
                          wt_err *err)
{
    float *numbers = room + m->k;
    switch (m->part) {
    case WT_PART_WHOLE:
        wt_block_codec_get(m->from)->decode(from, room, m->k);
        return wt_convert(room, WT_F32, out, m->to, m->k, true, err);
    case WT_PART_CODES:
    case WT_PART_TABLE: wt_nbits_from_row(m->from, from, m->k, room, codes, NULL, NULL); break;
    case WT_PART_SCALES: wt_nbits_from_row(m->from, from, m->k, room, NULL, numbers, NULL); break;
    default: wt_nbits_from_row(m->from, from, m->k, room, NULL, NULL, numbers);
    }
    if (m->part == WT_PART_CODES || m->part == WT_PART_TABLE) {
        memcpy(out, codes, m->base.row_bytes);
        return WT_OK;
    }
    return wt_convert(numbers, WT_F32, out, m->to, m->k / m->form.block, true, err);
}

static wt_status fill(const wt_made *made, uint64_t first, uint64_t n, void *out, wt_err *err)
{
    const weight_made *m = (const weight_made *)(const void *)made;
    float *room = wt_alloc_raw(m->ctx, 2 * m->k, sizeof *room, err);
    uint8_t *codes = room ? wt_alloc_raw(m->ctx, m->k, 1, err) : NULL;
    wt_status st = codes ? WT_OK : WT_ENOMEM;
    for (uint64_t i = 0; i < n && st == WT_OK; i++)
        st = fill_row(m, m->source + (first + i) * m->from_bytes, room, codes, (uint8_t *)out + i * made->row_bytes,
                      err);
    wt_free(m->ctx, codes);
    wt_free(m->ctx, room);
    return st;
}

static wt_value *made_before(const wt_lower *l, const wt_value *from, wt_part part, int key)
{
    for (size_t i = 0; i < l->n_made; i++)
        if (l->made[i].from == from && l->made[i].part == part && l->made[i].key == key)
            return l->made[i].to;
    return NULL;
}

static wt_status remember(wt_lower *l, const wt_value *from, wt_part part, int key, wt_value *to, wt_err *err)
{
    WT_TRY(wt_grow(l->to->ctx, (void **)&l->made, &l->made_cap, l->n_made + 1, sizeof *l->made, err));
    l->made[l->n_made++] = (wt_lowered){ from, part, key, to };
    return WT_OK;
}

/* The value of a constant that is made or a view; `made` NULL: a view. */
static wt_status add_constant(wt_lower *l, const char *name, wt_tensor t, const wt_made *made, wt_value **out,
                              wt_err *err)
{
    if (!wt_tensor_size(&t, &t.bytes))
        return wt_fail(err, WT_ENOMEM, "the constant %s is too large", name);
    WT_TRY(wt_graph_add_value(out, l->to, wt_graph_find(l->to, name) ? NULL : name, err));
    WT_TRY(wt_graph_set_constant(*out, &t, err));
    (*out)->made = made;
    return WT_OK;
}

/* Shapes and bytes of a part. */
static wt_tensor part_type(const weight_made *m, const wt_shape *from)
{
    const int64_t rows = from->dim[0], blocks = m->form.block ? (int64_t)(m->k / m->form.block) : 0;
    wt_tensor t = { .dtype = m->to, .shape = *from, .data = m->source };
    if (m->part == WT_PART_CODES)
        t.shape = (wt_shape){ .rank = 3, .dim = { rows, blocks, (int64_t)m->form.block * m->form.bits / 8 } };
    else if (m->part == WT_PART_TABLE)
        t.shape = (wt_shape){ .rank = 2, .dim = { rows, (int64_t)m->k * m->form.bits / 8 } };
    else if (m->part != WT_PART_WHOLE)
        t.shape = (wt_shape){ .rank = 2, .dim = { rows, blocks } };
    return t;
}

static wt_status make_part(wt_lower *l, const wt_value *from, wt_part part, wt_dtype to, wt_value **out, wt_err *err)
{
    static const char *const suffix[] = { "", ".codes", ".table", ".scales", ".offsets", "" };
    const wt_shape *s = &from->type.shape;
    char name[160];
    *out = made_before(l, from, part, (int)to);
    if (*out)
        return WT_OK;
    weight_made *m = wt_arena_alloc(&l->to->arena, 1, sizeof *m, err);
    if (!m)
        return WT_ENOMEM;
    *m = (weight_made){
        .base = { .fill = fill }, .ctx = l->to->ctx, .source = from->type.data, .to = to, .part = part
    };
    m->from = from->type.dtype;
    m->k = s->rank ? (size_t)s->dim[s->rank - 1] : 1;
    m->base.rows = s->rank ? (uint64_t)wt_shape_product(s, 0, s->rank - 1) : 1;
    if (!wt_dtype_bytes(m->from, m->k, &m->from_bytes))
        return wt_fail(err, WT_ENOMEM, "rows of %s are too large", from->name);
    wt_nbits_form_of(m->from, &m->form);
    wt_tensor t = part_type(m, s);
    if (!wt_tensor_size(&t, &t.bytes))
        return wt_fail(err, WT_ENOMEM, "%s is too large", from->name);
    m->base.row_bytes = m->base.rows ? t.bytes / m->base.rows : 0;
    snprintf(name, sizeof name, "%.140s%s", from->name, suffix[part]);
    const wt_value *twin = part == WT_PART_CODES   ? made_before(l, from, WT_PART_TABLE, (int)to)
                           : part == WT_PART_TABLE ? made_before(l, from, WT_PART_CODES, (int)to)
                                                   : NULL; /* a table that serves both ends */
    m->base.same_as = twin ? twin->id + 1 : 0;
    const bool view = part == WT_PART_WHOLE && m->from == to;
    WT_TRY(add_constant(l, name, t, view ? NULL : &m->base, out, err));
    return remember(l, from, part, (int)to, *out, err);
}

static wt_status note(wt_lower *l, const wt_value *from, const char *got, const char *why, wt_err *err)
{
    if (!l->options->ledger)
        return WT_OK;
    json_t *line = json_pack("{s:s,s:s,s:s,s:s}", "tensor", from->name, "was", wt_dtype_name(from->type.dtype), "got",
                             got, "why", why);
    return line && json_array_append_new(l->options->ledger, line) == 0
               ? WT_OK
               : wt_fail(err, WT_ENOMEM, "no memory for the ledger");
}

wt_status wt_lower_constant(wt_lower *l, const wt_value *from, wt_dtype dtype, wt_value **out, wt_err *err)
{
    const wt_dtype stored = from->type.dtype;
    if (!dtype)
        dtype = wt_dtype_is_block(stored) ? l->act : stored;
    if (!wt_block_codec_get(stored)) { /* integers: shapes and the like */
        return wt_lower_refuse(l, err, "a constant of type %s", wt_dtype_name(stored));
    }
    return make_part(l, from, WT_PART_WHOLE, dtype, out, err);
}

/* --- matrices ----------------------------------------------------------------------------------------------------- */
/* The type that numbers of a matrix are stored with. */
static wt_dtype stored_type(const wt_lower *l, wt_dtype from)
{
    if (l->options->dtype)
        return l->options->dtype;
    return from == WT_F16 || from == WT_BF16 || from == WT_F32 ? from : l->act;
}

static bool as_codes(const wt_lower *l, const wt_value *matrix, wt_nbits_form *form)
{
    return !l->options->dtype && wt_nbits_form_of(matrix->type.dtype, form);
}

/* Numbers that were stored in another type than the activations have go through a Cast. */
static wt_status cast(wt_lower *l, wt_value *x, wt_dtype stored, wt_value **out, wt_err *err)
{
    const wt_attr to = { .name = "to", .type = WT_ATTR_INT, .count = 1, .v.i = wt_dtype_get(l->act)->onnx_code };
    *out = x;
    return stored == l->act ? WT_OK : wt_lower_put(l, "", "Cast", &x, 1, &to, 1, out, err);
}

static wt_status plain_product(wt_lower *l, wt_value *x, const wt_value *matrix, wt_value **out, wt_err *err)
{
    const wt_dtype stored = stored_type(l, matrix->type.dtype);
    const wt_attr trans = { .name = "transB", .type = WT_ATTR_INT, .count = 1, .v.i = 1 };
    wt_value *in[2] = { x };
    if (wt_dtype_is_block(matrix->type.dtype))
        WT_TRY(note(l, matrix, wt_dtype_name(stored), l->options->dtype ? "asked for" : "MatMulNBits has no such codes",
                    err));
    WT_TRY(wt_lower_constant(l, matrix, stored, &in[1], err));
    WT_TRY(cast(l, in[1], stored, &in[1], err));
    return wt_lower_put(l, "com.microsoft", "FusedMatMul", in, 2, &trans, 1, out, err);
}

static wt_attr int_attr(const char *name, int64_t v)
{
    return (wt_attr){ .name = name, .type = WT_ATTR_INT, .count = 1, .v.i = v };
}

/* x summed over each block: what offsets are multiplied with. */
static wt_status block_sums(wt_lower *l, wt_value *x, int64_t k, int64_t block, wt_value **out, wt_err *err)
{
    const wt_attr keep = int_attr("keepdims", 0);
    wt_value *in[2] = { x };
    WT_TRY(wt_lower_ints(l, (int64_t[]){ 0, 0, k / block, block }, 4, &in[1], err));
    WT_TRY(wt_lower_put(l, "", "Reshape", in, 2, NULL, 0, &in[0], err));
    WT_TRY(wt_lower_ints(l, (int64_t[]){ -1 }, 1, &in[1], err));
    return wt_lower_put(l, "", "ReduceSum", in, 2, &keep, 1, out, err);
}

/* Two products that have x in common have its sums in common. */
static wt_status sums_of(wt_lower *l, wt_value *x, int64_t k, int64_t block, wt_value **out, wt_err *err)
{
    *out = made_before(l, x, WT_PART_SUMS, (int)block);
    if (*out)
        return WT_OK;
    WT_TRY(block_sums(l, x, k, block, out, err));
    return remember(l, x, WT_PART_SUMS, (int)block, *out, err);
}

/* Activations of 8 bits: what our own kernels of block formats round to, and what ONNX Runtime is fast with. */
enum { ACCURACY = 4 };

wt_status wt_lower_product(wt_lower *l, wt_value *x, const wt_value *matrix, wt_value **out, wt_err *err)
{
    wt_nbits_form form;
    wt_value *in[3] = { x }, *offsets, *sums;
    if (!as_codes(l, matrix, &form))
        return plain_product(l, x, matrix, out, err);
    const int64_t n = matrix->type.shape.dim[0], k = matrix->type.shape.dim[1], block = (int64_t)form.block;
    const wt_attr trans = int_attr("transB", 1);
    const wt_attr attrs[] = { int_attr("K", k), int_attr("N", n), int_attr("bits", form.bits),
                              int_attr("block_size", block), int_attr("accuracy_level", ACCURACY) };
    WT_TRY(make_part(l, matrix, WT_PART_CODES, WT_U8, &in[1], err));
    WT_TRY(make_part(l, matrix, WT_PART_SCALES, l->act, &in[2], err));
    WT_TRY(wt_lower_put(l, "com.microsoft", "MatMulNBits", in, 3, attrs, WT_ARRAY_LEN(attrs), out, err));
    if (!form.affine)
        return WT_OK;
    WT_TRY(sums_of(l, x, k, block, &sums, err));
    WT_TRY(make_part(l, matrix, WT_PART_OFFSETS, l->act, &offsets, err));
    WT_TRY(wt_lower_put(l, "com.microsoft", "FusedMatMul", (wt_value *[]){ sums, offsets }, 2, &trans, 1, &sums, err));
    return wt_lower_put(l, "", "Add", (wt_value *[]){ *out, sums }, 2, NULL, 0, out, err);
}

/* --- tables ------------------------------------------------------------------------------------------------------- */
/* rows + the offsets of their blocks */
static wt_status add_offsets(wt_lower *l, wt_value *ids, const wt_value *table, const wt_nbits_form *form,
                             wt_value **rows, wt_err *err)
{
    const int64_t k = table->type.shape.dim[1], block = (int64_t)form->block;
    const wt_attr axis = int_attr("axis", 0);
    wt_value *offsets, *shape, *last;
    WT_TRY(make_part(l, table, WT_PART_OFFSETS, l->act, &offsets, err));
    WT_TRY(wt_lower_put(l, "", "Gather", (wt_value *[]){ offsets, ids }, 2, &axis, 1, &offsets, err));
    WT_TRY(wt_lower_ints(l, (int64_t[]){ -1 }, 1, &last, err));
    WT_TRY(wt_lower_put(l, "", "Unsqueeze", (wt_value *[]){ offsets, last }, 2, NULL, 0, &offsets, err));
    WT_TRY(wt_lower_ints(l, (int64_t[]){ 0, 0, k / block, block }, 4, &shape, err));
    WT_TRY(wt_lower_put(l, "", "Reshape", (wt_value *[]){ *rows, shape }, 2, NULL, 0, rows, err));
    WT_TRY(wt_lower_put(l, "", "Add", (wt_value *[]){ *rows, offsets }, 2, NULL, 0, rows, err));
    WT_TRY(wt_lower_ints(l, (int64_t[]){ 0, 0, k }, 3, &shape, err));
    return wt_lower_put(l, "", "Reshape", (wt_value *[]){ *rows, shape }, 2, NULL, 0, rows, err);
}

wt_status wt_lower_rows(wt_lower *l, wt_value *ids, const wt_value *table, wt_value **out, wt_err *err)
{
    wt_nbits_form form;
    wt_value *in[3] = { NULL, ids };
    const wt_attr axis = int_attr("axis", 0);
    if (!as_codes(l, table, &form)) {
        const wt_dtype stored = stored_type(l, table->type.dtype);
        WT_TRY(wt_lower_constant(l, table, stored, &in[0], err));
        WT_TRY(wt_lower_put(l, "", "Gather", in, 2, &axis, 1, out, err));
        return cast(l, *out, stored, out, err);
    }
    const wt_attr attrs[] = { int_attr("bits", form.bits), int_attr("block_size", (int64_t)form.block),
                              int_attr("gather_axis", 0), int_attr("quantize_axis", 1) };
    WT_TRY(make_part(l, table, WT_PART_TABLE, WT_U8, &in[0], err));
    WT_TRY(make_part(l, table, WT_PART_SCALES, l->act, &in[2], err));
    WT_TRY(wt_lower_put(l, "com.microsoft", "GatherBlockQuantized", in, 3, attrs, WT_ARRAY_LEN(attrs), out, err));
    return form.affine ? add_offsets(l, ids, table, &form, out, err) : WT_OK;
}

/* --- angles ------------------------------------------------------------------------------------------------------- */
typedef struct angles_made {
    wt_made base;
    wt_rope rope;
    wt_dtype to;
    bool sine;
} angles_made;

static wt_status fill_angles(const wt_made *made, uint64_t first, uint64_t n, void *out, wt_err *err)
{
    const angles_made *m = (const angles_made *)(const void *)made;
    for (uint64_t at = first; at < first + n; at++)
        for (size_t i = 0; i < m->rope.half; i++) { /* as wt_rope_turn() does */
            const double angle = (double)at * m->rope.frequency[i];
            const float f = (float)(m->sine ? sin(angle) : cos(angle)) * m->rope.scale;
            const size_t bytes = wt_dtype_get(m->to)->block_bytes;
            uint8_t *to = (uint8_t *)out + ((at - first) * m->rope.half + i) * bytes;
            WT_TRY(wt_convert(&f, WT_F32, to, m->to, 1, true, err));
        }
    return WT_OK;
}

wt_status wt_lower_angles(wt_lower *l, const wt_rope *rope, int64_t rows, bool sine, wt_value **out, wt_err *err)
{
    char name[32];
    wt_tensor t = { .dtype = l->act, .data = rope->frequency };
    angles_made *m = wt_arena_alloc(&l->to->arena, 1, sizeof *m, err);
    if (!m)
        return WT_ENOMEM;
    t.shape = (wt_shape){ .rank = 2, .dim = { rows, (int64_t)rope->half } };
    *m = (angles_made){
        .base = { .rows = (uint64_t)rows, .fill = fill_angles }, .rope = *rope, .to = l->act, .sine = sine
    };
    if (!wt_dtype_bytes(l->act, rope->half, &m->base.row_bytes))
        return wt_fail(err, WT_ENOMEM, "a table of angles is too large");
    snprintf(name, sizeof name, "%s_cache", sine ? "sin" : "cos");
    return add_constant(l, name, t, &m->base, out, err);
}
