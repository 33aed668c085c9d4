/* predict.c - see predict.h. */
#include "optimize/predict.h"
#include <math.h>
#include "base/json.h"
#include "measure/inputs.h"
#include "measure/open.h"

/* --- the table
 * ---------------------------------------------------------------------------------------------------------------- */
#define CLASS(id, name)
#define OPERATOR(op, class)
#define FRACTION(class, precision, compute, bandwidth)
#define STEP_US(us)
#define CYCLE(isa, fp32, int8, source)

static const char *const class_names[] = {
#undef CLASS
#define CLASS(id, name) name,
#include "optimize/predict.def"
#undef CLASS
#define CLASS(id, name)
};

static const struct {
    const char *op;
    wt_work_class kind;
} operators[] = {
#undef OPERATOR
#define OPERATOR(op, class) { op, WT_WORK_##class },
#include "optimize/predict.def"
#undef OPERATOR
#define OPERATOR(op, class)
};

/* Of a kind that has no row for a precision, the row in float counts. */
static const struct fraction {
    double compute, bandwidth;
} fractions[WT_WORK_CLASSES][WT_PRECISION_COUNT] = {
#undef FRACTION
#define FRACTION(class, precision, compute, bandwidth)                                                                 \
    [WT_WORK_##class][WT_PRECISION_##precision] = { compute, bandwidth },
#include "optimize/predict.def"
#undef FRACTION
#define FRACTION(class, precision, compute, bandwidth)
};

static const double step_ms =
#undef STEP_US
#define STEP_US(us) us / 1e3
#include "optimize/predict.def"
#undef STEP_US
#define STEP_US(us)
    ;

static const struct {
    const char *isa;
    double of[WT_PRECISION_COUNT]; /* operations in a cycle; 0: as fast as the row says for floats, or not known */
    const char *source;
} cycles[] = {
#undef CYCLE
#define CYCLE(isa, fp32, int8, source) { isa, { [WT_PRECISION_F32] = fp32, [WT_PRECISION_I8] = int8 }, source },
#include "optimize/predict.def"
};

static const struct fraction *fraction_of(wt_work_class kind, wt_precision precision)
{
    const struct fraction *f = &fractions[kind][precision];
    return f->compute > 0 ? f : &fractions[kind][WT_PRECISION_F32];
}

/* --- what a model does
 * -------------------------------------------------------------------------------------------------------- */
wt_work_class wt_work_classify(const char *op, const char *kernel, double flops)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(operators); i++)
        if (!strcmp(operators[i].op, op))
            return operators[i].kind == WT_WORK_CONV && strstr(kernel, "_dw_") ? WT_WORK_DEPTHWISE : operators[i].kind;
    return flops > 0 ? WT_WORK_ELEMENTWISE : WT_WORK_MOVEMENT;
}

static wt_status take_steps(wt_work *out, const wt_opened *m, wt_err *err)
{
    const size_t n = wt_session_step_count(m->session);
    out->steps = wt_alloc(m->ctx, n + 1, sizeof *out->steps, err);
    if (!out->steps)
        return WT_ENOMEM;
    for (out->n = 0; out->n < n; out->n++) {
        wt_step_profile p;
        WT_TRY(wt_session_step(m->session, out->n, &p, err));
        out->steps[out->n] = (wt_work_step){ .kind = wt_work_classify(p.op, p.kernel, p.flops),
                                             .precision = wt_precision_of_kernel(p.kernel),
                                             .flops = p.flops,
                                             .bytes = p.bytes,
                                             .threads = p.threads };
    }
    return WT_OK;
}

static wt_status look(wt_work *out, wt_opened *m, wt_inputs *in, const char *model, const wt_exec_options *exec,
                      wt_err *err)
{
    WT_TRY(wt_open_graph(&m->graph, m->ctx, model, exec, err));
    WT_TRY(wt_inputs_random(in, m->graph, 0, wt_context_seed(m->ctx), err));
    WT_TRY(wt_open_plan(m, exec, NULL, 0, err));
    WT_TRY(wt_session_prepare(m->session, in->tensors, in->n, err));
    wt_session_profile(m->session, 1);
    WT_TRY(wt_session_run(m->session, in->tensors, in->n, err));
    return take_steps(out, m, err);
}

wt_status wt_work_of_model(wt_work *out, wt_context *ctx, const char *model, const wt_exec_options *exec, wt_err *err)
{
    wt_opened m = { .ctx = ctx };
    wt_inputs in = { 0 };
    *out = (wt_work){ 0 };
    const wt_status st = look(out, &m, &in, model, exec, err);
    if (st != WT_OK)
        wt_work_free(out, ctx);
    wt_opened_close(&m);
    wt_inputs_free(&in);
    return st;
}

void wt_work_free(wt_work *work, wt_context *ctx)
{
    wt_free(ctx, work->steps);
    *work = (wt_work){ 0 };
}

/* --- the roofline
 * ------------------------------------------------------------------------------------------------------------- */
static double step_time(const wt_work_step *s, const wt_roof *roof, bool *bound)
{
    const struct fraction *f = fraction_of(s->kind, s->precision);
    const int all = s->threads > 1;
    const double peak = roof->gflops[s->precision][all] > 0 ? roof->gflops[s->precision][all]
                                                            : roof->gflops[WT_PRECISION_F32][all];
    const double gb = roof->read_gb_per_s[all];
    *bound |= (s->flops > 0 && !(peak > 0)) || (s->bytes > 0 && !(gb > 0));
    const double compute = peak > 0 ? s->flops / (peak * f->compute) * 1e-6 : 0;
    const double memory = gb > 0 ? s->bytes / (gb * f->bandwidth) * 1e-6 : 0;
    return step_ms + fmax(compute, memory);
}

wt_prediction wt_predict(const wt_work *work, const wt_roof *roof)
{
    wt_prediction p = { 0 };
    for (size_t i = 0; i < work->n; i++) {
        const wt_work_step *s = &work->steps[i];
        const double ms = step_time(s, roof, &p.bound);
        p.ms += ms;
        p.of[s->kind][s->precision].steps++;
        p.of[s->kind][s->precision].ms += ms;
        p.of[s->kind][s->precision].flops += s->flops;
        p.of[s->kind][s->precision].bytes += s->bytes;
    }
    return p;
}

static bool has_isa(const wt_result *target, const char *isa)
{
    for (size_t i = 0; i < wt_result_count(target, "cpu.isa"); i++)
        if (!strcmp(wt_result_string(target, "", "cpu.isa[%zu]", i), isa))
            return true;
    return false;
}

void wt_predict_roof(wt_roof *out, const wt_result *target, const char **from)
{
    wt_roof_read(out, target);
    const bool measured = out->gflops[WT_PRECISION_F32][1] > 0;
    const double ghz = wt_result_number(target, 0, "cpu.clock_max_mhz") * 1e-3;
    const double cores = wt_result_number(target, 0, "cpu.cores");
    for (size_t i = 0; !measured && i < WT_ARRAY_LEN(cycles); i++)
        for (wt_precision p = 0; has_isa(target, cycles[i].isa) && p < WT_PRECISION_COUNT; p++)
            if (cycles[i].of[p] > 0) {
                out->gflops[p][0] = ghz * cycles[i].of[p];
                out->gflops[p][1] = ghz * cycles[i].of[p] * cores;
            }
    *from = measured                                                            ? "measured"
            : out->read_gb_per_s[1] > 0 || out->gflops[WT_PRECISION_F32][1] > 0 ? "data sheet"
                                                                                : "";
    out->source = *from;
}

/* --- the document
 * ------------------------------------------------------------------------------------------------------------- */
static json_t *pair(const double v[2])
{
    return v[1] > 0 ? json_pack("{s:o, s:o}", "1", wt_json_real(v[0]), "all", wt_json_real(v[1])) : json_null();
}

/* What one kind of work in one precision took, and the parts of the peaks that it was taken to reach. */
static void add_class(json_t *list, const wt_prediction *p, wt_work_class kind, wt_precision precision)
{
    const struct fraction *f = fraction_of(kind, precision);
    json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:f}", "class", class_names[kind],
                                          "precision", wt_precision_name(precision), "steps",
                                          (json_int_t)p->of[kind][precision].steps, "ms", p->of[kind][precision].ms,
                                          "flops", p->of[kind][precision].flops, "bytes", p->of[kind][precision].bytes,
                                          "compute_fraction", f->compute, "bandwidth_fraction", f->bandwidth));
}

json_t *wt_prediction_json(const wt_prediction *p, const wt_roof *roof, const char *from)
{
    json_t *classes = json_array();
    for (wt_work_class kind = 0; kind < WT_WORK_CLASSES; kind++)
        for (wt_precision k = 0; k < WT_PRECISION_COUNT; k++)
            if (p->of[kind][k].steps)
                add_class(classes, p, kind, k);
    json_t *o = json_pack("{s:s, s:f, s:b, s:s, s:o, s:o}", "kind", "prediction", "latency_ms", p->ms, "at_least",
                          p->bound, "peaks", from, "read_gb_per_s", pair(roof->read_gb_per_s), "classes", classes);
    for (wt_precision k = 0; o && k < WT_PRECISION_COUNT; k++)
        json_object_set_new(o, wt_precision_peak(k), pair(roof->gflops[k]));
    return o;
}
