/* hf_tensors.c - from a folder's tensors to GGUF's: which is which, and what has to be done with it. */
#include <stdio.h>
#include <stdlib.h>
#include "base/str.h"
#include "hf_family.h"
#include "model/packed.h"

enum { NAME = 256 };

bool wt_hf_name(char *out, size_t size, const char *prefix, const char *pattern, int64_t layer, int64_t expert,
                const char *suffix)
{
    const bool whole = *pattern == '^';
    size_t n = (size_t)snprintf(out, size, "%s", whole ? "" : prefix);
    for (const char *p = pattern + whole; *p && n < size; p++) {
        if (*p == '#' || *p == '@')
            n += (size_t)snprintf(out + n, size - n, "%lld", (long long)(*p == '#' ? layer : expert));
        else
            out[n++] = *p;
    }
    if (n >= size)
        return false;
    return n + (size_t)snprintf(out + n, size - n, "%s", suffix) < size;
}

bool wt_hf_wants_f32(const char *gguf, int rank)
{
    const char *last = strrchr(gguf, '.');
    last = last ? last + 1 : gguf;
    return rank < 2 || !strcmp(last, "ffn_gate_inp") || !strcmp(last, "position_embd") || !strcmp(last, "token_types");
}

/* --- what was used -------------------------------------------------------------------------------------------------
 */
wt_status wt_hf_mark(wt_context *ctx, const wt_weight ***used, size_t *n, size_t *cap, const wt_weight *w, wt_err *err)
{
    WT_TRY(wt_grow(ctx, (void **)used, cap, *n + 1, sizeof **used, err));
    (*used)[(*n)++] = w;
    return WT_OK;
}

static int by_address(const void *a, const void *b)
{
    const uintptr_t x = (uintptr_t) * (const wt_weight *const *)a, y = (uintptr_t) * (const wt_weight *const *)b;
    return (x > y) - (x < y);
}

const wt_weight *wt_hf_first_unused(const wt_weights *set, const wt_weight **used, size_t n, wt_hf_skip_fn *skip,
                                    const void *user)
{
    if (n)
        qsort(used, n, sizeof *used, by_address);
    for (size_t i = 0; i < wt_weights_count(set); i++) {
        const wt_weight *w = wt_weights_at(set, i);
        if (!(n && bsearch(&w, used, n, sizeof *used, by_address)) && !skip(user, w->name))
            return w;
    }
    return NULL;
}

/* --- one tensor ----------------------------------------------------------------------------------------------------
 */
static wt_status bad_tensor(const wt_hf_model *m, const wt_weight *from, wt_err *err, const char *what)
{
    char shape[96];
    wt_fail_at(err, WT_EFORMAT, from->source, "tensor '%.*s', %s of %s, %s", (int)from->name.len, from->name.data,
               wt_dtype_name(from->dtype), wt_shape_text(&from->shape, NULL, shape, sizeof shape), what);
    wt_err_where(err, "%s", m->folder);
    wt_err_hint(err, "config.json and the tensors must be of the same model");
    return WT_EFORMAT;
}

/* The element type in the set: exact for every value. */
static wt_dtype wanted_dtype(wt_dtype stored, const char *gguf, int rank)
{
    if (wt_hf_wants_f32(gguf, rank) || stored == WT_F64)
        return WT_F32;
    return wt_dtype_is_float(stored) || wt_dtype_is_block(stored) ? stored : WT_F16;
}

static bool is_real(wt_dtype t)
{
    return wt_dtype_is_float(t) || wt_dtype_is_block(t) || t == WT_F8E4M3FN || t == WT_F8E5M2 || t == WT_F8E4M3FNUZ ||
           t == WT_F8E5M2FNUZ;
}

/* The rows of a part from `first` on; NULL: no memory. */
static const wt_rows *rows_from(wt_hf_model *m, const wt_rows *whole, uint64_t first, wt_err *err)
{
    wt_rows *rows = wt_arena_alloc(wt_weights_arena(m->set), 1, sizeof *rows, err);
    if (rows) {
        *rows = *whole;
        rows->first += first;
    }
    return rows;
}

/* Half of the rows of a matrix, or of each matrix of three axes: one part each. */
static wt_status halve(wt_hf_model *m, wt_weight *w, const wt_weight *from, bool lower, const void ***parts,
                       wt_err *err)
{
    const int rank = from->shape.rank;
    const int axis = rank - 2;
    if (rank < 2 || rank > 3 || from->shape.dim[axis] % 2)
        return bad_tensor(m, from, err, "has no halves");
    const int64_t n = rank == 3 ? from->shape.dim[0] : 1;
    const size_t whole = n ? from->bytes / (size_t)n : 0;
    w->shape.dim[axis] /= 2;
    w->form = WT_FORM_STACK;
    w->n_parts = (size_t)n;
    *parts = wt_alloc(m->ctx, w->n_parts, sizeof **parts, err);
    if (!*parts)
        return WT_ENOMEM;
    const uint64_t rows = (uint64_t)from->shape.dim[axis];
    for (size_t i = 0; i < w->n_parts; i++) {
        (*parts)[i] = from->made ? (const void *)rows_from(m, from->parts[0], i * rows + (lower ? rows / 2 : 0), err)
                                 : (const uint8_t *)from->parts[0] + i * whole + (lower ? whole / 2 : 0);
        if (!(*parts)[i])
            return WT_ENOMEM;
    }
    return WT_OK;
}

/* Experts of a layer become one tensor, whose type all of them have: where their scales led to different ones, the one
 * that holds all. */
static void even_out(wt_hf_model *m, const wt_hf_tensor *row, int64_t layer, const char *suffix)
{
    char name[NAME];
    wt_dtype common = WT_DTYPE_NONE;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t e = 0; e < m->experts; e++) {
            const wt_weight *found = wt_hf_name(name, sizeof name, m->prefix, row->hf, layer, e, suffix)
                                         ? wt_weights_find(m->raw, name)
                                         : NULL;
            wt_weight *one = (wt_weight *)(uintptr_t)found; /* of the set that wt_hf_unpack made */
            if (!one || !one->made)
                return;
            const wt_rows *rows = one->parts[0];
            wt_packed *p = (wt_packed *)(uintptr_t)rows->from;
            if (pass == 0)
                common = common ? wt_packed_common(common, p->dtype) : p->dtype;
            else
                one->dtype = p->dtype = common;
        }
}

static wt_status stack(wt_hf_model *m, wt_weight *w, const wt_weight *from, const wt_hf_tensor *row, int64_t layer,
                       const char *suffix, const void ***parts, wt_err *err)
{
    char name[NAME];
    if (from->shape.rank != 2)
        return bad_tensor(m, from, err, "is no matrix of an expert");
    *parts = wt_alloc(m->ctx, (size_t)m->experts, sizeof **parts, err);
    if (!*parts)
        return WT_ENOMEM;
    if (from->made)
        even_out(m, row, layer, suffix);
    for (int64_t e = 0; e < m->experts; e++) {
        const wt_weight *one = wt_hf_name(name, sizeof name, m->prefix, row->hf, layer, e, suffix)
                                   ? wt_weights_find(m->raw, name)
                                   : NULL;
        if (!one)
            return wt_hf_refuse(m, WT_EFORMAT, "download the model again, with all its files", err,
                                "tensor '%s' is missing: the model has %lld experts", name, (long long)m->experts);
        if (!wt_shape_equal(&one->shape, &from->shape) || one->dtype != from->dtype || one->made != from->made)
            return bad_tensor(m, one, err, "is not like that of expert 0");
        WT_TRY(wt_hf_mark(m->ctx, &m->used, &m->n_used, &m->used_cap, one, err));
        (*parts)[e] = one->parts[0];
    }
    w->n_parts = (size_t)m->experts;
    w->form = WT_FORM_STACK;
    w->shape = wt_shape_make(3, (int64_t[]){ m->experts, from->shape.dim[0], from->shape.dim[1] });
    return WT_OK;
}

static wt_status change(wt_hf_model *m, wt_weight *w, const wt_weight *from, const wt_hf_tensor *row, int64_t layer,
                        const char *suffix, const void ***parts, wt_err *err)
{
    switch (row->change) {
    case WT_HF_SAME: break;
    case WT_HF_PAIRS_Q:
    case WT_HF_PAIRS_K:
        w->form = WT_FORM_PAIRS;
        w->heads = row->change == WT_HF_PAIRS_Q ? m->heads : m->kv_heads;
        break;
    case WT_HF_PLUS_1: w->form = WT_FORM_PLUS_1; break;
    case WT_HF_TRANSPOSE:
        if (from->shape.rank == 2 && !from->made && !m->mlx) {
            w->form = WT_FORM_TRANSPOSE;
            w->shape = wt_shape_make(2, (int64_t[]){ from->shape.dim[1], from->shape.dim[0] });
        }
        break;
    case WT_HF_QKV:
        w->form = WT_FORM_SPLIT_QKV;
        w->heads = m->kv_heads;
        w->queries = m->heads / m->kv_heads;
        break;
    case WT_HF_EXPERTS: return stack(m, w, from, row, layer, suffix, parts, err);
    case WT_HF_UPPER:
    case WT_HF_LOWER: return halve(m, w, from, row->change == WT_HF_LOWER, parts, err);
    case WT_HF_FLAT:
        if (from->shape.rank != 2 || from->shape.dim[0] != 1)
            return bad_tensor(m, from, err, "is no matrix of one row");
        w->shape = wt_shape_make(1, &from->shape.dim[1]);
        break;
    }
    return WT_OK;
}

/* Permutations fail when rows make no heads: here, not when the data are asked for. */
static wt_status check_heads(const wt_hf_model *m, const wt_weight *w, const wt_weight *from, wt_err *err)
{
    const int64_t rows = w->shape.dim[0];
    const bool pairs = w->form == WT_FORM_PAIRS, qkv = w->form == WT_FORM_SPLIT_QKV;
    if (!pairs && !qkv)
        return WT_OK;
    const int64_t heads = qkv ? w->heads * (w->queries + 2) : w->heads;
    if (!w->shape.rank || rows % heads || (pairs && rows / heads % 2))
        return bad_tensor(m, from, err, "has no rows for whole heads");
    return WT_OK;
}

static wt_status add(wt_hf_model *m, const char *name, const wt_weight *from, const wt_hf_tensor *row, int64_t layer,
                     const char *suffix, wt_err *err)
{
    const void **parts = NULL;
    wt_weight w = *from;
    w.name = (wt_string){ name, strlen(name) };
    w.form = WT_FORM_AS_IS;
    if (!is_real(from->dtype))
        return bad_tensor(m, from, err, "is not of real numbers");
    wt_status st = change(m, &w, from, row, layer, suffix, &parts, err);
    if (st == WT_OK)
        st = check_heads(m, &w, from, err);
    w.dtype = wanted_dtype(from->dtype, row->gguf, w.shape.rank);
    w.stored = w.dtype == from->dtype ? WT_DTYPE_NONE : from->dtype;
    if (st == WT_OK && w.made && w.shape.rank < 2)
        st = bad_tensor(m, from, err, "cannot be quantized here");
    if (w.form == WT_FORM_AS_IS && (w.stored || from->form != WT_FORM_AS_IS))
        w.form = WT_FORM_STACK;
    if (parts)
        w.parts = parts;
    if (st == WT_OK)
        st = wt_weights_add(m->set, &w, err);
    wt_free(m->ctx, parts);
    return st == WT_OK ? wt_hf_mark(m->ctx, &m->used, &m->n_used, &m->used_cap, from, err) : st;
}

/* --- all -----------------------------------------------------------------------------------------------------------
 */
bool wt_hf_mlx_row(const wt_hf_tensor *row, char *pattern, size_t size, wt_hf_tensor *out)
{
    static const char *const names[][2] = {
        { "experts.@.w1", "switch_mlp.gate_proj" },
        { "experts.@.w2", "switch_mlp.down_proj" },
        { "experts.@.w3", "switch_mlp.up_proj" },
        { "experts.@.", "switch_mlp." },
        { "block_sparse_moe.output_linear", "block_sparse_moe.switch_mlp.down_proj" },
        { "block_sparse_moe.input_linear", "block_sparse_moe.switch_mlp.gate_proj" }
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++) {
        const char *at = strstr(row->hf, names[i][0]);
        const char *to = row->change == WT_HF_LOWER ? "block_sparse_moe.switch_mlp.up_proj" : names[i][1];
        if (!at)
            continue;
        snprintf(pattern, size, "%.*s%s%s", (int)(at - row->hf), row->hf, to, at + strlen(names[i][0]));
        *out = (wt_hf_tensor){ row->gguf, pattern, WT_HF_SAME };
        return true;
    }
    return false;
}

static const wt_weight *find_row(const wt_hf_model *m, const wt_hf_tensor *row, int64_t layer, const char *suffix,
                                 char *name)
{
    return wt_hf_name(name, NAME, m->prefix, row->hf, layer, 0, suffix) ? wt_weights_find(m->raw, name) : NULL;
}

static wt_status read_row(wt_hf_model *m, const wt_hf_tensor *row, int64_t layer, wt_err *err)
{
    static const char *const suffixes[] = { ".weight", ".bias" };
    for (size_t i = 0; i < WT_ARRAY_LEN(suffixes); i++) {
        char from[NAME], to[NAME], pattern[NAME];
        wt_hf_tensor other;
        if (!wt_hf_name(to, sizeof to, "", row->gguf, layer, 0, suffixes[i]))
            return wt_fail(err, WT_EINTERNAL, "a tensor's name is too long");
        const wt_weight *w = find_row(m, row, layer, suffixes[i], from);
        const bool stacked = !w && m->mlx && wt_hf_mlx_row(row, pattern, sizeof pattern, &other);
        if (stacked)
            w = find_row(m, &other, layer, suffixes[i], from);
        if (w && m->tied && !strcmp(row->gguf, "output"))
            WT_TRY(wt_hf_mark(m->ctx, &m->used, &m->n_used, &m->used_cap, w, err));
        else if (w)
            WT_TRY(add(m, to, w, stacked ? &other : row, layer, suffixes[i], err));
    }
    return WT_OK;
}

static wt_status read_rows(wt_hf_model *m, int64_t layer, wt_err *err)
{
    for (size_t t = 0; t < WT_HF_TABLES; t++)
        for (const wt_hf_tensor *row = m->family->tensors[t]; row && row->gguf; row++)
            if ((strchr(row->gguf, '#') != NULL) == (layer >= 0))
                WT_TRY(read_row(m, row, layer, err));
    return WT_OK;
}

static bool ignored(const void *user, wt_string name)
{
    const wt_hf_model *m = user;
    for (size_t i = 0; i < WT_HF_IGNORED && m->family->ignored[i]; i++)
        if (wt_glob_match(m->family->ignored[i], name.data))
            return true;
    return false;
}

static wt_status find_prefix(wt_hf_model *m, wt_err *err)
{
    char name[NAME];
    for (size_t i = 0; i < WT_ARRAY_LEN(m->family->prefixes) && m->family->prefixes[i]; i++) {
        m->prefix = m->family->prefixes[i];
        if (wt_hf_name(name, sizeof name, m->prefix, m->family->tensors[0]->hf, 0, 0, ".weight") &&
            wt_weights_find(m->raw, name))
            return WT_OK;
    }
    wt_hf_name(name, sizeof name, m->family->prefixes[0], m->family->tensors[0]->hf, 0, 0, ".weight");
    return wt_hf_refuse(m, WT_EFORMAT, "config.json and the tensors must be of the same model", err,
                        "tensor '%s' is missing, which a model of type '%s' needs", name, m->family->model_type);
}

/* A head that is the table of embeddings again is not kept twice. */
static bool is_tied(const wt_hf_model *m)
{
    const json_t *said = wt_hf_get(m->root, "tie_word_embeddings");
    return said ? json_is_true(said) : m->family->tied;
}

wt_status wt_hf_read_tensors(wt_hf_model *m, wt_err *err)
{
    WT_TRY(find_prefix(m, err));
    m->tied = is_tied(m);
    for (int64_t layer = -1; layer < m->layers; layer++)
        WT_TRY(read_rows(m, layer, err));
    const wt_weight *left = wt_hf_first_unused(m->raw, m->used, m->n_used, ignored, m);
    if (!left)
        return WT_OK;
    wt_fail_at(err, WT_EUNSUPPORTED, left->source, "tensor '%.*s' has no place in a model of type '%s'",
               (int)left->name.len, left->name.data, m->family->model_type);
    wt_err_where(err, "%s", m->folder);
    wt_err_hint(err, "the model is a variant that is not known here");
    return WT_EUNSUPPORTED;
}
