/* native_fit.c - see native_fit.h.
 *
 * Two looks. The first rewrites a clone of the graph as far as shapes allow and asks the kernel tables about each
 * operator that is left: it finds every operator that nobody computes. The second compiles the model, which finds what
 * depends on types and shapes, but ends at the first refusal; it packs weights, so it is left out for models that are
 * large. */
#include "measure/native_fit.h"
#include "measure/open.h"
#include <stdio.h>
#include "base/json.h"
#include "model/weights.h"
#include "measure/inputs.h"
#include "run/kernel.h"
#include "run/passes/pass.h"
#include "run/plan.h"

static const uint64_t compile_limit = UINT64_C(512) << 20; /* bytes of constants */

typedef struct fit {
    wt_context *ctx;
    json_t *obstacles;
} fit;

/* --- operators
 * ------------------------------------------------------------------------------------------------------------- */
static bool has_kernel(const wt_op *op)
{
    if (op->flags & (WT_OP_CONTROL | WT_OP_VIEW))
        return true; /* the executor itself does them */
    for (const wt_kernel *const *table = wt_kernel_tables; *table; table++)
        for (const wt_kernel *k = *table; k->name; k++)
            if (k->op == op->code)
                return true;
    return false;
}

static json_t *find(const fit *f, const wt_node *n)
{
    for (size_t i = 0; i < json_array_size(f->obstacles); i++) {
        json_t *o = json_array_get(f->obstacles, i);
        if (!strcmp(json_string_value(json_object_get(o, "op")), n->op_type) &&
            !strcmp(json_string_value(json_object_get(o, "domain")), n->domain))
            return o;
    }
    return NULL;
}

static wt_status ask_node(void *arg, wt_node *n, wt_err *err)
{
    fit *f = arg;
    if (n->op && has_kernel(n->op))
        return WT_OK;
    json_t *o = find(f, n);
    if (o) {
        json_object_set_new(o, "count", json_integer(json_integer_value(json_object_get(o, "count")) + 1));
        return WT_OK;
    }
    o = json_pack("{s:s, s:s, s:i, s:s, s:s}", "op", n->op_type, "domain", n->domain, "count", 1, "node", n->name,
                  "reason", n->op ? "no kernel computes this operator" : "this operator is not known");
    return o && json_array_append_new(f->obstacles, o) == 0 ? WT_OK
                                                            : wt_fail(err, WT_ENOMEM, "no memory for the result");
}

/* Operators of the graph as it would be compiled: much of what a file holds is gone by then. */
static wt_status ask_operators(fit *f, const wt_graph *graph, wt_err *err)
{
    static const char *const late[] = { "int8", "layout" }; /* they choose among kernels that are there */
    wt_graph *copy;
    wt_pass_ctx pc = { .ctx = f->ctx, .cpu = wt_context_cpu(f->ctx) };
    WT_TRY(wt_graph_clone(&copy, graph, err));
    wt_status st = wt_passes_run(&pc, copy, false, NULL, late, WT_ARRAY_LEN(late), err);
    if (st == WT_OK)
        st = wt_graph_visit(copy, ask_node, f, err);
    wt_graph_close(copy);
    return st;
}

/* --- compiling
 * --------------------------------------------------------------------------------------------------------------- */
static wt_status compile(const wt_model *model, const wt_exec_options *exec, const wt_tensor *inputs,
                         wt_plan_memory *memory, wt_err *err)
{
    const wt_graph *g = wt_model_graph(model);
    wt_running r;
    WT_TRY(wt_running_open(&r, g, exec, NULL, 0, err));
    const wt_status st = wt_session_prepare(r.session, inputs, g->n_inputs, err);
    if (st == WT_OK)
        *memory = wt_plan_memory_use(r.plan);
    wt_running_close(&r);
    return st;
}

/* Types of the inputs with nothing left free; false, with the reason, where a size would have to be guessed. */
static bool settled_inputs(const wt_graph *g, wt_tensor *inputs, char *why, size_t size)
{
    for (size_t i = 0; i < g->n_inputs; i++) {
        wt_err e;
        inputs[i] = g->inputs[i]->type;
        inputs[i].data = NULL;
        if (wt_input_settle(g, i, 0, &inputs[i].shape, &e) == WT_OK)
            continue;
        snprintf(why, size, "%.300s (%.150s)", e.message, e.hint);
        return false;
    }
    return true;
}

static void add_refusal(json_t *o, const fit *f, const wt_err *e)
{
    json_object_set_new(o, "fit", json_string("no"));
    json_array_append_new(f->obstacles, json_pack("{s:s, s:s, s:i, s:s, s:s}", "op", "", "domain", "", "count", 1,
                                                  "node", e->where, "reason", e->message));
}

static wt_status try_compile(json_t *o, const fit *f, const wt_model *model, const wt_exec_options *exec, wt_err *err)
{
    const wt_graph *g = wt_model_graph(model);
    wt_model_info info;
    wt_plan_memory memory = { 0 };
    wt_err e = { .offset = WT_NO_OFFSET };
    char why[512];
    WT_TRY(wt_model_describe(model, &info, err));
    wt_tensor *inputs = wt_alloc(f->ctx, g->n_inputs + 1, sizeof *inputs, err);
    if (!inputs)
        return WT_ENOMEM;
    const bool named = wt_weights_sniff(info.path); /* packing would read all weights, for a look at headers */
    const bool settled = settled_inputs(g, inputs, why, sizeof why);
    const bool small = !named && info.constant_bytes <= compile_limit;
    wt_status st = settled && small ? compile(model, exec, inputs, &memory, &e) : WT_OK;
    wt_free(f->ctx, inputs);
    if (st == WT_ECANCELLED) { /* too little memory is an answer: it does not run here */
        if (err)
            *err = e;
        return st;
    }
    if (!settled || !small) {
        json_object_set_new(o, "unchecked",
                            json_string(named     ? "weights are packed when the model is run"
                                        : settled ? "the model is too large to be compiled for a look"
                                                  : why));
        return WT_OK;
    }
    json_object_set_new(o, "checked", json_string("compiled"));
    if (st != WT_OK) {
        add_refusal(o, f, &e);
        return WT_OK;
    }
    json_object_set_new(o, "weights_bytes", json_integer((json_int_t)memory.weights_bytes));
    json_object_set_new(o, "mapped_bytes", json_integer((json_int_t)memory.mapped_bytes));
    json_object_set_new(o, "activation_bytes", json_integer((json_int_t)memory.activation_bytes));
    return WT_OK;
}

wt_status wt_native_fit(json_t **out, wt_model *model, const wt_exec_options *exec, wt_err *err)
{
    fit f = { wt_model_context(model), json_array() };
    json_t *o = json_pack("{s:s, s:s, s:o}", "fit", "runs", "checked", "operators", "obstacles", f.obstacles);
    *out = NULL;
    if (!o)
        return wt_fail(err, WT_ENOMEM, "no memory for the result");
    wt_status st = ask_operators(&f, wt_model_graph(model), err);
    if (st == WT_OK && json_array_size(f.obstacles))
        json_object_set_new(o, "fit", json_string("no"));
    else if (st == WT_OK)
        st = try_compile(o, &f, model, exec, err);
    if (st != WT_OK) {
        json_decref(o);
        return st;
    }
    *out = o;
    return WT_OK;
}
