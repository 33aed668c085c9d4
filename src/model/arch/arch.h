/* arch.h - architectures: graphs from named weights.
 *
 * One row and one file per family: it reads its hyperparameters from the set's keys and builds the graph with the
 * helpers of build.h. All decoder graphs have the same inputs, so that one runtime (run/generate/) drives them all:
 *
 *     tokens    I32 [T]     ids
 *     positions I32 [T]     place in its sequence
 *     slots     I32 [T]     where its K and V go: page * WT_KV_PAGE + offset
 *     owners    I32 [T]     row of `pages`: which sequence
 *     pages     I32 [S, M]  page numbers of every sequence, in order; -1 behind the end
 *     rows      I32 [R]     which tokens' results are wanted
 *     k.N, v.N  kind STATE  the caches of layer N, [P, kv heads, WT_KV_PAGE, head], of the dtype asked for
 *   outputs
 *     logits    F32 [R, vocabulary]   (WT_ARCH_LOGITS)
 *     hidden    F32 [R, width]        (WT_ARCH_HIDDEN: after the last norm; encoders have only this)
 *
 * T, R, S, M, P are symbols. Encoders (bert, ...) have only `tokens`, `positions` and, where the model has segments,
 * `segments` I32 [T]; one sequence a run; they give hidden for all T rows. */
#ifndef WT_ARCH_H
#define WT_ARCH_H
#include "model/graph.h"
#include "model/weights.h"

enum { WT_KV_PAGE = 32 }; /* tokens of one page of a cache */

typedef enum wt_pooling { WT_POOL_NONE, WT_POOL_MEAN, WT_POOL_CLS, WT_POOL_LAST } wt_pooling;

/* What all families have in common; -1 / 0 where a model has no such thing. */
typedef struct wt_hparams {
    const char *arch; /* "llama" */
    int64_t layers, width, vocab, context, heads, head_dim, value_dim;
    int64_t feed_forward, experts, experts_used, expert_hidden;
    const int64_t *kv_heads; /* per layer */
    const int64_t *window;   /* per layer; 0: all of the past */
    int64_t short_context;   /* longer texts have other frequencies: wt_arch_options.context */
    bool causal;
    wt_pooling pooling;
} wt_hparams;
static inline bool wt_hparams_long(const wt_hparams *hp, int64_t context)
{
    return hp->short_context && context > hp->short_context;
}

enum { WT_ARCH_LOGITS = 1, WT_ARCH_HIDDEN = 2 };
typedef struct wt_arch_options {
    wt_dtype k_dtype, v_dtype; /* F32, F16, Q8_0, Q4_0; WT_DTYPE_NONE: F16 */
    unsigned outputs;          /* 0: WT_ARCH_LOGITS (encoders: WT_ARCH_HIDDEN) */
    int64_t context;           /* tokens that a sequence may reach; 0: hp.short_context or less */
} wt_arch_options;

struct wt_arch_builder;
typedef struct wt_arch {
    const char *name; /* general.architecture */
    bool encoder;
    wt_status (*hparams)(struct wt_arch_builder *b, wt_err *err); /* NULL: the common keys alone */
    wt_status (*build)(struct wt_arch_builder *b, wt_err *err);
} wt_arch;
extern const wt_arch *const wt_archs[]; /* ended by NULL; rows of archs.def */
const wt_arch *wt_arch_find(const char *name, size_t len);

/* hp borrows from the set's arena. WT_EUNSUPPORTED names an architecture that we do not know, and lists those we do. */
wt_status wt_arch_hparams(wt_hparams *hp, wt_weights *weights, wt_err *err);
/* The graph borrows constants from the set, which must outlive it (wt_graph_own ties them together). Checks every
 * tensor's presence and shape against the hyperparameters: WT_EFORMAT naming the tensor, its shape and what is
 * expected. */
wt_status wt_arch_build(wt_graph **out, wt_weights *weights, const wt_arch_options *options, wt_err *err);
#endif
