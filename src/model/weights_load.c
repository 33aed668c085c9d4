/* weights_load.c - rows of a tensor from what a file stores: each form is a rule for where a row's bytes come from.
 *
 * Permutations move whole rows along axis 0; where the tensor has one axis only (a bias), they move its elements. Rows
 * that are made (wt_rows) come from their function, one after the other.
 * Where the stored type is another one, rows are put in order first and converted then, one at a time. */
#include "model/blocks/blocks.h"
#include "model/weights_impl.h"

typedef struct loading {
    const wt_weight *weight;
    wt_dtype stored;
    size_t row, stored_row; /* bytes of a finished row, and of a stored one */
    size_t elements;        /* of a row */
    uint64_t rows;          /* of the tensor */
    uint64_t part_rows;
} loading;

static const uint8_t *stored_row(const loading *l, uint64_t row)
{
    return (const uint8_t *)l->weight->parts[row / l->part_rows] + (size_t)(row % l->part_rows) * l->stored_row;
}

/* Rows [row, row + n) of one part. */
static wt_status get_rows(const loading *l, uint64_t row, uint64_t n, uint8_t *out, wt_err *err)
{
    const wt_rows *rows = l->weight->parts[row / l->part_rows];
    if (l->weight->made)
        return rows->load(rows, rows->first + row % l->part_rows, n, out, err);
    memcpy(out, stored_row(l, row), (size_t)n * l->stored_row);
    return WT_OK;
}

static bool is_permuted(wt_weight_form form)
{
    return form == WT_FORM_PAIRS || form == WT_FORM_HALVES || form == WT_FORM_SPLIT_QKV || form == WT_FORM_GROUP_QKV;
}

/* How many of `units` rows (or elements) one head has. */
static wt_status head_width(const loading *l, uint64_t units, uint64_t *d, wt_err *err)
{
    const wt_weight *w = l->weight;
    const bool qkv = w->form == WT_FORM_SPLIT_QKV || w->form == WT_FORM_GROUP_QKV;
    size_t heads = w->heads > 0 ? (size_t)w->heads : 0;
    if (!heads || (qkv && (w->queries < 1 || wt_mul_overflows(heads, (size_t)w->queries + 2, &heads))) ||
        units % heads || (!qkv && units / heads % 2))
        return wt_fail_at(err, WT_EFORMAT, w->source, "tensor '%.*s': %llu rows do not make %llu heads%s",
                          (int)w->name.len, w->name.data, (unsigned long long)units, (unsigned long long)heads,
                          qkv ? " of q, k and v" : " of even width");
    *d = units / heads;
    return WT_OK;
}

/* Where unit i comes from; heads have d units. */
static uint64_t permuted(const wt_weight *w, uint64_t i, uint64_t d)
{
    const uint64_t head = i / d, k = i % d, groups = (uint64_t)w->heads, q = (uint64_t)w->queries;
    uint64_t from = head;
    switch (w->form) {
    case WT_FORM_PAIRS: return head * d + k % 2 * (d / 2) + k / 2;
    case WT_FORM_HALVES: return head * d + k % (d / 2) * 2 + k / (d / 2);
    case WT_FORM_SPLIT_QKV:
        if (head < groups * q)
            from = head / q * (q + 2) + head % q;
        else
            from = (head - groups * q) % groups * (q + 2) + q + (head - groups * q) / groups;
        break;
    case WT_FORM_GROUP_QKV: {
        const uint64_t group = head / (q + 2), place = head % (q + 2);
        from = place < q ? group * q + place : groups * q + (place - q) * groups + group;
        break;
    }
    default: break;
    }
    return from * d + k;
}

static wt_status load_permuted(const loading *l, uint64_t first, uint64_t n, uint8_t *out, wt_err *err)
{
    uint64_t d = 0;
    if (l->weight->shape.rank > 1) {
        /* a head is a group of rows, of one or more axes between the first and the last */
        WT_TRY(head_width(l, l->rows, &d, err));
        for (uint64_t i = 0; i < n; i++)
            WT_TRY(get_rows(l, permuted(l->weight, first + i, d), 1, out + i * l->stored_row, err));
        return WT_OK;
    }
    WT_TRY(head_width(l, l->elements, &d, err));
    const size_t size = l->stored_row / l->elements;
    const uint8_t *from = stored_row(l, 0);
    for (uint64_t i = 0; i < l->elements; i++)
        memcpy(out + i * size, from + permuted(l->weight, i, d) * size, size);
    return WT_OK;
}

static void load_transposed(const loading *l, uint64_t first, uint64_t n, uint8_t *out)
{
    const size_t size = l->stored_row / l->elements;
    const uint8_t *from = l->weight->parts[0]; /* [elements, rows] */
    for (uint64_t i = 0; i < n; i++)
        for (size_t k = 0; k < l->elements; k++)
            memcpy(out + i * l->stored_row + k * size, from + (k * (size_t)l->rows + (size_t)(first + i)) * size, size);
}

/* Rows in the order wanted, of the type stored. */
static wt_status load_rows(const loading *l, uint64_t first, uint64_t n, uint8_t *out, wt_err *err)
{
    if (is_permuted(l->weight->form))
        return load_permuted(l, first, n, out, err);
    if (l->weight->form == WT_FORM_TRANSPOSE)
        load_transposed(l, first, n, out);
    else if (l->weight->n_parts == 1)
        return get_rows(l, first, n, out, err);
    else
        for (uint64_t i = 0; i < n; i++)
            WT_TRY(get_rows(l, first + i, 1, out + i * l->stored_row, err));
    return WT_OK;
}

enum { CHUNK = 512 /* elements of a row converted at a time: whole blocks of every format */ };

static wt_status to_floats(const uint8_t *from, wt_dtype stored, float *out, size_t n, wt_err *err)
{
    const wt_block_codec *codec = wt_dtype_is_block(stored) ? wt_block_codec_get(stored) : NULL;
    if (!codec)
        return wt_convert(from, stored, out, WT_F32, n, false, err);
    codec->decode(from, out, n);
    return WT_OK;
}

/* A stored row into the type wanted, adding to each element. */
static wt_status finish(const loading *l, const uint8_t *from, uint8_t *out, float add, wt_err *err)
{
    float x[CHUNK];
    const wt_dtype_info *a = wt_dtype_get(l->stored), *b = wt_dtype_get(l->weight->dtype);
    for (size_t at = 0; at < l->elements; at += CHUNK) {
        const size_t k = l->elements - at < CHUNK ? l->elements - at : CHUNK;
        WT_TRY(to_floats(from + at / a->block_len * a->block_bytes, l->stored, x, k, err));
        for (size_t j = 0; add != 0.0f && j < k; j++)
            x[j] += add;
        WT_TRY(wt_convert(x, WT_F32, out + at / b->block_len * b->block_bytes, l->weight->dtype, k, false, err));
    }
    return WT_OK;
}

static wt_status load_changed(const loading *l, wt_context *ctx, uint64_t first, uint64_t n, uint8_t *out, wt_err *err)
{
    const wt_weight_form form = l->weight->form;
    const float add = form == WT_FORM_PLUS_1 ? 1.0f : form == WT_FORM_MINUS_1 ? -1.0f : 0.0f;
    uint8_t *row = wt_alloc_raw(ctx, l->stored_row, 1, err);
    wt_status st = row ? WT_OK : WT_ENOMEM;
    for (uint64_t i = 0; i < n && st == WT_OK; i++) {
        st = load_rows(l, first + i, 1, row, err);
        if (st == WT_OK)
            st = finish(l, row, out + i * l->row, add, err);
    }
    wt_free(ctx, row);
    return st;
}

static wt_status prepare(loading *l, const wt_weight *w, uint64_t first, uint64_t n, wt_err *err)
{
    const int rank = w->shape.rank;
    *l = (loading){ .weight = w, .stored = w->stored ? w->stored : w->dtype };
    l->elements = rank ? (size_t)w->shape.dim[rank - 1] : 1;
    l->rows = wt_weight_rows(w);
    const bool no_rows = w->made && (w->form == WT_FORM_AS_IS || w->form == WT_FORM_TRANSPOSE || rank < 2);
    const bool one_part = w->form != WT_FORM_STACK;
    if (!wt_dtype_bytes(w->dtype, l->elements, &l->row) || !wt_dtype_bytes(l->stored, l->elements, &l->stored_row) ||
        first > l->rows || n > l->rows - first || !w->n_parts || (one_part && w->n_parts != 1) ||
        l->rows % w->n_parts || no_rows || (w->form == WT_FORM_AS_IS && l->stored != w->dtype))
        return wt_fail(err, WT_EINTERNAL, "tensor '%.*s': rows %llu + %llu of %llu in %zu parts", (int)w->name.len,
                       w->name.data, (unsigned long long)first, (unsigned long long)n, (unsigned long long)l->rows,
                       w->n_parts);
    const bool by_element = w->form == WT_FORM_PLUS_1 || w->form == WT_FORM_MINUS_1 || w->form == WT_FORM_TRANSPOSE ||
                            (is_permuted(w->form) && rank < 2);
    if (by_element && wt_dtype_get(l->stored)->block_len != 1)
        return wt_fail_at(err, WT_EUNSUPPORTED, w->source, "tensor '%.*s': %s cannot be changed element by element",
                          (int)w->name.len, w->name.data, wt_dtype_name(l->stored));
    l->part_rows = l->rows / w->n_parts;
    return WT_OK;
}

wt_status wt_weight_load(const wt_weights *weights, const wt_weight *weight, uint64_t first, uint64_t n, void *out,
                         wt_err *err)
{
    loading l;
    wt_status st = prepare(&l, weight, first, n, err);
    const bool plus = weight->form == WT_FORM_PLUS_1 || weight->form == WT_FORM_MINUS_1;
    if (st == WT_OK && n && l.elements)
        st = plus || l.stored != weight->dtype ? load_changed(&l, weights->ctx, first, n, out, err)
                                               : load_rows(&l, first, n, out, err);
    if (st != WT_OK)
        wt_err_where(err, "%s", wt_weights_path(weights));
    return st;
}

uint64_t wt_weight_rows(const wt_weight *weight)
{
    return weight->shape.rank ? (uint64_t)wt_shape_product(&weight->shape, 0, weight->shape.rank - 1) : 1;
}

static wt_status load_of_weight(const wt_rows *rows, uint64_t first, uint64_t n, void *out, wt_err *err)
{
    return wt_weight_load(rows->with, rows->from, first, n, out, err);
}

const wt_rows *wt_rows_of_weight(wt_weights *into, const wt_weights *set, const wt_weight *weight, uint64_t first,
                                 wt_err *err)
{
    wt_rows *rows = wt_arena_alloc(wt_weights_arena(into), 1, sizeof *rows, err);
    if (rows)
        *rows = (wt_rows){ .load = load_of_weight, .from = weight, .with = set, .first = first };
    return rows;
}
