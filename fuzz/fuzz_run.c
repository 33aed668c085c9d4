/* fuzz_run.c - an ONNX file: read, compiled, run. What a file asks for is bounded: by memory, by elements, by steps.
 *
 * What the first run refuses or computes the second one must refuse or compute alike: the same status, and outputs of
 * the same bytes (but for operators that draw random numbers, whose files are left out). */
#include <stdlib.h>
#include "fuzz.h"
#include "measure/inputs.h"
#include "model/formats/onnx/onnx.h"
#include "run/plan.h"

enum { MOST = 1 << 16, MEMORY = 64 << 20, DYNAMIC = 1 << 20 };
static const double most_flops = 2e7;

static void must(bool true_here)
{
    if (!true_here)
        abort();
}

/* Operators that repeat for as long as the data say, and those of which every run differs. */
static bool left_out(const wt_graph *g)
{
    static const char *const ops[] = {
        "Loop",        "Scan",      "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
        "Multinomial", "Bernoulli", "Dropout"
    };
    for (const wt_node *n = g->first; n; n = n->next)
        for (size_t i = 0; i < WT_ARRAY_LEN(ops); i++)
            if (!strcmp(n->op_type, ops[i]))
                return true;
    return false;
}

static bool affordable(const wt_session *s)
{
    double flops = 0;
    for (size_t i = 0; i < wt_session_step_count(s); i++) {
        wt_step_profile p;
        wt_err err;
        if (wt_session_step(s, i, &p, &err) == WT_OK)
            flops += p.flops + p.bytes;
    }
    return flops < most_flops;
}

static void run_twice(wt_session *s, const wt_graph *g, const wt_inputs *in)
{
    wt_err err = { 0 };
    if (wt_session_prepare(s, in->tensors, in->n, &err) != WT_OK || !affordable(s))
        return;
    const wt_status first = wt_session_run(s, in->tensors, in->n, &err);
    uint8_t *kept = NULL;
    size_t bytes = 0;
    const wt_tensor *y = first == WT_OK && g->n_outputs ? wt_session_output(s, 0) : NULL;
    if (y && y->data && y->dtype != WT_STRING && (kept = malloc(y->bytes ? y->bytes : 1)) != NULL)
        memcpy(kept, y->data, bytes = y->bytes);
    must(wt_session_run(s, in->tensors, in->n, &err) == first);
    y = kept ? wt_session_output(s, 0) : NULL;
    must(!kept || (y && y->bytes == bytes && !memcmp(y->data, kept, bytes)));
    free(kept);
}

static void explore(wt_context *ctx, const uint8_t *data, size_t size)
{
    wt_graph *graph = NULL;
    wt_plan *plan = NULL;
    wt_session *session = NULL;
    wt_inputs in = { 0 };
    wt_err err = { 0 };
    wt_plan_options o = wt_plan_defaults();
    o.dynamic_limit = DYNAMIC;
    if (wt_onnx_read_bytes(&graph, ctx, data, size, NULL, &err) != WT_OK)
        return;
    wt_status st = left_out(graph) ? WT_EUNSUPPORTED : wt_graph_infer(graph, &err);
    if (st == WT_OK)
        st = wt_plan_open_graph(&plan, ctx, graph, &o, &err);
    if (st == WT_OK)
        st = wt_session_open(&session, plan, &err);
    if (st == WT_OK)
        st = wt_inputs_random(&in, graph, 0, 0, &err);
    if (st == WT_OK)
        run_twice(session, graph, &in);
    must(st != WT_EINTERNAL);
    wt_inputs_free(&in);
    wt_session_close(session);
    wt_plan_close(plan);
    wt_graph_close(graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wt_context *ctx = NULL;
    wt_err err = { 0 };
    wt_context_options options = wt_context_defaults();
    options.memory_limit = MEMORY;
    options.threads = 1;
    if (size > MOST || wt_context_open(&ctx, &options, &err) != WT_OK)
        return 0;
    explore(ctx, data, size);
    must(wt_context_memory_now(ctx) == 0);
    wt_context_close(ctx);
    return 0;
}
