/* cmd_bench.c - whet bench MODEL... */
#include <string.h>
#include "commands.h"

typedef struct args {
    double seconds, timeout;
    int batch, warmup, prompt, gen;
    const char *data, *target;
} args;

static void defaults(void *p)
{
    const wt_bench_options o = wt_bench_defaults();
    *(args *)p = (args){ .seconds = o.seconds, .warmup = o.warmup };
}

static const cli_option options[] = {
    CLI_ROW(args, seconds, "time", 0, CLI_TIME, "TIME", "measuring time for each model (default 3s)"),
    CLI_ROW(args, warmup, "warmup", 0, CLI_COUNT, "N", "runs dropped first (default: half a second's)"),
    CLI_ROW(args, batch, "batch", 0, CLI_COUNT, "N", "first dimension of the inputs"),
    CLI_ROW(args, data, "data", 0, CLI_TEXT, "SET", "inputs from this data set (default: random, from the seed)"),
    CLI_ROW(args, target, "target", 0, CLI_TEXT, "NAME", "profile whose power an estimate of energy uses"),
    CLI_ROW(args, timeout, "timeout", 0, CLI_TIME, "TIME",
            "how long one answer may take beyond its measuring time (default 2min)"),
    CLI_ROW(args, prompt, "prompt", 0, CLI_COUNT, "N", "tokens of a language model's prompt (default 128)"),
    CLI_ROW(args, gen, "gen", 0, CLI_COUNT, "N", "tokens of its answer (default 64)"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* "model", and where others than our own engine were measured "model [engine]". */
static const char *lane_name(const wt_result *r, const char *list, size_t i, const char *model, const char *engine,
                             char out[160])
{
    bool foreign = false;
    for (size_t k = 0; k < wt_result_count(r, "results"); k++)
        foreign |= strcmp(wt_result_string(r, "native", "results[%zu].engine", k), "native") != 0;
    const char *name = base_name(wt_result_string(r, "", "%s[%zu].%s", list, i, model));
    if (foreign)
        snprintf(out, 160, "%.100s [%s]", name, wt_result_string(r, "native", "%s[%zu].%s", list, i, engine));
    else
        snprintf(out, 160, "%.159s", name);
    return out;
}

static void print_latencies(const wt_result *r)
{
    cli_table *t = cli_table_new("model\tp50 ms\t95 % interval\tp95\tp99\tper second\tload ms\truns");
    for (size_t i = 0; i < wt_result_count(r, "results"); i++) {
        char room[160];
        const char *model = lane_name(r, "results", i, "model", "engine", room);
        if (!wt_result_has(r, "results[%zu].latency_ms", i)) {
            cli_table_row(t, "%s\tfailed", model);
            continue;
        }
        cli_table_row(t, "%s\t%.4g\t%.4g .. %.4g\t%.4g\t%.4g\t%.4g\t%.3g\t%.0f", model,
                      wt_result_number(r, 0, "results[%zu].latency_ms.p50", i),
                      wt_result_number(r, 0, "results[%zu].latency_ms.ci95[0]", i),
                      wt_result_number(r, 0, "results[%zu].latency_ms.ci95[1]", i),
                      wt_result_number(r, 0, "results[%zu].latency_ms.p95", i),
                      wt_result_number(r, 0, "results[%zu].latency_ms.p99", i),
                      wt_result_number(r, 0, "results[%zu].throughput_per_s", i),
                      wt_result_number(r, 0, "results[%zu].load_ms", i),
                      wt_result_number(r, 0, "results[%zu].latency_ms.runs", i));
    }
    cli_table_print(t, stdout);
}

static const char *bytes_at(const wt_result *r, const char *key, size_t i, char *out, size_t size)
{
    return wt_result_has(r, "results[%zu].%s", i, key)
               ? cli_bytes(wt_result_number(r, 0, "results[%zu].%s", i, key), out, size)
               : "-"; /* an engine of others does not say */
}

/* Packed, and read from the file where it lies. */
static const char *weights(const wt_result *r, size_t i, char *out, size_t size)
{
    if (!wt_result_has(r, "results[%zu].weights_bytes", i))
        return "-";
    return cli_bytes(wt_result_number(r, 0, "results[%zu].weights_bytes", i) +
                         wt_result_number(r, 0, "results[%zu].mapped_bytes", i),
                     out, size);
}

static void print_language(const wt_result *r)
{
    char a[32], b[32], name[160], to[160];
    cli_table *t = cli_table_new("model\tprefill tokens/s\t95 % interval\tdecode tokens/s\t95 % interval\tload ms\t"
                                 "weights\tresident peak");
    for (size_t i = 0; i < wt_result_count(r, "results"); i++) {
        char room[160];
        const char *model = lane_name(r, "results", i, "model", "engine", room);
        if (!wt_result_has(r, "results[%zu].prefill_tok_per_s", i)) {
            cli_table_row(t, "%s\tfailed", model);
            continue;
        }
        cli_table_row(t, "%s\t%.4g\t%.4g .. %.4g\t%.4g\t%.4g .. %.4g\t%.3g\t%s\t%s", model,
                      wt_result_number(r, 0, "results[%zu].prefill_tok_per_s.p50", i),
                      wt_result_number(r, 0, "results[%zu].prefill_tok_per_s.ci95[0]", i),
                      wt_result_number(r, 0, "results[%zu].prefill_tok_per_s.ci95[1]", i),
                      wt_result_number(r, 0, "results[%zu].decode_tok_per_s.p50", i),
                      wt_result_number(r, 0, "results[%zu].decode_tok_per_s.ci95[0]", i),
                      wt_result_number(r, 0, "results[%zu].decode_tok_per_s.ci95[1]", i),
                      wt_result_number(r, 0, "results[%zu].load_ms", i), weights(r, i, a, sizeof a),
                      bytes_at(r, "peak_rss_bytes", i, b, sizeof b));
    }
    cli_table_print(t, stdout);
    for (size_t i = 0; i < wt_result_count(r, "ratios"); i++)
        printf("%s against %s: prefill %.3gx, decode %.3gx\n", lane_name(r, "ratios", i, "model", "engine", name),
               lane_name(r, "ratios", i, "to", "to_engine", to),
               wt_result_number(r, 0, "ratios[%zu].prefill.speedup", i),
               wt_result_number(r, 0, "ratios[%zu].decode.speedup", i));
    printf("noise floor +-%.1f %% (the first model against itself), prompt %.0f, answer %.0f tokens, %.0f threads\n",
           100 * wt_result_number(r, 0, "noise_floor"), wt_result_number(r, 0, "conditions.prompt"),
           wt_result_number(r, 0, "conditions.gen"), wt_result_number(r, 0, "conditions.threads"));
}

static const char *joules(double j, char *out, size_t size)
{
    snprintf(out, size, j < 1e-3 ? "%.3g uJ" : j < 1 ? "%.3g mJ" : "%.3g J", j < 1e-3 ? j * 1e6 : j < 1 ? j * 1e3 : j);
    return out;
}

static void print_memory(const wt_result *r)
{
    char name[160];
    char a[32], b[32], c[32], d[32], e[32], f[32];
    cli_table *t = cli_table_new("model\tfile\tweights\tactivations\theap peak\tresident peak\tenergy a run\tmeter");
    for (size_t i = 0; i < wt_result_count(r, "results"); i++)
        if (wt_result_has(r, "results[%zu].latency_ms", i))
            cli_table_row(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", lane_name(r, "results", i, "model", "engine", name),
                          bytes_at(r, "size_bytes", i, a, sizeof a), weights(r, i, b, sizeof b),
                          bytes_at(r, "activation_bytes", i, c, sizeof c),
                          bytes_at(r, "peak_heap_bytes", i, d, sizeof d), bytes_at(r, "peak_rss_bytes", i, e, sizeof e),
                          joules(wt_result_number(r, 0, "results[%zu].energy_j", i), f, sizeof f),
                          wt_result_string(r, "", "results[%zu].energy_source", i));
    cli_table_print(t, stdout);
}

static void print_ratios(cli *c, const wt_result *r)
{
    char name[160], to[160];
    for (size_t i = 0; i < wt_result_count(r, "ratios"); i++) {
        const bool inside = wt_result_true(r, "ratios[%zu].inside_noise", i);
        const double ratio = wt_result_number(r, 0, "ratios[%zu].speedup", i);
        printf("%s%s is %.3gx as fast as %s%s (95 %% %.3g .. %.3g%s), %.3gx its resident memory\n",
               inside      ? cli_dim(c)
               : ratio > 1 ? cli_green(c)
                           : cli_red(c),
               lane_name(r, "ratios", i, "model", "engine", name), ratio,
               lane_name(r, "ratios", i, "to", "to_engine", to), cli_reset(c),
               wt_result_number(r, 0, "ratios[%zu].ci95[0]", i), wt_result_number(r, 0, "ratios[%zu].ci95[1]", i),
               inside ? ": inside the noise, no difference" : "", wt_result_number(r, 0, "ratios[%zu].peak_rss", i));
    }
    if (wt_result_has(r, "noise_floor"))
        printf("%snoise floor +-%.1f %% (the first model against itself), %.0f threads, inputs: %s%s\n", cli_dim(c),
               100 * wt_result_number(r, 0, "noise_floor"), wt_result_number(r, 0, "conditions.threads"),
               wt_result_string(r, "", "conditions.inputs"), cli_reset(c));
}

static void print(cli *c, const wt_result *r)
{
    char name[160];
    size_t measured = 0;
    if (wt_result_has(r, "conditions.prompt")) {
        print_language(r);
        return;
    }
    for (size_t i = 0; i < wt_result_count(r, "results"); i++)
        measured += wt_result_has(r, "results[%zu].latency_ms", i) != 0;
    if (measured) {
        print_latencies(r);
        putchar('\n');
        print_memory(r);
        putchar('\n');
    }
    print_ratios(c, r);
    for (size_t i = 0; i < wt_result_count(r, "results"); i++)
        if (wt_result_has(r, "results[%zu].reason", i))
            printf("%s%s failed:%s %s\n", cli_red(c), lane_name(r, "results", i, "model", "engine", name), cli_reset(c),
                   wt_result_string(r, "", "results[%zu].reason", i));
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_bench_options o = wt_bench_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    if (a->batch < 0 || a->seconds <= 0 || a->seconds > 86400 || a->timeout < 0)
        return cli_usage(c, a->batch < 0
                                ? "option '--batch': 1 or more was expected"
                                : "options '--time' and '--timeout': more than nothing and up to a day was expected");
    o.exec = cli_exec(c);
    o.models = c->inputs;
    o.n_models = c->n_inputs;
    o.seconds = a->seconds;
    o.warmup = a->warmup;
    o.batch = a->batch;
    o.data = a->data;
    o.target = a->target;
    o.timeout_s = a->timeout;
    o.prompt = a->prompt;
    o.gen = a->gen;
    const wt_status st = wt_bench(&result, c->ctx, &o, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_bench = {
    .name = "bench",
    .summary = "measures models side by side: latency, throughput, memory, energy",
    .usage = "MODEL... [--time TIME] [--batch N] [--data SET]",
    .details = "Every model runs in a process of its own; they take turns in short slices, and the first is measured "
               "twice, so that\n"
               "what is noise is known. Energy is read from a meter where the machine has one, else it is an estimate "
               "and says so.",
    .options = options,
    .args_size = sizeof(args),
    .defaults = defaults,
    .min_inputs = 1,
    .max_inputs = 64,
    .run = run,
    .engines = 16,
};
