/* open.c - which reader a path is for: the file's beginning decides, for a folder what lies in it. */
#include "base/file.h"
#include "model/tokenizer/tokenizer_impl.h"

static wt_status open_weights(wt_tokenizer **out, wt_context *ctx, const char *path, wt_err *err)
{
    wt_weights *weights;
    WT_TRY(wt_weights_open(&weights, ctx, path, err));
    const wt_status st = wt_tokenizer_from_weights(out, ctx, weights, err);
    wt_weights_close(weights);
    return st;
}

wt_status wt_tokenizer_open(wt_tokenizer **out, wt_context *ctx, const char *path, wt_err *err)
{
    *out = NULL;
    return open_weights(out, ctx, path, err);
}
