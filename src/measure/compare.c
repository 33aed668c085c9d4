/* compare.c - the outputs of two models on the same inputs. */
#include "measure/compare.h"
#include "measure/pair.h"

typedef struct runner {
    const wt_runner *a, *b;
    wt_pair pair;
    wt_equiv *equiv;
    wt_sample *sample;
    const char **names;
    wt_tensor *inputs, *from_a, *from_b; /* from_a holds the types before the first run */
    uint64_t done, total;
} runner;

static wt_status prepare(runner *r, wt_err *err)
{
    const wt_graph *g = r->a->graph;
    wt_context *ctx = g->ctx;
    WT_TRY(wt_pair_open(&r->pair, g, r->b->graph, err));
    r->names = wt_alloc(ctx, g->n_outputs, sizeof *r->names, err);
    r->inputs = r->names ? wt_alloc(ctx, g->n_inputs + 2 * g->n_outputs + 1, sizeof *r->inputs, err) : NULL;
    if (!r->inputs)
        return WT_ENOMEM;
    r->from_a = r->inputs + g->n_inputs;
    r->from_b = r->from_a + g->n_outputs;
    for (size_t i = 0; i < g->n_outputs; i++) {
        r->names[i] = g->outputs[i]->name;
        r->from_a[i] = g->outputs[i]->type;
    }
    WT_TRY(wt_equiv_open(&r->equiv, ctx, r->names, r->from_a, g->n_outputs, err));
    return wt_sample_open(&r->sample, ctx, err);
}

static wt_status run_sample(runner *r, wt_err *err)
{
    const wt_tensor *inputs;
    WT_TRY(wt_data_inputs(r->a->graph, r->sample, r->inputs, err));
    WT_TRY(wt_runner_run(r->a, r->inputs, err));
    WT_TRY(wt_pair_inputs(&r->pair, r->inputs, &inputs, err));
    WT_TRY(wt_runner_run(r->b, inputs, err));
    for (size_t i = 0; i < r->a->graph->n_outputs; i++) {
        const wt_tensor *a = wt_runner_output(r->a, i), *b = wt_runner_output(r->b, r->pair.output[i]);
        if (!a || !b)
            return wt_fail(err, WT_EUNSUPPORTED, "output '%s' did not come", r->names[i]);
        r->from_a[i] = *a;
        r->from_b[i] = *b;
    }
    return wt_equiv_add(r->equiv, r->from_a, r->from_b, err);
}

static wt_status run_all(runner *r, wt_dataset *ds, wt_err *err)
{
    wt_context *ctx = r->a->graph->ctx;
    wt_dataset_info info;
    wt_dataset_describe(ds, &info);
    for (wt_dataset_rewind(ds);; r->done++) {
        int more;
        WT_TRY(wt_check_cancel(ctx, err));
        WT_TRY(wt_dataset_next(ds, r->sample, &more, err));
        if (!more)
            break;
        const wt_status st = run_sample(r, err);
        if (st != WT_OK) {
            wt_err_where(err, "%s", r->sample->source ? r->sample->source : "sample");
            return st;
        }
        wt_report_progress(ctx, "comparing", "samples", r->done + 1, info.samples);
    }
    return r->done ? WT_OK : wt_fail(err, WT_EFORMAT, "the data set has no samples to compare with");
}

wt_status wt_compare_outputs(wt_equiv **out, const wt_runner *reference, const wt_runner *candidate, wt_dataset *ds,
                             wt_err *err)
{
    runner r = { .a = reference, .b = candidate };
    *out = NULL;
    wt_status st = prepare(&r, err);
    if (st == WT_OK)
        st = run_all(&r, ds, err);
    wt_sample_close(r.sample);
    wt_pair_close(&r.pair);
    wt_free(reference->graph->ctx, r.names);
    wt_free(reference->graph->ctx, r.inputs);
    if (st == WT_OK)
        *out = r.equiv;
    else
        wt_equiv_close(r.equiv);
    return st;
}
