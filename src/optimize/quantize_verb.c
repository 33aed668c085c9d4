/* quantize_verb.c - whet calibrate and whet quantize. */
#include <stdio.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "model/format.h"
#include "model/formats/mlx/mlx.h"
#include "measure/open.h"
#include "optimize/quantizer.h"
#include "optimize/weights_verb.h"

wt_calibrate_options wt_calibrate_defaults(void)
{
    return (wt_calibrate_options){ .size = sizeof(wt_calibrate_options),
                                   .exec = wt_exec_defaults(),
                                   .data = wt_data_defaults() };
}

wt_quantize_options wt_quantize_defaults(void)
{
    return (wt_quantize_options){ .size = sizeof(wt_quantize_options),
                                  .exec = wt_exec_defaults(),
                                  .data = wt_data_defaults() };
}

static wt_status calibrate_set(wt_quantizer *q, const char *model, const wt_data_options *data,
                               const wt_exec_options *exec, char hash[65], wt_err *err)
{
    wt_dataset *ds;
    wt_dataset_info info;
    WT_TRY(wt_quantizer_announce(q, err));
    WT_TRY(wt_data_open(&ds, q->source, model, data, err));
    wt_dataset_describe(ds, &info);
    if (hash)
        snprintf(hash, 65, "%s", info.hash);
    const wt_status st = wt_calibrate_points(&q->points, ds, exec, &q->samples, err);
    wt_dataset_close(ds);
    return st;
}

static wt_status check_replaced(const char *output, const char *model, const char *data, wt_err *err)
{
    if (model)
        WT_TRY(wt_refuse_replacing(output, model, err));
    return data ? wt_refuse_replacing(output, data, err) : WT_OK;
}

wt_status wt_calibrate(wt_result **out, wt_context *ctx, const char *model, const wt_calibrate_options *o, wt_err *err)
{
    wt_quantizer q;
    char hash[65] = "";
    *out = NULL;
    if (!o->output)
        return wt_fail(err, WT_EUSAGE, "where to write the statistics is missing: -o FILE");
    WT_TRY(check_replaced(o->output, model, o->data.path, err));
    const uint64_t start = wt_now_ns();
    WT_TRY(wt_quantizer_open(&q, ctx, model, &o->exec, NULL, 0, err));
    wt_status st = calibrate_set(&q, model, &o->data, &o->exec, hash, err);
    if (st == WT_OK)
        st = wt_stats_save(&q.points, q.samples, hash, o->output, o->force != 0, err);
    json_t *root = st == WT_OK
                       ? json_pack("{s:s, s:o, s:I, s:I, s:s, s:o, s:f, s:I, s:I}", "schema", "whet.calibrate/1",
                                   "model", wt_json_text(model), "samples", (json_int_t)q.samples, "tensors",
                                   (json_int_t)q.points.n_points, "data_hash", hash, "file", wt_json_text(o->output),
                                   "seconds", wt_seconds_since(start), "peak_rss_bytes", (json_int_t)wt_peak_rss(),
                                   "estimated_bytes", (json_int_t)wt_quantizer_estimate(&q))
                       : NULL;
    wt_quantizer_close(&q);
    return st == WT_OK ? wt_result_take(out, ctx, root, err) : st;
}

/* --- quantize
 * ----------------------------------------------------------------------------------------------------------------- */
/* Asked before the work, not after it. */
static wt_status check_name(const char *path, wt_err *err)
{
    if (wt_format_by_path(path))
        return WT_OK;
    wt_fail(err, WT_EUSAGE, "no format goes by the extension of this name; .onnx was expected");
    wt_err_where(err, "%s", path);
    return WT_EUSAGE;
}

static wt_status write_as(const wt_graph *graph, const char *path, const wt_write_options *o, wt_written *written,
                          wt_err *err)
{
    return wt_format_by_path(path)->write(graph, path, o, written, err);
}

static uint64_t written_bytes(const wt_written *w)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < w->count; i++)
        sum += w->files[i].bytes;
    return sum;
}

static void put_common(json_t *root, const wt_graph *source, const wt_graph *graph, const wt_written *w)
{
    uint64_t as_float, as_stored, ignored;
    wt_weight_bytes(source, &as_float, &ignored);
    wt_weight_bytes(graph, &ignored, &as_stored);
    json_object_set_new(root, "written", wt_written_json(w));
    json_object_set_new(root, "size_bytes", json_integer((json_int_t)written_bytes(w)));
    json_object_set_new(root, "float_weight_bytes", json_integer((json_int_t)as_float));
    json_object_set_new(root, "weight_bytes", json_integer((json_int_t)as_stored));
    json_object_set_new(root, "weight_ratio", wt_json_real(as_float ? (double)as_stored / (double)as_float : 1));
    json_object_set_new(root, "bits_per_weight",
                        wt_json_real(as_float ? 32.0 * (double)as_stored / (double)as_float : 32));
}

static wt_status quantize_int8(wt_quantizer *q, const char *model, const wt_quantize_options *o, json_t *root,
                               wt_err *err)
{
    wt_range_method method = WT_RANGE_MSE;
    wt_graph *built;
    wt_points used;
    wt_written written = { .ctx = q->ctx };
    const wt_write_options wo = { .force = o->force != 0 };
    if (o->method && !wt_range_method_parse(o->method, &method))
        return wt_fail(err, WT_EUSAGE,
                       "there is no method '%s': minmax, average, percentile, entropy or mse were expected", o->method);
    if (o->stats)
        WT_TRY(wt_stats_load(&q->points, o->stats, err));
    else
        WT_TRY(calibrate_set(q, model, &o->data, &o->exec, NULL, err));
    WT_TRY(wt_quantizer_build(q, method, o->symmetric != 0, !o->no_bias_correction, NULL, &built, &used, err));
    wt_status st = write_as(built, o->output, &wo, &written, err);
    if (st == WT_OK) {
        json_object_set_new(root, "method", json_string(wt_range_method_name(method)));
        json_object_set_new(root, "samples", json_integer((json_int_t)q->samples));
        json_object_set_new(root, "ledger", wt_points_ledger(&used, "int8"));
        put_common(root, q->source, built, &written);
    }
    wt_points_free(&used);
    wt_graph_close(built);
    wt_written_free(&written);
    return st;
}

static wt_status quantize_fp16(wt_context *ctx, const char *model, const wt_quantize_options *o, json_t *root,
                               wt_err *err)
{
    wt_graph *g;
    wt_written written = { .ctx = ctx };
    const wt_write_options wo = { .force = o->force != 0, .f16_weights = true };
    WT_TRY(wt_open_graph(&g, ctx, model, &o->exec, err));
    wt_status st = write_as(g, o->output, &wo, &written, err);
    if (st == WT_OK) {
        put_common(root, g, g, &written);
        json_object_set_new(root, "weight_bytes",
                            json_integer(json_integer_value(json_object_get(root, "float_weight_bytes")) / 2));
        json_object_set_new(root, "weight_ratio", json_real(0.5));
        json_object_set_new(root, "bits_per_weight", json_real(16));
        json_object_set_new(root, "ledger", json_array());
    }
    wt_written_free(&written);
    wt_graph_close(g);
    return st;
}

static wt_status quantize_weights(wt_context *ctx, const char *model, const char *name, const wt_quantize_options *o,
                                  json_t *root, wt_err *err)
{
    const wt_scheme *scheme = wt_scheme_find(!strcmp(name, "fp16") ? "f16" : name);
    wt_mlx_scheme mlx;
    if (wt_mlx_scheme_parse(name, &mlx)) {
        const wt_folder_options fo = { .output = o->output, .force = o->force != 0, .mlx = true, .scheme = name };
        return wt_write_weights_folder(ctx, model, &fo, root, err);
    }
    if (!scheme)
        return wt_fail(err, WT_EUSAGE,
                       "there is no scheme '%s' for language models: q4_k_m, q8_0, f16 or the like "
                       "were expected",
                       name);
    json_object_set_new(root, "recipe", json_string(WT_RECIPE_NAME));
    return wt_rewrite_weights(ctx, model, scheme, o->keep, o->n_keep, o->output, o->force != 0, root, err);
}

static wt_status run_scheme(wt_context *ctx, const char *model, const char *scheme, const wt_quantize_options *o,
                            json_t *root, wt_err *err)
{
    wt_quantizer q;
    if (wt_weights_sniff(model))
        return quantize_weights(ctx, model, scheme, o, root, err);
    WT_TRY(check_name(o->output, err));
    if (!strcmp(scheme, "fp16"))
        return quantize_fp16(ctx, model, o, root, err);
    if (strcmp(scheme, "int8"))
        return wt_fail(err, WT_EUSAGE,
                       wt_is_weights_scheme(scheme) ? "scheme '%s' is for language models; int8 or fp16 were expected"
                                                    : "there is no scheme '%s': int8 or fp16 were expected",
                       scheme);
    if (!o->data.path && !o->stats)
        return wt_fail(err, WT_EUSAGE, "int8 needs calibration data: --data SET, or --stats FILE of whet calibrate");
    WT_TRY(wt_quantizer_open(&q, ctx, model, &o->exec, o->keep, o->n_keep, err));
    const wt_status st = quantize_int8(&q, model, o, root, err);
    wt_quantizer_close(&q);
    return st;
}

wt_status wt_quantize(wt_result **out, wt_context *ctx, const char *model, const wt_quantize_options *o, wt_err *err)
{
    *out = NULL;
    if (!o->output)
        return wt_fail(err, WT_EUSAGE, "where to write the model is missing: -o OUT");
    if (!o->force && wt_path_exists(o->output))
        return wt_fail(err, WT_EUSAGE, "%s exists; --force overwrites it", o->output);
    WT_TRY(check_replaced(o->output, model, o->data.path, err));
    WT_TRY(check_replaced(o->output, o->stats, NULL, err));
    const uint64_t start = wt_now_ns();
    const char *scheme = o->scheme ? o->scheme : wt_weights_sniff(model) ? "q4_k_m" : "int8";
    json_t *root = json_pack("{s:s, s:o, s:s}", "schema", "whet.quantize/1", "model", wt_json_text(model), "scheme",
                             scheme);
    if (!root)
        return wt_fail(err, WT_ENOMEM, "no memory for the result");
    const wt_status st = run_scheme(ctx, model, scheme, o, root, err);
    if (st != WT_OK) {
        json_decref(root);
        return st;
    }
    json_object_set_new(root, "seconds", json_real(wt_seconds_since(start)));
    json_object_set_new(root, "peak_rss_bytes", json_integer((json_int_t)wt_peak_rss()));
    json_object_set_new(root, "peak_memory_bytes", json_integer((json_int_t)wt_context_memory_peak(ctx)));
    return wt_result_take(out, ctx, root, err);
}
