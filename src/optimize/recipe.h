/* recipe.h - which type each tensor of a language model gets: the mixtures that llama.cpp made customary, by the names
 * of their files ("q4_k_m"), in the form of its 2026 sources.
 *
 * Matrices get the scheme's type; some of them more bits (values of attention, the way down of the feed-forward block,
 * the output); norms, biases, gates of experts and small tables stay. A row that is no multiple of a type's block gets
 * the type that the recipe falls back to. */
#ifndef WT_RECIPE_H
#define WT_RECIPE_H
#include "model/weights.h"

typedef struct wt_scheme {
    const char *name;
    int file_type; /* general.file_type */
    wt_dtype base;
} wt_scheme;
#define WT_RECIPE_NAME "llama.cpp 2026"
const wt_scheme *wt_scheme_find(const char *name); /* NULL: none */

typedef struct wt_choice {
    wt_dtype asked, got; /* by the recipe; after the fallback for its rows */
    char why[96];
} wt_choice;
/* One choice for each tensor of the set, in its order. keep: "GLOB=TYPE" overrules the recipe for tensors whose name
 * matches; TYPE "float" leaves them as they are. importance: whether there is an importance matrix. */
wt_status wt_recipe_choose(const wt_weights *weights, const wt_scheme *scheme, const char *const *keep, size_t n_keep,
                           bool importance, wt_choice *choices, wt_err *err);
#endif
