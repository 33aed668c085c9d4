/* hf_export.c - from GGUF's tensors to a folder's: the tables the other way round, each change undone.
 *
 * Element types: a folder has one for (nearly) all of it. What GGUF widened (norms) goes back to it where no value
 * changes by that; block formats become plain numbers, and the ledger says so. */
#include <stdio.h>
#include "hf_mlx.h"
#include "model/formats/safetensors/safetensors.h"

enum { NAME = 256, CHUNK = 1024 };

/* --- element types -------------------------------------------------------------------------------------------------
 */
static wt_status note(wt_hf_export *x, const wt_weight *v, wt_dtype was, const char *why, wt_err *err)
{
    if (!x->options->ledger || was == v->dtype)
        return WT_OK;
    json_t *line = json_pack("{s:s%,s:s,s:s,s:s,s:s}", "tensor", v->name.data, v->name.len, "was", wt_dtype_name(was),
                             "asked", wt_dtype_name(x->dtype), "got", wt_dtype_name(v->dtype), "why", why);
    if (line && json_array_append_new(x->options->ledger, line) == 0)
        return WT_OK;
    return wt_fail(err, WT_ENOMEM, "no memory for the ledger");
}

/* Whether all values of v, whose type is float32, are values of `to`. */
static wt_status is_exact(wt_hf_export *x, const wt_weight *v, wt_dtype to, bool *out, wt_err *err)
{
    const int rank = v->shape.rank;
    const size_t n = rank ? (size_t)v->shape.dim[rank - 1] : 1;
    const uint64_t rows = rank ? (uint64_t)wt_shape_product(&v->shape, 0, rank - 1) : 1;
    float *row = wt_alloc_raw(x->ctx, n, sizeof *row, err);
    wt_status st = row ? WT_OK : WT_ENOMEM;
    *out = true;
    for (uint64_t i = 0; i < rows && st == WT_OK && *out; i++) {
        st = wt_weight_load(x->set, v, i, 1, row, err);
        for (size_t at = 0; at < n && st == WT_OK && *out; at += CHUNK) {
            float narrow[CHUNK], back[CHUNK];
            const size_t k = n - at < CHUNK ? n - at : CHUNK;
            st = wt_convert(row + at, WT_F32, narrow, to, k, false, err);
            if (st == WT_OK)
                st = wt_convert(narrow, to, back, WT_F32, k, false, err);
            *out = st == WT_OK && !memcmp(back, row + at, k * sizeof *back);
        }
    }
    wt_free(x->ctx, row);
    return st;
}

static void set_dtype(wt_weight *v, wt_dtype from, wt_dtype to)
{
    v->dtype = to;
    v->stored = from == to ? WT_DTYPE_NONE : from;
    if (v->form == WT_FORM_AS_IS && v->stored)
        v->form = WT_FORM_STACK;
}

static wt_status choose_dtype(wt_hf_export *x, wt_weight *v, wt_dtype from, wt_err *err)
{
    bool exact = false;
    const bool told = x->options->dtype != WT_DTYPE_NONE;
    if (from == x->dtype || wt_dtype_is_block(from)) {
        set_dtype(v, from, x->dtype);
        return note(x, v, from, "safetensors has no block formats: every block was decoded", err);
    }
    if (!wt_dtype_is_float(from))
        return wt_fail(err, WT_EUNSUPPORTED, "tensor '%.*s' has the type %s, which no layer can have", (int)v->name.len,
                       v->name.data, wt_dtype_name(from));
    if (!told) {
        set_dtype(v, from, WT_F32);
        WT_TRY(is_exact(x, v, x->dtype, &exact, err));
    }
    set_dtype(v, from, told || exact ? x->dtype : from);
    return note(x, v, from, exact ? "the type of the rest; no value changed" : "the type that was asked for", err);
}

/* The type that most of the model has; what is in blocks counts as float16. */
wt_dtype wt_hf_export_dtype(const wt_hf_export *x)
{
    const wt_weights *set = x->set;
    uint64_t elements[WT_DTYPE_COUNT] = { 0 };
    static const wt_dtype plain[] = { WT_F16, WT_BF16, WT_F32 };
    wt_dtype most = WT_F16;
    if (x->options->dtype)
        return x->options->dtype;
    for (size_t i = 0; i < wt_weights_count(set); i++) {
        const wt_weight *w = wt_weights_at(set, i);
        int64_t n = 0;
        if (wt_shape_count(&w->shape, &n))
            elements[wt_dtype_is_block(w->dtype) ? WT_F16 : w->dtype] += (uint64_t)n;
    }
    for (size_t i = 0; i < WT_ARRAY_LEN(plain); i++)
        if (elements[plain[i]] > elements[most])
            most = plain[i];
    return most;
}

/* --- one tensor ----------------------------------------------------------------------------------------------------
 */
/* Where the rows of a tensor come from: data as they are, or rows made when they are asked for. */
typedef struct source {
    wt_dtype dtype;
    wt_shape shape;
    const void *part;
    bool made;
    size_t row_bytes;
} source;

/* The part from a row on; NULL: no memory. */
static const void *slice(wt_hf_export *x, const source *s, uint64_t row, wt_err *err)
{
    if (!s->made)
        return (const uint8_t *)s->part + (size_t)row * s->row_bytes;
    wt_rows *rows = wt_arena_alloc(wt_weights_arena(x->view), 1, sizeof *rows, err);
    if (rows) {
        *rows = *(const wt_rows *)s->part;
        rows->first += row;
    }
    return rows;
}

/* All of a tensor, finished; single elements have to be moved, so blocks are decoded. */
static wt_status finished_data(wt_hf_export *x, const wt_weight *w, source *s, wt_err *err)
{
    wt_tensor t;
    int64_t n = 0;
    const int rank = w->shape.rank;
    WT_TRY(wt_weight_data(x->set, w, &t, err));
    s->part = t.data;
    if (!wt_dtype_is_block(w->dtype))
        return WT_OK;
    wt_weight plain = { .name = w->name, .shape = w->shape, .parts = &t.data, .n_parts = 1 };
    set_dtype(&plain, w->dtype, WT_F32);
    if (!wt_shape_count(&w->shape, &n) || !rank)
        return wt_fail(err, WT_EFORMAT, "tensor '%.*s': its size overflows", (int)w->name.len, w->name.data);
    float *data = wt_weights_pages(x->view, (size_t)n * sizeof *data, err);
    if (!data)
        return WT_ENOMEM;
    s->part = data;
    s->dtype = WT_F32;
    return wt_weight_load(x->set, &plain, 0, wt_weight_rows(w), data, err);
}

static wt_status source_of(wt_hf_export *x, const wt_weight *w, bool elements, source *s, wt_err *err)
{
    *s = (source){ .dtype = w->dtype, .shape = w->shape, .part = w->form == WT_FORM_AS_IS ? w->parts[0] : NULL };
    WT_TRY(wt_hf_mark(x->ctx, &x->used, &x->n_used, &x->used_cap, w, err));
    if (elements && (!s->part || wt_dtype_is_block(w->dtype))) {
        WT_TRY(finished_data(x, w, s, err));
    } else if (!s->part) {
        s->part = wt_rows_of_weight(x->view, x->set, w, 0, err);
        s->made = true;
        if (!s->part)
            return WT_ENOMEM;
    }
    const uint64_t columns = s->shape.rank ? (uint64_t)s->shape.dim[s->shape.rank - 1] : 1;
    return wt_dtype_bytes(s->dtype, columns, &s->row_bytes) ? WT_OK
                                                            : wt_fail(err, WT_EFORMAT, "a row's size overflows");
}

static wt_status put(wt_hf_export *x, wt_weight *v, const char *name, wt_dtype from, wt_err *err)
{
    v->name = (wt_string){ name, strlen(name) };
    if (wt_hf_mlx_wants(x, v, from))
        return wt_hf_mlx_put(x, v, from, err);
    WT_TRY(choose_dtype(x, v, from, err));
    return wt_weights_add(x->view, v, err);
}

static wt_status put_experts(wt_hf_export *x, const source *s, const wt_hf_tensor *row, int64_t layer,
                             const char *suffix, wt_err *err)
{
    const int64_t n = s->shape.rank == 3 ? s->shape.dim[0] : 0;
    for (int64_t e = 0; e < n; e++) {
        char name[NAME];
        const void *part = slice(x, s, (uint64_t)(e * s->shape.dim[1]), err);
        wt_weight v = { .shape = wt_shape_make(2, s->shape.dim + 1),
                        .form = s->made ? WT_FORM_STACK : WT_FORM_AS_IS,
                        .parts = &part,
                        .n_parts = 1,
                        .made = s->made };
        if (!part)
            return WT_ENOMEM;
        if (!wt_hf_name(name, sizeof name, x->family->prefixes[0], row->hf, layer, e, suffix))
            return wt_fail(err, WT_EINTERNAL, "a tensor's name is too long");
        WT_TRY(put(x, &v, name, s->dtype, err));
    }
    return n ? WT_OK : wt_fail(err, WT_EFORMAT, "tensor '%s' has no axis of experts", row->gguf);
}

static const wt_hf_tensor *partner(const wt_hf_export *x, const wt_hf_tensor *row)
{
    for (size_t t = 0; t < WT_HF_TABLES; t++)
        for (const wt_hf_tensor *r = x->family->tensors[t]; r && r->gguf; r++)
            if (r->change == WT_HF_LOWER && !strcmp(r->hf, row->hf))
                return r;
    return NULL;
}

/* Two tensors whose matrices become halves of one. */
static wt_status put_halves(wt_hf_export *x, const source *upper, const wt_hf_tensor *row, int64_t layer,
                            const char *suffix, const char *name, wt_err *err)
{
    char other[NAME];
    source lower;
    const wt_hf_tensor *below = partner(x, row);
    wt_hf_name(other, sizeof other, "", below->gguf, layer, 0, suffix);
    const wt_weight *w = wt_weights_find(x->set, other);
    if (!w || !wt_shape_equal(&w->shape, &upper->shape) || w->dtype != upper->dtype)
        return wt_fail(err, WT_EFORMAT, "tensor '%s' is missing or is not like its other half", other);
    WT_TRY(source_of(x, w, false, &lower, err));
    if (lower.made != upper->made)
        return wt_fail(err, WT_EFORMAT, "tensor '%s' is not stored like its other half", other);
    const size_t n = upper->shape.rank == 3 ? (size_t)upper->shape.dim[0] : 1;
    const uint64_t rows = (uint64_t)upper->shape.dim[upper->shape.rank - 2];
    const void **parts = wt_alloc(x->ctx, 2 * n, sizeof *parts, err);
    wt_status st = parts ? WT_OK : WT_ENOMEM;
    for (size_t i = 0; i < n && st == WT_OK; i++) {
        parts[2 * i] = slice(x, upper, i * rows, err);
        parts[2 * i + 1] = slice(x, &lower, i * rows, err);
        st = parts[2 * i] && parts[2 * i + 1] ? WT_OK : WT_ENOMEM;
    }
    wt_weight v = {
        .shape = upper->shape, .form = WT_FORM_STACK, .parts = parts, .n_parts = 2 * n, .made = upper->made
    };
    v.shape.dim[upper->shape.rank - 2] *= 2;
    if (st == WT_OK)
        st = put(x, &v, name, upper->dtype, err);
    wt_free(x->ctx, parts);
    return st;
}

/* A prefix of its own for models whose layers MLX keeps in "model". */
static const char *prefix_of(const wt_hf_export *x)
{
    return x->options->mlx && !strcmp(x->family->model_type, "gpt2") ? "model." : x->family->prefixes[0];
}

static wt_status put_tensor(wt_hf_export *x, const wt_weight *w, const wt_hf_tensor *row, int64_t layer,
                            const char *suffix, wt_err *err)
{
    char name[NAME];
    char pattern[NAME];
    source t;
    wt_hf_tensor other;
    const bool transpose = row->change == WT_HF_TRANSPOSE && w->shape.rank == 2 && !x->options->mlx;
    const bool elements = transpose || row->change == WT_HF_PLUS_1 || w->shape.rank < 2;
    if (x->options->mlx && wt_hf_mlx_row(row, pattern, sizeof pattern, &other))
        row = &other;
    x->gguf = row->gguf;
    WT_TRY(source_of(x, w, elements, &t, err));
    if (!wt_hf_name(name, sizeof name, prefix_of(x), row->hf, layer, 0, suffix))
        return wt_fail(err, WT_EINTERNAL, "a tensor's name is too long");
    wt_weight v = { .shape = t.shape, .parts = &t.part, .n_parts = 1, .made = t.made };
    if (v.made)
        v.form = WT_FORM_STACK;
    switch (row->change) {
    case WT_HF_SAME: break;
    case WT_HF_PAIRS_Q:
    case WT_HF_PAIRS_K:
        v.form = WT_FORM_HALVES;
        v.heads = row->change == WT_HF_PAIRS_Q ? x->heads : x->kv_heads;
        break;
    case WT_HF_PLUS_1: v.form = WT_FORM_MINUS_1; break;
    case WT_HF_TRANSPOSE:
        if (transpose) {
            v.form = WT_FORM_TRANSPOSE;
            v.shape = wt_shape_make(2, (int64_t[]){ t.shape.dim[1], t.shape.dim[0] });
        }
        break;
    case WT_HF_QKV:
        v.form = WT_FORM_GROUP_QKV;
        v.heads = x->kv_heads;
        v.queries = x->heads / x->kv_heads;
        break;
    case WT_HF_EXPERTS: return put_experts(x, &t, row, layer, suffix, err);
    case WT_HF_UPPER:
        return t.shape.rank < 2 ? wt_fail(err, WT_EFORMAT, "tensor '%s' is no matrix", name)
                                : put_halves(x, &t, row, layer, suffix, name, err);
    case WT_HF_LOWER: return WT_OK; /* went with the other half */
    case WT_HF_FLAT:
        if (t.shape.rank == 1)
            v.shape = wt_shape_make(2, (int64_t[]){ 1, t.shape.dim[0] });
        break;
    }
    return put(x, &v, name, t.dtype, err);
}

/* --- all -----------------------------------------------------------------------------------------------------------
 */
/* Falcon's norm has another name where there are two of them: the second row of the table that has GGUF's name. */
static bool is_other_name(const wt_hf_export *x, const wt_hf_tensor *table, const wt_hf_tensor *row, int64_t layer)
{
    char second[NAME];
    const wt_hf_tensor *first = table, *last = row;
    while (strcmp(first->gguf, row->gguf) != 0)
        first++;
    for (const wt_hf_tensor *r = first; r->gguf; r++)
        if (!strcmp(r->gguf, row->gguf))
            last = r;
    if (first == last)
        return false;
    wt_hf_name(second, sizeof second, "", row->gguf, layer, 0, "_2.weight");
    return (row == first) == (wt_weights_find(x->set, second) != NULL);
}

static wt_status export_rows(wt_hf_export *x, const wt_hf_tensor *table, int64_t layer, wt_err *err)
{
    static const char *const suffixes[] = { ".weight", ".bias" };
    for (const wt_hf_tensor *row = table; row && row->gguf; row++) {
        if ((strchr(row->gguf, '#') != NULL) != (layer >= 0) || is_other_name(x, table, row, layer))
            continue;
        for (size_t i = 0; i < WT_ARRAY_LEN(suffixes); i++) {
            char name[NAME];
            const wt_weight *w = wt_hf_name(name, sizeof name, "", row->gguf, layer, 0, suffixes[i])
                                     ? wt_weights_find(x->set, name)
                                     : NULL;
            if (w)
                WT_TRY(put_tensor(x, w, row, layer, suffixes[i], err));
        }
    }
    return WT_OK;
}

static bool skip_none(const void *user, wt_string name)
{
    (void)user;
    (void)name;
    return false;
}

wt_status wt_hf_export_tensors(wt_hf_export *x, wt_err *err)
{
    for (int64_t layer = -1; layer < x->layers; layer++)
        for (size_t t = 0; t < WT_HF_TABLES; t++)
            WT_TRY(export_rows(x, x->family->tensors[t], layer, err));
    const wt_weight *left = wt_hf_first_unused(x->set, x->used, x->n_used, skip_none, NULL);
    if (!left)
        return WT_OK;
    wt_fail(err, WT_EUNSUPPORTED, "tensor '%.*s' has no place in a folder of a model of type '%s'", (int)left->name.len,
            left->name.data, x->family->model_type);
    wt_err_hint(err, "keep the model in GGUF");
    return WT_EUNSUPPORTED;
}
