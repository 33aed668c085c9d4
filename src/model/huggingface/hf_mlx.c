/* hf_mlx.c - what a folder for MLX has that one for transformers has not: matrices in three tensors, the description of
 * them in config.json, experts in one tensor. */
#include "hf_mlx.h"
#include <math.h>
#include <stdio.h>
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"

enum { NAME = 256 };

/* --- what cannot be written ----------------------------------------------------------------------------------------
 */
wt_status wt_hf_mlx_check(const wt_hf_export *x, wt_err *err)
{
    static const char *const unknown[] = { "falcon", "bert", "nomic_bert", "gpt_neox", "granitemoeshared" };
    for (size_t i = 0; i < WT_ARRAY_LEN(unknown); i++)
        if (!strcmp(x->family->model_type, unknown[i])) {
            wt_fail(err, WT_EUNSUPPORTED, "MLX's language models have none of type '%s'", x->family->model_type);
            wt_err_hint(err, "write the model as safetensors or GGUF");
            return WT_EUNSUPPORTED;
        }
    return WT_OK;
}

/* --- which matrices, and as what -----------------------------------------------------------------------------------
 */
/* The type of scales that changes none of them. */
static wt_status scales_of_affine8(const wt_weights *set, const wt_weight *w, wt_dtype *out, wt_err *err)
{
    wt_context *ctx = wt_weights_context(set);
    const size_t columns = (size_t)w->shape.dim[w->shape.rank - 1], bytes = columns / 32 * 40;
    bool half = true, brain = true;
    uint8_t *row = wt_alloc_raw(ctx, bytes, 1, err);
    wt_status st = row ? WT_OK : WT_ENOMEM;
    for (uint64_t i = 0; i < wt_weight_rows(w) && st == WT_OK && (half || brain); i++) {
        st = wt_weight_load(set, w, i, 1, row, err);
        for (size_t at = 0; at < bytes && st == WT_OK; at += 40)
            for (size_t k = 0; k < 8; k += 4) {
                float f;
                memcpy(&f, row + at + k, 4);
                half &= wt_f16_to_f32(wt_f32_to_f16(f)) == f;
                brain &= wt_bf16_to_f32(wt_f32_to_bf16(f)) == f;
            }
    }
    wt_free(ctx, row);
    *out = half ? WT_F16 : brain ? WT_BF16 : WT_F32;
    return st;
}

static wt_status choose(const wt_hf_export *x, const wt_weights *set, const wt_weight *w, wt_mlx_matrix *m, wt_err *err)
{
    wt_mlx_scheme own = { 0 };
    wt_dtype scales = WT_DTYPE_NONE;
    const wt_mlx_scheme *asked = x->options->mlx_scheme;
    *m = (wt_mlx_matrix){ .set = set, .weight = w };
    m->bridged = wt_mlx_scheme_of_blocks(w->dtype, &own, &scales) && (!asked || wt_mlx_scheme_equal(*asked, own));
    m->scheme = m->bridged ? own : *asked;
    m->scales = !m->bridged || x->options->dtype ? x->dtype : scales;
    if (m->bridged && w->dtype == WT_AFFINE8 && !x->options->dtype)
        return scales_of_affine8(set, w, &m->scales, err);
    return WT_OK;
}

bool wt_hf_mlx_wants(const wt_hf_export *x, const wt_weight *v, wt_dtype from)
{
    wt_mlx_scheme own;
    wt_dtype scales;
    const int rank = v->shape.rank;
    if (!x->options->mlx || rank < 2 || !wt_str_ends(v->name.data, ".weight") || wt_hf_wants_f32(x->gguf, rank))
        return false;
    const wt_mlx_scheme *asked = x->options->mlx_scheme;
    const int64_t columns = v->shape.dim[rank - 1];
    if (!asked)
        return wt_mlx_scheme_of_blocks(from, &own, &scales);
    return columns % asked->group == 0 && columns * asked->bits % 32 == 0 &&
           (wt_dtype_is_float(from) || wt_dtype_is_block(from));
}

static wt_status add_part(wt_hf_export *x, wt_mlx_matrix *m, wt_mlx_part part, const char *path, wt_err *err)
{
    static const int numbers[] = { WT_MLX_WEIGHT, WT_MLX_SCALES, WT_MLX_BIASES };
    char name[NAME + 16];
    wt_rows *rows = wt_arena_alloc(wt_weights_arena(x->view), 1, sizeof *rows, err);
    if (!rows)
        return WT_ENOMEM;
    *rows = (wt_rows){ .load = wt_mlx_load, .from = m, .with = &numbers[part] };
    const void *list = rows;
    snprintf(name, sizeof name, "%s%s", path, wt_mlx_part_name(part));
    wt_weight w = { .name = { name, strlen(name) },
                    .dtype = wt_mlx_part_dtype(m, part),
                    .shape = m->weight->shape,
                    .form = WT_FORM_STACK,
                    .parts = &list,
                    .n_parts = 1,
                    .made = true };
    w.shape.dim[w.shape.rank - 1] = wt_mlx_part_width(m, part);
    return wt_weights_add(x->view, &w, err);
}

wt_status wt_hf_mlx_put(wt_hf_export *x, wt_weight *v, wt_dtype from, wt_err *err)
{
    char path[NAME];
    if (!x->plain)
        WT_TRY(wt_weights_new(&x->plain, x->ctx, wt_weights_path(x->set), "mlx", err));
    v->dtype = from;
    WT_TRY(wt_weights_add(x->plain, v, err));
    const wt_weight *w = wt_weights_at(x->plain, wt_weights_count(x->plain) - 1);
    wt_mlx_matrix *m = wt_arena_alloc(wt_weights_arena(x->view), 1, sizeof *m, err);
    if (!m)
        return WT_ENOMEM;
    WT_TRY(choose(x, x->plain, w, m, err));
    WT_TRY(wt_grow(x->ctx, (void **)&x->matrices, &x->matrices_cap, x->n_matrices + 1, sizeof(wt_mlx_matrix *), err));
    x->matrices[x->n_matrices++] = m;
    snprintf(path, sizeof path, "%.*s", (int)(v->name.len - strlen(".weight")), v->name.data);
    for (size_t part = 0; part < wt_mlx_parts(m); part++)
        WT_TRY(add_part(x, m, (wt_mlx_part)part, path, err));
    return WT_OK;
}

/* --- config.json ---------------------------------------------------------------------------------------------------
 */
static json_t *describe(const wt_mlx_scheme *s)
{
    return json_pack("{s:i,s:i,s:s}", "group_size", s->group, "bits", s->bits, "mode", wt_mlx_mode_name(s->mode));
}

/* What most matrices have is said once, the others by their paths. */
static const wt_mlx_scheme *most_common(const wt_hf_export *x)
{
    const wt_mlx_scheme *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < x->n_matrices; i++) {
        size_t n = 0;
        for (size_t j = 0; j < x->n_matrices; j++)
            n += wt_mlx_scheme_equal(x->matrices[i]->scheme, x->matrices[j]->scheme);
        if (n > most)
            most = n, best = &x->matrices[i]->scheme;
    }
    return best;
}

wt_status wt_hf_mlx_describe(wt_hf_export *x, wt_err *err)
{
    if (!x->n_matrices)
        return WT_OK;
    const wt_mlx_scheme *common = most_common(x);
    json_t *all = describe(common);
    bool failed = !all;
    for (size_t i = 0; i < x->n_matrices && !failed; i++) {
        const wt_mlx_matrix *m = x->matrices[i];
        if (!wt_mlx_scheme_equal(m->scheme, *common))
            failed = json_object_setn_new(all, m->weight->name.data, m->weight->name.len - strlen(".weight"),
                                          describe(&m->scheme)) != 0;
    }
    failed = failed || json_object_set(x->config, "quantization", all) != 0 ||
             json_object_set(x->config, "quantization_config", all) != 0;
    json_decref(all);
    return failed ? wt_fail(err, WT_ENOMEM, "no memory for config.json") : WT_OK;
}

/* --- the ledger: what became of each matrix, when all are written --- */
wt_status wt_hf_mlx_ledger(const wt_hf_export *x, wt_err *err)
{
    for (size_t i = 0; i < x->n_matrices && x->options->ledger; i++) {
        const wt_mlx_matrix *m = x->matrices[i];
        char got[32];
        if (m->scheme.mode == WT_MLX_AFFINE)
            snprintf(got, sizeof got, "affine%d-g%d", m->scheme.bits, m->scheme.group);
        else
            snprintf(got, sizeof got, "%s", wt_mlx_mode_name(m->scheme.mode));
        const char *why = !m->bridged    ? "quantized as asked"
                          : m->moved > 0 ? "the same codes; scales changed their type"
                          : m->noise > 0 ? "the same codes and scales; their sums are rounded otherwise"
                                         : "the same numbers";
        const double db = m->noise > 0 ? 10 * log10(m->signal / m->noise) : INFINITY;
        json_t *line = json_pack("{s:s%,s:s,s:s,s:s,s:s,s:s,s:o,s:o}", "tensor", m->weight->name.data,
                                 m->weight->name.len, "was", wt_dtype_name(m->weight->dtype), "asked", got, "got", got,
                                 "scales", wt_dtype_name(wt_mlx_part_dtype(m, WT_MLX_SCALES)), "why", why, "sqnr_db",
                                 wt_json_real(db), "scale_moved", wt_json_real(m->moved));
        if (!line || json_array_append_new(x->options->ledger, line) != 0)
            return wt_fail(err, WT_ENOMEM, "no memory for the ledger");
    }
    return WT_OK;
}

/* --- the tokenizer of a folder, as it is --- */
wt_status wt_hf_copy_tokenizer(wt_hf_export *x, const char *folder, wt_written *written, bool *copied, wt_err *err)
{
    static const char *const names[] = {
        "tokenizer.json",    "tokenizer_config.json", "tokenizer.model",         "vocab.json",         "merges.txt",
        "added_tokens.json", "chat_template.json",    "special_tokens_map.json", "chat_template.jinja"
    };
    enum { MOST = 256 << 20 };
    const char *from = wt_weights_path(x->set);
    *copied = false;
    for (size_t i = 0; wt_path_is_dir(from) && i < WT_ARRAY_LEN(names); i++) {
        char *path = wt_path_join(x->ctx, from, names[i], err), *text = NULL;
        size_t len = 0;
        wt_status st = path ? WT_OK : WT_ENOMEM;
        const bool there = path && wt_path_exists(path);
        if (there)
            st = wt_read_file(x->ctx, path, MOST, &text, &len, err);
        if (there && st == WT_OK)
            st = wt_hf_write_text(x, folder, names[i], text, len, written, err);
        *copied |= there && i % 2 == 0 && i <= 2;
        wt_free(x->ctx, text);
        wt_free(x->ctx, path);
        WT_TRY(st);
    }
    return WT_OK;
}
