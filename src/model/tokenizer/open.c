/* open.c - which reader a path is for: its name and the file's beginning decide, for a folder what lies in it. */
#include "base/file.h"
#include "model/tokenizer/tokenizer_impl.h"

enum { MOST_BYTES = 256 << 20 };

static wt_status open_weights(wt_tokenizer **out, wt_context *ctx, const char *path, wt_err *err)
{
    wt_weights *weights;
    WT_TRY(wt_weights_open(&weights, ctx, path, err));
    const wt_status st = wt_tokenizer_from_weights(out, ctx, weights, err);
    wt_weights_close(weights);
    return st;
}

static wt_status open_json(wt_tokenizer **out, wt_context *ctx, const char *path, wt_err *err)
{
    char *text = NULL, *folder = NULL;
    size_t len;
    wt_status st = wt_read_file(ctx, path, MOST_BYTES, &text, &len, err);
    if (st == WT_OK)
        folder = wt_path_dir(ctx, path, err);
    if (st == WT_OK)
        st = folder ? wt_tokenizer_from_json(out, ctx, text, len, folder, err) : WT_ENOMEM;
    if (st != WT_OK)
        wt_err_where(err, "%s", path);
    wt_free(ctx, text);
    wt_free(ctx, folder);
    return st;
}

static wt_status open_folder(wt_tokenizer **out, wt_context *ctx, const char *folder, wt_err *err)
{
    char *json = wt_path_join(ctx, folder, "tokenizer.json", err);
    wt_status st = json ? WT_OK : WT_ENOMEM;
    if (st == WT_OK && !wt_path_exists(json)) {
        st = wt_fail(err, WT_EFORMAT, "no tokenizer.json in this folder");
        wt_err_where(err, "%s", folder);
    }
    if (st == WT_OK)
        st = open_json(out, ctx, json, err);
    wt_free(ctx, json);
    return st;
}

wt_status wt_tokenizer_open(wt_tokenizer **out, wt_context *ctx, const char *path, wt_err *err)
{
    *out = NULL;
    if (wt_path_is_dir(path))
        return open_folder(out, ctx, path, err);
    if (wt_str_ends(path, ".json"))
        return open_json(out, ctx, path, err);
    return open_weights(out, ctx, path, err);
}
