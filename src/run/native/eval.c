/* eval.c - one node, now. See eval.h.
 *
 * The output buffers come from the arena of the caller, so the price is an inference, a search in the kernel tables and
 * the arithmetic: some hundred nanoseconds, which folding and data-dependent corners can afford. */
#include "run/native/eval.h"
#include "run/pack.h"

void wt_err_at_node(wt_err *err, const wt_node *node)
{
    if (!err)
        return;
    wt_err_where(err, "node '%s' (%s)", node->name && *node->name ? node->name : "?", node->op_type);
    if (err->offset == WT_NO_OFFSET)
        err->offset = node->source;
}

wt_status wt_eval_refuse(const wt_node *node, const wt_tensor *const *in, wt_err *err)
{
    char shape[96] = "";
    if (node->n_in && in[0])
        wt_shape_text(&in[0]->shape, NULL, shape, sizeof shape);
    wt_status st = wt_fail(err, WT_EUNSUPPORTED, "no kernel of the native engine runs %s%s%s on %s %s", node->domain,
                           *node->domain ? "." : "", node->op_type,
                           node->n_in && in[0] ? wt_dtype_get(in[0]->dtype)->name : "nothing", shape);
    wt_err_hint(err, "`whet assess` lists which engines can run the model");
    return st;
}

/* Gives every output without data a buffer. */
static wt_status outputs_alloc(const wt_eval *e, const wt_node *node, wt_tensor *out, wt_err *err)
{
    for (size_t i = 0; i < node->n_out; i++) {
        size_t bytes;
        if (!node->out[i])
            continue;
        if (!wt_tensor_size(&out[i], &bytes))
            return wt_fail(err, WT_EUNSUPPORTED, "the shape of output %zu cannot be decided", i);
        if (e->limit && bytes > e->limit)
            return wt_fail(err, WT_ELIMIT, "output %zu would take %zu bytes, more than the limit of %llu", i, bytes,
                           (unsigned long long)e->limit);
        out[i].bytes = bytes;
        if (!out[i].data && !(out[i].data = wt_arena_alloc(e->arena, bytes + 64, 1, err)))
            return WT_ENOMEM;
    }
    return WT_OK;
}

/* Packings of what is no constant must not be remembered by its address. */
static wt_status transient_packs(const wt_eval *e, const wt_node *node, const wt_tensor *const *in,
                                 struct wt_pack_cache **out, wt_err *err)
{
    size_t n = 0;
    *out = NULL;
    const void **constants = wt_arena_alloc(e->arena, node->n_in + 1, sizeof *constants, err);
    if (!constants)
        return WT_ENOMEM;
    for (size_t i = 0; i < node->n_in; i++)
        if (in[i] && wt_value_is_const(node->in[i]))
            constants[n++] = in[i]->data;
    return wt_pack_transient(out, e->packs, e->arena, constants, n, err);
}

static wt_status kernel_run(const wt_eval *e, const wt_node *node, const wt_tensor *const *in, wt_tensor *out,
                            wt_err *err)
{
    const wt_tensor **out_types = wt_arena_alloc(e->arena, 2 * node->n_out, sizeof *out_types, err);
    if (!out_types)
        return WT_ENOMEM;
    wt_tensor **out_run = (wt_tensor **)(void *)(out_types + node->n_out);
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            out_types[i] = out_run[i] = &out[i];
    struct wt_pack_cache *packs;
    WT_TRY(transient_packs(e, node, in, &packs, err));
    wt_prep prep = { .ctx = e->ctx,
                     .op = node->op->code,
                     .op_type = node->op_type,
                     .node_name = node->name,
                     .attrs = &node->attrs,
                     .in = in,
                     .n_in = node->n_in,
                     .out = out_types,
                     .n_out = node->n_out,
                     .threads = 1,
                     .cpu = e->cpu,
                     .arena = e->arena,
                     .packs = packs,
                     .max_threads = 1 };
    const wt_kernel *k = wt_kernel_pick(&prep, NULL);
    if (!k)
        return wt_eval_refuse(node, in, err);
    if (k->prepare)
        WT_TRY(k->prepare(&prep, err));
    wt_run run = { .params = prep.params,
                   .in = in,
                   .n_in = node->n_in,
                   .out = out_run,
                   .n_out = node->n_out,
                   .texts = e->arena,
                   .tid = 0,
                   .nthreads = 1 };
    if (prep.scratch_bytes) {
        char *scratch = wt_arena_alloc(e->arena, prep.scratch_bytes + 64, 1, err);
        if (!scratch)
            return WT_ENOMEM;
        run.scratch = (void *)wt_align_up((uintptr_t)scratch, 64);
    }
    return k->run(&run, err);
}

/* Constants of a mapped file may lie anywhere; kernels see a copy of those that lie badly. */
static wt_status aligned_inputs(const wt_eval *e, const wt_tensor *const **in, size_t n, wt_err *err)
{
    const wt_tensor **list = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!(*in)[i] || !(*in)[i]->bytes || !wt_misaligned((*in)[i]->dtype, (*in)[i]->data))
            continue;
        wt_tensor *t = wt_arena_alloc(e->arena, 1, sizeof *t, err);
        void *data = t ? wt_arena_alloc(e->arena, (*in)[i]->bytes, 1, err) : NULL;
        if (data && !list && (list = wt_arena_alloc(e->arena, n, sizeof *list, err)))
            memcpy(list, *in, n * sizeof *list);
        if (!data || !list)
            return WT_ENOMEM;
        memcpy(data, (*in)[i]->data, (*in)[i]->bytes);
        *t = *(*in)[i];
        t->data = data;
        list[i] = t;
    }
    if (list)
        *in = list;
    return WT_OK;
}

wt_status wt_eval_node(const wt_eval *e, const wt_node *node, const wt_tensor *const *in, wt_tensor *out, wt_err *err)
{
    if (!node->op)
        return wt_fail(err, WT_EUNSUPPORTED, "operator %s of domain '%s' is not known", node->op_type, node->domain);
    for (size_t i = 0; i < node->n_out; i++)
        out[i] = (wt_tensor){ .shape.rank = -1 };
    wt_infer infer = { .op_type = node->op_type,
                       .attrs = &node->attrs,
                       .in = in,
                       .n_in = node->n_in,
                       .out = out,
                       .n_out = node->n_out,
                       .arena = e->arena };
    WT_TRY(node->op->infer(&infer, err));
    for (size_t i = 0; i < node->n_out; i++) /* what a rule publishes may be borrowed: the kernel writes its own */
        out[i].data = NULL;
    if ((node->op->flags & WT_OP_VIEW) && in[0]) {
        out[0].data = in[0]->data;
        out[0].bytes = in[0]->bytes;
        return WT_OK;
    }
    WT_TRY(outputs_alloc(e, node, out, err));
    WT_TRY(aligned_inputs(e, &in, node->n_in, err));
    return kernel_run(e, node, in, out, err);
}
