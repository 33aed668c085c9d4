/* pass.h - rewriting a graph, one idea per pass.
 *
 * A pass keeps results within rounding (folding and fusing reorder a few float operations); it changes the graph only
 * through graph.h's editing functions, works with symbolic shapes (it does what can be decided), and never touches a
 * value that is tapped. The order of wt_passes[] is the order of the engine; the verifier runs after each in debug
 * builds. "portable" passes leave only operators that files may contain, so the quantizer and the writers use them too;
 * the others make operators of domain "whet" and serve the native engine alone. */
#ifndef WT_PASS_H
#define WT_PASS_H
#include "model/graph.h"
#include "run/kernel.h"

typedef struct wt_pass_ctx {
    wt_context *ctx;
    uint32_t cpu;
    const char *const *taps; /* names of values that must survive */
    size_t n_taps;
    size_t changes; /* passes count what they did: for -v and tests */
} wt_pass_ctx;
typedef wt_status wt_pass_fn(wt_pass_ctx *pc, wt_graph *graph, wt_err *err);
typedef struct wt_pass {
    const char *name, *summary;
    bool portable;
    wt_pass_fn *run;
} wt_pass;
extern const wt_pass wt_passes[]; /* ends with name NULL */

/* Runs all (or only the portable) passes but those named in off; stops after `last` when not NULL. */
wt_status wt_passes_run(wt_pass_ctx *pc, wt_graph *graph, bool portable_only, const char *last, const char *const *off,
                        size_t n_off, wt_err *err);
/* v may vanish: not an output, not tapped, used once. */
bool wt_pass_may_fuse(const wt_pass_ctx *pc, const wt_value *v);
bool wt_pass_tapped(const wt_pass_ctx *pc, const wt_value *v);
/* n makes the result of `next`, its only reader, which goes: the value keeps its name, its readers, its place in the
 * interface. */
wt_status wt_pass_take_over(wt_pass_ctx *pc, wt_node *n, wt_node *next, wt_err *err);
/* The constant as float scalar / all elements equal; false otherwise. */
bool wt_const_scalar(const wt_value *v, float *out);
/* Finds which input of a two-input node is a scalar constant: fills the other value; false when none. */
bool wt_binary_scalar(const wt_node *n, wt_value **other, float *scalar, int *scalar_index);

/* A graph whose inner values are no halves (widen.c): not among wt_passes[], for it changes what is computed. */
wt_status wt_graph_widen(wt_graph *graph, wt_err *err);

/* n is a function of in[*x] alone, of floats: its other operands are constants of one element. */
bool wt_node_is_function(const wt_node *n, size_t *x);
/* n gives elements of in[0] as they are, moved or selected: codes may take the place of real numbers. */
bool wt_node_moves_only(const wt_node *n);

/* Computes n now if that is what the pass that folds would do. */
wt_status wt_pass_fold_node(wt_pass_ctx *pc, wt_node *n, wt_err *err);

wt_pass_fn wt_pass_fold, wt_pass_simplify, wt_pass_batch_norm, wt_pass_activation_idioms, wt_pass_norm_idioms,
    wt_pass_fast_norm, wt_pass_lookup, wt_pass_squeeze, wt_pass_qdq, wt_pass_nbits, wt_pass_linear,
    wt_pass_fuse_epilogue, wt_pass_int8, wt_pass_layout;
#endif
