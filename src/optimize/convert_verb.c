/* convert_verb.c - whet convert. */
#include <stdio.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "model/formats/genai/genai.h"
#include "run/passes/pass.h"
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

/* A decoder as the graph that ONNX Runtime runs: in a folder with all that GenAI needs, or alone. */
static wt_status write_decoder(wt_context *ctx, const char *model, const wt_convert_options *o, bool folder,
                               json_t *root, wt_err *err)
{
    wt_weights *weights = NULL;
    wt_written written = { .ctx = ctx };
    json_t *ledger = json_array();
    const wt_genai_options go = { .force = o->force != 0,
                                  .dtype = !o->dtype                  ? WT_DTYPE_NONE
                                           : !strcmp(o->dtype, "f16") ? WT_F16
                                                                      : WT_F32,
                                  .ledger = ledger };
    json_object_set_new(root, "ledger", ledger);
    if (o->dtype && !strcmp(o->dtype, "bf16"))
        return wt_fail(err, WT_EUSAGE, "weights of a graph can be stored as f32 or f16, not as bf16");
    WT_TRY(wt_weights_open(&weights, ctx, model, err));
    wt_status st = wt_weights_need_tensors(weights, err);
    if (st == WT_OK)
        st = folder ? wt_genai_write(weights, o->output, &go, &written, err)
                    : wt_genai_write_onnx(weights, o->output, &go, &written, err);
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
    if (!strcmp(to, "safetensors") || !strcmp(to, "mlx")) {
        const wt_folder_options fo = {
            .output = o->output, .force = o->force != 0, .dtype = o->dtype, .mlx = *to == 'm', .scheme = o->scheme
        };
        return wt_write_weights_folder(ctx, model, &fo, root, err);
    }
    if (!strcmp(to, "genai") || !strcmp(to, "onnx"))
        return write_decoder(ctx, model, o, !strcmp(to, "genai"), root, err);
    if (strcmp(to, "gguf") != 0)
        return wt_fail(err, WT_EUSAGE,
                       "a language model can be written as gguf, safetensors, mlx, genai or onnx, not as %s", to);
    return wt_rewrite_weights(ctx, model, o->dtype ? wt_scheme_find(o->dtype) : NULL, NULL, 0, o->output, o->force != 0,
                              root, err);
}

/* How each constant of a graph is stored now, where the written file has it under a name made from its own. */
static wt_status add_ledger(json_t *ledger, const wt_graph *before, const char *path, wt_err *err)
{
    static const char *const suffixes[] = { "", "_quantized", "_float16", "_compressed" };
    wt_graph *after = NULL;
    WT_TRY(wt_model_read(&after, before->ctx, path, err));
    for (size_t i = 0; i < before->n_constants; i++) {
        const wt_value *v = before->constants[i], *now = NULL;
        char name[512];
        for (size_t k = 0; k < WT_ARRAY_LEN(suffixes) && !wt_value_is_const(now); k++) {
            snprintf(name, sizeof name, "%s%s", v->name, suffixes[k]);
            now = wt_graph_find(after, name);
        }
        /* Names that were made up may mean something else there. */
        if (wt_value_is_const(now) && wt_shape_equal(&now->type.shape, &v->type.shape) &&
            !wt_str_starts(v->name, "whet_"))
            json_array_append_new(ledger,
                                  json_pack("{s:o, s:s, s:s}", "tensor", wt_json_text(v->name), "was",
                                            wt_dtype_name(v->type.dtype), "got", wt_dtype_name(now->type.dtype)));
    }
    wt_graph_close(after);
    return WT_OK;
}

/* With shapes fixed much of a graph follows from them, branches above all: engines that want shapes in advance, such as
 * OpenVINO's, can load what is left. */
static wt_status simplify(wt_context *ctx, wt_graph *graph, const wt_exec_options *exec, wt_err *err)
{
    wt_pass_ctx pc = { .ctx = ctx, .cpu = wt_context_cpu(ctx) };
    WT_TRY(wt_passes_run(&pc, graph, true, NULL, exec->passes_off, exec->n_passes_off, err));
    return wt_graph_infer(graph, err);
}

static wt_status write_graph(wt_context *ctx, wt_graph *graph, const wt_convert_options *o, json_t *root, wt_err *err)
{
    wt_written written = { .ctx = ctx };
    json_t *ledger = json_array();
    const wt_write_options wo = { .force = o->force != 0, .f16_weights = o->dtype && !strcmp(o->dtype, "f16") };
    json_object_set_new(root, "ledger", ledger);
    wt_status st = wt_model_write(graph, o->output, o->to, &wo, &written, err);
    if (st == WT_OK)
        st = add_ledger(ledger, graph, o->output, err);
    if (st == WT_OK)
        json_object_set_new(root, "written", wt_written_json(&written));
    wt_written_free(&written);
    return st;
}

static wt_status convert_graph(wt_context *ctx, const char *model, const wt_convert_options *o, json_t *root,
                               wt_err *err)
{
    wt_graph *graph = NULL;
    if (o->dtype && !strcmp(o->dtype, "bf16"))
        return wt_fail(err, WT_EUSAGE, "weights of a graph can be stored as f32 or f16, not as bf16");
    WT_TRY(wt_open_graph(&graph, ctx, model, &o->exec, err));
    wt_status st = WT_OK;
    if (o->exec.n_input_shapes && !strcmp(format_of(o), "openvino"))
        st = simplify(ctx, graph, &o->exec, err);
    if (st == WT_OK)
        st = write_graph(ctx, graph, o, root, err);
    wt_graph_close(graph);
    return st;
}

/* Does the file answer as the model did? WT_EVERDICT keeps the document: what differs stands in it. */
static wt_status compare(wt_context *ctx, const char *model, const wt_convert_options *o, json_t *root, wt_err *err)
{
    wt_compare_options co = wt_compare_defaults();
    wt_result *result = NULL;
    co.exec = o->exec;
    co.data.path = o->check;
    co.data.preprocess = o->preprocess;
    const wt_status st = wt_compare(&result, ctx, model, o->output, &co, err);
    if (result)
        json_object_set(root, "check", wt_result_json(result));
    wt_result_free(result);
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
    if (o->scheme && (!o->to || strcmp(o->to, "mlx") != 0)) {
        wt_fail(err, WT_EUSAGE, "--scheme is for --to mlx");
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
    const bool weights = wt_weights_sniff(model);
    if (weights && o->check) {
        json_decref(root);
        return wt_fail(err, WT_EUSAGE, "--check compares graphs; of language models whet compare --data TEXT asks");
    }
    wt_status st = weights ? convert_weights(ctx, model, o, root, err) : convert_graph(ctx, model, o, root, err);
    if (st == WT_OK && o->check)
        st = compare(ctx, model, o, root, err);
    if (st != WT_OK && st != WT_EVERDICT) {
        json_decref(root);
        return st;
    }
    json_object_set_new(root, "seconds", json_real(wt_seconds_since(start)));
    json_object_set_new(root, "peak_rss_bytes", json_integer((json_int_t)wt_peak_rss()));
    const wt_status taken = wt_result_take(out, ctx, root, err);
    return taken == WT_OK ? st : taken;
}
