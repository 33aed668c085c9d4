/* weights_verb.h - language models written again: what `whet convert` and `whet quantize` share. */
#ifndef WT_WEIGHTS_VERB_H
#define WT_WEIGHTS_VERB_H
#include <jansson.h>
#include "model/format.h"
#include "optimize/recipe.h"
#include "whet/optimize.h"

json_t *wt_written_json(const wt_written *written);
/* Whether --scheme names a recipe for language models. */
bool wt_is_weights_scheme(const char *scheme);
/* A folder as Hugging Face's tools or MLX's write it. */
typedef struct wt_folder_options {
    const char *output, *dtype; /* dtype NULL: as most of the model has it */
    bool force, mlx;
    const char *scheme; /* of MLX; NULL: block formats by their numbers */
} wt_folder_options;
/* Adds ledger, written and sizes to `root`. */
wt_status wt_write_weights_folder(wt_context *ctx, const char *model, const wt_folder_options *o, json_t *root,
                                  wt_err *err);
/* Adds ledger, written and sizes to `root`. scheme NULL: everything stays as it is. */
wt_status wt_rewrite_weights(wt_context *ctx, const char *model, const wt_scheme *scheme, const char *const *keep,
                             size_t n_keep, const char *output, bool force, json_t *root, wt_err *err);
#endif
