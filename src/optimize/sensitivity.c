/* sensitivity.c - see sensitivity.h. */
#include "optimize/sensitivity.h"
#include <math.h>
#include <stdlib.h>
#include "measure/open.h"

/* The float model's answers to the samples, kept to compare with. */
struct wt_probe {
    wt_context *ctx;
    const wt_quantizer *q;
    wt_arena arena;
    size_t n_samples, n_inputs, n_outputs;
    wt_tensor *inputs;  /* [n_samples][n_inputs], owned copies */
    wt_tensor *outputs; /* [n_samples][n_outputs] */
    double *power;      /* [n_outputs] sum of squares over all samples */
};

static wt_status keep(wt_probe *r, const wt_tensor *t, wt_tensor *out, wt_err *err)
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

static wt_status record_sample(wt_probe *r, wt_session *s, const wt_sample *sample, wt_err *err)
{
    wt_tensor *in = r->inputs + r->n_samples * r->n_inputs, *out = r->outputs + r->n_samples * r->n_outputs;
    WT_TRY(wt_data_inputs(r->q->canonical, sample, in, err));
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

static wt_status record_all(wt_probe *r, wt_dataset *ds, size_t samples, wt_session *s, wt_sample *sample, wt_err *err)
{
    for (size_t i = 0; i < samples; i++) {
        int more;
        WT_TRY(wt_dataset_next(ds, sample, &more, err));
        if (!more)
            break;
        WT_TRY(record_sample(r, s, sample, err));
    }
    return r->n_samples ? WT_OK : wt_fail(err, WT_EFORMAT, "the data set has no samples");
}

static wt_status record(wt_probe *r, wt_dataset *ds, size_t samples, wt_err *err)
{
    wt_running run = { 0 };
    wt_sample *sample = NULL;
    r->inputs = wt_arena_alloc(&r->arena, samples * r->n_inputs + 1, sizeof *r->inputs, err);
    r->outputs = wt_arena_alloc(&r->arena, samples * r->n_outputs + 1, sizeof *r->outputs, err);
    r->power = wt_arena_alloc(&r->arena, r->n_outputs + 1, sizeof *r->power, err);
    wt_status st = r->inputs && r->outputs && r->power ? wt_running_open(&run, r->q->canonical, NULL, NULL, 0, err)
                                                       : WT_ENOMEM;
    if (st == WT_OK)
        st = wt_sample_open(&sample, r->ctx, err);
    if (st == WT_OK) {
        wt_dataset_rewind(ds);
        st = record_all(r, ds, samples, run.session, sample, err);
    }
    wt_sample_close(sample);
    wt_running_close(&run);
    return st;
}

wt_status wt_probe_open(wt_probe **out, const wt_quantizer *q, wt_dataset *ds, size_t samples, wt_err *err)
{
    *out = NULL;
    wt_probe *p = wt_alloc(q->ctx, 1, sizeof *p, err);
    if (!p)
        return WT_ENOMEM;
    p->ctx = q->ctx;
    p->q = q;
    p->n_inputs = q->canonical->n_inputs;
    p->n_outputs = q->canonical->n_outputs;
    wt_arena_init(&p->arena, q->ctx);
    const wt_status st = record(p, ds, samples, err);
    if (st != WT_OK) {
        wt_probe_close(p);
        return st;
    }
    *out = p;
    return WT_OK;
}

void wt_probe_close(wt_probe *p)
{
    if (!p)
        return;
    wt_arena_free(&p->arena);
    wt_free(p->ctx, p);
}

/* Noise over signal at the output that suffers most. */
static double worst_output(const wt_probe *r, const double *noise)
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

wt_status wt_probe_noise(const wt_probe *r, const wt_graph *g, double *noise_out, wt_err *err)
{
    wt_running run = { 0 };
    double *noise = wt_alloc(r->ctx, r->n_outputs + 1, sizeof *noise, err);
    wt_status st = noise ? wt_running_open(&run, g, NULL, NULL, 0, err) : WT_ENOMEM;
    for (size_t k = 0; k < r->n_samples && st == WT_OK; k++) {
        st = wt_session_run(run.session, r->inputs + k * r->n_inputs, r->n_inputs, err);
        for (size_t i = 0; i < r->n_outputs && st == WT_OK; i++)
            add_noise(&r->outputs[k * r->n_outputs + i], wt_session_output(run.session, i), &noise[i]);
    }
    if (st == WT_OK)
        *noise_out = worst_output(r, noise);
    wt_running_close(&run);
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

static wt_status measure_alone(const wt_probe *r, wt_range_method method, bool *floats, size_t index, double *noise,
                               wt_err *err)
{
    wt_graph *g;
    wt_points used;
    floats[index] = false;
    wt_status st = wt_quantizer_build(r->q, method, false, true, floats, &g, &used, err);
    floats[index] = true;
    WT_TRY(st);
    /* The weights of the others are rounded in every build alike: only what this product adds is to be seen. */
    for (size_t i = 0; i < used.n_weighted; i++)
        if (i != index && used.weighted[i].weight != used.weighted[index].weight)
            used.weighted[i].weight->quant = NULL;
    st = wt_probe_noise(r, g, noise, err);
    wt_points_free(&used);
    wt_graph_close(g);
    return st;
}

wt_status wt_probe_rank(const wt_probe *p, wt_range_method method, wt_sensitivity *out, size_t *n, wt_err *err)
{
    const wt_points *points = &p->q->points;
    wt_status st = WT_OK;
    *n = 0;
    bool *floats = wt_alloc(p->ctx, points->n_weighted + 1, sizeof *floats, err);
    if (!floats)
        return WT_ENOMEM;
    memset(floats, 1, points->n_weighted * sizeof *floats);
    for (size_t i = 0; i < points->n_weighted && st == WT_OK; i++) {
        if (points->weighted[i].kind != WT_PART_INT8)
            continue;
        out[*n].weighted = i;
        st = wt_check_cancel(p->ctx, err);
        if (st == WT_OK)
            st = measure_alone(p, method, floats, i, &out[*n].noise, err);
        *n += st == WT_OK;
        wt_report_progress(p->ctx, "which layers hurt", "layers", i + 1, points->n_weighted);
    }
    wt_free(p->ctx, floats);
    if (st == WT_OK)
        qsort(out, *n, sizeof *out, worst_first);
    return st;
}
