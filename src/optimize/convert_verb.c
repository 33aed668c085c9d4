/* convert_verb.c - whet convert. */
#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "model/huggingface/huggingface.h"
#include "measure/open.h"
#include "optimize/weights_verb.h"

wt_convert_options wt_convert_defaults(void)
{
    return (wt_convert_options){ .size = sizeof(wt_convert_options), .exec = wt_exec_defaults() };
}

/* By --to, else by the name: a folder is written as Hugging Face's tools do. */
static const char *format_of(const wt_convert_options *o)
{
    const wt_format *format = wt_format_by_path(o->output);
    if (o->to)
        return o->to;
    if (format)
        return format->name;
    return strchr(wt_path_base(o->output), '.') && !wt_path_is_dir(o->output) ? "gguf" : "safetensors";
}

/* As Hugging Face's own tools cut models. */
static const uint64_t MOST_BYTES_OF_A_FILE = 5000000000;

static wt_status write_folder(wt_context *ctx, const char *model, const wt_convert_options *o, json_t *root,
                              wt_err *err)
{
    wt_weights *weights = NULL;
    wt_written written = { .ctx = ctx };
    const wt_scheme *scheme = o->dtype ? wt_scheme_find(o->dtype) : NULL;
    json_t *ledger = json_array();
    const wt_hf_write_options ho = { .force = o->force != 0,
                                     .dtype = scheme ? scheme->base : WT_DTYPE_NONE,
                                     .max_shard_bytes = MOST_BYTES_OF_A_FILE,
                                     .ledger = ledger };
    json_object_set_new(root, "ledger", ledger);
    WT_TRY(wt_weights_open(&weights, ctx, model, err));
    const wt_status st = wt_hf_write(weights, o->output, &ho, &written, err);
    if (st == WT_OK)
        json_object_set_new(root, "written", wt_written_json(&written));
    wt_written_free(&written);
    wt_weights_close(weights);
    return st;
}

static wt_status convert_weights(wt_context *ctx, const char *model, const wt_convert_options *o, json_t *root,
                                 wt_err *err)
{
    const char *to = format_of(o);
    if (!o->to && wt_str_ends(o->output, ".safetensors")) {
        wt_fail(err, WT_EUSAGE, "a model in safetensors is a folder of several files, not one file");
        wt_err_hint(err, "use --to safetensors -o FOLDER");
        return WT_EUSAGE;
    }
    if (!strcmp(to, "safetensors"))
        return write_folder(ctx, model, o, root, err);
    if (strcmp(to, "gguf") != 0)
        return wt_fail(err, WT_EUSAGE, "a language model can be written as gguf or safetensors, not as %s", to);
    return wt_rewrite_weights(ctx, model, o->dtype ? wt_scheme_find(o->dtype) : NULL, NULL, 0, o->output, o->force != 0,
                              root, err);
}

static wt_status convert_graph(wt_context *ctx, const char *model, const wt_convert_options *o, json_t *root,
                               wt_err *err)
{
    wt_graph *graph = NULL;
    wt_written written = { .ctx = ctx };
    const bool half = o->dtype && !strcmp(o->dtype, "f16");
    const wt_write_options wo = { .force = o->force != 0, .f16_weights = half };
    if (o->dtype && !strcmp(o->dtype, "bf16"))
        return wt_fail(err, WT_EUSAGE, "weights of a graph can be stored as f32 or f16, not as bf16");
    WT_TRY(wt_open_graph(&graph, ctx, model, &o->exec, err));
    const wt_status st = wt_model_write(graph, o->output, o->to, &wo, &written, err);
    if (st == WT_OK) {
        json_object_set_new(root, "written", wt_written_json(&written));
        json_object_set_new(root, "ledger", json_array());
    }
    wt_written_free(&written);
    wt_graph_close(graph);
    return st;
}

static wt_status check(const char *model, const wt_convert_options *o, wt_err *err)
{
    if (!o->output)
        return wt_fail(err, WT_EUSAGE, "where to write the model is missing: -o OUT.gguf");
    if (o->dtype && strcmp(o->dtype, "f32") != 0 && strcmp(o->dtype, "f16") != 0 && strcmp(o->dtype, "bf16") != 0) {
        wt_fail(err, WT_EUSAGE, "--dtype '%s': f32, f16 or bf16 were expected", o->dtype);
        wt_err_hint(err, "whet quantize --scheme stores weights in fewer bits");
        return WT_EUSAGE;
    }
    if (!o->force && wt_path_exists(o->output))
        return wt_fail(err, WT_EUSAGE, "%s exists; --force overwrites it", o->output);
    return wt_refuse_replacing(o->output, model, err);
}

wt_status wt_convert_model(wt_result **out, wt_context *ctx, const char *model, const wt_convert_options *o,
                           wt_err *err)
{
    *out = NULL;
    WT_TRY(check(model, o, err));
    const uint64_t start = wt_now_ns();
    json_t *root = json_pack("{s:s, s:o, s:s?}", "schema", "whet.convert/1", "model", wt_json_text(model), "dtype",
                             o->dtype);
    if (!root)
        return wt_fail(err, WT_ENOMEM, "no memory for the result");
    const wt_status st = wt_weights_sniff(model) ? convert_weights(ctx, model, o, root, err)
                                                 : convert_graph(ctx, model, o, root, err);
    if (st != WT_OK) {
        json_decref(root);
        return st;
    }
    json_object_set_new(root, "seconds", json_real(wt_seconds_since(start)));
    json_object_set_new(root, "peak_rss_bytes", json_integer((json_int_t)wt_peak_rss()));
    return wt_result_take(out, ctx, root, err);
}
