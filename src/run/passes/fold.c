/* fold.c - infer and fold in one walk: a node whose inputs are all known is computed, its result becomes a constant.
 *
 * Shapes that are known make Shape and everything behind it fold, so that a model exported with dynamic sizes and
 * compiled for fixed ones loses its shape arithmetic here. An If whose condition is known is replaced by its branch.
 * Results above FOLD_LIMIT are left alone unless all their inputs die with them: folding must not blow the model up
 * (ConstantOfShape, Expand). */
#include "run/native/eval.h"
#include "run/passes/targets.h"

enum { FOLD_LIMIT = 1 << 16 };

static wt_status fold_graph(wt_pass_ctx *pc, wt_graph *graph, wt_err *err);

static bool inputs_known(const wt_node *node)
{
    for (size_t i = 0; i < node->n_in; i++)
        if (node->in[i] && (!wt_value_is_const(node->in[i]) || node->in[i]->quant))
            return false;
    return true;
}

static bool output_tapped(const wt_pass_ctx *pc, const wt_node *node)
{
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i] && (wt_pass_tapped(pc, node->out[i]) || node->out[i]->quant))
            return true;
    return false;
}

/* Bytes the results would take against the bytes of inputs that would not be needed any more. */
static bool worth_folding(const wt_node *node)
{
    size_t out = 0, gone = 0, bytes;
    for (size_t i = 0; i < node->n_out; i++) {
        if (!node->out[i])
            continue;
        if (node->out[i]->kind != WT_TENSOR_VALUE || !wt_tensor_size(&node->out[i]->type, &bytes))
            return false;
        out += bytes;
    }
    for (size_t i = 0; i < node->n_in; i++)
        if (node->in[i] && node->in[i]->n_uses == 1 && wt_tensor_size(&node->in[i]->type, &bytes))
            gone += bytes;
    return out <= FOLD_LIMIT || out <= 2 * gone;
}

/* DequantizeLinear of a constant is how files store small weights: keep it for the qdq pass and the writers. */
static bool foldable(const wt_pass_ctx *pc, const wt_node *node)
{
    const wt_op *op = node->op;
    if (!op || !node->n_out || (op->flags & (WT_OP_RANDOM | WT_OP_CONTROL)) || op->code == WT_OP_DEQUANTIZELINEAR)
        return false;
    if (op->code == WT_OP_CAST && node->in[0] && wt_value_is_const(node->in[0]) && node->in[0]->type.dtype == WT_F16 &&
        node->in[0]->n_uses == 1)
        return false; /* weights stored as halves: kernels widen them as they read */
    return inputs_known(node) && !output_tapped(pc, node);
}

/* Replaces the uses of node's outputs by constants holding `out`. Graph outputs keep a producer: an Identity. */
static wt_status adopt(wt_pass_ctx *pc, wt_node *node, const wt_tensor *out, wt_err *err)
{
    for (size_t i = 0; i < node->n_out; i++) {
        wt_value *v = node->out[i], *c;
        if (!v || (!v->n_uses && !v->is_output))
            continue;
        WT_TRY(wt_graph_add_constant(&c, node->graph, NULL, &out[i], err));
        if (v->is_output) {
            if (node->n_out != 1)
                continue; /* rare: leave it computed */
            if (wt_node_is(node, WT_OP_IDENTITY))
                return WT_OK;
            WT_TRY(wt_node_set_op(node, "", "Identity", err));
            node->attrs = (wt_attrs){ NULL, 0 };
            WT_TRY(wt_node_set_input(node, 0, c, err));
            for (size_t k = 1; k < node->n_in; k++)
                WT_TRY(wt_node_set_input(node, k, NULL, err));
            node->n_in = 1;
            pc->changes++;
            return WT_OK;
        }
        WT_TRY(wt_value_replace(v, c, err));
        pc->changes++;
    }
    return WT_OK;
}

static wt_status fold_node(wt_pass_ctx *pc, wt_node *node, wt_err *err)
{
    wt_arena arena;
    wt_arena_init(&arena, pc->ctx);
    const wt_tensor *in[64];
    wt_tensor out[16];
    wt_status st = WT_OK;
    if (node->n_in > WT_ARRAY_LEN(in) || node->n_out > WT_ARRAY_LEN(out))
        return WT_OK;
    for (size_t i = 0; i < node->n_in; i++) {
        in[i] = node->in[i] ? &node->in[i]->type : NULL;
        /* Kernels read aligned elements; file data may lie anywhere. */
        if (in[i] && in[i]->data && ((uintptr_t)in[i]->data & 7)) {
            wt_tensor *copy = wt_arena_alloc(&arena, 1, sizeof *copy, err);
            void *bytes = copy ? wt_arena_alloc(&arena, in[i]->bytes + 8, 1, err) : NULL;
            if (!bytes) {
                st = WT_ENOMEM;
                goto done;
            }
            memcpy(bytes, in[i]->data, in[i]->bytes);
            *copy = *in[i];
            copy->data = bytes;
            in[i] = copy;
        }
    }
    const wt_eval e = { pc->ctx, pc->cpu, NULL, &arena, 0 };
    wt_err ignored = { 0 };
    st = wt_eval_node(&e, node, in, out, &ignored);
    if (st == WT_ENOMEM || st == WT_ECANCELLED) {
        if (err)
            *err = ignored;
    } else if (st != WT_OK) {
        st = WT_OK; /* not foldable after all: whoever has to run it will say why */
    } else {
        st = adopt(pc, node, out, err);
    }
done:
    wt_arena_free(&arena);
    return st;
}

wt_status wt_pass_fold_node(wt_pass_ctx *pc, wt_node *node, wt_err *err)
{
    return foldable(pc, node) && worth_folding(node) ? fold_node(pc, node, err) : WT_OK;
}

/* What a shape rule worked out needs no kernel. */
static wt_status fold_known(wt_pass_ctx *pc, wt_node *node, bool *done, wt_err *err)
{
    wt_value *v = node->n_out ? node->out[0] : NULL;
    *done = false;
    if (!v || node->n_out != 1 || v->is_output || !v->n_uses || output_tapped(pc, node))
        return WT_OK;
    if (v->known && v->known->data) { /* a shape rule computed it */
        wt_value *c;
        WT_TRY(wt_graph_add_constant(&c, node->graph, NULL, v->known, err));
        WT_TRY(wt_value_replace(v, c, err));
        pc->changes++;
        *done = true;
    }
    return WT_OK;
}

/* Moves the nodes of the taken branch in front of the If and lets its outputs take the If's place. */
static wt_status inline_branch(wt_pass_ctx *pc, wt_node *node, wt_err *err)
{
    int64_t cond;
    if (!node->in[0] || !wt_value_is_const(node->in[0]) || !wt_tensor_int(&node->in[0]->type, 0, &cond))
        return WT_OK;
    wt_graph *body = wt_node_subgraph(node, cond ? "then_branch" : "else_branch");
    if (!body || body->n_outputs != node->n_out)
        return WT_OK;
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i] && (node->out[i]->is_output || wt_pass_tapped(pc, node->out[i])))
            return WT_OK;
    WT_TRY(wt_graph_splice(body, node, err));
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            WT_TRY(wt_value_replace(node->out[i], body->outputs[i], err));
    pc->changes++;
    return WT_OK;
}

static wt_status fold_subgraphs(wt_pass_ctx *pc, wt_node *node, wt_err *err)
{
    for (size_t i = 0; i < node->attrs.count; i++)
        if (node->attrs.items[i].type == WT_ATTR_GRAPH)
            WT_TRY(fold_graph(pc, node->attrs.items[i].v.graph, err));
    return WT_OK;
}

/* A branch of an If may contradict itself for shapes with which it is never taken: then it says so when it runs. */
static wt_status infer(wt_node *node, wt_err *err)
{
    wt_err local = { .offset = WT_NO_OFFSET };
    const wt_status st = wt_node_infer(node, &local);
    if (st == WT_OK)
        return WT_OK;
    if (node->graph->parent && (st == WT_EFORMAT || st == WT_EUNSUPPORTED)) {
        for (size_t i = 0; i < node->n_out; i++)
            if (node->out[i])
                node->out[i]->type = (wt_tensor){ .shape.rank = -1 };
        return WT_OK;
    }
    wt_err_at_node(&local, node);
    if (err)
        *err = local;
    return st;
}

static wt_status fold_graph(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    for (wt_node *node = graph->first, *next; node; node = next) {
        bool done;
        if (wt_node_is(node, WT_OP_IF)) {
            wt_node *before = node->prev;
            WT_TRY(inline_branch(pc, node, err));
            wt_node *from = before ? before->next : graph->first;
            if (from != node) { /* spliced: walk the new nodes */
                next = from;
                continue;
            }
        }
        next = node->next;
        if (!node->op)
            continue;
        WT_TRY(wt_pass_settle_target(pc, node, err));
        WT_TRY(infer(node, err));
        if (node->op->flags & WT_OP_CONTROL) {
            WT_TRY(fold_subgraphs(pc, node, err));
            continue;
        }
        WT_TRY(fold_known(pc, node, &done, err));
        if (!done)
            WT_TRY(wt_pass_fold_node(pc, node, err));
    }
    return WT_OK;
}

wt_status wt_pass_fold(wt_pass_ctx *pc, wt_graph *graph, wt_err *err) { return fold_graph(pc, graph, err); }
