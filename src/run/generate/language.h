/* language.h - inside the runtime of language models (its use: whet/language.h). */
#ifndef WT_LANGUAGE_H
#define WT_LANGUAGE_H
#include "model/arch/arch.h"
#include "model/graph.h"
#include "whet/language.h"
#include "whet/run.h"

struct wt_language {
    wt_context *ctx;
    wt_weights *weights;
    wt_hparams hp;
    const wt_arch *arch;
    wt_language_options options;
    wt_graph *graph;
    wt_plan *plan;
    wt_tokenizer *tokenizer; /* NULL: the file has none */
    wt_template *chat;       /* NULL: none */
    char *name;
};

/* A token's cache: which pages a sequence has, and how far it is filled. */
typedef struct wt_pages {
    bool open;
    int64_t length;
    int32_t *page; /* [max_pages]; -1 behind the end */
    size_t n_pages;
} wt_pages;

/* One layer's caches among the plan's inputs, and how its keys were turned. */
typedef struct wt_layer_cache {
    size_t k_input, v_input;
    wt_tensor k, v;      /* data: this decoder's memory */
    const wt_node *rope; /* NULL: keys carry no positions */
    const float *factors;
} wt_layer_cache;

struct wt_decoder {
    wt_language *language;
    wt_context *ctx;
    wt_session *session;
    int64_t batch, n_pages, max_pages; /* of one run; of all; of one sequence */
    int sequences;
    wt_pages *seqs;
    int32_t *refs, *table; /* [n_pages], [sequences][max_pages] */
    wt_layer_cache *layers;
    char *memory;
    size_t memory_bytes;
    wt_tensor *inputs; /* of the plan, in its order */
    size_t n_inputs;
    int32_t *tokens, *positions, *slots, *owners, *rows; /* [batch] */
    float *kept;                                         /* results of runs that took several passes */
    size_t kept_cap, n_out, width;
    const float *out;
};

/* The first of the largest logits. */
static inline int32_t wt_likeliest(const float *logits, int64_t vocab)
{
    int64_t best = 0;
    for (int64_t i = 1; i < vocab; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

/* Says why the model answered NaN or infinity: WT_EVERDICT naming the broken tensor, or that there is none. */
wt_status wt_language_blame(const wt_language *language, wt_err *err);

/* Page number `at` of a sequence (the next one, or one it has) is there and shared with nobody afterwards: made, or
 * copied from the one that was shared. WT_ELIMIT when there is no free page. */
wt_status wt_cache_own_page(wt_decoder *decoder, wt_pages *sequence, size_t at, wt_err *err);
#endif
