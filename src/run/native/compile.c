/* compile.c - from the model's graph and a signature of input shapes to a specialization. See native.h.
 *
 * clone -> fix input shapes -> passes -> one step per node -> kernels and slots -> offsets. */
#include "run/native/eval.h"
#include "run/native/native.h"
#include "run/pack.h"
#include "run/passes/pass.h"

typedef struct compiler {
    wt_plan *plan;
    wt_spec *spec;
    wt_err *err;
} compiler;

static void fix_inputs(wt_graph *g, const wt_tensor *inputs, size_t n)
{
    for (size_t i = 0; i < g->n_inputs && i < n; i++)
        g->inputs[i]->type.shape = inputs[i].shape;
}

/* Kernels need natural alignment; constants in a mapped file have none. prepare sees an aligned copy under the name of
 * the original (pack.h); it stays only if the kernel did not pack it. */
static wt_status aligned_const(compiler *c, const wt_tensor *t, wt_tensor *out, bool *copied)
{
    *out = *t;
    *copied = false;
    if (!t->bytes || !wt_misaligned(t->dtype, t->data))
        return WT_OK;
    if (!wt_plan_owns(c->plan, t->data)) { /* of this specialization alone: so is the copy */
        void *copy = wt_arena_alloc(&c->spec->arena, t->bytes, 1, c->err);
        if (!copy)
            return WT_ENOMEM;
        memcpy(copy, t->data, t->bytes);
        out->data = copy;
        return WT_OK;
    }
    WT_TRY(wt_pack_aligned(c->plan->packs, t->data, t->bytes, &out->data, c->err));
    *copied = true;
    return WT_OK;
}

static bool tensor_static(const wt_tensor *t) { return t->dtype != WT_DTYPE_NONE && wt_shape_known(&t->shape); }

static bool node_static(const wt_node *node)
{
    if (!node->op)
        return false;
    for (size_t i = 0; i < node->n_in; i++)
        if (node->in[i] && !tensor_static(&node->in[i]->type))
            return false;
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i] && !tensor_static(&node->out[i]->type))
            return false;
    return true;
}

static wt_status slot_constant(compiler *c, wt_value *v)
{
    wt_slot *slot = &c->spec->slots[v->id];
    if (slot->kind == WT_SLOT_CONST)
        return WT_OK;
    slot->kind = WT_SLOT_CONST;
    slot->type = v->type;
    slot->type.data = NULL;
    slot->data = v->type.data;
    return WT_OK;
}

static bool waits_for_data(const wt_tensor *const *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (in[i] && !in[i]->data)
            return true;
    return false;
}

/* The kernel of a static step, and what it prepared. *fits is false when no row takes the case. *waits: a row takes it,
 * but not before it has seen data (the axes of a reduction whose output shape the file declares): then the step is
 * dynamic. */
static wt_status choose_kernel(compiler *c, wt_step *step, bool *fits, bool *waits)
{
    const wt_node *node = step->node;
    wt_spec *spec = c->spec;
    wt_tensor copies[64];
    const wt_tensor *in[64], *out[64];
    const void *lasting[64];
    size_t n_lasting = 0;
    bool copied[64] = { false };
    struct wt_pack_cache *packs;
    wt_status st = WT_OK;
    *fits = *waits = false;
    if (node->n_in > WT_ARRAY_LEN(in) || node->n_out > WT_ARRAY_LEN(out))
        return WT_OK;
    for (size_t i = 0; i < node->n_in; i++) {
        in[i] = NULL;
        if (!node->in[i])
            continue;
        copies[i] = node->in[i]->type;
        if (wt_value_is_const(node->in[i])) {
            WT_TRY(aligned_const(c, &node->in[i]->type, &copies[i], &copied[i]));
            if (wt_plan_owns(c->plan, node->in[i]->type.data))
                lasting[n_lasting++] = copies[i].data;
        } else {
            copies[i].data = NULL; /* the default of an input is no constant: a run may bring another */
        }
        in[i] = &copies[i];
    }
    for (size_t i = 0; i < node->n_out; i++)
        out[i] = node->out[i] ? &node->out[i]->type : NULL;
    /* Constants that this specialization made itself die with it, and so do their packings. */
    WT_TRY(wt_pack_transient(&packs, c->plan->packs, &spec->arena, lasting, n_lasting, c->err));
    wt_prep prep = { .ctx = c->plan->ctx,
                     .op = node->op->code,
                     .op_type = node->op_type,
                     .node_name = node->name,
                     .attrs = &node->attrs,
                     .in = in,
                     .n_in = node->n_in,
                     .out = out,
                     .n_out = node->n_out,
                     .threads = c->plan->threads,
                     .cpu = c->plan->cpu,
                     .arena = &spec->arena,
                     .packs = packs,
                     .max_threads = 1 };
    const wt_kernel *k = wt_kernel_pick(&prep, NULL);
    if (k && k->prepare)
        st = k->prepare(&prep, c->err);
    for (size_t i = 0; i < node->n_in; i++)
        if (!copied[i] && in[i] && in[i]->data && in[i]->data != node->in[i]->type.data)
            spec->slots[node->in[i]->id].data = in[i]->data;
        else if (copied[i]) {
            const bool packed = k && st == WT_OK && (k->packs >> i & 1);
            if (!packed)
                spec->slots[node->in[i]->id].data = copies[i].data;
            wt_pack_aligned_done(c->plan->packs, node->in[i]->type.data, !packed);
        }
    if (st == WT_EUNSUPPORTED && waits_for_data(in, node->n_in)) {
        *waits = true;
        return WT_OK;
    }
    if (st != WT_OK) {
        wt_err_at_node(c->err, node);
        return st;
    }
    if (!k)
        return WT_OK;
    for (size_t i = 0; i < node->n_in && i < 32; i++)
        if (k->packs >> i & 1 && wt_value_is_const(node->in[i]))
            wt_map_forget(prep.ctx, node->in[i]->type.data, node->in[i]->type.bytes);
    *fits = true;
    step->kernel = k;
    step->params = prep.params;
    step->threads = prep.max_threads < 1 ? 1 : prep.max_threads;
    step->flops = prep.flops;
    step->bytes = prep.bytes;
    if (prep.scratch_bytes > spec->scratch_bytes)
        spec->scratch_bytes = prep.scratch_bytes;
    spec->flops += prep.flops;
    return WT_OK;
}

static double default_bytes(const wt_node *node)
{
    double sum = 0;
    size_t bytes;
    for (size_t i = 0; i < node->n_in; i++)
        if (node->in[i] && wt_tensor_size(&node->in[i]->type, &bytes))
            sum += (double)bytes;
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i] && wt_tensor_size(&node->out[i]->type, &bytes))
            sum += (double)bytes;
    return sum;
}

static wt_status compile_program(compiler *c, wt_graph *graph, wt_program **out);

static wt_status compile_bodies(compiler *c, wt_step *step)
{
    const wt_node *node = step->node;
    static const char *const names[2][2] = { { "then_branch", "else_branch" }, { "body", NULL } };
    const bool is_if = wt_node_is(node, WT_OP_IF);
    for (int b = 0; b < 2; b++) {
        const char *name = names[!is_if][b];
        wt_graph *body = name ? wt_node_subgraph(node, name) : NULL;
        if (name && !body)
            return wt_fail(c->err, WT_EFORMAT, "%s has no attribute %s", node->op_type, name);
        if (body)
            WT_TRY(compile_program(c, body, &step->body[b]));
    }
    return WT_OK;
}

static void set_output_slots(compiler *c, const wt_step *step)
{
    const wt_node *node = step->node;
    for (size_t i = 0; i < node->n_out; i++) {
        if (!node->out[i])
            continue;
        wt_slot *slot = &c->spec->slots[node->out[i]->id];
        slot->type = node->out[i]->type;
        slot->type.data = NULL;
        slot->kind = step->kind == WT_STEP_STATIC ? WT_SLOT_ARENA : WT_SLOT_RUN;
    }
}

static wt_status compile_step(compiler *c, wt_node *node, wt_step *step)
{
    bool fits = false, waits = false;
    step->node = node;
    step->tap = -1;
    step->threads = 1;
    step->kind = WT_STEP_DYNAMIC;
    for (size_t i = 0; i < node->n_in; i++)
        if (node->in[i] && wt_value_is_const(node->in[i]))
            WT_TRY(slot_constant(c, node->in[i]));
    if (!node->op) {
        wt_status st = wt_fail(c->err, WT_EUNSUPPORTED, "operator %s of domain '%s' is not one the native engine knows",
                               node->op_type, node->domain);
        wt_err_hint(c->err, "`whet assess` lists which engines can run the model");
        wt_err_at_node(c->err, node);
        return st;
    }
    if (node->op->flags & WT_OP_CONTROL) {
        step->kind = WT_STEP_CONTROL;
        WT_TRY(compile_bodies(c, step));
    } else if (node->op->flags & WT_OP_VIEW) {
        step->kind = WT_STEP_VIEW;
    } else if (node_static(node)) {
        WT_TRY(choose_kernel(c, step, &fits, &waits));
        if (!fits && !waits) {
            const wt_tensor *first = node->n_in && node->in[0] ? &node->in[0]->type : NULL;
            wt_status st = wt_eval_refuse(node, &first, c->err);
            wt_err_at_node(c->err, node);
            return st;
        }
        if (fits)
            step->kind = WT_STEP_STATIC;
        if (fits && step->bytes == 0)
            step->bytes = default_bytes(node);
    }
    set_output_slots(c, step);
    return WT_OK;
}

/* Memory that the values of `graph` and its bodies take; bodies lie behind their parent, branches of one If overlap. */
static wt_status place(compiler *c, const wt_program *program, size_t base, size_t *end)
{
    size_t bodies_end;
    WT_TRY(wt_place_values(c->spec, program, base, end, c->plan->ctx, c->err));
    bodies_end = *end;
    for (size_t i = 0; i < program->n_steps; i++) {
        const size_t from = bodies_end;
        for (int b = 0; b < 2; b++) {
            size_t body_end = from;
            if (!program->steps[i].body[b])
                continue;
            WT_TRY(place(c, program->steps[i].body[b], from, &body_end));
            if (body_end > bodies_end)
                bodies_end = body_end;
        }
    }
    *end = bodies_end;
    return WT_OK;
}

static wt_status compile_program(compiler *c, wt_graph *graph, wt_program **out)
{
    wt_spec *spec = c->spec;
    wt_program *p = wt_arena_alloc(&spec->arena, 1, sizeof *p, c->err);
    if (!p || !(p->steps = wt_arena_alloc(&spec->arena, graph->n_nodes + 1, sizeof *p->steps, c->err)))
        return WT_ENOMEM;
    p->graph = graph;
    for (size_t i = 0; i < graph->n_inputs; i++) {
        wt_slot *slot = &spec->slots[graph->inputs[i]->id];
        slot->kind = WT_SLOT_INPUT;
        slot->type = graph->inputs[i]->type;
        slot->type.data = NULL;
        slot->data = graph->inputs[i]->type.data; /* an input with a default */
    }
    for (size_t i = 0; i < graph->n_outputs; i++)
        if (wt_value_is_const(graph->outputs[i]))
            WT_TRY(slot_constant(c, graph->outputs[i]));
    for (wt_node *n = graph->first; n; n = n->next) {
        wt_step *step = &p->steps[p->n_steps++];
        step->index = spec->n_steps++;
        spec->n_args += n->n_in + n->n_out;
        WT_TRY(compile_step(c, n, step));
    }
    *out = p;
    return WT_OK;
}

static wt_status map_taps(compiler *c)
{
    wt_plan *plan = c->plan;
    wt_spec *spec = c->spec;
    if (!plan->options.n_taps)
        return WT_OK;
    spec->tap_of_value = wt_arena_alloc(&spec->arena, spec->n_values, sizeof *spec->tap_of_value, c->err);
    if (!spec->tap_of_value)
        return WT_ENOMEM;
    for (size_t i = 0; i < spec->n_values; i++)
        spec->tap_of_value[i] = -1;
    for (size_t t = 0; t < plan->options.n_taps; t++) {
        const wt_value *v = wt_graph_find(spec->graph, plan->options.taps[t]);
        if (!v)
            return wt_fail(c->err, WT_EUSAGE, "the model has no value '%s' to watch", plan->options.taps[t]);
        spec->tap_of_value[v->id] = (int)t;
    }
    for (size_t i = 0; i < spec->main->n_steps; i++) {
        wt_step *step = &spec->main->steps[i];
        for (size_t o = 0; o < step->node->n_out; o++)
            if (step->node->out[o] && spec->tap_of_value[step->node->out[o]->id] >= 0)
                step->tap = spec->tap_of_value[step->node->out[o]->id];
    }
    return WT_OK;
}

static wt_status run_passes(compiler *c)
{
    wt_plan *plan = c->plan;
    wt_pass_ctx pc = { .ctx = plan->ctx, .cpu = plan->cpu, .taps = plan->options.taps, .n_taps = plan->options.n_taps };
    return wt_passes_run(&pc, c->spec->graph, false, NULL, plan->options.off, plan->options.n_off, c->err);
}

static wt_status compile(compiler *c, const wt_tensor *inputs, size_t n)
{
    wt_spec *spec = c->spec;
    wt_plan *plan = c->plan;
    WT_TRY(wt_graph_clone(&spec->graph, plan->base, c->err));
    fix_inputs(spec->graph, inputs, n);
    WT_TRY(run_passes(c));
    spec->n_values = spec->graph->next_value_id;
    spec->slots = wt_arena_alloc(&spec->arena, spec->n_values + 1, sizeof *spec->slots, c->err);
    spec->signature = wt_arena_alloc(&spec->arena, spec->graph->n_inputs + 1, sizeof *spec->signature, c->err);
    if (!spec->slots || !spec->signature)
        return WT_ENOMEM;
    for (size_t i = 0; i < spec->graph->n_inputs && i < n; i++)
        spec->signature[i] = inputs[i].shape;
    WT_TRY(compile_program(c, spec->graph, &spec->main));
    WT_TRY(wt_spec_count_constants(spec, plan->ctx, c->err));
    WT_TRY(map_taps(c));
    WT_TRY(place(c, spec->main, 0, &spec->arena_bytes));
    spec->arena_bytes = wt_align_up(spec->arena_bytes + 64, 4096);
    /* Waking parked threads costs some 10 us: not for less than a few hundred kFLOP. */
    spec->threads = spec->flops < 1e6 ? 1 : plan->threads;
    return wt_budget_check(plan->ctx, spec->arena_bytes + spec->scratch_bytes, "activations", c->err);
}

wt_status wt_spec_compile(wt_spec **out, wt_plan *plan, const wt_tensor *inputs, size_t n, wt_err *err)
{
    wt_spec *spec = wt_alloc(plan->ctx, 1, sizeof *spec, err);
    *out = NULL;
    if (!spec)
        return WT_ENOMEM;
    wt_arena_init(&spec->arena, plan->ctx);
    compiler c = { plan, spec, err };
    const wt_status st = compile(&c, inputs, n);
    if (st != WT_OK) {
        wt_spec_free(plan, spec);
        return st;
    }
    *out = spec;
    return WT_OK;
}

void wt_spec_free(wt_plan *plan, wt_spec *spec)
{
    if (!spec)
        return;
    wt_arena_free(&spec->arena);
    wt_graph_close(spec->graph);
    wt_free(plan->ctx, spec);
}
