/* session.c - one caller's memory, bound to a specialization, and a run. */
#include "base/file.h"
#include "run/native/eval.h"
#include "run/native/native.h"

wt_status wt_session_open(wt_session **out, wt_plan *plan, wt_err *err)
{
    wt_session *s = wt_alloc(plan->ctx, 1, sizeof *s, err);
    *out = s;
    if (!s)
        return WT_ENOMEM;
    s->plan = plan;
    wt_arena_init(&s->dyn, plan->ctx);
    return WT_OK;
}

static void binding_free(wt_session *s, wt_binding *b)
{
    if (!b)
        return;
    wt_plan_release(s->plan, b->spec);
    wt_free(s->plan->ctx, b->tensors);
    wt_free(s->plan->ctx, b->runs);
    wt_free(s->plan->ctx, b->args);
    wt_free(s->plan->ctx, b->ns_total);
    wt_free(s->plan->ctx, b);
}

void wt_session_close(wt_session *s)
{
    if (!s)
        return;
    for (wt_binding *b = s->bindings, *next; b; b = next) {
        next = b->next;
        binding_free(s, b);
    }
    wt_arena_free(&s->dyn);
    wt_free_pages(s->plan->ctx, s->memory);
    wt_free(s->plan->ctx, s);
}

/* Points every tensor of the binding to where the session's memory is now. */
static void point_tensors(wt_session *s, wt_binding *b)
{
    const wt_spec *spec = b->spec;
    for (size_t i = 0; i < spec->n_values; i++) {
        const wt_slot *slot = &spec->slots[i];
        size_t bytes = 0;
        wt_tensor *t = &b->tensors[i];
        *t = slot->type;
        if (wt_shape_known(&t->shape))
            wt_tensor_size(t, &bytes);
        t->bytes = bytes;
        t->data = slot->kind == WT_SLOT_ARENA ? s->memory + slot->offset : slot->data;
    }
    for (size_t i = 0; i < spec->n_steps; i++)
        b->runs[i].scratch = s->memory + spec->arena_bytes;
    b->base = s->memory;
}

static void fill_runs(wt_binding *b, const wt_program *p, const wt_tensor **args, size_t *used)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        const wt_step *step = &p->steps[i];
        const wt_node *n = step->node;
        wt_run *run = &b->runs[step->index];
        const wt_tensor **in = args + *used, **out = in + n->n_in;
        *used += n->n_in + n->n_out;
        for (size_t k = 0; k < n->n_in; k++)
            in[k] = n->in[k] ? &b->tensors[n->in[k]->id] : NULL;
        for (size_t k = 0; k < n->n_out; k++)
            out[k] = n->out[k] ? &b->tensors[n->out[k]->id] : NULL;
        *run = (wt_run){ .params = step->params,
                         .in = in,
                         .n_in = n->n_in,
                         .out = (wt_tensor *const *)(const void *)out,
                         .n_out = n->n_out };
        for (int k = 0; k < 2; k++)
            if (step->body[k])
                fill_runs(b, step->body[k], args, used);
    }
}

static wt_status binding_make(wt_session *s, wt_spec *spec, wt_binding **out, wt_err *err)
{
    wt_context *ctx = s->plan->ctx;
    wt_binding *b = wt_alloc(ctx, 1, sizeof *b, err);
    if (!b) {
        wt_plan_release(s->plan, spec);
        return WT_ENOMEM;
    }
    b->spec = spec;
    b->tensors = wt_alloc(ctx, spec->n_values + 1, sizeof *b->tensors, err);
    b->runs = b->tensors ? wt_alloc(ctx, spec->n_steps + 1, sizeof *b->runs, err) : NULL;
    b->args = b->runs ? wt_alloc(ctx, spec->n_args + 1, sizeof *b->args, err) : NULL;
    if (!b->args) {
        binding_free(s, b);
        return WT_ENOMEM;
    }
    size_t used = 0;
    fill_runs(b, spec->main, b->args, &used);
    *out = b;
    return WT_OK;
}

/* The least recently made binding goes when there are more than the plan keeps specializations. */
static void trim_bindings(wt_session *s)
{
    int n = 0;
    for (wt_binding **p = &s->bindings; *p; n++)
        if (n >= s->plan->options.specializations) {
            wt_binding *gone = *p;
            *p = gone->next;
            binding_free(s, gone);
        } else {
            p = &(*p)->next;
        }
}

static wt_status memory_for(wt_session *s, const wt_spec *spec, wt_err *err)
{
    const size_t need = spec->arena_bytes + spec->scratch_bytes + 64;
    if (need <= s->memory_bytes)
        return WT_OK;
    wt_free_pages(s->plan->ctx, s->memory);
    s->memory_bytes = 0;
    s->memory = wt_alloc_pages(s->plan->ctx, need, err);
    if (!s->memory)
        return WT_ENOMEM;
    s->memory_bytes = need;
    return WT_OK;
}

uint64_t wt_session_bytes(const wt_session *session) { return session->memory_bytes; }

static bool same_shapes(const wt_spec *spec, const wt_tensor *inputs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!wt_shape_equal(&spec->signature[i], &inputs[i].shape))
            return false;
    return true;
}

static wt_status bind(wt_session *s, const wt_tensor *inputs, size_t n, wt_err *err)
{
    wt_binding *b = s->bindings;
    while (b && !same_shapes(b->spec, inputs, n))
        b = b->next;
    if (!b) {
        wt_spec *spec;
        WT_TRY(wt_plan_specialize(s->plan, inputs, n, &spec, err));
        WT_TRY(binding_make(s, spec, &b, err));
        b->next = s->bindings;
        s->bindings = b;
        s->now = b;
        trim_bindings(s);
    }
    WT_TRY(memory_for(s, b->spec, err));
    if (b->base != s->memory || !s->memory)
        point_tensors(s, b);
    s->now = b;
    return WT_OK;
}

static wt_status check_input(const wt_value *v, const wt_tensor *t, wt_err *err)
{
    const wt_shape *want = &v->type.shape, *got = &t->shape;
    char a[96], b[96];
    bool fits = want->rank < 0 || want->rank == got->rank;
    for (int d = 0; fits && d < want->rank; d++)
        fits = want->dim[d] < 0 || want->dim[d] == got->dim[d];
    if (!fits || !wt_shape_known(got)) {
        return wt_fail(err, WT_EUSAGE, "input '%s' has shape %s, the model takes %s", v->name,
                       wt_shape_text(got, NULL, a, sizeof a),
                       wt_shape_text(want, v->graph->root->symbols, b, sizeof b));
    }
    if (v->type.dtype != WT_DTYPE_NONE && v->type.dtype != t->dtype) {
        return wt_fail(err, WT_EUSAGE, "input '%s' is %s, the model takes %s", v->name, wt_dtype_name(t->dtype),
                       wt_dtype_name(v->type.dtype));
    }
    return WT_OK;
}

static wt_status check_inputs(const wt_session *s, const wt_tensor *inputs, size_t n, wt_err *err)
{
    const wt_graph *g = s->plan->graph;
    if (n != g->n_inputs)
        return wt_fail(err, WT_EUSAGE, "the model takes %zu inputs, %zu were given", g->n_inputs, n);
    for (size_t i = 0; i < n; i++)
        WT_TRY(check_input(g->inputs[i], &inputs[i], err));
    return WT_OK;
}

wt_status wt_session_prepare(wt_session *s, const wt_tensor *inputs, size_t count, wt_err *err)
{
    WT_TRY(check_inputs(s, inputs, count, err));
    return bind(s, inputs, count, err);
}

/* Borrows the caller's bytes where they are aligned for their type, copies them otherwise. */
static wt_status take_inputs(wt_session *s, const wt_tensor *inputs, size_t n, wt_err *err)
{
    const wt_graph *g = s->now->spec->graph;
    for (size_t i = 0; i < n; i++) {
        wt_tensor *t = &s->now->tensors[g->inputs[i]->id];
        const void *data = inputs[i].data ? inputs[i].data : s->now->spec->slots[g->inputs[i]->id].data;
        size_t bytes;
        if (!wt_tensor_size(t, &bytes) || (!data && bytes))
            return wt_fail(err, WT_EUSAGE, "input '%s' has no data", g->inputs[i]->name);
        if (inputs[i].data && inputs[i].bytes < bytes)
            return wt_fail(err, WT_EUSAGE, "input '%s' has %zu bytes, its shape needs %zu", g->inputs[i]->name,
                           inputs[i].bytes, bytes);
        if (wt_misaligned(t->dtype, data)) {
            void *copy = wt_arena_alloc(&s->dyn, bytes + 64, 1, err);
            if (!copy)
                return WT_ENOMEM;
            memcpy(copy, data, bytes);
            data = copy;
        }
        t->data = data;
        t->bytes = bytes;
    }
    return WT_OK;
}

static void member(void *arg, wt_team *team, int tid, int nthreads)
{
    wt_session *s = arg;
    wt_program_run(s, s->now->spec->main, team, tid, nthreads);
}

static wt_status run_team(wt_session *s, int threads, wt_err *err)
{
    wt_pool *pool;
    WT_TRY(wt_context_pool(s->plan->ctx, &pool, err));
    atomic_store(&s->failed_step, SIZE_MAX);
    atomic_store(&s->failure_taken, 0);
    s->failure_status = WT_OK;
    wt_pool_run(pool, threads, member, s);
    if (s->failure_status != WT_OK && err)
        *err = s->failure;
    return s->failure_status;
}

wt_status wt_session_run(wt_session *s, const wt_tensor *inputs, size_t count, wt_err *err)
{
    WT_TRY(wt_check_cancel(s->plan->ctx, err));
    WT_TRY(check_inputs(s, inputs, count, err));
    WT_TRY(bind(s, inputs, count, err));
    wt_arena_free(&s->dyn);
    WT_TRY(take_inputs(s, inputs, count, err));
    const wt_spec *spec = s->now->spec;
    wt_status st = spec->threads > 1 ? run_team(s, spec->threads, err) : wt_program_run_alone(s, spec->main, err);
    if (s->profile)
        s->now->profiled++;
    return st;
}

const wt_tensor *wt_session_output(const wt_session *s, size_t index)
{
    if (!s->now || index >= s->now->spec->graph->n_outputs)
        return NULL;
    return &s->now->tensors[s->now->spec->graph->outputs[index]->id];
}

void wt_session_watch(wt_session *s, wt_tap_fn *fn, void *user)
{
    s->watch = fn;
    s->watch_team = NULL;
    s->watch_user = user;
}

void wt_session_watch_team(wt_session *s, wt_team_tap_fn *fn, void *user)
{
    s->watch = NULL;
    s->watch_team = fn;
    s->watch_user = user;
}
