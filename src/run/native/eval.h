/* eval.h - one node, now: infer, pick, prepare, run, single-threaded. Constant folding and steps whose shapes only
 * data decides use it. */
#ifndef WT_EVAL_H
#define WT_EVAL_H
#include "model/graph.h"
#include "run/kernel.h"
typedef struct wt_eval {
    wt_context *ctx;
    uint32_t cpu;
    struct wt_pack_cache *packs;
    wt_arena *arena; /* outputs, params and scratch */
    uint64_t limit;  /* refuse a single output above this; 0: none */
} wt_eval;
/* Kernels need natural alignment, up to 8; bytes of a mapped file have none. */
static inline bool wt_misaligned(wt_dtype dtype, const void *data)
{
    const size_t unit = wt_dtype_get(dtype)->block_bytes, align = unit > 8 ? 8 : unit;
    return align > 1 && ((uintptr_t)data & (align - 1)) != 0;
}
/* in[i]: NULL for omitted, data known. out[i] is filled for every output of the node that exists (shape, data in the
 * arena; a view may share in[0]'s data). WT_EUNSUPPORTED when no kernel takes it. */
wt_status wt_eval_node(const wt_eval *e, const wt_node *node, const wt_tensor *const *in, wt_tensor *out, wt_err *err);
/* WT_EUNSUPPORTED that says which kernel is missing for the node's types. */
wt_status wt_eval_refuse(const wt_node *node, const wt_tensor *const *in, wt_err *err);
/* Adds node name, operator and source offset to a filled error. */
void wt_err_at_node(wt_err *err, const wt_node *node);
#endif
