/* optimize_result.c - from the journal to result.json: stages, gates, verdict. */
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "optimize/optimize_impl.h"

static double number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static double inner(const json_t *o, const char *a, const char *b) { return number(json_object_get(o, a), b); }

static double file_bytes(const char *path)
{
    struct stat s;
    return stat(path, &s) ? NAN : (double)s.st_size;
}

/* Resident memory that the model adds to an empty process. */
static double memory_of(const json_t *lane) { return number(lane, "peak_rss_bytes") - number(lane, "empty_rss_bytes"); }

/* What the engine holds: weights and activations, which are counted, not sampled. */
static double held_by(const json_t *lane) { return number(lane, "weights_bytes") + number(lane, "activation_bytes"); }

static double median(const json_t *lane) { return inner(lane, "latency_ms", "p50"); }
static double tail(const json_t *lane) { return inner(lane, "latency_ms", "p99") / median(lane); }

typedef struct stage {
    const char *name, *title, *what, *artifact;
    const json_t *lane, *accuracy;
    double weight_bytes, seconds;
} stage;

static json_t *stage_json(const stage *s, const stage *base)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:s, s:i}", "name", s->name, "title", s->title, "what", s->what,
                          "artifact", wt_json_text(s->artifact), "engine", "native", "threads",
                          (int)number(s->lane, "threads"));
    json_object_set(o, "latency_ms", json_object_get(s->lane, "latency_ms"));
    json_object_set_new(o, "size_bytes", wt_json_real(file_bytes(s->artifact)));
    json_object_set_new(o, "weight_bytes", wt_json_real(s->weight_bytes));
    json_object_set_new(o, "peak_memory_bytes", wt_json_real(held_by(s->lane)));
    json_object_set_new(o, "resident_bytes", wt_json_real(memory_of(s->lane)));
    json_object_set(o, "activation_bytes", json_object_get(s->lane, "activation_bytes"));
    if (s->accuracy)
        json_object_set(o, "accuracy", (json_t *)(uintptr_t)s->accuracy);
    static const char *const copied[] = { "speedup_ci95", "energy_j", "energy_source", "energy_how" };
    for (size_t i = 0; i < WT_ARRAY_LEN(copied); i++)
        json_object_set(o, copied[i], json_object_get(s->lane, copied[i]));
    json_object_set_new(o, "speedup", wt_json_real(median(base->lane) / median(s->lane)));
    json_object_set_new(o, "spread", wt_json_real(number(s->lane, "spread")));
    json_object_set_new(o, "interrupted", wt_json_real(number(s->lane, "interrupted")));
    json_object_set_new(o, "p99_over_p50", wt_json_real(tail(s->lane)));
    json_object_set_new(o, "memory_ratio", wt_json_real(held_by(s->lane) / held_by(base->lane)));
    json_object_set_new(o, "size_ratio", wt_json_real(file_bytes(s->artifact) / file_bytes(base->artifact)));
    json_object_set_new(o, "seconds", wt_json_real(s->seconds));
    return o;
}

/* --- gates
 * ------------------------------------------------------------------------------------------------------------------ */
static bool add_gate(json_t *list, const char *name, const char *title, const char *comparison, double threshold,
                     double standard, double value, const json_t *ci, const char *unit, const char *detail)
{
    const bool at_least = comparison[0] == '>',
               passed = isfinite(value) && (at_least ? value >= threshold : value <= threshold);
    const bool loosened = at_least ? threshold < standard : threshold > standard;
    json_t *g = json_pack("{s:s, s:s, s:s, s:f, s:o, s:s, s:b, s:b, s:s}", "name", name, "title", title, "comparison",
                          comparison, "threshold", threshold, "value", wt_json_real(value), "unit", unit, "passed",
                          passed, "loosened", loosened, "detail", detail);
    json_object_set(g, "ci95", ci ? (json_t *)(uintptr_t)ci : json_null());
    json_array_append_new(list, g);
    return passed;
}

static double accuracy_kept(const json_t *proof)
{
    const double a = inner(proof, "baseline", "value"), b = inner(proof, "artifact", "value");
    const char *metric = json_string_value(json_object_get(json_object_get(proof, "metric"), "name"));
    if (metric && !strcmp(metric, wt_metric_get(WT_METRIC_SQNR)->name))
        return isfinite(b) ? 1 - pow(10, -b / 20)
                           : 1; /* the original has no noise: what is lost is the noise's share */
    if (json_is_true(json_object_get(json_object_get(proof, "metric"), "higher_is_better")))
        return a > 0 ? b / a : b >= a ? 1 : 0;
    return b > 0 ? a / b : 1;
}

static const double MOST_SPREAD = 0.2, BUSY = 0.05;
static double spread(const json_t *lane) { return number(lane, "spread"); }

/* How much the original's runs vary: it was measured twice, and either of the two may have met the machine's worst. */
static double own_spread(const wt_optimizer *w, const stage *base)
{
    const json_t *again = json_object_get(wt_journal_find(w->journal, "measure"), "again");
    const bool same = number(again, "threads") == number(base->lane, "threads");
    return same ? fmax(spread(base->lane), spread(again)) : spread(base->lane);
}

static double noise_floor(const wt_optimizer *w)
{
    return fabs(1 - inner(wt_journal_find(w->journal, "measure"), "again", "speedup"));
}

/* The artifact may vary by what the promise says, or by what the original shows in the same rounds where that is more.
 */
static bool spread_gate(const wt_optimizer *w, const stage *base, const stage *best, json_t *list)
{
    const double steady = fmax(MOST_SPREAD, own_spread(w, base)), mine = spread(best->lane),
                 taken = fmax(number(best->lane, "interrupted"), number(base->lane, "interrupted"));
    char how[512];
    snprintf(
        how, sizeof how,
        "standard deviation over mean of the runs that nobody interrupted, the slowest hundredth left out%s; p99 is "
        "%.2f times p50, the original's %.2f",
        steady > MOST_SPREAD ? "; raised from 20 % to what the original shows in the same rounds" : "",
        tail(best->lane), tail(base->lane));
    if (!(mine <= steady) && (taken > BUSY || noise_floor(w) > BUSY))
        snprintf(how + strlen(how), sizeof how - strlen(how),
                 ". The machine was busy (other programs interrupted %.0f %% of the runs, the original against itself "
                 "differs by %.0f %%): repeat on a quiet machine",
                 100 * taken, 100 * noise_floor(w));
    return add_gate(list, "spread", "Steady latency", "<=", steady, MOST_SPREAD, mine, NULL, "ratio", how);
}

static bool memory_gate(const wt_optimizer *w, const stage *base, const stage *best, json_t *list)
{
    const json_t *a = base->lane, *b = best->lane;
    char how[256];
    snprintf(
        how, sizeof how,
        "what the model needs while it runs: weights %.2f of %.2f MB, activations and scratch %.2f of %.2f MB; the "
        "process grew by %.2f of %.2f MB over an empty one",
        number(b, "weights_bytes") * 1e-6, number(a, "weights_bytes") * 1e-6, number(b, "activation_bytes") * 1e-6,
        number(a, "activation_bytes") * 1e-6, memory_of(b) * 1e-6, memory_of(a) * 1e-6);
    return add_gate(list, "memory", "Memory", "<=", w->o->max_memory_ratio, 0.5, held_by(b) / held_by(a), NULL, "ratio",
                    how);
}

static bool gates_json(const wt_optimizer *w, const stage *base, const stage *best, const json_t *proof, json_t *list)
{
    const wt_optimize_options *o = w->o;
    const double speed = median(base->lane) / median(best->lane);
    const json_t *eq = json_object_get(proof, "equivalence");
    bool ok = add_gate(list, "accuracy", w->labelled ? "Accuracy kept" : "Agreement with the original",
                       ">=", o->min_accuracy, 0.95, accuracy_kept(proof), NULL, "ratio",
                       w->labelled ? "of the original's score, on samples that calibration never saw"
                                   : "there are no labels; on samples that calibration never saw");
    ok &= add_gate(list, "speed", "Speed", ">=", o->min_speedup, 2, speed, json_object_get(best->lane, "speedup_ci95"),
                   "x", "median latency of the original over that of the artifact, measured in turn");
    ok &= memory_gate(w, base, best, list);
    ok &= spread_gate(w, base, best, list);
    ok &= add_gate(list, "equivalence", "Every output and channel alive", ">=", 1, 1,
                   json_is_true(json_object_get(eq, "passed")) ? 1 : 0, NULL, "",
                   "no channel erased, no new NaN, each output within the limits for int8");
    if (o->max_size)
        ok &= add_gate(list, "size", "Size", "<=", (double)o->max_size, (double)o->max_size, file_bytes(best->artifact),
                       NULL, "B", "of the file");
    if (o->max_latency_ms > 0)
        ok &= add_gate(list, "latency", "Latency", "<=", o->max_latency_ms, o->max_latency_ms, median(best->lane), NULL,
                       "ms", "median");
    if (o->max_memory)
        ok &= add_gate(list, "max-memory", "Memory limit", "<=", (double)o->max_memory, (double)o->max_memory,
                       held_by(best->lane), NULL, "B", "weights and activations");
    return ok;
}

/* --- the rest
 * ------------------------------------------------------------------------------------------------------------------ */
static json_t *pareto_json(const json_t *stages, size_t chosen)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const json_t *s = json_array_get(stages, i);
        json_t *accuracy = json_object_get(json_object_get(s, "accuracy"), "value");
        json_array_append_new(list, json_pack("{s:O, s:o, s:O, s:O, s:O*, s:b}", "name", json_object_get(s, "name"),
                                              "latency_ms", wt_json_real(inner(s, "latency_ms", "p50")), "size_bytes",
                                              json_object_get(s, "size_bytes"), "peak_memory_bytes",
                                              json_object_get(s, "peak_memory_bytes"), "accuracy", accuracy, "chosen",
                                              i == chosen));
    }
    return list;
}

static double node_ms(const json_t *nodes, const char *name)
{
    size_t i;
    const json_t *row;
    json_array_foreach(nodes, i, row)
    {
        const char *n = json_string_value(json_object_get(row, "name"));
        if (n && name && !strcmp(n, name))
            return number(row, "ms");
    }
    return NAN;
}

/* What keeping a product in float is worth and costs, into its row of the ledger. */
static void price_float(const wt_optimizer *w)
{
    static const char *const copied[] = { "gain_db", "value_with", "value_without", "memory_bytes" };
    const json_t *profile = wt_journal_find(w->journal, "profile");
    size_t i, k;
    json_t *cost, *row;
    json_array_foreach(json_object_get(wt_journal_find(w->journal, "search"), "kept"), i, cost)
        json_array_foreach(w->ledger, k, row)
    {
        const char *node = json_string_value(json_object_get(cost, "node")),
                   *of = json_string_value(json_object_get(row, "node"));
        if (!node || !of || strcmp(node, of))
            continue;
        for (size_t c = 0; c < WT_ARRAY_LEN(copied); c++)
            json_object_set(row, copied[c], json_object_get(cost, copied[c]));
        json_object_set_new(row, "float_ms", wt_json_real(node_ms(json_object_get(profile, "optimized"), node)));
        json_object_set_new(row, "int8_ms", wt_json_real(node_ms(json_object_get(profile, "all_int8"), node)));
    }
}

static json_t *float_layers(const json_t *ledger)
{
    size_t i;
    const json_t *row;
    json_t *list = json_array();
    json_array_foreach(ledger, i, row)
    {
        const char *kind = json_string_value(json_object_get(row, "kind")),
                   *got = json_string_value(json_object_get(row, "got"));
        if (kind && got && !strcmp(kind, "weight") && strcmp(got, "int8"))
            json_array_append_new(list, json_copy((json_t *)(uintptr_t)row));
    }
    return list;
}

static json_t *model_json(const wt_optimizer *w)
{
    uint64_t parameters = 0;
    for (size_t i = 0; i < w->q.source->n_constants; i++) {
        int64_t n;
        if (wt_shape_count(&w->q.source->constants[i]->type.shape, &n) &&
            wt_dtype_is_float(w->q.source->constants[i]->type.dtype))
            parameters += (uint64_t)n;
    }
    return json_pack("{s:o, s:s, s:o, s:s, s:I, s:I}", "path", wt_json_text(w->model), "sha256", w->model_sha256,
                     "size_bytes", wt_json_real(file_bytes(w->model)), "format",
                     w->q.source->format ? w->q.source->format : "onnx", "parameters", (json_int_t)parameters, "opset",
                     (json_int_t)wt_graph_opset(w->q.source, ""));
}

static void summary_text(const wt_optimizer *w, const stage *base, const stage *best, const json_t *proof, char *out,
                         size_t size)
{
    snprintf(out, size, "%.2fx the speed, %.0f %% of the memory, %.0f %% of the file, %.1f %% %s",
             median(base->lane) / median(best->lane), 100 * held_by(best->lane) / held_by(base->lane),
             100 * file_bytes(best->artifact) / file_bytes(base->artifact), 100 * accuracy_kept(proof),
             w->labelled ? "of the accuracy kept" : "agreement with the original");
}

static void put_samples(json_t *doc, const json_t *a, const json_t *b)
{
    json_object_set_new(doc, "latency_samples",
                        json_pack("{s:O*, s:O*}", "baseline", json_object_get(a, "samples"), "optimized",
                                  json_object_get(b, "samples")));
}

static json_t *data_json(const wt_optimizer *w)
{
    wt_dataset_info c, h;
    json_t *d = json_copy(w->data);
    wt_dataset_describe(w->calibration, &c);
    wt_dataset_describe(w->held_out, &h);
    json_object_set_new(d, "calibration", json_pack("{s:I}", "samples", (json_int_t)c.samples));
    json_object_set_new(d, "held_out", json_pack("{s:I}", "samples", (json_int_t)h.samples));
    return d;
}

/* The lane of a stage with the threads that are the faster ones for the baseline. */
static const json_t *lane_like_base(const json_t *m, const char *name, bool one)
{
    char key[32];
    snprintf(key, sizeof key, "%s%s", name, one ? "_one" : "");
    return json_object_get(m, key);
}

wt_status wt_optimize_result(wt_optimizer *w, json_t **out, bool *passed, wt_err *err)
{
    const json_t *m = wt_journal_find(w->journal, "measure"), *proof = wt_journal_find(w->journal, "validate");
    const json_t *float_acc = json_object_get(proof, "baseline"), *int8_acc = json_object_get(proof, "artifact");
    const json_t *wide = json_object_get(m, "quantize"), *alone = json_object_get(m, "quantize_one");
    const char *base_lane = json_string_value(json_object_get(m, "base"));
    const bool one = alone && median(alone) < median(wide), base_one = base_lane && !strcmp(base_lane, "baseline_one");
    const json_t *chosen = one ? alone : wide;
    char base_text[160];
    snprintf(
        base_text, sizeof base_text,
        "the original, as it came, on the fastest engine that runs it unchanged: native, the only one of this build%s",
        !alone     ? ""
        : base_one ? "; one thread is faster than all of them"
                   : "; all threads are faster than one");
    const stage s[] = {
        { "baseline", "Baseline", base_text, w->model, lane_like_base(m, "baseline", base_one), float_acc,
          (double)w->float_weights, 0 },
        { "convert", "Convert",
          "constants folded, normalizations folded into convolutions, idioms recognised; written as ONNX",
          w->float_path, lane_like_base(m, "convert", base_one), json_object_get(proof, "convert"),
          (double)w->float_weights, number(wt_journal_find(w->journal, "convert"), "seconds") },
        { "quantize", "Quantize", "weights and activations in 8 bits, ranges from the calibration part", w->int8_path,
          lane_like_base(m, "quantize", base_one), int8_acc, (double)w->int8_weights,
          number(wt_journal_find(w->journal, "calibrate"), "seconds") +
              number(wt_journal_find(w->journal, "search"), "seconds") },
        { "accelerate", "Accelerate",
          !alone ? "there is one thread only"
          : one  ? "one thread is faster than all of them"
                 : "all threads are faster than one",
          w->int8_path, chosen, int8_acc, (double)w->int8_weights, NAN },
        { "validate", "Validate", "the file as written, read back, on samples that calibration never saw", w->int8_path,
          chosen, int8_acc, (double)w->int8_weights, NAN },
    };
    char summary[256];
    json_t *commands;
    WT_TRY(wt_optimize_commands(w, (int)number(s[0].lane, "threads"), (int)number(chosen, "threads"), &commands, err));
    json_t *stages = json_array(), *gates = json_array();
    price_float(w);
    for (size_t i = 0; i < WT_ARRAY_LEN(s); i++)
        json_array_append_new(stages, stage_json(&s[i], &s[0]));
    *passed = gates_json(w, &s[0], &s[3], proof, gates);
    summary_text(w, &s[0], &s[3], proof, summary, sizeof summary);
    *out = json_pack("{s:s, s:s, s:o, s:s, s:o, s:O*, s:{s:b, s:s}, s:s, s:o, s:o}", "schema", "whet.optimize/1",
                     "version", wt_version(), "model", model_json(w), "target", "this", "data", data_json(w), "metric",
                     json_object_get(proof, "metric"), "verdict", "passed", *passed, "summary", summary, "chosen",
                     "accelerate", "stages", stages, "gates", gates);
    if (!*out) {
        json_decref(commands);
        return wt_fail(err, WT_ENOMEM, "no memory for the result");
    }
    json_object_set(*out, "baseline", json_array_get(stages, 0));
    json_object_set(*out, "equivalence", json_object_get(proof, "equivalence"));
    json_object_set(*out, "ab_test", json_object_get(proof, "ab_test"));
    json_object_set(*out, "layers", json_object_get(proof, "layers"));
    json_object_set(*out, "ledger", w->ledger);
    json_object_set(*out, "warnings", w->warnings);
    json_object_set(*out, "search", (json_t *)(uintptr_t)wt_journal_find(w->journal, "search"));
    json_t *profile = json_copy((json_t *)(uintptr_t)wt_journal_find(w->journal, "profile"));
    json_object_set(*out, "hardware", json_object_get(profile, "hardware"));
    json_object_del(profile, "hardware");
    json_object_del(profile, "all_int8"); /* it is in the ledger: what keeping layers in float costs */
    json_object_set_new(*out, "profile", profile);
    json_object_set_new(*out, "float_layers", float_layers(w->ledger));
    json_object_set_new(*out, "weight_ratio", wt_json_real((double)w->int8_weights / (double)w->float_weights));
    json_object_set_new(*out, "noise_floor", wt_json_real(noise_floor(w)));
    json_object_set_new(*out, "pareto", pareto_json(stages, 3));
    json_object_set_new(*out, "commands", commands);
    json_object_set_new(*out, "seconds", json_real((double)wt_now_ns() * 1e-9 - w->started));
    put_samples(*out, s[0].lane, chosen);
    return WT_OK;
}
