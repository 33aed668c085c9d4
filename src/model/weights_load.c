/* weights_load.c - rows of a tensor from what a file stores: each form is a rule for where a row's bytes come from.
 *
 * Permutations move whole rows along axis 0; where the tensor has one axis only (a bias), they move its elements. */
#include "model/weights_impl.h"

typedef struct loading {
    const wt_weight *weight;
    wt_dtype stored;
    size_t row;      /* bytes of a finished row */
    size_t elements; /* of a row */
    uint64_t rows;   /* of the tensor */
    uint64_t part_rows;
} loading;

static const uint8_t *stored_row(const loading *l, uint64_t row, size_t row_bytes)
{
    return (const uint8_t *)l->weight->parts[row / l->part_rows] + (size_t)(row % l->part_rows) * row_bytes;
}

/* Where unit `i` of `d` units of a head comes from. */
static uint64_t permuted(wt_weight_form form, uint64_t i, uint64_t d)
{
    const uint64_t head = i / d * d, k = i % d;
    return head + (form == WT_FORM_PAIRS ? k % 2 * (d / 2) + k / 2 : k % (d / 2) * 2 + k / (d / 2));
}

static wt_status check_heads(const loading *l, uint64_t units, uint64_t *d, wt_err *err)
{
    const wt_weight *w = l->weight;
    if (w->heads <= 0 || units % (uint64_t)w->heads || units / (uint64_t)w->heads % 2)
        return wt_fail_at(err, WT_EFORMAT, w->source, "tensor '%.*s': %llu rows do not make %lld heads of even width",
                          (int)w->name.len, w->name.data, (unsigned long long)units, (long long)w->heads);
    *d = units / (uint64_t)w->heads;
    return WT_OK;
}

static wt_status load_permuted(const loading *l, uint64_t first, uint64_t n, uint8_t *out, wt_err *err)
{
    uint64_t d = 0;
    const wt_weight_form form = l->weight->form;
    if (l->weight->shape.rank > 1) {
        /* a head is a group of rows, of one or more axes between the first and the last */
        WT_TRY(check_heads(l, l->rows, &d, err));
        for (uint64_t i = 0; i < n; i++)
            memcpy(out + i * l->row, stored_row(l, permuted(form, first + i, d), l->row), l->row);
        return WT_OK;
    }
    WT_TRY(check_heads(l, l->elements, &d, err));
    const size_t size = l->row / l->elements;
    const uint8_t *from = stored_row(l, 0, l->row);
    for (uint64_t i = 0; i < l->elements; i++)
        memcpy(out + i * size, from + permuted(form, i, d) * size, size);
    return WT_OK;
}

static wt_status load_plus_1(const loading *l, uint64_t first, uint64_t n, uint8_t *out, wt_err *err)
{
    enum { CHUNK = 512 };
    float x[CHUNK];
    size_t stored_bytes = 0;
    const size_t from_size = wt_dtype_get(l->stored)->block_bytes,
                 to_size = wt_dtype_get(l->weight->dtype)->block_bytes;
    if (!wt_dtype_bytes(l->stored, l->elements, &stored_bytes))
        return wt_fail(err, WT_EFORMAT, "a row's size overflows");
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *from = stored_row(l, first + i, stored_bytes);
        for (size_t at = 0; at < l->elements; at += CHUNK) {
            const size_t k = l->elements - at < CHUNK ? l->elements - at : CHUNK;
            WT_TRY(wt_convert(from + at * from_size, l->stored, x, WT_F32, k, false, err));
            for (size_t j = 0; j < k; j++)
                x[j] += 1.0f;
            WT_TRY(wt_convert(x, WT_F32, out + i * l->row + at * to_size, l->weight->dtype, k, false, err));
        }
    }
    return WT_OK;
}

static void load_transposed(const loading *l, uint64_t first, uint64_t n, uint8_t *out)
{
    const size_t size = l->row / l->elements;
    const uint8_t *from = l->weight->parts[0]; /* [elements, rows] */
    for (uint64_t i = 0; i < n; i++)
        for (size_t k = 0; k < l->elements; k++)
            memcpy(out + i * l->row + k * size, from + (k * (size_t)l->rows + (size_t)(first + i)) * size, size);
}

static wt_status prepare(loading *l, const wt_weight *w, uint64_t first, uint64_t n, wt_err *err)
{
    const int rank = w->shape.rank;
    *l = (loading){ .weight = w, .stored = w->stored ? w->stored : w->dtype };
    l->elements = rank ? (size_t)w->shape.dim[rank - 1] : 1;
    l->rows = rank ? (uint64_t)wt_shape_product(&w->shape, 0, rank - 1) : 1;
    const bool one_part = w->form != WT_FORM_STACK;
    if (!wt_dtype_bytes(w->dtype, l->elements, &l->row) || first > l->rows || n > l->rows - first || !w->n_parts ||
        (one_part && w->n_parts != 1) || l->rows % w->n_parts)
        return wt_fail(err, WT_EINTERNAL, "tensor '%.*s': rows %llu + %llu of %llu in %zu parts", (int)w->name.len,
                       w->name.data, (unsigned long long)first, (unsigned long long)n, (unsigned long long)l->rows,
                       w->n_parts);
    const bool whole_blocks = wt_dtype_get(w->dtype)->block_len == 1;
    const bool by_element = w->form == WT_FORM_PLUS_1 || w->form == WT_FORM_TRANSPOSE ||
                            ((w->form == WT_FORM_PAIRS || w->form == WT_FORM_HALVES) && rank < 2);
    if (by_element && !whole_blocks)
        return wt_fail_at(err, WT_EUNSUPPORTED, w->source, "tensor '%.*s': %s cannot be changed element by element",
                          (int)w->name.len, w->name.data, wt_dtype_name(w->dtype));
    l->part_rows = l->rows / w->n_parts;
    return WT_OK;
}

wt_status wt_weight_load(const wt_weights *weights, const wt_weight *weight, uint64_t first, uint64_t n, void *out,
                         wt_err *err)
{
    loading l;
    wt_status st = prepare(&l, weight, first, n, err);
    if (st == WT_OK && n && l.elements)
        switch (weight->form) {
        case WT_FORM_AS_IS: memcpy(out, stored_row(&l, first, l.row), (size_t)n * l.row); break;
        case WT_FORM_STACK:
            for (uint64_t i = 0; i < n; i++)
                memcpy((uint8_t *)out + i * l.row, stored_row(&l, first + i, l.row), l.row);
            break;
        case WT_FORM_PAIRS:
        case WT_FORM_HALVES: st = load_permuted(&l, first, n, out, err); break;
        case WT_FORM_PLUS_1: st = load_plus_1(&l, first, n, out, err); break;
        case WT_FORM_TRANSPOSE: load_transposed(&l, first, n, out); break;
        }
    if (st != WT_OK)
        wt_err_where(err, "%s", wt_weights_path(weights));
    return st;
}
