/* weights_verb.c - a set of weights through a recipe into a GGUF file, with the ledger. */
#include "optimize/weights_verb.h"
#include <math.h>
#include <stdio.h>
#include "base/json.h"
#include "base/str.h"
#include "model/formats/gguf/gguf.h"
#include "model/formats/mlx/mlx.h"
#include "model/huggingface/huggingface.h"

json_t *wt_written_json(const wt_written *w)
{
    json_t *list = json_array();
    for (size_t i = 0; i < w->count; i++)
        json_array_append_new(list, json_pack("{s:o, s:I, s:s}", "file", wt_json_text(w->files[i].path), "bytes",
                                              (json_int_t)w->files[i].bytes, "sha256", w->files[i].sha256));
    return list;
}

bool wt_is_weights_scheme(const char *scheme) { return scheme && wt_scheme_find(scheme); }

typedef struct rewriting {
    wt_weights *weights;
    const wt_scheme *scheme;
    wt_choice *choices;
    wt_gguf_recoding *items;
    size_t n;
} rewriting;

static json_t *ledger_json(const rewriting *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->n; i++) {
        const wt_gguf_recoding *item = &r->items[i];
        const wt_choice *c = &r->choices[i];
        json_t *row = json_pack("{s:o, s:s, s:s, s:s, s:s, s:o}", "tensor", wt_json_text(item->weight->name.data),
                                "was", wt_dtype_name(item->weight->dtype), "asked", wt_dtype_name(c->asked), "got",
                                wt_dtype_name(c->got), "why", c->why, "sqnr_db", wt_json_real(item->sqnr_db));
        if (item->not_finite)
            json_object_set_new(row, "not_finite", json_integer((json_int_t)item->not_finite));
        json_array_append_new(list, row);
    }
    return list;
}

/* file: bytes of the files that count; stored: of the tensors in them. */
static void put_sizes(json_t *root, const wt_written *written, uint64_t elements, uint64_t stored, uint64_t file)
{
    json_object_set_new(root, "written", wt_written_json(written));
    json_object_set_new(root, "size_bytes", json_integer((json_int_t)file));
    json_object_set_new(root, "float_weight_bytes", json_integer((json_int_t)(4 * elements)));
    json_object_set_new(root, "weight_bytes", json_integer((json_int_t)stored));
    json_object_set_new(root, "weight_ratio", wt_json_real(elements ? (double)stored / (4.0 * (double)elements) : 1));
    json_object_set_new(root, "bits_per_weight", wt_json_real(elements ? 8.0 * (double)stored / (double)elements : 32));
}

static void put_rewritten(const rewriting *r, const wt_written *written, json_t *root)
{
    uint64_t elements = 0, stored = 0, file = 0;
    for (size_t i = 0; i < r->n; i++) {
        const wt_weight *w = r->items[i].weight;
        const uint64_t n = (uint64_t)wt_shape_product(&w->shape, 0, w->shape.rank);
        size_t bytes = 0;
        wt_dtype_bytes(r->items[i].dtype, n, &bytes);
        elements += n;
        stored += bytes;
    }
    for (size_t i = 0; i < written->count; i++)
        file += written->files[i].bytes;
    put_sizes(root, written, elements, stored, file);
    json_object_set_new(root, "ledger", ledger_json(r));
}

static wt_status choose(rewriting *r, const char *const *keep, size_t n_keep, wt_err *err)
{
    if (r->scheme) {
        WT_TRY(wt_recipe_choose(r->weights, r->scheme, keep, n_keep, false, r->choices, err));
        WT_TRY(wt_weights_set_int(r->weights, "general.file_type", WT_META_U32, r->scheme->file_type, err));
        WT_TRY(wt_weights_set_int(r->weights, "general.quantization_version", WT_META_U32, 2, err));
    }
    for (size_t i = 0; i < r->n; i++) {
        const wt_weight *w = wt_weights_at(r->weights, i);
        if (!r->scheme) {
            const bool has = wt_dtype_get(w->dtype)->ggml_code >= 0;
            r->choices[i].asked = w->dtype;
            r->choices[i].got = has ? w->dtype : WT_F16;
            snprintf(r->choices[i].why, sizeof r->choices[i].why, "%s",
                     has ? "as it was" : "GGUF has no block of eight bits with an offset");
        }
        r->items[i] = (wt_gguf_recoding){ .weight = w, .dtype = r->choices[i].got };
    }
    return WT_OK;
}

static wt_status rewrite(rewriting *r, const char *const *keep, size_t n_keep, const char *output, bool force,
                         json_t *root, wt_err *err)
{
    wt_context *ctx = wt_weights_context(r->weights);
    wt_written written = { .ctx = ctx };
    r->n = wt_weights_count(r->weights);
    r->choices = wt_alloc(ctx, r->n, sizeof *r->choices, err);
    r->items = r->choices ? wt_alloc(ctx, r->n, sizeof *r->items, err) : NULL;
    wt_status st = r->items ? choose(r, keep, n_keep, err) : WT_ENOMEM;
    if (st == WT_OK)
        st = wt_gguf_recode(r->weights, r->items, r->n, output, force, &written, err);
    if (st == WT_OK)
        put_rewritten(r, &written, root);
    wt_written_free(&written);
    wt_free(ctx, r->choices);
    wt_free(ctx, r->items);
    return st;
}

wt_status wt_rewrite_weights(wt_context *ctx, const char *model, const wt_scheme *scheme, const char *const *keep,
                             size_t n_keep, const char *output, bool force, json_t *root, wt_err *err)
{
    rewriting r = { .scheme = scheme };
    const wt_format *format = wt_format_by_path(output);
    if (format && strcmp(format->name, "gguf") != 0) {
        wt_fail(err, WT_EUSAGE, "a language model cannot be written as %s", format->name);
        wt_err_hint(err, "give the output a name that ends in .gguf");
        return WT_EUSAGE;
    }
    WT_TRY(wt_weights_open(&r.weights, ctx, model, err));
    if (!wt_weights_meta(r.weights, "tokenizer.ggml.model"))
        wt_log(ctx, WT_LOG_WARN, "%s brings no tokenizer in GGUF's keys: %s will have none", model, output);
    wt_status st = WT_OK;
    if (!wt_weights_meta(r.weights, "general.architecture")) {
        st = wt_fail(err, WT_EFORMAT, "nothing says what these tensors are: there is no general.architecture");
        wt_err_where(err, "%s", model);
        wt_err_hint(err, "a safetensors file needs the config.json of its folder beside it");
    }
    if (st == WT_OK)
        st = wt_weights_need_tensors(r.weights, err);
    if (st == WT_OK)
        st = rewrite(&r, keep, n_keep, output, force, root, err);
    wt_weights_close(r.weights);
    return st;
}

/* --- folders -------------------------------------------------------------------------------------------------------
 */
/* As Hugging Face's own tools cut models. */
static const uint64_t MOST_BYTES_OF_A_FILE = 5000000000;

static void put_folder_sizes(const wt_weights *weights, const wt_written *written, json_t *root)
{
    uint64_t elements = 0, file = 0;
    for (size_t i = 0; i < wt_weights_count(weights); i++) {
        const wt_weight *w = wt_weights_at(weights, i);
        elements += (uint64_t)wt_shape_product(&w->shape, 0, w->shape.rank);
    }
    for (size_t i = 0; i < written->count; i++)
        file += wt_str_ends(written->files[i].path, ".safetensors") ? written->files[i].bytes : 0;
    put_sizes(root, written, elements, file, file);
}

wt_status wt_write_weights_folder(wt_context *ctx, const char *model, const wt_folder_options *o, json_t *root,
                                  wt_err *err)
{
    wt_weights *weights = NULL;
    wt_written written = { .ctx = ctx };
    wt_mlx_scheme mlx;
    const wt_scheme *scheme = o->dtype ? wt_scheme_find(o->dtype) : NULL;
    json_t *ledger = json_array();
    const wt_hf_write_options ho = { .force = o->force,
                                     .dtype = scheme ? scheme->base : WT_DTYPE_NONE,
                                     .max_shard_bytes = MOST_BYTES_OF_A_FILE,
                                     .mlx = o->mlx,
                                     .mlx_scheme = o->scheme ? &mlx : NULL,
                                     .ledger = ledger };
    json_object_set_new(root, "ledger", ledger);
    if (o->scheme && !wt_mlx_scheme_parse(o->scheme, &mlx)) {
        wt_fail(err, WT_EUSAGE, "MLX has no scheme '%s'", o->scheme);
        wt_err_hint(err, "affine2-g32 to affine8-g128 (2, 3, 4, 5, 6, 8 bits; groups of 32, 64, 128), mxfp4, nvfp4, "
                         "mxfp8");
        return WT_EUSAGE;
    }
    WT_TRY(wt_weights_open(&weights, ctx, model, err));
    wt_status st = wt_weights_need_tensors(weights, err);
    if (st == WT_OK)
        st = wt_hf_write(weights, o->output, &ho, &written, err);
    if (st == WT_OK)
        put_folder_sizes(weights, &written, root);
    wt_written_free(&written);
    wt_weights_close(weights);
    return st;
}
