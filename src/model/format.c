/* format.c - the list of formats, and choosing one. */
#include "model/format.h"
#include "model/arch/arch.h"
#include "model/formats/onnx/onnx.h"
#include "model/formats/openvino/openvino.h"

enum { HEAD = 4096 };

const wt_format *const wt_formats[] = { &wt_format_onnx,
#if WHET_WITH_OPENVINO
                                        &wt_format_openvino,
#endif
                                        NULL };

const wt_format *wt_format_by_name(const char *name)
{
    for (const wt_format *const *f = wt_formats; *f; f++)
        if (!strcmp((*f)->name, name))
            return *f;
    return NULL;
}

static bool ends_with(const char *s, const char *suffix)
{
    const size_t n = strlen(s), k = strlen(suffix);
    return n >= k && !strcmp(s + n - k, suffix);
}

const wt_format *wt_format_by_path(const char *path)
{
    for (const wt_format *const *f = wt_formats; *f; f++)
        if (ends_with(path, (*f)->extension))
            return *f;
    return NULL;
}

static wt_status choose(const wt_format **out, const wt_map *map, wt_err *err)
{
    const size_t head = map->size < HEAD ? (size_t)map->size : HEAD;
    for (const wt_format *const *f = wt_formats; *f; f++)
        if (head && (*f)->sniff(map->data, head)) {
            *out = *f;
            return WT_OK;
        }
    *out = wt_format_by_path(map->path); /* a damaged file is best explained by the reader of what its name says */
    if (*out)
        return WT_OK;
    wt_fail(err, WT_EFORMAT, map->size ? "this is no model file of a known format" : "the file is empty");
    wt_err_where(err, "%s", map->path);
    wt_err_hint(err,
                "models are read from ONNX files, OpenVINO IR (.xml and .bin), GGUF files and Hugging Face folders");
    return WT_EFORMAT;
}

static void close_weights(void *weights) { wt_weights_close(weights); }

/* Named weights become a graph by their architecture; the graph keeps them. */
static wt_status read_weights(wt_graph **out, wt_context *ctx, const char *path, wt_err *err)
{
    wt_weights *weights;
    WT_TRY(wt_weights_open(&weights, ctx, path, err));
    const wt_status st = wt_arch_build(out, weights, NULL, err);
    if (st != WT_OK) {
        wt_weights_close(weights);
        return st;
    }
    wt_graph_own(*out, weights, close_weights);
    return WT_OK;
}

wt_status wt_model_read(wt_graph **out, wt_context *ctx, const char *path, wt_err *err)
{
    *out = NULL;
    if (wt_weights_sniff(path))
        return read_weights(out, ctx, path, err);
    wt_map map = { 0 };
    const wt_format *format = NULL;
    WT_TRY(wt_map_open(&map, ctx, path, err));
    const wt_status st = choose(&format, &map, err);
    wt_map_close(&map);
    return st == WT_OK ? format->read(out, ctx, path, err) : st;
}

wt_status wt_model_write(const wt_graph *graph, const char *path, const char *format, const wt_write_options *options,
                         wt_written *written, wt_err *err)
{
    const wt_format *chosen = format ? wt_format_by_name(format) : wt_format_by_path(path);
    if (!chosen || !chosen->write) {
        if (format)
            wt_fail(err, WT_EUSAGE, "models cannot be written as '%s'", format);
        else
            wt_fail(err, WT_EUSAGE, "the name does not say in which format to write");
        wt_err_where(err, "%s", path);
        wt_err_hint(err, "models are written as ONNX, to a name that ends in .onnx");
        return WT_EUSAGE;
    }
    return chosen->write(graph, path, options, written, err);
}

wt_status wt_written_add(wt_written *written, wt_context *ctx, const char *path, uint64_t bytes, const char *sha256,
                         wt_err *err)
{
    const size_t len = strlen(path);
    written->ctx = ctx;
    WT_TRY(wt_grow(ctx, (void **)&written->files, &written->cap, written->count + 1, sizeof *written->files, err));
    wt_written_file *file = &written->files[written->count];
    file->path = wt_alloc_raw(ctx, len + 1, 1, err);
    if (!file->path)
        return WT_ENOMEM;
    memcpy(file->path, path, len + 1);
    memcpy(file->sha256, sha256, sizeof file->sha256);
    file->bytes = bytes;
    written->count++;
    return WT_OK;
}

void wt_written_free(wt_written *written)
{
    if (!written)
        return;
    for (size_t i = 0; i < written->count; i++)
        wt_free(written->ctx, written->files[i].path);
    wt_free(written->ctx, written->files);
    *written = (wt_written){ 0 };
}
