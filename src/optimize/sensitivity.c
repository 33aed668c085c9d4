/* sensitivity.c - see sensitivity.h. */
#include "optimize/sensitivity.h"
#include <math.h>
#include <stdlib.h>
#include "run/plan.h"

/* The float model's answers to the samples, kept to compare with. */
typedef struct reference {
    wt_context *ctx;
    wt_arena arena;
    size_t n_samples, n_inputs, n_outputs;
    wt_tensor *inputs;  /* [n_samples][n_inputs], owned copies */
    wt_tensor *outputs; /* [n_samples][n_outputs] */
    double *power;      /* [n_outputs] sum of squares over all samples */
} reference;

static wt_status keep(reference *r, const wt_tensor *t, wt_tensor *out, wt_err *err)
{
    void *data = wt_arena_alloc(&r->arena, t->bytes + 64, 1, err);
    if (!data)
        return WT_ENOMEM;
    memcpy(data, t->data, t->bytes);
    *out = *t;
    out->data = data;
    return WT_OK;
}

static double square_sum(const wt_tensor *t)
{
    int64_t n;
    double sum = 0;
    if (t->dtype != WT_F32 || !wt_shape_count(&t->shape, &n))
        return 0;
    const float *p = t->data;
    for (int64_t i = 0; i < n; i++)
        sum += isfinite(p[i]) ? (double)p[i] * (double)p[i] : 0;
    return sum;
}

static wt_status record_sample(reference *r, const wt_quantizer *q, wt_session *s, const wt_sample *sample, wt_err *err)
{
    wt_tensor *in = r->inputs + r->n_samples * r->n_inputs, *out = r->outputs + r->n_samples * r->n_outputs;
    WT_TRY(wt_data_inputs(q->canonical, sample, in, err));
    for (size_t i = 0; i < r->n_inputs; i++)
        if (in[i].data)
            WT_TRY(keep(r, &in[i], &in[i], err));
    WT_TRY(wt_session_run(s, in, r->n_inputs, err));
    for (size_t i = 0; i < r->n_outputs; i++) {
        WT_TRY(keep(r, wt_session_output(s, i), &out[i], err));
        r->power[i] += square_sum(&out[i]);
    }
    r->n_samples++;
    return WT_OK;
}

static wt_status open_plan(const wt_graph *g, wt_plan **plan, wt_session **session, wt_err *err)
{
    *session = NULL;
    WT_TRY(wt_plan_open_graph(plan, g->ctx, g, NULL, err));
    return wt_session_open(session, *plan, err);
}

static wt_status record_all(reference *r, const wt_quantizer *q, wt_dataset *ds, size_t samples, wt_session *s,
                            wt_sample *sample, wt_err *err)
{
    for (size_t i = 0; i < samples; i++) {
        int more;
        WT_TRY(wt_dataset_next(ds, sample, &more, err));
        if (!more)
            break;
        WT_TRY(record_sample(r, q, s, sample, err));
    }
    return r->n_samples ? WT_OK : wt_fail(err, WT_EFORMAT, "the data set has no samples");
}

static wt_status record(reference *r, const wt_quantizer *q, wt_dataset *ds, size_t samples, wt_err *err)
{
    wt_plan *plan = NULL;
    wt_session *session = NULL;
    wt_sample *sample = NULL;
    const wt_graph *g = q->canonical;
    *r = (reference){ .ctx = q->ctx, .n_inputs = g->n_inputs, .n_outputs = g->n_outputs };
    wt_arena_init(&r->arena, q->ctx);
    r->inputs = wt_arena_alloc(&r->arena, samples * r->n_inputs + 1, sizeof *r->inputs, err);
    r->outputs = wt_arena_alloc(&r->arena, samples * r->n_outputs + 1, sizeof *r->outputs, err);
    r->power = wt_arena_alloc(&r->arena, r->n_outputs + 1, sizeof *r->power, err);
    wt_status st = r->inputs && r->outputs && r->power ? open_plan(g, &plan, &session, err) : WT_ENOMEM;
    if (st == WT_OK)
        st = wt_sample_open(&sample, q->ctx, err);
    if (st == WT_OK) {
        wt_dataset_rewind(ds);
        st = record_all(r, q, ds, samples, session, sample, err);
    }
    wt_sample_close(sample);
    wt_session_close(session);
    wt_plan_close(plan);
    return st;
}

/* Noise over signal at the output that suffers most. */
static double worst_output(const reference *r, const double *noise)
{
    double worst = 0;
    for (size_t i = 0; i < r->n_outputs; i++)
        if (r->power[i] > 0 && noise[i] / r->power[i] > worst)
            worst = noise[i] / r->power[i];
    return worst;
}

static void add_noise(const wt_tensor *a, const wt_tensor *b, double *sum)
{
    int64_t n, m;
    if (a->dtype != WT_F32 || b->dtype != WT_F32 || !wt_shape_count(&a->shape, &n) || !wt_shape_count(&b->shape, &m) ||
        n != m)
        return;
    const float *x = a->data, *y = b->data;
    for (int64_t i = 0; i < n; i++) {
        const double d = (double)x[i] - (double)y[i];
        *sum += isfinite(d) ? d * d : 0;
    }
}

static wt_status measure_graph(const reference *r, const wt_graph *g, double *noise_out, wt_err *err)
{
    wt_plan *plan = NULL;
    wt_session *session = NULL;
    double *noise = wt_alloc(r->ctx, r->n_outputs + 1, sizeof *noise, err);
    wt_status st = noise ? open_plan(g, &plan, &session, err) : WT_ENOMEM;
    for (size_t k = 0; k < r->n_samples && st == WT_OK; k++) {
        st = wt_session_run(session, r->inputs + k * r->n_inputs, r->n_inputs, err);
        for (size_t i = 0; i < r->n_outputs && st == WT_OK; i++)
            add_noise(&r->outputs[k * r->n_outputs + i], wt_session_output(session, i), &noise[i]);
    }
    if (st == WT_OK)
        *noise_out = worst_output(r, noise);
    wt_session_close(session);
    wt_plan_close(plan);
    wt_free(r->ctx, noise);
    return st;
}

static int worst_first(const void *a, const void *b)
{
    const wt_sensitivity *x = a, *y = b;
    if (x->noise != y->noise)
        return x->noise < y->noise ? 1 : -1;
    return x->weighted < y->weighted ? -1 : x->weighted > y->weighted;
}

static wt_status measure_one(const wt_quantizer *q, const reference *r, wt_range_method method, bool *floats,
                             size_t index, double *noise, wt_err *err)
{
    wt_graph *g;
    wt_points used;
    floats[index] = false;
    wt_status st = wt_quantizer_build(q, method, false, true, floats, &g, &used, err);
    floats[index] = true;
    WT_TRY(st);
    /* The weights of the others are rounded in every build alike: only what this product adds is to be seen. */
    for (size_t i = 0; i < used.n_weighted; i++)
        if (i != index && used.weighted[i].weight != used.weighted[index].weight)
            used.weighted[i].weight->quant = NULL;
    st = measure_graph(r, g, noise, err);
    wt_points_free(&used);
    wt_graph_close(g);
    return st;
}

wt_status wt_sensitivity_measure(const wt_quantizer *q, wt_dataset *ds, size_t samples, wt_range_method method,
                                 wt_sensitivity *out, size_t *n, wt_err *err)
{
    reference r;
    const size_t count = q->points.n_weighted;
    *n = 0;
    bool *floats = wt_alloc(q->ctx, count + 1, sizeof *floats, err);
    if (!floats)
        return WT_ENOMEM;
    memset(floats, 1, count * sizeof *floats);
    wt_status st = record(&r, q, ds, samples, err);
    for (size_t i = 0; i < count && st == WT_OK; i++) {
        if (q->points.weighted[i].kind != WT_PART_INT8)
            continue;
        out[*n].weighted = i;
        st = wt_check_cancel(q->ctx, err);
        if (st == WT_OK)
            st = measure_one(q, &r, method, floats, i, &out[*n].noise, err);
        *n += st == WT_OK;
        wt_report_progress(q->ctx, "which layers hurt", "layers", i + 1, count);
    }
    wt_arena_free(&r.arena);
    wt_free(q->ctx, floats);
    if (st == WT_OK)
        qsort(out, *n, sizeof *out, worst_first);
    return st;
}
