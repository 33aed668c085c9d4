/* plan.c - opening a plan, and its small cache of specializations. */
#include <stdlib.h>
#include "model/model.h"
#include "run/native/native.h"
#include "run/pack.h"
#include "run/passes/pass.h"

wt_plan_options wt_plan_defaults(void)
{
    return (
        wt_plan_options){ .size = sizeof(wt_plan_options), .dynamic_limit = UINT64_C(1) << 30, .specializations = 4 };
}

static wt_status copy_names(wt_plan *plan, const char *const *src, size_t n, const char *const **out, wt_err *err)
{
    const char **names = wt_arena_alloc(&plan->names, n + 1, sizeof *names, err);
    *out = names;
    for (size_t i = 0; names && i < n; i++)
        if (!(names[i] = wt_arena_strdup(&plan->names, src[i], err)))
            return WT_ENOMEM;
    return names ? WT_OK : WT_ENOMEM;
}

static wt_status take_options(wt_plan *plan, const wt_plan_options *options, wt_err *err)
{
    wt_plan_options o = wt_plan_defaults();
    if (options)
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    o.size = sizeof o;
    if (!o.dynamic_limit)
        o.dynamic_limit = UINT64_C(1) << 30;
    if (o.specializations < 1)
        o.specializations = 4;
    plan->threads = o.threads > 0 ? o.threads : wt_context_threads(plan->ctx);
    WT_TRY(copy_names(plan, o.off, o.n_off, &o.off, err));
    WT_TRY(copy_names(plan, o.taps, o.n_taps, &o.taps, err));
    plan->options = o;
    return WT_OK;
}

static bool inputs_fixed(const wt_graph *g)
{
    for (size_t i = 0; i < g->n_inputs; i++)
        if (!wt_shape_known(&g->inputs[i]->type.shape))
            return false;
    return true;
}

/* A model of fixed sizes is compiled now, so that opening finds what is wrong. */
static wt_status compile_fixed(wt_plan *plan, wt_err *err)
{
    const wt_graph *g = plan->graph;
    wt_spec *spec;
    if (!inputs_fixed(g))
        return WT_OK;
    wt_tensor *inputs = wt_alloc(plan->ctx, g->n_inputs, sizeof *inputs, err);
    if (!inputs)
        return WT_ENOMEM;
    for (size_t i = 0; i < g->n_inputs; i++)
        inputs[i] = g->inputs[i]->type;
    const wt_status st = wt_plan_specialize(plan, inputs, g->n_inputs, &spec, err);
    if (st == WT_OK)
        wt_plan_release(plan, spec);
    wt_free(plan->ctx, inputs);
    return st;
}

/* Passes that only make sense once shapes are known. */
static const char *const late_passes[] = { "int8", "layout" };

static wt_status rewrite_base(wt_plan *plan, wt_err *err)
{
    const size_t n = plan->options.n_off, late = WT_ARRAY_LEN(late_passes);
    const char **off = wt_arena_alloc(&plan->names, n + late, sizeof *off, err);
    if (!off)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        off[i] = plan->options.off[i];
    for (size_t i = 0; i < late; i++)
        off[n + i] = late_passes[i];
    wt_pass_ctx pc = { .ctx = plan->ctx, .cpu = plan->cpu, .taps = plan->options.taps, .n_taps = plan->options.n_taps };
    WT_TRY(wt_graph_clone(&plan->base, plan->graph, err));
    return wt_passes_run(&pc, plan->base, false, NULL, off, n + late, err);
}

static int by_address(const void *a, const void *b)
{
    const uintptr_t x = (uintptr_t) * (const void *const *)a, y = (uintptr_t) * (const void *const *)b;
    return x < y ? -1 : x > y;
}

static size_t count_constants(const wt_graph *g, const void **out, size_t at)
{
    for (size_t i = 0; i < g->n_constants; i++, at++)
        if (out)
            out[at] = g->constants[i]->type.data;
    for (const wt_node *n = g->first; n; n = n->next)
        for (size_t i = 0; i < n->attrs.count; i++)
            if (n->attrs.items[i].type == WT_ATTR_GRAPH)
                at = count_constants(n->attrs.items[i].v.graph, out, at);
    return at;
}

static wt_status make_base(wt_plan *plan, wt_err *err)
{
    WT_TRY(rewrite_base(plan, err));
    plan->n_base_data = count_constants(plan->base, NULL, 0);
    plan->base_data = wt_arena_alloc(&plan->names, plan->n_base_data + 1, sizeof *plan->base_data, err);
    if (!plan->base_data)
        return WT_ENOMEM;
    count_constants(plan->base, plan->base_data, 0);
    qsort(plan->base_data, plan->n_base_data, sizeof *plan->base_data, by_address);
    return WT_OK;
}

bool wt_plan_owns(const wt_plan *plan, const void *data)
{
    return bsearch(&data, plan->base_data, plan->n_base_data, sizeof data, by_address) != NULL;
}

static wt_status plan_open(wt_plan *plan, const wt_plan_options *options, wt_err *err)
{
    WT_TRY(take_options(plan, options, err));
    plan->cpu = wt_context_cpu(plan->ctx);
    WT_TRY(wt_pack_open(&plan->packs, plan->ctx, err));
    WT_TRY(make_base(plan, err));
    return compile_fixed(plan, err);
}

wt_status wt_plan_open_graph(wt_plan **out, wt_context *ctx, const wt_graph *graph, const wt_plan_options *options,
                             wt_err *err)
{
    *out = NULL;
    wt_plan *plan = wt_alloc(ctx, 1, sizeof *plan, err);
    if (!plan)
        return WT_ENOMEM;
    plan->ctx = ctx;
    plan->graph = graph;
    wt_arena_init(&plan->names, ctx);
    pthread_mutex_init(&plan->lock, NULL);
    const wt_status st = plan_open(plan, options, err);
    if (st != WT_OK) {
        wt_plan_close(plan);
        return st;
    }
    *out = plan;
    return WT_OK;
}

wt_status wt_plan_open(wt_plan **out, struct wt_model *model, const wt_plan_options *options, wt_err *err)
{
    const wt_graph *graph = wt_model_graph(model);
    return wt_plan_open_graph(out, graph->ctx, graph, options, err);
}

void wt_plan_close(wt_plan *plan)
{
    if (!plan)
        return;
    for (wt_spec *s = plan->specs, *next; s; s = next) {
        next = s->next;
        wt_spec_free(plan, s);
    }
    wt_pack_close(plan->packs);
    wt_graph_close(plan->base);
    wt_arena_free(&plan->names);
    pthread_mutex_destroy(&plan->lock);
    wt_free(plan->ctx, plan);
}

static bool matches(const wt_spec *spec, const wt_tensor *inputs, size_t n)
{
    for (size_t i = 0; i < spec->graph->n_inputs && i < n; i++)
        if (!wt_shape_equal(&spec->signature[i], &inputs[i].shape))
            return false;
    return true;
}

/* Drops least recently used specializations nobody is bound to. */
static void evict(wt_plan *plan)
{
    for (;;) {
        wt_spec **oldest = NULL;
        int n = 0;
        for (wt_spec **p = &plan->specs; *p; p = &(*p)->next, n++)
            if (!(*p)->refs && (!oldest || (*p)->last_use < (*oldest)->last_use))
                oldest = p;
        if (n < plan->options.specializations || !oldest)
            return;
        wt_spec *gone = *oldest;
        *oldest = gone->next;
        wt_spec_free(plan, gone);
    }
}

wt_status wt_plan_specialize(wt_plan *plan, const wt_tensor *inputs, size_t n, wt_spec **out, wt_err *err)
{
    wt_status st = WT_OK;
    pthread_mutex_lock(&plan->lock);
    wt_spec *s = plan->specs;
    while (s && !matches(s, inputs, n))
        s = s->next;
    if (!s) {
        evict(plan);
        st = wt_spec_compile(&s, plan, inputs, n, err);
        if (st == WT_OK) {
            s->next = plan->specs;
            plan->specs = s;
        }
    }
    if (st == WT_OK) {
        s->refs++;
        s->last_use = ++plan->clock;
    }
    *out = s;
    pthread_mutex_unlock(&plan->lock);
    return st;
}

void wt_plan_release(wt_plan *plan, wt_spec *spec)
{
    pthread_mutex_lock(&plan->lock);
    spec->refs--;
    pthread_mutex_unlock(&plan->lock);
}

size_t wt_plan_input_count(const wt_plan *plan) { return plan->graph->n_inputs; }

size_t wt_plan_output_count(const wt_plan *plan) { return plan->graph->n_outputs; }

static const char *describe(wt_value *const *values, size_t n, size_t index, wt_tensor *type)
{
    if (index >= n)
        return NULL;
    if (type) {
        *type = values[index]->type;
        type->data = NULL;
    }
    return values[index]->name;
}

const char *wt_plan_input(const wt_plan *plan, size_t index, wt_tensor *type)
{
    return describe(plan->graph->inputs, plan->graph->n_inputs, index, type);
}

const char *wt_plan_output(const wt_plan *plan, size_t index, wt_tensor *type)
{
    return describe(plan->graph->outputs, plan->graph->n_outputs, index, type);
}

wt_plan_memory wt_plan_memory_use(wt_plan *plan)
{
    wt_plan_memory m = { .weights_bytes = wt_pack_bytes(plan->packs) };
    pthread_mutex_lock(&plan->lock);
    const wt_spec *latest = plan->specs;
    for (const wt_spec *s = plan->specs; s; s = s->next)
        if (s->last_use > latest->last_use)
            latest = s;
    if (latest) {
        m.activation_bytes = latest->arena_bytes + latest->scratch_bytes;
        m.weights_bytes += latest->made_bytes;
        m.mapped_bytes = latest->mapped_bytes;
    }
    pthread_mutex_unlock(&plan->lock);
    return m;
}

wt_status wt_model_apply_passes(struct wt_model *model, const char *last, const char *const *off, size_t n_off,
                                wt_err *err)
{
    wt_graph *graph = wt_model_graph(model);
    wt_pass_ctx pc = { .ctx = graph->ctx, .cpu = wt_context_cpu(graph->ctx) };
    return wt_passes_run(&pc, graph, false, last && strcmp(last, "all") ? last : NULL, off, n_off, err);
}
