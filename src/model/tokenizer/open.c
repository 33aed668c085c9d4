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

static wt_status open_file(wt_tokenizer **out, wt_context *ctx, const char *path, wt_err *err)
{
    char *text = NULL, *folder = NULL;
    size_t len;
    wt_status st = wt_read_file(ctx, path, MOST_BYTES, &text, &len, err);
    if (st == WT_OK)
        folder = wt_path_dir(ctx, path, err);
    if (st == WT_OK)
        st = !folder                      ? WT_ENOMEM
             : wt_str_ends(path, ".json") ? wt_tokenizer_from_json(out, ctx, text, len, folder, err)
                                          : wt_tokenizer_from_spm(out, ctx, text, len, folder, err);
    if (st != WT_OK)
        wt_err_where(err, "%s", path);
    wt_free(ctx, text);
    wt_free(ctx, folder);
    return st;
}

static wt_status open_folder(wt_tokenizer **out, wt_context *ctx, const char *folder, wt_err *err)
{
    static const char *const names[] = { "tokenizer.json", "tokenizer.model", "spiece.model" };
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++) {
        char *path = wt_path_join(ctx, folder, names[i], err);
        if (!path)
            return WT_ENOMEM;
        const bool there = wt_path_exists(path);
        const wt_status st = there ? open_file(out, ctx, path, err) : WT_OK;
        wt_free(ctx, path);
        if (there)
            return st;
    }
    wt_fail(err, WT_EFORMAT, "neither tokenizer.json nor tokenizer.model is in this folder");
    wt_err_where(err, "%s", folder);
    return WT_EFORMAT;
}

wt_status wt_tokenizer_open(wt_tokenizer **out, wt_context *ctx, const char *path, wt_err *err)
{
    *out = NULL;
    if (wt_path_is_dir(path))
        return open_folder(out, ctx, path, err);
    if (wt_str_ends(path, ".json") || wt_str_ends(path, ".model"))
        return open_file(out, ctx, path, err);
    return open_weights(out, ctx, path, err);
}
