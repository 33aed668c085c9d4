/* genai_write.c - a decoder as an ONNX file, and as a folder of ONNX Runtime GenAI. */
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "genai_config.h"
#include "model/huggingface/huggingface.h"

enum { DATA_BESIDE = 1 << 20 /* bytes from which weights go to a file of their own, as GenAI's own builder does */ };

static wt_status write_graph(const wt_graph *graph, const char *path, const wt_genai_options *o, uint64_t threshold,
                             wt_written *written, wt_err *err)
{
    const wt_write_options wo = { .force = o->force, .external_threshold = threshold };
    return wt_model_write(graph, path, "onnx", &wo, written, err);
}

wt_status wt_genai_write_onnx(wt_weights *set, const char *path, const wt_genai_options *options, wt_written *written,
                              wt_err *err)
{
    wt_graph *graph = NULL;
    wt_status st = wt_genai_lower(&graph, set, options, err);
    if (st == WT_OK)
        st = write_graph(graph, path, options, 0, written, err);
    wt_graph_close(graph);
    return st;
}

static wt_status write_config(wt_context *ctx, const json_t *config, const char *folder, bool force,
                              wt_written *written, wt_err *err)
{
    char hash[65];
    char *text = json_dumps(config, JSON_INDENT(4) | JSON_REAL_PRECISION(9));
    char *path = wt_path_join(ctx, folder, "genai_config.json", err);
    wt_status st = !text ? wt_fail(err, WT_ENOMEM, "no memory for genai_config.json") : path ? WT_OK : WT_ENOMEM;
    if (st == WT_OK)
        st = wt_write_file(ctx, path, text, strlen(text), force, err);
    const bool made = st == WT_OK;
    if (st == WT_OK)
        st = wt_hash_file(ctx, path, hash, err);
    if (st == WT_OK)
        st = wt_written_add(written, ctx, path, strlen(text), hash, err);
    if (made && st != WT_OK)
        unlink(path);
    wt_free(ctx, path);
    free(text);
    return st;
}

static wt_status write_files(wt_weights *set, const wt_graph *graph, const json_t *config, const char *folder,
                             const wt_genai_options *o, wt_written *written, wt_err *err)
{
    wt_context *ctx = wt_weights_context(set);
    WT_TRY(wt_make_dirs(ctx, folder, err));
    char *path = wt_path_join(ctx, folder, "model.onnx", err);
    wt_status st = path ? write_graph(graph, path, o, DATA_BESIDE, written, err) : WT_ENOMEM;
    wt_free(ctx, path);
    WT_TRY(st);
    WT_TRY(wt_hf_write_tokenizer(set, folder, o->force, written, err));
    return write_config(ctx, config, folder, o->force, written, err);
}

/* All that can be refused is, before the first file is made. */
static wt_status prepare(wt_weights *set, const wt_genai_options *o, wt_graph **graph, json_t **config, wt_err *err)
{
    wt_hparams hp;
    WT_TRY(wt_genai_lower(graph, set, o, err));
    WT_TRY(wt_arch_hparams(&hp, set, err));
    if (hp.short_context)
        hp.context = hp.short_context;
    return wt_genai_config(config, set, &hp, *graph, err);
}

wt_status wt_genai_write(wt_weights *set, const char *folder, const wt_genai_options *options, wt_written *written,
                         wt_err *err)
{
    wt_written own = { .ctx = wt_weights_context(set) };
    wt_graph *graph = NULL;
    json_t *config = NULL;
    written = written ? written : &own;
    const size_t before = written->count;
    const bool made = !wt_path_exists(folder);
    wt_status st = prepare(set, options, &graph, &config, err);
    if (st == WT_OK) {
        st = write_files(set, graph, config, folder, options, written, err);
        if (st != WT_OK)
            wt_hf_remove_written(written, before, folder, made);
    }
    if (st != WT_OK)
        wt_err_where(err, "%s", wt_weights_path(set));
    json_decref(config);
    wt_graph_close(graph);
    wt_written_free(&own);
    return st;
}
