/* build.h - what the files of architectures build with.
 *
 * Most decoders are one block with differences: how rows are normalized, whether keys are, which pairs turn, where the
 * residual goes. A family says its differences in a wt_style; what a file shows by itself (fused or separate q, k, v;
 * biases; a gate; norms behind attention; experts) is looked up by name. A family that is no such block builds its own
 * graph with the same helpers. */
#ifndef WT_ARCH_BUILD_H
#define WT_ARCH_BUILD_H
#include "model/arch/arch.h"
#include "model/act.h"

typedef enum wt_qk_norm { WT_QK_NONE, WT_QK_HEAD, WT_QK_ROW } wt_qk_norm; /* scale of one head, or of all together */

typedef struct wt_rope_style {
    bool off;
    bool interleaved; /* pairs 2i, 2i + 1 (llama); else i, i + d/2 */
    int64_t dims;     /* of a head that turn */
    double base, freq_scale, ext_factor, attn_factor, beta_fast, beta_slow;
    int64_t orig_ctx;
} wt_rope_style;

typedef struct wt_style {
    bool layer_norm; /* mean and variance; else root of the mean square */
    bool post_only;  /* no norm in front of attention and feed-forward (olmo2) */
    bool parallel;   /* attention and feed-forward read the same norm's input and are added together */
    wt_qk_norm qk_norm;
    wt_rope_style rope;                                          /* of layers that see everything */
    wt_rope_style local_rope;                                    /* of layers with a window */
    const bool *no_rope;                                         /* per layer, or NULL */
    int act;                                                     /* wt_act of the feed-forward */
    double embed_scale, residual_scale, logit_scale, attn_scale; /* 1, 1, 1, 1/sqrt(head) */
    double attn_softcap, logit_softcap;                          /* 0: none */
    bool experts_normalize, experts_softmax;
    double experts_scale;
} wt_style;

typedef struct wt_arch_builder {
    wt_weights *w;
    wt_graph *g;
    const wt_arch *arch;
    wt_arch_options options;
    wt_hparams hp;
    wt_style style;
    double eps;
    int64_t *kv_heads, *window; /* hp's arrays, while they are filled */
    wt_value *tokens, *positions, *slots, *owners, *pages, *rows, *factors;
} wt_arch_builder;

/* --- keys: "A.name" with A the architecture ------------------------------------------------------------------------
 */
wt_status wt_b_int(wt_arch_builder *b, const char *name, int64_t fallback, int64_t *out, wt_err *err);
wt_status wt_b_float(wt_arch_builder *b, const char *name, double fallback, double *out, wt_err *err);
wt_status wt_b_bool(wt_arch_builder *b, const char *name, bool fallback, bool *out, wt_err *err);
wt_status wt_b_text(wt_arch_builder *b, const char *name, wt_string *out, wt_err *err); /* absent: empty */
/* The keys that all families share, into b->hp and b->style; called before the family's own hparams(). */
wt_status wt_b_common(wt_arch_builder *b, wt_err *err);
/* Layers that look back `attention.sliding_window` tokens only: all but each `every`-th, unless the file says which. */
wt_status wt_b_windows(wt_arch_builder *b, int64_t fallback, int64_t every, wt_err *err);

/* --- values --------------------------------------------------------------------------------------------------------
 */
/* Tensor printf(fmt) with this shape (rank 1 or 2; n0 outermost); *out NULL when it is absent and `optional`. */
wt_status wt_b_weight(wt_arch_builder *b, wt_value **out, bool optional, int rank, const int64_t *dims, wt_err *err,
                      const char *fmt, ...) WT_PRINTF(7, 8);
wt_status wt_b_op(wt_arch_builder *b, wt_value **out, const char *domain, const char *op, const char *name,
                  wt_value *const *in, size_t n_in, const wt_attr *attrs, size_t n_attrs, wt_err *err);
/* x @ W^T (+ bias, if the file has one) (+ residual, may be NULL); W is PREFIX.weight, [n, k]. */
wt_status wt_b_linear(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t n, int64_t k, wt_value *residual,
                      int act, wt_err *err, const char *fmt, ...) WT_PRINTF(9, 10);
/* The family's norm with PREFIX.weight and, for layer norms, PREFIX.bias; x itself when the tensor is absent and
 * `optional`. */
wt_status wt_b_norm(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t n, bool optional, wt_err *err,
                    const char *fmt, ...) WT_PRINTF(7, 8);
wt_status wt_b_scale(wt_arch_builder *b, wt_value **out, wt_value *x, double factor, wt_err *err);
wt_status wt_b_add(wt_arch_builder *b, wt_value **out, wt_value *x, wt_value *y, wt_err *err);
wt_status wt_b_reshape(wt_arch_builder *b, wt_value **out, wt_value *x, const int64_t *dims, size_t n, wt_err *err);
wt_status wt_b_slice(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t from, int64_t to,
                     wt_err *err);                                                 /* columns */
wt_status wt_b_rows(wt_arch_builder *b, wt_value **out, wt_value *x, wt_err *err); /* the wanted ones */
/* The feed-forward of layer il: gated or not, fused or not, experts or not; + residual when there is one. */
wt_status wt_b_feed_forward(wt_arch_builder *b, wt_value **out, wt_value *x, int64_t il, wt_value *residual,
                            wt_err *err);

/* --- attributes ----------------------------------------------------------------------------------------------------
 */
static inline wt_attr wt_attr_of_int(const char *name, int64_t v)
{
    return (wt_attr){ .name = name, .type = WT_ATTR_INT, .count = 1, .v.i = v };
}
static inline wt_attr wt_attr_of_float(const char *name, double v)
{
    return (wt_attr){ .name = name, .type = WT_ATTR_FLOAT, .count = 1, .v.f = (float)v };
}

/* --- whole models --------------------------------------------------------------------------------------------------
 */
wt_status wt_b_inputs(wt_arch_builder *b, wt_err *err); /* of a decoder */
/* The input k.N or v.N (kind "k", "v") of layer il, for heads of `dim` numbers. */
wt_status wt_b_cache(wt_arch_builder *b, wt_value **out, const char *kind, int64_t il, wt_dtype dtype, int64_t dim,
                     wt_err *err);
wt_status wt_b_embed(wt_arch_builder *b, wt_value **x, wt_err *err);
/* The block of the style, for all layers, and the head: what most families' build is. */
wt_status wt_b_decoder(wt_arch_builder *b, wt_err *err);
wt_status wt_b_head(wt_arch_builder *b, wt_value *x, wt_err *err); /* last norm, logits and / or hidden */
wt_status wt_b_output(wt_arch_builder *b, wt_value *v, const char *name, wt_err *err);
#endif
